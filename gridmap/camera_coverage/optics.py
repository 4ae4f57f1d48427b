"""What a camera can see by its optics: stated defaults, tolerances, detail with distance.

Belongs here: what is filled in where the register is silent and how that is said, how far the
direction and the position may be off, pixels per metre. Does not belong here: walls (``sights``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from gridmap.errors import InputError
from gridmap.model import require_columns
from gridmap.model.cameras import ALL_ROUND, DIRECTION_DEG, DIRECTION_TOLERANCE_DEG, numbers
from gridmap.visibility import CAMERA_COLUMNS, DOME_DEG

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FULL_CIRCLE_DEG = 360.0
"""Angle of a camera whose direction nobody declared: the ground it *possibly* sees lies all
around it. Source: domain.md 1.4, "guaranteed vs possible coverage"."""

DEFAULT_HFOV_DEG = 90.0
"""Angle of a camera whose direction is known and whose angle is not: a 4 mm lens before a 1/2.7
inch sensor, the commonest fixed camera. Source: own choice; neither GB/T 28181-2016 nor -2022
demands the angle (domain.md 1.4)."""

DEFAULT_RANGE_M = 50.0
"""Range of a camera without one: a 4 mm lens with 1,920 pixels across 90 degrees still gives 19
px/m there, between monitoring (12.5) and detecting (25). Source: own choice; levels of
IEC 62676-4 (domain.md 1.4)."""

DETAIL_LEVELS = {
    "overview": 20.0,
    "outline": 40.0,
    "discern": 80.0,
    "perceive": 125.0,
    "characterise": 250.0,
    "validate": 500.0,
    "scrutinise": 1500.0,
}
"""Pixels per metre a level asks for. Source: IEC 62676-4, edition 2025 (domain.md 1.4; the last
three names are recollections)."""

DORI_LEVELS = {
    "monitor": 12.5,
    "detect": 25.0,
    "observe": 62.5,
    "recognise": 125.0,
    "identify": 250.0,
}
"""The levels the 2025 edition retired; registers still speak of them. Source: domain.md 1.4."""

PLANNING_LEVELS = ("overview", "outline", "discern")
"""The levels that public space is planned for (domain.md 1.4)."""

OPTIONAL_COLUMNS = (
    "direction_type",
    "azimuth_tolerance_deg",
    "position_tolerance_m",
    "h_pixels",
)
"""What is read of a camera where its frame has it."""


def complete_optics(cameras: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the cameras with missing optics filled in and said so.

    Parameters
    ----------
    cameras
        Index: camera code. Columns ``azimuth_deg``, ``hfov_deg``, ``max_range_m``, any of them
        null; those of `OPTIONAL_COLUMNS` where there are any; others are kept. Any CRS.

    Returns
    -------
    GeoDataFrame
        Same index, geometry and columns, and ``assumed``: the names of the columns whose value
        nobody declared, comma-joined, empty if all were; ``azimuth_tolerance_deg``: how far the
        azimuth may be off, 180 where it is not known; ``position_tolerance_m``.

    Raises
    ------
    FrameError
        A column is missing or the index repeats.

    Notes
    -----
    Rule: without an azimuth, one of eight directions gives it to ±22.5°; without that too a
    camera may look anywhere, and a declared full circle needs neither. Without an angle
    `DEFAULT_HFOV_DEG`; without a range `DEFAULT_RANGE_M`. A declared 0 is not missing: such a
    camera is later excluded with a reason. Source: own choice after domain.md 1.4. Cost O(n).

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import Point
    >>> bare = gpd.GeoDataFrame(
    ...     {"azimuth_deg": [None, 45.0, None], "hfov_deg": [60.0, None, 60.0],
    ...      "max_range_m": [None, 80.0, 80.0], "direction_type": [None, None, 1]},
    ...     index=["c1", "c2", "c3"], geometry=[Point(0, 0)] * 3, crs=32648)
    >>> complete_optics(bare)[["assumed", "azimuth_deg", "azimuth_tolerance_deg"]]
                        assumed  azimuth_deg  azimuth_tolerance_deg
    c1  azimuth_deg,max_range_m          NaN                  180.0
    c2                 hfov_deg         45.0                    0.0
    c3                                  90.0                   22.5
    """
    optics = optics_of(cameras)
    filled = {
        "azimuth_deg": optics.azimuth_deg,
        "hfov_deg": optics.hfov_deg,
        "max_range_m": optics.range_m,
        "azimuth_tolerance_deg": optics.azimuth_off_deg,
        "position_tolerance_m": optics.position_off_m,
    }
    return cameras.assign(**filled, assumed=pd.Series(optics.assumed, cameras.index, dtype=object))


class Optics(NamedTuple):
    """What `complete_optics` finds, as arrays by camera.

    ``azimuth_off_deg``, ``position_off_m``: the tolerances.
    """

    azimuth_deg: Floats
    hfov_deg: Floats
    range_m: Floats
    azimuth_off_deg: Floats
    position_off_m: Floats
    assumed: NDArray[np.object_]


