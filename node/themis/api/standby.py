"""What a node says while another one with its key leads: that it lives, and is not the one to ask."""

import time
from collections.abc import Collection
from http import HTTPStatus
from importlib.metadata import version
from typing import Final

from fastapi import FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, ProcessCollector, generate_latest

from themis.api import models, pages, problems
from themis.api.guarded import guarded
from themis.api.reading import DISTRIBUTION
from themis.daemon.lead import STANDING_BY

_ASKED: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def create(*, hosts: Collection[str] | None, token: str | None) -> FastAPI:
    """Build it. `hosts` and `token` as in `Guard`. Whatever a leader answers is 503 here, with the reason."""
    app = guarded(hosts=hosts, token=token, openapi_url=None)
    pages.serve(app, "/", "standby.html")
    for part in ("style.css", "standby.js"):
        pages.serve(app, f"/page/{part}", part)
    registry = _registry()
    since_s = round(time.time())

    @app.get("/livez")
    def livez() -> models.Live:
        return models.Live(live=True)

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    @app.api_route("/{path:path}", methods=_ASKED)
    def other(request: Request) -> Response:
        return problems.problem(request, HTTPStatus.SERVICE_UNAVAILABLE, STANDING_BY, "standing_by", since_s=since_s)

    return app


def _registry() -> CollectorRegistry:
    """A leader's names where they mean the same. What only a leader knows is left out: no rule shall take it for 0."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    Gauge("themis_ready", "Whether the node can answer requests now, as /readyz.", registry=registry).set(0)
    Gauge("themis_standing_by", "1 while another node with this key leads.", registry=registry).set(1)
    built = Gauge("themis_build_info", "1, for the version that runs.", ("version",), registry=registry)
    built.labels(version(DISTRIBUTION)).set(1)
    return registry
