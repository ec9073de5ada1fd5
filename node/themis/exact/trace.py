"""Format "trace-2": what a graph computed for one request, tensor by tensor, under one root.

Tensors are in the order of their words (`program.py`). An element is the integer it stands for, whatever carries it, as
big-endian two's complement: float32 in 4 bytes, float64 in 8, bool in one. A leaf of a tensor is one vector along the
last axis, cut after 256 bytes; a tensor without axes has one vector of one element, an empty tensor one empty leaf. A
leaf of the trace is abi.encode(uint256 word, uint256 dtype, uint256[] shape, bytes32 root of the tensor); dtype is
ONNX's number. Trees are those of `core.merkle` with SHA-256.

The request runs alone, on the registered graph. It runs some nodes at a time, so that a trace of any size takes the
memory of a few of its tensors.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from themis.core import merkle
from themis.core.abi import encode
from themis.core.merkle import sha256
from themis.core.types import Hash32
from themis.exact.graph import onnx_type, serialize
from themis.exact.program import REDUCTIONS, SECOND, WITNESS, Node, Program, reduced_axis, step_of
from themis.exact.roots import operand_words
from themis.exact.session import SessionSettings, open_session

Array = NDArray[Any]

FORMAT: Final = "trace-2"
LEAF_BYTES: Final = 256
WIRE: Final[Mapping[np.dtype[Any], np.dtype[Any]]] = {
    np.dtype(np.float32): np.dtype(">i4"),
    np.dtype(np.float64): np.dtype(">i8"),
}
"""How elements of a carrier are written; those of other types as they are."""
NODES_AT_ONCE: Final = 24


@dataclass(frozen=True, slots=True)
class Header:
    """A tensor of a trace."""

    word: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    root: Hash32

    def leaf(self) -> bytes:
        types = ["uint256", "uint256", "uint256[]", "bytes32"]
        return encode(types, [self.word, onnx_type(self.dtype), self.shape, self.root])


@dataclass(frozen=True, slots=True)
class Trace:
    """Headers of all tensors, in order."""

    headers: tuple[Header, ...]

    @property
    def root(self) -> Hash32:
        return merkle.root((header.leaf() for header in self.headers), sha256)


def commit(word: int, array: Array) -> Header:
    """The header of a tensor. Raises ValueError for a float that is no integer."""
    return Header(word, array.dtype, array.shape, merkle.root(leaves(array), sha256))


def leaves(array: Array) -> Iterator[bytes]:
    """What the root of a tensor binds. Raises as `commit`."""
    wire = WIRE.get(array.dtype, array.dtype.newbyteorder(">"))
    data = array.astype(wire).tobytes()
    if array.dtype.kind == "f" and not np.array_equal(np.frombuffer(data, wire), array.ravel()):
        raise ValueError(f"a tensor of {array.dtype} holds what is no integer: the graph is not exact")
    row = wire.itemsize * (array.shape[-1] if array.ndim else 1)
    if not data:
        yield b""
    elif row <= LEAF_BYTES:
        for first in range(0, len(data), row):
            yield data[first : first + row]
    else:
        for first in range(0, len(data), row):
            for place in range(first, first + row, LEAF_BYTES):
                yield data[place : min(place + LEAF_BYTES, first + row)]


def leaf_of(dtype: np.dtype[Any], shape: tuple[int, ...], index: tuple[int, ...]) -> int:
    """In which leaf of its tensor an element lies."""
    if not shape:
        return 0
    size = WIRE.get(dtype, dtype).itemsize
    row = int(np.ravel_multi_index(index[:-1], shape[:-1])) if len(shape) > 1 else 0
    return row * -(-shape[-1] * size // LEAF_BYTES) + index[-1] * size // LEAF_BYTES


def witness(node: Node, operands: tuple[Array | None, ...]) -> Array:
    """Of a product the second operand by columns; of a reduction what it comes to after each step."""
    if node.op in REDUCTIONS:
        return _running(node, operands)
    second = operands[SECOND[node.op]]
    if second is None or second.ndim < 2:  # noqa: PLR2004 (a matrix)
        raise ValueError(f"the second operand of node {node.number}, {node.op}, is no matrix")
    return np.ascontiguousarray(second.swapaxes(-1, -2))


def _running(node: Node, operands: tuple[Array | None, ...]) -> Array:
    x = operands[0]
    if x is None:
        raise ValueError(f"node {node.number}, {node.op}, reduces nothing")
    axes = operands[1] if len(operands) > 1 else None
    axis = reduced_axis(node, None if axes is None else np.ravel(axes).tolist(), x.ndim)
    firsts = range(0, x.shape[axis], step_of(axis, x.ndim))
    if not firsts:
        return np.zeros((*x.shape[:axis], 0, *x.shape[axis + 1 :]), x.dtype)
    combined = np.add if node.op == "ReduceSum" else np.maximum
    steps = combined.reduceat(x.astype(np.int64), list(firsts), axis)
    return np.asarray(combined.accumulate(steps, axis).astype(x.dtype))


def trace(model: onnx.ModelProto, program: Program, feed: Mapping[str, Array]) -> Trace:
    """Run a request and commit to all that was computed. Raises what the session raises, and as `commit`."""
    return Trace(tuple(commit(word, array) for word, array in tensors(model, program, feed)))


def tensors(model: onnx.ModelProto, program: Program, feed: Mapping[str, Array]) -> Iterator[tuple[int, Array]]:
    """The tensors of a request's trace by word, in order. Raises as `trace`."""
    for word, name in program.inputs.items():
        yield word, feed[name]
    traced = frozenset(program.traced)
    for numbers, found in _segments(model, feed, frozenset(program.traced)):
        for number in numbers:
            node = program.nodes[number]
            for index in range(node.outputs):
                if node.word(index) in traced:
                    yield node.word(index), found[node.word(index)]
            if node.witnessed:
                yield node.word(WITNESS), witness(node, _operands(node, found))


