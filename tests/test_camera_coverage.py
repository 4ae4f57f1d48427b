"""Defaults, views, ground and frontage: worked by hand, by property, on real data."""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Point, affinity, box
from toy_town import shared_data

from gridmap import crs
from gridmap.camera_coverage import (
    DEFAULT_HFOV_DEG,
    DEFAULT_RANGE_M,
    GROUND_AREAS,
    SLIVER_M2,
    complete_optics,
    ground_coverage,
    views,
)
from gridmap.camera_coverage import frontage as frontage_of
from gridmap.camera_coverage import sights as sights_of
from gridmap.errors import CrsError, FrameError
from gridmap.visibility import VIEW_COLUMNS, visible_walls, warm_up

CRS = "EPSG:32648"
HERE = (500_000, 3_200_000)  # on the central meridian: no convergence
GROUND_COLUMNS = [*GROUND_AREAS, "areas_m2", "camera_count", "seen", "blind"]
FRONTAGE = ["wall_m", "open_m", "seen_m", "camera_count"]
examples = settings(max_examples=15, deadline=None)


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    warm_up()


def here(shape):
    return affinity.translate(shape, *HERE)


def series(shapes, letter="b"):
    return gpd.GeoSeries(
        [here(shape) for shape in shapes],
        index=[f"{letter}{i}" for i in range(len(shapes))],
        crs=CRS,
    )


def camera_frame(rows):
    """Build cameras from (x, y, azimuth, hfov, range)."""
    table = pd.DataFrame(rows, columns=["x", "y", "azimuth_deg", "hfov_deg", "max_range_m"])
    table.index = [f"c{i}" for i in range(len(table))]
    points = [here(Point(x, y)) for x, y in zip(table.pop("x"), table.pop("y"), strict=True)]
    return gpd.GeoDataFrame(table.astype(float), geometry=points, crs=CRS)


EAST = (0, 0, 90, 90, 40)
WALL = box(10, -30, 12, 30)


# --- optics -------------------------------------------------------------------------------------


def test_declared_optics_are_kept():
    cameras = camera_frame([EAST, (0, 0, math.nan, 360, 40)])
    complete = complete_optics(cameras)
    assert (complete["assumed"] == "").all()
    assert (complete[["azimuth_tolerance_deg", "position_tolerance_m"]] == 0).all(axis=None)
    pd.testing.assert_frame_equal(complete[cameras.columns], cameras)


@pytest.mark.parametrize(
    ("given_", "filled", "tolerance", "assumed"),
    [
        ((None, 60, 80), (None, 60, 80), 180, "azimuth_deg"),
        ((45, None, 80), (45, DEFAULT_HFOV_DEG, 80), 0, "hfov_deg"),
        ((45, 60, None), (45, 60, DEFAULT_RANGE_M), 0, "max_range_m"),
        ((None, 360, None), (None, 360, DEFAULT_RANGE_M), 0, "max_range_m"),
        (
            (None, None, None),
            (None, DEFAULT_HFOV_DEG, DEFAULT_RANGE_M),
            180,
            "azimuth_deg,hfov_deg,max_range_m",
        ),
        ((45, 0, 0), (45, 0, 0), 0, ""),
    ],
)
def test_missing_optics_are_assumed_and_said(given_, filled, tolerance, assumed):
    complete = complete_optics(camera_frame([(0, 0, *given_)])).iloc[0]
    expected = [math.nan if value is None else value for value in filled]
    np.testing.assert_array_equal(
        complete[["azimuth_deg", "hfov_deg", "max_range_m"]].to_numpy(dtype=float), expected
    )
    assert complete["azimuth_tolerance_deg"] == tolerance
    assert complete["assumed"] == assumed


def test_optics_leave_the_given_frame_alone():
    cameras = camera_frame([(0, 0, None, None, None)])
    before = cameras.copy()
    complete_optics(cameras)
    pd.testing.assert_frame_equal(cameras, before)


def test_optics_need_their_columns():
    with pytest.raises(FrameError, match="max_range_m"):
        complete_optics(camera_frame([EAST]).drop(columns="max_range_m"))


# --- views --------------------------------------------------------------------------------------


