"""`make committee-soak`, in short: every fault once, three members. The long form is in benchmarks/committee.json."""

import json

from tests.chaos import committee, report


def test_every_request_is_answered_rightly_or_refunded_and_balances_are_exact() -> None:
    found = committee.soak(3 * len(committee.PHASES), 2, 3, print)
    for phase in found["phases"]:
        assert (phase["wrong"], phase["twice"]) == (0, 0)
        assert phase["answered"] + phase["refunded"] + phase["gone"] == phase["asked"] == 3, phase
    assert sum(phase["gone"] for phase in found["phases"][:-1]) == 0, "a reorganization takes its own phase's alone"
    assert sum(phase["refunded"] for phase in found["phases"]) == 0


def test_what_was_measured_is_the_whole_soak() -> None:
    found = json.loads(committee.RESULTS.read_text())["soak"]
    assert [phase["name"] for phase in found["phases"]] == [name for name, *_ in committee.PHASES]
    assert found["requests"] >= 1_000
    assert sum(phase["wrong"] + phase["twice"] for phase in found["phases"]) == 0
    assert committee.page(found) in report.PAGE.read_text(), "run `make committee-soak`, which writes it"
