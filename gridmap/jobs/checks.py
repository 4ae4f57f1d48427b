"""What rows have wrong beside what is stored: frame, place, parents, form, references.

Belongs here: checks that read the store, and the columns derived from it. Does not belong here:
what rows show by themselves (``model``), the geometry of a check (``topology``, ``crs``), tiling
and its repair (``jobs.borders``), organisations (``jobs.orgs``).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd

from gridmap import crs, store, topology
from gridmap.jobs.orgs import duty_issues, org_issues, simple_issues
from gridmap.model import (
    CODE_LENGTH,
    DEDICATED,
    DIVISION_LEVELS,
    REMOVED,
    Issue,
    LayerSpec,
    Level,
    kind_of,
    parent_code,
)
from gridmap.rules import Severity

if TYPE_CHECKING:
    from pyproj import CRS
    from sqlalchemy import Connection


ASSIGNED_LAYERS = ("building", "camera")
"""Layers whose rows a person expects in a grid; places only get one for the sake of scopes."""

ASSIGNED_AT_ONCE = 50_000
"""So many rows are assigned to their grids at a time."""


def frame_issues(
    conn: Connection,
    spec: LayerSpec,
    shapes: gpd.GeoSeries | None,
    rows: pd.DataFrame | None,
    source_crs: str | None,
    effective: dt.date,
) -> list[Issue]:
    """Test in which frame the file is (G11), by the units its rows say they are in.

    Parameters
    ----------
    conn
        An open connection.
    spec
        The layer's specification.
    shapes
        The file's geometry in its own frame, index: row number; None where it has none.
    rows
        Parsed rows, index: row number; None where they could not be parsed.
    source_crs
        The frame the user named.
    effective
        The date of the units.

    Returns
    -------
    list of Issue
        Empty where the frame fits, or nothing is stored to tell by.
    """
    if shapes is None or not spec.kinds or spec.level is Level.DISTRICT:
        return []
    declared = None
    if rows is not None and spec.level:
        levels = [level_above(spec.level)]
        declared = rows["code"].astype(object).str[:-3]
    elif rows is not None and "declared_unit" in rows and rows["declared_unit"].notna().any():
        levels, declared = list(DIVISION_LEVELS), rows["declared_unit"].astype(object)
    else:
        levels = [Level.DISTRICT]
    units = pd.concat([store.read_units(conn, level, as_of=effective) for level in levels])
    if declared is not None:
        declared = declared.where(declared.notna(), None).set_axis(shapes.index)
    return list(crs.detect(shapes, units, declared, source=source_crs).issues)


def one_cause(frame: list[Issue], others: list[Issue]) -> list[Issue]:
    """Leave out what a wrong frame explains: that each of its rows lies elsewhere.

    Parameters
    ----------
    frame
        From `frame_issues`.
    others
        All other issues.

    Returns
    -------
    list of Issue
        The frame's issues and those that are left.
    """
    wrong = any(issue.severity is Severity.ERROR for issue in frame)
    explained = ("G01.outside", "G01.range", "G10.far", "S03.host")
    return frame + [one for one in others if not (wrong and one.shape in explained)]


def reference_issues(
    conn: Connection,
    spec: LayerSpec,
    rows: pd.DataFrame,
    effective: dt.date,
    only: str | None = None,
) -> list[Issue]:
    """Check rows against what is stored: place, parents, organisations, targets, dates.

    Parameters
    ----------
    conn
        An open connection.
    spec
        The layer's specification.
    rows
        Parsed rows, index: row number in the file; geometry in EPSG:4490.
    effective
        First day the rows are true.
    only
        A code prefix: stored rows of that unit that the file lacks end; None if none ends.

    Returns
    -------
    list of Issue
        Rules C02, C04, C05, G01, G06, G07, G09, G10, P00 to P06, S03 (host), T01, V06.
    """
    issues: list[Issue] = []
    if spec.kinds:
        outline = store.read_units(conn, Level.DISTRICT, as_of=effective)
        # A district may be redrawn anywhere, or be another one.
        known = outline.head(0) if spec.level is Level.DISTRICT else outline
        issues += topology.position_issues(rows, known)
    if spec.level and spec.level is not Level.DISTRICT:
        issues += _parent_issues(conn, spec.level, rows, effective)
    if spec.level is Level.GRID:
        grids = _measured(sound(rows, issues))
        issues += _grid_issues(conn, grids)
        issues += _host_issues(conn, grids, effective)
    if spec.name == "building":
        usable = sound(rows, issues)
        issues += _footprint_issues(conn, usable, effective)
        issues += _declared_issues(conn, usable, effective)
    if spec.name == "organisation":
        issues += org_issues(conn, rows, effective, complete=only is not None)
    if spec.name == "duty":
        issues += duty_issues(conn, rows, effective, complete=only is not None)
    issues += simple_issues(conn, spec.name, rows, effective)
    if spec.name == "camera":
        issues += _privacy_issues(conn, rows, effective)
    return issues + _key_issues(conn, spec, rows, effective, only)


def _key_issues(
    conn: Connection, spec: LayerSpec, rows: pd.DataFrame, effective: dt.date, only: str | None
) -> list[Issue]:
    """Find keys with later news, and codes that were given before and ended (C04, T01).

    Of a complete file also the stored rows that it has no more: those of no row of the file.
    """
    keys = _keys(spec, rows)
    later = store.read_later_keys(conn, spec.name, effective)
    ended = store.read_ended_codes(conn, spec.name, effective)
    date = {"date": effective}
    found = [
        Issue("C04.overlap", int(row), spec.key[0], {"value": keys[row], **date})
        for row in rows.index[keys.isin(later)]
    ]
    found += [
        Issue("C04.reused", int(row), spec.key[0], {"value": keys[row]})
        for row in rows.index[keys.isin(ended) & ~keys.isin(later)]
    ]
    if only is None:
        return found
    stored = store.read_keys(conn, spec.name, as_of=effective, within=only)
    gone = stored[~stored.isin(keys)]
    found += [
        Issue("C04.overlap", None, spec.key[0], {"value": key, **date})
        for key in gone[gone.isin(later)]
    ]
    for left in store.read_left(conn, spec.name, gone, effective).itertuples():
        values = {"value": left.code, "count": left.count, "kind": left.kind, **date}
        shape = "T01.children" if left.kind == "division" else "T01.left"
        found.append(Issue(shape, None, spec.key[0], values))
    return found


def _keys(spec: LayerSpec, rows: pd.DataFrame) -> pd.Series:
    """Return each row's key as the store says it."""
    parts = (rows[name].astype(object).map(str) for name in spec.key)
    keys = ["/".join(cells) for cells in zip(*parts, strict=True)]
    return pd.Series(keys, index=rows.index, dtype=object)


