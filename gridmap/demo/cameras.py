"""The cameras of the demo district.

Belongs here: where they hang, where they look, what the register says of them, and the faults a
real register has. Does not belong here: what owners declare beyond that (``filings``), what
cameras see (``gridmap.camera_coverage``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gridmap.demo.ground import Floats, Ground, Indices, smooth_noise
from gridmap.demo.roads import nearest_grid

if TYPE_CHECKING:
    from gridmap.demo.parcels import Character

CAMERAS = 13_244
"""Cameras in public areas (domain.md section 0)."""

ON_WALLS = 0.10
INSIDE = 0.01
AT_DOORS = 0.11
"""Shares of the cameras on walls, wrongly drawn inside a footprint, and before entrances."""

POLES = 0.67
"""Share of the street sites that carry two to four cameras: 40 % of all sites."""

WALL_GAP_M = 0.15
"""How far a wall camera hangs off its wall, metres."""

LENSES = np.array(
    [
        (28.0, 150.0),
        (34.0, 120.0),
        (44.0, 95.0),
        (54.0, 80.0),
        (70.0, 60.0),
        (88.0, 42.0),
        (106.0, 30.0),
    ]
)
"""Horizontal angle and range: the wider, the shorter (domain.md section 0)."""

DOMES = 0.20


def _pressure(ground: Ground, here: Character, rng: np.random.Generator) -> Floats:
    """Return how densely cameras stand in each grid; some quarters have none."""
    xy = ground.grids[["x", "y"]].to_numpy(dtype=float)
    town = ground.grids["density"].to_numpy() ** 0.45 * (1 + here.shopping)
    uneven = np.exp(0.35 * smooth_noise(xy, 900.0, rng))
    blind = smooth_noise(xy, 1100.0, rng) > 1.35
    stray = rng.random(len(town)) < 0.03
    return np.asarray(town * uneven * np.where(blind | stray, 0.0, 1.0))


def _chosen(weight: Floats, count: int, rng: np.random.Generator) -> Indices:
    """Draw without replacement by weight (Efraimidis and Spirakis); rows in ascending order."""
    with np.errstate(divide="ignore"):
        key = np.log(rng.random(len(weight))) / weight
    return np.sort(np.argsort(-key, kind="stable")[:count])


def _street_sites(roads: gpd.GeoDataFrame) -> tuple[Floats, Floats, Floats]:
    """Return places at the kerb, the direction of the road there, and their worth."""
    lines, width = roads.geometry.to_numpy(), roads["width_m"].to_numpy(dtype=float)
    count = np.maximum(1, (shapely.length(lines) / 32.0).astype(int))
    road = np.repeat(np.arange(len(lines)), count)
    step = np.arange(len(road)) - np.repeat(np.cumsum(count) - count, count)
    at = (step + 0.5) / count[road]
    here = shapely.get_coordinates(shapely.line_interpolate_point(lines[road], at, normalized=True))
    ahead = shapely.get_coordinates(
        shapely.line_interpolate_point(lines[road], np.minimum(at + 0.002, 1.0), normalized=True)
    )
    way = ahead - here
    length = np.maximum(np.hypot(*way.T), 1e-9)
    side = np.where(step % 2 == 0, 1.0, -1.0) * (width[road] / 2 + 0.8)
    spot = here + np.column_stack([-way[:, 1], way[:, 0]]) / length[:, None] * side[:, None]
    worth = roads["kind"].map({"trunk": 1.2, "main": 1.6, "street": 1.3, "lane": 0.6, "path": 0.15})
    crossing = (step == 0) | (step == count[road] - 1)
    return (
        spot,
        np.degrees(np.arctan2(way[:, 0], way[:, 1])) % 360,
        worth.to_numpy()[road] * (1 + crossing),
    )


def _on_streets(
    ground: Ground, roads: gpd.GeoDataFrame, pressure: Floats, count: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Return cameras on street poles: alone, or two to four looking different ways."""
    spot, bearing, worth = _street_sites(roads)
    grid, place = nearest_grid(ground, shapely.points(spot))
    inside = shapely.contains_xy(ground.outline.buffer(-1.0), spot[place])
    grid, place = grid[inside], place[inside]
    sites = _chosen(worth[place] * pressure[grid], count, rng)
    many = np.where(rng.random(len(sites)) < POLES, rng.integers(2, 5, len(sites)), 1)
    last = int(np.searchsorted(np.cumsum(many), count)) + 1
    site = np.repeat(np.arange(last), many[:last])[:count]
    number = np.arange(len(site)) - np.searchsorted(site, site)
    turn = np.where(rng.random(last) < 0.5, 0.0, 180.0)[site] + number * 360.0 / many[site]
    where = place[sites[site]]
    azimuth = (bearing[where] + turn + rng.normal(0, 8, len(site))) % 360
    return pd.DataFrame(
        {
            "x": spot[where, 0],
            "y": spot[where, 1],
            "azimuth_deg": azimuth,
            "mount_height_m": rng.choice([3.5, 4.6, 5.3, 6.0, 6.8], last)[site],
            "setting": "street",
        }
    )


