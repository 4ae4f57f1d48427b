"""The land between the streets of the demo district: parcels in town, hamlets in the country.

Belongs here: cutting grids into parcels, what stands on each, where villages lie and how they
are reached. Does not belong here: the buildings themselves (``buildings``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString

from gridmap.demo import places
from gridmap.demo.ground import (
    RURAL_BELOW,
    Cut,
    Floats,
    Ground,
    Indices,
    metres,
    nearness,
    smooth_noise,
)

if TYPE_CHECKING:
    import geopandas as gpd

PARCEL_M2 = 12_000.0
LEAST_M2 = 3_000.0
MOST_PARCELS = 36
"""Size of a town parcel, the size that is not cut again, and how many a grid has at most."""

TOWN_ABOVE = 1.6
"""Grids per square kilometre from which a grid has parcels; country grids may have both."""

_FAR_M = 5_000.0

HOUSEHOLD_M2 = 150.0
"""Gross floor area a household, vacancy included: the budget of residential parcels."""

HOMES = ("slab", "modern", "tower", "old", "rows")
WORK = ("industrial", "commercial", "public", "park", "workshop")
USES = HOMES + WORK
_FLOOR_RATIO = {"slab": 1.5, "modern": 2.2, "tower": 3.4, "old": 1.0, "rows": 0.6}


@dataclass(frozen=True)
class Character:
    """What each grid is like, in 0..1, in the order of the grids."""

    old: Floats
    industry: Floats
    new: Floats
    shopping: Floats
    mood: Floats


@dataclass(frozen=True)
class Parcels:
    """Pieces of town grids: use, and the local frame whose u axis runs closest to east-west."""

    shapes: NDArray[Any]
    grid: Indices
    use: list[str]
    centre: Floats
    angle: Floats
    length: Floats
    depth: Floats
    cuts: list[Cut]


@dataclass(frozen=True)
class Hamlet:
    """A village road and how many houses want to stand along it."""

    grid: int
    road: LineString
    houses: int


def character(grids: gpd.GeoDataFrame, seed: int) -> Character:
    """Return what each grid is like.

    Parameters
    ----------
    grids
        Columns x, y in metres.
    seed
        Source of the mood, a smooth field.

    Returns
    -------
    Character
        Arrays in the order of the grids.
    """
    xy = grids[["x", "y"]].to_numpy(dtype=float)
    mood = smooth_noise(xy, 1200.0, np.random.default_rng([seed, 3]))
    return Character(
        old=nearness(xy, places.OLD_TOWN),
        industry=nearness(xy, places.INDUSTRY),
        new=nearness(xy, places.NEW_TOWN),
        shopping=nearness(xy, places.SHOPPING),
        mood=mood,
    )


def _weights(here: Character, grid: int, density: float) -> tuple[Floats, Floats]:
    """Return the weights of `HOMES` and of `WORK` in one grid."""
    old, industry = here.old[grid], here.industry[grid]
    new, shopping = here.new[grid], here.shopping[grid]
    sparse = float(density < 2 * RURAL_BELOW)
    homes = np.array(
        [
            0.62 * (1 - 0.7 * new) + 0.2 * max(here.mood[grid], 0.0),
            0.13 + 0.3 * new,
            0.14 + 0.3 * new + 0.15 * shopping,
            0.05 * (1 - 0.9 * new) + 1.1 * old**3 + 0.05 * sparse,
            0.02 + 0.25 * sparse,
        ]
    )
    work = np.array(
        [
            3.0 * industry**2,
            0.2 + 0.9 * shopping,
            0.25,
            0.2 + 1.2 * sparse,
            0.26 * (1 - shopping) + 0.4 * industry,
        ]
    )
    return homes / homes.sum(), work / work.sum()


@dataclass(frozen=True)
class _Pieces:
    """Pieces on the way to parcels: owner grid, parcels still wanted, place among siblings."""

    shapes: NDArray[Any]
    owner: Indices
    count: Indices
    key: Floats

    def at(self, rows: NDArray[Any]) -> _Pieces:
        return _Pieces(self.shapes[rows], self.owner[rows], self.count[rows], self.key[rows])

    def joined(self, *others: _Pieces) -> _Pieces:
        every = (self, *others)
        return _Pieces(
            np.concatenate([p.shapes for p in every]),
            np.concatenate([p.owner for p in every]),
            np.concatenate([p.count for p in every]),
            np.concatenate([p.key for p in every]),
        )


def _across(shapes: NDArray[Any], share: Floats, lean: Floats) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return a line across each shape, the short way, and the half plane before it."""
    box = shapely.get_coordinates(shapely.oriented_envelope(shapes)).reshape(-1, 5, 2)
    first, second = box[:, 1] - box[:, 0], box[:, 2] - box[:, 1]
    longer = (np.hypot(*first.T) >= np.hypot(*second.T))[:, None]
    side, other = np.where(longer, first, second), np.where(longer, second, first)
    start = np.where(longer, box[:, 0], box[:, 1]) + np.where(longer, 0.5, -0.5) * other
    angle = np.arctan2(side[:, 1], side[:, 0]) + lean
    normal = np.column_stack([np.cos(angle), np.sin(angle)]) * _FAR_M
    along = np.column_stack([-normal[:, 1], normal[:, 0]])
    middle = start + share[:, None] * side
    ends = np.stack([middle - along, middle + along], axis=1)
    half = np.concatenate([ends, ends[:, ::-1] - normal[:, None, :]], axis=1)
    return shapely.linestrings(ends), shapely.polygons(half)


