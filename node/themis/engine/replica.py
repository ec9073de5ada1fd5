"""A model as a deployment of Ray Serve: `serve deploy` with what `themis config ray` prints.

Each replica reads the bundle from its own disk, recomputes its digests and roots, and answers the golden inputs before
Ray sends it anything. It runs what a node runs: the same engine, with the same limits.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict
from ray import serve
from ray.serve import Application
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from themis.bundles import bundle
from themis.core.errors import Misconfigured, Refused
from themis.core.spelling import shown
from themis.core.types import Draft, Hash32
from themis.engine import wire
from themis.engine.afar import share
from themis.engine.apart import Limits
from themis.engine.engine import OnnxEngine
from themis.engine.runner import Work

_CALLS: Final = 4
"""That share a run of the model, where so many wait."""
_ID: Final = Hash32(bytes(32))
"""Of the one model here, which others know by its manifest."""


class Args(BaseModel):
    """As `themis config ray` writes them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path
    manifest_hash: str
    threads: int
    request_seconds: int
    request_memory_mib: int


@serve.deployment
class Model:
    """Answers `wire` questions."""

    def __init__(self, args: Args) -> None:
        """Raises Misconfigured for a bundle that is another one, is harmed, or answers otherwise here."""
        loaded = bundle.load(args.path)
        if shown(loaded.manifest_hash) != args.manifest_hash:
            raise Misconfigured(
                f"{args.path} holds the bundle of manifest {shown(loaded.manifest_hash)}; {args.manifest_hash} is "
                "to be served: put that one there, on each machine of the cluster"
            )
        limits = Limits(args.request_seconds, args.request_memory_mib * 1_024**2)
        self._engine = OnnxEngine({_ID: loaded}, args.threads, limits=limits)
        self._headers = {wire.MANIFEST: args.manifest_hash}
        self._rows = share(loaded) > 1

    async def __call__(self, request: Request) -> Response:
        try:
            work = wire.read_question(await request.body())
        except ValueError as error:
            return Response(str(error), 400, self._headers)
        if wire.DRAFTS in request.query_params and not self._rows:
            return StreamingResponse(self._told(work), headers=self._headers)
        said = await (self._together(work) if self._rows else asyncio.to_thread(self._answers, work))
        return Response(wire.refused(said) if isinstance(said, Refused) else wire.answered(said), headers=self._headers)

    @serve.batch(max_batch_size=_CALLS, batch_wait_timeout_s=0)
    async def _together(self, calls: list[Work]) -> list[list[bytes] | Refused]:
        return await asyncio.to_thread(self._shared, calls)

    def _shared(self, calls: Sequence[Work]) -> list[list[bytes] | Refused]:
        """What several calls get. Where their run is refused, each speaks for itself."""
        said = self._answers([each for work in calls for each in work])
        if isinstance(said, Refused):
            return [said] if len(calls) == 1 else [self._answers(work) for work in calls]
        outputs = iter(said)
        return [[next(outputs) for _ in work] for work in calls]

    def _answers(self, work: Work) -> list[bytes] | Refused:
        try:
            return self._engine.infer(_ID, work)
        except Refused as refused:
            return refused

    async def _told(self, work: Work) -> AsyncIterator[bytes]:
        """Drafts of one answer while it is written, then the answer."""
        loop, lines = asyncio.get_running_loop(), asyncio.Queue[bytes]()
        ((input_, _),) = work

        def hear(draft: Draft) -> None:
            loop.call_soon_threadsafe(lines.put_nowait, wire.drafted(draft))

        def write() -> bytes:
            try:
                return wire.answered([self._engine.stream(_ID, input_, hear)])
            except Refused as refused:
                return wire.refused(refused)

        written = asyncio.create_task(asyncio.to_thread(write))
        written.add_done_callback(lambda _: lines.put_nowait(b""))
        while line := await lines.get():
            yield line
        yield await written


def app(args: Args) -> Application:
    """What Ray Serve imports."""
    deployment: Any = Model
    return deployment.bind(args)
