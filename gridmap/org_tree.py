"""How Party organisations hang together: cycles, order of kinds, roots, sizes, committees.

Belongs here: rules P00 and P03 to P08, which need organisations, posts and duties only. Does not
belong here: who covers which target (``org_coverage``), whether a reference leads anywhere
(``jobs``), storage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from gridmap.model import (
    CODE_LENGTH,
    EMPLOYER_KINDS,
    GROUP_MIN_MEMBERS,
    OWN_BRANCH_FROM,
    PARTY_KINDS,
    Issue,
    Level,
    require_columns,
)
from gridmap.model.organisations import ORG_KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

BRANCH_FULL_MEMBERS = 3
"""Full members from which a unit forms a branch of its own: P03. Source: domain.md 1.6 [V37]."""

BRANCH_MEMBERS = 50
"""Members a branch usually has at most: P06. Source: domain.md 1.6 [V37]."""

JOINT_UNITS = 5
"""Units a joint branch usually covers at most: P05. Source: domain.md 1.6 [V38]."""

COMMITTEE_MEMBERS = 7
"""Full members from which a branch has a committee: P07. Source: domain.md 1.6 [V39]."""

RANK = {
    "working_committee": 5,
    "committee": 4,
    "general_branch": 3,
    "branch": 2,
    "joint_branch": 2,
    "party_group": 1,
}
"""The order of kinds from below; only Party organisations have one. Source: domain.md 1.6 and
section 5."""

# A committee stands under another (a community's under its town's), and so do working committees.
_SAME_BELOW = ("working_committee", "committee")
_BRANCHES = ("branch", "joint_branch")
_SHOWN = 10  # organisations of a cycle that a sentence names

ORG_COLUMNS = ("kind", "parent_code", "host_code", "full_members", "probationary_members")
"""What `tree_issues` reads."""


def tree_issues(orgs: pd.DataFrame, rows: Mapping[str, int]) -> list[Issue]:
    """Return where a tree of organisations is none, or not one the rules know.

    Parameters
    ----------
    orgs
        Index: code, unique. All organisations of a day, columns `ORG_COLUMNS`.
    rows
        Code -> row number in the file, of those that are to be told.

    Returns
    -------
    list of Issue
        P00.cycle (error, one a cycle, at its lowest row), P00.order and P00.root (warnings),
        P03.group, P03.unknown, P03.branch, P06.members (warnings).

    Raises
    ------
    FrameError
        A column is missing or the index has duplicates.

    Notes
    -----
    Rule: going up, the kind gets higher; a committee may stand under a committee; a Party group
    belongs to a branch, whose part it is. Only a working committee, or the committee of the
    district, of a street or of a town, has no parent. An enterprise, a department, a team has no
    rank: it may stand under any organisation or under none, but no Party organisation stands
    under it. Sizes: P03, P06. Source: domain.md 1.6; the severity of P00.order own choice: no
    figure depends on it. Cost O(n).

    Examples
    --------
    >>> orgs = pd.DataFrame({"kind": ["branch", "branch"], "parent_code": ["B", "A"],
    ...     "host_code": None, "full_members": 9, "probationary_members": 0}, index=["A", "B"])
    >>> [(one.shape, one.row, one.values["cycle"]) for one in tree_issues(orgs, {"B": 7})]
    [('P00.cycle', 7, 'A → B → A')]
    """
    require_columns(orgs, list(ORG_COLUMNS), "orgs")
    told = orgs[orgs.index.isin(list(rows))]
    cycles = _cycles(_parents(orgs))
    issues = [_cycle_issue(cycle, rows) for cycle in cycles if rows.keys() & set(cycle)]
    turning = {code for cycle in cycles for code in cycle}
    issues += _order(told[~told.index.isin(turning)], orgs["kind"], rows)
    return issues + _sizes(told, rows)


def _parents(orgs: pd.DataFrame) -> dict[str, str]:
    """Return the parent of each organisation whose parent is known."""
    known = orgs["parent_code"][orgs["parent_code"].isin(orgs.index)]
    return {str(code): str(parent) for code, parent in known.items()}


def _cycles(parent: dict[str, str]) -> list[list[str]]:
    """Return the cycles, each once, beginning at its lowest code."""
    cycles: list[list[str]] = []
    done: set[str] = set()
    for start in sorted(parent):
        path: dict[str, int] = {}
        code: str | None = start
        while code is not None and code not in done and code not in path:
            path[code] = len(path)
            code = parent.get(code)
        if code is not None and code in path:
            cycle = list(path)[path[code] :]
            first = cycle.index(min(cycle))
            cycles.append(cycle[first:] + cycle[:first])
        done |= path.keys()
    return cycles


def _cycle_issue(cycle: list[str], rows: Mapping[str, int]) -> Issue:
    more = ["…"] if len(cycle) > _SHOWN else []
    named = " → ".join([*cycle[:_SHOWN], *more, cycle[0]])
    row = min(rows[code] for code in cycle if code in rows)
    return Issue("P00.cycle", row, "parent_code", {"cycle": named, "count": len(cycle)})


def _order(told: pd.DataFrame, kinds: pd.Series, rows: Mapping[str, int]) -> list[Issue]:
    """Find organisations without a parent that need one, or under a kind that is not above."""
    issues = []
    for one in told[told["kind"].isin(PARTY_KINDS)].itertuples():
        code, above = str(one.Index), kinds.get(one.parent_code) if one.parent_code else None
        if pd.isna(one.parent_code):
            if needs_parent(one.kind, one.host_code):
                values = {"value": code, "kind": one.kind}
                issues.append(Issue("P00.root", rows[code], "parent_code", values))
        elif above is not None and not _stands_below(one.kind, above):
            values = {"value": code, "kind": one.kind, "parent": one.parent_code, "above": above}
            issues.append(Issue("P00.order", rows[code], "parent_code", values))
    return issues


def needs_parent(kind: str, host: object) -> bool:
    """Return whether an organisation must stand under another (P00.root).

    Parameters
    ----------
    kind
        Of the organisation.
    host
        Code of the division that hosts it, or null.

    Returns
    -------
    bool
        True for every Party organisation but a working committee and the committee of a street,
        a town or the district; False for all that are none.

    Examples
    --------
    >>> needs_parent("committee", "500108001"), needs_parent("committee", "500108001001")
    (False, True)
    """
    if kind == "committee":
        return not (isinstance(host, str) and len(host) <= CODE_LENGTH[Level.STREET])
    return kind in PARTY_KINDS and kind != "working_committee"


def _stands_below(kind: str, above: str) -> bool:
    if above in ORG_KINDS and above not in PARTY_KINDS:
        return False
    if kind == "party_group":
        return above in _BRANCHES
    high = RANK.get(above, max(RANK.values()) + 1)
    return RANK[kind] < high or (kind == above and kind in _SAME_BELOW)


def _sizes(told: pd.DataFrame, rows: Mapping[str, int]) -> list[Issue]:
    """Find groups and branches that are too small or too large (P03, P06)."""
    full = pd.to_numeric(told["full_members"], errors="coerce").astype(float)
    others = pd.to_numeric(told["probationary_members"], errors="coerce").astype(float)
    members = full + others.fillna(0.0)
    kind = told["kind"]
    group, branch = kind == "party_group", kind.isin(_BRANCHES)
    found = {
        "P03.unknown": group & members.isna(),
        "P03.group": group & ((members < GROUP_MIN_MEMBERS) | (full < 1)),
        "P03.branch": (kind == "branch") & (full < BRANCH_FULL_MEMBERS),
        "P06.members": branch & (members > BRANCH_MEMBERS),
    }
    least = {"P03.group": GROUP_MIN_MEMBERS, "P03.branch": BRANCH_FULL_MEMBERS}
    return [
        Issue(
            shape,
            rows[code],
            "full_members",
            {
                "value": code,
                "members": f"{members[code]:.0f}",
                "full": f"{full[code]:.0f}",
                "limit": least.get(shape, BRANCH_MEMBERS),
            },
        )
        for shape, wrong in found.items()
        for code in told.index[wrong]
    ]


def joint_issues(duties: pd.DataFrame, orgs: pd.DataFrame, rows: Mapping[str, int]) -> list[Issue]:
    """Return joint branches that serve more units than they should.

    Parameters
    ----------
    duties
        Duties that hold on a day; columns holder_code, service, target_code.
    orgs
        Index: code; column ``kind``.
    rows
        Code of an organisation -> a row of the file that gives it a duty.

    Returns
    -------
    list of Issue
        P05.units, one a joint branch.

    Raises
    ------
    FrameError
        A column is missing or the index of ``orgs`` has duplicates.

    Notes
    -----
    Rule: P05; the units counted are the grids a joint branch serves, since nothing else that it
    joins is stored. Source: domain.md 1.6. Cost O(n log n).
    """
    require_columns(duties, ["holder_code", "service", "target_code"], "duties")
    require_columns(orgs, ["kind"], "orgs")
    joint = orgs.index[orgs["kind"] == "joint_branch"]
    some = duties[(duties["service"] == "party_branch") & duties["holder_code"].isin(joint)]
    count = some.groupby("holder_code")["target_code"].nunique()
    return [
        Issue(
            "P05.units",
            rows[code],
            "holder_code",
            {"value": code, "count": int(count[code]), "limit": JOINT_UNITS},
        )
        for code in count.index[count > JOINT_UNITS]
        if code in rows
    ]


def enterprise_issues(
    orgs: pd.DataFrame, duties: pd.DataFrame, rows: Mapping[str, int]
) -> list[Issue]:
    """Return enterprises and social organisations that should have a branch of their own.

    Parameters
    ----------
    orgs
        Index: code. All organisations of a day, columns ``kind``, ``full_members``.
    duties
        Duties that hold on that day; columns service, target_code, mode.
    rows
        Code of an organisation -> row number in the file, of those that are to be told.

    Returns
    -------
    list of Issue
        P04.own, or P04.joint where a joint branch has it (warnings), one an organisation.

    Raises
    ------
    FrameError
        A column is missing or an index has duplicates.

    Notes
    -----
    Rule: P04: with `OWN_BRANCH_FROM` full members a unit forms its own branch; a joint one is for
    fewer. A duty that does not say its mode is own; members that are not told are none. Source:
    domain.md 1.6 [V37]. Cost O(n).

    Examples
    --------
    >>> orgs = pd.DataFrame({"kind": "enterprise", "full_members": [3, 2]}, index=["A", "B"])
    >>> none = pd.DataFrame({"service": [], "target_code": [], "mode": []})
    >>> [(one.shape, one.row) for one in enterprise_issues(orgs, none, {"A": 5, "B": 6})]
    [('P04.own', 5)]
    """
    require_columns(orgs, ["kind", "full_members"], "orgs")
    require_columns(duties, ["service", "target_code", "mode"], "duties")
    linked = duties[duties["service"] == "enterprise_branch"]
    joint = linked["mode"] == "joint"
    own, shared = set(linked["target_code"][~joint]), set(linked["target_code"][joint])
    full = pd.to_numeric(orgs["full_members"], errors="coerce").astype(float)
    lacking = orgs["kind"].isin(EMPLOYER_KINDS) & (full >= OWN_BRANCH_FROM)
    lacking &= ~orgs.index.isin(list(own)) & orgs.index.isin(list(rows))
    issues = []
    for code in orgs.index[lacking]:
        told = {"value": code, "full": f"{full[code]:.0f}", "limit": OWN_BRANCH_FROM}
        shape = "P04.joint" if code in shared else "P04.own"
        issues.append(Issue(shape, rows[code], "full_members", told))
    return issues


def committee_issues(orgs: pd.DataFrame, rows: Mapping[str, int]) -> list[Issue]:
    """Return branches that have members enough for a committee and say they have none.

    Parameters
    ----------
    orgs
        Index: code; columns ``kind``, ``full_members``, ``has_committee`` (null: not told).
    rows
        Code of an organisation -> row number in the file, of those that are to be told.

    Returns
    -------
    list of Issue
        P07.committee (warning), one a branch.

    Raises
    ------
    FrameError
        A column is missing or the index has duplicates.

    Notes
    -----
    Rule: P07: a branch with `COMMITTEE_MEMBERS` full members, a joint one too, has a committee of
    three to five. What is not told is no fault. Source: domain.md 1.6 [V39]. Cost O(n).

    Examples
    --------
    >>> orgs = pd.DataFrame({"kind": "branch", "full_members": 7, "has_committee": [False, None]},
    ...                     index=["A", "B"])
    >>> [(one.shape, one.row) for one in committee_issues(orgs, {"A": 5, "B": 6})]
    [('P07.committee', 5)]
    """
    require_columns(orgs, ["kind", "full_members", "has_committee"], "orgs")
    full = pd.to_numeric(orgs["full_members"], errors="coerce").astype(float)
    lacking = orgs["kind"].isin(_BRANCHES) & (full >= COMMITTEE_MEMBERS)
    lacking &= _is_no(orgs["has_committee"]) & orgs.index.isin(list(rows))
    return [
        Issue(
            "P07.committee",
            rows[code],
            "has_committee",
            {"value": code, "full": f"{full[code]:.0f}", "limit": COMMITTEE_MEMBERS},
        )
        for code in orgs.index[lacking]
    ]


def leader_issues(posts: pd.DataFrame, rows: Mapping[str, int]) -> list[Issue]:
    """Return posts of grid leaders that somebody holds who is no branch secretary.

    Parameters
    ----------
    posts
        Index: code; columns ``kind``, ``filled`` (null: it is), ``is_secretary`` (null: not told).
    rows
        Code of a post -> row number in the file, of those that are to be told.

    Returns
    -------
    list of Issue
        P08.secretary (warning), one a post.

    Raises
    ------
    FrameError
        A column is missing or the index has duplicates.

    Notes
    -----
    Rule: P08: a grid leader is, as a rule, a branch secretary. What is not told is no fault.
    Source: domain.md 1.7, section 4. Cost O(n).

    Examples
    --------
    >>> posts = pd.DataFrame({"kind": "grid_leader", "filled": [None, False],
    ...                       "is_secretary": False}, index=["A", "B"])
    >>> [(one.shape, one.row) for one in leader_issues(posts, {"A": 5, "B": 6})]
    [('P08.secretary', 5)]
    """
    require_columns(posts, ["kind", "filled", "is_secretary"], "posts")
    other = (posts["kind"] == "grid_leader") & ~_is_no(posts["filled"])
    other &= _is_no(posts["is_secretary"]) & posts.index.isin(list(rows))
    return [
        Issue("P08.secretary", rows[code], "is_secretary", {"value": code})
        for code in posts.index[other]
    ]


def _is_no(cells: pd.Series) -> pd.Series:
    """Return where cells say no, which is not where they say nothing."""
    return ~cells.astype("boolean").fillna(value=True).astype(bool)
