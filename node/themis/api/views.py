"""Domain values as the API's models."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from themis.api import models
from themis.chain.endpoints import EndpointState
from themis.core import job as jobs
from themis.core import permission, types
from themis.core.requesters import HOUR_S, Requesters
from themis.core.spelling import shown
from themis.daemon.chronicle import OPEN
from themis.ports import Engine, Store

if TYPE_CHECKING:
    from themis.replay.verdict import Verdict

_CANDIDATES: Final = 5


def head(block: types.Block) -> models.Head:
    return models.Head(number=block.number, hash=shown(block.hash), timestamp_s=block.timestamp_s)


def model(info: types.ModelInfo, standing: permission.Standing | None, tuning: str | None) -> models.Model:
    return models.Model(
        model_id=shown(info.model_id),
        name=info.name,
        version=info.version,
        program_root=shown(info.program_root),
        weights_root=shown(info.weights_root),
        manifest_hash=shown(info.manifest_hash),
        max_input_bytes=info.max_input_bytes,
        attribution=info.attribution,
        exact=info.exact,
        license=_license(standing.explanation) if standing else None,
        tuning=tuning,
    )


def endpoint(state: EndpointState) -> models.Endpoint:
    return models.Endpoint(
        url=state.url,
        fit=state.fit,
        head=state.head,
        lag_blocks=state.lag_blocks,
        error_rate=state.error_rate,
        latency_s=state.latency_s,
        requests=state.requests,
        errors=state.errors,
        error=state.error,
    )


def requesters(limits: Requesters) -> models.Requesters:
    return models.Requesters(
        allowed=len(limits.allow),
        denied=len(limits.deny),
        max_per_hour=limits.max_per_hour,
        max_per_day=limits.max_per_day,
    )


def told(job: jobs.Job) -> jobs.Answer | None:
    """The answer as anybody may see it: an order's is not paid before a block has it."""
    return None if job.ordered and job.mined_at is None else job.answer


def order(job: jobs.Job) -> models.Order:
    answer = told(job)
    return models.Order(
        id=shown(job.id),
        state=job.state,
        reason=job.reason,
        detail=job.detail,
        requester=shown(job.request.requester),
        model_id=shown(job.request.model_id),
        items=job.request.items,
        token=shown(job.request.token),
        fee=str(job.request.fee),
        deadline_s=job.request.deadline_s,
        output=shown(answer.output) if answer else None,
        result_hash=shown(answer.result_hash) if answer else None,
        outputs=[shown(each) for each in answer.parts] if answer and answer.parts else None,
        input=shown(job.input) if answer and not job.request.items else None,
        mined_block=job.mined_at.block_number if job.mined_at else None,
        mined_tx_hash=shown(job.mined_at.tx_hash) if job.mined_at else None,
    )


def job_summary(job: jobs.Job, history: Sequence[jobs.HistoryEntry]) -> models.JobSummary:
    request, answer = job.request, told(job)
    return models.JobSummary(
        id=shown(job.id),
        state=job.state,
        reason=job.reason,
        detail=job.detail,
        model_id=shown(request.model_id),
        requester=shown(request.requester),
        use_class=request.use_class.name.lower(),
        token=shown(request.token),
        fee=str(request.fee),
        deadline_s=request.deadline_s,
        seen_block=job.seen_at.block_number,
        mined_block=job.mined_at.block_number if job.mined_at else None,
        result_hash=shown(answer.result_hash) if answer else None,
        output=shown(answer.output) if answer else None,
        seen_s=history[0].at_s,
        mined_s=next((entry.at_s for entry in reversed(history) if entry.fact == "Mined"), None)
        if job.mined_at
        else None,
    )


def hours(store: Store, now_s: float, count: int) -> list[models.Hour]:
    """The newest, this one included, oldest first."""
    last = int(now_s) // HOUR_S
    found = store.hours(last - count + 1)
    return [_hour(each, found.get(each, {})) for each in range(last - count + 1, last + 1)]


def _hour(number: int, found: Mapping[str, float]) -> models.Hour:
    """What the store has of an hour; nothing: an hour in which nothing happened, or no node ran."""
    answers = int(found.get("answers", 0))
    income = {
        name.removeprefix("income "): str(int(sum_)) for name, sum_ in found.items() if name.startswith("income ")
    }
    return models.Hour(
        begins_s=number * HOUR_S,
        answers=answers,
        refusals=int(found.get("refusals", 0)),
        answer_s=found.get("answer_seconds", 0.0) / answers if answers else None,
        income=income,
        gas_wei=str(int(found.get("gas_wei", 0))),
        open=int(found.get(OPEN, 0)),
    )


