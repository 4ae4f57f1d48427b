"""Connection, transaction and schema.

Belongs here: reaching the database, translating its errors, its schema's revision. Does not
belong here: statements on its tables, the migrations themselves (``gridmap/migrations``).
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from gridmap.errors import Conflict, SchemaOutOfDate, StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

MIGRATIONS = Path(__file__).parents[1] / "migrations"


def connect(url: str) -> Engine:
    """Return an engine for a database URL; nothing is opened yet.

    Parameters
    ----------
    url
        A SQLAlchemy URL with the psycopg2 driver.

    Returns
    -------
    Engine
        Checks a pooled connection before use, so that a restarted server is no error.

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
    return sa.create_engine(
        parsed, pool_pre_ping=True, connect_args={"application_name": "gridmap"}
    )


_WRITERS = 500108  # the advisory lock of everything that writes
APP_ROLE = "gridmap_app"
"""The role that owns nothing and cannot erase what was written; see the migrations' grants."""

# Where an operator has not made the role the owner works, and only the triggers hold.
_BECOME_APP = sa.text(
    "SELECT set_config('role', rolname, true) FROM pg_roles"
    " WHERE rolname = :role AND pg_has_role(oid, 'MEMBER')"
)

# What the server says in five characters, and what to do (PostgreSQL, appendix A).
_REASONS = {
    "53": "the database server is out of disk space, memory or connections; free some, try again",
    "40": "another write came between; try again",
    "55": "another write holds the rows; try again",
    "57014": "the statement took too long and was ended",
    # A quota is no full disk to the server: it calls it an error of its files, or one of its own.
    "58": "the database server cannot read or write its files; see its log and disk, try again",
    "XX": "the database server failed, perhaps for want of disk; see its log, try again",
}


@contextmanager
def transaction(
    engine: Engine,
    *,
    writes: bool = False,
    snapshot: bool = False,
    owner: bool = False,
) -> Iterator[Connection]:
    """Open one transaction: all of it is written, or nothing.

    Parameters
    ----------
    engine
        From `connect`.
    writes
        Wait for every other writer to finish first: what is read before the write is then what
        the write is based on.
    snapshot
        See one state of the store in all statements, whatever is committed meanwhile.
    owner
        Work as the owner of the tables, who may change them; else as a role that owns nothing.

    Yields
    ------
    Connection
        Committed on a clean exit, rolled back on any exception.

    Raises
    ------
    StoreUnavailable
        The server cannot be reached or went away. After a lost connection the server may
        still have committed: look at the import batches before writing again.
    Conflict
        A constraint of the store refused the rows.
    StoreError
        Any other failure of the database.
    """
    level = {"isolation_level": "REPEATABLE READ"} if snapshot else {}
    try:
        with engine.connect().execution_options(**level) as connection, connection.begin():
            if not owner:
                connection.execute(_BECOME_APP, {"role": APP_ROLE})
            if writes:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITERS)))
            yield connection
    except IntegrityError as error:
        name = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
        raise Conflict(f"the store refused the rows: constraint {name}") from error
    except sa.exc.TimeoutError as error:
        raise StoreUnavailable("the database is busy; try again in a moment") from error
    except DBAPIError as error:
        raise _explained(error) from error


def _explained(error: DBAPIError) -> StoreError:
    """Return our own error for one of the driver's, by its SQLSTATE."""
    code = getattr(error.orig, "pgcode", None) or ""
    reason = _REASONS.get(code) or _REASONS.get(code[:2])
    if reason:
        return StoreError(f"{reason} (SQLSTATE {code})")
    if isinstance(error, OperationalError) and (not code or code[:2] in ("08", "57")):
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
        else:
            command.upgrade(config, revision)


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
