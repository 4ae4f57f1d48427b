"""Which unit a building or a camera belongs to."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.crs import require_metric
from gridmap.errors import FrameError
from gridmap.model import Issue

SPLIT_SHARE = 0.95
"""A building with less of its area in its grid straddles a border. Rule G08 (domain.md 1.7)."""


def assign(items: gpd.GeoDataFrame, units: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the unit each item belongs to: the one that holds most of its area.

    Parameters
    ----------
    items
        Index: key. Polygons, or points, which belong to the unit that covers them. Metric CRS.
    units
        Index: code. Valid polygons that do not overlap, same CRS.

    Returns
    -------
    DataFrame
        Index of ``items``; ``unit_code`` (None where no unit touches it with area), ``share``
        of the item's area in that unit in 0..1 (1.0 for a point), 0.0 where there is none.
        Shares equal to a ten-thousandth go to the lowest code.

    Raises
    ------
    CrsError
        A frame is not metric.
    FrameError
        The two frames differ in CRS, or an index has duplicates.

    Notes
    -----
    Rule: G08, by largest share and not by centroid. Source: domain.md 1.7.
    Cost: O(n log m), and one overlay for each item on a border.

    Examples
    --------
    >>> from shapely import box
    >>> metric = "EPSG:4545"
    >>> units = gpd.GeoDataFrame(index=["a", "b"], geometry=[box(0, 0, 9, 9), box(9, 0, 18, 9)],
    ...                          crs=metric)
    >>> items = gpd.GeoDataFrame(index=[1, 2], geometry=[box(1, 1, 2, 2), box(6, 1, 10, 2)],
    ...                          crs=metric)
    >>> assign(items, units).to_dict("index")
    {1: {'unit_code': 'a', 'share': 1.0}, 2: {'unit_code': 'a', 'share': 0.75}}
    """
    if require_metric(items) != require_metric(units):
        raise FrameError("items and units are in different coordinate frames")
    if not (items.index.is_unique and units.index.is_unique):
        raise FrameError("items or units have duplicate keys")
    units = units.sort_index()
    item, unit, share = _shares(items.geometry.to_numpy(), units.geometry.to_numpy())
    # Largest share first; at equal shares the lower code, whose position is lower. Reprojection
    # bends a straight border by a tenth of a millimetre, which must not decide.
    order = np.lexsort((unit, -np.round(share, 4), item))
    first = order[np.unique(item[order], return_index=True)[1]] if len(order) else order
    code = np.full(len(items), None, dtype=object)
    part = np.zeros(len(items))
    code[item[first]] = units.index.to_numpy(dtype=object)[unit[first]]
    part[item[first]] = share[first]
    # Told its type, pandas keeps None as None.
    codes = pd.Series(code, index=items.index, dtype=object)
    return pd.DataFrame({"unit_code": codes, "share": part}, index=items.index)


def _shares(items: np.ndarray, units: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (item, unit, share) for every pair that shares ground."""
    tree = shapely.STRtree(units)
    inside_item, inside_unit = tree.query(items, predicate="covered_by")
    rest = np.setdiff1d(np.arange(len(items)), inside_item)
    item, unit = tree.query(items[rest], predicate="intersects")
    item = rest[item]
    shared = shapely.area(shapely.intersection(items[item], units[unit]))
    whole = shapely.area(items[item])
    share = np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)
    item, unit, share = item[share > 0], unit[share > 0], share[share > 0]
    return (
        np.concatenate([inside_item, item]),
        np.concatenate([inside_unit, unit]),
        np.concatenate([np.ones(len(inside_item)), share]),
    )


def assignment_issues(buildings: pd.DataFrame, assigned: pd.DataFrame) -> list[Issue]:
    """Return what a planner should look at in an assignment.

    Parameters
    ----------
    buildings
        Index: row number in the file; column ``code``.
    assigned
        Result of `assign` for those rows whose geometry could be used.

    Returns
    -------
    list of Issue
        Warnings of rule G08: buildings that straddle a border, buildings in no unit.
    """
    lost = assigned["unit_code"].isna()
    issues = [
        Issue("G08.outside", int(row), "geometry", {"value": code})
        for row, code in buildings["code"].loc[assigned.index[lost]].items()
    ]
    split = assigned[~lost & (assigned["share"] < SPLIT_SHARE)]
    told = zip(
        split.index,
        buildings["code"].loc[split.index],
        split["share"],
        split["unit_code"],
        strict=True,
    )
    issues += [
        Issue("G08.split", int(row), "geometry", {"value": code, "share": share, "grid": grid})
        for row, code, share, grid in told
    ]
    return issues
