"""Where no camera may film in the demo district.

Belongs here: rooms inside buildings and yards behind homes. Does not belong here: whether a
camera looks in all the same (``gridmap.camera_coverage``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gridmap.demo.buildings import apart
from gridmap.demo.walls import facing, way_to

if TYPE_CHECKING:
    from gridmap.demo.ground import Floats, Ground, Indices

ROOMS = (
    ("医院|卫生服务中心|幼儿园", "nursing_room", "母婴室", 8),
    ("文化中心|体育馆|农贸市场", "toilet", "卫生间", 8),
    ("中学|职业学校", "dormitory", "学生宿舍", 10),
    ("商场|购物中心", "changing_room", "试衣间", 8),
    ("酒店|体育馆", "bath", "浴室", 8),
    ("酒店", "lodging", "客房", 10),
    ("厂|物流园|科技园", "dormitory", "职工宿舍", 8),
    ("厂", "bath", "职工浴室", 6),
)
"""What the building's name says it is, kind of zone, what it is called, how many."""

YARDS = 45
YARD_DEPTH_M = (4.0, 7.0)
"""Yards behind homes, and how deep they are."""

WATCHED = 0.75
WATCHED_WITHIN_M = 25.0
"""Share of the yards that lie near a camera, so that some views enter one; and how near."""

CLEAR_M = 1.0
"""No camera stands nearer to a zone: that would be a violation, not a finding."""

LEAST_HOUSE_M2 = 120.0
_WALL_M = 0.5
_ROAD_REACH_M = 25.0


def _boxes(middle: Floats, along: Floats, half: Floats) -> NDArray[Any]:
    """Return turned boxes: their middles, unit vectors and half sizes, each (n, 2)."""
    across = np.column_stack([-along[:, 1], along[:, 0]])
    corner = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    u, v = corner[:, 0] * half[:, :1], corner[:, 1] * half[:, 1:]
    xy = middle[:, None] + u[..., None] * along[:, None] + v[..., None] * across[:, None]
    return np.asarray(shapely.polygons(xy))


def _rooms(
    buildings: gpd.GeoDataFrame, cameras: NDArray[Any], rng: np.random.Generator
) -> pd.DataFrame:
    """Return rooms inside buildings that hold no camera: kind, name, shape."""
    shapes = buildings.geometry.to_numpy()
    free = shapely.area(shapes) >= LEAST_HOUSE_M2
    free[shapely.STRtree(shapes).query(cameras, "within")[1]] = False
    parts = []
    names = buildings["name"].fillna("").astype(str)
    for house, kind, called, count in ROOMS:
        fit = names.str.contains(rf"(?:{house})\d+号", regex=True).to_numpy(dtype=bool)
        rows = np.flatnonzero(free & fit)
        rows = np.sort(rng.choice(rows, min(count, len(rows)), replace=False))
        free[rows] = False
        label = names.to_numpy(dtype=object)[rows] + called
        parts.append(pd.DataFrame({"row": rows, "kind": kind, "name": label}))
    table = pd.concat(parts, ignore_index=True)
    rows = table["row"].to_numpy()
    inner = shapely.buffer(shapes[rows], -_WALL_M, join_style="mitre")
    turn = buildings["turn"].to_numpy(dtype=float)[rows]
    middle = shapely.get_coordinates(shapely.point_on_surface(inner))
    half = rng.uniform((3.0, 2.0), (6.0, 4.0), (len(rows), 2))
    box = _boxes(middle, np.column_stack([np.cos(turn), np.sin(turn)]), half)
    room = shapely.intersection(inner, box)
    table["shape"] = room
    whole = (shapely.get_type_id(room) == 3) & (shapely.area(room) >= 4.0)
    return table[whole].drop(columns="row")


def _near_cameras(shapes: NDArray[Any], cameras: NDArray[Any], reach_m: float) -> Indices:
    """Return the rows of the shapes that have a camera within reach, ascending."""
    near = shapely.STRtree(shapes).query(cameras, "dwithin", reach_m)[1]
    return np.asarray(np.unique(near))


