import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import pytest
from shapely import Point, Polygon, box
from toy_town import TOY, frame

from gridmap import files
from gridmap.errors import CrsError, FileUnreadable, InputError
from gridmap.model import Limits

SECRET = "the-server-keeps-this"
VRT = (
    '<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>{0}</SrcDataSource>'
    "<SrcLayer>secret</SrcLayer></OGRVRTLayer></OGRVRTDataSource>"
)


def points(**columns):
    return frame([Point(106.6, 29.5), Point(106.7, 29.6)], crs=4326, **columns)


@pytest.mark.parametrize("ending", ["gpkg", "geojson", "shp", "fgb"])
def test_each_format_comes_back_as_it_went(tmp_path, ending):
    path = tmp_path / f"文件 1.{ending}"
    files.write_layer(points(code=["甲", "乙"]), path)
    read = files.read_layer(path)
    assert read.frame["code"].to_list() == ["甲", "乙"]
    assert read.frame.index.to_list() == [1, 2]
    assert read.frame.crs.to_epsg() == 4326
    assert read.source_crs == "EPSG:4326"
    assert read.frame.geometry.iloc[0].equals_exact(Point(106.6, 29.5), 1e-9)
    assert len(read.sha256) == 64


def test_a_table_with_wkt_or_lon_lat_has_geometry(tmp_path):
    read = files.read_layer(TOY / "grid.csv", source_crs="EPSG:4545")
    assert read.frame.geometry.iloc[0].equals(box(364000, 3266000, 364100, 3266200))
    path = tmp_path / "points.csv"
    path.write_text("code,经度,纬度\n甲,106.6,29.5\n乙,,\n丙,abc,29.5\n", encoding="utf-8")
    read = files.read_layer(path, source_crs="EPSG:4490")
    assert read.frame.geometry.isna().to_list() == [False, True, True]
    assert read.frame["code"].to_list() == ["甲", "乙", "丙"]


def test_a_table_names_no_frame(tmp_path):
    assert files.read_layer(TOY / "grid.csv").frame.crs is None


def test_a_table_without_geometry_stays_a_table():
    read = files.read_layer(TOY / "organisation.csv")
    assert not isinstance(read.frame, gpd.GeoDataFrame)
    assert read.frame.loc[1, "code"] == "B1"


def test_columns_are_renamed_and_swapped_without_loss(tmp_path):
    path = tmp_path / "a.geojson"
    files.write_layer(points(code=["x", "y"], name=["p", "q"], other=[1, 2]), path)
    read = files.read_layer(path, columns={"code": "name", "name": "code"})
    assert read.frame["code"].to_list() == ["p", "q"]
    assert read.frame["name"].to_list() == ["x", "y"]
    assert read.frame["other"].to_list() == [1, 2]
    with pytest.raises(InputError, match=r"BID.*it has"):
        files.read_layer(path, columns={"code": "BID"})


def test_a_shifted_frame_is_brought_back(tmp_path):
    path = tmp_path / "a.geojson"
    files.write_layer(points(code=["x", "y"]), path)
    read = files.read_layer(path, source_crs="GCJ-02")
    moved = read.frame.to_crs(4545).distance(points().to_crs(4545), align=False)
    assert moved.between(450, 500).all()
    assert read.source_crs == "GCJ-02"
    with pytest.raises(CrsError, match="no coordinate frame"):
        files.read_layer(path, source_crs="EPSG:banana")


def geojson(path, crs, *, before, properties=None):
    """Write a GeoJSON with a member `crs`, before or after its features."""
    feature = {
        "type": "Feature",
        "properties": {"code": "a", **(properties or {})},
        "geometry": {"type": "Point", "coordinates": [106.6, 29.5]},
    }
    members = [("type", "FeatureCollection"), ("crs", crs), ("features", [feature])]
    path.write_text(json.dumps(dict(members if before else members[::2] + members[1:2])), "utf-8")
    return path


