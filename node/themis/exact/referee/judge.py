"""Rulings on a claimed trace: each accusation names one thing, and what is opened for it decides.

A claimant is convicted by what it claims itself. The first tensor, in the order of words, that differs from an honest
trace has honest operands: there an accusation holds, and nowhere in an honest trace does one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from themis.exact.declare import Declarations
from themis.exact.program import Program
from themis.exact.referee import moves, order, pointwise, products, reductions, shapes
from themis.exact.referee.case import Claim, Index, Kind, Opened, Undefined, open_case
from themis.exact.referee.pointwise import Element

ELEMENTS: Final[Mapping[str, Element]] = {
    **moves.ELEMENTS,
    **pointwise.ELEMENTS,
    **reductions.ELEMENTS,
    **products.ELEMENTS,
    **order.ELEMENTS,
    **shapes.ELEMENTS,
}


@dataclass(frozen=True, slots=True)
class Absent:
    """The trace has no tensor that the program gives."""

    word: int


@dataclass(frozen=True, slots=True)
class WrongKind:
    """A tensor has another type or shape than its operands give it."""

    word: int


@dataclass(frozen=True, slots=True)
class WrongElement:
    """An element is another than its operands give."""

    word: int
    index: Index


@dataclass(frozen=True, slots=True)
class WrongOrder:
    """A TopK's indices are not in order at a place, or pass over a rival there."""

    word: int
    index: Index
    rival: int | None = None


@dataclass(frozen=True, slots=True)
class OutOfRange:
    """An element of a graph input lies outside what the model's proof of exactness assumes."""

    word: int
    index: Index


Accusation = Absent | WrongKind | WrongElement | WrongOrder | OutOfRange


@dataclass(frozen=True, slots=True)
class Ruling:
    """What became of an accusation."""

    convicted: bool
    opened: Opened
    expected: int | Kind | None = None
    """What the claimant's own trace gives; None where that is not what is asked."""


def rule(program: Program, claim: Claim, accusation: Accusation, declared: Declarations) -> Ruling:
    """Raises Undefined where what is claimed decides nothing: the accusation is dismissed, no more."""
    word, opened = accusation.word, Opened()
    kind = claim.kind(word)
    if isinstance(accusation, Absent):
        return Ruling(kind is None and word in program.traced, opened)
    if kind is None:
        raise Undefined(f"the trace has no tensor {word:#x}")
    opened.headers.add(word)
    if word in program.inputs:
        return _rule_input(program, claim, accusation, declared)
    node = program.node(word)
    case, output = open_case(claim, node, opened), word & 0xFFFFFFFF
    if isinstance(accusation, WrongKind):
        needed = shapes.kind(case, output)
        return Ruling(needed != kind, opened, needed)
    is_order = node.op == "TopK" and output == order.INDICES
    if isinstance(accusation, WrongOrder) and is_order:
        return Ruling(order.refuted(case, accusation.index, accusation.rival), opened)
    if isinstance(accusation, WrongElement) and not is_order:
        claimed = case.result(output).at(accusation.index)
        expected = ELEMENTS[node.op](case, output, accusation.index)
        return Ruling(expected != claimed, opened, expected)
    raise Undefined(f"{accusation} is nothing that a {node.op} can be accused of")


def _rule_input(program: Program, claim: Claim, accusation: Accusation, declared: Declarations) -> Ruling:
    if isinstance(accusation, WrongKind):
        opened = Opened(set(program.inputs))
        return Ruling(not _fits(program, claim, accusation.word, declared), opened)
    span = declared.ranges.get(program.inputs[accusation.word])
    if not isinstance(accusation, OutOfRange) or span is None:
        raise Undefined(f"{accusation} is nothing that an input can be accused of")
    opened = Opened({accusation.word}, elements=1)
    return Ruling(not span.low <= claim.element(accusation.word, accusation.index) <= span.high, opened)


def _fits(program: Program, claim: Claim, word: int, declared: Declarations) -> bool:
    """Whether an input is of the type and shape that the graph says, its named sizes those of the inputs before it."""
    sizes: dict[str, int] = {}
    for each, (dtype, shape) in program.input_types.items():
        kind = claim.kind(each)
        fits = kind is not None and kind.dtype == dtype and len(kind.shape) == len(shape)
        for said, found in zip(shape, kind.shape if kind else (), strict=False):
            if isinstance(said, str) and said:
                fits &= found == sizes.setdefault(said, found) and found <= declared.extents.get(said, found)
            else:
                fits &= not said or said == found
        if each == word:
            return fits
    raise KeyError(word)
