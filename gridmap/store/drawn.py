"""What the planner's map draws close up, as vector tiles, and tiles drawn beforehand.

Belongs here: the statements of the map's own tiles, which have what a colour needs and no more.
Does not belong here: a layer's tiles for other programs (``tiles``), keeping tiles in memory
(``web``).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from geoalchemy2.functions import (
    ST_Area,
    ST_TileEnvelope,
    ST_Transform,
)
from sqlalchemy.dialects.postgresql import JSONB

from gridmap import tables as t
from gridmap.crs import STORAGE_SRID, TILE_SRID
from gridmap.store.prepared import Prepared
from gridmap.store.tiles import DETAIL_ZOOM, Tile, cut_layer, pixel_m, wide_square

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Engine

DRAWN_LAYERS = ("road", "seen", "blind", "view", "certain", "building", "camera")
"""What there are tiles of, the lowest first."""


def read_map_tile(
    engine: Engine, layers: tuple[str, ...], lens: str, *, zoom: int, column: int, row: int
) -> Tile:
    """Draw a tile of the map: everything that lies in it, nothing is cut.

    Parameters
    ----------
    engine
        The store, as the one who asks sees it.
    layers
        Some of `DRAWN_LAYERS`, in that order.
    lens
        Code of a lens of buildings: each then has its ``status``; an empty text for none.
    zoom, column, row
        Place in the pyramid, from the north-west.

    Returns
    -------
    Tile
        Below `store.DETAIL_ZOOM` without buildings and ground smaller than a pixel, which are
        counted. Tiles one after the other are one with all their layers.

    Raises
    ------
    StoreUnavailable, StoreError, OutsideScope
        See `store.transaction`.
    """
    values: dict[str, Any] = {"zoom": zoom, "tile_column": column, "tile_row": row}
    if "building" in layers:
        values |= {"lens": lens, "pixel": pixel_m(zoom) ** 2}
    prepared = _tile_query(layers, bool(lens), zoom >= DETAIL_ZOOM)
    data, features, dropped = tuple(prepared.asked(engine, values))
    return Tile(bytes(data), features, dropped)


@cache
def _tile_query(layers: tuple[str, ...], coloured: bool, close: bool) -> Prepared:  # noqa: FBT001
    """Return the statement of the tiles of some layers."""
    parts = [_layer_query(layer, coloured, close).subquery(f"of_{layer}") for layer in layers]
    columns: list[sa.ColumnElement[Any]] = []
    for name, how in (("data", "||"), ("features", "+"), ("dropped", "+")):
        column: sa.ColumnElement[Any] = parts[0].c[name]
        for part in parts[1:]:
            column = column.op(how)(part.c[name])
        columns.append(column)
    together: sa.FromClause = parts[0]
    for part in parts[1:]:
        together = together.join(part, sa.true())
    return Prepared(sa.select(*columns).select_from(together))


def _layer_query(layer: str, coloured: bool, close: bool) -> sa.Select[Any]:  # noqa: FBT001
    """Return the statement of a layer's tiles: data, features, dropped."""
    place = [sa.bindparam(name, type_=sa.Integer) for name in ("zoom", "tile_column", "tile_row")]
    wide = wide_square(place)
    rows = _buildings(wide, coloured=coloured) if layer == "building" else _rows(layer, wide)
    cells = rows.subquery("found")
    large: sa.ColumnElement[bool] | None = None
    if layer == "building" and not close:
        large = ST_Area(cells.c.plane) >= sa.bindparam("pixel", type_=sa.Double)
    return cut_layer(cells, layer, ST_TileEnvelope(*place), large)


