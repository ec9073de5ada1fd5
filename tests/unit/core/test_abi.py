"""What does not fit the ABI is refused with ValueError; names are hashed and spelled as Ethereum does."""

from typing import Any

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak as reference_keccak
from hypothesis import given
from hypothesis import strategies as st

from themis.chain.contracts import REGISTRY
from themis.core import abi
from themis.core.keccak import keccak
from themis.core.spelling import address, shown


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("uint8", 256),
        ("uint8", -1),
        ("uint8", True),
        ("uint8", "1"),
        ("bool", 1),
        ("bytes4", b"12345"),
        ("address", b"\x01" * 19),
        ("address", "0x" + "01" * 21),
        ("uint8[2]", [1]),
        ("(uint8,bool)", [1]),
    ],
)
def test_what_does_not_fit_is_not_written(kind: str, value: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="."):
        abi.encode([kind], [value])


@pytest.mark.parametrize("data", [b"", (32).to_bytes(32) + (2**200).to_bytes(32)])
def test_what_no_contract_writes_is_not_read(data: bytes) -> None:
    with pytest.raises(ValueError, match="."):
        abi.decode(["uint256[]"], data)


def test_selectors_and_topics_name_tuples_by_their_members() -> None:
    pairs = {"type": "tuple[]", "name": "pairs", "components": [{"type": "uint8", "name": "a"}, {"type": "bytes"}]}
    assert abi.signature({"name": "f", "inputs": [{"type": "address"}, pairs]}) == "f(address,(uint8,bytes)[])"
    assert REGISTRY.selector("licensorOf") == reference_keccak(text="licensorOf(bytes32)")[:4]


@given(data=st.binary(max_size=300))
def test_the_hash_is_ethereums(data: bytes) -> None:
    assert keccak(data) == reference_keccak(data)


@given(raw=st.binary(min_size=20, max_size=20))
def test_addresses_carry_their_checksum(raw: bytes) -> None:
    assert shown(raw) == to_checksum_address(raw)
    assert address(shown(raw)) == raw
    wrong = shown(raw).swapcase().replace("X", "x")
    if wrong not in {shown(raw), wrong.lower(), "0x" + wrong[2:].upper()}:
        with pytest.raises(ValueError, match="checksum"):
            address(wrong)
