"""Change sets: some rows created, updated or ended together, through the checks of an import.

Belongs here: what a change set is, which rows it makes, writing it once, undoing it. Does not
belong here: the checks (``layers``, ``checks``), the book (``book``), statements (``store``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from gridmap import loads, store, topology
from gridmap.errors import Conflict, LayerRejected, RowNotFound, StoreUnavailable
from gridmap.jobs.book import applied, compared, looked_up, undone
from gridmap.jobs.edits import (
    ChangeSet,
    Edit,
    claim_issues,
    content_hash,
    edited_frame,
    names_a_person,
    require_versions,
    twice,
)
from gridmap.jobs.layers import Import, judged
from gridmap.jobs.reports import with_places
from gridmap.model import LAYERS, ImportReport, Issue, LayerSpec, layer

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection, Engine

    Answer = dict[str, Any]

SOURCE = "change set"
"""What the book calls the file of a change that came without one."""


@dataclass(frozen=True)
class Tolerances:
    """The widths and the band that an import is checked by; see `layers.import_layer`."""

    tolerance_m: float = topology.TOLERANCE_M
    snap_m: float = topology.SNAP_M
    band: tuple[int, int] = loads.HOUSEHOLDS


def change(
    engine: Engine,
    asked: ChangeSet,
    *,
    commit: bool = True,
    tolerances: Tolerances | None = None,
    today: dt.date | None = None,
) -> tuple[Answer, bool]:
    """Write a change set through the checks of an import, or try what it would do.

    Parameters
    ----------
    engine
        The store.
    asked
        The edits.
    commit
        Write; without it everything is checked and nothing stays.
    tolerances
        As for an import.
    today
        The day after which nothing may begin; the present day if not given.

    Returns
    -------
    dict, bool
        For JSON: change_set, batches (id, layer, inserted, updated, unchanged, ended), effective,
        reason, edits, inserted, updated, unchanged, ended, versions (layer, code, version),
        issues, dry_run. True where it is the answer that was given before.

    Raises
    ------
    LayerNotFound
        An edit names a layer there is not.
    LayerRejected
        Rows have errors; nothing was written. The row of an issue is the place of the edit,
        from 0.
    StaleVersion
        A row was changed since the version that an edit is based on.
    Conflict
        The key was used for other content; the store refused the rows.
    StoreUnavailable, StoreError
        See `store.transaction`. After a lost connection the book was looked up first.

    Notes
    -----
    Rule: all rows or none. Rows that end are gone before the others are checked; what refers to
    them is looked for after all others are written.
    """
    for one in asked.edits:
        layer(one.layer)
    present = today or dt.date.today()
    asked = replace(asked, key=asked.key or uuid.uuid4().hex)

    def work(conn: Connection) -> Answer:
        return changed(conn, asked, tolerances or Tolerances(), present)

    if commit:
        return once(engine, str(asked.key), asked.sha256, work)
    with store.transaction(engine, writes=True) as conn:
        point = conn.begin_nested()
        try:
            answer = work(conn)
        finally:
            point.rollback()
    return {**answer, "change_set": None, "batches": [], "versions": [], "dry_run": True}, False


def change_row(
    engine: Engine, asked: ChangeSet, *, commit: bool = True, tolerances: Tolerances | None = None
) -> tuple[Answer, bool]:
    """Write a change set of one edit of a row that is there.

    Parameters
    ----------
    engine, asked, commit, tolerances
        See `change`.

    Returns
    -------
    dict, bool
        See `change`.

    Raises
    ------
    RowNotFound
        There is no such row on that day.
    LayerNotFound, LayerRejected, StaleVersion, Conflict, StoreUnavailable, StoreError
        See `change`.
    """
    try:
        return change(engine, asked, commit=commit, tolerances=tolerances)
    except LayerRejected as error:
        unknown = [one for one in error.report.errors if one.shape == "E01.unknown"]
        if unknown:
            raise RowNotFound(unknown[0].message("en")) from error
        raise


def once(
    engine: Engine,
    key: str,
    sha256: str,
    work: Callable[[Connection], Answer],
) -> tuple[Answer, bool]:
    """Do a write that records a change set, unless it was done before.

    Parameters
    ----------
    engine
        The store.
    key
        Names it.
    sha256
        What it says.
    work
        Does it on a connection that writes, and gives the answer.

    Returns
    -------
    dict, bool
        The answer; whether it was given before.

    Raises
    ------
    Conflict
        The key was used for other content.
    StoreUnavailable, StoreError
        See `store.transaction`.
    """
    try:
        with store.transaction(engine, writes=True) as conn:
            earlier = _answered(conn, key, sha256)
            return (earlier, True) if earlier else (work(conn), False)
    except StoreUnavailable as error:

        def look() -> Answer | None:
            with store.transaction(engine, writes=True) as conn:
                return _answered(conn, key, sha256)

        return looked_up(look, error, "send it again with the same Idempotency-Key"), False


def _answered(conn: Connection, key: str, sha256: str) -> Answer | None:
    """Return what was answered to this request before; after the lock of all writers."""
    found = store.read_batches(conn, key=key)
    if not found:
        return None
    sets = store.read_change_sets(conn, [found[0].id])
    if not sets or sets[0]["sha256"] != sha256:
        raise Conflict(
            "the Idempotency-Key was used before, for another request; give each its own"
        )
    answer: Answer = sets[0]["answer"]
    return answer


def changed(
    conn: Connection,
    asked: ChangeSet,
    tolerances: Tolerances,
    today: dt.date,
    *,
    said: str | None = None,
) -> Answer:
    """Check a change set and write it, on a connection that writes.

    Parameters
    ----------
    conn
        An open connection that writes; nothing of it may stay where this raises.
    asked
        The edits.
    tolerances
        As for an import.
    today
        The present day.
    said
        The hash of the request, where that is more than the edits.

    Returns
    -------
    dict
        See `change`.

    Raises
    ------
    LayerRejected, StaleVersion
        See `change`.
    """
    effective = asked.effective or today
    work = _Work(conn, asked, effective, tolerances, uuid.uuid4().hex)
    issues = [*_persons(asked.reason), *work.claims()]
    if effective > today:
        issues.append(Issue("T01.future", values={"date": effective, "today": today}))
    for name in work.layers:
        issues += work.layer(name, wrong=any_error(issues))
    issues += work.left()
    if any_error(issues):
        raise _rejected(asked, effective, issues)
    return work.recorded(issues, said or asked.sha256)


@dataclass(frozen=True)
class _Part:
    """What a change set does to one layer: rows of the file it stands for, and keys that end."""

    spec: LayerSpec
    frame: pd.DataFrame
    gone: dict[str, int]


class _Work:
    """One change set on its way into the store."""

    def __init__(
        self,
        conn: Connection,
        asked: ChangeSet,
        effective: dt.date,
        tolerances: Tolerances,
        set_id: str,
    ) -> None:
        self.conn, self.asked, self.effective = conn, asked, effective
        self.tolerances, self.set_id = tolerances, set_id
        self.layers = [name for name in LAYERS if any(e.layer == name for e in asked.edits)]
        self.stored = {
            name: store.read_rows(
                conn, name, [e.code for e in asked.edits if e.layer == name], as_of=effective
            )
            for name in self.layers
        }
        self.reports: list[ImportReport] = []
        self.parts: dict[str, _Part] = {}

    def claims(self) -> list[Issue]:
        """Compare what edits say of rows with what is stored, and make the rows they mean.

        Raises
        ------
        StaleVersion
            A row was changed since.
        """
        require_versions(self.asked.edits, self.stored)
        issues = twice(self.asked.edits)
        for row, edit in enumerate(self.asked.edits):
            issues += claim_issues(
                row, edit, self.stored[edit.layer].get(edit.code), self.effective
            )
        lost = {issue.row for issue in issues}
        for name in self.layers:
            mine = {
                row: edit
                for row, edit in enumerate(self.asked.edits)
                if edit.layer == name and row not in lost
            }
            gone = {edit.code: row for row, edit in mine.items() if not edit.writes}
            frame = edited_frame(LAYERS[name], mine, self.stored[name])
            self.parts[name] = _Part(LAYERS[name], frame, gone)
        return issues

    def layer(self, name: str, *, wrong: bool) -> list[Issue]:
        """Check one layer's rows, and write them where nothing is wrong so far."""
        part = self.parts[name]
        report, rows = self._judged(part)
        issues = list(report.issues) + self._later(part)
        if wrong or any_error(issues) or not (len(rows) or part.gone):
            return issues
        first = not self.reports
        report = replace(report, key=self.asked.key if first else None)
        told = {
            "change_set": self.set_id,
            "reason": self.asked.reason,
            "request": self.asked.request,
        }
        with store.staged_edits(
            self.conn, name, rows, effective=self.effective, gone=part.gone
        ) as staged:
            report = compared(self.conn, report, staged)
            report = applied(
                self.conn,
                report,
                part.spec,
                staged,
                rows,
                self.asked.account,
                action="change",
                told=told,
            )
        self.reports.append(report)
        return issues

    def _judged(self, part: _Part) -> tuple[ImportReport, pd.DataFrame]:
        """Check rows as an import does, beside a store in which what ends has ended."""
        spec, frame = part.spec, part.frame
        issues = spec.check(frame) if len(frame) else []
        report = ImportReport(
            layer=spec.name,
            source=SOURCE,
            sha256=self.asked.sha256,
            effective=self.effective.isoformat(),
            rows=len(frame),
            issues=tuple(with_places(issues, frame.geometry if spec.kinds else None)),
        )
        rows = spec.parse(frame)
        if frame.empty or any(issue.rule == "F01" for issue in issues):
            return report, rows
        how = Import(
            spec=spec,
            effective=self.effective,
            source_crs=None,
            tolerance_m=self.tolerances.tolerance_m,
            snap_m=self.tolerances.snap_m,
            band=self.tolerances.band,
            repair=False,
            only=None,
            commit=True,
            actor=self.asked.account,
            tell=lambda _step, _share: None,
        )
        with self._without():
            return judged(self.conn, report, frame, rows, how)

    def _without(self) -> AbstractContextManager[None]:
        """See the store without what ends, whether that is written already or not."""
        gone = {name: list(one.gone) for name, one in self.parts.items() if one.gone}
        empty = {name: self.parts[name].frame.head(0) for name in gone}
        return store.without_rows(self.conn, gone, empty, effective=self.effective)

    def _later(self, part: _Part) -> list[Issue]:
        """Find rows that end before what is known of them (C04)."""
        if not part.gone:
            return []
        later = store.read_later_keys(self.conn, part.spec.name, self.effective)
        return [
            Issue("C04.overlap", row, part.spec.key[0], {"value": key, "date": self.effective})
            for key, row in part.gone.items()
            if key in later
        ]

    def left(self) -> list[Issue]:
        """Find what refers to rows that end, beside what was written (T01)."""
        with self._without():
            return self._left()

    def _left(self) -> list[Issue]:
        issues = []
        for name, part in self.parts.items():
            if part.spec.key != ("code",) or not part.gone:
                continue
            codes = pd.Index(list(part.gone), dtype=object)
            for one in store.read_left(self.conn, name, codes, self.effective).itertuples():
                values = {"value": one.code, "count": one.count, "kind": one.kind}
                shape = "T01.children" if one.kind == "division" else "T01.left"
                told = {**values, "date": self.effective}
                issues.append(Issue(shape, part.gone[one.code], "code", told))
        return issues

    def recorded(self, issues: list[Issue], sha256: str) -> Answer:
        """Write down why, and what is answered."""
        names = ("inserted", "updated", "unchanged", "ended")
        batches = [
            {"id": one.batch_id, "layer": one.layer, **{n: getattr(one, n) for n in names}}
            for one in self.reports
        ]
        answer = {
            "change_set": self.set_id,
            "batches": batches,
            "effective": self.effective.isoformat(),
            "reason": self.asked.reason,
            "edits": len(self.asked.edits),
            **{name: sum(one[name] for one in batches) for name in names},
            "versions": self._versions(),
            "issues": [issue.as_dict() for issue in issues],
            "dry_run": False,
        }
        asked = self.asked
        record(self.conn, asked, self.effective, answer, sha256)
        return answer

    def _versions(self) -> list[dict[str, Any]]:
        """Return the version that each row is in now."""
        by_layer = {one.layer: one for one in self.reports}
        found = []
        for edit in self.asked.edits:
            report = by_layer[edit.layer]
            if not edit.writes:
                continue
            version = report.batch_id
            if edit.code not in {one.key for one in report.changes}:
                version = self.stored[edit.layer][edit.code].version
            found.append({"layer": edit.layer, "code": edit.code, "version": version})
        return found


