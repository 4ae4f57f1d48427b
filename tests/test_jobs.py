"""The use cases on a real database: imports good and bad, coverage, the demo's reuse."""

import datetime as dt
import json
import math
import re
from concurrent.futures import ThreadPoolExecutor

import geopandas as gpd
import pandas as pd
import pytest
from shapely import Point, Polygon, box
from toy_town import METRIC, TOY, TOY_DAY, frame, import_toy

from gridmap import crs, files, jobs, store
from gridmap.errors import (
    Conflict,
    CrsError,
    FileUnreadable,
    InputError,
    LayerNotFound,
    LayerRejected,
    UnitNotFound,
)
from gridmap.jobs.rates import stored_rates
from gridmap.model import Level

pytestmark = pytest.mark.db

DAY = dt.date(2026, 1, 1)


TODAY = dt.date.today()


def contents(engine):
    """Everything the store holds, to compare before and after."""
    with store.transaction(engine) as conn:
        frames = [store.read_units(conn, level, as_of=TOY_DAY) for level in list(Level)[:4]]
        frames += [
            store.read_buildings(conn, as_of=TODAY),
            store.read_cameras(conn, as_of=TODAY),
            store.read_roads(conn, as_of=TODAY),
        ]
        tables = [store.read_holders(conn), store.read_duties(conn)]
        version = store.read_version(conn)
    return [f.to_wkb().to_csv() for f in frames], [t.to_csv() for t in tables], version


def run(engine, path, layer, **options):
    return jobs.import_layer(engine, path, layer, **{"effective": DAY, **options})


def refused(engine, path, layer, **options):
    """Import with --commit, see it refused and the store untouched; return the issues."""
    before = contents(engine)
    with pytest.raises(LayerRejected) as caught:
        run(engine, path, layer, commit=True, **options)
    assert contents(engine) == before
    report = caught.value.report
    assert not report.committed
    return [(i.shape, i.row, i.field) for i in report.errors]


def toy_building(x, y, size=20):
    return box(364000 + x, 3266000 + y, 364000 + x + size, 3266000 + y + size)


def save(tmp_path, shapes, *, crs=METRIC, name="layer.gpkg", **columns):
    path = tmp_path / name
    files.write_layer(frame(shapes, crs=crs, **columns), path)
    return path


# --- good imports


def test_a_dry_run_writes_nothing(engine):
    report = run(engine, TOY / "district.csv", "district", source_crs=METRIC)
    assert not report.committed
    assert report.issues == ()
    with store.transaction(engine) as conn:
        assert store.read_units(conn, Level.DISTRICT, as_of=TOY_DAY).empty


def test_the_toy_town_comes_in_layer_by_layer(toy):
    with store.transaction(toy) as conn:
        buildings = store.read_buildings(conn, as_of=TODAY)
        units = store.read_units(conn, Level.COMMUNITY, as_of=TOY_DAY)
    assert units["kind"].to_list() == ["community", "community"]
    assert units["parent_code"].to_list() == ["990101001", "990101001"]
    grids = buildings["grid_code"].fillna("").str[9:]
    assert grids.to_dict() == {
        "T1": "001001",
        "T2": "001001",
        "T3": "001002",
        "T4": "001002",
        "T5": "002001",
        "T6": "002001",
        "T7": "002002",
        "T8": "",
    }
    assert buildings.loc["T4", "grid_share"] == pytest.approx(0.5, abs=1e-4)


def test_importing_again_changes_nothing(town):
    before = contents(town)
    report = run(town, TOY / "building.csv", "building", source_crs=METRIC, commit=True)
    assert (report.inserted, report.updated, report.unchanged) == (0, 0, 8)
    assert contents(town)[:2] == before[:2]


def test_buildings_before_grids_are_assigned_when_grids_come(engine):
    import_toy(engine, "district", "street", "community", "building", "camera")
    with store.transaction(engine) as conn:
        assert store.read_buildings(conn, as_of=TODAY)["grid_code"].isna().all()
    import_toy(engine, "grid", effective=dt.date(2026, 2, 1))
    with store.transaction(engine) as conn:
        assert store.read_buildings(conn, as_of=TODAY)["grid_code"].notna().sum() == 7
        assert store.read_cameras(conn, as_of=TODAY)["grid_code"].notna().all()


