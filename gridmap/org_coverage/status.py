"""Judging links by a lens: which targets are covered, by whom, and why not where none.

Belongs here: the verdict on each link and the status of each target. Does not belong here: where
links come from (``jobs``).
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gridmap.crs import require_metric
from gridmap.model import CODE_LENGTH, COVERED, Level, require_columns

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from gridmap.model import Lens

STATUSES = (*COVERED, "neighbour", "uncovered")
"""The status of a target."""

VERDICTS = (
    *COVERED,
    "needs_own",
    "members_of_target_unknown",
    "overdue",
    "never_done",
    "not_secretary",
    "branch_elsewhere",
    "group_below_size",
    "members_unknown",
    "vacant",
    "organisation_kind",
    "organisation_ended",
    "link_not_begun",
    "link_ended",
    "organisation_unknown",
)
"""What a link is worth, the best first: of several the one nearest to covering is told."""

NOTHING = ("no_link", "no_grid", "part_missing", "not_inside")
"""Why a target without any link is uncovered."""

REASONS = (*VERDICTS[len(COVERED) :], "too_many", *NOTHING)
"""Why a target is uncovered."""

LINK_COLUMNS = ("target_code", "part", "holder_code", "mode", "begins", "ends", "last_on")
HOLDER_COLUMNS = (
    "code",
    "kind",
    "parent_code",
    "full_members",
    "probationary_members",
    "filled",
    "is_secretary",
    "begins",
    "ends",
)
STATUS_COLUMNS = ("status", "reason", "holder_code", "parts", "links", "missing")

_NONE = len(VERDICTS)
_VOID = np.array([None], dtype=object)


def judged(
    targets: pd.DataFrame,
    links: pd.DataFrame,
    holders: pd.DataFrame,
    lens: Lens,
    *,
    as_of: dt.date,
    branch_grids: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return what each link is worth under a lens on a date: the evidence of every figure.

    Parameters
    ----------
    targets
        Index: target code; column ``unit_code``, and ``full_members`` where the lens has an
        ``own_from``.
    links
        Columns `LINK_COLUMNS`: what was given (``target_code`` may be a division above the target),
        the part of the lens it is, by whom, ``own``, ``joint`` or None, first day, first day after
        (None while it lasts), day it was last done.
    holders
        Organisations and posts of all times; columns `HOLDER_COLUMNS`. Not asked where links are
        columns, ground or projects.
    lens
        The lens.
    as_of
        The date.
    branch_grids
        Which branch serves which grid on that date: columns holder_code, target_code. Only asked
        by a lens with ``same_grid``.

    Returns
    -------
    DataFrame
        Index and columns of ``links``, those of the lens's parts only, with ``verdict`` (of
        `VERDICTS`).

    Raises
    ------
    FrameError
        A column is missing or an index has duplicates.

    Notes
    -----
    Rule: a link counts if it holds on the day, its holder exists on the day, is of the kind asked
    for, is filled where it is a post, has enough members where a group is asked for (P03), and was
    done within the window; a joint duty does not count for who needs an own one (P04). A mode that
    is not said is own, but that of a post with several targets is joint. A group whose branch
    serves grids, but not that of the building, is elsewhere; a branch that serves no grid at all
    says nothing. Source: domain.md 1.6 and 4. Cost O(n log n).
    """
    needed = ["unit_code", *(["full_members"] if lens.own_from else [])]
    require_columns(targets, needed, "targets")
    require_columns(links, list(LINK_COLUMNS), "links")
    require_columns(holders, list(HOLDER_COLUMNS), "holders")
    some = links[links["part"].isin(lens.parts)]
    asked = _timely(some, as_of)
    holds = ~np.logical_or.reduce([wrong for _, wrong in asked])
    if lens.source in ("duty", "host"):
        asked += _able(some, holders, lens, as_of)
        asked += _fitting(some, targets, holders, lens, branch_grids)
        asked += _recent(some, lens, as_of)
    verdict = np.full(len(some), "own", dtype=object)
    verdict[_shared(some, holders, holds)] = "joint"
    order = {name: place for place, name in enumerate(_ASKED)}
    for name, wrong in sorted(asked, key=lambda one: order[one[0]], reverse=True):
        verdict[wrong] = name
    if lens.own_from and "full_members" in targets:
        members = some["target_code"].map(targets["full_members"]).astype(float)
        joint = verdict == "joint"
        verdict[joint & members.isna().to_numpy()] = "members_of_target_unknown"
        verdict[joint & (members >= lens.own_from).to_numpy()] = "needs_own"
    return some.assign(verdict=verdict)


