"""How often ground is covered: exact areas at every k, and what only one group covers.

Belongs here: areas from the walk along outlines. Does not belong here: the walk itself
(``arrangement``), frames, cameras (``ground``, ``failures``); how often lines are covered
(``stretches``).

A piece of an outline with d other polygons over it is a piece of the boundary of the ground
covered at least d + 1 times, so its cross product goes to that area. Source: visibility.md
section 5, "edge-depth method".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gridmap.camera_coverage.arrangement import (
    COVER,
    UNIT,
    Corners,
    corners_of,
    in_chunks,
    in_whole_numbers,
    joined,
    lattice,
    measure,
    members_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from gridmap.camera_coverage.arrangement import Members, Outlines

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Geometries = NDArray[np.object_]

_NOTHING_M2 = 1e-9


class Depths(NamedTuple):
    """What `depths` found.

    ``areas_m2`` (fields, most + 1): column k is covered by at least k polygons; column 0 is not
    used. ``lost_m2`` (groups): covered by polygons of that group only. ``crossings``: how many
    the outlines have, each counted from both sides.
    """

    areas_m2: Floats
    lost_m2: Floats
    crossings: int


def depths(
    polygons: Geometries | Corners,
    *,
    field: Ints,
    fields: int,
    group: Ints | None = None,
    groups: int = 0,
    row: Ints | None = None,
    units: Geometries | Corners | None = None,
) -> Depths:
    """Return the area that so many of the polygons cover, and what only one group covers.

    Parameters
    ----------
    polygons
        Array (n) of valid Polygons and MultiPolygons, none empty, metric coordinates; or their
        corners, where these are at hand.
    field
        Array (m): polygons of different fields never meet, wherever they lie.
    fields
        How many fields there are.
    group
        Array (m, k): the number of its group, for each of k ways to group them, no number in two
        ways; polygons of one group fail together. Nothing is lost if not given.
    groups
        How many groups there are.
    row
        Array (m): which polygon lies in which field; each in one, if not given.
    units
        As many as fields, of the same kinds: only what is covered of the unit of its field
        counts. Everything counts if not given.

    Returns
    -------
    Depths
        Areas in m².

    Notes
    -----
    Rule: corners are rounded to 2^-21 m, with edges over 512 m less finely, so that every
    decision is exact; an area is right to some 1e-5 m² a polygon. Source: visibility.md section
    5. Cost: about the number of pairs that meet, times their edges; two threads.
    """
    if len(field) == 0:
        return Depths(np.zeros((fields, 1)), np.zeros(groups), 0)
    corners = polygons if isinstance(polygons, Corners) else corners_of(polygons)
    row = np.arange(len(field)) if row is None else row
    group = np.zeros((len(row), 0), np.int64) if group is None else group
    kind = np.full(len(row), COVER)
    if units is not None:
        every = np.arange(fields)
        kind = np.append(kind, np.full(fields, UNIT))
        row, field = np.append(row, len(corners.first) - 1 + every), np.append(field, every)
        group = np.vstack([group, np.zeros((fields, group.shape[1]), np.int64)])
        corners = joined(corners, units if isinstance(units, Corners) else corners_of(units))
    scale = lattice(corners)
    outlines = in_whole_numbers(corners, scale)
    members = members_of(outlines, row, field=field, kind=kind, group=group)
    most = int(np.diff(members.near_first)[members.kind == COVER].max()) + 1
    origin = _origins(outlines, members, fields)

    def work(some: Ints) -> tuple[Floats, Floats, int]:
        areas, lost, unbounded = np.zeros((fields, most + 2)), np.zeros(groups), int(units is None)
        return areas, lost, measure(outlines, members, some, unbounded, origin, areas, lost)

    found = in_chunks(work, len(row), size=len(row))
    square = 2.0 * scale * scale
    areas, lost = (
        _total(part[0] for part in found) / square,
        _total(part[1] for part in found) / square,
    )
    used = np.flatnonzero((np.abs(areas) > _NOTHING_M2).any(axis=0))
    return Depths(areas[:, : used.max(initial=0) + 1], lost, sum(part[2] for part in found))


def _origins(outlines: Outlines, members: Members, fields: int) -> Floats:
    """Return a place amid each field: areas lose fewer digits near it."""
    box = outlines.box[members.polygon]
    size = np.maximum(np.bincount(members.field, minlength=fields), 1)
    middle = (box[:, :2] + box[:, 2:]) / 2
    sums = [np.bincount(members.field, xy, minlength=fields) for xy in middle.T]
    return np.rint(np.column_stack(sums) / size[:, None])


def _total(arrays: Iterable[Floats]) -> Floats:
    """Return the sum of arrays of one shape."""
    total: Floats = np.sum(list(arrays), axis=0)
    return total
