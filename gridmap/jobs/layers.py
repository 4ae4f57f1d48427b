"""Importing a layer: read, check everything, then write all or nothing."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from gridmap import crs, files, store, topology
from gridmap.errors import InputError, LayerRejected
from gridmap.model import (
    CODE_LENGTH,
    DIVISION_LEVELS,
    REMOVED,
    SERVICE_TARGET,
    ImportReport,
    Issue,
    LayerSpec,
    Level,
    kind_of,
    layer,
    parent_code,
)
from gridmap.rules import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    Progress = Callable[[str, float], None]


def import_layer(
    engine: Engine,
    path: Path,
    name: str,
    *,
    effective: dt.date,
    columns: Mapping[str, str] | None = None,
    file_layer: str | None = None,
    source_crs: str | None = None,
    encoding: str | None = None,
    repair: bool = False,
    tolerance_m: float = topology.TOLERANCE_M,
    commit: bool = False,
    today: dt.date | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Check a file against a layer's rules, and write it if asked to and nothing is wrong.

    Parameters
    ----------
    engine
        The store.
    path
        A vector file or table.
    name
        A layer's name.
    effective
        First day the rows are true.
    columns
        gridmap's field -> the file's column.
    file_layer, source_crs, encoding
        See `files.read_layer`.
    repair
        Take the proposed polygon for each that is not valid.
    tolerance_m
        Width up to which units may overlap or leave gaps with a warning only.
    commit
        Write; without it the store is only read.
    today
        The day after which no row may begin; the present day if not given.
    progress
        Called with a step's name and the share done, 0..1.

    Returns
    -------
    ImportReport
        All issues, and what was written.

    Raises
    ------
    LayerNotFound
        There is no such layer.
    InputError
        ``columns`` names a field the layer has not, or a column the file has not.
    FileUnreadable, CrsError
        See `files.read_layer`.
    LayerRejected
        Rows have errors; nothing was written; the error holds the report.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.

    Notes
    -----
    Rule: all issues at once, all rows or none (reliability.md 4).
    """
    tell = progress or (lambda _step, _share: None)
    spec = layer(name)
    _require_fields(spec, columns or {})
    tell("reading", 0.0)
    source = files.read_layer(
        path,
        columns=columns,
        layer=file_layer,
        source_crs=source_crs,
        encoding=encoding,
        repair=repair,
    )
    tell("checking", 0.0)
    frame, issues = _repaired(source, repair=repair)
    issues = _told_apart(spec.check(frame), source.unreadable) + issues
    present = today or dt.date.today()
    if effective > present:
        issues.append(Issue("T01.future", values={"date": effective, "today": present}))
    report = ImportReport(
        layer=name,
        source=path.name,
        sha256=source.sha256,
        effective=effective.isoformat(),
        rows=len(frame),
        issues=tuple(issues),
        source_crs=source.source_crs,
        encoding=source.encoding,
    )
    shapes = frame.geometry if isinstance(frame, gpd.GeoDataFrame) else None
    if any(issue.rule == "F01" for issue in issues):
        if shapes is not None and any(issue.shape == "F01.crs" for issue in issues):
            with store.transaction(engine, writes=False) as conn:
                found = _frame_issues(conn, spec, shapes, None, source_crs, effective)
            report = replace(report, issues=(*issues, *found))
        raise _rejected(report)
    rows = spec.parse(frame)
    if spec.kinds:
        rows = crs.to_storage(rows)
    with store.transaction(engine, writes=commit) as conn:
        found = _frame_issues(conn, spec, shapes, rows, source_crs, effective)
        issues += _one_cause(found, _reference_issues(conn, spec, rows, effective))
        if spec.level and not any(issue.severity is Severity.ERROR for issue in found):
            issues += _tiling_issues(conn, spec.level, rows, effective, tolerance_m)
        rows, assignment = derived_columns(conn, spec, rows, effective)
        report = replace(report, issues=tuple(issues + assignment))
        if report.errors:
            raise _rejected(report)
        tell("writing", 0.0)
        return _written(conn, report, spec, rows, effective) if commit else report


def _frame_issues(
    conn: Connection,
    spec: LayerSpec,
    shapes: gpd.GeoSeries | None,
    rows: pd.DataFrame | None,
    source_crs: str | None,
    effective: dt.date,
) -> list[Issue]:
    """Test in which frame the file is (G11), by the units its rows say they are in."""
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


def _one_cause(frame: list[Issue], others: list[Issue]) -> list[Issue]:
    """Leave out what a wrong frame explains: that each of its rows lies elsewhere."""
    wrong = any(issue.severity is Severity.ERROR for issue in frame)
    explained = ("G01.outside", "G01.range")
    return frame + [one for one in others if not (wrong and one.shape in explained)]


def _told_apart(issues: list[Issue], unreadable: pd.Series) -> list[Issue]:
    """Say of a cell that could not be read what stands in it, not that there is no geometry."""
    return [
        replace(issue, shape="G01.unreadable", values={"value": unreadable[issue.row]})
        if issue.shape == "G01.null" and issue.row in unreadable.index
        else issue
        for issue in issues
    ]