def optics_of(cameras: pd.DataFrame) -> Optics:
    """Return what `complete_optics` fills in, without the frame around it.

    Parameters
    ----------
    cameras
        As in `complete_optics`.

    Returns
    -------
    Optics
        In the order of the cameras.

    Raises
    ------
    FrameError
        A column is missing or the index repeats.
    """
    require_columns(cameras, list(CAMERA_COLUMNS), "cameras")
    azimuth, angle, reach = (_optional(cameras, name) for name in CAMERA_COLUMNS)
    direction = _optional(cameras, "direction_type")
    round_ = np.isnan(angle) & np.isnan(azimuth) & (direction == ALL_ROUND)
    angle = np.where(round_, FULL_CIRCLE_DEG, angle)
    by_direction = np.isnan(azimuth) & np.isin(direction, list(DIRECTION_DEG))
    tolerance = _filled(_optional(cameras, "azimuth_tolerance_deg"), 0.0)
    tolerance[by_direction] = DIRECTION_TOLERANCE_DEG
    azimuth = np.where(by_direction, 0.0, azimuth)
    azimuth[by_direction] = [DIRECTION_DEG[int(one)] for one in direction[by_direction]]
    lost = np.isnan(azimuth) & ~(angle >= FULL_CIRCLE_DEG)
    return Optics(
        azimuth,
        _filled(angle, DEFAULT_HFOV_DEG),
        _filled(reach, DEFAULT_RANGE_M),
        np.where(lost, FULL_CIRCLE_DEG / 2, tolerance),
        _filled(_optional(cameras, "position_tolerance_m"), 0.0),
        _GUESSES[lost + 2 * np.isnan(angle) + 4 * np.isnan(reach)],
    )


_GUESSES = np.array(
    [
        ",".join(name for bit, name in enumerate(CAMERA_COLUMNS) if guess >> bit & 1)
        for guess in range(2 ** len(CAMERA_COLUMNS))
    ],
    dtype=object,
)  # the names of guessed columns, by a number with a bit for each


def greatest_reach_m(cameras: pd.DataFrame) -> Floats:
    """Return how far from its drawn position a camera may see, defaults filled in.

    Parameters
    ----------
    cameras
        As `complete_optics` reads them.

    Returns
    -------
    ndarray
        Metres, without the way a camera may be moved out of a building.
    """
    reach, tolerance = (_optional(cameras, n) for n in ("max_range_m", "position_tolerance_m"))
    return _filled(reach, DEFAULT_RANGE_M) + 2.0 * _filled(tolerance, 0.0)


def widest_angle_deg(optics: Optics) -> Floats:
    """Return the angle that holds every direction a camera may look in.

    Parameters
    ----------
    optics
        From `optics_of`.

    Returns
    -------
    ndarray
        Degrees, at most 360; 0 stays 0.
    """
    angle = optics.hfov_deg
    wide = np.minimum(angle + 2.0 * optics.azimuth_off_deg, FULL_CIRCLE_DEG)
    return np.where(angle > 0.0, wide, angle)


def narrowest_angle_deg(optics: Optics) -> Floats:
    """Return the angle that a camera sees whichever way it looks within its tolerance.

    Parameters
    ----------
    optics
        From `optics_of`.

    Returns
    -------
    ndarray
        Degrees; 0 where an angle or a range is assumed, or the tolerance leaves nothing.
    """
    angle = optics.hfov_deg
    less = np.maximum(angle - 2.0 * optics.azimuth_off_deg, 0.0)
    return np.where(optics.assumed == "", np.where(angle >= DOME_DEG, angle, less), 0.0)


def detail_range_m(cameras: pd.DataFrame, level: str) -> pd.Series:
    """Return how far a camera's image has the pixels a level asks for.

    Parameters
    ----------
    cameras
        Columns ``h_pixels``, ``hfov_deg``, null where nobody declared them.
    level
        A key of `DETAIL_LEVELS` or `DORI_LEVELS`.

    Returns
    -------
    Series
        Metres; null where pixels or angle are not known, or the angle is 180° and more: a lens
        that wide, or a dome that turns, has no single scale.

    Raises
    ------
    InputError
        There is no such level.

    Notes
    -----
    Rule: pixels / (2 · distance · tan(angle / 2)) = pixels per metre across the axis. Source:
    domain.md 0 and 1.4 (IEC 62676-4).

    Examples
    --------
    >>> lens = pd.DataFrame({"h_pixels": [1920], "hfov_deg": [60.0]})
    >>> float(detail_range_m(lens, "detect").round(1).iloc[0])
    66.5
    """
    needed = pixels_per_m(level)
    angle = cameras["hfov_deg"].astype(float)
    angle = angle.where((angle > 0.0) & (angle < 180.0))
    return _optional(cameras, "h_pixels") / (2.0 * needed * np.tan(np.radians(angle) / 2.0))


def pixels_per_m(level: str) -> float:
    """Return the pixels per metre that a level asks for.

    Parameters
    ----------
    level
        A key of `DETAIL_LEVELS` or `DORI_LEVELS`.

    Returns
    -------
    float
        Pixels per metre.

    Raises
    ------
    InputError
        There is no such level.
    """
    levels = DORI_LEVELS | DETAIL_LEVELS
    if level not in levels:
        raise InputError(f"no detail level {level[:40]!r}; levels are {', '.join(levels)}")
    return levels[level]


def _optional(frame: pd.DataFrame, name: str) -> Floats:
    """Return a column of numbers, all null where the frame has none."""
    if name not in frame.columns:
        return np.full(len(frame), np.nan)
    column = frame[name]
    if column.dtype.kind in "fi":  # also pandas' own numbers with NA, which take long as objects
        return np.asarray(column.to_numpy(dtype=float, na_value=np.nan))
    return np.asarray(numbers(column), dtype=float)


def _filled(numbers: Floats, value: float) -> Floats:
    """Return numbers with those that are missing replaced; a new array."""
    return np.where(np.isnan(numbers), value, numbers)
