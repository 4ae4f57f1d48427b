"""Matters sorted into three kinds: who answers, how long it takes, where they gather.

Belongs here: the way of a matter by catalogue and place, and what must be asked; its times; sent
wrongly or not; figures of units; hot spots; one matter in two systems; faults of a catalogue.
Does not belong here: where catalogue and matters are kept (``store``), the grids (``topology``).

What cannot be told is asked about, never guessed: each matter has at most one question, the first
of `QUESTIONS` that applies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.crs import require_metric
from gridmap.errors import FrameError, InputError
from gridmap.model import CODE_LENGTH, DIVISION_LEVELS, Issue, Level, require_columns

if TYPE_CHECKING:
    import datetime as dt

    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]
    Indices = NDArray[np.intp]

CLASS_ROUTES: dict[str, tuple[str, ...]] = {
    "big": ("government_department", "leading_group"),
    "small": ("community_committees", "social_units"),
    "private": ("market", "self_help"),
}
"""Class of a matter -> where it may go: rule M01. Source: domain.md section 4."""

QUESTIONS = ("no_item", "outside_catalogue", "no_unit", "no_grid", "near_border")
"""Why a matter is asked about: it names no item, or one that the catalogue lacks; nobody answers
for its item; it lies in no grid, or too near another to tell which."""

LEADING_GROUP = "leading_group"
"""Who answers for Party building where the item names no organisation: the district has one."""

NEAR_BORDER_M = 10.0
"""How near another grid a place is in doubt. Own choice: a hand on a map misses by as much."""

APART_M, LEAST = 50.0, 3
"""Matters of one item as near as this are of one hot spot, from so many on. Own choice."""

WITHIN_M, WITHIN_DAYS = 30.0, 7
"""Two systems report one matter within these. Own choice: a building's width, a week."""

ROUTED_COLUMNS = (
    "matter_class",
    "route",
    "grid_code",
    "place_code",
    "branch_code",
    "unit",
    "question",
    "candidates",
)
COUNTS = ("reported", "resolved", "open", "returned", "overdue", "timed", "misrouted", "judged",
          "asked")  # fmt: skip
OF = {
    "resolved": "reported",
    "open": "reported",
    "returned": "reported",
    "asked": "reported",
    "overdue": "timed",
    "misrouted": "judged",
}
"""Each figure of `resolution` -> its denominator."""

_CHUNK = 250  # points whose neighbours are held at once


