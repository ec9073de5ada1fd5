"""An operator's node over HTTP, as a requester meets it: bounded, and what it refuses is said in its own words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from themis.core.errors import Denied, Misconfigured, Unavailable
from themis.core.jsontext import parse

OWN: Final = "http://127.0.0.1:{}"
"""Where a node on this machine answers, at its `api.port`."""
_TIMEOUT_S: Final = 30
_MOST_BYTES: Final = 8 * 1_024**2
_PASSING: Final = frozenset((HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE))


@dataclass(frozen=True, slots=True)
class OperatorNode:
    """One node's API."""

    url: str
    token: str | None

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise Misconfigured(f"{self.url} is no URL of a node: give --node http(s)://HOST:PORT")

    def get(self, path: str) -> dict[str, Any]:
        """Raises Denied for what it refuses, Unavailable where it does not answer or says that it is busy."""
        return self._ask(path, None)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Raises as `get`."""
        return self._ask(path, json.dumps(body).encode())

    def _ask(self, path: str, body: bytes | None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        headers |= {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        asked = Request(self.url.rstrip("/") + path, data=body, headers=headers)  # noqa: S310 (checked above)
        try:
            with urlopen(asked, timeout=_TIMEOUT_S) as reply:  # noqa: S310 (checked above)
                found = parse(reply.read(_MOST_BYTES))
        except HTTPError as error:
            said = f"the node at {self.url} refuses: {_detail(error)}"
            raise (Unavailable if error.code in _PASSING else Denied)(said) from error
        except (OSError, ValueError) as error:
            raise Unavailable(
                f"the node at {self.url} does not answer ({error}): correct --node, or ask later"
            ) from error
        if not isinstance(found, dict):
            raise Unavailable(f"what answers at {self.url} is no node: correct --node")
        return found


def _detail(error: HTTPError) -> str:
    """What a problem says, with the code of its type; the status where something else answered."""
    try:
        said = parse(error.read(_MOST_BYTES))
        return f"{str(said['type']).rpartition(':')[2]}: {said['detail']}"
    except (OSError, ValueError, KeyError, TypeError):
        return str(error)
