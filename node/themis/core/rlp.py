"""RLP, as transactions are written (Yellow Paper, appendix B)."""

from collections.abc import Sequence
from typing import Any, Final

_STRING: Final = 0x80
_LIST: Final = 0xC0
_SHORT: Final = 55
"""A length up to here stands in the first byte."""


def encode(item: Any) -> bytes:
    """Bytes, an integer of 0 or more (big-endian, without leading zeros), or a list of such."""
    if isinstance(item, int):
        return encode(item.to_bytes((item.bit_length() + 7) // 8))
    if isinstance(item, bytes):
        return item if len(item) == 1 and item[0] < _STRING else _length(len(item), _STRING) + item
    payload = b"".join(encode(each) for each in item)
    return _length(len(payload), _LIST) + payload


def decode(data: bytes) -> Any:
    """Bytes, or a list of them and of lists. Raises ValueError for anything that `encode` would not have written."""
    item, rest = _read(data)
    if rest or encode(item) != data:
        raise ValueError("this is not RLP in its one form")
    return item


def _length(length: int, kind: int) -> bytes:
    if length <= _SHORT:
        return bytes([kind + length])
    digits = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([kind + _SHORT + len(digits)]) + digits


def _read(data: bytes) -> tuple[bytes | Sequence[Any], bytes]:
    """The first item, and what stands behind it."""
    if not data:
        raise ValueError("RLP ends in the middle of an item")
    first = data[0]
    if first < _STRING:
        return data[:1], data[1:]
    kind = _LIST if first >= _LIST else _STRING
    at, length = 1, first - kind
    if length > _SHORT:
        at += length - _SHORT
        length = int.from_bytes(data[1:at])
    payload, rest = data[at : at + length], data[at + length :]
    if len(payload) != length:
        raise ValueError("RLP ends in the middle of an item")
    if kind == _STRING:
        return payload, rest
    items = []
    while payload:
        item, payload = _read(payload)
        items.append(item)
    return items, rest