def test_warnings_are_told_and_do_not_block(engine, town):
    import_toy(engine, "district")
    report = run(engine, TOY / "building.csv", "building", source_crs=METRIC, commit=True)
    assert [i.shape for i in report.issues] == ["G08.none"]
    report = run(town, TOY / "building.csv", "building", source_crs=METRIC)
    assert [(i.shape, i.row) for i in report.issues if i.rule == "G08"] == [
        ("G08.outside", 8),
        ("G08.split", 4),
    ]
    # Four grids of a few buildings each, in two communities.
    others = [i.shape for i in report.issues if i.rule != "G08"]
    assert others == ["S01.few"] * 4 + ["S02.balance"] * 2


def test_repair_takes_the_proposal_and_says_what_it_changed(town, tmp_path):
    x, y = 364010, 3266010
    bow_tie = Polygon([(x, y), (x + 10, y + 10), (x + 10, y), (x, y + 10)])
    path = save(tmp_path, [toy_building(60, 10), bow_tie], code=["a", "b"])
    assert refused(town, path, "building") == [("G01.invalid", 2, "geometry")]
    report = run(town, path, "building", repair=True, commit=True)
    assert [(i.shape, i.row) for i in report.issues if i.rule == "G01"] == [("G01.repaired", 2)]
    assert report.inserted == 2
    with store.transaction(town) as conn:
        assert store.read_buildings(conn, as_of=TODAY).is_valid.all()


# --- what bad input gets


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("none.gpkg", None),
        ("empty.geojson", b""),
        ("picture.gpkg", b"\x89PNG\r\n"),
        ("words.shp", b"not a shapefile"),
    ],
)
def test_files_that_are_no_layers(engine, tmp_path, name, content):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    before = contents(engine)
    with pytest.raises(FileUnreadable, match=name):
        run(engine, path, "building", commit=True)
    assert contents(engine) == before


def test_unknown_layers_and_columns(engine):
    with pytest.raises(LayerNotFound):
        run(engine, TOY / "building.csv", "castle")
    with pytest.raises(InputError, match="BID"):
        run(engine, TOY / "building.csv", "building", columns={"code": "BID"})
    with pytest.raises(InputError, match="householdcount"):
        run(engine, TOY / "building.csv", "building", columns={"householdcount": "name"})


def test_the_report_says_how_the_file_was_understood(engine, tmp_path):
    path = tmp_path / "gbk.csv"
    path.write_bytes("code,组织名称,kind\nB1,第一党支部,branch\n".encode("gb18030"))
    report = run(engine, path, "organisation").as_dict()
    assert [issue["rule"] for issue in report["issues"]] == ["P00"]
    assert report["encoding"] == "GB18030"
    assert report["columns"] == {"name": "组织名称"}
    path.write_bytes(b"code,name,kind\nB1,\xff\xfe\xfd,branch\n")
    with pytest.raises(FileUnreadable, match="--encoding GB18030"):
        run(engine, path, "organisation")
    report = run(engine, path, "organisation", encoding="latin-1")
    assert [one.shape for one in report.issues] == ["P00.root"]


def test_all_bad_rows_are_told_at_once(town, tmp_path):
    x, y = 364010, 3266010
    ring = Polygon([(x, y), (x + 9, y + 9), (x + 9, y), (x, y + 9)])
    path = save(
        tmp_path,
        [toy_building(0, 0), None, ring, toy_building(9000, 0), toy_building(30, 0), Point(x, y)],
        code=["a", "b", "c", "d", "a", None],
        floors=[1, 2, 3, 4, -5, 6],
        name="mixed.geojson",
    )
    assert sorted(refused(town, path, "building"), key=str) == [
        ("C04.unique", 5, "code"),
        ("F02.null", 6, "code"),
        ("F04.range", 5, "floors"),
        ("G01.invalid", 3, "geometry"),
        ("G01.kind", 6, "geometry"),
        ("G01.null", 2, "geometry"),
        ("G01.outside", 4, "geometry"),
    ]


