"""What the cameras of a district see together: views, ground, walls, and how sure that is.

Belongs here: the stated defaults for optics that nobody declared, the views of a frame of
cameras, ground seen at every k and not at all, frontage, what is lost when something fails. Does
not belong here: the geometry of one view (``visibility``), sums over communities and streets
(``jobs``), storage.

Inside, each module imports only those before it: ``arrangement`` (outlines that cross), ``depth``
and ``stretches`` (how often ground and lines are covered), ``walls``, ``pieces``, ``outlines``
(ground as polygons), ``optics``, ``sights``, ``frontage``, ``ground``, ``blind``, ``failures``,
``district``, ``changes``.
"""

from gridmap.camera_coverage.blind import BLIND_COLUMNS, NEAR_M, blind_areas, ranked
from gridmap.camera_coverage.changes import Changed, Kept, changed_coverage, kept
from gridmap.camera_coverage.district import (
    Coverage,
    Places,
    Touched,
    coverage,
    meets,
    part_of,
    reaches,
    touched,
    warm_up,
)
from gridmap.camera_coverage.failures import (
    FAILURE_KINDS,
    POLE_M,
    failures,
    poles,
    redundant,
    total_losses,
)
from gridmap.camera_coverage.frontage import entrance_coverage, frontage
from gridmap.camera_coverage.ground import (
    GROUND_AREAS,
    SLIVER_M2,
    ground_coverage,
    seen_areas_m2,
)
from gridmap.camera_coverage.optics import (
    DEFAULT_HFOV_DEG,
    DEFAULT_RANGE_M,
    DETAIL_LEVELS,
    DORI_LEVELS,
    FULL_CIRCLE_DEG,
    PLANNING_LEVELS,
    complete_optics,
    detail_range_m,
)
from gridmap.camera_coverage.sights import Sights, sights, views

__all__ = [
    "BLIND_COLUMNS",
    "DEFAULT_HFOV_DEG",
    "DEFAULT_RANGE_M",
    "DETAIL_LEVELS",
    "DORI_LEVELS",
    "FAILURE_KINDS",
    "FULL_CIRCLE_DEG",
    "GROUND_AREAS",
    "NEAR_M",
    "PLANNING_LEVELS",
    "POLE_M",
    "SLIVER_M2",
    "Changed",
    "Coverage",
    "Kept",
    "Places",
    "Sights",
    "Touched",
    "blind_areas",
    "changed_coverage",
    "complete_optics",
    "coverage",
    "detail_range_m",
    "entrance_coverage",
    "failures",
    "frontage",
    "ground_coverage",
    "kept",
    "meets",
    "part_of",
    "poles",
    "ranked",
    "reaches",
    "redundant",
    "seen_areas_m2",
    "sights",
    "total_losses",
    "touched",
    "views",
    "warm_up",
]
