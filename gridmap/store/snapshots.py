"""Frozen statuses of all lenses: written once, never changed.

Belongs here: their statements. Does not belong here: their form (``trend``), present statuses
(``results``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from gridmap import tables as t
from gridmap.store.rows import table_rows

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    import pandas as pd
    from sqlalchemy import Connection


def write_snapshot(
    conn: Connection,
    *,
    label: str,
    as_of: dt.date,
    inputs: dict[str, Any],
    statuses: Mapping[str, tuple[str, bytes]],
) -> int:
    """Write a snapshot; statuses that another has already are kept once.

    Parameters
    ----------
    conn
        An open connection.
    label
        What it is called.
    as_of
        The date it is for.
    inputs
        Versions of the layers it was computed from, for JSON.
    statuses
        By lens: sha256 and bytes.

    Returns
    -------
    int
        Its id.
    """
    made = t.snapshot.insert().values(label=label, as_of=as_of, inputs=inputs)
    number = int(conn.execute(made.returning(t.snapshot.c.id)).scalar_one())
    rows = [
        {"lens": lens, "sha256": sha, "statuses": data} for lens, (sha, data) in statuses.items()
    ]
    if rows:
        conn.execute(insert(t.frozen_status).on_conflict_do_nothing(), rows)
        parts = [{"snapshot_id": number, "lens": r["lens"], "sha256": r["sha256"]} for r in rows]
        conn.execute(t.snapshot_lens.insert(), parts)
    return number


def read_snapshots(conn: Connection) -> pd.DataFrame:
    """Read which snapshots there are.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    DataFrame
        Index 0..n-1, the oldest first; label, as_of, at, lenses (how many).
    """
    s, part = t.snapshot.c, t.snapshot_lens.c
    lenses = (
        sa.select(sa.func.count()).where(part.snapshot_id == s.id).scalar_subquery().label("lenses")
    )
    return table_rows(conn, sa.select(s.label, s.as_of, s.at, lenses).order_by(s.id), None)


def read_quarters(conn: Connection) -> list[tuple[str, dt.date]]:
    """Read which quarters are frozen.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    list of (label, as_of)
        The oldest day first; labels as ``2026Q3``.
    """
    s = t.snapshot.c
    query = sa.select(s.label, s.as_of).where(s.label.regexp_match("^[0-9]{4}Q[1-4]$"))
    return [(row.label, row.as_of) for row in conn.execute(query.order_by(s.as_of, s.id))]


def read_frozen_days(conn: Connection) -> list[tuple[int, str, dt.date]]:
    """Read which days have frozen answers, each by the snapshot of it that was made last.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    list of (id, label, as_of)
        The oldest day first; snapshots without any answer are none.
    """
    s, part = t.snapshot.c, t.snapshot_lens.c
    answered = sa.exists().where(part.snapshot_id == s.id)
    query = sa.select(s.id, s.label, s.as_of).where(answered).order_by(s.id)
    last = {row.as_of: (row.id, row.label, row.as_of) for row in conn.execute(query)}
    return [last[day] for day in sorted(last)]


def read_frozen(conn: Connection, label: str, lens: str) -> bytes | None:
    """Read the statuses of a lens in a snapshot.

    Parameters
    ----------
    conn
        An open connection.
    label
        The snapshot's.
    lens
        Code of the lens.

    Returns
    -------
    bytes or None
        As `trend.packed` made them; None where the snapshot has none of this lens.
    """
    s, part, frozen = t.snapshot.c, t.snapshot_lens.c, t.frozen_status.c
    query = (
        sa.select(frozen.statuses)
        .where(s.label == label, part.snapshot_id == s.id, part.lens == lens)
        .where(frozen.lens == part.lens, frozen.sha256 == part.sha256)
    )
    data = conn.execute(query).scalar_one_or_none()
    return None if data is None else bytes(data)
