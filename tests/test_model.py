import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import LineString, Point, Polygon, box
from toy_town import frame

from gridmap import camera_coverage
from gridmap.errors import CodeError, FrameError, LayerNotFound
from gridmap.model import (
    BLIND_COLUMNS,
    CHOICES,
    FAILURE_KINDS,
    LAYERS,
    Field,
    Issue,
    Kind,
    Level,
    Rate,
    fields,
    kind_of,
    layer,
    level_of,
    parent_code,
    rate_as_dict,
    require_columns,
    row_breaches,
    terms_of,
)
from gridmap.model.cameras import ROW_COLUMNS
from gridmap.rules import RULES, Severity


def shapes_of(issues):
    return sorted((i.shape, i.row, i.field) for i in issues)


@pytest.mark.parametrize(
    ("code", "level", "parent", "kind"),
    [
        ("500108", Level.DISTRICT, None, "district"),
        ("500108001", Level.STREET, "500108", "street"),
        ("500108099", Level.STREET, "500108", "street"),
        ("500108100", Level.STREET, "500108", "town"),
        ("500108200", Level.STREET, "500108", "township"),
        ("500108001199", Level.COMMUNITY, "500108001", "community"),
        ("500108100200", Level.COMMUNITY, "500108100", "village"),
        ("500108001498", Level.COMMUNITY, "500108001", "similar_community"),
        ("500108001001001", Level.GRID, "500108001001", "basic"),
    ],
)
def test_codes_say_level_parent_and_kind(code, level, parent, kind):
    assert (level_of(code), parent_code(code), kind_of(code)) == (level, parent, kind)


@pytest.mark.parametrize("code", ["", "5001", "50010８", "50010a", "5001080010010011"])
def test_other_texts_are_no_codes(code):
    with pytest.raises(CodeError):
        level_of(code)


@pytest.mark.parametrize("code", ["500108000", "500108600", "500108001000", "500108001600"])
def test_codes_out_of_every_range_have_no_kind(code):
    assert kind_of(code) is None


def test_a_street_layer_is_checked_whole():
    polygon = box(0, 0, 1, 1)
    rows = frame(
        [polygon, polygon, polygon, None, Point(0, 0)],
        code=["500108001", "500108001", "50010800", "500108600", "500108002"],
        name=["甲", "乙", None, "丁", " "],
        crs="EPSG:4490",
    )
    assert shapes_of(LAYERS["street"].check(rows)) == [
        ("C01.digits", 3, "code"),
        ("C03.range", 4, "code"),
        ("C04.unique", 2, "code"),
        ("F02.null", 3, "name"),
        ("F02.null", 5, "name"),
        ("G01.kind", 5, "geometry"),
        ("G01.null", 4, "geometry"),
    ]


def test_cells_are_checked_against_type_range_and_choice():
    rows = frame(
        [box(n, 0, n + 1, 1) for n in range(4)],
        code=["a", "b", "c", "d"],
        floors=["5", "5.5", "-1", "many"],
        height_m=["3", None, "inf", "1e9"],
        kind=["slab", "tower", "castle", None],
        crs="EPSG:4490",
    )
    assert shapes_of(LAYERS["building"].check(rows)) == [
        ("F03.type", 2, "floors"),
        ("F03.type", 3, "height_m"),
        ("F03.type", 4, "floors"),
        ("F04.range", 3, "floors"),
        ("F04.range", 4, "height_m"),
        ("F05.choice", 3, "kind"),
    ]


def test_missing_parts_of_a_file_are_one_issue_each():
    empty = gpd.GeoDataFrame({"code": []}, geometry=[], crs="EPSG:4490")
    assert shapes_of(LAYERS["grid"].check(empty)) == [("F01.empty", None, None)]
    table = pd.DataFrame({"code": ["500108001001001"]}, index=[1])
    assert shapes_of(LAYERS["grid"].check(table)) == [
        ("F01.column", None, "name"),
        ("F01.geometry", None, None),
    ]
    no_crs = frame([box(0, 0, 1, 1)], code=["x"], crs=None)
    assert shapes_of(LAYERS["building"].check(no_crs)) == [("F01.crs", None, None)]


