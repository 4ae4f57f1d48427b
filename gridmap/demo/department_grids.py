"""The grids that two departments of the demo district draw for themselves.

Belongs here: their tilings of a part of the district, and where these leave the base grids. Does
not belong here: the base grids (``ground``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gridmap.demo.ground import LATTICE_M

if TYPE_CHECKING:
    from gridmap.demo.divisions import Divisions
    from gridmap.demo.ground import Ground, Indices


@dataclass(frozen=True)
class _Plan:
    """How a department draws: over how many streets, how many grids to one of its own."""

    department: str
    name: str
    letters: str
    streets: int
    grids: int


_PLANS = (
    _Plan("city_management_grid", "城管网格", "CG", 7, 2),
    _Plan("police_grid", "警务网格", "JW", 6, 4),
)

SHIFTED, SHIFT_M = 0.25, (15.0, 45.0)
"""Share of borders that the department drew elsewhere, and by how many metres."""


def _neighbours(shapes: NDArray[Any]) -> NDArray[np.intp]:
    """Return the pairs of polygons of a tiling that meet, shape (n, 2), the lower row first."""
    # In a tiling what intersects touches; of the two only this question prepares the shapes.
    one, other = shapely.STRtree(shapes).query(shapes, "intersects")
    return np.asarray(np.column_stack([one, other])[one < other])


def _merged(
    rows: Indices, community: Indices, pairs: NDArray[np.intp], most: int
) -> list[list[int]]:
    """Return groups of adjacent grids of one community, as large as may be."""
    near: dict[int, list[int]] = {int(row): [] for row in rows}
    for one, other in pairs.tolist():
        if one in near and other in near and community[one] == community[other]:
            near[one].append(other)
            near[other].append(one)
    free, groups = set(near), []
    for row in near:
        if row not in free:
            continue
        group = [row]
        free.discard(row)
        for member in group:  # grows while it is walked
            some = sorted(free.intersection(near[member]))[: most - len(group)]
            group += some
            free.difference_update(some)
        groups.append(group)
    return groups


def _shifted(shapes: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """Return the tiling with some borders moved, noded together so that it is one still."""
    pairs = _neighbours(shapes)
    pairs = pairs[rng.random(len(pairs)) < SHIFTED]
    reach = rng.uniform(*SHIFT_M, len(pairs))
    wide = shapely.buffer(shapes[pairs[:, 0]], reach, quad_segs=2)
    lines = shapely.intersection(shapely.boundary(wide), shapes[pairs[:, 1]])
    edges = shapely.union_all([*shapely.boundary(shapes), *lines], grid_size=LATTICE_M)
    faces = np.array(shapely.polygonize([edges]).geoms, dtype=object)
    inside = shapely.point_on_surface(faces)
    owner = np.full(len(faces), -1)
    point, old = shapely.STRtree(shapes).query(inside, "intersects")
    owner[point] = old
    start = owner.copy()
    for number, area in enumerate(wide):
        mine = np.flatnonzero(start == pairs[number, 1])
        owner[mine[shapely.intersects(area, inside[mine])]] = pairs[number, 0]
    kept = np.unique(owner[owner >= 0])
    return np.array([shapely.coverage_union_all(faces[owner == one]) for one in kept], dtype=object)


def department_grids(ground: Ground, units: Divisions, seed: int) -> gpd.GeoDataFrame:
    """Return the grids of two departments.

    Parameters
    ----------
    ground
        The tiling.
    units
        The units of it.
    seed
        Source of all randomness here.

    Returns
    -------
    GeoDataFrame
        RangeIndex; columns of the layer; metric polygons, those of one department a tiling of
        some streets.

    Notes
    -----
    Rule: a department's grid is a few adjacent base grids of one community; a quarter of its
    borders is drawn elsewhere, across base grids and buildings. Source: own choice.
    """
    rng = np.random.default_rng([seed, 29])
    shapes = ground.grids.geometry.to_numpy()
    pairs, parts = _neighbours(shapes), []
    street = np.array([str(code)[:9] for code in units.grids])
    for plan in _PLANS:
        streets = rng.choice(units.streets, plan.streets, replace=False)
        rows = np.flatnonzero(np.isin(street, streets))
        groups = _merged(rows, units.community, pairs, plan.grids)
        drawn = _shifted(
            np.array([shapely.coverage_union_all(shapes[group]) for group in groups]), rng
        )
        number = range(1, len(drawn) + 1)
        table = {
            "code": [f"{plan.letters}{n:04d}" for n in number],
            "name": [f"示例{plan.name}{n}号" for n in number],
            "department": plan.department,
        }
        parts.append(gpd.GeoDataFrame(table, geometry=drawn, crs=ground.frame))
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=ground.frame)
