"""Where a camera is put that was drawn inside a building or on a wall.

Belongs here: the rule of visibility.md, Pitfalls, and its numbers. Does not belong here: what is
seen from there (``kernel``).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gridmap.visibility.kernel import Scene, jit, jit_entry

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

ESCAPE_M = 15.0
"""How far a camera is moved at most to leave a building. Source: visibility.md, Pitfalls."""

OUTSIDE_M = 0.05
"""How far outside the wall a moved camera is put. Source: visibility.md, Pitfalls."""

ON_WALL_M = 0.01
"""Nearer than this to a wall a camera counts as standing on it. Source: visibility.md, Pitfalls."""

FREE, ON_WALL, INSIDE = 0, 1, 2
"""What was found about a camera's position."""

_CLEARANCE_M = 0.005  # a moved camera keeps at least this from every wall
_ALONG_M2 = 1e-9  # a position this little outside a wall's line counts as on it


@jit
def _cells_of(box: Floats, west: float, south: float, cell: float) -> tuple[int, int, int, int]:
    """Return the first and last column and row that a box meets."""
    return (
        math.floor((box[0] - west) / cell),
        math.floor((box[1] - south) / cell),
        math.floor((box[2] - west) / cell),
        math.floor((box[3] - south) / cell),
    )


@jit
def _parts_near(scene: Scene, x: float, y: float, reach: float) -> Ints:
    """Return the parts whose bounds come within a distance of a position, each once."""
    square = np.array([x - reach, y - reach, x + reach, y + reach])
    i0, j0, i1, j1 = _cells_of(square, scene.west, scene.south, scene.cell)
    i0, j0 = max(i0, 0), max(j0, 0)
    i1, j1 = min(i1, scene.columns - 1), min(j1, scene.rows - 1)
    found = np.empty(16, np.int64)
    n = 0
    for j in range(j0, j1 + 1):
        for i in range(i0, i1 + 1):
            at = j * scene.columns + i
            for place in range(scene.cell_first[at], scene.cell_first[at + 1]):
                part = scene.cell_part[place]
                box = scene.box[part]
                left, low, _, _ = _cells_of(box, scene.west, scene.south, scene.cell)
                if max(left, i0) != i or max(low, j0) != j:
                    continue  # counted in another cell
                if box[0] > square[2] or box[2] < square[0]:
                    continue
                if box[1] > square[3] or box[3] < square[1]:
                    continue
                if n == len(found):
                    found = np.append(found, np.empty(n, np.int64))
                found[n] = part
                n += 1
    return found[:n]


@jit
def _inside(scene: Scene, parts: Ints, x: float, y: float) -> bool:
    """Tell whether a position lies in one of the parts, courtyards excepted."""
    for part in parts:
        odd = False
        for number in range(scene.first[part], scene.first[part + 1]):
            ax, ay, bx, by = scene.walls[number]
            if (ay > y) != (by > y) and x < ax + (y - ay) * (bx - ax) / (by - ay):
                odd = not odd
        if odd:
            return True
    return False


