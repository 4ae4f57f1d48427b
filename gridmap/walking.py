"""How far it is on foot: from places along roads to the nearest of some others.

Belongs here: distances in a network of lines. Does not belong here: which places and roads
(``jobs``), whether a distance is too far (whoever asks).
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.crs import require_metric
from gridmap.errors import FrameError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Indices = NDArray[np.intp]

OFF_ROAD_M = 300.0
"""The furthest a place may be from a road: further, nobody knows how one gets there. Own choice."""

JOIN_M = 1.0
"""The end of a road as near to another road joins it: drawn or rounded a little off. Own choice."""

_CENTIMETRES = 100.0  # ends as near as this are one
_BEYOND_M = 0.01  # a joint crosses the other road, for rounding leaves none that ends on it


def walking_distances(
    origins: gpd.GeoSeries, places: gpd.GeoSeries, roads: gpd.GeoSeries
) -> pd.DataFrame:
    """Return how far it is from each origin to the nearest place, along the roads.

    Parameters
    ----------
    origins
        Index: code. Points, metric CRS.
    places
        Index: code. Points, same CRS.
    roads
        Any index. Lines, same CRS; where two cross or touch one can turn.

    Returns
    -------
    DataFrame
        Index of ``origins``; ``distance_m`` (NaN where no place can be reached) and ``place_code``
        (None there; of equally near places the lowest).

    Raises
    ------
    CrsError
        A series is not metric.
    FrameError
        The series differ in CRS, or an index has duplicates.

    Notes
    -----
    Rule: straight to the nearest point of a road, along roads, which meet where they cross or where
    the end of one is within `JOIN_M` of the other, straight from a road to the place;
    or straight, where that is shorter than to the road and from it, whatever lies along it. A point
    further from every road than `OFF_ROAD_M` reaches nothing. Heights, stairs and where roads
    may be crossed are not known: in a hilly town it is further. Source: own choice. Cost
    O(s log s) for s pieces of road, one search from all places at once (Dijkstra 1959).

    Examples
    --------
    >>> from shapely import LineString, Point
    >>> road = gpd.GeoSeries([LineString([(0, 0), (100, 0), (100, 50)])], crs="EPSG:4545")
    >>> home = gpd.GeoSeries([Point(10, 5)], index=["h"], crs="EPSG:4545")
    >>> desk = gpd.GeoSeries([Point(103, 40)], index=["d"], crs="EPSG:4545")
    >>> walking_distances(home, desk, road).to_dict("index")
    {'h': {'distance_m': 138.0, 'place_code': 'd'}}
    """
    frames = {require_metric(one) for one in (origins, places, roads)}
    if len(frames) > 1:
        raise FrameError("origins, places and roads are in different coordinate frames")
    if not (origins.index.is_unique and places.index.is_unique):
        raise FrameError("origins or places have duplicate codes")
    nobody = pd.Series([None] * len(origins), origins.index, dtype=object)
    table = pd.DataFrame({"distance_m": np.nan, "place_code": nobody}, index=origins.index)
    places = places.sort_index()
    pieces = _pieces(roads)
    if not len(pieces) or places.empty or origins.empty:
        return table
    starts, ends, lengths, nodes = _network(pieces)
    tree = shapely.STRtree(pieces)
    far, place = _search(places, pieces, tree, (starts, ends, lengths), nodes)
    return _read(table, origins, places, pieces, tree, (starts, ends, lengths), (far, place))


def _pieces(roads: gpd.GeoSeries) -> NDArray[np.object_]:
    """Return the roads cut where they meet, as pieces of two points each."""
    lines = shapely.get_parts(shapely.force_2d(roads.dropna().to_numpy()))
    if not len(lines):
        return np.array([], dtype=object)
    noded = shapely.get_parts(shapely.node(shapely.multilinestrings(_joined(lines))))
    points, line = shapely.get_coordinates(noded, return_index=True)
    same = line[1:] == line[:-1]
    pairs = np.stack([points[:-1][same], points[1:][same]], axis=1)
    return np.asarray(shapely.linestrings(pairs))


def _joined(lines: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return the lines with short joints from ends to the roads that they nearly meet."""
    ends = np.concatenate([shapely.get_point(lines, 0), shapely.get_point(lines, -1)])
    own = np.tile(np.arange(len(lines)), 2)
    end, line = shapely.STRtree(lines).query(ends, predicate="dwithin", distance=JOIN_M)
    other = own[end] != line
    end, line = end[other], line[other]
    met = shapely.line_interpolate_point(
        lines[line], shapely.line_locate_point(lines[line], ends[end])
    )
    start, stop = shapely.get_coordinates(ends[end]), shapely.get_coordinates(met)
    way = stop - start
    far = np.hypot(*way.T)
    apart = far > 0
    beyond = stop[apart] + way[apart] / far[apart, None] * _BEYOND_M
    joints = np.stack([start[apart], beyond], axis=1)
    return np.concatenate([lines, shapely.linestrings(joints)]) if len(joints) else lines


def _network(pieces: NDArray[np.object_]) -> tuple[Indices, Indices, Floats, int]:
    """Return each piece's two nodes and length, and how many nodes there are."""
    points = shapely.get_coordinates(pieces)
    rounded = np.round(points * _CENTIMETRES).astype(np.int64)
    _, node = np.unique(rounded, axis=0, return_inverse=True)
    node = node.reshape(-1, 2)
    return node[:, 0], node[:, 1], shapely.length(pieces), int(node.max()) + 1


