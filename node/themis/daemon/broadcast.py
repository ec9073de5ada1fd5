"""Signed transactions: made from answers, handed to the pool, and what its reply means for the node."""

import logging
from collections.abc import Sequence

from themis.chain import contracts
from themis.core.errors import Broken, Reason
from themis.core.fees import CANCEL_GAS, Fees, fulfill_gas
from themis.core.job import Closed, Job
from themis.core.keccak import keccak
from themis.core.pool import Reply, Said
from themis.core.transaction import SentTransaction, Transaction
from themis.core.trouble import Trouble
from themis.core.types import Hash32
from themis.daemon import told
from themis.daemon.node import Node

log = logging.getLogger(__name__)

_FINE = frozenset((Reply.TAKEN, Reply.KNOWN))


def sign_answer(node: Node, job: Job, nonce: int, fees: Fees, now_s: float) -> SentTransaction:
    """The fulfillment of a request, ready to be stored."""
    if job.answer is None:
        raise Broken(f"job 0x{job.id.hex()} has no answer to send: report this as a bug")
    output = job.answer.output
    unsigned = Transaction(
        chain_id=node.settings.chain_id,
        nonce=nonce,
        to=node.settings.oracle,
        data=contracts.fulfill(job.request, output, job.least_pay),
        gas=fulfill_gas(job.request, output),
        fees=fees,
    )
    return _signed(node, unsigned, job.id, now_s)


def sign_empty(node: Node, nonce: int, fees: Fees, job_id: Hash32, now_s: float) -> SentTransaction:
    """What uses up a nonce and does nothing else."""
    unsigned = Transaction(node.settings.chain_id, nonce, node.signer.address, b"", CANCEL_GAS, fees)
    return _signed(node, unsigned, job_id, now_s)


def _signed(node: Node, unsigned: Transaction, job_id: Hash32, now_s: float) -> SentTransaction:
    """Its hash is keccak256 of its raw bytes, whatever its type (EIP-2718)."""
    raw = node.signer.sign(unsigned)
    cancels = not unsigned.data
    most_wei = unsigned.gas * unsigned.fees.max_fee_wei
    return SentTransaction(
        Hash32(keccak(raw)), raw, unsigned.nonce, unsigned.fees, job_id, now_s, now_s, cancels, most_wei
    )


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
    """No pool will take it: its job closes, so that an empty transaction uses up its nonce."""
    job = node.store.job(transaction.job_id)
    if job is not None:
        told.record(node, [(job, Closed(Reason.UNSENDABLE, words))])


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
