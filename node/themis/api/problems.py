"""Every error of the API as a problem (RFC 9457)."""

from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from themis.core.errors import Denied, ThemisError, Unavailable

MEDIA_TYPE: Final = "application/problem+json"


def problem(request: Request, status: int, detail: str, code: str = "", **more: Any) -> JSONResponse:
    """One problem. `code` names its type; `more` are extension members."""
    phrase = HTTPStatus(status).phrase
    body = {
        "type": f"urn:themis:problem:{code or phrase.lower().replace(' ', '_')}",
        "title": phrase,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
    }
    return JSONResponse(body | more, status, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer with problems whatever goes wrong."""
    app.exception_handler(HTTPException)(_http)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(ThemisError)(_known)
    app.exception_handler(Exception)(_bug)


async def _http(request: Request, error: HTTPException) -> JSONResponse:
    response = problem(request, error.status_code, error.detail)
    response.headers.update(error.headers or {})
    return response


async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    found = [{"where": ".".join(map(str, each["loc"])), "what": each["msg"]} for each in error.errors()]
    said = "; ".join(f"{each['where']}: {each['what']}" for each in found)
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, said, "invalid_request", errors=jsonable_encoder(found))


async def _known(request: Request, error: ThemisError) -> JSONResponse:
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    if isinstance(error, Denied):
        status = HTTPStatus.FORBIDDEN
    elif error.exit_status == Unavailable.exit_status:
        status = HTTPStatus.SERVICE_UNAVAILABLE
    return problem(request, status, str(error), error.code)


async def _bug(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 (the server logs it)
    return problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, "a bug: see the node's log, and report it", "bug")
