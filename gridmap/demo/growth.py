"""Which links were not there yet in the quarter before: so that two days can be compared.

Belongs here: choosing them. Does not belong here: the links of today (``organisations`` and
others), writing them day by day (``jobs``).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

GROWN = "2026-10-20"
"""The day from which the links are those of today."""

GROWING_COMMUNITIES = 0.3
"""Share of the communities in which links were added since; own choice, as all of this."""

GROWING_LINKS = (0.05, 0.35)
"""There so many of the links began on `GROWN`: the least and the largest share."""

_COMMUNITY = 12  # digits of its code, with which that of a building or a grid begins
_LEFT_ALONE = ("rectification",)


def earlier_duties(duty: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the links as they were before `GROWN`.

    Parameters
    ----------
    duty
        The links of today: index from 1; columns service, target_code and others.
    seed
        Of the generator: the same seed gives the same links.

    Returns
    -------
    DataFrame
        Same columns, index from 1: some links are not among them.

    Notes
    -----
    Rule: own choice; no published figure says how coverage moved. Cost O(n log n) in links.
    """
    rng = np.random.default_rng([seed, 34])
    place = duty["target_code"].str[:_COMMUNITY]
    communities = np.sort(place[place.str.len() == _COMMUNITY].unique())
    grows = rng.random(len(communities)) < GROWING_COMMUNITIES
    share = np.where(grows, rng.uniform(*GROWING_LINKS, len(communities)), 0.0)
    later = rng.random(len(duty)) < place.map(dict(zip(communities, share, strict=True))).fillna(0)
    later &= ~duty["service"].isin(_LEFT_ALONE)
    before = duty[~later].copy()
    before.index = pd.RangeIndex(1, len(before) + 1)
    return before
