"""The book of writes: applying checked rows as one batch, listing batches, taking one back."""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, TypeVar

import geopandas as gpd
import pandas as pd

from gridmap import crs, store, topology
from gridmap.errors import BatchNotFound, Conflict, StoreUnavailable
from gridmap.jobs.checks import ASSIGNED_LAYERS, assigned_to
from gridmap.jobs.entries import entered
from gridmap.model import LAYERS, Batch, Change, ImportReport, LayerSpec, Level

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection, Engine

Found = TypeVar("Found")

LOOK_UP_S = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
"""After a lost connection the book is looked up after these waits: a server needs up to 5 s to
recover (reliability.md 0.9)."""


def compared(conn: Connection, report: ImportReport, staged: store.Staged) -> ImportReport:
    """Return the report with what its rows would change.

    Parameters
    ----------
    conn
        An open connection.
    report
        Of rows without errors.
    staged
        The rows.

    Returns
    -------
    ImportReport
        With ``changes`` and their counts.
    """
    found = store.read_changes(conn, staged)
    shown = {"geom": "geometry"}
    changes = tuple(
        Change(row.key, row.change, tuple(shown.get(name, name) for name in row.fields))
        for row in found.itertuples()
    )
    count = Counter(change.change for change in changes)
    return replace(
        report,
        changes=changes,
        inserted=count["added"],
        updated=count["changed"],
        unchanged=report.rows - count["added"] - count["changed"],
        ended=count["ended"],
    )


def applied(
    conn: Connection,
    report: ImportReport,
    spec: LayerSpec,
    staged: store.Staged,
    rows: pd.DataFrame,
    actor: str | None,
    *,
    action: str = "import",
    told: Mapping[str, Any] | None = None,
) -> ImportReport:
    """Write compared rows as one batch, with what follows from them.

    Parameters
    ----------
    conn
        An open connection that writes.
    report
        From `compared`.
    spec
        The layer's specification.
    staged
        The rows, staged.
    rows
        The same rows.
    actor
        Who writes.
    action
        What the book calls it.
    told
        What its event says beside counts and source.

    Returns
    -------
    ImportReport
        Committed, with the batch's id.
    """
    effective = staged.effective
    counts = {name: getattr(report, name) for name in ("inserted", "updated", "unchanged", "ended")}
    batch_id = store.write_batch(
        conn,
        layer=spec.name,
        source=report.source,
        sha256=report.sha256,
        source_crs=report.source_crs,
        encoding=report.encoding,
        effective=effective,
        rows=report.rows,
        key=report.key,
        actor=actor,
        action=action,
    )
    store.write_counts(conn, batch_id, **counts)
    if report.changes:
        before = _before(conn, spec, report.changes, effective)
        store.write_changes(conn, staged, batch_id=batch_id)
        _inherit(conn, spec, before, rows, report.changes, effective, batch_id)
        if spec.level is Level.GRID:
            _reassign(conn, effective, batch_id)
        store.write_target_units(conn)
        entered(conn, [batch_id])
    details = {"batch": batch_id, "source": report.source, "sha256": report.sha256, **counts}
    details |= told or {}
    store.write_event(conn, action, subject=spec.name, actor=actor, details=details)
    return replace(report, committed=True, batch_id=batch_id)


def _before(
    conn: Connection, spec: LayerSpec, changes: tuple[Change, ...], effective: dt.date
) -> gpd.GeoDataFrame | None:
    """Read divisions as they were on the day before, if this write changes their ground."""
    moved = [c.key for c in changes if c.change == "ended" or "geometry" in c.fields]
    if spec.level is None or not moved:
        return None
    units = store.read_units(conn, spec.level, as_of=effective - dt.timedelta(days=1))
    return units[units.index.isin(moved)]


def _inherit(
    conn: Connection,
    spec: LayerSpec,
    before: gpd.GeoDataFrame | None,
    rows: pd.DataFrame,
    changes: tuple[Change, ...],
    effective: dt.date,
    batch_id: int,
) -> None:
    """Record who got the ground of divisions that ended or changed."""
    if before is None or before.empty:
        return
    fresh = [c.key for c in changes if c.change == "added" or "geometry" in c.fields]
    after = gpd.GeoDataFrame(rows[["code", "geometry"]], crs=rows.crs).set_index("code")
    after = after[after.index.isin(fresh)]
    metric = crs.metric_crs_of(before)
    found = topology.lineage(before.to_crs(metric), after.to_crs(metric))
    told = found.assign(level=str(spec.level), effective=effective)
    store.write_lineage(conn, told, batch_id=batch_id)


