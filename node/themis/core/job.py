r"""A job: one on-chain request addressed to us, from first sight to the finality of our answer.

    SEEN ---> QUEUED ---> COMPUTED ---> SENDING <-> MINED ---> DONE
      \________\____________\_____________\__________\______> CLOSED(reason)

A job whose fee does not pay for its answer yet is WAITING, beside SEEN, and goes back there when it does. One that was
asked of a committee is AGREEING before it is COMPUTED: its answer waits until enough members have signed the same.

State implies work: each loop in `daemon` takes the jobs of one state, does one thing and records one fact. "Running"
is not a state, because inference is deterministic: after a crash it runs again. Only a request to a foreign model is
marked before it runs, and never run again by a later life of the node: it may be what ended the last one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from themis.core.errors import Broken, Reason
from themis.core.types import MAX_ROYALTY_BPS, Hash32, LogPosition, Request

_BPS: Final = 10_000


class State(StrEnum):
    """Where a job stands."""

    SEEN = "seen"
    """Logged on chain; nobody has looked at it."""
    WAITING = "waiting"
    """Its fee does not pay for the answer while gas costs what it costs now."""
    QUEUED = "queued"
    """Licensed and accepted; waits for the engine."""
    AGREEING = "agreeing"
    """The result is durable; waits for other members of the committee."""
    COMPUTED = "computed"
    """The result is durable; waits for a nonce."""
    SENDING = "sending"
    """A signed answer is durable and may be in a mempool."""
    MINED = "mined"
    """The chain shows the answer; not yet deep enough."""
    DONE = "done"
    CLOSED = "closed"
    """Will not be answered by us; see `reason`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said about a request."""

    output: bytes
    result_hash: Hash32
    parts: tuple[bytes, ...] = ()
    """What it said to each input of a list, whose root is the output."""


@dataclass(frozen=True, slots=True)
class Job:
    """One request and what has become of it. `reason` is set exactly while CLOSED, `mined_at` while MINED or DONE."""

    id: Hash32
    request: Request
    input: bytes
    seen_at: LogPosition
    state: State = State.SEEN
    answer: Answer | None = None
    mined_at: LogPosition | None = None
    reason: Reason | None = None
    detail: str = ""
    started: bool = False
    """Whether a life of this node began to run it in a process apart, and has not said what came of it."""
    signatures: tuple[bytes, ...] = ()
    """Of the members of the committee that agree to the answer; see `Agreed`."""
    royalty_bps: int = MAX_ROYALTY_BPS
    """Of the operator's grant when it was accepted; before that the highest there is."""
    alone: bool = False
    """Whether its answer shares no transaction: in one with others the chain did not say what was wrong with it."""
    order_signature: bytes | None = None
    """The requester's, where it is an order: then `seen_at` is the block at which it was taken, and the input of one
    for a list is packed (`core.listing`), and `royalty_bps` is of both grants together."""

    @property
    def ordered(self) -> bool:
        """Whether it is an order: asked off the chain, paid when it is answered."""
        return self.order_signature is not None

    @property
    def least_pay(self) -> int:
        """What an answer earns at least, smallest units: a grant that changes after it was accepted takes no more."""
        fee = self.request.fee
        return fee - fee * self.request.royalty_bps // _BPS - fee * self.royalty_bps // _BPS

    @property
    def priced(self) -> Request:
        """The request with what its answer is priced by: royalties of an order are off its fee, for it names none."""
        return replace(self.request, fee=self.least_pay) if self.ordered else self.request


@dataclass(frozen=True, slots=True)
class Underpaid:
    """Gas costs too much for its fee now."""

    detail: str


@dataclass(frozen=True, slots=True)
class Paid:
    """Gas costs so little that its fee may pay now."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """Well-formed, paid, of a known model and licensed at its block."""

    royalty_bps: int = 0
    """Of the operator's grant there; 0 where it needs none."""


@dataclass(frozen=True, slots=True)
class Started:
    """A process apart runs it next."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The node was told to stop while it ran: it runs again."""


@dataclass(frozen=True, slots=True)
class Computed:
    answer: Answer


