"""What the cameras of a district see together: views, seen and blind ground, frontage.

Belongs here: the stated defaults for optics that nobody declared, the views of a frame of
cameras, the ground seen and not seen per unit, the metres of wall seen per building. Does not
belong here: the geometry of one view (``visibility``), sums over communities and streets
(``jobs``), storage.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.crs import require_metric
from gridmap.errors import FrameError
from gridmap.model import require_columns
from gridmap.visibility import CAMERA_COLUMNS, view_polygons, visible_walls

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Geometries = NDArray[np.object_]

FULL_CIRCLE_DEG = 360.0
"""Angle of a camera whose direction nobody declared: the ground it *possibly* sees lies all
around it. Source: domain.md 1.4, "guaranteed vs possible coverage"."""

DEFAULT_HFOV_DEG = 90.0
"""Angle of a camera whose direction is known and whose angle is not: a 4 mm lens before a 1/2.7
inch sensor, the commonest fixed camera. Source: own choice; neither GB/T 28181-2016 nor -2022
demands the angle (domain.md 1.4)."""

DEFAULT_RANGE_M = 50.0
"""Range of a camera without one: a 4 mm lens with 1,920 pixels across 90 degrees still gives 19
px/m there, between monitoring (12.5) and detecting (25). Source: own choice; levels of
IEC 62676-4 (domain.md 1.4)."""

SLIVER_M2 = 0.01
"""Smaller pieces are left out of drawn polygons, never out of areas. Source: visibility.md
section 5 (1,340 of 16,548 blind pieces were such rounding leftovers)."""

GROUND_AREAS = (
    "gross_area_m2",
    "building_area_m2",
    "open_area_m2",
    "seen_area_m2",
    "blind_area_m2",
)
"""The sums of `ground_coverage`, which add up over units that do not overlap."""

_THREADS = 2


def complete_optics(cameras: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the cameras with missing optics filled in and said so.

    Parameters
    ----------
    cameras
        Index: camera code. Columns ``azimuth_deg``, ``hfov_deg``, ``max_range_m``, any of them
        null; others are kept. Any CRS.

    Returns
    -------
    GeoDataFrame
        Same index, geometry and columns, and ``assumed``: the names of the columns whose value
        nobody declared, comma-joined, empty if all were.

    Raises
    ------
    FrameError
        A column is missing or the index repeats.

    Notes
    -----
    Rule: what is assumed makes the *possible* coverage: without an azimuth a camera gets the
    full circle, whatever its angle (its azimuth stays null); without an angle
    `DEFAULT_HFOV_DEG`; without a range `DEFAULT_RANGE_M`. A declared full circle needs no
    azimuth. A declared 0 is not missing: such a camera is later excluded with a reason.
    Source: own choice after domain.md 1.4. Cost O(n).

    Examples
    --------
    >>> from shapely import Point
    >>> bare = gpd.GeoDataFrame(
    ...     {"azimuth_deg": [None, 45.0], "hfov_deg": [60.0, None], "max_range_m": [None, 80.0]},
    ...     index=["c1", "c2"], geometry=[Point(0, 0), Point(1, 1)], crs=32648)
    >>> complete_optics(bare)[["azimuth_deg", "hfov_deg", "max_range_m", "assumed"]]
        azimuth_deg  hfov_deg  max_range_m                           assumed
    c1          NaN     360.0         50.0  azimuth_deg,hfov_deg,max_range_m
    c2         45.0      90.0         80.0                          hfov_deg
    """
    require_columns(cameras, list(CAMERA_COLUMNS), "cameras")
    azimuth, angle, reach = (cameras[name].astype(float) for name in CAMERA_COLUMNS)
    lost = azimuth.isna() & ~(angle >= FULL_CIRCLE_DEG)
    filled = {
        "azimuth_deg": azimuth,
        "hfov_deg": angle.mask(lost, FULL_CIRCLE_DEG).fillna(DEFAULT_HFOV_DEG),
        "max_range_m": reach.fillna(DEFAULT_RANGE_M),
    }
    guesses = zip(lost, lost | angle.isna(), reach.isna(), strict=True)
    assumed = [
        ",".join(name for name, is_guess in zip(CAMERA_COLUMNS, row, strict=True) if is_guess)
        for row in guesses
    ]
    return cameras.assign(**filled, assumed=pd.Series(assumed, index=cameras.index, dtype=object))


