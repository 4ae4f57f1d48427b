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
from gridmap.camera_coverage.blind import road_stretches
from gridmap.camera_coverage.depth import depths
from gridmap.camera_coverage.ground import SLIVER_M2
from gridmap.camera_coverage.pieces import lines_in
from gridmap.camera_coverage.stretches import lengths
from gridmap.model import require_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gridmap.camera_coverage.arrangement import Corners
    from gridmap.camera_coverage.sights import Sights
    from gridmap.camera_coverage.stretches import Stretches

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]
    Geometries = NDArray[np.object_]

POLE_M = 1.0
"""Cameras this near to each other hang on one pole. Source: issue of the camera coverage; own
choice for chains: every camera within this of one of the pole belongs to it."""

_ROUNDING_M2 = 1e-5  # so far `depths` is right: who loses less loses nothing, and ranks alike

FAILURE_KINDS = ("camera", "pole", "group")
"""What can fail; a named group is whatever the register says hangs together."""


def failures(
    cameras: gpd.GeoDataFrame,
    sights: Sights,
    buildings: gpd.GeoDataFrame | gpd.GeoSeries,
    *,
    units: gpd.GeoDataFrame | gpd.GeoSeries,
    roads: gpd.GeoDataFrame | gpd.GeoSeries | None = None,
    own: pd.Index | None = None,
    asked: pd.Index | None = None,
) -> pd.DataFrame:
    """Return what nobody sees any more if a camera, a pole or a named group fails.

    Parameters
    ----------
    cameras
        Index: camera code. Column ``group_code`` where groups are known. Points, metric CRS; the
        cameras of ``sights``, in their order.
    sights
        From `sights` among these buildings.
    buildings
        As in `frontage`.
    units
        The units whose ground counts.
    roads
        As in `blind_areas`.
    own
        Codes of the buildings whose walls count; all if not given. The losses of a district are
        the sums of those of its parts, each with its own units and buildings.
    asked
        Codes of the cameras to tell of, and of the poles and groups they belong to; all if not
        given.

    Returns
    -------
    DataFrame
        Index: (kind, code); kind of `FAILURE_KINDS`; a pole has the code of its camera that
        sorts first, and poles of one camera are left out, since that is the camera. ``cameras``:
        how many fail; ``area_m2``, ``road_m``, ``frontage_m``: seen by nothing else.

    Raises
    ------
    FrameError
        An index repeats.

    Notes
    -----
    Rule: by possible views; ground counts in the units only. Source: domain.md 3 ("single points
    of failure"); own choice. Cost: crossings of outlines once a kind.
    """
    require_columns(cameras, [], "cameras")
    names = cameras.index.to_series()
    groupings = {"camera": names, "pole": poles(cameras)}
    if "group_code" in cameras.columns and cameras["group_code"].notna().any():
        groupings["group"] = cameras["group_code"]
    ground = _ground_of(units.geometry.to_numpy(), sights.views.geometry.to_numpy())
    walls = sights.walls.walls
    seen_walls = sights.walls.seen
    if own is not None:
        mine = buildings.index.isin(own)[walls.row[seen_walls.line]]
        seen_walls = seen_walls.some(mine)
    lines = lines_in(
        units.geometry.to_numpy(), gpd.GeoSeries([]) if roads is None else roads.geometry
    )
    seen_roads = road_stretches(lines, sights)
    parts = []
    for names in groupings.values():
        if asked is not None:
            names = names.where(names.isin(names[names.index.isin(asked)].dropna()))
        number, codes = _numbered(names)
        named = number < len(codes)
        lost = (
            np.bincount(number),
            ground.lost_m2(number, named),
            _lost_m(seen_roads, lines.length_m, number, named),
            _lost_m(seen_walls, walls.length, number, named),
        )
        parts.append((codes, *(column[: len(codes)] for column in lost)))
    codes, *columns = (np.concatenate(part) for part in zip(*parts, strict=True))
    kinds = np.repeat(list(groupings), [len(part[0]) for part in parts])
    index = pd.MultiIndex.from_arrays([kinds, codes], names=["kind", "code"])
    names = ("cameras", "area_m2", "road_m", "frontage_m")
    return pd.DataFrame(dict(zip(names, columns, strict=True)), index=index)


class _Ground(NamedTuple):
    """What is seen: views and borders of units, the ``camera`` of each view, which lies where.

    ``view`` and ``unit``, by number: views that may lie in units.
    """

    tree: shapely.STRtree
    views: Corners
    borders: Corners
    camera: Ints
    view: Ints
    unit: Ints

    def lost_m2(self, number: Ints, named: Bools) -> Floats:
        """Return the ground that only one group sees, by its number; right for those named."""
        group = number[self.camera]
        asked = named[self.camera]
        # What meets no view of a named group takes nothing from its losses.
        near = np.zeros(len(asked), dtype=bool)
        near[asked if asked.all() else self.tree.query(self.tree.geometries[asked])[1]] = True
        mine = near[self.view]
        found = depths(
            self.views,
            row=self.view[mine],
            field=self.unit[mine],
            group=group,
            fields=len(self.borders.first) - 1,
            groups=int(number.max(initial=-1)) + 1,
            units=self.borders,
        )
        return np.where(found.lost_m2 > _ROUNDING_M2, found.lost_m2, 0.0)


def _ground_of(units: Geometries, shapes: Geometries) -> _Ground:
    """Return which views may lie in which units."""
    camera = np.flatnonzero(~shapely.is_empty(shapes))
    tree = shapely.STRtree(shapes[camera])
    unit, view = tree.query(units)
    views, borders = corners_of(shapes[camera]), corners_of(units)
    return _Ground(tree, views, borders, camera, view, unit)


def _asked(place: Ints, named: Bools, places: int) -> Bools:
    """Tell which things lie in a place with any that is named: what others lose nobody asks."""
    there = np.zeros(places, dtype=bool)
    there[place[named]] = True
    return there[place]


def _lost_m(seen: Stretches, length_m: Floats, number: Ints, named: Bools) -> Floats:
    """Return the metres of lines that only one group sees, by its number."""
    mine = _asked(seen.line, named[seen.owner], len(length_m))
    return lengths(
        seen.some(mine),
        length_m=length_m,
        place=np.zeros(len(length_m), np.int64),
        places=1,
        group=number,
        groups=int(number.max(initial=-1)) + 1,
    ).lost_m


def redundant(losses: pd.DataFrame) -> pd.DataFrame:
    """Return the cameras whose view adds nothing to what the others see.

    Parameters
    ----------
    losses
        From `failures`.

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


def poles(cameras: gpd.GeoDataFrame) -> pd.Series:
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
