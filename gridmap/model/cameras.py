"""What a camera must say of itself: the rules that need nothing but its row.

Belongs here: presence (V00), the id (V01), the place category (V05), optics (V10), and the code
lists they read. Does not belong here: what needs a second layer or a view (``lawfulness``).
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import shapely

REMOVED = "removed"
"""State of a camera that hangs no more: it breaks no rule."""

CLASS_ONE = 1
"""GB/T 28181 PointType of a class-one site, whose first day of use and days of retention are
mandatory. Source: GB/T 28181-2022 (domain.md 1.4)."""

DIRECTION_DEG = {1: 90.0, 2: 270.0, 3: 180.0, 4: 0.0, 5: 135.0, 6: 45.0, 7: 225.0, 8: 315.0}
"""Azimuth of each DirectionType: the optical axis points there, "1-东(西向东)" is east.
Source: GB/T 28181 (domain.md 1.4, enum trap)."""

ALL_ROUND = 9
"""DirectionType of a camera without a direction. Source: domain.md 1.4 [V55]."""

DIRECTION_TOLERANCE_DEG = 22.5
"""How far an azimuth given as one of eight directions may be off. Source: domain.md 1.4 (ii)."""

INDUSTRIES = frozenset(f"{n:02d}" for n in (*range(15), *range(40, 56), *range(80, 100)))
"""Digits 9 and 10 of an id that are given out: authorities, enterprises, residents, others; the
rest is reserved. Source: GB/T 28181-2016 annex D with the three codes of 2022, read in public
transcripts; domain.md 1.4 lists the commonest."""

NETWORKS = frozenset("012345678")
"""Digit 14 of an id; 9 is reserved. Source: as `INDUSTRIES`."""

ROW_COLUMNS = (
    "code",
    "azimuth_deg",
    "hfov_deg",
    "max_range_m",
    "place_category",
    "point_type",
    "state",
    "in_use_since",
    "direction_type",
    "azimuth_tolerance_deg",
    "indoor",
    "sign_installed",
    "retention_days",
)
"""What `row_breaches` reads."""

_FULL_CIRCLE_DEG = 360.0


class Breach(NamedTuple):
    """One rule that one camera breaks: its label in the frame, and what an `Issue` says of it."""

    key: Hashable
    shape: str
    field: str
    values: dict[str, Any]
    geometry: shapely.Geometry | None = None


def row_breaches(cameras: pd.DataFrame, given: pd.DataFrame) -> list[Breach]:
    """Return the rules that rows of cameras break by themselves.

    Parameters
    ----------
    cameras
        Index: any. Columns `ROW_COLUMNS` in their types; what could not be read is null.
    given
        Same index and columns, booleans: the cell holds something, be it readable or not.

    Returns
    -------
    list of Breach
        Rule by rule, in the order of the rows; values are JSON-able.

    Notes
    -----
    Rule: V00, V01, V05, V10; a removed camera breaks none. A direction, one of eight or all round,
    stands for the azimuth; a full circle needs none. Source: domain.md 1.4 and 1.7. Cost O(n).

    Examples
    --------
    >>> row = pd.DataFrame({name: [None] for name in ROW_COLUMNS}, dtype=object)
    >>> row["code"] = "50010800001310000001"
    >>> [breach.shape for breach in row_breaches(row, row.notna())]
    ['V00.type', 'V00.sign', 'V05.category', 'V10.optics']
    """
    live = (cameras["state"] != REMOVED).to_numpy(dtype=bool)
    cameras, given = cameras[live], given[live]
    return [
        *_presence(cameras, given),
        *_ids(cameras["code"]),
        *_all(~given["place_category"], "V05.category", "place_category"),
        *_optics(cameras, given),
        *_directions(cameras),
    ]


def numbers(column: pd.Series) -> pd.Series:
    """Return a column of numbers or booleans as floats, null where it is.

    Parameters
    ----------
    column
        Of any type: a column that was read or written may hold None, NaN or NA.

    Returns
    -------
    Series
        ``float64``.
    """
    return column.astype(object).where(column.notna(), np.nan).astype(float)


def _all(broken: pd.Series, shape: str, field: str) -> list[Breach]:
    """Return a breach without values for every row that is marked."""
    return [Breach(key, shape, field, {}) for key in broken.index[broken]]


def _presence(cameras: pd.DataFrame, given: pd.DataFrame) -> list[Breach]:
    """Check what GB/T 28181-2022 and Decree 799 want recorded (V00)."""
    first = numbers(cameras["point_type"]) == CLASS_ONE
    sign = given["sign_installed"] & (numbers(cameras["sign_installed"]) != 0.0)
    public = given["place_category"] | (numbers(cameras["indoor"]) != 1.0)
    return [
        *_all(~given["point_type"], "V00.type", "point_type"),
        *_all(first & ~given["in_use_since"], "V00.since", "in_use_since"),
        *_all(first & ~given["retention_days"], "V00.retention", "retention_days"),
        *_all(public & ~sign, "V00.sign", "sign_installed"),
    ]


def _ids(codes: pd.Series) -> list[Breach]:
    """Check the parts of the GB/T 28181 id: length and type, industry, network (V01)."""
    code = codes.fillna("").astype(str)
    well = code.str.fullmatch(r"[0-9]{10}13[12][0-9]{7}").astype(bool)
    odd = codes.notna() & ~well
    breaches = [Breach(key, "V01.code", "code", {"value": code[key]}) for key in code.index[odd]]
    for shape, digits, known in (
        ("V01.industry", code.str[8:10], INDUSTRIES),
        ("V01.network", code.str[13:14], NETWORKS),
    ):
        wrong = well & ~digits.isin(known)
        breaches += [
            Breach(key, shape, "code", {"value": code[key], "digits": digits[key]})
            for key in code.index[wrong]
        ]
    return breaches


def _optics(cameras: pd.DataFrame, given: pd.DataFrame) -> list[Breach]:
    """Find cameras whose view cannot be known, and name what is missing (V10)."""
    dome = numbers(cameras["hfov_deg"]) >= _FULL_CIRCLE_DEG
    all_round = ~given["azimuth_deg"] & (numbers(cameras["direction_type"]) == ALL_ROUND)
    missing = pd.DataFrame(
        {
            "azimuth_deg": ~(given["azimuth_deg"] | given["direction_type"] | dome),
            "hfov_deg": ~(given["hfov_deg"] | all_round),
            "max_range_m": ~given["max_range_m"],
        }
    )
    some = missing[missing.any(axis=1)]
    names = [[n for n, lacks in zip(some, row, strict=True) if lacks] for row in some.to_numpy()]
    return [
        Breach(key, "V10.optics", lacking[0], {"fields": ", ".join(lacking)})
        for key, lacking in zip(some.index, names, strict=True)
    ]


def _directions(cameras: pd.DataFrame) -> list[Breach]:
    """Find azimuths that contradict the direction given beside them (V10)."""
    azimuth, direction = numbers(cameras["azimuth_deg"]), numbers(cameras["direction_type"])
    facing = direction.map(DIRECTION_DEG).astype(float)
    off = ((azimuth - facing + 180.0) % 360.0 - 180.0).abs()
    allowed = DIRECTION_TOLERANCE_DEG + numbers(cameras["azimuth_tolerance_deg"]).fillna(0.0)
    wrong = off > allowed + 1e-9
    return [
        Breach(
            key,
            "V10.direction",
            "direction_type",
            {"azimuth": azimuth[key], "direction": int(direction[key]), "facing": facing[key]},
        )
        for key in wrong.index[wrong]
    ]