def test_views_say_what_was_assumed():
    seen = views(camera_frame([EAST, (0, 0, None, 90, 40), (0, 0, 90, 90, 0)]), series([WALL]))
    assert tuple(seen.columns) == (*VIEW_COLUMNS, "assumed", "certain", "certain_area_m2")
    assert seen.loc["c0", "area_m2"] == pytest.approx(100, rel=1e-6)
    assert seen["assumed"].tolist() == ["", "azimuth_deg", ""]
    assert seen["status"].tolist() == ["ok", "ok", "excluded"]
    assert seen.loc["c1", "area_m2"] > math.pi * 40**2 / 2
    assert seen["certain_area_m2"].tolist() == pytest.approx([100, 0, 0], rel=1e-6)


# --- ground -------------------------------------------------------------------------------------


def ground(cameras, buildings, units, **options):
    houses = series(buildings)
    seen = views(camera_frame(cameras), houses)
    return ground_coverage(series(units, "u"), seen, houses, **options)


def test_the_ground_of_one_camera_before_a_wall():
    found = ground([EAST], [WALL], [box(-50, -50, 50, 50), box(50, -50, 90, 50)])
    assert list(found.columns) == GROUND_COLUMNS
    first = found.loc["u0"]
    assert first["gross_area_m2"] == pytest.approx(10_000)
    assert first["building_area_m2"] == pytest.approx(120)
    assert first["open_area_m2"] == pytest.approx(9_880)
    assert first["seen_area_m2"] == pytest.approx(100)
    assert first["blind_area_m2"] == pytest.approx(9_780)
    assert first["certain_area_m2"] == pytest.approx(100)
    assert first["camera_count"] == 1
    assert found.loc["u1", list(GROUND_AREAS)].tolist() == [4000, 0, 4000, 0, 4000, 0, 0, 0]
    assert found.loc["u1", "camera_count"] == 0
    assert found.seen.geom_type.eq("MultiPolygon").all()
    assert found.blind.geom_type.eq("MultiPolygon").all()
    assert found.seen["u1"].is_empty
    assert found.crs == found.blind.crs == CRS


def test_a_border_cuts_a_view_in_two():
    found = ground([EAST], [WALL], [box(0, -20, 5, 20), box(5, -20, 10, 20)])
    assert found["seen_area_m2"].tolist() == pytest.approx([25, 75])


def test_ground_seen_twice_counts_once():
    found = ground([EAST, EAST], [WALL], [box(0, -20, 10, 20)])
    assert found["seen_area_m2"].tolist() == pytest.approx([100])
    assert found["camera_count"].tolist() == [2]


def test_buildings_that_overlap_count_once():
    found = ground([], [box(0, 0, 10, 10), box(5, 0, 15, 10)], [box(0, 0, 20, 10)])
    assert found["building_area_m2"].tolist() == pytest.approx([150])


def test_a_courtyard_is_open_ground():
    block = box(-20, -20, 20, 20) - box(-10, -10, 10, 10)
    found = ground([(0, 0, None, None, None)], [block], [box(-20, -20, 20, 20)])
    expected = [1600, 1200, 400, 400, 0, 0, 0, 0]  # assumed optics make nothing certain
    assert found[list(GROUND_AREAS)].iloc[0].tolist() == pytest.approx(expected)
    assert found.blind["u0"].is_empty


def test_a_camera_on_a_border_stands_in_one_unit():
    places = [(0, 0, 0, 90, 5), (0, 5, 0, 90, 5), (3, 3, 0, 90, 5), (99, 0, 0, 90, 5)]
    units = [box(-10, -10, 0, 10), box(0, -10, 10, 10)]
    forth = ground(places, [], units)["camera_count"]
    assert forth.tolist() == [2, 1]
    shapes = series(units, "u").iloc[::-1]
    houses = series([])
    back = ground_coverage(shapes, views(camera_frame(places), houses), houses)["camera_count"]
    assert back.to_dict() == forth.to_dict()


def test_excluded_cameras_count_where_they_stand():
    found = ground([(5, 5, 0, 90, 0)], [], [box(0, 0, 10, 10)])
    assert found["camera_count"].tolist() == [1]
    assert found["seen_area_m2"].tolist() == [0]


