"""The linter rejects, with a reason, what differs between machines; what it accepts stays in its proven range."""

import re
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from tests.twins import run
from themis.exact.declare import Range, read_declarations, write_declarations
from themis.exact.graph import Graph, Tensor
from themis.exact.lint import lint

U8 = np.full((4, 3), 200, np.uint8)
S8 = np.full((4, 3), 100, np.int8)
ZP = np.uint8(128)
Draw = Callable[[Graph], Tensor]


def declared(draw: Draw, ranges: dict[str, Range] | None = None) -> onnx.ModelProto:
    graph = Graph("case")
    graph.output("y", draw(graph))
    model = graph.build()
    write_declarations(model, ranges or {}, {"N": 64})
    return model


def u8(g: Graph) -> Tensor:
    return g.input("x", np.uint8, ("N", 4))


def i32(g: Graph) -> Tensor:
    return g.input("x", np.int32, ("N", 4))


def i64(g: Graph) -> Tensor:
    return g.input("x", np.int64, ("N", 4))


def f32(g: Graph, scale: float = 1) -> Tensor:
    return g.op("DequantizeLinear", u8(g), np.float32(scale), ZP, dtype=np.float32)


def qlinear(g: Graph, weight: np.ndarray, scale: float) -> Tensor:
    one = np.float32(1)
    return g.op("QLinearMatMul", u8(g), one, ZP, weight, one, weight.dtype.type(0), np.float32(scale), ZP)


REJECTED: dict[str, tuple[Draw, str]] = {
    "u8 x s8": (
        lambda g: g.op("MatMulInteger", u8(g), S8, ZP, np.int8(0), dtype=np.int32),
        "u8 x s8 saturates on AVX2",
    ),
    "s8 x s8": (
        lambda g: g.op("MatMulInteger", g.input("x", np.int8, ("N", 4)), S8, dtype=np.int32),
        "int8 x int8",
    ),
    "product scaled by 1/3": (
        lambda g: qlinear(g, U8, 3.0),
        "powers of two",
    ),
    "int32 overflow": (lambda g: g.op("Add", i32(g), np.int32(1)), "beyond exact int32"),
    "int64 overflow": (lambda g: g.op("Mul", i64(g), np.int64(3)), "beyond exact int64"),
    "division by zero": (lambda g: g.op("Div", np.int32(7), i32(g)), "may be 0"),
    "modulo by a negative": (lambda g: g.op("Mod", i32(g), np.int32(-3)), "positive divisor"),
    "most negative by minus one": (lambda g: g.op("Div", i32(g), np.int32(-1)), "beyond exact int32"),
    "int64 clip beyond int32": (
        lambda g: g.op("Clip", i64(g), np.int64(0), np.int64(5)),
        r"wrong in ONNX Runtime 1\.21-1\.31",
    ),
    "int64 maximum beyond int32": (lambda g: g.op("ReduceMax", i64(g), axes=[0]), r"wrong in ONNX Runtime 1\.21"),
    "int64 pairwise maximum beyond int32": (
        lambda g: g.op("Max", i64(g), np.int64(3)),
        r"wrong in ONNX Runtime 1\.21",
    ),
    "crossed clip": (lambda g: g.op("Clip", i32(g), np.int32(5), np.int32(0)), "cross"),
    "narrowing cast": (lambda g: g.cast(i32(g), np.uint8), "beyond exact uint8"),
    "int to float cast": (lambda g: g.cast(i32(g), np.float32), "beyond exact float32"),
    "float operator": (lambda g: g.op("Exp", f32(g)), "not in the exact profile"),
    "float matrix product": (lambda g: g.op("MatMul", f32(g), U8.astype(np.float32)), "float MatMul differs"),
    "float sum": (lambda g: g.op("ReduceSum", f32(g), np.array([1])), "float ReduceSum differs"),
    "float division": (lambda g: g.op("Div", f32(g), np.float32(2)), "float Div differs"),
    "fraction from a constant": (lambda g: g.op("Mul", f32(g), np.float32(0.5)), "may have a fraction"),
    "fractional scale": (lambda g: f32(g, 0.5), "scale of 1"),
    "scale that is no power of two": (
        lambda g: g.op("QuantizeLinear", f32(g), np.float32(3), ZP, dtype=np.uint8),
        "powers of two",
    ),
    "float32 root": (lambda g: g.op("Sqrt", f32(g)), "float64"),
    "root of a negative": (lambda g: g.op("Sqrt", g.cast(i32(g), np.float64)), "within 0"),
    "unrounded root": (
        lambda g: g.cast(g.op("Sqrt", g.cast(u8(g), np.float64)), np.int32),
        "may have a fraction",
    ),
    "shift by the width": (
        lambda g: g.op("BitShift", u8(g), np.uint8(8), direction="RIGHT"),
        "below their width",
    ),
    "left shift": (lambda g: g.op("BitShift", u8(g), np.uint8(1), direction="LEFT"), "direction RIGHT"),
    "sum over an axis of unknown size": (
        lambda g: g.op("ReduceSum", g.op("Range", np.int32(0), g.input("x", np.int32, ()), np.int32(1)), np.array([0])),
        "beyond exact int32",
    ),
    "product over an axis of unknown size": (
        lambda g: g.op(
            "MatMulInteger", g.input("x", np.uint8, (2, "?")), g.input("w", np.uint8, ("?", 2)), ZP, ZP, dtype=np.int32
        ),
        "declare the extent",
    ),
    "scale beyond int32": (lambda g: qlinear(g, U8, 2.0**-40), "powers of two"),
    "racing scatter": (
        lambda g: g.op("ScatterND", i32(g), np.array([[0], [0]]), np.zeros((2, 4), np.int32), reduction="add"),
        "not in the exact profile",
    ),
    "float input": (lambda g: g.input("x", np.float32, ("N", 4)), "inputs must be integers"),
    "infinite constant": (lambda g: g.op("Mul", f32(g), np.float32(np.inf)), "infinity"),
    "zero point that varies": (
        lambda g: g.op("MatMulInteger", u8(g), U8, g.input("z", np.uint8, ()), ZP, dtype=np.int32),
        "zero points must be constant",
    ),
}


