"""The book of writes: who wrote what from which file, what it changed, and taking it back.

Belongs here: batches, the rows before and after each, undoing, what became of divisions. Does
not belong here: the rows themselves (``changes``, ``layers``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from gridmap import tables as t
from gridmap.errors import Conflict
from gridmap.model import LAYERS, Batch
from gridmap.store.conditions import layer_table, undone
from gridmap.store.transfer import insert_rows

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from sqlalchemy import Connection, Table


def write_batch(conn: Connection, **values: object) -> int:
    """Open a batch and name it as the cause of what this transaction changes.

    Parameters
    ----------
    conn
        An open connection.
    **values
        Columns of ``import_batch``.

    Returns
    -------
    int
        The batch's id.
    """
    counts = {"inserted": 0, "updated": 0, "unchanged": 0}
    query = t.import_batch.insert().values(**counts, **values).returning(t.import_batch.c.id)
    batch_id = int(conn.execute(query).scalar_one())
    conn.execute(sa.select(sa.func.set_config("gridmap.batch", str(batch_id), True)))  # noqa: FBT003
    return batch_id


def write_counts(conn: Connection, batch_id: int, **counts: int) -> None:
    """Write how many rows a batch changed, in the transaction that opened it.

    Parameters
    ----------
    conn
        An open connection.
    batch_id
        From `write_batch`.
    **counts
        inserted, updated, unchanged, ended.
    """
    query = t.import_batch.update().where(t.import_batch.c.id == batch_id)
    conn.execute(query.values(**counts))


def read_batches(
    conn: Connection,
    *,
    batch_id: int | None = None,
    key: str | None = None,
    before: int | None = None,
    limit: int = 1000,
) -> list[Batch]:
    """Read the book of writes, the last first.

    Parameters
    ----------
    conn
        An open connection.
    batch_id
        Only this batch.
    key
        Only the batch with this idempotency key.
    before
        Only batches with a lower id.
    limit
        The most rows to return.

    Returns
    -------
    list of Batch
        Empty if there is none.
    """
    b, later = t.import_batch.c, t.import_batch.alias("later")
    by = sa.select(later.c.id).where(later.c.undoes == b.id).scalar_subquery()
    names = [name for name in Batch.__dataclass_fields__ if name != "undone_by"]
    query = sa.select(*(b[name] for name in names), by.label("undone_by"))
    if batch_id is not None:
        query = query.where(b.id == batch_id)
    if key is not None:
        query = query.where(b.key == key)
    if before is not None:
        query = query.where(b.id < before)
    rows = conn.execute(query.order_by(b.id.desc()).limit(limit))
    return [Batch(**row._mapping) for row in rows]


def read_images(
    conn: Connection, layer: str, batch_id: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Read a table's rows as they were before a batch, and as it left them.

    Parameters
    ----------
    conn
        An open connection.
    layer
        A layer's name; all levels of divisions share one table.
    batch_id
        The batch.

    Returns
    -------
    list of dict, list of dict
        Rows before and rows after, in the order of their keys: all columns but our own stamps;
        dates as text; geometry as hexadecimal EWKB.
    """
    table = layer_table(layer)
    past = t.HISTORY[table]
    names = [c.name for c in table.c if c.name not in ("sys_from", "batch_id", "version")]
    order = LAYERS[layer].key

    def rows(of: Table, *when: sa.ColumnElement[bool]) -> sa.Select[Any]:
        shown = [
            sa.cast(of.c[name], sa.Text).label(name)
            if name in ("geom", "valid", "valid_from")
            else of.c[name]
            for name in names
        ]
        return sa.select(*shown).where(*when)

    before = rows(past, past.c.ended_by == batch_id)
    if "valid" in table.c:
        after = _periods_after(table, batch_id, rows)
    else:
        after = rows(table, table.c.batch_id == batch_id).union_all(
            rows(past, past.c.batch_id == batch_id)
        )
    return tuple(  # type: ignore[return-value]
        [dict(row._mapping) for row in conn.execute(query.order_by(*map(sa.column, order)))]
        for query in (before, after)
    )


