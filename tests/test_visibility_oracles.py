"""Views and seen walls of four cities, against independent answers to the same questions.

CGAL (pyvispoly), one shadow a wall (shapely), every ray against every wall. Azimuths count from
the CRS's own north throughout. `test_visibility.py` has the small and hard cases.
"""

from __future__ import annotations

from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pytest
import shapely
from benchmarks.bench_visibility import cgal, per_wall, sector, standing
from synthetic_scene import cameras_at, open_spots, synthetic_scene
from toy_town import shared_data

from gridmap import crs
from gridmap.visibility import view_polygons, visible_walls
from gridmap.visibility.scene import scene_of

pytestmark = pytest.mark.slow

SEED = 20261124
CAMERAS = 3000  # all of them must have valid views; the oracles see a sample
FILES = {
    "tokyo_bunkyo": "buildings_4326.gpkg",
    "nyc_manhattan": "buildings.gpkg",
    "helsinki_osm": "buildings.geojson",
}
CGAL_SAMPLE, SHADOW_SAMPLE, RAY_SAMPLE = 200, 60, 130
RAYS = POINTS = 200  # a camera: 26,000 a city, 104,000 in all
ARC_M = 1e-5  # arcs that end between two corners of the lattice differ by 1e-7 of the area
LIMIT, MOST_M2 = 1e-6, 0.01
DEPTH_M = 1e-3
MARGIN_M = 1e-6  # nearer to the end of a stretch of wall both answers are right


class City(NamedTuple):
    """A city, its cameras where their views are taken from, and its walls.

    ``table``: x, y, axis, angle, range. ``walls`` (w, 4): the solid on the left; ``first``
    (n + 1): walls of each building.
    """

    name: str
    houses: gpd.GeoSeries
    cameras: gpd.GeoDataFrame
    table: np.ndarray
    tree: shapely.STRtree
    walls: np.ndarray
    first: np.ndarray


def real_city(name, rng):
    houses = gpd.read_file(shared_data(name) / FILES[name])
    houses = houses.to_crs(crs.metric_crs_of(houses)).geometry
    houses = houses[houses.is_valid]
    spots = open_spots(rng, houses, CAMERAS)
    if name == "helsinki_osm":
        real = gpd.read_file(shared_data(name) / "cameras.geojson").to_crs(houses.crs)
        spots[: len(real)] = shapely.get_coordinates(real.geometry)
    return cameras_at(rng, spots, houses, CAMERAS), houses


def walls_of(houses):
    """Return the walls of buildings, ring by ring, and where each building's begin."""
    parts, row = shapely.get_parts(houses.to_numpy(), return_index=True)
    rings, part = shapely.get_rings(shapely.orient_polygons(parts), return_index=True)
    # Courtyards keep the order of their corners: walls are numbered as they are given.
    given = shapely.get_rings(parts)
    turned = shapely.is_ccw(rings) != shapely.is_ccw(given)
    xy, ring = shapely.get_coordinates(given, return_index=True)
    walls = np.column_stack([xy[:-1], xy[1:]])[ring[1:] == ring[:-1]]
    ring = ring[:-1][ring[1:] == ring[:-1]]
    walls[turned[ring]] = walls[turned[ring]][:, [2, 3, 0, 1]]
    real = (walls[:, :2] != walls[:, 2:]).any(axis=1)
    owner = row[part[ring[real]]]
    return walls[real], np.searchsorted(owner, np.arange(len(houses) + 1))


@pytest.fixture(
    scope="module",
    params=["synthetic", *(pytest.param(name, marks=pytest.mark.real) for name in FILES)],
)
def city(request):
    rng = np.random.default_rng(SEED)
    cameras, houses = (
        synthetic_scene(12_000, CAMERAS, seed=SEED)
        if request.param == "synthetic"
        else real_city(request.param, rng)
    )
    table = standing(cameras, scene_of(houses)[0])
    frame = gpd.GeoDataFrame(
        {
            "azimuth_deg": 90 - np.degrees(table[:, 2]),
            "hfov_deg": np.degrees(table[:, 3]),
            "max_range_m": table[:, 4],
        },
        geometry=gpd.points_from_xy(table[:, 0], table[:, 1]),
        crs=houses.crs,
    )
    stays = (view_polygons(frame, houses, convergence=False)["status"] == "ok").to_numpy()
    assert stays.mean() > 0.99, "a few stand so narrowly that they are moved again"
    tree = shapely.STRtree(houses.to_numpy())
    return City(request.param, houses, frame[stays], table[stays], tree, *walls_of(houses))


def sample(city, n):
    """Return the same cameras at every call: their positions in the frame."""
    return np.random.default_rng(SEED).choice(len(city.table), n, replace=False)


