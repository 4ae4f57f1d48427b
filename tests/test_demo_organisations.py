"""What the demo district's organisations, posts and courtyards do: its totals, and its gaps."""

import datetime as dt

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gridmap import crs, demo, triage
from gridmap.demo.gaps import gaps
from gridmap.demo.shares import whole_parts
from gridmap.model.organisations import (
    CENTRE_KINDS,
    COURTYARD_PARTS,
    EMPLOYER_KINDS,
    PARTY_KINDS,
    SERVICE_TARGETS,
    SIX_SERVICES,
    STREET_ROLES,
)

pytestmark = pytest.mark.slow

AS_OF = dt.date.fromisoformat(demo.AS_OF)


@pytest.fixture(scope="module")
def district():
    return demo.build()


@pytest.fixture(scope="module")
def orgs(district):
    return district.organisation.set_index("code")


@pytest.fixture(scope="module")
def homes(district):
    """Buildings in metres by code, with the courtyard that each is in."""
    frame = crs.metric_crs_of(district.district)
    buildings = district.building.to_crs(frame).set_index("code")
    yards = district.courtyard.to_crs(frame)
    building, yard = shapely.STRtree(yards.geometry.array).query(
        shapely.point_on_surface(buildings.geometry.array), "within"
    )
    assert len(set(building)) == len(building)
    buildings["courtyard"] = None
    buildings.iloc[building, buildings.columns.get_loc("courtyard")] = yards["code"].to_numpy()[
        yard
    ]
    return buildings


def served(district, service):
    """The duties of one service."""
    return district.duty[district.duty["service"] == service]


def count_of(codes, every):
    """How often each code of a level comes."""
    return codes.value_counts().reindex(every, fill_value=0)


# references


def test_codes_are_one_of_their_kind(district):
    for name in ("organisation", "post", "courtyard", "department_grid", "project", "matter_item"):
        assert district.layers()[name]["code"].is_unique, name
    assert not set(district.organisation["code"]) & set(district.post["code"])


def test_every_reference_leads_somewhere(district):
    layers = district.layers()
    known = {name: set(frame["code"]) for name, frame in layers.items() if "code" in frame}
    divisions = set().union(*(known[n] for n in ("district", "street", "community", "grid")))
    leads = {
        ("organisation", "parent_code"): known["organisation"],
        ("organisation", "host_code"): divisions,
        ("organisation", "seat_code"): known["building"],
        ("post", "org_code"): known["organisation"],
        ("post", "host_code"): divisions,
        ("duty", "holder_code"): known["organisation"] | known["post"],
        ("project", "community_code"): known["community"],
        ("matter_item", "unit_code"): known["organisation"],
        ("matter", "routed_to"): known["organisation"],
        ("matter", "routed_grid"): known["grid"],
        ("proposal", "host_code"): divisions,
    }
    for (name, column), there in leads.items():
        told = layers[name][column].dropna()
        assert len(told), (name, column)
        assert set(told) <= there, (name, column)


@pytest.mark.parametrize("service", list(SERVICE_TARGETS))
def test_each_service_is_given_to_what_it_may_be_given_to(district, service):
    layers = district.layers()
    targets = set().union(*(layers[name]["code"] for name in SERVICE_TARGETS[service]))
    duty = served(district, service)
    assert len(duty) > 0
    assert set(duty["target_code"]) <= targets
    assert duty["last_on"].dropna().map(lambda day: day <= AS_OF).all()


def test_nobody_has_a_telephone_or_a_person(district):
    assert district.organisation["duty_phone"].isna().all()
    assert district.post["duty_phone"].isna().all()


# departments and leaders


def test_departments_groups_and_their_staff_are_the_published_totals(district, orgs):
    kinds = orgs["kind"].value_counts()
    assert (kinds["department"], kinds["service_group"]) == (151, 142)
    groups = orgs[orgs["kind"] == "service_group"]
    assert int(groups["staff_count"].sum()) == 977
    assert groups["staff_count"].between(3, 15).all()
    assert (orgs.loc[groups["parent_code"], "kind"] == "department").all()
    assert groups["parent_code"].is_unique
    assert orgs.loc[orgs["kind"] == "department", "name"].str.startswith("示例").all()


