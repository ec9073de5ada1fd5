"""What a pool of transactions says: to one that is handed to it, and about an account's nonces. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Reply(StrEnum):
    """What became of a transaction that was handed over."""

    TAKEN = "taken"
    KNOWN = "known"
    """The pool has it already. No proof that it is executable: pools put transactions aside."""
    USED = "used"
    """Its nonce is mined."""
    UNDERPRICED = "underpriced"
    POOR = "poor"
    """The account cannot pay for it, or for it and all before it."""
    FULL = "full"
    """The pool takes no more of this account, or of anybody."""
    UNSENDABLE = "unsendable"
    """No pool of this chain will ever take it, whatever it pays."""
    REFUSED = "refused"
    """For a reason that is not known here."""


@dataclass(frozen=True, slots=True)
class Said:
    """A reply with the pool's own words."""

    reply: Reply
    words: str = ""


@dataclass(frozen=True, slots=True)
class Nonces:
    """An account's next nonce, on the chain and in the pool."""

    mined: int
    """At the newest block."""
    pending: int
    """After all that the pool holds for the next blocks; what it has put aside does not count."""


TAKEN: Final = Said(Reply.TAKEN)

_WORDS: Final[tuple[tuple[Reply, tuple[str, ...]], ...]] = (
    (Reply.KNOWN, ("already known", "alreadyknown", "already imported", "known transaction", "already exists")),
    (Reply.USED, ("nonce too low", "nonce_too_low", "nonce is too low", "oldnonce", "nonce has already been used")),
    (Reply.POOR, ("insufficient fund", "insufficientfund", "insufficient balance", "enough funds", "upfront cost")),
    (
        Reply.UNSENDABLE,
        (
            "block gas limit",
            "gas limit too high",
            "gaslimitexceeded",
            "gas too high",
            "gas limit cap",
            "gas cap",
            "intrinsic gas",
            "oversized",
            "size limit",
            "too large",
        ),
    ),
    (Reply.UNDERPRICED, ("underpriced", "price too low", "fee too low", "feetoolow", "tip too low", "less than block")),
    (Reply.UNDERPRICED, ("gas tip", "tip needed", "max fee per gas", "maxfeepergas", "minimum needed", "too cheap")),
    (Reply.FULL, ("pool is full", "pool full", "account limit", "per sender", "per-sender", "in-flight")),
)
"""Words of geth, Erigon, Nethermind, Besu, Reth, Anvil, Hardhat and Ganache, in lower case. The first that is found."""


def understood(words: str) -> Said:
    """What a refusal means."""
    said = words.lower()
    return Said(next((reply for reply, known in _WORDS if any(each in said for each in known)), Reply.REFUSED), words)
