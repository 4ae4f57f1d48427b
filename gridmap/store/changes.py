"""What a transaction changes: batches, layers, assignments to grids, runs and their results.

Belongs here: every statement that writes rows. Does not belong here: how a frame gets into the
database (``transfer``), which rows to write (``jobs``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from gridmap import tables as t
from gridmap.model import LAYERS
from gridmap.store.conditions import holds, layer_table
from gridmap.store.transfer import copy_rows, staged

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Mapping

    import pandas as pd
    from sqlalchemy import Connection, Table


@dataclass(frozen=True)
class Written:
    """How many rows a write inserted, changed, and found already so."""

    inserted: int
    updated: int
    unchanged: int


def write_batch(conn: Connection, **values: object) -> int:
    """Open an import batch and name it as the cause of what this transaction deletes.

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


def write_layer(
    conn: Connection, layer: str, frame: pd.DataFrame, *, effective: dt.date, batch_id: int
) -> Written:
    """Write a layer's rows from a date on: new ones inserted, changed ones changed.

    Rows that the store has and the frame has not stay as they are.

    Parameters
    ----------
    conn
        An open connection.
    layer
        A layer's name.
    frame
        Columns of the layer's specification, parsed; geometry in EPSG:4490. Divisions also
        ``kind`` and ``parent_code``; buildings ``grid_code`` and ``grid_share``; cameras
        ``grid_code``. No key of it is in `read_later_keys`.
    effective
        First day the rows are true.
    batch_id
        From `write_batch`.

    Returns
    -------
    Written
        Counts; their sum is the number of rows.
    """
    table = layer_table(layer)
    key = list(LAYERS[layer].key)
    content = [name for name in _content_columns(table) if name not in key]
    stage = staged(conn, table, frame, [*key, *content])
    same_key = sa.and_(*(table.c[name] == stage.c[name] for name in key))
    differs = sa.or_(
        sa.false(), *(table.c[name].is_distinct_from(stage.c[name]) for name in content)
    )
    if "valid" in table.c:
        written = _apply_periods(conn, table, stage, same_key, differs, effective, batch_id)
    else:
        written = _apply_current(conn, table, stage, same_key, differs, effective, batch_id)
    stage.drop(conn)
    conn.execute(
        t.import_batch.update()
        .where(t.import_batch.c.id == batch_id)
        .values(inserted=written.inserted, updated=written.updated, unchanged=written.unchanged)
    )
    return written


def _apply_current(
    conn: Connection,
    table: Table,
    stage: Table,
    same_key: sa.ColumnElement[bool],
    differs: sa.ColumnElement[bool],
    effective: dt.date,
    batch_id: int,
) -> Written:
    """Change and insert rows of a current table; the trigger keeps what they were."""
    names = [c.name for c in stage.c]
    stamp: dict[str, Any] = {"valid_from": effective, "batch_id": batch_id}
    changes: dict[str, Any] = {
        name: stage.c[name] for name in names if name not in table.primary_key.columns
    }
    if "version" in table.c:
        changes |= {"version": table.c.version + 1, "sys_from": sa.func.now()}
    updated = conn.execute(
        table.update().values(**changes, **stamp).where(same_key, differs)
    ).rowcount
    new = sa.select(*(stage.c[n] for n in names), *(sa.literal(v) for v in stamp.values())).where(
        ~sa.exists().where(same_key)
    )
    inserted = conn.execute(table.insert().from_select([*names, *stamp], new)).rowcount
    return _written(conn, stage, inserted, updated)


def _apply_periods(
    conn: Connection,
    table: Table,
    stage: Table,
    same_key: sa.ColumnElement[bool],
    differs: sa.ColumnElement[bool],
    effective: dt.date,
    batch_id: int,
) -> Written:
    """Correct rows that begin on this day, end changed older rows, insert the new rows."""
    names = [c.name for c in stage.c]
    begins = sa.func.lower(table.c.valid)
    corrected = conn.execute(
        table.update()
        .values(**{name: stage.c[name] for name in names}, batch_id=batch_id)
        .where(same_key, begins == effective, differs)
    ).rowcount
    ended = conn.execute(
        table.update()
        .values(valid=sa.func.daterange(begins, effective))
        .where(same_key, holds(table.c.valid, effective), begins < effective, differs)
    ).rowcount
    holding = sa.exists().where(same_key, holds(table.c.valid, effective))
    period = sa.func.daterange(sa.literal(effective), None)
    new = sa.select(*(stage.c[n] for n in names), period, sa.literal(batch_id)).where(~holding)
    inserted = conn.execute(table.insert().from_select([*names, "valid", "batch_id"], new)).rowcount
    return _written(conn, stage, inserted - ended, corrected + ended)


