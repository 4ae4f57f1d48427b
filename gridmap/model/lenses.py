"""Coverage lenses: which targets need which duties, and what makes a duty count.

Belongs here: the shape of a lens, the lenses that are shipped, what a row that is one can have
wrong. Does not belong here: judging by them (``org_coverage``), reading what they judge (``jobs``).

A lens is data: a row of the layer ``lens`` adds one, or replaces the shipped one of its code.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import pandas as pd

from gridmap.model.choices import CHOICES
from gridmap.model.fields import Field, Kind
from gridmap.model.headings import HEADINGS
from gridmap.model.organisations import (
    COURTYARD_PARTS,
    EMPLOYER_KINDS,
    ORG_KINDS,
    ROLES,
    SERVICE_TARGETS,
    SIX_SERVICES,
    STREET_ROLES,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

COVERED = ("own", "joint")
"""The statuses that count. A neighbour's group is shown, and is not counted as coverage."""

SOURCES = ("duty", "host", "field", "inside", "project")
"""Where the links of a lens come from: duties; organisations and posts of the very division;
columns of the target itself; ground that it lies in; projects of the year."""

TARGETS = (
    "district",
    "street",
    "community",
    "grid",
    "building",
    "courtyard",
    "organisation",
)
"""What can be covered."""

INSIDE_LAYERS = ("courtyard", "department_grid")
"""Ground that a building can lie in."""

_T, _N, _INT, _B = Kind.TEXT, Kind.NUMBER, Kind.INTEGER, Kind.BOOLEAN


@dataclass(frozen=True)
class Lens:
    """A question to every target: whether these duties cover it.

    ``parts`` are services (of source ``duty``), kinds of organisation or roles (``host``), columns
    or ``column=value`` (``field``), a layer (``inside``), ``project``; ``need`` of them are asked
    for, and of one part at most ``most`` holders. ``target_kinds`` are ``column=value``: one of
    them must hold, none means every target. ``holders`` are kinds or roles, none means all.
    ``through`` are levels whose duties reach the targets in them. ``window_days``: a duty counts
    as long after it was last done. ``own_from``: so many full members need a duty of their own.
    """

    code: str
    name: str
    target: str
    source: str
    parts: tuple[str, ...]
    target_kinds: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()
    through: tuple[str, ...] = ()
    need: int = 1
    most: int | None = None
    min_members: int | None = None
    min_full: int | None = None
    own_from: int | None = None
    window_days: int | None = None
    neighbour_m: float | None = None
    same_grid: bool = False
    held_by_secretary: bool = False


LENS_FIELDS = (
    Field("code", _T, "code of the lens", required=True),
    Field("name", _T, "name", required=True),
    Field("target", _T, "what is to be covered", required=True),
    Field("source", _T, "where its links come from", required=True),
    Field("parts", _T, "what is asked for, separated by spaces", required=True),
    Field("target_kinds", _T, "which targets: column=value, separated by spaces"),
    Field("holders", _T, "kinds or roles that count, separated by spaces"),
    Field("through", _T, "levels whose duties reach the targets, separated by spaces"),
    Field("need", _INT, "how many of the parts are needed", low=1, high=20),
    Field("most", _INT, "holders at most", low=1, high=1000),
    Field("min_members", _INT, "members a group needs", low=0, high=1000),
    Field("min_full", _INT, "full members a group needs", low=0, high=1000),
    Field("own_from", _INT, "full members that need a duty of their own", low=1, high=1000),
    Field("window_days", _INT, "days a duty counts after it was last done", low=1, high=3650),
    Field("neighbour_m", _N, "distance of a neighbour", low=0, high=500, unit="m"),
    Field("same_grid", _B, "a group's branch must serve the target's grid"),
    Field("held_by_secretary", _B, "the post is held by a branch secretary"),
)

_BRANCHES = ("committee", "general_branch", "branch", "joint_branch")
_REACHED = ("grid", "community")
_SCATTERED = ("management_kind=scattered", "management_kind=self")
_EMPLOYERS = tuple(f"kind={kind}" for kind in EMPLOYER_KINDS)
_SIX_NAMES = ("社区干部", "社区民警", "志愿者和社工", "法律服务", "社区事务", "智慧城管")

