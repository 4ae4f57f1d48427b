"""What is computed, and what was frozen of it.

Belongs here: runs, their rows, snapshots. Does not belong here: what they were computed from.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from gridmap.tables.columns import code_column, geometry_column, metadata, run_column

coverage_run = Table(
    "coverage_run",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("as_of", Date, nullable=False),
    Column("computed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("inputs", JSONB, nullable=False),
    comment="One computation: its date, its inputs' versions, its parameters.",
)

unit_coverage = Table(
    "unit_coverage",
    metadata,
    Column("lens", Text, primary_key=True),
    code_column("unit_code", primary_key=True),
    Column("targets", Integer, nullable=False),
    Column("covered", Integer, nullable=False),
    Column("parts_covered", Integer, nullable=False),
    Column("households", Double, nullable=False),
    Column("households_covered", Double, nullable=False),
    Column("floor_area", Double, nullable=False),
    Column("floor_area_covered", Double, nullable=False),
    Column("target_codes", ARRAY(Text), nullable=False),
    Column("statuses", ARRAY(Text), nullable=False),
    Column("reasons", ARRAY(Text), nullable=False),
    Column("holder_codes", ARRAY(Text), nullable=False),
    Column("parts", ARRAY(Integer), nullable=False),
    Column("links", ARRAY(Integer), nullable=False),
    Column("missing", ARRAY(Text), nullable=False),
    run_column(),
    # Usage: all lenses of a unit and those below it, as a code range.
    Index(None, "unit_code"),
    comment="Who covers the targets of a unit under a lens, or why nobody does; '' is no unit.",
)

snapshot = Table(
    "snapshot",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("label", Text, nullable=False, unique=True),
    Column("as_of", Date, nullable=False),
    Column("inputs", JSONB, nullable=False),
    comment="Frozen statuses of all lenses: one a computation of all, and one a quarter.",
)

frozen_status = Table(
    "frozen_status",
    metadata,
    Column("lens", Text, primary_key=True),
    Column("sha256", Text, primary_key=True),
    Column("statuses", LargeBinary, nullable=False),
    comment="The statuses of a lens as Parquet; equal ones are kept once.",
)

snapshot_lens = Table(
    "snapshot_lens",
    metadata,
    Column("snapshot_id", BigInteger, ForeignKey("snapshot.id"), primary_key=True),
    Column("lens", Text, primary_key=True),
    Column("sha256", Text, nullable=False),
    ForeignKeyConstraint(["lens", "sha256"], ["frozen_status.lens", "frozen_status.sha256"]),
    comment="Which statuses a snapshot has.",
)

coverage_rate = Table(
    "coverage_rate",
    metadata,
    Column("measure", Text, primary_key=True),
    code_column("unit_code", primary_key=True),
    Column("level", Text, nullable=False),
    Column("unit_of_measure", Text, nullable=False),
    Column("covered", Double, nullable=False),
    Column("total", Double, nullable=False),
    run_column(),
    # Usage: all rates of one unit, and one measure over the units below one.
    Index(None, "unit_code"),
    comment="Numerator and denominator of every rate of cameras of every unit.",
)

camera_view = Table(
    "camera_view",
    metadata,
    code_column("camera_code", primary_key=True),
    code_column("pole_code"),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("moved_m", Double, nullable=False),
    Column("assumed", Text),
    Column("area_m2", Double, nullable=False),
    Column("certain_area_m2", Double, nullable=False),
    run_column(),
    geometry_column("MULTIPOLYGON", nullable=True),
    geometry_column("MULTIPOLYGON", "certain", nullable=True),
    code_column("unit_code"),
    # Usage: the views of a unit's cameras, as a code range over its grids.
    Index(None, "unit_code"),
    # Usage: views in a window.
    Index(None, "geom", postgresql_using="gist"),
    comment="The ground each camera possibly sees, and that it certainly sees, in plan (2D).",
)

ground_coverage = Table(
    "ground_coverage",
    metadata,
    code_column("unit_code", primary_key=True),
    Column("gross_area_m2", Double, nullable=False),
    Column("building_area_m2", Double, nullable=False),
    Column("open_area_m2", Double, nullable=False),
    Column("seen_area_m2", Double, nullable=False),
    Column("blind_area_m2", Double, nullable=False),
    Column("certain_area_m2", Double, nullable=False),
    Column("key_area_m2", Double, nullable=False),
    Column("key_seen_area_m2", Double, nullable=False),
    Column("areas_m2", ARRAY(Double), nullable=False),
    Column("level_areas_m2", JSONB, nullable=False),
    Column("camera_count", Integer, nullable=False),
    run_column(),
    geometry_column("MULTIPOLYGON", "seen", nullable=True),
    geometry_column("MULTIPOLYGON", "blind", nullable=True),
    # Usage: seen and blind ground in a window.
    Index(None, "blind", postgresql_using="gist"),
    comment="Seen and blind open ground of each grid; areas_m2[k] is seen by at least k cameras.",
)

blind_area = Table(
    "blind_area",
    metadata,
    code_column("unit_code", primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("area_m2", Double, nullable=False),
    Column("key_area_m2", Double, nullable=False),
    Column("road_m", Double, nullable=False),
    Column("frontage_m", Double, nullable=False),
    Column("household_count", Integer, nullable=False),
    run_column(),
    geometry_column("POLYGON"),
    # For those who may not know the outline, from which one finds where cameras stand.
    geometry_column("POINT", "place", nullable=True),
    # Usage: blind areas in a window.
    Index(None, "geom", postgresql_using="gist"),
    comment="Connected blind ground of a grid, with what lies in it and who lives at it.",
)

building_frontage = Table(
    "building_frontage",
    metadata,
    code_column("building_code", primary_key=True),
    code_column("unit_code"),
    Column("wall_m", Double, nullable=False),
    Column("open_m", Double, nullable=False),
    Column("seen_m", Double, nullable=False),
    Column("lengths_m", ARRAY(Double), nullable=False),
    Column("camera_count", Integer, nullable=False),
    run_column(),
    # Usage: the frontage of a unit, as a code range over its grids.
    Index(None, "unit_code"),
    comment="Metres of wall of each building; lengths_m[k] is seen by at least k cameras.",
)

entrance_coverage = Table(
    "entrance_coverage",
    metadata,
    code_column("entrance_code", primary_key=True),
    code_column("unit_code"),
    Column("camera_count", Integer, nullable=False),
    run_column(),
    # Usage: the entrances of a unit, as a code range over its grids.
    Index(None, "unit_code"),
    comment="How many cameras see each entrance.",
)

failure_loss = Table(
    "failure_loss",
    metadata,
    Column("kind", Text, primary_key=True),
    code_column(primary_key=True),
    code_column("unit_code", primary_key=True),
    Column("area_m2", Double, nullable=False),
    Column("road_m", Double, nullable=False),
    Column("frontage_m", Double, nullable=False),
    run_column(),
    # Usage: the losses of units that are computed anew.
    Index(None, "unit_code"),
    comment="What of a grid only this camera, pole or named group sees: lost if it fails.",
)

camera_issue = Table(
    "camera_issue",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    code_column("camera_code", nullable=False),
    Column("shape", Text, nullable=False),
    Column("field", Text),
    Column("values", JSONB, nullable=False),
    run_column(),
    geometry_column("GEOMETRY", nullable=True),
    code_column("unit_code"),
    # Usage: what is wrong with a unit's cameras, as a code range over its grids.
    Index(None, "unit_code"),
    # Usage: what is wrong with one camera.
    Index(None, "camera_code"),
    comment="Broken rules V00-V11 of each camera, with the numbers of the sentence.",
)
