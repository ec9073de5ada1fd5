"""How jobs and transactions are written as rows of the store."""

import json
from dataclasses import fields
from functools import lru_cache
from typing import Any, Final

from themis.core.agreement import Heard
from themis.core.committee import Commitment, Result
from themis.core.errors import Reason
from themis.core.fees import Fees
from themis.core.job import Answer, Closed, Fact, Job, Mined, State, Underpaid
from themis.core.listing import pack, unpack
from themis.core.signature import LENGTH
from themis.core.transaction import TYPE_2, SentTransaction
from themis.core.types import Address, Hash32, LogPosition, Request, UseClass

JOB: Final = (
    "id, state, request, input, seen_block, seen_hash, seen_index, seen_tx, output, result_hash, "
    "mined_block, mined_hash, mined_index, mined_tx, reason, detail, started, royalty_bps, signatures, alone, "
    "order_signature, outputs"
)
"""The columns that `to_job` reads."""
TRANSACTION: Final = "hash, raw, nonce, max_fee_wei, priority_fee_wei, job_ids, signed_at_s, sent_at_s, most_wei"
"""Those that `to_transaction` reads."""


_KEPT: Final = 1_024
"""Requests whose text is kept: a job is read and written at each of its steps, and its request stays."""
HEARD: Final = "request, member, kind, hash, salt, signature, at_s"
"""Those of a member's message."""


def of_job(job: Job) -> dict[str, Any]:
    """Every column but `seq`, by name."""
    seen, mined, answer = job.seen_at, job.mined_at, job.answer
    return {
        "id": job.id,
        "state": str(job.state),
        "request": _request_text(job.request),
        "input": job.input,
        "seen_block": seen.block_number,
        "seen_hash": seen.block_hash,
        "seen_index": seen.log_index,
        "seen_tx": seen.tx_hash,
        "output": answer and answer.output,
        "result_hash": answer and answer.result_hash,
        "mined_block": mined and mined.block_number,
        "mined_hash": mined and mined.block_hash,
        "mined_index": mined and mined.log_index,
        "mined_tx": mined and mined.tx_hash,
        "reason": job.reason and str(job.reason),
        "detail": job.detail,
        "model_id": job.request.model_id,
        "started": int(job.started),
        "royalty_bps": job.royalty_bps,
        "signatures": b"".join(job.signatures),
        "alone": int(job.alone),
        "order_signature": job.order_signature,
        "outputs": pack(answer.parts) if answer and answer.parts else None,
    }


def to_job(row: tuple[Any, ...]) -> Job:
    """Read the columns JOB of a row."""
    job_id, state, request, input_, *places = row
    seen, (output, result_hash), mined, rest = places[:4], places[4:6], places[6:10], places[10:]
    reason, detail, started, royalty_bps, signatures, alone, order_signature, outputs = rest
    parts = () if outputs is None else unpack(outputs)
    return Job(
        id=Hash32(job_id),
        request=_request(request),
        input=input_,
        seen_at=LogPosition(*seen),
        state=State(state),
        answer=None if output is None else Answer(output, Hash32(result_hash), parts),
        mined_at=None if mined[0] is None else LogPosition(*mined),
        reason=None if reason is None else Reason(reason),
        detail=detail,
        started=bool(started),
        royalty_bps=royalty_bps,
        signatures=tuple(signatures[at : at + LENGTH] for at in range(0, len(signatures), LENGTH)),
        alone=bool(alone),
        order_signature=order_signature,
    )


def of_transaction(sent: SentTransaction) -> dict[str, Any]:
    """Every column but `settled`, by name. Fees are text: SQLite's integers end at 2^63."""
    fees = sent.fees
    return {
        "hash": sent.hash,
        "raw": sent.raw,
        "nonce": sent.nonce,
        "max_fee_wei": str(fees.max_fee_wei),
        "priority_fee_wei": str(fees.priority_fee_wei),
        "job_ids": b"".join(sent.job_ids),
        "signed_at_s": sent.signed_at_s,
        "sent_at_s": sent.sent_at_s,
        "most_wei": str(sent.most_wei),
    }


def to_transaction(row: tuple[Any, ...]) -> SentTransaction:
    """Read the columns TRANSACTION of a row."""
    tx_hash, raw, nonce, max_fee, priority_fee, joined, signed_at_s, sent_at_s, most_wei = row
    fees = Fees(int(max_fee), int(priority_fee), typed=raw[:1] == TYPE_2)
    return SentTransaction(Hash32(tx_hash), raw, nonce, fees, to_ids(joined), signed_at_s, sent_at_s, int(most_wei))


def to_ids(joined: bytes) -> tuple[Hash32, ...]:
    """Ids of 32 bytes, as one value holds them after each other."""
    return tuple(Hash32(joined[start : start + 32]) for start in range(0, len(joined), 32))


def of_heard(heard: Heard) -> tuple[Any, ...]:
    """The columns HEARD."""
    match heard.message:
        case Commitment(member, request, commitment, signature):
            return request, member, "commitment", commitment, None, signature, heard.at_s
        case Result(member, request, result_hash, salt, signature):
            return request, member, "result", result_hash, salt, signature, heard.at_s


def to_heard(row: tuple[Any, ...]) -> Heard:
    """Read the columns HEARD of a row."""
    request, member, kind, hash_, salt, signature, at_s = row
    whose = Address(member), Hash32(request), Hash32(hash_)
    if kind == "commitment":
        return Heard(Commitment(*whose, signature), at_s)
    return Heard(Result(*whose, Hash32(salt), signature), at_s)


def detail_of(fact: Fact) -> str:
    """What a job's history says beside the fact's name."""
    match fact:
        case Mined(_, at):
            return f"block {at.block_number}, transaction 0x{at.tx_hash.hex()}"
        case Underpaid(detail):
            return detail
        case Closed(reason, detail):
            return f"{reason}: {detail}" if detail else str(reason)
        case _:
            return ""


@lru_cache(_KEPT)
def _request_text(request: Request) -> str:
    values = {field.name: getattr(request, field.name) for field in fields(request)}
    return json.dumps({k: v.hex() if isinstance(v, bytes) else int(v) for k, v in values.items()})


@lru_cache(_KEPT)
def _request(text: str) -> Request:
    values: dict[str, Any] = json.loads(text)
    values = {k: bytes.fromhex(v) if isinstance(v, str) else v for k, v in values.items()}
    values["use_class"] = UseClass(values["use_class"])
    return Request(**values)
