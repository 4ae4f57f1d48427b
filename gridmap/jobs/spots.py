"""Blank spots of a lens: uncovered targets that lie together, and who is near.

Belongs here: where targets and holders are on the ground. Does not belong here: which targets are
uncovered (``jobs.coverage``), grouping them (``org_coverage``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from gridmap import crs, files, org_coverage, store
from gridmap.jobs.days import day_of_figures, figures
from gridmap.jobs.lenses import lens_of_day, read_lenses
from gridmap.jobs.target_places import org_points, target_places
from gridmap.model import CODE_LENGTH, COVERED, Level

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    from gridmap.model import Lens

COMBINED = "combined"
"""What is uncovered under two lenses of buildings or more."""

APART_M = 30.0
"""Uncovered targets at most this far from each other are one spot. Own choice: across a lane."""


def blank_spots(
    engine: Engine,
    lens: str,
    code: str,
    *,
    apart_m: float = APART_M,
    limit: int,
    target: Path | None = None,
    as_of: dt.date | None = None,
) -> dict[str, Any]:
    """List the blank spots of a unit, those with most households first.

    Parameters
    ----------
    engine
        The store.
    lens
        Code of a lens, or ``combined``: buildings uncovered under two lenses or more, the six
        services counted one by one.
    code
        A division code; a district's are those in no unit too.
    apart_m
        How far apart targets of one spot are at most.
    limit
        The most rows to return.
    target
        A GeoPackage to write all of them to.
    as_of
        The day; None for the figures as they were computed last.

    Returns
    -------
    dict
        For JSON: ``unit``, ``lens``, ``as_of``, ``uncovered`` (targets), ``total`` (spots),
        ``rows``: number, unit_code, targets, household_count, households_unknown, floor_area_m2,
        first_address, last_address, lenses_most (of combined ones), holders (code and distance_m
        of the nearest that could take it), longitude, latitude, geometry (GeoJSON, EPSG:4490),
        members (codes).

    Raises
    ------
    UnitNotFound, LensNotFound
        There is no such unit or lens.
    InputError
        ``apart_m`` is negative or no number, or the file cannot be written there.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    if target:
        files.require_target(target)
    with figures(engine, as_of, subjects=("org",)) as conn:
        unit = store.read_unit_rates(conn, code)["unit"]
        day = day_of_figures(conn, "org")
        some = _asked(conn, lens, day)
        targets = _uncovered(conn, some, code, day)
        # The unit's own frame: who asks may see no more than that.
        ground = store.read_units(conn, unit.level, as_of=day, within=code)
        metric = crs.metric_crs_of(ground if len(ground) else targets)
        holders = _holders(conn, some, day) if lens != COMBINED else None
        spots, members = org_coverage.blank_spots(
            targets.to_crs(metric),
            apart_m=apart_m,
            holders=None if holders is None or holders.empty else holders.to_crs(metric),
        )
    if target:
        files.write_layers({"blank_spots": _written(spots, lens, day)}, target)
    return {
        "unit": vars(unit),
        "lens": lens,
        "as_of": day,
        "uncovered": len(targets),
        "total": len(spots),
        "rows": _rows(spots.head(limit), members),
    }


def gravest_spots(conn: Connection, lens: str, day: dt.date, *, limit: int) -> dict[str, Any]:
    """List the blank spots of all that a connection sees, those with most households first.

    Parameters
    ----------
    conn
        An open connection.
    lens
        Code of a lens.
    day
        The day of the figures.
    limit
        The most rows to return.

    Returns
    -------
    dict
        ``uncovered``, ``total`` and ``rows`` as in `blank_spots`, without outlines, members and
        those who could take it; longitude and latitude are in one of the members.

    Raises
    ------
    LensNotFound
        There is no such lens.
    """
    targets = _uncovered(conn, [lens_of_day(conn, lens, day)], "", day)
    if targets.empty:
        return {"uncovered": 0, "total": 0, "rows": []}
    metric = targets.to_crs(crs.metric_crs_of(targets))
    spots, members = org_coverage.spot_figures(metric, apart_m=APART_M)
    gravest = spots.head(limit)
    # One that stands in the spot: its largest member, of equals the first code.
    sizes = metric.area[members["spot"].isin(gravest.index)].sort_index()
    largest = sizes.groupby(members["spot"].reindex(sizes.index)).idxmax()
    inner = targets.geometry.loc[largest].representative_point()
    rows = [
        {
            "number": number,
            **{name: spot[name] for name in _TOLD if name in spot},
            "longitude": point.x,
            "latitude": point.y,
        }
        for (number, spot), point in zip(gravest.astype(object).iterrows(), inner, strict=True)
    ]
    return {"uncovered": len(targets), "total": len(spots), "rows": rows}


