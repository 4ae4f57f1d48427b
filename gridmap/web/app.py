"""The application: the store it opens, the headers it sends, who watches it."""

from __future__ import annotations

import gc
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from gridmap import __version__, credentials, jobs
from gridmap.settings import Settings
from gridmap.web import (
    api,
    changes,
    corrections,
    finding,
    map_tiles,
    ogc,
    ogc_tiles,
    on_the_spot,
    overview,
    pages,
    queues,
    uploads,
    v1,
)
from gridmap.web.documents import add_documents
from gridmap.web.fresh import Kept, Renewed
from gridmap.web.limits import Limits
from gridmap.web.noted import Noted
from gridmap.web.problems import add_problems
from gridmap.web.sign_in import add_sign_in, open_doors
from gridmap.web.watch import Watch, Watched

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "SAMEORIGIN",
    "Permissions-Policy": "geolocation=(self), camera=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
}
"""Of every answer; a page says itself which scripts run in it."""

THREADS = 10
"""Requests answered at once; others wait their turn. More threads only wait for each other: of 16
clients the slowest hundredth then waits 40 ms instead of 34 (`bench_serve.py`)."""

ON_TLS = {"Strict-Transport-Security": "max-age=31536000"}
"""Once reached by TLS, never without."""


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
        with jobs.service(chosen) as logins, uploads.uploads() as folder:
            jobs.require_guarded(logins.app, host=chosen.host, secret=chosen.secret)
            app.state.logins = logins
            app.state.engine = logins.app
            open_doors(app, credentials.signing_secret(chosen.secret, chosen.data_dir))
            app.state.uploads = folder
            current_default_thread_limiter().total_tokens = THREADS
            with closing(jobs.Queue(logins.app)) as app.state.queue:
                _settle()
                yield

    # FastAPI's own pages of documentation load scripts from a foreign host (web.md 1.1), and ask
    # nobody who it is: ``documents`` has ours.
    app = FastAPI(
        title="gridmap",
        version=__version__,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = chosen
    app.state.maps = Renewed(pages.MAPS_KEPT)
    app.state.overviews = Renewed(overview.PAGES_KEPT)
    app.state.spots = Renewed(overview.PAGES_KEPT)
    app.state.quarters = {}
    app.state.kept = Kept()
    app.state.tiles = map_tiles.Tiles()
    app.state.watch = Watch()
    app.add_middleware(Compressed, minimum_size=1000, compresslevel=5)
    app.add_middleware(Noted)
    app.add_middleware(map_tiles.Doubting, tiles=app.state.tiles)
    add_sign_in(app)
    app.add_middleware(Limits)
    app.add_middleware(Headers)
    # A foreign page must not reach this server under a name of its own (DNS rebinding).
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=chosen.allowed_hosts.split(","))
    # The last added is the first to see a request: foreign names are counted and logged too.
    app.add_middleware(Watched, watch=app.state.watch)
    add_problems(app)
    app.router.routes.insert(0, map_tiles.ROUTE)
    app.include_router(api.router)
    app.include_router(finding.router)
    app.include_router(on_the_spot.router)
    app.include_router(v1.router)
    app.include_router(corrections.router)
    app.include_router(uploads.router)
    app.include_router(changes.router)
    app.include_router(ogc.router)
    app.include_router(ogc_tiles.router)
    app.include_router(pages.router)
    app.include_router(overview.router)
    app.include_router(queues.router)
    add_documents(app)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    return app


def _settle() -> None:
    """Let what was made at the start be; looking through it for garbage stops answers for 0.1 s."""
    gc.collect()
    gc.freeze()


class Compressed(GZipMiddleware):
    """Compresses answers, but those that come compressed: to get ready for it takes 0.1 ms."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        ready = scope["type"] == "http" and scope["path"].startswith("/tiles/")
        await (self.app if ready else super().__call__)(scope, receive, send)


class Headers:
    """Adds what every answer says to a browser."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request with more headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        more = HEADERS | (ON_TLS if scope["scheme"] == "https" else {})
        if not scope["path"].startswith("/static/"):
            more = more | {"Cache-Control": "no-store"}

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in more.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, told)
