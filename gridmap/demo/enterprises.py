"""Enterprises and social organisations of the demo district, and the Party's work with them.

Belongs here: the "two new" organisations, what they declare, their branches, who works with them
and who keeps in contact. Does not belong here: the branches, which count among the district's
Party organisations already (``organisations``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridmap.demo.departments import DEPARTMENTS, leader_codes
from gridmap.demo.gaps import gaps
from gridmap.demo.organisations import MOST_UNITS
from gridmap.demo.places import WORDS
from gridmap.demo.registers import Register, duties
from gridmap.demo.seats import seats

if TYPE_CHECKING:
    import geopandas as gpd

    from gridmap.demo.divisions import Divisions

ENTERPRISES, SOCIAL_ORGS = 2_500, 300
"""Own choice: about 17 enterprises and 2 social organisations a community."""

_TRADES = ("物业公司", "物流公司", "机械公司", "电子公司", "农贸市场")
_SOCIAL = ("商会", "养老院", "幼儿园")
"""Which of the units that have branches are "two new" organisations; schools and clinics are
not."""

_WORK = "商贸 餐饮 物流 机械 电子 科技 广告 装饰 家政 咨询 汽修 服装"
_FREE_TRADES = tuple(_WORK.split())
_FREE_SOCIAL = ("社工服务社", "文体协会", "养老院", "幼儿园", "志愿者协会")

_BRANCHLESS_SHARES = (0.73, 0.15, 0.098, 0.022)
"""Shares of the units without a branch that declare 0, 1, 2 and more full members."""

_COLUMNS = ["name", "kind", "unit", "full_members", "branch", "mode"]


def _with_branches(
    units: Divisions, orgs: pd.DataFrame, rng: np.random.Generator
) -> list[tuple[Any, ...]]:
    """Return the units of the branches that no grid is served by, five of a joint one at most."""
    alone = orgs["kind"].isin(["branch", "joint_branch"]) & orgs["host_code"].str.len().eq(12)
    rows: list[tuple[Any, ...]] = []
    for code, kind, place, name, full in zip(
        *(orgs.loc[alone, c] for c in ("code", "kind", "host_code", "name", "full_members")),
        strict=True,
    ):
        label, number = name.removeprefix(units.names[place]).removesuffix("）").split("党支部（")
        trade = label.removesuffix("等联合")
        if trade not in (*_TRADES, *_SOCIAL):
            continue
        if kind == "branch":
            # One in ten declares another count than its branch holds.
            full = max(3, int(full) + int(rng.random() < 0.1))
            rows.append((*_named(units, place, trade, number), place, full, code, "own"))
            continue
        for part in range(1, int(np.clip(full // 2, 2, MOST_UNITS)) + 1):
            odd = rng.random() < 0.04
            declared = int(rng.integers(3, 6) if odd else rng.integers(1, 3))
            which = f"{number}-{part}"
            rows.append((*_named(units, place, trade, which), place, declared, code, "joint"))
    return rows


def _named(units: Divisions, place: str, trade: str, number: str) -> tuple[str, str]:
    """Return name and kind."""
    kind = "social_org" if trade in _SOCIAL else "enterprise"
    return f"{units.names[place]}{trade}（{number}）", kind


def _without_branches(
    count: int, social: int, buildings: gpd.GeoDataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the other units, where people work."""
    work = buildings[buildings["kind"].isin(["commercial", "industrial"]).to_numpy()]
    weight = np.sqrt(work["floor_area_m2"].to_numpy(dtype=float))
    seat = rng.choice(work["code"].to_numpy(), count, p=weight / weight.sum())
    is_social = np.arange(count) < social
    word, trade = rng.choice(WORDS, count), rng.choice(_FREE_TRADES, count)
    group = rng.choice(_FREE_SOCIAL, count)
    declared = rng.choice(4, count, p=_BRANCHLESS_SHARES)
    names = [
        f"示例{first}{club if some else f'{line}企业'}（{number}号）"
        for number, (first, club, line, some) in enumerate(
            zip(word, group, trade, is_social, strict=True), start=1
        )
    ]
    return pd.DataFrame(
        {
            "name": names,
            "kind": np.where(is_social, "social_org", "enterprise"),
            "seat_code": seat,
            "full_members": np.where(declared == 3, rng.integers(3, 15, count), declared),
        }
    )


