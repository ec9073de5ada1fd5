"""Cosign: what is this member's to send is signed by others once more, all together, and shares a transaction."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from themis.chain import contracts
from themis.committee.talk import Talk
from themis.core.assembly import Seat
from themis.core.committee import Leaf
from themis.core.errors import Broken, Unavailable
from themis.core.job import Agreed, Answer, Job
from themis.core.spelling import shown
from themis.core.types import Address, Hash32
from themis.daemon.batches import Batch, Batches
from themis.daemon.gather import answers_gas

PATIENCE_S: Final = 1.0
"""So long members have to sign a root; without enough of them each answer goes by itself."""

log = logging.getLogger(__name__)

Ready = tuple[Job, Agreed]
"""An answer that is agreed on, and this member's to send."""


@dataclass(slots=True)
class _Proposal:
    """A root that members are asked to sign."""

    ready: Sequence[Ready]
    leaves: Sequence[Leaf]
    give_up_s: float
    signatures: dict[Address, bytes] = field(default_factory=dict)
    asked: set[Address] = field(default_factory=set)
    """Those that have not replied."""


class Cosigning:
    """Roots that are being signed. Nothing of it is remembered: each answer has its own signatures in the store."""

    def __init__(self, talk: Talk, batches: Batches) -> None:
        self._talk, self._table, self._batches = talk, talk.table, batches
        self._open: list[_Proposal] = []

    def waiting(self) -> set[Hash32]:
        """What is being signed now."""
        return {job.id for proposal in self._open for job, _ in proposal.ready}

    def propose(self, ready: Sequence[Ready]) -> Sequence[Ready]:
        """Ask the others to sign several at once. Those that go by themselves instead: one alone, or too few to ask."""
        others = self._talk.reachable()
        ordered = sorted(ready, key=lambda each: (each[0].request.token, each[0].request.model_id, each[0].id))
        leaves = [Leaf(job.id, _answer(job).result_hash) for job, _ in ordered]
        alone = len(ready) == 1 or 1 + len(others) < self._quorum
        own = None if alone else self._table.countersign(leaves)
        if own is None:
            return ready
        give_up_s = self._table.clock.now_s() + PATIENCE_S
        asked = {seat.member for seat in others}
        proposal = _Proposal(ordered, leaves, give_up_s, {self._table.signer.address: own}, asked)
        self._open.append(proposal)
        for seat in others:
            self._talk.start(partial(self._ask, seat, proposal))
        return []

    def done(self) -> list[Ready]:
        """Those that go now: their root is signed, or is waited for no longer."""
        found: list[Ready] = []
        for proposal in list(self._open):
            over = not proposal.asked or self._table.clock.now_s() >= proposal.give_up_s
            signatures = dict(sorted(proposal.signatures.copy().items()))
            signed = len(signatures) >= self._quorum
            if signed:
                self._batches.add(_batch(proposal, list(signatures.values())[: self._quorum]))
            if signed or over:
                self._open.remove(proposal)
                found += proposal.ready
        return found

    def _ask(self, seat: Seat, proposal: _Proposal) -> None:
        try:
            proposal.signatures[seat.member] = self._talk.post.countersigned(seat, proposal.leaves)
        except Unavailable as error:  # it lacks some of these, or is away: what it signed alone is here all the same
            log.debug("no batch with %s: %s", shown(seat.member), error)
        proposal.asked.discard(seat.member)
        self._table.floor.wake()

    @property
    def _quorum(self) -> int:
        return self._table.floor.assembly.quorum


def _batch(proposal: _Proposal, signatures: Sequence[bytes]) -> Batch:
    answers = [(job.request, _answer(job).output) for job, _ in proposal.ready]
    jobs = [replace(job, signatures=agreed.signatures) for job, agreed in proposal.ready]
    data = contracts.committee_answers(answers, signatures)
    return Batch(tuple(job.id for job in jobs), data, answers_gas(jobs))


def _answer(job: Job) -> Answer:
    if job.answer is None:
        raise Broken(f"job 0x{job.id.hex()} is agreed on without an answer: report this as a bug")
    return job.answer
