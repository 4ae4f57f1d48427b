"""The rows behind figures, blank spots, snapshots, matters, reconciliation: on the toy town."""

import datetime as dt

import geopandas as gpd
import pandas as pd
import pytest
from toy_town import TOY_DAY

from gridmap import jobs, store
from gridmap.errors import (
    Conflict,
    InputError,
    LayerRejected,
    LensNotFound,
    NotFound,
    SnapshotNotFound,
    UnitNotFound,
)
from gridmap.jobs.rates import stored_rates
from gridmap.model import COVERED, LENSES, Level

pytestmark = pytest.mark.db

DISTRICT, C1, C2 = "990101", "990101001001", "990101001002"
G11, G12, G21, G22 = (f"{c}{n}" for c in (C1, C2) for n in ("001", "002"))
DAY = dt.date(2026, 1, 1)


@pytest.fixture(scope="module")
def read_only(new_database, serviced_template):
    engine = store.connect(new_database(serviced_template))
    yield engine
    engine.dispose()


def put(engine, tmp_path, layer, text, **options):
    path = tmp_path / f"{layer}.csv"
    path.write_text(text, "utf-8")
    options = {"effective": DAY, "commit": True, **options}
    return jobs.import_layer(engine, path, layer, **options)


# --- the rows behind a figure


def test_every_figure_leads_to_as_many_rows(read_only):
    rates = {r["measure"]: r for r in jobs.unit_coverage(read_only, DISTRICT)["rates"]}
    for code, lens in LENSES.items():
        rows = jobs.lens_targets(read_only, code, DISTRICT, limit=1000, every=True)["rows"]
        names = {"community": "communities"}
        rate = rates[f"{code}.{names.get(lens.target, lens.target + 's')}"]
        assert rate["total"] == len(rows)
        assert rate["covered"] == sum(row["status"] in COVERED for row in rows)


def test_the_uncovered_come_first_and_the_others_only_if_asked(read_only):
    found = jobs.lens_targets(read_only, "grid_leader", DISTRICT, limit=10)
    assert [(row["target_code"], row["reason"]) for row in found["rows"]] == [(G22, "vacant")]
    assert found["counts"] == {"uncovered": 1, "neighbour": 0, "joint": 2, "own": 1}
    every = jobs.lens_targets(read_only, "grid_leader", C1, limit=1, every=True)
    assert (every["total"], len(every["rows"])) == (2, 1)
    with pytest.raises(LensNotFound, match="lenses are party_branch"):
        jobs.lens_targets(read_only, "castle", DISTRICT, limit=1)


def test_a_target_shows_every_link_it_was_judged_by(read_only):
    found = jobs.evidence_of(read_only, "six_services", "T2", as_of=TOY_DAY)
    assert (found["status"], found["reason"], found["missing"]) == (
        "uncovered",
        "no_link",
        "volunteers",
    )
    told = {(row["part"], row["given_to"], row["holder_name"]) for row in found["rows"]}
    assert told == {
        ("community_workers", C1, "东风社区党委"),
        ("community_police", G11, "东风社区党委"),
        ("legal_service", C1, "东风社区党委"),
        ("community_affairs", C1, "东风社区党委"),
        ("city_management", C1, "东风社区党委"),
    }
    assert all(row["begins"] == DAY and row["verdict"] == "own" for row in found["rows"])
    small = jobs.evidence_of(read_only, "party_group", "T5")
    assert [(row["holder_code"], row["verdict"]) for row in small["rows"]] == [
        ("G3", "group_below_size")
    ]
    with pytest.raises(NotFound, match="no target of the lens"):
        jobs.evidence_of(read_only, "party_group", "T99")
    with pytest.raises(NotFound, match="no target"):
        jobs.evidence_of(read_only, "scattered_courtyard", "T3")