# Of several faults of one link the first is told.
_ASKED = (
    "organisation_unknown",
    "link_ended",
    "link_not_begun",
    "organisation_ended",
    "organisation_kind",
    "vacant",
    "members_unknown",
    "group_below_size",
    "not_secretary",
    "branch_elsewhere",
    "never_done",
    "overdue",
)

_Faults = list[tuple[str, "NDArray[np.bool_]"]]


def _timely(links: pd.DataFrame, as_of: dt.date) -> _Faults:
    ended = _before(links["ends"], as_of)
    begun = _before(links["begins"], as_of, none=True)
    return [("link_ended", ended), ("link_not_begun", ~begun & ~ended)]


def _before(days: pd.Series, as_of: dt.date, *, none: bool = False) -> NDArray[np.bool_]:
    """Return which days are the date or before it; no day is ``none``."""
    at = pd.to_datetime(days, errors="coerce")
    return np.asarray((at <= pd.Timestamp(as_of)) | (at.isna() & none), dtype=bool)


def _able(links: pd.DataFrame, holders: pd.DataFrame, lens: Lens, as_of: dt.date) -> _Faults:
    """Return which holders are none, are no more, are of another kind, or are too small."""
    alive = holders[
        _before(holders["begins"], as_of, none=True) & ~_before(holders["ends"], as_of)
    ].drop_duplicates("code")
    code = links["holder_code"]
    at = pd.Index(alive["code"]).get_indexer(code)
    there = at >= 0

    def of(column: str) -> NDArray[np.object_]:
        values = alive[column].to_numpy(dtype=object)
        return np.where(there, values[at] if len(values) else _VOID, _VOID)

    faults: _Faults = [
        ("organisation_unknown", ~code.isin(holders["code"]).to_numpy()),
        ("organisation_ended", ~there),
        ("vacant", np.array([_is(value, false=True) for value in of("filled")], dtype=bool)),
    ]
    if lens.holders:
        faults.append(("organisation_kind", ~np.isin(of("kind").astype(str), lens.holders)))
    if lens.held_by_secretary:
        held = np.array([_is(value) for value in of("is_secretary")], dtype=bool)
        faults.append(("not_secretary", ~held))
    if lens.min_members or lens.min_full:
        full = of("full_members").astype(float)
        members = full + np.nan_to_num(of("probationary_members").astype(float))
        small = (members < (lens.min_members or 0)) | (full < (lens.min_full or 0))
        faults += [("members_unknown", np.isnan(full)), ("group_below_size", small)]
    return faults


def _is(value: object, *, false: bool = False) -> bool:
    """Whether a cell says yes, or no if ``false``; an empty one says neither."""
    return not pd.isna(value) and bool(value) is not false