@pytest.mark.parametrize(("draw", "reason"), REJECTED.values(), ids=REJECTED.keys())
def test_rejects(draw: Draw, reason: str) -> None:
    report = lint(declared(draw))
    assert not report.exact
    assert any(re.search(reason, finding.reason) for finding in report.findings), report.findings


def test_rejects_a_long_accumulator() -> None:
    weight = np.full((1_024, 1), 255, np.uint8)

    def draw(g: Graph) -> Tensor:
        one, x = np.float32(1), g.input("x", np.uint8, ("N", 1_024))
        return g.op("QLinearMatMul", x, one, ZP, weight, one, np.uint8(0), one, ZP)

    assert "float32 rounds from 2^24" in lint(declared(draw)).findings[0].reason


def good() -> onnx.ModelProto:
    return declared(lambda g: g.op("MatMulInteger", u8(g), U8, ZP, ZP, dtype=np.int32))


def foreign_domain(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    model.graph.node.insert(0, helper.make_node("QuickGelu", ["x"], ["unused"], domain="com.microsoft"))


def external_data(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    tensor.external_data.add(key="location", value="weights.bin")


def replaceable_weight(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))


def new_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 18


def dangling_input(model: onnx.ModelProto) -> None:
    model.graph.node[0].input[0] = "nothing"


def unreadable_range(model: onnx.ModelProto) -> None:
    model.metadata_props.add(key="range:x", value="0 to 9")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (foreign_domain, "only ai.onnx"),
        (external_data, "valid ONNX|another file"),
        (replaceable_weight, "that a caller may replace"),
        (new_opset, "only ai.onnx 13-17"),
        (dangling_input, "is not valid ONNX"),
        (unreadable_range, "is not valid ONNX"),
    ],
)
def test_rejects_the_model_as_a_whole(spoil: Callable[[onnx.ModelProto], None], reason: str) -> None:
    model = good()
    assert lint(model).exact
    spoil(model)
    findings = lint(model).findings
    assert findings[0].node == "model"
    assert any(part in findings[0].reason for part in reason.split("|"))


