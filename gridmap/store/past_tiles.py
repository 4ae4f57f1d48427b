"""Tiles of a day that is over: what stood then, coloured by what was told of it.

Belongs here: the statements of such tiles. Does not belong here: tiles of today (``drawn``), what
was frozen (``snapshots``), who is told of which status (``jobs``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from geoalchemy2.functions import (
    ST_Area,
    ST_TileEnvelope,
    ST_Transform,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from gridmap.crs import STORAGE_SRID, TILE_SRID
from gridmap.store.conditions import layer_table, state, target_rows
from gridmap.store.tiles import DETAIL_ZOOM, Tile, cut_layer, pixel_m, wide_square

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Mapping

    from sqlalchemy import Connection

    Place = tuple[int, int, int]

PAST_LAYERS = ("road", "building")
"""What is known of former days, the lowest first: what cameras saw is not kept."""

_COLUMNS = {"road": ("code", "kind"), "building": ("code",)}


def read_standing(conn: Connection, place: Place, *, as_of: dt.date) -> dict[str, str]:
    """Read which buildings stood in a tile on a day.

    Parameters
    ----------
    conn
        An open connection.
    place
        Zoom, column, row.
    as_of
        The day.

    Returns
    -------
    dict
        Code -> code of the grid it was in, an empty text for none.
    """
    rows = _rows("building", ("code", "grid_code"), place, as_of)
    query = sa.select(rows.c.code, sa.func.coalesce(rows.c.grid_code, ""))
    return {str(code): str(grid) for code, grid in conn.execute(query)}


def read_unit_statuses(conn: Connection, lens: str, units: Collection[str]) -> dict[str, str]:
    """Read what the last computation says of the targets of some units.

    Parameters
    ----------
    conn
        An open connection.
    lens
        Code of a lens.
    units
        Codes of units, an empty text for none.

    Returns
    -------
    dict
        Code of a target -> its status.
    """
    wanted = sa.literal(list(units), ARRAY(sa.Text))
    told = target_rows(lens, lambda unit: [unit == sa.any_(wanted)])
    query = sa.select(told.c.target_code, told.c.status)
    return {str(code): str(status) for code, status in conn.execute(query)}


def read_past_tile(
    conn: Connection,
    layer: str,
    place: Place,
    *,
    as_of: dt.date,
    statuses: Mapping[str, str] | None = None,
) -> Tile:
    """Draw a tile of a layer as it was on a day: all that lay in it, nothing is cut.

    Parameters
    ----------
    conn
        An open connection.
    layer
        One of `PAST_LAYERS`.
    place
        Zoom, column, row.
    as_of
        The day.
    statuses
        Of buildings by code: each that has one gets it as its ``status``; None for no column.

    Returns
    -------
    Tile
        Below `store.DETAIL_ZOOM` without buildings smaller than a pixel, which are counted.
    """
    zoom = place[0]
    rows = _rows(layer, (*_COLUMNS[layer], "geom"), place, as_of)
    names: list[sa.ColumnElement[Any]] = [rows.c[name] for name in _COLUMNS[layer]]
    if statuses is not None:
        told = sa.cast(sa.literal(json.dumps(dict(statuses))), JSONB)
        names.append(told.op("->>", return_type=sa.Text())(rows.c.code).label("status"))
    plane = ST_Transform(rows.c.geom, TILE_SRID).label("plane")
    cells = sa.select(*names, plane).offset(0).subquery("found")
    large = None
    if layer == "building" and zoom < DETAIL_ZOOM:
        large = ST_Area(cells.c.plane) >= pixel_m(zoom) ** 2
    query = cut_layer(cells, layer, ST_TileEnvelope(*place), large)
    data, features, dropped = conn.execute(query).one()
    return Tile(bytes(data), features, dropped)


def _rows(layer: str, names: tuple[str, ...], place: Place, as_of: dt.date) -> sa.Subquery:
    """Return a layer's rows of a day whose box touches a tile and what it shows around it."""
    wide = ST_Transform(wide_square(place), STORAGE_SRID)
    table = layer_table(layer)
    return state(table, list(names), as_of, lambda c: [c.geom.bool_op("&&")(wide)])
