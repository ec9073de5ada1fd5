"""`/v1/traces`: what is asked of a trace in a game, without a transaction. Whoever asks checks it by its root."""

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import FastAPI, HTTPException, Path, Query, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from themis.api import problems
from themis.api.headers import Headers
from themis.api.limits import Limits
from themis.core.types import Hash32
from themis.dispute import served, showing
from themis.dispute.archive import Archive
from themis.dispute.claim import HEADERS, Ask
from themis.dispute.tree import MOST_LEVELS, Question
from themis.exact.trace import FORMAT

RequestId = Annotated[str, Path(pattern="^0x[0-9a-fA-F]{64}$")]
Tree = Annotated[str, Path(pattern="^(headers|0x[0-9a-fA-F]{1,64})$", description="`headers`, or a tensor's word.")]
Level = Annotated[int | None, Query(ge=0, lt=MOST_LEVELS, description="Of a node; none: the root.")]
MOST_NODES: Final = 2**40


def install(app: FastAPI, archive: Archive) -> None:
    """Traces that were made for games."""

    @app.get("/v1/traces/{request_id}")
    def trace(request_id: RequestId) -> dict[str, Any]:
        found = _found(archive, request_id)
        return {"format": FORMAT, "trace_root": "0x" + found.root.hex(), "tensors": len(found.words)}

    @app.get("/v1/traces/{request_id}/{tree}")
    def opening(
        request_id: RequestId, tree: Tree, level: Level = None, index: Annotated[int, Query(ge=0, lt=MOST_NODES)] = 0
    ) -> dict[str, Any]:
        """What lies beneath a node: nodes, or leaves."""
        word = HEADERS if tree == "headers" else int(tree, 16)
        try:
            return served.written(showing.show(_found(archive, request_id), Ask(word, Question(level, index))))
        except LookupError as error:
            raise HTTPException(HTTPStatus.NOT_FOUND, "the trace has no such node") from error


def alone(archive: Archive, registry: CollectorRegistry | None = None) -> FastAPI:
    """An API of traces and, with a registry, of what whoever plays for them measures; nothing else."""
    app = FastAPI(title="Themis traces", docs_url=None, redoc_url=None, openapi_url=None)
    problems.install(app)
    app.add_middleware(Limits)
    app.add_middleware(Headers)
    install(app, archive)
    if registry is not None:

        @app.get("/metrics")
        def metrics() -> Response:
            return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return app


def _found(archive: Archive, request_id: str) -> Any:
    found = archive.find(Hash32(bytes.fromhex(request_id[2:])))
    if found is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "there is no trace of that request here: it is made for a game")
    return found
