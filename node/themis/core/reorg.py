"""Which blocks are behind us, and how far back a reorganization of the chain reaches."""

from collections.abc import Mapping, Sequence
from typing import Final

from themis.core.errors import Misconfigured
from themis.core.types import Block, BlockId, BlockRef, Hash32

TAIL_LENGTH: Final = 128
"""How many scanned heads are kept: more than the depth at which Ethereum finalizes (64 blocks)."""


def extended(tail: Sequence[BlockRef], *newest: BlockRef) -> list[BlockRef]:
    """Return the tail after some more blocks, cut to `TAIL_LENGTH`. Heights increase strictly."""
    below = [ref for ref in tail if not newest or ref.number < newest[0].number]
    return [*below, *newest][-TAIL_LENGTH:]


def linked(blocks: Sequence[Block | None], newest: BlockRef) -> list[Block]:
    """Those of consecutive blocks that lead down from the newest one, oldest first."""
    found: list[Block] = []
    wanted = newest.hash
    for block in reversed(blocks):
        if block is None or block.hash != wanted:
            break
        found.append(block)
        wanted = block.parent_hash
    return found[::-1]


def covers(tail: Sequence[BlockRef], block: BlockId) -> bool:
    """Whether a block is recorded, and on the chain that the tail is of as far as the tail can tell."""
    hashes = {ref.number: ref.hash for ref in tail}
    return bool(tail) and block.number <= tail[-1].number and hashes.get(block.number, block.hash) == block.hash


def fork_point(tail: Sequence[BlockRef], canonical: Mapping[int, Hash32]) -> BlockRef:
    """Return the newest block of the tail that `canonical` (height to hash) still holds.

    Raises Misconfigured where there is none: deeper than any reorganization this node can follow.
    """
    for ref in reversed(tail):
        if canonical.get(ref.number) == ref.hash:
            return ref
    raise Misconfigured(
        f"the chain no longer holds any of the last {len(tail)} blocks this node saw, back to {tail[0].number}: "
        "it was reset, or the RPC serves another chain. Check chain.rpc_url, or start with a new home"
    )
