"""Whether organisations are a tree, in the order of kinds, and of a size: P00, P03, P05, P06."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmap import demo, org_tree
from gridmap.errors import FrameError
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
        (("X", "branch", "nobody"), None),  # P02 tells
    ],
)
def test_each_fault_has_its_rule(row, shape):
    frame = pd.concat([RIGHT, orgs(row)])
    assert told(frame) == ([(shape, 10)] if shape else [])
    assert told(frame, {"W": 1}) == [], "only rows of the file are told"


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


def test_frames_need_their_columns():
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
    assert np.isin(table["kind"], list(org_tree.RANK)).all()
