"""What an import tells beside what is stored: order, form, footprints, dates, organisations."""

import datetime as dt
import time

import geopandas as gpd
import pandas as pd
import pytest
from shapely import MultiPolygon, affinity, box
from test_jobs import DAY, METRIC, frame, refused, run, save, toy_building
from toy_town import TOY, import_toy

from gridmap import demo, files, jobs, store, topology
from gridmap.errors import CodeError, FileUnreadable, InputError, LayerRejected
from gridmap.jobs.borders import tiled
from gridmap.jobs.checks import derived_columns, reference_issues
from gridmap.model import LAYERS, Level

pytestmark = pytest.mark.db

COMMUNITY = "990101001001"


def grids(tmp_path, shapes, codes, name="grid.fgb", **columns):
    placed = [affinity.translate(s, 364_000, 3_266_000) for s in shapes]
    path = tmp_path / name
    columns = {"code": codes, "name": ["x"] * len(shapes), **columns}
    files.write_layer(frame(placed, **columns), path)
    return path


def told(report, *rules):
    return [(one.shape, one.row) for one in report.issues if one.rule in rules]


QUARTERS = [box(x, y, x + 100, y + 100) for y in (100, 0) for x in (0, 100)]


# --- grids


def test_new_grids_out_of_order_are_told_and_stored_ones_are_not(engine, tmp_path):
    import_toy(engine, "district", "street", "community")
    codes = [f"{COMMUNITY}{n:03}" for n in (2, 1, 3, 4)]
    path = grids(tmp_path, QUARTERS, codes)
    report = run(engine, path, "grid")
    (order,) = [one for one in report.issues if one.rule == "C05"]
    assert (order.shape, order.row, str(order.severity)) == ("C05.order", None, "info")
    assert order.values["proposal"] == "002 → 001, 001 → 002"
    assert 106 < order.geometry.centroid.x < 107
    run(engine, path, "grid", commit=True)
    # Codes that are stored stay with their ground: nobody can mend their order any more.
    assert told(run(engine, path, "grid"), "C05") == []


def test_grids_in_parts_and_ragged_ones_are_told(engine, tmp_path):
    import_toy(engine, "district", "street", "community")
    apart = MultiPolygon([box(0, 0, 100, 197), box(150, 197, 200, 200)])
    path = grids(
        tmp_path,
        [apart, box(100, 0, 200, 197), box(0, 197, 150, 200)],
        [f"{COMMUNITY}{n:03}" for n in (1, 2, 3)],
    )
    report = run(engine, path, "grid")
    assert told(report, "G06", "G07") == [("G06.parts", 1), ("G07.compactness", 3)]
    assert not report.errors
    assert report.issues[0].geometry is not None


def test_a_child_may_not_begin_before_its_parent(engine, tmp_path):
    may = dt.date(2026, 5, 1)
    import_toy(engine, "district", "street", effective=may)
    found = refused(engine, TOY / "community.csv", "community", source_crs=METRIC)
    assert found == [("T01.parent", 1, "code"), ("T01.parent", 2, "code")]
    with pytest.raises(LayerRejected) as caught:
        run(engine, TOY / "community.csv", "community", source_crs=METRIC)
    assert "2026-05-01" in caught.value.report.issues[0].message("zh")
    run(engine, TOY / "community.csv", "community", source_crs=METRIC, effective=may, commit=True)


# --- buildings


def test_footprints_are_compared_in_the_file_and_beside_the_store(town, tmp_path):
    path = save(
        tmp_path,
        [
            toy_building(10, 20),
            toy_building(10, 35),
            toy_building(150, 150),
            toy_building(170, 150),
        ],
        code=["new", "next", "apart", "touching"],
    )
    report = run(town, path, "building")
    found = [one for one in report.issues if one.rule == "G09"]
    assert [(one.row, one.values["other"]) for one in found] == [(2, "new"), (1, "T1")]
    assert [float(one.values["area"]) for one in found] == pytest.approx([100, 200], abs=1)
    assert found[0].geometry.is_valid
    assert 106 < found[0].geometry.centroid.x < 107
    assert run(town, path, "building", commit=True).committed, "a warning"
    # A building is not compared with what it was.
    path = save(tmp_path, [toy_building(12, 10)], code=["T1"], name="moved.gpkg")
    assert [
        one.values["other"] for one in run(town, path, "building").issues if one.rule == "G09"
    ] == ["new"]


def test_the_same_footprint_twice_is_told_once(town, tmp_path):
    path = save(tmp_path, [toy_building(150, 150)] * 2, code=["a", "b"])
    report = run(town, path, "building")
    assert told(report, "G01", "G09") == [("G01.duplicate", 2)]


