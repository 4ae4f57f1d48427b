"""Children that tile their parent, what is wrong where they do not, snapping, numbers."""

import os
import time

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Point, Polygon, affinity, box
from toy_town import frame, shared_data

from gridmap import crs, demo, topology
from gridmap.demo import geodata
from gridmap.demo.ground import ground
from gridmap.errors import CodeError, CrsError, FrameError, InputError
from gridmap.rules import Severity

TOL = 0.1
PARENT = frame([box(0, 0, 20, 10)], index=["p"])
LEFT, RIGHT = box(0, 0, 10, 10), box(10, 0, 20, 10)
NARROW = {"G02.sliver", "G03.gap", "G03.shared", "G04.sliver", "G05.sliver"}


def children(*shapes, parent="p"):
    return frame(shapes, index=[f"{parent}{n}" for n in range(1, len(shapes) + 1)])


def told(found):
    """Offences as plain rows: shape, parent, child, other, square metres."""
    rows = found.offences[["shape", "parent", "child", "other", "area_m2"]]
    return [(*row[:4], pytest.approx(row[4], abs=1e-6)) for row in rows.itertuples(index=False)]


def balanced(found):
    sums = found.balance
    right = sums.children_m2 - sums.overlap_m2 + sums.blank_m2 - sums.spill_m2
    # Far from the origin a product of coordinates keeps few digits of a small area.
    np.testing.assert_allclose(sums.parent_m2, right, rtol=1e-12, atol=1e-4)
    assert (sums >= 0).all(axis=None)


SLIVER_LEFT = Polygon([(0, 0), (10, 0), (9.98, 5), (10, 10), (0, 10)])
SLIVER_RIGHT = Polygon([(10, 0), (20, 0), (20, 10), (10, 10), (10.04, 5)])


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ((LEFT, RIGHT), []),
        # A vertex on one side only is no fault.
        ((LEFT, box(10, 0, 20, 5), box(10, 5, 20, 10)), []),
        ((LEFT, box(8, 0, 20, 10)), [("G02.overlap", "p", "p1", "p2", 20)]),
        ((LEFT, box(9.95, 0, 20, 10)), [("G02.sliver", "p", "p1", "p2", 0.5)]),
        # One within the other, and twice the same: no edges cross.
        ((LEFT, RIGHT, box(2, 2, 4, 4)), [("G02.overlap", "p", "p1", "p3", 4)]),
        ((LEFT, RIGHT, RIGHT), [("G02.overlap", "p", "p2", "p3", 100)]),
        ((LEFT, RIGHT, box(2, 0, 4, 4)), [("G02.overlap", "p", "p1", "p3", 8)]),
        ((LEFT, box(10.05, 0, 20, 10)), [("G03.gap", "p", "p1", "p2", 0.5)]),  # open to outside
        ((SLIVER_LEFT, SLIVER_RIGHT), [("G03.gap", "p", "p1", "p2", 0.3)]),  # closed
        ((LEFT, box(10.5, 0, 20, 10)), [("G04.blank", "p", None, None, 5)]),
        ((LEFT,), [("G04.blank", "p", None, None, 100)]),
        ((LEFT, RIGHT - Point(15, 5).buffer(1, 1)), [("G04.blank", "p", None, None, 2)]),
        ((box(0.05, 0, 10, 10), RIGHT), [("G04.sliver", "p", "p1", None, 0.5)]),
        ((LEFT, RIGHT - box(12, 4, 12.05, 8)), [("G04.sliver", "p", "p2", None, 0.2)]),  # in one
        ((LEFT, box(10, 0, 21, 10)), [("G05.spill", "p", "p2", None, 10)]),
        ((LEFT, box(10, 0, 20.05, 10)), [("G05.sliver", "p", "p2", None, 0.5)]),
        ((LEFT, RIGHT, box(30, 0, 31, 1)), [("G05.spill", "p", "p3", None, 1)]),  # an exclave
        # The tip of a corner: a common point is no overlap.
        ((LEFT, RIGHT, box(20, 10, 21, 11)), [("G05.spill", "p", "p3", None, 1)]),
    ],
)
def test_each_fault_has_its_rule_and_its_square_metres(shapes, expected):
    found = topology.tiling(children(*shapes), PARENT, tolerance_m=TOL)
    assert told(found) == expected
    balanced(found)
    issues = topology.tiling_issues(children(*shapes), PARENT, tolerance_m=TOL)
    assert [issue.shape for issue in issues] == [row[0] for row in expected]
    for issue in issues:
        meant = Severity.WARNING if issue.shape in NARROW else Severity.ERROR
        assert issue.severity is meant
        assert shapely.area(issue.geometry) > 0
        assert "None" not in issue.message("en") + issue.message("zh")


def test_faults_add_up_where_they_meet():
    """Worked by hand: 2 m overlap, 1 m spill in the east, 0.5 m blank in the west, 10 m high."""
    found = topology.tiling(children(box(0.5, 0, 10, 10), box(8, 0, 21, 10)), PARENT)
    assert told(found) == [
        ("G02.overlap", "p", "p1", "p2", 20),
        ("G04.blank", "p", None, None, 5),
        ("G05.spill", "p", "p2", None, 10),
    ]
    assert found.balance.loc["p"].to_list() == pytest.approx([200, 225, 20, 5, 10])


