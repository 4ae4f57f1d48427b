"""Frames in, frames out: view polygons and stretches of walls.

Belongs here: the public functions of the room, the checks of their frames, the two threads. Does
not belong here: the geometry itself (``kernel``, ``placement``, ``scene``).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.crs import convergence_deg, require_metric
from gridmap.errors import FrameError
from gridmap.model import require_columns
from gridmap.visibility.kernel import Scene, scan
from gridmap.visibility.placement import FREE, stand_all
from gridmap.visibility.scene import Walls, scene_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]
    Geometries = NDArray[np.object_]

CAMERA_COLUMNS = ("azimuth_deg", "hfov_deg", "max_range_m")
"""What `view_polygons` reads of a camera beside its position."""

DOME_DEG = 359.9999
"""From this angle on a camera has no direction. Source: visibility.md, Pitfalls."""

ARC_TOLERANCE_M = 0.01
"""Greatest distance of a polygon's chord from the range arc: costs at most 0.012 % of the area.
Source: visibility.md section 3."""

STATUSES = ("ok", "moved", "excluded")
"""What became of a camera: seen from where it was drawn, from beside it, or not at all."""

REASONS = (
    "",
    "on_wall",
    "inside_building",
    "no_position",
    "no_range",
    "no_angle",
    "no_azimuth",
    "too_narrow",
)
"""Why a camera was moved (the first two after the blank) or excluded (all of them); the first
three stand at the places `placement` numbers them by."""

VIEW_COLUMNS = ("geometry", "area_m2", "status", "reason", "moved_m", "x_m", "y_m")
"""The columns of `view_polygons`, in order."""

_NO_POSITION, _NO_RANGE, _NO_ANGLE, _NO_AZIMUTH, _NARROW = range(3, 8)

_THREADS = 2
_CHUNK = 1024
_BLOCK_M = 500.0  # cameras are worked on block by block: their walls stay in the cache


class _Looks(NamedTuple):
    """What a run of the kernel found; rows are those of its camera table.

    ``polygon`` and ``area`` per camera; ``camera``, ``wall``, ``share`` per stretch of a wall.
    """

    polygon: Geometries
    area: Floats
    camera: Ints
    wall: Ints
    share: Floats


class _Views(NamedTuple):
    """The views of a frame of cameras, in its order, and what was done with each camera."""

    looks: _Looks
    why: Ints
    found: Bools
    moved: Floats
    walls: Walls


def view_polygons(
    cameras: gpd.GeoDataFrame,
    obstacles: gpd.GeoDataFrame | gpd.GeoSeries,
    *,
    convergence: bool = True,
    arc_tolerance_m: float = ARC_TOLERANCE_M,
) -> gpd.GeoDataFrame:
    """Return the ground each camera sees, bounded by walls, sector and range.

    Parameters
    ----------
    cameras
        Index: camera code. Columns ``azimuth_deg`` (clockwise from north), ``hfov_deg``
        (0 to 360), ``max_range_m``; missing values exclude the camera. Geometry: Point, metric
        CRS.
    obstacles
        Index: building code. Geometry: valid Polygon or MultiPolygon, the CRS of the cameras.
        They may touch, overlap and repeat; courtyards stay open ground.
    convergence
        Azimuths count from true north: turn them by the meridian convergence of the CRS at the
        camera. False: they count from the CRS's own north.
    arc_tolerance_m
        Greatest distance between a range arc and its chord.

    Returns
    -------
    GeoDataFrame
        Index: the cameras'. ``geometry``: Polygon, counter-clockwise, empty where excluded;
        ``area_m2``: analytic, the arc counted in full; ``status``: one of `STATUSES`;
        ``reason``: one of `REASONS`; ``moved_m``: from the drawn position to where the view was
        taken; ``x_m``, ``y_m``: the drawn position in the CRS.

    Raises
    ------
    CrsError
        A frame has no metric CRS.
    FrameError
        A column is missing, an index repeats, the two CRS differ, or a geometry is of the wrong
        kind.

    Notes
    -----
    Rule: a camera in a building is moved to where its axis leaves the footprint (full circle:
    through the nearest wall), 5 cm outside, if that is within 15 m, and excluded otherwise; one
    nearer than 1 cm to a wall is put up to 5 cm off it, at a corner along the bisector. A view
    ends at the first wall in every direction: heights, slopes, trees and fences are not known.
    Source: visibility.md sections 3 and 4. Cost: about the number of walls in range of each
    camera; independent of row order.

    Examples
    --------
    >>> from shapely import Point, box
    >>> cameras = gpd.GeoDataFrame(
    ...     {"azimuth_deg": [90.0], "hfov_deg": [90.0], "max_range_m": [40.0]},
    ...     index=["c1"], geometry=[Point(0, 0)], crs=32648)
    >>> wall = gpd.GeoSeries([box(10, -30, 12, 30)], index=["b1"], crs=32648)
    >>> view = view_polygons(cameras, wall, convergence=False)
    >>> float(view.loc["c1", "area_m2"].round(6)), view.loc["c1", "status"]
    (100.0, 'ok')
    """
    views = _views(cameras, obstacles, convergence=convergence, tolerance=float(arc_tolerance_m))
    return _view_frame(cameras, views)


def views_and_walls(
    cameras: gpd.GeoDataFrame,
    obstacles: gpd.GeoDataFrame | gpd.GeoSeries,
    *,
    convergence: bool = True,
) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Return what `view_polygons` and `visible_walls` return, for the price of one of them.

    Parameters
    ----------
    cameras, obstacles, convergence
        As in `view_polygons`.

    Returns
    -------
    GeoDataFrame, DataFrame
        As `view_polygons` returns it; as `visible_walls` does, but ``camera`` and ``obstacle``
        are positions in the frames and not index values.

    Raises
    ------
    CrsError
        A frame has no metric CRS.
    FrameError
        As in `view_polygons`.
    """
    views = _views(cameras, obstacles, convergence=convergence, tolerance=ARC_TOLERANCE_M)
    return _view_frame(cameras, views), _wall_frame(views)


