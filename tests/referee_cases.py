"""Graphs of one operator for the referee, with what a seed draws: ranks 0 to 4, sizes 0 and 1, extreme values.

Every operator type of the shipped models is in `OPERATORS`. Values keep to what the exact profile proves of a graph: no
sum, product or index leaves its type.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Array = NDArray[Any]
Shape = tuple[int, ...]

OPSET: Final = 17
LONG: Final = (255, 256, 257, 513)
"""Around one and two steps of a reduction."""


@dataclass(slots=True)
class Drawn:
    """A graph of one operator that is being drawn."""

    rng: np.random.Generator
    feed: dict[str, Array] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)
    nodes: list[onnx.NodeProto] = field(default_factory=list)

    def given(self, value: Any) -> str:
        """An input of the graph."""
        self.feed[name := f"x{len(self.feed)}"] = np.asarray(value)
        return name

    def constant(self, value: Any) -> str:
        self.constants[name := f"c{len(self.constants)}"] = np.asarray(value)
        return name

    def either(self, value: Any) -> str:
        """What a graph may compute, or know."""
        return self.given(value) if self.rng.integers(2) else self.constant(value)

    def op(self, op: str, *operands: str, outputs: int = 1, **attributes: Any) -> list[str]:
        names = [f"y{len(self.nodes)}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(op, operands, names, **attributes))
        return names

    def pick(self, *choices: Any) -> Any:
        return choices[self.rng.integers(len(choices))]

    def shape(self, least: int = 0, most: int = 4, smallest: int = 0) -> Shape:
        sizes = [size for size in (0, 1, 1, 2, 3, 5) if size >= smallest]
        return tuple(self.pick(*sizes) for _ in range(self.rng.integers(least, most + 1)))

    def fitting(self, count: int) -> list[Shape]:
        """Shapes that are broadcast to one."""
        whole = self.shape()
        found = []
        for place in range(count):
            kept = whole if place == 0 else whole[self.rng.integers(len(whole) + 1) :]
            found.append(tuple(1 if self.rng.integers(4) == 0 else size for size in kept))
        return found

    def values(self, shape: Shape, dtype: Any, low: int, high: int) -> Array:
        """A third anywhere, a third at the ends, a third around zero or the end next to it."""
        near = min(max(0, low), high)
        anywhere = self.rng.integers(low, high, shape, endpoint=True)
        ends = self.rng.choice([low, high, max(low, high - 1), min(high, low + 1)], shape)
        small = np.clip(near + self.rng.integers(-3, 4, shape), low, high)
        return np.asarray(np.choose(self.rng.integers(0, 3, shape), [anywhere, ends, small])).astype(dtype)

    def model(self) -> onnx.ModelProto:
        kinds = {name: helper.np_dtype_to_tensor_dtype(value.dtype) for name, value in self.feed.items()}
        graph = helper.make_graph(
            self.nodes,
            "case",
            [helper.make_tensor_value_info(name, kinds[name], value.shape) for name, value in self.feed.items()],
            [onnx.ValueInfoProto(name=name) for name in self.nodes[-1].output],
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        return onnx.shape_inference.infer_shapes(model, data_prop=True)


Limits = Mapping[Any, tuple[int, int]]
SUMS: Final[Limits] = {
    np.int32: (-(2**30), 2**30 - 1),
    np.int64: (-(2**62), 2**62 - 1),
    np.float32: (-(2**23), 2**23),
    np.float64: (-(2**52), 2**52),
}
PRODUCTS: Final[Limits] = {
    np.int32: (-(2**15), 2**15),
    np.int64: (-(2**31), 2**31 - 1),
    np.float32: (-(2**12), 2**12),
    np.float64: (-(2**26), 2**26),
}
WORDS: Final[Limits] = {np.int32: (-(2**31), 2**31 - 1), np.int64: (-(2**31), 2**31 - 1)}
"""For operators that are wrong beyond int32 in some versions of ONNX Runtime."""


def _combined(op: str, limits: Limits) -> Callable[[Drawn], None]:
    def draw(d: Drawn) -> None:
        dtype = d.pick(*limits)
        shapes = d.fitting(d.pick(1, 2, 3) if op == "Max" else 2)
        d.op(op, *(d.given(d.values(shape, dtype, *limits[dtype])) for shape in shapes))

    return draw


def _divided(op: str) -> Callable[[Drawn], None]:
    def draw(d: Drawn) -> None:
        dtype = d.pick(np.int32, np.int64)
        x, by = d.fitting(2)
        most = int(np.iinfo(dtype).max)
        divisor = d.values(by, dtype, 1, most)
        if op == "Div":
            divisor *= d.rng.choice([-1, 1], by).astype(dtype)
        d.op(op, d.given(d.values(x, dtype, -most, most)), d.either(divisor))

    return draw


def _chosen(d: Drawn) -> None:
    condition, x, y = d.fitting(3)
    dtype = d.pick(np.uint8, np.int32, np.int64)
    low, high = (0, 255) if dtype is np.uint8 else WORDS[dtype]
    operands = [d.given(d.values(shape, dtype, low, high)) for shape in (x, y)]
    d.op("Where", d.given(d.values(condition, np.bool_, 0, 1)), *operands)


def _clipped(d: Drawn) -> None:
    dtype = d.pick(np.int32, np.int64, np.float32)
    low, high = SUMS[dtype] if dtype is np.float32 else WORDS[dtype]
    bounds = np.sort(d.values((2,), np.int64, low, high)).astype(dtype)
    d.op("Clip", d.given(d.values(d.shape(), dtype, low, high)), *(d.constant(bound) for bound in bounds))


def _shifted(d: Drawn) -> None:
    dtype = d.pick(np.uint8, np.uint32)
    x, by = d.fitting(2)
    most = int(np.iinfo(dtype).max)
    amount = d.values(by, dtype, 0, most.bit_length() - 1)
    d.op("BitShift", d.given(d.values(x, dtype, 0, most)), d.given(amount), direction="RIGHT")


def _cast(d: Drawn) -> None:
    source, target = d.pick(np.uint8, np.bool_, np.int32, np.int64, np.float32, np.float64), d.pick(*CASTS)
    limits = [CASTS.get(dtype, (0, 1)) for dtype in (source, target)]
    low, high = max(low for low, _ in limits), min(high for _, high in limits)
    x = d.values(d.shape(), source, low, high)
    d.op("Cast", d.given(x), to=helper.np_dtype_to_tensor_dtype(np.dtype(target)))


CASTS: Final[Limits] = {
    np.uint8: (0, 255),
    np.int8: (-128, 127),
    np.uint32: (0, 2**32 - 1),
    np.int32: (-(2**31), 2**31 - 1),
    np.int64: (-(2**63), 2**63 - 1),
    np.float32: (-(2**24), 2**24),
    np.float64: (-(2**53), 2**53),
}


def _rooted(d: Drawn) -> None:
    shape = d.shape()
    roots = d.values(shape, np.int64, 0, 2**26)
    x = np.clip(roots**2 + d.rng.integers(-1, 2, shape), 0, 2**52).astype(np.float64)
    d.op("Floor", *d.op("Sqrt", d.given(x)))


def _floored(d: Drawn) -> None:
    dtype = d.pick(np.float32, np.float64)
    d.op("Floor", d.given(d.values(d.shape(), dtype, *SUMS[dtype])))


def _quantized(d: Drawn) -> None:
    power, dtype = int(d.rng.integers(-2, 17)), d.pick(np.uint8, np.int8)
    info = np.iinfo(dtype)
    x = d.values(d.shape(), np.float32, -(2**12), 2**12)
    halves = np.clip(x * 2 ** max(0, power - 4), -(2**24), 2**24).astype(np.float32)
    zero = d.constant(d.values((), dtype, int(info.min), int(info.max)))
    d.op("QuantizeLinear", d.given(halves), d.constant(np.float32(2.0**power)), zero)


def _dequantized(d: Drawn) -> None:
    dtype = d.pick(np.uint8, np.int8)
    info = np.iinfo(dtype)
    x, zero = (d.values(shape, dtype, int(info.min), int(info.max)) for shape in (d.shape(), ()))
    d.op("DequantizeLinear", d.given(x), d.constant(np.float32(1)), d.constant(zero))


def _moved(d: Drawn, shape: Shape) -> str:
    dtype = d.pick(np.uint8, np.int32, np.int64, np.float32)
    low, high = {np.uint8: (0, 255), np.float32: (-(2**24), 2**24)}.get(dtype, (-(2**31), 2**31 - 1))
    return d.given(d.values(shape, dtype, low, high))


def _identity(d: Drawn) -> None:
    d.op("Identity", _moved(d, d.shape()))


def _reshaped(d: Drawn) -> None:
    shape = d.shape()
    said = list(d.pick(shape, shape[::-1], (int(np.prod(shape)),)))
    if 0 in said:  # which is no size there: it copies the operand's
        said = list(shape)
    elif said and shape and said[0] == shape[0] and d.rng.integers(2):
        said[0] = 0
    elif said and d.rng.integers(2):
        said[d.rng.integers(len(said))] = -1
    d.op("Reshape", _moved(d, shape), d.either(np.array(said, np.int64)))


def _squeezed(d: Drawn) -> None:
    shape = d.shape()
    ones = [axis - d.pick(0, len(shape)) for axis, size in enumerate(shape) if size == 1 and d.rng.integers(2)]
    axes = (d.constant(np.array(ones, np.int64)),) if ones else ()
    d.op("Squeeze", _moved(d, shape), *axes)


def _unsqueezed(d: Drawn) -> None:
    shape = d.shape(0, 3)
    count = int(d.rng.integers(1, 3))
    rank = len(shape) + count
    axes = d.rng.permutation(rank)[:count] - d.pick(0, rank)
    d.op("Unsqueeze", _moved(d, shape), d.constant(axes.astype(np.int64)))


def _transposed(d: Drawn) -> None:
    shape = d.shape(1)
    perm = {} if d.rng.integers(4) == 0 else {"perm": d.rng.permutation(len(shape)).tolist()}
    d.op("Transpose", _moved(d, shape), **perm)


def _gathered(d: Drawn) -> None:
    shape = d.shape(1, smallest=1)
    axis = int(d.rng.integers(-len(shape), len(shape)))
    size = shape[axis]
    places = d.values(d.shape(0, 4 - len(shape)), np.int64, -size, size - 1)
    table = d.constant(d.values((300, 3), np.uint8, 0, 255)) if d.rng.integers(4) == 0 else None
    if table:
        places, axis = d.values(d.shape(0, 2), np.int64, -300, 299), 0
    d.op("Gather", table or _moved(d, shape), d.either(places), axis=axis)


def _picked(d: Drawn) -> None:
    shape = d.shape(1, smallest=1)
    axis = int(d.rng.integers(-len(shape), len(shape)))
    wanted = list(shape)
    wanted[axis] = d.pick(0, 1, 4)
    places = d.values(tuple(wanted), np.int64, -shape[axis], shape[axis] - 1)
    d.op("GatherElements", _moved(d, shape), d.given(places), axis=axis)


def _split(d: Drawn) -> None:
    shape = list(d.shape(1))
    axis = int(d.rng.integers(-len(shape), len(shape)))
    sizes = d.rng.integers(0, 4, d.pick(1, 2, 4))
    if d.rng.integers(3):
        shape[axis] = int(sizes.sum())
        d.op("Split", _moved(d, tuple(shape)), d.either(sizes.astype(np.int64)), outputs=len(sizes), axis=axis)
    else:
        shape[axis] = 3 * d.pick(0, 1, 2)
        d.op("Split", _moved(d, tuple(shape)), outputs=3, axis=axis)


def _joined(d: Drawn) -> None:
    shape = d.shape(1)
    axis = int(d.rng.integers(-len(shape), len(shape)))
    parts = []
    for _ in range(d.pick(1, 2, 4)):
        part = list(shape)
        part[axis] = d.pick(0, 0, 1, 3)
        parts.append(d.given(d.values(tuple(part), np.int32, *WORDS[np.int32])))
    d.op("Concat", *parts, axis=axis)


def _reduced(op: str) -> Callable[[Drawn], None]:
    def draw(d: Drawn) -> None:
        shape = list(d.shape(1, 4, smallest=1))
        axis = int(d.rng.integers(-len(shape), len(shape)))
        if d.rng.integers(2):
            shape[axis] = d.pick(*LONG) if len(shape) == 1 else d.pick(15, 16, 17, 33)
        elif op == "ReduceSum" and d.rng.integers(3) == 0:
            shape[axis] = 0
        keepdims = int(d.rng.integers(2))
        if op == "ReduceSum":
            dtype, limit = d.pick((np.int32, 2**21), (np.int64, 2**43))
            x = d.given(d.values(tuple(shape), dtype, -limit, limit))
            d.op(op, x, d.constant(np.array([axis], np.int64)), keepdims=keepdims)
        else:
            dtype = d.pick(np.int32, np.int64, np.uint8)
            low, high = WORDS.get(dtype, (0, 255))
            d.op(op, d.given(d.values(tuple(shape), dtype, low, high)), axes=[axis], keepdims=keepdims)

    return draw


def _matrices(d: Drawn) -> tuple[Shape, Shape]:
    """Shapes of two operands with batch axes that fit; experts may have no rows."""
    rows, columns = (d.pick(0, 1, 2, 3) for _ in range(2))
    terms = d.pick(1, 2, 31, 32, 33, 300)
    batch = [shape[-2:] for shape in d.fitting(2)]
    return (*batch[0], rows, terms), (*batch[1], terms, columns)


def _multiplied(d: Drawn) -> None:
    a, b = _matrices(d)
    dtype, limit = d.pick((np.int32, 2**10), (np.int64, 2**26))
    d.op("MatMul", *(d.given(d.values(shape, dtype, -limit, limit)) for shape in (a, b)))


def _bytes(d: Drawn) -> tuple[str, str, list[Array]]:
    """Two operands of bytes, the second a weight or not, and their zero points."""
    a, b = _matrices(d)
    if weight := bool(d.rng.integers(2)):
        b = (b[-2], max(1, b[-1]))  # a weight without columns has no root
    x, y = (d.values(shape, np.uint8, 0, 255) for shape in (a, b))
    zeros = [d.values((), np.uint8, 0, 255) for _ in range(2)]
    return d.given(x), d.constant(y) if weight else d.given(y), zeros


def _bytes_multiplied(d: Drawn) -> None:
    a, b, zeros = _bytes(d)
    d.op("MatMulInteger", a, b, *map(d.constant, zeros))


def _bytes_scaled(d: Drawn) -> None:
    a, b, (a_zero, b_zero) = _bytes(d)
    columns = (d.constants.get(b, d.feed.get(b, np.zeros((1, 1))))).shape[-1]
    wide = d.rng.integers(2) and b in d.constants and columns
    powers = d.rng.integers(-8, 1, (columns,) if wide else ())
    d.op(
        "QLinearMatMul",
        *(a, d.constant(np.float32(2.0 ** int(d.rng.integers(-4, 2)))), d.constant(a_zero)),
        *(b, d.constant(np.asarray(2.0**powers, np.float32)), d.constant(b_zero)),
        *(d.constant(np.float32(2.0 ** int(d.rng.integers(-2, 3)))), d.constant(d.values((), np.uint8, 0, 255))),
    )


def _best(d: Drawn) -> None:
    shape = list(d.shape(1, 3, smallest=1))
    axis = int(d.rng.integers(-len(shape), len(shape)))
    shape[axis] = d.pick(1, 2, 5, 40)
    dtype = d.pick(np.int32, np.int64)
    limits = (0, 3) if d.rng.integers(2) else WORDS[dtype]
    count = d.either(np.array([d.pick(1, shape[axis], d.rng.integers(1, shape[axis] + 1))], np.int64))
    x = d.given(d.values(tuple(shape), dtype, *limits))
    d.op("TopK", x, count, outputs=2, axis=axis, largest=int(d.rng.integers(2)), sorted=1)


def _sizes(d: Drawn) -> None:
    span = {name: int(d.rng.integers(-5, 6)) for name in ("start", "end") if d.rng.integers(2)}
    d.op("Shape", _moved(d, d.shape()), **span)


def _counted(d: Drawn) -> None:
    dtype = d.pick(np.int32, np.int64)
    start, limit = d.rng.integers(-20, 20, 2)
    step = d.pick(-7, -1, 1, 1, 3)
    d.op("Range", *(d.given(np.asarray(value, dtype)) for value in (start, limit, step)))


OPERATORS: Final[Mapping[str, Callable[[Drawn], None]]] = {
    "Add": _combined("Add", SUMS),
    "Sub": _combined("Sub", SUMS),
    "Mul": _combined("Mul", PRODUCTS),
    "Max": _combined("Max", WORDS),
    "Equal": _combined("Equal", WORDS),
    "GreaterOrEqual": _combined("GreaterOrEqual", WORDS),
    "Div": _divided("Div"),
    "Mod": _divided("Mod"),
    "Where": _chosen,
    "Clip": _clipped,
    "BitShift": _shifted,
    "Cast": _cast,
    "Sqrt": _rooted,
    "Floor": _floored,
    "QuantizeLinear": _quantized,
    "DequantizeLinear": _dequantized,
    "Identity": _identity,
    "Reshape": _reshaped,
    "Squeeze": _squeezed,
    "Unsqueeze": _unsqueezed,
    "Transpose": _transposed,
    "Gather": _gathered,
    "GatherElements": _picked,
    "Split": _split,
    "Concat": _joined,
    "ReduceSum": _reduced("ReduceSum"),
    "ReduceMax": _reduced("ReduceMax"),
    "MatMul": _multiplied,
    "MatMulInteger": _bytes_multiplied,
    "QLinearMatMul": _bytes_scaled,
    "TopK": _best,
    "Shape": _sizes,
    "Range": _counted,
}


def drawn(op: str, seed: int) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """A graph whose last node is that operator, and its inputs."""
    d = Drawn(np.random.default_rng([seed, sum(op.encode())]))
    OPERATORS[op](d)
    return d.model(), d.feed