def _nearest(
    points: gpd.GeoSeries, pieces: NDArray[np.object_], tree: shapely.STRtree
) -> tuple[Indices, Floats, Floats]:
    """Return of each point the nearest piece (-1: too far), the way to it, and where along it."""
    shapes = points.to_numpy()
    found, piece = tree.query_nearest(shapes, max_distance=OFF_ROAD_M, all_matches=False)
    mine = np.full(len(shapes), -1)
    mine[found] = piece
    apart, along = np.full(len(shapes), np.nan), np.full(len(shapes), np.nan)
    apart[found] = shapely.distance(shapes[found], pieces[piece])
    along[found] = shapely.line_locate_point(pieces[piece], shapes[found])
    return mine, apart, along


def _search(
    places: gpd.GeoSeries,
    pieces: NDArray[np.object_],
    tree: shapely.STRtree,
    network: tuple[Indices, Indices, Floats],
    nodes: int,
) -> tuple[Floats, Indices]:
    """Return how far each node is from its nearest place, and which that is."""
    starts, ends, lengths = network
    order = np.argsort(np.concatenate([starts, ends]), kind="stable")
    first = np.searchsorted(np.concatenate([starts, ends])[order], np.arange(nodes + 1))
    to = np.concatenate([ends, starts])[order]
    cost = np.concatenate([lengths, lengths])[order].tolist()
    far, place = np.full(nodes, np.inf), np.full(nodes, -1)
    piece, apart, along = _nearest(places, pieces, tree)
    queue: list[tuple[float, int, int]] = []
    for number in np.flatnonzero(piece >= 0).tolist():
        at = piece[number]
        queue.append((float(apart[number] + along[number]), number, int(starts[at])))
        rest = apart[number] + lengths[at] - along[number]
        queue.append((float(rest), number, int(ends[at])))
    heapq.heapify(queue)
    neighbours, bounds = to.tolist(), first.tolist()
    while queue:
        distance, number, node = heapq.heappop(queue)
        if far[node] <= distance:
            continue
        far[node], place[node] = distance, number
        for step in range(bounds[node], bounds[node + 1]):
            further = distance + cost[step]
            if further < far[neighbours[step]]:
                heapq.heappush(queue, (further, number, neighbours[step]))
    return far, place


def _read(
    table: pd.DataFrame,
    origins: gpd.GeoSeries,
    places: gpd.GeoSeries,
    pieces: NDArray[np.object_],
    tree: shapely.STRtree,
    network: tuple[Indices, Indices, Floats],
    reached: tuple[Floats, Indices],
) -> pd.DataFrame:
    """Return what each origin finds at the two ends of its piece of road, or on the piece."""
    starts, ends, lengths = network
    far, place = reached
    piece, apart, along = _nearest(origins, pieces, tree)
    known = np.flatnonzero(piece >= 0)
    at = piece[known]
    ways = np.stack([far[starts[at]] + along[known], far[ends[at]] + lengths[at] - along[known]])
    whose = np.stack([place[starts[at]], place[ends[at]]])
    best = ways.argmin(axis=0)
    every = np.arange(len(known))
    found, number = ways[best, every], whose[best, every]
    theirs, their_apart, their_along = _nearest(places, pieces, tree)
    for one in np.flatnonzero(theirs >= 0).tolist():  # on one piece neither end is passed
        here = at == theirs[one]
        direct = their_apart[one] + np.abs(their_along[one] - along[known])
        nearer = here & (direct < found)
        found, number = np.where(nearer, direct, found), np.where(nearer, one, number)
    found = found + apart[known]
    found, number = _straight(origins, places, (apart, their_apart), (found, number, known))
    told = np.isfinite(found)
    table.iloc[known[told], 0] = found[told]
    names = table["place_code"].to_numpy(dtype=object, copy=True)
    names[known[told]] = places.index.to_numpy(dtype=object)[number[told]]
    return table.assign(place_code=pd.Series(names, table.index, dtype=object))


def _straight(
    origins: gpd.GeoSeries,
    places: gpd.GeoSeries,
    off_road: tuple[Floats, Floats],
    told: tuple[Floats, Indices, Indices],
) -> tuple[Floats, Indices]:
    """Return the ways with those in their place that are shorter than to the road and back."""
    found, number, known = told
    tree = shapely.STRtree(places.to_numpy())
    shapes = origins.to_numpy()[known]
    mine, theirs = tree.query(shapes, predicate="dwithin", distance=2 * OFF_ROAD_M)
    air = shapely.distance(shapes[mine], places.to_numpy()[theirs])
    # Whoever is nearer than both are to a road does not go by it.
    direct = air <= off_road[0][known][mine] + off_road[1][theirs]
    rows = pd.DataFrame({"mine": mine, "air": air, "theirs": theirs})[direct]
    best = rows.sort_values(["mine", "air", "theirs"]).drop_duplicates("mine")
    at = best["mine"].to_numpy()
    shorter = best["air"].to_numpy() < found[at]
    found, number = found.copy(), number.copy()
    found[at[shorter]] = best["air"].to_numpy()[shorter]
    number[at[shorter]] = best["theirs"].to_numpy()[shorter]
    return found, number
