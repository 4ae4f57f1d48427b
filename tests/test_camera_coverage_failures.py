"""What fails together, what is lost with it, what adds nothing: by hand and by recomputing."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, MultiPolygon, Point, box
from test_camera_coverage import EAST, WALL, camera_frame, cells, eyes, series, town
from test_camera_coverage_ground import houses_of

from gridmap.camera_coverage import (
    POLE_M,
    Places,
    coverage,
    failures,
    poles,
    redundant,
    sights,
    total_losses,
)
from gridmap.errors import FrameError

examples = settings(max_examples=6, deadline=None)
seeds = st.integers(0, 10**6)
COLUMNS = ["cameras", "area_m2", "road_m", "frontage_m"]
UNIT = [box(0, -50, 20, 50)]


def losses(rows, shapes, *, units=UNIT, roads=(), groups=None):
    frame, houses = camera_frame(rows), houses_of(shapes)
    if groups is not None:
        frame["group_code"] = groups
    way = series(roads, "r") if roads else None
    found = failures(frame, sights(frame, houses), units=series(units, "u"), roads=way)
    return total_losses(found, frame)


# --- poles --------------------------------------------------------------------------------------


def pole_of(*places):
    return poles(camera_frame([(x, y, 0, 90, 9) for x, y in places])).tolist()


def test_poles_by_hand():
    assert pole_of((0, 0), (0.5, 0), (9, 9)) == ["c0", "c0", None]
    assert pole_of((0, 0), (0, 0)) == ["c0", "c0"]
    assert pole_of((0, 0), (POLE_M, 0), (POLE_M * 2.01, 0)) == ["c0", "c0", None]
    assert pole_of() == []


def test_chains_of_cameras_are_one_pole():
    chain = [(0.9 * i, 0) for i in range(12)]
    order = [5, 0, 11, 3, 8, 1, 9, 2, 10, 4, 7, 6]
    assert pole_of(*(chain[i] for i in order)) == ["c0"] * 12


def test_a_pole_has_the_code_that_sorts_first():
    frame = camera_frame([(0, 0, 0, 90, 9), (0.5, 0, 0, 90, 9), (50, 0, 0, 90, 9)])
    frame.index = ["z", "m", "a"]
    assert poles(frame).to_dict() == {"z": "m", "m": "m", "a": None}
    assert poles(frame.iloc[::-1]).to_dict() == {"z": "m", "m": "m", "a": None}


def test_cameras_without_a_position_hang_on_no_pole():
    frame = camera_frame([(0, 0, 0, 90, 9)] * 5)
    shapes = [Point(), Point(), None, None, Point(500_000, 3_200_000)]
    frame = frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs))
    assert poles(frame).tolist() == [None] * 5


# --- losses by hand -----------------------------------------------------------------------------


def test_losses_by_hand():
    # c0 and c1 cross in a triangle of 25 m² and 10 m of wall, see the sums below.
    rows = [EAST, (0, 10, 90, 90, 40), (0, 30, 90, 90, 40)]
    road = LineString([(5, -50), (5, 50)])
    found = losses(rows, [WALL], roads=[road])
    assert found.columns.tolist() == COLUMNS
    assert found.index.names == ["kind", "code"]
    assert found.index.tolist() == [("camera", f"c{i}") for i in range(3)]
    assert found["cameras"].tolist() == [1, 1, 1]
    # Each sees 20 m of wall, from 10 m below to 10 m above; c2 also past its end at y = 30.
    assert found["area_m2"].tolist()[:2] == pytest.approx([75, 75], abs=1e-4)
    assert found["road_m"].tolist() == pytest.approx([10, 10, 10])
    assert found["frontage_m"].tolist() == pytest.approx([10, 10, 10])


def test_ground_counts_in_the_units_only():
    found = losses([EAST], [WALL], units=[box(0, -50, 5, 50)])
    assert found["area_m2"].tolist() == pytest.approx([25])
    assert losses([EAST], [WALL], units=[box(90, 0, 99, 9)])["area_m2"].tolist() == [0]


def test_of_two_that_see_the_same_both_are_redundant_and_the_pole_is_not():
    road = LineString([(5, -50), (5, 50)])
    found = losses([EAST, EAST, (0, 30, 90, 90, 40)], [WALL], roads=[road])
    assert found.index.tolist() == [*(("camera", f"c{i}") for i in range(3)), ("pole", "c0")]
    alone = redundant(found)
    assert alone.index.tolist() == ["c0", "c1"]
    assert alone.columns.tolist() == COLUMNS
    pole = found.loc[("pole", "c0")]
    assert pole.tolist() == pytest.approx([2, 100, 10, 20])


def test_a_camera_that_sees_nothing_is_redundant():
    found = losses([EAST, (0, 0, 90, 90, 0), (500, 0, 90, 90, 40)], [WALL])
    assert redundant(found).index.tolist() == ["c1", "c2"]


def test_a_camera_that_alone_sees_a_wall_is_not_redundant():
    # Of the ground the unit has only what lies in the wall, and the line just before it.
    found = losses([EAST], [WALL], units=[box(9.97, -50, 12, 50)])
    assert found["area_m2"].tolist() == pytest.approx([0.6], rel=1e-2)
    assert found["frontage_m"].tolist() == pytest.approx([20])
    assert len(redundant(found.assign(area_m2=0.0))) == 0


def test_walls_count_where_the_ground_before_them_lies():
    frame, wall = camera_frame([EAST]), series([WALL])
    units = series([box(0, -50, 9.99, 4), box(0, 4, 9.99, 50), box(9.99, -50, 20, 50)], "u")
    found = failures(frame, sights(frame, wall), units=units)
    assert found["frontage_m"].tolist() == pytest.approx([14, 6, 0])
    assert failures(frame, sights(frame, wall), units=units.iloc[2:])["frontage_m"].sum() == 0


def test_named_groups_fail_together():
    rows = [EAST, (0, 10, 90, 90, 40), (0, -40, 90, 90, 40)]
    found = losses(rows, [WALL], groups=["switch", "switch", None])
    assert found.index.get_level_values("kind").tolist() == ["camera"] * 3 + ["group"]
    group = found.loc[("group", "switch")]
    assert group["cameras"] == 2
    assert group["area_m2"] == pytest.approx(175)
    assert group["frontage_m"] == pytest.approx(30)
    empty = losses(rows, [WALL], groups=[None, None, np.nan])
    assert "group" not in empty.index.get_level_values("kind")


def test_cameras_of_no_group_keep_what_they_share():
    found = losses([EAST, EAST], [WALL], groups=["switch", None])
    assert found.loc[("group", "switch"), "area_m2"] == pytest.approx(0, abs=1e-6)


def test_losses_of_nothing():
    full = losses([EAST], [WALL])
    for rows, shapes, units in (
        ([], [], []),
        ([], [WALL], UNIT),
        ([EAST], [], []),
        ([EAST], [], UNIT),
    ):
        found = losses(rows, shapes, units=units)
        assert len(found) == len(rows)
        assert found.dtypes.to_dict() == full.dtypes.to_dict()
        assert len(redundant(found)) == len(rows) * (len(units) == 0)


def test_failures_refuse_repeated_codes():
    frame = camera_frame([EAST])
    found = sights(frame, series([WALL]))
    with pytest.raises(FrameError, match="duplicate"):
        failures(frame.iloc[[0, 0]], found, units=series(UNIT, "u"))
    with pytest.raises(FrameError, match="duplicate"):
        failures(frame, found, units=series(UNIT, "u").iloc[[0, 0]])


# --- losses against brute force -----------------------------------------------------------------


def spans(stretches):
    """Return shares of one line as lines on an axis: overlays of these are exact."""
    return np.array([LineString([(start, 0), (end, 0)]) for start, end in stretches], object)


def only(shapes, mine):
    """Return what only some of the shapes cover."""
    return shapely.union_all(shapes[mine]) - shapely.union_all(shapes[~mine])


def wall_m(found, members, unit):
    """Return the metres of wall before which a unit lies, and that only some cameras see."""
    walls, total = found.walls, 0.0
    for line in np.unique(walls.seen.line):
        seen = walls.seen.some(walls.seen.line == line)
        before = LineString(walls.before[line].reshape(2, 2))
        parts = shapely.get_parts(before & unit)
        within = [
            sorted(before.project(Point(xy), normalized=True) for xy in part.coords)
            for part in parts
            if part.length > 0
        ]
        lost = only(spans(zip(seen.start, seen.end, strict=True)), members[seen.owner])
        total += (lost & shapely.union_all(spans(within))).length * walls.walls.length[line]
    return total


def crowd(seed):
    """Return cameras of a town, some on poles, some twice, some in groups."""
    rng = np.random.default_rng(seed)
    rows = eyes(seed, n=9)
    rows += [rows[0], (rows[1][0] + 0.5, rows[1][1], *rows[2][2:]), rows[3]]
    return camera_frame(rows).assign(group_code=rng.choice([None, "g1", "g2"], len(rows)))


@examples
@given(seeds)
def test_a_loss_is_what_is_seen_by_nothing_else(seed):
    rng = np.random.default_rng(seed)
    houses, units = houses_of(town(seed, n=12)), series(cells(n=2), "u")
    roads = series([LineString(ends) for ends in rng.uniform(-20, 110, (5, 2, 2))], "r")
    frame = crowd(seed)
    seen = sights(frame, houses)
    found = failures(frame, seen, units=units, roads=roads)
    names = {"camera": frame.index.to_series(), "pole": poles(frame), "group": frame["group_code"]}
    every = [(kind, code) for kind in names for code in sorted(set(names[kind].dropna()))]
    rows = found.reindex([(*one, unit) for one in every for unit in units.index], fill_value=0.0)
    assert found.index.isin(rows.index).all()
    assert (found > 1e-6).any(axis=1).all()
    for kind, code in every:
        members = (names[kind] == code).to_numpy()
        ground = only(seen.views.geometry.to_numpy(), members)
        for name, unit in units.items():
            lost = ground & unit
            # Without a grid GEOS counts 159 of 48 m (sampled) where views run along each other.
            # A grid overlays nothing mixed, and a border that is only touched leaves lines.
            areas = [part for part in shapely.get_parts(lost) if part.area > 0]
            cut = shapely.intersection(MultiPolygon(areas), roads.to_numpy(), grid_size=1e-6)
            expected = [lost.area, shapely.length(cut).sum(), wall_m(seen, members, unit)]
            assert rows.loc[(kind, code, name)].tolist() == pytest.approx(expected, abs=2e-3)
    total = total_losses(found, frame)
    assert total.index.tolist() == every
    assert total["cameras"].tolist() == [(names[kind] == code).sum() for kind, code in every]
    uncut = gpd.GeoSeries([units.union_all()], index=["w"], crs=units.crs)
    one = total_losses(failures(frame, seen, units=uncut, roads=roads), frame)
    pd.testing.assert_frame_equal(total, one, atol=1e-3, rtol=0)


@examples
@given(seeds)
def test_a_unit_computed_alone_has_the_same_losses(seed):
    houses, units, frame = houses_of(town(seed)), series(cells(), "u"), crowd(seed)
    seen = sights(frame, houses)
    every = failures(frame, seen, units=units)
    for name in units.index:
        alone = failures(frame, seen, units=units.loc[[name]])
        mine = every[every.index.get_level_values("unit_code") == name]
        pd.testing.assert_frame_equal(alone, mine, atol=1e-6, rtol=0, check_index_type=False)


@examples
@given(seeds, st.randoms(use_true_random=False))
def test_losses_do_not_depend_on_the_order_of_rows(seed, random):
    houses, units, frame = houses_of(town(seed)), series(cells(), "u"), crowd(seed)
    mixed = frame.iloc[random.sample(range(len(frame)), len(frame))]
    back = houses.iloc[::-1]
    one = failures(frame, sights(frame, houses), units=units)
    other = failures(mixed, sights(mixed, back), units=units)
    pd.testing.assert_frame_equal(other.loc[one.index], one, atol=1e-4, rtol=0)


# --- the whole of it, hard cases ----------------------------------------------------------------


def places(rows, shapes, *, units=None, roads=(), keys=(), doors=()):
    def frame(found, letter):
        return gpd.GeoDataFrame(geometry=series(found, letter))

    return Places(
        units=frame(cells() if units is None else units, "u"),
        cameras=camera_frame(rows) if isinstance(rows, list) else rows,
        buildings=houses_of(shapes),
        roads=frame(roads, "r"),
        key_areas=frame(keys, "k"),
        entrances=frame(doors, "e").assign(building_code=["b0"] * len(doors)),
    )


ROADS = [LineString([(-30, 30), (120, 31)]), LineString([(45, -30), (45, 130)])]
DOORS = [Point(10, 0), Point(50, 50)]


def whole(rows, shapes, **options):
    options = {"roads": ROADS, "keys": [box(0, 0, 40, 40)], "doors": DOORS, **options}
    found = coverage(places(rows, shapes, **options), levels=["overview"])
    ground = found.ground
    identity = ground["seen_area_m2"] + ground["blind_area_m2"] + ground["building_area_m2"]
    assert np.allclose(identity, ground["gross_area_m2"])
    assert ground.seen.is_valid.all()
    assert ground.blind.is_valid.all()
    assert found.views.is_valid.all()
    for frame in found:
        numbers = (
            pd.DataFrame(frame)
            .select_dtypes("number")
            .drop(columns=["x_m", "y_m"], errors="ignore")
        )
        assert np.isfinite(numbers.to_numpy(dtype=float)).all()
    return found


@pytest.mark.parametrize(
    ("rows", "shapes", "options"),
    [
        ([], [], {}),
        ([], [WALL], {}),
        ([EAST], [], {}),
        ([EAST], [WALL], {"units": []}),
        ([EAST], [WALL], {"roads": [], "keys": [], "doors": []}),
        ([], [], {"units": [], "roads": [], "keys": [], "doors": []}),
        ([EAST, EAST], [WALL, WALL], {}),
        ([(5000, 5000, 90, 90, 40), (-100, 0, 90, 90, 40)], [WALL], {}),
        (
            [(0, 0, 90, 90, 0), (0, 0, 90, 0, 40), (0, 0, 90, 0.01, 40), (0, 0, 9, 90, 1e-3)],
            [WALL],
            {},
        ),
        ([(0, 0, None, None, None), (11, 0, 90, 90, 40), (10, 0, 270, 90, 40)], [WALL], {}),
    ],
)
def test_hard_cases_of_the_whole(rows, shapes, options):
    found = whole(rows, shapes, **options)
    full = whole([EAST], [WALL])
    for one, other in zip(found, full, strict=True):
        assert one.columns.tolist() == other.columns.tolist()
        assert one.index.names == other.index.names
    assert len(found.views) == len(rows)
    assert len(found.frontage) == len(shapes)


def test_cameras_without_a_position():
    rows = camera_frame([EAST, EAST, EAST])
    shapes = [rows.geometry.iloc[0], Point(), None]
    rows = rows.set_geometry(gpd.GeoSeries(shapes, index=rows.index, crs=rows.crs))
    found = whole(rows, [WALL])
    assert found.views["reason"].tolist() == ["", "no_position", "no_position"]
    assert found.ground["camera_count"].sum() == 1
    alone = whole([EAST], [WALL])
    assert found.ground["seen_area_m2"].tolist() == alone.ground["seen_area_m2"].tolist()
    assert redundant(total_losses(found.failures, rows)).index.tolist() == ["c1", "c2"]


def test_a_lattice_city_of_whole_numbers():
    shapes = [box(x, y, x + 10, y + 10) for x in range(0, 80, 20) for y in range(0, 80, 20)]
    shapes += [box(10, 0, 20, 10), box(10, 10, 20, 20), shapes[3]]  # touching sides, corners, twice
    rows = [
        (x, y, 45 * i, 90, 40) for i, (x, y) in enumerate([(15, 25), (30, 30), (50, 50), (35, 15)])
    ]
    rows += [(15, 35, None, 360, 60), (10, 30, 0, 180, 30), (75, 75, 270, 360, 60)]
    found = whole(rows, shapes, roads=[LineString([(15, -20), (15, 100)]), *ROADS])
    houses = series(shapes)
    watched = found.views.union_all()
    district = shapely.union_all(series(cells(), "u").to_numpy())
    seen = found.ground["seen_area_m2"].sum()
    assert seen == pytest.approx((district & watched).area, abs=1e-3)
    assert seen == pytest.approx(found.ground.area.sum(), abs=1e-4 * watched.length)  # as drawn
    parts = found.ground["areas_m2"].map(lambda one: one[1:].sum()).sum()
    assert parts == pytest.approx(found.views.intersection(district).area.sum(), abs=1e-3)
    assert found.views.intersection(houses.union_all()).area.max() < 1e-3


def test_levels_are_asked_for_by_name():
    rows = camera_frame([EAST, (0, 10, 90, 90, 40)]).assign(h_pixels=[200, None])
    found = coverage(
        places(rows, [WALL], units=[box(0, -50, 10, 50)]), levels=["overview", "discern"]
    )
    # 200 pixels across 90 degrees: 5 m at 20 pixels per metre, 1.25 m at 80.
    areas = found.ground["level_areas_m2"].iloc[0]
    assert list(areas) == ["overview", "discern"]
    assert list(areas.values()) == pytest.approx([np.pi * 25 / 4, np.pi * 1.25**2 / 4], rel=1e-2)
    assert coverage(places(rows, [WALL])).ground["level_areas_m2"].iloc[0] == {}


def test_twins_lose_nothing_at_all_and_so_rank_alike():
    frame = camera_frame([(3.3, 4.1, 90, 90, 40), (3.3, 4.1, 90, 90, 40)])
    houses = houses_of([box(-40, -40, -30, -30)])
    units = series([box(-50, -50, 20, 50), box(20, -50, 80, 50)], "u")
    lost = total_losses(failures(frame, sights(frame, houses), units=units), frame)
    assert lost.loc["camera", "area_m2"].tolist() == [0.0, 0.0]
    assert lost.loc["pole", "area_m2"].tolist() == [pytest.approx(400 * np.pi, rel=1e-3)]
