"""A transaction of the operator's key, before and after it is signed."""

from dataclasses import dataclass
from typing import Final

from themis.core.fees import Fees
from themis.core.types import Address, Hash32

TYPE_2: Final = b"\x02"
"""First byte of a raw transaction of that type; type 0 begins as a list of RLP."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """An unsigned transaction: of type 2 (EIP-1559), or 0 where its fees are one price."""

    chain_id: int
    nonce: int
    to: Address | None
    """None creates a contract."""
    data: bytes
    gas: int
    fees: Fees
    value_wei: int = 0


@dataclass(frozen=True, slots=True)
class SentTransaction:
    """A signed transaction as the store keeps it. Nonces belong to the key, not to a job."""

    hash: Hash32
    raw: bytes
    nonce: int
    fees: Fees
    job_ids: tuple[Hash32, ...]
    """Of the requests that it answers; none where it only uses up its nonce."""
    signed_at_s: float
    sent_at_s: float
    """When it was broadcast last. Both in seconds since the epoch."""
    most_wei: int = 0
    """What it can cost at most; 0 where an older version signed it."""

    @property
    def cancels(self) -> bool:
        """Whether it only uses up the nonce."""
        return not self.job_ids
