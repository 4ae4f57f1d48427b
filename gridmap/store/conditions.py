"""Which table, and which rows of it: the conditions that several statements share.

Belongs here: small pieces of a statement, built without a connection. Does not belong here:
whole statements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from geoalchemy2.functions import ST_Intersects, ST_MakeEnvelope

from gridmap import tables as t
from gridmap.crs import STORAGE_SRID
from gridmap.model import LAYERS

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from sqlalchemy import Table


def layer_table(layer: str) -> Table:
    """Return the table that holds a layer; all levels of divisions share one."""
    spec = LAYERS[layer]
    return t.division if spec.level else t.metadata.tables[layer]


def derived_names(layer: str) -> tuple[str, ...]:
    """Return the columns of a layer's rows that tell in which grid they are.

    Parameters
    ----------
    layer
        A layer's name.

    Returns
    -------
    tuple of str
        Of ``grid_code`` and ``grid_share``, those that its table has.
    """
    columns = layer_table(layer).c
    return tuple(name for name in ("grid_code", "grid_share") if name in columns)


def joined_key(table: Table | sa.FromClause, layer: str) -> sa.ColumnElement[str]:
    """Return a layer's key as one text, its columns joined by ``/``."""
    return sa.func.concat_ws("/", *(table.c[name] for name in LAYERS[layer].key))


def holds(valid: sa.ColumnElement[Any], day: Any) -> sa.ColumnElement[bool]:
    """Return the condition that a period contains a day."""
    return valid.bool_op("@>")(sa.cast(day, sa.Date))


def state(
    table: Table,
    names: list[str],
    day: dt.date | sa.BindParameter[Any],
    where: Callable[[Any], list[sa.ColumnElement[bool]]] = lambda _columns: [],
) -> sa.Subquery:
    """Return the rows of a layer's table as they were on a day, with some of its columns.

    ``where`` gives the conditions on a table's columns: they are asked of present and of former
    rows, so that each can use its own index.
    """

    def rows(of: Table, *when: sa.ColumnElement[bool]) -> sa.Select[Any]:
        return sa.select(*(of.c[name] for name in names)).where(*when, *where(of.c))

    if "valid" in table.c:
        return rows(table, holds(table.c.valid, day)).subquery("state")
    past = t.HISTORY[table]
    was = (past.c.valid_from <= day, past.c.valid_to > day, past.c.ended_by.not_in(undone()))
    return rows(table, table.c.valid_from <= day).union_all(rows(past, *was)).subquery("state")


def target_rows(
    lens: str | None = None,
    units: Callable[[sa.ColumnElement[str]], list[sa.ColumnElement[bool]]] = lambda _code: [],
) -> sa.Subquery:
    """Return who covers each target, a row each: lens, unit_code, target_code, status, ….

    A unit's targets stand in one row, for half a million rows of one each take seconds to write.
    ``units`` gives the conditions on a unit's code, an empty text for none.
    """
    u = t.unit_coverage.c
    lists = {
        "target_code": u.target_codes,
        "status": u.statuses,
        "reason": u.reasons,
        "holder_code": u.holder_codes,
        "parts": u.parts,
        "links": u.links,
        "missing": u.missing,
    }
    counts = ("parts", "links")
    columns = (sa.column(name, sa.Integer if name in counts else sa.Text) for name in lists)
    each = sa.func.unnest(*lists.values()).table_valued(*columns, name="each").render_derived()
    query = sa.select(
        u.lens,
        sa.func.nullif(u.unit_code, "").label("unit_code"),
        *(each.c[name] for name in lists),
        u.run_id,
    ).select_from(t.unit_coverage.join(each, sa.true()))
    only = [u.lens == lens] if lens else []
    return query.where(*only, *units(u.unit_code)).subquery("target_coverage")


def told_of(told: sa.Subquery, buildings: Any) -> sa.ColumnElement[bool]:
    """Return the condition that a row of `target_rows` is a building's.

    Its unit's too: so the planner sees how few there are, and does not compare each with each.
    """
    same_unit = sa.func.coalesce(told.c.unit_code, "") == sa.func.coalesce(buildings.grid_code, "")
    return sa.and_(told.c.target_code == buildings.code, same_unit)


def undone() -> sa.Select[Any]:
    """Return the batches that were undone: what they ended was never ended."""
    undoes = t.import_batch.c.undoes
    return sa.select(undoes).where(undoes.is_not(None))


def below(column: sa.ColumnElement[str], prefix: str) -> list[sa.ColumnElement[bool]]:
    """Return the half-open range of a code prefix; ':' is the byte after '9'."""
    return [column >= prefix, column < prefix + ":"] if prefix else []


def scope(columns: Any, layer: str, within: str) -> list[sa.ColumnElement[bool]]:
    """Return the rows of a table that are of a layer, and in a unit where the layer knows one.

    A road, an area or a gate is where its ground is, in several units perhaps; the grid that its
    row names is for scopes only.
    """
    level = LAYERS[layer].level
    if level:
        return [columns.level == str(level), *below(columns.code, within)]
    return below(columns.grid_code, within) if layer in ("building", "camera") else []


def inside(
    geom: sa.ColumnElement[Any], window: tuple[float, float, float, float] | None
) -> list[sa.ColumnElement[bool]]:
    """Return the condition to touch a window, index condition first (reliability.md 0.1)."""
    if window is None:
        return []
    box = ST_MakeEnvelope(*window, STORAGE_SRID)
    return [geom.bool_op("&&")(box), ST_Intersects(geom, box)]
