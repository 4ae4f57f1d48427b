"""Blind areas: connected ground that no camera sees, with what lies in it and who lives at it.

Belongs here: the pieces of blind ground of each unit and what they are ranked by. Does not belong
here: how blind ground is found (``ground``), organisations' blank spots (``org_coverage``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.camera_coverage.frontage import shut_stretches, wall_lines, wall_stretches
from gridmap.camera_coverage.pieces import Lines, in_units, lines_in, parts_of
from gridmap.camera_coverage.stretches import Stretches, gaps, stretches_inside
from gridmap.errors import InputError
from gridmap.model import require_columns

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

BLIND_COLUMNS = ("area_m2", "key_area_m2", "road_m", "frontage_m", "household_count")
"""What a blind area can be ranked by."""


def blind_areas(
    ground: gpd.GeoDataFrame,
    sights: Sights,
    buildings: gpd.GeoDataFrame,
    *,
    units: gpd.GeoDataFrame | gpd.GeoSeries,
    roads: gpd.GeoDataFrame | gpd.GeoSeries | None = None,
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
        LineStrings and MultiLineStrings, the CRS of the units.
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
    Source: own choice after domain.md 3 ("blind spots ranked by people affected"). Cost: one
    prepared query a piece.
    """
    require_columns(buildings, ["household_count"], "buildings")
    pieces = _pieces(ground)
    shapes = pieces.geometry.to_numpy()
    tree = shapely.STRtree(buildings.geometry.to_numpy())
    piece, near = tree.query(shapes, predicate="dwithin", distance=NEAR_M)
    homes = buildings["household_count"].fillna(0).to_numpy(dtype=float)
    unit = ground.index.get_indexer(pieces.index.get_level_values(0))
    sizes = {
        "key_area_m2": _key_area(shapes, key_areas),
        "road_m": _metres(shapes, unit, _blind_roads(units, sights, buildings, roads)),
        "frontage_m": _metres(shapes, unit, _blind_walls(units, sights, buildings)),
        "household_count": np.bincount(piece, homes[near], minlength=len(shapes)).astype(int),
    }
    return pieces.assign(**sizes)[[*BLIND_COLUMNS, "geometry"]]


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


def _pieces(ground: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the polygons of blind ground, by unit and size."""
    parts, row = shapely.get_parts(ground["blind"].to_numpy(), return_index=True)
    area = shapely.area(parts)
    order = np.lexsort((-area, row))
    parts, row, area = parts[order], row[order], area[order]
    number = np.arange(len(row)) - np.searchsorted(row, row) + 1
    index = pd.MultiIndex.from_arrays(
        [ground.index.take(row), number], names=["unit_code", "number"]
    )
    return gpd.GeoDataFrame({"area_m2": area}, geometry=parts, index=index, crs=ground.crs)


def _key_area(shapes: Geometries, key_areas: gpd.GeoDataFrame | gpd.GeoSeries | None) -> Floats:
    """Return the area of each piece that lies in key public areas."""
    if key_areas is None or len(key_areas) == 0:
        return np.zeros(len(shapes))
    # United first: where key areas overlap their ground counts once.
    whole = shapely.get_parts(shapely.disjoint_subset_union_all(key_areas.geometry.to_numpy()))
    piece, key = shapely.STRtree(whole).query(shapes, predicate="intersects")
    common = shapely.area(shapely.intersection(shapes[piece], whole[key]))
    return np.bincount(piece, common, minlength=len(shapes)).astype(float)


def _blind_roads(
    units: gpd.GeoDataFrame | gpd.GeoSeries,
    sights: Sights,
    buildings: gpd.GeoDataFrame,
    roads: gpd.GeoDataFrame | gpd.GeoSeries | None,
) -> Lines:
    """Return the road in open ground that nobody sees."""
    shapes = units.geometry.to_numpy()
    if roads is None or len(roads) == 0:
        return in_units(shapes, np.zeros((0, 4)))
    lines = lines_in(shapes, roads.geometry)
    houses = buildings.geometry.to_numpy()
    houses = houses[~(shapely.is_missing(houses) | shapely.is_empty(houses))]
    left = _uncovered(
        lines.ends, [road_stretches(lines, sights), stretches_inside(lines.ends, houses)]
    )
    metres = (left.end - left.start) * lines.length_m[left.line]
    return Lines(parts_of(lines.ends, left), metres, lines.unit[left.line])


def _blind_walls(
    units: gpd.GeoDataFrame | gpd.GeoSeries, sights: Sights, buildings: gpd.GeoDataFrame
) -> Lines:
    """Return the lines before the walls that face open ground and that nobody sees."""
    walls = wall_lines(buildings)
    covered = [wall_stretches(walls, sights.stretches), shut_stretches(walls, buildings)]
    left = _uncovered(walls.before, covered)
    return in_units(units.geometry.to_numpy(), parts_of(walls.before, left))


def road_stretches(lines: Lines, sights: Sights) -> Stretches:
    """Return the stretches of roads that cameras see.

    Parameters
    ----------
    lines
        From `lines_in`.
    sights
        From `sights`.

    Returns
    -------
    Stretches
        ``owner``: the camera's position.
    """
    shapes = sights.views.geometry.to_numpy()
    rows = np.flatnonzero(~shapely.is_empty(shapes))
    found = stretches_inside(lines.ends, shapes[rows])
    return found._replace(owner=rows[found.owner])


def _uncovered(ends: Floats, covered: list[Stretches]) -> Stretches:
    """Return the stretches of lines that nothing covers."""
    joined = Stretches(*(np.concatenate(parts) for parts in zip(*covered, strict=True)))
    return gaps(joined, len(ends))


def _metres(shapes: Geometries, unit: Ints, lines: Lines) -> Floats:
    """Return the metres of lines in each piece of blind ground, by where their middles lie."""
    spots = shapely.points((lines.ends[:, :2] + lines.ends[:, 2:]) / 2.0)
    # Asked from the pieces, which are large, so that each is prepared once.
    piece, line = shapely.STRtree(spots).query(shapes, predicate="dwithin", distance=_AT_BORDER_M)
    order = np.lexsort((piece, line))
    piece, line = piece[order], line[order]
    own = lines.unit[line] == unit[piece]
    line, first = np.unique(line[own], return_index=True)
    found = piece[own][first]
    return np.bincount(found, lines.length_m[line], minlength=len(shapes)).astype(float)
