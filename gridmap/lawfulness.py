"""Which cameras break a rule of the law or of the register, where, and what ends it.

Belongs here: rules V00 to V11 of `domain.md` 1.7 for a district's cameras with their views, the
turn and the mask that end a view of a privacy zone. Does not belong here: what a row shows by
itself (``model``), the views (``camera_coverage``), the words (``rules``).

Azimuths and bearings count clockwise from true north, in degrees.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.crs import convergence_deg, require_metric
from gridmap.errors import FrameError
from gridmap.model import (
    ALL_ROUND,
    DIRECTION_DEG,
    DIRECTION_TOLERANCE_DEG,
    LAYERS,
    REMOVED,
    Breach,
    Issue,
    require_columns,
    row_breaches,
)
from gridmap.visibility import ARC_TOLERANCE_M, DOME_DEG, ESCAPE_M, view_polygons
from gridmap.visibility.placement import stand_all
from gridmap.visibility.scene import scene_of

if TYPE_CHECKING:
    import datetime as dt

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]
    Geometries = NDArray[np.object_]
    Days = NDArray[np.datetime64]
    Polygons: TypeAlias = gpd.GeoDataFrame | gpd.GeoSeries

FILING_DAYS = 30
"""Days from the first day of use within which a camera is filed with the county police. Source:
Decree 799, article 14 (domain.md 1.4)."""

IN_FORCE = np.datetime64("2025-04-01")
OLD_DEADLINE = np.datetime64("2025-07-01")
"""What ran on the day the decree came into force was to be filed by this day. Source: as
`FILING_DAYS`."""

DEFAULT_CONSENT_M = 100.0
"""Distance within which consent is needed where the site names none. Source: own choice; Decree
799 says "around" and no number."""

DUPLICATE_M = 0.5
DUPLICATE_DEG = 1.0
"""Cameras nearer than this and with azimuths this close may be one device. Source: rule V04
(domain.md 1.7); the angle is an own choice."""

LEAST_VIEW_M2 = 0.01
"""A view that enters a zone by less does not count: rounding along a shared wall. Source:
visibility.md section 5."""

PLAY_DEG = 0.02
"""How much wider than the view a gap between zones must be, to count as one that a camera can be
turned into: the turn is rounded up, and nobody turns a camera more exactly. Source: own choice."""

ISSUE_COLUMNS = ("camera_code", "shape", "field", "values", "geometry")
"""The columns of `camera_issues`, in order."""

_VIEW_COLUMNS = ["certain", "status", "reason", "moved_m", "x_m", "y_m", "assumed"]
_SNAP_M = 1e-6  # grid of intersections: thinner leftovers along shared walls vanish
_LEAST_PART_M2 = 1e-6
_JOIN_DEG = 1e-9  # intervals that abut were computed from one corner


class _Seen(NamedTuple):
    """Cameras with a view, row by row: their optics and where the view was taken.

    ``sure``: what is certainly seen, of an exact camera its view. ``azimuth``: of the axis, not
    a number if there is none; ``loose``: how far the position may be off; ``vague``: direction,
    optics or position are not known exactly.
    """

    cameras: gpd.GeoDataFrame
    shape: Geometries
    sure: Geometries
    place: Floats
    azimuth: Floats
    angle: Floats
    reach: Floats
    loose: Floats
    vague: Bools


class _Advice(NamedTuple):
    """What ends a camera's view of every privacy zone; no turn if none does, or none is known."""

    turn: float | None
    azimuth: float | None
    mask: list[list[float]]


