"""The rows behind a figure: statuses of a lens, and the links that one target was judged by."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from gridmap import org_coverage, store
from gridmap.errors import NotFound
from gridmap.jobs.days import day_of_figures, figures
from gridmap.jobs.judging import answered, judged
from gridmap.jobs.lenses import lens_of_day, read_lenses, read_register
from gridmap.jobs.records import records
from gridmap.jobs.target_places import target_places
from gridmap.model import CODE_LENGTH, COVERED, LENSES, Level, part_name

if TYPE_CHECKING:
    import datetime as dt

    from sqlalchemy import Connection, Engine

    from gridmap.model import Lens

ORDER = ("uncovered", "neighbour", "joint", "own")


def lenses_of(engine: Engine, *, as_of: dt.date) -> list[dict[str, Any]]:
    """List the lenses of a day.

    Parameters
    ----------
    engine
        The store.
    as_of
        The day.

    Returns
    -------
    list of dict
        For JSON: the fields of `model.Lens`, ``stored`` (true: a row of the layer ``lens``), and
        ``part_names``, what the parts are called in Chinese.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine) as conn:
        found = read_lenses(conn, as_of)
    return [
        {
            **asdict(one),
            "stored": LENSES.get(code) != one,
            "part_names": {part: part_name(part) for part in one.parts},
        }
        for code, one in found.items()
    ]


def lens_targets(
    engine: Engine,
    lens: str,
    code: str,
    *,
    limit: int,
    every: bool = False,
    as_of: dt.date | None = None,
) -> dict[str, Any]:
    """List the targets of a lens in a unit that are not covered, and why.

    Parameters
    ----------
    engine
        The store.
    lens
        Code of a lens.
    code
        A division code.
    limit
        The most rows to return.
    every
        The covered ones too, after the others.
    as_of
        The day; None for the figures as they were computed last.

    Returns
    -------
    dict
        For JSON: ``unit``, ``lens``, ``as_of``, ``counts`` (by status), ``total``, ``rows``:
        target_code, unit_code, status, reason, holder_code, parts, links, missing, name (its
        address, or its name), household_count, longitude and latitude of a point inside.

    Raises
    ------
    UnitNotFound, LensNotFound
        There is no such unit or lens.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with figures(engine, as_of, subjects=("org",)) as conn:
        unit = store.read_unit_rates(conn, code)["unit"]
        day = day_of_figures(conn, "org")
        which = lens_of_day(conn, lens, day)
        found = store.read_lens_statuses(conn, lens, within=code)
        rows = _ordered(found, every=every)
        shown = rows.head(limit)
        places = target_places(conn, which.target, shown.index, day).reindex(shown.index)
    counts = {status: int((found["status"] == status).sum()) for status in ORDER}
    inside = places.geometry.representative_point()
    told = shown.assign(
        name=places["address"],
        household_count=places["household_count"],
        longitude=inside.x,
        latitude=inside.y,
    )
    return {
        "unit": vars(unit),
        "lens": lens,
        "as_of": day,
        "counts": counts,
        "total": len(rows),
        "rows": records(told.reset_index()),
    }


def _ordered(found: pd.DataFrame, *, every: bool) -> pd.DataFrame:
    """Return the rows that are not covered first, or only those."""
    place = found["status"].map({status: rank for rank, status in enumerate(ORDER)})
    rows = found.assign(place=place).sort_values("place", kind="stable").drop(columns="place")
    return rows if every else rows[~rows["status"].isin(COVERED)]


def evidence_of(
    engine: Engine, lens: str, target: str, *, as_of: dt.date | None = None
) -> dict[str, Any]:
    """Show the links by which one target was judged, and what each is worth.

    Parameters
    ----------
    engine
        The store.
    lens
        Code of a lens.
    target
        Code of the target.
    as_of
        The day; None for that of the figures as they were computed last.

    Returns
    -------
    dict
        For JSON: ``lens``, ``target``, ``as_of``, ``status``, ``reason``, ``missing``, ``rows``:
        part, holder_code, holder_name, given_to (the target or a division above it), mode, begins,
        ends, last_on, verdict; the best first.

    Raises
    ------
    LensNotFound
        There is no such lens.
    NotFound
        It has no such target on that day.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine, snapshot=True) as conn:
        day = as_of or day_of_figures(conn, "org")
        which = lens_of_day(conn, lens, day)
        register = read_register(conn, day, [which], units=_unit(conn, which, target, day))
        asked = org_coverage.asked(register.targets[which.target], which)
        if target not in asked.index:
            raise NotFound(f"{target[:40]!r} is no target of the lens {lens} on {day}")
        links = judged(register, which, asked)
        _, statuses = answered(register, which, known=True) or (asked, asked)
        found = statuses.loc[target]
        above = str(asked.at[target, "unit_code"] or "")
    reach = {target, *(above[: CODE_LENGTH[Level(level)]] for level in which.through)}
    mine = links[links["target_code"].isin(list(reach))]
    names = register.holders.drop_duplicates("code", keep="last").set_index("code")["name"]
    rank = mine["verdict"].map({v: place for place, v in enumerate(org_coverage.VERDICTS)})
    rows = mine.assign(rank=rank, holder_name=mine["holder_code"].map(names))
    rows = rows.sort_values(["part", "rank", "holder_code"], kind="stable")
    rows = rows.rename(columns={"target_code": "given_to"})[list(_SHOWN)]
    return {
        "lens": lens,
        "target": target,
        "as_of": day,
        **{name: found[name] for name in ("status", "reason", "missing")},
        "rows": records(rows),
    }


_SHOWN = (
    "part",
    "holder_code",
    "holder_name",
    "given_to",
    "mode",
    "begins",
    "ends",
    "last_on",
    "verdict",
)


def _unit(conn: Connection, lens: Lens, target: str, day: dt.date) -> set[str] | None:
    """Return the unit to read for one target; None for all."""
    if lens.source not in ("duty", "host"):
        return None
    if lens.target == "building":
        homes = store.read_homes(conn, as_of=day, codes=[target])["grid_code"]
        return {"" if pd.isna(code) else str(code) for code in homes}
    return None if lens.target in ("organisation", "courtyard") else {target}
