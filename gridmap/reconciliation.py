"""What does not add up between tables: members, orphans, duties to nobody, grids that conflict.

Belongs here: declared beside linked members; organisations and duties that hang in the air; the
grids of departments and courtyards beside the base grid. Does not belong here: the order of the
Party tree (``org_tree``), whether the base grid is a tiling (``topology``), reading either.

All of it are counts and codes: no person is known, so of "pocket members" only how many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.crs import require_metric
from gridmap.errors import FrameError
from gridmap.model import CODE_LENGTH, DIVISION_LEVELS, SERVICE_TARGETS, Level, require_columns
from gridmap.org_tree import needs_parent
from gridmap.topology import SPLIT_SHARE

if TYPE_CHECKING:
    import datetime as dt

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Indices = NDArray[np.intp]

UPPER_KINDS = ("committee", "general_branch")
"""What declares the members of a community."""

BRANCH_KINDS = ("branch", "joint_branch")
"""What holds members: those of its groups are its own (domain.md 1.6)."""

HOSTLESS_KINDS = ("party_group", "department")
"""A group is where its branch is; a department is of the whole district."""

REASONS = ("no_parent", "no_host", "no_duty", *(
    f"{what}_{state}"
    for what in ("parent", "host", "holder", "target")
    for state in ("unknown", "not_yet", "ended")
))  # fmt: skip
"""Why an organisation or a duty is an orphan; the states of a reference are those of `_STATES`."""

_STATES = ("unknown", "not_yet", "ended", None)  # the last that applies to a period is true

_DEPTH = 12  # how far up the tree is looked; kinds have six ranks, and a cycle has no top

THIN_SHARE = 1e-4
"""Less of a whole is no part: reprojection bends a straight border by a tenth of a millimetre."""

ORPHAN_COLUMNS = ("layer", "key", "code", "reason")
MEMBER_COLUMNS = ("declared", "linked", "branches", "unknown", "pocket", "reason")


def members(orgs: pd.DataFrame, communities: pd.Index) -> pd.DataFrame:
    """Return the members communities declare beside those that branches there have.

    Parameters
    ----------
    orgs
        Index: code. All organisations of a day; columns ``kind``, ``parent_code``, ``host_code``,
        ``full_members``, ``probationary_members``.
    communities
        Codes of the communities, unique.

    Returns
    -------
    DataFrame
        Index: ``communities``. ``declared`` by its committees and general branches, ``linked``
        in the ``branches`` hosted in it or below, of which ``unknown`` lack a count; ``pocket``,
        declared less linked (below 0 where more are linked), null with a ``reason``:
        ``no_declaration``, ``declared_unknown``, ``linked_unknown``; else None.

    Raises
    ------
    FrameError
        A column is missing or an index has duplicates.

    Notes
    -----
    Rule: members are the full and the probationary ones, unknown where one of the two is. A
    committee hosted by the community itself declares for all below it; a zero declares nothing,
    for then its branches hold all. Members of a group are members of its branch and counted
    there. Only counts are known: pocket members have no names. Source: domain.md section 4;
    issue 5, item 8. Cost O(n log n).

    Examples
    --------
    >>> orgs = pd.DataFrame({"kind": ["committee", "branch"], "parent_code": [None, "C"],
    ...     "host_code": ["500108001001", "500108001001002"], "full_members": [40, 30],
    ...     "probationary_members": [2, 1]}, index=["C", "B"])
    >>> members(orgs, pd.Index(["500108001001"]))[["declared", "linked", "pocket"]].values.tolist()
    [[42, 31, 11]]
    """
    columns = ["kind", "parent_code", "host_code", "full_members", "probationary_members"]
    require_columns(orgs, columns, "orgs")
    if not communities.is_unique:
        raise FrameError("communities have duplicate codes")
    count = orgs["full_members"].astype("Int64") + orgs["probationary_members"].astype("Int64")
    host = orgs["host_code"].astype(object).where(orgs["host_code"].notna(), "").astype(str)
    length = CODE_LENGTH[Level.COMMUNITY]
    upper = orgs["kind"].isin(UPPER_KINDS) & (host.str.len() == length)
    upper &= (count != 0).fillna(value=True).astype(bool)
    top = upper & ~_is_below(orgs["parent_code"], host.where(upper))
    branch = orgs["kind"].isin(BRANCH_KINDS) & (host.str.len() >= length)
    said, held = (
        pd.DataFrame({"members": count, "rows": 1, "unknown": count.isna().astype("int64")})[some]
        .groupby(host[some].str[:length])
        .sum()
        .reindex(communities, fill_value=0)
        for some in (top, branch)
    )
    reason = np.select(
        [said["rows"] == 0, said["unknown"] > 0, held["unknown"] > 0],
        ["no_declaration", "declared_unknown", "linked_unknown"],
        "",
    )
    declared = said["members"].astype("Int64").mask(reason == "no_declaration")
    declared = declared.mask(reason == "declared_unknown")
    table = pd.DataFrame({"declared": declared, "linked": held["members"].astype("Int64")})
    table["branches"], table["unknown"] = held["rows"], held["unknown"]
    table["pocket"] = (table["declared"] - table["linked"]).mask(reason != "")
    told = [text or None for text in reason.tolist()]
    table["reason"] = pd.Series(told, index=communities, dtype=object)
    return table[list(MEMBER_COLUMNS)]


def _is_below(parents: pd.Series, place: pd.Series) -> pd.Series:
    """Whether an organisation stands, at any remove, under another one of the same place."""
    below = np.zeros(len(parents), dtype=bool)
    above = parents
    for _ in range(_DEPTH):
        found = place.reindex(above.to_numpy()).to_numpy()
        below |= (found == place.to_numpy()) & place.notna().to_numpy()
        above = parents.reindex(above.to_numpy())
    return pd.Series(below, index=parents.index)


def orphans(
    orgs: pd.DataFrame, duties: pd.DataFrame, periods: pd.DataFrame, *, as_of: dt.date
) -> pd.DataFrame:
    """Return organisations and duties that hang in the air on a day, with the reason.

    Parameters
    ----------
    orgs
        Index: code. Organisations of the day; columns ``kind``, ``parent_code``, ``host_code``.
    duties
        Index: any. Duties of the day; columns ``holder_code``, ``service``, ``target_code``.
    periods
        Index: any. When whatever can be referred to held: columns ``layer``, ``code``,
        ``begins``, ``ends`` (the first day it does not; null: it holds still); a row a
        period.
    as_of
        The day.

    Returns
    -------
    DataFrame
        Columns ``layer`` (``organisation`` or ``duty``), ``key`` (the columns of a duty's key
        joined by ``/``), ``code`` that leads nowhere (None where none is given), ``reason``, one
        of `REASONS`; a row a reason, in this order of columns.

    Raises
    ------
    FrameError
        A column is missing or the index of ``orgs`` has duplicates.

    Notes
    -----
    Rule: a parent is needed as P00 says; a host by all but `HOSTLESS_KINDS`; a branch must have
    some duty. What is referred to must hold on the day; it has ``ended``, is ``not_yet`` there or
    ``unknown``. A target is looked for among what its service may be given to. Source: issue 5,
    item 8. Cost O(n log n).

    Examples
    --------
    >>> import datetime as dt
    >>> orgs = pd.DataFrame({"kind": ["enterprise"], "parent_code": None,
    ...                      "host_code": "500108001001"}, index=["E"])
    >>> duties = pd.DataFrame({"holder_code": [], "service": [], "target_code": []})
    >>> periods = pd.DataFrame({"layer": "community", "code": ["500108001001"],
    ...     "begins": dt.date(2020, 1, 1), "ends": dt.date(2026, 1, 1)})
    >>> orphans(orgs, duties, periods, as_of=dt.date(2026, 1, 1)).values.tolist()
    [['organisation', 'E', '500108001001', 'host_ended']]
    """
    duties, periods = duties.reset_index(drop=True), periods.reset_index(drop=True)
    require_columns(orgs, ["kind", "parent_code", "host_code"], "orgs")
    require_columns(duties, ["holder_code", "service", "target_code"], "duties")
    require_columns(periods, ["layer", "code", "begins", "ends"], "periods")
    state = _states(periods, as_of)
    key = orgs.index.to_series().astype(object)
    rootless = [
        bool(pd.isna(parent)) and needs_parent(kind, host)
        for kind, parent, host in zip(
            orgs["kind"], orgs["parent_code"], orgs["host_code"], strict=True
        )
    ]
    homeless = orgs["host_code"].isna() & ~orgs["kind"].isin(HOSTLESS_KINDS)
    idle = orgs["kind"].isin(BRANCH_KINDS) & ~orgs.index.isin(duties["holder_code"])
    parts = [
        _told("organisation", key[np.array(mask, dtype=bool)], reason)
        for mask, reason in ((rootless, "no_parent"), (homeless, "no_host"), (idle, "no_duty"))
    ]
    parts += [
        _led_nowhere("organisation", key, orgs["parent_code"], "parent", state, ("organisation",)),
        _led_nowhere("organisation", key, orgs["host_code"], "host", state, DIVISION_LEVELS),
    ]
    names = ["holder_code", "service", "target_code"]
    key = duties[names].astype(object).apply(lambda row: "/".join(map(str, row)), axis=1)
    key = key if len(duties) else pd.Series([], dtype=object)
    holders = ("organisation", "post")
    parts.append(_led_nowhere("duty", key, duties["holder_code"], "holder", state, holders))
    for service, some in duties.groupby("service"):
        layers = SERVICE_TARGETS.get(str(service), ())
        told = _led_nowhere("duty", key[some.index], some["target_code"], "target", state, layers)
        parts.append(told)
    table = pd.concat(parts, ignore_index=True)
    order = ["layer", "key", "reason", "code"]
    return table.sort_values(order, ignore_index=True)[list(ORPHAN_COLUMNS)]


def _states(periods: pd.DataFrame, as_of: dt.date) -> pd.DataFrame:
    """Return the place in `_STATES` of each layer and code on a day."""
    begun = (periods["begins"] <= as_of).to_numpy(dtype=bool)
    over = np.array([not pd.isna(day) and day <= as_of for day in periods["ends"]], dtype=bool)
    state = np.select([~begun, over], [1, 2], 3)
    table = periods[["layer", "code"]].assign(state=state)
    return table.groupby(["layer", "code"], as_index=False)["state"].max()


def _led_nowhere(
    layer: str,
    keys: pd.Series,
    codes: pd.Series,
    what: str,
    states: pd.DataFrame,
    among: tuple[str, ...],
) -> pd.DataFrame:
    """Return the rows that refer to something which is not there on the day."""
    known = states[states["layer"].astype(str).isin([str(one) for one in among])]
    best = known.groupby("code")["state"].max()
    given = codes[codes.notna()]
    state = given.map(best).fillna(0).astype(int)
    parts = [
        _told(layer, keys[given.index[state == n]], f"{what}_{name}", given[state == n])
        for n, name in enumerate(_STATES[:-1])
    ]
    return pd.concat(parts)


def _told(layer: str, keys: pd.Series, reason: str, codes: pd.Series | None = None) -> pd.DataFrame:
    cells = [None] * len(keys) if codes is None else codes.to_list()
    return pd.DataFrame(
        {
            "layer": pd.Series([layer] * len(keys), dtype=object),
            "key": pd.Series(keys.to_list(), dtype=object),
            "code": pd.Series(cells, dtype=object),
            "reason": pd.Series([reason] * len(keys), dtype=object),
        }
    )


def grid_overlaps(grids: gpd.GeoDataFrame, department_grids: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the ground that base grids and the grids of departments have in common.

    Parameters
    ----------
    grids
        Index: code. Valid polygons. Metric CRS.
    department_grids
        Index: code. Valid polygons in the same CRS; column ``department``.

    Returns
    -------
    DataFrame
        Columns ``department``, ``grid_code``, ``department_grid_code``, ``area_m2`` in common,
        ``grid_share`` and ``department_share`` of either in 0..1; one row a pair that shares
        ground, in the order of the first three.

    Raises
    ------
    CrsError
        A frame is not metric.
    FrameError
        A column is missing, an index has duplicates, or the two frames differ in CRS.

    Notes
    -----
    Rule: the matrix of merging grids (多网合一): departments' grids overlap the base grid as they
    please, and no unit is the same in two of them. Less than `THIN_SHARE` of both is none. Source:
    domain.md 1.2 and section 4. Cost O((n + m) log n), an overlay for each pair.

    Examples
    --------
    >>> from shapely import box
    >>> grids = gpd.GeoDataFrame(index=["g"], geometry=[box(0, 0, 10, 10)], crs="EPSG:4545")
    >>> police = gpd.GeoDataFrame({"department": "police_grid"}, index=["p"],
    ...                           geometry=[box(0, 0, 40, 5)], crs="EPSG:4545")
    >>> grid_overlaps(grids, police)[["area_m2", "grid_share", "department_share"]].values.tolist()
    [[50.0, 0.5, 0.25]]
    """
    require_columns(department_grids, ["department"], "department_grids")
    _require_one_frame(grids, department_grids)
    base, theirs = np.asarray(grids.geometry.array), np.asarray(department_grids.geometry.array)
    one, other, area = _common(base, theirs)
    table = pd.DataFrame(
        {
            "department": department_grids["department"].to_numpy(dtype=object)[other],
            "grid_code": grids.index.to_numpy(dtype=object)[one],
            "department_grid_code": department_grids.index.to_numpy(dtype=object)[other],
            "area_m2": area,
            "grid_share": area / shapely.area(base)[one],
            "department_share": area / shapely.area(theirs)[other],
        }
    )
    table = table[table[["grid_share", "department_share"]].max(axis=1) >= THIN_SHARE]
    return table.sort_values(["department", "grid_code", "department_grid_code"], ignore_index=True)


