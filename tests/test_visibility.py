"""View polygons: worked by hand, by property, against naive shapely and rays, on real data."""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Point, Polygon, affinity, box
from toy_town import shared_data

from gridmap import crs
from gridmap.errors import CrsError, FrameError
from gridmap.visibility import (
    ESCAPE_M,
    REASONS,
    STATUSES,
    VIEW_COLUMNS,
    kernel,
    placement,
    view_polygons,
    visible_walls,
    warm_up,
)

CRS = "EPSG:32648"
RNG_SEEDS = range(6)


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    warm_up()


def camera_frame(rows, crs=CRS):
    """Build cameras from (x, y, azimuth, hfov, range)."""
    table = pd.DataFrame(rows, columns=["x", "y", "azimuth_deg", "hfov_deg", "max_range_m"])
    table.index = [f"c{i}" for i in range(len(table))]
    points = gpd.points_from_xy(table.pop("x"), table.pop("y"))
    return gpd.GeoDataFrame(table.astype(float), geometry=points, crs=crs)


def building_series(shapes, crs=CRS):
    return gpd.GeoSeries(list(shapes), index=[f"b{i}" for i in range(len(shapes))], crs=crs)


def look(rows, shapes, **options):
    options.setdefault("convergence", False)
    return view_polygons(camera_frame(rows), building_series(shapes), **options)


def area(row, *shapes):
    return look([row], shapes)["area_m2"].iloc[0]


# --- worked by hand -----------------------------------------------------------------------------


def test_open_ground_is_the_sector():
    for angle in (0.01, 28, 90, 180, 270, 359.9, 360):
        expected = math.pi * 30**2 * angle / 360
        assert area((3, 4, 77, angle, 30)) == pytest.approx(expected, rel=1e-9)


def test_polygon_is_short_of_the_arc_by_the_tolerance_at_most():
    view = look([(0, 0, 0, 360, 50)], [])
    short = 1 - view.area.iloc[0] / view["area_m2"].iloc[0]
    assert 0 < short < 0.0005
    assert view.hausdorff_distance(Point(0, 0).buffer(50, quad_segs=2000)).iloc[0] < 0.011


def test_arcs_of_one_pole_share_corners():
    views = look([(0, 0, 10, 90, 50), (0, 0, 50, 90, 50)], []).geometry
    corners = [set(map(tuple, shapely.get_coordinates(view))) for view in views]
    assert len(corners[0] & corners[1]) > 10


def test_a_wall_throws_a_shadow():
    # Shadow of a 2 m wall 10 m away: the sector over it less the triangle before it.
    expected = math.pi * 900 - 900 * math.atan(0.1) + 10
    assert area((0, 0, math.nan, 360, 30), box(10, -1, 12, 1)) == pytest.approx(expected)


def test_a_wall_behind_the_camera_or_out_of_range_does_nothing():
    free = area((0, 0, 90, 90, 30))
    for shape in (box(-12, -5, -10, 5), box(31, -5, 40, 5), box(22, 22, 30, 30)):
        assert area((0, 0, 90, 90, 30), shape) == free


def test_a_wall_across_the_start_of_the_circle():
    for turn in range(0, 360, 15):
        wall = affinity.rotate(box(10, -1, 12, 1), turn, origin=(0, 0))
        expected = math.pi * 900 - 900 * math.atan(0.1) + 10
        assert area((0, 0, 0, 360, 30), wall) == pytest.approx(expected)


@pytest.mark.parametrize(
    "angle",
    [180, 270, 360],
)
def test_wide_angles_beside_a_long_wall(angle):
    # A wall 10 m east, so long that it bounds the range everywhere it can.
    half = math.acos(10 / 20)
    cut = 20**2 * half - 10 * 20 * math.sin(half)
    free = math.pi * 20**2 * angle / 360
    assert area((0, 0, 90, angle, 20), box(10, -100, 12, 100)) == pytest.approx(free - cut)


def test_a_courtyard_is_seen_from_within_and_hides_from_without():
    block = box(-20, -20, 20, 20) - box(-10, -10, 10, 10)
    assert area((0, 0, math.nan, 360, 100), block) == pytest.approx(400)
    solid, hollow = box(-20, -20, 20, 20), block
    outside = (-40, 3, 90, 120, 90)
    assert area(outside, hollow) == area(outside, solid)


