"""The use cases: open a transaction, read, call the core, write, report.

Belongs here: the order of steps of each thing a person asks gridmap to do. Does not belong
here: computing (the core), SQL (``store``), words for a terminal or a page (``cli``, ``web``).
"""

from gridmap.jobs.cameras import refresh_camera_coverage
from gridmap.jobs.coverage import (
    BLIND_COLUMNS,
    FAILURE_KINDS,
    blind_areas,
    camera_issues,
    failure_losses,
    locate,
    refresh_org_coverage,
    uncovered_buildings,
    unit_coverage,
)
from gridmap.jobs.database import database
from gridmap.jobs.demo import build_demo
from gridmap.jobs.layers import import_layer
from gridmap.jobs.pictures import empty_page, features, map_page, map_parts, version, write_map
from gridmap.jobs.views import Source, write_views

__all__ = [
    "BLIND_COLUMNS",
    "FAILURE_KINDS",
    "Source",
    "blind_areas",
    "build_demo",
    "camera_issues",
    "database",
    "empty_page",
    "failure_losses",
    "features",
    "import_layer",
    "locate",
    "map_page",
    "map_parts",
    "refresh_camera_coverage",
    "refresh_org_coverage",
    "uncovered_buildings",
    "unit_coverage",
    "version",
    "write_map",
    "write_views",
]