def test_a_file_without_geometry_crs_or_rows(engine, tmp_path):
    path = tmp_path / "plain.csv"
    path.write_text("code\nx\n", encoding="utf-8")
    assert refused(engine, path, "building") == [("F01.geometry", None, None)]
    assert refused(engine, TOY / "building.csv", "building") == [("F01.crs", None, None)]
    path.write_text("code,lon,lat\n", encoding="utf-8")
    assert refused(engine, path, "building") == [("F01.empty", None, None)]


def test_swapped_axes_are_recognised(engine, tmp_path):
    import_toy(engine, "district")
    path = tmp_path / "cameras.csv"
    path.write_text("code,lon,lat\na,29.5045,106.598\nb,29.5046,106.599\n", encoding="utf-8")
    found = refused(engine, path, "camera", source_crs="EPSG:4490")
    assert found == [("G01.swapped", None, "geometry")]


def test_a_file_in_a_shifted_frame_is_refused_and_its_frame_named(town, tmp_path):
    spots = [Point(364_020 + 4 * i, 3_266_050 + 2 * i) for i in range(40)]
    true = gpd.GeoSeries(spots, crs=METRIC).to_crs("EPSG:4490")
    lon, lat = crs.wgs84_to_gcj02(true.x.to_numpy(), true.y.to_numpy())
    shifted = [Point(x, y).buffer(2e-5) for x, y in zip(lon, lat, strict=True)]
    codes = [f"99010199010{i:04}" for i in range(len(spots))]
    path = save(tmp_path, shifted, crs="EPSG:4490", code=codes, name="b.gpkg")
    assert refused(town, path, "building") == [("G11.frame", None, "geometry")]  # one cause
    with pytest.raises(LayerRejected) as caught:
        run(town, path, "building")
    assert "GCJ-02" in caught.value.report.issues[0].message("en")
    report = run(town, path, "building", source_crs="GCJ-02")
    assert not [one for one in report.issues if one.rule == "G11"]


def test_units_that_do_not_tile_their_parent_are_refused(town, tmp_path):
    grid = "990101001001"
    row = [box(364_000, 3_266_000, 364_060, 3_266_200), box(364_050, 3_266_000, 364_100, 3_266_190)]
    path = tmp_path / "grid.gpkg"
    files.write_layer(frame(row, code=[f"{grid}001", f"{grid}003"], name=["甲", "乙"]), path)
    found = refused(town, path, "grid")  # the second grid is stored, and lies beside
    assert [shape for shape, *_ in found] == ["G02.overlap", "G04.blank"]
    with pytest.raises(LayerRejected) as caught:
        run(town, path, "grid")
    areas = [one.values["area"] for one in caught.value.report.errors]
    # On the ground: the grid of the toy town, EPSG:4545, is drawn a little larger.
    assert [float(str(area).replace(",", "")) for area in areas] == pytest.approx(
        [1900, 400], rel=1e-3
    )
    assert run(town, path, "grid", tolerance_m=60.0).errors == ()


def test_a_narrow_gap_is_a_warning(town, tmp_path):
    row = [box(364_000, 3_266_000, 364_099.95, 3_266_200)]
    path = tmp_path / "grid.gpkg"
    files.write_layer(frame(row, code=["990101001001001"], name=["甲"]), path)
    report = run(town, path, "grid")
    # The grid has few households, and how even its community is is told besides.
    shapes = [one.shape for one in report.issues]
    assert shapes == ["G03.gap", "G02.proposal", "S01.few", "S02.balance"]
    assert not report.errors


def test_a_file_without_a_frame_is_told_which_may_fit(town, tmp_path):
    spots = [Point(364_020 + 4 * i, 3_266_050 + 2 * i).buffer(2) for i in range(40)]
    codes = [f"99010199010{i:04}" for i in range(len(spots))]
    path = tmp_path / "b.csv"
    pd.DataFrame({"code": codes, "wkt": [spot.wkt for spot in spots]}).to_csv(path, index=False)
    with pytest.raises(LayerRejected) as caught:
        run(town, path, "building")
    told = {one.shape: one.message("en") for one in caught.value.report.issues}
    assert METRIC in told["G11.candidates"]


