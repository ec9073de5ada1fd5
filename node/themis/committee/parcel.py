"""How an order travels from member to member: as its requester brought it, so that it can be checked."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from themis.committee.wire import Malformed, parsed
from themis.core import listing
from themis.core.errors import Broken
from themis.core.job import Job
from themis.core.order import MAX_ITEMS, MAX_SIGNATURE_BYTES, order_message, order_of_message
from themis.core.types import Hash32, Request

MOST_BYTES: Final = 256 * 1024
"""Of an order: as much as the API takes of anybody."""
MOST_KNOWN: Final = 512
"""Orders that wait at one node; see `daemon.orders`."""
_HASH_BYTES: Final = 32
_MOST_INPUT_BYTES: Final = MOST_BYTES // 2


@dataclass(frozen=True, slots=True)
class Parcel:
    """An order with all that its answer needs."""

    order: Request
    signature: bytes
    """Of its requester."""
    inputs: tuple[bytes, ...]


def parcel_of(job: Job) -> Parcel:
    """What a member hands on of an order that it has taken."""
    if job.order_signature is None:
        raise Broken(f"job 0x{job.id.hex()} is no order: report this as a bug")
    return Parcel(job.request, job.order_signature, tuple(listing.questions(job.request, job.input)))


def parcel_bytes(parcel: Parcel) -> bytes:
    """Write it: as the body of `POST /v1/orders`."""
    shown = {
        "order": order_message(parcel.order),
        "signature": "0x" + parcel.signature.hex(),
        "inputs": ["0x" + each.hex() for each in parcel.inputs],
    }
    return json.dumps(shown, separators=(",", ":")).encode()


def read_parcel(body: bytes) -> Parcel:
    """Read it. Raises Malformed."""
    said = parsed(body, MOST_BYTES)
    try:
        order = order_of_message(said["order"])
        signature = _bytes(said["signature"], MAX_SIGNATURE_BYTES)
        inputs = said["inputs"]
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed("it is no order with its signature and inputs") from error
    if not isinstance(inputs, list) or not 1 <= len(inputs) <= MAX_ITEMS:
        raise Malformed(f"an order has 1 to {MAX_ITEMS} inputs")
    return Parcel(order, signature, tuple(_bytes(each, _MOST_INPUT_BYTES) for each in inputs))


def known_bytes(known: Collection[Hash32]) -> bytes:
    """Write which orders somebody has who asks for others."""
    return json.dumps({"known": ["0x" + each.hex() for each in known]}, separators=(",", ":")).encode()


def read_known(body: bytes) -> frozenset[Hash32]:
    """Read it. Raises Malformed."""
    said = parsed(body, MOST_BYTES)
    known = said.get("known") if isinstance(said, dict) else None
    if not isinstance(known, list) or len(known) > MOST_KNOWN:
        raise Malformed(f"known is no list of {MOST_KNOWN} at most")
    found = [_bytes(each, _HASH_BYTES) for each in known]
    if any(len(each) != _HASH_BYTES for each in found):
        raise Malformed(f"an order's id has {_HASH_BYTES} bytes")
    return frozenset(map(Hash32, found))


def next_bytes(waiting: Sequence[Job], known: Collection[Hash32]) -> bytes:
    """Write the first of these that is not known; no bytes where all are."""
    lacking = next((job for job in waiting if job.id not in known), None)
    return b"" if lacking is None else parcel_bytes(parcel_of(lacking))


def _bytes(text: Any, most: int) -> bytes:
    if not isinstance(text, str) or not text.startswith("0x") or len(text) > 2 + 2 * most:
        raise Malformed(f"it is not 0x and hexadecimal digits of {most} bytes at most")
    try:
        return bytes.fromhex(text[2:])
    except ValueError as error:
        raise Malformed("it has digits that are not hexadecimal") from error
