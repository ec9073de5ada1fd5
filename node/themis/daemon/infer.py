"""Infer: fetches the code a request is about, runs its model and stores the result."""

import logging
from collections import defaultdict
from collections.abc import Sequence

from eth_utils.crypto import keccak

from themis.core import canonical
from themis.core.errors import Reason, Refused, Unavailable
from themis.core.job import Answer, Closed, Computed, Fact, Job, State
from themis.core.types import CodeRef, Hash32
from themis.daemon.node import Node

Work = tuple[Job, bytes | None]
"""A job and the code it refers to, fetched and checked."""

log = logging.getLogger(__name__)


class Infer:
    """QUEUED -> COMPUTED, or CLOSED with the reason."""

    name = "infer"

    def __init__(self, node: Node) -> None:
        self._node = node

    def step(self) -> bool:
        """Answer one batch of questions. False when there was none, or no code could be had."""
        node = self._node
        facts: list[tuple[Job, Fact]] = []
        by_model: dict[Hash32, list[Work]] = defaultdict(list)
        for job, code in self._with_code(node.store.jobs(State.QUEUED, limit=node.engine.step())):
            match code:
                case Closed():
                    facts.append((job, code))
                case _:
                    by_model[job.request.model_id].append((job, code))
        for model_id, work in by_model.items():
            facts += self._run(model_id, work)
        if facts:
            node.store.record(facts, node.clock.now_s())
        return bool(facts)

    def _with_code(self, jobs: Sequence[Job]) -> list[tuple[Job, bytes | Closed | None]]:
        """Each job with its code, or why it has none. Jobs whose code cannot be had now are left out."""
        refs = {job.id: self._needed(job) for job in jobs}
        wanted = {
            job.id: (ref.address, job.seen_at.block_number) for job in jobs if isinstance(ref := refs[job.id], CodeRef)
        }
        places = list(dict.fromkeys(wanted.values()))
        found = dict(zip(places, self._node.chain.code(places), strict=True)) if places else {}
        ready: list[tuple[Job, bytes | Closed | None]] = []
        for job in jobs:
            ref = refs[job.id]
            code = found[wanted[job.id]] if isinstance(ref, CodeRef) else None
            if isinstance(ref, Closed):
                ready.append((job, ref))
            elif isinstance(code, Unavailable):
                log.warning("the code for request 0x%s cannot be had: %s", job.id.hex(), code)
            elif code == b"":
                ready.append((job, Closed(Reason.NO_CODE, "there is no code at the target")))
            elif ref and code is not None and keccak(code) != ref.code_hash:
                ready.append(
                    (job, Closed(Reason.CODE_CHANGED, "the target's code is not the code that was asked about"))
                )
            else:
                ready.append((job, code))
        return ready

    def _needed(self, job: Job) -> CodeRef | Closed | None:
        """What code the job refers to. Its model may have left the configuration since it was accepted."""
        try:
            return self._node.engine.code_needed(job.request.model_id, job.input)
        except Refused as refused:
            return Closed(refused.reason, refused.detail)

    def _run(self, model_id: Hash32, work: Sequence[Work]) -> list[tuple[Job, Fact]]:
        """Outputs of one model. Where a batch is refused, each job speaks for itself."""
        settings, telemetry = self._node.settings, self._node.telemetry
        try:
            with telemetry.inference_seconds.time():
                outputs = self._node.engine.infer(model_id, [(job.input, code) for job, code in work])
        except Refused as refused:
            if len(work) > 1:
                return [fact for each in work for fact in self._run(model_id, [each])]
            return [(work[0][0], Closed(refused.reason, refused.detail))]
        telemetry.inferences.inc(len(work))
        facts: list[tuple[Job, Fact]] = []
        for (job, _), output in zip(work, outputs, strict=True):
            hash_ = canonical.result_hash(job.id, model_id, output, settings.chain_id, settings.oracle)
            facts.append((job, Computed(Answer(output, hash_))))
        return facts