def test_a_swapped_district_is_out_of_range(engine, tmp_path):
    swapped = box(29.4, 106.5, 29.5, 106.6)
    path = save(tmp_path, [swapped], code=["990101"], name_="x", crs=4490, name="d.geojson")
    found = refused(engine, path, "district", columns={"name": "name_"})
    assert found == [("G01.range", 1, "geometry")]


def test_children_need_their_parents(engine):
    found = refused(engine, TOY / "street.csv", "street", source_crs=METRIC)
    assert found == [("C02.nesting", 1, "code")]
    import_toy(engine, "district", effective=dt.date(2026, 5, 1))
    found = refused(engine, TOY / "street.csv", "street", source_crs=METRIC)
    assert found == [("T01.parent", 1, "code")], "the parent is not yet valid on that day"


def test_duties_need_organisations_and_targets(engine):
    found = refused(engine, TOY / "duty.csv", "duty")
    assert {shape for shape, _, _ in found} == {"P02.org", "P02.target"}
    import_toy(engine, "building")
    found = refused(engine, TOY / "duty.csv", "duty")
    assert {shape for shape, _, _ in found} == {"P02.org", "P02.target"}
    assert [row for shape, row, _ in found if shape == "P02.target"] == [1, 2], "the grids"


def test_organisations_need_hosts_and_parents(engine, tmp_path):
    path = tmp_path / "orgs.csv"
    path.write_text(
        "code,name,kind,parent_code,host_code\nA,甲,branch,B,\nC,丙,branch,A,500108\n",
        encoding="utf-8",
    )
    assert refused(engine, path, "organisation") == [
        ("P02.org", 1, "parent_code"),
        ("P02.host", 2, "host_code"),
    ]


def test_nothing_begins_in_the_future(engine):
    tomorrow = TODAY + dt.timedelta(days=1)
    found = refused(engine, TOY / "district.csv", "district", source_crs=METRIC, effective=tomorrow)
    assert found == [("T01.future", None, None)]


def test_buildings_older_than_the_grids_belong_to_them(town, tmp_path):
    path = save(tmp_path, [toy_building(30, 100)], code=["old"])
    run(town, path, "building", effective=dt.date(1999, 1, 1), commit=True)
    with store.transaction(town) as conn:
        assert store.read_buildings(conn, as_of=TODAY).loc["old", "grid_code"] == "990101001001001"


def test_older_news_does_not_overwrite_newer(engine):
    import_toy(engine, "district", effective=dt.date(2026, 5, 1))
    found = refused(engine, TOY / "district.csv", "district", source_crs=METRIC)
    assert found == [("C04.overlap", 1, "code")]


def test_a_report_as_json_holds_every_issue(engine, tmp_path):
    path = save(tmp_path, [toy_building(0, 0)] * 50, code=["a"] * 50)
    with pytest.raises(LayerRejected) as caught:
        run(engine, path, "building")
    plain = json.loads(json.dumps(caught.value.report.as_dict()))
    assert plain["issues"][0]["message"]["en"].startswith("code 'a' stands in rows 1, 2, 3")
    assert plain["rows"] == 50


