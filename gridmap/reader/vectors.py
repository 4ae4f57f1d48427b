"""What GDAL reads: GeoPackage, GeoJSON, Shapefile, FlatGeobuf and tables of text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyogrio  # after the limits; GDAL registers its drivers on import

from gridmap.reader import dbase, encodings, geojson
from gridmap.reader.problems import Problem
from gridmap.reader.rows import BATCH, Rows, one_layer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

WGS84 = "EPSG:4326"
"""What GDAL says of a GeoJSON that names no frame, and of one whose frame it does not know."""
SHAPEFILE = b"\x00\x00\x27\x0a"
ECHARTS = re.compile(rb'"UTF8Encoding"\s*:\s*true')
OTHER_JSON = re.compile(rb'"type"\s*:\s*"Topology"|"rings"\s*:|"geometryType"\s*:\s*"esri')


def opened(
    path: Path,
    request: dict[str, Any],
    *,
    encoding: tuple[str | None, str | None] = (None, None),
    **options: str,
) -> Rows:
    """Return the rows of one layer; "encoding" is what to tell GDAL and what to tell the user."""
    try:
        layers = [str(name) for name, _ in pyogrio.list_layers(path)]
        layer = one_layer(layers, request["layer"])
        # The reader stays open as long as its batches are asked for.
        source = pyogrio.open_arrow(
            path,
            layer=layer,
            encoding=encoding[0],
            batch_size=BATCH,
            use_pyarrow=True,
            datetime_as_string=True,
            **options,
        )
        meta, batches = source.__enter__()
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise Problem("unreadable") from error
    except (UnicodeDecodeError, LookupError) as error:
        raise Problem("encoding") from error
    name = meta["geometry_name"] or ("wkb_geometry" if meta["geometry_type"] else None)
    told = {"crs": meta["crs"], "encoding": encoding[1] or meta["encoding"], "layer": layer}
    return Rows(_drained(source, batches), batches.schema, geometry=name, told=told)


def _drained(source: Any, batches: Any) -> Iterator[pa.RecordBatch]:
    """Yield the batches, then close what they come from."""
    try:
        yield from batches
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise Problem("unreadable") from error
    finally:
        source.__exit__(None, None, None)


def opened_text(path: Path, request: dict[str, Any], encoding: str, kind: str) -> Rows:
    """Return the rows of a GeoJSON file or a table, which is in UTF-8."""
    if kind == "json":
        ends = _ends(path)
        if ECHARTS.search(ends):
            raise Problem("echarts")
        if OTHER_JSON.search(ends):
            raise Problem("other_json")
    # A column of names like 2026/01/01 would be taken for dates, and written otherwise.
    options = {"DATE_AS_STRING": "YES"} if kind == "json" else {}
    rows = opened(path, request, encoding=(None, encoding), **options)
    if kind == "json" and rows.told["crs"] == WGS84:
        members = geojson.members_of(path)
        if "crs" in members:
            rows.told["named"] = geojson.spelled(members["crs"])
    return rows


def _ends(path: Path) -> bytes:
    """Return the first and last bytes of a file, where its own members stand."""
    with path.open("rb") as file:
        head = file.read(geojson.MOST_TEXT)
        file.seek(max(path.stat().st_size - geojson.MOST_TEXT, 0))
        return head + b"\n" + file.read()


def dbase_encoding(path: Path, request: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return what to tell GDAL of a Shapefile's text and what to tell the user."""
    with path.open("rb") as file:
        if file.read(4) != SHAPEFILE:
            return None, None
    if dbase.beside(path, ".shx") is None:
        raise Problem("lacks_part", part=path.with_suffix(".shx").name)
    if request["encoding"]:
        name = encodings.spelled_or_refused(request["encoding"])
        return name, name
    table = dbase.beside(path, ".dbf")
    if table is None:
        return None, None
    texts, declared = dbase.cells(table), dbase.declared(path, table)
    if not texts:
        return None, None
    name = encodings.spelled(encodings.believed(texts, declared))
    return name, name
