"""Sums and extremes along an axis, by a witness: what they come to after each step, so that one step is one check."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from themis.exact.program import WITNESS, reduced_axis, step_of
from themis.exact.referee.case import Case, Index, Undefined
from themis.exact.referee.pointwise import Element


def axis_of(case: Case) -> int:
    """The one axis that is reduced. Raises Undefined for none or several."""
    operand = case.optional(1)
    try:
        return reduced_axis(case.node, None if operand is None else operand.vector(), len(case.operand(0).shape))
    except ValueError as error:
        raise Undefined(str(error)) from error


def _reduced(combine: Callable[[Sequence[int]], int], case: Case, output: int, index: Index) -> int:
    x, axis = case.operand(0), axis_of(case)
    running = case.result(WITNESS)
    step = step_of(axis, len(x.shape))
    if output == WITNESS:
        first = index[axis] * step
        terms = [
            x.at((*index[:axis], place, *index[axis + 1 :])) for place in range(first, min(first + step, x.shape[axis]))
        ]
        if index[axis]:
            terms.append(running.at((*index[:axis], index[axis] - 1, *index[axis + 1 :])))
        return combine(terms)
    behind = index[axis + 1 :] if case.attribute("keepdims", 1) else index[axis:]
    if not running.shape[axis]:
        return combine([])
    return running.at((*index[:axis], running.shape[axis] - 1, *behind))


def _largest(terms: Sequence[int]) -> int:
    if not terms:
        raise Undefined("of nothing there is no largest")
    return max(terms)


ELEMENTS: Final[Mapping[str, Element]] = {"ReduceSum": partial(_reduced, sum), "ReduceMax": partial(_reduced, _largest)}
