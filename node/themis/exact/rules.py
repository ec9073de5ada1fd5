"""What each operator of the exact profile does to intervals, and when it is outside the profile.

Reasons and measurements: MODELS.md, "The exact profile". An operator without a rule here is not in the profile.
"""

from collections.abc import Callable, Mapping
from math import prod
from typing import Final

import numpy as np

from themis.exact.call import Call, Rule, powers_of_two, whole, zero_point
from themis.exact.gemm import matmul, matmul_integer, qlinear_matmul
from themis.exact.interval import INT32_HIGH, INT32_LOW, Rejected, Value, constant, proven, truncated

AXIS_MAX: Final = INT32_HIGH
"""Taken for an axis of unknown size."""
ROOT_MAX: Final = 2**52
"""floor(sqrt(x)) in float64 is the integer root up to here."""
SUM_MAX: Final = 2**53
INT64: Final = np.dtype(np.int64)
BOOL: Final = np.dtype(np.bool_)
CARRIERS: Final = (np.int32, np.int64, np.float32, np.float64)
"""For these ONNX Runtime has had kernels of all arithmetic since 1.20."""


def moved(call: Call) -> list[Value]:
    """Elements are copied from the first operand."""
    first = call.operand(0)
    return [Value(first.dtype, first.low, first.high, first.fractional)] * call.outputs


def concat(call: Call) -> list[Value]:
    return [union([call.operand(index) for index in range(len(call.inputs))])]


def where(call: Call) -> list[Value]:
    has_kernel(call.operand(1), np.uint8, *CARRIERS)
    return [union([call.operand(1), call.operand(2)])]


def pad(call: Call) -> list[Value]:
    first = call.operand(0)
    if call.attributes.get("mode", "constant") != "constant":
        raise Rejected("Pad is specified for mode `constant` only")
    filler = call.operand(2) if len(call.inputs) > 2 and call.inputs[2] else Value(first.dtype, 0, 0)  # noqa: PLR2004
    return [union([first, filler])]


def squeezed(call: Call) -> list[Value]:
    axes = call.inputs[1].constant if len(call.inputs) > 1 and call.inputs[1] else None
    if axes is not None and not axes.size:
        raise Rejected("Squeeze of no axes takes away none or, in ONNX Runtime, all of size 1: name them, or leave it")
    return moved(call)


def gathered_nd(call: Call) -> list[Value]:
    if call.attributes.get("batch_dims", 0):
        raise Rejected("GatherND is specified for batch_dims 0 only")
    return moved(call)


def index(call: Call) -> list[Value]:
    """Positions or sizes, whatever the operand holds."""
    return [Value(INT64, 0, AXIS_MAX)] * call.outputs


def shape(call: Call) -> list[Value]:
    """Sizes, no larger than what is known of them."""
    dims = (call.dims[0] or (None,))[call.attributes.get("start", 0) : call.attributes.get("end")]
    known = [size for size in dims if size is not None]
    if call.dims[0] is None or len(known) < len(dims):
        return [Value(INT64, 0, AXIS_MAX)]
    return [Value(INT64, 0, max(known, default=0), sizes=tuple(known))]


def non_zero(call: Call) -> list[Value]:
    has_kernel(call.operand(0), np.bool_, np.uint8, np.int32, np.int64)
    return index(call)


def constant_node(call: Call) -> list[Value]:
    value = call.attributes.get("value")
    if not isinstance(value, np.ndarray):
        raise Rejected("Constant needs the attribute `value`")
    return [constant(value)]


def constant_of_shape(call: Call) -> list[Value]:
    found = constant(call.attributes.get("value", np.zeros(1, np.float32)))
    return [Value(found.dtype, found.low, found.high, found.fractional)]


def range_(call: Call) -> list[Value]:
    start, limit = call.integer(0), call.integer(1)
    return [Value(start.dtype, min(start.low, limit.low), max(start.high, limit.high))]


def comparison(call: Call) -> list[Value]:
    signed(call)
    return [Value(BOOL, 0, 1)]


def connective(_: Call) -> list[Value]:
    return [Value(BOOL, 0, 1)]


