"""Who may ask: a Host header that is ours (against DNS rebinding), no page of another origin, and a bearer token."""

import hmac
from collections.abc import Collection
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from themis.api.problems import problem

PROTECTED: Final = ("/v1", "/metrics")
"""Where these paths begin there is data: it takes a token where one is configured."""


class Guard:
    """Lets requests through to the API, or answers them itself.

    `hosts`: names the API is reached under; None: any, which needs a token. `token`: None where none is configured.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str] | None, token: str | None) -> None:
        self._app = app
        self._hosts = hosts
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        if self._hosts is not None and request.url.hostname not in self._hosts:
            response = problem(request, HTTPStatus.MISDIRECTED_REQUEST, "this name is not ours: use 127.0.0.1")
        elif _is_foreign(request):
            said = "pages of another origin are not answered: open the node's own, or ask without a browser"
            response = problem(request, HTTPStatus.FORBIDDEN, said, "foreign_origin")
        elif request.url.path.startswith(PROTECTED) and not self._authorized(request):
            response = problem(request, HTTPStatus.UNAUTHORIZED, "send `Authorization: Bearer TOKEN` (api.token_file)")
            response.headers["WWW-Authenticate"] = "Bearer"
        else:
            await self._app(scope, receive, send)
            return
        await response(scope, receive, send)

    def _authorized(self, request: Request) -> bool:
        if self._token is None:
            return True
        offered = request.headers.get("authorization", "")
        return hmac.compare_digest(offered.encode(), f"Bearer {self._token}".encode())


def _is_foreign(request: Request) -> bool:
    """Whether a browser asks for a page that is not ours: its address need not be known to the whole world for that."""
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")
