"""One endpoint: batches as large as it takes, each reply held against its call, and how well it does."""

import itertools
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from themis.chain import forms
from themis.chain.refusals import Kind, RpcError, kind_of
from themis.chain.transport import Said, TimedOut, Transport, redacted
from themis.core import jsontext
from themis.core.errors import Unavailable

MAX_BATCH: Final = 100
"""Calls in one HTTP request: what public endpoints commonly allow."""
_GROWS_AFTER: Final = 256
"""Batches that were taken before a larger one is tried: a limit may have been an outage."""
_WEIGHT: Final = 0.1
"""Of the newest request in the running averages."""
_LEAST_PATIENCE_S: Final = 0.4
"""An endpoint that hangs costs no more than a poll (0.5 s) where another one can be asked."""
_MOST_PATIENCE_S: Final = 3.0
_SLOWER: Final = 8
"""So many times slower than usual, and another one is asked."""
_FIRST_REST_S: Final = 0.5
_LONGEST_REST_S: Final = 30.0


Call = tuple[str, list[Any]]


@dataclass(frozen=True, slots=True)
class EndpointState:
    """How an endpoint does, for a person's eyes."""

    url: str
    """Redacted."""
    fit: bool
    """Whether it is asked: it answers, and serves the right chain and contract."""
    head: int | None
    lag_blocks: int
    """Behind the newest block that any endpoint has shown."""
    error_rate: float
    """Share of the last requests that failed."""
    latency_s: float
    requests: int
    errors: int
    batch: int
    """Calls it takes at once."""
    error: str
    """What is wrong with it now; empty when nothing is."""


