"""Matters sorted into three kinds: the way of each, its times, where they gather, the figures."""

import datetime as dt
import itertools

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Point, box
from toy_town import METRIC

from gridmap import triage
from gridmap.errors import CrsError, FrameError, InputError
from gridmap.model import LAYERS
from gridmap.model.organisations import MATTER_CLASSES, ROUTES
from gridmap.rules import Severity

A, B, C, D = "500108001001001", "500108001001002", "500108001002001", "500108002001001"
# Two grids of one community, one of the next, one of the next street:  A B
#                                                                       C D
GRIDS = gpd.GeoDataFrame(
    {"branch_code": ["branch-a", None, "branch-c", None]},
    index=[A, B, C, D],
    geometry=[box(0, 100, 100, 200), box(100, 100, 200, 200), box(0, 0, 100, 100),
              box(100, 0, 200, 100)],
    crs=METRIC,
)  # fmt: skip

CATALOGUE = pd.DataFrame(
    [
        ("road", "big", "government_department", "roads", 30),
        ("wall", "big", "government_department", None, 10),
        ("party", "big", "leading_group", None, None),
        ("party2", "big", "leading_group", "group-2", 5),
        ("lamp", "small", "community_committees", None, 7),
        ("fair", "small", "social_units", "roads", None),  # whatever it names, the community
        ("tap", "private", "market", None, None),
        ("sofa", "private", "self_help", "roads", 3),
    ],
    columns=["code", "matter_class", "route", "unit_code", "days_allowed"],
).set_index("code")

ORGS = pd.DataFrame(
    [
        ("roads", "department", "500108"),
        ("committee-1", "committee", "500108001001"),
        ("branch-a", "branch", A),
        ("committee-2", "committee", "500108001002"),
        ("street", "working_committee", "500108001"),
        ("homeless", "social_org", None),
        ("plumber", "enterprise", "500108001002"),
        ("market-bureau", "department", None),
    ],
    columns=["code", "kind", "host_code"],
).set_index("code")


def matters(*rows, **columns):
    """Matters from (code, item, x, y); x None is a matter without a place."""
    frame = gpd.GeoDataFrame(
        {"item_code": pd.Series([row[1] for row in rows], dtype=object)},
        geometry=[None if row[2] is None else Point(row[2:]) for row in rows],
        crs=METRIC,
    ).set_index(pd.Index([row[0] for row in rows], dtype=object))
    names = ("state", "routed_to", "routed_grid", "source_system", "reported_on", "accepted_on",
             "resolved_on")  # fmt: skip
    for name, cells in {**dict.fromkeys(names), **columns}.items():
        cells = cells if isinstance(cells, list) else [cells] * len(rows)
        frame[name] = pd.Series(cells, index=frame.index, dtype=object)
    return frame


def one(item, x=50, y=150, near=10.0):
    """The way of one matter."""
    return triage.routed(matters(("m", item, x, y)), CATALOGUE, GRIDS, near_border_m=near).loc["m"]


@pytest.mark.parametrize(
    ("item", "unit", "question"),
    [
        ("road", "roads", None),
        ("wall", None, "no_unit"),
        ("party", "leading_group", None),
        ("party2", "group-2", None),
        ("lamp", "500108001001", None),
        ("fair", "500108001001", None),
        ("tap", None, None),
        ("sofa", None, None),
        ("castle", None, "outside_catalogue"),
        (None, None, "no_item"),
    ],
)
def test_the_catalogue_and_the_place_say_who_answers(item, unit, question):
    found = one(item)
    assert found["unit"] == unit
    assert found["question"] == question
    assert (found["grid_code"], found["place_code"], found["branch_code"]) == (A, A, "branch-a")
    assert found["candidates"] == []
    known = CATALOGUE.index.isin([item]).any()
    assert found["matter_class"] == (CATALOGUE.loc[item, "matter_class"] if known else None)
    assert found["route"] == (CATALOGUE.loc[item, "route"] if known else None)


