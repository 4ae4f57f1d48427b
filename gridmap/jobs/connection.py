"""Opening the store: the one that is set, or gridmap's own."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gridmap import cluster, store
from gridmap.errors import Unguarded
from gridmap.jobs.entries import fill_entries
from gridmap.model import Role, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from gridmap.settings import Settings

LOG = logging.getLogger("gridmap")


@contextmanager
def database(settings: Settings) -> Iterator[Engine]:
    """Open the store for a person at this machine: the one that is set, or gridmap's own.

    Parameters
    ----------
    settings
        ``database_url`` and ``data_dir`` are used.

    Yields
    ------
    Engine
        With the present schema; it sees and writes everything.

    Raises
    ------
    ClusterError
        The embedded database cannot be started.
    StoreUnavailable
        The database cannot be reached.
    StoreError
        The schema cannot be brought up to date.
    """
    with _url(settings) as url, _migrated(url) as engine:
        yield engine


@contextmanager
def service(settings: Settings) -> Iterator[store.Logins]:
    """Open the store for requests of people elsewhere, who may see what their scope says.

    Parameters
    ----------
    settings
        ``database_url``, ``role_logins`` and ``data_dir`` are used.

    Yields
    ------
    Logins
        Of a store with the present schema, whose policies keep scopes apart.

    Raises
    ------
    ClusterError
        The embedded database cannot be started.
    Unguarded
        Policies, grants or roles are not as they should be: nothing is served.
    StoreUnavailable
        The database cannot be reached.
    StoreError
        The schema cannot be brought up to date.
    """
    with _url(settings, keep_up=True) as url, _migrated(url) as owner:
        each = settings.role_logins or not settings.database_url
        roles = (store.APP_ROLE, *store.READING_ROLES)
        doors = {role: store.connect(url, login=role) for role in roles} if each else {}
        try:
            with store.transaction(owner) as conn:
                key = store.read_scope_key(conn)
            logins = store.Logins(doors.get(store.APP_ROLE, owner), doors, key)
            _require_guards(logins)
            yield logins
        finally:
            for engine in doors.values():
                engine.dispose()


def _require_guards(logins: store.Logins) -> None:
    """Refuse a store that would show a scope what it must not see.

    Raises
    ------
    Unguarded
        Some of it is missing.
    """
    with store.transaction(logins.app, snapshot=True) as conn:
        faults, marks = store.read_faults(conn), store.read_marks(conn)
    if faults:
        raise Unguarded(
            f"the database would not keep scopes apart: {'; '.join(faults[:5])}; "
            "`gridmap doctor` lists all; README, section on a database of your own"
        )
    with store.transaction(logins.seen_by(Scope("nobody", Role.LEADER, ()))) as conn:
        if store.has_units(conn):
            raise Unguarded("the database shows rows to a scope that spans none")
    if not marks["overlaps"]:
        LOG.warning(
            "geometry_overlaps is not marked leakproof: scopes below the district are searched "
            "by code instead of by place, which is slower; a superuser can mark it"
        )
    if not marks["statistics"]:
        LOG.warning("functions of PostGIS tell of the extent of rows outside a scope")


@contextmanager
def _migrated(url: str) -> Iterator[Engine]:
    """Open a store as its owner, brought up to date."""
    engine = store.connect(url)
    try:
        store.migrate(engine)
        fill_entries(engine)
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _url(settings: Settings, *, keep_up: bool = False) -> Iterator[str]:
    """Yield the URL of the store that is set, or start gridmap's own."""
    if settings.database_url:
        yield settings.database_url
        return
    with cluster.running(settings.data_dir, keep_up=keep_up) as url:
        yield url