class Endpoint:
    """One URL. Thread-safe. Repeats nothing but a batch that is too large, in halves."""

    def __init__(self, url: str) -> None:
        self.shown = redacted(url)
        self._transport = Transport(url)
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._batch = MAX_BATCH
        self._taken = 0
        self._requests = self._errors = 0
        self._error_rate = self._latency_s = 0.0
        self._patience_s = _LEAST_PATIENCE_S
        self._error = ""
        self._unfit = ""
        self._failures = 0
        self._rests_until = 0.0
        self.head: int | None = None

    def ask(self, calls: Sequence[Call], timeout_s: float, *, again: int = 0) -> list[Any]:
        """Results in order; an RpcError in the place of each call that was refused, or has no answer of its form.

        `again`: how often that was asked before. Raises Unavailable when the endpoint does not answer.
        """
        results: list[Any] = []
        size = whole = self._batch
        while len(results) < len(calls):
            chunk = calls[len(results) : len(results) + size]
            found = self._exchange(chunk, timeout_s, again)
            if isinstance(found, list):
                results += found
                self._took(size)
            elif len(chunk) > 1:
                size = len(chunk) // 2
            else:
                alone = size == whole and found.kind is not Kind.FAILED
                refused = chunk if alone else calls[len(results) :]  # a single call fails too: it is not the batch
                results += [RpcError(method, found.message, kind=found.kind) for method, _ in refused]
        self._note_head(calls, results)
        return results

    def find_unfit(self, why: str) -> None:
        """Do not ask it for a while: it serves something else. Empty: it is right again."""
        with self._lock:
            self._unfit = why

    def resting(self) -> bool:
        """Whether it failed just now, or serves something else."""
        with self._lock:
            return bool(self._unfit) or time.monotonic() < self._rests_until

    @property
    def patience_s(self) -> float:
        """How long it is waited for where another one can be asked: what suits its speed, longer after each miss."""
        with self._lock:
            return self._patience_s

    @property
    def unfit(self) -> str:
        """Why it may not be asked at all; empty where it may."""
        with self._lock:
            return self._unfit

    @property
    def error_rate(self) -> float:
        with self._lock:
            return self._error_rate

    def state(self, best_head: int) -> EndpointState:
        with self._lock:
            return EndpointState(
                url=self.shown,
                fit=not self._unfit and not self._failures,
                head=self.head,
                lag_blocks=0 if self.head is None else max(0, best_head - self.head),
                error_rate=round(self._error_rate, 3),
                latency_s=round(self._latency_s, 4),
                requests=self._requests,
                errors=self._errors,
                batch=self._batch,
                error=self._unfit or self._error,
            )

    def _exchange(self, calls: Sequence[Call], timeout_s: float, again: int) -> "list[Any] | _Refusal":
        """One HTTP request: a result for each call, or why the whole was refused."""
        ids = [next(self._ids) for _ in calls]
        asked = [
            {"jsonrpc": "2.0", "id": id_, "method": method, "params": params}
            for id_, (method, params) in zip(ids, calls, strict=True)
        ]
        began = time.monotonic()
        try:
            said = self._transport.post(json.dumps(asked if len(asked) > 1 else asked[0]).encode(), timeout_s)
        except Unavailable as error:
            self._failed(str(error), too_slow=isinstance(error, TimedOut))
            raise
        replies = _replies(said)
        refusal = _refusal(said, replies, ids)
        if refusal is None:
            results = [_result(call, replies.get(id_)) for call, id_ in zip(calls, ids, strict=True)]
            if len(calls) == 1 or not _all_refused_alike(results):
                self._did(results, time.monotonic() - began)
                return results
            refusal = _Refusal(results[0].message, results[0].kind)
        self._failed(f"the RPC at {self.shown} refused {refusal.message}: {RpcError('', '', kind=refusal.kind).advice}")
        if refusal.kind not in {Kind.BUSY, Kind.KEY, Kind.REDIRECT}:
            return refusal
        if refusal.kind is Kind.BUSY:
            self._rest(said.retry_after_s or 0.0)
            if again > 1 and len(calls) > 1:
                self._shrink(len(calls) // 2)
        return [
            RpcError(method, refusal.message, kind=refusal.kind, retry_after_s=said.retry_after_s)
            for method, _ in calls
        ]

    def _took(self, size: int) -> None:
        """Remember how many calls it takes at once; try more after a long while."""
        with self._lock:
            self._taken = self._taken + 1 if size == self._batch else 0
            self._batch = min(size, self._batch)
            if self._taken == _GROWS_AFTER:
                self._batch, self._taken = min(MAX_BATCH, 2 * self._batch), 0

    def _shrink(self, size: int) -> None:
        with self._lock:
            self._batch, self._taken = min(size, self._batch), 0

    def _rest(self, seconds: float) -> None:
        with self._lock:
            self._rests_until = max(self._rests_until, time.monotonic() + min(seconds, _LONGEST_REST_S))

    def _did(self, results: Sequence[Any], latency_s: float) -> None:
        faulty = next((each for each in results if isinstance(each, RpcError) and each.passing), None)
        with self._lock:
            self._requests += 1
            self._errors += faulty is not None
            self._error_rate += _WEIGHT * ((faulty is not None) - self._error_rate)
            self._latency_s += _WEIGHT * (latency_s - self._latency_s) if self._latency_s else latency_s
            self._patience_s = min(_MOST_PATIENCE_S, max(_LEAST_PATIENCE_S, _SLOWER * self._latency_s))
            self._error = str(faulty) if faulty else ""
            self._failures = 0

    def _failed(self, why: str, *, too_slow: bool = False) -> None:
        with self._lock:
            if too_slow:
                self._patience_s = min(_MOST_PATIENCE_S, 2 * self._patience_s)
            self._requests += 1
            self._errors += 1
            self._error_rate += _WEIGHT * (1 - self._error_rate)
            self._error = why
            self._failures += 1
            rest_s = min(_LONGEST_REST_S, _FIRST_REST_S * 2 ** (self._failures - 1))
            self._rests_until = time.monotonic() + rest_s

    def _note_head(self, calls: Sequence[Call], results: Sequence[Any]) -> None:
        for (method, params), result in zip(calls, results, strict=True):
            if isinstance(result, RpcError) or result is None:
                continue
            if method == "eth_blockNumber":
                self.head = int(result, 16)
            elif method == "eth_getBlockByNumber" and params[0] == "latest":
                self.head = int(result["number"], 16)


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Of a whole HTTP request."""

    message: str
    kind: Kind


def _replies(said: Said) -> dict[Any, dict[str, Any]]:
    """Replies by id; under None what has none."""
    try:
        body = jsontext.parse(said.body)
    except ValueError:
        return {}
    found: dict[Any, dict[str, Any]] = {}
    for reply in body if isinstance(body, list) else [body]:
        if isinstance(reply, dict):
            id_ = reply.get("id")
            found[id_ if isinstance(id_, int) else None] = reply
    return found


def _refusal(said: Said, replies: dict[Any, dict[str, Any]], ids: Sequence[int]) -> _Refusal | None:
    """Why the request as a whole was refused; None where at least one call has its reply."""
    own = [replies[id_] for id_ in ids if id_ in replies]
    if own:
        errors = [error for reply in own if isinstance(error := reply.get("error"), dict)]
        too_many = len(own) < len(ids) and any(kind_of(_message(error)) is Kind.BATCH for error in errors)
        return _Refusal(_message(errors[0]), Kind.BATCH) if too_many else None
    error = replies.get(None, {}).get("error")
    if error is not None:
        code = error.get("code") if isinstance(error, dict) else 0
        kind = kind_of(_message(error), code=code if isinstance(code, int) else 0, status=said.status)
        return _Refusal(_message(error), kind)
    if said.status != HTTPStatus.OK:
        moved = f", sends us to {redacted(said.location)}" if said.location else ""
        message = f"HTTP status {said.status}{moved}"
        return _Refusal(message, kind_of("", status=said.status))
    if replies:
        return _Refusal("answered another question", Kind.WRONG_FORM)
    return _Refusal(f"answered what is no JSON-RPC ({said.body[:20]!r})", Kind.WRONG_FORM)


def _result(call: Call, reply: dict[str, Any] | None) -> Any:
    method, params = call
    if reply is None:
        return RpcError(method, "has no reply in its batch", kind=Kind.WRONG_FORM)
    error = reply.get("error")
    if error is not None:
        code = error.get("code") if isinstance(error, dict) else None
        data = _revert_data(error.get("data")) if isinstance(error, dict) else b""
        message = _message(error)
        return RpcError(method, message, data, kind=kind_of(message, code=code if isinstance(code, int) else 0))
    result = reply.get("result")
    wrong = forms.problem(method, params, result)
    return result if wrong is None else RpcError(method, wrong, kind=Kind.WRONG_FORM)


def _all_refused_alike(results: Sequence[Any]) -> bool:
    """Whether an endpoint may mean the batch when it refuses each call of it."""
    return (
        all(isinstance(each, RpcError) and not each.data for each in results)
        and len({each.message for each in results}) == 1
        and results[0].kind in {Kind.BATCH, Kind.RANGE, Kind.OTHER, Kind.FAILED}
    )


def _message(error: Any) -> str:
    return str(error.get("message", error)) if isinstance(error, dict) else str(error)


def _revert_data(data: Any) -> bytes:
    """Revert data as Anvil and geth (a string), Hardhat (`data`) and Ganache (`result`) give it."""
    if isinstance(data, dict):
        data = data.get("data") or data.get("result")
        return _revert_data(data)
    if isinstance(data, str):
        start = data.find("0x")
        try:
            return bytes.fromhex(data[start + 2 :]) if start >= 0 else b""
        except ValueError:
            return b""
    return b""
