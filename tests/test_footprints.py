"""Buildings on each other's ground, and the form of grids: G06, G07, G09, G01.duplicate."""

import time

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Point, Polygon, affinity, box
from synthetic_scene import synthetic_scene
from toy_town import frame, shared_data

from gridmap import crs, topology
from gridmap.errors import CrsError, FrameError
from gridmap.model import LAYERS

HOUSE = box(0, 0, 10, 10)


def told(rows, others=None, **options):
    found = topology.footprint_overlaps(rows, others, **options)
    return [
        (one.first, one.second, one.stored, pytest.approx(one.area_m2))
        for one in found.itertuples(index=False)
    ]


@pytest.mark.parametrize(
    ("second", "area"),
    [
        (box(10, 0, 20, 10), None),  # a common wall
        (box(10, 10, 20, 20), None),  # a common corner
        (box(9.95, 0, 20, 10), None),  # drawn 5 cm into each other
        (box(9.5, 0, 20, 10), 5.0),
        (box(2, 2, 4, 4), 4.0),  # within, no walls cross
        (HOUSE, 100.0),
        (Polygon([(10, 0), (20, 0), (20, 10), (10, 10), (9, 5)]), 5.0),  # a wall and a needle
        # Ground and a wall beside it: the overlay is a collection.
        (MultiPolygon([box(10, 0, 12, 10), box(5, -3, 6, 2)]), 2.0),
    ],
)
def test_what_shares_ground_and_what_only_touches(second, area):
    rows = frame([HOUSE, second])
    expected = [] if area is None else [(1, 2, False, area)]
    assert told(rows) == expected
    found = topology.footprint_overlaps(rows)
    assert found.geometry.geom_type.isin(["Polygon", "MultiPolygon"]).all()
    assert found["same"].to_list() == ([area == 100.0] if expected else [])


def test_stored_buildings_are_compared_but_not_among_themselves():
    rows = frame([HOUSE, box(30, 0, 40, 10)])
    stored = frame([box(9, 0, 12, 10), box(8, 0, 12, 10), HOUSE], index=["a", "b", "c"])
    assert told(rows, stored) == [(1, "a", True, 10), (1, "b", True, 20), (1, "c", True, 100)]
    issues = topology.footprint_issues(
        rows.assign(code=["x", "y"]), topology.footprint_overlaps(rows, stored)
    )
    assert [(one.row, one.values["other"]) for one in issues] == [(1, "a"), (1, "b"), (1, "c")]


def test_an_overlap_is_told_at_the_later_row_with_area_and_ground():
    rows = frame([HOUSE, box(8, 0, 18, 10), HOUSE], code=["x", "y", "z"])
    issues = topology.footprint_issues(rows, topology.footprint_overlaps(rows))
    assert [(one.shape, one.row, one.values["other"]) for one in issues] == [
        ("G09.overlap", 2, "x"),
        ("G09.overlap", 3, "y"),  # x and z are twins: G01.duplicate tells
    ]
    assert issues[0].geometry.equals(box(8, 0, 10, 10))
    assert "20.0 m²" in issues[0].message("en")


def test_frames_must_fit():
    with pytest.raises(CrsError):
        topology.footprint_overlaps(frame([HOUSE], crs=4490))
    with pytest.raises(FrameError):
        topology.footprint_overlaps(frame([HOUSE]), frame([HOUSE], crs="EPSG:32648"))
    assert topology.footprint_overlaps(frame([])).empty
    assert topology.footprint_overlaps(frame([HOUSE]), frame([])).empty


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), number=st.integers(0, 40), split=st.integers(0, 40))
def test_overlaps_agree_with_every_pair_by_brute_force(seed, number, split):
    rng = np.random.default_rng(seed)
    corner = rng.integers(0, 60, (number, 2)).astype(float)
    size = rng.integers(1, 15, (number, 2)) + rng.choice([0.0, 0.05, 0.5], (number, 2))
    shapes = [box(*at, *(at + by)) for at, by in zip(corner, size, strict=True)]
    shapes = [affinity.rotate(s, float(rng.choice([0, 0, 30])), "center") for s in shapes]
    rows, others = (
        frame(shapes[:split]),
        frame(shapes[split:], index=range(100, 100 + len(shapes[split:]))),
    )
    found = topology.footprint_overlaps(rows, others, tolerance_m=0.1)
    got = {(one.first, one.second): one.area_m2 for one in found.itertuples(index=False)}
    both = pd.concat([rows, others])
    for i in range(len(both)):
        for j in range(i + 1, len(both)):
            if i >= len(rows):
                continue
            pair = (both.index[i], both.index[j])
            ground = both.geometry.iloc[i].intersection(both.geometry.iloc[j])
            wide = shapely.maximum_inscribed_circle(ground).length * 2 if ground.area else 0.0
            if abs(wide - 0.1) < 0.02:
                continue  # at the tolerance either answer is right
            assert (pair in got) == (wide > 0.1), (pair, wide)
            if wide > 0.1:
                assert got[pair] == pytest.approx(ground.area, abs=1e-9)