def camera_issues(
    cameras: gpd.GeoDataFrame,
    views: gpd.GeoDataFrame,
    *,
    privacy_zones: gpd.GeoDataFrame,
    restricted_sites: gpd.GeoDataFrame,
    buildings: Polygons,
    district: str,
    as_of: dt.date,
) -> gpd.GeoDataFrame:
    """Return every rule that every camera breaks, with the offence and what ends it.

    Parameters
    ----------
    cameras
        Index: camera code. Columns of the camera layer (a column ``code`` is not needed), and
        ``grid_code``, null where the camera is in no grid. All cameras, also those that do not
        work; a removed one breaks no rule. Geometry: Point, metric CRS.
    views
        Index: camera code; cameras may lack. Columns and geometry as `camera_coverage.views`
        returns them for these cameras and buildings.
    privacy_zones
        Index: zone code. Geometry: valid Polygon or MultiPolygon.
    restricted_sites
        Index: site code. Column ``consent_distance_m``, null for `DEFAULT_CONSENT_M`. Geometry:
        valid Polygon or MultiPolygon.
    buildings
        Index: building code. Geometry: valid Polygon or MultiPolygon. The CRS of all five frames
        is the same.
    district
        Six digits.
    as_of
        The day filings are judged on.

    Returns
    -------
    GeoDataFrame
        RangeIndex, one row a broken rule, sorted by ``camera_code`` and ``shape``. ``shape``: a
        key of `rules.RULES`; ``field``: the column it is about; ``values``: the numbers of the
        sentence, JSON-able; ``geometry`` in the CRS of the cameras: the part of the view inside
        the zone, the camera, the proposed position, or None. See `issue_of`.

    Raises
    ------
    CrsError
        The cameras have no metric CRS.
    FrameError
        A column is missing, an index repeats, or the CRS differ.

    Notes
    -----
    Rule: V00 to V11. For V07 the turn and the mask each end the camera's view of all zones
    together, from the place its view was taken; the turn is the smallest, rounded away from the
    zone to a thousandth of a degree, and there is none if no gap between the zones it can see is
    `PLAY_DEG` wider than its angle. Where optics are assumed, or direction or position are known
    only to ±something, what the certain view shows is an error that a mask ends, wherever the
    camera looks and stands within that; what only the possible view shows is a warning. V08: the
    same; a consent ends it for all sites, and no view is told of where its camera is. V09: a
    number without a day proves a filing. V04: told at both cameras.
    Source: Decree 799, GB/T 28181-2022 (domain.md 1.4, 1.7). Cost: O(n log n), one intersection
    for each view that meets a zone, one more view for each that enters it.

    Examples
    --------
    >>> import datetime as dt
    >>> from shapely import Point, box
    >>> crs, none = 32648, {"index": [], "geometry": []}
    >>> bare = dict.fromkeys(LAYERS["camera"].columns)
    >>> camera = {**bare, "azimuth_deg": 90.0, "hfov_deg": 60.0, "max_range_m": 40.0,
    ...           "grid_code": "500108001001001", "point_type": 2, "place_category": "road",
    ...           "sign_installed": True, "filed_at": dt.date(2025, 6, 1)}
    >>> cameras = gpd.GeoDataFrame([camera], index=["50010800001310000001"],
    ...                            geometry=[Point(500000, 0)], crs=crs)
    >>> nothing = gpd.GeoSeries([], crs=crs)
    >>> views = view_polygons(cameras, nothing)
    >>> views = views.assign(assumed="", certain=views.geometry)
    >>> zone = gpd.GeoDataFrame(index=["PZ1"], geometry=[box(500010, 0, 500020, 20)], crs=crs)
    >>> site = gpd.GeoDataFrame({"consent_distance_m": []}, **none, crs=crs)
    >>> issues = camera_issues(cameras, views, privacy_zones=zone, restricted_sites=site,
    ...                        buildings=nothing, district="500108", as_of=dt.date(2026, 1, 1))
    >>> issues["shape"].tolist(), issues["values"][0]["turn"], issues["values"][0]["mask"]
    (['V07.turn'], 30.0, [[60.0, 90.0]])
    """
    _check(cameras, views, privacy_zones, restricted_sites, buildings)
    live = cameras[(cameras["state"] != REMOVED).to_numpy(dtype=bool)].sort_index()
    live = live.assign(code=live.index)
    views = views[views.index.isin(live.index)].sort_index()
    zones, sites = privacy_zones.sort_index(), restricted_sites.sort_index()
    places = _places(live.loc[views.index], views, buildings)
    seen = _seen(live.loc[views.index], views, places)
    breaches = [
        *row_breaches(live, live.notna()),
        *_districts(live, district),
        *_units(live),
        *_duplicates(live),
        *_intruders(live, zones),
        *_onlookers(seen, zones, buildings),
        *_unconsented(live, seen, sites),
        *_filings(live, np.datetime64(as_of, "D")),
        *_indoors(live.loc[views.index], views, places),
    ]
    return _frame(breaches, cameras)


