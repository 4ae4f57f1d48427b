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

from gridmap.camera_coverage.blind import NEAR_M, blind_areas, road_lines
from gridmap.camera_coverage.failures import POLE_M, losses, poles
from gridmap.camera_coverage.frontage import entrance_coverage, frontage
from gridmap.camera_coverage.ground import ground_coverage, level_areas_m2
from gridmap.camera_coverage.optics import greatest_reach_m
from gridmap.camera_coverage.sights import sights
from gridmap.camera_coverage.walls import GAP_M
from gridmap.model import require_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from gridmap.camera_coverage.sights import Sights

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]
    Geometries = NDArray[np.object_]


class Places(NamedTuple):
    """What a coverage is computed from; all in one metric CRS, index: code.

    ``units``: Polygons that do not overlap. ``cameras``: as `views` and `failures` read them.
    ``buildings``: column ``household_count``. ``roads``: lines. ``key_areas``: Polygons.
    ``entrances``: Points, column ``building_code``. The last three may be empty. Of units, roads
    and key areas the geometry alone will do.
    """

    units: gpd.GeoDataFrame | gpd.GeoSeries
    cameras: gpd.GeoDataFrame
    buildings: gpd.GeoDataFrame
    roads: gpd.GeoDataFrame | gpd.GeoSeries
    key_areas: gpd.GeoDataFrame | gpd.GeoSeries
    entrances: gpd.GeoDataFrame


