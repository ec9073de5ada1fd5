"""Writes ONNX: a typed list of nodes and constants that becomes a ModelProto with reproducible bytes."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

OPSET: Final = 17
IR_VERSION: Final = 8


@dataclass(frozen=True, slots=True)
class Tensor:
    """A value in the graph."""

    name: str
    dtype: np.dtype[Any]


Operand = Tensor | NDArray[Any] | np.generic
"""A value of the graph, or a constant."""


class Graph:
    """Collects nodes in topological order. Equal constants are stored once."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._initializers: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, dtype: type[np.generic], shape: tuple[int | str, ...]) -> Tensor:
        """Declare a graph input; a dimension is a size or a name."""
        self._inputs.append(helper.make_tensor_value_info(name, onnx_type(np.dtype(dtype)), shape))
        return Tensor(name, np.dtype(dtype))

    def output(self, name: str, value: Tensor) -> None:
        """Make a value a graph output under this name, copied unless it was made under it."""
        if value.name != name:
            self._append("Identity", [value.name], [name], {})
        self._outputs.append(helper.make_tensor_value_info(name, onnx_type(value.dtype), None))

    def constant(self, value: NDArray[Any] | np.generic) -> Tensor:
        """Store an array in the graph."""
        array = np.asarray(value, order="C")
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = f"c{len(self._constants)}"
            self._initializers.append(numpy_helper.from_array(array, self._constants[key]))
        return Tensor(self._constants[key], array.dtype)

    def op(
        self,
        op_type: str,
        *operands: Operand,
        dtype: type[np.generic] | None = None,
        name: str | None = None,
        **attributes: Any,
    ) -> Tensor:
        """Append a node with one output, whose dtype is the first operand's unless given."""
        return self.ops(op_type, 1, *operands, dtype=dtype, name=name, **attributes)[0]

    def ops(
        self,
        op_type: str,
        outputs: int,
        *operands: Operand,
        dtype: type[np.generic] | None = None,
        name: str | None = None,
        **attributes: Any,
    ) -> list[Tensor]:
        """Append a node with several outputs of one dtype; `name` is the only one's."""
        values = [value if isinstance(value, Tensor) else self.constant(value) for value in operands]
        names = [name] if name else [f"v{len(self._nodes)}_{index}" for index in range(outputs)]
        self._append(op_type, [value.name for value in values], names, attributes)
        result = values[0].dtype if dtype is None else np.dtype(dtype)
        return [Tensor(name, result) for name in names]

    def cast(self, value: Tensor, dtype: type[np.generic]) -> Tensor:
        """Convert; the linter proves that nothing is lost."""
        return self.op("Cast", value, dtype=dtype, to=onnx_type(np.dtype(dtype)))

    def build(self) -> onnx.ModelProto:
        """Return the model, checked by ONNX itself with strict shape inference; output shapes are filled in."""
        graph = helper.make_graph(self._nodes, self._name, self._inputs, self._outputs, self._initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
        for declared, found in zip(model.graph.output, inferred.graph.output, strict=True):
            declared.CopyFrom(found)
        onnx.checker.check_model(model, full_check=True)
        return model

    def _append(self, op_type: str, inputs: list[str], outputs: list[str], attributes: dict[str, Any]) -> None:
        self._nodes.append(
            helper.make_node(op_type, inputs, outputs, name=f"{len(self._nodes)}_{op_type}", **attributes)
        )


def onnx_type(dtype: np.dtype[Any]) -> int:
    """ONNX's number for a NumPy dtype."""
    return int(helper.np_dtype_to_tensor_dtype(dtype))


def serialize(model: onnx.ModelProto) -> bytes:
    """Equal models give equal bytes."""
    return bytes(model.SerializeToString(deterministic=True))