def test_rows_that_cannot_be_measured_do_not_stop_the_rest(engine, tmp_path):
    rows = [box(-179, -80, 179, 80), toy_building(0, 0), toy_building(10, 0)]
    there = gpd.GeoSeries(rows[1:], crs=METRIC).to_crs(4490)
    path = save(tmp_path, [rows[0], *there], crs=4490, code=["w", "a", "b"], name="b.geojson")
    report = run(engine, path, "building")
    assert ("G09.overlap", 3) in told(report, "G09")


# --- organisations


def orgs(tmp_path, *rows):
    names = ["code", "kind", "parent_code", "host_code", "full_members"]
    table = pd.DataFrame(rows, columns=names).assign(name="x")
    path = tmp_path / "org.csv"
    table.to_csv(path, index=False)
    return path


def test_a_cycle_through_the_store_is_found(town, tmp_path):
    """B1 is stored without a parent; the file gives it one that stands below it."""
    path = orgs(tmp_path, ("B1", "branch", "N", None, 9), ("N", "branch", "B1", None, 9))
    found = refused(town, path, "organisation")
    assert found == [("P00.cycle", 1, "parent_code")]
    path = orgs(tmp_path, ("N", "party_group", "B1", None, 9), ("M", "branch", "G1", None, 2))
    report = run(town, path, "organisation")
    assert told(report, "P00", "P03") == [("P00.order", 2), ("P03.branch", 2)]
    assert "党小组" in report.issues[0].message("zh")


def test_duties_say_once_how_much_nobody_serves(town, tmp_path):
    report = run(town, TOY / "duty.csv", "duty")
    summary = {one.shape: one.values for one in report.issues}
    assert set(summary) == {"P01.grids", "P02.buildings"}
    # The answers stand in the toy town's README: 2 of 4 grids, 3 of 7 buildings are covered.
    assert (summary["P01.grids"]["blank"], summary["P01.grids"]["total"]) == (2, 4)
    assert (summary["P02.buildings"]["blank"], summary["P02.buildings"]["total"]) == (4, 7)
    path = tmp_path / "duty.csv"
    path.write_text("holder_code,service,target_code\nG1,party_group,T4\n", encoding="utf-8")
    report = run(town, path, "duty")
    assert [(one.shape, one.values["blank"]) for one in report.issues] == [("P02.buildings", 3)]
    # Its branch serves the grids of the other community.
    path.write_text("holder_code,service,target_code\nG4,party_group,T7\n", encoding="utf-8")
    report = run(town, path, "duty")
    assert [(one.shape, one.values["blank"]) for one in report.issues] == [("P02.buildings", 4)]


def test_a_joint_branch_of_six_grids_is_told_with_what_is_stored(town, tmp_path):
    path = orgs(tmp_path, ("J", "joint_branch", "B1", None, 9))
    run(town, path, "organisation", commit=True)
    codes = [f"990101001001{n:03}" for n in range(1, 7)]
    path = tmp_path / "duty.csv"
    rows = "".join(f"J,party_branch,{code}\n" for code in codes)
    path.write_text(f"holder_code,service,target_code\n{rows}", encoding="utf-8")
    with pytest.raises(LayerRejected) as caught:  # four of these grids do not exist
        run(town, path, "duty")
    (units,) = [one for one in caught.value.report.issues if one.rule == "P05"]
    assert units.values["count"] == 6


# --- numbers


def number(engine, path, target, **options):
    source = jobs.Source(path)
    found = jobs.number_grids(engine, source, target, **{"effective": DAY, **options})
    return found, gpd.read_file(target)


def test_grids_without_a_code_get_one(town, tmp_path):
    """Community 001 has 001 and 002 stored; the file's grids lie in both communities."""
    there = [*QUARTERS, box(200, 0, 300, 200), box(300, 0, 400, 200)]
    path = grids(tmp_path, there, [None] * 6, name="new.fgb", 备注=list("abcdef"))
    target = tmp_path / "out.gpkg"
    table, written = number(town, path, target)
    assert written["code"].str[9:].to_list() == [
        "001003",
        "001004",
        "001005",
        "001006",
        "002003",
        "002004",
    ]
    assert written["备注"].to_list() == list("abcdef")
    assert written.crs.to_epsg() == 4490
    assert table.loc[COMMUNITY].to_list() == [4, 0, 4, "003", "006"]
    # Planner's next step: the file imports (beside stored grids these overlap, and that is told).
    with pytest.raises(LayerRejected) as caught:
        run(town, target, "grid")
    assert {one.rule for one in caught.value.report.errors} == {"G02"}
    assert told(caught.value.report, "C01", "C02", "C05") == []


