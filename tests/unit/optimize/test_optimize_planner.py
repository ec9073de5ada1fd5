"""The planner: it begins with what the profile promises, learns from rounds, and never asks the same thing twice."""

# ruff: noqa: FBT003, S311 (values of knobs; draws that must repeat)

import math
import random
from dataclasses import replace

import pytest

from themis.engine.tuning import DEFAULTS, Tuning
from themis.exact.rewrite import REWRITES
from themis.optimize.planner import Lesson, Plan, Planner
from themis.optimize.profile import Profile
from themis.optimize.space import Move, applied, in_model, matters, moves, tuned, value_of

PROFILE = Profile(
    requests=100,
    tokens=(10, 70, 600),
    sequences=(1, 5, 30),
    steps={1: 50, 16: 3},
    prepare_share=0.7,
    run_share=0.25,
    render_share=0.05,
    operators={"TopK": 0.3, "ReduceSum": 0.2, "Clip": 0.05},
    padding=0.0,
)


def lesson(plan: Plan, incumbent: Tuning, gain: float | None, *, kept: bool = False) -> Lesson:
    return Lesson(plan.moves, incumbent, plan.candidate, gain, settled=True, kept=kept)


def test_it_begins_with_what_the_profile_promises() -> None:
    plan = Planner(PROFILE, cores=4).plan(DEFAULTS)
    assert plan is not None
    assert plan.moves == (Move("processes", 4),)
    assert "75% of a request's time is Python" in plan.reason
    in_the_model = replace(PROFILE, run_share=0.99, prepare_share=0.01, render_share=0.0)
    plan = Planner(in_the_model, cores=1).plan(DEFAULTS)
    assert plan is not None
    assert plan.moves == (Move("scanned-dispatch", True),)
    assert plan.reason == "TopK take 30% of the model's time"


def test_it_asks_nothing_twice_and_ends() -> None:
    planner = Planner(PROFILE, cores=2)
    seen: list[Tuning] = []
    for _ in range(200):
        plan = planner.plan(DEFAULTS)
        assert plan is not None
        assert plan.candidate not in [DEFAULTS, *seen]
        seen.append(plan.candidate)
        planner.lessons.append(lesson(plan, DEFAULTS, -0.01))
    assert len(set(seen)) == len(seen)


def test_what_was_refused_is_never_proposed_again() -> None:
    planner = Planner(PROFILE, cores=1)
    first = planner.plan(DEFAULTS)
    assert first is not None
    planner.lessons.append(lesson(first, DEFAULTS, None))
    elsewhere = replace(DEFAULTS, step=32)
    for _ in range(100):
        plan = planner.plan(elsewhere)
        assert plan is not None
        assert plan.candidate != first.candidate
        planner.lessons.append(lesson(plan, elsewhere, -0.1))


def test_moves_that_look_good_and_cannot_be_proven_are_joined() -> None:
    planner = Planner(PROFILE, cores=1)
    good = {Move("scanned-dispatch", True), Move("arena", False), Move("step", 32)}
    while (plan := planner.plan(DEFAULTS)) is not None and len(plan.moves) == 1:
        planner.lessons.append(lesson(plan, DEFAULTS, 0.01 if plan.moves[0] in good else -0.01))
    assert plan is not None
    assert set(plan.moves) == good
    assert plan.candidate == Tuning(rewrites=("scanned-dispatch",), arena=False, step=32)


def test_a_change_of_the_incumbent_reopens_what_was_settled() -> None:
    planner = Planner(PROFILE, cores=2)
    first = planner.plan(DEFAULTS)
    assert first is not None
    planner.lessons.append(lesson(first, DEFAULTS, 0.01))
    other = replace(DEFAULTS, level="basic")
    kept = Lesson((Move("level", "basic"),), DEFAULTS, other, 0.05, settled=True, kept=True)
    planner.lessons.append(kept)
    again = []
    for _ in range(60):
        plan = planner.plan(other)
        assert plan is not None
        again.append(plan.moves)
        planner.lessons.append(lesson(plan, other, -0.01))
    assert first.moves in again
    assert (Move("level", "none"),) not in again, "it was left for something better"


