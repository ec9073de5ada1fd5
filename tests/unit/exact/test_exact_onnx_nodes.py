"""ONNX's own node tests: each graph that the linter calls exact gives the reference outputs under ONNX Runtime.

Most of them take floats, which the profile refuses. Where an operator only moves or orders elements the test is also
tried on integers: any rising map of the inputs maps the expected outputs alike.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from onnx.backend.test.case import node as node_tests

from tests.twins import run
from themis.exact.declare import Range, write_declarations
from themis.exact.interpret import interpret
from themis.exact.lint import lint
from themis.exact.session import SessionSettings

MOVERS = frozenset(
    (
        *("Identity", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Expand", "Tile", "Slice", "Split"),
        *("Concat", "Gather", "GatherElements", "GatherND", "Compress", "Where", "NonZero", "Shape", "Size"),
        *("Max", "Min", "ReduceMax", "ReduceMin", "ArgMax", "ArgMin", "TopK"),
        *("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"),
    )
)
RISING = 2**20


@dataclass(frozen=True)
class NodeTest:
    model: onnx.ModelProto
    inputs: Sequence[NDArray[Any]]
    outputs: Sequence[NDArray[Any]]


def node_suite() -> dict[str, NodeTest]:
    """Tests whose inputs and outputs are tensors of numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ONNX computes NaN and infinities on purpose
        found: list[Any] = [test for test in node_tests.collect_testcases(None) if test.data_sets]
    suite = {}
    for test in found:
        inputs, outputs = test.data_sets[0]
        values = (*inputs, *outputs)
        if all(isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "iubf" for value in values):
            suite[test.name] = NodeTest(test.model, list(map(np.asarray, inputs)), list(map(np.asarray, outputs)))
    return suite


def forms(test: NodeTest) -> Iterator[NodeTest]:
    """The test at opsets 17 and 13: as it is, with declared ranges, with later inputs constant, on integers."""
    for opset in (17, 13):
        plain = copied(test.model)
        plain.ir_version = min(plain.ir_version, 8)
        for entry in plain.opset_import:
            entry.version = min(entry.version, opset)
        yield NodeTest(plain, test.inputs, test.outputs)
        for kept in range(1, len(test.inputs) + 1):
            yield (narrowed := narrow(NodeTest(plain, test.inputs, test.outputs), kept))
            if {node.op_type for node in plain.graph.node} <= MOVERS:
                yield on_integers(narrowed)


def narrow(test: NodeTest, kept: int) -> NodeTest:
    """All but the first inputs become constants; the ranges of those are declared."""
    model = copied(test.model)
    entries = list(model.graph.input)
    constants = zip(entries[kept:], test.inputs[kept:], strict=True)
    model.graph.initializer.extend(numpy_helper.from_array(value, entry.name) for entry, value in constants)
    del model.graph.input[kept:]
    declare(model, test.inputs[:kept])
    return NodeTest(model, test.inputs[:kept], test.outputs)


def on_integers(test: NodeTest) -> NodeTest:
    model = copied(test.model)
    for entry in (*model.graph.input, *model.graph.output):
        if entry.type.tensor_type.elem_type == TensorProto.FLOAT:
            entry.type.tensor_type.elem_type = TensorProto.INT64
    for tensor in model.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(risen(numpy_helper.to_array(tensor)), tensor.name))
    inputs = [risen(value) for value in test.inputs]
    declare(model, inputs)
    return NodeTest(model, inputs, [risen(value) for value in test.outputs])


def risen(value: NDArray[Any]) -> NDArray[Any]:
    if value.dtype != np.float32:
        return value
    return np.asarray(np.rint(np.nan_to_num(value).clip(-1_000, 1_000).astype(np.float64) * RISING), np.int64)


def declare(model: onnx.ModelProto, inputs: Sequence[NDArray[Any]]) -> None:
    known = zip(model.graph.input, inputs, strict=True)
    filled = [(entry.name, value) for entry, value in known if value.size and value.dtype.kind in "iu"]
    write_declarations(model, {name: Range(int(value.min()), int(value.max())) for name, value in filled}, {})


def copied(model: onnx.ModelProto) -> onnx.ModelProto:
    other = onnx.ModelProto()
    other.CopyFrom(model)
    return other


def accepted(suite: Mapping[str, NodeTest]) -> dict[str, NodeTest]:
    """Each form of each test that the linter calls exact."""
    return {
        f"{name}-{number}": form
        for name, test in suite.items()
        for number, form in enumerate(forms(test))
        if lint(form.model).exact
    }


def fault(test: NodeTest) -> str | None:
    """In what the model differs from the reference, plain, with two threads, or as it is specified."""
    feed = {entry.name: value for entry, value in zip(test.model.graph.input, test.inputs, strict=True)}
    for found in (run(test.model, feed), run(test.model, feed, SessionSettings(2)), interpret(test.model, feed)):
        for value, expected in zip(found.values(), test.outputs, strict=True):
            if (value.dtype, value.shape) != (expected.dtype, expected.shape) or not np.array_equal(value, expected):
                return f"{value!r} is not {expected!r}"
    return None


def test_accepted_node_tests_give_the_reference_output() -> None:
    """In one test: ONNX computes its own for seconds, and to have a name for each every worker would collect them."""
    suite = node_suite()
    tests = accepted(suite)
    assert len(suite) > 1_000
    assert len({name.partition("-")[0] for name in tests}) > 100
    faults = {name: found for name, test in tests.items() if (found := fault(test)) is not None}
    assert not faults
    one = next(iter(tests.values()))
    assert fault(replace(one, outputs=[value[None] for value in one.outputs])) is not None