def grid_splits(overlaps: pd.DataFrame, grids: pd.Index) -> pd.DataFrame:
    """Return into how many grids of each department a base grid is split.

    Parameters
    ----------
    overlaps
        From `grid_overlaps`.
    grids
        Codes of the base grids, unique.

    Returns
    -------
    DataFrame
        Columns ``department``, ``grid_code``, ``pieces`` (grids of the department that hold a
        part of it), ``covered_share`` (of its area in them, more than 1 where they overlap each
        other), ``same_code`` (the grid of the department that is the same ground, else None); a
        row for each department and base grid, in this order.

    Raises
    ------
    FrameError
        A column is missing or an index has duplicates.

    Notes
    -----
    Rule: a part is more than what `SPLIT_SHARE` leaves, a twentieth, as for buildings (G08); the
    same ground is that share of both. Cost O(n log n).

    Examples
    --------
    >>> overlaps = pd.DataFrame({"department": "police_grid", "grid_code": "g",
    ...     "department_grid_code": ["p", "q"], "grid_share": [0.97, 0.03],
    ...     "department_share": [0.99, 0.5]})
    >>> grid_splits(overlaps, pd.Index(["g"])).values.tolist()
    [['police_grid', 'g', 1, 1.0, 'p']]
    """
    columns = ["department", "grid_code", "department_grid_code", "grid_share", "department_share"]
    require_columns(overlaps, columns, "overlaps")
    if not grids.is_unique:
        raise FrameError("grids have duplicate codes")
    departments = sorted(overlaps["department"].unique())
    keys = ["department", "grid_code"]
    index = pd.MultiIndex.from_product([departments, sorted(grids)], names=keys)
    part = overlaps.assign(pieces=overlaps["grid_share"] > 1 - SPLIT_SHARE)
    sums = part.groupby(keys)[["pieces", "grid_share"]].sum().reindex(index, fill_value=0)
    same = overlaps[overlaps[["grid_share", "department_share"]].min(axis=1) >= SPLIT_SHARE]
    code = same.sort_values("department_grid_code").drop_duplicates(keys).set_index(keys)
    found = code["department_grid_code"].reindex(index)
    table = sums.astype({"pieces": "int64", "grid_share": float})
    table = table.rename(columns={"grid_share": "covered_share"})
    table["same_code"] = pd.Series(
        [None if pd.isna(one) else one for one in found], index=index, dtype=object
    )
    return table.reset_index()


