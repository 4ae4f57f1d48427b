"""A layer as a file of any format, its columns and types as the layer has them.

Belongs here: which format an ending means, and the vector formats. Does not belong here: tables
(``sheets``), what a Shapefile cannot hold (``shapefiles``), which rows (``jobs``).
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import shapely
from pyarrow import parquet

from gridmap import crs as frames
from gridmap.errors import InputError
from gridmap.files import shapefiles
from gridmap.files.sheets import write_csv, write_excel
from gridmap.files.writing import require_folder, whole
from gridmap.model import Kind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyproj import CRS

    from gridmap.model import LayerSpec

    Writer = Callable[[pd.DataFrame, LayerSpec, Path], None]

_TYPES = {
    Kind.TEXT: pa.string(),
    Kind.INTEGER: pa.int32(),
    Kind.NUMBER: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.DATE: pa.date32(),
}

_MULTI = {"Point": "Point", "LineString": "MultiLineString", "Polygon": "MultiPolygon"}
"""The kind of geometry of a layer, by the simplest of the kinds its rows may have."""


def require_export(path: Path, spec: LayerSpec, crs: CRS) -> None:
    """Refuse a file that `write_export` could not write: best known before the work.

    Parameters
    ----------
    path
        The file to be written.
    spec
        The layer.
    crs
        The frame of its coordinates.

    Raises
    ------
    InputError
        The ending is no format of `EXPORT_ENDINGS`, or not one for this layer or frame; or see
        `require_folder`.
    """
    ending = path.suffix.lower()
    if ending not in EXPORT_ENDINGS:
        raise InputError(f"{path.name}: choose one of the endings {', '.join(EXPORT_ENDINGS)}")
    if ending in (".shp", ".zip"):
        shapefiles.require_shapes(spec)
    if ending == ".geojson" and crs.is_projected:
        raise InputError(
            f"{path.name}: GeoJSON holds longitude and latitude (RFC 7946), not {crs.name}; choose "
            "another --crs, or .gpkg"
        )
    require_folder(path)


def write_export(rows: pd.DataFrame, spec: LayerSpec, path: Path, *, private: bool = False) -> None:
    """Write a layer to a file; what is there stays until the new one is whole.

    Parameters
    ----------
    rows
        The layer's columns, typed by `LayerSpec.parse`; geometry in the frame to be written,
        x east and y north.
    spec
        The layer.
    path
        Its ending is the format, one of `EXPORT_ENDINGS`.
    private
        For its owner alone.

    Raises
    ------
    InputError
        The format cannot hold a row, or the file cannot be written there.
    """
    require_export(path, spec, getattr(rows, "crs", None) or frames.STORAGE_CRS)
    with whole(path, private=private) as part:
        EXPORT_ENDINGS[path.suffix.lower()](rows, spec, part)


def _write_vector(rows: pd.DataFrame, spec: LayerSpec, part: Path, **how: Any) -> None:
    """Write the rows through GDAL, in their order and with their types."""
    short = how["driver"] == "ESRI Shapefile"
    where: dict[str, Any] = {}
    if isinstance(rows, gpd.GeoDataFrame):
        # The older form of the text, which every one of these formats can keep.
        authority = rows.crs.to_authority()
        crs = ":".join(authority) if authority else rows.crs.to_wkt("WKT1_GDAL")
        where = {"geometry_name": "geometry", "geometry_type": _kind(spec), "crs": crs}
    layer = part.stem if short else spec.name
    pyogrio.write_arrow(_arrow(rows, spec, short=short), part, layer=layer, **how, **where)
    if pyogrio.read_info(part, force_feature_count=True)["features"] != len(rows):
        raise OSError(0, "the disk is full")  # the library tells of it only some of the times


def _arrow(rows: pd.DataFrame, spec: LayerSpec, *, short: bool = False) -> pa.Table:
    """Return the rows as a table of exactly the layer's types, shapes as WKB."""
    name = shapefiles.short_name if short else str
    columns = {
        name(column.name): pa.array(
            [None if pd.isna(cell) else cell for cell in rows[column.name].astype(object)],
            _TYPES[column.kind],
        )
        for column in spec.fields
    }
    if isinstance(rows, gpd.GeoDataFrame):
        columns["geometry"] = pa.array(shapely.to_wkb(_multi(rows.geometry.array)), pa.binary())
    return pa.table(columns)


