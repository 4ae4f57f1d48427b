"""How much faster the view kernel is than shapely, in one run on one real ward.

    python tests/benchmarks/bench_visibility.py [CAMERAS]

13,244 synthetic cameras among the 36,663 buildings of Bunkyo, Tokyo. The two shapely versions
see a sample of the cameras; their times are per camera. Prints a Markdown table; areas that
differ by more than the chords of the arcs explain end the run with an error.
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
import shapely

from gridmap import crs, visibility
from gridmap.camera_coverage import ground_coverage, views
from gridmap.visibility.kernel import scan
from gridmap.visibility.scene import scene_of

SHARED = Path(
    os.environ.get("GRIDMAP_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data"
)
CAMERAS = 13_244
ARC_M = 0.01
AGREE = 5e-4  # chords cost 0.012 % of the area; exactness is for the tests
SAMPLES = {"per wall": 40, "vectorised": 120}


def best(runs, work):
    """Return the shortest of several runs in seconds, and the last result."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return min(times), result


def ward():
    """Return the real buildings in their metric frame."""
    folder = SHARED / "tokyo_bunkyo"
    if not folder.is_dir():
        sys.exit(f"no real data at {folder}; set GRIDMAP_SHARED_DATA")
    houses = gpd.read_file(folder / "buildings_4326.gpkg")
    houses = houses[houses.is_valid]
    return houses.to_crs(crs.metric_crs_of(houses))


def scattered(houses, n):
    """Return cameras in the streets: 28 % full circles, the longer the range the narrower."""
    rng = np.random.default_rng(500108)
    base = shapely.get_coordinates(houses.representative_point())
    xy = base[rng.integers(0, len(base), 4 * n)] + rng.normal(0, 12, (4 * n, 2))
    tree = shapely.STRtree(houses.geometry.to_numpy())
    hit, _ = tree.query(shapely.points(xy), predicate="dwithin", distance=0.15)
    xy = np.delete(xy, hit, axis=0)[:n]
    angle = rng.uniform(28, 106, n)
    reach = 150 - (angle - 28) * 120 / 78
    is_dome = rng.random(n) < 0.28
    return gpd.GeoDataFrame(
        {
            "azimuth_deg": rng.uniform(0, 360, n),
            "hfov_deg": np.where(is_dome, 360.0, angle),
            "max_range_m": np.where(is_dome, 50.0, reach),
        },
        index=[f"c{i}" for i in range(n)],
        geometry=gpd.points_from_xy(*xy.T),
        crs=houses.crs,
    )


def table_of(cameras):
    """Return the cameras as the kernel reads them."""
    return np.column_stack(
        [
            cameras.geometry.x,
            cameras.geometry.y,
            np.radians(90 - cameras["azimuth_deg"]),
            np.radians(cameras["hfov_deg"]),
            cameras["max_range_m"],
        ]
    )


def scan_on_two_threads(scene, table):
    """Run the bare kernel over chunks of neighbouring cameras."""
    chunks = np.array_split(table, 12)
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda chunk: scan(scene, chunk, 0.01), chunks))


def sector(axis, angle, reach):
    """Return the sector of a camera at the origin, with chords like the kernel's."""
    n = max(8, math.ceil(angle / (2 * math.acos(1 - ARC_M / reach))))
    turns = axis - angle / 2 + np.linspace(0, angle, n + 1)
    arc = np.column_stack([np.cos(turns), np.sin(turns)]) * reach
    whole = angle >= 2 * math.pi - 1e-9
    return shapely.Polygon(arc[:-1] if whole else np.vstack([[0, 0], arc]))


def shadows(walls, reach):
    """Return the ground behind walls (n, 4) seen from the origin, beyond the range."""
    a, b = walls[:, :2], walls[:, 2:]
    low = np.arctan2(a[:, 1], a[:, 0])
    turn = np.arctan2(b[:, 1], b[:, 0]) - low
    turn = (turn + np.pi) % (2 * np.pi) - np.pi
    turns = low[:, None] + turn[:, None] * np.linspace(0, 1, 5)
    far = 3 * np.maximum(reach, np.hypot(*b.T))[:, None]
    arc = np.stack([np.cos(turns) * far, np.sin(turns) * far], axis=2)
    return shapely.polygons(np.concatenate([a[:, None], arc, b[:, None]], axis=1))


