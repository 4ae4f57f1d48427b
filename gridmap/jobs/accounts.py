"""Accounts as their administrator meets them: made, disabled, given tokens and one-time links.

Belongs here: the order of steps, and the event of each. Does not belong here: signing in
(``sessions``), the rules (``accounts``), hashes (``credentials``).
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from gridmap import accounts, credentials, store
from gridmap.errors import AccountNotFound, Conflict, InputError, NotFound
from gridmap.jobs.records import records
from gridmap.model import WHOLE, Level, Role, Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Engine

LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""The addresses of this machine only."""

DEMO_ACCOUNTS = {
    "demo-planner": Role.PLANNER,
    "demo-grid-leader": Role.LEADER,
    "demo-leadership": Role.LEADERSHIP,
}
"""The three personas of the demo."""


def add_account(
    engine: Engine,
    name: str,
    *,
    role: Role,
    ranges: Sequence[str],
    now: dt.datetime,
    actor: str | None,
    password: str | None = None,
    by_oidc: bool = False,
) -> str | None:
    """Make an account.

    Parameters
    ----------
    engine
        The store.
    name
        Of a function, not of a person, where that will do.
    role
        What it may.
    ranges
        Codes, each with all below it; `WHOLE` for everything.
    now
        The time.
    actor
        Who makes it.
    password
        Its first one, to be changed at the first sign-in; None makes one.
    by_oidc
        It has no password: who has the same name at the foreign provider signs in, and is bound to
        it then.

    Returns
    -------
    str or None
        The password that was made, to be told once: only its hash is kept.

    Raises
    ------
    InputError
        The name, or no range is given.
    CodeError
        A range is no code of a division.
    PasswordWeak
        See `accounts.check_password`.
    Conflict
        There is such an account.
    StoreUnavailable, StoreError
        See `store.transaction`.
    """
    name = accounts.account_name(name)
    if not ranges:
        raise InputError("say which codes the account may see, or that it is the whole")
    made = None if password or by_oidc else credentials.new_token()
    hashed = None
    if not by_oidc:
        hashed = credentials.hash_password(accounts.check_password(password or made or "", name))
    values = {
        "name": name,
        "role": role.value,
        "ranges": list(Scope(name, role, tuple(ranges)).ranges),
        "password_hash": hashed,
        "must_change": not by_oidc,
        "by_oidc": by_oidc,
        "created_at": now,
    }
    with store.transaction(engine) as conn:
        _write_account(conn, values, actor)
    return made


def _write_account(conn: Connection, values: dict[str, Any], actor: str | None) -> None:
    if not store.write_account(conn, values):
        raise Conflict(f"there is an account {values['name']!r} already")
    details = {"role": values["role"], "ranges": values["ranges"]}
    store.write_event(conn, "account_added", subject=values["name"], actor=actor, details=details)


def disable_account(engine: Engine, name: str, *, now: dt.datetime, actor: str | None) -> None:
    """Let nobody in by an account any more, whatever they have: sessions, tokens, links.

    Parameters
    ----------
    engine
        The store.
    name
        The account's.
    now
        The time.
    actor
        Who disables it.

    Raises
    ------
    AccountNotFound
        There is none.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.

    Notes
    -----
    A running server keeps what it read of an account for five seconds at most (`web.signed`).
    """
    with store.transaction(engine) as conn:
        account = require_account(conn, name)
        store.change_account(conn, account["name"], {"disabled_at": now})
        store.end_sessions(conn, account["name"])
        store.end_links(conn, account["name"], now)
        store.write_event(conn, "account_disabled", subject=account["name"], actor=actor)


def enable_account(engine: Engine, name: str, *, actor: str | None) -> None:
    """Let in again by an account, and take a lock away.

    Parameters
    ----------
    engine
        The store.
    name
        The account's.
    actor
        Who enables it.

    Raises
    ------
    AccountNotFound
        There is none.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    open_again = {"disabled_at": None, "locked_until": None, "failed_count": 0}
    with store.transaction(engine) as conn:
        account = require_account(conn, name)
        store.change_account(conn, account["name"], open_again)
        store.write_event(conn, "account_enabled", subject=account["name"], actor=actor)


def list_accounts(engine: Engine) -> list[dict[str, Any]]:
    """List all accounts.

    Parameters
    ----------
    engine
        The store.

    Returns
    -------
    list of dict
        For JSON: see `store.read_accounts`.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine) as conn:
        return records(store.read_accounts(conn).reset_index())


