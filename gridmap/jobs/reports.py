"""The report of an import: where each issue lies, and the report as a file."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap import crs, files
from gridmap.errors import CrsError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from gridmap.model import ImportReport, Issue

REPORT_ENDINGS = (".json", ".gpkg")

_COLUMNS = ("rule", "severity", "row", "field", "message_zh", "message_en")


def with_places(issues: Iterable[Issue], shapes: gpd.GeoSeries | None) -> list[Issue]:
    """Return issues with the place of each in EPSG:4490, that of its row where it has none.

    Parameters
    ----------
    issues
        Their geometry in the frame of ``shapes``.
    shapes
        The rows' geometry, index: row number; None where the file has none.

    Returns
    -------
    list of Issue
        The same order. Without a geometry where neither the issue nor its row has one that
        can be brought to EPSG:4490: an issue of the whole file, a file without a frame.
    """
    issues = list(issues)
    if shapes is None or not issues:
        return issues
    known = shapes.index
    found = [
        issue.geometry
        if issue.geometry is not None or issue.row not in known
        else shapes[issue.row]
        for issue in issues
    ]
    try:
        stored = crs.to_storage(gpd.GeoSeries(found, crs=shapes.crs)).array
    except CrsError:
        stored = np.full(len(found), None)
    return [
        replace(issue, geometry=shape if _on_earth(shape) else None)
        for issue, shape in zip(issues, stored, strict=True)
    ]


def _on_earth(shape: shapely.Geometry | None) -> bool:
    if shape is None or shape.is_empty:
        return False
    west, south, east, north = shape.bounds
    return bool(-180 <= west <= east <= 180 and -90 <= south <= north <= 90)


def require_report(path: Path) -> None:
    """Refuse a file that `write_report` could not write: best known before the import.

    Parameters
    ----------
    path
        The file to be written.

    Raises
    ------
    InputError
        The name has another ending than `REPORT_ENDINGS`, or see `files.require_folder`.
    """
    if path.suffix.lower() not in REPORT_ENDINGS:
        raise InputError(
            f"{path.name}: a report is written as {' or '.join(REPORT_ENDINGS)}; end the name so"
        )
    files.require_folder(path)


def write_report(report: ImportReport, path: Path) -> None:
    """Write an import's report as JSON, or as a GeoPackage to see on a map.

    Parameters
    ----------
    report
        Of an import, done or refused.
    path
        ``.json`` or ``.gpkg``; replaced only when the new one is whole.

    Raises
    ------
    InputError
        See `require_report`; or the file cannot be written there.

    Notes
    -----
    Rule: a GeoPackage has the layer ``issues`` (EPSG:4490, shapes of any kind), the table
    ``issues_without_geometry`` for those that have no place, the table ``changes`` of the rows
    that are new, change or end, and the table ``report`` with one row: a GIS shows all four. The
    file is for its owner alone: an issue of a camera has its
    exact position.
    """
    require_report(path)
    if path.suffix.lower() == ".json":
        with files.whole(path, private=True) as part:
            text = json.dumps(report.as_dict(), ensure_ascii=False, indent=1)
            part.write_text(f"{text}\n", encoding="utf-8")
        return
    somewhere = [one for one in report.issues if one.geometry is not None]
    nowhere = [one for one in report.issues if one.geometry is None]
    shapes = gpd.GeoSeries([one.geometry for one in somewhere], crs=crs.STORAGE_CRS)
    layers = {
        "issues": gpd.GeoDataFrame(_table(somewhere), geometry=shapes).set_index("rule"),
        "issues_without_geometry": _table(nowhere).set_index("rule"),
        "changes": _changes(report).set_index("key"),
        "report": _summary(report).set_index("layer"),
    }
    files.write_layers(layers, path, private=True)


def _table(issues: list[Issue]) -> pd.DataFrame:
    told = [
        (one.rule, str(one.severity), one.row, one.field, one.message("zh"), one.message("en"))
        for one in issues
    ]
    table = pd.DataFrame(told, columns=list(_COLUMNS), dtype=object)
    return table.astype({"row": "Int64"} | {c: "string" for c in _COLUMNS if c != "row"})


def _changes(report: ImportReport) -> pd.DataFrame:
    told = [(one.key, one.change, ", ".join(one.fields)) for one in report.changes]
    return pd.DataFrame(told, columns=["key", "change", "fields"]).astype("string")


def _summary(report: ImportReport) -> pd.DataFrame:
    """Return all the report says beside its issues and changes, as one row."""
    told: dict[str, Any] = {
        name: json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
        for name, value in report.as_dict().items()
        if name not in ("issues", "changes")
    }
    errors = len(report.errors)
    table = pd.DataFrame([{**told, "errors": errors, "others": len(report.issues) - errors}])
    empty = {name: "string" for name in table if table[name].isna().all()}
    return table.astype(empty)
