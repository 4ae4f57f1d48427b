"""Vector files and tables in, vector files out.

Belongs here: reading a file through the tied-up child (``reader``), column names in, row
numbers kept, geometry from lon/lat or WKT columns; writing frames to files. Does not belong
here: judging rows (``model``, ``topology``).

Inside, each module imports only those before it: ``sheets``, ``shapefiles``, ``reading``,
``writing``, ``exports``, ``templates``.
"""

from gridmap.files.exports import EXPORT_ENDINGS, require_export, write_export
from gridmap.files.reading import DRIVERS, LayerFile, read_layer
from gridmap.files.shapefiles import SHORT_NAMES, rounded_numbers
from gridmap.files.sheets import FORMULA_MARKS, neutral, plain
from gridmap.files.templates import TEMPLATE_WORDS, template_fields, write_template
from gridmap.files.writing import (
    require_folder,
    require_target,
    whole,
    write_layer,
    write_layers,
)

__all__ = [
    "DRIVERS",
    "EXPORT_ENDINGS",
    "FORMULA_MARKS",
    "SHORT_NAMES",
    "TEMPLATE_WORDS",
    "LayerFile",
    "neutral",
    "plain",
    "read_layer",
    "require_export",
    "require_folder",
    "require_target",
    "rounded_numbers",
    "template_fields",
    "whole",
    "write_export",
    "write_layer",
    "write_layers",
    "write_template",
]
