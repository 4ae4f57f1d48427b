"""A seeded city of any size for tests and benchmarks of views: dirty like real data.

Source of the mix: visibility.md section 2. Buildings stand in blocks, blocks in rotated centres;
a larger city has more centres, never denser ones, so costs of different sizes compare.
"""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import shapely

CRS = "EPSG:32648"
SEED = 500108
BUILDINGS, CAMERAS = 60_000, 13_244

BLOCK = np.array([116.0, 96.0])  # a block without its streets
STREET_M = 14.0
SIDE = 12  # blocks along a side of a centre
CENTRE_BUILDINGS = 2_600  # some 3,070 on average
CENTRES_APART_M = 3_600.0
ORIGIN = np.array([5e5, 2.49e6])

# kind: share of the blocks, widths, gaps beside, depths, gaps behind, share of party walls
KINDS = {
    "village": (0.33, (9, 14), (1, 3.5), (9, 14), (1, 3.5), 0.25),
    "slab": (0.31, (18, 60), (6, 14), (11, 15), (13, 27), 0.0),
    "ell": (0.11, (22, 36), (8, 16), (20, 30), (8, 16), 0.0),
    "tower": (0.13, (20, 30), (12, 26), (20, 30), (12, 26), 0.0),
    "court": (0.04, (36, 56), (0, 0), (32, 46), (0, 0), 1.0),
    "hall": (0.08, (34, 70), (8, 20), (26, 42), (8, 20), 0.0),
}
YARDS, ANNEXES, TWINS = 0.06, 0.015, 0.001


def synthetic_scene(n_buildings=BUILDINGS, n_cameras=CAMERAS, *, seed=SEED):
    """Return cameras (azimuths count from the CRS's north) and buildings."""
    rng = np.random.default_rng(seed)
    shapes, block, place = _blocks(rng, n_buildings)
    last = block.max() + 1
    houses = gpd.GeoSeries(shapes, index=[f"b{i}" for i in range(len(shapes))], crs=CRS)
    at = rng.integers(0, last, n_cameras)
    along, across = rng.random(n_cameras), rng.uniform(1, STREET_M - 1, n_cameras) - STREET_M
    east = rng.random(n_cameras) < 0.5
    spots = np.where(
        east[:, None],
        np.column_stack([along * BLOCK[0], across]),
        np.column_stack([across, along * BLOCK[1]]),
    )
    return cameras_at(rng, place(at, spots[:, None])[:, 0], houses, n_cameras), houses


