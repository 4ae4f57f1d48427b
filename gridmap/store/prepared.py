"""Statements that are asked hundreds of times a second: planned once, sent in one message.

Belongs here: preparing one on a connection, asking it as a transaction of its own. Does not belong
here: what is asked (``drawn``), every other transaction (``schema``).

A transaction of `schema.transaction` is four messages: begin, whose scope, the question, commit.
Several statements in one message are a transaction too (PostgreSQL, 55.2.2.1), in which the scope
is set before the question is asked and ends with it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from gridmap.errors import StoreUnavailable
from gridmap.store.schema import explained, transaction, view_of
from gridmap.store.scopes import begin_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Engine, Row, Select

_DIALECT = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


class Prepared:
    """A statement with places for values, as the server keeps it."""

    def __init__(self, query: Select[Any]) -> None:
        self.query = query
        self._compiled = compiled = query.compile(dialect=_DIALECT)
        self._names: list[str] = list(compiled.positiontup or ())
        types = [compiled.binds[name].type.compile(dialect=_DIALECT) for name in self._names]
        text = str(compiled)
        self._name = f"gridmap_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        self._prepare = f"PREPARE {self._name} ({', '.join(types)}) AS {text}"
        self._execute = f"EXECUTE {self._name} ({', '.join(['%s'] * len(types))})"

    def asked(self, engine: Engine, values: Mapping[str, Any]) -> Row[Any]:
        """Ask for the only row, as a transaction of its own.

        Parameters
        ----------
        engine
            The store, as the one who asks sees it.
        values
            By name of place.

        Returns
        -------
        Row
            The only one.

        Raises
        ------
        StoreUnavailable, StoreError, OutsideScope
            See `store.transaction`.
        """
        view = view_of(engine)
        if view is None or not view.logged_in:
            with transaction(engine) as conn:
                return conn.execute(self.query, dict(values)).one()
        begin, scope = begin_of(view.scope, view.key)
        try:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
                self._be_there(conn)
                given = self._compiled.construct_params(dict(values))
                places = (given[name] for name in self._names)
                return conn.exec_driver_sql(f"{begin}; {self._execute}", (*scope, *places)).one()
        except sa.exc.TimeoutError as error:
            raise StoreUnavailable("the database is busy; try again in a moment") from error
        except DBAPIError as error:
            raise explained(error, view) from error

    def _be_there(self, conn: Connection) -> None:
        """Have the server of this connection know the statement."""
        known = conn.info.setdefault("prepared", set())
        if self._name not in known:
            conn.exec_driver_sql(self._prepare)
            known.add(self._name)
