"""The two real files the demo starts from: the outline and the official codes.

Belongs here: finding and reading ``geodata/``. Does not belong here: anything synthetic.
"""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd

from gridmap import crs

_PACKAGE = Path(__file__).resolve().parents[1]


def folder() -> Path:
    """Return the folder of the shipped geodata.

    Returns
    -------
    Path
        Inside the package in an installed wheel, beside it in a checkout.
    """
    inside = _PACKAGE / "geodata"
    return inside if inside.is_dir() else _PACKAGE.parent / "geodata"


def outline() -> gpd.GeoDataFrame:
    """Return the district's outline.

    Returns
    -------
    GeoDataFrame
        One row: code, name, a polygon in the storage CRS (EPSG:4490).

    Notes
    -----
    The file is GCJ-02 and says so in its properties; it is converted here.
    """
    frame = gpd.read_file(folder() / "nanan_outline_gcj02.geojson")
    true = crs.to_storage(crs.unshift(frame, str(frame["frame"].iloc[0])))
    return true[["code", "name", "geometry"]]


def codes() -> pd.DataFrame:
    """Return the official divisions of the district.

    Returns
    -------
    DataFrame
        RangeIndex; columns code, name, level, kind, parent_code, all text.
    """
    return pd.read_csv(folder() / "nanan_codes.csv", dtype=str, keep_default_na=False)
