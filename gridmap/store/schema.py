"""Connection, transaction and schema.

Belongs here: reaching the database, translating its errors, its schema's revision. Does not
belong here: statements on its tables, the migrations themselves (``gridmap/migrations``).
"""

from __future__ import annotations

import select
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, OperationalError

from gridmap.errors import Conflict, OutsideScope, SchemaOutOfDate, StoreError, StoreUnavailable
from gridmap.model import Right
from gridmap.store.guards import READING_ROLES, read_faults, read_marks, write_guards
from gridmap.store.scopes import READING, become, become_app, role_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection, Engine
    from sqlalchemy.pool import ConnectionPoolEntry

    from gridmap.model import Scope

MIGRATIONS = Path(__file__).parents[1] / "migrations"


def connect(url: str, *, login: str | None = None) -> Engine:
    """Return an engine for a database URL; nothing is opened yet.

    Parameters
    ----------
    url
        A SQLAlchemy URL with the psycopg2 driver.
    login
        Log in as this role instead of the one that the URL names; its password comes from the
        file of passwords that the URL or the environment names, if it needs one.

    Returns
    -------
    Engine
        Looks at a pooled connection before use, so that a restarted server is no error.

    Raises
    ------
    StoreUnavailable
        The URL cannot be read.
    """
    try:
        parsed = make_url(url)
        known = parsed.drivername in ("postgresql", "postgresql+psycopg2")
    except sa.exc.ArgumentError:
        known = False
    if not known:
        raise StoreUnavailable(
            "GRIDMAP_DATABASE_URL is no PostgreSQL URL; write it as "
            "postgresql+psycopg2://user:password@host/database"
        )
    if login:
        parsed = sa.URL.create(
            parsed.drivername, login, None, parsed.host, parsed.port, parsed.database, parsed.query
        )
    reading = login in READING_ROLES
    options = " ".join(f"-c {name}={value}" for name, value in READING.items() if reading)
    engine = sa.create_engine(
        parsed,
        # None beside: those would be opened and closed with each question of a busy minute.
        pool_size=POOL,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_S,
        connect_args={"application_name": "gridmap", "options": options},
    )
    sa.event.listen(engine, "checkin", _left)
    sa.event.listen(engine, "checkout", _require_alive)
    return engine


POOL = 6
"""Connections of one login: five logins of a server and its owner's fit into 40."""

POOL_TIMEOUT_S = 5.0
"""So long a request waits for one of the connections before it is told to come again."""

IDLE_S = 60.0
"""A connection unused for longer is opened anew: a firewall may have dropped it without a word."""


def _left(_: Any, record: ConnectionPoolEntry) -> None:
    record.info["left"] = time.monotonic()


def _require_alive(connection: Any, record: ConnectionPoolEntry, _: object) -> None:
    """Have a pooled connection opened anew if its server is gone.

    A server that ends, ends its connections: the socket has something to read, before anything
    was asked. Looking at that takes no answer from the server, as a question before each would.
    """
    left = record.info.get("left")
    if left is None:
        return
    look = select.poll()
    look.register(connection, select.POLLIN)
    if look.poll(0) or time.monotonic() - left > IDLE_S:
        raise sa.exc.DisconnectionError


_WRITERS = 500108  # the advisory lock of everything that writes
_VIEW = "gridmap_view"

# What the server says in five characters, and what to do (PostgreSQL, appendix A).
_REASONS = {
    "53": "the database server is out of disk space, memory or connections; free some, try again",
    "40": "another write came between; try again",
    "55": "another write holds the rows; try again",
    # A quota is no full disk to the server: it calls it an error of its files, or one of its own.
    "58": "the database server cannot read or write its files; see its log and disk, try again",
    "XX": "the database server failed, perhaps for want of disk; see its log, try again",
}


@dataclass(frozen=True)
class View:
    """An engine's scope: whose eyes it reads through, and who writes for them."""

    scope: Scope
    key: bytes
    app: Engine
    logged_in: bool


@dataclass(frozen=True)
class Logins:
    """The ways into one store: as the application, and as each role that only reads.

    Each reading role has connections of its own: an injected statement cannot become another.
    Where the operator gave only one login, ``reading`` is that one, and it becomes the role.
    """

    app: Engine
    reading: Mapping[str, Engine]
    key: bytes

    def seen_by(self, scope: Scope) -> Engine:
        """Return the store as a scope sees it.

        Parameters
        ----------
        scope
            Whose.

        Returns
        -------
        Engine
            Shares its connections with all others of the same role.
        """
        door = self.reading.get(role_of(scope))
        view = View(scope, self.key, self.app, logged_in=door is not None)
        return (door or self.app).execution_options(**{_VIEW: view})


