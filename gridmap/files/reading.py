"""Vector files and tables in, through the tied-up child (``reader``).

Belongs here: the request and the answer, which column is which field, row numbers, frames of
coordinates, geometry from lon/lat columns. Does not belong here: opening the file (``reader``).
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
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError as ProjError

from gridmap import crs as frames
from gridmap.errors import CrsError, FileUnreadable, InputError
from gridmap.files.sheets import NOTES_SHEET, plain_cells
from gridmap.model import POSITIONS, Limits, matches
from gridmap.model.headings import HEADINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

DRIVERS = ("CSV", "ESRI Shapefile", "FlatGeobuf", "GPKG", "GeoJSON")
"""The only GDAL drivers the child may load; a deny-list missed one at the first try. KML, Excel
and GeoParquet are read without GDAL."""

FORMATS = (
    "GeoPackage, GeoJSON, Shapefile, FlatGeobuf, GeoParquet, KML, Excel or CSV, or a zip of one"
)
TIMEOUT_S = 300
NO_COLUMN = "-"
"""What the user says instead of a column for a field that is to stay empty."""
MOST_NAMED = 30
"""How many layers an error lists."""

_OWN = "__gridmap_"
_ANY_LAYER = {name: (name, *HEADINGS[name]) for name in POSITIONS}


@dataclass(frozen=True)
class LayerFile:
    """A file as read: rows as they stand in it, and where they come from.

    ``frame`` is indexed by the feature's number in the file, from 1, or by the row's number in an
    Excel sheet; it is a GeoDataFrame if the file has geometry, in the file's own CRS (None where
    the file says none). ``repairs`` holds a valid polygon for rows whose polygon is not, if it was
    asked for; ``unreadable`` the text of cells that should hold a position or shape and do not.
    ``encoding`` is what the text was read in: named by the user, declared by the file or detected;
    None where the format has none of its own. ``layer`` is the layer, sheet or folder read, with
    the member of an archive before it; ``columns`` says which column was taken for which field.
    """

    frame: pd.DataFrame
    repairs: gpd.GeoSeries
    unreadable: pd.Series
    sha256: str
    source_crs: str | None
    encoding: str | None
    layer: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Shapes:
    """What the child made of the geometry, row by row; all empty where the file has none."""

    shapes: np.ndarray[Any, Any] | None
    repairs: pd.Series
    unread: pd.Series


def read_layer(
    path: Path,
    *,
    columns: Mapping[str, str] | None = None,
    headings: Mapping[str, tuple[str, ...]] | None = None,
    layer: str | None = None,
    source_crs: str | None = None,
    encoding: str | None = None,
    repair: bool = False,
    limits: Limits | None = None,
) -> LayerFile:
    """Read a vector file or a table.

    Parameters
    ----------
    path
        A GeoPackage, GeoJSON, Shapefile, FlatGeobuf, GeoParquet, KML, Excel or CSV file, or a zip
        archive (KMZ too) with one or several of them.
    columns
        gridmap's field name -> the file's column name, `NO_COLUMN` where none is to be taken.
        Fields that are not named take the column that bears one of their headings.
    headings
        Field -> the headings it is known by, from `model.headings_of`; without it a field takes
        the column of its own name only. Those of positions are always known.
    layer
        Which layer of a file with several: a layer, a sheet, a folder of KML, or in an archive a
        member, or ``member:layer``.
    source_crs
        The frame of the coordinates, where the file says none or a wrong one: ``EPSG:n``,
        ``GCJ-02`` or ``BD-09``.
    encoding
        The encoding of text, where the file says none or a wrong one.
    repair
        Propose a valid polygon for each that is not.
    limits
        How large the file may be; `Limits` if not given.

    Returns
    -------
    LayerFile
        The rows, unjudged, their shapes without heights and measures.

    Raises
    ------
    FileUnreadable
        The file does not exist, is empty, too large, harmful, not one of the formats, or needs a
        layer or an encoding named.
    InputError
        ``columns`` names a column the file has not, or one twice; two columns have a heading of
        one field.
    CrsError
        ``source_crs`` is unknown, or the file names a frame that is, and no other was given.
    """
    limits = limits or Limits()
    _require_file(path, limits)
    columns = columns or {}
    left_out = [name for name, column in columns.items() if column == NO_COLUMN]
    columns = {name: column for name, column in columns.items() if column != NO_COLUMN}
    headings = {name: some for name, some in (headings or {}).items() if name not in left_out}
    request = {"layer": layer, "encoding": encoding, "repair": repair, "wkt": columns.get("wkt")}
    with tempfile.TemporaryDirectory(prefix="gridmap-") as folder:
        out = Path(folder) / "rows.arrow"
        answer = _ask_reader(path, request, out, limits)
        rows = _rows(out, answer["rows"])
        drawn = _shapes(out.with_name("shapes.arrow"), rows.index)
    ending = Path(answer.get("member", path.name)).suffix.lower()
    rows = plain_cells(rows) if ending == ".csv" else rows
    named = _named(rows, columns, headings, path, cut=ending == ".shp")
    frame = _rename(rows, named).drop(columns=left_out, errors="ignore")
    shapes, declared = drawn.shapes, None if source_crs else _declared(answer, path)
    if shapes is None or (shapely.is_missing(shapes).all() and drawn.unread.empty):
        points = _points_of_columns(rows, columns, path)
        shapes, drawn, declared = points.shapes, points, None
    told = {
        "unreadable": drawn.unread,
        "sha256": _sha256(path),
        "source_crs": source_crs or _crs_name(declared),
        "encoding": answer["encoding"],
        "layer": ":".join(filter(None, (answer.get("member"), answer["layer"]))),
        "columns": named,
    }
    if shapes is None:
        return LayerFile(frame, gpd.GeoSeries([]), **told)
    located = _locate(frame, shapes, declared, source_crs)
    mended = shapely.from_wkb(drawn.repairs.to_numpy())
    index = pd.DataFrame(index=drawn.repairs.index)
    return LayerFile(located, _locate(index, mended, declared, source_crs).geometry, **told)


def _rows(out: Path, count: int) -> pd.DataFrame:
    """Return the columns of the file, of which there may be none, indexed by its rows' numbers."""
    with pa.OSFile(str(out)) as source, pa.ipc.open_stream(source) as stream:
        # Codes are often numbers; as floats they would lose digits.
        rows = stream.read_all().to_pandas(integer_object_nulls=True)
    index = pd.RangeIndex(1, count + 1)
    if f"{_OWN}number" in rows:
        index = pd.Index(rows.pop(f"{_OWN}number").astype("int64"))
    return rows.set_axis(index.rename("row")) if len(rows.columns) else pd.DataFrame(index=index)


