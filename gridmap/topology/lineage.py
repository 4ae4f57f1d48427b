"""What became of units that were divided anew: who got whose ground."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.crs import require_metric
from gridmap.errors import FrameError

LINEAGE_COLUMNS = ["old_code", "new_code", "area_m2", "old_share", "new_share"]

LEAST_SHARE = 1e-3
"""Ground of less than a thousandth of both units is a border drawn anew, no inheritance.
Own choice."""


def lineage(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return which unit got the ground of which, where units were split, merged or moved.

    Parameters
    ----------
    before
        Index: code. Valid polygons that do not overlap: units that ended or changed, as they
        were. Metric CRS.
    after
        Index: code. Valid polygons that do not overlap: units that began or changed, as they
        are. Same CRS.

    Returns
    -------
    DataFrame
        Index 0..n-1, by old and new code; columns old_code, new_code, area_m2 (common ground),
        old_share (of the old unit's area, 0..1), new_share (of the new unit's). A unit that
        kept its code and all but a thousandth of its ground is left out.

    Raises
    ------
    CrsError
        A frame is not metric.
    FrameError
        The two frames differ in CRS, or an index has duplicates.

    Notes
    -----
    Rule: splits and merges are recorded with shares of area. Source: own choice.
    Cost: O(n log n), one overlay for each pair that meets.

    Examples
    --------
    >>> from shapely import box
    >>> old = gpd.GeoDataFrame(index=["a"], geometry=[box(0, 0, 4, 1)], crs="EPSG:4545")
    >>> new = gpd.GeoDataFrame(
    ...     index=["b", "c"], geometry=[box(0, 0, 1, 1), box(1, 0, 4, 1)], crs="EPSG:4545"
    ... )
    >>> lineage(old, new)[["new_code", "old_share", "new_share"]].to_numpy().tolist()
    [['b', 0.25, 1.0], ['c', 0.75, 1.0]]
    """
    if require_metric(before) != require_metric(after):
        raise FrameError("units before and after are in different coordinate frames")
    if not (before.index.is_unique and after.index.is_unique):
        raise FrameError("units have duplicate codes")
    old, new = before.geometry.to_numpy(), after.geometry.to_numpy()
    one, other = shapely.STRtree(new).query(old, predicate="intersects")
    area = shapely.area(shapely.intersection(old[one], new[other]))
    found = pd.DataFrame(
        {
            "old_code": before.index.to_numpy(dtype=object)[one],
            "new_code": after.index.to_numpy(dtype=object)[other],
            "area_m2": area,
            "old_share": area / shapely.area(old[one]),
            "new_share": area / shapely.area(new[other]),
        }
    )
    share = found[["old_share", "new_share"]]
    kept = (found["old_code"] == found["new_code"]) & (share.min(axis=1) > 1 - LEAST_SHARE)
    told = found[(share.max(axis=1) >= LEAST_SHARE) & ~kept]
    # Shares of a thing and its part, to a millionth: they are read by people.
    told = told.assign(**np.round(told[["old_share", "new_share"]], 6))
    return told.sort_values(["old_code", "new_code"], ignore_index=True)
