"""What tests of the optimizer share: a small model, its traffic, and a journal with one of everything."""

# ruff: noqa: FBT003 (values of knobs; draws that must repeat)

from pathlib import Path
from typing import Final

from onnx import numpy_helper

from themis.bundles import bundle
from themis.engine.tuning import DEFAULTS, Tuning
from themis.exact.rewrite.net import Net
from themis.optimize.evidence import Interval
from themis.optimize.journal import append, digest_of
from themis.optimize.machine import Machine, here
from themis.optimize.pace import Line, Pace
from themis.optimize.records import REQUEST_PART, WALL, Outcome, Record, RolledBack, Round, Started
from themis.optimize.space import Move
from themis.optimize.traffic import Traffic

SELFTEST: Final = bundle.load(Path(__file__).parents[1] / "models" / "selftest-moe")
TRAFFIC: Final = Traffic(tuple((bytes([n]) * (3 * n + 1), None) for n in range(24)), {1: 8, 16: 1})
FASTER: Final = Tuning(level="basic")
FASTEST: Final = Tuning(level="basic", step=32)
PACE: Final = Pace(Line(0.001, 0.0001), Line(0.0005, 0.0001))
FACTS: Final = {"requests": 24, "golden": False, "load": 0.5, "shares": {"prepare": 0.5, "run": 0.4, "render": 0.1}}


def started(machine: Machine | None = None) -> Started:
    return Started(1.5, "selftest-moe 1.0.0", digest_of(SELFTEST), machine or here(), FACTS, Interval(1.1, 1.0, 1.2))


def round_(
    number: int, incumbent: Tuning, candidate: Tuning, outcome: Outcome, ratio: float | None, *, over: float = 1.5
) -> Round:
    """`over`: its throughput over ONNX Runtime's defaults, if it is kept."""
    kept = outcome is Outcome.KEPT
    return Round(
        number=number,
        at_s=2.5,
        seconds=0.5,
        moves=(Move("level", "basic"), Move("unguarded", True)),
        reason="a reason",
        expected=1.05,
        incumbent=incumbent,
        candidate=candidate,
        outcome=outcome,
        detail="" if ratio else "golden input 0 gives other bits",
        part=REQUEST_PART,
        clock=WALL,
        blocks=12 if ratio else 0,
        throughput=Interval(ratio, ratio - 0.1, ratio + 0.1) if ratio else None,
        log_wealth=8.5 if kept else 0.0,
        against_runtime=Interval(over, over - 0.1, over + 0.1) if kept else None,
        before=PACE if kept else None,
    )


STORY: Final[tuple[Record, ...]] = (
    started(),
    round_(1, DEFAULTS, Tuning(rewrites=("unguarded",)), Outcome.REFUSED, None),
    round_(2, DEFAULTS, FASTER, Outcome.KEPT, 1.25, over=1.5),
    round_(3, FASTER, Tuning(level="basic", arena=False), Outcome.SLOWER, 0.9),
    started(),
    round_(4, FASTER, FASTEST, Outcome.KEPT, 1.2, over=1.8),
    RolledBack(9.5, FASTEST, FASTER, "live answers were slower"),
    round_(5, FASTER, Tuning(level="all"), Outcome.UNPROVEN, 1.01),
)


def write(path: Path, *records: Record) -> Path:
    for record in records:
        append(path, record)
    return path


def flip(net: Net) -> None:
    """A rewrite that changes one bit of one weight of the experts."""
    (name, array) = next(
        (name, array)
        for node, _ in net.of("QLinearMatMul")
        for name in node.input
        if (array := net.constant(name)) is not None and array.ndim == 2
    )
    wrong = array.copy()
    wrong[0, 0] ^= 1
    net._constants[name] = numpy_helper.from_array(wrong, name)
