"""Signing in for tests: real accounts, real tokens and sessions, no way around the doors."""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.routing import Mount, Route

from gridmap import jobs, store
from gridmap import tables as t
from gridmap.errors import Conflict
from gridmap.model import WHOLE, Role
from gridmap.settings import Settings
from gridmap.web import create_app
from gridmap.web.signed import SESSION, Seal

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "only for tests: " + "s" * 32
SITE = "http://127.0.0.1"
ADMIN = "test-admin"


def settings_of(url: str, **options: object) -> Settings:
    """Return settings of a server on a database, with a secret."""
    # A suite asks more in a minute than any person does.
    return Settings(database_url=url, secret=SECRET, **{"requests_per_minute": 10**6, **options})


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def account(engine, name: str = ADMIN, role: Role = Role.ADMIN, ranges=WHOLE) -> str:
    """Return an account, made if need be; it signs in without a password."""
    with suppress(Conflict):
        jobs.add_account(
            engine, name, role=role, ranges=ranges, now=now(), actor="test", by_oidc=True
        )
    return name


def token_of(url: str, name: str = ADMIN, role: Role = Role.ADMIN, ranges=WHOLE) -> str:
    """Return a new token of an account in a database."""
    engine = store.connect(url)
    try:
        name = account(engine, name, role, ranges)
        return jobs.add_token(engine, name, "test", now=now(), days=1, actor="test")
    finally:
        engine.dispose()


def cookie_of(url: str, name: str = ADMIN, role: Role = Role.ADMIN, ranges=WHOLE) -> dict:
    """Return a browser's cookie of an account in a database: its name and value."""
    engine = store.connect(url)
    try:
        link = jobs.one_time_link(engine, account(engine, name, role, ranges), now=now(), actor="t")
        token = jobs.use_link(engine, link, now=now())
    finally:
        engine.dispose()
    return {"name": SESSION, "value": Seal(SECRET).closed(token)}


def without_accounts(url: str) -> str:
    """Return a database after taking all accounts away: a clone for each test takes a second."""
    engine = store.connect(url)
    with store.transaction(engine, owner=True) as conn:
        for table in (t.sign_in_link, t.api_token, t.session, t.account):
            conn.execute(table.delete())
    engine.dispose()
    return url


@contextmanager
def signed_client(
    url: str, *, name: str = ADMIN, role: Role = Role.ADMIN, ranges=WHOLE, **options: object
) -> Iterator[TestClient]:
    """Open an application whose client sends the token of an account: an admin's by default."""
    token = token_of(url, name, role, ranges)
    app = create_app(settings_of(url))
    with TestClient(app, base_url=SITE, **options) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


@contextmanager
def open_client(url: str, *, site: str = SITE, **options: object) -> Iterator[TestClient]:
    """Open an application whose client is nobody, and follows no redirect."""
    app = create_app(settings_of(url, **options))
    with TestClient(app, base_url=site, follow_redirects=False) as client:
        yield client


def routes_of(app):
    """Yield every route of an application, those of its routers too."""
    pending = list(app.routes)
    while pending:
        route = pending.pop()
        if isinstance(route, (APIRoute, Route)):
            yield route
        elif isinstance(route, Mount):
            assert route.path in ("/static",), f"{route.path} asks nobody who it is"
        else:
            inner = getattr(route, "original_router", None) or getattr(route, "router", None)
            pending += list(getattr(inner, "routes", []))
