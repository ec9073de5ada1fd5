"""Reading the answer of `evm-risk-moe`, as RiskReport.sol lays it out."""

import struct
from dataclasses import dataclass
from typing import Final

from themis.evm.report import RiskClass

CLASSES: Final = tuple(risk.name.lower().replace("_", " ") for risk in RiskClass)
_LANES: Final = struct.Struct(">16H")


@dataclass(frozen=True, slots=True)
class Report:
    """Scores and coverage in basis points; the program counter says where to look first."""

    scores_bps: dict[str, int]
    coverage_bps: int
    program_counter: int

    @property
    def worst_bps(self) -> int:
        """The highest score: what the guard compares with its threshold."""
        return max(self.scores_bps.values())


def decode(output: bytes) -> Report:
    """Read 32 bytes. Raises struct.error for any other length."""
    lanes = _LANES.unpack(output)
    return Report(dict(zip(CLASSES, lanes, strict=False)), lanes[len(CLASSES)], lanes[len(CLASSES) + 1])
