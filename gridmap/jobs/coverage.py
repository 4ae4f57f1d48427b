"""Computing who covers which building and grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from gridmap import __version__, org_coverage, store
from gridmap.jobs.rates import INPUT_LAYERS, all_rates
from gridmap.model import SERVICE_KINDS, Level

if TYPE_CHECKING:
    import datetime as dt

    import geopandas as gpd
    from sqlalchemy import Connection, Engine


def refresh_org_coverage(engine: Engine, *, as_of: dt.date) -> pd.DataFrame:
    """Compute who covers each building and grid, and the rates; replace the former result.

    Parameters
    ----------
    engine
        The store.
    as_of
        The date of divisions, buildings, organisations and duties.

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
    Without any organisation stored there is no figure: nothing known is not nobody there.
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
    buildings = store.read_buildings(conn, as_of=as_of)
    grids = store.read_units(conn, Level.GRID, as_of=as_of).assign(grid_code=lambda g: g.index)
    orgs = store.read_orgs(conn)
    targets = {} if orgs.empty else {"party_group": buildings, "party_branch": grids}
    statuses = {
        lens: org_coverage.status(
            frame[["grid_code"]],
            store.read_duties(conn, lens),
            orgs,
            kinds=SERVICE_KINDS[lens],
            as_of=as_of,
        )
        for lens, frame in targets.items()
    }
    table = _org_rates(conn, buildings, grids, statuses, as_of)
    inputs = {
        "layers": store.read_inputs(conn, INPUT_LAYERS["org"]),
        "group_min_members": org_coverage.GROUP_MIN_MEMBERS,
        "buildings": len(buildings),
        "buildings_without_grid": int(buildings["grid_code"].isna().sum()),
        "buildings_without_household_count": int(buildings["household_count"].isna().sum()),
        "buildings_without_floor_area": int(buildings["floor_area_m2"].isna().sum()),
        "program": __version__,
    }
    run_id = store.write_run(conn, "org", as_of, inputs)
    covered = [
        frame.reset_index(names="target_code").assign(lens=lens) for lens, frame in statuses.items()
    ]
    columns = ["lens", "target_code", "status", "reason", "holder_code"]
    found = pd.concat(covered) if covered else pd.DataFrame(columns=columns)
    results = {"target_coverage": found, "coverage_rate": table}
    for name, frame in results.items():
        store.replace_results(conn, name, frame, run_id=run_id, subject="org")
    return table[table["level"] == "district"]


def _org_rates(
    conn: Connection,
    buildings: gpd.GeoDataFrame,
    grids: gpd.GeoDataFrame,
    statuses: dict[str, pd.DataFrame],
    as_of: dt.date,
) -> pd.DataFrame:
    """Count buildings, households, floor area and grids, covered and in all."""
    if not statuses:
        return all_rates(conn, {}, as_of)
    covered = statuses["party_group"]["status"] != "uncovered"
    weights = {
        "buildings": pd.Series(1.0, index=buildings.index),
        "households": buildings["household_count"].fillna(0).astype(float),
        "floor_area": buildings["floor_area_m2"].fillna(0).astype(float),
    }
    counted = {
        f"party_group.{name}": (buildings["grid_code"], weight.where(covered, 0.0), weight)
        for name, weight in weights.items()
        if weight.sum() > 0  # a column that no row fills is not a district of nobody
    }
    branch = (statuses["party_branch"]["status"] != "uncovered").astype(float)
    counted["party_branch.grids"] = (grids["grid_code"], branch, pd.Series(1.0, index=grids.index))
    return all_rates(conn, counted, as_of)
