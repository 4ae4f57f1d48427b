"""What an edit says of a row, beside what is stored of it.

Belongs here: edits and change sets as they are asked for, the rows they mean, what is wrong with
them before any check of the layer. Does not belong here: writing them (``change_sets``).
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import shapely

from gridmap import crs
from gridmap.errors import StaleVersion
from gridmap.model import LAYERS, Issue, LayerSpec

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from gridmap import store

ACTIONS = ("create", "update", "replace", "end")
"""What an edit does: ``update`` leaves fields that it does not name, ``replace`` empties them."""

_IDENTITY = re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)")
_MOBILE = re.compile(r"(?<!\d)(?:86|0086)?1[3-9]\d{9}(?!\d)")
_WITHIN = re.compile(r"(?<=\d)[\s\-.·]+(?=\d)")
"""What people put between the digits of a number."""


@dataclass(frozen=True)
class Edit:
    """What becomes of one row.

    ``code`` is its key, joined by ``/`` where it has several columns; ``version`` the one it was
    read in; ``geometry`` in EPSG:4490, None where nothing is said of it.
    """

    layer: str
    action: str
    code: str
    version: int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    geometry: shapely.Geometry | None = None

    @property
    def writes(self) -> bool:
        """Whether there is a row after it."""
        return self.action != "end"


@dataclass(frozen=True)
class ChangeSet:
    """Edits that are written together or not at all.

    ``effective`` is the first day they are true, None for the present day; ``key`` names the
    request: with the same key it is written once. ``request`` is its id, for the audit trail.
    """

    edits: tuple[Edit, ...]
    reason: str
    account: str
    effective: dt.date | None = None
    key: str | None = None
    request: str | None = None

    @property
    def sha256(self) -> str:
        """What it says, as a hash; who says it and when is no part of it."""
        edits = [
            {**asdict(replace(one, geometry=None)), "geometry": _hex(one.geometry)}
            for one in self.edits
        ]
        return content_hash({"edits": edits, "reason": self.reason, "effective": self.effective})


def content_hash(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what a request says.

    Parameters
    ----------
    content
        For JSON; days become text.

    Returns
    -------
    str
        In hexadecimal; the same for the same content in any order of names.
    """
    text = json.dumps(content, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def names_a_person(text: str) -> bool:
    """Tell whether a text holds what looks like a number of a person.

    Parameters
    ----------
    text
        What somebody wrote.

    Returns
    -------
    bool
        It has an identity card's 18 digits or a mobile telephone's 11.

    Notes
    -----
    Rule: places, never persons. Digits of full width and with blanks, hyphens or points between
    them count as written together. Source: own choice; GB 11643 and the numbering plan of mobile
    telephones give the lengths.

    Examples
    --------
    >>> names_a_person("call 138-0013-8000")
    True
    >>> names_a_person("6 floors, not 7; grid 990101001001001")
    False
    """
    plain = _WITHIN.sub("", unicodedata.normalize("NFKC", text))
    return bool(_IDENTITY.search(plain) or _MOBILE.search(plain))


def _hex(shape: shapely.Geometry | None) -> str | None:
    return None if shape is None else shapely.to_wkb(shape, hex=True)


def require_versions(
    edits: tuple[Edit, ...], stored: Mapping[str, Mapping[str, store.StoredRow]]
) -> None:
    """Refuse edits of rows that were changed since they were read.

    Parameters
    ----------
    edits
        What is asked.
    stored
        The rows as they are, by layer and key.

    Raises
    ------
    StaleVersion
        There is one.
    """
    stale = [
        edit
        for edit in edits
        if edit.version is not None
        and (row := stored[edit.layer].get(edit.code)) is not None
        and row.version != edit.version
    ]
    if stale:
        first = stale[0]
        version = stored[first.layer][first.code].version
        more = f", and {len(stale) - 1} more" if len(stale) > 1 else ""
        raise StaleVersion(
            f"{first.layer} {first.code!r} was changed meanwhile: it is in version {version}, not "
            f"{first.version}{more}; read it again"
        )


def twice(edits: tuple[Edit, ...]) -> list[Issue]:
    """Find rows that several edits name.

    Parameters
    ----------
    edits
        What is asked.

    Returns
    -------
    list of Issue
        E01.twice: one a row, at its second edit.
    """
    places: dict[tuple[str, str], list[int]] = {}
    for row, edit in enumerate(edits):
        places.setdefault((edit.layer, edit.code), []).append(row)
    return [
        Issue("E01.twice", rows[1], "code", {"value": code, "rows": ", ".join(map(str, rows))})
        for (_, code), rows in places.items()
        if len(rows) > 1
    ]


def claim_issues(
    row: int, edit: Edit, stored: store.StoredRow | None, effective: dt.date
) -> list[Issue]:
    """Compare what one edit says of its row with what is stored of it.

    Parameters
    ----------
    row
        The place of the edit.
    edit
        What is asked.
    stored
        The row as it is; None where there is none.
    effective
        The first day of the edit.

    Returns
    -------
    list of Issue
        E01.exists, E01.unknown, E01.field, E01.key.
    """
    told = {"layer": edit.layer, "value": edit.code}
    if edit.action == "create" and stored is not None:
        return [Issue("E01.exists", row, "code", told)]
    if edit.action != "create" and stored is None:
        return [Issue("E01.unknown", row, "code", {**told, "date": effective})]
    return field_issues(row, edit, stored)


def field_issues(row: int, edit: Edit, stored: store.StoredRow | None) -> list[Issue]:
    """Find what an edit names that its layer has not, and keys that it would change.

    Parameters
    ----------
    row
        The place of the edit.
    edit
        What is to be written.
    stored
        The row as it is, None where it is new.

    Returns
    -------
    list of Issue
        E01.field, E01.key.
    """
    spec = LAYERS[edit.layer]
    known = [*spec.columns, *(["geometry"] if spec.kinds else [])]
    named = [*edit.fields, *(["geometry"] if edit.geometry is not None else [])]
    choices = {"layer": edit.layer, "choices": ", ".join(known)}
    issues = [Issue("E01.field", row, name, choices) for name in named if name not in known]
    key = "/".join(str(_keys(spec, edit, stored).get(name)) for name in spec.key)
    if key != edit.code:
        issues.append(Issue("E01.key", row, spec.key[0], {"value": edit.code}))
    return issues


def _keys(spec: LayerSpec, edit: Edit, stored: store.StoredRow | None) -> dict[str, Any]:
    """Return the columns of a row's key, as its edit would leave them."""
    named = {"code": edit.code} if spec.key == ("code",) else {}
    before = stored.fields if stored else {}
    return {name: edit.fields.get(name, before.get(name, named.get(name))) for name in spec.key}


def edited_frame(
    spec: LayerSpec, edits: Mapping[int, Edit], stored: Mapping[str, store.StoredRow]
) -> pd.DataFrame:
    """Return the rows that edits leave, as a file would have them.

    Parameters
    ----------
    spec
        The layer's specification.
    edits
        By their place.
    stored
        The rows as they are, by key.

    Returns
    -------
    DataFrame or GeoDataFrame
        Index: place of the edit, without those that end a row; the layer's columns; geometry in
        EPSG:4490.
    """
    cells, shapes, index = [], [], []
    for row, edit in edits.items():
        if not edit.writes:
            continue
        before = stored.get(edit.code)
        kept = dict(before.fields) if before and edit.action == "update" else {}
        cells.append({**kept, **_keys(spec, edit, before), **edit.fields})
        former = before.geometry if before and edit.action == "update" else None
        shapes.append(former if edit.geometry is None else edit.geometry)
        index.append(row)
    frame = pd.DataFrame(cells, index=index, columns=spec.columns, dtype=object)
    frame = frame.where(frame.notna(), None)
    if not spec.kinds:
        return frame
    return gpd.GeoDataFrame(frame, geometry=gpd.GeoSeries(shapes, index=index, crs=crs.STORAGE_CRS))
