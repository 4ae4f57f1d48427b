"""Pieces of ground that overlays leave: their width, and whose border they touch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]
    Bools = NDArray[np.bool_]
    Geometries = NDArray[np.object_]

RESOLUTION_M = 0.001
"""Width below which ground is rounding of coordinates and no fact. Source: the store keeps 1e-8
degrees, about 1 mm, and another frame bends a straight border that has a vertex on one side only
by a tenth of a millimetre (measured)."""

_GROWN = 1.2  # more than was taken off: a buffer is true to a hundredth of its distance
ON_BORDER_M = 1e-6
"""Distance within which a point lies on a border: overlays put vertices on the lines they came
from to a nanometre (measured)."""


def pieces(overlays: Geometries, resolution_m: float) -> tuple[Geometries, Ints]:
    """Return the connected polygons of overlays that are more than rounding.

    Parameters
    ----------
    overlays
        Shape (n,): results of overlays, metres; lines and points among them are left out.
    resolution_m
        Width in metres below which ground is rounding; above 0.

    Returns
    -------
    ndarray of Polygon, ndarray of int, both of shape (m,)
        The polygons, and the place of the overlay each comes from.

    Notes
    -----
    Rule: somewhere at least as wide as the resolution. Two borders that are the same but for
    rounding leave hairlines, which would tie one piece to the next along a whole border; pieces
    that hang together by a hairline are taken apart, and it is left out. Cost O(n), a buffer each.
    """
    parts, source = shapely.get_parts(overlays, return_index=True)
    # No circle of that width has less ground.
    large = shapely.area(parts) > np.pi / 4.0 * resolution_m**2
    parts, source = parts[large], source[large].astype(np.intp)
    cores = buffered(parts, -resolution_m / 2.0, quad_segs=2)
    real = ~shapely.is_empty(cores)
    parts, cores, source = parts[real], cores[real], source[real]
    # Of a piece with a hairline the core has a much shorter outline, or falls apart.
    tied = (shapely.get_num_geometries(cores) > 1) | (
        shapely.length(cores) < 0.95 * shapely.length(parts) - 8.0 * resolution_m
    )
    core, part = shapely.get_parts(cores[tied], return_index=True)
    grown = buffered(core, _GROWN * resolution_m / 2.0, join_style="mitre")
    freed = _greatest(shapely.intersection(grown, parts[tied][part]))
    whole = np.concatenate([parts[~tied], freed])
    return whole, np.concatenate([source[~tied], source[tied][part]])


def buffered(shapes: Geometries, distance_m: float, **style: Any) -> Geometries:
    """Return polygons grown or shrunk, silent about sides without length.

    Parameters
    ----------
    shapes
        Shape (n,): polygons, metres.
    distance_m
        Metres; below 0 they shrink.
    style
        Options of ``shapely.buffer``.

    Returns
    -------
    ndarray of Polygon or MultiPolygon, shape (n,)
        Empty where nothing is left.

    Notes
    -----
    Overlays of borders that are the same but for the last digit have sides of 1e-15 m. GEOS
    divides by their length, drops them, and numpy warns of the division. Cost O(n).
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        grown: Geometries = shapely.buffer(shapes, distance_m, **style)
    return grown


def _greatest(overlays: Geometries) -> Geometries:
    """Return the greatest polygon of each overlay."""
    parts, source = shapely.get_parts(overlays, return_index=True)
    order = np.lexsort((-shapely.area(parts), source))
    first = order[np.unique(source[order], return_index=True)[1]]
    greatest: Geometries = parts[first]
    return greatest


def mean_width_m(shapes: Geometries) -> Floats:
    """Return the mean width of polygons: area by half of the perimeter.

    Parameters
    ----------
    shapes
        Shape (n,), metres.

    Returns
    -------
    ndarray of float, shape (n,)
        Metres; of a long strip its width, of a square half its side; 0 for lines and points.
    """
    around = shapely.length(shapes)
    width = np.zeros(len(shapes))
    np.divide(2.0 * shapely.area(shapes), around, out=width, where=around > 0)
    return width


def narrow(shapes: Geometries, tolerance_m: float) -> Bools:
    """Return whether polygons are nowhere wider than the tolerance.

    Parameters
    ----------
    shapes
        Shape (n,): polygons, metres.
    tolerance_m
        Metres.

    Returns
    -------
    ndarray of bool, shape (n,)
        True where no circle with that diameter lies within.

    Notes
    -----
    Cost O(n), with a buffer for those whose area and perimeter do not tell.
    """
    # The greatest circle within has at least the radius area / perimeter, at most that of a
    # circle of the same area.
    surely: Bools = 2.0 * np.sqrt(shapely.area(shapes) / np.pi) <= tolerance_m
    open_question = ~surely & (mean_width_m(shapes) <= tolerance_m)
    inset = -(tolerance_m / 2.0 + ON_BORDER_M)
    surely[open_question] = shapely.is_empty(buffered(shapes[open_question], inset, quad_segs=4))
    return surely


def shared_borders(shapes: Geometries, units: Geometries) -> tuple[Ints, Ints, Floats]:
    """Return how much of each piece's outline lies on the outline of each unit.

    Parameters
    ----------
    shapes
        Shape (n,): polygons that an overlay of the units left, metres.
    units
        Shape (m,): the outlines as lines, or polygons of which none covers a piece.

    Returns
    -------
    ndarray of int, ndarray of int, ndarray of float, all of shape (k,)
        Place of the piece, place of the unit, metres; pairs without a common border are left out.

    Notes
    -----
    Each side of a piece lies on one line of its origin, but with the vertices of an overlay; the
    middle of a side therefore tells, where intersecting lines would not. Cost O(n log m).
    """
    lines, piece = shapely.get_parts(shapely.boundary(shapes), return_index=True)
    corners, line = shapely.get_coordinates(lines, return_index=True)
    side = line[1:] == line[:-1]
    step = np.diff(corners, axis=0)[side]
    middle = (corners[1:] + corners[:-1])[side] / 2.0
    length, piece = np.hypot(step[:, 0], step[:, 1]), piece[line[1:][side]]
    around = shapely.box(*(middle - ON_BORDER_M).T, *(middle + ON_BORDER_M).T)
    at, unit = shapely.STRtree(units).query(around)
    # Prepared units answer many points fast; the tree by itself would prepare the points.
    shapely.prepare(units)
    on = shapely.dwithin(units[unit], shapely.points(middle[at]), ON_BORDER_M)
    at, unit = at[on], unit[on]
    number = max(len(units), 1)
    pairs, place = np.unique(piece[at] * number + unit, return_inverse=True)
    total = np.zeros(len(pairs))
    np.add.at(total, place, length[at])
    return (pairs // number).astype(np.intp), (pairs % number).astype(np.intp), total