def building_conflicts(
    buildings: gpd.GeoDataFrame, department_grids: gpd.GeoDataFrame
) -> pd.DataFrame:
    """Return buildings for which it is not plain which grid of a department they are in.

    Parameters
    ----------
    buildings
        Index: code. Polygons. Metric CRS.
    department_grids
        Index: code. Valid polygons in the same CRS; column ``department``.

    Returns
    -------
    DataFrame
        Columns ``building_code``, ``department``, ``department_grid_code`` that holds most of it
        (None where none does), ``share`` of the building in it, ``grids`` of the department that
        hold a part, ``reason``: ``none``; ``split`` between several; ``partly`` in one, the rest
        in none; ``several`` that overlap and each hold it. In the order of department and code.

    Raises
    ------
    CrsError
        A frame is not metric.
    FrameError
        A column is missing, an index has duplicates, or the two frames differ in CRS.

    Notes
    -----
    Rule: G08 for each department: a building is in the grid with most of it, the lowest code of
    equals, and plainly so from `SPLIT_SHARE` on. Source: domain.md 1.2, 1.7. Cost O(n log m), and
    an overlay for each building on a border.

    Examples
    --------
    >>> from shapely import box
    >>> homes = gpd.GeoDataFrame(index=["a", "b"], crs="EPSG:4545",
    ...                          geometry=[box(0, 0, 10, 10), box(18, 0, 28, 10)])
    >>> police = gpd.GeoDataFrame({"department": "police_grid"}, index=["p", "q"],
    ...     geometry=[box(-9, -9, 20, 99), box(20, -9, 99, 99)], crs="EPSG:4545")
    >>> building_conflicts(homes, police)[["building_code", "share", "reason"]].values.tolist()
    [['b', 0.8, 'split']]
    """
    require_columns(department_grids, ["department"], "department_grids")
    _require_one_frame(buildings, department_grids)
    parts = [
        _conflicts(buildings, some).assign(department=department)
        for department, some in department_grids.sort_index().groupby("department")
    ]
    columns = ["building_code", "department", "department_grid_code", "share", "grids", "reason"]
    if not parts:
        return pd.DataFrame(columns=columns).astype({"share": float, "grids": "int64"})
    table = pd.concat(parts, ignore_index=True)[columns]
    return table.sort_values(["department", "building_code"], ignore_index=True)