def views(
    cameras: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame | gpd.GeoSeries
) -> gpd.GeoDataFrame:
    """Return the ground each camera sees, with missing optics assumed and said so.

    Parameters
    ----------
    cameras
        Index: camera code. Columns ``azimuth_deg`` (clockwise from true north), ``hfov_deg``,
        ``max_range_m``, any of them null. Geometry: Point, metric CRS.
    buildings
        Index: building code. Geometry: valid Polygon or MultiPolygon, the CRS of the cameras;
        all that stand within the cameras' ranges.

    Returns
    -------
    GeoDataFrame
        As `visibility.view_polygons`, and ``assumed`` as `complete_optics`.

    Raises
    ------
    CrsError
        A frame has no metric CRS.
    FrameError
        A column is missing, an index repeats, the CRS differ, or a geometry is of the wrong kind.

    Notes
    -----
    Rule: the *possible* view of each camera. Source: visibility.md sections 3 and 4; domain.md
    1.4. Cost as `visibility.view_polygons`.

    Examples
    --------
    >>> from shapely import Point, box
    >>> cameras = gpd.GeoDataFrame(
    ...     {"azimuth_deg": [None], "hfov_deg": [None], "max_range_m": [None]},
    ...     index=["c1"], geometry=[Point(0, 0)], crs=32648)
    >>> nothing = gpd.GeoSeries([], index=[], crs=32648)
    >>> views(cameras, nothing)[["area_m2", "status", "assumed"]].round(1)
        area_m2 status                           assumed
    c1   7854.0     ok  azimuth_deg,hfov_deg,max_range_m
    """
    complete = complete_optics(cameras)
    return view_polygons(complete, buildings).assign(assumed=complete["assumed"])


def ground_coverage(
    units: gpd.GeoDataFrame | gpd.GeoSeries,
    views: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame | gpd.GeoSeries,
) -> gpd.GeoDataFrame:
    """Return the open ground of each unit that some camera sees, and that none sees.

    Parameters
    ----------
    units
        Index: unit code. Geometry: valid Polygon or MultiPolygon, metric CRS; units that do not
        overlap, so that their areas add up.
    views
        Index: camera code. Columns ``x_m``, ``y_m`` and geometry as `views` returns them, the
        CRS of the units; also those of cameras outside that look in.
    buildings
        Index: building code. Geometry: valid Polygon or MultiPolygon, the CRS of the units.

    Returns
    -------
    GeoDataFrame
        Index: the units'. ``gross_area_m2``; ``building_area_m2``: of the union of footprints;
        ``open_area_m2``: gross without buildings; ``seen_area_m2`` and ``blind_area_m2``: their
        sum is the open area; ``camera_count``: cameras that stand in the unit, on a shared border
        in the one whose code sorts first; ``seen`` (the active geometry) and ``blind``:
        MultiPolygon, without pieces under `SLIVER_M2`. Areas are planar, in the frame's CRS.

    Raises
    ------
    CrsError
        A frame has no metric CRS.
    FrameError
        A column is missing, an index repeats, or the CRS differ.

    Notes
    -----
    Rule: seen by at least one camera; a view that crosses a border counts on both sides. Arcs
    are chords here, so a seen area is up to 0.012 % short of the analytic one. Source:
    visibility.md section 5. Cost: one union and two overlays a unit, two threads.

    Examples
    --------
    >>> from shapely import Point, box
    >>> cameras = gpd.GeoDataFrame(
    ...     {"azimuth_deg": [90.0], "hfov_deg": [90.0], "max_range_m": [40.0]},
    ...     index=["c1"], geometry=[Point(500000, 0)], crs=32648)
    >>> wall = gpd.GeoSeries([box(500010, -30, 500012, 30)], index=["b1"], crs=32648)
    >>> unit = gpd.GeoSeries([box(500000, -50, 500050, 50)], index=["500108001001001"], crs=32648)
    >>> ground_coverage(unit, views(cameras, wall), wall)[list(GROUND_AREAS)].round(3).T
                      500108001001001
    gross_area_m2              5000.0
    building_area_m2            120.0
    open_area_m2               4880.0
    seen_area_m2                100.0
    blind_area_m2              4780.0
    """
    _check(units, views, buildings)
    shapes = units.geometry.to_numpy()
    near_views, near_buildings = _near(shapes, views.geometry), _near(shapes, buildings.geometry)
    with ThreadPoolExecutor(_THREADS) as pool:
        grounds = list(pool.map(_ground, shapes, near_views, near_buildings))
    gross, unbuilt, blind = (
        np.array([ground[i] for ground in grounds], dtype=float) for i in range(3)
    )
    columns = dict(
        zip(GROUND_AREAS, (gross, gross - unbuilt, unbuilt, unbuilt - blind, blind), strict=True)
    )
    frame = pd.DataFrame({**columns, "camera_count": _count_in(units, views)}, index=units.index)
    for name in ("seen", "blind"):
        polygons = [getattr(ground, f"{name}_shape") for ground in grounds]
        frame[name] = gpd.GeoSeries(polygons, index=units.index, crs=units.crs)
    return gpd.GeoDataFrame(frame, geometry="seen", crs=units.crs)