def routed(
    matters: gpd.GeoDataFrame,
    catalogue: pd.DataFrame,
    grids: gpd.GeoDataFrame,
    *,
    near_border_m: float = NEAR_BORDER_M,
) -> pd.DataFrame:
    """Return where each matter goes and who answers for it, or why that is asked about.

    Parameters
    ----------
    matters
        Index: code. Points, or no geometry; column ``item_code`` (null: none given). Metric CRS.
    catalogue
        Index: item code; columns ``matter_class``, ``route``, ``unit_code`` (null: nobody named).
    grids
        Index: grid code, of 15 digits. Polygons in the same CRS; column ``branch_code``: the
        Party branch of the grid, null where it has none.
    near_border_m
        A place nearer than this to another grid than its own is in doubt.

    Returns
    -------
    DataFrame
        Index of ``matters``. ``matter_class``, ``route`` of its item; ``grid_code`` where it is
        certain; ``place_code``, the lowest division that holds it for certain: the grid, or what
        all candidates share; ``branch_code`` of the grid; ``unit`` that answers; ``question``,
        one of `QUESTIONS`; ``candidates``, the codes of the grids near by where the grid is not
        certain, ascending. None where there is nothing to tell, an empty list of candidates.

    Raises
    ------
    CrsError
        A frame is not metric.
    FrameError
        A column is missing, an index has duplicates, or the two frames differ in CRS.
    InputError
        ``near_border_m`` is negative.

    Notes
    -----
    Rule: the organisation an item names answers for a big matter, the leading group for one of
    Party building that names none; the community for a small one; the parties themselves, which
    are no unit, for a private one. A unit is given wherever it is certain, even where the grid is
    not. On the very border of two grids a place is in doubt for any distance. Source: domain.md
    section 4; issue 5, item 7. Cost O(n log m).

    Examples
    --------
    >>> from shapely import Point, box
    >>> grids = gpd.GeoDataFrame({"branch_code": ["B", None]}, crs="EPSG:4545",
    ...     geometry=[box(0, 0, 90, 90), box(90, 0, 180, 90)],
    ...     index=["500108001001001", "500108001001002"])
    >>> catalogue = pd.DataFrame({"matter_class": ["small"], "route": ["community_committees"],
    ...     "unit_code": [None]}, index=["lamp"])
    >>> matters = gpd.GeoDataFrame({"item_code": "lamp"}, crs="EPSG:4545",
    ...     geometry=[Point(40, 40), Point(88, 40)], index=["m1", "m2"])
    >>> routed(matters, catalogue, grids)[["grid_code", "unit", "question"]].values.tolist()
    [['500108001001001', '500108001001', None], [None, '500108001001', 'near_border']]
    """
    require_columns(matters, ["item_code"], "matters")
    require_columns(catalogue, ["matter_class", "route", "unit_code"], "catalogue")
    require_columns(grids, ["branch_code"], "grids")
    if require_metric(matters) != require_metric(grids):
        raise FrameError("matters and grids are in different coordinate frames")
    if not near_border_m >= 0:
        raise InputError("near_border_m must not be negative")
    items = _looked_up(catalogue[["matter_class", "route", "unit_code"]], matters["item_code"])
    places = _places(matters.geometry, grids.sort_index(), near_border_m)
    table = items.join(places)
    big = table["matter_class"] == "big"
    party = big & (table["route"] == LEADING_GROUP) & table["unit_code"].isna()
    community = table["place_code"].str[: CODE_LENGTH[Level.COMMUNITY]]
    known = (table["matter_class"] == "small") & (
        table["place_code"].str.len() >= CODE_LENGTH[Level.COMMUNITY]
    )
    unit = community.where(known, table["unit_code"].where(big)).mask(party, LEADING_GROUP)
    table["unit"] = _nothing_is_none(unit)
    table["question"] = _question(matters["item_code"], table, big & unit.isna())
    return table[list(ROUTED_COLUMNS)]


def _looked_up(table: pd.DataFrame, keys: pd.Series) -> pd.DataFrame:
    """Return the rows of a table that keys name, none where they name none, by the keys' index."""
    place = table.index.get_indexer(pd.Index(keys.astype(object)))
    found = table.astype(object).take(np.where(place < 0, 0, place)) if len(table) else None
    columns = {
        name: np.full(len(keys), None, dtype=object)
        if found is None
        else np.where((place < 0) | found[name].isna().to_numpy(), None, found[name].to_numpy())
        for name in table
    }
    return pd.DataFrame(columns, index=keys.index, dtype=object)


def _nothing_is_none(values: pd.Series) -> pd.Series:
    return values.astype(object).where(values.notna(), None)


def _places(points: gpd.GeoSeries, grids: gpd.GeoDataFrame, near_border_m: float) -> pd.DataFrame:
    """Return the grid of each point where it is certain, else the grids near by."""
    where, shapes = np.asarray(points.array), np.asarray(grids.geometry.array)
    point, grid = shapely.STRtree(shapes).query(where, predicate="dwithin", distance=near_border_m)
    apart_m = shapely.distance(where[point], shapes[grid])
    near = (apart_m < near_border_m) | (apart_m == 0)
    order = np.lexsort((grid[near], point[near]))
    point, grid, inside = point[near][order], grid[near][order], (apart_m == 0)[near][order]
    count = np.bincount(point, minlength=len(where))
    held = np.bincount(point[inside], minlength=len(where)) > 0
    codes = grids.index.to_numpy(dtype=object)[grid]
    groups = np.split(codes, np.cumsum(count)[:-1]) if len(where) else []
    cells = [
        (some[0], some[0], [])
        if inside and len(some) == 1
        else (None, _shared(some) if inside else None, some.tolist())
        for some, inside in zip(groups, held, strict=True)
    ]
    names = ("grid_code", "place_code", "candidates")
    columns = {
        # Told its type, pandas keeps None as None.
        name: pd.Series([cell[n] for cell in cells], index=points.index, dtype=object)
        for n, name in enumerate(names)
    }
    branch = _looked_up(grids[["branch_code"]], columns["grid_code"])["branch_code"]
    return pd.DataFrame({**columns, "branch_code": branch, "held": held}, index=points.index)


