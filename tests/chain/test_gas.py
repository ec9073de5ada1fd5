"""Gas of every path, measured with real transactions on Anvil, is what the snapshot says, to the unit."""

import json
from typing import Any

import pytest

from contracts import gas

REFERENCE_GAS = 100_705
"""A plain implementation of the same checks: one warm request and its fulfillment (issue 2)."""

MAX_CODE_BYTES = 24_576
"""EIP-170."""


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    with gas.anvil() as web3:
        return gas.measure(web3)


def test_gas_is_as_committed(measured: dict[str, Any]) -> None:
    assert measured == json.loads(gas.SNAPSHOT.read_text()), "run `python contracts/gas.py`, look what changed"


def test_reference_path_beats_the_plain_implementation(measured: dict[str, Any]) -> None:
    assert measured["gas"][gas.REFERENCE] < REFERENCE_GAS


def test_the_oracle_fits_into_one_contract(measured: dict[str, Any]) -> None:
    assert measured["size"]["InferenceOracle"] < MAX_CODE_BYTES