def issue_of(row: Mapping[str, Any]) -> Issue:
    """Return a row of `camera_issues` as an issue that can speak.

    Parameters
    ----------
    row
        The row, a Series or a mapping.

    Returns
    -------
    Issue
        Without a row number.

    Examples
    --------
    >>> row = {"shape": "V03.outside", "field": "geometry", "values": {}, "geometry": None}
    >>> issue_of(row).message("en")
    'the camera stands in no grid; check its position, or the grids'
    """
    return Issue(row["shape"], None, row["field"], row["values"], row["geometry"])


def smallest_turn(blocked: Floats, azimuth: float, angle: float) -> float | None:
    """Return the smallest turn after which a sector meets no blocked bearing.

    Parameters
    ----------
    blocked
        Shape (k, 2): from, to, clockwise; from in [0, 360) and rising, to at most 360 more;
        intervals that neither overlap nor touch.
    azimuth, angle
        Axis and width of the sector.

    Returns
    -------
    float or None
        Degrees in [-180, 180], clockwise if positive; 0.0 if nothing is in the way; None if no gap
        is `PLAY_DEG` wider than the angle, or a full circle cannot be turned.

    Notes
    -----
    Rule: the edge of the sector comes to lie on the edge of a gap; of two equal turns the
    clockwise one. Source: rule V07 (domain.md 1.7). Cost O(k).

    Examples
    --------
    >>> smallest_turn(np.array([[80.0, 100.0]]), 95.0, 60.0)
    35.0
    >>> smallest_turn(np.array([[80.0, 100.0], [130.0, 380.0]]), 95.0, 60.0) is None
    True
    """
    if len(blocked) == 0:
        return 0.0
    start = blocked[:, 1]
    width = (np.roll(blocked[:, 0], -1) - start) % 360.0
    wide = width >= angle + PLAY_DEG
    if angle >= DOME_DEG or not wide.any():
        return None
    first, room = (start + angle / 2.0)[wide], (width - angle)[wide]
    if ((azimuth - first) % 360.0 <= room).any():
        return 0.0
    turns = _signed(np.concatenate([first, first + room]) - azimuth)
    return float(turns[np.lexsort((-turns, np.abs(turns)))[0]])


def _check(
    cameras: gpd.GeoDataFrame,
    views: gpd.GeoDataFrame,
    zones: gpd.GeoDataFrame,
    sites: gpd.GeoDataFrame,
    buildings: Polygons,
) -> None:
    """Raise what `camera_issues` promises to raise."""
    columns = [name for name in LAYERS["camera"].columns if name != "code"]
    require_columns(cameras, [*columns, "grid_code"], "cameras")
    require_columns(views, _VIEW_COLUMNS, "views")
    require_columns(zones, [], "privacy zones")
    require_columns(sites, ["consent_distance_m"], "restricted sites")
    crs = require_metric(cameras)
    if any(frame.crs != crs for frame in (views, zones, sites, buildings)):
        raise FrameError("cameras, views, zones, sites and buildings are not in the same CRS")