def test_touching_buildings_let_nothing_through():
    row = (0, 0, 90, 120, 60)
    assert area(row, box(10, -40, 12, 1), box(10, 1, 12, 40)) == pytest.approx(
        area(row, box(10, -40, 12, 40))
    )


def test_buildings_that_touch_at_a_corner_let_nothing_through():
    assert area((0, 0, 45, 90, 50), box(0, 10, 10, 20), box(10, 0, 20, 10)) == pytest.approx(100)


def test_overlapping_and_repeated_buildings_are_one_obstacle():
    row = (0, 0, 90, 100, 60)
    one, other = box(10, -5, 20, 5), box(15, 0, 25, 30)
    united = area(row, one | other)
    repeated = Polygon([(10, -5), (20, -5), (20, -5), (20, 5), (10, 5), (10, 5)])
    assert area(row, one, other) == pytest.approx(united)
    assert area(row, one, repeated, other, one) == pytest.approx(united)


def test_a_multipolygon_is_its_parts():
    parts = [box(10, -5, 20, 5), box(15, 10, 25, 30)]
    row = (0, 0, 90, 100, 60)
    assert area(row, shapely.MultiPolygon(parts)) == area(row, *parts)


def test_orientation_and_third_dimension_of_rings_do_not_matter():
    row = (0, 0, 90, 100, 60)
    ring = [(10, -5), (20, -5), (20, 5), (10, 5)]
    high = Polygon([(x, y, 9) for x, y in ring[::-1]])
    assert area(row, high) == area(row, Polygon(ring))


def test_a_camera_far_from_every_building():
    assert area((1e6, -1e6, 0, 90, 50), box(0, 0, 1, 1)) == pytest.approx(math.pi * 625)


def test_obstacles_spread_over_a_country_do_not_need_a_grid_of_its_size():
    shapes = [box(x, y, x + 10, y + 10) for x in (20, 1e6, 3e6) for y in (0, 2e6)]
    assert area((0, 5, 90, 60, 100), *shapes) == pytest.approx(area((0, 5, 90, 60, 100), shapes[0]))


def test_more_walls_than_there_is_room_for_at_first():
    turns = np.radians(np.arange(0, 360, 0.6))
    pillars = [box(x - 0.05, y - 0.05, x + 0.05, y + 0.05) for x, y in pillar_places(turns)]
    row = (0, 0, 0, 360, 60)
    fine = look([row], pillars, arc_tolerance_m=FINE_M)
    assert len(pillars) * 4 + 12 > kernel._SPANS
    expected = naive_view(row, pillars).area
    assert fine["area_m2"].iloc[0] == pytest.approx(expected, rel=1e-6)


def pillar_places(turns):
    reach = np.where(np.arange(len(turns)) % 2, 40, 50)
    return np.column_stack([np.cos(turns) * reach, np.sin(turns) * reach])


def test_a_range_beyond_everything_ends_soon():
    wall = box(10, -5, 12, 5)
    expected = math.pi * 1e14 - (
        1e14 - 100 * math.tan(math.atan(0.5)) / math.atan(0.5)
    ) * math.atan(0.5)
    assert area((0, 0, 0, 360, 1e7), wall) == pytest.approx(expected, rel=1e-9)


# --- where a camera is put ----------------------------------------------------------------------


def only(frame):
    assert len(frame) == 1
    return frame.iloc[0]


def test_a_camera_in_a_building_leaves_along_its_axis():
    view = only(look([(5, 5, 90, 90, 20)], [box(0, 0, 10, 10)]))
    assert (view["status"], view["reason"]) == ("moved", "inside_building")
    assert view["moved_m"] == pytest.approx(5.05)
    assert view["area_m2"] == pytest.approx(math.pi * 100)
    assert (view["x_m"], view["y_m"]) == (5, 5)
    assert view.geometry.bounds[0] == pytest.approx(10.05)


def test_a_dome_in_a_building_leaves_through_the_nearest_wall():
    view = only(look([(2, 5, 90, 360, 20)], [box(0, 0, 10, 10)]))
    assert (view["status"], view["moved_m"]) == ("moved", pytest.approx(2.05))
    assert view.geometry.bounds[2] < 0.16  # past the corners, 5 m away


