"""Past logs in as few calls as the endpoint allows; what no reorganization reaches any more is read once."""

import json
from collections.abc import Callable
from typing import Any, Final

from themis.chain.rpc import Rpc, RpcError, TimedOut
from themis.core.span import Span

DEEP: Final = 64
"""Blocks below the head from which on logs are kept: the depth at which Ethereum finalizes."""

Query = dict[str, Any]
"""`address` and `topics` of an `eth_getLogs`."""

Progress = Callable[[int, int], None]
"""Told after each range that is read: its last block, and the head."""


class LogReader:
    """Logs at one endpoint. Thread-safe."""

    def __init__(self, rpc: Rpc, progress: Progress | None = None) -> None:
        self._rpc = rpc
        self._progress = progress
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
            last = span.last(first, head)
            try:
                found += self._rpc.call("eth_getLogs", query | {"fromBlock": hex(first), "toBlock": hex(last)})
            except (RpcError, TimedOut):
                if first == last:
                    raise
                span.refused()
            else:
                span.answered()
                first = last + 1
                if self._progress:
                    self._progress(last, head)
        return head, found
