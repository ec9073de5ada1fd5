"""Old blocks, a range at a time: what an endpoint says of a range is held against the blooms of its blocks."""

import logging
from typing import Final

from themis.core.errors import Unavailable
from themis.core.span import Span
from themis.core.types import Block, ChainEvent
from themis.ports import Chain

_FIRST_SPAN: Final = 1_000
_CHECKED_BLOCKS: Final = 2_000
"""Ranges nearer to the head than that, and all that have logs for us, are held against the blooms of their blocks."""

log = logging.getLogger(__name__)


class Ranges:
    """Reads ranges as wide as the endpoint allows."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._span = Span(_FIRST_SPAN)

    def read(self, first: int, highest: int, head: int) -> tuple[Block, list[ChainEvent]]:
        """The events of some blocks from `first` on, none above `highest`, and the last of these blocks.

        Raises Unavailable, also where the chain reorganized meanwhile.
        """
        last = self._span.last(first, highest)
        before = self.block(last)
        try:
            events = self._whole(first, last, self._chain.events(first, last), head)
        except Unavailable:
            self._span.refused()
            raise
        if self.block(last).hash != before.hash:
            raise Unavailable("the chain reorganized while it was read: reading again")
        self._span.answered()
        return before, events

    def block(self, number: int) -> Block:
        """The canonical block at a height that the chain has. Raises Unavailable."""
        (found,) = self._chain.blocks([number])
        if found is None:
            raise Unavailable(f"the RPC has lost block {number}: waiting for it")
        return found

    def _whole(self, first: int, last: int, events: list[ChainEvent], head: int) -> list[ChainEvent]:
        """Events of a range, with what was left out of it: an endpoint may cut a long answer off without a word."""
        if not events and head - last > _CHECKED_BLOCKS:
            return events
        blocks = self._chain.blocks(range(first, last + 1))
        admitting = [block for block in blocks if block is not None and block.may_log]
        found = self._chain.events_of(admitting) if admitting else []
        whole = [event for of_block in found for event in of_block or ()]
        if len(whole) > len(events):
            log.warning("the RPC left %d logs out of blocks %d to %d", len(whole) - len(events), first, last)
            return whole
        return events
