"""The role and the database in a running server, and putting a fresh database in its place.

Belongs here: the statements on databases as a whole. Does not belong here: what is in the
database (``gridmap.store``), the archives it is filled from (``archives``).
"""

from __future__ import annotations

from datetime import datetime

import psycopg2
from psycopg2 import sql

from gridmap.cluster.clients import session
from gridmap.cluster.place import APP_ROLE, DATABASE, ROLE, Place
from gridmap.errors import Conflict

EXTENSIONS = ("postgis", "btree_gist", "pg_trgm", "pgcrypto")
FRESH = "gridmap_new"  # a database that is not complete yet; dropped whenever it is met


def complete(place: Place) -> None:
    """Create the roles and the database unless they are there."""
    owner, app = sql.Identifier(ROLE), sql.Identifier(APP_ROLE)
    with session(place) as cursor:
        cursor.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", [[ROLE, APP_ROLE]])
        roles = {name for (name,) in cursor.fetchall()}
        if ROLE not in roles:
            cursor.execute(sql.SQL("CREATE ROLE {} LOGIN").format(owner))
        if APP_ROLE not in roles:
            # Owns nothing: what it may do is granted by the migrations.
            cursor.execute(sql.SQL("CREATE ROLE {}; GRANT {} TO {}").format(app, app, owner))
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if cursor.fetchone():
            return
    create_fresh(place)
    with session(place) as cursor:
        cursor.execute(_renaming(FRESH, DATABASE))


def create_fresh(place: Place) -> None:
    """Create the not yet complete database, with the extensions, over any leftover."""
    fresh, owner = sql.Identifier(FRESH), sql.Identifier(ROLE)
    with session(place) as cursor:
        cursor.execute(_dropping(FRESH))
        cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(fresh, owner))
    with session(place, FRESH) as cursor:
        for name in EXTENSIONS:
            cursor.execute(sql.SQL("CREATE EXTENSION {}").format(sql.Identifier(name)))


def drop_fresh(place: Place) -> None:
    """Drop the database that is not complete, if it is there."""
    with session(place) as cursor:
        cursor.execute(_dropping(FRESH))


def _renaming(old: str, new: str) -> sql.Composed:
    names = sql.Identifier(old), sql.Identifier(new)
    return sql.SQL("ALTER DATABASE {} RENAME TO {};").format(*names)


def _dropping(name: str) -> sql.Composed:
    return sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))


def clear(place: Place, *, force: bool) -> None:
    """See that nobody has a session open in the database.

    Raises
    ------
    Conflict
        Somebody has, and ``force`` is not set.
    """
    with session(place) as cursor:
        if force:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [DATABASE],
            )
            return
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = %s AND backend_type = 'client backend'",
            [DATABASE],
        )
        (count,) = cursor.fetchone()
    if count:
        raise Conflict(f"{count} sessions are open in the database; end them or use force")


def swap(place: Place, *, force: bool) -> str:
    """Put the fresh database in place of the old one, in one transaction.

    Raises
    ------
    Conflict
        Sessions are open in the database, or were opened meanwhile.
    """
    kept = f"{DATABASE}_{datetime.now():%Y%m%d_%H%M%S_%f}"
    clear(place, force=force)
    with session(place) as cursor:
        try:
            # One message of two statements is one transaction.
            cursor.execute(_renaming(DATABASE, kept) + _renaming(FRESH, DATABASE))
        except psycopg2.errors.ObjectInUse as exc:
            raise Conflict("sessions were opened in the database meanwhile; try again") from exc
    return kept
