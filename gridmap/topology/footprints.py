"""Buildings whose footprints stand on the same ground."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.crs import require_metric
from gridmap.errors import FrameError
from gridmap.model import Issue
from gridmap.topology.offences import TOLERANCE_M
from gridmap.topology.pieces import narrow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.intp]
    Geometries = NDArray[np.object_]


def crowded(buildings: gpd.GeoDataFrame, others: gpd.GeoDataFrame | None = None) -> pd.Series:
    """Return which buildings meet another: only those can stand on its ground.

    Parameters
    ----------
    buildings
        Index: any, unique. Valid polygons, any CRS.
    others
        More buildings, same CRS.

    Returns
    -------
    Series
        Index of ``buildings``; bool.

    Raises
    ------
    FrameError
        The frames differ in CRS.

    Notes
    -----
    Of 600,000 few meet; measuring only those saves half a gigabyte. Cost O(n log n).
    """
    if others is not None and others.crs != buildings.crs:
        raise FrameError("buildings and others are in different coordinate frames")
    mine = np.asarray(buildings.geometry.to_numpy(), dtype=object)
    theirs = mine[:0] if others is None else np.asarray(others.geometry.to_numpy(), dtype=object)
    met = np.concatenate(_meeting(mine, theirs))
    found = np.zeros(len(mine) + len(theirs), dtype=bool)
    found[met] = True
    return pd.Series(found[: len(mine)], index=buildings.index)


def footprint_overlaps(
    buildings: gpd.GeoDataFrame,
    others: gpd.GeoDataFrame | None = None,
    *,
    tolerance_m: float = TOLERANCE_M,
) -> gpd.GeoDataFrame:
    """Return the pairs of buildings that stand on the same ground.

    Parameters
    ----------
    buildings
        Index: any, unique. Valid polygons, metric CRS.
    others
        Buildings that those are compared with, but not among themselves; same CRS.
    tolerance_m
        Width in metres up to which two walls may be drawn into each other.

    Returns
    -------
    GeoDataFrame
        RangeIndex, CRS of ``buildings``; ``first`` and ``second`` (labels; ``first`` stands
        earlier in ``buildings``, or is the one of the two that is in it), ``stored`` (whether
        ``second`` is of ``others``), ``area_m2``, ``same`` (the two have one shape), the common
        ground as ``geometry``; ordered by the places of first and second.

    Raises
    ------
    CrsError
        A frame is not metric.
    FrameError
        The frames differ in CRS.

    Notes
    -----
    Rule: G09. Walls that touch share no ground; an overlap is told where it is somewhere wider
    than the tolerance. Source: domain.md 1.7. Cost O(n log n), an overlay for each pair whose
    boxes and shapes meet.

    Examples
    --------
    >>> from shapely import box
    >>> rows = gpd.GeoDataFrame(index=[1, 2, 3], crs="EPSG:4545",
    ...                         geometry=[box(0, 0, 9, 9), box(9, 0, 18, 9), box(8, 0, 12, 9)])
    >>> footprint_overlaps(rows)[["first", "second", "area_m2"]].values.tolist()
    [[1, 3, 9.0], [2, 3, 27.0]]
    """
    metric = require_metric(buildings)
    mine = np.asarray(buildings.geometry.to_numpy(), dtype=object)
    theirs = mine[:0]
    labels = [buildings.index.to_numpy(dtype=object)]
    if others is not None:
        if require_metric(others) != metric:
            raise FrameError("buildings and others are in different coordinate frames")
        theirs = np.asarray(others.geometry.to_numpy(), dtype=object)
        labels.append(others.index.to_numpy(dtype=object))
    first, second = _meeting(mine, theirs)
    shapes = np.concatenate([mine, theirs])
    ground = _areas(shapely.intersection(shapes[first], shapes[second]))
    wide = np.flatnonzero(shapely.area(ground) > np.pi / 4.0 * tolerance_m**2)
    wide = wide[~narrow(ground[wide], tolerance_m)]
    first, second, ground = first[wide], second[wide], ground[wide]
    label = np.concatenate(labels)
    return gpd.GeoDataFrame(
        {
            "first": pd.Series(label[first], dtype=object),
            "second": pd.Series(label[second], dtype=object),
            "stored": second >= len(mine),
            "area_m2": shapely.area(ground),
            "same": shapely.equals(shapes[first], shapes[second]),
        },
        geometry=ground,
        crs=metric,
    )


def _meeting(mine: Geometries, theirs: Geometries) -> tuple[Ints, Ints]:
    """Return the places of shapes that meet, those of ``theirs`` counted on from ``mine``."""
    low, high = shapely.STRtree(mine).query(mine, predicate="intersects")
    once = low < high
    near, far = shapely.STRtree(theirs).query(mine, predicate="intersects")
    one = np.concatenate([low[once], near])
    two = np.concatenate([high[once], far + len(mine)])
    order = np.lexsort((two, one))
    return one[order], two[order]


def _areas(overlays: Geometries) -> Geometries:
    """Return overlays without the lines and points of walls that touch beside the overlap."""
    answer = overlays.copy()
    mixed = shapely.get_type_id(overlays) == shapely.GeometryType.GEOMETRYCOLLECTION
    for place in np.flatnonzero(mixed):
        parts = shapely.get_parts(overlays[place])
        answer[place] = shapely.union_all(parts[shapely.get_dimensions(parts) == 2])
    return answer


def footprint_issues(buildings: pd.DataFrame, overlaps: gpd.GeoDataFrame) -> list[Issue]:
    """Return buildings that stand on the ground of another, as a planner is told.

    Parameters
    ----------
    buildings
        Index: row number in the file; column ``code``.
    overlaps
        Of `footprint_overlaps`, over those rows.

    Returns
    -------
    list of Issue
        G09.overlap, at the later row of two in the file. Two rows of one shape are told by
        ``LayerSpec.check`` (G01.duplicate) and not once more.
    """
    issues = []
    for one in overlaps[~overlaps["same"] | overlaps["stored"]].itertuples(index=False):
        row, other = (one.first, one.second) if one.stored else (one.second, one.first)
        told = {
            "value": buildings.at[row, "code"],
            "other": other if one.stored else buildings.at[other, "code"],
            "area": f"{one.area_m2:,.1f}",
        }
        issues.append(Issue("G09.overlap", int(row), "geometry", told, one.geometry))
    return issues
