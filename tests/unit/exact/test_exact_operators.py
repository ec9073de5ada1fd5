"""Operator by operator: linter, executable specification, ONNX's reference and ONNX Runtime agree on extreme inputs."""

from math import isqrt
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from benchmarks.op_suite import Case, suite
from tests.twins import ALL_SETTINGS, Feed, run
from themis.exact.interpret import OPERATORS, interpret
from themis.exact.lint import lint
from themis.exact.rules import RULES

CASES = {case.name: case for case in suite()}
EXACT = {name: case for name, case in CASES.items() if lint(case.model).exact}


def operators(model: onnx.ModelProto) -> set[str]:
    return {node.op_type for node in model.graph.node}


def same(found: NDArray[Any], expected: NDArray[Any]) -> bool:
    return found.dtype == expected.dtype and found.shape == expected.shape and np.array_equal(found, expected)


def reference(model: onnx.ModelProto, feed: Feed) -> NDArray[Any]:
    """ONNX's own evaluator, which knows DequantizeLinear from opset 19 on only."""
    newer = onnx.ModelProto()
    newer.CopyFrom(model)
    if "DequantizeLinear" in operators(model):
        newer.opset_import[0].version = 19
    (found,) = ReferenceEvaluator(newer).run(None, dict(feed))
    return np.asarray(found)


def test_linter_and_specification_know_the_same_operators() -> None:
    assert RULES.keys() == OPERATORS.keys()


def test_the_suite_uses_every_operator_inside_and_outside_the_profile() -> None:
    used = set().union(*(operators(case.model) for case in EXACT.values()))
    assert used >= RULES.keys() - {"Constant", "ConstantOfShape", "Ceil"}  # ONNX's node tests have those
    assert len(EXACT) > 250
    assert len(CASES) - len(EXACT) > 100


@pytest.mark.parametrize("case", EXACT.values(), ids=EXACT.keys())
def test_what_the_linter_calls_exact_is_what_everybody_computes(case: Case) -> None:
    expected = interpret(case.model, case.feed)["y"]
    assert same(reference(case.model, case.feed), expected)
    for setting in ALL_SETTINGS:
        assert same(run(case.model, case.feed, setting)["y"], expected), setting
    proven = lint(case.model).certificate["y"]
    assert expected.size == 0 or (proven.low <= expected.min() and expected.max() <= proven.high)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(1, 2**32 - 1))
def test_any_inputs_give_the_specified_answer(seed: int) -> None:
    for case in suite(seed):
        if case.name in EXACT:
            assert same(run(case.model, case.feed)["y"], interpret(case.model, case.feed)["y"]), case.name


CONSTANTS = st.sampled_from([np.dtype(t) for t in (np.uint8, np.int32, np.int64, np.float32, np.float64)])


