"""A graph that can be rewritten: who makes and who uses each value, and what is known of it."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from themis.exact.attributes import attributes
from themis.exact.interval import Value
from themis.exact.lint import lint

Operand = str | NDArray[Any] | np.generic
PREFIX: Final = "rewritten"


class Net:
    """Nodes by the values they make. Graph outputs and inputs keep their names; `build` sorts and cleans up."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = model
        self.nodes = list(model.graph.node)
        self._constants = {tensor.name: tensor for tensor in model.graph.initializer}
        self._outputs = {entry.name for entry in model.graph.output}
        self._taken = {*self._constants, *(name for node in self.nodes for name in node.output)}

    def constant(self, name: str) -> NDArray[Any] | None:
        """The array, if the value is one."""
        return numpy_helper.to_array(self._constants[name]) if name in self._constants else None

    def scalar(self, name: str) -> int | None:
        """The integer, if the value is a constant with one element."""
        array = self.constant(name)
        return int(array.item()) if array is not None and array.size == 1 else None

    def maker(self, name: str, *op_types: str) -> onnx.NodeProto | None:
        """The node that makes a value, if it is of one of these types."""
        node = self._makers.get(name)
        return node if node is not None and node.op_type in op_types else None

    def users(self, name: str) -> list[onnx.NodeProto]:
        """Nodes that read a value; empty for one that is an output of the graph, which must stay."""
        return [] if name in self._outputs else self._users[name]

    def only_user(self, name: str, *op_types: str) -> onnx.NodeProto | None:
        """The node that reads a value, if there is just one and it is of one of these types."""
        found = self.users(name)
        return found[0] if len(found) == 1 and found[0].op_type in op_types else None

    def of(self, op_type: str) -> Iterator[tuple[onnx.NodeProto, dict[str, Any]]]:
        """Nodes of one type with their attributes, as the graph stands now."""
        for node in [node for node in self.nodes if node.op_type == op_type]:
            yield node, attributes(node)

    def size(self, name: str, axis: int) -> int | None:
        """How long an axis is, where the graph itself says so."""
        shape = self._shapes.get(name)
        return None if shape is None or not -len(shape) <= axis < len(shape) else shape[axis]

    def rank(self, name: str) -> int | None:
        shape = self._shapes.get(name)
        return None if shape is None else len(shape)

    def range(self, name: str) -> Value | None:
        """What the linter has proven of a value of the graph as it was."""
        return self._certificate.get(name)

    def add(self, op_type: str, *operands: Operand, outputs: int = 1, **attributes: Any) -> str:
        """Append a node; the name of its last output."""
        names = [operand if isinstance(operand, str) else self._stored(np.asarray(operand)) for operand in operands]
        made = [self._name() for _ in range(outputs)]
        self.nodes.append(helper.make_node(op_type, names, made, name=f"{made[0]}_{op_type}", **attributes))
        self._forget()
        return made[-1]

    def copy(self, node: onnx.NodeProto, operands: Sequence[str]) -> list[str]:
        """Append a node like another one that reads these; the names of its outputs."""
        made = [self._name() for _ in node.output]
        values = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
        self.nodes.append(helper.make_node(node.op_type, operands, made, name=f"{made[0]}_{node.op_type}", **values))
        self._forget()
        return made

    def replace(self, old: str, new: str) -> None:
        """Let all who read one value read another."""
        for node in self.users(old):
            for index, name in enumerate(node.input):
                if name == old:
                    node.input[index] = new
        self._forget()

    def build(self) -> onnx.ModelProto:
        """The model without what nobody reads any more."""
        needed, wanted = set(), list(self._outputs)
        makers = {name: index for index, node in enumerate(self.nodes) for name in node.output if name}
        while wanted:
            index = makers.get(wanted.pop())
            if index is not None and index not in needed:
                needed.add(index)
                wanted += self.nodes[index].input
        before = {
            index: {makers[name] for name in self.nodes[index].input if name in makers} for index in sorted(needed)
        }
        ordered = [self.nodes[index] for index in TopologicalSorter(before).static_order()]
        read = {name for node in ordered for name in node.input} | self._outputs
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        del model.graph.node[:]
        del model.graph.initializer[:]
        del model.graph.value_info[:]
        model.graph.node.extend(ordered)
        model.graph.initializer.extend(tensor for name, tensor in self._constants.items() if name in read)
        return model

    def _stored(self, array: NDArray[Any]) -> str:
        name = self._name()
        self._constants[name] = numpy_helper.from_array(array, name)
        return name

    def _name(self) -> str:
        name = next(name for count in itertools.count() if (name := f"{PREFIX}{count}") not in self._taken)
        self._taken.add(name)
        return name

    def _forget(self) -> None:
        for view in ("_makers", "_users"):
            self.__dict__.pop(view, None)

    @cached_property
    def _makers(self) -> dict[str, onnx.NodeProto]:
        return {name: node for node in self.nodes for name in node.output if name}

    @cached_property
    def _users(self) -> dict[str, list[onnx.NodeProto]]:
        users: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in self.nodes:
            for name in dict.fromkeys(node.input):
                users[name].append(node)
        return users

    @cached_property
    def _shapes(self) -> dict[str, list[int | None]]:
        inferred = onnx.shape_inference.infer_shapes(self._model, data_prop=True).graph
        shapes: dict[str, list[int | None]] = {name: list(tensor.dims) for name, tensor in self._constants.items()}
        for entry in (*inferred.input, *inferred.value_info, *inferred.output):
            kind = entry.type.tensor_type
            if kind.HasField("shape"):
                shapes[entry.name] = [size.dim_value if size.HasField("dim_value") else None for size in kind.shape.dim]
        return shapes

    @cached_property
    def _certificate(self) -> dict[str, Value]:
        return dict(lint(self._model).certificate)
