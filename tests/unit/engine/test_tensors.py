"""`tensors/1`: what a contract packs is what the graph gets, and floats come back on the manifest's grid."""

import struct
from typing import Any, Final

import numpy as np
import pytest
from eth_abi.packed import encode_packed
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from themis.bundles.manifest import TensorSchema
from themis.core.errors import Reason, Refused
from themis.engine import tensors
from themis.exact.declare import Declarations, Range

FREE: Final = Declarations({}, {})
FLAGS: Final = TensorSchema(name="flags", dtype="bool", shape=[2])
ROWS: Final = TensorSchema(name="rows", dtype="int16", shape=["n", 2])
RATES: Final = TensorSchema(name="rates", dtype="float32", shape=["n"], steps_per_unit=1_000)
WIDE: Final = TensorSchema(name="wide", dtype="uint64", shape=["m"])
PACKED: Final = encode_packed(
    ["uint32", "uint32", "bool", "bool", *["int16"] * 4, "int32", "int32", "uint64"],
    [2, 1, True, False, 1, -2, 3, -4, 1_500, -250, 2**64 - 1],
)


def test_what_solidity_packs_is_what_the_graph_gets() -> None:
    feed = tensors.decode(PACKED, [FLAGS, ROWS, RATES, WIDE], FREE)
    assert {name: array.tolist() for name, array in feed.items()} == {
        "flags": [True, False],
        "rows": [[1, -2], [3, -4]],
        "rates": [1.5, -0.25],
        "wide": [2**64 - 1],
    }
    assert {name: array.dtype.name for name, array in feed.items()} == {
        "flags": "bool",
        "rows": "int16",
        "rates": "float32",
        "wide": "uint64",
    }
    assert all(array.dtype.isnative for array in feed.values())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PACKED[:-1],
        PACKED + b"\x00",
        PACKED[:7],
        b"\xff" * len(PACKED),
        bytes(4) + PACKED[4:],
        PACKED[:8] + b"\x02" + PACKED[9:],
    ],
    ids=["empty", "short", "long", "no sizes", "huge sizes", "size 0", "bool 2"],
)
def test_any_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(Refused) as caught:
        tensors.decode(data, [FLAGS, ROWS, RATES, WIDE], FREE)
    assert caught.value.reason == Reason.INVALID_INPUT


def test_what_a_proof_of_exactness_assumes_is_enforced() -> None:
    packed = encode_packed(["uint32", "int16", "int16"], [1, 5, 6])
    assert tensors.decode(packed, [ROWS], Declarations({"rows": Range(5, 6)}, {"n": 1}))
    with pytest.raises(Refused, match=r"rows leaves the declared range 5\.\.5"):
        tensors.decode(packed, [ROWS], Declarations({"rows": Range(5, 5)}, {}))
    with pytest.raises(Refused, match="too large for the model: n = 1, limit 0"):
        tensors.decode(packed, [ROWS], Declarations({}, {"n": 0}))


@given(values=hnp.arrays(np.float32, st.integers(0, 9), elements=st.floats(-1e6, 1e6, width=32)))
def test_floats_are_rounded_to_the_grid(values: Any) -> None:
    data = tensors.encode([values], [RATES])
    told = np.array(tensors.as_json(data, [RATES])["rates"])
    assert len(data) == 4 * len(values)
    assert np.abs(told - values).max(initial=0) <= 0.0005 + 1e-9
    assert (np.rint(told * 1_000) == np.rint(values.astype(np.float64) * 1_000)).all()


def test_ties_go_to_even() -> None:
    halves = np.array([0.5, 1.5, -0.5, 2.5], np.float32)
    grid = RATES.model_copy(update={"steps_per_unit": 1})
    assert np.frombuffer(tensors.encode([halves], [grid]), ">i4").tolist() == [0, 2, 0, 2]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e6])
def test_what_the_grid_cannot_say_is_refused(value: float) -> None:
    with pytest.raises(Refused, match="rates has values that are not finite or exceed") as caught:
        tensors.encode([np.array([0, value], np.float32)], [RATES])
    assert caught.value.reason == Reason.ENGINE_REFUSED


def test_results_are_read_back_for_people() -> None:
    outputs = [np.array([True, False]), np.array([[1, -2]], np.int16)]
    data = tensors.encode(outputs, [FLAGS, ROWS])
    assert data == b"\x01\x00\x00\x01\xff\xfe"
    assert tensors.as_json(data, [FLAGS, ROWS]) == {"flags": [True, False], "rows": [1, -2]}
    with pytest.raises(ValueError, match="6 bytes; 2 expected"):
        tensors.as_json(data, [FLAGS])


def test_the_size_of_a_request_is_known_where_every_size_is() -> None:
    fixed = RATES.model_copy(update={"shape": [3, 2]})
    assert tensors.fixed_size([FLAGS, fixed]) == 2 + 24
    assert tensors.fixed_size([FLAGS, ROWS]) is None


# Property: what the node sends is what the graph answered, over every rank and type.

