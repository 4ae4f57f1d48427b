"""Where in the demo district something is missing: in clusters, as it is in a real one.

Belongs here: the choice of places by a smooth field. Does not belong here: what is missing there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gridmap.demo.ground import smooth_noise

if TYPE_CHECKING:
    from gridmap.demo.ground import Floats


def gaps(xy: Floats, share: float, scale_m: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which places are in a gap.

    Parameters
    ----------
    xy
        Metres, shape (n, 2).
    share
        Of the places, 0..1.
    scale_m
        How far apart the gaps are, roughly.
    rng
        Source of the field.

    Returns
    -------
    ndarray of bool, shape (n,)
        As many true ones as the share says, rounded; neighbours are mostly alike.
    """
    field = smooth_noise(xy, scale_m, rng) + rng.normal(0.0, 0.15, len(xy))
    missing = np.zeros(len(xy), dtype=bool)
    missing[np.argsort(field, kind="stable")[: round(share * len(xy))]] = True
    return missing
