"""Whether an answer pays for itself; of an order, with the gas that the chain says its answer takes (ADR 64)."""

from typing import Final

from themis.core.fees import fulfill_gas
from themis.core.job import Job
from themis.core.pricing import Rule
from themis.core.types import BlockId
from themis.daemon.node import Node

_MOST_KNOWN: Final = 1_024
"""Orders whose gas is kept: more than can be open. It is asked for again before an answer is sent."""


def lacking(node: Node, job: Job, output_bytes: int) -> str:
    """Why the fee does not pay for an answer of that size now; empty where it does, or need not. Raises Unavailable."""
    return _lacking(node, job, output_bytes, node.order_gas.get(job.id, 0))


def lacking_order(node: Node, job: Job, output: bytes, block: BlockId) -> str:
    """The same of an order as the chain is at that block, which is asked where the fee does not pay for the dearest."""
    most = fulfill_gas(job.request, output, ordered=True)
    if not _lacking(node, job, len(output), most):
        return ""
    if len(node.order_gas) >= _MOST_KNOWN:
        node.order_gas.clear()
    signed = job.request, job.order_signature or b""
    node.order_gas[job.id] = node.chain.order_gas(*signed, output, job.least_pay, block)
    return lacking(node, job, len(output))


def _lacking(node: Node, job: Job, output_bytes: int, least_gas: int) -> str:
    settings = node.settings
    if settings.pricing.rule is Rule.FREE:
        return ""
    return settings.pricing.lacking(job, output_bytes, settings.fees, node.account.market(), least_gas)
