"""Figures of units with their denominators, rolled up from what is counted.

Belongs here: the status of each target under a lens with its reason, and the roll-up of any
figure along the administrative tree with its denominator. Does not belong here: geometry,
storage, wording.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gridmap.model import CODE_LENGTH, DIVISION_LEVELS, require_columns

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection

def rates(
    counted: pd.DataFrame, *, measure: str, unit_of_measure: str, district: str
) -> pd.DataFrame:
    """Return numerator and denominator of every unit, from the grids to the district.

    Parameters
    ----------
    counted
        Any index; columns ``grid_code`` (15 digits), ``covered`` and ``total`` (numbers that
        add up). Rows without a grid are left out: they belong to no unit.
    measure
        The figure's name.
    unit_of_measure
        ``buildings``, ``households``, ``m2``, ``m`` or ``grids``.
    district
        The district's code; rows of other districts are left out.

    Returns
    -------
    DataFrame
        Columns measure, unit_code, level, unit_of_measure, covered, total; one row a unit that
        has anything to count, ordered by level and code. The children's numbers add up to the
        parent's.

    Raises
    ------
    FrameError
        A column is missing or the index has duplicates.

    Notes
    -----
    Source: every figure carries its denominator (domain.md 0). Cost O(n).

    Examples
    --------
    >>> counted = pd.DataFrame({"grid_code": ["500108001001001", "500108001001002"],
    ...                         "covered": [1.0, 0.0], "total": [1.0, 1.0]})
    >>> table = rates(counted, measure="party_group.buildings", unit_of_measure="buildings",
    ...               district="500108")
    >>> table[["unit_code", "covered", "total"]].head(1).to_dict("records")
    [{'unit_code': '500108', 'covered': 1.0, 'total': 2.0}]
    """
    require_columns(counted, ["grid_code", "covered", "total"], "counted")
    codes = counted["grid_code"].fillna("").astype(str)
    inside = counted.assign(grid_code=codes)[codes.str.startswith(district)]
    parts = []
    for level in DIVISION_LEVELS:
        unit = inside["grid_code"].str[: CODE_LENGTH[level]]
        sums = inside.groupby(unit)[["covered", "total"]].sum().rename_axis("unit_code")
        parts.append(sums.reset_index().assign(level=str(level)))
    table = pd.concat(parts, ignore_index=True)
    table = table.assign(measure=measure, unit_of_measure=unit_of_measure)
    return table[["measure", "unit_code", "level", "unit_of_measure", "covered", "total"]]
