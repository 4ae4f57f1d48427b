"""The ground of the demo district: its outline cut into streets, communities and grids.

Belongs here: the density of the town, the cuts, the tiling and its codes. Does not belong here:
roads (``roads``), parcels and buildings (``buildings``).

The district is cut from the top down by slightly curved lines, each crossing its piece the short
way, so the pieces nest by construction and their borders can carry roads. All borders are then
noded together on a 1 cm lattice; every parent is the union of its grids.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, Polygon

from gridmap import crs
from gridmap.demo import places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyproj import CRS

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

SAMPLE_M = 40.0
"""Pitch of the points that carry the density, metres."""

LATTICE_M = 0.01
"""Borders are noded on this lattice: coarser than the storage rounding, so that keeps them."""

RURAL_BELOW = 3.0
"""Grids per square kilometre below which the land is country."""

URBAN_GRIDS = (6, 13)
VILLAGE_GRIDS = (2, 6)
"""Grids per community and per village, half open: about 1,100 in all (domain.md 1.5)."""


@dataclass(frozen=True)
class Terrain:
    """Points all over the district: position in metres, and grids per square kilometre there."""

    xy: Floats
    density: Floats


@dataclass(frozen=True)
class Piece:
    """A part of the district and the terrain points in it."""

    shape: Polygon
    members: Indices


@dataclass(frozen=True)
class Cut:
    """A line that parted a piece, and the level of the units it parted."""

    line: LineString
    level: str


@dataclass
class Ground:
    """The tiling in metres: grids with their codes, the cuts between them, and the frame."""

    outline: Polygon
    frame: CRS
    grids: gpd.GeoDataFrame
    cuts: list[Cut] = field(default_factory=list)


def kilometres(xy: Floats) -> Floats:
    """Return positions of the metric frame in the kilometres that `places` uses.

    Parameters
    ----------
    xy
        Metres, shape (n, 2), in a frame of `crs.metric_crs`.

    Returns
    -------
    ndarray of float, shape (n, 2)
        Kilometres east and north of the frame's centre.
    """
    return (np.asarray(xy, dtype=float) - 500_000.0) / 1000.0


def metres(km: Any) -> Floats:
    """Undo `kilometres`.

    Parameters
    ----------
    km
        Kilometres east and north of the centre, shape (n, 2).

    Returns
    -------
    ndarray of float, shape (n, 2)
        Metres in the metric frame.
    """
    return np.asarray(km, dtype=float) * 1000.0 + 500_000.0


def smooth_noise(xy: Floats, scale_m: float, rng: np.random.Generator) -> Floats:
    """Return a smooth random field of mean 0 and standard deviation 1.

    Parameters
    ----------
    xy
        Metres, shape (n, 2).
    scale_m
        Typical wave length.
    rng
        Source of the waves.

    Returns
    -------
    ndarray of float, shape (n,)
        The field at the positions.
    """
    waves = 12
    angle = rng.uniform(0, 2 * np.pi, waves)
    number = 2 * np.pi / (scale_m * rng.uniform(0.6, 1.6, waves))
    phase = rng.uniform(0, 2 * np.pi, waves)
    along = xy @ (number * np.vstack([np.cos(angle), np.sin(angle)])) + phase
    return np.asarray(np.sin(along).sum(axis=1) / np.sqrt(waves / 2))


def nearness(xy: Floats, spots: Sequence[tuple[float, float, float]]) -> Floats:
    """Return how much a position belongs to quarters of one character.

    Parameters
    ----------
    xy
        Metres, shape (n, 2).
    spots
        East, north, radius in km of each quarter.

    Returns
    -------
    ndarray of float, shape (n,)
        1 in the middle of a quarter, 0.5 at its radius, towards 0 beyond.
    """
    spot = np.array(spots, dtype=float)
    away = np.hypot(*(kilometres(xy)[:, None, :] - spot[:, :2]).transpose(2, 0, 1))
    return np.asarray((0.5 ** ((away / spot[:, 2]) ** 2)).max(axis=1))


def density(xy: Floats, rng: np.random.Generator) -> Floats:
    """Return grids per square kilometre.

    Parameters
    ----------
    xy
        Metres, shape (n, 2).
    rng
        Source of the local variation.

    Returns
    -------
    ndarray of float, shape (n,)
        From about 0.3 on the ridges to about 30 in the centre.
    """
    centres = np.array(places.CENTRES)
    away = np.hypot(*(kilometres(xy)[:, None, :] - centres[:, :2]).transpose(2, 0, 1))
    town = (centres[:, 3] * 0.5 ** ((away / centres[:, 2]) ** 3)).max(axis=1)
    crest = shapely.union_all([LineString(metres(ridge)) for ridge in places.RIDGES])
    height = np.exp(-((shapely.distance(shapely.points(xy), crest) / 700.0) ** 2))
    rough = np.exp(0.25 * smooth_noise(xy, 1500.0, rng))
    return np.asarray((places.COUNTRYSIDE_DENSITY + town * (1 - 0.9 * height)) * rough)


def _terrain(outline: Polygon, rng: np.random.Generator) -> Terrain:
    west, south, east, north = outline.bounds
    x, y = np.meshgrid(np.arange(west, east, SAMPLE_M), np.arange(south, north, SAMPLE_M))
    xy = np.column_stack([x.ravel(), y.ravel()])
    xy = xy + rng.uniform(-0.4, 0.4, xy.shape) * SAMPLE_M
    shapely.prepare(outline)
    xy = xy[shapely.contains_xy(outline, xy)]
    return Terrain(xy, density(xy, rng))


def _wave(u: Floats, length: float, amplitude: float, rng: np.random.Generator) -> Any:
    """Return a smooth curve over u as a function, for the line and for the points alike."""
    phases = rng.uniform(0, 2 * np.pi, 3)
    sizes = amplitude * rng.uniform(0.3, 1.0, 3) / np.array([1.0, 2.0, 3.5])
    numbers = 2 * np.pi / length * np.array([0.8, 1.7, 3.1])
    return lambda t: (sizes * np.sin(np.asarray(t)[..., None] * numbers + phases)).sum(axis=-1)


def _weighted_quantile(values: Floats, weights: Floats, share: float) -> float:
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    place = int(np.searchsorted(total, share * total[-1]))
    low, high = max(place - 1, 0), min(place, len(values) - 1)
    return float((values[order[low]] + values[order[high]]) / 2)


def _longest_side(shape: Polygon) -> Floats:
    """Return the unit vector along the longest side of the shape's oriented box."""
    corners = shapely.get_coordinates(shapely.oriented_envelope(shape))[:3]
    sides = np.diff(corners, axis=0)
    longest = sides[np.argmax(np.hypot(*sides.T))]
    return np.asarray(longest / np.hypot(*longest))


