"""Blank spots: uncovered targets that lie together, ranked by who waits there.

Belongs here: grouping, ranking and outlining targets that are known to be uncovered, and who is
nearest. Does not belong here: judging what is uncovered (``status``), ground that no camera sees
(``camera_coverage``), drawing.
"""

from __future__ import annotations

import re
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.crs import require_metric
from gridmap.errors import FrameError, InputError
from gridmap.model import CODE_LENGTH, require_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]
    Objects = NDArray[np.object_]

POINT_M = 5.0
"""Radius of the ground a target without an area is drawn with: a small house. Own choice."""

LINK_M = 1.0
"""Half the width of the way that joins parts of an outline: to be seen, not measured. Own
choice."""

_MITRE = 2.0  # corners of 60 degrees and more keep their point; no point is further than apart_m
_SLACK_M = 0.005  # what an outline is wider by, so that rounding leaves no member outside
_TIE_M = 0.001  # holders whose distances differ by less are as near as each other

_THREADS = 2
_CHUNKS = 8
_FEW = 500  # members that are sooner outlined than a thread is begun

_COLUMNS = ["unit_code", "household_count", "floor_area_m2", "address"]


def blank_spots(
    targets: gpd.GeoDataFrame,
    *,
    apart_m: float,
    holders: gpd.GeoDataFrame | None = None,
    nearest: int = 3,
) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Return the groups that uncovered targets form on the ground, the gravest first.

    Parameters
    ----------
    targets
        Index: code, text. The uncovered targets only. Columns ``unit_code`` (null: in no unit),
        ``household_count``, ``floor_area_m2`` (null: unknown), ``address`` (null: none), and
        ``lenses`` (how many lenses leave the target uncovered) if the caller counts them. Valid
        points or polygons, metric CRS; a target without geometry is in no spot.
    apart_m
        Targets at most this far from each other are contiguous.
    holders
        Index: code, text. Who could take a spot: points, CRS of ``targets``.
    nearest
        How many holders to name for each spot.

    Returns
    -------
    spots : GeoDataFrame
        Index ``spot``, 1 to n: most households first, then most floor area, then most targets,
        then the lowest code. ``unit_code`` (the smallest division that holds all members of which
        the division is known; None if none does), ``targets``, ``household_count`` and
        ``households_unknown`` (of those that say it, and how many do not), ``floor_area_m2`` (of
        those that say it), ``first_address``, ``last_address`` (None where none has one),
        ``lenses_most`` (if ``targets`` has ``lenses``), ``holder_codes`` and
        ``holder_distances_m`` (tuples, the nearest first), geometry: the outline, one polygon
        unless a member itself is in pieces.
    members : DataFrame
        Index of ``targets``; ``spot``, null for a target without geometry.

    Raises
    ------
    CrsError
        ``targets`` are not metric.
    FrameError
        A column is missing, an index has duplicates, holders are in another CRS, or a count or an
        area is negative.
    InputError
        ``apart_m`` is negative or no number, or ``nearest`` is negative.

    Notes
    -----
    Rule: a spot is a connected component of "at most ``apart_m`` apart". The outline of one
    member is the member (a point as `POINT_M` of ground around it). That of several covers all,
    closes gaps between them that are narrower than ``apart_m``, and joins parts that are still
    asunder by the shortest ways, `LINK_M` to each side; it has no ground further from them than
    ``apart_m`` and `LINK_M`. Distances of holders are from the outline, to a millimetre, those
    within it at 0; equals are ordered by code. Addresses are ordered with the numbers in them
    read as numbers: 5号 before 12号. The order of the rows does not matter. Source: own choice;
    "ranked by people affected" is domain.md 4. Cost O(n log n), and O(p) for the p pairs whose
    boxes are near; 20,000 buildings take 0.6 to 0.7 s on two cores, 0.8 to 1.3 s of CPU time.

    Examples
    --------
    >>> from shapely import box
    >>> targets = gpd.GeoDataFrame(
    ...     {"unit_code": ["500108001001001", "500108001001002", "500108001001002"],
    ...      "household_count": [20, None, 30], "floor_area_m2": [900.0, 400.0, None],
    ...      "address": ["南坪路12号", "南坪路5号", None]}, index=["a", "b", "c"],
    ...     geometry=[box(0, 0, 9, 9), box(19, 0, 28, 9), box(60, 0, 69, 9)], crs="EPSG:4545")
    >>> spots, members = blank_spots(targets, apart_m=10)
    >>> spots[["unit_code", "targets", "household_count", "first_address"]].values.tolist()
    [['500108001001002', 1, 30, None], ['500108001001', 2, 20, '南坪路5号']]
    >>> members["spot"].to_dict()
    {'a': 2, 'b': 2, 'c': 1}
    """
    _require_usable(targets, holders, apart_m, nearest)
    shapes, spot, figures, members = _grouped(targets, apart_m)
    outlines = _outlines(shapes, spot, len(figures), apart_m)
    codes, distances = _nearest(outlines, holders, nearest)
    figures = figures.assign(
        holder_codes=_objects(codes, figures.index),
        holder_distances_m=_objects(distances, figures.index),
    )
    return gpd.GeoDataFrame(figures, geometry=outlines, crs=targets.crs), members


def spot_figures(targets: gpd.GeoDataFrame, *, apart_m: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the groups that uncovered targets form, without their outlines.

    Parameters
    ----------
    targets
        As for `blank_spots`.
    apart_m
        Targets at most this far from each other are contiguous.

    Returns
    -------
    spots : DataFrame
        As of `blank_spots`, without holders and geometry.
    members : DataFrame
        As of `blank_spots`.

    Raises
    ------
    CrsError, FrameError, InputError
        As of `blank_spots`.

    Notes
    -----
    Rule: the spots of `blank_spots`, in its order. Cost O(n log n), a fifth of it: most of its time
    goes into outlines.

    Examples
    --------
    >>> from shapely import box
    >>> targets = gpd.GeoDataFrame(
    ...     {"unit_code": ["500108001001001", "500108001001002"], "household_count": [20, 30],
    ...      "floor_area_m2": [900.0, 400.0], "address": [None, None]}, index=["a", "b"],
    ...     geometry=[box(0, 0, 9, 9), box(19, 0, 28, 9)], crs="EPSG:4545")
    >>> spots, members = spot_figures(targets, apart_m=10)
    >>> spots[["unit_code", "targets", "household_count"]].values.tolist()
    [['500108001001', 2, 50]]
    """
    _require_usable(targets, None, apart_m, 0)
    _, _, figures, members = _grouped(targets, apart_m)
    return figures, members