def near(city, row):
    """Return the numbers of the buildings within the range of a camera."""
    return city.tree.query(shapely.Point(row[:2]), predicate="dwithin", distance=row[4])


def walls_near(city, row):
    """Return the numbers of the walls of all buildings within the range of a camera."""
    found = [np.arange(*city.first[[i, i + 1]]) for i in np.sort(near(city, row))]
    return np.concatenate([np.zeros(0, np.int64), *found])


def about(shapes, row):
    """Return shapes with the camera at the origin, where coordinates are finest."""
    return shapely.transform(shapes, lambda xy: xy - row[:2])


# --- the synthetic city -----------------------------------------------------------------------


def test_the_synthetic_city_is_dirty_and_always_the_same():
    cameras, houses = synthetic_scene(6000, 500, seed=1)
    again = synthetic_scene(6000, 500, seed=1)
    assert (len(houses), len(cameras)) == (6000, 500)
    assert cameras.equals(again[0])
    assert houses.equals(again[1])
    assert houses.is_valid.all()
    shapes = houses.to_numpy()
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    one, other = one[one < other], other[one < other]
    shared = shapely.area(shapely.intersection(shapes[one], shapes[other]))
    assert (shared < 1e-6).sum() > 300
    assert (shared > 1).sum() > 100
    assert shapely.get_num_interior_rings(shapes).sum() > 20
    assert {5, 7, 9} <= set(shapely.get_num_coordinates(shapes))
    assert cameras.geometry.duplicated().sum() > 100


# --- polygons ---------------------------------------------------------------------------------


def test_views_are_valid(city):
    for tolerance in (0.01, 1e-3):
        views = view_polygons(
            city.cameras, city.houses, convergence=False, arc_tolerance_m=tolerance
        )
        assert views.is_valid.all()
        assert not views.is_empty.any()


@pytest.mark.parametrize(
    ("oracle", "n"), [(cgal, CGAL_SAMPLE), (per_wall, SHADOW_SAMPLE)], ids=["cgal", "shadows"]
)
def test_views_against(city, oracle, n):
    chosen = sample(city, n)
    frame = city.cameras.iloc[chosen]
    views = view_polygons(frame, city.houses, convergence=False, arc_tolerance_m=ARC_M)
    polygons = city.houses.to_numpy()
    wrong = np.empty(n)
    for i, (row, view) in enumerate(zip(city.table[chosen], views.geometry, strict=True)):
        free, shapes = sector(*row[2:], ARC_M), about(polygons[near(city, row)], row)
        if oracle is per_wall:  # what lies beside the sector costs it much and hides nothing
            shapes = shapes[shapely.intersects(shapes, free)]
        other = oracle(free, shapes, row[4])
        wrong[i] = shapely.symmetric_difference(about(view, row), other).area
    total = views["area_m2"].sum()
    print(
        f"{city.name}: {wrong.sum() / total:.1e} of {total:,.0f} m2, at most {wrong.max():.1e} m2"
    )
    assert views.is_valid.all()
    assert wrong.sum() <= LIMIT * total
    assert wrong.max() <= MOST_M2


# --- rays -------------------------------------------------------------------------------------


def crossings(origin, directions, walls):
    """Return how far along each ray each wall is met, infinite where it is not."""
    dx, dy = directions[:, :1], directions[:, 1:]
    qx, qy = (walls[:, :2] - origin).T
    ex, ey = (walls[:, 2:] - walls[:, :2]).T
    leaving = dx * ey - dy * ex
    with np.errstate(divide="ignore", invalid="ignore"):
        along, depth = (qx * dy - qy * dx) / leaving, (qx * ey - qy * ex) / leaving
    return np.where((along >= 0) & (along <= 1) & (depth > 0), depth, np.inf)


def test_views_against_rays(city):
    rng, chosen = np.random.default_rng(SEED), sample(city, RAY_SAMPLE)
    views = view_polygons(
        city.cameras.iloc[chosen], city.houses, convergence=False, arc_tolerance_m=1e-4
    )
    cast = wrong = 0
    for row, view in zip(city.table[chosen], views.geometry, strict=True):
        turns = row[2] + rng.uniform(-0.5, 0.5, RAYS) * row[3]
        rays = np.column_stack([np.cos(turns), np.sin(turns)])
        walls = city.walls[walls_near(city, row)]
        depth = crossings(row[:2], rays, walls).min(axis=1, initial=row[4])[:, None]
        shapely.prepare(view)
        before, behind = (row[:2] + rays * (depth + gap) for gap in (-DEPTH_M, DEPTH_M))
        wrong += (~shapely.contains_xy(view, before)).sum()
        wrong += shapely.contains_xy(view, behind).sum()
        cast += RAYS
    print(f"{city.name}: {cast:,} rays, {wrong} end elsewhere")
    assert cast >= 26_000
    assert wrong == 0


