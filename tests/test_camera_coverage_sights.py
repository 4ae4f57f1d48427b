"""Optics, certain and possible views, detail: by hand, by property, against sampled views."""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Point, box
from test_camera_coverage import EAST, HERE, WALL, camera_frame, series, town

from gridmap.camera_coverage import (
    DEFAULT_HFOV_DEG,
    DEFAULT_RANGE_M,
    DETAIL_LEVELS,
    DORI_LEVELS,
    PLANNING_LEVELS,
    complete_optics,
    detail_range_m,
    sights,
    views,
)
from gridmap.errors import InputError
from gridmap.model.cameras import DIRECTION_TOLERANCE_DEG
from gridmap.visibility import ARC_TOLERANCE_M, view_polygons, visible_walls

examples = settings(max_examples=12, deadline=None)
seeds = st.integers(0, 10**6)
NOTHING = series([])


def cameras(row, **columns):
    """Build one camera from (x, y, azimuth, hfov, range) and further columns."""
    return camera_frame([row]).assign(**columns)


def area(row, *shapes, **columns):
    """Return the possible and the certain area of one camera."""
    seen = views(cameras(row, **columns), series(shapes)).iloc[0]
    return seen["area_m2"], seen["certain_area_m2"]


def sector(angle, reach):
    return math.pi * reach**2 * angle / 360


# --- optics -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("direction", "azimuth"),
    [(1, 90), (2, 270), (3, 180), (4, 0), (5, 135), (6, 45), (7, 225), (8, 315)],
)
def test_eight_directions(direction, azimuth):
    row = (0, 0, None, 90, 40)
    complete = complete_optics(cameras(row, direction_type=direction)).iloc[0]
    assert complete["azimuth_deg"] == azimuth
    assert complete["azimuth_tolerance_deg"] == DIRECTION_TOLERANCE_DEG == 22.5
    assert complete["assumed"] == ""
    seen = views(cameras(row, direction_type=direction), NOTHING).iloc[0]
    assert seen["area_m2"] == pytest.approx(sector(135, 40))
    assert seen["certain_area_m2"] == pytest.approx(sector(45, 40))
    for part in (seen.geometry, seen["certain"]):
        way = np.subtract(part.centroid.coords[0], (seen["x_m"], seen["y_m"]))
        off = (math.degrees(math.atan2(*way)) - azimuth + 180) % 360 - 180
        assert abs(off) < 0.01


def test_an_azimuth_goes_before_a_direction():
    complete = complete_optics(cameras(EAST, direction_type=2)).iloc[0]
    assert complete["azimuth_deg"] == 90
    assert complete["azimuth_tolerance_deg"] == 0
    assert area(EAST, direction_type=2) == pytest.approx([sector(90, 40)] * 2)


@pytest.mark.parametrize(
    ("row", "direction", "angle", "assumed"),
    [
        ((0, 0, None, None, 40), 9, 360, ""),  # a dome says so
        ((0, 0, None, 90, 40), 9, 90, "azimuth_deg"),
        ((0, 0, None, 90, 40), 0, 90, "azimuth_deg"),
        ((0, 0, None, 90, 40), 10, 90, "azimuth_deg"),
        ((0, 0, None, None, 40), 4, DEFAULT_HFOV_DEG, "hfov_deg"),
        ((0, 0, 10, None, 40), 9, DEFAULT_HFOV_DEG, "hfov_deg"),
    ],
)
def test_directions_that_are_none(row, direction, angle, assumed):
    complete = complete_optics(cameras(row, direction_type=direction)).iloc[0]
    assert complete["hfov_deg"] == angle
    assert complete["assumed"] == assumed


def test_optional_columns_may_be_null_and_whole_numbers():
    frame = camera_frame([EAST, (0, 0, None, 90, 40)])
    for name in ("direction_type", "h_pixels"):
        frame[name] = pd.array([None, 1], dtype="Int64")
    frame["azimuth_tolerance_deg"] = [math.nan, 5]
    frame["position_tolerance_m"] = [2, math.nan]
    complete = complete_optics(frame)
    assert complete["azimuth_tolerance_deg"].tolist() == [0, 22.5]
    assert complete["position_tolerance_m"].tolist() == [2, 0]
    assert complete["azimuth_deg"].tolist() == [90, 90]


