"""The colours of the maps tell their classes apart, for whoever looks at them."""

from __future__ import annotations

import re
from itertools import combinations, pairwise

import pytest
from colour_sight import SIGHTS, contrast, difference, lab, luminance, seen

from gridmap.maps import CHANGE_COLOURS, LENSES, WEB

PALETTES = sorted({lens.colours for lens in LENSES})
NO_DATA = "#c9ced6"


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_difference_is_the_published_one(one, other, apart):
    assert difference(one, other) == pytest.approx(apart, abs=1e-4)
    assert difference(other, one) == pytest.approx(apart, abs=1e-4)


def test_red_and_green_are_alike_to_whoever_lacks_one():
    green, red = "#1b7837", "#b2182b"
    apart = {sight: difference(lab(seen(green, sight)), lab(seen(red, sight))) for sight in SIGHTS}
    assert apart["all"] > 60
    assert apart["deuteranopia"] < 6


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("palette", PALETTES)
def test_classes_follow_each_other_in_lightness(palette, sight):
    lights = [seen(colour, sight) for colour in palette]
    assert len(palette) <= 5
    assert [luminance(light) for light in lights] == sorted(map(luminance, lights)), "dark first"
    for one, other in pairwise(lights):
        assert contrast(one, other) >= 1.25
        assert difference(lab(one), lab(other)) >= 9
    for light in lights:
        assert difference(lab(light), lab(seen(NO_DATA, sight))) >= 6


@pytest.mark.parametrize("sight", SIGHTS)
def test_changes_and_buildings_are_told_apart(sight):
    script = (WEB / "static" / "map" / "details.js").read_text("utf-8")
    table = re.search(r"const BUILDINGS = \{(.*?)\n  \};", script, re.DOTALL)[1]
    buildings = dict(
        re.findall(r'^ +(\w+): \{.*?fillColor: (?:gridmapHatch\()?"(#\w{6})"', table, re.M)
    )
    assert {"own", "joint", "neighbour", "uncovered"} <= buildings.keys()
    buildings |= {"none": NO_DATA}
    buildings.pop("plain")  # where buildings have no answer at all
    for colours in (CHANGE_COLOURS, buildings):
        for one, other in combinations(colours.values(), 2):
            assert difference(lab(seen(one, sight)), lab(seen(other, sight))) >= 10