def _buildings(wide: sa.ColumnElement[Any], *, coloured: bool) -> sa.Select[Any]:
    """Return the buildings of a square, each with its status under a lens.

    A unit's statuses stand in one row (`conditions.target_rows`). Opened into rows they would be
    gone through for each building, since the planner takes them for few: as an object of JSON each
    is found by its code.
    """
    b = t.building_shape.c
    here = sa.select(
        b.code, sa.func.coalesce(b.grid_code, "").label("unit"), b.geom.label("plane")
    ).where(b.geom.bool_op("&&")(wide))
    if not coloured:
        cells = here.subquery("here")
        return sa.select(cells.c.code, cells.c.plane)
    shown = here.cte("here").prefix_with("MATERIALIZED", dialect="postgresql")
    u = t.unit_coverage.c
    told = (
        sa.select(
            u.unit_code,
            sa.func.jsonb_object(u.target_codes, u.statuses, type_=JSONB).label("statuses"),
        )
        .where(u.lens == sa.bindparam("lens", type_=sa.Text))
        .where(u.unit_code.in_(sa.select(shown.c.unit)))
        .cte("told")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    status = told.c.statuses.op("->>", return_type=sa.Text())(shown.c.code).label("status")
    return sa.select(shown.c.code, status, shown.c.plane).select_from(
        shown.outerjoin(told, told.c.unit_code == shown.c.unit)
    )


def _rows(layer: str, wide: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Return what else lies in a square; the square is brought to the rows, not they to it."""
    v, g = t.camera_view.c, t.ground_coverage.c
    seen_by = t.camera.outerjoin(t.camera_view, v.camera_code == t.camera.c.code)
    wanted: dict[str, tuple[Any, list[Any], Any]] = {
        "road": (t.road.c.geom, [t.road.c.code, t.road.c.kind], t.road),
        "seen": (g.seen, [g.unit_code.label("code")], t.ground_coverage),
        "blind": (g.blind, [g.unit_code.label("code")], t.ground_coverage),
        "view": (
            v.geom,
            [v.camera_code.label("code"), v.assumed.is_not(None).label("assumed")],
            t.camera_view,
        ),
        # Inside the possible view, which has the index.
        "certain": (v.certain, [v.camera_code.label("code")], t.camera_view),
        "camera": (
            t.camera.c.geom,
            [t.camera.c.code, t.camera.c.state, v.status],
            seen_by,
        ),
    }
    geom, names, table = wanted[layer]
    box = ST_Transform(wide, STORAGE_SRID)
    plane = ST_Transform(geom, TILE_SRID).label("plane")
    found = v.geom if layer == "certain" else geom
    return sa.select(*names, plane).select_from(table).where(found.bool_op("&&")(box))


def read_drawn_tile(
    conn: Connection, asked: str, *, zoom: int, column: int, row: int, version: str
) -> Tile | None:
    """Read a tile that was drawn beforehand.

    Parameters
    ----------
    conn
        An open connection, of somebody who sees the whole.
    asked
        What is drawn, as `write_drawn_tiles` was told it.
    zoom, column, row
        Place in the pyramid.
    version
        The state of the store, from `read_version`.

    Returns
    -------
    Tile or None
        Its data is compressed. None where there is none of that state.
    """
    d = t.drawn_tile.c
    query = sa.select(d.data, d.features, d.dropped).where(
        d.asked == asked,
        d.zoom == zoom,
        d.tile_column == column,
        d.tile_row == row,
        d.version == version,
    )
    found = conn.execute(query).one_or_none()
    return Tile(bytes(found.data), found.features, found.dropped) if found else None


def write_drawn_tiles(
    conn: Connection, asked: str, tiles: Iterable[tuple[tuple[int, int, int], Tile]], version: str
) -> None:
    """Put tiles in the place of all that were drawn before.

    Parameters
    ----------
    conn
        An open connection that writes.
    asked
        What is drawn.
    tiles
        Zoom, column, row; data compressed.
    version
        The state of the store that they show.
    """
    rows = [
        {
            "asked": asked,
            "zoom": zoom,
            "tile_column": column,
            "tile_row": row,
            "version": version,
            "features": tile.features,
            "dropped": tile.dropped,
            "data": tile.data,
        }
        for (zoom, column, row), tile in tiles
    ]
    conn.execute(t.drawn_tile.delete())
    if rows:
        conn.execute(t.drawn_tile.insert(), rows)


def read_drawn_bounds(conn: Connection) -> tuple[float, float, float, float] | None:
    """Read where buildings are.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    tuple of float or None
        Least x and y, most x and y in Web Mercator metres; None where there is no building.
    """
    box = sa.select(sa.func.ST_Extent(t.building_shape.c.geom).label("box")).subquery("box")
    sides = [getattr(sa.func, f"ST_{name}")(box.c.box) for name in ("XMin", "YMin", "XMax", "YMax")]
    west, south, east, north = conn.execute(sa.select(*sides)).one()
    return None if west is None else (west, south, east, north)