def agreed(nodes: list[onnx.NodeProto], feed: Feed, *outputs: str) -> dict[str, NDArray[Any]]:
    """What linter, specification, ONNX's reference and ONNX Runtime agree on, at 1 and 2 threads and every level."""
    kinds = {name: helper.np_dtype_to_tensor_dtype(value.dtype) for name, value in feed.items()}
    inputs = [helper.make_tensor_value_info(name, kinds[name], value.shape) for name, value in feed.items()]
    results = [onnx.ValueInfoProto(name=name) for name in outputs]
    graph = helper.make_graph(nodes, "g", inputs, results)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    model = onnx.shape_inference.infer_shapes(model)
    assert lint(model).findings == ()
    expected = interpret(model, feed)
    by_reference = dict(zip(outputs, ReferenceEvaluator(model).run(None, dict(feed)), strict=True))
    for name in outputs:
        assert same(np.asarray(by_reference[name]), expected[name])
    for setting in ALL_SETTINGS:
        found = run(model, feed, setting)
        assert all(same(found[name], expected[name]) for name in outputs), setting
    return expected


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), top=st.sampled_from([3, 1_000, 2**25]))
def test_ceil_of_roots_next_to_squares(seed: int, top: int) -> None:
    rng = np.random.default_rng(seed)
    feed = {
        "x": rng.integers(0, top, (3, 7), endpoint=True).astype(np.int32),
        "d": rng.integers(0, 2, (3, 7), endpoint=True).astype(np.int32),
    }
    f64 = onnx.TensorProto.DOUBLE
    bounds = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.array(value, np.int32)))
        for name, value in (("zero", 0), ("two", 2), ("most", 2**25))
    ]
    nodes = [
        helper.make_node("Clip", ["x", "zero", "most"], ["x0"]),
        helper.make_node("Clip", ["d", "zero", "two"], ["d0"]),
        helper.make_node("Cast", ["x0"], ["x1"], to=f64),
        helper.make_node("Cast", ["d0"], ["d1"], to=f64),
        helper.make_node("Mul", ["x1", "x1"], ["square"]),
        helper.make_node("Add", ["square", "d1"], ["sum"]),
        helper.make_node("Sqrt", ["sum"], ["root"]),
        helper.make_node("Ceil", ["root"], ["y"]),
    ]
    found = agreed([*bounds, *nodes], feed, "y")["y"]
    sums = feed["x"].astype(object) ** 2 + feed["d"]
    assert found.tolist() == [[isqrt(item - 1) + 1 if item else 0 for item in row] for row in sums.tolist()]


@settings(max_examples=30, deadline=None)
@given(dtype=CONSTANTS, value=st.integers(0, 255), shape=st.lists(st.integers(0, 5), max_size=4))
def test_constants_are_what_they_say(dtype: np.dtype[Any], value: int, shape: list[int]) -> None:
    nodes = [
        helper.make_node("Constant", [], ["one"], value=numpy_helper.from_array(np.full(shape, value, dtype))),
        helper.make_node("Shape", ["one"], ["shape"]),
        helper.make_node("ConstantOfShape", ["shape"], ["y"], value=numpy_helper.from_array(np.array([value], dtype))),
    ]
    found = agreed(nodes, {}, "y", "one")
    assert same(found["y"], np.full(shape, value, dtype))
    assert same(found["one"], found["y"])


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from([np.dtype(np.int32), np.dtype(np.int64)]),
    shape=st.tuples(st.integers(1, 5), st.integers(1, 300)),
    kinds=st.integers(1, 5),
    largest=st.integers(0, 1),
    data=st.data(),
)
def test_top_k_gives_ties_to_the_lower_index(  # noqa: PLR0917 (what is varied)
    seed: int, dtype: np.dtype[Any], shape: tuple[int, int], kinds: int, largest: int, data: st.DataObject
) -> None:
    x = np.random.default_rng(seed).integers(0, kinds, shape).astype(dtype)
    k = data.draw(st.integers(1, shape[1]))
    nodes = [
        helper.make_node("Constant", [], ["k"], value=numpy_helper.from_array(np.array([k], np.int64))),
        helper.make_node("TopK", ["x", "k"], ["values", "indices"], axis=1, largest=largest, sorted=1),
    ]
    found = agreed(nodes, {"x": x}, "values", "indices")
    order = np.argsort(-x.astype(np.int64) if largest else x, axis=1, kind="stable")[:, :k]
    assert np.array_equal(found["indices"], order)


def test_the_specification_refuses_a_value_outside_its_type() -> None:
    case = CASES["Add int32 (-2147483648, 2147483647) (0, 1)"]
    assert not lint(case.model).exact
    with pytest.raises(ValueError, match="leaves int32"):
        interpret(case.model, case.feed)


@pytest.mark.parametrize(("a", "b"), [(255, -128), (255, 127), (0, 127)])
def test_sums_of_products_of_bytes_are_exact_at_their_largest(a: int, b: int) -> None:
    terms = 100_003
    rows, columns = np.full((1, terms), a, np.uint8), np.full((terms, 1), b, np.int8)
    (found,) = OPERATORS["MatMulInteger"](rows, columns, np.uint8(255 - a), np.int8(1)).ravel()
    assert found == terms * (2 * a - 255) * (b - 1)