def _require_fields(spec: LayerSpec, columns: Mapping[str, str]) -> None:
    """Refuse a mapping to a field the layer has not: it would be lost without a word."""
    known = [*spec.columns, *(("lon", "lat", "wkt") if spec.kinds else ())]
    unknown = [name for name in columns if name not in known]
    if unknown:
        raise InputError(
            f"--map names the fields {', '.join(unknown)}, which {spec.name} has not; "
            f"it has {', '.join(known)}"
        )


def _rejected(report: ImportReport) -> LayerRejected:
    count = len(report.errors)
    return LayerRejected(
        f"{report.source}: {count} error{'s' if count > 1 else ''}; nothing was written", report
    )


def _repaired(source: files.LayerFile, *, repair: bool) -> tuple[pd.DataFrame, list[Issue]]:
    """Put in the proposed polygons if told to, and say how each changes the area."""
    frame, repairs = source.frame, source.repairs
    if not repair or repairs.empty or frame.crs is None:
        return frame, []
    before = frame.geometry.loc[repairs.index]
    change = crs.ellipsoidal_area_m2(repairs) - crs.ellipsoidal_area_m2(before)
    issues = [
        Issue("G01.repaired", int(row), "geometry", {"area": area}, shape)
        for row, area, shape in zip(repairs.index, change, before, strict=True)
    ]
    frame = frame.copy()
    frame.loc[repairs.index, frame.geometry.name] = repairs
    return frame, issues


def _reference_issues(
    conn: Connection, spec: LayerSpec, rows: pd.DataFrame, effective: dt.date
) -> list[Issue]:
    """Check rows against what is stored: place, parents, organisations, targets, dates."""
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
        issues += _privacy_issues(conn, rows)
    later = store.read_later_keys(conn, spec.name, effective)
    parts = (rows[name].astype(object).map(str) for name in spec.key)
    keys = pd.Series(["/".join(cells) for cells in zip(*parts, strict=True)], index=rows.index)
    for row in rows.index[keys.isin(later)]:
        values = {"value": keys[row], "date": effective}
        issues.append(Issue("C04.overlap", int(row), spec.key[0], values))
    return issues


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


def _tiling_issues(
    conn: Connection, level: Level, rows: gpd.GeoDataFrame, effective: dt.date, tolerance_m: float
) -> list[Issue]:
    """Find where divisions and their stored siblings do not tile their parents (C06, G02-G05).

    Only parents of rows in the file are looked at, and only those none of whose rows has an error
    already: a child that cannot be read would be told once more as a blank.
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


def _privacy_issues(conn: Connection, rows: gpd.GeoDataFrame) -> list[Issue]:
    """Find cameras that stand in a privacy zone (V06); a removed one stands nowhere."""
    zones = store.read_places(conn, "privacy_zone")
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
    assigned = _assign(rows, grids)
    issues = topology.assignment_issues(rows, assigned) if spec.name == "building" else []
    every = assigned.reindex(rows.index)
    grid_code = every["unit_code"].astype(object).where(every["unit_code"].notna(), None)
    return rows.assign(grid_code=grid_code, grid_share=every["share"]), issues


def _assign(rows: gpd.GeoDataFrame, grids: gpd.GeoDataFrame) -> pd.DataFrame:
    """Assign the rows whose geometry can be used, in the grids' own metric frame."""
    metric = crs.metric_crs_of(grids)
    west, south, east, north = rows.geometry.bounds.to_numpy().T
    on_earth = (west >= -180) & (east <= 180) & (south >= -90) & (north <= 90)
    usable = rows.loc[on_earth & rows.geometry.is_valid, ["geometry"]]
    found = topology.assign(usable.to_crs(metric), grids.to_crs(metric))
    # To a millionth: the metric frame follows the grids, and its last digits are no change.
    return found.assign(share=found["share"].round(6))


def _written(
    conn: Connection, report: ImportReport, spec: LayerSpec, rows: pd.DataFrame, effective: dt.date
) -> ImportReport:
    batch_id = store.write_batch(
        conn,
        layer=spec.name,
        source=report.source,
        sha256=report.sha256,
        source_crs=report.source_crs,
        encoding=report.encoding,
        effective=effective,
        rows=report.rows,
    )
    written = store.write_layer(conn, spec.name, rows, effective=effective, batch_id=batch_id)
    if spec.level is Level.GRID:
        _reassign(conn, effective, batch_id)
    return replace(
        report,
        committed=True,
        batch_id=batch_id,
        inserted=written.inserted,
        updated=written.updated,
        unchanged=written.unchanged,
    )


def _reassign(conn: Connection, effective: dt.date, batch_id: int) -> None:
    """Assign what is stored to grids that have just changed."""
    grids = store.read_units(conn, Level.GRID, as_of=effective)
    for name, read in (("building", store.read_buildings), ("camera", store.read_cameras)):
        stored = read(conn)
        if stored.empty:
            continue
        assigned = _assign(stored, grids).rename(
            columns={"unit_code": "grid_code", "share": "grid_share"}
        )
        store.write_assignment(conn, name, assigned, effective=effective, batch_id=batch_id)
