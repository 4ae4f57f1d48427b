"""The metadata, and columns that many tables have.

Belongs here: names of constraints, codes, shapes, periods, stamps. Does not belong here: tables.
"""

from __future__ import annotations

from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Integer,
    MetaData,
    Text,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import ExcludeConstraint

from gridmap.crs import STORAGE_SRID

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def code_column(name: str = "code", **options: object) -> Column[str]:
    """Return a column of codes, which sort by byte."""
    return Column(name, Text(collation="C"), **options)  # type: ignore[arg-type]


def geometry_column(kind: str, name: str = "geom", *, nullable: bool = False) -> Column[object]:
    """Return a geometry column whose type enforces kind and SRID; indexes are named by hand."""
    return Column(name, Geometry(kind, srid=STORAGE_SRID, spatial_index=False), nullable=nullable)


def batch_column() -> Column[int]:
    """Return the column of the write that made a row as it is."""
    return Column("batch_id", BigInteger, ForeignKey("import_batch.id"), nullable=False)


def run_column() -> Column[int]:
    """Return the column of the computation that made a row."""
    return Column(
        "run_id", BigInteger, ForeignKey("coverage_run.id", ondelete="CASCADE"), nullable=False
    )


def no_overlap(table: str, *keys: str) -> ExcludeConstraint:
    """Return the constraint that a key's periods never overlap (rule T01)."""
    pairs = [*((key, "=") for key in keys), ("valid", "&&")]
    elements: list[Any] = [(literal_column(column), operator) for column, operator in pairs]
    return ExcludeConstraint(*elements, using="gist", name=f"ex_{table}_period")


def change_columns() -> list[Column[object]]:
    """Return the columns that say since when and by which write a current row is as it is."""
    return [
        Column("version", Integer, nullable=False, server_default=text("1")),
        Column("valid_from", Date, nullable=False),
        Column("sys_from", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("batch_id", BigInteger, nullable=False),
    ]


def place_columns() -> list[Column[Any]]:
    """Return the same for a place, in the order in which its table grew."""
    return [
        Column("valid_from", Date, nullable=False),
        batch_column(),
        Column("version", Integer, nullable=False, server_default=text("1")),
        Column("sys_from", DateTime(timezone=True), nullable=False, server_default=func.now()),
    ]
