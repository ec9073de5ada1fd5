"""The API of a home: first, where another node leads, of one that stands by, then of one that works."""

from pathlib import Path
from typing import Self

from fastapi import FastAPI

from themis.api import standby
from themis.api.access import hosts_of
from themis.api.server import Server
from themis.cli.home import PORT_FILE
from themis.config import ApiConfig


class Front:
    """Opened when there is something to tell, closed when it is left. `hosts` and `token` as in `Guard`."""

    def __init__(self, home: Path, api: ApiConfig, token: str | None) -> None:
        self._port_file = home / PORT_FILE
        self._api = api
        self.hosts = hosts_of(api)
        self.token = token
        self._server: Server | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nobody is answered any more. Again: nothing."""
        if self._server is not None:
            self._port_file.unlink(missing_ok=True)
            self._server.stop()
            self._server = None

    def show(self, app: FastAPI) -> str:
        """Serve it, in the place of what was served before; its URL. Raises Misconfigured as `Server`."""
        if self._server is None:
            self._server = Server(self._api)
            self._server.start(app)
        else:
            self._server.replace(app)
        self._port_file.write_text(f"{self._server.port}\n")
        return self._server.url

    def stand_by(self) -> None:
        self.show(standby.create(hosts=self.hosts, token=self.token))
