"""Frames in the forms a page takes: GeoJSON for a window, a small one for a file.

Belongs here: rounding, and leaving out what JSON has not. Does not belong here: which frames.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

if TYPE_CHECKING:
    from collections.abc import Iterable

    import geopandas as gpd


def feature_collection(
    frame: gpd.GeoDataFrame, columns: Iterable[str], *, truncated: bool
) -> dict[str, Any]:
    """Return a frame as GeoJSON, rounded to 0.1 m.

    Parameters
    ----------
    frame
        Index: code. EPSG:4490. Rows without geometry are left out.
    columns
        Which columns become properties, besides the code.
    truncated
        Whether more rows match than are given: said, never hidden.

    Returns
    -------
    dict
        A FeatureCollection with ``truncated``.
    """
    frame = frame[frame.geometry.notna()]
    shapes = shapely.transform(frame.geometry.to_numpy(), partial(np.round, decimals=6))
    rows = _plain_columns(frame, columns)
    features = [
        {
            "type": "Feature",
            "properties": {name: values[i] for name, values in rows.items()},
            "geometry": shapely.geometry.mapping(shape),
        }
        for i, shape in enumerate(shapes)
    ]
    return {"type": "FeatureCollection", "features": features, "truncated": truncated}


PACK_SCALE = 1_000_000


def pack(
    frame: gpd.GeoDataFrame, columns: Iterable[str], *, kind: str, scale: int = PACK_SCALE
) -> dict[str, Any]:
    """Return a frame in the small form a one-file map carries.

    Parameters
    ----------
    frame
        Index: code. EPSG:4490. Rows without geometry are left out.
    columns
        Which columns are told, besides the code.
    kind
        ``Point``, ``LineString`` or ``Polygon``.
    scale
        Steps in a degree.

    Returns
    -------
    dict
        ``scale``, ``kind``, ``columns`` (name -> list), ``shapes``: per feature parts, rings,
        and in a ring the differences of successive x, y in 1/scale degrees.
    """
    frame = frame[frame.geometry.notna()]
    shapes = [_packed_parts(shape, scale) for shape in frame.geometry]
    return {
        "scale": scale,
        "kind": kind,
        "columns": _plain_columns(frame, columns),
        "shapes": shapes,
    }


def _packed_parts(shape: shapely.Geometry, scale: int) -> list[list[list[int]]]:
    return [
        [_deltas(ring, scale) for ring in (part.exterior, *part.interiors)]
        if part.geom_type == "Polygon"
        else [_deltas(part, scale)]
        for part in shapely.get_parts(shape)
    ]


def _deltas(line: shapely.Geometry, scale: int) -> list[int]:
    whole = np.rint(shapely.get_coordinates(line) * scale).astype(np.int64)
    steps = np.diff(whole, axis=0, prepend=0)
    moved = np.ones(len(steps), dtype=bool)
    moved[1:] = (steps[1:] != 0).any(axis=1)
    return [int(v) for v in steps[moved].ravel()]


def _plain_columns(frame: gpd.GeoDataFrame, columns: Iterable[str]) -> dict[str, list[Any]]:
    """Return columns as lists of JSON values: no NaN, numbers to a decimal."""
    plain = {"code": [str(code) for code in frame.index]}
    for name in columns:
        plain[name] = [json_value(value) for value in frame[name].astype(object)]
    return plain


def json_value(value: Any) -> Any:
    """Return a cell as JSON has it: no NaN, numbers to a decimal.

    Parameters
    ----------
    value
        Of a frame.

    Returns
    -------
    value
        None where there is none.

    Examples
    --------
    >>> json_value(float("nan")), json_value(2.34)
    (None, 2.3)
    """
    if pd.isna(value):
        return None
    return round(float(value), 1) if isinstance(value, float) else value