@pytest.mark.parametrize(
    ("x", "y", "grid", "place", "unit", "question", "near"),
    [
        (50, 150, A, A, "500108001001", None, []),
        (90, 150, A, A, "500108001001", None, []),  # ten metres are not nearer than ten
        (90.5, 150, None, "500108001001", "500108001001", "near_border", [A, B]),
        (100, 150, None, "500108001001", "500108001001", "near_border", [A, B]),
        (50, 105, None, "500108001", None, "near_border", [A, C]),  # which community?
        (150, 105, None, "500108", None, "near_border", [B, D]),
        (100, 100, None, "500108", None, "near_border", [A, B, C, D]),
        (93, 107, None, "500108", None, "near_border", [A, B, C, D]),  # D is 7√2 away: 9.9
        (92.9, 107.1, None, "500108001", None, "near_border", [A, B, C]),  # and 7.1√2: 10.04
        (0, 150, A, A, "500108001001", None, []),  # the outer border is none between grids
        (-1, 150, None, None, None, "no_grid", [A]),
        (-1, 500, None, None, None, "no_grid", []),
        (None, None, None, None, None, "no_grid", []),
    ],
)
def test_a_place_near_another_grid_is_asked_about(x, y, grid, place, unit, question, near):
    found = one("lamp", x, y)
    assert (found["grid_code"], found["place_code"], found["unit"]) == (grid, place, unit)
    assert (found["question"], found["candidates"]) == (question, near)


def test_a_unit_that_is_certain_is_told_even_where_the_grid_is_not():
    found = one("road", 100, 150)
    assert (found["unit"], found["question"], found["grid_code"]) == ("roads", "near_border", None)
    found = one("party", None, None)
    assert (found["unit"], found["question"]) == ("leading_group", "no_grid")
    assert one("wall", None, None)["question"] == "no_unit", "the first question is asked"
    assert one("castle", None, None)["question"] == "outside_catalogue"
    assert one(None, None, None)["question"] == "no_item"


def test_without_a_distance_only_the_border_itself_is_in_doubt():
    assert one("lamp", 99.999, 150, near=0)["grid_code"] == A
    assert one("lamp", 100, 150, near=0)["candidates"] == [A, B]
    assert one("lamp", 200, 200, near=0)["grid_code"] == B


def test_nothing_in_nothing_out():
    none = matters().iloc[:0]
    found = triage.routed(none, CATALOGUE, GRIDS)
    assert list(found.columns) == list(triage.ROUTED_COLUMNS)
    assert found.empty
    some = matters(("m", "lamp", 50, 150), ("n", None, 50, 150))
    bare = triage.routed(some, CATALOGUE.iloc[:0], GRIDS)
    assert bare["question"].to_list() == ["outside_catalogue", "no_item"]
    lost = triage.routed(some, CATALOGUE, GRIDS.iloc[:0])
    assert lost["question"].to_list() == ["no_grid", "no_item"]
    assert triage.hot_spots(none).empty
    assert triage.duplicates(none).empty
    assert list(triage.duplicates(none).columns)[:2] == ["first_code", "second_code"]
    assert triage.stages(none, CATALOGUE, as_of=DAY).empty
    assert triage.misroutes(none, found, ORGS).empty
    assert triage.catalogue_issues(CATALOGUE.reset_index().iloc[:0]) == []


cells = st.tuples(
    st.sampled_from([*CATALOGUE.index, "castle", None]),
    st.one_of(st.just((None, None)), st.tuples(st.integers(-20, 220), st.integers(-20, 220))),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(cells, max_size=12), st.integers(0, 40), st.randoms())
def test_the_way_is_the_same_one_by_one_and_in_any_order(rows, near, chance):
    some = matters(*((f"m{n:02}", item, *xy) for n, (item, xy) in enumerate(rows)))
    found = triage.routed(some, CATALOGUE, GRIDS, near_border_m=near)
    order = list(some.index)
    chance.shuffle(order)
    grids = GRIDS.sample(frac=1, random_state=chance.randint(0, 99))
    again = triage.routed(some.loc[order], CATALOGUE[::-1], grids, near_border_m=near)
    pd.testing.assert_frame_equal(again.loc[found.index], found)
    for code, cell in found.iterrows():
        _check_one(some.loc[code], cell, near)


