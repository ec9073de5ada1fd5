"""Openings that a guarantor serves over HTTP: asked for before anything is asked on the chain, and never believed."""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from themis.core.spelling import shown
from themis.core.types import Hash32
from themis.dispute.claim import HEADERS, Ask
from themis.dispute.tree import Shown

MOST_BYTES: Final = 64 * 1_024
PATIENCE_S: Final = 4.0
_OK: Final = 200


class Served:
    """Some endpoints that may have a trace."""

    def __init__(self, urls: Sequence[str], patience_s: float = PATIENCE_S) -> None:
        import httpx  # noqa: PLC0415 (takes 0.1 s, and nodes only serve)

        self._urls = urls
        self._http = httpx.Client(timeout=patience_s, follow_redirects=False, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def answers(self, request: Hash32, ask: Ask) -> list[Shown]:
        """What they say: nothing from one that does not know it, and anything from one that lies."""
        import httpx  # noqa: PLC0415 (as above)

        found = []
        for url in self._urls:
            with suppress(httpx.HTTPError, ValueError, KeyError, TypeError, RecursionError):
                found.append(_read(self._get(f"{url.rstrip('/')}{path(request, ask)}")))
        return found

    def _get(self, url: str) -> bytes:
        with self._http.stream("GET", url) as reply:
            if reply.status_code != _OK:
                raise ValueError("the endpoint has no such opening")
            body = b""
            for part in reply.iter_bytes():
                body += part
                if len(body) > MOST_BYTES:
                    raise ValueError("no opening is so long")
            return body


def path(request: Hash32, ask: Ask) -> str:
    """Where an opening is served."""
    tree = "headers" if ask.word == HEADERS else f"{ask.word:#x}"
    level = ask.question.level
    return f"/v1/traces/{shown(request)}/{tree}" + (
        "" if level is None else f"?level={level}&index={ask.question.index}"
    )


def written(found: Shown) -> dict[str, Any]:
    """As it is served."""
    return {
        "count": found.count,
        "nodes": [shown(node) for node in found.nodes],
        "leaves": [shown(leaf) for leaf in found.leaves],
    }


def _read(body: bytes) -> Shown:
    said = json.loads(body)
    nodes, leaves = (tuple(bytes.fromhex(each[2:]) for each in said[name]) for name in ("nodes", "leaves"))
    return Shown(int(said["count"]), nodes, leaves)