def test_codes_that_stand_in_the_file_stay_unless_numbered_anew(town, tmp_path):
    codes = [f"{COMMUNITY}009", None, f"{COMMUNITY}001", ""]
    path = grids(tmp_path, QUARTERS, codes)
    _, written = number(town, path, tmp_path / "out.gpkg")
    assert written["code"].str[12:].to_list() == ["009", "003", "001", "004"]
    assert written["code_before"].isna().to_list() == [False, True, False, True]
    table, written = number(town, path, tmp_path / "out.gpkg", anew=True)
    assert written["code"].str[12:].to_list() == ["003", "004", "001", "005"], "001 is stored"
    assert table.loc[COMMUNITY, ["kept", "numbered"]].to_list() == [1, 3]


def test_codes_of_the_past_are_never_given_again(engine, tmp_path):
    import_toy(engine, "district", "street", "community", "grid")
    with store.transaction(engine, writes=True) as conn:
        day = dt.date(2026, 3, 1)
        store.write_batch(conn, layer="grid", source="x", sha256="", effective=day, rows=0)
        conn.exec_driver_sql(
            "UPDATE division SET valid = daterange(lower(valid), '2026-03-01') "
            "WHERE code = '990101001001001'"
        )
    path = grids(tmp_path, QUARTERS, [None] * 4)
    _, written = number(engine, path, tmp_path / "out.gpkg", effective=dt.date(2026, 6, 1))
    assert written["code"].str[12:].to_list() == ["003", "004", "005", "006"]


def test_what_cannot_be_numbered_is_told(town, tmp_path):
    target = tmp_path / "out.gpkg"
    path = grids(tmp_path, [QUARTERS[0], box(9000, 0, 9100, 100)], [None, None])
    with pytest.raises(LayerRejected) as caught:
        number(town, path, target)
    assert told(caught.value.report, "C06") == [("C06.nowhere", 2)]
    assert not target.exists()
    ring = "POLYGON((364010 3266010,364020 3266020,364020 3266010,364010 3266020,364010 3266010))"
    table = tmp_path / "grid.csv"
    table.write_text(f'wkt\n"{ring}"\n', encoding="utf-8")
    with pytest.raises(LayerRejected) as caught:
        jobs.number_grids(town, jobs.Source(table, source_crs=METRIC), target, effective=DAY)
    assert told(caught.value.report, "G01") == [("G01.invalid", 1)]
    with pytest.raises(FileUnreadable):
        number(town, tmp_path / "none.gpkg", target)
    with pytest.raises(InputError, match="gpkg"):
        number(town, path, tmp_path / "out.shp")
    other = tmp_path / "upper.gpkg"
    rows = gpd.read_file(grids(tmp_path, QUARTERS[:1], ["x"]))
    rows.rename(columns={"code": "CODE"}).to_file(other)
    with pytest.raises(InputError, match="--map code=CODE"):
        number(town, other, target)
    lattice = [box(x, y, x + 4, y + 4) for x in range(0, 200, 5) for y in range(0, 200, 5)]
    path = grids(tmp_path, lattice[:1000], [None] * 1000, name="many.fgb")
    with pytest.raises(CodeError, match="split it"):
        number(town, path, target)


# --- measures


@pytest.mark.slow
def test_eleven_hundred_grids_are_checked_within_three_seconds(demo_url):
    """All checks that read the store, of grids as they stand in the demo (issue 4)."""
    engine = store.connect(demo_url)
    effective = dt.date.fromisoformat(demo.AS_OF)
    with store.transaction(engine) as conn:
        rows = store.read_layer(conn, "grid", as_of=effective)
        rows = rows.set_axis(range(1, len(rows) + 1))
        spec = LAYERS["grid"]
        started = time.process_time()
        found = spec.check(rows)
        parsed = spec.parse(rows)
        found += reference_issues(conn, spec, parsed, effective)
        parsed, tiling = tiled(
            conn,
            Level.GRID,
            parsed,
            effective,
            tolerance_m=topology.TOLERANCE_M,
            snap_m=topology.SNAP_M,
            repair=False,
        )
        derived_columns(conn, spec, parsed, effective)
        seconds = time.process_time() - started
    engine.dispose()
    print(f"{len(rows)} grids checked in {seconds:.2f} s of CPU")
    assert found + tiling == []
    assert len(rows) == 1115
    assert seconds < 3.0