def _frame(breaches: list[Breach], cameras: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return breaches as `camera_issues` promises them."""
    table = pd.DataFrame(breaches, columns=list(ISSUE_COLUMNS), dtype=object)
    table = table.sort_values(["camera_code", "shape"], kind="stable", ignore_index=True)
    shapes = gpd.GeoSeries(table["geometry"].to_numpy(), crs=cameras.crs)
    return gpd.GeoDataFrame(table.drop(columns="geometry"), geometry=shapes)


# --- where a camera looks -----------------------------------------------------------------------


def _axis(cameras: gpd.GeoDataFrame) -> tuple[Floats, Floats]:
    """Return the azimuth of each camera, declared or one of eight, and how far it may be off."""
    azimuth = cameras["azimuth_deg"].to_numpy(dtype=float)
    facing = cameras["direction_type"].map(DIRECTION_DEG).to_numpy(dtype=float)
    declared = np.nan_to_num(cameras["azimuth_tolerance_deg"].to_numpy(dtype=float))
    coarse = np.isnan(azimuth) & ~np.isnan(facing)
    off = np.where(coarse, DIRECTION_TOLERANCE_DEG, declared)
    return np.where(coarse, facing, azimuth), off


def _angle(cameras: gpd.GeoDataFrame, off: Floats) -> Floats:
    """Return the angle of all directions a camera may look in; not a number if not known."""
    angle = cameras["hfov_deg"].to_numpy(dtype=float)
    around = cameras["direction_type"].to_numpy(dtype=float, na_value=np.nan) == ALL_ROUND
    blind = np.isnan(angle) & around & cameras["azimuth_deg"].isna().to_numpy()
    return np.minimum(np.where(blind, 360.0, angle) + 2.0 * off, 360.0)


def _seen(cameras: gpd.GeoDataFrame, views: gpd.GeoDataFrame, places: Floats) -> _Seen:
    """Return the cameras that have a view, with their optics."""
    azimuth, off = _axis(cameras)
    angle = _angle(cameras, np.zeros(len(cameras)))
    loose = np.nan_to_num(cameras["position_tolerance_m"].to_numpy(dtype=float))
    vague = (views["assumed"] != "").to_numpy(dtype=bool) | (loose > 0.0)
    vague |= (off > 0.0) & ~(angle >= DOME_DEG)
    shape = views.geometry.to_numpy()
    sure = np.where(vague, views["certain"].to_numpy(), shape)
    reach = cameras["max_range_m"].to_numpy(dtype=float)
    rows = np.flatnonzero(~(shapely.is_missing(shape) | shapely.is_empty(shape)))
    return _Seen(
        cameras.iloc[rows],
        shape[rows],
        sure[rows],
        places[rows],
        azimuth[rows],
        angle[rows],
        reach[rows],
        loose[rows],
        vague[rows],
    )


def _places(cameras: gpd.GeoDataFrame, views: gpd.GeoDataFrame, buildings: Polygons) -> Floats:
    """Return where each view was taken: where the camera was drawn, or where it was moved to."""
    places: Floats = views[["x_m", "y_m"]].to_numpy(dtype=float).copy()
    rows = np.flatnonzero((views["status"] == "moved").to_numpy(dtype=bool))
    if len(rows) == 0:
        return places
    walls = buildings.geometry.to_numpy()
    # A margin: what decides lies within the greatest move and a metre.
    drawn = shapely.points(places[rows])
    near = shapely.STRtree(walls).query(drawn, predicate="dwithin", distance=ESCAPE_M + 5.0)[1]
    scene, _ = scene_of(buildings.geometry.iloc[np.unique(near)])
    moved = cameras.iloc[rows]
    azimuth, off = _axis(moved)
    angle = _angle(moved, off)
    directed = ~np.isnan(azimuth) & ~(angle >= DOME_DEG)
    axis = np.radians(90.0 - (azimuth - convergence_deg(places[rows], cameras.crs)))
    # A camera without an angle has the stated default, which has a direction like any other.
    table = np.column_stack(
        [places[rows], np.where(directed, axis, np.nan), *np.ones((2, len(rows)))]
    )
    places[rows] = stand_all(scene, table)[0]
    return places


# --- register: V02, V03, V04, V09, V11 ----------------------------------------------------------


def _districts(cameras: gpd.GeoDataFrame, district: str) -> list[Breach]:
    """Find ids of another district (V02)."""
    code = cameras["code"].astype(str)
    foreign = code.str.fullmatch(r"[0-9]{20}").astype(bool) & (code.str[:6] != district)
    return [
        Breach(key, "V02.district", "code", {"value": key, "centre": key[:6], "district": district})
        for key in code[foreign]
    ]


def _units(cameras: gpd.GeoDataFrame) -> list[Breach]:
    """Find cameras in no grid, and in another unit than they are registered in (V03)."""
    lost = cameras["grid_code"].isna()
    breaches = [
        Breach(key, "V03.outside", "geometry", {}, point)
        for key, point in cameras.geometry[lost].items()
    ]
    both = cameras[~lost & cameras["declared_unit"].notna()]
    return breaches + [
        Breach(key, "V03.unit", "declared_unit", {"unit": str(unit), "grid": grid}, point)
        for key, unit, grid, point in zip(
            both.index, both["declared_unit"], both["grid_code"], both.geometry, strict=True
        )
        if not str(grid).startswith(str(unit))
    ]


def _duplicates(cameras: gpd.GeoDataFrame) -> list[Breach]:
    """Find cameras that may be one device entered twice (V04)."""
    points, codes = cameras.geometry.to_numpy(), cameras["code"].to_numpy()
    tree = shapely.STRtree(points)
    one, other = tree.query(points, predicate="dwithin", distance=DUPLICATE_M)
    azimuth = cameras["azimuth_deg"].to_numpy(dtype=float)
    turn = np.abs(_signed(azimuth[one] - azimuth[other]))
    alike = (turn <= DUPLICATE_DEG) | (np.isnan(azimuth[one]) & np.isnan(azimuth[other]))
    away = shapely.distance(points[one], points[other])
    pairs = np.flatnonzero((one != other) & alike & (away < DUPLICATE_M))
    pairs = pairs[np.lexsort((other[pairs], one[pairs]))]
    return [
        Breach(
            codes[one[pair]],
            "V04.duplicate",
            "geometry",
            {"other": codes[other[pair]], "distance": round(float(away[pair]), 2)},
            points[one[pair]],
        )
        for pair in pairs
    ]


def _days(column: pd.Series) -> Days:
    """Return a column of dates as days, not a time where there is none."""
    known = column.notna().to_numpy()
    days = np.full(len(column), np.datetime64("NaT"), dtype="datetime64[D]")
    days[known] = column.to_numpy(dtype=object)[known].astype("datetime64[D]")
    return days


def _filings(cameras: gpd.GeoDataFrame, today: np.datetime64) -> list[Breach]:
    """Judge the filings: overdue, late, not to be judged (V09)."""
    since, filed = _days(cameras["in_use_since"]), _days(cameras["filed_at"])
    deadline = np.where(since <= IN_FORCE, OLD_DEADLINE, since + FILING_DAYS)
    # A number proves a filing, whatever its day.
    done = (filed <= today) | (np.isnat(filed) & cameras["filing_no"].notna().to_numpy())
    codes = cameras["code"].to_numpy()
    breaches = [
        Breach(
            codes[row],
            "V09.overdue",
            "filed_at",
            {"deadline": str(deadline[row]), "days": int((today - deadline[row]).astype(int))},
        )
        for row in np.flatnonzero(~done & (deadline < today))
    ]
    breaches += [
        Breach(
            codes[row],
            "V09.late",
            "filed_at",
            {
                "filed": str(filed[row]),
                "deadline": str(deadline[row]),
                "days": int((filed[row] - deadline[row]).astype(int)),
            },
        )
        for row in np.flatnonzero(done & (filed > deadline))
    ]
    unknown = codes[~done & np.isnat(since)]
    return breaches + [Breach(code, "V09.unknown", "filed_at", {}) for code in unknown]


def _indoors(cameras: gpd.GeoDataFrame, views: gpd.GeoDataFrame, places: Floats) -> list[Breach]:
    """Find outdoor cameras drawn inside a building, and propose where they stand (V11)."""
    indoor = cameras["indoor"].to_numpy(dtype=float, na_value=np.nan) == 1.0
    inside = (views["reason"] == "inside_building").to_numpy(dtype=bool) & ~indoor
    moved = (views["status"] == "moved").to_numpy(dtype=bool)
    codes, away = cameras["code"].to_numpy(), views["moved_m"].to_numpy(dtype=float)
    spots = shapely.points(places)
    breaches = [
        Breach(
            codes[row],
            "V11.snap",
            "geometry",
            {"distance": round(float(away[row]), 2)},
            spots[row],
        )
        for row in np.flatnonzero(inside & moved)
    ]
    return breaches + [
        Breach(codes[row], "V11.deep", "geometry", {"limit": ESCAPE_M}, spots[row])
        for row in np.flatnonzero(inside & ~moved)
    ]


# --- privacy zones and restricted sites: V06, V07, V08 ------------------------------------------


def _intruders(cameras: gpd.GeoDataFrame, zones: gpd.GeoDataFrame) -> list[Breach]:
    """Find cameras inside a privacy zone (V06)."""
    points, codes = cameras.geometry.to_numpy(), cameras["code"].to_numpy()
    pairs = shapely.STRtree(zones.geometry.to_numpy()).query(points, predicate="within")
    return [
        Breach(codes[row], "V06.inside", "geometry", {"zone": str(zones.index[zone])}, points[row])
        for row, zone in _sorted(*pairs)
    ]


def _onlookers(seen: _Seen, zones: gpd.GeoDataFrame, buildings: Polygons) -> list[Breach]:
    """Find views that enter a privacy zone, and what ends that (V07)."""
    shapes = zones.geometry.to_numpy()
    row, zone = _sharing(seen.shape, shapes)
    part = shapely.intersection(seen.shape[row], shapes[zone])
    sure = shapely.intersection(seen.sure[row], shapes[zone])
    certain = shapely.area(sure) >= LEAST_VIEW_M2
    part = np.where(certain, sure, part)
    area = shapely.area(part)
    advice = _advice(seen, np.unique(row[certain]), shapes, buildings)
    codes = seen.cameras["code"].to_numpy()
    breaches = []
    for pair in np.flatnonzero(area >= LEAST_VIEW_M2):
        shape, more = _told(advice[int(row[pair])] if certain[pair] else None)
        values = {"zone": str(zones.index[zone[pair]]), "area": round(float(area[pair]), 2)}
        breaches.append(
            Breach(codes[row[pair]], shape, "azimuth_deg", {**values, **more}, _solid(part[pair]))
        )
    return breaches


def _sharing(views: Geometries, zones: Geometries) -> tuple[Ints, Ints]:
    """Return (view, zone) of all that meet, in their order."""
    view, zone = shapely.STRtree(zones).query(views, predicate="intersects")
    order = np.lexsort((zone, view))
    return view[order], zone[order]


def _told(advice: _Advice | None) -> tuple[str, dict[str, Any]]:
    """Return shape and values of rule V07 that an advice makes."""
    if advice is None:
        return "V07.possible", {}
    bearings = ", ".join(f"{start:g}°–{end:g}°" for start, end in advice.mask)
    values = {"mask": advice.mask, "bearings": bearings}
    if advice.turn is None:
        return "V07.mask", {"turn": None, **values}
    return "V07.turn", {"turn": advice.turn, "azimuth": advice.azimuth, **values}


def _advice(seen: _Seen, rows: Ints, zones: Geometries, buildings: Polygons) -> dict[int, _Advice]:
    """Return by row what ends the view of all zones of some cameras."""
    exact, vague = rows[~seen.vague[rows]], rows[seen.vague[rows]]
    advice = {}
    for row, bearings in zip(exact, _blocked(seen, exact, zones, buildings), strict=True):
        azimuth, angle = float(seen.azimuth[row]), float(seen.angle[row])
        turn, mask = smallest_turn(bearings, azimuth, angle), _mask(bearings, azimuth, angle)
        if turn is None:
            advice[int(row)] = _Advice(None, None, mask)
        else:
            turn = math.copysign(math.ceil(abs(turn) * 1000.0) / 1000.0, turn)
            advice[int(row)] = _Advice(turn, round((azimuth + turn) % 360.0, 3), mask)
    endless = np.full(len(vague), np.inf)
    for row, bearings in zip(
        vague, _bearings(seen, vague, seen.shape[vague], zones, endless), strict=True
    ):
        advice[int(row)] = _Advice(None, None, _mask(bearings, 0.0, 360.0))
    return advice


def _blocked(seen: _Seen, rows: Ints, zones: Geometries, buildings: Polygons) -> list[Floats]:
    """Return the bearings in which cameras would see a zone, as `smallest_turn` takes them."""
    place, reach = shapely.points(seen.place[rows]), seen.reach[rows]
    # Chords of the wider circle lie outside the range: what is in range is cut exactly later.
    wider = reach + 2.0 * ARC_TOLERANCE_M
    around = gpd.GeoDataFrame(
        {"azimuth_deg": np.nan, "hfov_deg": 360.0, "max_range_m": wider},
        geometry=place,
        crs=seen.cameras.crs,
    )
    walls = shapely.STRtree(buildings.geometry.to_numpy())
    near = walls.query(place, predicate="dwithin", distance=wider)[1]
    obstacles = buildings.geometry.iloc[np.unique(near)]
    circle = view_polygons(around, obstacles, convergence=False).geometry.to_numpy()
    return _bearings(seen, rows, circle, zones, reach)


def _bearings(
    seen: _Seen, rows: Ints, views: Geometries, zones: Geometries, reach: Floats
) -> list[Floats]:
    """Return the bearings that zones take up in views of some cameras, within their reach."""
    if len(rows) == 0:  # PROJ takes no empty arrays
        return []
    drawn = shapely.get_coordinates(seen.cameras.geometry.to_numpy()[rows])
    north = convergence_deg(drawn, seen.cameras.crs)
    place, loose = seen.place[rows], seen.loose[rows]
    who, zone = _sharing(views, zones)
    parts = shapely.intersection(views[who], zones[zone], grid_size=_SNAP_M)
    parts, pair = shapely.get_parts(parts, return_index=True)
    large = shapely.area(parts) >= _LEAST_PART_M2
    parts, owner = parts[large], who[pair[large]]
    start, width, part = _subtended(parts, place[owner], reach[owner])
    more = _leeway(parts, place[owner], loose[owner])[part]
    start, width, owner = start + north[owner[part]] - more, width + 2.0 * more, owner[part]
    order = np.argsort(owner, kind="stable")
    ends = np.searchsorted(owner[order], np.arange(1, len(rows)))
    pieces = np.split(start[order], ends), np.split(width[order], ends)
    return [_merged(*both) for both in zip(*pieces, strict=True)]


def _leeway(parts: Geometries, place: Floats, loose: Floats) -> Floats:
    """Return by how much bearings of a part change at most within a distance of a place."""
    away = shapely.distance(parts, shapely.points(place))
    share = np.divide(loose, away, out=np.ones_like(away), where=away > loose)
    more = np.where(share < 1.0, np.degrees(np.arcsin(share)), 180.0)
    return np.where(loose > 0.0, more, 0.0)


def _subtended(parts: Geometries, place: Floats, reach: Floats) -> tuple[Floats, Floats, Ints]:
    """Return the bearings, from and width, under which edges are seen, and of which polygon.

    Each polygon has its own place. A ray that enters a polygon crosses an edge of it, so that the
    edges within reach block what the polygon blocks. Where a polygon begins at the place all its
    edges count.
    """
    touching = shapely.distance(parts, shapely.points(place)) <= _SNAP_M
    limit = np.where(touching, np.inf, reach)
    rings, part = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    xy = xy - place[part[ring]]
    same = ring[1:] == ring[:-1]
    a, b, part = xy[:-1][same], xy[1:][same], part[ring[:-1][same]]
    kept, a, b = _within(a, b, limit[part])
    bearing = np.degrees(np.arctan2(a[:, 0], a[:, 1]))
    turn = _signed(np.degrees(np.arctan2(b[:, 0], b[:, 1])) - bearing)
    return np.where(turn < 0.0, bearing + turn, bearing), np.abs(turn), part[kept]


def _within(a: Floats, b: Floats, limit: Floats) -> tuple[Ints, Floats, Floats]:
    """Return which edges come within a limit of the origin, and the parts that do.

    An edge through the origin has no bearing; its neighbours have.
    """
    step = b - a
    square = (step**2).sum(axis=1)
    rows = np.flatnonzero(square > 0.0)
    a, step, square, limit = a[rows], step[rows], square[rows], limit[rows]
    middle = -(a * step).sum(axis=1) / square
    foot = a + np.clip(middle, 0.0, 1.0)[:, None] * step
    clear = np.hypot(*foot.T) > _SNAP_M
    half = (limit**2 - (a**2).sum(axis=1)) / square + middle**2
    half = np.sqrt(np.maximum(half, 0.0))
    first, last = np.clip(middle - half, 0.0, 1.0), np.clip(middle + half, 0.0, 1.0)
    some = clear & (first < last)
    a, step = a[some], step[some]
    return rows[some], a + first[some, None] * step, a + last[some, None] * step


def _merged(start: Floats, width: Floats) -> Floats:
    """Return the union of intervals of bearings as `smallest_turn` takes it."""
    if len(start) == 0:
        return np.empty((0, 2))
    order = np.argsort(start % 360.0, kind="stable")
    low = (start % 360.0)[order]
    until = np.maximum.accumulate(low + width[order])
    fresh = np.concatenate([[True], low[1:] > until[:-1] + _JOIN_DEG])
    low, high = low[fresh], until[np.append(np.flatnonzero(fresh)[1:] - 1, len(until) - 1)]
    while len(low) > 1 and low[0] + 360.0 <= high[-1] + _JOIN_DEG:
        high[-1] = max(high[-1], high[0] + 360.0)
        low, high = low[1:], high[1:]
    if high[-1] - low[-1] >= 360.0 - _JOIN_DEG:
        return np.array([[0.0, 360.0]])
    return np.column_stack([low, high])


def _mask(blocked: Floats, azimuth: float, angle: float) -> list[list[float]]:
    """Return the blocked bearings within a sector, rounded outward to a hundredth."""
    if angle >= DOME_DEG:
        pieces = blocked
    else:
        left = azimuth - angle / 2.0
        first = (blocked[:, 0] - left) % 360.0
        last = first + blocked[:, 1] - blocked[:, 0]
        once = np.column_stack([first, last])
        pieces = np.clip(np.vstack([once - 360.0, once]), 0.0, angle)
        pieces = pieces[pieces[:, 1] > pieces[:, 0]] + left
    return [_rounded(start, end) for start, end in pieces.tolist()]


def _rounded(start: float, end: float) -> list[float]:
    """Return an interval of bearings in [0, 360], rounded outward."""
    low, high = math.floor(start * 100.0 + 1e-6) / 100.0, math.ceil(end * 100.0 - 1e-6) / 100.0
    if high - low >= 360.0:
        return [0.0, 360.0]
    low, high = low % 360.0, high % 360.0
    return [round(low, 2), round(high, 2) or 360.0]


def _unconsented(cameras: gpd.GeoDataFrame, seen: _Seen, sites: gpd.GeoDataFrame) -> list[Breach]:
    """Find cameras and views near a restricted site without consent (V08)."""
    silent = cameras["consent_ref"].isna().to_numpy()
    limit = np.nan_to_num(sites["consent_distance_m"].to_numpy(dtype=float), nan=DEFAULT_CONSENT_M)
    points, shapes = cameras.geometry.to_numpy(), sites.geometry.to_numpy()
    standing = _near(points, silent, shapes, limit)
    codes = cameras["code"].to_numpy()
    breaches = [
        _near_breach(codes[row], "V08.camera", sites, site, limit[site], points[row], points[row])
        for row, site in standing
    ]
    told = {(codes[row], site) for row, site in standing}
    quiet = seen.cameras["consent_ref"].isna().to_numpy()
    codes = seen.cameras["code"].to_numpy()
    for row, site in _near(seen.shape, quiet, shapes, limit):
        if (codes[row], site) in told:
            continue
        certain = shapely.dwithin(seen.sure[row], shapes[site], limit[site])
        shape, view = ("V08.view", seen.sure[row]) if certain else ("V08.possible", seen.shape[row])
        part = view & shapes[site].buffer(limit[site])
        breaches.append(_near_breach(codes[row], shape, sites, site, limit[site], view, part))
    return breaches


def _near_breach(
    code: str,
    shape: str,
    sites: gpd.GeoDataFrame,
    site: int,
    limit: float,
    what: shapely.Geometry,
    part: shapely.Geometry,
) -> Breach:
    """Return a breach of rule V08."""
    distance = round(float(what.distance(sites.geometry.iloc[site])), 1)
    values = {"site": str(sites.index[site]), "distance": distance, "limit": float(limit)}
    return Breach(code, shape, "consent_ref", values, None if part.is_empty else part)


def _near(
    things: Geometries, judged: Bools, sites: Geometries, limit: Floats
) -> list[tuple[int, int]]:
    """Return the pairs of judged things and sites no further apart than the site's limit."""
    site, row = shapely.STRtree(things).query(sites, predicate="dwithin", distance=limit)
    return _sorted(row[judged[row]], site[judged[row]])


def _sorted(row: Ints, other: Ints) -> list[tuple[int, int]]:
    """Return pairs of rows in their order."""
    order = np.lexsort((other, row))
    return list(zip(row[order].tolist(), other[order].tolist(), strict=True))


def _signed(angle: Floats) -> Floats:
    """Return angles in [-180, 180)."""
    return (angle + 180.0) % 360.0 - 180.0


def _solid(shape: shapely.Geometry) -> shapely.Geometry:
    """Return the polygons of a geometry, without lines and points."""
    parts = shapely.get_parts(shape)
    parts = parts[shapely.get_dimensions(parts) == 2]
    return parts[0] if len(parts) == 1 else shapely.multipolygons(parts)