def level_above(level: Level) -> Level:
    """Return the level of the parents; not asked of the district's.

    Parameters
    ----------
    level
        Street to grid.

    Returns
    -------
    Level
        One higher.
    """
    return DIVISION_LEVELS[DIVISION_LEVELS.index(level) - 1]


def _parent_issues(
    conn: Connection, level: Level, rows: pd.DataFrame, effective: dt.date
) -> list[Issue]:
    """Find divisions whose parent is not stored on the day (C02), or begins later (T01).

    Malformed codes were told already.
    """
    above = level_above(level)
    known = store.read_codes(conn, above, as_of=effective)
    begins = store.read_first_days(conn, above)
    issues = []
    for row, code in rows["code"].dropna().items():
        parent = code[:-3]
        if len(code) == CODE_LENGTH[level] and parent not in known:
            values = {"value": code, "parent": parent, "date": effective}
            later = parent in begins.index and begins[parent] > effective
            shape = "T01.parent" if later else "C02.nesting"
            more = {"begins": begins[parent]} if later else {}
            issues.append(Issue(shape, int(row), "code", {**values, **more}))
    return issues


def sound(rows: gpd.GeoDataFrame, issues: list[Issue]) -> gpd.GeoDataFrame:
    """Return the rows whose ground can be measured, each code once.

    Parameters
    ----------
    rows
        Parsed rows, index: row number; geometry in EPSG:4490.
    issues
        What was found of them, rule G01.

    Returns
    -------
    GeoDataFrame
        Some of the rows, in their order.
    """
    lost = {one.row for one in issues if one.rule == "G01" and one.row is not None}
    bounds = rows.geometry.bounds.to_numpy()
    on_earth = (np.abs(bounds) <= np.tile((180.0, 90.0), 2)).all(axis=1)
    good = on_earth & rows.geometry.is_valid & ~rows.index.isin(lost)
    good &= rows.geometry.geom_type.isin(("Polygon", "MultiPolygon"))
    return rows[good & rows["code"].notna() & ~rows["code"].duplicated()]


