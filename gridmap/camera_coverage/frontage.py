"""Which walls and entrances cameras see, and how many cameras see them.

Belongs here: metres of wall by building, at every k; walls that face no open ground; entrances.
Does not belong here: which stretches of walls one camera sees (``visibility``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.camera_coverage.stretches import Lengths, Stretches, lengths
from gridmap.errors import FrameError
from gridmap.model import require_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gridmap.camera_coverage.sights import Sights
    from gridmap.visibility.scene import Walls

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

AT_WALL_M = 1.0
"""An entrance this near to its building's outline stands in the wall. Source: own choice; surveys
put entrance points up to a step off the footprint."""


def frontage(buildings: gpd.GeoDataFrame | gpd.GeoSeries, sights: Sights) -> pd.DataFrame:
    """Return the metres of each building's walls that cameras see.

    Parameters
    ----------
    buildings
        Index: building code. Geometry: valid Polygon or MultiPolygon, metric CRS.
    sights
        From `sights` among these buildings.

    Returns
    -------
    DataFrame
        Index: the buildings'. ``wall_m``: length of the footprint's outline, courtyards
        included; ``open_m``: the part that faces open ground, the frontage; ``seen_m``: the part
        some camera sees, each stretch counted once; ``lengths_m``: array, element k is seen by at
        least k cameras, element 0 is ``open_m``; ``camera_count``: cameras that see any of it.

    Raises
    ------
    FrameError
        The sights are among another number of buildings, or an index repeats.

    Notes
    -----
    Rule: of two walls in the same place the one of the building that sorts first is seen; a wall
    with another building `GAP_M` before it faces no open ground. Source: visibility.md section
    6; own choice. Cost: a sort of the stretches.

    Examples
    --------
    >>> from shapely import Point, box
    >>> from gridmap.camera_coverage import sights
    >>> cameras = gpd.GeoDataFrame(
    ...     {"azimuth_deg": [90.0], "hfov_deg": [90.0], "max_range_m": [40.0]},
    ...     index=["c1"], geometry=[Point(500000, 0)], crs=32648)
    >>> wall = gpd.GeoSeries([box(500010, -30, 500012, 30)], index=["b1"], crs=32648)
    >>> frontage(wall, sights(cameras, wall))[["wall_m", "open_m", "seen_m"]].round(3)
        wall_m  open_m  seen_m
    b1   124.0   124.0    20.0
    """
    require_columns(pd.DataFrame(index=buildings.index), [], "buildings")
    walls = sights.walls.walls
    if len(walls.first) != len(buildings) + 1:
        raise FrameError("the stretches were found among other buildings")
    seen, shut = sights.walls.seen, sights.walls.shut

    def metres(stretches: Stretches) -> Floats:
        found: Lengths = lengths(
            stretches, length_m=walls.length, place=walls.row, places=len(buildings)
        )
        return found.lengths_m

    wall_m = np.bincount(walls.row, walls.length, minlength=len(buildings)).astype(float)
    at_least, closed = metres(seen), metres(shut)[:, 1:2].sum(axis=1)
    # Where cameras stand between walls GAP_M apart a wall is seen all the same.
    at_least[:, 0] = np.maximum(wall_m - closed, at_least[:, 1:2].sum(axis=1))
    return pd.DataFrame(
        {
            "wall_m": wall_m,
            "open_m": at_least[:, 0],
            "seen_m": at_least[:, 1:2].sum(axis=1),
            "lengths_m": as_lists(at_least),
            "camera_count": _owners(walls.row[seen.line], seen.owner, len(buildings)),
        },
        index=buildings.index,
    )


def entrance_coverage(
    entrances: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame | gpd.GeoSeries,
    sights: Sights,
) -> pd.DataFrame:
    """Return how many cameras see each entrance.

    Parameters
    ----------
    entrances
        Index: entrance code. Column ``building_code``. Geometry: Point, metric CRS.
    buildings
        Index: building code. As in `frontage`.
    sights
        From `sights` among these buildings.

    Returns
    -------
    DataFrame
        Index: the entrances'. ``camera_count``: cameras that see it.

    Raises
    ------
    FrameError
        A column is missing or an index repeats.

    Notes
    -----
    Rule: an entrance within `AT_WALL_M` of its building's outline is seen where the wall there
    is; any other where a view covers its place. Source: own choice.
    """
    require_columns(entrances, ["building_code"], "entrances")
    if len(entrances) == 0:
        return pd.DataFrame({"camera_count": np.zeros(0, np.int64)}, index=entrances.index)
    walls = sights.walls.walls
    xy = shapely.get_coordinates(entrances.geometry.to_numpy())
    wall, share = _nearest_wall(xy, buildings.index.get_indexer(entrances["building_code"]), walls)
    count = np.zeros(len(entrances), np.int64)
    free = np.flatnonzero(wall < 0)
    shapes = sights.views.geometry.to_numpy()
    row, _ = shapely.STRtree(shapes).query(
        entrances.geometry.to_numpy()[free], predicate="intersects"
    )
    count[free] = np.bincount(row, minlength=len(free))
    held = np.flatnonzero(wall >= 0)
    count[held] = _watchers(wall[held], share[held], sights.walls.seen)
    return pd.DataFrame({"camera_count": count}, index=entrances.index)


def _nearest_wall(xy: Floats, building: Ints, walls: Walls) -> tuple[Ints, Floats]:
    """Return for each entrance its wall and the share along it; -1 if it stands in none."""
    wall, share = np.full(len(xy), -1), np.zeros(len(xy))
    rows = np.flatnonzero(building >= 0)
    size = walls.first[building[rows] + 1] - walls.first[building[rows]]
    row = np.repeat(rows, size)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(size) - size, size)
    line = walls.first[building[row]] + nth
    start, way = walls.ends[line, :2], walls.ends[line, 2:] - walls.ends[line, :2]
    along = np.clip(((xy[row] - start) * way).sum(axis=1) / walls.length[line] ** 2, 0.0, 1.0)
    gap = np.hypot(*(start + along[:, None] * way - xy[row]).T)
    order = np.lexsort((line, gap, row))
    _, first = np.unique(row[order], return_index=True)
    best = order[first]
    best = best[gap[best] <= AT_WALL_M]
    wall[row[best]], share[row[best]] = line[best], along[best]
    return wall, share


def _watchers(wall: Ints, share: Floats, seen: Stretches) -> Ints:
    """Return how many cameras see each spot on a wall."""
    order = np.argsort(seen.line, kind="stable")
    low, high = (np.searchsorted(seen.line[order], wall, side) for side in ("left", "right"))
    size = high - low
    spot = np.repeat(np.arange(len(wall)), size)
    nth = np.arange(len(spot)) - np.repeat(np.cumsum(size) - size, size)
    stretch = order[low[spot] + nth]
    hit = (seen.start[stretch] <= share[spot]) & (share[spot] <= seen.end[stretch])
    return _owners(spot[hit], seen.owner[stretch[hit]], len(wall))


def _owners(place: Ints, owner: Ints, places: int) -> Ints:
    """Return how many owners each place has, each counted once."""
    many = int(owner.max(initial=0)) + 1
    pair = np.sort(place * many + owner)
    first = np.diff(pair, prepend=-1) > 0
    return np.bincount(pair[first] // many, minlength=places)


def as_lists(table: Floats) -> pd.Series:
    """Return the rows of a table as a column of arrays.

    Parameters
    ----------
    table
        Array (n, m).

    Returns
    -------
    ndarray
        Array (n) of arrays, zeros at the end of each left out.
    """
    filled = np.where(table > 0.0, np.arange(1, table.shape[1] + 1), 1).max(axis=1, initial=1)
    end = np.cumsum(filled)
    flat = table[np.arange(table.shape[1]) < filled[:, None]]
    rows = np.empty(len(table), dtype=object)
    # Parts of one array: making one each takes three times as long.
    rows[:] = [
        flat[low:high] for low, high in zip((end - filled).tolist(), end.tolist(), strict=True)
    ]
    return rows