def _view_frame(cameras: gpd.GeoDataFrame, views: _Views) -> gpd.GeoDataFrame:
    """Return the views as `view_polygons` promises them."""
    status = np.where(views.found, np.where(views.why == FREE, "ok", "moved"), "excluded")
    columns = {
        "geometry": gpd.GeoSeries(views.looks.polygon, index=cameras.index, crs=cameras.crs),
        "area_m2": views.looks.area,
        "status": pd.Series(status, index=cameras.index, dtype=object),
        "reason": pd.Series(np.array(REASONS)[views.why], index=cameras.index, dtype=object),
        "moved_m": views.moved,
        **dict(zip(("x_m", "y_m"), _positions(cameras.geometry).T, strict=True)),
    }
    return gpd.GeoDataFrame(columns, index=cameras.index, geometry="geometry", crs=cameras.crs)


def visible_walls(
    cameras: gpd.GeoDataFrame,
    obstacles: gpd.GeoDataFrame | gpd.GeoSeries,
    *,
    convergence: bool = True,
) -> pd.DataFrame:
    """Return every stretch of a wall that a camera sees.

    Parameters
    ----------
    cameras, obstacles, convergence
        As in `view_polygons`.

    Returns
    -------
    DataFrame
        One row a stretch, in the order of the cameras. ``camera``, ``obstacle``: index values;
        ``wall``: number of the wall within its obstacle, counted along its rings; ``wall_m``:
        its length; ``start``, ``end``: the stretch as shares of that length, walked with the
        building on the left.

    Raises
    ------
    CrsError
        A frame has no metric CRS.
    FrameError
        As in `view_polygons`.

    Notes
    -----
    Rule: of two walls in the same place the one of the obstacle that sorts first is seen.
    Stretches of one wall by one camera may abut. Source: visibility.md section 6. Cost as
    `view_polygons`.
    """
    views = _views(cameras, obstacles, convergence=convergence, tolerance=ARC_TOLERANCE_M)
    stretches = _wall_frame(views)
    return stretches.assign(
        camera=cameras.index.take(stretches["camera"].to_numpy()),
        obstacle=obstacles.index.take(stretches["obstacle"].to_numpy()),
    )


def _wall_frame(views: _Views) -> pd.DataFrame:
    """Return the stretches of walls, cameras and obstacles by their positions."""
    walls = views.walls
    return pd.DataFrame(
        {
            "camera": views.looks.camera,
            "obstacle": walls.row[views.looks.wall],
            "wall": walls.number[views.looks.wall],
            "wall_m": walls.length[views.looks.wall],
            "start": views.looks.share[:, 0],
            "end": views.looks.share[:, 1],
        }
    )


def warm_up() -> None:
    """Compile the kernel, or load it from numba's cache, so that no later call waits for it.

    Notes
    -----
    Cost: some 20 s of one core the first time on a machine, then under a second.
    """
    crs = 32648
    cameras = gpd.GeoDataFrame(
        {"azimuth_deg": [0.0], "hfov_deg": [60.0], "max_range_m": [10.0]},
        index=["camera"],
        geometry=gpd.points_from_xy([0.0], [0.0]),
        crs=crs,
    )
    obstacles = gpd.GeoSeries([shapely.box(-5.0, 4.0, 5.0, 6.0)], index=["building"], crs=crs)
    view_polygons(cameras, obstacles, convergence=False)


def _views(
    cameras: gpd.GeoDataFrame,
    obstacles: gpd.GeoDataFrame | gpd.GeoSeries,
    *,
    convergence: bool,
    tolerance: float,
) -> _Views:
    """Check the frames, put the cameras in place and view from there."""
    _check(cameras, obstacles)
    scene, walls = scene_of(obstacles.geometry)
    table = _table(cameras, convergence=convergence)
    why = _unusable(cameras, table)
    found, moved = why == FREE, np.zeros(len(cameras))
    rows = np.flatnonzero(found)
    place, why[rows], found[rows] = stand_all(scene, table[rows])
    moved[rows] = np.hypot(*(place - table[rows, :2]).T)
    table[rows, :2] = place
    rows = np.flatnonzero(found)
    looks = _all_rows(_look(scene, table[rows], tolerance), rows, len(cameras))
    narrow = found & shapely.is_empty(looks.polygon)
    why[narrow], found[narrow], looks.area[narrow] = _NARROW, False, 0.0
    return _Views(looks, why, found, moved, walls)


