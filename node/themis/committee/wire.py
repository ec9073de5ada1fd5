"""What travels between members: JSON with bytes as 0x-hex, of a size that is bounded before anything is read.

A request tells messages and what its sender wants to hear about; the reply tells messages and what was not kept.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from themis.core import jsontext, signature
from themis.core.committee import Commitment, Leaf, Message, Result
from themis.core.keccak import keccak
from themis.core.types import Address, Hash32

MOST_BYTES: Final = 128 * 1024
"""Of a body, either way."""
MOST_MESSAGES: Final = 128
MOST_WANTS: Final = 64
MOST_LEAVES: Final = 64
"""Of a batch."""
MOST_KNOWN: Final = 256
"""Messages about one request that its sender says it has: three of each of 64 members, and room."""
_TAG_BYTES: Final = 8
_HASH_BYTES: Final = 32
_ADDRESS_BYTES: Final = 20
_LONGEST_REASON: Final = 200


class Malformed(ValueError):  # noqa: N818
    """It is not what travels between members."""


@dataclass(frozen=True, slots=True)
class Want:
    """What somebody wants to hear about a request, and by their tags what it has heard."""

    request: Hash32
    known: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Told:
    """The body of a request."""

    messages: tuple[Message, ...] = ()
    wants: tuple[Want, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """The body of its reply. `refused`: by their places, messages that were not kept, and why."""

    messages: tuple[Message, ...] = ()
    refused: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hello:
    """What a member says of itself, before the first request."""

    oracle: Address
    at_s: float
    """Its clock: seconds since the epoch."""
    goldens: Mapping[Hash32, Hash32]
    """By model, the hash of what its machine answers to the golden inputs."""


def tag(message: Message) -> bytes:
    """8 bytes that tell a message from the others about its request."""
    said = message.commitment if isinstance(message, Commitment) else message.result_hash
    return keccak(type(message).__name__.encode() + message.member + said)[:_TAG_BYTES]


def told_bytes(told: Told) -> bytes:
    """Write a request's body."""
    wants = [{"request": _hex(want.request), "known": sorted(map(_hex, want.known))} for want in told.wants]
    return _bytes({"messages": _shown(told.messages), "wants": wants})


def reply_bytes(messages: Sequence[Message], refused: Mapping[int, str]) -> bytes:
    """Write a reply's body."""
    why = [{"message": place, "why": each} for place, each in refused.items()]
    return _bytes({"messages": _shown(messages), "refused": why})


def read_told(body: bytes) -> Told:
    """Read a request's body. Raises Malformed."""
    said = _object(body)
    wants = tuple(
        Want(_hash(want, "request"), frozenset(_sized(tag_, _TAG_BYTES) for tag_ in _list(want, "known", MOST_KNOWN)))
        for want in _list(said, "wants", MOST_WANTS)
    )
    return Told(_messages(said), wants)


def read_reply(body: bytes) -> Reply:
    """Read a reply's body. Raises Malformed."""
    said = _object(body)
    refused = {}
    for each in _list(said, "refused", MOST_MESSAGES):
        place, why = _get(each, "message"), _get(each, "why")
        if not isinstance(place, int) or not isinstance(why, str):
            raise Malformed("a refusal is a place and a word")
        refused[place] = why
    return Reply(_messages(said), refused)


def batch_bytes(leaves: Sequence[Leaf]) -> bytes:
    """Write which results are to be signed by one root."""
    shown = [{"request": _hex(leaf.request), "resultHash": _hex(leaf.result_hash)} for leaf in leaves]
    return _bytes({"results": shown})


def read_batch(body: bytes) -> list[Leaf]:
    """Read it. Raises Malformed."""
    found = _list(_object(body), "results", MOST_LEAVES)
    if not found:
        raise Malformed("a batch has a result")
    return [Leaf(_hash(each, "request"), _hash(each, "resultHash")) for each in found]


def why_not_bytes(why_not: str) -> bytes:
    """Write why something that was asked for could not be done; empty where it was."""
    return _bytes({"why_not": why_not[:_LONGEST_REASON]})


