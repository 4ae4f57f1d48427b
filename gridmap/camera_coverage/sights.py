"""What each camera possibly sees, and what it certainly sees, among the buildings.

Belongs here: views with missing or inexact optics, the two bounds of each. Does not belong here:
the defaults themselves (``optics``), the geometry of one exact view (``visibility``), sums over
units (``ground``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.camera_coverage.optics import (
    FULL_CIRCLE_DEG,
    complete_optics,
    detail_range_m,
    narrowest_angle_deg,
    widest_angle_deg,
)
from gridmap.camera_coverage.pieces import areas_only
from gridmap.crs import convergence_deg
from gridmap.visibility import ARC_TOLERANCE_M, DOME_DEG, view_polygons, views_and_walls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]
    Geometries = NDArray[np.object_]

_ROUND = 1.0013  # the chords of a buffer's corners lie inside the circle: 1 / cos(90° / 32)
_SECTOR_STEPS = 16  # corners of a far sector: its arc lies beyond all that can be seen


class Sights(NamedTuple):
    """Views and the stretches of walls seen from the same places.

    ``stretches``: as `visibility.visible_walls`, cameras and buildings by their positions.
    ``detail``: for each level asked for the possible views as far as the image has its detail.
    """

    views: gpd.GeoDataFrame
    stretches: pd.DataFrame
    detail: dict[str, Geometries]


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
    optics = complete_optics(cameras)
    besides = {name: detail_range_m(cameras, name) for name in levels}
    if level is None:
        return _sights(optics, buildings, besides)
    sharp = detail_range_m(cameras, level)
    reach = np.minimum(optics["max_range_m"], sharp)
    found = _sights(optics.assign(max_range_m=reach), buildings, besides)
    silent = (found.views["reason"] == "no_range") & sharp.isna()
    reason = found.views["reason"].mask(silent, "no_detail")
    return found._replace(views=found.views.assign(reason=reason))


def _sights(
    optics: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame | gpd.GeoSeries,
    sharp_m: Mapping[str, pd.Series],
) -> Sights:
    """Look from every camera, once for each thing asked of it, in one run of the kernel."""
    possible = optics.assign(
        hfov_deg=widest_angle_deg(optics),
        azimuth_deg=optics["azimuth_deg"].where(optics["azimuth_tolerance_deg"] < 180.0, 0.0),
    )
    angle = narrowest_angle_deg(optics)
    vague = (optics["position_tolerance_m"] > 0.0).to_numpy()
    wide = (angle == possible["hfov_deg"]).to_numpy()
    narrowed = np.flatnonzero((angle > 0.0).to_numpy() & ~vague & ~wide)
    stack = [possible, optics.assign(hfov_deg=angle).iloc[narrowed]]
    sharp = {name: np.minimum(optics["max_range_m"], reach) for name, reach in sharp_m.items()}
    clear = {name: np.flatnonzero(reach.notna().to_numpy()) for name, reach in sharp.items()}
    stack += [possible.assign(max_range_m=reach).iloc[clear[name]] for name, reach in sharp.items()]
    every, stretches = views_and_walls(pd.concat(stack, ignore_index=True), buildings)
    parts = np.split(every.geometry.to_numpy(), np.cumsum([len(one) for one in stack])[:-1])
    frame = every.iloc[: len(optics)].set_axis(optics.index)
    sure, area = _sure(optics.assign(hfov_deg=angle), frame, buildings, same=wide & ~vague)
    stands = _stands(frame)[narrowed]
    sure[narrowed] = np.where(stands, parts[1], shapely.Polygon())
    area[narrowed] = np.where(
        stands, every["area_m2"].to_numpy()[len(optics) :][: len(narrowed)], 0.0
    )
    frame = _loosened(possible, frame, buildings)
    columns = {
        "assumed": optics["assumed"],
        "certain": gpd.GeoSeries(sure, index=frame.index, crs=frame.crs),
        "certain_area_m2": area,
    }
    frame = frame.assign(**columns)
    detail = {
        name: _detailed(frame, optics, sharp[name], clear[name], part)
        for name, part in zip(sharp, parts[2:], strict=True)
    }
    mine = (stretches["camera"] < len(optics)).to_numpy()
    return Sights(frame, stretches[mine], detail)


def _stands(views: gpd.GeoDataFrame) -> Bools:
    """Tell which cameras stand where the register says, up to a step off the wall."""
    return np.asarray((views["status"] == "ok") | (views["reason"] == "on_wall"))


def _sure(
    optics: gpd.GeoDataFrame,
    views: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame | gpd.GeoSeries,
    *,
    same: Bools,
) -> tuple[Geometries, Floats]:
    """Return the certain views, and their areas, of all but cameras with narrowed angles.

    ``optics`` with the narrowest angles. ``same``: what is possible is certain too.
    """
    some = _stands(views) & (optics["hfov_deg"] > 0.0).to_numpy()
    vague = (optics["position_tolerance_m"] > 0.0).to_numpy()
    shape, area = np.full(len(views), shapely.Polygon(), dtype=object), np.zeros(len(views))
    same = same & some
    shape[same], area[same] = views.geometry.to_numpy()[same], views["area_m2"].to_numpy()[same]
    shifted = some & vague
    if shifted.any():
        shape[shifted] = _bounds(optics[shifted], buildings, -1.0)
        area[shifted] = shapely.area(shape[shifted])
    return shape, area


def _loosened(
    possible: gpd.GeoDataFrame,
    views: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame | gpd.GeoSeries,
) -> gpd.GeoDataFrame:
    """Replace the possible views of cameras whose position is inexact by their outer bounds."""
    vague = (possible["position_tolerance_m"] > 0.0) & (views["status"] != "excluded")
    rows = np.flatnonzero(vague.to_numpy())
    if len(rows) == 0:
        return views
    shape, area = views.geometry.to_numpy().copy(), views["area_m2"].to_numpy().copy()
    # What is seen from the drawn place is possible too, whatever rounding does to the bound.
    shape[rows] = shapely.union(_bounds(possible.iloc[rows], buildings, 1.0), shape[rows])
    area[rows] = shapely.area(shape[rows])
    geometry = gpd.GeoSeries(shape, index=views.index, crs=views.crs)
    return views.assign(area_m2=area).set_geometry(geometry)


def _detailed(
    views: gpd.GeoDataFrame,
    optics: gpd.GeoDataFrame,
    sharp_m: pd.Series,
    rows: Ints,
    seen: Geometries,
) -> Geometries:
    """Return the possible views as far as the image is sharp; ``seen`` from the drawn places."""
    shape = np.full(len(views), shapely.Polygon(), dtype=object)
    shape[rows] = seen
    tolerance = optics["position_tolerance_m"].to_numpy(dtype=float)
    vague = rows[tolerance[rows] > 0.0]
    far = sharp_m.to_numpy(dtype=float)[vague] + tolerance[vague]
    far += views["moved_m"].to_numpy(dtype=float)[vague]
    # Around the chords of a circle: nothing within reach is left out.
    disc = shapely.buffer(optics.geometry.to_numpy()[vague], far / np.cos(np.pi / 64), quad_segs=16)
    shape[vague] = shapely.intersection(views.geometry.to_numpy()[vague], disc)
    return shape


def _bounds(
    cameras: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame | gpd.GeoSeries, sign: float
) -> Geometries:
    """Return outer (+1) or inner (-1) bounds of the views from anywhere within the tolerance.

    A segment from within r of the place to a spot lies within r of the segment from the place:
    if it is free, so is the latter of walls thinned by r; and it is free if the latter is free
    of walls thickened by r.
    """
    found = np.full(len(cameras), shapely.Polygon(), dtype=object)
    tolerance = cameras["position_tolerance_m"].to_numpy(dtype=float)
    tree = shapely.STRtree(buildings.geometry.to_numpy())
    for r in np.unique(tolerance):
        rows = np.flatnonzero(tolerance == r)
        some = cameras.iloc[rows]
        # Arcs are chords here and in the view from any other place: the bounds keep off both.
        reach = some["max_range_m"].to_numpy(dtype=float) + sign * (r + ARC_TOLERANCE_M)
        _, near = tree.query(
            some.geometry.to_numpy(), predicate="dwithin", distance=np.maximum(reach, 0.0) + r
        )
        walls = buildings.geometry.iloc[np.unique(near)]
        changed = walls.buffer(-sign * _ROUND * r)
        changed = changed[~changed.is_empty]
        around = some.assign(hfov_deg=FULL_CIRCLE_DEG, max_range_m=np.where(reach > 0, reach, 0.0))
        seen = view_polygons(around, changed)
        free = (seen["status"] == "ok").to_numpy() if sign < 0 else ~seen.is_empty.to_numpy()
        shape = np.where(free, seen.geometry.to_numpy(), shapely.Polygon())
        shape = shapely.intersection(shape, _sectors(some, sign * r))
        found[rows] = _without(shape, walls.to_numpy()) if sign > 0 else areas_only(shape)
    return found


def _sectors(cameras: gpd.GeoDataFrame, wider_m: float) -> Geometries:
    """Return the sectors of cameras, unbounded for what they see, widened or narrowed.

    ``wider_m``: how far each edge of the sector moves outward (inward if negative), and how near
    to its apex it begins: moving the apex instead would let a narrow angle see far behind itself.
    """
    xy = shapely.get_coordinates(cameras.geometry.to_numpy())
    azimuth = cameras["azimuth_deg"].to_numpy(dtype=float) - convergence_deg(xy, cameras.crs)
    axis = np.radians(90.0 - np.nan_to_num(azimuth))
    half = np.radians(cameras["hfov_deg"].to_numpy(dtype=float)) / 2.0
    far = 4.0 * (cameras["max_range_m"].to_numpy(dtype=float) + abs(wider_m)) + 1.0
    whole = cameras["hfov_deg"].to_numpy(dtype=float) >= DOME_DEG
    turn = axis[:, None] + half[:, None] * np.linspace(-1.0, 1.0, _SECTOR_STEPS + 1)
    arc = np.stack([np.cos(turn), np.sin(turn)], axis=2) * far[:, None, None] + xy[:, None]
    ring = np.concatenate([xy[:, None], arc], axis=1)
    box = shapely.box(*(xy - far[:, None]).T, *(xy + far[:, None]).T)
    sectors = shapely.polygons(np.where(whole[:, None, None], 0.0, ring))
    sectors = shapely.buffer(sectors, _ROUND * wider_m, quad_segs=16)
    return np.asarray(np.where(whole, box, sectors), dtype=object)


def _without(shapes: Geometries, walls: Geometries) -> Geometries:
    """Return shapes without the buildings in them."""
    row, near = shapely.STRtree(walls).query(shapes, predicate="intersects")
    split = np.split(near, np.searchsorted(row, np.arange(1, len(shapes))))[: len(shapes)]
    built = [shapely.union_all(walls[some]) for some in split]
    return areas_only(shapely.difference(shapes, np.array(built, dtype=object)))
