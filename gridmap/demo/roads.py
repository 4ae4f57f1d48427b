"""The street network of the demo district.

Belongs here: which cuts carry a road, the roads that follow no border, kinds, widths, names.
Does not belong here: what stands beside them (``buildings``, ``cameras``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, Polygon

from gridmap.demo import places
from gridmap.demo.ground import RURAL_BELOW, Cut, Floats, Ground, Indices, metres

if TYPE_CHECKING:
    from pyproj import CRS

WIDTHS = {"trunk": 32.0, "main": 24.0, "street": 14.0, "lane": 6.0, "path": 3.5}
"""Width between the kerbs of the outer footways, metres."""

# Chances of (trunk, main, street, lane, path, none) by level of the cut, in town and in country.
_KINDS = (*places.ROAD_ENDS, "path", "")
_CHANCES = {
    ("street", True): (0.5, 0.5, 0.0, 0.0, 0.0, 0.0),
    ("community", True): (0.0, 0.45, 0.5, 0.05, 0.0, 0.0),
    ("grid", True): (0.0, 0.0, 0.45, 0.4, 0.0, 0.15),
    ("parcel", True): (0.0, 0.0, 0.0, 0.45, 0.0, 0.55),
    ("street", False): (0.0, 0.1, 0.25, 0.2, 0.0, 0.45),
    ("community", False): (0.0, 0.0, 0.2, 0.35, 0.1, 0.35),
    ("grid", False): (0.0, 0.0, 0.0, 0.35, 0.25, 0.4),
    ("parcel", False): (0.0, 0.0, 0.0, 0.2, 0.2, 0.6),
}


@dataclass(frozen=True)
class Road:
    """A road before it has a code; most have no name yet."""

    line: LineString
    kind: str
    width: float
    name: str | None = None


def _rounded(points: Floats) -> Floats:
    """Cut the corners of a course four times (Chaikin), keeping its ends."""
    for _ in range(4):
        near, far = points[:-1], points[1:]
        inner = np.stack([0.75 * near + 0.25 * far, 0.25 * near + 0.75 * far], axis=1)
        points = np.vstack([points[:1], inner.reshape(-1, 2), points[-1:]])
    return points


def _within(line: shapely.Geometry, area: Polygon) -> list[LineString]:
    parts = shapely.get_parts(shapely.line_merge(shapely.intersection(line, area)))
    return [part for part in parts if part.geom_type == "LineString" and part.length > 40.0]


def _overlays(outline: Polygon) -> list[Road]:
    inner = outline.buffer(-30.0)
    return [
        Road(part, kind, width, name)
        for name, kind, width, course in places.OVERLAYS
        for part in _within(LineString(_rounded(metres(course))), inner)
    ]


def _riverside(outline: Polygon) -> list[Road]:
    """Return the road along the river: the outline's west and north bank, moved inwards."""
    name, kind, width, (west, north, east) = places.RIVERSIDE
    bank = outline.buffer(-70.0, quad_segs=8).simplify(8.0)
    ring = _rounded(shapely.get_coordinates(max(shapely.get_parts(bank), key=shapely.area)))
    (left, _), (right, top) = metres([(west, 0.0), (east, north)])
    bottom = float(metres([(0.0, -2.9)])[0, 1])
    town = shapely.union_all(
        [
            shapely.box(left, bottom, float(metres([(-4.9, 0.0)])[0, 0]), top),
            shapely.box(left, bottom + 8_000.0, right, top),
        ]
    )
    east_bank = LineString(metres([(-9.9, -2.9), (-9.5, 0.1), (-6.5, 0.7), (-6.0, 3.0)])).buffer(1)
    parts = _within(LineString(ring).difference(east_bank), town)
    return [Road(part, kind, width, name) for part in parts]


