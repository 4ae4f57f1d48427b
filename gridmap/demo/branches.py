"""What branches of the demo district have and do beside party groups.

Belongs here: committees, weak branches and who puts them right, members' areas. Does not belong
here: the branches themselves and their groups (``organisations``).
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gridmap.demo.gaps import gaps
from gridmap.demo.places import AS_OF
from gridmap.demo.registers import Register, duties

if TYPE_CHECKING:
    from gridmap.demo.divisions import Divisions

COMMITTEE_FROM = 7
"""Full members from which a branch has a committee (domain.md 1.6)."""

NO_COMMITTEE, WEAK, RECTIFIED = 0.015, 0.02, 0.8
"""Shares: of those branches that lack one, of weak branches, of these that are looked after."""

GRIDS_WITHOUT_AREAS, UNITS_WITH_AREAS = 0.35, 0.85
"""Shares: of grids whose members have no areas, of idle branches of units whose members have."""

_KINDS = ("branch", "joint_branch")


def with_states(orgs: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the organisations with what branches declare of themselves.

    Parameters
    ----------
    orgs
        Columns kind, full_members.
    seed
        Source of all randomness here.

    Returns
    -------
    DataFrame
        Same rows, with has_committee and weak; null for what is no branch.

    Notes
    -----
    Rule: a committee from `COMMITTEE_FROM` full members. Source: domain.md 1.6.
    """
    rng = np.random.default_rng([seed, 25])
    branch = orgs["kind"].isin(_KINDS).to_numpy()
    large = orgs["full_members"].to_numpy(dtype=float) >= COMMITTEE_FROM
    committee = large & (rng.random(len(orgs)) >= NO_COMMITTEE)
    weak = np.zeros(len(orgs), dtype=bool)
    rows = np.flatnonzero(branch)
    weak[rng.choice(rows, round(WEAK * len(rows)), replace=False)] = True
    states = {"has_committee": committee, "weak": weak}
    return orgs.assign(
        **{
            name: pd.Series(state, index=orgs.index, dtype=object).where(branch, None)
            for name, state in states.items()
        }
    )


def _rectified(orgs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return the duties of street committees to the weak branches below them."""
    weak = orgs[orgs["weak"].eq(True)]  # noqa: FBT003
    weak = weak[rng.random(len(weak)) < RECTIFIED]
    today = dt.date.fromisoformat(AS_OF)
    since = [today - dt.timedelta(days=int(days)) for days in rng.integers(5, 90, len(weak))]
    return duties(
        "rectification",
        "DW" + weak["host_code"].str[:9].to_numpy(dtype=object),
        weak["code"].to_numpy(),
        last_on=since,
    )


def _areas(
    units: Divisions, buildings: pd.DataFrame, branch_of: pd.Series, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the duties of branches to a run of the buildings of some of their grids."""
    count = len(units.grids)
    share = np.where(
        gaps(units.grid_xy, GRIDS_WITHOUT_AREAS, 2_000.0, rng), 0.0, rng.uniform(0.4, 1.0, count)
    )
    start = rng.random(count)
    holder = branch_of.reindex(units.grids).to_numpy(dtype=object)
    kept = buildings[(buildings["kind"] != "other").to_numpy()]
    grid = kept["grid"].to_numpy()
    number = kept.groupby("grid").cumcount().to_numpy()
    size = np.bincount(grid, minlength=count)[grid]
    along = (number / size - start[grid]) % 1.0
    cared = (along < share[grid]) & pd.notna(holder)[grid]
    return duties("member_area", holder[grid[cared]], kept["code"].to_numpy()[cared])


def branch_duties(
    units: Divisions,
    buildings: pd.DataFrame,
    orgs: pd.DataFrame,
    branch_of: pd.Series,
    seed: int,
) -> Register:
    """Return who puts weak branches right, and the areas of members.

    Parameters
    ----------
    units
        Grids.
    buildings
        Columns code, kind, grid; neighbours follow each other.
    orgs
        Result of `with_states`.
    branch_of
        The branch that serves a grid, by the grid's code.
    seed
        Source of all randomness here.

    Returns
    -------
    Register
        Duties only: rectification, member_area.
    """
    rng = np.random.default_rng([seed, 26])
    areas = _areas(units, buildings, branch_of, rng)
    return Register(duty=pd.concat([_rectified(orgs, rng), areas], ignore_index=True))


def unit_areas(
    buildings: pd.DataFrame, orgs: pd.DataFrame, duty: pd.DataFrame, seed: int
) -> Register:
    """Return the areas of branches that have nothing to do so far: those of schools and clinics.

    Parameters
    ----------
    buildings
        Columns code, kind; ordered by code.
    orgs
        Columns code, kind, host_code.
    duty
        What organisations do so far.
    seed
        Source of all randomness here.

    Returns
    -------
    Register
        Duties member_area, one to three neighbouring buildings a branch; a few stay idle.
    """
    rng = np.random.default_rng([seed, 33])
    idle = orgs[orgs["kind"].isin(_KINDS) & ~orgs["code"].isin(duty["holder_code"])]
    idle = idle[rng.random(len(idle)) < UNITS_WITH_AREAS]
    taken = duty["target_code"][duty["service"] == "member_area"]
    free = buildings["code"][((buildings["kind"] != "other") & ~buildings["code"].isin(taken))]
    codes = free.to_numpy(dtype=str)
    pairs: dict[str, str] = {}
    for branch, host in zip(idle["code"], idle["host_code"], strict=True):
        first, end = np.searchsorted(codes, [host, f"{host}~"])
        size = int(rng.integers(1, 4))
        at = first + int(rng.integers(max(1, end - first - size)))
        for code in codes[at : min(at + size, end)]:
            pairs.setdefault(str(code), branch)
    return Register(duty=duties("member_area", list(pairs.values()), list(pairs)))