def test_narrow_pieces_of_a_pair_are_one_offence_and_wide_ones_are_not():
    teeth = [box(9.95, y, 10, y + 1) for y in (1, 4, 7)]
    comb = shapely.union_all([RIGHT, *teeth])
    (sliver,) = topology.tiling(children(LEFT, comb), PARENT).offences.itertuples()
    assert (sliver.shape, sliver.pieces, sliver.area_m2) == ("G02.sliver", 3, pytest.approx(0.15))
    wide = shapely.union_all([RIGHT, *(box(9, y, 10, y + 1) for y in (1, 4, 7))])
    found = topology.tiling(children(LEFT, wide), PARENT).offences
    assert found["shape"].to_list() == ["G02.overlap"] * 3
    assert found["pieces"].to_list() == [1] * 3
    assert found["width_m"].to_list() == [0.5] * 3


def test_a_fault_of_the_tolerance_is_narrow_and_a_hair_more_is_not():
    for width, shape in ((TOL, "G02.sliver"), (TOL + 1e-3, "G02.overlap")):
        found = topology.tiling(children(LEFT, box(10 - width, 0, 20, 10)), PARENT, tolerance_m=TOL)
        assert found.offences["shape"].to_list() == [shape]
    found = topology.tiling(children(LEFT, box(9.99, 0, 20, 10)), PARENT, tolerance_m=0)
    assert found.offences["shape"].to_list() == ["G02.overlap"]


def test_a_gap_that_the_parent_has_too_is_found():
    """Areas prove nothing where the parent was drawn as the union of its children."""
    slit = children(LEFT, box(10.05, 0, 20, 10))
    drawn = frame([slit.union_all()], index=["p"])
    found = topology.tiling(slit, drawn, tolerance_m=TOL)
    assert told(found)[0][:4] == ("G03.shared", "p", "p1", "p2")
    assert found.offences["area_m2"][0] == pytest.approx(0.5, abs=0.005)
    closed = children(SLIVER_LEFT, SLIVER_RIGHT)
    drawn = frame([closed.union_all()], index=["p"])
    assert told(topology.tiling(closed, drawn)) == [
        ("G03.shared", "p", "p1", "p2", pytest.approx(0.3, abs=0.005))
    ]
    balanced(found)


def test_a_needle_of_a_neighbour_and_a_corner_are_no_gaps():
    needle = box(9.97, 2, 10.03, 10)
    cells = [LEFT - needle, RIGHT - needle]
    units = frame([*cells, box(0, 10, 20, 20) | needle], index=["p1", "p2", "q1"])
    parents = frame([shapely.union_all(cells), units.geometry["q1"]], index=["p", "q"])
    assert topology.tiling(units, parents, tolerance_m=TOL).offences.empty
    corner = children(Polygon([(0, 0), (10, 0), (0, 10)]), Polygon([(10, 0), (20, 0), (20, 10)]))
    drawn = frame([corner.union_all()], index=["p"])
    assert topology.tiling(corner, drawn, tolerance_m=TOL).offences.empty


def test_only_siblings_count_and_orphans_are_told():
    parents = frame([LEFT, RIGHT], index=["a", "b"])
    units = frame([LEFT, RIGHT, box(9, 0, 20, 1)], index=["a1", "b1", "x1"])
    found = topology.tiling(units, parents)
    assert told(found) == [("C06.parent", None, "x1", None, 11)]
    found = topology.tiling(units.iloc[1:], parents)
    assert told(found)[1] == ("G04.blank", "a", None, None, 100)


def test_the_parent_may_stand_in_a_column_and_rows_are_named():
    units = frame([LEFT, box(9, 0, 20, 10)], index=[7, 8], unit=["p", "p"], row=[3, 4])
    found = topology.tiling(units, PARENT, parent_column="unit")
    assert told(found) == [("G02.overlap", "p", 7, 8, 10)]
    (issue,) = topology.tiling_issues(units, PARENT, parent_column="unit")
    assert issue.row == 3
    assert "7 and 8 overlap on 10.0 m²" in issue.message("en")
    lost = units.assign(unit=["p", None])
    shapes = topology.tiling(lost, PARENT, parent_column="unit").offences["shape"]
    assert shapes.to_list() == ["C06.parent", "G04.blank"]


def test_the_longest_prefix_is_the_parent():
    parents = frame([LEFT, RIGHT], index=["a", "ab"])
    found = topology.tiling(frame([LEFT, RIGHT], index=["a1", "ab1"]), parents)
    assert found.offences.empty


def test_several_parts_holes_and_touching_rings_are_no_faults():
    hole = box(2, 2, 4, 4)
    ring = Polygon(LEFT.exterior.coords, [hole.exterior.coords])
    touching = Polygon(  # the hole meets the outline in one point
        RIGHT.exterior.coords, [[(10, 5), (12, 4), (12, 6), (10, 5)]]
    )
    triangle = Polygon([(10, 5), (12, 4), (12, 6)])
    far = box(100, 100, 110, 110)
    units = children(ring, MultiPolygon([hole, far]), touching, triangle)
    parent = frame([MultiPolygon([box(0, 0, 20, 10), far])], index=["p"])
    found = topology.tiling(units, parent)
    assert found.offences.empty
    balanced(found)


