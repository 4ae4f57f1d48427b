"""GeoParquet, through Arrow alone: its "geo" member says which column is the geometry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import parquet

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
    name, crs = _geometry(geo, schema.names)
    told = {"crs": crs, "encoding": "UTF-8", "layer": layer}
    return Rows(_batches(file), schema, geometry=name, told=told)


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


def _geometry(geo: dict[str, Any], names: list[str]) -> tuple[str | None, str | None]:
    """Return the geometry's column and its frame; refuse shapes that are not WKB."""
    name, columns = geo.get("primary_column"), geo.get("columns")
    if name is None or name not in names or not isinstance(columns, dict):
        return None, None
    column = columns.get(name)
    column = column if isinstance(column, dict) else {}
    if str(column.get("encoding", "WKB")).upper() != "WKB":
        raise Problem("native_parquet", encoding=str(column["encoding"])[:40])
    crs = column.get("crs", LONLAT)
    if crs is None or isinstance(crs, str):
        return name, crs
    authority = crs.get("id") if isinstance(crs, dict) else None
    if isinstance(authority, dict) and {"authority", "code"} <= authority.keys():
        return name, f"{authority['authority']}:{authority['code']}"
    return name, json.dumps(crs)
