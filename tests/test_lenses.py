"""Every lens on the toy town, with its answers worked by hand (geodata/toy/README.md)."""

import pandas as pd
import pytest
from toy_town import REPO

from gridmap import jobs, org_coverage, store
from gridmap.model import LENSES

C1, C2 = "990101001001", "990101001002"
G11, G12, G21, G22 = (f"{c}{n}" for c in (C1, C2) for n in ("001", "002"))

ANSWERS = {
    "party_branch": {
        G11: ("own", None, "B1"),
        G12: ("own", None, "B1"),
        G21: ("uncovered", "no_link", None),
        G22: ("uncovered", "no_link", None),
    },
    "party_group": {
        "T1": ("own", None, "G1"),
        "T2": ("joint", None, "G2"),
        "T3": ("joint", None, "G2"),
        "T4": ("uncovered", "no_link", None),
        "T5": ("uncovered", "group_below_size", "G3"),
        "T6": ("uncovered", "no_link", None),
        "T7": ("uncovered", "no_link", None),
        "T8": ("uncovered", "no_grid", None),
    },
    "grid_leader": {
        G11: ("own", None, "L1"),
        G12: ("joint", None, "L2"),
        G21: ("joint", None, "L2"),
        G22: ("uncovered", "vacant", "L3"),
    },
    "grid_leader_secretary": {
        G11: ("own", None, "L1"),
        G12: ("uncovered", "not_secretary", "L2"),
        G21: ("uncovered", "not_secretary", "L2"),
        G22: ("uncovered", "vacant", "L3"),
    },
    "community_workers": {
        **dict.fromkeys(("T1", "T2", "T3", "T4", "T5"), ("own", None, "CC1")),
        "T6": ("uncovered", "no_link", None),
        "T7": ("uncovered", "no_link", None),
        "T8": ("uncovered", "no_grid", None),
    },
    "community_police": {
        "T1": ("own", None, "CC1"),
        "T2": ("own", None, "CC1"),
        **dict.fromkeys(("T3", "T4", "T5", "T6", "T7"), ("uncovered", "no_link", None)),
        "T8": ("uncovered", "no_grid", None),
    },
    "volunteers": {
        "T1": ("own", None, "VT1"),
        **dict.fromkeys(("T2", "T3", "T4", "T5", "T6", "T7"), ("uncovered", "no_link", None)),
        "T8": ("uncovered", "no_grid", None),
    },
    **{
        service: {
            **dict.fromkeys(("T1", "T2", "T3", "T4"), ("own", None, "CC1")),
            **dict.fromkeys(("T5", "T6", "T7"), ("uncovered", "no_link", None)),
            "T8": ("uncovered", "no_grid", None),
        }
        for service in ("legal_service", "community_affairs", "city_management")
    },
    "six_services": {
        "T1": ("own", None, "CC1"),
        **dict.fromkeys(("T2", "T3", "T4", "T5", "T6", "T7"), ("uncovered", "no_link", None)),
        "T8": ("uncovered", "no_grid", None),
    },
    "service_group": {C1: ("own", None, "WG1"), C2: ("uncovered", "no_link", None)},
    "volunteer_team": {
        G11: ("own", None, "VT1"),
        **dict.fromkeys((G12, G21, G22), ("uncovered", "no_link", None)),
    },
    "courtyard_131": {"Y1": ("uncovered", "link_not_begun", "Y1"), "Y2": ("own", None, "Y2")},
    "scattered_courtyard": {
        "T1": ("own", None, "Y1"),
        "T2": ("own", None, "Y1"),
        "T5": ("own", None, "Y2"),
        "T7": ("uncovered", "not_inside", None),
    },
    "self_management": {
        "T1": ("own", None, "T1"),
        "T2": ("uncovered", "part_missing", None),
        "T5": ("own", None, "T5"),
        "T7": ("uncovered", "part_missing", None),
    },
    "service_station": {"990101001": ("own", None, "ST1")},
    "service_post": {C1: ("own", None, "SP1"), C2: ("uncovered", "no_link", None)},
    "one_window": {C1: ("uncovered", "no_link", None), C2: ("own", None, "OW1")},
    "enterprise_branch": {
        "EN1": ("own", None, "B1"),
        "EN2": ("uncovered", "needs_own", "JB1"),
        "EN3": ("joint", None, "JB1"),
        "EN4": ("uncovered", "members_of_target_unknown", "JB1"),
        "SO1": ("uncovered", "no_link", None),
    },
    "enterprise_work": {
        "EN1": ("own", None, "B1"),
        "EN2": ("joint", None, "JB1"),
        "EN3": ("joint", None, "JB1"),
        "EN4": ("joint", None, "JB1"),
        "SO1": ("own", None, "B1"),
    },
    "enterprise_contact": {
        "EN1": ("own", None, "D1"),
        **dict.fromkeys(("EN2", "EN3", "EN4", "SO1"), ("uncovered", "no_link", None)),
    },
    "partner": {C1: ("own", None, "DEP1"), C2: ("own", None, "DEP1")},
    "partner_rated": {C1: ("own", None, "DEP1"), C2: ("uncovered", "overdue", "DEP1")},
    "district_contact_street": {"990101001": ("joint", None, "D1")},
    "district_contact_community": {
        C1: ("joint", None, "D1"),
        C2: ("uncovered", "vacant", "D2"),
    },
    "member_area": {
        "T1": ("own", None, "B1"),
        "T2": ("own", None, "B1"),
        **dict.fromkeys(("T3", "T4", "T5", "T6", "T7"), ("uncovered", "no_link", None)),
        "T8": ("uncovered", "no_grid", None),
    },
    "street_posts": {"990101001": ("uncovered", "vacant", "P3")},
    "rectification": {"WB1": ("own", None, "WC"), "WB2": ("uncovered", "no_link", None)},
    "project": {C1: ("own", None, "J1"), C2: ("uncovered", "too_many", "J5")},
}
"""By lens and target: status, reason, who covers it or came nearest."""