def test_an_invalid_ring_is_told_with_its_place():
    bow_tie = Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    (issue,) = LAYERS["building"].check(frame([bow_tie], code=["x"], crs="EPSG:4490"))
    assert issue.shape == "G01.invalid"
    assert "(0.500000, 0.500000)" in issue.message("en")
    assert "--repair" in issue.message("zh")


def test_cameras_are_warned_about_not_refused():
    rows = frame([Point(0, 0)], code=["cam-1"], azimuth_deg=[90], crs="EPSG:4490")
    issues = LAYERS["camera"].check(rows)
    assert shapes_of(issues) == [
        ("V00.sign", 1, "sign_installed"),
        ("V00.type", 1, "point_type"),
        ("V01.code", 1, "code"),
        ("V05.category", 1, "place_category"),
        ("V10.optics", 1, "hfov_deg"),
    ]
    assert all(issue.severity is Severity.WARNING for issue in issues)
    assert "hfov_deg, max_range_m" in issues[-1].message("en")


FAULTLESS = {
    "code": "50010800001310000001",
    "azimuth_deg": "90",
    "hfov_deg": "60",
    "max_range_m": "40",
    "place_category": "road",
    "point_type": "3",
    "state": "in_use",
    "sign_installed": "是",
}
"""Cells of a camera, as text from a file, that break no rule."""


def camera_file(**changes):
    return frame([Point(0, 0)], crs="EPSG:4490", **{k: [v] for k, v in changes.items()})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"state": None}, []),
        ({"point_type": "1"}, [("V00.retention", "retention_days"), ("V00.since", "in_use_since")]),
        ({"point_type": "1", "in_use_since": "2025-01-01", "retention_days": "30"}, []),
        ({"point_type": ""}, [("V00.type", "point_type")]),
        ({"sign_installed": "否"}, [("V00.sign", "sign_installed")]),
        ({"sign_installed": None}, [("V00.sign", "sign_installed")]),
        (
            {"sign_installed": None, "place_category": None, "indoor": "是"},
            [("V05.category", "place_category")],
        ),
        ({"code": "50010800601320000001"}, [("V01.industry", "code")]),
        ({"code": "50010899991319000001"}, [("V01.network", "code")]),
        ({"code": "50010800001110000001"}, [("V01.code", "code")]),
        ({"azimuth_deg": None}, [("V10.optics", "azimuth_deg")]),
        ({"azimuth_deg": None, "direction_type": "2"}, []),
        ({"azimuth_deg": None, "hfov_deg": None, "direction_type": "9"}, []),
        ({"azimuth_deg": None, "hfov_deg": "360"}, []),
        ({"hfov_deg": None, "direction_type": "9"}, [("V10.optics", "hfov_deg")]),
        ({"max_range_m": None}, [("V10.optics", "max_range_m")]),
        ({"direction_type": "2"}, [("V10.direction", "direction_type")]),
        ({"azimuth_deg": "112.5", "direction_type": "1"}, []),
        ({"azimuth_deg": "113", "direction_type": "1", "azimuth_tolerance_deg": "0.5"}, []),
        ({"azimuth_deg": "359", "direction_type": "4"}, []),
    ],
)
def test_what_a_camera_breaks_by_itself(changes, expected):
    issues = LAYERS["camera"].check(camera_file(**{**FAULTLESS, **changes}))
    assert shapes_of(issues) == [(shape, 1, name) for shape, name in expected]
    for issue in issues:
        assert all(issue.message(language) for language in ("zh", "en"))


def test_a_removed_camera_breaks_no_rule_of_its_row():
    assert LAYERS["camera"].check(camera_file(code="x", state="removed")) == []


