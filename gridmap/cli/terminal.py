"""What all commands share: the applications, the consoles, the bar, options and cells."""

from __future__ import annotations

import datetime as dt
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from gridmap.cli.words import UNITS, measure_named, named
from gridmap.errors import (
    InputError,
)
from gridmap.model import (
    Limits,
)
from gridmap.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable


app = typer.Typer(
    help="Who covers which building, and which ground no camera sees.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
db_app = typer.Typer(help="The embedded database.", no_args_is_help=True)
coverage_app = typer.Typer(help="Compute and show coverage.", no_args_is_help=True)
audit_app = typer.Typer(help="Who did what, and whether it was changed.", no_args_is_help=True)
app.add_typer(db_app, name="db")
app.add_typer(audit_app, name="audit")
app.add_typer(coverage_app, name="coverage")

# A pipe has no width: nothing is cut or wrapped for it.
out = Console(width=None if sys.stdout.isatty() else 240)
err = Console(stderr=True)

Effective = Annotated[
    dt.datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="The date the answer is for; today if not given."),
]

OnDay = Annotated[
    dt.datetime | None,
    typer.Option(
        "--as-of",
        formats=["%Y-%m-%d"],
        help="Compute the answer for this day; else it is what was computed last.",
    ),
]

Unit = Annotated[str, typer.Argument(help="Code of a district, street, community or grid.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="The most rows to show.")]


def day_of(as_of: dt.datetime | None) -> dt.date | None:
    """Return an option's day.

    Parameters
    ----------
    as_of
        As the option gives it.

    Returns
    -------
    date or None
        None where it was not given.
    """
    return as_of.date() if as_of else None


def today() -> dt.date:
    """Return the present day.

    Returns
    -------
    date
        Of this machine's clock.
    """
    return dt.datetime.now().date()


def columns_of(mapping: list[str]) -> dict[str, str]:
    """Return what ``--map`` says.

    Parameters
    ----------
    mapping
        ``field=column``, several times.

    Returns
    -------
    dict
        gridmap's field -> the file's column.

    Raises
    ------
    InputError
        It is written in another way, or names a field twice.
    """
    pairs = [item.partition("=") for item in mapping]
    if any(not (field and mark and column) for field, mark, column in pairs):
        raise InputError("--map is written field=column, for example --map code=OBJECTID")
    columns = {field: column for field, _, column in pairs}
    if len(columns) < len(pairs):
        raise InputError("--map names a field twice; one column can fill it")
    return columns


def limits_of(settings: Settings) -> Limits:
    """Return how large a file may be.

    Parameters
    ----------
    settings
        The settings.

    Returns
    -------
    Limits
        For `jobs.import_layer`.
    """
    return Limits(settings.max_file_mb, settings.max_rows, settings.max_vertices)


class _Tell:
    """A progress bar that a job drives with (step, share)."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=err)
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Callable[[str, float], None]:
        self._progress.start()
        return self.tell

    def __exit__(self, *_: object) -> None:
        for task in self._tasks.values():
            self._progress.update(task, completed=1.0)
        self._progress.stop()

    def tell(self, step: str, share: float) -> None:
        """Show a step; a new step finishes the ones before."""
        if step not in self._tasks:
            for task in self._tasks.values():
                self._progress.update(task, completed=1.0)
            self._tasks[step] = self._progress.add_task(step, total=1.0)
        self._progress.update(self._tasks[step], completed=share)


def progress() -> _Tell:
    """Return a progress bar, to be opened with ``with``.

    Returns
    -------
    context manager
        Gives a function of a step's name and the share done, 0..1.
    """
    return _Tell()


def rate_cells(rate: dict[str, Any], language: str) -> tuple[str, ...]:
    """Return a rate's cells: measure, covered, total, unit, share.

    Parameters
    ----------
    rate
        measure, covered, total, unit_of_measure.
    language
        ``zh`` or ``en``.

    Returns
    -------
    tuple of str
        In the order of `words.RATES`.
    """
    share = rate["covered"] / rate["total"] if rate["total"] else None
    return (
        measure_named(rate["measure"], language),
        f"{rate['covered']:,.0f}",
        f"{rate['total']:,.0f}",
        named(rate["unit_of_measure"], UNITS, language),
        "-" if share is None else f"{share:.1%}",
    )
