"""Largest sizes of a tensor's axes where ONNX's own inference gives up: where two named sizes are added, and after.

A size here is a bound, not the size: a sum of `total` elements is then proven for the most there can be.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from themis.exact.interval import Value

Dims = tuple[int | None, ...]
Known = Sequence[Dims | None]
Rule = Callable[[Known, Mapping[str, Any], Sequence[Value | None]], list[Dims] | None]


def found(op: str, inputs: Known, attributes: Mapping[str, Any], values: Sequence[Value | None]) -> list[Dims] | None:
    """Bounds of the outputs' sizes, or None where nothing is known; `outputs` among the attributes counts them."""
    return RULES[op](inputs, attributes, values) if op in RULES and inputs and inputs[0] is not None else None


def tighter(one: Dims | None, other: Dims | None) -> Dims | None:
    """What both together say of one tensor."""
    if one is None or other is None or len(one) != len(other):
        return one if one is not None else other
    return tuple(a if b is None else b if a is None else min(a, b) for a, b in zip(one, other, strict=True))


def _same(inputs: Known, _: Mapping[str, Any], __: Sequence[Value | None]) -> list[Dims] | None:
    return None if inputs[0] is None else [inputs[0]]


def _broadcast(inputs: Known, _: Mapping[str, Any], __: Sequence[Value | None]) -> list[Dims] | None:
    """Sizes along an axis are equal, or all but one are 1: none exceeds the largest."""
    known = [dims for dims in inputs if dims is not None]
    if len(known) < len(inputs):
        return None
    rank = max(map(len, known))
    padded = [(1,) * (rank - len(dims)) + dims for dims in known]
    return [tuple(_most(sizes) for sizes in zip(*padded, strict=True))]


def _most(sizes: Sequence[int | None]) -> int | None:
    """An unknown size hides the largest, for it may be larger."""
    known = [size for size in sizes if size is not None]
    return max(known) if len(known) == len(sizes) else None


def _joined(inputs: Known, attributes: Mapping[str, Any], _: Sequence[Value | None]) -> list[Dims] | None:
    known = [dims for dims in inputs if dims is not None]
    if len(known) < len(inputs):
        return None
    axis = attributes["axis"] % len(known[0])
    dims = [_most(sizes) for sizes in zip(*known, strict=True)]
    along = [part[axis] for part in known]
    dims[axis] = None if None in along else sum(size or 0 for size in along)
    return [tuple(dims)]


def _transposed(inputs: Known, attributes: Mapping[str, Any], _: Sequence[Value | None]) -> list[Dims] | None:
    (dims,) = inputs
    order = attributes.get("perm", range(len(dims or ()))[::-1])
    return [tuple(dims[axis] for axis in order)] if dims else None


def _reduced(inputs: Known, attributes: Mapping[str, Any], values: Sequence[Value | None]) -> list[Dims] | None:
    dims, axes = inputs[0], attributes.get("axes")
    if len(values) > 1:
        axes = None if values[1] is None or values[1].constant is None else values[1].constant.tolist()
    if dims is None or axes is None or not attributes.get("keepdims", 1):
        return None
    gone = {axis % len(dims) for axis in axes}
    return [tuple(1 if axis in gone else size for axis, size in enumerate(dims))]


def _product(inputs: Known, _: Mapping[str, Any], values: Sequence[Value | None]) -> list[Dims] | None:
    """Of a matrix product; its zero points are further operands."""
    a, b = inputs[:2]
    if a is None or b is None or min(len(a), len(b)) < 2:  # noqa: PLR2004 (a matrix)
        return None
    batch = _broadcast([a[:-2], b[:-2]], {}, values)
    return [(*batch[0], a[-2], b[-1])] if batch else None


def _gathered(inputs: Known, attributes: Mapping[str, Any], _: Sequence[Value | None]) -> list[Dims] | None:
    data, index = inputs
    if data is None or index is None:
        return None
    axis = attributes.get("axis", 0) % len(data)
    return [(*data[:axis], *index, *data[axis + 1 :])]


def _picked(inputs: Known, _: Mapping[str, Any], __: Sequence[Value | None]) -> list[Dims] | None:
    return None if inputs[1] is None else [inputs[1]]


