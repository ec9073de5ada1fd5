"""How an answer about a contract reads, and how a person's wishes become input bytes."""

import pytest

from themis.cli.request import answers


def word(*lanes: int) -> bytes:
    return b"".join(lane.to_bytes(2, "big") for lane in lanes).ljust(32, b"\0")


def test_a_risk_report_reads_as_the_contract_decodes_it() -> None:
    report = answers.risk_report(word(9_000, 1, 2, 3, 4, 5, 6, 10_000, 65_535))
    assert report is not None
    assert (report["reentrancy"], report["unprotected_authority"]) == (9_000, 6)
    assert (report["coverage_bps"], report["program_counter"]) == (10_000, 65_535)


def test_what_is_not_known_is_said_in_words() -> None:
    report = answers.risk_report(word(*[0] * 15, 0b100001))
    assert report is not None
    assert report["not_known"] == [
        "a function is longer than what the model reads",
        "calls go on to other code, which was not read",
    ]


def test_a_pointer_has_no_score_but_an_address() -> None:
    report = answers.risk_report(b"\xbe" * 20 + bytes(11) + b"\xa0")
    assert report is not None
    assert str(report["points_to"]).lower() == "0x" + "be" * 20
    assert "reentrancy" not in report


@pytest.mark.parametrize(
    "output",
    [
        *(b"", bytes(31), bytes(33), word(10_001), word(0, 0, 0, 0, 0, 0, 0, 10_001)),
        *(bytes(18) + b"\1" + bytes(13), bytes(30) + b"\1\0", bytes(20) + b"\1" + bytes(10) + b"\x80"),
    ],
)
def test_anything_else_is_no_risk_report(output: bytes) -> None:
    assert answers.risk_report(output) is None
