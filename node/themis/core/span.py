"""How many blocks one question for logs covers: a refusal halves it, some answers in a row let it grow. Pure."""

from dataclasses import dataclass
from typing import Final

LONGEST: Final = 10_000
"""What public endpoints commonly allow."""
_GROWS_AFTER: Final = 4


@dataclass(slots=True)
class Span:
    """Blocks in one `eth_getLogs`. Endpoints limit them, or the logs in them, and say so in their own words."""

    blocks: int
    _answered: int = 0

    def last(self, first: int, head: int) -> int:
        """The last block of the range that begins with `first`."""
        return min(head, first + self.blocks - 1)

    def refused(self) -> None:
        self.blocks, self._answered = max(1, min(LONGEST, self.blocks // 2)), 0

    def answered(self) -> None:
        """Grow again: limits on the number of logs bind only where there are many."""
        self._answered += 1
        if self._answered == _GROWS_AFTER:
            self.blocks, self._answered = max(self.blocks, min(LONGEST, 2 * self.blocks)), 0
