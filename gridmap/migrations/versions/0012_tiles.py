"""Shapes of buildings in Web Mercator, and tiles drawn beforehand."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    run("0012_up.sql")


def downgrade() -> None:
    run("0012_down.sql")


def run(name: str) -> None:
    text = (SQL / name).read_text("utf-8")
    # The driver reads % as the start of a parameter.
    op.get_bind().exec_driver_sql(text.replace("%", "%%"))
