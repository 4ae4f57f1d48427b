"""Who sent a request: by the token of a program, else by the signed cookie of a browser.

Belongs here: names and flags of cookies, their signatures, what is remembered of who has them. Does
not belong here: who may sign in (``jobs``), the pages (``sign_in``), foreign sites (``forgery``).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import time
from threading import Lock
from typing import TYPE_CHECKING

from itsdangerous import BadSignature, Signer
from itsdangerous.url_safe import URLSafeTimedSerializer

from gridmap import accounts, credentials, jobs
from gridmap.errors import PasswordChangeNeeded, SignInNeeded

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import Request
    from starlette.responses import Response

    from gridmap.model import Scope

SESSION = "gridmap"
FORM = "gridmap-form"
FLOW = "gridmap-oidc"
"""The cookies: who is signed in; what binds the forms of one who is not; a sign-in elsewhere."""

FLOW_S = 600
"""How long somebody may take at the foreign provider."""

REMEMBERED_S = 5.0
"""How long what the store says of a session or a token is believed: an account that is disabled by
another program is out after that; what this program ends, ends at once."""

REMEMBERED_MOST = 10_000


class Seal:
    """Signatures by the secret: of cookies, of forms, of what goes to a provider and comes back."""

    def __init__(self, secret: str) -> None:
        self._session = Signer(secret, salt="gridmap.session", digest_method=hashlib.sha256)
        self._form = Signer(secret, salt="gridmap.form", digest_method=hashlib.sha256)
        self.flow = URLSafeTimedSerializer(
            secret, salt="gridmap.oidc", signer_kwargs={"digest_method": hashlib.sha256}
        )

    def closed(self, token: str) -> str:
        """Return a session's token as the cookie has it."""
        return self._session.sign(token).decode()

    def opened(self, cookie: str) -> str | None:
        """Return the token of a cookie; None if nobody here has signed it."""
        try:
            return self._session.unsign(cookie).decode()
        except BadSignature:
            return None

    def form_token(self, bound: str) -> str:
        """Return what a form must bring back, for what binds it to a browser.

        Another one each time: pages are compressed, and repeat what an address says, so that a
        token that stayed the same could be guessed by the length of answers (BREACH).
        """
        salt = secrets.token_urlsafe(9)
        return f"{salt}.{self._form.get_signature(f'{salt}.{bound}').decode()}"

    def is_form_token(self, bound: str, token: str) -> bool:
        """Tell whether a form brought back what it was given; compared in constant time."""
        salt, _, signature = token.partition(".")
        return self._form.verify_signature(f"{salt}.{bound}", signature)


