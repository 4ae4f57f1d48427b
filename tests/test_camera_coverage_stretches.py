"""Walls and lines: what is looked up in grids and strips, against shapely and brute force."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, MultiPolygon, Point, Polygon, box
from test_camera_coverage import camera_frame, cells, eyes, series, town
from test_camera_coverage_incremental import scene as places_of

from gridmap.camera_coverage import NEAR_M, coverage, sights
from gridmap.camera_coverage.blind import _metres, _Outlines
from gridmap.camera_coverage.pieces import Lines
from gridmap.camera_coverage.stretches import Stretches, _along, lengths, sums_near
from gridmap.camera_coverage.walls import GAP_M
from gridmap.visibility.scene import edges_of, rings_of, scene_of

examples = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 10**6)
COURT = Polygon([(0, 0), (9, 0), (9, 9), (0, 9)], [[(3, 3), (3, 6), (6, 6), (6, 3)]])
TWO = MultiPolygon([box(20, 0, 22, 2), box(30, 0, 33, 3) - box(31, 1, 32, 2)])


def shapes_of(*shapes):
    return np.array(shapes, dtype=object)


# --- walls ------------------------------------------------------------------------------------


def test_rings_are_those_shapely_gives():
    twice = Polygon([(50, 0), (51, 0), (51, 0), (51, 1), (50, 0)])
    shapes = shapes_of(box(40, 0, 41, 1), COURT, None, Polygon(), TWO, twice, MultiPolygon())
    found = rings_of(shapes)
    parts, owner = shapely.get_parts(shapes, return_index=True)
    solid = ~shapely.is_empty(parts)
    rings, part = shapely.get_rings(parts[solid], return_index=True)
    assert found.row.tolist() == owner[solid][part].tolist() == [0, 1, 1, 4, 4, 4, 5]
    assert found.outer.tolist() == (np.diff(part, prepend=-1) > 0).tolist()
    assert np.diff(found.first).tolist() == shapely.get_num_coordinates(rings).tolist()
    assert (found.xy == shapely.get_coordinates(rings)).all()
    edges, ring = edges_of(found)
    assert np.bincount(ring).tolist() == (shapely.get_num_coordinates(rings) - 1).tolist()
    whole = shapely.length(shapes[~shapely.is_missing(shapes)]).sum()
    assert shapely.length(shapely.linestrings(edges.reshape(-1, 2, 2))).sum() == pytest.approx(
        whole
    )


def test_no_rings():
    for shapes in (shapes_of(), shapes_of(None, Polygon())):
        assert [len(part) for part in rings_of(shapes)] == [0, 1, 0, 0]


def test_walls_of_a_scene_have_the_solid_on_the_left():
    houses = series([COURT, TWO, shapely.reverse(COURT)])
    scene, walls = scene_of(houses)
    assert (scene.walls == walls.ends[walls.line]).all()
    assert walls.first.tolist() == [0, 8, 20, 28]
    assert walls.row.tolist() == np.repeat([0, 1, 2], [8, 12, 8]).tolist()
    assert (walls.row[walls.line] == np.repeat(walls.part_row, np.diff(scene.first))).all()
    ax, ay, bx, by = walls.ends.T
    areas = np.bincount(walls.row, (ax * by - bx * ay) / 2)
    assert areas == pytest.approx(houses.area.to_numpy(), abs=1e-3)


@examples
@given(seeds)
def test_parts_that_share_a_box_are_ordered_by_name_and_not_by_row(seed):
    rng = np.random.default_rng(seed)
    spots = rng.integers(0, 3, (12, 2)) * 30.0
    houses = series([box(x, y, x + rng.choice([5, 9]), y + 5) for x, y in spots])
    mixed = houses.iloc[rng.permutation(len(houses))]
    names = [frame.index[scene_of(frame)[1].part_row].tolist() for frame in (houses, mixed)]
    assert names[0] == names[1]
    west, south, east, north = shapely.bounds(houses.to_numpy()).T
    keys = (houses.index.to_numpy(dtype=str), north, east, south, west, np.floor(south / 48.0))
    assert names[0] == houses.index[np.lexsort(keys)].tolist()


def metres_between(found, ends):
    """Add up stretches by line and owner."""
    length = np.hypot(*(ends[:, 2:] - ends[:, :2]).T)[found.line]
    total = pd.Series((found.end - found.start) * length, dtype=float)
    return total.groupby([found.line, found.owner]).sum()


@examples
@given(seeds, st.sampled_from([0.0, GAP_M / 2, GAP_M * 1.5]))
def test_shut_walls_against_overlays(seed, gap):
    rng = np.random.default_rng(seed)
    shapes, x = [], 0.0
    for _ in range(6):
        wide = rng.uniform(3, 9)
        shapes.append(box(x, rng.uniform(0, 3), x + wide, 12))
        x += wide + gap
    shapes += [MultiPolygon([box(0, -9, 4, -gap), box(7, -9, 9, -5)]), *town(seed, n=6, side=60.0)]
    houses = series([shape for shape in shapes if not shape.is_empty])
    walls = sights(camera_frame([]), houses).walls
    found = metres_between(walls.shut, walls.before)
    for line, before in enumerate(shapely.linestrings(walls.before.reshape(-1, 2, 2))):
        inside = shapely.length(shapely.intersection(houses.to_numpy(), before))
        inside[walls.walls.row[line]] = 0.0
        mine = found.get(line, pd.Series(dtype=float)).reindex(range(len(houses)), fill_value=0.0)
        assert mine.to_numpy() == pytest.approx(inside, abs=1e-6)


def test_walls_are_laid_out_and_shut_once_for_all_steps(monkeypatch):
    calls = []
    for module, name in (("sights", "scene_of"), ("walls", "stretches_beside")):
        # By the name of the module: the room has a function `sights` as well.
        there = sys.modules[f"gridmap.camera_coverage.{module}"]
        work = getattr(there, name)

        def counted(*args, name=name, work=work, **options):
            calls.append(name)
            return work(*args, **options)

        monkeypatch.setattr(there, name, counted)
    places = places_of(np.random.default_rng(1))
    exact = places._replace(cameras=places.cameras.assign(position_tolerance_m=0.0))
    found = coverage(exact)
    assert calls == ["scene_of", "stretches_beside"]
    assert found.frontage["open_m"].sum() > found.frontage["seen_m"].sum() > 0


# --- sums of stretches ----------------------------------------------------------------------------


@examples
@given(seeds, st.integers(1, 4))
def test_spots_are_ordered_by_line_and_along_it(seed, lines):
    rng = np.random.default_rng(seed)
    line = rng.integers(0, lines, rng.integers(0, 90))  # more on a line than are sorted in place
    at = rng.choice([0.0, 0.25, *rng.random(40)], len(line))
    assert _along(line, at, lines).tolist() == np.lexsort((at, line)).tolist()


def test_a_stretch_of_no_length_counts_nothing():
    spots = Stretches(
        np.zeros(3, np.int64),
        np.array([0.5, 0.2, 1.0]),
        np.array([0.5, 0.9, 1.0]),
        np.array([4, 1, 2]),
    )
    found = lengths(
        spots,
        length_m=np.array([10.0]),
        place=np.array([0]),
        places=1,
        group=np.arange(5),
        groups=5,
    )
    assert found.lengths_m[0, 1:2].tolist() == pytest.approx([7.0])
    assert found.lost_m == pytest.approx([0, 7, 0, 0, 0])


def test_sums_of_nothing_are_numbers_with_a_fraction():
    none = np.zeros(0, np.int64)
    nothing = Stretches(none, np.zeros(0), np.zeros(0), none)
    found = lengths(nothing, length_m=np.ones(2), place=np.arange(2), places=2)
    assert found.lengths_m.dtype == float
    assert found.lengths_m.tolist() == [[0.0], [0.0]]


# --- blind areas --------------------------------------------------------------------------------


def pieces_of(seed, houses):
    """Return the open ground of units in pieces, and the unit of each."""
    rng = np.random.default_rng(seed)
    views = [Point(*xy).buffer(rng.uniform(5, 40)) for xy in rng.uniform(0, 180, (4, 2))]
    covered = shapely.union_all([*houses, *series(views)])
    units = series(cells(), "u").to_numpy()
    pieces, unit = shapely.get_parts(shapely.difference(units, covered), return_index=True)
    return pieces, unit, units


@examples
@given(seeds)
def test_homes_near_pieces_against_shapely(seed):
    rng = np.random.default_rng(seed)
    houses = series([*town(seed, n=16), MultiPolygon([box(1, 1, 4, 4), box(170, 170, 175, 176)])])
    pieces, _, _ = pieces_of(seed, houses)
    scene, walls = scene_of(houses)
    homes = rng.integers(0, 9, len(houses)).astype(float)
    rings = rings_of(pieces)
    edges, ring = edges_of(rings)
    place = rings.row[ring]
    found = sums_near(edges, place, len(pieces), scene, walls.part_row, homes, NEAR_M)
    near = shapely.distance(pieces[:, None], houses.to_numpy()[None]) <= NEAR_M
    assert found.tolist() == (near @ homes).tolist()


@examples
@given(seeds)
def test_lines_in_pieces_against_shapely(seed):
    rng = np.random.default_rng(seed)
    houses = series(town(seed, n=12))
    pieces, unit, units = pieces_of(seed, houses)
    corners = shapely.get_coordinates(units)
    low, high = corners.min(axis=0) - 20, corners.max(axis=0) + 20
    ends = np.hstack([rng.uniform(low, high, (300, 2)), rng.uniform(low, high, (300, 2))])
    # Middles on outlines too: on those of the units two pieces meet.
    edges, _ = edges_of(rings_of(pieces))
    ends = np.vstack([ends, edges])
    lines = Lines(ends, rng.uniform(1, 2, len(ends)), rng.integers(0, len(units), len(ends)))
    rings = rings_of(pieces)
    first = np.searchsorted(unit[rings.row], np.arange(len(units) + 1))
    found = _metres(_Outlines(rings, first), lines, len(pieces))
    expected = np.zeros(len(pieces))
    for middle, metres, own in zip(
        shapely.points((ends[:, :2] + ends[:, 2:]) / 2), lines.length_m, lines.unit, strict=True
    ):
        near = np.flatnonzero((unit == own) & (shapely.distance(pieces, middle) <= 1e-6))
        expected[near[:1]] += metres
    assert found == pytest.approx(expected)


def test_lines_in_no_piece():
    lines = Lines(np.zeros((1, 4)), np.ones(1), np.zeros(1, np.int64))
    none = _Outlines(rings_of(shapes_of()), np.zeros(3, np.int64))
    assert _metres(none, lines, 0).tolist() == []
    apart = rings_of(shapes_of(box(5, 5, 6, 6)))
    assert _metres(_Outlines(apart, np.array([0, 1])), lines, 1).tolist() == [0.0]


@examples
@given(seeds)
def test_walls_lie_on_their_buildings(seed):
    houses = series(town(seed))
    walls = sights(camera_frame(eyes(seed)), houses).walls.walls
    for line, house in zip(walls.ends[:40], walls.row, strict=False):
        assert LineString(line.reshape(2, 2)).within(houses.iloc[house].boundary.buffer(1e-6))
