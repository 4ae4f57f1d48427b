"""The proof that children tile their parent, and each place where they do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.errors import InputError
from gridmap.model import Issue
from gridmap.topology.pieces import (
    ON_BORDER_M,
    RESOLUTION_M,
    buffered,
    mean_width_m,
    narrow,
    pieces,
    shared_borders,
)
from gridmap.topology.siblings import Siblings, siblings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.intp]
    Bools = NDArray[np.bool_]
    Geometries = NDArray[np.object_]

TOLERANCE_M = 0.1
"""Width up to which an offence is a flaw of drawing that snapping mends. Source: own choice; the
proof of domain.md 1.2 holds "within a stated snapping tolerance", and no survey of a grid's
border is finer."""

OFFENCE_COLUMNS = (
    "shape",
    "parent",
    "child",
    "other",
    "row",
    "area_m2",
    "width_m",
    "pieces",
    "geometry",
)
"""The columns of `Tiling.offences`, in order."""

BALANCE_COLUMNS = ("parent_m2", "children_m2", "overlap_m2", "blank_m2", "spill_m2")
"""The columns of `Tiling.balance`, in order."""

# Share of a blank strip's outline on the parent's border from which it runs along that border
# and not across it: two sides of a strip are nearly half of its outline each.
_ALONG = 0.25

# A notch between two siblings is a gap, and not a corner of the outline, where their borders run
# beside each other for this many times the tolerance.
_RUN = 10.0

_NOBODY = -1


@dataclass(frozen=True)
class Tiling:
    """What a tiling has wrong, and the sums that prove the rest right.

    ``offences`` has a RangeIndex and `OFFENCE_COLUMNS`, in the CRS of the children, ordered by
    parent, shape, child and other. ``shape`` is a key of ``rules.RULES``; ``child`` and ``other``
    are codes, None where nobody is meant, ``child`` the lower of two; ``row`` is the child's
    number in its file, None without a file; ``width_m`` is the mean width. What is wider than
    the tolerance has a row each connected piece, what is narrower a row for all ``pieces``
    between the same units.

    ``balance`` has the parents' codes as index and `BALANCE_COLUMNS`, square metres: of the
    parent, of its children one by one, of ground counted more than once, of the parent's ground
    in no child, of the children's ground (counted once) outside the parent. Here nothing is
    left out as rounding: ``parent = children - overlap + blank - spill``.
    """

    offences: gpd.GeoDataFrame
    balance: pd.DataFrame


def tiling(
    children: gpd.GeoDataFrame,
    parents: gpd.GeoDataFrame,
    *,
    tolerance_m: float = TOLERANCE_M,
    resolution_m: float = RESOLUTION_M,
    parent_column: str | None = None,
) -> Tiling:
    """Return where children do not tile their parent.

    Parameters
    ----------
    children
        Index: code, unique. Valid polygons of one or more parts, metric CRS; column ``row`` (the
        number in the file) if there is one.
    parents
        Index: code, unique. Valid polygons, same CRS. A parent without a child is all blank.
    tolerance_m
        Width in metres up to which an offence is told as a flaw that `snapped` mends.
    resolution_m
        Width in metres below which ground is rounding of coordinates and no offence.
    parent_column
        Column of ``children`` with the parent's code; None: a child's code, a text, begins with
        its parent's.

    Returns
    -------
    Tiling
        The offences with geometry and square metres, and the balance of each parent. No offence
        means: the children of each parent cover it, and nothing else, once.

    Raises
    ------
    CrsError
        A frame is not metric.
    FrameError
        See `siblings`: CRS, keys, parent column, or polygons that are missing or not valid.
    InputError
        The tolerance is not a number from 0, or the resolution not one above 0.

    Notes
    -----
    Rules (domain.md 1.7; siblings are children of one parent):

    - C06.parent: a child whose parent is not among ``parents``;
    - G02.overlap, G02.sliver: ground of two siblings;
    - G03.gap: a gap, narrower than the tolerance, between siblings, closed or open to the
      outside; G03.shared: such a gap that the parent, drawn from its children, has too;
    - G04.blank: ground of the parent in no child; G04.sliver: a narrow strip of it along the
      parent's border or within one child (past several children each has
      its part, so that none gets an arm along its siblings);
    - G05.spill, G05.sliver: ground of a child outside its parent.

    Severity: domain.md 1.7 makes G02 to G05 errors and 1.2 asks the proof "within a stated
    snapping tolerance". So what is nowhere wider than the tolerance is a warning: nobody can
    stand in it, and `snapped` mends it. What is wider is an error; a gap that is wider is a
    blank, so that no width escapes.

    Proof, as in domain.md 1.2: the areas of parent - union and union - parent, not a valid
    coverage, which may have holes. ``coverage_invalid_edges`` only spares the overlays of
    children that meet no sibling wrongly. Cost O(n log n), with overlays where something is wrong.

    Examples
    --------
    >>> from shapely import box
    >>> children = gpd.GeoDataFrame(index=["p1", "p2"], crs="EPSG:4545",
    ...                             geometry=[box(0, 0, 10, 10), box(9, 0, 18, 10)])
    >>> parents = gpd.GeoDataFrame(index=["p"], geometry=[box(0, 0, 20, 10)], crs="EPSG:4545")
    >>> found = tiling(children, parents)
    >>> found.offences[["shape", "child", "other", "area_m2"]].values.tolist()
    [['G02.overlap', 'p1', 'p2', 10.0], ['G04.blank', None, None, 20.0]]
    >>> found.balance.loc["p"].to_list()
    [200.0, 190.0, 10.0, 20.0, 0.0]
    """
    if not (0.0 <= tolerance_m < np.inf and 0.0 < resolution_m < np.inf):
        raise InputError(
            f"a tolerance of {tolerance_m} m or a resolution of {resolution_m} m is no width; "
            "give metres, from 0 and above 0"
        )
    who = siblings(children, parents, parent_column)
    ground = _ground(who, tolerance_m)
    found = [
        _orphans(who),
        _overlaps(who, ground, tolerance_m, resolution_m),
        _blanks(who, ground, tolerance_m, resolution_m),
        _spills(who, ground, tolerance_m, resolution_m),
        _shared_gaps(who, ground, tolerance_m, resolution_m),
    ]
    return Tiling(_table(who, _together(found)), _balance(who, ground))


def tiling_issues(
    children: gpd.GeoDataFrame,
    parents: gpd.GeoDataFrame,
    *,
    tolerance_m: float = TOLERANCE_M,
    parent_column: str | None = None,
) -> list[Issue]:
    """Return what a planner should mend so that children tile their parent.

    Parameters
    ----------
    children, parents, tolerance_m, parent_column
        As `tiling` takes them: metric frames, index: code.

    Returns
    -------
    list of Issue
        Rules C06, G02, G03, G04, G05; the offence's geometry in the CRS of the children.

    Raises
    ------
    CrsError, FrameError, InputError
        See `tiling`.
    """
    found = tiling(children, parents, tolerance_m=tolerance_m, parent_column=parent_column)
    return offence_issues(found.offences, tolerance_m=tolerance_m)


def offence_issues(offences: gpd.GeoDataFrame, *, tolerance_m: float) -> list[Issue]:
    """Return offences as issues.

    Parameters
    ----------
    offences
        Of a `Tiling`.
    tolerance_m
        That of the tiling, metres.

    Returns
    -------
    list of Issue
        One a row, in its order.
    """
    return [
        Issue(
            str(one.shape),
            None if one.row is None else int(one.row),
            "geometry",
            {
                "parent": one.parent,
                "child": one.child,
                "other": one.other,
                "area": _shown(one.area_m2),
                "limit": tolerance_m,
            },
            one.geometry,
        )
        for one in offences.itertuples(index=False)
    ]


def _shown(area_m2: float) -> str:
    """Return an area as a sentence holds it: no more than the digits that mean something."""
    if area_m2 < 1.0:
        return f"{area_m2:.2g}" if area_m2 >= 1e-4 else f"{area_m2:.4f}"
    return f"{area_m2:,.0f}" if area_m2 >= 1000.0 else f"{area_m2:.1f}"


@dataclass(frozen=True)
class _Ground:
    """The ground of each parent, in its order: of its children together, missing, too much.

    ``suspect`` has a place for each child: an edge of it meets another child wrongly.
    """

    union: Geometries
    blank: Geometries
    spill: Geometries
    same: Bools
    suspect: Bools


def _ground(who: Siblings, tolerance_m: float) -> _Ground:
    edges = shapely.coverage_invalid_edges(who.shapes, gap_width=tolerance_m)
    # Every overlap has a marked edge in at least one of the two (trap: in the inner one only).
    suspect = ~shapely.is_empty(edges)
    union = np.full(len(who.parent_shapes), shapely.Polygon(), dtype=object)
    order = np.argsort(who.parent, kind="stable")
    order = order[who.parent[order] != _NOBODY]
    start = np.unique(who.parent[order], return_index=True)[1]
    for members in np.split(order, start[1:]) if len(order) else []:
        join = shapely.union_all if suspect[members].any() else shapely.coverage_union_all
        union[who.parent[members[0]]] = join(who.shapes[members])
    same = shapely.equals_identical(shapely.normalize(union), shapely.normalize(who.parent_shapes))
    blank = np.full(len(union), shapely.Polygon(), dtype=object)
    spill = blank.copy()
    blank[~same] = shapely.difference(who.parent_shapes[~same], union[~same])
    spill[~same] = shapely.difference(union[~same], who.parent_shapes[~same])
    return _Ground(union, blank, spill, same, suspect)


def _rows(shape: Any, parent: Any, child: Any, other: Any, geometry: Geometries) -> pd.DataFrame:
    """Return pieces with the places of those they concern."""
    columns = {"shape": shape, "parent": parent, "child": child, "other": other}
    return pd.DataFrame({**columns, "geometry": geometry}, index=range(len(geometry)))


def _together(parts: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def _orphans(who: Siblings) -> pd.DataFrame:
    lost = np.flatnonzero(who.parent == _NOBODY)
    return _rows("C06.parent", _NOBODY, lost, _NOBODY, who.shapes[lost])


def _overlaps(
    who: Siblings, ground: _Ground, tolerance_m: float, resolution_m: float
) -> pd.DataFrame:
    suspects = np.flatnonzero(ground.suspect)
    one, two = shapely.STRtree(who.shapes).query(who.shapes[suspects], predicate="intersects")
    one = suspects[one]
    kin = (one != two) & (who.parent[one] == who.parent[two]) & (who.parent[one] != _NOBODY)
    pairs = np.unique(np.sort(np.column_stack([one[kin], two[kin]]), axis=1), axis=0)
    low, high = pairs[:, 0], pairs[:, 1]
    both, pair = pieces(shapely.intersection(who.shapes[low], who.shapes[high]), resolution_m)
    shape = np.where(narrow(both, tolerance_m), "G02.sliver", "G02.overlap")
    return _rows(shape, who.parent[low[pair]], low[pair], high[pair], both)


def _blanks(
    who: Siblings, ground: _Ground, tolerance_m: float, resolution_m: float
) -> pd.DataFrame:
    bare, parent = pieces(ground.blank, resolution_m)
    slim = narrow(bare, tolerance_m)
    wide = _rows("G04.blank", parent[~slim], _NOBODY, _NOBODY, bare[~slim])
    strips, source, taker = _shared_out(who, bare[slim], parent[slim], tolerance_m, resolution_m)
    return _together([wide, _strips(who, strips, parent[slim][source], taker)])


def _strips(who: Siblings, strips: Geometries, parent: Ints, taker: Ints) -> pd.DataFrame:
    """Return narrow blanks as gaps between two siblings, or as strips of one."""
    longest, second, _ = _neighbours(who, strips, parent)
    edge = _along_parent(who, strips, parent) | (second == _NOBODY)
    low, high = np.minimum(longest, second), np.maximum(longest, second)
    taken = taker != _NOBODY
    partner = np.where(longest == taker, second, longest)
    child = np.where(edge, np.where(taken, taker, longest), np.where(taken, partner, low))
    other = np.where(edge, _NOBODY, np.where(taken, taker, high))
    # What borders no child cannot be snapped to one: it stays a blank however narrow.
    alone = child == _NOBODY
    shape = np.select([alone, edge], ["G04.blank", "G04.sliver"], default="G03.gap")
    return _rows(shape, parent, child, other, strips)


def _parent_border_m(who: Siblings, strips: Geometries, parent: Ints) -> NDArray[np.float64]:
    """Return how many metres of their parent's border strips run along."""
    piece, unit, metres = shared_borders(strips, shapely.boundary(who.parent_shapes))
    own = unit == parent[piece]
    total = np.bincount(piece[own], metres[own], minlength=len(strips))
    return np.asarray(total, dtype=float)


