"""Single objects for other programs: which collections there are, and pages of them.

Belongs here: what a question of a program says, as rows of the store. Does not belong here: the
statements (``store``), links, headers and the two forms of answers (``web``).
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import shapely

from gridmap import crs, store
from gridmap.errors import InputError, NotFound, TooMuch
from gridmap.model import LAYERS, Kind, Right

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    from sqlalchemy import Engine

UNIT = store.UNIT

FOR_ALL = frozenset({UNIT, store.GROUND, "district", "street", "community", "grid"})
"""Layers that every role sees: the divisions and their figures."""

_MAX_TEXT = 500
_FORMS = {
    Kind.INTEGER: re.compile(r"-?[0-9]{1,18}"),
    Kind.NUMBER: re.compile(r"-?[0-9]{1,400}([.][0-9]{1,400})?([eE][+-]?[0-9]{1,3})?"),
    Kind.DATE: re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    Kind.BOOLEAN: re.compile(r"true|false", re.IGNORECASE),
    Kind.TEXT: re.compile(r"[^\0\ud800-\udfff]{0,500}"),
}
"""How a value of a type is written; Python's own readers take much more, as ``1_0``."""


@dataclass(frozen=True)
class Asked:
    """What a program asks of a layer.

    ``first`` and ``last`` as in `store.Wanted`; ``box`` in the order of axes of ``box_frame``;
    ``equal`` is what columns are to hold, as text; ``filter`` is CQL2 text whose shapes are in
    ``filter_frame``.
    """

    layer: str
    first: dt.date | None
    last: dt.date | None
    box: tuple[float, float, float, float] | None = None
    box_frame: crs.Frame = crs.CRS84
    within: str = ""
    equal: Mapping[str, str] = field(default_factory=dict)
    search: str = ""
    filter: str = ""
    filter_frame: crs.Frame = crs.CRS84


@dataclass(frozen=True)
class Page:
    """A page of a layer: the state of the store, how many rows match, the rows, and the next key.

    ``items`` is None where the asker has this state already.
    """

    version: str
    matched: int = 0
    items: list[store.Item] | None = None
    following: str | None = None


def needed_right(layer: str) -> Right | None:
    """Return the right without which a role does not know that there is a layer.

    Parameters
    ----------
    layer
        A key of `LAYERS`, or `UNIT`.

    Returns
    -------
    Right or None
        None for divisions.
    """
    if layer in FOR_ALL:
        return None
    return Right.CAMERAS if layer == "camera" else Right.ROWS


def collection_fields(layer: str) -> dict[str, Any]:
    """Return what is shown of a layer and can be asked of it.

    Parameters
    ----------
    layer
        A key of `LAYERS`, or `UNIT`.

    Returns
    -------
    dict
        Name -> `model.Field`, without the shape.
    """
    return store.shown_fields(layer)


def shaped_layers() -> list[str]:
    """Return the layers whose rows have a shape.

    Returns
    -------
    list of str
        In the order of `LAYERS`; then `store.GROUND`, the grids with the figures of their ground.
    """
    return [*(name for name in LAYERS if store.has_shape(name)), store.GROUND]


def collection_page(
    engine: Engine,
    asked: Asked,
    *,
    limit: int,
    after: str = "",
    frame: crs.Frame | None = crs.CRS84,
    known: str = "",
    counts: MutableMapping[tuple[str, str], int] | None = None,
    counted_as: str = "",
) -> Page:
    """Read a page of a layer and count all rows that match, in one state of the store.

    Parameters
    ----------
    engine
        The store.
    asked
        What is asked.
    limit
        The most rows of the page.
    after
        What the page before gave as ``following``.
    frame
        Of the shapes, in its order of axes; None to leave them out.
    known
        A version of the store whose page the asker has.
    counts
        Numbers of rows that were counted before, by version and ``counted_as``.
    counted_as
        A text that is the same only for the same question of the same scope.

    Returns
    -------
    Page
        The page.

    Raises
    ------
    InputError
        What is asked cannot be read, or cannot be asked of that layer.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.

    Notes
    -----
    To count is to look at every row, which takes longer than a page of a small answer: of one
    state of the store it is done once.
    """
    wanted, key = _wanted(asked), _key(asked.layer, after)
    with store.transaction(engine, snapshot=True) as conn:
        version = store.read_version(conn)
        if known and version == known:
            return Page(version)
        matched = counts.get((version, counted_as)) if counts is not None else None
        if matched is None:
            matched = store.count_items(conn, wanted)
        items = store.read_items(
            conn,
            wanted,
            after=key,
            limit=limit + 1,
            srid=frame.srid if frame else None,
            turned=bool(frame and frame.north_first),
        )
    if counts is not None:
        counts[version, counted_as] = matched
    following = token_of(items[limit - 1].key) if len(items) > limit else None
    return Page(version, matched, items[:limit], following)


