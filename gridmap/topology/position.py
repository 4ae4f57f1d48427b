"""Features that lie where no feature of the district can lie."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import shapely

from gridmap.crs import metric_crs_of
from gridmap.model import Issue

NEAR_DISTRICT_M = 1000.0
"""How far outside the district a feature may lie. Rule G01 (domain.md 1.7)."""


MEASURED_AT_ONCE = 50_000
"""So many shapes are in metres at a time."""


def position_issues(features: gpd.GeoDataFrame, district: gpd.GeoDataFrame) -> list[Issue]:
    """Return features that lie where no feature of the district can lie.

    Parameters
    ----------
    features
        Index: row number in the file. Longitude/latitude (EPSG:4490).
    district
        The district's polygon with column ``name``, EPSG:4490; empty while none is stored.

    Returns
    -------
    list of Issue
        Rule G01: no longitude and latitude, further than `NEAR_DISTRICT_M` outside the
        district; one issue for the whole file where exchanging the axes explains it.

    Raises
    ------
    CrsError
        The district has no CRS.

    Notes
    -----
    Cost O(n).
    """
    bounds = features.geometry.bounds
    given = bounds.notna().all(axis=1)
    on_earth = (bounds[["minx", "maxx"]].abs() <= 180).all(axis=1) & (
        bounds[["miny", "maxy"]].abs() <= 90
    ).all(axis=1)
    swapped = _share_inside(bounds.rename(columns=_SWAP), district)
    if swapped > 0.5 and swapped > _share_inside(bounds, district):
        return [Issue("G01.swapped", None, "geometry", {"share": swapped})]
    issues = [
        Issue("G01.range", int(row), "geometry", {"place": _place(bounds.loc[row])})
        for row in bounds.index[given & ~on_earth]
    ]
    if district.empty:
        return issues
    near = features[given & on_earth & features.geometry.is_valid].geometry
    for start in range(0, len(near), MEASURED_AT_ONCE):
        issues += _far_issues(near.iloc[start : start + MEASURED_AT_ONCE], district)
    return issues


def _far_issues(near: gpd.GeoSeries, district: gpd.GeoDataFrame) -> list[Issue]:
    """Find shapes that lie outside the district, or areas that reach out of it."""
    metric = metric_crs_of(district)
    outline = shapely.union_all(district.geometry.to_crs(metric).array)
    shapes = near.to_crs(metric).array
    away = shapely.distance(shapes, outline)
    around = outline.buffer(NEAR_DISTRICT_M)
    shapely.prepare(around)
    # A road may lead out of the district; an area that does is no part of it.
    reaches = (shapely.get_dimensions(shapes) == 2) & ~shapely.covers(around, shapes)
    name = {"district": district["name"].iloc[0]}
    issues = []
    for row, distance, beyond in zip(near.index, away, reaches, strict=True):
        if distance > NEAR_DISTRICT_M:
            values = {"distance": f"{distance / 1000:.1f}", **name}
            issues.append(Issue("G01.outside", int(row), "geometry", values))
        elif beyond:
            issues.append(Issue("G01.reaches", int(row), "geometry", name))
    return issues


_SWAP = {"minx": "miny", "miny": "minx", "maxx": "maxy", "maxy": "maxx"}


def _share_inside(bounds: pd.DataFrame, district: gpd.GeoDataFrame) -> float:
    """Return the share of boxes within the district's box."""
    if district.empty or bounds.empty:
        return 0.0
    west, south, east, north = district.total_bounds
    x, y = (bounds["minx"] + bounds["maxx"]) / 2, (bounds["miny"] + bounds["maxy"]) / 2
    return float((x.between(west, east) & y.between(south, north)).mean())


def _place(box: pd.Series) -> str:
    """Return the corner furthest from 0, 0: where a position is impossible, that is the one."""
    x, y = (max(box[f"min{axis}"], box[f"max{axis}"], key=abs) for axis in "xy")
    return f"({x:.8g}, {y:.8g})"
