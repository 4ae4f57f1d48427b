"""The blank spots in one minute: a few figures, what became of them, units ranked, where to look.

Belongs here: putting together what is computed elsewhere, for all that one scope sees. Does not
belong here: computing any of it, words and pictures of the page (``web``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from gridmap import crs, maps, store, trend
from gridmap.errors import LensNotFound, UnitNotFound
from gridmap.jobs.days import day_of_figures
from gridmap.jobs.rates import is_stale, stored_rates
from gridmap.jobs.spots import gravest_spots
from gridmap.model import CODE_LENGTH, COVERED, DIVISION_LEVELS, Level

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping, MutableMapping, Sequence

    from sqlalchemy import Connection, Engine

    from gridmap.model import Scope


@dataclass(frozen=True)
class Question:
    """A figure of the overview: what it is called and how it was found.

    ``people`` is the measure by whose missing part units are ranked; ``spots`` the lens whose blank
    spots are listed beside it.
    """

    measure: str
    label: str
    kind: str
    people: str
    spots: str = "party_group"

    @property
    def lens(self) -> str:
        """Code of the lens; ``camera`` for what cameras see."""
        return self.measure.partition(".")[0]

    @property
    def subject(self) -> str:
        """Which computation made it: ``org`` or ``camera``."""
        return "camera" if self.lens == "camera" else "org"


_COUNTED = "counted: duties in the register that hold on the day"
_POSSIBLE = "computed in plan: ground that a camera possibly sees"

QUESTIONS = (
    Question(
        "party_group.buildings", "Buildings with a Party group", _COUNTED, "party_group.households"
    ),
    Question(
        "party_group.households",
        "Households in buildings with a Party group",
        _COUNTED,
        "party_group.households",
    ),
    Question(
        "party_branch.grids",
        "Grids with a Party branch",
        _COUNTED,
        "party_branch.households",
        "party_branch",
    ),
    Question(
        "six_services.buildings",
        "Buildings with all six services",
        _COUNTED,
        "six_services.households",
        "six_services",
    ),
    Question(
        "camera.key_public_area",
        "Key public areas seen by cameras",
        "the official coverage rate; " + _POSSIBLE,
        "camera.key_public_area",
    ),
    Question(
        "camera.frontage",
        "Building frontage seen by cameras",
        "computed in plan: metres of wall that a camera possibly sees",
        "camera.frontage",
    ),
)
"""What the overview shows, in this order; the first is asked where nothing else is."""

TOP = 10
"""Blank spots and blind areas that are listed."""

RANKED = 20
"""The most units that are ranked."""

QUARTERS = 8
"""The most quarters that a trend goes back."""

LENSES_KEPT = tuple(dict.fromkeys(one.lens for one in QUESTIONS if one.subject == "org"))


def question_of(measure: str | None) -> Question:
    """Return the question that a measure answers.

    Parameters
    ----------
    measure
        One of the measures of `QUESTIONS`.

    Returns
    -------
    Question
        The first of them for anything else.
    """
    return next((one for one in QUESTIONS if one.measure == measure), QUESTIONS[0])


# --- frozen quarters


def quarters(engine: Engine) -> list[tuple[str, dt.date]]:
    """List the quarters that are frozen, the oldest first.

    Parameters
    ----------
    engine
        The store, as the application sees it: a quarter is of the whole district.

    Returns
    -------
    list of (label, as_of)
        The last `QUARTERS`.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine) as conn:
        return store.read_quarters(conn)[-QUARTERS:]


