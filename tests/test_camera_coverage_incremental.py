"""After a change only what it touches is computed anew, and equals a full run."""

from __future__ import annotations

from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, Point, affinity, box
from test_camera_coverage import HERE, cells, town

from gridmap.camera_coverage import (
    GROUND_AREAS,
    Places,
    changed_coverage,
    coverage,
    kept,
    part_of,
    reaches,
    sights,
    touched,
    views,
)

CRS = "EPSG:32648"
SIDE = 180.0
examples = settings(max_examples=3, deadline=None)
OPTICS = ["azimuth_deg", "hfov_deg", "max_range_m", "position_tolerance_m", "h_pixels"]


def frame(shapes, letter, **columns):
    index = [f"{letter}{i:02}" for i in range(len(shapes))]
    moved = [affinity.translate(shape, *HERE) for shape in shapes]
    return gpd.GeoDataFrame(columns, index=index, geometry=moved, crs=CRS)


def camera_rows(rng, n, side):
    return {
        "geometry": [Point(*xy) for xy in rng.uniform(0, side, (n, 2))],
        "azimuth_deg": np.where(rng.random(n) < 0.2, np.nan, rng.uniform(0, 360, n)),
        "hfov_deg": np.where(rng.random(n) < 0.2, 360.0, rng.uniform(30, 200, n)),
        "max_range_m": rng.uniform(5, 35, n),
        "position_tolerance_m": np.where(rng.random(n) < 0.15, 1.5, 0.0),
        "group_code": rng.choice([None, None, "g1", "g2"], n),
        "h_pixels": rng.choice([np.nan, 400.0, 900.0], n),
    }


def scene(rng, *, side=SIDE, units_side=SIDE):
    """Return a town with cameras, some on poles, some twice, 9 units and what lies in them."""
    shapes = town(int(rng.integers(10**6)), n=16, side=side)
    rows = camera_rows(rng, 15, side)
    rows["geometry"][14] = rows["geometry"][13]
    rows["geometry"][12] = affinity.translate(rows["geometry"][13], 0.7, 0)
    buildings = frame(shapes, "b", household_count=rng.integers(0, 9, len(shapes)))
    doors = [shape.exterior.interpolate(3.0) for shape in shapes]
    doors[0] = affinity.translate(doors[0], 4, 4)
    return Places(
        units=frame(cells(side=units_side), "u"),
        cameras=frame(rows.pop("geometry"), "c", **rows),
        buildings=buildings,
        roads=frame([LineString(ends) for ends in rng.uniform(-20, side + 20, (6, 2, 2))], "r"),
        key_areas=frame([box(20, 20, side / 2, side / 2), box(60, 50, side, 90)], "k"),
        entrances=frame(doors, "e", building_code=buildings.index.to_numpy()),
    )


class Change(NamedTuple):
    after: Places
    cameras: list[str]
    buildings: list[str]


CHANGES = ("add", "remove", "move", "change")


def changed(rng, before, what, how, *, side=SIDE, name=99):
    """Add, remove, move or change one camera or building."""
    old = getattr(before, what)
    code = old.index[rng.integers(len(old))]
    new = old.copy()
    if how == "remove":
        new = new.drop(code)
    elif how == "add":
        code = f"{what[0]}x{name}"
        row = old.iloc[[rng.integers(len(old))]].set_axis([code])
        way = rng.uniform(-1, 1, 2) * rng.choice([0.5, 15, side])
        new = pd.concat([new, row.set_geometry(row.translate(*way))])
    elif how == "move":
        way = rng.uniform(-1, 1, 2) * rng.choice([0.5, 15, side])
        new.loc[code, "geometry"] = affinity.translate(new.geometry[code], *way)
    elif what == "cameras":
        fresh = camera_rows(rng, 1, side)
        for name in [*OPTICS, "group_code"]:
            new.loc[code, name] = fresh[name][0]
    else:
        shape = new.geometry[code]
        new.loc[code, "geometry"] = affinity.scale(shape, *rng.uniform(0.5, 1.5, 2))
        new.loc[code, "household_count"] = 50
    return Change(before._replace(**{what: new}), *([code], [])[:: 1 if what == "cameras" else -1])


def within(shapes, others, distance=0.0):
    """Tell of each shape whether it lies within a distance of any of others."""
    tree = shapely.STRtree(np.asarray(shapes, dtype=object))
    _, row = tree.query(np.asarray(others, dtype=object), predicate="dwithin", distance=distance)
    hit = np.zeros(len(shapes), dtype=bool)
    hit[row] = True
    return hit