def _shared(codes: NDArray[np.object_]) -> str | None:
    """Return the lowest division that all grids are of."""
    for level in reversed(DIVISION_LEVELS):
        above = {str(code)[: CODE_LENGTH[level]] for code in codes}
        if len(above) == 1:
            return above.pop()
    return None


def _question(items: pd.Series, table: pd.DataFrame, unanswered: pd.Series) -> pd.Series:
    """Return the first question of each matter."""
    applies = {
        "no_item": items.isna(),
        "outside_catalogue": table["matter_class"].isna(),
        "no_unit": unanswered,
        "no_grid": ~table["held"],
        "near_border": table["grid_code"].isna(),
    }
    question = np.full(len(table), None, dtype=object)
    for name in reversed(QUESTIONS):
        question[applies[name].to_numpy(dtype=bool)] = name
    return pd.Series(question, index=table.index, dtype=object)


def misroutes(matters: pd.DataFrame, routes: pd.DataFrame, orgs: pd.DataFrame) -> pd.DataFrame:
    """Return which matters were sent to another unit or put into another grid than they should be.

    Parameters
    ----------
    matters
        Index: code; columns ``routed_to`` (organisation), ``routed_grid``; null: not told.
    routes
        Of these matters, from `routed`.
    orgs
        Index: organisation code; columns ``kind``, ``host_code``.

    Returns
    -------
    DataFrame
        Index of ``matters``. ``unit_wrong``, ``grid_wrong`` (null where nobody can tell);
        ``judged``, whether one of them is told; ``misrouted``, whether one of them is true.

    Raises
    ------
    FrameError
        A column is missing, an index has duplicates, or a matter has no route.

    Notes
    -----
    Rule: a big matter is right with the unit that answers; a small one with the community, or
    with any organisation that it hosts, no department; a private one with anyone but a
    department. Near a border a grid is wrong that is none of the candidates; which of these is
    right nobody knows. Own choice, after domain.md section 4. Cost O(n log n).

    Examples
    --------
    >>> matters = pd.DataFrame({"routed_to": ["fire"], "routed_grid": None}, index=["m1"])
    >>> routes = pd.DataFrame({"matter_class": "big", "unit": "police", "grid_code": "g1",
    ...                        "candidates": [[]]}, index=["m1"])
    >>> orgs = pd.DataFrame({"kind": [], "host_code": []})
    >>> misroutes(matters, routes, orgs)["misrouted"].to_list()
    [True]
    """
    require_columns(matters, ["routed_to", "routed_grid"], "matters")
    require_columns(routes, ["matter_class", "unit", "grid_code", "candidates"], "routes")
    require_columns(orgs, ["kind", "host_code"], "orgs")
    if not matters.index.isin(routes.index).all():
        raise FrameError("some matters have no route; pass the result of routed")
    routes = routes.loc[matters.index]
    sent = _looked_up(orgs[["kind", "host_code"]], matters["routed_to"])
    unit_wrong = [
        None if pd.isna(to) else _unit_is_wrong(kind, unit, str(to), org, host)
        for kind, unit, to, org, host in zip(
            routes["matter_class"],
            routes["unit"],
            matters["routed_to"],
            sent["kind"],
            sent["host_code"],
            strict=True,
        )
    ]
    grid_wrong = [
        None if pd.isna(put) else _grid_is_wrong(grid, near, str(put))
        for grid, near, put in zip(
            routes["grid_code"], routes["candidates"], matters["routed_grid"], strict=True
        )
    ]
    wrong = {"unit_wrong": unit_wrong, "grid_wrong": grid_wrong}
    table = pd.DataFrame(
        {name: pd.array(cells, dtype="boolean") for name, cells in wrong.items()},
        index=matters.index,
    )
    found = table[list(wrong)]
    return table.assign(
        judged=found.notna().any(axis=1), misrouted=found.fillna(value=False).any(axis=1)
    ).astype({"judged": bool, "misrouted": bool})


def _unit_is_wrong(
    kind: str | None, unit: str | None, to: str, org: str | None, host: str | None
) -> bool | None:
    """Whether a matter is with the wrong unit; None where that cannot be told."""
    if kind == "private":
        return None if org is None else org == "department"
    if unit is None or to == unit:
        return None if unit is None else False
    if kind == "big":
        return None if unit == LEADING_GROUP else True
    if org == "department":
        return True
    return None if host is None else not host.startswith(unit)