FIGURES = {
    "party_group.buildings": (3, 7),
    "party_group.households": (60, 280),
    "party_branch.grids": (2, 4),
    "party_branch.households": (100, 280),
    "grid_leader.grids": (3, 4),
    "grid_leader_secretary.grids": (1, 4),
    "community_workers.buildings": (5, 7),
    "six_services.buildings": (1, 7),
    "six_services.parts": (20, 42),
    "service_group.communities": (1, 2),
    "volunteer_team.grids": (1, 4),
    "courtyard_131.courtyards": (1, 2),
    "courtyard_131.parts": (9, 10),
    "courtyard_131.households": (50, 80),
    "scattered_courtyard.buildings": (3, 4),
    "self_management.buildings": (2, 4),
    "self_management.households": (60, 150),
    "street_posts.parts": (2, 4),
    "enterprise_branch.organisations": (2, 5),
    "enterprise_work.organisations": (5, 5),
    "project.communities": (1, 2),
}
"""By measure: covered and total of the district. T8 lies in no grid and is counted in none."""


@pytest.fixture(scope="module")
def read_only(new_database, serviced_template):
    engine = store.connect(new_database(serviced_template))
    yield engine
    engine.dispose()


def test_every_reason_is_worked_by_hand_somewhere():
    """Those the town does not show stand in test_org_coverage.py."""
    told = "".join((REPO / "tests" / f"test_{name}.py").read_text("utf-8") for name in
                   ("lenses", "org_coverage"))  # fmt: skip
    assert [reason for reason in org_coverage.REASONS if f'"{reason}"' not in told] == []


def test_every_lens_has_answers_worked_by_hand():
    assert set(ANSWERS) == set(LENSES)


@pytest.mark.parametrize("lens", ANSWERS)
def test_the_answers_of_the_toy_town(read_only, lens):
    with store.transaction(read_only) as conn:
        found = store.read_lens_statuses(conn, lens).astype(object)
    found = found.where(found.notna(), None)
    answers = {
        code: (row["status"], row["reason"], row["holder_code"]) for code, row in found.iterrows()
    }
    assert answers == ANSWERS[lens]


def test_the_figures_of_the_toy_town(read_only):
    rates = jobs.unit_coverage(read_only, "990101")["rates"]
    found = {rate["measure"]: (rate["covered"], rate["total"]) for rate in rates}
    assert {measure: found[measure] for measure in FIGURES} == FIGURES


def test_what_is_missing_is_named(read_only):
    with store.transaction(read_only) as conn:
        six = store.read_lens_statuses(conn, "six_services")
        posts = store.read_lens_statuses(conn, "street_posts")
        yards = store.read_lens_statuses(conn, "courtyard_131")
        groups = store.read_lens_statuses(conn, "service_group")
    assert six["parts"].to_dict() == {
        "T1": 6, "T2": 5, "T3": 4, "T4": 4, "T5": 1, "T6": 0, "T7": 0, "T8": 0
    }  # fmt: skip
    assert pd.isna(six.at["T1", "missing"])
    assert six.at["T2", "missing"] == "volunteers"
    assert six.at["T3", "missing"] == "community_police volunteers"
    assert posts.at["990101001", "missing"] == "publicity_officer united_front_officer"
    assert yards.at["Y1", "missing"] == "self_service_station"
    assert groups["links"].to_dict() == {C1: 2, C2: 0}
