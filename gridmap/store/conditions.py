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
    from sqlalchemy import Table


def layer_table(layer: str) -> Table:
    """Return the table that holds a layer; all levels of divisions share one."""
    spec = LAYERS[layer]
    return t.division if spec.level else t.metadata.tables[layer]


def holds(valid: sa.ColumnElement[Any], day: Any) -> sa.ColumnElement[bool]:
    """Return the condition that a period contains a day."""
    return valid.bool_op("@>")(sa.cast(day, sa.Date))


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
