"""The map: as parts of a page, as details of a window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gridmap import maps, store
from gridmap.errors import InputError, LayerNotFound, UnitNotFound
from gridmap.jobs.rates import is_stale, stored_rates
from gridmap.model import DIVISION_LEVELS

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterable, Mapping

    import geopandas as gpd
    from sqlalchemy import Connection, Engine

    Window = tuple[float, float, float, float]

FEATURE_LIMIT = 15_000
"""Most features of one answer; where there are more it holds none and says so, because a part
of the buildings looks like a map with empty ground."""


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
        return composed(conn, language=language, as_of=as_of, details=details, rows=rows)


def composed(
    conn: Connection,
    *,
    language: str,
    as_of: dt.date,
    unit: str = "",
    carried: maps.Carried | None = None,
    details: Collection[str] | None = None,
    rows: bool = True,
) -> maps.MapParts:
    """Compose the map from what a transaction sees.

    Parameters
    ----------
    conn
        An open connection.
    language
        ``zh`` or ``en``.
    as_of
        The date of the divisions.
    unit
        Only this division and those in it; an empty text for all.
    carried
        What a one-file map has in itself.
    details
        Which of `maps.DETAILS` the page asks the server for; None for all.
    rows
        Whether the rows behind a figure can be listed.

    Returns
    -------
    MapParts
        For `maps.page`.

    Raises
    ------
    UnitNotFound
        The store has no division, or not this one.
    """
    units = {
        level: store.read_units(conn, level, as_of=as_of, within=unit) for level in DIVISION_LEVELS
    }
    shown = {lens.measure.partition(".")[0] for lens in maps.LENSES}
    rates = stored_rates(conn, lenses=shown)
    runs = {run["subject"]: run["as_of"].isoformat() for run in store.read_runs(conn)}
    synthetic = store.has_synthetic(conn)
    stale = is_stale(conn)
    if all(level.empty for level in units.values()):
        if unit:
            raise UnitNotFound(f"no unit has the code {unit[:20]!r} on {as_of}")
        raise UnitNotFound("the store has no district; import one, or run `gridmap demo`")
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
        carried=carried,
        details=details,
        rows=rows,
    )


def map_page(
    parts: maps.MapParts,
    *,
    nonce: str,
    places: Iterable[tuple[str, str]],
    basemap: Mapping[str, Any] | None = None,
) -> str:
    """Return the map's page for the server.

    Parameters
    ----------
    parts
        From `map_parts`.
    nonce
        For the content security policy.
    places
        Path and name of the pages that the one who asks may go to.
    basemap
        What is drawn below the areas, for the script; None for nothing.

    Returns
    -------
    str
        HTML.
    """
    return maps.page(parts, nonce=nonce, places=places, basemap=basemap)


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
