"""Numbers of grids within their community: west to east, north to south."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely

from gridmap.crs import require_metric
from gridmap.errors import CodeError, FrameError
from gridmap.model import CODE_LENGTH, Issue, Level, level_of, require_columns

if TYPE_CHECKING:
    from collections.abc import Collection

    import geopandas as gpd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]

ROW_SHARE = 0.5
"""Share of the median height of a community's grids by which a grid may lie south of its row's
northernmost and still stand in that row. Source: own choice; the standards say "west to east,
north to south" and do not say what a row is (domain.md 1.1)."""

_CLEARLY, _LEVEL, _ROW_ABOVE = 0.25, 0.02, 1.25
"""Shares of a median grid: further is clearly west or north, less is level, further north stands in
a row above. Source: own choice; of 153 ragged communities that were numbered by another division
into rows they spare nearly four in five."""

_LAST = 999  # three digits (domain.md 1.1); 000 is no number


def numbered(
    grids: gpd.GeoDataFrame,
    *,
    used: Collection[str] = frozenset(),
    parent_column: str = "parent_code",
) -> pd.DataFrame:
    """Return a code for each grid: its community's code and a number in reading order.

    Parameters
    ----------
    grids
        Index: any unique key that can be sorted. Polygons, metric CRS, the frame's y pointing
        north; only those that need a number.
    used
        Grid codes that exist or ever existed, of any community: never given again.
    parent_column
        Column with the code of the grid's community, 12 digits.

    Returns
    -------
    DataFrame
        Index of ``grids``; ``code`` (15 digits), ``sequence`` (1 to 999), ``reading_row`` (1 for
        the northernmost row of the community).

    Raises
    ------
    CrsError
        The frame is not metric.
    FrameError
        The column is missing, the index has duplicates, or a grid has no geometry.
    CodeError
        A community's code is not one, or it has not enough numbers left.

    Notes
    -----
    Rule: C05, west to east, north to south within the community, by the grids' centroids, and
    codes that are never reused (domain.md 1.1, 1.7). A row begins with the northernmost grid
    without one; all whose centroid lies less than `ROW_SHARE` of the median height of the
    community's grids south of that centroid stand in it. In a row west comes first; at equal
    positions (to a millimetre) north, then the lower key. Grids take the lowest numbers that
    are free, in that order. Neither the order of the rows of the frame nor a shift matters.
    Source: DB11, CJ/T 349-2010 and DB6101/T 3185-2024 as in domain.md 1.1. Cost O(n log n).

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import box
    >>> grids = gpd.GeoDataFrame({"parent_code": "500108001001"}, index=["a", "b", "c"],
    ...     geometry=[box(0, 0, 9, 9), box(9, 8, 18, 17), box(0, 9, 9, 18)], crs="EPSG:4545")
    >>> numbered(grids, used={"500108001001002"})["sequence"].to_dict()
    {'a': 4, 'b': 3, 'c': 1}
    """
    require_metric(grids)
    require_columns(grids, [parent_column], "grids")
    shapes = grids.geometry.to_numpy()
    if (shapely.is_missing(shapes) | shapely.is_empty(shapes)).any():
        raise FrameError("a grid without geometry has no place among the others; draw it first")
    parents = grids[parent_column].astype(object)
    for parent in parents.unique():
        if not isinstance(parent, str) or level_of(parent) is not Level.COMMUNITY:
            raise CodeError(f"{parent!r} is no code of a community: 12 digits are expected")
    centre = np.round(shapely.get_coordinates(shapely.centroid(shapes)), 3)
    bounds = shapely.bounds(shapes)
    placed = pd.DataFrame(
        {"x": centre[:, 0], "y": centre[:, 1], "height": bounds[:, 3] - bounds[:, 1]},
        index=grids.index,
    ).sort_index()
    taken = frozenset(used)
    parts = [_numbers(str(one), group, taken) for one, group in placed.groupby(parents)]
    empty = pd.DataFrame({"code": [], "sequence": [], "reading_row": []}, index=placed.index[:0])
    found = pd.concat(parts) if parts else empty
    return found.reindex(grids.index).astype({"code": object, "sequence": int, "reading_row": int})