def _check_one(matter, cell, near):
    """Brute force: every grid's distance, one by one."""
    point = matter.geometry
    apart = {} if point is None else {code: g.distance(point) for code, g in GRIDS.geometry.items()}
    by = sorted(code for code, m in apart.items() if m < near or m == 0)
    inside = [code for code, m in apart.items() if m == 0]
    sure = len(by) == 1 and len(inside) == 1
    assert cell["grid_code"] == (inside[0] if sure else None)
    assert cell["candidates"] == ([] if sure else by)
    assert (cell["place_code"] is None) == (not inside)
    assert all(code.startswith(cell["place_code"]) for code in by if inside)
    for name in triage.ROUTED_COLUMNS:
        assert cell[name] is None or isinstance(cell[name], str | list), "null is None"
    asked = cell["question"] is not None
    item = matter["item_code"]
    assert asked == (not sure or item not in CATALOGUE.index or item == "wall")
    assert cell["question"] in (None, *triage.QUESTIONS)


def misrouted(item, to=None, grid=None, x=50, y=150):
    some = matters(("m", item, x, y), routed_to=to, routed_grid=grid)
    found = triage.misroutes(some, triage.routed(some, CATALOGUE, GRIDS), ORGS).loc["m"]
    told = [None if pd.isna(found[name]) else bool(found[name]) for name in
            ("unit_wrong", "grid_wrong")]  # fmt: skip
    assert found["judged"] == any(cell is not None for cell in told)
    assert found["misrouted"] == any(told)
    return tuple(told)


@pytest.mark.parametrize(
    ("item", "to", "wrong"),
    [
        ("road", "roads", False),
        ("road", "committee-1", True),
        ("road", "unheard-of", True),
        ("road", None, None),
        ("wall", "roads", None),  # nobody is named
        ("party", "roads", None),  # which organisation the leading group is nobody knows
        ("party", "leading_group", False),
        ("party2", "roads", True),
        ("lamp", "committee-1", False),
        ("lamp", "branch-a", False),  # hosted in the community
        ("lamp", "500108001001", False),
        ("lamp", "committee-2", True),
        ("lamp", "street", True),
        ("lamp", "roads", True),
        ("lamp", "market-bureau", True),
        ("lamp", "homeless", None),
        ("lamp", "unheard-of", None),
        ("tap", "roads", True),
        ("tap", "plumber", False),
        ("tap", "unheard-of", None),
        ("castle", "roads", None),
        (None, "roads", None),
    ],
)
def test_who_a_matter_was_sent_to(item, to, wrong):
    assert misrouted(item, to) == (wrong, None)


def test_which_grid_a_matter_was_put_into():
    assert misrouted("lamp", None, A) == (None, False)
    assert misrouted("lamp", None, B) == (None, True)
    assert misrouted("lamp", "committee-1", B) == (False, True)
    assert misrouted("castle", "roads", B) == (None, True)
    assert misrouted("lamp", None, A, x=100) == (None, None), "one of two"
    assert misrouted("lamp", None, C, x=100) == (None, True), "none of the two"
    assert misrouted("lamp", "committee-2", None, x=100) == (True, None), "of one community"
    assert misrouted("lamp", None, A, x=None, y=None) == (None, None)
    assert misrouted("lamp", "committee-1", None, x=50, y=105) == (None, None)


DAY = dt.date(2026, 6, 30)


def day(number):
    return None if number is None else dt.date(2026, 6, number)