def test_an_unreadable_cell_is_told_once():
    issues = LAYERS["camera"].check(camera_file(**{**FAULTLESS, "hfov_deg": "wide"}))
    assert shapes_of(issues) == [("F03.type", 1, "hfov_deg")]


def test_breaches_carry_the_words_of_their_sentence():
    wrong = {"code": "50010800601320000001", "direction_type": "3", "hfov_deg": None}
    industry, optics, direction = LAYERS["camera"].check(camera_file(**{**FAULTLESS, **wrong}))
    assert industry.values == {"value": wrong["code"], "digits": "60"}
    assert optics.values == {"fields": "hfov_deg"}
    assert direction.values == {"azimuth": 90.0, "direction": 3, "facing": 180.0}
    assert "监视方位" in direction.message("zh")


def test_rules_of_a_row_hold_for_any_index_in_its_order():
    rows = pd.DataFrame({name: ["1", "2"] for name in ("code",)}, index=["b", "a"], dtype=object)
    rows = rows.reindex(columns=list(ROW_COLUMNS))
    breaches = row_breaches(rows, rows.notna())
    assert [b.key for b in breaches if b.shape == "V01.code"] == ["b", "a"]
    assert row_breaches(rows.iloc[:0], rows.iloc[:0].notna()) == []


def test_parse_gives_exact_columns_and_types():
    rows = frame(
        [Point(0, 0), Point(1, 1)],
        code=[1.0, "  x "],
        hd=["是", None],
        in_use_since=["2025-04-01", ""],
        point_type=["2", None],
        junk=[1, 2],
        crs="EPSG:4490",
    )
    parsed = LAYERS["camera"].parse(rows)
    assert list(parsed.columns) == [*LAYERS["camera"].columns, "geometry"]
    assert parsed["code"].to_list() == ["1", "x"]
    assert parsed["hd"].to_list() == [True, pd.NA]
    assert str(parsed["in_use_since"].iloc[0]) == "2025-04-01"
    assert parsed["in_use_since"].iloc[1] is None
    assert parsed["point_type"].dtype == "Int64"
    assert parsed.index.equals(rows.index)


def test_every_rule_speaks_both_languages_with_the_same_blanks():
    blanks = {}
    for shape, rule in RULES.items():
        for text in (rule.en, rule.zh):
            assert text
            blanks.setdefault(shape, set()).add(rule.en.count("{") > 0)
        assert any("\u4e00" <= c <= "\u9fff" for c in rule.zh), shape


def test_an_issue_as_json():
    issue = Issue("F02.null", 3, "name", {"layer": "street"})
    assert issue.as_dict() == {
        "rule": "F02",
        "severity": "error",
        "row": 3,
        "field": "name",
        "message": {
            "zh": "“名称(name)”为空，每个街道/镇都必须填写",
            "en": "name is empty; every street needs one",
        },
    }


def test_a_rate_without_anything_to_cover_has_no_share():
    assert rate_as_dict(Rate("m", "buildings", 1, 4))["share"] == 0.25
    assert rate_as_dict(Rate("m", "buildings", 0, 0))["share"] is None


def test_numbers_are_the_same_whether_they_come_as_numbers_or_as_text():
    cells = [0.0, -0.0, 0.1, 359.9999999999999, 360.0, 1e16, np.inf, -np.inf, np.nan, 2.0**53]
    for values in (cells, [1, 2, 2**53 + 1, -7]):
        numbers, text = pd.Series(values), pd.Series([str(v) for v in values])
        text = text.where(numbers.notna(), None)
        for kind in (Kind.NUMBER, Kind.INTEGER):
            field = Field("x", kind, "x")
            quick, slow = (fields.parse(field, one, one.index) for one in (numbers, text))
            for one, other in zip(quick, slow, strict=True):
                pd.testing.assert_series_equal(one, other, check_exact=True, check_names=False)
            assert not np.signbit(quick[0].astype(float)[numbers == 0]).any()


