"""From the frame of obstacles to what the kernel reads: oriented walls and the grid over them.

Belongs here: rings, their orientation and order, the grid. Does not belong here: anything about
cameras.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import shapely

from gridmap.visibility.kernel import Scene, jit, jit_entry

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]
    Geometries = NDArray[np.object_]

CELL_M = 48.0
"""Side of a grid cell. Source: flat optimum between 24 and 64 m (visibility.md section 3)."""

_MAX_CELLS = 4_000_000


class Walls(NamedTuple):
    """The walls of obstacles, an obstacle's together, counted along its rings.

    ``ends`` (w, 4): the solid on the left. ``length``, ``row`` (w): metres, position of the
    obstacle. ``first`` (n + 1): first wall of each obstacle. ``line`` (w): which of them each
    wall of the scene is. ``part_row`` (p): the obstacle of each part of the scene.
    """

    ends: Floats
    length: Floats
    row: Ints
    first: Ints
    line: Ints
    part_row: Ints


class Rings(NamedTuple):
    """Rings of polygons, polygon after polygon, each with its courtyards behind it.

    ``xy``: corners, the first again at the end. ``first`` (r + 1): first corner of each ring.
    ``row`` (r): position of the polygon. ``outer`` (r): whether the ring begins a part.
    """

    xy: Floats
    first: Ints
    row: Ints
    outer: Bools


class Parts(NamedTuple):
    """The parts of polygons, polygon after polygon, as walls.

    ``ends`` (w, 4): the solid on the left. ``length`` (w). ``first`` (p + 1): first wall of each
    part. ``box`` (p, 4): its bounds. ``row`` (p): position of its polygon.
    """

    ends: Floats
    length: Floats
    first: Ints
    box: Floats
    row: Ints


def scene_of(geometry: gpd.GeoSeries) -> tuple[Scene, Walls]:
    """Return the walls of the obstacles, the grid over them, and where each comes from."""
    parts = parts_of(geometry.to_numpy())
    order = _part_order(parts.box, parts.row, geometry.index)
    count = np.diff(parts.first)
    size = count[order]
    first = np.concatenate([[0], np.cumsum(size)])
    line = np.repeat(parts.first[:-1][order] - first[:-1], size) + np.arange(len(parts.ends))
    of_row = np.bincount(parts.row, count, minlength=len(geometry)).astype(np.int64)
    walls = Walls(
        parts.ends,
        parts.length,
        np.repeat(np.arange(len(geometry)), of_row),
        np.concatenate([[0], np.cumsum(of_row)]),
        line,
        parts.row[order],
    )
    return gridded(parts.ends[line], first, parts.box[order], CELL_M), walls


def parts_of(shapes: Geometries) -> Parts:
    """Return the parts of Polygons and MultiPolygons; missing and empty ones have none."""
    rings = rings_of(shapes)
    ends, length, ring_walls = _walls_of(rings.xy, rings.first, rings.outer)
    begins = np.flatnonzero(rings.outer)
    bounds = np.append(begins, len(rings.row))
    box = _boxes(rings.xy, rings.first[bounds])
    return Parts(ends, length, ring_walls[bounds], box, rings.row[begins])


def rings_of(shapes: Geometries) -> Rings:
    """Return the rings of Polygons and MultiPolygons; missing and empty ones have none.

    Most footprints are one ring: taking these as they are costs a tenth of asking shapely for
    the parts and rings of all.
    """
    shapes = np.asarray(shapes, dtype=object)
    several = shapely.get_type_id(shapes) == shapely.GeometryType.MULTIPOLYGON
    mixed = np.flatnonzero(several | (shapely.get_num_interior_rings(shapes) > 0))
    size, row = shapely.get_num_coordinates(shapes), np.arange(len(shapes))
    outer = np.ones(len(shapes), dtype=bool)
    xy = shapely.get_coordinates(shapes)
    size[mixed] = 0
    plain = size > 0
    size, row, outer = size[plain], row[plain], outer[plain]
    if len(mixed):
        parts, owner = shapely.get_parts(shapes[mixed], return_index=True)
        solid = ~shapely.is_empty(parts)
        parts, owner = parts[solid], owner[solid]
        rings, part = shapely.get_rings(parts, return_index=True)
        row = np.concatenate([row, mixed[owner[part]]])
        order = np.argsort(row, kind="stable")
        row = row[order]
        size = np.concatenate([size, shapely.get_num_coordinates(rings)])[order]
        outer = np.concatenate([outer, np.diff(part, prepend=-1) > 0])[order]
    return Rings(xy, np.concatenate([[0], np.cumsum(size, dtype=np.int64)]), row, outer)


def edges_of(rings: Rings) -> tuple[Floats, Ints]:
    """Return the edges (e, 4) of rings, and the ring of each."""
    ring = np.repeat(np.arange(len(rings.row)), np.diff(rings.first) - 1)
    start = np.arange(len(ring)) + ring
    return np.hstack([rings.xy[start], rings.xy[start + 1]]), ring


@jit_entry
def _walls_of(xy: Floats, first: Ints, outer: Bools) -> tuple[Floats, Floats, Ints]:
    """Return the walls of rings, solid on the left, their lengths, and the first of each ring.

    Repeated corners make no wall. Exterior rings are turned counter-clockwise, courtyards
    clockwise; shapely's own way of doing that takes as long as everything else here.
    """
    rings = len(first) - 1
    ends, length, start = np.empty((len(xy), 4)), np.empty(len(xy)), np.zeros(rings + 1, np.int64)
    n = 0
    for r in range(rings):
        low, high = first[r], first[r + 1] - 1
        x, y, area = xy[low, 0], xy[low, 1], 0.0
        for v in range(low, high):
            area += (xy[v, 0] - x) * (xy[v + 1, 1] - y) - (xy[v + 1, 0] - x) * (xy[v, 1] - y)
        turned = (area > 0.0) != outer[r]
        for v in range(low, high):
            a, b = (v + 1, v) if turned else (v, v + 1)
            if xy[a, 0] == xy[b, 0] and xy[a, 1] == xy[b, 1]:
                continue
            ends[n, 0], ends[n, 1], ends[n, 2], ends[n, 3] = xy[a, 0], xy[a, 1], xy[b, 0], xy[b, 1]
            length[n] = math.hypot(xy[b, 0] - xy[a, 0], xy[b, 1] - xy[a, 1])
            n += 1
        start[r + 1] = n
    return ends[:n], length[:n], start


@jit_entry
def _boxes(xy: Floats, first: Ints) -> Floats:
    """Return the bounds of runs of corners."""
    box = np.empty((len(first) - 1, 4))
    for p in range(len(box)):
        west, south, east, north = np.inf, np.inf, -np.inf, -np.inf
        for v in range(first[p], first[p + 1]):
            west, south = min(west, xy[v, 0]), min(south, xy[v, 1])
            east, north = max(east, xy[v, 0]), max(north, xy[v, 1])
        box[p, 0], box[p, 1], box[p, 2], box[p, 3] = west, south, east, north
    return box


def _part_order(box: Floats, row: Ints, index: pd.Index) -> Ints:
    """Return an order of the parts that follows the place and not the order of the rows.

    By bands from the south, then west, south, east, north; by name where boxes are the same.
    """
    west, south, east, north = box.T
    band = np.floor(south / CELL_M)
    order = np.lexsort((west, band))
    same = (np.diff(west[order]) == 0.0) & (np.diff(band[order]) == 0.0)
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    if len(tied):
        # Names are compared of few parts: sorting all of them takes longer than the grid.
        some = order[tied]
        names = index.take(row[some]).astype(str)
        rank = np.argsort(np.argsort(names, kind="stable"), kind="stable")
        keys = (rank, north[some], east[some], south[some], west[some], band[some])
        order[tied] = some[np.lexsort(keys)]
    return order


def gridded(walls: Floats, first: Ints, box: Floats, cell_m: float) -> Scene:
    """Lay a grid over parts; its cells grow if there would be too many."""
    if len(box) == 0:
        none = np.zeros(2, np.int64), np.zeros(0, np.int64)
        return Scene(walls, first, box, *none, 0.0, 0.0, cell_m, 1, 1)
    west, south = box[:, :2].min(axis=0)
    width, height = box[:, 2].max() - west, box[:, 3].max() - south
    cell = max(cell_m, math.sqrt(width * height / _MAX_CELLS), max(width, height) / _MAX_CELLS)
    cells = np.floor((box - [west, south, west, south]) / cell).astype(np.int64)
    columns, rows = (int(n) + 1 for n in cells[:, 2:].max(axis=0))
    members = _members(cells, columns, rows)
    return Scene(walls, first, box, *members, float(west), float(south), cell, columns, rows)


@jit
def _visit(cells: Ints, columns: int, count: Ints, members: Ints) -> None:
    """Count the parts of each cell, or, where there is room for members, put them there."""
    for p in range(len(cells)):
        for j in range(cells[p, 1], cells[p, 3] + 1):
            for i in range(cells[p, 0], cells[p, 2] + 1):
                at = j * columns + i
                if len(members):
                    members[count[at]] = p
                count[at] += 1


@jit_entry
def _members(cells: Ints, columns: int, rows: int) -> tuple[Ints, Ints]:
    """Return where each cell's parts begin, and the parts cell by cell, in their order."""
    count = np.zeros(columns * rows, np.int64)
    _visit(cells, columns, count, np.zeros(0, np.int64))
    first = np.zeros(columns * rows + 1, np.int64)
    first[1:] = np.cumsum(count)
    members = np.empty(first[-1], np.int64)
    if len(members):
        _visit(cells, columns, first[:-1].copy(), members)
    return first, members
