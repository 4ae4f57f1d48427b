"""Single objects for other programs: a page of a layer, how many there are, one by its code.

Belongs here: which columns a layer shows, which rows of it are wanted, rows as JSON that the
database writes. Does not belong here: reading layers for computing (``layers``), the language of
filters (``expressions``), links and headers (``web``).

A page continues after a key, never at a number of rows: what is written meanwhile moves nothing.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import shapely
import sqlalchemy as sa
from geoalchemy2.functions import ST_AsGeoJSON, ST_Extent, ST_FlipCoordinates, ST_Transform
from sqlalchemy.dialects.postgresql import DATERANGE, distinct_on

from gridmap import tables as t
from gridmap.crs import STORAGE_SRID
from gridmap.errors import InputError
from gridmap.model import LAYERS, Field, Kind, Level
from gridmap.store.conditions import holds, layer_table, undone
from gridmap.store.filters import GEOMETRY, conditions_of, touches

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Table

    from gridmap.store.expressions import Tree

    Row = Callable[[Any], Any]

UNIT = "unit"
"""The divisions of all levels as one layer; in `LAYERS` each level is one."""

GROUND = "ground"
"""The grids with what cameras see of the ground of each, in square metres: figures, no outlines."""

_GROUND = {
    "gross_area_m2": "area of the grid",
    "building_area_m2": "area of its buildings",
    "open_area_m2": "open ground",
    "seen_area_m2": "open ground that a camera possibly sees",
    "certain_area_m2": "open ground that a camera certainly sees",
    "blind_area_m2": "open ground that no camera sees",
    "camera_count": "cameras that see some of it",
}

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

    def values(self) -> dict[str, Any]:
        """Return the values of the statements about these rows.

        Returns
        -------
        dict
            By the names of their places.
        """
        values: dict[str, Any] = {f"equal_{name}": value for name, value in self.equal}
        values |= {"first": self.first, "last": self.last}
        if self.within:
            values |= {"within": self.within, "beyond": self.within + ":"}
        if self.area is not None:
            values["area"] = shapely.to_wkb(self.area)
        if self.search:
            plain = re.sub(r"([\\%_])", r"\\\1", self.search)
            values["search"] = f"%{plain}%"
        return values


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
    if layer == GROUND:
        fields = [Field("code", Kind.TEXT, "grid code"), Field("name", Kind.TEXT, "official name")]
        fields += [Field(name, Kind.NUMBER, meaning) for name, meaning in _GROUND.items()]
    elif layer == UNIT or LAYERS[layer].level:
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
        Field("version", Kind.INTEGER, "the write that made it so; a change must name it"),
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
    return ("code",) if layer in (UNIT, GROUND) else LAYERS[layer].key


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
    form = _form(wanted, after=bool(after))
    query = _page_query(form, wanted, srid, turned)
    values = {**wanted.values(), "limit": limit}
    values |= {f"after_{number}": part for number, part in enumerate(after)}
    found = conn.execute(query, values)
    return [Item(tuple(row[:-2]), row[-2], row[-1]) for row in found]


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
    rows = _rows(_form(wanted), wanted, bare=True)
    query = sa.select(sa.func.count()).select_from(rows)
    return int(conn.execute(query, wanted.values()).scalar_one())


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
    wanted = Wanted(layer, day, day)
    rows = _rows(_form(wanted), wanted)
    box = sa.cast(ST_Extent(rows.c.geom), sa.Text)
    text = conn.execute(sa.select(box), wanted.values()).scalar_one()
    if text is None:
        return None
    pairs = text.removeprefix("BOX(").removesuffix(")").split(",")
    return tuple(float(part) for pair in pairs for part in pair.split())


def _table(layer: str) -> Table | sa.Subquery:
    if layer == GROUND:
        return _ground()
    return t.division if layer == UNIT else layer_table(layer)


@cache
def _ground() -> sa.Subquery:
    """Return the grids with the figures of their ground, as if both were one table."""
    d, g = t.division.c, t.ground_coverage.c
    figures = (g[name] for name in _GROUND)
    joined = t.division.join(t.ground_coverage, d.code == g.unit_code)
    query = sa.select(d.code, d.name, d.valid, d.batch_id, *figures, d.geom).select_from(joined)
    return query.where(d.level == str(Level.GRID)).subquery(GROUND)


def _place(layer: str) -> str:
    """Return the column by which a layer's rows lie in a unit; empty where they lie in none."""
    table = _table(layer)
    return t.UNIT_COLUMN.get(table, "") if isinstance(table, sa.Table) else "code"


