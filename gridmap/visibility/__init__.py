"""What a camera sees of the ground among walls: exact view polygons in the plane.

Belongs here: view polygons with their analytic areas, the stretches of walls that are seen, where
a camera is put that was drawn inside a building or on a wall. Does not belong here: guessing
missing optics, ground and frontage figures (``camera_coverage``).

numba is imported with this room only. Compiled code is kept on disk by numba itself: beside the
files, or in the user's cache directory where those cannot be written.
"""

from gridmap.visibility.placement import ESCAPE_M, ON_WALL_M, OUTSIDE_M
from gridmap.visibility.polygons import (
    ARC_TOLERANCE_M,
    CAMERA_COLUMNS,
    DOME_DEG,
    REASONS,
    STATUSES,
    VIEW_COLUMNS,
    view_polygons,
    visible_walls,
    warm_up,
)

__all__ = [
    "ARC_TOLERANCE_M",
    "CAMERA_COLUMNS",
    "DOME_DEG",
    "ESCAPE_M",
    "ON_WALL_M",
    "OUTSIDE_M",
    "REASONS",
    "STATUSES",
    "VIEW_COLUMNS",
    "view_polygons",
    "visible_walls",
    "warm_up",
]