def _shapes(out: Path, index: pd.Index) -> _Shapes:
    """Return the shapes, batch by batch, so that their bytes are never held as a whole."""
    none = pd.Series(dtype=object)
    if not out.exists():
        return _Shapes(None, none, none)
    parts: list[Any] = [np.array([], dtype=object)]
    repairs: dict[int, bytes] = {}
    unread: dict[int, str] = {}
    start = 0
    with pa.OSFile(str(out)) as source, pa.ipc.open_stream(source) as stream:
        for batch in stream:
            cells = batch.column(0).to_numpy(zero_copy_only=False)
            with np.errstate(invalid="ignore"):  # a corner that is no number is judged later
                parts.append(shapely.from_wkb(cells))
            for column, kept in ((batch.column(1), repairs), (batch.column(2), unread)):
                there = np.flatnonzero(column.is_valid())
                kept.update(zip(index[start + there], column.drop_null().to_pylist(), strict=True))
            start += batch.num_rows
    return _Shapes(
        np.concatenate(parts), pd.Series(repairs, dtype=object), pd.Series(unread, dtype=object)
    )


@cache
def _child_environment() -> dict[str, str]:
    """Return the environment in which GDAL knows the allowed drivers only."""
    skip = [name for name in pyogrio.list_drivers() if name not in DRIVERS]
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        # GDAL 3.12.4 miscounts the bytes of a shape that is behind an empty one.
        "OGR_FLATGEOBUF_STREAM_BASE_IMPL": "YES",
        # A thread of its own would read ahead and double what is held.
        "OGR_GPKG_NUM_THREADS": "1",
        "OGR_SKIP": ",".join(skip),
        "GDAL_SKIP": ",".join(skip),
        "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "{none}",
        "OGR_GEOJSON_MAX_OBJ_SIZE": "0",
        # Threads reserve address space, of which the child has a limited amount.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


