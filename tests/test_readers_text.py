"""Encodings told from bytes, and headings that mean fields."""

import random
import re

import geopandas as gpd
import pytest
from foreign_files import workbook
from shapely import Point
from toy_town import shared_data

from gridmap import files
from gridmap.errors import FileUnreadable
from gridmap.model import EXTENT, LAYERS, headings_of, matches
from gridmap.model.headings import HEADINGS
from gridmap.reader import encodings
from gridmap.reader.problems import Problem

NAMES = ("龙门浩街道", "海棠溪", "弹子石", "南坪镇", "涂山镇", "峡口镇")


def table(path, encoding, names=NAMES):
    lines = ["编码,名称,经度,纬度", *(f"{i},{name},106.6,29.5" for i, name in enumerate(names))]
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


@pytest.mark.parametrize("ending", ["csv", "txt", "tsv"])
@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("gbk", "GB18030"),
        ("gb18030", "GB18030"),
        ("utf-16", "UTF-16"),
    ],
)
def test_a_table_is_read_in_the_encoding_its_bytes_are_in(tmp_path, encoding, told, ending):
    path = table(tmp_path / f"a.{ending}", encoding)
    got = files.read_layer(path, headings=headings_of(LAYERS["street"]))
    assert got.encoding == told
    assert got.frame["name"].to_list() == list(NAMES)
    assert got.frame["code"].to_list() == list("012345")
    assert got.frame.geometry.iloc[0] == Point(106.6, 29.5)


def test_a_named_encoding_is_taken_and_a_wrong_one_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("name\n龍門浩街道\n".encode("big5"))
    got = files.read_layer(path, encoding="Big5")
    assert got.frame["name"].to_list() == ["龍門浩街道"]
    with pytest.raises(FileUnreadable, match="--encoding"):
        files.read_layer(path, encoding="utf-8")
    with pytest.raises(FileUnreadable, match="no encoding 'banana'"):
        files.read_layer(path, encoding="banana")


def test_text_that_may_be_several_things_is_asked_about(tmp_path):
    path = tmp_path / "a.csv"
    for raw in (b"\xfe\xfd\xff", b"\x80\x81\x82\x83\xa0\xff", b"\xe4"):
        path.write_bytes(b"code,name\n1," + raw + b"\n2,b\n")
        with pytest.raises(FileUnreadable, match="--encoding"):
            files.read_layer(path)


@pytest.mark.parametrize("encoding", ["gbk", "utf-16", "utf-8-sig"])
def test_a_geojson_that_is_not_utf8_is_read(tmp_path, encoding):
    path = tmp_path / "a.geojson"
    named = gpd.GeoDataFrame({"name": NAMES}, geometry=[Point(1, 2)] * 6, crs=4326)
    files.write_layer(named, path)
    path.write_bytes(path.read_text("utf-8").encode(encoding))
    assert files.read_layer(path).frame["name"].to_list() == list(NAMES)


def shapefile(folder, encoding, names=NAMES):
    path = folder / "a.shp"
    one = gpd.GeoDataFrame({"名称": names}, geometry=[Point(1, 2)] * len(names), crs=4490)
    one.to_file(path, encoding=encoding)
    return path


def language(path, byte):
    """Set the language byte of a Shapefile's table."""
    raw = bytearray(path.with_suffix(".dbf").read_bytes())
    raw[29] = byte
    path.with_suffix(".dbf").write_bytes(raw)


@pytest.mark.parametrize("byte", [0x00, 0x03, 0x57, 0x4D, 0x13])
@pytest.mark.parametrize(
    ("encoding", "names"),
    [("GBK", NAMES), ("UTF-8", NAMES), ("CP932", ("後楽一丁目", "本郷二丁目", "こいしかわ"))],
)
def test_a_shapefile_without_cpg_is_read_by_its_bytes(tmp_path, byte, encoding, names):
    """Whatever the language byte says: the bytes of names fit one encoding."""
    path = shapefile(tmp_path, encoding, names)
    path.with_suffix(".cpg").unlink()
    language(path, byte)
    declared = {0x4D: "GBK", 0x13: "CP932"}.get(byte)
    if (declared, encoding) in (("CP932", "GBK"), ("GBK", "CP932")):
        # Bytes of the one can be the other too: file and bytes say different things.
        with pytest.raises(FileUnreadable, match="it may be --encoding"):
            files.read_layer(path)
        return
    got = files.read_layer(path)
    assert got.frame["名称"].to_list() == list(names)
    assert got.encoding in (encoding, {"GBK": "GB18030"}.get(encoding))


