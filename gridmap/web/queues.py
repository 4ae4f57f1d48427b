"""What waits for a planner, and the forms by which they decide.

Belongs here: the page and its forms. Does not belong here: what waits, and what a decision does
(``jobs``).
"""

from __future__ import annotations

import datetime as dt
import secrets
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from gridmap import jobs
from gridmap.errors import (
    Conflict,
    CorrectionNotFound,
    GridmapError,
    InputError,
    LayerRejected,
    StaleVersion,
)
from gridmap.jobs.corrections import Decision
from gridmap.model import Right, Role, Scope
from gridmap.model.headings import HEADINGS
from gridmap.web.access import Asker, Store, needs
from gridmap.web.forgery import FIELD
from gridmap.web.forms import Filled, language_of
from gridmap.web.frame import framed
from gridmap.web.overview import map_link
from gridmap.web.problems import status_of
from gridmap.web.writing import MOST_REASON, tolerances_of

if TYPE_CHECKING:
    from sqlalchemy import Engine

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

Number = Annotated[int, Path(ge=1, le=2**62)]

DONE = {
    "accept": "The correction was accepted and written.",
    "decline": "The correction was declined; nothing was changed.",
}
"""What is said after a decision."""

FAULTS: dict[type[GridmapError], str] = {
    LayerRejected: "It was not written: the checks of an import found errors.",
    StaleVersion: "It was not written: the row was changed meanwhile. Look at it again.",
    CorrectionNotFound: "There is no such correction.",
    Conflict: "It was decided already.",
    InputError: "It was not written: say what is to be written, and why.",
}
"""The first class that fits says what went wrong."""

STATES = {
    "queued": "waits",
    "running": "runs",
    "done": "done",
    "failed": "failed",
    "aborted": "aborted",
}
TO_DO = {
    "failed": "Mend the file by its report and send it again; nothing was written.",
    "aborted": "The server stopped meanwhile: send the file again with the same key.",
    "checked": "Checked only: send it again with commit to write it.",
    "done": "Written. Compute the figures anew, or undo the batch.",
}
"""What to do with an upload, by what became of it."""

NAMES = {
    "district": "District",
    "street": "Street",
    "community": "Community",
    "grid": "Grid",
    "building": "Building",
    "camera": "Camera",
    "road": "Road",
    "entrance": "Entrance",
    "key_public_area": "Key public area",
    "privacy_zone": "Privacy zone",
    "restricted_site": "Restricted site",
    "organisation": "Organisation",
    "post": "Post",
    "duty": "Duty",
    "courtyard": "Courtyard",
    "department_grid": "Department grid",
    "project": "Project",
    "matter_item": "Matter item",
    "matter": "Matter",
    "proposal": "Proposal",
    "lens": "Lens",
}
"""What a row of each layer is called."""


@router.get("/queues", dependencies=[needs(Right.WRITE)])
def queues(
    request: Request,
    asker: Asker,
    store: Store,
    told: Annotated[str | None, Query(pattern="^(accept|decline)$")] = None,
    number: Annotated[int | None, Query(ge=1, le=2**62)] = None,
) -> HTMLResponse:
    """Show what waits: imports, corrections, filings, privacy."""
    said = None if told is None else (DONE[told], number)
    return _page(request, asker, store, said=said)


@router.post("/queues/corrections/{number}", dependencies=[needs(Right.WRITE)])
def decide(
    request: Request, asker: Asker, store: Store, number: Number, filled: Filled
) -> Response:
    """Accept or decline a correction, and come back to the queue."""
    choice = filled.get("decision", "")
    try:
        decided = _decision(asker, number, filled, str(getattr(request.state, "id", "")))
        if choice == "accept":
            jobs.accept(store, decided, tolerances=tolerances_of(request.app.state.settings))
        elif choice == "decline":
            jobs.decline(store, decided)
        else:
            raise InputError("a correction is accepted or declined")
    except (InputError, Conflict, CorrectionNotFound) as error:
        return _page(request, asker, store, fault=error, at=number, filled=filled)
    where = f"/queues?told={choice}&number={number}#corrections"
    return RedirectResponse(where, status_code=303)


def _decision(asker: Scope, number: int, filled: dict[str, str], request: str) -> Decision:
    """Return what a form decides.

    Raises
    ------
    InputError
        It says no reason, or what cannot be a day or a version.
    """
    why = filled.get("why", "").strip()
    if not why or len(why) > MOST_REASON or not why.isprintable():
        raise InputError(f"say why, in at most {MOST_REASON} characters")
    day, version = filled.get("effective", ""), filled.get("version", "")
    try:
        effective = dt.date.fromisoformat(day) if day else None
        based_on = int(version) if version else None
    except ValueError as error:
        raise InputError("a day is written YYYY-MM-DD") from error
    field, value = filled.get("field", ""), filled.get("value", "").strip()
    key = filled.get("key", "")[:64]
    return Decision(
        number,
        asker.account,
        why,
        effective,
        based_on,
        {field: value} if field and value else {},
        key=f"{asker.account}:{key}" if key else None,
        request=request,
    )


def _page(
    request: Request,
    asker: Scope,
    engine: Engine,
    *,
    said: tuple[str, int | None] | None = None,
    fault: GridmapError | None = None,
    at: int | None = None,
    filled: dict[str, str] | None = None,
) -> HTMLResponse:
    language = language_of(request)
    mine = None if asker.role is Role.ADMIN else asker.account
    told = jobs.queues_of(engine, request.app.state.engine, as_of=dt.date.today(), account=mine)
    found = None if fault is None else _told(fault, language)
    return framed(
        request,
        asker,
        "queues.html",
        status=200 if fault is None else status_of(fault),
        told=told,
        said=said,
        fault=found,
        at=at,
        filled=filled or {},
        field_name=FIELD,
        fresh_key=lambda: secrets.token_urlsafe(12),
        states=STATES,
        to_do=_to_do,
        names=NAMES,
        field_name_of=partial(field_name, language=language),
        link=map_link,
        shown=_shown,
        most=MOST_REASON,
        today=dt.date.today().isoformat(),
    )


def field_name(layer: str, name: str, *, language: str) -> str:
    """Return what a field is called, with the name that forms and files have for it.

    Parameters
    ----------
    layer
        The layer's name.
    name
        The field's.
    language
        One of `LANGUAGES`.

    Returns
    -------
    str
        In Chinese its first Chinese heading before the name.

    Examples
    --------
    >>> field_name("building", "household_count", language="zh")
    '户数 household_count'
    """
    if language != "zh":
        return name
    known = (*HEADINGS.get(f"{layer}.{name}", ()), *HEADINGS.get(name, ()))
    heading = next((one for one in known if not one.isascii()), "")
    return f"{heading} {name}".strip()


def _told(fault: GridmapError, language: str) -> tuple[str, list[str]]:
    """Return what went wrong: a sentence, and what the checks found."""
    sentence = next(text for kind, text in FAULTS.items() if isinstance(fault, kind))
    report = fault.report if isinstance(fault, LayerRejected) else None
    return sentence, [one.message(language) for one in report.errors[:5]] if report else []


def _to_do(upload: dict[str, Any]) -> str | None:
    """Return what is to be done with an upload; None while it is under way."""
    state = upload["state"]
    if state == "done" and not upload["committed"]:
        state = "checked"
    return TO_DO.get(state)


def _shown(value: object) -> str:
    """Return a value of a row as a page shows it."""
    return "–" if value is None or value == "" else str(value)
