"""The tables of the store, declared once as SQLAlchemy Core tables.

Belongs here: columns, constraints and indexes, each index with its reason. Does not belong
here: statements (``store``), the history trigger and extensions (``migrations``).

Two ways of keeping history (reliability.md 3, measured): *periods* with an exclusion constraint
for what is small and is asked by date (divisions, organisations, duties); a *current table* whose
former rows are in its history table for what is large (buildings, cameras, places), because
exclusion constraints cost 10 to 20 times there. Both sorts carry effective dates.

Every table of a layer has a history table, filled by a statement trigger with each row as it was
before a write changed it. It is append-only and is what a write can be undone by; of a current
table it answers for past days too. What an undone write did to it stands there still: rows whose
``ended_by`` was undone, or undoes, were never true.

Codes are ``COLLATE "C"``: a code prefix is then the half-open range [prefix, prefix || ':'),
which a b-tree serves and which fails closed in a row policy (reliability.md 0.2).
"""

from __future__ import annotations

from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    DefaultClause,
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
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, DATERANGE, JSONB, ExcludeConstraint

from gridmap.crs import STORAGE_SRID
from gridmap.tables.names import metadata as metadata
from gridmap.tables.work import change_set as change_set
from gridmap.tables.work import correction as correction
from gridmap.tables.work import web_job as web_job


def _code(name: str = "code", **options: object) -> Column[str]:
    return Column(name, Text(collation="C"), **options)  # type: ignore[arg-type]


def _geometry(kind: str, name: str = "geom", *, nullable: bool = False) -> Column[object]:
    """Return a geometry column whose type enforces kind and SRID; indexes are named by hand."""
    return Column(name, Geometry(kind, srid=STORAGE_SRID, spatial_index=False), nullable=nullable)


def _batch() -> Column[int]:
    return Column("batch_id", BigInteger, ForeignKey("import_batch.id"), nullable=False)


def _run() -> Column[int]:
    return Column(
        "run_id", BigInteger, ForeignKey("coverage_run.id", ondelete="CASCADE"), nullable=False
    )


def _no_overlap(table: str, *keys: str) -> ExcludeConstraint:
    """Return the constraint that a key's periods never overlap (rule T01)."""
    pairs = [*((key, "=") for key in keys), ("valid", "&&")]
    elements: list[Any] = [(literal_column(column), operator) for column, operator in pairs]
    return ExcludeConstraint(*elements, using="gist", name=f"ex_{table}_period")


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
    _code("old_code", nullable=False),
    _code("new_code", nullable=False),
    Column("effective", Date, nullable=False),
    Column("area_m2", Double, nullable=False),
    Column("old_share", Double, nullable=False),
    Column("new_share", Double, nullable=False),
    _batch(),
    # Usage: what became of a division.
    Index(None, "old_code"),
    # Usage: where a division came from.
    Index(None, "new_code"),
    comment="What became of a division: the ground that one had and another got, with both shares.",
)

