"""Small models as other people's tools write them: floats, text, weights beside the graph, operators of their own."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from themis.exact.declare import Range, write_declarations
from themis.exact.emit import Emitter
from themis.exact.graph import Graph

OPSET: Final = 17
Value = ValueInfoProto
value: Final = helper.make_tensor_value_info


def model(
    nodes: Sequence[NodeProto],
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    weights: Mapping[str, NDArray[Any]],
    domains: Mapping[str, int] | None = None,
) -> onnx.ModelProto:
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "foreign", inputs, outputs, tensors)
    opsets = [helper.make_opsetid(domain, version) for domain, version in ({"": OPSET} | dict(domains or {})).items()]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="tests")


def perceptron(width: int = 16) -> onnx.ModelProto:
    """Four floats a row -> three probabilities a row."""
    rng = np.random.default_rng(1)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MatMul", ["b", "v"], ["c"]),
        helper.make_node("Softmax", ["c"], ["probabilities"]),
    ]
    weights = {"w": rng.normal(size=(4, width)).astype("f4"), "v": rng.normal(size=(width, 3)).astype("f4")}
    inputs = [value("x", TensorProto.FLOAT, ["rows", 4])]
    return model(nodes, inputs, [value("probabilities", TensorProto.FLOAT, ["rows", 3])], weights)


def exact() -> onnx.ModelProto:
    """Bytes -> one integer layer, in the exact profile."""
    emitter = Emitter("exact", {"n": 8})
    x = emitter.input("x", np.uint8, ("n", 4), 0, 255)
    emitter.output("y", emitter.project(x, np.arange(12, dtype=np.uint8).reshape(4, 3)))
    return emitter.build()


def sentiment(vocabulary: int = 512) -> onnx.ModelProto:
    """Token ids and a mask -> one score: the mean of the tokens' weights."""
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["weights"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["weights", "mask"], ["kept"]),
        helper.make_node("ReduceMean", ["kept"], ["score"], axes=[1], keepdims=0),
    ]
    table = np.random.default_rng(2).normal(size=vocabulary).astype("f4")
    inputs = [value(name, TensorProto.INT64, ["batch", "length"]) for name in ("input_ids", "attention_mask")]
    return model(nodes, inputs, [value("score", TensorProto.FLOAT, ["batch"])], {"table": table})


def beside(folder: Path, graph: onnx.ModelProto, location: str = "weights.bin") -> Path:
    """Write a graph whose large weights are in a file beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "model.onnx"
    onnx.save(graph, file, save_as_external_data=True, location=location, size_threshold=0)
    return file


def source(folder: Path, graph: onnx.ModelProto, **files: str | bytes) -> Path:
    """Write a directory with a graph, a license and other files; `config` is JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(graph.SerializeToString())
    (folder / "LICENSE").write_text("Terms of a test.\n")
    for name, content in files.items():
        full = name.replace("_json", ".json")
        (folder / full).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def config(**entries: Any) -> str:
    return json.dumps(entries)


# What a request can do to the process that runs it.


def quotient() -> onnx.ModelProto:
    """INT32_MIN / -1 has no result: the processor traps."""
    nodes = [helper.make_node("Div", ["x", "y"], ["z"])]
    inputs = [value(name, TensorProto.INT32, [1]) for name in ("x", "y")]
    return model(nodes, inputs, [value("z", TensorProto.INT32, [1])], {})


def long_range() -> onnx.ModelProto:
    """As many numbers as the request says, added up."""
    nodes = [
        helper.make_node("Range", ["zero", "n", "one"], ["all"]),
        helper.make_node("ReduceSum", ["all"], ["z"], keepdims=1),
    ]
    weights = {"zero": np.array(0, "i8"), "one": np.array(1, "i8")}
    return model(nodes, [value("n", TensorProto.INT64, [])], [value("z", TensorProto.INT64, [1])], weights)


def padded() -> onnx.ModelProto:
    """Zeros around a number, as many as the request says, added up."""
    nodes = [
        helper.make_node("Pad", ["one", "n"], ["all"]),
        helper.make_node("ReduceSum", ["all"], ["z"], keepdims=1),
    ]
    return model(
        nodes,
        [value("n", TensorProto.INT64, [2])],
        [value("z", TensorProto.INT64, [1])],
        {"one": np.array([1], "i8")},
    )


def one_hot() -> onnx.ModelProto:
    """A row as long as the request says, with one 1 in it, added up."""
    nodes = [
        helper.make_node("OneHot", ["one", "depth", "ends"], ["all"]),
        helper.make_node("ReduceSum", ["all"], ["z"], keepdims=0),
    ]
    weights = {"one": np.array([1], "i8"), "ends": np.array([0, 1], "i8")}
    return model(nodes, [value("depth", TensorProto.INT64, [])], [value("z", TensorProto.INT64, [])], weights)


def endless(products: int = 2_000) -> onnx.ModelProto:
    """Products of square matrices as wide as the request says: no control flow is needed to work for days."""
    nodes = [
        helper.make_node("Concat", ["n", "n"], ["shape"], axis=0),
        helper.make_node("Expand", ["zero", "shape"], ["m0"]),
        *(helper.make_node("MatMul", [f"m{i}", "m0"], [f"m{i + 1}"]) for i in range(products)),
        helper.make_node("ReduceMax", [f"m{products}"], ["z"], keepdims=0),
    ]
    return model(
        nodes,
        [value("n", TensorProto.INT64, [1])],
        [value("z", TensorProto.FLOAT, [])],
        {"zero": np.array([[0]], "f4")},
    )


# Decoders whose logits are integers.


def counting(context: int = 32, vocabulary: int = 16, width: int = 8) -> onnx.ModelProto:
    """An exact decoder: a token's row times all rows so far, which lie in its cache, chooses among head's columns."""
    graph = Graph("counting")
    ids = graph.input("input_ids", np.int64, (1, "tokens"))
    positions = graph.input("position_ids", np.int64, (1, "tokens"))
    past = graph.input("past_key_values.0.key", np.uint8, (1, "past", width))
    rng = np.random.default_rng(3)
    table, head = (rng.integers(0, 256, shape, dtype=np.uint8) for shape in ((vocabulary, width), (width, vocabulary)))
    rows = graph.op("Gather", table, ids, axis=0)
    present = graph.op("Concat", past, rows, axis=1)
    zero = np.uint8(128)
    scores = graph.op("MatMulInteger", rows, graph.op("Transpose", present, perm=[0, 2, 1]), zero, zero, dtype=np.int32)
    mixed = graph.op("Mod", graph.op("ReduceSum", scores, np.array([-1]), keepdims=1), np.int32(97))
    mixed = graph.op("Add", mixed, graph.op("Unsqueeze", graph.cast(positions, np.int32), np.array([2])))
    logits = graph.op("MatMulInteger", rows, head, zero, zero, dtype=np.int32)
    graph.output("logits", graph.op("Add", logits, graph.op("Mul", mixed, np.arange(vocabulary, dtype=np.int32) * 11)))
    graph.output("present.0.key", present)
    made = graph.build()
    ranges = {"input_ids": Range(0, vocabulary - 1), "position_ids": Range(0, context - 1)}
    write_declarations(made, ranges, {"tokens": 8, "past": context - 1})
    return made
