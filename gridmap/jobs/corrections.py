"""Corrections: what somebody on the spot says of a place, and what a planner makes of it.

Belongs here: taking one, listing them, deciding. Does not belong here: writing what was accepted
(``change_sets``), statements (``store``).
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import shapely

from gridmap import store
from gridmap.errors import Conflict, CorrectionNotFound, InputError, LayerRejected, RowNotFound
from gridmap.jobs.change_sets import Tolerances, any_error, changed, once
from gridmap.jobs.edits import (
    ChangeSet,
    Edit,
    content_hash,
    edited_frame,
    field_issues,
    names_a_person,
)
from gridmap.model import LAYERS, ImportReport, Issue, layer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Engine

    Answer = dict[str, Any]

UNCORRECTED = ("lens", "matter_item")
"""Layers that are rules and catalogues: nothing of them can be seen on the spot."""


@dataclass(frozen=True)
class Suggestion:
    """What somebody says of a row: a field's value, its place, or words only."""

    layer: str
    code: str
    account: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    geometry: shapely.Geometry | None = None
    note: str | None = None
    key: str | None = None
    request: str | None = None

    @property
    def sha256(self) -> str:
        """What it says, as a hash."""
        shape = None if self.geometry is None else shapely.to_wkb(self.geometry, hex=True)
        said = {"layer": self.layer, "code": self.code, "fields": dict(self.fields)}
        return content_hash({**said, "note": self.note, "geometry": shape})


@dataclass(frozen=True)
class Decision:
    """What a planner decides of a correction, and why.

    ``fields`` and ``geometry`` say what words only meant; ``version`` is that of the row which was
    looked at, None for the one that the correction was made of.
    """

    correction: int
    account: str
    reason: str | None = None
    effective: dt.date | None = None
    version: int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    geometry: shapely.Geometry | None = None
    key: str | None = None
    request: str | None = None


def suggest(
    engine: Engine, book: Engine, said: Suggestion, *, as_of: dt.date
) -> tuple[Answer, bool]:
    """Take a correction of a row that whoever says it can see.

    Parameters
    ----------
    engine
        The store as they see it.
    book
        The store as the application sees it: who only reads writes nothing.
    said
        What they say.
    as_of
        The day of the row.

    Returns
    -------
    dict, bool
        For JSON, as `list_corrections`. True where it was taken before.

    Raises
    ------
    LayerNotFound, RowNotFound
        There is no such layer, or row.
    InputError
        The layer has nothing to be seen on the spot.
    LayerRejected
        The value cannot be that of the field, the shape that of the layer, or a text holds a
        number of a person.
    Conflict
        The key was used for another correction.
    StoreUnavailable, StoreError
        See `store.transaction`.
    """
    spec = layer(said.layer)
    if said.layer in UNCORRECTED:
        raise InputError(f"rows of {said.layer} are rules, not places; ask a planner to change it")
    with store.transaction(engine) as conn:
        row = store.read_rows(conn, said.layer, [said.code], as_of=as_of).get(said.code)
    if row is None:
        raise RowNotFound(f"no {said.layer} has the code {said.code[:80]!r} on {as_of}")
    _require_sound(said, row, as_of)
    with store.transaction(book) as conn:
        number = store.write_correction(
            conn,
            said.geometry,
            layer=spec.name,
            code=said.code,
            unit_code=row.unit_code,
            version=row.version,
            fields=dict(said.fields),
            note=said.note,
            account=said.account,
            key=said.key,
            sha256=said.sha256,
        )
        if number is None:
            earlier = store.read_corrections(conn, key=said.key)[0]
            if (earlier["sha256"], earlier["account"]) != (said.sha256, said.account):
                raise Conflict(
                    "the Idempotency-Key was used before, for another request; give each its own"
                )
            return _shown(earlier), True
        told = {"correction": number, "request": said.request}
        store.write_event(conn, "correction", subject=said.layer, actor=said.account, details=told)
        return _shown(store.read_corrections(conn, correction_id=number)[0]), False


def _require_sound(said: Suggestion, row: store.StoredRow, as_of: dt.date) -> None:
    """Refuse what can never be accepted, and what must never be kept.

    Raises
    ------
    LayerRejected
        There is something of it.
    """
    spec = LAYERS[said.layer]
    words = {"note": said.note, **said.fields}
    issues = [
        Issue("E02.person", 0, name)
        for name, text in words.items()
        if isinstance(text, str) and names_a_person(text)
    ]
    edit = Edit(said.layer, "update", said.code, row.version, said.fields, said.geometry)
    issues += field_issues(0, edit, row)
    named = {*said.fields, *(["geometry"] if said.geometry is not None else [])}
    if named and not any_error(issues):
        frame = edited_frame(spec, {0: edit}, {said.code: row})
        found = spec.check(frame, register=False)
        issues += [one for one in found if one.field in named]
    if any_error(issues):
        _reject(said.layer, as_of, said.sha256, issues)


def _reject(name: str, day: dt.date, sha256: str, issues: list[Issue]) -> None:
    """Refuse what has issues.

    Raises
    ------
    LayerRejected
        Always.
    """
    report = ImportReport(
        layer=name,
        source="correction",
        sha256=sha256,
        effective=day.isoformat(),
        rows=1,
        issues=tuple(issues),
    )
    told = "; ".join(one.message("en") for one in report.errors[:3])
    raise LayerRejected(f"the correction was not taken: {told}", report)


