"""Where units and buildings lie against what their own rows say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely

from gridmap.crs import require_metric
from gridmap.errors import FrameError
from gridmap.model import CODE_LENGTH, DEDICATED, Issue, Level, require_columns
from gridmap.topology.offences import TOLERANCE_M
from gridmap.topology.pieces import narrow

if TYPE_CHECKING:
    import geopandas as gpd

FAR_M = 50.0
"""A building further than this from the unit it declares is told. Source: own choice; wider than
any road between a border as drawn and one as meant, less than a block."""


def far_issues(buildings: gpd.GeoDataFrame, units: gpd.GeoDataFrame) -> list[Issue]:
    """Return buildings that lie elsewhere than in the unit their row declares.

    Parameters
    ----------
    buildings
        Index: row number in the file; columns ``code``, ``declared_unit`` (null: it says none).
        Valid polygons, metric CRS.
    units
        Index: code, unique, of any levels. Valid polygons, same CRS.

    Returns
    -------
    list of Issue
        G10.far, with the metres from the footprint to the unit, and G10.unit where there is no
        such unit; ascending by row.

    Raises
    ------
    CrsError
        A frame is not metric.
    FrameError
        The frames differ in CRS, a column is missing, or an index has duplicates.

    Notes
    -----
    Rule: G10, from the nearest point of the footprint to the nearest of the unit, over `FAR_M`.
    Source: domain.md 1.7. Cost O(n log v) for the v vertices of a unit.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import box
    >>> units = gpd.GeoDataFrame(index=["u"], geometry=[box(0, 0, 100, 100)], crs="EPSG:4545")
    >>> rows = gpd.GeoDataFrame(
    ...     {"code": ["a", "b", "c"], "declared_unit": ["u", "u", "w"]}, index=[1, 2, 3],
    ...     geometry=[box(150, 0, 160, 9), box(160, 0, 170, 9), box(0, 0, 9, 9)], crs="EPSG:4545")
    >>> [(one.shape, one.row, one.values.get("distance")) for one in far_issues(rows, units)]
    [('G10.far', 2, 60.0), ('G10.unit', 3, None)]
    """
    if require_metric(buildings) != require_metric(units):
        raise FrameError("buildings and units are in different coordinate frames")
    require_columns(buildings, ["code", "declared_unit"], "buildings")
    require_columns(units, [], "units")
    declared = buildings["declared_unit"].astype(object)
    issues = []
    for unit, group in buildings[declared.notna()].groupby(declared[declared.notna()]):
        shapes = group.geometry.to_numpy()
        if unit not in units.index:
            away = np.full(len(group), np.nan)
        else:
            ground = units.geometry[unit]
            shapely.prepare(ground)
            away = np.zeros(len(group))
            # Whether it is near a prepared polygon can tell; how far it is can not.
            far = ~shapely.dwithin(ground, shapes, FAR_M)
            away[far] = shapely.distance(ground, shapes[far])
        for row, code, metres in zip(group.index, group["code"], away, strict=True):
            told = {"value": code, "unit": str(unit)}
            if np.isnan(metres):
                issues.append(Issue("G10.unit", int(row), "declared_unit", told))
            elif metres > FAR_M:
                told |= {"distance": round(float(metres), 1)}
                issues.append(Issue("G10.far", int(row), "declared_unit", told))
    return sorted(issues, key=lambda one: one.row or 0)


def host_issues(
    grids: gpd.GeoDataFrame, communities: gpd.GeoDataFrame, *, tolerance_m: float = TOLERANCE_M
) -> list[Issue]:
    """Return dedicated grids that do not lie in the one community their code names.

    Parameters
    ----------
    grids
        Index: row number in the file; columns ``code``, ``kind``. Valid polygons, metric CRS.
    communities
        Index: code, unique. Valid polygons that do not overlap, same CRS.
    tolerance_m
        Width in metres up to which a border may be crossed.

    Returns
    -------
    list of Issue
        S03.host, with the grid's ground outside that community.

    Raises
    ------
    CrsError
        A frame is not metric.
    FrameError
        The frames differ in CRS, a column is missing, or an index has duplicates.

    Notes
    -----
    Rule: S03. The unit of a dedicated grid may spread over several communities, its grid may
    not: one of them hosts it. Source: DB6101/T 3185-2024 (domain.md 1.1, 1.7). Cost O(n log m),
    and an overlay for each community that such a grid meets.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import box
    >>> hosts = gpd.GeoDataFrame(index=["500108001001", "500108001002"], crs="EPSG:4545",
    ...                          geometry=[box(0, 0, 50, 50), box(50, 0, 100, 50)])
    >>> grid = gpd.GeoDataFrame({"code": ["500108001001900"], "kind": ["dedicated"]}, index=[1],
    ...                         geometry=[box(40, 0, 60, 50)], crs="EPSG:4545")
    >>> [(one.values["communities"], one.geometry.area) for one in host_issues(grid, hosts)]
    [('500108001001, 500108001002', 500.0)]
    """
    if require_metric(grids) != require_metric(communities):
        raise FrameError("grids and communities are in different coordinate frames")
    require_columns(grids, ["code", "kind"], "grids")
    require_columns(communities, [], "communities")
    own = grids[grids["kind"].astype(object) == DEDICATED]
    shapes = own.geometry.to_numpy()
    ground = communities.geometry.to_numpy()
    grid, host = shapely.STRtree(ground).query(shapes, predicate="intersects")
    shared = shapely.intersection(shapes[grid], ground[host])
    wide = shapely.area(shared) > 0
    wide[wide] = ~narrow(shared[wide], tolerance_m)
    met = pd.Series(communities.index.to_numpy(dtype=object)[host[wide]], index=grid[wide])
    issues = []
    for place, (row, code) in enumerate(own["code"].items()):
        hosts = sorted(met[met.index == place])
        named = str(code)[: CODE_LENGTH[Level.COMMUNITY]]
        if hosts == [named]:
            continue
        rest = shapes[place]
        if named in communities.index:
            rest = shapely.difference(rest, communities.geometry[named])
        told = {"value": code, "parent": named, "communities": ", ".join(hosts) or "-"}
        issues.append(Issue("S03.host", int(row), "geometry", told, rest))
    return issues