def test_assumed_optics_make_nothing_certain():
    for row in (
        (0, 0, None, 90, 40),
        (0, 0, 90, None, 40),
        (0, 0, 90, 90, None),
        (0, 0, None, 360, None),
    ):
        assert area(row)[1] == 0
    assert area((0, 0, None, 90, 40))[0] == pytest.approx(sector(360, 40))
    assert area((0, 0, 90, None, None))[0] == pytest.approx(
        sector(DEFAULT_HFOV_DEG, DEFAULT_RANGE_M)
    )
    assert area((0, 0, None, 360, 40)) == pytest.approx([sector(360, 40)] * 2)


# --- tolerances ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("angle", "tolerance", "possible", "certain"),
    [
        (90, 0, 90, 90),
        (90, 10, 110, 70),
        (90, 45, 180, 0),
        (90, 60, 210, 0),
        (300, 20, 340, 260),
        (300, 40, 360, 220),
        (300, 180, 360, 0),
        (360, 40, 360, 360),
        (0, 40, 0, 0),
    ],
)
def test_angles_widened_and_narrowed_by_hand(angle, tolerance, possible, certain):
    found = area((0, 0, 30, angle, 40), azimuth_tolerance_deg=tolerance)
    assert found == pytest.approx((sector(possible, 40), sector(certain, 40)))


def test_a_wall_between_the_certain_and_the_possible_angle():
    # East ±20 with 40 degrees of angle: certain is the axis alone, the wall stands beside it.
    possible, certain = area((0, 0, 90, 60, 40), WALL, azimuth_tolerance_deg=15)
    assert possible == pytest.approx(10 * 10 * math.tan(math.radians(45)))
    assert certain == pytest.approx(10 * 10 * math.tan(math.radians(15)))


def test_an_inexact_position_on_open_ground():
    possible, certain = area((0, 0, None, 360, 40), position_tolerance_m=5)
    assert possible == pytest.approx(sector(360, 45), rel=1e-3)
    assert certain == pytest.approx(sector(360, 35), rel=1e-3)


def test_a_position_known_worse_than_the_range_makes_nothing_certain():
    for tolerance in (40, 41, 100):
        possible, certain = area((0, 0, None, 360, 40), position_tolerance_m=tolerance)
        assert possible == pytest.approx(sector(360, 40 + tolerance), rel=1e-3)
        assert certain == 0


def test_a_wall_nearer_than_the_tolerance_makes_nothing_certain():
    row = (7, 0, None, 360, 40)
    assert area(row, WALL, position_tolerance_m=4)[1] == 0
    assert area(row, WALL, position_tolerance_m=2)[1] > 0


def test_a_camera_in_a_building_makes_nothing_certain():
    seen = views(camera_frame([(11, 0, 90, 90, 40)]), series([WALL])).iloc[0]
    assert seen["status"] == "moved"
    assert seen["area_m2"] > 0
    assert seen["certain_area_m2"] == 0
    assert seen["certain"].is_empty


def test_a_camera_on_a_wall_is_certain_of_what_it_sees():
    seen = views(camera_frame([(12, 0, 90, 90, 40)]), series([WALL])).iloc[0]
    assert seen["reason"] == "on_wall"
    assert seen["certain_area_m2"] == seen["area_m2"] > 0


def test_excluded_cameras_see_nothing_in_any_case():
    rows = [(0, 0, 90, 90, 0), (0, 0, 90, 0, 40), (0, 0, 90, -5, 40)]
    for columns in ({}, {"azimuth_tolerance_deg": 20, "position_tolerance_m": 3.0}):
        seen = views(camera_frame(rows).assign(**columns), series([WALL]))
        assert (seen["status"] == "excluded").all()
        assert seen.is_empty.all()
        assert (seen[["area_m2", "certain_area_m2"]] == 0).all(axis=None)


