"""Serves the API from a thread of the node's process."""

import logging
import socket
import threading
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import FastAPI

from themis.api.guard import LOOPBACK_NAMES
from themis.config import ApiConfig
from themis.core.errors import Misconfigured
from themis.keys import keystore

_STOP_TIMEOUT_S: Final = 5
_SHORTEST_TOKEN: Final = 16


def hosts_of(api: ApiConfig) -> frozenset[str] | None:
    """Names the API may be called by: on loopback only loopback's, else any."""
    return LOOPBACK_NAMES if is_loopback(api.host) else None


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


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
        """Serve until `stop`. Who connects from now on is answered, if not at once."""
        self._socket.listen()
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        settings = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none")
        self._uvicorn = uvicorn.Server(settings)
        self._thread = threading.Thread(
            target=self._uvicorn.run, kwargs={"sockets": [self._socket]}, name="api", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        self._uvicorn.should_exit = True
        self._thread.join(_STOP_TIMEOUT_S)
        self._socket.close()


def token_of(home: Path, api: ApiConfig) -> str | None:
    """The bearer token, where one is configured. Raises Misconfigured where one is needed and missing."""
    if api.token_file is None:
        if not is_loopback(api.host):
            raise Misconfigured(
                f"api.host {api.host} can be reached from outside: set api.token_file to a file of mode 600 with a "
                "long random token, or use 127.0.0.1"
            )
        return None
    token = keystore.read_private(home / api.token_file, "write a long random token into it (mode 600)").strip()
    if len(token) < _SHORTEST_TOKEN:
        raise Misconfigured(f"the token in {home / api.token_file} is short: use {_SHORTEST_TOKEN} characters or more")
    return token