class Coverage(NamedTuple):
    """What was computed: the frames of the functions the fields are named after.

    ``views`` has one column more, ``pole_code``, from `poles`; ``ground`` too, ``level_areas_m2``:
    m² of open ground seen at each detail level asked for, by its name.
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
    seen: Sights | None = None,
) -> Coverage:
    """Return what the cameras see of some units.

    Parameters
    ----------
    places
        The units; all cameras that see any of their ground, and what hangs on poles with these;
        all buildings within these cameras' ranges. After a change from `part_of`.
    levels
        Detail levels to ask for besides.
    seen
        From `sights` of these cameras, buildings and levels, where it is at hand.

    Returns
    -------
    Coverage
        ``views`` of every camera given, ``frontage`` of every building, the rest of the units.

    Raises
    ------
    CrsError, FrameError, InputError
        As in `views`, `ground_coverage`, `blind_areas`.

    Notes
    -----
    Rule: units are independent: cutting a district into more of them, or computing them one by
    one, changes no total. Source: design.md 2, flow 3. Cost: the sum of the steps.
    """
    found = sights(places.cameras, places.buildings, levels=levels) if seen is None else seen
    named = found.views.assign(pole_code=poles(places.cameras))
    return coverage_of(places, found._replace(views=named))


def coverage_of(places: Places, found: Sights) -> Coverage:
    """Return what cameras see of some units.

    Parameters
    ----------
    places
        As in `coverage`, without what only hangs on a pole with a camera that sees them.
    found
        From `sights` of these cameras and buildings; views with their ``pole_code``.

    Returns
    -------
    Coverage
        As `coverage`.
    """
    units, cameras, buildings, roads, key_areas, entrances = places
    lines = road_lines(units, found, roads)
    lost, seen_m2 = losses(cameras, found, units, lines, found.views["pole_code"])
    ground = ground_coverage(units, found.views, buildings, key_areas=key_areas, seen_m2=seen_m2)
    by_level = level_areas_m2(units, found.detail) if found.detail else [{} for _ in ground.index]
    ground["level_areas_m2"] = pd.Series(by_level, index=ground.index, dtype=object)
    return Coverage(
        views=found.views,
        ground=ground,
        blind=blind_areas(ground, found, buildings, units=units, roads=lines, key_areas=key_areas),
        frontage=frontage(buildings, found),
        entrances=entrance_coverage(entrances, buildings, found),
        failures=lost,
    )


def warm_up() -> None:
    """Compile what every step needs, or load it from numba's cache, so that none waits for it.

    Notes
    -----
    Cost: about a minute of one core the first time on a machine, then some seconds.
    """
    crs, square = 32648, shapely.box(0.0, 0.0, 20.0, 20.0)
    cameras = {"azimuth_deg": [0.0, 90.0], "hfov_deg": 90.0, "max_range_m": 9.0}
    doors = {"building_code": ["b"]}
    coverage(
        Places(
            units=gpd.GeoDataFrame(index=["u"], geometry=[square], crs=crs),
            cameras=gpd.GeoDataFrame(
                cameras, index=["c", "d"], geometry=gpd.points_from_xy([5.0, 4.0], [5, 6]), crs=crs
            ),
            buildings=gpd.GeoDataFrame(
                {"household_count": [1]},
                index=["b"],
                geometry=[shapely.box(8.0, 8.0, 9.0, 9.0)],
                crs=crs,
            ),
            roads=gpd.GeoDataFrame(geometry=shapely.linestrings([[[0, 5], [20, 5]]]), crs=crs),
            key_areas=gpd.GeoDataFrame(geometry=[square], crs=crs),
            entrances=gpd.GeoDataFrame(
                doors, index=["e"], geometry=gpd.points_from_xy([8.0], [8.5]), crs=crs
            ),
        ),
        levels=["detect"],
    )


class Touched(NamedTuple):
    """What a change touches, by code.

    ``units``: whose ground changes, or the losses there. ``views``: cameras whose own view or pole
    changes. ``buildings``: whose walls may be seen otherwise. ``watching``: the cameras to compute
    all this, which see any of it, and what hangs on poles with them.
    """

    units: pd.Index
    views: pd.Index
    buildings: pd.Index
    watching: pd.Index


_MOVED_M = 16.0  # visibility.ESCAPE_M, and a step outside


def reaches(cameras: gpd.GeoDataFrame) -> Geometries:
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
    return _boxes(reach_bounds(cameras))


def touched(before: Places, after: Places, *, cameras: pd.Index, buildings: pd.Index) -> Touched:
    """Return what changes of some cameras and buildings touch.

    Parameters
    ----------
    before, after
        The places as they were and as they are; units are the same. Of the buildings those that
        changed, and those that these or changed cameras may concern.
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
    Rule: a camera touches what lies within its reach, before and after, and within that of what
    hangs on one pole with it, for a pole is named after its first camera; a building the cameras
    in whose reach it lies, and what lies within `blind.NEAR_M` of it. Whatever lies outside these
    boxes is as it was. Cost: a look at every box; trees of those near the change only.
    """
    require_columns(after.units, [], "units")
    sites = _sites(before.cameras, after.cameras, cameras)
    houses = pd.concat([before.buildings.geometry, after.buildings.geometry])
    shapes = houses.to_numpy()
    built = shapes[houses.index.isin(buildings)]
    mates = np.zeros(len(sites.index), dtype=bool)
    mates[sites.row] = True
    seeing = sites.meet(built) | mates
    mates = sites.with_mates(mates)
    # Households are near a blind area, and walls shut, without meeting it or each other.
    ground = np.concatenate([sites.boxes(seeing), shapely.buffer(built, NEAR_M)])
    near = meets(shapes, ground)
    units = after.units.geometry.to_numpy()
    inner = meets(units, np.concatenate([ground, shapes[near], sites.boxes(mates)]))
    own = seeing | mates
    watching = own | sites.meet(np.concatenate([units[inner], shapes[near]]))
    return Touched(
        units=after.units.index[inner],
        views=sites.index[own],
        buildings=houses.index[near].unique(),
        watching=sites.index[sites.with_mates(watching)],
    )


def part_of(places: Places, touched: Touched) -> Places:
    """Return what is to be computed anew.

    Parameters
    ----------
    places
        As they are after the change.
    touched
        From `touched`.

    Returns
    -------
    Places
        For `coverage`; of its views and frontage the rows named in ``touched`` are right, the
        other rows are of the units named and replace all of theirs.

    Notes
    -----
    Rule: the buildings that the cameras may look at, those with households near the units, those
    named, and what stands before their walls. Cost: as `touched`.
    """
    units, cameras = places.units.loc[touched.units], _of(places.cameras, touched.watching)
    shapes = units.geometry.to_numpy()
    built = shapely.bounds(_of(places.buildings, touched.buildings).geometry.to_numpy())
    beside = shapely.box(*(built + np.array([-1.0, -1.0, 1.0, 1.0]) * 2.0 * GAP_M).T)
    wanted = np.concatenate([reaches(cameras), shapely.buffer(shapes, NEAR_M), beside])
    buildings = near_rows(places.buildings, wanted)
    # Of a building that is gone the entrances may be there still.
    doors = places.entrances["building_code"].isin(buildings.index.union(touched.buildings))
    return Places(
        units=units,
        cameras=cameras,
        buildings=buildings,
        roads=near_rows(places.roads, shapes),
        key_areas=near_rows(places.key_areas, shapes),
        entrances=places.entrances[doors],
    )


def _of(frame: gpd.GeoDataFrame, codes: pd.Index) -> gpd.GeoDataFrame:
    """Return the rows of some codes, as far as they are there."""
    rows = frame.index.get_indexer(codes)
    return frame.iloc[np.sort(rows[rows >= 0])]


def near_rows(
    frame: gpd.GeoDataFrame | gpd.GeoSeries, shapes: Geometries
) -> gpd.GeoDataFrame | gpd.GeoSeries:
    """Return the rows that meet any of some shapes; with the frame's tree, if it keeps one."""
    if len(frame) == 0:
        return frame
    if frame.has_sindex:
        return frame.iloc[np.unique(frame.sindex.query(shapes, predicate="intersects")[1])]
    return frame.iloc[np.flatnonzero(meets(frame.geometry.to_numpy(), shapes))]


