"""Plans the next change: what promises most by the profile and by what earlier rounds taught, and was not settled yet.

Every move has an expected gain. It begins as a guess from the profile (a rewrite cannot save more than its operators
take) and becomes what was measured, the older the less certain: a gain is over the incumbent of its time. Moves are
tried by expected gain plus a bonus for those little is known of, as bandits are pulled. Once each has been tried on the
incumbent of the day, moves that looked good and could not be proven are joined, and then mutations are drawn from the
best, as in evolution.
"""

import math
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from themis.engine.tuning import Tuning
from themis.optimize.guess import guess
from themis.optimize.profile import Profile
from themis.optimize.space import Move, matters, moves, tuned

_BONUS: Final = 0.01
"""Log gain that a move of which nothing is known may be off its guess."""
_AGING: Final = 0.7
"""A measurement counts so much after each change of the incumbent."""
_DRAWS: Final = 200
_MOST_MOVES: Final = 3
_MOST_LOOKS: Final = 2
"""At what looked good and could not be proven."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to try, and why."""

    candidate: Tuning
    moves: tuple[Move, ...]
    reason: str
    expected: float
    """Throughput over the incumbent's."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one round taught."""

    moves: tuple[Move, ...]
    incumbent: Tuning
    candidate: Tuning
    log_gain: float | None
    """None where the candidate was refused."""
    settled: bool
    """There is no use in trying it on this incumbent again; else there is, once."""
    kept: bool


@dataclass(slots=True)
class Planner:
    """Deterministic: the same profile and lessons give the same plan."""

    profile: Profile
    cores: int
    lessons: list[Lesson] = field(default_factory=list)

    def plan(self, incumbent: Tuning) -> Plan | None:
        """The next candidate; None when nothing is left to try."""
        tried = self._tried(incumbent)
        for choose in (self._single, self._joined, self._mutated):
            if (plan := choose(incumbent, tried)) is not None:
                return plan
        return None

    def _single(self, incumbent: Tuning, tried: set[Tuning]) -> Plan | None:
        options = []
        for move in self._moves():
            candidate = tuned(incumbent, (move,))
            if candidate is not None and candidate not in tried and matters(incumbent, move):
                options.append((self._gain(move) + self._bonus(move), move, candidate))
        if not options:
            return None
        _, move, candidate = max(options, key=lambda option: option[0])
        return Plan(candidate, (move,), self._reason(move), math.exp(self._gain(move)))

    def _joined(self, incumbent: Tuning, tried: set[Tuning]) -> Plan | None:
        """All moves that looked good on this incumbent, and each two of them."""
        hopeful = sorted(self._hopeful(incumbent), key=self._gain, reverse=True)
        pairs = [(a, b) for index, a in enumerate(hopeful) for b in hopeful[index + 1 :]]
        for group in [tuple(hopeful), *pairs]:
            candidate = tuned(incumbent, group) if len(group) > 1 else None
            if candidate is not None and candidate not in tried:
                gain = math.exp(sum(map(self._gain, group)))
                return Plan(candidate, group, "each of these looked faster, none could be proven alone", gain)
        return None

    def _mutated(self, incumbent: Tuning, tried: set[Tuning]) -> Plan | None:
        """Two or three moves drawn by expected gain."""
        draw = random.Random(len(self.lessons))  # noqa: S311 (a draw anybody may repeat)
        options = [move for move in self._moves() if matters(incumbent, move)]
        weights = [math.exp(max(-3.0, 20 * self._gain(move))) for move in options]
        for _ in range(_DRAWS):
            group = tuple(dict.fromkeys(draw.choices(options, weights, k=draw.randint(2, _MOST_MOVES))))
            candidate = tuned(incumbent, group)
            if candidate is not None and candidate not in tried and candidate != incumbent:
                gain = math.exp(sum(map(self._gain, group)))
                return Plan(candidate, group, "a mutation drawn from the moves that promise most", gain)
        return None

    def _moves(self) -> Iterator[Move]:
        return moves(self.cores, padded=self.profile.padding > 0, writes=self.profile.writes)

    def _tried(self, incumbent: Tuning) -> set[Tuning]:
        """Tunings that are settled: refused ever, in force once, or measured against this incumbent."""
        in_force = {each for lesson in self.lessons if lesson.kept for each in (lesson.incumbent, lesson.candidate)}
        here = [lesson for lesson in self.lessons if lesson.incumbent == incumbent]
        looks = Counter(lesson.candidate for lesson in here)
        settled = {lesson.candidate for lesson in here if lesson.settled or looks[lesson.candidate] >= _MOST_LOOKS}
        refused = {lesson.candidate for lesson in self.lessons if lesson.log_gain is None}
        return in_force | settled | refused | {incumbent}

    def _hopeful(self, incumbent: Tuning) -> list[Move]:
        found = {
            lesson.moves[0]: None
            for lesson in self.lessons
            if lesson.incumbent == incumbent
            and len(lesson.moves) == 1
            and not lesson.kept
            and lesson.log_gain is not None
            and lesson.log_gain > 0
        }
        latest: dict[str, Move] = {}
        for move in found:
            if move.knob not in latest or self._gain(move) > self._gain(latest[move.knob]):
                latest[move.knob] = move
        return list(latest.values())

    def _gain(self, move: Move) -> float:
        """Expected log gain: the guess weighs as much as one fresh measurement."""
        seen = self._seen(move)
        return (guess(self.profile, move).log_gain + sum(gain * weight for gain, weight in seen)) / (
            1 + sum(w for _, w in seen)
        )

    def _bonus(self, move: Move) -> float:
        return _BONUS * math.sqrt(math.log(len(self.lessons) + 2) / (1 + sum(weight for _, weight in self._seen(move))))

    def _seen(self, move: Move) -> list[tuple[float, float]]:
        """Log gains measured for the move alone, each with its weight."""
        found, weight = [], 1.0
        for lesson in reversed(self.lessons):
            if lesson.kept:
                weight *= _AGING
            if lesson.moves == (move,) and lesson.log_gain is not None:
                found.append((lesson.log_gain, weight))
        return found

    def _reason(self, move: Move) -> str:
        seen = self._seen(move)
        if seen:
            return f"throughput was {math.exp(seen[0][0]):.3f} of its incumbent's when it was tried last"
        return guess(self.profile, move).reason