def _greatest(shapes: NDArray[Any]) -> NDArray[Any]:
    """Return the greatest polygon of each shape; the rest stays open ground."""
    parts, index = shapely.get_parts(shapes, return_index=True)
    order = np.lexsort((-shapely.area(parts), index))
    owner, first = np.unique(index[order], return_index=True)
    greatest = np.full(len(shapes), shapely.Polygon(), dtype=object)
    greatest[owner] = parts[order[first]]
    return greatest


def _halved(
    pieces: _Pieces, depth: int, rng: np.random.Generator
) -> tuple[_Pieces, _Pieces, NDArray[Any]]:
    """Return what is done, what is to be cut again, and the lines of this round's cuts."""
    low = pieces.count // 2
    share = low / pieces.count + rng.uniform(-0.06, 0.06, len(low))
    line, half = _across(pieces.shapes, share, np.radians(rng.normal(0, 2, len(low))))
    before = _greatest(shapely.intersection(pieces.shapes, half))
    behind = _greatest(shapely.difference(pieces.shapes, half))
    good = np.minimum(shapely.area(before), shapely.area(behind)) > LEAST_M2 / 6
    first = _Pieces(before, pieces.owner, low, pieces.key).at(good)
    second = _Pieces(behind, pieces.owner, pieces.count - low, pieces.key + 0.5**depth).at(good)
    lines = shapely.get_parts(shapely.intersection(line[good], pieces.shapes[good]))
    return pieces.at(~good), first.joined(second), lines[shapely.length(lines) > 8.0]


def _cut_up(pieces: _Pieces, rng: np.random.Generator) -> tuple[_Pieces, list[Cut]]:
    """Cut grids into parcels of like size, all grids at once; neighbours follow each other."""
    done, cuts, depth = pieces.at(np.zeros(0, dtype=np.intp)), [], 1
    while len(pieces.count):
        large = (pieces.count > 1) & (shapely.area(pieces.shapes) > LEAST_M2)
        done = done.joined(pieces.at(~large))
        stuck, pieces, lines = _halved(pieces.at(large), depth, rng)
        done = done.joined(stuck)
        cuts += [Cut(line, "parcel") for line in lines]
        depth += 1
    return done.at(np.lexsort((done.key, done.owner))), cuts


def _uses(
    areas: Floats, grid: int, here: Character, density: float, rng: np.random.Generator
) -> list[str]:
    """Give each parcel a use: homes until the grid's households have room, then work and parks."""
    homes, work = _weights(here, grid, density)
    room = float(rng.uniform(330, 470)) * HOUSEHOLD_M2 * (1 - 0.4 * here.industry[grid] ** 2)
    favourite = str(rng.choice(HOMES, p=homes))
    uses = ["park"] * len(areas)
    for parcel in rng.permutation(len(areas)):
        at_home = room > 0 and (rng.random() < 0.75 or parcel == 0)
        use = favourite if at_home and rng.random() < 0.6 else str(rng.choice(HOMES, p=homes))
        if not at_home:
            use = str(rng.choice(WORK, p=work))
        room -= areas[parcel] * _FLOOR_RATIO.get(use, 0.0)
        uses[parcel] = use
    return uses if room < 0 else [*uses[:-1], "slab"]


def parcels(ground: Ground, here: Character, seed: int) -> Parcels:
    """Return the town grids cut into parcels with a use.

    Parameters
    ----------
    ground
        The tiling.
    here
        Result of `character`.
    seed
        Source of all randomness here.

    Returns
    -------
    Parcels
        Metric.
    """
    rng = np.random.default_rng([seed, 4])
    density = ground.grids["density"].to_numpy()
    owner = np.flatnonzero(density >= TOWN_ABOVE)
    shapes = ground.grids.geometry.to_numpy()[owner]
    count = np.clip(np.round(shapely.area(shapes) / PARCEL_M2), 1, MOST_PARCELS).astype(int)
    found, cuts = _cut_up(_Pieces(shapes, owner, count, np.zeros(len(owner))), rng)
    area = np.minimum(shapely.area(found.shapes), 2 * PARCEL_M2)
    use: list[str] = []
    for grid in owner:
        use += _uses(area[found.owner == grid], int(grid), here, float(density[grid]), rng)
    return Parcels(found.shapes, found.owner, use, *_frames(found.shapes), cuts)