def _grouped(
    targets: gpd.GeoDataFrame, apart_m: float
) -> tuple[Objects, Ints, pd.DataFrame, pd.DataFrame]:
    """Return shapes that have a place by code, the spot of each, the spots, and whose is which."""
    shapes = shapely.force_2d(targets.geometry.to_numpy())
    placed = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    order = np.argsort(targets.index.to_numpy(dtype=object), kind="stable")
    order = order[placed[order]]
    rows, shapes = targets.iloc[order], shapes[order]
    spot, figures = _ranked(rows, _contiguous(shapes, apart_m))
    number = pd.Series(spot + 1, index=rows.index, dtype="Int64").reindex(targets.index)
    return shapes, spot, figures, pd.DataFrame({"spot": number}, index=targets.index)


def _require_usable(
    targets: gpd.GeoDataFrame, holders: gpd.GeoDataFrame | None, apart_m: float, nearest: int
) -> None:
    crs = require_metric(targets)
    require_columns(targets, _COLUMNS, "targets")
    if not (np.isfinite(apart_m) and apart_m >= 0):
        raise InputError(f"targets cannot be {apart_m} m apart; give metres, 0 or more")
    if nearest < 0:
        raise InputError(f"{nearest} holders cannot be named; give 0 or more")
    if holders is not None:
        require_columns(holders, [], "holders")
        if holders.crs != crs:
            raise FrameError("targets and holders are in different coordinate frames")
    for name in ("household_count", "floor_area_m2"):
        if (targets[name].astype("Float64") < 0).any():
            raise FrameError(f"a target's {name} is negative")