GROUP_MIN_MEMBERS = 3
"""Members a Party group needs, of whom one is full: rule P03, configurable guidance
(domain.md 1.6)."""

OWN_BRANCH_FROM = 3
"""Full members from which a unit forms its own branch: rule P04. Source: domain.md 1.6."""

RATED_WITHIN_DAYS = 184
"""Partner departments are rated twice a year: the longest half year. Source: domain.md 4."""

NEIGHBOUR_M = 30.0
"""How near the next building of a group is a neighbour. Own choice: across a lane."""

LENSES: dict[str, Lens] = {
    lens.code: lens
    for lens in (
        Lens("party_branch", "党支部进网格", "grid", "duty", ("party_branch",), holders=_BRANCHES),
        Lens(
            "party_group",
            "党小组进楼栋",
            "building",
            "duty",
            ("party_group",),
            holders=("party_group",),
            min_members=GROUP_MIN_MEMBERS,
            min_full=1,
            same_grid=True,
            neighbour_m=NEIGHBOUR_M,
        ),
        Lens("grid_leader", "网格长", "grid", "duty", ("grid_leader",), holders=("grid_leader",)),
        Lens(
            "grid_leader_secretary",
            "网格长由支部书记担任",
            "grid",
            "duty",
            ("grid_leader",),
            holders=("grid_leader",),
            held_by_secretary=True,
        ),
        *(
            Lens(service, f"{name}进楼栋", "building", "duty", (service,), through=_REACHED)
            for service, name in zip(SIX_SERVICES, _SIX_NAMES, strict=True)
        ),
        Lens(
            "six_services",
            "六进楼栋",
            "building",
            "duty",
            SIX_SERVICES,
            through=_REACHED,
            need=len(SIX_SERVICES),
        ),
        Lens(
            "service_group",
            "服务群众工作组",
            "community",
            "duty",
            ("service_group",),
            holders=("service_group",),
        ),
        Lens(
            "volunteer_team",
            "志愿服务队进网格",
            "grid",
            "duty",
            ("volunteer_team",),
            holders=("volunteer_team",),
        ),
        Lens(
            "courtyard_131",
            "131院落自治",
            "courtyard",
            "field",
            COURTYARD_PARTS,
            need=len(COURTYARD_PARTS),
        ),
        Lens(
            "scattered_courtyard",
            "散居楼栋入院落",
            "building",
            "inside",
            ("courtyard",),
            target_kinds=_SCATTERED,
        ),
        Lens(
            "self_management",
            "散居楼栋物业自治",
            "building",
            "field",
            ("management_kind=self",),
            target_kinds=_SCATTERED,
        ),
        Lens("service_station", "群团服务站", "street", "host", ("service_station",)),
        Lens("service_post", "群团服务岗", "community", "host", ("service_post",)),
        Lens("one_window", "一窗通办", "community", "host", ("one_window",)),
        Lens(
            "enterprise_branch",
            "两新组织的组织覆盖",
            "organisation",
            "duty",
            ("enterprise_branch",),
            target_kinds=_EMPLOYERS,
            holders=_BRANCHES,
            own_from=OWN_BRANCH_FROM,
        ),
        Lens(
            "enterprise_work",
            "两新组织的工作覆盖",
            "organisation",
            "duty",
            ("enterprise_branch", "enterprise_work"),
            target_kinds=_EMPLOYERS,
        ),
        Lens(
            "enterprise_contact",
            "定点联企",
            "organisation",
            "duty",
            ("enterprise_contact",),
            target_kinds=_EMPLOYERS,
        ),
        Lens(
            "partner",
            "部门结对共建",
            "community",
            "duty",
            ("partner",),
            holders=("department",),
        ),
        Lens(
            "partner_rated",
            "结对部门半年评价",
            "community",
            "duty",
            ("partner",),
            holders=("department",),
            window_days=RATED_WITHIN_DAYS,
        ),
        Lens(
            "district_contact_street",
            "区领导联系街镇",
            "street",
            "duty",
            ("district_contact",),
            holders=("district_leader",),
        ),
        Lens(
            "district_contact_community",
            "区领导联系社区",
            "community",
            "duty",
            ("district_contact",),
            holders=("district_leader",),
        ),
        Lens("member_area", "党员责任区", "building", "duty", ("member_area",)),
        Lens(
            "street_posts",
            "街道党工委岗位",
            "street",
            "host",
            STREET_ROLES,
            need=len(STREET_ROLES),
        ),
        Lens(
            "rectification",
            "软弱涣散党组织整顿",
            "organisation",
            "duty",
            ("rectification",),
            target_kinds=("weak=true",),
        ),
        Lens("project", "党建项目", "community", "project", ("project",), most=2),
    )
}
"""The lenses that are shipped. Source: domain.md section 4; issue 5."""