def test_empty_in_empty_out():
    none = children()
    found = topology.tiling(none, PARENT.iloc[:0])
    assert found.offences.empty
    assert tuple(found.offences.columns) == topology.OFFENCE_COLUMNS
    assert found.offences.crs == PARENT.crs
    assert tuple(found.balance.columns) == topology.BALANCE_COLUMNS
    assert told(topology.tiling(none, PARENT)) == [("G04.blank", "p", None, None, 200)]
    orphan = topology.tiling(children(LEFT), PARENT.iloc[:0])
    assert told(orphan) == [("C06.parent", None, "p1", None, 100)]
    assert topology.snapped(none, PARENT).empty


BOW_TIE = Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])


@pytest.mark.parametrize(
    ("units", "error", "words"),
    [
        (frame([LEFT], index=["p1"], crs=4490), CrsError, "cannot be measured"),
        (frame([LEFT], index=["p1"], crs=4544), FrameError, "different"),
        (frame([LEFT, RIGHT], index=["p1", "p1"]), FrameError, "duplicate"),
        (frame([LEFT], index=[1]), FrameError, "text codes"),
        (frame([None], index=["p1"]), FrameError, "without a polygon: p1"),
        (frame([Polygon()], index=["p1"]), FrameError, "without a polygon: p1"),
        (frame([Point(0, 0)], index=["p1"]), FrameError, "without a polygon: p1"),
        (frame([BOW_TIE] * 7, index=[f"p{n}" for n in range(7)]), FrameError, "and 2 more"),
        (frame([Polygon([(0, 0), (1, np.inf), (1, 1)])], index=["p1"]), FrameError, "not valid"),
    ],
)
def test_what_proves_nothing_is_refused(units, error, words):
    for ask in (topology.tiling, topology.tiling_issues, topology.snapped):
        with pytest.raises(error, match=words):
            ask(units, PARENT)


def test_bad_options_are_refused():
    with pytest.raises(FrameError, match="lacks the columns unit"):
        topology.tiling(children(LEFT), PARENT, parent_column="unit")
    for width in (-1.0, np.nan, np.inf):
        with pytest.raises(InputError, match="tolerance"):
            topology.tiling(children(LEFT), PARENT, tolerance_m=width)


# A row of cells between borders, each border drawn by both sides with an error of its own.
ERRORS_M = (0.0, 0.02, -0.03, 0.6, -0.7)
BORDER = st.tuples(st.sampled_from(ERRORS_M), st.sampled_from(ERRORS_M))


def fault(n, cells, width):
    """The offence at border ``n`` of a row of cells that overlap there by a width (or gap)."""
    slim, before, behind = abs(width) <= TOL, f"p{n}", f"p{n + 1}"
    if 0 < n < cells:
        if width > 0:
            return ("G02.sliver" if slim else "G02.overlap", before, behind)
        return ("G03.gap", before, behind) if slim else ("G04.blank", None, None)
    child = behind if n == 0 else before
    if width > 0:
        return ("G05.sliver" if slim else "G05.spill", child, None)
    return ("G04.sliver", child, None) if slim else ("G04.blank", None, None)


@settings(max_examples=30, deadline=None)
@given(
    borders=st.lists(BORDER, min_size=2, max_size=7),
    angle=st.floats(0, 360),
    shift=st.floats(-1e6, 4e6),
    seed=st.integers(0, 99),
)
def test_known_faults_are_found_and_no_others(borders, angle, shift, seed):
    # Beyond either end of the row the parent ends, which errs nowhere.
    borders = [(0.0, borders[0][1]), *borders[1:-1], (borders[-1][0], 0.0)]
    number = len(borders) - 1
    cells = [
        box(10 * n + borders[n][1], 0, 10 * n + 10 + borders[n + 1][0], 10) for n in range(number)
    ]
    expected = {}
    for n, (east, west) in enumerate(borders):
        if abs(east - west) > 1e-9:
            key = fault(n, number, east - west)
            # Narrow strips of one child, at either end of the row, are one offence.
            key = (*key, None if key[0] in NARROW else n)
            expected[key] = expected.get(key, 0.0) + 10 * abs(east - west)

    def placed(shape):
        return affinity.translate(affinity.rotate(shape, angle, (0, 0)), shift, -shift)

    units = children(*map(placed, cells))
    parent = frame([placed(box(0, 0, 10 * number, 10))], index=["p"])
    found = topology.tiling(units, parent, tolerance_m=TOL)
    got = found.offences[["shape", "child", "other", "area_m2"]].round(3).to_numpy().tolist()
    wanted = [[*key[:3], round(area, 3)] for key, area in expected.items()]
    assert sorted(got, key=str) == sorted(wanted, key=str)
    balanced(found)
    mixed = topology.tiling(units.sample(frac=1, random_state=seed), parent, tolerance_m=TOL)
    pd.testing.assert_frame_equal(mixed.offences, found.offences)
    check_snapping(units, parent)


