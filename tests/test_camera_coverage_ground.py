"""Ground, walls, entrances and blind areas of units: by hand, by property, at borders."""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, Point, box
from test_camera_coverage import (
    EAST,
    HERE,
    WALL,
    camera_frame,
    eyes,
    ground,
    series,
    town,
    walls,
)

from gridmap.camera_coverage import (
    BLIND_COLUMNS,
    GROUND_AREAS,
    NEAR_M,
    SLIVER_M2,
    blind_areas,
    entrance_coverage,
    frontage,
    ground_coverage,
    ranked,
    seen_areas_m2,
    sights,
    views,
)
from gridmap.camera_coverage.frontage import AT_WALL_M
from gridmap.camera_coverage.walls import GAP_M
from gridmap.errors import FrameError, InputError

examples = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 10**6)
DOME = (0, 0, None, 360, 40)


def houses_of(shapes, homes=None):
    houses = gpd.GeoDataFrame(geometry=series(shapes))
    return houses.assign(household_count=[1] * len(shapes) if homes is None else homes)


# --- ground at every k --------------------------------------------------------------------------


def test_two_sectors_that_cross_by_hand():
    # Both end at a wall 10 m away and overlap from y = -5 to 5 there: a triangle of 5 x 10 / 2.
    found = ground([EAST, (0, 10, 90, 90, 40)], [WALL], [box(0, -20, 10, 30)]).iloc[0]
    assert list(found["areas_m2"]) == pytest.approx([500, 175, 25])
    assert found["seen_area_m2"] == pytest.approx(175)
    assert found["blind_area_m2"] == pytest.approx(325)


def test_areas_at_every_k_end_at_the_last_that_is_not_empty():
    found = ground([EAST] * 3, [WALL], [box(0, -20, 10, 20), box(50, 0, 60, 10)])
    assert list(found["areas_m2"].iloc[0]) == pytest.approx([400, 100, 100, 100])
    assert found["areas_m2"].iloc[1].tolist() == [100]


def test_certain_ground_by_hand():
    frame = camera_frame([EAST, (0, 0, 270, 90, 10)]).assign(azimuth_tolerance_deg=[20.0, 45.0])
    nothing = series([])
    seen = views(frame, nothing)
    found = ground_coverage(series([box(-50, -50, 50, 50)], "u"), seen, nothing).iloc[0]
    assert found["certain_area_m2"] == pytest.approx(math.pi * 1600 * 50 / 360, rel=1e-3)
    assert found["seen_area_m2"] > found["certain_area_m2"]


def test_key_areas_that_overlap_count_once_and_end_at_borders_and_buildings():
    keys = series([box(0, 0, 8, 4), box(4, 0, 12, 4), box(100, 0, 101, 1)], "k")
    units = [box(-50, -50, 10, 50), box(10, -50, 60, 50)]
    found = ground([EAST], [WALL], units, key_areas=keys)
    # 10 x 4 before the wall; seen above y = 0 and below y = x: 40 - 8. The rest is wall.
    assert found["key_area_m2"].tolist() == pytest.approx([40, 0])
    assert found["key_seen_area_m2"].tolist() == pytest.approx([32, 0])


@pytest.mark.parametrize("keys", [None, []])
def test_no_key_areas(keys):
    keys = None if keys is None else series([], "k")
    found = ground([EAST], [WALL], [box(0, -20, 10, 20)], key_areas=keys)
    assert (found[["key_area_m2", "key_seen_area_m2"]] == 0).all(axis=None)


def tiled(n, side=110.0):
    """Return a tiling of the square around a town by n x n unequal cells."""
    at = -20 + side * np.linspace(0, 1, n + 1) ** 1.2 * 1.2
    return [box(at[i], at[j], at[i + 1], at[j + 1]) for i in range(n) for j in range(n)]


KEYS = [box(5, 5, 50, 30), box(30, 20, 70, 80), box(60, 60, 85, 85)]


def sums(seed, n, lattice=None):
    """Return the totals over n x n units."""
    shapes, rows = lattice or (town(seed), eyes(seed))
    found = ground(rows, shapes, tiled(n), key_areas=series(KEYS, "k"))
    deep = max(len(one) for one in found["areas_m2"])
    areas = sum(np.pad(one, (0, deep - len(one))) for one in found["areas_m2"])
    return found[list(GROUND_AREAS)].sum(), areas


