"""Signing in and out, and who a session or a token stands for.

Belongs here: the order of steps, and the event of each. Does not belong here: making accounts
(``accounts`` beside it), the rules (the room ``accounts``), cookies and headers (``web``).

A password is never written, nor one that was tried; a name that was tried only where such an
account exists, since people type passwords into the wrong field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridmap import accounts, credentials, store
from gridmap.errors import Conflict, InputError, SignInNeeded, SignInRefused
from gridmap.jobs.accounts import write_password
from gridmap.model import Role, Scope

if TYPE_CHECKING:
    import datetime as dt

    from sqlalchemy import Connection, Engine

REFUSED = "name and password do not fit, or the account is locked for a while or disabled"
"""One sentence for every reason: which accounts there are is nobody's to learn."""


@dataclass(frozen=True)
class SignedIn:
    """Who asks, and how they signed in: by ``password``, ``link``, ``oidc`` or ``token``."""

    scope: Scope
    must_change: bool
    method: str


def sign_in(engine: Engine, name: str, password: str, *, now: dt.datetime) -> str:
    """Sign somebody in by name and password.

    Parameters
    ----------
    engine
        The store.
    name, password
        As somebody typed them.
    now
        The time.

    Returns
    -------
    str
        A new session's token, for the cookie.

    Raises
    ------
    SignInRefused
        Whatever is wrong.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.

    Notes
    -----
    Cost: one hash, of known names and unknown ones, of right passwords and wrong ones. It is
    computed while no transaction is open; the account is read again before anybody is let in.
    """
    known = _account_of(engine, name)
    long = len(password) > accounts.PASSWORD_LONGEST
    tried = "" if long else accounts.password_form(password)
    kept = known["password_hash"] if known else None
    good, renewed = credentials.verify_password(tried, kept)
    with store.transaction(engine) as conn:
        account = store.read_account(conn, known["name"], lock=True) if known else None
        reason = _refusal(account, good=good and _same(account, known), now=now)
        if account is None or reason:
            token = None
            _write_refusal(conn, account, reason, now)
        else:
            values: dict[str, Any] = {"failed_count": 0, "locked_until": None}
            if renewed:
                values["password_hash"] = renewed
            store.change_account(conn, account["name"], values)
            token = _open_session(conn, account["name"], "password", now)
    # What is raised inside would take the event back.
    if token is None:
        raise SignInRefused(REFUSED)
    return token


def _account_of(engine: Engine, name: str) -> dict[str, Any] | None:
    try:
        name = accounts.account_name(name)
    except InputError:
        return None
    with store.transaction(engine) as conn:
        return store.read_account(conn, name)


def _same(account: dict[str, Any] | None, known: dict[str, Any] | None) -> bool:
    """Tell whether the password that was compared is still the account's."""
    return bool(account and known and account["password_hash"] == known["password_hash"])


def _refusal(account: dict[str, Any] | None, *, good: bool, now: dt.datetime) -> str:
    if account is None:
        return "unknown"
    if account["disabled_at"] is not None:
        return "disabled"
    if accounts.is_locked(account["locked_until"], now):
        return "locked"
    return "" if good else "password"


def _write_refusal(
    conn: Connection, account: dict[str, Any] | None, reason: str, now: dt.datetime
) -> None:
    """Count a failure, and tell of it under the account's name, never what was typed."""
    details: dict[str, Any] = {"reason": reason}
    if account is not None and reason == "password":
        failed, until = accounts.after_failure(
            account["failed_count"], account["locked_until"], now
        )
        values = {"failed_count": failed, "locked_until": until}
        store.change_account(conn, account["name"], values)
        details["locked"] = until is not None
    subject = account["name"] if account else None
    store.write_event(conn, "sign_in_refused", subject=subject, details=details)