def _draft(cut: Cut, density: float, rng: np.random.Generator) -> Road | None:
    """Return the road on a cut, if it carries one."""
    urban = density >= RURAL_BELOW
    kind = _KINDS[int(rng.choice(len(_KINDS), p=_CHANCES[cut.level, urban]))]
    if not kind:
        return None
    scale = 1.0 if urban else 0.75
    return Road(cut.line, kind, round(WIDTHS[kind] * scale * float(rng.uniform(0.9, 1.15)), 1))


def _names(kinds: pd.Series, rng: np.random.Generator) -> list[str | None]:
    """Return a name for each road: unique for the greater ones, none for paths and many lanes."""
    names: list[str | None] = []
    used: set[str] = {overlay[0] for overlay in places.OVERLAYS}
    for kind in kinds:
        silent = kind == "path" or (kind == "lane" and rng.random() < 0.35)
        names.append(None if silent else _new_name(kind, used, rng))
    return names


def _new_name(kind: str, used: set[str], rng: np.random.Generator) -> str:
    ends = places.ROAD_ENDS[kind]
    name = ""
    for _ in range(40):
        name = places.WORDS[rng.integers(len(places.WORDS))] + ends[rng.integers(len(ends))]
        if name not in used:
            break
    used.add(name)
    return name


def network(ground: Ground, cuts: list[Cut], seed: int) -> list[Road]:
    """Return the roads that follow cuts and the ones that follow none.

    Parameters
    ----------
    ground
        The tiling in metres.
    cuts
        All cuts, the ones between parcels included.
    seed
        Source of all randomness here.

    Returns
    -------
    list of Road
        The greatest first.
    """
    rng = np.random.default_rng([seed, 2])
    middle = shapely.line_interpolate_point([c.line for c in cuts], 0.5, normalized=True)
    grid, cut = nearest_grid(ground, middle)
    density = np.zeros(len(cuts))
    density[cut] = ground.grids["density"].to_numpy()[grid]
    drafts = [_draft(c, d, rng) for c, d in zip(cuts, density, strict=True)]
    return [*_overlays(ground.outline), *_riverside(ground.outline), *(d for d in drafts if d)]


def road_layer(found: list[Road], frame: CRS, seed: int) -> gpd.GeoDataFrame:
    """Return the roads with names and codes.

    Parameters
    ----------
    found
        All roads, village ways included.
    frame
        Their metric frame.
    seed
        Source of the names.

    Returns
    -------
    GeoDataFrame
        RangeIndex; columns code, name, kind, width_m, geometry (LineString).
    """
    rng = np.random.default_rng([seed, 7])
    table = pd.DataFrame({"kind": [road.kind for road in found]})
    named = _names(table["kind"], rng)
    table["name"] = [road.name or new for road, new in zip(found, named, strict=True)]
    table["width_m"] = [road.width for road in found]
    table["code"] = [f"R{number:06d}" for number in range(1, len(table) + 1)]
    lines = [road.line for road in found]
    return gpd.GeoDataFrame(table, geometry=lines, crs=frame)


def nearest_grid(ground: Ground, points: NDArray[Any]) -> tuple[Indices, Indices]:
    """Return which grid each position lies in or on.

    Parameters
    ----------
    ground
        The tiling.
    points
        Points in metres.

    Returns
    -------
    grid, point
        Row numbers; on a border the densest grid; positions outside are left out.
    """
    point, grid = shapely.STRtree(ground.grids.geometry.array).query(points, "dwithin", 1.0)
    order = np.lexsort((-ground.grids["density"].to_numpy()[grid], point))
    point, grid = point[order], grid[order]
    first = np.unique(point, return_index=True)[1]
    return grid[first], point[first]


def kerbs(found: list[Road], setback_m: float) -> NDArray[Any]:
    """Return the strips on which nothing may stand.

    Parameters
    ----------
    found
        Any roads.
    setback_m
        Free space beside the road, metres.

    Returns
    -------
    ndarray of Polygon
        In the order of the roads.
    """
    half = np.array([road.width for road in found]) / 2.0 + setback_m
    lines = np.array([road.line for road in found], dtype=object)
    return np.asarray(shapely.buffer(lines, half, quad_segs=3, cap_style="flat"))
