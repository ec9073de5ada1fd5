"""`make committee-soak`, in short: every fault once, three members. The long form is in benchmarks/committee.json."""

import json
from dataclasses import replace

import pytest

from tests.chaos import committee, report
from tests.chaos.books import Books
from tests.chaos.committee import COMMITTEES, PHASES, Phase, faults
from tests.chaos.house import FEE, WAYS
from themis.core.types import Hash32

ONE, OTHER, THIRD = (Hash32(bytes([n]) * 32) for n in (1, 2, 3))
RIGHT = {ONE: b"right", OTHER: b"right", THIRD: b"right"}
BALANCED = Books(
    requested=3 * FEE,
    ordered=FEE,
    deposited=9 * FEE,
    members=2 * FEE,
    licensor=FEE,
    refunds=FEE,
    released=8 * FEE,
    in_oracle=0,
    in_committee=7,
)


def test_everything_is_answered_rightly_or_refunded_and_balances_are_exact() -> None:
    found = committee.soak(2, 3, PHASES, 3)
    assert faults(found) == []
    assert [phase["asked"] for phase in found["phases"]] == [3] * len(PHASES)
    assert found["ways"].keys() == {way.name for way in WAYS}
    gone = {phase["name"] for phase in found["phases"] if phase["gone"]}
    assert gone <= {PHASES[1].name}, "a reorganization takes its own phase's alone"
    assert sum(phase["refunded"] for phase in found["phases"]) == 0


@pytest.mark.parametrize(
    ("there", "answers", "said"),
    [
        ({ONE, OTHER}, {ONE: [b"right"], OTHER: [b"right"]}, []),
        ({ONE}, {ONE: [b"right"]}, []),
        ({ONE, OTHER}, {ONE: [b"right"]}, ["a fault: 1 lost"]),
        ({ONE, OTHER}, {ONE: [b"right"], OTHER: [b"wrong"]}, ["a fault: 1 wrong"]),
        ({ONE, OTHER}, {ONE: [b"right"], OTHER: [b"right", b"right"]}, ["a fault: 1 twice"]),
        ({ONE, OTHER}, {ONE: [b"right"], THIRD: [b"right"]}, ["a fault: 1 lost"]),
    ],
)
def test_what_is_lost_wrong_or_twice_is_said(
    there: set[Hash32], answers: dict[Hash32, list[bytes]], said: list[str]
) -> None:
    phase = Phase("a fault", asked=2, ids={ONE, OTHER})
    phase.count(there, RIGHT, answers)
    counted = {
        name: getattr(phase, name) for name in ("name", "asked", "answered", "refunded", "gone", "wrong", "twice")
    }
    assert faults({"unbalanced": [], "phases": [counted]}) == said
    assert faults({"unbalanced": ["a stake"], "phases": []}) == ["money: a stake"]


@pytest.mark.parametrize("name", Books.__dataclass_fields__)
def test_books_that_are_off_by_the_smallest_unit_are_said(name: str) -> None:
    assert BALANCED.faults(refunded=1, stakes=7) == []
    assert replace(BALANCED, **{name: getattr(BALANCED, name) + 1}).faults(refunded=1, stakes=7)


def test_what_was_measured_is_the_whole_soak() -> None:
    kept = json.loads(committee.RESULTS.read_text())
    found = kept["soak"]
    played = [(each["must_agree"], each["members"], [phase["name"] for phase in each["phases"]]) for each in found]
    assert played == [(quorum, size, [fault.name for fault in phases]) for quorum, size, phases in COMMITTEES]
    assert all(each["ways"].keys() == {way.name for way in WAYS} for each in found)
    assert sum(each["requests"] for each in found) >= 1_000
    for each in found:
        assert faults(each) == []
        assert committee.page(each) in report.PAGE.read_text(), "run `make committee-soak`, which writes it"


def test_how_much_later_a_committee_answers_is_as_it_was_measured() -> None:
    found = json.loads(committee.RESULTS.read_text())["latency"]
    alone, together = found["automine"]["operator"], found["automine"]["committee"]
    said = f"answered in {together['median_ms']} ms in the median, to one operator in {alone['median_ms']} ms"
    used = f"use {together['cpu_ms']} ms of processor time for it, in {found['exchanges']['calls']} exchanges"
    page = report.PAGE.read_text()
    assert said in page
    assert used in page
    assert together["median_ms"] - alone["median_ms"] <= 250
    assert found["blocks_of_1_s"]["committee"]["median_blocks"] == 1