def observers(seed, n=4, side=60.0):
    """Return cameras that look from free places of a town, with inexact azimuths."""
    rng = np.random.default_rng(seed)
    low, high = [0, 0, 0, 20, 15], [side, side, 360, 300, 50]
    return camera_frame([tuple(row) for row in rng.uniform(low, high, (n, 5))])


def outside(one, other, margin=0.0):
    """Return the area of each geometry that lies outside the other, arcs being chords."""
    other = shapely.buffer(other.to_numpy(), margin) if margin else other.to_numpy()
    return shapely.area(shapely.difference(one.to_numpy(), other))


@examples
@given(seeds, st.sampled_from([0.0, 1.0, 3.0]))
def test_certain_lies_within_possible_and_both_tend_to_the_view(seed, position):
    houses = series(town(seed, n=12, side=60.0))
    frame = observers(seed).assign(position_tolerance_m=position)
    exact = view_polygons(observers(seed), houses)
    chord = 1.1 * ARC_TOLERANCE_M
    last = None
    for tolerance in (30.0, 10.0, 2.0, 0.0):
        seen = views(frame.assign(azimuth_tolerance_deg=tolerance), houses)
        # One in a building leaves it along its axis, or where the nearest wall is: no bound.
        free = (seen["status"] == "ok").to_numpy()
        assert seen.is_valid.all()
        assert seen["certain"].is_valid.all()
        assert outside(seen["certain"], seen.geometry, chord).max() < 1e-6
        assert outside(exact.geometry, seen.geometry, chord)[free].max(initial=0) < 1e-6
        assert outside(seen["certain"], exact.geometry, chord).max() < 1e-6
        if last is not None:
            assert outside(seen.geometry, last.geometry, chord)[free].max(initial=0) < 1e-6
            assert outside(last["certain"], seen["certain"], chord).max() < 1e-6
            assert (seen["certain_area_m2"] >= last["certain_area_m2"] - 1e-6).all()
        last = seen
    if position == 0.0:
        assert outside(last.geometry, exact.geometry).max() < 1e-9


@examples
@given(seeds)
def test_bounds_close_in_as_the_position_gets_surer(seed):
    houses = series(town(seed, n=12, side=60.0))
    last = None
    for tolerance in (4.0, 1.0, 0.25, 0.0):
        seen = views(observers(seed).assign(position_tolerance_m=tolerance), houses)
        free = seen["status"] == "ok"
        if last is not None:
            assert outside(seen.geometry, last.geometry)[free].max(initial=0) < 1e-6
            assert outside(last["certain"], seen["certain"]).max() < 1e-6
        last = seen