def same_sums(one, other):
    assert np.allclose(one[0], other[0], rtol=0, atol=1e-3)
    deep = max(len(one[1]), len(other[1]))
    padded = [np.pad(areas, (0, deep - len(areas))) for _, areas in (one, other)]
    assert np.allclose(*padded, rtol=0, atol=1e-3)


@examples
@given(seeds)
def test_borders_of_units_change_nothing(seed):
    whole = sums(seed, 1)
    for n in (2, 4):
        same_sums(sums(seed, n), whole)


@examples
@given(seeds)
def test_ground_against_overlays(seed):
    shapes, rows, keys = series(town(seed)), eyes(seed), series(KEYS, "k")
    frame = camera_frame(rows).assign(azimuth_tolerance_deg=5.0)
    units = series(tiled(2), "u")
    seen = views(frame, shapes)
    found = ground_coverage(units, seen, shapes, key_areas=keys)
    watched, sure = seen.union_all(), shapely.union_all(seen["certain"].to_numpy())
    solid, key = shapes.union_all(), keys.union_all()
    for code, unit in units.items():
        row, free = found.loc[code], unit - solid
        assert row["open_area_m2"] == pytest.approx(free.area, abs=1e-4)
        assert row["seen_area_m2"] == pytest.approx((free & watched).area, abs=1e-3)
        assert row["certain_area_m2"] == pytest.approx((free & sure).area, abs=0.05)
        assert row["key_area_m2"] == pytest.approx((free & key).area, abs=1e-4)
        assert row["key_seen_area_m2"] == pytest.approx((free & key & watched).area, abs=1e-3)
        parts = shapely.area(shapely.intersection(seen.geometry.to_numpy(), unit)).sum()
        assert row["areas_m2"][1:].sum() == pytest.approx(parts, abs=1e-3)
    at_least = seen_areas_m2(units, seen.geometry.to_numpy())
    assert np.allclose(at_least[:, 1], found["seen_area_m2"], atol=1e-4)


# --- frontage -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gap", "opened"),
    [(0.0, 20), (GAP_M / 2, 20), (GAP_M * 1.5, 40), (1.0, 40)],
)
def test_party_walls_are_no_frontage(gap, opened):
    # Two squares of 10 m side by side; the second is moved away by the gap.
    found = walls([], [box(0, 0, 10, 10), box(10 + gap, 0, 20 + gap, 10)])
    assert found["wall_m"].tolist() == pytest.approx([40, 40])
    expected = 40 if opened == 40 else 30
    assert found["open_m"].tolist() == pytest.approx([expected] * 2, abs=0.01)


def test_a_wall_half_shut():
    found = walls([], [box(0, 0, 10, 10), box(10, 4, 20, 20)])
    assert found["open_m"].tolist() == pytest.approx([34, 46], abs=0.05)


def test_walls_inside_other_buildings_are_no_frontage():
    found = walls([], [box(0, 0, 10, 10), box(5, 2, 15, 8)])
    assert found["open_m"].tolist() == pytest.approx([34, 16], abs=0.05)


def test_frontage_at_every_k():
    rows = [EAST, EAST, (0, 5, 90, 90, 40)]
    found = walls(rows, [WALL]).loc["b0"]
    assert list(found["lengths_m"]) == pytest.approx([124, 25, 20, 15])
    assert found["camera_count"] == 3


def test_frontage_refuses_sights_of_other_buildings():
    found = sights(camera_frame([EAST]), series([box(0, 0, 1, 1), WALL]))
    with pytest.raises(FrameError, match="other buildings"):
        frontage(series([box(0, 0, 1, 1)]), found)


@examples
@given(seeds)
def test_frontage_at_every_k_adds_up(seed):
    found = walls(eyes(seed), town(seed))
    for row in found.itertuples():
        lengths = row.lengths_m
        assert lengths[0] == row.open_m
        assert row.seen_m == (lengths[1] if len(lengths) > 1 else 0)
        assert (np.diff(lengths) <= 1e-9).all()
        assert len(lengths) - 1 <= row.camera_count
        assert row.open_m <= row.wall_m + 1e-9


# --- entrances ----------------------------------------------------------------------------------


def entrances(rows, buildings):
    points = [Point(HERE[0] + x, HERE[1] + y) for x, y in rows]
    index = [f"e{i}" for i in range(len(rows))]
    return gpd.GeoDataFrame({"building_code": buildings}, index=index, geometry=points, crs=32648)


