"""Infer: fetches the code a request is about, runs its model and stores the result."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from itertools import islice
from typing import Final

from themis.core import canonical, listing
from themis.core.errors import Reason, Refused, Unavailable
from themis.core.job import Answer, Closed, Computed, Fact, Interrupted, Job, Proposed, Started
from themis.core.keccak import keccak
from themis.core.types import CodeRef, Hash32, ModelInfo
from themis.daemon import told
from themis.daemon.node import Node
from themis.ports import Engine

Codes = Sequence[bytes | None]
"""For each question of a job the code that it refers to, fetched and checked."""
Work = tuple[Job, Codes]

SIDE_BY_SIDE: Final = 32
"""Requests to one model apart, where other machines run it."""

log = logging.getLogger(__name__)


class Infer:
    """QUEUED -> COMPUTED or AGREEING, or CLOSED with the reason: for all models that run in the node's process.

    On other machines one model may be away, and the others not: each has a loop there.
    """

    def __init__(self, node: Node, info: ModelInfo | None = None) -> None:
        """For one model, or for all that share the node's process."""
        self._node = node
        self._of = None if info is None else info.model_id
        self._apart = frozenset(each.model_id for each in apart(node.engine))
        self.name = "infer" if info is None else lane(info)

    def step(self) -> bool:
        """Answer one batch of questions to each model. False when none could be."""
        node = self._node
        facts: list[tuple[Job, Fact]] = []
        by_model: dict[Hash32, list[Work]] = defaultdict(list)
        queued = node.store.queued(node.engine.step(), of=self._of, without=self._apart)
        for job, code in self._with_code(queued):
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

    def _with_code(self, jobs: Sequence[Job]) -> list[tuple[Job, Codes | Closed]]:
        """Each job with its code, or why it has none. Jobs whose code cannot be had now are left out."""
        refs = {job.id: self._needed(job) for job in jobs}
        named = [(job, ref) for job in jobs if not isinstance(all_ := refs[job.id], Closed) for ref in all_ if ref]
        places = list(dict.fromkeys((ref.address, job.seen_at.block) for job, ref in named))
        codes = dict(zip(places, self._node.chain.code(places), strict=True)) if places else {}
        ready: list[tuple[Job, Codes | Closed]] = []
        for job in jobs:
            needed = refs[job.id]
            if isinstance(needed, Closed):
                ready.append((job, needed))
                continue
            found = [_checked(ref, codes[ref.address, job.seen_at.block]) if ref else None for ref in needed]
            untold = next((each for each in found if isinstance(each, Unavailable)), None)
            if untold is not None:
                log.warning("the code for request 0x%s cannot be had: %s", job.id.hex(), untold)
                continue
            closed = next((each for each in found if isinstance(each, Closed)), None)
            ready.append((job, closed or [each for each in found if each is None or isinstance(each, bytes)]))
        return ready

    def _needed(self, job: Job) -> list[CodeRef | None] | Closed:
        """What code the job refers to. Its model may have left the configuration since it was accepted."""
        model_id, questions = job.request.model_id, listing.questions(job.request, job.input)
        try:
            return [self._node.engine.code_needed(model_id, each) for each in questions]
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
    On other machines, which are not ended by what ends this one, several run side by side, and none is marked.
    """

    def __init__(self, node: Node, info: ModelInfo, abreast: int = 1) -> None:
        """`abreast` requests are answered at once here."""
        self._node = node
        self._model_id = info.model_id
        self._elsewhere = node.engine.elsewhere()
        self._count = SIDE_BY_SIDE if self._elsewhere else abreast
        self.name = lane(info)

    def step(self) -> bool:
        """Answer one question, or some side by side. Raises Unavailable once those that could be are recorded."""
        node = self._node
        jobs = node.store.queued(self._count, of=self._model_id)
        if len(jobs) == 1:
            told.record(node, [(jobs[0], self._fact(jobs[0]))])
        elif jobs:
            self._together(jobs)
        return bool(jobs)

    def _together(self, jobs: Sequence[Job]) -> None:
        failure: Unavailable | None = None
        with ThreadPoolExecutor(len(jobs), "infer") as pool:
            asked = {pool.submit(self._fact, job): job for job in jobs}
            for done in as_completed(asked):
                try:
                    told.record(self._node, [(asked[done], done.result())])
                except Unavailable as error:
                    failure = error
        if failure is not None:
            raise failure

    def _fact(self, job: Job) -> Fact:
        node = self._node
        if job.started and not self._elsewhere:
            return Closed(Reason.ENGINE_REFUSED, "the node ended while this ran: it is not run again")
        if job.request.deadline_s < node.time.now_s():
            return Closed(Reason.EXPIRED, "its deadline passed before the model was free")
        if not self._elsewhere:
            node.store.record([(job, Started())], node.clock.now_s())
        try:
            with node.telemetry.inference_seconds.time():
                hear = partial(node.live.hear, job.id)
                questions = listing.questions(job.request, job.input)
                outputs = [node.engine.stream(self._model_id, each, hear) for each in questions]
        except Refused as refused:
            log.warning("request 0x%s is refused: %s", job.id.hex(), refused.detail)
            return Closed(refused.reason, refused.detail)
        except Unavailable:
            if not self._elsewhere:
                node.store.record([(job, Interrupted())], node.clock.now_s())
            raise
        return counted(node, job, outputs)


def apart(engine: Engine) -> list[ModelInfo]:
    """Models that have loops of their own."""
    elsewhere = engine.elsewhere()
    return [info for info in engine.models().values() if elsewhere or not info.batched]


def lane(info: ModelInfo) -> str:
    """The name of a model's own loop."""
    return f"infer {info.name} 0x{info.model_id[:4].hex()}"


def answered(node: Node, model_id: Hash32, work: Sequence[Work]) -> list[tuple[Job, Fact]]:
    """Run a model. Raises as `Engine.infer`."""
    asked = [each for job, codes in work for each in zip(listing.questions(job.request, job.input), codes, strict=True)]
    outputs: list[bytes] = []
    step = node.engine.step()
    with node.telemetry.inference_seconds.time():
        for start in range(0, len(asked), step):
            outputs += node.engine.infer(model_id, asked[start : start + step])
    said = iter(outputs)
    return [(job, counted(node, job, list(islice(said, len(codes))))) for job, codes in work]


def counted(node: Node, job: Job, outputs: Sequence[bytes]) -> Computed | Proposed:
    """An answer, as it is recorded: one that a committee was asked for is to be agreed on."""
    node.telemetry.inferences.inc(len(outputs))
    settings, request = node.settings, job.request
    questions = listing.questions(request, job.input)
    output = listing.result_root(questions, outputs) if request.items else outputs[0]
    hash_ = canonical.result_hash(job.id, request.model_id, output, settings.chain_id, settings.oracle)
    answer = Answer(output, hash_, tuple(outputs) if request.items else ())
    return Computed(answer) if request.operator == node.signer.address else Proposed(answer)


def _checked(ref: CodeRef, code: bytes | Unavailable) -> bytes | Closed | Unavailable:
    """The code that a question refers to, or why it has none."""
    if isinstance(code, Unavailable):
        return code
    if not code:
        return Closed(Reason.NO_CODE, "there is no code at the target")
    if keccak(code) != ref.code_hash:
        return Closed(Reason.CODE_CHANGED, "the target's code is not the code that was asked about")
    return code
