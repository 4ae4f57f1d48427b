"""How units lie on the ground: what belongs to which, and whether children tile their parent.

Belongs here: assignment by share of area, positions no feature can have, the proof that children
tile their parent with a proposal that mends what is below the tolerance, the numbers and forms of
grids, buildings that stand on each other. Does not belong here: reading, storing, judging single
rows (``model``).

Inside, each module imports only those before it: ``assignment``, ``position``, ``siblings``,
``pieces``, ``offences``, ``snapping``, ``numbering``, ``forms``, ``footprints``, ``places``,
``lineage``.
"""

from gridmap.topology.assignment import SPLIT_SHARE, assign, assignment_issues
from gridmap.topology.footprints import crowded, footprint_issues, footprint_overlaps
from gridmap.topology.forms import COMPACTNESS, form_issues
from gridmap.topology.lineage import LEAST_SHARE, LINEAGE_COLUMNS, lineage
from gridmap.topology.numbering import ROW_SHARE, numbered, order_issues
from gridmap.topology.offences import (
    BALANCE_COLUMNS,
    OFFENCE_COLUMNS,
    TOLERANCE_M,
    Tiling,
    offence_issues,
    tiling,
    tiling_issues,
)
from gridmap.topology.pieces import RESOLUTION_M
from gridmap.topology.places import FAR_M, far_issues, host_issues
from gridmap.topology.position import NEAR_DISTRICT_M, position_issues
from gridmap.topology.snapping import SNAP_M, snapped

__all__ = [
    "BALANCE_COLUMNS",
    "COMPACTNESS",
    "FAR_M",
    "LEAST_SHARE",
    "LINEAGE_COLUMNS",
    "NEAR_DISTRICT_M",
    "OFFENCE_COLUMNS",
    "RESOLUTION_M",
    "ROW_SHARE",
    "SNAP_M",
    "SPLIT_SHARE",
    "TOLERANCE_M",
    "Tiling",
    "assign",
    "assignment_issues",
    "crowded",
    "far_issues",
    "footprint_issues",
    "footprint_overlaps",
    "form_issues",
    "host_issues",
    "lineage",
    "numbered",
    "offence_issues",
    "order_issues",
    "position_issues",
    "snapped",
    "tiling",
    "tiling_issues",
]