class Remembered:
    """What the store said of who asks, for a few seconds."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, jobs.SignedIn]] = {}
        self._lock = Lock()

    def get(self, key: str, look: Callable[[], jobs.SignedIn | None]) -> jobs.SignedIn | None:
        """Return what is remembered, or look; that nobody is there is not remembered."""
        kept = self._kept.get(key)
        now = time.monotonic()
        if kept and now < kept[0]:
            return kept[1]
        found = look()
        with self._lock:
            if len(self._kept) >= REMEMBERED_MOST:
                self._kept.clear()
            if found:
                # From before the look: what changed during it is not believed for longer.
                self._kept[key] = (now + REMEMBERED_S, found)
            else:
                self._kept.pop(key, None)
        return found

    def peek(self, key: str) -> jobs.SignedIn | None:
        """Return what is remembered, without a look."""
        kept = self._kept.get(key)
        return kept[1] if kept and time.monotonic() < kept[0] else None

    def forget(self, account: str) -> None:
        """Forget everything of an account."""
        with self._lock:
            self._kept = {
                key: kept for key, kept in self._kept.items() if kept[1].scope.account != account
            }


def asker(request: Request) -> Scope:
    """Return what the one who asks may see and do.

    Parameters
    ----------
    request
        With ``Authorization: Bearer``, else with the cookie; where a token is sent, the cookie is
        not looked at.

    Returns
    -------
    Scope
        At most five seconds old.

    Raises
    ------
    SignInNeeded
        Neither lets anybody in.
    PasswordChangeNeeded
        The first password is to be changed before anything else.
    """
    signed = signed_in(request)
    if signed is None:
        raise SignInNeeded("sign in, or send a token as Authorization: Bearer")
    if signed.must_change:
        raise PasswordChangeNeeded("change the first password, at /password, before anything else")
    return signed.scope


def signed_in(request: Request) -> jobs.SignedIn | None:
    """Return who asks, those too who must change their password first.

    Parameters
    ----------
    request
        See `asker`.

    Returns
    -------
    SignedIn or None
        None where nobody is let in.
    """
    token = _token(request)
    if token is None:
        return None
    state, now = request.app.state, dt.datetime.now(dt.UTC)
    by_token = "authorization" in request.headers
    look = jobs.token_scope if by_token else jobs.session_scope
    remembered: Remembered = state.remembered
    return remembered.get(credentials.token_hash(token), lambda: look(state.engine, token, now=now))


def recalled(request: Request) -> jobs.SignedIn | None:
    """Return who asks as far as it is remembered, without a look into the store.

    Parameters
    ----------
    request
        See `asker`.

    Returns
    -------
    SignedIn or None
        None where that is to be looked up, or nobody is let in.
    """
    token = _token(request)
    remembered: Remembered = request.app.state.remembered
    return remembered.peek(credentials.token_hash(token)) if token else None


def _token(request: Request) -> str | None:
    """Return the token that a request brings: where there is a header, that of no cookie."""
    sent = request.headers.get("authorization")
    if sent is None:
        return session_token(request)
    scheme, _, token = sent.partition(" ")
    token = token.strip()
    good = scheme.lower() == "bearer" and credentials.is_token(token, credentials.TOKEN)
    return token if good else None


def cookie_name(request: Request, name: str) -> str:
    """Return what a cookie is called here.

    Parameters
    ----------
    request
        On TLS or not.
    name
        One of this module's.

    Returns
    -------
    str
        On TLS with the prefix by which a browser takes it from this very host only.
    """
    return f"__Host-{name}" if request.url.scheme == "https" else name


def session_token(request: Request) -> str | None:
    """Return the token in the cookie of a browser.

    Parameters
    ----------
    request
        Any.

    Returns
    -------
    str or None
        None where there is no cookie, or one that nobody here has signed.
    """
    cookie = request.cookies.get(cookie_name(request, SESSION))
    seal: Seal = request.app.state.seal
    return seal.opened(cookie) if cookie else None


def binding(request: Request) -> str | None:
    """Return what the forms of a browser are bound to: its session, else its form cookie.

    Parameters
    ----------
    request
        Any.

    Returns
    -------
    str or None
        None where it has neither.
    """
    return session_token(request) or request.cookies.get(cookie_name(request, FORM))


def form_token(request: Request) -> str | None:
    """Return what every form and every script of a page must send back.

    Parameters
    ----------
    request
        Of somebody who is signed in.

    Returns
    -------
    str or None
        As the field ``csrf_token`` of a form, or the header ``X-CSRF-Token``; None where there is
        nothing to bind it to.
    """
    bound = binding(request)
    seal: Seal = request.app.state.seal
    return seal.form_token(bound) if bound else None


def set_cookie(
    request: Request, response: Response, name: str, value: str, *, lasts_s: int
) -> None:
    """Put a cookie into an answer.

    Parameters
    ----------
    request
        On TLS or not.
    response
        The answer.
    name
        One of this module's.
    value
        For this host, not for scripts, not for other sites' forms.
    lasts_s
        Seconds.
    """
    response.set_cookie(
        cookie_name(request, name),
        value,
        max_age=lasts_s,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )


def drop_cookie(request: Request, response: Response, name: str) -> None:
    """Take a cookie away.

    Parameters
    ----------
    request
        On TLS or not.
    response
        The answer.
    name
        One of this module's.
    """
    response.delete_cookie(
        cookie_name(request, name),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )


def keep_session(request: Request, response: Response, token: str) -> None:
    """Put a session into an answer.

    Parameters
    ----------
    request
        What is answered.
    response
        The answer.
    token
        A new one: who had planted one before has nothing of it.
    """
    seal: Seal = request.app.state.seal
    lasts_s = int(accounts.LASTS.total_seconds())
    set_cookie(request, response, SESSION, seal.closed(token), lasts_s=lasts_s)
    drop_cookie(request, response, FORM)
