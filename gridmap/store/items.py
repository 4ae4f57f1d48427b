"""Single objects for other programs: a page of a layer, how many there are, one by its code.

Belongs here: which columns a layer shows, which rows of it are wanted, rows as JSON that the
database writes. Does not belong here: reading layers for computing (``layers``), the language of
filters (``expressions``), links and headers (``web``).

A page continues after a key, never at a number of rows: what is written meanwhile moves nothing.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from geoalchemy2.functions import ST_AsGeoJSON, ST_Extent, ST_FlipCoordinates, ST_Transform
from sqlalchemy.dialects.postgresql import DATERANGE

from gridmap import tables as t
from gridmap.crs import STORAGE_SRID
from gridmap.errors import InputError
from gridmap.model import LAYERS, Field, Kind
from gridmap.store.conditions import below, holds, layer_table, undone
from gridmap.store.filters import GEOMETRY, conditions_of, covers_box

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Table

    from gridmap.store.expressions import Tree

    Row = Callable[[Any], Any]

UNIT = "unit"
"""The divisions of all levels as one layer; in `LAYERS` each level is one."""

_PLACES = {
    "organisation": "host_code",
    "post": "host_code",
    "proposal": "host_code",
    "project": "community_code",
    "duty": "unit_code",
    "matter_item": "",
    "lens": "",
}
"""The column by which a layer's rows lie in a unit; of others `grid_code`."""

DECIMALS = {True: 9, False: 4}
"""Decimals of degrees and of metres: a tenth of a millimetre, as `crs.ROUNDING_DEG`."""


@dataclass(frozen=True)
class Wanted:
    """Which rows of a layer are wanted.

    ``first`` and ``last`` are days: where both are the same the rows of that day, else each object
    as it was last in that time; None is an open end. ``area`` is a shape in EPSG:4490 that they
    touch, ``within`` the code of a unit, ``equal`` values of columns, ``search`` a part of a name,
    ``filter`` a tree of CQL2 whose shapes ``to_storage`` brings into EPSG:4490.
    """

    layer: str
    first: dt.date | None
    last: dt.date | None
    area: Any = None
    within: str = ""
    equal: tuple[tuple[str, Any], ...] = ()
    search: str = ""
    filter: Tree | None = None
    to_storage: Row = lambda shape: shape


class Item(NamedTuple):
    """A row: its key, its columns as JSON, its shape as GeoJSON or None."""

    key: tuple[str, ...]
    properties: str
    geometry: str | None


def shown_fields(layer: str) -> dict[str, Field]:
    """Return the columns of a layer that other programs see and filter by.

    Parameters
    ----------
    layer
        A key of `LAYERS`, or `UNIT`.

    Returns
    -------
    dict
        Name -> field: those of the layer, the unit where it knows one, ``version`` and
        ``valid_from``; without the shape.
    """
    table = _table(layer)
    if layer == UNIT or LAYERS[layer].level:
        fields = [
            Field("code", Kind.TEXT, "division code"),
            Field("name", Kind.TEXT, "official name"),
            Field("level", Kind.TEXT, "level of the division", choices=tuple(_LEVELS)),
            Field("kind", Kind.TEXT, "kind, after its code or by choice"),
            Field("parent_code", Kind.TEXT, "division one level up"),
            Field("unit_name", Kind.TEXT, "who answers for a dedicated grid"),
        ]
    else:
        fields = list(LAYERS[layer].fields)
        place = _place(layer)
        if place in table.c and place not in LAYERS[layer].columns:
            fields.append(Field(place, Kind.TEXT, "code of the division it lies in"))
    fields += [
        Field("version", Kind.INTEGER, "changes with every change of the row"),
        Field("valid_from", Kind.DATE, "first day on which it is so"),
    ]
    return {field.name: field for field in fields}


_LEVELS = ("district", "street", "community", "grid")


def key_of(layer: str) -> tuple[str, ...]:
    """Return the columns that identify a row of a layer.

    Parameters
    ----------
    layer
        A key of `LAYERS`, or `UNIT`.

    Returns
    -------
    tuple of str
        Names of columns.
    """
    return ("code",) if layer == UNIT else LAYERS[layer].key


def has_shape(layer: str) -> bool:
    """Tell whether a layer's rows have a shape.

    Parameters
    ----------
    layer
        A key of `LAYERS`, or `UNIT`.

    Returns
    -------
    bool
        Whether they have.
    """
    return "geom" in _table(layer).c


