import datetime as dt

import geopandas as gpd
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import box

from gridmap import org_coverage
from gridmap.errors import FrameError
from gridmap.model import Lens

DAY = dt.date(2026, 6, 1)
PAST, LATER = dt.date(2026, 1, 1), dt.date(2026, 12, 1)
GRID = "500108001001001"


def targets(*codes, unit=GRID, **columns):
    return pd.DataFrame({"unit_code": unit, **columns}, index=list(codes), dtype=object)


def links(*rows, part="p"):
    columns = ["holder_code", "target_code", "mode", "begins", "ends", "last_on"]
    full = [(*row, PAST, None)[:5] if len(row) == 3 else row for row in rows]
    full = [row if len(row) == 6 else (*row, None) for row in full]
    return pd.DataFrame(full, columns=columns, dtype=object).assign(part=part)


def holders(*rows, **columns):
    names = ["code", "kind", "full_members", "probationary_members", "begins", "ends"]
    full = [(*row, PAST, None) if len(row) == 4 else row for row in rows]
    table = pd.DataFrame(full, columns=names, dtype=object)
    none = {"parent_code": None, "filled": None, "is_secretary": None, "host_code": None}
    return table.assign(**none | columns)


def lens(**options):
    return Lens("l", "l", "building", "duty", ("p",), **options)


GROUP = ("g", "party_group", 3, 0)
GROUPS = lens(holders=("party_group", "branch"), min_members=3, min_full=1)
BRANCHES = lens(holders=("party_group", "branch"))


def answer(target_frame, link_frame, holder_frame, which=GROUPS, **more):
    judged = org_coverage.judged(target_frame, link_frame, holder_frame, which, as_of=DAY, **more)
    found = org_coverage.status(target_frame, judged, which)
    return [
        tuple(row) for row in found[["status", "reason", "holder_code"]].itertuples(index=False)
    ]


@pytest.mark.parametrize(
    ("link", "holder", "expected"),
    [
        (("g", "t", "own"), GROUP, ("own", None, "g")),
        (("g", "t", None), GROUP, ("own", None, "g")),
        (("g", "t", "joint"), GROUP, ("joint", None, "g")),
        (("g", "t", "own", PAST, DAY), GROUP, ("uncovered", "link_ended", "g")),
        (("g", "t", "own", PAST, LATER), GROUP, ("own", None, "g")),
        (("g", "t", "own", DAY, None), GROUP, ("own", None, "g")),
        (("g", "t", "own", LATER, None), GROUP, ("uncovered", "link_not_begun", "g")),
        (("g", "t", "own"), (*GROUP, PAST, DAY), ("uncovered", "organisation_ended", "g")),
        (("x", "t", "own"), GROUP, ("uncovered", "organisation_unknown", "x")),
        (("g", "t", "own"), ("g", "party_group", 2, 0), ("uncovered", "group_below_size", "g")),
        (("g", "t", "own"), ("g", "party_group", 0, 5), ("uncovered", "group_below_size", "g")),
        (("g", "t", "own"), ("g", "party_group", 1, 2), ("own", None, "g")),
        (("g", "t", "own"), ("g", "party_group", None, 9), ("uncovered", "members_unknown", "g")),
        (("g", "t", "own"), ("g", "committee", 9, 0), ("uncovered", "organisation_kind", "g")),
        (("g", "other", "own"), GROUP, ("uncovered", "no_link", None)),
    ],
)
def test_each_reason_of_a_group(link, holder, expected):
    assert answer(targets("t"), links(link), holders(holder)) == [expected]


def test_without_a_size_to_ask_for_unknown_members_do_not_matter():
    found = answer(
        targets("t"), links(("g", "t", "own")), holders(("g", "branch", None, None)), BRANCHES
    )
    assert found == [("own", None, "g")]


