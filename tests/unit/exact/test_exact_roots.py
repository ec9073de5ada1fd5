"""Roots follow the computation: any weight, attribute or edge changes them; names and serialization do not."""

import json
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import AttributeProto, helper, numpy_helper

from tests.twins import emit
from tests.vectors import roots as vectors
from themis.core import merkle
from themis.exact.blocks import Blocks, Experts, V, gains
from themis.exact.graph import serialize
from themis.exact.roots import CHUNK_BYTES, program_leaves, program_root, weight_leaves, weights_root

RNG = np.random.default_rng(11)
WIDTH, INNER, COUNT = 8, 4, 3
TABLE = RNG.integers(0, 256, (300, WIDTH)).astype(np.uint8)
WEIGHT = RNG.integers(0, 256, (WIDTH, 20)).astype(np.uint8)
LAYER = Experts(
    router=RNG.integers(0, 256, (WIDTH, COUNT)).astype(np.uint8),
    up=RNG.integers(0, 256, (COUNT, WIDTH, 2 * INNER)).astype(np.uint8),
    down=RNG.integers(0, 256, (COUNT, INNER, WIDTH)).astype(np.uint8),
    route_shift=3,
    up_shift=7,
)


def network(b: Blocks[V]) -> None:
    x = b.embed(b.input("ids", np.int64, ("T",), 0, 299), TABLE, 4)
    x = b.residual(x, b.moe(b.rms_norm(x, gains(np.ones(WIDTH))), LAYER), 12)
    b.output("y", b.project(b.rms_norm(x, gains(np.ones(WIDTH))), WEIGHT))


def roots(model: onnx.ModelProto) -> tuple[bytes, bytes]:
    return program_root(model), weights_root(model)


def test_leaves_are_spelled_as_they_were_frozen() -> None:
    """A change here is another identity for every model: it needs a new version, not new vectors."""
    for case in json.loads(vectors.FILE.read_text()):
        model = onnx.load_from_string(bytes.fromhex(case["model"][2:]))
        assert ["0x" + leaf.hex() for leaf in program_leaves(model)] == case["programLeaves"]
        assert ["0x" + leaf.hex() for leaf in weight_leaves(model)] == case["weightLeaves"]
        assert ["0x" + root.hex() for root in roots(model)] == [case["programRoot"], case["weightsRoot"]]


@pytest.fixture
def model() -> onnx.ModelProto:
    return emit(network)


def nodes(model: onnx.ModelProto, op: str) -> list[onnx.NodeProto]:
    return [node for node in model.graph.node if node.op_type == op]


def test_roots_ignore_names_and_serialization(model: onnx.ModelProto) -> None:
    before = roots(model)
    again = onnx.load_from_string(serialize(model))
    kept = {entry.name for entry in (*again.graph.input, *again.graph.output)}
    for index, node in enumerate(again.graph.node):
        node.name = f"renamed{index}"
        node.doc_string = "changed"
        for field in (node.input, node.output):
            field[:] = [name if not name or name in kept else f"other_{name}" for name in field]
        attributes = sorted(node.attribute, key=lambda item: item.name, reverse=True)
        del node.attribute[:]
        node.attribute.extend(attributes)
    for tensor in again.graph.initializer:
        array = numpy_helper.to_array(tensor)
        # the same numbers in the other of protobuf's two encodings
        tensor.CopyFrom(helper.make_tensor(f"other_{tensor.name}", tensor.data_type, tensor.dims, array.ravel()))
    tensors = list(reversed(again.graph.initializer))
    del again.graph.initializer[:]
    again.graph.initializer.extend(tensors)
    again.producer_name = again.graph.name = "someone else"
    assert serialize(again) != serialize(model)
    assert roots(again) == before


def test_every_weight_changes_the_weights_root_only(model: onnx.ModelProto) -> None:
    before, changed = roots(model), 0
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor).copy()
        original = tensor.SerializeToString()
        array.reshape(-1)[-1] += 1
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
        program, weights = roots(model)
        assert (program, weights) != before
        if weights != before[1]:
            changed += 1
            assert program == before[0]
        tensor.ParseFromString(original)
    assert changed == 1 + 1 + 1 + 2 * COUNT + 1  # table, router, gates, experts, head
    assert roots(model) == before


