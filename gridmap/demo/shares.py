"""Whole numbers that add up: how a total of the report is shared out in the demo district.

Belongs here: `whole_parts`. Does not belong here: any total, which stand with their nouns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gridmap.demo.ground import Floats, Indices


def whole_parts(
    weights: Floats, total: int, limits: tuple[int, int], rng: np.random.Generator
) -> Indices:
    """Return whole numbers, about as large as their weights, that add up to a total.

    Parameters
    ----------
    weights
        Positive, shape (n,).
    total
        Between n times either limit.
    limits
        The least and the greatest of the numbers.
    rng
        Chooses who gets the ones that rounding leaves over.

    Returns
    -------
    ndarray of int, shape (n,)
        Between the limits.

    Notes
    -----
    Rule: one factor for all weights, cut off at the limits. Source: own choice.
    """
    least, most = limits
    low, high = 0.0, 1e6
    for _ in range(80):
        factor = (low + high) / 2
        sizes = np.clip(weights * factor, least, most)
        low, high = (factor, high) if sizes.sum() < total else (low, factor)
    whole = np.floor(sizes).astype(int)
    order = rng.permutation(len(whole))
    step = 1 if whole.sum() < total else -1
    while whole.sum() != total:
        for place in order:
            if whole.sum() == total:
                break
            if least <= whole[place] + step <= most:
                whole[place] += step
    return whole
