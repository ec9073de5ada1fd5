"""Judge: decides whether a request is one we answer. Fails closed: what cannot be known is not served."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from themis.core import listing, policy
from themis.core.errors import Reason, Refused, Unavailable
from themis.core.fees import fulfill_gas
from themis.core.job import Accepted, Closed, Fact, Job, Paid, State, Underpaid
from themis.core.order import refusal
from themis.core.pricing import Rule
from themis.core.types import BlockId, Denial, Hash32, LicenseQuery, TermsKey
from themis.daemon import told
from themis.daemon.node import Node
from themis.daemon.worth import lacking, lacking_now

_BATCH: Final = 256
_FEW: Final = 16
MAX_WAITING: Final = _BATCH
"""Requests that may wait for cheaper gas at once: one look at all of them is one batch."""
_OUTPUT_BYTES: Final = 32
"""What an output is taken to have before it is computed; `send` looks again."""

Judgment = int | Denial | Unavailable

log = logging.getLogger(__name__)


class Judge:
    """SEEN -> QUEUED, or CLOSED with the reason; SEEN <-> WAITING as gas gets dearer and cheaper."""

    name = "judge"

    def __init__(self, node: Node) -> None:
        self._node = node
        self._priced_at: Hash32 | None = None
        """The block at whose price the waiting jobs were looked at last."""

    def step(self) -> bool:
        """Judge all that was seen. False when there was nothing, or nothing could be decided now."""
        node = self._node
        now = self._newest()
        if now is None:
            return False
        self._look_at_waiting()
        facts: list[tuple[Job, Fact]] = []
        licensable: list[Job] = []
        room = MAX_WAITING - node.store.counts().by_state[State.WAITING]
        for job in node.store.jobs(State.SEEN, limit=_BATCH):
            try:
                require_acceptable(node, job)
            except Refused as refused:
                facts.append((job, Closed(refused.reason, refused.detail)))
                continue
            if why := lacking(node, job, _OUTPUT_BYTES):
                facts.append((job, underpaid := self._underpaid(job, why, room)))
                room -= isinstance(underpaid, Underpaid)
            else:
                licensable.append(job)
        requests = [job for job in licensable if not job.ordered]
        self._foresee(requests, now)
        judged = self._license(self._with_known_terms(requests))
        judged += self._try([job for job in licensable if job.ordered], now)
        permitted = [(job, fact) for job, fact in judged if isinstance(fact, Accepted)]
        facts += [(job, fact) for job, fact in judged if not isinstance(fact, Accepted)]
        paying, dear = self._with_first_uses(permitted, room, now)
        facts += dear + self._within_limits(self._within_uses(paying, now))
        if facts:
            told.record(node, facts)
        return bool(facts)

    def _newest(self) -> BlockId | None:
        """The newest recorded block, once all that the chain held at the start is recorded, answers included."""
        first, newest = self._node.time.first_number, self._node.store.newest()
        return newest.id if first is not None and newest is not None and newest.number >= first else None

    def _look_at_waiting(self) -> None:
        """Once for each block: what pays now is judged again, what is too late closes."""
        node, head = self._node, self._node.time.head
        if head is None or head.hash == self._priced_at:
            return
        waiting = node.store.jobs(State.WAITING, limit=MAX_WAITING)
        facts: list[tuple[Job, Fact]] = []
        for job in waiting:
            if job.request.deadline_s < node.time.now_s():
                facts.append((job, Closed(Reason.EXPIRED, job.detail)))
            elif not lacking(node, job, _OUTPUT_BYTES):
                facts.append((job, Paid()))
        if facts:
            told.record(node, facts)
        self._priced_at = head.hash

    def _underpaid(self, job: Job, why: str, room: int) -> Underpaid | Closed:
        """What becomes of a request whose fee does not pay."""
        pricing = self._node.settings.pricing
        if pricing.rule is Rule.WAIT and room > 0 and pricing.worth_wei(job.priced) > 0:
            return Underpaid(why)
        return Closed(Reason.UNDERPAID, f"{why}; fees.policy is {pricing.rule}")

    def _foresee(self, jobs: Sequence[Job], now: BlockId) -> None:
        """What a few requests need is asked for in one round trip; of many, each question is a batch by itself."""
        node = self._node
        if not 0 < len(jobs) <= _FEW:
            return
        licenses = [query for job in jobs for query in policy.license_queries(job)]
        terms = {key: job.seen_at.block for job in jobs if node.store.terms(key := _terms_key(job)) is None}
        refs = [(node.engine.code_needed(job.request.model_id, job.input), job.seen_at.block) for job in jobs]
        code = [(ref.address, block) for ref, block in refs if ref is not None]
        node.chain.foresee(licenses, list(terms.items()), code, now)

    def _with_known_terms(self, jobs: Sequence[Job]) -> list[Job]:
        """Those whose terms are kept: they travel with the result. The rest is judged again."""
        node = self._node
        first_seen: dict[TermsKey, BlockId] = {}
        for job in jobs:
            first_seen.setdefault(_terms_key(job), job.seen_at.block)
        missing = [(key, block) for key, block in first_seen.items() if node.store.terms(key) is None]
        unknown: set[TermsKey] = set()
        for (key, block), found in zip(missing, node.chain.terms(missing), strict=True):
            if isinstance(found, Unavailable):
                log.warning("terms could not be read: %s", found)
                unknown.add(key)
            else:
                node.store.record_terms({key: found}, block.number)
        return [job for job in jobs if _terms_key(job) not in unknown]

    def _license(self, jobs: Sequence[Job]) -> list[tuple[Job, Fact]]:
        """Ask the contract, at each request's block. The same question is asked once."""
        asked = {job.id: policy.license_queries(job) for job in jobs}
        questions = list(dict.fromkeys(query for pair in asked.values() for query in pair))
        answers: dict[LicenseQuery, Judgment] = {}
        if questions:
            answers = dict(zip(questions, self._node.chain.licenses(questions), strict=True))
        verdicts = [(job, _verdict(*(answers[query] for query in asked[job.id]))) for job in jobs]
        return [(job, fact) for job, fact in verdicts if fact is not None]

    def _try(self, jobs: Sequence[Job], now: BlockId) -> list[tuple[Job, Fact]]:
        """Orders name no grant and no block: their answers are tried at the newest block that is recorded."""
        facts: list[tuple[Job, Fact]] = []
        for job in jobs:
            tried = job.request, job.order_signature or b"", bytes(_OUTPUT_BYTES), job.least_pay
            pay = self._node.chain.order_pay(*tried, now)
            if isinstance(pay, Denial):
                refused = refusal(pay, job.request.operator)
                facts.append((job, Closed(refused.reason, refused.detail)))
            elif isinstance(pay, Unavailable):
                log.warning("an order could not be tried: %s", pay)
            else:
                facts.append((job, Accepted(job.royalty_bps)))
        return facts

    def _with_first_uses(
        self, permitted: Sequence[tuple[Job, Accepted]], room: int, now: BlockId
    ) -> tuple[list[tuple[Job, Accepted]], list[tuple[Job, Fact]]]:
        """Those whose fees pay for what their answers use first, too; and what becomes of others.

        Orders were looked at when they came. What cannot be told now is judged again.
        """
        node = self._node
        requests = [job for job, _ in permitted if not job.ordered]
        answers = [(job, bytes(_OUTPUT_BYTES)) for job in requests]
        found = dict(zip([job.id for job in requests], lacking_now(node, answers, now), strict=True))
        facts: list[tuple[Job, Fact]] = []
        for job in requests:
            match found[job.id]:
                case Unavailable() as untold:
                    log.warning("what the answer to 0x%s takes cannot be told: %s", job.id.hex(), untold)
                case str() as why if why:
                    facts.append((job, underpaid := self._underpaid(job, why, room)))
                    room -= isinstance(underpaid, Underpaid)
        return [(job, accepted) for job, accepted in permitted if not found.get(job.id)], facts

    def _within_limits(self, facts: Sequence[tuple[Job, Fact]]) -> list[tuple[Job, Fact]]:
        """Close what its requester may not ask any more this hour or this day."""
        node, requesters = self._node, self._node.settings.requesters
        if not requesters.limited:
            return list(facts)
        now: Counter[bytes] = Counter()
        within: list[tuple[Job, Fact]] = []
        for job, fact in facts:
            if not isinstance(fact, Accepted):
                within.append((job, fact))
                continue
            requester = job.request.requester
            this_hour, this_day = node.store.accepted(requester, node.clock.now_s())
            try:
                requesters.require_within(this_hour + now[requester], this_day + now[requester])
                now[requester] += 1
                within.append((job, fact))
            except Refused as refused:
                within.append((job, Closed(refused.reason, refused.detail)))
        return within

    def _within_uses(self, permitted: Sequence[tuple[Job, Accepted]], now: BlockId) -> list[tuple[Job, Fact]]:
        """Accept as many as the operator's grants have uses for, less what is accepted and spends one later.

        All is counted at the newest block that is recorded: up to there the store knows which answers are mined.
        """
        node = self._node
        left = self._uses_left([job for job, _ in permitted], now)
        taken: Counter[Hash32] = Counter()
        if any(uses is not None for uses in left.values()):
            pending = node.store.pending(now.number)
            spending = self._uses_left(pending, now)
            for job in pending:
                taken[job.request.model_id] += _uses(job) if spending[job.id] is not None else 0
        facts: list[tuple[Job, Fact]] = []
        for job, accepted in permitted:
            model_id, uses = job.request.model_id, left[job.id]
            if uses is not None and taken[model_id] + _uses(job) > uses:
                detail = (
                    f"uses left of the operator's grant: {uses}; accepted requests need {taken[model_id]} "
                    "(see `themis license explain`)"
                )
                facts.append((job, Closed(Reason.UNLICENSED_OPERATOR, detail)))
                continue
            taken[model_id] += _uses(job) if uses is not None else 0
            facts.append((job, accepted))
        return facts

    def _uses_left(self, jobs: Sequence[Job], block: BlockId) -> dict[Hash32, int | None]:
        """For each job what the grant that its answer needs has left at a block; None: any number, or it needs none."""
        asked = {job.id: replace(policy.license_queries(job)[1], block=block) for job in jobs}
        questions = list(dict.fromkeys(asked.values()))
        answers = dict(zip(questions, self._node.chain.uses_left(questions), strict=True))
        return {job_id: answers[query] for job_id, query in asked.items()}


