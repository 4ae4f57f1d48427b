"""The Party organisations of the demo district and whom they serve.

Belongs here: the tree of organisations, their member counts, the groups and the duties. Does not
belong here: where buildings stand (``buildings``).

Members are counted once: branches hold them, upper levels have none of their own, and the
members of a party group are members of its branch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridmap.demo.registers import Register
from gridmap.demo.shares import whole_parts
from gridmap.model import kind_of

if TYPE_CHECKING:
    import geopandas as gpd

    from gridmap.demo.ground import Floats, Ground, Indices
    from gridmap.demo.parcels import Character

ORGANISATIONS = 1_509
MEMBERS = 33_642
"""Party organisations and members (domain.md section 0)."""

MOST_MEMBERS = 50
LEAST_MEMBERS = 3
MOST_UNITS = 5
"""Members of a branch, units of a joint branch (domain.md 1.6)."""

PER_GROUP = 4.6
"""Buildings that a group of three or four members serves on average, towers apart."""

_Row = tuple[str, str, str, str, float]
_COLUMNS = [
    "code",
    "name",
    "kind",
    "parent_code",
    "host_code",
    "full_members",
    "probationary_members",
]


def _uncovered_grids(ground: Ground, here: Character, rng: np.random.Generator) -> set[int]:
    """Return the grids without a branch: whole quarters of new towns and cleared villages."""
    grids = ground.grids
    code = grids["community"]
    chance = 0.6 * here.new + 0.35 * ~grids["urban"] + 0.12
    by_community = chance.groupby(code).mean()
    lot = pd.Series(rng.random(len(by_community)), index=by_community.index) / by_community
    chosen = lot.sort_values(kind="stable").index[:15]
    empty = code.isin(chosen).to_numpy() & (rng.random(len(grids)) < 0.75)
    stray = rng.random(len(grids)) < 0.008
    return set(np.flatnonzero(empty | stray).tolist())


def _grid_branches(ground: Ground, empty: set[int], rng: np.random.Generator) -> list[list[int]]:
    """Return the grids of each branch: mostly one, more often several in villages."""
    rows: list[list[int]] = []
    for _, group in ground.grids.groupby("community", sort=True):
        chance = 0.06 if bool(group["urban"].iloc[0]) else 0.25
        first = len(rows)
        for grid in group.index.difference(pd.Index(sorted(empty))):
            if len(rows) > first and len(rows[-1]) < MOST_UNITS and rng.random() < chance:
                rows[-1].append(int(grid))
            else:
                rows.append([int(grid)])
    return rows


def _upper(ground: Ground, names: dict[str, str]) -> pd.DataFrame:
    """Return the organisations of streets and communities, without members yet."""
    communities = sorted(ground.grids["community"].unique())
    rows: list[tuple[object, ...]] = []
    for code in sorted({code[:9] for code in communities}):
        street = kind_of(code) == "street"
        name = f"中共{names[code]}{'工作' if street else ''}委员会"
        kind = "working_committee" if street else "committee"
        rows.append((f"DW{code}", name, kind, None, code, 0, 0))
    for code in communities:
        name = f"中共{names[code]}委员会"
        rows.append((f"DW{code}", name, "committee", f"DW{code[:9]}", code, 0, 0))
    return pd.DataFrame(rows, columns=_COLUMNS)


_UNITS = (
    "小学",
    "中学",
    "社区卫生服务中心",
    "物业公司",
    "离退休干部",
    "商会",
    "物流公司",
    "机械公司",
    "电子公司",
    "养老院",
    "幼儿园",
    "农贸市场",
)


def _served_branches(
    ground: Ground,
    served: list[list[int]],
    need: Floats,
    names: dict[str, str],
    rng: np.random.Generator,
) -> list[_Row]:
    """Return one branch for each set of grids, larger where its groups have more to serve."""
    grids, rows = ground.grids, []
    for cell in served:
        first = grids.iloc[cell[0]]
        joint = len(cell) > 1
        label = "、".join(str(grids["number"].iloc[grid]) for grid in cell)
        name = f"{names[first['community']]}第{label}网格{'联合' if joint else ''}党支部"
        weight = (float(need[cell].sum()) + 7.0) * float(rng.gamma(12.0)) / 12.0
        kind = "joint_branch" if joint else "branch"
        rows.append((name, kind, str(first["community"]), str(first["code"]), weight))
    return rows


def _unit_branches(
    ground: Ground, count: int, names: dict[str, str], rng: np.random.Generator
) -> list[_Row]:
    """Return the branches of schools, firms and the retired; they serve no grid."""
    town = np.flatnonzero(ground.grids["urban"])
    rows = []
    for number, grid in enumerate(np.sort(rng.choice(town, count)), start=1):
        code = str(ground.grids["community"].iloc[grid])
        joint = rng.random() < 0.35
        unit = _UNITS[rng.integers(len(_UNITS))]
        name = f"{names[code]}{unit}{'等联合' if joint else ''}党支部（{number}）"
        kind = "joint_branch" if joint else "branch"
        rows.append((name, kind, code, code, float(rng.gamma(2.2)) * 4.0))
    return rows


def _with_members(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    limits = (LEAST_MEMBERS, MOST_MEMBERS)
    sizes = whole_parts(table["weight"].to_numpy(dtype=float), MEMBERS, limits, rng)
    probation = np.minimum(rng.binomial(sizes, 0.035), sizes - LEAST_MEMBERS)
    number = table.groupby("community").cumcount() + 1
    code = "DZB" + table["community"] + number.map("{:03d}".format)
    return table.assign(
        code=code,
        parent_code="DW" + table["community"],
        full_members=sizes - probation,
        probationary_members=probation,
    )


def _wishes(ground: Ground, here: Character, rng: np.random.Generator) -> Floats:
    """Return the share of its buildings that each grid's groups would like to serve."""
    base = 0.98 + 0.04 * here.old - 0.52 * here.new - 0.4 * here.industry**2
    base = base - 0.05 * ~ground.grids["urban"].to_numpy()
    community = ground.grids["community"].to_numpy()
    codes, place = np.unique(community, return_inverse=True)
    mood = rng.normal(0, 0.1, len(codes))[place] + rng.normal(0, 0.07, len(community))
    none = rng.random(len(community)) < 0.05 + 0.06 * here.new
    return np.asarray(np.where(none, 0.0, np.clip(base + mood, 0.0, 0.97)))


