"""Bounds of sizes follow what NumPy makes of arrays that fill them, and of smaller ones."""

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from themis.exact.attributes import attributes
from themis.exact.declare import Range, read_declarations, write_declarations
from themis.exact.graph import Graph, Tensor
from themis.exact.interpret import OPERATORS
from themis.exact.lint import lint


def mask(context: int = 7) -> onnx.ModelProto:
    """Which of all keys each new row may see, and how many it sees; every size but `tokens` and `past` is derived."""
    g = Graph("mask")
    past, new = (g.input(name, np.uint8, (2, size, 4)) for name, size in (("past", "p"), ("new", "t")))
    both = g.op("Concat", past, new, axis=1)
    count = g.op("Squeeze", g.op("Shape", both, dtype=np.int64, start=1, end=2))
    keys = g.op("Range", np.int64(0), count, np.int64(1), dtype=np.int64)
    rows = g.op(
        "Unsqueeze",
        g.op(
            "Range",
            np.int64(0),
            g.op("Squeeze", g.op("Shape", new, dtype=np.int64, start=1, end=2)),
            np.int64(1),
            dtype=np.int64,
        ),
        np.array([1]),
    )
    seen = g.cast(g.op("GreaterOrEqual", rows, keys, dtype=np.bool_), np.int32)
    scores = g.op(
        "MatMulInteger", new, g.op("Transpose", both, perm=[0, 2, 1]), np.uint8(0), np.uint8(0), dtype=np.int32
    )
    line = g.op("Reshape", g.op("Mul", scores, seen), np.array([-1]))
    again = g.op("Reshape", line, g.op("Shape", scores, dtype=np.int64))
    flat = g.op("Reshape", again, np.array([0, -1, 1, 1]))
    wide = g.op("Gather", flat, np.zeros((3, 2), np.int64), axis=0)
    total = g.op("ReduceSum", wide, np.array([2]), keepdims=1)
    g.output("y", g.op("ReduceMax", total, axes=[0], keepdims=1))
    model = g.build()
    write_declarations(model, {"past": Range(0, 255), "new": Range(0, 255)}, {"p": context, "t": 3})
    return model


def test_sizes_are_bounded_through_what_a_decoder_does() -> None:
    assert lint(mask()).findings == ()
    assert lint(mask(2**20)).findings[0].reason.startswith("may reach")


def test_bounds_hold_in_every_run() -> None:
    model = mask()
    certificate = lint(model).certificate
    rng = np.random.default_rng(5)
    for past, new in ((7, 3), (0, 1), (3, 2)):
        values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        values |= {"past": rng.integers(0, 256, (2, past, 4)), "new": rng.integers(0, 256, (2, new, 4))}
        for node in model.graph.node:
            operands = [values[name] for name in node.input]
            values[node.output[0]] = OPERATORS[node.op_type](*operands, outputs=1, **attributes(node))
            found, proven = values[node.output[0]], certificate[node.output[0]]
            assert proven.low <= found.min(initial=proven.high)
            assert found.max(initial=proven.low) <= proven.high, node.op_type
    assert read_declarations(model).extents == {"p": 7, "t": 3}


@pytest.mark.parametrize("op", ["Add", "Where", "Concat"])
@given(st.integers(1, 6), st.integers(1, 6))
@settings(max_examples=20, deadline=None)
def test_a_sum_after_it_is_as_long_as_can_be(op: str, a: int, b: int) -> None:
    def draw(g: Graph) -> Tensor:
        x, y = g.input("x", np.int32, (1, "a")), g.input("y", np.int32, (1, "b"))
        if op == "Concat":
            return g.op("Concat", x, y, axis=1)
        both = [g.op("Concat", part, part, axis=1) for part in (x, y)]
        if op == "Where":
            return g.op("Where", g.op("Less", *both, dtype=np.bool_), *both, dtype=np.int32)
        return g.op("Add", *both)

    g = Graph("sum")
    g.output("z", g.op("ReduceSum", draw(g), np.array([1]), keepdims=1))
    model = g.build()
    write_declarations(model, dict.fromkeys(("x", "y"), Range(0, 1)), {"a": a, "b": b})
    report = lint(model)
    assert report.findings == ()
    longest = {"Concat": a + b, "Where": 2 * max(a, b), "Add": 4 * max(a, b)}
    assert report.certificate["z"].high == longest[op]
