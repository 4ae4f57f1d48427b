"""Who lives in the buildings of the demo district, who manages them, what they are called.

Belongs here: floors, heights, households, management, codes, names and addresses of footprints
that stand already. Does not belong here: their geometry (``buildings``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.demo import places
from gridmap.demo.layouts import OLD, SHED, SLAB, STYLES, VILLAGE

if TYPE_CHECKING:
    from gridmap.demo.ground import Floats, Ground, Indices
    from gridmap.demo.parcels import Character, Parcels

HOUSEHOLDS = 407_000
"""1.1 million people at 2.7 a household (domain.md 1.5)."""

SELF_MANAGED = 1_554
SELF_HOUSEHOLDS = 74_000
"""Scattered buildings under self-management and their households (domain.md section 0)."""

SPARE = 1.06
"""How many times as many buildings they are chosen from at least: those of the smallest homes,
for 5.8 million m² hold 74,000 households, 78 m² each (domain.md section 0)."""

FULL_GRID = (300.0, 500.0)
"""Households of a town grid (domain.md 1.5)."""


def _sizes(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return floors, height and floor area."""
    style = table["style"].to_numpy(dtype=int)
    storey = np.array([s.storey_m for s in STYLES])[style]
    floors = table["floors"].to_numpy(dtype=int)
    height = np.round(storey * floors + rng.uniform(0.2, 1.4, len(table)), 1)
    area = shapely.area(table["shape"].to_numpy())
    sizes = {"floors": floors, "height_m": height, "floor_area_m2": np.round(area * floors, 1)}
    kinds = {"kind": np.array([s.kind for s in STYLES], dtype=object)[style]}
    return table.assign(**sizes, **kinds)


def _room(table: pd.DataFrame) -> Floats:
    """Return how many households each building has room for, as a fraction."""
    each = np.array([s.household_m2 for s in STYLES])[table["style"].to_numpy(dtype=int)]
    area = table["floor_area_m2"].to_numpy(dtype=float)
    room = np.divide(area, each, out=np.zeros(len(table)), where=each > 0)
    return np.where(table["style"] == VILLAGE, 0.0, room)


def _targets(room: pd.Series, villages: int, rng: np.random.Generator) -> pd.Series:
    """Return the households of each grid's town buildings, so that the district's sum is right."""
    wish = pd.Series(rng.normal(405, 45, len(room)).clip(*FULL_GRID), index=room.index)
    low, high = (0.5 * room).to_numpy(), (1.6 * room).to_numpy()
    least, most = 0.2, 3.0
    for _ in range(50):
        factor = (least + most) / 2
        target = np.clip((wish * factor).clip(upper=FULL_GRID[1]), low, high)
        least, most = (factor, most) if target.sum() < HOUSEHOLDS - villages else (least, factor)
    return pd.Series(target, index=room.index)


def _households(table: pd.DataFrame, rng: np.random.Generator) -> Floats:
    """Return whole households: one or two in a village house, the rest by floor area."""
    village = np.where(table["style"] == VILLAGE, 1 + (rng.random(len(table)) < 0.2), 0)
    room = pd.Series(_room(table), index=table.index)
    by_grid = room.groupby(table["grid"]).sum()
    by_grid = by_grid[by_grid > 0]
    scale = _targets(by_grid, int(village.sum()), rng) / by_grid
    exact = room * table["grid"].map(scale).fillna(0.0)
    # Rounding the running sum keeps every grid's total and needs no second pass.
    running = np.round(exact.groupby(table["grid"]).cumsum())
    whole = running.groupby(table["grid"]).diff().fillna(running)
    return np.asarray(whole + village, dtype=float)


def _management(
    table: pd.DataFrame, parcels: Parcels, here: Character, rng: np.random.Generator
) -> list[str | None]:
    """Return who manages each building: exactly `SELF_MANAGED` themselves, some nobody yet."""
    style, parcel = table["style"].to_numpy(dtype=int), table["parcel"].to_numpy()
    whole = rng.random(len(parcels.use))[np.maximum(parcel, 0)]
    new = here.new[table["grid"].to_numpy()]
    slab = (style == SLAB) & (whole > 0.25 + 0.6 * new)
    kind = np.full(len(table), "property", dtype=object)
    kind[slab & (whole > 0.62)] = "scattered"
    kind[(style == OLD) & (whole > 0.8)] = "scattered"
    kind[(style == VILLAGE) | (style == SHED)] = None
    pool, households = np.flatnonzero(slab), table["household_count"].to_numpy()
    each_m2 = table["floor_area_m2"].to_numpy()[pool] / np.maximum(households[pool], 1)
    pool = _small(pool[np.argsort(each_m2, kind="stable")], households)
    chosen = _window(pool, households, whole, rng)
    kind[_evened(chosen, np.setdiff1d(pool, chosen), households)] = "self"
    return list(kind)


def _small(pool: Indices, households: Floats) -> Indices:
    """Return as much of the pool's beginning as the published sum can be chosen from."""
    size = round(SPARE * SELF_MANAGED)
    while size < len(pool):
        least = np.sort(households[pool[:size]])[:SELF_MANAGED].sum()
        if least <= 0.97 * SELF_HOUSEHOLDS:
            break
        size += 10
    return np.sort(pool[:size])


def _window(pool: Indices, households: Floats, parcel: Floats, rng: np.random.Generator) -> Indices:
    """Choose `SELF_MANAGED` of the pool whose households come near to the published sum."""
    noise = rng.normal(0, 8, len(pool)) + 20 * np.sin(40 * parcel[pool])
    order = pool[np.argsort(households[pool] + noise, kind="stable")]
    total = np.concatenate([[0], np.cumsum(households[order])])
    sums = total[SELF_MANAGED:] - total[:-SELF_MANAGED]
    start = int(np.argmin(np.abs(sums - SELF_HOUSEHOLDS)))
    return order[start : start + SELF_MANAGED]


