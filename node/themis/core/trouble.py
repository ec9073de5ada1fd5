"""What can stand in the way of answers. Pure."""

from enum import StrEnum


class Trouble(StrEnum):
    """What the operator can mend."""

    DRY = "dry"
    """The balance does not pay for the next answer."""
    UNFUNDED = "unfunded"
    """Answers wait that cost more than the balance holds beside what is in flight."""
    SPENT = "spent"
    """The spending cap of the day is reached."""
    CAPPED = "capped"
    """The chain asks for more than the cap of the fee."""
    REFUSED = "refused"
    """The endpoint takes no transactions, for a reason that only it knows."""
    FOREIGN = "foreign"
    """Another transaction used a nonce of the key."""
    UNSETTLED = "unsettled"
    """The oldest transaction has been without a block for too many blocks."""
    APART = "apart"
    """Other members of the committee cannot be reached, or differ from this node."""
    OUTVOTED = "outvoted"
    """The other members agree on another result than this node's."""
    TWO_FACED = "two_faced"
    """A member of the committee signed two results of one request, and has its stake still."""
    BOUND = "bound"
    """The gas of the day for what is to be settled on chain is used up."""
    UNHEARD = "unheard"
    """The WebSocket tells of no new blocks."""
