"""The table of former rows of each layer's table.

Belongs here: what a write can be undone by, and what answers for past days. Does not belong here:
the trigger that fills them (``migrations``).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    DefaultClause,
    Index,
    Table,
)

from gridmap.tables.columns import metadata
from gridmap.tables.layers import (
    building,
    camera,
    courtyard,
    department_grid,
    division,
    duty,
    entrance,
    key_public_area,
    lens,
    matter,
    matter_item,
    organisation,
    post,
    privacy_zone,
    project,
    proposal,
    restricted_site,
    road,
)


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