def wanted_rows(wanted: Wanted) -> sa.Subquery:
    """Return the wanted rows as a part of a statement.

    Parameters
    ----------
    wanted
        Which rows.

    Returns
    -------
    Subquery
        The columns of `shown_fields`, and ``geom`` where the layer has a shape; its values are
        `Wanted.values`.

    Raises
    ------
    FilterError, InputError
        See `read_items`.
    """
    return _rows(_form(wanted), wanted)


class _Form(NamedTuple):
    """Which conditions a statement has, without their values."""

    layer: str
    day: bool
    first: bool
    last: bool
    area: bool
    within: bool
    equal: tuple[str, ...]
    search: bool
    after: bool


def _form(wanted: Wanted, *, after: bool = False) -> _Form:
    return _Form(
        wanted.layer,
        day=wanted.first == wanted.last and wanted.first is not None,
        first=wanted.first is not None,
        last=wanted.last is not None,
        area=wanted.area is not None,
        within=bool(wanted.within),
        equal=tuple(name for name, _ in wanted.equal),
        search=bool(wanted.search),
        after=after,
    )


def _page_query(form: _Form, wanted: Wanted, srid: int | None, turned: bool) -> sa.Select[Any]:  # noqa: FBT001
    """Return the statement of a page.

    To build it takes a third as long as to run it: those without a filter are kept.
    """
    if wanted.filter is not None:
        return _page(form, wanted, srid, turned)
    return _kept_page(form, srid, turned)


@lru_cache(maxsize=1000)
def _kept_page(form: _Form, srid: int | None, turned: bool) -> sa.Select[Any]:  # noqa: FBT001
    return _page(form, Wanted(form.layer, None, None), srid, turned)


def _page(form: _Form, wanted: Wanted, srid: int | None, turned: bool) -> sa.Select[Any]:  # noqa: FBT001
    key = key_of(form.layer)
    page = _rows(form, wanted, limit=sa.bindparam("limit", type_=sa.Integer))
    fields = sa.select(*(page.c[name] for name in shown_fields(form.layer)))
    shown = fields.correlate(page).lateral("shown")
    row = sa.cast(sa.func.row_to_json(shown.table_valued()), sa.Text)
    shape = _as_geojson(page.c.geom, srid, turned=turned) if "geom" in page.c else None
    return (
        sa.select(
            *(page.c[name].label(f"key_{n}") for n, name in enumerate(key)),
            row,
            sa.null() if shape is None or srid is None else shape,
        )
        .select_from(page.join(shown, sa.true()))
        .order_by(*(page.c[name] for name in key))
    )


def _rows(form: _Form, wanted: Wanted, *, limit: Any = None, bare: bool = False) -> sa.Subquery:
    """Return the wanted rows with what is shown of them and the shape; bare with the key only.

    A limit is asked of present and former rows too: each then comes from its index in the order of
    the key, where the planner would sort both together (50 ms of a page of 60).
    """
    table, key = _table(form.layer), key_of(form.layer)

    def ordered(query: Any, columns: Any) -> Any:
        keys = [columns[name] for name in key]
        if not form.day:  # of several states the last
            query = query.ext(distinct_on(*keys)).order_by(*keys, columns.valid_from.desc())
        return query if limit is None else query.order_by(*(keys if form.day else ())).limit(limit)

    parts = [_part(table, form, wanted, past=False, bare=bare)]
    if isinstance(table, sa.Table) and "valid" not in table.c:
        parts.append(_part(t.HISTORY[table], form, wanted, past=True, bare=bare))
    selected = []
    for number, part in enumerate(parts):
        one = part.subquery(f"part_{number}")
        selected.append(sa.select(ordered(sa.select(one), one.c).subquery(f"rows_{number}")))
    both = sa.union_all(*selected).subquery("both")
    return ordered(sa.select(both), both.c).subquery("page")  # type: ignore[no-any-return]


