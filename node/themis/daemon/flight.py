"""How many transactions may be without a receipt at once: what the pool shows that it takes."""

import threading
from typing import Final

LEAST: Final = 16
"""What geth guarantees to every account (`--txpool.accountslots`)."""
FIRST: Final = 256
MOST: Final = 4_096


class Flight:
    """Doubles when all that is in flight is executable in the pool, halves when the pool takes no more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._limit = FIRST

    @property
    def limit(self) -> int:
        with self._lock:
            return self._limit

    def seen(self, in_flight: int, put_aside: int) -> None:
        """The pool was asked: of so many nonces in flight it has put so many aside."""
        with self._lock:
            if in_flight >= self._limit and put_aside == 0:
                self._limit = min(2 * self._limit, MOST)

    def refused(self) -> None:
        """The pool said that it takes no more."""
        with self._lock:
            self._limit = max(self._limit // 2, LEAST)
