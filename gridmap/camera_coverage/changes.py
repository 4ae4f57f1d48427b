"""One change after another, what is known kept in memory: only what a change touches is computed.

Belongs here: what is kept of a run, which figures differ after a change. Does not belong here: the
figures themselves (``district``); what a change may touch where nothing is kept (``district``).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import shapely

from gridmap.camera_coverage.blind import NEAR_M
from gridmap.camera_coverage.district import (
    Coverage,
    Places,
    Touched,
    coverage_of,
    meets,
    near_rows,
    overlapping,
    reach_bounds,
)
from gridmap.camera_coverage.failures import POLE_M, poles
from gridmap.camera_coverage.sights import SHAPES, Looks, Sights, framed, looks
from gridmap.camera_coverage.stretches import Stretches
from gridmap.camera_coverage.walls import GAP_M, WallLines
from gridmap.visibility.scene import scene_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]
    Geometries = NDArray[np.object_]
    Columns = dict[str, NDArray[Any]]

_BESIDE_M = 1.0  # walls that a view ends at, and whatever rounding adds, are this near to it


class Kept(NamedTuple):
    """What is known of a state of places.

    ``cameras``: arrays by camera: the columns of `Coverage.views`; under ``reach`` and ``bounds``
    boxes (n, 4) of what it may see, and around what it sees and itself; under ``walls`` an array
    (k, 4) each: the number of a building, a wall of it, the stretch of it seen. ``detail``: as in
    `Sights`. ``number``, ``built``: the numbers of the buildings, and their boxes (n, 4).
    ``doors``: of each entrance the number of its building, -1 if there never was one.
    """

    places: Places
    cameras: Columns
    detail: dict[str, Geometries]
    number: Ints
    built: Floats
    doors: Ints


class Changed(NamedTuple):
    """What a change touched, what was computed of it, and what is known now.

    Of the tables of ``coverage`` the rows named in ``touched`` are right, and there are no others
    of the units named: these rows replace all of theirs. ``touched.watching``: the cameras of
    ``coverage``.
    """

    touched: Touched
    coverage: Coverage
    kept: Kept


def kept(places: Places, seen: Sights) -> Kept:
    """Return what to keep of a run for the next change.

    Parameters
    ----------
    places
        As in `coverage`, of all units.
    seen
        From `sights` of the cameras and buildings.

    Returns
    -------
    Kept
        For `changed_coverage`.

    Raises
    ------
    FrameError
        The range is missing or the index repeats.
    """
    columns = {name: seen.views[name].to_numpy() for name in seen.views.columns}
    return Kept(
        places,
        {
            **columns,
            "pole_code": poles(places.cameras).to_numpy(),
            "reach": reach_bounds(places.cameras),
            "bounds": _bounds(columns),
            "walls": _walls_by_camera(seen, np.arange(len(places.buildings))),
        },
        dict(seen.detail),
        np.arange(len(places.buildings)),
        shapely.bounds(places.buildings.geometry.to_numpy()),
        places.buildings.index.get_indexer(places.entrances["building_code"]),
    )


def changed_coverage(
    known: Kept, after: Places, *, cameras: pd.Index, buildings: pd.Index
) -> Changed:
    """Return what cameras see of the units where that is not as it was before a change.

    Parameters
    ----------
    known
        From `kept` or from this function, of the places as they were.
    after
        The places as they are; units, roads, key areas and entrances are the same.
    cameras, buildings
        Codes of those that came, went or changed.

    Returns
    -------
    Changed
        The tables of the units, cameras and buildings that the change touched.

    Raises
    ------
    CrsError, FrameError
        As in `coverage`.

    Notes
    -----
    Rule: looked at again is from changed cameras, and from those in whose reach a changed
    building lies. What they see differently lies in what they saw or see; a pole may get another
    name wherever its cameras see; households are near blind areas within `blind.NEAR_M` of a
    changed building. A test says that this equals a full run. Cost: a comparison of numbers for
    every camera and building; the rest grows with the units touched.
    """
    now = _aligned(known, after, cameras, buildings)
    was = _rows(known.places.buildings.index, buildings)
    built = np.concatenate(
        [_shapes(known.places, was), _shapes(after, _rows(after.buildings.index, buildings))]
    )
    there = _rows(after.cameras.index, cameras)
    gone = _ground(known.cameras, _rows(known.places.cameras.index, cameras))
    own = np.union1d(there, _meeting(now.cameras["reach"], built))
    former = _ground(now.cameras, own)
    differ = _looked_again(now, own) | np.isin(own, there)
    renamed = _renamed(known, now, cameras, there)
    ground = [gone, former[differ], _ground(now.cameras, own[differ])]
    spots = np.concatenate(
        [shapely.buffer(np.concatenate(ground), _BESIDE_M), shapely.buffer(built, NEAR_M)]
    )
    rows = _differing(now, spots, own[differ], renamed, known.number[was])
    touched = Touched(
        units=after.units.index[rows.units],
        views=after.cameras.index[rows.views].union(cameras),
        buildings=after.buildings.index[rows.buildings].union(buildings),
        watching=after.cameras.index[rows.watching],
    )
    return Changed(touched, _computed(now, rows, known.number[was]), now)


# --- what is known ------------------------------------------------------------------------------


def _bounds(views: Columns) -> Floats:
    """Return boxes around views and the places of their cameras, which units count."""
    box: Floats = shapely.bounds(views["geometry"])
    spot = np.column_stack([views["x_m"], views["y_m"]])
    return np.hstack([np.fmin(box[:, :2], spot), np.fmax(box[:, 2:], spot)])


def _walls_by_camera(seen: Sights | Looks, number: Ints) -> Geometries:
    """Return for each camera the walls it sees, as in `Kept`; ``number``: of each building."""
    walls, found = seen.walls.walls, seen.walls.seen
    obstacle = walls.row[found.line]
    nth = found.line - walls.first[obstacle]
    table = np.column_stack([number[obstacle], nth, found.start, found.end])
    cameras = len(seen.columns["reason"]) if isinstance(seen, Looks) else len(seen.views)
    first = np.searchsorted(found.owner, np.arange(cameras + 1)).tolist()
    by_camera = np.empty(cameras, dtype=object)
    by_camera[:] = [table[low:high] for low, high in pairwise(first)]
    return by_camera


def _shapes(places: Places, rows: Ints) -> Geometries:
    """Return the shapes of some buildings."""
    shapes: Geometries = places.buildings.geometry.to_numpy()[rows]
    return shapes


def _aligned(known: Kept, after: Places, cameras: pd.Index, buildings: pd.Index) -> Kept:
    """Return what is known in the order of the places as they are, to be written to."""
    before = known.places
    order = _order(before.cameras.index, after.cameras.index)
    columns = {name: _taken(column, order) for name, column in known.cameras.items()}
    there = _rows(after.cameras.index, cameras)
    columns["reach"][there] = reach_bounds(after.cameras.iloc[there])
    detail = {name: _taken(shapes, order) for name, shapes in known.detail.items()}
    order = _order(before.buildings.index, after.buildings.index)
    number, boxes, doors = _taken(known.number, order), _taken(known.built, order), known.doors
    if order is not None:
        most = max(known.number.max(initial=-1), doors.max(initial=-1))
        number[order < 0] = np.arange((order < 0).sum()) + most + 1
        row = after.buildings.index.get_indexer(after.entrances["building_code"])
        doors = np.where(row < 0, doors, np.append(number, -1)[row])
    there = _rows(after.buildings.index, buildings)
    boxes[there] = shapely.bounds(_shapes(after, there))
    return Kept(after, columns, detail, number, boxes, doors)


def _order(before: pd.Index, after: pd.Index) -> Ints | None:
    """Return where each row was, -1 if nowhere; None if all are where they were."""
    return None if before.equals(after) else before.get_indexer(after)


def _taken(column: NDArray[Any], order: Ints | None) -> NDArray[Any]:
    """Return a copy in an order, in which -1 stands for what is not known."""
    if order is None:
        return column.copy()
    unknown = {"f": np.nan, "O": None}.get(column.dtype.kind, 0)
    return np.concatenate([column, np.full((1, *column.shape[1:]), unknown, column.dtype)])[order]


# --- what differs -------------------------------------------------------------------------------


class _Rows(NamedTuple):
    """By position: what a change touches, as in `Touched`."""

    units: Ints
    views: Ints
    buildings: Ints
    watching: Ints


def _ground(cameras: Columns, rows: Ints) -> Geometries:
    """Return the ground that some cameras see, with their places, which units count."""
    x, y = cameras["x_m"][rows], cameras["y_m"][rows]
    spots = shapely.points(x, y, handle_nan="skip")
    both: Geometries = shapely.geometrycollections(
        np.column_stack([cameras["geometry"][rows], spots])
    )
    return both


def _looked_again(now: Kept, rows: Ints) -> Bools:
    """Write what some cameras see; tell of each whether it is other ground than before."""
    places, cameras = now.places, now.cameras
    about = _near_boxes(now.built, cameras["reach"][rows])
    walls = places.buildings.geometry.iloc[about]
    seen = looks(places.cameras.iloc[rows], walls, levels=list(now.detail))
    fresh = {
        **seen.columns,
        "bounds": _bounds(seen.columns),
        "walls": _walls_by_camera(seen, now.number[about]),
    }
    differ: Bools = cameras["reason"][rows] != fresh["reason"]
    for name in SHAPES:
        differ |= ~shapely.equals_exact(cameras[name][rows], fresh[name])
    for name, column in fresh.items():
        cameras[name][rows] = column
    for name, shapes in seen.detail.items():
        differ |= ~shapely.equals_exact(now.detail[name][rows], shapes)
        now.detail[name][rows] = shapes
    return differ


def _renamed(known: Kept, now: Kept, cameras: pd.Index, there: Ints) -> Ints:
    """Write the poles of changed cameras and of what hung or hangs there; return whose differ."""
    pole, was = now.cameras["pole_code"], known.cameras["pole_code"]
    x, y = now.cameras["x_m"], now.cameras["y_m"]
    near = np.zeros(len(pole), dtype=bool)
    near[there] = True
    for row in there:
        near |= np.hypot(x - x[row], y - y[row]) <= POLE_M
    for name in {*was[_rows(known.places.cameras.index, cameras)], *pole[near]} - {None}:
        near |= pole == name
    some = np.flatnonzero(near)
    fresh = poles(now.places.cameras.geometry.iloc[some]).to_numpy()
    renamed: Ints = some[pole[some] != fresh]
    pole[some] = fresh
    return renamed


def _differing(now: Kept, spots: Geometries, differ: Ints, renamed: Ints, was: Ints) -> _Rows:
    """Return what differs if that is on some ground, in some views and on some renamed poles.

    ``was``: the numbers of changed buildings.
    """
    places, seen = now.places, now.cameras["bounds"]
    units, shapes = places.units.geometry.to_numpy(), places.buildings.geometry.to_numpy()
    near = overlapping(now.built, shapely.bounds(spots))
    houses = near[meets(shapes[near], spots)]
    inner = np.flatnonzero(meets(units, np.concatenate([spots, _beside(seen[renamed])])))
    views = np.union1d(differ, renamed)
    doors = np.isin(now.doors, np.append(now.number[houses], was))
    gates = places.entrances.geometry.to_numpy()[doors]
    watched = np.concatenate([units[inner], _beside(now.built[houses]), gates])
    return _Rows(inner, views, houses, np.union1d(views, _meeting(seen, watched)))


def _rows(index: pd.Index, codes: pd.Index) -> Ints:
    """Return where some codes stand, as far as they are there."""
    rows: Ints = index.get_indexer(codes)
    return rows[rows >= 0]


def _beside(boxes: Floats) -> Geometries:
    """Return boxes with what is beside them, without those of nothing."""
    some = boxes[~np.isnan(boxes[:, 0])]
    return np.asarray(shapely.box(*(some + np.array([-1.0, -1.0, 1.0, 1.0]) * _BESIDE_M).T))


def _meeting(boxes: Floats, shapes: Geometries) -> Ints:
    """Return which boxes meet any shape."""
    near = overlapping(boxes, shapely.bounds(shapes))
    return near[np.flatnonzero(meets(np.asarray(shapely.box(*boxes[near].T)), shapes))]


def _near_boxes(boxes: Floats, others: Floats, *, within: float = 0.0) -> Ints:
    """Return which boxes come near to any of others."""
    others = others + np.array([-1.0, -1.0, 1.0, 1.0]) * within
    about = overlapping(boxes, others)
    left, low, right, high = boxes[about].T
    near = np.zeros(len(about), dtype=bool)
    for west, south, east, north in others:
        near |= (left <= east) & (right >= west) & (low <= north) & (high >= south)
    return about[near]


# --- computing it -------------------------------------------------------------------------------


def _computed(now: Kept, rows: _Rows, was: Ints) -> Coverage:
    """Return what is seen of some units; ``was``: the numbers of changed buildings."""
    # Geometry alone where that will do: each look at a frame's takes as long as some of the work.
    places, units = now.places, now.places.units.geometry.iloc[rows.units]
    borders = units.geometry.to_numpy()
    about = _near_boxes(now.built, shapely.bounds(borders), within=NEAR_M)
    row, _ = shapely.STRtree(borders).query(
        places.buildings.geometry.to_numpy()[about], predicate="dwithin", distance=NEAR_M
    )
    beside = _near_boxes(now.built, now.built[rows.buildings], within=2.0 * GAP_M)
    houses = np.union1d(about[row], beside)
    part = Places(
        units=units,
        cameras=places.cameras.iloc[rows.watching],
        buildings=places.buildings.iloc[houses],
        roads=near_rows(places.roads.geometry, borders),
        key_areas=near_rows(places.key_areas.geometry, borders),
        # Of a building that is gone the entrances may be there still.
        entrances=places.entrances[np.isin(now.doors, np.append(now.number[houses], was))],
    )
    return coverage_of(part, _sights(now, part, rows.watching, houses))


def _sights(now: Kept, part: Places, cameras: Ints, houses: Ints) -> Sights:
    """Return what some cameras see, walls only of some buildings."""
    scene, walls = scene_of(part.buildings.geometry)
    stretches = now.cameras["walls"][cameras]
    owner = np.repeat(np.arange(len(cameras)), [len(one) for one in stretches])
    number, nth, start, end = np.concatenate([*stretches, np.zeros((0, 4))]).T
    place = np.full(now.number.max(initial=0) + 1, -1)
    place[now.number[houses]] = np.arange(len(houses))
    row = place[number.astype(np.int64)]
    seen = Stretches(walls.first[row] + nth.astype(np.int64), start, end, owner).some(row >= 0)
    columns = {
        name: column[cameras]
        for name, column in now.cameras.items()
        if name not in ("reach", "bounds", "walls")
    }
    return Sights(
        framed(columns, part.cameras.geometry),
        {name: shapes[cameras] for name, shapes in now.detail.items()},
        WallLines(scene, walls, seen),
    )
