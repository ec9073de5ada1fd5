"""How many blocks one question for logs covers: a refusal halves it, some answers in a row let it grow. Pure."""

from dataclasses import dataclass
from typing import Final

LONGEST: Final = 10_000
"""What public endpoints commonly allow."""
_GROWS_AFTER: Final = 4
_SELDOM: Final = 1_024


@dataclass(slots=True)
class Span:
    """Blocks in one `eth_getLogs`. Endpoints limit them, or the logs in them, and say so in their own words."""

    blocks: int
    _answered: int = 0
    _grows_after: int = _GROWS_AFTER
    _grew: bool = False

    def last(self, first: int, head: int) -> int:
        """The last block of the range that begins with `first`."""
        return min(head, first + self.blocks - 1)

    def refused(self) -> None:
        """Halve. Where it had just grown, that is the endpoint's limit: the next try comes later."""
        if self._grew:
            self._grows_after = min(_SELDOM, 2 * self._grows_after)
        self.blocks, self._answered, self._grew = max(1, min(LONGEST, self.blocks // 2)), 0, False

    def answered(self) -> None:
        """Grow again: limits on the number of logs bind only where there are many."""
        self._answered += 1
        self._grew = False
        if self._answered == self._grows_after:
            self._grew = self.blocks < LONGEST
            self.blocks, self._answered = max(self.blocks, min(LONGEST, 2 * self.blocks)), 0
