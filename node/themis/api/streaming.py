"""`GET /v1/jobs/{id}/stream`: what a decoder writes, as it writes it, in server-sent events.

`draft` holds all that was written so far, whenever there is more; `end`, the last event, the job's state and answer,
if it has one by then: the node may stop, or ten minutes pass. A reader who goes away is forgotten.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import FastAPI, HTTPException, Path
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from themis.api import views
from themis.core.job import Job, State
from themis.core.spelling import shown
from themis.core.types import Draft, Hash32
from themis.daemon.node import Node

MAX_STREAMS: Final = 16
MAX_STREAM_S: Final = 600.0
POLL_S: Final = 0.1
QUIET_S: Final = 15.0
"""After that long without news a comment is sent, so that nobody on the way hangs up."""
UNANSWERED: Final = (State.SEEN, State.WAITING, State.QUEUED)

JobId = Annotated[str, Path(pattern="^0x[0-9a-fA-F]{6,64}$")]
"""As many digits as tell a job from the others."""


class Streams:
    """All that are open."""

    def __init__(self, node: Node, stopping: Callable[[], bool]) -> None:
        self._node, self._stopping = node, stopping
        self.open = 0

    async def follow(self, id_: Hash32) -> AsyncIterator[bytes]:
        """Events until the job has its answer, or will have none."""
        self.open += 1
        try:
            async for event in self._events(id_):
                yield event
        finally:
            self.open -= 1

    async def _events(self, id_: Hash32) -> AsyncIterator[bytes]:
        end_s, spoke_s = time.monotonic() + MAX_STREAM_S, time.monotonic()
        told: Draft | None = None
        while True:
            job = await run_in_threadpool(self._node.store.job, id_)  # first: what is written before it is read below
            draft = None if job is not None and job.ordered else self._node.live.draft(id_)
            if draft is not None and draft != told:
                told, spoke_s = draft, time.monotonic()
                yield _event("draft", {"tokens": draft.tokens, "text": draft.text})
            answered = job is None or job.state not in UNANSWERED
            if answered or time.monotonic() > end_s or self._stopping():
                yield _event("end", _state(job))
                return
            if time.monotonic() - spoke_s > QUIET_S:
                spoke_s = time.monotonic()
                yield b": waiting\n\n"
            await asyncio.sleep(POLL_S)


def install(app: FastAPI, node: Node) -> None:
    """Add the route. Streams end when `app.state.stopping` is set."""
    app.state.stopping = False
    streams = Streams(node, lambda: bool(app.state.stopping))

    told: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}

    @app.get("/v1/jobs/{job_id}/stream", response_class=StreamingResponse, responses=told)
    def stream(job_id: JobId) -> StreamingResponse:
        found = views.job_beginning(node.store, job_id)
        if isinstance(found, str):
            raise HTTPException(HTTPStatus.NOT_FOUND, found)
        if streams.open >= MAX_STREAMS:
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, f"{MAX_STREAMS} streams are open: try again later")
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        events = streams.follow(Hash32(bytes.fromhex(found.id[2:])))
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)


def _state(job: Job | None) -> dict[str, Any]:
    """None: the chain has taken the request back, and the node forgot it."""
    answer = views.told(job) if job else None
    return {
        "state": job.state if job else None,
        "reason": job.reason if job else None,
        "detail": job.detail if job else "",
        "output": shown(answer.output) if answer else None,
    }


def _event(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
