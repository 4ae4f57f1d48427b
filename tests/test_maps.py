import json
import re

import folium
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely import LineString, MultiPolygon, Point, Polygon, box
from toy_town import frame

from gridmap import maps
from gridmap.model import Level

EVIL = "</script><img src=x onerror=alert(1)>${alert(1)}`\"'甲"


def units(names=("甲", "乙")):
    shapes = [box(106.5, 29.5, 106.6, 29.6), box(106.6, 29.5, 106.7, 29.6)]
    codes = ["990101001", "990101002"]
    street = frame(shapes, crs=4490, index=codes, name=list(names))
    whole = frame([box(106.5, 29.5, 106.7, 29.6)], crs=4490, index=["990101"], name=[names[0]])
    return {Level.DISTRICT: whole, Level.STREET: street}


RATES = pd.DataFrame(
    {"measure": "party_group.buildings", "covered": [3.0, 1.0], "total": [7.0, 2.0]},
    index=["990101", "990101001"],
)


def parts(**options):
    options = {"dates": {}, "language": "zh", "synthetic": True, **options}
    return maps.district_map(options.pop("units", units()), RATES, **options)


def test_the_map_loads_nothing_from_anywhere():
    composed = parts()
    for inline in (True, False):
        text = maps.page(composed, nonce=None if inline else "n", inline=inline)
        assert not re.search(r'<(script|link|img|iframe)[^>]+(src|href)="?(https?:)?//', text)
        if not inline:
            assert "://" not in text
    assert folium.Map.default_js, "Folium's own map is left as it was"


def test_rates_travel_as_numerator_and_denominator():
    config = parts().config
    rates = dict(
        zip(
            (lens["measure"] for lens in config["lenses"]), config["district"]["rates"], strict=True
        )
    )
    assert rates.pop("party_group.buildings") == [3, 7]
    assert set(rates.values()) == {0}, "of the others nothing is known"
    assert json.loads(json.dumps(config))["bounds"] == [106.5, 29.5, 106.7, 29.6]


def test_synthetic_data_says_so_in_both_languages():
    assert "合成数据" in maps.page(parts())
    assert "Synthetic data" in maps.page(parts(language="en"))
    assert "合成数据：" not in maps.page(parts(synthetic=False)).split("<script")[0]


def test_hostile_names_stay_text():
    text = maps.page(parts(units=units((EVIL, EVIL))), nonce="n")
    assert "<img src=x" not in text
    assert text.count("</script>") == text.count("<script")


def test_names_are_no_templates_of_the_server():
    """Folium renders what it rendered once more: what a name has between braces would run."""
    for name in ("{{ 6 * 7 }}", "{% raw %}", "{# gone #}", "${x}"):
        script = parts(units=units((name, name))).script
        packed = re.search(r"gridmap\.units\(JSON\.parse\((.*?)\)\);", script)[1]
        assert json.loads(json.loads(packed))["columns"]["name"] == [name, name]


def test_levels_that_are_missing_are_left_out():
    assert "社区" not in parts().script.replace("\\u", "")
    assert parts().script.count("gridmap.units(") == 1


def test_simplified_borders_still_fit():
    rng = np.random.default_rng(1)
    middle = [(106.6 + rng.normal(0, 2e-7), 29.5 + i * 0.0005) for i in range(201)]
    left = Polygon([(106.5, 29.5), *middle, (106.5, 29.6)])
    right = Polygon([(106.7, 29.5), *middle, (106.7, 29.6)])
    thin = maps.simplified(np.array([left, right]))
    assert shapely.get_num_coordinates(thin).sum() < 60
    assert shapely.coverage_is_valid(thin)


def test_packed_shapes_unpack_to_what_they_were():
    hole = [(106.55, 29.51), (106.56, 29.51), (106.56, 29.52)]
    ring = Polygon([(106.5, 29.5), (106.6, 29.5), (106.6, 29.6)], [hole])
    rows = gpd.GeoDataFrame(
        {"name": ["a", None], "area": [1.26, np.nan]},
        geometry=[MultiPolygon([ring]), None],
        index=["x", "y"],
        crs=4490,
    )
    packed = maps.pack(rows, ("name", "area"), kind="Polygon")
    assert packed["columns"] == {"code": ["x"], "name": ["a"], "area": [1.3]}
    outer = np.cumsum(np.array(packed["shapes"][0][0][0]).reshape(-1, 2), axis=0)
    np.testing.assert_allclose(outer / packed["scale"], ring.exterior.coords, atol=1e-6)
    assert len(packed["shapes"][0][0]) == 2


@pytest.mark.parametrize("shape", [Point(1, 2), LineString([(0, 0), (1, 1)])])
def test_points_and_lines_pack_too(shape):
    rows = gpd.GeoDataFrame({"a": [1]}, geometry=[shape], index=["x"], crs=4490)
    packed = maps.pack(rows, (), kind=shape.geom_type)
    assert packed["shapes"][0][0][0][:2] == [int(c * 1e6) for c in shape.coords[0]]


def test_nothing_in_nothing_out():
    rows = gpd.GeoDataFrame({"a": []}, geometry=[], crs=4490)
    assert maps.feature_collection(rows, ("a",), truncated=False)["features"] == []
    assert maps.pack(rows, ("a",), kind="Point")["shapes"] == []


def test_numbers_and_nulls_are_json():
    rows = gpd.GeoDataFrame(
        {"n": pd.array([1, None], dtype="Int64"), "s": ["甲", None]},
        geometry=[Point(1.23456789, 2), Point(1, 2)],
        index=["x", "y"],
        crs=4490,
    )
    data = maps.feature_collection(rows, ("n", "s"), truncated=False)
    first, second = (f["properties"] for f in json.loads(json.dumps(data))["features"])
    assert first == {"code": "x", "n": 1, "s": "甲"}
    assert second == {"code": "y", "n": None, "s": None}
    assert data["features"][0]["geometry"]["coordinates"][0] == 1.234568


def test_what_is_said_of_buildings_is_packed_once():
    columns = ("status", "reason", "missing", "holder_code")
    rows = [
        ("own", None, None, "P"),
        ("uncovered", "no_link", "a b", None),
        ("own", None, None, "Q"),
    ]
    told = pd.DataFrame(rows, columns=columns, index=["x", "y", "z"])
    packed = maps.packed_answers(["z", "w", "y", "x"], {"l": told}, {"P": "甲"}, {"l": {"a": "一"}})
    assert packed == {
        "holders": [[None, None], ["Q", None], ["P", "甲"]],
        "lenses": {
            "l": {
                "parts": {"a": "一"},
                "told": [[None] * 3, ["own", None, None], ["uncovered", "no_link", "a b"]],
                "of": [1, 0, 2, 1],
                "by": [1, 0, 0, 2],
            }
        },
    }
    assert maps.packed_answers([], {}, {}, {}) == {"holders": [[None, None]], "lenses": {}}
