"""Frames in which the numbers of a file could be meant, and what each puts in its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely
from pyproj import Transformer

from gridmap.crs.metric import STORAGE_CRS, WGS84_CRS
from gridmap.crs.shifts import FORWARD, SHIFTED_FRAMES
from gridmap.crs.zones import zone_crs, zones_near

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray
    from pyproj import CRS

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]
    Shapes = NDArray[np.object_]
    Booleans = NDArray[np.bool_]


WIDE_DEG, WIDE_M = 2e-3, 200.0
"""From this width on a polygon is held against its unit by area, below it by its centroid."""

IN_PLACE = 0.95
"""Share of a wide polygon's area that must lie in its unit; as rule G08 has it for buildings."""


@dataclass(frozen=True)
class Hypothesis:
    """A way to read two columns of numbers.

    ``source`` is what ``--source-crs`` says for it (None: nothing does); ``exchanged`` that x
    and y have changed places; ``shift`` the shifted frame that longitude and latitude are in.
    """

    name: str
    source: str | None
    crs: CRS
    exchanged: bool = False
    shift: str | None = None

    def place(self, xy: Floats) -> Floats:
        """Return longitude and latitude, shape (n, 2); not finite where there is none."""
        x, y = (xy[:, 1], xy[:, 0]) if self.exchanged else (xy[:, 0], xy[:, 1])
        if not same_ground(self.crs):
            there = Transformer.from_crs(self.crs, STORAGE_CRS, always_xy=True)
            x, y = there.transform(x, y)
        if self.shift:
            # PROJ's word for nowhere, infinity, has no sine.
            x, y = (np.where(np.isfinite(one), one, np.nan) for one in (x, y))
            x, y = SHIFTED_FRAMES[self.shift](x, y)
        return np.column_stack([x, y])


def same_ground(crs: CRS) -> bool:
    """Say whether numbers of a frame are longitude and latitude of CGCS2000 as they stand."""
    return any(crs.equals(one, ignore_axis_order=True) for one in (STORAGE_CRS, WGS84_CRS))


def frame_name(crs: CRS) -> str:
    """Return what a person, and ``--source-crs``, calls a frame."""
    authority = crs.to_authority()
    return ":".join(authority) if authority else str(crs.name)


@dataclass(frozen=True)
class Rows:
    """Rows in the file's own numbers: a point of each, and the polygons of the wide ones.

    The point is the centroid: broken shapes have one too, and its metres do not matter here.
    ``wide`` are positions of rows whose polygon is wider than a shift must be to be seen.
    """

    xy: Floats
    wide: Whole
    polygons: Shapes

    @classmethod
    def of(cls, shapes: gpd.GeoSeries, source: str | None) -> tuple[Rows, Booleans]:
        """Return the rows that have a place, and which of all rows they are."""
        array = np.asarray(shapes.array, dtype=object)
        if source in FORWARD:
            array = shapely.transform(array, lambda xy: np.column_stack(FORWARD[source](*xy.T)))
        with np.errstate(over="ignore", invalid="ignore"):  # what lies nowhere has no centroid
            xy = _coordinates(shapely.centroid(array))
        given = np.isfinite(xy[:, 0]) & np.isfinite(xy[:, 1])
        array, xy = array[given], xy[given]
        west, south, east, north = shapely.bounds(array).T
        limit = WIDE_DEG if mostly_degrees(xy) else WIDE_M
        wide = (np.maximum(east - west, north - south) >= limit) & (
            shapely.get_dimensions(array) == 2
        )
        wide[wide] = shapely.is_valid(array[wide])
        return cls(xy, np.flatnonzero(wide), array[wide]), given


def _coordinates(points: Shapes) -> Floats:
    """Return x and y, shape (n, 2); NaN where there is no point, or an empty one."""
    # A point's box is the point; of an empty one GEOS would refuse x and y.
    found: Floats = shapely.bounds(points)[:, :2]
    return found


