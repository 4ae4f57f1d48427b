"""The pages for people, and the answer to "are you alive"."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, PlainTextResponse

from gridmap import jobs
from gridmap.errors import UnitNotFound
from gridmap.model import Right
from gridmap.web.access import NEEDED, Asker, Store
from gridmap.web.basemap import basemap_of, origins
from gridmap.web.forms import language_of
from gridmap.web.frame import places_of, remembering

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from gridmap.maps import MapParts
    from gridmap.model import Scope

router = APIRouter()

MAPS_KEPT = 24
"""Composed maps of a megabyte or two that are kept, each for one scope and language."""

Language = Annotated[str | None, Query(pattern="^(zh|en)$", description="Language of the page.")]


@router.get("/", response_class=HTMLResponse)
def district_map(
    request: Request, asker: Asker, store: Store, lang: Language = None
) -> HTMLResponse:
    """Show the map of the district."""
    language = lang or language_of(request)
    nonce = secrets.token_urlsafe(16)
    basemap = basemap_of(request.app.state.settings)
    try:
        parts = _parts(request, store, asker, language)
        text = jobs.map_page(parts, nonce=nonce, places=places_of(asker), basemap=basemap)
    except UnitNotFound:
        text = jobs.empty_page(language)
    policy = _policy(nonce, origins(basemap))
    return remembering(request, HTMLResponse(text, headers={"Content-Security-Policy": policy}))


@router.get("/health")
def health(request: Request) -> dict[str, str]:
    """Say that the server and its database answer."""
    return {"status": "ok", "data": jobs.version(request.app.state.engine)}


@router.get("/health/live")
async def live() -> dict[str, str]:
    """Say that the server runs, whatever its database does: for who would restart it."""
    return {"status": "ok"}


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(request: Request, asker: Asker) -> PlainTextResponse:
    """Give counts and times of requests, in the text form of Prometheus."""
    asker.require(Right.WATCH)
    text = request.app.state.watch.text()
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def _parts(request: Request, engine: Engine, asker: Scope, language: str) -> MapParts:
    """Return the composed map, kept for as long as data and day stay the same.

    Maps are kept by what is seen: nobody gets one that was made for other eyes.
    """
    today = dt.date.today()
    state = (jobs.version(engine), today)
    mine = (language, asker.spans, asker.rights)
    details = [name for name, right in NEEDED.items() if right is None or right in asker.rights]
    rows = Right.ROWS in asker.rights
    parts: MapParts = request.app.state.maps.kept(
        mine,
        state,
        lambda: jobs.map_parts(engine, language=language, as_of=today, details=details, rows=rows),
    )
    return parts


def _policy(nonce: str, pictures: list[str]) -> str:
    """Return a policy under which only our own scripts run, and nothing leaves the machine.

    Where there is a basemap, pictures of it are asked for at its own address, and at no other.
    """
    allowed = " ".join(("'self'", "data:", *pictures))
    return (
        f"default-src 'none'; connect-src 'self'; img-src {allowed}; "
        f"script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
