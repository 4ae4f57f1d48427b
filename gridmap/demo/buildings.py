"""The footprints of the demo district: where each building stands, in metres.

Belongs here: placing layouts on the map, keeping buildings off the roads, inside their grid and
apart from each other, and the few that stand across a border. Does not belong here: households,
codes and names (``homes``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gridmap.demo import layouts
from gridmap.demo.ground import Cut, Floats, Ground, Indices
from gridmap.demo.layouts import COLUMNS, FORMS, LAYOUTS, SHOP, SLAB, VILLAGE
from gridmap.demo.parcels import Hamlet, Parcels, cleared
from gridmap.demo.roads import Road, kerbs, nearest_grid

if TYPE_CHECKING:
    from collections.abc import Sequence

TOTAL = 45_000
"""Buildings in the district, give or take 1 %."""

SETBACK_M = 3.0
"""Free space between a road and a building."""

LEAST_SIDE_M = 12.0
"""Parcels narrower than this stay open."""

STRADDLING = 0.006
"""Share of buildings that stand across a grid border, as real ones do (shared/data: up to 1 %)."""


def _on_parcels(parcels: Parcels, rng: np.random.Generator) -> pd.DataFrame:
    """Return the candidates of all parcels in map coordinates."""
    parts, owner = [], []
    for number, use in enumerate(parcels.use):
        length, depth = float(parcels.length[number]), float(parcels.depth[number])
        if min(length, depth) < LEAST_SIDE_M:
            continue
        part = LAYOUTS[use](length, depth, rng)
        parts.append(part)
        owner.append(np.full(len(part), number))
    table = pd.DataFrame(np.vstack(parts), columns=list(COLUMNS))
    table["parcel"] = np.concatenate(owner)
    angle, centre = parcels.angle[table["parcel"]], parcels.centre[table["parcel"]]
    u, v = table["u"].to_numpy(), table["v"].to_numpy()
    table["u"] = centre[:, 0] + u * np.cos(angle) - v * np.sin(angle)
    table["v"] = centre[:, 1] + u * np.sin(angle) + v * np.cos(angle)
    table["turn"] += angle
    table["grid"] = parcels.grid[table["parcel"]]
    return table


def _along(hamlet: Hamlet, rng: np.random.Generator) -> Floats:
    """Return places along a hamlet's road with the direction there, shape (n, 4)."""
    steps = np.arange(8.0, max(hamlet.road.length - 8.0, 9.0), 16.0)
    steps = steps + rng.uniform(-1, 1, len(steps))
    here = shapely.get_coordinates(shapely.line_interpolate_point(hamlet.road, steps))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(hamlet.road, steps + 1.0))
    way = ahead - here
    return np.hstack([here, way / np.maximum(np.hypot(way[:, 0], way[:, 1]), 1e-9)[:, None]])


def _in_hamlets(found: Sequence[Hamlet], rng: np.random.Generator) -> pd.DataFrame:
    parts = [layouts.houses(_along(h, rng), h.houses, rng) for h in found]
    table = pd.DataFrame(np.vstack(parts), columns=list(COLUMNS))
    table["parcel"] = -1 - np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    table["grid"] = np.repeat([h.grid for h in found], [len(part) for part in parts])
    return table


def _across_borders(ground: Ground, cuts: list[Cut], rng: np.random.Generator) -> pd.DataFrame:
    """Return candidates whose middle is near a border, as if it had been drawn later."""
    lines = np.array([cut.line for cut in cuts], dtype=object)
    count = (shapely.length(lines) / 60.0).astype(int)
    line = np.repeat(lines, count)
    at = rng.uniform(0.1, 0.9, len(line))
    here = shapely.line_interpolate_point(line, at, normalized=True)
    ahead = shapely.line_interpolate_point(line, at + 0.01, normalized=True)
    grid, kept = nearest_grid(ground, here)
    xy, way = shapely.get_coordinates(here)[kept], shapely.get_coordinates(ahead)[kept]
    turn = np.arctan2(*(way - xy).T[::-1])
    town = ground.grids["urban"].to_numpy()[grid]
    style = np.where(town, np.where(rng.random(len(grid)) < 0.8, SLAB, SHOP), VILLAGE)
    depth = np.where(town, 12.5, 10.0)
    shift = rng.uniform(-0.4, 0.4, len(grid)) * depth
    return pd.DataFrame(
        {
            "u": xy[:, 0] - shift * np.sin(turn),
            "v": xy[:, 1] + shift * np.cos(turn),
            "width": np.where(town, 40.0, 12.0),
            "depth": depth,
            "turn": turn,
            "form": 0.0,
            "floors": np.where(town, 6.0, 2.0),
            "style": style.astype(float),
            "parcel": -1_000_000,
            "grid": grid,
        }
    )


def _outlines(table: pd.DataFrame) -> NDArray[Any]:
    """Return the footprint of each candidate."""
    shapes = np.empty(len(table), dtype=object)
    for number, form in enumerate(FORMS):
        rows = np.flatnonzero(table["form"].to_numpy() == number)
        rings = shapely.linearrings(_placed(table.iloc[rows], form))
        if number == layouts.COURT:
            holes = shapely.linearrings(_placed(table.iloc[rows], layouts.COURT_HOLE))
            shapes[rows] = shapely.polygons(rings, holes[:, None])
        else:
            shapes[rows] = shapely.polygons(rings)
    return shapes


