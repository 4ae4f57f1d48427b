"""Which walls and entrances cameras see, and how many cameras see them.

Belongs here: metres of wall by building, at every k; walls that face no open ground; entrances.
Does not belong here: which stretches of walls one camera sees (``visibility``).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.camera_coverage.stretches import Stretches, lengths, stretches_inside
from gridmap.errors import FrameError
from gridmap.model import require_columns
from gridmap.visibility.scene import scene_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gridmap.camera_coverage.sights import Sights

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

GAP_M = 0.02
"""A wall with another building this near before it faces no open ground: nobody can stand or see
there. Source: own choice; real footprints touch to within millimetres."""

AT_WALL_M = 1.0
"""An entrance this near to its building's outline stands in the wall. Source: own choice; surveys
put entrance points up to a step off the footprint."""


class WallLines(NamedTuple):
    """The walls of buildings, a building's together, in the order `visible_walls` numbers them.

    ``ends`` (w, 4): the building on the left. ``length_m``, ``building`` (w): by position.
    ``first`` (b + 1): first wall of each building.
    """

    ends: Floats
    length_m: Floats
    building: Ints
    first: Ints

    @property
    def before(self) -> Floats:
        """The same lines `GAP_M` outside."""
        way = self.ends[:, 2:] - self.ends[:, :2]
        out = np.column_stack([way[:, 1], -way[:, 0]]) / self.length_m[:, None]
        return self.ends + np.tile(out * GAP_M, 2)


def wall_lines(buildings: gpd.GeoDataFrame | gpd.GeoSeries) -> WallLines:
    """Return the walls of buildings.

    Parameters
    ----------
    buildings
        Valid Polygons or MultiPolygons, metric CRS.

    Returns
    -------
    WallLines
        Courtyards included.
    """
    scene, walls = scene_of(buildings.geometry)
    order = np.lexsort((walls.number, walls.row))
    first = np.searchsorted(walls.row[order], np.arange(len(buildings) + 1))
    return WallLines(scene.walls[order], walls.length[order], walls.row[order], first)


def wall_stretches(walls: WallLines, seen: pd.DataFrame) -> Stretches:
    """Return the stretches that cameras see, by wall.

    Parameters
    ----------
    walls
        From `wall_lines` of the buildings the stretches were found among.
    seen
        The stretches of `Sights`.

    Returns
    -------
    Stretches
        ``owner``: the camera's position.
    """
    line = walls.first[seen["obstacle"].to_numpy()] + seen["wall"].to_numpy()
    columns = (seen[name].to_numpy() for name in ("start", "end", "camera"))
    return Stretches(line, *columns)


def shut_stretches(walls: WallLines, buildings: gpd.GeoDataFrame | gpd.GeoSeries) -> Stretches:
    """Return the stretches of walls that have another building within `GAP_M` before them.

    Parameters
    ----------
    walls
        From `wall_lines`.
    buildings
        The buildings of these walls.

    Returns
    -------
    Stretches
        ``owner``: the position of the other building.
    """
    shapes = buildings.geometry.to_numpy()
    one, other = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=2 * GAP_M)
    apart = one != other
    one, other = one[apart], other[apart]
    size = walls.first[one + 1] - walls.first[one]
    pair = np.repeat(np.arange(len(one)), size)
    nth = np.arange(len(pair)) - np.repeat(np.cumsum(size) - size, size)
    return stretches_inside(walls.before, shapes, (walls.first[one[pair]] + nth, other[pair]))


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
        The stretches name a building that is not there.

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
    require_columns(buildings.geometry.to_frame(), [], "buildings")
    if sights.stretches["obstacle"].max() >= len(buildings):
        raise FrameError("the stretches were found among other buildings")
    walls = wall_lines(buildings)
    seen = wall_stretches(walls, sights.stretches)
    shut = shut_stretches(walls, buildings)
    metres = partial(lengths, length_m=walls.length_m, place=walls.building, places=len(buildings))
    wall_m = np.bincount(walls.building, walls.length_m, minlength=len(buildings)).astype(float)
    at_least = metres(seen).lengths_m
    closed = metres(shut).lengths_m[:, 1:2].sum(axis=1)
    # Where cameras stand between walls GAP_M apart a wall is seen all the same.
    at_least[:, 0] = np.maximum(wall_m - closed, at_least[:, 1:2].sum(axis=1))
    pairs = np.unique(np.column_stack([walls.building[seen.line], seen.owner]), axis=0)
    return pd.DataFrame(
        {
            "wall_m": wall_m,
            "open_m": at_least[:, 0],
            "seen_m": at_least[:, 1:2].sum(axis=1),
            "lengths_m": as_lists(at_least),
            "camera_count": np.bincount(pairs[:, 0], minlength=len(buildings)),
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
    walls = wall_lines(buildings)
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
    count[held] = _watchers(wall[held], share[held], wall_stretches(walls, sights.stretches))
    return pd.DataFrame({"camera_count": count}, index=entrances.index)


def _nearest_wall(xy: Floats, building: Ints, walls: WallLines) -> tuple[Ints, Floats]:
    """Return for each entrance its wall and the share along it; -1 if it stands in none."""
    wall, share = np.full(len(xy), -1), np.zeros(len(xy))
    rows = np.flatnonzero(building >= 0)
    size = walls.first[building[rows] + 1] - walls.first[building[rows]]
    row = np.repeat(rows, size)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(size) - size, size)
    line = walls.first[building[row]] + nth
    start, way = walls.ends[line, :2], walls.ends[line, 2:] - walls.ends[line, :2]
    along = np.clip(((xy[row] - start) * way).sum(axis=1) / walls.length_m[line] ** 2, 0.0, 1.0)
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
    pairs = np.unique(np.column_stack([spot[hit], seen.owner[stretch[hit]]]), axis=0)
    return np.bincount(pairs[:, 0], minlength=len(wall))


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
    rows = np.empty(len(table), dtype=object)
    filled = np.where(table > 0.0, np.arange(1, table.shape[1] + 1), 1).max(axis=1, initial=1)
    for k, (row, n) in enumerate(zip(table, filled, strict=True)):
        rows[k] = row[:n].copy()
    return rows
