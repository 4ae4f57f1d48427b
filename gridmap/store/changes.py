"""What a transaction changes: layers, assignments to grids, runs and their results.

Belongs here: every statement that writes rows. Does not belong here: how a frame gets into the
database (``transfer``), which rows to write (``jobs``), the book of writes (``batches``).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import array as pg_array

from gridmap import tables as t
from gridmap.model import LAYERS
from gridmap.store.conditions import holds, joined_key, layer_table, scope
from gridmap.store.guards import own_statements
from gridmap.store.transfer import insert_rows, staged

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterator, Mapping

    from sqlalchemy import Connection, Table


@dataclass(frozen=True)
class Staged:
    """A layer's rows in a temporary table, beside what is stored of them on a date.

    ``only`` is the unit whose rows the file has all of, an empty text for the whole layer, and
    None where rows that it lacks are none of its business.
    """

    layer: str
    table: Table
    stage: Table
    effective: dt.date
    only: str | None

    @property
    def key(self) -> list[str]:
        """The columns that identify a row."""
        return list(LAYERS[self.layer].key)

    @property
    def content(self) -> list[str]:
        """The other columns of the file, and those derived from it."""
        return [c.name for c in self.stage.c if c.name not in self.key]

    @property
    def same_key(self) -> sa.ColumnElement[bool]:
        """The condition that a stored and a staged row are one."""
        return sa.and_(*(self.table.c[name] == self.stage.c[name] for name in self.key))

    @property
    def differs(self) -> sa.ColumnElement[bool]:
        """The condition that they are not alike."""
        pairs = ((self.table.c[name], self.stage.c[name]) for name in self.content)
        return sa.or_(sa.false(), *(one.is_distinct_from(other) for one, other in pairs))

    @property
    def lives(self) -> sa.ColumnElement[bool]:
        """The condition that a stored row is true on the date."""
        periods = "valid" in self.table.c
        return holds(self.table.c.valid, self.effective) if periods else sa.true()

    @property
    def missing(self) -> sa.ColumnElement[bool]:
        """The condition that a stored row ends, because the file should have it and has not."""
        if self.only is None:
            return sa.false()
        known = sa.exists().where(self.same_key)
        return sa.and_(self.lives, ~known, *scope(self.table.c, self.layer, self.only))


@contextmanager
def staged_layer(
    conn: Connection,
    layer: str,
    frame: pd.DataFrame,
    *,
    effective: dt.date,
    only: str | None = None,
) -> Iterator[Staged]:
    """Put a layer's rows beside what is stored, to be compared and then applied.

    Parameters
    ----------
    conn
        An open connection.
    layer
        A layer's name.
    frame
        Columns of the layer's specification, parsed; geometry in EPSG:4490. Divisions also
        ``kind`` and ``parent_code``; buildings ``grid_code`` and ``grid_share``; cameras and
        places ``grid_code``. No key of it is in `read_later_keys`.
    effective
        First day the rows are true.
    only
        A code prefix: the frame has all rows of that unit, of the whole layer if it is empty, and
        what it lacks ends. None: rows that it lacks stay as they are.

    Yields
    ------
    Staged
        Until the end of the block.
    """
    table = layer_table(layer)
    key = list(LAYERS[layer].key)
    content = [name for name in _content_columns(table) if name not in key]
    stage = staged(conn, table, frame, [*key, *content])
    yield Staged(layer, table, stage, effective, only)
    stage.drop(conn)


def read_changes(conn: Connection, rows: Staged) -> pd.DataFrame:
    """Compare staged rows with what is stored; nothing is written.

    Parameters
    ----------
    conn
        An open connection.
    rows
        From `staged_layer`.

    Returns
    -------
    DataFrame
        A row for each that is not as it was; columns key (joined by ``/``), change (``added``,
        ``changed`` or ``ended``), fields (a list of the columns that differ).
    """
    table, stage = rows.table, rows.stage
    own = {"grid_share", "level"}  # follow from other columns
    differing = [
        sa.case((table.c[name].is_distinct_from(stage.c[name]), name))
        for name in rows.content
        if name not in own
    ]
    nothing = sa.cast(pg_array([]), ARRAY(sa.Text))
    both = sa.select(
        joined_key(stage, rows.layer).label("key"),
        sa.case((table.c.batch_id.is_(None), "added"), else_="changed").label("change"),
        sa.case(
            (table.c.batch_id.is_(None), nothing),
            else_=sa.func.array_remove(pg_array(differing), None),
        ).label("fields"),
    ).select_from(stage.outerjoin(table, sa.and_(rows.same_key, rows.lives)))
    both = both.where(sa.or_(table.c.batch_id.is_(None), rows.differs))
    ended = sa.select(joined_key(table, rows.layer), sa.literal("ended"), nothing).where(
        rows.missing
    )
    found = conn.execute(sa.union_all(both, ended).order_by("change", "key"))
    columns = ["key", "change", "fields"]
    return pd.DataFrame([tuple(row) for row in found], columns=columns, dtype=object)


def write_changes(conn: Connection, rows: Staged, *, batch_id: int) -> None:
    """Write staged rows: new ones inserted, changed ones changed, missing ones ended.

    Parameters
    ----------
    conn
        An open connection.
    rows
        From `staged_layer`.
    batch_id
        From `write_batch`.
    """
    if "valid" in rows.table.c:
        _apply_periods(conn, rows, batch_id)
    else:
        _apply_current(conn, rows, batch_id)


def _apply_current(conn: Connection, rows: Staged, batch_id: int) -> None:
    """Change, end and insert rows of a current table; the trigger keeps what they were."""
    table, stage = rows.table, rows.stage
    names = [c.name for c in stage.c]
    stamp: dict[str, Any] = {"valid_from": rows.effective, "batch_id": batch_id}
    changes: dict[str, Any] = {name: stage.c[name] for name in rows.content}
    changes |= {"version": table.c.version + 1, "sys_from": sa.func.now()}
    conn.execute(table.delete().where(rows.missing))
    conn.execute(table.update().values(**changes, **stamp).where(rows.same_key, rows.differs))
    new = sa.select(*stage.c, *(sa.literal(v) for v in stamp.values())).where(
        ~sa.exists().where(rows.same_key)
    )
    conn.execute(table.insert().from_select([*names, *stamp], new))


def _apply_periods(conn: Connection, rows: Staged, batch_id: int) -> None:
    """Correct rows that begin on this day, end changed older rows, insert the new rows."""
    table, stage, effective = rows.table, rows.stage, rows.effective
    names = [c.name for c in stage.c]
    begins = sa.func.lower(table.c.valid)
    until_now = table.update().values(valid=sa.func.daterange(begins, effective))
    # What begins and ends on one day was never true.
    conn.execute(table.delete().where(rows.missing, begins == effective))
    conn.execute(until_now.where(rows.missing, begins < effective))
    conn.execute(
        table.update()
        .values(**{name: stage.c[name] for name in names}, batch_id=batch_id)
        .where(rows.same_key, begins == effective, rows.differs)
    )
    conn.execute(until_now.where(rows.same_key, rows.lives, begins < effective, rows.differs))
    holding = sa.exists().where(rows.same_key, rows.lives)
    period = sa.func.daterange(sa.literal(effective), None)
    new = sa.select(*stage.c, period, sa.literal(batch_id)).where(~holding)
    conn.execute(table.insert().from_select([*names, "valid", "batch_id"], new))


def write_assignment(
    conn: Connection, layer: str, frame: pd.DataFrame, *, effective: dt.date, batch_id: int
) -> int:
    """Write to which grid the rows of a layer belong, where that changed.

    Parameters
    ----------
    conn
        An open connection.
    layer
        A layer of places, buildings or cameras.
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


