"""A node's attributes as Python values: text decoded, tensors as arrays, `to` as a dtype."""

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """By name. Graphs and other kinds stay as they are. Raises ValueError for a tensor that cannot be read."""
    found: dict[str, Any] = {}
    for attribute in node.attribute:
        value = helper.get_attribute_value(attribute)
        if isinstance(value, bytes):
            value = value.decode()
        elif isinstance(value, onnx.TensorProto):
            value = numpy_helper.to_array(value)
        found[attribute.name] = value
    if "to" in found:
        found["to"] = np.dtype(helper.tensor_dtype_to_np_dtype(found["to"]))
    return found
