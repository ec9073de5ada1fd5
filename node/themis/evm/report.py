"""The 32-byte answer of `evm-risk-moe`, as contracts/src/libraries/RiskReport.sol reads it."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from themis.evm.encode import Encoded


class RiskClass(IntEnum):
    """As `RiskClass` in RiskReport.sol."""

    REENTRANCY = 0
    UNCHECKED_CALL = 1
    TX_ORIGIN_AUTH = 2
    BLOCK_DEPENDENCE = 3
    UNPROTECTED_SELFDESTRUCT = 4
    UNPROTECTED_DELEGATECALL = 5


MAX_BPS: Final = 10_000
_LANES: Final = 16


def pack(scores_bps: Sequence[Sequence[int]], encoded: Encoded) -> bytes:
    """Fold per-row scores into one report: each class's highest, and where the highest of all first appears.

    `scores_bps`: N rows of six scores in basis points, row i for `encoded.tokens[i]`.
    Raises ValueError if they do not fit.
    """
    if len(scores_bps) != len(encoded.tokens):
        raise ValueError(f"{len(scores_bps)} rows of scores for {len(encoded.tokens)} tokens")
    best = [0] * len(RiskClass)
    row_of_worst = 0
    for row, scores in enumerate(scores_bps):
        if len(scores) != len(RiskClass) or not all(0 <= score <= MAX_BPS for score in scores):
            raise ValueError(f"row {row}: six scores of 0..{MAX_BPS} expected, got {list(scores)}")
        if max(scores) > max(best):
            row_of_worst = row
        best = [max(old, new) for old, new in zip(best, scores, strict=True)]
    lanes = [*best, encoded.coverage_bps, encoded.pcs[row_of_worst]]
    lanes += [0] * (_LANES - len(lanes))
    return b"".join(int(lane).to_bytes(2, "big") for lane in lanes)


def scores(report: bytes) -> tuple[int, ...]:
    """The six scores of a packed report, in basis points."""
    return tuple(int.from_bytes(report[2 * lane : 2 * lane + 2], "big") for lane in range(len(RiskClass)))
