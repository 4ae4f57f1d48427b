"""What differs between two days: rows, who is covered, and which ground is seen.

Belongs here: comparing frames of two days. Does not belong here: reading them (``store``),
computing coverage (``org_coverage``, ``camera_coverage``), drawing (``maps``).
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.crs import require_metric
from gridmap.errors import FrameError
from gridmap.model import COVERED, require_columns

THIN_M = 0.02
"""Ground less than this wide is a border that was drawn or computed anew. Own choice."""


def row_changes(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the rows that came, went or are not as they were.

    Parameters
    ----------
    before, after
        Index: key. Same columns; any CRS, the same.

    Returns
    -------
    GeoDataFrame
        Index: key, ascending; columns of the frames (of ``before`` for rows that ended),
        ``change`` (``added``, ``changed``, ``ended``) and ``fields`` (the columns that differ,
        joined by ", "); rows that are as they were are left out.

    Raises
    ------
    FrameError
        The frames differ in CRS or columns, or an index has duplicates.
    """
    if before.crs != after.crs:
        raise FrameError("the rows of the two days are in different coordinate frames")
    for frame in (before, after):
        require_columns(frame, [*before.columns, *after.columns], "the rows of a day")
    both = before.index.intersection(after.index)
    old, new = before.loc[both], after.loc[both]
    differs = pd.DataFrame(
        {str(name): _differs(old[name], new[name]) for name in before.columns}, index=both
    )
    names = np.array([str(name) for name in before.columns], dtype=object)
    fields = pd.Series(
        [", ".join(names[row]) for row in differs.to_numpy(dtype=bool)], index=both, dtype=object
    )
    changed = new[differs.any(axis=1)]
    parts = [
        after[~after.index.isin(before.index)].assign(change="added", fields=""),
        changed.assign(change="changed", fields=fields[changed.index]),
        before[~before.index.isin(after.index)].assign(change="ended", fields=""),
    ]
    full = [part for part in parts if len(part)]
    return (pd.concat(full) if full else parts[0]).sort_index()


def _differs(old: pd.Series, new: pd.Series) -> np.ndarray:
    """Tell cell by cell whether two columns of one index differ; nothing equals nothing."""
    found: np.ndarray
    if isinstance(old, gpd.GeoSeries):
        found = ~shapely.equals_identical(old.to_numpy(), new.to_numpy())
        return found
    one, other = old.astype(object).to_numpy(), new.astype(object).to_numpy()
    empty = pd.isna(one) & pd.isna(other)
    some = pd.isna(one) ^ pd.isna(other)
    found = some.copy()
    told = ~(empty | some)
    found[told] = one[told] != other[told]
    return found


def coverage_changes(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Return the targets that are covered now and were not, and the other way round.

    Parameters
    ----------
    before, after
        Index: lens and code of the target. Columns ``status``, ``reason``, ``holder_code``; a
        status of `model.COVERED`, or any other.

    Returns
    -------
    DataFrame
        Index: lens and code of the target, ascending; columns ``change`` (``gained``, ``lost``),
        status, reason, holder_code of the later day (of the earlier for a target that ended).

    Raises
    ------
    FrameError
        A column is missing or an index has duplicates.

    Notes
    -----
    Rule: a covered target that ended is lost; one that began covered is gained; one that began
    or ended uncovered is neither. Source: own choice.
    """
    names = ["status", "reason", "holder_code"]
    for frame in (before, after):
        require_columns(frame, names, "the coverage of a day")
    every = before.index.union(after.index)
    was = before["status"].reindex(every).isin(COVERED)
    now = after["status"].reindex(every).isin(COVERED)
    told = after[names].reindex(every)
    gone = ~every.isin(after.index)
    told.loc[gone, names] = before[names].reindex(every[gone])
    change = np.where(now, "gained", "lost")
    found = told.assign(change=change)[(was != now).to_numpy()]
    return found[["change", *names]].sort_index()


def ground_changes(before: gpd.GeoSeries, after: gpd.GeoSeries) -> gpd.GeoDataFrame:
    """Return the ground that is seen now and was not, and the other way round, by unit.

    Parameters
    ----------
    before, after
        Index: code of the unit. The seen ground of a day, valid polygons that do not overlap, or
        None. Metric CRS. The units of the two days may differ.

    Returns
    -------
    GeoDataFrame
        Index ``unit_code`` (of its own day), ascending; columns ``change`` (``gained``,
        ``lost``), ``area_m2``, geometry (MultiPolygon): strips less than 2 cm wide are left out.

    Raises
    ------
    CrsError
        A series is not metric.
    FrameError
        The two differ in CRS, or an index has duplicates.

    Notes
    -----
    Cost: O(n log n), and one overlay for each unit that is not as it was.
    """
    if require_metric(before) != require_metric(after):
        raise FrameError("the ground of the two days is in different coordinate frames")
    if not (before.index.is_unique and after.index.is_unique):
        raise FrameError("the ground of a day has duplicate units")
    same = before.index.intersection(after.index)
    still = shapely.equals_identical(before[same].to_numpy(), after[same].to_numpy())
    same = same[still]
    one, other = before.drop(same), after.drop(same)
    parts = [_beyond(other, one).assign(change="gained"), _beyond(one, other).assign(change="lost")]
    full = [part for part in parts if len(part)]
    found = pd.concat(full) if full else parts[0]
    found = found.assign(area_m2=found.geometry.area).sort_index(kind="stable")
    return found[["change", "area_m2", "geometry"]].rename_axis("unit_code")


def _beyond(ground: gpd.GeoSeries, others: gpd.GeoSeries) -> gpd.GeoDataFrame:
    """Return what of each unit's ground none of the others has."""
    ground, others = ground.dropna(), others.dropna()
    shapes, rest = ground.to_numpy(), others.to_numpy()
    unit, known = shapely.STRtree(rest).query(shapes, predicate="intersects")
    left = shapes.copy()
    for number in np.unique(unit):
        union = shapely.union_all(rest[known[unit == number]])
        left[number] = shapely.difference(shapes[number], union)
    wide = [
        shapely.MultiPolygon([part for part in shapely.get_parts(one) if _is_wide(part)])
        for one in left
    ]
    found = gpd.GeoDataFrame(geometry=wide, index=ground.index, crs=ground.crs)
    return found[~found.geometry.is_empty.to_numpy()]


def _is_wide(part: shapely.Geometry) -> bool:
    if part.geom_type != "Polygon" or part.area == 0:
        return False
    return not shapely.buffer(part, -THIN_M / 2, join_style="mitre").is_empty