def _reassign(conn: Connection, effective: dt.date, batch_id: int) -> None:
    """Assign what is stored to grids that have just changed."""
    grids = store.read_units(conn, Level.GRID, as_of=effective)
    for name in LAYERS:
        if "grid_code" not in store.derived_names(name):
            continue
        stored = store.read_layer(conn, name, as_of=effective)
        if stored.empty:
            continue
        rows = gpd.GeoDataFrame(stored).set_index("code")
        assigned = assigned_to(rows, grids, by_point=name not in ASSIGNED_LAYERS).rename(
            columns={"unit_code": "grid_code", "share": "grid_share"}
        )
        store.write_assignment(conn, name, assigned, effective=effective, batch_id=batch_id)


def done_before(engine: Engine, report: ImportReport) -> ImportReport | None:
    """Look up whether a batch with the report's key is in the book.

    Parameters
    ----------
    engine
        The store.
    report
        Of the same file.

    Returns
    -------
    ImportReport or None
        Committed, with that batch's counts; None if there is none.

    Raises
    ------
    Conflict
        The key was used for another file, layer or day.
    StoreUnavailable, StoreError
        See `store.transaction`.

    Notes
    -----
    Waits for every writer to finish: a server may still commit for a client that is gone.
    """
    with store.transaction(engine, writes=True) as conn:
        found = store.read_batches(conn, key=report.key)
    if not found:
        return None
    batch = found[0]
    mine = (report.layer, report.sha256, report.effective)
    if (batch.layer, batch.sha256, batch.effective.isoformat()) != mine:
        raise Conflict(
            f"the key {report.key!r} is that of batch {batch.id}, of another file, layer or day; "
            "give each import a key of its own"
        )
    return replace(
        report,
        committed=True,
        batch_id=batch.id,
        inserted=batch.inserted,
        updated=batch.updated,
        unchanged=batch.unchanged,
        ended=batch.ended,
    )


def settled(engine: Engine, report: ImportReport, cause: StoreUnavailable) -> ImportReport:
    """Find out what became of a commit whose connection was lost.

    Parameters
    ----------
    engine
        The store.
    report
        Of the import.
    cause
        What was seen.

    Returns
    -------
    ImportReport
        Committed, if the server had committed it.

    Raises
    ------
    StoreUnavailable
        Nothing was written, or nobody can tell yet; the message says which.
    Conflict, StoreError
        See `done_before`.
    """
    return looked_up(
        lambda: done_before(engine, report), cause, f"run it again with --key {report.key}"
    )


def looked_up(look: Callable[[], Found | None], cause: StoreUnavailable, again: str) -> Found:
    """Look up what became of a write whose connection was lost, until it can be told.

    Parameters
    ----------
    look
        Looks it up once, after every writer has finished.
    cause
        What was seen.
    again
        How to do it again without doing it twice.

    Returns
    -------
    Found
        What was written.

    Raises
    ------
    StoreUnavailable
        Nothing was written, or nobody can tell yet; the message says which.
    """
    for wait in LOOK_UP_S:
        time.sleep(wait)
        try:
            found = look()
        except StoreUnavailable:
            continue
        if found:
            return found
        raise StoreUnavailable(
            "the connection to the database was lost and nothing was written; run it again"
        ) from cause
    raise StoreUnavailable(
        "the connection to the database was lost, and whether it was written cannot be told yet; "
        f"{again}: it is not written twice"
    ) from cause