def check_snapping(units, parents, tolerance_m=TOL, **options):
    """Hold what `snapped` promises of any input."""
    before = topology.tiling(units, parents, tolerance_m=tolerance_m, **options)
    after = topology.snapped(units, parents, tolerance_m=tolerance_m, **options)
    assert after.index.equals(units.index)
    assert after.crs == units.crs
    assert after.is_valid.all()
    mended = units.set_geometry(after.geometry)
    left = topology.tiling(mended, parents, tolerance_m=tolerance_m, **options)
    kept = left.offences["shape"].isin(NARROW - {"G03.shared"})
    assert not kept.any(), left.offences[kept]
    change = after["gained_m2"] - after["lost_m2"]
    np.testing.assert_allclose(after["change_m2"], change, atol=1e-4)
    np.testing.assert_allclose(after.area - units.area, after["change_m2"], atol=1e-9)
    slim = before.offences["shape"].isin(NARROW)
    concerned = set(before.offences.loc[slim, ["child", "other"]].stack())
    same = [a is b for a, b in zip(units.geometry, after.geometry, strict=True)]
    quiet = ~units.index.isin(concerned)
    assert np.array(same)[quiet].all()
    assert (after.loc[quiet, ["change_m2", "gained_m2", "lost_m2"]] == 0).all(axis=None)
    balanced(left)
    return after, left


def test_snapping_moves_the_higher_code_and_says_by_how_much():
    units = children(LEFT, box(9.95, 0, 15, 10), box(15.05, 0, 20.02, 10))
    after, left = check_snapping(units, PARENT)
    assert after["change_m2"].to_list() == pytest.approx([0, -0.5, 0.3], abs=1e-4)
    assert after["gained_m2"].to_list() == pytest.approx([0, 0, 0.5], abs=1e-4)
    assert after["lost_m2"].to_list() == pytest.approx([0, 0.5, 0.2], abs=1e-4)
    assert after.bounds.loc["p3"].to_list() == pytest.approx([15, 0, 20, 10])
    assert left.offences.empty


def test_snapping_leaves_what_a_person_must_decide():
    units = children(box(0, 0, 8, 10), box(7, 0, 21, 10))
    after, left = check_snapping(units, PARENT)
    assert all(a is b for a, b in zip(units.geometry, after.geometry, strict=True))
    assert left.offences["shape"].to_list() == ["G02.overlap", "G05.spill"]


def test_a_child_that_is_nothing_but_a_strip_is_not_snapped_away():
    units = children(LEFT, RIGHT, box(3, 3, 3.05, 8))
    after = topology.snapped(units, PARENT)
    assert after.geometry["p3"] is units.geometry["p3"]


def test_fixed_children_stay_and_the_others_follow_them():
    units = children(box(0, 0, 9.9, 10), box(9.95, 0, 15, 10), box(14.9, 0, 20, 10))
    free, _ = check_snapping(units, PARENT)
    assert free.bounds["minx"].to_list() == pytest.approx([0, 9.9, 15])
    held = topology.snapped(units, PARENT, fixed={"p2", "p3"})
    assert [a is b for a, b in zip(units.geometry, held.geometry, strict=True)] == [
        False,
        True,
        True,
    ]
    assert held.bounds["maxx"]["p1"] == pytest.approx(9.95)
    left = topology.tiling(units.set_geometry(held.geometry), PARENT).offences
    assert left[["shape", "child", "other"]].to_numpy().tolist() == [["G02.sliver", "p2", "p3"]]
    every = topology.snapped(units, PARENT, fixed=units.index)
    assert all(a is b for a, b in zip(units.geometry, every.geometry, strict=True))


def test_a_gap_that_turns_along_the_parent_gives_nobody_an_arm():
    """One strip between the two and on past the first: each takes what lies before it."""
    units = children(box(0, 0, 9.9, 9.95), box(10, 0, 20, 10))
    found = topology.tiling(units, PARENT).offences
    assert found[["shape", "child", "other"]].to_numpy().tolist() == [
        ["G03.gap", "p1", "p2"],
        ["G04.sliver", "p1", None],
    ]
    after, _ = check_snapping(units, PARENT)
    assert after["moved_m"].max() <= TOL + 1e-5
    assert after.bounds["minx"]["p2"] >= 9.9 - TOL - 1e-5


def test_snapping_says_how_far_a_border_moves():
    needle = Polygon([(10, 0), (20, 0), (20, 10), (10, 10), (10, 5.04), (7, 5.02), (10, 5)])
    after, _ = check_snapping(children(LEFT, needle), PARENT)
    assert after["moved_m"].to_list() == pytest.approx([0, 3], abs=1e-3)
    slit = RIGHT - box(12, 4, 12.06, 8)
    after, _ = check_snapping(children(LEFT, slit), PARENT)
    assert after["moved_m"].to_list() == pytest.approx([0, 0.03], abs=1e-3)
    after, _ = check_snapping(children(LEFT, box(10.08, 0, 20, 10)), PARENT)
    assert after["moved_m"].to_list() == pytest.approx([0, 0.08], abs=1e-5)


