"""Computing coverage, of organisations and of cameras, and answering for one unit."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from gridmap import __version__, camera_coverage, crs, org_coverage, store
from gridmap.errors import InputError
from gridmap.model import SERVICE_KINDS, Level, rate_as_dict

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine

    Progress = Callable[[str, float], None]

_LAYERS = {
    "org": ("building", "grid", "party_org", "duty"),
    "camera": ("building", "grid", "camera"),
}
"""What each computation reads, by its subject."""


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
        _require_present(conn, as_of)
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
            "layers": store.read_inputs(conn, _LAYERS["org"]),
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


def _require_present(conn: Connection, as_of: dt.date) -> None:
    """Refuse a day on which buildings or cameras were not yet as they are now."""
    newest = store.read_newest(conn)
    if newest and as_of < newest:
        raise InputError(
            f"buildings or cameras were changed from {newest} on; coverage of {as_of} would count "
            f"what was not there: choose {newest} or a later day"
        )


def _org_rates(
    conn: Connection,
    buildings: gpd.GeoDataFrame,
    grids: gpd.GeoDataFrame,
    statuses: dict[str, pd.DataFrame],
    as_of: dt.date,
) -> pd.DataFrame:
    """Count buildings, households, floor area and grids, covered and in all."""
    if not statuses:
        return _all_rates(conn, {}, as_of)
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
    return _all_rates(conn, counted, as_of)


_UNIT_OF_MEASURE = {
    "party_group.buildings": "buildings",
    "party_group.households": "households",
    "party_group.floor_area": "m2",
    "party_branch.grids": "grids",
    "camera.open_ground": "m2",
    "camera.gross_area": "m2",
}


def _all_rates(
    conn: Connection, counted: dict[str, tuple[pd.Series, pd.Series, pd.Series]], as_of: dt.date
) -> pd.DataFrame:
    """Roll figures up to every level of every district."""
    districts = store.read_units(conn, Level.DISTRICT, as_of=as_of).index
    tables = [
        org_coverage.rates(
            pd.DataFrame({"grid_code": grid, "covered": covered, "total": total}),
            measure=measure,
            unit_of_measure=_UNIT_OF_MEASURE[measure],
            district=district,
        )
        for district in districts
        for measure, (grid, covered, total) in counted.items()
    ]
    columns = ["measure", "unit_code", "level", "unit_of_measure", "covered", "total"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def refresh_camera_coverage(
    engine: Engine, *, as_of: dt.date, progress: Progress | None = None
) -> pd.DataFrame:
    """Compute what each camera sees and what ground none sees; replace the former result.

    Parameters
    ----------
    engine
        The store.
    as_of
        The date of the divisions; buildings and cameras are the present ones. Cameras under
        repair or removed see nothing.
    progress
        Called with a step's name and the share done, 0..1.

    Returns
    -------
    DataFrame
        The rates of the districts: measure, unit_code, level, unit_of_measure, covered, total.

    Raises
    ------
    InputError
        See `refresh_org_coverage`.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.

    Notes
    -----
    Two-dimensional: terrain and heights are not considered, and every figure says so.
    """
    tell = progress or (lambda _step, _share: None)
    with store.transaction(engine, writes=True) as conn:
        _require_present(conn, as_of)
        grids = store.read_units(conn, Level.GRID, as_of=as_of)
        buildings = store.read_buildings(conn)
        cameras = store.read_cameras(conn)
        if cameras.empty:
            return _all_rates(conn, {}, as_of)
        metric = crs.metric_crs_of(cameras if grids.empty else grids)
        working = cameras[cameras["state"].fillna("in_use") == "in_use"]
        walls = buildings[["geometry"]].to_crs(metric)
        tell("views", 0.0)
        views = camera_coverage.views(working.to_crs(metric), walls)
        tell("ground", 0.3)
        ground = camera_coverage.ground_coverage(grids[["geometry"]].to_crs(metric), views, walls)
        tell("writing", 0.8)
        counted = {
            # A difference of areas may fall a hair below nothing.
            measure: (ground.index.to_series(), ground["seen_area_m2"].clip(lower=0), ground[total])
            for measure, total in (
                ("camera.open_ground", "open_area_m2"),
                ("camera.gross_area", "gross_area_m2"),
            )
        }
        table = _all_rates(conn, counted, as_of)
        inputs = {
            "layers": store.read_inputs(conn, _LAYERS["camera"]),
            "cameras": len(cameras),
            "cameras_working": len(working),
            "cameras_excluded": int((views["status"] == "excluded").sum()),
            "cameras_moved": int((views["status"] == "moved").sum()),
            "cameras_assumed": int((views["assumed"].fillna("") != "").sum()),
            "dimensions": 2,
            "program": __version__,
        }
        run_id = store.write_run(conn, "camera", as_of, inputs)
        for name, frame in _camera_results(table, views, ground).items():
            store.replace_results(conn, name, frame, run_id=run_id, subject="camera")
    return table[table["level"] == "district"]


def _camera_results(
    table: pd.DataFrame, views: gpd.GeoDataFrame, ground: gpd.GeoDataFrame
) -> dict[str, pd.DataFrame]:
    """Return the result tables in the storage frame, empty shapes as none."""
    stored = crs.to_storage(views)
    stored = stored.set_geometry(stored.geometry.where(~stored.geometry.is_empty, None))
    shapes = {
        name: crs.to_storage(gpd.GeoSeries(ground[name], crs=ground.crs)).where(
            lambda s: ~s.is_empty, None
        )
        for name in ("seen", "blind")
    }
    return {
        "coverage_rate": table,
        "camera_view": stored.reset_index(names="camera_code"),
        "ground_coverage": pd.DataFrame(ground).assign(**shapes).reset_index(names="unit_code"),
    }


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
        if store.read_inputs(conn, _LAYERS[run["subject"]]) != run["inputs"]["layers"]:
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