def collection_item(
    engine: Engine,
    layer: str,
    key: tuple[str, ...],
    *,
    first: dt.date | None,
    last: dt.date | None,
    frame: crs.Frame | None = crs.CRS84,
    known: str = "",
) -> Page:
    """Read one row of a layer.

    Parameters
    ----------
    engine
        The store.
    layer
        A key of `LAYERS`, or `UNIT`.
    key
        The row.
    first, last
        As in `store.Wanted`.
    frame
        Of the shape, in its order of axes; None to leave it out.
    known
        A version of the store whose row the asker has.

    Returns
    -------
    Page
        With one row.

    Raises
    ------
    NotFound
        There is no such row, or the asker may not know of it.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    names = store.key_of(layer)
    if len(key) != len(names) or not all(map(_is_text, key)):
        raise NotFound("there is no such object")
    wanted = store.Wanted(layer, first, last, equal=tuple(zip(names, key, strict=True)))
    with store.transaction(engine, snapshot=True) as conn:
        version = store.read_version(conn)
        if known and version == known:
            return Page(version)
        items = store.read_items(
            conn,
            wanted,
            limit=1,
            srid=frame.srid if frame else None,
            turned=bool(frame and frame.north_first),
        )
    if not items:
        raise NotFound("there is no such object on that day, or it lies outside your area")
    return Page(version, 1, items)


def tile_fields(layer: str) -> dict[int, list[str]]:
    """Return the columns that a layer's tiles have.

    Parameters
    ----------
    layer
        A layer with a shape.

    Returns
    -------
    dict
        First level of the pyramid -> names.
    """
    return {zoom: store.tile_fields(layer, zoom) for zoom in (0, store.DETAIL_ZOOM)}


def collection_extent(engine: Engine, layer: str, *, day: dt.date) -> tuple[float, ...] | None:
    """Return where a layer's rows lie.

    Parameters
    ----------
    engine
        The store.
    layer
        A layer with a shape.
    day
        The day of the rows.

    Returns
    -------
    tuple of float or None
        West, south, east, north in degrees; None where it has no rows.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine) as conn:
        return store.read_extent(conn, layer, day=day)


