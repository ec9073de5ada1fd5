"""Attempts: every nonce gets used, whatever pools forget or put aside, and every attempt of it is looked for."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from themis.core.errors import Reason
from themis.core.fees import CANCEL_GAS, Market
from themis.core.job import Closed, Fact, Job, State
from themis.core.pool import Nonces, Reply, Said
from themis.core.transaction import SentTransaction
from themis.core.trouble import Trouble
from themis.core.types import Hash32, Receipt
from themis.daemon import measure, told
from themis.daemon.broadcast import broadcast, sign_answers
from themis.daemon.gather import answers_gas
from themis.daemon.node import Node
from themis.daemon.outcome import holders, outcome
from themis.daemon.unsettled import Unsettled, too_dear

LOOK_AFTER_S: Final = 2
"""A transaction that long without a receipt, and the pool is asked whether it is executable."""
RESEND_AFTER_S: Final = 5
"""That long, and it is broadcast again."""
BUMP_AFTER_S: Final = 60
"""A nonce whose newest attempt is that old gets a dearer one."""
LOST_AFTER_S: Final = 30
"""A nonce that was seen used that long without a receipt of ours was used by somebody else with our key."""
_OPEN: Final = frozenset((State.SENDING, State.MINED))
"""States of a job whose nonce is not only to be used up. One that is MINED may come back with a reorganization."""
_TOLD_S: Final = 3_600
"""How long an alert names a foreign transaction."""
_PATIENCE: Final = 4
"""Each attempt that a pool puts aside waits so many times as long as the one before."""

Attempts = Mapping[int, Sequence[SentTransaction]]
"""By nonce, oldest first."""
Newest = Mapping[Hash32, int]
"""The highest nonce of each job."""

log = logging.getLogger(__name__)


class Caretaker:
    """Looks after the nonces that are not settled."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._unsettled = Unsettled(node)
        self._looked_at_s = 0.0
        self._foreign_at_s = 0.0
        self._used_since_s: dict[int, float] = {}
        """When each nonce that has no receipt was seen used first."""

    def step(self, unsettled: Sequence[SentTransaction]) -> bool:
        """Broadcast, replace, settle. True when a job needs another loop again."""
        node = self._node
        now_s = node.clock.now_s()
        if now_s - self._foreign_at_s >= _TOLD_S:
            node.troubles.over(Trouble.FOREIGN)
        if not unsettled:
            self._unsettled.none_left()
            return False
        attempts: dict[int, list[SentTransaction]] = defaultdict(list)
        for transaction in unsettled:
            attempts[transaction.nonce].append(transaction)
        waited = {nonce: now_s - sent[-1].sent_at_s for nonce, sent in attempts.items()}
        if max(waited.values()) < LOOK_AFTER_S or now_s - self._looked_at_s < LOOK_AFTER_S:
            return False
        if node.time.head is None:
            return False
        self._looked_at_s = now_s
        again = self._look(attempts, waited)
        if again:
            self._looked_at_s = 0.0
        return again

    def _look(self, attempts: Attempts, waited: Mapping[int, float]) -> bool:
        node = self._node
        nonces = node.chain.nonces(node.signer.address)
        if min(attempts) > nonces.mined:
            return self._close_gap(nonces.mined)
        self._unsettled.look(attempts, nonces)
        node.flight.seen(len(attempts), sum(nonce >= nonces.pending for nonce in attempts))
        newest = _newest(attempts)
        self._push(
            {
                nonce: sent
                for nonce, sent in attempts.items()
                if nonce >= nonces.mined and waited[nonce] >= LOOK_AFTER_S
            },
            nonces,
            newest,
        )
        used = {n: sent for n, sent in attempts.items() if n < nonces.mined and waited[n] >= RESEND_AFTER_S}
        return self._settle_used(used, newest)

    def _close_gap(self, next_nonce: int) -> bool:
        """The chain asks for a nonce that was thought to be used for good: a deep reorganization gave it back.

        Nothing above it can be mined before it. One that was never ours is filled, after its owner has had some time.
        """
        node = self._node
        node.store.reopen(next_nonce)
        lowest = node.store.unsettled()[0]
        now_s = node.clock.now_s()
        if lowest.nonce == next_nonce:
            return True
        if now_s - lowest.signed_at_s < LOST_AFTER_S:
            return False
        log.warning("nonces %d to %d are free again and were not ours: filling them", next_nonce, lowest.nonce - 1)
        fees = node.settings.fees.quote(node.account.market())
        fillers = [sign_answers(node, [], nonce, fees, now_s) for nonce in range(next_nonce, lowest.nonce)]
        node.store.record_sent(fillers)
        broadcast(node, fillers)
        return True

    def _settle_used(self, used: Attempts, newest: Newest) -> bool:
        """What became of a nonce says nothing about a job that has a higher one."""
        node = self._node
        hashes = [transaction.hash for sent in used.values() for transaction in sent]
        receipts = {r.tx_hash: r for r in node.chain.receipts(hashes) if r is not None} if hashes else {}
        settled: list[int] = []
        facts: list[tuple[Job, Fact]] = []
        now_s = node.clock.now_s()
        seen_used = {nonce: self._used_since_s.get(nonce, now_s) for nonce in used}
        self._used_since_s = seen_used
        for nonce, sent in used.items():
            mined = next((transaction for transaction in sent if transaction.hash in receipts), None)
            receipt = receipts[mined.hash] if mined else None
            lost = receipt is None and now_s - seen_used[nonce] >= LOST_AFTER_S
            jobs = [job for job in self._jobs(nonce, sent, newest) if job.state in _OPEN | {State.CLOSED}]
            found = [(job, fact) for job in jobs if (fact := outcome(node, job, mined, receipt, lost=lost)) is not None]
            facts += found
            if lost:
                self._name_foreign(nonce)
            told_of = {job.id for job, _ in found}
            if (receipt or lost) and all(job.id in told_of or job.state is State.CLOSED for job in jobs):
                settled.append(nonce)
                if mined is not None and receipt is not None and (mined.cancels or not receipt.succeeded):
                    self._measure(sent, receipt)
        if facts or settled:
            told.record(node, facts, settled)
        return bool(facts)

    def _measure(self, sent: Sequence[SentTransaction], receipt: Receipt) -> None:
        """A transaction without an answer costs too; what an answer costs is counted when it is final."""
        job = next(filter(None, map(self._node.store.job, holders(sent))), None)
        if job is None:
            measure.errand(self._node, receipt)
        else:
            measure.spent(self._node, job, receipt)

    def _jobs(self, nonce: int, sent: Sequence[SentTransaction], newest: Newest) -> list[Job]:
        """Those that a nonce is to answer."""
        found = (self._node.store.job(job_id) for job_id in holders(sent) if newest[job_id] == nonce)
        return [job for job in found if job is not None]

    def _name_foreign(self, nonce: int) -> None:
        node = self._node
        self._foreign_at_s = node.clock.now_s()
        node.troubles.say(
            Trouble.FOREIGN,
            f"nonce {nonce} of 0x{node.signer.address.hex()} was used by a transaction that is not this node's: "
            "run one node for each key, and use the key for nothing else",
        )

    def _push(self, unused: Attempts, nonces: Nonces, newest: Newest) -> None:
        """Replace what is wrong, too cheap or too old; broadcast again what the pool does not hold as executable.

        A pool that has an attempt, and still counts its nonce as free, has put it aside: it takes a dearer one at once.
        """
        node = self._node
        if not unused:
            return
        now_s, market = node.clock.now_s(), node.account.market()
        wanted = {nonce: self._wanted(nonce, sent, newest) for nonce, sent in unused.items()}
        self._yield_what_is_not_covered(wanted, unused, nonces)
        capped: list[int] = []
        again: list[SentTransaction] = []
        for nonce, sent in unused.items():
            last = sent[-1]
            old = now_s - last.sent_at_s >= RESEND_AFTER_S
            tried = now_s - last.signed_at_s >= RESEND_AFTER_S
            fresh = self._replacement(wanted[nonce], last, market, now_s) if tried else None
            if fresh is not None or (nonce >= nonces.pending and (old or nonce == nonces.pending)):
                again.append(fresh or last)
            if fresh is None and last.fees.outpriced(market):
                capped.append(nonce)
        for transaction, said in zip(again, self._hand_over(again, now_s), strict=True):
            sent = unused[transaction.nonce]
            if transaction is not sent[-1]:
                continue
            patient = now_s - transaction.signed_at_s < LOOK_AFTER_S * _PATIENCE ** (len(sent) - 1)
            aside = said.reply is Reply.KNOWN and transaction.nonce == nonces.pending and not patient
            if aside or said.reply is Reply.UNDERPRICED:
                dearer = self._dearer(wanted[transaction.nonce], transaction, market, now_s)
                if dearer is not None:
                    self._hand_over([dearer], now_s)
                elif said.reply is Reply.UNDERPRICED:
                    capped.append(transaction.nonce)
        self._tell_capped(capped, market)

    def _tell_capped(self, capped: Sequence[int], market: Market) -> None:
        node = self._node
        if not capped:
            node.troubles.over(Trouble.CAPPED)
            return
        why = too_dear(market.price_wei, node.settings.fees.cap_wei)
        node.troubles.say(Trouble.CAPPED, f"nonce {min(capped)} waits: {why} until the chain is cheaper")

    def _hand_over(self, sent: Sequence[SentTransaction], now_s: float) -> list[Said]:
        node = self._node
        if not sent:
            return []
        node.store.record_sent(sent)
        node.store.record_broadcast([transaction.hash for transaction in sent], now_s)
        said = broadcast(node, sent)
        self._unsettled.heard(sent, said)
        return said

    def _wanted(self, nonce: int, sent: Sequence[SentTransaction], newest: Newest) -> Sequence[Job]:
        """Those of its jobs that a nonce still has to answer, once what is too late is closed."""
        jobs = [self._expired(job) for job in self._jobs(nonce, sent, newest)]
        wanted = [job for job in jobs if job.state in _OPEN or (job.state is State.COMPUTED and not job.alone)]
        return self._node.batches.of_one_transaction(wanted)

    def _yield_what_is_not_covered(self, wanted: dict[int, Sequence[Job]], unused: Attempts, nonces: Nonces) -> None:
        """Nothing is wanted of the next nonce where no pool has it and the balance covers an empty transaction only.

        All others would wait for it. Its answers are sent again once the balance covers them.
        """
        if nonces.mined != nonces.pending or nonces.mined not in wanted:
            return
        account = self._node.account
        account.refresh(after_s=LOOK_AFTER_S)
        room_gas = (account.balance_wei or 0) // unused[nonces.mined][-1].fees.max_fee_wei
        if 2 * CANCEL_GAS <= room_gas < answers_gas(wanted[nonces.mined]):  # twice: it goes at a higher price
            wanted[nonces.mined] = []

    def _expired(self, job: Job) -> Job:
        """Close a job whose deadline passed unanswered: every block up to then is recorded and shows no answer."""
        node = self._node
        tail = node.store.tail()
        if job.state is State.SENDING and tail and tail[-1].timestamp_s > job.request.deadline_s:
            told.record(node, [(job, Closed(Reason.EXPIRED, "no block took the answer in time"))])
            return node.store.job(job.id) or job
        return job

    def _replacement(
        self, wanted: Sequence[Job], last: SentTransaction, market: Market, now_s: float
    ) -> SentTransaction | None:
        """Another attempt of a nonce where the last one is wrong, too cheap or too old. None: keep the last."""
        lacking = {job.id for job in wanted} - set(last.job_ids)
        useless = bool(lacking) or (not wanted and not last.cancels)
        if not useless and not last.fees.outpriced(market) and now_s - last.signed_at_s < BUMP_AFTER_S:
            return None
        return self._dearer(wanted, last, market, now_s)

    def _dearer(
        self, wanted: Sequence[Job], last: SentTransaction, market: Market, now_s: float
    ) -> SentTransaction | None:
        """What is still wanted of the nonce, at a higher price; nothing but the price where that is none.

        None at the cap.
        """
        node = self._node
        fees = node.settings.fees.bump(last.fees, market)
        return None if fees is None else sign_answers(node, wanted, last.nonce, fees, now_s)


def _newest(attempts: Attempts) -> dict[Hash32, int]:
    """The highest nonce of each job."""
    return {job_id: nonce for nonce, sent in sorted(attempts.items()) for job_id in holders(sent)}