def _unsqueezed(inputs: Known, _: Mapping[str, Any], values: Sequence[Value | None]) -> list[Dims] | None:
    dims, axes = inputs[0], values[1]
    if dims is None or axes is None or axes.constant is None:
        return None
    rank = len(dims) + axes.constant.size
    new, left = {axis % rank for axis in axes.constant.tolist()}, iter(dims)
    return [tuple(1 if axis in new else next(left) for axis in range(rank))]


def _squeezed(inputs: Known, _: Mapping[str, Any], values: Sequence[Value | None]) -> list[Dims] | None:
    dims, axes = inputs[0], values[1].constant if len(values) > 1 and values[1] is not None else None
    if dims is None or axes is None:
        return None
    gone = {axis % len(dims) for axis in axes.tolist()}
    return [tuple(size for axis, size in enumerate(dims) if axis not in gone)]


def _best(inputs: Known, attributes: Mapping[str, Any], values: Sequence[Value | None]) -> list[Dims] | None:
    """Of a TopK: as many as there are, or as a constant says."""
    dims, count = inputs[0], values[1]
    if dims is None or count is None:
        return None
    axis = attributes.get("axis", -1) % len(dims)
    found = dims[axis] if count.constant is None else int(count.constant.item())
    return [(*dims[:axis], found, *dims[axis + 1 :])] * 2


def _reshaped(inputs: Known, attributes: Mapping[str, Any], values: Sequence[Value | None]) -> list[Dims] | None:
    """Sizes that the shape says or copies, and for -1 what is left: the others' product divides the elements."""
    dims, shape = inputs[0], values[1]
    if dims is None or shape is None or attributes.get("allowzero", 0):
        return None
    if shape.constant is None:
        return _formed(dims, shape.sizes)
    said = [int(size) for size in shape.constant.ravel()]
    left: int | None = 1
    for axis, size in enumerate(dims):
        if not (axis < len(said) and said[axis] == 0):
            left = None if left is None or size is None else left * size
    for size in said:
        left = left // size if left is not None and size > 0 else left
    return [tuple(left if size == -1 else dims[axis] if size == 0 else size for axis, size in enumerate(said))]


def _formed(dims: Dims, sizes: tuple[int, ...] | None) -> list[Dims] | None:
    """By sizes that another tensor has; one that is 0 stands for the operand's own."""
    own = (*dims, *[0] * len(sizes or ()))
    return None if sizes is None else [tuple(_most((size, own[axis])) for axis, size in enumerate(sizes))]


def _parted(inputs: Known, attributes: Mapping[str, Any], values: Sequence[Value | None]) -> list[Dims] | None:
    """Of a Split by constant sizes; otherwise no part is larger than the whole."""
    dims = inputs[0]
    sizes = values[1].constant if len(values) > 1 and values[1] is not None else None
    if dims is None:
        return None
    if sizes is None:
        return [dims] * int(attributes["outputs"])
    axis = attributes.get("axis", 0) % len(dims)
    return [(*dims[:axis], int(size), *dims[axis + 1 :]) for size in sizes]


def _counted(_: Known, __: Mapping[str, Any], values: Sequence[Value | None]) -> list[Dims] | None:
    """Of a Range: its limits are values."""
    start, limit, step = values
    if start is None or limit is None or step is None or step.low < 1:
        return None
    return [(max(0, -(-(limit.high - start.low) // step.low)),)]


RULES: Final[Mapping[str, Rule]] = {
    **dict.fromkeys(("Identity", "Cast", "Clip", "Neg", "Abs", "Sign", "Sqrt", "Floor", "Ceil", "Round"), _same),
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear", "CumSum"), _same),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Mod", "Max", "Min", "Where", "BitShift", "And", "Or"), _broadcast),
    **dict.fromkeys(("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"), _broadcast),
    **dict.fromkeys(("ReduceSum", "ReduceMax", "ReduceMin"), _reduced),
    **dict.fromkeys(("MatMul", "MatMulInteger"), _product),
    "Concat": _joined,
    "Transpose": _transposed,
    "Gather": _gathered,
    "GatherElements": _picked,
    "Unsqueeze": _unsqueezed,
    "Reshape": _reshaped,
    "Squeeze": _squeezed,
    "Split": _parted,
    "TopK": _best,
    "Range": _counted,
}
"""Of others nothing is known but what ONNX infers."""