@dataclass(frozen=True, slots=True)
class Proposed:
    """Computed, and to be agreed on: the committee was asked, not this node alone."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class Agreed:
    """Enough members signed the same result, and it is our turn to send it."""

    signatures: tuple[bytes, ...] = ()
    """Of 65 bytes each, by ascending address of the members, as the contract takes them."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A signed answer was stored; the broadcast follows."""


@dataclass(frozen=True, slots=True)
class Unsent:
    """No signed answer will be mined, or the one that was said nothing about the request."""

    alone: bool = False
    """Whether the next one goes alone."""


@dataclass(frozen=True, slots=True)
class Mined:
    """The chain shows an answer, sent now or by an earlier life of this operator."""

    answer: Answer
    at: LogPosition


@dataclass(frozen=True, slots=True)
class Unmined:
    """The block of the answer left the chain."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Another member's answer to the committee's request left the chain: this one has to compute its own."""


@dataclass(frozen=True, slots=True)
class Finalized:
    """The answer is as deep as the operator asked for."""


@dataclass(frozen=True, slots=True)
class Closed:
    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Relogged:
    """The same request was logged again, in another block."""

    at: LogPosition


Fact = (
    Underpaid
    | Paid
    | Accepted
    | Started
    | Interrupted
    | Computed
    | Proposed
    | Agreed
    | Sent
    | Unsent
    | Mined
    | Unmined
    | Unanswered
    | Finalized
    | Closed
    | Relogged
)


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One fact of a job's past."""

    at_s: float
    """Seconds since the epoch."""
    fact: str
    detail: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Jobs by state, and closed ones by reason. Every state and reason has an entry."""

    by_state: Mapping[State, int]
    by_reason: Mapping[Reason, int]


def apply(job: Job, fact: Fact) -> Job:  # noqa: C901, PLR0911, PLR0912 (one line per arrow)
    """Return `job` after `fact`. Raises Broken for a fact that cannot follow: a bug in this node."""
    match job.state, fact:
        case State.CLOSED, Relogged(at) if job.reason is Reason.REORGED:
            return Job(job.id, job.request, job.input, at, started=job.started)
        case State.CLOSED, Mined(answer, at):
            return replace(job, state=State.MINED, answer=_known(job, answer), mined_at=at, reason=None, detail="")
        case State.CLOSED, _:
            return job
        case _, Relogged(at):
            return replace(job, seen_at=at)
        case _, Closed(reason, detail):
            return replace(job, state=State.CLOSED, mined_at=None, reason=reason, detail=detail)
        case ((State.MINED | State.DONE), Unmined()):
            return replace(job, state=State.SENDING, mined_at=None)
        case State.DONE, _:
            return job
        case _, Mined(answer, at):
            return replace(job, state=State.MINED, answer=_known(job, answer), mined_at=at)
        case State.SEEN, Underpaid(detail):
            return replace(job, state=State.WAITING, detail=detail)
        case State.WAITING, Paid():
            return replace(job, state=State.SEEN, detail="")
        case State.SEEN, Accepted(royalty_bps):
            return replace(job, state=State.QUEUED, royalty_bps=royalty_bps)
        case State.QUEUED, Started() | Interrupted():
            return replace(job, started=isinstance(fact, Started))
        case State.QUEUED, Computed(answer):
            return replace(job, state=State.COMPUTED, answer=answer, started=False)
        case State.QUEUED, Proposed(answer):
            return replace(job, state=State.AGREEING, answer=answer, started=False)
        case State.AGREEING, Agreed(signatures):
            return replace(job, state=State.COMPUTED, signatures=signatures)
        case State.COMPUTED, Sent():
            return replace(job, state=State.SENDING)
        case State.SENDING, Unsent(alone):
            return replace(job, state=State.COMPUTED, alone=job.alone or alone)
        case State.SENDING, Unanswered():
            return replace(job, state=State.QUEUED, answer=None)
        case State.MINED, Finalized():
            return replace(job, state=State.DONE)
        case ((State.SENDING | State.MINED), Sent()):
            return job
        case _:
            raise Broken(f"{type(fact).__name__} cannot follow {job.state}: report this as a bug")


def _known(job: Job, answer: Answer) -> Answer:
    """The answer as the chain shows it; of a list that was answered here more is known."""
    ours = job.answer
    return ours if ours is not None and ours.output == answer.output else answer
