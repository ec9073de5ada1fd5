"""The API's own description (OpenAPI), as it is: every error is a problem, a token is named where one is asked for."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from themis.api.models import Problem
from themis.api.orders import OrderBody
from themis.api.problems import MEDIA_TYPE

_ABOUT: Final = (
    "Read-only, but for orders. Bytes are 0x-hex, and integers that may pass 2^53 are strings. Errors are problems "
    "(RFC 9457)."
)
_PROBLEM: Final = {
    "description": "A problem: its type ends with the code, its detail says what to do.",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def install(app: FastAPI, *, token: bool) -> None:
    """Describe what is installed by the time somebody asks."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app, token=token)
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's own way to change it


def _described(app: FastAPI, *, token: bool) -> dict[str, Any]:
    said = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes)
    for operations in said["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = _PROBLEM
    parts = said.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for model in (Problem, OrderBody):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    if token:
        parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        said["security"] = [{"token": []}]
    return said