DTYPES: Final = (
    "bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64",
)  # fmt: skip
LETTERS: Final = {"b": "?", "u1": "B", "i1": "b", "u2": "H", "i2": "h", "u4": "I", "i4": "i", "u8": "Q", "i8": "q"}


@st.composite
def outputs(draw: st.DrawFn) -> tuple[list[TensorSchema], list[Any]]:
    """One to three outputs of ranks 0 to 3, some sizes open, as ONNX Runtime gives them: without axes as a scalar."""
    schemas, arrays = [], []
    for index in range(draw(st.integers(1, 3))):
        dtype = np.dtype(draw(st.sampled_from(DTYPES)))
        shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=3))
        elements = st.integers(-60, 60).map(lambda steps: steps / 4) if dtype.kind == "f" else None
        array = draw(hnp.arrays(dtype, shape, elements=elements))
        said = [f"{index}.{axis}" if draw(st.booleans()) else size for axis, size in enumerate(shape)]
        steps = 4 if dtype.kind == "f" else None
        fields = {"name": f"y{index}", "dtype": dtype.name, "shape": said, "steps_per_unit": steps}
        schemas.append(TensorSchema.model_validate(fields))
        arrays.append(array[()] if not shape and draw(st.booleans()) else array)
    return schemas, arrays


@given(outputs())
def test_every_rank_and_type_travels_and_comes_back(case: tuple[list[TensorSchema], list[Any]]) -> None:
    schemas, arrays = case
    data = tensors.encode(arrays, schemas)
    written = b"".join(
        element.to_bytes(4, "big")
        for schema, array in zip(schemas, arrays, strict=True)
        for size, element in zip(schema.shape, np.shape(array), strict=True)
        if len([each for each in schemas if any(isinstance(s, str) for s in each.shape)]) > 1 and isinstance(size, str)
    )
    for schema, array in zip(schemas, arrays, strict=True):
        kind = np.dtype("i4" if schema.steps_per_unit else schema.dtype)
        letter = LETTERS["b" if kind.kind == "b" else f"{kind.kind}{kind.itemsize}"]
        for value in np.ravel(array).tolist():
            written += struct.pack(f">{letter}", int(value * 4) if schema.steps_per_unit else value)
    assert data == written
    assert list(tensors.as_json(data, schemas).values()) == [np.ravel(array).tolist() for array in arrays]


@given(outputs())
def test_every_rank_and_type_of_a_request_arrives(case: tuple[list[TensorSchema], list[Any]]) -> None:
    schemas, arrays = case
    shapes = zip(schemas, arrays, strict=True)
    names = {size: found for s, a in shapes for size, found in zip(s.shape, np.shape(a), strict=True)}
    header = b"".join(size.to_bytes(4, "big") for name, size in names.items() if isinstance(name, str))
    fixed = [schema.model_copy(update={"shape": list(np.shape(a))}) for schema, a in zip(schemas, arrays, strict=True)]
    feed = tensors.decode(header + tensors.encode(arrays, fixed), schemas, FREE)
    for schema, array in zip(schemas, arrays, strict=True):
        assert feed[schema.name].shape == np.shape(array)
        assert feed[schema.name].dtype == np.dtype(schema.dtype)
        assert np.array_equal(feed[schema.name], array)


def test_a_mean_is_sent_in_the_right_order() -> None:
    mean = TensorSchema(name="mean", dtype="float32", shape=[], steps_per_unit=10_000)
    assert tensors.encode([np.array(1.25, "f4")], [mean]).hex() == "000030d4"


LABEL: Final = TensorSchema(name="label", dtype="int64", shape=["label.0"])
CHANCES: Final = TensorSchema(name="chances", dtype="float32", shape=["chances.0", 3], steps_per_unit=10)


def test_sizes_that_the_result_does_not_tell_are_sent_with_it() -> None:
    data = tensors.encode([np.array([1, 0]), np.array([[0, 1, 0], [1, 0, 0]], "f4")], [LABEL, CHANCES])
    assert data[:8] == encode_packed(["uint32", "uint32"], [2, 2])
    assert len(data) == 8 + 2 * 8 + 6 * 4
    assert tensors.as_json(data, [LABEL, CHANCES]) == {"label": [1, 0], "chances": [0, 1, 0, 1, 0, 0]}
    with pytest.raises(ValueError, match="sizes alone take 8"):
        tensors.as_json(data[:7], [LABEL, CHANCES])
    with pytest.raises(ValueError, match="expected"):
        tensors.as_json(data[:-1], [LABEL, CHANCES])


def test_outputs_that_name_one_size_have_one() -> None:
    both = [LABEL.model_copy(update={"shape": ["n"]}), CHANCES.model_copy(update={"shape": ["n", 3]})]
    with pytest.raises(Refused, match="chances has shape"):
        tensors.encode([np.array([1, 0]), np.zeros((3, 3), "f4")], both)
    with pytest.raises(Refused, match="label has shape"):
        tensors.encode([np.array(1)], [LABEL])
