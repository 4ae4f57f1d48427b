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
from gridmap.web.access import Asker, Store

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from gridmap.maps import MapParts

router = APIRouter()

Language = Annotated[str | None, Query(pattern="^(zh|en)$", description="Language of the page.")]


@router.get("/", response_class=HTMLResponse)
def district_map(request: Request, store: Store, lang: Language = None) -> HTMLResponse:
    """Show the map of the district."""
    state = request.app.state
    language = lang or state.settings.language
    nonce = secrets.token_urlsafe(16)
    try:
        text = jobs.map_page(_parts(request, store, language), nonce=nonce)
    except UnitNotFound:
        text = jobs.empty_page(language)
    return HTMLResponse(text, headers={"Content-Security-Policy": _policy(nonce)})


@router.get("/health")
def health(request: Request) -> dict[str, str]:
    """Say that the server and its database answer."""
    return {"status": "ok", "data": jobs.version(request.app.state.engine)}


@router.get("/health/live")
def live() -> dict[str, str]:
    """Say that the server runs, whatever its database does: for who would restart it."""
    return {"status": "ok"}


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(request: Request, asker: Asker) -> PlainTextResponse:
    """Give counts and times of requests, in the text form of Prometheus."""
    asker.require(Right.WATCH)
    text = request.app.state.watch.text()
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def _parts(request: Request, engine: Engine, language: str) -> MapParts:
    """Return the composed map, kept for as long as data and day stay the same."""
    today = dt.date.today()
    key = (jobs.version(engine), today)
    kept: dict[str, tuple[tuple[str, dt.date], MapParts]] = request.app.state.maps
    if language not in kept or kept[language][0] != key:
        kept[language] = (key, jobs.map_parts(engine, language=language, as_of=today))
    return kept[language][1]


def _policy(nonce: str) -> str:
    """Return a policy under which only our own scripts run, and nothing leaves the machine."""
    return (
        "default-src 'none'; connect-src 'self'; img-src 'self' data:; "
        f"script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
