"""Types and shapes of what a node gives, which follow from those of its operands and, for some, from values.

Shape and Range are here too: their elements are sizes and steps.
"""

from collections.abc import Callable, Mapping
from math import prod
from typing import Final

import numpy as np

from themis.exact.program import REDUCTIONS, WITNESS, step_of
from themis.exact.referee import reductions
from themis.exact.referee.case import Case, Index, Kind, Shape, Undefined, second
from themis.exact.referee.moves import axis_of, split_sizes, wrapped
from themis.exact.referee.pointwise import Element
from themis.exact.referee.products import require_matrices

BOOL: Final = np.dtype(np.bool_)
INT32: Final = np.dtype(np.int32)
INT64: Final = np.dtype(np.int64)
Kinds = Callable[[Case, int], Kind]


def kind(case: Case, output: int) -> Kind:
    """What an output or the witness of a node has to be. Raises Undefined."""
    if output == WITNESS:
        return _witness(case)
    return KINDS[case.node.op](case, output)


def _witness(case: Case) -> Kind:
    if case.node.op not in REDUCTIONS:
        dtype, shape = second(case).dtype, second(case).shape
        return Kind(dtype, (*shape[:-2], shape[-1], shape[-2]))
    x, axis = case.operand(0), reductions.axis_of(case)
    steps = -(-x.shape[axis] // step_of(axis, len(x.shape)))
    return Kind(x.dtype, (*x.shape[:axis], steps, *x.shape[axis + 1 :]))


def together(shapes: list[Shape]) -> Shape:
    """The shape to which all are broadcast. Raises Undefined where they do not fit."""
    rank = max(map(len, shapes))
    found = []
    for sizes in zip(*((1,) * (rank - len(shape)) + shape for shape in shapes), strict=True):
        others = {size for size in sizes if size != 1}
        if len(others) > 1:
            raise Undefined(f"shapes {shapes} do not fit together")
        found.append(others.pop() if others else 1)
    return tuple(found)


def _broadcast(case: Case, _: int) -> Kind:
    operands = [case.operand(place) for place in range(len(case.operands))]
    return Kind(operands[0].dtype, together([each.shape for each in operands]))


def _compared(case: Case, output: int) -> Kind:
    return Kind(BOOL, _broadcast(case, output).shape)


def _chosen(case: Case, output: int) -> Kind:
    return Kind(case.operand(1).dtype, _broadcast(case, output).shape)


def _same(case: Case, _: int) -> Kind:
    return case.operand(0).kind


def _cast(case: Case, _: int) -> Kind:
    return Kind(case.attribute("to", None), case.operand(0).shape)


def _quantized(case: Case, _: int) -> Kind:
    return Kind(case.operand(2).dtype, case.operand(0).shape)


def _dequantized(case: Case, _: int) -> Kind:
    return Kind(case.operand(1).dtype, case.operand(0).shape)


def _reshaped(case: Case, _: int) -> Kind:
    x, said = case.operand(0), case.operand(1).vector()
    if not case.attribute("allowzero", 0):
        said = [x.shape[wrapped(place, len(x.shape))] if size == 0 else size for place, size in enumerate(said)]
    known = prod(size for size in said if size != -1)
    if -1 in said:
        if not known or prod(x.shape) % known:
            raise Undefined(f"{x.shape} cannot become {said}")
        said[said.index(-1)] = prod(x.shape) // known
    if min(said, default=0) < 0 or prod(said) != prod(x.shape):
        raise Undefined(f"{x.shape} cannot become {said}")
    return Kind(x.dtype, tuple(said))


def _squeezed(case: Case, _: int) -> Kind:
    x, operand = case.operand(0), case.optional(1)
    rank = len(x.shape)
    axes = [axis for axis in range(rank) if x.shape[axis] == 1] if operand is None else operand.vector()
    gone = {wrapped(axis, rank) for axis in axes}
    if (operand is not None and not gone) or any(x.shape[axis] != 1 for axis in gone):
        raise Undefined(f"axes {sorted(gone)} of {x.shape} are not all of one element")
    return Kind(x.dtype, tuple(size for axis, size in enumerate(x.shape) if axis not in gone))


def _unsqueezed(case: Case, _: int) -> Kind:
    x, axes = case.operand(0), case.operand(1).vector()
    rank = len(x.shape) + len(axes)
    new, rest = {wrapped(axis, rank) for axis in axes}, iter(x.shape)
    if len(new) != len(axes):
        raise Undefined(f"axes {axes} are not different")
    return Kind(x.dtype, tuple(1 if axis in new else next(rest) for axis in range(rank)))


def _transposed(case: Case, _: int) -> Kind:
    x = case.operand(0)
    order = list(case.attribute("perm", range(len(x.shape))[::-1]))
    if sorted(order) != list(range(len(x.shape))):
        raise Undefined(f"{order} is no order of the axes of {x.shape}")
    return Kind(x.dtype, tuple(x.shape[axis] for axis in order))


def _gathered(case: Case, _: int) -> Kind:
    data, places = case.operand(0), case.operand(1)
    axis = axis_of(case, 0, len(data.shape))
    return Kind(data.dtype, (*data.shape[:axis], *places.shape, *data.shape[axis + 1 :]))


def _picked(case: Case, _: int) -> Kind:
    return Kind(case.operand(0).dtype, case.operand(1).shape)


def _part(case: Case, output: int) -> Kind:
    data = case.operand(0)
    axis = axis_of(case, 0, len(data.shape))
    return Kind(data.dtype, (*data.shape[:axis], split_sizes(case)[output], *data.shape[axis + 1 :]))


def _joined(case: Case, _: int) -> Kind:
    parts = [case.operand(place) for place in range(len(case.operands))]
    shape = parts[0].shape
    axis = axis_of(case, 0, len(shape))
    around = {(*part.shape[:axis], *part.shape[axis + 1 :]) for part in parts}
    if len(around) != 1 or any(len(part.shape) != len(shape) for part in parts):
        raise Undefined("parts do not fit together")
    return Kind(parts[0].dtype, (*shape[:axis], sum(part.shape[axis] for part in parts), *shape[axis + 1 :]))


def _reduced(case: Case, _: int) -> Kind:
    x, axis = case.operand(0), reductions.axis_of(case)
    kept = (1,) if case.attribute("keepdims", 1) else ()
    return Kind(x.dtype, (*x.shape[:axis], *kept, *x.shape[axis + 1 :]))


def _product(case: Case, _: int) -> Kind:
    a, b = require_matrices(case)
    dtype = {"MatMul": a.dtype, "MatMulInteger": INT32}.get(case.node.op) or case.operand(7).dtype
    return Kind(dtype, (*together([a.shape[:-2], b.shape[:-2]]), a.shape[-2], b.shape[-1]))


def _best(case: Case, output: int) -> Kind:
    x, count = case.operand(0), case.operand(1).scalar()
    axis = axis_of(case, -1, len(x.shape))
    if not 0 <= count <= x.shape[axis]:
        raise Undefined(f"there are not {count} best of {x.shape[axis]}")
    return Kind(INT64 if output else x.dtype, (*x.shape[:axis], count, *x.shape[axis + 1 :]))


def _span(case: Case) -> tuple[int, int]:
    """Of the axes whose sizes a Shape gives."""
    rank = len(case.operand(0).shape)
    start, end, _ = slice(case.attribute("start", 0), case.attribute("end", None)).indices(rank)
    return start, max(start, end)


def _sizes(case: Case, _: int) -> Kind:
    start, end = _span(case)
    return Kind(INT64, (end - start,))


def _counted(case: Case, _: int) -> Kind:
    start, limit, step = (case.operand(place).scalar() for place in range(3))
    if not step:
        raise Undefined("a step of 0 leads nowhere")
    return Kind(case.operand(0).dtype, (max(0, -(-(limit - start) // step)),))


def _size(case: Case, _: int, index: Index) -> int:
    return case.operand(0).shape[_span(case)[0] + index[0]]


def _count(case: Case, _: int, index: Index) -> int:
    return case.operand(0).scalar() + index[0] * case.operand(2).scalar()


KINDS: Final[Mapping[str, Kinds]] = {
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Mod", "Max", "BitShift"), _broadcast),
    **dict.fromkeys(("Equal", "GreaterOrEqual"), _compared),
    **dict.fromkeys(("Identity", "Clip", "Floor", "Root"), _same),
    **dict.fromkeys(reductions.ELEMENTS, _reduced),
    **dict.fromkeys(("MatMul", "MatMulInteger", "QLinearMatMul"), _product),
    "Where": _chosen,
    "Cast": _cast,
    "QuantizeLinear": _quantized,
    "DequantizeLinear": _dequantized,
    "Reshape": _reshaped,
    "Squeeze": _squeezed,
    "Unsqueeze": _unsqueezed,
    "Transpose": _transposed,
    "Gather": _gathered,
    "GatherElements": _picked,
    "Split": _part,
    "Concat": _joined,
    "TopK": _best,
    "Shape": _sizes,
    "Range": _counted,
}
ELEMENTS: Final[Mapping[str, Element]] = {"Shape": _size, "Range": _count}
