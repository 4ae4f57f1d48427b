"""Organisations, posts and what they do for the district: the fields of their layers.

Belongs here: columns and choices of every layer of counts and duties. Does not belong here: which
target needs which of them (``lenses``), geometry and divisions (``layers``). No field is of a
person: a contact is a role and the telephone of a duty desk.
"""

from __future__ import annotations

from gridmap.model.fields import Field, Kind

_T, _N, _INT, _B, _D = Kind.TEXT, Kind.NUMBER, Kind.INTEGER, Kind.BOOLEAN, Kind.DATE

PARTY_KINDS = (
    "working_committee",
    "committee",
    "general_branch",
    "branch",
    "joint_branch",
    "party_group",
)
"""Kinds of Party organisation, from above. Source: domain.md 1.6 and section 5."""

CENTRE_KINDS = ("party_service_centre", "service_station", "service_post", "one_window")
"""Places that serve: their seat is a building. Source: domain.md section 4."""

EMPLOYER_KINDS = ("enterprise", "social_org")
"""The "two new" organisations, whose coverage is twofold. Source: domain.md section 5."""

ORG_KINDS = (
    *PARTY_KINDS,
    "service_group",
    "volunteer_team",
    *CENTRE_KINDS,
    *EMPLOYER_KINDS,
    "department",
)
"""Every kind of organisation."""

STREET_ROLES = (
    "deputy_secretary",
    "organisation_officer",
    "publicity_officer",
    "united_front_officer",
)
"""Posts of a street's committee that are to be filled. Source: issue 5 of the report's list."""

ROLES = (
    "grid_leader",
    "grid_worker",
    "grid_instructor",
    "building_head",
    "district_leader",
    *STREET_ROLES,
)
"""Roles of posts. Source: domain.md section 5."""

SIX_SERVICES = (
    "community_workers",
    "community_police",
    "volunteers",
    "legal_service",
    "community_affairs",
    "city_management",
)
"""The six services that go into buildings (domain.md section 4)."""

_BUILDING_OR_ABOVE = ("building", "grid", "community")

SERVICE_TARGETS: dict[str, tuple[str, ...]] = {
    "party_branch": ("grid",),
    "party_group": ("building",),
    "grid_leader": ("grid",),
    **dict.fromkeys(SIX_SERVICES, _BUILDING_OR_ABOVE),
    "service_group": ("community",),
    "volunteer_team": ("grid", "courtyard"),
    "partner": ("community",),
    "member_area": ("building", "courtyard"),
    "district_contact": ("street", "community"),
    "rectification": ("organisation",),
    "enterprise_branch": ("organisation",),
    "enterprise_work": ("organisation",),
    "enterprise_contact": ("organisation",),
}
"""What each service may be given to; of the six, a duty on a grid reaches its buildings."""

SERVICES = tuple(SERVICE_TARGETS)
MODES = ("own", "joint")

COURTYARD_PARTS = (
    "party_leadership",
    "council",
    "owners_committee",
    "supervisory_committee",
    "self_service_station",
)
"""The five parts of "131": one leadership, three bodies, one station (domain.md section 4)."""

DEPARTMENTS = ("city_management_grid", "police_grid", "market_grid", "fire_grid", "other")
"""Whose grids lie beside the base grid (domain.md 1.2)."""

MATTER_CLASSES = ("big", "small", "private")
"""Matters of public authority, of the community, of the parties (domain.md section 5)."""

ROUTES = (
    "government_department",
    "leading_group",
    "community_committees",
    "social_units",
    "market",
    "self_help",
)
"""Where a matter goes: big ones to a department or, of Party building, the leading group; small
ones to the community; private ones to the market or self-help (domain.md section 4)."""

MATTER_STATES = ("reported", "accepted", "in_work", "resolved", "returned")
PROPOSAL_STATES = ("raised", "in_work", "resolved", "declined")
PROJECT_STATES = ("planned", "in_work", "done", "dropped")

_CODE = Field("code", _T, "code, opaque text", required=True)
_NAME = Field("name", _T, "name", required=True)


