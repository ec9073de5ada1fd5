"""One agreement: what a member makes of all that it has heard about one request. Pure.

    commitments ---> M of them: results may be signed ---> M results are one: agreed ---> by rank, one member sends

Nothing here is remembered: an agreement is folded from the messages that the store has, in the order they were heard.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from themis.core import signature
from themis.core.committee import Commitment, Forum, Message, Result, rank
from themis.core.types import Address, Hash32

MOST_RESULTS: Final = 2
"""Of one member that are kept: two different ones prove what needs no third."""


@dataclass(frozen=True, slots=True)
class Roster:
    """Who decides: so many of these members."""

    quorum: int
    members: frozenset[Address]


class Objection(StrEnum):
    """Why a message is not kept."""

    NOT_A_MEMBER = "not_a_member"
    NOT_SIGNED = "not_signed"
    """By its member, for this request, committee and chain."""
    COMMITTED_OTHERWISE = "committed_otherwise"
    """The member's first commitment counts."""
    NOT_COMMITTED = "not_committed"
    """A result without a commitment before it."""
    TOO_EARLY = "too_early"
    """A result before there are M commitments."""
    MISMATCHED = "mismatched"
    """A result that does not open its member's commitment. Whoever passed it on may have changed the salt."""
    SAID_ENOUGH = "said_enough"


class Fault(StrEnum):
    """What a member did that others should know."""

    LATE = "late"
    """It committed when results were to be read already: it may have copied one."""
    OUTVOTED = "outvoted"
    """M members agree on another result."""
    EQUIVOCATED = "equivocated"
    """It signed two results: that is proof, and costs it its stake."""
    SILENT = "silent"
    """It committed, others agreed, and it has not said to what."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A message, and when it came: seconds since the epoch, of our own clock."""

    message: Message
    at_s: float


@dataclass(frozen=True, slots=True)
class Equivocation:
    """Two results that one member signed for one request."""

    one: Result
    other: Result


@dataclass(frozen=True, slots=True)
class Agreement:
    """Where it stands."""

    request: Hash32
    roster: Roster
    commitments: Mapping[Address, Commitment] = field(default_factory=dict)
    results: Mapping[Address, Result] = field(default_factory=dict)
    """Those that open their member's commitment, of members that have signed no other."""
    late: frozenset[Address] = frozenset()
    equivocations: tuple[Equivocation, ...] = ()
    agreed: Hash32 | None = None
    """The first result that M members signed."""
    agreed_at_s: float = 0.0

    @property
    def open(self) -> bool:
        """Whether a member that has committed signs its result now."""
        return len(self.commitments) >= self.roster.quorum

    def signers(self, result_hash: Hash32) -> list[Address]:
        """Who signed it, those first who had committed in time; among them by rank."""
        found = [member for member, result in self.results.items() if result.result_hash == result_hash]
        return sorted(found, key=lambda member: (member in self.late, rank(self.request, member)))

    def signatures(self, result_hash: Hash32) -> list[Result]:
        """M of them, by ascending address, as the contract takes them; empty where there are fewer."""
        chosen = self.signers(result_hash)[: self.roster.quorum]
        return [self.results[member] for member in sorted(chosen)] if len(chosen) == self.roster.quorum else []

    def turn_s(self, member: Address, step_s: float) -> float | None:
        """When it is this member's turn to send what is agreed, if nobody has; None where it is not its to send."""
        if self.agreed is None or member not in self.results or self.results[member].result_hash != self.agreed:
            return None
        before = sum(rank(self.request, each) < rank(self.request, member) for each in self.signers(self.agreed))
        return self.agreed_at_s + before * step_s

    def faults(self) -> dict[Address, frozenset[Fault]]:
        """Each member that stands out, and how."""
        found: dict[Address, set[Fault]] = defaultdict(set)
        for equivocation in self.equivocations:
            found[equivocation.one.member].add(Fault.EQUIVOCATED)
        for member in self.late:
            found[member].add(Fault.LATE)
        if self.agreed is not None:
            for member in self.commitments:
                result = self.results.get(member)
                if result is not None and result.result_hash != self.agreed:
                    found[member].add(Fault.OUTVOTED)
                if result is None and Fault.EQUIVOCATED not in found[member]:
                    found[member].add(Fault.SILENT)
        return {member: frozenset(faults) for member, faults in found.items() if faults}


def objection(forum: Forum, roster: Roster, heard: Sequence[Heard], message: Message) -> Objection | None:
    """Why a message is not to be kept beside those of its request that are; None where it is, or is among them."""
    if message.member not in roster.members:
        return Objection.NOT_A_MEMBER
    if signature.signer(message.digest(forum), message.signature) != message.member:
        return Objection.NOT_SIGNED
    own = [each.message for each in heard if each.message.member == message.member]
    committed = next((each for each in own if isinstance(each, Commitment)), None)
    if isinstance(message, Commitment):
        known = committed is None or committed.commitment == message.commitment
        return None if known else Objection.COMMITTED_OTHERWISE
    if committed is None:
        return Objection.NOT_COMMITTED
    committers = {each.message.member for each in heard if isinstance(each.message, Commitment)}
    if len(committers & roster.members) < roster.quorum:
        return Objection.TOO_EARLY
    return _unwanted(committed, {each.result_hash for each in own if isinstance(each, Result)}, message)


def _unwanted(committed: Commitment, said: set[Hash32], result: Result) -> Objection | None:
    """The first opens the commitment; the second is proof whatever it opens."""
    if not said and not result.opens(committed):
        return Objection.MISMATCHED
    return Objection.SAID_ENOUGH if len(said | {result.result_hash}) > MOST_RESULTS else None


def fold(request: Hash32, roster: Roster, heard: Sequence[Heard]) -> Agreement:
    """What the messages about one request come to. Each of them has passed `objection` when it was heard."""
    commitments: dict[Address, Commitment] = {}
    results: dict[Address, Result] = {}
    others: dict[Address, Result] = {}
    late: set[Address] = set()
    times: dict[Address, float] = {}
    for each in heard:
        message = each.message
        if message.member not in roster.members:
            continue  # it has left since
        if isinstance(message, Commitment):
            if results and message.member not in commitments:
                late.add(message.member)
            commitments.setdefault(message.member, message)
        elif message.member not in results:
            results[message.member], times[message.member] = message, each.at_s
        elif message.result_hash != results[message.member].result_hash:
            others.setdefault(message.member, message)
    equivocations = tuple(Equivocation(results[member], other) for member, other in others.items())
    opened = {member: result for member, result in results.items() if member not in others}
    agreed, agreed_at_s = _agreed(roster.quorum, opened, times)
    return Agreement(
        request=request,
        roster=roster,
        commitments=commitments,
        results=opened,
        late=frozenset(late),
        equivocations=equivocations,
        agreed=agreed,
        agreed_at_s=agreed_at_s,
    )


def _agreed(
    quorum: int, opened: Mapping[Address, Result], times: Mapping[Address, float]
) -> tuple[Hash32 | None, float]:
    """The result that was signed M times first, and when it was heard for the Mth time."""
    counts: dict[Hash32, int] = defaultdict(int)
    for member in opened:  # in the order they were heard
        result_hash = opened[member].result_hash
        counts[result_hash] += 1
        if counts[result_hash] == quorum:
            return result_hash, times[member]
    return None, 0.0
