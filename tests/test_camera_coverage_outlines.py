"""Covered and bare ground as polygons: by hand, and against overlays."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Polygon, affinity, box
from test_camera_coverage import CRS, camera_frame, real_layer

from gridmap.camera_coverage import SLIVER_M2, ground, ground_coverage, views
from gridmap.camera_coverage.arrangement import corners_of
from gridmap.camera_coverage.outlines import THICKER_M, Overlay, draw

HERE = (500_000, 3_200_000)
SQUARE = box(0, 0, 10, 10)
RING = box(0, 0, 10, 10) - box(3, 3, 7, 7)
FIELD = box(-20, -20, 60, 60)
examples = settings(max_examples=60, deadline=None)


def overlay(shapes, units):
    """Return shapes as an overlay of units."""
    shapes = np.array([*shapes, None], dtype=object)[:-1]
    unit, row = shapely.STRtree(shapes).query(units)
    return Overlay(shapes, corners_of(shapes), row, unit)


def drawn(covers, solids=(), units=(FIELD,), *, least_m2=SLIVER_M2):
    """Return what `draw` finds, at coordinates as they are in a district."""
    covers, solids, units = (
        [affinity.translate(shape, *HERE) for shape in shapes] for shapes in (covers, solids, units)
    )
    units = np.array([*units, None], dtype=object)[:-1]
    found = draw(
        corners_of(units), overlay(covers, units), overlay(solids, units), least_m2=least_m2
    )
    return found, covers, solids, units


def off_m2(shape, expected):
    """Return the area by which two shapes differ, and the most it may."""
    return shapely.symmetric_difference(shape, expected).area, 4 * THICKER_M * (
        shape.length + expected.length
    ) + 10 * SLIVER_M2


def check(covers, solids=(), units=(FIELD,)):
    """Compare with overlays; return what was found."""
    found, covers, solids, units = drawn(covers, solids, units)
    assert not found.failed.any()
    built, seen = shapely.union_all(solids), shapely.union_all(covers)
    for unit, covered, bare, covered_m2, bare_m2, slack in zip(
        units,
        found.covered,
        found.bare,
        found.covered_m2,
        found.bare_m2,
        found.slack_m2,
        strict=True,
    ):
        for shape, area, expected in (
            (covered, covered_m2, (unit & seen) - built),
            (bare, bare_m2, (unit - seen) - built),
        ):
            assert shape.geom_type == "MultiPolygon"
            assert shape.is_valid
            difference, most = off_m2(shape, expected)
            assert difference <= most
            assert area == pytest.approx(expected.area, abs=slack + 1e-4)
    return found


# --- by hand --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("covers", "solids", "parts", "holes"),
    [
        ([], [], (0, 1), (0, 0)),
        ([SQUARE], [], (1, 1), (0, 1)),
        ([SQUARE, SQUARE], [], (1, 1), (0, 1)),
        ([SQUARE] * 5, [], (1, 1), (0, 1)),
        ([RING], [], (1, 2), (1, 1)),
        ([RING, box(4, 4, 6, 6)], [], (2, 2), (1, 2)),
        ([RING, box(0, 4, 10, 6)], [], (1, 3), (2, 1)),
        ([FIELD], [], (1, 0), (0, 0)),
        ([box(-30, -30, 70, 70)], [], (1, 0), (0, 0)),
        ([box(-30, 0, 70, 10)], [], (1, 2), (0, 0)),
        ([SQUARE, box(5, 5, 15, 15)], [], (1, 1), (0, 1)),
        (
            [box(0, 0, 10, 2), box(0, 8, 10, 10), box(0, 0, 2, 10), box(8, 0, 10, 10)],
            [],
            (1, 2),
            (1, 1),
        ),
        ([], [SQUARE], (0, 1), (0, 1)),
        ([], [SQUARE, box(10, 0, 20, 10)], (0, 1), (0, 1)),  # a wall shared
        ([], [RING], (0, 2), (0, 1)),  # a courtyard
        ([], [FIELD], (0, 0), (0, 0)),
        ([SQUARE], [SQUARE], (0, 1), (0, 1)),
        ([box(10, 0, 20, 10)], [SQUARE], (1, 1), (0, 1)),  # a view that ends at a wall
        ([box(-10, -10, 20, 20)], [SQUARE], (1, 1), (1, 1)),
        ([MultiPolygon([SQUARE, box(20, 0, 30, 10)])], [], (2, 1), (0, 2)),
        (
            [Polygon([(0, 0), (10, 0), (10, 10)]), Polygon([(0, 0), (10, 10), (0, 10)])],
            [],
            (1, 1),
            (0, 1),
        ),
    ],
)
def test_ground_by_hand(covers, solids, parts, holes):
    found = check(covers, solids)
    for shape, count, inner in zip((found.covered[0], found.bare[0]), parts, holes, strict=True):
        assert len(shape.geoms) == count
        assert sum(len(part.interiors) for part in shape.geoms) == inner


def test_corners_of_what_is_solid_are_kept():
    found, *_ = drawn([], [SQUARE])
    hole = shapely.get_coordinates(found.bare[0].geoms[0].interiors[0]) - HERE
    assert sorted(map(tuple, hole[:-1])) == [(0, 0), (0, 10), (10, 0), (10, 10)]


def test_a_view_ends_at_the_wall():
    found, *_ = drawn([Polygon([(-5, 5), (0, 2), (0, 8)])], [SQUARE])
    xy = shapely.get_coordinates(found.covered[0]) - HERE
    assert xy[:, 0].max() == pytest.approx(0, abs=1e-6)
    assert sorted(np.unique(xy[xy[:, 0] > -1e-6, 1].round(3))) == pytest.approx([2, 8], abs=1e-3)


def test_units_share_their_border():
    units = [box(0, 0, 30, 30), box(30, 0, 60, 30)]
    found = check([box(20, 10, 40, 20)], [box(25, 12, 35, 14)], units)
    edges = [shapely.get_coordinates(shape) - HERE for shape in found.covered]
    assert edges[0][:, 0].max() == edges[1][:, 0].min() == pytest.approx(30, abs=1e-9)


def test_small_polygons_are_left_out_of_drawings_and_not_of_areas():
    side = np.sqrt(SLIVER_M2) / 2
    found, *_ = drawn([], [box(side, 0, 10, 10), box(0, side, 10, 10)], [SQUARE])
    assert found.bare[0].is_empty
    assert found.bare_m2[0] == pytest.approx(side**2, abs=found.slack_m2[0])
    assert drawn([], [box(side, 0, 10, 10), box(0, side, 10, 10)], [SQUARE], least_m2=1e-4)[0].bare[
        0
    ].area == pytest.approx(side**2, abs=1e-4)


def test_nothing_at_all():
    found, *_ = drawn([], [], [])
    assert [len(part) for part in found] == [0] * 6


# --- hard cases -----------------------------------------------------------------------------------


def test_a_wall_that_is_there_many_times():
    check([box(-10, 2, 0, 8)] * 4, [SQUARE] * 7)


def test_rows_of_touching_houses_in_whole_numbers():
    houses = [box(x, y, x + 5, y + 10) for x in range(0, 40, 5) for y in (0, 10, 30)]
    check([box(-10, 20, 50, 30), box(-10, -5, 0, 45), box(40, -5, 50, 45)], houses)


def test_walls_thinner_than_they_are_made():
    check([box(0, 0, 5, 10)], [box(5, 0, 5 + 1e-5, 10)])


def test_corners_given_twice_and_spikes():
    spike = Polygon(
        [(0, 0), (10, 0), (10, 0), (30, 0.0001), (10, 0.0002), (10, 10), (0, 10), (0, 10)]
    )
    check([box(8, -5, 20, 5)], [spike])


def test_long_borders_make_the_lattice_wider():
    far = box(-20_000, -20_000, 20_000, 20_000)
    found = check([SQUARE, box(5, 5, 15, 15)], [box(10, 0, 20, 4)], [far])
    assert found.covered[0].area == pytest.approx(175, abs=0.1)


def town():
    """Return units, views and houses of a small place."""
    houses = gpd.GeoSeries([box(10, -30, 12, 30), box(20, 5, 30, 9)], ["b1", "b2"])
    houses = houses.translate(*HERE).set_crs(CRS)
    cells = gpd.GeoSeries([box(0, -50, 30, 50), box(30, -50, 50, 50)], ["u1", "u2"])
    seen = views(camera_frame([(0, 0, 90, 90, 40), (40, 0, 270, 60, 30)]), houses)
    return cells.translate(*HERE).set_crs(CRS), seen, houses


@pytest.mark.parametrize("fault", ["failed", "covered_m2", "bare_m2"])
def test_a_unit_that_is_not_drawn_as_measured_is_drawn_by_overlay(monkeypatch, fault):
    units, seen, houses = town()
    before = ground_coverage(units, seen, houses)

    def wrong(*args, **options):
        found = draw(*args, **options)
        empty = np.array([MultiPolygon()] * 2, dtype=object)
        off = np.array([True, True]) if fault == "failed" else getattr(found, fault) + 1.0
        return found._replace(covered=empty, bare=empty.copy(), **{fault: off})

    monkeypatch.setattr(ground, "draw", wrong)
    after = ground_coverage(units, seen, houses)
    for name in ("seen", "blind"):
        assert (after[name].area > 1).all()
        assert after[name].area.tolist() == pytest.approx(before[name].area.tolist(), abs=0.01)
        assert after[name].symmetric_difference(before[name]).area.max() < 0.02


# --- by property ----------------------------------------------------------------------------------


def scattered(seed):
    """Return covers, solids and units of many kinds, some in whole numbers, some the same."""
    rng = np.random.default_rng(seed)
    covers = [
        affinity.rotate(box(0, 0, *rng.uniform(1, 30, 2)), rng.uniform(0, 360))
        for _ in range(rng.integers(0, 8))
    ]
    covers = [affinity.translate(shape, *rng.uniform(0, 60, 2)) for shape in covers]
    covers += [box(x, y, x + w, y + w) for x, y, w in rng.integers(1, 30, (rng.integers(0, 5), 3))]
    covers += [shape.buffer(3) for shape in covers[:2]] + covers[:1]
    solids = [box(x, y, x + w, y + w) for x, y, w in rng.integers(1, 20, (rng.integers(0, 9), 3))]
    solids += [*solids[:1], RING]
    step = rng.integers(15, 80)
    units = [box(x, y, x + step, y + step) for x in (0, step) for y in (0, step)]
    return covers, solids, units


@examples
@given(st.integers(0, 10**6))
def test_scattered_shapes_are_as_overlays(seed):
    covers, solids, units = scattered(seed)
    found, *_ = drawn(covers, solids, units)
    if not found.failed.any():
        check(covers, solids, units)


def test_failures_are_rare():
    failed = [drawn(*scattered(seed))[0].failed for seed in range(200)]
    assert np.concatenate(failed).mean() < 0.01


@examples
@given(st.integers(0, 10**6))
def test_a_unit_is_drawn_alike_alone(seed):
    covers, solids, units = scattered(seed)
    every, *_ = drawn(covers, solids, units)
    alone, *_ = drawn(covers, solids, units[:1])
    assert alone.failed[0] == every.failed[0]
    if not alone.failed[0]:
        for one, other in ((every.covered, alone.covered), (every.bare, alone.bare)):
            assert shapely.equals(one[0], other[0]) or off_m2(one[0], other[0])[0] < 1e-6


# --- real ground ----------------------------------------------------------------------------------


@pytest.mark.real
@pytest.mark.parametrize(
    ("folder", "file"),
    [("tokyo_bunkyo", "buildings_4326.gpkg"), ("helsinki_osm", "buildings.geojson")],
)
def test_real_ground_is_as_overlays(folder, file):
    houses = real_layer(folder, file).geometry
    west, south, east, north = houses.total_bounds
    rng = np.random.default_rng(3)
    middle = np.array([west + east, south + north]) / 2
    xy = middle + rng.uniform(-400, 400, (150, 2))
    cameras = gpd.GeoDataFrame(
        {"azimuth_deg": rng.uniform(0, 360, 150), "hfov_deg": 90.0, "max_range_m": 60.0},
        geometry=shapely.points(xy),
        crs=houses.crs,
    )
    cells = [
        box(*(middle + np.array(at)), *(middle + np.array(at) + 400))
        for at in ((-400, -400), (-400, 0), (0, -400), (0, 0))
    ]
    units = gpd.GeoSeries(cells, index=[f"u{i}" for i in range(4)], crs=houses.crs)
    seen = views(cameras, houses)
    found = draw(
        corners_of(units.to_numpy()),
        ground._overlay(units.to_numpy(), seen.geometry.to_numpy()),
        ground._overlay(units.to_numpy(), houses.to_numpy()),
        least_m2=SLIVER_M2,
    )
    assert not found.failed.any()
    built, watched = houses.union_all(), seen.union_all()
    for k, unit in enumerate(units):
        for shape, expected in (
            (found.covered[k], unit & watched),
            (found.bare[k], unit - built - watched),
        ):
            assert shape.is_valid
            difference, most = off_m2(shape, expected)
            assert difference <= most
