"""How often ground and lines are covered: by hand, by property, against overlays and samples."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Polygon, affinity, box
from test_camera_coverage import camera_frame, real_layer

from gridmap.camera_coverage import ground_coverage, views
from gridmap.camera_coverage.depth import depths
from gridmap.camera_coverage.pieces import lines_in, pieces, segments
from gridmap.camera_coverage.stretches import Stretches, gaps, lengths, stretches_inside

HERE = (500_000, 3_200_000)
examples = settings(max_examples=60, deadline=None)


def measured(shapes, *, field=None, group=None):
    """Return areas at k from 1, and losses by group; one field and lone groups if not given."""
    shapes = np.array([affinity.translate(s, *HERE) for s in shapes], dtype=object)
    field = np.zeros(len(shapes), np.int64) if field is None else np.asarray(field)
    group = np.arange(len(shapes)) if group is None else np.asarray(group)
    fields, groups = int(field.max(initial=0)) + 1, int(group.max(initial=-1)) + 1
    found = depths(shapes, field=field, fields=fields, group=group[:, None], groups=groups)
    return found.areas_m2[:, 1:], found.lost_m2


# --- areas by hand ------------------------------------------------------------------------------

SQUARE = box(0, 0, 10, 10)
RING = box(0, 0, 10, 10) - box(3, 3, 7, 7)


@pytest.mark.parametrize(
    ("shapes", "areas", "lost"),
    [
        ([SQUARE], [100], [100]),
        ([SQUARE, SQUARE], [100, 100], [0, 0]),
        ([SQUARE] * 5, [100] * 5, [0] * 5),
        ([SQUARE, box(10, 0, 20, 10)], [200], [100, 100]),  # a whole edge shared
        ([SQUARE, box(10, 4, 20, 6)], [120], [100, 20]),  # a part of one
        ([SQUARE, box(10, 10, 20, 20)], [200], [100, 100]),  # a corner
        ([SQUARE, box(2, 2, 4, 4)], [100, 4], [96, 0]),  # nested
        ([SQUARE, box(0, 2, 4, 4)], [100, 8], [92, 0]),  # nested, along an edge
        ([SQUARE, box(5, 0, 15, 10)], [150, 50], [50, 50]),
        ([SQUARE, box(5, 5, 15, 15)], [175, 25], [75, 75]),
        ([SQUARE, box(20, 0, 21, 1)], [101], [100, 1]),
        ([RING], [84], [84]),
        ([RING, box(3, 3, 7, 7)], [100], [84, 16]),  # fills the hole
        ([RING, box(4, 4, 6, 6)], [88], [84, 4]),  # stands in it
        ([RING, SQUARE], [100, 84], [0, 16]),
        ([RING, RING], [84, 84], [0, 0]),
        ([RING, box(0, 4, 10, 6)], [92, 12], [72, 8]),
        ([MultiPolygon([box(0, 0, 1, 1), box(2, 0, 3, 1)]), box(0, 0, 3, 1)], [3, 2], [0, 1]),
        (
            [MultiPolygon([box(0, 0, 1, 1), box(1, 1, 2, 2)]), box(0, 1, 1, 2), box(1, 0, 2, 1)],
            [4],
            [2, 1, 1],
        ),
        ([SQUARE, Polygon([(0, 0), (10, 0), (10, 10)])], [100, 50], [50, 0]),
        ([box(0, 0, 4, 2), box(0, 0, 2, 4), box(1, 1, 3, 3)], [13, 6, 1], [3, 3, 1]),
    ],
)
def test_areas_by_hand(shapes, areas, lost):
    for order in (slice(None), slice(None, None, -1)):
        found, gone = measured(shapes[order])
        assert found[0].tolist() == pytest.approx(areas, abs=1e-9)
        assert gone[order].tolist() == pytest.approx(lost, abs=1e-9)


def test_corners_may_turn_either_way():
    for shape in (SQUARE, RING, MultiPolygon([SQUARE, box(20, 0, 21, 1)])):
        assert measured([shape])[0] == pytest.approx(measured([shapely.reverse(shape)])[0])
        mixed = measured([shape, shapely.reverse(shape)])[0]
        assert mixed.tolist() == [pytest.approx([shape.area] * 2)]


def test_fields_never_meet():
    areas, lost = measured([SQUARE, SQUARE, box(5, 0, 15, 10), SQUARE], field=[0, 1, 0, 1])
    assert areas.tolist() == [pytest.approx([150, 50]), pytest.approx([100, 100])]
    assert lost.tolist() == pytest.approx([50, 0, 50, 0], abs=1e-9)


def test_a_field_without_polygons_has_no_area():
    areas, _ = measured([SQUARE, SQUARE], field=[2, 2])
    assert areas.tolist() == [[0, 0], [0, 0], pytest.approx([100, 100])]


def test_what_a_group_shares_with_itself_is_lost_with_it():
    shapes = [SQUARE, box(5, 0, 15, 10), box(12, 0, 14, 10)]
    _, lost = measured(shapes, group=[0, 0, 1])
    assert lost.tolist() == pytest.approx([130, 0], abs=1e-9)
    _, lost = measured(shapes, group=[0, 0, 0])
    assert lost.tolist() == pytest.approx([150])
    _, lost = measured(shapes, group=[0, 1, 1])
    assert lost.tolist() == pytest.approx([50, 50])


def test_groups_of_several_ways_and_of_another_field():
    shapes = np.array([SQUARE, box(5, 0, 15, 10)], dtype=object)
    found = depths(
        shapes,
        row=np.array([0, 1, 0, 1]),
        field=np.array([0, 0, 1, 1]),
        fields=2,
        group=np.array([[0, 3], [1, 4], [2, 5], [2, 6]]),
        groups=7,
        units=np.array([box(0, 0, 20, 5), box(0, 5, 20, 10)], dtype=object),
    )
    assert found.lost_m2.tolist() == pytest.approx([25, 25, 75, 25, 25, 25, 25])


def test_nothing_has_no_area():
    none = np.zeros(0, np.int64)
    found = depths(np.zeros(0, object), field=none, fields=3, group=none[:, None], groups=2)
    assert found.areas_m2.tolist() == [[0], [0], [0]]
    assert found.lost_m2.tolist() == [0, 0]
    assert depths(np.zeros(0, object), field=none, fields=3).lost_m2.tolist() == []


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3, 1e5])
def test_sizes_from_millimetres_to_a_city(size):
    shapes = [box(0, 0, size, size), box(size / 2, 0, 3 * size / 2, size)]
    areas, lost = measured(shapes)
    exact = 0 if size > 1e-2 else 1e-8  # half a millimetre is rounded to 2^-21 m
    assert areas[0] == pytest.approx(np.array([1.5, 0.5]) * size**2, rel=1e-9, abs=exact)
    assert lost == pytest.approx(np.array([0.5, 0.5]) * size**2, rel=1e-9, abs=exact)


# --- areas against overlays ---------------------------------------------------------------------


@st.composite
def lattice_shapes(draw):
    """Draw a valid polygon with small whole corners, some with holes, some of several parts."""
    whole = st.integers(0, 6)
    kind = draw(st.sampled_from(["box", "triangle", "ring", "several", "star"]))
    x, y = draw(whole), draw(whole)
    w, h = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    if kind == "box":
        return box(x, y, x + w, y + h)
    if kind == "ring":
        return box(x, y, x + w + 2, y + h + 2) - box(x + 1, y + 1, x + w + 1, y + h + 1)
    if kind == "several":
        return MultiPolygon([box(x, y, x + w, y + h), box(x + w + draw(whole), y + h, 12, 12)])
    n = 3 if kind == "triangle" else draw(st.integers(4, 6))
    corners = draw(st.lists(st.tuples(whole, whole), min_size=n, max_size=n, unique=True))
    if kind == "star":
        middle = np.mean(corners, axis=0)
        corners.sort(key=lambda c: np.arctan2(c[1] - middle[1], c[0] - middle[0]))
    return Polygon(corners)


def usable(shape):
    return shape.is_valid and shape.area > 0


def many(least, most):
    return st.lists(lattice_shapes().filter(usable), min_size=least, max_size=most)


def atoms_of(shapes):
    """Return the cells all outlines cut the plane into, and which shapes cover each."""
    lines = shapely.union_all([s.boundary for s in shapes])
    cells = shapely.get_parts(shapely.polygonize([lines]))
    spots = shapely.point_on_surface(cells)
    return shapely.area(cells), np.array([shapely.contains(s, spots) for s in shapes])


@examples
@given(many(1, 9), st.data())
def test_areas_and_losses_against_overlays(shapes, data):
    n = len(shapes)
    group = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    areas, lost = measured(shapes, group=group)
    cell, covers = atoms_of(shapes)
    expected = [cell[covers.sum(axis=0) >= k].sum() for k in range(1, n + 1)]
    assert areas[0].tolist() == pytest.approx(expected[: areas.shape[1]], abs=1e-6)
    assert expected[areas.shape[1] :] == pytest.approx([0] * (n - areas.shape[1]), abs=1e-6)
    assert areas.sum() == pytest.approx(sum(s.area for s in shapes), abs=1e-6)
    assert areas[0, 0] == pytest.approx(shapely.union_all(shapes).area, rel=1e-8)
    for g in range(group.max() + 1):
        mine = [s for s, k in zip(shapes, group, strict=True) if k == g]
        others = [s for s, k in zip(shapes, group, strict=True) if k != g]
        left = shapely.union_all(mine) - shapely.union_all(others)
        assert lost[g] == pytest.approx(left.area, abs=1e-6)


@examples
@given(many(2, 8), st.randoms(use_true_random=False))
def test_the_order_of_polygons_does_not_matter(shapes, random):
    order = random.sample(range(len(shapes)), len(shapes))
    areas, lost = measured(shapes)
    again, gone = measured([shapes[i] for i in order])
    assert again[0].tolist() == pytest.approx(areas[0].tolist(), abs=1e-6)
    assert gone.tolist() == pytest.approx(lost[order].tolist(), abs=1e-6)


@examples
@given(many(2, 8), st.data())
def test_fields_measure_as_if_alone(shapes, data):
    n = len(shapes)
    field = np.array(data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    areas, lost = measured(shapes, field=field)
    for f in range(field.max() + 1):
        mine = np.flatnonzero(field == f)
        alone, gone = measured([shapes[i] for i in mine])
        width = alone.shape[1]
        assert areas[f, :width].tolist() == pytest.approx(alone[0].tolist(), abs=1e-6)
        assert np.abs(areas[f, width:]).sum() < 1e-6
        assert lost[mine].tolist() == pytest.approx(gone.tolist(), abs=1e-6)


def test_many_crossings_in_one_place_stay_within_the_table():
    """Two rings in one place and a spike through their corners: 4 are counted of 2 neighbours."""
    ring = box(1, 2, 4, 6) - box(2, 3, 3, 5)
    spike = Polygon([(0, 1), (3, 3), (4, 4)])
    for shapes in ([spike, ring, ring], [ring, spike, ring], [ring, ring, spike]):
        areas, lost = measured(shapes)
        assert areas[0, 0] == pytest.approx(shapely.union_all(shapes).area, abs=1e-9)
        assert areas.sum() == pytest.approx(sum(shape.area for shape in shapes), abs=1e-9)
        assert sorted(lost)[:2] == pytest.approx([0, 0], abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_turned_shapes_of_any_size_against_overlays(seed):
    rng = np.random.default_rng(seed)
    shapes = []
    for x, y, w, h, turn in rng.uniform([0, 0, 1, 1, 0], [80, 80, 60, 60, 90], (25, 5)):
        shape = affinity.rotate(box(x, y, x + w, y + h), turn)
        shapes.append(shape - affinity.scale(shape, 0.5, 0.5) if turn < 30 else shape)
    shapes += [affinity.rotate(shapes[0], 1e-7), affinity.translate(shapes[1], 1e-7, 0)]
    areas, lost = measured(shapes)
    assert areas.sum() == pytest.approx(sum(s.area for s in shapes), rel=1e-8)
    assert areas[0, 0] == pytest.approx(shapely.union_all(shapes).area, rel=1e-8)
    for i in range(0, len(shapes), 5):
        others = shapely.union_all(shapes[:i] + shapes[i + 1 :])
        assert lost[i] == pytest.approx((shapes[i] - others).area, abs=1e-4)


# --- lines in polygons --------------------------------------------------------------------------


def line_array(*ends):
    return np.array(ends, dtype=float).reshape(-1, 4)


def shape_array(*shapes):
    return np.array(shapes, dtype=object)


def spans(found):
    order = np.lexsort((found.start, found.owner, found.line))
    columns = (found.line, found.owner, found.start, found.end)
    return [tuple(row) for row in np.column_stack(columns)[order].tolist()]


def test_lines_in_polygons_by_hand():
    lines = line_array((-10, 5, 30, 5), (2, 2, 3, 3), (0, 20, 9, 20), (5, -5, 5, 15), (1, 1, 1, 1))
    found = stretches_inside(lines, shape_array(SQUARE, RING))
    assert spans(found) == [
        pytest.approx((0, 0, 0.25, 0.5)),
        pytest.approx((0, 1, 0.25, 0.325)),
        pytest.approx((0, 1, 0.425, 0.5)),
        pytest.approx((1, 0, 0, 1)),
        pytest.approx((1, 1, 0, 1)),
        pytest.approx((3, 0, 0.25, 0.75)),
        pytest.approx((3, 1, 0.25, 0.4)),
        pytest.approx((3, 1, 0.6, 0.75)),
    ]


def test_no_lines_or_no_polygons_give_no_stretches():
    for lines, shapes in (
        (line_array(), shape_array(SQUARE)),
        (line_array((0, 0, 1, 1)), shape_array()),
        (line_array((50, 50, 51, 51)), shape_array(SQUARE)),
    ):
        assert all(len(part) == 0 for part in stretches_inside(lines, shapes))


def test_a_line_along_a_shared_border_lies_in_one_of_the_two():
    left, right = box(0, 0, 10, 10), box(10, 0, 20, 10)
    for line in ((10, 0, 10, 10), (10, 10, 10, 0), (10, -3, 10, 20), (10, 4, 10, 5)):
        found = stretches_inside(line_array(line), shape_array(left, right))
        assert len(found.line) == 1
        inside = (found.end - found.start)[0] * abs(line[3] - line[1])
        assert inside == pytest.approx(min(abs(line[3] - line[1]), 10))


@examples
@given(many(1, 4), st.lists(st.tuples(*[st.integers(-1, 8)] * 4), min_size=1, max_size=6))
def test_lines_in_polygons_against_overlays(shapes, ends):
    lines = line_array(*ends) + np.array([0.1, 0.03, 0.07, 0.02])  # along no edge
    found = stretches_inside(lines, shape_array(*shapes))
    assert ((found.start >= 0) & (found.start < found.end) & (found.end <= 1)).all()
    for i, line in enumerate(shapely.linestrings(lines.reshape(-1, 2, 2))):
        for j, shape in enumerate(shapes):
            mine = (found.line == i) & (found.owner == j)
            metres = (found.end - found.start)[mine].sum() * line.length
            assert metres == pytest.approx((line & shape).length, abs=1e-9)


@examples
@given(many(1, 4), st.lists(st.tuples(*[st.integers(-1, 8)] * 4), min_size=1, max_size=6))
def test_lines_on_the_lattice_lie_inside_and_on_edges_at_most(shapes, ends):
    lines = line_array(*ends)
    found = stretches_inside(lines, shape_array(*shapes))
    for i, line in enumerate(shapely.linestrings(lines.reshape(-1, 2, 2))):
        for j, shape in enumerate(shapes):
            mine = (found.line == i) & (found.owner == j)
            metres = (found.end - found.start)[mine].sum() * line.length
            along = (line & shape.boundary).length
            within = (line & shape).length
            assert within - along - 1e-9 <= metres <= within + 1e-9


# --- sums of stretches --------------------------------------------------------------------------


def stretches(rows):
    """Build stretches from (line, start, end, owner)."""
    columns = np.array(rows, dtype=float).reshape(-1, 4).T
    line, owner = columns[0].astype(np.int64), columns[3].astype(np.int64)
    return Stretches(line, columns[1], columns[2], owner)


def total(rows, metres=(10.0, 20.0), **options):
    metres = np.asarray(metres, dtype=float)
    place = np.zeros(len(metres), np.int64)
    return lengths(stretches(rows), length_m=metres, place=place, places=1, **options)


def test_metres_at_every_k_by_hand():
    found = total([(0, 0, 0.5, 0), (0, 0.2, 0.7, 1), (0, 0.4, 0.6, 2), (1, 0.5, 1, 0)])
    assert found.lengths_m.tolist() == [pytest.approx([0, 17, 4, 1])]
    assert total([]).lengths_m.tolist() == [[0]]


def test_abutting_stretches_of_one_owner_count_once():
    found = total([(0, 0.2, 0.5, 3), (0, 0.5, 0.9, 3), (0, 0.5, 0.5, 3)])
    assert found.lengths_m[0, 1] == pytest.approx(7)
    assert found.lengths_m[0, 2:].sum() == pytest.approx(0)


def test_metres_are_summed_by_place():
    rows = stretches([(0, 0, 1, 0), (1, 0, 1, 0), (2, 0, 0.5, 0), (2, 0, 0.5, 1)])
    found = lengths(rows, length_m=np.array([1.0, 2, 4]), place=np.array([2, 0, 2]), places=4)
    assert found.lengths_m.tolist() == [[0, 2, 0], [0, 0, 0], [0, 3, 2], [0, 0, 0]]


def test_metres_that_only_one_group_covers():
    rows = [(0, 0, 0.5, 0), (0, 0.3, 0.8, 1), (0, 0.4, 0.6, 2)]
    alone = total(rows, group=np.arange(3), groups=3)
    assert alone.lost_m.tolist() == pytest.approx([3, 2, 0])
    paired = total(rows, group=np.array([1, 0, 0]), groups=2)
    assert paired.lost_m.tolist() == pytest.approx([3, 3])
    every = total(rows, group=np.array([0, 0, 0]), groups=1)
    assert every.lost_m.tolist() == pytest.approx([8])


def test_gaps_by_hand():
    found = gaps(stretches([(0, 0.2, 0.5, 0), (0, 0.1, 0.3, 1), (0, 0.8, 1, 0), (2, 0, 1, 0)]), 4)
    assert spans(found) == [(0, 0, 0, 0.1), (0, 0, 0.5, 0.8), (1, 1, 0, 1), (3, 3, 0, 1)]
    assert spans(gaps(stretches([]), 2)) == [(0, 0, 0, 1), (1, 1, 0, 1)]
    assert spans(gaps(stretches([]), 0)) == []


stretch_rows = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 20), st.integers(0, 20), st.integers(0, 4)),
    max_size=12,
)


@examples
@given(stretch_rows, st.lists(st.integers(0, 3), min_size=5, max_size=5))
def test_sums_and_gaps_against_samples(rows, group):
    # One stretch an owner and line: those of one owner never overlap.
    unique = {(n, owner): (n, min(a, b) / 20, max(a, b) / 20, owner) for n, a, b, owner in rows}
    rows, group = list(unique.values()), np.array(group)
    metres = np.array([1.0, 2, 3, 4])
    found = total(rows, metres, group=group, groups=4)
    spots = (np.arange(20) + 0.5) / 20
    hit = np.zeros((5, 4, 20), dtype=bool)
    for n, start, end, owner in rows:
        hit[owner, n] |= (start < spots) & (spots < end)
    weight = metres[:, None] / 20
    for k in range(1, 7):
        expected = ((hit.sum(axis=0) >= k) * weight).sum()
        given_ = found.lengths_m[0, k] if k < found.lengths_m.shape[1] else 0
        assert given_ == pytest.approx(expected, abs=1e-9)
    for g in range(4):
        only = hit[group == g].any(axis=0) & ~hit[group != g].any(axis=0)
        assert found.lost_m[g] == pytest.approx((only * weight).sum(), abs=1e-9)
    left = gaps(stretches(rows), 4)
    uncovered = (~hit.any(axis=0)).sum(axis=1) / 20
    sums = np.bincount(left.line, left.end - left.start, minlength=4)
    assert sums.tolist() == pytest.approx(uncovered.tolist(), abs=1e-9)


# --- pieces -------------------------------------------------------------------------------------


def test_pieces_of_shapes_by_hand():
    units = shape_array(box(0, 0, 10, 10), box(10, 0, 20, 10))
    shapes = shape_array(box(2, 2, 4, 4), box(8, 0, 12, 5), None, Polygon(), box(20, 0, 30, 10))
    found = pieces(units, shapes)
    assert sorted(zip(found.unit, found.row, shapely.area(found.shape), strict=True)) == [
        (0, 0, 4),
        (0, 1, 10),
        (1, 1, 10),
    ]


@examples
@given(many(1, 5))
def test_pieces_add_up_and_stay_in_their_units(shapes):
    units = shape_array(box(-1, -1, 3, 5), box(3, -1, 8, 5), box(-1, 5, 8, 20), box(8, -1, 20, 20))
    found = pieces(units, shape_array(*shapes))
    assert (np.diff(found.unit) >= 0).all()
    assert (shapely.area(found.shape) > 0).all()
    assert np.isin(shapely.get_type_id(found.shape), (3, 6)).all()
    sums = np.bincount(found.row, shapely.area(found.shape), minlength=len(shapes))
    assert sums.tolist() == pytest.approx([s.area for s in shapes])
    assert shapely.covers(units[found.unit], found.shape).all()


def test_roads_are_cut_at_borders():
    units = shape_array(box(0, 0, 10, 10), box(10, 0, 20, 10))
    roads = gpd.GeoSeries.from_wkt(
        ["LINESTRING (-5 5, 15 5, 15 20)", "MULTILINESTRING ((1 1, 1 2), (10 0, 10 10))"]
    )
    found = lines_in(units, roads)
    order = np.lexsort((found.length_m, found.unit))
    assert found.length_m.sum() == pytest.approx(10 + 5 + 5 + 1 + 10)
    assert found.unit[order][:2].tolist() == [0, 0]
    assert found.length_m == pytest.approx(np.hypot(*(found.ends[:, 2:] - found.ends[:, :2]).T))
    assert len(lines_in(units, roads.iloc[:0]).unit) == 0


def test_segments_leave_out_what_has_no_length():
    shapes = gpd.GeoSeries.from_wkt(
        ["LINESTRING (0 0, 1 0, 1 0, 1 1)", None, "LINESTRING EMPTY", "LINESTRING (5 5, 6 6)"]
    )
    found = segments(shapes.to_numpy())
    assert found.tolist() == [[0, 0, 1, 0], [1, 0, 1, 1], [5, 5, 6, 6]]


# --- real data ----------------------------------------------------------------------------------


def real_cameras(houses, n, seed):
    """Return cameras scattered among real buildings, some on poles, some without a direction."""
    rng = np.random.default_rng(seed)
    base = shapely.get_coordinates(houses.representative_point())[rng.integers(0, len(houses), n)]
    xy = base + rng.normal(0, 12, (n, 2))
    xy[1::5] = xy[::5][: len(xy[1::5])]
    angle = np.where(rng.random(n) < 0.28, 360, rng.uniform(28, 106, n))
    rows = np.column_stack([xy - HERE, rng.uniform(0, 360, n), angle, rng.uniform(30, 150, n)])
    return camera_frame(rows.tolist()).set_crs(houses.crs, allow_override=True)


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "file", "n"),
    [
        ("tokyo_bunkyo", "buildings_4326.gpkg", 2000),
        ("helsinki_osm", "buildings.geojson", 400),
    ],
)
def test_areas_on_real_data_against_geos(folder, file, n):
    houses = real_layer(folder, file)
    houses.geometry = houses.geometry.where(houses.is_valid, houses.buffer(0))
    seen = views(real_cameras(houses, n, 11), houses)
    assert seen.is_valid.all()
    shapes = seen.geometry.to_numpy()
    shapes = shapes[~shapely.is_empty(shapes)]
    none = np.zeros(len(shapes), np.int64)
    areas = depths(shapes, field=none, fields=1).areas_m2[0]
    union = shapely.disjoint_subset_union_all(shapes)
    assert areas[1] == pytest.approx(union.area, rel=1e-8)
    assert areas.sum() == pytest.approx(shapely.area(shapes).sum(), rel=1e-8)
    assert (np.diff(areas[1:]) < 1e-3).all()
    west, south, east, north = houses.total_bounds
    x, y = np.linspace(west, east, 4), np.linspace(south, north, 4)
    cells = [box(x[i], y[j], x[i + 1], y[j + 1]) for i in range(3) for j in range(3)]
    units = gpd.GeoSeries(cells, index=[f"u{i}" for i in range(9)], crs=houses.crs)
    found = ground_coverage(units, seen, houses)
    assert found.seen.is_valid.all()
    assert found.blind.is_valid.all()
    watched = union & box(*houses.total_bounds)
    assert found["seen_area_m2"].sum() == pytest.approx(watched.area, rel=1e-8)
    whole = found["seen_area_m2"] + found["blind_area_m2"] + found["building_area_m2"]
    assert np.allclose(whole, found["gross_area_m2"])
