"""What an import does to the households of grids, beside what is stored (S01, S02).

Belongs here: which buildings and grids there will be. Does not belong here: counting and judging
(``loads``), which grid holds a building (``checks``).
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd
import shapely

from gridmap import loads, store
from gridmap.jobs.checks import assigned_to, sound
from gridmap.model import BASIC, CODE_LENGTH, Issue, LayerSpec, Level

if TYPE_CHECKING:
    from sqlalchemy import Connection

    Homes = tuple[pd.DataFrame, gpd.GeoDataFrame, pd.Index]


def household_issues(
    conn: Connection,
    spec: LayerSpec,
    rows: gpd.GeoDataFrame,
    effective: dt.date,
    only: str | None,
    band: tuple[int, int],
) -> list[Issue]:
    """Check how many households the grids hold that a file of buildings or grids touches.

    Parameters
    ----------
    conn
        An open connection.
    spec
        The layer's specification; of other layers nothing is told.
    rows
        Parsed rows with derived columns, index: row number; geometry in EPSG:4490.
    effective
        First day the rows are true.
    only
        A code prefix: stored rows of that unit that the file lacks end; None if none ends.
    band
        Households a grid should have, least and most.

    Returns
    -------
    list of Issue
        S01 of the basic grids that are in the file, or get, lose or change a building by it; S02
        of their communities. Geometry in EPSG:4490.

    Notes
    -----
    A grid that a file draws anew takes its stored buildings by the largest share, as writing it
    will do; where no grid changes its ground, they are where they are.
    """
    if spec.name == "building":
        buildings, grids, touched = _with_buildings(conn, rows, effective, only)
    elif spec.level is Level.GRID:
        buildings, grids, touched = _with_grids(conn, rows, effective, only)
    else:
        return []
    length = CODE_LENGTH[Level.COMMUNITY]
    touched = touched.intersection(grids.index)
    near = grids[grids.index.str[:length].isin(touched.str[:length])]
    if near.empty or buildings.empty:
        return []
    found = loads.grid_loads(buildings, near.index)
    own = spec.level is Level.GRID
    lines = {str(code): int(row) for row, code in rows["code"].dropna().items()} if own else {}
    some = found[found.index.isin(touched)]
    told = loads.band_issues(some, near.geometry, lines, band=band)
    return told + loads.balance_issues(found, near.geometry)


def _with_buildings(
    conn: Connection, rows: gpd.GeoDataFrame, effective: dt.date, only: str | None
) -> Homes:
    """Return all buildings there will be, the basic grids, and those a file of buildings touches.

    Rows are in the grids of today, as `checks.derived_columns` has put them.
    """
    grids = store.read_units(conn, Level.GRID, as_of=max(effective, dt.date.today()))
    stored = store.read_building_grids(conn, as_of=effective)
    gone = stored.index.isin(rows["code"])
    if only is not None:
        gone |= stored["grid_code"].fillna("").str.startswith(only).to_numpy(dtype=bool)
    parts = [rows[["grid_code", "household_count"]], stored[~gone]]
    touched = pd.concat([rows["grid_code"], stored["grid_code"][gone]]).dropna().unique()
    buildings = pd.concat([part.astype(object) for part in parts], ignore_index=True)
    return buildings, grids[grids["kind"] == BASIC], pd.Index(touched, dtype=object)


def _with_grids(
    conn: Connection, rows: gpd.GeoDataFrame, effective: dt.date, only: str | None
) -> Homes:
    """Return the stored buildings, the basic grids there will be, and those of the file."""
    mine = sound(rows, []).set_index("code")[["kind", "geometry"]]
    stored = store.read_units(conn, Level.GRID, as_of=effective)[["kind", "geometry"]]
    left = stored[~stored.index.isin(mine.index)]
    kept = left if only is None else left[~left.index.str.startswith(only)]
    grids = gpd.GeoDataFrame(pd.concat([mine, kept]), crs=rows.crs)
    buildings = store.read_building_grids(conn, as_of=effective)
    if buildings.empty or mine.empty:
        return buildings, grids.head(0), mine.index
    former = stored.geometry.reindex(mine.index).to_numpy()
    if len(kept) < len(left) or not shapely.equals(mine.geometry.to_numpy(), former).all():
        shapes = gpd.GeoDataFrame(store.read_layer(conn, "building", as_of=effective))
        assigned = assigned_to(shapes.set_index("code")[["geometry"]], grids)
        buildings = buildings.assign(grid_code=assigned["unit_code"].reindex(buildings.index))
    return buildings, grids[grids["kind"].fillna(BASIC) == BASIC], mine.index
