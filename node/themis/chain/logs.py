"""Past logs in as few calls as the endpoint allows; what no reorganization reaches any more is read once."""

import json
from collections.abc import Callable
from typing import Any, Final

from themis.chain.rpc import ATTEMPTS, Rpc, RpcError, TimedOut
from themis.core.span import Span

DEEP: Final = 64
"""Blocks below the head from which on logs are kept: the depth at which Ethereum finalizes."""
_FIRST_SPAN: Final = 1_000
_WHILE_HALVING: Final = 2
"""Attempts for a range that can be halved: a refusal that passes is told from one that does not by halving."""

Query = dict[str, Any]
"""`address` and `topics` of an `eth_getLogs`."""

Progress = Callable[[int, int], None]
"""Told after each range that is read: its last block, and the head."""


class LogReader:
    """Logs at one door. Thread-safe."""

    def __init__(self, rpc: Rpc, progress: Progress | None = None) -> None:
        self._rpc = rpc
        self._progress = progress
        self._span = Span(_FIRST_SPAN)
        """Of `between`: remembered, because the watcher asks again and again."""
        self._kept: dict[str, tuple[int, list[Any]]] = {}
        """For each query: the next block to read, and the raw logs before it."""

    def read(self, query: Query, start_block: int) -> list[Any]:
        """Every raw log since `start_block`, in chain order. Raises Unavailable."""
        key = json.dumps([start_block, query])
        first, kept = self._kept.get(key, (start_block, []))
        head, fresh = self.since(query, first)
        settled = max(first, head - DEEP)
        self._kept[key] = (settled, kept + [raw for raw in fresh if int(raw["blockNumber"], 16) < settled])
        return kept + fresh

    def since(self, query: Query, first: int) -> tuple[int, list[Any]]:
        """The head, and the raw logs from a block up to it: in one call, or in ranges where that is too much."""
        head = int(self._rpc.call("eth_blockNumber"), 16)
        span = Span(max(1, head - first + 1))
        found: list[Any] = []
        while first <= head:
            last, raws = self._range(query, first, head, span)
            found += raws
            first = last + 1
            if self._progress:
                self._progress(last, head)
        return head, found

    def between(self, query: Query, first: int, last: int) -> list[Any]:
        """The raw logs of these blocks, both included. Raises Unavailable."""
        found: list[Any] = []
        while first <= last:
            end, raws = self._range(query, first, last, self._span)
            found += raws
            first = end + 1
        return found

    def whole(self, query: Query, first: int, last: int) -> list[Any]:
        """As `between`, from an endpoint that may cut a long answer off: what follows the last log is asked for."""
        found = self.between(query, first, last)
        while found and (newest := int(found[-1]["blockNumber"], 16)) < last:
            more = self.between(query, newest, last)
            earlier = [raw for raw in found if int(raw["blockNumber"], 16) < newest]
            if len(earlier) + len(more) <= len(found):
                break
            found = earlier + more
        return found

    def _range(self, query: Query, first: int, head: int, span: Span) -> tuple[int, list[Any]]:
        """Logs of as many blocks as one question may cover, and the last of these. A refusal halves it at once."""
        while True:
            last = span.last(first, head)
            asked = query | {"fromBlock": hex(first), "toBlock": hex(last)}
            try:
                raws = self._rpc.call("eth_getLogs", asked, attempts=ATTEMPTS if first == last else _WHILE_HALVING)
            except (RpcError, TimedOut):
                if first == last:
                    raise
                span.refused()
            else:
                span.answered()
                return last, raws
