"""The seats of organisations in the demo district: a building in the division that hosts them.

Belongs here: the choice of a building. Does not belong here: who sits there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from gridmap.demo.ground import Indices


def seats(
    buildings: pd.DataFrame, units: Sequence[str], kinds: Sequence[str], rng: np.random.Generator
) -> NDArray[Any]:
    """Return a building for each unit.

    Parameters
    ----------
    buildings
        Columns code (sorted; a unit's code begins those of its buildings) and kind.
    units
        Codes of divisions that have buildings; the same one may come again.
    kinds
        Of buildings, to choose from where the unit has some of them.
    rng
        Chooses.

    Returns
    -------
    ndarray of str
        Codes of buildings.
    """
    codes = buildings["code"].to_numpy(dtype=str)
    meant = codes[buildings["kind"].isin(kinds).to_numpy()]
    lot = rng.random(len(units))
    first, count = _range(meant, units)
    found = np.empty(len(units), dtype=object)
    some = count > 0
    found[some] = meant[first[some] + (lot[some] * count[some]).astype(int)]
    any_first, any_count = _range(codes, units)
    found[~some] = codes[any_first[~some] + (lot[~some] * any_count[~some]).astype(int)]
    return found


def _range(codes: NDArray[Any], units: Sequence[str]) -> tuple[Indices, Indices]:
    """Return where the codes that begin with each unit's stand, and how many they are."""
    first = np.searchsorted(codes, np.asarray(units, dtype=str))
    end = np.searchsorted(codes, np.array([f"{unit}~" for unit in units], dtype=str))
    return first, end - first