@dataclass
class _Groups:
    """Party groups and their duties as they are founded, branch by branch."""

    codes: NDArray[Any]
    homes: NDArray[Any]
    groups: list[tuple[object, ...]] = field(default_factory=list)
    duties: list[tuple[str, str, str, str]] = field(default_factory=list)

    def found(self, branch: pd.Series, runs: list[Indices], rng: np.random.Generator) -> None:
        """Found one group a run of buildings, as long as the branch has members left."""
        left = [int(branch["full_members"]), int(branch["probationary_members"])]
        for number, run in enumerate(runs, start=1):
            size = _group_size(left, rng)
            if size is None:
                return
            code = f"{branch['code']}-{number:02d}"
            name = f"{branch['name'].removesuffix('党支部')}第{number}党小组"
            host = self.codes[run[0]][:15]
            self.groups.append((code, name, "party_group", branch["code"], host, *size))
            mode = "own" if len(run) == 1 else "joint"
            self.duties += [(code, "party_group", self.codes[b], mode) for b in run]


def _groups(
    branches: pd.DataFrame,
    served: list[list[int]],
    buildings: gpd.GeoDataFrame,
    wish: Floats,
    rng: np.random.Generator,
) -> _Groups:
    """Return the party groups and their duties."""
    rows = buildings.groupby("grid").indices
    groups = _Groups(buildings["code"].to_numpy(), buildings["household_count"].to_numpy())
    shut = buildings["kind"].eq("industrial").to_numpy() & (rng.random(len(buildings)) > 0.1)
    for (_, branch), cells in zip(branches.iterrows(), served, strict=True):
        runs: list[Indices] = []
        for grid in cells:
            here = rows.get(grid, np.zeros(0, dtype=np.intp))
            runs += _chunks(here[~shut[here]], float(wish[grid]), groups.homes, rng)
        groups.found(branch, runs, rng)
    return groups


