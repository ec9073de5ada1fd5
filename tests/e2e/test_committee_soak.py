"""`make committee-soak`, in short: every fault once, three members. The long form is in benchmarks/committee.json."""

from tests.chaos import committee


def test_every_request_is_answered_rightly_or_refunded_and_balances_are_exact() -> None:
    found = committee.soak(3 * len(committee.PHASES), 2, 3, print)
    for phase in found["phases"]:
        assert (phase["wrong"], phase["twice"]) == (0, 0)
        assert phase["answered"] + phase["refunded"] + phase["gone"] == phase["asked"] == 3, phase
    assert sum(phase["gone"] for phase in found["phases"][:-1]) == 0, "a reorganization takes its own phase's alone"
    assert sum(phase["refunded"] for phase in found["phases"]) == 0
