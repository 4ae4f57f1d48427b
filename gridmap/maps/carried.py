"""What a map that is one file carries in itself, since it asks no server.

Belongs here: the small form of who covers which building. Does not belong here: shapes
(``packing``), reading any of it (``jobs``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import geopandas as gpd
    import pandas as pd

TOLD = ("status", "reason", "missing")
"""What a lens says of a building, besides by whom it is covered."""


MADE = {
    "as_of": "Drawn as of",
    "at": "Written on",
    "by": "Written by",
    "unit": "Unit",
}
"""What a file says of itself, and the labels."""


@dataclass(frozen=True)
class Carried:
    """The contents of a one-file map.

    ``details`` by layer, from `pack`; ``answers`` from `packed_answers`; ``above``: the units
    around what is shown, from above (index code; name, geometry); ``opens``: the measure asked
    about first; ``made``: texts by the names of `MADE`.
    """

    details: Mapping[str, Any]
    answers: Mapping[str, Any]
    above: gpd.GeoDataFrame
    opens: str
    made: Mapping[str, str]


def packed_answers(
    codes: Iterable[str],
    statuses: Mapping[str, pd.DataFrame],
    names: Mapping[str, str],
    parts: Mapping[str, Mapping[str, str]],
) -> dict[str, Any]:
    """Return who covers each building under each lens, as small numbers.

    Parameters
    ----------
    codes
        Of the buildings, in the order in which they are packed.
    statuses
        By lens: index ``target_code``; status, reason, missing, holder_code.
    names
        Of holders, by code.
    parts
        By lens: what its parts are called.

    Returns
    -------
    dict
        ``holders``: code and name of each, the first of them nobody; ``lenses``: by code ``parts``,
        ``told`` (status, reason, missing; the first of them nothing), ``of`` and ``by``: for each
        building the place in ``told`` and in ``holders``.

    Notes
    -----
    Of 45,000 buildings few things are said: a number for each takes 2 bytes, its words 30.
    Cost O(n) in buildings by lenses.
    """
    order = list(codes)
    holders: dict[str | None, int] = {None: 0}
    lenses = {}
    for lens, told in statuses.items():
        known = told.reindex(order).astype(object)
        plain = known.where(known.notna(), None)
        said = {(None,) * len(TOLD): 0}
        rows = zip(*(plain[name] for name in TOLD), strict=True)
        lenses[lens] = {
            "parts": dict(parts[lens]),
            "of": [said.setdefault(row, len(said)) for row in rows],
            "by": [holders.setdefault(code, len(holders)) for code in plain["holder_code"]],
            "told": [list(row) for row in said],
        }
    return {
        "holders": [[code, names.get(code) if code else None] for code in holders],
        "lenses": lenses,
    }
