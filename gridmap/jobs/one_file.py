"""The map of a district or a part of it, as one file that needs no network.

Belongs here: what goes into the file, and that its going out is written down. Does not belong
here: how it is packed and drawn (``maps``), what a question asks (``model``).
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import shapely

from gridmap import files, maps, store
from gridmap.errors import LensNotFound, UnitNotFound
from gridmap.jobs.days import figures
from gridmap.jobs.lenses import read_lenses
from gridmap.jobs.pictures import composed
from gridmap.model import CODE_LENGTH, DIVISION_LEVELS, Level, level_of, part_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    Progress = Callable[[str, float], None]

SIMPLIFY_DEG = {"view": 3e-6, "blind": 5e-6}
"""In a file, views and blind ground are drawn to a third and half of a metre."""

BESIDE_DEG = 3e-4
"""Roads are drawn some 30 m beyond the unit, so that those along its border are whole."""

_KINDS = {"road": "LineString", "camera": "Point"}
_WATCHING = ("blind", "view", "camera")


def write_map(
    engine: Engine,
    target: Path,
    *,
    unit: str = "",
    lens: str | None = None,
    language: str,
    as_of: dt.date,
    past: bool = False,
    buildings: bool | None = None,
    cameras: bool = False,
    actor: str | None = None,
    progress: Progress,
) -> int:
    """Write the map of a unit as one HTML file that needs no network.

    Parameters
    ----------
    engine
        The store.
    target
        The file; replaced only when the new one is whole.
    unit
        Code of a division; an empty text for the whole district.
    lens
        The question that it opens with: a measure, or a lens for its first one; None for the
        first of all. The others are a click away.
    language
        ``zh`` or ``en``.
    as_of
        The date of what is drawn.
    past
        Compute the figures for that date too; else they are those computed last.
    buildings
        Whether buildings and roads are in it; None: those of a part of the district are.
    cameras
        Whether cameras, their views and blind ground are in it: exact positions are for roles
        that need them.
    actor
        Who takes it out.
    progress
        Called with a step's name and the share done, 0..1.

    Returns
    -------
    int
        The file's size in bytes.

    Raises
    ------
    InputError
        The file cannot be written there.
    CodeError
        The unit is no code of a division.
    UnitNotFound
        The store has no district, or no such unit on that date.
    LensNotFound
        The map knows no such question.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.

    Notes
    -----
    Rule: nothing of another unit is in the file, except outlines of those around it; a camera
    elsewhere that sees into the unit is.
    """
    files.require_folder(target)
    opens = opening_measure(lens)
    whole = len(unit) <= CODE_LENGTH[Level.DISTRICT]
    drawn = () if whole and not buildings else ("road", "building")
    if buildings is False:
        drawn = ()
    wanted = [name for name in maps.DETAILS if name in drawn or (cameras and name in _WATCHING)]
    made_at = dt.datetime.now().astimezone()
    with figures(engine, as_of if past else None, progress=progress) as conn:
        above, shape = _place(conn, unit, as_of)
        packed, answers = _packed(conn, wanted, unit, shape, as_of, progress)
        progress("drawing", 0.0)
        carried = maps.Carried(
            details=packed,
            answers=answers,
            above=above,
            opens=opens,
            made={
                "as_of": as_of.isoformat(),
                "at": made_at.strftime("%Y-%m-%d %H:%M"),
                "by": actor or "–",
            }
            | ({"unit": unit} if unit else {}),
        )
        rows = "building" in wanted
        parts = composed(
            conn, language=language, as_of=as_of, unit=unit, carried=carried, rows=rows
        )
    text = maps.page(parts, inline=True)
    details = {
        "unit": unit or None,
        "lens": opens,
        "buildings": "building" in wanted,
        "cameras": cameras,
        "as_of": as_of.isoformat(),
        "file": target.name,
    }
    with store.transaction(engine) as conn:
        store.write_event(conn, "export", subject="map", actor=actor, details=details)
    with files.whole(target, private=True) as part:
        part.write_text(text, encoding="utf-8")
    return target.stat().st_size


def opening_measure(lens: str | None) -> str:
    """Return the measure that a question names.

    Parameters
    ----------
    lens
        A measure of `maps.LENSES`, or what stands before its point; None for the first.

    Returns
    -------
    str
        The measure.

    Raises
    ------
    LensNotFound
        The map knows no such question.

    Examples
    --------
    >>> opening_measure("six_services"), opening_measure("camera.frontage")
    ('six_services.buildings', 'camera.frontage')
    """
    measures = [one.measure for one in maps.LENSES]
    if lens is None:
        return measures[0]
    for measure in measures:
        if lens in (measure, measure.partition(".")[0]):
            return measure
    raise LensNotFound(f"the map has no {lens[:40]!r}; it has {', '.join(measures)}")


def _place(
    conn: Connection, unit: str, as_of: dt.date
) -> tuple[gpd.GeoDataFrame, shapely.Geometry | None]:
    """Return the units around a unit, from above, and its own shape; None for the district."""
    if not unit:
        return store.read_units(conn, Level.DISTRICT, as_of=as_of).head(0), None
    level = level_of(unit)
    levels = DIVISION_LEVELS[: DIVISION_LEVELS.index(level) + 1]
    around = [
        store.read_units(conn, one, as_of=as_of, within=unit[: CODE_LENGTH[one]]) for one in levels
    ]
    mine = around.pop()
    if mine.empty:
        raise UnitNotFound(f"no unit has the code {unit[:20]!r} on {as_of}")
    above = gpd.GeoDataFrame(
        {"name": [name for one in around for name in one["name"]]},
        geometry=[shape for one in around for shape in one.geometry],
        index=[code for one in around for code in one.index],
        crs=mine.crs,
    )
    return above, None if level is Level.DISTRICT else mine.geometry.iloc[0]


def _packed(
    conn: Connection,
    wanted: list[str],
    unit: str,
    shape: shapely.Geometry | None,
    as_of: dt.date,
    progress: Progress,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the details in a unit by layer, and who covers its buildings."""
    packed: dict[str, Any] = {}
    answers: dict[str, Any] = {}
    for done, layer in enumerate(wanted):
        progress("packing", done / len(wanted))
        frame = _details(conn, layer, unit, shape, as_of)
        if layer in SIMPLIFY_DEG:
            thin = shapely.simplify(frame.geometry.to_numpy(), SIMPLIFY_DEG[layer])
            frame = frame.set_geometry(gpd.GeoSeries(thin, frame.index, crs=frame.crs))
        columns = maps.CARRIED_COLUMNS[layer]
        packed[layer] = maps.pack(frame, columns, kind=_KINDS.get(layer, "Polygon"))
        if layer == "building":
            answers = _answers(conn, packed[layer]["columns"]["code"], unit, as_of)
    return packed, answers