def _placed(table: pd.DataFrame, form: Floats) -> Floats:
    """Return a unit outline scaled, turned and moved to each row, shape (n, corners, 2)."""
    closed = np.vstack([form, form[:1]])
    x = table["width"].to_numpy()[:, None] * closed[:, 0]
    y = table["depth"].to_numpy()[:, None] * closed[:, 1]
    cos, sin = np.cos(table["turn"].to_numpy())[:, None], np.sin(table["turn"].to_numpy())[:, None]
    east = table["u"].to_numpy()[:, None] + x * cos - y * sin
    north = table["v"].to_numpy()[:, None] + x * sin + y * cos
    return np.stack([east, north], axis=-1)


def _free(shapes: NDArray[Any], strips: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which shapes touch no strip."""
    # The strips are the long shapes: as queries they are prepared, as tree members they are not.
    hit = shapely.STRtree(shapes).query(strips, predicate="intersects")[1]
    free = np.ones(len(shapes), dtype=bool)
    free[hit] = False
    return free


def apart(shapes: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which shapes to keep so that none meets another.

    Parameters
    ----------
    shapes
        Any shapes.

    Returns
    -------
    ndarray of bool
        Of two that meet, the earlier stays.
    """
    kept = np.ones(len(shapes), dtype=bool)
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    pairs = np.column_stack([first, second])[first < second]
    for early, late in pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))]:
        if kept[early]:
            kept[late] = False
    return kept


def _inside(
    table: pd.DataFrame, shapes: NDArray[Any], ground: Ground, parcels: Parcels
) -> NDArray[np.bool_]:
    """Return which candidates keep clear of the border of their parcel or their grid."""
    grids = shapely.buffer(ground.grids.geometry.array, -2.0, join_style="mitre")
    areas = np.concatenate([grids, parcels.shapes])
    parcel = table["parcel"].to_numpy()
    area = np.where(parcel < 0, table["grid"].to_numpy(), parcel + len(ground.grids))
    shapely.prepare(areas)
    return np.asarray(shapely.contains_properly(areas[area], shapes))


def _straddlers(ground: Ground, strips: NDArray[Any], rng: np.random.Generator) -> pd.DataFrame:
    table = _across_borders(ground, ground.cuts, rng)
    shapes = _outlines(table)
    shapely.prepare(ground.outline)
    good = _free(shapes, strips) & shapely.contains_properly(ground.outline, shapes)
    table = table.assign(shape=shapes)[good]
    weight = rng.random(len(table)) ** np.where(table["style"] == VILLAGE, 3.0, 1.0)
    best = np.argsort(-weight, kind="stable")[: int(STRADDLING * TOTAL)]
    return table.iloc[np.sort(best)]


def _trimmed(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Drop village houses, then small ones, until the total is right."""
    surplus = len(table) - TOTAL - int(rng.integers(-300, 300))
    if surplus <= 0:
        return table
    rank = rng.random(len(table)) + np.where(table["parcel"] < 0, 2.0, 0.0)
    rank += np.where(table["style"] == layouts.OLD, 1.0, 0.0) - 9.0 * (
        table["parcel"] == -1_000_000
    )
    gone = np.argsort(-rank, kind="stable")[:surplus]
    return table.drop(index=table.index[gone])


def footprints(
    ground: Ground, parcels: Parcels, found: Sequence[Hamlet], ways: list[Road], seed: int
) -> pd.DataFrame:
    """Return where buildings stand.

    Parameters
    ----------
    ground
        The tiling.
    parcels
        The town.
    found
        The hamlets.
    ways
        All roads.
    seed
        Source of all randomness here.

    Returns
    -------
    DataFrame
        RangeIndex, neighbours following each other; the columns of `layouts.COLUMNS`, parcel
        (negative outside town), grid (row number of the grid that holds the greatest part), and
        shape (metric polygon).
    """
    rng = np.random.default_rng([seed, 8])
    strips = kerbs(ways, SETBACK_M)
    parcels = cleared(parcels, strips)
    table = pd.concat([_on_parcels(parcels, rng), _in_hamlets(found, rng)], ignore_index=True)
    shapes = _outlines(table)
    good = _inside(table, shapes, ground, parcels)
    good[good] = _free(shapes[good], strips)
    table = pd.concat(
        [_straddlers(ground, strips, rng), table.assign(shape=shapes)[good]], ignore_index=True
    )
    table = table[apart(table["shape"].to_numpy())]
    table = _trimmed(table, rng).sort_values(["grid", "parcel"], kind="stable")
    return _assigned(table.reset_index(drop=True), ground)


def _assigned(table: pd.DataFrame, ground: Ground) -> pd.DataFrame:
    """Give buildings across a border to the grid that holds their greatest part (rule G08)."""
    rows = np.flatnonzero(table["parcel"] == -1_000_000)
    shapes = table["shape"].to_numpy()[rows]
    grids = ground.grids.geometry.to_numpy()
    row, grid = shapely.STRtree(grids).query(shapes, predicate="intersects")
    part = shapely.area(shapely.intersection(shapes[row], grids[grid]))
    order = np.lexsort((grid, -part, row))
    first = order[np.unique(row[order], return_index=True)[1]]
    owner: Indices = table["grid"].to_numpy().copy()
    owner[rows[row[first]]] = grid[first]
    return table.assign(grid=owner).sort_values(
        ["grid", "parcel"], kind="stable", ignore_index=True
    )
