"""Shapes that went through another frame or format and came back: the same up to rounding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely

from gridmap.errors import FrameError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Shapes = NDArray[Any]

ROUNDING_DEG = 1e-9
"""Vertices no further apart than this, 0.1 mm, are one. Own choice: the way through a projected
or a shifted frame and back moves them by less than 1e-11 degrees (tested), and no survey knows a
boundary as well."""


def settled(shapes: gpd.GeoSeries, former: gpd.GeoSeries) -> gpd.GeoSeries:
    """Return shapes, each as it was before where it differs by rounding only.

    Parameters
    ----------
    shapes
        Any index; longitude and latitude.
    former
        The same index and frame; None where nothing was there before.

    Returns
    -------
    GeoSeries
        The same index. The former shape where both have the same vertices up to
        `ROUNDING_DEG` and bound the same ground: a ring may be turned round or begin elsewhere,
        parts may stand in another order and one part be written as one of several. Any other
        shape as it is.

    Raises
    ------
    FrameError
        The two have different indexes.

    Notes
    -----
    Rule: what comes back from another coordinate frame or file format is no change. The rule
    compares with what is stored, so that small steps add up to a change. Source: own choice.
    Cost O(n) in vertices; O(n log n) for shapes whose vertices stand in another order.

    Examples
    --------
    >>> stored = gpd.GeoSeries([shapely.box(106, 29, 107, 30)], crs=4490)
    >>> again = gpd.GeoSeries([shapely.box(106 + 1e-12, 29, 107, 30, ccw=False)], crs=4490)
    >>> bool(settled(again, stored)[0] == stored[0])
    True
    """
    if not shapes.index.equals(former.index):
        raise FrameError("shapes and former have different indexes")
    fresh, old = np.array(shapes.array, dtype=object), np.array(former.array, dtype=object)
    count = shapely.get_num_coordinates(fresh)
    asked = np.flatnonzero(
        ~shapely.is_missing(fresh)
        & ~shapely.is_missing(old)
        & (count > 0)
        & (count == shapely.get_num_coordinates(old))
        & (shapely.get_dimensions(fresh) == shapely.get_dimensions(old))
    )
    same = _same_order(fresh[asked], old[asked])
    maybe = np.flatnonzero(~same & _same_bounds(fresh[asked], old[asked]))
    same[maybe] = [_same_ground(fresh[i], old[i]) for i in asked[maybe]]
    fresh[asked[same]] = old[asked[same]]
    return gpd.GeoSeries(fresh, index=shapes.index, crs=shapes.crs)


def _same_order(fresh: Shapes, old: Shapes) -> NDArray[np.bool_]:
    """Whether the vertices of pairs agree one by one, rings turned the same way."""
    here, pair = shapely.get_coordinates(shapely.orient_polygons(fresh), return_index=True)
    there = shapely.get_coordinates(shapely.orient_polygons(old))
    far = ~(np.abs(here - there).max(axis=1, initial=0.0) <= ROUNDING_DEG)
    return np.asarray(np.bincount(pair, far, minlength=len(fresh)) == 0)


def _same_bounds(fresh: Shapes, old: Shapes) -> NDArray[np.bool_]:
    apart = np.abs(shapely.bounds(fresh) - shapely.bounds(old))
    return np.asarray((apart <= ROUNDING_DEG).all(axis=1))


def _same_ground(fresh: shapely.Geometry, old: shapely.Geometry) -> bool:
    """Whether two shapes have the same vertices in any order, and bound the same ground."""
    ends = [shapely.points(shapely.get_coordinates(one)) for one in (fresh, old)]
    for mine, others in (ends, ends[::-1]):
        near = shapely.STRtree(others).query(mine, predicate="dwithin", distance=ROUNDING_DEG)
        if len(np.unique(near[0])) < len(mine):
            return False
    if not (shapely.is_valid(fresh) and shapely.is_valid(old)):
        return False
    left = shapely.symmetric_difference(fresh, old)
    if shapely.get_dimensions(fresh) < 2:
        return bool(shapely.length(left) <= ROUNDING_DEG * shapely.get_num_coordinates(old))
    return bool(shapely.area(left) <= ROUNDING_DEG * shapely.length(old))
