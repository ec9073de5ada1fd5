"""Watch: reads what the chain says to us and follows reorganizations. An endpoint's silence is not believed."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from themis.core.errors import Misconfigured, Unavailable
from themis.core.reorg import extended, fork_point, linked
from themis.core.types import Block, BlockRef, ChainEvent, Hash32
from themis.daemon import measure, told
from themis.daemon.node import Node
from themis.daemon.pace import Rhythm
from themis.daemon.ranges import Ranges

REORG_DEPTH: Final = 64
"""Older blocks are read in ranges, newer ones one by one: catching up ends a range this far below the head."""
_TOGETHER_S: Final = 0.02
"""New blocks of so long are read in one look: a busy chain costs fewer looks, and loops that work get the processor."""
_STRANGE_LOOKS: Final = 5
"""So often in a row the chain must look like another one before that is believed: a backend may be another chain's."""

log = logging.getLogger(__name__)


class Watch:
    """Records events together with the tail of block hashes they were read under, in one transaction."""

    name = "watch"

    def __init__(self, node: Node) -> None:
        self._node = node
        self._ranges = Ranges(node.chain)
        self._recent: list[Block] = []
        """The newest recorded blocks, linked: they are read again until they are deep enough."""
        self._recorded: set[tuple[Hash32, int]] = set()
        """Block hash and index of each log of these."""
        self._doubtful: set[Hash32] = set()
        """Those whose bloom admits a log for us, and of which none came: read again, however deep they are by then."""
        self._refilled: set[Hash32] = set()
        """Those that this process has not read before: what they hold is not late."""
        self._expecting = False
        self._rhythm = Rhythm()
        self._strange_looks = self._torn_looks = 0
        self.pause_s: float | None = None

    def expect(self) -> None:
        """A new block is there, as somebody says: its logs are asked for together with it."""
        self._expecting = True

    def step(self) -> bool:
        """Read what is new, or rewind. False when everything up to the head is recorded."""
        node, self.pause_s = self._node, None
        tail = node.store.tail()
        if not tail:
            self._begin()
            return True
        self._refill(tail)
        head, told = self._look(tail)
        if not self._continues(tail, head):
            self._rewind(tail, head)
            return True
        self._strange_looks = 0
        node.time.observe(head)
        if head.number - tail[-1].number > REORG_DEPTH:
            self._catch_up(tail, head)
            return True
        return self._read_new(tail, head, told)

    def _look(self, tail: Sequence[BlockRef]) -> tuple[Block, list[ChainEvent] | None]:
        """The head; with the logs since the oldest block that is read again, where a new block is likely.

        That saves a round trip before the answer, and a log query that finds nothing costs more than a head.
        """
        expecting, self._expecting = self._expecting, False
        if not expecting and not self._rhythm.is_due(self._node.clock.now_s()):
            return self._node.chain.head(), None
        first = self._recent[0].number if self._recent else tail[-1].number + 1
        return self._node.chain.head_and_events(first)

    def _begin(self) -> None:
        """Remember the block before the first one of interest: a reorganization may reach back to it."""
        node = self._node
        node.time.observe(node.chain.head())
        block = self._ranges.block(max(0, node.settings.start_block - 1))
        node.store.record_events([], [block.ref], node.clock.now_s())

    def _catch_up(self, tail: Sequence[BlockRef], head: Block) -> None:
        """Record a range of old blocks, and what those before it have withheld."""
        doubtful = [block for block in self._recent if block.hash in self._doubtful]
        withheld = self._node.chain.events_of(doubtful) if doubtful else []
        last, events = self._ranges.read(tail[-1].number + 1, head.number - REORG_DEPTH, head.number)
        self._record(tail, [last], [*(event for found in withheld for event in found or ()), *events])
        self._forget()

    def _read_new(self, tail: Sequence[BlockRef], head: Block, told: Sequence[ChainEvent] | None) -> bool:
        """Record the blocks above the tail, and what the newest ones below it have withheld."""
        deep = head.number - self._node.settings.reread_blocks
        old = [block for block in self._recent if block.number > deep or block.hash in self._doubtful]
        new = self._headers(tail[-1], head)
        by_hash: dict[Hash32, list[ChainEvent]] = defaultdict(list)
        for event in told or ():
            by_hash[event.at.block_hash].append(event)
        again = [block for block in old if block.hash in self._doubtful or (new and told is None)]
        asked = [block for block in (*again, *new) if block.may_log and block.hash not in by_hash]
        unread: set[Hash32] = set()
        for block, events in zip(asked, self._node.chain.events_of(asked) if asked else (), strict=True):
            if events is None:
                unread.add(block.hash)
            else:
                by_hash[block.hash] = events
        new = new[: next((place for place, block in enumerate(new) if block.hash in unread), len(new))]
        late = self._unrecorded(old, by_hash)
        events = [*late, *self._unrecorded(new, by_hash)]
        self._expecting = bool(new)
        if new:
            self.pause_s = _TOGETHER_S
            self._rhythm.saw_block(self._node.clock.now_s())
        if not new and not late:
            return False
        missed = sum(event.at.block_hash not in self._refilled for event in late)
        if missed:
            self._node.telemetry.late_logs.inc(missed)
            log.warning("the RPC showed %d logs later than their blocks: its backends lie apart", missed)
        self._record(tail, new, events)
        measure.seen(self._node, [*old, *new], events)
        self._keep([*self._recent, *new], by_hash)
        return True

    def _record(self, tail: Sequence[BlockRef], blocks: Sequence[Block], events: Sequence[ChainEvent]) -> None:
        node = self._node
        tail = extended(tail, *(block.ref for block in blocks))
        changed = node.store.record_events(events, tail, node.clock.now_s())
        node.telemetry.recorded_block.set(tail[-1].number)
        if changed:
            log.info("up to block %d: %d events for us", tail[-1].number, changed)

    def _unrecorded(self, blocks: Sequence[Block], by_hash: dict[Hash32, list[ChainEvent]]) -> list[ChainEvent]:
        found = (event for block in blocks for event in by_hash.get(block.hash, ()))
        return [event for event in found if (event.at.block_hash, event.at.log_index) not in self._recorded]

    def _keep(self, blocks: Sequence[Block], by_hash: dict[Hash32, list[ChainEvent]]) -> None:
        """Remember the blocks that will be read again, and of which of them something may be missing."""
        self._recent = list(blocks[-self._node.settings.reread_blocks :])
        hashes = {block.hash for block in self._recent}
        fresh = {(event.at.block_hash, event.at.log_index) for events in by_hash.values() for event in events}
        self._recorded = {place for place in self._recorded | fresh if place[0] in hashes}
        known = {place[0] for place in self._recorded}
        self._doubtful = {block.hash for block in self._recent if block.may_log and block.hash not in known}

    def _refill(self, tail: Sequence[BlockRef]) -> None:
        """After a start, a rewind or a range: the headers below the tail, whose logs this process has not read."""
        if self._recent and self._recent[-1].hash == tail[-1].hash:
            return
        self._forget()
        newest = tail[-1].number
        lowest = max(self._node.settings.start_block, newest - self._node.settings.reread_blocks + 1)
        found = self._node.chain.blocks(range(lowest, newest + 1))
        self._recent = linked(found, tail[-1])
        self._refilled = {block.hash for block in self._recent}
        self._doubtful = {block.hash for block in self._recent if block.may_log}

    def _forget(self) -> None:
        self._recent, self._recorded, self._doubtful = [], set(), set()

    def _headers(self, newest: BlockRef, head: Block) -> list[Block]:
        """The blocks above the newest recorded one, as far as the endpoint has them and they follow each other."""
        between = range(newest.number + 1, head.number)
        found = [*(self._node.chain.blocks(between) if between else ()), head]
        self._require_linked(newest, found[0])
        above: list[Block] = []
        parent = newest.hash
        for block in found:
            if block is None or block.number <= newest.number or block.parent_hash != parent:
                break
            above.append(block)
            parent = block.hash
        return above

    def _require_linked(self, newest: BlockRef, following: Block | None) -> None:
        """Raises Unavailable where the next block is another one's child, look after look."""
        is_next = following is not None and following.number == newest.number + 1
        is_torn = following is not None and is_next and following.parent_hash != newest.hash
        self._torn_looks = self._torn_looks + 1 if is_torn else 0
        if self._torn_looks >= _STRANGE_LOOKS:
            raise Unavailable(
                f"what the RPC shows of the chain does not fit together: block {newest.number + 1} does not follow "
                f"block {newest.number}. Its backends lie apart (add another endpoint: chain.rpc_urls), or it is a "
                "development chain that has begun anew below a saved state (chain.start_block, above that)"
            )

    def _continues(self, tail: Sequence[BlockRef], head: Block) -> bool:
        """Whether the newest recorded block that the endpoint can have is still on its chain."""
        newest = next((ref for ref in reversed(tail) if ref.number <= head.number), None)
        if newest is None:
            raise Unavailable(f"the RPC is at block {head.number}, far behind what this node has seen: waiting for it")
        if head.hash == newest.hash or (head.number == newest.number + 1 and head.parent_hash == newest.hash):
            return True
        return head.number > newest.number and self._ranges.block(newest.number).hash == newest.hash

    def _rewind(self, tail: Sequence[BlockRef], head: Block) -> None:
        """Go back to where the chain forks, once that is shown by the block above it."""
        node = self._node
        found = node.chain.blocks([ref.number for ref in tail])
        try:
            fork = fork_point(tail, {block.number: block.hash for block in found if block is not None})
        except Misconfigured as error:
            self._strange_looks += 1
            if self._strange_looks < _STRANGE_LOOKS:
                raise Unavailable(f"{error} (looking again before that is believed)") from error
            raise
        above = head if head.number <= fork.number + 1 else self._ranges.block(fork.number + 1)
        if fork.hash not in {above.hash, above.parent_hash}:
            raise Unavailable("what the RPC shows of the chain does not fit together: looking again")
        log.warning("the chain reorganized: back from block %d to %d", tail[-1].number, fork.number)
        node.telemetry.reorgs.inc()
        told.reorged(node, node.store.rewind(fork, node.clock.now_s()))
        self._forget()
