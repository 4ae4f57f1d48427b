"""Texts by which objects are found: which there should be, writing those, finding some.

Belongs here: statements on the tables of entries. Does not belong here: how a text is spelled, and
in which order what was found is shown (``spelling``, ``jobs``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import sqlalchemy as sa
from geoalchemy2.functions import ST_X, ST_Y, ST_PointOnSurface
from sqlalchemy.dialects.postgresql import ARRAY

from gridmap import tables as t
from gridmap.model import CODE_LENGTH
from gridmap.store.conditions import undone
from gridmap.store.transfer import insert_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import Connection, Table

DIVISIONS = tuple(str(level) for level in CODE_LENGTH)
KINDS = (*DIVISIONS, "building", "organisation", "camera")
"""What can be found, in the order in which it is shown."""

TEXTS: dict[Table, tuple[str, ...]] = {
    t.division: ("name",),
    t.building: ("name", "address"),
    t.organisation: ("name",),
    t.camera: ("name",),
}
"""Columns whose present and former texts an object is found by, beside its code."""

MOST_INSIDE = 3000
"""Texts that have something inside, of which the best are looked for: more have what half of a
district has, as the word for street."""

_PENDING = "gin_pending_list_limit"
_LAST = "\U0010ffff"  # after every character
_PLACE = ("kind", "code", "unit_code", "lon", "lat")
_WANTED = ("kind", "code", "field", "text", "unit_code", "lon", "lat")

Codes = sa.CompoundSelect[Any] | None
"""Codes of objects whose entries may have changed; None is all."""


def entry_table(kind: str) -> Table:
    """Return the table that a kind's entries are in."""
    return t.camera_entry if kind == "camera" else t.search_entry


def _of_kind(entry: Any, table: Table) -> sa.ColumnElement[bool]:
    if table is t.division:
        return entry.kind.in_(DIVISIONS)  # type: ignore[no-any-return]
    return entry.kind == table.name  # type: ignore[no-any-return]


def _touched(table: Table, batches: Collection[int]) -> sa.CompoundSelect[Any]:
    """Return the codes of a table's rows that some batches wrote, ended or put back."""
    past = t.HISTORY[table]
    return sa.union(
        sa.select(table.c.code).where(table.c.batch_id.in_(batches)),
        sa.select(past.c.code).where(past.c.ended_by.in_(batches)),
    )


def _affected(table: Table, batches: Collection[int] | None) -> Codes:
    """Return the codes of those whose entries follow from what some batches changed."""
    if batches is None:
        return None
    mine = _touched(table, batches)
    if table is t.building:
        doors = (t.entrance, t.HISTORY[t.entrance])
        gone = doors[1].c.ended_by.in_(batches)
        return sa.union(
            mine,
            sa.select(doors[0].c.building_code).where(doors[0].c.batch_id.in_(batches)),
            sa.select(doors[1].c.building_code).where(gone),
        )
    if table is t.organisation:
        o = t.organisation.c
        return sa.union(
            mine,
            sa.select(o.code).where(o.seat_code.in_(_touched(t.building, batches))),
            sa.select(o.code).where(o.host_code.in_(_touched(t.division, batches))),
        )
    return mine


