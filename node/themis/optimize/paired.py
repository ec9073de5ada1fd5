"""Compares two ways to do the same work: both in turn, close together, in an order drawn by lot."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from themis.optimize.evidence import Bet, Interval, interval

W = TypeVar("W")
Timed = Callable[[W], float]
"""Does some work; seconds it took."""

MARGIN: Final = math.log(1.005)
"""A gain below half a percent is not worth a change."""
MIN_BLOCKS: Final = 6
MAX_BLOCKS: Final = 400
MAX_S: Final = 5.0
"""Of timed work: a difference that takes longer to see is not worth it..."""
LEAST_BLOCKS: Final = 24
"""...unless one block takes long: so many can prove a large one."""
_SLOWER_RISK: Final = 0.05
"""Of giving up a good candidate, which costs little: it may be proposed again."""
_HOPELESS_AFTER: Final = 14
"""Blocks after which the middle must show a gain."""


class Verdict(StrEnum):
    """What a comparison found about the candidate."""

    FASTER = "faster"
    SLOWER = "slower"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of candidate and incumbent. Ratios are throughputs: 1.1 is ten percent more by the candidate."""

    verdict: Verdict
    blocks: int
    throughput: Interval
    log_wealth: float
    """Evidence that it is faster, see `evidence.Bet`."""


def compare(
    incumbent: Timed[W],
    candidate: Timed[W],
    pieces: Sequence[W],
    *,
    risk: float,
    lot: random.Random,
    margin: float = MARGIN,
    most: int = MAX_BLOCKS,
) -> Comparison:
    """Time both on one piece of work after the other, until it is clear or hopeless.

    `risk` is how probable FASTER may be where the candidate is not faster by the margin.
    """
    faster, slower = Bet(margin), Bet()
    logs: list[float] = []
    verdict, spent_s = Verdict.UNPROVEN, 0.0
    while len(logs) < most and (spent_s < MAX_S or len(logs) < LEAST_BLOCKS):
        log, seconds = ratio(incumbent, candidate, pieces[len(logs) % len(pieces)], lot)
        logs.append(log)
        spent_s += seconds
        faster.add(logs[-1])
        slower.add(-logs[-1])
        if len(logs) >= MIN_BLOCKS and faster.log_wealth >= -math.log(risk):
            verdict = Verdict.FASTER
            break
        if slower.log_wealth >= -math.log(_SLOWER_RISK):
            verdict = Verdict.SLOWER
            break
        if len(logs) >= _HOPELESS_AFTER and interval(logs).ratio <= math.exp(margin):
            break
    return Comparison(verdict, len(logs), interval(logs), faster.log_wealth)


def ratio(incumbent: Timed[W], candidate: Timed[W], piece: W, lot: random.Random) -> tuple[float, float]:
    """Logarithm of the candidate's throughput over the incumbent's on one piece, and the seconds that took.

    The better of two runs each, ABBA or BAAB: what neighbors on the machine take away is nobody's fault.
    """
    incumbent_first = lot.random() < 0.5  # noqa: PLR2004
    first, second = (incumbent, candidate) if incumbent_first else (candidate, incumbent)
    outer = [first(piece)]
    inner = [second(piece), second(piece)]
    outer.append(first(piece))
    log = math.log(min(outer) / min(inner))
    return (log if incumbent_first else -log), sum(outer) + sum(inner)


def measure(
    incumbent: Timed[W], candidate: Timed[W], pieces: Sequence[W], *, blocks: int, lot: random.Random
) -> Interval:
    """The candidate's throughput over the incumbent's, over a number of blocks fixed beforehand."""
    return interval([ratio(incumbent, candidate, pieces[block % len(pieces)], lot)[0] for block in range(blocks)])
