"""Settle: makes sure that every answer becomes final and every nonce is used, whatever the mempool forgets."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from themis.core.errors import Reason, Unavailable
from themis.core.fees import CANCEL_GAS, Fees
from themis.core.job import Closed, Fact, Finalized, Job, State, Unsent
from themis.core.transaction import SentTransaction, Transaction
from themis.core.types import Denial, Hash32, Receipt
from themis.daemon.node import Node
from themis.daemon.send import broadcast, sign_answer, signed
from themis.telemetry import model_label

RESEND_AFTER_S: Final = 5
"""A transaction that long without a receipt is looked after, and broadcast again."""
BUMP_AFTER_S: Final = 60
"""A transaction that long without a receipt is replaced by a dearer one."""
LOST_AFTER_S: Final = 30
"""A used nonce that long without a receipt of ours was used by somebody else with our key."""
BALANCE_EVERY_S: Final = 15
STANDING_EVERY_S: Final = 60
NEEDS_NO_ANSWER: Final = frozenset((State.CLOSED, State.DONE))
"""States of a job whose nonce only has to be used up. One that is MINED may come back with a reorganization."""
_BATCH: Final = 1_000

log = logging.getLogger(__name__)


class Settle:
    """MINED -> DONE; SENDING -> MINED is seen by `watch`."""

    name = "settle"

    def __init__(self, node: Node) -> None:
        self._node = node
        self._balance_at_s = 0.0
        self._standing_at_s = 0.0

    def step(self) -> bool:
        """Finalize, then look after what is stuck. True when a job needs another loop again."""
        self._read_balance()
        self._read_standing()
        self._finalize()
        now_s = self._node.clock.now_s()
        unsettled = self._node.store.unsettled()
        stale = [transaction for transaction in unsettled if now_s - transaction.sent_at_s >= RESEND_AFTER_S]
        self._node.telemetry.unsettled.set(len(unsettled))
        return bool(stale) and self._look_after(stale, unsettled)

    def _read_balance(self) -> None:
        node = self._node
        if node.clock.now_s() - self._balance_at_s >= BALANCE_EVERY_S:
            node.telemetry.balance_wei.set(node.chain.balance_wei(node.signer.address))
            self._balance_at_s = node.clock.now_s()

    def _read_standing(self) -> None:
        """Whether paid answers are allowed, and until when: a grant ends without anybody saying so.

        Answers are settled all the same when it cannot be read; what was read last stands.
        """
        node = self._node
        if node.clock.now_s() - self._standing_at_s < STANDING_EVERY_S:
            return
        self._standing_at_s = node.clock.now_s()
        model_ids = list(node.engine.models())
        try:
            found = node.chain.standing(model_ids)
        except Unavailable as error:
            log.warning("%s", error)
            return
        for model_id, standing in zip(model_ids, found, strict=True):
            node.standing[model_id] = standing
            node.telemetry.license_expiry.labels(model_label(model_id)).set(standing.expiry_timestamp_s())

    def _finalize(self) -> None:
        node = self._node
        tail = node.store.tail()
        if not tail:
            return
        deepest = tail[-1].number + 1 - node.settings.confirmations
        final = [
            job
            for job in node.store.jobs(State.MINED, limit=_BATCH)
            if job.mined_at is not None and job.mined_at.block_number <= deepest
        ]
        if final:
            node.store.record([(job, Finalized()) for job in final], node.clock.now_s())

    def _look_after(self, stale: Sequence[SentTransaction], unsettled: Sequence[SentTransaction]) -> bool:
        """Split by nonce: used ones have a receipt or are lost, unused ones are broadcast again or replaced."""
        node = self._node
        next_nonce = node.chain.nonce(node.signer.address)
        if unsettled[0].nonce > next_nonce:
            return self._close_gap(next_nonce)
        by_nonce: dict[int, list[SentTransaction]] = defaultdict(list)
        for transaction in stale:
            by_nonce[transaction.nonce].append(transaction)
        self._push({n: sent for n, sent in by_nonce.items() if n >= next_nonce})
        newest = {transaction.job_id: transaction.nonce for transaction in unsettled}
        return self._settle_used({n: sent for n, sent in by_nonce.items() if n < next_nonce}, newest)

    def _close_gap(self, next_nonce: int) -> bool:
        """The chain asks for a nonce that was thought to be used for good: a deep reorganization gave it back.

        Nothing above it can be mined before it. One that was never ours is filled, after its owner has had some time.
        """
        node = self._node
        node.store.reopen(next_nonce)
        lowest = node.store.unsettled()[0]
        now_s, head = node.clock.now_s(), node.time.head
        if lowest.nonce == next_nonce:
            return True
        if head is None or now_s - lowest.signed_at_s < LOST_AFTER_S:
            return False
        log.warning("nonces %d to %d are free again and were not ours: filling them", next_nonce, lowest.nonce - 1)
        fees = node.settings.fees.quote(head.base_fee_wei)
        fillers = [self._empty(nonce, fees, lowest.job_id, now_s) for nonce in range(next_nonce, lowest.nonce)]
        node.store.record_sent(fillers)
        broadcast(node, fillers)
        return True

    def _settle_used(self, used: Mapping[int, Sequence[SentTransaction]], newest: Mapping[Hash32, int]) -> bool:
        """`newest` has the highest nonce of each job: what became of a lower one says nothing about the job."""
        node = self._node
        hashes = [transaction.hash for sent in used.values() for transaction in sent]
        receipts = {r.tx_hash: r for r in node.chain.receipts(hashes) if r is not None} if hashes else {}
        settled: list[int] = []
        facts: list[tuple[Job, Fact]] = []
        for nonce, sent in used.items():
            mined = next((transaction for transaction in sent if transaction.hash in receipts), None)
            receipt = receipts[mined.hash] if mined else None
            job = node.store.job(sent[-1].job_id)
            current = nonce == newest[sent[-1].job_id]
            fact = self._outcome(job, mined or sent[-1], receipt) if current else None
            if fact is not None and job is not None:
                facts.append((job, fact))
            over = job is not None and (job.state in NEEDS_NO_ANSWER or not current)
            if fact is not None or (over and (receipt is not None or self._is_lost(sent[-1]))):
                settled.append(nonce)
        if facts:
            node.store.record(facts, node.clock.now_s())
        if settled:
            node.store.record_settled(settled)
        return bool(facts)

    def _outcome(self, job: Job | None, sent: SentTransaction, receipt: Receipt | None) -> Fact | None:
        """What a used nonce says about its job; None where `watch` will say it, or it is too early to tell."""
        if job is None or job.state not in {State.SENDING, State.CLOSED}:
            return None
        if receipt is None:
            return Unsent() if self._is_lost(sent) and job.state is State.SENDING else None
        if sent.cancels:
            return Unsent() if job.state is State.SENDING else None
        tail = self._node.store.tail()
        if receipt.succeeded or not tail or tail[-1].number < receipt.block_number:
            return None
        return Closed(Reason.REVERTED, self._why_reverted(job, receipt))

    def _is_lost(self, sent: SentTransaction) -> bool:
        return self._node.clock.now_s() - sent.sent_at_s >= LOST_AFTER_S

    def _why_reverted(self, job: Job, receipt: Receipt) -> str:
        node = self._node
        if job.answer is None:
            return ""
        said = node.chain.fulfill_denial(job.request, job.answer.output, receipt.block_number)
        return f"{said.error}({said.detail})" if isinstance(said, Denial) else "the chain does not say why"

    def _push(self, unused: Mapping[int, Sequence[SentTransaction]]) -> None:
        """Broadcast the newest transaction of each nonce again, or a replacement."""
        node = self._node
        now_s = node.clock.now_s()
        again: list[SentTransaction] = []
        for nonce, sent in unused.items():
            job = self._expired(node.store.job(sent[-1].job_id))
            again.append((job and self._replacement(job, nonce, sent[-1], now_s)) or sent[-1])
        if again:
            node.store.record_sent(again)
            node.store.record_broadcast([transaction.hash for transaction in again], now_s)
            broadcast(node, again)

    def _expired(self, job: Job | None) -> Job | None:
        """Close a job whose deadline passed unanswered: every block up to then is recorded and shows no answer."""
        node = self._node
        tail = node.store.tail()
        if job and job.state is State.SENDING and tail and tail[-1].timestamp_s > job.request.deadline_s:
            node.store.record([(job, Closed(Reason.EXPIRED, "no block took the answer in time"))], node.clock.now_s())
            return node.store.job(job.id)
        return job

    def _replacement(self, job: Job, nonce: int, last: SentTransaction, now_s: float) -> SentTransaction | None:
        """A dearer transaction for the nonce: the same answer, or nothing where none is needed. None: keep the last."""
        node = self._node
        head = node.time.head
        if head is None:
            return None
        closed = job.state in NEEDS_NO_ANSWER
        outpriced = last.fees.max_fee_wei < head.base_fee_wei + last.fees.priority_fee_wei
        if last.cancels == closed and not outpriced and now_s - last.signed_at_s < BUMP_AFTER_S:
            return None
        fees = node.settings.fees.bump(last.fees, head.base_fee_wei)
        if fees is None:
            log.warning("nonce %d is stuck at the fee cap: raise fees.max_fee_gwei", nonce)
            return None
        if not closed:
            return sign_answer(node, job, nonce, fees, now_s)
        return self._empty(nonce, fees, job.id, now_s)

    def _empty(self, nonce: int, fees: Fees, job_id: Hash32, now_s: float) -> SentTransaction:
        """Uses up a nonce."""
        node = self._node
        unsigned = Transaction(node.settings.chain_id, nonce, node.signer.address, b"", CANCEL_GAS, fees)
        return signed(node, unsigned, job_id, now_s)
