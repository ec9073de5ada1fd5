"""Refuses graphs that nodes must not open: other people's code, control flow, chance, and tensors that claim too much.

Runs on the parsed protobuf alone, before a checker, a session or an array is made of it. Sizes are compared with the
bytes that are really there, so that nothing is allocated on the word of the file.
"""

from collections.abc import Iterable, Iterator, Mapping
from math import prod
from typing import Any, Final

import onnx
from onnx import AttributeProto, TensorProto

from themis.exact.declare import read_declarations
from themis.exact.external import place_of

DOMAINS: Final = frozenset(("", "ai.onnx", "ai.onnx.ml", "com.microsoft"))
"""Operators that ONNX Runtime brings itself. No library of other operators is ever loaded."""
CHANCE: Final = frozenset(
    ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli")
)
OPENS_FILES: Final = frozenset(("EPContext",))
MAX_NODES: Final = 2**17
MAX_NAME: Final = 1_024
"""Characters."""
MAX_RANK: Final = 16
MAX_SIZE: Final = 2**20
"""Of an axis of an input or output. ONNX's shape inference writes out what it takes for shapes."""
TYPES: Final[Mapping[int, tuple[int, str]]] = {
    TensorProto.FLOAT: (32, "float_data"),
    TensorProto.DOUBLE: (64, "double_data"),
    TensorProto.INT64: (64, "int64_data"),
    TensorProto.UINT32: (32, "uint64_data"),
    TensorProto.UINT64: (64, "uint64_data"),
    TensorProto.INT32: (32, "int32_data"),
    TensorProto.UINT16: (16, "int32_data"),
    TensorProto.INT16: (16, "int32_data"),
    TensorProto.FLOAT16: (16, "int32_data"),
    TensorProto.BFLOAT16: (16, "int32_data"),
    TensorProto.UINT8: (8, "int32_data"),
    TensorProto.INT8: (8, "int32_data"),
    TensorProto.BOOL: (8, "int32_data"),
    TensorProto.UINT4: (4, "int32_data"),
    TensorProto.INT4: (4, "int32_data"),
}
"""Types of weights: bits of an element, and where the file keeps elements that are not raw bytes."""
FIELDS: Final = ("float_data", "double_data", "int64_data", "uint64_data", "int32_data", "string_data")
PLAIN: Final = frozenset(
    (
        AttributeProto.FLOAT,
        AttributeProto.INT,
        AttributeProto.STRING,
        AttributeProto.FLOATS,
        AttributeProto.INTS,
        AttributeProto.STRINGS,
    )
)


def reasons(model: onnx.ModelProto, beside: Mapping[str, int]) -> Iterator[str]:
    """Why nodes must not open this graph, node by node; nothing if they may.

    `beside` has the sizes in bytes of the files of its bundle, by path: its weights may lie in those and nowhere else.
    """
    graph = model.graph
    if model.functions or model.training_info or graph.sparse_initializer:
        yield "it has local functions, training graphs or sparse weights: inline or remove them"
    for entry in model.opset_import:
        if entry.domain not in DOMAINS:
            yield f"it imports operators of {entry.domain!r}: only those that ONNX Runtime brings are run"
    if len(graph.node) > MAX_NODES:
        yield f"it has {len(graph.node)} nodes, limit {MAX_NODES}"
    yield from _names(graph)
    for entry in (*graph.input, *graph.output):
        yield from (f"{entry.name} {reason}" for reason in _entry(entry))
    try:
        read_declarations(model)
    except ValueError as error:
        yield str(error)
    for tensor in graph.initializer:
        yield from (f"weight {tensor.name}: {reason}" for reason in _tensor(tensor, beside))
    for node in graph.node:
        yield from (f"{node.op_type} -> {''.join(node.output[:1])}: {reason}" for reason in _node(node))