def meets(shapes: Geometries, others: Geometries) -> Bools:
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
    hit = np.zeros(len(shapes), dtype=bool)
    near = overlapping(shapely.bounds(shapes), shapely.bounds(others))
    _, row = shapely.STRtree(shapes[near]).query(others, predicate="intersects")
    hit[near[row]] = True
    return hit


def overlapping(boxes: Floats, others: Floats) -> Ints:
    """Return which boxes overlap that around all others: far fewer than all, after a change."""
    some = others[~np.isnan(others[:, 0])]
    if len(some) == 0:
        return np.zeros(0, np.int64)
    (west, south), (east, north) = some[:, :2].min(axis=0), some[:, 2:].max(axis=0)
    left, low, right, high = boxes.T
    # Most lie elsewhere: of these one number is compared.
    near = np.flatnonzero(left <= east)
    near = near[right[near] >= west]
    return np.asarray(near[(low[near] <= north) & (high[near] >= south)])


def reach_bounds(cameras: gpd.GeoDataFrame) -> Floats:
    """Return `reaches` as numbers (n, 4), NaN where a camera has no position."""
    require_columns(cameras, ["max_range_m"], "cameras")
    reach = np.asarray(greatest_reach_m(cameras), dtype=float) + _MOVED_M
    box: Floats = shapely.bounds(cameras.geometry.to_numpy())
    return box + reach[:, None] * [-1.0, -1.0, 1.0, 1.0]


def _boxes(bounds: Floats) -> Geometries:
    """Return boxes as shapes, empty where a number is missing."""
    boxes = np.asarray(shapely.box(*bounds.T))
    return np.where(shapely.is_missing(boxes), shapely.Polygon(), boxes)


class _Sites(NamedTuple):
    """All cameras of two states of places: their codes, and their reaches, before if then there.

    ``row``: the cameras that changed; ``new``: their reaches after. Those of the others are
    the same.
    """

    index: pd.Index
    old: Floats
    row: Ints
    new: Floats

    def meet(self, shapes: Geometries) -> Bools:
        """Tell of each camera whether its reach, before or after, meets any of the shapes."""
        hit = np.zeros(len(self.index), dtype=bool)
        near = overlapping(self.old, shapely.bounds(shapes))
        hit[near] = meets(_boxes(self.old[near]), shapes)
        hit[self.row] |= meets(_boxes(self.new), shapes)
        return hit

    def boxes(self, some: Bools) -> Geometries:
        """Return the reaches of some, before and after."""
        return _boxes(np.concatenate([self.old[some], self.new[some[self.row]]]))

    def with_mates(self, some: Bools) -> Bools:
        """Return some cameras and what hangs, before or after, on one pole with any of them."""
        every = np.concatenate([self.old, self.new])
        row = np.concatenate([np.arange(len(self.old)), self.row])
        spots = (every[:, :2] + every[:, 2:]) / 2.0
        about = np.hstack([spots - 2.0 * POLE_M, spots + 2.0 * POLE_M])
        while True:  # chains of cameras are short: few rounds
            mine = shapely.points(spots[some[row] & ~np.isnan(spots[:, 0])])
            near = overlapping(about, shapely.bounds(mine))
            tree = shapely.STRtree(shapely.points(spots[near]))
            # A hair farther than `poles` looks, for middles of boxes are rounded.
            _, found = tree.query(mine, predicate="dwithin", distance=POLE_M + 1e-6)
            more = some.copy()
            more[row[near[found]]] = True
            if (more == some).all():
                return more
            some = more


def _sites(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame, changed: pd.Index) -> _Sites:
    """Return the cameras of two states; ``changed``: the codes of all that are not the same."""
    added = changed[before.index.get_indexer(changed) < 0]
    index = before.index.append(added) if len(added) else before.index
    old = np.full((len(index), 4), np.nan)
    old[: len(before)] = reach_bounds(before)
    row = index.get_indexer(changed)
    now = after.index.get_indexer(changed)
    new = np.full((len(row), 4), np.nan)
    new[now >= 0] = reach_bounds(after.iloc[now[now >= 0]])
    return _Sites(index, old, row, new)
