"""Accounts, sessions, tokens and links: their statements.

Belongs here: reading and writing them. Does not belong here: whether a password is right, a session
lasts or a range may be given (``accounts``, ``credentials``; ``jobs`` asks them).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from gridmap import tables as t
from gridmap.store.rows import table_rows

if TYPE_CHECKING:
    import datetime as dt

    import pandas as pd
    from sqlalchemy import Connection


_HOLDER = (
    t.account.c.role,
    t.account.c.ranges,
    t.account.c.disabled_at,
    t.account.c.must_change,
)
"""What an account is at present: it counts, not what it was when somebody signed in."""


def read_account(conn: Connection, name: str, *, lock: bool = False) -> dict[str, Any] | None:
    """Read an account.

    Parameters
    ----------
    conn
        An open connection.
    name
        Of `accounts.account_name`.
    lock
        Keep others from changing it until the end of the transaction.

    Returns
    -------
    dict or None
        Every column; None where there is none.
    """
    query = sa.select(t.account).where(t.account.c.name == name)
    row = conn.execute(query.with_for_update() if lock else query).one_or_none()
    return dict(row._mapping) if row else None


def read_foreign_account(conn: Connection, subject: str) -> str | None:
    """Read whose account a foreign provider's is.

    Parameters
    ----------
    conn
        An open connection.
    subject
        Issuer and subject, as they were bound.

    Returns
    -------
    str or None
        The account's name; None where it is nobody's.
    """
    query = sa.select(t.account.c.name).where(t.account.c.oidc_subject == subject)
    return conn.execute(query).scalar_one_or_none()


def read_accounts(conn: Connection) -> pd.DataFrame:
    """Read all accounts.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    DataFrame
        Index ``name``, ascending; role, ranges, disabled_at, locked_until, must_change, demo,
        by_oidc, last_seen (of any session that is kept).
    """
    a = t.account.c
    seen = sa.select(sa.func.max(t.session.c.last_seen)).where(t.session.c.account == a.name)
    query = sa.select(
        a.name,
        a.role,
        a.ranges,
        a.disabled_at,
        a.locked_until,
        a.must_change,
        a.demo,
        a.by_oidc,
        seen.scalar_subquery().label("last_seen"),
    )
    return table_rows(conn, query.order_by(a.name), "name")


def has_accounts(conn: Connection, *, demo: bool = False) -> bool:
    """Tell whether anybody may sign in.

    Parameters
    ----------
    conn
        An open connection.
    demo
        Only accounts of the demo count.

    Returns
    -------
    bool
        Disabled accounts do not count.
    """
    a = t.account.c
    found = sa.select(a.name).where(a.disabled_at.is_(None))
    found = found.where(a.demo) if demo else found
    return bool(conn.execute(sa.select(sa.exists(found))).scalar_one())


def write_account(conn: Connection, values: dict[str, Any]) -> bool:
    """Write a new account.

    Parameters
    ----------
    conn
        An open connection.
    values
        Its columns.

    Returns
    -------
    bool
        False where the name is taken; then nothing was written.
    """
    added = insert(t.account).values(values)
    done = conn.execute(added.on_conflict_do_nothing(index_elements=["name"]))
    return done.rowcount == 1


def change_account(conn: Connection, name: str, values: dict[str, Any]) -> None:
    """Write columns of an account.

    Parameters
    ----------
    conn
        An open connection.
    name
        The account's.
    values
        Columns that may change: the hash, what locks, disables and binds it.
    """
    conn.execute(t.account.update().where(t.account.c.name == name).values(values))


def write_session(conn: Connection, values: dict[str, Any]) -> None:
    """Write a new session.

    Parameters
    ----------
    conn
        An open connection.
    values
        Every column.
    """
    conn.execute(t.session.insert().values(values))


def read_session(conn: Connection, session_id: str) -> dict[str, Any] | None:
    """Read a session and what its account is at present.

    Parameters
    ----------
    conn
        An open connection.
    session_id
        The hash of what the browser has.

    Returns
    -------
    dict or None
        account, method, last_seen, expires_at; role, ranges, disabled_at, must_change.
    """
    s = t.session.c
    query = sa.select(s.account, s.method, s.last_seen, s.expires_at, *_HOLDER)
    query = query.join_from(t.session, t.account).where(s.id == session_id)
    row = conn.execute(query).one_or_none()
    return dict(row._mapping) if row else None


def write_session_seen(conn: Connection, session_id: str, now: dt.datetime) -> None:
    """Write that a session is in use.

    Parameters
    ----------
    conn
        An open connection.
    session_id
        Of the session.
    now
        The time.
    """
    conn.execute(t.session.update().where(t.session.c.id == session_id).values(last_seen=now))


def end_session(conn: Connection, session_id: str) -> str | None:
    """Delete a session.

    Parameters
    ----------
    conn
        An open connection.
    session_id
        Of the session.

    Returns
    -------
    str or None
        Whose it was; None where there was none.
    """
    gone = t.session.delete().where(t.session.c.id == session_id)
    return conn.execute(gone.returning(t.session.c.account)).scalar_one_or_none()


def end_sessions(conn: Connection, name: str) -> int:
    """Delete all sessions of an account.

    Parameters
    ----------
    conn
        An open connection.
    name
        The account's.

    Returns
    -------
    int
        How many there were.
    """
    return conn.execute(t.session.delete().where(t.session.c.account == name)).rowcount


def delete_old_sessions(conn: Connection, now: dt.datetime, seen_since: dt.datetime) -> None:
    """Delete sessions that have ended.

    Parameters
    ----------
    conn
        An open connection.
    now
        The time.
    seen_since
        Those not seen since then have ended too.
    """
    s = t.session.c
    conn.execute(t.session.delete().where((s.expires_at <= now) | (s.last_seen <= seen_since)))


def write_token(conn: Connection, values: dict[str, Any]) -> int:
    """Write a new token of a program.

    Parameters
    ----------
    conn
        An open connection.
    values
        Its columns.

    Returns
    -------
    int
        Its number.
    """
    done = conn.execute(t.api_token.insert().values(values).returning(t.api_token.c.id))
    return int(done.scalar_one())


def read_token(conn: Connection, sha256: str) -> dict[str, Any] | None:
    """Read a token and what its account is at present.

    Parameters
    ----------
    conn
        An open connection.
    sha256
        The token's.

    Returns
    -------
    dict or None
        id, account, token_ranges, expires_at, last_used_at, revoked_at; role, ranges, disabled_at,
        must_change.
    """
    p = t.api_token.c
    query = sa.select(
        p.id,
        p.account,
        p.ranges.label("token_ranges"),
        p.expires_at,
        p.last_used_at,
        p.revoked_at,
        *_HOLDER,
    )
    query = query.join_from(t.api_token, t.account).where(p.sha256 == sha256)
    row = conn.execute(query).one_or_none()
    return dict(row._mapping) if row else None


def read_tokens(conn: Connection, name: str | None = None) -> pd.DataFrame:
    """Read tokens, the last first.

    Parameters
    ----------
    conn
        An open connection.
    name
        Of one account; None for all.

    Returns
    -------
    DataFrame
        Index ``id``, descending; account, name, ranges, created_at, expires_at, last_used_at,
        revoked_at.
    """
    p = t.api_token.c
    query = sa.select(
        p.id, p.account, p.name, p.ranges, p.created_at, p.expires_at, p.last_used_at, p.revoked_at
    )
    if name is not None:
        query = query.where(p.account == name)
    return table_rows(conn, query.order_by(p.id.desc()), "id")


def write_token_used(conn: Connection, number: int, now: dt.datetime) -> None:
    """Write that a token is in use.

    Parameters
    ----------
    conn
        An open connection.
    number
        The token's.
    now
        The time.
    """
    conn.execute(t.api_token.update().where(t.api_token.c.id == number).values(last_used_at=now))


def end_token(conn: Connection, number: int, now: dt.datetime) -> tuple[str, str] | None:
    """Write that a token is worth nothing any more.

    Parameters
    ----------
    conn
        An open connection.
    number
        The token's.
    now
        The time.

    Returns
    -------
    tuple or None
        Its account and its name; None where there is none, or it was revoked before.
    """
    p = t.api_token.c
    done = conn.execute(
        t.api_token.update()
        .where(p.id == number, p.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(p.account, p.name)
    ).one_or_none()
    return (done.account, done.name) if done else None


def write_link(conn: Connection, values: dict[str, Any]) -> None:
    """Write a new link.

    Parameters
    ----------
    conn
        An open connection.
    values
        Its columns.
    """
    conn.execute(t.sign_in_link.insert().values(values))


def use_link(conn: Connection, sha256: str, now: dt.datetime) -> str | None:
    """Write that a link was used, if it may be: of two at once, one gets it.

    Parameters
    ----------
    conn
        An open connection.
    sha256
        Of the link's token.
    now
        The time.

    Returns
    -------
    str or None
        Whose it is; None where there is none, it was used, or it is too old.
    """
    k = t.sign_in_link.c
    done = (
        t.sign_in_link.update()
        .where(k.sha256 == sha256, k.used_at.is_(None), k.expires_at > now)
        .values(used_at=now)
    )
    return conn.execute(done.returning(k.account)).scalar_one_or_none()


def end_links(conn: Connection, name: str, now: dt.datetime) -> None:
    """Write that no link of an account may be used any more.

    Parameters
    ----------
    conn
        An open connection.
    name
        The account's.
    now
        The time.
    """
    k = t.sign_in_link.c
    conn.execute(
        t.sign_in_link.update().where(k.account == name, k.used_at.is_(None)).values(used_at=now)
    )