def local_walls(polygons, x, y):
    """Return the walls (n, 4) of polygons about a camera, and twice their triangles with it."""
    rings = shapely.get_rings(shapely.get_parts(polygons))
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    xy = xy - (x, y)
    walls = np.column_stack([xy[:-1], xy[1:]])[ring[1:] == ring[:-1]]
    cross = walls[:, 0] * walls[:, 3] - walls[:, 1] * walls[:, 2]
    return walls, cross


def surroundings(row, polygons, tree):
    """Return the free sector of a camera at the origin, and the buildings that meet it."""
    x, y, axis, angle, reach = row
    free = sector(axis, angle, reach)
    ground = shapely.transform(free, lambda xy: xy + np.array([x, y]))
    return free, polygons[tree.query(ground, predicate="intersects")]


def vectorised(row, polygons, tree):
    """View one camera: the facing walls' shadows in one call, one union, one difference."""
    free, near = surroundings(row, polygons, tree)
    walls, cross = local_walls(shapely.orient_polygons(near), *row[:2])
    dark = shadows(walls[cross < -1e-9], row[4])
    return shapely.difference(free, shapely.union_all(dark[shapely.intersects(free, dark)]))


def per_wall(row, polygons, tree):
    """View one camera as a script would: one shadow a wall, the buildings, union, difference."""
    free, near = surroundings(row, polygons, tree)
    walls, cross = local_walls(near, *row[:2])
    dark = [shadows(wall[None], row[4])[0] for wall in walls[np.abs(cross) > 1e-9]]
    dark += [shapely.transform(polygon, lambda xy: xy - row[:2]) for polygon in near]
    return shapely.difference(free, shapely.union_all(dark))


def shapely_seconds(view, houses, table, areas, size):
    """Return seconds per camera of a shapely version over a sample, its areas compared."""
    polygons = houses.geometry.to_numpy()
    tree = shapely.STRtree(polygons)
    rows = np.random.default_rng(1).choice(len(table), min(size, len(table)), replace=False)
    seconds, seen = best(1, lambda: [view(table[i], polygons, tree).area for i in rows])
    wrong = abs(sum(seen) - areas[rows].sum()) / areas[rows].sum()
    if wrong > AGREE:
        sys.exit(f"{view.__name__} differs by {wrong:.1e} of the area")
    return seconds / len(rows)


def main():
    """Measure and print."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else CAMERAS
    houses = ward()
    cameras = scattered(houses, n)
    visibility.warm_up()
    preparing, (scene, _) = best(3, lambda: scene_of(houses.geometry))
    table = table_of(cameras)
    one, (_, _, _, areas) = best(5, lambda: scan(scene, table, 0.01))
    two, _ = best(5, lambda: scan_on_two_threads(scene, table))
    frames, seen = best(3, lambda: views(cameras, houses))
    naive = shapely_seconds(per_wall, houses, table, areas, SAMPLES["per wall"])
    vector = shapely_seconds(vectorised, houses, table, areas, SAMPLES["vectorised"])
    xs, ys = (np.arange(*houses.total_bounds[i::2], 450.0) for i in (0, 1))
    cells = [shapely.box(x, y, x + 450, y + 450) for x in xs for y in ys]
    ground, _ = best(1, lambda: ground_coverage(gpd.GeoSeries(cells, crs=houses.crs), seen, houses))
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{len(cameras):,} cameras, {len(houses):,} buildings; {machine}, warm\n")
    print("| what | total s | µs per camera | times the kernel |")
    print("|---|---:|---:|---:|")
    for what, seconds in (
        ("grid over the walls", preparing),
        ("kernel, 1 thread", one),
        ("kernel, 2 threads", two),
        ("`views`: frame to frame, 2 threads", frames),
        (f"vectorised shapely, {SAMPLES['vectorised']} cameras", vector * n),
        (f"shapely, one shadow a wall, {SAMPLES['per wall']} cameras", naive * n),
        (f"`ground_coverage`, {len(cells)} cells, 2 threads", ground),
    ):
        print(f"| {what} | {seconds:.3f} | {seconds / n * 1e6:.1f} | {seconds / one:.1f} |")


if __name__ == "__main__":
    main()