def frontage(
    cameras: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame | gpd.GeoSeries
) -> pd.DataFrame:
    """Return the metres of each building's walls that some camera sees.

    Parameters
    ----------
    cameras, buildings
        As in `views`.

    Returns
    -------
    DataFrame
        Index: the buildings'. ``wall_m``: length of the footprint's outline, courtyards
        included; ``seen_m``: the part some camera sees, each stretch counted once;
        ``camera_count``: cameras that see any of it.

    Raises
    ------
    CrsError
        A frame has no metric CRS.
    FrameError
        As in `views`.

    Notes
    -----
    Rule: walls shared with a neighbour count in ``wall_m`` though nobody can see them; of two
    walls in the same place the one of the building that sorts first is seen. Source:
    visibility.md section 6. Cost: the views once more, then a sort of the stretches.

    Examples
    --------
    >>> from shapely import Point, box
    >>> cameras = gpd.GeoDataFrame(
    ...     {"azimuth_deg": [90.0], "hfov_deg": [90.0], "max_range_m": [40.0]},
    ...     index=["c1"], geometry=[Point(500000, 0)], crs=32648)
    >>> wall = gpd.GeoSeries([box(500010, -30, 500012, 30)], index=["b1"], crs=32648)
    >>> frontage(cameras, wall).round(3)
        wall_m  seen_m  camera_count
    b1   124.0    20.0             1
    """
    stretches = visible_walls(complete_optics(cameras), buildings)
    seen = _merged_lengths(stretches).groupby(level="obstacle").sum()
    count = stretches.groupby("obstacle")["camera"].nunique()
    return pd.DataFrame(
        {
            "wall_m": buildings.geometry.length,
            "seen_m": seen.reindex(buildings.index, fill_value=0.0),
            "camera_count": count.reindex(buildings.index, fill_value=0),
        },
        index=buildings.index,
    )


class _Ground(NamedTuple):
    """Areas and polygons of one unit."""

    gross: float
    unbuilt: float
    blind: float
    seen_shape: shapely.MultiPolygon
    blind_shape: shapely.MultiPolygon


def _check(
    units: gpd.GeoDataFrame | gpd.GeoSeries,
    views: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame | gpd.GeoSeries,
) -> None:
    """Raise what `ground_coverage` promises to raise."""
    require_columns(units.geometry.to_frame(), [], "units")
    require_columns(buildings.geometry.to_frame(), [], "buildings")
    require_columns(views, ["x_m", "y_m"], "views")
    crs = require_metric(units)
    for frame in (views, buildings):
        if frame.crs != crs:
            require_metric(frame)
            raise FrameError("units, views and buildings are not in the same CRS")


def _near(units: Geometries, geometry: gpd.GeoSeries) -> list[Geometries]:
    """Return for each unit the geometries that meet it."""
    shapes = geometry.to_numpy()
    shapes = shapes[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))]
    unit, row = shapely.STRtree(shapes).query(units, predicate="intersects")
    return np.split(shapes[row], np.searchsorted(unit, np.arange(1, len(units))))[: len(units)]


def _ground(unit: shapely.Geometry, views: Geometries, buildings: Geometries) -> _Ground:
    """Measure one unit.

    Views are unioned first and cut afterwards: cutting every view costs more than it saves.
    """
    unbuilt = shapely.difference(unit, shapely.disjoint_subset_union_all(buildings))
    watched = shapely.disjoint_subset_union_all(views)
    seen, blind = shapely.intersection(unbuilt, watched), shapely.difference(unbuilt, watched)
    return _Ground(
        shapely.area(unit), shapely.area(unbuilt), shapely.area(blind), _drawn(seen), _drawn(blind)
    )


def _drawn(shape: shapely.Geometry) -> shapely.MultiPolygon:
    """Return the polygons of a geometry, without lines, points and slivers."""
    parts = shapely.get_parts(shape)
    return shapely.multipolygons(parts[shapely.area(parts) >= SLIVER_M2])


def _count_in(units: gpd.GeoDataFrame | gpd.GeoSeries, views: gpd.GeoDataFrame) -> Ints:
    """Return how many cameras stand in each unit, each camera in one unit only."""
    places = shapely.points(views[["x_m", "y_m"]].dropna().to_numpy(dtype=float))
    camera, unit = shapely.STRtree(units.geometry.to_numpy()).query(places, predicate="intersects")
    names = np.argsort(np.argsort(units.index.astype(str), kind="stable"), kind="stable")
    order = np.lexsort((names[unit], camera))
    _, first = np.unique(camera[order], return_index=True)
    return np.bincount(unit[order][first], minlength=len(units))


def _merged_lengths(stretches: pd.DataFrame) -> pd.Series:
    """Return the metres of each wall that at least one stretch covers, by obstacle and wall."""
    keys = ["obstacle", "wall"]
    ordered = stretches.sort_values([*keys, "start"], kind="stable")
    until = ordered.groupby(keys, sort=False)["end"].cummax()
    before = until.groupby([ordered[key] for key in keys], sort=False).shift(fill_value=0.0)
    fresh = (ordered["end"] - np.maximum(before, ordered["start"])).clip(lower=0.0)
    metres = fresh * ordered["wall_m"]
    return metres.groupby([ordered[key] for key in keys], sort=False).sum()
