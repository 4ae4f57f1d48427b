"""The tables of accounts: who may sign in, who is signed in, tokens of programs, one-time links.

Belongs here: their columns, each index with its reason. Nothing in them lets anybody in: they have
hashes of passwords, and SHA-256 of tokens that are random.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from gridmap.tables.columns import metadata


def _text(name: str, *rules: ForeignKey, **options: object) -> Column[str]:
    return Column(name, Text(collation="C"), *rules, **options)  # type: ignore[arg-type]


def _ranges() -> Column[list[str]]:
    """Return a column of codes, each with all below it; an empty one is the whole."""
    return Column("ranges", ARRAY(Text(collation="C")), nullable=False)


def _at(name: str, *, nullable: bool = True) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


def _account() -> Column[str]:
    return _text("account", ForeignKey("account.name"), nullable=False)


account = Table(
    "account",
    metadata,
    _text("name", primary_key=True),
    Column("role", Text, nullable=False),
    _ranges(),
    Column("password_hash", Text),
    Column("must_change", Boolean, nullable=False, server_default=text("false")),
    _at("disabled_at"),
    Column("failed_count", Integer, nullable=False, server_default=text("0")),
    _at("locked_until"),
    Column("demo", Boolean, nullable=False, server_default=text("false")),
    # Which account of the foreign provider it is: issuer and subject; unique, so that one foreign
    # account is one of ours.
    Column("oidc_subject", Text, unique=True),
    Column("by_oidc", Boolean, nullable=False, server_default=text("false")),
    _at("created_at", nullable=False),
    CheckConstraint(
        "role IN ('admin', 'planner', 'leadership', 'officer', 'leader', 'integration')",
        name="role",
    ),
    comment="Who may sign in, as what, over which codes; a password's hash, never a password.",
)

session = Table(
    "session",
    metadata,
    _text("id", primary_key=True),
    _account(),
    Column("method", Text, nullable=False),
    _at("created_at", nullable=False),
    _at("last_seen", nullable=False),
    _at("expires_at", nullable=False),
    # Usage: all sessions of an account end when it is disabled or its password changes.
    Index(None, "account"),
    CheckConstraint("method IN ('password', 'link', 'oidc')", name="method"),
    comment="Who is signed in; the id is the SHA-256 of what the browser has.",
)

api_token = Table(
    "api_token",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _account(),
    Column("name", Text, nullable=False),
    _text("sha256", nullable=False, unique=True),
    _ranges(),
    _at("created_at", nullable=False),
    _at("expires_at", nullable=False),
    _at("last_used_at"),
    _at("revoked_at"),
    comment="What programs sign in with: the SHA-256 of it, its codes, until when.",
)

sign_in_link = Table(
    "sign_in_link",
    metadata,
    _text("sha256", primary_key=True),
    _account(),
    _at("created_at", nullable=False),
    _at("expires_at", nullable=False),
    _at("used_at"),
    comment="Links that sign somebody in once: the SHA-256 of what is in the address.",
)
