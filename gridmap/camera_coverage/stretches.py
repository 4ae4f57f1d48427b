"""How often lines are covered: stretches of lines, metres at every k, what only one group covers.

Belongs here: lines in polygons, sums over overlapping stretches. Does not belong here: where
stretches of walls come from (``visibility``), areas (``depth``).

A stretch is (line, start, end, camera): the share of a straight line, from its start, that a
camera covers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import shapely

from gridmap.visibility.kernel import jit, jit_entry

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Geometries = NDArray[np.object_]


class Stretches(NamedTuple):
    """Parts of lines: ``line`` and ``owner`` (n), the share from ``start`` to ``end`` (n)."""

    line: Ints
    start: Floats
    end: Floats
    owner: Ints


@jit
def _crossings(line: Floats, xy: Floats, ring: Ints, low: int, high: int, shares: Floats) -> int:
    """List where the endless line through a segment crosses rings; return how often it does."""
    ax, ay = line[0], line[1]
    ex, ey = line[2] - ax, line[3] - ay
    n = 0
    for r in range(low, high):
        v = ring[r]
        cx, cy = xy[v, 0] - ax, xy[v, 1] - ay
        side = ex * cy - ey * cx
        for w in range(v + 1, ring[r + 1]):
            dx, dy = xy[w, 0] - ax, xy[w, 1] - ay
            other = ex * dy - ey * dx
            # A corner on the line counts as left of it: the line is never caught on a corner.
            if (side >= 0.0) != (other >= 0.0):
                share = side / (side - other)
                px, py = cx + share * (dx - cx), cy + share * (dy - cy)
                shares[n] = (px * ex + py * ey) / (ex * ex + ey * ey)
                n += 1
            cx, cy, side = dx, dy, other
    return n


@jit_entry
def _inside(
    lines: Floats, xy: Floats, ring: Ints, first: Ints, line: Ints, polygon: Ints
) -> tuple[Ints, Floats, Floats]:
    """Return (pair, start, end) of the stretches in which lines lie in polygons, pair by pair."""
    shares = np.empty(len(xy) + 1)
    pair, start, end = np.empty(64, np.int64), np.empty(64), np.empty(64)
    m = 0
    for p in range(len(line)):
        j = polygon[p]
        n = _crossings(lines[line[p]], xy, ring, first[j], first[j + 1], shares)
        shares[:n].sort()
        for k in range(0, n - 1, 2):
            low, high = max(shares[k], 0.0), min(shares[k + 1], 1.0)
            if low >= high:
                continue
            if m == len(pair):
                pair = np.append(pair, np.empty(m, np.int64))
                start, end = np.append(start, np.empty(m)), np.append(end, np.empty(m))
            pair[m], start[m], end[m] = p, low, high
            m += 1
    return pair[:m], start[:m], end[:m]


def stretches_inside(
    lines: Floats, polygons: Geometries, pairs: tuple[Ints, Ints] | None = None
) -> Stretches:
    """Return the stretches of lines that lie in polygons.

    Parameters
    ----------
    lines
        Array (n, 4): start and end of straight lines, metric.
    polygons
        Array (m) of valid Polygons and MultiPolygons, none empty, holes left out.
    pairs
        Line and polygon numbers to look at; all whose boxes meet if not given.

    Returns
    -------
    Stretches
        ``owner``: the polygon's number.

    Notes
    -----
    Rule: even-odd; of a line along an edge either answer is right. Cost: the pairs whose boxes
    meet, times the polygons' corners.
    """
    none = np.zeros(0, np.int64)
    if len(lines) == 0 or len(polygons) == 0:
        return Stretches(none, np.zeros(0), np.zeros(0), none)
    if pairs is None:
        segments = shapely.linestrings(lines.reshape(-1, 2, 2))
        pairs = tuple(shapely.STRtree(polygons).query(segments))
    line, polygon = (np.asarray(part, dtype=np.int64) for part in pairs)
    some = (lines[:, :2] != lines[:, 2:]).any(axis=1)[line]
    line, polygon = line[some], polygon[some]
    parts, owner = shapely.get_parts(polygons, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    first_corner = np.searchsorted(ring, np.arange(len(rings) + 1))
    first_ring = np.searchsorted(owner[part], np.arange(len(polygons) + 1))
    pair, start, end = _inside(lines, xy, first_corner, first_ring, line, polygon)
    return Stretches(line[pair], start, end, polygon[pair])


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
    line = np.tile(stretches.line, 2)
    at = np.concatenate([stretches.start, stretches.end])
    sign = np.repeat([1, -1], n)
    owner = np.tile(stretches.owner if group is None else group[stretches.owner], 2)
    order = np.lexsort((sign, at, line))  # an end before a start at the same share
    line, at, sign, owner = line[order], at[order], sign[order], owner[order]
    count, total = np.cumsum(sign), np.cumsum(sign * owner)
    squares = np.cumsum(sign * owner * owner)
    piece = np.zeros(2 * n)
    piece[:-1] = np.where(line[1:] == line[:-1], at[1:] - at[:-1], 0.0)
    piece *= length_m[line]
    most = int(count.max(initial=0))
    exactly: Floats = np.zeros((places, most + 1))
    np.add.at(exactly, (place[line], count), piece)
    at_least: Floats = np.cumsum(exactly[:, ::-1], axis=1)[:, ::-1].copy()
    at_least[:, 0] = 0.0
    lost: Floats = np.zeros(groups)
    if group is not None:
        # The mean of squares equals the square of the mean only where all are the same.
        alone = (count > 0) & (squares * count == total * total)
        lost += np.bincount(total[alone] // count[alone], piece[alone], minlength=groups)
    return Lengths(at_least, lost)


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
    order = np.lexsort((start, line))
    line, start, end = line[order], start[order], end[order]
    # Lines are 2 apart, so that the farthest end so far never reaches into the next one.
    reached = np.maximum.accumulate(end + 2.0 * line)[:-1] - 2.0 * line[:-1]
    open_ = (line[1:] == line[:-1]) & (start[1:] - reached > 1e-9)
    line = line[:-1][open_]
    return Stretches(line, reached[open_], start[1:][open_], line)
