"""The compiled kernel: the nearest wall in every direction of one camera.

Belongs here: the span buffer, the walk over the grid, rings and stretches of walls as arrays.
Does not belong here: frames (``polygons``), where a camera is put (``placement``).

The kernel keeps, for one camera, a sorted list of angular spans, each closed by the nearest wall
found so far or by the range arc. Over a span two walls are compared by their inverse depths,
which are linear in the direction, so only the two end directions count. Source of the method and
of every tolerance: visibility.md sections 3 and 4 (measured against four other algorithms).

numba sees only changes of the file a function stands in: a compiled function must not call one of
another file, or old code would be taken from the cache.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_EDGE_ON_M2 = 1e-9  # walls seen edge-on; their neighbours block the same rays
_SLIVER = 1e-9  # narrower spans made 10 of 13,244 polygons invalid
_SAME_M = 1e-6
_SPANS = 1024  # room at first; a camera that needs more starts again with four times as much
_FULL = -1
_TIE = 1e-10  # relative inverse depth below which two walls are at one distance

_Function = TypeVar("_Function", bound="Callable[..., Any]")


def jit(function: _Function) -> _Function:
    """Compile a function that only compiled ones call; it is kept on disk within those."""
    compiled: Any = numba.njit(nogil=True, error_model="numpy")(function)
    return compiled  # type: ignore[no-any-return]


def jit_within(function: _Function) -> _Function:
    """Compile into the caller: what is called per wall has too many arguments for calls."""
    compiled: Any = numba.njit(nogil=True, error_model="numpy", forceinline=True)(function)
    return compiled  # type: ignore[no-any-return]


def jit_entry(function: _Function) -> _Function:
    """Compile a function that Python calls; keep it on disk where some directory allows it."""
    try:
        compiled: Any = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # numba found no directory it may write to
        compiled = numba.njit(nogil=True, error_model="numpy")(function)
    return compiled  # type: ignore[no-any-return]


Ray = tuple[float, float, float]  # key, x, y: a direction from the camera, of any length
Plane = tuple[float, float, int]  # n with n.p = 1 on the wall, and the wall's number (-1: arc)


class Scene(NamedTuple):
    """Walls and the grid over them, as the kernel reads them.

    ``walls`` (w, 4): start and end, the solid on the left. ``first`` (p + 1): walls of part p.
    ``box`` (p, 4): bounds of part p. ``cell_first``, ``cell_part``: parts whose bounds meet a
    cell, cells row by row from the south-west.
    """

    walls: Floats
    first: Ints
    box: Floats
    cell_first: Ints
    cell_part: Ints
    west: float
    south: float
    cell: float
    columns: int
    rows: int


class _Sight(NamedTuple):
    """One camera: position, direction of the sector's start and end, key of the end, range.

    ``narrow``: the sector is convex, so what lies behind either edge can be skipped.
    """

    x: float
    y: float
    start_x: float
    start_y: float
    end_x: float
    end_y: float
    end_key: float
    radius: float
    narrow: bool


class _Fan(NamedTuple):
    """The spans of one camera and room for the ones that replace them.

    ``spans`` (n, 5): key, x, y of the start and the plane of the nearest wall, sorted by key;
    row ``count`` ends the last. ``tags`` (n,): number of that wall, -1 for the range arc.
    """

    spans: Floats
    tags: Ints
    new: Floats
    new_tags: Ints


class Sheet(NamedTuple):
    """Growing output: corners of rings, walls seen and the share of them from start to end."""

    xy: Floats
    wall: Ints
    share: Floats


# --- directions and spans ---------------------------------------------------------------------


@jit
def _diamond(x: float, y: float) -> float:
    """Return the diamond angle, 0 to 4 counter-clockwise from east: monotonic, without atan2."""
    if y >= 0.0:
        return y / (x + y) if x >= 0.0 else 1.0 - x / (y - x)
    return 2.0 - y / (-x - y) if x < 0.0 else 3.0 + x / (x - y)


@jit
def _key(sight: _Sight, x: float, y: float) -> float:
    """Return the diamond angle counted from the start of the sector."""
    return _diamond(x * sight.start_x + y * sight.start_y, y * sight.start_x - x * sight.start_y)


@jit
def _push(spans: Floats, tags: Ints, count: int, ray: Ray, plane: Plane) -> int:
    """Append a span unless it continues the last wall; return the number of spans."""
    if count > 0 and plane[2] >= 0 and tags[count - 1] == plane[2]:
        return count
    spans[count, 0], spans[count, 1], spans[count, 2] = ray
    spans[count, 3], spans[count, 4], tags[count] = plane
    return count + 1


@jit
def _span_at(spans: Floats, count: int, key: float) -> int:
    """Return the number of the span in which a key lies."""
    low, high = 0, count
    while high - low > 1:
        middle = (low + high) // 2
        if spans[middle, 0] <= key:
            low = middle
        else:
            high = middle
    return low


@jit
def _copy_span(spans: Floats, tags: Ints, source: int, target: int) -> None:
    """Copy one row within the list."""
    for column in range(5):
        spans[target, column] = spans[source, column]
    tags[target] = tags[source]


@jit
def _splice(fan: _Fan, count: int, low: int, high: int, fresh: int) -> int:
    """Replace the spans from ``low`` to ``high`` by the new ones; return the number of spans."""
    shift = fresh - (high - low)
    if shift > 0:
        for i in range(count, high - 1, -1):
            _copy_span(fan.spans, fan.tags, i, i + shift)
    elif shift < 0:
        for i in range(high, count + 1):
            _copy_span(fan.spans, fan.tags, i, i + shift)
    for i in range(fresh):
        for column in range(5):
            fan.spans[low + i, column] = fan.new[i, column]
        fan.tags[low + i] = fan.new_tags[i]
    return count + shift


@jit
def _ray_of(spans: Floats, at: int) -> Ray:
    """Return the direction in which a span starts."""
    return spans[at, 0], spans[at, 1], spans[at, 2]


@jit
def _gain(plane: Plane, old: Plane, ray: Ray) -> float:
    """Return how much nearer a wall is than the old one in a direction, in inverse depth."""
    if old[2] < 0:
        return 1.0
    depth = old[0] * ray[1] + old[1] * ray[2]
    gain = plane[0] * ray[1] + plane[1] * ray[2] - depth
    return 0.0 if abs(gain) <= _TIE * abs(depth) else gain


@jit
def _meeting(sight: _Sight, a: Ray, b: Ray, gain_a: float, gain_b: float) -> Ray:
    """Return the direction between two others in which two crossing walls meet."""
    share = abs(gain_a) / (abs(gain_a) + abs(gain_b))
    x, y = a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share
    return min(max(_key(sight, x, y), a[0]), b[0]), x, y


@jit_within
def _insert(sight: _Sight, fan: _Fan, count: int, start: Ray, end: Ray, plane: Plane) -> int:
    """Lay one wall over the spans between two directions; return the number of spans."""
    spans, tags, new, new_tags = fan
    low = _span_at(spans, count, start[0])
    at, fresh, changed = low, 0, False
    old = (spans[low, 3], spans[low, 4], tags[low])
    if spans[low, 0] < start[0]:
        fresh = _push(new, new_tags, fresh, _ray_of(spans, low), old)
    while at < count and spans[at, 0] < end[0]:
        old = (spans[at, 3], spans[at, 4], tags[at])
        a = _ray_of(spans, at) if spans[at, 0] > start[0] else start
        b = _ray_of(spans, at + 1) if spans[at + 1, 0] < end[0] else end
        gain_a, gain_b = _gain(plane, old, a), _gain(plane, old, b)
        hidden_a = gain_a < 0.0 or (gain_a == 0.0 and gain_b <= 0.0)
        hidden_b = gain_b < 0.0 or (gain_b == 0.0 and gain_a <= 0.0)
        fresh = _push(new, new_tags, fresh, a, old if hidden_a else plane)
        if hidden_a != hidden_b:
            middle = _meeting(sight, a, b, gain_a, gain_b)
            fresh = _push(new, new_tags, fresh, middle, old if hidden_b else plane)
        changed = changed or not (hidden_a and hidden_b)
        at += 1
    if not changed:
        return count
    if spans[at, 0] > end[0]:
        fresh = _push(new, new_tags, fresh, end, old)
    return _splice(fan, count, low, at, fresh)


@jit
def _new_fan(size: int) -> _Fan:
    """Return a fan with room for so many spans."""
    spans, new = np.empty((size, 5)), np.empty((size, 5))
    return _Fan(spans, np.empty(size, np.int64), new, np.empty(size, np.int64))


@jit
def _is_full(fan: _Fan, count: int) -> bool:
    """Tell whether one more wall might not fit: it can at most split every span, twice over."""
    return 4 * count + 12 > len(fan.tags)


@jit
def _open_fan(sight: _Sight, fan: _Fan) -> int:
    """Fill the fan with range arcs of at most a quarter turn; return the number of spans."""
    x, y, count = sight.start_x, sight.start_y, 0
    while count < 4 and count < sight.end_key:
        _push(fan.spans, fan.tags, count, (float(count), x, y), (0.0, 0.0, -1))
        x, y = -y, x
        count += 1
    _push(fan.spans, fan.tags, count, (sight.end_key, sight.end_x, sight.end_y), (0.0, 0.0, -1))
    return count


@jit_within
def _lay(sight: _Sight, fan: _Fan, count: int, wall: tuple[float, ...], number: int) -> int:
    """Lay a facing, clipped wall into the fan, in two pieces where it crosses the sector's start.

    ``wall``: start and end seen counter-clockwise from the camera, plane.
    """
    x0, y0, x1, y1, nx, ny = wall
    start, end = (_key(sight, x0, y0), x0, y0), (_key(sight, x1, y1), x1, y1)
    last = (sight.end_key, sight.end_x, sight.end_y)
    plane = (nx, ny, number)
    width = end[0] - start[0]
    if width > 2.5 or (width <= 0.0 and width > -1.0):
        return count  # seen edge-on: rounding has turned it about
    wraps = width < 0.0
    for piece in range(2 if wraps else 1):
        low = (0.0, sight.start_x, sight.start_y) if piece == 1 else start
        high = last if (wraps and piece == 0) or end[0] >= last[0] else end
        if low[0] < high[0]:
            count = _insert(sight, fan, count, low, high, plane)
    return count


# --- walls and cells --------------------------------------------------------------------------


@jit
def _in_disc(x0: float, y0: float, x1: float, y1: float, far: float) -> tuple[float, float]:
    """Return the shares of a segment between which it lies in the disc; 1, 0 if nowhere."""
    limit = far * far
    c0, c1 = x0 * x0 + y0 * y0 - limit, x1 * x1 + y1 * y1 - limit
    if c0 <= 0.0 and c1 <= 0.0:
        return 0.0, 1.0
    ex, ey = x1 - x0, y1 - y0
    a, b = ex * ex + ey * ey, x0 * ex + y0 * ey
    root = b * b - a * c0
    if root <= 0.0:
        return 1.0, 0.0
    root = math.sqrt(root)
    low, high = (-b - root) / a, (-b + root) / a
    return max(low, 0.0), min(high, 1.0)


@jit_within
def _lay_part(scene: Scene, part: int, sight: _Sight, far: float, fan: _Fan, count: int) -> int:
    """Lay the walls of one building part that face the camera within a distance."""
    for number in range(scene.first[part], scene.first[part + 1]):
        ax, ay = scene.walls[number, 0] - sight.x, scene.walls[number, 1] - sight.y
        bx, by = scene.walls[number, 2] - sight.x, scene.walls[number, 3] - sight.y
        cross = bx * ay - by * ax
        if cross <= _EDGE_ON_M2:
            continue
        low, high = _in_disc(bx, by, ax, ay, far)
        if low >= high:
            continue
        ex, ey = ax - bx, ay - by
        if low > 0.0 or high < 1.0:
            ax, ay, bx, by = bx + high * ex, by + high * ey, bx + low * ex, by + low * ey
        if _is_full(fan, count):
            return _FULL
        count = _lay(sight, fan, count, (bx, by, ax, ay, ey / cross, -ex / cross), number)
    return count


@jit
def _behind(sight: _Sight, west: float, south: float, east: float, north: float) -> bool:
    """Tell whether a box surely lies outside a convex sector."""
    if not sight.narrow:
        return False
    x, y = (west + east) / 2 - sight.x, (south + north) / 2 - sight.y
    reach = math.hypot(east - west, north - south) / 2
    return (
        sight.start_x * y - sight.start_y * x < -reach or x * sight.end_y - y * sight.end_x < -reach
    )


@jit
def _too_far(sight: _Sight, box: Floats, far: float) -> bool:
    """Tell whether a box lies farther away than a distance."""
    dx = max(box[0] - sight.x, 0.0, sight.x - box[2])
    dy = max(box[1] - sight.y, 0.0, sight.y - box[3])
    return bool(dx * dx + dy * dy > far * far)


@jit
def _lay_cell(
    scene: Scene, at: int, sight: _Sight, far: float, stamp: Ints, mark: int, fan: _Fan, count: int
) -> int:
    """Lay every part of a cell that has not been laid for this camera."""
    for place in range(scene.cell_first[at], scene.cell_first[at + 1]):
        part = scene.cell_part[place]
        if stamp[part] == mark:
            continue
        stamp[part] = mark
        box = scene.box[part]
        if not _too_far(sight, box, far) and not _behind(sight, box[0], box[1], box[2], box[3]):
            count = _lay_part(scene, part, sight, far, fan, count)
            if count == _FULL:
                return _FULL
    return count


@jit
def _depth(fan: _Fan, count: int, radius: float) -> float:
    """Return the distance of the farthest ground still open."""
    nearest = np.inf
    for i in range(count):
        if fan.tags[i] < 0:
            return radius
        nx, ny = fan.spans[i, 3], fan.spans[i, 4]
        for end in range(i, i + 2):
            x, y = fan.spans[end, 1], fan.spans[end, 2]
            nearest = min(nearest, (nx * x + ny * y) / math.hypot(x, y))
    return min(radius, 1.0 / nearest) if nearest > 0.0 else radius


@jit
def _ring_distance(scene: Scene, sight: _Sight, column: int, row: int, ring: int) -> float:
    """Return how far from the camera a ring of cells begins."""
    west, south = scene.west + (column - ring + 1) * scene.cell, scene.south
    south += (row - ring + 1) * scene.cell
    side = (2 * ring - 1) * scene.cell
    dx = min(sight.x - west, west + side - sight.x)
    return min(dx, sight.y - south, south + side - sight.y)


@jit
def _sweep(scene: Scene, sight: _Sight, stamp: Ints, mark: int, fan: _Fan) -> int:
    """Close the fan of one camera with the nearest walls, cells near the camera first.

    Returns the number of spans, or `_FULL`.
    """
    count = _open_fan(sight, fan)
    column = math.floor((sight.x - scene.west) / scene.cell)
    row = math.floor((sight.y - scene.south) / scene.cell)
    far = sight.radius
    edge = max(column, scene.columns - column, row, scene.rows - row)
    for ring in range(min(int(far / scene.cell) + 1, edge) + 1):
        if ring > 0 and _ring_distance(scene, sight, column, row, ring) > far:
            break
        for j in range(max(row - ring, 0), min(row + ring + 1, scene.rows)):
            step = 1 if ring == 0 or abs(j - row) == ring else 2 * ring
            for i in range(column - ring, column + ring + 1, step):
                if i < 0 or i >= scene.columns:
                    continue
                west, south = scene.west + i * scene.cell, scene.south + j * scene.cell
                if _behind(sight, west, south, west + scene.cell, south + scene.cell):
                    continue
                at = j * scene.columns + i
                count = _lay_cell(scene, at, sight, far, stamp, mark, fan, count)
                if count == _FULL:
                    return _FULL
        far = _depth(fan, count, sight.radius)
    return count


# --- what comes out ---------------------------------------------------------------------------


@jit
def _corner(xy: Floats, first: int, n: int, x: float, y: float) -> int:
    """Append a corner unless the ring's last one is the same; return the number of corners."""
    if n > first and abs(xy[n - 1, 0] - x) + abs(xy[n - 1, 1] - y) < _SAME_M:
        return n
    xy[n, 0], xy[n, 1] = x, y
    return n + 1


