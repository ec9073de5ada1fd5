"""The pages people look at, and the files they are made of. Nothing comes from elsewhere, nothing is inline."""

from importlib import resources
from typing import Final

from fastapi import FastAPI
from fastapi.responses import Response

PAGES: Final = {
    "/": "status.html",
    "/licensing": "licensing.html",
    "/committees": "committees.html",
    "/covers": "covers.html",
    "/request": "request.html",
    "/api": "api.html",
}
PARTS: Final = (
    "style.css",
    "page.js",
    "status.js",
    "charts.js",
    "api.js",
    "request.js",
    "licensing.js",
    "committees.js",
    "covers.js",
    "grant.js",
    "terms.js",
    "decide.js",
    "keccak.js",
    "wallet.js",
)
_MEDIA: Final = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}


def install(app: FastAPI) -> None:
    """Serve them. They hold no data, so they need no token: they ask for it."""
    for path, name in (*PAGES.items(), *((f"/page/{part}", part) for part in PARTS)):
        serve(app, path, name)


def serve(app: FastAPI, path: str, name: str) -> None:
    """One of the files in `page/`, at a path."""
    content = resources.files("themis.api").joinpath("page", name).read_bytes()
    media = _MEDIA[name.rpartition(".")[2]]

    @app.get(path, include_in_schema=False)
    def show() -> Response:
        return Response(content, media_type=f"{media}; charset=utf-8", headers=_HEADERS)