def list_corrections(
    engine: Engine,
    *,
    state: str | None = None,
    without: tuple[str, ...] = (),
    before: int | None = None,
    limit: int = 100,
) -> list[Answer]:
    """List corrections, the last first.

    Parameters
    ----------
    engine
        The store as whoever asks sees it.
    state
        Only ``open``, ``accepted`` or ``declined`` ones.
    without
        Layers whose corrections are left out.
    before
        Only those with a lower number.
    limit
        The most to return.

    Returns
    -------
    list of dict
        For JSON: id, layer, code, unit_code, version, fields, note, geometry (GeoJSON, EPSG:4490),
        account, at, state, decided_by, decided_at, decision, change_set.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine) as conn:
        found = store.read_corrections(
            conn, state=state, without=without, before=before, limit=limit
        )
    return [_shown(one) for one in found]


def accept(
    engine: Engine, decided: Decision, *, tolerances: Tolerances | None = None
) -> tuple[Answer, bool]:
    """Write what a correction says, as a change set.

    Parameters
    ----------
    engine
        The store.
    decided
        Which correction, from when on, why.
    tolerances
        As for an import.

    Returns
    -------
    dict, bool
        As `change_sets.change`, with correction. True where it was answered before.

    Raises
    ------
    CorrectionNotFound
        There is none with this number.
    Conflict
        It was decided already; the key was used before.
    InputError
        It is words only, and what they mean is not said.
    LayerRejected, StaleVersion, StoreUnavailable, StoreError
        See `change_sets.change`.
    """
    day = dt.date.today()
    shape = None if decided.geometry is None else shapely.to_wkb(decided.geometry, hex=True)
    said = {"accept": decided.correction, "reason": decided.reason, "shape": shape}
    fields = dict(decided.fields)
    more = {"effective": decided.effective, "version": decided.version, "fields": fields}
    sha256 = content_hash({**said, **more})

    def work(conn: Connection) -> Answer:
        found = _open(conn, decided.correction)
        asked = _meant(found, decided)
        answer = changed(conn, asked, tolerances or Tolerances(), day, said=sha256)
        store.decide_correction(
            conn,
            found["id"],
            state="accepted",
            decided_by=decided.account,
            decision=decided.reason,
            change_set=answer["change_set"],
        )
        return answer

    key = decided.key or uuid.uuid4().hex
    decided = replace(decided, key=key)
    answer, again = once(engine, key, sha256, work)
    return {**answer, "correction": decided.correction}, again


def _open(conn: Connection, number: int) -> Answer:
    """Return a correction that is still to be decided.

    Raises
    ------
    CorrectionNotFound
        There is none.
    Conflict
        It was decided.
    """
    found = store.read_corrections(conn, correction_id=number)
    if not found:
        raise CorrectionNotFound(f"there is no correction {number}")
    if found[0]["state"] != "open":
        raise Conflict(f"correction {number} was {found[0]['state']} already")
    return found[0]


def _meant(found: Answer, decided: Decision) -> ChangeSet:
    """Return the change set that a correction is.

    Raises
    ------
    InputError
        It says nothing that can be written.
    """
    fields = {**found["fields"], **decided.fields}
    shape = decided.geometry if decided.geometry is not None else found["geometry"]
    if not fields and shape is None:
        raise InputError(
            f"correction {found['id']} is words only; say with fields or geometry what they mean"
        )
    version = decided.version if decided.version is not None else found["version"]
    edit = Edit(found["layer"], "update", found["code"], version, fields, shape)
    reason = decided.reason or f"correction {found['id']}"
    return ChangeSet(
        (edit,), reason, decided.account, decided.effective, decided.key, decided.request
    )


def decline(engine: Engine, decided: Decision) -> tuple[Answer, bool]:
    """Leave everything as it is.

    Parameters
    ----------
    engine
        The store.
    decided
        Which correction, and why.

    Returns
    -------
    dict, bool
        For JSON, as `list_corrections`. True where the same was decided before, by the same.

    Raises
    ------
    CorrectionNotFound
        There is none with this number.
    Conflict
        It was decided already.
    LayerRejected
        The reason names a person.
    StoreUnavailable, StoreError
        See `store.transaction`.
    """
    if decided.reason and names_a_person(decided.reason):
        _reject("correction", dt.date.today(), "", [Issue("E02.person", field="reason")])
    with store.transaction(engine, writes=True) as conn:
        before = store.read_corrections(conn, correction_id=decided.correction)
        mine = {"state": "declined", "decided_by": decided.account, "decision": decided.reason}
        if before and mine.items() <= before[0].items():
            return _shown(before[0]), True
        found = _open(conn, decided.correction)
        store.decide_correction(conn, found["id"], **mine)
        told = {"correction": found["id"], "request": decided.request, "reason": decided.reason}
        store.write_event(
            conn, "decline", subject=found["layer"], actor=decided.account, details=told
        )
        return _shown(store.read_corrections(conn, correction_id=found["id"])[0]), False


def _shown(correction: Answer) -> Answer:
    """Return a correction for JSON, without what is ours."""
    told = {k: v for k, v in correction.items() if k not in ("key", "sha256", "geometry")}
    shape = correction["geometry"]
    return {**told, "geometry": None if shape is None else json.loads(shapely.to_geojson(shape))}