def _multi(shapes: Any) -> Any:
    """Return single parts as the only one of several: a file's layer has one kind of geometry."""
    shapes = np.array(shapes, dtype=object)
    for single, made in ((1, shapely.multilinestrings), (3, shapely.multipolygons)):
        found = shapely.get_type_id(shapes) == single
        shapes[found] = made(shapes[found], indices=np.arange(found.sum()))
    return shapes


def _kind(spec: LayerSpec) -> str:
    return next(multi for kind, multi in _MULTI.items() if kind in spec.kinds)


def _write_geopackage(rows: pd.DataFrame, spec: LayerSpec, part: Path) -> None:
    _write_vector(rows, spec, part, driver="GPKG")


def _write_flatgeobuf(rows: pd.DataFrame, spec: LayerSpec, part: Path) -> None:
    # Its index would sort the rows, and refuses rows without geometry.
    _write_vector(rows, spec, part, driver="FlatGeobuf", layer_options={"SPATIAL_INDEX": "NO"})


def _write_shapefile(rows: pd.DataFrame, spec: LayerSpec, part: Path) -> None:
    shapefiles.require_texts(rows, spec)
    _write_vector(rows, spec, part, driver="ESRI Shapefile", encoding=shapefiles.ENCODING)


def _write_zip(rows: pd.DataFrame, spec: LayerSpec, part: Path) -> None:
    shapefile = part.with_suffix(".shp")
    _write_shapefile(rows, spec, shapefile)
    shapefiles.zipped(shapefile, spec.name, part)


def _write_geojson(rows: pd.DataFrame, spec: LayerSpec, part: Path) -> None:
    """Write GeoJSON with every digit, a line a feature.

    GDAL would write no frame for one that no register has, and readers take that for WGS 84.
    """
    shapes = np.full(len(rows), "null", dtype=object)
    head: dict[str, Any] = {"type": "FeatureCollection", "name": spec.name}
    if isinstance(rows, gpd.GeoDataFrame):
        shapes = shapely.to_geojson(shapely.orient_polygons(rows.geometry.array))
        head |= _geojson_frame(spec.name, rows.crs)
    cells = [rows[name].astype(object) for name in spec.columns]
    start = json.dumps(head, ensure_ascii=False)[:-1]
    with part.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f'{start}, "features": [\n')
        for number, (shape, *row) in enumerate(zip(shapes, *cells, strict=True)):
            told = {name: _json_cell(cell) for name, cell in zip(spec.columns, row, strict=True)}
            text = json.dumps(told, ensure_ascii=False)
            comma = ",\n" if number else ""
            file.write(f'{comma}{{"type": "Feature", "properties": {text}, "geometry": {shape}}}')
        file.write("\n]}\n")


def _geojson_frame(name: str, crs: CRS) -> dict[str, Any]:
    """Return the members that name a frame; without one a file is in WGS 84 (RFC 7946)."""
    if crs == frames.WGS84_CRS:
        return {}
    authority = crs.to_authority()
    if authority is None:
        # Null says that no frame may be assumed (GeoJSON 2008). GDAL assumes one all the same, so
        # the name of the layer says it too, to whoever sees it in a list.
        return {"crs": None, "frame": crs.name, "name": f"{name} {crs.name}"}
    urn = f"urn:ogc:def:crs:{authority[0]}::{authority[1]}"
    return {"crs": {"type": "name", "properties": {"name": urn}}}


def _json_cell(value: Any) -> Any:
    if pd.isna(value):
        return None
    return value.isoformat() if isinstance(value, dt.date) else value


def _write_parquet(rows: pd.DataFrame, spec: LayerSpec, part: Path) -> None:
    """Write GeoParquet 1.1, or plain Parquet where there is no geometry."""
    table = _arrow(rows, spec)
    if isinstance(rows, gpd.GeoDataFrame):
        column = {
            "encoding": "WKB",
            "geometry_types": [_kind(spec)] if len(rows) else [],
            "crs": rows.crs.to_json_dict(),
        }
        geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
        table = table.replace_schema_metadata({"geo": json.dumps(geo)})
    parquet.write_table(table, part, compression="zstd")


EXPORT_ENDINGS: dict[str, Writer] = {
    ".gpkg": _write_geopackage,
    ".geojson": _write_geojson,
    ".parquet": _write_parquet,
    ".shp": _write_shapefile,
    ".zip": _write_zip,
    ".xlsx": write_excel,
    ".csv": write_csv,
    ".fgb": _write_flatgeobuf,
}
"""Endings of files and how each is written; a ``.zip`` holds a Shapefile."""
