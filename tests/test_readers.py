"""Formats that GDAL does not read here: Excel, KML, GeoParquet, archives; layers; mixed shapes."""

import datetime as dt
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import shapely
from foreign_files import XLS, archive, kml, placemark, point, polygon, workbook
from geopandas.testing import assert_geodataframe_equal
from pyarrow import parquet
from shapely import (
    GeometryCollection,
    LineString,
    MultiLineString,
    MultiPoint,
    MultiPolygon,
    Point,
    Polygon,
    box,
)
from toy_town import frame

from gridmap import files
from gridmap.errors import CrsError, FileUnreadable, InputError
from gridmap.model import LAYERS, Limits, headings_of, layer
from gridmap.model.fields import parse


def read(path, name="grid", **options):
    return files.read_layer(path, headings=headings_of(layer(name)), **options)


GRIDS = [
    ["编码", "名称", "经度", "纬度"],
    [500108001001001, "甲", 106.6, 29.5],
    [],
    ["500108001001002", "乙", 106.7, 29.6],
]


def test_a_sheet_has_positions_and_keeps_the_numbers_of_its_rows(tmp_path):
    got = read(workbook(tmp_path / "a.xlsx", 网格=GRIDS))
    assert got.layer == "网格"
    assert got.columns == {"code": "编码", "name": "名称"}
    assert got.frame.index.to_list() == [2, 4]
    assert got.frame["code"].to_list() == ["500108001001001", "500108001001002"]
    assert got.frame.geometry.to_list() == [Point(106.6, 29.5), Point(106.7, 29.6)]
    assert got.frame.crs is None


def test_a_workbook_of_1997_is_read_by_what_is_in_it(tmp_path):
    path = tmp_path / "a.xlsx"  # the ending lies, as it often does
    path.write_bytes(XLS)
    got = read(path, source_crs="EPSG:4490")
    assert got.frame["code"].to_list() == ["500108001001", "A2"]
    assert got.frame["启用日期"].to_list() == ["2026-01-01", "2026-01-02"]
    assert got.frame.index.to_list() == [2, 3]
    assert got.frame.crs.to_epsg() == 4490


def test_a_title_above_the_headings_is_no_heading(tmp_path):
    path = workbook(tmp_path / "a.xlsx", 网格=[["南岸区网格一览表"], [], *GRIDS])
    got = read(path)
    assert got.frame.index.to_list() == [4, 6]
    assert got.frame["name"].to_list() == ["甲", "乙"]


def test_a_number_of_too_many_digits_is_no_code(tmp_path):
    """Excel keeps 15: the last digit of 16 is gone before the file is written."""
    rows = [["组织编码", "名称", "类型"], [5001080010010010, "甲", "branch"]]
    spec = LAYERS["organisation"]
    for cells in (rows, [*rows, ["A1", "乙", "branch"]]):
        got = read(workbook(tmp_path / "a.xlsx", a=cells), "organisation")
        assert [(i.shape, i.row) for i in spec.check(got.frame)] == [("F03.digits", 2)]
    path = tmp_path / "a.csv"
    path.write_text("组织编码,名称,类型\n5.00108E+15,甲,branch\n", "utf-8")
    assert [i.shape for i in spec.check(read(path, "organisation").frame)] == ["F03.digits"]


def test_dates_are_read_as_tables_write_them(tmp_path):
    given = ("2026-01-02", "2026/1/2", "2026.1.2", "2026年1月2日", "2026/1/2 08:30", "2/1/2026")
    rows = [["编码", "启用日期"], *([str(i), text] for i, text in enumerate(given))]
    spec = LAYERS["camera"]
    got = read(workbook(tmp_path / "a.xlsx", a=rows), "camera").frame
    parsed = parse(
        next(f for f in spec.fields if f.name == "in_use_since"), got["in_use_since"], got.index
    )
    assert parsed[0].to_list() == [dt.date(2026, 1, 2)] * 5 + [None]
    assert parsed[1].to_list() == [False] * 5 + [True]


