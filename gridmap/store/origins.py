"""Where the store's content came from: its import batches and its computations.

Belongs here: runs, versions of the inputs, sources, whether anything is synthetic. Does not
belong here: what was imported (``layers``) or computed (``results``), opening a batch or a run
(``changes``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from gridmap import tables as t

if TYPE_CHECKING:
    import datetime as dt

    from sqlalchemy import Connection


def read_runs(conn: Connection) -> list[dict[str, Any]]:
    """Read the last computation of each subject.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    list of dict
        id, subject, as_of, computed_at, inputs.
    """
    run = t.coverage_run.c
    last = sa.select(sa.func.max(run.id)).group_by(run.subject)
    query = sa.select(t.coverage_run).where(run.id.in_(last)).order_by(run.subject)
    return [dict(row._mapping) for row in conn.execute(query)]


def read_inputs(conn: Connection, layers: tuple[str, ...]) -> dict[str, Any]:
    """Read the version of each layer: its last batch.

    Parameters
    ----------
    conn
        An open connection.
    layers
        Names of layers.

    Returns
    -------
    dict
        By layer: batch id and source of the last write that changed it; empty layers are missing.
    """
    b = t.import_batch.c
    last = _last_batches(layers)
    query = sa.select(b.layer, b.id, b.source, b.sha256).where(b.id.in_(last)).order_by(b.layer)
    return {
        row.layer: {"batch": row.id, "source": row.source, "sha256": row.sha256}
        for row in conn.execute(query)
    }


def read_last_batches(conn: Connection, layers: tuple[str, ...]) -> dict[str, int]:
    """Read which write changed each layer last; anybody may know that.

    Parameters
    ----------
    conn
        An open connection.
    layers
        Names of layers.

    Returns
    -------
    dict
        Batch id by layer; empty layers are missing.
    """
    b = t.import_batch.c
    query = sa.select(b.layer, b.id).where(b.id.in_(_last_batches(layers))).order_by(b.layer)
    return {row.layer: row.id for row in conn.execute(query)}


def _last_batches(layers: tuple[str, ...]) -> sa.Select[Any]:
    b = t.import_batch.c
    return sa.select(sa.func.max(b.id)).where(b.layer.in_(layers), b.changed).group_by(b.layer)


def read_version(conn: Connection) -> str:
    """Read what stands for the present state of the store: its last write and computation.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    str
        Changes with every import and every run.
    """
    batch = sa.select(sa.func.max(t.import_batch.c.id)).scalar_subquery()
    run = sa.select(sa.func.max(t.coverage_run.c.id)).scalar_subquery()
    row = conn.execute(sa.select(batch, run)).one()
    return "-".join(str(part or 0) for part in row)


def read_newest(conn: Connection) -> dt.date | None:
    """Read from which day on the buildings and cameras are as they are now.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    date or None
        The latest day on which any of them began or ended; None while there are none.
    """
    days = []
    for table in (t.building, t.camera):
        days.append(sa.select(sa.func.max(table.c.valid_from)).scalar_subquery())
        past = t.HISTORY[table].c
        days.append(sa.select(sa.func.max(past.valid_to)).scalar_subquery())
    newest: dt.date | None = conn.execute(sa.select(sa.func.greatest(*days))).scalar_one()
    return newest


def read_sources(conn: Connection) -> set[str]:
    """Read where the data of the store came from.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    set of str
        Sources of all import batches.
    """
    return set(conn.execute(sa.select(t.import_batch.c.source).distinct()).scalars())


def has_units(conn: Connection) -> bool:
    """Tell whether any division can be seen.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    bool
        True if there is one.
    """
    return bool(conn.execute(sa.select(sa.exists().select_from(t.division))).scalar_one())


def has_synthetic(conn: Connection) -> bool:
    """Tell whether any data in the store is synthetic.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    bool
        True if a batch was marked so.
    """
    # Not all columns are for everybody: EXISTS asks for those it names.
    synthetic = sa.select(t.import_batch.c.id).where(t.import_batch.c.synthetic)
    query = sa.select(synthetic.exists())
    return bool(conn.execute(query).scalar_one())
