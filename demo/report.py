"""Reading the answer of `evm-risk-moe`, as RiskReport.sol lays it out."""

from dataclasses import dataclass
from typing import Final

from themis.evm import report
from themis.evm.report import RiskClass

CLASSES: Final = tuple(risk.name.lower().replace("_", " ") for risk in RiskClass)


@dataclass(frozen=True, slots=True)
class Report:
    """Scores and coverage in basis points; the program counter says where to look first."""

    scores_bps: dict[str, int]
    coverage_bps: int
    program_counter: int
    not_known: list[str]
    """In words, why this is not the whole truth; empty if it is."""

    @property
    def worst_bps(self) -> int:
        """The highest score: what the guard compares with its threshold."""
        return max(self.scores_bps.values())


def decode(output: bytes) -> Report:
    """Read 32 bytes. Raises ValueError for what is no report."""
    said = report.unpack(output)
    scores_bps = dict(zip(CLASSES, said.scores_bps, strict=True))
    return Report(scores_bps, said.coverage_bps, said.program_counter, said.words)
