"""How many households grids hold: against a band (S01), and evenly within a community (S02).

Belongs here: counting households by grid, judging the counts. Does not belong here: which grid a
building is in (``topology``), reading either (``store``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from gridmap.errors import FrameError
from gridmap.model import CODE_LENGTH, Issue, Level, require_columns

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd
    from numpy.typing import NDArray

HOUSEHOLDS = (150, 500)
"""Households a grid should have, least and most. Source: own choice, after one community's 160 to
255 and the habit of 300 to 500 (domain.md 1.5); no standard gives a number."""

LOAD_COLUMNS = ("buildings", "unknown", "households")
BALANCE_COLUMNS = ("grids", "total", "unknown", "households", "mean", "ratio", "gini", "fullest")


def grid_loads(buildings: pd.DataFrame, grids: pd.Index) -> pd.DataFrame:
    """Count the households of grids.

    Parameters
    ----------
    buildings
        Index: any. Columns ``grid_code`` (null: in no grid), ``household_count`` (null: unknown).
    grids
        Codes of the grids to count for, unique.

    Returns
    -------
    DataFrame
        Index of ``grids``, ascending; ``buildings``, ``unknown`` (of them do not say how many
        households they have), ``households`` (of those that do), all integers.

    Raises
    ------
    FrameError
        A column is missing, an index has duplicates, or a count is negative.

    Notes
    -----
    Rule: a building counts in the grid that holds most of it, and nowhere else (G08). Cost O(n).

    Examples
    --------
    >>> rows = pd.DataFrame({"grid_code": ["a", "a", None], "household_count": [30, None, 9]})
    >>> grid_loads(rows, pd.Index(["b", "a"])).values.tolist()
    [[2, 1, 30], [0, 0, 0]]
    """
    require_columns(buildings, ["grid_code", "household_count"], "buildings")
    if not grids.is_unique:
        raise FrameError("grids have duplicate codes")
    count = buildings["household_count"].astype("Float64")
    if (count < 0).any():
        raise FrameError("a building has less than no households")
    table = pd.DataFrame(
        {"buildings": 1, "unknown": count.isna().astype(int), "households": count.fillna(0)},
        index=buildings.index,
    )
    summed = table.groupby(buildings["grid_code"].astype(object)).sum()
    return summed.reindex(grids.sort_values(), fill_value=0)[list(LOAD_COLUMNS)].astype("int64")


def balance(loads: pd.DataFrame) -> pd.DataFrame:
    """Return how evenly the households of a community are spread over its grids.

    Parameters
    ----------
    loads
        From `grid_loads`; index: codes of grids, of any communities.

    Returns
    -------
    DataFrame
        Index: code of the community, ascending, of those with two grids or more that have
        buildings, and a household; ``total`` grids, ``grids`` that have buildings, ``unknown``
        buildings, ``households``, ``mean`` of those grids, ``ratio`` of the greatest to the mean,
        ``gini`` (0 where all have the same, (n - 1) / n where one has all), ``fullest`` (the grid
        with most, the lowest code of equals).

    Raises
    ------
    FrameError
        A column is missing or the index has duplicates.

    Notes
    -----
    Rule: S02. A grid without buildings is not counted: none may have been imported yet. Gini is
    the mean difference of all pairs by twice the mean. Source: domain.md 1.7; Gini (1912). Cost
    O(n log n).

    Examples
    --------
    >>> loads = pd.DataFrame({"buildings": 1, "unknown": 0, "households": [10, 30]},
    ...                      index=["500108001001001", "500108001001002"])
    >>> balance(loads)[["mean", "ratio", "gini"]].to_dict("index")
    {'500108001001': {'mean': 20.0, 'ratio': 1.5, 'gini': 0.25}}
    """
    require_columns(loads, list(LOAD_COLUMNS), "loads")
    loads = loads.sort_index()
    parent = [str(code)[: CODE_LENGTH[Level.COMMUNITY]] for code in loads.index]
    found = {}
    for community, group in loads.groupby(np.array(parent, dtype=object)):
        some = group[group["buildings"] > 0]
        counts = some["households"].to_numpy(dtype=float)
        if len(some) < 2 or counts.sum() == 0:
            continue
        found[str(community)] = (
            len(some),
            len(group),
            int(some["unknown"].sum()),
            int(counts.sum()),
            float(counts.mean()),
            float(counts.max() / counts.mean()),
            _gini(counts),
            some.index[int(counts.argmax())],
        )
    return pd.DataFrame.from_dict(found, orient="index", columns=list(BALANCE_COLUMNS))


def _gini(counts: NDArray[np.float64]) -> float:
    """Return the mean difference of all pairs by twice the mean, from the sorted counts."""
    n = len(counts)
    weight = 2.0 * np.arange(1, n + 1) - n - 1
    return float((weight * np.sort(counts)).sum() / (n * counts.sum()))


def band_issues(
    loads: pd.DataFrame,
    places: gpd.GeoSeries,
    rows: Mapping[str, int],
    *,
    band: tuple[int, int] = HOUSEHOLDS,
) -> list[Issue]:
    """Return the grids that hold fewer or more households than a grid should.

    Parameters
    ----------
    loads
        From `grid_loads`, of basic grids: a dedicated one holds a unit, not homes.
    places
        Index: codes of grids; their ground, in the frame the issues shall have.
    rows
        Code of a grid -> its row in the file, of those that are in it.
    band
        Households a grid should have, least and most.

    Returns
    -------
    list of Issue
        S01.few, S01.many (warnings); S01.unknown where the households that are known are not too
        many and some buildings do not say theirs; S01.none once for all grids none of whose
        buildings do. Each but the last with the ground of the grid.

    Notes
    -----
    Rule: S01. Of a grid without buildings nothing is told: none may have been imported yet.
    Source: domain.md 1.7. Cost O(n).
    """
    low, high = band
    issues, silent = [], 0
    for one in loads[loads["buildings"] > 0].itertuples():
        if one.unknown == one.buildings:
            silent += 1
            continue
        if one.households > high:
            shape = "S01.many"
        elif one.unknown:
            shape = "S01.unknown"
        elif one.households < low:
            shape = "S01.few"
        else:
            continue
        code = str(one.Index)
        told = {"grid": code, "low": low, "high": high, **_counts(one)}
        issues.append(Issue(shape, rows.get(code), "geometry", told, places.get(code)))
    if silent:
        issues.append(Issue("S01.none", None, "household_count", {"count": silent}))
    return issues


def balance_issues(loads: pd.DataFrame, places: gpd.GeoSeries) -> list[Issue]:
    """Return how evenly the households of each community are spread, as a planner is told.

    Parameters
    ----------
    loads
        From `grid_loads`, of all basic grids of some communities.
    places
        Index: codes of grids; their ground, in the frame the issues shall have.

    Returns
    -------
    list of Issue
        S02.balance, a note for each community of `balance`, with the ground of its fullest grid.

    Raises
    ------
    FrameError
        See `balance`.

    Notes
    -----
    Rule: S02. Source: domain.md 1.7. Cost O(n log n).
    """
    return [
        Issue(
            "S02.balance",
            None,
            "geometry",
            {"parent": str(parent), **told},
            places.get(told["fullest"]),
        )
        for parent, told in balance(loads).to_dict("index").items()
    ]


def _counts(load: Any) -> dict[str, int]:
    return {name: int(getattr(load, name)) for name in LOAD_COLUMNS}
