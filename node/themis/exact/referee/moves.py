"""Operators that only move elements: each is one of an operand's, at another place."""

from collections.abc import Mapping
from itertools import pairwise
from math import prod
from typing import Final

from themis.exact.referee.case import Case, Index, Shape, Undefined
from themis.exact.referee.pointwise import Element


def flat(index: Index, shape: Shape) -> int:
    """How many elements lie before the place, row by row."""
    position = 0
    for place, size in zip(index, shape, strict=True):
        position = position * size + place
    return position


def unflat(position: int, shape: Shape) -> Index:
    """The place before which so many elements lie. Raises Undefined beyond the end."""
    if position >= prod(shape):
        raise Undefined(f"a tensor of shape {shape} has no element {position}")
    index = []
    for size in reversed(shape):
        position, place = divmod(position, size)
        index.append(place)
    return tuple(reversed(index))


def wrapped(place: int, size: int) -> int:
    """A place that may be counted from the end. Raises Undefined outside."""
    if not -size <= place < size:
        raise Undefined(f"there is no place {place} in an axis of {size}")
    return place % size


def axis_of(case: Case, default: int, rank: int) -> int:
    """Raises Undefined for an axis that the tensor does not have."""
    return wrapped(case.attribute("axis", default), rank)


def _reshaped(case: Case, output: int, index: Index) -> int:
    return case.operand(0).at(unflat(flat(index, case.result(output).shape), case.operand(0).shape))


def _transposed(case: Case, _: int, index: Index) -> int:
    source = [0] * len(index)
    for place, axis in zip(index, case.attribute("perm", range(len(index))[::-1]), strict=True):
        source[axis] = place
    return case.operand(0).at(tuple(source))


def _gathered(case: Case, _: int, index: Index) -> int:
    data, places = case.operand(0), case.operand(1)
    axis, rank = axis_of(case, 0, len(data.shape)), len(places.shape)
    place = wrapped(places.at(index[axis : axis + rank]), data.shape[axis])
    return data.at((*index[:axis], place, *index[axis + rank :]))


def _picked(case: Case, _: int, index: Index) -> int:
    data = case.operand(0)
    axis = axis_of(case, 0, len(index))
    place = wrapped(case.operand(1).at(index), data.shape[axis])
    return data.at((*index[:axis], place, *index[axis + 1 :]))


def split_sizes(case: Case) -> list[int]:
    """Of all parts. Raises Undefined where they do not make the whole."""
    data = case.operand(0)
    whole, count = data.shape[axis_of(case, 0, len(data.shape))], case.node.outputs
    sizes = case.optional(1)
    parts = [whole // count] * count if sizes is None else sizes.vector()
    if min(parts) < 0 or sum(parts) != whole or len(parts) != count:
        raise Undefined(f"parts of {parts} do not make {whole}")
    return parts


def _part(case: Case, output: int, index: Index) -> int:
    axis = axis_of(case, 0, len(index))
    first = sum(split_sizes(case)[:output])
    return case.operand(0).at((*index[:axis], first + index[axis], *index[axis + 1 :]))


def _joined(case: Case, _: int, index: Index) -> int:
    axis = axis_of(case, 0, len(index))
    ends = [0]
    for place in range(len(case.operands)):
        ends.append(ends[-1] + case.operand(place).shape[axis])
    for number, (first, end) in enumerate(pairwise(ends)):
        if first <= index[axis] < end:
            return case.operand(number).at((*index[:axis], index[axis] - first, *index[axis + 1 :]))
    raise Undefined(f"no part reaches place {index[axis]}")


ELEMENTS: Final[Mapping[str, Element]] = {
    **dict.fromkeys(("Identity", "Reshape", "Squeeze", "Unsqueeze"), _reshaped),
    "Transpose": _transposed,
    "Gather": _gathered,
    "GatherElements": _picked,
    "Split": _part,
    "Concat": _joined,
}