def test_sheets_are_layers(tmp_path):
    path = workbook(tmp_path / "a.xlsx", 封面=[["网格表"]], 空=[], 网格=GRIDS)
    with pytest.raises(FileUnreadable, match=r"--layer: \['封面', '网格'\]"):
        read(path)
    assert len(read(path, layer="网格").frame) == 2
    with pytest.raises(FileUnreadable, match="no such layer"):
        read(path, layer="楼栋")
    with pytest.raises(FileUnreadable, match="no layer"):
        read(workbook(tmp_path / "b.xlsx", 空=[]))
    with pytest.raises(FileUnreadable, match=r"one name, \['编码'\]"):
        read(workbook(tmp_path / "c.xlsx", a=[["编码", "编码"], [1, 2]]))


def test_a_web_page_named_as_a_workbook_says_so(tmp_path):
    path = tmp_path / "a.xls"
    for text in ("<html><table></table></html>", "\ufeff\n<TABLE>", "<!DOCTYPE html>"):
        path.write_text(text, "utf-8")
        with pytest.raises(FileUnreadable, match="web page"):
            read(path)


def test_kml_has_shapes_and_data(tmp_path):
    path = tmp_path / "a.kml"
    marks = (
        placemark(polygon(106, 29, 1), 编码="1")
        + placemark(f"<MultiGeometry>{polygon(107, 29, 1)}{polygon(109, 29, 1)}</MultiGeometry>")
        + placemark("", "乙")
    )
    path.write_text(kml(("网格", marks)), "utf-8")
    got = read(path)
    assert got.layer == "网格"
    assert got.source_crs == "EPSG:4326"
    assert got.frame["name"].to_list() == ["甲", "甲", "乙"]
    assert got.frame["code"].isna().to_list() == [False, True, True]
    assert got.frame.geom_type.to_list()[:2] == ["Polygon", "MultiPolygon"]
    assert not got.frame.has_z.any()
    assert shapely.area(got.frame.geometry.to_numpy()).tolist()[:2] == [0.75, 1.5]
    assert got.frame.geometry.isna().to_list() == [False, False, True]


def test_folders_of_kml_are_layers(tmp_path):
    path = tmp_path / "a.kml"
    path.write_text(kml(("甲", placemark(point())), ("乙", placemark(point(), "b"))), "utf-8")
    with pytest.raises(FileUnreadable, match=r"--layer: \['甲', '乙'\]"):
        read(path)
    assert read(path, layer="乙").frame["name"].to_list() == ["b"]


@pytest.mark.parametrize("encoding", ["GBK", "UTF-16", "utf-8"])
def test_kml_is_read_in_the_encoding_it_declares(tmp_path, encoding):
    path = tmp_path / "a.kml"
    head = f'<?xml version="1.0" encoding="{encoding}"?>'
    path.write_bytes(kml(("网格", placemark(point(), "龙门浩")), head=head).encode(encoding))
    got = read(path)
    assert got.frame["name"].to_list() == ["龙门浩"]
    assert got.encoding == encoding.upper()


def test_kml_that_lies_of_its_encoding_is_asked_about(tmp_path):
    path = tmp_path / "a.kml"
    path.write_bytes(kml(("网格", placemark(point(), "龙门浩"))).encode("gbk"))
    with pytest.raises(FileUnreadable, match="--encoding"):
        read(path)
    assert read(path, encoding="GBK").frame["name"].to_list() == ["龙门浩"]


@pytest.mark.parametrize(
    "shape",
    [
        point("a,b"),
        point(""),
        "<Polygon/>",
        "<Polygon><outerBoundaryIs/></Polygon>",
        "<LineString><coordinates>106,29</coordinates></LineString>",
        "<Polygon><innerBoundaryIs><Point/></innerBoundaryIs></Polygon>",
        "<MultiGeometry/>",
        "<coordinates>106,29</coordinates>",
        "<outerBoundaryIs/>",
        "<Point><Point>" + point() + "</Point></Point>",
    ],
)
def test_kml_without_a_shape_has_none(tmp_path, shape):
    path = tmp_path / "a.kml"
    path.write_text(kml(("a", placemark(shape) + placemark(point()))), "utf-8")
    assert read(path).frame.geometry.isna().to_list() == [True, False]


