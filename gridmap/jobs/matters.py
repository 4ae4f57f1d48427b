"""Matters of a unit: who answers, what is asked, what is late, where they gather.

Belongs here: reading matters, their catalogue and the grids of a day. Does not belong here: sorting
them (``triage``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from gridmap import crs, org_coverage, store, triage
from gridmap.jobs.records import records
from gridmap.model import CODE_LENGTH, Level

if TYPE_CHECKING:
    import datetime as dt

    from sqlalchemy import Connection, Engine

FIRST = ("question", "misrouted", "overdue")
"""What a person should look at first, in this order."""


def triage_matters(
    engine: Engine, code: str, *, as_of: dt.date, limit: int, near_border_m: float
) -> dict[str, Any]:
    """Sort the matters of a unit into three kinds, and count what became of them.

    Parameters
    ----------
    engine
        The store.
    code
        A division code; a district's are those in no grid too.
    as_of
        The day: what was reported later is left out.
    limit
        The most matters, hot spots and pairs to return.
    near_border_m
        A place nearer than this to another grid is asked about.

    Returns
    -------
    dict
        For JSON: ``unit``, ``as_of``, ``figures`` (by name: count, of how many, and of what; of
        matters, and ``proposals``: those resolved of those raised by that day),
        ``questions`` (how many of each), ``classes`` (how many of each), ``total`` (matters to be
        looked at), ``rows``: those with a question, misrouted or overdue; ``hot_spots``,
        ``duplicates``.

    Raises
    ------
    UnitNotFound
        There is no such unit.
    InputError
        ``near_border_m`` is negative.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine, snapshot=True) as conn:
        unit = store.read_unit_rates(conn, code)["unit"]
        proposals = store.read_layer(conn, "proposal", as_of=as_of)
        told, shapes = _sorted(conn, as_of, near_border_m)
    district = code[: CODE_LENGTH[Level.DISTRICT]]
    table = triage.resolution(told, district=district).set_index("unit_code")
    counts = table.loc[code].to_dict() if code in table.index else {}
    whole = len(code) == CODE_LENGTH[Level.DISTRICT]
    place = told["place_code"].astype(object)
    here = told[place.str.startswith(code).eq(other=True) | (place.isna() & whole)]
    here = here[here["status"].notna()]
    wanted = here[_to_look_at(here)]
    some = shapes[shapes.index.isin(here.index)]
    return {
        "unit": vars(unit),
        "as_of": as_of,
        "figures": {
            name: {"count": int(counts[name]), "of": int(counts[of]), "denominator": of}
            for name, of in triage.OF.items()
            if counts
        }
        | _proposals(proposals, code, as_of),
        "questions": _counted(here["question"]),
        "classes": _counted(here["matter_class"]),
        "total": len(wanted),
        "rows": records(wanted.sort_index().head(limit).reset_index()),
        "hot_spots": _spots(triage.hot_spots(some).head(limit)),
        "duplicates": records(triage.duplicates(some).head(limit).reset_index()),
    }


def _sorted(
    conn: Connection, as_of: dt.date, near_border_m: float
) -> tuple[pd.DataFrame, gpd.GeoDataFrame]:
    """Return what is told of every matter of a day, and where it is in metres."""
    rows = gpd.GeoDataFrame(store.read_layer(conn, "matter", as_of=as_of)).set_index("code")
    catalogue = store.read_layer(conn, "matter_item", as_of=as_of).set_index("code")
    grids = store.read_units(conn, Level.GRID, as_of=as_of)
    branch = org_coverage.holding(store.read_duties(conn, ["party_branch"]), as_of)
    led = branch.sort_values("holder_code").drop_duplicates("target_code")
    grids = grids.assign(branch_code=led.set_index("target_code")["holder_code"])
    metric = crs.metric_crs_of(grids if len(grids) else rows)
    shapes = rows.to_crs(metric)
    routes = triage.routed(shapes, catalogue, grids.to_crs(metric), near_border_m=near_border_m)
    orgs = store.read_layer(conn, "organisation", as_of=as_of).set_index("code")
    stages = triage.stages(rows, catalogue, as_of=as_of)
    named = rows[["item_code", "summary", "reported_on", "routed_to", "routed_grid"]]
    parts = [named, routes, stages, triage.misroutes(rows, routes, orgs)]
    return pd.concat(parts, axis=1), shapes


def _proposals(proposals: pd.DataFrame, code: str, as_of: dt.date) -> dict[str, Any]:
    """Return how many proposals of a unit were resolved by a day, of those raised by then."""
    here = proposals[proposals["host_code"].str.startswith(code).eq(other=True)]
    raised = here[here["raised_on"].map(lambda day: day <= as_of).astype(bool)]
    done = raised["resolved_on"].map(lambda day: pd.isna(day) or day <= as_of).astype(bool)
    resolved = int((done & (raised["state"] == "resolved")).sum())
    if raised.empty:
        return {}
    return {"proposals": {"count": resolved, "of": len(raised), "denominator": "raised"}}


def _to_look_at(told: pd.DataFrame) -> pd.Series:
    late = told["overdue"].astype("boolean").fillna(value=False).astype(bool)
    return told["question"].notna() | told["misrouted"] | late


def _counted(column: pd.Series) -> dict[str, int]:
    return {str(name): int(count) for name, count in column.value_counts().sort_index().items()}


def _spots(spots: gpd.GeoDataFrame) -> list[dict[str, Any]]:
    """Return hot spots for JSON, with a point inside instead of the outline."""
    points = crs.to_storage(spots.geometry.representative_point())
    told = pd.DataFrame(spots.drop(columns="geometry"))
    return records(told.assign(longitude=points.x, latitude=points.y).reset_index())
