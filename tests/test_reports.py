"""The report of an import as a file: JSON for programs, GeoPackage to see on a map."""

import datetime as dt
import json
import stat

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
from shapely import LineString, Point, Polygon, box
from toy_town import METRIC, TOY, frame, import_toy

from gridmap import crs, files, jobs
from gridmap.errors import InputError, LayerRejected
from gridmap.jobs.reports import with_places
from gridmap.model import ImportReport, Issue

DAY = dt.date(2026, 1, 1)
X, Y = 364_010, 3_266_010
BOW_TIE = Polygon([(X, Y), (X + 9, Y + 9), (X + 9, Y), (X, Y + 9)])


def report_of(*issues):
    return ImportReport("building", "a<b>.gpkg", "0" * 64, "2026-01-01", 5, tuple(issues))


def layers_of(path):
    return [str(name) for name, _ in pyogrio.list_layers(path)]


def test_each_kind_of_place_is_in_one_layer_and_the_rest_in_a_table(tmp_path):
    path = tmp_path / "报告.gpkg"
    issues = [
        Issue("G01.invalid", 2, "geometry", {"reason": "x", "place": "(1, 2)"}, box(1, 2, 3, 4)),
        Issue("G01.outside", 4, "geometry", {"distance": "5", "district": "x"}, Point(106, 29)),
        Issue("G01.kind", 5, "geometry", {"value": "LineString", "layer": "building", "kinds": "P"},
              LineString([(106, 29), (107, 30)])),
        Issue("F01.empty"),
        Issue("F02.null", 3, "code", {"layer": "building"}),
    ]  # fmt: skip
    jobs.write_report(report_of(*issues), path)
    assert layers_of(path) == ["issues", "issues_without_geometry", "changes", "report"]
    seen = gpd.read_file(path, layer="issues")
    assert seen.crs.to_epsg() == 4490
    assert seen.geom_type.to_list() == ["Polygon", "Point", "LineString"]
    assert seen["row"].to_list() == [2, 4, 5]
    assert seen["rule"].to_list() == ["G01"] * 3
    assert seen["message_zh"].to_list() == [one.message("zh") for one in issues[:3]]
    assert seen["message_en"].to_list() == [one.message("en") for one in issues[:3]]
    unseen = pyogrio.read_dataframe(path, layer="issues_without_geometry")
    assert unseen["rule"].to_list() == ["F01", "F02"]
    assert unseen["field"].fillna("-").to_list() == ["-", "code"]
    assert np.isnan(unseen["row"][0])
    summary = pyogrio.read_dataframe(path, layer="report").iloc[0]
    assert summary["source"] == "a<b>.gpkg"
    assert (summary["sha256"], summary["rows"], summary["errors"]) == ("0" * 64, 5, 5)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["a.json", "a.gpkg"])
def test_a_report_without_issues_is_a_report(tmp_path, name):
    path = tmp_path / name
    jobs.write_report(report_of(), path)
    if name == "a.json":
        assert json.loads(path.read_text("utf-8"))["issues"] == []
    else:
        assert layers_of(path) == ["issues", "issues_without_geometry", "changes", "report"]
        assert gpd.read_file(path, layer="issues").empty


def test_json_is_what_the_terminal_prints(tmp_path):
    report = report_of(Issue("F02.null", 3, "code", {"layer": "building"}))
    jobs.write_report(report, tmp_path / "a.json")
    text = (tmp_path / "a.json").read_text("utf-8")
    assert json.loads(text) == json.loads(json.dumps(report.as_dict()))
    assert "必须" in text