def _off_roads(shapes: NDArray[Any], roads: gpd.GeoDataFrame) -> NDArray[np.bool_]:
    """Return which shapes reach into no road."""
    lines, half = roads.geometry.to_numpy(), roads["width_m"].to_numpy(dtype=float) / 2
    row, road = shapely.STRtree(lines).query(shapes, "dwithin", _ROAD_REACH_M)
    hit = row[shapely.distance(shapes[row], lines[road]) < half[road]]
    return ~np.isin(np.arange(len(shapes)), hit)


def _yards(
    buildings: gpd.GeoDataFrame,
    roads: gpd.GeoDataFrame,
    cameras: NDArray[Any],
    ground: Ground,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return yards at the wall that looks away from the road: kind, name, shape."""
    homes = buildings[buildings["household_count"] > 0]
    near = _near_cameras(homes.geometry.to_numpy(), cameras, WATCHED_WITHIN_M)
    far = np.setdiff1d(np.arange(len(homes)), near)
    watched = round(WATCHED * YARDS)
    # Five times as many as wanted: most yards are taken by a neighbour's house or a road.
    pools = [(near, watched), (far, YARDS - watched)]
    kept = []
    for pool, wanted in pools:
        some = homes.iloc[rng.choice(pool, min(5 * wanted, len(pool)), replace=False)]
        yards = _behind(some, roads, rng)
        good = _vacant(yards, buildings, roads, cameras, ground)
        label = some["name"].where(some["name"].notna(), some["address"]) + "后院"
        part = pd.DataFrame({"kind": "dwelling", "name": label.to_numpy(), "shape": yards})
        kept.append(part[good].head(wanted))
    return pd.concat(kept, ignore_index=True)


def _behind(
    homes: gpd.GeoDataFrame, roads: gpd.GeoDataFrame, rng: np.random.Generator
) -> NDArray[Any]:
    """Return the yard of each home, along the most of its rear wall."""
    shapes = homes.geometry.to_numpy()
    rear = facing(shapes, -way_to(roads.geometry.to_numpy(), shapely.centroid(shapes)))
    depth = rng.uniform(*YARD_DEPTH_M, len(shapes))
    middle = rear.at(np.full(len(shapes), 0.5)) + rear.outward * (depth / 2)[:, None]
    half = np.column_stack([np.minimum(0.45 * rear.length, 12.0), depth / 2])
    return _boxes(middle, rear.way / rear.length[:, None], half)


def _vacant(
    yards: NDArray[Any],
    buildings: gpd.GeoDataFrame,
    roads: gpd.GeoDataFrame,
    cameras: NDArray[Any],
    ground: Ground,
) -> NDArray[np.bool_]:
    """Return which yards hold no building, road or camera and lie inside the district."""
    # The own house touches its yard; a little smaller, the yard meets only others.
    core = shapely.buffer(yards, -0.001, join_style="mitre")
    built = shapely.STRtree(buildings.geometry.to_numpy()).query(core, "intersects")[0]
    filmed = _near_cameras(yards, cameras, CLEAR_M)
    taken = np.isin(np.arange(len(yards)), np.concatenate([built, filmed]))
    inside = shapely.contains_properly(ground.outline, yards)
    return np.asarray(~taken & inside & apart(yards) & _off_roads(yards, roads))


def privacy_zones(
    buildings: gpd.GeoDataFrame,
    roads: gpd.GeoDataFrame,
    cameras: gpd.GeoDataFrame,
    ground: Ground,
    seed: int,
) -> gpd.GeoDataFrame:
    """Return the zones no camera may film.

    Parameters
    ----------
    buildings, roads, cameras, ground
        The district so far, metric.
    seed
        Source of all randomness here.

    Returns
    -------
    GeoDataFrame
        RangeIndex; columns of the layer; metric polygons, in none of which a camera stands
        (rule V06); views of some cameras enter a yard (rule V07).

    Notes
    -----
    Rule: the banned interiors of Decree 799, and courtyards of dwellings (domain.md 1.4). Source:
    own choice of which. Cost O(n log n).
    """
    rng = np.random.default_rng([seed, 14])
    points = cameras.geometry.to_numpy()
    rooms = _rooms(buildings, points, rng)
    table = pd.concat([rooms, _yards(buildings, roads, points, ground, rng)], ignore_index=True)
    table["code"] = [f"PZ{number:04d}" for number in range(1, len(table) + 1)]
    shapes = table.pop("shape").to_numpy()
    return gpd.GeoDataFrame(table, geometry=shapes, crs=ground.frame)
