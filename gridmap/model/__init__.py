"""Words and shapes of the domain: levels, codes, layers, and what functions hand back.

Belongs here: the levels and their codes, the specification of each layer and the row checks
that follow from it alone, frozen dataclasses that cross rooms. Does not belong here: checks
that need a second layer (``topology``), coordinates (``crs``), storage (``tables``).

Inside, each module imports only those before it: ``codes``, ``reports``, ``fields``, ``layers``.
"""

from gridmap.model.codes import (
    CODE_LENGTH,
    DIVISION_LEVELS,
    Level,
    kind_of,
    level_of,
    parent_code,
)
from gridmap.model.fields import Field, Kind
from gridmap.model.layers import (
    LAYERS,
    SERVICE_KINDS,
    SERVICE_TARGET,
    LayerSpec,
    layer,
    require_columns,
)
from gridmap.model.reports import ImportReport, Issue, Location, Rate, Unit, rate_as_dict

__all__ = [
    "CODE_LENGTH",
    "DIVISION_LEVELS",
    "LAYERS",
    "SERVICE_KINDS",
    "SERVICE_TARGET",
    "Field",
    "ImportReport",
    "Issue",
    "Kind",
    "LayerSpec",
    "Level",
    "Location",
    "Rate",
    "Unit",
    "kind_of",
    "layer",
    "level_of",
    "parent_code",
    "rate_as_dict",
    "require_columns",
]