def assert_same(one, other, what):
    """Compare rows: numbers and arrays to 1e-4, geometries by their difference."""
    assert one.index.tolist() == other.index.tolist(), what
    assert one.columns.tolist() == other.columns.tolist(), what
    for name in one.columns:
        left, right = one[name].to_numpy(), other[name].to_numpy()
        if name == "level_areas_m2":
            left, right = (np.array([list(row.values()) for row in side]) for side in (left, right))
            np.testing.assert_allclose(left, right, atol=1e-4, rtol=0, err_msg=f"{what} {name}")
            continue
        if any(isinstance(value, shapely.Geometry) for value in left):
            differ = shapely.area(shapely.symmetric_difference(left, right))
            assert np.nan_to_num(differ).max(initial=0) < 1e-4, (what, name)
        elif len(left) and isinstance(left[0], np.ndarray):
            for a, b in zip(left, right, strict=True):
                size = max(len(a), len(b))
                a, b = (np.pad(part, (0, size - len(part))) for part in (a, b))
                np.testing.assert_allclose(a, b, atol=1e-4, rtol=0, err_msg=f"{what} {name}")
        elif one[name].dtype.kind == "f":
            np.testing.assert_allclose(left, right, atol=1e-4, rtol=0, err_msg=f"{what} {name}")
        else:
            assert left.tolist() == right.tolist(), (what, name)


def rows_of(table, codes, level=None):
    """Return the rows of some codes, sorted, and the others."""
    values = table.index if level is None else table.index.get_level_values(level)
    mine = values.isin(codes)
    plain = pd.DataFrame(table)
    return plain[mine].sort_index(), plain[~mine].sort_index()


def check(before, change):
    """Compute a change from its places alone and from what is kept; return what it touches."""
    after = change.after
    codes = {"cameras": pd.Index(change.cameras), "buildings": pd.Index(change.buildings)}
    found = touched(before, after, **codes)
    seen = sights(before.cameras, before.buildings, levels=["detect"])
    old, new = coverage(before, seen=seen), coverage(after, levels=["detect"])
    part = coverage(part_of(after, found), levels=["detect"])
    check_part(before, change, found, part, old, new)
    less = changed_coverage(kept(before, seen), after, **codes)
    check_part(before, change, less.touched, less.coverage, old, new)
    assert set(less.touched.units) <= set(found.units)
    assert set(less.touched.views) <= set(found.views)
    assert_known(less.kept, new)
    return found


def check_part(before, change, found, part, old, new):
    """Splice a partial run into the old full one and compare with the new full one."""
    for name, codes, level in (
        ("views", found.views, None),
        ("ground", found.units, None),
        ("blind", found.units, "unit_code"),
        ("frontage", found.buildings, None),
        ("failures", found.units, "unit_code"),
    ):
        fresh, kept = rows_of(getattr(new, name), codes, level)
        assert_same(rows_of(getattr(part, name), codes, level)[0], fresh, f"{name}, anew")
        assert_same(rows_of(getattr(old, name), codes, level)[1], kept, f"{name}, kept")
    assert part.views.dtypes.to_dict() == new.views.dtypes.to_dict()
    for name in ("ground", "blind", "failures"):
        rows = getattr(part, name).index
        assert set(rows.get_level_values("unit_code" if rows.nlevels > 1 else 0)) <= set(
            found.units
        )
    assert set(found.views) - set(change.cameras) <= set(part.views.index)
    assert set(change.cameras) <= set(found.views)
    assert set(change.buildings) <= set(found.buildings)
    check_entrances(found, before, change.after, old, new, part)


def assert_known(known, full):
    """What is known after a change is what a full run keeps."""
    places = known.places
    seen = sights(places.cameras, places.buildings, levels=list(known.detail))
    expected = kept(places, seen)
    for name in ("area_m2", "certain_area_m2", "reach", "bounds"):
        np.testing.assert_allclose(known.cameras[name], expected.cameras[name], atol=1e-4)
    for name in ("status", "reason", "assumed", "pole_code"):
        assert known.cameras[name].tolist() == full.views[name].tolist()
    for name in known.detail:
        off = shapely.symmetric_difference(known.detail[name], expected.detail[name])
        assert shapely.area(off).max(initial=0) < 1e-4
    codes = places.buildings.index[np.argsort(known.number)]
    row = np.sort(known.number)
    for mine, theirs in zip(known.cameras["walls"], expected.cameras["walls"], strict=True):
        names = codes[np.searchsorted(row, mine[:, 0])]
        others = places.buildings.index[theirs[:, 0].astype(int)]
        one, other = (
            pd.DataFrame(table[:, 1:]).assign(code=index).sort_values(["code", 0, 1])
            for table, index in ((mine, names), (theirs, others))
        )
        assert one["code"].tolist() == other["code"].tolist()
        np.testing.assert_allclose(one[[0, 1, 2]], other[[0, 1, 2]], atol=1e-6)
    np.testing.assert_array_equal(known.built, expected.built)


