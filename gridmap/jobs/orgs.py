"""What rows of organisations and duties have wrong beside those that are stored.

Belongs here: reading what is stored as of a day and putting the file's rows in its place. Does not
belong here: the rules themselves (``org_tree``, ``org_coverage``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from gridmap import org_coverage, org_tree, store
from gridmap.model import DIVISION_LEVELS, LAYERS, SERVICE_KINDS, SERVICE_TARGET, Issue, Level

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
        Rules P00, P02, P03, P06.
    """
    orgs, row_of = _orgs(conn, rows, effective, complete=complete)
    divisions = pd.Index([], dtype=object)
    for level in DIVISION_LEVELS:
        divisions = divisions.append(store.read_codes(conn, level, as_of=effective))
    date = {"date": effective}
    return [
        *unknown_issues(rows, "parent_code", orgs.index, "P02.org", date),
        *unknown_issues(rows, "host_code", divisions, "P02.host", date),
        *org_tree.tree_issues(orgs, row_of),
    ]


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
        Rules P01, P02, P05; P01.grids and P02.buildings are one sentence for the file.
    """
    orgs, _ = _orgs(conn, None, effective, complete=False)
    issues = unknown_issues(rows, "holder_code", orgs.index, "P02.org", {"date": effective})
    for service, kind in SERVICE_TARGET.items():
        known = store.read_codes(conn, kind, as_of=effective)
        values = {"kind": str(kind), "date": effective}
        some = rows[rows["service"] == service]
        issues += unknown_issues(some, "target_code", known, "P02.target", values)
    duties = _duties(conn, rows, effective, complete=complete)
    row_of = {str(code): int(row) for row, code in rows["holder_code"].dropna().items()}
    issues += org_tree.joint_issues(duties, orgs, row_of)
    for service in SERVICE_TARGET:
        if (rows["service"] == service).any():
            issues += _left_over(conn, service, duties, orgs, effective)
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
    conn: Connection, service: str, duties: pd.DataFrame, orgs: pd.DataFrame, effective: dt.date
) -> list[Issue]:
    """Say how many grids or buildings nobody serves, once the file is in."""
    if SERVICE_TARGET[service] is Level.BUILDING:
        shape, targets = "P02.buildings", store.read_building_grids(conn, as_of=effective)
    else:
        codes = store.read_codes(conn, Level.GRID, as_of=effective)
        shape, targets = "P01.grids", pd.DataFrame({"grid_code": codes}, index=codes)
    targets = targets[targets["grid_code"].notna()]
    if targets.empty:
        return []
    holding = {"begins": effective, "ends": None}
    found = org_coverage.status(
        targets,
        duties[duties["service"] == service].assign(**holding),
        orgs.reset_index().assign(**holding),
        kinds=SERVICE_KINDS[service],
        as_of=effective,
    )
    blank = int((found["status"] == "uncovered").sum())
    told = {"blank": blank, "total": len(targets), "date": effective}
    return [Issue(shape, None, "target_code", told)]
