"""How soon the watcher looks again: at once while blocks come, at its leisure when they do not; and what for."""

import statistics
from collections import deque
from itertools import pairwise
from typing import Final

_SHARE: Final = 0.1
"""Of the time since the last block, which passes between two looks."""
_SHORTEST_S: Final = 0.02
_TRIPS: Final = 2
"""An endpoint far away is not asked again before that many of its answers' times have passed."""
_REMEMBERED: Final = 8
_FEWEST: Final = 3
"""Blocks that make a rhythm."""
_EARLY: Final = 0.8
_LATE: Final = 2.0


class Rhythm:
    """Whether the next block is likely there by now: blocks come as the last ones came."""

    def __init__(self) -> None:
        self._at_s: deque[float] = deque(maxlen=_REMEMBERED)

    def saw_block(self, now_s: float) -> None:
        self._at_s.append(now_s)

    def is_due(self, now_s: float) -> bool:
        """From a little before the usual time until a block of the same rhythm has been missed."""
        if len(self._at_s) < _FEWEST:
            return False
        usual_s = statistics.median(later - earlier for earlier, later in pairwise(self._at_s))
        return _EARLY * usual_s <= now_s - self._at_s[-1] <= _LATE * usual_s


class Pace:
    """Waits grow with the time since the last block, from almost nothing up to the poll interval that was set."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._block_at_s: float | None = None

    def saw_block(self, now_s: float) -> None:
        self._block_at_s = now_s

    def wait_s(self, now_s: float, look_s: float) -> float:
        """Seconds until the next look; the last one found nothing and took `look_s`. `now_s`: a monotonic clock."""
        if self._block_at_s is None:
            return self._longest_s
        shortest_s = max(_SHORTEST_S, _TRIPS * look_s)
        return min(self._longest_s, max(shortest_s, _SHARE * (now_s - self._block_at_s)))
