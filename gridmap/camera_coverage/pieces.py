"""Views cut at the borders of units, and lines cut there: what belongs to which unit.

Belongs here: pieces of shapes and of lines by unit. Does not belong here: measuring them
(``depth``, ``stretches``).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely

from gridmap.camera_coverage.stretches import Stretches, stretches_inside

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Geometries = NDArray[np.object_]

_THREADS = 2
_CHUNKS = 8
_FEW = 64  # so many shapes are sooner done than a thread is begun


class Pieces(NamedTuple):
    """Parts of shapes: ``unit`` and ``row`` they belong to, by unit; ``shape``, none empty."""

    unit: Ints
    row: Ints
    shape: Geometries


class Lines(NamedTuple):
    """Straight lines: ``ends`` (n, 4), ``length_m`` (n), and the ``unit`` (n) each lies in."""

    ends: Floats
    length_m: Floats
    unit: Ints


def pieces(units: Geometries, shapes: Geometries) -> Pieces:
    """Return the parts of shapes that lie in each unit.

    Parameters
    ----------
    units
        Array of valid Polygons and MultiPolygons.
    shapes
        Array of the same kinds; empty ones and None have no part.

    Returns
    -------
    Pieces
        Polygons and MultiPolygons, ordered by unit.

    Notes
    -----
    Rule: a shape that lies in one unit is not cut. Cost: one overlay a shape and border.
    """
    row = np.flatnonzero(~(shapely.is_missing(shapes) | shapely.is_empty(shapes)))
    unit, found = shapely.STRtree(shapes[row]).query(units, predicate="intersects")
    row = row[found]
    shape = shapes[row]
    # A shape that meets one unit only may still hang over the outer border.
    shapely.prepare(units)
    cut = np.flatnonzero(~shapely.covers(units[unit], shape))
    shape[cut] = on_two_threads(shapely.intersection, shape[cut], units[unit[cut]])
    shape[cut] = areas_only(shape[cut])
    solid = ~shapely.is_empty(shape)
    return Pieces(unit[solid], row[solid], shape[solid])


def by_unit(found: Pieces, units: int) -> list[Geometries]:
    """Return the shapes of each unit.

    Parameters
    ----------
    found
        From `pieces`.
    units
        How many units there are.

    Returns
    -------
    list of array
        One array a unit.
    """
    return np.split(found.shape, np.searchsorted(found.unit, np.arange(1, units)))[:units]


def lines_in(units: Geometries, roads: gpd.GeoSeries) -> Lines:
    """Return the straight lines of roads, cut at the borders of units.

    Parameters
    ----------
    units
        Array of valid Polygons and MultiPolygons that do not overlap.
    roads
        LineStrings and MultiLineStrings, the CRS of the units.

    Returns
    -------
    Lines
        What lies in no unit is left out.
    """
    return in_units(units, segments(roads.to_numpy()))


def in_units(units: Geometries, ends: Floats) -> Lines:
    """Return straight lines, cut at the borders of units.

    Parameters
    ----------
    units
        As in `lines_in`.
    ends
        Array (n, 4): start and end of each.

    Returns
    -------
    Lines
        What lies in no unit is left out.
    """
    inside = stretches_inside(ends, units)
    cut = parts_of(ends, inside)
    return Lines(cut, np.hypot(*(cut[:, 2:] - cut[:, :2]).T), inside.owner)


def parts_of(ends: Floats, stretches: Stretches) -> Floats:
    """Return stretches of lines as lines.

    Parameters
    ----------
    ends
        Array (n, 4): start and end of each line.
    stretches
        Stretches of these lines.

    Returns
    -------
    ndarray
        (m, 4): start and end of each stretch.
    """
    start, way = ends[stretches.line, :2], (ends[:, 2:] - ends[:, :2])[stretches.line]
    first, last = stretches.start[:, None], stretches.end[:, None]
    return np.hstack([start + first * way, start + last * way])


def segments(shapes: Geometries) -> Floats:
    """Return the straight lines (n, 4) of lines, none of no length.

    Parameters
    ----------
    shapes
        Array of LineStrings and MultiLineStrings, some empty or None.

    Returns
    -------
    ndarray
        Start and end of each.
    """
    xy, part = shapely.get_coordinates(shapely.get_parts(shapes), return_index=True)
    ends: Floats = np.hstack([xy[:-1], xy[1:]])[part[1:] == part[:-1]]
    long: Floats = ends[(ends[:, :2] != ends[:, 2:]).any(axis=1)]
    return long


def on_two_threads(work: Callable[..., Any], *arrays: Geometries) -> Geometries:
    """Run a vectorised function of shapely over arrays, in chunks: it releases the lock.

    Parameters
    ----------
    work
        A function of as many arrays.
    arrays
        Arrays of one length.

    Returns
    -------
    ndarray
        What the function returns for the whole arrays.
    """
    if len(arrays[0]) < _FEW:
        return np.asarray(work(*arrays))
    chunks = [np.array_split(array, _CHUNKS) for array in arrays]
    with ThreadPoolExecutor(_THREADS) as pool:
        return np.concatenate(list(pool.map(work, *chunks)))


def areas_only(shapes: Geometries) -> Geometries:
    """Return shapes with the lines and points of mixed ones left out.

    Parameters
    ----------
    shapes
        Array of any geometries.

    Returns
    -------
    ndarray
        Polygons and MultiPolygons, empty where a shape has no area.
    """
    mixed = np.flatnonzero(shapely.get_type_id(shapes) == shapely.GeometryType.GEOMETRYCOLLECTION)
    shapes = np.where(shapely.get_dimensions(shapes) == 2, shapes, shapely.Polygon())
    for k in mixed:
        parts = shapely.get_parts(shapes[k])
        solid = parts[shapely.get_dimensions(parts) == 2]
        shapes[k] = shapely.multipolygons(shapely.get_parts(solid))
    return shapes
