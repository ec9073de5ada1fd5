"""Outcome: what a nonce that was used says about each answer that was to go with it."""

from collections.abc import Sequence
from typing import Final

from themis.core.errors import Reason, Unavailable
from themis.core.job import Answer, Closed, Fact, Job, Mined, State, Unsent
from themis.core.reorg import covers
from themis.core.transaction import SentTransaction
from themis.core.types import Denial, Fulfilled, Hash32, Receipt
from themis.daemon.node import Node

_FOR_WANT_OF_GAS: Final = (Denial("UnknownError", "0x"), "InsufficientGas")
"""What says nothing about the request: nothing at all, or that a callback had no gas left beside the others."""


def holders(attempts: Sequence[SentTransaction]) -> list[Hash32]:
    """Requests that any attempt of a nonce answers."""
    return list(dict.fromkeys(job_id for transaction in attempts for job_id in transaction.job_ids))


def outcome(node: Node, job: Job, mined: SentTransaction | None, receipt: Receipt | None, *, lost: bool) -> Fact | None:
    """A fact about a job whose nonce is used, whether `watch` saw it or not; None where it is too early to tell.

    `mined`: the attempt that `receipt` is of. `lost`: the nonce was used for long, and by none of ours.
    """
    if job.state not in {State.SENDING, State.CLOSED}:
        return None
    sending = job.state is State.SENDING
    if mined is None or receipt is None:
        return Unsent() if lost and sending else None
    if job.id not in mined.job_ids:
        return Unsent() if sending else None
    if not covers(node.store.tail(), receipt.block):
        return None
    for event in receipt.events:
        if isinstance(event, Fulfilled) and event.id == job.id:
            return Mined(Answer(event.output, event.result_hash), event.at)
    return _refused(node, job, mined, receipt) if sending else None


def _refused(node: Node, job: Job, mined: SentTransaction, receipt: Receipt) -> Fact | None:
    """It did not become final: it closes with the contract's reason, or goes alone where that is none."""
    among_others = len(mined.job_ids) > 1
    if receipt.succeeded:
        denial = receipt.denials.get(job.id)
        if denial is None:
            return None  # an endpoint that does not show all logs
    else:
        denial = _why_reverted(node, job, receipt)
    if among_others and (denial is None or denial in _FOR_WANT_OF_GAS or denial.error in _FOR_WANT_OF_GAS):
        return Unsent(alone=True)
    return Closed(Reason.REVERTED, f"{denial.error}({denial.detail})" if denial else "the chain does not say why")


def _why_reverted(node: Node, job: Job, receipt: Receipt) -> Denial | None:
    if job.answer is None:
        return None
    output, least_pay = job.answer.output, job.least_pay
    said: int | Denial | Unavailable | None
    if job.order_signature is not None:
        said = node.chain.order_pay(job.request, job.order_signature, output, least_pay, receipt.block)
    else:
        said = node.chain.fulfill_denial(job.request, output, least_pay, receipt.block.number)
    return said if isinstance(said, Denial) else None