def hypotheses(
    xy: Floats, declared: CRS | None, source: str | None, bounds: Floats
) -> list[Hypothesis]:
    """Return how the numbers can be meant: the declared frame first, if there is one.

    ``xy`` are finite and at least one; ``bounds`` those of the ground expected, in degrees.
    """
    found = []
    if source in SHIFTED_FRAMES:
        found.append(Hypothesis(source, source, STORAGE_CRS, shift=source))
    elif declared is not None:
        found.append(_plainly(declared))
    if mostly_degrees(xy):
        if not any(one.shift is None and same_ground(one.crs) for one in found):
            found.append(_plainly(STORAGE_CRS))
        return found + [
            Hypothesis(name, name, STORAGE_CRS, shift=name)
            for name in SHIFTED_FRAMES
            if name != source
        ]
    if declared is not None and declared.is_projected:
        found += [
            Hypothesis(f"{frame_name(declared)} ({name})", None, declared, shift=name)
            for name in SHIFTED_FRAMES
        ]
        found.append(_exchanged(declared))
    for zone in zones_near(bounds[0], bounds[2]):
        for prefixed in (False, True):
            crs = zone_crs(zone, prefixed=prefixed)
            if crs != declared:
                found += [_plainly(crs), _exchanged(crs)]
    return found


def _plainly(crs: CRS) -> Hypothesis:
    return Hypothesis(frame_name(crs), frame_name(crs), crs)


def _exchanged(crs: CRS) -> Hypothesis:
    return Hypothesis(f"{frame_name(crs)} (y, x)", frame_name(crs), crs, exchanged=True)


def mostly_degrees(xy: Floats) -> bool:
    """Say whether numbers look like longitude and latitude, in either order."""
    return bool(2 * (np.abs(xy) <= 180).all(axis=1).sum() > len(xy))


class Ground:
    """Where rows are expected: each in the unit it declares, or in any if it declares none."""

    def __init__(self, units: gpd.GeoDataFrame, declared: pd.Series | None, rows: int) -> None:
        shapes = np.asarray(units.geometry.array, dtype=object)
        self.whole = shapely.union_all(shapes)
        shapely.prepare(self.whole)
        self.bounds = np.array(self.whole.bounds)
        own = np.full(rows, -1) if declared is None else units.index.get_indexer(declared)
        self.shapes, self.own = shapes, own

    def holds(self, rows: Rows, meant: Hypothesis) -> tuple[Booleans, Floats]:
        """Return whether each row is where it is expected, and the place of its point."""
        places = meant.place(rows.xy)
        west, south, east, north = self.bounds
        x, y = places.T
        # What is not finite is in no box.
        near = (x >= west) & (x <= east) & (y >= south) & (y <= north)
        inside = np.zeros(len(x), dtype=bool)
        free = near & (self.own < 0)
        inside[free] = shapely.intersects_xy(self.whole, x[free], y[free])
        some = np.flatnonzero(near & (self.own >= 0))
        some = some[np.argsort(self.own[some], kind="stable")]
        cuts = np.flatnonzero(np.diff(self.own[some])) + 1
        for group in np.split(some, cuts) if len(some) else ():
            unit = self.shapes[self.own[group[0]]]
            shapely.prepare(unit)
            inside[group] = shapely.intersects_xy(unit, x[group], y[group])
        wide = near[rows.wide]
        inside[rows.wide[wide]] = self._hold(rows.wide[wide], rows.polygons[wide], meant)
        return inside, places

    def _hold(self, at: Whole, polygons: Shapes, meant: Hypothesis) -> Booleans:
        """Return whether enough of each polygon's area is where it is expected."""
        placed = shapely.transform(polygons, meant.place)
        sound = np.isfinite(shapely.bounds(placed)).all(axis=1) & shapely.is_valid(placed)
        own = [self.shapes[i] if i >= 0 else self.whole for i in self.own[at[sound]]]
        inside = np.zeros(len(at), dtype=bool)
        shared = shapely.area(shapely.intersection(placed[sound], np.array(own, dtype=object)))
        inside[sound] = shared >= IN_PLACE * shapely.area(placed[sound])
        return inside