def knows_place(layer: str) -> bool:
    """Tell whether a layer's rows say in which unit they lie.

    Parameters
    ----------
    layer
        A key of `LAYERS`, or `UNIT`.

    Returns
    -------
    bool
        Whether `Wanted.within` can be asked of it.
    """
    return _place(layer) in _table(layer).c


def read_items(
    conn: Connection,
    wanted: Wanted,
    *,
    after: Sequence[str] = (),
    limit: int,
    srid: int | None = STORAGE_SRID,
    turned: bool = False,
) -> list[Item]:
    """Read a page of a layer's rows, in the order of their keys.

    Parameters
    ----------
    conn
        An open connection.
    wanted
        Which rows.
    after
        The key after which the page begins; empty for the first page.
    limit
        The most rows to return.
    srid
        The frame of the shapes, which is EPSG's number; None to leave them out.
    turned
        Write north before east, as EPSG defines some frames.

    Returns
    -------
    list of Item
        Each object once.

    Raises
    ------
    FilterError, InputError
        See `conditions_of`; the layer knows no unit or no name.

    Notes
    -----
    The database writes the JSON: a thousand buildings take it 5 ms, and 10 more here.
    """
    key = key_of(wanted.layer)
    page = _rows(wanted, after, limit=limit)
    fields = sa.select(*(page.c[name] for name in shown_fields(wanted.layer)))
    shown = fields.correlate(page).lateral("shown")
    row = sa.cast(sa.func.row_to_json(shown.table_valued()), sa.Text)
    shape = _as_geojson(page.c.geom, srid, turned=turned) if "geom" in page.c else None
    query = (
        sa.select(
            *(page.c[name].label(f"key_{n}") for n, name in enumerate(key)),
            row,
            sa.null() if shape is None or srid is None else shape,
        )
        .select_from(page.join(shown, sa.true()))
        .order_by(*(page.c[name] for name in key))
    )
    return [Item(tuple(found[:-2]), found[-2], found[-1]) for found in conn.execute(query)]


def count_items(conn: Connection, wanted: Wanted) -> int:
    """Count a layer's rows.

    Parameters
    ----------
    conn
        An open connection.
    wanted
        Which rows.

    Returns
    -------
    int
        All of them, on whatever page.

    Raises
    ------
    FilterError, InputError
        See `read_items`.
    """
    rows = _rows(wanted, bare=True)
    return int(conn.execute(sa.select(sa.func.count()).select_from(rows)).scalar_one())


def read_extent(conn: Connection, layer: str, *, day: dt.date) -> tuple[float, ...] | None:
    """Read where a layer's rows lie.

    Parameters
    ----------
    conn
        An open connection.
    layer
        A layer with a shape.
    day
        The day of the rows.

    Returns
    -------
    tuple of float or None
        West, south, east, north in degrees; None where it has no rows.
    """
    rows = _rows(Wanted(layer, day, day))
    box = sa.cast(ST_Extent(rows.c.geom), sa.Text)
    text = conn.execute(sa.select(box)).scalar_one()
    if text is None:
        return None
    pairs = text.removeprefix("BOX(").removesuffix(")").split(",")
    return tuple(float(part) for pair in pairs for part in pair.split())


def _table(layer: str) -> Table:
    return t.division if layer == UNIT else layer_table(layer)


def _place(layer: str) -> str:
    if layer == UNIT or LAYERS[layer].level:
        return "code"
    return _PLACES.get(layer, "grid_code")


def _rows(
    wanted: Wanted, after: Sequence[str] = (), *, limit: int | None = None, bare: bool = False
) -> sa.Subquery:
    """Return the wanted rows with what is shown of them and the shape; bare with the key only.

    A limit is asked of present and former rows too: each then comes from its index in the order of
    the key, where the planner would sort both together (50 ms of a page of 60).
    """
    table, key = _table(wanted.layer), key_of(wanted.layer)
    once = wanted.first != wanted.last or wanted.first is None  # of several states the last

    def ordered(query: Any, columns: Any) -> Any:
        keys = [columns[name] for name in key]
        if once:
            query = query.distinct(*keys).order_by(*keys, columns.valid_from.desc())
        return query if limit is None else query.order_by(*(() if once else keys)).limit(limit)

    tables = [(table, False)]
    if "valid" not in table.c:
        tables.append((t.HISTORY[table], True))
    parts = []
    for number, (source, past) in enumerate(tables):
        part = _part(source, wanted, after, past=past, bare=bare).subquery(f"part_{number}")
        parts.append(sa.select(ordered(sa.select(part), part.c).subquery(f"rows_{number}")))
    both = sa.union_all(*parts).subquery("both")
    return ordered(sa.select(both), both.c).subquery("page")


