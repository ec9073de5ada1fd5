"""Where paths meet: a path ends where an earlier one that knew no more went on from the same place.

What a path knows that can decide where it goes on, is on its stack: constants, and which words a branch found zero or
not. (Which words are copies of each other it forgets wherever paths can meet.) Where that differs from what earlier
paths knew here, the path forgets it and goes on: every round leaves less to know, so paths end, and none is dropped for
what only another one knew.
"""

from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from themis.evm import taint as t
from themis.evm.machine import Machine
from themis.evm.taint import Word

_CONTEXT: Final = 16
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
    """As it came; not needed once `said` is there."""
    level: int
    handed_over: bool
    knows: bool
    exposed: int
    """Storage places at stake on some path."""
    again: bool = False
    """They made one go on."""
    said: Facts | None = None
    """Facts of the stack as it went on, once another path came by."""


@dataclass(slots=True)
class Seen:
    """Where paths of a function have been. Four of five places see one only, and whoever is alone needs no key."""

    alone: dict[int, Met | None] = field(default_factory=dict)
    """By index; None where a second one came."""
    met: dict[Key, Met] = field(default_factory=dict)


def facts(stack: list[Word], *, knows: bool) -> Facts:
    """From the top: a constant, or what a branch said of an unknown word, or that nothing is known.

    `knows`: a branch may have said something (Machine.knows).
    """
    if not knows:
        return tuple([word if word >= 0 else _NOTHING for word in stack[::-1]])
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
    context = islice(filter(jumpdests.__contains__, reversed(path.stack)), _CONTEXT)
    top = path.stack[-_TOLD_APART:]
    truths = [min(known, _NOTHING) for known in facts(top, knows=True)] if path.knows else [_NOTHING] * len(top)
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
    mine = facts(m.stack, knows=m.knows)
    before = facts(found.stack, knows=found.knows) if found.said is None else found.said
    both = tuple([known if known == other else _NOTHING for known, other in zip(mine, before, strict=False)])
    if not adds and both + (_NOTHING,) * (len(before) - len(both)) == before:
        found.said = before
        return True
    both += (_NOTHING,) * (len(mine) - len(both))
    if both != mine:
        for depth, (kept, known) in enumerate(zip(both, mine, strict=True)):
            if kept != known:
                m.stack[-1 - depth] = t.forgotten(m.stack[-1 - depth], index, depth)
    found.said, found.exposed, found.again = both, exposed | found.exposed, found.again or adds
    return False