@contextmanager
def transaction(
    engine: Engine,
    *,
    writes: bool = False,
    snapshot: bool = False,
    owner: bool = False,
    computes: bool = False,
) -> Iterator[Connection]:
    """Open one transaction: all of it is written, or nothing.

    Parameters
    ----------
    engine
        From `connect`; through `Logins.seen_by` only what a scope sees is read.
    writes
        Wait for every other writer to finish first: what is read before the write is then what
        the write is based on.
    snapshot
        See one state of the store in all statements, whatever is committed meanwhile.
    owner
        Work as the owner of the tables, who may change them; else as a role that owns nothing.
    computes
        See everything, whatever the scope, until `narrow`: figures of a unit depend on what is
        beyond its border.

    Yields
    ------
    Connection
        Committed on a clean exit, rolled back on any exception.

    Raises
    ------
    OutsideScope
        The scope may not write, or asks for what it has no right to.
    StoreUnavailable
        The server cannot be reached or went away. After a lost connection the server may
        still have committed: look at the import batches before writing again.
    Conflict
        A constraint of the store refused the rows.
    StoreError
        Any other failure of the database.
    """
    level = {"isolation_level": "REPEATABLE READ"} if snapshot else {}
    view = view_of(engine)
    if view and writes:
        view.scope.require(Right.WRITE)
    door = view.app if view and (writes or computes) else engine
    try:
        with door.connect().execution_options(**level, **{_VIEW: view}) as connection:
            yield from _begun(connection, view, owner=owner, writes=writes, computes=computes)
    except IntegrityError as error:
        name = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
        raise Conflict(f"the store refused the rows: constraint {name}") from error
    except sa.exc.TimeoutError as error:
        raise StoreUnavailable("the database is busy; try again in a moment") from error
    except DBAPIError as error:
        raise explained(error, view) from error


def _begun(
    connection: Connection, view: View | None, *, owner: bool, writes: bool, computes: bool
) -> Iterator[Connection]:
    """Begin a transaction as the role that it is to be, and end it."""
    with connection.begin():
        if view and not (writes or computes):
            become(connection, view.scope, view.key, logged_in=view.logged_in)
        elif not owner:
            become_app(connection)
        if writes:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITERS)))
        yield connection


def narrow(conn: Connection) -> None:
    """See only what the scope sees, after computing with all there is.

    Parameters
    ----------
    conn
        An open connection of a transaction that `computes`; one without a scope stays as it is.
    """
    view: View | None = conn.get_execution_options().get(_VIEW)
    if view:
        become(conn, view.scope, view.key)


def view_of(engine: Engine) -> View | None:
    """Return through whose eyes an engine reads.

    Parameters
    ----------
    engine
        From `connect` or `Logins.seen_by`.

    Returns
    -------
    View or None
        None for the application's own.
    """
    view: View | None = engine.get_execution_options().get(_VIEW)
    return view


def explained(error: DBAPIError, view: View | None) -> StoreError | OutsideScope:
    """Return our own error for one of the driver's, by its SQLSTATE.

    Parameters
    ----------
    error
        Of the driver.
    view
        Whose question it was; None for the application's own.

    Returns
    -------
    StoreError or OutsideScope
        To be raised.
    """
    code = getattr(error.orig, "pgcode", None) or ""
    if view and code == "42501":
        return OutsideScope("the account may not read this")
    if code == "57014":
        return StoreUnavailable("the question took too long and was ended; ask for less, or later")
    reason = _REASONS.get(code) or _REASONS.get(code[:2])
    if reason:
        return StoreError(f"{reason} (SQLSTATE {code})")
    # A server that dies in the middle of an answer leaves the driver without a word of it.
    lost = isinstance(error, OperationalError) or type(error) is DatabaseError
    if lost and (not code or code[:2] in ("08", "57")):
        return StoreUnavailable(
            "the database cannot be reached; run `gridmap db status`, or check GRIDMAP_DATABASE_URL"
        )
    return StoreError(f"the database refused a statement (SQLSTATE {code})")


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to a revision, up or down, in one transaction.

    Parameters
    ----------
    engine
        From `connect`.
    revision
        ``head``, ``base`` or a revision id.

    Raises
    ------
    SchemaOutOfDate
        The database is from a newer program.
    StoreUnavailable, StoreError
        See `transaction`.
    """
    # Two programs may start on a new database at once: the second waits, then finds it done.
    with transaction(engine, writes=True, owner=True) as conn:
        current = MigrationContext.configure(conn).get_current_revision()
        if current not in {None, *(r.revision for r in _scripts().walk_revisions())}:
            raise _out_of_date(current)
        config = Config(attributes={"connection": conn})
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        if revision == "base":
            command.downgrade(config, revision)
            return
        command.upgrade(config, revision)
        if MigrationContext.configure(conn).get_current_revision() == _scripts().get_current_head():
            _guard(conn)


def _guard(conn: Connection) -> None:
    """Make policies and grants if any is amiss: a restored or changed store gets them again."""
    marks = read_marks(conn)
    if read_faults(conn) or not all(marks.values()):
        write_guards(conn)


def require_schema(conn: Connection) -> None:
    """Check that the database has this program's schema.

    Parameters
    ----------
    conn
        An open connection.

    Raises
    ------
    SchemaOutOfDate
        It has none, or another revision.
    """
    current = MigrationContext.configure(conn).get_current_revision()
    if current != _scripts().get_current_head():
        raise _out_of_date(current)


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(MIGRATIONS))


def _out_of_date(current: str | None) -> SchemaOutOfDate:
    head = _scripts().get_current_head()
    return SchemaOutOfDate(
        f"the database has schema {current or 'none'}, this program {head}; "
        "run `gridmap db migrate`, or the newer program"
    )
