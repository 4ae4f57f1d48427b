"""What the database server is and how the store stands in it.

Belongs here: versions, extensions, roles, triggers, clock. Does not belong here: whether that is
well (``jobs``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from gridmap import tables as t
from gridmap.store.guards import APP_ROLE

if TYPE_CHECKING:
    from sqlalchemy import Connection


def read_server(conn: Connection) -> dict[str, Any]:
    """Read versions, extensions, roles and the clock.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    dict
        ``postgresql`` (as 150018), ``postgis`` (text, None for none), ``extensions`` (names),
        ``now`` (by the server's clock), ``app_role`` (whether it is there), ``app_member``
        (whether we may become it), ``app_owns`` (how many tables it owns).
    """
    one = conn.execute(
        sa.text(
            "SELECT current_setting('server_version_num')::int AS postgresql,"
            " (SELECT extversion FROM pg_extension WHERE extname = 'postgis') AS postgis,"
            " ARRAY(SELECT extname::text FROM pg_extension ORDER BY 1) AS extensions,"
            " clock_timestamp() AS now,"
            " EXISTS (SELECT FROM pg_roles WHERE rolname = :role) AS app_role,"
            " (SELECT pg_has_role(oid, 'MEMBER') FROM pg_roles WHERE rolname = :role)"
            "  AS app_member,"
            " (SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner"
            "  WHERE r.rolname = :role) AS app_owns"
        ),
        {"role": APP_ROLE},
    ).one()
    return dict(one._mapping)


def read_unguarded(conn: Connection) -> list[str]:
    """Read which tables that must only grow can be changed.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    list of str
        Names of tables of the past, of snapshots and of the trail that lack the trigger that
        refuses changes, or have it disabled; ascending.
    """
    growing = [
        *(past.name for past in t.HISTORY.values()),
        *(table.name for table in (t.audit_event, t.lineage, t.snapshot, t.snapshot_lens)),
        t.frozen_status.name,
    ]
    guarded = conn.execute(
        sa.text(
            "SELECT c.relname::text FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid"
            " WHERE g.tgname = 'append_only' AND g.tgenabled IN ('O', 'A')"
        )
    ).scalars()
    return sorted(set(growing) - set(guarded))