@pytest.mark.parametrize("crs", [4326, 4490, 4545])
def test_geoparquet_comes_back_as_it_went(tmp_path, crs):
    path = tmp_path / "a.parquet"
    shapes = gpd.GeoSeries([box(106.6, 29.5, 106.7, 29.6), None], crs=4326).to_crs(crs)
    went = gpd.GeoDataFrame({"code": ["1", "2"], "户数": [3, None]}, geometry=shapes)
    went["time"] = pd.to_datetime(["2026-01-01", None])
    went["box"] = [{"a": 1}, None]
    went["kind"] = pd.Categorical(["slab", None])
    went.to_parquet(path)
    got = read(path, "building")
    assert got.source_crs == f"EPSG:{crs}"
    assert got.frame.geometry.iloc[0].equals_exact(shapes.iloc[0], 1e-9)
    assert got.frame["code"].to_list() == ["1", "2"]
    assert got.columns == {"household_count": "户数"}
    assert got.frame["kind"].to_list()[0] == "slab"
    assert got.frame["time"].iloc[0].startswith("2026-01-01")
    assert got.frame.geometry.isna().to_list() == [False, True]


def geoparquet(path, cells=None, **column):
    """Write a GeoParquet file with a member "geo" of our own."""
    geo = {"primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB", **column}}}
    wkb = pa.array([shapely.to_wkb(Point(106.6, 29.5))], pa.binary())
    table = pa.table({"code": ["a"], "geometry": wkb if cells is None else cells})
    parquet.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)
    return path


def test_geoparquet_says_its_frame_in_several_ways(tmp_path):
    path = tmp_path / "a.parquet"
    cgcs = gpd.GeoSeries([], crs=4490).crs.to_json_dict()
    unnamed = {key: value for key, value in cgcs.items() if key != "id"}
    assert read(geoparquet(path)).source_crs == "EPSG:4326"
    assert read(geoparquet(path, crs=None)).source_crs is None
    assert read(geoparquet(path, crs=cgcs)).source_crs == "EPSG:4490"
    assert read(geoparquet(path, crs=unnamed)).frame.crs.to_epsg() == 4490
    for wrong in ({"a": 1}, "banana", 7, {"id": {"authority": "EPSG", "code": 999999}}):
        with pytest.raises(CrsError):
            read(geoparquet(path, crs=wrong))
        assert read(geoparquet(path, crs=wrong), source_crs="EPSG:4490").frame.crs == 4490
    with pytest.raises(FileUnreadable, match="kept as point, binary; write it anew"):
        read(geoparquet(path, encoding="point"))


RING = [(106.6, 29.5), (106.7, 29.5), (106.7, 29.6), (106.6, 29.6), (106.6, 29.5)]
HOLE = [(106.62, 29.52), (106.64, 29.52), (106.64, 29.54), (106.62, 29.52)]
NATIVE = {
    "point": [Point(106.6, 29.5), Point()],
    "linestring": [LineString(RING[:3]), LineString()],
    "polygon": [Polygon(RING, [HOLE]), Polygon(), Polygon(HOLE)],
    "multipoint": [MultiPoint(RING[:3]), MultiPoint(), MultiPoint(HOLE[:1])],
    "multilinestring": [MultiLineString([RING[:3], HOLE[:2]]), MultiLineString()],
    "multipolygon": [MultiPolygon([(RING, [HOLE]), (HOLE, [])]), MultiPolygon()],
}


@pytest.mark.parametrize("encoding", NATIVE)
@pytest.mark.parametrize("heights", [False, True])
def test_native_geoparquet_is_read_as_wkb_is(tmp_path, encoding, heights):
    shapes = [*NATIVE[encoding][:1], None, *NATIVE[encoding][1:], None]
    deep = [shape and shapely.force_3d(shape, 7.0) for shape in shapes]
    went = frame(deep if heights else shapes, crs=4490, code=list("abcde")[: len(shapes)])
    went.to_parquet(tmp_path / "native.parquet", geometry_encoding="geoarrow")
    geo = json.loads(parquet.read_schema(tmp_path / "native.parquet").metadata[b"geo"])
    assert geo["columns"]["geometry"]["encoding"] == encoding
    got = read(tmp_path / "native.parquet")
    assert got.source_crs == "EPSG:4490"
    assert got.frame["code"].to_list() == went["code"].to_list()
    assert got.frame.geometry.to_list() == shapes
    assert got.unreadable.empty
    went.to_parquet(tmp_path / "plain.parquet")
    plain = read(tmp_path / "plain.parquet")
    assert_geodataframe_equal(got.frame, plain.frame)