def _measured(some: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return rows in their own metric frame."""
    if some.empty:
        return some
    measured = some.to_crs(crs.metric_crs_of(some))
    # Without a stored district a row may lie at the other end of the world, where the frame ends.
    return measured[np.isfinite(measured.geometry.bounds.to_numpy()).all(axis=1)]


def _grid_issues(conn: Connection, grids: gpd.GeoDataFrame) -> list[Issue]:
    """Find grids in parts or ragged (G06, G07), and new ones numbered out of order (C05)."""
    if grids.empty:
        return []
    ever = store.read_first_days(conn, Level.GRID).index
    # A code that was ever given stays with its ground: only the order of new ones can be chosen.
    pattern = f"[0-9]{{{CODE_LENGTH[Level.GRID]}}}"
    new = grids[~grids["code"].isin(ever) & grids["code"].str.fullmatch(pattern).astype(bool)]
    found = topology.form_issues(grids)
    found += topology.order_issues(new.set_index("code"), used=frozenset(ever))
    return to_degrees(found, grids.crs)


def _footprint_issues(
    conn: Connection, buildings: gpd.GeoDataFrame, effective: dt.date
) -> list[Issue]:
    """Find buildings on each other's ground, in the file and beside those stored (G09)."""
    if buildings.empty:
        return []
    west, south, east, north = buildings.total_bounds.tolist()
    known = store.read_codes(conn, "building", as_of=effective)
    others = known[~known.isin(buildings["code"])]
    beside = None
    if len(others):
        window = (west, south, east, north)
        stored = store.read_walls(conn, as_of=effective, window=window, codes=others)
        beside = stored[["geometry"]]
    some = _measured(buildings[topology.crowded(buildings, beside)])
    if some.empty:
        return []
    found = topology.footprint_overlaps(some, None if beside is None else beside.to_crs(some.crs))
    return to_degrees(topology.footprint_issues(some, found), some.crs)


def _host_issues(conn: Connection, grids: gpd.GeoDataFrame, effective: dt.date) -> list[Issue]:
    """Find dedicated grids that lie in another community than their code's, or in two (S03)."""
    some = grids[grids["kind"].astype(object) == DEDICATED]
    if some.empty:
        return []
    communities = store.read_units(conn, Level.COMMUNITY, as_of=effective).to_crs(some.crs)
    return to_degrees(topology.host_issues(some, communities), some.crs)


def _declared_issues(
    conn: Connection, buildings: gpd.GeoDataFrame, effective: dt.date
) -> list[Issue]:
    """Find buildings that lie far from the unit they declare, or declare none that is (G10)."""
    some = _measured(buildings[buildings["declared_unit"].notna()])
    if some.empty:
        return []
    levels = [store.read_units(conn, level, as_of=effective) for level in DIVISION_LEVELS]
    units = pd.concat(levels)
    units = units[units.index.isin(some["declared_unit"])]
    return topology.far_issues(some, units.to_crs(some.crs))


def to_degrees(issues: list[Issue], metric: CRS) -> list[Issue]:
    """Bring the geometry of issues back to EPSG:4490.

    Parameters
    ----------
    issues
        With geometry in a metric frame.
    metric
        That frame.

    Returns
    -------
    list of Issue
        The same, in their order.
    """
    places = crs.to_storage(gpd.GeoSeries([one.geometry for one in issues], crs=metric))
    return [replace(one, geometry=shape) for one, shape in zip(issues, places, strict=True)]


def _privacy_issues(conn: Connection, rows: gpd.GeoDataFrame, effective: dt.date) -> list[Issue]:
    """Find cameras that stand in a privacy zone (V06); a removed one stands nowhere."""
    zones = store.read_places(conn, "privacy_zone", as_of=effective)
    there = rows[rows["state"].fillna("in_use") != REMOVED]
    pairs = zones.sindex.query(there.geometry, predicate="intersects")
    return [
        Issue("V06.inside", int(there.index[row]), "geometry", {"zone": zones.index[zone]})
        for row, zone in pairs.T
    ]


def derived_columns(
    conn: Connection, spec: LayerSpec, rows: pd.DataFrame, effective: dt.date
) -> tuple[pd.DataFrame, list[Issue]]:
    """Add the columns that gridmap derives: kind and parent of a division, grid of the rest.

    Parameters
    ----------
    conn
        An open connection.
    spec
        The layer's specification.
    rows
        Parsed rows, index: row number in the file; geometry in EPSG:4490.
    effective
        The date of the grids.

    Returns
    -------
    DataFrame or GeoDataFrame, list of Issue
        The rows with more columns, and warnings of rule G08.
    """
    if spec.level:
        pattern = f"[0-9]{{{CODE_LENGTH[spec.level]}}}"
        good = rows["code"].where(rows["code"].fillna("").str.fullmatch(pattern))
        derived = {
            name: good.map(derive, na_action="ignore").astype(object)
            for name, derive in (("kind", kind_of), ("parent_code", parent_code))
        }
        if spec.level is Level.GRID:
            derived["kind"] = rows["kind"].where(rows["kind"].notna(), derived["kind"])
        else:
            derived["unit_name"] = None
        return rows.assign(level=str(spec.level), **derived), []
    if "grid_code" not in store.derived_names(spec.name):
        return rows, []
    # Rows may be older than the first grids; they belong to those of today all the same.
    day = max(effective, dt.date.today())
    grids = store.read_units(conn, Level.GRID, as_of=day)
    if grids.empty:
        none = {"grid_code": None, "grid_share": 0.0}
        told = [Issue("G08.none", values={"date": day})] if spec.name in ASSIGNED_LAYERS else []
        return rows.assign(**none), told
    assigned = assigned_to(rows, grids, by_point=spec.name not in ASSIGNED_LAYERS)
    issues = topology.assignment_issues(rows, assigned) if spec.name == "building" else []
    every = assigned.reindex(rows.index)
    grid_code = every["unit_code"].astype(object).where(every["unit_code"].notna(), None)
    return rows.assign(grid_code=grid_code, grid_share=every["share"]), issues


def assigned_to(
    rows: gpd.GeoDataFrame, grids: gpd.GeoDataFrame, *, by_point: bool = False
) -> pd.DataFrame:
    """Assign the rows whose geometry can be used, in the grids' own metric frame.

    Parameters
    ----------
    rows
        Any rows; geometry in EPSG:4490.
    grids
        Index ``code``; geometry in EPSG:4490.
    by_point
        By a point of each row's ground or line, and not by most of its area: a road or a
        department's grid lies in many grids, and is in the scope of one.

    Returns
    -------
    DataFrame
        As `topology.assign`.
    """
    metric = crs.metric_crs_of(grids)
    west, south, east, north = rows.geometry.bounds.to_numpy().T
    on_earth = (west >= -180) & (east <= 180) & (south >= -90) & (north <= 90)
    usable = rows.loc[on_earth & rows.geometry.is_valid, ["geometry"]]
    if by_point:
        usable = usable.set_geometry(usable.representative_point())
    ground = grids.to_crs(metric)
    # So many are in metres at a time; an empty file has one part too.
    starts = range(0, max(len(usable), 1), ASSIGNED_AT_ONCE)
    parts = (usable.iloc[start : start + ASSIGNED_AT_ONCE].to_crs(metric) for start in starts)
    found = pd.concat([topology.assign(part, ground) for part in parts])
    # To a millionth: the metric frame follows the grids, and its last digits are no change.
    return found.assign(share=found["share"].round(6))
