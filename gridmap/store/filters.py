"""Filters of a layer's rows: a tree of CQL2 as conditions of a statement.

Belongs here: what each operator means in SQL, which types it can be asked of. Does not belong
here: reading the language (``expressions``), which columns a layer shows (``items``).

Names are looked up in a table of columns that the caller gives, and values are always bound:
nothing of a filter's text becomes a part of a statement.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
import sqlalchemy as sa
from geoalchemy2.functions import (
    ST_Contains,
    ST_Crosses,
    ST_Equals,
    ST_GeomFromWKB,
    ST_Intersects,
    ST_Overlaps,
    ST_Touches,
    ST_Within,
)

from gridmap.crs import STORAGE_SRID
from gridmap.errors import FilterError
from gridmap.model import Kind
from gridmap.store.expressions import COMPARISONS, SPATIAL, TEMPORAL, Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Columns = Mapping[str, sa.ColumnElement[Any]]
    Condition = sa.ColumnElement[bool]
    ToStorage = Callable[[Any], Any]

GEOMETRY = "geometry"
"""The name of a layer's shape in a filter and in an answer."""

_SHAPES = {
    "s_intersects": ST_Intersects,
    "s_within": ST_Within,
    "s_contains": ST_Contains,
    "s_equals": ST_Equals,
    "s_touches": ST_Touches,
    "s_crosses": ST_Crosses,
    "s_overlaps": ST_Overlaps,
}
_TURNED = {"s_within": "s_contains", "s_contains": "s_within", "t_before": "t_after"}
_TURNED["t_after"] = "t_before"
_NUMBERS = (Kind.INTEGER, Kind.NUMBER)


def touches(geom: sa.ColumnElement[Any], wkb: Any) -> list[sa.ColumnElement[bool]]:
    """Return the condition to touch a shape, index condition first (reliability.md 0.1).

    Parameters
    ----------
    geom
        A column of shapes in EPSG:4490.
    wkb
        A shape in EPSG:4490, as WKB in a bound value.

    Returns
    -------
    list
        Two conditions.
    """
    drawn = ST_GeomFromWKB(wkb, STORAGE_SRID)
    return [geom.bool_op("&&")(drawn), ST_Intersects(geom, drawn)]


def conditions_of(
    tree: Tree, columns: Columns, kinds: Mapping[str, Kind], to_storage: ToStorage
) -> sa.ColumnElement[bool]:
    """Return what a filter asks of a table's rows.

    Parameters
    ----------
    tree
        From `expressions.parse_filter`.
    columns
        Name in the filter -> column: the allow-list.
    kinds
        Name -> type of the column; the shape has none.
    to_storage
        Turns a shape of the filter's frame into one of EPSG:4490.

    Returns
    -------
    ColumnElement
        One condition.

    Raises
    ------
    FilterError
        It names a column that is not in ``columns``, compares what cannot be compared, or has an
        operator or a shape that gridmap does not know.

    Notes
    -----
    Rule: null is neither true nor false, as in SQL and CQL2. Source: OGC 21-065, 6 to 8.
    """
    return _Translation(columns, kinds, to_storage).condition(tree)


@dataclass(frozen=True)
class _Value:
    """A side of a comparison: its type, and how it stands in SQL."""

    kind: Kind
    sql: sa.ColumnElement[Any]


