"""The tables of the store, declared once as SQLAlchemy Core tables.

Belongs here: columns, constraints and indexes, each index with its reason. Does not belong
here: statements (``store``), the history trigger and extensions (``migrations``).

Two ways of keeping history (reliability.md 3, measured): *periods* with an exclusion constraint
for what is small and is asked by date (divisions, organisations, duties); a *current table* whose
former rows are in its history table for what is large (buildings, cameras, places), because
exclusion constraints cost 10 to 20 times there. Both sorts carry effective dates.

Every table of a layer has a history table, filled by a statement trigger with each row as it was
before a write changed it. It is append-only and is what a write can be undone by; of a current
table it answers for past days too. What an undone write did to it stands there still: rows whose
``ended_by`` was undone, or undoes, were never true.

Every row of a unit's has the unit's code, by which the database keeps scopes apart (``guards``).

Codes are ``COLLATE "C"``: a code prefix is then the half-open range [prefix, prefix || ':'),
which a b-tree serves and which fails closed in a row policy (reliability.md 0.2).
"""

from gridmap.tables.accounts import account, api_token, session, sign_in_link
from gridmap.tables.book import audit_event, import_batch, lineage, scope_key
from gridmap.tables.columns import metadata
from gridmap.tables.drawn import building_shape, drawn_tile
from gridmap.tables.guards import CAMERAS, ONLY_COLUMNS, OPEN, OWN, UNIT_COLUMN, WHOLE_ONLY
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
from gridmap.tables.work import change_set, correction, web_job

__all__ = [
    "CAMERAS",
    "HISTORY",
    "ONLY_COLUMNS",
    "OPEN",
    "OWN",
    "UNIT_COLUMN",
    "WHOLE_ONLY",
    "account",
    "api_token",
    "audit_event",
    "blind_area",
    "building",
    "building_frontage",
    "building_shape",
    "camera",
    "camera_entry",
    "camera_issue",
    "camera_view",
    "change_set",
    "correction",
    "courtyard",
    "coverage_rate",
    "coverage_run",
    "department_grid",
    "division",
    "drawn_tile",
    "duty",
    "entrance",
    "entrance_coverage",
    "failure_loss",
    "frozen_status",
    "ground_coverage",
    "import_batch",
    "key_public_area",
    "lens",
    "lineage",
    "matter",
    "matter_item",
    "metadata",
    "organisation",
    "post",
    "privacy_zone",
    "project",
    "proposal",
    "restricted_site",
    "road",
    "scope_key",
    "search_entry",
    "session",
    "sign_in_link",
    "snapshot",
    "snapshot_lens",
    "unit_coverage",
    "web_job",
]