def test_it_is_deterministic() -> None:
    def play() -> list[Plan | None]:
        planner, plans = Planner(PROFILE, cores=2), []
        for number in range(80):
            plans.append(plan := planner.plan(DEFAULTS))
            assert plan is not None
            planner.lessons.append(lesson(plan, DEFAULTS, 0.001 * (number % 7 - 4)))
        return plans

    assert play() == play()


GAINS = {
    Move("processes", 2): 0.5,
    Move("counted-dispatch", True): 0.04,
    Move("sums-as-products", True): 0.05,
    Move("level", "basic"): 0.03,
    Move("step", 32): 0.02,
    Move("lanes", 2): -0.2,
    Move("patterns", False): -0.03,
}


def worth(tuning: Tuning) -> float:
    """A planted landscape."""
    return sum(gain for move, gain in GAINS.items() if value_of(tuning, move.knob) == move.value)


def climb(planner: Planner, rounds: int) -> Tuning:
    incumbent, draw = DEFAULTS, random.Random(2)
    for _ in range(rounds):
        plan = planner.plan(incumbent)
        assert plan is not None
        gain = worth(plan.candidate) - worth(incumbent) + draw.gauss(0, 0.005)
        kept = gain > 0.015
        planner.lessons.append(lesson(plan, incumbent, gain, kept=kept))
        incumbent = plan.candidate if kept else incumbent
    return incumbent


def test_in_a_hundred_rounds_it_finds_what_there_is_to_find() -> None:
    most = sum(gain for gain in GAINS.values() if gain > 0)
    assert worth(climb(Planner(PROFILE, cores=2), 100)) >= 0.95 * most
    assert worth(climb(Planner(PROFILE, cores=2), 30)) > 0.8 * most


def test_it_says_what_it_expects() -> None:
    planner = Planner(PROFILE, cores=2)
    plan = planner.plan(DEFAULTS)
    assert plan is not None
    assert plan.expected == pytest.approx(2**0.7)
    planner.lessons.append(lesson(plan, DEFAULTS, math.log(1.5), kept=True))
    back = planner._gain(Move("processes", 2))
    assert math.log(1.5) < back < 0.7 * math.log(2) or back == pytest.approx(math.log(1.5), rel=0.2)


def test_rewrites_of_the_same_places_displace_one_another() -> None:
    tuning = applied(DEFAULTS, Move("scanned-dispatch", True))
    assert applied(tuning, Move("counted-dispatch", True)).rewrites == ("counted-dispatch",)
    assert applied(tuning, Move("scanned-dispatch", False)) == DEFAULTS
    assert tuned(DEFAULTS, (Move("step", 0),)) is None


def test_moves_that_change_nothing_do_not_matter() -> None:
    assert not matters(DEFAULTS, Move("step", DEFAULTS.step))
    assert not matters(DEFAULTS, Move("spinning", False)), "one thread waits for nobody"
    assert matters(replace(DEFAULTS, threads=2), Move("spinning", False))
    assert in_model((Move("threads", 2), Move("unguarded", True)))
    assert not in_model((Move("threads", 2), Move("step", 8)))
    assert {move.knob for move in moves(2, padded=False)} >= {"processes", "run_tokens", *REWRITES}
    assert "spread" in {move.knob for move in moves(2, padded=True)} - {m.knob for m in moves(2, padded=False)}
    written = {move.knob for move in moves(2, padded=False, writes=True)}
    assert written >= {"threads", "lanes", "level", "arena", "prepacking", "piece", *REWRITES}
    assert not written & {"processes", "step", "run_requests", "run_tokens", "spread", "patterns"}


def test_what_looked_good_and_could_not_be_proven_gets_a_second_look() -> None:
    planner = Planner(PROFILE, cores=2)
    first = planner.plan(DEFAULTS)
    assert first is not None
    seen = []
    for _ in range(80):
        plan = planner.plan(DEFAULTS)
        assert plan is not None
        seen.append(plan.candidate)
        hopeful = plan.candidate == first.candidate
        gain = 0.03 if hopeful else -0.01
        planner.lessons.append(Lesson(plan.moves, DEFAULTS, plan.candidate, gain, settled=not hopeful, kept=False))
    assert seen.count(first.candidate) == 2
