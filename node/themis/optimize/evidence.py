"""How sure a series of paired measurements makes us that one side is faster, whenever we stop looking.

If there is no difference, each log ratio is as likely to be d as -d, given all before it: the order within a pair is
drawn. Then the product of exp(l * d) / cosh(l * d) is a fair bet's wealth for any l fixed beforehand, and so is the
mean over several l. Ville's inequality: a fair bet's wealth ever reaches 1 / p with probability at most p, so that one
may look after each pair. Nothing is assumed about the noise, of which shared machines have all kinds.
(Test martingales: Shafer, Shen, Vereshchagin and Vovk 2011; e-values: Ramdas, Ruf, Larsson and Koolen 2020.)
"""

import math
from dataclasses import dataclass, field
from itertools import accumulate
from statistics import median
from typing import Final

_STAKES: Final = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""Each suits differences of about one over it."""


@dataclass(slots=True)
class Bet:
    """Against: the log ratios are symmetric around `margin`, or around less."""

    margin: float = 0.0
    least: float = -math.inf
    """Log wealth below which it does not fall: 0 for a watch that must not be slow after a long good time."""
    _logs: list[float] = field(default_factory=lambda: [0.0] * len(_STAKES))

    def add(self, log_ratio: float) -> None:
        for index, stake in enumerate(_STAKES):
            x = stake * (log_ratio - self.margin)
            self._logs[index] = max(self.least, self._logs[index] + x - _log_cosh(x))

    @property
    def log_wealth(self) -> float:
        """Natural logarithm; reaches -log(p) with probability at most p where there is no such difference."""
        highest = max(self._logs)
        return highest + math.log(sum(math.exp(each - highest) for each in self._logs) / len(self._logs))


@dataclass(frozen=True, slots=True)
class Interval:
    """The middle of some ratios, and between which the true median lies with 95 % confidence."""

    ratio: float
    low: float
    high: float

    @property
    def log(self) -> float:
        return math.log(self.ratio)


def interval(log_ratios: list[float]) -> Interval:
    """By the ranks of the sign test, whatever the distribution. Below six ratios: all of them."""
    ordered = sorted(log_ratios)
    rank = _sign_rank(len(ordered))
    return Interval(*(math.exp(each) for each in (median(ordered), ordered[rank], ordered[-1 - rank])))


def _sign_rank(count: int) -> int:
    """Largest rank with P(Binomial(count, 1/2) <= rank) <= 2.5 %; 0 where there is none."""
    tails = accumulate(math.comb(count, rank) / 2**count for rank in range(count))
    below = [tail for tail in tails if tail <= 0.025]  # noqa: PLR2004
    return max(0, len(below) - 1)


def _log_cosh(x: float) -> float:
    return abs(x) + math.log1p(math.exp(-2 * abs(x))) - math.log(2)