def counted(cameras, shapes, rows, buildings):
    houses = series(shapes)
    found = sights(camera_frame(cameras), houses)
    return entrance_coverage(entrances(rows, buildings), houses, found)["camera_count"].tolist()


def test_entrances_on_walls_are_seen_where_the_wall_is():
    places = [(10, 0), (10, 9), (10, 11), (12, 0), (9.2, 3), (10.8, 3)]
    assert counted([EAST, EAST], [WALL], places, ["b0"] * 6) == [2, 2, 0, 0, 2, 2]


def test_entrances_away_from_walls_are_seen_where_they_stand():
    # Before the wall, behind it, and of buildings that are not known.
    places = [(5, 0), (14, 0), (5, 4), (5, 8), (10 - 1.01 * AT_WALL_M, 0)]
    assert counted([EAST, DOME], [WALL], places, ["b0", "b0", None, "b7", "b0"]) == [2, 0, 2, 1, 2]


def test_an_entrance_belongs_to_the_wall_of_its_own_building():
    # In the wall of b0 and next to b1: what is seen is the wall of b0, from the west.
    shapes = [WALL, box(12, -30, 14, 30)]
    assert counted([EAST], shapes, [(10, 0), (12.5, 0)], ["b1", "b1"]) == [1, 0]


def test_no_entrances():
    found = entrance_coverage(
        entrances([], []), series([WALL]), sights(camera_frame([EAST]), series([WALL]))
    )
    assert found.columns.tolist() == ["camera_count"]
    assert len(found) == 0


def test_entrances_need_their_columns():
    found = sights(camera_frame([EAST]), series([WALL]))
    with pytest.raises(FrameError, match="building_code"):
        entrance_coverage(entrances([(0, 0)], ["b0"])[["geometry"]], series([WALL]), found)


# --- blind areas --------------------------------------------------------------------------------


def blind(cameras, shapes, units, *, homes=None, roads=(), keys=()):
    houses, cells = houses_of(shapes, homes), series(units, "u")
    found = sights(camera_frame(cameras), houses)
    key = series(keys, "k") if keys else None
    covered = ground_coverage(cells, found.views, houses, key_areas=key)
    way = series(roads, "r") if roads else None
    areas = blind_areas(covered, found, houses, units=cells, roads=way, key_areas=key)
    return areas, covered


YARD = box(-20, -20, 20, 20) - box(-10, -10, 10, 10)


def test_a_walled_yard_by_hand():
    # The camera stands outside; the yard of 20 x 20 m is blind, with its walls and a road.
    roads = [LineString([(-5, 0), (5, 0)]), LineString([(30, -20), (30, 20)])]
    found, _ = blind(
        [(40, 0, None, 360, 100)],
        [YARD],
        [box(-20, -20, 40, 20)],
        homes=[7],
        roads=roads,
        keys=[box(-10, -10, 0, 0), box(-5, -5, 0, 5), box(30, 0, 31, 1)],
    )
    assert found.index.tolist() == [("u0", 1)]
    row = found.iloc[0]
    assert row["area_m2"] == pytest.approx(400)
    assert row["frontage_m"] == pytest.approx(80)
    assert row["road_m"] == pytest.approx(10)
    assert row["key_area_m2"] == pytest.approx(125)
    assert row["household_count"] == 7
    assert row.geometry.geom_type == "Polygon"


def test_pieces_are_numbered_by_size_within_their_units():
    units = [box(0, 0, 10, 10), box(10, 0, 40, 10)]
    strips = [box(20, 0, 21, 10), box(25, 0, 26, 10)]  # cut the second unit into 10, 4 and 14 m
    found, _ = blind([], strips, units)
    assert found.index.tolist() == [("u0", 1), ("u1", 1), ("u1", 2), ("u1", 3)]
    assert found["area_m2"].tolist() == pytest.approx([100, 140, 100, 40])
    assert found.index.names == ["unit_code", "number"]


def test_households_near_a_blind_area():
    house = [box(50, 0, 60, 10), box(50 + NEAR_M, 20, 60, 30), box(0, 0, 1, 1), box(2, 0, 3, 1)]
    found, _ = blind([], house, [box(30, 0, 50, 30)], homes=[3, 4, 100, None])
    assert found["household_count"].tolist() == [7]