def record(
    conn: Connection, asked: ChangeSet, effective: dt.date, answer: Answer, sha256: str
) -> None:
    """Write down a change set that was written.

    Parameters
    ----------
    conn
        The connection that wrote it.
    asked
        What was asked.
    effective
        The first day it is true.
    answer
        For JSON, with change_set and batches.
    sha256
        What the request said, as a hash.
    """
    store.write_change_set(
        conn,
        id=answer["change_set"],
        account=asked.account,
        reason=asked.reason,
        effective=effective,
        request=asked.request,
        sha256=sha256,
        batches=[one["id"] for one in answer["batches"]],
        answer=answer,
    )


def any_error(issues: list[Issue]) -> bool:
    """Tell whether anything of it blocks a write.

    Parameters
    ----------
    issues
        Any.

    Returns
    -------
    bool
        True if one is an error.
    """
    return any(str(issue.severity) == "error" for issue in issues)


def _persons(reason: str) -> list[Issue]:
    return [Issue("E02.person", field="reason")] if names_a_person(reason) else []


def _rejected(asked: ChangeSet, effective: dt.date, issues: list[Issue]) -> LayerRejected:
    """Return the error that holds all issues, in the order of the edits."""
    ordered = sorted(issues, key=lambda one: -1 if one.row is None else one.row)
    report = ImportReport(
        layer=asked.edits[0].layer,
        source=SOURCE,
        sha256=asked.sha256,
        effective=effective.isoformat(),
        rows=len(asked.edits),
        issues=tuple(ordered),
    )
    count = len(report.errors)
    return LayerRejected(
        f"the change set has {count} error{'s' if count > 1 else ''}; nothing was written", report
    )


