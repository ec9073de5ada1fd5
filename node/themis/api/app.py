"""The read-only HTTP API of one node."""

from collections.abc import Collection
from http import HTTPStatus
from importlib import resources
from importlib.metadata import version
from typing import Annotated, Final

from fastapi import FastAPI, HTTPException, Path, Query, Request, Response
from fastapi.responses import HTMLResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from themis.api import models, problems, views
from themis.api.guard import Guard
from themis.api.metrics import NodeCollector
from themis.api.reading import DISTRIBUTION, Reading
from themis.core.job import State
from themis.core.types import Hash32

MAX_JOBS: Final = 1_000
_CONTENT_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

JobId = Annotated[str, Path(pattern="^0x[0-9a-fA-F]{64}$")]


def create(reading: Reading, *, hosts: Collection[str] | None, token: str | None) -> FastAPI:
    """Build the API. `hosts` and `token` as in `Guard`."""
    app = FastAPI(
        title="Themis", version=version(DISTRIBUTION), docs_url=None, redoc_url=None, openapi_url="/v1/openapi.json"
    )
    problems.install(app)
    app.add_middleware(Guard, hosts=hosts, token=token)
    reading.node.telemetry.registry.register(NodeCollector(reading))
    _add_health(app, reading)
    _add_data(app, reading)
    return app


def _add_health(app: FastAPI, reading: Reading) -> None:
    page = resources.files("themis.api").joinpath("page.html").read_text()

    @app.get("/", include_in_schema=False)
    def show_page() -> HTMLResponse:
        return HTMLResponse(page, headers={"Content-Security-Policy": _CONTENT_POLICY, "Cache-Control": "no-store"})

    @app.get("/livez")
    def livez() -> models.Live:
        return models.Live(live=True)

    @app.get("/readyz", response_model=models.Ready, response_model_exclude_none=True)
    def readyz(request: Request, verbose: str | None = None) -> models.Ready | Response:
        found = reading.ready()
        if not found.ready:
            waiting = "; ".join(each.detail for each in found.conditions or () if not each.ok)
            conditions = [each.model_dump() for each in found.conditions or ()]
            return problems.problem(
                request, HTTPStatus.SERVICE_UNAVAILABLE, waiting, "not_ready", conditions=conditions
            )
        return found if verbose is not None else models.Ready(ready=True)

    @app.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        return Response(generate_latest(reading.node.telemetry.registry), media_type=CONTENT_TYPE_LATEST)


def _add_data(app: FastAPI, reading: Reading) -> None:
    store = reading.node.store

    @app.get("/v1/status")
    def status() -> models.Status:
        return reading.status()

    @app.get("/v1/models")
    def served() -> list[models.Model]:
        return [views.model(info) for info in reading.node.engine.models().values()]

    @app.get("/v1/jobs")
    def jobs(
        state: State | None = None, limit: Annotated[int, Query(ge=1, le=MAX_JOBS)] = 100
    ) -> list[models.JobSummary]:
        return [views.job_summary(job) for job in store.jobs(state, limit=limit, newest_first=True)]

    @app.get("/v1/jobs/{job_id}")
    def job(job_id: JobId) -> models.JobDetail:
        key = Hash32(bytes.fromhex(job_id[2:]))
        found = store.job(key)
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"this node knows no request {job_id}")
        return views.job_detail(found, store.history(key))