def _written(conn: Connection, stage: Table, inserted: int, updated: int) -> Written:
    total = conn.execute(sa.select(sa.func.count()).select_from(stage)).scalar_one()
    return Written(inserted, updated, int(total) - inserted - updated)


def write_assignment(
    conn: Connection, layer: str, frame: pd.DataFrame, *, effective: dt.date, batch_id: int
) -> int:
    """Write to which grid buildings or cameras belong, where that changed.

    Parameters
    ----------
    conn
        An open connection.
    layer
        ``building`` or ``camera``.
    frame
        Index code; columns grid_code and, for buildings, grid_share.
    effective
        First day the assignment is true.
    batch_id
        The write that caused it.

    Returns
    -------
    int
        How many rows changed.
    """
    table = layer_table(layer)
    names = [name for name in ("grid_code", "grid_share") if name in table.c]
    stage = staged(conn, table, frame.reset_index(names="code"), ["code", *names])
    changed = conn.execute(
        table.update()
        .values(
            **{name: stage.c[name] for name in names},
            version=table.c.version + 1,
            sys_from=sa.func.now(),
            valid_from=sa.func.greatest(table.c.valid_from, sa.literal(effective)),
            batch_id=batch_id,
        )
        .where(
            table.c.code == stage.c.code,
            sa.or_(*(table.c[name].is_distinct_from(stage.c[name]) for name in names)),
        )
    ).rowcount
    stage.drop(conn)
    return int(changed)


def write_run(conn: Connection, subject: str, as_of: dt.date, inputs: dict[str, Any]) -> int:
    """Open a computation.

    Parameters
    ----------
    conn
        An open connection.
    subject
        ``org`` or ``camera``.
    as_of
        The date the result is for.
    inputs
        Versions of the inputs and the parameters, for JSON.

    Returns
    -------
    int
        The run's id.
    """
    run = t.coverage_run
    query = run.insert().values(subject=subject, as_of=as_of, inputs=inputs).returning(run.c.id)
    return int(conn.execute(query).scalar_one())


def replace_results(
    conn: Connection,
    table_name: str,
    frame: pd.DataFrame,
    *,
    run_id: int,
    subject: str,
    only: Mapping[str, Collection[str]] | None = None,
) -> None:
    """Replace a subject's former results in a table by a run's.

    Parameters
    ----------
    conn
        An open connection.
    table_name
        A table with ``run_id``.
    frame
        The table's columns but ``id`` and ``run_id``; geometry columns in EPSG:4490.
    run_id
        From `write_run`.
    subject
        Whose former rows go.
    only
        A column and its values: other rows stay, with the run that made them.
    """
    table = t.metadata.tables[table_name]
    run = t.coverage_run.c
    former = sa.select(run.id).where(run.subject == subject)
    these = [
        table.c[name] == sa.any_(sa.literal(list(values), ARRAY(sa.Text)))
        for name, values in (only or {}).items()
    ]
    conn.execute(table.delete().where(table.c.run_id.in_(former), *these))
    columns = [c.name for c in table.c if c.name not in ("id", "run_id")]
    copy_rows(conn, table, frame.assign(run_id=run_id), [*columns, "run_id"])


def analyze(conn: Connection) -> None:
    """Refresh the planner's statistics after a large write.

    Parameters
    ----------
    conn
        An open connection.
    """
    conn.execute(sa.text("ANALYZE"))


def _content_columns(table: Table) -> list[str]:
    """Return the columns a file fills: all but keys of our own and stamps."""
    own = {"id", "valid", "batch_id", "version", "valid_from", "sys_from"}
    return [c.name for c in table.c if c.name not in own]
