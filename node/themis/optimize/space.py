"""What may be changed about a tuning, one knob at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from themis.core.errors import Misconfigured
from themis.engine.tuning import Tuning
from themis.exact.rewrite import REWRITES
from themis.exact.session import LEVELS, SessionSettings

_STEPS: Final = (4, 8, 16, 32, 64)
_RUN_REQUESTS: Final = (0, 1, 2, 4, 8, 16)
_RUN_TOKENS: Final = (0, 256, 512, 1_024, 2_048, 4_096)
_SPREADS: Final = (0.0, 1.25, 1.5, 2.0, 3.0)
_PIECES: Final = (0, 16, 32, 64, 128, 256)

_OF_THE_MODEL: Final = {field.name for field in fields(SessionSettings)} | REWRITES.keys() | {"piece"}
_OF_ROWS: Final = {"processes", "step", "run_requests", "run_tokens", "spread"}
"""Of models that read many requests in one run."""
_OF_SHAPES: Final = {"patterns"}
"""Of models whose runs have shapes that come again: memory is kept for each."""


@dataclass(frozen=True, slots=True)
class Move:
    """Set one knob. Knobs are the fields of a tuning and, as yes or no, each rewrite."""

    knob: str
    value: Any

    def __str__(self) -> str:
        return f"{self.knob}={self.value}"


def moves(cores: int, *, padded: bool, writes: bool = False) -> Iterator[Move]:
    """All there are on a machine of so many cores, for models that pad or not, and write token by token or not."""
    unfit = _OF_ROWS | _OF_SHAPES if writes else {"piece"}
    yield from (move for move in _all(cores, padded=padded) if move.knob not in unfit)


def _all(cores: int, *, padded: bool) -> Iterator[Move]:
    for count in range(1, cores + 1):
        yield Move("processes", count)
        yield Move("threads", count)
        yield Move("lanes", count)
    choices: dict[str, tuple[Any, ...]] = {
        "level": tuple(LEVELS),
        "spinning": (True, False),
        "arena": (True, False),
        "patterns": (True, False),
        "prepacking": (True, False),
        "step": _STEPS,
        "run_requests": _RUN_REQUESTS,
        "run_tokens": _RUN_TOKENS,
        "spread": _SPREADS if padded else (),
        "piece": _PIECES,
        **dict.fromkeys(REWRITES, (True, False)),
    }
    for knob, values in choices.items():
        yield from (Move(knob, value) for value in values)


def in_model(moves_: tuple[Move, ...]) -> bool:
    """Whether moves change the model's part of a request only."""
    return all(move.knob in _OF_THE_MODEL for move in moves_)


def applied(tuning: Tuning, move: Move) -> Tuning:
    """The tuning after a move; rewrites of the same places displace one another. Raises Misconfigured."""
    if move.knob not in REWRITES:
        return replace(tuning, **{move.knob: move.value})
    kept = set(tuning.rewrites) - {move.knob}
    if move.value:
        kept = (kept - set(REWRITES[move.knob].instead_of)) | {move.knob}
    return replace(tuning, rewrites=tuple(name for name in REWRITES if name in kept))


def value_of(tuning: Tuning, knob: str) -> Any:
    return knob in tuning.rewrites if knob in REWRITES else getattr(tuning, knob)


def matters(tuning: Tuning, move: Move) -> bool:
    """Whether a move changes what is run, not only what is written down."""
    if move.value == value_of(tuning, move.knob):
        return False
    if move.knob == "spinning":
        return tuning.threads > 1
    return True


def tuned(tuning: Tuning, moves_: tuple[Move, ...]) -> Tuning | None:
    """After several moves; None where they do not go together."""
    try:
        for move in moves_:
            tuning = applied(tuning, move)
    except Misconfigured:
        return None
    return tuning
