"""How people write that something must hold: one condition in many shapes, as a compiler sees them."""

from collections.abc import Callable
from random import Random
from typing import Final

Shape = Callable[[str, str, str], str]
"""(condition, another one, what fails) -> statements. The condition is evaluated once at most: it may be a call."""


def _both(needed: str, also: str, fail: str) -> str:
    return f"if (!(({needed}) && ({also}))) {{ {fail} }}"


def _both_turned(needed: str, also: str, fail: str) -> str:
    return f"if (!(({also}) && ({needed}))) {{ {fail} }}"


def _either_fails(needed: str, also: str, fail: str) -> str:
    return f"if (!({needed}) || !({also})) {{ {fail} }}"


def _either_fails_turned(needed: str, also: str, fail: str) -> str:
    return f"if (!({also}) || !({needed})) {{ {fail} }}"


def _nested(needed: str, also: str, fail: str) -> str:
    return f"if ({also}) {{ if (!({needed})) {{ {fail} }} }} else {{ {fail} }}"


def _otherwise(needed: str, also: str, fail: str) -> str:
    return f"if ({needed}) {{ if (!({also})) {{ {fail} }} }} else {{ {fail} }}"


def _ternary(needed: str, also: str, fail: str) -> str:
    return f"if (!(({also}) ? ({needed}) : false)) {{ {fail} }}"


def _compared(needed: str, _: str, fail: str) -> str:
    return f"if (({needed}) == false) {{ {fail} }}"


def _while(needed: str, _: str, fail: str) -> str:
    return f"while (!({needed})) {{ {fail} }}"


def _left_by(needed: str, _: str, fail: str) -> str:
    return f"for (;;) {{ if ({needed}) {{ break; }} {fail} }}"


SHAPES: Final[tuple[Shape, ...]] = (
    _both,
    _both_turned,
    _either_fails,
    _either_fails_turned,
    _nested,
    _otherwise,
    _ternary,
    _compared,
    _while,
    _left_by,
)


def shaped(rng: Random, needed: str, also: str, fail: str) -> str:
    """Statements that run `fail`, which must end the call, unless `needed` holds, and perhaps `also`."""
    return rng.choice(SHAPES)(needed, also, fail)
