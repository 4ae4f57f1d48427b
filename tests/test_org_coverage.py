import datetime as dt

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmap import org_coverage
from gridmap.errors import FrameError

DAY = dt.date(2026, 6, 1)
PAST, LATER = dt.date(2026, 1, 1), dt.date(2026, 12, 1)
GRID = "500108001001001"


def targets(*codes, grid=GRID):
    return pd.DataFrame({"grid_code": grid}, index=list(codes), dtype=object)


def duties(*rows):
    columns = ["holder_code", "target_code", "mode", "begins", "ends"]
    full = [(*row, PAST, None)[:5] if len(row) == 3 else row for row in rows]
    return pd.DataFrame(full, columns=columns)


def orgs(*rows):
    columns = ["code", "kind", "full_members", "probationary_members", "begins", "ends"]
    full = [(*row, PAST, None) if len(row) == 4 else row for row in rows]
    return pd.DataFrame(full, columns=columns)


GROUP = ("g", "party_group", 3, 0)
KINDS = ("party_group", "branch")


def answer(target_frame, duty_frame, org_frame):
    found = org_coverage.status(target_frame, duty_frame, org_frame, kinds=KINDS, as_of=DAY)
    return [tuple(row) for row in found.itertuples(index=False)]


@pytest.mark.parametrize(
    ("duty", "org", "expected"),
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
        (("g", "t", "own"), ("g", "branch", None, None), ("own", None, "g")),
        (("g", "t", "own"), ("g", "party_group", None, 9), ("uncovered", "members_unknown", "g")),
        (("g", "t", "own"), ("g", "committee", 9, 0), ("uncovered", "organisation_kind", "g")),
        (("g", "other", "own"), GROUP, ("uncovered", "no_link", None)),
    ],
)
def test_each_reason(duty, org, expected):
    assert answer(targets("t"), duties(duty), orgs(org)) == [expected]


def test_without_any_duty_the_grid_decides_the_reason():
    found = answer(targets("t", grid=None), duties(), orgs(GROUP))
    assert found == [("uncovered", "no_grid", None)]


def test_the_best_duty_counts_and_ties_go_to_the_lowest_code():
    org_frame = orgs(GROUP, ("a", "party_group", 3, 0), ("s", "party_group", 1, 0))
    both = duties(("g", "t", "joint"), ("s", "t", "own"), ("g", "t", "own"), ("a", "t", "own"))
    assert answer(targets("t"), both, org_frame) == [("own", None, "a")]
    nearest = duties(("g", "t", "own", PAST, DAY), ("s", "t", "own"))
    assert answer(targets("t"), nearest, org_frame) == [("uncovered", "group_below_size", "s")]


def test_an_organisation_that_was_renewed_is_alive():
    periods = orgs((*GROUP, PAST, DAY), (*GROUP, DAY, None))
    assert answer(targets("t"), duties(("g", "t", "own")), periods) == [("own", None, "g")]


def test_empty_in_empty_out():
    found = org_coverage.status(targets(), duties(), orgs(), kinds=KINDS, as_of=DAY)
    assert list(found.columns) == ["status", "reason", "holder_code"]
    assert found.empty


def test_frames_must_fit():
    with pytest.raises(FrameError, match="grid_code"):
        org_coverage.status(pd.DataFrame(), duties(), orgs(), kinds=KINDS, as_of=DAY)


DUTY = st.tuples(
    st.sampled_from("abcx"),
    st.sampled_from(["t0", "t1", "t2", "t3"]),
    st.sampled_from(["own", "joint", None]),
    st.sampled_from([PAST, DAY, LATER]),
    st.sampled_from([None, DAY, LATER]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(DUTY, max_size=12), DUTY, st.randoms())
def test_properties_of_any_set_of_duties(rows, extra, random):
    org_frame = orgs(("a", "party_group", 3, 0), ("b", "party_group", 1, 0), ("c", "branch", 9, 0))
    wanted = targets("t0", "t1", "t2", "t3")
    before = org_coverage.status(wanted, duties(*rows), org_frame, kinds=KINDS, as_of=DAY)
    covered = before["status"] != "uncovered"
    assert covered.sum() + (~covered).sum() == 4
    assert before["reason"].isna().equals(covered)
    random.shuffle(rows)
    again = org_coverage.status(wanted, duties(*rows), org_frame, kinds=KINDS, as_of=DAY)
    pd.testing.assert_frame_equal(before, again)
    more = org_coverage.status(wanted, duties(*rows, extra), org_frame, kinds=KINDS, as_of=DAY)
    assert (more["status"] != "uncovered")[covered].all()


def test_rates_add_up_along_the_tree():
    counted = pd.DataFrame(
        {
            "grid_code": ["500108001001001", "500108001001002", "500108001002001", None, "999999"],
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
    empty = pd.DataFrame({"grid_code": [], "covered": [], "total": []})
    table = org_coverage.rates(empty, measure="m", unit_of_measure="m", district="500108")
    assert table.empty
    assert list(table.columns)[:2] == ["measure", "unit_code"]
