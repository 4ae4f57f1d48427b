"""What is lost when something fails: ground, road and wall that only it sees.

Belongs here: losses by camera, pole and named group; cameras that add nothing. Does not belong
here: devices' states and the official rates (``rates``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.camera_coverage.blind import road_stretches
from gridmap.camera_coverage.depth import depths
from gridmap.camera_coverage.frontage import wall_lines, wall_stretches
from gridmap.camera_coverage.ground import SLIVER_M2
from gridmap.camera_coverage.pieces import lines_in, pieces
from gridmap.camera_coverage.stretches import Stretches, lengths
from gridmap.model import require_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gridmap.camera_coverage.sights import Sights

    Ints = NDArray[np.int64]

POLE_M = 1.0
"""Cameras this near to each other hang on one pole. Source: issue of the camera coverage; own
choice for chains: every camera within this of one of the pole belongs to it."""

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
    cut = pieces(units.geometry.to_numpy(), sights.views.geometry.to_numpy())
    walls = wall_lines(buildings)
    seen_walls = wall_stretches(walls, sights.stretches)
    if own is not None:
        mine = buildings.index.isin(own)[walls.building[seen_walls.line]]
        seen_walls = Stretches(*(part[mine] for part in seen_walls))
    lines = lines_in(
        units.geometry.to_numpy(), gpd.GeoSeries([]) if roads is None else roads.geometry
    )
    seen_roads = road_stretches(lines, sights)
    tables = []
    for kind, names in groupings.items():
        number, codes = _numbered(names)
        size = int(number.max(initial=-1)) + 1
        ground = depths(
            cut.shape, field=cut.unit, group=number[cut.row], fields=len(units), groups=size
        )
        road, wall = (
            lengths(
                found,
                length_m=metres,
                place=np.zeros(len(metres), np.int64),
                places=1,
                group=number,
                groups=size,
            ).lost_m
            for found, metres in ((seen_roads, lines.length_m), (seen_walls, walls.length_m))
        )
        columns = {
            "cameras": np.bincount(number, minlength=size),
            "area_m2": ground.lost_m2.clip(min=0.0),
            "road_m": road,
            "frontage_m": wall,
        }
        index = pd.MultiIndex.from_product([[kind], codes], names=["kind", "code"])
        tables.append(pd.DataFrame(columns).head(len(codes)).set_index(index))
    return pd.concat(tables)


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


def _numbered(names: pd.Series) -> tuple[Ints, list[object]]:
    """Return a number for each camera's group, and the groups' names.

    Cameras of no group are numbered behind, each as its own: they keep what they share with a
    group from being lost.
    """
    codes, unique = pd.factorize(names.to_numpy(dtype=object), sort=True)
    number = codes.astype(np.int64)
    lone = number < 0
    number[lone] = len(unique) + np.arange(int(lone.sum()))
    return number, list(unique)
