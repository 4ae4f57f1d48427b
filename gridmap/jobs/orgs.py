"""What rows of organisations and duties have wrong beside those that are stored.

Belongs here: reading what is stored as of a day and putting the file's rows in its place. Does not
belong here: the rules themselves (``org_tree``, ``org_coverage``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from gridmap import org_coverage, org_tree, store, triage
from gridmap.model import DIVISION_LEVELS, LAYERS, LENSES, SERVICE_TARGETS, Issue, Level

if TYPE_CHECKING:
    import datetime as dt

    from sqlalchemy import Connection


def unknown_issues(
    rows: pd.DataFrame, column: str, known: pd.Index, shape: str, values: dict[str, Any]
) -> list[Issue]:
    """Find references that lead nowhere.

    Parameters
    ----------
    rows
        Index: row number in the file.
    column
        The column with the references; null is none.
    known
        What they may lead to.
    shape
        The rule they break.
    values
        What its sentence needs beside ``value``.

    Returns
    -------
    list of Issue
        One a row.
    """
    lost = rows[column].notna() & ~rows[column].isin(known)
    return [
        Issue(shape, int(row), column, {"value": rows.at[row, column], **values})
        for row in rows.index[lost]
    ]


def org_issues(
    conn: Connection, rows: pd.DataFrame, effective: dt.date, *, complete: bool = False
) -> list[Issue]:
    """Check organisations beside those stored on a day: references, tree, sizes.

    Parameters
    ----------
    conn
        An open connection.
    rows
        Parsed rows of ``organisation``, index: row number in the file.
    effective
        First day the rows are true.
    complete
        The file has all rows: stored ones that it lacks end on that day.

    Returns
    -------
    list of Issue
        Rules P00, P02, P03, P04, P06, P07.
    """
    orgs, row_of = _orgs(conn, rows, effective, complete=complete)
    date = {"date": effective}
    buildings = store.read_codes(conn, "building", as_of=effective)
    seat = {"kind": "building", **date}
    return [
        *unknown_issues(rows, "parent_code", orgs.index, "P02.org", date),
        *unknown_issues(rows, "host_code", _divisions(conn, effective), "P02.host", date),
        *unknown_issues(rows, "seat_code", buildings, "P02.target", seat),
        *org_tree.tree_issues(orgs, row_of),
        *org_tree.committee_issues(orgs, row_of),
        *org_tree.enterprise_issues(orgs, store.read_layer(conn, "duty", as_of=effective), row_of),
    ]


def _divisions(conn: Connection, effective: dt.date) -> pd.Index:
    """Return the codes of all divisions of a day."""
    codes = pd.Index([], dtype=object)
    for level in DIVISION_LEVELS:
        codes = codes.append(store.read_codes(conn, level, as_of=effective))
    return codes


REFERENCES = {
    "entrance": (("building_code", "building"),),
    "post": (("org_code", "organisation"), ("host_code", "division")),
    "project": (("community_code", "community"),),
    "proposal": (("host_code", "division"),),
    "matter_item": (("unit_code", "organisation"),),
}
"""Columns of layers that must lead to a row of another; a matter's item need not: it is asked
about. Organisations and duties have rules of their own."""


def simple_issues(
    conn: Connection, layer: str, rows: pd.DataFrame, effective: dt.date
) -> list[Issue]:
    """Check what rows of a layer refer to, and what posts and the catalogue say.

    Parameters
    ----------
    conn
        An open connection.
    layer
        A layer's name.
    rows
        Parsed rows, index: row number in the file.
    effective
        First day the rows are true.

    Returns
    -------
    list of Issue
        Rules P02, P08 of posts, M01 and M02 of the catalogue.
    """
    issues = []
    for column, kind in REFERENCES.get(layer, ()):
        if kind == "division":
            known, shape = _divisions(conn, effective), "P02.host"
        else:
            known, shape = store.read_codes(conn, kind, as_of=effective), "P02.target"
        issues += unknown_issues(rows, column, known, shape, {"kind": kind, "date": effective})
    if layer == "post":
        once = rows[rows["code"].notna() & ~rows["code"].duplicated()]
        lines = {str(code): int(row) for row, code in once["code"].items()}
        issues += org_tree.leader_issues(once.set_index("code"), lines)
    if layer == "matter_item":
        issues += triage.catalogue_issues(rows)
    return issues


def duty_issues(
    conn: Connection, rows: pd.DataFrame, effective: dt.date, *, complete: bool = False
) -> list[Issue]:
    """Check duties beside what is stored on a day: references, joint branches, what is left over.

    Parameters
    ----------
    conn
        An open connection.
    rows
        Parsed rows of ``duty``, index: row number in the file.
    effective
        First day the rows are true.
    complete
        The file has all rows: stored ones that it lacks end on that day.

    Returns
    -------
    list of Issue
        Rules P01, P02, P04, P05; P01.grids and P02.buildings are one sentence for the file.
    """
    orgs, _ = _orgs(conn, None, effective, complete=False)
    holders = orgs.index.append(store.read_codes(conn, "post", as_of=effective))
    issues = unknown_issues(rows, "holder_code", holders, "P02.org", {"date": effective})
    issues += _target_issues(conn, rows, effective)
    duties = _duties(conn, rows, effective, complete=complete)
    row_of = {str(code): int(row) for row, code in rows["holder_code"].dropna().items()}
    issues += org_tree.joint_issues(duties, orgs, row_of)
    joint = rows[rows["service"] == "enterprise_branch"]
    lines = {str(code): int(row) for row, code in joint["target_code"].dropna().items()}
    issues += org_tree.enterprise_issues(orgs, duties, lines)
    for code, shape in (("party_branch", "P01.grids"), ("party_group", "P02.buildings")):
        if (rows["service"] == code).any():
            issues += _left_over(conn, code, shape, duties, orgs, effective)
    return issues


def _target_issues(conn: Connection, rows: pd.DataFrame, effective: dt.date) -> list[Issue]:
    """Find duties on what is not there, each service having its own kinds of target."""
    issues = []
    known: dict[str, pd.Index] = {}
    for service, some in rows.groupby("service", sort=False):
        kinds = SERVICE_TARGETS.get(str(service), ())
        for kind in kinds:
            known.setdefault(kind, store.read_codes(conn, kind, as_of=effective))
        every = pd.Index([], dtype=object)
        for kind in kinds:
            every = every.append(known[kind])
        values = {"kind": " / ".join(kinds), "date": effective}
        issues += unknown_issues(some, "target_code", every, "P02.target", values)
    return issues


def _orgs(
    conn: Connection, rows: pd.DataFrame | None, effective: dt.date, *, complete: bool
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the organisations of a day with the file's in their place, and the file's rows."""
    stored = store.read_layer(conn, "organisation", as_of=effective)
    if rows is None:
        return stored.set_index("code"), {}
    # A code that is null or stands twice is told by F02 and C04.
    mine = rows[rows["code"].notna() & ~rows["code"].duplicated()]
    kept = stored[~stored["code"].isin(mine["code"]) & (not complete)]
    columns = LAYERS["organisation"].columns
    both = [part[columns].astype(object) for part in (mine, kept)]
    return pd.concat(both).set_index("code"), {
        str(code): int(row) for row, code in mine["code"].items()
    }