def named(name):
    return {"type": "name", "properties": {"name": name}}


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(
    ("crs", "message"),
    [
        (named("urn:ogc:def:crs:EPSG::999999"), "999999"),
        (named("GCJ-02"), "GCJ-02"),
        (named("banana"), "banana"),
        (named(""), "names ''"),
        (named("+init=/etc/passwd:a"), "init"),
        ({"type": "EPSG", "properties": {"code": 999999}}, "EPSG:999999"),
        ({"type": "link", "properties": {"href": "https://a/b"}}, "link"),
        ({}, "{}"),
        ("banana", "banana"),
        (7, "7"),
    ],
)
def test_a_geojson_in_a_frame_nobody_knows_is_refused(tmp_path, crs, message, before):
    """GDAL takes it for WGS 84 without a word."""
    path = geojson(tmp_path / "a.geojson", crs, before=before)
    with pytest.raises(CrsError, match="--source-crs: EPSG:n, GCJ-02, BD-09") as refusal:
        files.read_layer(path)
    assert message in str(refusal.value)
    assert files.read_layer(path, source_crs="EPSG:4490").frame.crs.to_epsg() == 4490
    assert files.read_layer(path, source_crs="GCJ-02").source_crs == "GCJ-02"


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(
    ("crs", "source"),
    [
        (named("urn:ogc:def:crs:OGC:1.3:CRS84"), "EPSG:4326"),
        (named("urn:ogc:def:crs:OGC::CRS84"), "EPSG:4326"),
        (named("urn:ogc:def:crs:EPSG::4326"), "EPSG:4326"),
        (named("CRS84"), "EPSG:4326"),
        (named("WGS_1984"), "EPSG:4326"),
        (named("EPSG:4490"), "EPSG:4490"),
        (named("urn:ogc:def:crs:EPSG::4545"), "EPSG:4545"),
        ({"type": "EPSG", "properties": {"code": 4545}}, "EPSG:4545"),
        ("EPSG:4545", "EPSG:4545"),
        (None, None),
    ],
)
def test_a_geojson_in_a_known_frame_is_read_in_it(tmp_path, crs, source, before):
    read = files.read_layer(geojson(tmp_path / "a.geojson", crs, before=before))
    assert read.source_crs == source
    assert (read.frame.crs and ":".join(read.frame.crs.to_authority())) == source


@pytest.mark.parametrize("column", ["banana", named("banana"), 'a "crs": "b"', "features"])
def test_a_column_named_crs_is_a_column(tmp_path, column):
    path = tmp_path / "a.geojson"
    feature = {
        "type": "Feature",
        "properties": {"crs": column, "features": column},
        "geometry": {"type": "Point", "coordinates": [106.6, 29.5]},
    }
    for crs in ({}, {"crs": named("EPSG:4490")}):
        for first in ({"name": "features"}, {"name": "crs"}):
            whole = {**first, "type": "FeatureCollection", "features": [feature], **crs}
            path.write_text("\ufeff" + json.dumps(whole), "utf-8")
            read = files.read_layer(path)
            assert read.source_crs == ("EPSG:4490" if crs else "EPSG:4326")
            assert "crs" in read.frame


@pytest.mark.parametrize("srs", [-1, 0])
def test_a_geopackage_that_says_nothing_is_asked(tmp_path, srs):
    path = tmp_path / "a.gpkg"
    files.write_layer(points(code=["a", "b"]), path)
    with sqlite3.connect(path) as base:
        base.execute(f"UPDATE gpkg_contents SET srs_id = {srs}")
        base.execute(f"UPDATE gpkg_geometry_columns SET srs_id = {srs}")
    base.close()
    assert files.read_layer(path).frame.crs is None
    assert files.read_layer(path, source_crs="EPSG:4490").source_crs == "EPSG:4490"


def test_broken_polygons_come_with_a_proposal(tmp_path):
    bow_tie = Polygon([(106, 29), (107, 30), (107, 29), (106, 30)])
    path = tmp_path / "a.gpkg"
    files.write_layer(frame([box(106, 29, 107, 30), bow_tie], code=["a", "b"], crs=4326), path)
    assert files.read_layer(path).repairs.empty
    read = files.read_layer(path, repair=True)
    assert read.repairs.index.to_list() == [2]
    assert read.repairs.is_valid.all()
    assert not read.frame.geometry.is_valid.iloc[1]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.gpkg", None, "no such file"),
        ("empty.geojson", b"", "empty"),
        ("picture.geojson", b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "not a vector file"),
        ("text.shp", b"hello", "not a vector file"),
        ("page.gpkg", b"<html></html>", "not a vector file"),
        ("half.geojson", b'{"type":"FeatureCollection","features":[{"ty', "not a vector file"),
    ],
)
def test_unreadable_files_say_so(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FileUnreadable, match=message):
        files.read_layer(path)