def test_a_size_that_the_file_only_claims_proves_nothing() -> None:
    def draw(g: Graph) -> Tensor:
        x = i32(g)
        kept = g.op("Compress", x, g.op("Reshape", g.op("Less", x, np.int32(3), dtype=np.bool_), np.array([-1])))
        return g.op("ReduceSum", kept, np.array([0]), keepdims=0)

    model = declared(draw, {"x": Range(0, 9)})
    place = next(index for index, node in enumerate(model.graph.node) if node.op_type == "Compress")
    claimed = helper.make_tensor_value_info(model.graph.node[place].output[0], TensorProto.INT32, [2])
    model.graph.value_info.append(claimed)
    assert [finding.node for finding in lint(model).findings] == [f"ReduceSum -> {model.graph.node[-2].output[0]}"]


def test_one_cause_gives_one_finding() -> None:
    model = declared(lambda g: g.cast(g.op("Add", g.op("Exp", f32(g)), np.float32(1)), np.int32))
    assert [finding.node for finding in lint(model).findings] == ["Exp -> v1_0"]


def test_a_declared_range_makes_a_sum_provable() -> None:
    def draw(g: Graph) -> Tensor:
        return g.op("ReduceSum", i32(g), np.array([0]), keepdims=0)

    assert not lint(declared(draw)).exact
    report = lint(declared(draw, {"x": Range(-5, 9)}))
    assert report.exact
    assert (report.certificate["y"].low, report.certificate["y"].high) == (-5 * 64, 9 * 64)


def test_declarations_are_read_back() -> None:
    model = declared(u8, {"x": Range(-3, 2**40)})
    found = read_declarations(model)
    assert (found.ranges, found.extents) == ({"x": Range(-3, 2**40)}, {"N": 64})


UNARY: dict[str, Callable[[Graph, Tensor, int], Tensor]] = {
    "Add": lambda g, x, c: g.op("Add", x, np.int32(c)),
    "Sub": lambda g, x, c: g.op("Sub", np.int32(c), x),
    "Mul": lambda g, x, c: g.op("Mul", x, np.int32(c)),
    "Square": lambda g, x, _: g.op("Mul", x, x),
    "Div": lambda g, x, c: g.op("Div", x, np.int32(c or 1)),
    "Mod": lambda g, x, c: g.op("Mod", x, np.int32(abs(c) + 1)),
    "Clip": lambda g, x, c: g.op("Clip", x, np.int32(-abs(c)), np.int32(abs(c))),
    "Max": lambda g, x, c: g.op("Max", x, np.int32(c)),
    "Where": lambda g, x, c: g.op(
        "Where", g.op("Less", x, np.int32(c), dtype=np.bool_), x, np.int32(c), dtype=np.int32
    ),
    "ReduceSum": lambda g, x, _: g.op("ReduceSum", x, np.array([1]), keepdims=1),
    "ReduceMax": lambda g, x, _: g.op("ReduceMax", x, axes=[1], keepdims=1),
    "Root": lambda g, x, _: g.cast(g.op("Floor", g.op("Sqrt", g.cast(g.op("Mul", x, x), np.float64))), np.int32),
}


@settings(max_examples=150, deadline=None)
@given(
    chain=st.lists(st.tuples(st.sampled_from(list(UNARY)), st.integers(-40, 40)), min_size=1, max_size=6),
    bounds=st.lists(st.integers(-50, 50), min_size=2, max_size=2).map(sorted),
    seed=st.integers(0, 2**32 - 1),
)
def test_results_stay_in_their_proven_ranges(chain: list[tuple[str, int]], bounds: list[int], seed: int) -> None:
    low, high = bounds

    def draw(g: Graph) -> Tensor:
        value = i32(g)
        for op, constant in chain:
            value = UNARY[op](g, value, constant)
        return value

    model = declared(draw, {"x": Range(low, high)})
    report = lint(model)
    if report.exact:
        x = np.random.default_rng(seed).integers(low, high, (64, 4), endpoint=True).astype(np.int32)
        y, proven = run(model, {"x": x})["y"].astype(np.int64), report.certificate["y"]
        assert proven.low <= y.min()
        assert y.max() <= proven.high


def test_squeeze_names_its_axes_or_leaves_them_out() -> None:
    """ONNX Runtime reads an empty list as none given, ONNX's reference as no axis: the answers differ."""
    for axes, exact in (((), False), ((0,), True)):
        g = Graph("g")
        g.output("y", g.op("Squeeze", g.input("x", np.int32, (1, 3)), np.array(axes, np.int64)))
        assert lint(g.build()).exact == exact