def _employers(
    units: Divisions, orgs: pd.DataFrame, buildings: gpd.GeoDataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Return all units with code, seat and staff, and the branch of those that have one."""
    led = pd.DataFrame(_with_branches(units, orgs, rng), columns=_COLUMNS)
    led["seat_code"] = seats(buildings, led["unit"].tolist(), ("commercial", "industrial"), rng)
    social = int((led["kind"] == "social_org").sum())
    others = _without_branches(
        ENTERPRISES + SOCIAL_ORGS - len(led), SOCIAL_ORGS - social, buildings, rng
    )
    columns = [*others.columns, "branch", "mode"]
    both = [frame.reindex(columns=columns).astype(object) for frame in (led, others)]
    table = pd.concat(both, ignore_index=True)
    table = table.sort_values("seat_code", kind="stable", ignore_index=True)
    count, full = len(table), table["full_members"].astype(int)
    staff = np.round(np.exp(rng.normal(2.7, 1.1, count))).astype(int)
    return table.assign(
        code=[f"QY{number:04d}" for number in range(1, count + 1)],
        host_code=table["seat_code"].str[:15],
        full_members=full,
        probationary_members=rng.binomial(full, 0.05),
        staff_count=np.clip(staff, 2, 5_000) + 4 * full,
    )


def _worked_with(
    units: Divisions, table: pd.DataFrame, orgs: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the duties of community committees, and of Party centres in their street."""
    lazy = gaps(units.community_xy, 0.15, 4_000.0, rng)
    left_out = {units.communities[place] for place in np.flatnonzero(lazy)}
    home = table["host_code"].str[:12]
    chance = np.where(table["branch"].isna(), 0.6, 0.3) * ~home.isin(left_out)
    some = rng.random(len(table)) < chance
    centre = orgs[orgs["kind"] == "party_service_centre"].set_index("host_code")["code"]
    of_centre = home.str[:9].map(centre)
    by_centre = of_centre.notna() & (rng.random(len(table)) < 0.5)
    holder = of_centre.where(by_centre, "DW" + home)
    return duties("enterprise_work", holder[some].to_numpy(), table["code"][some].to_numpy())


def _kept_in_contact(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return the duties of leaders, to large units only, and of departments."""
    large = (table["staff_count"] >= 60).to_numpy()
    some = np.flatnonzero(rng.random(len(table)) < np.where(large, 0.6, 0.12))
    by_leader = large[some] & (rng.random(len(some)) < 0.5)
    leader = rng.choice(leader_codes(), len(some)).astype(object)
    department = [f"BM{number + 1:03d}" for number in rng.integers(DEPARTMENTS, size=len(some))]
    holder: NDArray[Any] = np.where(by_leader, leader, np.array(department, dtype=object))
    return duties("enterprise_contact", holder, table["code"].to_numpy()[some])


def enterprises(
    units: Divisions, orgs: pd.DataFrame, buildings: gpd.GeoDataFrame, seed: int
) -> Register:
    """Return the "two new" organisations and the duties to them.

    Parameters
    ----------
    units
        Communities.
    orgs
        Branches and Party centres: columns code, name, kind, host_code, full_members.
    buildings
        Result of `homes.building_layer`.
    seed
        Source of all randomness here.

    Returns
    -------
    Register
        Organisations, and duties enterprise_branch, enterprise_work, enterprise_contact.

    Notes
    -----
    Rule: a unit of three full members has its own branch, smaller ones join, five at most
    (domain.md 1.6); some lack what they should have. What a unit declares of its members is its
    own word, the branch counts them.
    """
    rng = np.random.default_rng([seed, 27])
    table = _employers(units, orgs, buildings, rng)
    led = table[table["branch"].notna()]
    branch = duties(
        "enterprise_branch",
        led["branch"].to_numpy(),
        led["code"].to_numpy(),
        mode=led["mode"].to_numpy(),
    )
    parts = [branch, _worked_with(units, table, orgs, rng), _kept_in_contact(table, rng)]
    return Register(
        organisation=table.drop(columns=["branch", "mode"]),
        duty=pd.concat(parts, ignore_index=True),
    )