def test_groups_leave_communities_without_and_give_others_several(district):
    duty = served(district, "service_group")
    load = duty["holder_code"].value_counts()
    assert len(load) == 142
    assert load.max() <= 3
    assert 5 <= (load > 1).sum() <= 30
    groups = count_of(duty["target_code"], district.community["code"])
    assert len(groups) == 153
    assert (groups == 0).sum() == 13
    assert (groups > 1).sum() >= 10


def test_partners_are_departments_rated_in_time_too_late_or_never(district, orgs):
    duty = served(district, "partner")
    assert (orgs.loc[duty["holder_code"], "kind"] == "department").all()
    partners = count_of(duty["target_code"], district.community["code"])
    assert (partners == 0).sum() == 8
    ago = duty["last_on"].dropna().map(lambda day: (AS_OF - day).days)
    assert 0.6 < (ago <= 184).sum() / len(duty) < 0.8
    assert (ago > 184).sum() > 10
    assert duty["last_on"].isna().sum() > 5


def test_37_leaders_are_in_contact_with_streets_and_communities(district):
    leaders = district.post[district.post["kind"] == "district_leader"]
    assert len(leaders) == 37
    assert leaders["filled"].all()
    duty = served(district, "district_contact")
    assert set(duty["holder_code"]) <= set(leaders["code"])
    streets = count_of(duty["target_code"], district.street["code"])
    assert 1 <= (streets == 0).sum() <= 2
    communities = count_of(duty["target_code"], district.community["code"])
    assert (communities == 0).sum() == 14
    to_community = duty[duty["target_code"].str.len() == 12]
    assert to_community["holder_code"].value_counts().median() >= 3


# posts


def test_grids_have_leaders_some_vacant_some_shared(district):
    posts = district.post[district.post["kind"] == "grid_leader"]
    assert 0.02 < 1 - posts["filled"].mean() < 0.06
    assert posts["is_secretary"].mean() == pytest.approx(0.8, abs=0.04)
    assert not (posts["is_secretary"] & ~posts["filled"]).any()
    assert not (posts["is_secretary"] & posts["org_code"].isna()).any()
    duty = served(district, "grid_leader")
    assert set(duty["holder_code"]) <= set(posts["code"])
    assert duty["target_code"].is_unique
    load = duty["holder_code"].value_counts()
    assert load.max() == 2
    assert 30 <= (load == 2).sum() <= 100
    assert 1 <= len(district.grid) - len(duty) <= 25
    assert (duty["holder_code"].str[3:15] == duty["target_code"].str[:12]).all()


def test_leaders_belong_to_the_branch_of_their_grid(district):
    posts = district.post[district.post["kind"] == "grid_leader"].set_index("host_code")
    branch = served(district, "party_branch").set_index("target_code")["holder_code"]
    assert branch.index.is_unique
    own = branch.reindex(posts.index)
    assert (posts["org_code"].fillna("") == own.fillna("")).all()


def test_street_posts_are_mostly_filled(district):
    posts = district.post[district.post["kind"].isin(STREET_ROLES)]
    assert len(posts) == 4 * 15 - 3
    assert (~posts["filled"]).sum() == 4
    assert not posts.duplicated(["kind", "host_code"]).any()
    assert posts["org_code"].eq("DW" + posts["host_code"]).all()


# services and volunteers


def reached(district, service):
    """Which buildings a service reaches by itself, its grid or its community."""
    to = set(served(district, service)["target_code"])
    codes = district.building["code"]
    return codes.isin(to) | codes.str[:15].isin(to) | codes.str[:12].isin(to)


@pytest.mark.parametrize("service", SIX_SERVICES)
def test_services_go_to_communities_grids_and_single_buildings(district, service):
    lengths = served(district, service)["target_code"].str.len().value_counts()
    assert set(lengths.index) == {12, 15, 20}
    assert lengths.min() >= 5
    assert 0.5 < reached(district, service).mean() < 0.99


