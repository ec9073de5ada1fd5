"""Serves the API from a thread of the node's process."""

import logging
import socket
import threading
from typing import Final

import uvicorn
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from themis.config import ApiConfig
from themis.core.errors import Misconfigured

_STOP_TIMEOUT_S: Final = 5


class Server:
    """The API on its address. Bound when it is made, so that a taken port is an error before anything runs."""

    def __init__(self, api: ApiConfig) -> None:
        """Raises Misconfigured for an address that cannot be had."""
        family = socket.AF_INET6 if ":" in api.host else socket.AF_INET
        self._socket = socket.socket(family)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((api.host, api.port))
        except OSError as error:
            self._socket.close()
            raise Misconfigured(
                f"the API cannot listen on {api.host} port {api.port} ({error.strerror}): "
                "set api.port to a free one, or to 0"
            ) from error
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{f'[{api.host}]' if ':' in api.host else api.host}:{self.port}"

    def start(self, app: FastAPI) -> None:
        """Serve it until `stop`. Who connects from now on is answered, if not at once."""
        self._app = app
        self._socket.listen()
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        settings = uvicorn.Config(
            self._serve,
            interface="asgi3",
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
        )
        self._uvicorn = uvicorn.Server(settings)
        self._thread = threading.Thread(
            target=self._uvicorn.run, kwargs={"sockets": [self._socket]}, name="api", daemon=True
        )
        self._thread.start()

    def replace(self, app: FastAPI) -> None:
        """Serve another one from now on."""
        self._app = app

    def stop(self) -> None:
        self._app.state.stopping = True  # read by streams, which the server would wait for
        self._uvicorn.should_exit = True
        self._thread.join(_STOP_TIMEOUT_S)
        self._socket.close()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
