"""What functions hand back: issues, reports, places, rates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from dataclasses import field as attribute
from typing import Any, NamedTuple

import shapely

from gridmap.model.codes import Level
from gridmap.rules import NAMES_ZH, RULES, Rule, Severity


@dataclass(frozen=True)
class Issue:
    """One broken rule in one place: data, not an exception.

    ``shape`` is a key of ``rules.RULES``; ``row`` is the feature's number in the file, from 1
    (None: the whole file); ``geometry`` is the offence in the frame's CRS.
    """

    shape: str
    row: int | None = None
    field: str | None = None
    values: Mapping[str, Any] = attribute(default_factory=dict)
    geometry: shapely.Geometry | None = None

    @property
    def rule(self) -> str:
        """The rule's id, such as ``C01``."""
        return self.shape.partition(".")[0]

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return self._rule.severity

    @property
    def _rule(self) -> Rule:
        return RULES[self.shape]

    def message(self, language: str = "zh") -> str:
        """Return the sentence for a person.

        Parameters
        ----------
        language
            ``zh`` or ``en``.

        Returns
        -------
        str
            Plain text; values from the file stand in it unescaped.
        """
        values = {"field": self.field, **self.values}
        values = {k: _short(v) if isinstance(v, str) else v for k, v in values.items()}
        if language == "en":
            return self._rule.en.format(**values)
        named = {k: NAMES_ZH[v] for k, v in values.items() if isinstance(v, str) and v in NAMES_ZH}
        return self._rule.zh.format(**{**values, **named})

    def as_dict(self) -> dict[str, Any]:
        """Return what goes into JSON: rule, severity, row, field and both messages."""
        return {
            "rule": self.rule,
            "severity": str(self.severity),
            "row": self.row,
            "field": self.field,
            "message": {language: self.message(language) for language in ("zh", "en")},
        }


def _short(text: str) -> str:
    """Return a text a sentence can hold: one cell may be a megabyte."""
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


MAX_SHOWN = 400


CHANGES = ("added", "changed", "ended")
"""What can become of a row in an import, if it is not as it was."""


class Change(NamedTuple):
    """A row that an import changes: its key, one of `CHANGES`, and what differs.

    ``key`` has its columns joined by ``/``; ``fields`` is empty but for ``changed``.
    """

    key: str
    change: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class ImportReport:
    """What an import found, and what it did, or would do if it were committed.

    ``inserted``, ``updated`` and ``unchanged`` count rows of the file, ``ended`` stored rows that
    a complete file has no more; all are 0 where there are errors. ``changes`` are those rows.
    ``file_layer`` is the layer, sheet or member read; ``columns`` says which column of the file was
    taken for which field, where their names differ.
    """

    layer: str
    source: str
    sha256: str
    effective: str
    rows: int
    issues: tuple[Issue, ...]
    committed: bool = False
    batch_id: int | None = None
    source_crs: str | None = None
    encoding: str | None = None
    file_layer: str | None = None
    columns: Mapping[str, str] = attribute(default_factory=dict)
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    ended: int = 0
    key: str | None = None
    changes: tuple[Change, ...] = ()

    @property
    def errors(self) -> tuple[Issue, ...]:
        """The issues that block the import."""
        return tuple(issue for issue in self.issues if issue.severity is Severity.ERROR)

    def as_dict(self) -> dict[str, Any]:
        """Return the report for JSON."""
        plain = {k: v for k, v in self.__dict__.items() if k not in ("issues", "changes")}
        return {
            **plain,
            "issues": [issue.as_dict() for issue in self.issues],
            "changes": [change._asdict() for change in self.changes],
        }


@dataclass(frozen=True)
class Batch:
    """One write in the book: who, when, from which file, of which day, what it changed.

    ``action`` is ``import``, ``undo`` or ``demo``; ``undoes`` and ``undone_by`` are other batches.
    """

    id: int
    at: dt.datetime
    actor: str | None
    action: str
    layer: str
    source: str
    sha256: str
    effective: dt.date
    rows: int
    inserted: int
    updated: int
    ended: int
    unchanged: int
    key: str | None = None
    undoes: int | None = None
    undone_by: int | None = None


@dataclass(frozen=True)
class Unit:
    """A division as `locate` and the interfaces name it."""

    level: Level
    code: str
    name: str | None
    kind: str | None = None


@dataclass(frozen=True)
class Location:
    """Where a position lies: one unit a level, None where there is none."""

    longitude: float
    latitude: float
    as_of: str
    district: Unit | None = None
    street: Unit | None = None
    community: Unit | None = None
    grid: Unit | None = None
    building: Unit | None = None


@dataclass(frozen=True)
class Rate:
    """A share that can be checked: what was counted, out of what, of which date.

    ``share`` is ``covered / total`` in 0..1, None where nothing is there to be covered.
    """

    measure: str
    unit_of_measure: str
    covered: float
    total: float

    @property
    def share(self) -> float | None:
        """Covered over total, None for an empty denominator."""
        return self.covered / self.total if self.total > 0 else None


BLIND_COLUMNS = ("area_m2", "key_area_m2", "road_m", "frontage_m", "household_count")
"""What blind areas are measured and ranked by; as `camera_coverage.BLIND_COLUMNS`."""

FAILURE_KINDS = ("camera", "pole", "group")
"""What fails together; as `camera_coverage.FAILURE_KINDS`."""


def rate_as_dict(rate: Rate) -> dict[str, Any]:
    """Return a rate for JSON, its share included.

    Parameters
    ----------
    rate
        The rate.

    Returns
    -------
    dict
        The fields and ``share``.
    """
    return {**asdict(rate), "share": rate.share}