def test_a_camera_deep_in_a_building_is_excluded():
    views = look([(50, 50, 90, 90, 20), (50, 50, 0, 360, 20)], [box(0, 0, 100, 100)])
    assert (views["status"] == "excluded").all()
    assert (views["reason"] == "inside_building").all()
    assert views.is_empty.all()
    assert (views["area_m2"] == 0).all()
    assert (views["moved_m"] == 0).all()


def test_the_way_out_leads_through_touching_buildings():
    row = box(0, 0, 10, 10), box(10, 0, 14, 10)
    assert only(look([(5, 5, 90, 90, 20)], row))["moved_m"] == pytest.approx(9.05)
    assert only(look([(9, 5, 0, 360, 20)], row))["moved_m"] == pytest.approx(math.hypot(0, 5.05))


def test_the_way_out_is_limited():
    for x, status in ((ESCAPE_M - 0.1, "moved"), (ESCAPE_M + 0.1, "excluded")):
        assert only(look([(-x, 0, 90, 90, 20)], [box(-99, -99, 0, 99)]))["status"] == status


def test_a_camera_on_a_wall_is_put_off_it():
    house = [box(0, 0, 10, 10)]
    for x in (9.995, 10, 10.005):
        view = only(look([(x, 5, 90, 180, 20)], house))
        assert (view["status"], view["reason"]) == ("moved", "on_wall")
        assert view["moved_m"] == pytest.approx(0.05)
    assert only(look([(10.02, 5, 90, 180, 20)], house))["status"] == "ok"


def test_a_camera_on_a_corner_is_put_off_along_the_bisector():
    view = only(look([(10, 10, 45, 180, 20)], [box(0, 0, 10, 10)]))
    assert view["moved_m"] == pytest.approx(0.05)
    nearest = Point(10 + 0.05 / math.sqrt(2), 10 + 0.05 / math.sqrt(2))
    assert view.geometry.distance(nearest) < 1e-9


def test_a_camera_on_a_party_wall_leaves_the_block():
    row = box(0, 0, 10, 10), box(10, 0, 20, 10)
    view = only(look([(10, 5, 0, 90, 20)], row))
    assert (view["status"], view["reason"]) == ("moved", "inside_building")
    assert view["moved_m"] == pytest.approx(5.05)
    assert view["area_m2"] == pytest.approx(math.pi * 100)


def test_a_camera_in_a_gap_too_narrow_to_stand_in_is_excluded():
    walls = box(0, -50, 10, 50), box(10.008, -50, 20, 50)
    view = only(look([(10.004, 0, 90, 90, 20)], walls))
    assert view["status"] == "moved"  # through the 9.992 m house before it
    walls = box(-50, -50, 10, 50), box(10.008, -50, 60, 50)
    view = only(look([(10.004, 0, 90, 90, 20)], walls))
    assert (view["status"], view["reason"]) == ("excluded", "on_wall")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((math.nan, 0, 0, 90, 20), "no_position"),
        ((0, 0, 0, 90, math.nan), "no_range"),
        ((0, 0, 0, 90, 0), "no_range"),
        ((0, 0, 0, 90, -1), "no_range"),
        ((0, 0, 0, 90, math.inf), "no_range"),
        ((0, 0, 0, math.nan, 20), "no_angle"),
        ((0, 0, 0, 0, 20), "no_angle"),
        ((0, 0, math.nan, 90, 20), "no_azimuth"),
        ((0, 0, 0, 1e-9, 20), "too_narrow"),
    ],
)
def test_what_cannot_be_viewed_is_excluded_with_a_reason(row, reason):
    view = only(look([row], [box(5, 5, 6, 6)]))
    assert (view["status"], view["reason"]) == ("excluded", reason)
    assert view.geometry.is_empty
    assert view["area_m2"] == 0


def test_a_missing_point_is_no_position():
    cameras = camera_frame([(0, 0, 0, 90, 20)] * 2)
    cameras.geometry = [None, Point()]
    assert (view_polygons(cameras, building_series([]))["reason"] == "no_position").all()


