"""Watch: reads what the chain says to us, block range by block range, and follows reorganizations."""

import logging
from collections.abc import Sequence
from typing import Final

from themis.core.errors import Unavailable
from themis.core.reorg import BlockRef, extended, fork_point
from themis.core.span import Span
from themis.core.types import Block, Hash32
from themis.daemon.node import Node

_FIRST_SPAN: Final = 1_000
REORG_DEPTH: Final = 64
"""Catching up ends a range this far below the head, so that there is a block to come back to."""

log = logging.getLogger(__name__)


class Watch:
    """Records events together with the tail of block hashes they were read under, in one transaction."""

    name = "watch"

    def __init__(self, node: Node) -> None:
        self._node = node
        self._span = Span(_FIRST_SPAN)

    def step(self) -> bool:
        """Read the next range, or rewind. False when everything up to the head is recorded."""
        node = self._node
        head = node.chain.head()
        node.time.observe(head)
        tail = node.store.tail()
        if tail and not self._continues(tail, head):
            fork = fork_point(tail, self._hashes(tail))
            log.warning("the chain reorganized: back from block %d to %d", tail[-1].number, fork.number)
            node.telemetry.reorgs.inc()
            node.store.rewind(fork, node.clock.now_s())
            return True
        if not tail:
            self._begin()
        elif tail[-1].number < head.number:
            self._record(tail, tail[-1].number + 1, head)
        else:
            return False
        return True

    def _begin(self) -> None:
        """Remember the block before the first one of interest: a reorganization may reach back to it."""
        node = self._node
        block = self._block(max(0, node.settings.start_block - 1))
        node.store.record_events([], [BlockRef(block.number, block.hash, block.timestamp_s)], node.clock.now_s())

    def _record(self, tail: Sequence[BlockRef], first: int, head: Block) -> None:
        node = self._node
        last = self._span.last(first, head.number)
        if first < head.number - REORG_DEPTH:
            last = min(last, head.number - REORG_DEPTH)
        before = head if last == head.number else self._block(last)
        try:
            events = node.chain.events(first, last)
        except Unavailable:
            self._span.refused()
            raise
        if self._block(last).hash != before.hash:
            raise Unavailable("the chain reorganized while it was read: reading again")
        self._span.answered()
        newest = BlockRef(last, before.hash, before.timestamp_s)
        changed = node.store.record_events(events, extended(tail, newest), node.clock.now_s())
        node.telemetry.recorded_block.set(last)
        if changed:
            log.info("blocks %d to %d: %d events for us", first, last, changed)

    def _continues(self, tail: Sequence[BlockRef], head: Block) -> bool:
        """Whether the newest recorded block that the endpoint can have is still on its chain."""
        newest = next((ref for ref in reversed(tail) if ref.number <= head.number), None)
        if newest is None:
            raise Unavailable(f"the RPC is at block {head.number}, far behind what this node has seen: waiting for it")
        if head.hash == newest.hash or (head.number == newest.number + 1 and head.parent_hash == newest.hash):
            return True
        return head.number > newest.number and self._block(newest.number).hash == newest.hash

    def _hashes(self, tail: Sequence[BlockRef]) -> dict[int, Hash32]:
        found = self._node.chain.blocks([ref.number for ref in tail])
        return {block.number: block.hash for block in found if block is not None}

    def _block(self, number: int) -> Block:
        (block,) = self._node.chain.blocks([number])
        if block is None:
            raise Unavailable(f"the RPC has lost block {number}: waiting for it")
        return block
