"""Who may ask: a Host header that is ours (against DNS rebinding), and a bearer token where one is configured."""

import hmac
from collections.abc import Collection
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from themis.api.problems import problem

_PROTECTED: Final = ("/v1", "/metrics")


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
        elif request.url.path.startswith(_PROTECTED) and not self._authorized(request):
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
