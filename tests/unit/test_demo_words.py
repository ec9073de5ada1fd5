"""How the demo says amounts, and how it reads answers."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo import report
from demo.transcript import Transcript, ether, percent, short
from demo.witness import check
from themis.core.errors import Broken


@pytest.mark.parametrize(
    ("wei", "text"),
    [(0, "0 ether"), (1, "0.000000000000000001 ether"), (10**15, "0.001 ether"), (10**19, "10 ether")],
)
def test_ether(wei: int, text: str) -> None:
    assert ether(wei) == text


def test_percent() -> None:
    assert [percent(bps) for bps in (0, 6, 9_999, 10_000)] == ["0 %", "0.06 %", "99.99 %", "100 %"]


def test_short() -> None:
    assert short(bytes.fromhex("f39fd6e51aad88f6f4ce6ab8827279cfffb92266")) == "0xf39Fd6…2266"
    assert short(bytes(31) + b"\x2a") == "0x000000…002a"


def test_a_silent_transcript_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for silent in (True, False):
        out = Transcript(silent=silent)
        out.act("Begin")
        out.say("once")
    assert capsys.readouterr().out == "\n1. Begin\n   once\n"


@given(st.lists(st.integers(0, 10_000), min_size=7, max_size=7), st.integers(0, 10_000), st.integers(0, 2**16 - 1))
def test_reports_are_read_as_the_contract_packs_them(scores: list[int], coverage: int, counter: int) -> None:
    said = report.decode(struct.pack(">9H", *scores, coverage, counter) + bytes(14))
    assert list(said.scores_bps.values()) == scores
    assert (said.coverage_bps, said.program_counter, said.worst_bps) == (coverage, counter, max(scores))


def test_what_did_not_happen_is_said() -> None:
    check(happened=True, claim="it rains")
    with pytest.raises(Broken, match="this did not happen: it rains"):
        check(happened=False, claim="it rains")