def _asked(conn: Connection, lens: str, day: dt.date) -> list[Lens]:
    """Return the lenses that a question is about."""
    if lens != COMBINED:
        return [lens_of_day(conn, lens, day)]
    single = (one for one in read_lenses(conn, day).values() if len(one.parts) == 1)
    return [one for one in single if one.target == "building" and not one.target_kinds]


def _uncovered(conn: Connection, lenses: list[Lens], code: str, day: dt.date) -> gpd.GeoDataFrame:
    """Return the uncovered targets of a unit with their ground; of several lenses those of two."""
    whole = len(code) == CODE_LENGTH[Level.DISTRICT]
    parts = [
        store.read_lens_statuses(conn, lens.code, within="" if whole else code) for lens in lenses
    ]
    told = pd.concat([part[~part["status"].isin(COVERED)] for part in parts])
    inside = told["unit_code"].isna() | told["unit_code"].str.startswith(code).eq(other=True)
    count = told[inside].groupby(level=0).size()
    count = count[count >= 2] if len(lenses) > 1 else count
    units = told["unit_code"].groupby(level=0).first()[count.index]
    rows = target_places(conn, lenses[0].target, count.index, day)
    table = rows.reindex(count.index).assign(unit_code=units, lenses=count)
    placed = table[~(table.geometry.isna() | table.geometry.is_empty)]
    return placed if len(lenses) > 1 else placed.drop(columns="lenses")


def _holders(conn: Connection, lenses: list[Lens], day: dt.date) -> gpd.GeoDataFrame | None:
    """Return who could take a target: organisations of the lens's kinds that are large enough."""
    lens = lenses[0]
    rows = store.read_layer(conn, "organisation", as_of=day).set_index("code")
    if lens.holders:
        rows = rows[rows["kind"].isin(lens.holders)]
    else:
        served = org_coverage.holding(store.read_duties(conn, lens.parts), day)
        rows = rows[rows.index.isin(served["holder_code"])]
    full = rows["full_members"].astype(float).fillna(0)
    members = full + rows["probationary_members"].astype(float).fillna(0)
    rows = rows[(members >= (lens.min_members or 0)) & (full >= (lens.min_full or 0))]
    placed = gpd.GeoDataFrame(rows[[]], geometry=org_points(conn, rows, day))
    return placed[placed.geometry.notna()]


def _rows(spots: gpd.GeoDataFrame, members: pd.DataFrame) -> list[dict[str, Any]]:
    """Return spots for JSON."""
    shown = spots.to_crs(crs.STORAGE_CRS)
    inner = shown.geometry.representative_point()
    by_spot = members.dropna().groupby("spot").groups
    rows = []
    for number, spot in shown.astype(object).iterrows():
        holders = zip(spot["holder_codes"], spot["holder_distances_m"], strict=True)
        told = {name: spot[name] for name in _TOLD if name in spot}
        rows.append(
            {
                "number": number,
                **told,
                "holders": [{"code": code, "distance_m": far} for code, far in holders],
                "longitude": inner[number].x,
                "latitude": inner[number].y,
                "geometry": shown.geometry[number].__geo_interface__,
                "members": sorted(by_spot[number]),
            }
        )
    return rows


def _written(spots: gpd.GeoDataFrame, lens: str, day: dt.date) -> gpd.GeoDataFrame:
    """Return spots as a file can hold them."""
    joined = {
        name: [", ".join(str(one) for one in cell) for cell in spots[name]]
        for name in ("holder_codes", "holder_distances_m")
    }
    return crs.to_storage(spots.assign(**joined, lens=lens, as_of=day.isoformat()))


_TOLD = (
    "unit_code",
    "targets",
    "household_count",
    "households_unknown",
    "floor_area_m2",
    "first_address",
    "last_address",
    "lenses_most",
)