def _grid_is_wrong(grid: str | None, near: list[str], put: str) -> bool | None:
    """Whether a matter was put into the wrong grid; None where that cannot be told."""
    if grid is not None:
        return put != grid
    return True if near and put not in near else None


def stages(matters: pd.DataFrame, catalogue: pd.DataFrame, *, as_of: dt.date) -> pd.DataFrame:
    """Return how long each matter waited, was worked on, and whether it is over its time.

    Parameters
    ----------
    matters
        Index: code; columns ``item_code``, ``state``, and days ``reported_on``, ``accepted_on``,
        ``resolved_on``, null where not told.
    catalogue
        Index: item code; column ``days_allowed``, null where there is no limit.
    as_of
        The day the answer is for: what happened later has not happened.

    Returns
    -------
    DataFrame
        Index of ``matters``. ``status``: ``open``, ``resolved``, ``returned``, None if it was
        not reported by that day. ``dates``: what is wrong with its days, ``accepted_too_early``,
        ``resolved_too_early`` or ``no_resolved_on``, else None. ``days_waiting`` from report to
        acceptance, ``days_in_work`` from there to the end, ``days`` from report to the end;
        ``days_allowed``; ``overdue``. The end of an open matter is ``as_of``. All of these but
        ``days_allowed`` are null where they cannot be told.

    Raises
    ------
    FrameError
        A column is missing or an index has duplicates.

    Notes
    -----
    Rule: days of the calendar; the time allowed begins with the report, so that accepting late
    gains none (own choice). A matter resolved without having been accepted has but ``days``. A
    day of resolution beats the state. A returned matter has no end, so no time. Cost O(n log m).

    Examples
    --------
    >>> import datetime as dt
    >>> matters = pd.DataFrame({"item_code": "lamp", "state": None, "accepted_on": None,
    ...     "reported_on": dt.date(2026, 3, 1), "resolved_on": [dt.date(2026, 3, 9), None]},
    ...     index=["m1", "m2"])
    >>> catalogue = pd.DataFrame({"days_allowed": [7]}, index=["lamp"])
    >>> found = stages(matters, catalogue, as_of=dt.date(2026, 3, 5))
    >>> found[["status", "days", "overdue"]].values.tolist()
    [['open', 4, False], ['open', 4, False]]
    """
    days = ["reported_on", "accepted_on", "resolved_on"]
    require_columns(matters, ["item_code", "state", *days], "matters")
    require_columns(catalogue, ["days_allowed"], "catalogue")
    reported, accepted, resolved = (_days(matters[name]) for name in days)
    today = np.datetime64(as_of, "D")
    wrong = _wrong_days(matters["state"], reported, accepted, resolved)
    status = _status(matters["state"], reported, resolved, today)
    known = ~np.isnat(reported) & np.isin(status, ["open", "resolved"]) & (wrong == None)  # noqa: E711
    end = np.where(status == "resolved", resolved, today)
    begun = np.where(accepted <= today, accepted, np.datetime64("NaT"))
    waiting_end = np.where(np.isnat(begun) & (status == "open"), today, begun)
    allowed = _looked_up(catalogue[["days_allowed"]], matters["item_code"])["days_allowed"]
    table = pd.DataFrame({"status": status, "dates": wrong}, index=matters.index, dtype=object)
    table["days_waiting"] = _span(reported, waiting_end, known)
    table["days_in_work"] = _span(begun, end, known)
    table["days"] = _span(reported, end, known)
    table["days_allowed"] = allowed.astype("Int64")
    table["overdue"] = (table["days"] > table["days_allowed"]).astype("boolean")
    return table


def _days(cells: pd.Series) -> NDArray[np.datetime64]:
    return np.array([None if pd.isna(cell) else cell for cell in cells], dtype="datetime64[D]")


def _span(begin: Any, end: Any, known: Flags) -> pd.arrays.IntegerArray:
    """Return whole days, null where an end is unknown."""
    told = known & ~np.isnat(begin) & ~np.isnat(end)
    count = np.where(told, end - begin, np.timedelta64(0, "D")).astype("timedelta64[D]")
    return pd.arrays.IntegerArray(count.astype(np.int64), ~told)


