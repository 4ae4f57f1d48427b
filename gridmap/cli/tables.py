"""Printing an answer: as JSON, or its unit and its rows as a table.

Belongs here: what every command prints alike. Does not belong here: words (``words``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.text import Text

from gridmap.cli import words
from gridmap.cli.terminal import out

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gridmap.settings import Settings


def print_json(answer: object) -> None:
    """Print an answer as JSON.

    Parameters
    ----------
    answer
        Dates are written as text.
    """
    out.print_json(json.dumps(answer, ensure_ascii=False, default=str))


def print_unit(answer: dict[str, Any]) -> None:
    """Print of which unit an answer is, how many rows of how many it has, and of which day.

    Parameters
    ----------
    answer
        ``unit``, ``rows``, ``total``, ``as_of``.
    """
    unit, shown = answer["unit"], len(answer["rows"])
    line = f"{unit['code']} {unit['name']}: {shown} / {answer['total']}, {answer['as_of']}"
    out.print(Text(line))


def print_table(rows: Iterable[dict[str, Any]], names: tuple[str, ...], settings: Settings) -> None:
    """Print rows as a table in the language of the terminal.

    Parameters
    ----------
    rows
        Each with the names.
    names
        The columns.
    settings
        Whose language is used.
    """
    table = words.table_of(names, settings.language)
    for row in rows:
        # Text, not markup: codes and names come from files.
        table.add_row(*(Text(_cell(name, row[name])) for name in names))
    out.print(table)


def _cell(name: str, value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6f}" if name in ("longitude", "latitude") else f"{value:,.2f}"
    return str(value)
