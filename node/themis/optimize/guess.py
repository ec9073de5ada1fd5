"""What a move promises before it was ever tried, judged by the profile alone."""

import math
from dataclasses import dataclass
from typing import Final

from themis.exact.rewrite import REWRITES
from themis.optimize.profile import Profile
from themis.optimize.space import Move

_LEVELS: Final = {"none": -0.05, "basic": 0.05, "extended": 0.04, "all": 0.04}
_NOTABLE: Final = 0.3
"""Of the time of the operators a rewrite aims at, what it may save."""


@dataclass(frozen=True, slots=True)
class Guess:
    """Log of throughput over the incumbent's, and what in the profile says so."""

    log_gain: float
    reason: str


def guess(profile: Profile, move: Move) -> Guess:
    """Rough: rounds will tell."""
    run, value = profile.run_share, move.value
    in_model = f"the model takes {run:.0%} of a request's time"
    if move.knob in REWRITES:
        aims = REWRITES[move.knob].aims_at
        share = sum(profile.operators.get(name, 0.0) for name in aims)
        sign = 1 if value else -1
        return Guess(sign * run * share * _NOTABLE, f"{' and '.join(aims)} take {share:.0%} of the model's time")
    fewest, middle, most = profile.tokens
    lengths = f"requests have {fewest} to {most} tokens, {middle} in the middle"
    found = {
        "processes": lambda: Guess(0.7 * math.log(value), f"{1 - run:.0%} of a request's time is Python: one core"),
        "threads": lambda: Guess(0.1 * run * math.log(value), in_model),
        "lanes": lambda: Guess(0.1 * run * math.log(value), in_model),
        "level": lambda: Guess(_LEVELS[value] * run, in_model),
        "step": lambda: Guess(0.005 * math.log2(value / 16), "what a step costs once is shared by its requests"),
        "spread": lambda: Guess(run * profile.padding * (0.5 if value else -0.5), f"padding {profile.padding:.0%}"),
        "run_requests": lambda: Guess(run * (0.01 if value else -0.02), lengths),
        "run_tokens": lambda: Guess(run * (0.01 if value else -0.02), lengths),
        "piece": lambda: Guess(run * (0.01 if 0 < value < most else -0.02), lengths),
    }
    return found.get(move.knob, lambda: Guess(0.002 * run, in_model))()
