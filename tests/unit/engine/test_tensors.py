"""`tensors/1`: what a contract packs is what the graph gets, and floats come back on the manifest's grid."""

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
    with pytest.raises(ValueError, match="more than one output has a size"):
        tensors.as_json(data, [ROWS, RATES])


def test_the_size_of_a_request_is_known_where_every_size_is() -> None:
    fixed = RATES.model_copy(update={"shape": [3, 2]})
    assert tensors.fixed_size([FLAGS, fixed]) == 2 + 24
    assert tensors.fixed_size([FLAGS, ROWS]) is None
