"""The HTTP API of one node: read-only, but for orders."""

from collections.abc import Collection
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import FastAPI, HTTPException, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from themis.api import (
    committee,
    committees,
    covers,
    description,
    licensing_calls,
    models,
    orders,
    pages,
    problems,
    streaming,
    verifying,
    views,
)
from themis.api import licensing as licensing_routes
from themis.api.guarded import guarded
from themis.api.licensing import Licensing
from themis.api.metrics import NodeCollector
from themis.api.reading import Reading
from themis.api.streaming import JobId
from themis.core.job import State
from themis.core.types import Hash32
from themis.daemon.orders import Door
from themis.daemon.spread import Spread
from themis.replay.verdict import Verifier

MAX_JOBS: Final = 1_000
MAX_HOURS: Final = 24 * 92


def create(
    reading: Reading,
    licensing: Licensing,
    verifier: Verifier,
    *,
    hosts: Collection[str] | None,
    token: str | None,
    door: Door | None = None,
    spread: Spread | None = None,
) -> FastAPI:
    """Build the API. `hosts` and `token` as in `Guard`; `spread` where the node is a member of a committee.

    `door`: the node's, for orders; none: one that wakes nobody.
    """
    app = guarded(hosts=hosts, token=token, openapi_url="/v1/openapi.json")
    description.install(app, token=token is not None)
    reading.node.telemetry.registry.register(NodeCollector(reading))
    pages.install(app)
    _add_health(app, reading)
    _add_data(app, reading)
    streaming.install(app, reading.node)
    licensing_routes.install(app, licensing)
    licensing_calls.install(app, licensing)
    verifying.install(app, verifier)
    orders.install(app, door or Door(reading.node))
    committees.install(app, licensing)
    covers.install(app, licensing, verifier.holdings)
    if spread is not None:
        committee.install(app, spread)
    return app


def _add_health(app: FastAPI, reading: Reading) -> None:
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
        return list(reading.served())

    @app.get("/v1/hours")
    def hours(count: Annotated[int, Query(ge=1, le=MAX_HOURS)] = 48) -> list[models.Hour]:
        """The newest, this one included, oldest first."""
        return views.hours(store, reading.node.clock.now_s(), count)

    @app.get("/v1/jobs")
    def jobs(
        state: State | None = None, limit: Annotated[int, Query(ge=1, le=MAX_JOBS)] = 100
    ) -> list[models.JobSummary]:
        found = store.jobs(state, limit=limit, newest_first=True)
        return [views.job_summary(job, store.history(job.id)) for job in found]

    @app.get("/v1/jobs/{job_id}")
    def job(job_id: JobId) -> models.JobDetail:
        found = views.job_beginning(store, job_id)
        if isinstance(found, str):
            raise HTTPException(HTTPStatus.NOT_FOUND, found)
        return found

    @app.get("/v1/jobs/{job_id}/words")
    def words(job_id: JobId) -> models.Words:
        found = job(job_id)
        asked = store.job(Hash32(bytes.fromhex(found.id[2:])))
        if asked is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"this node knows no request {job_id}")
        return views.words(reading.node.engine, asked)