def _fitting(
    links: pd.DataFrame,
    targets: pd.DataFrame,
    holders: pd.DataFrame,
    lens: Lens,
    branch_grids: pd.DataFrame | None,
) -> _Faults:
    """Return which groups belong to a branch that serves other grids."""
    if not lens.same_grid or branch_grids is None:
        return []
    parent = holders.drop_duplicates("code", keep="last").set_index("code")["parent_code"]
    branch = links["holder_code"].map(parent).astype(object)
    unit = links["target_code"].map(targets["unit_code"]).astype(object)
    grid = unit.map(lambda code: code[: CODE_LENGTH[Level.GRID]], na_action="ignore")
    pairs = pd.MultiIndex.from_arrays([branch, grid])
    served = pd.MultiIndex.from_frame(branch_grids[["holder_code", "target_code"]])
    roams = branch.isin(branch_grids["holder_code"]) & grid.notna()
    return [("branch_elsewhere", roams.to_numpy() & ~pairs.isin(served))]


def _recent(links: pd.DataFrame, lens: Lens, as_of: dt.date) -> _Faults:
    """Return what was never done, or too long ago."""
    if lens.window_days is None:
        return []
    last = pd.to_datetime(links["last_on"], errors="coerce")
    oldest = pd.Timestamp(as_of) - pd.Timedelta(days=lens.window_days)
    return [
        ("never_done", np.asarray(last.isna() | (last > pd.Timestamp(as_of)))),
        ("overdue", np.asarray(last < oldest)),
    ]