def _part(
    table: Table, wanted: Wanted, after: Sequence[str], *, past: bool, bare: bool
) -> sa.Select[Any]:
    """Return what present or former rows of a layer have of what is wanted."""
    known = _columns(table, wanted.layer)
    key = key_of(wanted.layer)
    names = list(dict.fromkeys([*key, "valid_from", *([] if bare else known)]))
    where = [
        *_days(table, wanted.first, wanted.last, past=past),
        *_conditions(table, wanted, known),
    ]
    if after:
        where.append(sa.tuple_(*(table.c[name] for name in key)) > sa.tuple_(*after))
    shown = (known[name].label("geom" if name == GEOMETRY else name) for name in names)
    return sa.select(*shown).where(*where)


def _columns(table: Table, layer: str) -> dict[str, sa.ColumnElement[Any]]:
    """Return what is shown of a table, by name: the only names that a filter can name."""
    periods = "valid" in table.c
    columns: dict[str, sa.ColumnElement[Any]] = {
        **{name: table.c[name] for name in shown_fields(layer) if name in table.c},
        "version": table.c.batch_id if periods else table.c.version,
        "valid_from": sa.func.lower(table.c.valid) if periods else table.c.valid_from,
    }
    if "geom" in table.c:
        columns[GEOMETRY] = table.c.geom
    return columns


def _days(
    table: Table, first: dt.date | None, last: dt.date | None, *, past: bool
) -> list[sa.ColumnElement[bool]]:
    """Return the condition that a row was true on a day, or on some day of a time."""
    if "valid" in table.c:
        if first == last and first is not None:
            return [holds(table.c.valid, first)]
        ends = (sa.literal(end, sa.Date) for end in (first, last))
        time = sa.func.daterange(*ends, "[]", type_=DATERANGE)
        return [table.c.valid.bool_op("&&")(time)]
    since = [table.c.valid_from <= last] if last else []
    if not past:
        return since
    until = [table.c.valid_to > first] if first else []
    lasted = table.c.valid_to > table.c.valid_from
    return [*since, *until, lasted, table.c.ended_by.not_in(undone())]


def _conditions(
    table: Table, wanted: Wanted, known: dict[str, sa.ColumnElement[Any]]
) -> list[sa.ColumnElement[bool]]:
    """Return what is asked of the rows beside their day, shapes by index first."""
    found: list[sa.ColumnElement[bool]] = []
    if wanted.layer != UNIT and LAYERS[wanted.layer].level:
        found.append(table.c.level == str(LAYERS[wanted.layer].level))
    if wanted.within:
        if _place(wanted.layer) not in table.c:
            raise InputError("this layer does not know in which unit its rows lie")
        found += below(table.c[_place(wanted.layer)], wanted.within)
    if wanted.area is not None:
        found += covers_box(table.c.geom, wanted.area)
    found += [known[name] == value for name, value in wanted.equal]
    if wanted.search:
        if "name" not in table.c:
            raise InputError("the rows of this layer have no name to search")
        found.append(table.c.name.icontains(wanted.search, autoescape=True))
    if wanted.filter is not None:
        kinds = {name: field.kind for name, field in shown_fields(wanted.layer).items()}
        found.append(conditions_of(wanted.filter, known, kinds, wanted.to_storage))
    return found


def _as_geojson(geom: Any, srid: int | None, *, turned: bool) -> sa.ColumnElement[Any]:
    shape = geom if srid in (None, STORAGE_SRID) else ST_Transform(geom, srid)
    shape = ST_FlipCoordinates(shape) if turned else shape
    # Option 0: no member "crs", which GeoJSON has no more.
    return ST_AsGeoJSON(shape, DECIMALS[srid in DEGREES], 0)


DEGREES = frozenset({STORAGE_SRID, 4326})
"""Frames whose coordinates are degrees."""
