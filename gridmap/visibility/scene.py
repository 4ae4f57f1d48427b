"""From the frame of obstacles to what the kernel reads: oriented walls and the grid over them.

Belongs here: rings, their orientation and order, the grid. Does not belong here: anything about
cameras.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import shapely

from gridmap.visibility.kernel import Scene

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Geometries = NDArray[np.object_]

CELL_M = 48.0
"""Side of a grid cell. Source: flat optimum between 24 and 64 m (visibility.md section 3)."""

_MAX_CELLS = 4_000_000


class Walls(NamedTuple):
    """Where the walls of a scene come from: row of the obstacle, number within it, length."""

    row: Ints
    number: Ints
    length: Floats


def scene_of(geometry: gpd.GeoSeries) -> tuple[Scene, Walls]:
    """Return the walls of the obstacles, the grid over them, and where each comes from."""
    parts, row = shapely.get_parts(geometry.array, return_index=True)
    solid = ~shapely.is_empty(parts)
    parts, row = parts[solid], row[solid]
    wall, part = _walls_of(parts)
    owner = row[part]
    number = np.arange(len(owner)) - np.searchsorted(owner, owner)
    order = _part_order(shapely.bounds(parts), row, geometry.index)
    place = np.empty(len(parts), np.int64)
    place[order] = np.arange(len(parts))
    sorting = np.argsort(place[part], kind="stable")
    first = np.searchsorted(place[part][sorting], np.arange(len(parts) + 1))
    wall = wall[sorting]
    length = np.hypot(wall[:, 2] - wall[:, 0], wall[:, 3] - wall[:, 1])
    source = Walls(owner[sorting], number[sorting], length)
    return _gridded(wall, first, shapely.bounds(parts)[order]), source


def _walls_of(parts: Geometries) -> tuple[Floats, Ints]:
    """Return the walls of polygons, solid on the left, and the part of each.

    Repeated corners make no wall. Exterior rings are turned counter-clockwise, courtyards
    clockwise; shapely's own way of doing that takes as long as everything else here.
    """
    rings, part = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    same = ring[1:] == ring[:-1]
    ring, walls = ring[:-1][same], np.column_stack([xy[:-1], xy[1:]])[same]
    local = walls - np.tile(walls[np.searchsorted(ring, ring), :2], 2)
    cross = local[:, 0] * local[:, 3] - local[:, 1] * local[:, 2]
    is_outer = np.diff(part, prepend=-1) > 0
    turned = (np.bincount(ring, cross, minlength=len(rings)) > 0) != is_outer
    walls[turned[ring]] = walls[turned[ring]][:, [2, 3, 0, 1]]
    keep = (walls[:, :2] != walls[:, 2:]).any(axis=1)
    return walls[keep], part[ring[keep]]


def _part_order(box: Floats, row: Ints, index: pd.Index) -> Ints:
    """Return an order of the parts that follows the place and not the order of the rows."""
    name = np.argsort(np.argsort(index.astype(str), kind="stable"), kind="stable")
    west, south, east, north = box.T
    return np.lexsort((name[row], north, east, south, west, np.floor(south / CELL_M)))


def _gridded(walls: Floats, first: Ints, box: Floats) -> Scene:
    """Lay the grid over the parts; its cells grow if there would be too many."""
    if len(box) == 0:
        none = np.zeros(2, np.int64), np.zeros(0, np.int64)
        return Scene(walls, first, box, *none, 0.0, 0.0, CELL_M, 1, 1)
    west, south = box[:, :2].min(axis=0)
    width, height = box[:, 2].max() - west, box[:, 3].max() - south
    cell = max(CELL_M, math.sqrt(width * height / _MAX_CELLS), max(width, height) / _MAX_CELLS)
    cells = np.floor((box - [west, south, west, south]) / cell).astype(np.int64)
    columns, rows = (int(n) + 1 for n in cells[:, 2:].max(axis=0))
    members = _members(cells, columns, rows)
    return Scene(walls, first, box, *members, float(west), float(south), cell, columns, rows)


def _members(cells: Ints, columns: int, rows: int) -> tuple[Ints, Ints]:
    """Return where each cell's parts begin, and the parts cell by cell, in their order."""
    left, low = cells[:, 0], cells[:, 1]
    wide, high = cells[:, 2] - left + 1, cells[:, 3] - low + 1
    size = wide * high
    part = np.repeat(np.arange(len(cells)), size)
    nth = np.arange(len(part)) - np.repeat(np.cumsum(size) - size, size)
    at = (low[part] + nth // wide[part]) * columns + left[part] + nth % wide[part]
    count = np.bincount(at, minlength=columns * rows)
    return np.concatenate([[0], np.cumsum(count)]), part[np.argsort(at, kind="stable")]
