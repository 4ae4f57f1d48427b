"""A request's scope: which role it works as, and its ranges, signed.

Belongs here: what is set at the start of a transaction. Does not belong here: the policies that
read it (``guards``), opening a transaction (``schema``).
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import TYPE_CHECKING

import sqlalchemy as sa

from gridmap import tables as t
from gridmap.model import Right
from gridmap.store.guards import APP_ROLE, CAMERAS, SCOPED_ROLE, WHOLE_ROLE

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gridmap.model import Scope

VALID_S = 600
"""So long a signature holds: no transaction of a request lasts longer."""

READING = {
    "statement_timeout": "15s",
    "lock_timeout": "3s",
    "idle_in_transaction_session_timeout": "60s",
    "max_parallel_workers_per_gather": "0",
    "enable_bitmapscan": "off",
    "jit": "off",
}
"""How a request reads: not for long, and with one process (reliability.md 2)."""

# Where an operator has not made the role the owner works, and only the triggers hold.
_BECOME_APP = sa.text(
    "SELECT set_config('role', rolname, true) FROM pg_roles"
    " WHERE rolname = :role AND pg_has_role(oid, 'MEMBER')"
)
# As the driver takes them: this is before every request.
_BEGIN = (
    "SELECT set_config('gridmap.lo', %s, true), set_config('gridmap.hi', %s, true),"
    " set_config('gridmap.ranges', %s, true), set_config('gridmap.account', %s, true),"
    " set_config('gridmap.expires', %s, true), set_config('gridmap.signature', %s, true)"
)
_BECOME = "".join(f", set_config('{name}', %s, true)" for name in ("role", *READING))


def role_of(scope: Scope) -> str:
    """Return the role of the database that a scope reads as.

    Parameters
    ----------
    scope
        Anybody's.

    Returns
    -------
    str
        One of `guards.READING_ROLES`.
    """
    role = WHOLE_ROLE if scope.whole else SCOPED_ROLE
    return role + CAMERAS if Right.CAMERAS in scope.rights else role


def settings_of(scope: Scope, key: bytes) -> dict[str, str]:
    """Return what the policies are to read of a scope.

    Parameters
    ----------
    scope
        Anybody's.
    key
        From `read_scope_key`.

    Returns
    -------
    dict
        lo and hi (around all ranges, for indexes), ranges, account, expires (s since 1970),
        signature.

    Examples
    --------
    >>> from gridmap.model import Role, Scope
    >>> told = settings_of(Scope("li", Role.OFFICER, ("500108001", "500108003")), b"key")
    >>> told["lo"], told["hi"], told["ranges"]
    ('500108001', '500108003:', '{[500108001,500108001:),[500108003,500108003:)}')
    """
    spans = scope.spans
    ranges = "{" + ",".join(f"[{low},{high})" for low, high in spans) + "}"
    expires = str(int(time.time()) + VALID_S)
    told = "\n".join((ranges, expires, scope.account))
    return {
        "lo": spans[0][0] if spans else "",
        "hi": spans[-1][1] if spans else "",
        "ranges": ranges,
        "account": scope.account,
        "expires": expires,
        "signature": hmac.new(key, told.encode(), hashlib.sha256).hexdigest(),
    }


def become_app(conn: Connection) -> None:
    """Work as the application for the rest of the transaction.

    Parameters
    ----------
    conn
        An open connection.
    """
    conn.execute(_BECOME_APP, {"role": APP_ROLE})


def become(conn: Connection, scope: Scope, key: bytes, *, logged_in: bool = False) -> None:
    """See what a scope sees for the rest of the transaction; nothing undoes it but its end.

    Parameters
    ----------
    conn
        An open connection, at the start of a transaction or after computing in it.
    scope
        Whose.
    key
        From `read_scope_key`.
    logged_in
        The connection logged in as the role, with the settings of `READING`.
    """
    begin, values = begin_of(scope, key)
    if logged_in:
        conn.exec_driver_sql(begin, values)
    else:
        conn.exec_driver_sql(begin + _BECOME, (*values, role_of(scope), *READING.values()))


def begin_of(scope: Scope, key: bytes) -> tuple[str, tuple[str, ...]]:
    """Return the statement by which a transaction of a reading login sees what a scope sees.

    Parameters
    ----------
    scope
        Whose.
    key
        From `read_scope_key`.

    Returns
    -------
    tuple of str and tuple
        As the driver takes them.
    """
    return _BEGIN, tuple(settings_of(scope, key).values())


def read_scope_key(conn: Connection) -> bytes:
    """Read what scopes are signed with.

    Parameters
    ----------
    conn
        An open connection of the application.

    Returns
    -------
    bytes
        Random, made by the migration.
    """
    return bytes(conn.execute(sa.select(t.scope_key.c.key)).scalar_one())
