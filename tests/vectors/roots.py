"""Writes `roots.json`: graphs as protobuf, with the leaves that their roots are over, to the byte.

What is frozen: how operands, inline constants and each kind of attribute are spelled, the interface leaf, little-endian
tensors, and how weights are cut. Whoever changes one of them changes the identity of every model.
"""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from themis.exact.roots import program_leaves, program_root, weight_leaves, weights_root

FILE: Final = Path(__file__).with_suffix(".json")


def vectors() -> list[dict[str, Any]]:
    """Two graphs: one with every kind of attribute, operand and weight, one without weights."""
    return [_case(_everything()), _case(_small())]


def render() -> str:
    """Write out the file as it is committed."""
    return json.dumps(vectors(), indent=1) + "\n"


def _everything() -> onnx.ModelProto:
    shape = numpy_helper.from_array(np.array([1, -1], np.int64), "shape")
    gemm = numpy_helper.from_array(np.arange(24, dtype=np.uint8).reshape(4, 6), "gemm")
    table = numpy_helper.from_array(np.arange(-40, 40, dtype=np.int16).reshape(20, 4), "table")
    fill = numpy_helper.from_array(np.array([-2], np.int32))
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"], axis=0),
        helper.make_node("Cast", ["rows"], ["bytes"], to=TensorProto.UINT8),
        helper.make_node("MatMulInteger", ["bytes", "gemm"], ["product"]),
        helper.make_node("ConstantOfShape", ["shape"], ["filled"], value=fill),
        helper.make_node("TopK", ["product", "one"], ["top", "places"], axis=-1, largest=1, sorted=1),
        helper.make_node("Clip", ["product", "", "high"], ["clipped"]),
        helper.make_node("Transpose", ["clipped"], ["turned"], perm=[1, 0]),
        helper.make_node("Own", ["turned", "filled"], ["y"], domain="test", mode="wrap", alpha=0.5, betas=[1.0, -0.25]),
    ]
    constants = [
        shape,
        gemm,
        table,
        numpy_helper.from_array(np.array([1], np.int64), "one"),
        numpy_helper.from_array(np.array(255, np.int32), "high"),
    ]
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, ["T"])
    y = helper.make_tensor_value_info("y", TensorProto.INT32, None)
    model = helper.make_model(
        helper.make_graph(nodes, "everything", [ids], [y], constants),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("test", 1)],
    )
    helper.set_model_props(model, {"range:ids": "0..19", "extent:T": "20000"})
    return model


def _small() -> onnx.ModelProto:
    x = helper.make_tensor_value_info("x", TensorProto.UINT8, [2, "N"])
    y = helper.make_tensor_value_info("y", TensorProto.UINT8, [2, "N"])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "small", [x], [y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def _case(model: onnx.ModelProto) -> dict[str, Any]:
    return {
        "model": _text(model.SerializeToString(deterministic=True)),
        "programLeaves": [_text(leaf) for leaf in program_leaves(model)],
        "programRoot": _text(program_root(model)),
        "weightLeaves": [_text(leaf) for leaf in weight_leaves(model)],
        "weightsRoot": _text(weights_root(model)),
    }


def _text(value: bytes) -> str:
    return "0x" + value.hex()


if __name__ == "__main__":
    FILE.write_text(render())
