"""The places of the demo district that the law names: key public areas, restricted sites.

Belongs here: which parcels and which stretches of road they are, and their names. Does not
belong here: where nobody may film (``privacy``), which cameras have consent (``filings``).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gridmap.demo import places
from gridmap.demo.ground import RURAL_BELOW, Floats, Ground, Indices, metres
from gridmap.demo.parcels import Parcels, cleared
from gridmap.demo.roads import nearest_grid

if TYPE_CHECKING:
    from gridmap.demo.parcels import Character

BESIDE_ROAD_M = 3.0
"""How far a road's area reaches beyond its kerbs."""

STRETCH_M = 550.0
LEAST_STRETCH_M = 150.0
LEAST_PLACE_M2 = 2_000.0
"""Wished length of a road's areas; shorter stretches and smaller places are left out."""

GAP_M = 0.05
"""Kept between neighbouring areas, so that storage rounding makes no overlap."""

_LATTICE_M = 0.01

SCHOOLS, MALLS, SQUARES = 110, 60, 45
"""Schools and hospitals, commercial centres, squares and parks that are key public areas."""

_LARGE_ROADS = ("trunk", "main")


def _strips(roads: gpd.GeoDataFrame) -> NDArray[Any]:
    """Return the ground of each trunk and main road."""
    large = roads[roads["kind"].isin(_LARGE_ROADS)]
    half = large["width_m"].to_numpy(dtype=float) / 2 + BESIDE_ROAD_M
    return np.asarray(shapely.buffer(large.geometry.to_numpy(), half, cap_style="flat"))


def _grounds(parcels: Parcels, rows: Indices, roads: gpd.GeoDataFrame) -> NDArray[Any]:
    """Return the ground of some parcels, with the small streets at their sides."""
    part = replace(
        parcels,
        shapes=parcels.shapes[rows],
        grid=parcels.grid[rows],
        use=[parcels.use[row] for row in rows],
        centre=parcels.centre[rows],
        angle=parcels.angle[rows],
    )
    shapes = cleared(part, _strips(roads)).shapes
    return np.asarray(shapely.set_precision(shapes, _LATTICE_M))


def _nearest(
    parcels: Parcels, spots: list[tuple[float, float]], uses: tuple[str, ...], taken: set[int]
) -> Indices:
    """Return the nearest parcel to each spot that has one of the uses; none twice."""
    fit = np.isin(parcels.use, uses)
    chosen = []
    for spot in metres(spots):
        away = np.hypot(*(parcels.centre - spot).T)
        away[~fit | np.isin(np.arange(len(away)), list(taken))] = np.inf
        chosen.append(int(np.argmin(away)))
        taken.add(chosen[-1])
    return np.array(chosen, dtype=np.intp)


def restricted_sites(parcels: Parcels, roads: gpd.GeoDataFrame, ground: Ground) -> gpd.GeoDataFrame:
    """Return the sites near which cameras need consent.

    Parameters
    ----------
    parcels, roads, ground
        The district so far, metric.

    Returns
    -------
    GeoDataFrame
        RangeIndex; columns of the layer, and parcel; metric polygons. Nothing is random here.
    """
    spots = [spot for *_, spot in places.RESTRICTED]
    rows = _nearest(parcels, spots, ("public", "industrial", "workshop"), set())
    names, kinds, distances, _ = zip(*places.RESTRICTED, strict=True)
    table = pd.DataFrame(
        {
            "code": [f"RS{number:02d}" for number in range(1, len(rows) + 1)],
            "name": names,
            "kind": kinds,
            "consent_distance_m": distances,
            "parcel": rows,
        }
    )
    return gpd.GeoDataFrame(table, geometry=_grounds(parcels, rows, roads), crs=ground.frame)


def _compound_names(buildings: gpd.GeoDataFrame, parcels: int) -> NDArray[Any]:
    """Return what stands on each parcel by the name on its first building, or None."""
    named = buildings[buildings["name"].notna() & (buildings["parcel"] >= 0)]
    first = named.drop_duplicates("parcel")
    names = np.full(parcels, None, dtype=object)
    plain = first["name"].str.replace(r"\d+号(?:楼|厂房)$|\d+幢$", "", regex=True)
    names[first["parcel"].to_numpy()] = plain.to_numpy(dtype=object)
    return names


def _drawn(fit: NDArray[Any], weight: Floats, wanted: int, rng: np.random.Generator) -> Indices:
    """Draw rows that fit by weight; all if there are no more."""
    rows = np.flatnonzero(fit)
    share = weight[rows] / weight[rows].sum()
    return np.sort(rng.choice(rows, min(wanted, len(rows)), replace=False, p=share))