def collection_tile(
    engine: Engine, layer: str, place: tuple[int, int, int], *, day: dt.date, known: str = ""
) -> tuple[str, store.Tile | None]:
    """Draw a layer in a tile of the Web Mercator pyramid.

    Parameters
    ----------
    engine
        The store.
    layer
        A layer with a shape.
    place
        Zoom, column, row.
    day
        The day of the rows.
    known
        A version of the store whose tile the asker has.

    Returns
    -------
    str, Tile or None
        The state of the store; None where the asker has its tile.

    Raises
    ------
    NotFound
        The pyramid has no such tile.
    TooMuch
        It would hold too much to be drawn.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    zoom, column, row = place
    if not (0 <= zoom <= MAX_ZOOM and 0 <= column < 2**zoom and 0 <= row < 2**zoom):
        raise NotFound("the pyramid has no such tile")
    area = shapely.box(*crs.tile_bounds(zoom, column, row, margin=store.TILE_MARGIN))
    wanted = store.Wanted(layer, day, day, area=area)
    with store.transaction(engine, snapshot=True) as conn:
        version = store.read_version(conn)
        if known and version == known:
            return version, None
        tile = store.read_tile(conn, wanted, zoom=zoom, column=column, row=row)
    if tile is None:
        raise TooMuch(f"more than {store.MAX_FEATURES} features lie in this tile; look closer")
    return version, tile


MAX_ZOOM = 22
"""The last level of the pyramid."""


def days_of(text: str, today: dt.date) -> tuple[dt.date | None, dt.date | None]:
    """Return the first and the last day of a time as OGC writes it.

    Parameters
    ----------
    text
        A day or a time of a day, or two with ``/`` between, of which one may be ``..`` or empty;
        empty for today.
    today
        The day.

    Returns
    -------
    tuple of date or None
        None is an open end.

    Raises
    ------
    InputError
        It is none of these.

    Examples
    --------
    >>> days_of("2026-01-01T00:00:00Z/..", dt.date(2026, 6, 1))
    (datetime.date(2026, 1, 1), None)
    """
    if not text:
        return today, today
    ends = [None if end in ("", "..") else store.day_of(end) for end in text.split("/")]
    if len(ends) == 1 and ends[0]:
        return ends[0], ends[0]
    if len(ends) != 2 or (ends[0] and ends[1] and ends[0] > ends[1]):
        raise InputError("datetime is a day, or a first and a last day with / between")
    return ends[0], ends[1]


def shifted_shapes(shapes: list[str | None], name: str) -> list[str | None]:
    """Return shapes in a frame that no database knows.

    Parameters
    ----------
    shapes
        GeoJSON in EPSG:4490, longitude first.
    name
        See `crs.target_crs`.

    Returns
    -------
    list
        GeoJSON, x first.

    Raises
    ------
    CrsError
        See `crs.to_target`.
    """
    drawn = gpd.GeoDataFrame(geometry=shapely.from_geojson(shapes), crs=crs.STORAGE_CRS)
    moved = crs.to_target(drawn, name)
    return [None if text is None else str(text) for text in shapely.to_geojson(moved.geometry)]


def token_of(key: tuple[str, ...]) -> str:
    """Return a key as the text by which the next page is asked for.

    Parameters
    ----------
    key
        Of the last row of a page.

    Returns
    -------
    str
        Letters, digits, ``-`` and ``_``; it is no secret and says nothing that the page does not.

    Examples
    --------
    >>> token_of(("T1",))
    'WyJUMSJd'
    """
    text = json.dumps(key, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _key(layer: str, token: str) -> tuple[str, ...]:
    """Return the key of a token, whoever wrote it."""
    if not token:
        return ()
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        found = json.loads(base64.urlsafe_b64decode(padded).decode("utf-8"))
    except (binascii.Error, ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or len(found) != len(store.key_of(layer)):
        raise InputError("this is no place in a list; take the link to the next page as it is")
    if not all(isinstance(part, str) and _is_text(part) for part in found):
        raise InputError("this is no place in a list; take the link to the next page as it is")
    return tuple(found)


def _is_text(text: str) -> bool:
    """Whether a text is one that a column could hold."""
    if len(text) > _MAX_TEXT or "\0" in text:
        return False
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


def _wanted(asked: Asked) -> store.Wanted:
    """Return what a program asks as rows of the store."""
    layer = asked.layer
    shaped = store.has_shape(layer)
    if asked.box is not None and not shaped:
        raise InputError("the rows of this layer have no shape")
    for text in (asked.search, asked.within):
        if not _is_text(text):
            raise InputError("a text of the question is too long or has a character of none")
    area = crs.box_in_storage(asked.box, asked.box_frame) if asked.box is not None else None
    fields = store.shown_fields(layer)
    unknown = asked.equal.keys() - fields.keys()
    if unknown:
        raise InputError(f"this layer has the columns {', '.join(fields)} and no others")
    equal = tuple((name, _typed(fields[name].kind, text)) for name, text in asked.equal.items())
    return store.Wanted(
        layer,
        asked.first,
        asked.last,
        area=area,
        within=asked.within,
        equal=equal,
        search=asked.search,
        filter=store.parse_filter(asked.filter) if asked.filter else None,
        to_storage=lambda shape: crs.shape_in_storage(shape, asked.filter_frame),
    )


def _typed(kind: Kind, text: str) -> Any:
    """Return what a column is to hold, in its type."""
    if not _FORMS[kind].fullmatch(text):
        raise InputError(f"a column of the type {kind} cannot hold what is asked for")
    try:
        return _READ[kind](text)
    except ValueError as error:  # as the 30th of February
        raise InputError(f"a column of the type {kind} cannot hold what is asked for") from error


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("over the greatest number")
    return number


_READ: dict[Kind, Callable[[str], Any]] = {
    Kind.INTEGER: int,
    Kind.NUMBER: _finite,
    Kind.DATE: dt.date.fromisoformat,
    Kind.BOOLEAN: lambda text: text.lower() == "true",
    Kind.TEXT: str,
}
