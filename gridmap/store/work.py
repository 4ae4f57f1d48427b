"""What people ask a server to do later: its jobs in the background, and corrections to be decided.

Belongs here: statements on the tables of jobs and corrections, and the lock of a living worker.
Does not belong here: doing the work (``jobs``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import shapely
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError, PendingRollbackError

from gridmap import tables as t
from gridmap.crs import STORAGE_SRID
from gridmap.errors import StoreUnavailable

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_WORKERS = 500109  # the class of advisory locks that living workers hold
WAITING = ("queued", "running")
"""States of a job that is not over."""


def hold_worker(engine: Engine, worker: int, held: Connection | None = None) -> Connection:
    """Hold a worker's lock for as long as a connection lives.

    Parameters
    ----------
    engine
        The store.
    worker
        The worker's number, 0 to 2**31 - 1.
    held
        The connection that held it so far; taken again if it still lives.

    Returns
    -------
    Connection
        Holds the lock until `release_worker`; in no transaction.

    Raises
    ------
    StoreUnavailable
        The database cannot be reached, or another has the lock.
    """
    lock = sa.select(sa.func.pg_try_advisory_lock(_WORKERS, worker))
    if held is not None:
        try:
            held.execute(sa.select(1))
        except (DBAPIError, PendingRollbackError):
            release_worker(held)
        else:
            return held
    try:
        fresh = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        if fresh.execute(lock).scalar_one():
            return fresh
        fresh.invalidate()
    except DBAPIError as error:
        raise StoreUnavailable("the database cannot be reached; try again in a moment") from error
    raise StoreUnavailable("a former worker is not gone yet; try again in a moment")


def release_worker(held: Connection) -> None:
    """Let go of a worker's lock.

    Parameters
    ----------
    held
        From `hold_worker`; closed for good, for a pooled connection would keep the lock.
    """
    held.invalidate()
    held.close()


def write_job(conn: Connection, **values: object) -> bool:
    """Write a job that waits, unless one with its key is there.

    Parameters
    ----------
    conn
        An open connection.
    **values
        id, account, kind, subject, key, sha256, worker.

    Returns
    -------
    bool
        Whether it was written.
    """
    query = insert(t.web_job).values(**values).on_conflict_do_nothing(index_elements=["key"])
    return conn.execute(query).rowcount == 1


def read_job(
    conn: Connection, *, job_id: str | None = None, key: str | None = None
) -> dict[str, Any] | None:
    """Read a job by its id or key.

    Parameters
    ----------
    conn
        An open connection.
    job_id
        Its id.
    key
        Its key, where no id is given.

    Returns
    -------
    dict or None
        The columns of ``web_job``; None if there is none.
    """
    j = t.web_job.c
    query = sa.select(t.web_job).where(j.id == job_id if job_id else j.key == key)
    row = conn.execute(query).mappings().one_or_none()
    return None if row is None else dict(row)


def read_jobs(
    conn: Connection, *, kind: str, account: str | None = None, limit: int
) -> list[dict[str, Any]]:
    """Read jobs, the last first.

    Parameters
    ----------
    conn
        An open connection.
    kind
        ``import`` or ``refresh``.
    account
        Only this one's.
    limit
        The most rows to return.

    Returns
    -------
    list of dict
        The columns of ``web_job``.
    """
    j = t.web_job.c
    query = sa.select(t.web_job).where(j.kind == kind)
    if account is not None:
        query = query.where(j.account == account)
    rows = conn.execute(query.order_by(j.created_at.desc(), j.id).limit(limit)).mappings()
    return [dict(row) for row in rows]


def requeue_job(conn: Connection, job_id: str, worker: int) -> bool:
    """Let a job that was aborted wait again.

    Parameters
    ----------
    conn
        An open connection.
    job_id
        Its id.
    worker
        Who will do it.

    Returns
    -------
    bool
        False if it was not aborted, or is taken by another meanwhile.
    """
    j = t.web_job
    query = j.update().where(j.c.id == job_id, j.c.state == "aborted")
    again = query.values(state="queued", worker=worker, progress={}, report=sa.null())
    return conn.execute(again).rowcount == 1


def count_jobs(conn: Connection, account: str | None = None) -> int:
    """Count the jobs that are not over.

    Parameters
    ----------
    conn
        An open connection.
    account
        Only this one's.

    Returns
    -------
    int
        How many.
    """
    j = t.web_job.c
    query = sa.select(sa.func.count()).where(j.state.in_(WAITING))
    if account is not None:
        query = query.where(j.account == account)
    return int(conn.execute(query).scalar_one())


def begin_job(conn: Connection, job_id: str) -> None:
    """Write that a job runs.

    Parameters
    ----------
    conn
        An open connection.
    job_id
        Its id.
    """
    j = t.web_job
    query = j.update().where(j.c.id == job_id)
    conn.execute(query.values(state="running", started_at=sa.func.now()))


def write_progress(conn: Connection, job_id: str, progress: dict[str, Any]) -> None:
    """Write how far a job is.

    Parameters
    ----------
    conn
        An open connection.
    job_id
        Its id.
    progress
        step, share.
    """
    j = t.web_job
    conn.execute(j.update().where(j.c.id == job_id).values(progress=progress))


def finish_job(conn: Connection, job_id: str, state: str, report: dict[str, Any]) -> None:
    """Write what became of a job; the truth replaces what was only supposed.

    Parameters
    ----------
    conn
        An open connection.
    job_id
        Its id.
    state
        ``done``, ``failed`` or ``aborted``.
    report
        For JSON.
    """
    j = t.web_job
    # What JSON has not, such as a day, becomes text.
    plain = json.loads(json.dumps(report, default=str, ensure_ascii=False).replace("\\u0000", ""))
    conn.execute(
        j.update()
        .where(j.c.id == job_id)
        .values(state=state, report=plain, finished_at=sa.func.now())
    )


def abort_jobs(conn: Connection, report: dict[str, Any], *, job_id: str | None = None) -> int:
    """Write of jobs whose worker is no more that they were aborted.

    Parameters
    ----------
    conn
        An open connection.
    report
        For JSON.
    job_id
        Only this job.

    Returns
    -------
    int
        How many.

    Notes
    -----
    Rule: a worker holds a lock with its session; who gets that lock knows the worker is gone
    (reliability.md 4).
    """
    j = t.web_job
    waits = [j.c.state.in_(WAITING)] + ([j.c.id == job_id] if job_id else [])
    workers = list(conn.execute(sa.select(j.c.worker).where(*waits).distinct()).scalars())
    free = [
        worker
        for worker in workers
        if conn.execute(sa.select(sa.func.pg_try_advisory_xact_lock(_WORKERS, worker))).scalar_one()
    ]
    if not free:
        return 0
    gone = j.update().where(*waits, j.c.worker.in_(free))
    return conn.execute(
        gone.values(state="aborted", report=report, finished_at=sa.func.now())
    ).rowcount


def write_correction(
    conn: Connection, geometry: shapely.Geometry | None, **values: object
) -> int | None:
    """Write a correction, unless one with its key is there.

    Parameters
    ----------
    conn
        An open connection.
    geometry
        The place as it should be, EPSG:4490; None where something else is corrected.
    **values
        layer, code, unit_code, version, fields, note, account, key, sha256.

    Returns
    -------
    int or None
        Its number; None if it was there.
    """
    shape = None
    if geometry is not None:
        shape = sa.func.ST_GeomFromWKB(shapely.to_wkb(geometry), STORAGE_SRID)
    query = (
        insert(t.correction)
        .values(geom=shape, **values)
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(t.correction.c.id)
    )
    found: int | None = conn.execute(query).scalar_one_or_none()
    return found


def read_corrections(
    conn: Connection,
    *,
    correction_id: int | None = None,
    key: str | None = None,
    state: str | None = None,
    without: tuple[str, ...] = (),
    before: int | None = None,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Read corrections, the last first.

    Parameters
    ----------
    conn
        An open connection.
    correction_id, key
        Only this one.
    state
        Only those in this state.
    without
        Layers whose corrections are left out.
    before
        Only those with a lower number.
    limit
        The most to return.

    Returns
    -------
    list of dict
        The columns of ``correction``; ``geometry`` in EPSG:4490 for geom.
    """
    c = t.correction.c
    names = [column for column in c if column.name != "geom"]
    query = sa.select(*names, sa.func.ST_AsBinary(c.geom).label("wkb"))
    for column, value in ((c.id, correction_id), (c.key, key), (c.state, state)):
        if value is not None:
            query = query.where(column == value)
    if before is not None:
        query = query.where(c.id < before)
    if without:
        query = query.where(c.layer.not_in(without))
    query = query.order_by(c.id.desc()).limit(limit)
    found = []
    for row in conn.execute(query).mappings():
        told = dict(row)
        wkb = told.pop("wkb")
        told["geometry"] = None if wkb is None else shapely.from_wkb(bytes(wkb))
        found.append(told)
    return found


def decide_correction(conn: Connection, correction_id: int, **values: object) -> None:
    """Write what was decided of a correction.

    Parameters
    ----------
    conn
        An open connection.
    correction_id
        Its number.
    **values
        state, decided_by, decision, change_set.
    """
    c = t.correction
    query = c.update().where(c.c.id == correction_id)
    conn.execute(query.values(decided_at=sa.func.now(), **values))