def arithmetic(combine: Callable[[int, int], int]) -> Rule:
    """Add, Sub or Mul of integers, or of floats that carry integers: extremes lie at the corners."""

    def rule(call: Call) -> list[Value]:
        a, b = whole(call.operand(0)), whole(call.operand(1))
        has_kernel(a, *CARRIERS)
        corners = [combine(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
        if call.op == "Mul" and call.squared:
            corners = [a.largest**2, 0 if a.low <= 0 <= a.high else min(a.low**2, a.high**2)]
        return [proven(a.dtype, min(corners), max(corners))]

    return rule


def negative(call: Call) -> list[Value]:
    x = whole(call.operand(0))
    return [proven(x.dtype, -x.high, -x.low)]


def absolute(call: Call) -> list[Value]:
    x = whole(call.operand(0))
    least = 0 if x.low <= 0 <= x.high else min(abs(x.low), abs(x.high))
    return [proven(x.dtype, least, x.largest)]


def sign(call: Call) -> list[Value]:
    return [Value(inside_int32(call.integer(0)).dtype, -1, 1)]


def divide(call: Call) -> list[Value]:
    a, b = signed(call), call.integer(1)
    if b.low <= 0 <= b.high:
        raise Rejected(f"divisor {b.low}..{b.high} may be 0: clip it to at least 1")
    corners = [truncated(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
    between = [0] if a.low < 0 < a.high else []
    return [proven(a.dtype, min(corners + between), max(corners + between))]


def modulo(call: Call) -> list[Value]:
    a, b = call.integer(0), call.integer(1)
    if b.low <= 0 or call.attributes.get("fmod", 0):
        raise Rejected("Mod needs fmod = 0 and a positive divisor")
    return [Value(a.dtype, 0, min(b.high - 1, a.high) if a.low >= 0 else b.high - 1)]


def clip(call: Call) -> list[Value]:
    x, low, high = (whole(call.operand(index)) for index in range(3))
    if low.high > high.low:
        raise Rejected("Clip's bounds cross")
    for value in (x, low, high):
        inside_int32(value)
    return [Value(x.dtype, min(max(x.low, low.low), high.high), max(min(x.high, high.high), low.low))]


def extreme(choose: Callable[[list[int]], int]) -> Rule:
    """Max or Min of several operands."""

    def rule(call: Call) -> list[Value]:
        values = [inside_int32(whole(call.operand(index))) for index in range(len(call.inputs))]
        has_kernel(values[0], *CARRIERS)
        low, high = (choose([getattr(value, end) for value in values]) for end in ("low", "high"))
        return [Value(values[0].dtype, low, high)]

    return rule


def cast(call: Call) -> list[Value]:
    x, target = whole(call.operand(0)), call.attributes["to"]
    return [proven(target, x.low, x.high)]


def reduce_sum(call: Call) -> list[Value]:
    return total(call, prod(call.extent(0, axis) or AXIS_MAX for axis in call.constant_ints(1)))


def running_sum(call: Call) -> list[Value]:
    (axis,) = call.constant_ints(1)
    (found,) = total(call, call.extent(0, axis) or AXIS_MAX)
    return [Value(found.dtype, min(found.low, 0), max(found.high, 0))]  # `exclusive` begins with 0


def total(call: Call, count: int) -> list[Value]:
    """Sum of up to `count` elements. ReduceSum adds in float64: int32 saturates, int64 rounds beyond 2^53."""
    x = signed(call)
    found = proven(x.dtype, min(x.low * count, x.low), max(x.high * count, x.high))
    if call.op == "ReduceSum" and found.largest > SUM_MAX:
        raise Rejected(f"may sum to {found.low}..{found.high}: ONNX Runtime's ReduceSum rounds from 2^53")
    return [found]


def reduce_extreme(call: Call) -> list[Value]:
    x = inside_int32(call.integer(0))
    has_kernel(x, np.uint8, np.int8, np.int32, np.int64)
    return [Value(x.dtype, x.low, x.high)]


def argument(call: Call) -> list[Value]:
    """ArgMax and ArgMin; ties go to the first, or the last where the node says so."""
    inside_int32(signed(call))
    return index(call)


def top_k(call: Call) -> list[Value]:
    x, axis = signed(call), call.attributes.get("axis", -1)
    last = (call.extent(0, axis) or AXIS_MAX) - 1
    return [Value(x.dtype, x.low, x.high), Value(INT64, 0, last)]


def rounding(call: Call) -> list[Value]:
    x = call.operand(0)
    return [Value(x.dtype, x.low, x.high)]


def square_root(call: Call) -> list[Value]:
    x = whole(call.operand(0))
    if x.dtype != np.float64 or x.low < 0 or x.high > ROOT_MAX:
        raise Rejected("Sqrt needs float64 within 0..2^52: float32 roots differ between ONNX Runtime versions")
    return [Value(x.dtype, 0, int(np.ceil(np.sqrt(float(x.high)))), fractional=True)]


def bit_shift(call: Call) -> list[Value]:
    x, amount = call.integer(0), call.integer(1)
    if x.dtype.kind != "u" or call.attributes.get("direction") != "RIGHT" or amount.high >= 8 * x.dtype.itemsize:
        raise Rejected("BitShift needs direction RIGHT, unsigned operands and an amount below their width")
    return [Value(x.dtype, x.low >> amount.high, x.high >> amount.low)]


def dequantize(call: Call) -> list[Value]:
    x, scale, zero = call.integer(0), call.operand(1), zero_point(call, 2)
    if scale.constant is None or not (scale.constant == 1).all():
        raise Rejected("DequantizeLinear needs a constant scale of 1, so that floats carry integers")
    return [proven(np.dtype(np.float32), x.low - zero, x.high - zero)]


def quantize(call: Call) -> list[Value]:
    whole(call.operand(0))
    powers_of_two(call, 1)
    zero_point(call, 2)
    dtype = call.operand(2).dtype
    return [Value(dtype, int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))]


def signed(call: Call) -> Value:
    """The first operand of an operator that has kernels for int32 and int64 in every version."""
    x = call.integer(0)
    has_kernel(x, np.int32, np.int64)
    return x


def has_kernel(x: Value, *dtypes: type[np.generic]) -> None:
    if x.dtype not in dtypes:
        names = ", ".join(dtype.__name__ for dtype in dtypes)
        raise Rejected(f"ONNX Runtime lacks a kernel for {x.dtype}, or had none in 1.20: cast to one of {names}")


def inside_int32(value: Value) -> Value:
    """Guard against ONNX Runtime 1.21-1.31: int64 Max, Min, Clip and Sign are wrong on x86 beyond int32 (#32475)."""
    if value.dtype == np.int64 and (value.low < INT32_LOW or value.high > INT32_HIGH):
        raise Rejected(
            "int64 Max, Min, Clip and Sign beyond int32 are wrong in ONNX Runtime 1.21-1.31: keep operands in int32"
        )
    return value


def union(values: list[Value]) -> Value:
    return Value(
        values[0].dtype,
        min(value.low for value in values),
        max(value.high for value in values),
        any(value.fractional for value in values),
    )


RULES: Final[Mapping[str, Rule]] = {
    "Add": arithmetic(lambda x, y: x + y),
    "Sub": arithmetic(lambda x, y: x - y),
    "Mul": arithmetic(lambda x, y: x * y),
    "Div": divide,
    "Mod": modulo,
    "Neg": negative,
    "Abs": absolute,
    "Sign": sign,
    "Clip": clip,
    "Max": extreme(max),
    "Min": extreme(min),
    "Cast": cast,
    "BitShift": bit_shift,
    "Sqrt": square_root,
    "ReduceSum": reduce_sum,
    "CumSum": running_sum,
    "TopK": top_k,
    "MatMul": matmul,
    "MatMulInteger": matmul_integer,
    "QLinearMatMul": qlinear_matmul,
    "QuantizeLinear": quantize,
    "DequantizeLinear": dequantize,
    "Range": range_,
    "Where": where,
    "Concat": concat,
    "Pad": pad,
    "Constant": constant_node,
    "ConstantOfShape": constant_of_shape,
    **dict.fromkeys(("Floor", "Ceil", "Round"), rounding),
    **dict.fromkeys(("ReduceMax", "ReduceMin"), reduce_extreme),
    **dict.fromkeys(("ArgMax", "ArgMin"), argument),
    "Shape": shape,
    "Size": index,
    "Squeeze": squeezed,
    "NonZero": non_zero,
    "GatherND": gathered_nd,
    **dict.fromkeys(("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"), comparison),
    **dict.fromkeys(("And", "Or", "Xor", "Not"), connective),
    **dict.fromkeys(
        (
            *("Identity", "Reshape", "Flatten", "Transpose", "Unsqueeze", "Expand", "Tile"),
            *("Slice", "Split", "Gather", "GatherElements", "Compress"),
        ),
        moved,
    ),
}
