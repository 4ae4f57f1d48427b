"""Covered and bare ground of units as polygons, from the walk along outlines.

Belongs here: rings from runs, polygons from rings. Does not belong here: the walk
(``arrangement``), areas (``depth``), which units and why (``ground``).

At a crossing of two outlines the run of one class that ends on the one goes on along the other:
both know the crossing by the same two edges, so runs are joined by number and no coordinate is
ever compared. That needs outlines that do not run along each other: each polygon is moved by some
µm in a direction of its own, and what is solid, at which covers end, is made `THICKER_M` thicker.
A unit whose runs do not join all the same is reported, not guessed. Source: visibility.md section
5, "level-k outline".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely

from gridmap.camera_coverage.arrangement import (
    BARE,
    COVER,
    SOLID,
    UNIT,
    Corners,
    Outlines,
    in_chunks,
    in_whole_numbers,
    joined,
    lattice,
    members_of,
    trace,
    with_boxes,
)
from gridmap.camera_coverage.pieces import areas_only
from gridmap.visibility.kernel import jit, jit_entry

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gridmap.camera_coverage.arrangement import Members

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]
    Geometries = NDArray[np.object_]

THICKER_M = 1e-4
"""Drawn ground keeps off what is solid by this much."""

_SHIFT = 64  # most lattice widths a polygon is moved by, either way: 30 µm
_CLEAR = 210  # lattice widths: a little more than two shifts can differ by
_SPIKE = 4.0  # a sharp corner moves at most so many times as far as its edges
_ASIDE_M = 1e-3  # a crossing farther from where it was found is that of near parallel edges
_NARROW_M = 1e-4  # a hole no wider is what shifts leave between outlines in the same place
_MIX = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93], np.uint64
)


class Overlay(NamedTuple):
    """Polygons (n), their corners, and which lies in which unit: ``row`` and ``unit`` (m)."""

    shape: Geometries
    corners: Corners
    row: Ints
    unit: Ints


class Drawn(NamedTuple):
    """Ground as polygons.

    ``covered``, ``bare``: arrays (units) of MultiPolygons; ``covered_m2``, ``bare_m2`` (units):
    their areas before small polygons were left out, right to ``slack_m2``. ``failed`` (units):
    those whose runs did not join; what is given for them is not to be used.
    """

    covered: Geometries
    bare: Geometries
    covered_m2: Floats
    bare_m2: Floats
    slack_m2: Floats
    failed: Bools


def draw(units: Corners, covers: Overlay, solids: Overlay, *, least_m2: float) -> Drawn:
    """Return the ground of units that covers cover, and the ground that nothing does.

    Parameters
    ----------
    units
        From `corners_of` valid Polygons and MultiPolygons, metric coordinates.
    covers, solids
        Of the same kinds, none empty. What is solid is neither covered nor bare.
    least_m2
        Smaller polygons are left out.

    Returns
    -------
    Drawn
        Corners are right to some `THICKER_M`.

    Notes
    -----
    Cost: as `depth.depths`, and as much again for the polygons; two threads.
    """
    every = np.arange(len(units.first) - 1)
    if len(every) == 0:
        none, nothing = np.zeros(0, object), np.zeros(0)
        return Drawn(none, none, nothing, nothing, nothing, np.zeros(0, bool))
    parts = (covers.corners, solids.corners, units)
    outlines, place = _outlines(*parts)
    starts = np.cumsum([len(one.first) - 1 for one in parts])
    polygon = np.concatenate([covers.row, starts[0] + solids.row, starts[1] + every])
    field = np.concatenate([covers.unit, solids.unit, every])
    kind = np.repeat([COVER, SOLID, UNIT], [len(covers.row), len(solids.row), len(every)])
    of_none = np.zeros((len(field), 0), np.int64)
    members = members_of(outlines, polygon, field=field, kind=kind, group=of_none)

    def work(fields: Ints) -> Drawn:
        return _some(outlines, place, members, fields, least_m2)

    chunks = in_chunks(work, len(every), size=len(field))
    return Drawn(*(np.concatenate(parts) for parts in zip(*chunks, strict=True)))


def _some(
    outlines: Outlines, place: Floats, members: Members, fields: Ints, least_m2: float
) -> Drawn:
    """Draw some fields that stand behind each other."""
    low, high = np.searchsorted(members.field, [fields[0], fields[-1] + 1])
    broken = np.zeros(len(fields), np.int64)
    runs = trace(outlines, members, np.arange(low, high), fields[0], broken)
    failed = broken > 0
    failed[_strays(runs[~failed[runs[:, 0]]], len(outlines.xy))] = True
    runs = runs[~failed[runs[:, 0]]]
    rings = _rings(outlines, place, runs, _following(runs, len(outlines.xy)))
    return _drawn(rings, failed, least_m2)


# --- where outlines lie -------------------------------------------------------------------------


def _outlines(covers: Corners, solids: Corners, units: Corners) -> tuple[Outlines, Floats]:
    """Return covers and thicker solids, a little beside where they are, and units.

    And the places of their corners: of solids and units where they are.
    """
    corners = joined(covers, solids, units)
    scale = lattice(corners)
    place = corners.xy
    xy, ring, first, box = in_whole_numbers(corners, scale)
    begin, end = len(covers.xy), len(covers.xy) + len(solids.xy)
    thicker = _thickened(solids.xy, solids.ring, max(THICKER_M, _CLEAR / scale))
    xy[begin:end] = np.rint(thicker * scale)
    movable = len(covers.first) + len(solids.first) - 2
    xy[:end] += np.repeat(_shifts(box[:movable]), np.diff(ring[first[: movable + 1]]), axis=0)
    place[:begin] = xy[:begin] / scale
    return with_boxes(xy, ring, first), place


def _shifts(box: Ints) -> Ints:
    """Return by how many lattice widths each polygon is moved.

    From its place, so that a polygon is moved alike whatever else is there, and several in the
    same place by their order.
    """
    seed = _mixed((box.astype(np.uint64) * _MIX).sum(axis=1, dtype=np.uint64))
    order = np.argsort(seed, kind="stable")
    ranked = seed[order]
    nth = np.arange(len(seed)) - np.searchsorted(ranked, ranked)
    seed[order] = _mixed(ranked + nth.astype(np.uint64) * _MIX[0])
    both = np.column_stack([seed, seed >> np.uint64(20)]) % np.uint64(2 * _SHIFT + 1)
    return both.astype(np.int64) - _SHIFT


def _mixed(seed: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return numbers all of whose digits depend on all digits of the given ones."""
    seed = (seed ^ (seed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    seed = (seed ^ (seed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return seed ^ (seed >> np.uint64(31))


@jit_entry
def _thickened(xy: Floats, ring: Ints, by: float) -> Floats:
    """Return the corners of rings, solid on their left, with every edge moved to its right."""
    moved = xy.copy()
    for r in range(len(ring) - 1):
        low, n = ring[r], ring[r + 1] - 1 - ring[r]
        for k in range(n):
            x, y = xy[low + k, 0], xy[low + k, 1]
            p, q = k - 1, k + 1  # the next corners that lie elsewhere
            while p > k - n and xy[low + p % n, 0] == x and xy[low + p % n, 1] == y:
                p -= 1
            while q < k + n and xy[low + q % n, 0] == x and xy[low + q % n, 1] == y:
                q += 1
            ax, ay = x - xy[low + p % n, 0], y - xy[low + p % n, 1]
            bx, by_ = xy[low + q % n, 0] - x, xy[low + q % n, 1] - y
            a, b = np.hypot(ax, ay), np.hypot(bx, by_)
            if a == 0.0 or b == 0.0:
                continue
            mx, my = ay / a + by_ / b, -ax / a - bx / b
            size = mx * mx + my * my
            far = by * 2.0 / max(size, 2.0 * np.sqrt(size) / _SPIKE)
            if size > 1e-12:
                moved[low + k, 0] += far * mx
                moved[low + k, 1] += far * my
        moved[low + n] = moved[low]
    return moved


# --- rings --------------------------------------------------------------------------------------


def _keys(runs: Ints, edges: int, column: int) -> Ints:
    """Return a number for the crossing at which each run begins (4) or ends (6)."""
    low = np.minimum(runs[:, column], runs[:, column + 1])
    high = np.maximum(runs[:, column], runs[:, column + 1])
    return ((2 * runs[:, 0] + runs[:, 1] - BARE) * edges + low) * edges + high


def _strays(runs: Ints, edges: int) -> Ints:
    """Return the fields in which not every run that ends is followed by exactly one."""
    some = runs[runs[:, 4] >= 0]
    begin, end = np.sort(_keys(some, edges, 4)), np.sort(_keys(some, edges, 6))
    if (begin == end).all() and (begin[1:] != begin[:-1]).all():
        return np.zeros(0, np.int64)
    wrong = np.concatenate(
        [np.setxor1d(begin, end), begin[1:][begin[1:] == begin[:-1]], end[1:][end[1:] == end[:-1]]]
    )
    return np.unique(wrong // edges // edges // 2)


def _following(runs: Ints, edges: int) -> Ints:
    """Return which run follows each; a whole ring follows itself."""
    following = np.arange(len(runs))
    some = np.flatnonzero(runs[:, 4] >= 0)
    begin = np.argsort(_keys(runs[some], edges, 4))
    end = np.argsort(_keys(runs[some], edges, 6))
    following[some[end]] = some[begin]
    return following


class _Rings(NamedTuple):
    """Rings, not closed, the ground of their class on their left.

    ``xy`` (c, 2); ``first`` (r + 1): where each begins; ``field``, ``of_class`` (r); ``area_m2``
    (r): of holes negative; ``length_m`` (r).
    """

    xy: Floats
    first: Ints
    field: Ints
    of_class: Ints
    area_m2: Floats
    length_m: Floats


@jit
def _share(xy: NDArray[Any], edge: int, partner: int) -> float:
    """Return at which share of an edge a partner crosses it."""
    ax, ay = xy[edge, 0], xy[edge, 1]
    bx, by = xy[edge + 1, 0] - ax, xy[edge + 1, 1] - ay
    cx, cy = xy[partner, 0] - ax, xy[partner, 1] - ay
    dx, dy = xy[partner + 1, 0] - ax - cx, xy[partner + 1, 1] - ay - cy
    across = float(bx * dy - by * dx)
    share = float(cx * dy - cy * dx) / across if across != 0.0 else 0.0
    return min(max(share, 0.0), 1.0)


@jit
def _crossing(xy: Ints, place: Floats, edge: int, partner: int, corner: Floats) -> None:
    """Write where two edges cross, on the one with the higher number: both runs agree on it.

    That is the solid one of a cover's and a solid's, and the unit's of any and a unit's. Where
    the edges really lie they cross a little elsewhere than moved, unless they are near parallel.
    """
    low, high = min(edge, partner), max(edge, partner)
    share = _share(xy, high, low)
    ex, ey = place[high + 1, 0] - place[high, 0], place[high + 1, 1] - place[high, 1]
    really = _share(place, high, low)
    if abs(really - share) * (abs(ex) + abs(ey)) < _ASIDE_M:
        share = really
    corner[0], corner[1] = place[high, 0] + share * ex, place[high, 1] + share * ey


@jit_entry
def _ring_corners(
    outlines: Outlines, place: Floats, runs: Ints, following: Ints
) -> tuple[Floats, Ints, Ints]:
    """Return the corners of rings, where rings begin, and a run of each."""
    xy, ring = outlines.xy, outlines.ring
    corners = np.empty((runs[:, 8].sum() + len(runs), 2))
    first, of_run = np.zeros(len(runs) + 1, np.int64), np.empty(len(runs), np.int64)
    done = np.zeros(len(runs), np.bool_)
    n = m = 0
    for s in range(len(runs)):
        if done[s]:
            continue
        of_run[m] = t = s
        while not done[t]:
            done[t] = True
            forward, r, edge = runs[t, 2], runs[t, 3], runs[t, 4]
            low, size = ring[r], ring[r + 1] - 1 - ring[r]
            if edge >= 0:
                _crossing(xy, place, edge, runs[t, 5], corners[n])
                n += 1
            at = low - 1 if edge < 0 and forward else max(edge, low)
            for k in range(runs[t, 8]):
                v = low + (at + 1 + k - low if forward else at - k - low) % size
                corners[n, 0], corners[n, 1] = place[v, 0], place[v, 1]
                n += 1
            t = following[t]
        m += 1
        first[m] = n
    return corners[:n], first[: m + 1], of_run[:m]


@jit
def _near(xy: Floats, one: int, other: int) -> bool:
    """Tell whether two corners are one."""
    off: float = abs(xy[one, 0] - xy[other, 0]) + abs(xy[one, 1] - xy[other, 1])
    return off < _NARROW_M


@jit_entry
def _welded(xy: Floats, first: Ints) -> tuple[Floats, Ints]:
    """Return rings without corners next to the one before, and without spikes: there and back."""
    kept, begin = np.empty_like(xy), np.zeros_like(first)
    n = 0
    for r in range(len(first) - 1):
        low = n
        for v in range(first[r], first[r + 1]):
            kept[n] = xy[v]
            if n > low and _near(kept, n, n - 1):
                continue
            if n > low + 1 and _near(kept, n, n - 2):
                n -= 1
                continue
            n += 1
        head, more = low, True  # the same over the ring's end
        while more and n - head > 2:
            more = True
            if _near(kept, head, n - 1):
                n -= 1
            elif _near(kept, head, n - 2):
                n -= 2
            elif _near(kept, head + 1, n - 1):
                head += 2
            else:
                more = False
        for v in range(head, n):
            kept[low + v - head] = kept[v]
        n = low + n - head
        begin[r + 1] = n
    return kept[:n], begin


@jit_entry
def _measured(xy: Floats, first: Ints) -> tuple[Floats, Floats]:
    """Return the areas and the lengths of rings."""
    area, length = np.zeros(len(first) - 1), np.zeros(len(first) - 1)
    for r in range(len(first) - 1):
        low, high = first[r], first[r + 1]
        for v in range(low, high):
            w = v + 1 if v + 1 < high else low
            ax, ay = xy[v, 0] - xy[low, 0], xy[v, 1] - xy[low, 1]
            bx, by = xy[w, 0] - xy[low, 0], xy[w, 1] - xy[low, 1]
            area[r] += (ax * by - ay * bx) / 2.0
            length[r] += np.hypot(bx - ax, by - ay)
    return area, length


def _rings(outlines: Outlines, place: Floats, runs: Ints, following: Ints) -> _Rings:
    """Follow the runs around."""
    xy, first, of_run = _ring_corners(outlines, place, runs, following)
    xy, first = _welded(xy, first)
    area, length = _measured(xy, first)
    return _Rings(xy, first, runs[of_run, 0], runs[of_run, 1], area, length)


# --- polygons -----------------------------------------------------------------------------------


@jit
def _around(xy: Floats, low: int, high: int, x: float, y: float) -> bool:
    """Tell whether a ring goes around a place."""
    odd = False
    cx, cy = xy[high - 1, 0] - x, xy[high - 1, 1] - y
    for v in range(low, high):
        dx, dy = xy[v, 0] - x, xy[v, 1] - y
        if (cy > 0.0) != (dy > 0.0) and (cx * dy - cy * dx > 0.0) == (dy > cy):
            odd = not odd
        cx, cy = dx, dy
    return odd


@jit_entry
def _shells(xy: Floats, first: Ints, area: Floats, group: Ints, order: Ints) -> Ints:
    """Return for each ring the smallest shell of its group around it; a shell is its own.

    ``order``: rings by group. -1 where a hole lies in no shell.
    """
    shell = np.full(len(group), -1, np.int64)
    low = 0
    while low < len(order):
        high = low
        while high < len(order) and group[order[high]] == group[order[low]]:
            high += 1
        for k in range(low, high):
            r = order[k]
            if area[r] > 0.0:
                shell[r] = r
                continue
            # Holes touch shells at corners only: the middle of an edge tells.
            best, x, y = -1.0, 0.0, 0.0
            for v in range(first[r], first[r + 1]):
                w = v + 1 if v + 1 < first[r + 1] else first[r]
                size = np.hypot(xy[w, 0] - xy[v, 0], xy[w, 1] - xy[v, 1])
                if size > best:
                    best, x, y = size, (xy[v, 0] + xy[w, 0]) / 2, (xy[v, 1] + xy[w, 1]) / 2
            for c in range(low, high):
                s = order[c]
                if area[s] <= -area[r] or (shell[r] >= 0 and area[s] >= area[shell[r]]):
                    continue
                if _around(xy, first[s], first[s + 1], x, y):
                    shell[r] = s
        low = high
    return shell


def _drawn(rings: _Rings, failed: Bools, least_m2: float) -> Drawn:
    """Return covered and bare ground as a MultiPolygon a unit, and its area."""
    group = 2 * rings.field + rings.of_class - BARE
    area = np.bincount(group, rings.area_m2, 2 * len(failed)).astype(float).reshape(-1, 2)
    narrow = np.abs(rings.area_m2) <= _NARROW_M * rings.length_m / 2.0
    kept = np.where(rings.area_m2 > 0.0, rings.area_m2 >= least_m2, ~narrow)
    some = np.flatnonzero(kept & (np.diff(rings.first) > 2))
    order = some[np.argsort(group[some], kind="stable")]
    shell = _shells(rings.xy, rings.first, rings.area_m2, group, order)[order]
    lost = (shell < 0) & (rings.area_m2[order] <= -least_m2)
    failed[rings.field[order[lost]]] = True
    order, shell = order[shell >= 0], shell[shell >= 0]
    # A shell, then its holes.
    turn = np.lexsort((rings.area_m2[order] < 0.0, shell))
    parts = _polygons(rings, order[turn], shell[turn])
    owner = group[shell[turn][rings.area_m2[order[turn]] > 0.0]]
    parts, owner = _valid(parts, owner, least_m2)
    bare, covered = (
        _by_unit(parts[owner % 2 == one], owner[owner % 2 == one] // 2, len(failed))
        for one in range(2)
    )
    length = np.bincount(rings.field, rings.length_m, len(failed)).astype(float)
    return Drawn(covered, bare, area[:, 1], area[:, 0], THICKER_M * length, failed)


def _polygons(rings: _Rings, order: Ints, shell: Ints) -> Geometries:
    """Return polygons of rings; each shell stands before its holes."""
    size = np.diff(rings.first)[order]
    begin = np.cumsum(size) - size
    corner = np.repeat(rings.first[order] - begin, size) + np.arange(size.sum())
    of_ring = np.repeat(np.arange(len(order)), size)
    lines = shapely.linearrings(rings.xy[corner], indices=of_ring)
    number = np.cumsum(np.diff(shell, prepend=shell[:1]) != 0)
    return np.asarray(shapely.polygons(lines, indices=number))


def _valid(parts: Geometries, owner: Ints, least_m2: float) -> tuple[Geometries, Ints]:
    """Return the polygons, those that rounding let touch themselves taken apart."""
    wrong = ~shapely.is_valid(parts)
    if not wrong.any():
        return parts, owner
    mended = areas_only(shapely.make_valid(parts[wrong]))
    pieces, row = shapely.get_parts(mended, return_index=True)
    large = shapely.area(pieces) >= least_m2
    return (
        np.concatenate([parts[~wrong], pieces[large]]),
        np.concatenate([owner[~wrong], owner[wrong][row[large]]]),
    )


def _by_unit(parts: Geometries, unit: Ints, units: int) -> Geometries:
    """Return the polygons of each unit as one."""
    shapes = np.full(units, shapely.MultiPolygon(), dtype=object)
    if len(parts):
        order = np.argsort(unit, kind="stable")
        number = np.cumsum(np.diff(unit[order], prepend=unit[order[:1]]) != 0)
        some = unit[order[np.flatnonzero(np.diff(number, prepend=-1))]]
        shapes[some] = shapely.multipolygons(parts[order], indices=number)
    return shapes