@pytest.mark.parametrize(
    ("filled", "secretary", "which", "expected"),
    [
        (True, None, lens(), ("own", None, "g")),
        (False, True, lens(), ("uncovered", "vacant", "g")),
        (True, True, lens(held_by_secretary=True), ("own", None, "g")),
        (True, False, lens(held_by_secretary=True), ("uncovered", "not_secretary", "g")),
        (True, None, lens(held_by_secretary=True), ("uncovered", "not_secretary", "g")),
        (False, True, lens(held_by_secretary=True), ("uncovered", "vacant", "g")),
    ],
)
def test_each_reason_of_a_post(filled, secretary, which, expected):
    post = holders(("g", "grid_leader", None, None), filled=filled, is_secretary=secretary)
    assert answer(targets("t"), links(("g", "t", None)), post, which) == [expected]


def test_a_post_of_several_targets_is_joint_at_each_and_an_organisation_is_not():
    both = links(("g", "t", None), ("g", "u", None))
    post = holders(("g", "grid_leader", None, None), filled=True)
    assert answer(targets("t", "u"), both, post, lens()) == [("joint", None, "g")] * 2
    org = holders(("g", "department", None, None))
    assert answer(targets("t", "u"), both, org, lens()) == [("own", None, "g")] * 2


def test_a_post_that_has_moved_is_joint_with_nothing():
    moved = links(("g", "t", None), ("g", "u", None, PAST, DAY))
    post = holders(("g", "grid_leader", None, None), filled=True)
    assert answer(targets("t", "u"), moved, post, lens()) == [
        ("own", None, "g"),
        ("uncovered", "link_ended", "g"),
    ]


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (dt.date(2026, 5, 2), ("own", None, "g")),
        (dt.date(2026, 5, 1), ("uncovered", "overdue", "g")),
        (DAY, ("own", None, "g")),
        (dt.date(2026, 6, 2), ("uncovered", "never_done", "g")),
        (None, ("uncovered", "never_done", "g")),
    ],
)
def test_what_was_done_too_long_ago_does_not_count(last, expected):
    link = links(("g", "t", "own", PAST, None, last))
    assert answer(targets("t"), link, holders(GROUP), lens(window_days=30)) == [expected]


@pytest.mark.parametrize(
    ("mode", "members", "expected"),
    [
        ("own", 9, ("own", None, "g")),
        ("own", None, ("own", None, "g")),
        ("joint", 2, ("joint", None, "g")),
        ("joint", 3, ("uncovered", "needs_own", "g")),
        ("joint", None, ("uncovered", "members_of_target_unknown", "g")),
    ],
)
def test_who_has_three_full_members_needs_a_branch_of_its_own(mode, members, expected):
    found = answer(
        targets("t", full_members=members),
        links(("g", "t", mode)),
        holders(GROUP),
        lens(own_from=3),
    )
    assert found == [expected]


@pytest.mark.parametrize(
    ("branches", "unit", "expected"),
    [
        ([("b", GRID)], GRID, ("own", None, "g")),
        ([("b", "500108001001002")], GRID, ("uncovered", "branch_elsewhere", "g")),
        ([("b", "500108001001002"), ("b", GRID)], GRID, ("own", None, "g")),
        ([("other", "500108001001002")], GRID, ("own", None, "g")),
        ([("b", "500108001001002")], None, ("own", None, "g")),
    ],
)
def test_a_group_whose_branch_serves_another_grid_is_elsewhere(branches, unit, expected):
    served = pd.DataFrame(branches, columns=["holder_code", "target_code"])
    group = holders(GROUP, parent_code="b")
    which = lens(same_grid=True)
    found = answer(
        targets("t", unit=unit), links(("g", "t", "own")), group, which, branch_grids=served
    )
    assert found == [expected]


def test_too_many_are_as_wrong_as_none():
    which = Lens("l", "l", "community", "project", ("p",), most=2)
    org = holders()
    one, two, three = (links(*((h, "t", None) for h in "abc"[:n])) for n in (1, 2, 3))
    assert answer(targets("t"), one, org, which) == [("own", None, "a")]
    assert answer(targets("t"), two, org, which) == [("own", None, "a")]
    assert answer(targets("t"), three, org, which) == [("uncovered", "too_many", "a")]


