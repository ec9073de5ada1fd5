"""Answers run again for whoever asks: one at a time, apart from the node's own models, and nothing is kept."""

import threading
from http import HTTPStatus
from typing import Annotated

from fastapi import FastAPI, HTTPException, Path

from themis.api import models, views
from themis.core.errors import Misconfigured, Refused, Unavailable
from themis.replay.history import Unknown
from themis.replay.verdict import Verifier

Name = Annotated[str, Path(pattern="^0x[0-9a-fA-F]{64}$")]
"""A transaction's hash or a request's id."""


def install(app: FastAPI, verifier: Verifier) -> None:
    """Add /v1/verify."""
    free = threading.Lock()

    @app.get("/v1/verify/{name}")
    def verify(name: Name) -> list[models.Verification]:
        if not free.acquire(blocking=False):
            raise Unavailable("another answer is being verified: ask again when it is done")
        try:
            return [views.verification(verdict) for verdict in verifier.verify(name.lower())]
        except Unknown as unknown:
            raise HTTPException(HTTPStatus.NOT_FOUND, str(unknown)) from unknown
        except (Misconfigured, Refused) as cannot:
            raise HTTPException(HTTPStatus.CONFLICT, str(cannot)) from cannot
        finally:
            free.release()