def test_slivers_are_measured_and_not_drawn():
    side = math.sqrt(SLIVER_M2) / 2
    found = ground([], [box(side, 0, 10, 10), box(0, side, 10, 10)], [box(0, 0, 10, 10)])
    assert found["blind_area_m2"].iloc[0] == pytest.approx(side**2, abs=1e-6)
    assert found.blind["u0"].is_empty


def test_units_of_several_parts():
    unit = shapely.MultiPolygon([box(0, -20, 5, 20), box(20, 0, 30, 10)])
    found = ground([EAST], [WALL], [unit])
    assert found["gross_area_m2"].iloc[0] == pytest.approx(300)
    assert found["seen_area_m2"].iloc[0] == pytest.approx(25)


def test_empty_frames_keep_columns_and_types():
    full = ground([EAST], [WALL], [box(0, 0, 1, 1)])
    for cameras, buildings, units in (
        ([], [], []),
        ([EAST], [WALL], []),
        ([], [WALL], [box(0, 0, 9, 9)]),
        ([EAST], [], [box(0, 0, 9, 9)]),
    ):
        found = ground(cameras, buildings, units)
        assert found.dtypes.to_dict() == full.dtypes.to_dict()
        assert list(found.index) == [f"u{i}" for i in range(len(units))]
        assert found.crs == CRS


def test_ground_refuses_wrong_frames():
    units, houses = series([box(0, 0, 9, 9)], "u"), series([WALL])
    seen = views(camera_frame([EAST]), houses)
    with pytest.raises(CrsError):
        ground_coverage(units.to_crs("EPSG:4490"), seen, houses)
    with pytest.raises(CrsError):
        ground_coverage(units, seen, houses.to_crs("EPSG:4490"))
    with pytest.raises(FrameError, match="same CRS"):
        ground_coverage(units, seen, houses.to_crs("EPSG:32649"))
    with pytest.raises(FrameError, match="x_m"):
        ground_coverage(units, seen.drop(columns="x_m"), houses)
    with pytest.raises(FrameError, match="duplicate"):
        ground_coverage(units.iloc[[0, 0]], seen, houses)
    with pytest.raises(FrameError, match="duplicate"):
        ground_coverage(units, seen, houses.iloc[[0, 0]])


# --- frontage -----------------------------------------------------------------------------------


def frontage(cameras, houses):
    return frontage_of(houses, sights_of(cameras, houses))


def walls(cameras, buildings):
    return frontage(camera_frame(cameras), series(buildings))


def test_frontage_of_one_camera_before_a_wall():
    seen = walls([EAST], [WALL, box(100, 0, 110, 10)])
    assert seen.loc["b0", FRONTAGE].tolist() == pytest.approx([124, 124, 20, 1])
    assert seen.loc["b1", FRONTAGE].tolist() == [40, 40, 0, 0]
    assert seen["lengths_m"].map(list).tolist() == [pytest.approx([124, 20]), [40]]


def test_stretches_seen_twice_count_once():
    cameras = [EAST, (0, 5, 90, 90, 40), (0, -100, 90, 90, 40)]
    seen = walls(cameras, [WALL]).loc["b0"]
    assert seen[FRONTAGE].tolist() == pytest.approx([124, 124, 25, 2])
    assert list(seen["lengths_m"]) == pytest.approx([124, 25, 15])


def test_separate_stretches_of_one_wall_add_up():
    cameras = [(0, -20, 90, 90, 40), (0, 20, 90, 90, 40)]
    # From -30 to -10 and from 10 to 30.
    assert walls(cameras, [WALL]).loc["b0", "seen_m"] == pytest.approx(40)


def test_courtyard_walls_are_frontage():
    block = box(-20, -20, 20, 20) - box(-10, -10, 10, 10)
    seen = walls([(0, 0, None, None, None)], [block])
    assert seen.loc["b0", FRONTAGE].tolist() == pytest.approx([240, 240, 80, 1])


def test_empty_frontage_keeps_columns_and_types():
    full = walls([EAST], [WALL])
    for cameras, buildings in (([], []), ([EAST], []), ([], [WALL])):
        found = walls(cameras, buildings)
        assert found.dtypes.to_dict() == full.dtypes.to_dict()
        assert len(found) == len(buildings)


