"""The form of single units: in how many parts they lie, and how ragged they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from gridmap.crs import require_metric
from gridmap.model import Issue

if TYPE_CHECKING:
    import geopandas as gpd

COMPACTNESS = 0.1
"""Polsby-Popper value below which a grid's form is told. Source: own choice; a circle has 1, a
square 0.79, and a strip 29 times as long as wide 0.1: whoever walks it never comes round."""


def form_issues(units: gpd.GeoDataFrame) -> list[Issue]:
    """Return grids in several parts, and grids whose outline is long for their ground.

    Parameters
    ----------
    units
        Index: row number in the file; column ``code``. Valid polygons, metric CRS.

    Returns
    -------
    list of Issue
        G06.parts (warning) and G07.compactness (info), each with the unit's geometry.

    Raises
    ------
    CrsError
        The frame is not metric.

    Notes
    -----
    Rule: G06, G07. A ring that touches itself in a point makes two parts: nobody walks through a
    point. Compactness is 4 pi times the area by the square of the outline's length, holes
    included. Source: domain.md 1.7; Polsby and Popper (1991). Cost O(n).

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import MultiPolygon, box
    >>> apart = MultiPolygon([box(0, 0, 10, 10), box(20, 0, 21, 1)])
    >>> units = gpd.GeoDataFrame({"code": ["a", "b"]}, geometry=[apart, box(0, 10, 90, 11)],
    ...                          index=[1, 2], crs="EPSG:4545")
    >>> [(one.shape, one.row) for one in form_issues(units)]
    [('G06.parts', 1), ('G07.compactness', 2)]
    """
    require_metric(units)
    shapes = units.geometry.to_numpy()
    count = shapely.get_num_geometries(shapes)
    area, around = shapely.area(shapes), shapely.length(shapes)
    value = np.ones(len(shapes))
    np.divide(4.0 * np.pi * area, around**2, out=value, where=around > 0)
    issues = []
    for place in np.flatnonzero(count > 1):
        parts = np.sort(shapely.area(shapely.get_parts(shapes[place])))
        told = {
            "child": units["code"].iloc[place],
            "parts": int(count[place]),
            "greatest": f"{parts[-1]:,.0f}",
            "rest": f"{parts[:-1].sum():,.1f}",
        }
        row = int(units.index[place])
        issues.append(Issue("G06.parts", row, "geometry", told, shapes[place]))
    for place in np.flatnonzero((value < COMPACTNESS) & (count == 1)):
        told = {"child": units["code"].iloc[place], "value": value[place], "limit": COMPACTNESS}
        row = int(units.index[place])
        issues.append(Issue("G07.compactness", row, "geometry", told, shapes[place]))
    return issues
