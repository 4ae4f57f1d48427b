"""The places of the demo district that serve: Party centres, stations, posts, one-window centres.

Belongs here: which division has one, in which building, how large. Does not belong here: what
goes out from there (``services``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from gridmap.demo.gaps import gaps
from gridmap.demo.registers import Register
from gridmap.demo.seats import seats

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd

    from gridmap.demo.divisions import Divisions

PARTY_CENTRES = ("商圈", "园区", "小微企业", "楼宇")
"""Whom the four Party centres serve (domain.md section 4)."""

STREETS_WITHOUT = 2
COMMUNITIES_WITHOUT = {"service_post": 0.10, "one_window": 0.07}
"""Streets without a station; shares of communities without a post and without a window."""


def _centres(
    kind: str,
    hosts: Sequence[str],
    names: Sequence[str],
    sizes: tuple[tuple[int, int], tuple[int, int]],
    buildings: gpd.GeoDataFrame,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return centres of one kind; sizes are the limits of staff and of floor area in m²."""
    staff, area_m2 = (rng.integers(low, high, len(hosts)) for low, high in sizes)
    table: dict[str, Any] = {
        "code": [f"{_LETTERS[kind]}{host}" for host in hosts],
        "name": list(names),
        "kind": kind,
        "parent_code": [f"DW{host}" for host in hosts],
        "host_code": list(hosts),
        "seat_code": seats(buildings, hosts, ("public", "commercial"), rng),
        "staff_count": staff,
        "floor_area_m2": area_m2.astype(float),
    }
    return pd.DataFrame(table)


_LETTERS = {
    "party_service_centre": "DQ",
    "service_station": "FZ",
    "service_post": "FG",
    "one_window": "YC",
}


def centres(units: Divisions, buildings: gpd.GeoDataFrame, seed: int) -> list[Register]:
    """Return the centres of streets and communities.

    Parameters
    ----------
    units
        Streets and communities.
    buildings
        Result of `homes.building_layer`.
    seed
        Source of all randomness here.

    Returns
    -------
    list of Register
        Organisations of the four kinds that have a seat for the public.

    Notes
    -----
    Rule: four Party centres (domain.md section 4); how many of the others are missing is own
    choice.
    """
    rng = np.random.default_rng([seed, 23])
    size = dict.fromkeys(units.streets, 0)
    for code in units.communities:
        size[code[:9]] += 1
    large = sorted(size, key=lambda street: (-size[street], street))[: len(PARTY_CENTRES)]
    away = rng.choice(len(units.streets), STREETS_WITHOUT, replace=False)
    stations = [street for place, street in enumerate(units.streets) if place not in away]
    party = [
        f"{units.names[street]}{whom}党群服务中心"
        for street, whom in zip(large, PARTY_CENTRES, strict=True)
    ]
    plan: list[tuple[str, list[str], list[str], tuple[tuple[int, int], tuple[int, int]]]] = [
        ("party_service_centre", large, party, ((6, 15), (800, 3_000))),
        (
            "service_station",
            stations,
            [f"{units.names[street]}群团服务站" for street in stations],
            ((3, 9), (120, 500)),
        ),
    ]
    for kind, end in (("service_post", "群团服务岗"), ("one_window", "便民服务中心")):
        without = gaps(units.community_xy, COMMUNITIES_WITHOUT[kind], 3_000.0, rng)
        hosts = [units.communities[place] for place in np.flatnonzero(~without)]
        limits = ((1, 3), (10, 60)) if kind == "service_post" else ((1, 8), (60, 600))
        plan.append((kind, hosts, [f"{units.names[host]}{end}" for host in hosts], limits))
    return [Register(organisation=_centres(*row, buildings, rng)) for row in plan]