def _check(cameras: gpd.GeoDataFrame, obstacles: gpd.GeoDataFrame | gpd.GeoSeries) -> None:
    """Raise what `view_polygons` promises to raise."""
    require_columns(cameras, list(CAMERA_COLUMNS), "cameras")
    require_columns(obstacles.geometry.to_frame(), [], "obstacles")
    if require_metric(cameras) != obstacles.crs:
        require_metric(obstacles)
        raise FrameError("cameras and obstacles are not in the same CRS")
    kinds = shapely.get_type_id(cameras.geometry.array)
    if not np.isin(kinds, (-1, shapely.GeometryType.POINT)).all():
        raise FrameError("cameras must be points")
    kinds = shapely.get_type_id(obstacles.geometry.array)
    solid = (-1, shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
    if not np.isin(kinds, solid).all():
        raise FrameError("obstacles must be polygons")


def _table(cameras: gpd.GeoDataFrame, *, convergence: bool) -> Floats:
    """Return x, y, axis, angle and range of each camera, angles in radians from east."""
    xy = _positions(cameras.geometry)
    azimuth, angle, radius = (cameras[name].to_numpy(dtype=float) for name in CAMERA_COLUMNS)
    if convergence and len(cameras):  # PROJ takes no empty arrays
        azimuth = azimuth - convergence_deg(xy, cameras.crs)
    angle = np.where(angle >= DOME_DEG, 2.0 * np.pi, np.radians(angle))
    return np.column_stack([xy, np.radians(90.0 - azimuth), angle, radius])


def _positions(points: gpd.GeoSeries) -> Floats:
    """Return the coordinates (n, 2) of points, not a number where there is none."""
    xy = np.full((len(points), 2), np.nan)
    given, row = shapely.get_coordinates(points.to_numpy(), return_index=True)
    xy[row] = given
    return xy


def _unusable(cameras: gpd.GeoDataFrame, table: Floats) -> Ints:
    """Return why each camera cannot be viewed from at all, as a number of `REASONS`."""
    x, y, axis, angle, radius = table.T
    dome = angle >= 2.0 * np.pi
    unknown = cameras["azimuth_deg"].isna().to_numpy() & ~dome
    # An axis that is not finite though the azimuth is known: too far outside the projection.
    lost = ~np.isfinite(x) | ~np.isfinite(y) | (~np.isfinite(axis) & ~unknown & ~dome)
    cases = [lost, ~(np.isfinite(radius) & (radius > 0)), ~(angle > 0), unknown]
    return np.select(cases, [_NO_POSITION, _NO_RANGE, _NO_ANGLE, _NO_AZIMUTH], FREE)


def _look(scene: Scene, table: Floats, tolerance: float) -> _Looks:
    """View from every row of a camera table, neighbours together, on two threads."""
    order = np.lexsort((table[:, 0] // _BLOCK_M, table[:, 1] // _BLOCK_M))
    chunks = np.array_split(order, max(1, len(order) // _CHUNK))

    def look(rows: Ints) -> _Looks:
        return _chunk(scene, table[rows], tolerance)

    with ThreadPoolExecutor(_THREADS) as pool:
        looks = list(pool.map(look, chunks))
    camera = np.concatenate([rows[look.camera] for rows, look in zip(chunks, looks, strict=True)])
    polygon, area = np.empty(len(order), dtype=object), np.empty(len(order))
    polygon[order] = np.concatenate([look.polygon for look in looks])
    area[order] = np.concatenate([look.area for look in looks])
    sorting = np.argsort(camera, kind="stable")
    wall = np.concatenate([look.wall for look in looks])[sorting]
    share = np.concatenate([look.share for look in looks])[sorting]
    return _Looks(polygon, area, camera[sorting], wall, share)


def _chunk(scene: Scene, table: Floats, tolerance: float) -> _Looks:
    """Run the kernel over a few cameras and build their polygons."""
    sheet, ring_end, wall_end, area = scan(scene, table, tolerance)
    has_ring = np.diff(ring_end) > 0
    ring_of = np.concatenate([[0], np.cumsum(has_ring)])
    rings = np.concatenate([[0], ring_end[1:][has_ring]])
    polygon = shapely.from_ragged_array(shapely.GeometryType.POLYGON, sheet.xy, (rings, ring_of))
    camera = np.repeat(np.arange(len(table)), np.diff(wall_end))
    return _Looks(polygon, area, camera, sheet.wall, sheet.share)


def _all_rows(looks: _Looks, rows: Ints, size: int) -> _Looks:
    """Return the looks of some rows as those of a whole table, empty elsewhere."""
    polygon, area = np.full(size, shapely.Polygon(), dtype=object), np.zeros(size)
    polygon[rows], area[rows] = looks.polygon, looks.area
    return _Looks(polygon, area, rows[looks.camera], looks.wall, looks.share)
