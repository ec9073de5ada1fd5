"""Operator by operator: linter, executable specification, ONNX's reference and ONNX Runtime agree on extreme inputs."""

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from benchmarks.op_suite import Case, suite
from tests.twins import LEVELS, Feed, run
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
    for threads in (1, 2):
        for level in LEVELS:
            assert same(run(case.model, case.feed, threads, level)["y"], expected), (threads, level)
    proven = lint(case.model).certificate["y"]
    assert expected.size == 0 or (proven.low <= expected.min() and expected.max() <= proven.high)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(1, 2**32 - 1))
def test_any_inputs_give_the_specified_answer(seed: int) -> None:
    for case in suite(seed):
        if case.name in EXACT:
            assert same(run(case.model, case.feed)["y"], interpret(case.model, case.feed)["y"]), case.name


def test_the_specification_refuses_a_value_outside_its_type() -> None:
    case = CASES["Add int32 (-2147483648, 2147483647) (0, 1)"]
    assert not lint(case.model).exact
    with pytest.raises(ValueError, match="leaves int32"):
        interpret(case.model, case.feed)