def cells_of(seed, number, jitter_m):
    """Random cells that tile a box, each corner then drawn anew by each of its cells."""
    rng = np.random.default_rng(seed)
    whole = box(0, 0, 100, 80)
    sites = shapely.MultiPoint(rng.uniform((0, 0), (100, 80), (number, 2)))
    cells = shapely.get_parts(shapely.voronoi_polygons(sites, extend_to=whole))
    cells = shapely.intersection(cells, whole)
    drawn = []
    for cell in cells:
        ring = shapely.get_coordinates(cell)[:-1]
        drawn.append(Polygon(ring + rng.normal(0, jitter_m, ring.shape)))
    return children(*drawn), frame([whole], index=["p"])


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    number=st.integers(2, 25),
    jitter_m=st.sampled_from([0.0, 0.005, 0.03, 1.0]),
)
def test_the_proof_agrees_with_brute_force(seed, number, jitter_m):
    units, parent = cells_of(seed, number, jitter_m)
    units = units[units.is_valid]
    found = topology.tiling(units, parent, tolerance_m=TOL)
    shapes = units.geometry.to_numpy()
    low, high = np.triu_indices(len(shapes), 1)
    both = shapely.area(shapely.intersection(shapes[low], shapes[high]))
    overlaps = found.offences[found.offences["shape"].str.startswith("G02")]
    every = overlaps.groupby(["child", "other"])["area_m2"].sum()
    for i, j, area in zip(low, high, both, strict=True):
        pair = tuple(sorted((units.index[i], units.index[j])))
        # What is thinner than a millimetre is left out: up to as much along a whole border.
        assert every.get(pair, 0.0) == pytest.approx(area, abs=0.12)
    union = shapely.union_all(shapes)
    whole = parent.geometry.iloc[0]
    sums = found.balance.loc["p"]
    assert sums["blank_m2"] == pytest.approx((whole - union).area, abs=1e-6)
    assert sums["spill_m2"] == pytest.approx((union - whole).area, abs=1e-6)
    balanced(found)
    spills = found.offences[found.offences["shape"].str.startswith("G05")]
    outside = spills.groupby("child")["area_m2"].sum().reindex(units.index, fill_value=0.0)
    np.testing.assert_allclose(outside, shapely.area(shapely.difference(shapes, whole)), atol=0.12)
    if jitter_m < 1.0:
        check_snapping(units, parent, tolerance_m=0.4)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    number=st.integers(1, 25),
    jitter_m=st.sampled_from([0.01, 0.05, 0.1]),
    held=st.sets(st.integers(1, 25), max_size=4),
)
def test_snapping_keeps_every_square_metre_and_moves_no_border_far(seed, number, jitter_m, held):
    """Borders drawn apart by up to some 0.4 m come together, and nobody's ground is lost."""
    units, parent = cells_of(seed, number, jitter_m)
    units = units[units.is_valid]
    fixed = {f"p{n}" for n in held} & set(units.index)
    tolerance_m = 0.5
    after = topology.snapped(units, parent, tolerance_m=tolerance_m, fixed=fixed)
    for code in fixed:
        assert after.geometry[code] is units.geometry[code]
    mended = units.set_geometry(after.geometry)
    found = topology.tiling(mended, parent, tolerance_m=tolerance_m)
    if not fixed and len(units) == number and found.offences.empty:
        # Each hairline that is left is thinner than the proof's millimetre.
        assert after.area.sum() == pytest.approx(parent.area.sum(), abs=2e-3 * after.length.sum())
    # What changed hands lies as near as it says, by samples along each border.
    for code in units.index[after["change_m2"].ne(0) | after["gained_m2"].ne(0)]:
        old, new = units.geometry[code], after.geometry[code]
        reach = after["moved_m"][code] + tolerance_m / 2 + 1e-5
        for one, other in ((old, new), (new, old)):
            along = shapely.segmentize(one, 0.25)
            spots = shapely.points(shapely.get_coordinates(along))
            assert shapely.distance(other, spots).max() <= reach


def stored(layer, metric):
    """A layer through the storage frame and its rounding, back in metres."""
    there = crs.to_storage(layer).geometry
    rounded = shapely.transform(there.to_numpy(), lambda xy: np.round(xy, 8))
    return layer.set_geometry(gpd.GeoSeries(rounded, there.index, crs=there.crs)).to_crs(metric)


def quarter(slit_m=0.0):
    """Long straight borders with T-junctions; a slit beside the western cells."""
    west = [box(0, y, 900 - slit_m, y + 300) for y in (0, 300, 600)]
    east = [box(900, y, 1800, y + 450) for y in (0, 450)]
    cells = [affinity.translate(s, 364_000, 3_266_000) for s in west + east]
    whole = frame([affinity.translate(box(0, 0, 1800, 900), 364_000, 3_266_000)], index=["p"])
    metric = crs.metric_crs_of(whole)
    return stored(children(*cells), metric), stored(whole, metric)


def test_another_frame_bends_borders_and_breaks_nothing():
    units, whole = quarter()
    found = topology.tiling(units, whole)
    assert found.balance[["overlap_m2", "blank_m2"]].sum(axis=None) > 0.01  # rounding, measured
    assert found.offences.empty


def test_a_gap_is_told_among_the_hairlines_of_rounding():
    """Hairlines tie the gap to every border they follow; it is no less a gap of its place."""
    units, whole = quarter(0.02)
    found = topology.tiling(units, whole).offences
    assert set(found["shape"]) == {"G03.gap"}
    assert found[["child", "other"]].to_numpy().tolist() == [["p1", "p4"], ["p3", "p5"]]
    assert found["area_m2"].to_list() == pytest.approx([9, 9], abs=0.5)
    after, _ = check_snapping(units, whole)
    assert after["change_m2"].to_list() == pytest.approx([0, 0, 0, 9, 9], abs=0.5)


