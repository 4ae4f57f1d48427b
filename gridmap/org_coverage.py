"""Which building or grid has which organisation, why not where none, and the rates.

Belongs here: the status of each target under a lens with its reason, and the roll-up of any
figure along the administrative tree with its denominator. Does not belong here: geometry,
storage, wording.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gridmap.model import CODE_LENGTH, DIVISION_LEVELS, require_columns

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection

GROUP_MIN_MEMBERS = 3
"""Members a Party group needs, of whom one is full: rule P03, configurable guidance
(domain.md 1.6)."""

STATUSES = ("own", "joint", "uncovered")

REASONS = (
    "no_link",
    "no_grid",
    "link_ended",
    "link_not_begun",
    "organisation_ended",
    "organisation_unknown",
    "organisation_kind",
    "members_unknown",
    "group_below_size",
)
"""Why a target is uncovered; of several, the one nearest to being covered is told."""

# The order in which duties of one target count: the better a duty, the lower its number.
_RANK = {
    "own": 0,
    "joint": 1,
    "group_below_size": 2,
    "members_unknown": 3,
    "organisation_kind": 4,
    "organisation_ended": 5,
    "link_not_begun": 6,
    "link_ended": 7,
    "organisation_unknown": 8,
}


def status(
    targets: pd.DataFrame,
    duties: pd.DataFrame,
    orgs: pd.DataFrame,
    *,
    kinds: Collection[str],
    as_of: dt.date,
) -> pd.DataFrame:
    """Return for each target whether it is covered on a date, by whom, or why not.

    Parameters
    ----------
    targets
        Index: target code; column ``grid_code`` (None: the target lies in no grid).
    duties
        Duties of one service; columns org_code, target_code, mode (``own``, ``joint`` or
        None, which counts as own), begins, ends (dates; ``ends`` is the first day after, None
        while it lasts).
    orgs
        Organisations of all times; columns code, kind, full_members, probationary_members,
        begins, ends.
    kinds
        The kinds of organisation that can give this service.
    as_of
        The date.

    Returns
    -------
    DataFrame
        Index of ``targets``; ``status`` (of `STATUSES`), ``reason`` (of `REASONS`, None where
        covered), ``org_code`` (who covers it, or whose duty came nearest; None).

    Raises
    ------
    FrameError
        A column is missing or the targets' index has duplicates.

    Notes
    -----
    Rule: a building is covered by a duty that holds on the day, of an organisation that exists
    on the day and, for a Party group, has at least `GROUP_MIN_MEMBERS` members of whom one is
    full (domain.md 1.6). Own beats joint; equal duties go to the lowest organisation code.
    Cost O(n log n).
    """
    require_columns(targets, ["grid_code"], "targets")
    require_columns(duties, ["org_code", "target_code", "mode", "begins", "ends"], "duties")
    columns = ["code", "kind", "full_members", "probationary_members", "begins", "ends"]
    require_columns(orgs, columns, "orgs")
    judged = duties.assign(verdict=_verdicts(duties, orgs, kinds, as_of))
    judged["rank"] = judged["verdict"].map(_RANK)
    judged = judged[judged["target_code"].isin(targets.index)]
    best = judged.sort_values(["rank", "org_code", "begins"]).drop_duplicates("target_code")
    best = best.set_index("target_code").reindex(targets.index)
    nearest = best["verdict"].astype(object)
    covered = nearest.isin(("own", "joint"))
    nothing = np.where(targets["grid_code"].isna(), "no_grid", "no_link")
    reason = nearest.where(nearest.notna(), nothing).where(~covered)
    answer = {
        "status": nearest.where(covered, "uncovered"),
        "reason": reason,
        "org_code": best["org_code"].astype(object),
    }
    return pd.DataFrame({name: _texts(column) for name, column in answer.items()})


def _texts(column: pd.Series) -> pd.Series:
    """Return a text column with None, not NaN, where there is no text."""
    values = [None if pd.isna(value) else value for value in column]
    return pd.Series(values, index=column.index, dtype=object)


def _verdicts(
    duties: pd.DataFrame, orgs: pd.DataFrame, kinds: Collection[str], as_of: dt.date
) -> np.ndarray:
    """Return for each duty ``own``, ``joint``, or the reason why it does not count."""
    alive = orgs[_holds(orgs, as_of)].drop_duplicates("code").set_index("code")
    group = alive["kind"] == "party_group"
    full = alive["full_members"]
    members = full.fillna(0).add(alive["probationary_members"].fillna(0))
    unknown = group & full.isna()
    too_small = group & ~unknown & ((members < GROUP_MIN_MEMBERS) | (full.fillna(0) < 1))
    org = duties["org_code"]
    return np.select(
        [
            ~org.isin(orgs["code"]),
            _ended(duties, as_of),
            ~_holds(duties, as_of),
            ~org.isin(alive.index),
            ~org.isin(alive.index[alive["kind"].isin(kinds)]),
            org.isin(alive.index[unknown]),
            org.isin(alive.index[too_small]),
            duties["mode"].eq("joint"),
        ],
        [
            "organisation_unknown",
            "link_ended",
            "link_not_begun",
            "organisation_ended",
            "organisation_kind",
            "members_unknown",
            "group_below_size",
            "joint",
        ],
        default="own",
    )


def _holds(periods: pd.DataFrame, day: dt.date) -> pd.Series:
    return (pd.to_datetime(periods["begins"]) <= pd.Timestamp(day)) & ~_ended(periods, day)


def _ended(periods: pd.DataFrame, day: dt.date) -> pd.Series:
    return pd.to_datetime(periods["ends"]) <= pd.Timestamp(day)


def rates(
    counted: pd.DataFrame, *, measure: str, unit_of_measure: str, district: str
) -> pd.DataFrame:
    """Return numerator and denominator of every unit, from the grids to the district.

    Parameters
    ----------
    counted
        Any index; columns ``grid_code`` (15 digits), ``covered`` and ``total`` (numbers that
        add up). Rows without a grid are left out: they belong to no unit.
    measure
        The figure's name.
    unit_of_measure
        ``buildings``, ``households``, ``m2``, ``m`` or ``grids``.
    district
        The district's code; rows of other districts are left out.

    Returns
    -------
    DataFrame
        Columns measure, unit_code, level, unit_of_measure, covered, total; one row a unit that
        has anything to count, ordered by level and code. The children's numbers add up to the
        parent's.

    Raises
    ------
    FrameError
        A column is missing or the index has duplicates.

    Notes
    -----
    Source: every figure carries its denominator (domain.md 0). Cost O(n).

    Examples
    --------
    >>> counted = pd.DataFrame({"grid_code": ["500108001001001", "500108001001002"],
    ...                         "covered": [1.0, 0.0], "total": [1.0, 1.0]})
    >>> table = rates(counted, measure="party_group.buildings", unit_of_measure="buildings",
    ...               district="500108")
    >>> table[["unit_code", "covered", "total"]].head(1).to_dict("records")
    [{'unit_code': '500108', 'covered': 1.0, 'total': 2.0}]
    """
    require_columns(counted, ["grid_code", "covered", "total"], "counted")
    codes = counted["grid_code"].fillna("").astype(str)
    inside = counted.assign(grid_code=codes)[codes.str.startswith(district)]
    parts = []
    for level in DIVISION_LEVELS:
        unit = inside["grid_code"].str[: CODE_LENGTH[level]]
        sums = inside.groupby(unit)[["covered", "total"]].sum().rename_axis("unit_code")
        parts.append(sums.reset_index().assign(level=str(level)))
    table = pd.concat(parts, ignore_index=True)
    table = table.assign(measure=measure, unit_of_measure=unit_of_measure)
    return table[["measure", "unit_code", "level", "unit_of_measure", "covered", "total"]]