def test_a_road_through_a_building_is_blind_on_both_sides():
    road = LineString([(-50, 0), (50, 0)])
    found, _ = blind([], [box(-10, -10, 10, 10)], [box(-50, -30, 50, 30)], roads=[road])
    assert found["road_m"].tolist() == pytest.approx([80])
    across, _ = blind([], [box(-10, -30, 20, 30)], [box(-50, -30, 50, 30)], roads=[road])
    assert across["road_m"].tolist() == pytest.approx([40, 30])


def test_a_road_along_a_border_counts_once():
    units = [box(0, 0, 50, 50), box(50, 0, 90, 50)]
    found, _ = blind([], [], units, roads=[LineString([(50, 0), (50, 50)])])
    assert found["road_m"].sum() == pytest.approx(50)


def test_walls_are_cut_at_borders():
    units = [box(0, 0, 50, 50), box(50, 0, 90, 50)]
    found, _ = blind([], [box(40, 20, 60, 30)], units)
    assert found["frontage_m"].tolist() == pytest.approx([30, 30])
    outer, _ = blind([], [box(30, 20, 90, 30)], units[:1])
    assert outer["frontage_m"].tolist() == pytest.approx([50])


@examples
@given(seeds)
def test_blind_areas_add_up(seed):
    rng = np.random.default_rng(seed)
    shapes, rows, cells = town(seed), eyes(seed), tiled(2)
    roads = [LineString(ends) for ends in rng.uniform(-20, 110, (6, 2, 2))]
    roads.append(LineString([cells[0].bounds[2:], cells[0].bounds[:2]]))
    x, south, north = cells[0].bounds[2], cells[0].bounds[1], cells[1].bounds[3]
    roads.append(LineString([(x, south), (x, north)]))  # along a border
    found, covered = blind(rows, shapes, cells, roads=roads, keys=KEYS)
    assert (found[list(BLIND_COLUMNS)] >= 0).all(axis=None)
    area = found["area_m2"].groupby(level="unit_code").sum().reindex(covered.index, fill_value=0)
    slivers = covered["blind_area_m2"] - area
    assert slivers.between(-5e-3, 500 * SLIVER_M2).all()
    open_key = covered["key_area_m2"] - covered["key_seen_area_m2"]
    key = found["key_area_m2"].groupby(level="unit_code").sum().reindex(covered.index, fill_value=0)
    assert (open_key - key).between(-5e-3, 500 * SLIVER_M2).all()
    # Roads: blind and seen and built is the whole; against overlays.
    houses = series(shapes)
    free = shapely.union_all(series(cells, "u").to_numpy()) - houses.union_all()
    watched = views(camera_frame(rows), houses).union_all()
    expected = sum((road & (free - watched)).length for road in series(roads, "r"))
    assert found["road_m"].sum() == pytest.approx(expected, abs=0.5)
    # Walls within the units: what is open and not seen.
    front = walls(rows, shapes)
    inside = shapely.contains(free.envelope.buffer(-0.1), houses.to_numpy())
    if inside.all():
        unseen = (front["open_m"] - front["seen_m"]).sum()
        # In slits of about GAP_M the ground before an unseen wall, or a shut wall, may be seen.
        assert found["frontage_m"].sum() == pytest.approx(unseen, rel=0.1)


def test_ranked_by_hand():
    rows = pd.DataFrame(
        [(5, 0, 0, 0, 9), (7, 0, 1, 0, 9), (9, 1, 0, 2, 3)],
        columns=BLIND_COLUMNS,
        index=list("abc"),
    )
    assert ranked(rows).index.tolist() == ["b", "a", "c"]
    assert ranked(rows, by="area_m2").index.tolist() == ["c", "b", "a"]
    assert ranked(rows, by="frontage_m").index.tolist() == ["c", "b", "a"]
    with pytest.raises(InputError, match="blind areas are ranked by"):
        ranked(rows, by="colour")


def test_blind_areas_of_nothing():
    full, _ = blind([EAST], [WALL], [box(0, 0, 90, 90)])
    for cameras, shapes, units in (
        ([], [], []),
        ([EAST], [WALL], []),
        ([DOME], [], [box(0, 0, 1, 1)]),
    ):
        found, _ = blind(cameras, shapes, units)
        assert len(found) == 0
        assert found.dtypes.to_dict() == full.dtypes.to_dict()
