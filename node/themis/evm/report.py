"""The 32-byte answer of `evm-risk-moe`, as contracts/src/libraries/RiskReport.sol reads it.

Sixteen big-endian lanes of two bytes: 0-6 scores, 7 coverage, 8 program counter, 9-14 zero, 15 what is not known. Where
that says NAMED, the code is nothing but a pointer: the first 20 bytes are the address it points to, and there is no
score.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from themis.evm.encode import ADDRESS_BYTES, Encoded
from themis.evm.limits import NotKnown


class RiskClass(IntEnum):
    """As `RiskClass` in RiskReport.sol."""

    REENTRANCY = 0
    UNCHECKED_CALL = 1
    TX_ORIGIN_AUTH = 2
    BLOCK_DEPENDENCE = 3
    UNPROTECTED_SELFDESTRUCT = 4
    UNPROTECTED_DELEGATECALL = 5
    UNPROTECTED_AUTHORITY = 6


_CLASSES: Final = len(RiskClass)
MAX_BPS: Final = 10_000
WORDS: Final = {
    NotKnown.TRUNCATED: "a function is longer than what the model reads",
    NotKnown.LEFT_OUT: "whole functions were left out",
    NotKnown.STEPS_SPENT: "there are more paths than were walked",
    NotKnown.UNKNOWN_JUMP: "a jump goes where only running it would tell",
    NotKnown.UNKNOWN_DISPATCHER: "how functions are chosen was not understood",
    NotKnown.PROXY: "calls go on to other code, which was not read",
    NotKnown.DELEGATION: "the account has delegated to other code, which was not read",
    NotKnown.NAMED: "the code is only a pointer, and not scored: ask about the code it points to",
}
_MEANT: Final = sum(WORDS)
_LANES: Final = struct.Struct(">9H12xH")
_POINTER: Final = struct.Struct(f">{ADDRESS_BYTES}s10xH")


@dataclass(frozen=True, slots=True)
class Report:
    """A report read. Scores and coverage in basis points."""

    scores_bps: tuple[int, ...]
    """By RiskClass; all zero where the code is only a pointer."""
    coverage_bps: int
    program_counter: int
    not_known: NotKnown
    implementation: bytes | None
    """Address of the code to ask about instead."""

    @property
    def words(self) -> list[str]:
        """What is not known, for a person."""
        return [words for bit, words in WORDS.items() if bit in self.not_known]


def pack(scores_bps: Sequence[Sequence[int]], encoded: Encoded) -> bytes:
    """Fold per-row scores into one report: each class's highest, and where the highest of all first appears.

    `scores_bps`: N rows of seven scores in basis points, row i for `encoded.tokens[i]`.
    Raises ValueError if they do not fit.
    """
    if len(scores_bps) != len(encoded.tokens):
        raise ValueError(f"{len(scores_bps)} rows of scores for {len(encoded.tokens)} tokens")
    for row, scores in enumerate(scores_bps):
        if len(scores) != _CLASSES or min(scores) < 0 or max(scores) > MAX_BPS:
            raise ValueError(f"row {row}: seven scores of 0..{MAX_BPS} expected, got {list(scores)}")
    best = [*map(max, zip(*scores_bps, strict=True))]
    return folded(best, [*map(max, scores_bps)].index(max(best)), encoded)


def folded(best: Sequence[int], row: int, encoded: Encoded) -> bytes:
    """The report. `best`: the seven scores, in basis points; `row`: where the highest of all first appears."""
    if encoded.implementation is not None:
        return _POINTER.pack(encoded.implementation, encoded.not_known)
    return _LANES.pack(*best, encoded.coverage_bps, encoded.pcs[row], encoded.not_known)


def unpack(report: bytes) -> Report:
    """Raises ValueError for what RiskReport.sol refuses: another length, reserved bytes in use, a score too high."""
    if len(report) != _LANES.size:
        raise ValueError(f"{len(report)} bytes are no risk report: it has {_LANES.size}")
    *lanes, bits = _LANES.unpack(report)
    not_known = NotKnown(bits & _MEANT)
    if bits != not_known:
        raise ValueError(f"bits {bits:#06x} of the last lane are not known: this is no risk report, or a newer one")
    if NotKnown.NAMED in not_known:
        address, _ = _POINTER.unpack(report)
        if _POINTER.pack(address, bits) != report:
            raise ValueError("reserved bytes are in use: this is no risk report")
        return Report((0,) * len(RiskClass), 0, 0, not_known, address)
    *scores_bps, coverage_bps, program_counter = lanes
    if _LANES.pack(*lanes, bits) != report or max(*scores_bps, coverage_bps) > MAX_BPS:
        raise ValueError(f"reserved bytes are in use, or a score is above {MAX_BPS}: this is no risk report")
    return Report(tuple(scores_bps), coverage_bps, program_counter, not_known, None)


def scores(report: bytes) -> tuple[int, ...]:
    """The seven scores of a packed report, in basis points."""
    return unpack(report).scores_bps
