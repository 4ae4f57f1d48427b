"""GeoParquet, through Arrow alone: its "geo" member says which column is the geometry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import parquet

from gridmap.reader import geoarrow
from gridmap.reader.problems import Problem
from gridmap.reader.rows import BATCH, Rows, one_layer

if TYPE_CHECKING:
    from collections.abc import Iterator

LONLAT = "OGC:CRS84"
"""What a column without a frame is in, as the format's text says."""


def opened(path: Path, request: dict[str, Any]) -> Rows:
    """Return the rows; the one layer has the file's name."""
    layer = one_layer([path.stem], request["layer"])
    try:
        file = parquet.ParquetFile(path)
        if file.metadata.num_rows > request["max_rows"]:
            raise Problem("too_many_rows")
        geo = _geo(file.schema_arrow)
        schema = file.schema_arrow.remove_metadata()
    except (pa.ArrowException, ValueError, OSError) as error:
        raise Problem("unreadable") from error
    name, crs, encoding = _geometry(geo, schema.names)
    told = {"crs": crs, "encoding": "UTF-8", "layer": layer}
    batches = _batches(file)
    if name is not None and _is_native(schema, name, encoding):
        batches = geoarrow.wkb(batches, name, encoding)
    return Rows(batches, schema, geometry=name, told=told)


def _batches(file: parquet.ParquetFile) -> Iterator[pa.RecordBatch]:
    try:
        yield from file.iter_batches(BATCH, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise Problem("unreadable") from error


def _geo(schema: pa.Schema) -> dict[str, Any]:
    """Return the member "geo", empty where the file is a plain table."""
    text = (schema.metadata or {}).get(b"geo")
    geo = json.loads(text) if text else {}
    if not isinstance(geo, dict):
        raise Problem("unreadable")
    return geo


def _is_native(schema: pa.Schema, name: str, encoding: str) -> bool:
    """Tell whether shapes are no WKB but nested lists; refuse what is neither."""
    kind = schema.types[schema.names.index(name)]
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if encoding == "wkb" and not pa.types.is_nested(kind):
        return False
    if not geoarrow.fits(kind, encoding):
        raise Problem("native_parquet", encoding=f"{encoding}, {kind}"[:80])
    return True


def _geometry(geo: dict[str, Any], names: list[str]) -> tuple[str | None, str | None, str]:
    """Return the geometry's column, its frame, and how its shapes are kept."""
    name, columns = geo.get("primary_column"), geo.get("columns")
    if name is None or name not in names or not isinstance(columns, dict):
        return None, None, ""
    column = columns.get(name)
    column = column if isinstance(column, dict) else {}
    encoding = str(column.get("encoding", "WKB")).lower().removeprefix("geoarrow.")
    crs = column.get("crs", LONLAT)
    if crs is None or isinstance(crs, str):
        return name, crs, encoding
    authority = crs.get("id") if isinstance(crs, dict) else None
    if isinstance(authority, dict) and {"authority", "code"} <= authority.keys():
        return name, f"{authority['authority']}:{authority['code']}", encoding
    return name, json.dumps(crs), encoding
