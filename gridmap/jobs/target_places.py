"""Where the targets of lenses are, and what one calls them.

Belongs here: reading places of buildings, divisions, courtyards and organisations. Does not belong
here: whether they are covered (``jobs.evidence``), grouping them (``jobs.spots``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd

from gridmap import crs, store
from gridmap.model import CODE_LENGTH, DIVISION_LEVELS, Level

if TYPE_CHECKING:
    import datetime as dt

    from sqlalchemy import Connection


def target_places(conn: Connection, target: str, codes: pd.Index, day: dt.date) -> gpd.GeoDataFrame:
    """Return targets with households, floor area, address and ground.

    Parameters
    ----------
    conn
        An open connection.
    target
        What they are: one of `model.lenses.TARGETS`.
    codes
        Theirs.
    day
        The date.

    Returns
    -------
    GeoDataFrame
        Index code, of those that there are; household_count, floor_area_m2, address (of what has
        none its name), geometry (EPSG:4490; an organisation's is a point).
    """
    columns = ["household_count", "floor_area_m2", "address"]
    names = codes.to_series()
    if target == "building":
        homes = store.read_homes(conn, as_of=day, codes=list(codes))
        homes["address"] = homes["address"].where(homes["address"].notna(), homes["name"])
        shapes = store.read_shapes(conn, target, names, as_of=day)
        return gpd.GeoDataFrame(homes[columns], geometry=shapes, crs=crs.STORAGE_CRS)
    if target == "organisation":
        rows = store.read_layer(conn, target, as_of=day).set_index("code")
        rows = rows[rows.index.isin(codes)].assign(household_count=None, address=rows["name"])
        points = org_points(conn, rows, day)
        return gpd.GeoDataFrame(rows[columns], geometry=points, crs=crs.STORAGE_CRS)
    if target == "courtyard":
        yards = store.read_places(conn, target, as_of=day)
        named = yards[yards.index.isin(codes)]
        return named.assign(household_count=None, floor_area_m2=None, address=named["name"])
    units = store.read_units(conn, Level(target), as_of=day)
    units = units[units.index.isin(codes)]
    homes = store.read_homes(conn, as_of=day)
    above = homes["grid_code"].str[: CODE_LENGTH[Level(target)]]
    sums = homes.groupby(above)[["household_count", "floor_area_m2"]].sum()
    return units[["name", "geometry"]].rename(columns={"name": "address"}).join(sums)


def org_points(conn: Connection, rows: pd.DataFrame, day: dt.date) -> gpd.GeoSeries:
    """Return where organisations are: at their seat, or in their host.

    Parameters
    ----------
    conn
        An open connection.
    rows
        Index code; seat_code, host_code.
    day
        The date.

    Returns
    -------
    GeoSeries
        Index of ``rows``; points (EPSG:4490), None where nobody knows.
    """
    seats = store.read_shapes(conn, "building", rows["seat_code"], as_of=day)
    hosts = [store.read_units(conn, level, as_of=day).geometry for level in DIVISION_LEVELS]
    hosts = [host[host.index.isin(rows["host_code"])] for host in hosts]
    places = pd.concat([seats, *hosts]).representative_point()
    known = dict(zip(places.index, places, strict=True))
    found = [
        known.get(seat, known.get(host))
        for seat, host in zip(rows["seat_code"], rows["host_code"], strict=True)
    ]
    return gpd.GeoSeries(found, index=rows.index, crs=crs.STORAGE_CRS)