def test_sixty_thousand_footprints_are_compared_fast():
    _, houses = synthetic_scene(60_000, 10)
    rows = frame(houses.to_numpy(), crs=houses.crs)
    started = time.process_time()
    found = topology.footprint_overlaps(rows)
    seconds = time.process_time() - started
    print(f"60,000 footprints: {len(found)} overlaps, {seconds:.2f} s")
    # The scene has annexes and twins: oracle without a tree, on a sample of them.
    shapes = rows.geometry.to_numpy()
    for place in range(0, len(shapes), 6_000):
        near = shapely.area(shapely.intersection(shapes[place], shapes)) > 0.5
        near[place] = False
        mine = (found["first"] == place + 1) | (found["second"] == place + 1)
        pairs = set(found.loc[mine & (found["area_m2"] > 0.5), ["first", "second"]].stack())
        assert pairs - {place + 1} == set(np.flatnonzero(near) + 1)
    assert seconds < 3.0


@pytest.mark.real
def test_footprints_of_tokyo_overlap_where_geos_says_so():
    rows = gpd.read_file(shared_data("tokyo_bunkyo") / "buildings_4326.gpkg")
    rows = rows[rows.is_valid].reset_index(drop=True)
    rows = rows.to_crs(crs.metric_crs_of(rows))
    found = topology.footprint_overlaps(rows)
    shapes = rows.geometry.to_numpy()
    low, high = shapely.STRtree(shapes).query(shapes, predicate="overlaps")
    once = low < high
    area = shapely.area(shapely.intersection(shapes[low[once]], shapes[high[once]]))
    # All that cross on more than a square metre and are no wall drawn twice are among them.
    wide = set(zip(low[once][area > 5.0], high[once][area > 5.0], strict=True))
    assert wide <= set(zip(found["first"], found["second"], strict=True))
    print(f"{len(rows)} footprints of Tokyo: {len(found)} overlap, {found['area_m2'].sum():.0f} m²")


# Twins


def test_the_same_geometry_twice_is_told_once_a_shape():
    turned = Polygon([(10, 0), (10, 10), (0, 10), (0, 0)])  # begins elsewhere
    rows = frame([HOUSE, box(20, 0, 30, 10), turned, HOUSE], code=list("abcd"))
    found = LAYERS["building"].check(rows)
    assert [(one.shape, one.row, one.values["rows"]) for one in found] == [
        ("G01.duplicate", 3, "1, 3, 4")
    ]
    # The same box is not the same shape.
    bevelled = Polygon([(0, 0), (10, 0), (10, 9), (9, 10), (0, 10)])
    assert LAYERS["building"].check(frame([HOUSE, bevelled], code=["a", "b"])) == []


def test_units_and_cameras_may_lie_on_each_other_here():
    """Units are told as overlaps, cameras of one pole are no fault."""
    grids = frame([HOUSE, HOUSE], code=["500108001001001", "500108001001002"], name=["a", "b"])
    assert LAYERS["grid"].check(grids) == []
    entrances = frame([Point(0, 0)] * 2, code=["a", "b"], building_code=["x", "y"])
    assert LAYERS["entrance"].check(entrances) == []


# Forms


def test_forms_of_grids_worked_by_hand():
    apart = MultiPolygon([box(0, 0, 10, 10), box(20, 0, 21, 1)])
    corner = MultiPolygon([box(0, 0, 10, 10), box(10, 10, 20, 20)])
    strip, long = box(0, 0, 290, 10), box(0, 0, 310, 10)  # 0.1013 and 0.0951
    rows = frame([apart, corner, strip, long, HOUSE], code=list("abcde"))
    found = topology.form_issues(rows)
    assert [(one.shape, one.row) for one in found] == [
        ("G06.parts", 1),
        ("G06.parts", 2),
        ("G07.compactness", 4),
    ]
    assert (found[0].values["parts"], found[0].values["rest"]) == (2, "1.0")
    assert found[2].values["value"] == pytest.approx(4 * np.pi * 3100 / 640**2)
    assert topology.form_issues(rows.iloc[:0]) == []
    with pytest.raises(CrsError):
        topology.form_issues(frame([HOUSE], crs=4490, code=["a"]))