def reset_password(
    engine: Engine, name: str, *, now: dt.datetime, actor: str | None, password: str | None = None
) -> str | None:
    """Give an account another first password; whoever is signed in by it no longer is.

    Parameters
    ----------
    engine
        The store.
    name
        The account's.
    now
        The time.
    actor
        Who does it.
    password
        To be changed at the next sign-in; None makes one.

    Returns
    -------
    str or None
        The password that was made.

    Raises
    ------
    AccountNotFound
        There is none.
    InputError
        It is one of the demo, or signs in elsewhere.
    PasswordWeak
        See `accounts.check_password`.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    name = accounts.account_name(name)
    made = None if password else credentials.new_token()
    hashed = credentials.hash_password(accounts.check_password(password or made or "", name))
    with store.transaction(engine) as conn:
        account = require_account(conn, name)
        if account["demo"] or account["by_oidc"]:
            raise InputError(f"the account {name!r} signs in without a password")
        write_password(conn, name, hashed, now=now, must_change=True)
        store.write_event(conn, "password_changed", subject=name, actor=actor)
    return made


def write_password(
    conn: Connection, name: str, hashed: str, *, now: dt.datetime, must_change: bool
) -> None:
    """Write a password's hash, and end all that the former one opened.

    Parameters
    ----------
    conn
        An open connection.
    name
        The account's.
    hashed
        From `credentials.hash_password`.
    now
        The time.
    must_change
        Whether it is a first password.
    """
    values = {"password_hash": hashed, "must_change": must_change}
    store.change_account(conn, name, {**values, "failed_count": 0, "locked_until": None})
    store.end_sessions(conn, name)
    store.end_links(conn, name, now)


def add_token(
    engine: Engine,
    name: str,
    label: str,
    *,
    now: dt.datetime,
    days: int,
    actor: str | None,
    ranges: Sequence[str] = (),
) -> str:
    """Make a token by which a program signs in.

    Parameters
    ----------
    engine
        The store.
    name
        The account's.
    label
        What it is for.
    now
        The time.
    days
        How long it lasts.
    actor
        Who makes it.
    ranges
        Within the account's; none for all of them.

    Returns
    -------
    str
        The token, to be told once: only its SHA-256 is kept.

    Raises
    ------
    AccountNotFound
        There is none.
    InputError
        It would last for no day or more than `accounts.TOKEN_DAYS`, or has no label.
    CodeError
        A range is no code of a division.
    OutsideScope
        A range is not within the account's.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    if not 1 <= days <= accounts.TOKEN_DAYS or not 1 <= len(label.strip()) <= 80:
        raise InputError(
            f"a token has a label and lasts from 1 to {accounts.TOKEN_DAYS} days, not {days}"
        )
    token = credentials.new_token(credentials.TOKEN)
    with store.transaction(engine) as conn:
        account = require_account(conn, name)
        chosen = tuple(ranges) or tuple(account["ranges"])
        scope = Scope(account["name"], Role(account["role"]), chosen)
        accounts.require_within(scope.ranges, account["ranges"])
        values = {
            "account": scope.account,
            "name": label.strip(),
            "sha256": credentials.token_hash(token),
            "ranges": list(scope.ranges),
            "created_at": now,
            "expires_at": now + dt.timedelta(days=days),
        }
        number = store.write_token(conn, values)
        details = {"token": number, "ranges": values["ranges"], "days": days}
        store.write_event(conn, "token_added", subject=scope.account, actor=actor, details=details)
    return token


def list_tokens(engine: Engine, name: str | None = None) -> list[dict[str, Any]]:
    """List tokens, the last first.

    Parameters
    ----------
    engine
        The store.
    name
        Of one account; None for all.

    Returns
    -------
    list of dict
        For JSON: see `store.read_tokens`.

    Raises
    ------
    AccountNotFound
        There is no such account.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine) as conn:
        one = require_account(conn, name)["name"] if name is not None else None
        return records(store.read_tokens(conn, one).reset_index())


def revoke_token(engine: Engine, number: int, *, now: dt.datetime, actor: str | None) -> None:
    """Make a token worth nothing.

    Parameters
    ----------
    engine
        The store.
    number
        As listed.
    now
        The time.
    actor
        Who revokes it.

    Raises
    ------
    NotFound
        There is none, or it was revoked before.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine) as conn:
        ended = store.end_token(conn, number, now)
        if ended is None:
            raise NotFound(f"no token {number} that could be revoked")
        store.write_event(
            conn, "token_revoked", subject=ended[0], actor=actor, details={"token": number}
        )


