"""Party-building projects of the demo district's communities, and what people propose.

Belongs here: projects by community and year, proposals and what became of them. Does not belong
here: matters that are reported (``matters``).
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gridmap.demo.places import AS_OF

if TYPE_CHECKING:
    from gridmap.demo.divisions import Divisions
    from gridmap.demo.ground import Indices

PROJECTS, PROPOSALS = 1_370, 2_138
"""Projects and proposals of the district (domain.md section 0)."""

RESOLVED_SHARE = 0.83
"""Of the proposals: the report says more than 80 %."""

YEARS = tuple(range(2021, 2027))

_TODAY = dt.date.fromisoformat(AS_OF)
_COUNTS = (0.04, 0.46, 0.47, 0.03)
"""Shares of communities and years with 0, 1, 2 and 3 projects: one or two are meant."""

_DONE_FOR = (
    "邻里议事 楼道亮化 老年食堂 儿童乐园 院落美化 平安巡防 技能课堂 文化长廊 便民驿站 绿色家园"
)
_WISHED_FOR = (
    "加装路灯 增设停车位 修缮步道 增设健身器材 改造排水 增设晾晒架 延长图书室开放 增设无障碍坡道 "
    "增加垃圾分类点 清理楼道"
)
_TOPICS, _WISHES = tuple(_DONE_FOR.split()), tuple(_WISHED_FOR.split())


def _counts(size: int, rng: np.random.Generator) -> Indices:
    """Return projects of each community and year, `PROJECTS` in all."""
    counts = rng.choice(len(_COUNTS), size, p=_COUNTS)
    odd = PROJECTS - int(counts.sum())
    ordinary, other = (1, 2) if odd > 0 else (2, 1)
    some = rng.choice(np.flatnonzero(counts == ordinary), abs(odd), replace=False)
    counts[some] = other
    return counts


def _project_states(year: Indices, rng: np.random.Generator) -> list[str]:
    """Return the states: those of this year are under way, those before are done but for few."""
    lot = rng.random(len(year))
    now = np.select([lot < 0.35, lot < 0.85], ["done", "in_work"], "planned")
    before = np.where(lot < 0.02, "dropped", "done")
    return list(np.where(year == YEARS[-1], now, before))


def projects(units: Divisions, seed: int) -> pd.DataFrame:
    """Return the projects of communities.

    Parameters
    ----------
    units
        Communities.
    seed
        Source of all randomness here.

    Returns
    -------
    DataFrame
        RangeIndex; columns of the layer, ordered by community and year.

    Notes
    -----
    Rule: one or two a community and year, 1,370 in all, satisfaction over 95 % (domain.md 4).
    """
    rng = np.random.default_rng([seed, 30])
    count = _counts(len(units.communities) * len(YEARS), rng)
    slot = np.repeat(np.arange(len(count)), count)
    year = np.array(YEARS)[slot % len(YEARS)]
    code = np.array(units.communities, dtype=object)[slot // len(YEARS)]
    topic = np.array(_TOPICS, dtype=object)[rng.integers(len(_TOPICS), size=PROJECTS)]
    state = _project_states(year, rng)
    content = np.round(rng.beta(60.0, 2.2, PROJECTS), 3)
    place = pd.Series(code).map(units.names)
    return pd.DataFrame(
        {
            "code": [f"XM{number:04d}" for number in range(1, PROJECTS + 1)],
            "name": place + pd.Series(year).map("{}年".format) + topic + "项目",
            "community_code": code,
            "year": year,
            "state": state,
            "budget_cny": 1_000.0 * rng.integers(20, 160, PROJECTS),
            "satisfaction_share": np.where(np.array(state) == "done", content, np.nan),
        }
    )


def proposals(units: Divisions, seed: int) -> pd.DataFrame:
    """Return what people proposed, and what became of it.

    Parameters
    ----------
    units
        Streets and communities.
    seed
        Source of all randomness here.

    Returns
    -------
    DataFrame
        RangeIndex; columns of the layer, ordered by day.

    Notes
    -----
    Rule: 2,138 proposals of which more than 80 % are resolved (domain.md section 0).
    """
    rng = np.random.default_rng([seed, 31])
    count = PROPOSALS
    ago = np.sort(rng.integers(1, 3 * 365, count))[::-1]
    community = np.array(units.communities, dtype=object)[
        rng.integers(len(units.communities), size=count)
    ]
    host = np.where(rng.random(count) < 0.08, [code[:9] for code in community], community)
    # The older it is, the more likely something became of it.
    rank = np.argsort(-(ago + rng.normal(0.0, 300.0, count)), kind="stable")
    state = np.empty(count, dtype=object)
    done = round(RESOLVED_SHARE * count)
    state[rank[:done]] = "resolved"
    state[rank[done:]] = rng.choice(
        ["in_work", "raised", "declined"], count - done, p=[0.5, 0.2, 0.3]
    )
    took = np.minimum(rng.integers(7, 180, count), ago - 1)
    raised = [_TODAY - dt.timedelta(days=int(days)) for days in ago]
    wish = np.array(_WISHES, dtype=object)[rng.integers(len(_WISHES), size=count)]
    return pd.DataFrame(
        {
            "code": [f"TA{number:04d}" for number in range(1, count + 1)],
            "name": "关于" + pd.Series(host).map(units.names) + wish + "的建议",
            "host_code": host,
            "raised_on": raised,
            "state": state,
            "resolved_on": [
                day + dt.timedelta(days=int(days)) if one == "resolved" else None
                for day, days, one in zip(raised, took, state, strict=True)
            ],
        }
    )