def _venues(
    parcels: Parcels,
    here: Character,
    ground: Ground,
    names: NDArray[Any],
    taken: set[int],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return parcel and name of schools, commercial centres, squares and parks in town."""
    use, density = np.array(parcels.use), ground.grids["density"].to_numpy()[parcels.grid]
    free = (density >= RURAL_BELOW) & ~np.isin(np.arange(len(use)), list(taken))
    known = free & np.array([name is not None for name in names])
    shopping = here.shopping[parcels.grid]
    schools = _drawn(known & (use == "public"), density, SCHOOLS, rng)
    malls = _drawn(known & (use == "commercial"), density * (0.2 + shopping), MALLS, rng)
    squares = _drawn(free & (use == "park"), density, SQUARES, rng)
    words = rng.choice(places.WORDS, len(squares)), rng.choice(places.SQUARES, len(squares))
    called = [
        *(f"{name}及周边" for name in names[schools]),
        *names[malls],
        *("".join(pair) for pair in zip(*words, strict=True)),
    ]
    rows = np.concatenate([schools, malls, squares])
    return pd.DataFrame({"parcel": rows, "name": called, "place_category": "public_venue"})


def _stretches(roads: gpd.GeoDataFrame, ground: Ground) -> pd.DataFrame:
    """Return the trunk and main roads in town cut into stretches: name, ground."""
    large = roads[roads["kind"].isin(_LARGE_ROADS)]
    rows = []
    for name, line, width in zip(large["name"], large.geometry, large["width_m"], strict=True):
        count = max(1, round(line.length / STRETCH_M))
        ends = np.linspace(0.0, line.length, count + 1)
        rows += [
            (name, shapely.ops.substring(line, *pair), width / 2 + BESIDE_ROAD_M)
            for pair in pairwise(ends)
        ]
    table = pd.DataFrame(rows, columns=["name", "line", "half_m"])
    lines = table["line"].to_numpy()
    grid, row = nearest_grid(ground, shapely.line_interpolate_point(lines, 0.5, normalized=True))
    dense = row[ground.grids["density"].to_numpy()[grid] >= RURAL_BELOW]
    table["shape"] = shapely.buffer(lines, table["half_m"].to_numpy(), cap_style="flat")
    table["place_category"] = "road"
    inside = table.iloc[np.sort(dense)]
    return inside[shapely.length(inside["line"].to_numpy()) >= LEAST_STRETCH_M]


def _apart(shapes: NDArray[Any], inside: shapely.Geometry) -> NDArray[Any]:
    """Return the shapes without what earlier ones or the world outside already hold."""
    shapes = shapely.set_precision(shapely.intersection(shapes, inside), _LATTICE_M)
    first, second = shapely.STRtree(shapes).query(shapes, "dwithin", GAP_M)
    for late in np.unique(second[first < second]):
        early = first[(second == late) & (first < late)]
        held = shapely.buffer(shapely.union_all(shapes[early]), GAP_M, join_style="mitre")
        shapes[late] = shapely.set_precision(shapes[late].difference(held), _LATTICE_M)
    return np.array([_without_crumbs(shape) for shape in shapes], dtype=object)


def _without_crumbs(shape: shapely.Geometry) -> shapely.Geometry:
    """Return the parts of some size; crossings leave crumbs."""
    parts = shapely.get_parts(shape)
    kept = parts[shapely.area(parts) >= LEAST_PLACE_M2 / 10]
    return kept[0] if len(kept) == 1 else shapely.multipolygons(kept)


def _numbered(name: pd.Series) -> list[str]:
    """Return the names of stretches: numbered along a road that has several."""
    number, count = name.groupby(name).cumcount() + 1, name.map(name.value_counts())
    return [
        f"{text}第{n}段" if several > 1 else text
        for text, n, several in zip(name, number, count, strict=True)
    ]


def key_public_areas(
    parcels: Parcels,
    here: Character,
    roads: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame,
    sites: gpd.GeoDataFrame,
    ground: Ground,
    seed: int,
) -> gpd.GeoDataFrame:
    """Return the key public areas of article 7 of Decree 799.

    Parameters
    ----------
    parcels, here, roads, buildings, ground
        The district so far, metric.
    sites
        Result of `restricted_sites`: their parcels are no public places.
    seed
        Source of all randomness here.

    Returns
    -------
    GeoDataFrame
        RangeIndex; columns of the layer; metric polygons inside the district that do not overlap:
        stations, schools, centres and squares first, then stretches of the large roads.

    Notes
    -----
    Rule: domain.md 1.4, the five kinds of places. Source: own choice of which. Cost O(n log n).
    """
    rng = np.random.default_rng([seed, 13])
    taken = set(sites["parcel"])
    names, categories, spots = zip(*places.STATIONS, strict=True)
    rows = _nearest(parcels, list(spots), ("park", "workshop", "commercial"), taken)
    stations = pd.DataFrame({"parcel": rows, "name": names, "place_category": categories})
    known = _compound_names(buildings, len(parcels.use))
    venues = _venues(parcels, here, ground, known, taken, rng)
    table = pd.concat([stations, venues], ignore_index=True)
    table["shape"] = _grounds(parcels, table["parcel"].to_numpy(), roads)
    table = table[shapely.area(table["shape"].to_numpy()) >= LEAST_PLACE_M2]
    stretches = _stretches(roads, ground)
    table = pd.concat([table, stretches.assign(name=_numbered(stretches["name"]))])
    shapes = _apart(table["shape"].to_numpy(), ground.outline.buffer(-0.5))
    good = shapely.area(shapes) >= LEAST_PLACE_M2
    areas = table.loc[good, ["name", "place_category"]].reset_index(drop=True)
    areas["code"] = [f"KA{number:04d}" for number in range(1, len(areas) + 1)]
    return gpd.GeoDataFrame(areas, geometry=shapes[good], crs=ground.frame)
