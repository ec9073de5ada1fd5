"""Send: signs answers, stores them, then broadcasts them. In that order."""

import logging
from collections.abc import Sequence
from typing import Final

from eth_utils.crypto import keccak

from themis.chain import contracts
from themis.core.errors import Broken, Reason
from themis.core.fees import Fees, fulfill_gas
from themis.core.job import Closed, Fact, Job, State
from themis.core.transaction import SentTransaction, Transaction
from themis.core.types import Block, Hash32
from themis.daemon.node import Node

_BATCH: Final = 64
MAX_IN_FLIGHT: Final = 256
"""Transactions without a receipt. More only waits in mempools, which drop what exceeds their share of an account."""

log = logging.getLogger(__name__)


class Send:
    """COMPUTED -> SENDING, or CLOSED when it is too late."""

    name = "send"

    def __init__(self, node: Node) -> None:
        self._node = node

    def step(self) -> bool:
        """Send one batch of answers. False when there was none, no more may be in flight, or no block was seen yet."""
        node = self._node
        head = node.time.head
        unsettled = node.store.unsettled()
        room = min(_BATCH, MAX_IN_FLIGHT - len(unsettled))
        jobs = node.store.jobs(State.COMPUTED, limit=room) if room > 0 else []
        if not jobs or head is None:
            return False
        now_s, chain_time_s = node.clock.now_s(), node.time.now_s()
        late: list[tuple[Job, Fact]] = [
            (job, Closed(Reason.EXPIRED, "its deadline passed before the answer could be sent"))
            for job in jobs
            if job.request.deadline_s < chain_time_s
        ]
        if late:
            node.store.record(late, now_s)
        expired = {job.id for job, _ in late}
        sent = self._signed([job for job in jobs if job.id not in expired], unsettled, head, now_s)
        node.store.record_sent(sent)
        broadcast(node, [transaction for transaction in sent if not transaction.cancels])
        return True

    def _signed(
        self, jobs: Sequence[Job], unsettled: Sequence[SentTransaction], head: Block, now_s: float
    ) -> list[SentTransaction]:
        """Sign each answer once: a request that a reorganization brought back keeps its nonce."""
        node = self._node
        known = {transaction.job_id: transaction for transaction in unsettled}
        if not jobs:
            return []
        nonce = max(node.store.next_nonce(), node.chain.nonce(node.signer.address))
        fees = node.settings.fees.quote(head.base_fee_wei)
        sent = []
        for job in jobs:
            if job.id in known:
                sent.append(known[job.id])
            else:
                sent.append(sign_answer(node, job, nonce, fees, now_s))
                nonce += 1
        return sent


def sign_answer(node: Node, job: Job, nonce: int, fees: Fees, now_s: float) -> SentTransaction:
    """The fulfillment of a request, ready to be stored."""
    if job.answer is None:
        raise Broken(f"job 0x{job.id.hex()} has no answer to send: report this as a bug")
    output = job.answer.output
    unsigned = Transaction(
        chain_id=node.settings.chain_id,
        nonce=nonce,
        to=node.settings.oracle,
        data=contracts.fulfill(job.request, output),
        gas=fulfill_gas(job.request, output),
        fees=fees,
    )
    return signed(node, unsigned, job.id, now_s)


def signed(node: Node, unsigned: Transaction, job_id: Hash32, now_s: float) -> SentTransaction:
    """Sign; the hash of a typed transaction is keccak256 of its raw bytes (EIP-2718)."""
    raw = node.signer.sign(unsigned)
    cancels = not unsigned.data
    return SentTransaction(Hash32(keccak(raw)), raw, unsigned.nonce, unsigned.fees, job_id, now_s, now_s, cancels)


def broadcast(node: Node, sent: Sequence[SentTransaction]) -> None:
    """Hand transactions to the endpoint. What it refuses stays stored; `settle` tries again."""
    if not sent:
        return
    complaints = node.chain.send([transaction.raw for transaction in sent])
    for transaction, complaint in zip(sent, complaints, strict=True):
        if complaint is not None:
            node.telemetry.send_refusals.inc()
            log.warning("transaction 0x%s was not taken (will be sent again): %s", transaction.hash.hex(), complaint)
