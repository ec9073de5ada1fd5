"""One-operator models: every operator of the exact profile on extreme inputs, and what is outside it.

`suite` gives the models; whether one is exact is for the linter to say, what it must compute for ONNX's own reference
evaluator, and whether it does for ONNX Runtime on every machine at hand (tests, and `make isa`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from themis.exact.declare import Range, write_declarations
from themis.exact.graph import Graph, Tensor

Draw = Callable[..., Tensor]
Kind = type[np.generic]

ROWS: Final = 16
INNER: Final = 8
SHAPE: Final = ("N", INNER)
EXTENTS: Final = {"N": 64}
INTEGERS: Final[tuple[Kind, ...]] = (np.int32, np.int64, np.uint32, np.uint8, np.int8)
ZP: Final = np.uint8(128)
ONE: Final = np.float32(1)


@dataclass(frozen=True, slots=True)
class Case:
    """A model with inputs that reach both ends of their declared ranges."""

    name: str
    model: onnx.ModelProto
    feed: dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Input:
    dtype: Kind
    low: int
    high: int
    shape: tuple[int | str, ...] = SHAPE


def suite(seed: int = 0) -> Iterator[Case]:
    """Every case, with inputs drawn from a seed."""
    rng = np.random.default_rng(seed)
    seen = set()
    for part in (_elementwise, _unary, _moves, _casts, _products, _sorting, _quantization, _outside):
        for name, inputs, draw in part():
            if name in seen:  # some ranges coincide for narrow types
                continue
            seen.add(name)
            graph = Graph("case")
            tensors = [graph.input(f"x{i}", one.dtype, one.shape) for i, one in enumerate(inputs)]
            graph.output("y", draw(graph, *tensors))
            try:
                model = graph.build()
            except onnx.shape_inference.InferenceError as error:
                if "unsupported type" in str(error):  # ONNX does not define the operator for this type
                    continue
                raise
            ranges = {f"x{i}": Range(one.low, one.high) for i, one in enumerate(inputs) if one.dtype not in FLOATS}
            write_declarations(model, ranges, EXTENTS)
            yield Case(name, model, {f"x{i}": values(rng, one) for i, one in enumerate(inputs)})


BEYOND: Final = Input(np.int64, -(2**33), 2**33)
FLOATS: Final[tuple[Kind, ...]] = (np.float32, np.float64)
Row = tuple[str, Sequence[Input], Draw]


def values(rng: np.random.Generator, one: Input) -> NDArray[Any]:
    """A third anywhere in the range, a third at its ends, a third around zero."""
    shape = [ROWS if size == "N" else int(size) for size in one.shape]
    if one.dtype in FLOATS:
        return np.asarray(rng.standard_normal(shape) * one.high, one.dtype)
    if one.dtype is np.bool_:
        return rng.integers(0, 2, shape).astype(np.bool_)
    anywhere = rng.integers(one.low, one.high, shape, endpoint=True, dtype=np.int64)
    ends = rng.choice(np.array([one.low, min(one.low + 1, one.high), max(one.high - 1, one.low), one.high]), shape)
    small = np.clip(rng.integers(-3, 3, shape, endpoint=True), one.low, one.high)
    found = np.select([rng.random(shape) < 1 / 3, rng.random(shape) < 1 / 2], [anywhere, ends], small)
    if found.size > 1:
        found.ravel()[:2] = one.low, one.high
    return found.astype(one.dtype)


def _full(dtype: Kind) -> tuple[int, int]:
    info = np.iinfo(dtype)  # type: ignore[type-var]
    return int(info.min), int(info.max)


def _op(name: str, **attributes: Any) -> Draw:
    return lambda g, *operands: g.op(name, *operands, **attributes)


def _elementwise() -> Iterator[Row]:
    for dtype in INTEGERS:
        name, (low, high) = dtype.__name__, _full(dtype)
        root = int(np.sqrt(float(high))) // 2
        for op, a, b in (
            ("Add", (low // 2, high // 2), (low // 2, high // 2)),
            ("Add", (low, high), (0, 1)),
            ("Sub", (0 if low == 0 else low // 2, high // 2), (0, high // 2) if low else (0, 0)),
            ("Mul", (-root if low else 0, root), (-root if low else 0, root)),
            ("Div", (low + 1 if low else 0, high), (1, high)),
            ("Mod", (low, high), (1, high)),
            ("Max", (max(low, -(2**31)), min(high, 2**31 - 1)), (max(low, -(2**31)), min(high, 2**31 - 1))),
            ("Min", (max(low, -(2**31)), min(high, 2**31 - 1)), (max(low, -(2**31)), min(high, 2**31 - 1))),
            ("Max", (low, high), (low, high)),
        ):
            yield f"{op} {name} {a} {b}", [Input(dtype, *a), Input(dtype, *b)], _op(op)
        for op in ("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"):
            yield f"{op} {name}", [Input(dtype, low, high)] * 2, _op(op, dtype=np.bool_)
        yield f"Where {name}", [Input(np.bool_, 0, 1), *[Input(dtype, low, high)] * 2], _op("Where", dtype=dtype)
    for op in ("And", "Or", "Xor"):
        yield op, [Input(np.bool_, 0, 1)] * 2, _op(op)
    yield "Not", [Input(np.bool_, 0, 1)], _op("Not")
    for op in ("Max", "Min"):  # values whose high halves are equal: what ONNX Runtime 1.21-1.31 gets wrong
        yield f"{op} int64 beyond int32", [BEYOND, BEYOND], _op(op)
    for dtype in (np.int32, np.int64):
        yield (
            f"Div {dtype.__name__} by negatives",
            [Input(dtype, -(2**31) + 1, 2**31 - 1), Input(dtype, -9, -1)],
            _op("Div"),
        )
        yield f"Div {dtype.__name__} by any", [Input(dtype, -9, 9), Input(dtype, -9, 9)], _op("Div")
        yield f"Mod {dtype.__name__} by any", [Input(dtype, -9, 9), Input(dtype, -9, -1)], _op("Mod")
    for dtype, width in ((np.uint32, 32), (np.uint8, 8)):
        shifted = [Input(dtype, *_full(dtype)), Input(dtype, 0, width - 1)]
        yield f"BitShift right {width}", shifted, _op("BitShift", direction="RIGHT")
        yield f"BitShift left {width}", shifted, _op("BitShift", direction="LEFT")
        yield f"BitShift too far {width}", [shifted[0], Input(dtype, 0, width)], _op("BitShift", direction="RIGHT")


def _unary() -> Iterator[Row]:
    for dtype in INTEGERS:
        name, (low, high) = dtype.__name__, _full(dtype)
        for op in ("Neg", "Abs", "Sign"):
            for a in ((low + 1 if low else 0, high), (max(low, -(2**31)), min(high, 2**31 - 1))):
                yield f"{op} {name} {a}", [Input(dtype, *a)], _op(op)
        clip = partial(_clipped, dtype=dtype)
        yield f"Clip {name}", [Input(dtype, max(low, -(2**31)), min(high, 2**31 - 1))], clip
        yield f"Clip wide {name}", [Input(dtype, low, high)], clip
        for axis in (0, 1):
            axes = np.array([axis])
            yield (
                f"ReduceSum {name} {axis}",
                [Input(dtype, low // 64, high // 64)],
                partial(_with, op="ReduceSum", b=axes),
            )
            yield f"ReduceSum over {name} {axis}", [Input(dtype, low, high)], partial(_with, op="ReduceSum", b=axes)
            sums = partial(_with, op="CumSum", b=np.int64(axis))
            yield f"CumSum {name} {axis}", [Input(dtype, low // 64, high // 64)], sums
            back = partial(_with, op="CumSum", b=np.int64(axis), exclusive=1, reverse=1)
            yield f"CumSum back {name} {axis}", [Input(dtype, low // 64, high // 64)], back
            for op in ("ReduceMax", "ReduceMin"):
                for a in ((low, high), (max(low, -(2**31)), min(high, 2**31 - 1))):
                    yield f"{op} {name} {axis} {a}", [Input(dtype, *a)], _op(op, axes=[axis], keepdims=0)
            for op in ("ArgMax", "ArgMin"):
                ties = [Input(dtype, 0, 2)]
                yield f"{op} {name} {axis}", ties, _op(op, axis=axis, keepdims=0, dtype=np.int64)
                yield f"{op} last {name} {axis}", ties, _op(op, axis=axis, select_last_index=1, dtype=np.int64)

    yield "Sign int64 beyond int32", [BEYOND], _op("Sign")
    yield "Clip int64 beyond int32", [BEYOND], partial(_clipped, dtype=np.int64)
    yield "ReduceMax int64 beyond int32", [BEYOND], _op("ReduceMax", axes=[1], keepdims=0)


def _clipped(g: Graph, x: Tensor, *, dtype: Kind) -> Tensor:
    return g.op("Clip", x, dtype(1), dtype(100))


def _with(g: Graph, x: Tensor, *, op: str, b: Any, **attributes: Any) -> Tensor:
    return g.op(op, x, b, **attributes)


def _moves() -> Iterator[Row]:
    for dtype in (*INTEGERS, np.bool_):
        name = dtype.__name__
        x = [Input(dtype, *((0, 1) if dtype is np.bool_ else _full(dtype)))]
        for op, operand in (
            ("Reshape", np.array([-1, 2, 4])),
            ("Expand", np.array([2, 1, INNER])),
            ("Tile", np.array([1, 3])),
            ("Unsqueeze", np.array([1])),
            ("Gather", np.array([[0, 3], [2, 2]])),
            ("GatherND", np.array([[0, 3], [2, 2]])),
            ("Pad", np.array([1, 0, 2, 3])),
            ("Compress", np.array([True, False, True])),
        ):
            yield f"{op} {name}", x, partial(_with, op=op, b=operand)
        row = [Input(dtype, x[0].low, x[0].high, ("N", 1, INNER))]
        yield f"Squeeze {name}", row, partial(_with, op="Squeeze", b=np.array([1]))
        yield f"Identity {name}", x, _op("Identity")
        yield f"Flatten {name}", x, _op("Flatten", axis=0)
        yield f"Transpose {name}", x, _op("Transpose", perm=[1, 0])
        yield f"Concat {name}", x * 3, _op("Concat", axis=1)
        yield f"Slice {name}", x, lambda g, t: g.op("Slice", t, *(np.array([n]) for n in (-2, -9, 1, -3)))
        yield f"Split {name}", x, lambda g, t: g.ops("Split", 2, t, np.array([3, 5]), axis=1)[1]
        yield (
            f"GatherElements {name}",
            x,
            partial(_with, op="GatherElements", b=np.tile(np.array([7, 0]), (ROWS, 1)), axis=1),
        )
        yield f"Shape {name}", x, _op("Shape", dtype=np.int64)
        yield f"Size {name}", x, _op("Size", dtype=np.int64)
        yield f"NonZero {name}", x, _op("NonZero", dtype=np.int64)
    for dtype in (np.int32, np.int64):
        yield f"Range {dtype.__name__}", [Input(dtype, 5, 30, ())], _counted
    yield "ScatterND add", [Input(np.int64, -9, 9)], _scattered


def _counted(g: Graph, x: Tensor) -> Tensor:
    return g.op("Range", x.dtype.type(2), x, x.dtype.type(3), dtype=x.dtype.type)


def _scattered(g: Graph, x: Tensor) -> Tensor:
    rows = np.zeros((9, 1), np.int64)
    return g.op("ScatterND", x, rows, np.ones((9, INNER), np.int64), reduction="add")


def _casts() -> Iterator[Row]:
    kinds = (*INTEGERS, np.float32, np.float64)
    for source in INTEGERS:
        for target in kinds:
            name = f"Cast {source.__name__} {target.__name__}"
            low, high = _full(source)
            least, most = (-(2**24), 2**24) if target is np.float32 else (-(2**53), 2**53)
            if target not in FLOATS:
                least, most = _full(target)
            yield f"{name} fits", [Input(source, max(low, least), min(high, most))], partial(_cast, to=target)
            yield f"{name} any", [Input(source, low, high)], partial(_cast, to=target)
    for carrier, reach in ((np.float32, 2**24), (np.float64, 2**52)):
        x = [Input(np.int64, -reach // 4, reach // 4)]
        yield f"carried {carrier.__name__}", x, partial(_carried, by=carrier)
    yield "Sqrt", [Input(np.int64, 0, 2**52)], _root
    yield "Sqrt beyond", [Input(np.int64, 0, 2**53)], _root


def _cast(g: Graph, x: Tensor, *, to: Kind) -> Tensor:
    return g.cast(x, to)


def _carried(g: Graph, x: Tensor, *, by: Kind) -> Tensor:
    found = g.cast(x, by)
    return g.cast(g.op("Round", g.op("Sub", g.op("Add", found, found), by(5))), np.int64)


def _root(g: Graph, x: Tensor) -> Tensor:
    return g.cast(g.op("Floor", g.op("Sqrt", g.cast(x, np.float64))), np.int64)


def _products() -> Iterator[Row]:
    rng = np.random.default_rng(7)
    u8, any8 = Input(np.uint8, 0, 255, ("N", 77)), _full(np.int8)
    full = rng.integers(0, 256, (77, 33)).astype(np.uint8)
    ends = rng.choice(np.array([0, 255], np.uint8), (77, 33))
    heavy = rng.choice(np.array([-128, 127], np.int8), (77, 33))
    light = rng.choice(np.array([-64, 63], np.int8), (77, 33))
    for name, weight in (("u8", full), ("ends", ends), ("s8 heavy", heavy), ("s8 light", light)):
        zero = ZP if weight.dtype == np.uint8 else np.int8(0)
        yield f"MatMulInteger {name}", [u8], partial(_product, weight=weight, zero=zero)
        for shift in (0, 7, 12):
            yield f"QLinearMatMul {name} {shift}", [u8], partial(_scaled, weight=weight, zero=zero, scale=2.0**-shift)
    edge = rng.choice(np.array([-127, 127], np.int8), (77, 33))
    digits = [Input(np.uint8, 0, 127, ("N", 77))]
    yield "MatMulInteger s8 digits", digits, partial(_product, weight=edge, zero=np.int8(0))
    yield (
        "MatMulInteger s8 s8",
        [Input(np.int8, *any8, ("N", 77))],
        partial(_with, op="MatMulInteger", b=heavy, dtype=np.int32),
    )
    both = [Input(np.uint8, 0, 255, ("N", 3, 20)), Input(np.uint8, 0, 255, (20, 9))]
    yield "MatMulInteger of two inputs", both, lambda g, a, b: g.op("MatMulInteger", a, b, ZP, ZP, dtype=np.int32)
    yield "QLinearMatMul scale 3", [u8], partial(_scaled, weight=full, zero=ZP, scale=3.0)
    for dtype, most in ((np.int32, 5_000), (np.int64, 2**29)):
        operands = [Input(dtype, -most, most, ("N", 2, 20)), Input(dtype, -most, most, ("N", 20, 7))]
        yield f"MatMul {dtype.__name__}", operands, _op("MatMul")
        wide = [Input(dtype, *_full(dtype), one.shape) for one in operands]
        yield f"MatMul over {dtype.__name__}", wide, _op("MatMul")


def _product(g: Graph, x: Tensor, *, weight: NDArray[Any], zero: np.generic) -> Tensor:
    return g.op("MatMulInteger", x, weight, ZP, zero, dtype=np.int32)


def _scaled(g: Graph, x: Tensor, *, weight: NDArray[Any], zero: np.generic, scale: float) -> Tensor:
    return g.op("QLinearMatMul", x, ONE, ZP, weight, np.float32(scale), zero, ONE, ZP)


def _sorting() -> Iterator[Row]:
    for dtype in (np.int32, np.int64, np.uint32, np.uint8):
        for largest in (0, 1):
            for part, name in enumerate(("values", "indices")):
                x = [Input(dtype, max(_full(dtype)[0], -(2**40)), min(_full(dtype)[1], 2**40))]
                draw = partial(_top, largest=largest, part=part)
                yield f"TopK {dtype.__name__} {name} largest={largest}", x, draw


def _top(g: Graph, x: Tensor, *, largest: int, part: int) -> Tensor:
    distinct = g.op("Add", g.op("Div", x, x.dtype.type(INNER * 2)), np.arange(INNER, dtype=x.dtype))
    found = g.ops("TopK", 2, distinct, np.array([3]), largest=largest, sorted=1)
    return Tensor(found[part].name, np.dtype(np.int64) if part else x.dtype)


def _quantization() -> Iterator[Row]:
    for dtype in (np.uint8, np.int8):
        zero = dtype(3)
        plain = [Input(dtype, *_full(dtype))]
        yield f"DequantizeLinear {dtype.__name__}", plain, partial(_taken, zero=zero, scale=1.0)
        yield f"DequantizeLinear by a third {dtype.__name__}", plain, partial(_taken, zero=zero, scale=1 / 3)
        for scale in (2.0**-3, 1.0, 2.0**5, 3.0):
            x = [Input(np.int32, -(2**13), 2**13)]
            yield f"QuantizeLinear {dtype.__name__} {scale}", x, partial(_given, zero=zero, scale=scale)


def _taken(g: Graph, x: Tensor, *, zero: np.generic, scale: float) -> Tensor:
    return g.op("DequantizeLinear", x, np.float32(scale), zero, dtype=np.float32)


def _given(g: Graph, x: Tensor, *, zero: np.generic, scale: float) -> Tensor:
    return g.op("QuantizeLinear", g.cast(x, np.float32), np.float32(scale), zero, dtype=type(zero))


def _outside() -> Iterator[Row]:
    """Floating point, which differs between machines: the linter must refuse all of it."""
    for dtype in FLOATS:
        x = [Input(dtype, -3, 3, ("N", 40))]
        for op in ("Exp", "Erf", "Tanh", "Sigmoid", "Sqrt", "Log", "Softmax", "Neg", "Round", "Abs"):
            yield f"{op} {dtype.__name__}", x, _op(op)
        yield f"ReduceSum {dtype.__name__}", x, partial(_with, op="ReduceSum", b=np.array([1]))
        yield f"MatMul {dtype.__name__}", [x[0], Input(dtype, -3, 3, (40, 20))], _op("MatMul")
        yield f"Cast {dtype.__name__} int32", [Input(dtype, -(2**33), 2**33)], partial(_cast, to=np.int32)
