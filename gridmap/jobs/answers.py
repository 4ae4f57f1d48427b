"""Questions about a unit or a position: the figures of a day, and the rows behind them."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from gridmap import camera_coverage, store
from gridmap.errors import InputError
from gridmap.jobs.days import figures
from gridmap.jobs.rates import is_stale, unit_rates
from gridmap.model import Issue

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


def unit_coverage(engine: Engine, code: str, *, as_of: dt.date | None = None) -> dict[str, Any]:
    """Answer how far a unit is covered, each figure with its denominator, date and run.

    Parameters
    ----------
    engine
        The store.
    code
        A division code.
    as_of
        The day; None for the figures as they were computed last.

    Returns
    -------
    dict
        For JSON: ``unit``, ``synthetic``, ``stale`` (see `is_stale`), ``rates`` (see
        `model.Rate`, with as_of, computed_at, run).

    Raises
    ------
    UnitNotFound
        There is no such unit.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with figures(engine, as_of) as conn:
        found = store.read_unit_rates(conn, code)
        rates = unit_rates(conn, code)
        synthetic = store.has_synthetic(conn)
        stale = is_stale(conn)
    return {"unit": vars(found["unit"]), "synthetic": synthetic, "stale": stale, "rates": rates}


def uncovered_buildings(
    engine: Engine, code: str, *, limit: int, as_of: dt.date | None = None
) -> dict[str, Any]:
    """List a unit's buildings without a Party group, those with most households first.

    Parameters
    ----------
    engine
        The store.
    code
        A division code.
    limit
        The most rows to return.
    as_of
        The day; None for the figures as they were computed last.

    Returns
    -------
    dict
        For JSON: ``unit``, ``total`` (all uncovered buildings of the unit; a district's with
        those in no grid, which no rate counts), ``rows``.

    Raises
    ------
    UnitNotFound
        There is no such unit.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with figures(engine, as_of, subjects=("org",)) as conn:
        unit = store.read_unit_rates(conn, code)["unit"]
        total, rows = store.read_uncovered(conn, code, as_of=_day(conn, "org"), limit=limit)
    return {"unit": vars(unit), "total": total, "rows": rows}


BLIND_COLUMNS = camera_coverage.BLIND_COLUMNS
"""What blind areas can be ranked by."""

FAILURE_KINDS = camera_coverage.FAILURE_KINDS
"""What can fail: a camera, a pole, a named group."""


def blind_areas(
    engine: Engine, code: str, *, by: str, limit: int, as_of: dt.date | None = None
) -> dict[str, Any]:
    """List a unit's blind areas, those that matter most first.

    Parameters
    ----------
    engine
        The store.
    code
        A division code.
    by
        One of `BLIND_COLUMNS`.
    limit
        The most rows to return.
    as_of
        The day; None for the figures as they were computed last.

    Returns
    -------
    dict
        For JSON: ``unit``, ``by``, ``as_of``, ``total``, ``rows``.

    Raises
    ------
    UnitNotFound
        There is no such unit.
    InputError
        They cannot be ranked by that.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    if by not in BLIND_COLUMNS:
        raise InputError(f"blind areas are ranked by {', '.join(BLIND_COLUMNS)}, not {by[:40]!r}")
    with figures(engine, as_of, subjects=("camera",)) as conn:
        unit = store.read_unit_rates(conn, code)["unit"]
        total, rows = store.read_blind_areas(conn, code, by=by, limit=limit)
        day = _day(conn, "camera")
    return {"unit": vars(unit), "by": by, "as_of": day, "total": total, "rows": rows}


def failure_losses(
    engine: Engine,
    code: str,
    *,
    kind: str,
    redundant: bool,
    limit: int,
    as_of: dt.date | None = None,
) -> dict[str, Any]:
    """List what nobody sees any more if something of a unit fails, greatest loss first.

    Parameters
    ----------
    engine
        The store.
    code
        A division code: what stands in the unit, with all that it loses.
    kind
        One of `FAILURE_KINDS`.
    redundant
        Only what adds nothing to what the others see.
    limit
        The most rows to return.
    as_of
        The day; None for the figures as they were computed last.

    Returns
    -------
    dict
        For JSON: ``unit``, ``kind``, ``as_of``, ``total``, ``rows``.

    Raises
    ------
    UnitNotFound
        There is no such unit.
    InputError
        There is no such kind.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    if kind not in FAILURE_KINDS:
        raise InputError(f"what can fail is {', '.join(FAILURE_KINDS)}, not {kind[:40]!r}")
    with figures(engine, as_of, subjects=("camera",)) as conn:
        unit = store.read_unit_rates(conn, code)["unit"]
        day = _day(conn, "camera")
        total, rows = store.read_losses(
            conn, code, kind=kind, as_of=day, limit=limit, least=redundant
        )
    return {"unit": vars(unit), "kind": kind, "as_of": day, "total": total, "rows": rows}


def camera_issues(
    engine: Engine, code: str, *, limit: int, as_of: dt.date | None = None
) -> dict[str, Any]:
    """List the rules that a unit's cameras break.

    Parameters
    ----------
    engine
        The store.
    code
        A division code.
    limit
        The most rows to return.
    as_of
        The day; None for the figures as they were computed last.

    Returns
    -------
    dict
        For JSON: ``unit``, ``as_of``, ``total``, ``counts`` (by shape of the rule), ``rows``
        with camera_code, rule, severity, field, message in both languages, run.

    Raises
    ------
    UnitNotFound
        There is no such unit.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with figures(engine, as_of, subjects=("camera",)) as conn:
        unit = store.read_unit_rates(conn, code)["unit"]
        day = _day(conn, "camera")
        counts, found = store.read_camera_issues(conn, code, as_of=day, limit=limit)
    rows = [
        {
            "camera_code": row["camera_code"],
            **Issue(row["shape"], field=row["field"], values=row["values"]).as_dict(),
            "run": row["run"],
        }
        for row in found
    ]
    return {
        "unit": vars(unit),
        "as_of": day,
        "total": sum(counts.values()),
        "counts": counts,
        "rows": rows,
    }


def _day(conn: Connection, subject: str) -> dt.date:
    """Return the day that figures are for; the present one where there are none."""
    days = {run["subject"]: run["as_of"] for run in store.read_runs(conn)}
    day: dt.date = days.get(subject) or dt.date.today()
    return day


def locate(engine: Engine, longitude: float, latitude: float, *, as_of: dt.date) -> dict[str, Any]:
    """Answer in which unit of each level, and in which building, a position lies.

    Parameters
    ----------
    engine
        The store.
    longitude, latitude
        Degrees, CGCS2000 or WGS 84.
    as_of
        The date.

    Returns
    -------
    dict
        For JSON: the fields of `model.Location`.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine) as conn:
        return asdict(store.locate(conn, longitude, latitude, as_of=as_of))
