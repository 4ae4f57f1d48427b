"""Every awkward file of the real sets: read right, or refused with the right reason."""

import pyogrio
import pytest
import shapely
from toy_town import shared_data

from gridmap import crs, files
from gridmap.errors import FileUnreadable
from gridmap.model import LAYERS, headings_of

pytestmark = pytest.mark.real


def read(name, layer="district", **options):
    path = shared_data("import_messy") / name
    return files.read_layer(path, headings=headings_of(LAYERS[layer]), **options)


VARIANTS = {
    "cgcs2000_3deg_cm105e": "EPSG:4544",
    "cgcs2000_3deg_cm108e": "EPSG:4545",
    "cgcs2000_3deg_cm108e_noprj": None,
    "cgcs2000_3deg_zone36": "EPSG:4524",
    "cgcs2000_geographic": "EPSG:4490",
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_tables_that_say_nothing_of_their_text_are_read_by_its_bytes(variant):
    got = read(f"derived_crs_variants/nanan_{variant}.shp")
    assert got.source_crs == VARIANTS[variant]
    assert got.encoding == "GB18030"
    assert "南岸区" in set(got.frame["name"])
    assert got.frame["code"].astype(str).str.len().eq(6).all()
    assert len(got.frame) == 5


@pytest.mark.parametrize("variant", [name for name, frame in VARIANTS.items() if frame])
def test_each_frame_puts_the_district_where_it_is(variant):
    got = read(f"derived_crs_variants/nanan_{variant}.shp").frame
    outline = got[got["name"] == "南岸区"].to_crs(4490).geometry.iloc[0]
    true = files.read_layer(shared_data("nanan_admin") / "nanan_boundary_wgs84.geojson").frame
    true = true.to_crs(4490).geometry.iloc[0]
    assert outline.intersection(true).area / outline.union(true).area > 0.999


def test_shifted_files_that_claim_wgs84_come_back_by_source_crs():
    """GCJ-02 against the true outline: 0.996 and more (issue 4)."""
    claimed = read("amap_gcj02_labelled_4326_500108.geojson")
    assert claimed.source_crs == "EPSG:4326"
    assert claimed.frame.index.to_list() == [1]
    true = read("derived_crs_variants/nanan_cgcs2000_geographic.shp").frame
    true = true[true["name"] == "南岸区"].geometry.iloc[0]

    def overlap(got, of):
        shape = shapely.make_valid(got)
        return shape.intersection(of).area / shape.union(of).area

    back = read("amap_gcj02_labelled_4326_500108.geojson", source_crs="GCJ-02")
    assert overlap(claimed.frame.geometry.iloc[0], true) < 0.9
    assert overlap(crs.to_storage(back.frame).geometry.iloc[0], true) >= 0.996
    shifted = "derived_crs_variants/nanan_bd09_labelled_4326.geojson"
    back = read(shifted, source_crs="BD-09").frame
    assert overlap(back[back["name"] == "南岸区"].geometry.iloc[0], true) >= 0.996


def test_a_real_gbk_shapefile_is_read_as_it_declares():
    got = read("gbk_shp_chongqing/区县界_area.shp")
    assert (got.encoding, got.source_crs, len(got.frame)) == ("GBK", "EPSG:4326", 38)
    assert {"南岸区", "开县"} <= set(got.frame["name"])
    assert got.columns == {"name": "NAME", "code": "ADMINCODE"}
    assert "500108" in set(got.frame["code"].astype(str))


def test_japanese_is_not_taken_for_chinese():
    got = read("cp932_shp_tokyo_bunkyo/r2ka13105.shp", columns={"name": "S_NAME"})
    assert (got.encoding, got.source_crs, len(got.frame)) == ("CP932", "EPSG:6668", 68)
    assert "後楽一丁目" in set(got.frame["name"])


def test_codes_that_are_integers_stay_whole():
    got = read("beijing_dongcheng_original_latlon_labelpoint.geojson", "street")
    assert len(got.frame) == 17
    assert got.columns == {"name": "Name"}
    assert 110101001000 in set(got.frame["code"])


def test_what_cannot_be_read_is_refused_for_what_it_is():
    for name, reason in (
        ("echarts_utf8encoded_chongqing.json", "compressed for ECharts"),
        ("topojson_quantised_invalid_sf.topojson", "TopoJSON"),
        ("SOURCE.md", "not a vector file"),
    ):
        with pytest.raises(FileUnreadable, match=reason):
            read(name)


def test_every_file_was_looked_at():
    """A new file of the set needs a test above; parts of Shapefiles and notes are none."""
    folder = shared_data("import_messy")
    parts = {".dbf", ".shx", ".prj", ".xml"}
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*.*") if p.is_file()}
    assert {name for name in found if not any(name.endswith(end) for end in parts)} == {
        "SOURCE.md",
        "amap_gcj02_labelled_4326_500108.geojson",
        "beijing_dongcheng_original_latlon_labelpoint.geojson",
        "cp932_shp_tokyo_bunkyo/r2ka13105.shp",
        "echarts_utf8encoded_chongqing.json",
        "gbk_shp_chongqing/区县界_area.shp",
        "topojson_quantised_invalid_sf.topojson",
        "derived_crs_variants/nanan_bd09_labelled_4326.geojson",
        *(f"derived_crs_variants/nanan_{name}.shp" for name in VARIANTS),
    }


@pytest.mark.parametrize(
    "folder",
    [
        "nanan_admin",
        "tokyo_bunkyo",
        "tokyo_bunkyo_small",
        "nyc_manhattan",
        "helsinki_osm",
        "shanghai_lujiazui",
        "beijing_streets",
        "kathmandu_small",
    ],
)
def test_all_other_sets_are_read_whole(folder):
    """As many rows as GDAL counts, layer by layer."""
    for path in sorted(shared_data(folder).iterdir()):
        if path.suffix not in {".gpkg", ".geojson", ".shp", ".fgb", ".csv", ".parquet"}:
            continue
        for layer, _ in pyogrio.list_layers(path):
            got = files.read_layer(path, layer=str(layer))
            assert len(got.frame) == pyogrio.read_info(path, layer=layer)["features"]
