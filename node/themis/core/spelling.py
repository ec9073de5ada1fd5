"""Bytes and times as people read them. Pure."""

from datetime import UTC, datetime
from typing import Final

from eth_utils.address import to_checksum_address

_ADDRESS_BYTES: Final = 20


def shown(value: bytes) -> str:
    """Hex with 0x; addresses with their EIP-55 checksum."""
    return to_checksum_address(value) if len(value) == _ADDRESS_BYTES else "0x" + value.hex()


def instant(at_s: int) -> str:
    """ISO 8601, UTC, where the calendar reaches; the contract's times reach further."""
    try:
        return datetime.fromtimestamp(at_s, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return f"second {at_s}"
