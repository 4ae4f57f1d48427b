"""Which target has which duty, why not where none, and the figures of it.

Belongs here: judging links by a lens, with the reason; blank spots; figures with denominators.
Does not belong here: what a lens is (``model``), the tree of organisations (``org_tree``),
storage, wording.

Inside, each module imports only those before it: ``rates``, ``status``, ``spots``.
"""

from gridmap.org_coverage.rates import (
    PLURALS,
    frozen_sums,
    lens_rates,
    line_above,
    party_rates,
    rates,
    rolled_up,
    suppressed,
    unit_figures,
    unit_rows,
)
from gridmap.org_coverage.spots import blank_spots, spot_figures
from gridmap.org_coverage.status import (
    REASONS,
    STATUSES,
    VERDICTS,
    asked,
    field_links,
    holding,
    host_links,
    judged,
    project_links,
    status,
    with_neighbours,
)

__all__ = [
    "PLURALS",
    "REASONS",
    "STATUSES",
    "VERDICTS",
    "asked",
    "blank_spots",
    "field_links",
    "frozen_sums",
    "holding",
    "host_links",
    "judged",
    "lens_rates",
    "line_above",
    "party_rates",
    "project_links",
    "rates",
    "rolled_up",
    "spot_figures",
    "status",
    "suppressed",
    "unit_figures",
    "unit_rows",
    "with_neighbours",
]
