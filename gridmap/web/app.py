"""The application: the store it opens, the headers it sends, how errors become answers."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from gridmap import __version__, jobs
from gridmap.errors import (
    Conflict,
    GridmapError,
    InputError,
    NotFound,
    StoreError,
    StoreUnavailable,
)
from gridmap.settings import Settings
from gridmap.web import api, pages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from fastapi import Response

STATUSES: dict[type[GridmapError], int] = {
    InputError: 422,
    NotFound: 404,
    Conflict: 409,
    StoreUnavailable: 503,
    StoreError: 500,
    GridmapError: 500,
}
"""The most special class that fits gives the status."""

RETRY_AFTER_S = 5
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "SAMEORIGIN",
}


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application.

    Parameters
    ----------
    settings
        Read from the environment where none are given, so that
        ``uvicorn --factory gridmap.web:create_app`` works.

    Returns
    -------
    FastAPI
        Opens the store when it starts, closes it when it stops.
    """
    chosen = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with jobs.database(chosen) as engine:
            app.state.engine = engine
            yield

    # The documentation pages of FastAPI load scripts from a foreign host (web.md 1.1): off.
    app = FastAPI(
        title="gridmap", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.state.settings = chosen
    app.state.maps = {}
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.middleware("http")(_with_headers)
    # A foreign page must not reach this server under a name of its own (DNS rebinding).
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])
    app.add_exception_handler(GridmapError, _answer)  # type: ignore[arg-type]
    app.include_router(api.router)
    app.include_router(pages.router)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    return app


async def _with_headers(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    response = await call_next(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


async def _answer(_request: Request, error: GridmapError) -> JSONResponse:
    """Turn an error into a status and a stable code; its text is our own, never a library's."""
    status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == STATUSES[StoreUnavailable] else {}
    body = {"code": error.code, "message": str(error)}
    return JSONResponse(body, status_code=status, headers=headers)
