"""Computing who covers which building and grid, and answering for one unit."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from gridmap import __version__, camera_coverage, org_coverage, store
from gridmap.errors import InputError
from gridmap.jobs.rates import INPUT_LAYERS, all_rates, require_present
from gridmap.model import SERVICE_KINDS, Issue, Level, rate_as_dict

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
        The date of divisions, organisations and duties; buildings are the present ones, so a
        day before their last change cannot be asked for.

    Returns
    -------
    DataFrame
        The rates of the districts: measure, unit_code, level, unit_of_measure, covered, total.

    Raises
    ------
    InputError
        Buildings or cameras were changed from a later day on.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.

    Notes
    -----
    Without any organisation stored there is no figure: nothing known is not nobody there.
    """
    with store.transaction(engine, writes=True) as conn:
        require_present(conn, as_of)
        buildings = store.read_buildings(conn)
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
            frame.reset_index(names="target_code").assign(lens=lens)
            for lens, frame in statuses.items()
        ]
        columns = ["lens", "target_code", "status", "reason", "org_code"]
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


def unit_coverage(engine: Engine, code: str) -> dict[str, Any]:
    """Answer how far a unit is covered, each figure with its denominator, date and run.

    Parameters
    ----------
    engine
        The store.
    code
        A division code.

    Returns
    -------
    dict
        For JSON: ``unit``, ``synthetic``, ``stale`` (see `is_stale`), ``rates`` (see
        `model.Rate`, with as_of, computed_at, run).

    Raises
    ------
    UnitNotFound
        There is no such unit.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine) as conn:
        found = store.read_unit_rates(conn, code)
        synthetic = store.has_synthetic(conn)
        stale = is_stale(conn)
    rates = [
        {**rate_as_dict(rate), "as_of": as_of, "computed_at": at, "run": run}
        for rate, as_of, at, run in found["rates"]
    ]
    return {"unit": vars(found["unit"]), "synthetic": synthetic, "stale": stale, "rates": rates}


def is_stale(conn: Connection) -> bool:
    """Tell whether data was written after the figures were computed from it.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    bool
        True if a layer's last batch is not the one a computation read.
    """
    for run in store.read_runs(conn):
        if store.read_inputs(conn, INPUT_LAYERS[run["subject"]]) != run["inputs"]["layers"]:
            return True
    return False


def uncovered_buildings(engine: Engine, code: str, *, limit: int) -> dict[str, Any]:
    """List a unit's buildings without a Party group, those with most households first.

    Parameters
    ----------
    engine
        The store.
    code
        A division code.
    limit
        The most rows to return.

    Returns
    -------
    dict
        For JSON: ``unit``, ``total`` (all uncovered buildings of the unit; a district's with
        those in no grid, which no rate counts), ``rows``.

    Raises
    ------
    UnitNotFound
        There is no such unit.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine) as conn:
        unit = store.read_unit_rates(conn, code)["unit"]
        total, rows = store.read_uncovered(conn, code, limit=limit)
    return {"unit": vars(unit), "total": total, "rows": rows}


BLIND_COLUMNS = camera_coverage.BLIND_COLUMNS
"""What blind areas can be ranked by."""

FAILURE_KINDS = camera_coverage.FAILURE_KINDS
"""What can fail: a camera, a pole, a named group."""


def blind_areas(engine: Engine, code: str, *, by: str, limit: int) -> dict[str, Any]:
    """List a unit's blind areas, those that matter most first.

    Parameters
    ----------
    engine
        The store.
    code
        A division code.
    by
        One of `BLIND_COLUMNS`.
    limit
        The most rows to return.

    Returns
    -------
    dict
        For JSON: ``unit``, ``by``, ``as_of``, ``total``, ``rows``.

    Raises
    ------
    UnitNotFound
        There is no such unit.
    InputError
        They cannot be ranked by that.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    if by not in BLIND_COLUMNS:
        raise InputError(f"blind areas are ranked by {', '.join(BLIND_COLUMNS)}, not {by[:40]!r}")
    with store.transaction(engine) as conn:
        unit = store.read_unit_rates(conn, code)["unit"]
        total, rows = store.read_blind_areas(conn, code, by=by, limit=limit)
        day = _day(conn)
    return {"unit": vars(unit), "by": by, "as_of": day, "total": total, "rows": rows}


def failure_losses(
    engine: Engine, code: str, *, kind: str, redundant: bool, limit: int
) -> dict[str, Any]:
    """List what nobody sees any more if something of a unit fails, greatest loss first.

    Parameters
    ----------
    engine
        The store.
    code
        A division code: what stands in the unit, with all that it loses.
    kind
        One of `FAILURE_KINDS`.
    redundant
        Only what adds nothing to what the others see.
    limit
        The most rows to return.

    Returns
    -------
    dict
        For JSON: ``unit``, ``kind``, ``as_of``, ``total``, ``rows``.

    Raises
    ------
    UnitNotFound
        There is no such unit.
    InputError
        There is no such kind.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    if kind not in FAILURE_KINDS:
        raise InputError(f"what can fail is {', '.join(FAILURE_KINDS)}, not {kind[:40]!r}")
    with store.transaction(engine) as conn:
        unit = store.read_unit_rates(conn, code)["unit"]
        total, rows = store.read_losses(conn, code, kind=kind, limit=limit, least=redundant)
        day = _day(conn)
    return {"unit": vars(unit), "kind": kind, "as_of": day, "total": total, "rows": rows}


def camera_issues(engine: Engine, code: str, *, limit: int) -> dict[str, Any]:
    """List the rules that a unit's cameras break.

    Parameters
    ----------
    engine
        The store.
    code
        A division code.
    limit
        The most rows to return.

    Returns
    -------
    dict
        For JSON: ``unit``, ``as_of``, ``total``, ``counts`` (by shape of the rule), ``rows``
        with camera_code, rule, severity, field, message in both languages, run.

    Raises
    ------
    UnitNotFound
        There is no such unit.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine) as conn:
        unit = store.read_unit_rates(conn, code)["unit"]
        counts, found = store.read_camera_issues(conn, code, limit=limit)
        day = _day(conn)
    rows = [
        {
            "camera_code": row["camera_code"],
            **Issue(row["shape"], field=row["field"], values=row["values"]).as_dict(),
            "run": row["run"],
        }
        for row in found
    ]
    return {
        "unit": vars(unit),
        "as_of": day,
        "total": sum(counts.values()),
        "counts": counts,
        "rows": rows,
    }


def _day(conn: Connection) -> dt.date | None:
    """Return the day that camera figures are for."""
    runs = [run["as_of"] for run in store.read_runs(conn) if run["subject"] == "camera"]
    return runs[0] if runs else None


def locate(engine: Engine, longitude: float, latitude: float, *, as_of: dt.date) -> dict[str, Any]:
    """Answer in which unit of each level, and in which building, a position lies.

    Parameters
    ----------
    engine
        The store.
    longitude, latitude
        Degrees, CGCS2000 or WGS 84.
    as_of
        The date for the divisions.

    Returns
    -------
    dict
        For JSON: the fields of `model.Location`.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine) as conn:
        return asdict(store.locate(conn, longitude, latitude, as_of=as_of))