_LISTS = ("parts", "target_kinds", "holders", "through")


def lens_of(row: Mapping[str, Any]) -> Lens:
    """Return the lens that a row of the layer ``lens`` is.

    Parameters
    ----------
    row
        The layer's columns, parsed; null is the default.

    Returns
    -------
    Lens
        Equal rows give equal lenses.

    Examples
    --------
    >>> lens_of(lens_row(LENSES["six_services"])) == LENSES["six_services"]
    True
    """
    given: dict[str, Any] = {
        name: tuple(value.split()) if name in _LISTS else value
        for name, value in row.items()
        if name in _NAMES and not pd.isna(value)
    }
    whole = ("need", "most", "min_members", "min_full", "own_from", "window_days")
    given |= {name: int(given[name]) for name in whole if name in given}
    given |= {name: bool(given[name]) for name in ("same_grid", "held_by_secretary") & given.keys()}
    return Lens(**given)


def lens_row(lens: Lens) -> dict[str, Any]:
    """Return the row of the layer ``lens`` that a lens is.

    Parameters
    ----------
    lens
        Any lens.

    Returns
    -------
    dict
        By column, as `lens_of` reads it.
    """
    row = {name: getattr(lens, name) for name in _NAMES}
    return row | {name: " ".join(row[name]) or None for name in _LISTS}


_NAMES = tuple(field.name for field in fields(Lens))


def part_name(part: str) -> str:
    """Return what a part of a lens is called in Chinese files.

    Parameters
    ----------
    part
        A service, kind, role, layer, column or ``column=value``.

    Returns
    -------
    str
        The usual word; the part itself where there is none.

    Examples
    --------
    >>> part_name("legal_service"), part_name("owners_committee"), part_name("management_kind=self")
    ('法律服务', '业委会', '自管')
    """
    name, _, value = part.partition("=")
    return (CHOICES.get(value or name) or HEADINGS.get(name) or (part,))[0]


def lens_faults(lens: Lens, columns: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str, str]]:
    """Return what a lens names that there is not.

    Parameters
    ----------
    lens
        Any lens.
    columns
        The columns of each layer that can be a target.

    Returns
    -------
    list of tuple
        Field, the word that is none, the words that are.
    """
    kinds = [("target", lens.target, TARGETS), ("source", lens.source, SOURCES)]
    unknown = [(name, word, ", ".join(some)) for name, word, some in kinds if word not in some]
    if unknown:
        return unknown
    own = columns[lens.target]
    parts = {
        "duty": tuple(one for one, to in SERVICE_TARGETS.items() if _reaches(lens, to)),
        "host": (*ORG_KINDS, *ROLES),
        "field": own,
        "inside": INSIDE_LAYERS if lens.target == "building" else (),
        "project": ("project",) if lens.target == "community" else (),
    }[lens.source]
    asked = {
        "parts": ([part.partition("=")[0] for part in lens.parts], parts),
        "target_kinds": ([one.partition("=")[0] for one in lens.target_kinds], own),
        "holders": (lens.holders, (*ORG_KINDS, *ROLES)),
        "through": (lens.through, TARGETS[:4] if lens.target == "building" else ()),
    }
    return [
        (name, word, ", ".join(known) or "-")
        for name, (words, known) in asked.items()
        for word in words
        if word not in known
    ]


def _reaches(lens: Lens, given_to: tuple[str, ...]) -> bool:
    return bool({lens.target, *lens.through} & set(given_to))
