"""The map: as parts of a page, as details of a window, as one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import shapely

from gridmap import files, maps, store
from gridmap.errors import InputError, LayerNotFound, UnitNotFound
from gridmap.jobs.days import figures
from gridmap.jobs.rates import is_stale, stored_rates
from gridmap.model import DIVISION_LEVELS

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Collection, Iterable

    from sqlalchemy import Connection, Engine

    from gridmap.jobs.past_days import Frozen

    Progress = Callable[[str, float], None]
    Window = tuple[float, float, float, float]

FEATURE_LIMIT = 15_000
"""Most features of one answer; where there are more it holds none and says so, because a part
of the buildings looks like a map with empty ground."""

SIMPLIFY_DEG = {"view": 3e-6, "blind": 5e-6}
"""In a file, views and blind ground are drawn to a third and half of a metre."""


def version(engine: Engine) -> str:
    """Return a text that changes whenever the map would.

    Parameters
    ----------
    engine
        The store.

    Returns
    -------
    str
        Of the last write and the last computations.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine) as conn:
        return store.read_version(conn)


def map_parts(
    engine: Engine,
    *,
    language: str,
    as_of: dt.date,
    details: Collection[str] | None = None,
    rows: bool = True,
    frozen: Frozen | None = None,
) -> maps.MapParts:
    """Compose the map of the stored district, or of what a scope sees of it.

    Parameters
    ----------
    engine
        The store.
    language
        ``zh`` or ``en``.
    as_of
        The date of the divisions; the figures say theirs.
    details
        Which of `maps.DETAILS` the page asks the server for; None for all.
    rows
        Whether the rows behind a figure can be listed.
    frozen
        Which days there are to choose, and the figures of those that were chosen.

    Returns
    -------
    MapParts
        For `maps.page`.

    Raises
    ------
    UnitNotFound
        The store has no division, or none of the scope's.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine, snapshot=True) as conn:
        return _parts(conn, language, as_of, None, details, rows=rows, frozen=frozen)


def _parts(
    conn: Connection,
    language: str,
    as_of: dt.date,
    packed: dict[str, Any] | None,
    details: Collection[str] | None = None,
    *,
    rows: bool = True,
    frozen: Frozen | None = None,
) -> maps.MapParts:
    """Compose the map from what a transaction sees."""
    units = {level: store.read_units(conn, level, as_of=as_of) for level in DIVISION_LEVELS}
    shown = {lens.measure.partition(".")[0] for lens in maps.LENSES}
    known = frozen.rates if frozen else None
    rates = stored_rates(conn, lenses=shown) if known is None else known
    runs = {run["subject"]: run["as_of"].isoformat() for run in store.read_runs(conn)}
    synthetic = store.has_synthetic(conn)
    stale = known is None and is_stale(conn)
    if all(level.empty for level in units.values()):
        raise UnitNotFound("the store has no district; import one, or run `gridmap demo`")
    if known is not None:  # what cameras saw is not frozen: it has no figures of that day
        runs = {"org": as_of.isoformat()}
    dates = {
        lens.measure: runs.get("camera" if lens.measure.startswith("camera.") else "org")
        for lens in maps.LENSES
    }
    return maps.district_map(
        units,
        rates,
        dates={measure: date for measure, date in dates.items() if date},
        language=language,
        synthetic=synthetic,
        stale=stale,
        packed=packed,
        details=details,
        rows=rows,
        before=frozen.before if frozen else None,
        days=frozen.shown.told() if frozen else None,
    )


def map_page(parts: maps.MapParts, *, nonce: str, places: Iterable[tuple[str, str]]) -> str:
    """Return the map's page for the server.

    Parameters
    ----------
    parts
        From `map_parts`.
    nonce
        For the content security policy.
    places
        Path and name of the pages that the one who asks may go to.

    Returns
    -------
    str
        HTML.
    """
    return maps.page(parts, nonce=nonce, places=places)


def empty_page(language: str) -> str:
    """Return the page of a store without data.

    Parameters
    ----------
    language
        ``zh`` or ``en``.

    Returns
    -------
    str
        HTML.
    """
    return maps.empty_page(language)


def features(engine: Engine, layer: str, window: Window, *, as_of: dt.date) -> dict[str, Any]:
    """Return the details of a layer that lie in a window.

    Parameters
    ----------
    engine
        The store.
    layer
        A key of `maps.DETAILS`.
    window
        West, south, east, north in degrees.
    as_of
        The date of what is drawn; the figures say theirs.

    Returns
    -------
    dict
        GeoJSON; empty and ``truncated`` where more than `FEATURE_LIMIT` match.

    Raises
    ------
    LayerNotFound
        There is no such layer.
    InputError
        The window is empty or no longitude and latitude.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    west, south, east, north = window
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise InputError("bbox is west,south,east,north in degrees")
    if layer not in maps.DETAILS:
        raise LayerNotFound(f"no layer {layer[:20]!r}; layers are {', '.join(maps.DETAILS)}")
    with store.transaction(engine) as conn:
        frame = _details(conn, layer, as_of, window, FEATURE_LIMIT + 1)
    too_many = len(frame) > FEATURE_LIMIT
    shown = frame.head(0) if too_many else frame
    return maps.feature_collection(shown, maps.DETAIL_COLUMNS[layer], truncated=too_many)


