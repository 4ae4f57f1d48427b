"""Files in, files out, without a database: `gridmap views`."""

from __future__ import annotations

import datetime as dt

import geopandas as gpd
import pyogrio
import pytest
from shapely import Point, box
from toy_town import METRIC, TOY, frame
from typer.testing import CliRunner

from gridmap import cli, jobs
from gridmap.errors import FileUnreadable, InputError, LayerRejected

DAY = dt.date(2026, 6, 1)
LAYERS = ["views", "frontage", "seen", "blind", "summary"]


def toy(name, **options):
    return jobs.Source(TOY / f"{name}.csv", source_crs=METRIC, **options)


def written(tmp_path, cameras, buildings, extent, **options):
    target = tmp_path / "out.gpkg"
    summary = jobs.write_views(cameras, buildings, extent, target, as_of=DAY, **options)
    layers = {name: pyogrio.read_dataframe(target, layer=name) for name in LAYERS}
    return summary.set_index(["unit_code", "measure"]), layers


def saved(path, shapes, *, crs=METRIC, to=None, **columns):
    rows = frame(shapes, crs=crs, **columns)
    (rows if to is None else rows.to_crs(to)).to_file(path)
    return jobs.Source(path)


def test_the_toy_town_in_five_layers(tmp_path):
    summary, layers = written(tmp_path, toy("camera"), toy("building"), toy("grid"))
    assert pyogrio.list_layers(tmp_path / "out.gpkg")[:, 0].tolist() == LAYERS
    views = layers["views"]
    assert views["area_m2"].tolist() == pytest.approx([1256.64, 1256.64], abs=0.01)
    assert str(views.crs) == "EPSG:4490"
    # 400 m by 200 m with seven buildings of 20 m inside it; each camera sees 400 π.
    whole = summary.loc[("", "camera.gross_area")]
    assert whole["total"] == pytest.approx(80_000, rel=1e-3)
    assert whole["covered"] == pytest.approx(2 * 1256.64, rel=1e-3)
    assert summary.loc[("", "camera.open_ground"), "total"] == pytest.approx(77_200, rel=1e-3)
    assert summary.loc[("", "camera.frontage"), "total"] == pytest.approx(560, rel=1e-3)
    assert set(summary["as_of"]) == {"2026-06-01"}
    assert summary["note"].str.contains("2 cameras, 0 excluded").all()
    assert len(layers["seen"]) == len(layers["blind"]) == 4
    units = summary[summary.index.get_level_values(0) != ""]
    open_ground = units.xs("camera.open_ground", level="measure")
    assert open_ground["covered"].sum() == pytest.approx(
        summary.loc[("", "camera.open_ground"), "covered"]
    )


def test_each_file_may_have_its_own_frame_and_no_code(tmp_path):
    optics = {"azimuth_deg": [0.0], "hfov_deg": [360.0], "max_range_m": [30.0]}
    eye = saved(tmp_path / "c.geojson", [Point(364_000, 3_266_000)], to=4326, **optics)
    wall = saved(tmp_path / "b.gpkg", [box(364_010, 3_265_900, 364_012, 3_266_100)], to=4545)
    unit = saved(tmp_path / "e.fgb", [box(363_900, 3_265_900, 364_100, 3_266_100)], to=32648)
    _, layers = written(tmp_path, eye, wall, unit)
    # A full circle of 30 m, cut by a wall 10 m away: the circle less the segment behind it.
    assert layers["views"]["area_m2"].iloc[0] == pytest.approx(2001.6, rel=1e-3)
    assert layers["views"]["code"].tolist() == ["1"]
    assert layers["frontage"]["seen_m"].iloc[0] == pytest.approx(2 * 800**0.5, rel=1e-3)


def test_detail_levels_shorten_the_views(tmp_path):
    optics = {"azimuth_deg": [90.0, 90.0], "hfov_deg": [90.0, 90.0], "max_range_m": [80.0, 80.0]}
    spots = [Point(364_000, 3_266_000), Point(364_000, 3_266_050)]
    eye = saved(tmp_path / "c.gpkg", spots, h_pixels=[1920, None], **optics)
    wall = saved(tmp_path / "b.gpkg", [box(363_000, 3_265_000, 363_001, 3_265_001)])
    unit = saved(tmp_path / "e.gpkg", [box(363_900, 3_265_900, 364_100, 3_266_100)])
    _, layers = written(tmp_path, eye, wall, unit, level="overview")
    # 1,920 pixels over 90 degrees give 20 px/m at 48 m; of the other the detail is not known.
    assert layers["views"]["area_m2"].tolist() == pytest.approx([48**2 * 3.14159 / 4, 0], rel=1e-3)
    assert layers["views"]["reason"].tolist()[1] == "no_detail"
    with pytest.raises(InputError, match="overview"):
        written(tmp_path, eye, wall, unit, level="superb")


