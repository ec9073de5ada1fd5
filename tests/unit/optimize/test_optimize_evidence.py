"""Confidence in paired measurements: planted differences are found, planted noise is not mistaken for one."""

# ruff: noqa: S311 (values of knobs; draws that must repeat)

import math
import random
from collections.abc import Callable

import pytest

from themis.optimize import paired
from themis.optimize.evidence import Bet, interval
from themis.optimize.loop import RISK, risk_of
from themis.optimize.paired import LEAST_BLOCKS, MARGIN, MAX_BLOCKS, Timed, Verdict

Noise = Callable[[random.Random], float]
"""Factor by which one run takes longer."""

NOISES: dict[str, Noise] = {
    "quiet": lambda draw: math.exp(draw.gauss(0, 0.02)),
    "shared": lambda draw: math.exp(draw.gauss(0, 0.25)),
    "bursts": lambda draw: 1 + (draw.random() < 0.2) * draw.paretovariate(0.9),
}


class Machine:
    """Two ways to do the same work on a machine whose load drifts; a clock of its own, so nothing waits."""

    def __init__(self, gain: float, noise: Noise, seed: int) -> None:
        self._draw = random.Random(seed)
        self._noise = noise
        self._load = 1.0
        self.runs = 0
        self.incumbent: Timed[int] = self._side(1.0)
        self.candidate: Timed[int] = self._side(1 / gain)

    def _side(self, cost: float) -> Timed[int]:
        def run(piece: int) -> float:
            self.runs += 1
            self._load *= math.exp(self._draw.gauss(0, 0.03))
            return (0.001 + 0.0001 * piece) * cost * self._load * self._noise(self._draw)

        return run

    def compare(self, risk: float) -> paired.Comparison:
        return paired.compare(self.incumbent, self.candidate, range(7), risk=risk, lot=self._draw)


@pytest.mark.parametrize("noise", NOISES)
def test_what_is_no_faster_is_seldom_kept(noise: str) -> None:
    """At a risk of 5 % in 200 comparisons, 23 false ones have a probability below 1e-3."""
    verdicts = [Machine(1.0, NOISES[noise], seed).compare(0.05).verdict for seed in range(200)]
    assert verdicts.count(Verdict.FASTER) < 23


def test_a_gain_below_the_margin_is_none() -> None:
    verdicts = [Machine(1.004, NOISES["quiet"], seed).compare(0.05).verdict for seed in range(200)]
    assert verdicts.count(Verdict.FASTER) < 24


@pytest.mark.parametrize(("noise", "gain"), [("quiet", 1.05), ("shared", 1.4), ("bursts", 1.4)])
def test_what_is_faster_is_kept(noise: str, gain: float) -> None:
    verdicts = [Machine(gain, NOISES[noise], seed).compare(risk_of(1)).verdict for seed in range(50)]
    assert verdicts.count(Verdict.FASTER) >= 45


def test_what_is_slower_is_given_up_early() -> None:
    found = Machine(0.8, NOISES["quiet"], 1).compare(0.001)
    assert found.verdict is Verdict.SLOWER
    assert found.blocks <= 10
    assert found.throughput.high < 1


def test_what_shows_no_gain_is_given_up_early() -> None:
    blocks = [Machine(1.0, NOISES["shared"], seed).compare(0.001).blocks for seed in range(50)]
    assert sum(blocks) / len(blocks) < MAX_BLOCKS / 4


def test_a_comparison_ends_when_it_has_taken_long_enough() -> None:
    found = paired.compare(lambda _: 1.01, lambda _: 1.0, [0], risk=1e-9, lot=random.Random(1))
    assert found.verdict is Verdict.UNPROVEN
    assert found.blocks == LEAST_BLOCKS, "four seconds each"


def test_an_order_that_favors_the_first_favors_nobody() -> None:
    """The first run of each block finds a cold cache; each side has a second run."""
    turn = iter(range(10**9))

    def cold(_: int) -> float:
        return 1.5 if next(turn) % 4 == 0 else 1.0

    found = paired.measure(cold, cold, [0], blocks=200, lot=random.Random(3))
    assert found.low == found.high == 1


def test_the_risk_of_all_rounds_together_is_bounded() -> None:
    assert sum(risk_of(number) for number in range(1, 100_000)) <= RISK
    assert risk_of(1) == risk_of(100) > risk_of(101) > 0


def test_wealth_is_a_fair_bet() -> None:
    """Over all eight ways three differences may fall, its mean is what it began with."""
    signs = [(a, b, c) for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)]
    wealth = []
    for a, b, c in signs:
        bet = Bet()
        for log_ratio in (a * 0.02, b * 0.3, c * 0.0001):
            bet.add(log_ratio)
        wealth.append(math.exp(bet.log_wealth))
    assert sum(wealth) / len(wealth) == pytest.approx(1)


def test_a_watch_does_not_store_up_good_times() -> None:
    bet = Bet(MARGIN, least=0.0)
    for _ in range(10_000):
        bet.add(-0.5)
    assert bet.log_wealth == pytest.approx(0)


def test_intervals_hold_the_median() -> None:
    draw = random.Random(5)
    for count in (1, 2, 5, 6, 12, 40):
        hits = 0
        for _ in range(300):
            found = interval([draw.gauss(0.1, 1) for _ in range(count)])
            assert found.low <= found.ratio <= found.high
            hits += found.low <= math.exp(0.1) <= found.high
        assert hits >= 270 or count < 6
