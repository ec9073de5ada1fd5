"""Files that nodes must not open are refused by name, before anything is allocated for them."""

import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import onnx
import pytest
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from tests.foreign_models import exact, model, perceptron, sentiment, value
from themis.bundles import hostile
from themis.bundles.hostile import reasons
from themis.exact import selftest

BESIDE: Final = {"weights.bin": 1_000}
X: Final = [value("x", TensorProto.FLOAT, [1])]
Y: Final = [value("y", TensorProto.FLOAT, [1])]
Change = Callable[[onnx.ModelProto], object]


def first(changed: onnx.ModelProto) -> str:
    return next(reasons(changed, BESIDE), "")


@pytest.mark.parametrize("graph", [perceptron(), exact(), sentiment(), selftest.build()])
def test_honest_models_pass(graph: onnx.ModelProto) -> None:
    assert list(reasons(graph, {})) == []


def one(op: str, domain: str = "", **attributes: Any) -> onnx.ModelProto:
    node = helper.make_node(op, ["x"], ["y"], domain=domain, **attributes)
    return model([node], X, Y, {}, {domain: 1} if domain else None)


def branch() -> onnx.GraphProto:
    return helper.make_graph([helper.make_node("Identity", ["x"], ["z"])], "branch", [], Y)


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        (one("Evil", "com.example"), "imports operators of 'com.example'"),
        (one("If", then_branch=branch(), else_branch=branch()), "control flow is not run"),
        (one("Loop", body=branch()), "control flow is not run"),
        (one("RandomNormalLike"), "draws random numbers"),
        (one("EPContext", "com.microsoft", ep_cache_context="/etc/passwd"), "opens other files"),
        (model([helper.make_node("Relu", ["z"], ["y"])], X, Y, {}), "z is used before it is defined"),
        (model([helper.make_node("Relu", ["x"], ["z"])], X, Y, {}), "output y is never computed"),
        (model([helper.make_node("Relu", ["x"], ["y"])] * 2, X, Y, {}), "defined twice"),
        (model([helper.make_node("Split", ["x"], ["y", "y"])], X, Y, {}), "defined twice"),
        (model([helper.make_node("Relu", ["x"], ["x"])], X, X, {}), "defined twice"),
        (model([helper.make_node("Relu", ["x"], ["y"])], X + X, Y, {}), "have the same name"),
        (model([helper.make_node("Relu", ["x"], ["y"])], [value("x", TensorProto.STRING, [1])], Y, {}), "x has a type"),
        (model([helper.make_node("Relu", ["x"], ["y"])], X, [value("y", TensorProto.FLOAT, None)], {}), "known rank"),
        (model([helper.make_node("Relu", ["x"], ["y"])], [value("x", TensorProto.FLOAT, [1] * 17)], Y, {}), "rank"),
        (model([helper.make_node("Relu", ["x"], ["y"])], [value("x", TensorProto.FLOAT, [-1])], Y, {}), "not positive"),
        (
            model([helper.make_node("Relu", ["x"], ["y"])], [value("x", TensorProto.FLOAT, [2**20 + 1])], Y, {}),
            "beyond",
        ),
        (one("Relu", note="a" * 9), ""),
    ],
    ids=lambda item: item if isinstance(item, str) else "",
)
def test_graphs(graph: onnx.ModelProto, reason: str) -> None:
    assert reason in first(graph)
    assert bool(reason) is bool(first(graph))


def test_a_domain_that_is_used_without_import_is_named() -> None:
    graph = perceptron()
    graph.graph.node[0].domain = "com.example"
    assert first(graph) == "MatMul -> a: operator of domain 'com.example': only those that ONNX Runtime brings are run"


def weight(change: Callable[[TensorProto], object]) -> onnx.ModelProto:
    graph = perceptron()
    change(graph.graph.initializer[0])
    return graph


def external(**entries: str) -> Callable[[TensorProto], object]:
    def change(tensor: TensorProto) -> None:
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, text in entries.items():
            tensor.external_data.add(key=key.rstrip("_"), value=text)

    return change


def typed(tensor: TensorProto) -> None:
    tensor.CopyFrom(helper.make_tensor(tensor.name, TensorProto.FLOAT, tensor.dims, range(64)))


def typed_with(**more: float) -> Callable[[TensorProto], object]:
    def change(tensor: TensorProto) -> None:
        typed(tensor)
        for field, element in more.items():
            getattr(tensor, field).append(element)

    return change


