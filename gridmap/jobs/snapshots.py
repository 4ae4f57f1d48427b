"""Frozen coverage: a snapshot of every computation and every quarter, and what became of it.

Belongs here: freezing answers, naming snapshots, comparing two. Does not belong here: the
comparison itself (``trend``), computing answers (``jobs.coverage``).
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING, Any

import pandas as pd

from gridmap import store, trend
from gridmap.errors import Conflict, InputError, LensNotFound, SnapshotNotFound
from gridmap.jobs.judging import answers_of
from gridmap.jobs.lenses import read_lenses, read_register
from gridmap.jobs.rates import INPUT_LAYERS
from gridmap.jobs.records import records
from gridmap.model import Level

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from gridmap.jobs.judging import Answers


RUN = "run "
"""How the labels of computations begin."""

MAX_LABEL = 64


def freeze(conn: Connection, label: str, as_of: dt.date, answers: Answers) -> int:
    """Keep the answers of all lenses for ever, within a transaction.

    Parameters
    ----------
    conn
        An open connection that writes.
    label
        What the snapshot is called; no other has this label.
    as_of
        The date the answers are for.
    answers
        By lens: targets and statuses.

    Returns
    -------
    int
        The snapshot's id.
    """
    weights = ["unit_code", "household_count", "floor_area_m2"]
    packed = {}
    for code, (targets, statuses) in answers.items():
        frozen = statuses[["status", "reason", "holder_code"]].join(targets[weights])
        data = trend.packed(frozen)
        packed[code] = (hashlib.sha256(data).hexdigest(), data)
    layers = store.read_inputs(conn, INPUT_LAYERS["org"])
    return store.write_snapshot(conn, label=label, as_of=as_of, inputs=layers, statuses=packed)


def freeze_quarter(conn: Connection, as_of: dt.date) -> str | None:
    """Freeze the last day of the quarter before a day, unless that was done or nothing is known.

    Parameters
    ----------
    conn
        An open connection that writes.
    as_of
        A day: of 2026-11-28 the quarter before is ``2026Q3``, frozen as of 2026-09-30.

    Returns
    -------
    str or None
        The label, if a snapshot was made.
    """
    first = dt.date(as_of.year, as_of.month - (as_of.month - 1) % 3, 1)
    day = first - dt.timedelta(days=1)
    label = f"{day.year}Q{(day.month + 2) // 3}"
    if label in set(store.read_snapshots(conn)["label"]):
        return None
    if store.read_codes(conn, Level.DISTRICT, as_of=day).empty:
        return None
    answers = _answers(conn, day)
    if not answers:
        return None
    freeze(conn, label, day, answers)
    return label


def _answers(conn: Connection, day: dt.date) -> Answers:
    lenses = read_lenses(conn, day)
    return answers_of(read_register(conn, day, lenses.values()), lenses.values())


def take_snapshot(
    engine: Engine, *, as_of: dt.date, label: str | None = None, actor: str | None = None
) -> dict[str, Any]:
    """Freeze the coverage of a day under a label; nothing that is shown changes by it.

    Parameters
    ----------
    engine
        The store.
    as_of
        The day.
    label
        What to call it; the day itself if it is not said.
    actor
        Who freezes it.

    Returns
    -------
    dict
        For JSON: label, as_of, lenses (how many were answered), targets.

    Raises
    ------
    InputError
        The label is too long, or a computation's.
    Conflict
        There is a snapshot with this label.
    StoreUnavailable, StoreError
        See `store.transaction`.
    """
    name = label or as_of.isoformat()
    if name.startswith(RUN) or len(name) > MAX_LABEL:
        raise InputError(f"a label has at most {MAX_LABEL} characters, and does not begin {RUN!r}")
    with store.transaction(engine, writes=True) as conn:
        if name in set(store.read_snapshots(conn)["label"]):
            raise Conflict(f"there is a snapshot {name[:40]!r} already; choose another label")
        answers = _answers(conn, as_of)
        freeze(conn, name, as_of, answers)
        details = {"as_of": as_of.isoformat(), "lenses": len(answers)}
        store.write_event(conn, "snapshot", subject=name, actor=actor, details=details)
    count = sum(len(targets) for targets, _ in answers.values())
    return {"label": name, "as_of": as_of, "lenses": len(answers), "targets": count}


def list_snapshots(engine: Engine) -> list[dict[str, Any]]:
    """List the snapshots, the oldest first.

    Parameters
    ----------
    engine
        The store.

    Returns
    -------
    list of dict
        For JSON: label, as_of, at, lenses (how many).

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine) as conn:
        return records(store.read_snapshots(conn))


def coverage_trend(
    engine: Engine, lens: str, before: str, after: str, *, code: str = ""
) -> dict[str, Any]:
    """Compare two snapshots of a lens: who gained, who lost, and why the rates moved.

    Parameters
    ----------
    engine
        The store.
    lens
        Code of a lens.
    before, after
        Labels of two snapshots.
    code
        A division code: only it and what is in it; empty for all.

    Returns
    -------
    dict
        For JSON: lens, before and after (label, as_of), ``counts`` (targets by change),
        ``changes`` (rows of `trend.status_changes`), ``rates`` (rows of `trend.rate_changes`).

    Raises
    ------
    SnapshotNotFound
        There is no snapshot with one of the labels.
    LensNotFound
        One of them has no answer of this lens.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine, snapshot=True) as conn:
        known = store.read_snapshots(conn).set_index("label")
        frames = [_frozen(conn, known, label, lens) for label in (before, after)]
    then, now = (_within(frame, code) for frame in frames)
    changes = trend.status_changes(then, now)
    rates = trend.rate_changes(then, now)
    rates = rates[rates["unit_code"].str.startswith(code)] if "unit_code" in rates else rates
    return {
        "lens": lens,
        "before": {"label": before, "as_of": known.at[before, "as_of"]},
        "after": {"label": after, "as_of": known.at[after, "as_of"]},
        "counts": {str(name): int(n) for name, n in changes["change"].value_counts().items()},
        "changes": records(changes.reset_index()),
        "rates": records(rates.reset_index()),
    }


def _frozen(conn: Connection, known: pd.DataFrame, label: str, lens: str) -> pd.DataFrame:
    if label not in known.index:
        names = ", ".join(known.index[-10:]) or "none"
        raise SnapshotNotFound(f"there is no snapshot {label[:40]!r}; the last ones are {names}")
    data = store.read_frozen(conn, label, lens)
    if data is None:
        raise LensNotFound(f"the snapshot {label} has no answer of a lens {lens[:40]!r}")
    return trend.unpacked(data)


def _within(frame: pd.DataFrame, code: str) -> pd.DataFrame:
    return frame[frame["unit_code"].str.startswith(code).eq(other=True)] if code else frame
