"""Posts of the demo district that are filled from below: of grids and of streets.

Belongs here: grid leaders and the posts of street committees. Does not belong here: district
leaders (``departments``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridmap.demo.registers import Register, duties
from gridmap.model.choices import CHOICES
from gridmap.model.organisations import STREET_ROLES

if TYPE_CHECKING:
    from gridmap.demo.divisions import Divisions

VACANT, SHARED, UNLINKED = 0.04, 0.06, 0.01
"""Shares of grids whose leader's post is vacant, who share the neighbour's, who have none."""

SECRETARY = 0.86
"""Share of the leaders of grids with a branch who are its secretary: about 80 % of all."""

_MISSING, _VACANT = 3, 4
"""Posts of street committees that are not there, and that nobody holds."""


def _shared(units: Divisions, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which grids have the leader of the grid before them."""
    first = np.r_[True, np.diff(units.community) != 0]
    shared: NDArray[np.bool_] = (rng.random(len(units.grids)) < SHARED) & ~first
    shared[1:] &= ~shared[:-1]
    return shared


def _grid_leaders(units: Divisions, branch_of: pd.Series, rng: np.random.Generator) -> Register:
    codes = units.grids
    count = len(codes)
    shared, vacant = _shared(units, rng), rng.random(count) < VACANT
    followed = np.r_[shared[1:], False]
    linked = shared | followed | (rng.random(count) >= UNLINKED)
    branch = branch_of.reindex(codes).to_numpy(dtype=object)
    branch[pd.isna(branch)] = None
    secretary = ~pd.isna(branch) & (rng.random(count) < SECRETARY) & ~vacant
    names = [f"{units.names[code[:12]]}第{int(code[12:])}网格网格长" for code in codes]
    posts = pd.DataFrame(
        {
            "code": "WGZ" + codes,
            "name": names,
            "kind": "grid_leader",
            "org_code": branch,
            "host_code": codes,
            "filled": ~vacant,
            "is_secretary": secretary,
        }
    )[~shared]
    holder = "WGZ" + codes[np.arange(count) - shared]
    duty = duties("grid_leader", holder[linked], codes[linked])
    return Register(post=posts, duty=duty)


def _street_posts(units: Divisions, rng: np.random.Generator) -> Register:
    rows: list[tuple[Any, ...]] = [
        (
            f"JDG{street}{number}",
            f"{units.names[street]}{CHOICES[role][0]}",
            role,
            f"DW{street}",
            street,
        )
        for street in units.streets
        for number, role in enumerate(STREET_ROLES, start=1)
    ]
    odd = rng.choice(len(rows), _MISSING + _VACANT, replace=False)
    posts = pd.DataFrame(rows, columns=["code", "name", "kind", "org_code", "host_code"])
    posts["filled"] = ~posts.index.isin(odd[_MISSING:])
    return Register(post=posts.drop(index=odd[:_MISSING]))


def posts(units: Divisions, branch_of: pd.Series, seed: int) -> list[Register]:
    """Return the posts of grid leaders and of street committees.

    Parameters
    ----------
    units
        Streets and grids.
    branch_of
        The branch that serves a grid, by the grid's code.
    seed
        Source of all randomness here.

    Returns
    -------
    list of Register
        Posts, and the duties of grid leaders.

    Notes
    -----
    Rule: a grid's leader is mostly the secretary of its branch (domain.md section 4); the shares
    are own choice.
    """
    rng = np.random.default_rng([seed, 21])
    return [_grid_leaders(units, branch_of, rng), _street_posts(units, rng)]