def test_a_duty_on_a_division_reaches_the_buildings_in_it_and_the_nearest_is_told():
    which = Lens("l", "l", "building", "duty", ("p",), through=("grid", "community"))
    some = holders(("a", "department", 0, 0), ("b", "department", 0, 0), ("c", "department", 0, 0))
    given = links(("a", GRID[:12], "own"), ("b", GRID, "own"), ("c", "t", "own"))
    frame = pd.concat(
        [targets("t", "u"), targets("v", unit="500108001001002"), targets("w", unit=None)]
    )
    assert answer(frame, given, some, which) == [
        ("own", None, "c"),
        ("own", None, "b"),
        ("own", None, "a"),
        ("uncovered", "no_grid", None),
    ]
    judged = org_coverage.judged(frame, given, some, which, as_of=DAY)
    assert org_coverage.status(frame, judged, which)["links"].to_list() == [3, 2, 1, 0]


def test_several_parts_are_counted_and_the_missing_named():
    which = Lens("l", "l", "building", "duty", ("p", "q", "r"), need=2)
    given = pd.concat(
        [links(("g", "t", "own"), ("g", "u", "own")), links(("g", "t", "joint"), part="q")],
        ignore_index=True,
    )
    judged = org_coverage.judged(targets("t", "u"), given, holders(GROUP), which, as_of=DAY)
    found = org_coverage.status(targets("t", "u"), judged, which)
    assert found["parts"].to_list() == [2, 1]
    assert found["status"].to_list() == ["joint", "uncovered"]
    assert found["missing"].to_list() == [None, "q r"]
    assert found["reason"].to_list() == [None, "no_link"]


def test_without_any_link_the_grid_decides_the_reason():
    found = answer(targets("t", unit=None), links(), holders(GROUP))
    assert found == [("uncovered", "no_grid", None)]


def test_the_best_link_counts_and_ties_go_to_the_lowest_code():
    some = holders(GROUP, ("a", "party_group", 3, 0), ("s", "party_group", 1, 0))
    both = links(("g", "t", "joint"), ("s", "t", "own"), ("g", "t", "own"), ("a", "t", "own"))
    assert answer(targets("t"), both, some) == [("own", None, "a")]
    nearest = links(("g", "t", "own", PAST, DAY), ("s", "t", "own"))
    assert answer(targets("t"), nearest, some) == [("uncovered", "group_below_size", "s")]


def test_an_organisation_that_was_renewed_is_alive():
    periods = holders((*GROUP, PAST, DAY), (*GROUP, DAY, None))
    assert answer(targets("t"), links(("g", "t", "own")), periods) == [("own", None, "g")]


def test_empty_in_empty_out():
    judged = org_coverage.judged(targets(), links(), holders(), GROUPS, as_of=DAY)
    found = org_coverage.status(targets(), judged, GROUPS)
    assert list(found.columns) == ["status", "reason", "holder_code", "parts", "links", "missing"]
    assert found.empty


def test_frames_must_fit():
    with pytest.raises(FrameError, match="unit_code"):
        org_coverage.judged(pd.DataFrame(), links(), holders(), GROUPS, as_of=DAY)
    with pytest.raises(FrameError, match="full_members"):
        org_coverage.judged(targets("t"), links(), holders(), lens(own_from=3), as_of=DAY)


def test_a_neighbour_is_shown_and_not_counted():
    which = lens(neighbour_m=30.0)
    shapes = [box(x, 0, x + 10, 10) for x in (0, 39, 80, 45)]
    units = [GRID, GRID, GRID, "500108001001002"]
    frame = gpd.GeoDataFrame({"unit_code": units}, geometry=shapes, index=list("tuvw"), crs=4545)
    judged = org_coverage.judged(frame, links(("g", "t", "own")), holders(GROUP), which, as_of=DAY)
    found = org_coverage.with_neighbours(org_coverage.status(frame, judged, which), frame, which)
    assert found["status"].to_list() == ["own", "neighbour", "uncovered", "uncovered"]
    assert found["holder_code"].to_list() == ["g", "g", None, None]
    assert found["reason"].to_list() == [None, "no_link", "no_link", "no_link"]
    sums = org_coverage.unit_rows(frame.assign(household_count=1, floor_area_m2=None), found)
    assert sums["covered"].to_dict() == {GRID: 1, "500108001001002": 0}


