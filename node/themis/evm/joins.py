"""Where paths meet: a path ends where an earlier one that knew no more went on from the same place.

What a path knows that can decide where it goes on, is on its stack: constants, and which words a branch found zero or
not. (Which words are copies of each other it forgets wherever paths can meet.) Where that differs from what earlier
paths knew here, the path forgets it and goes on: every round leaves less to know, so paths end, and none is dropped for
what only another one knew.
"""

from dataclasses import dataclass, field
from typing import Final

from themis.evm import taint as t
from themis.evm.machine import Machine
from themis.evm.taint import Word

_CONTEXT: Final = 16
_CONTEXT_DEPTH: Final = 160
_TOLD_APART: Final = 4
"""Words from the top whose known truth makes paths different ones, instead of being forgotten."""
_NOTHING: Final = -1
_TRUTHS: Final = {0: _NOTHING, t.HOLDS: -2, t.FAILS: -3}
_DECIDED: Final = t.HOLDS | t.FAILS
"""In a word that is unknown these are set where nothing is known: it is the complement of its bits."""

Key = tuple[int, ...]
Facts = tuple[int, ...]


@dataclass(slots=True)
class Met:
    """What went on from a place: the newest path."""

    stack: list[Word]
    level: int
    handed_over: bool
    knows: bool
    exposed: int
    """Storage places at stake on some path."""
    again: bool = False
    """They made one go on."""
    said: Facts | None = None
    """Facts of the stack, once another path came by."""


@dataclass(slots=True)
class Seen:
    """Where paths of a function have been. Four of five places see one only, and whoever is alone needs no key."""

    alone: dict[int, Met | None] = field(default_factory=dict)
    """By index; None where a second one came."""
    met: dict[Key, Met] = field(default_factory=dict)


def facts(stack: list[Word]) -> Facts:
    """From the top: a constant, or what a branch said of an unknown word, or that nothing is known."""
    return tuple(
        [
            word if word >= 0 else _NOTHING if word & _DECIDED == _DECIDED else _TRUTHS[t.decided(word)]
            for word in stack[::-1]
        ]
    )


def _key(index: int, path: Met | Machine, jumpdests: dict[int, int]) -> Key:
    """Paths with different keys are never compared.

    A key says how far the path got past guards, whether a call is behind it, and whom it returns to: the code addresses
    nearest the top.
    """
    context = [*filter(jumpdests.__contains__, path.stack[: -_CONTEXT_DEPTH - 1 : -1])][:_CONTEXT]
    top = path.stack[-_TOLD_APART:]
    truths = [min(known, _NOTHING) for known in facts(top)] if path.knows else [_NOTHING] * len(top)
    return (index, path.level, int(path.handed_over), *truths, *context)


def ends(seen: Seen, index: int, m: Machine, jumpdests: dict[int, int], *, calls: bool) -> bool:
    """True if the path ends here; else it goes on, and knows no more than `seen` now says.

    `calls`: the contract calls others, so what a path has read before matters to what comes after.
    """
    m.apart = m.serial
    exposed = m.at_stake() if calls else 0
    if index not in seen.alone:
        seen.alone[index] = Met(m.stack.copy(), m.level, m.handed_over, m.knows, exposed)
        return False
    if first := seen.alone[index]:
        seen.met[_key(index, first, jumpdests)] = first
        seen.alone[index] = None
    place = _key(index, m, jumpdests)
    found = seen.met.get(place)
    if found is None:
        seen.met[place] = Met(m.stack.copy(), m.level, m.handed_over, m.knows, exposed)
        return False
    adds = not found.again and exposed & ~found.exposed != 0  # a loop may add for ever
    mine, before = facts(m.stack), found.said or facts(found.stack)
    found.said = before
    if before == mine and not adds:
        return True
    common = [
        known if known == _NOTHING or (depth < len(mine) and mine[depth] == known) else _NOTHING
        for depth, known in enumerate(before)
    ]
    after = tuple(common)
    if after == before and not adds:
        return True
    for depth, known in enumerate(mine):
        if known != _NOTHING and (depth >= len(after) or after[depth] != known):
            m.stack[-1 - depth] = t.forgotten(m.stack[-1 - depth], index, depth)
    found.stack, found.said = m.stack.copy(), None
    found.exposed, found.again = exposed | found.exposed, found.again or adds
    return False
