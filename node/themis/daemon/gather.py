"""Gather: which answers share a transaction, and how long they may wait for each other."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from themis.core.fees import fulfill_gas, together_gas
from themis.core.job import Job
from themis.core.transaction import SentTransaction
from themis.core.types import Block, Hash32
from themis.daemon.batches import Batches

_SHARE_OF_BLOCK: Final = 4
"""A transaction with a larger part of a block's gas than a quarter waits until there is room for it."""
_TRANSACTION_GAS: Final = 2**24
"""No transaction may have more (EIP-7825)."""


class Patience:
    """Answers may wait for others so many seconds; 0: none waits, and those that are ready together go together."""

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s
        self._since_s: float | None = None
        """When the first of those that wait was seen."""

    def left_s(self, jobs: Sequence[Job], *, full: bool, now_s: float, chain_time_s: float) -> float:
        """How much longer they may wait; 0 once the first has waited for long enough, or more would not fit.

        A deadline is never waited for: from twice that time before it on, nothing waits.
        """
        if self._since_s is None:
            self._since_s = now_s
        hurried = min(job.request.deadline_s for job in jobs) - chain_time_s <= 2 * self._most_s
        left_s = 0.0 if full or hurried else max(0.0, self._since_s + self._most_s - now_s)
        if left_s == 0:
            self._since_s = None
        return left_s


def together(jobs: Sequence[Job], head: Block, batches: Batches) -> list[list[Job]]:
    """Answers by transaction, oldest first; before them those of a committee, which share what members have signed."""
    apart: dict[tuple[Hash32, ...], list[Job]] = {}
    for job in filter(by_itself, jobs):
        batch = None if job.alone else batches.holding([job.id])
        apart.setdefault(batch.ids if batch else (job.id,), []).append(job)
    return [*apart.values(), *by_room([job for job in jobs if not by_itself(job)], head)]


def by_room(jobs: Sequence[Job], head: Block) -> list[list[Job]]:
    """Answers in groups, in their order: as many in each as a fair share of a block's gas has room for."""
    most = min(head.gas_limit // _SHARE_OF_BLOCK, _TRANSACTION_GAS)
    groups: list[list[Job]] = []
    gases: list[int] = []
    for job in jobs:
        gas = answer_gas(job)
        if not gases or together_gas([*gases, gas]) > most:
            groups.append([])
            gases = []
        groups[-1].append(job)
        gases.append(gas)
    return groups


def by_itself(job: Job) -> bool:
    """Whether its answer shares no transaction with others: an order's does not; a committee's may, with its own."""
    return job.alone or job.ordered or bool(job.signatures)


def answer_gas(job: Job) -> int:
    """Gas limit of a job's answer, by itself."""
    output = job.answer.output if job.answer else b""
    return fulfill_gas(job.request, output, len(job.signatures), ordered=job.ordered)


def answers_gas(jobs: Sequence[Job]) -> int:
    """Gas limit of the answers of several jobs in one transaction; 0 of none."""
    gases = [answer_gas(job) for job in jobs]
    return together_gas(gases) if len(gases) > 1 else sum(gases)


def sent_before(jobs: Iterable[Job], unsettled: Sequence[SentTransaction]) -> Mapping[Hash32, SentTransaction]:
    """The newest transaction with each job's answer whose nonce is open; none where it goes alone and that does not."""
    newest = {job_id: transaction for transaction in unsettled for job_id in transaction.job_ids}
    return {
        job.id: newest[job.id]
        for job in jobs
        if job.id in newest and not (job.alone and len(newest[job.id].job_ids) > 1)
    }
