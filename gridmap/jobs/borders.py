"""Whether divisions tile their parents beside what is stored, and what --repair would close.

Belongs here: which parents can be checked, the repair that is proposed, its proof, applying it to
the rows of a file. Does not belong here: the geometry of either (``topology``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap import crs, store, topology
from gridmap.jobs.checks import level_above, to_degrees
from gridmap.model import CODE_LENGTH, Issue, Level
from gridmap.rules import Severity

if TYPE_CHECKING:
    import datetime as dt

    from numpy.typing import NDArray
    from pyproj import CRS
    from sqlalchemy import Connection

    Geometries = NDArray[np.object_]

_SAME_M = 2e-6
"""How far snapping may put a vertex aside that it does not mean to move: its lattice is 1e-6 m."""

_CRUMB = 1e-9  # share of a unit's ground that is no part of it worth the name


@dataclass(frozen=True)
class _Family:
    """Divisions of one level and their parents, EPSG:4490, index: code.

    ``children`` has a column ``row``, the number in the file, None for a stored sibling.
    """

    children: gpd.GeoDataFrame
    parents: gpd.GeoDataFrame
    metric: CRS

    @property
    def fixed(self) -> frozenset[str]:
        return frozenset(self.children.index[self.children["row"].isna()])

    def within(self, parents: pd.Index) -> _Family:
        length = len(self.parents.index[0])
        mine = self.children.index.str[:length].isin(parents)
        return _Family(self.children[mine], self.parents.loc[parents], self.metric)

    def tiling(self, tolerance_m: float) -> gpd.GeoDataFrame:
        children, parents = self.children.to_crs(self.metric), self.parents.to_crs(self.metric)
        return topology.tiling(children, parents, tolerance_m=tolerance_m).offences


def tiled(
    conn: Connection,
    level: Level,
    rows: gpd.GeoDataFrame,
    effective: dt.date,
    *,
    tolerance_m: float,
    snap_m: float,
    repair: bool,
    only: str | None = None,
) -> tuple[gpd.GeoDataFrame, list[Issue]]:
    """Find where divisions and their stored siblings do not tile their parents (C06, G02-G05).

    Only parents of rows in the file are looked at, and only those none of whose rows has an error
    already: a child that cannot be read would be told once more as a blank.

    Parameters
    ----------
    conn
        An open connection.
    level
        The level of the rows.
    rows
        Parsed rows, index: row number in the file; geometry in EPSG:4490.
    effective
        First day the rows are true.
    tolerance_m
        Width in metres up to which an overlap or gap is a warning only.
    snap_m
        Width in metres up to which a repair is proposed; a lower one than the tolerance is it.
    repair
        Close what the proposal names.
    only
        A code prefix: stored rows below it that the file lacks end on that day.

    Returns
    -------
    GeoDataFrame, list of Issue
        The rows, repaired if told to; issues with the geometry of each offence in EPSG:4490, and
        of G02.proposal (G02.snapped if repaired) the strips that are closed.

    Notes
    -----
    Rule: a repair is offered for a parent only if checking the repaired rows as they would be
    stored finds less than before and no error, and if no border moves further than ``snap_m``.
    Rows of the file move, stored siblings and the parent do not. Source: own choice; issue 4.
    """
    family = None if level is Level.DISTRICT else _family(conn, level, rows, effective, only)
    if family is None:
        return rows, []
    offences = family.tiling(tolerance_m)
    if offences.empty:
        return rows, []
    snapped = _snapped(family.within(_parents_of(offences)), max(snap_m, tolerance_m))
    mended = _with(family, snapped)
    left = mended.tiling(tolerance_m)
    offered = _proven(offences, left, snapped, tolerance_m, max(snap_m, tolerance_m))
    shape = "G02.snapped" if repair else "G02.proposal"
    proposals = [
        _proposal(shape, parent, family, snapped, offences, max(snap_m, tolerance_m))
        for parent in offered
    ]
    if repair:
        rows = _applied(rows, snapped[snapped["parent"].isin(offered)])
        kept, closed = ~offences["parent"].isin(offered), left["parent"].isin(offered)
        offences = pd.concat([offences[kept], left[closed]], ignore_index=True)
    issues = topology.offence_issues(offences, tolerance_m=tolerance_m)
    return rows, [*to_degrees(issues, family.metric), *proposals]


def _family(
    conn: Connection, level: Level, rows: gpd.GeoDataFrame, effective: dt.date, only: str | None
) -> _Family | None:
    """Return the rows with their stored siblings and parents; None where nothing can be proved."""
    above = level_above(level)
    parents = store.read_units(conn, above, as_of=effective)
    code = rows["code"].astype(object)
    parent = code.where(code.notna(), "").str[: CODE_LENGTH[above]]
    kind = rows.geometry.geom_type.isin(("Polygon", "MultiPolygon"))
    sound = kind & rows.geometry.is_valid & ~code.duplicated(keep=False)
    sound &= code.where(code.notna(), "").str.len() == CODE_LENGTH[level]
    some = parents[parents.index.isin(parent[sound]) & ~parents.index.isin(parent[~sound])]
    # Of a code that says no parent nobody knows whose ground it is.
    if some.empty or not parent[~sound].isin(parents.index).all():
        return None
    mine = rows[parent.isin(some.index)]
    stored = store.read_units(conn, level, as_of=effective)
    stored = stored[stored.index.str[: CODE_LENGTH[above]].isin(some.index)]
    stored = stored[~stored.index.isin(mine["code"])]
    if only is not None:
        stored = stored[~stored.index.str.startswith(only)]
    fresh = gpd.GeoDataFrame(
        {"row": list(mine.index)},
        geometry=mine.geometry.to_numpy(),
        index=pd.Index(mine["code"], dtype=object),
        crs=rows.crs,
    )
    children = pd.concat([fresh, stored[["geometry"]]])
    children["row"] = children["row"].astype(object).where(children["row"].notna(), None)
    return _Family(children, some, crs.metric_crs_of(some))


def _parents_of(offences: gpd.GeoDataFrame) -> pd.Index:
    return pd.Index(sorted(set(offences["parent"].dropna())), dtype=object)


def _snapped(family: _Family, snap_m: float) -> gpd.GeoDataFrame:
    """Return the children of a file that snapping moves, as they would be stored.

    Index: code; ``parent``, ``row``, ``moved_m``, geometry in EPSG:4490.
    """
    children, parents = family.children.to_crs(family.metric), family.parents.to_crs(family.metric)
    after = topology.snapped(children, parents, tolerance_m=snap_m, fixed=family.fixed)
    same = [a is b for a, b in zip(children.geometry, after.geometry, strict=True)]
    moved = after[~np.array(same, dtype=bool)]
    before = family.children.loc[moved.index]
    known = pd.concat([family.children.geometry, family.parents.geometry])
    shapes = crs.to_storage(moved.geometry).to_numpy()
    shapes = _with_old_vertices(moved.geometry.to_numpy(), shapes, known, family.metric)
    return gpd.GeoDataFrame(
        {
            "parent": moved.index.str[: len(parents.index[0])].to_numpy(dtype=object),
            "row": before["row"].to_numpy(dtype=object),
            "moved_m": moved["moved_m"].to_numpy(),
        },
        index=moved.index,
        geometry=shapes,
        crs=crs.STORAGE_CRS,
    )


def _with_old_vertices(
    metres: Geometries, degrees: Geometries, known: gpd.GeoSeries, metric: CRS
) -> Geometries:
    """Give vertices that lie where one lay before the very coordinates of that one.

    There and back again costs the last digits, and two borders that share a vertex would no
    longer share it to the bit.
    """
    before = shapely.get_coordinates(known.to_numpy())
    measured = shapely.get_coordinates(known.to_crs(metric).to_numpy())
    spots = shapely.points(shapely.get_coordinates(metres))
    tree = shapely.STRtree(shapely.points(measured))
    vertex, old = tree.query_nearest(spots, max_distance=_SAME_M, all_matches=False)
    kept = shapely.get_coordinates(degrees)
    kept[vertex] = before[old]
    placed: Geometries = shapely.set_coordinates(degrees.copy(), kept)
    # Where a border follows itself within a millionth of a metre, another frame turns it over.
    broken = ~shapely.is_valid(placed)
    placed[broken] = shapely.make_valid(placed[broken], method="structure", keep_collapsed=False)
    for place in np.flatnonzero(broken):
        placed[place] = _without_crumbs(placed[place])
    return placed


def _without_crumbs(shape: shapely.Geometry) -> shapely.Geometry:
    """Return a polygon without the parts that are nothing but rounding."""
    parts = shapely.get_parts(shape)
    parts = parts[shapely.area(parts) > _CRUMB * shapely.area(shape)]
    return parts[0] if len(parts) == 1 else shapely.multipolygons(parts)


def _with(family: _Family, snapped: gpd.GeoDataFrame) -> _Family:
    shapes = family.children.geometry.copy()
    shapes.loc[snapped.index] = snapped.geometry
    return _Family(family.children.set_geometry(shapes), family.parents, family.metric)


def _proven(
    before: gpd.GeoDataFrame,
    after: gpd.GeoDataFrame,
    snapped: gpd.GeoDataFrame,
    tolerance_m: float,
    snap_m: float,
) -> list[str]:
    """Return the parents whose repair leaves no error, and moves nothing too far."""
    issues = topology.offence_issues(after, tolerance_m=tolerance_m)
    wrong = {str(one.values["parent"]) for one in issues if one.severity is Severity.ERROR}
    pieces = before.groupby("parent")["pieces"].sum()
    left = after.groupby("parent")["pieces"].sum().reindex(pieces.index, fill_value=0)
    reach = snapped.groupby("parent")["moved_m"].max()
    sound = snapped.geometry.is_valid.groupby(snapped["parent"]).all()
    near = sound & (reach <= snap_m + topology.RESOLUTION_M)
    fewer = left < pieces
    return [str(p) for p in near.index[near] if fewer.get(p, False) and p not in wrong]


def _proposal(
    shape: str,
    parent: str,
    family: _Family,
    snapped: gpd.GeoDataFrame,
    offences: gpd.GeoDataFrame,
    snap_m: float,
) -> Issue:
    """Return what a repair does to a parent's units, as it is proposed and as it is done."""
    mine = snapped[snapped["parent"] == parent]
    before = crs.ellipsoidal_area_m2(family.children.geometry.loc[mine.index])
    after = crs.ellipsoidal_area_m2(mine.geometry)
    strips = offences[offences["parent"] == parent]
    areas = (
        f"{code} {old:,.1f} → {new:,.1f} m²"
        for code, old, new in zip(mine.index, before, after, strict=True)
    )
    told = {
        "parent": parent,
        "strips": int(strips["pieces"].sum()),
        "limit": snap_m,
        "movement": f"{mine['moved_m'].max():.2f}",
        "units": len(mine),
        "areas": ", ".join(areas),
    }
    row = int(mine["row"].iloc[0]) if len(mine) == 1 else None
    ground = gpd.GeoSeries([shapely.union_all(strips.geometry)], crs=family.metric)
    return Issue(shape, row, "geometry", told, crs.to_storage(ground).iloc[0])


def _applied(rows: gpd.GeoDataFrame, snapped: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Put the repaired shapes in; a row that nothing moves keeps its very geometry."""
    shapes = rows.geometry.copy()
    shapes.loc[snapped["row"].astype(int).to_numpy()] = snapped.geometry.to_numpy()
    return rows.set_geometry(shapes)