# --- properties ---------------------------------------------------------------------------------


def town(seed, n=25, side=90.0):
    """Return houses, some touching, some overlapping, some turned."""
    rng = np.random.default_rng(seed)
    shapes = []
    for x, y, w, h, turn in rng.uniform([0, 0, 5, 5, -90], [side, side, 18, 18, 90], (n, 5)):
        shapes.append(affinity.rotate(box(x, y, x + w, y + h), max(turn, 0)))
        if turn < -60:
            shapes.append(box(x + w, y, x + 2 * w, y + h))
    return shapes


def eyes(seed, n=8, side=90.0):
    rng = np.random.default_rng(seed)
    low, high = [0, 0, 0, 20, 10], [side, side, 360, 340, 60]
    return [tuple(row) for row in rng.uniform(low, high, (n, 5))]


def cells(side=90.0, n=3):
    """Return a tiling of the town and its surroundings by unequal rectangles."""
    at = np.linspace(-20, side + 20, n + 1) ** 1.0
    at[1] += 7.3
    return [box(at[i], at[j], at[i + 1], at[j + 1]) for i in range(n) for j in range(n)]


seeds = st.integers(0, 10**6)


@examples
@given(seeds)
def test_units_add_up_to_the_whole(seed):
    houses, units = series(town(seed)), series(cells(), "u")
    seen = views(camera_frame(eyes(seed)), houses)
    found = ground_coverage(units, seen, houses)
    district = units.union_all()
    solid, watched = houses.union_all(), seen.union_all()
    whole = (district & watched) - solid
    assert found["seen_area_m2"].sum() == pytest.approx(whole.area, abs=1e-4)
    assert found["building_area_m2"].sum() == pytest.approx((district & solid).area, abs=1e-4)
    assert found["blind_area_m2"].sum() == pytest.approx(
        (district - solid - watched).area, abs=1e-4
    )


@examples
@given(seeds)
def test_open_ground_is_seen_or_blind(seed):
    found = ground(eyes(seed), town(seed), cells())
    assert np.allclose(found["gross_area_m2"], found["building_area_m2"] + found["open_area_m2"])
    assert np.allclose(found["open_area_m2"], found["seen_area_m2"] + found["blind_area_m2"])
    assert (found[list(GROUND_AREAS)] >= -1e-9).all(axis=None)
    assert found.seen.is_valid.all()
    assert found.blind.is_valid.all()
    pieces = len(shapely.get_parts(found.blind.to_numpy())) + 100
    assert np.allclose(found["seen_area_m2"], found.seen.area, atol=SLIVER_M2 * pieces)
    assert np.allclose(found["blind_area_m2"], found.blind.area, atol=SLIVER_M2 * pieces)
    overlap = shapely.intersection(found.seen.to_numpy(), found.blind.to_numpy())
    assert (shapely.area(overlap) < 1e-6).all()


@examples
@given(seeds)
def test_other_units_give_the_same_totals(seed):
    sums = [
        ground(eyes(seed), town(seed), cells(n=n))[list(GROUND_AREAS)].sum().to_numpy()
        for n in (2, 5)
    ]
    assert np.allclose(*sums, rtol=0, atol=1e-4)