def _shared(
    links: pd.DataFrame, holders: pd.DataFrame, holds: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which links are joint: as they say, or since a post has several targets that day."""
    posts = holders["code"][holders["filled"].notna()]
    key = ["part", "holder_code"]
    present = links["target_code"].where(holds)
    several = present.groupby([links[name] for name in key]).transform("nunique") > 1
    unsaid = links["mode"].isna() & several & links["holder_code"].isin(posts)
    return np.asarray(links["mode"].eq("joint") | unsaid, dtype=bool)


def status(targets: pd.DataFrame, links: pd.DataFrame, lens: Lens) -> pd.DataFrame:
    """Return for each target whether it is covered, by whom, or why not.

    Parameters
    ----------
    targets
        Index: target code; column ``unit_code``: the smallest division it is in, None for none.
    links
        From `judged`, of this lens.
    lens
        The lens.

    Returns
    -------
    DataFrame
        Index of ``targets``; ``status`` (own, joint or uncovered), ``reason`` (of `REASONS`, None
        where covered), ``holder_code`` (who covers it, or whose link came nearest; None),
        ``parts`` (how many of the lens's parts it has), ``links`` (how many holders count, once for
        each part and level), ``missing`` (the parts it lacks of several, separated by spaces; None
        where covered).

    Raises
    ------
    FrameError
        A column is missing or an index has duplicates.

    Notes
    -----
    Rule: a target is covered if it has ``need`` of the parts, and no more holders than ``most``.
    Own beats joint; equal links go to the lowest holder, and the nearest level first. With several
    parts the reason is that of the missing part that came nearest. Source: own choice. Cost
    O(parts · n).
    """
    require_columns(targets, ["unit_code"], "targets")
    require_columns(links, [*LINK_COLUMNS, "verdict"], "links")
    rank, holder, count = _best(targets, links, lens)
    has = rank < len(COVERED)
    parts, total = has.sum(axis=0), count.sum(axis=0)
    covered = parts >= lens.need
    many = covered & (total > lens.most) if lens.most is not None else np.zeros_like(covered)
    covered &= ~many
    open_rank = np.where(has, _NONE, rank).min(axis=0, initial=_NONE)
    words = np.array([*VERDICTS, None], dtype=object)
    reason = np.where(open_rank < _NONE, words[open_rank], _nothing(targets, lens))
    reason = np.where(many, "too_many", np.where(covered, _VOID, reason))
    worst = np.where(has, rank, -1).max(axis=0, initial=-1)
    told = np.where(covered[None, :] | many[None, :], rank, np.where(has, _NONE, rank))
    columns = {
        "status": np.where(covered, np.where(worst == 1, "joint", "own"), "uncovered"),
        "reason": reason,
        "holder_code": _picked(holder, told),
        "parts": parts.astype(int),
        "links": total.astype(int),
        "missing": _missing(has, covered, lens),
    }
    texts = {name: pd.Series(columns[name], targets.index, dtype=object) for name in _TEXTS}
    return pd.DataFrame({**columns, **texts}, index=targets.index)


_TEXTS = ("status", "reason", "holder_code", "missing")


def _best(
    targets: pd.DataFrame, links: pd.DataFrame, lens: Lens
) -> tuple[NDArray[np.intp], NDArray[np.object_], NDArray[np.intp]]:
    """Return by part and target: rank of the best link, its holder, how many holders count."""
    shape = (len(lens.parts), len(targets))
    rank = np.full(shape, _NONE)
    holder = np.full(shape, None, dtype=object)
    count = np.zeros(shape, dtype=int)
    places = {name: place for place, name in enumerate(VERDICTS)}
    ranked = links.assign(rank=links["verdict"].map(places).astype(int))
    ranked = ranked.sort_values(["rank", "holder_code", "begins"], kind="stable")
    codes = _codes(targets, lens)
    for place, part in enumerate(lens.parts):
        mine = ranked[ranked["part"] == part]
        first = mine.drop_duplicates("target_code")
        counting = mine[mine["rank"] < len(COVERED)]
        holders = counting.groupby("target_code")["holder_code"].nunique()
        ranks = np.append(first["rank"].to_numpy(), _NONE)
        names = np.append(first["holder_code"].to_numpy(dtype=object), _VOID)
        numbers = np.append(holders.to_numpy(), 0)
        of_first, of_number = pd.Index(first["target_code"]), pd.Index(holders.index)
        for unique, inverse in codes:
            at = of_first.get_indexer(unique)[inverse]
            better = ranks[at] < rank[place]
            rank[place] = np.where(better, ranks[at], rank[place])
            holder[place] = np.where(better, names[at], holder[place])
            count[place] += numbers[of_number.get_indexer(unique)[inverse]]
    return rank, holder, count


def _codes(targets: pd.DataFrame, lens: Lens) -> list[tuple[pd.Index, NDArray[np.intp]]]:
    """Return the codes a link may be given to for each target to have it, nearest level first."""
    found = [(pd.Index(targets.index), np.arange(len(targets)))]
    if not lens.through:
        return found
    inverse, units = pd.factorize(targets["unit_code"], use_na_sentinel=True)
    texts = pd.Series(np.append(np.asarray(units, dtype=object), _VOID), dtype=object)
    for level in sorted(lens.through, key=lambda one: -CODE_LENGTH[Level(one)]):
        length = CODE_LENGTH[Level(level)]
        cut = texts.str[:length].where(texts.str.len() >= length)
        # Never a code: what is in no unit has no duty through one.
        found.append((pd.Index(cut.fillna("").astype(object)), inverse))
    return found


def _nothing(targets: pd.DataFrame, lens: Lens) -> NDArray[np.object_]:
    """Return why targets without a link have none."""
    word = {"field": "part_missing", "inside": "not_inside"}.get(lens.source, "no_link")
    none = np.full(len(targets), word, dtype=object)
    if lens.target == "building" and lens.source == "duty":
        none[targets["unit_code"].isna().to_numpy()] = "no_grid"
    return none


def _picked(holder: NDArray[np.object_], rank: NDArray[np.intp]) -> NDArray[np.object_]:
    """Return for each target the holder of its best link, None where it has no link."""
    if not rank.size:
        return np.full(rank.shape[1], None, dtype=object)
    best = rank.argmin(axis=0)
    every = np.arange(rank.shape[1])
    return np.asarray(np.where(rank[best, every] < _NONE, holder[best, every], _VOID))


def _missing(has: NDArray[np.bool_], covered: NDArray[np.bool_], lens: Lens) -> NDArray[np.object_]:
    """Return the names of the parts that are missing where the lens asks for several."""
    if len(lens.parts) < 2 or not has.shape[1]:
        return np.full(has.shape[1], None, dtype=object)
    bits = (~has * (1 << np.arange(len(lens.parts)))[:, None]).sum(axis=0)
    words = {
        int(bit): " ".join(p for k, p in enumerate(lens.parts) if bit >> k & 1)
        for bit in np.unique(bits)
    }
    named = np.array([words[int(bit)] or None for bit in bits], dtype=object)
    return np.where(covered, _VOID, named)


def with_neighbours(statuses: pd.DataFrame, targets: gpd.GeoDataFrame, lens: Lens) -> pd.DataFrame:
    """Return statuses with ``neighbour`` where a neighbour's holder could take a target on.

    Parameters
    ----------
    statuses
        From `status`.
    targets
        Same index; column ``unit_code``; geometry in a metric CRS.
    lens
        The lens; nothing changes without its ``neighbour_m``.

    Returns
    -------
    DataFrame
        As ``statuses``: a target without a link, nearer than that to a covered one of the same
        grid, has the nearest one's holder (of equals the lowest) and keeps its reason.

    Raises
    ------
    FrameError
        A column is missing or an index has duplicates.
    CrsError
        The geometry is not metric.

    Notes
    -----
    Rule: many buildings cannot have a group of their own (33,642 members make 11,214 groups at
    most); what a neighbour's could take on is shown and not counted. Source: domain.md 1.6. Cost
    O(n log n).
    """
    require_columns(targets, ["unit_code", "geometry"], "targets")
    if lens.neighbour_m is None or targets.empty:
        return statuses
    require_metric(targets)
    covered = statuses["status"].isin(COVERED).to_numpy()
    open_ones = np.flatnonzero(statuses["reason"].eq("no_link").to_numpy())
    shapes, those = targets.geometry, np.flatnonzero(covered)
    pairs = shapes.iloc[those].sindex.query(
        shapes.iloc[open_ones], predicate="dwithin", distance=lens.neighbour_m
    )
    mine, other = open_ones[pairs[0]], those[pairs[1]]
    grid = targets["unit_code"].to_numpy(dtype=object)
    same = grid[mine] == grid[other]
    mine, other = mine[same], other[same]
    near = pd.DataFrame(
        {
            "mine": mine,
            "distance": shapes.iloc[mine].distance(shapes.iloc[other], align=False).to_numpy(),
            "holder": statuses["holder_code"].to_numpy(dtype=object)[other],
        }
    )
    near = near.sort_values(["mine", "distance", "holder"]).drop_duplicates("mine")
    found = statuses.copy()
    found.iloc[near["mine"], found.columns.get_loc("status")] = "neighbour"
    found.iloc[near["mine"], found.columns.get_loc("holder_code")] = near["holder"].to_numpy()
    return found


def host_links(holders: pd.DataFrame, lens: Lens) -> pd.DataFrame:
    """Return as links the organisations and posts that a division hosts.

    Parameters
    ----------
    holders
        Columns `HOLDER_COLUMNS` and ``host_code``.
    lens
        A lens of source ``host``.

    Returns
    -------
    DataFrame
        Columns `LINK_COLUMNS`.

    Raises
    ------
    FrameError
        A column is missing or the index has duplicates.
    """
    require_columns(holders, [*HOLDER_COLUMNS, "host_code"], "holders")
    some = holders[holders["kind"].isin(lens.parts) & holders["host_code"].notna()]
    renamed = {"host_code": "target_code", "kind": "part", "code": "holder_code"}
    links = some[[*renamed, "begins", "ends"]].rename(columns=renamed)
    return links.assign(mode=None, last_on=None)[list(LINK_COLUMNS)]


def project_links(projects: pd.DataFrame) -> pd.DataFrame:
    """Return projects as links: each counts in its year.

    Parameters
    ----------
    projects
        Columns code, community_code, year, state.

    Returns
    -------
    DataFrame
        Columns `LINK_COLUMNS`, one row a project that was not dropped.

    Raises
    ------
    FrameError
        A column is missing or the index has duplicates.
    """
    require_columns(projects, ["code", "community_code", "year", "state"], "projects")
    some = projects[projects["state"].ne("dropped")].drop_duplicates("code", keep="last")
    years = [int(year) for year in some["year"]]
    return pd.DataFrame(
        {
            "target_code": some["community_code"],
            "part": "project",
            "holder_code": some["code"],
            "mode": None,
            "begins": [dt.date(year, 1, 1) for year in years],
            "ends": [dt.date(year + 1, 1, 1) for year in years],
            "last_on": None,
        }
    )


def holding(links: pd.DataFrame, day: dt.date) -> pd.DataFrame:
    """Return the links that hold on a day.

    Parameters
    ----------
    links
        Columns ``begins`` and ``ends``.
    day
        The day.

    Returns
    -------
    DataFrame
        Some of the rows.

    Raises
    ------
    FrameError
        A column is missing or the index has duplicates.
    """
    require_columns(links, ["begins", "ends"], "links")
    return links[_before(links["begins"], day, none=True) & ~_before(links["ends"], day)]


def field_links(targets: pd.DataFrame, lens: Lens) -> pd.DataFrame:
    """Return as links what the targets' own columns say.

    Parameters
    ----------
    targets
        Index: target code; the columns that the lens names.
    lens
        A lens of source ``field``.

    Returns
    -------
    DataFrame
        Columns `LINK_COLUMNS`; a date is the first day, the holder is the target itself.

    Raises
    ------
    FrameError
        A column is missing or the index has duplicates.
    """
    names = [part.partition("=")[0] for part in lens.parts]
    require_columns(targets, names, "targets")
    tables = []
    for part, name in zip(lens.parts, names, strict=True):
        some = targets.index[matches(targets, part)]
        values = targets.loc[some, name]
        dated = values.map(lambda value: value if isinstance(value, dt.date) else None)
        tables.append(_self_links(some, part, dated))
    return pd.concat(tables, ignore_index=True)


def _self_links(codes: pd.Index, part: str, begins: pd.Series) -> pd.DataFrame:
    columns = {"target_code": codes, "part": part, "holder_code": codes, "mode": None}
    more = {"begins": begins.to_numpy(dtype=object), "ends": None, "last_on": None}
    return pd.DataFrame({**columns, **more})


def matches(targets: pd.DataFrame, condition: str) -> NDArray[np.bool_]:
    """Return which targets a condition of a lens holds for.

    Parameters
    ----------
    targets
        The column that it names.
    condition
        ``column=value``, or ``column`` for any value.

    Returns
    -------
    array of bool
        In the order of the targets.

    Raises
    ------
    FrameError
        The column is missing or the index has duplicates.

    Examples
    --------
    >>> matches(pd.DataFrame({"weak": [True, None, False]}), "weak=true").tolist()
    [True, False, False]
    """
    name, sign, value = condition.partition("=")
    require_columns(targets, [name], "targets")
    cells = targets[name]
    if not sign:
        return np.asarray(cells.notna(), dtype=bool)
    return np.asarray(cells.astype(object).map(str).str.casefold() == value.casefold(), dtype=bool)


def asked(targets: pd.DataFrame, lens: Lens) -> pd.DataFrame:
    """Return the targets that a lens is about.

    Parameters
    ----------
    targets
        All rows of its target's layer, with the columns that the lens names.
    lens
        The lens.

    Returns
    -------
    DataFrame
        Those for which one of its ``target_kinds`` holds; all of them where it names none.

    Raises
    ------
    FrameError
        A column is missing or the index has duplicates.
    """
    if not lens.target_kinds:
        return targets
    held = [matches(targets, condition) for condition in lens.target_kinds]
    return targets[np.logical_or.reduce(held)]