@pytest.mark.parametrize("ending", ["csv", "geojson", "kml", "gpkg", "shp", "xlsx", "vrt"])
@pytest.mark.parametrize("trick", ["vrt", "gdalg"])
def test_no_file_makes_the_reader_read_another(tmp_path, ending, trick):
    """reliability.md 1: a pipeline under an innocent name reads the server's files."""
    secret = tmp_path / "secret.csv"
    secret.write_text(f"code,lon,lat\n{SECRET},106.6,29.5\n", encoding="utf-8")
    pipeline = {
        "type": "gdal_streamed_alg",
        "command_line": f"gdal vector pipeline ! read {secret}",
    }
    content = VRT.format(secret) if trick == "vrt" else json.dumps(pipeline)
    path = tmp_path / f"innocent.{ending}"
    path.write_text(content, encoding="utf-8")
    try:
        read = files.read_layer(path)
    except FileUnreadable:
        return
    assert SECRET not in read.frame.to_csv()


def test_a_layer_must_be_named_where_there_are_several(tmp_path):
    path = tmp_path / "two.gpkg"
    files.write_layer(points(code=["a", "b"]), path, layer="one")
    files.write_layer(points(code=["c", "d"]), path, layer="two")
    with pytest.raises(FileUnreadable, match=r"--layer: \['one', 'two'\]"):
        files.read_layer(path)
    assert files.read_layer(path, layer="two").frame["code"].to_list() == ["c", "d"]
    with pytest.raises(FileUnreadable, match="no such layer"):
        files.read_layer(path, layer="three")


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(rows=1), "over 1 rows.*GRIDMAP_MAX_ROWS"),
        (Limits(vertices=1), "over 1 vertices.*GRIDMAP_MAX_VERTICES"),
        (Limits(file_mb=0), "over 0 MB.*GRIDMAP_MAX_FILE_MB"),
    ],
)
def test_what_is_too_large_is_refused_not_cut(tmp_path, limits, message):
    path = tmp_path / "a.gpkg"
    files.write_layer(points(code=["a", "b"]), path)
    with pytest.raises(FileUnreadable, match=message):
        files.read_layer(path, limits=limits)


def test_unknown_endings_are_not_written(tmp_path):
    with pytest.raises(InputError, match="gpkg"):
        files.write_layer(points(code=["a", "b"]), tmp_path / "a.doc")


def test_heights_of_shapes_are_left_out(tmp_path):
    path = tmp_path / "a.gpkg"
    shapes = [Point(106.6, 29.5, 300.0), Point(106.7, 29.6), None]
    frame(shapes, crs=4326, code=["a", "b", "c"]).to_file(path)
    read = files.read_layer(path).frame
    assert read.geometry.to_wkt().to_list()[:2] == ["POINT (106.6 29.5)", "POINT (106.7 29.6)"]
    assert read.geometry.isna().to_list() == [False, False, True]


def test_the_child_imports_no_more_than_it_needs(tmp_path):
    request = {"path": str(TOY / "grid.csv"), "out": str(tmp_path / "rows"), "max_rows": 9}
    request |= {"layer": None, "encoding": None, "wkt": None, "wkt_names": ["wkt"]}
    request |= {"repair": True, "max_bytes": 1 << 20, "max_vertices": 99}
    child = subprocess.run(
        [
            sys.executable,
            "-I",
            "-X",
            "importtime",
            str(Path(files.__file__).parents[1] / "reader"),
        ],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(child.stdout)["crs"] is None
    imported = {line.rpartition("|")[2].strip() for line in child.stderr.splitlines()}
    assert {"pyogrio", "pyarrow", "shapely"} <= imported
    # A package that is refused is named once, by itself.
    packages = {name.partition(".")[0] for name in imported if "." in name}
    assert not {"geopandas", "pandas", "pyproj", "python_calamine"} & packages
    own = {name for name in imported if name.startswith("gridmap.")}
    assert all(name.startswith("gridmap.reader") for name in own)


def test_the_copy_of_a_file_is_not_left_behind(tmp_path):
    shutil.copy(TOY / "grid.csv", tmp_path / "grid.csv")
    files.read_layer(tmp_path / "grid.csv")
    assert [p.name for p in tmp_path.iterdir()] == ["grid.csv"]
