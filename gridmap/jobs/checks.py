"""What rows have wrong beside what is stored: frame, place, parents, tiling, references.

Belongs here: checks that read the store, and the columns derived from it. Does not belong here:
what rows show by themselves (``model``), the geometry of a check (``topology``, ``crs``).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from gridmap import crs, store, topology
from gridmap.model import (
    CODE_LENGTH,
    DIVISION_LEVELS,
    REMOVED,
    SERVICE_TARGET,
    Issue,
    LayerSpec,
    Level,
    kind_of,
    parent_code,
)
from gridmap.rules import Severity

if TYPE_CHECKING:
    from sqlalchemy import Connection


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
        levels = [_above(spec.level)]
        declared = rows["code"].astype(object).str[:-3]
    elif rows is not None and "declared_unit" in rows:
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
    explained = ("G01.outside", "G01.range")
    return frame + [one for one in others if not (wrong and one.shape in explained)]


def reference_issues(
    conn: Connection, spec: LayerSpec, rows: pd.DataFrame, effective: dt.date
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

    Returns
    -------
    list of Issue
        Rules C02, C04, G01, P02, V06.
    """
    issues: list[Issue] = []
    if spec.kinds:
        outline = store.read_units(conn, Level.DISTRICT, as_of=effective)
        # A district may be redrawn anywhere, or be another one.
        known = outline.head(0) if spec.level is Level.DISTRICT else outline
        issues += topology.position_issues(rows, known)
    if spec.level and spec.level is not Level.DISTRICT:
        issues += _parent_issues(conn, spec.level, rows, effective)
    if spec.name == "party_org":
        issues += _org_issues(conn, rows, effective)
    if spec.name == "duty":
        issues += _duty_issues(conn, rows, effective)
    if spec.name == "entrance":
        known = store.read_codes(conn, "building", as_of=effective)
        values = {"kind": "building", "date": effective}
        issues += _unknown(rows, "building_code", known, "P02.target", values)
    if spec.name == "camera":
        issues += _privacy_issues(conn, rows, effective)
    later = store.read_later_keys(conn, spec.name, effective)
    keys = _keys(spec, rows)
    for row in rows.index[keys.isin(later)]:
        values = {"value": keys[row], "date": effective}
        issues.append(Issue("C04.overlap", int(row), spec.key[0], values))
    ended = store.read_ended_codes(conn, spec.name, effective)
    for row in rows.index[keys.isin(ended) & ~keys.isin(later)]:
        issues.append(Issue("C04.reused", int(row), spec.key[0], {"value": keys[row]}))
    return issues


def ended_issues(
    conn: Connection, spec: LayerSpec, rows: pd.DataFrame, effective: dt.date, only: str
) -> list[Issue]:
    """Check the stored rows that a complete file has no more: later news, what refers to them.

    Parameters
    ----------
    conn
        An open connection.
    spec
        The layer's specification.
    rows
        Parsed rows.
    effective
        The day the others end.
    only
        A code prefix: the file has all rows of that unit; of the layer if it is empty.

    Returns
    -------
    list of Issue
        Rules C04 and T01; of no row, because none stands in the file.
    """
    stored = store.read_keys(conn, spec.name, as_of=effective, within=only)
    gone = stored[~stored.isin(_keys(spec, rows))]
    date = {"date": effective}
    later = gone[gone.isin(store.read_later_keys(conn, spec.name, effective))]
    issues = [Issue("C04.overlap", None, spec.key[0], {"value": key, **date}) for key in later]
    for left in store.read_left(conn, spec.name, gone, effective).itertuples():
        values = {"value": left.code, "count": left.count, "kind": left.kind, **date}
        shape = "T01.children" if left.kind == "division" else "T01.left"
        issues.append(Issue(shape, None, spec.key[0], values))
    return issues


def _keys(spec: LayerSpec, rows: pd.DataFrame) -> pd.Series:
    """Return each row's key as the store says it."""
    parts = (rows[name].astype(object).map(str) for name in spec.key)
    keys = ["/".join(cells) for cells in zip(*parts, strict=True)]
    return pd.Series(keys, index=rows.index, dtype=object)


def _above(level: Level) -> Level:
    """Return the level of the parents; not asked of the district's."""
    return DIVISION_LEVELS[DIVISION_LEVELS.index(level) - 1]


def _parent_issues(
    conn: Connection, level: Level, rows: pd.DataFrame, effective: dt.date
) -> list[Issue]:
    """Find divisions whose parent is not stored (C02); malformed codes were told already."""
    above = _above(level)
    known = store.read_codes(conn, above, as_of=effective)
    issues = []
    for row, code in rows["code"].dropna().items():
        parent = code[:-3]
        if len(code) == CODE_LENGTH[level] and parent not in known:
            values = {"value": code, "parent": parent, "date": effective}
            issues.append(Issue("C02.nesting", int(row), "code", values))
    return issues