def _part(
    table: Table | sa.Subquery, form: _Form, wanted: Wanted, *, past: bool, bare: bool
) -> sa.Select[Any]:
    """Return what present or former rows of a layer have of what is wanted."""
    known = _columns(table, form.layer)
    key = key_of(form.layer)
    names = list(dict.fromkeys([*key, "valid_from", *([] if bare else known)]))
    where = [*_days(table, form, past=past), *_conditions(table, form, known)]
    if form.after:
        binds = (sa.bindparam(f"after_{number}", type_=sa.Text) for number in range(len(key)))
        where.append(sa.tuple_(*(table.c[name] for name in key)) > sa.tuple_(*binds))
    if wanted.filter is not None:
        kinds = {name: field.kind for name, field in shown_fields(form.layer).items()}
        where.append(conditions_of(wanted.filter, known, kinds, wanted.to_storage))
    shown = (known[name].label("geom" if name == GEOMETRY else name) for name in names)
    return sa.select(*shown).where(*where)


def _columns(table: Table | sa.Subquery, layer: str) -> dict[str, sa.ColumnElement[Any]]:
    """Return what is shown of a table, by name: the only names that a filter can name."""
    periods = "valid" in table.c
    columns: dict[str, sa.ColumnElement[Any]] = {
        **{name: table.c[name] for name in shown_fields(layer) if name in table.c},
        "version": table.c.batch_id,
        "valid_from": sa.func.lower(table.c.valid, type_=sa.Date)
        if periods
        else table.c.valid_from,
    }
    if "geom" in table.c:
        columns[GEOMETRY] = table.c.geom
    return columns


def _days(table: Table | sa.Subquery, form: _Form, *, past: bool) -> list[sa.ColumnElement[bool]]:
    """Return the condition that a row was true on a day, or on some day of a time."""
    first, last = (sa.bindparam(name, type_=sa.Date) for name in ("first", "last"))
    if "valid" in table.c:
        if form.day:
            return [holds(table.c.valid, first)]
        ends = (sa.cast(end, sa.Date) for end in (first, last))
        return [table.c.valid.bool_op("&&")(sa.func.daterange(*ends, "[]", type_=DATERANGE))]
    since = [table.c.valid_from <= last] if form.last else []
    if not past:
        return since
    until = [table.c.valid_to > first] if form.first else []
    lasted = table.c.valid_to > table.c.valid_from
    return [*since, *until, lasted, table.c.ended_by.not_in(undone())]


def _conditions(
    table: Table | sa.Subquery, form: _Form, known: dict[str, sa.ColumnElement[Any]]
) -> list[sa.ColumnElement[bool]]:
    """Return what is asked of the rows beside their day, shapes by index first."""
    found: list[sa.ColumnElement[bool]] = []
    if form.layer not in (UNIT, GROUND) and LAYERS[form.layer].level:
        found.append(table.c.level == str(LAYERS[form.layer].level))
    if form.within:
        place = _place(form.layer)
        if place not in table.c:
            raise InputError("this layer does not know in which unit its rows lie")
        code = table.c[place]
        found += [code >= sa.bindparam("within"), code < sa.bindparam("beyond")]
    if form.area:
        found += touches(table.c.geom, sa.bindparam("area", type_=sa.LargeBinary))
    found += [known[name] == sa.bindparam(f"equal_{name}") for name in form.equal]
    if form.search:
        if "name" not in table.c:
            raise InputError("the rows of this layer have no name to search")
        found.append(table.c.name.ilike(sa.bindparam("search")))
    return found


def _as_geojson(geom: Any, srid: int | None, *, turned: bool) -> sa.ColumnElement[Any]:
    shape = geom if srid in (None, STORAGE_SRID) else ST_Transform(geom, srid)
    shape = ST_FlipCoordinates(shape) if turned else shape
    # Option 0: no member "crs", which GeoJSON has no more.
    return ST_AsGeoJSON(shape, DECIMALS[srid in DEGREES], 0)


DEGREES = frozenset({STORAGE_SRID, 4326})
"""Frames whose coordinates are degrees."""