def _names(graph: onnx.GraphProto) -> Iterator[str]:
    """Every name is text, is defined once, and is defined before it is used."""
    words = [word for node in graph.node for word in (*node.input, *node.output, node.op_type, node.domain)]
    words += [item.name for node in graph.node for item in node.attribute]
    sources = [entry.name for entry in graph.input] + [tensor.name for tensor in graph.initializer]
    entries = (*graph.input, *graph.output)
    sizes = [size.dim_param for entry in entries for size in entry.type.tensor_type.shape.dim]
    texts: Iterable[Any] = (*words, *sources, *(entry.name for entry in entries), *sizes)
    if any(not isinstance(word, str) or len(word) > MAX_NAME for word in texts):
        yield f"a name in it is not UTF-8, or longer than {MAX_NAME} characters"
        return
    known = set(sources)
    for node in graph.node:
        if unknown := [name for name in node.input if name and name not in known]:
            yield f"{node.op_type}: {unknown[0]} is used before it is defined"
        made = [name for name in node.output if name]
        if len(set(made)) < len(made) or not known.isdisjoint(made):
            yield f"{node.op_type}: one of {', '.join(made)} is defined twice"
        known.update(made)
    weights = [tensor.name for tensor in graph.initializer]
    if len(set(weights)) < len(weights) or len({entry.name for entry in graph.input}) < len(graph.input):
        yield "two weights or two inputs have the same name"
    if missing := [entry.name for entry in graph.output if entry.name not in known]:
        yield f"output {missing[0]} is never computed"


def _entry(entry: onnx.ValueInfoProto) -> Iterator[str]:
    kind = entry.type.tensor_type
    if entry.type.WhichOneof("value") != "tensor_type" or not kind.HasField("shape"):
        yield "is no tensor of known rank"
    elif kind.elem_type not in TYPES or len(kind.shape.dim) > MAX_RANK:
        yield "has a type or rank that nodes do not take"
    elif any(size.HasField("dim_value") and not 0 < size.dim_value <= MAX_SIZE for size in kind.shape.dim):
        yield f"has a size that is not positive, or beyond {MAX_SIZE}"


def _node(node: onnx.NodeProto) -> Iterator[str]:
    if node.domain not in DOMAINS:
        yield f"operator of domain {node.domain!r}: only those that ONNX Runtime brings are run"
    if node.op_type in CHANCE:
        yield "draws random numbers, so nodes would disagree"
    if node.op_type in OPENS_FILES:
        yield "opens other files"
    for item in node.attribute:
        if item.ref_attr_name or (item.type not in PLAIN and item.type != AttributeProto.TENSOR):
            yield f"attribute {item.name} holds no plain value: control flow is not run"
        elif item.type == AttributeProto.TENSOR:
            yield from _tensor(item.t, {})


def _tensor(tensor: onnx.TensorProto, beside: Mapping[str, int]) -> Iterator[str]:
    """Whether the elements that the tensor claims are there."""
    if tensor.data_type not in TYPES:
        yield f"elements of type {tensor.data_type} are not run"
        return
    if len(tensor.dims) > MAX_RANK or any(size < 0 for size in tensor.dims):
        yield "a size is negative, or there are too many"
        return
    bits, field = TYPES[tensor.data_type]
    elements = prod(tensor.dims)
    wanted = (elements * bits + 7) // 8
    kept = {name for name in FIELDS if getattr(tensor, name)}
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        yield from _outside(tensor, wanted, beside, empty=not kept and not tensor.raw_data)
    elif tensor.raw_data:
        if kept or len(tensor.raw_data) != wanted:
            yield f"claims {wanted} bytes and has {len(tensor.raw_data)}"
    else:
        packed = (elements + 1) // 2 if bits == 4 else elements  # noqa: PLR2004 (two elements in each byte)
        if kept - {field} or len(getattr(tensor, field)) != packed:
            yield f"claims {elements} elements and has {len(getattr(tensor, field))}"


def _outside(tensor: onnx.TensorProto, wanted: int, beside: Mapping[str, int], *, empty: bool) -> Iterator[str]:
    try:
        place = place_of(tensor, wanted)
    except ValueError as error:
        yield str(error)
        return
    if place.file not in beside:
        yield f"keeps weights in another file, {place.file!r}, which is not one of the bundle's"
    elif place.size != wanted or place.offset + wanted > beside[place.file] or not empty:
        yield f"claims {wanted} bytes at {place.offset} of {place.file}, which has {beside[place.file]}"
    elif TYPES[tensor.data_type][0] < 8:  # noqa: PLR2004 (bits of a byte)
        yield "4-bit elements can be kept in another file only as bytes, two in each"
