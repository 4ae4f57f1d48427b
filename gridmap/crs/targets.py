"""A stored layer in the frame a file asks for, and how a shifted frame is named in a file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError as ProjError

from gridmap.crs.metric import STORAGE_CRS, WGS84_CRS
from gridmap.crs.shifts import SHIFTED_FRAMES, shift
from gridmap.errors import CrsError

if TYPE_CHECKING:
    import geopandas as gpd

_CODE = re.compile(r"EPSG:(\d{4,6})")
_DEGREE = 'UNIT["degree",0.0174532925199433]'
_AXES = 'AXIS["Longitude",EAST],AXIS["Latitude",NORTH]'


def target_crs(name: str) -> CRS:
    """Return the frame of a name, as a file should declare it.

    Parameters
    ----------
    name
        ``EPSG:n`` of a geographic or projected frame of CGCS2000 or WGS 84, or a key of
        `SHIFTED_FRAMES`; capitals do not matter.

    Returns
    -------
    CRS
        For a shifted frame a local frame of its name: no register has a code for it, and to
        declare WGS 84, as most such files do, would put everything half a kilometre off.

    Raises
    ------
    CrsError
        There is no such frame, or gridmap knows no exact way into it.

    Notes
    -----
    Rule: only frames of the two datums that are one to the decimetre. Parameters of Beijing 1954
    and Xi'an 1980 are not public, and PROJ would leave out the shift without a word.

    Examples
    --------
    >>> target_crs("epsg:4545").name
    'CGCS2000 / 3-degree Gauss-Kruger CM 108E'
    >>> target_crs("gcj-02").name
    'GCJ-02'
    """
    asked = name.strip().upper()
    if asked in SHIFTED_FRAMES:
        return CRS.from_wkt(f'LOCAL_CS["{asked}",{_DEGREE},{_AXES}]')
    known = f"EPSG:n, {', '.join(SHIFTED_FRAMES)}"
    match = _CODE.fullmatch(asked)
    if match is None:
        raise CrsError(f"{name[:40]!r} is no coordinate frame: {known}")
    try:
        crs = CRS.from_epsg(int(match[1]))
    except ProjError as error:
        raise CrsError(f"{name[:40]!r} is no coordinate frame: {known}") from error
    plane = (crs.is_geographic or crs.is_projected) and len(crs.axis_info) == 2
    base = crs.geodetic_crs
    meant = (STORAGE_CRS, WGS84_CRS)
    if not plane or base is None or base.datum not in [one.datum for one in meant]:
        raise CrsError(
            f"{asked} ({crs.name}) is no plane frame of CGCS2000 or WGS 84; gridmap knows no exact "
            f"way into others"
        )
    return crs


def to_target(frame: gpd.GeoDataFrame, name: str) -> gpd.GeoDataFrame:
    """Return a stored layer in a named frame: what `to_storage` and `unshift` undo.

    Parameters
    ----------
    frame
        EPSG:4490.
    name
        See `target_crs`.

    Returns
    -------
    GeoDataFrame
        Same index and columns, x east and y north; its CRS is `target_crs`.

    Raises
    ------
    CrsError
        See `target_crs`; or the layer lies where that frame has no coordinates.

    Notes
    -----
    Cost O(n) in vertices.
    """
    crs = target_crs(name)
    if crs == STORAGE_CRS:
        return frame
    if crs == WGS84_CRS:
        # As on the way in: the two are one, and coordinates stay bit-equal.
        return frame.set_crs(WGS84_CRS, allow_override=True)
    if crs.name in SHIFTED_FRAMES:
        return shift(frame, crs.name).set_crs(crs, allow_override=True)
    moved = frame.to_crs(crs)
    if not np.isfinite(shapely.get_coordinates(moved.geometry.array)).all():
        raise CrsError(f"{crs.name} has no coordinates where the layer lies; choose another frame")
    return moved
