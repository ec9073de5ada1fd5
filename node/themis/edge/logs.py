"""Past logs in as few calls as the endpoint allows; what no reorganization reaches any more is read once."""

import json
from typing import Any, Final

from themis.core.span import Span
from themis.edge.rpc import Rpc, RpcError

DEEP: Final = 64
"""Blocks below the head from which on logs are kept: the depth at which Ethereum finalizes."""

Query = dict[str, Any]
"""`address` and `topics` of an `eth_getLogs`."""


class LogReader:
    """Logs at one endpoint. Thread-safe."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self._kept: dict[str, tuple[int, list[Any]]] = {}
        """For each query: the next block to read, and the raw logs before it."""

    def read(self, query: Query, start_block: int) -> list[Any]:
        """Every raw log since `start_block`, in chain order. Raises Unavailable."""
        key = json.dumps([start_block, query])
        first, kept = self._kept.get(key, (start_block, []))
        head = int(self._rpc.call("eth_blockNumber"), 16)
        fresh = self._between(query, first, head)
        settled = max(first, head - DEEP)
        self._kept[key] = (settled, kept + [raw for raw in fresh if int(raw["blockNumber"], 16) < settled])
        return kept + fresh

    def _between(self, query: Query, first: int, head: int) -> list[Any]:
        """In one call, or in ranges where the endpoint finds that too much."""
        span = Span(max(1, head - first + 1))
        found: list[Any] = []
        while first <= head:
            last = span.last(first, head)
            try:
                found += self._rpc.call("eth_getLogs", query | {"fromBlock": hex(first), "toBlock": hex(last)})
            except RpcError:
                if first == last:
                    raise
                span.refused()
            else:
                span.answered()
                first = last + 1
        return found
