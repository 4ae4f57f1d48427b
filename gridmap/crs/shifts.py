"""The two shifted Chinese frames, GCJ-02 and BD-09: there and back.

The formulas are the public approximation of an official algorithm, without a published error
bound; inverses undo the formulas, to a micrometre.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely

from gridmap.crs.metric import WGS84_CRS
from gridmap.errors import CrsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Way = Callable[[Floats, Floats], tuple[Floats, Floats]]

# GCJ-02 as publicly reverse-engineered: Krasovsky 1940 semi-major axis and e2 (domain.md 1.3).
_GCJ_A = 6378245.0
_GCJ_EE = 0.00669342162296594323
_BD_X_PI = np.pi * 3000.0 / 180.0
_INVERSE_STEPS = 6  # 3 steps reach 0.01 mm; the rest costs little and reaches the float floor
# Rough bounds outside which the official shift is zero.
_CHINA = (72.004, 0.8293, 137.8347, 55.8271)


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


def bd09_to_gcj02(longitude: Floats, latitude: Floats) -> tuple[Floats, Floats]:
    """Undo `gcj02_to_bd09` by fixed-point iteration.

    Parameters
    ----------
    longitude, latitude
        BD-09 degrees, arrays of one shape.

    Returns
    -------
    longitude, latitude
        GCJ-02 degrees, same shape; the round trip is closed to 1e-6 m, where the public
        one-step inverse leaves decimetres.

    Notes
    -----
    Cost O(n).
    """
    return _undo(gcj02_to_bd09, longitude, latitude)


def wgs84_to_bd09(longitude: Floats, latitude: Floats) -> tuple[Floats, Floats]:
    """Shift WGS 84 positions into BD-09, by way of GCJ-02.

    Parameters
    ----------
    longitude, latitude
        WGS 84 degrees, arrays of one shape.

    Returns
    -------
    longitude, latitude
        BD-09 degrees, same shape.

    Notes
    -----
    Cost O(n).
    """
    return gcj02_to_bd09(*wgs84_to_gcj02(longitude, latitude))


def bd09_to_wgs84(longitude: Floats, latitude: Floats) -> tuple[Floats, Floats]:
    """Undo both shifts of BD-09.

    Parameters
    ----------
    longitude, latitude
        BD-09 degrees, arrays of one shape.

    Returns
    -------
    longitude, latitude
        WGS 84 degrees, same shape; the round trip is closed to 1e-6 m.

    Notes
    -----
    Cost O(n).
    """
    return gcj02_to_wgs84(*bd09_to_gcj02(longitude, latitude))


def _undo(forward: Way, longitude: Floats, latitude: Floats) -> tuple[Floats, Floats]:
    """Invert a small smooth shift by fixed-point iteration."""
    target_x, target_y = np.asarray(longitude, dtype=float), np.asarray(latitude, dtype=float)
    x, y = target_x.copy(), target_y.copy()
    for _ in range(_INVERSE_STEPS):
        shifted_x, shifted_y = forward(x, y)
        x, y = x + (target_x - shifted_x), y + (target_y - shifted_y)
    return x, y


SHIFTED_FRAMES = {"GCJ-02": gcj02_to_wgs84, "BD-09": bd09_to_wgs84}
"""Frames that files carry under the label EPSG:4326, with the way back."""

FORWARD = {"GCJ-02": wgs84_to_gcj02, "BD-09": wgs84_to_bd09}


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

    Notes
    -----
    Cost O(n) in vertices.
    """
    return _moved(frame, _named(SHIFTED_FRAMES, source))


def shift(frame: gpd.GeoDataFrame, target: str) -> gpd.GeoDataFrame:
    """Return a frame of WGS 84 coordinates in a shifted frame: the inverse of `unshift`.

    Parameters
    ----------
    frame
        Longitude and latitude, WGS 84 or CGCS2000.
    target
        A key of `SHIFTED_FRAMES`.

    Returns
    -------
    GeoDataFrame
        Same index and columns. Its label is EPSG:4326, as files of such coordinates have it:
        no register has a code for them.

    Raises
    ------
    CrsError
        ``target`` is not a shifted frame.

    Notes
    -----
    Cost O(n) in vertices.
    """
    return _moved(frame, _named(FORWARD, target))


def _named(ways: Mapping[str, Way], name: str) -> Way:
    if name not in ways:
        raise CrsError(f"{name!r} is not one of {', '.join(ways)}")
    return ways[name]


def _moved(frame: gpd.GeoDataFrame, way: Way) -> gpd.GeoDataFrame:
    """Apply a conversion to every vertex."""

    def move(xy: Floats) -> Floats:
        return np.column_stack(way(xy[:, 0], xy[:, 1]))

    moved = shapely.transform(frame.geometry.array, move)
    return frame.set_geometry(gpd.GeoSeries(moved, index=frame.index, crs=WGS84_CRS))
