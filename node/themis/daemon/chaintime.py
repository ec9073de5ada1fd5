"""The chain's own clock: chains keep their own time, and test chains are warped."""

import threading

from themis.core.types import Block
from themis.ports import Clock


class ChainTime:
    """The newest block, and what the chain's clock shows now."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._head: Block | None = None
        self._since_s = 0.0
        self._first: int | None = None

    def observe(self, head: Block) -> None:
        with self._lock:
            if self._head is None or self._head.hash != head.hash:
                self._head, self._since_s = head, self._clock.now_s()
            if self._first is None:
                self._first = head.number

    @property
    def head(self) -> Block | None:
        with self._lock:
            return self._head

    @property
    def first_number(self) -> int | None:
        """The newest block when this node started; None before it was seen."""
        with self._lock:
            return self._first

    def now_s(self) -> float:
        """Timestamp of the newest block plus the time since it was seen: what the next block will carry, about."""
        with self._lock:
            return 0.0 if self._head is None else self._head.timestamp_s + self._clock.now_s() - self._since_s