def _details(
    conn: Connection, layer: str, as_of: dt.date, window: Window | None, limit: int | None
) -> gpd.GeoDataFrame:
    if layer == "road":
        return store.read_roads(conn, as_of=as_of, window=window, limit=limit)
    if layer == "building":
        return store.read_buildings(conn, as_of=as_of, window=window, limit=limit)
    if layer == "blind":
        return store.read_ground(conn, window=window, limit=limit)
    if layer == "camera":
        return store.read_watching(conn, as_of=as_of, window=window, limit=limit)
    return store.read_views(conn, as_of=as_of, window=window, limit=limit)


def write_map(
    engine: Engine,
    target: Path,
    *,
    language: str,
    as_of: dt.date,
    past: bool = False,
    cameras: bool = True,
    actor: str | None = None,
    progress: Progress,
) -> int:
    """Write the map with all its details as one HTML file that needs no network.

    Parameters
    ----------
    engine
        The store.
    target
        The file; replaced only when the new one is whole.
    language
        ``zh`` or ``en``.
    as_of
        The date of what is drawn.
    past
        Compute the figures for that date too; else they are those computed last.
    cameras
        Whether cameras and their views are in it: exact positions are for roles that need them.
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
    UnitNotFound
        The store has no district.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    files.require_folder(target)
    packed = {}
    kinds = {"road": "LineString", "camera": "Point"}
    exact = () if cameras else ("camera", "view", "blind")
    with figures(engine, as_of if past else None, progress=progress) as conn:
        for done, layer in enumerate(maps.DETAILS):
            progress("packing", done / len(maps.DETAILS))
            if layer in exact:
                continue
            frame = _details(conn, layer, as_of, None, None)
            if layer in SIMPLIFY_DEG:
                thin = shapely.simplify(frame.geometry.to_numpy(), SIMPLIFY_DEG[layer])
                frame = frame.set_geometry(gpd.GeoSeries(thin, frame.index, crs=frame.crs))
            columns = maps.DETAIL_COLUMNS[layer]
            packed[layer] = maps.pack(frame, columns, kind=kinds.get(layer, "Polygon"))
        progress("drawing", 0.0)
        parts = _parts(conn, language, as_of, packed)
    text = maps.page(parts, inline=True)
    details = {"cameras": cameras, "as_of": as_of.isoformat(), "file": target.name}
    with store.transaction(engine) as conn:
        store.write_event(conn, "export", subject="map", actor=actor, details=details)
    with files.whole(target, private=True) as part:
        part.write_text(text, encoding="utf-8")
    return target.stat().st_size
