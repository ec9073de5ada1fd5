"""How long a tuning takes for requests of a size: what live answers are compared with after a change."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import Final

from themis.engine.engine import Timing

_SAMPLES: Final = 48


@dataclass(frozen=True, slots=True)
class Line:
    """Seconds of a request by its tokens."""

    base_s: float
    per_token_s: float

    def seconds(self, tokens: float) -> float:
        return self.base_s + self.per_token_s * tokens


@dataclass(frozen=True, slots=True)
class Pace:
    """For requests that came alone, and for those of a step, on average over it."""

    alone: Line
    together: Line

    def expected_s(self, timing: Timing) -> float:
        line = self.alone if timing.requests == 1 else self.together
        return timing.requests * line.seconds(timing.tokens / timing.requests)


def fitted(alone: Sequence[Timing], together: Sequence[Timing]) -> Pace:
    """A robust line through each: few outliers, which machines have, do not bend it."""
    return Pace(_line(alone), _line(together))


def measured(answer: Callable[[int], Timing], step: int, requests: int) -> Pace:
    """Time `answer`, which takes so many of the recorded requests, on some of them alone and on some steps."""
    return fitted(
        [answer(1) for _ in range(min(_SAMPLES, requests))],
        [answer(step) for _ in range(max(3, min(_SAMPLES, requests) // step))],
    )


def _line(timings: Sequence[Timing]) -> Line:
    """Theil and Sen: the median of all slopes, then of all offsets; neither below zero."""
    points = [(each.tokens / each.requests, each.seconds / each.requests) for each in timings]
    slopes = [(t - s) / (b - a) for (a, s), (b, t) in combinations(points, 2) if a != b]
    slope = max(0.0, median(slopes)) if slopes else 0.0
    base = max(0.0, median(seconds - slope * tokens for tokens, seconds in points))
    return Line(base, slope) if base or slope else Line(median(seconds for _, seconds in points), 0.0)