def _turned(normal: Floats, degrees: float) -> Floats:
    """Return the unit vector that far counterclockwise of a direction."""
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(turn @ (normal / np.hypot(*normal)))


def _curve(shape: Polygon, normal: Floats, wave: Any, offset: float) -> tuple[LineString, Polygon]:
    """Return the cutting line across the shape and the half plane on its low side."""
    along = np.array([normal[1], -normal[0]])
    corners = shapely.get_coordinates(shape)
    u, v = corners @ along, corners @ normal
    steps = max(2, min(40, int(np.ptp(u) / 25.0)))
    t = np.linspace(u.min() - 20.0, u.max() + 20.0, steps)
    line = t[:, None] * along + (offset + wave(t))[:, None] * normal
    low = v.min() - 500.0
    back = np.array([t[-1], t[0]])[:, None] * along + low * normal
    return LineString(line), Polygon(np.vstack([line, back]))


def _parts(shape: shapely.Geometry) -> list[Polygon]:
    found = [g for g in shapely.get_parts(shape) if g.geom_type == "Polygon" and g.area > 1.0]
    return sorted(found, key=lambda g: -g.area)


def split(
    piece: Piece,
    share: float,
    normal: Floats,
    amplitude: float,
    weights: tuple[Floats, Floats],
    rng: np.random.Generator,
) -> tuple[Piece, Piece, list[LineString]]:
    """Part a piece by a smooth line.

    Parameters
    ----------
    piece
        What is cut.
    share
        Of the weight, for the low side.
    normal
        Direction from the low to the high side.
    amplitude
        How far the line swings, metres.
    weights
        Positions and weights of the terrain points; a piece with few points is cut by extent.
    rng
        Source of the swing.

    Returns
    -------
    low, high, lines
        Two connected pieces and the line between them.

    Raises
    ------
    RuntimeError
        The line leaves nothing on one side: the piece is thinner than the swing.
    """
    normal = normal / np.hypot(*normal)
    along = np.array([normal[1], -normal[0]])
    corners = shapely.get_coordinates(piece.shape)
    wave = _wave(corners[:, 0], max(float(np.ptp(corners @ along)), 60.0), amplitude, rng)
    if len(piece.members) < 6:
        v = corners @ normal
        below, offset = np.zeros(0, bool), float(v.min() + share * np.ptp(v))
        members = piece.members[:0]
    else:
        members = piece.members
        xy = weights[0][members]
        v = xy @ normal - wave(xy @ along)
        offset = _weighted_quantile(v, weights[1][members], share)
        below = v < offset
    line, half = _curve(piece.shape, normal, wave, offset)
    low, high = _parts(piece.shape.intersection(half)), _parts(piece.shape.difference(half))
    if not low or not high:
        raise RuntimeError("a cut missed its piece")
    shapes = _reattached(low, high)
    lines = [g for g in shapely.get_parts(line.intersection(piece.shape)) if g.length > 8.0]
    return Piece(shapes[0], members[below]), Piece(shapes[1], members[~below]), lines


