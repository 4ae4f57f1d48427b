"""Pictures without a map library: areas and lines as the numbers of an SVG drawing.

Belongs here: scaling shapes, days and shares to a drawing, and where a name has room. Does not
belong here: colours and words (templates), reading what is drawn (``jobs``).
"""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from gridmap.errors import FrameError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    import geopandas as gpd

METRES_OF_DEGREE = 111_320.0
"""Of latitude; of longitude the same times the cosine of the latitude. Good to 0.5 %, which is two
pixels of a picture of a district."""

TILE_PIXELS = 256
ZOOM_MOST = 17.0


@dataclass(frozen=True)
class Area:
    """A unit as it is drawn: its outline, where its name stands, and the way to it on a map."""

    code: str
    path: str
    x: float
    y: float
    room: float
    longitude: float
    latitude: float
    zoom: float


@dataclass(frozen=True)
class Drawing:
    """Areas in one picture; all in its own units, y downwards."""

    width: int
    height: int
    areas: tuple[Area, ...]


@dataclass(frozen=True)
class Line:
    """A line of shares over days; ``path`` is empty where there are fewer than two points."""

    points: tuple[tuple[float, float], ...]
    path: str
    ticks: tuple[tuple[float, float], ...]


def area_drawing(shapes: gpd.GeoSeries, *, width: int, height: int) -> Drawing:
    """Return the areas of units as large as a picture has room for.

    Parameters
    ----------
    shapes
        Index: code. Polygons in degrees, longitude first; already simplified.
    width, height
        The most room, in units of the picture.

    Returns
    -------
    Drawing
        Areas in the order of ``shapes``, those without ground left out; as wide or as high as it
        may be, and no more.

    Raises
    ------
    FrameError
        A shape has longitudes or latitudes that are none.

    Notes
    -----
    Rule: degrees of longitude are narrowed by the cosine of the middle latitude, whole units of
    the picture, each corner once. Source: own choice. Cost O(n) in the corners.

    Examples
    --------
    >>> import geopandas as gpd
    >>> drawn = area_drawing(gpd.GeoSeries([shapely.box(0, -1, 4, 1)], ["a"]), width=200, height=90)
    >>> drawn.width, drawn.height, drawn.areas[0].path
    (180, 90, 'M180,90L180,0L0,0L0,90Z')
    """
    placed = shapes[~(shapes.is_empty | shapes.isna())]
    if placed.empty:
        return Drawing(width, height, ())
    west, south, east, north = (float(v) for v in placed.total_bounds)
    if not (-180 <= west <= east <= 180 and -90 < south <= north < 90):
        raise FrameError("a picture is drawn of longitudes and latitudes in degrees")
    narrow = math.cos(math.radians((south + north) / 2))
    scale = min(width / max((east - west) * narrow, 1e-9), height / max(north - south, 1e-9))

    def to_picture(xy: np.ndarray) -> np.ndarray:
        return np.column_stack([(xy[:, 0] - west) * narrow * scale, (north - xy[:, 1]) * scale])

    drawn = shapely.transform(placed.to_numpy(), to_picture)
    circles = shapely.maximum_inscribed_circle(drawn, tolerance=1.0)
    areas = []
    for code, geo, shape, circle in zip(placed.index, placed, drawn, circles, strict=True):
        x, y = circle.coords[0]
        areas.append(
            Area(
                code=str(code),
                path=_path(shape),
                x=round(x, 1),
                y=round(y, 1),
                room=round(circle.length, 1),
                longitude=round(x / scale / narrow + west, 5),
                latitude=round(north - y / scale, 5),
                zoom=_zoom(geo.bounds),
            )
        )
    size = round((east - west) * narrow * scale), round((north - south) * scale)
    return Drawing(max(size[0], 1), max(size[1], 1), tuple(areas))


def _path(shape: shapely.Geometry) -> str:
    """Return an outline as the path of an SVG, in whole units."""
    parts = []
    for polygon in shapely.get_parts(shape):
        for ring in (polygon.exterior, *polygon.interiors):
            corners = np.round(shapely.get_coordinates(ring)).astype(int)
            apart = np.any(corners[1:] != corners[:-1], axis=1)
            kept = corners[:-1][apart]
            if len(kept) > 2:  # what is smaller than a unit is not drawn
                parts.append("M" + "L".join(f"{x},{y}" for x, y in kept.tolist()) + "Z")
    return "".join(parts)