def _wrong_days(state: pd.Series, reported: Any, accepted: Any, resolved: Any) -> Any:
    """Return what is wrong with the days of each matter."""
    wrong = np.full(len(state), None, dtype=object)
    wrong[np.isnat(resolved) & (state == "resolved").to_numpy(dtype=bool)] = "no_resolved_on"
    wrong[(resolved < reported) | (resolved < accepted)] = "resolved_too_early"
    wrong[accepted < reported] = "accepted_too_early"
    return wrong


def _status(state: pd.Series, reported: Any, resolved: Any, today: Any) -> Any:
    """Return where each matter stands on a day."""
    status = np.full(len(state), "open", dtype=object)
    status[(state == "returned").to_numpy(dtype=bool)] = "returned"
    status[np.isnat(resolved) & (state == "resolved").to_numpy(dtype=bool)] = "resolved"
    status[resolved <= today] = "resolved"
    status[reported > today] = None
    return status


def resolution(told: pd.DataFrame, *, district: str) -> pd.DataFrame:
    """Return the figures of matters for every unit, from the grids to the district.

    Parameters
    ----------
    told
        Index: code of the matter; columns ``place_code``, ``question`` from `routed`, ``status``,
        ``overdue`` from `stages`, ``judged``, ``misrouted`` from `misroutes`.
    district
        The district's code; matters that lie in others are left out.

    Returns
    -------
    DataFrame
        Columns unit_code, level and `COUNTS`, all integers; one row a unit that has a matter,
        ordered by level and code. ``timed`` are those that can be overdue, ``judged`` those that
        can be misrouted; `OF` says which count is the denominator of which.

    Raises
    ------
    FrameError
        A column is missing or the index has duplicates.

    Notes
    -----
    Rule: a matter counts in every unit that holds it for certain; one that lies in no grid, in the
    district only. So a unit has what its children have and what lies in none of them for certain,
    and reported = resolved + open + returned. Cost O(n).

    Examples
    --------
    >>> told = pd.DataFrame({"place_code": ["500108001001001", None], "question": [None, "no_grid"],
    ...     "status": ["resolved", "open"], "overdue": [False, None], "judged": True,
    ...     "misrouted": False}, index=["m1", "m2"])
    >>> table = resolution(told, district="500108")
    >>> table[["unit_code", "reported", "resolved", "open", "timed"]].values.tolist()[:2]
    [['500108', 2, 1, 1, 1], ['500108001', 1, 1, 0, 1]]
    """
    columns = ["place_code", "question", "status", "overdue", "judged", "misrouted"]
    require_columns(told, columns, "told")
    told = told[told["status"].notna()]
    place = told["place_code"].astype(object).where(told["place_code"].notna(), district)
    place = place.astype(object).astype(str)
    overdue = told["overdue"].astype("boolean")
    counted = pd.DataFrame(
        {
            "reported": 1,
            **{name: told["status"] == name for name in ("resolved", "open", "returned")},
            "overdue": overdue.fillna(value=False),
            "timed": overdue.notna(),
            "misrouted": told["misrouted"].astype(bool),
            "judged": told["judged"].astype(bool),
            "asked": told["question"].notna(),
        },
        index=told.index,
    ).astype("int64")
    parts = []
    for level in DIVISION_LEVELS:
        length = CODE_LENGTH[level]
        inside = place.str.startswith(district) & (place.str.len() >= length)
        unit = place[inside].str[:length].rename("unit_code")
        sums = counted[inside].groupby(unit).sum().reset_index()
        parts.append(sums.assign(level=str(level)))
    return pd.concat(parts, ignore_index=True)[["unit_code", "level", *COUNTS]]


