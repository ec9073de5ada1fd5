"""What became of requests, in the log: one line for each that is answered for good, closed, or has to wait."""

import logging
from collections.abc import Sequence

from themis.core.errors import Reason, Unavailable
from themis.core.job import Closed, Fact, Finalized, HistoryEntry, Job, State, Underpaid
from themis.core.spelling import ether, instant, shown
from themis.core.types import ETHER, Hash32, Receipt
from themis.daemon import measure
from themis.daemon.node import Node

log = logging.getLogger(__name__)


def record(node: Node, facts: Sequence[tuple[Job, Fact]], settled: Sequence[int] = ()) -> None:
    """Store facts and settled nonces, and say which requests will not be answered, or not yet."""
    node.store.record(facts, node.clock.now_s(), settled)
    for job, fact in facts:
        if isinstance(fact, Closed):
            why = f"{fact.reason} {fact.detail}".rstrip()
            log.info("closed 0x%s: %s; model %s, fee %s", job.id.hex(), why, _model(node, job), _fee(job))
            measure.refused(node, job, fact.reason)
            _trace(node, job.id)
        if isinstance(fact, Underpaid) and _first_time(node, job):
            log.info("waits 0x%s: %s; %s; model %s", job.id.hex(), fact.detail, _way_on(node, job), _model(node, job))


def reorged(node: Node, gone: Sequence[Hash32]) -> None:
    """Say which requests have left the chain."""
    for id_ in gone:
        job = node.store.job(id_)
        if job is not None:
            said = "its block left the chain; it is taken up again when it comes back"
            log.info("closed 0x%s: %s %s; model %s", id_.hex(), job.reason, said, _model(node, job))
            measure.refused(node, job, Reason.REORGED)
            _trace(node, id_)


def finalize(node: Node, jobs: Sequence[Job]) -> None:
    """Store that answers are final, and say what each of them took."""
    node.store.record([(job, Finalized()) for job in jobs], node.clock.now_s())
    receipts = _receipts(node, jobs)
    for job in jobs:
        if job.mined_at is None:
            continue
        receipt, history = receipts.get(job.mined_at.tx_hash), node.store.history(job.id)
        measure.answered(node, job, history)
        _trace(node, job.id, receipt)
        if receipt is not None:
            measure.spent(node, job, receipt)
        log.info(
            "answered 0x%s: model %s, fee %s, gas %s, latency %s, transaction 0x%s",
            job.id.hex(),
            _model(node, job),
            _fee(job),
            _gas(receipt),
            _latency(history),
            job.mined_at.tx_hash.hex(),
        )


def _trace(node: Node, id_: Hash32, receipt: Receipt | None = None) -> None:
    """As the store has it now, where its last fact stands: what was found out about a job that moved on is stale."""
    if node.trace is None:
        return
    job = node.store.job(id_)
    if job is not None and job.state in {State.DONE, State.CLOSED}:
        node.trace(job, node.store.history(id_), receipt)


def _first_time(node: Node, job: Job) -> bool:
    """A request may wait many times, as gas gets dearer and cheaper."""
    return sum(entry.fact == Underpaid.__name__ for entry in node.store.history(job.id)) == 1


def _way_on(node: Node, job: Job) -> str:
    """What a request that does not pay waits for, and what either side can do about it."""
    until = instant(job.request.deadline_s)
    margin = "lower fees.margin_percent, or " if node.settings.pricing.margin_percent else ""
    return (
        f"it is answered if gas gets that cheap before its deadline {until}; the requester can ask again with a higher "
        f'fee, the operator can {margin}set fees.policy = "free"'
    )


def _receipts(node: Node, jobs: Sequence[Job]) -> dict[Hash32, Receipt]:
    """Of the answers' transactions. A log line without its gas is better than an answer that waits for it."""
    hashes = list(dict.fromkeys(job.mined_at.tx_hash for job in jobs if job.mined_at is not None))
    try:
        found = node.chain.receipts(hashes)
    except Unavailable:
        return {}
    return {receipt.tx_hash: receipt for receipt in found if receipt is not None}


def _gas(receipt: Receipt | None) -> str:
    """An answer's share of its transaction's."""
    if receipt is None:
        return "unknown"
    number = measure.answers_in(receipt)
    share = str(receipt.gas_used // number)
    return share if number == 1 else f"{share} ({number} in one transaction)"


def _latency(history: Sequence[HistoryEntry]) -> str:
    seconds = measure.latency_s(history)
    return "unknown" if seconds is None else f"{seconds:.2f} s"


def _model(node: Node, job: Job) -> str:
    known = node.engine.models().get(job.request.model_id)
    return f"0x{job.request.model_id.hex()}" if known is None else known.name


def _fee(job: Job) -> str:
    token = job.request.token
    return ether(job.request.fee) if token == ETHER else f"{job.request.fee} of token {shown(token)}"
