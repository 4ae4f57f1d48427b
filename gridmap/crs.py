"""Coordinate frames: the only file with EPSG numbers.

Belongs here: the storage frame, the metric frame of a district, the two shifted Chinese frames
(GCJ-02, BD-09), ellipsoidal areas, and the check that a frame is metric before anything is
measured in it. Order is always longitude, latitude (x, y).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS, Geod, Proj
from pyproj.exceptions import ProjError

from gridmap.errors import CrsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STORAGE_SRID = 4490
"""CGCS2000 geographic: the national frame (GB/T 35648; domain.md 1.3)."""

STORAGE_CRS = CRS.from_epsg(STORAGE_SRID)
WGS84_CRS = CRS.from_epsg(4326)
"""Taken as equal to CGCS2000 at the decimetre: PROJ knows only a ballpark null transform."""

_WEB_MERCATOR_CRS = CRS.from_epsg(3857)  # for drawing: it inflates areas 1.32 times here

GEOD = Geod(ellps="GRS80")

# GCJ-02 as publicly reverse-engineered: Krasovsky 1940 semi-major axis and e2 (domain.md 1.3).
_GCJ_A = 6378245.0
_GCJ_EE = 0.00669342162296594323
_BD_X_PI = np.pi * 3000.0 / 180.0
_INVERSE_STEPS = 6  # 3 steps reach 0.01 mm; the rest costs little and reaches the float floor
# Rough bounds outside which the official shift is zero.
_CHINA = (72.004, 0.8293, 137.8347, 55.8271)


def metric_crs(longitude: float, latitude: float) -> CRS:
    """Return a transverse Mercator frame in metres centred on a place.

    Parameters
    ----------
    longitude, latitude
        The centre in degrees, CGCS2000 or WGS 84.

    Returns
    -------
    CRS
        Units metre, x east, y north, scale 1 on the central meridian.

    Notes
    -----
    Rule: a district is measured in its own transverse Mercator; the 3-degree zones distort its
    area by up to 743 ppm, this frame by at most 20 ppm. Source: domain.md 1.3 (measured).

    Examples
    --------
    >>> metric_crs(106.6, 29.5).axis_info[0].unit_name
    'metre'
    """
    return CRS.from_proj4(
        f"+proj=tmerc +lat_0={latitude:.4f} +lon_0={longitude:.4f} +k=1 "
        "+x_0=500000 +y_0=500000 +ellps=GRS80 +units=m +no_defs +type=crs"
    )


def metric_crs_of(frame: gpd.GeoDataFrame | gpd.GeoSeries) -> CRS:
    """Return the metric frame centred on a frame's bounds.

    Parameters
    ----------
    frame
        Any geometries with a CRS.

    Returns
    -------
    CRS
        See `metric_crs`.

    Raises
    ------
    CrsError
        The frame has no CRS or no geometry with a place.
    """
    west, south, east, north = to_storage(frame).total_bounds
    if not np.isfinite([west, south, east, north]).all():
        raise CrsError("cannot centre a metric frame on a layer without coordinates")
    return metric_crs((west + east) / 2, (south + north) / 2)


def to_storage(frame: gpd.GeoDataFrame | gpd.GeoSeries) -> gpd.GeoDataFrame | gpd.GeoSeries:
    """Return the frame in the storage CRS (EPSG:4490, longitude first).

    Parameters
    ----------
    frame
        Any geometries with a CRS.

    Returns
    -------
    GeoDataFrame or GeoSeries
        Same index, EPSG:4490.

    Raises
    ------
    CrsError
        The frame has no CRS, or one that is not on Earth.
    """
    if frame.crs is None:
        raise CrsError("the layer has no coordinate reference system; name it with --source-crs")
    if frame.crs == WGS84_CRS:
        # PROJ's ballpark transform would be the identity too; this keeps coordinates bit-equal.
        return frame.set_crs(STORAGE_CRS, allow_override=True)
    if frame.crs == STORAGE_CRS:
        return frame
    try:
        return frame.to_crs(STORAGE_CRS)
    except ProjError as error:
        raise CrsError(
            f"{frame.crs.name!r} cannot be brought to CGCS2000; name the frame with --source-crs"
        ) from error


def require_metric(frame: gpd.GeoDataFrame | gpd.GeoSeries) -> CRS:
    """Return the frame's CRS if lengths in it are metres.

    Parameters
    ----------
    frame
        Any geometries.

    Returns
    -------
    CRS
        The frame's own CRS.

    Raises
    ------
    CrsError
        It has no CRS, is geographic, is Web Mercator, or does not use metres.
    """
    crs: CRS | None = frame.crs
    if crs is None:
        raise CrsError("the frame has no coordinate reference system")
    if not crs.is_projected or crs == _WEB_MERCATOR_CRS:
        raise CrsError(f"lengths cannot be measured in {crs.name}; use crs.metric_crs_of(frame)")
    if any(axis.unit_name != "metre" for axis in crs.axis_info):
        raise CrsError(f"{crs.name} does not use metres")
    return crs


def convergence_deg(xy: Floats, crs: CRS) -> Floats:
    """Return the angle from true north to a projected frame's north at positions.

    Parameters
    ----------
    xy
        Shape (n, 2): coordinates in the frame.
    crs
        A projected frame.

    Returns
    -------
    ndarray of float, shape (n,)
        Degrees, clockwise; what to take from a compass azimuth to turn it into a grid azimuth.

    Notes
    -----
    Cost O(n).
    """
    projection = Proj(crs)
    longitude, latitude = projection(xy[:, 0], xy[:, 1], inverse=True)
    factors = projection.get_factors(longitude, latitude)
    return np.asarray(factors.meridian_convergence, dtype=float)


def ellipsoidal_area_m2(geometries: gpd.GeoSeries) -> Floats:
    """Return areas on the ellipsoid.

    Parameters
    ----------
    geometries
        Polygons in any CRS.

    Returns
    -------
    ndarray of float, shape (n,)
        Square metres, in the order of the series.

    Raises
    ------
    CrsError
        The series has no CRS.
    """
    return np.array(
        [abs(GEOD.geometry_area_perimeter(g)[0]) for g in to_storage(geometries)], dtype=float
    )


def wgs84_to_gcj02(longitude: Floats, latitude: Floats) -> tuple[Floats, Floats]:
    """Shift WGS 84 positions into GCJ-02.

    Parameters
    ----------
    longitude, latitude
        Degrees, arrays of one shape.

    Returns
    -------
    longitude, latitude
        Degrees, same shape. Outside China unchanged.

    Notes
    -----
    Rule: the public approximation of the official algorithm, without a published error bound.
    Source: domain.md 1.3. Cost O(n).

    Examples
    --------
    >>> lon, lat = wgs84_to_gcj02(np.array([106.56]), np.array([29.53]))
    >>> float(lon[0].round(4)), float(lat[0].round(4))
    (106.5637, 29.5271)
    """
    lon = np.asarray(longitude, dtype=float)
    lat = np.asarray(latitude, dtype=float)
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    wave = (20.0 * np.sin(6.0 * x * np.pi) + 20.0 * np.sin(2.0 * x * np.pi)) * 2.0 / 3.0
    d_lat = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + wave
    d_lat += (20.0 * np.sin(y * np.pi) + 40.0 * np.sin(y / 3.0 * np.pi)) * 2.0 / 3.0
    d_lat += (160.0 * np.sin(y / 12.0 * np.pi) + 320.0 * np.sin(y * np.pi / 30.0)) * 2.0 / 3.0
    d_lon = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + wave
    d_lon += (20.0 * np.sin(x * np.pi) + 40.0 * np.sin(x / 3.0 * np.pi)) * 2.0 / 3.0
    d_lon += (150.0 * np.sin(x / 12.0 * np.pi) + 300.0 * np.sin(x / 30.0 * np.pi)) * 2.0 / 3.0
    phi = np.radians(lat)
    magic = 1.0 - _GCJ_EE * np.sin(phi) ** 2
    d_lat = np.degrees(d_lat * magic * np.sqrt(magic) / (_GCJ_A * (1.0 - _GCJ_EE)))
    d_lon = np.degrees(d_lon * np.sqrt(magic) / (_GCJ_A * np.cos(phi)))
    west, south, east, north = _CHINA
    inside = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
    return lon + np.where(inside, d_lon, 0.0), lat + np.where(inside, d_lat, 0.0)


def gcj02_to_wgs84(longitude: Floats, latitude: Floats) -> tuple[Floats, Floats]:
    """Undo `wgs84_to_gcj02` by fixed-point iteration.

    Parameters
    ----------
    longitude, latitude
        GCJ-02 degrees, arrays of one shape.

    Returns
    -------
    longitude, latitude
        WGS 84 degrees, same shape; the round trip is closed to 1e-6 m.

    Notes
    -----
    Source: domain.md 1.3: three steps reach 0.01 mm. Cost O(n).
    """
    return _undo(wgs84_to_gcj02, longitude, latitude)


def gcj02_to_bd09(longitude: Floats, latitude: Floats) -> tuple[Floats, Floats]:
    """Shift GCJ-02 positions into Baidu's BD-09.

    Parameters
    ----------
    longitude, latitude
        GCJ-02 degrees, arrays of one shape.

    Returns
    -------
    longitude, latitude
        BD-09 degrees, same shape.

    Notes
    -----
    Source: the publicly known formula (domain.md 1.3, marked as recollection).
    """
    x, y = np.asarray(longitude, dtype=float), np.asarray(latitude, dtype=float)
    radius = np.hypot(x, y) + 2e-5 * np.sin(y * _BD_X_PI)
    theta = np.arctan2(y, x) + 3e-6 * np.cos(x * _BD_X_PI)
    return radius * np.cos(theta) + 0.0065, radius * np.sin(theta) + 0.006


def bd09_to_wgs84(longitude: Floats, latitude: Floats) -> tuple[Floats, Floats]:
    """Undo both shifts of BD-09.

    Parameters
    ----------
    longitude, latitude
        BD-09 degrees, arrays of one shape.

    Returns
    -------
    longitude, latitude
        WGS 84 degrees, same shape.
    """
    return gcj02_to_wgs84(*_undo(gcj02_to_bd09, longitude, latitude))


def _undo(
    forward: Callable[[Floats, Floats], tuple[Floats, Floats]],
    longitude: Floats,
    latitude: Floats,
) -> tuple[Floats, Floats]:
    """Invert a small smooth shift by fixed-point iteration."""
    target_x, target_y = np.asarray(longitude, dtype=float), np.asarray(latitude, dtype=float)
    x, y = target_x.copy(), target_y.copy()
    for _ in range(_INVERSE_STEPS):
        shifted_x, shifted_y = forward(x, y)
        x, y = x + (target_x - shifted_x), y + (target_y - shifted_y)
    return x, y


SHIFTED_FRAMES = {"GCJ-02": gcj02_to_wgs84, "BD-09": bd09_to_wgs84}
"""Frames that files carry under the label EPSG:4326, with the way back."""


def unshift(frame: gpd.GeoDataFrame, source: str) -> gpd.GeoDataFrame:
    """Return a frame of shifted coordinates in WGS 84.

    Parameters
    ----------
    frame
        Coordinates in a shifted frame, whatever its CRS label says.
    source
        A key of `SHIFTED_FRAMES`.

    Returns
    -------
    GeoDataFrame
        Same index and columns, EPSG:4326.

    Raises
    ------
    CrsError
        ``source`` is not a shifted frame.
    """
    if source not in SHIFTED_FRAMES:
        raise CrsError(f"{source!r} is not one of {', '.join(SHIFTED_FRAMES)}")
    back = SHIFTED_FRAMES[source]

    def undo(xy: Floats) -> Floats:
        return np.column_stack(back(xy[:, 0], xy[:, 1]))

    moved = shapely.transform(frame.geometry.array, undo)
    return frame.set_geometry(gpd.GeoSeries(moved, index=frame.index, crs=WGS84_CRS))