@pytest.mark.parametrize("code", LENSES)
def test_evidence_and_figure_say_the_same(read_only, code):
    for row in jobs.lens_targets(read_only, code, DISTRICT, limit=1000, every=True)["rows"]:
        found = jobs.evidence_of(read_only, code, row["target_code"])
        assert (found["status"], found["reason"]) == (row["status"], row["reason"])


def test_a_lens_of_ones_own_is_a_row_in_a_table(serviced, tmp_path):
    text = (
        "code,name,target,source,parts,need\n"
        "two_services,两项服务,building,duty,legal_service volunteers,1\n"
        "party_branch,自定党支部,grid,duty,party_branch,1\n"
    )
    put(serviced, tmp_path, "lens", text)
    jobs.refresh_org_coverage(serviced, as_of=TOY_DAY)
    rows = {row["code"]: row for row in jobs.lenses_of(serviced, as_of=TOY_DAY)}
    assert len(rows) == len(LENSES) + 1
    assert rows["party_branch"]["stored"]
    assert not rows["party_group"]["stored"]
    rates = {r["measure"]: r for r in jobs.unit_coverage(serviced, DISTRICT)["rates"]}
    # Not through grids and communities: only T1 has one of its own.
    assert rates["two_services.buildings"]["covered"] == 1


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("a,甲,castle,duty,party_branch,,", "target"),
        ("a,甲,grid,magic,party_branch,,", "source"),
        ("a,甲,grid,duty,party_group,,", "parts"),
        ("a,甲,grid,duty,party_branch,castle=1,", "target_kinds"),
        ("a,甲,grid,duty,party_branch,,grid", "through"),
        ("a,甲,building,field,castle=1,,", "parts"),
    ],
)
def test_a_lens_that_names_what_there_is_not_is_refused(serviced, tmp_path, row, field):
    text = f"code,name,target,source,parts,target_kinds,through\n{row}\n"
    with pytest.raises(LayerRejected) as caught:
        put(serviced, tmp_path, "lens", text)
    issues = caught.value.report.issues
    assert [(i.shape, i.row, i.field) for i in issues] == [("L01.word", 1, field)]


# --- blank spots


def test_blank_spots_are_what_lies_together(read_only):
    found = jobs.blank_spots(read_only, "party_group", DISTRICT, apart_m=60, limit=10)
    spots = [(s["members"], s["household_count"], s["unit_code"]) for s in found["rows"]]
    # T4 is 42.4 m from T5 and 58.3 m from T6, which are 80 m apart; T7 is 63.2 m from T5.
    assert spots == [
        (["T4", "T5", "T6"], 150, "990101001"),
        (["T8"], 80, None),
        (["T7"], 70, G22),
    ]
    assert (found["uncovered"], found["total"]) == (5, 3)
    near = [h["code"] for h in found["rows"][0]["holders"]]
    assert set(near) <= {"G1", "G2", "G4"}, "G3 is too small to take anybody"
    inside = jobs.blank_spots(read_only, "party_group", C2, apart_m=60, limit=10)
    assert [s["members"] for s in inside["rows"]] == [["T7"], ["T6"], ["T5"]]


def test_blank_spots_of_two_lenses_or_more(read_only):
    found = jobs.blank_spots(read_only, "combined", DISTRICT, apart_m=1, limit=10)
    members = {code for spot in found["rows"] for code in spot["members"]}
    # T2 lacks volunteers only, T1 nothing; T3 lacks the police, volunteers, the members' area.
    assert members == {"T3", "T4", "T5", "T6", "T7", "T8"}
    assert max(spot["lenses_most"] for spot in found["rows"]) == 8


@pytest.mark.parametrize("lens", ["grid_leader", "service_group", "courtyard_131", "rectification"])
def test_every_sort_of_target_has_spots(read_only, lens):
    found = jobs.blank_spots(read_only, lens, DISTRICT, limit=10)
    assert found["total"] >= 1
    assert found["rows"][0]["geometry"]["type"] in ("Polygon", "MultiPolygon")


