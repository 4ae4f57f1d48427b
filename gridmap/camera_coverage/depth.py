"""How often ground is covered: exact areas at every k, and what only one group covers.

Belongs here: the edge-depth arrangement over a set of polygons. Does not belong here: frames,
cameras, units (``ground``, ``failures``); how often lines are covered (``stretches``).

Along the outline of each polygon the number d of others that cover it changes only where it
crosses their outlines. A piece with d others is a piece of the boundary of the ground covered at
least d + 1 times, so its cross product goes to that area; no polygon is ever cut. Crossings are
decided in whole numbers, ties by moving each polygon a symbolic hair: shared walls and cameras on
one pole need no tolerance. Source: visibility.md section 5, "edge-depth method".
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import shapely

from gridmap.visibility.kernel import jit, jit_entry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Geometries = NDArray[np.object_]

_THREADS = 2
_CHUNKS = 8
_NOTHING_M2 = 1e-9
_FINEST = 21  # binary digits after the point: 0.5 µm
_HAIR = 1e-30  # less than any area in whole numbers
_BELOW_1 = 1.0 - 1e-12  # a crossing at the end of an edge stays on that edge
_ROOM = 30  # products of two differences of this many digits, added up, fit into 64


class Sheets(NamedTuple):
    """Polygons as whole numbers; the solid lies left of every edge.

    ``xy`` (c, 2): corners, rings closed. ``ring`` (r + 1): where each ring begins.
    ``first`` (p + 1): first ring of polygon p. ``box`` (p, 4). ``near_first`` (p + 1), ``near``:
    the polygons whose boxes meet that of p. ``group`` (p), ``field`` (p): whose it is, and to
    which sum it counts.
    """

    xy: Ints
    ring: Ints
    first: Ints
    box: Ints
    near_first: Ints
    near: Ints
    group: Ints
    field: Ints


@jit
def _side(ex: int, ey: int, cx: int, cy: int, lift: int) -> float:
    """Return twice the signed area that an edge vector spans with a corner; never 0.

    The corner is relative to the edge's start. Its polygon is lifted (1) or sunk (-1)
    against that of the edge, which moves it a hair east or west and, by less, north or south.
    """
    cross = ex * cy - ey * cx
    if cross != 0:
        return float(cross)
    tie = -ey if ey != 0 else ex
    return _HAIR if (tie > 0) == (lift > 0) else -_HAIR


@jit
def _holds(sheets: Sheets, j: int, x: int, y: int, lift: int) -> bool:
    """Tell whether polygon j contains a corner of another polygon."""
    if x < sheets.box[j, 0] or x > sheets.box[j, 2] or y < sheets.box[j, 1] or y > sheets.box[j, 3]:
        return False
    odd = False
    for r in range(sheets.first[j], sheets.first[j + 1]):
        dx, dy = sheets.xy[sheets.ring[r], 0], sheets.xy[sheets.ring[r], 1]
        d_up = dy > y or (dy == y and lift < 0)
        for v in range(sheets.ring[r] + 1, sheets.ring[r + 1]):
            cx, cy, c_up = dx, dy, d_up
            dx, dy = sheets.xy[v, 0], sheets.xy[v, 1]
            d_up = dy > y or (dy == y and lift < 0)
            if c_up != d_up and (_side(dx - cx, dy - cy, x - cx, y - cy, lift) > 0.0) == d_up:
                odd = not odd
    return odd


@jit
def _facing(
    sheets: Sheets, j: int, west: int, south: int, east: int, north: int, edges: Ints
) -> int:
    """List the edges of polygon j whose boxes meet another box; return how many there are."""
    m = 0
    for r in range(sheets.first[j], sheets.first[j + 1]):
        bx, by = sheets.xy[sheets.ring[r], 0], sheets.xy[sheets.ring[r], 1]
        for v in range(sheets.ring[r] + 1, sheets.ring[r + 1]):
            ax, ay = bx, by
            bx, by = sheets.xy[v, 0], sheets.xy[v, 1]
            if (ax < west and bx < west) or (ax > east and bx > east):
                continue
            if (ay < south and by < south) or (ay > north and by > north):
                continue
            edges[m, 0], edges[m, 1], edges[m, 2], edges[m, 3], edges[m, 4] = ax, ay, bx, by, v - 1
            m += 1
    return m


class _Events(NamedTuple):
    """Where the outline of one polygon enters (+1) or leaves (-1) others: corner number + share."""

    at: Floats
    sign: Ints
    other: Ints


@jit
def _grown(events: _Events, n: int) -> _Events:
    """Return the events, with twice the room if there is none left."""
    if n < len(events.at):
        return events
    at, sign, other = np.empty(2 * n), np.empty(2 * n, np.int64), np.empty(2 * n, np.int64)
    at[:n], sign[:n], other[:n] = events.at[:n], events.sign[:n], events.other[:n]
    return _Events(at, sign, other)


@jit
def _cross(
    sheets: Sheets, i: int, j: int, mine: Ints, theirs: Ints, events: _Events, n: int
) -> tuple[_Events, int]:
    """Append where the outline of polygon i crosses that of j; return the number of events."""
    west = max(sheets.box[i, 0], sheets.box[j, 0])
    south = max(sheets.box[i, 1], sheets.box[j, 1])
    east = min(sheets.box[i, 2], sheets.box[j, 2])
    north = min(sheets.box[i, 3], sheets.box[j, 3])
    m = _facing(sheets, i, west, south, east, north, mine)
    k = _facing(sheets, j, west, south, east, north, theirs)
    lift, base = 1 if i > j else -1, sheets.ring[sheets.first[i]]
    for e in range(m):
        ax, ay, bx, by = mine[e, 0], mine[e, 1], mine[e, 2], mine[e, 3]
        west, east = min(ax, bx), max(ax, bx)
        south, north = min(ay, by), max(ay, by)
        for f in range(k):
            cx, cy, dx, dy = theirs[f, 0], theirs[f, 1], theirs[f, 2], theirs[f, 3]
            if (cx < west and dx < west) or (cx > east and dx > east):
                continue
            if (cy < south and dy < south) or (cy > north and dy > north):
                continue
            left = _side(bx - ax, by - ay, cx - ax, cy - ay, -lift) > 0.0
            if left == (_side(bx - ax, by - ay, dx - ax, dy - ay, -lift) > 0.0):
                continue
            start = _side(dx - cx, dy - cy, ax - cx, ay - cy, lift)
            end = _side(dx - cx, dy - cy, bx - cx, by - cy, lift)
            if (start > 0.0) == (end > 0.0):
                continue
            events = _grown(events, n)
            events.at[n] = mine[e, 4] - base + min(start / (start - end), _BELOW_1)
            events.sign[n] = 1 if end > 0.0 else -1
            events.other[n] = j
            n += 1
    return events, n


class _Cover(NamedTuple):
    """What covers the present piece besides its own polygon: how many, and whose (sums)."""

    several: int
    groups: int
    squares: int


@jit
def _changed(cover: _Cover, sign: int, group: int) -> _Cover:
    """Return the cover with one polygon more or less."""
    return _Cover(
        cover.several + sign, cover.groups + sign * group, cover.squares + sign * group * group
    )


@jit
def _owner(cover: _Cover) -> int:
    """Return the group that all covering polygons belong to; -1 if there are several or none.

    The mean of squares equals the square of the mean only where all numbers are the same.
    """
    if cover.several == 0 or cover.squares * cover.several != cover.groups * cover.groups:
        return -1
    return cover.groups // cover.several


@jit
def _walk(
    sheets: Sheets,
    i: int,
    r: int,
    cover: _Cover,
    events: _Events,
    order: Ints,
    low: int,
    high: int,
    origin: Floats,
    areas: Floats,
    lost: Floats,
) -> None:
    """Add the pieces of one ring to the areas they bound."""
    field, group = sheets.field[i], sheets.group[i]
    place, base = low, sheets.ring[sheets.first[i]]
    for v in range(sheets.ring[r], sheets.ring[r + 1] - 1):
        ax, ay = sheets.xy[v, 0] - origin[0], sheets.xy[v, 1] - origin[1]
        ex, ey = (
            float(sheets.xy[v + 1, 0] - sheets.xy[v, 0]),
            float(sheets.xy[v + 1, 1] - sheets.xy[v, 1]),
        )
        twice = ax * ey - ay * ex  # of a whole edge; a piece has its share of it
        done = 0.0
        while True:
            more = place < high and events.at[order[place]] < v - base + 1
            until = events.at[order[place]] - (v - base) if more else 1.0
            piece = twice * (until - done)
            areas[field, cover.several + 1] += piece
            if cover.several == 0:
                lost[group] += piece
            else:
                owner = _owner(cover)
                if owner >= 0 and owner != group:
                    lost[owner] -= piece
            done = until
            if not more:
                break
            e = order[place]
            cover = _changed(cover, events.sign[e], sheets.group[events.other[e]])
            place += 1


@jit_entry
def measure(sheets: Sheets, members: Ints, origin: Floats, areas: Floats, lost: Floats) -> int:
    """Add twice the areas, in lattice units, that the outlines of some polygons bound.

    ``members``: numbers of polygons. ``origin`` (f, 2): a corner near each field. ``areas``
    (f, most + 2): column k is covered by at least k. ``lost`` (g): covered by that group only.
    Returns the number of crossings.
    """
    events = _Events(np.empty(64), np.empty(64, np.int64), np.empty(64, np.int64))
    longest = np.max(np.diff(sheets.ring[sheets.first]))
    mine, theirs = np.empty((longest, 5), np.int64), np.empty((longest, 5), np.int64)
    total = 0
    for i in members:
        n = 0
        for k in range(sheets.near_first[i], sheets.near_first[i + 1]):
            events, n = _cross(sheets, i, sheets.near[k], mine, theirs, events, n)
        total += n
        order = np.argsort(events.at[:n])
        low, base = 0, sheets.ring[sheets.first[i]]
        for r in range(sheets.first[i], sheets.first[i + 1]):
            cover = _Cover(0, 0, 0)
            x, y = sheets.xy[sheets.ring[r], 0], sheets.xy[sheets.ring[r], 1]
            for k in range(sheets.near_first[i], sheets.near_first[i + 1]):
                j = sheets.near[k]
                if _holds(sheets, j, x, y, 1 if i > j else -1):
                    cover = _changed(cover, 1, sheets.group[j])
            high = low
            while high < n and events.at[order[high]] < sheets.ring[r + 1] - 1 - base:
                high += 1
            _walk(
                sheets, i, r, cover, events, order, low, high, origin[sheets.field[i]], areas, lost
            )
            low = high
    return total


class Depths(NamedTuple):
    """What `depths` found.

    ``areas_m2`` (fields, most + 1): column k is covered by at least k polygons; column 0 is not
    used. ``lost_m2`` (groups): covered by polygons of that group only. ``crossings``: how many
    the outlines have, each counted from both sides.
    """

    areas_m2: Floats
    lost_m2: Floats
    crossings: int


def depths(polygons: Geometries, *, field: Ints, group: Ints, fields: int, groups: int) -> Depths:
    """Return the area that so many of the polygons cover, and what only one group covers.

    Parameters
    ----------
    polygons
        Array (n) of valid Polygons and MultiPolygons, none empty, metric coordinates.
    field
        Array (n): polygons of different fields never meet, wherever they lie.
    group
        Array (n): polygons of one group fail together.
    fields, groups
        How many there are.

    Returns
    -------
    Depths
        Areas in m².

    Notes
    -----
    Rule: corners are rounded to at most 2^-21 m for large polygons less finely, so that every
    decision is exact; an area is right to some 1e-5 m² a polygon. Source: visibility.md section
    5. Cost: about the number of pairs that meet, times their edges; two threads.
    """
    if len(polygons) == 0:
        return Depths(np.zeros((fields, 1)), np.zeros(groups), 0)
    sheets, scale = _sheets(polygons, field, group)
    most = int(np.diff(sheets.near_first).max()) + 1
    middle = (sheets.box[:, :2] + sheets.box[:, 2:]) / 2
    size = np.maximum(np.bincount(field, minlength=fields), 1)
    origin = np.column_stack([np.bincount(field, xy, minlength=fields) / size for xy in middle.T])

    def work(members: Ints) -> tuple[Floats, Floats, int]:
        areas, lost = np.zeros((fields, most + 2)), np.zeros(groups)
        return areas, lost, measure(sheets, members, origin, areas, lost)

    with ThreadPoolExecutor(_THREADS) as pool:
        found = list(pool.map(work, np.array_split(np.arange(len(polygons)), _CHUNKS)))
    square = 2.0 * scale * scale
    areas, lost = (
        _total(part[0] for part in found) / square,
        _total(part[1] for part in found) / square,
    )
    used = np.flatnonzero((np.abs(areas) > _NOTHING_M2).any(axis=0))
    return Depths(areas[:, : used.max(initial=0) + 1], lost, sum(part[2] for part in found))


def _total(arrays: Iterable[Floats]) -> Floats:
    """Return the sum of arrays of one shape."""
    total: Floats = np.sum(list(arrays), axis=0)
    return total


def _sheets(polygons: Geometries, field: Ints, group: Ints) -> tuple[Sheets, float]:
    """Return polygons as whole numbers, and how many of these make a metre."""
    parts, owner = polygons, np.arange(len(polygons))
    if (shapely.get_type_id(polygons) != shapely.GeometryType.POLYGON).any():
        parts, owner = shapely.get_parts(polygons, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    bounds = shapely.bounds(polygons)
    extent = max(float((bounds[:, 2:] - bounds[:, :2]).max()), 1.0)
    scale = 2.0 ** min(_FINEST, int(np.floor(np.log2(2.0**_ROOM / extent))))
    corner = bounds[:, :2].min(axis=0)
    whole = np.rint((xy - corner) * scale).astype(np.int64)
    box = np.rint((bounds - np.tile(corner, 2)) * scale).astype(np.int64)
    first = np.searchsorted(ring, np.arange(len(rings) + 1))
    wrong = shapely.is_ccw(rings) != (np.diff(part, prepend=-1) > 0)
    if wrong.any():  # views and what is cut from them are turned right already
        back = first[ring] + first[ring + 1] - 1 - np.arange(len(whole))
        whole = whole[np.where(wrong[ring], back, np.arange(len(whole)))]
    first_ring = np.searchsorted(owner[part], np.arange(len(polygons) + 1))
    one, other = shapely.STRtree(polygons).query(polygons)
    apart = (one != other) & (field[one] == field[other])
    one, other = one[apart], other[apart]
    near_first = np.searchsorted(one, np.arange(len(polygons) + 1))
    return Sheets(whole, first, first_ring, box, near_first, other, group, field), scale