def test_tiny_ranges_and_angles_give_valid_polygons():
    views = look([(0, 0, 0, 360, 0.001), (0, 0, 0, 0.01, 50), (0, 0, 0, 359.999, 50)], [])
    assert views.is_valid.all()
    assert (views["status"] == "ok").all()


# --- frames -------------------------------------------------------------------------------------


def test_empty_frames_keep_their_columns():
    for rows, shapes in (([], []), ([], [box(0, 0, 1, 1)]), ([(0, 0, 0, 90, 20)], [])):
        for convergence in (True, False):
            views = look(rows, shapes, convergence=convergence)
            assert tuple(views.columns) == VIEW_COLUMNS
            assert list(views.index) == [f"c{i}" for i in range(len(rows))]
            assert views.crs == CRS
            assert [str(kind) for kind in views.dtypes[["area_m2", "status", "reason"]]] == [
                "float64",
                "object",
                "object",
            ]
            walls = visible_walls(camera_frame(rows), building_series(shapes))
            assert list(walls.columns) == ["camera", "obstacle", "wall", "wall_m", "start", "end"]


def test_missing_and_empty_obstacles_are_no_obstacles():
    shapes = [None, Polygon(), box(10, -40, 12, 40)]
    assert area((0, 0, 90, 90, 40), *shapes) == pytest.approx(100)


def test_wrong_frames_are_refused():
    cameras, houses = camera_frame([(0, 0, 0, 90, 20)]), building_series([box(0, 0, 1, 1)])
    with pytest.raises(CrsError):
        view_polygons(cameras.set_crs("EPSG:4490", allow_override=True), houses)
    with pytest.raises(CrsError):
        view_polygons(cameras, houses.set_crs("EPSG:4490", allow_override=True))
    with pytest.raises(FrameError, match="same CRS"):
        view_polygons(cameras, houses.set_crs("EPSG:32649", allow_override=True))
    with pytest.raises(FrameError, match="hfov_deg"):
        view_polygons(cameras.drop(columns="hfov_deg"), houses)
    with pytest.raises(FrameError, match="duplicate"):
        view_polygons(cameras.iloc[[0, 0]], houses)
    with pytest.raises(FrameError, match="duplicate"):
        view_polygons(cameras, houses.iloc[[0, 0]])
    with pytest.raises(FrameError, match="points"):
        view_polygons(cameras.set_geometry(cameras.buffer(1)), houses)
    with pytest.raises(FrameError, match="polygons"):
        view_polygons(cameras, houses.boundary)


def test_azimuth_counts_from_true_north():
    frame = pyproj.CRS.from_epsg(4545)  # 1.4 degrees from the central meridian
    to_grid = pyproj.Transformer.from_crs(frame.geodetic_crs, frame, always_xy=True)
    geod = frame.get_geod()
    for azimuth in (0, 37, 200):
        lon, lat, _ = geod.fwd(106.6, 29.5, azimuth, 900)
        start, end = to_grid.transform(106.6, 29.5), to_grid.transform(lon, lat)
        cameras = camera_frame([(*start, azimuth, 0.002, 1000)], crs=frame)
        true = view_polygons(cameras, building_series([], frame)).geometry.iloc[0]
        grid = view_polygons(cameras, building_series([], frame), convergence=False)
        assert true.distance(Point(end)) < 0.02
        assert grid.distance(Point(end)).iloc[0] == pytest.approx(10.8, abs=0.2)


def test_one_compilation_serves_every_frame():
    before = len(kernel.scan.signatures), len(placement.stand_all.signatures)
    for rows_, shapes in (([], []), ([(0, 0, 0, 90, 20)], []), ([], [box(1, 1, 2, 2)])):
        look(rows_, shapes)
        look(rows_, shapes, convergence=True, arc_tolerance_m=1)
    assert (len(kernel.scan.signatures), len(placement.stand_all.signatures)) == before == (1, 1)