def _along_parent(who: Siblings, strips: Geometries, parent: Ints) -> Bools:
    """Return whether strips run along their parent's border, and not only across it."""
    along = _parent_border_m(who, strips, parent)
    return np.asarray(along >= _ALONG * shapely.length(strips), dtype=bool)


def _shared_out(
    who: Siblings, strips: Geometries, parent: Ints, tolerance_m: float, resolution_m: float
) -> tuple[Geometries, Ints, Ints]:
    """Cut strips that run past several children into a part for each.

    Returns the parts, the place of the strip each comes from, and the child that would take it,
    -1 where the strip was left whole. Of siblings the higher code takes (see ``snapping``): what
    is within the tolerance of it; the next what is left, and the last the rest.
    """
    piece, unit, metres = shared_borders(strips, who.shapes)
    # What touches a strip at its end only has no part in it.
    real = (who.parent[unit] == parent[piece]) & (metres > tolerance_m)
    piece, unit = piece[real], unit[real]
    count = np.bincount(piece, minlength=len(strips))
    # Between two siblings and then along the parent's border, a strip would give the one an arm
    # past the other.
    edged = _parent_border_m(who, strips, parent) > 2.0 * tolerance_m
    cut = count > np.where(edged, 1, 2)
    piece, unit = piece[cut[piece]], unit[cut[piece]]
    order = np.lexsort((-unit, piece))
    piece, unit = piece[order], unit[order]
    turn = np.arange(len(piece)) - np.searchsorted(piece, piece)
    reach = tolerance_m + ON_BORDER_M
    window = shapely.box(*(shapely.bounds(strips[piece]) + reach * np.array([-2, -2, 2, 2])).T)
    near = buffered(shapely.intersection(who.shapes[unit], window), reach, quad_segs=4)
    parts, source, taker = [strips[~cut]], [np.flatnonzero(~cut)], [np.full((~cut).sum(), _NOBODY)]
    rest = strips.copy()
    for number in range(int(turn.max(initial=-1)) + 1):
        now = turn == number
        left, zone = rest[piece[now]], near[now]
        last = number == count[piece[now]] - 1
        part, origin = pieces(np.where(last, left, shapely.intersection(left, zone)), resolution_m)
        rest[piece[now]] = shapely.difference(left, zone)
        parts, source = [*parts, part], [*source, piece[now][origin]]
        taker.append(unit[now][origin])
    return np.concatenate(parts), np.concatenate(source), np.concatenate(taker)


