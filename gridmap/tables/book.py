"""The book of writes and the audit trail.

Belongs here: what says who wrote or did what. Does not belong here: what was written.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from gridmap.tables.columns import batch_column, code_column, metadata

import_batch = Table(
    "import_batch",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("layer", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("source_crs", Text),
    Column("encoding", Text),
    Column("effective", Date, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("inserted", Integer, nullable=False),
    Column("updated", Integer, nullable=False),
    Column("unchanged", Integer, nullable=False),
    Column("synthetic", Boolean, nullable=False, server_default=text("false")),
    Column("actor", Text),
    Column("action", Text, nullable=False, server_default=text("'import'")),
    Column("key", Text, unique=True),
    Column("ended", Integer, nullable=False, server_default=text("0")),
    Column("undoes", BigInteger, ForeignKey("import_batch.id"), unique=True),
    # What was imported once more without any change is no other version.
    Column("changed", Boolean, Computed("inserted + updated + ended > 0", persisted=True)),
    comment="One row a write: who, when, from which file, of which day, how many rows it changed.",
)

audit_event = Table(
    "audit_event",
    metadata,
    # The trigger gives it: what stands here is replaced.
    Column("number", BigInteger, primary_key=True, server_default=text("0")),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("actor", Text),
    Column("action", Text, nullable=False),
    Column("subject", Text),
    Column("details", JSONB, nullable=False, server_default=text("'{}'")),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
    comment="Who did what, when; each row has the hash of the one before, so none can be changed.",
)

lineage = Table(
    "lineage",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("level", Text, nullable=False),
    code_column("old_code", nullable=False),
    code_column("new_code", nullable=False),
    Column("effective", Date, nullable=False),
    Column("area_m2", Double, nullable=False),
    Column("old_share", Double, nullable=False),
    Column("new_share", Double, nullable=False),
    batch_column(),
    # Usage: what became of a division.
    Index(None, "old_code"),
    # Usage: where a division came from.
    Index(None, "new_code"),
    comment="What became of a division: the ground that one had and another got, with both shares.",
)

scope_key = Table(
    "scope_key",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    comment="What scopes are signed with; roles that are kept apart cannot read it.",
)
