"""Frames in, frames out: view polygons and stretches of walls.

Belongs here: the public functions of the room, the checks of their frames, the two threads. Does
not belong here: the geometry itself (``kernel``, ``placement``, ``scene``).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from geopandas.array import from_shapely

from gridmap.crs import convergence_deg, require_metric
from gridmap.errors import FrameError
from gridmap.model import require_columns
from gridmap.visibility.kernel import Scene, scan
from gridmap.visibility.placement import FREE, stand_all
from gridmap.visibility.scene import Walls, scene_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pyproj import CRS

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

_OK, _MOVED, _EXCLUDED = range(3)
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


class Views(NamedTuple):
    """The views of a table of cameras, in its order, and what was done with each camera.

    ``polygon``, ``area``, ``moved``: as `view_polygons`. ``why``: a number of `REASONS`.
    ``found``: whether the camera sees anything. ``camera``, ``wall``, ``share`` (n, 2): stretches
    of walls, by the scene's numbers, in the order of the cameras.
    """

    polygon: Geometries
    area: Floats
    why: Ints
    found: Bools
    moved: Floats
    camera: Ints
    wall: Ints
    share: Floats

    def part(self, low: int, high: int) -> Views:
        """Return those of the cameras from one position to another."""
        mine, seen = slice(low, high), slice(*np.searchsorted(self.camera, [low, high]))
        return Views(
            self.polygon[mine],
            self.area[mine],
            self.why[mine],
            self.found[mine],
            self.moved[mine],
            self.camera[seen] - low,
            self.wall[seen],
            self.share[seen],
        )


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
    check_frames(cameras, obstacles)
    scene, _ = scene_of(obstacles.geometry)
    views = views_from(scene, _table(cameras, convergence=convergence), float(arc_tolerance_m))
    columns: dict[str, Any] = view_columns(positions(cameras.geometry), views)
    columns["geometry"] = from_shapely(columns["geometry"], crs=cameras.crs)
    # Left to itself pandas makes texts of these, and NaN of None.
    for name in ("status", "reason"):
        columns[name] = pd.Series(columns[name], cameras.index, dtype=object)
    return gpd.GeoDataFrame(columns, index=cameras.index, geometry="geometry", crs=cameras.crs)


def view_columns(xy: Floats, views: Views) -> dict[str, NDArray[Any]]:
    """Return the columns of `view_polygons` as arrays; ``xy``: where the cameras stand."""
    status = np.where(views.found, np.where(views.why == FREE, _OK, _MOVED), _EXCLUDED)
    return {
        "geometry": views.polygon,
        "area_m2": views.area,
        "status": np.array(STATUSES, dtype=object)[status],
        "reason": np.array(REASONS, dtype=object)[views.why],
        "moved_m": views.moved,
        **dict(zip(("x_m", "y_m"), xy.T, strict=True)),
    }


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
    check_frames(cameras, obstacles)
    scene, walls = scene_of(obstacles.geometry)
    views = views_from(scene, _table(cameras, convergence=convergence), ARC_TOLERANCE_M)
    stretches = wall_frame(views, walls)
    return stretches.assign(
        camera=cameras.index.take(stretches["camera"].to_numpy()),
        obstacle=obstacles.index.take(stretches["obstacle"].to_numpy()),
    )


def wall_frame(views: Views, walls: Walls) -> pd.DataFrame:
    """Return the stretches of walls, cameras and obstacles by their positions."""
    line = walls.line[views.wall]
    obstacle = walls.row[line]
    return pd.DataFrame(
        {
            "camera": views.camera,
            "obstacle": obstacle,
            "wall": line - walls.first[obstacle],
            "wall_m": walls.length[line],
            "start": views.share[:, 0],
            "end": views.share[:, 1],
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


def views_from(scene: Scene, table: Floats, tolerance: float) -> Views:
    """Put the cameras of a table in place and view from there; the table from `camera_table`."""
    table = table.copy()
    why = _unusable(table)
    found, moved = why == FREE, np.zeros(len(table))
    rows = np.flatnonzero(found)
    place, why[rows], found[rows] = stand_all(scene, table[rows])
    moved[rows] = np.hypot(*(place - table[rows, :2]).T)
    table[rows, :2] = place
    rows = np.flatnonzero(found)
    looks = _look(scene, table[rows], tolerance)
    polygon, area = np.full(len(table), shapely.Polygon(), dtype=object), np.zeros(len(table))
    polygon[rows], area[rows] = looks.polygon, looks.area
    narrow = found & shapely.is_empty(polygon)
    why[narrow], found[narrow], area[narrow] = _NARROW, False, 0.0
    return Views(polygon, area, why, found, moved, rows[looks.camera], looks.wall, looks.share)


def check_frames(cameras: gpd.GeoDataFrame, obstacles: gpd.GeoDataFrame | gpd.GeoSeries) -> None:
    """Raise what `view_polygons` promises to raise."""
    require_columns(cameras, list(CAMERA_COLUMNS), "cameras")
    require_columns(pd.DataFrame(index=obstacles.index), [], "obstacles")
    points, shapes = cameras.geometry, obstacles.geometry
    if require_metric(points) != shapes.crs:
        require_metric(shapes)
        raise FrameError("cameras and obstacles are not in the same CRS")
    if not np.isin(shapely.get_type_id(points.array), (-1, shapely.GeometryType.POINT)).all():
        raise FrameError("cameras must be points")
    solid = (-1, shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
    if not np.isin(shapely.get_type_id(shapes.array), solid).all():
        raise FrameError("obstacles must be polygons")


def _table(cameras: gpd.GeoDataFrame, *, convergence: bool) -> Floats:
    """Return the table of a frame of cameras."""
    xy = positions(cameras.geometry)
    turn = turns_deg(xy, cameras.crs) if convergence else np.zeros(len(xy))
    return camera_table(xy, turn, *(cameras[name].to_numpy(dtype=float) for name in CAMERA_COLUMNS))


def turns_deg(xy: Floats, crs: CRS) -> Floats:
    """Return the meridian convergence at positions."""
    # PROJ takes no empty arrays.
    return convergence_deg(xy, crs) if len(xy) else np.zeros(0)


def camera_table(
    xy: Floats, turn_deg: Floats, azimuth_deg: Floats, hfov_deg: Floats, range_m: Floats
) -> Floats:
    """Return x, y, axis, angle and range of each camera, angles in radians from east.

    ``turn_deg``: the meridian convergence. A camera whose azimuth is known but not its axis lies
    too far outside the projection: it has no position.
    """
    axis = np.radians(90.0 - (azimuth_deg - turn_deg))
    dome = hfov_deg >= DOME_DEG
    angle = np.where(dome, 2.0 * np.pi, np.radians(hfov_deg))
    table = np.column_stack([xy, axis, angle, range_m])
    table[~np.isfinite(axis) & ~np.isnan(azimuth_deg) & ~dome, :2] = np.nan
    return table


def positions(points: gpd.GeoSeries) -> Floats:
    """Return the coordinates (n, 2) of points, not a number where there is none."""
    xy = np.full((len(points), 2), np.nan)
    given, row = shapely.get_coordinates(points.to_numpy(), return_index=True)
    xy[row] = given
    return xy


def _unusable(table: Floats) -> Ints:
    """Return why each camera cannot be viewed from at all, as a number of `REASONS`."""
    x, y, axis, angle, radius = table.T
    lost = ~np.isfinite(x) | ~np.isfinite(y)
    unknown = np.isnan(axis) & ~(angle >= 2.0 * np.pi)
    cases = [lost, ~(np.isfinite(radius) & (radius > 0)), ~(angle > 0), unknown]
    return np.select(cases, [_NO_POSITION, _NO_RANGE, _NO_ANGLE, _NO_AZIMUTH], FREE)


def _look(scene: Scene, table: Floats, tolerance: float) -> _Looks:
    """View from every row of a camera table, neighbours together, on two threads."""
    order = np.lexsort((table[:, 0] // _BLOCK_M, table[:, 1] // _BLOCK_M))
    chunks = np.array_split(order, max(1, len(order) // _CHUNK))

    def look(rows: Ints) -> _Looks:
        return _chunk(scene, table[rows], tolerance)

    if len(chunks) == 1:  # threads take longer to start than a chunk takes
        looks = [look(order)]
    else:
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
