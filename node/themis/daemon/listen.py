"""Listen: hears of new blocks and wakes the watcher. While nobody speaks, the watcher polls as it does without."""

from collections import deque
from collections.abc import Callable
from typing import Final

from themis.chain.heads import Heads
from themis.core.errors import Unavailable
from themis.core.trouble import Trouble
from themis.daemon.node import Node

_LISTEN_S: Final = 1.0
_MOST_PER_S: Final = 25
"""Blocks. A faster chain is polled: the watcher never sleeps there, and being told of each costs processor time."""
_DEAF_S: Final = 1.0
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0


class Listen:
    """Its silence stops nobody: it is a trouble, and no loop that waits. It has no work for others: the watcher has."""

    name = "listen"

    def __init__(self, node: Node, heads: Heads, wake: Callable[[], None]) -> None:
        self._node = node
        self._heads = heads
        self._wake = wake
        self._pause_s = _FIRST_PAUSE_S
        self._again_at_s = 0.0
        self._came_s: deque[float] = deque(maxlen=_MOST_PER_S)
        self.pause_s: float | None = None

    def step(self) -> bool:
        """Listen for a while. False always; `pause_s` is 0 while it may be told of a block at any time."""
        node, self.pause_s = self._node, None
        if node.clock.now_s() < self._again_at_s:
            return False
        try:
            came = self._heads.wait(_LISTEN_S)
        except Unavailable as error:
            node.troubles.say(Trouble.UNHEARD, f"{error}; new blocks are polled for meanwhile")
            self._again_at_s = node.clock.now_s() + self._pause_s
            self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
            return False
        self._pause_s = _FIRST_PAUSE_S
        node.troubles.over(Trouble.UNHEARD)
        self.pause_s = 0.0
        if came:
            self._wake()
            self._spare()
        return False

    def _spare(self) -> None:
        """Hang up for a while on whoever tells of more than the watcher needs to know."""
        now_s = self._node.clock.now_s()
        self._came_s.append(now_s)
        if len(self._came_s) == _MOST_PER_S and now_s - self._came_s[0] < 1:
            self._heads.close()
            self._came_s.clear()
            self._again_at_s = now_s + _DEAF_S
            self.pause_s = None
