"""Typed data (EIP-712): structs of static members hashed and shown, by their type strings. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from themis.core.abi import encode
from themis.core.keccak import keccak
from themis.core.types import Address, Hash32

DOMAIN_TYPE: Final = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_LENGTHS: Final = {"bytes32": 32, "address": 20}
_SAFE_BITS: Final = 53
"""Of integers that JavaScript does not round."""


@dataclass(frozen=True, slots=True)
class Domain:
    """Where a signature counts."""

    name: str
    version: str
    chain_id: int
    contract: Address


@cache
def type_hash(type_: str) -> Hash32:
    """keccak256 of an EIP-712 style type string."""
    return Hash32(keccak(type_.encode()))


def struct_hash(type_: str, *values: Any) -> Hash32:
    """Hash values in the order of the type's members; a string is given as its keccak256."""
    return Hash32(keccak(encode(_words(type_), [type_hash(type_), *values])))


@cache
def _words(type_: str) -> Sequence[str]:
    """Types of what is hashed: the type's hash, and its members."""
    kinds = (member["type"] for member in members(type_))
    return "bytes32", *("bytes32" if kind == "string" else kind for kind in kinds)


def digest(domain: Domain, type_: str, values: Sequence[Any]) -> Hash32:
    """What is signed."""
    return Hash32(keccak(b"\x19\x01" + separator(domain) + struct_hash(type_, *values)))


def separator(domain: Domain) -> Hash32:
    """What a contract calls its DOMAIN_SEPARATOR."""
    strings = keccak(domain.name.encode()), keccak(domain.version.encode())
    return struct_hash(DOMAIN_TYPE, *strings, domain.chain_id, domain.contract)


def typed_data(domain: Domain, type_: str, values: Sequence[Any]) -> dict[str, Any]:
    """Build the same as JSON for `eth_signTypedData_v4`, so that any wallet can sign it.

    What may pass 2^53 is a decimal string: wallets that are written in JavaScript would round a number.
    """
    name = type_[: type_.index("(")]
    return {
        "types": {"EIP712Domain": members(DOMAIN_TYPE), name: members(type_)},
        "primaryType": name,
        "domain": {
            "name": domain.name,
            "version": domain.version,
            "chainId": domain.chain_id,
            "verifyingContract": "0x" + domain.contract.hex(),
        },
        "message": message(type_, values),
    }


def message(type_: str, values: Sequence[Any]) -> dict[str, Any]:
    """The message of `typed_data` alone."""
    fields = members(type_)
    return {field["name"]: _shown(field["type"], value) for field, value in zip(fields, values, strict=True)}


def read(type_: str, shown: Any) -> bytes | int:
    """Read a member of `typed_data`'s message back, whether numbers are strings or not. Raises ValueError."""
    if type_ not in _LENGTHS:
        number = int(shown)
        if not 0 <= number < 2 ** int(type_.removeprefix("uint")):
            raise ValueError(f"{shown!r} is no {type_}")
        return number
    data = bytes.fromhex(str(shown).removeprefix("0x"))
    if len(data) != _LENGTHS[type_]:
        raise ValueError(f"{shown!r} is not {_LENGTHS[type_]} bytes")
    return data


def members(type_: str) -> list[dict[str, str]]:
    """`T(uint8 a,address b)` as [{"name": "a", "type": "uint8"}, {"name": "b", "type": "address"}]."""
    inside = type_[type_.index("(") + 1 : -1]
    pairs = (member.split(" ") for member in inside.split(","))
    return [{"name": name, "type": solidity} for solidity, name in pairs]


def _shown(type_: str, value: Any) -> str | int:
    """As a member of JSON typed data."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, bool):
        return value
    return int(value) if int(type_.removeprefix("uint")) <= _SAFE_BITS else str(value)
