"""The questions that the map answers, in the order it offers them.

Belongs here: which figure, its words, classes and colours. Does not belong here: what a lens counts
(``model``), how it is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

_ATTENTION = ("#99000d", "#e34a33", "#fc8d59", "#fdcc8a", "#fef0d9")
_SEEN = ("#4a2574", "#7b52ab", "#a98bc9", "#d3c3e4", "#f2edf7")
_FIFTHS = (0.2, 0.4, 0.6, 0.8)
_PARTY, _SERVICES, _OTHERS = "Party building", "Services", "Courtyards and enterprises"
_MISSING = "Grids where most is missing"
# Cameras see about a tenth of a district's ground (domain.md 0): fifths would all be one.
_TENTHS = (0.05, 0.1, 0.2, 0.4)


CHANGE_CLASSES = ("#b35806", "#f1a340", "#f7f7f7", "#998ec3", "#542788")
"""What became of a share between two days: PuOr, safe for the colour-blind; a loss is orange, the
middle is as good as none (web.md 5.6)."""

CHANGE_BREAKS_PP = (0.5, 5.0)
"""Percentage points from which a change is one, and a great one. Own choice: half a point of a
community of 60 buildings is less than a building."""


@dataclass(frozen=True)
class Lens:
    """One question the map can answer: a rate, its classes and colours (dark = look here).

    ``headline``: its figure stands in the panel; the others are a click away.
    """

    measure: str
    label: str
    unit: str
    blank: str
    colours: tuple[str, ...] = _ATTENTION
    breaks: tuple[float, ...] = _FIFTHS
    note: str = ""
    group: str = "Cameras"
    headline: bool = True


def _more(measure: str, label: str, unit: str, group: str, *, headline: bool = False) -> Lens:
    return Lens(measure, label, unit, _MISSING, group=group, headline=headline)


LENSES = (
    Lens(
        "party_group.buildings",
        "Buildings with a Party group",
        "buildings",
        "Grids with most buildings without a Party group",
        group=_PARTY,
    ),
    Lens(
        "party_group.households",
        "Households in buildings with a Party group",
        "households",
        "Grids with most households without a Party group",
        group=_PARTY,
    ),
    Lens(
        "party_branch.grids",
        "Grids with a Party branch",
        "grids",
        "Grids without a Party branch",
        group=_PARTY,
    ),
    _more("member_area.buildings", "Buildings in members' areas", "buildings", _PARTY),
    _more("grid_leader.grids", "Grids with a grid leader", "grids", _PARTY),
    _more("volunteer_team.grids", "Grids with a volunteer team", "grids", _PARTY),
    _more(
        "six_services.buildings",
        "Buildings with all six services",
        "buildings",
        _SERVICES,
        headline=True,
    ),
    _more("community_workers.buildings", "Community workers", "buildings", _SERVICES),
    _more("community_police.buildings", "Community police", "buildings", _SERVICES),
    _more("volunteers.buildings", "Volunteers and social workers", "buildings", _SERVICES),
    _more("legal_service.buildings", "Legal service", "buildings", _SERVICES),
    _more("community_affairs.buildings", "Community affairs", "buildings", _SERVICES),
    _more("city_management.buildings", "City management", "buildings", _SERVICES),
    _more("courtyard_131.courtyards", "Courtyards with all five parts", "courtyards", _OTHERS),
    _more("scattered_courtyard.buildings", "Scattered in courtyards", "buildings", _OTHERS),
    _more(
        "enterprise_branch.organisations",
        "Enterprises with a Party organisation",
        "organisations",
        _OTHERS,
    ),
    _more(
        "enterprise_work.organisations",
        "Enterprises with Party work",
        "organisations",
        _OTHERS,
    ),
    Lens(
        "camera.key_public_area",
        "Key public areas seen by cameras",
        "m2",
        "Grids with most blind ground in key public areas",
        colours=_SEEN,
        note="Of open ground in key public areas: the official coverage rate.",
    ),
    Lens(
        "camera.frontage",
        "Building frontage seen by cameras",
        "m",
        "Grids with most frontage unseen",
        colours=_SEEN,
        breaks=_TENTHS,
        note="Of the metres of wall that face open ground.",
    ),
    Lens(
        "camera.open_ground",
        "Open ground seen by cameras",
        "m2",
        "Grids with most blind open ground",
        colours=_SEEN,
        breaks=_TENTHS,
        note="Of open ground: the unit without its buildings. Possible views: what nobody "
        "declared is assumed.",
    ),
    Lens(
        "camera.open_ground_certain",
        "Open ground certainly seen by cameras",
        "m2",
        "Grids with most open ground not certainly seen",
        colours=_SEEN,
        breaks=_TENTHS,
        note="Of open ground. Seen in every case that the register allows; assumed optics make "
        "nothing certain.",
    ),
    Lens(
        "camera.open_ground_twice",
        "Open ground seen by two cameras or more",
        "m2",
        "Grids with most open ground seen by fewer than two",
        colours=_SEEN,
        breaks=_TENTHS,
        note="Of open ground: the unit without its buildings. Possible views: what nobody "
        "declared is assumed.",
    ),
    Lens(
        "camera.gross_area",
        "Gross area seen by cameras",
        "m2",
        "Grids with most gross area unseen",
        colours=_SEEN,
        breaks=_TENTHS,
        note="Of gross area: the unit with its buildings.",
    ),
)
"""The questions the map answers, in the order it offers them."""
