"""Finding objects by their names, addresses and codes.

Belongs here: which kinds are looked through, the order of what is found, what is told of it. Does
not belong here: how a question fits a text (``spelling``), keeping the texts (``entries``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridmap import spelling, store
from gridmap.model import CODE_LENGTH, Right
from gridmap.spelling import Fit, Form

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection, Engine

    Answer = dict[str, Any]

ZOOM = {
    "district": 11,
    "street": 13,
    "community": 14,
    "grid": 16,
    "building": 18,
    "organisation": 17,
    "camera": 18,
}
"""How near a map is to show what was found. Source: own choice, after web.md 5.5."""

RIGHTS = {"building": Right.ROWS, "organisation": Right.ROWS, "camera": Right.CAMERAS}
"""What one must have the right to, to find things of a kind; divisions are everybody's."""

FIELDS = {
    "building": ("code", "name", "address", "former_name", "former_address", "entrance"),
}
"""What an object of a kind is found by, where it is more than code, name and former name."""

_PLAIN = ("code", "name", "former_name")
_FORMS = {"written": Form.WRITTEN, "pinyin": Form.PINYIN, "initials": Form.INITIALS}
_TEXTS_EACH = 4  # entries of one object that may come before the next object


@dataclass(frozen=True, order=True)
class _Hit:
    """An entry that fits, in the order in which it is shown."""

    fit: Fit
    form: Form
    length: int
    value: str
    code: str
    kind: str
    field: str
    text: str
    unit: str | None
    lon: float | None
    lat: float | None


def kinds_for(rights: Collection[Right]) -> tuple[str, ...]:
    """Return the kinds of objects that somebody may find.

    Parameters
    ----------
    rights
        What they have the right to.

    Returns
    -------
    tuple of str
        Of `store.KINDS`, in their order.

    Examples
    --------
    >>> kinds_for(())
    ('district', 'street', 'community', 'grid')
    """
    return tuple(kind for kind in store.KINDS if RIGHTS.get(kind) in (None, *rights))


def search(engine: Engine, text: str, *, kinds: Collection[str], limit: int) -> Answer:
    """Find objects by a part of a name, address or code, or by its pinyin or their initials.

    Parameters
    ----------
    engine
        The store.
    text
        What is looked for.
    kinds
        Of `kinds_for`.
    limit
        The most of each kind.

    Returns
    -------
    dict
        For JSON: ``q``, ``looked_for`` (what of it counts), ``inside`` (whether texts were looked
        through, not their beginnings only), ``searched`` (kind, ``by``: the fields), ``groups``:
        kind, ``more`` (there are others), ``rows``: kind, code, name, address, ``found`` (field,
        text, fit, form), where (level, code, name of each unit above, from above), lon, lat
        (degrees; None: no place), zoom. Groups without rows are left out.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.

    Notes
    -----
    Rule: exact, then what begins so, then where a word begins so, then inside; within these text
    before pinyin before initials. An object is shown once, by what fits best.
    """
    question = spelling.folded(text)[: spelling.LONGEST]
    groups: list[Answer] = []
    if question:
        with store.transaction(engine) as conn:
            hits = _hits(conn, question, kinds, limit + 1)
            groups = _told(conn, hits, kinds, limit)
    return {
        "q": text,
        "looked_for": question,
        "inside": spelling.inside(question),
        "searched": [{"kind": kind, "by": FIELDS.get(kind, _PLAIN)} for kind in kinds],
        "groups": groups,
    }


def _hits(conn: Connection, question: str, kinds: Collection[str], most: int) -> list[_Hit]:
    """Return the best entries of each kind, each object once."""
    names = list(_FORMS) if question.isascii() else ["written"]
    forms = dict.fromkeys(names, question)
    count = most * _TEXTS_EACH
    hits = [
        _hit(row, Fit.EXACT if row.value == question else Fit.BEGINNING, 0)
        for row in store.read_beginning(conn, kinds, forms, most=count)
    ]
    best = _once(hits)
    lacking = [kind for kind in kinds if sum(one.kind == kind for one in best) < most]
    if lacking and spelling.inside(question):
        marked = spelling.marked(question)
        rows = store.read_inside(conn, lacking, question, marked, most=count)
        hits += [_hit(r, Fit.WORD if r.word else Fit.INSIDE, len(r.value)) for r in rows]
        best = _once(hits)
    return best


def _hit(row: Any, fit: Fit, length: int) -> _Hit:
    return _Hit(
        fit,
        _FORMS[row.form],
        length,
        row.value,
        row.code,
        row.kind,
        row.field,
        row.text,
        row.unit_code,
        row.lon,
        row.lat,
    )


def _once(hits: list[_Hit]) -> list[_Hit]:
    """Return each object's best entry, the best first."""
    kept: dict[tuple[str, str], _Hit] = {}
    for one in sorted(hits, key=_order):
        kept.setdefault((one.kind, one.code), one)
    return list(kept.values())


def _order(one: _Hit) -> tuple[object, ...]:
    return one.fit, one.form, one.length, one.value, one.code, one.kind, one.field, one.text


def _told(conn: Connection, hits: list[_Hit], kinds: Collection[str], limit: int) -> list[Answer]:
    """Return what was found by kind, with what it is called and where it is."""
    by_kind = {kind: [one for one in hits if one.kind == kind] for kind in kinds}
    shown = [one for mine in by_kind.values() for one in mine[:limit]]
    if not shown:
        return []
    titles = store.read_titles(conn, [(one.kind, one.code) for one in shown])
    above = {code for one in shown for _, code in _parents(one)}
    names = store.read_parents(conn, sorted(above))
    return [
        {
            "kind": kind,
            "more": len(mine) > limit,
            "rows": [_row(one, titles.get((kind, one.code), {}), names) for one in mine[:limit]],
        }
        for kind, mine in by_kind.items()
        if mine
    ]


def _parents(one: _Hit) -> list[tuple[str, str]]:
    """Return level and code of the divisions above, from above."""
    unit = one.unit or ""
    return [
        (str(level), unit[:length])
        for level, length in CODE_LENGTH.items()
        if len(unit) >= length and unit[:length] != one.code
    ]


def _row(one: _Hit, title: dict[str, str], names: dict[str, str]) -> Answer:
    return {
        "kind": one.kind,
        "code": one.code,
        "name": title.get("name"),
        "address": title.get("address"),
        "found": {
            "field": one.field,
            "text": one.text,
            "fit": one.fit.name.lower(),
            "form": one.form.name.lower(),
        },
        "where": [
            {"level": level, "code": code, "name": names[code]}
            for level, code in _parents(one)
            if code in names
        ],
        "lon": one.lon,
        "lat": one.lat,
        "zoom": ZOOM[one.kind],
    }