def read_why_not(body: bytes) -> str:
    """Read it. Raises Malformed."""
    why_not = _get(_object(body), "why_not")
    if not isinstance(why_not, str):
        raise Malformed("why_not is no text")
    return why_not[:_LONGEST_REASON]


def signature_bytes(signed: bytes) -> bytes:
    """Write a signature over a root."""
    return _bytes({"signature": _hex(signed)})


def read_signature(body: bytes) -> bytes:
    """Read it. Raises Malformed."""
    return _sized(_get(_object(body), "signature"), signature.LENGTH)


def hello_bytes(hello: Hello) -> bytes:
    """Write what a member says of itself."""
    goldens = {_hex(model): _hex(golden) for model, golden in hello.goldens.items()}
    return _bytes({"oracle": _hex(hello.oracle), "at": hello.at_s, "goldens": goldens})


def read_hello(body: bytes) -> Hello:
    """Read it. Raises Malformed."""
    said = _object(body)
    at_s, goldens = _get(said, "at"), _get(said, "goldens")
    if not isinstance(at_s, int | float) or not isinstance(goldens, dict):
        raise Malformed("a member says its time, and its golden answers by model")
    found = {Hash32(_sized(model, _HASH_BYTES)): _hash(goldens, model) for model in goldens}
    return Hello(Address(_sized(_get(said, "oracle"), _ADDRESS_BYTES)), float(at_s), found)


def reason(body: bytes) -> str:
    """What a problem (RFC 9457) says in detail, shortened; empty where it is none."""
    try:
        said = _object(body)
    except Malformed:
        return ""
    detail = said.get("detail") if isinstance(said, dict) else None
    return detail[:_LONGEST_REASON] if isinstance(detail, str) else ""


def _messages(said: Any) -> tuple[Message, ...]:
    return tuple(_message(each) for each in _list(said, "messages", MOST_MESSAGES))


def _message(said: Any) -> Message:
    whose = Address(_sized(_get(said, "member"), _ADDRESS_BYTES)), _hash(said, "request")
    signed = _sized(_get(said, "signature"), signature.LENGTH)
    if "commitment" in said:
        return Commitment(*whose, _hash(said, "commitment"), signed)
    return Result(*whose, _hash(said, "resultHash"), _hash(said, "salt"), signed)


def _shown(messages: Iterable[Message]) -> list[dict[str, str]]:
    return [_shown_message(message) for message in messages]


def _shown_message(message: Message) -> dict[str, str]:
    shown = {"request": _hex(message.request), "member": _hex(message.member)}
    match message:
        case Commitment(commitment=commitment):
            shown["commitment"] = _hex(commitment)
        case Result(result_hash=result_hash, salt=salt):
            shown |= {"resultHash": _hex(result_hash), "salt": _hex(salt)}
    return shown | {"signature": _hex(message.signature)}


def parsed(body: bytes, most_bytes: int) -> Any:
    """What JSON says. Raises Malformed for a body that is larger, or is none."""
    if len(body) > most_bytes:
        raise Malformed(f"{len(body)} bytes are more than {most_bytes}")
    try:
        return jsontext.parse(body)
    except ValueError as error:
        raise Malformed("it is not JSON") from error


def _object(body: bytes) -> Any:
    return parsed(body, MOST_BYTES)


def _get(said: Any, name: str) -> Any:
    if not isinstance(said, dict) or name not in said:
        raise Malformed(f"{name} is missing")
    return said[name]


def _list(said: Any, name: str, most: int) -> list[Any]:
    found = _get(said, name)
    if not isinstance(found, list) or len(found) > most:
        raise Malformed(f"{name} is no list of {most} at most")
    return found


def _hash(said: Any, name: str) -> Hash32:
    return Hash32(_sized(_get(said, name), _HASH_BYTES))


def _sized(text: Any, length: int) -> bytes:
    if not isinstance(text, str) or len(text) != 2 + 2 * length or not text.startswith("0x"):
        raise Malformed(f"it is not 0x and {2 * length} hexadecimal digits")
    try:
        return bytes.fromhex(text[2:])
    except ValueError as error:
        raise Malformed("it has digits that are not hexadecimal") from error


def _bytes(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
