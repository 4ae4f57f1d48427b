"""Words and shapes of the domain: levels, codes, layers, and what functions hand back.

Belongs here: the levels and their codes, the specification of each layer and the row checks
that follow from it alone, frozen dataclasses that cross rooms. Does not belong here: checks
that need a second layer (``topology``), coordinates (``crs``), storage (``tables``).

Inside, each module imports only those before it: ``access``, ``codes``, ``limits``, ``choices``,
``headings``, ``verdicts``, ``reports``, ``fields``, ``cameras``, ``organisations``, ``lenses``,
``layers``.
"""

from gridmap.model.access import RIGHTS, WHOLE, Right, Role, Scope
from gridmap.model.cameras import (
    ALL_ROUND,
    DIRECTION_DEG,
    DIRECTION_TOLERANCE_DEG,
    REMOVED,
    Breach,
    row_breaches,
)
from gridmap.model.choices import CHOICES, terms_of
from gridmap.model.codes import (
    CODE_LENGTH,
    DIVISION_LEVELS,
    Level,
    kind_of,
    level_of,
    parent_code,
)
from gridmap.model.fields import Field, Kind
from gridmap.model.headings import POSITIONS, headings_of, matches
from gridmap.model.layers import (
    BASIC,
    DEDICATED,
    EXTENT,
    FIGURE,
    LAYERS,
    LayerSpec,
    layer,
    require_columns,
)
from gridmap.model.lenses import (
    COVERED,
    GROUP_MIN_MEMBERS,
    LENSES,
    OWN_BRANCH_FROM,
    Lens,
    lens_of,
    lens_row,
    part_name,
)
from gridmap.model.limits import Limits
from gridmap.model.organisations import (
    CENTRE_KINDS,
    COURTYARD_PARTS,
    EMPLOYER_KINDS,
    MATTER_CLASSES,
    ORG_KINDS,
    PARTY_KINDS,
    SERVICE_TARGETS,
    SERVICES,
    SIX_SERVICES,
    STREET_ROLES,
)
from gridmap.model.reports import (
    BLIND_COLUMNS,
    CHANGES,
    FAILURE_KINDS,
    Batch,
    Change,
    ImportReport,
    Issue,
    Location,
    Rate,
    Unit,
    rate_as_dict,
)
from gridmap.model.verdicts import REASON_NAMES, STATUS_NAMES

__all__ = [
    "ALL_ROUND",
    "BASIC",
    "BLIND_COLUMNS",
    "CENTRE_KINDS",
    "CHANGES",
    "CHOICES",
    "CODE_LENGTH",
    "COURTYARD_PARTS",
    "COVERED",
    "DEDICATED",
    "DIRECTION_DEG",
    "DIRECTION_TOLERANCE_DEG",
    "DIVISION_LEVELS",
    "EMPLOYER_KINDS",
    "EXTENT",
    "FAILURE_KINDS",
    "FIGURE",
    "GROUP_MIN_MEMBERS",
    "LAYERS",
    "LENSES",
    "MATTER_CLASSES",
    "ORG_KINDS",
    "OWN_BRANCH_FROM",
    "PARTY_KINDS",
    "POSITIONS",
    "REASON_NAMES",
    "REMOVED",
    "RIGHTS",
    "SERVICES",
    "SERVICE_TARGETS",
    "SIX_SERVICES",
    "STATUS_NAMES",
    "STREET_ROLES",
    "WHOLE",
    "Batch",
    "Breach",
    "Change",
    "Field",
    "ImportReport",
    "Issue",
    "Kind",
    "LayerSpec",
    "Lens",
    "Level",
    "Limits",
    "Location",
    "Rate",
    "Right",
    "Role",
    "Scope",
    "Unit",
    "headings_of",
    "kind_of",
    "layer",
    "lens_of",
    "lens_row",
    "level_of",
    "matches",
    "parent_code",
    "part_name",
    "rate_as_dict",
    "require_columns",
    "row_breaches",
    "terms_of",
]