def _ask_reader(path: Path, asked: dict[str, Any], out: Path, limits: Limits) -> dict[str, Any]:
    """Run the child once; its end, however bad, is one clear error."""
    request = {
        "path": str(path.resolve()),
        "out": str(out),
        "wkt_names": _ANY_LAYER["wkt"],
        "notes_sheet": NOTES_SHEET,
        "max_bytes": limits.file_mb << 20,
        "max_rows": limits.rows,
        "max_vertices": limits.vertices,
        **asked,
    }
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(Path(__file__).parents[1] / "reader")],
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
            "in the program it is from and save it anew, best as GeoPackage or .xlsx"
        )
    answer: dict[str, Any] = json.loads(done.stdout)
    if "problem" in answer:
        raise FileUnreadable(f"{path.name}: {_sentence(answer, limits)}")
    return answer


def _sentence(answer: dict[str, Any], limits: Limits) -> str:
    """Return what a whole file has wrong, and what to do."""
    layers = answer.get("layers", [])
    if len(layers) > MOST_NAMED:
        answer |= {"layers": f"{layers[:MOST_NAMED]} and {len(layers) - MOST_NAMED} more"}
    likely = ", ".join(f"--encoding {name}" for name in answer.get("likely", ()))
    told = {**answer, **vars(limits), "likely": f"; it may be {likely}" if likely else ""}
    return _PROBLEMS[answer["problem"]].format(**told)


_PROBLEMS = {
    "no_layer": f"it holds no layer; give a {FORMATS} file with rows",
    "unknown_layer": "it has no such layer; its layers are {layers}",
    "many_layers": "it has several layers, name one with --layer: {layers}",
    "unreadable": f"it is not a vector file gridmap reads; give {FORMATS}",
    "lacks_part": "a Shapefile is several files, and {part} is missing; put them side by side, or "
    "give all of them in one zip",
    "encoding": "its text is not in its declared encoding, or which it is in cannot be told; name "
    "it, often --encoding GB18030{likely}",
    "unknown_encoding": "there is no encoding {encoding!r}; often it is --encoding GB18030",
    "duplicate_columns": "two of its columns have one name, {columns}; rename one",
    "too_many_rows": "it has over {rows} rows; split it, or raise GRIDMAP_MAX_ROWS",
    "too_many_vertices": "its shapes have over {vertices} vertices; split it, or raise "
    "GRIDMAP_MAX_VERTICES",
    "no_room": "reading it needs more room than {file_mb} MB a file, or the disk is full; split "
    "it, or raise GRIDMAP_MAX_FILE_MB",
    "web_page": "it is not a vector file but a web page under another name; fetch the file anew, "
    "or open it in Excel and save it as .xlsx",
    "other_xml": "it is XML, but no KML; give " + FORMATS,
    "document_type": "it declares a document type, which could read other files; save it anew",
    "echarts": "its shapes are compressed for ECharts; get the uncompressed GeoJSON",
    "other_json": "it is TopoJSON or Esri JSON; convert it to GeoJSON in a GIS",
    "native_parquet": "its geometry is kept as {encoding}; write it anew with geometry as WKB",
    "encrypted": "it is protected by a password; save it without",
    "broken_archive": "the zip archive is damaged; pack it anew",
    "nothing_in_archive": f"the archive holds no file gridmap reads; give {FORMATS}",
    "nested_archive": "the archive holds another, {member}; unpack it first",
    "outside_archive": "the archive would write outside its folder ({member!r}); pack it anew",
    "link_in_archive": "the archive holds a link, {member}; pack the file itself",
    "twice_in_archive": "the archive holds {member} twice; pack it anew",
    "many_entries": "the archive holds over {most} files; pack only what is to be read",
    "bomb": "the archive unpacks to over {file_mb} MB or 200 times its size; unpack it first, or "
    "raise GRIDMAP_MAX_FILE_MB",
}