def stage(item, reported, accepted, resolved, state=None, as_of=30):
    some = matters(
        ("m", item, 0, 0),
        state=state,
        reported_on=[day(reported)],
        accepted_on=[day(accepted)],
        resolved_on=[day(resolved)],
    )
    found = triage.stages(some, CATALOGUE, as_of=day(as_of)).loc["m"]
    return tuple(
        None if pd.isna(found[name]) else found[name]
        for name in ("status", "dates", "days_waiting", "days_in_work", "days", "overdue")
    )


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (("lamp", 1, 3, 8), ("resolved", None, 2, 5, 7, False)),  # seven days are allowed
        (("lamp", 1, 3, 9), ("resolved", None, 2, 6, 8, True)),
        (("lamp", 1, 3, None), ("open", None, 2, 27, 29, True)),
        (("lamp", 25, None, None), ("open", None, 5, None, 5, False)),
        (("lamp", 20, None, None), ("open", None, 10, None, 10, True)),  # waiting is no excuse
        (("lamp", 1, None, 8), ("resolved", None, None, None, 7, False)),
        (("party", 1, 3, None), ("open", None, 2, 27, 29, None)),  # no limit
        (("castle", 1, 3, None), ("open", None, 2, 27, 29, None)),
        ((None, 1, 3, None), ("open", None, 2, 27, 29, None)),
        (("lamp", 4, 4, 4), ("resolved", None, 0, 0, 0, False)),
        # What is wrong with days is told, and nothing is reckoned from them.
        (("lamp", 5, 3, 9), ("resolved", "accepted_too_early", None, None, None, None)),
        (("lamp", 5, 7, 6), ("resolved", "resolved_too_early", None, None, None, None)),
        (("lamp", 5, None, 4), ("resolved", "resolved_too_early", None, None, None, None)),
        (("lamp", 5, 7, None, "resolved"), ("resolved", "no_resolved_on", *[None] * 4)),
        (("lamp", None, 7, None), ("open", None, None, None, None, None)),
        # States.
        (("lamp", 1, 3, None, "returned"), ("returned", None, None, None, None, None)),
        (("lamp", 1, 3, 8, "returned"), ("resolved", None, 2, 5, 7, False)),
        (("lamp", 1, 3, None, "in_work"), ("open", None, 2, 27, 29, True)),
        # What happened after the day has not happened.
        (("lamp", 1, 3, 8, "resolved", 7), ("open", None, 2, 4, 6, False)),
        (("lamp", 1, 3, 8, "resolved", 8), ("resolved", None, 2, 5, 7, False)),
        (("lamp", 1, 3, 8, None, 2), ("open", None, 1, None, 1, False)),
        (("lamp", 5, 6, 8, None, 4), (None, None, None, None, None, None)),
    ],
)
def test_time_in_each_stage(told, expected):
    assert stage(*told) == expected


numbers = st.one_of(st.none(), st.integers(1, 30))


@settings(max_examples=60, deadline=None)
@given(numbers, numbers, numbers, st.sampled_from(["lamp", "party", None]), st.integers(1, 29))
def test_an_open_matter_ages_by_a_day_a_day_and_never_comes_back_into_its_time(
    reported, accepted, resolved, item, today
):
    now = stage(item, reported, accepted, resolved, None, today)
    then = stage(item, reported, accepted, resolved, None, today + 1)
    assert now[1] == then[1]
    if now[0] == "resolved":
        assert then == now
    if now[4] is not None:
        assert then[4] == now[4] + (then[0] == "open" or resolved == today + 1)
        assert then[5] is None or then[5] >= now[5]
        if now[2] is not None and now[3] is not None:
            assert now[2] + now[3] == now[4]


def figures(rows):
    """Return the units' figures of rows (place, question, status, overdue, judged, misrouted)."""
    names = ["place_code", "question", "status", "overdue", "judged", "misrouted"]
    told = pd.DataFrame(rows, columns=names, dtype=object)
    return triage.resolution(told, district="500108").set_index("unit_code")


def test_figures_by_hand():
    table = figures(
        [
            (A, None, "resolved", False, True, False),
            (A, None, "open", True, True, True),
            (A, "no_unit", "open", None, False, False),
            (B, None, "returned", None, True, True),
            ("500108001001", "near_border", "open", False, False, False),
            (C, None, "resolved", True, True, False),
            (None, "no_grid", "open", True, False, False),
            (D, None, None, None, True, True),  # not yet reported
            ("500109001001001", None, "open", True, True, True),  # of another district
        ]
    )
    #           reported resolved open returned overdue timed misrouted judged asked
    assert {code: row.to_list() for code, row in table[list(triage.COUNTS)].iterrows()} == {
        "500108": [7, 2, 4, 1, 3, 5, 2, 4, 3],
        "500108001": [6, 2, 3, 1, 2, 4, 2, 4, 2],
        "500108001001": [5, 1, 3, 1, 1, 3, 2, 3, 2],
        "500108001002": [1, 1, 0, 0, 1, 1, 0, 1, 0],
        A: [3, 1, 2, 0, 1, 2, 1, 2, 1],
        B: [1, 0, 0, 1, 0, 0, 1, 1, 0],
        C: [1, 1, 0, 0, 1, 1, 0, 1, 0],
    }
    assert table["level"].to_list() == ["district", "street", *["community"] * 2, *["grid"] * 3]
    assert set(triage.OF) | set(triage.OF.values()) == set(triage.COUNTS)
    assert figures([]).empty
    assert table.index.is_unique


