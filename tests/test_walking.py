"""Distances on foot: by hand, against a plain search, and their properties."""

import heapq
import itertools

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, Point

from gridmap.errors import CrsError, FrameError
from gridmap.walking import OFF_ROAD_M, walking_distances

METRIC = "EPSG:4545"


def points(*xy, names=None):
    index = list(names) if names else [f"p{n}" for n in range(len(xy))]
    return gpd.GeoSeries([Point(*one) for one in xy], index=index, crs=METRIC)


def lines(*coordinates):
    return gpd.GeoSeries([LineString(one) for one in coordinates], crs=METRIC)


def asked(origins, places, roads):
    found = walking_distances(origins, places, roads)
    return [
        (None if np.isnan(far) else round(far, 3), place)
        for far, place in found.itertuples(index=False)
    ]


CROSS = lines([(0, 0), (200, 0)], [(100, -100), (100, 100)])


@pytest.mark.parametrize(
    ("origin", "place", "expected"),
    [
        ((10, 5), (190, 0), 185),  # 5 to the road, 180 along it
        ((10, 0), (100, 80), 170),  # 90 to the crossing, 80 up
        ((10, 5), (20, -5), 20),  # one piece of road: 5 + 10 + 5, and no way by its ends
        ((10, 0), (10, 0), 0),
        ((10, 40), (20, 40), 10),  # nearer than either is to the road
        ((10, 40), (10, -40), 80),  # across it
        ((-30, 40), (100, -100), 250),  # 50 to the end of the road, 100 along, 100 down
    ],
)
def test_ways_worked_by_hand(origin, place, expected):
    assert asked(points(origin), points(place, names="x"), CROSS) == [(expected, "x")]


def test_the_nearest_by_road_is_not_the_nearest_by_air():
    roads = lines([(0, 0), (300, 0)], [(0, 20), (300, 20)], [(300, 0), (300, 20)])
    found = asked(points((0, 0)), points((0, 20), (100, 0), names="ab"), roads)
    assert found == [(100, "b")]


def test_of_equally_near_places_the_lowest_code():
    assert asked(points((100, 0)), points((150, 0), (50, 0), names="ba"), CROSS) == [(50, "a")]


def test_what_cannot_be_reached_says_so():
    apart = lines([(0, 0), (100, 0)], [(0, 900), (100, 900)])
    found = asked(points((10, 0), (10, 901), (50, 450)), points((90, 0), names="x"), apart)
    assert found == [(80, "x"), (None, None), (None, None)]
    beyond = points((0, OFF_ROAD_M + 1), names="o")
    assert asked(beyond, points((90, 0), names="x"), lines([(0, 0), (100, 0)])) == [(None, None)]


@pytest.mark.parametrize("gap", [-0.3, -0.001, 0.0, 0.0004, 0.02, 0.9])
def test_a_road_that_nearly_meets_another_joins_it(gap):
    roads = lines([(0, 0), (200, 0)], [(100, gap), (100, 100)])
    ((far, place),) = asked(points((10, 0)), points((100, 80), names="x"), roads)
    assert (far, place) == (pytest.approx(170, abs=0.05), "x")


def test_roads_that_end_further_apart_do_not():
    roads = lines([(0, 0), (200, 0)], [(100, 1.1), (100, 100)])
    assert asked(points((10, 0)), points((100, 80), names="x"), roads) == [(None, None)]


def test_empty_in_empty_out():
    none = points()
    assert asked(points((0, 0)), none, CROSS) == [(None, None)]
    assert asked(points((0, 0)), points((1, 1)), lines()) == [(None, None)]
    assert asked(none, points((1, 1)), CROSS) == []


def test_frames_must_fit():
    with pytest.raises(CrsError):
        walking_distances(points((0, 0)).set_crs(4490, allow_override=True), points((0, 0)), CROSS)
    with pytest.raises(FrameError, match="different coordinate"):
        walking_distances(points((0, 0)), points((0, 0)), CROSS.set_crs(4546, allow_override=True))
    with pytest.raises(FrameError, match="duplicate"):
        walking_distances(points((0, 0), (1, 1), names="aa"), points((0, 0)), CROSS)


# --- a grid of streets, against a plain search over its corners

STEP, SIDE = 50, 5
CORNER = st.tuples(st.integers(0, SIDE), st.integers(0, SIDE))


def every_edge():
    for x, y in itertools.product(range(SIDE + 1), repeat=2):
        if x < SIDE:
            yield (x, y), (x + 1, y)
        if y < SIDE:
            yield (x, y), (x, y + 1)


EDGES = list(every_edge())


def plain(origin, places, edges):
    near = {}
    for one, other in edges:
        near.setdefault(one, []).append(other)
        near.setdefault(other, []).append(one)
    queue, done = [(0, origin)], {}
    while queue:
        far, here = heapq.heappop(queue)
        if here in done:
            continue
        done[here] = far
        for other in near.get(here, []):
            heapq.heappush(queue, (far + STEP, other))
    reached = [done[place] for place in places if place in done]
    return min(reached) if reached and origin in near else None


@settings(max_examples=120, deadline=None)
@given(st.sets(st.sampled_from(EDGES), min_size=1), CORNER, st.sets(CORNER, min_size=1, max_size=4))
def test_against_a_plain_search_on_a_grid_of_streets(edges, origin, places):
    used = {corner for edge in edges for corner in edge}
    if origin not in used or not places <= used:
        return
    scale = lambda corner: tuple(STEP * one for one in corner)  # noqa: E731
    roads = lines(*([scale(one), scale(other)] for one, other in sorted(edges)))
    found = asked(points(scale(origin)), points(*map(scale, sorted(places))), roads)
    assert found[0][0] == plain(origin, places, edges)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 250), st.floats(0, 250)), min_size=2, max_size=6),
    st.tuples(st.floats(0, 250), st.floats(0, 250)),
)
def test_no_way_is_shorter_than_the_air_and_more_places_are_never_further(places, origin):
    roads = lines(*([[STEP * c for c in one], [STEP * c for c in other]] for one, other in EDGES))
    far = walking_distances(points(origin), points(*places), roads)["distance_m"].iloc[0]
    air = min(Point(origin).distance(Point(place)) for place in places)
    assert far >= air - 1e-6
    fewer = walking_distances(points(origin), points(*places[:-1]), roads)["distance_m"].iloc[0]
    assert far <= fewer + 1e-6
    back = walking_distances(points(places[0]), points(origin), roads)["distance_m"].iloc[0]
    there = walking_distances(points(origin), points(places[0]), roads)["distance_m"].iloc[0]
    assert there == pytest.approx(back, abs=1e-6)
