"""What is at a position: the unit of every level, and the building, in one statement.

Belongs here: the question from a point. Does not belong here: reading whole layers (``layers``).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from geoalchemy2.functions import ST_Covers, ST_Point

from gridmap import tables as t
from gridmap.crs import STORAGE_SRID
from gridmap.model import Location, Unit
from gridmap.store.conditions import holds, state
from gridmap.store.rows import unit

if TYPE_CHECKING:
    import datetime as dt

    from sqlalchemy import Connection


# One statement for all levels (design.md, flow 4). `geom && p` finds by index, ST_Covers decides.
@cache
def _locate_query() -> sa.Select[Any]:
    place = ST_Point(sa.bindparam("lon"), sa.bindparam("lat"), STORAGE_SRID)
    d, day = t.division.c, sa.bindparam("as_of", type_=sa.Date)
    units = sa.select(d.level, d.code, d.name, d.kind).where(
        d.geom.bool_op("&&")(place),
        ST_Covers(d.geom, place),
        holds(d.valid, day),
    )
    b = state(
        t.building,
        ["code", "name", "kind"],
        day,
        lambda c: [c.geom.bool_op("&&")(place), ST_Covers(c.geom, place)],
    ).c
    buildings = sa.select(sa.literal("building"), b.code, b.name, b.kind)
    return sa.union_all(units, buildings).order_by(sa.literal_column("level, code"))  # type: ignore[return-value]


def locate(conn: Connection, longitude: float, latitude: float, *, as_of: dt.date) -> Location:
    """Find the unit of every level, and the building, at a position, in one statement.

    Parameters
    ----------
    conn
        An open connection.
    longitude, latitude
        Degrees, CGCS2000 or WGS 84.
    as_of
        The date of divisions and buildings.

    Returns
    -------
    Location
        Levels that have nothing there are None. On a common border the lowest code counts.
    """
    rows = conn.execute(_locate_query(), {"lon": longitude, "lat": latitude, "as_of": as_of})
    found: dict[str, Unit] = {}
    for row in rows:
        found.setdefault(row.level, unit(row))
    return Location(longitude, latitude, as_of.isoformat(), **found)