def native(path, encoding, cells, kind):
    """Write shapes as nested lists of coordinates that no library would write."""
    geo = {"primary_column": "geometry", "columns": {"geometry": {"encoding": encoding}}}
    table = pa.table(
        {"code": [f"B{n}" for n in range(len(cells))], "geometry": cells_of(cells, kind)}
    )
    parquet.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)
    return path


def cells_of(cells, kind):
    corner = pa.struct([("x", pa.float64()), ("y", pa.float64())])
    return pa.array(cells, kind if isinstance(kind, pa.DataType) else nested(corner, kind))


def nested(kind, depth):
    for _ in range(depth):
        kind = pa.list_(kind)
    return kind


def corners(ring):
    return [{"x": x, "y": y} for x, y in ring]


def test_a_native_shape_that_cannot_be_is_told_and_spoils_no_other(tmp_path):
    path = tmp_path / "a.parquet"
    good, open_ring, two = corners(RING), corners(RING[:-1]), corners(RING[:2])
    read_one = read(native(path, "polygon", [[good], [open_ring], [two], None, [good]], 2))
    assert [shape == Polygon(RING) for shape in read_one.frame.geometry] == [1, 0, 0, 0, 1]
    assert read_one.unreadable.to_dict() == {2: "binary", 3: "binary"}
    # A corner without x is a polygon with a hole in its border: never one with a zero.
    lame = [good[0], {"x": None, "y": 29.5}, *good[2:]]
    got = read(native(path, "polygon", [[good], [lame]], 2), "building").frame
    assert got.geometry.iloc[0] == Polygon(RING)
    assert np.isnan(shapely.get_coordinates(got.geometry.iloc[1])).sum() == 1
    assert {(i.row, i.rule) for i in LAYERS["building"].check(got)} == {(2, "G01")}


def test_coordinates_one_after_the_other_are_read_too(tmp_path):
    path = tmp_path / "a.parquet"
    deep = pa.list_(pa.float64(), 3)
    cells = [[106.6, 29.5, 7.0], None, [106.7, 29.6, 8.0]]
    for encoding in ("point", "geoarrow.point"):
        got = read(native(path, encoding, cells, deep)).frame.geometry
        assert got.to_list() == [Point(106.6, 29.5), None, Point(106.7, 29.6)]
    line = [[[106.6, 29.5, 7.0], [106.7, 29.6, 8.0]]]
    got = read(native(path, "linestring", line, pa.list_(deep))).frame.geometry
    assert got.to_list() == [LineString([(106.6, 29.5), (106.7, 29.6)])]


@pytest.mark.parametrize(
    ("encoding", "cells", "kind", "told"),
    [
        ("polygon", [corners(RING)], 1, "kept as polygon, list<"),
        ("point", [[corners(RING)]], 2, "kept as point, list<"),
        ("WKB", [[corners(RING)]], 2, "kept as wkb, list<"),
        ("circularstring", [corners(RING)], 1, "kept as circularstring, list<"),
        ("point", [[1.0]], pa.list_(pa.float64(), 1), "kept as point, fixed_size_list<"),
        ("point", [{"lon": 1.0}], pa.struct([("lon", pa.float64())]), "kept as point, struct<lon"),
        ("point", [{"x": "1", "y": "2"}], pa.struct([("x", pa.string()), ("y", pa.string())]),
         "kept as point, struct<x: string"),
    ],
)  # fmt: skip
def test_a_native_column_of_another_make_is_refused(tmp_path, encoding, cells, kind, told):
    with pytest.raises(FileUnreadable, match=told) as caught:
        read(native(tmp_path / "a.parquet", encoding, cells, kind))
    assert "write it anew with geometry as WKB" in str(caught.value)