def sampled(frame, houses, seed, n):
    """Return views from n free places within the tolerances of one camera, in any direction."""
    rng = np.random.default_rng(seed)
    row = frame.iloc[0]
    turn = rng.uniform(0, 2 * np.pi, n)
    away = row["position_tolerance_m"] * np.sqrt(rng.random(n))
    away[: n // 2] = row["position_tolerance_m"]  # the extremes
    slack = rng.uniform(-1, 1, n)
    slack[::3] = np.sign(slack[::3])
    centre = frame.geometry.iloc[0]
    many = gpd.GeoDataFrame(
        {
            "azimuth_deg": row["azimuth_deg"] + slack * row["azimuth_tolerance_deg"],
            "hfov_deg": row["hfov_deg"],
            "max_range_m": row["max_range_m"],
        },
        index=range(n),
        geometry=gpd.points_from_xy(
            centre.x + away * np.cos(turn), centre.y + away * np.sin(turn), crs=houses.crs
        ),
    )
    seen = view_polygons(many, houses)
    return seen[seen["status"] == "ok"]


@pytest.mark.parametrize("seed", range(12))
def test_every_view_within_the_tolerances_lies_between_the_bounds(seed):
    rng = np.random.default_rng(seed)
    houses = series(town(seed, n=10, side=60.0))
    frame = observers(seed, n=1).assign(
        position_tolerance_m=rng.choice([0.3, 1.0, 3.0]),
        azimuth_tolerance_deg=rng.choice([0.0, 5.0, 20.0]),
    )
    if seed % 4 == 0:
        frame["hfov_deg"] = 360.0
    bounds = views(frame, houses).iloc[0]
    seen = sampled(frame, houses, seed, 300).geometry.to_numpy()
    # Slits narrower than the kernel tells apart: 1e-9 of a right angle.
    assert shapely.area(shapely.difference(seen, bounds.geometry)).max(initial=0) < 1e-5
    assert shapely.area(shapely.difference(bounds["certain"], seen)).max(initial=0) < 1e-5


@pytest.mark.parametrize("tolerance", [0.05, 0.5, 3.0])
def test_bounds_hold_where_a_corner_is_near_and_what_it_hides_is_far(tolerance):
    # The corner is a hair farther than the tolerance: arcs of the thickened walls count.
    for turn in np.radians(np.arange(1, 360, 31.0)):
        x, y = 1.02 * tolerance * np.cos(turn), 1.02 * tolerance * np.sin(turn)
        end_x, end_y = x + 9 * np.sign(x), y + 9 * np.sign(y)
        house = box(min(x, end_x), min(y, end_y), max(x, end_x), max(y, end_y))
        houses = series([house])
        frame = camera_frame([(0, 0, 0, 360, 100)]).assign(
            position_tolerance_m=tolerance, azimuth_tolerance_deg=0.0
        )
        bounds = views(frame, houses).iloc[0]
        seen = sampled(frame, houses, 1, 120).geometry.to_numpy()
        assert shapely.area(shapely.difference(seen, bounds.geometry)).max(initial=0) < 1e-6
        assert shapely.area(shapely.difference(bounds["certain"], seen)).max(initial=0) < 1e-6


def test_possible_views_with_inexact_positions_keep_out_of_buildings():
    for seed in range(6):
        houses = series(town(seed, n=12, side=60.0))
        seen = views(observers(seed).assign(position_tolerance_m=2.0), houses)
        solid = houses.union_all()
        assert seen.intersection(solid).area.max() < 1e-6
        assert gpd.GeoSeries(seen["certain"]).intersection(solid).area.max() < 1e-6


# --- sights -------------------------------------------------------------------------------------


def test_stretches_are_those_of_the_possible_views():
    houses = series(town(3))
    frame = observers(3).assign(azimuth_tolerance_deg=10.0)
    found = sights(frame, houses)
    wide = complete_optics(frame)
    wide["hfov_deg"] += 20.0
    expected = visible_walls(wide, houses)
    seen, walls = found.walls.seen, found.walls.walls
    obstacle = walls.row[seen.line]
    assert (frame.index.take(seen.owner) == expected["camera"]).all()
    assert (houses.index.take(obstacle) == expected["obstacle"]).all()
    assert (seen.line - walls.first[obstacle] == expected["wall"]).all()
    assert (walls.length[seen.line] == expected["wall_m"]).all()
    assert (np.column_stack([seen.start, seen.end]) == expected[["start", "end"]]).all(axis=None)
    pd.testing.assert_frame_equal(found.views, views(frame, houses))


def test_no_cameras_no_sights():
    found = sights(camera_frame([]), series([WALL]))
    full = sights(camera_frame([EAST]), series([WALL]))
    assert len(found.views) == len(found.walls.seen.line) == 0
    assert found.views.dtypes.to_dict() == full.views.dtypes.to_dict()


# --- detail -------------------------------------------------------------------------------------


def lens(pixels, angle):
    return pd.DataFrame({"h_pixels": [pixels], "hfov_deg": [angle]})


@pytest.mark.parametrize(
    ("pixels", "angle", "level", "metres"),
    [
        (1920, 60, "detect", 66.5),
        (1920, 90, "detect", 38.4),
        (3840, 90, "identify", 7.7),
        (1920, 90, "overview", 48.0),
        (1920, 60, "scrutinise", 1.1),
        (None, 60, "detect", math.nan),
        (1920, None, "detect", math.nan),
        (1920, 0, "detect", math.nan),
        (1920, 180, "detect", math.nan),
        (1920, 360, "detect", math.nan),
    ],
)
def test_detail_by_hand(pixels, angle, level, metres):
    found = detail_range_m(lens(pixels, angle), level).iloc[0]
    assert found == pytest.approx(metres, abs=0.05, nan_ok=True)


def test_levels_ask_for_ever_more():
    for levels in (DETAIL_LEVELS, DORI_LEVELS):
        needed = list(levels.values())
        assert needed == sorted(needed)
        metres = [detail_range_m(lens(1920, 60), level).iloc[0] for level in levels]
        assert metres == sorted(metres, reverse=True)
    assert set(PLANNING_LEVELS) <= set(DETAIL_LEVELS)


def test_views_at_a_level():
    frame = camera_frame([EAST, EAST, EAST, (0, 0, None, 360, 40)])
    frame["h_pixels"] = [1920, 800, None, 1920]
    seen = views(frame, NOTHING, level="detect")
    assert seen["status"].tolist() == ["ok", "ok", "excluded", "excluded"]
    assert seen["reason"].tolist() == ["", "", "no_detail", "no_detail"]
    # 1,920 pixels reach 38.4 m, 800 pixels 16 m; the range is 40 m.
    expected = [sector(90, 38.4), sector(90, 16), 0, 0]
    assert seen["area_m2"].tolist() == pytest.approx(expected)
    assert seen["certain_area_m2"].tolist() == pytest.approx(expected)
    far = views(frame, NOTHING, level="monitor")
    assert far["area_m2"].iloc[0] == pytest.approx(sector(90, 40))  # the range is less


def test_a_camera_without_a_range_has_none_at_any_level():
    frame = camera_frame([(0, 0, 90, 90, 0)])
    for pixels in (1920, None):
        seen = views(frame.assign(h_pixels=pixels), NOTHING, level="detect").iloc[0]
        assert seen["status"] == "excluded"
        assert seen["reason"] == ("no_range" if pixels else "no_detail")


def test_there_is_no_such_level():
    for call in (detail_range_m, lambda f, level: views(f, NOTHING, level=level)):
        with pytest.raises(InputError, match="no detail level 'sharp'"):
            call(camera_frame([EAST]).assign(h_pixels=1920), "sharp")


def test_a_level_lies_within_the_view():
    houses = series(town(5))
    frame = observers(5).assign(h_pixels=1280, position_tolerance_m=1.0)
    whole = views(frame, houses)
    for level in DETAIL_LEVELS:
        seen = views(frame, houses, level=level)
        assert outside(seen.geometry, whole.geometry).max() < 1e-6
        assert outside(seen["certain"], whole["certain"]).max() < 1e-6


def test_views_stand_where_the_cameras_were_drawn():
    seen = views(cameras((3, 4, 90, 90, 40), position_tolerance_m=2.0), NOTHING).iloc[0]
    assert (seen["x_m"], seen["y_m"]) == (HERE[0] + 3, HERE[1] + 4)
    assert Point(seen["x_m"] + 1, seen["y_m"]).within(seen.geometry)


def test_an_inexact_position_does_not_look_behind_itself():
    narrow = views(cameras((0, 0, 90, 20, 60), position_tolerance_m=3.0), NOTHING).geometry.iloc[0]
    assert narrow.bounds[0] > HERE[0] - 3.01
    wide = views(cameras((0, 0, 90, 340, 60), position_tolerance_m=3.0), NOTHING)["certain"].iloc[0]
    ahead = Point(HERE[0] + 30, HERE[1]).buffer(20)
    assert ahead.within(wide)
