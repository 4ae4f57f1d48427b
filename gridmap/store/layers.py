"""The layers as they were imported: divisions, buildings, cameras, roads, organisations, duties.

Belongs here: reading them, and their keys. Does not belong here: what was computed from them
(``results``), where they came from (``origins``), writing them (``changes``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from gridmap import tables as t
from gridmap.model import LAYERS, Level
from gridmap.store.conditions import below, holds, inside, layer_table, state
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
    more = []
    if spec.level:
        more.append(lambda c: c.level == str(spec.level))
    place = "code" if spec.level else "grid_code"
    if within and place in table.c:
        more += [lambda c: c[place] >= within, lambda c: c[place] < within + ":"]
    shape = ["geom"] if spec.kinds else []
    rows = state(table, [*spec.columns, *shape], as_of, *more)
    query = sa.select(rows).order_by(*(rows.c[name] for name in spec.key))
    if not spec.kinds:
        return table_rows(conn, query, spec.columns[0]).reset_index()
    return frame_rows(conn, query).reset_index()


def read_buildings(
    conn: Connection,
    *,
    within: str = "",
    window: tuple[float, float, float, float] | None = None,
    limit: int | None = None,
) -> gpd.GeoDataFrame:
    """Read the buildings of a unit or of a window, with their coverage by a Party group.

    Parameters
    ----------
    conn
        An open connection.
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
        org_code, org_name (of the last computation), geometry (MultiPolygon, EPSG:4490).
    """
    b, c = t.building.c, t.target_coverage.c
    joined = t.building.outerjoin(
        t.target_coverage, sa.and_(c.lens == "party_group", c.target_code == b.code)
    )
    o = t.party_org.c
    latest = (
        sa.select(o.name)
        .where(o.code == c.org_code)
        .order_by(sa.func.lower(o.valid).desc())
        .limit(1)
        .scalar_subquery()
    )
    columns = [b[name] for name in LAYERS["building"].columns]
    query = (
        sa.select(
            *columns,
            b.grid_code,
            b.grid_share,
            c.status,
            c.reason,
            c.org_code,
            latest.label("org_name"),
            b.geom,
        )
        .select_from(joined)
        .where(*below(b.grid_code, within), *inside(b.geom, window))
        .order_by(b.code)
        .limit(limit)
    )
    return frame_rows(conn, query)


def read_cameras(conn: Connection, *, within: str = "") -> gpd.GeoDataFrame:
    """Read cameras.

    Parameters
    ----------
    conn
        An open connection.
    within
        A code prefix of grids; empty for all cameras, those in no grid too.

    Returns
    -------
    GeoDataFrame
        Index ``code``, ascending; the layer's columns, grid_code, geometry (Point, EPSG:4490).
    """
    c = t.camera.c
    columns = [c[name] for name in LAYERS["camera"].columns]
    query = (
        sa.select(*columns, c.grid_code, c.geom).where(*below(c.grid_code, within)).order_by(c.code)
    )
    return frame_rows(conn, query)


def read_roads(
    conn: Connection,
    *,
    window: tuple[float, float, float, float] | None = None,
    limit: int | None = None,
) -> gpd.GeoDataFrame:
    """Read roads.

    Parameters
    ----------
    conn
        An open connection.
    window
        West, south, east, north in degrees.
    limit
        The most rows to return.

    Returns
    -------
    GeoDataFrame
        Index ``code``, ascending; name, kind, width_m, geometry (MultiLineString, EPSG:4490).
    """
    r = t.road.c
    query = sa.select(r.code, r.name, r.kind, r.width_m, r.geom).where(*inside(r.geom, window))
    return frame_rows(conn, query.order_by(r.code).limit(limit))


def read_places(
    conn: Connection,
    layer: str,
    *,
    window: tuple[float, float, float, float] | None = None,
) -> gpd.GeoDataFrame:
    """Read a layer of places: entrances, key public areas, privacy zones, restricted sites.

    Parameters
    ----------
    conn
        An open connection.
    layer
        The layer's name.
    window
        West, south, east, north in degrees.

    Returns
    -------
    GeoDataFrame
        Index ``code``, ascending; the layer's columns, geometry (EPSG:4490).
    """
    c = layer_table(layer).c
    columns = [c[name] for name in LAYERS[layer].columns]
    return frame_rows(
        conn, sa.select(*columns, c.geom).where(*inside(c.geom, window)).order_by(c.code)
    )


def read_walls(
    conn: Connection,
    *,
    window: tuple[float, float, float, float] | None = None,
    codes: pd.Index | None = None,
) -> gpd.GeoDataFrame:
    """Read what cameras need to know of buildings.

    Parameters
    ----------
    conn
        An open connection.
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
    b = t.building.c
    query = sa.select(b.code, b.household_count, b.grid_code, b.geom)
    if codes is not None:
        query = query.where(b.code == sa.any_(sa.literal(list(codes), ARRAY(sa.Text))))
    return frame_rows(conn, query.where(*inside(b.geom, window)).order_by(b.code))


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


def read_orgs(conn: Connection) -> pd.DataFrame:
    """Read all organisations of all times.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    DataFrame
        Index ``id``; code, name, kind, parent_code, host_code, full_members,
        probationary_members, begins, ends (dates; ``ends`` None while it lasts).
    """
    o = t.party_org.c
    columns = [o[name] for name in LAYERS["party_org"].columns]
    return table_rows(conn, sa.select(o.id, *columns, *_period(o.valid)).order_by(o.id), "id")


def read_duties(conn: Connection, service: str) -> pd.DataFrame:
    """Read all duties of a service of all times.

    Parameters
    ----------
    conn
        An open connection.
    service
        ``party_branch`` or ``party_group``.

    Returns
    -------
    DataFrame
        Index ``id``; org_code, service, target_code, mode, begins, ends.
    """
    d = t.duty.c
    query = sa.select(d.id, d.org_code, d.service, d.target_code, d.mode, *_period(d.valid))
    return table_rows(conn, query.where(d.service == service).order_by(d.id), "id")


def read_codes(conn: Connection, kind: str, *, as_of: dt.date) -> pd.Index:
    """Read the codes that exist on a date, for checks of references.

    Parameters
    ----------
    conn
        An open connection.
    kind
        A division level, ``building`` or ``party_org``.
    as_of
        The date.

    Returns
    -------
    Index
        Codes, ascending.
    """
    if kind == "building":
        query = sa.select(t.building.c.code)
    elif kind == "party_org":
        query = sa.select(t.party_org.c.code).where(holds(t.party_org.c.valid, as_of))
    else:
        d = t.division.c
        query = sa.select(d.code).where(d.level == kind, holds(d.valid, as_of))
    return pd.Index(sorted(conn.execute(query).scalars()), dtype=object)


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


def read_building_grids(conn: Connection) -> pd.DataFrame:
    """Read in which grid each building lies, without the rest of it.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    DataFrame
        Index ``code``, ascending; grid_code (None: in no grid).
    """
    b = t.building.c
    return table_rows(conn, sa.select(b.code, b.grid_code).order_by(b.code), "code")


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
    begins = sa.func.lower(table.c.valid) if "valid" in table.c else table.c.valid_from
    key = sa.func.concat_ws("/", *(table.c[name] for name in LAYERS[layer].key))
    return pd.Index(conn.execute(sa.select(key).where(begins > effective)).scalars(), dtype=object)


def _period(valid: sa.ColumnElement[Any]) -> list[sa.ColumnElement[Any]]:
    """Return a period's first day and the day after its last, as columns."""
    return [sa.func.lower(valid).label("begins"), sa.func.upper(valid).label("ends")]
