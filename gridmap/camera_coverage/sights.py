"""What each camera possibly sees, and what it certainly sees, among the buildings.

Belongs here: views with missing or inexact optics, the two bounds of each. Does not belong here:
the defaults themselves (``optics``), the geometry of one exact view (``visibility``), sums over
units (``ground``).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from geopandas.array import from_shapely

from gridmap.camera_coverage.optics import (
    FULL_CIRCLE_DEG,
    Optics,
    detail_range_m,
    narrowest_angle_deg,
    optics_of,
    widest_angle_deg,
)
from gridmap.camera_coverage.pieces import areas_only, on_two_threads
from gridmap.camera_coverage.stretches import Stretches
from gridmap.camera_coverage.walls import WallLines
from gridmap.visibility import ARC_TOLERANCE_M, DOME_DEG
from gridmap.visibility.placement import FREE, ON_WALL
from gridmap.visibility.polygons import (
    Views,
    camera_table,
    check_frames,
    positions,
    turns_deg,
    view_columns,
    views_from,
)
from gridmap.visibility.scene import scene_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]
    Geometries = NDArray[np.object_]

_ROUND = 1.0013  # the chords of a buffer's corners lie inside the circle: 1 / cos(90° / 32)
_SECTOR_STEPS = 16  # corners of a far sector: its arc lies beyond all that can be seen


SHAPES = ("geometry", "certain")
"""Columns of views that hold geometries."""

_WORDS = ("status", "reason", "assumed", "pole_code")


class Sights(NamedTuple):
    """Views and the stretches of walls seen from the same places.

    ``detail``: for each level asked for the possible views as far as the image has its detail.
    ``walls``: the walls of the buildings, which all that follows reads, and the stretches seen.
    """

    views: gpd.GeoDataFrame
    detail: dict[str, Geometries]
    walls: WallLines


def views(
    cameras: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame | gpd.GeoSeries,
    *,
    level: str | None = None,
) -> gpd.GeoDataFrame:
    """Return the ground each camera possibly sees, and the ground it certainly sees.

    Parameters
    ----------
    cameras
        Index: camera code. Columns as `complete_optics` reads them; azimuths clockwise from
        true north. Geometry: Point, metric CRS.
    buildings
        Index: building code. Geometry: valid Polygon or MultiPolygon, the CRS of the cameras;
        all that stand within the cameras' ranges.
    level
        Only as far as the image has the detail of this level; cameras whose detail is not known
        are excluded with the reason ``no_detail``.

    Returns
    -------
    GeoDataFrame
        As `visibility.view_polygons`, with ``geometry`` and ``area_m2`` of the possible view;
        ``assumed`` as `complete_optics`; ``certain``: the certain view, and
        ``certain_area_m2``. Polygon or MultiPolygon, empty where there is none.

    Raises
    ------
    CrsError
        A frame has no metric CRS.
    FrameError
        A column is missing, an index repeats, the CRS differ, or a geometry is of the wrong kind.
    InputError
        There is no such level.

    Notes
    -----
    Rule: *possible* holds every view the register allows: the angle widened by the azimuth's
    tolerance, and for a position known to ±r walls thinned, range and sector widened by r, so
    that nothing which might be seen is missing. *Certain* lies in every such view: the angle
    narrowed, and walls thickened, range and sector narrowed by r. Assumed optics, and a camera
    that had to be moved out of a building, make nothing certain; nor does a wall nearer than r.
    For a position both are bounds: the truth lies between. Source: own choice after domain.md
    1.4; every segment from within r of the drawn place lies within r of the one from the place.
    Cost as `visibility.view_polygons`; cameras with inexact positions some 1 ms each.

    Examples
    --------
    >>> from shapely import Point
    >>> cameras = gpd.GeoDataFrame(
    ...     {"azimuth_deg": [None], "hfov_deg": [90.0], "max_range_m": [40.0],
    ...      "direction_type": [1]},
    ...     index=["c1"], geometry=[Point(500000, 0)], crs=32648)
    >>> nothing = gpd.GeoSeries([], index=[], crs=32648)
    >>> views(cameras, nothing)[["status", "assumed", "area_m2", "certain_area_m2"]].round(1)
       status assumed  area_m2  certain_area_m2
    c1     ok           1885.0            628.3
    """
    return sights(cameras, buildings, level=level).views


def sights(
    cameras: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame | gpd.GeoSeries,
    *,
    level: str | None = None,
    levels: Sequence[str] = (),
) -> Sights:
    """Return the views and, from the same run, the walls they see and the views in detail.

    Parameters
    ----------
    cameras, buildings, level
        As in `views`.
    levels
        Names of detail levels to look at besides.

    Returns
    -------
    Sights
        Stretches are those of the possible views, from the drawn position.

    Raises
    ------
    CrsError, FrameError, InputError
        As in `views`.

    Notes
    -----
    Rule: for a position that is inexact the view in detail is the possible view within reach of
    the drawn place, tolerance added: it may be more than `views` of that level, never less. Cost:
    the walls are laid out once for all of it.
    """
    found = looks(cameras, buildings, level=level, levels=levels)
    return Sights(framed(found.columns, cameras.geometry), found.detail, found.walls)


class Looks(NamedTuple):
    """What `sights` returns; ``columns``: those of the views as arrays."""

    columns: dict[str, NDArray[Any]]
    detail: dict[str, Geometries]
    walls: WallLines


def framed(columns: dict[str, NDArray[Any]], points: gpd.GeoSeries) -> gpd.GeoDataFrame:
    """Return views as a frame.

    Parameters
    ----------
    columns
        From `looks`, with or without ``pole_code``.
    points
        The cameras.

    Returns
    -------
    GeoDataFrame
        As `views`.
    """
    parts: dict[str, Any] = dict(columns)
    for name in columns:
        if name in SHAPES:
            parts[name] = from_shapely(columns[name], crs=points.crs)
        elif name in _WORDS:  # left to itself pandas makes texts of these, and NaN of None
            parts[name] = pd.Series(columns[name], points.index, dtype=object)
    return gpd.GeoDataFrame(parts, index=points.index, geometry="geometry", crs=points.crs)


def looks(
    cameras: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame | gpd.GeoSeries,
    *,
    level: str | None = None,
    levels: Sequence[str] = (),
) -> Looks:
    """Return `sights` without a frame, which takes longer to build than few views to see.

    Parameters
    ----------
    cameras, buildings, level, levels
        As in `sights`.

    Returns
    -------
    Looks
        Arrays in the order of the cameras.

    Raises
    ------
    CrsError, FrameError, InputError
        As in `views`.
    """
    check_frames(cameras, buildings)
    optics = optics_of(cameras)
    far = {name: detail_range_m(cameras, name).to_numpy() for name in levels}
    if level is None:
        return _looks(cameras, optics, buildings, far)
    sharp = detail_range_m(cameras, level).to_numpy()
    nearer = optics._replace(range_m=np.minimum(optics.range_m, sharp))
    found = _looks(cameras, nearer, buildings, far)
    reason = found.columns["reason"]
    reason[(reason == "no_range") & np.isnan(sharp)] = "no_detail"
    return found


class _Posts(NamedTuple):
    """Cameras as arrays: where they stand, the meridian convergence there, where they look.

    ``off_m``: how far the position may be off.
    """

    xy: Floats
    turn_deg: Floats
    azimuth_deg: Floats
    hfov_deg: Floats
    range_m: Floats
    off_m: Floats

    def some(self, rows: Ints | Bools) -> _Posts:
        """Return some of them."""
        return _Posts(*(part[rows] for part in self))

    def table(self) -> Floats:
        """Return them as the kernel reads them."""
        return camera_table(*self[:5])


def _looks(
    cameras: gpd.GeoDataFrame,
    optics: Optics,
    buildings: gpd.GeoDataFrame | gpd.GeoSeries,
    far_m: dict[str, Floats],
) -> Looks:
    """Look from every camera, once for each thing asked of it, in one run of the kernel."""
    scene, walls = scene_of(buildings.geometry)
    xy, size = positions(cameras.geometry), len(cameras)
    azimuth = np.where(optics.azimuth_off_deg < FULL_CIRCLE_DEG / 2, optics.azimuth_deg, 0.0)
    possible = _Posts(
        xy,
        turns_deg(xy, cameras.crs),
        azimuth,
        widest_angle_deg(optics),
        optics.range_m,
        optics.position_off_m,
    )
    least = possible._replace(azimuth_deg=optics.azimuth_deg, hfov_deg=narrowest_angle_deg(optics))
    exact = (possible.off_m <= 0.0) & (least.hfov_deg > 0.0)
    narrowed = np.flatnonzero(exact & (least.hfov_deg != possible.hfov_deg))
    sharp = [np.minimum(optics.range_m, reach) for reach in far_m.values()]
    clear = [np.flatnonzero(~np.isnan(reach)) for reach in sharp]
    stack = [possible.table(), least.some(narrowed).table()]
    for reach, rows in zip(sharp, clear, strict=True):
        stack.append(possible._replace(range_m=reach).some(rows).table())
    every = views_from(scene, np.concatenate(stack), ARC_TOLERANCE_M)
    ends = np.cumsum([len(table) for table in stack])
    seen = every.part(0, size)
    sure = _sure(least, seen, every.part(*ends[:2]), narrowed, buildings)
    shown = _loosened(possible, seen, buildings)
    columns = {
        **view_columns(xy, shown),
        "assumed": np.asarray(optics.assumed, dtype=object),
        "certain": sure[0],
        "certain_area_m2": sure[1],
    }
    detail = {
        name: _detailed(possible._replace(range_m=reach), shown, rows, every.polygon[low:high])
        for name, reach, rows, low, high in zip(
            far_m, sharp, clear, ends[1:], ends[2:], strict=False
        )
    }
    start, end = seen.share.T
    return Looks(
        columns,
        detail,
        WallLines(scene, walls, Stretches(walls.line[seen.wall], start, end, seen.camera)),
    )


def _sure(
    least: _Posts,
    seen: Views,
    narrow: Views,
    narrowed: Ints,
    buildings: gpd.GeoDataFrame | gpd.GeoSeries,
) -> tuple[Geometries, Floats]:
    """Return the certain views and their areas.

    ``seen``: the possible views from the drawn places; ``narrow``: those with narrowed angles, of
    the cameras ``narrowed``.
    """
    # Where the register says, up to a step off the wall.
    stands = seen.found & (seen.why <= ON_WALL)
    some, vague = stands & (least.hfov_deg > 0.0), least.off_m > 0.0
    same = some & ~vague
    shape = np.where(same, seen.polygon, shapely.Polygon())
    area = np.where(same, seen.area, 0.0)
    shape[narrowed] = np.where(stands[narrowed], narrow.polygon, shapely.Polygon())
    area[narrowed] = np.where(stands[narrowed], narrow.area, 0.0)
    shifted = np.flatnonzero(some & vague)
    shape[shifted] = _bounds(least.some(shifted), buildings, -1.0)
    area[shifted] = shapely.area(shape[shifted])
    return shape, area


def _loosened(possible: _Posts, seen: Views, buildings: gpd.GeoDataFrame | gpd.GeoSeries) -> Views:
    """Replace the possible views of cameras whose position is inexact by their outer bounds."""
    rows = np.flatnonzero((possible.off_m > 0.0) & seen.found)
    if len(rows) == 0:
        return seen
    shape, area = seen.polygon.copy(), seen.area.copy()
    # What is seen from the drawn place is possible too, whatever rounding does to the bound.
    bound = _bounds(possible.some(rows), buildings, 1.0)
    shape[rows] = on_two_threads(shapely.union, bound, shape[rows])
    area[rows] = shapely.area(shape[rows])
    return seen._replace(polygon=shape, area=area)


def _detailed(possible: _Posts, shown: Views, rows: Ints, seen: Geometries) -> Geometries:
    """Return the possible views as far as the image is sharp; ``seen`` from the drawn places."""
    shape = np.full(len(shown.polygon), shapely.Polygon(), dtype=object)
    shape[rows] = seen
    vague = rows[(possible.off_m[rows] > 0.0) & shown.found[rows]]
    far = (possible.range_m + possible.off_m + shown.moved)[vague]
    # Around the chords of a circle: nothing within reach is left out.
    disc = shapely.buffer(
        shapely.points(possible.xy[vague]), far / np.cos(np.pi / 64), quad_segs=16
    )
    shape[vague] = on_two_threads(shapely.intersection, shown.polygon[vague], disc)
    return shape


def _bounds(posts: _Posts, buildings: gpd.GeoDataFrame | gpd.GeoSeries, sign: float) -> Geometries:
    """Return outer (+1) or inner (-1) bounds of the views from anywhere within the tolerance.

    A segment from within r of the place to a spot lies within r of the segment from the place:
    if it is free, so is the latter of walls thinned by r; and it is free if the latter is free
    of walls thickened by r.
    """
    found = np.full(len(posts.xy), shapely.Polygon(), dtype=object)
    if len(found) == 0:
        return found
    tree = shapely.STRtree(buildings.geometry.to_numpy())
    for r in np.unique(posts.off_m):
        rows = np.flatnonzero(posts.off_m == r)
        some = posts.some(rows)
        # Arcs are chords here and in the view from any other place: the bounds keep off both.
        reach = np.maximum(some.range_m + sign * (r + ARC_TOLERANCE_M), 0.0)
        _, near = tree.query(shapely.points(some.xy), predicate="dwithin", distance=reach + r)
        near = np.unique(near)
        walls = tree.geometries[near]
        thick = on_two_threads(
            partial(shapely.buffer, distance=-sign * _ROUND * r, quad_segs=16), walls
        )
        solid = ~shapely.is_empty(thick)
        changed = gpd.GeoSeries(thick[solid], index=buildings.index[near[solid]])
        around = some._replace(hfov_deg=np.full(len(rows), FULL_CIRCLE_DEG), range_m=reach)
        seen = views_from(scene_of(changed)[0], around.table(), ARC_TOLERANCE_M)
        free = seen.found & ((seen.why == FREE) | (sign > 0.0))
        shape = np.where(free, seen.polygon, shapely.Polygon())
        shape = on_two_threads(shapely.intersection, shape, _sectors(some, sign * r))
        found[rows] = _without(shape, walls) if sign > 0.0 else areas_only(shape)
    return found


def _sectors(posts: _Posts, wider_m: float) -> Geometries:
    """Return the sectors of cameras, unbounded for what they see, widened or narrowed.

    ``wider_m``: how far each edge of the sector moves outward (inward if negative), and how near
    to its apex it begins: moving the apex instead would let a narrow angle see far behind itself.
    """
    xy = posts.xy
    axis = np.radians(90.0 - np.nan_to_num(posts.azimuth_deg - posts.turn_deg))
    half = np.radians(posts.hfov_deg) / 2.0
    far = 4.0 * (posts.range_m + abs(wider_m)) + 1.0
    whole = posts.hfov_deg >= DOME_DEG
    turn = axis[:, None] + half[:, None] * np.linspace(-1.0, 1.0, _SECTOR_STEPS + 1)
    arc = np.stack([np.cos(turn), np.sin(turn)], axis=2) * far[:, None, None] + xy[:, None]
    ring = np.concatenate([xy[:, None], arc], axis=1)
    box = shapely.box(*(xy - far[:, None]).T, *(xy + far[:, None]).T)
    sectors = shapely.polygons(np.where(whole[:, None, None], 0.0, ring))
    widened = partial(shapely.buffer, distance=_ROUND * wider_m, quad_segs=16)
    return np.asarray(np.where(whole, box, on_two_threads(widened, sectors)), dtype=object)


def _without(shapes: Geometries, walls: Geometries) -> Geometries:
    """Return shapes without the buildings in them."""
    row, near = shapely.STRtree(walls).query(shapes, predicate="intersects")
    split = np.split(near, np.searchsorted(row, np.arange(1, len(shapes))))[: len(shapes)]
    built = [shapely.union_all(walls[some]) for some in split]
    return areas_only(shapely.difference(shapes, np.array(built, dtype=object)))
