"""The 32 bytes that RiskReport.sol decodes."""

import pytest

from themis.evm import report
from themis.evm.encode import encode
from themis.evm.limits import NotKnown

CODE = bytes.fromhex("5f545033ff")  # SLOAD at 1, SELFDESTRUCT at 4


def test_a_report_holds_the_highest_scores_and_where_the_worst_was() -> None:
    encoded = encode(CODE)
    assert len(encoded.tokens) == 3
    rows = [[1, 2, 3, 4, 5, 6, 7], [300, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 10_000, 7, 8]]
    packed = report.pack(rows, encoded)
    lanes = [int.from_bytes(packed[at : at + 2], "big") for at in range(0, 32, 2)]
    assert lanes == [300, 2, 3, 4, 10_000, 7, 8, 10_000, 4, *[0] * 7]
    assert report.scores(packed) == (300, 2, 3, 4, 10_000, 7, 8)


def test_the_first_of_equal_scores_is_named() -> None:
    encoded = encode(CODE)
    assert report.pack([[0] * 7, [9] * 7, [9] * 7], encoded)[16:18] == (1).to_bytes(2, "big")


def test_every_bit_has_words_and_a_report_reads_as_it_was_packed() -> None:
    assert set(report.WORDS) == set(NotKnown)
    proxy = encode(bytes.fromhex("5f5f5f5f5f545af45000"))
    said = report.unpack(report.pack([[7, 0, 0, 0, 0, 0, 0]] * len(proxy.tokens), proxy))
    assert (said.scores_bps, said.not_known, said.implementation) == ((7, 0, 0, 0, 0, 0, 0), NotKnown.PROXY, None)
    assert said.words == ["calls go on to other code, which was not read"]


CLONE = "363d3d373d3d3d363d73bebebebebebebebebebebebebebebebebebebebe5af43d82803e903d91602b57fd5bf3"


@pytest.mark.parametrize(
    ("code", "bits"),
    [
        (CLONE, NotKnown.PROXY | NotKnown.NAMED),
        (CLONE.replace("3d3d3d363d", "5f5f5f365f"), NotKnown.PROXY | NotKnown.NAMED),
        ("ef0100" + "be" * 20, NotKnown.DELEGATION | NotKnown.NAMED),
    ],
    ids=["EIP-1167", "EIP-1167 with PUSH0", "EIP-7702"],
)
def test_a_pointer_is_not_scored_but_names_the_code(code: str, bits: NotKnown) -> None:
    encoded = encode(bytes.fromhex(code))
    said = report.unpack(report.pack([[9_000] * 7] * len(encoded.tokens), encoded))
    assert said == report.Report((0,) * 7, 0, 0, bits, b"\xbe" * 20)


def test_a_format_that_is_not_known_is_not_safe() -> None:
    assert encode(bytes.fromhex("ef0001")).not_known == NotKnown.UNKNOWN_DISPATCHER


@pytest.mark.parametrize("rows", [[[0] * 7] * 2, [[0] * 6] * 3, [[0] * 6 + [10_001]] * 3, [[-1] + [0] * 6] * 3])
def test_scores_that_do_not_fit_are_refused(rows: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="rows of scores|seven scores"):
        report.pack(rows, encode(CODE))
