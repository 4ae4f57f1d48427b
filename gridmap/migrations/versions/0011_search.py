"""Texts by which objects are found."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    run("0011_up.sql")


def downgrade() -> None:
    run("0011_down.sql")


def run(name: str) -> None:
    text = (SQL / name).read_text("utf-8")
    # The driver reads % as the start of a parameter.
    op.get_bind().exec_driver_sql(text.replace("%", "%%"))
