"""The demo district's departments, their groups in the communities, and its leaders' contacts.

Belongs here: departments, service groups, district leaders' posts, and whom these three serve.
Does not belong here: the departments' own grids (``department_grids``).
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gridmap.demo.divisions import DISTRICT, Divisions
from gridmap.demo.gaps import gaps
from gridmap.demo.places import AS_OF
from gridmap.demo.registers import Register, duties
from gridmap.demo.shares import whole_parts

if TYPE_CHECKING:
    from gridmap.demo.ground import Indices

DEPARTMENTS, SERVICE_GROUPS, GROUP_STAFF, LEADERS = 151, 142, 977, 37
"""Departments, the groups they send out, the staff of those, and leaders (domain.md section 0)."""

RATED_DAYS = 184
"""The longest half year: partners are rated twice a year (domain.md section 4)."""

_TODAY = dt.date.fromisoformat(AS_OF)

_WORDS = (
    "发展改革 教育 科技 经济信息 民族宗教 公安 民政 司法 财政 人力社保 规划自然资源 生态环境 "
    "住房城乡建设 城市管理 交通 水利 农业农村 商务 文化旅游 卫生健康 退役军人 应急管理 审计 "
    "国资监管 市场监管 统计 医疗保障 信访 大数据 招商投资 机关事务 档案 体育 林业 粮食储备 "
    "消防救援 园林绿化 公共资源"
)
FIELDS = tuple(_WORDS.split())
"""Subjects of departments; four departments share one, but for the last."""

_ENDS = ("局", "服务中心", "事务所", "综合办公室")


def department_code(subject: str) -> str:
    """Return the code of the department for a subject.

    Parameters
    ----------
    subject
        One of `FIELDS`.

    Returns
    -------
    str
        As in the layer organisation.
    """
    return f"BM{FIELDS.index(subject) + 1:03d}"


def leader_codes() -> list[str]:
    """Return the codes of the district leaders' posts.

    Returns
    -------
    list of str
        `LEADERS` of them.
    """
    return [f"QLD{number:02d}" for number in range(1, LEADERS + 1)]


def _departments() -> pd.DataFrame:
    names = [f"示例{subject}{end}" for end in _ENDS for subject in FIELDS][:DEPARTMENTS]
    codes = [f"BM{number:03d}" for number in range(1, len(names) + 1)]
    return pd.DataFrame({"code": codes, "name": names, "kind": "department", "host_code": DISTRICT})


def _linked(units: Divisions, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Return group and community of every link: most groups have one, most communities too."""
    left_out = gaps(units.community_xy, 0.085, 5_000.0, rng)
    reached = rng.permutation(np.flatnonzero(~left_out))
    alone = reached[: round(0.87 * SERVICE_GROUPS)]
    second = rng.choice(alone, SERVICE_GROUPS - len(alone), replace=False)
    home = np.concatenate([alone, second])
    links = list(enumerate(home.tolist()))
    load = np.ones(SERVICE_GROUPS, dtype=int)
    for place in reached[len(alone) :]:
        away = np.hypot(*(units.community_xy[home] - units.community_xy[place]).T)
        group = int(np.argmin(away + 1e9 * (load == 3)))
        load[group] += 1
        links.append((group, int(place)))
    return links


def _service_groups(units: Divisions, rng: np.random.Generator) -> Register:
    links = _linked(units, rng)
    code = [f"GZZ{number:03d}" for number in range(1, SERVICE_GROUPS + 1)]
    lead = np.sort(rng.choice(DEPARTMENTS, SERVICE_GROUPS, replace=False)) + 1
    staff = whole_parts(rng.gamma(9.0, size=SERVICE_GROUPS), GROUP_STAFF, (3, 15), rng)
    groups = pd.DataFrame(
        {
            "code": code,
            "name": [f"第{number}服务群众工作组" for number in range(1, SERVICE_GROUPS + 1)],
            "kind": "service_group",
            "parent_code": [f"BM{number:03d}" for number in lead],
            "host_code": [units.communities[place] for _, place in links[:SERVICE_GROUPS]],
            "staff_count": staff,
        }
    )
    served = duties(
        "service_group",
        [code[group] for group, _ in links],
        [units.communities[place] for _, place in links],
    )
    return Register(organisation=groups, duty=served)