@pytest.mark.parametrize("kind", [pa.binary(21), pa.binary_view(), pa.large_binary(), None])
def test_wkb_is_wkb_whatever_kind_of_binary_holds_it(tmp_path, kind):
    wkb = [shapely.to_wkb(Point(106.6, 29.5))]
    cells = pa.array(wkb, kind) if kind else pa.array(wkb).dictionary_encode()
    path = geoparquet(tmp_path / "a.parquet", cells)
    assert read(path).frame.geometry.to_list() == [Point(106.6, 29.5)]


def test_a_parquet_table_has_positions_too(tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"编码": ["a"], "lon": [106.6], "lat": [29.5]}), path)
    assert read(path).frame.geometry.to_list() == [Point(106.6, 29.5)]


def shapefile(folder, stem, **columns):
    """Write a Shapefile and return its members: ending -> bytes."""
    went = frame([Point(106.6, 29.5), Point(106.7, 29.6)], crs=4490, **columns)
    files.write_layer(went, folder / f"{stem}.shp")
    return {p.suffix: p.read_bytes() for p in folder.glob(f"{stem}.*")}


@pytest.mark.parametrize("upper", [False, True])
def test_a_shapefile_in_an_archive_is_read_with_what_belongs_to_it(tmp_path, upper):
    parts = shapefile(tmp_path, "a", code=["甲", "乙"])
    named = {f"层/网格{s.upper() if upper else s}": content for s, content in parts.items()}
    members = {"层/": b"", **named, "说明.txt": b"x", "__MACOSX/层/._网格.shp": b"x"}
    got = read(archive(tmp_path / "a.zip", members))
    assert got.frame["code"].to_list() == ["甲", "乙"]
    assert got.source_crs == "EPSG:4490"
    assert got.encoding == "UTF-8"
    assert got.layer.startswith("层/网格.")


def test_the_members_of_an_archive_are_layers(tmp_path):
    parts = shapefile(tmp_path, "a", code=["甲", "乙"])
    table = "编码,经度,纬度\n丙,106.6,29.5\n".encode()
    files.write_layer(frame([Point(1, 2)], crs=4326, code=["丁"]), tmp_path / "b.gpkg", layer="x")
    files.write_layer(frame([Point(1, 2)], crs=4326, code=["戊"]), tmp_path / "b.gpkg", layer="y")
    members = {f"a{ending}": content for ending, content in parts.items()}
    members |= {"t/点.csv": table, "b.gpkg": (tmp_path / "b.gpkg").read_bytes()}
    path = archive(tmp_path / "all.zip", members)
    with pytest.raises(FileUnreadable, match=r"--layer: \['a.shp', 't/点.csv', 'b.gpkg'\]"):
        read(path)
    for name in ("t/点.csv", "点.csv", "点"):
        assert read(path, layer=name).frame["code"].to_list() == ["丙"]
    assert read(path, layer="a").frame["code"].to_list() == ["甲", "乙"]
    with pytest.raises(FileUnreadable, match=r"--layer: \['x', 'y'\]"):
        read(path, layer="b.gpkg")
    got = read(path, layer="b.gpkg:y")
    assert got.frame["code"].to_list() == ["戊"]
    assert got.layer == "b.gpkg:y"
    with pytest.raises(FileUnreadable, match="no such layer"):
        read(path, layer="c")


def test_the_only_file_of_an_archive_may_have_layers(tmp_path):
    book = workbook(tmp_path / "a.xlsx", 甲=GRIDS, 乙=GRIDS)
    path = archive(tmp_path / "a.zip", {"网格.xlsx": book.read_bytes()})
    for name in ("乙", "网格.xlsx:乙"):
        assert read(path, layer=name).layer == "网格.xlsx:乙"
    path = archive(tmp_path / "a.kmz", {"doc.kml": kml(("甲", placemark(point()))).encode(),
                                        "files/b.kml": b"x"})  # fmt: skip
    assert read(path).frame["name"].to_list() == ["甲"]


def test_names_in_an_archive_may_be_in_gbk(tmp_path):
    table = b"code,lon,lat\na,106.6,29.5\n"
    members = {"网格数据.csv": table, "楼栋数据.csv": table}
    path = archive(tmp_path / "a.zip", members, names="gbk")
    with pytest.raises(FileUnreadable, match=r"网格数据.*楼栋数据"):
        read(path)