def _periods_after(
    table: Table, batch_id: int, rows: Callable[..., sa.Select[Any]]
) -> sa.CompoundSelect[Any]:
    """Return the periods that a batch began, and those that it shortened, as it left them."""
    past = t.HISTORY[table]
    mine = sa.union(
        sa.select(past.c.id).where(past.c.ended_by == batch_id),
        *(sa.select(of.c.id).where(of.c.batch_id == batch_id) for of in (table, past)),
    ).subquery()
    # Until the next write changed the row it stood as this one left it.
    following = past.alias("following")
    next_one = (
        sa.select(sa.func.min(following.c.ended_by))
        .where(following.c.id == past.c.id, following.c.ended_by > batch_id)
        .scalar_subquery()
    )
    changed = sa.select(past.c.id).where(past.c.ended_by > batch_id)
    return rows(table, table.c.id.in_(sa.select(mine)), table.c.id.not_in(changed)).union_all(
        rows(past, past.c.id.in_(sa.select(mine)), past.c.ended_by == next_one)
    )


def undo_batch(conn: Connection, batch: Batch) -> dict[str, int]:
    """Take back what a batch changed, in a transaction whose own batch undoes it.

    Every row is then exactly as it was, with its version and the batch that wrote it.

    Parameters
    ----------
    conn
        An open connection, after `write_batch` with ``undoes``.
    batch
        The batch to undo.

    Returns
    -------
    dict
        inserted, updated, ended: how many rows came back, were put back, went away.

    Raises
    ------
    Conflict
        Later batches changed the same rows; they have to be undone first.
    """
    later: set[int] = set()
    for table in t.HISTORY:
        later |= _later(conn, table, batch.id)
    if later:
        these = ", ".join(map(str, sorted(later, reverse=True)))
        raise Conflict(
            f"later batches changed rows of batch {batch.id}; undo them first, in this order: "
            f"{these}"
        )
    counts = {"inserted": 0, "updated": 0, "ended": 0}
    for table in t.HISTORY:
        for name, count in _put_back(conn, table, batch.id).items():
            counts[name] += count
    return counts


def _id(table: Table) -> str:
    return "id" if "valid" in table.c else "code"


def _touched(past: Table, batch_id: int) -> sa.Select[Any]:
    """Return the ids of the rows that a batch changed or ended."""
    return sa.select(past.c[_id(past)]).where(past.c.ended_by == batch_id)


def _later(conn: Connection, table: Table, batch_id: int) -> set[int]:
    """Return the batches, not undone, that changed rows which a batch had changed."""
    past, name = t.HISTORY[table], _id(table)
    mine = sa.union(
        _touched(past, batch_id),
        *(sa.select(of.c[name]).where(of.c.batch_id == batch_id) for of in (table, past)),
    ).subquery()
    undo = sa.select(t.import_batch.c.id).where(t.import_batch.c.undoes.is_not(None))
    changed = sa.select(past.c.ended_by).where(
        past.c[name].in_(sa.select(mine)),
        past.c.ended_by > batch_id,
        past.c.ended_by.not_in(undone()),
        past.c.ended_by.not_in(undo),
    )
    written = sa.select(table.c.batch_id).where(
        table.c[name].in_(sa.select(mine)), table.c.batch_id > batch_id
    )
    return set(conn.execute(sa.union(changed, written)).scalars())


def _put_back(conn: Connection, table: Table, batch_id: int) -> dict[str, int]:
    """Delete what a batch inserted, put back what it changed, insert what it ended."""
    past, name = t.HISTORY[table], _id(table)
    columns = [c.name for c in table.c]
    images = sa.select(*(past.c[c] for c in columns)).where(past.c.ended_by == batch_id).subquery()
    known = sa.select(images.c[name])
    here = sa.select(table.c[name])
    # Counted before: what is inserted here must not be taken for something that was there.
    lost = conn.execute(
        sa.select(sa.func.count()).select_from(images).where(images.c[name].not_in(here))
    ).scalar_one()
    gone = conn.execute(
        table.delete().where(table.c.batch_id == batch_id, table.c[name].not_in(known))
    )
    changed = conn.execute(
        table.update()
        .values({c: images.c[c] for c in columns if c != name})
        .where(table.c[name] == images.c[name])
    )
    if lost:
        back = sa.select(images).where(images.c[name].not_in(here))
        conn.execute(table.insert().from_select(columns, back))
    return {"inserted": int(lost), "updated": changed.rowcount, "ended": gone.rowcount}