def check_entrances(found, before, after, old, new, part):
    """Entrances of the buildings named and in the units named may change; others do not."""
    named = after.entrances["building_code"].isin(found.buildings).to_numpy()
    lying = within(
        after.entrances.geometry.to_numpy(), after.units.geometry[found.units].to_numpy()
    )
    fresh = after.entrances.index[named]
    pd.testing.assert_frame_equal(part.entrances.loc[fresh], new.entrances.loc[fresh])
    kept = after.entrances.index[~named & ~lying]
    pd.testing.assert_frame_equal(old.entrances.loc[kept], new.entrances.loc[kept])


@pytest.mark.parametrize("what", ["cameras", "buildings"])
@pytest.mark.parametrize("how", CHANGES)
@examples
@given(st.integers(0, 10**6))
def test_a_change_and_what_it_touches(what, how, seed):
    rng = np.random.default_rng(seed)
    before = scene(rng)
    check(before, changed(rng, before, what, how))


@pytest.mark.parametrize("what", ["cameras", "buildings"])
@pytest.mark.parametrize("how", CHANGES)
@examples
@given(st.integers(0, 10**6))
def test_a_change_at_the_edge_of_the_units(what, how, seed):
    rng = np.random.default_rng(seed)
    before = scene(rng, units_side=SIDE / 3)
    check(before, changed(rng, before, what, how))


@settings(max_examples=2, deadline=None)
@given(st.integers(0, 10**6))
def test_many_changes_one_after_the_other(seed):
    rng = np.random.default_rng(seed)
    places = scene(rng)
    known = kept(places, sights(places.cameras, places.buildings))
    for nth in range(12):
        what, how = rng.choice(["cameras", "buildings"]), rng.choice(CHANGES)
        change = changed(rng, known.places, what, how, name=nth)
        known = changed_coverage(
            known,
            change.after,
            cameras=pd.Index(change.cameras),
            buildings=pd.Index(change.buildings),
        ).kept
    assert_known(known, coverage(known.places))


@examples
@given(st.integers(0, 10**6))
def test_many_changes_at_once(seed):
    rng = np.random.default_rng(seed)
    before = at = scene(rng)
    cameras, buildings = set(), set()
    for nth in range(5):
        what, how = rng.choice(["cameras", "buildings"]), rng.choice(CHANGES)
        at, some, others = changed(rng, at, what, how, name=nth)
        cameras, buildings = cameras | set(some), buildings | set(others)
    shuffled = {
        what: getattr(at, what).sample(frac=1, random_state=seed) for what in ("cameras", "roads")
    }
    check(before, Change(at._replace(**shuffled), sorted(cameras), sorted(buildings)))


# --- by hand ------------------------------------------------------------------------------------


def small(rows, houses, units):
    """Build places of cameras (x, y, azimuth, angle, range), buildings and units."""
    table = np.array(rows, dtype=float).reshape(-1, 5)
    optics = dict(zip(OPTICS, table[:, 2:].T, strict=False))
    none = frame([], "n")
    return Places(
        units=frame(units, "u"),
        cameras=frame([Point(*row[:2]) for row in table], "c", **optics, group_code=None),
        buildings=frame(houses, "b", household_count=5),
        roads=none,
        key_areas=none,
        entrances=none.assign(building_code=pd.Series(dtype=object)),
    )


UNITS = [box(0, 0, 50, 50), box(50, 0, 100, 50)]


def without(places, what, code):
    return places._replace(**{what: getattr(places, what).drop(code)})


def test_households_just_beyond_the_border_are_near_its_blind_areas():
    before = small([], [box(51, 10, 60, 20), box(120, 0, 130, 9)], UNITS)
    found = check(before, Change(without(before, "buildings", "b00"), [], ["b00"]))
    assert found.units.tolist() == ["u00", "u01"]


def test_a_party_wall_opens_when_the_neighbour_goes():
    houses = [box(10, 10, 20, 20), box(20.01, 10, 30, 20), box(40, 40, 45, 45)]
    before = small([], houses, UNITS)
    found = check(before, Change(without(before, "buildings", "b01"), [], ["b01"]))
    assert {"b00", "b01"} <= set(found.buildings)


def test_a_camera_outside_every_unit():
    rows = [(200, 20, 90, 90, 20), (200, 25, 90, 90, 20), (10, 10, 90, 90, 5)]
    before = small(rows, [box(210, 0, 212, 50)], UNITS)
    found = check(before, Change(without(before, "cameras", "c00"), ["c00"], []))
    assert found.units.tolist() == []
    assert found.views.tolist() == ["c00"]
    assert "c02" not in found.watching