def undo_change(
    engine: Engine,
    batch_id: int,
    *,
    reason: str,
    account: str,
    key: str | None,
    request: str | None,
) -> tuple[Answer, bool]:
    """Take back what a batch changed, and all of the change set it is of.

    Parameters
    ----------
    engine
        The store.
    batch_id
        One of its batches.
    reason
        Why.
    account
        Who does it.
    key
        Names the request; with the same key it is done once.
    request
        Its id, for the audit trail.

    Returns
    -------
    dict, bool
        For JSON: change_set, undone (ids of batches), batches (id, layer, inserted, updated,
        ended), inserted, updated, ended, reason. True where it was answered before.

    Raises
    ------
    LayerRejected
        The reason names a person.
    BatchNotFound, Conflict
        See `book.undo`.
    StoreUnavailable, StoreError
        See `store.transaction`.
    """
    asked = ChangeSet((), reason, account, request=request)
    key = key or uuid.uuid4().hex
    if names_a_person(reason):
        empty = replace(asked, edits=(Edit("district", "end", ""),))
        raise _rejected(empty, dt.date.today(), _persons(reason))
    sha256 = content_hash({"undo": batch_id, "reason": reason})

    def work(conn: Connection) -> Answer:
        sets = store.read_change_sets(conn, [batch_id])
        batches = sets[-1]["batches"] if sets else [batch_id]
        set_id = uuid.uuid4().hex
        told = {"change_set": set_id, "reason": reason, "request": request}
        found = [
            undone(conn, one, actor=account, key=key if at == 0 else None, told=told)
            for at, one in enumerate(reversed(batches))
        ]
        names = ("inserted", "updated", "ended")
        parts = [
            {"id": one["undone_by"], "layer": one["batch"]["layer"], **{n: one[n] for n in names}}
            for one in found
        ]
        answer = {
            "change_set": set_id,
            "undone": [one["batch"]["id"] for one in found],
            "batches": parts,
            **{name: sum(part[name] for part in parts) for name in names},
            "reason": reason,
        }
        record(conn, asked, found[0]["batch"]["effective"], answer, sha256)
        return answer

    return once(engine, key, sha256, work)


def book_of_batches(engine: Engine, *, before: int | None, limit: int) -> list[dict[str, Any]]:
    """List the writes, the last first, each with the reason that was given.

    Parameters
    ----------
    engine
        The store.
    before
        Only those with a lower id.
    limit
        The most rows to return.

    Returns
    -------
    list of dict
        For JSON: the fields of `model.Batch` but key, which is its sender's; change_set and
        reason (None for an import).

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine, snapshot=True) as conn:
        batches = store.read_batches(conn, before=before, limit=limit)
        sets = store.read_change_sets(conn, [batch.id for batch in batches])
    why = {batch: one for one in sets for batch in one["batches"]}
    return [
        {
            **{name: value for name, value in asdict(batch).items() if name != "key"},
            "change_set": why[batch.id]["id"] if batch.id in why else None,
            "reason": why[batch.id]["reason"] if batch.id in why else None,
        }
        for batch in batches
    ]