def _duties(
    conn: Connection, rows: pd.DataFrame, effective: dt.date, *, complete: bool
) -> pd.DataFrame:
    """Return the duties that hold on a day, with the file's in their place."""
    stored = store.read_layer(conn, "duty", as_of=effective)
    stored = stored.head(0) if complete else stored
    both = pd.concat([rows.astype(object), stored.astype(object)], ignore_index=True)
    # The file stands first, so what it says again is taken from it.
    return both.drop_duplicates(list(LAYERS["duty"].key)).dropna(subset=["holder_code"])


def _left_over(
    conn: Connection,
    code: str,
    shape: str,
    duties: pd.DataFrame,
    orgs: pd.DataFrame,
    effective: dt.date,
) -> list[Issue]:
    """Say how many grids or buildings nobody serves, once the file is in."""
    lens = LENSES[code]
    if lens.target == "building":
        grids = store.read_building_grids(conn, as_of=effective)["grid_code"]
    else:
        codes = store.read_codes(conn, Level.GRID, as_of=effective)
        grids = pd.Series(codes, index=codes, dtype=object)
    targets = grids[grids.notna()].to_frame("unit_code")
    if targets.empty:
        return []
    holding = {"begins": effective, "ends": None}
    holders = orgs.reset_index().assign(**holding, filled=None, is_secretary=None)
    links = duties.assign(**holding).rename(columns={"service": "part"})
    branches = duties[duties["service"] == "party_branch"]
    judged = org_coverage.judged(
        targets, links, holders, lens, as_of=effective, branch_grids=branches
    )
    found = org_coverage.status(targets, judged, lens)
    blank = int((found["status"] == "uncovered").sum())
    told = {"blank": blank, "total": len(targets), "date": effective}
    return [Issue(shape, None, "target_code", told)]
