"""What is kept to be drawn quickly: it can be made again from the layers at any time.

Belongs here: shapes in the plane of the tiles, tiles. Does not belong here: what they are made of
(``layers``, ``results``), the triggers that keep shapes (``migrations``).
"""

from __future__ import annotations

from geoalchemy2 import Geometry
from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Text

from gridmap.crs import TILE_SRID
from gridmap.tables.columns import code_column, metadata

building_shape = Table(
    "building_shape",
    metadata,
    code_column(primary_key=True),
    code_column("grid_code"),
    Column("geom", Geometry("MULTIPOLYGON", srid=TILE_SRID, spatial_index=False), nullable=False),
    # Usage: the buildings of a tile.
    Index(None, "geom", postgresql_using="gist"),
    comment="Buildings as they are now, in Web Mercator for tiles; written by triggers of "
    "building.",
)

drawn_tile = Table(
    "drawn_tile",
    metadata,
    Column("asked", Text, primary_key=True),
    Column("zoom", Integer, primary_key=True),
    Column("tile_column", Integer, primary_key=True),
    Column("tile_row", Integer, primary_key=True),
    Column("version", Text, nullable=False),
    Column("features", Integer, nullable=False),
    Column("dropped", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    comment="Tiles of the whole district, compressed, of one state of the store.",
)
