"""How often lines are covered: stretches of lines, metres at every k, what only one group covers.

Belongs here: lines in polygons, sums over overlapping stretches. Does not belong here: where
stretches of walls come from (``visibility``), areas (``depth``).

A stretch is (line, start, end, camera): the share of a straight line, from its start, that a
camera covers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gridmap.visibility.kernel import jit, jit_entry
from gridmap.visibility.scene import gridded, parts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gridmap.visibility.kernel import Scene

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]
    Geometries = NDArray[np.object_]

_LEAST_CELL_M = 16.0  # of the grid over polygons
_FEW = 32  # up to so many spots on a line are sorted in place


class Stretches(NamedTuple):
    """Parts of lines: ``line`` and ``owner`` (n), the share from ``start`` to ``end`` (n)."""

    line: Ints
    start: Floats
    end: Floats
    owner: Ints

    def some(self, rows: Bools) -> Stretches:
        """Return some of them."""
        return Stretches(self.line[rows], self.start[rows], self.end[rows], self.owner[rows])


@jit
def _crossings(line: Floats, walls: Floats, low: int, high: int, shares: Floats) -> int:
    """List where the endless line through a segment crosses walls; return how often it does."""
    ax, ay = line[0], line[1]
    ex, ey = line[2] - ax, line[3] - ay
    n = 0
    for w in range(low, high):
        cx, cy, dx, dy = walls[w, 0] - ax, walls[w, 1] - ay, walls[w, 2] - ax, walls[w, 3] - ay
        side, other = ex * cy - ey * cx, ex * dy - ey * dx
        # A corner on the line counts as left of it: the line is never caught on a corner.
        if (side >= 0.0) != (other >= 0.0):
            share = side / (side - other)
            px, py = cx + share * (dx - cx), cy + share * (dy - cy)
            shares[n] = (px * ex + py * ey) / (ex * ex + ey * ey)
            n += 1
    return n


@jit
def _cell(at: float, least: float, cell: float, cells: int) -> int:
    """Return the column or row of a position, the nearest one outside the grid."""
    return min(max(math.floor((at - least) / cell), 0), cells - 1)


@jit
def _parts_about(scene: Scene, line: Floats, margin: float, found: Ints) -> tuple[int, Ints]:
    """List the parts whose bounds come near to those of a line; return how many, and the list.

    As `visibility.placement` does about a position: compiled code calls nothing in another file,
    whose changes its cache would miss.
    """
    west, east = min(line[0], line[2]) - margin, max(line[0], line[2]) + margin
    south, north = min(line[1], line[3]) - margin, max(line[1], line[3]) + margin
    i0 = _cell(west, scene.west, scene.cell, scene.columns)
    i1 = _cell(east, scene.west, scene.cell, scene.columns)
    j0 = _cell(south, scene.south, scene.cell, scene.rows)
    j1 = _cell(north, scene.south, scene.cell, scene.rows)
    n = 0
    for j in range(j0, j1 + 1):
        for i in range(i0, i1 + 1):
            at = j * scene.columns + i
            for place in range(scene.cell_first[at], scene.cell_first[at + 1]):
                part = scene.cell_part[place]
                box = scene.box[part]
                if box[0] > east or box[2] < west or box[1] > north or box[3] < south:
                    continue
                left = _cell(box[0], scene.west, scene.cell, scene.columns)
                low = _cell(box[1], scene.south, scene.cell, scene.rows)
                if max(left, i0) != i or max(low, j0) != j:
                    continue  # counted in another cell
                if n == len(found):
                    found = np.append(found, np.empty(n, np.int64))
                found[n] = part
                n += 1
    return n, found


@jit
def _with_room(found: Stretches, m: int, more: int) -> Stretches:
    """Return stretches, of which there are m, with room for more of them."""
    if m + more <= len(found.line):
        return found
    size = 2 * (m + more)
    larger = _none(size)
    larger.line[:m], larger.owner[:m] = found.line[:m], found.owner[:m]
    larger.start[:m], larger.end[:m] = found.start[:m], found.end[:m]
    return larger


@jit
def _none(size: int) -> Stretches:
    """Return room for so many stretches."""
    line, owner = np.empty(size, np.int64), np.empty(size, np.int64)
    return Stretches(line, np.empty(size), np.empty(size), owner)


@jit
def _note(
    found: Stretches, m: int, number: int, owner: int, shares: Floats, n: int
) -> tuple[Stretches, int]:
    """Append the stretches between every other two of n crossings; return them, and how many."""
    if n == 0:
        return found, m
    if n > 2:
        shares[:n].sort()
    elif shares[0] > shares[1]:
        shares[0], shares[1] = shares[1], shares[0]
    found = _with_room(found, m, n)
    for k in range(0, n - 1, 2):
        low, high = max(shares[k], 0.0), min(shares[k + 1], 1.0)
        if low < high:
            found.line[m], found.owner[m], found.start[m], found.end[m] = number, owner, low, high
            m += 1
    return found, m


@jit
def _most(first: Ints) -> int:
    """Return how many walls a part has at most."""
    most = 0
    for part in range(len(first) - 1):
        most = max(most, first[part + 1] - first[part])
    return most


@jit_entry
def _among(lines: Floats, scene: Scene, row: Ints) -> Stretches:
    """Return the stretches in which lines lie in parts, line by line."""
    shares, parts = np.empty(_most(scene.first)), np.empty(64, np.int64)
    found, m = _none(64), 0
    for p in range(len(lines)):
        if lines[p, 0] == lines[p, 2] and lines[p, 1] == lines[p, 3]:
            continue
        about, parts = _parts_about(scene, lines[p], 0.0, parts)
        for part in parts[:about]:
            n = _crossings(lines[p], scene.walls, scene.first[part], scene.first[part + 1], shares)
            found, m = _note(found, m, p, row[part], shares, n)
    return Stretches(found.line[:m], found.start[:m], found.end[:m], found.owner[:m])


@jit_entry
def _beside(scene: Scene, row: Ints, line: Ints, before: Floats, margin: float) -> Stretches:
    """Return the stretches in which the lines before walls lie in what others have beside them."""
    shares, parts = np.empty(_most(scene.first)), np.empty(64, np.int64)
    found, m = _none(64), 0
    for own in range(len(row)):
        about, parts = _parts_about(scene, scene.box[own], margin, parts)
        for part in parts[:about]:
            if row[part] == row[own]:
                continue
            box, low, high = scene.box[part], scene.first[part], scene.first[part + 1]
            for w in range(scene.first[own], scene.first[own + 1]):
                x0, y0, x1, y1 = before[line[w]]
                if max(x0, x1) < box[0] or min(x0, x1) > box[2]:
                    continue
                if max(y0, y1) < box[1] or min(y0, y1) > box[3]:
                    continue
                n = _crossings(before[line[w]], scene.walls, low, high, shares)
                found, m = _note(found, m, line[w], row[part], shares, n)
    return Stretches(found.line[:m], found.start[:m], found.end[:m], found.owner[:m])


def stretches_inside(lines: Floats, polygons: Geometries) -> Stretches:
    """Return the stretches of lines that lie in polygons.

    Parameters
    ----------
    lines
        Array (n, 4): start and end of straight lines, metric.
    polygons
        Array (m) of valid Polygons and MultiPolygons, holes left out; of those that are empty
        or missing nothing is inside.

    Returns
    -------
    Stretches
        ``owner``: the polygon's number.

    Notes
    -----
    Rule: even-odd; of a line along an edge either answer is right. Cost: the pairs whose boxes
    meet, times the polygons' corners.
    """
    if len(lines) == 0:
        polygons = polygons[:0]
    parts = parts_of(polygons)
    side = (parts.box[:, 2:] - parts.box[:, :2]).mean() if len(parts.box) else 0.0
    scene = gridded(parts.ends, parts.first, parts.box, max(float(side), _LEAST_CELL_M))
    return stretches_among(lines, scene, parts.row)


def stretches_among(lines: Floats, scene: Scene, row: Ints) -> Stretches:
    """Return the stretches of lines that lie in the parts of a scene.

    Parameters
    ----------
    lines
        As in `stretches_inside`.
    scene
        Parts, and the grid over them.
    row
        Array by part: the number of what it is a part of.

    Returns
    -------
    Stretches
        ``owner``: a number of ``row``.

    Notes
    -----
    As `stretches_inside`.
    """
    return Stretches(*_among(lines, scene, row))


def stretches_beside(
    before: Floats, scene: Scene, row: Ints, *, line: Ints, margin_m: float
) -> Stretches:
    """Return the stretches of lines before the walls of a scene that lie in what is beside them.

    Parameters
    ----------
    before
        Array (n, 4): the lines.
    scene, row
        As in `stretches_among`.
    line
        Array by wall of the scene: which line lies before it.
    margin_m
        How far a line lies before its wall at most.

    Returns
    -------
    Stretches
        ``owner``: a number of ``row``, not the one of the wall itself.

    Notes
    -----
    As `stretches_inside`; only parts whose boxes are near to each other are looked at.
    """
    return Stretches(*_beside(scene, row, line, before, margin_m))


@jit
def _gap(line: Floats, x: float, y: float) -> float:
    """Return the distance of a spot from a line."""
    ex, ey, ax, ay = line[2] - line[0], line[3] - line[1], x - line[0], y - line[1]
    square = ex * ex + ey * ey
    along = min(max((ax * ex + ay * ey) / square, 0.0), 1.0) if square > 0.0 else 0.0
    return math.hypot(ax - along * ex, ay - along * ey)


@jit
def _is_near(line: Floats, walls: Floats, distance: float) -> bool:
    """Tell whether a line comes near to any wall; it crosses none."""
    for wall in walls:
        ends = min(_gap(wall, line[0], line[1]), _gap(wall, line[2], line[3]))
        if min(ends, _gap(line, wall[0], wall[1]), _gap(line, wall[2], wall[3])) <= distance:
            return True
    return False


@jit_entry
def sums_near(
    lines: Floats,
    place: Ints,
    places: int,
    scene: Scene,
    row: Ints,
    weight: Floats,
    distance: float,
) -> Floats:
    """Return for each place the sum of the weights of what stands near its lines.

    Parameters
    ----------
    lines, place
        Arrays (n, 4) and (n): start and end of straight lines, metric, none of which crosses a
        wall; what each belongs to, all lines of one place together.
    places
        How many places there are.
    scene, row
        As in `stretches_among`.
    weight
        Array by number of ``row``.
    distance
        Metres.

    Returns
    -------
    ndarray
        Sums by place; what is near to several of its lines counts once.

    Notes
    -----
    Cost: the pairs of lines and parts whose boxes are near, until a part is found to be.
    """
    total, last, parts = np.zeros(places), np.full(len(weight), -1), np.empty(64, np.int64)
    for p in range(len(lines)):
        about, parts = _parts_about(scene, lines[p], distance, parts)
        for part in parts[:about]:
            one = row[part]
            if last[one] != place[p] and _is_near(
                lines[p], scene.walls[scene.first[part] : scene.first[part + 1]], distance
            ):
                last[one] = place[p]
                total[place[p]] += weight[one]
    return total


@jit_entry
def _along(line: Ints, at: Floats, lines: int) -> Ints:
    """Return the order of spots by line and along it; those at one share stay in their order."""
    first = np.zeros(lines + 1, np.int64)
    for one in line:
        first[one + 1] += 1
    first = np.cumsum(first)
    order, room = np.empty(len(line), np.int64), first[:-1].copy()
    for i in range(len(line)):
        order[room[line[i]]] = i
        room[line[i]] += 1
    for one in range(lines):
        low, high = first[one], first[one + 1]
        if high - low > _FEW:
            mine = order[low:high].copy()
            order[low:high] = mine[np.argsort(at[mine], kind="mergesort")]
            continue
        for k in range(low + 1, high):
            i, spot = order[k], k
            while spot > low and at[order[spot - 1]] > at[i]:
                order[spot] = order[spot - 1]
                spot -= 1
            order[spot] = i
    return order


class Lengths(NamedTuple):
    """What `lengths` found.

    ``lengths_m`` (places, most + 1): column k is covered by at least k; column 0 is not used.
    ``lost_m`` (groups): covered by that group only.
    """

    lengths_m: Floats
    lost_m: Floats


def lengths(
    stretches: Stretches,
    *,
    length_m: Floats,
    place: Ints,
    places: int,
    group: Ints | None = None,
    groups: int = 0,
) -> Lengths:
    """Return the metres that so many stretches cover, and what only one group covers.

    Parameters
    ----------
    stretches
        Stretches of any lines, in any order.
    length_m, place
        Arrays by line: its length, and to which sum it counts.
    places
        How many sums there are.
    group
        Array by owner: owners of one group fail together.
    groups
        How many groups there are.

    Returns
    -------
    Lengths
        Metres.

    Notes
    -----
    Rule: abutting stretches of one owner count once. Cost: one sort of the ends.
    """
    n = len(stretches.line)
    # Ends first: at one share an end comes before a start.
    line = np.tile(stretches.line, 2)
    at = np.concatenate([stretches.end, stretches.start])
    sign = np.repeat([-1, 1], n)
    owner = np.tile(stretches.owner if group is None else group[stretches.owner], 2)
    order = _along(line, at, len(length_m))
    line, at, sign, owner = line[order], at[order], sign[order], owner[order]
    # A stretch of no length ends before it starts.
    count = np.cumsum(sign).clip(min=0)
    piece = np.zeros(2 * n)
    piece[:-1] = np.where(line[1:] == line[:-1], at[1:] - at[:-1], 0.0)
    piece *= length_m[line]
    columns = int(count.max(initial=0)) + 1
    # Of nothing, numpy counts whole numbers.
    cells = place[line] * columns + count
    exactly = np.bincount(cells, piece, minlength=places * columns).astype(float)
    at_least: Floats = np.cumsum(exactly.reshape(places, columns)[:, ::-1], axis=1)[:, ::-1].copy()
    at_least[:, 0] = 0.0
    lost: Floats = np.zeros(groups)
    if group is not None:
        total, squares = np.cumsum(sign * owner), np.cumsum(sign * owner * owner)
        # The mean of squares equals the square of the mean only where all are the same.
        alone = (count > 0) & (squares * count == total * total)
        lost += np.bincount(total[alone] // count[alone], piece[alone], minlength=groups)
    return Lengths(at_least, lost)


def common(stretches: Stretches, others: Stretches, lines: int) -> tuple[Stretches, Ints]:
    """Return the parts of stretches that others of the same lines have too.

    Parameters
    ----------
    stretches
        Stretches of some of the lines, in any order.
    others
        Likewise, line by line.
    lines
        How many lines there are.

    Returns
    -------
    tuple
        The parts, with the owners of the stretches, and for each the owner of the other.

    Notes
    -----
    Cost: the pairs of both on each line.
    """
    first = np.searchsorted(others.line, np.arange(lines + 1))
    size = np.diff(first)[stretches.line]
    one = np.repeat(np.arange(len(size)), size)
    other = np.arange(len(one)) + np.repeat(first[stretches.line] - np.cumsum(size) + size, size)
    start = np.maximum(stretches.start[one], others.start[other])
    end = np.minimum(stretches.end[one], others.end[other])
    met = start < end
    found = Stretches(stretches.line[one], start, end, stretches.owner[one])
    return found.some(met), others.owner[other[met]]


def gaps(covered: Stretches, lines: int) -> Stretches:
    """Return the stretches of lines that nothing covers.

    Parameters
    ----------
    covered
        Stretches of some of the lines, in any order.
    lines
        How many lines there are.

    Returns
    -------
    Stretches
        ``owner`` is the line again. Gaps shorter than 1e-9 of a line are left out.

    Notes
    -----
    Cost: one sort of the ends.
    """
    every = np.arange(lines)
    # A stretch of no length at both ends of each line closes its first and last gap.
    line = np.concatenate([covered.line, every, every])
    start = np.concatenate([covered.start, np.zeros(lines), np.ones(lines)])
    end = np.concatenate([covered.end, np.zeros(lines), np.ones(lines)])
    order = _along(line, start, lines)
    line, start, end = line[order], start[order], end[order]
    # Lines are 2 apart, so that the farthest end so far never reaches into the next one.
    reached = np.maximum.accumulate(end + 2.0 * line)[:-1] - 2.0 * line[:-1]
    open_ = (line[1:] == line[:-1]) & (start[1:] - reached > 1e-9)
    line = line[:-1][open_]
    return Stretches(line, reached[open_], start[1:][open_], line)