def test_a_strip_past_several_children_is_shared_out():
    """No child gets an arm along its siblings: worked by hand."""
    cells = [box(10 * n, 0, 10 * n + 10, 9.95) for n in range(3)]
    parent = frame([box(0, 0, 30, 10)], index=["p"])
    found = topology.tiling(children(*cells), parent).offences
    assert found["shape"].to_list() == ["G04.sliver"] * 3
    assert found["child"].to_list() == ["p1", "p2", "p3"]
    assert found["area_m2"].to_list() == pytest.approx([0.5] * 3, abs=TOL * 0.05)
    assert found["area_m2"].sum() == pytest.approx(1.5)
    after, left = check_snapping(children(*cells), parent)
    assert left.offences.empty
    assert (after.bounds["maxx"] - after.bounds["minx"]).max() <= 10 + TOL + 1e-5


# Numbers


def lattice(columns=4, rows=3, width=10.0, height=10.0):
    """Cells with keys ``row-column`` from the north-west."""
    keys = [f"{r}-{c}" for r in range(rows) for c in range(columns)]
    cells = [
        box(c * width, -(r + 1) * height, (c + 1) * width, -r * height)
        for r in range(rows)
        for c in range(columns)
    ]
    return frame(cells, index=keys, parent_code="500108001001")


def test_numbers_run_west_to_east_and_north_to_south():
    found = topology.numbered(lattice())
    assert found["sequence"].to_list() == list(range(1, 13))
    assert found["code"].iloc[11] == "500108001001012"
    assert found["reading_row"].to_list() == [1] * 4 + [2] * 4 + [3] * 4


def test_a_ragged_row_is_one_row_and_a_column_runs_south():
    ragged = lattice(3, 2)
    shift = [0, -2.5, 2, 0, -2, 1]
    shapes = [affinity.translate(s, 0, dy) for s, dy in zip(ragged.geometry, shift, strict=True)]
    assert topology.numbered(ragged.set_geometry(shapes))["sequence"].to_list() == [
        1,
        2,
        3,
        4,
        5,
        6,
    ]
    assert topology.numbered(lattice(1, 5))["sequence"].to_list() == [1, 2, 3, 4, 5]
    assert topology.numbered(lattice(1, 5))["reading_row"].to_list() == [1, 2, 3, 4, 5]


def test_used_numbers_are_never_given_again():
    used = {"500108001001001", "500108001001003", "500108001002002"}
    found = topology.numbered(lattice(2, 1), used=used)
    assert found["sequence"].to_list() == [2, 4]
    full = {f"500108001001{n:03}" for n in range(1, 998)}
    assert topology.numbered(lattice(2, 1), used=full)["sequence"].to_list() == [998, 999]
    with pytest.raises(CodeError, match="has 2 numbers left for 3 grids"):
        topology.numbered(lattice(3, 1), used=full)


def test_each_community_has_its_own_numbers_and_its_own_rows():
    two = pd.concat([lattice(2, 2), lattice(2, 2, 30.0, 40.0).rename(index="b{}".format)])
    two["parent_code"] = ["500108001002"] * 4 + ["500108001001"] * 4
    found = topology.numbered(two)
    assert found.index.equals(two.index)
    assert found["sequence"].to_list() == [1, 2, 3, 4] * 2
    assert found["code"].str[:12].eq(two["parent_code"]).all()


def test_what_has_no_place_or_community_is_refused():
    with pytest.raises(CodeError, match="no code of a community"):
        topology.numbered(lattice().assign(parent_code="500108001"))
    with pytest.raises(CodeError):
        topology.numbered(lattice().assign(parent_code=None))
    with pytest.raises(FrameError, match="parent_code"):
        topology.numbered(lattice().drop(columns="parent_code"))
    with pytest.raises(FrameError, match="without geometry"):
        topology.numbered(frame([None], parent_code="500108001001"))
    with pytest.raises(CrsError):
        topology.numbered(lattice().set_crs(4490, allow_override=True))
    empty = topology.numbered(lattice().iloc[:0])
    assert empty.empty
    assert list(empty.columns) == ["code", "sequence", "reading_row"]


def named(grids, sequence):
    codes = [f"500108001001{n:03}" for n in sequence]
    return grids.set_index(pd.Index(codes, name="code"))


def test_grids_out_of_reading_order_are_one_issue_a_community():
    right = named(lattice(3, 2), range(1, 7))
    assert topology.order_issues(right) == []
    # Numbers that leave some out are in order, and so are those of another way to read rows.
    assert topology.order_issues(named(lattice(3, 2), [2, 5, 7, 10, 11, 99])) == []
    swapped = named(lattice(3, 2), [1, 3, 2, 4, 5, 6])
    (found,) = topology.order_issues(swapped)
    assert (found.shape, found.row) == ("C05.order", None)
    assert found.values["proposal"] == "003 → 002, 002 → 003"
    assert (found.values["child"], found.values["other"]) == ("002", "003")
    assert (found.values["count"], found.values["total"]) == (1, 6)
    assert "003 → 002" in found.message("zh")
    last = named(lattice(3, 2), [6, 1, 2, 3, 4, 5])
    (found,) = topology.order_issues(last, used={"500108001001002"})
    assert found.values["count"] == 1, "one grid moves, not six"
    assert found.values["proposal"].startswith("006 → 001, 001 → 003")
    both = pd.concat([swapped, last.set_axis(last.index.str.replace("001001", "001002"))])
    assert [one.values["parent"][-3:] for one in topology.order_issues(both)] == ["001", "002"]
    assert topology.order_issues(right.iloc[:0]) == []