# --- walls ------------------------------------------------------------------------------------


def places(walls, share):
    """Return the positions so far along walls."""
    return walls[:, :2] + (walls[:, 2:] - walls[:, :2]) * share[:, None]


def is_seen(row, walls, number, at):
    """Tell for positions on walls of a camera whether it sees them, by a ray to each.

    ``number``: which of the walls about the camera a position is on.
    """
    away = at - row[:2]
    reach = np.hypot(*away.T)
    own = walls[number]
    (ax, ay), (bx, by) = (own[:, :2] - row[:2]).T, (own[:, 2:] - row[:2]).T
    facing = ax * by - ay * bx < 0
    turn = np.arctan2(away[:, 1], away[:, 0]) - row[2]
    turn = np.abs((turn + np.pi) % (2 * np.pi) - np.pi)
    depth = crossings(row[:2], away / reach[:, None], walls)
    depth[np.arange(len(at)), number] = np.inf
    clear = depth.min(axis=1) > reach - MARGIN_M
    return facing & clear & (reach <= row[4]) & (turn <= row[3] / 2)


def is_told(stretches, at):
    """Tell whether positions lie on one of the stretches (n, 4)."""
    if not len(stretches):
        return np.zeros(len(at), bool)
    start, way = stretches[:, :2], stretches[:, 2:] - stretches[:, :2]
    off = at[:, None] - start
    share = (off * way).sum(axis=2) / np.maximum((way * way).sum(axis=1), 1e-18)
    gap = off - way * np.clip(share, 0, 1)[:, :, None]
    return np.hypot(gap[:, :, 0], gap[:, :, 1]).min(axis=1) <= MARGIN_M / 10


def told_stretches(city, chosen):
    """Return the stretches each camera sees, as wall numbers and shares, by its index."""
    found = visible_walls(city.cameras.iloc[chosen], city.houses, convergence=False)
    row = city.houses.index.get_indexer(found["obstacle"])
    found = found.assign(number=city.first[row] + found["wall"])
    ends = city.walls[found["number"]]
    length = np.hypot(*(ends[:, 2:] - ends[:, :2]).T)
    assert np.allclose(length, found["wall_m"], rtol=1e-9)
    return dict(list(found.groupby("camera")))


def probes(rng, city, row, told):
    """Return numbers of walls and shares: half anywhere in range, half where a wall is seen.

    Tokyo has walls of some nanometres, which are nothing but ends.
    """
    about_it = walls_near(city, row)
    ends = city.walls[about_it]
    about_it = about_it[np.hypot(*(ends[:, 2:] - ends[:, :2]).T) > 2 * MARGIN_M]
    told = told[(told["end"] - told["start"]) * told["wall_m"] > 2 * MARGIN_M]
    number, share = rng.choice(about_it, POINTS // 2), rng.random(POINTS // 2)
    pick = rng.integers(0, len(told), POINTS // 2)
    start, end = (told[name].to_numpy()[pick] for name in ("start", "end"))
    on_told = start + rng.random(POINTS // 2) * (end - start)
    return (
        np.concatenate([number, told["number"].to_numpy()[pick]]),
        np.concatenate([share, on_told]),
    )


def test_seen_walls_against_rays(city):
    rng, chosen = np.random.default_rng(SEED), sample(city, 2 * RAY_SAMPLE)
    found = told_stretches(city, chosen)
    tried = wrong = at_ends = 0
    for camera in [name for name in city.cameras.index[chosen] if name in found][:RAY_SAMPLE]:
        row, told = city.table[city.cameras.index.get_loc(camera)], found[camera]
        number, share = probes(rng, city, row, told)
        about_it = walls_near(city, row)
        local, walls = np.searchsorted(about_it, number), city.walls[about_it]
        own = city.walls[number]
        spans = city.walls[told["number"]]
        stretches = np.hstack([places(spans, told[end].to_numpy()) for end in ("start", "end")])
        seen = is_seen(row, walls, local, places(own, share))
        doubt = np.flatnonzero(seen != is_told(stretches, places(own, share)))
        step = MARGIN_M / np.hypot(*(own[doubt, 2:] - own[doubt, :2]).T)
        beside = [
            is_seen(row, walls, local[doubt], places(own[doubt], share[doubt] + side * step))
            for side in (-1, 1)
        ]
        at_end = beside[0] != beside[1]
        at_ends += at_end.sum()
        wrong += len(doubt) - at_end.sum()
        tried += POINTS
    print(f"{city.name}: {tried:,} positions on walls, {wrong} wrong, {at_ends} at ends")
    assert tried >= 26_000
    assert at_ends <= 5
    assert wrong == 0
