"""A proposal that mends what is narrower than the tolerance; nobody applies it but the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely

from gridmap.topology.offences import TOLERANCE_M, tiling
from gridmap.topology.pieces import RESOLUTION_M, buffered

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Geometries = NDArray[np.object_]

_LATTICE_M = 1e-6  # closes the hairlines between a child and what it gains; far below RESOLUTION_M

# Finer than the proof, lest the tip that is left of a tapering strip is a strip again by the last
# digit; at last as fine as the proof, where a neck in between ties a strip to wide ground. Several
# rounds, because taking a strip from two children can leave one between one of them and a third.
_ROUNDS_M = tuple(share * RESOLUTION_M for share in (0.9, 0.9, 1.0, 1.0))

# Who gains and who loses the ground of an offence. Of two siblings the lower code keeps its
# border and the other follows it, over gaps and overlaps alike: one border stays as drawn,
# instead of a new one that zigzags between the two.
_GAINS = {"G03.gap": "other", "G04.sliver": "child"}
_LOSES = {"G02.sliver": "other", "G05.sliver": "child"}


def snapped(
    children: gpd.GeoDataFrame,
    parents: gpd.GeoDataFrame,
    *,
    tolerance_m: float = TOLERANCE_M,
    parent_column: str | None = None,
) -> gpd.GeoDataFrame:
    """Return children whose borders are snapped where they miss each other by a narrow strip.

    Parameters
    ----------
    children, parents, tolerance_m, parent_column
        As `offences.tiling` takes them: metric frames, index: code.

    Returns
    -------
    GeoDataFrame
        Index of ``children``, their CRS; ``geometry`` after snapping, ``area_m2`` before,
        ``change_m2`` (after minus before), ``gained_m2`` and ``lost_m2`` (ground of only the one
        or the other). A child that nothing is wrong with keeps its very geometry.

    Raises
    ------
    CrsError, FrameError, InputError
        See `offences.tiling`.

    Notes
    -----
    Rule: a parent's border counts more than a child's, so narrow spills are cut and narrow
    strips along it are filled; of two siblings the lower code keeps its border, the other loses
    the narrow overlap and gains the narrow gap. Afterwards `offences.tiling` finds none of
    G02.sliver, G03.gap, G04.sliver and G05.sliver, except of a child that is itself nothing but
    such a strip: it is left as it is. Overlaps, blanks and spills that are wider are a person's
    to decide, G03.shared is the parent's to mend. Source: own choice (domain.md 1.2 asks for a
    stated tolerance). A proposal: it shows each change and writes nothing. Cost: that of the
    tiling, once for each of four rounds.
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
        moved = _moved(after.geometry, found.offences)
        shapes = after.geometry.copy()
        shapes.loc[moved.index] = moved
        after = after.set_geometry(shapes)
    return _changes(children.geometry, after.geometry)


def _moved(shapes: gpd.GeoSeries, offences: gpd.GeoDataFrame) -> gpd.GeoSeries:
    """Return the new shapes of the children that gain or lose ground, by code."""
    narrow = offences[offences["shape"].isin({**_GAINS, **_LOSES})]
    told = narrow[~shapely.is_empty(buffered(narrow.geometry.to_numpy(), -RESOLUTION_M / 2.0))]
    concerned = {*told["child"], *told["other"]}
    gains, losses = _by_child(narrow, _GAINS), _by_child(narrow, _LOSES)
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


def _by_child(
    offences: gpd.GeoDataFrame, sides: dict[str, str]
) -> dict[str, list[shapely.Geometry]]:
    """Return the ground of narrow offences by the child on whose side it is."""
    found: dict[str, list[shapely.Geometry]] = {}
    for one in offences[offences["shape"].isin(sides)].itertuples(index=False):
        found.setdefault(getattr(one, sides[one.shape]), []).append(one.geometry)
    return found


def _changes(before: gpd.GeoSeries, after: gpd.GeoSeries) -> gpd.GeoDataFrame:
    old, new = before.to_numpy(), after.to_numpy()
    gained, lost = np.zeros(len(old)), np.zeros(len(old))
    other = np.array([a is not b for a, b in zip(old, new, strict=True)], dtype=bool)
    gained[other] = shapely.area(shapely.difference(new[other], old[other]))
    lost[other] = shapely.area(shapely.difference(old[other], new[other]))
    return gpd.GeoDataFrame(
        {
            "area_m2": shapely.area(old),
            "change_m2": shapely.area(new) - shapely.area(old),
            "gained_m2": gained,
            "lost_m2": lost,
        },
        index=before.index,
        geometry=new,
        crs=before.crs,
    )
