"""The tiles of the planner's map over HTTP: kept in memory, and by browsers.

Belongs here: who gets which kept tile, and when the one that a browser has is still right. Does not
belong here: drawing one (``jobs``), tiles for other programs (``ogc_tiles``).
"""

from __future__ import annotations

import datetime as dt
import gzip
import re
import time
from threading import Lock
from typing import TYPE_CHECKING, Any

from cachetools import LRUCache
from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from gridmap import jobs
from gridmap.errors import NotFound
from gridmap.model import Right
from gridmap.web.access import NEEDED, scope_of, store_of
from gridmap.web.fresh import Fresh

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from starlette.types import ASGIApp, Receive, Scope, Send

    from gridmap.store import Tile

MVT = "application/vnd.mapbox-vector-tile"

MAX_LENS = 64

_PATH = re.compile(r"/tiles/[a-z]{3,10}(,[a-z]{3,10}){0,5}(/\d{1,10}){3}", re.ASCII)

KEPT_BYTES = 64 * 2**20
"""Tiles that are kept in memory: about 5,000 of z16 (web.md 3.2)."""

BELIEVED_S = 1.0
"""How long the state of the store is believed: so old a tile may be, after a write of another
program. After one through this server it is asked for anew."""


class Tiles:
    """Compressed tiles by state of the store, scope and place; and that state."""

    def __init__(self) -> None:
        self._kept: LRUCache[Any, Tile] = LRUCache(
            KEPT_BYTES, getsizeof=lambda t: len(t.data) + 512
        )
        self._lock = Lock()
        self._version: tuple[float, str] = (0.0, "")

    def version(self) -> str | None:
        """Return the state of the store; None where that is to be asked for."""
        until, version = self._version
        return version if time.monotonic() < until else None

    def believe(self, version: str, asked_at: float) -> None:
        """Take what the store said, from when it was asked."""
        self._version = (asked_at + BELIEVED_S, version)

    def doubt(self) -> None:
        """Have the store asked, before the next tile: something was written."""
        self._version = (0.0, "")

    def get(self, key: object) -> Tile | None:
        """Return a tile that is kept."""
        with self._lock:
            found: Tile | None = self._kept.get(key)
            return found

    def keep(self, key: object, tile: Tile) -> None:
        """Keep a tile, and lose those that were not asked for longest."""
        with self._lock:
            self._kept[key] = tile


class Doubting:
    """Has the store asked for its state after whatever may have written."""

    def __init__(self, app: ASGIApp, tiles: Tiles) -> None:
        self._app, self._tiles = app, tiles

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        try:
            await self._app(scope, receive, send)
        finally:
            if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD"):
                self._tiles.doubt()


async def map_tile(request: Request) -> Response:
    """Give a tile of the map, of all that the one who asks may see of it.

    Parameters
    ----------
    request
        Path: layers, zoom, column, row; ``lens`` colours buildings.

    Returns
    -------
    Response
        Compressed; 304 where the client has it.

    Raises
    ------
    SignInNeeded, PasswordChangeNeeded, TooManyTries
        See `access.scope_of`.
    OutsideScope
        The one who asks may not see one of the layers.
    NotFound
        There is no such tile.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    request.scope["route"] = ROUTE  # for those who count and log
    asker = await scope_of(request)
    lens = request.query_params.get("lens", "")
    if not _PATH.fullmatch(request.scope["path"]) or len(lens) > MAX_LENS:
        raise NotFound("there is no such tile")
    given = request.path_params
    zoom, column, row = (int(given[name]) for name in ("zoom", "column", "row"))
    names = tuple(given["layers"].split(","))
    for name in names:
        right = NEEDED.get(name, Right.CAMERAS)
        if right is not None:
            asker.require(right)
    tiles: Tiles = request.app.state.tiles
    version = tiles.version()
    if version is None:
        version = await run_in_threadpool(_asked, tiles, request.app.state.engine)
    lens = lens if "building" in names else ""
    fresh = Fresh.of(request, asker, dt.date.today())
    if fresh.known == version:
        return fresh.unchanged(version)
    key = (asker.spans, asker.whole, version, given["layers"], lens, zoom, column, row)
    tile = tiles.get(key)
    if tile is None:
        store = await store_of(request, asker)
        place, whole = (zoom, column, row), asker.whole
        tile = await run_in_threadpool(
            jobs.map_tile, store, names, lens, place, version=version, whole=whole
        )
        tiles.keep(key, tile)
    headers = {**fresh.headers(version), "Vary": "Authorization, Cookie, Accept-Encoding"}
    headers |= {"Tile-Features": str(tile.features), "Tile-Dropped": str(tile.dropped)}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(gzip.decompress(tile.data), media_type=MVT, headers=headers)
    return Response(tile.data, media_type=MVT, headers=headers | {"Content-Encoding": "gzip"})


ROUTE = Route("/tiles/{layers}/{zoom}/{column}/{row}", map_tile, methods=["GET"])
"""Not FastAPI's: what that finds out about a request takes longer than to answer this one."""


def _asked(tiles: Tiles, engine: Engine) -> str:
    """Ask the store for its state."""
    asked_at = time.monotonic()
    version = jobs.version(engine)
    tiles.believe(version, asked_at)
    return version
