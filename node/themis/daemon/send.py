"""Send: signs answers, stores them, then broadcasts them. In that order."""

import logging
from collections.abc import Sequence
from typing import Final

from themis.core.errors import Reason
from themis.core.fees import Fees
from themis.core.job import Closed, Job, State
from themis.core.transaction import SentTransaction
from themis.core.types import Block
from themis.daemon import told
from themis.daemon.afford import choose
from themis.daemon.broadcast import broadcast, sign_answers, sign_errand
from themis.daemon.gather import Patience, by_itself, sent_before, together
from themis.daemon.node import Node
from themis.daemon.orders import still_taken

_BATCH: Final = 64
_ASK_AGAIN_S: Final = 0.2
"""How often the pool is asked whether it takes more, while answers wait for it."""

log = logging.getLogger(__name__)


class Send:
    """COMPUTED -> SENDING, or CLOSED when it is too late."""

    name = "send"

    def __init__(self, node: Node) -> None:
        self._node = node
        self._asked_at_s = 0.0
        self._patience = Patience(node.settings.gather_s)
        self.pause_s: float | None = None

    def step(self) -> bool:
        """Send what is ready. False when nothing could be sent, or it waits for others; `pause_s` says how long."""
        node, self.pause_s = self._node, None
        head = node.time.head
        if head is None or not (node.errands.waiting or node.store.jobs(State.COMPUTED, limit=1)):
            return False
        unsettled = node.store.unsettled()
        room = node.flight.limit - len({transaction.nonce for transaction in unsettled})
        if room <= 0:
            return self._ask_for_room(unsettled)
        choice = choose(node, unsettled, _BATCH)
        known = sent_before(choice.jobs, unsettled)
        fresh, gone = still_taken(node, [job for job in choice.jobs if job.id not in known])
        gone += [(job, Closed(Reason.EXPIRED, detail)) for job, detail in choice.late]
        if gone:
            told.record(node, gone)
        sent = list(dict.fromkeys(known.values()))
        sent += self._signed(fresh, choice.fees, head, room)
        node.store.record_sent(sent)
        errands = self._run_errands(choice.fees, room - len(sent))
        broadcast(node, [*sent, *errands])
        return bool(sent or errands or gone)

    def _run_errands(self, fees: Fees, room: int) -> list[SentTransaction]:
        """Sign and store what waits beside answers, which come first. What is not covered now is wanted again."""
        node, now_s = self._node, self._node.clock.now_s()
        taken = node.errands.take(max(0, room))
        if not taken:
            return []
        spare_wei = (node.account.balance_wei or 0) - sum(each.most_wei for each in node.store.unsettled())
        nonce = max(node.store.next_nonce(), node.account.nonce())
        sent: list[SentTransaction] = []
        for errand in taken:
            signed = sign_errand(node, errand, nonce + len(sent), fees, now_s)
            spare_wei -= signed.most_wei
            if spare_wei < 0:
                log.warning("not sent, for the balance does not cover it: %s", errand.what)
                break
            log.info("sent, in transaction 0x%s: %s", signed.hash.hex(), errand.what)
            sent.append(signed)
        node.store.record_sent(sent)
        return sent

    def _ask_for_room(self, unsettled: Sequence[SentTransaction]) -> bool:
        """Whether the pool has room for more: it has, as long as it puts nothing of ours aside."""
        node = self._node
        now_s, before = node.clock.now_s(), node.flight.limit
        if now_s - self._asked_at_s < _ASK_AGAIN_S:
            return False
        self._asked_at_s = now_s
        pending = node.chain.nonces(node.signer.address).pending
        nonces = {transaction.nonce for transaction in unsettled}
        node.flight.seen(len(nonces), sum(nonce >= pending for nonce in nonces))
        return node.flight.limit > before

    def _signed(self, fresh: Sequence[Job], fees: Fees, head: Block, room: int) -> list[SentTransaction]:
        """Sign each answer once: a request that a reorganization brought back keeps its transaction."""
        node, now_s = self._node, self._node.clock.now_s()
        groups = self._patient(together(fresh, head, node.batches), now_s)[:room]
        if not groups:
            return []
        nonce = max(node.store.next_nonce(), node.account.nonce())
        return [sign_answers(node, jobs, nonce + at, fees, now_s) for at, jobs in enumerate(groups)]

    def _patient(self, groups: Sequence[Sequence[Job]], now_s: float) -> Sequence[Sequence[Job]]:
        """Those that go now."""
        alone = [jobs for jobs in groups if by_itself(jobs[0])]
        others = groups[len(alone) :]
        if not others:
            return alone
        full, chain_time_s = len(others) > 1, self._node.time.now_s()
        self.pause_s = self._patience.left_s(others[0], full=full, now_s=now_s, chain_time_s=chain_time_s) or None
        return groups if self.pause_s is None else alone