def _open_session(conn: Connection, name: str, method: str, now: dt.datetime) -> str:
    """Open a session under a new token, and tell of it."""
    store.delete_old_sessions(conn, now, now - accounts.IDLE)
    token = _new_session(conn, name, method, now)
    store.write_event(conn, "sign_in", subject=name, actor=name, details={"method": method})
    return token


def _new_session(conn: Connection, name: str, method: str, now: dt.datetime) -> str:
    token = credentials.new_token()
    values = {
        "id": credentials.token_hash(token),
        "account": name,
        "method": method,
        "created_at": now,
        "last_seen": now,
        "expires_at": now + accounts.LASTS,
    }
    store.write_session(conn, values)
    return token


def use_link(engine: Engine, link: str, *, now: dt.datetime) -> str:
    """Sign somebody in by a link, once.

    Parameters
    ----------
    engine
        The store.
    link
        The last part of its address.
    now
        The time.

    Returns
    -------
    str
        A new session's token.

    Raises
    ------
    SignInRefused
        There is no such link, it was used, it is too old, or the account is disabled.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine) as conn:
        name = store.use_link(conn, credentials.token_hash(link), now)
        account = store.read_account(conn, name, lock=True) if name else None
        if account is None or account["disabled_at"] is not None:
            token = None
            _write_refusal(conn, account, "link", now)
        else:
            store.change_account(conn, account["name"], {"failed_count": 0, "locked_until": None})
            token = _open_session(conn, account["name"], "link", now)
    if token is None:
        raise SignInRefused("this link was used or is too old; ask for another")
    return token


def sign_in_foreign(
    engine: Engine, subject: str, preferred_name: str | None, *, now: dt.datetime
) -> str:
    """Sign somebody in whom a foreign provider has told us of.

    Parameters
    ----------
    engine
        The store.
    subject
        Issuer and subject.
    preferred_name
        What the provider calls them.
    now
        The time.

    Returns
    -------
    str
        A new session's token.

    Raises
    ------
    SignInRefused
        No account is bound to the subject, and none waits for the name; or it is disabled.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.

    Notes
    -----
    Rule: no account is made. An account made for the provider and bound to nobody yet takes the
    subject of the first who has its name there; from then on only the subject counts, since people
    may change their names there. An account with a password is never taken over by a name.
    """
    with store.transaction(engine) as conn:
        account = _foreign_account(conn, subject, preferred_name)
        reason = "foreign" if account is None else ""
        if account is not None and account["disabled_at"] is not None:
            reason = "disabled"
        if account is None or reason:
            token = None
            _write_refusal(conn, account, reason, now)
        else:
            if account["oidc_subject"] is None:
                store.change_account(conn, account["name"], {"oidc_subject": subject})
            token = _open_session(conn, account["name"], "oidc", now)
    if token is None:
        raise SignInRefused("no account here is that of the one who signed in there")
    return token


def _foreign_account(
    conn: Connection, subject: str, preferred_name: str | None
) -> dict[str, Any] | None:
    bound = store.read_foreign_account(conn, subject)
    if bound:
        return store.read_account(conn, bound, lock=True)
    try:
        name = accounts.account_name(preferred_name or "")
    except InputError:
        return None
    account = store.read_account(conn, name, lock=True)
    waits = account is not None and account["by_oidc"] and account["oidc_subject"] is None
    return account if waits else None


def session_scope(engine: Engine, token: str, *, now: dt.datetime) -> SignedIn | None:
    """Return who has a session.

    Parameters
    ----------
    engine
        The store.
    token
        From a cookie whose signature was good.
    now
        The time.

    Returns
    -------
    SignedIn or None
        Role and ranges as they are at present; None where the session ended or the account is
        disabled.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    session_id = credentials.token_hash(token)
    with store.transaction(engine) as conn:
        found = store.read_session(conn, session_id)
        if (
            found is None
            or found["disabled_at"] is not None
            or not accounts.is_live(found["last_seen"], found["expires_at"], now)
        ):
            return None
        if now - found["last_seen"] > accounts.SEEN_EVERY:
            store.write_session_seen(conn, session_id, now)
    scope = Scope(found["account"], Role(found["role"]), tuple(found["ranges"]))
    return SignedIn(scope, found["must_change"], found["method"])


