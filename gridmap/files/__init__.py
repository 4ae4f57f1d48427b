"""Vector files and tables in, vector files out.

Belongs here: reading a file through the tied-up child (``reader``), column names in, row
numbers kept, geometry from lon/lat or WKT columns; writing frames to files. Does not belong
here: judging rows (``model``, ``topology``).
"""

from gridmap.files.reading import DRIVERS, LayerFile, read_layer
from gridmap.files.writing import require_target, write_layer, write_layers

__all__ = ["DRIVERS", "LayerFile", "read_layer", "require_target", "write_layer", "write_layers"]