def test_a_shapefile_alone_says_what_is_missing(tmp_path):
    shapefile(tmp_path, "a", code=["甲", "乙"])
    (tmp_path / "a.dbf").unlink()
    assert len(read(tmp_path / "a.shp").frame) == 2
    (tmp_path / "a.shx").unlink()
    with pytest.raises(FileUnreadable, match=r"a\.shx is missing"):
        read(tmp_path / "a.shp")


def test_a_file_of_shapes_alone_has_rows(tmp_path):
    path = tmp_path / "a.geojson"
    one = {"type": "Feature", "properties": {}, "geometry": {"type": "Point",
                                                             "coordinates": [1, 2]}}  # fmt: skip
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [one, one]}))
    got = read(path)
    assert got.frame.index.to_list() == [1, 2]
    assert got.frame.geometry.to_list() == [Point(1, 2)] * 2


MIXED = [
    Point(106.6, 29.5),
    LineString([(106.6, 29.5), (106.7, 29.5)]),
    GeometryCollection([Point(106.6, 29.5), box(106, 29, 107, 30)]),
    Polygon(),
    None,
    shapely.from_wkt("POLYGON ZM ((106 29 1 2, 107 29 1 2, 107 30 1 2, 106 29 1 2))"),
    shapely.from_wkt("POLYGON M ((106 29 1, 107 29 1, 107 30 1, 106 29 1))"),
]