def hot_spots(
    matters: gpd.GeoDataFrame, *, apart_m: float = APART_M, least: int = LEAST
) -> gpd.GeoDataFrame:
    """Return where matters of one item gather, the largest gatherings first.

    Parameters
    ----------
    matters
        Index: code. Points; columns ``item_code``, ``reported_on``. Metric CRS. Matters without
        item or place are left out.
    apart_m
        Two matters of an item as near as this belong together.
    least
        Matters that make a hot spot.

    Returns
    -------
    GeoDataFrame
        Index ``rank``, from 1; ``item_code``, ``count``, ``first_on``, ``last_on`` (days, None
        where none is told), ``codes`` of its matters, ascending, ``geometry``: their hull, half
        ``apart_m`` wider all round. Equal counts stand by item and lowest code.

    Raises
    ------
    CrsError
        The frame is not metric.
    FrameError
        A column is missing or the index has duplicates.
    InputError
        ``apart_m`` is not positive or ``least`` is less than 1.

    Notes
    -----
    Rule: connected pieces of "at most ``apart_m`` apart": each matter of a spot is that near to
    another of it, and to none of a second spot of the item. Cost O(n log n + p), p pairs of places
    that near; matters on one place count as one.

    Examples
    --------
    >>> from shapely import Point
    >>> matters = gpd.GeoDataFrame({"item_code": "lamp", "reported_on": None}, crs="EPSG:4545",
    ...     geometry=[Point(x, 0) for x in (0, 40, 80, 200)], index=list("abcd"))
    >>> hot_spots(matters)[["item_code", "count", "codes"]].values.tolist()
    [['lamp', 3, ['a', 'b', 'c']]]
    """
    require_columns(matters, ["item_code", "reported_on"], "matters")
    crs = require_metric(matters)
    if not (apart_m > 0 and least >= 1):
        raise InputError("apart_m must be positive and least at least 1")
    rows = []
    for item, some in _by_item(matters):
        spot = _pieces(np.asarray(some.geometry.array), apart_m)
        many = np.bincount(spot)[spot] >= least
        rows += [_spot(str(item), one, apart_m) for _, one in some[many].groupby(spot[many])]
    columns = ["item_code", "count", "first_on", "last_on", "codes", "geometry"]
    table = pd.DataFrame(rows, columns=columns)
    table["lowest"] = [codes[0] for codes in table["codes"]]
    table = table.sort_values(["count", "item_code", "lowest"], ascending=[False, True, True])
    table.index = pd.RangeIndex(1, len(table) + 1, name="rank")
    table = table[columns].astype({"count": "int64", "first_on": object, "last_on": object})
    return gpd.GeoDataFrame(table, geometry="geometry", crs=crs)


def _by_item(matters: gpd.GeoDataFrame) -> Any:
    """Return the matters with item and place, by item, in the order of their codes."""
    shapes = np.asarray(matters.geometry.array)
    lacking = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    kept = matters[~lacking & matters["item_code"].notna().to_numpy(dtype=bool)]
    return kept.sort_index().groupby("item_code", sort=True)


def _spot(item: str, one: gpd.GeoDataFrame, apart_m: float) -> tuple[Any, ...]:
    days = [day for day in one["reported_on"] if not pd.isna(day)]
    hull = shapely.convex_hull(shapely.multipoints(np.asarray(one.geometry.array)))
    return (
        item,
        len(one),
        min(days, default=None),
        max(days, default=None),
        one.index.to_list(),
        shapely.buffer(hull, apart_m / 2),
    )


def _pieces(points: NDArray[np.object_], apart_m: float) -> Indices:
    """Return a number for each point, the same for those that belong together."""
    xy, place = np.unique(shapely.get_coordinates(points), axis=0, return_inverse=True)
    places = shapely.points(xy)
    first, second = shapely.STRtree(places).query(places, predicate="dwithin", distance=apart_m)
    label = np.arange(len(places))
    while True:
        # The lowest number spreads to each neighbour, then along itself.
        lower = label.copy()
        np.minimum.at(lower, first, label[second])
        lower = lower[lower]
        if np.array_equal(lower, label):
            return label[place.reshape(-1)]
        label = lower