# --- which lie together


def _contiguous(shapes: Objects, apart_m: float) -> Ints:
    """Return for each shape the position of the first one of its group."""
    west, south, east, north = shapely.bounds(shapes).T
    wide = shapely.box(west - apart_m, south - apart_m, east + apart_m, north + apart_m)
    first, second = shapely.STRtree(shapes).query(wide)
    pairs = first < second
    first, second = first[pairs], second[pairs]
    # A corner of each tells most pairs that are near without measuring their walls.
    x, y = _first_corners(shapes)
    near = np.hypot(x[first] - x[second], y[first] - y[second]) <= apart_m
    group = _joined(np.arange(len(shapes)), first[near], second[near])
    open_pairs = group[first] != group[second]
    first, second = first[open_pairs], second[open_pairs]
    near = shapely.dwithin(shapes[first], shapes[second], apart_m)
    return _joined(group, first[near], second[near])


def _first_corners(shapes: Objects) -> Floats:
    xy, owner = shapely.get_coordinates(shapes, return_index=True)
    corners: Floats = xy[np.searchsorted(owner, np.arange(len(shapes)))].T
    return corners


def _joined(group: Ints, first: Ints, second: Ints) -> Ints:
    """Return the groups after pairs are joined; each is named by its least member's position.

    Every round hangs roots under lesser ones and then flattens the trees: O(log n) rounds.
    """
    group = group.copy()
    while True:
        one, other = group[first], group[second]
        apart = one != other
        if not apart.any():
            return group
        first, second = first[apart], second[apart]
        one, other = one[apart], other[apart]
        np.minimum.at(group, np.maximum(one, other), np.minimum(one, other))
        while (group != group[group]).any():
            group = group[group]


# --- ranks and figures


def _ranked(rows: pd.DataFrame, group: Ints) -> tuple[Ints, pd.DataFrame]:
    """Return the rank, from 0, of each row's group, and the figures of the groups by rank."""
    households = rows["household_count"].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    floors = rows["floor_area_m2"].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    table = pd.DataFrame(
        {
            "targets": 1,
            "household_count": np.nan_to_num(households),
            "households_unknown": np.isnan(households).astype(int),
            "floor_area_m2": np.nan_to_num(floors),
        }
    )
    # Groups are named by the position of their lowest code: in the order of those.
    _, group = np.unique(group, return_inverse=True)
    sums = table.groupby(group).sum().astype({"household_count": "int64"})
    ranking = ["household_count", "floor_area_m2", "targets"]
    best = np.lexsort([-sums[name].to_numpy() for name in reversed(ranking)])
    rank = np.empty_like(best)
    rank[best] = np.arange(len(best))
    spot = rank[group]
    sums = sums.iloc[best].set_axis(pd.RangeIndex(1, len(best) + 1, name="spot"))
    first, last = _address_span(rows["address"], spot, len(best))
    texts = {
        "unit_code": _common_unit(rows["unit_code"], spot, len(best)),
        "first_address": first,
        "last_address": last,
    }
    figures = sums.assign(**{name: _objects(text, sums.index) for name, text in texts.items()})
    if "lenses" in rows:
        most = rows["lenses"].astype("int64").groupby(spot).max()
        figures["lenses_most"] = most.to_numpy(dtype="int64")
    return spot, figures[["unit_code", *figures.columns.drop("unit_code")]]


def _objects(values: Objects | list[Any], index: pd.Index) -> pd.Series:
    return pd.Series(values, index=index, dtype=object)  # else pandas makes None a NaN


def _common_unit(codes: pd.Series, spot: Ints, number: int) -> Objects:
    """Return for each spot the longest division code with which its members' codes begin."""
    known = codes.notna().to_numpy()
    text, at = codes.to_numpy(dtype=object)[known], spot[known]
    found = np.full(number, None, dtype=object)
    for length in CODE_LENGTH.values():  # the longest last
        part = pd.Series([code[:length] for code in text], dtype=object).groupby(at)
        same = (part.nunique() == 1) & (part.first().str.len() == length)
        found[same.index[same]] = part.first()[same]
    return found