def batches(engine: Engine, *, limit: int) -> list[dict[str, Any]]:
    """List the writes, the last first.

    Parameters
    ----------
    engine
        The store.
    limit
        The most rows to return.

    Returns
    -------
    list of dict
        For JSON: the fields of `model.Batch`.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine) as conn:
        return [asdict(batch) for batch in store.read_batches(conn, limit=limit)]


def batch_rows(engine: Engine, batch_id: int) -> dict[str, Any]:
    """Show one write with the rows that it changed, before and after.

    Parameters
    ----------
    engine
        The store.
    batch_id
        Its number.

    Returns
    -------
    dict
        For JSON: ``batch`` (see `model.Batch`), ``rows`` by table: ``before`` and ``after``;
        geometry as hexadecimal EWKB in EPSG:4490.

    Raises
    ------
    BatchNotFound
        There is no such batch.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine, snapshot=True) as conn:
        batch = _batch(conn, batch_id)
        tables = {"division" if spec.level else name: name for name, spec in LAYERS.items()}
        rows = {}
        for table, name in tables.items():
            before, after = store.read_images(conn, name, batch_id)
            if before or after:
                rows[table] = {"before": before, "after": after}
    return {"batch": asdict(batch), "rows": rows}


def _batch(conn: Connection, batch_id: int) -> Batch:
    found = store.read_batches(conn, batch_id=batch_id)
    if not found:
        raise BatchNotFound(f"there is no batch {batch_id}; `gridmap batches` lists them")
    return found[0]


def undo(engine: Engine, batch_id: int, *, actor: str | None = None) -> dict[str, Any]:
    """Take back what a write changed: every row is then exactly as it was before.

    Parameters
    ----------
    engine
        The store.
    batch_id
        Which one.
    actor
        Who does it.

    Returns
    -------
    dict
        For JSON: ``batch`` (the undone one), ``undone_by`` (the new batch's id), ``inserted``,
        ``updated``, ``ended``.

    Raises
    ------
    BatchNotFound
        There is no such batch.
    Conflict
        It was undone already, is an undoing itself, or later writes build on it.
    StoreUnavailable, StoreError
        See `store.transaction`.

    Notes
    -----
    Rule: what was undone was never true on any day, and stays in the book. Figures are stale
    until the next refresh.
    """
    with store.transaction(engine, writes=True) as conn:
        return undone(conn, batch_id, actor=actor)


def undone(
    conn: Connection,
    batch_id: int,
    *,
    actor: str | None,
    key: str | None = None,
    told: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Take back what a write changed, in a transaction that writes.

    Parameters
    ----------
    conn
        An open connection that writes.
    batch_id
        Which write.
    actor
        Who does it.
    key
        Names the undoing in the book.
    told
        What its event says beside counts.

    Returns
    -------
    dict
        As `undo`.

    Raises
    ------
    BatchNotFound, Conflict
        See `undo`.
    """
    batch = _batch(conn, batch_id)
    if batch.undone_by:
        raise Conflict(f"batch {batch_id} was undone already, by batch {batch.undone_by}")
    if batch.undoes:
        raise Conflict(
            f"batch {batch_id} undoes batch {batch.undoes}; to have that back, import "
            f"{batch.source} again"
        )
    by = store.write_batch(
        conn,
        layer=batch.layer,
        source=batch.source,
        sha256=batch.sha256,
        effective=batch.effective,
        rows=0,
        action="undo",
        undoes=batch_id,
        actor=actor,
        key=key,
    )
    counts = store.undo_batch(conn, batch)
    store.write_target_units(conn)
    entered(conn, [batch_id, by])
    store.write_counts(conn, by, **counts)
    _require_nothing_left(conn, batch)
    details = {"batch": by, "undoes": batch_id, **counts, **(told or {})}
    store.write_event(conn, "undo", subject=batch.layer, actor=actor, details=details)
    return {"batch": asdict(batch), "undone_by": by, **counts}


def _require_nothing_left(conn: Connection, batch: Batch) -> None:
    """Refuse to take away rows that others refer to.

    Raises
    ------
    Conflict
        Something refers to a row that the batch had brought.
    """
    now = store.read_keys(conn, batch.layer, as_of=batch.effective)
    _, after = store.read_images(conn, batch.layer, batch.id)
    codes = pd.Index([row["code"] for row in after if "code" in row], dtype=object)
    left = store.read_left(conn, batch.layer, codes[~codes.isin(now)], batch.effective)
    if not left.empty:
        first = left.iloc[0]
        raise Conflict(
            f"{left['count'].sum()} rows refer to what batch {batch.id} brought, the first to "
            f"{first['code']!r} ({first['kind']}); undo their batches first"
        )
