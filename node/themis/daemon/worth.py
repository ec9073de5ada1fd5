"""Whether an answer pays for itself, with the gas that the chain says it takes where that matters (ADR 64, 66)."""

from collections.abc import Sequence
from typing import Final

from themis.core.errors import Unavailable
from themis.core.fees import committee_gas, fulfill_gas
from themis.core.job import Job
from themis.core.pricing import Rule
from themis.core.types import BlockId
from themis.daemon.node import Node

_MOST_KNOWN: Final = 1_024
"""Answers whose gas is kept: more than can wait. It is asked for again before one is sent."""


def lacking(node: Node, job: Job, output_bytes: int) -> str:
    """Why the fee does not pay for an answer of that size now; empty where it does, or need not. Raises Unavailable."""
    return _lacking(node, job, output_bytes, node.answer_gas.get(job.id, 0))


def lacking_now(node: Node, answers: Sequence[tuple[Job, bytes]], block: BlockId) -> list[str | Unavailable]:
    """The same of each as the chain is at that block. Raises Unavailable.

    It is asked where the fee pays for what answers usually take, and not for the dearest.
    """
    asked = [(job, output) for job, output in answers if _may_be_too_dear(node, job, len(output))]
    found = node.chain.answer_gas(asked, block) if asked else []
    told = {job.id: _whole(node, job, gas) for (job, _), gas in zip(asked, found, strict=True)}
    if len(node.answer_gas) + len(told) > _MOST_KNOWN:
        node.answer_gas.clear()
    node.answer_gas.update({id_: gas for id_, gas in told.items() if isinstance(gas, int)})
    untold = {id_: gas for id_, gas in told.items() if isinstance(gas, Unavailable)}
    return [untold.get(job.id) or lacking(node, job, len(output)) for job, output in answers]


def _whole(node: Node, job: Job, gas: int | Unavailable) -> int | Unavailable:
    """With what a committee adds: before its members have signed, the chain can be asked of the answer alone."""
    if isinstance(gas, Unavailable) or job.signatures:
        return gas
    return gas + committee_gas(node.settings.signers)


def _may_be_too_dear(node: Node, job: Job, output_bytes: int) -> bool:
    most = fulfill_gas(job.request, bytes(output_bytes), node.settings.signers, ordered=job.ordered)
    return bool(_lacking(node, job, output_bytes, most)) and not _lacking(node, job, output_bytes, 0)


def _lacking(node: Node, job: Job, output_bytes: int, least_gas: int) -> str:
    settings = node.settings
    if settings.pricing.rule is Rule.FREE:
        return ""
    market, signers = node.account.market(), settings.signers
    return settings.pricing.lacking(job, output_bytes, settings.fees, market, least_gas=least_gas, signatures=signers)