def _neighbours(
    who: Siblings, bare: Geometries, parent: Ints
) -> tuple[Ints, Ints, NDArray[np.float64]]:
    """Return the two children of the parent with the longest borders on each piece.

    The longest first, the lower code at equal lengths, -1 for nobody; the third array is the
    second's border in metres.
    """
    piece, unit, metres = shared_borders(bare, who.shapes)
    kin = who.parent[unit] == parent[piece]
    piece, unit, metres = piece[kin], unit[kin], metres[kin]
    # To the millimetre, so that rounding does not choose among equal borders.
    order = np.lexsort((unit, -np.round(metres, 3), piece))
    piece, unit, metres = piece[order], unit[order], metres[order]
    turn = np.arange(len(piece)) - np.searchsorted(piece, piece)
    nearest = np.full((2, len(bare)), _NOBODY)
    border = np.zeros(len(bare))
    for place in (0, 1):
        nearest[place, piece[turn == place]] = unit[turn == place]
    border[piece[turn == 1]] = metres[turn == 1]
    return nearest[0], nearest[1], border


def _spills(
    who: Siblings, ground: _Ground, tolerance_m: float, resolution_m: float
) -> pd.DataFrame:
    outside, parent = pieces(ground.spill, resolution_m)
    piece, child = shapely.STRtree(who.shapes).query(outside, predicate="intersects")
    own = who.parent[child] == parent[piece]
    piece, child = piece[own], child[own]
    # A child's own part, so that ground which two children spill on is told of both.
    part, source = pieces(shapely.intersection(outside[piece], who.shapes[child]), resolution_m)
    shape = np.where(narrow(part, tolerance_m), "G05.sliver", "G05.spill")
    return _rows(shape, parent[piece[source]], child[source], _NOBODY, part)