def _count(name: str, meaning: str, most: int = 100_000) -> Field:
    return Field(name, _INT, meaning, low=0, high=most)


ORGANISATION = (
    Field("code", _T, "organisation code, opaque text", required=True),
    _NAME,
    Field("kind", _T, "kind of organisation", required=True, choices=ORG_KINDS),
    Field("parent_code", _T, "organisation one level up"),
    Field("host_code", _T, "division that hosts it"),
    _count("full_members", "full members"),
    _count("probationary_members", "probationary members"),
    Field("seat_code", _T, "building of its seat"),
    _count("staff_count", "staff, employees or registered volunteers", 1_000_000),
    Field("has_committee", _B, "a branch has a committee"),
    Field("weak", _B, "a weak branch, to be put right"),
    Field("floor_area_m2", _N, "floor area of a centre", low=0, high=5_000_000, unit="m²"),
    Field("duty_phone", _T, "telephone of its duty desk"),
)

POST = (
    Field("code", _T, "post code, opaque text", required=True),
    Field("name", _T, "name of the post"),
    Field("kind", _T, "role", required=True, choices=ROLES),
    Field("org_code", _T, "organisation it belongs to"),
    Field("host_code", _T, "division it is for"),
    Field("filled", _B, "somebody holds it; where it says nothing, somebody does"),
    Field("is_secretary", _B, "held by the secretary of a branch"),
    Field("duty_phone", _T, "telephone of its duty desk"),
)

DUTY = (
    Field("holder_code", _T, "organisation or post that serves", required=True),
    Field("service", _T, "what is served", required=True, choices=SERVICES),
    Field("target_code", _T, "division, building or organisation served", required=True),
    Field("mode", _T, "own, or joint with neighbours", choices=MODES),
    Field("last_on", _D, "day it was last done or rated"),
)

COURTYARD = (
    Field("code", _T, "courtyard code, opaque text", required=True),
    Field("name", _T, "name"),
    *(
        Field(part, _D, f"since when it has its {part.replace('_', ' ')}")
        for part in COURTYARD_PARTS
    ),
)

DEPARTMENT_GRID = (
    Field("code", _T, "code of the department's grid, opaque text", required=True),
    Field("name", _T, "name"),
    Field("department", _T, "whose grid it is", required=True, choices=DEPARTMENTS),
)

PROJECT = (
    _CODE,
    _NAME,
    Field("community_code", _T, "community it is for", required=True),
    Field("year", _INT, "year of the project", required=True, low=1949, high=2100),
    Field("state", _T, "state of the project", choices=PROJECT_STATES),
    Field("budget_cny", _N, "budget", low=0, high=1e10, unit="CNY"),
    Field("satisfaction_share", _N, "share of those asked who are content", low=0, high=1),
)

MATTER_ITEM = (
    Field("code", _T, "code of the catalogue's item, opaque text", required=True),
    _NAME,
    Field("matter_class", _T, "big, small or private", required=True, choices=MATTER_CLASSES),
    Field("route", _T, "where it goes", required=True, choices=ROUTES),
    Field("unit_code", _T, "department that answers for it"),
    _count("days_allowed", "days until it is to be resolved", 3650),
)

MATTER = (
    Field("code", _T, "matter code, opaque text", required=True),
    Field("item_code", _T, "item of the catalogue"),
    Field("summary", _T, "what it is about, in a few words"),
    Field("source_system", _T, "system it was reported in"),
    Field("state", _T, "state of the matter", choices=MATTER_STATES),
    Field("reported_on", _D, "day it was reported", required=True),
    Field("accepted_on", _D, "day it was accepted"),
    Field("resolved_on", _D, "day it was resolved"),
    Field("routed_to", _T, "organisation it was sent to"),
    Field("routed_grid", _T, "grid it was put into by hand"),
)

PROPOSAL = (
    _CODE,
    Field("name", _T, "what is proposed"),
    Field("host_code", _T, "division it is for", required=True),
    Field("raised_on", _D, "day it was raised", required=True),
    Field("state", _T, "state of the proposal", required=True, choices=PROPOSAL_STATES),
    Field("resolved_on", _D, "day it was resolved"),
)
