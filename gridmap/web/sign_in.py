"""Signing in and out, in a browser: by password, by a link, at a foreign provider.

Belongs here: the pages and what their forms do. Does not belong here: who may sign in (``jobs``),
the cookie (``signed``), foreign sites' forms (``forgery``).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from itsdangerous import BadSignature
from starlette.responses import Response

from gridmap import accounts, jobs
from gridmap.errors import (
    Conflict,
    Forbidden,
    GridmapError,
    InputError,
    NotFound,
    PasswordChangeNeeded,
    PasswordWeak,
    SignInNeeded,
    SignInRefused,
    TooManyTries,
)
from gridmap.web.forgery import ForgeryGuard
from gridmap.web.forms import Filled, form_page, language_of, local_path
from gridmap.web.oidc import Flow, Provider, new_flow
from gridmap.web.problems import problem_of, status_of
from gridmap.web.signed import (
    FLOW,
    FLOW_S,
    SESSION,
    Remembered,
    Seal,
    asker,
    cookie_name,
    drop_cookie,
    keep_session,
    session_token,
    set_cookie,
    signed_in,
)
from gridmap.web.throttle import Throttle

if TYPE_CHECKING:
    from fastapi import FastAPI
    from sqlalchemy import Engine

__all__ = ["add_sign_in", "asker", "open_doors", "router"]

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

Link = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{43}$")]
Next = Annotated[str | None, Query(alias="next", max_length=2000)]
Foreign = Annotated[str | None, Query(max_length=4000)]


def add_sign_in(app: FastAPI) -> None:
    """Let people sign in to an application: its guard, its routes, where refusals lead.

    Parameters
    ----------
    app
        Before it starts; the guard is to stand behind what counts and names requests.
    """
    app.state.throttle = Throttle(app.state.settings.requests_per_minute)
    app.state.remembered = Remembered()
    app.add_middleware(ForgeryGuard)
    app.add_exception_handler(SignInNeeded, _to_sign_in)
    app.add_exception_handler(PasswordChangeNeeded, _to_password)
    app.include_router(router)


def open_doors(app: FastAPI, secret: str) -> None:
    """Give an application what it signs with; until then nobody can sign in.

    Parameters
    ----------
    app
        When it starts.
    secret
        From `credentials.signing_secret`.
    """
    app.state.seal = Seal(secret)


@router.get("/sign-in")
def sign_in_page(request: Request, next_path: Next = None) -> Response:
    """Show the form of name and password."""
    return _door(request, next_path)


@router.post("/sign-in")
def sign_in(request: Request, filled: Filled) -> Response:
    """Sign somebody in by name and password."""
    name, next_path = filled.get("name", "")[:256], local_path(filled.get("next"))
    try:
        request.app.state.throttle.count(_address(request), _counted(name))
        token = jobs.sign_in(_engine(request), name, filled.get("password", ""), now=_now())
    except (SignInRefused, TooManyTries) as error:
        if not _wants_page(request):
            raise
        return _door(request, next_path, error=error, name=name)
    return _entered(request, token, next_path)


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """End the session of a browser."""
    token = session_token(request)
    if token is not None:
        signed = signed_in(request)
        jobs.sign_out(_engine(request), token)
        if signed is not None:
            request.app.state.remembered.forget(signed.scope.account)
    response = _see("/sign-in")
    drop_cookie(request, response, SESSION)
    # What the page on the spot keeps for a lost connection, too: the next one is somebody else.
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@router.get("/account")
def account_page(request: Request) -> Response:
    """Show who is signed in, what as, and the way out."""
    asker(request)
    signed = _held(request)
    return form_page(
        request,
        "account.html",
        scope=signed.scope,
        role=accounts.ROLE_NAMES[signed.scope.role],
        by_password=signed.method != "oidc",
    )


@router.get("/password")
def password_page(request: Request, next_path: Next = None) -> Response:
    """Show the form for a new password."""
    return _password_form(request, _held(request), next_path)


@router.post("/password")
def change_password(request: Request, filled: Filled) -> Response:
    """Change the password of whoever is signed in; their other sessions end."""
    signed, token = _held(request), session_token(request)
    new, again = filled.get("new", ""), filled.get("again", "")
    next_path = local_path(filled.get("next"))
    try:
        request.app.state.throttle.count(_address(request), signed.scope.account)
        if new != again:
            raise PasswordWeak("the two new passwords differ", "differ")
        fresh = jobs.change_password(
            _engine(request), token or "", current=filled.get("current"), new=new, now=_now()
        )
    except (PasswordWeak, SignInRefused, Conflict, TooManyTries) as error:
        if not _wants_page(request):
            raise
        return _password_form(request, signed, next_path, error=error)
    request.app.state.remembered.forget(signed.scope.account)
    return _entered(request, fresh, next_path)


@router.get("/sign-in/link/{link}")
def link_page(request: Request, link: Link) -> Response:
    """Show a button: what only looks at a link, as messengers do, does not use it up."""
    return form_page(request, "link.html", link=link, refused=False)


@router.post("/sign-in/link/{link}")
def use_link(request: Request, link: Link) -> Response:
    """Sign somebody in by a link, once."""
    try:
        request.app.state.throttle.count(_address(request))
        token = jobs.use_link(_engine(request), link, now=_now())
    except SignInRefused as error:
        if not _wants_page(request):
            raise
        return form_page(request, "link.html", status=status_of(error), link=link, refused=True)
    return _entered(request, token, "/")


@router.get("/sign-in/oidc")
def oidc(request: Request, next_path: Next = None) -> Response:
    """Send somebody to the foreign provider."""
    provider = _provider(request)
    flow = new_flow(local_path(next_path))
    try:
        request.app.state.throttle.count(_address(request))
        address = provider.address(flow, str(request.url_for("oidc_back")))
    except (SignInRefused, TooManyTries) as error:
        return _door(request, flow.next, error=error, foreign=True)
    response = RedirectResponse(address, status_code=303)
    kept = request.app.state.seal.flow.dumps(asdict(flow))
    set_cookie(request, response, FLOW, kept, lasts_s=FLOW_S)
    return _unkept(response)


@router.get("/sign-in/oidc/back")
def oidc_back(
    request: Request,
    code: Foreign = None,
    state: Foreign = None,
    iss: Foreign = None,
) -> Response:
    """Sign somebody in who comes back from the foreign provider."""
    provider = _provider(request)
    flow = _flow(request)
    try:
        request.app.state.throttle.count(_address(request))
        fits = flow is not None and state == flow.state
        issuer = request.app.state.settings.oidc_issuer
        if flow is None or not fits or not code or iss not in (None, issuer):
            raise SignInRefused("this sign-in was not begun here, or took too long")
        who = provider.who(flow, code, str(request.url_for("oidc_back")))
        token = jobs.sign_in_foreign(_engine(request), who.subject, who.preferred_name, now=_now())
    except (SignInRefused, TooManyTries) as error:
        response = _door(request, flow.next if flow else "/", error=error, foreign=True)
    else:
        response = _entered(request, token, flow.next)
    drop_cookie(request, response, FLOW)
    return response


def _flow(request: Request) -> Flow | None:
    """Return the sign-in that this browser has begun."""
    kept = request.cookies.get(cookie_name(request, FLOW), "")
    try:
        return Flow(**request.app.state.seal.flow.loads(kept, max_age=FLOW_S))
    except BadSignature:
        return None


def _provider(request: Request) -> Provider:
    settings = request.app.state.settings
    if not settings.oidc_issuer:
        raise NotFound("no foreign provider is set up to sign in at")
    return Provider(settings)


def _door(
    request: Request,
    next_path: str | None,
    *,
    error: GridmapError | None = None,
    name: str = "",
    foreign: bool = False,
) -> Response:
    headers = {}
    if isinstance(error, TooManyTries):
        headers["Retry-After"] = str(error.retry_after_s)
    to = local_path(next_path)
    if to == "/" and "lang" in request.query_params:
        to = f"/?lang={language_of(request)}"
    return form_page(
        request,
        "sign_in.html",
        status=status_of(error) if error else 200,
        headers=headers,
        error="foreign" if foreign and isinstance(error, SignInRefused) else _code(error),
        name=name,
        next=to,
        query=urlencode({"next": to}),
        foreign=bool(request.app.state.settings.oidc_issuer),
    )


def _password_form(
    request: Request,
    signed: jobs.SignedIn,
    next_path: str | None,
    *,
    error: GridmapError | None = None,
) -> Response:
    headers = {}
    if isinstance(error, TooManyTries):
        headers["Retry-After"] = str(error.retry_after_s)
    return form_page(
        request,
        "password.html",
        status=status_of(error) if error else 200,
        headers=headers,
        account=signed.scope.account,
        first=signed.must_change,
        ask_current=signed.method != "link",
        least=accounts.PASSWORD_LENGTH,
        next=local_path(next_path),
        query=urlencode({"next": local_path(next_path)}),
        error=error.reason if isinstance(error, PasswordWeak) else _code(error),
    )


def _code(error: GridmapError | None) -> str:
    return error.code if error else ""


def _held(request: Request) -> jobs.SignedIn:
    """Return who is signed in by a browser, those too who must change their password first."""
    signed = signed_in(request)
    if signed is None or signed.method == "token":
        raise SignInNeeded("sign in first")
    return signed


def _entered(request: Request, token: str, next_path: str) -> Response:
    """Return the way on, with a new session; the one that was there before has ended."""
    former = session_token(request)
    if former is not None and former != token:
        jobs.sign_out(_engine(request), former)
    response = _see(next_path)
    keep_session(request, response, token)
    return response


def _see(path: str) -> Response:
    return _unkept(RedirectResponse(path, status_code=303))


def _unkept(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


def _engine(request: Request) -> Engine:
    """Return the store as nobody sees it: who signs in has no scope yet."""
    engine: Engine = request.app.state.engine
    return engine


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _address(request: Request) -> str | None:
    return request.client.host if request.client else None


def _counted(name: str) -> str:
    """Return the name under which tries are counted, whether there is such an account or not."""
    try:
        return accounts.account_name(name)
    except InputError:
        return ""


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _is_page(request: Request) -> bool:
    """Tell whether a route shows a page to people."""
    shown = getattr(request.scope.get("route"), "response_class", None)
    shown = getattr(shown, "value", shown)  # a router's default is wrapped
    return isinstance(shown, type) and issubclass(shown, HTMLResponse)


async def _to_sign_in(request: Request, error: Exception) -> Response:
    """Show whoever opens a page where to sign in, and tell a program that it must."""
    if request.method in ("GET", "HEAD") and _is_page(request):
        return _see(_by_way_of("/sign-in", request))
    return problem_of(request, _of_ours(error))


async def _to_password(request: Request, error: Exception) -> Response:
    if request.method in ("GET", "HEAD") and _is_page(request):
        return _see(_by_way_of("/password", request))
    return problem_of(request, _of_ours(error))


def _by_way_of(path: str, request: Request) -> str:
    """Return the address of a page that leads on to what was asked for, in its language."""
    query = f"?{request.url.query}" if request.url.query else ""
    to = local_path(request.url.path + query)
    said = {"lang": language_of(request)} if "lang" in request.query_params else {}
    onward = {} if to == "/" else {"next": to}
    return path + ("?" + urlencode({**said, **onward}) if said or onward else "")


def _of_ours(error: Exception) -> GridmapError:
    return error if isinstance(error, GridmapError) else Forbidden("not allowed")
