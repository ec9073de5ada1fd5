"""The ABI's encoding for tests that do it ten thousand times: the library's checks take most of their time."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

Encoder = Callable[[Any], bytes]


def encode(types: Sequence[str], values: Sequence[Any]) -> bytes:
    """As `themis.core.abi.encode`, of numbers, bool, bytes32, bytes, tuples and lists; nothing is checked."""
    return _tuple(tuple(map(_encoder, types)), values)


@cache
def _encoder(type_: str) -> tuple[bool, Encoder]:
    """Whether a type is dynamic, and what encodes it."""
    if type_.endswith("[]"):
        one = _encoder(type_[:-2])
        return True, lambda values: _word(len(values)) + _tuple((one,) * len(values), values)
    if type_.startswith("("):
        parts = tuple(map(_encoder, _parts(type_[1:-1])))
        return any(dynamic for dynamic, _ in parts), lambda values: _tuple(parts, values)
    if type_ == "bytes":
        return True, lambda value: _word(len(value)) + value + bytes(-len(value) % 32)
    return (False, bytes) if type_ == "bytes32" else (False, _word)


def _tuple(parts: Sequence[tuple[bool, Encoder]], values: Sequence[Any]) -> bytes:
    encoded = [(dynamic, encoder(value)) for (dynamic, encoder), value in zip(parts, values, strict=True)]
    heads, tails = [], []
    at = sum(32 if dynamic else len(each) for dynamic, each in encoded)
    for dynamic, each in encoded:
        heads.append(_word(at) if dynamic else each)
        if dynamic:
            tails.append(each)
            at += len(each)
    return b"".join(heads + tails)


def _word(value: int) -> bytes:
    return int(value).to_bytes(32, "big")


def _parts(types: str) -> list[str]:
    found, depth, start = [], 0, 0
    for at, char in enumerate(types + ","):
        depth += (char == "(") - (char == ")")
        if char == "," and not depth:
            found.append(types[start:at])
            start = at + 1
    return found
