"""Who serves whom, in all times: organisations, posts, duties, projects; and whom there is.

Belongs here: reading them with their periods, for judging on any day. Does not belong here: the
same rows as they were on one day (``layers``), what was judged (``results``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from gridmap import tables as t
from gridmap.model import LAYERS
from gridmap.store.conditions import state, undone
from gridmap.store.rows import table_rows

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection

    from sqlalchemy import Connection


def read_holders(
    conn: Connection,
    codes: Collection[str] | None = None,
    *,
    parents: Collection[str] | None = None,
) -> pd.DataFrame:
    """Read organisations and posts of all times.

    Parameters
    ----------
    conn
        An open connection.
    codes
        Only these; None for all.
    parents
        Only those whose parent is one of these; None for all.

    Returns
    -------
    DataFrame
        Index 0..n-1; code, name, kind, parent_code (a post's organisation), host_code, seat_code,
        full_members, probationary_members, filled (None for an organisation), is_secretary,
        begins, ends (dates; ``ends`` None while it lasts), by code and time.
    """
    o, p = t.organisation.c, t.post.c
    nothing, unsaid = sa.null(), sa.cast(sa.null(), sa.Boolean)
    orgs = sa.select(
        o.code,
        o.name,
        o.kind,
        o.parent_code,
        o.host_code,
        o.seat_code,
        o.full_members,
        o.probationary_members,
        unsaid.label("filled"),
        unsaid.label("is_secretary"),
        *_period(o.valid),
    )
    posts = sa.select(
        p.code,
        p.name,
        p.kind,
        p.org_code,
        p.host_code,
        nothing,
        nothing,
        nothing,
        sa.func.coalesce(p.filled, sa.true()),
        p.is_secretary,
        *_period(p.valid),
    )
    if codes is not None:
        some = sa.any_(sa.literal(list(codes), ARRAY(sa.Text)))
        orgs, posts = orgs.where(o.code == some), posts.where(p.code == some)
    if parents is not None:
        above = sa.any_(sa.literal(list(parents), ARRAY(sa.Text)))
        orgs, posts = orgs.where(o.parent_code == above), posts.where(p.org_code == above)
    both = orgs.union_all(posts).subquery()
    return table_rows(conn, sa.select(both).order_by(both.c.code, both.c.begins), None)


def read_duties(
    conn: Connection,
    services: Collection[str] | None = None,
    *,
    targets: Collection[str] | None = None,
    holders: Collection[str] | None = None,
) -> pd.DataFrame:
    """Read duties of all times.

    Parameters
    ----------
    conn
        An open connection.
    services
        Only these; None for all.
    targets
        Only those given to these codes; None for all.
    holders
        Only those of these holders; None for all.

    Returns
    -------
    DataFrame
        Index ``id``; holder_code, service, target_code, mode, begins, ends, last_on.
    """
    d = t.duty.c
    query = sa.select(
        d.id, d.holder_code, d.service, d.target_code, d.mode, *_period(d.valid), d.last_on
    )
    for column, some in ((d.service, services), (d.target_code, targets), (d.holder_code, holders)):
        if some is not None:
            query = query.where(column == sa.any_(sa.literal(list(some), ARRAY(sa.Text))))
    return table_rows(conn, query.order_by(d.id), "id")


def has_duties(conn: Connection, services: Collection[str]) -> bool:
    """Tell whether any duty of some services is stored, of whatever time.

    Parameters
    ----------
    conn
        An open connection.
    services
        The services.

    Returns
    -------
    bool
        True if there is one.
    """
    some = t.duty.c.service == sa.any_(sa.literal(list(services), ARRAY(sa.Text)))
    return bool(conn.execute(sa.select(sa.exists().where(some))).scalar_one())


def read_changed_duties(conn: Connection, *, since: int) -> pd.DataFrame:
    """Read which duties writes after a batch changed, began or ended.

    Parameters
    ----------
    conn
        An open connection.
    since
        Id of the batch.

    Returns
    -------
    DataFrame
        Index 0..n-1; holder_code, service, target_code: each once.
    """
    d, past = t.duty.c, t.HISTORY[t.duty].c
    names = ("holder_code", "service", "target_code")
    query = sa.union(
        sa.select(*(d[name] for name in names)).where(d.batch_id > since),
        sa.select(*(past[name] for name in names)).where(past.ended_by > since),
    ).subquery()
    return table_rows(conn, sa.select(query).order_by(*query.c), None)


def read_projects(conn: Connection) -> pd.DataFrame:
    """Read all projects of all times.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    DataFrame
        Index 0..n-1; code, community_code, year, state, begins, ends.
    """
    p = t.project.c
    query = sa.select(p.code, p.community_code, p.year, p.state, *_period(p.valid))
    return table_rows(conn, query.order_by(p.code, sa.func.lower(p.valid)), None)


def read_homes(
    conn: Connection,
    *,
    as_of: dt.date,
    grids: Collection[str] | None = None,
    codes: Collection[str] | None = None,
) -> pd.DataFrame:
    """Read what lenses ask of buildings: all but their ground.

    Parameters
    ----------
    conn
        An open connection.
    as_of
        The date of the rows.
    grids
        Only those in these grids, an empty text for those in none; None for all.
    codes
        Only these; None for all.

    Returns
    -------
    DataFrame
        Index ``code``, ascending; the layer's columns and grid_code.
    """

    def where(c: Any) -> list[sa.ColumnElement[bool]]:
        if codes is not None:
            return [c.code == sa.any_(sa.literal(list(codes), ARRAY(sa.Text)))]
        if grids is None:
            return []
        those = c.grid_code == sa.any_(sa.literal(list(grids), ARRAY(sa.Text)))
        return [sa.or_(those, c.grid_code.is_(None)) if "" in grids else those]

    rows = state(t.building, [*LAYERS["building"].columns, "grid_code"], as_of, where)
    return table_rows(conn, sa.select(rows).order_by(rows.c.code), "code")


def read_periods(conn: Connection) -> pd.DataFrame:
    """Read when whatever a duty or an organisation can refer to held.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    DataFrame
        Index 0..n-1; layer (a division's level, ``building``, ``organisation``, ``post``), code,
        begins, ends (None while it lasts): a row a period, of buildings a row a state.
    """
    d, b = t.division.c, t.building.c
    past = t.HISTORY[t.building].c
    queries = [sa.select(d.level.label("layer"), d.code, *_period(d.valid))]
    for table in (t.organisation, t.post):
        name = sa.literal(table.name)
        queries.append(sa.select(name, table.c.code, *_period(table.c.valid)))
    building, nothing = sa.literal("building"), sa.cast(sa.null(), sa.Date)
    queries.append(sa.select(building, b.code, b.valid_from, nothing))
    was = sa.select(building, past.code, past.valid_from, past.valid_to)
    queries.append(was.where(past.ended_by.not_in(undone()), past.valid_to > past.valid_from))
    return table_rows(conn, sa.union_all(*queries), None)


def _period(valid: sa.ColumnElement[Any]) -> list[sa.ColumnElement[Any]]:
    """Return a period's first day and the day after its last, as columns."""
    return [sa.func.lower(valid).label("begins"), sa.func.upper(valid).label("ends")]
