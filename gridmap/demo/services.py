"""The six services that go into buildings of the demo district.

Belongs here: who brings which service to which community, grid or building. Does not belong
here: the holders themselves (``departments``, ``centres``, ``volunteers``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridmap.demo.departments import department_code
from gridmap.demo.gaps import gaps
from gridmap.demo.registers import Register, duties

if TYPE_CHECKING:
    from gridmap.demo.divisions import Divisions
    from gridmap.demo.ground import Indices


@dataclass(frozen=True)
class _Reach:
    """Shares: of communities without it, and with it by grid; of the latter's grids without."""

    without: float
    by_grid: float
    grids_without: float


_REACHES = {
    "community_workers": _Reach(0.02, 0.25, 0.10),
    "community_police": _Reach(0.05, 0.35, 0.12),
    "volunteers": _Reach(0.14, 0.45, 0.25),
    "legal_service": _Reach(0.22, 0.35, 0.30),
    "community_affairs": _Reach(0.04, 0.20, 0.10),
    "city_management": _Reach(0.12, 0.30, 0.20),
}
"""How far each service goes. Own choice: those of departments reach less far."""

_SINGLE_GRIDS, _SINGLE_HOMES, _SINGLE_HOUSEHOLDS = 0.25, 0.3, 12
"""Share of the grids without a service where single buildings have it, share of those buildings,
and the households that they have at least."""


def _holders(units: Divisions, orgs: pd.DataFrame) -> dict[str, NDArray[Any]]:
    """Return who brings each service to each community."""
    committee = pd.Series([f"DW{code}" for code in units.communities], index=units.communities)

    def nearest(kind: str, digits: int) -> pd.Series:
        some = orgs[orgs["kind"] == kind].drop_duplicates("host_code")
        known = dict(zip(some["host_code"], some["code"], strict=True))
        return pd.Series({code: known.get(code[:digits]) for code in units.communities})

    def department(subject: str) -> pd.Series:
        return pd.Series(department_code(subject), index=committee.index)

    chosen = {
        "community_workers": committee,
        "community_police": department("公安"),
        "volunteers": nearest("volunteer_team", 12).fillna(committee),
        "legal_service": nearest("service_station", 9).fillna(department("司法")),
        "community_affairs": nearest("one_window", 12).fillna(committee),
        "city_management": department("城市管理"),
    }
    return {service: who.to_numpy(dtype=object) for service, who in chosen.items()}


def _reached(
    units: Divisions, reach: _Reach, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which communities have a service as a whole, and which grids have it singly."""
    without = gaps(units.community_xy, reach.without, 5_000.0, rng)
    by_grid = ~without & (rng.random(len(without)) < reach.by_grid / (1 - reach.without))
    missing = gaps(units.grid_xy, reach.grids_without, 1_500.0, rng)
    return ~without & ~by_grid, by_grid[units.community] & ~missing


def _single_homes(lacking: Indices, buildings: pd.DataFrame, rng: np.random.Generator) -> Indices:
    """Return some of the larger buildings in some of the grids that lack a service."""
    some = lacking[rng.random(len(lacking)) < _SINGLE_GRIDS]
    large = buildings["household_count"].to_numpy() >= _SINGLE_HOUSEHOLDS
    there = np.isin(buildings["grid"].to_numpy(), some) & large
    return np.flatnonzero(there & (rng.random(len(buildings)) < _SINGLE_HOMES))


def six_services(
    units: Divisions, buildings: pd.DataFrame, orgs: pd.DataFrame, seed: int
) -> Register:
    """Return the duties of the six services.

    Parameters
    ----------
    units
        Communities and grids.
    buildings
        Columns code, grid, household_count.
    orgs
        Columns code, kind, host_code of the teams, stations and windows there are.
    seed
        Source of all randomness here.

    Returns
    -------
    Register
        Duties only: to whole communities, to grids, to single buildings.

    Notes
    -----
    Rule: the services of domain.md section 4; their reach is own choice, with gaps of whole
    quarters that a map shows as spots.
    """
    rng = np.random.default_rng([seed, 24])
    holders, homes = _holders(units, orgs), buildings["code"].to_numpy()
    home = units.community[buildings["grid"].to_numpy()]
    parts = []
    for service, reach in _REACHES.items():
        who = holders[service]
        whole, grid = _reached(units, reach, rng)
        lacking = np.flatnonzero(~grid & ~whole[units.community])
        single = _single_homes(lacking, buildings, rng)
        parts += [
            duties(service, who[whole], np.array(units.communities, dtype=object)[whole]),
            duties(service, who[units.community[grid]], units.grids[grid]),
            duties(service, who[home[single]], homes[single]),
        ]
    return Register(duty=pd.concat(parts, ignore_index=True))
