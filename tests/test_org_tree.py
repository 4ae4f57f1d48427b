"""Whether organisations are a tree, in the order of kinds, and of a size: P00, P03 to P08."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmap import demo, org_tree
from gridmap.errors import FrameError
from gridmap.model import PARTY_KINDS
from gridmap.model.organisations import ORG_KINDS
from gridmap.rules import Severity


def orgs(*rows):
    """Organisations from (code, kind, parent, host, full, probationary), the last ones optional."""
    full = [(*row, *(None, None, 9, 0)[len(row) - 2 :]) for row in rows]
    names = ["code", "kind", *org_tree.ORG_COLUMNS[1:]]
    return pd.DataFrame(full, columns=names).astype(object).set_index("code")


def told(frame, rows=None):
    rows = {code: n for n, code in enumerate(frame.index, 1)} if rows is None else rows
    return [(one.shape, one.row) for one in org_tree.tree_issues(frame, rows)]


RIGHT = orgs(
    ("W", "working_committee"),
    ("T", "committee", None, "500108100"),
    ("C", "committee", "W", "500108001001"),
    ("V", "committee", "T", "500108100201"),  # a village's under its town's
    ("G", "general_branch", "C"),
    ("B", "branch", "G"),
    ("J", "joint_branch", "C"),
    ("g", "party_group", "B", None, 2, 1),
    ("h", "party_group", "J", None, 1, 2),
)


def test_a_right_tree_is_right():
    assert told(RIGHT) == []
    assert told(RIGHT.iloc[:0]) == []


@pytest.mark.parametrize(
    ("row", "shape"),
    [
        (("X", "committee", "B"), "P00.order"),  # a branch above a committee
        (("X", "branch", "B"), "P00.order"),
        (("X", "general_branch", "G"), "P00.order"),
        (("X", "party_group", "C"), "P00.order"),  # a group is part of a branch
        (("X", "branch", "g"), "P00.order"),
        (("X", "working_committee", "T"), "P00.order"),
        (("X", "branch"), "P00.root"),
        (("X", "party_group"), "P00.root"),
        (("X", "committee"), "P00.root"),
        (("X", "committee", None, "500108001001"), "P00.root"),  # of a community
        (("X", "party_group", "B", None, 2, 0), "P03.group"),
        (("X", "party_group", "B", None, 0, 5), "P03.group"),
        (("X", "party_group", "B", None, None, 5), "P03.unknown"),
        (("X", "branch", "C", None, 2, 9), "P03.branch"),
        (("X", "branch", "C", None, 45, 6), "P06.members"),
        (("X", "joint_branch", "C", None, 51, None), "P06.members"),
        (("X", "branch", "C", None, 50, 0), None),
        (("X", "general_branch", "C", None, 90, 0), None),
        (("X", "joint_branch", "C", None, 1, 0), None),
        (("X", "branch", "C", None, None, None), None),
        (("X", "working_committee", "W"), None),
        (("X", "castle", "g"), None),  # F05 tells
        (("X", "enterprise"), None),  # no Party organisation: no rank, no root
        (("X", "department", "g"), None),
        (("X", "volunteer_team", "B", None, 0, 0), None),
        (("X", "branch", "nobody"), None),  # P02 tells
    ],
)
def test_each_fault_has_its_rule(row, shape):
    frame = pd.concat([RIGHT, orgs(row)])
    assert told(frame) == ([(shape, 10)] if shape else [])
    assert told(frame, {"W": 1}) == [], "only rows of the file are told"


def test_no_party_organisation_stands_under_one_that_is_none():
    frame = pd.concat([RIGHT, orgs(("E", "enterprise"), ("X", "branch", "E"), ("D", "castle"))])
    assert told(frame) == [("P00.order", 11)]
    frame.loc["X", "parent_code"] = "D"  # F05 tells of the castle
    assert told(frame) == []


def test_what_needs_a_parent():
    kinds = {kind for kind in ORG_KINDS if org_tree.needs_parent(kind, None)}
    assert kinds == set(PARTY_KINDS) - {"working_committee"}
    assert not org_tree.needs_parent("committee", "500108")
    assert not org_tree.needs_parent("committee", "500108001")
    assert org_tree.needs_parent("committee", "500108001001")
    assert set(org_tree.RANK) == set(PARTY_KINDS)


def test_a_cycle_is_an_error_and_names_itself_once():
    ring = orgs(
        ("C", "branch", "A"), ("A", "branch", "B"), ("B", "branch", "C"), ("x", "party_group", "A")
    )
    found = org_tree.tree_issues(ring, {"B": 4, "C": 2})
    assert [(one.shape, one.row, one.severity) for one in found] == [
        ("P00.cycle", 2, Severity.ERROR)
    ]
    assert found[0].values["cycle"] == "A → B → C → A"
    assert "A → B → C → A" in found[0].message("zh")
    assert org_tree.tree_issues(ring, {"x": 1}) == []
    assert told(orgs(("A", "branch", "A"))) == [("P00.cycle", 1)]
    long = orgs(*((f"o{n:02}", "branch", f"o{(n + 1) % 30:02}") for n in range(30)))
    text = org_tree.tree_issues(long, {"o00": 1})[0].values["cycle"]
    assert text.endswith("o09 → … → o00")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-1, 14), min_size=1, max_size=15), st.integers(0, 99))
def test_cycles_are_those_that_walking_up_returns_from(parents, seed):
    names = [f"o{n}" for n in range(15)]
    frame = orgs(
        *((names[n], "branch", None if p < 0 else names[p]) for n, p in enumerate(parents))
    )
    up = frame["parent_code"].to_dict()

    def returns(start):
        code = up[start]
        for _ in parents:
            if code == start:
                return True
            code = up.get(code)
        return False

    rows = {code: n for n, code in enumerate(frame.index, 1)}
    found = org_tree.tree_issues(frame.sample(frac=1, random_state=seed), rows)
    cycles = [one for one in found if one.shape == "P00.cycle"]
    members = [set(one.values["cycle"].split(" → ")) - {"…"} for one in cycles]
    assert set().union(*members) <= {code for code in up if returns(code)}
    assert sum(one.values["count"] for one in cycles) == sum(map(returns, up))


def test_joint_branches_serve_at_most_five_units():
    branches = orgs(("J", "joint_branch", "C"), ("B", "branch", "C"))
    duty = pd.DataFrame(
        {
            "holder_code": ["J"] * 6 + ["B"] * 6,
            "service": "party_branch",
            "target_code": [f"g{n}" for n in range(6)] * 2,
        }
    )
    found = org_tree.joint_issues(duty, branches, {"J": 3, "B": 9})
    assert [(one.shape, one.row, one.values["count"]) for one in found] == [("P05.units", 3, 6)]
    assert org_tree.joint_issues(duty.iloc[1:], branches, {"J": 3}) == []
    twice = duty.assign(target_code=["g0", "g0", *duty["target_code"][2:]])
    assert org_tree.joint_issues(twice, branches, {"J": 3}) == []
    assert org_tree.joint_issues(duty, branches, {}) == []


EMPLOYERS = orgs(
    ("own", "enterprise", None, None, 3),
    ("shared", "enterprise", None, None, 3),
    ("blank", "social_org", None, None, 9),
    ("few", "enterprise", None, None, 2),
    ("silent", "enterprise", None, None, None),
    ("worked", "enterprise", None, None, 4),
    ("team", "volunteer_team", None, None, 30),
)
LINKS = pd.DataFrame(
    [
        ("enterprise_branch", "own", None),  # what does not say its mode is own
        ("enterprise_branch", "shared", "joint"),
        ("enterprise_branch", "few", "joint"),
        ("enterprise_work", "worked", "own"),  # somebody guides it: no branch
    ],
    columns=["service", "target_code", "mode"],
)


def test_an_enterprise_with_three_full_members_has_a_branch_of_its_own():
    rows = {code: n for n, code in enumerate(EMPLOYERS.index, 1)}
    found = org_tree.enterprise_issues(EMPLOYERS, LINKS, rows)
    assert [(one.shape, one.row, one.severity) for one in found] == [
        ("P04.joint", 2, Severity.WARNING),
        ("P04.own", 3, Severity.WARNING),
        ("P04.own", 6, Severity.WARNING),
    ]
    assert "正式党员 9 名" in found[1].message("zh")
    assert "has 3 full members" in found[0].message("en")
    both = pd.concat([LINKS, LINKS.assign(mode="own", target_code="shared")], ignore_index=True)
    assert [one.row for one in org_tree.enterprise_issues(EMPLOYERS, both, rows)] == [3, 6]
    assert org_tree.enterprise_issues(EMPLOYERS, LINKS, {"own": 1}) == []
    assert len(org_tree.enterprise_issues(EMPLOYERS, LINKS.iloc[:0], rows)) == 4
    assert org_tree.enterprise_issues(EMPLOYERS.iloc[:0], LINKS, rows) == []


@pytest.mark.parametrize(
    ("kind", "full", "has", "broken"),
    [
        ("branch", 7, False, True),
        ("joint_branch", 12, False, True),
        ("branch", 6, False, False),
        ("branch", 7, True, False),
        ("branch", 7, None, False),  # nothing told
        ("branch", None, False, False),
        ("general_branch", 70, False, False),
        ("service_group", 9, False, False),
    ],
)
def test_a_branch_of_seven_has_a_committee(kind, full, has, broken):
    frame = orgs(("B", kind, "C", None, full)).assign(has_committee=has)
    for typed in (frame, frame.astype({"has_committee": "boolean"})):
        found = org_tree.committee_issues(typed, {"B": 4})
        assert [(one.shape, one.row) for one in found] == [("P07.committee", 4)] * broken
        assert org_tree.committee_issues(typed, {}) == []
    for one in found:
        assert f"{full} full members" in one.message("en")
        assert "设委员会(has_committee)" in one.message("zh")


@pytest.mark.parametrize(
    ("kind", "filled", "secretary", "broken"),
    [
        ("grid_leader", True, False, True),
        ("grid_leader", None, False, True),  # where it says nothing, somebody holds it
        ("grid_leader", False, False, False),
        ("grid_leader", True, True, False),
        ("grid_leader", True, None, False),
        ("grid_worker", True, False, False),
    ],
)
def test_a_grid_leader_is_a_branch_secretary(kind, filled, secretary, broken):
    post = pd.DataFrame(
        {"kind": [kind], "filled": [filled], "is_secretary": [secretary]}, index=["p"], dtype=object
    )
    for typed in (post, post.astype({"filled": "boolean", "is_secretary": "boolean"})):
        found = org_tree.leader_issues(typed, {"p": 3})
        assert [(one.shape, one.row) for one in found] == [("P08.secretary", 3)] * broken
        assert org_tree.leader_issues(typed, {}) == []
    for one in found:
        assert "'p'" in one.message("en")
        assert "支部书记担任(is_secretary)" in one.message("zh")


def test_frames_need_their_columns():
    with pytest.raises(FrameError, match="mode"):
        org_tree.enterprise_issues(EMPLOYERS, LINKS.drop(columns="mode"), {})
    with pytest.raises(FrameError, match="has_committee"):
        org_tree.committee_issues(EMPLOYERS, {})
    with pytest.raises(FrameError, match="filled"):
        org_tree.leader_issues(EMPLOYERS, {})
    with pytest.raises(FrameError, match="parent_code"):
        org_tree.tree_issues(RIGHT.drop(columns="parent_code"), {})
    with pytest.raises(FrameError, match="duplicate"):
        org_tree.tree_issues(pd.concat([RIGHT, RIGHT]), {})
    with pytest.raises(FrameError, match="service"):
        org_tree.joint_issues(pd.DataFrame({"holder_code": [], "target_code": []}), RIGHT, {})


def test_the_demo_district_is_a_tree():
    table = demo.build().organisation
    rows = dict(zip(table["code"], table.index, strict=True))
    assert org_tree.tree_issues(table.set_index("code"), rows) == []
    assert set(org_tree.RANK) < set(table["kind"])
