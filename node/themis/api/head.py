"""HEAD, answered as GET without a body: probes and load balancers ask so."""

from starlette.types import ASGIApp, Receive, Scope, Send


class Head:
    """Hands HEAD on as GET. The server knows what was asked and keeps the body back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope["type"] == "http" and scope["method"] == "HEAD"
        await self._app({**scope, "method": "GET"} if asked else scope, receive, send)
