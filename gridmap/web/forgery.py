"""Requests that another site makes a browser send: refused before any route sees them.

Belongs here: where a request must come from, and what it must bring. Does not belong here: who is
signed in (``signed``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from fastapi import Request

from gridmap.errors import CrossSite, InputError
from gridmap.web.problems import problem_of
from gridmap.web.signed import Seal, binding, session_token

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
FIELD = "csrf_token"
HEADER = "x-csrf-token"
FORM_BYTES = 65_536
"""The most a form may have that brings its token along; longer ones bring it in the header."""

ALWAYS = ("/sign-in", "/sign-out", "/password")
"""Paths of which the forms are guarded though nobody is signed in: else another site could sign a
browser in as somebody else."""


class ForgeryGuard:
    """Lets through what changes something only if a page of this very site has sent it.

    For every method but the safe ones, where a browser has a session, and at the paths `ALWAYS`:
    ``Origin``, or ``Referer`` where that is not sent, must be this host with this scheme and port,
    and what `signed.form_token` gave must come back, as field or header. What comes with
    ``Authorization`` is let through: no browser adds that by itself, and the cookie is not looked
    at then. Cookies are ``SameSite=Lax`` besides.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http" or scope["method"] in SAFE:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        if "authorization" in request.headers or not _guarded(request):
            await self._app(scope, receive, send)
            return
        try:
            _require_own_origin(request)
            receive = await _require_token(request)
        except (CrossSite, InputError) as error:
            await problem_of(request, error)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _guarded(request: Request) -> bool:
    return request.url.path.startswith(ALWAYS) or session_token(request) is not None


def _require_own_origin(request: Request) -> None:
    """Refuse what does not say that it comes from here; ``null`` is what sandboxes say."""
    said = request.headers.get("origin") or request.headers.get("referer") or ""
    try:
        parts = urlsplit(said)
    except ValueError:  # as of an address with half a bracket
        parts = urlsplit("")
    own = (request.url.scheme, request.headers.get("host", "").lower())
    if (parts.scheme, parts.netloc.lower()) != own:
        raise CrossSite("this request does not come from a page of this site")


async def _require_token(request: Request) -> Receive:
    """Refuse what does not bring its token; return the body, if it was read, to be read again."""
    sent = request.headers.get(HEADER)
    receive = request.receive
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent is None and kind == "application/x-www-form-urlencoded":
        body = await _body(request)
        sent = fields(body).get(FIELD)
        receive = _again(body, receive)
    bound = binding(request)
    seal: Seal = request.app.state.seal
    if not sent or bound is None or not seal.is_form_token(bound, sent):
        raise CrossSite("the form was open for too long, or cookies are off; load the page anew")
    return receive


def fields(body: bytes) -> dict[str, str]:
    """Return what a form has.

    Parameters
    ----------
    body
        ``application/x-www-form-urlencoded``.

    Returns
    -------
    dict
        Of a field that is there twice the last.

    Raises
    ------
    InputError
        It is no such form, or has more than fifty fields.
    """
    try:
        found = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=50)
    except ValueError as error:
        raise InputError("the form cannot be read") from error
    return {name: values[-1] for name, values in found.items()}


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > FORM_BYTES:
            raise InputError(f"a form has at most {FORM_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)


def _again(body: bytes, after: Receive) -> Receive:
    """Return the body as a server would hand it over, then what the server says after it."""
    told = False

    async def receive() -> Message:
        nonlocal told
        if told:
            return await after()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
