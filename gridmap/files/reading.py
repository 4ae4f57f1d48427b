"""Vector files and tables in, through the tied-up child (``reader``).

Belongs here: the request and the answer, column names, row numbers, frames of coordinates,
geometry from lon/lat or WKT columns. Does not belong here: opening the file (``reader``).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyarrow import feather
from pyproj import CRS
from pyproj.exceptions import CRSError as ProjError

from gridmap import crs as frames
from gridmap.errors import CrsError, FileUnreadable, InputError
from gridmap.files.shapefiles import full_names
from gridmap.files.sheets import plain_cells

if TYPE_CHECKING:
    from collections.abc import Mapping

DRIVERS = ("CSV", "ESRI Shapefile", "FlatGeobuf", "GPKG", "GeoJSON")
"""The only GDAL drivers the child may load; a deny-list missed one at the first try."""

FORMATS = "GeoPackage, GeoJSON, Shapefile, FlatGeobuf or CSV"
MAX_ROWS = 2_000_000
MAX_BYTES = 4 << 30
TIMEOUT_S = 300

_LON_NAMES, _LAT_NAMES = ("lon", "lng", "longitude", "x", "经度"), ("lat", "latitude", "y", "纬度")
_OWN, _OWN_NAMES = "__gridmap_", ("geometry", "repair", "unread")


@dataclass(frozen=True)
class LayerFile:
    """A file as read: rows as they stand in it, and where they come from.

    ``frame`` is indexed by the feature's number in the file, from 1; it is a GeoDataFrame if
    the file has geometry, in the file's own CRS (None where the file says none). ``repairs``
    holds a valid polygon for rows whose polygon is not, if it was asked for; ``unreadable`` the
    text of cells that should hold a position or shape and do not.
    """

    frame: pd.DataFrame
    repairs: gpd.GeoSeries
    unreadable: pd.Series
    sha256: str
    source_crs: str | None
    encoding: str | None


def read_layer(
    path: Path,
    *,
    columns: Mapping[str, str] | None = None,
    layer: str | None = None,
    source_crs: str | None = None,
    encoding: str | None = None,
    repair: bool = False,
) -> LayerFile:
    """Read a vector file or a table.

    Parameters
    ----------
    path
        A GeoPackage, GeoJSON, Shapefile, FlatGeobuf or CSV file.
    columns
        gridmap's field name -> the file's column name. Fields that are not named keep the
        column of their own name.
    layer
        Which layer of a file with several.
    source_crs
        The frame of the coordinates, where the file says none or a wrong one: ``EPSG:n``,
        ``GCJ-02`` or ``BD-09``.
    encoding
        The encoding of text, where the file says none or a wrong one.
    repair
        Propose a valid polygon for each that is not.

    Returns
    -------
    LayerFile
        The rows, unjudged.

    Raises
    ------
    FileUnreadable
        The file does not exist, is empty, too large, not one of the formats, or needs a layer
        or an encoding named.
    InputError
        ``columns`` names a column the file has not, or one twice.
    CrsError
        ``source_crs`` is unknown, or the file names a frame that is, and no other was given.
    """
    _require_file(path)
    columns = columns or {}
    request = {"layer": layer, "encoding": encoding, "repair": repair, "wkt": columns.get("wkt")}
    with tempfile.TemporaryDirectory(prefix="gridmap-") as folder:
        out = Path(folder) / "rows.feather"
        answer = _ask_reader(path, request, out)
        # Codes are often numbers; as floats they would lose digits.
        rows = feather.read_table(out, memory_map=False).to_pandas(integer_object_nulls=True)
    rows.index = pd.RangeIndex(1, len(rows) + 1, name="row")
    if path.suffix.lower() == ".csv":
        rows = plain_cells(rows)
    if path.suffix.lower() == ".shp":
        rows = rows.rename(columns=full_names(rows.columns))
    own = {name: rows.pop(f"{_OWN}{name}") for name in _OWN_NAMES if f"{_OWN}{name}" in rows}
    frame = _rename(rows, columns, path)
    none = pd.Series(dtype=object)
    shapes, declared = own.get("geometry"), None if source_crs else _declared(answer, path)
    unread = own.get("unread", none).dropna()
    if shapes is None or (shapes.isna().all() and unread.empty):
        shapes, unread, declared = *_points_of_columns(rows, columns), None
    told = {
        "unreadable": unread,
        "sha256": _sha256(path),
        "source_crs": source_crs or _crs_name(declared),
        "encoding": encoding or answer["encoding"],
    }
    if shapes is None:
        return LayerFile(frame, gpd.GeoSeries([]), **told)
    located = _locate(frame, shapes, declared, source_crs)
    given = own.get("repair", none).dropna()
    repairs = _locate(pd.DataFrame(index=given.index), given, declared, source_crs).geometry
    return LayerFile(located, repairs, **told)


@cache
def _child_environment() -> dict[str, str]:
    """Return the environment in which GDAL knows the allowed drivers only."""
    skip = [name for name in pyogrio.list_drivers() if name not in DRIVERS]
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "OGR_SKIP": ",".join(skip),
        "GDAL_SKIP": ",".join(skip),
        "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "{none}",
        "OGR_GEOJSON_MAX_OBJ_SIZE": "0",
        # Threads reserve address space, of which the child has a limited amount.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


def _ask_reader(path: Path, asked: dict[str, Any], out: Path) -> dict[str, Any]:
    """Run the child once; its end, however bad, is one clear error."""
    request = {"path": str(path.resolve()), "max_rows": MAX_ROWS, "out": str(out), **asked}
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(Path(__file__).parents[1] / "reader.py")],
            input=json.dumps(request).encode(),
            capture_output=True,
            env=_child_environment(),
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise FileUnreadable(f"{path.name}: reading took over {TIMEOUT_S} s; split it") from error
    if done.returncode != 0:
        raise FileUnreadable(
            f"{path.name}: the file broke the reader or its limits of time and memory; open it "
            "in a GIS and save it anew as GeoPackage"
        )
    answer: dict[str, Any] = json.loads(done.stdout)
    if "problem" in answer:
        raise FileUnreadable(f"{path.name}: {_PROBLEMS[answer['problem']].format(**answer)}")
    return answer


_PROBLEMS = {
    "no_layer": f"it holds no layer; give a {FORMATS} file with rows",
    "unknown_layer": "it has no such layer; its layers are {layers}",
    "many_layers": "it has several layers, name one with --layer: {layers}",
    "unreadable": f"it is not a vector file gridmap reads; give {FORMATS}",
    "encoding": "its text is not in its declared encoding; name it, often --encoding GB18030",
    "duplicate_columns": "two of its columns have one name, {columns}; rename one",
    "too_many_rows": f"it has over {MAX_ROWS} rows; split it",
}


def _require_file(path: Path) -> None:
    try:
        found, size = path.is_file(), path.stat().st_size if path.exists() else 0
    except OSError as error:
        raise FileUnreadable(f"{path.name[:80]}: the file cannot be opened") from error
    if not found:
        what = "it is no file" if path.exists() else "there is no such file"
        raise FileUnreadable(f"{path}: {what}")
    if any(mark in str(path.resolve()) for mark in (";", "!", "://")):
        # The reading library takes what follows these marks for a part of an archive.
        raise FileUnreadable(f"{path}: rename the file or its folder without ; ! or ://")
    if path.suffix.lower() in {".zip", ".gz", ".tar", ".7z", ".rar"}:
        raise FileUnreadable(f"{path.name}: unpack the archive first; give {FORMATS}")
    if size == 0:
        raise FileUnreadable(f"{path.name}: the file is empty")
    if size > MAX_BYTES:
        raise FileUnreadable(f"{path.name}: the file is over {MAX_BYTES >> 30} GB; split it")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _rename(rows: pd.DataFrame, columns: Mapping[str, str], path: Path) -> pd.DataFrame:
    """Give the file's columns gridmap's names."""
    missing = [name for name in columns.values() if name not in rows.columns]
    if missing:
        raise InputError(
            f"{path.name}: --map names the columns {', '.join(missing)}, which the file has not; "
            f"it has {', '.join(map(str, rows.columns))}"
        )
    taken = set(columns.values())
    kept = rows.drop(columns=[name for name in columns if name in rows and name not in taken])
    named = {field: rows[column] for field, column in columns.items()}
    return kept.drop(columns=[c for c in taken if c in kept]).assign(**named)


def _points_of_columns(
    rows: pd.DataFrame, columns: Mapping[str, str]
) -> tuple[pd.Series | None, pd.Series]:
    """Return WKB made of lon/lat columns, and the text of those cells that are no numbers."""
    by_name = {str(name).lower(): name for name in rows.columns}

    def find(field: str, names: tuple[str, ...]) -> Any:
        if field in columns:
            return columns[field]
        return next((by_name[name] for name in names if name in by_name), None)

    lon, lat = find("lon", _LON_NAMES), find("lat", _LAT_NAMES)
    if lon is None or lat is None or lon not in rows or lat not in rows:
        return None, pd.Series(dtype=object)
    x = pd.to_numeric(rows[lon], errors="coerce").to_numpy(float)
    y = pd.to_numeric(rows[lat], errors="coerce").to_numpy(float)
    points = np.full(len(rows), None, dtype=object)
    given = np.isfinite(x) & np.isfinite(y)
    points[given] = shapely.points(x[given], y[given])
    cells = rows[lon].astype(str) + ", " + rows[lat].astype(str)
    written = rows[[lon, lat]].notna().all(axis=1) & ~rows[[lon, lat]].isin([""]).any(axis=1)
    return pd.Series(shapely.to_wkb(points), index=rows.index, dtype=object), cells[
        written & ~given
    ]


def _locate(
    frame: pd.DataFrame, wkb: pd.Series, declared: str | None, source_crs: str | None
) -> gpd.GeoDataFrame:
    """Attach the geometry in the frame that was declared, or named by the user."""
    shapes = shapely.from_wkb(wkb.to_numpy(), on_invalid="ignore")
    deep = shapely.get_coordinate_dimension(shapes) > 2
    shapes[deep] = shapely.force_2d(shapes[deep])
    shifted = (source_crs or "").upper()
    crs = None if shifted in frames.SHIFTED_FRAMES else _parse_crs(source_crs or declared)
    located = gpd.GeoDataFrame(frame, geometry=shapes, crs=crs)
    return frames.unshift(located, shifted) if shifted in frames.SHIFTED_FRAMES else located


_PLAIN_NAME = re.compile(r"[\w:./# -]{1,100}")
_UNDEFINED = re.compile(r'\w+\["Undefined (Cartesian|geographic) SRS"')
"""A GeoPackage's way to say nothing; PROJ would take the one for WGS 84."""
_LONLAT_NAMES = ("CRS84", "WGS84", "WGS 84", "WGS_1984", "GCS_WGS_1984")
"""How files call EPSG:4326 beside its codes."""


