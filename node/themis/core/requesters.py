"""Whom the node serves, and how often. Pure."""

from dataclasses import dataclass
from typing import Final

from themis.core.errors import Reason, Refused
from themis.core.types import Address

HOUR_S: Final = 3_600
DAY_HOURS: Final = 24


def in_words(allowed: int, denied: int, max_per_hour: int | None, max_per_day: int | None) -> str:
    """Whom the node serves, by the numbers of addresses that are listed, and how often."""
    said = [f"{allowed} addresses alone" if allowed else "everybody"]
    said += [f"{denied} denied"] if denied else []
    rates = ((max_per_hour, "an hour"), (max_per_day, "a day"))
    return "; ".join([*said, *(f"{number} requests {per} each" for number, per in rates if number is not None)])


@dataclass(frozen=True, slots=True)
class Requesters:
    """The operator's lists and limits."""

    allow: frozenset[Address] = frozenset()
    """Empty: everybody who is not denied."""
    deny: frozenset[Address] = frozenset()
    max_per_hour: int | None = None
    """Accepted requests of one requester in this hour of the clock; None: any number."""
    max_per_day: int | None = None
    """In this hour and the 23 before it."""

    @property
    def limited(self) -> bool:
        """Whether anybody has to count."""
        return self.max_per_hour is not None or self.max_per_day is not None

    def require_served(self, requester: Address) -> None:
        """Raises Refused."""
        if requester in self.deny:
            raise Refused(Reason.UNSERVED_REQUESTER, "it is in requesters.deny")
        if self.allow and requester not in self.allow:
            raise Refused(Reason.UNSERVED_REQUESTER, "it is not in requesters.allow")

    def require_within(self, this_hour: int, this_day: int) -> None:
        """`this_hour`, `this_day`: what was accepted of it already. Raises Refused."""
        if self.max_per_hour is not None and this_hour >= self.max_per_hour:
            raise Refused(Reason.TOO_MANY, f"requesters.max_per_hour is {self.max_per_hour}")
        if self.max_per_day is not None and this_day >= self.max_per_day:
            raise Refused(Reason.TOO_MANY, f"requesters.max_per_day is {self.max_per_day}")
