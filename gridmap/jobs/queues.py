"""What waits for a planner: imports, corrections, filings that are overdue, views into privacy.

Belongs here: reading it together. Does not belong here: deciding (``corrections``), importing
(``layers``), the rules that cameras break (``lawfulness``).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from gridmap import store
from gridmap.jobs.days import day_of_figures
from gridmap.model import LAYERS, Issue, Level
from gridmap.rules import Severity

if TYPE_CHECKING:
    import datetime as dt

    import shapely
    from sqlalchemy import Connection, Engine

FILINGS = ("V09.overdue", "V09.unknown")
PRIVACY = (
    "V06.inside",
    "V07.turn",
    "V07.mask",
    "V07.possible",
    "V08.camera",
    "V08.view",
    "V08.possible",
)
"""Shapes of rules of `lawfulness`: no filing with the police; ground that nobody may watch, or not
without consent. What was filed late is filed, and waits for nobody."""

SHOWN, SHOWN_BREACHES = 50, 20
"""The most corrections and cameras that a queue shows."""

READ = 20_000
"""The most breaches that are put in order."""

COUNTED = 500
"""The most corrections that are counted."""

UPLOADS = 20
ISSUES = 5
"""Issues that an upload shows."""


def queues_of(
    engine: Engine, book: Engine, *, as_of: dt.date, account: str | None = None
) -> dict[str, Any]:
    """Read what waits for a planner.

    Parameters
    ----------
    engine
        The store as the planner sees it.
    book
        The store as the application sees it: jobs are its own.
    as_of
        The day of the rows that corrections are of.
    account
        Whose uploads; None for everybody's.

    Returns
    -------
    dict
        ``uploads`` (the last: id, layer, account, at, state, and of its report batch, counts,
        issues), ``corrections`` (open ones, the oldest first, with ``now``: the fields as they are
        stored, ``current`` the row's version, None where it is gone, ``place``), ``filings`` and
        ``privacy`` (as_of, district, counts by shape, total, the gravest rows with message in both
        languages and ``place``);
        as_of None where nothing was computed. A place is longitude and latitude, or None.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(book) as conn:
        uploads = store.read_jobs(conn, kind="import", account=account, limit=UPLOADS)
    with store.transaction(engine, snapshot=True) as conn:
        found = store.read_corrections(conn, state="open", limit=COUNTED)
        oldest = found[::-1][:SHOWN]
        return {
            "uploads": [_upload(one) for one in uploads],
            "corrections": {
                "total": len(found),
                "more": len(found) == COUNTED,
                "rows": _corrections(conn, oldest, as_of),
            },
            "filings": _breaches(conn, FILINGS),
            "privacy": _breaches(conn, PRIVACY),
        }


_ORDER = [str(one) for one in (Severity.ERROR, Severity.WARNING, Severity.INFO)]


def _upload(job: dict[str, Any]) -> dict[str, Any]:
    """Return an upload with the part of its report that a row of a page holds."""
    report = job["report"] or {}
    issues = report.get("issues", [])
    counts = {level: sum(one["severity"] == level for one in issues) for level in _ORDER[:2]}
    named = ("batch_id", "source", "committed", "rows", "inserted", "updated", "ended", "detail")
    return {
        "id": job["id"],
        "layer": job["subject"],
        "account": job["account"],
        "at": job["created_at"],
        "state": job["state"],
        "progress": job["progress"],
        **{name: report.get(name) for name in named},
        **counts,
        "issues": sorted(issues, key=lambda one: _ORDER.index(one["severity"]))[:ISSUES],
    }


def _corrections(
    conn: Connection, found: list[dict[str, Any]], as_of: dt.date
) -> list[dict[str, Any]]:
    rows = {}
    for layer in {one["layer"] for one in found}:
        codes = [one["code"] for one in found if one["layer"] == layer]
        rows[layer] = store.read_rows(conn, layer, codes, as_of=as_of)
    told = []
    for one in found:
        row = rows[one["layer"]].get(one["code"])
        fields = LAYERS[one["layer"]].columns
        shape = one["geometry"] if one["geometry"] is not None else row and row.geometry
        told.append(
            {
                **one,
                "now": {name: row.fields.get(name) for name in one["fields"]} if row else {},
                "current": row.version if row else None,
                "place": _place(shape),
                "choices": [name for name in fields if name not in LAYERS[one["layer"]].key],
            }
        )
    return told


def _breaches(conn: Connection, shapes: tuple[str, ...]) -> dict[str, Any]:
    """Return the cameras of all that is seen that break some rules, the gravest first."""
    runs = {run["subject"] for run in store.read_runs(conn)}
    if "camera" not in runs:
        return {"as_of": None, "district": None, "counts": {}, "total": 0, "rows": []}
    day = day_of_figures(conn, "camera")
    counts: dict[str, int] = {}
    found: list[dict[str, Any]] = []
    for code in store.read_codes(conn, Level.DISTRICT, as_of=day):
        here, rows = store.read_camera_issues(conn, code, as_of=day, limit=READ, shapes=shapes)
        counts = {shape: counts.get(shape, 0) + here.get(shape, 0) for shape in {**counts, **here}}
        found += rows
    found = sorted(found, key=partial(_gravity, shapes=shapes))[:SHOWN_BREACHES]
    cameras = store.read_rows(conn, "camera", [row["camera_code"] for row in found], as_of=day)
    return {
        "as_of": day,
        "counts": counts,
        "district": next(iter(store.read_codes(conn, Level.DISTRICT, as_of=day)), None),
        "total": sum(counts.values()),
        "rows": [_breach(row, cameras.get(row["camera_code"])) for row in found],
    }


def _gravity(row: dict[str, Any], *, shapes: tuple[str, ...]) -> tuple[int, float, str]:
    """Return what puts breaches in order: their shape, then how long or over how much ground."""
    values = row["values"]
    return (
        shapes.index(row["shape"]),
        -float(values.get("days") or values.get("area") or 0),
        row["camera_code"],
    )


def _breach(row: dict[str, Any], camera: store.StoredRow | None) -> dict[str, Any]:
    issue = Issue(row["shape"], field=row["field"], values=row["values"]).as_dict()
    return {
        "camera_code": row["camera_code"],
        "name": camera.fields.get("name") if camera else None,
        "place": _place(camera.geometry if camera else None),
        **issue,
    }


def _place(shape: shapely.Geometry | None) -> tuple[float, float] | None:
    """Return a point in a shape, longitude and latitude."""
    if shape is None or shape.is_empty:
        return None
    point = shape.representative_point()
    return point.x, point.y
