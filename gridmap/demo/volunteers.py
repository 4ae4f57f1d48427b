"""The volunteer teams of the demo district and the grids they look after.

Belongs here: teams, their registered volunteers, their grids. Does not belong here: volunteers
that go into buildings (``services``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gridmap.demo.gaps import gaps
from gridmap.demo.registers import Register, duties
from gridmap.demo.shares import whole_parts

if TYPE_CHECKING:
    from gridmap.demo.divisions import Divisions

TEAMS, VOLUNTEERS = 523, 120_000
"""Party-led teams and registered volunteers (domain.md section 0)."""

IDLE = 0.08
"""Share of teams that no grid knows of."""

_WORK = "敬老助残 平安巡逻 环境卫生 文明劝导 邻里互助 科普宣传 应急救援 文化体育"
_THEMES = tuple(_WORK.split())


def volunteer_teams(units: Divisions, seed: int) -> Register:
    """Return the volunteer teams and what they serve.

    Parameters
    ----------
    units
        Communities and grids.
    seed
        Source of all randomness here.

    Returns
    -------
    Register
        Organisations, and duties of each team to up to three grids of its community.
    """
    rng = np.random.default_rng([seed, 22])
    places = np.flatnonzero(~gaps(units.community_xy, 0.05, 4_000.0, rng))
    size = np.bincount(units.community)[places]
    count = whole_parts(size * rng.gamma(8.0, size=len(places)), TEAMS, (1, 9), rng)
    home = np.repeat(places, count)
    theme = rng.integers(len(_THEMES), size=TEAMS)
    teams = pd.DataFrame(
        {
            "code": [f"ZYD{number:03d}" for number in range(1, TEAMS + 1)],
            "name": [
                f"{units.names[units.communities[place]]}{_THEMES[kind]}志愿服务队（{number}）"
                for number, (place, kind) in enumerate(zip(home, theme, strict=True), start=1)
            ],
            "kind": "volunteer_team",
            "parent_code": [f"DW{units.communities[place]}" for place in home],
            "host_code": [units.communities[place] for place in home],
            "staff_count": whole_parts(rng.gamma(2.5, size=TEAMS), VOLUNTEERS, (20, 1_500), rng),
        }
    )
    return Register(organisation=teams, duty=_served(units, home, rng))


def _served(units: Divisions, home: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Return the duties: teams of a community take its grids in turn, two or so each."""
    busy, wanted = rng.random(TEAMS) >= IDLE, rng.integers(1, 4, TEAMS)
    links = []
    for place in np.unique(home):
        grids, at = units.grids_of(int(place)), 0
        for team in np.flatnonzero((home == place) & busy):
            taken = grids[at : at + wanted[team]]
            links += [(f"ZYD{team + 1:03d}", units.grids[grid]) for grid in taken]
            at = at + len(taken) if at + len(taken) < len(grids) else 0
    return duties("volunteer_team", [one for one, _ in links], [grid for _, grid in links])
