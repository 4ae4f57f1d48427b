"""What a statement returns, as a table, a frame or a unit.

Belongs here: running a query and shaping its rows. Does not belong here: which rows
(``conditions`` and the modules that read), rows on their way in (``transfer``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import shapely
import sqlalchemy as sa

from gridmap.crs import STORAGE_CRS
from gridmap.model import Level, Unit

if TYPE_CHECKING:
    from sqlalchemy import Connection


def unit(row: Any) -> Unit:
    """Return a row with level, code, name and kind as a unit."""
    return Unit(Level(row.level), row.code, row.name, row.kind)


def table_rows(
    conn: Connection, query: sa.Select[Any] | sa.CompoundSelect[Any], index: str | None
) -> pd.DataFrame:
    """Run a query; one of its columns becomes the index, or none does."""
    result = conn.execute(query)
    rows = [tuple(row) for row in result]
    frame = pd.DataFrame(rows, columns=list(result.keys()))
    return frame if index is None else frame.set_index(index)


def frame_rows(conn: Connection, query: sa.Select[Any]) -> gpd.GeoDataFrame:
    """Run a query with the columns ``code``, the index, and ``geom``, in EPSG:4490.

    WKB bytes come over undecorated, for shapely to parse.
    """
    raw = [
        sa.func.ST_AsBinary(c).label("geom") if c.name == "geom" else c
        for c in query.selected_columns
    ]
    frame = table_rows(conn, query.with_only_columns(*raw), "code")
    shapes = [None if w is None else bytes(w) for w in frame.pop("geom")]
    return gpd.GeoDataFrame(frame, geometry=shapely.from_wkb(shapes), crs=STORAGE_CRS)
