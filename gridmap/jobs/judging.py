"""Judging a register by a lens.

Belongs here: handing a register's targets and links to the core. Does not belong here: reading them
(``jobs.lenses``), writing the answers (``jobs.coverage``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from gridmap import __version__, org_coverage, store
from gridmap.jobs.rates import INPUT_LAYERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from gridmap.jobs.lenses import Register
    from gridmap.model import Lens

    Answers = dict[str, tuple[pd.DataFrame, pd.DataFrame]]


def answered(
    register: Register, lens: Lens, *, known: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Judge all targets of a register by one lens.

    Parameters
    ----------
    register
        From `read_register`, with this lens.
    lens
        The lens.
    known
        Some link of it is stored, though perhaps none of these targets.

    Returns
    -------
    DataFrame, DataFrame
        The targets asked about and their statuses, one index; None where nothing is known.
    """
    targets = org_coverage.asked(register.targets[lens.target], lens)
    links = judged(register, lens, targets)
    known = known or lens.source == "field" or not links.empty
    if targets.empty or not known:
        return None
    found = org_coverage.status(targets, links, lens)
    if lens.neighbour_m is not None and lens.target == "building":
        shapes = register.shapes.reindex(targets.index)
        placed = shapes.to_frame("geometry").assign(unit_code=targets["unit_code"])
        found = org_coverage.with_neighbours(found, placed, lens)
    return targets, found


def answers_of(register: Register, lenses: Iterable[Lens]) -> Answers:
    """Judge all targets of a register by several lenses.

    Parameters
    ----------
    register
        From `read_register`, with these lenses.
    lenses
        The lenses.

    Returns
    -------
    dict
        By lens, those of which anything is known: the targets asked about and their statuses.
    """
    found = {lens.code: answered(register, lens) for lens in lenses}
    return {code: answer for code, answer in found.items() if answer is not None}


def unit_table(answers: Answers) -> pd.DataFrame:
    """Return answers as the store keeps them: a row a lens and unit.

    Parameters
    ----------
    answers
        From `answers_of`.

    Returns
    -------
    DataFrame
        The columns of unit_coverage but the run; empty without any answer.
    """
    units = [
        org_coverage.unit_rows(*found).assign(lens=code).reset_index()
        for code, found in answers.items()
    ]
    return pd.concat(units) if units else pd.DataFrame()


def judged(register: Register, lens: Lens, targets: pd.DataFrame) -> pd.DataFrame:
    """Judge all links of a register by one lens.

    Parameters
    ----------
    register
        From `read_register`, with this lens.
    lens
        The lens.
    targets
        Those it asks about.

    Returns
    -------
    DataFrame
        From `org_coverage.judged`.
    """
    return org_coverage.judged(
        targets,
        register.links(lens),
        register.holders,
        lens,
        as_of=register.day,
        branch_grids=register.branch_grids() if lens.same_grid else None,
    )


def inputs(conn: Connection, register: Register, lenses: dict[str, Lens]) -> dict[str, Any]:
    """Return the versions of what was read, and what is missing in it.

    Parameters
    ----------
    conn
        An open connection.
    register
        All of it.
    lenses
        Those that were asked.

    Returns
    -------
    dict
        For `store.write_run`.
    """
    buildings = register.targets["building"]
    return {
        "layers": store.read_inputs(conn, INPUT_LAYERS["org"]),
        "lenses": sorted(lenses),
        "buildings": len(buildings),
        "buildings_without_grid": int(buildings["unit_code"].isna().sum()),
        "buildings_without_household_count": int(buildings["household_count"].isna().sum()),
        "buildings_without_floor_area": int(buildings["floor_area_m2"].isna().sum()),
        "program": __version__,
    }
