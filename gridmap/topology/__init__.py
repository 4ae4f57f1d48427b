"""How units lie on the ground: what belongs to which, and whether children tile their parent.

Belongs here: assignment by share of area, positions no feature can have, the proof that children
tile their parent with a proposal that mends what is below the tolerance, the numbers of grids.
Does not belong here: reading, storing, judging single rows (``model``).

Inside, each module imports only those before it: ``assignment``, ``position``, ``siblings``,
``pieces``, ``offences``, ``snapping``, ``numbering``, ``lineage``.
"""

from gridmap.topology.assignment import SPLIT_SHARE, assign, assignment_issues
from gridmap.topology.lineage import LEAST_SHARE, LINEAGE_COLUMNS, lineage
from gridmap.topology.numbering import ROW_SHARE, numbered
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
from gridmap.topology.position import NEAR_DISTRICT_M, position_issues
from gridmap.topology.snapping import snapped

__all__ = [
    "BALANCE_COLUMNS",
    "LEAST_SHARE",
    "LINEAGE_COLUMNS",
    "NEAR_DISTRICT_M",
    "OFFENCE_COLUMNS",
    "RESOLUTION_M",
    "ROW_SHARE",
    "SPLIT_SHARE",
    "TOLERANCE_M",
    "Tiling",
    "assign",
    "assignment_issues",
    "lineage",
    "numbered",
    "offence_issues",
    "position_issues",
    "snapped",
    "tiling",
    "tiling_issues",
]
