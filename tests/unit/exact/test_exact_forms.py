"""Which graphs can be refereed: every form that the referee decides about, and each that it does not, by name."""

from typing import Any

import numpy as np
import onnx
import pytest

from tests.homes import RISK, SELFTEST
from tests.referee_cases import OPERATORS, drawn
from themis.exact.graph import Graph
from themis.exact.referee.forms import unrefereed

I32, I64, U8 = np.int32, np.int64, np.uint8
TABLE = np.arange(80, dtype=I64).reshape(8, 10)
BYTES = TABLE.astype(U8)
ZERO = np.uint8(128)


@pytest.mark.parametrize("op", OPERATORS)
def test_what_the_referee_is_tested_on_is_what_it_says_it_knows(op: str) -> None:
    for seed in range(20):
        assert unrefereed(drawn(op, seed)[0]) == ()


@pytest.mark.parametrize("path", [SELFTEST, RISK], ids=lambda path: path.name)
def test_the_shipped_models_can_be_refereed(path: Any) -> None:
    assert unrefereed(onnx.load(path / "model.onnx")) == ()


def unknown(g: Graph) -> Any:
    return g.op("CumSum", g.input("x", I32, ("T", 3)), np.array(0, I64))


def rooted(g: Graph) -> Any:
    return g.op("Sqrt", g.input("x", np.float64, ("T",)))


def floored(g: Graph) -> Any:
    return g.op("Floor", g.cast(g.input("x", I32, ("T",)), np.float64))


def several_axes(g: Graph) -> Any:
    return g.op("ReduceSum", g.input("x", I64, ("T", 2, 3)), np.array([1, 2], I64))


def all_axes(g: Graph) -> Any:
    return g.op("ReduceMax", g.input("x", I64, ("T", 2)))


def unsorted(g: Graph) -> Any:
    return g.ops("TopK", 2, g.input("x", I64, ("T", 4)), np.array([2], I64), sorted=0)[0]


def by_rows(g: Graph) -> Any:
    return g.op("MatMul", g.input("x", I64, ("T", 8)), TABLE)


def by_columns(g: Graph) -> Any:
    """A weight that is the second operand of one product and the first of another."""
    first = g.op("MatMulInteger", g.input("x", U8, ("T", 8)), BYTES, ZERO, ZERO, dtype=I32)
    second = g.op("MatMulInteger", BYTES, g.input("z", U8, (10, 10)), ZERO, ZERO, dtype=I32)
    return g.op("Concat", first, second, axis=0)


def tied(g: Graph) -> Any:
    """A table that is a weight of a product too, as tied embeddings are."""
    x = g.op("Gather", BYTES, g.input("ids", I64, ("T",)), axis=1)
    return g.op("MatMulInteger", g.op("Transpose", x, perm=[1, 0]), BYTES, ZERO, ZERO, dtype=I32)


def vector(g: Graph) -> Any:
    return g.op("MatMul", g.input("x", I64, ("T", 3)), np.arange(3))


def scales(g: Graph) -> Any:
    zero = np.zeros(2, U8)
    return g.op("QuantizeLinear", g.input("x", np.float32, ("T", 2)), np.ones(2, np.float32), zero, dtype=U8)


def many_scales(g: Graph) -> Any:
    weight, one = np.full((4, 65), 128, U8), np.float32(1)
    operands = (one, ZERO, weight, np.ones(65, np.float32), ZERO, one, ZERO)
    return g.op("QLinearMatMul", g.input("x", U8, ("T", 4)), *operands)


REFUSED = {
    unknown: ("CumSum", "does not know this operator"),
    rooted: ("Sqrt", "Floor alone"),
    floored: ("Floor", "whole already"),
    several_axes: ("ReduceSum", "one axis"),
    all_axes: ("ReduceMax", "one axis"),
    unsorted: ("TopK", "order is left open"),
    by_rows: ("MatMul", "commits to the others"),
    by_columns: ("MatMulInteger", "commits to the others"),
    tied: ("Gather", "which its leaf does not say"),
    vector: ("MatMul", "products of matrices"),
    many_scales: ("QLinearMatMul", "the node's own leaf"),
    scales: ("QuantizeLinear", "one scale"),
}


@pytest.mark.parametrize("draw", REFUSED)
def test_what_it_does_not_know_is_named(draw: Any) -> None:
    g = Graph("g")
    g.output("y", draw(g))
    (finding,) = unrefereed(g.build())
    op, reason = REFUSED[draw]
    assert finding.node.startswith(f"{op} -> ")
    assert reason in finding.reason