@pytest.mark.parametrize("service", ["legal_service", "volunteers", "city_management"])
def test_whole_communities_that_are_neighbours_lack_a_service(district, service):
    share = reached(district, service).groupby(district.building["code"].str[:12]).mean()
    lacking = (share < 0.2).reindex(district.community["code"]).to_numpy()
    assert 10 <= lacking.sum() <= 60
    shapes = district.community.geometry.to_numpy()
    one, other = shapely.STRtree(shapes).query(shapes, "intersects")
    beside = one != other
    # Next to a community without it stands another one more often than chance has it.
    after = lacking[other[beside & lacking[one]]].mean()
    assert after > 1.5 * lacking.mean()


def test_523_volunteer_teams_with_120000_volunteers(district, orgs):
    teams = orgs[orgs["kind"] == "volunteer_team"]
    assert (len(teams), int(teams["staff_count"].sum())) == (523, 120_000)
    duty = served(district, "volunteer_team")
    assert 0.85 < len(set(duty["holder_code"])) / 523 < 0.98
    home = orgs.loc[duty["holder_code"], "host_code"].to_numpy()
    assert (home == duty["target_code"].str[:12]).all()
    teams_of = count_of(duty["target_code"], district.grid["code"])
    assert 0.1 < (teams_of == 0).mean() < 0.4
    assert duty["holder_code"].value_counts().max() <= 3


# branches


def test_committees_are_where_seven_members_are_but_for_a_few(orgs):
    branches = orgs[orgs["kind"].isin(["branch", "joint_branch"])]
    large = branches["full_members"] >= 7
    assert not branches.loc[~large, "has_committee"].any()
    assert 0.0 < 1 - branches.loc[large, "has_committee"].mean() < 0.04
    others = orgs.drop(index=branches.index)
    assert others[["has_committee", "weak"]].isna().all(axis=None)


def test_one_branch_in_fifty_is_weak_and_most_are_put_right(district, orgs):
    branches = orgs[orgs["kind"].isin(["branch", "joint_branch"])]
    weak = branches.index[branches["weak"]]
    assert len(weak) == round(0.02 * len(branches))
    duty = served(district, "rectification").set_index("target_code")
    assert set(duty.index) < set(weak)
    assert len(duty) > 0.6 * len(weak)
    street = "DW" + orgs.loc[duty.index, "host_code"].str[:9]
    assert (duty["holder_code"] == street).all()


def test_members_have_areas_in_a_share_of_buildings_by_grid(district):
    duty = served(district, "member_area")
    assert duty["target_code"].is_unique
    assert 0.3 < len(duty) / len(district.building) < 0.6
    branch = served(district, "party_branch").set_index("target_code")["holder_code"]
    of_grid = duty[duty["holder_code"].isin(branch)]
    assert (branch[of_grid["target_code"].str[:15]].to_numpy() == of_grid["holder_code"]).all()
    grids = set(of_grid["target_code"].str[:15])
    assert 0.3 < 1 - len(grids) / len(district.grid) < 0.5


def test_hardly_a_branch_has_nothing_to_do(district, orgs):
    branches = orgs.index[orgs["kind"].isin(["branch", "joint_branch"])]
    idle = ~branches.isin(district.duty["holder_code"])
    assert 5 <= idle.sum() <= 40
    areas = served(district, "member_area")
    of_units = areas[~areas["holder_code"].isin(served(district, "party_branch")["holder_code"])]
    assert of_units["holder_code"].value_counts().between(1, 3).all()
    host = orgs.loc[of_units["holder_code"], "host_code"].to_numpy()
    assert (of_units["target_code"].str[:12] == host).all()


# enterprises and centres


def test_enterprises_sit_where_people_work(district, orgs):
    kinds = orgs["kind"].value_counts()
    assert (kinds["enterprise"], kinds["social_org"]) == (2_500, 300)
    units = orgs[orgs["kind"].isin(EMPLOYER_KINDS)]
    assert (units["host_code"] == units["seat_code"].str[:15]).all()
    kind = district.building.set_index("code")["kind"]
    assert kind[units["seat_code"]].isin(["commercial", "industrial"]).mean() > 0.95
    assert (units["staff_count"] >= units["full_members"]).all()
    assert (units["full_members"] <= 2).mean() > 0.9
    assert units["name"].is_unique


