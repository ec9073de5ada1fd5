"""A block header's bloom filter: which logs the block can not have (yellow paper, 4.3.1). Pure."""

from collections.abc import Iterable
from typing import Final

from themis.core.keccak import keccak

BLOOM_BYTES: Final = 256
_MASK: Final = 8 * BLOOM_BYTES - 1


def bits(value: bytes) -> int:
    """The bits that an address or a topic sets."""
    digest = keccak(value)
    found = 0
    for start in (0, 2, 4):
        found |= 1 << (int.from_bytes(digest[start : start + 2]) & _MASK)
    return found


class Sieve:
    """Says of a header whether its block may have a log of an address with one of some topics and one certain other."""

    def __init__(self, address: bytes, events: Iterable[bytes], party: bytes) -> None:
        always = bits(address) | bits(party)
        self._wanted = tuple(always | bits(event) for event in events)

    def may_pass(self, bloom: bytes, *, has_transactions: bool) -> bool:
        """False is certain. Some chains leave the bloom empty: there a block with transactions may have anything."""
        filled = int.from_bytes(bloom)
        if not filled:
            return has_transactions
        return any(filled & wanted == wanted for wanted in self._wanted)
