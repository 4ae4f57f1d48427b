"""The page of somebody who stands before a building, and the answer behind it.

Belongs here: the routes, the words of the page's script. Does not belong here: what is told of a
place (``jobs.surroundings``), taking a correction (``corrections``).
"""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, HTMLResponse
from jinja2.utils import htmlsafe_json_dumps
from pydantic_core import to_json

from gridmap import jobs
from gridmap.language import translate
from gridmap.model import LENSES, REASON_NAMES, STATUS_NAMES, Right
from gridmap.web.access import Asker, Store, needs
from gridmap.web.api import AsOf, Latitude, Longitude
from gridmap.web.finding import KIND_NAMES
from gridmap.web.forms import language_of
from gridmap.web.frame import framed, words

if TYPE_CHECKING:
    from gridmap.model import Scope

router = APIRouter(tags=["Answers"])

WORKER = Path(__file__).parent / "static" / "locate-worker.js"
GRID_DIGITS = 15

LENS_NAMES = {
    "party_group": "Party group",
    "party_branch": "Party branch",
    "grid_leader": "Grid leader",
    "community_workers": "Community workers",
    "community_police": "Community police",
    "volunteers": "Volunteers and social workers",
    "legal_service": "Legal service",
    "community_affairs": "Community affairs",
    "city_management": "City management",
}
"""What serves a grid or a building -> what it is called in English."""

FOUND_BY = {
    "code": "code",
    "name": "name",
    "address": "address",
    "former_name": "former name",
    "former_address": "former address",
    "entrance": "entrance",
}

SAID = (
    "Show my position",
    "Follow my position",
    "Stop showing my position",
    "Looking for your position …",
    "Your position, known to ± {metres} m",
    "The browser does not give your position. Type an address, or move the map under the cross.",
    "Browsers give a position only over https. Type an address, or move the map under the cross.",
    "No position came in time. Try again, type an address, or move the map under the cross.",
    "This is outside your grids.",
    "This place is in no grid.",
    "The nearest of your grids is shown below.",
    "{metres} m away",
    "here",
    "households",
    "floors",
    "Nothing is known of this yet.",
    "No building stands here.",
    "Others close by",
    "No entrance is recorded.",
    "No duty telephone is recorded.",
    "Every building of this grid has a Party group.",
    "{count} buildings without a Party group",
    "Coverage as of {day}",
    "Nothing found for “{text}”.",
    "Searched: {kinds}.",
    "{count} found",
    "more",
    "No connection. What was seen last is shown, of {time}.",
    "No connection, and nothing was seen here before.",
    "Connected again.",
    "This could not be read. Try again.",
    "You are signed out. Sign in again to go on.",
    "{count} reports wait to be sent",
    "No report waits.",
    "Sent. Number {number}.",
    "Kept on this device; it is sent when there is a connection.",
    "This device keeps nothing. Send it when there is a connection.",
    "Refused: {why}",
    "Discard",
    "waiting",
    "about",
    "Say in a few words what is wrong.",
    "Moved",
    "Demolished",
    "New building",
    "Wrong link",
    "Something else",
    "Zoom in",
    "Zoom out",
)
"""What the page's script says, beside names of things."""

KINDS = ("Moved", "Demolished", "New building", "Wrong link", "Something else")


@router.get("/api/v1/here", response_model=dict[str, Any], dependencies=[needs(Right.ROWS)])
def here(store: Store, asker: Asker, lon: Longitude, lat: Latitude, as_of: AsOf = None) -> Response:
    """Say what is at a place, who serves it, and which buildings near by nobody covers."""
    told = jobs.here(store, lon, lat, own=_grids(asker), as_of=as_of or dt.date.today())
    # Written at once: FastAPI would go through its hundreds of outlines, number by number.
    return Response(to_json(told), media_type="application/json")


@router.get(
    "/locate",
    response_class=HTMLResponse,
    include_in_schema=False,
    dependencies=[needs(Right.ROWS)],
)
def locate_page(request: Request, store: Store, asker: Asker) -> HTMLResponse:
    """Show the page of somebody on the spot."""
    language = language_of(request)
    start = jobs.start_of(store, () if asker.whole else asker.ranges)
    config = {
        "language": language,
        # Names what is kept on the device, so that nobody is shown another's; tells nothing.
        "owner": hashlib.sha256(repr((asker.account, sorted(asker.ranges))).encode()).hexdigest(),
        "start": start,
        "words": words(language, *SAID),
        "lenses": _lenses(language),
        "statuses": {k: translate(v, language) for k, v in STATUS_NAMES.items()},
        "reasons": {k: translate(v, language) for k, v in REASON_NAMES.items()},
        "fields": {k: translate(v, language) for k, v in FOUND_BY.items()},
        "kinds": {k: translate(v, language) for k, v in KIND_NAMES.items()},
    }
    return framed(request, asker, "locate.html", config=htmlsafe_json_dumps(config), kinds=KINDS)


@router.get("/locate-worker.js", response_class=FileResponse, include_in_schema=False)
def worker() -> FileResponse:
    """Give the script that keeps the page; it may only keep pages beside it, hence its path."""
    # A worker asks under its own policy, not under that of the page.
    policy = "default-src 'none'; connect-src 'self'"
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": policy}
    return FileResponse(WORKER, media_type="text/javascript", headers=headers)


def _grids(asker: Scope) -> tuple[str, ...]:
    return tuple(code for code in asker.ranges if len(code) == GRID_DIGITS)


def _lenses(language: str) -> dict[str, str]:
    return {
        code: LENSES[code].name if language == "zh" else name for code, name in LENS_NAMES.items()
    }
