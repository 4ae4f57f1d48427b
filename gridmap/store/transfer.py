"""A frame on its way into a table: COPY in text form, and temporary tables.

Belongs here: the form of cells, sending them. Does not belong here: what then changes in the
tables (``changes``).
"""

from __future__ import annotations

import io
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import psycopg2
import shapely
import sqlalchemy as sa
from geoalchemy2 import Geometry
from psycopg2.sql import SQL, Identifier
from sqlalchemy.exc import DBAPIError

from gridmap.crs import STORAGE_SRID

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table


def staged(conn: Connection, table: Table, frame: pd.DataFrame, columns: list[str]) -> Table:
    """Copy a frame into a temporary table with some of a table's columns."""
    stage = sa.Table(
        f"stage_{table.name}",
        sa.MetaData(),
        *(sa.Column(name, table.c[name].type) for name in columns),
        prefixes=["TEMPORARY"],
        postgresql_on_commit="DROP",
    )
    stage.create(conn)
    copy_rows(conn, stage, frame, columns)
    return stage


def insert_rows(conn: Connection, table: Table, frame: pd.DataFrame, columns: list[str]) -> None:
    """Insert a frame's columns into a table, by way of a temporary one.

    A table with row policies cannot be copied into (reliability.md 2), but by its owner, which is
    whom a temporary one that hides it belongs to.
    """
    if conn.execute(sa.select(sa.func.to_regclass(f"pg_temp.{table.name}"))).scalar_one():
        copy_rows(conn, table, frame, columns)
        return
    stage = staged(conn, table, frame, columns)
    rows = sa.select(*(stage.c[name] for name in columns))
    conn.execute(table.insert().from_select(columns, rows))
    stage.drop(conn)


COPIED_AT_ONCE = 50_000
"""So many rows are text at a time: all 600,000 of ten districts would take gigabytes."""


def copy_rows(conn: Connection, table: Table, frame: pd.DataFrame, columns: list[str]) -> None:
    """Send a frame's columns through COPY in text form (69,000 rows/s; reliability.md 4)."""
    names = SQL(", ").join(map(Identifier, columns))
    statement = SQL("COPY {} ({}) FROM STDIN").format(Identifier(table.name), names)
    cursor = conn.connection.cursor()
    try:
        for start in range(0, len(frame), COPIED_AT_ONCE):
            part = frame.iloc[start : start + COPIED_AT_ONCE]
            cells = [_cells(table.c[name], part) for name in columns]
            body = "\n".join("\t".join(row) for row in zip(*cells, strict=True))
            cursor.copy_expert(statement, io.BytesIO((body + "\n").encode()))
    except psycopg2.Error as error:
        # The raw cursor bypasses SQLAlchemy's own translation; give the error its usual form.
        raise DBAPIError.instance(
            "COPY", {}, error, psycopg2.Error, dialect=conn.dialect
        ) from error
    finally:
        cursor.close()


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": ""})


def _cells(column: sa.Column[Any], frame: pd.DataFrame) -> list[str]:
    """Return a column in COPY's text form."""
    if isinstance(column.type, Geometry):
        name = "geometry" if column.name == "geom" else column.name
        return _geometry_cells(frame[name].array, column.type.geometry_type)
    return [_cell(value) for value in frame[column.name].astype(object)]


def _cell(value: object) -> str:
    if isinstance(value, np.ndarray):
        return "{" + ",".join(map(str, value.tolist())) + "}"
    if isinstance(value, list):
        return "{" + ",".join([_item(one) for one in value]) + "}"
    if value is None or value is pd.NA or value != value:
        return "\\N"
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False).translate(_ESCAPES)
    return str(value).translate(_ESCAPES)


@lru_cache(maxsize=2**17)  # codes of buildings come again under each lens
def _item(value: object) -> str:
    """Return an item of an array, quoted for the array and then for COPY."""
    if not isinstance(value, str):
        return "NULL" if value is None or value != value else str(value)
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'.translate(_ESCAPES)


def _geometry_cells(shapes: Any, kind: str) -> list[str]:
    """Return hex EWKB, single parts wrapped where the column holds multi-part geometry."""
    shapes = np.asarray(shapes, dtype=object)
    wrap = {"MULTIPOLYGON": shapely.multipolygons, "MULTILINESTRING": shapely.multilinestrings}
    if kind in wrap:
        single = np.isin(shapely.get_type_id(shapes), (1, 3))
        shapes = shapes.copy()
        shapes[single] = wrap[kind](shapes[single], indices=np.arange(single.sum()))
    shapes = shapely.set_srid(shapely.force_2d(shapes), STORAGE_SRID)
    texts = shapely.to_wkb(shapes, hex=True, include_srid=True)
    return ["\\N" if text is None else text for text in texts]
