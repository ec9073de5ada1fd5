"""`/committee/...`: where other members hand over what they have to say. By their keys, not by the API's token."""

import asyncio
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from themis.api.problems import problem
from themis.committee import parcel, wire
from themis.committee.gate import Barred
from themis.committee.post import BATCH, EXCHANGE, HELLO, ORDER, ORDERS, REACH, Post
from themis.committee.table import Table
from themis.committee.wire import Malformed
from themis.core.errors import Unavailable
from themis.core.types import Address
from themis.daemon.spread import Spread

MOST_AT_ONCE: Final = 32
CALLBACK_S: Final = 3.0
"""For the call to a member that wants to know whether it can be called: it waits for `PATIENCE_S`."""
PATIENCE_S: Final = 4.0
"""For a whole request: one that comes byte by byte is given up."""
_STATUS: Final = {
    Barred.UNSIGNED: HTTPStatus.UNAUTHORIZED,
    Barred.ELSEWHERE: HTTPStatus.MISDIRECTED_REQUEST,
    Barred.NOT_A_MEMBER: HTTPStatus.FORBIDDEN,
    Barred.SKEWED: HTTPStatus.FORBIDDEN,
    Barred.REPLAYED: HTTPStatus.CONFLICT,
    Barred.TOO_MANY: HTTPStatus.TOO_MANY_REQUESTS,
}
_SAID: Final = {
    Barred.UNSIGNED: "the headers and the member's signature over this body, for this receiver, are missing or wrong",
    Barred.ELSEWHERE: "it is for another committee, chain or member",
    Barred.NOT_A_MEMBER: "its sender is no member of this committee here and now",
    Barred.SKEWED: "its number lies too far from this machine's clock: set the clocks",
    Barred.REPLAYED: "its number was used, or a later one",
    Barred.TOO_MANY: "its sender asks too often",
}

Answer = Callable[[Address, bytes], Response]
"""Of a member's body."""


class _NotSigned(Exception):  # noqa: N818
    """A batch has a result that this member has not signed by itself."""


class _Door:
    """How many are being served."""

    def __init__(self) -> None:
        self.inside = 0


def install(app: FastAPI, spread: Spread) -> None:
    """Let members in."""
    table, door = spread.table, _Door()
    post = Post(table.forum, table.signer, table.numbers, CALLBACK_S)
    calling = threading.Lock()

    @app.post(EXCHANGE, include_in_schema=False)
    async def exchange(request: Request) -> Response:
        def answer(_: Address, body: bytes) -> Response:
            reply = table.floor.answer(wire.read_told(body))
            return Response(wire.reply_bytes(reply.messages, reply.refused), media_type="application/json")

        return await _serve(request, table, door, answer)

    @app.post(HELLO, include_in_schema=False)
    async def hello(request: Request) -> Response:
        def answer(sender: Address, _: bytes) -> Response:
            body, envelope = table.hello(sender)
            return Response(body, media_type="application/json", headers=envelope.headers(table.forum))

        return await _serve(request, table, door, answer)

    @app.post(BATCH, include_in_schema=False)
    async def batch(request: Request) -> Response:
        def answer(_: Address, body: bytes) -> Response:
            signed = table.countersign(wire.read_batch(body))
            if signed is None:
                raise _NotSigned
            return Response(wire.signature_bytes(signed), media_type="application/json")

        return await _serve(request, table, door, answer)

    _install_orders(app, spread, door)

    @app.post(REACH, include_in_schema=False)
    async def reach(request: Request) -> Response:
        def answer(sender: Address, _: bytes) -> Response:
            with calling:  # one at a time: whoever asks makes this node call where the asker's own profile says
                why_not = _called_back(post, table, sender)
            return Response(wire.why_not_bytes(why_not), media_type="application/json")

        return await _serve(request, table, door, answer)


def _install_orders(app: FastAPI, spread: Spread, door: _Door) -> None:
    table = spread.table

    @app.post(ORDER, include_in_schema=False)
    async def order(request: Request) -> Response:
        def answer(sender: Address, body: bytes) -> Response:
            why_not = spread.receive(sender, parcel.read_parcel(body))
            return Response(wire.why_not_bytes(why_not), media_type="application/json")

        return await _serve(request, table, door, answer, parcel.MOST_BYTES)

    @app.post(ORDERS, include_in_schema=False)
    async def orders(request: Request) -> Response:
        def answer(_: Address, body: bytes) -> Response:
            return Response(spread.next_for(parcel.read_known(body)), media_type="application/json")

        return await _serve(request, table, door, answer)


def _called_back(post: Post, table: Table, sender: Address) -> str:
    seat = table.floor.assembly.seats[sender]
    if not seat.endpoint:
        return "its profile names no endpoint"
    try:
        post.hello(seat)
    except Unavailable as error:
        return str(error)
    return ""


async def _serve(
    request: Request, table: Table, door: _Door, answer: Answer, most_bytes: int = wire.MOST_BYTES
) -> Response:
    if door.inside >= MOST_AT_ONCE:
        return problem(request, HTTPStatus.SERVICE_UNAVAILABLE, "too many members at once: ask again", "busy")
    door.inside += 1
    try:
        body = await _body(request, most_bytes)
        if body is None:
            said = f"a body has {most_bytes} bytes at most"
            return problem(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, said, "too_large")
        return await run_in_threadpool(_answered, request, table, body, answer)
    except TimeoutError:
        return problem(request, HTTPStatus.REQUEST_TIMEOUT, f"it took more than {PATIENCE_S} s to arrive", "too_slow")
    finally:
        door.inside -= 1


def _answered(request: Request, table: Table, body: bytes, answer: Answer) -> Response:
    sender = table.gate.look(request.headers, body)
    if isinstance(sender, Barred):
        return problem(request, _STATUS[sender], _SAID[sender], str(sender))
    try:
        return answer(sender, body)
    except Malformed as error:
        return problem(request, HTTPStatus.BAD_REQUEST, str(error), "malformed")
    except Unavailable as error:
        return problem(request, HTTPStatus.SERVICE_UNAVAILABLE, str(error), "busy")
    except _NotSigned:
        said = "this member has not signed each of these results by itself"
        return problem(request, HTTPStatus.CONFLICT, said, "not_signed")


async def _body(request: Request, most_bytes: int) -> bytes | None:
    """All of it; None where it is too large."""
    received = bytearray()
    async with asyncio.timeout(PATIENCE_S):
        async for part in request.stream():
            received += part
            if len(received) > most_bytes:
                return None
    return bytes(received)
