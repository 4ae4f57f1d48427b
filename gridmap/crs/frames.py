"""The frames in which other programs ask for shapes and get them, and shapes on their way in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import shapely
from pyproj import Transformer

from gridmap.crs.metric import STORAGE_SRID
from gridmap.errors import CrsError

_PIECES = 16
"""Into how many pieces a side of a box is cut: a straight side is none in another frame."""


@dataclass(frozen=True)
class Frame:
    """A frame: its URI for OGC's interfaces, EPSG's number, and whether north comes first there."""

    uri: str
    srid: int
    north_first: bool
    degrees: bool


CRS84 = Frame("http://www.opengis.net/def/crs/OGC/1.3/CRS84", STORAGE_SRID, False, True)  # noqa: FBT003
"""WGS 84 with longitude first, the frame of GeoJSON: taken as equal to CGCS2000, as everywhere."""

FRAMES = (
    CRS84,
    Frame("http://www.opengis.net/def/crs/EPSG/0/4490", 4490, True, True),  # noqa: FBT003
    Frame("http://www.opengis.net/def/crs/EPSG/0/4326", STORAGE_SRID, True, True),  # noqa: FBT003
    Frame("http://www.opengis.net/def/crs/EPSG/0/4545", 4545, True, False),  # noqa: FBT003
    Frame("http://www.opengis.net/def/crs/EPSG/0/3857", 3857, False, False),  # noqa: FBT003
)
"""Every frame of OGC's interfaces; the order of axes is that of the register."""

STORAGE_FRAME = FRAMES[1]


def frame_of(uri: str) -> Frame:
    """Return the frame of a URI.

    Parameters
    ----------
    uri
        Of one of `FRAMES`.

    Returns
    -------
    Frame
        The frame.

    Raises
    ------
    CrsError
        There is none of that name.

    Examples
    --------
    >>> frame_of("http://www.opengis.net/def/crs/EPSG/0/4545").north_first
    True
    """
    for frame in FRAMES:
        if frame.uri == uri:
            return frame
    raise CrsError(f"no such coordinate frame; there are {', '.join(f.uri for f in FRAMES)}")


def box_in_storage(box: tuple[float, float, float, float], frame: Frame) -> Any:
    """Return a box of a frame as a shape in EPSG:4490.

    Parameters
    ----------
    box
        Least and greatest of the first axis and of the second, as OGC writes them: least first,
        least second, greatest first, greatest second.
    frame
        The frame of the numbers.

    Returns
    -------
    Geometry
        A polygon; two where the box crosses the meridian of 180°; a line or a point where it has
        no width.

    Raises
    ------
    CrsError
        The box is upside down, or lies where the frame has no coordinates.

    Examples
    --------
    >>> box_in_storage((29.0, 106.0, 30.0, 107.0), FRAMES[1]).bounds
    (106.0, 29.0, 107.0, 30.0)
    """
    first, second, last, final = box
    west, south, east, north = (second, first, final, last) if frame.north_first else box
    if frame.degrees and not (abs(west) <= 180 >= abs(east) and abs(south) <= 90 >= abs(north)):
        raise CrsError("the box is no longitude and latitude, or its axes are in another order")
    if south > north or (west > east and not frame.degrees):
        raise CrsError("the box is upside down: least of both axes first, then greatest of both")
    if west > east:
        parts = (shapely.box(west, south, 180, north), shapely.box(-180, south, east, north))
        return shapely.multipolygons(parts)
    return shape_in_storage(_drawn(west, south, east, north), frame, turned=False)


def _drawn(west: float, south: float, east: float, north: float) -> Any:
    if west == east and south == north:
        return shapely.Point(west, south)
    if west == east or south == north:
        return shapely.LineString([(west, south), (east, north)])
    return shapely.box(west, south, east, north)


def shape_in_storage(shape: Any, frame: Frame, *, turned: bool = True) -> Any:
    """Return a shape of a frame as one in EPSG:4490.

    Parameters
    ----------
    shape
        Its coordinates in the frame.
    frame
        The frame.
    turned
        Whether they are in the frame's order of axes; else x comes first.

    Returns
    -------
    Geometry
        The same shape; of a projected frame with vertices between.

    Raises
    ------
    CrsError
        It lies where the frame has no coordinates, or is none on Earth.
    """
    if turned and frame.north_first:
        shape = shapely.transform(shape, lambda xy: xy[:, ::-1])
    if not frame.degrees:
        length = max(shapely.length(shape) / 4, 1e-3)
        shape = shapely.segmentize(shape, length / _PIECES)
        to_degrees = _to_degrees(frame.srid)
        shape = shapely.transform(
            shape, lambda xy: np.column_stack(to_degrees.transform(xy[:, 0], xy[:, 1]))
        )
    xy = np.abs(shapely.get_coordinates(shape))
    if not (np.isfinite(xy).all() and (xy <= (180, 90)).all()):
        raise CrsError("the shape lies where that coordinate frame has no coordinates")
    return shape


def tile_bounds(
    zoom: int, column: int, row: int, *, margin: float = 0.0
) -> tuple[float, float, float, float]:
    """Return where a tile of the Web Mercator pyramid lies.

    Parameters
    ----------
    zoom, column, row
        Its place, from the north-west.
    margin
        Share of its side by which the bounds are wider.

    Returns
    -------
    tuple of float
        West, south, east, north in degrees.

    Notes
    -----
    Source: OGC 17-083r4, WebMercatorQuad.

    Examples
    --------
    >>> [round(degrees, 6) for degrees in tile_bounds(1, 0, 0)]
    [-180.0, 0.0, 0.0, 85.051129]
    """
    side = 2**zoom

    def latitude(place: float) -> float:
        return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * place / side))))

    west, east = ((column + part) / side * 360 - 180 for part in (-margin, 1 + margin))
    return max(west, -180.0), latitude(row + 1 + margin), min(east, 180.0), latitude(row - margin)


@cache
def _to_degrees(srid: int) -> Transformer:
    return Transformer.from_crs(srid, STORAGE_SRID, always_xy=True)
