"""Everything at once for some units, and again where something changed.

Belongs here: the order of the steps, what a change touches. Does not belong here: the steps
themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.camera_coverage.blind import NEAR_M, blind_areas
from gridmap.camera_coverage.failures import failures, poles
from gridmap.camera_coverage.frontage import entrance_coverage, frontage
from gridmap.camera_coverage.ground import ground_coverage, seen_areas_m2
from gridmap.camera_coverage.optics import greatest_reach_m
from gridmap.camera_coverage.sights import sights
from gridmap.model import require_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


class Places(NamedTuple):
    """What a coverage is computed from; all in one metric CRS, index: code.

    ``units``: Polygons that do not overlap. ``cameras``: as `views` and `failures` read them.
    ``buildings``: column ``household_count``. ``roads``: lines. ``key_areas``: Polygons.
    ``entrances``: Points, column ``building_code``. The last three may be empty.
    """

    units: gpd.GeoDataFrame
    cameras: gpd.GeoDataFrame
    buildings: gpd.GeoDataFrame
    roads: gpd.GeoDataFrame
    key_areas: gpd.GeoDataFrame
    entrances: gpd.GeoDataFrame


class Coverage(NamedTuple):
    """What was computed: the frames of the functions the fields are named after.

    ``ground`` has one column more, ``level_areas_m2``: m² of open ground seen at each detail
    level asked for, by its name.
    """

    views: gpd.GeoDataFrame
    ground: gpd.GeoDataFrame
    blind: gpd.GeoDataFrame
    frontage: pd.DataFrame
    entrances: pd.DataFrame
    failures: pd.DataFrame


def coverage(
    places: Places,
    *,
    levels: Sequence[str] = (),
    own: pd.Index | None = None,
    drawn: pd.Index | None = None,
) -> Coverage:
    """Return what the cameras see of some units.

    Parameters
    ----------
    places
        The units; all cameras that see any of their ground, and for `failures` to be complete
        all that see what these see; all buildings within these cameras' ranges.
    levels
        Detail levels to ask for besides.
    own
        Codes of the buildings whose walls count in ``failures``; all if not given.
    drawn
        Codes of the units in ``ground`` and ``blind``; all if not given. ``failures`` are always
        of all units.

    Returns
    -------
    Coverage
        ``frontage`` of every building given, ``failures`` of every camera given.

    Raises
    ------
    CrsError, FrameError, InputError
        As in `views`, `ground_coverage`, `blind_areas`.

    Notes
    -----
    Rule: units are independent: cutting a district into more of them, or computing them one by
    one, changes no total. Source: design.md 2, flow 3. Cost: the sum of the steps.
    """
    units, cameras, buildings, roads, key_areas, entrances = places
    found = sights(cameras, buildings, levels=levels)
    shown = units if drawn is None else units[units.index.isin(drawn)]
    ground = ground_coverage(shown, found.views, buildings, key_areas=key_areas)
    detail = [seen_areas_m2(shown, shapes) for shapes in found.detail.values()]
    by_level = [
        {level: float(area[row, 1:2].sum()) for level, area in zip(levels, detail, strict=True)}
        for row in range(len(shown))
    ]
    ground["level_areas_m2"] = pd.Series(by_level, index=ground.index, dtype=object)
    return Coverage(
        views=found.views,
        ground=ground,
        blind=blind_areas(ground, found, buildings, units=shown, roads=roads, key_areas=key_areas),
        frontage=frontage(buildings, found),
        entrances=entrance_coverage(entrances, buildings, found),
        failures=failures(cameras, found, buildings, units=units, roads=roads, own=own),
    )


class Touched(NamedTuple):
    """What a change touches, by code.

    ``units``: whose ground changes. ``around``: units to compute besides, so that every loss of
    ``cameras`` is whole. ``views``: cameras whose own view changes. ``buildings``: whose walls
    may be seen otherwise. ``cameras``: whose losses may change.
    """

    units: pd.Index
    around: pd.Index
    views: pd.Index
    buildings: pd.Index
    cameras: pd.Index


def reaches(cameras: gpd.GeoDataFrame) -> NDArray[np.object_]:
    """Return for each camera a box that holds all it can possibly see.

    Parameters
    ----------
    cameras
        As in `views`.

    Returns
    -------
    ndarray
        Boxes; empty where a camera has no position.

    Raises
    ------
    FrameError
        The range is missing or the index repeats.

    Notes
    -----
    Rule: range and tolerance, and as far as a camera may be moved out of a building.
    """
    require_columns(cameras, ["max_range_m"], "cameras")
    reach = greatest_reach_m(cameras) + _MOVED_M
    box = shapely.bounds(cameras.geometry.to_numpy())
    margin = reach.to_numpy(dtype=float)[:, None] * [-1.0, -1.0, 1.0, 1.0]
    boxes = np.asarray(shapely.box(*(box + margin).T))
    return np.where(shapely.is_missing(boxes), shapely.Polygon(), boxes)


_MOVED_M = 16.0  # visibility.ESCAPE_M, and a step outside


def touched(before: Places, after: Places, *, cameras: pd.Index, buildings: pd.Index) -> Touched:
    """Return what changes of some cameras and buildings touch.

    Parameters
    ----------
    before, after
        The places as they were and as they are; units are the same.
    cameras, buildings
        Codes of those that came, went or changed.

    Returns
    -------
    Touched
        Codes of what to compute anew.

    Raises
    ------
    FrameError
        An index repeats.

    Notes
    -----
    Rule: a camera touches what lies within its reach, before and after; a building the cameras
    in whose reach it lies, and what lies within `blind.NEAR_M` of it. Whatever lies outside these
    boxes is as it was. Cost: a few queries of trees.
    """
    require_columns(after.units, [], "units")
    sites = pd.concat([before.cameras, after.cameras.drop(before.cameras.index, errors="ignore")])
    old, new = _boxes(before.cameras, sites.index), _boxes(after.cameras, sites.index)
    changed = sites.index.isin(cameras)
    shapes = [
        side.buildings.geometry[side.buildings.index.isin(buildings)] for side in (before, after)
    ]
    built = np.concatenate([part.to_numpy() for part in shapes])
    mine = changed | meets(old, built) | meets(new, built)
    # Households are near a blind area, and walls shut, without meeting it or each other.
    ground = np.concatenate([old[mine], new[mine], shapely.buffer(built, NEAR_M)])
    houses = pd.concat([before.buildings.geometry, after.buildings.geometry])
    near = meets(houses.to_numpy(), ground)
    units = after.units.geometry.to_numpy()
    whole = np.concatenate([ground, houses.to_numpy()[near]])
    inner = meets(units, whole)
    whole = np.concatenate([whole, units[inner]])
    watching = changed | meets(old, whole) | meets(new, whole)
    watching = _with_mates(sites, before, after, watching)
    outer = meets(units, np.concatenate([old[watching], new[watching]])) | inner
    return Touched(
        units=after.units.index[inner],
        around=after.units.index[outer],
        views=sites.index[mine],
        buildings=pd.Index(houses.index[near].unique()),
        cameras=sites.index[watching],
    )


def _boxes(cameras: gpd.GeoDataFrame, index: pd.Index) -> NDArray[np.object_]:
    """Return the reaches of cameras by another index, empty where it has more."""
    boxes = pd.Series(reaches(cameras), index=cameras.index).reindex(index)
    shapes = np.array(boxes.to_numpy(), dtype=object)
    shapes[boxes.isna().to_numpy()] = shapely.Polygon()
    return shapes


def meets(shapes: NDArray[np.object_], others: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Tell of each shape whether it meets any of others.

    Parameters
    ----------
    shapes, others
        Arrays of geometries.

    Returns
    -------
    ndarray
        Booleans, one a shape; empty ones meet nothing.
    """
    _, row = shapely.STRtree(shapes).query(others, predicate="intersects")
    hit = np.zeros(len(shapes), dtype=bool)
    hit[row] = True
    return hit


def _with_mates(
    sites: gpd.GeoDataFrame, before: Places, after: Places, mine: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which cameras are chosen or share a pole or a group with these or their mates."""
    names = []
    for side in (before, after):
        names.append(poles(side.cameras))
        if "group_code" in side.cameras:
            names.append(side.cameras["group_code"])
    chosen = pd.Series(mine, index=sites.index)
    while True:  # chains of poles and groups are short: few rounds
        some = int(chosen.sum())
        for one in names:
            here = chosen.reindex(one.index)
            mates = one.isin(one[here].dropna()) & one.notna()
            chosen[one.index[mates]] = True
        if int(chosen.sum()) == some:
            return np.asarray(chosen, dtype=bool)
