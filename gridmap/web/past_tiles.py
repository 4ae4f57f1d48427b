"""The tiles of the planner's map on days that are over, over HTTP.

Belongs here: which days a request for a tile is about. Does not belong here: who keeps a tile
(``map_tiles``), drawing one (``jobs``).
"""

from __future__ import annotations

import datetime as dt
import re
from functools import partial
from typing import TYPE_CHECKING

from gridmap import jobs
from gridmap.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import Request

    from gridmap.model import Scope
    from gridmap.store import Tile

    Draw = Callable[..., Tile]

_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


def past_drawing(request: Request, scope: Scope, draw: Draw) -> tuple[str, Draw]:
    """Return how a tile of the days that a request names is drawn.

    Parameters
    ----------
    request
        ``day`` is the day shown, ``before`` one to compare with.
    scope
        Who asks.
    draw
        Draws a tile of the present.

    Returns
    -------
    str, callable
        What to add to the version of the store, so that it is the same only for the same frozen
        answers; what draws, given store, layers, lens and place. Nothing to add, and ``draw``,
        where it is the present after all.

    Raises
    ------
    NotFound
        What is named is no day.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    past: jobs.Past = request.app.state.past
    now = dt.date.today()
    day, before = (_day_of(request, name) for name in ("day", "before"))
    shown = past.shown(now=now, day=day, before=before)
    if shown.plain:
        return "", draw
    return f"-{shown.tag}-{now:%Y%m%d}", partial(
        jobs.past_tile, past=past, shown=shown, now=now, scope=scope
    )


def _day_of(request: Request, name: str) -> dt.date | None:
    text = request.query_params.get(name, "")
    if not text:
        return None
    try:
        if not _DAY.fullmatch(text):
            raise ValueError
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise NotFound("there is no such tile") from error
