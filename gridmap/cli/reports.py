"""An import's report in words: issues by rule, changes, how the file was read, the verdict."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from gridmap import jobs
from gridmap.cli.terminal import (
    out,
)
from gridmap.language import translate
from gridmap.model import (
    ImportReport,
    Issue,
)
from gridmap.rules import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator


SHOWN_PER_RULE = 20

_FOUND = "{source}: {rows} rows, {errors} errors, {warnings} warnings."
_WRITTEN = (
    "Written as batch {batch_id}, effective {effective}: {inserted} new, {updated} changed, "
    "{unchanged} unchanged, {ended} ended."
)
_NOT_WRITTEN = "Nothing was written."
_READ_AS = {
    "file_layer": "layer {file_layer}",
    "encoding": "text in {encoding}",
    "source_crs": "coordinates in {source_crs}",
    "columns": "columns {columns}",
}
_CHECKED = (
    "From {effective} on it would be: {inserted} new, {updated} changed, {unchanged} unchanged, "
    "{ended} ended. Nothing was written: this was a check. Write it with --commit."
)
_MORE_CHANGES = "{count} rows change or end, {shown} shown; all of them with --json"
VERDICTS = (_FOUND, _WRITTEN, _NOT_WRITTEN, _CHECKED, _MORE_CHANGES, *_READ_AS.values())
"""The closing sentences of an import, as message ids."""


def tell_report(report: ImportReport, file: Path | None, *, as_json: bool, language: str) -> None:
    """Print a report, and write it to a file if one is named.

    Parameters
    ----------
    report
        Of an import, done or refused.
    file
        A ``.json`` or ``.gpkg`` file, or None.
    as_json
        Print JSON instead of words.
    language
        ``zh`` or ``en``.

    Raises
    ------
    InputError
        The file cannot be written there.
    """
    # Printed first: rows may be written already, and the file may fail.
    print_report(report, as_json=as_json, language=language)
    if file:
        jobs.write_report(report, file)


def print_report(report: ImportReport, *, as_json: bool, language: str) -> None:
    """Print a report.

    Parameters
    ----------
    report
        Of an import, done or refused.
    as_json
        Print JSON instead of words.
    language
        ``zh`` or ``en``.
    """
    if as_json:
        out.print_json(json.dumps(report.as_dict(), ensure_ascii=False))
        return
    headings = ("row", "field", "rule", "severity", "message")
    table = Table(*(translate(heading, language) for heading in headings), box=None)
    for issue in _shown(report.issues):
        row = "" if issue.row is None else str(issue.row)
        # Text, not markup: a cell of the file may hold anything.
        severity = translate(str(issue.severity), language)
        cells = (row, issue.field or "", issue.rule, severity, issue.message(language))
        table.add_row(*(Text(cell) for cell in cells))
    if report.issues:
        out.print(table)
    for rule, count in Counter(issue.shape for issue in report.issues).items():
        if count > SHOWN_PER_RULE:
            more = translate(
                "{rule}: {count} rows, {shown} shown; all of them with --json", language
            )
            out.print(Text(more.format(rule=rule, count=count, shown=SHOWN_PER_RULE)))
    _print_changes(report, language)
    out.print(Text(_read_as(report, language)))
    out.print(Text(_verdict(report, language)))


def _print_changes(report: ImportReport, language: str) -> None:
    """List the rows that change or end; new ones are counted only."""
    found = [change for change in report.changes if change.change != "added"]
    headings = ("code", "change", "fields")
    table = Table(*(translate(heading, language) for heading in headings), box=None)
    for change in found[:SHOWN_PER_RULE]:
        cells = (change.key, translate(change.change, language), ", ".join(change.fields))
        table.add_row(*(Text(cell) for cell in cells))
    if found:
        out.print(table)
    if len(found) > SHOWN_PER_RULE:
        told = translate(_MORE_CHANGES, language)
        out.print(Text(told.format(count=len(found), shown=SHOWN_PER_RULE)))


def _shown(issues: tuple[Issue, ...]) -> Iterator[Issue]:
    seen: Counter[str] = Counter()
    for issue in issues:
        seen[issue.shape] += 1
        if seen[issue.shape] <= SHOWN_PER_RULE:
            yield issue


def _read_as(report: ImportReport, language: str) -> str:
    """Say how the file was understood, so that a wrong guess is seen."""
    columns = ", ".join(f"{field} = {column}" for field, column in report.columns.items())
    told = {**vars(report), "columns": columns}
    parts = [translate(text, language) for name, text in _READ_AS.items() if told[name]]
    return f"{report.source}: " + "; ".join(part.format(**told) for part in parts)


def _verdict(report: ImportReport, language: str) -> str:
    errors = len(report.errors)
    warnings = sum(issue.severity is Severity.WARNING for issue in report.issues)
    told = {**vars(report), "errors": errors, "warnings": warnings}
    end = _WRITTEN if report.committed else _NOT_WRITTEN if report.errors else _CHECKED
    return " ".join(translate(part, language).format(**told) for part in (_FOUND, end))