def _details(
    conn: Connection, layer: str, unit: str, shape: shapely.Geometry | None, as_of: dt.date
) -> gpd.GeoDataFrame:
    """Return the rows of a layer that are in a unit, or are seen in it."""
    window = None if shape is None else shape.bounds
    if layer == "building":
        return store.read_buildings(conn, as_of=as_of, within=unit)
    if layer == "blind":
        ground = store.read_ground(conn, window=window)
        return ground[ground.index.str.startswith(unit)]
    if layer == "road":
        return _cut(store.read_roads(conn, as_of=as_of, window=window), shape)
    views = store.read_views(conn, as_of=as_of, window=window)
    if shape is not None:
        views = views[views.intersects(shape)]
    if layer == "view":
        return views
    cameras = store.read_watching(conn, as_of=as_of)
    if shape is None:
        return cameras
    return cameras[cameras.index.isin(views.index) | cameras.intersects(shape)]


def _cut(roads: gpd.GeoDataFrame, shape: shapely.Geometry | None) -> gpd.GeoDataFrame:
    """Return the parts of roads that are in a unit or beside it."""
    if shape is None:
        return roads
    wide = shapely.buffer(shape, BESIDE_DEG)
    lines = shapely.intersection(roads.geometry.to_numpy(), wide)
    near = roads.set_geometry(gpd.GeoSeries(lines, roads.index, crs=roads.crs))
    return near[~near.is_empty]


def _answers(conn: Connection, codes: list[str], unit: str, as_of: dt.date) -> dict[str, Any]:
    """Return who covers each building, under each question that is asked of buildings."""
    of_buildings = {one.measure.partition(".")[0] for one in maps.LENSES if one.unit == "buildings"}
    lenses = {code: lens for code, lens in read_lenses(conn, as_of).items() if code in of_buildings}
    statuses = {code: store.read_lens_statuses(conn, code, within=unit) for code in lenses}
    holders = {code for told in statuses.values() for code in told["holder_code"].dropna()}
    known = store.read_holders(conn, sorted(holders))
    names = known.drop_duplicates("code", keep="last").set_index("code")["name"]
    parts = {code: {part: part_name(part) for part in lens.parts} for code, lens in lenses.items()}
    return maps.packed_answers(codes, statuses, names.dropna().to_dict(), parts)