def doubly(tensor: TensorProto) -> None:
    external(location="weights.bin")(tensor)
    tensor.raw_data = bytes(256)


def four_bits(tensor: TensorProto) -> None:
    tensor.data_type = TensorProto.UINT4
    tensor.raw_data = bytes(32)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t.dims.__setitem__(0, 2**40), "claims 70368744177664 bytes and has 256"),
        (lambda t: t.dims.__setitem__(0, 2**62), "claims 295147905179352825856 bytes and has 256"),
        (lambda t: t.dims.__setitem__(0, -4), "a size is negative"),
        (lambda t: t.dims.extend([1] * 20), "there are too many"),
        (lambda t: setattr(t, "data_type", TensorProto.STRING), "elements of type 8 are not run"),
        (lambda t: setattr(t, "data_type", 99), "elements of type 99 are not run"),
        (lambda t: t.float_data.append(1), "claims 256 bytes and has 256"),
        (lambda t: t.ClearField("raw_data"), "claims 64 elements and has 0"),
        (typed, ""),
        (typed_with(float_data=1.0), "claims 64 elements and has 65"),
        (typed_with(int64_data=1), "claims 64 elements and has 64"),
        (four_bits, ""),
        (external(location="weights.bin", offset="0", length="256"), ""),
        (external(location="weights.bin"), ""),
        (
            external(location="other.bin"),
            "keeps weights in another file, 'other.bin', which is not one of the bundle's",
        ),
        (external(location="weights.bin", offset="900"), "claims 256 bytes at 900 of weights.bin, which has 1000"),
        (external(location="weights.bin", length="64"), "claims 256 bytes at 0"),
        (external(location="weights.bin", offset="-1"), "is not plain"),
        (external(location="weights.bin", offset="1_0"), "is not plain"),
        (external(location="weights.bin", offset="9" * 30), "is not plain"),
        (external(location="/etc/passwd"), "is not plain: '/etc/passwd'"),
        (external(location="*/_ORT_MEM_ADDR_/*", offset="4096"), "is not plain"),
        (external(location="../weights.bin"), "'../weights.bin', which is not one of the bundle's"),
        (external(), "is not plain: ''"),
        (external(location="weights.bin", location_="/etc/passwd"), "is ambiguous"),
        (lambda t: t.external_data.add(key="location", value="weights.bin"), "is ambiguous"),
        (doubly, "claims 256 bytes at 0"),
    ],
)
def test_weights(change: Callable[[TensorProto], object], reason: str) -> None:
    graph = weight(change)
    assert reason in first(graph)
    assert bool(reason) is bool(first(graph))


def test_constants_inside_nodes_are_checked_too() -> None:
    tensor = numpy_helper.from_array(np.zeros(3, np.float32))
    tensor.dims[0] = 2**50
    graph = model([helper.make_node("Constant", [], ["y"], value=tensor)], X, Y, {})
    assert "claims 4503599627370496 bytes and has 12" in first(graph)


def test_references_to_attributes_of_functions_are_not_run() -> None:
    graph = one("Relu")
    graph.graph.node[0].attribute.append(AttributeProto(name="a", ref_attr_name="b", type=AttributeProto.INT))
    assert "attribute a holds no plain value" in first(graph)


@pytest.mark.parametrize("text", ["x", "", "..", "5..4", "9" * 5_000, "0..1_0", "0..1 "])
def test_ranges_must_be_numbers(text: str) -> None:
    graph = exact()
    graph.metadata_props.add(key="range:x", value=text)
    assert re.search("metadata holds .* where a number belongs|the range of x is empty", first(graph))


def test_functions_are_not_run() -> None:
    graph = one("Relu")
    graph.functions.add(name="f", domain="")
    assert "local functions" in first(graph)


def test_names_must_be_text_of_some_length() -> None:
    graph = one("Relu")
    graph.graph.node[0].name = "n" * 10_000
    assert first(graph) == ""
    graph.graph.node[0].output[0] = "n" * 1_025
    assert "longer than 1024 characters" in first(graph)
    spoiled = one("Relu").SerializeToString().replace(b"Relu", b"\xff\xfe\xff\xfe")
    assert "not UTF-8" in first(onnx.load_from_string(spoiled))


def test_there_may_not_be_too_many_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostile, "MAX_NODES", 3)
    assert "has 4 nodes, limit 3" in first(perceptron())