@jit
def _arc_steps(radius: float, tolerance: float) -> int:
    """Return into how many chords a full circle is cut, a multiple of 4."""
    share = min(tolerance / radius, 0.01)
    return 4 * math.ceil(math.pi / math.acos(1.0 - share) / 4.0)


@jit
def _arc(
    sight: _Sight, a: Ray, b: Ray, steps: int, xy: Floats, first: int, n: int
) -> tuple[int, float]:
    """Append an arc; return the number of corners and the sector's area.

    The chords lie on one lattice of angles for all cameras, so that cameras on one pole with one
    range share corners.
    """
    radius, step = sight.radius, 2.0 * math.pi / steps
    low = math.atan2(a[2], a[1])
    turn = math.atan2(a[1] * b[2] - a[2] * b[1], a[1] * b[1] + a[2] * b[2])
    n = _corner(xy, first, n, radius * math.cos(low), radius * math.sin(low))
    for i in range(math.ceil(low / step + 1e-6), math.floor((low + turn) / step - 1e-6) + 1):
        n = _corner(xy, first, n, radius * math.cos(i * step), radius * math.sin(i * step))
    high = math.atan2(b[2], b[1])
    n = _corner(xy, first, n, radius * math.cos(high), radius * math.sin(high))
    return n, radius * radius * turn / 2.0


