"""What stands before every answer of a node, whether it leads or stands by."""

from collections.abc import Collection
from importlib.metadata import version

from fastapi import FastAPI

from themis.api import problems
from themis.api.guard import Guard
from themis.api.head import Head
from themis.api.headers import Headers
from themis.api.limits import Limits
from themis.api.reading import DISTRIBUTION


def guarded(*, hosts: Collection[str] | None, token: str | None, openapi_url: str | None) -> FastAPI:
    """An API without routes. `hosts` and `token` as in `Guard`."""
    app = FastAPI(title="Themis", version=version(DISTRIBUTION), docs_url=None, redoc_url=None, openapi_url=openapi_url)
    problems.install(app)
    app.add_middleware(Guard, hosts=hosts, token=token)
    app.add_middleware(Limits)
    app.add_middleware(Head)
    app.add_middleware(Headers)
    return app
