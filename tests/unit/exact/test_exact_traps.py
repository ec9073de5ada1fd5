"""What looks exact and is not: each trap is refused by the linter, and shown on this machine where it can be.

u8 x s8 saturation needs a processor without VNNI, the int64 bug ONNX Runtime 1.21-1.31: `make isa` fails unless both
show. The race of ScatterND is shown by `python -m benchmarks.race`.
"""

from collections.abc import Callable

import numpy as np
import onnx
import pytest

from benchmarks.op_suite import suite
from tests.twins import run
from themis.exact.declare import Range, write_declarations
from themis.exact.graph import Graph, Tensor
from themis.exact.lint import lint

INT32_MAX = 2**31 - 1


def model(draw: Callable[[Graph, Tensor], Tensor], dtype: type[np.generic], low: int, high: int) -> onnx.ModelProto:
    graph = Graph("trap")
    graph.output("y", draw(graph, graph.input("x", dtype, ("N", 16))))
    built = graph.build()
    write_declarations(built, {"x": Range(low, high)}, {"N": 20_000})
    return built


def refused(trap: onnx.ModelProto, reason: str) -> None:
    (finding,) = lint(trap).findings
    assert reason in finding.reason


def test_reduce_sum_saturates_where_add_wraps() -> None:
    trap = model(lambda g, x: g.op("ReduceSum", x, np.array([1]), keepdims=0), np.int32, 0, INT32_MAX)
    refused(trap, "beyond exact int32")
    x = np.full((1, 16), INT32_MAX, np.int32)
    assert run(trap, {"x": x})["y"] == INT32_MAX
    assert x.sum(1, dtype=np.int32) == -16


def test_reduce_sum_of_int64_rounds_as_float64_does() -> None:
    trap = model(lambda g, x: g.op("ReduceSum", x, np.array([1]), keepdims=0), np.int64, 0, 2**53)
    refused(trap, "rounds from 2^53")
    x = np.array([[2**53, *[1] * 15]], np.int64)
    assert run(trap, {"x": x})["y"] != x.sum()


def test_scatter_add_is_refused() -> None:
    """A race at two threads: `python -m benchmarks.race` shows it, a test could not count on it."""
    rows = np.zeros((9, 1), np.int64)
    trap = model(
        lambda g, x: g.op("ScatterND", np.zeros((64, 16), np.int64), rows, x, reduction="add"), np.int64, -9, 9
    )
    refused(trap, "not in the exact profile")


def test_casts_out_of_range_are_refused() -> None:
    refused(model(lambda g, x: g.cast(x, np.int32), np.int64, -(2**40), 2**40), "beyond exact int32")


REFUSED = {
    "MatMulInteger s8 heavy": "saturates on AVX2",
    "QLinearMatMul s8 heavy 7": "saturates on AVX2",
    "MatMulInteger s8 s8": "overflows on ARM without dot products",
    **dict.fromkeys(
        [f"{op} int64 beyond int32" for op in ("Max", "Min", "Sign", "Clip", "ReduceMax")],
        "wrong in ONNX Runtime 1.21-1.31",
    ),
    "ReduceSum over int32 1": "beyond exact int32",
    "QLinearMatMul scale 3": "powers of two",
    "Sqrt beyond": "within 0..2^52",
    "BitShift too far 32": "below their width",
}


@pytest.mark.parametrize(("name", "reason"), REFUSED.items(), ids=REFUSED)
def test_the_suites_traps_are_refused(name: str, reason: str) -> None:
    (case,) = (case for case in suite() if case.name == name)
    refused(case.model, reason)


@pytest.mark.parametrize(
    ("first", "highest", "exact"), [(-64, 255, True), (-65, 255, False), (-127, 127, True), (-128, 127, False)]
)
def test_u8_by_s8_is_safe_where_no_pair_of_products_leaves_16_bits(first: int, highest: int, exact: bool) -> None:
    """As vpmaddubsw adds them, 2 * 255 * 64 < 2^15; ARM takes 128 away before: 2 * 128 * 127 < 2^15."""
    weight = np.full((16, 3), -64, np.int8)
    weight[:2] = first
    zero = np.int8(0)
    product = model(
        lambda g, x: g.op("MatMulInteger", x, weight, np.uint8(128), zero, dtype=np.int32), np.uint8, 0, highest
    )
    assert lint(product).exact is exact
