"""What owners declare of the demo district's cameras beside position and optics.

Belongs here: direction, tolerances, image width, switch, filing, sign, consent, and the gaps and
slips a real register has. Does not belong here: where cameras hang and look (``cameras``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

if TYPE_CHECKING:
    from gridmap.demo.ground import Floats, Ground, Indices

ALL_ROUND = 9
_OCTANTS = np.array([4, 6, 1, 5, 3, 7, 2, 8])
"""GB/T 28181 DirectionType of north, north-east, … north-west; the optical axis points there."""

SWITCH_CAMERAS = 8
"""Cameras that hang on one switch, roughly: its ports."""

WRONG_UNIT, NO_UNIT = 0.005, 0.02
CLASS_ONE = 1


def direction_type(azimuth_deg: Floats) -> NDArray[np.int_]:
    """Return the DirectionType nearest to an azimuth.

    Parameters
    ----------
    azimuth_deg
        Clockwise from north.

    Returns
    -------
    ndarray of int
        1 to 8.
    """
    return np.asarray(_OCTANTS[np.round(np.asarray(azimuth_deg) / 45.0).astype(int) % 8])


def _some(values: Any, chance: Any, rng: np.random.Generator) -> pd.Series:
    """Return the values as objects, each kept with its chance and null otherwise."""
    kept = pd.Series(values, dtype=object)
    return kept.where(rng.random(len(kept)) < chance, None)


def _geometry_known(table: pd.DataFrame, rng: np.random.Generator) -> dict[str, pd.Series]:
    """Return direction and tolerances; directions most often where no azimuth was declared."""
    blank = table["azimuth_deg"].isna()
    nearest = direction_type(table["bearing_deg"].to_numpy(dtype=float))
    chance = np.select([table["dome"], blank], [0.5, 0.7], 0.35)
    surveyed = np.where(blank | table["dome"], 0.0, 0.12)
    count = len(table)
    return {
        "direction_type": _some(np.where(table["dome"], ALL_ROUND, nearest), chance, rng),
        "azimuth_tolerance_deg": _some(rng.choice([2.0, 3.0, 4.0, 5.0], count), surveyed, rng),
        "position_tolerance_m": _some(rng.choice([1.0, 2.0, 5.0], count), 0.05, rng),
    }


def _image(table: pd.DataFrame, rng: np.random.Generator) -> pd.Series:
    """Return pixels across the image, from 1280 up if it is called high definition."""
    count = len(table)
    fine = rng.choice([1280, 1920, 2560, 3840], count, p=[0.14, 0.58, 0.18, 0.1])
    coarse = rng.choice([704, 1280], count, p=[0.7, 0.3])
    return _some(np.where(table["hd"], fine, coarse), 0.96, rng)


def _switches(points: gpd.GeoSeries, grid: Indices, rng: np.random.Generator) -> pd.Series:
    """Return the switch of each camera: neighbours in a grid share one, a pole never two."""
    curve = points.hilbert_distance(level=16).to_numpy()
    order = np.lexsort((curve, grid))
    owner, along = grid[order], curve[order]
    start = np.searchsorted(owner, owner)
    size = np.searchsorted(owner, owner, side="right") - start
    place = np.arange(len(order))
    pole = np.r_[True, (np.diff(owner) != 0) | (np.diff(along) != 0)]
    first = np.maximum.accumulate(np.where(pole, place, 0)) - start
    share = first * np.maximum(1, np.round(size / SWITCH_CAMERAS).astype(int)) // size
    fresh = np.r_[True, (np.diff(owner) != 0) | (np.diff(share) != 0)]
    number = np.empty(len(order), dtype=int)
    number[order] = np.cumsum(fresh)
    # Whole switches are missing from the register, not single ports.
    named = rng.random(int(number.max()) + 1) >= 0.2
    names = [f"SW-{n:04d}" if named[n] else None for n in number]
    return pd.Series(names, dtype=object)


def _homes(ground: Ground, points: NDArray[Any]) -> Indices:
    """Return the grid each point lies in; on a border the one whose code sorts first."""
    grid, point = shapely.STRtree(points).query(ground.grids.geometry.to_numpy(), "intersects")
    home = np.full(len(points), len(ground.grids))
    np.minimum.at(home, point, grid)
    return home


def _units(ground: Ground, grid: Indices, rng: np.random.Generator) -> pd.Series:
    """Return the street a camera is registered in: few in a wrong one, few in none."""
    own = ground.grids["code"].str[:9].to_numpy(dtype=object)[grid]
    streets = np.unique(own)
    turn = rng.integers(1, max(2, len(streets)), len(own))
    other = streets[(np.searchsorted(streets, own) + turn) % len(streets)]
    wrong = rng.random(len(own)) < WRONG_UNIT
    return _some(np.where(wrong, other, own), 1 - NO_UNIT, rng)


def _first_days(table: pd.DataFrame, rng: np.random.Generator) -> pd.Series:
    """Return the first days of use, made up where class one has none (rule V00)."""
    days = rng.integers(0, 4_700, len(table)).astype("timedelta64[D]")
    spare = pd.Series((np.datetime64("2012-05-01") + days).astype(str), dtype=object)
    known = table["in_use_since"].astype(object)
    return known.where(known.notna() | (table["point_type"] != CLASS_ONE), spare)


def _numbers(filed: pd.Series) -> list[str | None]:
    """Return the numbers of the filings, in the order of their days."""
    day = filed.astype(object)
    rank = day[day.notna()].sort_values(kind="stable")
    number = pd.Series(np.arange(1, len(rank) + 1), index=rank.index)
    return [
        f"渝南视备〔{text[:4]}〕{number[row]:05d}号" if row in number.index else None
        for row, text in day.items()
    ]


def _consents(
    points: NDArray[Any], sites: gpd.GeoDataFrame, rng: np.random.Generator
) -> list[str | None]:
    """Return the consents: most cameras near a restricted site have one."""
    away = shapely.distance(points[:, None], sites.geometry.to_numpy()[None, :])
    near = (away <= sites["consent_distance_m"].to_numpy(dtype=float)).any(axis=1)
    given = near & (rng.random(len(points)) < 0.7)
    number = np.cumsum(given)
    return [
        f"渝南视同〔2025〕{n:03d}号" if ok else None for n, ok in zip(number, given, strict=True)
    ]


def declared(
    cameras: gpd.GeoDataFrame, ground: Ground, sites: gpd.GeoDataFrame, seed: int
) -> gpd.GeoDataFrame:
    """Return the cameras with what their owners declare.

    Parameters
    ----------
    cameras
        Result of `cameras.camera_layer`: also the true bearing_deg, dome and setting.
    ground
        The tiling.
    sites
        Column consent_distance_m; metric polygons.
    seed
        Source of all randomness here.

    Returns
    -------
    GeoDataFrame
        Same rows and columns, and those the camera layer still lacks; in_use_since is filled for
        class one, where GB/T 28181-2022 makes it and the days of retention mandatory.
    """
    rng = np.random.default_rng([seed, 12])
    count = len(cameras)
    home = _homes(ground, cameras.geometry.to_numpy())
    first = cameras["point_type"] == CLASS_ONE
    days = np.where(rng.random(count) < np.where(first, 0.6, 0.2), 90, 30)
    return cameras.assign(
        **_geometry_known(cameras, rng),
        h_pixels=_image(cameras, rng),
        group_code=_switches(cameras.geometry, home, rng),
        indoor=(cameras["setting"] == "inside") & (rng.random(count) < 0.6),
        declared_unit=_units(ground, home, rng),
        in_use_since=_first_days(cameras, rng),
        filing_no=pd.Series(_numbers(cameras["filed_at"]), dtype=object),
        sign_installed=rng.random(count) < 0.96,
        consent_ref=pd.Series(_consents(cameras.geometry.to_numpy(), sites, rng), dtype=object),
        retention_days=_some(days, np.where(first, 1.0, 0.97), rng),
    )
