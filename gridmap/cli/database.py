"""Commands on the embedded database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from gridmap import cluster, jobs
from gridmap.cli.terminal import (
    db_app,
    out,
)
from gridmap.settings import Settings

if TYPE_CHECKING:
    pass


@db_app.command("start")
def db_start() -> None:
    """Start the embedded database and leave it running."""
    _print_status(cluster.start(Settings().data_dir))


@db_app.command("stop")
def db_stop(
    force: Annotated[bool, typer.Option("--force", help="Stop it under its users too.")] = False,
) -> None:
    """Stop the embedded database."""
    _print_status(cluster.stop(Settings().data_dir, force=force))


@db_app.command("status")
def db_status() -> None:
    """Say whether the embedded database runs, and where it is."""
    _print_status(cluster.status(Settings().data_dir))


@db_app.command("backup")
def db_backup(
    target: Annotated[Path, typer.Argument(help="File to write.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
) -> None:
    """Write a checked backup of the embedded database to a file."""
    cluster.backup(Settings().data_dir, target, overwrite=overwrite)
    out.print(Text(f"{target}: {target.stat().st_size / 1e6:.1f} MB"))


@db_app.command("restore")
def db_restore(
    source: Annotated[Path, typer.Argument(help="File of `gridmap db backup`.")],
    force: Annotated[bool, typer.Option("--force", help="End other connections.")] = False,
) -> None:
    """Put a backup in place; the former database is kept under a dated name."""
    kept = cluster.restore(Settings().data_dir, source, force=force)
    out.print(Text(f"restored {source}; the former database is kept as {kept}"))


@db_app.command("migrate")
def db_migrate() -> None:
    """Bring the database to this program's schema."""
    with jobs.database(Settings()):
        out.print("the schema is up to date")


def _print_status(status: cluster.Status) -> None:
    for name, value in vars(status).items():
        out.print(Text(f"{name}: {value}"))