def words(engine: Engine, job: jobs.Job) -> models.Words:
    info = engine.models().get(job.request.model_id)
    if info is None:
        return models.Words(model=None, question=[], answer=[])
    if job.request.items:
        return models.Words(model=f"{info.name} {info.version}", question=[], answer=[])
    said = told(job)
    question, answer = engine.in_words(info.model_id, job.input, said.output if said else None)
    return models.Words(
        model=f"{info.name} {info.version}",
        question=[models.Told(name=name, text=text) for name, text in question],
        answer=[models.Told(name=name, text=text) for name, text in answer],
    )


def job_detail(job: jobs.Job, history: Sequence[jobs.HistoryEntry], terms: types.Terms | None) -> models.JobDetail:
    answer = told(job)
    return models.JobDetail(
        id=shown(job.id),
        state=job.state,
        reason=job.reason,
        detail=job.detail,
        request=_request(job.request),
        ordered=job.ordered,
        input=shown(job.input),
        seen_at=_position(job.seen_at),
        mined_at=_position(job.mined_at) if job.mined_at else None,
        output=shown(answer.output) if answer else None,
        result_hash=shown(answer.result_hash) if answer else None,
        terms_hash=shown(terms.hash) if terms else None,
        attribution=terms.attribution if terms else None,
        latency_s=_latency_s(history),
        history=[models.Fact(at_s=entry.at_s, fact=entry.fact, detail=entry.detail) for entry in history],
    )


def job_beginning(store: Store, beginning: str) -> models.JobDetail | str:
    """The only job whose id begins so; what to say where there is none, or several."""
    digits = beginning.lower().removeprefix("0x")
    first, last = (types.Hash32(bytes.fromhex(digits.ljust(64, filler))) for filler in "0f")
    ids = store.ids(first, last, limit=_CANDIDATES)
    if len(ids) > 1:
        return f"several requests begin with {beginning}: give more of one of {', '.join(map(shown, ids))}"
    found = store.job(ids[0]) if ids else None
    if found is None:
        return f"this node knows no request {beginning}"
    return job_detail(found, store.history(found.id), store.terms(terms_key(found)))


def verification(verdict: "Verdict") -> models.Verification:
    asked, answered = verdict.exchange.requested, verdict.exchange.fulfilled
    return models.Verification(
        request_id=shown(asked.id),
        outcome=verdict.outcome,
        first_difference=verdict.first_difference,
        detail=verdict.detail,
        model_id=shown(asked.request.model_id),
        model=f"{verdict.bundle.name} {verdict.bundle.version}",
        operator=shown(asked.request.operator),
        request_block=asked.at.block_number,
        answer_block=answered.at.block_number,
        answer_tx_hash=shown(answered.at.tx_hash),
        result_hash=shown(answered.result_hash),
        output=shown(answered.output),
        computed=None if verdict.computed is None else shown(verdict.computed),
    )


def terms_key(job: jobs.Job) -> types.TermsKey:
    """Which terms a job's result comes under."""
    return types.TermsKey(job.request.model_id, job.request.terms_version)


def _license(said: permission.Explanation) -> models.License:
    return models.License(allowed=said.allowed, rule=said.rule, next_step=said.next_step, expiry_s=said.expiry_s)


def _latency_s(history: Sequence[jobs.HistoryEntry]) -> float | None:
    mined = [entry.at_s for entry in history if entry.fact == "Mined"]
    return mined[0] - history[0].at_s if mined else None


def _request(request: types.Request) -> models.Request:
    return models.Request(
        requester=shown(request.requester),
        lane=str(request.lane),
        seq=request.seq,
        model_id=shown(request.model_id),
        input_hash=shown(request.input_hash),
        operator=shown(request.operator),
        token=shown(request.token),
        fee=str(request.fee),
        pay_to=shown(request.pay_to),
        royalty_bps=request.royalty_bps,
        terms_version=request.terms_version,
        use_class=request.use_class.name.lower(),
        licensee=shown(request.licensee),
        grant_seq=request.grant_seq,
        deadline_s=request.deadline_s,
        callback_gas=request.callback_gas,
        items=request.items,
    )


def _position(at: types.LogPosition) -> models.Position:
    return models.Position(
        block_number=at.block_number, block_hash=shown(at.block_hash), log_index=at.log_index, tx_hash=shown(at.tx_hash)
    )