told_rows = st.tuples(
    st.sampled_from([A, B, C, D, A[:12], A[:9], "500108", None]),
    st.sampled_from([None, "near_border"]),
    st.sampled_from(["open", "resolved", "returned"]),
    st.sampled_from([None, True, False]),
    st.booleans(),
    st.just(False),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(told_rows, max_size=25))
def test_a_unit_has_what_its_children_have_and_what_lies_in_none_of_them(rows):
    table = figures(rows)
    for code, row in table.iterrows():
        assert row["reported"] == row["resolved"] + row["open"] + row["returned"]
        assert all(row[name] <= row[of] for name, of in triage.OF.items())
        if len(code) == 15:
            continue
        length = len(code) + 3
        below = table[(table.index.str.len() == length) & table.index.str.startswith(code)]
        here = [r for r in rows if r[0] == code or (r[0] is None and code == "500108")]
        assert row["reported"] == below["reported"].sum() + len(here)
        assert row["timed"] == below["timed"].sum() + sum(r[3] is not None for r in here)


def test_hot_spots_by_hand():
    some = matters(
        ("m1", "lamp", 0, 0),
        ("m2", "lamp", 50, 0),  # as near as fifty metres
        ("m3", "lamp", 50, 0),
        ("m4", "lamp", 101, 0),  # a metre too far
        ("m5", "tap", 0, 0),
        ("m6", "tap", 30, 40),
        ("m7", "tap", 60, 80),
        ("m8", "lamp", 900, 900),
        ("m9", "lamp", 901, 900),
        ("n1", "lamp", 902, 900),
        ("n2", "lamp", None, None),
        ("n3", None, 0, 0),
        reported_on=[day(9), None, day(3), day(1), *[None] * 3, day(5), day(5), day(6), None, None],
    )
    found = triage.hot_spots(some, apart_m=50, least=3)
    assert found.index.to_list() == [1, 2, 3]
    assert found.index.name == "rank"
    assert found.drop(columns="geometry").values.tolist() == [
        ["lamp", 3, day(3), day(9), ["m1", "m2", "m3"]],
        ["lamp", 3, day(5), day(6), ["m8", "m9", "n1"]],
        ["tap", 3, None, None, ["m5", "m6", "m7"]],
    ]
    # The hull of the first is a line of 50 m: 50 x 50 and a circle of radius 25.
    assert found.geometry[1].area == pytest.approx(2500 + np.pi * 625, rel=0.01)
    assert triage.hot_spots(some, apart_m=51, least=4)["codes"].to_list() == [
        ["m1", "m2", "m3", "m4"]
    ]
    assert triage.hot_spots(some, apart_m=50, least=1)["count"].to_list() == [3, 3, 3, 1]


