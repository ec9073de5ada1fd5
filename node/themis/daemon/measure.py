"""What became of requests, in numbers: answers, refusals, income, gas, and how long each stage took."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from themis.core.errors import Reason
from themis.core.job import HistoryEntry, Job
from themis.core.types import Block, ChainEvent, Fulfilled, Hash32, Receipt, Requested
from themis.daemon.node import Node

STAGES_BY_FACT: Final[Mapping[str, str]] = {
    "Accepted": "judged",
    "Computed": "computed",
    "Proposed": "computed",
    "Agreed": "agreed",
    "Sent": "sent",
    "Mined": "mined",
    "Finalized": "final",
}
"""Which fact ends which stage."""


def seen(node: Node, blocks: Iterable[Block], events: Iterable[ChainEvent]) -> None:
    """Requests in new blocks were recorded. A clock that goes after the chain's makes it 0."""
    made_s = {block.hash: block.timestamp_s for block in blocks}
    for event in events:
        if isinstance(event, Requested) and event.at.block_hash in made_s:
            age_s = node.clock.now_s() - made_s[event.at.block_hash]
            node.telemetry.stage_seconds.labels("seen").observe(max(0.0, age_s))


def refused(node: Node, job: Job, reason: Reason) -> None:
    node.telemetry.refusals.labels(node.telemetry.model(job.request.model_id), str(reason)).inc()


def answered(node: Node, job: Job, history: Sequence[HistoryEntry]) -> None:
    """An answer is final. A stage that a reorganization brought back is counted again."""
    telemetry = node.telemetry
    telemetry.answers.labels(telemetry.model(job.request.model_id)).inc()
    telemetry.earned(job.request.model_id, job.request.token, job.least_pay)
    since_s = history[0].at_s
    for entry in history:
        if entry.fact in STAGES_BY_FACT:
            telemetry.stage_seconds.labels(STAGES_BY_FACT[entry.fact]).observe(max(0.0, entry.at_s - since_s))
            since_s = entry.at_s
    seconds = latency_s(history)
    if seconds is not None:
        telemetry.answer_seconds.observe(max(0.0, seconds))


def spent(node: Node, job: Job, receipt: Receipt) -> None:
    """A transaction of ours was mined, for a job and others; where the chain tells no price, nobody knows its cost."""
    gas = receipt.gas_used / answers_in(receipt)
    node.telemetry.spent(job.request.model_id, gas, gas * (receipt.price_wei or 0))


def errand(node: Node, receipt: Receipt) -> None:
    """One of no request was mined: it only used up its nonce, or had to do with a committee."""
    node.telemetry.spent(Hash32(bytes(32)), receipt.gas_used, receipt.gas_used * (receipt.price_wei or 0))


def answers_in(receipt: Receipt) -> int:
    """How many share what a transaction has cost: the answers in it that were taken, or one."""
    return max(1, sum(isinstance(event, Fulfilled) for event in receipt.events))


def latency_s(history: Sequence[HistoryEntry]) -> float | None:
    """From the first sight of a request to that of its answer; None where there is none."""
    mined = [entry.at_s for entry in history if entry.fact == "Mined"]
    return mined[-1] - history[0].at_s if mined else None
