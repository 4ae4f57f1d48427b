"""Blind areas: connected ground that no camera sees, with what lies in it and who lives at it.

Belongs here: the pieces of blind ground of each unit and what they are ranked by. Does not belong
here: how blind ground is found (``ground``), organisations' blank spots (``org_coverage``).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from geopandas.array import from_shapely

from gridmap.camera_coverage.pieces import Lines, in_units, lines_in, parts_of
from gridmap.camera_coverage.stretches import Stretches, gaps, stretches_inside, sums_near
from gridmap.errors import InputError
from gridmap.model import require_columns
from gridmap.visibility.kernel import jit, jit_entry
from gridmap.visibility.scene import Rings, edges_of, rings_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gridmap.camera_coverage.sights import Sights

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Geometries = NDArray[np.object_]

NEAR_M = 10.0
"""Households of a building this near to a blind area are near it: the ground before its door.
Source: own choice."""

_AT_BORDER_M = 1e-6  # a road along a border lies in one unit, and on the outline of its piece
_SLAB_M = 2.0  # outlines are looked up by strips so high: some ten edges of a unit each

BLIND_COLUMNS = ("area_m2", "key_area_m2", "road_m", "frontage_m", "household_count")
"""What a blind area can be ranked by."""


def blind_areas(
    ground: gpd.GeoDataFrame,
    sights: Sights,
    buildings: gpd.GeoDataFrame,
    *,
    units: gpd.GeoDataFrame | gpd.GeoSeries,
    roads: gpd.GeoDataFrame | gpd.GeoSeries | RoadLines | None = None,
    key_areas: gpd.GeoDataFrame | gpd.GeoSeries | None = None,
) -> gpd.GeoDataFrame:
    """Return the connected pieces of blind ground, and what lies in each.

    Parameters
    ----------
    ground
        From `ground_coverage` of these units.
    sights
        From `sights` among these buildings.
    buildings
        Index: building code. Column ``household_count``, null where nobody counted. Geometry:
        valid Polygon or MultiPolygon, metric CRS.
    units
        Index: unit code; the units of ``ground``.
    roads
        LineStrings and MultiLineStrings, the CRS of the units; or these from `road_lines`.
    key_areas
        As in `ground_coverage`.

    Returns
    -------
    GeoDataFrame
        Index: (unit code, number), pieces of a unit numbered from 1, largest first.
        ``area_m2``; ``key_area_m2``: in key public areas; ``road_m``: of road centre line;
        ``frontage_m``: of wall that faces it; ``household_count``: in buildings within `NEAR_M`;
        geometry: Polygon.

    Raises
    ------
    FrameError
        A column is missing or an index repeats.

    Notes
    -----
    Rule: a piece ends at its unit's border; a building near several pieces counts for each.
    Source: own choice after domain.md 3 ("blind spots ranked by people affected"). Cost:
    the corners of all pieces, times what stands about each.
    """
    require_columns(buildings, ["household_count"], "buildings")
    homes = buildings["household_count"].fillna(0).to_numpy(dtype=float)
    shapes, unit, area = _pieces(ground["blind"].to_numpy())
    rings, walls = rings_of(shapes), sights.walls
    place = _Outlines(rings, np.searchsorted(unit[rings.row], np.arange(len(ground) + 1)))
    edges, ring = edges_of(rings)
    # Buildings are cut out of the pieces: what is near to their outlines is near to them.
    near = sums_near(
        edges, rings.row[ring], len(shapes), walls.scene, walls.walls.part_row, homes, NEAR_M
    )
    number = np.arange(len(unit)) - np.searchsorted(unit, unit) + 1
    columns = {
        "area_m2": area,
        "key_area_m2": _key_area(shapes, key_areas),
        "road_m": _metres(
            place, _blind_roads(road_lines(units, sights, roads), sights), len(shapes)
        ),
        "frontage_m": _metres(place, _blind_walls(units, sights), len(shapes)),
        "household_count": near.astype(int),
        "geometry": from_shapely(shapes, crs=ground.crs),
    }
    # From arrays of codes and numbers pandas would find these out again.
    index = pd.MultiIndex(
        [ground.index, np.arange(1, number.max(initial=0) + 1)],
        [unit, number - 1],
        names=["unit_code", "number"],
        verify_integrity=False,
    )
    # Named and with its CRS: found out by geopandas itself it takes three times as long.
    return gpd.GeoDataFrame(columns, index=index, geometry="geometry", crs=ground.crs)


def ranked(blind: pd.DataFrame, *, by: str = "household_count") -> pd.DataFrame:
    """Return blind areas, those that matter most first.

    Parameters
    ----------
    blind
        From `blind_areas`.
    by
        One of `BLIND_COLUMNS`; the others, in their order from the end, break ties.

    Returns
    -------
    DataFrame
        The same rows and columns.

    Raises
    ------
    InputError
        There is no such column.
    """
    if by not in BLIND_COLUMNS:
        raise InputError(f"blind areas are ranked by {', '.join(BLIND_COLUMNS)}, not {by[:40]!r}")
    others = [name for name in reversed(BLIND_COLUMNS) if name != by]
    return blind.sort_values([by, *others], ascending=False, kind="stable")


def _pieces(blind: Geometries) -> tuple[Geometries, Ints, Floats]:
    """Return the polygons of blind ground by unit and size, their units and areas."""
    parts, row = shapely.get_parts(blind, return_index=True)
    area = shapely.area(parts)
    order = np.lexsort((-area, row))
    return parts[order], row[order], area[order]


def _key_area(shapes: Geometries, key_areas: gpd.GeoDataFrame | gpd.GeoSeries | None) -> Floats:
    """Return the area of each piece that lies in key public areas."""
    if key_areas is None or len(key_areas) == 0:
        return np.zeros(len(shapes))
    # United first: where key areas overlap their ground counts once.
    whole = shapely.get_parts(shapely.disjoint_subset_union_all(key_areas.geometry.to_numpy()))
    piece, key = shapely.STRtree(whole).query(shapes, predicate="intersects")
    common = shapely.area(shapely.intersection(shapes[piece], whole[key]))
    return np.bincount(piece, common, minlength=len(shapes)).astype(float)


class RoadLines(NamedTuple):
    """Roads as straight lines cut at the borders of units; the stretches cameras see."""

    lines: Lines
    seen: Stretches


def road_lines(
    units: gpd.GeoDataFrame | gpd.GeoSeries,
    sights: Sights,
    roads: gpd.GeoDataFrame | gpd.GeoSeries | RoadLines | None,
) -> RoadLines:
    """Return the roads in units, and what cameras see of them.

    Parameters
    ----------
    units, sights, roads
        As in `blind_areas`.

    Returns
    -------
    RoadLines
        Stretches belong to cameras by position.
    """
    if isinstance(roads, RoadLines):
        return roads
    lines = lines_in(
        units.geometry.to_numpy(), gpd.GeoSeries([]) if roads is None else roads.geometry
    )
    return RoadLines(lines, stretches_inside(lines.ends, sights.views.geometry.to_numpy()))


def _blind_roads(roads: RoadLines, sights: Sights) -> Lines:
    """Return the road in open ground that nobody sees."""
    lines = roads.lines
    left = _uncovered(lines.ends, [roads.seen, sights.walls.inside(lines.ends)])
    metres = (left.end - left.start) * lines.length_m[left.line]
    return Lines(parts_of(lines.ends, left), metres, lines.unit[left.line])


def _blind_walls(units: gpd.GeoDataFrame | gpd.GeoSeries, sights: Sights) -> Lines:
    """Return the lines before the walls that face open ground and that nobody sees."""
    walls = sights.walls
    left = _uncovered(walls.before, [walls.seen, walls.shut])
    return in_units(units.geometry.to_numpy(), parts_of(walls.before, left))


def _uncovered(ends: Floats, covered: list[Stretches]) -> Stretches:
    """Return the stretches of lines that nothing covers."""
    joined = Stretches(*(np.concatenate(parts) for parts in zip(*covered, strict=True)))
    return gaps(joined, len(ends))


class _Outlines(NamedTuple):
    """The rings of pieces of blind ground, and the first ring of each unit."""

    rings: Rings
    first: Ints


def _metres(place: _Outlines, lines: Lines, pieces: int) -> Floats:
    """Return the metres of lines in each piece of blind ground, by where their middles lie."""
    middles = (lines.ends[:, :2] + lines.ends[:, 2:]) / 2.0
    order = np.argsort(lines.unit, kind="stable")
    first_spot = np.searchsorted(lines.unit[order], np.arange(len(place.first)))
    piece = _pieces_at(*place.rings[:3], place.first, middles[order], first_spot)
    hit = piece >= 0
    return np.bincount(piece[hit], lines.length_m[order][hit], minlength=pieces).astype(float)


@jit
def _slab(y: float, south: float, slabs: int) -> int:
    """Return in which slab from the south a position lies, the nearest one if in none."""
    return min(max(math.floor((y - south) / _SLAB_M), 0), slabs - 1)


@jit
def _slabbed(xy: Floats, ring: Ints, piece: Ints, low: int, high: int) -> tuple[float, Ints, Ints]:
    """Sort edges of rings into slabs; return the south, where each begins, (edge, piece).

    An edge is in every slab that a spot on it may lie in, in the order of the rings.
    """
    south, north = np.inf, -np.inf
    for v in range(ring[low], ring[high]):
        south, north = min(south, xy[v, 1]), max(north, xy[v, 1])
    slabs = int((north - south) / _SLAB_M) + 1
    first, edges = np.zeros(slabs + 1, np.int64), np.empty((0, 2), np.int64)
    for count in (True, False):
        at = first.copy()
        for r in range(low, high):
            for v in range(ring[r], ring[r + 1] - 1):
                y0, y1 = min(xy[v, 1], xy[v + 1, 1]), max(xy[v, 1], xy[v + 1, 1])
                least = _slab(y0 - _AT_BORDER_M, south, slabs)
                for s in range(least, _slab(y1 + _AT_BORDER_M, south, slabs) + 1):
                    if not count:
                        edges[at[s], 0], edges[at[s], 1] = v, piece[r]
                    at[s] += 1
        if count:
            first[1:] = np.cumsum(at[:-1])
            edges = np.empty((first[-1], 2), np.int64)
    return south, first, edges


@jit
def _at_edge(xy: Floats, v: int, x: float, y: float) -> bool:
    """Tell whether a spot lies on an edge."""
    ax, ay = x - xy[v, 0], y - xy[v, 1]
    ex, ey = xy[v + 1, 0] - xy[v, 0], xy[v + 1, 1] - xy[v, 1]
    square = ex * ex + ey * ey
    along = min(max((ax * ex + ay * ey) / square, 0.0), 1.0) if square > 0.0 else 0.0
    return math.hypot(ax - along * ex, ay - along * ey) <= _AT_BORDER_M


@jit
def _piece_at(xy: Floats, edges: Ints, x: float, y: float) -> int:
    """Return the first piece in which or on whose outline a spot lies; -1 if there is none."""
    piece, odd = -1, False
    for v, of in edges:
        if of != piece:
            if odd:
                return piece
            piece, odd = of, False
        if _at_edge(xy, v, x, y):
            return piece
        x0, y0, x1, y1 = xy[v, 0], xy[v, 1], xy[v + 1, 0], xy[v + 1, 1]
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
            odd = not odd
    return piece if odd else -1


@jit_entry
def _pieces_at(
    xy: Floats, ring: Ints, piece: Ints, first_ring: Ints, spots: Floats, first_spot: Ints
) -> Ints:
    """Return the piece of its unit in which each spot lies, or -1.

    ``ring`` (r + 1): first corner of each ring; ``piece`` (r). Rings and spots are in the order
    of the units, ``first_ring`` and ``first_spot`` (u + 1) say where each one's begin.
    """
    found = np.full(len(spots), -1)
    for unit in range(len(first_ring) - 1):
        low, high = first_ring[unit], first_ring[unit + 1]
        if low == high or first_spot[unit] == first_spot[unit + 1]:
            continue
        south, first, edges = _slabbed(xy, ring, piece, low, high)
        for i in range(first_spot[unit], first_spot[unit + 1]):
            s = _slab(spots[i, 1], south, len(first) - 1)
            found[i] = _piece_at(xy, edges[first[s] : first[s + 1]], spots[i, 0], spots[i, 1])
    return found