def quarter_sums(engine: Engine, label: str) -> pd.DataFrame:
    """Return what the targets of a frozen quarter add up to, in the smallest units.

    Parameters
    ----------
    engine
        The store, as the application sees it; who is shown them is told by `within`.
    label
        The quarter's. What is frozen never changes: it can be kept.

    Returns
    -------
    DataFrame
        RangeIndex; lens (of `QUESTIONS`), unit_code, targets, covered, households,
        households_covered. What lies in no unit is in no figure, and not here.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine) as conn:
        frozen = {lens: store.read_frozen(conn, label, lens) for lens in LENSES_KEPT}
    tables = [_summed(lens, trend.unpacked(data)) for lens, data in frozen.items() if data]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=_SUMS)


_SUMS = ["lens", "unit_code", "targets", "covered", "households", "households_covered"]


def _summed(lens: str, frozen: pd.DataFrame) -> pd.DataFrame:
    covered = frozen["status"].isin(COVERED).astype(int)
    homes = frozen["household_count"].astype(float).fillna(0.0)
    table = pd.DataFrame(
        {
            "unit_code": frozen["unit_code"],
            "targets": 1,
            "covered": covered,
            "households": homes,
            "households_covered": homes * covered,
        }
    )
    known = table[table["unit_code"].notna() & table["unit_code"].ne("")]
    return known.groupby("unit_code").sum().reset_index().assign(lens=lens)[_SUMS]


def within(sums: pd.DataFrame, scope: Scope) -> pd.DataFrame:
    """Return the rows of a quarter that a scope may see.

    Parameters
    ----------
    sums
        From `quarter_sums`.
    scope
        Whose.

    Returns
    -------
    DataFrame
        As ``sums``, of the units in the scope only.
    """
    return sums[[scope.has(code) for code in sums["unit_code"]]]


# --- the overview


def overview_of(
    engine: Engine,
    question: Question,
    *,
    as_of: dt.date,
    frozen: Sequence[tuple[str, dt.date, pd.DataFrame]] = (),
    spots: MutableMapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Put together the figures of all that a scope sees, and where most is missing.

    Parameters
    ----------
    engine
        The store.
    question
        What units are ranked by.
    as_of
        The date of the divisions where nothing is computed; the figures say theirs.
    frozen
        Quarters as (label, as_of, sums), the oldest first, of no more than the scope.
    spots
        Blank spots by lens that were found for the same scope in the same state of the store; what
        is found is added.

    Returns
    -------
    dict
        ``heading``; ``codes`` (of the highest units); ``synthetic``; ``stale``; ``days`` (by
        subject, None where it was never computed); ``figures`` (a row a question:
        question, covered, total, unit, share, as_of, change, since; None where nothing is known);
        ``ranked`` and ``level`` and ``units`` (how many there are); ``spots`` and ``blind`` (None
        where nothing was computed, else total and rows); ``trend`` (rows of label, as_of, covered,
        total, share); ``shapes`` (GeoSeries by code of the ranked level, simplified).

    Raises
    ------
    UnitNotFound
        The store has no division, or none of the scope's.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.

    Notes
    -----
    Rule: a share without denominator is None, never 0. Cost: that of the blank spots.
    """
    with store.transaction(engine, snapshot=True) as conn:
        runs = {run["subject"]: run for run in store.read_runs(conn)}
        day = runs["org"]["as_of"] if "org" in runs else as_of
        units = {level: store.read_units(conn, level, as_of=day) for level in DIVISION_LEVELS}
        tops = _tops(units)
        if not tops:
            raise UnitNotFound("the store has no district; import one, or run `gridmap demo`")
        rates = _by_unit(stored_rates(conn, lenses=LENSES_KEPT))
        days = {name: runs[name]["as_of"] if name in runs else None for name in ("org", "camera")}
        names = {c: name for level in units.values() for c, name in level["name"].items()}
        before = [one for one in frozen if one[1] < day]
        level = _ranked_level(units)
        ranked = _ranked(question, units[level], rates, before)
        return {
            "heading": [names[code] for code in tops],
            "codes": tops,
            "synthetic": store.has_synthetic(conn),
            "stale": is_stale(conn),
            "days": days,
            "figures": [_figure(one, tops, rates, before, days) for one in QUESTIONS],
            "level": str(level),
            "units": len(units[level]),
            "ranked": ranked,
            "spots": _spots(conn, question, tops, rates, names, {} if spots is None else spots),
            "blind": _blind(conn, names) if "camera" in runs else None,
            "trend": _trend(question, tops, rates, before, days),
            "shapes": _shapes(units[level]),
        }


def _tops(units: Mapping[Level, gpd.GeoDataFrame]) -> list[str]:
    """Return the units that are in no other: of who sees all the district, of others their own."""
    found: list[str] = []
    for level in DIVISION_LEVELS:
        found += [c for c in units[level].index if not any(c.startswith(top) for top in found)]
    return found


def _ranked_level(units: Mapping[Level, gpd.GeoDataFrame]) -> Level:
    """Return the highest level below the district that has something to compare."""
    there = [level for level in DIVISION_LEVELS[1:] if len(units[level])] or [Level.DISTRICT]
    return next((level for level in there if len(units[level]) > 1), there[-1])


def _by_unit(rates: pd.DataFrame) -> dict[tuple[str, str], tuple[float, float, str]]:
    """Return (unit, measure) -> covered, total, unit of measure."""
    columns = ("measure", "covered", "total", "unit_of_measure")
    rows = zip(rates.index, *(rates[name] for name in columns), strict=True)
    return {
        (str(code), str(measure)): (float(covered), float(total), str(unit))
        for code, measure, covered, total, unit in rows
    }


def _total(
    codes: Iterable[str], measure: str, rates: Mapping[tuple[str, str], tuple[float, float, str]]
) -> tuple[float, float, str] | None:
    """Return what some units have of a measure together; None where none of them has it."""
    found = [rates[code, measure] for code in codes if (code, measure) in rates]
    covered, total = sum(one[0] for one in found), sum(one[1] for one in found)
    return (covered, total, found[0][2]) if found and total > 0 else None


def _then(sums: pd.DataFrame, codes: Sequence[str], measure: str) -> tuple[float, float] | None:
    """Return what some units had of a measure in a frozen quarter."""
    lens, _, counted = measure.partition(".")
    mine = sums[(sums["lens"] == lens) & sums["unit_code"].str.startswith(tuple(codes))]
    names = ("households_covered", "households") if counted == "households" else _TARGETS
    covered, total = (float(mine[name].sum()) for name in names)
    return (covered, total) if total > 0 else None