def duplicates(
    matters: gpd.GeoDataFrame, *, within_m: float = WITHIN_M, within_days: int = WITHIN_DAYS
) -> pd.DataFrame:
    """Return pairs of matters that two systems may have of one and the same thing.

    Parameters
    ----------
    matters
        Index: code. Points; columns ``item_code``, ``source_system``, ``reported_on``. Metric CRS.
        Matters that lack one of them are left out.
    within_m, within_days
        How far apart the two may be in place and in time, the ends included.

    Returns
    -------
    DataFrame
        Columns ``first_code`` (reported first, the lower code on one day), ``second_code``,
        ``item_code``, ``distance_m``, ``days_apart``; in the order of the codes.

    Raises
    ------
    CrsError
        The frame is not metric.
    FrameError
        A column is missing or the index has duplicates.
    InputError
        A limit is negative.

    Notes
    -----
    Rule: the same item, different systems, near in place and time: a pair is a proposal, nothing
    is merged. Source: domain.md section 4, one-network link. Cost O(n log n + p), p pairs of an
    item that are near in place; memory only for those that are near in time too.

    Examples
    --------
    >>> import datetime as dt
    >>> from shapely import Point
    >>> matters = gpd.GeoDataFrame({"item_code": "lamp", "source_system": ["12345", "app"],
    ...     "reported_on": [dt.date(2026, 3, 2), dt.date(2026, 3, 1)]}, crs="EPSG:4545",
    ...     geometry=[Point(0, 0), Point(3, 4)], index=["m1", "m2"])
    >>> duplicates(matters).values.tolist()
    [['m2', 'm1', 'lamp', 5.0, 1]]
    """
    require_columns(matters, ["item_code", "source_system", "reported_on"], "matters")
    require_metric(matters)
    if not (within_m >= 0 and within_days >= 0):
        raise InputError("within_m and within_days must not be negative")
    kept = matters[matters[["source_system", "reported_on"]].notna().all(axis=1)]
    parts = [_pairs(some, within_m, within_days) for _, some in _by_item(kept)]
    columns = ["first_code", "second_code", "item_code", "distance_m", "days_apart"]
    table = pd.concat(parts) if parts else pd.DataFrame(columns=columns)
    types = {"distance_m": "float64", "days_apart": "int64"}
    return table.astype(types).sort_values(columns[:2], ignore_index=True)


def _pairs(some: gpd.GeoDataFrame, within_m: float, within_days: int) -> pd.DataFrame:
    """Return the pairs of one item, whose matters stand in the order of their codes."""
    points, day = np.asarray(some.geometry.array), _days(some["reported_on"])
    system, _ = pd.factorize(some["source_system"])
    tree = shapely.STRtree(points)
    found = []
    for start in range(0, len(points), _CHUNK):
        one, other = tree.query(
            points[start : start + _CHUNK], predicate="dwithin", distance=within_m
        )
        one = one + start
        near = (one < other) & (system[one] != system[other])
        near &= abs(day[one] - day[other]) <= np.timedelta64(within_days, "D")
        found.append(np.stack([one[near], other[near]]))
    one, other = np.concatenate(found, axis=1)
    later = day[one] > day[other]
    first, second = np.where(later, other, one), np.where(later, one, other)
    code = some.index.to_numpy(dtype=object)
    return pd.DataFrame(
        {
            "first_code": code[first],
            "second_code": code[second],
            "item_code": some["item_code"].to_numpy(dtype=object)[first],
            "distance_m": shapely.distance(points[first], points[second]),
            "days_apart": (day[second] - day[first]).astype("int64"),
        }
    )


def catalogue_issues(rows: pd.DataFrame) -> list[Issue]:
    """Return what is wrong with the items of a catalogue.

    Parameters
    ----------
    rows
        Index: row number in the file; columns ``code``, ``matter_class``, ``route``,
        ``unit_code``.

    Returns
    -------
    list of Issue
        M01.route (error): the route is none of its class. M02.unit (warning): nobody answers for
        a big item, so that each matter of it will be asked about.

    Raises
    ------
    FrameError
        A column is missing or the index has duplicates.

    Notes
    -----
    Rule: M01 by `CLASS_ROUTES`; an item of Party building needs no unit, the leading group is one.
    What is no class or route is told by F05. Source: domain.md section 4. Cost O(n).

    Examples
    --------
    >>> rows = pd.DataFrame({"code": "A", "matter_class": "big", "route": ["market",
    ...     "government_department"], "unit_code": None}, index=[1, 2])
    >>> [(one.shape, one.row) for one in catalogue_issues(rows)]
    [('M01.route', 1), ('M02.unit', 2)]
    """
    require_columns(rows, ["code", "matter_class", "route", "unit_code"], "rows")
    known = {route for routes in CLASS_ROUTES.values() for route in routes}
    issues = []
    for row, cell in rows.astype(object).to_dict("index").items():
        kind, route = cell["matter_class"], cell["route"]
        if kind not in CLASS_ROUTES or route not in known:
            continue
        told = {"value": cell["code"], "kind": kind, "route": route}
        if route not in CLASS_ROUTES[kind]:
            told["choices"] = ", ".join(CLASS_ROUTES[kind])
            issues.append(Issue("M01.route", int(row), "route", told))
        elif kind == "big" and route != LEADING_GROUP and pd.isna(cell["unit_code"]):
            issues.append(Issue("M02.unit", int(row), "unit_code", told))
    return issues
