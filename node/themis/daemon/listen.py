"""Listen: hears of new blocks and wakes the watcher. While nobody speaks, the watcher polls as it does without."""

from collections.abc import Callable
from typing import Final

from themis.chain.heads import Heads
from themis.core.errors import Unavailable
from themis.core.trouble import Trouble
from themis.daemon.node import Node

_LISTEN_S: Final = 1.0
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0


class Listen:
    """Its silence stops nobody: it is a trouble, and no loop that waits."""

    name = "listen"

    def __init__(self, node: Node, heads: Heads, wake: Callable[[], None]) -> None:
        self._node = node
        self._heads = heads
        self._wake = wake
        self._pause_s = _FIRST_PAUSE_S
        self._again_at_s = 0.0

    def step(self) -> bool:
        """Listen for a while. True while it may be told of a block at any time."""
        node = self._node
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
        if came:
            self._wake()
        return True
