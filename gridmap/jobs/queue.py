"""Work in the background of a server: one job at a time, told of in the store.

Belongs here: queueing, running, telling how far a job is and what became of it, and seeing that one
is dead. Does not belong here: what a job does (``layers``, ``coverage``, ``cameras``).
"""

from __future__ import annotations

import datetime as dt
import logging
import secrets
import threading
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridmap import store
from gridmap.errors import (
    Conflict,
    GridmapError,
    JobNotFound,
    LayerRejected,
    StoreUnavailable,
    TooManyTries,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine

    Progress = Callable[[str, float], None]
    Work = Callable[[Progress, str], dict[str, Any]]

LOG = logging.getLogger("gridmap.jobs")

MOST_WAITING, MOST_OF_ONE = 16, 4
"""How many jobs may wait, and of one account: each keeps its file."""

FULL_WAITS_S = 5
"""When to come again where too many wait."""

TOLD_EVERY_S = 0.3
FINISH_WAITS_S = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
"""What became of a job is written again after these waits: a server needs up to 5 s to recover."""

MOST_SHOWN = 1000
"""Issues and changes that a report of a job lists."""

ABORTED = {
    "code": "aborted",
    "detail": "the process that ran it is gone; if it was to write, send it again with the same "
    "Idempotency-Key: nothing is written twice",
}


@dataclass(frozen=True)
class Order:
    """What is asked of a queue.

    ``kind`` is ``import`` or ``refresh``, ``subject`` a layer or ``org`` or ``camera``; ``sha256``
    is of what it says, ``key`` names it.
    """

    kind: str
    subject: str
    account: str
    sha256: str
    key: str | None = None
    request: str | None = None
    reason: str | None = None


class Queue:
    """The jobs of one process.

    Parameters
    ----------
    engine
        The store, in which they are told of.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._worker = secrets.randbelow(2**31)
        self._held: Connection | None = None
        self._holding = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gridmap-job")

    def submit(self, order: Order, work: Work) -> tuple[dict[str, Any], bool]:
        """Let a job wait for its turn.

        Parameters
        ----------
        order
            What it is.
        work
            Does it, given how to tell its progress and the job's id; gives its report.

        Returns
        -------
        dict, bool
            As `job_of`. True where it is one that was asked for before: the work is not done
            again.

        Raises
        ------
        Conflict
            The key was used for something else.
        StoreUnavailable
            Too many jobs wait; or see `store.transaction`.
        StoreError
            See `store.transaction`.
        """
        self._hold()
        job_id = uuid.uuid4().hex
        with store.transaction(self._engine) as conn:
            store.abort_jobs(conn, ABORTED)
            earlier = store.read_job(conn, key=order.key) if order.key else None
            if earlier is None:
                _require_room(conn, order.account)
                if self._written(conn, job_id, order):
                    told = {"job": job_id, "request": order.request, "reason": order.reason}
                    store.write_event(
                        conn, order.kind, subject=order.subject, actor=order.account, details=told
                    )
                else:
                    earlier = store.read_job(conn, key=order.key)
            if earlier is not None:
                _require_same(earlier, order)
                if not store.requeue_job(conn, earlier["id"], self._worker):
                    return _shown(earlier), True
                job_id = earlier["id"]
        self._pool.submit(self._run, job_id, work).add_done_callback(
            lambda future: self._ended(job_id, future)
        )
        return job_of(self._engine, job_id, account=order.account, every=False), False

    def close(self) -> None:
        """Let the running job end, and forget those that wait: whoever asks finds them aborted."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        with self._holding:
            if self._held is not None:
                store.release_worker(self._held)
                self._held = None

    def _hold(self) -> None:
        """Hold the lock by which others see that this process lives."""
        with self._holding:
            self._held = store.hold_worker(self._engine, self._worker, self._held)

    def _written(self, conn: Connection, job_id: str, order: Order) -> bool:
        return store.write_job(
            conn,
            id=job_id,
            account=order.account,
            kind=order.kind,
            subject=order.subject,
            key=order.key,
            sha256=order.sha256,
            worker=self._worker,
        )

    def _run(self, job_id: str, work: Work) -> None:
        try:
            self._hold()
            with store.transaction(self._engine) as conn:
                store.begin_job(conn, job_id)
            report, state = work(self._teller(job_id), job_id), "done"
        except LayerRejected as error:
            report, state = {**failure(error), **short_report(error.report.as_dict())}, "failed"
        except GridmapError as error:
            report, state = failure(error), "failed"
        self._finish(job_id, state, report)

    def _teller(self, job_id: str) -> Progress:
        """Return what writes how far a job is, now and then."""
        told = [0.0]

        def tell(step: str, share: float) -> None:
            now = time.monotonic()
            if now - told[0] < TOLD_EVERY_S:
                return
            told[0] = now
            with store.transaction(self._engine) as conn:
                store.write_progress(conn, job_id, {"step": step, "share": round(share, 3)})

        return tell

    def _finish(self, job_id: str, state: str, report: dict[str, Any]) -> None:
        for wait in FINISH_WAITS_S:
            time.sleep(wait)
            try:
                with store.transaction(self._engine) as conn:
                    store.finish_job(conn, job_id, state, report)
            except StoreUnavailable:
                continue
            return

    def _ended(self, job_id: str, future: Future[None]) -> None:
        """Say of a fault of our own that there was one."""
        error = None if future.cancelled() else future.exception()
        if error is not None:
            LOG.error("job %s failed", job_id, exc_info=error)
            detail = "the server failed; its log has the job's id"
            self._finish(job_id, "failed", {"code": "internal", "detail": detail})


def job_of(engine: Engine, job_id: str, *, account: str, every: bool) -> dict[str, Any]:
    """Tell how far a job is, or what became of it.

    Parameters
    ----------
    engine
        The store.
    job_id
        Its id.
    account
        Who asks.
    every
        Whether those of other accounts are told too.

    Returns
    -------
    dict
        For JSON: id, kind, subject, account, state (``queued``, ``running``, ``done``, ``failed``,
        ``aborted``), progress (step, share), report (None until it is over), created_at,
        started_at, finished_at.

    Raises
    ------
    JobNotFound
        There is none, or it is another's.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine) as conn:
        found = store.read_job(conn, job_id=job_id)
        waits = found is not None and found["state"] in ("queued", "running")
        if waits and store.abort_jobs(conn, ABORTED, job_id=job_id):
            found = store.read_job(conn, job_id=job_id)
    if found is None or not (every or found["account"] == account):
        raise JobNotFound(f"no job of yours has the id {job_id[:40]!r}")
    return _shown(found)


def failure(error: GridmapError) -> dict[str, Any]:
    """Return an error as the report of a job has it.

    Parameters
    ----------
    error
        Of ours: its text is for everybody.

    Returns
    -------
    dict
        code, detail.
    """
    return {"code": error.code, "detail": str(error)}


def short_report(report: dict[str, Any]) -> dict[str, Any]:
    """Return a report of an import that a page can hold.

    Parameters
    ----------
    report
        From `ImportReport.as_dict`.

    Returns
    -------
    dict
        The first issues and changes, and how many there are.
    """
    issues, changes = report["issues"], report["changes"]
    return {
        **report,
        "key": None,  # of our own making
        "issues": issues[:MOST_SHOWN],
        "issue_count": len(issues),
        "changes": changes[:MOST_SHOWN],
        "change_count": len(changes),
    }


def _require_room(conn: Connection, account: str) -> None:
    """Refuse more than a server can keep.

    Raises
    ------
    TooManyTries
        Too many wait.
    """
    if store.count_jobs(conn) >= MOST_WAITING or store.count_jobs(conn, account) >= MOST_OF_ONE:
        raise TooManyTries("too many jobs wait already; try again when one has ended", FULL_WAITS_S)


def _require_same(earlier: dict[str, Any], order: Order) -> None:
    """Refuse a key that was used for something else.

    Raises
    ------
    Conflict
        It was.
    """
    mine = (order.kind, order.subject, order.account, order.sha256)
    if tuple(earlier[name] for name in ("kind", "subject", "account", "sha256")) != mine:
        raise Conflict(
            "the Idempotency-Key was used before, for another request; give each its own"
        )


def _shown(job: dict[str, Any]) -> dict[str, Any]:
    """Return a job as others see it."""
    names = ("id", "kind", "subject", "account", "state", "progress", "report")
    days = ("created_at", "started_at", "finished_at")
    return {
        **{name: job[name] for name in names},
        **{name: _instant(job[name]) for name in days},
    }


def _instant(at: dt.datetime | None) -> str | None:
    return None if at is None else at.astimezone(dt.UTC).isoformat(timespec="milliseconds")
