"""Carries what a member says to another's endpoint, by HTTP, and brings the reply: bounded in time and in size."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from themis.chain.transport import trust
from themis.committee import parcel, wire
from themis.committee.gate import Numbers, read_envelope, seal
from themis.committee.parcel import Parcel
from themis.committee.wire import Hello, Malformed, Reply, Told
from themis.core import committee, signature
from themis.core.assembly import Seat
from themis.core.committee import Forum, Leaf
from themis.core.errors import Unavailable
from themis.core.spelling import endpoint
from themis.core.types import Hash32
from themis.ports import Signer

EXCHANGE: Final = "/committee/exchange"
HELLO: Final = "/committee/hello"
BATCH: Final = "/committee/batch"
ORDER: Final = "/committee/order"
ORDERS: Final = "/committee/orders"
REACH: Final = "/committee/reach"
PATIENCE_S: Final = 4.0
"""For a whole reply: one that comes byte by byte is given up."""
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Letter:
    """A reply as it came."""

    body: bytes
    headers: Mapping[str, str]


class Post:
    """One member's way to the others. May be used by several threads."""

    def __init__(self, forum: Forum, signer: Signer, numbers: Numbers, patience_s: float = PATIENCE_S) -> None:
        """`patience_s`: for a whole reply."""
        import httpx  # noqa: PLC0415 (takes 0.1 s, and most nodes are in no committee)

        self._forum, self._signer, self._numbers, self._patience_s = forum, signer, numbers, patience_s
        # No proxy and no redirect: a profile on the chain names the place, and nobody else another one.
        self._http = httpx.Client(verify=trust(), timeout=patience_s, follow_redirects=False, trust_env=False)

    def exchange(self, seat: Seat, told: Told) -> Reply:
        """Tell a member something, and hear what it knows. Raises Unavailable."""
        letter = self._send(seat, EXCHANGE, wire.told_bytes(told))
        try:
            return wire.read_reply(letter.body)
        except Malformed as error:
            raise _unfit(seat, str(error)) from error

    def hello(self, seat: Seat) -> Hello:
        """What a member says of itself, signed by its key. Raises Unavailable."""
        letter = self._send(seat, HELLO, b"")
        try:
            envelope = read_envelope(letter.headers)
            said = wire.read_hello(letter.body)
        except Malformed as error:
            raise _unfit(seat, str(error)) from error
        own = self._signer.address
        digest = committee.exchange_digest(self._forum, seat.member, own, envelope.number, letter.body)
        if signature.signer(digest, envelope.signature) != seat.member:
            raise _unfit(seat, "it is not signed by the member that the chain names there")
        return said

    def countersigned(self, seat: Seat, leaves: Sequence[Leaf]) -> bytes:
        """A member's signature over a batch. Raises Unavailable, also where it does not sign it."""
        letter = self._send(seat, BATCH, wire.batch_bytes(leaves))
        try:
            signed = wire.read_signature(letter.body)
        except Malformed as error:
            raise _unfit(seat, str(error)) from error
        if signature.signer(committee.results_digest(self._forum, committee.batch_root(leaves)), signed) != seat.member:
            raise _unfit(seat, "it is not signed by the member that the chain names there")
        return signed

    def reached(self, seat: Seat) -> str:
        """Why a member that is asked to call back cannot; empty where it could. Raises Unavailable for who is asked."""
        letter = self._send(seat, REACH, b"")
        try:
            return wire.read_why_not(letter.body)
        except Malformed as error:
            raise _unfit(seat, str(error)) from error

    def order(self, seat: Seat, handed: Parcel) -> str:
        """Hand over an order: the code of the refusal, empty where the member takes it. Raises Unavailable."""
        letter = self._send(seat, ORDER, parcel.parcel_bytes(handed))
        try:
            return wire.read_why_not(letter.body)
        except Malformed as error:
            raise _unfit(seat, str(error)) from error

    def next_order(self, seat: Seat, known: Collection[Hash32]) -> Parcel | None:
        """An order that waits at a member and is not among these; None where there is none. Raises Unavailable."""
        letter = self._send(seat, ORDERS, parcel.known_bytes(known), parcel.MOST_BYTES)
        try:
            return parcel.read_parcel(letter.body) if letter.body else None
        except Malformed as error:
            raise _unfit(seat, str(error)) from error

    def close(self) -> None:
        self._http.close()

    def _send(self, seat: Seat, path: str, body: bytes, most_bytes: int = wire.MOST_BYTES) -> Letter:
        """`most_bytes` of the reply."""
        import httpx  # noqa: PLC0415 (as above)

        envelope = seal(self._signer, self._forum, seat.member, self._numbers.next(), body)
        headers = {"content-type": "application/json", **envelope.headers(self._forum)}
        give_up_s = time.monotonic() + self._patience_s
        received = bytearray()
        try:
            url = endpoint(seat.endpoint).rstrip("/") + path
            with self._http.stream("POST", url, content=body, headers=headers) as reply:
                for part in reply.iter_raw():
                    received += part
                    if len(received) > most_bytes:
                        raise _unfit(seat, f"more than {most_bytes} bytes")
                    if time.monotonic() > give_up_s:
                        raise Unavailable(f"member {_named(seat)} answers too slowly")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise Unavailable(f"member {_named(seat)} cannot be reached: {type(error).__name__} {error}") from error
        if reply.status_code != _OK:
            raise Unavailable(f"member {_named(seat)} answers with status {reply.status_code}{_why(bytes(received))}")
        return Letter(bytes(received), dict(reply.headers))


def _why(body: bytes) -> str:
    said = wire.reason(body)
    return f": {said}" if said else ""


def _unfit(seat: Seat, what: str) -> Unavailable:
    return Unavailable(f"member {_named(seat)} answers what is no reply: {what}")


def _named(seat: Seat) -> str:
    return f"0x{seat.member.hex()} at {seat.endpoint}"