TRIANGLE = {
    "type": "Polygon",
    "coordinates": [
        [[106.598, 29.505], [106.5981, 29.505], [106.5981, 29.5051], [106.598, 29.505]]
    ],
}
FAR = {
    "type": "Polygon",
    "coordinates": [[[1e308, 29.5], [106.6, 29.5], [106.6, 29.51], [1e308, 29.5]]],
}
WORLD = {
    "type": "Polygon",
    "coordinates": [[[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]],
}
SPOT = {"type": "Point", "coordinates": [106.598, 29.505]}


@pytest.mark.parametrize(
    ("layer", "rows", "expected"),
    [
        (
            "street",
            [({"code": "990101002", "name": "x"}, TRIANGLE), ({"name": "y"}, TRIANGLE)],
            [("F02.null", 2, "code")],
        ),
        ("building", [({"code": "a"}, FAR)], [("G01.range", 1, "geometry")]),
        ("building", [({"code": "a"}, WORLD)], [("G01.reaches", 1, "geometry")]),
        ("building", [({"code": "x" * 9000}, TRIANGLE)], [("F04.length", 1, "code")]),
        ("camera", [({"code": 99010100001310000001}, SPOT)], [("F03.digits", 1, "code")]),
        (
            "camera",
            [({"code": "a", "point_type": 1e19, "filed_at": "0000-01-01"}, SPOT)],
            [("F03.type", 1, "filed_at"), ("F03.type", 1, "point_type")],
        ),
    ],
    ids=["null code", "no place", "whole world", "long code", "cut code", "impossible cells"],
)
def test_odd_rows_get_one_clear_message(town, tmp_path, layer, rows, expected):
    features = [{"type": "Feature", "properties": p, "geometry": g} for p, g in rows]
    path = tmp_path / "odd.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    found = refused(town, path, layer, repair=True)
    assert sorted(found) == expected
    with pytest.raises(LayerRejected) as caught:
        run(town, path, layer)
    assert all(len(issue.message("zh")) < 600 for issue in caught.value.report.issues)


def test_cells_that_cannot_be_read_are_not_missing(town, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("code,x,y\nA,abc,29.5\nB,,\n", encoding="utf-8")
    assert refused(town, path, "camera", source_crs="EPSG:4490") == [
        ("G01.unreadable", 1, "geometry"),
        ("G01.null", 2, "geometry"),
    ]
    ring = "POLYGON((364010 3266010,364020 3266020,364020 3266010,364010 3266020,364010 3266010))"
    path.write_text(f'code,geom\na,"{ring}"\nb,"POLYGON((1 1)"\n', encoding="utf-8")
    found = refused(town, path, "building", source_crs=METRIC, repair=True)
    assert found == [("G01.unreadable", 2, "geometry")], "row 1 has a proposal"


@pytest.mark.parametrize("frame_text", ["IAU_2015:30100", 'LOCAL_CS["x",UNIT["m",1]]'])
def test_frames_that_are_not_on_earth(town, frame_text):
    with pytest.raises(CrsError, match="cannot be brought to CGCS2000"):
        run(town, TOY / "building.csv", "building", source_crs=frame_text)


@pytest.mark.parametrize("name", ["a;1.csv", "b!c.csv", "d.rar"])
def test_names_the_reader_would_take_for_archives(engine, tmp_path, name):
    path = tmp_path / name
    path.write_text("code,name,kind\nA,n,branch\n", encoding="utf-8")
    with pytest.raises(FileUnreadable, match=r"rename|unpack"):
        run(engine, path, "organisation")


def test_two_columns_of_one_name(engine, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("code,code,name,kind\nA,B,n,branch\n", encoding="utf-8")
    with pytest.raises(FileUnreadable, match="two of its columns"):
        run(engine, path, "organisation")


# --- coverage


def rates_of(engine, code):
    found = jobs.unit_coverage(engine, code)
    return {r["measure"]: (r["covered"], r["total"]) for r in found["rates"]}


def test_the_toy_town_is_covered_as_worked_by_hand(toy):
    """The answers stand in geodata/toy/README.md."""
    assert rates_of(toy, "990101")["party_group.buildings"] == (3, 7)
    assert rates_of(toy, "990101")["party_group.households"] == (60, 280)
    assert rates_of(toy, "990101")["party_branch.grids"] == (2, 4)
    assert rates_of(toy, "990101001001")["party_group.buildings"] == (3, 4)
    assert rates_of(toy, "990101001002")["party_group.buildings"] == (0, 3)
    found = jobs.uncovered_buildings(toy, "990101", limit=10)
    assert found["total"] == 5
    reasons = [(row["code"], row["reason"]) for row in found["rows"]]
    assert reasons == [
        ("T8", "no_grid"),
        ("T7", "no_link"),
        ("T6", "no_link"),
        ("T5", "group_below_size"),
        ("T4", "no_link"),
    ]


def test_cameras_see_what_was_worked_by_hand(toy):
    ground = rates_of(toy, "990101")
    seen = 2 * math.pi * 400
    # EPSG:4545 inflates areas by up to 543 ppm here (domain.md 1.3); ranges are true metres.
    assert ground["camera.open_ground"][0] == pytest.approx(seen, rel=1e-3)
    assert ground["camera.gross_area"][1] == pytest.approx(80_000, rel=1e-3)
    assert ground["camera.open_ground"][1] == pytest.approx(80_000 - 7 * 400, rel=1e-3)
    first = rates_of(toy, "990101001001001")["camera.open_ground"]
    assert first[0] == pytest.approx(math.pi * 400, rel=1e-3)


def test_children_add_up_to_their_parent(toy):
    with store.transaction(toy) as conn:
        table = stored_rates(conn).reset_index()
    table["parent"] = table["unit_code"].str[:-3]
    sums = table[table["level"] != "district"].groupby(["parent", "measure"])[["covered", "total"]]
    parents = table.set_index(["unit_code", "measure"])[["covered", "total"]]
    totals = sums.sum().rename_axis(["unit_code", "measure"])
    common = parents.loc[totals.index]
    pd.testing.assert_frame_equal(totals, common, check_exact=False)


def test_every_figure_carries_date_and_run(toy):
    found = jobs.unit_coverage(toy, "990101")
    assert all(r["as_of"] == TOY_DAY and r["run"] and r["computed_at"] for r in found["rates"])
    with store.transaction(toy) as conn:
        runs = {run["subject"]: run["inputs"] for run in store.read_runs(conn)}
    assert runs["org"]["layers"]["building"]["source"] == "building.csv"
    assert runs["camera"]["cameras_working"] == 2
    assert runs["camera"]["dimensions"] == 2


def test_a_second_run_replaces_the_first(town):
    jobs.refresh_org_coverage(town, as_of=TOY_DAY)
    jobs.refresh_camera_coverage(town, as_of=TOY_DAY)
    with store.transaction(town) as conn:
        assert not stored_rates(conn).reset_index().duplicated(["unit_code", "measure"]).any()
        assert len(store.read_views(conn, as_of=TODAY)) == 2


def test_a_camera_that_does_not_work_sees_nothing(town, tmp_path):
    path = tmp_path / "camera.csv"
    text = (TOY / "camera.csv").read_text("utf-8").replace("in_use", "under_repair")
    path.write_text(text, encoding="utf-8")
    run(town, path, "camera", source_crs=METRIC, commit=True, effective=dt.date(2026, 2, 1))
    rates = jobs.refresh_camera_coverage(town, as_of=TOY_DAY)
    assert set(rates["measure"]) >= {"camera.open_ground", "camera.gross_area", "camera.intact"}
    assert set(rates["covered"]) == {0.0}


def test_coverage_of_an_empty_store_is_empty(engine):
    assert jobs.refresh_org_coverage(engine, as_of=TOY_DAY).empty
    assert jobs.refresh_camera_coverage(engine, as_of=TOY_DAY).empty
    with pytest.raises(UnitNotFound):
        jobs.map_parts(engine, language="zh", as_of=TOY_DAY)


def test_without_organisations_or_cameras_there_is_no_figure(engine):
    """Nothing known is not nobody there."""
    import_toy(engine, "district", "street", "community", "grid", "building")
    assert jobs.refresh_org_coverage(engine, as_of=TOY_DAY).empty
    assert jobs.refresh_camera_coverage(engine, as_of=TOY_DAY).empty
    assert jobs.unit_coverage(engine, "990101")["rates"] == []


def test_figures_older_than_the_data_say_so(town, tmp_path):
    assert not jobs.unit_coverage(town, "990101")["stale"]
    path = tmp_path / "org.csv"
    path.write_text("code,name,kind\nB9,九,branch\n", encoding="utf-8")
    run(town, path, "organisation", commit=True)
    assert jobs.unit_coverage(town, "990101")["stale"]
    assert jobs.map_parts(town, language="zh", as_of=TOY_DAY).stale
    jobs.refresh_org_coverage(town, as_of=TOY_DAY)
    assert not jobs.unit_coverage(town, "990101")["stale"]


def test_refreshes_at_the_same_time_wait_for_each_other(town):
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(jobs.refresh_org_coverage, town, as_of=TOY_DAY) for _ in range(4)]
        tables = [one.result() for one in runs]
    found = [table.set_index("measure")["covered"] for table in tables]
    assert all(one["party_group.buildings"] == 3 for one in found)
    assert all(one["party_group.households"] == 60 for one in found)


def test_a_camera_that_is_not_computed_is_still_on_the_map(town, tmp_path):
    path = tmp_path / "camera.csv"
    path.write_text(
        "code,state,max_range_m,hfov_deg,lon,lat\nX1,under_repair,20,360,106.598,29.505\n"
        "X2,in_use,0,360,106.598,29.505\n",
        encoding="utf-8",
    )
    run(town, path, "camera", source_crs="EPSG:4490", commit=True)
    jobs.refresh_camera_coverage(town, as_of=TOY_DAY)
    shown = jobs.features(town, "camera", (106.5, 29.4, 106.7, 29.6), as_of=TODAY)["features"]
    told = {f["properties"]["code"]: f["properties"] for f in shown}
    assert len(told) == 4
    assert told["X1"]["status"] is None
    assert (told["X2"]["status"], told["X2"]["reason"]) == ("excluded", "no_range")


# --- the demo and the file


def test_the_demo_does_not_touch_other_data(engine):
    import_toy(engine, "district")
    before = contents(engine)
    with pytest.raises(Conflict, match="other data"):
        jobs.build_demo(engine, seed=1, as_of=TOY_DAY, progress=lambda *_: None)
    assert contents(engine) == before


def test_the_map_file_is_whole_and_names_no_host(toy, tmp_path):
    target = tmp_path / "地图.html"
    size = jobs.write_map(
        toy, target, language="zh", as_of=TOY_DAY, progress=lambda _step, _share: None
    )
    text = target.read_text("utf-8")
    assert size == target.stat().st_size
    assert "积木街道" in text
    assert not re.search(
        r"<(script|link|img|iframe)[^>]+(src|href)=", text.replace('href="data:,"', "")
    )
    assert [p.name for p in tmp_path.iterdir()] == ["地图.html"]
    with pytest.raises(InputError, match="cannot be written"):
        jobs.write_map(
            toy,
            tmp_path / "no" / "x.html",
            language="zh",
            as_of=TOY_DAY,
            progress=lambda _step, _share: None,
        )


def test_windows_give_details_or_say_why_not(toy, monkeypatch):
    window = (106.5, 29.4, 106.7, 29.6)
    counts = {
        name: len(jobs.features(toy, name, window, as_of=TODAY)["features"])
        for name in ("road", "blind", "view", "building", "camera")
    }
    assert counts == {"road": 1, "blind": 4, "view": 2, "building": 8, "camera": 2}
    with pytest.raises(LayerNotFound):
        jobs.features(toy, "castle", window, as_of=TODAY)
    for bad in ((1, 1, 0, 2), (0, 0, 400, 1), (float("nan"), 0, 1, 1)):
        with pytest.raises(InputError):
            jobs.features(toy, "building", bad, as_of=TODAY)
    monkeypatch.setattr("gridmap.jobs.pictures.FEATURE_LIMIT", 3)
    cut = jobs.features(toy, "building", window, as_of=TODAY)
    assert (cut["features"], cut["truncated"]) == ([], True)


def test_features_are_geojson_that_others_read(toy):
    data = jobs.features(toy, "building", (106.5, 29.4, 106.7, 29.6), as_of=TODAY)
    read = gpd.GeoDataFrame.from_features(data["features"], crs=4490)
    assert read.set_index("code").loc["T1", "status"] == "own"
    assert read.to_crs(METRIC).area.round(-1).eq(400).all()
