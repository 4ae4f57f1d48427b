"""What is lost when something fails: ground, road and wall that only it sees.

Belongs here: losses by camera, pole and named group; cameras that add nothing. Does not belong
here: devices' states and the official rates (``rates``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.camera_coverage.arrangement import corners_of
from gridmap.camera_coverage.blind import road_lines
from gridmap.camera_coverage.depth import Depths, depths
from gridmap.camera_coverage.ground import SLIVER_M2
from gridmap.camera_coverage.stretches import common, lengths, stretches_inside
from gridmap.model import require_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gridmap.camera_coverage.arrangement import Corners
    from gridmap.camera_coverage.blind import RoadLines
    from gridmap.camera_coverage.sights import Sights
    from gridmap.camera_coverage.stretches import Stretches

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]
    Geometries = NDArray[np.object_]

POLE_M = 1.0
"""Cameras this near to each other hang on one pole. Source: issue of the camera coverage; own
choice for chains: every camera within this of one of the pole belongs to it."""

_ROUNDING = 1e-5  # m², m; so far `depths` is right: who loses less loses nothing, and ranks alike

FAILURE_KINDS = ("camera", "pole", "group")
"""What can fail; a named group is whatever the register says hangs together."""

_LOST = ("area_m2", "road_m", "frontage_m")


def failures(
    cameras: gpd.GeoDataFrame,
    sights: Sights,
    *,
    units: gpd.GeoDataFrame | gpd.GeoSeries,
    roads: gpd.GeoDataFrame | gpd.GeoSeries | RoadLines | None = None,
    pole: pd.Series | None = None,
) -> pd.DataFrame:
    """Return what nobody sees any more of each unit if a camera, a pole or a named group fails.

    Parameters
    ----------
    cameras
        Index: camera code. Column ``group_code`` where groups are known. Points, metric CRS; the
        cameras of ``sights``, in their order: all that see any of the units, and what hangs on
        poles with these.
    sights
        From `sights` of these cameras.
    units
        Index: unit code. The units whose ground, roads and walls count.
    roads
        As in `blind_areas`.
    pole
        From `poles` of these cameras or of more, in their order; found here, if not given.

    Returns
    -------
    DataFrame
        Index: (kind, code, unit_code); kind of `FAILURE_KINDS`; a pole has the code of its camera
        that sorts first, and poles of one camera are left out, since that is the camera.
        ``area_m2``, ``road_m``, ``frontage_m``: seen by nothing else. Only rows with any.

    Raises
    ------
    FrameError
        An index repeats.

    Notes
    -----
    Rule: by possible views; a wall counts in the unit of the ground before it, and what lies in
    no unit nowhere. So units are independent, and `total_losses` adds them up. Source: domain.md
    3 ("single points of failure"); own choice. Cost: crossings of outlines, once for all kinds.
    """
    return losses(cameras, sights, units, roads, pole)[0]


def losses(
    cameras: gpd.GeoDataFrame,
    sights: Sights,
    units: gpd.GeoDataFrame | gpd.GeoSeries,
    roads: gpd.GeoDataFrame | gpd.GeoSeries | RoadLines | None,
    pole: pd.Series | None,
) -> tuple[pd.DataFrame, Floats]:
    """Return `failures` and, from the same walk, `seen_areas_m2`.

    Parameters
    ----------
    cameras, sights, units, roads, pole
        As in `failures`.

    Returns
    -------
    tuple
        The frame, and (units, most + 1) m².
    """
    require_columns(units, [], "units")
    groupings = _groupings(cameras, pole)
    seen = _seen(units, sights, roads)
    numbered = [_numbered(names) for names in groupings.values()]
    cells = [
        np.unique(number[seen.camera] * len(units) + seen.unit, return_inverse=True)
        for number, _ in numbered
    ]
    first = np.cumsum([0, *(len(cell) for cell, _ in cells)])
    every = [group + low for (_, group), low in zip(cells, first[:-1], strict=True)]
    ground = seen.ground.depths(np.column_stack(every), first[-1])
    areas = np.split(ground.lost_m2, first[1:-1])
    parts = []
    for kind, (_, codes), (cell, group), area_m2 in zip(
        groupings, numbered, cells, areas, strict=True
    ):
        fails, unit = np.divmod(cell, max(len(units), 1))
        named = fails < len(codes)
        metres = [lines.lost_m(group, named) for lines in (seen.roads, seen.walls)]
        lost = np.column_stack([area_m2, *metres])
        lost[lost <= _ROUNDING] = 0.0
        kept = named & lost.any(axis=1)
        parts.append((np.repeat(kind, kept.sum()), codes[fails[kept]], unit[kept], lost[kept]))
    kinds, codes, unit, lost = (np.concatenate(part) for part in zip(*parts, strict=True))
    # Units have their numbers: from arrays pandas would find them out again.
    levels = [pd.factorize(kinds), pd.factorize(codes), (unit, units.index)]
    index = pd.MultiIndex(
        [level for _, level in levels],
        [number for number, _ in levels],
        names=["kind", "code", "unit_code"],
        verify_integrity=False,
    )
    return pd.DataFrame(lost, index=index, columns=list(_LOST)), ground.areas_m2


def _groupings(cameras: gpd.GeoDataFrame, pole: pd.Series | None = None) -> dict[str, pd.Series]:
    """Return for each kind what each camera belongs to, None where to nothing."""
    require_columns(cameras, [], "cameras")
    pole = poles(cameras) if pole is None else pole
    groupings = {"camera": cameras.index.to_series(), "pole": pole}
    if "group_code" in cameras.columns and cameras["group_code"].notna().any():
        groupings["group"] = cameras["group_code"]
    return groupings


class _Ground(NamedTuple):
    """Views and borders of units; ``view`` and ``unit``, by number: views that may lie in units.

    ``pair``: of each of these the number of its camera and unit.
    """

    views: Corners
    borders: Corners
    view: Ints
    unit: Ints
    pair: Ints

    def depths(self, group: Ints, groups: int) -> Depths:
        """Return the ground seen, and what only one group of pairs sees, for all groupings."""
        return depths(
            self.views,
            row=self.view,
            field=self.unit,
            fields=len(self.borders.first) - 1,
            group=group[self.pair],
            groups=groups,
            units=self.borders,
        )


class _Lines(NamedTuple):
    """Lines, the stretches of them that cameras see, the ``pair`` of each as in `_Ground`."""

    length_m: Floats
    seen: Stretches
    pair: Ints

    def lost_m(self, group: Ints, named: Bools) -> Floats:
        """Return the metres that only one group of pairs sees; right for those named."""
        group = group[self.pair]
        there = np.zeros(len(self.length_m), dtype=bool)
        there[self.seen.line[named[group]]] = True  # what others lose elsewhere nobody asks
        return lengths(
            self.seen._replace(owner=group).some(there[self.seen.line]),
            length_m=self.length_m,
            place=np.zeros(len(self.length_m), np.int64),
            places=1,
            group=np.arange(len(named)),
            groups=len(named),
        ).lost_m


class _Seen(NamedTuple):
    """All that is seen of units. ``camera`` and ``unit`` of each pair in which anything may be."""

    camera: Ints
    unit: Ints
    ground: _Ground
    roads: _Lines
    walls: _Lines


def _seen(
    units: gpd.GeoDataFrame | gpd.GeoSeries,
    sights: Sights,
    roads: gpd.GeoDataFrame | gpd.GeoSeries | RoadLines | None,
) -> _Seen:
    """Return the ground, roads and walls of units that cameras see."""
    borders, shapes = units.geometry.to_numpy(), sights.views.geometry.to_numpy()
    camera = np.flatnonzero(~shapely.is_empty(shapes))
    unit, view = shapely.STRtree(shapes[camera]).query(borders)
    lines, on_roads = road_lines(units, sights, roads)
    length_m, before = sights.walls.walls.length, sights.walls.before
    on_walls, of_walls = common(sights.walls.seen, stretches_inside(before, borders), len(length_m))
    pairs = [(camera[view], unit), (on_roads.owner, lines.unit[on_roads.line])]
    pairs.append((on_walls.owner, of_walls))
    sizes = np.cumsum([len(one) for one, _ in pairs])
    pair, place = np.unique(
        np.concatenate([one * len(borders) + other for one, other in pairs]), return_inverse=True
    )
    in_ground, in_roads, in_walls, _ = np.split(place, sizes)
    return _Seen(
        *np.divmod(pair, max(len(borders), 1)),
        _Ground(corners_of(shapes[camera]), corners_of(borders), view, unit, in_ground),
        _Lines(lines.length_m, on_roads, in_roads),
        _Lines(length_m, on_walls, in_walls),
    )


def total_losses(losses: pd.DataFrame, cameras: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return what is lost of all units together if something fails.

    Parameters
    ----------
    losses
        From `failures`.
    cameras
        As in `failures`, all that may fail.

    Returns
    -------
    DataFrame
        Index: (kind, code), every camera, pole and named group. ``cameras``: how many fail;
        ``area_m2``, ``road_m``, ``frontage_m``: 0 where nothing is lost.

    Raises
    ------
    FrameError
        An index repeats.
    """
    groupings = _groupings(cameras)
    found = [_numbered(names) for names in groupings.values()]
    codes = [one for _, one in found]
    index = pd.MultiIndex.from_arrays(
        [np.repeat(list(groupings), [len(one) for one in codes]), np.concatenate(codes)],
        names=["kind", "code"],
    )
    total = losses.groupby(level=["kind", "code"]).sum().reindex(index, fill_value=0.0)
    total.insert(0, "cameras", np.concatenate([np.bincount(n)[: len(c)] for n, c in found]))
    return total


