"""The contract ABI: values to bytes and back, for the types that contracts here use (Solidity's ABI specification).

uintN, address, bool, bytesN, bytes, string, arrays, and tuples as `(uint8,bytes)`. Decoding is strict: what no
contract writes (dirty padding, offsets beyond the data) is refused.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import accumulate
from typing import Any, Final

_WORD: Final = 32
_ADDRESS: Final = 20
_ARRAY: Final = re.compile(r"(.+)\[(\d*)\]")
_UINT: Final = re.compile(r"uint(\d+)")
_FIXED: Final = re.compile(r"bytes(\d+)")


def encode(types: Sequence[str], values: Sequence[Any]) -> bytes:
    """`abi.encode`. Addresses are 20 bytes or hex with 0x. Raises ValueError or TypeError for what does not fit."""
    encoded = [_encoded(kind, value) for kind, value in zip(types, values, strict=True)]
    moves = [_head_size(kind) is None for kind in types]
    size = sum(_WORD if moved else len(data) for moved, data in zip(moves, encoded, strict=True))
    tails = [data if moved else b"" for moved, data in zip(moves, encoded, strict=True)]
    offsets = accumulate((len(tail) for tail in tails), initial=size)
    heads = [_word(offset) if moved else data for moved, data, offset in zip(moves, encoded, offsets, strict=False)]
    return b"".join((*heads, *tails))


def decode(types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """`abi.decode`: int, bool, bytes, str, tuples; addresses as lower-case hex with 0x. Raises ValueError."""
    return _decoded(types, memoryview(data))


def signature(entry: Mapping[str, Any]) -> str:
    """`name(types)` of a function, event or error as the JSON of an ABI has it: what selectors and topics hash."""
    return f"{entry['name']}({','.join(type_of(item) for item in entry['inputs'])})"


def type_of(item: Mapping[str, Any]) -> str:
    """The type of a parameter as the JSON of an ABI has it, a tuple by its members' types."""
    kind: str = item["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(type_of(member) for member in item['components'])}){kind.removeprefix('tuple')}"


@cache
def _array(kind: str) -> tuple[str, int | None] | None:
    """Type of the items and their number, where it is fixed; None for what is no array."""
    found = _ARRAY.fullmatch(kind)
    return None if found is None else (found[1], int(found[2]) if found[2] else None)


@cache
def _members(kind: str) -> tuple[str, ...] | None:
    """`(a,(b,c)[])` as ("a", "(b,c)[]"); None for what is no tuple."""
    if not kind.startswith("("):
        return None
    members, depth, start = [], 0, 1
    for at, char in enumerate(kind):
        depth += (char == "(") - (char == ")")
        if at and ((char == "," and depth == 1) or depth == 0):
            members.append(kind[start:at])
            start = at + 1
    return tuple(members)


@cache
def _bits(kind: str) -> int | None:
    found = _UINT.fullmatch(kind)
    return None if found is None else int(found[1])


@cache
def _length(kind: str) -> int | None:
    """Bytes of a `bytesN`."""
    found = _FIXED.fullmatch(kind)
    return None if found is None else int(found[1])


@cache
def _head_size(kind: str) -> int | None:
    """Bytes of a value that stands where it is; None where an offset stands there."""
    if (array := _array(kind)) is not None:
        item, count = _head_size(array[0]), array[1]
        return None if item is None or count is None else item * count
    if (members := _members(kind)) is not None:
        sizes = [_head_size(member) for member in members]
        return None if None in sizes else sum(size or 0 for size in sizes)
    return None if kind in {"bytes", "string"} else _WORD


def _encoded(kind: str, value: Any) -> bytes:
    if (array := _array(kind)) is not None:
        item, count = array
        if count not in {None, len(value)}:
            raise ValueError(f"{kind} has not {len(value)} items")
        items = encode([item] * len(value), value)
        return items if count is not None else _word(len(value)) + items
    if (members := _members(kind)) is not None:
        return encode(members, value)
    if kind == "string":
        return _encoded("bytes", value.encode())
    if kind == "bytes":
        return _word(len(value)) + bytes(value) + bytes(-len(value) % _WORD)
    return _encoded_word(kind, value)


def _encoded_word(kind: str, value: Any) -> bytes:
    if (bits := _bits(kind)) is not None:
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{value!r} is no {kind}")
        if not 0 <= value < 2**bits:
            raise ValueError(f"{value} does not fit {bits} bits")
        return _word(value)
    if kind == "address":
        raw = bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else value
        if not isinstance(raw, bytes) or len(raw) != _ADDRESS:
            raise ValueError(f"{value!r} is no address")
        return raw.rjust(_WORD, b"\0")
    if kind == "bool":
        if not isinstance(value, bool):
            raise TypeError(f"{value!r} is no bool")
        return _word(int(value))
    length = _length(kind)
    if length is None:
        raise ValueError(f"{kind} is no type that is used here")
    if not isinstance(value, bytes) or len(value) > length:
        raise ValueError(f"{value!r} is no {kind}")
    return value.ljust(_WORD, b"\0")


def _decoded(types: Sequence[str], data: memoryview) -> tuple[Any, ...]:
    values, at = [], 0
    for kind in types:
        size = _head_size(kind)
        if size is None:
            values.append(_value(kind, data[_number(data, at) :]))
        else:
            values.append(_value(kind, data[at:]))
        at += _WORD if size is None else size
    return tuple(values)


def _value(kind: str, data: memoryview) -> Any:
    """The value that begins with the data."""
    if (array := _array(kind)) is not None:
        item, count = array
        if count is None:
            count, data = _number(data, 0), data[_WORD:]
        if count * (_head_size(item) or _WORD) > len(data):
            raise ValueError(f"{kind} with {count} items is longer than its data")
        return _decoded([item] * count, data)
    if (members := _members(kind)) is not None:
        return _decoded(members, data)
    if kind == "string":
        return _value("bytes", data).decode()
    if kind == "bytes":
        length = _number(data, 0)
        padded = data[_WORD : _WORD + length + -length % _WORD]
        if len(padded) < length + -length % _WORD or any(padded[length:]):
            raise ValueError(f"{kind} of {length} bytes is cut off, or its padding is dirty")
        return bytes(padded[:length])
    return _read_word(kind, data)


def _read_word(kind: str, data: memoryview) -> Any:
    number = _number(data, 0)
    length = _length(kind)
    if length is not None:
        if any(data[length:_WORD]):
            raise ValueError(f"the padding of a {kind} is dirty")
        return bytes(data[:length])
    bits = {"address": 8 * _ADDRESS, "bool": 1}.get(kind) or _bits(kind)
    if bits is None:
        raise ValueError(f"{kind} is no type that is used here")
    if number >> bits:
        raise ValueError(f"{number} does not fit {kind}")
    match kind:
        case "address":
            return f"0x{number:040x}"
        case "bool":
            return bool(number)
        case _:
            return number


def _number(data: memoryview, at: int) -> int:
    word = data[at : at + _WORD]
    if len(word) != _WORD:
        raise ValueError("the data ends in the middle of a value")
    return int.from_bytes(word)


def _word(number: int) -> bytes:
    return number.to_bytes(_WORD)