def test_blank_spots_are_written_to_a_file(read_only, tmp_path):
    path = tmp_path / "spots.gpkg"
    found = jobs.blank_spots(read_only, "party_group", DISTRICT, limit=1, target=path)
    read = gpd.read_file(path, layer="blank_spots")
    assert len(read) == found["total"]
    assert set(read["lens"]) == {"party_group"}
    with pytest.raises(InputError, match="gpkg"):
        jobs.blank_spots(read_only, "party_group", DISTRICT, limit=1, target=tmp_path / "a.txt")


# --- snapshots


def test_snapshots_are_kept_and_compared(serviced, tmp_path):
    jobs.refresh_org_coverage(serviced, as_of=TOY_DAY, full=True)
    made = jobs.take_snapshot(serviced, as_of=TOY_DAY)
    assert (made["label"], made["lenses"]) == ("2026-06-01", 30)
    with pytest.raises(Conflict, match="2026-06-01"):
        jobs.take_snapshot(serviced, as_of=TOY_DAY)
    for label in ("run 7", "x" * 65):
        with pytest.raises(InputError, match="a label has at most"):
            jobs.take_snapshot(serviced, as_of=TOY_DAY, label=label)
    text = "holder_code,service,target_code,mode\nG1,party_group,T4,own\nG4,party_group,T5,own\n"
    put(serviced, tmp_path, "duty", text)
    jobs.take_snapshot(serviced, as_of=TOY_DAY, label="later")
    labels = [one["label"] for one in jobs.list_snapshots(serviced)]
    assert labels[-2:] == ["2026-06-01", "later"]
    assert any(label.startswith("run ") for label in labels)
    found = jobs.coverage_trend(serviced, "party_group", "2026-06-01", "later")
    assert found["counts"] == {"gained": 1, "reason": 1}
    told = {r["target_code"]: (r["reason_before"], r["reason_after"]) for r in found["changes"]}
    # G4 is large enough, but its branch serves the grids of the other community.
    assert told == {"T4": ("no_link", None), "T5": ("group_below_size", "branch_elsewhere")}
    whole = next(r for r in found["rates"] if r["unit_code"] == DISTRICT and
                 r["unit_of_measure"] == "targets")  # fmt: skip
    assert (whole["covered_before"], whole["covered_after"], whole["cause"]) == (3, 4, "coverage")
    inside = jobs.coverage_trend(serviced, "party_group", "2026-06-01", "later", code=C2)
    assert inside["counts"] == {"reason": 1}
    with pytest.raises(SnapshotNotFound, match="never"):
        jobs.coverage_trend(serviced, "party_group", "never", "later")
    with pytest.raises(LensNotFound):
        jobs.coverage_trend(serviced, "castle", "2026-06-01", "later")


def test_every_quarter_is_frozen_once_as_of_its_last_day(serviced, tmp_path):
    def known():
        return {one["label"]: str(one["as_of"]) for one in jobs.list_snapshots(serviced)}

    assert known()["2026Q1"] == "2026-03-31", "the first computation of June froze it"
    # What is written for a later day does not change it; what corrects the past comes too late.
    text = "holder_code,service,target_code,mode\nG1,party_group,T4,own\n"
    put(serviced, tmp_path, "duty", text, effective=dt.date(2026, 4, 1))
    jobs.refresh_org_coverage(serviced, as_of=dt.date(2026, 7, 1), full=True)
    assert known()["2026Q2"] == "2026-06-30"
    found = jobs.coverage_trend(serviced, "party_group", "2026Q1", "2026Q2")
    assert [(row["target_code"], row["change"]) for row in found["changes"]] == [("T4", "gained")]
    before = known()
    jobs.refresh_org_coverage(serviced, as_of=dt.date(2026, 7, 1), full=True)
    assert all(label.startswith("run ") for label in set(known()) - set(before))
    jobs.refresh_org_coverage(serviced, as_of=dt.date(2026, 1, 2), full=True)
    assert "2025Q4" not in known(), "nothing is known of that year"