@examples
@given(seeds, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(seed, random):
    houses, units = series(town(seed)), series(cells(), "u")
    seen = views(camera_frame(eyes(seed)), houses)

    def shuffled(frame):
        return frame.iloc[random.sample(range(len(frame)), len(frame))]

    here_ = pd.DataFrame(ground_coverage(units, seen, houses))
    there = pd.DataFrame(ground_coverage(shuffled(units), shuffled(seen), shuffled(houses)))
    columns = [*GROUND_AREAS, "camera_count"]
    pd.testing.assert_frame_equal(there[columns].loc[here_.index], here_[columns], atol=1e-6)
    there_areas = np.concatenate(there["areas_m2"].loc[here_.index].to_list())
    assert np.allclose(there_areas, np.concatenate(here_["areas_m2"].to_list()), atol=1e-5)
    first = frontage(camera_frame(eyes(seed)), houses)
    again = frontage(shuffled(camera_frame(eyes(seed))), shuffled(houses))
    pd.testing.assert_frame_equal(again.loc[first.index], first)


@examples
@given(seeds)
def test_a_further_camera_never_sees_less(seed):
    rows = eyes(seed)
    fewer, more = (ground(some, town(seed), cells()) for some in (rows[:-1], rows))
    assert (more["seen_area_m2"] >= fewer["seen_area_m2"] - 1e-4).all()
    assert (more["blind_area_m2"] <= fewer["blind_area_m2"] + 1e-4).all()


@examples
@given(seeds)
def test_frontage_against_samples(seed):
    cameras, houses = camera_frame(eyes(seed)), series(town(seed, n=12))
    found = frontage(cameras, houses)
    assert (found["seen_m"] <= found["open_m"] + 1e-9).all()
    assert (found["open_m"] <= found["wall_m"] + 1e-9).all()
    # Stretches as the kernel gives them, sampled at 2,000 places a wall instead of merged.
    steps = (np.arange(2000) + 0.5) / 2000
    sampled = pd.Series(0.0, index=houses.index)
    for (house, _), rows in visible_walls(cameras, houses).groupby(["obstacle", "wall"]):
        hit = np.zeros(2000, dtype=bool)
        for row in rows.itertuples():
            hit |= (steps >= row.start) & (steps <= row.end)
        sampled[house] += hit.mean() * rows["wall_m"].iloc[0]
    assert np.allclose(found["seen_m"], sampled, atol=0.2)


# --- real data ----------------------------------------------------------------------------------


def real_layer(folder, file):
    frame = gpd.read_file(shared_data(folder) / file)
    return frame.to_crs(crs.metric_crs_of(frame))


@pytest.mark.real
def test_helsinki_cameras_without_any_optics_see_full_circles():
    houses = real_layer("helsinki_osm", "buildings.geojson")
    cameras = real_layer("helsinki_osm", "cameras.geojson").to_crs(houses.crs)
    bare = cameras[["geometry"]].assign(azimuth_deg=np.nan, hfov_deg=np.nan, max_range_m=np.nan)
    seen = views(bare, houses)
    assert len(seen) == 221
    assert (seen["assumed"] == "azimuth_deg,hfov_deg,max_range_m").all()
    assert seen.is_valid.all()
    assert (seen["area_m2"] <= math.pi * DEFAULT_RANGE_M**2 + 1e-9).all()
    district = gpd.GeoSeries([box(*houses.total_bounds)], index=["u"], crs=houses.crs)
    found = ground_coverage(district, seen, houses).loc["u"]
    watched = (district.union_all() & seen.union_all()) - houses.union_all()
    assert found["seen_area_m2"] == pytest.approx(watched.area, abs=0.01)
    assert found["camera_count"] == cameras.intersects(district["u"]).sum()
    first = frontage(bare, houses)
    assert 0 < first["seen_m"].sum() < first["open_m"].sum() < first["wall_m"].sum()


@pytest.mark.real
def test_tokyo_units_add_up_to_the_whole():
    houses = real_layer("tokyo_bunkyo_small", "buildings.geojson")
    units = real_layer("tokyo_bunkyo_small", "chome.geojson").to_crs(houses.crs)
    rng = np.random.default_rng(5)
    base = shapely.get_coordinates(houses.representative_point())
    xy = base[rng.integers(0, len(base), 800)] + rng.normal(0, 12, (800, 2))
    cameras = gpd.GeoDataFrame(
        {
            "azimuth_deg": rng.uniform(0, 360, 800),
            "hfov_deg": rng.uniform(28, 360, 800),
            "max_range_m": rng.uniform(30, 120, 800),
        },
        geometry=gpd.points_from_xy(*xy.T),
        crs=houses.crs,
    )
    seen = views(cameras, houses)
    found = ground_coverage(units, seen, houses)
    district, solid = units.union_all(), houses.union_all()
    watched = shapely.disjoint_subset_union_all(seen.geometry.to_numpy())
    whole = shapely.difference(shapely.intersection(district, watched), solid).area
    assert found["seen_area_m2"].sum() == pytest.approx(whole, rel=1e-8)
    identity = found["seen_area_m2"] + found["blind_area_m2"] + found["building_area_m2"]
    assert np.allclose(identity, found["gross_area_m2"])