def cameras_at(rng, spots, houses, n):
    """Return n cameras: 40 % of the spots are poles with 2 to 4; some on, off and behind walls.

    28 % are domes; of the others, the longer the range the narrower the angle.
    """
    on_pole = np.where(rng.random(n) < 0.4, rng.integers(2, 5, n), 1)
    xy = spots[np.repeat(np.arange(n), on_pole)[:n] % len(spots)]
    off, on, behind = np.split(rng.permutation(n)[: n * 12 // 100], [n * 10 // 100, n * 11 // 100])
    xy[off] = beside_walls(rng, houses, len(off), 0.15)
    xy[on] = beside_walls(rng, houses, len(on), 0.0)
    indoors = houses.array[rng.integers(0, len(houses), len(behind))]
    xy[behind] = shapely.get_coordinates(shapely.point_on_surface(indoors))
    angle, is_dome = rng.uniform(28, 106, n), rng.random(n) < 0.28
    reach = 150 - (angle - 28) * 120 / 78
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


def beside_walls(rng, houses, n, off_m):
    """Return n positions so far outside a wall of a building each, courtyards left out."""
    chosen = np.asarray(houses.array[rng.integers(0, len(houses), n)])
    rings = shapely.get_exterior_ring(shapely.get_geometry(chosen, 0))
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    walls = np.bincount(ring, minlength=n) - 1
    nth = np.searchsorted(ring, np.arange(n)) + rng.integers(0, walls)
    ends = xy[nth + 1] - xy[nth]
    normal = ends[:, ::-1] * [1, -1] / np.maximum(np.hypot(*ends.T), 1e-9)[:, None]
    side = np.where(shapely.is_ccw(rings), off_m, -off_m)
    return xy[nth] + ends * rng.uniform(0.05, 0.95, (n, 1)) + normal * side[:, None]


def open_spots(rng, houses, n):
    """Return n positions among buildings that know no streets, outside every one of them."""
    near = shapely.get_coordinates(shapely.point_on_surface(houses.to_numpy()))
    xy = near[rng.integers(0, len(near), 4 * n)] + rng.normal(0, 12, (4 * n, 2))
    tree = shapely.STRtree(houses.to_numpy())
    hit, _ = tree.query(shapely.points(xy), predicate="dwithin", distance=0.15)
    return np.delete(xy, hit, axis=0)[:n]


# --- buildings --------------------------------------------------------------------------------


def _blocks(rng, n):
    """Return n buildings, the block of each, and what puts a block's coordinates in place."""
    centres = math.ceil(n / CENTRE_BUILDINGS)
    size = centres * SIDE * SIDE
    centre, cell = np.divmod(np.arange(size), SIDE * SIDE)
    corner = np.column_stack([cell % SIDE, cell // SIDE]) - SIDE / 2
    corner = corner * (BLOCK + STREET_M)
    turn = rng.uniform(0, math.pi / 2, centres)[centre]
    columns = math.ceil(math.sqrt(centres))
    middle = np.column_stack([np.arange(centres) % columns, np.arange(centres) // columns])
    middle = ORIGIN + (middle + rng.uniform(0.3, 0.7, middle.shape)) * CENTRES_APART_M

    def place(block, xy):
        x, y = (xy + corner[block][:, None]).transpose(2, 0, 1)
        c, s = np.cos(turn[block])[:, None], np.sin(turn[block])[:, None]
        return np.stack([x * c - y * s, x * s + y * c], axis=2) + middle[centre[block]][:, None]

    kind = rng.choice(len(KINDS), size, p=[share for share, *_ in KINDS.values()])
    made = [
        _buildings(rng, name, np.flatnonzero(kind == number), place)
        for number, name in enumerate(KINDS)
    ]
    shapes, block = (np.concatenate(each) for each in zip(*made, strict=True))
    order = np.argsort(block, kind="stable")[:n]
    assert len(order) == n
    return shapes[order], block[order], place


def _buildings(rng, kind, blocks, place):
    """Return the buildings of all blocks of one kind, annexes and twins among them."""
    _, wide, beside, deep, behind, party = KINDS[kind]
    rows, south, north = _strips(rng, len(blocks), BLOCK[1], deep, behind, 0.0)
    plots, west, east = _strips(rng, len(rows), BLOCK[0], wide, beside, party)
    block = blocks[rows[plots]]
    set_back = rng.uniform(0, 1, (2, len(plots))) * (rng.random(len(plots)) < 0.5)
    box = np.array([west, south[plots] + set_back[0], east, north[plots] - set_back[1]])
    built = rng.random(len(plots)) >= YARDS
    box, block = box[:, built], block[built]
    shapes = _shapes(rng, kind, box, block, place)
    grown = np.flatnonzero(rng.random(len(block)) < ANNEXES)
    low, high = box[:2, grown], box[2:, grown]
    shift = rng.choice([-1, 1], low.shape) * rng.uniform(0.2, 0.45, low.shape)
    annex = np.concatenate([low, high]) + np.tile((high - low) * shift, (2, 1))
    annexes = _shapes(rng, "hall", annex, block[grown], place)
    twins = np.flatnonzero(rng.random(len(block)) < TWINS)
    return (
        np.concatenate([shapes, annexes, shapes[twins]]),
        np.concatenate([block, block[grown], block[twins]]),
    )


def _strips(rng, n, length, wide, gap, party):
    """Cut n lengths into strips with gaps; return the length each strip lies on, and its ends."""
    most = int(length / (wide[0] + gap[0])) + 1
    widths, gaps = rng.uniform(*wide, (n, most)), rng.uniform(*gap, (n, most))
    gaps[rng.random((n, most)) < party] = 0.0
    end = np.cumsum(widths + gaps, axis=1) - gaps
    start = np.column_stack([np.zeros(n), (end + gaps)[:, :-1]])  # a party wall is one number
    on, _ = np.nonzero(end <= length)
    return on, start[end <= length], end[end <= length]


def _shapes(rng, kind, box, block, place):
    """Return one building of a kind in each box (4, n)."""
    x0, y0, x1, y1 = box
    width, depth = x1 - x0, y1 - y0
    if kind == "ell":
        x, y = x0 + width * rng.uniform(0.35, 0.6, len(x0)), y0 + depth * rng.uniform(0.4, 0.6)
        ring = [(x0, y0), (x1, y0), (x1, y), (x, y), (x, y1), (x0, y1)]
    elif kind == "tower":
        cut = np.minimum(width, depth) * 0.29
        ring = [(x0 + cut, y0), (x1 - cut, y0), (x1, y0 + cut), (x1, y1 - cut)]
        ring += [(x1 - cut, y1), (x0 + cut, y1), (x0, y1 - cut), (x0, y0 + cut)]
    else:
        ring = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    shells = _rings(ring, block, place)
    if kind != "court" or not len(block):
        return shapely.polygons(shells)
    x0, y0, x1, y1 = x0 + width * 0.3, y0 + depth * 0.3, x1 - width * 0.3, y1 - depth * 0.3
    holes = _rings([(x0, y0), (x0, y1), (x1, y1), (x1, y0)], block, place)
    return shapely.polygons(shells, holes=holes[:, None])


def _rings(corners, block, place):
    """Return the rings, in place, of corners given block by block."""
    return shapely.linearrings(place(block, np.array(corners).transpose(2, 0, 1)))
