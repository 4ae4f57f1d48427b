"""Whose rows are whose: what the database's row policies are made from (``store.guards``).

Belongs here: by which column each table's rows are in a unit, and what only some roles may read.
Does not belong here: the policies themselves. A table that is named nowhere here is read by the
application's own role only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridmap.tables.book import audit_event, import_batch, lineage
from gridmap.tables.drawn import building_shape, drawn_tile
from gridmap.tables.history import HISTORY
from gridmap.tables.layers import (
    building,
    camera,
    courtyard,
    department_grid,
    division,
    duty,
    entrance,
    key_public_area,
    lens,
    matter,
    matter_item,
    organisation,
    post,
    privacy_zone,
    project,
    proposal,
    restricted_site,
    road,
)
from gridmap.tables.results import (
    blind_area,
    building_frontage,
    camera_issue,
    camera_view,
    coverage_rate,
    coverage_run,
    entrance_coverage,
    failure_loss,
    frozen_status,
    ground_coverage,
    snapshot,
    snapshot_lens,
    unit_coverage,
)
from gridmap.tables.search import camera_entry, search_entry
from gridmap.tables.work import correction

if TYPE_CHECKING:
    from sqlalchemy import Table

_PLACES = (
    building,
    camera,
    road,
    entrance,
    key_public_area,
    privacy_zone,
    restricted_site,
    courtyard,
    department_grid,
    matter,
)
_OF_LAYERS = {
    division: "code",
    **dict.fromkeys(_PLACES, "grid_code"),
    **dict.fromkeys((organisation, post, proposal), "host_code"),
    project: "community_code",
    duty: "target_unit",
}
_OF_RESULTS = (
    unit_coverage,
    coverage_rate,
    camera_view,
    ground_coverage,
    blind_area,
    building_frontage,
    entrance_coverage,
    failure_loss,
    camera_issue,
)

UNIT_COLUMN: dict[Table, str] = {
    **_OF_LAYERS,
    **{HISTORY[table]: column for table, column in _OF_LAYERS.items()},
    **dict.fromkeys(_OF_RESULTS, "unit_code"),
    building_shape: "grid_code",
    **dict.fromkeys((correction, search_entry, camera_entry), "unit_code"),
}
"""The column that says in which unit a row is; null or empty is no unit, seen by the whole only."""

OPEN = (lens, matter_item, HISTORY[lens], HISTORY[matter_item], coverage_run)
"""Definitions and dates, which say nothing of a unit: for everybody."""

WHOLE_ONLY = (lineage, snapshot, snapshot_lens, frozen_status, drawn_tile)
"""What is of the whole district in each of its rows."""

CAMERAS = (camera, HISTORY[camera], camera_view, camera_issue, failure_loss, camera_entry)
"""What tells where cameras stand: for roles that need it."""

ONLY_COLUMNS: dict[Table, tuple[str, ...]] = {
    import_batch: ("id", "at", "layer", "effective", "synthetic", "action", "undoes", "changed"),
    ground_coverage: tuple(c.name for c in ground_coverage.c if c.name not in ("seen", "blind")),
    blind_area: tuple(c.name for c in blind_area.c if c.name != "geom"),
}
"""Of these, roles that do not see cameras read no more: outlines tell where cameras stand. Of
batches nobody does but the application: counts and names of files are of the whole district."""

OWN = audit_event
"""Anybody writes what they did themselves, and only the application reads it."""
