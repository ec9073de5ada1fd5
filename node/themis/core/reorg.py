"""Which blocks are behind us, and how far back a reorganization of the chain reaches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from themis.core.errors import Misconfigured
from themis.core.types import Hash32

TAIL_LENGTH: Final = 128
"""How many scanned heads are kept: more than the depth at which Ethereum finalizes (64 blocks)."""


@dataclass(frozen=True, slots=True)
class BlockRef:
    """A block up to which everything is recorded."""

    number: int
    hash: Hash32
    timestamp_s: int


def extended(tail: Sequence[BlockRef], newest: BlockRef) -> list[BlockRef]:
    """Return the tail after one more scan, cut to `TAIL_LENGTH`. Heights increase strictly."""
    return [*(ref for ref in tail if ref.number < newest.number), newest][-TAIL_LENGTH:]


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
