"""Signed transactions: made from answers, handed to the pool, and what its reply means for the node."""

import logging
from collections.abc import Sequence

from themis.chain import contracts
from themis.core.errors import Broken, Reason
from themis.core.fees import CANCEL_GAS, Fees
from themis.core.job import Closed, Job, State, Unsent
from themis.core.keccak import keccak
from themis.core.pool import Reply, Said
from themis.core.transaction import SentTransaction, Transaction
from themis.core.trouble import Trouble
from themis.core.types import Hash32
from themis.daemon import told
from themis.daemon.errands import Errand
from themis.daemon.gather import answers_gas
from themis.daemon.node import Node

log = logging.getLogger(__name__)

_FINE = frozenset((Reply.TAKEN, Reply.KNOWN))


def sign_answers(node: Node, jobs: Sequence[Job], nonce: int, fees: Fees, now_s: float) -> SentTransaction:
    """The fulfillment of one request, or of several together, ready to be stored; without any what only uses it up."""
    to, gas = node.settings.oracle, answers_gas(jobs)
    match jobs:
        case []:
            to, data, gas = node.signer.address, b"", CANCEL_GAS
        case [job]:
            to, data = contracts.answer(to, job, _output(job))
        case [first, *_] if first.signatures:
            return _sign_batch(node, jobs, nonce, fees, now_s)
        case _:
            data = contracts.fulfill_many([(job.request, _output(job), job.least_pay) for job in jobs])
    raw = node.signer.sign(Transaction(node.settings.chain_id, nonce, to, data, gas, fees))
    ids = tuple(job.id for job in jobs)
    hash_ = Hash32(keccak(raw))  # whatever its type (EIP-2718)
    return SentTransaction(hash_, raw, nonce, fees, ids, now_s, now_s, gas * fees.max_fee_wei)


def _sign_batch(node: Node, jobs: Sequence[Job], nonce: int, fees: Fees, now_s: float) -> SentTransaction:
    """All that the members have signed with these: what is not wanted any more reverts by itself."""
    batch = node.batches.holding(job.id for job in jobs)
    if batch is None:
        raise Broken("these answers share no root that members have signed: report this as a bug")
    call = Transaction(node.settings.chain_id, nonce, jobs[0].request.operator, batch.data, batch.gas, fees)
    raw = node.signer.sign(call)
    return SentTransaction(Hash32(keccak(raw)), raw, nonce, fees, batch.ids, now_s, now_s, batch.gas * fees.max_fee_wei)


def sign_errand(node: Node, errand: Errand, nonce: int, fees: Fees, now_s: float) -> SentTransaction:
    """A call that answers nothing, ready to be stored. If no block takes it, an empty one uses up its nonce."""
    raw = node.signer.sign(Transaction(node.settings.chain_id, nonce, errand.to, errand.data, errand.gas, fees))
    most_wei = errand.gas * fees.max_fee_wei
    return SentTransaction(Hash32(keccak(raw)), raw, nonce, fees, (), now_s, now_s, most_wei)


def _output(job: Job) -> bytes:
    if job.answer is None:
        raise Broken(f"job 0x{job.id.hex()} has no answer to send: report this as a bug")
    return job.answer.output


def broadcast(node: Node, sent: Sequence[SentTransaction]) -> list[Said]:
    """Hand transactions to the endpoint. What it refuses stays stored, and `settle` tries again."""
    if not sent:
        return []
    said = node.chain.send([transaction.raw for transaction in sent])
    for transaction, each in zip(sent, said, strict=True):
        if each.reply not in _FINE:
            node.telemetry.send_refusals.inc()
            log.info("transaction 0x%s was not taken: %s", transaction.hash.hex(), each.words)
        if each.reply is Reply.UNSENDABLE and not transaction.cancels:
            _give_up(node, transaction, each.words)
    replies = {each.reply for each in said}
    if Reply.FULL in replies:
        node.flight.refused()
    if replies & {Reply.USED, Reply.UNDERPRICED}:
        node.account.forget()
    _judge(node, said, replies)
    return said


def _give_up(node: Node, transaction: SentTransaction, words: str) -> None:
    """No pool will take it: an empty transaction uses up its nonce. Its answers go alone; the one of such closes."""
    jobs = [job for job_id in transaction.job_ids if (job := node.store.job(job_id)) is not None]
    if len(transaction.job_ids) == 1:
        told.record(node, [(job, Closed(Reason.UNSENDABLE, words)) for job in jobs])
    else:
        told.record(node, [(job, Unsent(alone=True)) for job in jobs if job.state is State.SENDING])


def _judge(node: Node, said: Sequence[Said], replies: set[Reply]) -> None:
    if Reply.POOR in replies:
        account = f"0x{node.signer.address.hex()}"
        node.troubles.say(Trouble.DRY, f"the balance does not pay for what is to be sent: fund {account}")
    elif replies & _FINE:
        node.troubles.over(Trouble.DRY)
    if Reply.REFUSED in replies:
        words = next(each.words for each in said if each.reply is Reply.REFUSED)
        node.troubles.say(Trouble.REFUSED, f"the RPC takes no transactions: {words}")
    elif replies & _FINE:
        node.troubles.over(Trouble.REFUSED)
