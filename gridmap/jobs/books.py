"""What does not add up between the tables of a day.

Belongs here: reading them for each question. Does not belong here: comparing them
(``reconciliation``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from gridmap import crs, reconciliation, store
from gridmap.errors import InputError
from gridmap.jobs.records import records
from gridmap.model import CODE_LENGTH, Level

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine


def reconcile(
    engine: Engine, what: str, code: str, *, as_of: dt.date, limit: int
) -> dict[str, Any]:
    """List what does not add up in a unit.

    Parameters
    ----------
    engine
        The store.
    what
        One of `QUESTIONS`: ``members`` (declared beside linked, by community), ``orphans``
        (organisations and duties that hang in the air), ``grids`` (base grids that departments
        split), ``buildings`` (of which a department's grid is not plain), ``courtyards`` (that
        cross grids).
    code
        A division code; ``orphans`` are of the whole store.
    as_of
        The day.
    limit
        The most rows to return.

    Returns
    -------
    dict
        For JSON: ``unit``, ``what``, ``as_of``, ``total``, ``rows``.

    Raises
    ------
    UnitNotFound
        There is no such unit.
    InputError
        There is no such question.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    if what not in QUESTIONS:
        raise InputError(f"what can be reconciled is {', '.join(QUESTIONS)}, not {what[:40]!r}")
    with store.transaction(engine, snapshot=True) as conn:
        unit = store.read_unit_rates(conn, code)["unit"]
        found = QUESTIONS[what](conn, code, as_of)
    return {
        "unit": vars(unit),
        "what": what,
        "as_of": as_of,
        "total": len(found),
        "rows": records(found.head(limit)),
    }


def _members(conn: Connection, code: str, day: dt.date) -> pd.DataFrame:
    orgs = store.read_layer(conn, "organisation", as_of=day).set_index("code")
    communities = store.read_codes(conn, Level.COMMUNITY, as_of=day)
    told = reconciliation.members(orgs, communities[_near(communities, code)])
    return told.rename_axis("community_code").reset_index()


def _near(codes: pd.Index, code: str) -> Any:
    """Return which communities are in a unit, or hold it."""
    above = code[: CODE_LENGTH[Level.COMMUNITY]]
    return codes.astype(str).str.startswith(above)


def _orphans(conn: Connection, _code: str, day: dt.date) -> pd.DataFrame:
    orgs = store.read_layer(conn, "organisation", as_of=day).set_index("code")
    duties = store.read_layer(conn, "duty", as_of=day)
    periods = store.read_periods(conn)
    return reconciliation.orphans(orgs, duties, periods, as_of=day)


def _grids(conn: Connection, code: str, day: dt.date) -> pd.DataFrame:
    grids, theirs = _metric(conn, day, store.read_units(conn, Level.GRID, as_of=day, within=code))
    overlaps = reconciliation.grid_overlaps(grids, theirs)
    found = reconciliation.grid_splits(overlaps, grids.index)
    return found[(found["pieces"] > 0) & found["same_code"].isna()].reset_index(drop=True)


def _buildings(conn: Connection, code: str, day: dt.date) -> pd.DataFrame:
    rows = gpd.GeoDataFrame(store.read_layer(conn, "building", as_of=day, within=code))
    buildings, theirs = _metric(conn, day, rows.set_index("code")[["geometry"]])
    found = reconciliation.building_conflicts(buildings, theirs)
    # Where a department has no grid at all there is no conflict to mend.
    return found[found["reason"] != "none"].reset_index(drop=True)


def _courtyards(conn: Connection, code: str, day: dt.date) -> pd.DataFrame:
    grids = store.read_units(conn, Level.GRID, as_of=day)
    metric = crs.metric_crs_of(grids)
    yards = store.read_places(conn, "courtyard", as_of=day).to_crs(metric)
    found = reconciliation.courtyard_crossings(yards, grids.to_crs(metric))
    mine = found["grid_code"].str.startswith(code).eq(other=True)
    return found[found["courtyard_code"].isin(found["courtyard_code"][mine])].reset_index(drop=True)


def _metric(
    conn: Connection, day: dt.date, rows: gpd.GeoDataFrame
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return rows and the departments' grids in metres."""
    metric = crs.metric_crs_of(store.read_units(conn, Level.DISTRICT, as_of=day))
    theirs = store.read_places(conn, "department_grid", as_of=day)
    return rows.to_crs(metric), theirs.to_crs(metric)


QUESTIONS: dict[str, Callable[[Connection, str, dt.date], pd.DataFrame]] = {
    "members": _members,
    "orphans": _orphans,
    "grids": _grids,
    "buildings": _buildings,
    "courtyards": _courtyards,
}
"""What can be reconciled."""