def one_time_link(engine: Engine, name: str, *, now: dt.datetime, actor: str | None) -> str:
    """Make a link that signs somebody in once.

    Parameters
    ----------
    engine
        The store.
    name
        The account's.
    now
        The time.
    actor
        Who makes it.

    Returns
    -------
    str
        The last part of the address, to be told once: only its SHA-256 is kept.

    Raises
    ------
    AccountNotFound
        There is none.
    InputError
        The account is disabled.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.

    Notes
    -----
    Rule: it lasts for a quarter of an hour, of the demo for a day, and ends with the first use.
    """
    with store.transaction(engine) as conn:
        account = require_account(conn, name)
        if account["disabled_at"] is not None:
            raise InputError(f"the account {account['name']!r} is disabled")
        token = _new_link(conn, account["name"], now, demo=account["demo"])
        store.write_event(conn, "link_added", subject=account["name"], actor=actor)
    return token


def _new_link(conn: Connection, name: str, now: dt.datetime, *, demo: bool) -> str:
    token = credentials.new_token()
    lasts = accounts.DEMO_LINK_LASTS if demo else accounts.LINK_LASTS
    values = {"sha256": credentials.token_hash(token), "account": name, "created_at": now}
    store.write_link(conn, {**values, "expires_at": now + lasts})
    return token


def demo_links(engine: Engine, *, now: dt.datetime, actor: str | None) -> dict[str, str]:
    """Make the accounts of the demo's personas, if need be, and a link for each.

    Parameters
    ----------
    engine
        The store, with the demo.
    now
        The time.
    actor
        Who makes them.

    Returns
    -------
    dict
        Account -> the last part of the address; of those that are not disabled.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    links = {}
    with store.transaction(engine) as conn:
        grids = store.read_units(conn, Level.GRID, as_of=now.date())
        for name, role in DEMO_ACCOUNTS.items():
            ranges = [min(grids.index)] if role is Role.LEADER and len(grids) else list(WHOLE)
            account = store.read_account(conn, name)
            if account is None:
                values = {"name": name, "role": role.value, "ranges": ranges, "demo": True}
                _write_account(conn, {**values, "created_at": now}, actor)
            if account is None or (account["demo"] and account["disabled_at"] is None):
                links[name] = _new_link(conn, name, now, demo=True)
        store.write_event(conn, "link_added", subject="demo", actor=actor)
    return links


def require_guarded(engine: Engine, *, host: str, secret: str | None) -> bool:
    """Refuse to serve a network what only this machine may have.

    Parameters
    ----------
    engine
        The store.
    host
        The address that is listened on.
    secret
        The setting.

    Returns
    -------
    bool
        Whether there is any account to sign in with.

    Raises
    ------
    InputError
        Another address than this machine's, and there is no secret, or an account of the demo,
        whose links anybody may have who saw the terminal.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine) as conn:
        some, demo = store.has_accounts(conn), store.has_accounts(conn, demo=True)
    if host not in LOOPBACK:
        if not secret:
            raise InputError(
                f"GRIDMAP_HOST is {host}: set GRIDMAP_SECRET, "
                f"{credentials.SECRET_LENGTH} random characters or more, to serve a network"
            )
        if demo:
            raise InputError(
                f"GRIDMAP_HOST is {host}, and accounts of the demo can sign in: disable "
                f"{', '.join(DEMO_ACCOUNTS)} with `gridmap account disable`, or use another store"
            )
    return some


def require_account(conn: Connection, name: str) -> dict[str, Any]:
    """Read an account that must be there, and keep others from changing it.

    Parameters
    ----------
    conn
        An open connection.
    name
        As somebody typed it.

    Returns
    -------
    dict
        See `store.read_account`.

    Raises
    ------
    AccountNotFound
        There is none.
    InputError
        It cannot be a name.
    """
    account = store.read_account(conn, accounts.account_name(name), lock=True)
    if account is None:
        raise AccountNotFound(f"there is no account {name[:64]!r}")
    return account