def _walls(shapes: NDArray[Any], gap: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return a place before a wall of each building and the azimuth outward from it."""
    shells = shapely.get_exterior_ring(shapely.orient_polygons(shapes))
    corners = [shapely.get_coordinates(shell) for shell in shells]
    edge = np.array(
        [_long_edge(c, r) for c, r in zip(corners, rng.random(len(corners)), strict=True)]
    )
    start, way = edge[:, :2], edge[:, 2:]
    at = rng.uniform(0.25, 0.75, len(edge))[:, None]
    outward = np.column_stack([way[:, 1], -way[:, 0]]) / np.hypot(*way.T)[:, None]
    spot = start + at * way + outward * gap[:, None]
    return spot, np.degrees(np.arctan2(outward[:, 0], outward[:, 1])) % 360


def _long_edge(corners: Floats, lot: float) -> Floats:
    """Return start and vector of a wall chosen by length; the ring runs counterclockwise."""
    way = np.diff(corners, axis=0)
    share = np.cumsum(np.hypot(*way.T) ** 2)
    number = int(np.searchsorted(share, lot * share[-1]))
    return np.concatenate([corners[number], way[number]])


def _at_buildings(
    buildings: gpd.GeoDataFrame,
    pressure: Floats,
    counts: tuple[int, int, int],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return cameras on walls, before entrances, and the few drawn inside a footprint."""
    shapes = buildings.geometry.to_numpy()
    size = np.sqrt(buildings["floor_area_m2"].to_numpy(dtype=float))
    worth = (
        size * pressure[buildings["grid"].to_numpy()] * np.where(buildings["parcel"] < 0, 0.1, 1.0)
    )
    rows = rng.permutation(_chosen(worth, sum(counts), rng))
    kind = np.repeat(["wall", "inside", "door"], counts)
    gap = np.select(
        [kind == "wall", kind == "inside"], [WALL_GAP_M, -1.2], rng.uniform(2.0, 6.0, len(rows))
    )
    spot, outward = _walls(shapes[rows], gap, rng)
    # A camera at a door stands off the building and looks back at it.
    facing = np.where(kind == "door", 180.0, 0.0) + rng.normal(0, 12, len(rows))
    return pd.DataFrame(
        {
            "x": spot[:, 0],
            "y": spot[:, 1],
            "azimuth_deg": (outward + facing) % 360,
            "mount_height_m": np.round(rng.uniform(2.8, 4.5, len(rows)), 1),
            "setting": kind,
        }
    )


def _optics(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return angle and range, and leave out what real registers leave out."""
    count = len(table)
    lens = rng.choice(len(LENSES), count, p=[0.1, 0.12, 0.18, 0.22, 0.18, 0.12, 0.08])
    angle, reach = LENSES[lens].T
    reach = np.round(reach * rng.uniform(0.92, 1.08, count))
    dome = (rng.random(count) < DOMES) & (table["setting"] != "wall")
    lost = rng.random(count)
    azimuth = table["azimuth_deg"].round(1).mod(360)
    return table.assign(
        bearing_deg=azimuth,
        dome=dome,
        azimuth_deg=azimuth.mask(lost < 0.025),
        hfov_deg=pd.Series(np.where(dome, 360.0, angle)).mask((lost > 0.02) & (lost < 0.04)),
        max_range_m=pd.Series(np.where(dome, np.minimum(reach, 80.0), reach))
        .clip(30, 150)
        .mask(lost > 0.985),
    )


def _dates(count: int, rng: np.random.Generator) -> tuple[list[Any], list[Any]]:
    """Return first day of use and day of filing: some late, some missing.

    Rule: within 30 days of first use, and by 2025-07-01 for systems that ran on 2025-04-01
    (Decree 799, article 14; domain.md 1.4).
    """
    decree = np.datetime64("2025-04-01")
    days = np.where(
        rng.random(count) < 0.82, rng.integers(0, 4_700, count), rng.integers(4_700, 5_260, count)
    )
    since = np.datetime64("2012-05-01") + days.astype("timedelta64[D]")
    wait = np.where(
        rng.random(count) < 0.93, rng.integers(1, 30, count), rng.integers(31, 200, count)
    )
    old_wait = np.where(
        rng.random(count) < 0.94, rng.integers(5, 91, count), rng.integers(92, 300, count)
    )
    filed = np.where(
        since > decree,
        since + wait.astype("timedelta64[D]"),
        decree + old_wait.astype("timedelta64[D]"),
    )
    missing = (rng.random(count) < 0.05) | (filed > np.datetime64("2026-10-01"))
    known = rng.random(count) > 0.01
    first = [str(day) if ok else None for day, ok in zip(since, known, strict=True)]
    return first, [None if gone else str(day) for day, gone in zip(filed, missing, strict=True)]


def _register(table: pd.DataFrame, where: NDArray[Any], rng: np.random.Generator) -> pd.DataFrame:
    """Return the columns that a register holds beside position and optics."""
    count = len(table)
    street = table["setting"] == "street"
    place = np.where(
        street,
        "road",
        rng.choice(
            ["public_venue", "service_area", "hub", "transport"], count, p=[0.7, 0.2, 0.06, 0.04]
        ),
    )
    kind = np.where(rng.random(count) < 0.08, "131", "132")
    industry = np.where(
        street,
        rng.choice(["00", "04", "08"], count, p=[0.62, 0.28, 0.1]),
        rng.choice(["01", "02", "11"], count, p=[0.6, 0.3, 0.1]),
    )
    network = np.where(industry == "00", "0", rng.choice(["0", "2", "6"], count, p=[0.5, 0.4, 0.1]))
    sequence = np.char.zfill(np.arange(1, count + 1).astype(str), 6)
    since, filed = _dates(count, rng)
    suffix = np.where(street, "路口", "出入口")
    # Numbered along each road, as a register would.
    site = pd.Series(where.astype(str)) + suffix
    names = site + (site.groupby(site).cumcount() + 1).map("{}号".format)
    return table.assign(
        code=[
            "50010800" + "".join(parts)
            for parts in zip(industry, kind, network, sequence, strict=True)
        ],
        name=names,
        place_category=pd.Series(place, dtype=object).mask(rng.random(count) < 0.012, None),
        point_type=rng.choice([1, 2, 3], count, p=[0.34, 0.4, 0.26]),
        networked=rng.random(count) < 0.97,
        hd=rng.random(count) < 0.93,
        state=rng.choice(["in_use", "under_repair", "removed"], count, p=[0.96, 0.033, 0.007]),
        in_use_since=since,
        filed_at=filed,
    )


def camera_layer(
    ground: Ground,
    here: Character,
    roads: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame,
    seed: int,
) -> gpd.GeoDataFrame:
    """Return the cameras.

    Parameters
    ----------
    ground, here, roads, buildings
        The district so far, metric.
    seed
        Source of all randomness here.

    Returns
    -------
    GeoDataFrame
        RangeIndex; columns of the camera layer up to filed_at, setting (street, wall, inside,
        door), bearing_deg (the azimuth nobody forgot) and dome; metric points.
    """
    rng = np.random.default_rng([seed, 11])
    pressure = _pressure(ground, here, rng)
    counts = (round(ON_WALLS * CAMERAS), round(INSIDE * CAMERAS), round(AT_DOORS * CAMERAS))
    around = _at_buildings(buildings, pressure, counts, rng)
    points = shapely.points(around[["x", "y"]].to_numpy())
    shapely.prepare(ground.outline)
    good = shapely.contains_properly(ground.outline, points)
    hidden = shapely.STRtree(buildings.geometry.array).query(points, predicate="within")[0]
    wrong = np.isin(np.arange(len(points)), hidden) & (around["setting"] != "inside")
    around = around[good & ~wrong]
    streets = _on_streets(ground, roads, pressure, CAMERAS - len(around), rng)
    table = pd.concat([streets, around], ignore_index=True)
    points = shapely.points(table[["x", "y"]].to_numpy())
    named = roads[roads["name"].notna()].reset_index(drop=True)
    _, road = shapely.STRtree(named.geometry.array).query_nearest(points, all_matches=False)
    table = _register(_optics(table, rng), named["name"].to_numpy()[road], rng)
    return gpd.GeoDataFrame(table, geometry=points, crs=ground.frame)