def test_a_rate_that_rose_since_buildings_went_says_so(serviced, tmp_path):
    jobs.take_snapshot(serviced, as_of=TOY_DAY, label="before")
    with store.transaction(serviced) as conn:
        rows = store.read_layer(conn, "building", as_of=TOY_DAY)
    left = gpd.GeoDataFrame(rows[~rows["code"].isin(["T6", "T7"])])
    path = tmp_path / "building.gpkg"
    left.to_file(path)
    jobs.import_layer(serviced, path, "building", effective=dt.date(2026, 5, 1), commit=True,
                      complete=True)  # fmt: skip
    jobs.take_snapshot(serviced, as_of=TOY_DAY, label="after")
    found = jobs.coverage_trend(serviced, "party_group", "before", "after")
    assert found["counts"] == {"gone_uncovered": 2}
    whole = next(r for r in found["rates"] if r["unit_code"] == DISTRICT and
                 r["unit_of_measure"] == "targets")  # fmt: skip
    assert (whole["total_before"], whole["total_after"]) == (7, 5)
    assert whole["cause"] == "denominator"


# --- along the Party tree, and for others


def party(engine, code):
    found = jobs.party_coverage(engine, code)
    return {r["measure"]: (r["covered"], r["total"]) for r in found["rates"]}, found


def test_figures_along_the_party_tree(read_only):
    branch, found = party(read_only, "B1")
    assert (found["units"], found["below"]) == (2, [])
    assert branch["party_group.buildings"] == (3, 4)
    assert branch["party_branch.grids"] == (2, 2)
    assert "service_group.communities" not in branch
    # No branch and no committee of their own: the street's leads the grids of 西湖, and it.
    top, found = party(read_only, "WC")
    assert top["party_group.buildings"] == (0, 3)
    assert top["service_group.communities"] == (1, 2)
    assert [one["code"] for one in found["below"]] == ["CC1"]
    nobody, _ = party(read_only, "")
    assert nobody["party_group.buildings"] == (0, 1), "T8 lies in no grid"
    with pytest.raises(UnitNotFound, match="no organisation"):
        jobs.party_coverage(read_only, "castle")


def test_figures_for_others_withhold_small_cells(read_only, tmp_path):
    path = tmp_path / "figures.csv"
    made = jobs.export_figures(read_only, path, level=Level.GRID, least=3)
    table = pd.read_csv(path, dtype={"unit_code": str})
    assert len(table) == made["rows"]
    assert table["withheld"].sum() == made["withheld"] > 0
    row = table.set_index(["measure", "unit_code"])
    whole = row.loc[("party_group.buildings", DISTRICT)]
    assert (whole["covered"], whole["total"], whole["unit_name"]) == (3, 7, "玩具区")
    few = row.loc[("party_group.buildings", G11)]
    assert few[["covered", "total", "share"]].isna().all(), "two buildings are fewer than three"
    assert row.loc[("party_group.floor_area", G11), "withheld"]
    assert not row.loc[("camera.open_ground", G11), "withheld"]
    every = jobs.export_figures(read_only, tmp_path / "all.xlsx", level=Level.GRID, least=0)
    assert (every["rows"], every["withheld"]) == (made["rows"], 0)
    with pytest.raises(InputError, match="figures are a table"):
        jobs.export_figures(read_only, tmp_path / "a.gpkg", level=Level.GRID, least=0)


