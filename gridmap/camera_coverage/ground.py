"""What ground of each unit so many cameras see, and what ground none sees.

Belongs here: areas at every k, seen and blind polygons, four denominators side by side. Does not
belong here: single views (``sights``), walls (``frontage``), what lies in blind ground (``blind``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely
from geopandas.array import from_shapely

from gridmap.camera_coverage.arrangement import corners_of, joined
from gridmap.camera_coverage.depth import depths
from gridmap.camera_coverage.frontage import as_lists
from gridmap.camera_coverage.outlines import Overlay, draw
from gridmap.camera_coverage.pieces import pieces
from gridmap.crs import require_metric
from gridmap.errors import FrameError
from gridmap.model import require_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gridmap.camera_coverage.arrangement import Corners

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]
    Geometries = NDArray[np.object_]

SLIVER_M2 = 0.01
"""Smaller pieces are left out of drawn polygons, never out of areas. Source: visibility.md
section 5 (1,340 of 16,548 blind pieces were such rounding leftovers)."""

_MANY = 4096  # shapes in units: as many as are walked together

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


def ground_coverage(
    units: gpd.GeoDataFrame | gpd.GeoSeries,
    views: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame | gpd.GeoSeries,
    *,
    key_areas: gpd.GeoDataFrame | gpd.GeoSeries | None = None,
    seen_m2: Floats | None = None,
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
    seen_m2
        From `seen_areas_m2` of these views, where it is at hand.

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
    shapes, borders = units.geometry.to_numpy(), corners_of(units.geometry.to_numpy())
    covers = _overlay(shapes, views.geometry.to_numpy())
    solids = _overlay(shapes, buildings.geometry.to_numpy())
    gross = shapely.area(shapes)
    vague, sure = _certain(views, covers, len(units))
    where, key_ground = _key_grounds(shapes, key_areas)
    keys = corners_of(key_ground)
    built, certain, key_built, key_seen = _covered(
        (borders, solids),
        (corners_of(shapes[vague]), sure),
        *((keys, _within(overlay, where, key_ground, len(units))) for overlay in (solids, covers)),
    )
    unbuilt = np.maximum(gross - built, 0.0)
    # Rounding of some 1e-5 m² a view may lift a unit that is seen throughout above its ground.
    seen_m2 = _areas(borders, covers) if seen_m2 is None else seen_m2
    at_least = np.minimum(seen_m2, unbuilt[:, None])
    seen = at_least[:, 1:2].sum(axis=1)
    at_least[:, 0] = unbuilt
    key = _put(np.zeros(len(units)), where, np.maximum(shapely.area(key_ground) - key_built, 0.0))
    areas = (
        gross,
        gross - unbuilt,
        unbuilt,
        seen,
        unbuilt - seen,
        np.minimum(_put(seen, vague, certain), seen),
        key,
        np.minimum(_put(np.zeros(len(units)), where, key_seen), key),
    )
    columns = {
        **dict(zip(GROUND_AREAS, areas, strict=True)),
        "areas_m2": as_lists(at_least),
        "camera_count": _count_in(units, views),
    }
    drawn = _drawn(shapes, borders, covers, solids, seen, unbuilt)
    for name, ground in zip(("seen", "blind"), drawn, strict=True):
        columns[name] = from_shapely(ground, crs=units.crs)
    return gpd.GeoDataFrame(columns, index=units.index, geometry="seen", crs=units.crs)


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
    return _areas(corners_of(shapes), _overlay(shapes, views))


def level_areas_m2(
    units: gpd.GeoDataFrame | gpd.GeoSeries, views: dict[str, Geometries]
) -> list[dict[str, float]]:
    """Return the ground of each unit that views at several levels of detail cover.

    Parameters
    ----------
    units
        As in `ground_coverage`.
    views
        Arrays of Polygons and MultiPolygons by level.

    Returns
    -------
    list of dict
        m² by level, for each unit.
    """
    shapes = units.geometry.to_numpy()
    borders = corners_of(shapes)
    areas = _covered(*((borders, _overlay(shapes, some)) for some in views.values()))
    return [dict(zip(views, row, strict=True)) for row in np.column_stack(areas).tolist()]


def _check(
    units: gpd.GeoDataFrame | gpd.GeoSeries,
    views: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame | gpd.GeoSeries,
) -> None:
    """Raise what `ground_coverage` promises to raise."""
    require_columns(units, [], "units")
    require_columns(buildings, [], "buildings")
    require_columns(views, ["x_m", "y_m", "certain"], "views")
    crs = require_metric(units)
    for frame in (views, buildings):
        if frame.crs != crs:
            require_metric(frame)
            raise FrameError("units, views and buildings are not in the same CRS")


def _overlay(units: Geometries, shapes: Geometries) -> Overlay:
    """Return shapes, and which of them may lie in which unit."""
    some = shapes[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))]
    unit, row = shapely.STRtree(some).query(units)
    return Overlay(some, corners_of(some), row, unit)


def _areas(borders: Corners, covers: Overlay) -> Floats:
    """Return the area of each unit that at least k shapes cover."""
    return depths(
        covers.corners,
        row=covers.row,
        field=covers.unit,
        fields=len(borders.first) - 1,
        units=borders,
    ).areas_m2


def _covered(*several: tuple[Corners, Overlay]) -> list[Floats]:
    """Return the area of each unit that shapes cover, for each of several sets of both.

    Few in one walk, of which setting out is the most; many one by one, which takes less memory.
    """
    if sum(len(one.row) for _, one in several) > _MANY:
        return [_areas(*one)[:, 1:2].sum(axis=1) for one in several]
    borders, covers = zip(*several, strict=True)
    units = np.cumsum([len(one.first) - 1 for one in borders])
    shapes = np.cumsum([0, *(len(one.shape) for one in covers)])
    every = Overlay(
        np.concatenate([one.shape for one in covers]),
        joined(*(one.corners for one in covers)),
        np.concatenate([one.row + at for one, at in zip(covers, shapes, strict=False)]),
        np.concatenate([one.unit + at for one, at in zip(covers, [0, *units], strict=False)]),
    )
    return np.split(_areas(joined(*borders), every)[:, 1:2].sum(axis=1), units[:-1])


def _put(areas: Floats, rows: Ints, others: Floats) -> Floats:
    """Return areas with some replaced."""
    areas = areas.copy()
    areas[rows] = others
    return areas


def _drawn(
    units: Geometries,
    borders: Corners,
    covers: Overlay,
    solids: Overlay,
    seen_m2: Floats,
    unbuilt_m2: Floats,
) -> tuple[Geometries, Geometries]:
    """Return seen and blind ground; where it is not as large as measured, by overlay."""
    drawn = draw(borders, covers, solids, least_m2=SLIVER_M2)
    off = np.abs(drawn.covered_m2 - seen_m2) + np.abs(drawn.bare_m2 - (unbuilt_m2 - seen_m2))
    for k in np.flatnonzero(drawn.failed | (off > SLIVER_M2 + drawn.slack_m2)):
        seen = shapely.union_all(covers.shape[covers.row[covers.unit == k]])
        built = shapely.union_all(solids.shape[solids.row[solids.unit == k]])
        drawn.covered[k] = _large(shapely.intersection(units[k], seen))
        drawn.bare[k] = _large(shapely.difference(shapely.difference(units[k], built), seen))
    return drawn.covered, drawn.bare


def _large(shape: shapely.Geometry) -> shapely.MultiPolygon:
    """Return the polygons of a geometry, without lines, points and slivers."""
    parts = shapely.get_parts(shape)
    return shapely.multipolygons(parts[shapely.area(parts) >= SLIVER_M2])


def _certain(views: gpd.GeoDataFrame, covers: Overlay, units: int) -> tuple[Ints, Overlay]:
    """Return the units that anything may be seen of without being certain, and what is certain."""
    certain, possible = views["certain"].to_numpy(), views.geometry.to_numpy()
    other = np.array([one is not two for one, two in zip(certain, possible, strict=True)], bool)
    there = ~shapely.is_empty(possible)
    vague = np.unique(covers.unit[other[there][covers.row]])
    sure = covers._replace(shape=certain[there])
    return vague, _only(sure, vague, units, ~shapely.is_empty(sure.shape)[covers.row])


def _key_grounds(
    units: Geometries, key_areas: gpd.GeoDataFrame | gpd.GeoSeries | None
) -> tuple[Ints, Geometries]:
    """Return the units that key public areas lie in, and their ground there."""
    if key_areas is None or len(key_areas) == 0:
        return np.zeros(0, np.int64), np.zeros(0, object)
    found = pieces(units, key_areas.geometry.to_numpy())
    some = np.unique(found.unit)
    # United first: where key areas overlap their ground counts once.
    whole = [shapely.union_all(found.shape[found.unit == unit]) for unit in some]
    return some, np.array(whole, dtype=object)


def _within(overlay: Overlay, some: Ints, grounds: Geometries, units: int) -> Overlay:
    """Return what may lie in grounds of some units, which are numbered anew."""
    box = np.full((units, 4), np.nan)
    box[some] = shapely.bounds(grounds)
    low, high = np.split(shapely.bounds(overlay.shape)[overlay.row], 2, axis=1)
    least, most = np.split(box[overlay.unit], 2, axis=1)
    meet = (low <= most) & (least <= high)
    return _only(overlay, some, units, meet[:, 0] & meet[:, 1])


def _only(overlay: Overlay, some: Ints, units: int, here: Bools) -> Overlay:
    """Return what lies in some units, as far as it is here; they are numbered anew."""
    rank = np.full(units, -1)
    rank[some] = np.arange(len(some))
    here = here & (rank[overlay.unit] >= 0)
    rows, row = np.unique(overlay.row[here], return_inverse=True)
    shape = overlay.shape[rows]
    return Overlay(shape, corners_of(shape), row, rank[overlay.unit[here]])


def _count_in(units: gpd.GeoDataFrame | gpd.GeoSeries, views: gpd.GeoDataFrame) -> Ints:
    """Return how many cameras stand in each unit, each camera in one unit only."""
    xy = np.column_stack([views["x_m"], views["y_m"]])
    places = shapely.points(xy[~np.isnan(xy).any(axis=1)])
    camera, unit = shapely.STRtree(units.geometry.to_numpy()).query(places, predicate="intersects")
    if (np.diff(camera) > 0).all():  # none stands on a border
        return np.bincount(unit, minlength=len(units))
    names = np.argsort(np.argsort(units.index.astype(str), kind="stable"), kind="stable")
    order = np.lexsort((names[unit], camera))
    _, first = np.unique(camera[order], return_index=True)
    return np.bincount(unit[order][first], minlength=len(units))
