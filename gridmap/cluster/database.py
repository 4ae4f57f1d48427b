"""The role and the database in a running server, and putting a fresh database in its place.

Belongs here: the statements on databases as a whole. Does not belong here: what is in the
database (``gridmap.store``), the archives it is filled from (``archives``).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg2
from psycopg2 import sql

from gridmap.cluster.clients import session
from gridmap.cluster.configuration import write_settings
from gridmap.cluster.place import APP_ROLE, DATABASE, READING_ROLES, ROLE, Place
from gridmap.errors import Conflict

EXTENSIONS = ("postgis", "btree_gist", "pg_trgm", "pgcrypto")
FRESH = "gridmap_new"  # a database that is not complete yet; dropped whenever it is met


def complete(place: Place) -> None:
    """Create the roles and the database unless they are there."""
    with session(place) as cursor:
        cursor.execute("SELECT rolname FROM pg_roles WHERE rolcanlogin")
        if not {ROLE, APP_ROLE, *READING_ROLES} <= {name for (name,) in cursor.fetchall()}:
            _create_roles(cursor)
            # A server of an older program does not let the new ones in yet.
            write_settings(place)
            cursor.execute("SELECT pg_reload_conf()")
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        there = cursor.fetchone() is not None
    if there:
        _mark(place, DATABASE)
        return
    create_fresh(place)
    with session(place) as cursor:
        cursor.execute(_renaming(FRESH, DATABASE))


def _create_roles(cursor: Any) -> None:
    """Create the owner, and roles that own nothing: the migrations grant them what they may do.

    The application can become each of the others, and has none of their rights until it does.
    """
    cursor.execute("SELECT rolname FROM pg_roles")
    roles = {name for (name,) in cursor.fetchall()}
    parents: dict[str, str | None] = {ROLE: None, APP_ROLE: None, **READING_ROLES}
    for name, parent in parents.items():
        role = sql.Identifier(name)
        if name not in roles:
            cursor.execute(sql.SQL("CREATE ROLE {}").format(role))
        cursor.execute(sql.SQL("ALTER ROLE {} LOGIN").format(role))
        if parent:
            cursor.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(parent), role))
    owner, app = sql.Identifier(ROLE), sql.Identifier(APP_ROLE)
    cursor.execute(sql.SQL("ALTER ROLE {} NOINHERIT").format(app))
    readers = sql.SQL(", ").join(map(sql.Identifier, READING_ROLES))
    cursor.execute(sql.SQL("GRANT {} TO {}").format(readers, app))
    cursor.execute(sql.SQL("GRANT {}, {} TO {}").format(app, readers, owner))


_MARKED = "SELECT proleakproof FROM pg_proc WHERE oid = %s::regprocedure"
# What ``store.guards`` says of the two, which the owner of the tables cannot do.
_MARKS = """
ALTER FUNCTION geometry_overlaps(geometry, geometry) LEAKPROOF;
DO $$
DECLARE
    one regprocedure;
BEGIN
    FOR one IN SELECT oid FROM pg_proc WHERE proname IN (
        'st_estimatedextent', 'st_findextent', '_postgis_stats', '_postgis_selectivity') LOOP
        EXECUTE 'REVOKE EXECUTE ON FUNCTION ' || one || ' FROM PUBLIC';
    END LOOP;
END $$
"""


def _mark(place: Place, name: str) -> None:
    """Let row policies use the index of shapes, and hide statistics of rows that they hide."""
    with session(place, name) as cursor:
        cursor.execute(_MARKED, ["geometry_overlaps(geometry,geometry)"])
        if cursor.fetchone() != (True,):
            cursor.execute(_MARKS)


def create_fresh(place: Place) -> None:
    """Create the not yet complete database, with the extensions, over any leftover."""
    fresh, owner = sql.Identifier(FRESH), sql.Identifier(ROLE)
    with session(place) as cursor:
        cursor.execute(_dropping(FRESH))
        cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(fresh, owner))
    with session(place, FRESH) as cursor:
        for name in EXTENSIONS:
            cursor.execute(sql.SQL("CREATE EXTENSION {}").format(sql.Identifier(name)))
    _mark(place, FRESH)


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