def _address_span(addresses: pd.Series, spot: Ints, number: int) -> tuple[Objects, Objects]:
    """Return the first and the last address of each spot."""
    known = addresses.notna().to_numpy()
    text = addresses.to_numpy(dtype=object)[known]
    unique = sorted(set(text) - {""}, key=_natural)
    place = {address: rank for rank, address in enumerate(unique)}
    at = pd.Series([place.get(one, -1) for one in text], dtype="int64")
    ranks = at[at >= 0].groupby(spot[known][at >= 0])
    first, last = (np.full(number, None, dtype=object) for _ in range(2))
    for found, rank in ((first, ranks.min()), (last, ranks.max())):
        found[rank.index] = np.array([*unique, None], dtype=object)[rank]
    return first, last


def _natural(address: str) -> tuple[str, str]:
    """Return a key that orders numbers within text as numbers, however wide their digits."""
    return re.sub("[0-9]+", _counted, unicodedata.normalize("NFKC", address)), address


def _counted(number: re.Match[str]) -> str:
    digits = number[0].lstrip("0")
    return f"{len(digits):03}{digits}"


# --- outlines


def _outlines(shapes: Objects, spot: Ints, number: int, apart_m: float) -> Objects:
    """Return the ground of each spot: its only member, or all of them in one piece."""
    thin = shapely.get_dimensions(shapes) < 2
    bodies = shapes.copy()
    bodies[thin] = shapely.buffer(shapes[thin], POINT_M, quad_segs=4)
    found = np.empty(number, dtype=object)
    found[spot] = bodies
    size = np.bincount(spot, minlength=number)
    several, member = np.flatnonzero(size > 1), np.flatnonzero(size[spot] > 1)
    place = np.searchsorted(several, spot[member])
    found[several] = _all_closed(bodies[member], place, len(several), apart_m)
    return found