def _evened(chosen: Indices, others: Indices, households: Floats) -> Indices:
    """Exchange some of the chosen for others until their households are `SELF_HOUSEHOLDS`."""
    chosen, others = chosen.copy(), others.copy()
    while excess := int(households[chosen].sum()) - SELF_HOUSEHOLDS:
        left = np.abs(households[chosen][:, None] - households[others][None, :] - excess)
        out, into = np.unravel_index(int(np.argmin(left)), left.shape)
        if left[out, into] >= abs(excess):
            break  # no exchange brings it nearer
        chosen[out], others[into] = others[into], chosen[out]
    return chosen


def _compounds(parcels: Parcels, rng: np.random.Generator) -> list[str]:
    """Return a name for what stands on each parcel."""
    ends = {
        "slab": places.OLD_ENDS + places.COMPOUND_ENDS[:5],
        "modern": places.COMPOUND_ENDS,
        "tower": places.COMPOUND_ENDS[5:],
        "rows": places.COMPOUND_ENDS[:2] + places.COMPOUND_ENDS[-2:],
        "industrial": places.FACTORIES,
        "workshop": places.FACTORIES[:5],
        "commercial": places.MALLS,
        "public": places.SCHOOLS,
    }
    words = rng.choice(places.WORDS, len(parcels.use))
    return [
        f"{word}{rng.choice(ends[use])}" if use in ends else ""
        for word, use in zip(words, parcels.use, strict=True)
    ]


def _street_addresses(parcels: Parcels, roads: gpd.GeoDataFrame) -> list[str]:
    """Return road and number of each parcel: odd and even numbers along the nearest named road."""
    named = roads[roads["name"].notna() & (roads["kind"] != "trunk")].reset_index(drop=True)
    centre = shapely.points(parcels.centre)
    tree = shapely.STRtree(named.geometry.array)
    parcel, road = tree.query_nearest(centre, all_matches=False)
    along = shapely.line_locate_point(named.geometry.array[road], centre[parcel])
    table = pd.DataFrame({"road": road, "along": along}, index=parcel)
    rank = table.sort_values(["road", "along"]).groupby("road").cumcount() + 1
    side = parcel % 2
    number = rank.reindex(parcel).to_numpy() * 2 - side
    text = named["name"].to_numpy()[road] + pd.Series(number).map("{}号".format).to_numpy()
    return list(pd.Series(text, index=parcel).sort_index())


_ENDINGS = {
    "industrial": "{}号厂房",
    "commercial": "{}号楼",
    "public": "{}号楼",
    "other": "附{}号",
}


def _labels(
    table: pd.DataFrame,
    parcels: Parcels,
    roads: gpd.GeoDataFrame,
    ground: Ground,
    names: dict[str, str],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return name and address of every building."""
    grids = ground.grids
    community = grids["community"].to_numpy()[table["grid"]]
    street = [names[code[:9]] for code in community]
    group = grids["number"].to_numpy()[table["grid"]]
    compound, where = _compounds(parcels, rng), _street_addresses(parcels, roads)
    number = table.groupby(["grid", "parcel"]).cumcount().to_numpy() + 1
    rows = zip(table["kind"], table["parcel"], street, community, group, number, strict=True)
    labels = [
        _country(town, names[code], part, n, parcel)
        if parcel < 0
        else _town(kind, town, compound[parcel], where[parcel], n)
        for kind, parcel, town, code, part, n in rows
    ]
    return pd.DataFrame(labels, columns=["name", "address"], index=table.index)


def _country(town: str, community: str, group: int, number: int, hamlet: int) -> tuple[None, str]:
    return None, f"{town}{community}{group}组{-hamlet % 90 + 1}-{number}号"


def _town(kind: str, town: str, compound: str, where: str, number: int) -> tuple[str | None, str]:
    ending = _ENDINGS.get(kind, "{}幢").format(number)
    address = f"{town}{where}{ending if kind != 'other' else ending.replace('号', '')}"
    return (compound + ending if compound and kind != "other" else None), address


def building_layer(
    table: pd.DataFrame,
    ground: Ground,
    parcels: Parcels,
    here: Character,
    roads: gpd.GeoDataFrame,
    names: dict[str, str],
    seed: int,
) -> gpd.GeoDataFrame:
    """Return the buildings with all their attributes.

    Parameters
    ----------
    table
        Result of `buildings.footprints`.
    ground, parcels, here, roads
        What they stand on.
    names
        Short names of streets and communities by code.
    seed
        Source of all randomness here.

    Returns
    -------
    GeoDataFrame
        RangeIndex, ordered by code; columns of the building layer, also grid, parcel, style;
        metric geometry.

    Notes
    -----
    Rule: code is the grid's 15 digits and a 5-digit sequence (domain.md 1.1, Xi'an).
    """
    rng = np.random.default_rng([seed, 9])
    table = _sizes(table, rng)
    table["household_count"] = _households(table, rng).astype(int)
    table["management_kind"] = _management(table, parcels, here, rng)
    labels = _labels(table, parcels, roads, ground, names, rng)
    sequence = (table.groupby("grid").cumcount() + 1).map("{:05d}".format)
    code = ground.grids["code"].to_numpy()[table["grid"]] + sequence
    table = table.assign(code=code, name=labels["name"], address=labels["address"])
    shapes = table.pop("shape").to_numpy()
    return gpd.GeoDataFrame(table, geometry=shapes, crs=ground.frame)