def _shared_gaps(
    who: Siblings, ground: _Ground, tolerance_m: float, resolution_m: float
) -> pd.DataFrame:
    """Return narrow gaps between siblings that are no ground of the parent either.

    A parent that was drawn as the union of its children has their gaps; then areas prove
    nothing. Closing the union by half the tolerance fills them.
    """
    if tolerance_m == 0.0:
        return _rows("G03.shared", _NOBODY, _NOBODY, _NOBODY, who.shapes[:0])
    half = tolerance_m / 2.0
    closed = buffered(buffered(ground.union, half, quad_segs=4), -half, quad_segs=4)
    filled, parent = shapely.get_parts(shapely.difference(closed, ground.union), return_index=True)
    # Most of what is filled are the tips of corners.
    long = shapely.length(filled) >= 2.0 * _RUN * tolerance_m
    gaps, source = pieces(filled[long], resolution_m)
    parent = parent[long][source]
    long = shapely.length(gaps) >= 2.0 * _RUN * tolerance_m
    gaps, parent = gaps[long], parent[long]
    # A gap in a parent's ground is told already; a needle of a neighbour is no gap.
    gap, near = shapely.STRtree(who.parent_shapes).query(gaps, predicate="intersects")
    held = shapely.area(shapely.intersection(gaps[gap], who.parent_shapes[near]))
    free = np.bincount(gap, held, minlength=len(gaps)) < 0.5 * shapely.area(gaps)
    gaps, parent = gaps[free], parent[free]
    one, two, border = _neighbours(who, gaps, parent)
    between = border >= _ALONG * shapely.length(gaps)
    gaps, parent, one, two = gaps[between], parent[between], one[between], two[between]
    return _rows("G03.shared", parent, np.minimum(one, two), np.maximum(one, two), gaps)