_TARGETS = ("covered", "targets")


def _change(
    codes: Sequence[str],
    measure: str,
    share: float,
    before: Sequence[tuple[str, dt.date, pd.DataFrame]],
) -> tuple[float | None, tuple[str, dt.date] | None]:
    """Return what a share changed by since the last frozen quarter, and which that is."""
    if not before:
        return None, None
    label, day, sums = before[-1]
    then = _then(sums, codes, measure)
    return (None, None) if then is None else (share - then[0] / then[1], (label, day))


def _figure(
    question: Question,
    tops: Sequence[str],
    rates: Mapping[tuple[str, str], tuple[float, float, str]],
    before: Sequence[tuple[str, dt.date, pd.DataFrame]],
    days: Mapping[str, dt.date | None],
) -> dict[str, Any]:
    found = _total(tops, question.measure, rates)
    told: dict[str, Any] = {"question": question, "as_of": days[question.subject]}
    if found is None:
        return told | dict.fromkeys(("covered", "total", "unit", "share", "change", "since"))
    covered, total, unit = found
    share = covered / total
    change, since = _change(tops, question.measure, share, before)
    return told | {
        "covered": covered,
        "total": total,
        "unit": unit,
        "share": share,
        "change": change,
        "since": since,
    }


def _ranked(
    question: Question,
    units: gpd.GeoDataFrame,
    rates: Mapping[tuple[str, str], tuple[float, float, str]],
    before: Sequence[tuple[str, dt.date, pd.DataFrame]],
) -> list[dict[str, Any]]:
    """Return units, those where most is missing first, and last those of which nothing is known."""
    rows = []
    for code, name in units["name"].items():
        found, people = (_total([code], m, rates) for m in (question.measure, question.people))
        row: dict[str, Any] = {"code": code, "name": name, "share": None}
        if found is not None:
            share = found[0] / found[1]
            row |= {"covered": found[0], "total": found[1], "unit": found[2], "share": share}
            row["change"] = _change([code], question.measure, share, before)[0]
        row["people"] = max(people[1] - people[0], 0.0) if people is not None else None
        row["people_unit"] = people[2] if people is not None else None
        rows.append(row)
    rows.sort(key=lambda r: (r["share"] is None, -(r["people"] or 0), r["share"] or 0, r["code"]))
    return rows


def _spots(
    conn: Connection,
    question: Question,
    tops: Sequence[str],
    rates: Mapping[tuple[str, str], tuple[float, float, str]],
    names: Mapping[str, str],
    known: MutableMapping[str, Any],
) -> dict[str, Any] | None:
    """Return the gravest blank spots; None where nothing is known of the lens."""
    lens = question.spots
    if lens in known:
        found: dict[str, Any] | None = known[lens]
        return found
    first = next(one for one in QUESTIONS if one.lens == lens)
    if _total(tops, first.measure, rates) is None:
        return None
    try:
        gravest = gravest_spots(conn, lens, day_of_figures(conn, "org"), limit=TOP)
    except LensNotFound:  # a row of the register took it away since
        return None
    for row in gravest["rows"]:
        row["crumbs"] = _crumbs(row["unit_code"], names)
        row["code"] = row["unit_code"] if row["unit_code"] in names else None
    known[lens] = {**gravest, "measure": first.measure, "label": first.label}
    return {**known[lens]}


def _blind(conn: Connection, names: Mapping[str, str]) -> dict[str, Any]:
    total, rows = store.read_blind_areas(conn, "", by="household_count", limit=TOP)
    return {
        "total": total,
        "rows": [{**row, "crumbs": _crumbs(row["unit_code"], names)} for row in rows],
    }


def _crumbs(code: str | None, names: Mapping[str, str]) -> list[str]:
    """Return the names from the street down to a unit, of those that one sees."""
    lengths = [CODE_LENGTH[level] for level in DIVISION_LEVELS[1:]]
    above = [code[:length] for length in lengths if len(code) >= length] if code else []
    return [names[one] for one in above if one in names]


def _trend(
    question: Question,
    tops: Sequence[str],
    rates: Mapping[tuple[str, str], tuple[float, float, str]],
    before: Sequence[tuple[str, dt.date, pd.DataFrame]],
    days: Mapping[str, dt.date | None],
) -> list[dict[str, Any]]:
    """Return a measure at the end of each frozen quarter and now; empty where it is not frozen."""
    found = [(label, day, _then(sums, tops, question.measure)) for label, day, sums in before]
    now = _total(tops, question.measure, rates)
    day = days[question.subject]
    if now is not None and day is not None:
        found.append(("", day, now[:2]))
    return [
        {"label": label, "as_of": day, "covered": both[0], "total": both[1],
         "share": both[0] / both[1]}
        for label, day, both in found
        if both is not None
    ]  # fmt: skip


def _shapes(units: gpd.GeoDataFrame) -> gpd.GeoSeries:
    thin = maps.simplified(units.geometry.to_numpy())
    return gpd.GeoSeries(thin, index=units.index, crs=crs.STORAGE_CRS)
