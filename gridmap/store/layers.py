"""The layers as they were imported: divisions, buildings, cameras, roads, and any other.

Belongs here: reading them, and their keys. Does not belong here: what was computed from them
(``results``), who serves whom in all times (``duties``), where they came from (``origins``),
writing them (``changes``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from gridmap import tables as t
from gridmap.model import LAYERS, Level
from gridmap.store.conditions import (
    below,
    holds,
    inside,
    joined_key,
    layer_table,
    scope,
    state,
    target_rows,
    told_of,
    undone,
)
from gridmap.store.rows import frame_rows, table_rows

if TYPE_CHECKING:
    import datetime as dt

    import geopandas as gpd
    from sqlalchemy import Connection


def read_units(
    conn: Connection, level: Level, *, as_of: dt.date, within: str = ""
) -> gpd.GeoDataFrame:
    """Read the divisions of a level on a date.

    Parameters
    ----------
    conn
        An open connection.
    level
        District to grid.
    as_of
        The date.
    within
        A code prefix; empty for all.

    Returns
    -------
    GeoDataFrame
        Index ``code``, ascending; columns name, kind, parent_code, geometry (MultiPolygon,
        EPSG:4490).
    """
    d = t.division.c
    query = (
        sa.select(d.code, d.name, d.kind, d.parent_code, d.geom)
        .where(d.level == str(level), holds(d.valid, as_of), *below(d.code, within))
        .order_by(d.code)
    )
    return frame_rows(conn, query)


def read_layer(conn: Connection, layer: str, *, as_of: dt.date, within: str = "") -> pd.DataFrame:
    """Read a layer's rows as they were on a date, with the columns a file of it has.

    Parameters
    ----------
    conn
        An open connection.
    layer
        A layer's name.
    as_of
        The date.
    within
        A code prefix: divisions below it, buildings and cameras in its grids; empty for all rows.
        Other layers know no unit and are read whole.

    Returns
    -------
    DataFrame or GeoDataFrame
        Index 0..n-1, in the order of the key; the layer's columns; geometry in EPSG:4490 where
        the layer has one.
    """
    spec, table = LAYERS[layer], layer_table(layer)
    shape = ["geom"] if spec.kinds else []
    rows = state(table, [*spec.columns, *shape], as_of, lambda c: scope(c, layer, within))
    query = sa.select(rows).order_by(*(rows.c[name] for name in spec.key))
    if not spec.kinds:
        return table_rows(conn, query, spec.columns[0]).reset_index()
    return frame_rows(conn, query).reset_index()


def read_shapes(conn: Connection, layer: str, codes: pd.Series, *, as_of: dt.date) -> gpd.GeoSeries:
    """Read the shapes that some rows of a layer had on a date.

    Parameters
    ----------
    conn
        An open connection.
    layer
        A layer with a geometry.
    codes
        The rows; null is none.
    as_of
        The date.

    Returns
    -------
    GeoSeries
        Index code, of those that were there; EPSG:4490.
    """
    wanted = sa.literal(codes.dropna().unique().tolist(), ARRAY(sa.Text))
    rows = state(layer_table(layer), ["code", "geom"], as_of, lambda c: [c.code == sa.any_(wanted)])
    return frame_rows(conn, sa.select(rows)).geometry


def read_buildings(
    conn: Connection,
    *,
    as_of: dt.date,
    within: str = "",
    window: tuple[float, float, float, float] | None = None,
    limit: int | None = None,
) -> gpd.GeoDataFrame:
    """Read the buildings of a unit or of a window, with their coverage by a Party group.

    Parameters
    ----------
    conn
        An open connection.
    as_of
        The date of the rows.
    within
        A code prefix of grids; empty for all buildings, those in no grid too.
    window
        West, south, east, north in degrees.
    limit
        The most rows to return.

    Returns
    -------
    GeoDataFrame
        Index ``code``, ascending; the layer's columns, grid_code, grid_share, status, reason,
        holder_code, holder_name (of the last computation), geometry (MultiPolygon, EPSG:4490).
    """
    names = [*LAYERS["building"].columns, "grid_code", "grid_share", "geom"]
    rows = state(
        t.building,
        names,
        as_of,
        lambda c: [*below(c.grid_code, within), *inside(c.geom, window)],
    )
    here = sa.select(sa.func.coalesce(rows.c.grid_code, ""))
    told = target_rows("party_group", lambda unit: [unit.in_(here)] if window else [])
    b, c, o = rows.c, told.c, t.organisation.c
    joined = rows.outerjoin(told, told_of(told, b))
    latest = (
        sa.select(o.name)
        .where(o.code == c.holder_code)
        .order_by(sa.func.lower(o.valid).desc())
        .limit(1)
        .scalar_subquery()
    )
    covered = [c.status, c.reason, c.holder_code, latest.label("holder_name")]
    query = sa.select(*(b[name] for name in names[:-1]), *covered, b.geom).select_from(joined)
    return frame_rows(conn, query.order_by(b.code).limit(limit))


def read_cameras(conn: Connection, *, as_of: dt.date, within: str = "") -> gpd.GeoDataFrame:
    """Read cameras.

    Parameters
    ----------
    conn
        An open connection.
    as_of
        The date of the rows.
    within
        A code prefix of grids; empty for all cameras, those in no grid too.

    Returns
    -------
    GeoDataFrame
        Index ``code``, ascending; the layer's columns, grid_code, geometry (Point, EPSG:4490).
    """
    names = [*LAYERS["camera"].columns, "grid_code", "geom"]
    rows = state(t.camera, names, as_of, lambda c: below(c.grid_code, within))
    return frame_rows(conn, sa.select(rows).order_by(rows.c.code))


def read_roads(
    conn: Connection,
    *,
    as_of: dt.date,
    window: tuple[float, float, float, float] | None = None,
    limit: int | None = None,
) -> gpd.GeoDataFrame:
    """Read roads.

    Parameters
    ----------
    conn
        An open connection.
    as_of
        The date of the rows.
    window
        West, south, east, north in degrees.
    limit
        The most rows to return.

    Returns
    -------
    GeoDataFrame
        Index ``code``, ascending; name, kind, width_m, geometry (MultiLineString, EPSG:4490).
    """
    names = [*LAYERS["road"].columns, "geom"]
    rows = state(t.road, names, as_of, lambda c: inside(c.geom, window))
    return frame_rows(conn, sa.select(rows).order_by(rows.c.code).limit(limit))


def read_places(
    conn: Connection,
    layer: str,
    *,
    as_of: dt.date,
    window: tuple[float, float, float, float] | None = None,
) -> gpd.GeoDataFrame:
    """Read a layer of places: entrances, key public areas, privacy zones, restricted sites.

    Parameters
    ----------
    conn
        An open connection.
    layer
        The layer's name.
    as_of
        The date of the rows.
    window
        West, south, east, north in degrees.

    Returns
    -------
    GeoDataFrame
        Index ``code``, ascending; the layer's columns, geometry (EPSG:4490).
    """
    names = [*LAYERS[layer].columns, "geom"]
    rows = state(layer_table(layer), names, as_of, lambda c: inside(c.geom, window))
    return frame_rows(conn, sa.select(rows).order_by(rows.c.code))


def read_walls(
    conn: Connection,
    *,
    as_of: dt.date,
    window: tuple[float, float, float, float] | None = None,
    codes: pd.Index | None = None,
) -> gpd.GeoDataFrame:
    """Read what cameras need to know of buildings.

    Parameters
    ----------
    conn
        An open connection.
    as_of
        The date of the rows.
    window
        West, south, east, north in degrees.
    codes
        Only these buildings.

    Returns
    -------
    GeoDataFrame
        Index ``code``, ascending; household_count, grid_code, geometry (MultiPolygon,
        EPSG:4490).
    """

    def where(c: Any) -> list[sa.ColumnElement[bool]]:
        some = (
            [c.code == sa.any_(sa.literal(list(codes), ARRAY(sa.Text)))]
            if codes is not None
            else []
        )
        return [*some, *inside(c.geom, window)]

    names = ["code", "household_count", "grid_code", "geom"]
    rows = state(t.building, names, as_of, where)
    return frame_rows(conn, sa.select(rows).order_by(rows.c.code))


def read_changed(conn: Connection, layer: str, *, since: int) -> tuple[pd.Index, gpd.GeoDataFrame]:
    """Read what a layer's writes after a batch changed.

    Parameters
    ----------
    conn
        An open connection.
    layer
        ``building`` or ``camera``.
    since
        Id of the batch.

    Returns
    -------
    Index, GeoDataFrame
        Codes of rows that came, went or changed; those of them that were there at that batch, as
        they were: index ``code``, ascending; the layer's columns, grid_code, geometry.
    """
    now, past = layer_table(layer), t.HISTORY[layer_table(layer)]
    columns = [past.c[name] for name in (*LAYERS[layer].columns, "grid_code")]
    former = frame_rows(
        conn,
        sa.select(*columns, past.c.geom)
        .where(past.c.ended_by > since, past.c.batch_id <= since)
        .order_by(past.c.code),
    )
    # A row that came and went since then was never seen: it changed nothing.
    written = conn.execute(sa.select(now.c.code).where(now.c.batch_id > since)).scalars()
    return pd.Index(sorted({*written, *former.index}), dtype=object), former


def read_codes(conn: Connection, kind: str, *, as_of: dt.date) -> pd.Index:
    """Read the codes that exist on a date, for checks of references.

    Parameters
    ----------
    conn
        An open connection.
    kind
        A division level or another layer with a code.
    as_of
        The date.

    Returns
    -------
    Index
        Codes, ascending.
    """
    table = layer_table(kind)
    rows = state(table, ["code"], as_of, lambda c: scope(c, kind, ""))
    query = sa.select(rows.c.code)
    return pd.Index(sorted(conn.execute(query).scalars()), dtype=object)


def read_keys(conn: Connection, layer: str, *, as_of: dt.date, within: str = "") -> pd.Index:
    """Read the keys that a layer has on a date.

    Parameters
    ----------
    conn
        An open connection.
    layer
        A layer's name.
    as_of
        The date.
    within
        A code prefix, see `read_layer`.

    Returns
    -------
    Index
        The keys, joined by ``/`` where they have several columns; ascending.
    """
    table = layer_table(layer)
    names = list(LAYERS[layer].key)
    rows = state(table, names, as_of, lambda c: scope(c, layer, within))
    keys = conn.execute(sa.select(joined_key(rows, layer))).scalars()
    return pd.Index(sorted(keys), dtype=object)


def read_first_days(conn: Connection, level: Level, *, within: str = "") -> pd.Series:
    """Read every code a level ever had: what is not in it was never given to anybody.

    Parameters
    ----------
    conn
        An open connection.
    level
        District to grid.
    within
        A code prefix; empty for all.

    Returns
    -------
    Series
        Index ``code``, ascending; the first day (date) on which it held.
    """
    d = t.division.c
    first = sa.func.min(sa.func.lower(d.valid))
    query = (
        sa.select(d.code, first.label("begins"))
        .where(d.level == str(level), *below(d.code, within))
        .group_by(d.code)
        .order_by(d.code)
    )
    return table_rows(conn, query, "code")["begins"]


def read_building_grids(conn: Connection, *, as_of: dt.date) -> pd.DataFrame:
    """Read in which grid each building lies and how many live there, without the rest of it.

    Parameters
    ----------
    conn
        An open connection.
    as_of
        The date.

    Returns
    -------
    DataFrame
        Index ``code``, ascending; grid_code (None: in no grid), household_count (None: unknown).
    """
    rows = state(t.building, ["code", "grid_code", "household_count"], as_of)
    return table_rows(conn, sa.select(rows).order_by(rows.c.code), "code")


def read_later_keys(conn: Connection, layer: str, effective: dt.date) -> pd.Index:
    """Read the keys of a layer that were written for a date after this one.

    Parameters
    ----------
    conn
        An open connection.
    layer
        A layer's name.
    effective
        The date of the new import.

    Returns
    -------
    Index
        The keys, joined by ``/`` where they have several columns.
    """
    table = layer_table(layer)
    key = joined_key(table, layer)
    if "valid" in table.c:
        later = sa.select(key).where(
            sa.or_(
                sa.func.lower(table.c.valid) > effective,
                sa.and_(sa.func.upper(table.c.valid) > effective, holds(table.c.valid, effective)),
            ),
            *scope(table.c, layer, ""),
        )
        return pd.Index(conn.execute(later).scalars(), dtype=object)
    past = t.HISTORY[table]
    ended = past.c.ended_by.not_in(undone())
    queries = (
        sa.select(key).where(table.c.valid_from > effective),
        sa.select(joined_key(past, layer)).where(past.c.valid_to > effective, ended),
    )
    return pd.Index(conn.execute(sa.union(*queries)).scalars(), dtype=object)


def read_ended_codes(conn: Connection, layer: str, effective: dt.date) -> pd.Index:
    """Read the codes that a layer had before a date and has no more: none is given again.

    Parameters
    ----------
    conn
        An open connection.
    layer
        A layer's name.
    effective
        The date.

    Returns
    -------
    Index
        Codes, ascending; empty for a layer whose key is no code.
    """
    table = layer_table(layer)
    if "code" not in LAYERS[layer].key:
        return pd.Index([], dtype=object)
    lives = sa.select(state(table, ["code"], effective))
    if "valid" in table.c:
        past, ended = table, [sa.func.upper(table.c.valid) <= effective]
    else:
        past = t.HISTORY[table]
        ended = [
            past.c.valid_to <= effective,
            past.c.valid_to > past.c.valid_from,
            past.c.ended_by.not_in(undone()),
        ]
    query = sa.select(past.c.code).where(*ended, *scope(past.c, layer, "")).distinct()
    codes = conn.execute(query.where(past.c.code.not_in(lives))).scalars()
    return pd.Index(sorted(codes), dtype=object)
