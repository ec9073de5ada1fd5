"""Send: signs answers, stores them, then broadcasts them. In that order."""

import logging
from collections.abc import Sequence
from typing import Final

from themis.core.errors import Reason
from themis.core.job import Closed, State
from themis.core.transaction import SentTransaction
from themis.daemon import told
from themis.daemon.afford import Choice, choose
from themis.daemon.broadcast import broadcast, sign_answer
from themis.daemon.node import Node

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

    def step(self) -> bool:
        """Send one batch of answers. False when none could be sent, or no block was seen yet."""
        node = self._node
        if node.time.head is None or not node.store.jobs(State.COMPUTED, limit=1):
            return False
        unsettled = node.store.unsettled()
        room = min(_BATCH, node.flight.limit - len({transaction.nonce for transaction in unsettled}))
        if room <= 0:
            return self._ask_for_room(unsettled)
        choice = choose(node, unsettled, room)
        now_s = node.clock.now_s()
        if choice.late:
            told.record(node, [(job, Closed(Reason.EXPIRED, detail)) for job, detail in choice.late])
        sent = self._signed(choice, unsettled, now_s)
        node.store.record_sent(sent)
        broadcast(node, [transaction for transaction in sent if not transaction.cancels])
        return bool(sent or choice.late)

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

    def _signed(self, choice: Choice, unsettled: Sequence[SentTransaction], now_s: float) -> list[SentTransaction]:
        """Sign each answer once: a request that a reorganization brought back keeps its nonce."""
        node = self._node
        known = {transaction.job_id: transaction for transaction in unsettled}
        if not choice.jobs:
            return []
        nonce = max(node.store.next_nonce(), node.account.nonce())
        sent = []
        for job in choice.jobs:
            if job.id in known:
                sent.append(known[job.id])
            else:
                sent.append(sign_answer(node, job, nonce, choice.fees, now_s))
                nonce += 1
        return sent