def _conflicts(buildings: gpd.GeoDataFrame, grids: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the conflicts with the grids of one department, which stand in order."""
    item, unit, share = _shares(buildings, grids)
    count = len(buildings)
    largest, place = np.zeros(count), np.full(count, -1)
    order = np.lexsort((unit, -np.round(share, 4), item))
    first = order[np.unique(item[order], return_index=True)[1]]
    largest[item[first]], place[item[first]] = share[first], unit[first]
    held = np.bincount(item[share > 1 - SPLIT_SHARE], minlength=count)
    touched = np.bincount(item, minlength=count)
    reason = np.select(
        [touched == 0, (largest < SPLIT_SHARE) & (touched > 1), largest < SPLIT_SHARE, held > 1],
        ["none", "split", "partly", "several"],
        "",
    )
    codes = np.array([*grids.index, None], dtype=object)
    table = pd.DataFrame(
        {
            "building_code": buildings.index.to_numpy(dtype=object),
            "department_grid_code": pd.Series(codes[place], dtype=object),
            "share": largest,
            "grids": touched.astype("int64"),
            "reason": pd.Series(reason.tolist(), dtype=object),
        }
    )
    return table[reason != ""]


def courtyard_crossings(courtyards: gpd.GeoDataFrame, grids: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the courtyards that no grid holds as a whole, with their parts.

    Parameters
    ----------
    courtyards
        Index: code. Valid polygons. Metric CRS.
    grids
        Index: code. Valid polygons that do not overlap, in the same CRS.

    Returns
    -------
    DataFrame
        Columns ``courtyard_code``, ``grid_code`` (None for what lies in no grid), ``area_m2``,
        ``share`` of the courtyard, which add up to 1; of each courtyard the largest part first.

    Raises
    ------
    CrsError
        A frame is not metric.
    FrameError
        An index has duplicates, or the two frames differ in CRS.

    Notes
    -----
    Rule: a courtyard crosses grids if less than `SPLIT_SHARE` of it is in one (as G08); parts of
    less than `THIN_SHARE` are not told. Source: domain.md section 4. Cost O(n log m), and an
    overlay for each courtyard on a border.

    Examples
    --------
    >>> from shapely import box
    >>> yard = gpd.GeoDataFrame(index=["y"], geometry=[box(0, 0, 10, 10)], crs="EPSG:4545")
    >>> grids = gpd.GeoDataFrame(index=["g"], geometry=[box(0, 0, 6, 90)], crs="EPSG:4545")
    >>> courtyard_crossings(yard, grids).values.tolist()
    [['y', 'g', 60.0, 0.6], ['y', None, 40.0, 0.4]]
    """
    _require_one_frame(courtyards, grids)
    item, unit, share = _shares(courtyards, grids)
    codes = np.array([*grids.index, None], dtype=object)
    rest = 1 - np.bincount(item, share, minlength=len(courtyards))
    outside = np.flatnonzero(rest >= THIN_SHARE)
    item = np.concatenate([item, outside])
    unit = np.concatenate([unit, np.full(len(outside), -1)])
    share = np.concatenate([share, rest[outside]])
    whole = np.zeros(len(courtyards), dtype=bool)
    whole[item[(unit >= 0) & (share >= SPLIT_SHARE)]] = True
    area = shapely.area(np.asarray(courtyards.geometry.array))
    table = pd.DataFrame(
        {
            "courtyard_code": courtyards.index.to_numpy(dtype=object)[item],
            "grid_code": pd.Series(codes[unit], dtype=object),
            "area_m2": share * area[item],
            "share": share,
        }
    )[~whole[item]]
    return table.sort_values(
        ["courtyard_code", "share", "grid_code"], ascending=[True, False, True], ignore_index=True
    )


def shared_buildings(buildings: gpd.GeoDataFrame, courtyards: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the buildings that lie in several courtyards, with their parts.

    Parameters
    ----------
    buildings
        Index: code. Polygons. Metric CRS.
    courtyards
        Index: code. Valid polygons in the same CRS, which may overlap.

    Returns
    -------
    DataFrame
        Columns ``building_code``, ``courtyard_code``, ``share`` of the building; rows of one
        building together, the largest part first.

    Raises
    ------
    CrsError
        A frame is not metric.
    FrameError
        An index has duplicates, or the two frames differ in CRS.

    Notes
    -----
    Rule: a courtyard has a building of which it holds more than what `SPLIT_SHARE` leaves. Source:
    domain.md section 4. Cost O(n log m), and an overlay for each building on a border.

    Examples
    --------
    >>> from shapely import box
    >>> home = gpd.GeoDataFrame(index=["b"], geometry=[box(0, 0, 10, 10)], crs="EPSG:4545")
    >>> yards = gpd.GeoDataFrame(index=["x", "y"], crs="EPSG:4545",
    ...                          geometry=[box(-9, -9, 7, 99), box(6, -9, 99, 99)])
    >>> shared_buildings(home, yards).values.tolist()
    [['b', 'x', 0.7], ['b', 'y', 0.4]]
    """
    _require_one_frame(buildings, courtyards)
    item, unit, share = _shares(buildings, courtyards)
    part = share > 1 - SPLIT_SHARE
    item, unit, share = item[part], unit[part], share[part]
    several = (np.bincount(item, minlength=len(buildings)) > 1)[item]
    table = pd.DataFrame(
        {
            "building_code": buildings.index.to_numpy(dtype=object)[item],
            "courtyard_code": courtyards.index.to_numpy(dtype=object)[unit],
            "share": share,
        }
    )[several]
    return table.sort_values(
        ["building_code", "share", "courtyard_code"],
        ascending=[True, False, True],
        ignore_index=True,
    )


def _require_one_frame(one: gpd.GeoDataFrame, other: gpd.GeoDataFrame) -> None:
    if require_metric(one) != require_metric(other):
        raise FrameError("the two layers are in different coordinate frames")
    if not (one.index.is_unique and other.index.is_unique):
        raise FrameError("a layer has duplicate codes; its key must be its index")


def _shares(items: gpd.GeoDataFrame, units: gpd.GeoDataFrame) -> tuple[Indices, Indices, Floats]:
    """Return (item, unit, share of the item) for every pair that shares a part of it."""
    shapes = np.asarray(items.geometry.array)
    item, unit, area = _common(shapes, np.asarray(units.geometry.array))
    share = area / shapely.area(shapes)[item]
    part = share >= THIN_SHARE
    return item[part], unit[part], share[part]


def _common(one: NDArray[Any], other: NDArray[Any]) -> tuple[Indices, Indices, Floats]:
    """Return (first, second, common area) for every pair with ground in common."""
    # Asked from the larger ones, which are prepared: few of them, with many corners.
    tree = shapely.STRtree(one)
    around, inside = tree.query(other, predicate="covers")
    second, first = tree.query(other, predicate="intersects")
    # Most lie within one: no overlay tells more than their own area.
    many = max(len(other), 1)
    border = ~np.isin(first * many + second, inside * many + around)
    first, second = first[border], second[border]
    area = shapely.area(shapely.intersection(one[first], other[second]))
    first, second, area = first[area > 0], second[area > 0], area[area > 0]
    whole = shapely.area(one)[inside]
    kept = whole > 0
    return (
        np.concatenate([inside[kept], first]),
        np.concatenate([around[kept], second]),
        np.concatenate([whole[kept], area]),
    )