def redundant(losses: pd.DataFrame) -> pd.DataFrame:
    """Return the cameras whose view adds nothing to what the others see.

    Parameters
    ----------
    losses
        From `total_losses`.

    Returns
    -------
    DataFrame
        Index: camera code; the columns of ``losses``.

    Notes
    -----
    Rule: less than `SLIVER_M2` of ground and 1 cm of road and of wall. Each taken alone: of two
    cameras that see the same both are redundant, and only one may go. Source: Decree 799, "avoid
    duplication" (domain.md 1.4).
    """
    alone = losses[losses.index.get_level_values("kind") == "camera"].droplevel("kind")
    nothing = (alone["area_m2"] < SLIVER_M2) & (alone[["road_m", "frontage_m"]] < 0.01).all(axis=1)
    return alone[nothing]


def poles(cameras: gpd.GeoDataFrame | gpd.GeoSeries) -> pd.Series:
    """Return the pole of each camera that shares one.

    Parameters
    ----------
    cameras
        Index: camera code. Points, metric CRS.

    Returns
    -------
    Series
        Index: the cameras'; the code of the pole's camera that sorts first; None where a camera
        stands alone or has no position.
    """
    shapes = cameras.geometry.to_numpy()
    one, other = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=POLE_M)
    if (one == other).all():
        return pd.Series(np.full(len(shapes), None), index=cameras.index, dtype=object)
    rank = np.argsort(np.argsort(cameras.index.astype(str), kind="stable"), kind="stable")
    least = rank.copy()
    while True:  # chains of cameras are short: few rounds
        before = least.copy()
        np.minimum.at(least, one, least[other])
        if (before == least).all():
            break
    codes = cameras.index.to_numpy()[np.argsort(rank, kind="stable")][least].astype(object)
    shared = np.bincount(least, minlength=len(least))[least] > 1
    return pd.Series(np.where(shared, codes, None), index=cameras.index, dtype=object)


def _numbered(names: pd.Series) -> tuple[Ints, NDArray[np.object_]]:
    """Return a number for each camera's group, and the groups' names.

    Cameras of no group are numbered behind, each as its own: they keep what they share with a
    group from being lost.
    """
    codes, unique = pd.factorize(names.to_numpy(dtype=object), sort=True)
    number = codes.astype(np.int64)
    lone = number < 0
    number[lone] = len(unique) + np.arange(int(lone.sum()))
    return number, unique
