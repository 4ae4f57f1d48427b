"""The tables that searches look in: every name, address and code by which an object is found.

Belongs here: their columns, each index with its reason. Does not belong here: the texts' own tables
(``layers``), how texts are spelled (``spelling``).

What is in them follows from other rows, is written with the batch that changed those, and can be
made anew at any time. Cameras have a table of their own: who may not know where they stand reads
none of it.
"""

from __future__ import annotations

from sqlalchemy import Column, Double, Index, PrimaryKeyConstraint, Table, Text

from gridmap.tables.columns import code_column, metadata


def _entries(name: str, comment: str) -> Table:
    return Table(
        name,
        metadata,
        Column("kind", Text, nullable=False),
        code_column(nullable=False),
        Column("field", Text, nullable=False),
        Column("text", Text, nullable=False),
        code_column("unit_code"),
        Column("lon", Double),
        Column("lat", Double),
        code_column("written", nullable=False),
        code_column("pinyin", nullable=False),
        code_column("initials", nullable=False),
        Column("starts", Text, nullable=False),
        Column("syllables", Text, nullable=False),
        Column("grams", Text, nullable=False),
        # Usage: the texts of an object that changed, or that was found.
        PrimaryKeyConstraint("kind", "code", "field", "text"),
        # Usage: the entries of a unit, as a code range: of a scope only those are looked through.
        Index(None, "unit_code"),
        # Usage: what begins so, in each form.
        Index(None, "kind", "written"),
        Index(None, "kind", "pinyin"),
        Index(None, "kind", "initials"),
        # Usage: what has it inside.
        Index(None, "grams", postgresql_using="gin", postgresql_ops={"grams": "gin_trgm_ops"}),
        comment=comment,
    )


search_entry = _entries(
    "search_entry", "Texts by which divisions, buildings, organisations are found."
)
camera_entry = _entries("camera_entry", "Texts by which cameras are found.")
