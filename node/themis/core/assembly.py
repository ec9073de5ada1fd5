"""A committee as the chain shows it: who sits in it, and where each can be found. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from themis.core.agreement import Roster
from themis.core.types import Address


@dataclass(frozen=True, slots=True)
class Seat:
    """One member."""

    member: Address
    endpoint: str
    """URL of its node's API; empty: it cannot be called, and calls the others."""
    signing: bool
    """Whether its signature counts: it has its whole stake, and has not left."""
    stake_wei: int = 0


@dataclass(frozen=True, slots=True)
class Assembly:
    """All members, and how many must sign the same."""

    quorum: int
    seats: Mapping[Address, Seat]
    window_s: int = 0
    """For commitments on chain, and as long for their reveals."""
    fine_wei: int = 0
    """Of a member that commits on chain and does not reveal."""

    @property
    def roster(self) -> Roster:
        return Roster(self.quorum, frozenset(seat.member for seat in self.seats.values() if seat.signing))