def _rated_on(count: int, rng: np.random.Generator) -> list[dt.date | None]:
    """Return when partners were last rated: most in time, some too long ago, some never."""
    lot = rng.random(count)
    late = rng.integers(RATED_DAYS + 1, 500, count)
    ago = np.where(lot < 0.75, rng.integers(0, RATED_DAYS + 1, count), late)
    return [
        _TODAY - dt.timedelta(days=int(days)) if some else None
        for days, some in zip(ago, lot < 0.92, strict=True)
    ]


def _partners(units: Divisions, rng: np.random.Generator) -> pd.DataFrame:
    """Return the duties of departments to their partner communities."""
    without = gaps(units.community_xy, 0.05, 5_000.0, rng)
    first = rng.permutation(np.flatnonzero(~without))
    place = np.concatenate([first, rng.choice(first, len(first) // 6, replace=False)])
    # Each department comes once before any comes again, so no pair comes twice.
    turn = rng.permutation(DEPARTMENTS)
    department = turn[np.arange(len(place)) % DEPARTMENTS] + 1
    table = pd.DataFrame({"department": department, "place": place}).drop_duplicates()
    return duties(
        "partner",
        [f"BM{number:03d}" for number in table["department"]],
        [units.communities[row] for row in table["place"]],
        last_on=_rated_on(len(table), rng),
    )


def _contacts(units: Divisions, rng: np.random.Generator) -> list[tuple[int, str]]:
    """Return leader and division: a street each, then the street's communities in shares."""
    unreached = set(rng.choice(len(units.streets), 1 + int(rng.integers(2)), replace=False))
    without = gaps(units.community_xy, 0.09, 4_000.0, rng)
    of_street: dict[str, Indices] = {
        street: np.array([n for n, c in enumerate(units.communities) if c.startswith(street)])
        for street in units.streets
    }
    large = sorted(units.streets, key=lambda street: (-len(of_street[street]), street))
    posts = sorted(units.streets + large[: LEADERS - 2 * len(large)] + large)
    found = []
    for place, street in enumerate(units.streets):
        team = [number for number, one in enumerate(posts) if one == street]
        if place not in unreached:
            found += [(leader, street) for leader in team[:2]]
        part = of_street[street][~without[of_street[street]]]
        found += [
            (team[rank * len(team) // len(part)], units.communities[community])
            for rank, community in enumerate(part)
        ]
    return found


def _leaders(units: Divisions, rng: np.random.Generator) -> Register:
    codes, found = leader_codes(), _contacts(units, rng)
    posts = pd.DataFrame(
        {
            "code": codes,
            "name": [f"区领导联系岗（{number}）" for number in range(1, LEADERS + 1)],
            "kind": "district_leader",
            "host_code": DISTRICT,
            "filled": True,
        }
    )
    served = duties(
        "district_contact", [codes[leader] for leader, _ in found], [unit for _, unit in found]
    )
    return Register(post=posts, duty=served)


def departments(units: Divisions, seed: int) -> list[Register]:
    """Return departments, service groups and leaders, and what they do for divisions.

    Parameters
    ----------
    units
        Streets and communities.
    seed
        Source of all randomness here.

    Returns
    -------
    list of Register
        Organisations of kind department and service_group, posts of district leaders; duties
        service_group, partner and district_contact.

    Notes
    -----
    Rule: the totals are those of domain.md section 0; 142 groups for 153 communities leave gaps.
    The rest own choice.
    """
    rng = np.random.default_rng([seed, 20])
    return [
        Register(organisation=_departments(), duty=_partners(units, rng)),
        _service_groups(units, rng),
        _leaders(units, rng),
    ]