def test_a_report_has_a_format_and_a_folder(tmp_path):
    for name, message in (("a.txt", "json or .gpkg"), ("none/a.json", "no such folder")):
        with pytest.raises(InputError, match=message):
            jobs.write_report(report_of(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_issues_lie_where_their_rows_do():
    shapes = frame([box(X, Y, X + 9, Y + 9), None, BOW_TIE]).geometry
    issues = [
        Issue("F04.range", 1, "floors"),
        Issue("G01.null", 2, "geometry"),
        Issue("G01.invalid", 3, "geometry", {}, BOW_TIE),
        Issue("F01.empty"),
        Issue("F02.null", 99, "code"),
    ]
    found = with_places(issues, shapes)
    assert [one.shape for one in found] == [one.shape for one in issues]
    assert [one.geometry is None for one in found] == [False, True, False, True, True]
    back = gpd.GeoSeries([found[0].geometry, found[2].geometry], crs=4490).to_crs(METRIC)
    assert shapely.equals_exact(back.array, [shapes[1], BOW_TIE], 1e-6).all()
    stored = crs.to_storage(shapes)
    assert with_places(found, stored) == found, "what is placed stays"


@pytest.mark.parametrize(
    "shapes",
    [
        None,
        gpd.GeoSeries([box(0, 0, 1, 1)], index=[1]),
        gpd.GeoSeries([box(0, 0, 1, 1)], index=[1], crs=crs.target_crs("GCJ-02")),
        gpd.GeoSeries([box(0, 0, 1e300, 1)], index=[1], crs=METRIC),
        gpd.GeoSeries([Polygon()], index=[1], crs=METRIC),
        gpd.GeoSeries([box(29, 106, 30, 107)], index=[1], crs=4490),
    ],
    ids=["table", "no frame", "shifted", "no place", "empty", "beyond the pole"],
)
def test_an_issue_without_a_place_on_earth_has_none(shapes):
    issue = Issue("F02.null", 1, "code", {"layer": "building"})
    assert with_places([issue], shapes)[0].geometry is None
    assert with_places([], shapes) == []


@pytest.mark.db
def test_a_refused_import_shows_where(town, tmp_path):
    path = tmp_path / "layer.gpkg"
    shapes = [box(X + 50, Y, X + 60, Y + 9), BOW_TIE, box(X + 9000, Y, X + 9009, Y + 9), None]
    files.write_layer(frame(shapes, code=["a", "b", "c", "d"], floors=[-5, 1, 1, 1]), path)
    with pytest.raises(LayerRejected) as caught:
        jobs.import_layer(town, path, "building", effective=DAY, commit=True)
    jobs.write_report(caught.value.report, tmp_path / "r.gpkg")
    seen = gpd.read_file(tmp_path / "r.gpkg", layer="issues").to_crs(METRIC)
    told = dict(zip(seen["row"], seen.geometry, strict=True))
    for row in (1, 2, 3):
        assert told[row].equals_exact(shapes[row - 1], 1e-6) or shapely.hausdorff_distance(
            told[row], shapes[row - 1]
        ) == pytest.approx(0, abs=1e-6)
    unseen = pyogrio.read_dataframe(tmp_path / "r.gpkg", layer="issues_without_geometry")
    assert 4 in unseen["row"].to_list()
    assert len(seen) + len(unseen) == len(caught.value.report.issues)


@pytest.mark.db
def test_lost_and_doubled_ground_is_drawn(town, tmp_path):
    grid = "990101001001"
    row = [box(364_000, 3_266_000, 364_060, 3_266_200), box(364_050, 3_266_000, 364_100, 3_266_190)]
    files.write_layer(
        frame(row, code=[f"{grid}001", f"{grid}003"], name=["甲", "乙"]), tmp_path / "grid.gpkg"
    )
    with pytest.raises(LayerRejected) as caught:
        jobs.import_layer(town, tmp_path / "grid.gpkg", "grid", effective=DAY)
    jobs.write_report(caught.value.report, tmp_path / "r.gpkg")
    seen = gpd.read_file(tmp_path / "r.gpkg", layer="issues").to_crs(METRIC)
    areas = dict(zip(seen["rule"], seen.area, strict=True))
    assert areas["G02"] == pytest.approx(1900, rel=1e-3)
    assert areas["G04"] == pytest.approx(400, rel=1e-3)


@pytest.mark.db
def test_a_proposal_shows_what_it_changes(town, tmp_path):
    files.write_layer(frame([BOW_TIE], code=["b"]), tmp_path / "a.gpkg")
    report = jobs.import_layer(
        town, tmp_path / "a.gpkg", "building", effective=DAY, repair=True, commit=True
    )
    drawn = next(one for one in report.issues if one.shape == "G01.repaired")
    back = gpd.GeoSeries([drawn.geometry], crs=4490).to_crs(METRIC)
    assert shapely.equals_exact(back.array, [BOW_TIE], 1e-6).all()


@pytest.mark.db
def test_a_file_without_a_frame_has_no_places(engine, tmp_path):
    import_toy(engine, "district")
    with pytest.raises(LayerRejected) as caught:
        jobs.import_layer(engine, TOY / "building.csv", "building", effective=DAY)
    jobs.write_report(caught.value.report, tmp_path / "r.gpkg")
    assert gpd.read_file(tmp_path / "r.gpkg", layer="issues").empty
