"""How much anybody may send and ask: bodies have a size, and an address elsewhere has a pace."""

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from themis.api.access import is_loopback
from themis.api.guard import PROTECTED
from themis.api.problems import problem

MAX_BODY_BYTES: Final = 256 * 1_024
PER_SECOND: Final = 20
BURST: Final = 100
"""A page asks twice a second; so many may be saved up."""
_ADDRESSES: Final = 4_096
"""That are remembered: the one that asked longest ago makes room."""


class Limits:
    """Answers 413 and 429. Loopback has no pace: who is on this machine, or a proxy on it, has limits of its own."""

    def __init__(self, app: ASGIApp, *, now_s: Callable[[], float] = time.monotonic) -> None:
        self._app, self._now_s = app, now_s
        self._left: dict[str, tuple[float, float]] = {}
        """By address: how many requests it has left, and when that was so; who asked last comes last."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        if request.url.path.startswith(PROTECTED) and not self._has_pace(request):
            said = f"more than {PER_SECOND} requests a second: ask again in a second"
            slow = problem(request, HTTPStatus.TOO_MANY_REQUESTS, said, "too_many_requests")
            slow.headers["Retry-After"] = "1"
            await slow(scope, receive, send)
            return
        await self._app(scope, _bounded(request, receive), send)

    def _has_pace(self, request: Request) -> bool:
        address = request.client.host if request.client else ""
        if is_loopback(address):
            return True
        now_s = self._now_s()
        left, at_s = self._left.pop(address, (float(BURST), now_s))
        left = min(BURST, left + (now_s - at_s) * PER_SECOND)
        while len(self._left) >= _ADDRESSES:
            del self._left[next(iter(self._left))]
        self._left[address] = max(0.0, left - 1), now_s
        return left >= 1


def _bounded(request: Request, receive: Receive) -> Receive:
    """What is announced as too large is not read at all; what is not announced is counted. Raises HTTPException."""
    said = request.headers.get("content-length", "0")
    announced = int(said) if said.isdecimal() else 0
    read = 0

    async def read_on() -> Message:
        nonlocal read
        if announced > MAX_BODY_BYTES:
            raise _too_large()
        message = await receive()
        read += len(message.get("body", b""))
        if read > MAX_BODY_BYTES:
            raise _too_large()
        return message

    return read_on


def _too_large() -> HTTPException:
    return HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has {MAX_BODY_BYTES} bytes at most")
