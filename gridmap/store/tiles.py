"""Vector tiles of a layer: a square of the Web Mercator pyramid as the database draws it.

Belongs here: what of a layer is in a tile, and how much was left out. Does not belong here: rows
as JSON (``items``), where a tile lies (``crs``), who may keep it (``web``).

Nothing is cut in silence: what is too small to be drawn is counted, and a tile that would hold
more than `MAX_FEATURES` is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from geoalchemy2.functions import (
    ST_Area,
    ST_AsMVT,
    ST_AsMVTGeom,
    ST_Dimension,
    ST_Length,
    ST_TileEnvelope,
    ST_Transform,
)

from gridmap.crs import TILE_SRID, TILE_WORLD_M
from gridmap.store.items import Wanted, count_items, shown_fields, wanted_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

EXTENT, BUFFER = 4096, 64
"""Units of a tile's side, and those that it shows of its neighbours: lines are not cut at seams."""

TILE_MARGIN = BUFFER / EXTENT

MAX_FEATURES = 50_000
"""Beyond so many, what is smaller than a pixel is left out. Own choice: the buildings of a whole
district are 1.2 MB and 0.3 s; tipg stops at 10,000 and does not say so (web.md 3.2)."""

DETAIL_ZOOM = 15
"""From here on a tile has all columns; below, those by which a map colours: attributes are half
of a tile (web.md 3.1)."""

_PIXELS = 256


class Tile(NamedTuple):
    """A tile: its bytes, how many features it has, how many of its square it has not."""

    data: bytes
    features: int
    dropped: int


def tile_fields(layer: str, zoom: int) -> list[str]:
    """Return the columns that a layer's tiles have.

    Parameters
    ----------
    layer
        A layer with a shape.
    zoom
        Level of the pyramid.

    Returns
    -------
    list of str
        Below `DETAIL_ZOOM` the key and at most two coded columns.
    """
    fields = shown_fields(layer)
    if zoom >= DETAIL_ZOOM:
        return list(fields)
    return ["code", *[name for name, field in fields.items() if field.choices][:2]]


def read_tile(
    conn: Connection,
    wanted: Wanted,
    *,
    zoom: int,
    column: int,
    row: int,
    most: int = MAX_FEATURES,
) -> Tile | None:
    """Draw a tile.

    Parameters
    ----------
    conn
        An open connection.
    wanted
        Which rows; its area is the tile's square with what it shows of its neighbours.
    zoom, column, row
        Place in the pyramid, from the north-west.
    most
        More features than these are not drawn.

    Returns
    -------
    Tile or None
        None where even without what is smaller than a pixel there are more.
    """
    found = count_items(conn, wanted)
    drawn = _drawn(wanted, zoom, column, row, sized=found > most)
    if found > most:
        left = conn.execute(sa.select(sa.func.count()).select_from(drawn), wanted.values())
        if left.scalar_one() > most:
            return None
    data, features = conn.execute(encoded(drawn, wanted.layer), wanted.values()).one()
    return Tile(bytes(data or b""), features, found - features)


def encoded(drawn: sa.Subquery, layer: str) -> sa.Select[Any, int]:
    """Return the statement that makes rows a tile, and counts those that have a shape in it.

    Parameters
    ----------
    drawn
        Their columns, and ``geom`` in the units of the tile: null where nothing is left of it. It
        ends with offset 0: so a shape is cut once, not for the tile and for the count again.
    layer
        What the tile calls them.

    Returns
    -------
    Select
        Two columns: bytes, count.
    """
    return sa.select(
        ST_AsMVT(drawn.table_valued(), layer, EXTENT, "geom", type_=sa.LargeBinary),
        sa.func.count(drawn.c.geom),
    ).select_from(drawn)


def cut_layer(
    cells: sa.Subquery,
    layer: str,
    square: sa.ColumnElement[Any],
    large: sa.ColumnElement[bool] | None = None,
) -> sa.Select[Any]:
    """Return the statement that draws the rows of a square as a layer of its tile.

    Parameters
    ----------
    cells
        Their columns, and ``plane``: their shape in Web Mercator.
    layer
        What the tile calls them.
    square
        The tile's, in Web Mercator.
    large
        Which of the rows are large enough to be drawn; None for all.

    Returns
    -------
    Select
        data (empty where nothing is drawn), features, dropped: how many are not large enough.
    """
    shape = ST_AsMVTGeom(cells.c.plane, square, EXTENT, BUFFER, True, type_=sa.LargeBinary)  # noqa: FBT003
    names = [column for column in cells.c if column.name != "plane"]
    shapes = sa.select(*names, shape.label("geom")).where(*([] if large is None else [large]))
    data, features = encoded(shapes.offset(0).subquery("drawn"), layer).subquery("encoded").c
    small: sa.ColumnElement[Any] = sa.literal(0)
    if large is not None:
        small = sa.select(sa.func.count()).select_from(cells).where(~large).scalar_subquery()
    return sa.select(
        sa.func.coalesce(data, sa.literal(b"", sa.LargeBinary)).label("data"),
        features.label("features"),
        small.label("dropped"),
    )


def wide_square(place: Sequence[Any]) -> sa.ColumnElement[Any]:
    """Return the square of a tile with what it shows of its neighbours, in Web Mercator.

    Parameters
    ----------
    place
        Zoom, column, row; numbers, or places for them in a statement.

    Returns
    -------
    ColumnElement
        A polygon.
    """
    half = TILE_WORLD_M / 2
    world = sa.func.ST_MakeEnvelope(-half, -half, half, half, TILE_SRID)
    wide: sa.ColumnElement[Any] = ST_TileEnvelope(*place, world, sa.literal(TILE_MARGIN))
    return wide


def pixel_m(zoom: int) -> float:
    """Return the side of a pixel of a tile, in Web Mercator metres.

    Parameters
    ----------
    zoom
        Level of the pyramid.

    Returns
    -------
    float
        Of the 256 that a tile is wide.
    """
    side: float = TILE_WORLD_M / 2**zoom
    return side / _PIXELS


def _drawn(wanted: Wanted, zoom: int, column: int, row: int, *, sized: bool) -> sa.Subquery:
    """Return a layer's rows in the units of a tile."""
    rows = wanted_rows(wanted)
    square = ST_TileEnvelope(zoom, column, row)
    plane = ST_Transform(rows.c.geom, TILE_SRID)
    names = [rows.c[name] for name in tile_fields(wanted.layer, zoom)]
    shape = ST_AsMVTGeom(plane, square, EXTENT, BUFFER, True, type_=sa.LargeBinary)  # noqa: FBT003
    pixel = pixel_m(zoom)
    large = sa.case(
        (ST_Dimension(plane) == 0, sa.true()),
        (ST_Dimension(plane) == 1, ST_Length(plane) >= pixel),
        else_=ST_Area(plane) >= pixel**2,
    )
    query: sa.Select[Any] = sa.select(*names, shape.label("geom"))
    return query.where(*([large] if sized else [])).offset(0).subquery("drawn")
