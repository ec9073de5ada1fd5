"""Chronicle: what each hour brought, in the store, for the charts of the page.

A crash loses what came since the last entry: what pays is on the chain, and requests are in the store.
"""

from typing import Final

from themis.core.job import State
from themis.core.requesters import HOUR_S
from themis.daemon.node import Node

EVERY_S: Final = 15
OPEN: Final = "open"
"""The series of the most requests that were open at once."""


class Chronicle:
    """Writes what the counters have gained."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._told = node.telemetry.totals()
        self._written_at_s = node.clock.now_s()
        self._most = 0

    def step(self) -> None:
        """Look how many requests are open; now and then, write. An idle node writes nothing."""
        node, now_s = self._node, self._node.clock.now_s()
        counts = node.store.counts().by_state
        self._most = max(self._most, sum(counts.values()) - counts[State.DONE] - counts[State.CLOSED])
        if now_s - self._written_at_s < EVERY_S:
            return
        totals = node.telemetry.totals()
        gained = {series: total - self._told[series] for series, total in totals.items() if total > self._told[series]}
        if gained or self._most:
            node.store.record_hour(int(now_s) // HOUR_S, gained, {OPEN: self._most})
        self._told, self._written_at_s, self._most = totals, now_s, 0