def test_bad_rows_are_told_and_nothing_is_written(tmp_path):
    optics = {"azimuth_deg": ["north"], "hfov_deg": [60.0], "max_range_m": [30.0]}
    eye = saved(tmp_path / "c.gpkg", [Point(364_050, 3_266_050)], **optics)
    with pytest.raises(LayerRejected) as refused:
        written(tmp_path, eye, toy("building"), toy("grid"))
    assert [(i.shape, i.row, i.field) for i in refused.value.report.errors] == [
        ("F03.type", 1, "azimuth_deg")
    ]
    assert not (tmp_path / "out.gpkg").exists()


def test_a_file_that_cannot_be_read_is_told_before_the_rows_of_another(tmp_path):
    unit = saved(tmp_path / "e.gpkg", [Point(364_000, 3_266_000)])
    wall = tmp_path / "b.gpkg"
    wall.write_bytes(b"<html></html>")
    with pytest.raises(FileUnreadable, match=r"b\.gpkg: it is not a vector file"):
        written(tmp_path, toy("camera"), jobs.Source(wall), unit)
    with pytest.raises(LayerRejected) as refused:
        written(tmp_path, toy("camera"), toy("building"), unit)
    assert [i.shape for i in refused.value.report.errors] == ["G01.kind"]


def test_buildings_are_written_as_they_were_read(tmp_path):
    wall = saved(tmp_path / "b.gpkg", [box(364_040, 3_266_040, 364_060, 3_266_060)], to=4490)
    _, layers = written(tmp_path, toy("camera"), wall, toy("grid"))
    given = gpd.read_file(wall.path).geometry
    assert layers["frontage"].geometry.to_wkb().tolist() == given.to_wkb().tolist()


def test_an_extent_that_overlaps_is_refused(tmp_path):
    shapes = [
        box(364_000, 3_266_000, 364_100, 3_266_100),
        box(364_090, 3_266_000, 364_200, 3_266_100),
    ]
    unit = saved(tmp_path / "e.gpkg", shapes)
    with pytest.raises(InputError, match=r"overlap by 999\.5"):
        written(tmp_path, toy("camera"), toy("building"), unit)


@pytest.mark.parametrize("name", ["out.shp", "nowhere/out.gpkg"])
def test_a_target_that_cannot_be_is_told_before_any_file_is_read(tmp_path, name):
    missing = jobs.Source(tmp_path / "missing.gpkg")
    with pytest.raises(InputError, match=r"GeoPackage|folder"):
        jobs.write_views(missing, missing, missing, tmp_path / name, as_of=DAY)


def test_the_target_is_replaced_whole_or_not_at_all(tmp_path):
    target = tmp_path / "out.gpkg"
    target.write_bytes(b"old")
    with pytest.raises(InputError, match="no such folder"):
        jobs.write_views(
            toy("camera"), toy("building"), toy("grid"), tmp_path / "no" / "x.gpkg", as_of=DAY
        )
    with pytest.raises(InputError, match=r"\.gpkg"):
        jobs.write_views(toy("camera"), toy("building"), toy("grid"), tmp_path / "x.shp", as_of=DAY)
    assert target.read_bytes() == b"old"
    written(tmp_path, toy("camera"), toy("building"), toy("grid"))
    assert len(gpd.read_file(target, layer="views")) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["out.gpkg"]


def test_the_command_needs_no_database(tmp_path, monkeypatch):
    monkeypatch.setenv("GRIDMAP_DATABASE_URL", "postgresql+psycopg2://nobody@127.0.0.1:1/none")
    files = [f"--{name}s={TOY / name}.csv" for name in ("camera", "building")]
    result = CliRunner().invoke(
        cli.app,
        ["views", *files, f"--extent={TOY / 'grid'}.csv", "--source-crs", METRIC,
         "--out", str(tmp_path / "o.gpkg")],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    told = " ".join(result.output.split())
    assert "重点公共区域" not in told
    assert "摄像机确定可见的开敞地面" in told
    assert "plan view (2D)" in result.output
    assert (tmp_path / "o.gpkg").exists()