def token_scope(engine: Engine, token: str, *, now: dt.datetime) -> SignedIn | None:
    """Return for whom a program asks.

    Parameters
    ----------
    engine
        The store.
    token
        As it was sent.
    now
        The time.

    Returns
    -------
    SignedIn or None
        The account's role, over what the token's ranges and the account's have in common at
        present; None where the token is unknown, too old or revoked, or the account is disabled.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine) as conn:
        found = store.read_token(conn, credentials.token_hash(token))
        if (
            found is None
            or found["disabled_at"] is not None
            or found["revoked_at"] is not None
            or found["expires_at"] <= now
        ):
            return None
        used = found["last_used_at"]
        if used is None or now - used > accounts.SEEN_EVERY:
            store.write_token_used(conn, found["id"], now)
    ranges = accounts.common_ranges(found["token_ranges"], found["ranges"])
    return SignedIn(Scope(found["account"], Role(found["role"]), ranges), False, "token")  # noqa: FBT003


def sign_out(engine: Engine, token: str) -> None:
    """End a session; of one that ended before nothing is told.

    Parameters
    ----------
    engine
        The store.
    token
        The session's.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine) as conn:
        name = store.end_session(conn, credentials.token_hash(token))
        if name:
            store.write_event(conn, "sign_out", subject=name, actor=name)


def change_password(
    engine: Engine, token: str, *, current: str | None, new: str, now: dt.datetime
) -> str:
    """Change the password of whoever has a session.

    Parameters
    ----------
    engine
        The store.
    token
        The session's.
    current
        The password until now; of a session by link it is not asked for, since links are given to
        those who have forgotten it.
    new
        The password from now on.
    now
        The time.

    Returns
    -------
    str
        The token of a new session; all others of the account have ended.

    Raises
    ------
    SignInNeeded
        The session has ended.
    SignInRefused
        The current password is wrong: that counts like a failure to sign in.
    PasswordWeak
        See `accounts.check_password`.
    Conflict
        The new password is the present one, or the account has none.
    StoreUnavailable, StoreError
        See `store.transaction`.
    """
    signed = session_scope(engine, token, now=now)
    if signed is None:
        raise SignInNeeded("sign in first")
    name = signed.scope.account
    known = _account_of(engine, name)
    if known is None or known["password_hash"] is None:
        raise Conflict("this account signs in without a password")
    if signed.method != "link":
        _require_password(engine, known, current or "", now)
    form = accounts.check_password(new, name)
    if credentials.verify_password(form, known["password_hash"])[0]:
        raise Conflict("the new password is the present one")
    hashed = credentials.hash_password(form)
    with store.transaction(engine) as conn:
        account = store.read_account(conn, name, lock=True)
        if not _same(account, known) or _refusal(account, good=True, now=now):
            raise SignInNeeded("the account was changed meanwhile; sign in again")
        write_password(conn, name, hashed, now=now, must_change=False)
        fresh = _new_session(conn, name, signed.method, now)
        store.write_event(conn, "password_changed", subject=name, actor=name)
    return fresh


def _require_password(
    engine: Engine, known: dict[str, Any], current: str, now: dt.datetime
) -> None:
    long = len(current) > accounts.PASSWORD_LONGEST
    tried = "" if long else accounts.password_form(current)
    good, _ = credentials.verify_password(tried, known["password_hash"])
    with store.transaction(engine) as conn:
        account = store.read_account(conn, known["name"], lock=True)
        reason = _refusal(account, good=good and _same(account, known), now=now)
        if reason:
            _write_refusal(conn, account, reason, now)
    if reason:
        raise SignInRefused(REFUSED)