LINK = st.tuples(
    st.sampled_from("abcx"),
    st.sampled_from(["t0", "t1", "t2", "t3", GRID]),
    st.sampled_from(["own", "joint", None]),
    st.sampled_from([PAST, DAY, LATER]),
    st.sampled_from([None, DAY, LATER]),
)
ANY = Lens(
    "l", "l", "building", "duty", ("p",), through=("grid",), holders=("party_group", "branch"),
    min_members=3, min_full=1,
)  # fmt: skip


def of_any(rows):
    some = holders(("a", "party_group", 3, 0), ("b", "party_group", 1, 0), ("c", "branch", 9, 0))
    wanted = targets("t0", "t1", "t2", "t3")
    judged = org_coverage.judged(wanted, links(*rows), some, ANY, as_of=DAY)
    return org_coverage.status(wanted, judged, ANY)


@settings(max_examples=60, deadline=None)
@given(st.lists(LINK, max_size=12), LINK, st.randoms())
def test_properties_of_any_set_of_duties(rows, extra, random):
    before = of_any(rows)
    covered = before["status"] != "uncovered"
    assert covered.sum() + (~covered).sum() == 4
    assert before["reason"].isna().equals(covered)
    random.shuffle(rows)
    pd.testing.assert_frame_equal(before, of_any(rows))
    more = of_any([*rows, extra])
    assert (more["status"] != "uncovered")[covered].all(), "adding a duty never uncovers"


@settings(max_examples=60, deadline=None)
@given(st.lists(LINK, min_size=1, max_size=12), st.data())
def test_ending_a_duty_never_covers(rows, data):
    place = data.draw(st.integers(0, len(rows) - 1))
    before = of_any(rows)
    holder, target, mode, begins, _ = rows[place]
    rows[place] = (holder, target, mode, begins, DAY)
    after = of_any(rows)
    assert not ((after["status"] != "uncovered") & (before["status"] == "uncovered")).any()


@settings(max_examples=50, deadline=None)
@given(st.lists(LINK, max_size=12), st.sampled_from([PAST, dt.date(2026, 3, 1), DAY, LATER]))
def test_any_day_is_as_if_only_that_day_were_known(rows, day):
    """As of a day equals replaying the history up to it and looking at what stands then."""
    some = holders(("a", "party_group", 3, 0), ("b", "party_group", 1, 0), ("c", "branch", 9, 0))
    wanted = targets("t0", "t1", "t2", "t3")
    standing = [row for row in rows if row[3] <= day and (row[4] is None or row[4] > day)]
    asked = [
        org_coverage.status(
            wanted, org_coverage.judged(wanted, links(*known), some, ANY, as_of=day), ANY
        )
        for known in (rows, standing)
    ]
    told = ["status", "parts", "links"]
    pd.testing.assert_frame_equal(asked[0][told], asked[1][told])


@settings(max_examples=50, deadline=None)
@given(st.lists(LINK, max_size=12))
def test_status_is_what_asking_each_link_says(rows):
    """Against a loop over targets and links that knows nothing of frames."""
    alive = {"a": 3, "c": 9}
    for target, row in of_any(rows).iterrows():
        good = [
            (mode == "joint", holder, given)
            for holder, given, mode, begins, ends in rows
            if given in (target, GRID) and holder in alive
            if begins <= DAY and (ends is None or ends > DAY)
        ]
        assert (row["status"] != "uncovered") == bool(good)
        assert row["links"] == len({(holder, given) for _, holder, given in good})
        if good:
            assert row["status"] == ("joint" if min(good)[0] else "own")


