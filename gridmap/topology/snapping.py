"""A proposal that mends what is narrower than the tolerance; nobody applies it but the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely

from gridmap.topology.offences import TOLERANCE_M, tiling
from gridmap.topology.pieces import RESOLUTION_M, buffered, mean_width_m

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Geometries = NDArray[np.object_]

SNAP_M = 1.0
"""Width up to which a strip is proposed to be closed. Source: own choice; hand-drawn borders of
grids miss each other by decimetres, and no lane between two grids is narrower."""

_LATTICE_M = 1e-6  # closes the hairlines between a child and what it gains; far below RESOLUTION_M

_STEP_M = 0.5  # how densely the reach of ground is measured

# Finer than the proof, lest the tip that is left of a tapering strip is a strip again by the last
# digit; at last as fine as the proof, where a neck in between ties a strip to wide ground. Several
# rounds, because taking a strip from two children can leave one between one of them and a third.
_ROUNDS_M = tuple(share * RESOLUTION_M for share in (0.9, 0.9, 1.0, 1.0))

# Offences whose ground a child gains, and whose it loses. Of two siblings the lower code keeps its
# border and the other follows it, over gaps and overlaps alike: one border stays as drawn,
# instead of a new one that zigzags between the two.
_GAINS, _LOSES = ("G03.gap", "G04.sliver"), ("G02.sliver", "G05.sliver")
_OF_TWO = ("G02.sliver", "G03.gap")


def snapped(
    children: gpd.GeoDataFrame,
    parents: gpd.GeoDataFrame,
    *,
    tolerance_m: float = TOLERANCE_M,
    parent_column: str | None = None,
    fixed: Collection[str] = frozenset(),
) -> gpd.GeoDataFrame:
    """Return children whose borders are snapped where they miss each other by a narrow strip.

    Parameters
    ----------
    children, parents, tolerance_m, parent_column
        As `offences.tiling` takes them: metric frames, index: code.
    fixed
        Codes of children that stay as they are; siblings follow them.

    Returns
    -------
    GeoDataFrame
        Index of ``children``, their CRS; ``geometry`` after snapping, ``area_m2`` before,
        ``change_m2`` (after minus before), ``gained_m2`` and ``lost_m2`` (ground of only the one
        or the other), ``moved_m`` (how far that ground reaches from what the child keeps). A
        child that nothing is wrong with keeps its very geometry.

    Raises
    ------
    CrsError, FrameError, InputError
        See `offences.tiling`.

    Notes
    -----
    Rule: a parent's border counts more than a child's, so narrow spills are cut and narrow
    strips along it are filled; of two siblings the fixed one, or else the lower code, keeps its
    border, the other loses the narrow overlap and gains the narrow gap. Afterwards
    `offences.tiling` finds none of G02.sliver, G03.gap, G04.sliver and G05.sliver, except among
    fixed children, and of a child that is itself nothing but such a strip: it is left as it is.
    Overlaps, blanks and spills that are wider are a person's to decide, G03.shared is the
    parent's to mend. Source: own choice (domain.md 1.2 asks for a stated tolerance). A proposal:
    it shows each change and writes nothing. Cost: that of the tiling, once for each of four
    rounds.
    """
    after = children[[children.geometry.name, *([parent_column] if parent_column else [])]]
    for resolution_m in _ROUNDS_M:
        found = tiling(
            after,
            parents,
            tolerance_m=tolerance_m,
            resolution_m=resolution_m,
            parent_column=parent_column,
        )
        if found.offences.empty:
            break
        moved = _moved(after.geometry, found.offences, frozenset(fixed))
        shapes = after.geometry.copy()
        shapes.loc[moved.index] = moved
        after = after.set_geometry(shapes)
    return _changes(children.geometry, after.geometry)


def _moved(
    shapes: gpd.GeoSeries, offences: gpd.GeoDataFrame, fixed: frozenset[str]
) -> gpd.GeoSeries:
    """Return the new shapes of the children that gain or lose ground, by code."""
    mover = _movers(offences, fixed)
    some = offences["shape"].isin((*_GAINS, *_LOSES)) & mover.notna()
    narrow = offences.assign(mover=mover)[some]
    told = narrow[~shapely.is_empty(buffered(narrow.geometry.to_numpy(), -RESOLUTION_M / 2.0))]
    concerned = {*told["child"], *told["other"]}
    gains, losses = _by_mover(narrow, _GAINS), _by_mover(narrow, _LOSES)
    moved = {}
    for code in sorted((gains.keys() | losses.keys()) & concerned):
        shape = shapes.loc[code]
        if code in gains:
            shape = shapely.union_all([shape, *gains[code]], grid_size=_LATTICE_M)
        if code in losses:
            taken = shapely.union_all(losses[code])
            shape = shapely.difference(shape, taken, grid_size=_LATTICE_M)
        parts = shapely.get_parts(shape)
        parts = parts[shapely.area(parts) > 0.0]  # the lattice turns hairlines into lines
        if len(parts):
            moved[code] = parts[0] if len(parts) == 1 else shapely.multipolygons(parts)
    return gpd.GeoSeries(list(moved.values()), index=list(moved), crs=shapes.crs)


def _movers(offences: gpd.GeoDataFrame, fixed: frozenset[str]) -> pd.Series:
    """Return the child whose border gives way at each offence, null where both are fixed."""
    child = offences["child"]
    first = offences["other"].where(offences["shape"].isin(_OF_TWO), child)
    mover = first.where(~first.isin(fixed), child)
    return mover.where(~mover.isin(fixed))


def _by_mover(
    offences: gpd.GeoDataFrame, shapes: tuple[str, ...]
) -> dict[str, list[shapely.Geometry]]:
    """Return the ground of narrow offences by the child that gives way there."""
    found: dict[str, list[shapely.Geometry]] = {}
    for one in offences[offences["shape"].isin(shapes)].itertuples(index=False):
        found.setdefault(one.mover, []).append(one.geometry)
    return found


def _changes(before: gpd.GeoSeries, after: gpd.GeoSeries) -> gpd.GeoDataFrame:
    old, new = before.to_numpy(), after.to_numpy()
    gained, lost, moved = np.zeros(len(old)), np.zeros(len(old)), np.zeros(len(old))
    other = np.array([a is not b for a, b in zip(old, new, strict=True)], dtype=bool)
    more = shapely.difference(new[other], old[other])
    less = shapely.difference(old[other], new[other])
    gained[other], lost[other] = shapely.area(more), shapely.area(less)
    moved[other] = np.maximum(_reach_m(more, old[other]), _reach_m(less, new[other]))
    return gpd.GeoDataFrame(
        {
            "area_m2": shapely.area(old),
            "change_m2": shapely.area(new) - shapely.area(old),
            "gained_m2": gained,
            "lost_m2": lost,
            "moved_m": moved,
        },
        index=before.index,
        geometry=new,
        crs=before.crs,
    )


def _reach_m(ground: Geometries, kept: Geometries) -> Floats:
    """Return how far ground lies from what a child keeps, at the farthest place of its outline.

    A slit that is filled has all its outline on what is kept: half its width is its reach.
    """
    # Between two corners that are kept, a side may lie farther away than either.
    outline = shapely.segmentize(ground, _STEP_M)
    corners, whose = shapely.get_coordinates(outline, return_index=True)
    shapely.prepare(kept)
    away = shapely.distance(kept[whose], shapely.points(corners))
    reach: Floats = mean_width_m(ground) / 2.0
    np.maximum.at(reach, whose, away)
    return reach
