import datetime as dt
import re

import geopandas as gpd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gridmap.charts import Area, Drawing, area_drawing, placed_names, share_line
from gridmap.errors import FrameError

WIDE, HIGH = 400, 300


def squares(side=0.01, number=4, lon=106.5, lat=29.5):
    """Squares beside each other, so many degrees wide and high."""
    boxes = [
        shapely.box(lon + i * side, lat, lon + (i + 1) * side, lat + side) for i in range(number)
    ]
    return gpd.GeoSeries(boxes, [f"u{i}" for i in range(number)], crs="EPSG:4490")


def corners(path):
    return [tuple(map(int, pair)) for pair in re.findall(r"(-?\d+),(-?\d+)", path)]


def test_a_degree_of_longitude_is_as_wide_as_it_is_on_the_ground():
    drawn = area_drawing(squares(number=1, lat=59.995), width=WIDE, height=HIGH)
    # At 60 degrees a degree of longitude is half as long as one of latitude.
    assert (drawn.width, drawn.height) == (150, 300)


def test_north_is_up_and_neighbours_share_their_border():
    drawn = area_drawing(squares(), width=WIDE, height=HIGH)
    first, second = (corners(one.path) for one in drawn.areas[:2])
    assert max(x for x, _ in first) == min(x for x, _ in second) == 100
    inner = squares().iloc[0].buffer(-0.004)  # the middle of what is higher than wide may move up
    assert inner.distance(shapely.Point(drawn.areas[0].longitude, drawn.areas[0].latitude)) < 1e-3
    above = squares().translate(yoff=0.01).set_axis(["a", "b", "c", "d"])
    both = area_drawing(gpd.GeoSeries([*squares(), *above]), width=WIDE, height=HIGH)
    assert both.areas[4].y < both.areas[0].y


def test_a_hole_and_an_island_are_drawn_and_specks_are_not():
    ring = shapely.box(0, 0, 1, 1).difference(shapely.box(0.4, 0.4, 0.6, 0.6))
    speck = shapely.box(1.5, 0.5, 1.5001, 0.5001)
    shape = shapely.MultiPolygon([*shapely.get_parts(ring), shapely.box(2, 0, 3, 1), speck])
    drawn = area_drawing(gpd.GeoSeries([shape], ["a"]), width=WIDE, height=HIGH)
    assert drawn.areas[0].path.count("M") == drawn.areas[0].path.count("Z") == 3


def test_the_way_to_the_map_shows_the_whole_unit():
    drawn = area_drawing(squares(number=1), width=WIDE, height=HIGH)
    zoom = drawn.areas[0].zoom
    across = 1000 * 360 / 256 / 2**zoom, 1000 * 360 / 256 / 2 ** (zoom + 0.25)
    down = 0.01 / 0.8704 * 1000 / 700  # of latitude, in degrees of longitude of a wide screen
    assert across[0] >= max(down, 0.01) > across[1]
    tiny = area_drawing(squares(side=1e-5, number=1), width=WIDE, height=HIGH)
    assert tiny.areas[0].zoom == 17


def test_nothing_is_drawn_of_nothing_and_metres_are_refused():
    empty = gpd.GeoSeries([None, shapely.Polygon()], ["a", "b"], crs="EPSG:4490")
    assert area_drawing(empty, width=WIDE, height=HIGH) == Drawing(WIDE, HIGH, ())
    with pytest.raises(FrameError):
        area_drawing(gpd.GeoSeries([shapely.box(364000, 0, 364010, 9)]), width=9, height=9)


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 200), st.integers(1, 50)), max_size=15)
)
def test_no_name_stands_on_another_or_outside(places):
    areas = tuple(Area(f"{i}", "", x, y, r, 0, 0, 9) for i, (x, y, r) in enumerate(places))
    names = {one.code: (f"{one.code} 南坪街道", one.code) for one in areas}
    found = placed_names(Drawing(300, 200, areas), names, size=10)
    boxes = []
    for one in areas:
        if one.code in found:
            name = found[one.code]
            assert name in names[one.code]
            half = sum(10 if ord(c) > 255 else 6 for c in name) / 2
            boxes.append(shapely.box(one.x - half, one.y - 5, one.x + half, one.y + 5))
            assert boxes[-1].bounds[0] >= 0
            assert boxes[-1].bounds[2] <= 300
    for i, box in enumerate(boxes):
        assert all(box.intersection(other).area < 1e-6 for other in boxes[:i])
    if areas and any(20 <= one.x <= 280 for one in areas):
        assert found, "a picture with room has a name"


@given(st.lists(st.tuples(st.integers(0, 4000), st.floats(0, 1)), max_size=12))
def test_a_line_stays_in_its_picture_and_between_its_ticks(rows):
    rows = sorted(dict(rows).items())
    days = [dt.date(2020, 1, 1) + dt.timedelta(days=day) for day, _ in rows]
    shares = [share for _, share in rows]
    line = share_line(days, shares, width=300, height=66)
    assert len(line.points) == len(rows)
    assert all(0 <= x <= 300 and 0 <= y <= 66 for x, y in line.points)
    assert [x for x, _ in line.points] == sorted(x for x, _ in line.points)
    if not rows:
        assert line.ticks == ()
        return
    low, _, high = (share for _, share in line.ticks)
    assert low <= min(shares) + 1e-9
    assert high >= max(shares) - 1e-9
    assert 0 <= low < high <= 1
    for (_, y), share in zip(line.points, shares, strict=True):
        assert y == pytest.approx(66 * (high - share) / (high - low), abs=0.06)


def test_one_day_is_a_point_and_no_line():
    line = share_line([dt.date(2026, 6, 1)], [1.0], width=300, height=60)
    assert line.points == ((300.0, 0.0),)
    assert line.path == ""
    with pytest.raises(FrameError):
        share_line([dt.date(2026, 6, 1)], [1.2], width=300, height=60)
