"""The 3-degree Gauss-Kruger zones of CGCS2000, with and without the zone in the easting."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from pyproj import CRS

from gridmap.errors import CrsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ZONES = range(25, 46)
"""Central meridians 75 to 135 degrees east, three degrees a zone (domain.md 1.3)."""

_WIDTH_DEG = 3.0
_PREFIXED_EPSG, _PLAIN_EPSG = 4513, 4534  # of zone 25; the next zones follow


@cache
def zone_crs(zone: int, *, prefixed: bool = False) -> CRS:
    """Return the frame of a 3-degree zone.

    Parameters
    ----------
    zone
        25 to 45; the central meridian is three times that, in degrees east.
    prefixed
        The easting begins with the zone's number, ``36 364 000`` for ``364 000``.

    Returns
    -------
    CRS
        EPSG:4513 to 4533 with the prefix, 4534 to 4554 without. Metres. The register's axes
        are north, east: coordinates are x east, y north only with ``always_xy``.

    Raises
    ------
    CrsError
        There is no such zone.

    Notes
    -----
    Source: domain.md 1.3, the EPSG register.

    Examples
    --------
    >>> zone_crs(36).name
    'CGCS2000 / 3-degree Gauss-Kruger CM 108E'
    >>> zone_crs(36, prefixed=True).to_epsg()
    4524
    """
    if zone not in ZONES:
        raise CrsError(f"there is no 3-degree zone {zone}; they are {ZONES[0]} to {ZONES[-1]}")
    return CRS.from_epsg((_PREFIXED_EPSG if prefixed else _PLAIN_EPSG) + zone - ZONES[0])


def zone_of(longitude: Floats) -> NDArray[np.int64]:
    """Return the number of the 3-degree zone at longitudes.

    Parameters
    ----------
    longitude
        Degrees east, any shape.

    Returns
    -------
    ndarray of int, same shape
        A zone holds its western edge. Outside `ZONES` there is no frame of that number.

    Notes
    -----
    Source: domain.md 1.3: zone 35 (CM 105) is 103.5 to 106.5, zone 36 (CM 108) 106.5 to 109.5.
    Cost O(n).

    Examples
    --------
    >>> zone_of(np.array([106.49, 106.5])).tolist()
    [35, 36]
    """
    lon = np.asarray(longitude, dtype=float)
    return np.floor((lon + _WIDTH_DEG / 2) / _WIDTH_DEG).astype(np.int64)


def zones_near(west: float, east: float) -> list[int]:
    """Return the zones a map of a place may be drawn in: its own and those beside it.

    Parameters
    ----------
    west, east
        The place's bounds in degrees east.

    Returns
    -------
    list of int
        Zone numbers, rising; empty far from China.

    Notes
    -----
    A district beside a zone's edge, as Nan'an is, is often drawn in the neighbour's zone
    (domain.md 1.3).

    Examples
    --------
    >>> zones_near(106.46, 106.79)
    [34, 35, 36, 37]
    """
    first, last = zone_of(np.array([west, east]))
    return [zone for zone in range(int(first) - 1, int(last) + 2) if zone in ZONES]
