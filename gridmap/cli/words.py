"""What the tables of the terminal call columns, measures and units, as message ids.

Belongs here: the English message for each name of a machine. Does not belong here: the Chinese of
it (``locale``), sentences of single commands, words that pages have too (``maps``). JSON keeps the
names themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Column, Table

from gridmap.language import translate
from gridmap.model import LENSES, REASON_NAMES, STATUS_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable

MEASURES = {
    "party_group.buildings": "Buildings with a Party group",
    "party_group.households": "Households in buildings with a Party group",
    "party_group.floor_area": "Floor area of buildings with a Party group",
    "party_branch.grids": "Grids with a Party branch",
    "camera.key_public_area": "Key public areas seen by cameras",
    "camera.frontage": "Building frontage seen by cameras",
    "camera.entrances": "Entrances seen by cameras",
    "camera.open_ground": "Open ground seen by cameras",
    "camera.open_ground_certain": "Open ground certainly seen by cameras",
    "camera.open_ground_twice": "Open ground seen by two cameras or more",
    "camera.open_ground_overview": "Open ground seen with 20 pixels a metre (overview)",
    "camera.open_ground_outline": "Open ground seen with 40 pixels a metre (outline)",
    "camera.open_ground_discern": "Open ground seen with 80 pixels a metre (discern)",
    "camera.gross_area": "Gross area seen by cameras",
    "camera.networked": "Cameras on the network",
    "camera.hd": "High-definition cameras",
    "camera.intact": "Cameras in working order",
}
"""A measure -> what it is called; those of the map are called as there."""

STATUSES, REASONS = STATUS_NAMES, REASON_NAMES

TREND = {
    "gained": "gained",
    "lost": "lost",
    "reason": "reason changed",
    "holder": "holder changed",
    "appeared_covered": "came, covered",
    "appeared_uncovered": "came, not covered",
    "gone_covered": "went, was covered",
    "gone_uncovered": "went, was not covered",
    "none": "unchanged",
    "coverage": "by coverage",
    "denominator": "by what is counted",
    "both": "by both",
}
"""What became of a target, and why a rate moved -> in words."""

MATTERS = {
    "resolved": "resolved",
    "open": "open",
    "returned": "returned",
    "asked": "with a question",
    "overdue": "late",
    "misrouted": "sent to the wrong place",
    "proposals": "proposals resolved",
    "no_item": "no item is given",
    "outside_catalogue": "outside the catalogue",
    "no_unit": "nobody answers for the item",
    "no_grid": "in no grid",
    "near_border": "near a border",
}
"""A figure of matters, or a question about one -> in words."""

AT_LEAST = "Open ground seen by {count} cameras or more"
"""What the measures ``camera.open_ground_2``, ``_3`` … of `jobs.write_views` are called."""

UNITS = {"m2": "m²"}
"""A unit of measure -> how it is written; every other is its own message."""

COLUMNS = {
    "unit_code": "grid",
    "camera_code": "camera",
    "area_m2": "area, m²",
    "key_area_m2": "in key public areas, m²",
    "road_m": "road, m",
    "frontage_m": "frontage, m",
    "household_count": "household count",
    "cameras": "camera count",
    "number": "no.",
    "target_code": "target",
    "holder_code": "holder",
    "holder_name": "name of the holder",
    "given_to": "given to",
    "last_on": "last on",
    "verdict": "what it is worth",
    "floor_area_m2": "floor area, m²",
    "as_of": "as of",
    "at": "time",
    "covered_before": "covered before",
    "total_before": "of before",
    "covered_after": "covered after",
    "total_after": "of after",
    "target": "level",
    "parts": "asked for",
    "need": "needed",
    "item_code": "catalogue item",
    "matter_class": "class",
    "grid_code": "grid",
    "overdue": "late",
    "count": "matters",
    "first_on": "first on",
    "community_code": "community",
    "covered_share": "covered share",
    "same_code": "same grid",
    "building_code": "building",
    "department_grid_code": "department's grid",
    "grids": "department's grids",
    "courtyard_code": "courtyard",
    "status": "status",
    "reason": "reason",
    "links": "links",
    "missing": "missing",
    "part": "part",
    "mode": "mode",
    "begins": "begins",
    "ends": "ends",
    "targets": "targets",
    "address": "address",
    "nearest": "nearest",
    "label": "label",
    "lenses": "lenses",
    "cause": "cause",
    "source": "source",
    "question": "question",
    "misrouted": "misrouted",
    "rank": "rank",
    "declared": "declared",
    "linked": "linked",
    "branches": "branches",
    "unknown": "unknown",
    "pocket": "pocket",
    "layer": "layer",
    "key": "key",
    "department": "department",
    "pieces": "pieces",
    "share": "share",
    "account": "account",
    "role": "role",
    "ranges": "codes",
    "last_seen": "last seen",
    "until": "until",
    "actor": "actor",
    "action": "action",
    "subject": "subject",
    "details": "details",
    "answers": "answers",
    "households": "households",
    "near": "near",
    "far": "too far",
    "unreached": "not reached",
    "mean_m": "mean, m",
    "furthest_m": "furthest, m",
    "longitude": "longitude",
    "latitude": "latitude",
}
"""A column of an answer -> its heading; every other is its own message."""

ACCOUNT_STATES = {
    "active": "active",
    "first": "first password",
    "locked": "locked",
    "disabled": "disabled",
    "expired": "expired",
    "revoked": "revoked",
}
"""What an account or a token is -> in words."""

RATES = ("measure", "covered", "of", "unit", "share", "as of")
"""The headings of a table of rates, as `terminal.rate_cells` and the day fill them."""

CHANGED = {
    "divisions": "Divisions",
    "buildings": "Buildings",
    "coverage": "Coverage",
    "ground": "Ground seen",
}
"""A frame of `jobs.Difference` whose rows change -> what it is called."""

CHANGE_HEADINGS = ("item", "change", "rows", "m²", "first")
"""The headings of what differs between two days."""


def named(name: str, names: dict[str, str], language: str) -> str:
    """Return what a table calls something.

    Parameters
    ----------
    name
        As a machine calls it.
    names
        One of this module's tables.
    language
        ``zh`` or ``en``.

    Returns
    -------
    str
        The name itself where nothing else is known.
    """
    return translate(names.get(name, name), language)


def measure_named(measure: str, language: str) -> str:
    """Return what a table calls a measure.

    Parameters
    ----------
    measure
        A key of `MEASURES`, or ``camera.open_ground_k``.
    language
        ``zh`` or ``en``.

    Returns
    -------
    str
        The measure itself where nothing else is known.
    """
    stem, _, count = measure.rpartition("_")
    if stem == "camera.open_ground" and count.isdecimal():
        return translate(AT_LEAST, language).format(count=count)
    code, _, counted = measure.partition(".")
    if measure not in MEASURES and code in LENSES:
        return (
            f"{lens_named(code, language)} ({translate(COUNTED.get(counted, counted), language)})"
        )
    return named(measure, MEASURES, language)


COUNTED = {"floor_area": "floor area"}


def lens_named(code: str, language: str) -> str:
    """Return what a table calls a lens.

    Parameters
    ----------
    code
        Of a lens.
    language
        ``zh`` or ``en``.

    Returns
    -------
    str
        Its name in Chinese, its code in English; the code of one that is not shipped.
    """
    lens = LENSES.get(code)
    return lens.name if lens and language == "zh" else code.replace("_", " ")


def table_of(headings: Iterable[str], language: str) -> Table:
    """Return an empty table with translated headings, whose cells are folded and never cut.

    Parameters
    ----------
    headings
        Message ids, or names of `COLUMNS`.
    language
        ``zh`` or ``en``.

    Returns
    -------
    Table
        Without a frame.
    """
    names = (named(heading, COLUMNS, language) for heading in headings)
    return Table(*(Column(name, overflow="fold") for name in names), box=None)