def _declared(answer: dict[str, Any], path: Path) -> str | None:
    """Return the frame a file says; refuse a GeoJSON that names one nobody knows."""
    declared: str | None = answer["crs"]
    if _UNDEFINED.match(declared or ""):
        return None
    named: str | None = answer.get("named", declared)
    if named == declared or named is None:
        return named
    if named.upper() in _LONLAT_NAMES:
        return declared
    # A name only: what a file says must not become an instruction to PROJ.
    if _PLAIN_NAME.fullmatch(named):
        with suppress(CrsError):
            return _crs_name(named)
    raise CrsError(
        f"{path.name}: its member crs names {named[:40]!r}, which is no coordinate frame gridmap "
        f"knows; name the frame with --source-crs: EPSG:n, {', '.join(frames.SHIFTED_FRAMES)}"
    )


def _parse_crs(text: str | None) -> CRS | None:
    if text is None:
        return None
    try:
        found = CRS.from_user_input(text)
    except ProjError as error:
        shifted = ", ".join(frames.SHIFTED_FRAMES)
        raise CrsError(f"{text[:40]!r} is no coordinate frame: EPSG:n, {shifted}") from error
    # Longitude comes first everywhere in gridmap: CRS84 and EPSG:4326 are one.
    if found.equals(frames.WGS84_CRS, ignore_axis_order=True):
        return frames.WGS84_CRS
    return found


def _crs_name(declared: str | None) -> str | None:
    crs = _parse_crs(declared)
    if crs is None:
        return None
    authority = crs.to_authority()
    return ":".join(authority) if authority else crs.name