@pytest.mark.parametrize("ending", ["gpkg", "geojson", "fgb", "parquet", "csv", "zip"])
def test_mixed_shapes_are_issues_and_heights_go(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    mixed = frame(MIXED, crs=4490, code=list("abcdefg"))
    if ending not in ("csv", "parquet"):  # GDAL is given no measures, FlatGeobuf no heights
        flat = shapely.force_2d(mixed.geometry.to_numpy())
        deep = ending in ("gpkg", "geojson")
        mixed = mixed.set_geometry(shapely.force_3d(flat, 5.0) if deep else flat, crs=4490)
    if ending == "csv":
        table = pd.DataFrame({"code": mixed["code"], "wkt": mixed.to_wkt()["geometry"]})
        table.to_csv(path, index=False)
    elif ending == "parquet":
        mixed.to_parquet(path)
    elif ending == "zip":
        mixed.to_file(tmp_path / "a.fgb", SPATIAL_INDEX="NO")
        archive(path, {"a.fgb": (tmp_path / "a.fgb").read_bytes()})
    else:
        mixed.to_file(path, **({"SPATIAL_INDEX": "NO"} if ending == "fgb" else {}))
    got = read(path, "building", source_crs="EPSG:4490", repair=True)
    found = [(i.shape, i.row) for i in LAYERS["building"].check(got.frame)]
    kinds = [("G01.kind", 1), ("G01.kind", 2), ("G01.kind", 3)]
    # The last two differ by height and measure only.
    assert sorted(found) == [("G01.duplicate", 7), *kinds, ("G01.null", 4), ("G01.null", 5)]
    flat = got.frame.geometry.iloc[5:]
    assert not np.any(shapely.has_z(flat) | shapely.has_m(flat))
    assert (flat.geom_type == "Polygon").all()


def test_a_curve_is_told_as_what_it_is(tmp_path):
    path = tmp_path / "a.gpkg"
    frame([Point(1, 2), Point(3, 4)], crs=4490, code=["a", "b"]).to_file(path)
    circle = bytes.fromhex("0108000000") + (3).to_bytes(4, "little")
    circle += np.array([0, 0, 1, 1, 2, 0], "<f8").tobytes()
    with sqlite3.connect(path) as base:
        head = base.execute("SELECT substr(geom, 1, 8) FROM a").fetchone()[0]
        triggers = base.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall()
        for (name,) in triggers:
            base.execute(f'DROP TRIGGER "{name}"')
        base.execute("UPDATE a SET geom = ? WHERE code = 'a'", (head + circle,))
    base.close()
    got = read(path)
    assert got.unreadable.to_dict() == {1: "CircularString"}
    assert got.frame.geometry.isna().to_list() == [True, False]


def test_two_columns_of_one_field_are_asked_about(tmp_path):
    path = workbook(tmp_path / "a.xlsx", a=[["编码", "网格编码", "名称"], [1, 2, "甲"]])
    with pytest.raises(InputError, match=r"编码 and 网格编码 both may be code.*--map code=编码"):
        read(path)
    assert read(path, columns={"code": "网格编码"}).frame["code"].to_list() == [2.0]
    path = tmp_path / "b.csv"
    path.write_text("code,lon,lat,经度\na,106.6,29.5,1\n", "utf-8")
    with pytest.raises(InputError, match="lon and 经度 both may be lon"):
        read(path)
    columns = {"lon": "lon"}
    assert read(path, columns=columns).frame.geometry.to_list() == [Point(106.6, 29.5)]


def test_the_name_a_shapefile_cuts_is_known_by_what_is_left(tmp_path):
    columns = {"code": ["a", "b"], "household_count": [1, 2], "floor_area_m2": [3.0, 4.0]}
    with pytest.warns((UserWarning, RuntimeWarning), match="10 characters|laundered"):
        shapefile(tmp_path, "a", **columns)
    got = read(tmp_path / "a.shp", "building")
    assert got.columns == {"household_count": "household_", "floor_area_m2": "floor_area"}
    assert got.frame["household_count"].to_list() == [1, 2]


def test_the_map_wins_over_headings(tmp_path):
    path = workbook(tmp_path / "a.xlsx", a=[["编码", "名称", "别名"], ["1", "甲", "乙"]])
    got = read(path, columns={"name": "别名"})
    assert got.columns == {"name": "别名", "code": "编码"}
    assert got.frame["name"].to_list() == ["乙"]
    assert got.frame["名称"].to_list() == ["甲"]


def test_a_field_may_be_told_to_have_no_column(tmp_path):
    path = workbook(tmp_path / "a.xlsx", a=[["编码", "层数", "name"], ["1", "许多", "甲"]])
    got = read(path, "building", columns={"floors": "-", "name": "-"})
    assert got.columns == {"code": "编码"}
    assert got.frame.columns.to_list() == ["层数", "code"]


def test_a_workbook_is_limited_too(tmp_path):
    path = workbook(tmp_path / "a.xlsx", a=[["编码", "名称"], *[["1", "甲"]] * 9])
    with pytest.raises(FileUnreadable, match="over 5 rows"):
        read(path, limits=Limits(rows=5))
    path = workbook(tmp_path / "b.xlsx", a=[["编码", "名称"], *[["1" * 9000, "甲"]] * 9000])
    assert path.stat().st_size < 1 << 20
    with pytest.raises(FileUnreadable, match="unpacks to"):
        read(path, limits=Limits(file_mb=1))
    with pytest.raises(FileUnreadable, match="unpacks to"):
        read(path)


LAUNCHER = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-I", sys.argv[1]], stdout=sys.stderr, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""Starts the reader: a process counts as its own what its starter held, so that must be little."""


@pytest.mark.slow
def test_the_child_holds_one_batch_not_the_file(tmp_path):
    """README: 600,000 polygons take 163 MB; three times as many rows take no more."""
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    ring = np.stack([np.cos(angles), np.sin(angles)], 1) * 1e-4
    peaks = {}
    for count in (50_000, 150_000):
        shapes = shapely.polygons(np.random.default_rng(1).random((count, 1, 2)) + ring)
        path = tmp_path / f"{count}.fgb"
        gpd.GeoDataFrame({"n": range(count)}, geometry=shapes, crs=4490).to_file(
            path, SPATIAL_INDEX="NO"
        )
        request = {"path": str(path), "out": str(tmp_path / "rows"), "max_rows": count}
        request |= {"layer": None, "encoding": None, "wkt": None, "wkt_names": [], "repair": True}
        request |= {"max_bytes": 1 << 30, "max_vertices": 13 * count}
        reader = str(Path(files.__file__).parents[1] / "reader")
        done = subprocess.run(
            [sys.executable, "-I", "-c", LAUNCHER, reader],
            input=json.dumps(request),
            env=files.reading._child_environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        assert f'"rows": {count}' in done.stderr
        peaks[count] = int(done.stdout) / 1024
    print(f"the child's peak in MB by rows: {peaks}")
    assert peaks[150_000] < 1.15 * peaks[50_000]
    assert peaks[150_000] < 250