def _operands(node: Node, found: Mapping[int, Array]) -> tuple[Array | None, ...]:
    sources = (
        None if source is None else found[source.word] if source.constant is None else source.constant
        for source in node.operands
    )
    return tuple(sources)


def _segments(
    model: onnx.ModelProto, feed: Mapping[str, Array], traced: frozenset[int]
) -> Iterator[tuple[range, dict[int, Array]]]:
    """Runs of nodes, in order, with all that they read and gave; what nobody reads later is let go."""
    graph, words = model.graph, operand_words(model.graph)
    inferred = onnx.shape_inference.infer_shapes(model).graph
    kinds = {entry.name: entry.type.tensor_type.elem_type for entry in (*inferred.value_info, *inferred.output)}
    kinds |= {entry.name: entry.type.tensor_type.elem_type for entry in graph.input}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    last = {name: number for number, node in enumerate(graph.node) for name in node.input}
    live = {name: value for name, value in feed.items() if name in last}
    for first in range(0, len(graph.node), NODES_AT_ONCE):
        nodes = graph.node[first : first + NODES_AT_ONCE]
        end = first + len(nodes)
        made = [name for node in nodes for name in node.output if name]
        kept = [name for name in made if words[name] in traced or last.get(name, -1) >= end]
        asked = list(dict.fromkeys(name for node in nodes for name in node.input if name in live))
        used = {name for node in nodes for name in node.input} & constants.keys()
        part = helper.make_graph(
            nodes,
            "segment",
            [helper.make_tensor_value_info(name, kinds[name], None) for name in asked],
            [helper.make_tensor_value_info(name, kinds[name], None) for name in kept],
            [constants[name] for name in sorted(used)],
        )
        runnable = helper.make_model(part, opset_imports=model.opset_import, ir_version=model.ir_version)
        session = open_session(serialize(runnable), SessionSettings(arena=False))
        live |= zip(kept, session.run(kept, {name: live[name] for name in asked}), strict=True) if kept else {}
        yield range(first, end), {words[name]: value for name, value in live.items()}
        live = {name: value for name, value in live.items() if last.get(name, -1) >= end}