spots = st.lists(
    st.tuples(st.sampled_from(["lamp", "tap"]), st.integers(0, 12), st.integers(0, 12)),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(spots, st.integers(1, 4), st.integers(1, 4), st.integers(0, 99))
def test_hot_spots_are_those_that_walking_from_one_to_the_next_reaches(rows, apart, least, seed):
    some = matters(*((f"m{n:02}", *row) for n, row in enumerate(rows)))
    found = triage.hot_spots(some, apart_m=apart, least=least)
    again = triage.hot_spots(some.sample(frac=1, random_state=seed), apart_m=apart, least=least)
    pd.testing.assert_frame_equal(pd.DataFrame(again), pd.DataFrame(found))
    left, pieces = set(some.index), []
    while left:
        reached, new = set(), {min(left)}
        while new:
            reached |= new
            new = {
                b
                for a in new
                for b in left - reached
                if some.item_code[a] == some.item_code[b]
                and some.geometry[a].distance(some.geometry[b]) <= apart
            }
        left -= reached
        pieces.append((some.item_code[min(reached)], sorted(reached)))
    pieces = [piece for piece in pieces if len(piece[1]) >= least]
    pieces.sort(key=lambda piece: (-len(piece[1]), piece[0], piece[1][0]))
    assert list(zip(found["item_code"], found["codes"], strict=True)) == pieces
    for _, spot in found.iterrows():
        assert all(spot.geometry.covers(some.geometry[code]) for code in spot["codes"])


def test_a_long_row_of_places_is_one_spot():
    """The number of the first must reach the last of a thousand, whatever their order."""
    x = np.random.default_rng(1).permutation(1000)
    some = matters(*((f"m{n:04}", "lamp", int(place), 0) for n, place in enumerate(x)))
    assert triage.hot_spots(some, apart_m=1)["count"].to_list() == [1000]
    some = matters(*((f"m{n:04}", "lamp", int(p) + (p >= 500), 0) for n, p in enumerate(x)))
    assert triage.hot_spots(some, apart_m=1)["count"].to_list() == [500, 500]


def test_one_matter_in_two_systems_by_hand():
    some = matters(
        ("m1", "lamp", 0, 0),
        ("m2", "lamp", 30, 0),
        ("m3", "lamp", 31, 0),
        ("m4", "lamp", 0, 0),
        ("m5", "tap", 0, 0),
        ("m6", "lamp", 0, 1),
        ("m7", "lamp", 0, 0),
        source_system=["app", "12345", "12345", "app", "12345", None, "12345"],
        reported_on=[day(9), day(2), day(9), day(9), day(9), day(9), day(17)],
    )
    found = triage.duplicates(some, within_m=30, within_days=7)
    assert found.values.tolist() == [
        ["m2", "m1", "lamp", 30.0, 7],  # both ends are still near
        ["m2", "m4", "lamp", 30.0, 7],
    ]
    assert triage.duplicates(some, within_m=31, within_days=8).values.tolist() == [
        ["m1", "m3", "lamp", 31.0, 0],  # on one day the lower code is the first
        ["m1", "m7", "lamp", 0.0, 8],
        ["m2", "m1", "lamp", 30.0, 7],
        ["m2", "m4", "lamp", 30.0, 7],
        ["m3", "m4", "lamp", 31.0, 0],
        ["m4", "m7", "lamp", 0.0, 8],
    ]


pairs = st.lists(
    st.tuples(
        st.sampled_from(["lamp", "tap", None]),
        st.integers(0, 6),
        st.integers(0, 6),
        st.sampled_from(["app", "12345", None]),
        numbers,
    ),
    max_size=15,
)


@settings(max_examples=60, deadline=None)
@given(pairs, st.integers(0, 5), st.integers(0, 12), st.integers(0, 99))
def test_pairs_are_those_of_looking_at_every_two(rows, within_m, within_days, seed):
    some = matters(
        *((f"m{n:02}", *row[:3]) for n, row in enumerate(rows)),
        source_system=[row[3] for row in rows],
        reported_on=[day(row[4]) for row in rows],
    )
    limits = {"within_m": within_m, "within_days": within_days}
    found = triage.duplicates(some, **limits)
    again = triage.duplicates(some.sample(frac=1, random_state=seed), **limits)
    pd.testing.assert_frame_equal(again, found)
    expected = []
    for a, b in itertools.combinations(range(len(rows)), 2):
        (item, *_, system, on), (item2, *_, system2, on2) = rows[a], rows[b]
        if None in (item, system, system2, on, on2) or item != item2 or system == system2:
            continue
        apart = some.geometry.iloc[a].distance(some.geometry.iloc[b])
        if apart <= within_m and abs(on - on2) <= within_days:
            first, second = (b, a) if on2 < on else (a, b)
            expected.append([some.index[first], some.index[second], item, apart, abs(on - on2)])
    assert found.values.tolist() == sorted(expected, key=lambda pair: pair[:2])


def test_pairs_are_found_across_the_pieces_that_are_looked_at_at_once(monkeypatch):
    rows = [(f"m{n:02}", "lamp", n, 0) for n in range(30)]
    some = matters(*rows, source_system=["app", "12345"] * 15, reported_on=day(1))
    whole = triage.duplicates(some, within_m=5)
    monkeypatch.setattr(triage, "_CHUNK", 7)
    pd.testing.assert_frame_equal(triage.duplicates(some, within_m=5), whole)
    assert len(whole) == sum(30 - apart for apart in (1, 3, 5))


def test_a_catalogue_is_one_that_can_be_followed():
    every = [
        (f"i{n:02}", kind, route, None)
        for n, (kind, route) in enumerate(itertools.product(MATTER_CLASSES, ROUTES))
    ]
    rows = pd.DataFrame(every, columns=["code", "matter_class", "route", "unit_code"])
    found = triage.catalogue_issues(rows)
    assert [(one.shape, one.values["kind"], one.values["route"]) for one in found] == [
        ("M02.unit", "big", "government_department"),
        *(("M01.route", "big", route) for route in ROUTES[2:]),
        *(("M01.route", "small", route) for route in ROUTES[:2]),
        *(("M01.route", "small", route) for route in ROUTES[4:]),
        *(("M01.route", "private", route) for route in ROUTES[:4]),
    ]
    assert {one.shape: one.severity for one in found} == {
        "M01.route": Severity.ERROR,
        "M02.unit": Severity.WARNING,
    }
    assert [one.row for one in found[:2]] == [0, 2]
    assert triage.catalogue_issues(rows.iloc[:1].assign(unit_code="roads")) == []
    strange = rows.iloc[:1].assign(matter_class="huge"), rows.iloc[:1].assign(route=None)
    assert [triage.catalogue_issues(one) for one in strange] == [[], []], "F05 and F02 tell"
    assert "大事" in found[0].message("zh")
    assert "责任部门(unit_code)" in found[0].message("zh")
    assert "can go to community_committees, social_units" in found[5].message("en")


def test_routes_and_columns_are_those_of_the_layers():
    assert tuple(triage.CLASS_ROUTES) == MATTER_CLASSES
    assert tuple(r for routes in triage.CLASS_ROUTES.values() for r in routes) == ROUTES
    assert {"item_code", "routed_to", "routed_grid", "source_system"} <= set(
        LAYERS["matter"].columns
    )
    assert set(CATALOGUE.columns) <= set(LAYERS["matter_item"].columns)


def test_what_cannot_be_computed_is_refused():
    some = matters(("m", "lamp", 50, 150))
    routes = triage.routed(some, CATALOGUE, GRIDS)
    with pytest.raises(FrameError, match="item_code"):
        triage.routed(some.drop(columns="item_code"), CATALOGUE, GRIDS)
    with pytest.raises(FrameError, match="different"):
        triage.routed(some, CATALOGUE, GRIDS.set_crs(4544, allow_override=True))
    with pytest.raises(CrsError):
        triage.routed(some.to_crs(4490), CATALOGUE, GRIDS)
    with pytest.raises(FrameError, match="duplicate"):
        triage.routed(some, pd.concat([CATALOGUE, CATALOGUE]), GRIDS)
    with pytest.raises(InputError, match="negative"):
        triage.routed(some, CATALOGUE, GRIDS, near_border_m=-1)
    with pytest.raises(FrameError, match="no route"):
        triage.misroutes(some, routes.iloc[:0], ORGS)
    with pytest.raises(InputError, match="least"):
        triage.hot_spots(some, least=0)
    with pytest.raises(InputError, match="positive"):
        triage.hot_spots(some, apart_m=0)
    with pytest.raises(CrsError):
        triage.hot_spots(some.to_crs(4490))
    with pytest.raises(InputError, match="negative"):
        triage.duplicates(some, within_days=-1)
    with pytest.raises(CrsError):
        triage.duplicates(some.to_crs(4490))
    with pytest.raises(FrameError, match="unit_code"):
        triage.catalogue_issues(pd.DataFrame({"code": []}))
    with pytest.raises(FrameError, match="days_allowed"):
        triage.stages(some, CATALOGUE.drop(columns="days_allowed"), as_of=DAY)
    with pytest.raises(FrameError, match="judged"):
        triage.resolution(routes, district="500108")
    assert shapely.is_valid(triage.hot_spots(some, least=1).geometry.array).all()
