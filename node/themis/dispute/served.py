"""What guarantors and operators serve over HTTP: asked for before the chain is, and never believed."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

from themis.chain.disputes import Item
from themis.core import listing, merkle
from themis.core.keccak import keccak
from themis.core.merkle import Proof
from themis.core.spelling import shown
from themis.core.types import Hash32, Request
from themis.dispute.claim import HEADERS, Ask
from themis.dispute.tree import Shown

MOST_BYTES: Final = 64 * 1_024
"""Of an opening."""
MOST_INPUT_BYTES: Final = 8 * 1_024**2
"""Of a reply with an order's input."""
PATIENCE_S: Final = 4.0
"""For a whole reply."""
REST_S: Final = 60.0
"""An endpoint that does not reply is left alone so long: games have clocks."""
_OK: Final = 200


class Served:
    """Some endpoints that may have traces, inputs of orders and answers of lists."""

    def __init__(
        self, urls: Sequence[str], patience_s: float = PATIENCE_S, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        import httpx  # noqa: PLC0415 (takes 0.1 s, and nodes only serve)

        self._urls, self._patience_s, self._now_s = urls, patience_s, now_s
        self._http = httpx.Client(timeout=patience_s, follow_redirects=False, trust_env=False)
        self._resting: dict[str, float] = {}

    def close(self) -> None:
        self._http.close()

    def answers(self, request: Hash32, ask: Ask) -> list[Shown]:
        """What they say: nothing from one that does not know it, and anything from one that lies."""
        return list(self._told(path(request, ask), MOST_BYTES, _shown))

    def input_of(self, id_: Hash32, order: Request) -> bytes | None:
        """The input of an order that is no list. None: nobody shows it."""
        if order.items:
            return None
        told = self._told(f"/v1/orders/{shown(id_)}", MOST_INPUT_BYTES, lambda said: _bytes(said["input"]))
        return next((input_ for input_ in told if keccak(input_) == order.input_hash), None)

    def item(self, id_: Hash32, order: Request, root: bytes, index: int) -> tuple[bytes, Item] | None:
        """Input and answer of one item of a list that was answered with a root. None: nobody shows it."""

        def read(said: Any) -> tuple[bytes, Item]:
            input_, output = _bytes(said["input"]), _bytes(said["output"])
            inputs, results = (tuple(map(Hash32, map(_bytes, said[key]))) for key in ("input_siblings", "siblings"))
            hash_ = Hash32(keccak(input_))
            return input_, Item(Hash32(root), hash_, hash_, index, output, inputs, results)

        told = self._told(f"/v1/results/{shown(id_)}/{index}", MOST_INPUT_BYTES, read)
        return next((found for found in told if is_of(order, *found)), None)

    def _told(self, place: str, most_bytes: int, read: Callable[[Any], Any]) -> Iterator[Any]:
        """What the endpoints say, one after another, as far as it can be read."""
        for url in self._urls:
            if self._now_s() < self._resting.get(url, 0):
                continue
            with suppress(ValueError, KeyError, TypeError, RecursionError):
                yield read(json.loads(self._get(url, place, most_bytes)))

    def _get(self, url: str, place: str, most_bytes: int) -> bytes:
        """Raises ValueError for what is too long, and where nothing comes whole in time."""
        import httpx  # noqa: PLC0415 (as above)

        late_s = self._now_s() + self._patience_s
        try:
            with self._http.stream("GET", url.rstrip("/") + place) as reply:
                if reply.status_code != _OK:
                    raise ValueError("the endpoint does not have it")
                body = b""
                for part in reply.iter_bytes():
                    body += part
                    if len(body) > most_bytes:
                        raise ValueError("nothing that is asked for is so long")
                    if self._now_s() > late_s:
                        raise httpx.ReadTimeout("it came piece by piece, and not in time")
                return body
        except httpx.HTTPError as error:
            self._resting[url] = self._now_s() + REST_S
            raise ValueError("the endpoint does not reply") from error


def is_of(order: Request, input_: bytes, item: Item) -> bool:
    """Whether an item leads to what was ordered and to what it was answered with."""
    asked = Proof(item.place, order.items, tuple(item.inputs))
    said = Proof(item.place, order.items, tuple(item.results))
    return merkle.verify(order.input_hash, keccak(input_), asked) and merkle.verify(
        item.root, listing.result_leaf(input_, item.output), said
    )


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


def _shown(said: Any) -> Shown:
    nodes, leaves = (tuple(map(_bytes, said[name])) for name in ("nodes", "leaves"))
    return Shown(int(said["count"]), nodes, leaves)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])