def _lasts(valid: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Return the condition that a period has no end: no row is written for a day to come."""
    return sa.func.upper_inf(valid)


def _objects(table: Table, codes: Codes) -> sa.CTE:
    """Return the objects of a table as they are now, with their place and texts."""
    c = table.c
    place: Any = ST_PointOnSurface(c.geom) if "geom" in c else None
    source: Any = table
    kind: Any = c.level if table is t.division else sa.literal(table.name)
    unit = c[t.UNIT_COLUMN[table]]
    if table is t.organisation:
        seat, host = t.building.alias("seat"), t.division.alias("host")
        seated = sa.and_(host.c.code == c.host_code, _lasts(host.c.valid))
        source = table.outerjoin(seat, seat.c.code == c.seat_code).outerjoin(host, seated)
        place = ST_PointOnSurface(sa.func.coalesce(seat.c.geom, host.c.geom))
    if table is t.camera:
        place = c.geom
    query = sa.select(
        kind.label("kind"),
        c.code,
        unit.label("unit_code"),
        ST_X(place).label("lon"),
        ST_Y(place).label("lat"),
        *(c[name] for name in TEXTS[table]),
    ).select_from(source)
    if "valid" in c:
        query = query.where(_lasts(c.valid))
    if codes is not None:
        query = query.where(c.code.in_(codes))
    return query.cte("objects")


def _former(table: Table, objects: sa.CTE) -> list[sa.Select[Any]]:
    """Return the texts that objects had on former days; what was undone was never true."""
    periods = "valid" in table.c
    past = table.alias("past") if periods else t.HISTORY[table].alias("past")
    if periods:
        was = ~_lasts(past.c.valid)
    else:
        never = sa.select(t.import_batch.c.id).where(t.import_batch.c.undoes.is_not(None))
        was = sa.and_(
            past.c.valid_from < past.c.valid_to,
            past.c.ended_by.not_in(undone()),
            past.c.ended_by.not_in(never),
        )
    return [
        sa.select(
            *(objects.c[one] for one in _PLACE),
            sa.literal(f"former_{name}").label("field"),
            past.c[name].label("text"),
        )
        .join_from(objects, past, past.c.code == objects.c.code)
        .where(was, past.c[name].is_distinct_from(objects.c[name]))
        for name in TEXTS[table]
    ]


def _wanted(table: Table, codes: Codes, longest: int) -> sa.Select[Any]:
    """Return the entries that a table's objects should have."""
    objects = _objects(table, codes)
    names = ("code", *TEXTS[table])
    parts: list[sa.Select[Any]] = [
        sa.select(
            *(objects.c[one] for one in _PLACE),
            sa.literal(name).label("field"),
            objects.c[name].label("text"),
        )
        for name in names
    ]
    parts += _former(table, objects)
    if table is t.building:
        door = t.entrance.c
        parts.append(
            sa.select(
                *(objects.c[one] for one in _PLACE),
                sa.literal("entrance"),
                door.name,
            ).join_from(objects, t.entrance, door.building_code == objects.c.code)
        )
    found = sa.union_all(*parts).subquery("found")
    cut = sa.func.left(found.c.text, longest).label("text")
    columns = [cut if name == "text" else found.c[name] for name in _WANTED]
    return sa.select(*columns).where(found.c.text != "").distinct()


def read_lacking_entries(
    conn: Connection, batches: Collection[int] | None, *, longest: int
) -> pd.DataFrame:
    """Take away entries that are no longer so, and read which are lacking.

    Parameters
    ----------
    conn
        An open connection that writes.
    batches
        The writes after which to look: the last one, and the one that it undoes; None to look at
        everything.
    longest
        So many characters of a text are kept.

    Returns
    -------
    DataFrame
        Columns kind, code, field (``code``, ``name``, ``address``, ``former_name``,
        ``former_address``, ``entrance``), text, unit_code, lon, lat (degrees; None: no place).
    """
    types = t.search_entry.c
    wanted = sa.Table(
        "wanted_entry",
        sa.MetaData(),
        *(sa.Column(name, types[name].type) for name in _WANTED),
        prefixes=["TEMPORARY"],
        postgresql_on_commit="DROP",
    )
    wanted.create(conn)
    found: list[Any] = []
    for table in TEXTS:
        codes = _affected(table, batches)
        conn.execute(wanted.delete())
        conn.execute(wanted.insert().from_select(_WANTED, _wanted(table, codes, longest)))
        entry = entry_table(table.name)
        same = sa.and_(
            *(entry.c[name] == wanted.c[name] for name in _WANTED[:4]),
            *(entry.c[name].is_not_distinct_from(wanted.c[name]) for name in _WANTED[4:]),
        )
        mine = [_of_kind(entry.c, table)]
        mine += [] if codes is None else [entry.c.code.in_(codes)]
        conn.execute(entry.delete().where(*mine, ~sa.exists().where(same)))
        found += conn.execute(sa.select(wanted).where(~sa.exists().where(same))).all()
    wanted.drop(conn)
    return pd.DataFrame([tuple(row) for row in found], columns=list(_WANTED), dtype=object)


def write_entries(conn: Connection, frame: pd.DataFrame) -> None:
    """Write entries with their spellings.

    Parameters
    ----------
    conn
        An open connection.
    frame
        As from `read_lacking_entries`, with written, pinyin, initials, starts, syllables, grams.

    Notes
    -----
    The index of what is inside takes what is kept back for it sorted, eight times as fast as row by
    row; the last row has all of it put in, for each search would look through what is left.
    """
    for table in (t.search_entry, t.camera_entry):
        rows = frame[(frame["kind"] == "camera") == (table is t.camera_entry)]
        for part, kept_back in ((rows.iloc[:-1], "256MB"), (rows.iloc[-1:], "64kB")):
            if not part.empty:
                conn.execute(sa.select(sa.func.set_config(_PENDING, kept_back, True)))  # noqa: FBT003
                insert_rows(conn, table, part, [c.name for c in table.c])


def lacks_entries(conn: Connection) -> bool:
    """Tell whether there is something to be found, and no entry of it.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    bool
        As of a store that was migrated, or restored without them.
    """
    some, none = (sa.exists(sa.select(table.c.code)) for table in (t.division, t.search_entry))
    return bool(conn.execute(sa.select(some & ~none)).scalar_one())


_SHOWN = ("kind", "code", "field", "text", "unit_code", "lon", "lat")


def read_beginning(
    conn: Connection, kinds: Collection[str], forms: Mapping[str, str], *, most: int
) -> list[sa.Row[Any]]:
    """Read the entries that begin with something, in one statement.

    Parameters
    ----------
    conn
        An open connection.
    kinds
        Of `KINDS`.
    forms
        Column of a spelling -> what it begins with.
    most
        The most of each kind and form.

    Returns
    -------
    list of Row
        form, value (of that form), kind, code, field, text, unit_code, lon, lat; each kind's first
        in the order of value and code.
    """
    parts = []
    for table in (t.search_entry, t.camera_entry):
        mine = [kind for kind in kinds if entry_table(kind) is table]
        if not mine:
            continue
        every = sa.func.unnest(sa.literal(mine, ARRAY(sa.Text)))
        each = every.table_valued("kind", name="each").render_derived()
        for form, text in forms.items():
            value = table.c[form]
            rows = (
                sa.select(
                    sa.literal(form).label("form"),
                    value.label("value"),
                    *(table.c[name] for name in _SHOWN),
                )
                .where(table.c.kind == each.c.kind, value >= text, value < text + _LAST)
                .order_by(value, table.c.code)
                .limit(most)
                .correlate(each)
                .lateral()
            )
            parts.append(sa.select(rows).select_from(each.join(rows, sa.true())))
    return list(conn.execute(sa.union_all(*parts)))


def read_inside(
    conn: Connection, kinds: Collection[str], question: str, grams: str, *, most: int
) -> list[sa.Row[Any]]:
    """Read the entries that have something inside, the best of each kind, in one statement.

    Parameters
    ----------
    conn
        An open connection; for the rest of its transaction it may use bitmaps of indexes.
    kinds
        Of `KINDS`.
    question
        What a spelling has inside.
    grams
        The same as it is in ``grams``.
    most
        The most of each kind.

    Returns
    -------
    list of Row
        form, value, word (whether a word begins there), and as `read_beginning`; words first, then
        the order of form, length, value and code. What begins so is not among them.

    Notes
    -----
    Rule: looked for among `MOST_INSIDE` texts of buildings, of cameras, and of all others.
    """
    conn.execute(sa.text("SET LOCAL enable_bitmapscan = on"))
    few = [kind for kind in kinds if kind not in ("building", "camera")]
    groups = [few, *([kind] for kind in kinds if kind not in few)]
    parts = [_inside(group, question, grams, most) for group in groups if group]
    return list(conn.execute(sa.union_all(*parts)))


def _inside(kinds: list[str], question: str, grams: str, most: int) -> sa.Select[Any]:
    """Return the best entries of some kinds that have something inside."""
    e = entry_table(kinds[0]).c
    some = (
        sa.select(*(e[name] for name in (*_SHOWN, "written", "pinyin", "initials")))
        .add_columns(e.starts, e.syllables)
        .where(e.kind.in_(kinds), e.grams.like(f"%{grams}%"))
        .limit(MOST_INSIDE)
        .subquery("some")
    ).c
    at = {form: sa.func.strpos(some[form], question) for form in ("written", "pinyin", "initials")}
    if not question.isascii():
        at = {"written": at["written"]}
    begins = sa.literal("1")
    word = {
        "written": sa.func.substr(some.starts, at["written"], 1) == begins,
        **{
            form: sa.func.substr(some.syllables, place, 1) == begins
            for form, place in at.items()
            if form == "pinyin"
        },
        **{form: sa.true() for form in at if form == "initials"},
    }
    # The first form in which a word begins there, or else the first that has it.
    fits = [(sa.and_(at[form] > 1, word[form]), form) for form in at]
    fits += [(at[form] > 1, form) for form in at]
    form = sa.case(*((condition, sa.literal(name)) for condition, name in fits))
    rows = (
        sa.select(
            form.label("form"),
            sa.case(*((condition, some[name]) for condition, name in fits)).label("value"),
            sa.or_(*(condition for condition, _ in fits[: len(at)])).label("word"),
            *(some[name] for name in _SHOWN),
        )
        .where(*(place != 1 for place in at.values()), sa.or_(*(p > 1 for p in at.values())))
        .subquery("rows")
    ).c
    order = (~rows.word, _place_of(rows.form), sa.func.length(rows.value), rows.value, rows.code)
    number = sa.func.row_number().over(partition_by=rows.kind, order_by=order).label("number")
    ranked = sa.select(rows.form, rows.value, rows.word, *(rows[n] for n in _SHOWN), number)
    best = ranked.subquery("best")
    return sa.select(*(c for c in best.c if c.name != "number")).where(best.c.number <= most)


def _place_of(form: sa.ColumnElement[str]) -> sa.ColumnElement[int]:
    return sa.case((form == "written", 0), (form == "pinyin", 1), else_=2)


def read_titles(conn: Connection, found: Collection[tuple[str, str]]) -> dict[Any, dict[str, str]]:
    """Read what found objects are called now.

    Parameters
    ----------
    conn
        An open connection.
    found
        Kind and code of each.

    Returns
    -------
    dict
        (kind, code) -> ``name`` and ``address``, those that it has.
    """
    titles: dict[Any, dict[str, str]] = {}
    for table in (t.search_entry, t.camera_entry):
        mine = [one for one in found if entry_table(one[0]) is table]
        if not mine:
            continue
        e = table.c
        columns = [sa.literal(list(part), ARRAY(sa.Text)) for part in zip(*mine, strict=True)]
        each = sa.func.unnest(*columns).table_valued("kind", "code", name="each").render_derived()
        same = sa.and_(e.kind == each.c.kind, e.code == each.c.code)
        query = sa.select(e.kind, e.code, e.field, e.text).join_from(each, table, same)
        query = query.where(e.field.in_(("name", "address")))
        for kind, code, field, text in conn.execute(query):
            titles.setdefault((kind, code), {})[field] = text
    return titles


def read_parents(conn: Connection, codes: Collection[str]) -> dict[str, str]:
    """Read what divisions are called now.

    Parameters
    ----------
    conn
        An open connection.
    codes
        Of divisions.

    Returns
    -------
    dict
        Code -> name, of those that the connection sees.
    """
    d = t.division.c
    query = sa.select(d.code, d.name).where(d.code.in_(codes), _lasts(d.valid))
    return {code: name for code, name in conn.execute(query)}  # noqa: C416  rows are no pairs
