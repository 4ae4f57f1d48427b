"""The figures of any day: those that are stored, or computed for the question and not kept.

A question never waits for a writer, and no writer for a question: what is computed for one is
kept in tables of its own transaction (`store.hide_results`).
"""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gridmap import store
from gridmap.jobs.cameras import write_camera_coverage
from gridmap.jobs.coverage import write_org_coverage
from gridmap.jobs.rates import is_stale

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Engine

    Progress = Callable[[str, float], None]


@contextmanager
def figures(
    engine: Engine,
    as_of: dt.date | None,
    *,
    subjects: tuple[str, ...] = ("org", "camera"),
    progress: Progress | None = None,
) -> Iterator[Connection]:
    """Open a transaction in which the stored figures are those of a day.

    Parameters
    ----------
    engine
        The store.
    as_of
        The day; None for the figures as they were computed last.
    subjects
        Which figures: ``org``, ``camera``.
    progress
        Called with a step's name and the share done, 0..1.

    Yields
    ------
    Connection
        To read from, all of one state of the store; what was computed for another day than the
        stored one is gone at the end, and its runs are below zero.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine, snapshot=True) as conn:
        if as_of is None or _known(conn, as_of, subjects):
            yield conn
            return
    with store.transaction(engine, snapshot=True, computes=True) as conn:
        store.hide_results(conn)
        if "org" in subjects:
            write_org_coverage(conn, as_of)
        if "camera" in subjects:
            write_camera_coverage(conn, as_of, full=True, progress=progress)
        store.narrow(conn)
        yield conn


def _known(conn: Connection, as_of: dt.date, subjects: tuple[str, ...]) -> bool:
    """Tell whether the stored figures are of that day, and of the present data."""
    days = {run["subject"]: run["as_of"] for run in store.read_runs(conn)}
    return all(days.get(subject) == as_of for subject in subjects) and not is_stale(conn)


def day_of_figures(conn: Connection, subject: str) -> dt.date:
    """Return the day that figures are for; the present one where there are none.

    Parameters
    ----------
    conn
        An open connection.
    subject
        ``org`` or ``camera``.

    Returns
    -------
    date
        Of the last computation.
    """
    days = {run["subject"]: run["as_of"] for run in store.read_runs(conn)}
    day: dt.date = days.get(subject) or dt.date.today()
    return day
