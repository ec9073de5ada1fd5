"""The 32 bytes that RiskReport.sol decodes."""

import pytest

from themis.evm import report
from themis.evm.encode import encode

CODE = bytes.fromhex("5f545033ff")  # SLOAD at 1, SELFDESTRUCT at 4


def test_a_report_holds_the_highest_scores_and_where_the_worst_was() -> None:
    encoded = encode(CODE)
    assert len(encoded.tokens) == 3
    rows = [[1, 2, 3, 4, 5, 6], [300, 0, 0, 0, 0, 0], [0, 0, 0, 0, 10_000, 7]]
    packed = report.pack(rows, encoded)
    lanes = [int.from_bytes(packed[at : at + 2], "big") for at in range(0, 32, 2)]
    assert lanes == [300, 2, 3, 4, 10_000, 7, 10_000, 4, *[0] * 8]
    assert report.scores(packed) == (300, 2, 3, 4, 10_000, 7)


def test_the_first_of_equal_scores_is_named() -> None:
    encoded = encode(CODE)
    assert report.pack([[0] * 6, [9] * 6, [9] * 6], encoded)[14:16] == (1).to_bytes(2, "big")


@pytest.mark.parametrize("rows", [[[0] * 6] * 2, [[0] * 5] * 3, [[0] * 5 + [10_001]] * 3, [[-1] + [0] * 5] * 3])
def test_scores_that_do_not_fit_are_refused(rows: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="rows of scores|six scores"):
        report.pack(rows, encode(CODE))
