"""The audit trail: written by whoever changes or takes out something, chained by the database.

Belongs here: its statements. Does not belong here: what is worth an event (``jobs``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from gridmap import tables as t
from gridmap.store.rows import table_rows

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Connection


def write_event(
    conn: Connection,
    action: str,
    *,
    subject: str | None = None,
    actor: str | None = None,
    details: dict[str, Any] | None = None,
) -> None:
    """Write an event; number, time and hash are the database's.

    Parameters
    ----------
    conn
        An open connection; the event stands if what it is of does.
    action
        What was done.
    subject
        To what: a layer, a unit, a file's name.
    actor
        By whom.
    details
        Counts and ids, for JSON; no rows, no positions.

    Notes
    -----
    Writers of events wait for each other until they commit: write it late.
    """
    values = {"action": action, "subject": subject, "actor": actor, "details": details or {}}
    # The key is the trigger's: nothing is to come back of it.
    conn.execute(t.audit_event.insert().inline().values(values))


def read_events(conn: Connection, *, limit: int, before: int | None = None) -> pd.DataFrame:
    """Read events, the last first.

    Parameters
    ----------
    conn
        An open connection.
    limit
        The most rows to return.
    before
        Only those with a lower number; None for the last ones.

    Returns
    -------
    DataFrame
        Index ``number``, descending; at, actor, action, subject, details, hash.
    """
    e = t.audit_event.c
    query = sa.select(e.number, e.at, e.actor, e.action, e.subject, e.details, e.hash)
    if before is not None:
        query = query.where(e.number < before)
    return table_rows(conn, query.order_by(e.number.desc()).limit(limit), "number")


def read_chain(conn: Connection) -> pd.DataFrame:
    """Read the whole trail in the form in which it is hashed.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    DataFrame
        Index ``number``, ascending; at (text, UTC, to the microsecond), actor, action, subject
        (empty for none), details (text), previous, hash.
    """
    e = t.audit_event.c
    utc = sa.func.timezone("UTC", e.at)
    query = sa.select(
        e.number,
        sa.func.to_char(utc, 'YYYY-MM-DD"T"HH24:MI:SS.US').label("at"),
        sa.func.coalesce(e.actor, "").label("actor"),
        e.action,
        sa.func.coalesce(e.subject, "").label("subject"),
        sa.cast(e.details, sa.Text).label("details"),
        e.previous,
        e.hash,
    )
    return table_rows(conn, query.order_by(e.number), "number")