def test_rates_add_up_along_the_tree():
    counted = pd.DataFrame(
        {
            "unit_code": ["500108001001001", "500108001001002", "500108001002001", None, "999999"],
            "covered": [1, 2, 3, 4, 5],
            "total": [10, 20, 30, 40, 50],
        },
        dtype=object,
    ).astype({"covered": float, "total": float})
    table = org_coverage.rates(counted, measure="m", unit_of_measure="m2", district="500108")
    found = {r.unit_code: (r.level, r.covered, r.total) for r in table.itertuples()}
    assert found == {
        "500108": ("district", 6, 60),
        "500108001": ("street", 6, 60),
        "500108001001": ("community", 3, 30),
        "500108001002": ("community", 3, 30),
        "500108001001001": ("grid", 1, 10),
        "500108001001002": ("grid", 2, 20),
        "500108001002001": ("grid", 3, 30),
    }


def test_rates_of_nothing_are_an_empty_table():
    empty = pd.DataFrame({"unit_code": [], "covered": [], "total": []})
    table = org_coverage.rates(empty, measure="m", unit_of_measure="m", district="500108")
    assert table.empty
    assert list(table.columns)[:2] == ["measure", "unit_code"]


def test_figures_of_a_lens_add_up_and_name_what_they_count():
    frame = pd.DataFrame(
        {
            "unit_code": [GRID, GRID, "500108001001002", None],
            "household_count": [10, None, 30, 40],
            "floor_area_m2": [100.0, 200.0, None, 400.0],
        },
        index=list("tuvw"),
        dtype=object,
    )
    which = Lens("l", "l", "building", "duty", ("p", "q"), need=1)
    judged = org_coverage.judged(
        frame, links(("g", "t", "own"), ("g", "v", "own"), ("g", "w", "own")), holders(GROUP),
        which, as_of=DAY,
    )  # fmt: skip
    units = org_coverage.unit_rows(frame, org_coverage.status(frame, judged, which))
    assert units.index.to_list() == ["", GRID, "500108001001002"]
    assert units.at[GRID, "target_codes"] == ["t", "u"]
    assert units.at[GRID, "statuses"] == ["own", "uncovered"]
    table = org_coverage.lens_rates(org_coverage.rolled_up(units), which)
    found = {
        r.measure: (r.covered, r.total, r.unit_of_measure)
        for r in table[table["level"] == "district"].itertuples()
    }
    assert found == {
        "l.buildings": (2, 3, "buildings"),
        "l.households": (40, 40, "households"),
        "l.floor_area": (100, 300, "m2"),
        "l.parts": (2, 6, "parts"),
    }


def test_figures_along_the_party_tree():
    frame = pd.DataFrame(
        {"unit_code": [GRID, "500108001001002", "500108002001001"], "household_count": 1,
         "floor_area_m2": None}, index=list("tuv"), dtype=object,
    )  # fmt: skip
    which = lens()
    judged = org_coverage.judged(frame, links(("g", "t", "own")), holders(GROUP), which, as_of=DAY)
    units = org_coverage.unit_rows(frame, org_coverage.status(frame, judged, which))
    nodes = pd.Series({GRID: "branch", "500108001001002": "committee"}, dtype=object)
    parents = pd.Series({"branch": "committee", "committee": "top", "top": None}, dtype=object)
    found = org_coverage.party_rates(units, nodes, parents)
    assert found["targets"].to_dict() == {"": 1, "branch": 1, "committee": 2, "top": 2}
    assert found["covered"].to_dict() == {"": 0, "branch": 1, "committee": 1, "top": 1}
    circle = pd.Series({"branch": "committee", "committee": "branch"}, dtype=object)
    turned = org_coverage.party_rates(units, nodes, circle)
    assert turned["targets"].to_dict() == {"": 1, "branch": 2, "committee": 2}


def test_small_cells_are_withheld_and_so_is_what_would_give_them_away():
    table = pd.DataFrame(
        {
            "measure": "m",
            "unit_code": ["500108001", "500108002", "500108003", "500108"],
            "covered": [2.0, 20.0, 30.0, 52.0],
            "total": [50.0, 40.0, 60.0, 150.0],
        }
    )
    found = org_coverage.suppressed(table, least=5)
    assert found["withheld"].to_list() == [True, True, False, False]
    assert found["covered"].isna().to_list() == [True, True, False, False]
    assert not org_coverage.suppressed(table, least=1)["withheld"].any()