def test_enterprises_of_three_members_mostly_have_their_own_branch(district, orgs):
    units = orgs[orgs["kind"].isin(EMPLOYER_KINDS)]
    duty = served(district, "enterprise_branch").set_index("target_code")
    assert duty.index.is_unique
    assert orgs.loc[duty["holder_code"], "kind"].isin(["branch", "joint_branch"]).all()
    mode = duty["mode"].reindex(units.index)
    large = units["full_members"] >= 3
    assert 0.6 < (mode[large] == "own").mean() < 0.9
    assert (mode[large] == "joint").any()
    assert mode[large].isna().any()
    assert not (mode[~large] == "own").any()
    joint = duty.loc[duty["mode"] == "joint", "holder_code"].value_counts()
    assert joint.between(2, 5).all()
    own = duty.loc[duty["mode"] == "own", "holder_code"]
    assert own.is_unique
    assert not set(own) & set(joint.index)


def test_branches_of_enterprises_serve_no_grid_and_count_among_the_1509(district, orgs):
    holders = set(served(district, "enterprise_branch")["holder_code"])
    assert not holders & set(served(district, "party_branch")["holder_code"])
    party = orgs[orgs["kind"].isin(PARTY_KINDS) & (orgs["kind"] != "party_group")]
    assert len(party) == 1_509
    assert holders <= set(party.index)


def test_some_enterprises_are_worked_with_and_kept_in_contact(district, orgs):
    units = orgs[orgs["kind"].isin(EMPLOYER_KINDS)]
    work, contact = served(district, "enterprise_work"), served(district, "enterprise_contact")
    assert 0.3 < len(work) / len(units) < 0.7
    assert set(orgs.loc[work["holder_code"], "kind"]) == {
        "committee", "general_branch", "party_service_centre"
    }  # fmt: skip
    assert 0.1 < len(contact) / len(units) < 0.3
    by_leader = contact["holder_code"].str.startswith("QLD")
    assert by_leader.any()
    assert (orgs.loc[contact["holder_code"][~by_leader], "kind"] == "department").all()


def test_centres_of_streets_and_communities(district, orgs):
    kinds = orgs["kind"].value_counts()
    assert kinds["party_service_centre"] == 4
    assert kinds["service_station"] == 15 - 2
    assert kinds["service_post"] == 138  # 90 % of 153
    assert kinds["one_window"] == 142  # 93 %
    centres = orgs[orgs["kind"].isin(CENTRE_KINDS)]
    assert centres[["seat_code", "staff_count", "floor_area_m2"]].notna().all(axis=None)
    inside = [
        seat.startswith(host)
        for seat, host in zip(centres["seat_code"], centres["host_code"], strict=True)
    ]
    assert all(inside)
    assert not centres.duplicated(["kind", "host_code"]).any()


# courtyards and departments' grids


def test_nanhu_has_24_courtyards_with_all_five_parts(district):
    yards = district.courtyard
    nanhu = district.community.set_index("name")["code"]["南湖社区"]
    there = yards[yards["code"].str.startswith(f"YL{nanhu}")]
    assert len(there) == 24
    assert there[list(COURTYARD_PARTS)].notna().all(axis=None)


def test_elsewhere_a_few_hundred_courtyards_have_none_to_all_parts(district):
    yards = district.courtyard
    others = yards[~yards["name"].str.startswith("南湖社区")]
    assert 200 <= len(others) <= 800
    parts = others[list(COURTYARD_PARTS)].notna().sum(axis=1).value_counts()
    assert set(parts.index) == set(range(6))
    assert parts.min() >= 10
    days = yards[list(COURTYARD_PARTS)].stack().dropna()
    assert days.map(lambda day: day < AS_OF).all()