def tiling_issues_of(
    conn: Connection,
    level: Level,
    rows: gpd.GeoDataFrame,
    effective: dt.date,
    tolerance_m: float,
    only: str | None = None,
) -> list[Issue]:
    """Find where divisions and their stored siblings do not tile their parents (C06, G02-G05).

    Only parents of rows in the file are looked at, and only those none of whose rows has an error
    already: a child that cannot be read would be told once more as a blank.

    Parameters
    ----------
    conn
        An open connection.
    level
        The level of the rows.
    rows
        Parsed rows, index: row number in the file; geometry in EPSG:4490.
    effective
        First day the rows are true.
    tolerance_m
        Width in metres up to which an overlap or gap is a warning only.
    only
        A code prefix: stored rows below it that the file lacks end on that day.

    Returns
    -------
    list of Issue
        With the geometry of each offence in EPSG:4490.
    """
    if level is Level.DISTRICT:
        return []
    above = _above(level)
    parents = store.read_units(conn, above, as_of=effective)
    code = rows["code"].astype(object)
    parent = code.where(code.notna(), "").str[: CODE_LENGTH[above]]
    kind = rows.geometry.geom_type.isin(("Polygon", "MultiPolygon"))
    sound = kind & rows.geometry.is_valid & ~code.duplicated(keep=False)
    sound &= code.where(code.notna(), "").str.len() == CODE_LENGTH[level]
    some = parents[parents.index.isin(parent[sound]) & ~parents.index.isin(parent[~sound])]
    # Of a code that says no parent nobody knows whose ground it is.
    if some.empty or not parent[~sound].isin(parents.index).all():
        return []
    mine = rows[parent.isin(some.index)]
    stored = store.read_units(conn, level, as_of=effective)
    stored = stored[stored.index.str[: CODE_LENGTH[above]].isin(some.index)]
    stored = stored[~stored.index.isin(mine["code"])]
    if only is not None:
        stored = stored[~stored.index.str.startswith(only)]
    metric = crs.metric_crs_of(some)
    fresh = gpd.GeoDataFrame(
        {"row": list(mine.index)},
        geometry=mine.geometry.to_numpy(),
        index=pd.Index(mine["code"], dtype=object),
        crs=rows.crs,
    )
    children = pd.concat([fresh, stored[["geometry"]]]).to_crs(metric)
    children["row"] = children["row"].astype(object).where(children["row"].notna(), None)
    found = topology.tiling_issues(children, some.to_crs(metric), tolerance_m=tolerance_m)
    places = crs.to_storage(gpd.GeoSeries([one.geometry for one in found], crs=metric))
    return [replace(one, geometry=shape) for one, shape in zip(found, places, strict=True)]


def _unknown(
    rows: pd.DataFrame, column: str, known: pd.Index, shape: str, values: dict[str, Any]
) -> list[Issue]:
    """Find references that lead nowhere."""
    lost = rows[column].notna() & ~rows[column].isin(known)
    return [
        Issue(shape, int(row), column, {"value": rows.at[row, column], **values})
        for row in rows.index[lost]
    ]


def _org_issues(conn: Connection, rows: pd.DataFrame, effective: dt.date) -> list[Issue]:
    orgs = store.read_codes(conn, "party_org", as_of=effective).append(pd.Index(rows["code"]))
    divisions = pd.Index([], dtype=object)
    for level in (Level.DISTRICT, Level.STREET, Level.COMMUNITY, Level.GRID):
        divisions = divisions.append(store.read_codes(conn, level, as_of=effective))
    date = {"date": effective}
    return _unknown(rows, "parent_code", orgs, "P02.org", date) + _unknown(
        rows, "host_code", divisions, "P02.host", date
    )


def _duty_issues(conn: Connection, rows: pd.DataFrame, effective: dt.date) -> list[Issue]:
    orgs = store.read_codes(conn, "party_org", as_of=effective)
    issues = _unknown(rows, "org_code", orgs, "P02.org", {"date": effective})
    for service, kind in SERVICE_TARGET.items():
        known = store.read_codes(conn, kind, as_of=effective)
        some = rows[rows["service"] == service]
        values = {"kind": str(kind), "date": effective}
        issues += _unknown(some, "target_code", known, "P02.target", values)
    return issues


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
        return rows.assign(level=str(spec.level), **derived), []
    if spec.name not in ("building", "camera"):
        return rows, []
    # Rows may be older than the first grids; they belong to those of today all the same.
    day = max(effective, dt.date.today())
    grids = store.read_units(conn, Level.GRID, as_of=day)
    if grids.empty:
        none = {"grid_code": None, "grid_share": 0.0}
        return rows.assign(**none), [Issue("G08.none", values={"date": day})]
    assigned = assigned_to(rows, grids)
    issues = topology.assignment_issues(rows, assigned) if spec.name == "building" else []
    every = assigned.reindex(rows.index)
    grid_code = every["unit_code"].astype(object).where(every["unit_code"].notna(), None)
    return rows.assign(grid_code=grid_code, grid_share=every["share"]), issues


def assigned_to(rows: gpd.GeoDataFrame, grids: gpd.GeoDataFrame) -> pd.DataFrame:
    """Assign the rows whose geometry can be used, in the grids' own metric frame.

    Parameters
    ----------
    rows
        Any rows; geometry in EPSG:4490.
    grids
        Index ``code``; geometry in EPSG:4490.

    Returns
    -------
    DataFrame
        As `topology.assign`.
    """
    metric = crs.metric_crs_of(grids)
    west, south, east, north = rows.geometry.bounds.to_numpy().T
    on_earth = (west >= -180) & (east <= 180) & (south >= -90) & (north <= 90)
    usable = rows.loc[on_earth & rows.geometry.is_valid, ["geometry"]]
    found = topology.assign(usable.to_crs(metric), grids.to_crs(metric))
    # To a millionth: the metric frame follows the grids, and its last digits are no change.
    return found.assign(share=found["share"].round(6))
