"""Which table, and which rows of it: the conditions that several statements share.

Belongs here: small pieces of a statement, built without a connection. Does not belong here:
whole statements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from geoalchemy2.functions import ST_Intersects, ST_MakeEnvelope

from gridmap import tables as t
from gridmap.crs import STORAGE_SRID
from gridmap.model import LAYERS

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from sqlalchemy import Table


def layer_table(layer: str) -> Table:
    """Return the table that holds a layer; all levels of divisions share one."""
    spec = LAYERS[layer]
    return t.division if spec.level else t.metadata.tables[layer]


def holds(valid: sa.ColumnElement[Any], day: Any) -> sa.ColumnElement[bool]:
    """Return the condition that a period contains a day."""
    return valid.bool_op("@>")(sa.cast(day, sa.Date))


def state(
    table: Table, names: list[str], day: dt.date, *more: Callable[[Any], sa.ColumnElement[bool]]
) -> sa.Subquery:
    """Return the rows of a table as they were on a day, with some of its columns.

    ``more`` are conditions on a table's columns, asked of former rows too, so that each can use
    its own index.
    """

    def rows(of: Table, *when: sa.ColumnElement[bool]) -> sa.Select[Any]:
        return sa.select(*(of.c[name] for name in names)).where(*when, *(one(of.c) for one in more))

    if "valid" in table.c:
        return rows(table, holds(table.c.valid, day)).subquery(table.name)
    now = rows(table, table.c.valid_from <= day)
    if table not in t.HISTORY:
        return now.subquery(table.name)
    past = t.HISTORY[table]
    former = rows(past, past.c.valid_from <= day, past.c.valid_to > day)
    return now.union_all(former).subquery(table.name)


def below(column: sa.ColumnElement[str], prefix: str) -> list[sa.ColumnElement[bool]]:
    """Return the half-open range of a code prefix; ':' is the byte after '9'."""
    return [column >= prefix, column < prefix + ":"] if prefix else []


def inside(
    geom: sa.ColumnElement[Any], window: tuple[float, float, float, float] | None
) -> list[sa.ColumnElement[bool]]:
    """Return the condition to touch a window, index condition first (reliability.md 0.1)."""
    if window is None:
        return []
    box = ST_MakeEnvelope(*window, STORAGE_SRID)
    return [geom.bool_op("&&")(box), ST_Intersects(geom, box)]
