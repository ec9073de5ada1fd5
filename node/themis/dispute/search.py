"""Finds the first thing that is wrong in a claimed trace, looking at nothing but what was shown of it.

Two traces differ first at some header. All before it is one's own, so whatever its check reads is known; only a witness
and a TopK's indices lie behind what is checked by them, and are looked at before it (ADR 0056).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from themis.dispute.claim import HEADERS, Ask, Claimed
from themis.dispute.tree import Question
from themis.exact.program import Program
from themis.exact.referee import order
from themis.exact.referee.integrity import Head
from themis.exact.referee.judge import WrongElement, WrongKind, WrongOrder
from themis.exact.trace import LEAF_BYTES


@dataclass(frozen=True, slots=True)
class Unread:
    """A leaf of the trace is no header."""

    place: int


@dataclass(frozen=True, slots=True)
class Unordered:
    """The words of a header and the next do not rise."""

    place: int


@dataclass(frozen=True, slots=True)
class Surplus:
    """A header is of a tensor that the program does not give."""

    place: int


@dataclass(frozen=True, slots=True)
class Missing:
    """A tensor is not there: before that place it would lie."""

    word: int
    place: int


@dataclass(frozen=True, slots=True)
class Misfit:
    """A tensor has another number of leaves than its shape says, or this one has another length."""

    word: int
    leaf: int


@dataclass(frozen=True, slots=True)
class WrongInput:
    """An input of the graph is not one's own; without an element, its type or shape."""

    word: int
    element: int | None = None
    """Its place, row by row."""


Fault = Unread | Unordered | Surplus | Missing | Misfit | WrongInput | WrongKind | WrongElement | WrongOrder


def look(program: Program, claimed: Claimed) -> Ask | Fault | None:
    """What is wrong, or what to ask to come closer; None where the trace is one's own."""
    found = claimed.headers.first_difference()
    if isinstance(found, Question):
        return Ask(HEADERS, found)
    if found is None:
        return _longer_or_shorter(claimed)
    if (fault := misplaced(claimed, found)) is not None:
        return fault
    for place in _checked_with(program, claimed, found):
        question = claimed.headers.question(place) if place < claimed.headers.count else None
        if question is not None:
            return Ask(HEADERS, question)
        if claimed.headers.leaf(place) != claimed.mine.headers.leaves[place]:
            return _at(program, claimed, place)
    raise AssertionError("a header that differs was not looked at")


def _longer_or_shorter(claimed: Claimed) -> Ask | Fault | None:
    """All headers that both have are equal."""
    count, mine = claimed.headers.count, claimed.mine.words
    if count < len(mine):
        return Missing(mine[count], count)
    if count == len(mine):
        return None
    question = claimed.headers.question(len(mine))
    return Ask(HEADERS, question) if question is not None else misplaced(claimed, len(mine))


def _checked_with(program: Program, claimed: Claimed, place: int) -> Iterator[int]:
    """Places of headers to be looked at where this one differs, in the order of checks, it the last."""
    word = claimed.mine.words[place]
    if word not in program.inputs:
        own = [each for each in program.checked if each >> 32 == word >> 32]
        yield from (claimed.place(each) for each in own[: own.index(word)] if each > word)
    yield place


def _at(program: Program, claimed: Claimed, place: int) -> Ask | Fault:
    """What is wrong with the tensor at a place; all that its check reads is one's own."""
    if (fault := misplaced(claimed, place)) is not None:
        return fault
    word = claimed.mine.words[place]
    if claimed.kind(word) != claimed.mine.kind(word):
        return WrongInput(word) if word in program.inputs else WrongKind(word)
    return _in(program, claimed, word)


def misplaced(claimed: Claimed, place: int) -> Fault | None:
    """Whether the header at a place is of another tensor; the one before it is of one's own."""
    mine = claimed.mine.words
    if place >= claimed.headers.count:
        return Missing(mine[place], place)
    head = claimed.head(place)
    if head is None:
        return Unread(place)
    if place < len(mine) and head.word == mine[place]:
        return None
    if place < len(mine) and head.word > mine[place]:
        return Missing(mine[place], place)
    return Unordered(place - 1) if place and head.word <= mine[place - 1] else Surplus(place)


def _in(program: Program, claimed: Claimed, word: int) -> Ask | Fault:
    """What is wrong in a tensor of the right type and shape."""
    body, tree = claimed.body(word), claimed.mine.tree(word)
    if body.count and body.count != len(tree.leaves):
        question = body.question(0)
        return Misfit(word, 0) if question is None else Ask(word, question)
    found = body.first_difference()
    if isinstance(found, Question):
        return Ask(word, found)
    leaf = None if found is None else body.leaf(found)
    if found is None or leaf is None:
        raise AssertionError("a tensor of another root has no leaf that differs")
    return _within(program, claimed, word, found, leaf)


def _within(program: Program, claimed: Claimed, word: int, place: int, leaf: bytes) -> Fault:
    """What is wrong in the first leaf that differs."""
    head, mine = claimed.head(claimed.place(word)), claimed.mine.tree(word).leaves[place]
    if head is None or len(leaf) != len(mine):
        return Misfit(word, place)
    size = head.element_bytes
    at = next(each for each in range(0, len(leaf), size) if leaf[each : each + size] != mine[each : each + size])
    index = _index(head, place, at // size)
    if word in program.inputs:
        return WrongInput(word, int(np.ravel_multi_index(index, head.shape)) if index else 0)
    if program.node(word).op == "TopK" and word & 0xFFFFFFFF == order.INDICES:
        return _order(program, claimed, word, index)
    return WrongElement(word, index)


def _index(head: Head, leaf: int, element: int) -> tuple[int, ...]:
    """Of an element of a leaf."""
    if not head.shape:
        return ()
    row, part = divmod(leaf, head.leaves_a_row)
    before = np.unravel_index(row, head.shape[:-1]) if len(head.shape) > 1 else ()
    return (*map(int, before), part * (LEAF_BYTES // head.element_bytes) + element)


def _order(program: Program, claimed: Claimed, word: int, index: tuple[int, ...]) -> WrongOrder:
    """Of the first index that differs: it is none, comes too late, or passes over the one that belongs there."""
    node = program.node(word)
    source = node.operands[0]
    if source is None:
        raise AssertionError("a TopK without operand")
    axis = int(node.attributes.get("axis", -1)) % len(index)
    sign = -1 if node.attributes.get("largest", 1) else 1

    def key(chosen: int) -> tuple[int, int]:
        at = (*index[:axis], chosen, *index[axis + 1 :])
        value = claimed.mine.element(source.word, at) if source.constant is None else int(source.constant[at])
        return sign * value, chosen

    here, belongs = claimed.element(word, index), claimed.mine.element(word, index)
    x = claimed.mine.kind(source.word)
    size = source.constant.shape[axis] if source.constant is not None else x.shape[axis] if x is not None else 0
    if not 0 <= here < size:
        return WrongOrder(word, index)
    before = (*index[:axis], index[axis] - 1, *index[axis + 1 :])
    if index[axis] and not key(claimed.mine.element(word, before)) < key(here):
        return WrongOrder(word, before)
    return WrongOrder(word, index, belongs)