division = Table(
    "division",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _code(nullable=False),
    Column("level", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    _code("parent_code"),
    Column("valid", DATERANGE, nullable=False),
    _batch(),
    _geometry("MULTIPOLYGON"),
    Column("unit_name", Text),
    _no_overlap("division", "code"),
    CheckConstraint(
        "code ~ '^[0-9]+$' AND length(code) = CASE level WHEN 'district' THEN 6 "
        "WHEN 'street' THEN 9 WHEN 'community' THEN 12 WHEN 'grid' THEN 15 END",
        name="code",
    ),
    CheckConstraint(
        "CASE level WHEN 'district' THEN parent_code IS NULL "
        "ELSE parent_code = left(code, length(code) - 3) END",
        name="parent",
    ),
    CheckConstraint("NOT isempty(valid)", name="valid"),
    # Usage: what a write did.
    Index(None, "batch_id"),
    # Usage: a unit and all below it, as the code range of its prefix.
    Index(None, "code"),
    # Usage: locate, and features in a window.
    Index(None, "geom", postgresql_using="gist"),
    comment="District, streets, communities, grids: one row a code and period.",
)


def _change_columns() -> list[Column[object]]:
    """Return the columns that say since when and by which write a current row is as it is."""
    return [
        Column("version", Integer, nullable=False, server_default=text("1")),
        Column("valid_from", Date, nullable=False),
        Column("sys_from", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("batch_id", BigInteger, nullable=False),
    ]


def _place_columns() -> list[Column[Any]]:
    """Return the same for a place, in the order in which its table grew."""
    return [
        Column("valid_from", Date, nullable=False),
        _batch(),
        Column("version", Integer, nullable=False, server_default=text("1")),
        Column("sys_from", DateTime(timezone=True), nullable=False, server_default=func.now()),
    ]


def _history(table: Table, comment: str, *indexes: Index) -> Table:
    """Return the table of a table's former rows: its columns, until when, and who ended them."""
    columns = [
        Column(c.name, c.type, nullable=c.nullable, server_default=_default(c)) for c in table.c
    ]
    if "valid" not in table.c:
        columns.append(Column("valid_to", Date, nullable=False))
    return Table(
        f"{table.name}_history",
        metadata,
        *columns,
        Column("sys_to", DateTime(timezone=True), nullable=False),
        Column("ended_by", BigInteger, nullable=False),
        # Usage: what a write changed; what a write can be undone by.
        Index(None, "ended_by"),
        *indexes,
        comment=comment,
    )


def _default(column: Column[Any]) -> Any:
    """Return a column's default; an identity is none."""
    default = column.server_default
    return default.arg if isinstance(default, DefaultClause) else None


def _past() -> Index:
    """Return the index by which former rows of a current table are found."""
    # Usage: one row's past; the rows that were valid on a date.
    return Index(None, "code", "valid_from")


building = Table(
    "building",
    metadata,
    _code(primary_key=True),
    Column("name", Text),
    Column("address", Text),
    Column("kind", Text),
    Column("floors", Integer),
    Column("height_m", Double),
    Column("household_count", Integer),
    Column("floor_area_m2", Double),
    Column("management_kind", Text),
    _code("grid_code"),
    Column("grid_share", Double),
    *_change_columns(),
    _geometry("MULTIPOLYGON"),
    _code("declared_unit"),
    # Usage: what a write did.
    Index(None, "batch_id"),
    # Usage: the buildings of a unit, as a code range over its grids.
    Index(None, "grid_code"),
    # Usage: locate, and features in a window.
    Index(None, "geom", postgresql_using="gist"),
    comment="Buildings as they are now; what they were is in building_history.",
)

camera = Table(
    "camera",
    metadata,
    _code(primary_key=True),
    Column("name", Text),
    Column("azimuth_deg", Double),
    Column("hfov_deg", Double),
    Column("max_range_m", Double),
    Column("mount_height_m", Double),
    Column("place_category", Text),
    Column("point_type", Integer),
    Column("networked", Boolean),
    Column("hd", Boolean),
    Column("state", Text),
    Column("in_use_since", Date),
    Column("filed_at", Date),
    Column("direction_type", Integer),
    Column("azimuth_tolerance_deg", Double),
    Column("position_tolerance_m", Double),
    Column("h_pixels", Integer),
    _code("group_code"),
    Column("indoor", Boolean),
    _code("declared_unit"),
    Column("filing_no", Text),
    Column("sign_installed", Boolean),
    Column("consent_ref", Text),
    Column("retention_days", Integer),
    _code("grid_code"),
    *_change_columns(),
    _geometry("POINT"),
    # Usage: what a write did.
    Index(None, "batch_id"),
    # Usage: the cameras of a unit, as a code range over its grids.
    Index(None, "grid_code"),
    # Usage: cameras in a window.
    Index(None, "geom", postgresql_using="gist"),
    comment="Cameras as they are now; exact positions are for roles that need them.",
)

road = Table(
    "road",
    metadata,
    _code(primary_key=True),
    Column("name", Text),
    Column("kind", Text),
    Column("width_m", Double),
    *_place_columns(),
    _geometry("MULTILINESTRING"),
    # Usage: what a write did.
    Index(None, "batch_id"),
    # Usage: roads in a window.
    Index(None, "geom", postgresql_using="gist"),
    comment="Roads, for orientation and for the length of road in a blind area.",
)


def _place(name: str, kind: str, comment: str, *columns: Column[Any]) -> Table:
    """Return the table of a layer of places: current rows with the batch that wrote them."""
    return Table(
        name,
        metadata,
        _code(primary_key=True),
        Column("name", Text),
        *columns,
        *_place_columns(),
        _geometry(kind),
        # Usage: what a write did.
        Index(None, "batch_id"),
        # Usage: places in a window.
        Index(None, "geom", postgresql_using="gist"),
        comment=comment,
    )


entrance = _place(
    "entrance",
    "POINT",
    "Entrances of buildings, to be seen by cameras and found by visitors.",
    _code("building_code", nullable=False),
)

key_public_area = _place(
    "key_public_area",
    "MULTIPOLYGON",
    "Key public areas: the denominator of the official coverage rate.",
    Column("place_category", Text),
)

privacy_zone = _place(
    "privacy_zone",
    "MULTIPOLYGON",
    "Where no camera may stand or look.",
    Column("kind", Text),
)

restricted_site = _place(
    "restricted_site",
    "MULTIPOLYGON",
    "Sites near which a camera needs consent first.",
    Column("kind", Text),
    Column("consent_distance_m", Double),
)

organisation = Table(
    "organisation",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _code(nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    _code("parent_code"),
    _code("host_code"),
    Column("full_members", Integer),
    Column("probationary_members", Integer),
    Column("valid", DATERANGE, nullable=False),
    _batch(),
    _code("seat_code"),
    Column("staff_count", Integer),
    Column("has_committee", Boolean),
    Column("weak", Boolean),
    Column("floor_area_m2", Double),
    Column("duty_phone", Text),
    _no_overlap("organisation", "code"),
    CheckConstraint("NOT isempty(valid)", name="valid"),
    # Usage: what a write did.
    Index(None, "batch_id"),
    # Usage: organisations by code; the constraint's own index takes ten times as long.
    Index(None, "code"),
    # Usage: organisations below one.
    Index(None, "parent_code"),
    # Usage: organisations of a unit, as the code range of its prefix.
    Index(None, "host_code"),
    comment="Organisations of every kind: counts only, never persons.",
)


def _dated(name: str, comment: str, *columns: Column[Any]) -> Table:
    """Return the table of a layer without geometry: one row a code and period."""
    return Table(
        name,
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        _code(nullable=False),
        *columns,
        Column("valid", DATERANGE, nullable=False),
        _batch(),
        _no_overlap(name, "code"),
        CheckConstraint("NOT isempty(valid)", name="valid"),
        # Usage: what a write did.
        Index(None, "batch_id"),
        # Usage: rows by code; the constraint's own index takes ten times as long.
        Index(None, "code"),
        comment=comment,
    )


post = _dated(
    "post",
    "Posts and whether they are filled: roles, never persons.",
    Column("name", Text),
    Column("kind", Text, nullable=False),
    _code("org_code"),
    _code("host_code"),
    Column("filled", Boolean),
    Column("is_secretary", Boolean),
    Column("duty_phone", Text),
)

project = _dated(
    "project",
    "Projects of communities, by year.",
    Column("name", Text, nullable=False),
    _code("community_code", nullable=False),
    Column("year", Integer, nullable=False),
    Column("state", Text),
    Column("budget_cny", Double),
    Column("satisfaction_share", Double),
)

matter_item = _dated(
    "matter_item",
    "The catalogue of matters: class and route; its past is kept as its versions.",
    Column("name", Text, nullable=False),
    Column("matter_class", Text, nullable=False),
    Column("route", Text, nullable=False),
    _code("unit_code"),
    Column("days_allowed", Integer),
)

proposal = _dated(
    "proposal",
    "What people propose, and what became of it.",
    Column("name", Text),
    _code("host_code", nullable=False),
    Column("raised_on", Date, nullable=False),
    Column("state", Text, nullable=False),
    Column("resolved_on", Date),
)

lens = _dated(
    "lens",
    "Coverage lenses beside the shipped ones, or in their place.",
    Column("name", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("parts", Text, nullable=False),
    Column("target_kinds", Text),
    Column("holders", Text),
    Column("through", Text),
    Column("need", Integer),
    Column("most", Integer),
    Column("min_members", Integer),
    Column("min_full", Integer),
    Column("own_from", Integer),
    Column("window_days", Integer),
    Column("neighbour_m", Double),
    Column("same_grid", Boolean),
    Column("held_by_secretary", Boolean),
)

courtyard = _place(
    "courtyard",
    "MULTIPOLYGON",
    "Courtyards that group buildings; since when each has the five parts of 131.",
    Column("party_leadership", Date),
    Column("council", Date),
    Column("owners_committee", Date),
    Column("supervisory_committee", Date),
    Column("self_service_station", Date),
)

department_grid = _place(
    "department_grid",
    "MULTIPOLYGON",
    "Grids of departments, beside the base grid.",
    Column("department", Text, nullable=False),
)

matter = Table(
    "matter",
    metadata,
    _code(primary_key=True),
    _code("item_code"),
    Column("summary", Text),
    Column("source_system", Text),
    Column("state", Text),
    Column("reported_on", Date, nullable=False),
    Column("accepted_on", Date),
    Column("resolved_on", Date),
    _code("routed_to"),
    _code("routed_grid"),
    *_place_columns(),
    _geometry("POINT"),
    # Usage: what a write did.
    Index(None, "batch_id"),
    # Usage: matters in a window.
    Index(None, "geom", postgresql_using="gist"),
    comment="Matters reported at a place: what, when, where to; never by whom.",
)

duty = Table(
    "duty",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _code("holder_code", nullable=False),
    Column("service", Text, nullable=False),
    _code("target_code", nullable=False),
    Column("mode", Text),
    Column("valid", DATERANGE, nullable=False),
    _batch(),
    Column("last_on", Date),
    _no_overlap("duty", "holder_code", "service", "target_code"),
    CheckConstraint("NOT isempty(valid)", name="valid"),
    # Usage: what a write did.
    Index(None, "batch_id"),
    # Usage: whom an organisation or post serves.
    Index(None, "holder_code"),
    # Usage: who serves this target.
    Index(None, "target_code", "service"),
    comment="Which organisation or post serves which target, from when to when.",
)

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
    _code("unit_code", primary_key=True),
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
    _run(),
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
    _code("unit_code", primary_key=True),
    Column("level", Text, nullable=False),
    Column("unit_of_measure", Text, nullable=False),
    Column("covered", Double, nullable=False),
    Column("total", Double, nullable=False),
    _run(),
    # Usage: all rates of one unit, and one measure over the units below one.
    Index(None, "unit_code"),
    comment="Numerator and denominator of every rate of cameras of every unit.",
)

camera_view = Table(
    "camera_view",
    metadata,
    _code("camera_code", primary_key=True),
    _code("pole_code"),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("moved_m", Double, nullable=False),
    Column("assumed", Text),
    Column("area_m2", Double, nullable=False),
    Column("certain_area_m2", Double, nullable=False),
    _run(),
    _geometry("MULTIPOLYGON", nullable=True),
    _geometry("MULTIPOLYGON", "certain", nullable=True),
    # Usage: views in a window.
    Index(None, "geom", postgresql_using="gist"),
    comment="The ground each camera possibly sees, and that it certainly sees, in plan (2D).",
)

ground_coverage = Table(
    "ground_coverage",
    metadata,
    _code("unit_code", primary_key=True),
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
    _run(),
    _geometry("MULTIPOLYGON", "seen", nullable=True),
    _geometry("MULTIPOLYGON", "blind", nullable=True),
    # Usage: seen and blind ground in a window.
    Index(None, "blind", postgresql_using="gist"),
    comment="Seen and blind open ground of each grid; areas_m2[k] is seen by at least k cameras.",
)

blind_area = Table(
    "blind_area",
    metadata,
    _code("unit_code", primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("area_m2", Double, nullable=False),
    Column("key_area_m2", Double, nullable=False),
    Column("road_m", Double, nullable=False),
    Column("frontage_m", Double, nullable=False),
    Column("household_count", Integer, nullable=False),
    _run(),
    _geometry("POLYGON"),
    # Usage: blind areas in a window.
    Index(None, "geom", postgresql_using="gist"),
    comment="Connected blind ground of a grid, with what lies in it and who lives at it.",
)

building_frontage = Table(
    "building_frontage",
    metadata,
    _code("building_code", primary_key=True),
    _code("unit_code"),
    Column("wall_m", Double, nullable=False),
    Column("open_m", Double, nullable=False),
    Column("seen_m", Double, nullable=False),
    Column("lengths_m", ARRAY(Double), nullable=False),
    Column("camera_count", Integer, nullable=False),
    _run(),
    # Usage: the frontage of a unit, as a code range over its grids.
    Index(None, "unit_code"),
    comment="Metres of wall of each building; lengths_m[k] is seen by at least k cameras.",
)

entrance_coverage = Table(
    "entrance_coverage",
    metadata,
    _code("entrance_code", primary_key=True),
    _code("unit_code"),
    Column("camera_count", Integer, nullable=False),
    _run(),
    # Usage: the entrances of a unit, as a code range over its grids.
    Index(None, "unit_code"),
    comment="How many cameras see each entrance.",
)

failure_loss = Table(
    "failure_loss",
    metadata,
    Column("kind", Text, primary_key=True),
    _code(primary_key=True),
    _code("unit_code", primary_key=True),
    Column("area_m2", Double, nullable=False),
    Column("road_m", Double, nullable=False),
    Column("frontage_m", Double, nullable=False),
    _run(),
    # Usage: the losses of units that are computed anew.
    Index(None, "unit_code"),
    comment="What of a grid only this camera, pole or named group sees: lost if it fails.",
)

camera_issue = Table(
    "camera_issue",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _code("camera_code", nullable=False),
    Column("shape", Text, nullable=False),
    Column("field", Text),
    Column("values", JSONB, nullable=False),
    _run(),
    _geometry("GEOMETRY", nullable=True),
    # Usage: what is wrong with one camera.
    Index(None, "camera_code"),
    comment="Broken rules V00-V11 of each camera, with the numbers of the sentence.",
)

HISTORY = {
    building: _history(
        building,
        "Former states of buildings, written by trigger, never changed.",
        _past(),
        # Usage: locate, and features in a window, on a past day.
        Index(None, "geom", postgresql_using="gist"),
    ),
    camera: _history(
        camera,
        "Former states of cameras, written by trigger, never changed.",
        _past(),
        # Usage: cameras in a window, on a past day.
        Index(None, "geom", postgresql_using="gist"),
    ),
    road: _history(road, "Former states of roads.", _past()),
    entrance: _history(entrance, "Former states of entrances.", _past()),
    key_public_area: _history(key_public_area, "Former states of key public areas.", _past()),
    privacy_zone: _history(privacy_zone, "Former states of privacy zones.", _past()),
    restricted_site: _history(restricted_site, "Former states of restricted sites.", _past()),
    division: _history(division, "Rows of divisions as they were before a write changed them."),
    organisation: _history(
        organisation, "Rows of organisations as they were before a write changed them."
    ),
    duty: _history(duty, "Rows of duties as they were before a write changed them."),
    post: _history(post, "Rows of posts as they were before a write changed them."),
    project: _history(project, "Rows of projects as they were before a write changed them."),
    matter_item: _history(
        matter_item, "Rows of the catalogue as they were before a write changed them."
    ),
    proposal: _history(proposal, "Rows of proposals as they were before a write changed them."),
    lens: _history(lens, "Rows of lenses as they were before a write changed them."),
    courtyard: _history(courtyard, "Former states of courtyards.", _past()),
    department_grid: _history(department_grid, "Former states of departments' grids.", _past()),
    matter: _history(matter, "Former states of matters.", _past()),
}
"""The table of each layer and where its former rows go."""
