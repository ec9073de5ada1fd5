"""Infer: fetches the code a request is about, runs its model and stores the result."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from functools import partial

from themis.core import canonical
from themis.core.errors import Reason, Refused, Unavailable
from themis.core.job import Answer, Closed, Computed, Fact, Interrupted, Job, Proposed, Started
from themis.core.keccak import keccak
from themis.core.types import CodeRef, Hash32, ModelInfo
from themis.daemon import told
from themis.daemon.node import Node

Work = tuple[Job, bytes | None]
"""A job and the code it refers to, fetched and checked."""

log = logging.getLogger(__name__)


class Infer:
    """QUEUED -> COMPUTED or AGREEING, or CLOSED with the reason: for all models that run in the node's process."""

    name = "infer"

    def __init__(self, node: Node) -> None:
        self._node = node
        self._apart = frozenset(id_ for id_, info in node.engine.models().items() if not info.batched)

    def step(self) -> bool:
        """Answer one batch of questions to each model. False when none could be."""
        node = self._node
        facts: list[tuple[Job, Fact]] = []
        by_model: dict[Hash32, list[Work]] = defaultdict(list)
        for job, code in self._with_code(node.store.queued(node.engine.step(), without=self._apart)):
            match code:
                case Closed():
                    facts.append((job, code))
                case _:
                    by_model[job.request.model_id].append((job, code))
        for model_id, work in by_model.items():
            facts += self._run(model_id, work)
        if facts:
            told.record(node, facts)
        return bool(facts)

    def _with_code(self, jobs: Sequence[Job]) -> list[tuple[Job, bytes | Closed | None]]:
        """Each job with its code, or why it has none. Jobs whose code cannot be had now are left out."""
        refs = {job.id: self._needed(job) for job in jobs}
        wanted = {job.id: (ref.address, job.seen_at.block) for job in jobs if isinstance(ref := refs[job.id], CodeRef)}
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
        try:
            return answered(self._node, model_id, work)
        except Refused as refused:
            if len(work) > 1:
                return [fact for each in work for fact in self._run(model_id, [each])]
            return [(work[0][0], Closed(refused.reason, refused.detail))]


class InferApart:
    """As `Infer`, for one model of a stranger's, which runs in a process of its own and delays nobody else.

    A request is marked before it runs. One that was running when the node ended may be what ended it: it is closed.
    """

    def __init__(self, node: Node, info: ModelInfo) -> None:
        self._node = node
        self._model_id = info.model_id
        self.name = lane(info)

    def step(self) -> bool:
        """Answer one question."""
        node = self._node
        for job in node.store.queued(1, of=self._model_id):
            told.record(node, [(job, self._fact(job))])
            return True
        return False

    def _fact(self, job: Job) -> Fact:
        node = self._node
        if job.started:
            return Closed(Reason.ENGINE_REFUSED, "the node ended while this ran: it is not run again")
        if job.request.deadline_s < node.time.now_s():
            return Closed(Reason.EXPIRED, "its deadline passed before the model was free")
        node.store.record([(job, Started())], node.clock.now_s())
        try:
            with node.telemetry.inference_seconds.time():
                output = node.engine.stream(self._model_id, job.input, partial(node.live.hear, job.id))
        except Refused as refused:
            log.warning("request 0x%s is refused: %s", job.id.hex(), refused.detail)
            return Closed(refused.reason, refused.detail)
        except Unavailable:
            node.store.record([(job, Interrupted())], node.clock.now_s())
            raise
        return counted(node, job, output)


def lane(info: ModelInfo) -> str:
    """The name of the loop of a model that runs apart."""
    return f"infer {info.name} 0x{info.model_id[:4].hex()}"


def answered(node: Node, model_id: Hash32, work: Sequence[Work]) -> list[tuple[Job, Fact]]:
    """Run a model. Raises as `Engine.infer`."""
    with node.telemetry.inference_seconds.time():
        outputs = node.engine.infer(model_id, [(job.input, code) for job, code in work])
    return [(job, counted(node, job, output)) for (job, _), output in zip(work, outputs, strict=True)]


def counted(node: Node, job: Job, output: bytes) -> Computed | Proposed:
    """An answer, as it is recorded: one that a committee was asked for is to be agreed on."""
    node.telemetry.inferences.inc()
    settings = node.settings
    hash_ = canonical.result_hash(job.id, job.request.model_id, output, settings.chain_id, settings.oracle)
    answer = Answer(output, hash_)
    return Computed(answer) if job.request.operator == node.signer.address else Proposed(answer)
