"""What somebody who stands at a place needs to know of it, in one answer.

Belongs here: the grid, the building, who serves them, what is uncovered near by. Does not belong
here: statements (``store``), the page (``web``).
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from gridmap import store
from gridmap.model import COVERED, SIX_SERVICES, Level

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection

    from sqlalchemy import Connection, Engine

    Answer = dict[str, Any]

OF_BUILDING = ("party_group", *SIX_SERVICES)
OF_GRID = ("party_branch", "grid_leader")
"""The lenses that a leader is told of: of a building, and of the grid."""

NEAR_M = 25.0
"""So far from a wall one still means the building: positions of telephones are not better."""

UNCOVERED = 60
"""The most uncovered buildings that are listed."""

_METRES = 111_320.0  # of a degree of latitude, within 0.6 % from pole to equator
_DIGITS = 6  # of degrees: 0.1 m


def here(
    engine: Engine, lon: float, lat: float, *, own: Collection[str] = (), as_of: dt.date
) -> Answer:
    """Tell what is at a place and around it.

    Parameters
    ----------
    engine
        The store, as whoever asks sees it.
    lon, lat
        Degrees, CGCS2000 or WGS 84.
    own
        Codes of grids of whoever asks: where the place is in none, the nearest of them is told of.
    as_of
        The day of divisions and buildings; coverage is as it was computed last.

    Returns
    -------
    dict
        For JSON: ``lon``, ``lat``, ``as_of``, ``inside`` (whether the place is in a grid that they
        see), ``units`` (level -> code, name), ``grid`` (code, name, kind, unit_name, outline as
        GeoJSON, services), ``building`` (or None; code, name, address, kind, floors,
        household_count, distance_m, entrances, services), ``near`` (others within `NEAR_M`),
        ``desks`` (code, name, kind, duty_phone), ``uncovered`` (buildings of the grid without a
        Party group, the nearest first: code, name, address, household_count, reason, distance_m,
        lon, lat), ``uncovered_count``, ``buildings`` (GeoJSON of the grid's, with code, label and
        status), ``figures_of`` (the day of the coverage, or None).

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.

    Notes
    -----
    Rule: distances are plane ones of degrees, right within 0.6 % at the size of a grid.
    """
    with store.transaction(engine) as conn:
        place = store.locate(conn, lon, lat, as_of=as_of)
        found = {level: getattr(place, level) for level in map(str, Level)}
        units = {level: {"code": u.code, "name": u.name} for level, u in found.items() if u}
        inside = place.grid is not None
        grid = place.grid.code if place.grid else _nearest(conn, own, lon, lat)
        told = _of_grid(conn, grid, lon, lat, as_of) if grid else dict(_NOTHING)
    units.pop("building", None)
    head = {"lon": lon, "lat": lat, "as_of": as_of, "inside": inside, "units": units}
    if not inside:
        told |= {"building": None, "near": []}
    return head | told


_NOTHING: Answer = {
    "grid": None,
    "building": None,
    "near": [],
    "desks": [],
    "uncovered": [],
    "uncovered_count": 0,
    "buildings": {"type": "FeatureCollection", "features": []},
    "figures_of": None,
}


def start_of(engine: Engine, own: Collection[str]) -> tuple[float, float] | None:
    """Return where a map begins for somebody who has said no place yet.

    Parameters
    ----------
    engine
        The store, as they see it.
    own
        The codes of their divisions; none for the whole district.

    Returns
    -------
    tuple of float or None
        Longitude and latitude in the first of them; None where there is none.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine) as conn:
        middles = store.read_middles(conn, own)
    return middles[min(middles)] if middles else None


def _nearest(conn: Connection, own: Collection[str], lon: float, lat: float) -> str | None:
    """Return the nearest of some grids, by a place inside each."""
    if not own:
        return None
    middles = store.read_middles(conn, own)
    shrunk = math.cos(math.radians(lat))
    far = {code: math.hypot((x - lon) * shrunk, y - lat) for code, (x, y) in middles.items()}
    return min(far, key=lambda code: (far[code], code), default=None)


