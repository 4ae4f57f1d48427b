"""The frame geometry is stored in, the frame it is measured in, and areas on the ellipsoid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS, Geod, Proj
from pyproj.exceptions import ProjError

from gridmap.errors import CrsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STORAGE_SRID = 4490
"""CGCS2000 geographic: the national frame (GB/T 35648; domain.md 1.3)."""

STORAGE_CRS = CRS.from_epsg(STORAGE_SRID)
WGS84_CRS = CRS.from_epsg(4326)
"""Taken as equal to CGCS2000 at the decimetre: PROJ knows only a ballpark null transform."""

TILE_SRID = 3857
"""Web Mercator, for drawing only: it inflates areas 1.32 times here."""

TILE_WORLD_M = 40075016.68557849
"""Side of the square that tiles divide, its middle at 0, 0. Source: OGC 17-083r4."""

_WEB_MERCATOR_CRS = CRS.from_epsg(TILE_SRID)

GEOD = Geod(ellps="GRS80")


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
        Polygons in any CRS, their rings turned either way.

    Returns
    -------
    ndarray of float, shape (n,)
        Square metres, in the order of the series; 0 for what has no area or no geometry.

    Raises
    ------
    CrsError
        The series has no CRS, or one that is not on Earth.

    Notes
    -----
    Rule: areas reported are ellipsoidal. Source: domain.md 1.3; Karney (2013), the geodesic
    polygon of GeographicLib. Cost O(n) in vertices.

    Examples
    --------
    >>> from shapely import box
    >>> square = gpd.GeoSeries([box(106.5, 29.5, 106.6, 29.6)], crs=4490)
    >>> float(ellipsoidal_area_m2(square).round(1)[0])
    107429331.5
    """
    # The ellipsoid's areas are signed: a hole turned like its shell would add to it, and two
    # parts turned apart would cancel.
    turned = shapely.orient_polygons(to_storage(geometries).array)
    return np.array(
        [0.0 if g is None else abs(GEOD.geometry_area_perimeter(g)[0]) for g in turned],
        dtype=float,
    )
