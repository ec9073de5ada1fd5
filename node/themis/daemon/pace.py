"""How soon the watcher looks again: at once while blocks come, at its leisure when they do not."""

from typing import Final

_SHARE: Final = 0.1
"""Of the time since the last block, which passes between two looks."""
_SHORTEST_S: Final = 0.02
_TRIPS: Final = 2
"""An endpoint far away is not asked again before that many of its answers' times have passed."""


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
