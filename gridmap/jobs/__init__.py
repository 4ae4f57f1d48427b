"""The use cases: open a transaction, read, call the core, write, report.

Belongs here: the order of steps of each thing a person asks gridmap to do. Does not belong
here: computing (the core), SQL (``store``), words for a terminal or a page (``cli``, ``web``).
"""

from gridmap.jobs.coverage import (
    locate,
    refresh_camera_coverage,
    refresh_org_coverage,
    uncovered_buildings,
    unit_coverage,
)
from gridmap.jobs.database import database
from gridmap.jobs.demo import build_demo
from gridmap.jobs.layers import import_layer
from gridmap.jobs.pictures import empty_page, features, map_page, map_parts, version, write_map

__all__ = [
    "build_demo",
    "database",
    "empty_page",
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
]
