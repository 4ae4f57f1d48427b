"""Importing a layer: read, check everything, then write all or nothing."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd

from gridmap import crs, files, store, topology
from gridmap.errors import InputError, LayerRejected
from gridmap.jobs.borders import tiled
from gridmap.jobs.checks import (
    assigned_to,
    derived_columns,
    frame_issues,
    one_cause,
    reference_issues,
)
from gridmap.model import (
    ImportReport,
    Issue,
    LayerSpec,
    Level,
    layer,
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
    snap_m: float = topology.SNAP_M,
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
        Take the proposed polygon for each that is not valid, and close the strips between units
        that the report says can be closed.
    tolerance_m
        Width up to which units may overlap or leave gaps with a warning only.
    snap_m
        Width up to which closing such strips is proposed.
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
                found = frame_issues(conn, spec, shapes, None, source_crs, effective)
            report = replace(report, issues=(*issues, *found))
        raise _rejected(report)
    rows = spec.parse(frame)
    if spec.kinds:
        rows = crs.to_storage(rows)
    with store.transaction(engine, writes=commit) as conn:
        found = frame_issues(conn, spec, shapes, rows, source_crs, effective)
        issues += one_cause(found, reference_issues(conn, spec, rows, effective))
        if spec.level and not any(issue.severity is Severity.ERROR for issue in found):
            rows, found = tiled(
                conn,
                spec.level,
                rows,
                effective,
                tolerance_m=tolerance_m,
                snap_m=snap_m,
                repair=repair,
            )
            issues += found
        rows, assignment = derived_columns(conn, spec, rows, effective)
        report = replace(report, issues=tuple(issues + assignment))
        if report.errors:
            raise _rejected(report)
        tell("writing", 0.0)
        return _written(conn, report, spec, rows, effective) if commit else report


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