def _of_grid(conn: Connection, grid: str, lon: float, lat: float, day: dt.date) -> Answer:
    """Tell of a grid and what is in it, as seen from a place."""
    outlines, buildings, entrances = store.read_grid_rows(conn, grid, as_of=day)
    if not outlines:
        return dict(_NOTHING)
    outline = outlines[0]
    coverage = store.read_grid_coverage(conn, grid, (*OF_BUILDING, *OF_GRID))
    statuses = {row["lens"]: _by_target(row) for row in coverage}
    _measure(buildings, lon, lat)
    _measure(entrances, lon, lat)
    near = sorted(
        (one for one in buildings if one["distance_m"] <= NEAR_M),
        key=lambda one: (one["distance_m"], one["code"]),
    )
    building = near[0] if near else None
    of_grid = _services(statuses, OF_GRID, grid)
    of_building = _services(statuses, OF_BUILDING, building["code"]) if building else []
    holders = {one["holder_code"] for one in (*of_grid, *of_building)} - {None}
    desks = store.read_desks(conn, sorted(holders), grid, as_of=day)
    names = {one["code"]: one["name"] for one in desks}
    for one in (*of_grid, *of_building):
        one["holder_name"] = names.get(one["holder_code"])
    uncovered = _uncovered(buildings, statuses.get("party_group", {}))
    doors = [one for one in entrances if building and one["building_code"] == building["code"]]
    return {
        "grid": {**_plain(outline), "outline": _geojson(outline["shape"]), "services": of_grid},
        "building": building
        and {**_plain(building), "entrances": [_place(d) for d in doors], "services": of_building},
        "near": [_plain(one) for one in near[1:]],
        "desks": [one for one in desks if one["duty_phone"]],
        "uncovered": uncovered[:UNCOVERED],
        "uncovered_count": len(uncovered),
        "buildings": _features(buildings, statuses.get("party_group", {})),
        "figures_of": coverage[0]["as_of"] if coverage else None,
    }


def _by_target(row: Answer) -> dict[str, Answer]:
    """Return the statuses of a lens by target."""
    lists = zip(
        row["target_codes"],
        row["statuses"],
        row["reasons"],
        row["holder_codes"],
        row["missing"],
        strict=True,
    )
    return {
        code: {
            "status": status,
            "reason": reason or None,
            "holder_code": holder or None,
            "missing": missing or None,
        }
        for code, status, reason, holder, missing in lists
    }


def _services(
    statuses: dict[str, dict[str, Answer]], lenses: Collection[str], target: str
) -> list[Answer]:
    """Return what each lens says of a target; what is not computed is not said."""
    return [
        {"lens": lens, **statuses[lens][target]}
        for lens in lenses
        if target in statuses.get(lens, {})
    ]


def _measure(rows: list[Answer], lon: float, lat: float) -> None:
    """Add to rows how far they are from a place, in metres; 0 within."""
    if not rows:
        return
    shrunk = math.cos(math.radians(lat))
    scale = np.array([shrunk, 1.0]) * _METRES
    shapes = shapely.transform(
        np.array([row["shape"] for row in rows]), lambda xy: (xy - (lon, lat)) * scale
    )
    far = shapely.distance(shapes, shapely.Point(0, 0))
    for row, metres in zip(rows, far, strict=True):
        row["distance_m"] = round(float(metres), 1)


def _uncovered(buildings: list[Answer], groups: dict[str, Answer]) -> list[Answer]:
    """Return the buildings that no Party group covers, the nearest first."""
    rows = [
        {**_place(one), "reason": groups[one["code"]]["reason"]}
        for one in buildings
        if one["code"] in groups and groups[one["code"]]["status"] not in COVERED
    ]
    return sorted(rows, key=lambda one: (one["distance_m"], one["code"]))


def _plain(row: Answer) -> Answer:
    return {name: value for name, value in row.items() if name != "shape"}


def _place(row: Answer) -> Answer:
    """Return a row with a point inside it for its shape."""
    point = shapely.point_on_surface(row["shape"])
    return {**_plain(row), "lon": round(point.x, _DIGITS), "lat": round(point.y, _DIGITS)}


def _geojson(shape: shapely.Geometry) -> Answer:
    rounded = shapely.transform(shape, lambda xy: np.round(xy, _DIGITS))
    found: Answer = json.loads(shapely.to_geojson(rounded))
    return found


def _features(buildings: list[Answer], groups: dict[str, Answer]) -> Answer:
    """Return the outlines of buildings, for a map."""
    features = [
        {
            "type": "Feature",
            "properties": {
                "code": one["code"],
                "label": one["name"] or one["address"] or one["code"],
                "status": groups.get(one["code"], {}).get("status"),
            },
            "geometry": _geojson(one["shape"]),
        }
        for one in buildings
    ]
    return {"type": "FeatureCollection", "features": features}