def test_a_cpg_is_believed_only_where_it_can_be_true(tmp_path):
    path = shapefile(tmp_path, "GBK")
    assert files.read_layer(path).encoding == "GBK"
    path.with_suffix(".cpg").write_text("UTF-8")
    got = files.read_layer(path)
    assert got.encoding == "GB18030"
    assert got.frame["名称"].to_list() == list(NAMES)
    got = files.read_layer(path, encoding="gb2312")
    assert got.encoding == "GB2312"
    assert got.frame["名称"].to_list() == list(NAMES)


def told(names, encoding):
    """Return the encoding that is told of names, None where it is asked for."""
    try:
        return encodings.detected([name.encode(encoding) for name in names])
    except Problem:
        return None


def test_a_cell_cut_in_half_is_no_hindrance():
    cells = [name.encode("gb18030")[:-1] for name in NAMES]
    assert encodings.detected(cells) == "gb18030"


@pytest.mark.real
def test_no_real_name_is_taken_for_another_encoding():
    """Single names and small groups: told right or asked about, never wrong."""
    text = (shared_data("nanan_admin") / "..").resolve()
    pages = [*text.glob("nanan_admin/*"), *text.glob("beijing_streets/*.*json")]
    chinese = set()
    for page in pages:
        if page.suffix in {".csv", ".json", ".geojson"}:
            chinese |= set(re.findall(r"[\u4e00-\u9fff]{2,12}", page.read_text("utf-8")))
    table = files.read_layer(
        shared_data("import_messy") / "cp932_shp_tokyo_bunkyo" / "r2ka13105.shp"
    ).frame
    japanese = {name for name in table["S_NAME"].dropna() if not name.isascii()}
    chosen = random.Random(1)
    for names, encoding in ((sorted(chinese), "gb18030"), (sorted(japanese), "cp932")):
        assert len(names) > 60
        singles = [told([name], encoding) for name in chosen.sample(names, min(len(names), 2000))]
        assert set(singles) <= {encoding, None}
        assert singles.count(None) / len(singles) < 0.1
        groups = [told(chosen.sample(names, 10), encoding) for _ in range(300)]
        assert set(groups) == {encoding}


@pytest.mark.parametrize("name", LAYERS)
def test_a_heading_means_one_field_of_a_layer(name):
    headings = headings_of(LAYERS[name])
    for field, some in headings.items():
        assert len(some) == len(set(some)), field
        for heading in some:
            owners = [one for one, others in headings.items() if heading in others]
            assert owners == [field], heading
            assert matches([heading], headings) == {field: [heading]}


def test_every_field_has_a_chinese_heading_and_every_heading_a_field():
    used = set()
    for name, spec in LAYERS.items():
        for field, some in headings_of(spec).items():
            assert any(re.search(r"[\u4e00-\u9fff]", heading) for heading in some), field
            used |= {field, f"{name}.{field}"}
    assert set(HEADINGS) <= used


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("编码", "code"),
        (" 楼 栋 编码 ", "code"),
        ("户数（户）", "household_count"),
        ("建筑面积(m²)", "floor_area_m2"),
        ("BUILDING_ID", "code"),
        ("Building Name", "name"),
        ("经度", "lon"),
        ("floor_area_m2", "floor_area_m2"),
        ("*层数", "floors"),
        ("备注", None),
        ("", None),
    ],
)
def test_signs_and_units_of_a_heading_do_not_count(column, field):
    found = matches([column], headings_of(LAYERS["building"]))
    assert found == ({field: [column]} if field else {})


def test_a_cut_name_counts_only_where_it_is_clear():
    headings = headings_of(LAYERS["camera"])
    cut = ["azimuth_de", "azimuth_to", "position_t", "in_use_sin", "水平视", "retention_"]
    fields = ["azimuth_deg", "azimuth_tolerance_deg", "position_tolerance_m", "in_use_since",
              "hfov_deg", "retention_days"]  # fmt: skip
    assert matches(cut, headings) == {}
    assert matches(cut, headings, cut=True) == {f: [c] for f, c in zip(fields, cut, strict=True)}
    assert matches(["azi", "camera_", "horizontal"], headings, cut=True) == {
        "hfov_deg": ["horizontal"]
    }


def test_layers_of_views_have_headings_too(tmp_path):
    path = workbook(tmp_path / "a.xlsx", a=[["编码", "wkt"], ["1", "POINT (1 2)"]])
    got = files.read_layer(path, headings=headings_of(EXTENT))
    assert got.columns == {"code": "编码"}
    assert got.frame.geometry.to_list() == [Point(1, 2)]