def _reattached(low: list[Polygon], high: list[Polygon]) -> tuple[Polygon, Polygon]:
    """Give parts that a bend of the outline cut off to the piece they touch."""
    if len(low) == 1 and len(high) == 1:
        return low[0], high[0]
    first = shapely.union_all([low[0], *high[1:]], grid_size=LATTICE_M)
    second = shapely.union_all([high[0], *low[1:]], grid_size=LATTICE_M)
    return _parts(first)[0], _parts(second)[0]


@dataclass
class _Knife:
    """Cuts a district from the top down and remembers the cuts and the leaves."""

    terrain: Terrain
    rng: np.random.Generator
    cuts: list[Cut] = field(default_factory=list)
    leaves: list[tuple[str, Polygon]] = field(default_factory=list)

    def streets(self, piece: Piece, tree: Any, plan: dict[str, list[tuple[str, int]]]) -> None:
        """Cut by the tree; each street goes on to its communities."""
        if isinstance(tree, str):
            self.communities(piece, plan[tree])
            return
        normal, low, high = np.array(tree[0], dtype=float), tree[1], tree[2]
        share = _size(low) / (_size(low) + _size(high))
        weights = (self.terrain.xy, np.ones(len(self.terrain.xy)))
        first, second = self._cut(piece, share, normal, "street", weights, 0.02)
        self.streets(first, low, plan)
        self.streets(second, high, plan)

    def communities(self, piece: Piece, units: list[tuple[str, int]]) -> None:
        """Cut into communities, the ones with more grids on the denser side."""
        if len(units) == 1:
            self.grids(piece, *units[0])
            return
        sizes = np.array([size for _, size in units], dtype=float)
        half = int(np.argmin(np.abs(np.cumsum(sizes)[:-1] - sizes.sum() / 2))) + 1
        normal = self._from_dense(piece, _turned(_longest_side(piece.shape), self.rng.normal(0, 7)))
        share = float(sizes[:half].sum() / sizes.sum())
        weights = (self.terrain.xy, self.terrain.density)
        first, second = self._cut(piece, share, normal, "community", weights, 0.015)
        self.communities(first, units[:half])
        self.communities(second, units[half:])

    def grids(self, piece: Piece, community: str, count: int) -> None:
        """Cut into grids; the leaves carry their community."""
        if count == 1:
            self.leaves.append((community, piece.shape))
            return
        low = count // 2
        normal = _turned(_longest_side(piece.shape), self.rng.normal(0, 4))
        weights = (self.terrain.xy, self.terrain.density)
        first, second = self._cut(piece, low / count, normal, "grid", weights, 0.012)
        self.grids(first, community, low)
        self.grids(second, community, count - low)

    def _cut(
        self,
        piece: Piece,
        share: float,
        normal: Floats,
        level: str,
        weights: tuple[Floats, Floats],
        swing: float,
    ) -> tuple[Piece, Piece]:
        rural = float(np.median(self.terrain.density[piece.members]) < RURAL_BELOW)
        amplitude = swing * (1 + 2 * rural) * float(np.sqrt(piece.shape.area))
        first, second, lines = split(piece, share, normal, amplitude, weights, self.rng)
        self.cuts += [Cut(line, level) for line in lines]
        return first, second

    def _from_dense(self, piece: Piece, normal: Floats) -> Floats:
        """Turn the normal so that it points away from the denser end."""
        v = self.terrain.xy[piece.members] @ normal
        weight = np.log(self.terrain.density[piece.members])
        slope = float(((v - v.mean()) * (weight - weight.mean())).sum())
        return -normal if slope > 0 else normal


def _size(tree: Any) -> float:
    if isinstance(tree, str):
        return places.STREET_KM2[tree]
    return _size(tree[1]) + _size(tree[2])


