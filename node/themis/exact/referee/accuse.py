"""Finds what a claimed trace can be accused of, by holding it against an honest one."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from themis.exact.program import Program
from themis.exact.referee import order
from themis.exact.referee.case import Arrays
from themis.exact.referee.judge import Absent, Accusation, OutOfRange, WrongElement, WrongKind, WrongOrder

Array = NDArray[Any]


def accusations(program: Program, claimed: Mapping[int, Array], honest: Mapping[int, Array]) -> Iterator[Accusation]:
    """Of the first tensor that differs, which convicts by one of these; none where no tensor does."""
    for word in program.traced:
        mine, theirs = honest[word], claimed.get(word)
        if theirs is None:
            yield Absent(word)
            return
        if (theirs.dtype, theirs.shape) != (mine.dtype, mine.shape):
            yield WrongKind(word)
            return
        places = np.argwhere(np.atleast_1d(mine != theirs))
        if not len(places):
            continue
        first = tuple(map(int, places[0]))[: mine.ndim]
        if word in program.inputs:
            yield OutOfRange(word, first)
        elif program.node(word).op == "TopK" and word & 0xFFFFFFFF == order.INDICES:
            yield from _orders(program, Arrays(claimed), word)
        else:
            yield WrongElement(word, first)
        return


def _orders(program: Program, claim: Arrays, word: int) -> Iterator[WrongOrder]:
    """Everything that an order of this shape can be accused of."""
    indices = claim.arrays[word]
    source = program.node(word).operands[0]
    if source is None:
        return
    x = claim.arrays[source.word] if source.constant is None else source.constant
    axis = int(program.node(word).attributes.get("axis", -1)) % indices.ndim
    for index in product(*map(range, indices.shape)):
        yield WrongOrder(word, index)
        for rival in range(x.shape[axis]):
            yield WrongOrder(word, index, rival)
