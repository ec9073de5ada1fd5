"""Bytes as people read them. Pure."""

from typing import Final

from eth_utils.address import to_checksum_address

_ADDRESS_BYTES: Final = 20


def shown(value: bytes) -> str:
    """Hex with 0x; addresses with their EIP-55 checksum."""
    return to_checksum_address(value) if len(value) == _ADDRESS_BYTES else "0x" + value.hex()
