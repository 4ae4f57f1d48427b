"""The entrances of the demo district's homes.

Belongs here: which wall the doors are in, and what they are called. Does not belong here: the
choice among walls (``walls``), whether a camera sees a door (``gridmap.camera_coverage``).
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.demo.walls import facing, way_to

TWO_DOORS_M = 30.0
"""Wall from which a block of flats has two staircases, each with its door."""

_DOOR = {"slab": "1单元", "tower": "大堂", "low_rise": "单元门", "village": "大门"}


def entrance_layer(buildings: gpd.GeoDataFrame, roads: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return one or two entrances of every building where people live.

    Parameters
    ----------
    buildings
        Columns code, kind, household_count; metric polygons.
    roads
        Metric lines.

    Returns
    -------
    GeoDataFrame
        RangeIndex, in the order of the buildings; columns code, building_code, name; metric
        points on the wall that faces the nearest road.

    Notes
    -----
    Rule: the middle of the wall, or a quarter from either end of a slab's wall of `TWO_DOORS_M`.
    Source: own choice. Nothing is random here. Cost O(n log n).
    """
    homes = buildings[buildings["household_count"] > 0]
    shapes = homes.geometry.to_numpy()
    wall = facing(shapes, way_to(roads.geometry.to_numpy(), shapely.centroid(shapes)))
    two = (homes["kind"] == "slab").to_numpy() & (wall.length >= TWO_DOORS_M)
    first, second = wall.at(np.where(two, 0.25, 0.5)), wall.at(np.full(len(two), 0.75))
    names = homes["kind"].map(_DOOR).to_numpy(dtype=object)
    home = np.concatenate([np.arange(len(homes)), np.flatnonzero(two)])
    order = np.argsort(home, kind="stable")
    xy = np.vstack([first, second[two]])[order]
    label = np.concatenate([names, np.full(int(two.sum()), "2单元", dtype=object)])[order]
    table = pd.DataFrame(
        {
            "code": [f"E{number:06d}" for number in range(1, len(home) + 1)],
            "building_code": homes["code"].to_numpy()[home[order]],
            "name": label,
        }
    )
    return gpd.GeoDataFrame(table, geometry=shapely.points(xy), crs=buildings.crs)