@dataclass(frozen=True)
class _Translation:
    columns: Columns
    kinds: Mapping[str, Kind]
    to_storage: ToStorage

    def condition(self, tree: Any) -> sa.ColumnElement[bool]:
        if isinstance(tree, dict) and "property" in tree:
            value = self.value(tree)
            if value.kind is not Kind.BOOLEAN:
                raise FilterError("a column that stands alone in a filter must be of yes and no")
            return value.sql
        name, parts = tree["op"], tree["args"]
        if name in ("and", "or"):
            joined = sa.and_ if name == "and" else sa.or_
            return joined(*(self.condition(part) for part in parts))
        if name == "not":
            return sa.not_(self.condition(parts[0]))
        if name in ("true", "false"):
            return sa.true() if name == "true" else sa.false()
        if name in COMPARISONS:
            return self.comparison(name, *parts)
        if name in SPATIAL:
            return self.spatial(name, *parts)
        if name in TEMPORAL:
            return self.temporal(name, *parts)
        asked: dict[str, Callable[..., sa.ColumnElement[bool]]] = {
            "isNull": self.is_null,
            "like": self.like,
            "between": self.between,
            "in": self.within,
        }
        return asked[name](*parts)

    # --- values

    def name(self, part: Any) -> str:
        name: str = part["property"]
        if name not in self.columns:
            known = ", ".join(self.columns)
            raise FilterError(f"the filter names a column that the layer has not; it has {known}")
        return name

    def value(self, part: Any) -> _Value:
        if isinstance(part, bool):
            return _Value(Kind.BOOLEAN, sa.literal(part, sa.Boolean))
        if isinstance(part, int | float):
            return _Value(Kind.NUMBER, sa.literal(part))
        if isinstance(part, str):
            return _Value(Kind.TEXT, sa.literal(part, sa.Text))
        if "date" in part or "timestamp" in part:
            day = day_of(next(iter(part.values())))
            return _Value(Kind.DATE, sa.literal(day, sa.Date))
        if part.get("op") == "casei":
            inner = self.value(part["args"][0])
            if inner.kind is not Kind.TEXT:
                raise FilterError("CASEI is of text")
            return _Value(Kind.TEXT, sa.func.lower(inner.sql))
        if "property" not in part:
            raise FilterError("an INTERVAL stands only in T_INTERSECTS and its like")
        name = self.name(part)
        if name == GEOMETRY:
            raise FilterError("a shape is compared by S_INTERSECTS and its like only")
        return _Value(self.kinds[name], self.columns[name])

    def alike(self, *parts: Any) -> list[_Value]:
        """Return values of one type: a number is a number, a day may be written as text."""
        values = [self.value(part) for part in parts]
        kinds = {Kind.NUMBER if v.kind in _NUMBERS else v.kind for v in values}
        if kinds == {Kind.DATE, Kind.TEXT}:
            texts = [isinstance(part, str) for part in parts]
            if all(text == (v.kind is Kind.TEXT) for text, v in zip(texts, values, strict=True)):
                return [
                    _Value(Kind.DATE, sa.literal(day_of(part), sa.Date)) if text else value
                    for part, text, value in zip(parts, texts, values, strict=True)
                ]
        if len(kinds) > 1:
            told = " with ".join(sorted(kinds))
            raise FilterError(f"the filter compares {told}")
        if kinds == {Kind.TEXT} and sum(_has_column(part) for part in parts) > 1:
            # Codes and names have other orders; PostgreSQL refuses to choose one of two.
            return [_Value(value.kind, value.sql.collate("C")) for value in values]
        return values

    # --- what can be asked of values

    def comparison(self, name: str, left: Any, right: Any) -> sa.ColumnElement[bool]:
        one, other = self.alike(left, right)
        if one.kind is Kind.BOOLEAN and name not in ("=", "<>"):
            raise FilterError("yes and no are compared by = and <> only")
        return one.sql.bool_op(name)(other.sql)

    def is_null(self, part: Any) -> sa.ColumnElement[bool]:
        if isinstance(part, dict) and part.get("property") == GEOMETRY:
            return self.columns[self.name(part)].is_(None)
        return self.value(part).sql.is_(None)

    def like(self, part: Any, pattern: Any) -> sa.ColumnElement[bool]:
        bare = pattern["args"][0] if isinstance(pattern, dict) and "args" in pattern else pattern
        if not isinstance(bare, str):
            raise FilterError("LIKE needs a pattern in single quotes")
        if (len(bare) - len(bare.rstrip("\\"))) % 2:
            raise FilterError("a pattern of LIKE ends in a \\ that has nothing after it")
        one, other = self.value(part), self.value(pattern)
        if one.kind is not Kind.TEXT:
            raise FilterError("LIKE is asked of text")
        return one.sql.like(other.sql)

    def between(self, part: Any, low: Any, high: Any) -> sa.ColumnElement[bool]:
        one, least, most = self.alike(part, low, high)
        if one.kind not in (*_NUMBERS, Kind.DATE):
            raise FilterError("BETWEEN is asked of numbers and days")
        return one.sql.between(least.sql, most.sql)

    def within(self, part: Any, listed: list[Any]) -> sa.ColumnElement[bool]:
        one, *others = self.alike(part, *listed)
        return one.sql.in_([other.sql for other in others])

    # --- space

    def spatial(self, name: str, left: Any, right: Any) -> sa.ColumnElement[bool]:
        if "property" in right:
            left, right, name = right, left, _TURNED.get(name, name)
        if "property" not in left or "property" in right:
            raise FilterError("a shape is compared with the layer's geometry")
        if self.name(left) != GEOMETRY:
            raise FilterError("only the column geometry is a shape")
        geom, drawn = self.columns[GEOMETRY], _drawn(self.shape(right))
        near = geom.bool_op("&&")(drawn)
        if name == "s_disjoint":
            return sa.not_(sa.and_(near, ST_Intersects(geom, drawn)))
        return sa.and_(near, _SHAPES[name](geom, drawn))

    def shape(self, part: Tree) -> Any:
        if "bbox" in part:
            found = _box(part["bbox"])
        else:
            try:
                with np.errstate(over="ignore"):  # a number too large is told of below
                    found = shapely.from_wkt(part["wkt"])
            except shapely.errors.GEOSException as error:
                raise FilterError("a shape of the filter is no WKT") from error
        if not math.isfinite(float(abs(shapely.get_coordinates(found)).sum())):
            raise FilterError("a shape of the filter has a coordinate that is no number")
        if found.is_empty or not found.is_valid:
            raise FilterError("a shape of the filter is empty or crosses itself")
        return self.to_storage(found)

    # --- time

    def temporal(self, name: str, left: Any, right: Any) -> sa.ColumnElement[bool]:
        if not _is_column(left):
            left, right, name = right, left, _TURNED.get(name, name)
        if not _is_column(left) or _is_column(right):
            raise FilterError("a time is compared with a column of days")
        column = self.value(left)
        if column.kind is not Kind.DATE:
            raise FilterError("only a column of days is compared with a time")
        return _when(name, column.sql, *_period(right), whole="interval" in right)