def _all_closed(bodies: Objects, spot: Ints, number: int, apart_m: float) -> Objects:
    if len(bodies) <= _FEW:
        return _closed(bodies, spot, number, apart_m=apart_m)
    found = np.empty(number, dtype=object)
    # Ranks dealt out in turn: the first spots are the largest.
    chunks = min(_CHUNKS, number)
    turns = [slice(turn, None, chunks) for turn in range(chunks)]
    mine = [np.flatnonzero(spot % chunks == turn) for turn in range(chunks)]
    with ThreadPoolExecutor(_THREADS) as pool:
        closed = pool.map(
            partial(_closed, apart_m=apart_m),
            [bodies[rows] for rows in mine],
            [spot[rows] // chunks for rows in mine],
            [len(found[turn]) for turn in turns],
        )
        for turn, outlines in zip(turns, closed, strict=True):
            found[turn] = outlines
    return found


def _closed(bodies: Objects, spot: Ints, number: int, *, apart_m: float) -> Objects:
    """Return each spot's members, widened, united and narrowed again, in one piece."""
    buffer = partial(shapely.buffer, join_style="mitre", mitre_limit=_MITRE)
    wide = _united(buffer(bodies, apart_m / 2), spot, number)
    closed = buffer(wide, _SLACK_M - apart_m / 2)
    shapely.prepare(closed)
    lost = ~shapely.covers(closed[spot], bodies)  # sharp corners
    return _in_one_piece(_with_added(closed, bodies[lost], spot[lost]), apart_m)


def _united(shapes: Objects, owner: Ints, number: int) -> Objects:
    """Return the union of the shapes of each owner; every owner has one at least."""
    order = np.argsort(owner, kind="stable")
    groups = np.split(shapes[order], np.cumsum(np.bincount(owner))[:-1]) if number else []
    found = np.empty(number, dtype=object)
    found[:] = [one[0] if len(one) == 1 else shapely.union_all(one) for one in groups]
    return found


def _with_added(outlines: Objects, shapes: Objects, owner: Ints) -> Objects:
    """Return the outlines united with shapes that some of them get."""
    found = outlines.copy()
    rows, place = np.unique(owner, return_inverse=True)
    found[rows] = shapely.union(outlines[rows], _united(shapes, place, len(rows)))
    return found


def _in_one_piece(outlines: Objects, apart_m: float) -> Objects:
    """Return the outlines with ways between their parts, the shortest that join all."""
    torn = np.flatnonzero(shapely.get_num_geometries(outlines) > 1)
    parts, place = shapely.get_parts(outlines[torn], return_index=True)
    owner = torn[place]
    first, second = shapely.STRtree(parts).query(parts, predicate="dwithin", distance=apart_m)
    pairs = (first < second) & (owner[first] == owner[second])
    first, second = first[pairs], second[pairs]
    length_m = shapely.distance(parts[first], parts[second])
    order = np.lexsort((second, first, length_m))
    first, second = first[order], second[order]
    needed = _spanning(len(parts), first, second)
    ways = shapely.shortest_line(parts[first[needed]], parts[second[needed]])
    ways = shapely.buffer(ways, LINK_M, quad_segs=2)
    return _with_added(outlines, ways, owner[first[needed]])


def _spanning(number: int, first: Ints, second: Ints) -> Ints:
    """Return the positions of the pairs, given by ascending length, that join all with the least.

    Every round each group takes its first pair to another: Borůvka (1926), O(log n) rounds.
    """
    group = np.arange(number)
    position = np.arange(len(first))
    taken: list[Ints] = [position[:0]]
    while True:
        open_pairs = position[group[first] != group[second]]
        if not len(open_pairs):
            return np.unique(np.concatenate(taken))
        best = np.full(number, len(first))
        for ends in (first, second):
            np.minimum.at(best, group[ends[open_pairs]], open_pairs)
        chosen = np.unique(best[best < len(first)])
        taken.append(chosen)
        group = _joined(group, first[chosen], second[chosen])


# --- who is near


def _nearest(
    outlines: Objects, holders: gpd.GeoDataFrame | None, count: int
) -> tuple[list[tuple[str, ...]], list[tuple[float, ...]]]:
    """Return the codes and the distances of each outline's nearest holders."""
    codes: list[tuple[str, ...]] = [()] * len(outlines)
    distances: list[tuple[float, ...]] = [()] * len(outlines)
    if holders is None or not len(outlines):
        return codes, distances
    shapes = holders.geometry.to_numpy()
    placed = holders[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))].sort_index()
    names, points = placed.index.to_numpy(dtype=object), placed.geometry.to_numpy()
    count = min(count, len(points))
    if not count:
        return codes, distances
    spot, holder, distance_m = _near_pairs(outlines, points, count)
    order = np.lexsort((holder, distance_m, spot))
    spot, holder, distance_m = spot[order], holder[order], distance_m[order]
    starts = np.searchsorted(spot, np.arange(len(outlines)))
    for place, start in enumerate(starts):
        codes[place] = tuple(names[holder[start : start + count]])
        distances[place] = tuple(distance_m[start : start + count].tolist())
    return codes, distances


def _near_pairs(outlines: Objects, points: Objects, count: int) -> tuple[Ints, Ints, Floats]:
    """Return pairs of outlines and points that hold each outline's ``count`` nearest points.

    The reach is doubled for outlines that have found too few: O(log) rounds.
    """
    west, south, east, north = shapely.total_bounds(np.concatenate([outlines, points]))
    reach_m = max(float(np.hypot(east - west, north - south) * (count / len(points)) ** 0.5), 1.0)
    reach_m /= 2
    tree = shapely.STRtree(points)
    waiting = np.arange(len(outlines))
    found = []
    while len(waiting):
        # Ties are broken by code, so what is as far as the last of them must be among the pairs.
        some, point = tree.query(
            outlines[waiting], predicate="dwithin", distance=reach_m + 2 * _TIE_M
        )
        distance_m = shapely.distance(outlines[waiting[some]], points[point])
        enough = np.bincount(some[distance_m <= reach_m], minlength=len(waiting)) >= count
        kept = enough[some]
        found.append((waiting[some[kept]], point[kept], np.round(distance_m[kept], 3)))
        waiting = waiting[~enough]
        reach_m *= 2
    spot, holder, rounded_m = (np.concatenate(column) for column in zip(*found, strict=True))
    return spot, holder, rounded_m
