"""The demo district's catalogue of matters, and a year of matters that were reported.

Belongs here: the 70 items with class and route, the matters with place, days, state and where
they were sent. Does not belong here: sorting them by rule, which is the core's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gridmap.demo.departments import DEPARTMENTS, department_code
from gridmap.demo.places import AS_OF

if TYPE_CHECKING:
    from gridmap.demo.divisions import Divisions
    from gridmap.demo.ground import Floats, Ground, Indices

MATTERS = 3_000
"""Of one year; own choice: about 20 a community."""

SYSTEMS = 16
"""Source systems that the one network joins (domain.md section 0)."""

HOT_SPOTS, HOT_MATTERS, TWICE = 25, 150, 60
"""Places where one thing comes up again and again, how often in all, and how many matters came in
by two systems."""

OUTSIDE, WITHOUT_ITEM = 0.006, 0.004
WRONG_UNIT, WRONG_GRID, NO_GRID = 0.05, 0.03, 0.02
"""Shares of matters with an item that the catalogue lacks, without any, sent to a wrong unit, put
into a wrong grid, into none."""

_DEPARTMENT_ITEMS = {
    "公安": "治安隐患 噪声扰民 养犬管理",
    "民政": "低保申请 临时救助 养老服务",
    "人力社保": "社保办理 就业帮扶 欠薪反映",
    "住房城乡建设": "房屋安全 老旧小区改造",
    "城市管理": "占道经营 违章搭建 市政设施损坏 垃圾清运",
    "交通": "道路破损 公交站点",
    "生态环境": "油烟污染 污水排放",
    "卫生健康": "疫苗接种 医疗救助",
    "应急管理": "消防通道堵塞 地质灾害隐患",
    "市场监管": "食品安全 价格投诉",
}
_LEADING_ITEMS = "党组织设置 党员教育 阵地建设 联席会议 共驻共建"
_COMMITTEE_ITEMS = (
    "邻里纠纷 楼道堆物 院落绿化 公共照明 停车秩序 晾晒管理 楼道卫生 公共座椅 院落议事 "
    "居民公约 信息公示 活动场地 共享工具 电动车充电"
)
_SOCIAL_ITEMS = (
    "文体活动 志愿服务 青少年托管 老人助餐 法律咨询 心理疏导 技能培训 公益集市 阅读推广 "
    "健康讲座 残疾人帮扶 社区教育"
)
_MARKET_ITEMS = "家电维修 管道疏通 家政保洁 房屋中介 搬家服务 开锁服务 代购代办 家庭装修"
_SELF_ITEMS = "临时看护 物品借用 顺路代取 旧物交换 邻里陪伴 钥匙代存"


def matter_items() -> pd.DataFrame:
    """Return the catalogue.

    Returns
    -------
    DataFrame
        RangeIndex; columns of the layer matter_item.

    Notes
    -----
    Rule: 70 items (domain.md section 0); classes and routes as in section 4; their names are own
    choice.
    """
    rows: list[tuple[str, str, str, str | None, int | None]] = [
        (name, "big", "government_department", department_code(subject), 15)
        for subject, names in _DEPARTMENT_ITEMS.items()
        for name in names.split()
    ]
    for names, matter_class, route, days in (
        (_LEADING_ITEMS, "big", "leading_group", 30),
        (_COMMITTEE_ITEMS, "small", "community_committees", 10),
        (_SOCIAL_ITEMS, "small", "social_units", 20),
        (_MARKET_ITEMS, "private", "market", None),
        (_SELF_ITEMS, "private", "self_help", None),
    ):
        rows += [(name, matter_class, route, None, days) for name in names.split()]
    columns = ["name", "matter_class", "route", "unit_code", "days_allowed"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(code=[f"SX{number:03d}" for number in range(1, len(table) + 1)])


def _sources(rng: np.random.Generator) -> Indices:
    """Return the matter each is like, in place and item: mostly itself."""
    source = np.arange(MATTERS)
    lot = rng.permutation(MATTERS)
    spots, echoes = lot[:HOT_SPOTS], lot[HOT_SPOTS : HOT_SPOTS + HOT_MATTERS]
    source[echoes] = rng.choice(spots, HOT_MATTERS)
    # Matters are ordered by day, so the next one came soon after.
    first = lot[-TWICE:]
    source[np.minimum(first + 1, MATTERS - 1)] = source[first]
    return source


def _places(
    ground: Ground, buildings: gpd.GeoDataFrame, source: Indices, rng: np.random.Generator
) -> tuple[NDArray[Any], Indices]:
    """Return where matters are, beside buildings, and the grid of each: some grids have many."""
    mood = rng.gamma(0.7, size=len(ground.grids))
    grid = buildings["grid"].to_numpy()
    weight = mood[grid] * (buildings["household_count"].to_numpy(dtype=float) + 2.0)
    home = rng.choice(len(buildings), MATTERS, p=weight / weight.sum())[source]
    middle = shapely.get_coordinates(shapely.centroid(buildings.geometry.to_numpy()[home]))
    points = shapely.points(middle + rng.normal(0.0, 12.0, (MATTERS, 2)))
    shapes = ground.grids.geometry.to_numpy()
    own = shapely.STRtree(points).query(shapes, "contains_properly")
    found = grid[home].copy()
    # Off the outline, or on a border: back to the building, which is inside.
    astray = np.ones(MATTERS, dtype=bool)
    astray[own[1]] = False
    found[own[1]] = own[0]
    points[astray] = shapely.point_on_surface(buildings.geometry.to_numpy()[home[astray]])
    return points, found


def _days(allowed: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """Return state and days of each matter, none of them later than today."""
    today = np.datetime64(AS_OF)
    reported = today - np.sort(rng.integers(1, 366, MATTERS))[::-1]
    accepted = reported + rng.integers(0, 6, MATTERS)
    took = np.round(rng.gamma(2.0, size=MATTERS) * np.nan_to_num(allowed, nan=5.0) / 4.0)
    resolved = accepted + took.astype(int) + 1
    returned = rng.random(MATTERS) < 0.03
    state = np.select(
        [accepted > today, returned, resolved > today],
        ["reported", "returned", "in_work"],
        "resolved",
    )
    fresh = (state == "in_work") & (today - accepted < np.timedelta64(3, "D"))
    state = np.where(fresh, "accepted", state)
    taken = np.isin(state, ["accepted", "in_work", "resolved"])
    return {
        "state": state,
        "reported_on": _objects(reported, np.ones(MATTERS, dtype=bool)),
        "accepted_on": _objects(accepted, taken),
        "resolved_on": _objects(resolved, state == "resolved"),
    }


def _objects(values: NDArray[Any], some: NDArray[np.bool_]) -> pd.Series:
    """Return values as objects, null where they are not to be."""
    pairs = zip(values.tolist(), some, strict=True)
    return pd.Series([value if kept else None for value, kept in pairs], dtype=object)


def _routed_to(
    items: pd.DataFrame, community: NDArray[Any], rng: np.random.Generator
) -> NDArray[Any]:
    """Return the unit each matter was sent to: some to a department that it is nothing to."""
    local = pd.Series(["DW" + code for code in community], dtype=object)
    route = items["route"].reset_index(drop=True)
    unit = items["unit_code"].reset_index(drop=True).astype(object)
    unit = unit.mask(route.eq("leading_group"), local.str[:11])
    unit = unit.mask(route.isin(["community_committees", "social_units"]), local)
    other = pd.Series([f"BM{n + 1:03d}" for n in rng.integers(DEPARTMENTS, size=MATTERS)])
    wrong = unit.notna() & (rng.random(MATTERS) < WRONG_UNIT)
    return np.asarray(unit.mask(wrong, other), dtype=object)


def _routed_grid(units: Divisions, grid: Indices, rng: np.random.Generator) -> pd.Series:
    """Return the grid each matter was put into: few into the next one, few into none."""
    lot, count = rng.random(MATTERS), len(units.grids)
    beside = np.where(grid + 1 < count, grid + 1, grid - 1)
    chosen = np.where(lot < WRONG_GRID, beside, grid)
    return _objects(units.grids[chosen], lot < 1 - NO_GRID)


def matters(
    ground: Ground,
    units: Divisions,
    buildings: gpd.GeoDataFrame,
    items: pd.DataFrame,
    seed: int,
) -> gpd.GeoDataFrame:
    """Return a year of matters.

    Parameters
    ----------
    ground, units
        The tiling and its units.
    buildings
        Result of `homes.building_layer`.
    items
        Result of `matter_items`.
    seed
        Source of all randomness here.

    Returns
    -------
    GeoDataFrame
        RangeIndex, ordered by day; columns of the layer; metric points inside the district.

    Notes
    -----
    Rule: one matter in a hundred has no item of the catalogue, some were sent to a wrong unit or
    grid, some came in twice, some lie in hot spots. Source: own choice.
    """
    rng = np.random.default_rng([seed, 32])
    source = _sources(rng)
    points, grid = _places(ground, buildings, source, rng)
    item = rng.choice(len(items), MATTERS, p=_popularity(len(items), rng))[source]
    chosen = items.iloc[item]
    lot = rng.random(MATTERS)
    code = np.where(lot < OUTSIDE, "SX999", chosen["code"].to_numpy(dtype=object))
    community = np.array(units.communities)[units.community[grid]]
    table: dict[str, Any] = {
        "code": [f"SJ{number:05d}" for number in range(1, MATTERS + 1)],
        "item_code": _objects(code, lot < 1 - WITHOUT_ITEM),
        "summary": "示例事项：" + chosen["name"].to_numpy(dtype=object),
        "source_system": [f"示例系统{n + 1:02d}" for n in rng.integers(SYSTEMS, size=MATTERS)],
        **_days(chosen["days_allowed"].to_numpy(dtype=float), rng),
        "routed_to": _routed_to(chosen, community, rng),
        "routed_grid": _routed_grid(units, grid, rng),
    }
    return gpd.GeoDataFrame(table, geometry=points, crs=ground.frame)


def _popularity(count: int, rng: np.random.Generator) -> Floats:
    weight = rng.gamma(1.5, size=count)
    return np.asarray(weight / weight.sum())