def cleared(parcels: Parcels, strips: NDArray[Any]) -> Parcels:
    """Return the parcels without the ground that roads take.

    Parameters
    ----------
    parcels
        Result of `parcels`.
    strips
        Ground on which nothing may stand.

    Returns
    -------
    Parcels
        Same order; each the greatest part of what is left, or empty.
    """
    shapes = shapely.buffer(parcels.shapes, -2.0, join_style="mitre")
    strip, parcel = shapely.STRtree(shapes).query(strips, predicate="intersects")
    order = np.lexsort((strip, parcel))
    strip, parcel = strip[order], parcel[order]
    turn = np.arange(len(parcel)) - np.searchsorted(parcel, parcel)
    for number in range(int(turn.max(initial=-1)) + 1):
        rows = turn == number
        shapes[parcel[rows]] = shapely.difference(shapes[parcel[rows]], strips[strip[rows]])
    shapes = _greatest(shapes)
    left = ~shapely.is_empty(shapes)
    centre, angle = parcels.centre.copy(), parcels.angle.copy()
    length, depth = np.zeros(len(shapes)), np.zeros(len(shapes))
    centre[left], angle[left], length[left], depth[left] = _frames(shapes[left])
    return Parcels(shapes, parcels.grid, parcels.use, centre, angle, length, depth, parcels.cuts)


def _frames(shapes: NDArray[Any]) -> tuple[Floats, Floats, Floats, Floats]:
    """Return centre, angle, length and depth of each parcel's oriented box."""
    corners = shapely.get_coordinates(shapely.oriented_envelope(shapes)).reshape(-1, 5, 2)[:, :4]
    side = np.diff(corners[:, :3], axis=1)
    sizes = np.hypot(side[..., 0], side[..., 1])
    steep = np.abs(side[:, 0, 0]) < np.abs(side[:, 0, 1])
    along = np.where(steep[:, None], side[:, 1], side[:, 0])
    along *= np.where(along[:, :1] < 0, -1.0, 1.0)
    angle = np.arctan2(along[:, 1], along[:, 0])
    length = np.where(steep, sizes[:, 1], sizes[:, 0])
    depth = np.where(steep, sizes[:, 0], sizes[:, 1])
    return corners.mean(axis=1), angle, length, depth


def _bent(start: Floats, end: Floats, rng: np.random.Generator) -> LineString:
    """Return a gently winding way between two places."""
    t = np.linspace(0.0, 1.0, 13)[:, None]
    across = (end - start)[::-1] * np.array([-1.0, 1.0])
    swing = rng.normal(0, 0.07, 3)
    bend = sum(s * np.sin(np.pi * n * t) for n, s in enumerate(swing, start=1))
    return LineString(start + t * (end - start) + bend * across)


def hamlets(ground: Ground, here: Character, seed: int) -> list[Hamlet]:
    """Return the hamlets of the country grids.

    Parameters
    ----------
    ground
        The tiling.
    here
        Result of `character`.
    seed
        Source of all randomness here.

    Returns
    -------
    list of Hamlet
        Metric, ordered by grid; none on the crests of the ridges.
    """
    rng = np.random.default_rng([seed, 5])
    crests = [LineString(metres(ridge)).buffer(350.0) for ridge in places.RIDGES]
    crest = shapely.union_all(crests)
    found: list[Hamlet] = []
    rural = ground.grids["density"] < RURAL_BELOW
    for grid in np.flatnonzero(rural):
        shape = ground.grids.geometry.iloc[grid]
        free = shape.buffer(-25.0).difference(crest)
        if free.is_empty:
            free = shape
        wanted = int(np.clip(rng.normal(3 + 4.5 * shape.area / 1e6, 1.5), 2, 16))
        found += [Hamlet(int(grid), *home) for home in _homes(free, wanted, rng)]
    return found


def _homes(
    free: shapely.Geometry, wanted: int, rng: np.random.Generator
) -> list[tuple[LineString, int]]:
    west, south, east, north = free.bounds
    xy = rng.uniform((west, south), (east, north), (wanted * 8, 2))
    inside = xy[shapely.contains_xy(free, xy)][:wanted]
    homes = []
    for place in inside:
        angle, half = rng.uniform(0, np.pi), float(rng.gamma(4.0, 22.0)) + 25.0
        step = half * np.array([np.cos(angle), np.sin(angle)])
        road = shapely.intersection(_bent(place - step, place + step, rng), free)
        line = max(shapely.get_parts(road), key=shapely.length)
        homes.append((line, int(line.length / 15.0 * rng.uniform(0.7, 2.4)) + 2))
    return homes


def village_ways(found: list[Hamlet], network: list[LineString], seed: int) -> list[LineString]:
    """Return the hamlets' roads and their ways to the nearest greater road.

    Parameters
    ----------
    found
        Result of `hamlets`.
    network
        Roads that exist already.
    seed
        Source of all randomness here.

    Returns
    -------
    list of LineString
        Two a hamlet at most: ways longer than 900 m are left out.
    """
    rng = np.random.default_rng([seed, 6])
    lines = np.array([hamlet.road for hamlet in found], dtype=object)
    near = np.asarray(network, dtype=object)
    _, index = shapely.STRtree(near).query_nearest(lines, all_matches=False)
    ways = list(lines)
    for link in shapely.shortest_line(lines, near[index]):
        if 15.0 < link.length < 900.0:
            start, end = shapely.get_coordinates(link)
            ways.append(_bent(start, end, rng))
    return ways
