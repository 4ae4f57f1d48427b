import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Point, box
from toy_town import frame

from gridmap import topology
from gridmap.errors import CrsError, FrameError

UNITS = frame([box(0, 0, 10, 10), box(10, 0, 20, 10)], index=["a", "b"])


def assign(*shapes):
    return topology.assign(frame(shapes), UNITS)


def test_an_item_goes_where_most_of_it_lies():
    found = assign(box(1, 1, 2, 2), box(7, 1, 11, 2), box(9, 1, 12, 2), box(30, 0, 31, 1))
    assert found["unit_code"].to_list() == ["a", "a", "b", None]
    assert found["share"].to_list() == pytest.approx([1, 0.75, 2 / 3, 0])


def test_equal_shares_go_to_the_lower_code_whatever_the_order():
    found = topology.assign(frame([box(9, 1, 11, 2)]), UNITS.iloc[::-1])
    assert found.loc[1].to_list() == ["a", 0.5]


def test_touching_only_is_not_lying_in():
    assert assign(box(20, 0, 30, 10))["unit_code"].isna().all()


def test_points_belong_to_what_covers_them():
    found = assign(Point(5, 5), Point(10, 5), Point(50, 50))
    assert found["unit_code"].to_list() == ["a", "a", None]
    assert found["share"].to_list() == [1, 1, 0]


def test_parts_of_one_building_count_together():
    found = assign(MultiPolygon([box(8, 0, 9, 1), box(11, 0, 14, 1)]))
    assert found.loc[1].to_list() == ["b", 0.75]


def test_empty_in_empty_out():
    found = topology.assign(frame([]), UNITS)
    assert list(found.columns) == ["unit_code", "share"]
    assert found.empty
    assert topology.assign(frame([box(0, 0, 1, 1)]), UNITS.head(0))["unit_code"].isna().all()


def test_frames_must_fit():
    with pytest.raises(CrsError):
        topology.assign(frame([], crs=4490), UNITS)
    with pytest.raises(FrameError, match="different"):
        topology.assign(frame([], crs=4544), UNITS)
    with pytest.raises(FrameError, match="duplicate"):
        topology.assign(frame([Point(0, 0)] * 2, index=[1, 1]), UNITS)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.floats(-1e5, 1e5))
def test_row_order_and_shift_do_not_matter(seed, shift):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(-2, 18, (30, 2))
    size = rng.uniform(0.1, 6, (30, 2))
    items = frame([box(*c, *(c + s)) for c, s in zip(corner, size, strict=True)])
    plain = topology.assign(items, UNITS)
    mixed = items.sample(frac=1, random_state=seed)
    moved_units = UNITS.set_geometry(UNITS.translate(shift, -shift))
    moved = topology.assign(mixed.set_geometry(mixed.translate(shift, -shift)), moved_units)
    assert moved.index.equals(mixed.index)
    moved = moved.loc[items.index]
    np.testing.assert_allclose(moved["share"], plain["share"], atol=1e-6)
    clear = (plain["share"] - 0.5).abs() > 1e-6
    assert moved["unit_code"][clear].to_list() == plain["unit_code"][clear].to_list()


def test_issues_name_split_and_lost_buildings():
    buildings = frame([box(1, 1, 2, 2), box(7, 1, 11, 2), box(30, 0, 31, 1)], code=["x", "y", "z"])
    issues = topology.assignment_issues(buildings, topology.assign(buildings, UNITS))
    assert [(i.shape, i.row) for i in issues] == [("G08.outside", 3), ("G08.split", 2)]
    assert "75%" in issues[1].message("en")


DISTRICT = frame([box(106.5, 29.4, 106.8, 29.7)], name=["南岸区"], crs=4490)


def positions(*points):
    return topology.position_issues(frame(points, crs=4490), DISTRICT)


def test_positions_near_the_district_are_right():
    assert positions(Point(106.6, 29.5), Point(106.805, 29.5)) == []


def test_a_position_outside_is_told_with_its_distance():
    (issue,) = positions(*[Point(106.6, 29.5)] * 3, Point(106.9, 29.5))
    assert (issue.shape, issue.row) == ("G01.outside", 4)
    assert "9.7 km outside the district 南岸区" in issue.message("en")


def test_swapped_axes_are_one_issue_for_the_file():
    (issue,) = positions(Point(29.5, 106.6), Point(29.6, 106.7), Point(29.5, 106.6))
    assert (issue.shape, issue.row) == ("G01.swapped", None)
    assert "100%" in issue.message("zh")


def test_impossible_degrees_are_told_without_a_district():
    rows = frame([Point(29.5, 106.6), Point(1, 2)], crs=4490)
    (issue,) = topology.position_issues(rows, DISTRICT.head(0))
    assert (issue.shape, issue.row) == ("G01.range", 1)
