"""A model's identity: Merkle roots over its program and its weights, as a referee contract could open them.

Both depend on what the model computes and on the names of its inputs and outputs, not on the names of files, nodes or
inner tensors, nor on how the protobuf was written.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from themis.core import merkle
from themis.core.abi import encode
from themis.core.types import Hash32
from themis.exact.declare import read_declarations
from themis.exact.external import is_external, read

CHUNK_BYTES: Final = 1_024
"""A leaf of a tensor that is no GEMM weight holds as many whole rows as fit, at least one."""
INLINE_MAX: Final = 64
"""Constants of up to so many elements (shapes, scales, zero points, bounds) are part of the program, not weights."""
GEMM_WEIGHT: Final[Mapping[str, int]] = {"MatMulInteger": 1, "QLinearMatMul": 3}
"""Which input holds the weights."""

MAX_COLUMNS: Final = 2**24
"""Of one weight: each is a leaf, and a leaf takes memory whatever it holds."""

COLUMNS_AT_ONCE: Final = 1_024
"""Are copied, to lie one after the other."""

ABSENT, INPUT, RESULT, WEIGHT, INLINE = range(5)
"""Kinds of operand in a leaf: nothing, graph input i, output i of a node, weight tensor i, constant i of the leaf."""


def program_root(model: onnx.ModelProto) -> Hash32:
    """Root over the graph. Raises ValueError for control flow."""
    return merkle.root(program_leaves(model))


def program_leaves(model: onnx.ModelProto) -> list[bytes]:
    """What the root over the graph binds; `tests/vectors/roots.json` freezes every byte of it.

    Leaf 0: opset, inputs with dtype, shape and range, outputs, extents. Leaf 1 + i: node i in the file's order.

    A node's leaf is abi.encode(string op, bytes32[] operands, bytes[] inlineConstants, string[] attributes, uint256
    outputs) with an operand as kind << 248 | node << 32 | index, and attributes as sorted `name=value`.
    """
    graph, words = model.graph, operand_words(model.graph)
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    leaves = []
    for node in graph.node:
        operands: list[bytes] = []
        constants: list[bytes] = []
        for name in node.input:
            inline = name in tensors and words.get(name, 0) >> 248 != WEIGHT
            operands.append((INLINE << 248 | len(constants) if inline else words[name]).to_bytes(32, "big"))
            if inline:
                constants.append(_tensor(numpy_helper.to_array(tensors[name])))
        attributes = sorted(f"{item.name}={_attribute(item)}" for item in node.attribute)
        op = f"{node.domain}:{node.op_type}" if node.domain else node.op_type
        types = ["string", "bytes32[]", "bytes[]", "string[]", "uint256"]
        leaves.append(encode(types, [op, operands, constants, attributes, len(node.output)]))
    return [_interface(model, words), *leaves]


def operand_words(graph: onnx.GraphProto) -> dict[str, int]:
    """Of every tensor by name, but for constants that are part of a node's leaf: there they are counted."""
    words: dict[str, int] = {"": ABSENT << 248}
    words |= {entry.name: INPUT << 248 | index for index, entry in enumerate(graph.input)}
    words |= {name: WEIGHT << 248 | index for index, name in enumerate(weights(graph))}
    for number, node in enumerate(graph.node):
        words |= {name: RESULT << 248 | number << 32 | index for index, name in enumerate(node.output) if name}
    return words


def weights_root(model: onnx.ModelProto, folder: Path | None = None) -> Hash32:
    """Root over the weights; `folder` holds those that the graph keeps in other files."""
    return merkle.root(weight_leaves(model, folder))


def weight_leaves(model: onnx.ModelProto, folder: Path | None = None) -> list[bytes]:
    """What the root over the weights binds.

    Leaf i: weight tensor i in order of first use, as abi.encode(uint256 dtype, uint256[] shape, bytes32 root).

    The inner root's leaves are the columns of a GEMM weight, each the operand of one dot product, matrix by matrix, or
    chunks of rows of any other tensor. A graph without weights has the root of one empty leaf.
    """
    leaves = []
    for tensor, is_gemm in weights(model.graph).values():
        array = read(tensor, folder)
        rows = rows_of(array, by_columns=is_gemm)
        dtype = int(helper.np_dtype_to_tensor_dtype(array.dtype))
        leaves.append(encode(["uint256", "uint256[]", "bytes32"], [dtype, array.shape, merkle.root(rows)]))
    return leaves or [b""]


