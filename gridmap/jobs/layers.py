"""Importing a layer: read, check everything, then write all or nothing."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap import crs, files, loads, store, topology
from gridmap.errors import InputError, LayerRejected, StoreUnavailable
from gridmap.jobs.book import applied, compared, done_before, settled
from gridmap.jobs.borders import tiled
from gridmap.jobs.checks import (
    derived_columns,
    frame_issues,
    one_cause,
    reference_issues,
)
from gridmap.jobs.households import household_issues
from gridmap.jobs.reports import with_places
from gridmap.model import (
    ImportReport,
    Issue,
    LayerSpec,
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
    snap_m: float = topology.SNAP_M,
    band: tuple[int, int] = loads.HOUSEHOLDS,
    complete: bool = False,
    unit: str = "",
    commit: bool = False,
    key: str | None = None,
    actor: str | None = None,
    source_name: str | None = None,
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
        Take the proposed polygon for each that is not valid, and close the strips between units
        that the report says can be closed.
    tolerance_m
        Width up to which units may overlap or leave gaps with a warning only.
    snap_m
        Width up to which closing such strips is proposed.
    band
        Households a grid should have, least and most; others are told (S01).
    complete
        The file has all rows of the layer: stored rows that it lacks end on that day.
    unit
        A code prefix: it has all rows of that unit only. For divisions, buildings, cameras.
    commit
        Write; without it the store is only read.
    key
        Names this import: with a key that is in the book nothing is written again. One is made
        if none is given.
    actor
        Who imports, for the book.
    source_name
        What the book calls the file; its own name if not given.
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
        have a heading of one field; ``unit`` is given for a layer that knows none, or without
        ``complete``.
    FileUnreadable, CrsError
        See `files.read_layer`.
    LayerRejected
        Rows have errors; nothing was written; the error holds the report.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`. After a lost connection the book was looked up first, and the
        message says whether anything was written.

    Notes
    -----
    Rule: all issues at once, all rows or none (reliability.md 4).
    """
    tell = progress or (lambda _step, _share: None)
    spec = layer(name)
    _require_fields(spec, columns or {})
    _require_unit(spec, unit, complete=complete)
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
    only = unit if complete else None
    frame, issues = _repaired(source, repair=repair)
    issues = _told_apart(spec.check(frame), source.unreadable) + issues
    present = today or dt.date.today()
    if effective > present:
        issues.append(Issue("T01.future", values={"date": effective, "today": present}))
    issues = with_places(issues, _shapes(frame))
    report = ImportReport(
        layer=name,
        source=source_name or path.name,
        sha256=source.sha256,
        effective=effective.isoformat(),
        rows=len(frame),
        issues=tuple(issues),
        source_crs=source.source_crs,
        encoding=source.encoding,
        file_layer=source.layer,
        columns=source.columns,
        key=(key or uuid.uuid4().hex) if commit else None,
    )
    if key and commit and (earlier := done_before(engine, report)):
        return earlier
    if any(issue.rule == "F01" for issue in issues):
        raise _rejected(_with_frames(engine, report, spec, frame, source_crs))
    how = Import(
        spec, effective, source_crs, tolerance_m, snap_m, band, repair, only, commit, actor, tell
    )
    try:
        return _against_store(engine, report, frame, how)
    except StoreUnavailable as error:
        if not commit:
            raise
        return settled(engine, report, error)


@dataclass(frozen=True)
class Import:
    """How rows are to be checked and written; see `import_layer`."""

    spec: LayerSpec
    effective: dt.date
    source_crs: str | None
    tolerance_m: float
    snap_m: float
    band: tuple[int, int]
    repair: bool
    only: str | None
    commit: bool
    actor: str | None
    tell: Progress


def _shapes(frame: pd.DataFrame) -> gpd.GeoSeries | None:
    return frame.geometry if isinstance(frame, gpd.GeoDataFrame) else None


