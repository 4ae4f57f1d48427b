"""The tables of the layers, one each; all levels of divisions share one.

Belongs here: what is imported. Does not belong here: what was before (``history``), what is
computed (``results``).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Double,
    Identity,
    Index,
    Integer,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import DATERANGE

from gridmap.tables.columns import (
    batch_column,
    change_columns,
    code_column,
    geometry_column,
    metadata,
    no_overlap,
    place_columns,
)

division = Table(
    "division",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    code_column(nullable=False),
    Column("level", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    code_column("parent_code"),
    Column("valid", DATERANGE, nullable=False),
    batch_column(),
    geometry_column("MULTIPOLYGON"),
    Column("unit_name", Text),
    no_overlap("division", "code"),
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


building = Table(
    "building",
    metadata,
    code_column(primary_key=True),
    Column("name", Text),
    Column("address", Text),
    Column("kind", Text),
    Column("floors", Integer),
    Column("height_m", Double),
    Column("household_count", Integer),
    Column("floor_area_m2", Double),
    Column("management_kind", Text),
    code_column("grid_code"),
    Column("grid_share", Double),
    *change_columns(),
    geometry_column("MULTIPOLYGON"),
    code_column("declared_unit"),
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
    code_column(primary_key=True),
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
    code_column("group_code"),
    Column("indoor", Boolean),
    code_column("declared_unit"),
    Column("filing_no", Text),
    Column("sign_installed", Boolean),
    Column("consent_ref", Text),
    Column("retention_days", Integer),
    code_column("grid_code"),
    *change_columns(),
    geometry_column("POINT"),
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
    code_column(primary_key=True),
    Column("name", Text),
    Column("kind", Text),
    Column("width_m", Double),
    *place_columns(),
    geometry_column("MULTILINESTRING"),
    code_column("grid_code"),
    # Usage: what a write did.
    Index(None, "batch_id"),
    # Usage: the roads of a unit, as a code range over its grids.
    Index(None, "grid_code"),
    # Usage: roads in a window.
    Index(None, "geom", postgresql_using="gist"),
    comment="Roads, for orientation and for the length of road in a blind area.",
)


def _place(name: str, kind: str, comment: str, *columns: Column[Any]) -> Table:
    """Return the table of a layer of places: current rows with the batch that wrote them."""
    return Table(
        name,
        metadata,
        code_column(primary_key=True),
        Column("name", Text),
        *columns,
        *place_columns(),
        geometry_column(kind),
        code_column("grid_code"),
        # Usage: what a write did.
        Index(None, "batch_id"),
        # Usage: the places of a unit, as a code range over its grids.
        Index(None, "grid_code"),
        # Usage: places in a window.
        Index(None, "geom", postgresql_using="gist"),
        comment=comment,
    )


entrance = _place(
    "entrance",
    "POINT",
    "Entrances of buildings, to be seen by cameras and found by visitors.",
    code_column("building_code", nullable=False),
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
    code_column(nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    code_column("parent_code"),
    code_column("host_code"),
    Column("full_members", Integer),
    Column("probationary_members", Integer),
    Column("valid", DATERANGE, nullable=False),
    batch_column(),
    code_column("seat_code"),
    Column("staff_count", Integer),
    Column("has_committee", Boolean),
    Column("weak", Boolean),
    Column("floor_area_m2", Double),
    Column("duty_phone", Text),
    no_overlap("organisation", "code"),
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


def _dated(name: str, comment: str, *columns: Column[Any] | Index) -> Table:
    """Return the table of a layer without geometry: one row a code and period."""
    return Table(
        name,
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        code_column(nullable=False),
        *columns,
        Column("valid", DATERANGE, nullable=False),
        batch_column(),
        no_overlap(name, "code"),
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
    code_column("org_code"),
    code_column("host_code"),
    Column("filled", Boolean),
    Column("is_secretary", Boolean),
    Column("duty_phone", Text),
    # Usage: posts of a unit, as the code range of its prefix.
    Index(None, "host_code"),
)

project = _dated(
    "project",
    "Projects of communities, by year.",
    Column("name", Text, nullable=False),
    code_column("community_code", nullable=False),
    Column("year", Integer, nullable=False),
    Column("state", Text),
    Column("budget_cny", Double),
    Column("satisfaction_share", Double),
    # Usage: projects of a unit, as the code range of its prefix.
    Index(None, "community_code"),
)

matter_item = _dated(
    "matter_item",
    "The catalogue of matters: class and route; its past is kept as its versions.",
    Column("name", Text, nullable=False),
    Column("matter_class", Text, nullable=False),
    Column("route", Text, nullable=False),
    code_column("unit_code"),
    Column("days_allowed", Integer),
)

proposal = _dated(
    "proposal",
    "What people propose, and what became of it.",
    Column("name", Text),
    code_column("host_code", nullable=False),
    Column("raised_on", Date, nullable=False),
    Column("state", Text, nullable=False),
    Column("resolved_on", Date),
    # Usage: proposals of a unit, as the code range of its prefix.
    Index(None, "host_code"),
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
    code_column(primary_key=True),
    code_column("item_code"),
    Column("summary", Text),
    Column("source_system", Text),
    Column("state", Text),
    Column("reported_on", Date, nullable=False),
    Column("accepted_on", Date),
    Column("resolved_on", Date),
    code_column("routed_to"),
    code_column("routed_grid"),
    *place_columns(),
    geometry_column("POINT"),
    code_column("grid_code"),
    # Usage: what a write did.
    Index(None, "batch_id"),
    # Usage: the matters of a unit, as a code range over its grids.
    Index(None, "grid_code"),
    # Usage: matters in a window.
    Index(None, "geom", postgresql_using="gist"),
    comment="Matters reported at a place: what, when, where to; never by whom.",
)

duty = Table(
    "duty",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    code_column("holder_code", nullable=False),
    Column("service", Text, nullable=False),
    code_column("target_code", nullable=False),
    Column("mode", Text),
    Column("valid", DATERANGE, nullable=False),
    batch_column(),
    Column("last_on", Date),
    code_column("target_unit"),
    no_overlap("duty", "holder_code", "service", "target_code"),
    CheckConstraint("NOT isempty(valid)", name="valid"),
    # Usage: what a write did.
    Index(None, "batch_id"),
    # Usage: whom an organisation or post serves.
    Index(None, "holder_code"),
    # Usage: the duties of a unit, as a code range over the units of their targets.
    Index(None, "target_unit"),
    # Usage: who serves this target.
    Index(None, "target_code", "service"),
    comment="Which organisation or post serves which target, from when to when.",
)
