"""A WebSocket that says when there is a new block. It wakes, and never feeds: what it says of the block is not used."""

import json
import time
from contextlib import ExitStack, suppress
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from themis.chain.transport import proxy_of, redacted, trust
from themis.core import jsontext
from themis.core.errors import Unavailable

_OPEN_S: Final = 5
_LARGEST_MESSAGE: Final = 2**20
_SUBSCRIBE: Final = 1
_CHAIN_ID: Final = 2


class Heads:
    """One subscription to `newHeads`. For one thread."""

    def __init__(self, url: str, chain_id: int) -> None:
        self.shown = redacted(url)
        self._url = url
        self._chain_id = chain_id
        self._connection: ClientConnection | None = None
        self._held = ExitStack()

    def wait(self, seconds: float) -> bool:
        """Whether a new block was told of within so many seconds. Connects where it is not connected.

        Raises Unavailable naming what is in the way.
        """
        connection = self._connection or self._open()
        try:
            return _told(_message(connection, seconds))
        except (ConnectionClosed, OSError) as error:
            self.close()
            raise Unavailable(f"the WebSocket at {self.shown} broke off ({error}): connecting again") from error

    def close(self) -> None:
        self._connection = None
        with suppress(OSError, WebSocketException):
            self._held.close()

    def _open(self) -> ClientConnection:
        parts = urlsplit(self._url)
        secure = parts.scheme == "wss"
        _, proxy = proxy_of("https" if secure else "http", parts.hostname or "")
        try:
            opening = connect(
                self._url,
                ssl=trust() if secure else None,
                proxy=proxy,
                compression=None,
                open_timeout=_OPEN_S,
                close_timeout=1,
                max_size=_LARGEST_MESSAGE,
                user_agent_header="themis",
            )
            connection = self._held.enter_context(opening)
        except (OSError, WebSocketException) as error:
            why = str(error) or type(error).__name__
            raise Unavailable(
                f"the WebSocket at {self.shown} cannot be opened ({why}): correct chain.ws_url, or leave it out"
            ) from error
        try:
            self._subscribe(connection)
        except (OSError, WebSocketException) as error:
            self.close()
            raise Unavailable(f"the WebSocket at {self.shown} broke off ({error}): connecting again") from error
        except Unavailable:
            self.close()
            raise
        self._connection = connection
        return connection

    def _subscribe(self, connection: ClientConnection) -> None:
        """Raises Unavailable where it is another chain's, or has no such subscription."""
        for id_, method, params in ((_CHAIN_ID, "eth_chainId", []), (_SUBSCRIBE, "eth_subscribe", ["newHeads"])):
            connection.send(json.dumps({"jsonrpc": "2.0", "id": id_, "method": method, "params": params}))
        found: dict[int, dict[str, Any]] = {}
        give_up = time.monotonic() + _OPEN_S
        while len(found) < _CHAIN_ID:
            message = _message(connection, max(0.0, give_up - time.monotonic()))
            if message is None:
                raise Unavailable(
                    f"the WebSocket at {self.shown} does not answer: correct chain.ws_url, or leave it out"
                )
            if message.get("id") in {_CHAIN_ID, _SUBSCRIBE}:
                found[message["id"]] = message
        if found[_CHAIN_ID].get("result") != hex(self._chain_id):
            said = found[_CHAIN_ID].get("result")
            raise Unavailable(
                f"the WebSocket at {self.shown} serves chain {said!r}, not {self._chain_id}: correct chain.ws_url"
            )
        if not isinstance(found[_SUBSCRIBE].get("result"), str):
            raise Unavailable(
                f"the WebSocket at {self.shown} tells of no new blocks (eth_subscribe): use another, or leave it out"
            )


def _message(connection: ClientConnection, seconds: float) -> dict[str, Any] | None:
    """The next one that is an object; None where none came in time."""
    try:
        said = jsontext.parse(connection.recv(timeout=seconds, decode=False))
    except TimeoutError:
        return None
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _told(message: dict[str, Any] | None) -> bool:
    return message is not None and message.get("method") == "eth_subscription"
