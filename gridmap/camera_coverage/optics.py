"""What a camera can see by its optics: stated defaults, tolerances, detail with distance.

Belongs here: what is filled in where the register is silent and how that is said, how far the
direction and the position may be off, pixels per metre. Does not belong here: walls (``sights``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    require_columns(cameras, list(CAMERA_COLUMNS), "cameras")
    azimuth, angle, reach = (numbers(cameras[name]) for name in CAMERA_COLUMNS)
    direction = _optional(cameras, "direction_type")
    angle = angle.mask(angle.isna() & azimuth.isna() & (direction == ALL_ROUND), FULL_CIRCLE_DEG)
    by_direction = azimuth.isna() & direction.isin(DIRECTION_DEG)
    declared = _optional(cameras, "azimuth_tolerance_deg").fillna(0.0)
    tolerance = declared.mask(by_direction, DIRECTION_TOLERANCE_DEG)
    azimuth = azimuth.mask(by_direction, direction.map(DIRECTION_DEG).astype(float))
    lost = azimuth.isna() & ~(angle >= FULL_CIRCLE_DEG)
    filled = {
        "azimuth_deg": azimuth,
        "hfov_deg": angle.fillna(DEFAULT_HFOV_DEG),
        "max_range_m": reach.fillna(DEFAULT_RANGE_M),
        "azimuth_tolerance_deg": tolerance.mask(lost, FULL_CIRCLE_DEG / 2),
        "position_tolerance_m": _optional(cameras, "position_tolerance_m").fillna(0.0),
    }
    guesses = zip(lost, angle.isna(), reach.isna(), strict=True)
    assumed = [
        ",".join(name for name, is_guess in zip(CAMERA_COLUMNS, row, strict=True) if is_guess)
        for row in guesses
    ]
    return cameras.assign(**filled, assumed=pd.Series(assumed, index=cameras.index, dtype=object))


def greatest_reach_m(cameras: pd.DataFrame) -> pd.Series:
    """Return how far from its drawn position a camera may see, defaults filled in.

    Parameters
    ----------
    cameras
        As `complete_optics` reads them.

    Returns
    -------
    Series
        Metres, without the way a camera may be moved out of a building.
    """
    tolerance = _optional(cameras, "position_tolerance_m").fillna(0.0)
    return numbers(cameras["max_range_m"]).fillna(DEFAULT_RANGE_M) + 2.0 * tolerance


def widest_angle_deg(optics: pd.DataFrame) -> pd.Series:
    """Return the angle that holds every direction a camera may look in.

    Parameters
    ----------
    optics
        From `complete_optics`.

    Returns
    -------
    Series
        Degrees, at most 360; 0 stays 0.
    """
    angle, tolerance = optics["hfov_deg"], optics["azimuth_tolerance_deg"]
    return (angle + 2.0 * tolerance).clip(upper=FULL_CIRCLE_DEG).where(angle > 0.0, angle)


def narrowest_angle_deg(optics: pd.DataFrame) -> pd.Series:
    """Return the angle that a camera sees whichever way it looks within its tolerance.

    Parameters
    ----------
    optics
        From `complete_optics`.

    Returns
    -------
    Series
        Degrees; 0 where an angle or a range is assumed, or the tolerance leaves nothing.
    """
    angle, tolerance = optics["hfov_deg"], optics["azimuth_tolerance_deg"]
    sure = angle.where(angle >= DOME_DEG, (angle - 2.0 * tolerance).clip(lower=0.0))
    return sure.where(optics["assumed"] == "", 0.0)


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
    pixels = _optional(cameras, "h_pixels")
    return pixels / (2.0 * needed * np.tan(np.radians(angle) / 2.0))


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


def _optional(frame: pd.DataFrame, name: str) -> pd.Series:
    """Return a column of numbers, all null where the frame has none."""
    if name not in frame.columns:
        return pd.Series(np.nan, index=frame.index)
    return numbers(frame[name])
