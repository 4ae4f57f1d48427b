"""Importing a layer: read, check everything, then write all or nothing."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd

from gridmap import crs, files, store, topology
from gridmap.errors import InputError, LayerRejected
from gridmap.jobs.checks import (
    assigned_to,
    derived_columns,
    frame_issues,
    one_cause,
    reference_issues,
    tiling_issues_of,
)
from gridmap.jobs.reports import placed
from gridmap.model import (
    ImportReport,
    Issue,
    LayerSpec,
    Level,
    Limits,
    headings_of,
    layer,
)
from gridmap.rules import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    Progress = Callable[[str, float], None]


SETTLED_ROWS = 50_000
"""Stored shapes compared at a time: all of a large layer would be held twice otherwise."""


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
    limits: Limits | None = None,
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
    file_layer, source_crs, encoding, limits
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
        ``columns`` names a field the layer has not, or a column the file has not; two columns
        have a heading of one field.
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
        headings=headings_of(spec),
        layer=file_layer,
        source_crs=source_crs,
        encoding=encoding,
        repair=repair,
        limits=limits,
    )
    tell("checking", 0.0)
    frame, issues = _repaired(source, repair=repair)
    issues = _told_apart(spec.check(frame), source.unreadable) + issues
    present = today or dt.date.today()
    if effective > present:
        issues.append(Issue("T01.future", values={"date": effective, "today": present}))
    shapes = frame.geometry if isinstance(frame, gpd.GeoDataFrame) else None
    issues = placed(issues, shapes)
    report = ImportReport(
        layer=name,
        source=path.name,
        sha256=source.sha256,
        effective=effective.isoformat(),
        rows=len(frame),
        issues=tuple(issues),
        source_crs=source.source_crs,
        encoding=source.encoding,
        file_layer=source.layer,
        columns=source.columns,
    )
    if any(issue.rule == "F01" for issue in issues):
        if shapes is not None and any(issue.shape == "F01.crs" for issue in issues):
            with store.transaction(engine, writes=False) as conn:
                found = frame_issues(conn, spec, shapes, None, source_crs, effective)
            report = replace(report, issues=(*issues, *found))
        raise _rejected(report)
    rows = spec.parse(frame)
    if spec.kinds:
        rows = crs.to_storage(rows)
    with store.transaction(engine, writes=commit) as conn:
        rows = _settled(conn, spec, rows, effective)
        found = frame_issues(conn, spec, shapes, rows, source_crs, effective)
        issues += one_cause(found, reference_issues(conn, spec, rows, effective))
        if spec.level and not any(issue.severity is Severity.ERROR for issue in found):
            issues += tiling_issues_of(conn, spec.level, rows, effective, tolerance_m)
        rows, assignment = derived_columns(conn, spec, rows, effective)
        told = placed(issues + assignment, rows.geometry if spec.kinds else None)
        report = replace(report, issues=tuple(told))
        if report.errors:
            raise _rejected(report)
        tell("writing", 0.0)
        return _written(conn, report, spec, rows, effective) if commit else report


def _settled(
    conn: Connection, spec: LayerSpec, rows: pd.DataFrame, effective: dt.date
) -> pd.DataFrame:
    """Leave shapes as they are stored where the way through another frame only rounded them."""
    if not spec.kinds:
        return rows
    kept = []
    for start in range(0, len(rows), SETTLED_ROWS):
        some = rows.iloc[start : start + SETTLED_ROWS]
        stored = store.read_shapes(conn, spec.name, some["code"], as_of=effective)
        former = stored.reindex(some["code"]).set_axis(some.index)
        kept.append(crs.settled(some.geometry, former))
    return rows.set_geometry(pd.concat(kept)) if kept else rows


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
        assigned = assigned_to(stored, grids).rename(
            columns={"unit_code": "grid_code", "share": "grid_share"}
        )
        store.write_assignment(conn, name, assigned, effective=effective, batch_id=batch_id)
