"""Gas of every path, measured with real transactions on Anvil, is what the snapshot says, to the unit."""

import json
from typing import Any

import pytest

from contracts import bench, gas

REFERENCE_GAS = 100_705 + 2 * 3_526
"""A plain implementation of the same checks, one warm request and its fulfillment (issue 2), and the first call into
another contract in each of both: the registry stands apart (ADR 28)."""

MAX_CODE_BYTES = 24_576
"""EIP-170."""


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    with bench.anvil() as web3:
        return gas.measure(web3)


def test_gas_is_as_committed(measured: dict[str, Any]) -> None:
    assert measured == json.loads(gas.SNAPSHOT.read_text()), "run `python contracts/gas.py`, look what changed"


def test_reference_path_beats_the_plain_implementation(measured: dict[str, Any]) -> None:
    assert measured["gas"][gas.REFERENCE] < REFERENCE_GAS


def test_each_contract_has_room_to_spare(measured: dict[str, Any]) -> None:
    assert all(size <= MAX_CODE_BYTES - 3_000 for size in measured["size"].values())
