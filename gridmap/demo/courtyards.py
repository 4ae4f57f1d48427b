"""The courtyards of the demo district that govern themselves, and their five parts.

Belongs here: which neighbouring buildings make a courtyard, its outline, since when it has what.
Does not belong here: who manages a building (``homes``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.demo.buildings import apart
from gridmap.demo.places import AS_OF
from gridmap.model.organisations import COURTYARD_PARTS

if TYPE_CHECKING:
    from gridmap.demo.ground import Indices

MODEL_COMMUNITY, MODEL_COURTYARDS = "500108002001", 24
"""Nanhu community and its courtyards, all with the five parts of 131 (domain.md section 0)."""

MARGIN_M = 1.5
"""Ground round the outermost walls."""

CROSSING, NEAR_M = 12, 30.0
"""Courtyards that two grids share, and how far apart their halves are at most."""

_MOST_BUILDINGS = 8
_CHANCES = {"self": 0.8, "scattered": 0.15, "property": 0.03}
"""How likely neighbours are a courtyard, by who manages most of them."""

_PARTS_SHARES = (0.08, 0.10, 0.12, 0.18, 0.22, 0.30)
"""Shares of courtyards with 0 to 5 parts, Nanhu apart."""


def _runs(homes: gpd.GeoDataFrame, most: int) -> gpd.GeoDataFrame:
    """Return the outlines of runs of neighbours on one parcel, in the order of the buildings."""
    number = homes.groupby("parcel").cumcount().to_numpy() // most
    run = homes.groupby([homes["parcel"].to_numpy(), number], sort=False).ngroup().to_numpy()
    order = np.argsort(run, kind="stable")
    first = order[np.unique(run[order], return_index=True)[1]]
    around = shapely.geometrycollections(homes.geometry.to_numpy()[order], indices=run[order])
    hulls = shapely.buffer(shapely.convex_hull(around), MARGIN_M, join_style="mitre")
    kept = homes.iloc[first]
    table = {
        "code": kept["code"].to_numpy(),
        "self": np.bincount(run, weights=homes["management_kind"].eq("self")),
        "scattered": np.bincount(run, weights=homes["management_kind"].eq("scattered")),
        "count": np.bincount(run),
        "households": np.bincount(run, weights=homes["household_count"].astype(float)),
    }
    return gpd.GeoDataFrame(table, geometry=hulls, crs=homes.crs)


def _model(homes: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the courtyards of Nanhu: the largest runs that are enough courtyards."""
    for most in range(_MOST_BUILDINGS, 0, -1):
        runs = _runs(homes, most)
        runs = runs[apart(runs.geometry.to_numpy())]
        if len(runs) >= MODEL_COURTYARDS:
            break
    best = np.argsort(-runs["households"].to_numpy(), kind="stable")[:MODEL_COURTYARDS]
    return runs.iloc[np.sort(best)]


def _chosen(runs: gpd.GeoDataFrame, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """Return some of the runs, by who manages them."""
    most = np.select(
        [2 * runs["self"] >= runs["count"], runs["self"] + runs["scattered"] > 0],
        [_CHANCES["self"], _CHANCES["scattered"]],
        _CHANCES["property"],
    )
    return runs[(rng.random(len(runs)) < most) & (runs["count"] > 1).to_numpy()]


def _across_grids(runs: gpd.GeoDataFrame, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """Return the runs, a few of them joined to one in the next grid, these first."""
    shapes, code = runs.geometry.to_numpy(), runs["code"].str
    grid, community = code[:15].to_numpy(), code[:12].to_numpy()
    one, other = shapely.STRtree(shapes).query(shapes, "dwithin", NEAR_M)
    fit = (one < other) & (community[one] == community[other]) & (grid[one] != grid[other])
    pairs = np.column_stack([one[fit], other[fit]])
    used: set[int] = set()
    joined: list[tuple[int, int]] = []
    for first, second in pairs[rng.permutation(len(pairs))].tolist():
        if len(joined) < CROSSING and not {first, second} & used:
            used |= {first, second}
            joined.append((first, second))
    whole: Indices = np.array(joined, dtype=np.intp).reshape(-1, 2)
    both = shapely.convex_hull(shapely.union(shapes[whole[:, 0]], shapes[whole[:, 1]]))
    crossing = runs.iloc[whole[:, 0]].set_geometry(gpd.GeoSeries(both, crs=runs.crs).array)
    return gpd.GeoDataFrame(
        pd.concat([crossing, runs.drop(index=runs.index[sorted(used)])]), crs=runs.crs
    )


def _since(counts: Indices, rng: np.random.Generator) -> dict[str, pd.Series]:
    """Return the days since when there is what: mostly the leadership came first."""
    rows, size = len(counts), len(COURTYARD_PARTS)
    rank = np.argsort(np.arange(size) + rng.normal(0.0, 0.7, (rows, size)), axis=1)
    place = np.argsort(rank, axis=1)
    last = np.datetime64(AS_OF) - 1
    start = np.datetime64("2019-01-01") + rng.integers(0, 1_800, rows)
    steps = np.cumsum(rng.integers(10, 200, (rows, size)), axis=1)
    days = np.minimum(start[:, None] + np.take_along_axis(steps, place, axis=1), last)
    dated = days.astype(object)
    dated[place >= counts[:, None]] = None
    return {part: pd.Series(dated[:, n], dtype=object) for n, part in enumerate(COURTYARD_PARTS)}


def courtyards(buildings: gpd.GeoDataFrame, names: dict[str, str], seed: int) -> gpd.GeoDataFrame:
    """Return the courtyards.

    Parameters
    ----------
    buildings
        Result of `homes.building_layer`.
    names
        Short names of communities by code.
    seed
        Source of all randomness here.

    Returns
    -------
    GeoDataFrame
        RangeIndex, ordered by code; columns of the layer; metric polygons, none meets another.

    Notes
    -----
    Rule: 24 courtyards in Nanhu with all five parts (domain.md section 0); elsewhere most
    self-managed buildings are in one, with parts that may be missing (own choice).
    """
    rng = np.random.default_rng([seed, 28])
    lived_in = buildings["kind"].isin(["slab", "low_rise", "tower"]) & (buildings["parcel"] >= 0)
    homes = buildings[lived_in.to_numpy()]
    model = homes["code"].str.startswith(MODEL_COMMUNITY).to_numpy()
    elsewhere = _across_grids(_chosen(_runs(homes[~model], _MOST_BUILDINGS), rng), rng)
    runs = pd.concat([_model(homes[model]), elsewhere], ignore_index=True)
    runs = runs[apart(runs.geometry.to_numpy())].sort_values("code", ignore_index=True)
    community = runs["code"].str[:12]
    number = runs.groupby(community).cumcount() + 1
    counts = rng.choice(len(_PARTS_SHARES), len(runs), p=_PARTS_SHARES)
    counts[community == MODEL_COMMUNITY] = len(COURTYARD_PARTS)
    table: dict[str, Any] = {
        "code": "YL" + community + number.map("{:03d}".format),
        "name": community.map(names) + number.map("第{}院落".format),
        **_since(counts, rng),
    }
    return gpd.GeoDataFrame(table, geometry=runs.geometry.array, crs=buildings.crs)