def require_acceptable(node: Node, job: Job) -> None:
    """Check what needs no license. Raises Refused."""
    head = node.time.head
    node.settings.requesters.require_served(job.request.requester)
    gas = fulfill_gas(job.request, b"", node.settings.signers, ordered=job.ordered)
    if head is not None and gas > head.gas_limit:
        raise Refused(Reason.UNSENDABLE, f"its answer needs {gas} gas, a block of this chain has {head.gas_limit}")
    policy.require_acceptable(
        job,
        chain_id=node.settings.chain_id,
        oracle=node.settings.oracle,
        min_fee_wei=node.settings.min_fee_wei,
        chain_time_s=node.time.now_s(),
    )
    for question in listing.questions(job.request, job.input):
        node.engine.code_needed(job.request.model_id, question)


def _terms_key(job: Job) -> TermsKey:
    return TermsKey(job.request.model_id, job.request.terms_version)


def _uses(job: Job) -> int:
    """Of a grant, by an answer: a list is as many as it has inputs."""
    return max(1, job.request.items)


def _verdict(requester: Judgment, operator: Judgment) -> Fact | None:
    """None while an answer is outstanding: the job stays SEEN and is judged again."""
    if isinstance(requester, Denial):
        return Closed(Reason.UNLICENSED_REQUESTER, f"{requester.error}({requester.detail})")
    if isinstance(operator, Denial):
        return Closed(Reason.UNLICENSED_OPERATOR, f"{operator.error}({operator.detail})")
    if isinstance(requester, int) and isinstance(operator, int):
        return Accepted(operator)
    log.warning("a license could not be checked: %s", operator if isinstance(requester, int) else requester)
    return None