def test_how_far_it_is_on_foot(read_only):
    """One window is in T6; the only road runs along y = 90, and all go down to it and up again."""
    found = jobs.walking_access(
        read_only, "one_window", DISTRICT, as_of=TOY_DAY, limit=9, within_m=150
    )
    assert (found["centres"], found["without_seat"], found["total"]) == (1, 0, 2)
    rows = {row["community_code"]: row for row in found["rows"]}
    # T1 at (20, 20): 70 m to the road, 250 along it, 70 m up to T6 at (270, 160).
    assert rows[C1]["furthest_m"] == pytest.approx(390, rel=2e-3)
    # T4 at (200, 110): straight, 86 m, for it is 20 m to the road and 70 m from it.
    assert rows[C1]["near"] == 40
    # T5 at (250, 60): 30 + 20 + 70, since straight, 102 m, is more than 30 + 70; T7 at (330, 20):
    # 70 + 60 + 70; T6 is at the window itself.
    assert rows[C2]["households"] == 180
    assert rows[C2]["near"] == 50 + 60
    assert rows[C2]["furthest_m"] == pytest.approx(200, rel=2e-3)
    assert (found["near"], found["far"], found["unreached"]) == (150, 130, 0)
    with pytest.raises(InputError, match="centres are"):
        jobs.walking_access(read_only, "castle", DISTRICT, as_of=TOY_DAY, limit=1)


# --- matters


def test_matters_are_sorted_and_doubtful_ones_asked_about(read_only):
    found = jobs.triage_matters(read_only, DISTRICT, as_of=TOY_DAY, limit=20, near_border_m=5)
    assert found["questions"] == {
        "near_border": 1,
        "no_grid": 1,
        "no_item": 1,
        "outside_catalogue": 1,
    }
    assert found["classes"] == {"big": 4, "private": 1, "small": 2}
    rows = {row["code"]: row for row in found["rows"]}
    assert rows["M3"]["unit"] == C1
    assert rows["M3"]["candidates"] == [G11, G12]
    assert rows["M3"]["misrouted"], "it was put into a grid of the other community"
    assert rows["M7"]["misrouted"], "a private matter is no department's"
    assert rows["M2"]["overdue"]
    figures = {name: (one["count"], one["of"]) for name, one in found["figures"].items()}
    assert figures["resolved"] == (4, 9)
    assert figures["asked"] == (4, 9)
    assert figures["proposals"] == (1, 3)
    assert [(p["first_code"], p["second_code"]) for p in found["duplicates"]] == [("M1", "M8")]
    inside = jobs.triage_matters(read_only, C2, as_of=TOY_DAY, limit=20, near_border_m=5)
    assert inside["figures"]["resolved"]["of"] == 4


# --- what does not add up


def test_what_does_not_add_up(read_only):
    def asked(what):
        return jobs.reconcile(read_only, what, DISTRICT, as_of=TOY_DAY, limit=50)["rows"]

    members = {row["community_code"]: row for row in asked("members")}
    assert members[C1]["linked"] == 21 + 5 + 4 + 6
    assert members[C1]["reason"] == "no_declaration"
    reasons = {(row["layer"], row["key"], row["reason"]) for row in asked("orphans")}
    assert ("organisation", "B1", "no_parent") in reasons
    assert ("organisation", "WB2", "no_duty") in reasons
    splits = {row["grid_code"]: row["pieces"] for row in asked("grids")}
    assert splits == {G11: 1, G12: 2, G21: 1, G22: 1}
    assert [(r["building_code"], r["share"]) for r in asked("buildings")] == [
        ("T3", pytest.approx(0.5, abs=1e-3)),
        ("T8", 0.0),
    ] or [(r["building_code"]) for r in asked("buildings")] == ["T3"]
    assert asked("courtyards") == []
    with pytest.raises(InputError, match="members, orphans"):
        jobs.reconcile(read_only, "castles", DISTRICT, as_of=TOY_DAY, limit=1)


def test_figures_of_children_add_up_to_their_parents(read_only):
    with store.transaction(read_only) as conn:
        table = stored_rates(conn).reset_index()
    own = {code for code, lens in LENSES.items() if lens.target in ("building", "grid")}
    table = table[table["measure"].str.partition(".")[0].isin(own)]
    sums = table.assign(parent=table["unit_code"].str[:-3])
    sums = sums[sums["level"] != "district"].groupby(["parent", "measure"])[["covered", "total"]]
    parents = table.set_index(["unit_code", "measure"])[["covered", "total"]]
    for key, row in sums.sum().iterrows():
        assert tuple(row) == tuple(parents.loc[key])