def _with_frames(
    engine: Engine,
    report: ImportReport,
    spec: LayerSpec,
    frame: pd.DataFrame,
    source_crs: str | None,
) -> ImportReport:
    """Add in which frame a file may be that does not say it."""
    if not any(issue.shape == "F01.crs" for issue in report.issues):
        return report
    day = dt.date.fromisoformat(report.effective)
    with store.transaction(engine) as conn:
        found = frame_issues(conn, spec, _shapes(frame), None, source_crs, day)
    return replace(report, issues=(*report.issues, *found))


def _against_store(
    engine: Engine, report: ImportReport, frame: pd.DataFrame, how: Import
) -> ImportReport:
    """Check rows against what is stored, compare them with it, and write them if told to."""
    spec, effective, only = how.spec, how.effective, how.only
    rows = spec.parse(frame)
    if spec.kinds:
        rows = crs.to_storage(rows)
    with store.transaction(engine, writes=how.commit) as conn:
        report, rows = judged(conn, report, frame, rows, how)
        if report.errors:
            raise _rejected(report)
        how.tell("writing" if how.commit else "comparing", 0.0)
        with store.staged_layer(conn, spec.name, rows, effective=effective, only=only) as staged:
            report = compared(conn, report, staged)
            return applied(conn, report, spec, staged, rows, how.actor) if how.commit else report


def judged(
    conn: Connection,
    report: ImportReport,
    frame: pd.DataFrame,
    rows: pd.DataFrame,
    how: Import,
) -> tuple[ImportReport, pd.DataFrame]:
    """Check rows against what is stored, and derive what follows from it.

    Parameters
    ----------
    conn
        An open connection.
    report
        With what the rows show by themselves.
    frame
        The rows as they were given, index: row number.
    rows
        The same, parsed; geometry in EPSG:4490.
    how
        What is to be done with them.

    Returns
    -------
    ImportReport, DataFrame or GeoDataFrame
        The report with all issues; the rows as they would be stored.
    """
    spec, effective, only = how.spec, how.effective, how.only
    issues = list(report.issues)
    rows = _unrounded(conn, spec, rows, effective)
    found = frame_issues(conn, spec, _shapes(frame), rows, how.source_crs, effective)
    issues += one_cause(found, reference_issues(conn, spec, rows, effective, only))
    misplaced = any(issue.severity is Severity.ERROR for issue in found)
    if spec.level and not misplaced:
        rows, borders = tiled(
            conn,
            spec.level,
            rows,
            effective,
            tolerance_m=how.tolerance_m,
            snap_m=how.snap_m,
            repair=how.repair,
            only=only,
        )
        issues += borders
    rows, assignment = derived_columns(conn, spec, rows, effective)
    if not misplaced:
        assignment += household_issues(conn, spec, rows, effective, only, how.band)
    told = with_places(issues + assignment, rows.geometry if spec.kinds else None)
    return replace(report, issues=tuple(told)), rows


def _unrounded(
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
        # A lone polygon is stored as one of many; what is the same to the last bit stays the
        # same object, so that a layer is held once.
        other = ~shapely.equals_identical(_single(some.geometry), _single(former))
        kept.append(crs.settled(some.geometry[other], former[other]))
    settled_shapes = pd.concat(kept) if kept else rows.geometry.head(0)
    if settled_shapes.empty:
        return rows
    rows = rows.copy()
    rows.loc[settled_shapes.index, rows.geometry.name] = settled_shapes
    return rows


def _single(shapes: gpd.GeoSeries) -> np.ndarray:
    """Return shapes of many parts that have only one as that one."""
    found: np.ndarray = shapes.to_numpy().copy()
    lone = shapely.get_num_geometries(found) == 1
    found[lone] = shapely.get_geometry(found[lone], 0)
    return found


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


def _require_unit(spec: LayerSpec, unit: str, *, complete: bool) -> None:
    """Refuse a unit where rows have none, or where nothing ends."""
    if unit and not complete:
        raise InputError("--unit says of which unit the file is complete; give --complete too")
    if unit and not (spec.level or spec.name in ("building", "camera")):
        raise InputError(f"rows of {spec.name} are in no unit; leave --unit out")
    if not unit.isdigit() and unit:
        raise InputError(f"{unit[:20]!r} is no code of a division")


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
