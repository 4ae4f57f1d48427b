"""Every SQL statement of gridmap, except the tiles'.

Belongs here: connecting, migrating, reading frames, writing frames; one function is one
statement or one bulk copy and takes the connection first. Does not belong here: deciding what
to write (``jobs``), computing (the core), declaring tables (``tables``).

Driver errors are translated once, in `transaction`; their text never leaves this room.

Inside, each module imports only those before it: ``conditions``, ``rows``, ``schema``,
``layers``, ``results``, ``origins``, ``position``, ``transfer``, ``changes``.
"""

from gridmap.store.changes import (
    Written,
    analyze,
    replace_results,
    write_assignment,
    write_batch,
    write_layer,
    write_run,
)
from gridmap.store.layers import (
    read_building_grids,
    read_buildings,
    read_cameras,
    read_changed,
    read_codes,
    read_duties,
    read_first_days,
    read_later_keys,
    read_layer,
    read_orgs,
    read_places,
    read_roads,
    read_units,
    read_walls,
)
from gridmap.store.origins import (
    has_synthetic,
    read_inputs,
    read_newest,
    read_runs,
    read_sources,
    read_version,
)
from gridmap.store.position import locate
from gridmap.store.results import (
    read_blind_areas,
    read_camera_issues,
    read_figures,
    read_ground,
    read_losses,
    read_rates,
    read_uncovered,
    read_unit_rates,
    read_views,
    read_watching,
)
from gridmap.store.schema import MIGRATIONS, connect, migrate, require_schema, transaction

__all__ = [
    "MIGRATIONS",
    "Written",
    "analyze",
    "connect",
    "has_synthetic",
    "locate",
    "migrate",
    "read_blind_areas",
    "read_building_grids",
    "read_buildings",
    "read_camera_issues",
    "read_cameras",
    "read_changed",
    "read_codes",
    "read_duties",
    "read_figures",
    "read_first_days",
    "read_ground",
    "read_inputs",
    "read_later_keys",
    "read_layer",
    "read_losses",
    "read_newest",
    "read_orgs",
    "read_places",
    "read_rates",
    "read_roads",
    "read_runs",
    "read_sources",
    "read_uncovered",
    "read_unit_rates",
    "read_units",
    "read_version",
    "read_views",
    "read_walls",
    "read_watching",
    "replace_results",
    "require_schema",
    "transaction",
    "write_assignment",
    "write_batch",
    "write_layer",
    "write_run",
]