def test_numbers_that_run_down_columns_are_out_of_order():
    down = named(lattice(2, 3), [1, 4, 2, 5, 3, 6])
    (found,) = topology.order_issues(down)
    assert found.values["proposal"] == "004 → 002, 002 → 003, 005 → 004, 003 → 005"


def test_a_ragged_row_may_be_numbered_either_way():
    """The second grid lies a third of a grid north and east: some see two rows there."""
    pair = [box(0, 0, 10, 10), box(10, 3.5, 20, 13.5)]
    for sequence in ((1, 2), (2, 1)):
        assert topology.order_issues(named(frame(pair), sequence)) == []


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), number=st.integers(1, 30))
def test_what_numbered_gives_is_in_order(seed, number):
    units, _ = cells_of(seed, number, 0.0)
    given_codes = topology.numbered(units.assign(parent_code="500108001001"))["code"]
    assert topology.order_issues(units.set_index(pd.Index(given_codes))) == []


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    number=st.integers(1, 40),
    taken=st.sets(st.integers(1, 60), max_size=30),
    shift=st.integers(-1_000_000, 1_000_000),
)
def test_numbers_are_the_lowest_free_ones_each_once_in_any_order(seed, number, taken, shift):
    units, _ = cells_of(seed, number, 0.0)
    units = units.assign(parent_code="500108001001")
    used = {f"500108001001{n:03}" for n in taken}
    found = topology.numbered(units, used=used)
    free = [n for n in range(1, 1000) if n not in taken][: len(units)]
    assert sorted(found["sequence"]) == free
    mixed = units.sample(frac=1, random_state=seed)
    moved = mixed.set_geometry(mixed.translate(shift, -shift))
    again = topology.numbered(moved, used=used).loc[units.index]
    pd.testing.assert_frame_equal(again, found)
    # Reading order: rows from the north without overlap, in a row from the west.
    told_rows = found.assign(x=units.centroid.x, y=units.centroid.y).sort_values("sequence")
    assert told_rows["reading_row"].is_monotonic_increasing
    for _, row in told_rows.groupby("reading_row"):
        assert (row["x"].diff().dropna() >= -1e-3).all()
    lowest = told_rows.groupby("reading_row")["y"].min()
    highest = told_rows.groupby("reading_row")["y"].max()
    assert (lowest.iloc[:-1].to_numpy() >= highest.iloc[1:].to_numpy() - 1e-3).all()


# A whole district


@pytest.fixture(scope="module")
def district():
    """Grids and communities of the demo district, metric."""
    cut = ground(geodata.outline(), geodata.codes(), demo.SEED)
    grids = cut.grids.set_index("code")[["geometry"]].set_crs(cut.frame, allow_override=True)
    shapes, owner = grids.geometry.to_numpy(), grids.index.str[:12]
    codes = sorted(set(owner))
    whole = [shapely.coverage_union_all(shapes[owner == code]) for code in codes]
    return grids, frame(whole, index=codes, crs=grids.crs)


def test_the_demo_district_is_proved_fast(district):
    grids, communities = district
    started = time.process_time()
    found = topology.tiling(grids, communities)
    seconds = time.process_time() - started
    assert found.offences.empty
    balanced(found)
    assert (len(grids), len(communities)) == (1115, 153)
    print(f"1,115 grids in 153 communities: {seconds:.2f} s")
    assert seconds < 3.0


def test_known_faults_in_the_demo_district_are_found(district):
    """One grid gone, one moved by 5 cm, one blown up by 2 m."""
    grids, communities = district
    gone, moved, blown = grids.index[[5, 500, 1000]]
    shapes = grids.geometry.copy()
    shapes[moved] = affinity.translate(shapes[moved], 0.05, 0.0)
    shapes[blown] = shapes[blown].buffer(2.0, join_style="mitre")
    hurt = grids.set_geometry(shapes).drop(index=gone)
    found = topology.tiling(hurt, communities).offences
    blank = found[found["shape"] == "G04.blank"]
    assert blank["parent"].to_list() == [gone[:12]]
    assert blank["area_m2"].iloc[0] == pytest.approx(grids.area[gone], abs=1e-3)
    assert set(found["parent"]) == {gone[:12], moved[:12], blown[:12]}
    assert set(found.loc[found["parent"] == moved[:12], "shape"]) <= NARROW
    assert set(found.loc[found["parent"] == blown[:12], "shape"]) <= {"G02.overlap", "G05.spill"}
    codes = found.loc[found["parent"] != gone[:12], ["child", "other"]]
    assert codes.isin([moved, blown]).any(axis=1).all()


def test_numbers_of_the_demo_district_are_a_permutation(district):
    grids, _ = district
    found = topology.numbered(grids.assign(parent_code=grids.index.str[:12]))
    assert sorted(found["code"]) == sorted(grids.index)


# Real data


def read(name, file):
    return gpd.read_file(shared_data(name) / file)