@jit
def _foot(wall: Floats, x: float, y: float) -> tuple[float, float]:
    """Return the position on a wall that is nearest to another."""
    ax, ay, bx, by = wall
    ex, ey = bx - ax, by - ay
    along = ((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey)
    along = min(max(along, 0.0), 1.0)
    return ax + along * ex, ay + along * ey


@jit
def _gap(wall: Floats, x: float, y: float) -> float:
    """Return the distance of a position from a wall."""
    foot_x, foot_y = _foot(wall, x, y)
    return math.hypot(foot_x - x, foot_y - y)


@jit
def _outward(wall: Floats) -> tuple[float, float]:
    """Return the unit normal of a wall that points away from its building."""
    ex, ey = wall[2] - wall[0], wall[3] - wall[1]
    length = math.hypot(ex, ey)
    return ey / length, -ex / length


@jit
def _is_free(scene: Scene, parts: Ints, x: float, y: float) -> bool:
    """Tell whether a camera can stand here: outside every part and clear of every wall."""
    if _inside(scene, parts, x, y):
        return False
    for part in parts:
        for number in range(scene.first[part], scene.first[part + 1]):
            if _gap(scene.walls[number], x, y) < _CLEARANCE_M:
                return False
    return True


@jit
def _off_wall(scene: Scene, parts: Ints, x: float, y: float) -> tuple[float, float, bool]:
    """Return the direction off the walls a camera stands on, and whether there are any."""
    nx, ny, touching = 0.0, 0.0, False
    for part in parts:
        for number in range(scene.first[part], scene.first[part + 1]):
            if _gap(scene.walls[number], x, y) < ON_WALL_M:
                ux, uy = _outward(scene.walls[number])
                nx, ny, touching = nx + ux, ny + uy, True
    length = math.hypot(nx, ny)
    if length < 1e-6:
        return 0.0, 0.0, touching
    return nx / length, ny / length, touching


@jit
def _exit_along(wall: Floats, x: float, y: float, dx: float, dy: float) -> float:
    """Return how far along a ray it leaves a building through a wall; infinite if it does not."""
    ex, ey, qx, qy = wall[2] - wall[0], wall[3] - wall[1], wall[0] - x, wall[1] - y
    leaving = dx * ey - dy * ex
    if leaving <= 0.0:
        return np.inf
    along = (qx * dy - qy * dx) / leaving
    return (qx * ey - qy * ex) / leaving if 0.0 <= along <= 1.0 else np.inf


@jit
def _exit_nearest(wall: Floats, x: float, y: float) -> float:
    """Return the distance of a wall if the position is on its inner side; else infinite."""
    ex, ey = wall[2] - wall[0], wall[3] - wall[1]
    if ex * (y - wall[1]) - ey * (x - wall[0]) < -_ALONG_M2:
        return np.inf
    return _gap(wall, x, y)


@jit
def _next_exit(
    scene: Scene,
    parts: Ints,
    x: float,
    y: float,
    ray: tuple[float, float],
    after: float,
    last: int,
) -> tuple[float, int]:
    """Return the next exit after another, by distance and then by number; -1 if none is left."""
    best, found = ESCAPE_M, -1
    for part in parts:
        for number in range(scene.first[part], scene.first[part + 1]):
            wall = scene.walls[number]
            if ray[0] == 0.0 and ray[1] == 0.0:
                way = _exit_nearest(wall, x, y)
            else:
                way = _exit_along(wall, x, y, ray[0], ray[1])
            if way < after or (way == after and number <= last):
                continue
            if way < best or (way == best and (found < 0 or number < found)):
                best, found = way, number
    return best, found


@jit
def _exit_point(
    scene: Scene, number: int, x: float, y: float, ray: tuple[float, float], way: float
) -> tuple[float, float]:
    """Return the position just outside the wall through which a camera leaves."""
    wall = scene.walls[number]
    nx, ny = _outward(wall)
    if ray[0] != 0.0 or ray[1] != 0.0:
        return x + way * ray[0] + OUTSIDE_M * nx, y + way * ray[1] + OUTSIDE_M * ny
    x, y = _foot(wall, x, y)
    return x + OUTSIDE_M * nx, y + OUTSIDE_M * ny


@jit
def _escape(
    scene: Scene, parts: Ints, x: float, y: float, ray: tuple[float, float]
) -> tuple[float, float, bool]:
    """Return the first free position outside, along the ray or (no ray) through nearest walls."""
    way, number = _next_exit(scene, parts, x, y, ray, -OUTSIDE_M, -1)
    while number >= 0:
        out_x, out_y = _exit_point(scene, number, x, y, ray, way)
        if _is_free(scene, parts, out_x, out_y):
            return out_x, out_y, True
        way, number = _next_exit(scene, parts, x, y, ray, way, number)
    return x, y, False


@jit
def _stand(
    scene: Scene, x: float, y: float, ray: tuple[float, float]
) -> tuple[float, float, int, bool]:
    """Return where a camera is put, why, and whether it could be put anywhere."""
    parts = _parts_near(scene, x, y, ON_WALL_M)
    if len(parts) == 0:
        return x, y, FREE, True
    nx, ny, touching = _off_wall(scene, parts, x, y)
    if not touching and not _inside(scene, parts, x, y):
        return x, y, FREE, True
    parts = _parts_near(scene, x, y, ESCAPE_M + 1.0)
    if touching and (nx != 0.0 or ny != 0.0):
        for step in (OUTSIDE_M, OUTSIDE_M / 2.0, ON_WALL_M):
            if _is_free(scene, parts, x + step * nx, y + step * ny):
                return x + step * nx, y + step * ny, ON_WALL, True
    why = INSIDE if not touching or _inside(scene, parts, x, y) else ON_WALL
    x, y, found = _escape(scene, parts, x, y, ray)
    return x, y, why, found


@jit_entry
def stand_all(scene: Scene, cameras: Floats) -> tuple[Floats, Ints, Bools]:
    """Return positions (n, 2), why each was chosen, and whether there is one.

    ``cameras`` (n, 5): x, y, axis, angle, range; an axis that is not a number has no ray.
    """
    size = len(cameras)
    place, why, found = np.empty((size, 2)), np.zeros(size, np.int64), np.ones(size, np.bool_)
    for c in range(size):
        x, y, axis, angle, _ = cameras[c]
        directed = angle < 2.0 * math.pi and not math.isnan(axis)
        ray = (math.cos(axis), math.sin(axis)) if directed else (0.0, 0.0)
        place[c, 0], place[c, 1], why[c], found[c] = _stand(scene, x, y, ray)
    return place, why, found
