"""The tiles of the planner's map: drawn when asked for, or beforehand.

Belongs here: which tiles there are, compressing them, drawing them beforehand. Does not belong
here: what is in a tile (``store``), who may keep one (``web``).
"""

from __future__ import annotations

import gzip
import math
from typing import TYPE_CHECKING

from gridmap import store
from gridmap.crs import TILE_WORLD_M
from gridmap.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    Place = tuple[int, int, int]

MAP_ZOOMS = (13, 19)
"""The first and the last zoom of the map's own tiles: below, areas are coloured, not buildings."""

DRAWN = (("road", "building"), "party_group")
"""What the map opens with: layers and question. Other tiles are drawn when somebody asks."""

DRAWN_ZOOMS = (15, 16)
"""Tiles that take longest to draw; closer ones are small and many (web.md 3.1)."""


def map_tile(
    engine: Engine,
    layers: tuple[str, ...],
    lens: str,
    place: Place,
    *,
    version: str,
    whole: bool,
) -> store.Tile:
    """Draw a tile of the map, or find it drawn.

    Parameters
    ----------
    engine
        The store, as the one who asks sees it.
    layers
        Some of `store.DRAWN_LAYERS`, in that order.
    lens
        Code of a lens of buildings, or an empty text.
    place
        Zoom, column, row.
    version
        The state of the store, from `version`.
    whole
        Whether the one who asks sees the whole district: only they get tiles of all of it.

    Returns
    -------
    Tile
        Its data is compressed (gzip).

    Raises
    ------
    NotFound
        There are no such layers, or no such tile.
    OutsideScope
        The one who asks may not see one of these layers.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    zoom, column, row = place
    if not is_tile(layers, store.DRAWN_LAYERS, place):
        raise NotFound("there is no such tile")
    if whole and (layers, lens) == DRAWN:
        with store.transaction(engine) as conn:
            drawn = store.read_drawn_tile(
                conn, _told(*DRAWN), zoom=zoom, column=column, row=row, version=version
            )
        if drawn is not None:
            return drawn
    return _tile(engine, layers, lens, place)


def is_tile(layers: tuple[str, ...], known: tuple[str, ...], place: Place) -> bool:
    """Tell whether there is such a tile.

    Parameters
    ----------
    layers
        What is asked for.
    known
        The layers that there are, in their order.
    place
        Zoom, column, row.

    Returns
    -------
    bool
        Whether they are some of the known ones, in that order, and the place is in the pyramid.
    """
    zoom, column, row = place
    first, last = MAP_ZOOMS
    inside = first <= zoom <= last and 0 <= column < 2**zoom and 0 <= row < 2**zoom
    return inside and layers == tuple(name for name in known if name in layers)


def compressed(tile: store.Tile) -> store.Tile:
    """Return a tile as it is kept and sent.

    Parameters
    ----------
    tile
        As the store drew it.

    Returns
    -------
    Tile
        Its data is compressed (gzip), the same bytes each time.
    """
    return tile._replace(data=gzip.compress(tile.data, 6, mtime=0))


def _told(layers: tuple[str, ...], lens: str) -> str:
    return f"{','.join(layers)}:{lens}"


def _tile(engine: Engine, layers: tuple[str, ...], lens: str, place: Place) -> store.Tile:
    """Draw a tile and compress it."""
    zoom, column, row = place
    return compressed(store.read_map_tile(engine, layers, lens, zoom=zoom, column=column, row=row))


def draw_tiles(engine: Engine) -> int:
    """Draw the tiles that the map opens with, for the state the store is in.

    Parameters
    ----------
    engine
        The store.

    Returns
    -------
    int
        How many have something in them.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.

    Notes
    -----
    Tiles of another state than the present one are never shown: a write before or while they are
    drawn makes these useless, not wrong. Cost about 5 ms a tile.
    """
    with store.transaction(engine, snapshot=True) as conn:
        version = store.read_version(conn)
        bounds = store.read_drawn_bounds(conn)
    places = list(_places(bounds)) if bounds else []
    tiles = [(place, _tile(engine, *DRAWN, place)) for place in places]
    with store.transaction(engine, writes=True) as conn:
        store.write_drawn_tiles(conn, _told(*DRAWN), tiles, version)
    return sum(1 for _, tile in tiles if tile.features)


def _places(bounds: tuple[float, float, float, float]) -> Iterator[Place]:
    """Yield the tiles of a rectangle in Web Mercator metres."""
    west, south, east, north = bounds
    for zoom in range(DRAWN_ZOOMS[0], DRAWN_ZOOMS[1] + 1):
        side, half = TILE_WORLD_M / 2**zoom, TILE_WORLD_M / 2
        columns = [math.floor((x + half) / side) for x in (west, east)]
        rows = [math.floor((half - y) / side) for y in (north, south)]
        for column in range(columns[0], columns[1] + 1):
            for row in range(rows[0], rows[1] + 1):
                yield zoom, column, row