def rows_of(array: NDArray[Any], *, by_columns: bool) -> Iterator[bytes]:
    """Leaves of the inner root of a weight."""
    return _columns(array) if by_columns else _chunks(array)


def weights(graph: onnx.GraphProto) -> dict[str, tuple[onnx.TensorProto, bool]]:
    """Initializers that are weights, in order of first use, and whether each is the weight of a GEMM."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    uses: dict[str, bool] = {}
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name in tensors:
                is_gemm = GEMM_WEIGHT.get(node.op_type) == index and len(tensors[name].dims) > 1
                uses[name] = uses.get(name, False) or is_gemm
    return {
        name: (tensors[name], is_gemm)
        for name, is_gemm in uses.items()
        if is_gemm or prod(tensors[name].dims) > INLINE_MAX or is_external(tensors[name])
    }


def _columns(array: NDArray[Any]) -> Iterator[bytes]:
    if array.shape[-2] and array.size // array.shape[-2] > MAX_COLUMNS:
        raise ValueError(f"a weight of shape {array.shape} has more than {MAX_COLUMNS} columns")
    for matrix in array.reshape(-1, *array.shape[-2:]):
        for first in range(0, matrix.shape[1], COLUMNS_AT_ONCE):
            yield from map(_bytes, np.ascontiguousarray(matrix[:, first : first + COLUMNS_AT_ONCE].T))


def _chunks(array: NDArray[Any]) -> Iterator[bytes]:
    rows = array if array.ndim else array.reshape(1)
    step = max(1, CHUNK_BYTES // max(1, rows[:1].nbytes))
    if not len(rows):
        yield b""
    for first in range(0, len(rows), step):
        yield _bytes(rows[first : first + step])


def _bytes(array: NDArray[Any]) -> bytes:
    """Little-endian, row by row."""
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _interface(model: onnx.ModelProto, words: Mapping[str, int]) -> bytes:
    declared = read_declarations(model)
    opsets = sorted(f"{entry.domain or 'ai.onnx'}={entry.version}" for entry in model.opset_import)
    inputs = [
        f"{entry.name}:{entry.type.tensor_type.elem_type}:{_shape(entry)}:{found.low}..{found.high}"
        if (found := declared.ranges.get(entry.name))
        else f"{entry.name}:{entry.type.tensor_type.elem_type}:{_shape(entry)}"
        for entry in model.graph.input
    ]
    extents = sorted(f"{name}={size}" for name, size in declared.extents.items())
    outputs = [entry.name for entry in model.graph.output]
    sources = [words[name].to_bytes(32, "big") for name in outputs]
    types = ["string[]", "string[]", "string[]", "string[]", "bytes32[]"]
    return encode(types, [opsets, inputs, extents, outputs, sources])


def _shape(entry: onnx.ValueInfoProto) -> str:
    sizes: Iterable[Any] = entry.type.tensor_type.shape.dim
    return ",".join(size.dim_param or str(size.dim_value) for size in sizes)


def _attribute(attribute: onnx.AttributeProto) -> str:
    value = helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        return _tensor(numpy_helper.to_array(value)).hex()
    if attribute.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS):
        raise ValueError(f"attribute {attribute.name} is a graph: models with control flow have no program root")
    if isinstance(value, bytes):
        return value.hex()
    return f"{attribute.type}:{list(value) if isinstance(value, Iterable) else value}"


def _tensor(array: NDArray[Any]) -> bytes:
    dtype = int(helper.np_dtype_to_tensor_dtype(array.dtype))
    said = _small if array.size <= INLINE_MAX else _said
    return said(dtype, array.shape, _bytes(array))


def _said(dtype: int, shape: tuple[int, ...], data: bytes) -> bytes:
    return encode(["uint256", "uint256[]", "bytes"], [dtype, shape, data])


_small: Final = lru_cache(4_096)(_said)
"""A graph has the same shapes, scales and zero points again and again, and is read more than once."""


def parameters(model: onnx.ModelProto) -> int:
    """Elements of all weight tensors."""
    return sum(prod(tensor.dims) for tensor, _ in weights(model.graph).values())
