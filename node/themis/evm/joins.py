"""Where paths meet: a path ends where an earlier one that knew no more went on from the same place.

What a path knows that can decide where it goes on, is on its stack: constants, and which words a branch found zero or
not. (Which words are copies of each other it forgets wherever paths can meet.) Where that differs from what earlier
paths knew here, the path forgets it and goes on: every round leaves less to know, so paths end, and none is dropped for
what only another one knew.
"""

from __future__ import annotations

from typing import Final, final

from mypy_extensions import i64, mypyc_attr

from themis.evm import taint as t
from themis.evm.machine import Machine
from themis.evm.taint import NOTHING, Word

_CONTEXT: Final = 16
_LEADS: Final = 20
"""Bits of `Word.leads`."""
_PACKED: Final = 3
"""So many of them are a number of a key."""
_TOLD_APART: Final = 4
"""Words from the top whose known truth makes paths different ones, instead of being forgotten."""

Key = tuple[int, ...]


@final
@mypyc_attr(acyclic=True)
class Met:
    """What went on from a place: the newest path."""

    __slots__ = ("again", "alone", "exposed", "handed_over", "level", "stack")

    def __init__(self, m: Machine, exposed: int) -> None:
        self.stack = m.stack.copy()
        """As it went on. What a path knows of the words is `Word.fact`."""
        self.level = m.level
        self.handed_over = m.handed_over
        self.exposed = exposed
        """Storage places at stake on some path."""
        self.alone = True
        """Nobody else came to this place."""
        self.again = False
        """They made one go on."""


@final
class Seen:
    """Where paths of a function have been. Four of five places see one only, and whoever is alone needs no key."""

    __slots__ = ("first", "met")

    def __init__(self) -> None:
        self.first: dict[int, Met] = {}
        """By index."""
        self.met: dict[Key, Met] = {}
        """Once a second one came."""


def _key(index: i64, path: Met | Machine) -> Key:
    """Paths with different keys are never compared.

    A key says how far the path got past guards, whether a call is behind it, and whom it returns to: the code addresses
    nearest the top.
    """
    stack = path.stack
    at: i64 = len(stack)
    head: i64 = index * 8 + path.level * 2 + int(path.handed_over)
    for depth in range(1, _TOLD_APART + 1):
        head *= 4
        if depth <= at:
            head -= min(stack[at - depth].fact, NOTHING)
    key: list[int] = [head]
    some: i64 = 0
    left: i64 = _CONTEXT
    while at and left:
        at -= 1
        leads = stack[at].leads
        if leads:
            left -= 1
            some = some << _LEADS | leads
            if not left % _PACKED:
                key.append(some)
                some = 0
    key.append(some)
    return tuple(key)


def ends(seen: Seen, index: i64, m: Machine, *, calls: bool) -> bool:
    """True if the path ends here; else it goes on, and knows no more than `seen` now says.

    `calls`: the contract calls others, so what a path has read before matters to what comes after.
    """
    m.apart = m.serial
    exposed = m.at_stake() if calls else 0
    first = seen.first.get(index)
    if first is None:
        seen.first[index] = Met(m, exposed)
        return False
    if first.alone:
        seen.met[_key(index, first)] = first
        first.alone = False
    place = _key(index, m)
    found = seen.met.get(place)
    if found is None:
        seen.met[place] = Met(m, exposed)
        return False
    adds = not found.again and exposed & ~found.exposed != 0  # a loop may add for ever
    if not adds and _covers(found.stack, m.stack):
        return True
    _forget(m, found.stack, index)
    found.stack = m.stack.copy()
    found.exposed |= exposed
    found.again = found.again or adds
    return False


def _covers(before: list[Word], stack: list[Word]) -> bool:
    """True if nothing was known there that is not known of this stack: words are compared from the top."""
    mine: i64 = len(stack)
    at: i64 = len(before)
    while at > 0:
        at -= 1
        mine -= 1
        fact = before[at].fact
        if fact != NOTHING and (mine < 0 or stack[mine].fact != fact):
            return False
    return True


def _forget(m: Machine, before: list[Word], index: i64) -> None:
    """Give up what was not known there."""
    stack = m.stack
    at: i64 = len(before)
    mine: i64 = len(stack)
    depth: i64 = 0
    while mine > 0:
        at -= 1
        mine -= 1
        word = stack[mine]
        if word.fact != NOTHING and (at < 0 or before[at].fact != word.fact):
            stack[mine] = t.forgotten(word, index, depth)
        depth += 1