def _require_file(path: Path, limits: Limits) -> None:
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
    if path.suffix.lower() in {".gz", ".tar", ".7z", ".rar"}:
        raise FileUnreadable(f"{path.name}: unpack the archive first, or pack it as .zip")
    if size == 0:
        raise FileUnreadable(f"{path.name}: the file is empty")
    if size > limits.file_mb << 20:
        raise FileUnreadable(
            f"{path.name}: the file is over {limits.file_mb} MB; split it, or raise "
            "GRIDMAP_MAX_FILE_MB"
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _named(
    rows: pd.DataFrame,
    columns: Mapping[str, str],
    headings: Mapping[str, tuple[str, ...]],
    path: Path,
    *,
    cut: bool,
) -> dict[str, str]:
    """Return which column is which field: what the user says, then what the headings say."""
    missing = [name for name in columns.values() if name not in rows.columns]
    if missing:
        raise InputError(
            f"{path.name}: --map names the columns {', '.join(missing)}, which the file has not; "
            f"it has {', '.join(map(str, rows.columns))}"
        )
    free = [str(name) for name in rows.columns if name not in columns.values()]
    wanted = {f: h for f, h in headings.items() if f not in columns and f not in POSITIONS}
    found = matches(free, wanted, cut=cut)
    _require_one(found, path)
    own = {f: names[0] for f, names in found.items() if names[0] != f}
    return {**columns, **own}


def _require_one(found: Mapping[str, list[str]], path: Path) -> None:
    """Refuse to choose between columns."""
    for name, several in found.items():
        if len(several) > 1:
            raise InputError(
                f"{path.name}: the columns {' and '.join(several)} both may be {name}; say which "
                f"one is: --map {name}={several[0]}"
            )


def _rename(rows: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """Give the file's columns gridmap's names."""
    taken = set(columns.values())
    kept = rows.drop(columns=[name for name in columns if name in rows and name not in taken])
    named = {field: rows[column] for field, column in columns.items()}
    return kept.drop(columns=[c for c in taken if c in kept]).assign(**named)


def _points_of_columns(rows: pd.DataFrame, columns: Mapping[str, str], path: Path) -> _Shapes:
    """Return points of lon/lat columns, and the text of those cells that are no numbers."""
    none = pd.Series(dtype=object)
    wanted = {name: _ANY_LAYER[name] for name in ("lon", "lat") if name not in columns}
    found = matches([str(name) for name in rows.columns], wanted)
    _require_one(found, path)
    places = {name: names[0] for name, names in found.items()} | dict(columns)
    if not {"lon", "lat"} <= places.keys():
        return _Shapes(None, none, none)
    cells = rows[[places["lon"], places["lat"]]]
    x, y = (pd.to_numeric(cells.iloc[:, i], errors="coerce").to_numpy(float) for i in (0, 1))
    points = np.full(len(rows), None, dtype=object)
    given = np.isfinite(x) & np.isfinite(y)
    points[given] = shapely.points(x[given], y[given])
    text = cells.iloc[:, 0].astype(str) + ", " + cells.iloc[:, 1].astype(str)
    written = cells.notna().all(axis=1) & ~cells.isin([""]).any(axis=1)
    return _Shapes(points, none, text[written & ~given])


def _locate(
    frame: pd.DataFrame, shapes: np.ndarray[Any, Any], declared: str | None, source_crs: str | None
) -> gpd.GeoDataFrame:
    """Attach the geometry in the frame that was declared, or named by the user."""
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