def _zoom(bounds: tuple[float, float, float, float]) -> float:
    """Return the zoom at which a unit fills a screen of 1,000 by 700 pixels."""
    west, south, east, north = bounds
    narrow = math.cos(math.radians((south + north) / 2))
    across = max((east - west) / 1000, (north - south) / narrow / 700, 1e-9)
    return min(math.floor(math.log2(360 / TILE_PIXELS / across) * 4) / 4, ZOOM_MOST)


def placed_names(
    drawing: Drawing, names: Mapping[str, Sequence[str]], *, size: float
) -> dict[str, str]:
    """Return which areas have room for a name, and for which.

    Parameters
    ----------
    drawing
        From `area_drawing`.
    names
        By code: what may be written, the best first.
    size
        Of the letters, in units of the picture.

    Returns
    -------
    dict
        Code -> the first of its names that stands in the picture and on no other; the roomiest
        area chooses first. Areas that have none are left out.

    Notes
    -----
    Rule: a Chinese character is as wide as high, any other 0.6 of that. Source: own choice. Cost
    O(n²) in the areas.

    Examples
    --------
    >>> areas = tuple(Area(c, "", x, 10, r, 0, 0, 9) for c, x, r in [("a", 20, 9), ("b", 40, 5)])
    >>> placed_names(Drawing(60, 20, areas), {"a": ["长江"], "b": ["黄河", "2"]}, size=12)
    {'a': '长江', 'b': '2'}
    """
    found: dict[str, str] = {}
    boxes: list[tuple[float, float, float, float]] = []
    for area in sorted(drawing.areas, key=lambda one: (-one.room, one.code)):
        for name in names.get(area.code, ()):
            half = _width(name) * size / 2
            box = (area.x - half, area.y - size / 2, area.x + half, area.y + size / 2)
            inside = box[0] >= 0 and box[2] <= drawing.width
            if inside and not any(_overlap(box, other) for other in boxes):
                boxes.append(box)
                found[area.code] = name
                break
    return found


def _width(text: str) -> float:
    return sum(1.0 if unicodedata.east_asian_width(one) in "WF" else 0.6 for one in text)


def _overlap(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def share_line(
    days: Sequence[dt.date], shares: Sequence[float], *, width: float, height: float
) -> Line:
    """Return a line of shares over days.

    Parameters
    ----------
    days
        Ascending.
    shares
        As many, 0..1.
    width, height
        Of the picture, in its units.

    Returns
    -------
    Line
        Points from the left edge to the right one, a single one at the right; ticks are (y, share),
        the lowest first, at tenths or halves of them: the axis need not begin at 0, and says so.

    Raises
    ------
    FrameError
        There are not as many shares as days, or one is not in 0..1.

    Notes
    -----
    Source: own choice. Cost O(n).

    Examples
    --------
    >>> import datetime as dt
    >>> days = [dt.date(2026, 3, 31), dt.date(2026, 4, 10), dt.date(2026, 4, 20)]
    >>> line = share_line(days, [0.52, 0.55, 0.58], width=100, height=50)
    >>> line.points, line.ticks
    (((0.0, 40.0), (50.0, 25.0), (100.0, 10.0)), ((50.0, 0.5), (25.0, 0.55), (0.0, 0.6)))
    """
    if len(days) != len(shares) or any(not 0 <= one <= 1 for one in shares):
        raise FrameError("a line has a share in 0..1 for each day")
    if not days:
        return Line((), "", ())
    low, high = math.floor(min(shares) * 10 + 1e-9), math.ceil(max(shares) * 10 - 1e-9)
    if high <= low:
        low, high = (low, low + 1) if low < 10 else (9, 10)
    span = (days[-1] - days[0]).days

    def at(day: dt.date, share: float) -> tuple[float, float]:
        x = (day - days[0]).days / span if span else 1.0
        y = (high - share * 10) / (high - low)
        return round(x * width, 1), round(y * height, 1)

    points = tuple(at(day, share) for day, share in zip(days, shares, strict=True))
    path = "M" + "L".join(f"{x},{y}" for x, y in points) if len(points) > 1 else ""
    tenths = [low, (low + high) / 2, high]
    ticks = tuple((at(days[-1], one / 10)[1], round(one / 10, 3)) for one in tenths)
    return Line(points, path, ticks)
