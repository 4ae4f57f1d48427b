"""The arrangement of overlapping polygons: what covers each piece of their outlines.

Belongs here: polygons in whole numbers, crossings of outlines, the walk along an outline with
what covers it: its compiled code, which calls only what is in this file, or old code would be
taken from the cache. Does not belong here: frames, and what is made of the walk: areas
(``depth``), polygons (``outlines``).

Along the outline of each polygon the polygons that cover it change only where it crosses their
outlines; no polygon is ever cut. Crossings are decided in whole numbers, ties by moving each
polygon a symbolic hair: shared walls and cameras on one pole need no tolerance. Polygons of
different fields never meet: a unit with all that may cover its ground is one field. Source:
visibility.md section 5, "edge-depth method".
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gridmap.visibility.kernel import jit, jit_entry
from gridmap.visibility.scene import rings_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Geometries = NDArray[np.object_]

COVER, SOLID, UNIT = 0, 1, 2
"""Kinds of members: what covers ground, what takes it away, and where ground counts."""

OUTSIDE, BARE, COVERED = 0, 1, 2
"""Classes of ground: outside the unit or in something solid, covered by nothing, covered."""

_THREADS = 2
_CHUNKS = 8
_FEW = 500  # members that are sooner walked than a thread is begun
_FINEST = 21  # binary digits after the point: 0.5 µm
_ROOM = 30  # products of two differences of this many digits, added up, fit into 64
_HAIR = 1e-30  # less than any area in whole numbers


class Outlines(NamedTuple):
    """Polygons as whole numbers; the solid lies left of every edge.

    ``xy`` (c, 2): corners, rings closed. ``ring`` (r + 1): where each ring begins.
    ``first`` (p + 1): first ring of polygon p. ``box`` (p, 4): west, south, east, north.
    """

    xy: Ints
    ring: Ints
    first: Ints
    box: Ints


class Members(NamedTuple):
    """Which polygon lies in which field, and whom its box meets there.

    ``polygon``, ``field``, ``kind`` (m), ``group`` (m, ways to group them): a polygon that lies in
    several fields is a member of each. ``near_first`` (m + 1), ``near``: the members whose boxes
    meet that of m.
    """

    polygon: Ints
    field: Ints
    kind: Ints
    group: Ints
    near_first: Ints
    near: Ints


# --- corners ------------------------------------------------------------------------------------


class Corners(NamedTuple):
    """Polygons as arrays: corners (c, 2), where rings (r + 1) and polygons (p + 1) begin."""

    xy: Floats
    ring: Ints
    first: Ints


def corners_of(polygons: Geometries) -> Corners:
    """Return the corners of polygons, turned so that the solid lies left of every edge.

    Parameters
    ----------
    polygons
        Array (p) of valid Polygons and MultiPolygons, none empty, metric coordinates.

    Returns
    -------
    Corners
        Rings are closed.
    """
    xy, ring, row, outer = rings_of(polygons)
    wrong = (_turns(xy, ring) < 0.0) == outer
    if wrong.any():
        of_corner = np.repeat(np.arange(len(row)), np.diff(ring))
        back = ring[of_corner] + ring[of_corner + 1] - 1 - np.arange(len(xy))
        xy = xy[np.where(wrong[of_corner], back, np.arange(len(xy)))]
    return Corners(xy, ring, np.searchsorted(row, np.arange(len(polygons) + 1)))


@jit_entry
def _turns(xy: Floats, ring: Ints) -> Floats:
    """Return twice the signed area of each ring."""
    turns = np.zeros(len(ring) - 1)
    for r in range(len(turns)):
        x, y = xy[ring[r], 0], xy[ring[r], 1]
        for v in range(ring[r] + 1, ring[r + 1] - 1):
            ax, ay = xy[v, 0] - x, xy[v, 1] - y
            turns[r] += ax * (xy[v + 1, 1] - y) - ay * (xy[v + 1, 0] - x)
    return turns


def joined(*several: Corners) -> Corners:
    """Return polygons behind each other.

    Parameters
    ----------
    several
        From `corners_of`.

    Returns
    -------
    Corners
        Copies.
    """
    xy = np.concatenate([one.xy for one in several])
    corners = np.cumsum([0, *(len(one.xy) for one in several)])
    rings = np.cumsum([0, *(len(one.ring) - 1 for one in several)])
    ring, first = (
        np.append(
            np.concatenate([part[:-1] + at for part, at in zip(parts, starts[:-1], strict=True)]),
            starts[-1],
        )
        for parts, starts in (
            ([one.ring for one in several], corners),
            ([one.first for one in several], rings),
        )
    )
    return Corners(xy, ring, first)


def lattice(corners: Corners) -> float:
    """Return how many whole numbers make a metre.

    Parameters
    ----------
    corners
        From `corners_of`.

    Returns
    -------
    float
        A power of two: the same for all sets of polygons none of whose edges is longer than
        512 m; then the lattice is 0.5 µm wide.
    """
    step = np.abs(np.diff(corners.xy, axis=0))
    step[corners.ring[1:-1] - 1] = 0.0  # from one ring to the next
    longest = max(float(step.max(initial=0.0)), 1.0)
    return float(2.0 ** min(_FINEST, int(np.floor(np.log2(2.0**_ROOM / longest)))))


def in_whole_numbers(corners: Corners, scale: float) -> Outlines:
    """Return polygons as whole numbers.

    Parameters
    ----------
    corners
        From `corners_of`.
    scale
        From `lattice`.

    Returns
    -------
    Outlines
        Corners rounded.
    """
    whole = np.rint(corners.xy * scale).astype(np.int64)
    return with_boxes(whole, corners.ring, corners.first)


def with_boxes(whole: Ints, ring: Ints, first: Ints) -> Outlines:
    """Return outlines from their corners.

    Parameters
    ----------
    whole, ring, first
        As in `Outlines`.

    Returns
    -------
    Outlines
        With the boxes of the polygons.
    """
    start = ring[first[:-1]]
    low, high = np.minimum.reduceat(whole, start), np.maximum.reduceat(whole, start)
    return Outlines(whole, ring, first, np.hstack([low, high]))


def members_of(
    outlines: Outlines, polygon: Ints, *, field: Ints, kind: Ints, group: Ints
) -> Members:
    """Return the members of fields.

    Parameters
    ----------
    outlines
        From `in_whole_numbers`.
    polygon, field, kind, group
        Arrays (m); groups (m, k), one column for each way to group them.

    Returns
    -------
    Members
        By field, and from west to east.
    """
    order = np.lexsort((outlines.box[polygon, 0], field))
    polygon, field = polygon[order], field[order]
    near_first, near = _neighbours(np.ascontiguousarray(outlines.box[polygon]), field)
    return Members(polygon, field, kind[order], group[order], near_first, near)


def in_chunks(work: Callable[[Ints], Any], count: int, *, size: int) -> list[Any]:
    """Run a function over numbers, on two threads: compiled ones and shapely release the lock.

    Parameters
    ----------
    work
        A function of some numbers behind each other.
    count
        How many numbers there are.
    size
        How many members that concerns: for few no thread is begun.

    Returns
    -------
    list
        What it returns, chunk by chunk; at least one.
    """
    if size < _FEW:
        return [work(np.arange(count))]
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(work, np.array_split(np.arange(count), min(_CHUNKS, count))))


@jit_entry
def _neighbours(box: Ints, field: Ints) -> tuple[Ints, Ints]:
    """Return whose boxes meet, both ways; boxes by field and from west to east."""
    n, m = len(box), 0
    one, other = np.empty(64, np.int64), np.empty(64, np.int64)
    first = np.zeros(n + 1, np.int64)
    for i in range(n):
        for j in range(i + 1, n):
            if field[j] != field[i] or box[j, 0] > box[i, 2]:
                break
            if box[j, 1] > box[i, 3] or box[j, 3] < box[i, 1]:
                continue
            if m == len(one):
                one, other = np.append(one, np.empty_like(one)), np.append(other, other)
            one[m], other[m] = i, j
            first[i + 1] += 1
            first[j + 1] += 1
            m += 1
    first = np.cumsum(first)
    place, near = first[:-1].copy(), np.empty(2 * m, np.int64)
    for p in range(m):
        i, j = one[p], other[p]
        near[place[i]], near[place[j]] = j, i
        place[i] += 1
        place[j] += 1
    return first, near


# --- crossings ----------------------------------------------------------------------------------


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
def _holds(outlines: Outlines, j: int, x: int, y: int, lift: int) -> bool:
    """Tell whether polygon j contains a corner of another polygon."""
    box, xy = outlines.box, outlines.xy
    if x < box[j, 0] or x > box[j, 2] or y < box[j, 1] or y > box[j, 3]:
        return False
    odd = False
    for r in range(outlines.first[j], outlines.first[j + 1]):
        dx, dy = xy[outlines.ring[r], 0], xy[outlines.ring[r], 1]
        d_up = dy > y or (dy == y and lift < 0)
        for v in range(outlines.ring[r] + 1, outlines.ring[r + 1]):
            cx, cy, c_up = dx, dy, d_up
            dx, dy = xy[v, 0], xy[v, 1]
            d_up = dy > y or (dy == y and lift < 0)
            if c_up == d_up:
                continue
            # An edge wholly east or west needs no product, which for long ones has no room.
            if cx < x and dx < x:
                continue
            east = cx > x and dx > x
            if east or (_side(dx - cx, dy - cy, x - cx, y - cy, lift) > 0.0) == d_up:
                odd = not odd
    return odd


@jit
def _facing(
    outlines: Outlines, j: int, west: int, south: int, east: int, north: int, edges: Ints
) -> int:
    """List the edges of polygon j whose boxes meet another box; return how many there are."""
    m = 0
    xy = outlines.xy
    for r in range(outlines.first[j], outlines.first[j + 1]):
        bx, by = xy[outlines.ring[r], 0], xy[outlines.ring[r], 1]
        for v in range(outlines.ring[r] + 1, outlines.ring[r + 1]):
            ax, ay = bx, by
            bx, by = xy[v, 0], xy[v, 1]
            if (ax < west and bx < west) or (ax > east and bx > east):
                continue
            if (ay < south and by < south) or (ay > north and by > north):
                continue
            edges[m, 0], edges[m, 1], edges[m, 2], edges[m, 3], edges[m, 4] = ax, ay, bx, by, v - 1
            m += 1
    return m


class _Events(NamedTuple):
    """Where an outline enters (+1) or leaves (-1) other members.

    By edge (the number of its first corner), share of the edge, member, and the edge of it.
    """

    edge: Ints
    share: Floats
    sign: Ints
    other: Ints
    partner: Ints


@jit
def _no_events() -> _Events:
    """Return room for events."""
    return _Events(
        np.empty(64, np.int64),
        np.empty(64),
        np.empty(64, np.int64),
        np.empty(64, np.int64),
        np.empty(64, np.int64),
    )


@jit
def _grown(events: _Events, n: int) -> _Events:
    """Return the events, with twice the room if there is none left."""
    if n < len(events.edge):
        return events
    room = np.empty(n, np.int64)
    return _Events(
        np.append(events.edge, room),
        np.append(events.share, np.empty(n)),
        np.append(events.sign, room),
        np.append(events.other, room),
        np.append(events.partner, room),
    )


@jit
def _cross(
    outlines: Outlines,
    members: Members,
    a: int,
    b: int,
    mine: Ints,
    theirs: Ints,
    events: _Events,
    n: int,
) -> tuple[_Events, int]:
    """Append where the outline of member a crosses that of b; return the number of events."""
    i, j, box = members.polygon[a], members.polygon[b], outlines.box
    west, south = max(box[i, 0], box[j, 0]), max(box[i, 1], box[j, 1])
    east, north = min(box[i, 2], box[j, 2]), min(box[i, 3], box[j, 3])
    m = _facing(outlines, i, west, south, east, north, mine)
    k = _facing(outlines, j, west, south, east, north, theirs)
    lift = 1 if i > j else -1
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
            events.edge[n], events.share[n] = mine[e, 4], start / (start - end)
            events.sign[n] = 1 if end > 0.0 else -1
            events.other[n], events.partner[n] = b, theirs[f, 4]
            n += 1
    return events, n


@jit
def _all_events(
    outlines: Outlines, members: Members, a: int, mine: Ints, theirs: Ints, events: _Events
) -> tuple[_Events, Ints]:
    """Return where the outline of member a crosses others, and the order along it."""
    n, i = 0, members.polygon[a]
    for k in range(members.near_first[a], members.near_first[a + 1]):
        events, n = _cross(outlines, members, a, members.near[k], mine, theirs, events, n)
    low = outlines.ring[outlines.first[i]]
    # Sorted by share, then, keeping that order, by edge: no digit of a share is lost to it.
    by_share = np.argsort(events.share[:n])
    place = np.zeros(outlines.ring[outlines.first[i + 1]] - low + 1, np.int64)
    for e in range(n):
        place[events.edge[e] - low + 1] += 1
    place = np.cumsum(place)
    order = np.empty(n, np.int64)
    for e in by_share:
        edge = events.edge[e] - low
        order[place[edge]] = e
        place[edge] += 1
    return events, order


@jit
def _scratch(outlines: Outlines) -> Ints:
    """Return room for the edges of the longest outline."""
    return np.empty((np.max(np.diff(outlines.ring[outlines.first])), 5), np.int64)


# --- areas --------------------------------------------------------------------------------------


class _State(NamedTuple):
    """What covers the present piece besides its own polygon: units; how many others.

    Whose these are, sums tell (k, 2): of the numbers of their groups and of the squares of these,
    for each way to group them; beside the state, since arrays in it would cost a third more.
    """

    units: int
    several: int


@jit
def _changed(state: _State, sums: Ints, sign: int, kind: int, groups: Ints, b: int) -> _State:
    """Return the state with member b more or less; the sums are changed in place."""
    if kind == UNIT:
        return _State(state.units + sign, state.several)
    for k in range(len(sums)):
        group = groups[b, k]
        sums[k, 0] += sign * group
        sums[k, 1] += sign * group * group
    return _State(state.units, state.several + sign)


@jit
def _owner(several: int, total: int, squares: int) -> int:
    """Return the group that all covering polygons belong to; -1 if there are several or none.

    The mean of squares equals the square of the mean only where all numbers are the same.
    """
    if several == 0 or squares * several != total * total:
        return -1
    return total // several


@jit
def _add(
    piece: float,
    state: _State,
    sums: Ints,
    kind: int,
    groups: Ints,
    a: int,
    areas: Floats,
    row: int,
    lost: Floats,
) -> None:
    """Add a piece of the outline of member a to the areas it bounds."""
    # Between crossings in one place, which stand in any order, others may be counted that are left
    # already or not entered yet: more than there are neighbours, on a piece of no length.
    if piece == 0.0 or not 0 <= state.several < areas.shape[1] - 1:
        return
    if kind == UNIT:
        for k in range(1, state.several + 1):
            areas[row, k] += piece
        for k in range(len(sums)):
            owner = _owner(state.several, sums[k, 0], sums[k, 1])
            if owner >= 0:
                lost[owner] += piece
    elif state.units > 0:
        areas[row, state.several + 1] += piece
        for k in range(len(sums)):
            owner, group = _owner(state.several, sums[k, 0], sums[k, 1]), groups[a, k]
            if state.several == 0:
                lost[group] += piece
            elif owner >= 0 and owner != group:
                lost[owner] -= piece


@jit
def _walk(
    outlines: Outlines,
    members: Members,
    a: int,
    r: int,
    state: _State,
    sums: Ints,
    events: _Events,
    order: Ints,
    place: int,
    origin: Floats,
    areas: Floats,
    lost: Floats,
) -> int:
    """Add the pieces of one ring to the areas they bound; return the place after its events."""
    row, kind, groups, xy = members.field[a], members.kind, members.group, outlines.xy
    for v in range(outlines.ring[r], outlines.ring[r + 1] - 1):
        ax, ay = xy[v, 0] - origin[row, 0], xy[v, 1] - origin[row, 1]
        ex, ey = float(xy[v + 1, 0] - xy[v, 0]), float(xy[v + 1, 1] - xy[v, 1])
        twice = ax * ey - ay * ex  # of a whole edge; a piece has its share of it
        done = 0.0
        while place < len(order) and events.edge[order[place]] == v:
            e = order[place]
            piece = twice * (events.share[e] - done)
            _add(piece, state, sums, kind[a], groups, a, areas, row, lost)
            done = events.share[e]
            b = events.other[e]
            state = _changed(state, sums, events.sign[e], kind[b], groups, b)
            place += 1
        _add(twice * (1.0 - done), state, sums, kind[a], groups, a, areas, row, lost)
    return place


@jit_entry
def measure(
    outlines: Outlines,
    members: Members,
    some: Ints,
    unbounded: int,
    origin: Floats,
    areas: Floats,
    lost: Floats,
) -> int:
    """Add twice the areas, in lattice units, that the outlines of some members bound.

    ``some``: numbers of members. ``unbounded``: 1 where fields have no unit, else 0. ``origin``
    (f, 2): a corner near each field. ``areas`` (f, most + 2): column k is covered by at least k.
    ``lost`` (g): covered by that group only. Returns the number of crossings.
    """
    events, total = _no_events(), 0
    mine, theirs = _scratch(outlines), _scratch(outlines)
    sums = np.zeros((members.group.shape[1], 2), np.int64)
    for a in some:
        i = members.polygon[a]
        events, order = _all_events(outlines, members, a, mine, theirs, events)
        total += len(order)
        place = 0
        for r in range(outlines.first[i], outlines.first[i + 1]):
            sums[:] = 0
            state = _State(unbounded, 0)
            x, y = outlines.xy[outlines.ring[r], 0], outlines.xy[outlines.ring[r], 1]
            for k in range(members.near_first[a], members.near_first[a + 1]):
                b = members.near[k]
                j = members.polygon[b]
                if _holds(outlines, j, x, y, 1 if i > j else -1):
                    state = _changed(state, sums, 1, members.kind[b], members.group, b)
            place = _walk(
                outlines, members, a, r, state, sums, events, order, place, origin, areas, lost
            )
    return total


# --- outlines of classes ------------------------------------------------------------------------


@jit
def _class(units: int, covers: int, solids: int) -> int:
    """Return the class of ground."""
    if units <= 0 or solids > 0:
        return OUTSIDE
    return COVERED if covers > 0 else BARE


@jit
def _put(
    runs: Ints,
    n: int,
    field: int,
    left: int,
    right: int,
    ring: int,
    begin: Ints,
    end: Ints,
    corners: int,
) -> tuple[Ints, int]:
    """Append the runs along a stretch: one for the class on each side of it."""
    if n + 2 > len(runs):
        runs = np.append(runs, np.empty((n + 2, 9), np.int64)).reshape(-1, 9)
    if left != OUTSIDE:
        runs[n, 0], runs[n, 1], runs[n, 2], runs[n, 3] = field, left, 1, ring
        runs[n, 4:6], runs[n, 6:8], runs[n, 8] = begin, end, corners
        n += 1
    if right != OUTSIDE:
        runs[n, 0], runs[n, 1], runs[n, 2], runs[n, 3] = field, right, 0, ring
        runs[n, 4:6], runs[n, 6:8], runs[n, 8] = end, begin, corners
        n += 1
    return runs, n


@jit
def _sides(counts: Ints, kind: int) -> tuple[int, int]:
    """Return the classes left and right of a piece of an outline of that kind."""
    right = _class(counts[UNIT], counts[COVER], counts[SOLID])
    counts[kind] += 1
    left = _class(counts[UNIT], counts[COVER], counts[SOLID])
    counts[kind] -= 1
    return left, right


@jit
def _stretches(
    members: Members,
    a: int,
    ring: int,
    size: int,
    counts: Ints,
    events: _Events,
    order: Ints,
    runs: Ints,
    n: int,
) -> tuple[Ints, int, bool]:
    """Append the runs along one ring of so many corners; tell whether it ends as it began."""
    kind, field = members.kind[a], members.field[a]
    at = np.full((len(order) + 1, 2), -1, np.int64)
    sides = np.empty((len(order) + 1, 2), np.int64)
    sides[0] = _sides(counts, kind)
    start = counts.copy()
    m = 0  # so many stretches are begun; the first one ends the last
    for e in order:
        counts[members.kind[events.other[e]]] += events.sign[e]
        if counts.min() < 0:
            return runs, n, False
        left, right = _sides(counts, kind)
        if left != sides[m, 0] or right != sides[m, 1]:
            m += 1
            at[m, 0], at[m, 1] = events.edge[e], events.partner[e]
            sides[m, 0], sides[m, 1] = left, right
    if (counts != start).any():
        return runs, n, False
    for s in range(1 if m else 0, m + 1):
        if sides[s, 0] != sides[s, 1]:
            end = at[s % m + 1] if m else at[0]
            corners = end[0] - at[s, 0] + (size if s == m else 0)
            runs, n = _put(runs, n, field, sides[s, 0], sides[s, 1], ring, at[s], end, corners)
    return runs, n, True


@jit_entry
def trace(outlines: Outlines, members: Members, some: Ints, lowest: int, broken: Ints) -> Ints:
    """Return the runs along the outlines of some members.

    A run is a stretch of an outline with one class of ground on its left and another on its
    right. (n, 9): field, from the lowest on; class, which lies left of the run; 1 if it runs as
    its ring does, else 0; ring; edge and partner's edge where it begins, edge -1 if it is a whole
    ring; the same where it ends; how many corners lie between. ``broken`` (f) is set to 1 for a
    field where a walk does not end as it began.
    """
    events, n = _no_events(), 0
    mine, theirs = _scratch(outlines), _scratch(outlines)
    runs, counts = np.empty((64, 9), np.int64), np.zeros(3, np.int64)
    for a in some:
        i = members.polygon[a]
        events, order = _all_events(outlines, members, a, mine, theirs, events)
        low = 0
        for r in range(outlines.first[i], outlines.first[i + 1]):
            counts[:] = 0
            x, y = outlines.xy[outlines.ring[r], 0], outlines.xy[outlines.ring[r], 1]
            for k in range(members.near_first[a], members.near_first[a + 1]):
                b = members.near[k]
                j = members.polygon[b]
                if _holds(outlines, j, x, y, 1 if i > j else -1):
                    counts[members.kind[b]] += 1
            high = low
            while high < len(order) and events.edge[order[high]] < outlines.ring[r + 1] - 1:
                high += 1
            size = outlines.ring[r + 1] - 1 - outlines.ring[r]
            runs, n, whole = _stretches(
                members, a, r, size, counts, events, order[low:high], runs, n
            )
            if not whole:
                broken[members.field[a] - lowest] = 1
            low = high
    runs[:n, 0] -= lowest
    return runs[:n]
