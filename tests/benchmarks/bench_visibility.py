"""How much faster the view kernel is than its peers, in one run on two cities.

    python tests/benchmarks/bench_visibility.py [CAMERAS]

13,244 cameras among 60,000 synthetic buildings (``tests/synthetic_scene.py``) and among the real
ones of Bunkyo, Tokyo. The peers see a sample of the cameras; their totals are what all would
take. Prints one Markdown table; times per camera and ratios are of CPU time, since other programs
slow the clock's. Areas that differ by more than the chords of the arcs explain end the run with an
error.
"""

from __future__ import annotations

import math
import os
import platform
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyvispoly
import shapely

sys.path.append(str(Path(__file__).resolve().parents[1]))

from synthetic_scene import BUILDINGS, CAMERAS, SEED, cameras_at, open_spots, synthetic_scene

from gridmap import crs, visibility
from gridmap.visibility.kernel import scan
from gridmap.visibility.placement import stand_all
from gridmap.visibility.scene import scene_of

SHARED = Path(
    os.environ.get("GRIDMAP_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data"
)
ARC_M = 0.01
AGREE = 5e-4  # chords cost 0.012 % of the area; exactness is for the tests
SMALL, LARGE = 40_000, 100_000
BLOCK_M = 500.0
RUNS = 15  # of the kernel: the shortest is one that no other program disturbed
SAMPLES = {"synthetic": 400, "Bunkyo": 120}


def best(runs, work):
    """Return the shortest of several runs, in seconds by the clock and of CPU, and the result."""
    times = []
    for _ in range(runs):
        start = time.perf_counter(), time.process_time()
        result = work()
        times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return np.min(times, axis=0), result


def ward():
    """Return the real buildings in their metric frame."""
    folder = SHARED / "tokyo_bunkyo"
    if not folder.is_dir():
        sys.exit(f"no real data at {folder}; set GRIDMAP_SHARED_DATA")
    houses = gpd.read_file(folder / "buildings_4326.gpkg")
    houses = houses.to_crs(crs.metric_crs_of(houses)).geometry
    return houses[houses.is_valid]


def table_of(cameras):
    """Return the cameras as the kernel reads them: x, y, axis, angle, range."""
    return np.column_stack(
        [
            cameras.geometry.x,
            cameras.geometry.y,
            np.radians(90 - cameras["azimuth_deg"]),
            np.radians(cameras["hfov_deg"]),
            cameras["max_range_m"],
        ]
    )


def standing(cameras, scene):
    """Return the table of the cameras that can see, each where its view is taken from."""
    table = table_of(cameras)
    table[:, :2], _, found = stand_all(scene, table)
    return table[found]


# --- this code --------------------------------------------------------------------------------


def chunks(table, n):
    """Return a table of cameras in n pieces, neighbours together, as the product does it."""
    order = np.lexsort((table[:, 0] // BLOCK_M, table[:, 1] // BLOCK_M))
    return [table[rows] for rows in np.array_split(order, n)]


def on_one_thread(scene, table):
    """Run the bare kernel."""
    return [scan(scene, chunk, ARC_M) for chunk in chunks(table, 1)]


def on_two_threads(scene, table):
    """Run the bare kernel over chunks of neighbouring cameras."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda chunk: scan(scene, chunk, ARC_M), chunks(table, 12)))


# --- the peers: views of a camera at the origin, of the free sector and the buildings near it --


def sector(axis, angle, reach, arc_m=ARC_M):
    """Return the sector of a camera at the origin, with the kernel's chords."""
    step = math.pi / 2 / math.ceil(math.pi / math.acos(1 - min(arc_m / reach, 0.01)) / 4)
    low, high = axis - angle / 2, axis + angle / 2
    turns = np.arange(math.ceil(low / step + 1e-6), math.floor(high / step - 1e-6) + 1) * step
    if angle < 2 * math.pi:
        turns = np.concatenate([[low], turns, [high]])
    arc = np.column_stack([np.cos(turns), np.sin(turns)]) * reach
    return shapely.Polygon(arc if angle >= 2 * math.pi else np.vstack([[0, 0], arc]))


def surroundings(row, polygons, tree):
    """Return the free sector of a camera and the buildings that meet it, the camera at 0, 0."""
    free = sector(*row[2:])
    ground = shapely.transform(free, lambda xy: xy + row[:2])
    near = polygons[tree.query(ground, predicate="intersects")]
    return free, shapely.transform(near, lambda xy: xy - row[:2])


def shadows(walls, reach):
    """Return the ground behind walls (n, 4), beyond the range."""
    a, b = walls[:, :2], walls[:, 2:]
    low = np.arctan2(a[:, 1], a[:, 0])
    turn = np.arctan2(b[:, 1], b[:, 0]) - low
    turn = (turn + np.pi) % (2 * np.pi) - np.pi
    turns = low[:, None] + turn[:, None] * np.linspace(0, 1, 5)
    far = 3 * np.maximum(reach, np.maximum(np.hypot(*a.T), np.hypot(*b.T)))[:, None]
    arc = np.stack([np.cos(turns) * far, np.sin(turns) * far], axis=2)
    return shapely.polygons(np.concatenate([a[:, None], arc, b[:, None]], axis=1))


def walls_about(polygons):
    """Return the walls (n, 4) of polygons, and twice their triangles with the origin."""
    rings = shapely.get_rings(shapely.get_parts(polygons))
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    walls = np.column_stack([xy[:-1], xy[1:]])[ring[1:] == ring[:-1]]
    return walls, walls[:, 0] * walls[:, 3] - walls[:, 1] * walls[:, 2]


def vectorised(free, near, reach):
    """The facing walls' shadows in one call, one union, one difference."""
    walls, cross = walls_about(shapely.orient_polygons(near))
    dark = shadows(walls[cross < -1e-9], reach)
    return shapely.difference(free, shapely.union_all(dark[shapely.intersects(free, dark)]))


def shadow(ax, ay, bx, by, reach):
    """Return the ground behind one wall; numpy would take three times as long for so little."""
    low = math.atan2(ay, ax)
    turn = (math.atan2(by, bx) - low + math.pi) % (2 * math.pi) - math.pi
    far = 3 * max(reach, math.hypot(ax, ay), math.hypot(bx, by))
    turns = [low + turn * share / 4 for share in range(5)]
    arc = [(math.cos(angle) * far, math.sin(angle) * far) for angle in turns]
    return shapely.Polygon([(ax, ay), *arc, (bx, by)])


def per_wall(free, near, reach):
    """As a script would: one shadow a wall, the buildings, union, difference."""
    walls, cross = walls_about(near)
    dark = [shadow(*wall, reach) for wall in walls[np.abs(cross) > 1e-9].tolist()]
    return shapely.difference(free, shapely.union_all([*dark, *near]))


def cgal(free, near, reach):
    """CGAL's exact full circle in a box beyond the range, cut to the sector."""
    room = shapely.box(*(1.5 * reach * np.array([-1, -1, 1, 1])))
    parts = shapely.get_parts(shapely.difference(room, shapely.union_all(near)))
    part = shapely.orient_polygons(parts[shapely.intersects_xy(parts, 0.0, 0.0)][0])
    shell, *holes = (
        [pyvispoly.Point(x, y) for x, y in ring.coords[:-1]]
        for ring in (part.exterior, *part.interiors)
    )
    ground = pyvispoly.VisibilityPolygonCalculator(pyvispoly.PolygonWithHoles(shell, holes))
    view = ground.compute_visibility_polygon(pyvispoly.Point(0.0, 0.0))
    corners = [(float(point.x()), float(point.y())) for point in view.boundary()]
    return shapely.intersection(free, shapely.Polygon(corners))


# --- the table --------------------------------------------------------------------------------


def peer_seconds(peer, polygons, table, areas, size):
    """Return the times of a peer for all cameras, by a sample whose areas are compared."""
    tree = shapely.STRtree(polygons)
    rows = np.random.default_rng(1).choice(len(table), min(size, len(table)), replace=False)

    def look(row):
        return peer(*surroundings(row, polygons, tree), row[4]).area

    seconds, seen = best(1, lambda: [look(row) for row in table[rows]])
    wrong = abs(sum(seen) - areas[rows].sum()) / areas[rows].sum()
    if wrong > AGREE:
        sys.exit(f"{peer.__name__} differs by {wrong:.1e} of the area")
    return seconds * len(table) / len(rows)


def city_rows(city, cameras, houses):
    """Return what was measured in a city: name, cameras, times for all of them."""
    grid, (scene, _) = best(3, lambda: scene_of(houses))
    table = np.concatenate(chunks(standing(cameras, scene), 1))
    n, size = len(table), SAMPLES[city]
    one, [(_, _, _, areas)] = best(RUNS, lambda: on_one_thread(scene, table))
    two, _ = best(RUNS, lambda: on_two_threads(scene, table))
    frames, _ = best(3, lambda: visibility.view_polygons(cameras, houses))
    yield "this code, 1 thread", n, one
    yield "this code, 2 threads", n, two
    yield "grid over the walls, once a city", n, grid
    yield "`view_polygons`, all of it, 2 threads", n, frames
    polygons = houses.to_numpy()
    for name, peer in (
        ("shapely, one shadow a wall", per_wall),
        ("shapely, vectorised", vectorised),
        ("pyvispoly (CGAL)", cgal),
    ):
        yield name, size, peer_seconds(peer, polygons, table, areas, size)


def growth(n_cameras):
    """Return the kernel's times in a small and in a large city, their runs taking turns."""
    towns = []
    for size in (SMALL, LARGE):
        cameras, houses = synthetic_scene(size, n_cameras)
        scene, _ = scene_of(houses)
        towns.append((scene, standing(cameras, scene)))
    runs = [[best(1, lambda t=town: on_one_thread(*t))[0] for town in towns] for _ in range(RUNS)]
    return np.min(runs, axis=0)


def main():
    """Measure and print."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else CAMERAS
    visibility.warm_up()
    houses, rng = ward(), np.random.default_rng(SEED)
    cities = {
        "synthetic": synthetic_scene(BUILDINGS, n),
        "Bunkyo": (cameras_at(rng, open_spots(rng, houses, n), houses, n), houses),
    }
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{n:,} cameras; {machine}; {time.strftime('%Y-%m-%d')}, warm\n")
    print("| city | what | cameras measured | ms | CPU ms | µs a camera | times 1 thread |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for city, (cameras, houses) in cities.items():
        one = None
        for what, measured, (clock, cpu) in city_rows(city, cameras, houses):
            one = one or cpu
            print(
                f"| {city}, {len(houses):,} buildings | {what} | {measured:,} | {clock * 1e3:,.0f} "
                f"| {cpu * 1e3:,.0f} | {cpu / n * 1e6:,.1f} | {cpu / one:,.2f} |"
            )
    (clock, cpu), (clock_large, cpu_large) = growth(n)
    print(
        f"| synthetic | cost from {SMALL:,} to {LARGE:,} buildings | {n:,} "
        f"| {clock * 1e3:.0f} to {clock_large * 1e3:.0f} | {cpu * 1e3:.0f} to "
        f"{cpu_large * 1e3:.0f} | {cpu / n * 1e6:.1f} to {cpu_large / n * 1e6:.1f} "
        f"| {cpu_large / cpu:.2f} |"
    )


if __name__ == "__main__":
    main()