def test_courtyards_are_of_one_community_and_mostly_of_one_grid(homes):
    inside = homes[homes["courtyard"].notna()]
    code = pd.Series(inside.index, index=inside.index)
    yards = code.groupby(inside["courtyard"])
    assert yards.agg(lambda codes: codes.str[:12].nunique()).eq(1).all()
    grids = yards.agg(lambda codes: codes.str[:15].nunique())
    assert 3 <= (grids > 1).sum() <= 20
    assert yards.size().median() >= 2


def test_courtyards_lie_apart(district):
    shapes = district.courtyard.geometry.to_numpy()
    one, other = shapely.STRtree(shapes).query(shapes, "intersects")
    assert (one == other).all()


def test_most_self_managed_buildings_are_in_a_courtyard(homes):
    inside = homes["courtyard"].notna().groupby(homes["management_kind"]).mean()
    assert 0.6 < inside["self"] < 0.9
    assert 0.05 < inside["scattered"] < 0.4


@pytest.mark.parametrize("department", ["city_management_grid", "police_grid"])
def test_departments_grids_are_tilings_of_some_streets(district, department):
    frame = crs.metric_crs_of(district.district)
    drawn = district.department_grid.to_crs(frame)
    shapes = drawn.geometry[drawn["department"] == department]
    whole = shapely.union_all(shapes.to_numpy())
    assert shapes.area.sum() == pytest.approx(whole.area, rel=1e-6)
    streets = district.street.to_crs(frame).geometry
    share = shapely.area(shapely.intersection(streets.to_numpy(), whole)) / streets.area
    assert ((share < 0.01) | (share > 0.99)).all()
    assert 5 <= (share > 0.99).sum() <= 8


@pytest.mark.parametrize("department", ["city_management_grid", "police_grid"])
def test_some_borders_of_departments_cross_grids_and_buildings(district, department):
    drawn = district.department_grid
    shapes = drawn.geometry[drawn["department"] == department].to_numpy()
    edges = shapely.STRtree(shapely.boundary(shapes))
    cut = np.unique(edges.query(district.building.geometry.to_numpy(), "intersects")[0])
    assert 20 < len(cut) < 3_000
    base = district.grid.geometry.to_numpy()
    grid, other = shapely.STRtree(shapes).query(base, "intersects")
    share = shapely.area(shapely.intersection(base[grid], shapes[other])) / shapely.area(base[grid])
    parts = pd.Series(share[share > 0.001]).groupby(grid[share > 0.001])
    whole, split = (parts.max() > 0.999).sum(), (parts.max() < 0.99).sum()
    assert whole > 100
    assert split > 30


# matters, proposals, projects


def test_the_catalogue_has_70_items_that_go_where_their_class_goes(district):
    items = district.matter_item
    assert len(items) == 70
    assert items["name"].is_unique
    routes = items.groupby("matter_class")["route"].agg(set).to_dict()
    assert routes == {
        "big": {"government_department", "leading_group"},
        "small": {"community_committees", "social_units"},
        "private": {"market", "self_help"},
    }
    assert (items["unit_code"].notna() == items["route"].eq("government_department")).all()


def test_matters_of_a_year_few_of_them_outside_the_catalogue(district):
    matters, items = district.matter, set(district.matter_item["code"])
    assert len(matters) == 3_000
    assert 0.004 < 1 - matters["item_code"].isin(items).mean() < 0.02
    assert matters["item_code"].isna().any()
    ago = matters["reported_on"].map(lambda day: (AS_OF - day).days)
    assert ago.between(0, 366).all()
    assert matters["source_system"].nunique() == 16
    covered = shapely.covers(district.district.geometry.iloc[0], matters.geometry.array)
    assert covered.all()


def test_days_of_matters_follow_each_other_and_fit_the_state(district):
    matters = district.matter
    taken = matters["state"].isin(["accepted", "in_work", "resolved"])
    assert (matters["accepted_on"].notna() == taken).all()
    assert (matters["resolved_on"].notna() == matters["state"].eq("resolved")).all()
    assert set(matters["state"]) == {"reported", "accepted", "in_work", "resolved", "returned"}
    for first, second in (("reported_on", "accepted_on"), ("accepted_on", "resolved_on")):
        both = matters.dropna(subset=[first, second])
        assert (both[first] <= both[second]).all()
    latest = matters[["accepted_on", "resolved_on"]].stack().dropna().max()
    assert latest <= AS_OF


