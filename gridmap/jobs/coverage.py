"""Computing who covers which target, under every lens, and freezing the answers.

Belongs here: the computation as a whole, and of what a changed duty touches. Does not belong here:
what lenses read (``jobs.lenses``), judging (``org_coverage``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from gridmap import store
from gridmap.jobs.changed_duties import changed_duties, write_changed_duties
from gridmap.jobs.judging import answers_of, inputs, unit_table
from gridmap.jobs.lenses import read_lenses, read_register
from gridmap.jobs.rates import RATE_COLUMNS, lens_figures
from gridmap.jobs.snapshots import RUN, freeze, freeze_quarter
from gridmap.model import Level

if TYPE_CHECKING:
    import datetime as dt

    from sqlalchemy import Connection, Engine

    from gridmap.jobs.judging import Answers


def refresh_org_coverage(engine: Engine, *, as_of: dt.date, full: bool = False) -> pd.DataFrame:
    """Compute who covers each target under every lens, and the rates; replace the former result.

    Parameters
    ----------
    engine
        The store.
    as_of
        The date of divisions, buildings, organisations, posts and duties.
    full
        Compute everything, even where only a few duties changed.

    Returns
    -------
    DataFrame
        The rates of the districts: measure, unit_code, level, unit_of_measure, covered, total; of
        the lenses that changed, where only some did.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.

    Notes
    -----
    A whole computation is frozen, and so is the last day of the quarter before, once.
    A lens of which nothing is known at all, no link of any time, has no figure: nothing known is
    not nobody there.
    """
    with store.transaction(engine, writes=True) as conn:
        changed = None if full else changed_duties(conn, as_of)
        if changed is None:
            run_id, answers = write_org_coverage(conn, as_of)
            freeze(conn, f"{RUN}{run_id}", as_of, answers)
            freeze_quarter(conn, as_of)
            return _of_districts(conn, as_of)
        touched = write_changed_duties(conn, as_of, changed)
        return _of_districts(conn, as_of, touched or None)


def _of_districts(
    conn: Connection, as_of: dt.date, lenses: list[str] | None = None
) -> pd.DataFrame:
    codes = store.read_codes(conn, Level.DISTRICT, as_of=as_of)
    level = str(Level.DISTRICT)
    figures = {code: pd.DataFrame(lens_figures(conn, code, lenses)) for code in codes}
    tables = [table.assign(unit_code=code, level=level) for code, table in figures.items()]
    full = [table for table in tables if len(table)]
    return pd.concat(full)[RATE_COLUMNS] if full else pd.DataFrame(columns=RATE_COLUMNS)


def write_org_coverage(conn: Connection, as_of: dt.date) -> tuple[int, Answers]:
    """Compute and write within a transaction; see `refresh_org_coverage`.

    Parameters
    ----------
    conn
        An open connection that writes.
    as_of
        The date.

    Returns
    -------
    int, dict
        The run's id, and by lens the targets and their statuses.
    """
    lenses = read_lenses(conn, as_of)
    register = read_register(conn, as_of, lenses.values())
    answers = answers_of(register, lenses.values())
    run_id = store.write_run(conn, "org", as_of, inputs(conn, register, lenses))
    rows = unit_table(answers)
    store.replace_results(conn, "unit_coverage", rows, run_id=run_id, subject="org")
    return run_id, answers