def test_what_is_far_away_is_not_touched():
    rows = [(10, 10, 90, 90, 5), (90, 40, 90, 90, 5), (10, 14, 90, 90, 5)]
    units = [box(10 * i, 0, 10 * i + 10, 50) for i in range(10)]
    before = small(rows, [box(14, 10, 16, 12), box(80, 20, 82, 22)], units)
    found = check(before, Change(without(before, "cameras", "c00"), ["c00"], []))
    assert found.views.tolist() == ["c00"]
    assert found.watching.sort_values().tolist() == ["c00", "c02"]
    assert "u09" not in found.units
    assert found.buildings.tolist() == ["b00"]


def test_a_pole_is_named_anew_wherever_its_cameras_see():
    # c01 reaches far, c00 gives their pole its name and sees next to nothing.
    rows = [
        (10, 10, 90, 90, 1),
        (10.5, 10, 90, 40, 85),
        (10.5, 10.8, 90, 30, 60),
        (99, 49, 0, 9, 1),
    ]
    units = [box(10 * i, 0, 10 * i + 10, 50) for i in range(12)]
    before = small(rows, [box(14, 10, 16, 12), box(80, 20, 82, 22)], units)
    moved = before.cameras.copy()
    moved.loc["c00", "geometry"] = affinity.translate(moved.geometry["c00"], -5, 0)
    after = before._replace(cameras=moved)
    for one, other, name in ((before, after, "c01"), (after, before, "c00")):
        found = check(one, Change(other, ["c00"], []))
        assert found.views.sort_values().tolist() == ["c00", "c01", "c02"]
        assert "c03" not in found.views
        lost = coverage(other).failures
        assert set(lost.loc["pole"].index.get_level_values("code")) == {name}
        assert "u08" in lost.loc["pole"].index.get_level_values("unit_code")


def test_a_camera_of_a_pole_that_sees_nothing_here_names_it_all_the_same():
    rows = [(10, 10, 270, 90, 5), (10.5, 10, 90, 60, 60), (80, 20, 90, 90, 5)]
    before = small(rows, [], [box(0, 0, 50, 50), box(50, 0, 100, 50)])
    found = check(before, Change(without(before, "cameras", "c02"), ["c02"], []))
    assert found.units.tolist() == ["u01"]
    part = coverage(part_of(before, found)).failures
    assert "c00" in part.loc["pole"].index.get_level_values("code")


def test_nothing_changed_touches_nothing():
    before = small([(10, 10, 90, 90, 5)], [box(14, 10, 16, 12)], UNITS)
    found = touched(before, before, cameras=pd.Index([]), buildings=pd.Index([]))
    assert [len(part) for part in found] == [0] * 4


def test_a_camera_gets_or_loses_its_position():
    before = small([(10, 10, 90, 90, 20), (12, 10, 90, 90, 20)], [box(14, 10, 16, 12)], UNITS)
    lost = before.cameras.copy()
    lost.loc["c00", "geometry"] = Point()
    after = before._replace(cameras=lost)
    for one, other in ((before, after), (after, before)):
        found = check(one, Change(other, ["c00"], []))
        assert "u00" in found.units


# --- reaches ------------------------------------------------------------------------------------


@examples
@given(st.integers(0, 10**6))
def test_views_lie_within_their_reaches(seed):
    places = scene(np.random.default_rng(seed))
    seen = views(places.cameras, places.buildings).geometry.to_numpy()
    boxes = reaches(places.cameras)
    assert shapely.area(shapely.difference(seen, boxes)).max() == 0


def test_reaches_by_hand():
    places = small([(10, 10, 90, 90, 20), (10, 10, 90, 90, np.nan)], [], UNITS)
    cameras = places.cameras.assign(position_tolerance_m=[2.0, 0.0])
    cameras.loc["c01", "geometry"] = Point()
    one, other = reaches(cameras)
    assert one.bounds == (HERE[0] + 10 - 40, HERE[1] - 30, HERE[0] + 50, HERE[1] + 50)
    assert other.is_empty
    assert len(reaches(cameras.iloc[:0])) == 0


def test_areas_are_spliced_by_name():
    # What the jobs store: the sums of the rows that are replaced.
    rng = np.random.default_rng(7)
    before = scene(rng)
    change = changed(rng, before, "cameras", "remove")
    found = touched(before, change.after, cameras=pd.Index(change.cameras), buildings=pd.Index([]))
    old, new = coverage(before).ground, coverage(change.after).ground
    spliced = pd.DataFrame(old).copy()
    part = coverage(part_of(change.after, found)).ground
    spliced.update(pd.DataFrame(part.loc[found.units, list(GROUND_AREAS)]))
    assert np.allclose(
        spliced[list(GROUND_AREAS)].to_numpy(dtype=float), new[list(GROUND_AREAS)], atol=1e-4
    )
