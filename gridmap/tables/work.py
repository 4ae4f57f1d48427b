"""The tables of changes asked for over the network: change sets, jobs, corrections.

Belongs here: their columns, each index with its reason. Does not belong here: the rows that are
changed, and the book of writes.
"""

from __future__ import annotations

from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from gridmap.crs import STORAGE_SRID
from gridmap.tables.columns import metadata


def _code(name: str, **options: object) -> Column[str]:
    return Column(name, Text(collation="C"), **options)  # type: ignore[arg-type]


def _at(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True))


def _since(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


def _object(name: str) -> Column[Any]:
    return Column(name, JSONB, nullable=False, server_default=text("'{}'"))


change_set = Table(
    "change_set",
    metadata,
    Column("id", Text, primary_key=True),
    _since("at"),
    Column("account", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("effective", Date, nullable=False),
    Column("request", Text),
    Column("sha256", Text, nullable=False),
    Column("batches", ARRAY(BigInteger), nullable=False),
    _object("answer"),
    # Usage: of which change set a batch is.
    Index(None, "batches", postgresql_using="gin"),
    comment="Why batches were written together, by whom, and what was answered.",
)

web_job = Table(
    "web_job",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'queued'")),
    _object("progress"),
    Column("report", JSONB),
    Column("key", Text, unique=True),
    Column("sha256", Text, nullable=False),
    Column("worker", BigInteger, nullable=False),
    _since("created_at"),
    _at("started_at"),
    _at("finished_at"),
    CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'aborted')", name="state"),
    # Usage: how many jobs wait.
    Index(None, "state"),
    comment="What a server does in the background; worker is the lock its process holds.",
)

correction = Table(
    "correction",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("layer", Text, nullable=False),
    _code("code", nullable=False),
    _code("unit_code"),
    Column("version", BigInteger, nullable=False),
    _object("fields"),
    Column("note", Text),
    Column("account", Text, nullable=False),
    _since("at"),
    Column("state", Text, nullable=False, server_default=text("'open'")),
    Column("decided_by", Text),
    _at("decided_at"),
    Column("decision", Text),
    Column("change_set", Text),
    Column("key", Text, unique=True),
    Column("sha256", Text, nullable=False),
    Column("geom", Geometry("GEOMETRY", srid=STORAGE_SRID, spatial_index=False)),
    CheckConstraint("state IN ('open', 'accepted', 'declined')", name="state"),
    # Usage: the corrections of a unit, as a code range over its grids.
    Index(None, "unit_code"),
    comment="What somebody on the spot says of a place: never of persons; decided by a planner.",
)
