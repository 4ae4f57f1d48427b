"""What ground of each unit so many cameras see, and what ground none sees.

Belongs here: areas at every k, seen and blind polygons, four denominators side by side. Does not
belong here: single views (``sights``), walls (``frontage``), what lies in blind ground (``blind``).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.camera_coverage.depth import depths
from gridmap.camera_coverage.frontage import as_lists
from gridmap.camera_coverage.pieces import Pieces, areas_only, by_unit, pieces
from gridmap.crs import require_metric
from gridmap.errors import FrameError
from gridmap.model import require_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Geometries = NDArray[np.object_]

SLIVER_M2 = 0.01
"""Smaller pieces are left out of drawn polygons, never out of areas. Source: visibility.md
section 5 (1,340 of 16,548 blind pieces were such rounding leftovers)."""

GROUND_AREAS = (
    "gross_area_m2",
    "building_area_m2",
    "open_area_m2",
    "seen_area_m2",
    "blind_area_m2",
    "certain_area_m2",
    "key_area_m2",
    "key_seen_area_m2",
)
"""The sums of `ground_coverage`, which add up over units that do not overlap."""

_THREADS = 2


def ground_coverage(
    units: gpd.GeoDataFrame | gpd.GeoSeries,
    views: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame | gpd.GeoSeries,
    *,
    key_areas: gpd.GeoDataFrame | gpd.GeoSeries | None = None,
) -> gpd.GeoDataFrame:
    """Return the open ground of each unit that cameras see, and that none sees.

    Parameters
    ----------
    units
        Index: unit code. Geometry: valid Polygon or MultiPolygon, metric CRS; units that do not
        overlap, so that their areas add up.
    views
        Index: camera code. Columns ``x_m``, ``y_m``, ``certain`` and geometry as `views` returns
        them, the CRS of the units; also those of cameras outside that look in.
    buildings
        Index: building code. Geometry: valid Polygon or MultiPolygon, the CRS of the units.
    key_areas
        Key public areas. Geometry: valid Polygon or MultiPolygon, the CRS of the units; where
        they overlap their ground counts once.

    Returns
    -------
    GeoDataFrame
        Index: the units'. ``gross_area_m2``; ``building_area_m2``: of the union of footprints;
        ``open_area_m2``: gross without buildings; ``seen_area_m2`` and ``blind_area_m2``: their
        sum is the open area; ``certain_area_m2``: seen by a camera in every case its register
        allows; ``key_area_m2``, ``key_seen_area_m2``: open ground of key public areas, and the
        part seen; ``areas_m2``: array, element k is seen by at least k cameras, element 0 is the
        open area; ``camera_count``: cameras that stand in the unit, on a shared border in the
        one whose code sorts first; ``seen`` (the active geometry) and ``blind``: MultiPolygon,
        without pieces under `SLIVER_M2`. Areas are planar, in the frame's CRS.

    Raises
    ------
    CrsError
        A frame has no metric CRS.
    FrameError
        A column is missing, an index repeats, or the CRS differ.

    Notes
    -----
    Rule: a view that crosses a border counts on both sides, with its part there. Arcs are chords
    here, so a seen area is up to 0.012 % short of the analytic one. Source: visibility.md
    section 5. Cost: crossings of outlines, then one union and one overlay a unit, two threads.

    Examples
    --------
    >>> from shapely import Point, box
    >>> from gridmap.camera_coverage import views
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
    certain_area_m2             100.0
    key_area_m2                   0.0
    key_seen_area_m2              0.0
    """
    _check(units, views, buildings)
    shapes = units.geometry.to_numpy()
    possible = pieces(shapes, views.geometry.to_numpy())
    near = _near(shapes, buildings.geometry)
    with ThreadPoolExecutor(_THREADS) as pool:
        grounds = list(pool.map(_ground, shapes, by_unit(possible, len(shapes)), near))
    gross, unbuilt = (np.array([one[i] for one in grounds], dtype=float) for i in range(2))
    at_least = _areas(possible, len(shapes))
    # Rounding of some 1e-5 m² a view may lift a unit that is seen throughout above its ground.
    at_least = np.minimum(at_least, unbuilt[:, None])
    seen = at_least[:, 1:2].sum(axis=1)
    at_least[:, 0] = unbuilt
    certain = _areas(_certain(shapes, views, possible), len(shapes))[:, 1:2].sum(axis=1)
    key, key_seen = _key_ground(shapes, possible, near, key_areas)
    areas = (
        gross,
        gross - unbuilt,
        unbuilt,
        seen,
        unbuilt - seen,
        np.minimum(certain, seen),
        key,
        np.minimum(key_seen, key),
    )
    columns = {
        **dict(zip(GROUND_AREAS, areas, strict=True)),
        "areas_m2": as_lists(at_least),
        "camera_count": _count_in(units, views),
    }
    frame = pd.DataFrame(columns, index=units.index)
    for name in ("seen", "blind"):
        drawn = [getattr(one, f"{name}_shape") for one in grounds]
        frame[name] = gpd.GeoSeries(drawn, index=units.index, crs=units.crs)
    return gpd.GeoDataFrame(frame, geometry="seen", crs=units.crs)


def seen_areas_m2(
    units: gpd.GeoDataFrame | gpd.GeoSeries, views: Geometries
) -> NDArray[np.float64]:
    """Return the ground of each unit that views cover, at every k.

    Parameters
    ----------
    units
        As in `ground_coverage`.
    views
        Array of Polygons and MultiPolygons, the CRS of the units.

    Returns
    -------
    ndarray
        (units, most + 1): column k is seen by at least k cameras, m²; column 0 is 0.

    Notes
    -----
    Rule: as in `ground_coverage`. Cost: crossings of outlines; nothing is drawn.
    """
    shapes = units.geometry.to_numpy()
    return _areas(pieces(shapes, views), len(shapes))


class _Ground(NamedTuple):
    """Areas and polygons of one unit."""

    gross: float
    unbuilt: float
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
    require_columns(views, ["x_m", "y_m", "certain"], "views")
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
    """Measure and draw one unit; views are its own pieces, and never enter a building."""
    unbuilt = shapely.difference(unit, shapely.disjoint_subset_union_all(buildings))
    seen = shapely.disjoint_subset_union_all(views)
    blind = shapely.difference(unbuilt, seen)
    return _Ground(shapely.area(unit), shapely.area(unbuilt), _drawn(seen), _drawn(blind))


def _drawn(shape: shapely.Geometry) -> shapely.MultiPolygon:
    """Return the polygons of a geometry, without lines, points and slivers."""
    parts = shapely.get_parts(shape)
    return shapely.multipolygons(parts[shapely.area(parts) >= SLIVER_M2])


def _certain(units: Geometries, views: gpd.GeoDataFrame, possible: Pieces) -> Pieces:
    """Return the pieces of certain views; most are the possible ones, which are cut already."""
    certain, shapes = views["certain"].to_numpy(), views.geometry.to_numpy()
    same = np.array([one is other for one, other in zip(certain, shapes, strict=True)], dtype=bool)
    kept = same[possible.row]
    others = certain.copy()
    others[same] = None
    cut = pieces(units, others)
    unit = np.concatenate([possible.unit[kept], cut.unit])
    row = np.concatenate([possible.row[kept], cut.row])
    shape = np.concatenate([possible.shape[kept], cut.shape])
    order = np.argsort(unit, kind="stable")
    return Pieces(unit[order], row[order], shape[order])


def _areas(found: Pieces, units: int) -> Floats:
    """Return the area of each unit that at least k pieces cover."""
    alone = np.zeros(len(found.shape), np.int64)
    return depths(found.shape, field=found.unit, group=alone, fields=units, groups=1).areas_m2


def _key_ground(
    units: Geometries,
    views: Pieces,
    buildings: list[Geometries],
    key_areas: gpd.GeoDataFrame | gpd.GeoSeries | None,
) -> tuple[Floats, Floats]:
    """Return the open ground of key public areas in each unit, and how much of it is seen."""
    area, seen = np.zeros(len(units)), np.zeros(len(units))
    if key_areas is None or len(key_areas) == 0:
        return area, seen
    found = pieces(units, key_areas.geometry.to_numpy())
    some = np.unique(found.unit)
    whole = [shapely.union_all(found.shape[found.unit == unit]) for unit in some]
    with ThreadPoolExecutor(_THREADS) as pool:
        built = list(pool.map(_built, whole, [buildings[unit] for unit in some]))
    area[some] = shapely.area(whole) - np.array(built)
    rank = np.full(len(units), -1)
    rank[some] = np.arange(len(some))
    here = np.flatnonzero(rank[views.unit] >= 0)
    place = rank[views.unit[here]]
    cut = shapely.intersection(views.shape[here], np.array(whole, dtype=object)[place])
    solid = shapely.area(cut) > 0.0
    within = Pieces(place[solid], here[solid], areas_only(cut[solid]))
    seen[some] = _areas(within, len(some))[:, 1:2].sum(axis=1)
    return area, seen


def _built(shape: shapely.Geometry, buildings: Geometries) -> float:
    """Return the area of buildings in a shape."""
    return float(shapely.area(shapely.intersection(shape, shapely.union_all(buildings))))


def _count_in(units: gpd.GeoDataFrame | gpd.GeoSeries, views: gpd.GeoDataFrame) -> Ints:
    """Return how many cameras stand in each unit, each camera in one unit only."""
    places = shapely.points(views[["x_m", "y_m"]].dropna().to_numpy(dtype=float))
    camera, unit = shapely.STRtree(units.geometry.to_numpy()).query(places, predicate="intersects")
    names = np.argsort(np.argsort(units.index.astype(str), kind="stable"), kind="stable")
    order = np.lexsort((names[unit], camera))
    _, first = np.unique(camera[order], return_index=True)
    return np.bincount(unit[order][first], minlength=len(units))