def write_target_units(conn: Connection) -> None:
    """Write in which unit the target of each duty is, where that is not so yet.

    Parameters
    ----------
    conn
        An open connection. It follows from other rows: of no batch, and kept in no history.
    """
    units = sa.func.units_of_codes().table_valued("code", "unit").render_derived()
    d = t.duty
    conn.execute(
        d.update()
        .values(target_unit=units.c.unit)
        .where(d.c.target_code == units.c.code, d.c.target_unit.is_distinct_from(units.c.unit))
    )


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
    insert_rows(conn, table, frame.assign(run_id=run_id), [*columns, "run_id"])


def clear_results(conn: Connection, subject: str) -> None:
    """Remove a subject's results with the runs that made them: nothing is known of it.

    Parameters
    ----------
    conn
        An open connection.
    subject
        ``org`` or ``camera``.
    """
    run = t.coverage_run
    former = sa.select(run.c.id).where(run.c.subject == subject)
    for table in _result_tables():
        conn.execute(table.delete().where(table.c.run_id.in_(former)))
    conn.execute(run.delete().where(run.c.subject == subject))


def hide_results(conn: Connection) -> None:
    """Hide the stored results behind empty tables of this transaction's own.

    Parameters
    ----------
    conn
        An open connection. Until the end of its transaction results are written to those tables
        and read from them, and nothing else can be written: the server refuses it.

    Notes
    -----
    A temporary table is found before one of the same name in any schema. Its runs count up to
    zero from far below, so that none is taken for one that is stored.
    """
    for table in (t.coverage_run, *_result_tables()):
        columns = [_own(column) for column in table.c]
        own = sa.Table(
            table.name,
            sa.MetaData(),
            *columns,
            prefixes=["TEMPORARY"],
            postgresql_on_commit="DROP",
        )
        own.create(conn, checkfirst=False)
        for statement in own_statements(conn, table):
            conn.exec_driver_sql(statement)
    conn.execute(sa.text("SET TRANSACTION READ ONLY"))


_LEAST = -(2**31)


def _own(column: sa.Column[Any]) -> sa.Column[Any]:
    """Return a column of a table that hides another's."""
    numbered = [sa.Identity(always=True, start=_LEAST, minvalue=_LEAST)] if column.identity else []
    return sa.Column(
        column.name,
        column.type,
        *numbered,
        primary_key=column.primary_key,
        server_default=sa.func.now() if column.name == "computed_at" else None,
    )


def _result_tables() -> list[Table]:
    return [table for table in t.metadata.sorted_tables if "run_id" in table.c]


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
    own = {"id", "valid", "batch_id", "version", "valid_from", "sys_from", "target_unit"}
    return [c.name for c in table.c if c.name not in own]