def read_left(conn: Connection, layer: str, codes: pd.Index, day: dt.date) -> pd.DataFrame:
    """Read what refers, from a day on, to rows of a layer that are no more.

    Parameters
    ----------
    conn
        An open connection.
    layer
        The layer of the codes.
    codes
        Codes of rows that ended.
    day
        The day.

    Returns
    -------
    DataFrame
        Columns code, kind (the layer whose rows refer to it), count.
    """
    duty, org, post, project = t.duty.c, t.organisation.c, t.post.c, t.project.c
    refers = {
        "division": [
            t.division.c.parent_code,
            org.host_code,
            post.host_code,
            duty.target_code,
            project.community_code,
            t.proposal.c.host_code,
        ],
        "building": [duty.target_code, t.entrance.c.building_code, org.seat_code],
        "organisation": [
            org.parent_code,
            post.org_code,
            duty.holder_code,
            duty.target_code,
            t.matter_item.c.unit_code,
        ],
        "post": [duty.holder_code],
        "matter_item": [t.matter.c.item_code],
    }
    since = sa.func.daterange(day, None)
    gone = (
        sa.func.unnest(sa.cast(list(codes), ARRAY(sa.Text))).table_valued("code").render_derived()
    )
    queries = [
        sa.select(
            gone.c.code,
            sa.literal(column.table.name).label("kind"),
            sa.func.count().label("count"),
        )
        .select_from(gone.join(column.table, column == gone.c.code))
        .where(
            column.table.c.valid.bool_op("&&")(since) if "valid" in column.table.c else sa.true()
        )
        .group_by(gone.c.code)
        for column in refers.get(layer_table(layer).name, [])
    ]
    names = ["code", "kind", "count"]
    if not queries or codes.empty:
        return pd.DataFrame(columns=names)
    found = conn.execute(sa.union_all(*queries).order_by("code", "kind"))
    return pd.DataFrame([tuple(row) for row in found], columns=names)


def write_lineage(conn: Connection, frame: pd.DataFrame, *, batch_id: int) -> None:
    """Write what became of divisions.

    Parameters
    ----------
    conn
        An open connection.
    frame
        Columns level, old_code, new_code, effective, area_m2, old_share, new_share.
    batch_id
        The write that changed them.
    """
    columns = [c.name for c in t.lineage.c if c.name != "id"]
    insert_rows(conn, t.lineage, frame.assign(batch_id=batch_id), columns)


def read_lineage(conn: Connection, code: str = "") -> pd.DataFrame:
    """Read what became of divisions, what was undone left out.

    Parameters
    ----------
    conn
        An open connection.
    code
        A division before or after; empty for all.

    Returns
    -------
    DataFrame
        Columns level, old_code, new_code, effective, area_m2 (m²), old_share and new_share
        (0..1 of the old and of the new division), batch_id; by date and codes.
    """
    c = t.lineage.c
    names = [name for name in c.keys() if name != "id"]  # noqa: SIM118  a collection, no dict
    query = sa.select(*(c[name] for name in names)).where(c.batch_id.not_in(undone()))
    if code:
        query = query.where(sa.or_(c.old_code == code, c.new_code == code))
    rows = conn.execute(query.order_by(c.effective, c.old_code, c.new_code, c.batch_id))
    found = pd.DataFrame([tuple(row) for row in rows], columns=names)
    # A correction of the same day tells it anew.
    last = found.groupby(["effective", "new_code"])["batch_id"].transform("max")
    return found[found["batch_id"] == last].reset_index(drop=True)