def _chunks(here: Indices, share: float, homes: Indices, rng: np.random.Generator) -> list[Indices]:
    """Return runs of neighbouring buildings, one run a group, about the wished share of all."""
    wanted, start, chunks = round(share * len(here)), 0, []
    skip = int(rng.integers(0, max(1, len(here) - wanted + 1)))
    line = np.concatenate([here[skip:], here[:skip]])[:wanted]
    while start < len(line):
        big = homes[line[start]] > 110
        size = 1 if big else int(rng.integers(4, 7))
        chunks.append(line[start : start + size])
        start += size
    return chunks


def _group_size(left: list[int], rng: np.random.Generator) -> tuple[int, int] | None:
    """Take a group's members out of what the branch has left; None if it has too few."""
    if left[0] < LEAST_MEMBERS:
        return None
    full = min(left[0], int(rng.integers(3, 5)))
    probation = min(left[1], int(rng.random() < 0.3))
    left[0] -= full
    left[1] -= probation
    return full, probation


def _named_by_size(upper: pd.DataFrame, branches: pd.DataFrame) -> pd.DataFrame:
    """Make a community's committee a general branch where its branches have at most 100 members."""
    size = (
        (branches["full_members"] + branches["probationary_members"])
        .groupby(branches["parent_code"])
        .sum()
    )
    small = upper["code"].map(size).le(100) & upper["host_code"].str.len().eq(12)
    kind = upper["kind"].mask(small, "general_branch")
    name = upper["name"].mask(small, upper["name"].str.replace("委员会", "总支部委员会"))
    return upper.assign(kind=kind, name=name)


def organisations(
    ground: Ground,
    here: Character,
    buildings: gpd.GeoDataFrame,
    names: dict[str, str],
    seed: int,
) -> Register:
    """Return the organisations and their duties.

    Parameters
    ----------
    ground, here
        The tiling and its character.
    buildings
        Result of `homes.building_layer`.
    names
        Short names of streets and communities by code.
    seed
        Source of all randomness here.

    Returns
    -------
    Register
        RangeIndex; the Party's organisations, and the duties party_group and party_branch.

    Notes
    -----
    Rule: a branch has 3 to 50 members, 50 to 100 make a general branch, more a committee; a
    group has at least 3 members. Source: domain.md 1.6.
    """
    rng = np.random.default_rng([seed, 10])
    upper = _upper(ground, names)
    wish = _wishes(ground, here, rng)
    homes = np.bincount(buildings["grid"], minlength=len(ground.grids))
    need = wish * homes / PER_GROUP * (LEAST_MEMBERS + 0.5)
    served = _grid_branches(ground, _uncovered_grids(ground, here, rng), rng)
    rows = _served_branches(ground, served, need, names, rng)
    rows += _unit_branches(ground, ORGANISATIONS - len(upper) - len(rows), names, rng)
    served += [[] for _ in range(len(rows) - len(served))]
    columns = ["name", "kind", "community", "host_code", "weight"]
    branches = _with_members(pd.DataFrame(rows, columns=columns), rng)
    found = _groups(branches, served, buildings, wish, rng)
    grid_code = ground.grids["code"].to_numpy()
    duties = found.duties + [
        (code, "party_branch", grid_code[grid], "own" if len(cells) == 1 else "joint")
        for code, cells in zip(branches["code"], served, strict=True)
        for grid in cells
    ]
    parts = [
        _named_by_size(upper, branches),
        branches[_COLUMNS],
        pd.DataFrame(found.groups, columns=_COLUMNS),
    ]
    duty = pd.DataFrame(duties, columns=["holder_code", "service", "target_code", "mode"])
    return Register(organisation=pd.concat(parts, ignore_index=True), duty=duty)