def test_compiling_goes_on_where_no_cache_can_be_written(monkeypatch):
    def refuse(*_args, cache=False, **_options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(kernel.numba, "njit", refuse)
    assert kernel.jit_entry(len) is len


# --- scenes -------------------------------------------------------------------------------------


def city(seed, n=60, side=160.0):
    """Return houses of all sorts, overlapping and touching ones among them."""
    rng = np.random.default_rng(seed)
    shapes = []
    for _ in range(n):
        x, y, w, h = *rng.uniform(0, side, 2), *rng.uniform(4, 18, 2)
        kind = rng.integers(4)
        shape = box(x, y, x + w, y + h)
        if kind == 1:
            shape -= box(x + w / 3, y + h / 3, x + w + 1, y + h + 1)
        elif kind == 2:
            shape -= box(x + w / 4, y + h / 4, x + w / 2, y + h / 2)
        elif kind == 3:
            shape |= box(x + w, y, x + 1.5 * w, y + h / 2)
        shapes.append(affinity.rotate(shape, float(rng.choice([0, 0, 30, rng.uniform(0, 90)]))))
    return shapes


def lattice_city(seed, n=14):
    """Return a city on whole metres: shared walls, corner touches, duplicates."""
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, n, (n * n // 6, 2)) * 4.0
    sizes = rng.integers(1, 4, (len(corners), 2)) * 4.0
    return [box(x, y, x + w, y + h) for (x, y), (w, h) in zip(corners, sizes, strict=True)]


def eyes(seed, n=12, side=160.0, reach=(15, 60)):
    rng = np.random.default_rng(1000 + seed)
    angle = np.where(rng.random(n) < 0.3, 360, rng.uniform(10, 350, n))
    return np.column_stack(
        [rng.uniform(0, side, (n, 2)), rng.uniform(0, 360, n), angle, rng.uniform(*reach, n)]
    ).tolist()


def lattice_eyes(seed, n=12, side=56):
    rng = np.random.default_rng(2000 + seed)
    angle, azimuth = rng.choice([45, 90, 180, 270, 360], n), rng.choice(range(0, 360, 45), n)
    where = rng.integers(0, side, (n, 2)) + rng.choice([0, 0.5], (n, 2))
    return np.column_stack([where, azimuth, angle, rng.choice([20, 40], n)]).tolist()


# --- properties ---------------------------------------------------------------------------------

scenes = st.builds(city, st.integers(0, 10**6), n=st.integers(0, 25), side=st.just(80.0))
rows = st.builds(
    lambda x, y, azimuth, angle, reach: (x, y, azimuth, angle, reach),
    st.floats(0, 80),
    st.floats(0, 80),
    st.floats(0, 360),
    st.sampled_from([5.0, 60.0, 90.0, 180.0, 200.0, 270.0, 359.0, 360.0]),
    st.floats(1, 70),
)
many = st.lists(rows, min_size=1, max_size=8)
examples = settings(max_examples=40, deadline=None)


def sector(row, spread=1e-6):
    """Return the open sector of a camera at the origin, a little wider than it is."""
    _, _, azimuth, angle, reach = row
    if angle >= 360:
        return Point(0, 0).buffer(reach + spread, quad_segs=4000)
    turns = np.radians(90 - azimuth + np.linspace(-angle / 2, angle / 2, 4001))
    arc = np.column_stack([np.cos(turns), np.sin(turns)]) * (reach + spread) * (1 + 1e-6)
    return Polygon(np.vstack([[0, 0], arc])).buffer(spread)


@examples
@given(many, scenes)
def test_views_are_valid_and_inside_their_sectors(cameras, shapes):
    views = look(cameras, shapes)
    assert views.is_valid.all()
    assert set(views["status"]) <= set(STATUSES)
    assert set(views["reason"]) <= set(REASONS)
    for row, view in zip(cameras, views.itertuples(), strict=True):
        if view.status == "ok":
            seen = affinity.translate(view.geometry, -row[0], -row[1])
            assert seen.difference(sector(row)).area < 1e-6
        assert view.area_m2 >= view.geometry.area - 1e-9


@examples
@given(many, scenes)
def test_views_do_not_enter_buildings(cameras, shapes):
    views = look(cameras, shapes)
    solid = shapely.union_all(shapes)
    assert (shapely.area(shapely.intersection(views.geometry.to_numpy(), solid)) < 1e-6).all()


@examples
@given(many, scenes, st.integers(0, 10**6))
def test_a_further_wall_never_adds_ground(cameras, shapes, seed):
    before, after = look(cameras, shapes), look(cameras, [*shapes, *city(seed, 1, 80.0)])
    stays = (before["status"] == "ok") & (after["status"] == "ok")
    assert (after["area_m2"] <= before["area_m2"] * (1 + 1e-9) + 1e-9)[stays].all()


@examples
@given(many, scenes, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(cameras, shapes, random):
    frame, houses = camera_frame(cameras), building_series(shapes)
    views = view_polygons(frame, houses, convergence=False)
    order, other = list(range(len(frame))), list(range(len(houses)))
    random.shuffle(order)
    random.shuffle(other)
    again = view_polygons(frame.iloc[order], houses.iloc[other], convergence=False)
    assert (shapely.to_wkb(again.geometry) == shapely.to_wkb(views.geometry.iloc[order])).all()
    pd.testing.assert_frame_equal(
        again.drop(columns="geometry"), views.iloc[order].drop(columns="geometry")
    )
    walls = visible_walls(frame, houses, convergence=False).set_index("camera")
    moved = visible_walls(frame.iloc[order], houses.iloc[other], convergence=False)
    pd.testing.assert_frame_equal(moved.set_index("camera").sort_index(kind="stable"), walls)


@examples
@given(many, scenes, st.integers(-(10**6), 10**6), st.integers(0, 4 * 10**6))
def test_a_shift_does_not_matter(cameras, shapes, dx, dy):
    here = look(cameras, shapes)
    there = look(
        [(x + dx, y + dy, *rest) for x, y, *rest in cameras],
        [affinity.translate(shape, dx, dy) for shape in shapes],
    )
    stays = (here["status"] == "ok") & (there["status"] == "ok")
    assert np.allclose(here["area_m2"][stays], there["area_m2"][stays], rtol=1e-6, atol=1e-6)


@examples
@given(many, scenes, st.sampled_from([90, 180, 270]))
def test_a_quarter_turn_does_not_matter(cameras, shapes, turn):
    def turned(shape):
        return affinity.rotate(shape, turn, origin=(0, 0))

    here = look(cameras, shapes)
    places = [shapely.get_coordinates(turned(Point(row[0], row[1])))[0] for row in cameras]
    there = look(
        [(*p, row[2] - turn, *row[3:]) for p, row in zip(places, cameras, strict=True)],
        [turned(shape) for shape in shapes],
    )
    stays = (here["status"] == "ok") & (there["status"] == "ok")
    assert np.allclose(here["area_m2"][stays], there["area_m2"][stays], rtol=1e-6, atol=1e-6)


# --- oracles ------------------------------------------------------------------------------------

FINE_M = 1e-6


def fine_sector(row):
    """Return the sector of a camera at the origin with the corners the kernel's arcs have."""
    _, _, azimuth, angle, reach = row
    steps = kernel._arc_steps(reach, FINE_M)
    lattice = np.arange(steps) * 2 * np.pi / steps
    if angle >= 360:
        return Polygon(np.column_stack([np.cos(lattice), np.sin(lattice)]) * reach)
    low, high = np.radians(90 - azimuth - angle / 2), np.radians(90 - azimuth + angle / 2)
    inner = (lattice - low) % (2 * np.pi) + low
    turns = np.concatenate([[low], np.sort(inner[inner < high]), [high]])
    return Polygon(np.vstack([[0, 0], np.column_stack([np.cos(turns), np.sin(turns)]) * reach]))


def shadow(a, b, reach):
    """Return the ground behind one wall, seen from the origin, as far as twice the range."""
    low, high = math.atan2(a[1], a[0]), math.atan2(b[1], b[0])
    turn = (high - low + math.pi) % (2 * math.pi) - math.pi
    turns = low + turn * np.linspace(0, 1, 7)
    far = (
        np.column_stack([np.cos(turns), np.sin(turns)])
        * 2
        * max(reach, *map(math.hypot, *zip(a, b, strict=True)))
    )
    return Polygon([tuple(a), *map(tuple, far), tuple(b)])


def naive_view(row, shapes):
    """Return the view of one camera by one shadow a wall: slow, independent, in its own frame."""
    local = [affinity.translate(shape, -row[0], -row[1]) for shape in shapes]
    near = [shape for shape in local if shape.distance(Point(0, 0)) <= row[4]]
    dark = list(near)
    for polygon in shapely.get_parts(near):
        for ring in (polygon.exterior, *polygon.interiors):
            for a, b in zip(ring.coords[:-1], ring.coords[1:], strict=True):
                cross = a[0] * b[1] - a[1] * b[0]
                if abs(cross) > 1e-9:
                    dark.append(shadow(a, b, row[4]))
    return shapely.difference(fine_sector(row), shapely.union_all(shapely.make_valid(dark)))


def assert_as_naive(cameras, shapes):
    views = look(cameras, shapes, arc_tolerance_m=FINE_M)
    compared = 0
    for row, view in zip(cameras, views.itertuples(), strict=True):
        if view.status != "ok":
            continue
        ours = affinity.translate(view.geometry, -row[0], -row[1])
        wrong = shapely.symmetric_difference(ours, naive_view(row, shapes)).area
        assert wrong <= 1e-6 * max(view.area_m2, 1.0), (row, wrong)
        compared += 1
    return compared


@pytest.mark.parametrize("seed", RNG_SEEDS)
def test_against_naive_shadows(seed):
    assert assert_as_naive(eyes(seed), city(seed)) > 2


@pytest.mark.parametrize("seed", RNG_SEEDS)
def test_against_naive_shadows_on_the_lattice(seed):
    assert assert_as_naive(lattice_eyes(seed), lattice_city(seed)) > 0


def walls_of(shapes):
    """Return the walls (n, 4) of polygons."""
    rings = shapely.get_rings(shapely.get_parts(shapes))
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    return np.column_stack([xy[:-1], xy[1:]])[ring[1:] == ring[:-1]]


def ray_depth(x, y, directions, walls):
    """Return how far each ray runs before it meets a wall: every ray against every wall."""
    dx, dy = np.cos(directions)[:, None], np.sin(directions)[:, None]
    qx, qy = walls[:, 0] - x, walls[:, 1] - y
    ex, ey = walls[:, 2] - walls[:, 0], walls[:, 3] - walls[:, 1]
    leaving = dx * ey - dy * ex
    with np.errstate(divide="ignore", invalid="ignore"):
        along, depth = (qx * dy - qy * dx) / leaving, (qx * ey - qy * ex) / leaving
    hit = (along >= 0) & (along <= 1) & (depth > 0) & (leaving != 0)
    return np.where(hit, depth, np.inf).min(axis=1, initial=np.inf)


def mismatches(cameras, shapes, seed, n=400):
    """Return how many random rays end more than 1 mm from where the polygon ends, and the rays."""
    rng, walls = np.random.default_rng(seed), walls_of(shapes)
    views, wrong, cast = look(cameras, shapes, arc_tolerance_m=1e-4), 0, 0
    for (x, y, azimuth, angle, reach), view in zip(cameras, views.itertuples(), strict=True):
        if view.status != "ok":
            continue
        turns = np.radians(90 - azimuth + rng.uniform(-angle / 2, angle / 2, n))
        depth = np.minimum(ray_depth(x, y, turns, walls), reach)
        before, behind = np.maximum(depth - 1e-3, 0), depth + 1e-3
        shapely.prepare(view.geometry)
        seen, unseen = (
            shapely.contains_xy(view.geometry, x + d * np.cos(turns), y + d * np.sin(turns))
            for d in (before, behind)
        )
        wrong += (~seen).sum() + unseen.sum()
        cast += n
    return wrong, cast


def test_against_rays():
    results = [mismatches(eyes(seed), city(seed), seed) for seed in RNG_SEEDS]
    assert sum(cast for _, cast in results) > 10_000
    # A ray within a micrometre of a corner may pass it on the other side.
    assert sum(wrong for wrong, _ in results) <= 1


def oriented_walls(shape):
    """Return the walls of a building in the order of its rings, the solid on the left."""
    walls = []
    for part in shapely.get_parts(shape):
        for ring in (part.exterior, *part.interiors):
            ends = list(zip(ring.coords[:-1], ring.coords[1:], strict=True))
            wrong = ring.is_ccw != (ring is part.exterior or ring.equals(part.exterior))
            walls += [(b, a) if wrong else (a, b) for a, b in ends]
    return walls


def test_seen_stretches_of_walls_against_rays():
    wrong = cast = 0
    for seed in RNG_SEEDS:
        cameras, shapes = eyes(seed), city(seed, n=30)
        frame, houses = camera_frame(cameras), building_series(shapes)
        ok = view_polygons(frame, houses, convergence=False)["status"] == "ok"
        stretches = visible_walls(frame, houses, convergence=False)
        assert (stretches["start"] <= stretches["end"]).all()
        walls = walls_of(shapes)
        for row in stretches[stretches["camera"].map(ok)].itertuples():
            camera = frame.geometry[row.camera]
            a, b = np.array(oriented_walls(houses[row.obstacle])[row.wall])
            assert row.wall_m == pytest.approx(math.dist(a, b))
            for share in np.linspace(row.start, row.end, 5)[1:-1]:
                dx, dy = a + share * (b - a) - (camera.x, camera.y)
                depth = ray_depth(camera.x, camera.y, np.array([math.atan2(dy, dx)]), walls)[0]
                wrong += abs(depth - math.hypot(dx, dy)) > 1e-3
                cast += 1
    assert cast > 1000
    assert wrong == 0


# --- real data ----------------------------------------------------------------------------------


def real_layer(folder, file):
    """Return a real layer in its metric frame, or skip."""
    frame = gpd.read_file(shared_data(folder) / file)
    return frame.to_crs(crs.metric_crs_of(frame))


def random_cameras(houses, n, seed):
    """Return cameras scattered among real buildings, and their rows about the first of them."""
    rng = np.random.default_rng(seed)
    base = shapely.get_coordinates(houses.representative_point())[rng.integers(0, len(houses), n)]
    xy = base + rng.normal(0, 12, (n, 2))
    angle = np.where(rng.random(n) < 0.28, 360, rng.uniform(28, 106, n))
    return np.column_stack([xy, rng.uniform(0, 360, n), angle, rng.uniform(30, 150, n)])


@pytest.mark.real
@pytest.mark.slow
def test_tokyo_against_naive_shadows():
    houses = real_layer("tokyo_bunkyo_small", "buildings.geojson").geometry
    origin = houses.total_bounds[:2].round()
    rows = random_cameras(houses, 60, 3)
    rows[:, :2] -= origin
    shapes = list(houses.translate(*-origin))
    tree = shapely.STRtree(shapes)
    compared = 0
    for row in rows.tolist():
        near = tree.query(Point(row[:2]), predicate="dwithin", distance=row[4])
        compared += assert_as_naive([row], [shapes[i] for i in near])
    assert compared > 15


@pytest.mark.real
def test_tokyo_gives_valid_polygons_that_keep_out_of_buildings():
    houses = real_layer("tokyo_bunkyo_small", "buildings.geojson")
    cameras = camera_frame(random_cameras(houses, 3000, 4).tolist(), crs=houses.crs)
    views = view_polygons(cameras, houses)
    assert views.is_valid.all()
    short = 1 - views.area.sum() / views["area_m2"].sum()
    assert 0 < short < 0.0005
    tree = shapely.STRtree(houses.geometry.to_numpy())
    view, house = tree.query(views.geometry.to_numpy(), predicate="intersects")
    inside = shapely.intersection(
        views.geometry.to_numpy()[view], houses.geometry.to_numpy()[house]
    )
    assert shapely.area(inside).max() < 1e-4


@pytest.mark.real
def test_helsinki_cameras_inside_buildings_are_moved_or_excluded():
    houses = real_layer("helsinki_osm", "buildings.geojson")
    cameras = real_layer("helsinki_osm", "cameras.geojson").to_crs(houses.crs)
    cameras = cameras.assign(azimuth_deg=np.nan, hfov_deg=360.0, max_range_m=50.0)
    views = view_polygons(cameras, houses)
    inside = cameras.within(houses.union_all())
    assert len(views) == 221
    assert inside.sum() == 50
    assert set(views["status"][inside]) <= {"moved", "excluded"}
    assert set(views["reason"][~inside]) <= {"", "on_wall"}
    assert views.is_valid.all()