def _plan(codes: pd.DataFrame, rng: np.random.Generator) -> dict[str, list[tuple[str, int]]]:
    """Return the communities of each street with their number of grids, urban ones first."""
    units = codes[codes["level"] == "community"].sort_values("code")
    plan: dict[str, list[tuple[str, int]]] = {}
    for code, kind, parent in units[["code", "kind", "parent_code"]].itertuples(index=False):
        low, high = VILLAGE_GRIDS if kind == "village" else URBAN_GRIDS
        plan.setdefault(parent, []).append((code, int(rng.integers(low, high))))
    return plan


def _tiling(leaves: list[tuple[str, Polygon]]) -> gpd.GeoDataFrame:
    """Node all borders together and return one polygon a leaf, sharing every vertex."""
    shapes = np.array([shape for _, shape in leaves], dtype=object)
    borders = shapely.union_all(shapely.boundary(shapes), grid_size=LATTICE_M)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(borders)))
    leaf = _leaf_of(faces, shapes)
    whole = [_parts(shapely.coverage_union_all(faces[leaf == n]))[0] for n in range(len(shapes))]
    return gpd.GeoDataFrame({"community": [code for code, _ in leaves]}, geometry=whole)


def _leaf_of(faces: NDArray[Any], shapes: NDArray[Any]) -> Indices:
    """Return the leaf of each face; slivers between two cuts go to their longest neighbour."""
    face, leaf = shapely.STRtree(shapes).query(shapely.point_on_surface(faces), "within")
    owner = np.full(len(faces), -1)
    owner[face] = leaf
    slim = (faces_area := shapely.area(faces)) < 0.2 * shapely.length(faces)
    owner[slim] = -1
    for number in sorted(np.flatnonzero(owner < 0), key=lambda n: -faces_area[n]):
        shared = shapely.length(shapely.intersection(faces[number].exterior, faces))
        owner[number] = owner[int(np.argmax(np.where(owner >= 0, shared, -1.0)))]
    return owner


def _in_reading_order(group: pd.DataFrame) -> pd.Series:
    """Return a community's numbers: rows from north to south, in a row from west to east."""
    rows = max(1, round(float(np.sqrt(len(group)))))
    from_north = group["y"].rank(ascending=False, method="first") - 1
    row = (from_north * rows // len(group)).astype(int)
    order = np.lexsort((group["x"], row))
    number = np.empty(len(group), dtype=int)
    number[order] = np.arange(1, len(group) + 1)
    return pd.Series(number, index=group.index)


def _numbered(grids: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Give codes and names; rule C05 (domain.md 1.7)."""
    middle = grids.geometry.representative_point()
    placed = grids.assign(x=middle.x, y=middle.y)
    number = pd.concat([_in_reading_order(g) for _, g in placed.groupby("community", sort=True)])
    placed["number"] = number
    placed["code"] = placed["community"] + placed["number"].map("{:03d}".format)
    placed["name"] = placed["number"].map("第{}网格".format)
    return placed.sort_values("code").reset_index(drop=True)


def ground(outline: gpd.GeoDataFrame, codes: pd.DataFrame, seed: int) -> Ground:
    """Return the district cut into grids.

    Parameters
    ----------
    outline
        One polygon in the storage CRS.
    codes
        Columns code, level, kind, parent_code.
    seed
        Source of all randomness here.

    Returns
    -------
    Ground
        Metric; grids: RangeIndex, columns code, name, community, number, x, y, density,
        urban, geometry; ordered by code.

    Notes
    -----
    Rule: grids per community as in domain.md 1.5. Source: own choice. Cost O(n log n).
    """
    rng = np.random.default_rng([seed, 1])
    centre = outline.geometry.iloc[0].centroid
    frame = crs.metric_crs(centre.x, centre.y)
    shape = _parts(outline.to_crs(frame).geometry.iloc[0])[0]
    shape = shapely.set_precision(shape, LATTICE_M)
    terrain = _terrain(shape, rng)
    knife = _Knife(terrain, rng)
    knife.streets(Piece(shape, np.arange(len(terrain.xy))), places.STREET_TREE, _plan(codes, rng))
    grids = _numbered(_tiling(knife.leaves).set_crs(frame))
    grids["density"] = 1e6 / grids.area
    villages = set(codes.loc[codes["kind"] == "village", "code"])
    grids["urban"] = ~grids["community"].isin(villages)
    return Ground(shape, frame, grids, knife.cuts)