@jit
def _share(scene: Scene, number: int, x: float, y: float) -> float:
    """Return how far along a wall a position lies, 0 at its start and 1 at its end."""
    ax, ay = scene.walls[number, 0], scene.walls[number, 1]
    ex, ey = scene.walls[number, 2] - ax, scene.walls[number, 3] - ay
    along = ((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey)
    return float(min(max(along, 0.0), 1.0))


@jit
def _trace(
    scene: Scene, sight: _Sight, fan: _Fan, count: int, steps: int, sheet: Sheet, n: int, m: int
) -> tuple[int, int, float]:
    """Write the ring of a fan, relative to the camera, and its walls; return ends and area."""
    first, area = n, 0.0
    if sight.end_key < 4.0:
        n = _corner(sheet.xy, first, n, 0.0, 0.0)
    for i in range(count):
        a, b = _ray_of(fan.spans, i), _ray_of(fan.spans, i + 1)
        if b[0] - a[0] < _SLIVER:
            continue
        if fan.tags[i] < 0:
            n, sector = _arc(sight, a, b, steps, sheet.xy, first, n)
            area += sector
            continue
        nx, ny, number = fan.spans[i, 3], fan.spans[i, 4], fan.tags[i]
        at_a, at_b = nx * a[1] + ny * a[2], nx * b[1] + ny * b[2]
        ax, ay, bx, by = a[1] / at_a, a[2] / at_a, b[1] / at_b, b[2] / at_b
        n = _corner(sheet.xy, first, n, ax, ay)
        n = _corner(sheet.xy, first, n, bx, by)
        area += (ax * by - ay * bx) / 2.0
        sheet.wall[m] = number
        sheet.share[m, 0] = _share(scene, number, sight.x + bx, sight.y + by)
        sheet.share[m, 1] = _share(scene, number, sight.x + ax, sight.y + ay)
        m += 1
    return n, m, area


@jit
def _close(sheet: Sheet, sight: _Sight, first: int, n: int) -> int:
    """Close a ring and put it in its place; return the end, or the start if nothing is left."""
    xy = sheet.xy
    while n > first + 1 and (
        abs(xy[n - 1, 0] - xy[first, 0]) + abs(xy[n - 1, 1] - xy[first, 1]) < _SAME_M
    ):
        n -= 1
    if n - first < 3:
        return first
    for i in range(first, n):
        xy[i, 0] += sight.x
        xy[i, 1] += sight.y
    xy[n, 0], xy[n, 1] = xy[first, 0], xy[first, 1]
    return n + 1


@jit
def _larger(sheet: Sheet, n: int, m: int, corners: int, walls: int) -> Sheet:
    """Return the sheet, larger if so many more corners or walls might not fit."""
    xy, wall, share = sheet
    if n + corners > len(xy):
        xy = np.empty((2 * (n + corners), 2))
        xy[:n] = sheet.xy[:n]
    if m + walls > len(wall):
        wall, share = np.empty(2 * (m + walls), np.int64), np.empty((2 * (m + walls), 2))
        wall[:m] = sheet.wall[:m]
        share[:m] = sheet.share[:m]
    return Sheet(xy, wall, share)


@jit
def _sight(x: float, y: float, axis: float, angle: float, radius: float) -> _Sight:
    """Return a camera ready to sweep; ``axis`` and ``angle`` in radians, a dome has 2 pi."""
    narrow = angle <= math.pi
    if angle >= 2.0 * math.pi:
        return _Sight(x, y, 1.0, 0.0, 1.0, 0.0, 4.0, radius, narrow)
    low, high = axis - angle / 2.0, axis + angle / 2.0
    start_x, start_y, end_x, end_y = math.cos(low), math.sin(low), math.cos(high), math.sin(high)
    key = _diamond(end_x * start_x + end_y * start_y, end_y * start_x - end_x * start_y)
    return _Sight(x, y, start_x, start_y, end_x, end_y, key, radius, narrow)


@jit_entry
def scan(scene: Scene, cameras: Floats, tolerance: float) -> tuple[Sheet, Ints, Ints, Floats]:
    """View every camera of a chunk.

    ``cameras`` (n, 5): x, y, axis, angle, range. Returns the sheet, the ends of the rings and of
    the walls in it (n + 1), and the areas.
    """
    size = len(cameras)
    ring_end, wall_end = np.zeros(size + 1, np.int64), np.zeros(size + 1, np.int64)
    area = np.zeros(size)
    sheet = Sheet(np.empty((64 * size + 64, 2)), np.empty(64, np.int64), np.empty((64, 2)))
    fan, stamp, mark = _new_fan(_SPANS), np.zeros(len(scene.first), np.int64), 0
    for c in range(size):
        x, y, axis, angle, radius = cameras[c]
        sight = _sight(x, y, axis, angle, radius)
        count = _FULL
        while count == _FULL:
            mark += 1
            count = _sweep(scene, sight, stamp, mark, fan)
            if count == _FULL:
                fan = _new_fan(4 * len(fan.tags))
        steps = _arc_steps(radius, tolerance)
        n, m = ring_end[c], wall_end[c]
        sheet = _larger(sheet, n, m, 6 * count + steps + 8, count)
        end, wall_end[c + 1], area[c] = _trace(scene, sight, fan, count, steps, sheet, n, m)
        ring_end[c + 1] = _close(sheet, sight, n, end)
    n, m = ring_end[size], wall_end[size]
    return Sheet(sheet.xy[:n], sheet.wall[:m], sheet.share[:m]), ring_end, wall_end, area