def change_attribute(model: onnx.ModelProto) -> None:
    for attribute in nodes(model, "TopK")[0].attribute:
        if attribute.name == "largest":
            attribute.i = 0


def drop_attribute(model: onnx.ModelProto) -> None:
    del nodes(model, "ReduceSum")[0].attribute[:]


def change_edge(model: onnx.ModelProto) -> None:
    first, second = nodes(model, "QLinearMatMul")[:2]
    first.input[0], second.input[0] = second.input[0], first.input[0]


def swap_experts(model: onnx.ModelProto) -> None:
    first, second = nodes(model, "QLinearMatMul")[:2]
    first.input[3], second.input[3] = second.input[3], first.input[3]


def change_operator(model: onnx.ModelProto) -> None:
    nodes(model, "Sub")[0].op_type = "Add"


def rename_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].name = "tokens"
    for node in model.graph.node:
        node.input[:] = ["tokens" if name == "ids" else name for name in node.input]


def rename_dimension(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "F"


def change_input_type(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.INT32


def change_output(model: onnx.ModelProto) -> None:
    model.graph.node[-1].input[0] = model.graph.node[-3].output[0]


def change_range(model: onnx.ModelProto) -> None:
    next(entry for entry in model.metadata_props if entry.key == "range:ids").value = "0..298"


def change_extent(model: onnx.ModelProto) -> None:
    next(entry for entry in model.metadata_props if entry.key == "extent:T").value = "19999"


def change_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 16


def change_order(model: onnx.ModelProto) -> None:
    first, second = nodes(model, "QLinearMatMul")[:2]
    kept = first.SerializeToString()
    first.CopyFrom(second)
    second.ParseFromString(kept)


@pytest.mark.parametrize(
    "change",
    [
        change_attribute,
        drop_attribute,
        change_edge,
        swap_experts,
        change_operator,
        rename_input,
        rename_dimension,
        change_input_type,
        change_output,
        change_range,
        change_extent,
        change_opset,
        change_order,
    ],
)
def test_any_change_to_the_program_changes_a_root(
    model: onnx.ModelProto, change: Callable[[onnx.ModelProto], None]
) -> None:
    before = roots(model)
    change(model)
    assert roots(model) != before


def test_a_weight_leaf_is_one_column(model: onnx.ModelProto) -> None:
    """The leaf a referee opens: the operand of one dot product, under the tensor's dtype and shape."""
    single = emit(lambda b: b.output("y", b.project(b.input("x", np.uint8, ("T", WIDTH), 0, 255), WEIGHT)))
    columns = [WEIGHT[:, column].tobytes() for column in range(WEIGHT.shape[1])]
    word = int.to_bytes
    top = b"".join(
        [word(2, 32, "big"), word(96, 32, "big"), merkle.root(columns)]
        + [word(size, 32, "big") for size in (2, *WEIGHT.shape)]
    )
    assert weights_root(single) == merkle.root([top])
    assert merkle.verify(merkle.root(columns), columns[5], merkle.prove(columns, 5))


def test_other_tensors_are_cut_into_chunks_of_rows(model: onnx.ModelProto) -> None:
    single = emit(lambda b: b.output("y", b.embed(b.input("ids", np.int64, ("T",), 0, 299), TABLE, 0)))
    rows = CHUNK_BYTES // WIDTH
    chunks = [TABLE[first : first + rows].tobytes() for first in range(0, 300, rows)]
    word = int.to_bytes
    top = b"".join(
        [word(2, 32, "big"), word(96, 32, "big"), merkle.root(chunks)]
        + [word(size, 32, "big") for size in (2, *TABLE.shape)]
    )
    assert weights_root(single) == merkle.root([top])


def test_a_graph_without_weights_has_a_root() -> None:
    model = emit(lambda b: b.output("y", b.requantize(b.input("x", np.int32, ("T", 2), 0, 9), 1)))
    assert weights_root(model) == merkle.root([b""])


def test_control_flow_has_no_root(model: onnx.ModelProto) -> None:
    model.graph.node[0].attribute.append(helper.make_attribute("body", model.graph, attr_type=AttributeProto.GRAPH))
    with pytest.raises(ValueError, match="control flow"):
        program_root(model)
