"""Single rows that are changed by name: what is stored of them, and their end; change sets.

Belongs here: statements on rows of any layer by their keys, and on the table of change sets. Does
not belong here: how rows are compared and written (``changes``), the book of writes (``batches``).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import shapely
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from gridmap import tables as t
from gridmap.model import LAYERS
from gridmap.store.changes import Staged, staged_layer, write_changes
from gridmap.store.conditions import joined_key, layer_table, scope, state

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterator, Mapping

    import pandas as pd
    from sqlalchemy import Connection


@dataclass(frozen=True)
class StoredRow:
    """A row as it is on a day.

    ``version`` is the batch that made it so: it never comes again, as a count does after an
    undoing. ``unit_code`` is the division it is in, None where it is in none.
    """

    key: str
    version: int
    unit_code: str | None
    fields: dict[str, Any]
    geometry: shapely.Geometry | None


def read_rows(
    conn: Connection, layer: str, keys: Collection[str], *, as_of: dt.date
) -> dict[str, StoredRow]:
    """Read rows of a layer by their keys.

    Parameters
    ----------
    conn
        An open connection.
    layer
        A layer's name.
    keys
        Their keys, joined by ``/`` where they have several columns.
    as_of
        The date.

    Returns
    -------
    dict
        By key, those that are there; geometry in EPSG:4490.
    """
    spec, table = LAYERS[layer], layer_table(layer)
    unit = t.UNIT_COLUMN.get(table)
    shape = ["geom"] if spec.kinds else []
    names = [*spec.columns, *shape, "batch_id"]
    names += [unit] if unit and unit not in names else []
    rows = state(table, names, as_of, lambda c: [*_named(c, layer, keys), *scope(c, layer, "")])
    key = joined_key(rows, layer)
    wanted = sa.literal(list(keys), ARRAY(sa.Text))
    shapes = [sa.func.ST_AsBinary(rows.c.geom).label("geom")] if spec.kinds else []
    columns = [c for c in rows.c if c.name != "geom"]
    query = sa.select(key.label("key"), *columns, *shapes).where(key == sa.any_(wanted))
    found = {}
    for row in conn.execute(query).mappings():
        code = row[unit] if unit else None
        wkb = row["geom"] if spec.kinds else None
        found[row["key"]] = StoredRow(
            row["key"],
            row["batch_id"],
            code,
            {name: row[name] for name in spec.columns},
            None if wkb is None else shapely.from_wkb(bytes(wkb)),
        )
    return found


def _named(columns: Any, layer: str, keys: Collection[str]) -> list[sa.ColumnElement[bool]]:
    """Return a condition that an index serves: the first column begins a key."""
    first, *more = LAYERS[layer].key
    begins = set(keys)
    if more:
        begins = {key[:at] for key in keys for at, sign in enumerate(key) if sign == "/"}
    return [columns[first] == sa.any_(sa.literal(sorted(begins), ARRAY(sa.Text)))]


@dataclass(frozen=True)
class Edited(Staged):
    """Rows of which some end by name."""

    gone: tuple[str, ...] = ()

    @property
    def missing(self) -> sa.ColumnElement[bool]:
        """The condition that a stored row ends, because it is said so."""
        if not self.gone:
            return sa.false()
        named = joined_key(self.table, self.layer) == sa.any_(
            sa.literal(list(self.gone), ARRAY(sa.Text))
        )
        mine = [*_named(self.table.c, self.layer, self.gone), *scope(self.table.c, self.layer, "")]
        return sa.and_(self.lives, named, *mine)


@contextmanager
def staged_edits(
    conn: Connection,
    layer: str,
    frame: pd.DataFrame,
    *,
    effective: dt.date,
    gone: Collection[str] = (),
) -> Iterator[Edited]:
    """Put rows beside what is stored, and name those that end.

    Parameters
    ----------
    conn
        An open connection.
    layer
        A layer's name.
    frame
        As `staged_layer`; may be empty.
    effective
        First day the rows are true, and the others are no more.
    gone
        Keys of rows that end.

    Yields
    ------
    Edited
        Until the end of the block.
    """
    with staged_layer(conn, layer, frame, effective=effective) as rows:
        yield Edited(rows.layer, rows.table, rows.stage, effective, None, tuple(gone))


@contextmanager
def without_rows(
    conn: Connection,
    gone: Mapping[str, Collection[str]],
    frames: Mapping[str, pd.DataFrame],
    *,
    effective: dt.date,
) -> Iterator[None]:
    """See the store as if rows had ended, and write nothing.

    Parameters
    ----------
    conn
        An open connection.
    gone
        Keys of rows by layer.
    frames
        An empty frame of each of those layers.
    effective
        The first day without them.

    Yields
    ------
    None
        Within the block they are not there.

    Notes
    -----
    They are ended and come back with the savepoint: checks need no second way to look at a store.
    """
    point = conn.begin_nested()
    try:
        conn.execute(sa.select(sa.func.set_config("gridmap.batch", "0", True)))  # noqa: FBT003
        for layer, keys in gone.items():
            with staged_edits(conn, layer, frames[layer], effective=effective, gone=keys) as rows:
                write_changes(conn, rows, batch_id=0)
        yield
    finally:
        point.rollback()


def write_change_set(conn: Connection, **values: object) -> None:
    """Write why batches were written together.

    Parameters
    ----------
    conn
        An open connection, in the transaction that wrote the batches.
    **values
        Columns of ``change_set``.
    """
    conn.execute(t.change_set.insert().values(**values))


def read_change_sets(conn: Connection, batch_ids: Collection[int]) -> list[dict[str, Any]]:
    """Read the change sets that batches are of.

    Parameters
    ----------
    conn
        An open connection.
    batch_ids
        The batches.

    Returns
    -------
    list of dict
        id, at, account, reason, effective, request, sha256, batches, answer.
    """
    c = t.change_set.c
    mine = c.batches.bool_op("&&")(sa.literal(list(batch_ids), ARRAY(sa.BigInteger)))
    query = sa.select(t.change_set).where(mine).order_by(c.at, c.id)
    return [dict(row) for row in conn.execute(query).mappings()]
