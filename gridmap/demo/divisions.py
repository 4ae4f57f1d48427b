"""The units of the demo district: their codes, names and places, level by level.

Belongs here: what the makers of organisations and duties read of the tiling. Does not belong
here: its borders (``ground``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from gridmap.demo.ground import Floats, Ground, Indices

DISTRICT = "500108"


@dataclass(frozen=True)
class Divisions:
    """Sorted codes of each level, short names by code, and middles in metres."""

    streets: list[str]
    communities: list[str]
    grids: NDArray[Any]
    community: Indices
    grid_xy: Floats
    community_xy: Floats
    urban: NDArray[np.bool_]
    names: Mapping[str, str]

    def grids_of(self, place: int) -> Indices:
        """Return the rows of a community's grids.

        Parameters
        ----------
        place
            Row of the community.

        Returns
        -------
        ndarray of int
            In order of their numbers.
        """
        return np.flatnonzero(self.community == place)


def divisions(ground: Ground, names: Mapping[str, str]) -> Divisions:
    """Return the units of a tiling.

    Parameters
    ----------
    ground
        The tiling; its grids are ordered by code.
    names
        Short names of streets and communities by code.

    Returns
    -------
    Divisions
        ``community`` is the row of each grid's community; a community is urban by its first grid.
    """
    table = ground.grids
    codes, first, community = np.unique(
        table["community"].to_numpy(dtype=str), return_index=True, return_inverse=True
    )
    xy = table[["x", "y"]].to_numpy(dtype=float)
    count = np.bincount(community)[:, None]
    sums = np.column_stack([np.bincount(community, weights=part) for part in xy.T])
    return Divisions(
        streets=sorted({str(code)[:9] for code in codes}),
        communities=[str(code) for code in codes],
        grids=table["code"].to_numpy(dtype=object),
        community=community,
        grid_xy=xy,
        community_xy=sums / count,
        urban=table["urban"].to_numpy(dtype=bool)[first],
        names=names,
    )
