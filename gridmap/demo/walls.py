"""The walls of footprints: which one faces a direction, which way the nearest road lies.

Belongs here: what entrances and yards share. Does not belong here: what is put at a wall
(``entrances``, ``privacy``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gridmap.demo.ground import Floats

LEAST_WALL_M = 1.5
"""Shorter walls are corners and bays: nothing leads through them."""

_BONUS_LENGTH_M = 40.0


@dataclass(frozen=True)
class Walls:
    """One wall a building: its start, its vector and the unit vector outward, each (n, 2)."""

    start: Floats
    way: Floats
    outward: Floats

    @property
    def length(self) -> Floats:
        """Metres of each wall."""
        return np.asarray(np.hypot(*self.way.T))

    def at(self, share: Floats) -> Floats:
        """Return a place on each wall.

        Parameters
        ----------
        share
            Of the wall's length, shape (n,).

        Returns
        -------
        ndarray of float, shape (n, 2)
            Metres.
        """
        return self.start + share[:, None] * self.way


def facing(shapes: NDArray[Any], towards: Floats) -> Walls:
    """Return the outer wall of each footprint that faces a direction.

    Parameters
    ----------
    shapes
        Polygons, metric.
    towards
        Unit vectors, shape (n, 2).

    Returns
    -------
    Walls
        In the order of the shapes. A long wall that looks somewhat aside beats a short one that
        looks straight there: doors are in the long sides.
    """
    shells = shapely.get_exterior_ring(shapely.orient_polygons(shapes))
    xy, ring = shapely.get_coordinates(shells, return_index=True)
    inner = ring[1:] == ring[:-1]
    start, way, owner = xy[:-1][inner], np.diff(xy, axis=0)[inner], ring[:-1][inner]
    length = np.hypot(*way.T)
    outward = np.column_stack([way[:, 1], -way[:, 0]]) / np.maximum(length, 1e-9)[:, None]
    worth = (outward * towards[owner]).sum(axis=1) + 0.01 * np.minimum(length, _BONUS_LENGTH_M)
    worth[length < LEAST_WALL_M] -= 9.0
    order = np.lexsort((-worth, owner))
    best = order[np.unique(owner[order], return_index=True)[1]]
    return Walls(start[best], way[best], outward[best])


def way_to(lines: NDArray[Any], points: NDArray[Any]) -> Floats:
    """Return the direction from each point to the nearest line.

    Parameters
    ----------
    lines
        LineStrings, metric.
    points
        Points, metric.

    Returns
    -------
    ndarray of float, shape (n, 2)
        Unit vectors; north for a point on a line.
    """
    # Short pieces have small boxes: the tree then answers three times as fast.
    xy, line = shapely.get_coordinates(lines, return_index=True)
    inner = line[1:] == line[:-1]
    pieces = shapely.linestrings(np.stack([xy[:-1][inner], xy[1:][inner]], axis=1))
    _, piece = shapely.STRtree(pieces).query_nearest(points, all_matches=False)
    link = shapely.get_coordinates(shapely.shortest_line(points, pieces[piece])).reshape(-1, 2, 2)
    way = link[:, 1] - link[:, 0]
    length = np.hypot(*way.T)
    way[length == 0.0] = (0.0, 1.0)
    return np.asarray(way / np.where(length == 0.0, 1.0, length)[:, None])