def test_some_matters_went_to_the_wrong_unit_or_grid(district):
    matters = district.matter
    joined = gpd.sjoin(
        matters[["routed_grid", "geometry"]], district.grid[["code", "geometry"]]
    ).dropna(subset=["routed_grid"])
    wrong = joined["routed_grid"] != joined["code"]
    assert 0.01 < wrong.mean() < 0.06
    assert 0.005 < matters["routed_grid"].isna().mean() < 0.04
    unit = district.matter_item.set_index("code")["unit_code"]
    meant = matters["item_code"].map(unit)
    known = meant.notna()
    assert 0.02 < (matters["routed_to"][known] != meant[known]).mean() < 0.09


def test_some_matters_gather_and_some_came_in_twice(district):
    frame = crs.metric_crs_of(district.district)
    matters = district.matter.to_crs(frame).set_index("code")
    assert len(triage.hot_spots(matters)) >= 15
    assert 20 <= len(triage.duplicates(matters)) <= 100
    told = triage.stages(
        matters, district.matter_item.set_index("code"), as_of=AS_OF + dt.timedelta(days=1)
    )
    assert told["dates"].isna().all()
    assert 0.03 < told["overdue"].mean() < 0.2


def test_2138_proposals_of_which_over_80_percent_are_resolved(district):
    proposals = district.proposal
    assert len(proposals) == 2_138
    resolved = proposals["state"] == "resolved"
    assert int(resolved.sum()) == 1_775
    assert (proposals["resolved_on"].notna() == resolved).all()
    done = proposals[resolved]
    assert (done["raised_on"] <= done["resolved_on"]).all()
    assert done["resolved_on"].max() <= AS_OF


def test_1370_projects_one_or_two_a_community_and_year_in_most(district):
    projects = district.project
    assert len(projects) == 1_370
    every = pd.MultiIndex.from_product([district.community["code"], range(2021, 2027)])
    count = projects.groupby(["community_code", "year"]).size().reindex(every, fill_value=0)
    assert count.sum() == 1_370
    assert count.between(1, 2).mean() > 0.85
    assert set(count) == {0, 1, 2, 3}
    assert 0.95 < projects["satisfaction_share"].mean() < 0.99
    assert (projects["satisfaction_share"].notna() == projects["state"].eq("done")).all()


# shares and gaps


def test_whole_parts_add_up_within_their_limits():
    rng = np.random.default_rng(1)
    parts = whole_parts(np.array([1.0, 2.0, 50.0, 3.0]), 30, (2, 15), rng)
    assert int(parts.sum()) == 30
    assert parts.min() >= 2
    assert parts[2] == 15
    assert parts[0] <= parts[1] + 1 <= parts[3] + 2


def test_gaps_are_as_many_as_asked_for_and_in_clusters():
    side = np.arange(20) * 500.0
    xy = np.array([(x, y) for x in side for y in side])
    missing = gaps(xy, 0.2, 5_000.0, np.random.default_rng(3))
    assert missing.sum() == 80
    square = missing.reshape(20, 20)
    alike = (square[:, 1:] & square[:, :-1]).sum() / square[:, :-1].sum()
    assert alike > 0.6  # 0.2 if they were strewn


def test_the_quarter_before_had_fewer_links_and_no_others(district):
    before = demo.earlier_duties(district.duty, demo.SEED)
    keys = ["holder_code", "service", "target_code"]
    was, now = (set(map(tuple, one[keys].to_numpy())) for one in (before, district.duty))
    assert was < now
    assert 0.01 < 1 - len(was) / len(now) < 0.15
    gained = {target[:12] for _, _, target in now - was}
    assert 20 < len(gained) < 153, "in some communities nothing was added"
    assert before.equals(demo.earlier_duties(district.duty, demo.SEED))