_NARROW = ("G02.sliver", "G03.gap", "G03.shared", "G04.sliver", "G05.sliver")


def _table(who: Siblings, found: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return the pieces as `Tiling.offences`: narrow ones together, codes instead of places."""
    west_south = shapely.bounds(found["geometry"].to_numpy(dtype=object))[:, :2]
    found = found.assign(x=west_south[:, 0], y=west_south[:, 1])
    keys = ["parent", "shape", "child", "other"]
    found = found.sort_values([*keys, "x", "y"], ignore_index=True)
    slim = found["shape"].isin(_NARROW)
    changed = (found[keys] != found[keys].shift()).any(axis=1)
    group = (changed | ~slim).cumsum().to_numpy() - 1
    first = found[~pd.Series(group).duplicated()].reset_index(drop=True)
    shapes = found["geometry"].to_numpy(dtype=object)
    count = np.bincount(group, minlength=len(first))
    whole = first["geometry"].to_numpy(dtype=object, copy=True)  # pandas lends it read-only
    if (several := count > 1).any():
        many = several[group]
        _, member = np.unique(group[many], return_inverse=True)
        whole[several] = shapely.multipolygons(shapes[many], indices=member)
    answer = {
        "shape": first["shape"].astype(object),
        "parent": _named(who.parent_codes, first["parent"]),
        "child": _named(who.codes, first["child"]),
        "other": _named(who.codes, first["other"]),
        "row": _named(who.rows, first["child"]),
        "area_m2": shapely.area(whole),
        "width_m": mean_width_m(whole),
        "pieces": count,
    }
    return gpd.GeoDataFrame(answer, geometry=whole, crs=who.crs)


def _named(values: Any, places: pd.Series) -> pd.Series:
    """Return what stands at places of an array, None for nobody."""
    table = None if values is None else np.asarray(values, dtype=object)
    cells = [None if table is None or n == _NOBODY else table[n] for n in places]
    return pd.Series(cells, index=places.index, dtype=object)


def _balance(who: Siblings, ground: _Ground) -> pd.DataFrame:
    has = who.parent != _NOBODY
    number = len(who.parent_shapes)
    single = np.bincount(who.parent[has], shapely.area(who.shapes[has]), minlength=number)
    return pd.DataFrame(
        {
            "parent_m2": shapely.area(who.parent_shapes),
            "children_m2": single,
            "overlap_m2": np.maximum(single - shapely.area(ground.union), 0.0),
            "blank_m2": shapely.area(ground.blank),
            "spill_m2": shapely.area(ground.spill),
        },
        index=pd.Index(who.parent_codes, dtype=object),
    )