def test_what_the_register_wants_is_not_always_asked():
    rows = frame([Point(0, 0), Point(9, 9)], code=["a", "b"])
    assert {issue.rule[0] for issue in LAYERS["camera"].check(rows)} == {"V"}
    assert LAYERS["camera"].check(rows, register=False) == []


def test_words_of_the_core_are_those_of_the_model():
    assert BLIND_COLUMNS == camera_coverage.BLIND_COLUMNS
    assert FAILURE_KINDS == camera_coverage.FAILURE_KINDS


def test_unknown_layers_and_broken_frames_are_errors():
    with pytest.raises(LayerNotFound, match="layers are district"):
        layer("castle")
    with pytest.raises(FrameError, match="lacks the columns b"):
        require_columns(pd.DataFrame({"a": [1]}), ["a", "b"], "it")
    with pytest.raises(FrameError, match="duplicate"):
        require_columns(pd.DataFrame({"a": [1, 2]}, index=[1, 1]), ["a"], "it")


def test_lines_for_roads():
    rows = frame([LineString([(0, 0), (1, 1)])], code=["r"], crs="EPSG:4490")
    assert LAYERS["road"].check(rows) == []


# --- words in cells

CHOSEN = [
    pytest.param(spec.name, column, id=f"{spec.name}.{column.name}")
    for spec in LAYERS.values()
    for column in spec.fields
    if column.choices
]


@pytest.mark.parametrize(("layer_name", "column"), CHOSEN)
def test_every_choice_has_a_chinese_word_and_every_word_one_meaning(layer_name, column):
    terms = [term for choice in column.choices for term in CHOICES[choice]]
    assert all(CHOICES[choice] for choice in column.choices)
    assert all(any("\u4e00" <= letter <= "\u9fff" for letter in term) for term in terms)
    assert len(terms) == len(set(terms)) == len(terms_of(column.choices)), layer_name
    assert not set(terms) & set(column.choices)


def test_no_word_stands_for_a_choice_that_no_field_has():
    every = {choice for spec in LAYERS.values() for f in spec.fields for choice in f.choices}
    assert set(CHOICES) == every


def test_chinese_words_are_read_as_choices():
    rows = frame(
        [box(n, 0, n + 1, 1) for n in range(5)],
        code=list("abcde"),
        kind=["塔楼", "tower", " 板 楼 ", "高楼", None],
        management_kind=["散居楼栋", "物业管理", "self", "", "自管"],
    )
    spec = LAYERS["building"]
    (wrong,) = spec.check(rows)
    assert (wrong.shape, wrong.row, wrong.field) == ("F05.choice", 4, "kind")
    assert "高楼" in wrong.message("zh")
    assert "tower 塔楼" in wrong.message("zh")
    parsed = spec.parse(rows.drop(4))
    assert parsed["kind"].to_list()[:3] == ["tower", "tower", "slab"]
    assert pd.isna(parsed["kind"].iloc[3])
    assert parsed["management_kind"].to_list() == ["scattered", "property", "self", "self"]


def test_a_word_means_in_each_field_what_it_means_there():
    org = LAYERS["organisation"].parse(
        pd.DataFrame({"code": ["a"], "name": ["x"], "kind": ["网格党支部"]}, index=[1])
    )
    duty = LAYERS["duty"].parse(
        pd.DataFrame(
            {"holder_code": ["a"], "service": ["党支部"], "target_code": ["g"], "mode": ["联合"]},
            index=[1],
        )
    )
    assert org["kind"].to_list() == ["branch"]
    assert (duty["service"].iloc[0], duty["mode"].iloc[0]) == ("party_branch", "joint")
    camera = frame(
        [Point(0, 0)], code=["c"], state=["在用"], place_category=["交通枢纽"], hd=["是"]
    )
    parsed = LAYERS["camera"].parse(camera)
    assert (parsed["state"].iloc[0], parsed["place_category"].iloc[0]) == ("in_use", "hub")
    assert bool(parsed["hd"].iloc[0])
