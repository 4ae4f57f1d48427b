"""Computing who covers which target, under every lens, and freezing the answers.

Belongs here: the computation as a whole, and of what a changed duty touches. Does not belong here:
what lenses read (``jobs.lenses``), judging (``org_coverage``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from gridmap import __version__, org_coverage, store
from gridmap.jobs.lenses import Register, read_lenses, read_register
from gridmap.jobs.rates import INPUT_LAYERS, RATE_COLUMNS
from gridmap.model import Level

if TYPE_CHECKING:
    import datetime as dt

    from sqlalchemy import Connection, Engine

    from gridmap.model import Lens


def refresh_org_coverage(engine: Engine, *, as_of: dt.date) -> pd.DataFrame:
    """Compute who covers each target under every lens, and the rates; replace the former result.

    Parameters
    ----------
    engine
        The store.
    as_of
        The date of divisions, buildings, organisations, posts and duties.

    Returns
    -------
    DataFrame
        The rates of the districts: measure, unit_code, level, unit_of_measure, covered, total.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.

    Notes
    -----
    A lens of which nothing is known at all, no link of any time, has no figure: nothing known is
    not nobody there.
    """
    with store.transaction(engine, writes=True) as conn:
        return write_org_coverage(conn, as_of)


def write_org_coverage(conn: Connection, as_of: dt.date) -> pd.DataFrame:
    """Compute and write within a transaction; see `refresh_org_coverage`.

    Parameters
    ----------
    conn
        An open connection that writes.
    as_of
        The date.

    Returns
    -------
    DataFrame
        See `refresh_org_coverage`.
    """
    lenses = read_lenses(conn, as_of)
    register = read_register(conn, as_of, lenses.values())
    districts = store.read_codes(conn, Level.DISTRICT, as_of=as_of)
    units, tables = [], []
    for lens in lenses.values():
        found = answered(register, lens)
        if found is None:
            continue
        rows = org_coverage.unit_rows(*found)
        tables.append(org_coverage.lens_rates(rows, lens, districts=districts))
        units.append(rows.assign(lens=lens.code).reset_index())
    run_id = store.write_run(conn, "org", as_of, _inputs(conn, register, lenses))
    results = {
        "unit_coverage": pd.concat(units) if units else pd.DataFrame(),
        "coverage_rate": pd.concat(tables) if tables else pd.DataFrame(columns=RATE_COLUMNS),
    }
    for name, frame in results.items():
        store.replace_results(conn, name, frame, run_id=run_id, subject="org")
    rates = results["coverage_rate"]
    return rates[rates["level"] == "district"].reset_index(drop=True)


def answered(register: Register, lens: Lens) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Judge all targets of a register by one lens.

    Parameters
    ----------
    register
        From `read_register`, with this lens.
    lens
        The lens.

    Returns
    -------
    DataFrame, DataFrame
        The targets asked about and their statuses, one index; None where nothing is known.
    """
    targets = org_coverage.asked(register.targets[lens.target], lens)
    links = judged(register, lens, targets)
    if targets.empty or (links.empty and lens.source != "field"):
        return None
    found = org_coverage.status(targets, links, lens)
    if lens.neighbour_m is not None and lens.target == "building":
        shapes = register.shapes.reindex(targets.index)
        placed = shapes.to_frame("geometry").assign(unit_code=targets["unit_code"])
        found = org_coverage.with_neighbours(found, placed, lens)
    return targets, found


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


def _inputs(conn: Connection, register: Register, lenses: dict[str, Lens]) -> dict[str, Any]:
    """Return the versions of what was read, and what is missing in it."""
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
