"""A call as people write it, `ask(address,uint256)` and its arguments, as calldata."""

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from themis.core import abi
from themis.core.errors import Misconfigured
from themis.core.keccak import keccak
from themis.core.spelling import address, hex_bytes

_FUNCTION: Final = re.compile(r"([A-Za-z_$][\w$]*)\((.*)\)")
_ARRAY: Final = re.compile(r"(.+)\[\d*\]")
_UINT: Final = re.compile(r"uint(?=$|\[)")
_READ: Final = {"address", "bool", "string", "bytes"}.union(
    *({f"bytes{size}", f"uint{8 * size}"} for size in range(1, 33))
)


def encoded(call: str, arguments: Sequence[str]) -> bytes:
    """Calldata: of a function's signature with arguments, or hex as it stands. Raises Misconfigured."""
    if call.startswith("0x"):
        if arguments:
            raise Misconfigured("calldata takes no arguments: they are in it; or name the function, `ask(address)`")
        try:
            return hex_bytes(call)
        except ValueError as error:
            raise Misconfigured(str(error)) from error
    found = _FUNCTION.fullmatch("".join(call.split()))
    if found is None:
        raise Misconfigured(
            f"{call!r} is no call: write a function with its types, `ask(address)`, or calldata as 0x..."
        )
    name, inner = found.groups()
    types = [_UINT.sub("uint256", kind) for kind in inner.split(",")] if inner else []
    if any("(" in kind for kind in types):
        raise Misconfigured(f"{call} takes a struct: give the calldata as 0x...")
    if len(types) != len(arguments):
        raise Misconfigured(f"{call} takes {len(types)} arguments, and there are {len(arguments)}")
    values = [_value(kind, text) for kind, text in zip(types, arguments, strict=True)]
    try:
        return keccak(f"{name}({','.join(types)})".encode())[:4] + abi.encode(types, values)
    except (ValueError, TypeError) as error:
        raise Misconfigured(f"{call}: {error}") from error


def _value(kind: str, text: str) -> Any:
    try:
        return _read(kind, text)
    except ValueError as error:
        raise Misconfigured(f"{text!r} is no {kind}: {error}") from error


def _read(kind: str, text: str) -> Any:
    if (array := _ARRAY.fullmatch(kind)) is not None:
        items = json.loads(text)
        if not isinstance(items, list):
            raise ValueError('write it as a list, [1, 2] or ["0x..."]')
        return [_read(array[1], item if isinstance(item, str) else json.dumps(item)) for item in items]
    if kind not in _READ:
        raise ValueError("such values are not read here: give the calldata as 0x...")
    if kind == "address":
        return address(text)
    if kind == "bool":
        if text not in {"true", "false"}:
            raise ValueError("it is true or false")
        return text == "true"
    if kind == "string":
        return text
    if kind.startswith("bytes"):
        return hex_bytes(text, int(kind.removeprefix("bytes")) if kind != "bytes" else None)
    return int(text, 0)
