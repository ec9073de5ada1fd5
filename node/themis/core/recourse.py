"""What is due on chain about a request that members do not settle among themselves: commit, reveal, count, fine. Pure.

    commitments until `reveals_from_s` ---> reveals until `reveals_to_s` ---> M are equal: counted; silent: fined

Nothing is remembered: what is due is folded from what the chain has logged about the request, and from what was heard.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from themis.core.agreement import Heard
from themis.core.committee import Commitment, Result, commitment_of
from themis.core.spelling import shown
from themis.core.types import Address, Hash32

WINDOWS: Final = 3
"""A round takes so many before the deadline: commitments, reveals, and at least one for the count."""


@dataclass(frozen=True, slots=True)
class Round:
    """What the chain has logged about one request. Times are the chain's, seconds since the epoch, each included."""

    reveals_from_s: int
    """Commitments are taken until then, reveals after it."""
    reveals_to_s: int
    committed: Mapping[Address, Hash32] = field(default_factory=dict)
    """Commitments on chain that are neither revealed nor fined."""
    revealed: Mapping[Address, Hash32] = field(default_factory=dict)
    """By member, the result that it revealed."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens a commitment."""

    result_hash: Hash32
    salt: Hash32


@dataclass(frozen=True, slots=True)
class Commit:
    """Put signed commitments on chain."""

    commitments: Sequence[Commitment]
    """By ascending address of their members."""


@dataclass(frozen=True, slots=True)
class Reveal:
    """Open one."""

    member: Address
    opening: Opening


@dataclass(frozen=True, slots=True)
class Count:
    """M members revealed one result: answer with it."""

    result_hash: Hash32
    revealed: int
    """Members that did."""


@dataclass(frozen=True, slots=True)
class Fine:
    """It did not reveal what it had committed to."""

    member: Address


Move = Commit | Reveal | Count | Fine


@dataclass(frozen=True, slots=True)
class Case:
    """One request without an answer, as one who could do something about it knows it."""

    quorum: int
    window_s: int
    fines: bool
    """Whether silence costs anything."""
    deadline_s: int
    commitments: Mapping[Address, Commitment]
    openings: Mapping[Address, Opening]
    round: Round | None = None

    @property
    def closes_s(self) -> int:
        """The last second in which a round can begin, of the chain's clock."""
        return self.deadline_s - WINDOWS * self.window_s


def commitments_of(heard: Sequence[Heard]) -> dict[Address, Commitment]:
    """The commitments among what was heard, one of each member, by ascending address."""
    found = {each.message.member: each.message for each in heard if isinstance(each.message, Commitment)}
    return dict(sorted(found.items()))


def openings_of(heard: Sequence[Heard]) -> dict[Address, Opening]:
    """What was heard that opens them: the first result of each member does, a second one is proof against it."""
    results = [each.message for each in heard if isinstance(each.message, Result)]
    return {result.member: Opening(result.result_hash, result.salt) for result in reversed(results)}


def due(case: Case, now_s: float) -> list[Move]:
    """What the contract takes now, in the order in which it helps. `now_s`: what the next block will carry, about."""
    if now_s > case.deadline_s:
        return []
    if case.round is None:
        return [Commit(list(case.commitments.values()))] if case.commitments and now_s <= case.closes_s else []
    if now_s <= case.round.reveals_from_s:
        known = case.round.committed.keys() | case.round.revealed.keys()
        lacking = [each for member, each in case.commitments.items() if member not in known]
        return [Commit(lacking)] if lacking else []
    counted = _counted(case, case.round)
    if counted is not None:
        return [counted]
    if now_s <= case.round.reveals_to_s:
        return [
            Reveal(member, opening)
            for member, commitment in case.round.committed.items()
            if (opening := case.openings.get(member)) is not None and _opens(member, opening, commitment)
        ]
    return [Fine(member) for member in case.round.committed] if case.fines else []


def in_words(move: Move) -> str:
    """What is done, for logs and terminals."""
    match move:
        case Commit(commitments):
            return f"commitments of {len(commitments)} on chain"
        case Reveal(member, _):
            return f"what {shown(member)} committed to is revealed"
        case Count(_, revealed):
            return f"{revealed} equal results are counted"
        case Fine(member):
            return f"{shown(member)} is fined, for it did not reveal"


def next_s(case: Case, now_s: float) -> int | None:
    """When something else may be due, by the chain's clock; None where nothing more will be."""
    if case.round is None:
        return None
    times = (case.round.reveals_from_s + 1, case.round.reveals_to_s + 1, case.deadline_s + 1)
    return next((each for each in times if each > now_s), None)


def _counted(case: Case, round_: Round) -> Count | None:
    counts: dict[Hash32, int] = defaultdict(int)
    for result_hash in round_.revealed.values():
        counts[result_hash] += 1
    return next((Count(result, number) for result, number in counts.items() if number >= case.quorum), None)


def _opens(member: Address, opening: Opening, commitment: Hash32) -> bool:
    return commitment_of(opening.result_hash, opening.salt, member) == commitment