def _is_column(part: Any) -> bool:
    return isinstance(part, dict) and "property" in part


def _has_column(part: Any) -> bool:
    inner = part.get("args", ()) if isinstance(part, dict) else ()
    return _is_column(part) or any(map(_is_column, inner))


def _when(
    name: str,
    day: sa.ColumnElement[Any],
    first: dt.date | None,
    last: dt.date | None,
    *,
    whole: bool,
) -> sa.ColumnElement[bool]:
    """Return how a column of days stands to a period; None is an end that is open."""
    since = [day >= first] if first else []
    until = [day <= last] if last else []
    if name == "t_before":
        return day < first if first else sa.false()
    if name == "t_after":
        return day > last if last else sa.false()
    if name == "t_equals" and ((whole and first != last) or first is None):
        return sa.false()  # a day is no period
    if name == "t_during":
        if not whole:
            raise FilterError("T_DURING needs an INTERVAL")
        since = [day > first] if first else []
        until = [day < last] if last else []
    during = sa.and_(sa.true(), day.is_not(None), *since, *until)
    return sa.not_(during) & day.is_not(None) if name == "t_disjoint" else during


def _period(part: Any) -> tuple[dt.date | None, dt.date | None]:
    """Return the first and the last day of a time in a filter."""
    if isinstance(part, str):
        part = {"date": part}
    if not isinstance(part, dict) or not part.keys() & {"date", "timestamp", "interval"}:
        raise FilterError("a time is DATE('…'), TIMESTAMP('…') or INTERVAL('…','…')")
    if "interval" not in part:
        day = day_of(next(iter(part.values())))
        return day, day
    first, last = (None if end in ("..", "") else day_of(end) for end in part["interval"])
    if first and last and first > last:
        raise FilterError("an INTERVAL of the filter ends before it begins")
    return first, last


def day_of(text: str) -> dt.date:
    """Return the day of a date or of a time of a day, as it is written.

    Parameters
    ----------
    text
        As ``2026-06-01`` or ``2026-06-01T08:00:00Z``.

    Returns
    -------
    date
        The day; the time of day is not looked at, for gridmap keeps days.

    Raises
    ------
    FilterError
        It is neither.

    Examples
    --------
    >>> day_of("2026-06-01T08:00:00Z")
    datetime.date(2026, 6, 1)
    """
    try:
        if len(text) == len("2026-06-01"):
            return dt.date.fromisoformat(text)
        if "T" in text.upper():
            return dt.datetime.fromisoformat(text.upper()).date()
    except ValueError:
        pass
    raise FilterError("a day is written as 2026-06-01, a time as 2026-06-01T08:00:00Z")


def _box(numbers: list[float]) -> Any:
    west, south, east, north = numbers if len(numbers) == 4 else (*numbers[:2], *numbers[3:5])
    if west > east or south > north:
        raise FilterError("BBOX is least and greatest of each axis")
    return shapely.box(west, south, east, north)


def _drawn(shape: Any) -> sa.ColumnElement[Any]:
    return ST_GeomFromWKB(sa.literal(shapely.to_wkb(shape), sa.LargeBinary), STORAGE_SRID)
