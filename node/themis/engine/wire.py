"""What a node and a replica on another machine say to each other: JSON, bytes as hex with 0x, replies in lines."""

import json
from collections.abc import Sequence
from typing import Any, Final

from themis.core import jsontext
from themis.core.errors import Reason, Refused
from themis.core.types import Draft
from themis.engine.runner import Work

MANIFEST: Final = "themis-manifest"
"""Header of each reply: keccak256 of the manifest of the model that gave it."""
DRAFTS: Final = "drafts"
"""In the query of who wants to hear what a decoder writes."""


def question(work: Work) -> bytes:
    """The body of a call."""
    return json.dumps([[_hex(input_), None if code is None else _hex(code)] for input_, code in work]).encode()


def read_question(body: bytes) -> list[tuple[bytes, bytes | None]]:
    """Raises ValueError for what is none."""
    match jsontext.parse(body):
        case [_, *_] as asked:
            return [_pair(each) for each in asked]
    raise ValueError("no list of inputs, each with its code or null")


def answered(outputs: Sequence[bytes]) -> bytes:
    """The last line of a reply: an output for each input."""
    return _line({"outputs": [_hex(output) for output in outputs]})


def refused(refusal: Refused) -> bytes:
    """The last line of a reply that has no output."""
    return _line({"refused": str(refusal.reason), "detail": refusal.detail})


def drafted(draft: Draft) -> bytes:
    """A line before the last one."""
    return _line({"tokens": draft.tokens, "text": draft.text})


def read(line: str) -> list[bytes] | Draft:
    """The outputs, or what is written so far. Raises Refused where that is said, ValueError for what is no reply."""
    match jsontext.parse(line.encode()):
        case {"outputs": [*outputs]}:
            return [_bytes(output) for output in outputs]
        case {"tokens": [*tokens], "text": str(text)} if all(isinstance(token, int) for token in tokens):
            return Draft(tuple(tokens), text)
        case {"refused": str(reason), "detail": str(detail)}:
            raise Refused(Reason(reason), detail)
    raise ValueError("neither outputs nor a refusal")


def _pair(asked: Any) -> tuple[bytes, bytes | None]:
    match asked:
        case [str(input_), None]:
            return _bytes(input_), None
        case [str(input_), str(code)]:
            return _bytes(input_), _bytes(code)
    raise ValueError("no input with its code or null")


def _line(said: dict[str, Any]) -> bytes:
    return json.dumps(said).encode() + b"\n"


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _bytes(value: Any) -> bytes:
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ValueError("no hex with 0x")
    return bytes.fromhex(value[2:])