def order_issues(grids: gpd.GeoDataFrame, *, used: Collection[str] = frozenset()) -> list[Issue]:
    """Return communities whose grids are not numbered in reading order, and how they would be.

    Parameters
    ----------
    grids
        Index: code, 15 digits, unique. Polygons, metric CRS, the frame's y pointing north; only
        those whose codes can still be chosen.
    used
        Codes that exist or ever existed: see `numbered`.

    Returns
    -------
    list of Issue
        C05.order, one a community, with the ground of the grids out of order. ``count`` is the
        least number of them that would have to move to stand as `numbered` puts them.

    Raises
    ------
    CrsError, FrameError, CodeError
        See `numbered`.

    Notes
    -----
    Rule: C05. The standards do not say what a row is, and ragged grids can be read in many ways;
    so a community is told only where a grid comes after another that it precedes in every one:
    clearly west of it and not south, clearly north and not east, or a row above. Numbers that
    only leave some out are in order. Source: domain.md 1.1 and 1.7. Cost O(n log n), and O(k^2)
    for the k grids of a community.
    """
    parent = pd.Series([code[:-3] for code in grids.index], index=grids.index, dtype=object)
    proposed = numbered(grids.assign(parent_code=parent), used=used).rename_axis(None)
    issues = []
    for community, group in proposed.sort_values("code").groupby(parent):
        shapes = grids.geometry[group.index].sort_index()
        pair = _against_order(shapes.to_numpy())
        out = group.index[~_in_order(group.index.to_list())]
        if pair is None or out.empty:
            continue
        renamed = group["code"][group["code"] != group.index].str[-3:]
        told = {
            "parent": str(community),
            "child": shapes.index[pair[0]][-3:],
            "other": shapes.index[pair[1]][-3:],
            "count": len(out),
            "total": len(group),
            "proposal": ", ".join(f"{code[-3:]} → {number}" for code, number in renamed.items()),
        }
        ground = shapely.multipolygons(shapely.get_parts(shapes[out].to_numpy()))
        issues.append(Issue("C05.order", None, "code", told, ground))
    return issues


def _against_order(shapes: NDArray[np.object_]) -> tuple[int, int] | None:
    """Return the places of a first and a later grid that any reading would exchange, or None."""
    x, y = shapely.get_coordinates(shapely.centroid(shapes)).T
    west, south, east, north = shapely.bounds(shapes).T
    width, height = np.median(east - west), np.median(north - south)
    # How far the later lies west and north of the first, in grids; [first, later].
    to_west = (x[:, None] - x[None, :]) / width
    to_north = (y[None, :] - y[:, None]) / height
    clear = ((to_west > _CLEARLY) & (to_north > -_LEVEL)) | (
        (to_north > _CLEARLY) & (to_west > -_LEVEL)
    )
    clear |= to_north > _ROW_ABOVE
    first, later = np.nonzero(np.triu(clear, 1))
    return (int(first[0]), int(later[0])) if len(first) else None


def _in_order(codes: list[str]) -> NDArray[np.bool_]:
    """Return which codes may stay where they are: a longest run of them that ascends."""
    tails: list[str] = []
    last: list[int] = []
    before = np.full(len(codes), -1)
    for place, code in enumerate(codes):
        at = bisect_left(tails, code)
        before[place] = last[at - 1] if at else -1
        tails[at : at + 1], last[at : at + 1] = [code], [place]
    stay = np.zeros(len(codes), dtype=bool)
    place = last[-1] if last else -1
    while place >= 0:
        stay[place] = True
        place = int(before[place])
    return stay


def _numbers(parent: str, group: pd.DataFrame, used: frozenset[str]) -> pd.DataFrame:
    row = _reading_rows(group["y"].to_numpy(), ROW_SHARE * float(group["height"].median()))
    order = np.lexsort((-group["y"].to_numpy(), group["x"].to_numpy(), row))
    codes = (f"{parent}{number:03}" for number in range(1, _LAST + 1))
    free = [code for code in codes if code not in used][: len(group)]
    if len(free) < len(group):
        raise CodeError(
            f"community {parent} has {len(free)} numbers left for {len(group)} grids; split it"
        )
    code = np.empty(len(group), dtype=object)
    code[order] = free
    sequence = [int(one[CODE_LENGTH[Level.COMMUNITY] :]) for one in code]
    return pd.DataFrame({"code": code, "sequence": sequence, "reading_row": row}, index=group.index)


def _reading_rows(y: Floats, reach_m: float) -> Ints:
    """Return the row of each centre, from 1 in the north."""
    order = np.argsort(-y, kind="stable")
    row = np.empty(len(y), dtype=np.intp)
    number, north = 0, np.inf
    for place in order:
        if number == 0 or north - y[place] >= reach_m:
            number, north = number + 1, y[place]
        row[place] = number
    return row
