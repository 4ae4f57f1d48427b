"""The application: the store it opens, the headers it sends, who watches it."""

from __future__ import annotations

from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.staticfiles import StaticFiles
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from gridmap import __version__, jobs
from gridmap.settings import Settings
from gridmap.web import api, changes, corrections, pages, uploads
from gridmap.web.limits import BodyLimit
from gridmap.web.problems import add_problems
from gridmap.web.watch import Watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from fastapi import Response

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
        with jobs.database(chosen) as engine, uploads.uploads() as folder:
            app.state.engine = engine
            app.state.uploads = folder
            with closing(jobs.Queue(engine)) as app.state.queue:
                yield

    # The documentation pages of FastAPI load scripts from a foreign host (web.md 1.1): off.
    app = FastAPI(
        title="gridmap", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.state.settings = chosen
    app.state.maps = {}
    app.state.watch = Watch()
    app.add_middleware(BodyLimit)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.middleware("http")(_with_headers)
    # A foreign page must not reach this server under a name of its own (DNS rebinding).
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])
    # The last added is the first to see a request: foreign names are counted and logged too.
    app.middleware("http")(app.state.watch)
    add_problems(app)
    app.include_router(api.router)
    app.include_router(corrections.router)
    app.include_router(uploads.router)
    app.include_router(changes.router)
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
