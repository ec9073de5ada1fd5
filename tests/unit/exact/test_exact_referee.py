"""The referee, ONNX Runtime and the specification agree on every operator; a lie is convicted, the truth never."""

from math import prod
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.liars import altered
from tests.homes import SELFTEST
from tests.referee_cases import OPERATORS, drawn
from tests.referee_kit import Bench
from themis.bundles import bundle
from themis.exact.interpret import interpret
from themis.exact.program import ROOT, WITNESS
from themis.exact.referee import judge, shapes
from themis.exact.referee.case import Undefined
from themis.exact.referee.judge import Absent, OutOfRange, WrongElement, WrongKind, WrongOrder

MOST = 24
"""Elements of one tensor that are looked at."""


def test_every_operator_is_drawn_and_refereed() -> None:
    assert judge.ELEMENTS.keys() == shapes.KINDS.keys() == OPERATORS.keys() - {"Sqrt"} | {ROOT}
    assert len(OPERATORS) == 33


@pytest.mark.parametrize("op", OPERATORS)
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_three_say_the_same_and_a_lie_is_convicted(op: str, seed: int) -> None:
    model, feed = drawn(op, seed)
    bench, rng = Bench(model), np.random.default_rng(seed)
    honest = bench.honest(feed)
    assert tuple(honest) == bench.program.traced
    for name, specified in interpret(model, feed).items():
        found = honest.get(bench.program.outputs[name])
        assert found is None or (found.dtype == specified.dtype and np.array_equal(found, specified))
    assert [found for found in bench.accusations(honest, rng, MOST) if bench.convicted(honest, found)] == []
    for word, array in honest.items():
        if word in bench.program.inputs:
            continue
        if array.size:
            assert bench.challenged(honest | {word: altered(array, rng)}, honest)
        assert bench.challenged(honest | {word: array[None]}, honest)
        if len(honest) > 1:
            assert bench.challenged({other: value for other, value in honest.items() if other != word}, honest)
    assert bench.challenged(honest, honest) is None


def test_what_is_opened_stays_short() -> None:
    """However large the tensors: a step of a reduction, a row and a column of a product, two neighbors of an order."""
    for op, most in (("ReduceSum", 258), ("ReduceMax", 258), ("MatMul", 601), ("MatMulInteger", 601), ("TopK", 6)):
        counts = []
        for seed in range(12):
            model, feed = drawn(op, seed)
            bench, rng = Bench(model), np.random.default_rng(seed)
            honest = bench.honest(feed)
            for accusation in bench.accusations(honest, rng, 3):
                opened = bench.opened(honest, accusation)
                if not isinstance(accusation, WrongKind):
                    counts.append(opened.elements)
                    assert len(opened.leaves) <= 40
        assert 0 < max(counts) <= most, op


def divided() -> tuple[Bench, dict[int, NDArray[Any]]]:
    """A graph that divides one input by another."""
    feed = {"x": np.array([[7, -7], [9, 1]]), "by": np.array([2, 3])}
    inputs = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.INT64, x.shape) for name, x in feed.items()]
    node = onnx.helper.make_node("Div", ["x", "by"], ["y"])
    graph = onnx.helper.make_graph([node], "g", inputs, [onnx.ValueInfoProto(name="y")])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    bench = Bench(onnx.shape_inference.infer_shapes(model))
    return bench, bench.honest(feed)


def test_a_fault_in_an_operand_is_to_be_shown_there() -> None:
    """What has no meaning convicts nobody."""
    bench, honest = divided()
    x, by, y = bench.program.traced
    accusation = WrongElement(y, (0, 1))
    assert not bench.convicted(honest, accusation)
    with pytest.raises(Undefined, match="a divisor is 0"):
        bench.convicted(honest | {by: np.zeros(2, np.int64)}, accusation)
    with pytest.raises(Undefined, match="there is no element"):
        bench.convicted(honest, WrongElement(y, (0, 2)))
    with pytest.raises(Undefined, match="has no tensor"):
        bench.convicted({y: honest[y]}, accusation)
    for nonsense in (WrongElement(x, (0, 0)), WrongOrder(y, (0, 0)), OutOfRange(y, (0, 0))):
        with pytest.raises(Undefined, match="can be accused of"):
            bench.convicted(honest, nonsense)


def test_only_what_the_program_gives_may_be_missed() -> None:
    bench, honest = divided()
    y = bench.program.traced[-1]
    assert not bench.convicted(honest, Absent(y))
    assert bench.convicted({}, Absent(y))
    assert not bench.convicted({}, Absent(y + 1))


def test_inputs_are_as_the_graph_declares_them() -> None:
    loaded = bundle.load(SELFTEST)
    bench = Bench(onnx.load_from_string(loaded.model))
    words = {name: word for word, name in bench.program.inputs.items()}
    tokens = words["tokens"]
    good: dict[int, NDArray[Any]] = {
        words["tokens"]: np.array([1, 255]),
        words["grams"]: np.array([[0], [63]]),
        words["place"]: np.array([0, 1]),
        words["slot"]: np.array([[0, 1]]),
        words["first"]: np.array([0, 0]),
        words["owner"]: np.array([0]),
    }
    for word, array in good.items():
        assert not bench.convicted(good, WrongKind(word))
        assert bench.convicted(good | {word: array[None]}, WrongKind(word))
        assert bench.convicted(good | {word: array.astype(np.int32)}, WrongKind(word))
    assert bench.convicted(good | {words["first"]: np.array([0])}, WrongKind(words["first"])), "T is 2 before"
    long = np.zeros((1, bench.declared.extents["L"] + 1), np.int64)
    assert bench.convicted(good | {words["slot"]: long}, WrongKind(words["slot"]))
    assert not bench.convicted(good, OutOfRange(tokens, (1,)))
    assert bench.convicted(good | {tokens: np.array([1, 256])}, OutOfRange(tokens, (1,)))
    assert not bench.convicted(good | {tokens: np.array([1, 256])}, OutOfRange(tokens, (0,)))


def test_experts_without_rows_have_witnesses_of_their_columns() -> None:
    rows = onnx.helper.make_tensor_value_info("a", onnx.TensorProto.INT64, ["E", "M", 7])
    columns = onnx.helper.make_tensor_value_info("b", onnx.TensorProto.INT64, ["E", 7, 3])
    node = onnx.helper.make_node("MatMul", ["a", "b"], ["y"])
    graph = onnx.helper.make_graph([node], "g", [rows, columns], [onnx.ValueInfoProto(name="y")])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    bench = Bench(onnx.shape_inference.infer_shapes(model))
    for experts, count in ((0, 2), (2, 0), (3, 1)):
        feed = {
            "a": np.ones((experts, count, 7), np.int64),
            "b": np.arange(experts * 21, dtype=np.int64).reshape(experts, 7, 3),
        }
        honest = bench.honest(feed)
        assert honest[bench.program.nodes[0].word(0)].shape == (experts, count, 3)
        assert honest[bench.program.nodes[0].word(WITNESS)].shape == (experts, 3, 7)
        found = list(bench.accusations(honest, np.random.default_rng(0), prod((experts, 21))))
        assert not any(bench.convicted(honest, accusation) for accusation in found)