@pytest.fixture(scope="module")
def beijing():
    """Streets and districts; one district has a part of too few points."""
    streets = read("beijing_streets", "streets.geojson")
    districts = read("beijing_streets", "districts.geojson")
    metric = crs.metric_crs_of(streets)
    streets = streets.to_crs(metric).set_index("code")
    return streets, districts.to_crs(metric).set_index("code")


@pytest.mark.real
@pytest.mark.slow
def test_every_fault_of_beijing_is_told_with_its_square_metres(beijing):
    streets, districts = beijing
    with pytest.raises(FrameError, match="not valid: 110106000000"):
        topology.tiling(streets, districts, parent_column="parent_code")
    districts["geometry"] = districts.make_valid(method="structure", keep_collapsed=False)
    started = time.process_time()
    found = topology.tiling(streets, districts, parent_column="parent_code", tolerance_m=1.0)
    seconds = time.process_time() - started
    balanced(found)
    sums = found.offences.groupby("shape")["area_m2"].agg(["size", "sum"])
    print(f"271 streets: {seconds:.2f} s\n{sums}")
    # Brute force: every pair of siblings.
    shapes, owner = streets.geometry.to_numpy(), streets["parent_code"].to_numpy()
    low, high = shapely.STRtree(shapes).query(shapes)
    pairs = (low < high) & (owner[low] == owner[high])
    low, high = low[pairs], high[pairs]
    both = shapely.area(shapely.intersection(shapes[low], shapes[high]))
    overlaps = sums.loc[["G02.overlap", "G02.sliver"], "sum"].sum()
    # The tips of slivers are thinner than a millimetre, and left out.
    assert overlaps == pytest.approx(both.sum(), abs=0.05)
    assert overlaps == pytest.approx(40_854.25, abs=0.1)
    # Two districts have no streets in the set: both are blank as a whole.
    blank = found.balance["blank_m2"]
    empty = sorted(set(districts.index) - set(owner))
    assert empty == ["110105000000", "110108000000"]
    np.testing.assert_allclose(blank[empty], districts.area[empty])
    for code in ("110101000000", "110102000000"):  # SOURCE.md: these partition exactly
        assert blank[code] < 0.01
        assert found.balance["overlap_m2"][code] < 0.01
    some = ["110101000000", "110102000000", "110106000000", "110109000000"]
    if os.environ.get("BEIJING") != "all":  # all were snapped on 2026-11-28
        streets, districts = streets[streets["parent_code"].isin(some)], districts.loc[some]
    check_snapping(streets, districts, 1.0, parent_column="parent_code")


@pytest.mark.real
@pytest.mark.parametrize("digits", [5, 9])
def test_the_chome_of_tokyo_tile_the_ward_and_its_towns(digits):
    chome = read("tokyo_bunkyo", "chome_4326.geojson").set_index("key_code")
    chome = chome.to_crs(crs.metric_crs_of(chome))
    wholes = chome.dissolve(chome.index.str[:digits])[["geometry"]]
    found = topology.tiling(chome, wholes)
    assert found.offences.empty
    balanced(found)
    assert found.balance[["overlap_m2", "blank_m2", "spill_m2"]].sum(axis=None) < 1e-3
    # One chome more or less is seen.
    lost = chome.index[10]
    found = topology.tiling(chome.drop(index=lost), wholes).offences
    assert found["shape"].to_list() == ["G04.blank"]
    assert found["area_m2"][0] == pytest.approx(chome.area[lost])


@pytest.mark.real
def test_the_districts_round_nanan_leave_no_gap():
    units = read("nanan_admin", "nanan_and_neighbours_wgs84.geojson").set_index("code")
    units = units.to_crs(crs.metric_crs_of(units))
    whole = units.assign(parent="50").dissolve("parent")[["geometry"]]
    found = topology.tiling(units.drop(columns="name"), whole, tolerance_m=10.0)
    assert found.offences.empty
    other = read("nanan_admin", "nanan_boundary_gcj02_amap.geojson").to_crs(units.crs)
    other = other.set_index(pd.Index(["500108x"]))
    found = topology.tiling(other, units.loc[["500108"]])
    assert {"G04.blank", "G05.spill"} <= set(found.offences["shape"])
    balanced(found)


@pytest.mark.real
@pytest.mark.slow
def test_the_tracts_of_manhattan_and_its_shore():
    """Tracts and borough were drawn apart: their shores differ thousands of times."""
    tracts = read("nyc_manhattan", "census_tracts_2010.geojson").set_index("tract_row")
    borough = read("nyc_manhattan", "borough.geojson").set_index("BoroCode")
    metric = crs.metric_crs_of(borough)
    tracts, borough = tracts.to_crs(metric).assign(borough=1), borough.to_crs(metric)
    found = topology.tiling(tracts, borough, parent_column="borough", tolerance_m=1.0)
    balanced(found)
    print(found.offences.groupby("shape")["area_m2"].agg(["size", "sum"]))
    sums = found.balance.loc[1]
    assert sums["overlap_m2"] < 0.01
    assert sums["blank_m2"] == pytest.approx(53_840, abs=1)
    assert sums["spill_m2"] == pytest.approx(47_483, abs=1)
    check_snapping(tracts, borough, 1.0, parent_column="borough")
