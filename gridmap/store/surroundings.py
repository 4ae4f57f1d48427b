"""What lies around a position, for somebody who stands there: a grid and all that is in it.

Belongs here: reading it. Does not belong here: in which grid a position is (``position``), how far
things are away (``jobs``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import shapely
import sqlalchemy as sa

from gridmap import tables as t
from gridmap.store.conditions import holds, state

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection

    from sqlalchemy import Connection

    Row = dict[str, Any]


def read_grid_rows(
    conn: Connection, grid: str, *, as_of: dt.date
) -> tuple[list[Row], list[Row], list[Row]]:
    """Read a grid's outline, its buildings and their entrances.

    Parameters
    ----------
    conn
        An open connection.
    grid
        Its code.
    as_of
        The day.

    Returns
    -------
    list of dict, list of dict, list of dict
        The grid: code, name, kind, unit_name, shape; none if it is not seen. Buildings: code, name,
        address, kind, floors, household_count, version, shape. Entrances: code, building_code,
        name, shape. Shapes in EPSG:4490; by code.
    """
    d = t.division.c
    outline = sa.select(d.code, d.name, d.kind, d.unit_name, sa.func.ST_AsBinary(d.geom).label("g"))
    outline = outline.where(d.code == grid, holds(d.valid, as_of))
    names = ["code", "name", "address", "kind", "floors", "household_count", "geom"]
    b = state(t.building, names, as_of, lambda c: [c.grid_code == grid]).c
    e = state(
        t.entrance,
        ["code", "building_code", "name", "geom"],
        as_of,
        lambda c: [c.grid_code == grid],
    ).c
    return (
        _rows(conn, outline),
        _rows(conn, _shaped(b)),
        _rows(conn, _shaped(e)),
    )


def _shaped(columns: Any) -> sa.Select[Any]:
    plain = [c for c in columns if c.name != "geom"]
    shape = sa.func.ST_AsBinary(columns.geom).label("g")
    return sa.select(*plain, shape).order_by(columns.code)


def _rows(conn: Connection, query: sa.Select[Any]) -> list[Row]:
    found = []
    for row in conn.execute(query).mappings():
        told = dict(row)
        told["shape"] = shapely.from_wkb(bytes(told.pop("g")))
        found.append(told)
    return found


def read_grid_coverage(conn: Connection, grid: str, lenses: Collection[str]) -> list[Row]:
    """Read who covers the targets of a grid under some lenses, a row a lens.

    Parameters
    ----------
    conn
        An open connection.
    grid
        Its code.
    lenses
        Their codes.

    Returns
    -------
    list of dict
        lens, as_of (the day of the figures), target_codes, statuses, reasons, holder_codes,
        missing: lists of one length.
    """
    u, run = t.unit_coverage.c, t.coverage_run.c
    query = (
        sa.select(
            u.lens, run.as_of, u.target_codes, u.statuses, u.reasons, u.holder_codes, u.missing
        )
        .join_from(t.unit_coverage, t.coverage_run, run.id == u.run_id)
        .where(u.unit_code == grid, u.lens.in_(lenses))
    )
    return [dict(row) for row in conn.execute(query).mappings()]


def read_desks(
    conn: Connection, holders: Collection[str], grid: str, *, as_of: dt.date
) -> list[Row]:
    """Read what organisations and posts are called, and the telephones of their desks.

    Parameters
    ----------
    conn
        An open connection.
    holders
        Codes of organisations or posts.
    grid
        Posts of this grid too.
    as_of
        The day.

    Returns
    -------
    list of dict
        code, name, kind, duty_phone; by code.
    """
    o, p = t.organisation.c, t.post.c
    query = sa.union_all(
        sa.select(o.code, o.name, o.kind, o.duty_phone).where(
            o.code.in_(holders), holds(o.valid, as_of)
        ),
        sa.select(p.code, p.name, p.kind, p.duty_phone).where(
            sa.or_(p.code.in_(holders), p.host_code == grid), holds(p.valid, as_of)
        ),
    )
    return [dict(row) for row in conn.execute(query.order_by("code")).mappings()]


def read_middles(conn: Connection, codes: Collection[str]) -> dict[str, tuple[float, float]]:
    """Read a place inside each of some divisions.

    Parameters
    ----------
    conn
        An open connection.
    codes
        Their codes; none for the district.

    Returns
    -------
    dict
        Code -> longitude, latitude; those that the connection sees.
    """
    e = t.search_entry.c
    query = sa.select(e.code, e.lon, e.lat).where(e.field == "code", e.lon.is_not(None))
    query = query.where(e.code.in_(codes)) if codes else query.where(e.kind == "district")
    return {row.code: (row.lon, row.lat) for row in conn.execute(query)}
