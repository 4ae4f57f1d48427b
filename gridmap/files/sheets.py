"""Tables for spreadsheets, CSV and Excel: cells that stay text, shapes as text or coordinates.

Belongs here: the form of a cell, and that no spreadsheet runs one as a formula. Does not belong
here: which rows (``jobs``), putting the file in place (``writing``).
"""

from __future__ import annotations

import csv
import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import shapely
import xlsxwriter

from gridmap.errors import InputError
from gridmap.model import Kind

if TYPE_CHECKING:
    from pathlib import Path

    from gridmap.model import LayerSpec

FORMULA_MARKS = "=+-@\t\r\n＝＋－＠"
"""What a spreadsheet takes a cell of a CSV file for a formula by (reliability.md 1), the full
width forms that East Asian editions take for the same included."""

_RUN = re.compile(f"'*[{re.escape(FORMULA_MARKS)}]")
_KEPT = re.compile(f"'+[{re.escape(FORMULA_MARKS)}]")

MAX_SHEET_ROWS = 1_048_575
MAX_CELL = 32_767
"""Rows below the heading, and characters of a cell: the limits of Excel."""

NOTES_SHEET = "说明"
"""What a sheet is called that explains the others: no data to an import, unless it is named."""

_METRE_DECIMALS = 6
"""Of coordinates that people read: what a projection adds behind them is its own rounding."""

_FIRST_EXCEL_DAY = dt.date(1901, 1, 1)
"""Excel has no days before 1900, and one too many in that year."""


def neutral(text: str) -> str:
    """Return a text as it is written to a CSV file, so that no spreadsheet runs it.

    Parameters
    ----------
    text
        Any text.

    Returns
    -------
    str
        With ``'`` before it if it begins as a formula does, or would read as a text that had
        been given one: `plain` finds each text again.

    Examples
    --------
    >>> neutral("=1+1"), neutral("'=1+1"), neutral("1号楼")
    ("'=1+1", "''=1+1", '1号楼')
    """
    return f"'{text}" if _RUN.match(text) else text


def plain(text: str) -> str:
    """Return the text that `neutral` made a cell of.

    Parameters
    ----------
    text
        A cell of a CSV file.

    Returns
    -------
    str
        Without the ``'``, if it stands before what begins as a formula does.

    Examples
    --------
    >>> plain("'=1+1"), plain("'s-Gravenhage")
    ('=1+1', "'s-Gravenhage")
    """
    return text[1:] if _KEPT.match(text) else text


def plain_cells(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a CSV file with the text that `neutral` made cells of.

    Parameters
    ----------
    rows
        As they stand in the file.

    Returns
    -------
    DataFrame
        The same rows.
    """
    return rows.apply(
        lambda cells: (
            cells.map(lambda cell: plain(cell) if isinstance(cell, str) else cell)
            if any(isinstance(cell, str) and cell.startswith("'") for cell in cells)
            else cells
        )
    )


def table_of(rows: pd.DataFrame, spec: LayerSpec) -> pd.DataFrame:
    """Return a layer as a plain table, its shapes in columns of their own.

    Parameters
    ----------
    rows
        The layer's columns, typed by `LayerSpec.parse`; geometry in any frame.
    spec
        The layer.

    Returns
    -------
    DataFrame
        Points as ``lon``, ``lat``, or ``x``, ``y`` in a projected frame; other shapes as ``wkt``.
        Degrees have all their digits, metres six decimals.
    """
    table = pd.DataFrame({name: rows[name] for name in spec.columns})
    if not isinstance(rows, gpd.GeoDataFrame):
        return table
    shapes = rows.geometry.array
    projected = rows.crs is not None and rows.crs.is_projected
    if spec.kinds == {"Point"}:
        x, y = shapely.get_coordinates(shapes).T
        if projected:
            return table.assign(x=x.round(_METRE_DECIMALS), y=y.round(_METRE_DECIMALS))
        return table.assign(lon=x, lat=y)
    digits = _METRE_DECIMALS if projected else -1
    return table.assign(wkt=shapely.to_wkt(shapes, rounding_precision=digits))


def write_csv(rows: pd.DataFrame, spec: LayerSpec, part: Path) -> None:
    """Write a layer as CSV: UTF-8 with the mark by which a spreadsheet knows it.

    Parameters
    ----------
    rows
        As `table_of`.
    spec
        The layer.
    part
        The file.
    """
    table = table_of(rows, spec)
    cells = [_csv_cells(table[name]) for name in table]
    with part.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table.columns)
        writer.writerows(zip(*cells, strict=True))


def _csv_cells(values: pd.Series) -> list[str]:
    return ["" if pd.isna(value) else _csv_cell(value) for value in values.astype(object)]


def _csv_cell(value: Any) -> str:
    if isinstance(value, str):
        return neutral(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, dt.date) else repr(value)


def write_excel(rows: pd.DataFrame, spec: LayerSpec, part: Path) -> None:
    """Write a layer as an Excel workbook with one sheet.

    Parameters
    ----------
    rows
        As `table_of`.
    spec
        The layer.
    part
        The file.

    Raises
    ------
    InputError
        There are more rows than a sheet holds.

    Notes
    -----
    Rule: text is text. Its cells have the type and the format of text, so that nothing is run as
    a formula, today or after an edit, and no code loses digits. A shape longer than a cell is
    continued in ``wkt_2``, ``wkt_3`` and so on.
    """
    if len(rows) > MAX_SHEET_ROWS:
        raise InputError(
            f"{spec.name} has {len(rows):,} rows and an Excel sheet holds {MAX_SHEET_ROWS:,}; "
            "choose another format, or a unit with --unit"
        )
    table = _continued(table_of(rows, spec))
    dates = {column.name for column in spec.fields if column.kind is Kind.DATE}
    written = table[[name for name in table if name not in dates]]
    kinds = {name: type(next(iter(table[name].dropna()), "")) for name in written}
    # One row at a time goes to the disk: a large layer would fill the memory otherwise.
    with xlsxwriter.Workbook(part, {"constant_memory": True, "tmpdir": str(part.parent)}) as book:
        sheet = book.add_worksheet(spec.name)
        bold, text = book.add_format({"bold": True}), book.add_format({"num_format": "@"})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for place, name in enumerate(table):
            form = text if kinds.get(name) is str else day if name in dates else None
            sheet.set_column(place, place, max(12, min(len(name) + 2, 24)), form)
            sheet.write_string(0, place, name, bold)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, len(table), max(len(table.columns) - 1, 0))
        columns = [table[name].astype(object).to_list() for name in table]
        for number, row in enumerate(zip(*columns, strict=True), start=1):
            for place, value in enumerate(row):
                _write_cell(sheet, number, place, value, text, day)


def _write_cell(sheet: Any, row: int, column: int, value: Any, text: object, day: object) -> None:
    if pd.isna(value):
        return
    if isinstance(value, str):
        sheet.write_string(row, column, value, text)
    elif isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif not isinstance(value, dt.date):
        sheet.write_number(row, column, _Exact(value))
    elif value < _FIRST_EXCEL_DAY:
        sheet.write_string(row, column, value.isoformat(), text)
    else:
        sheet.write_datetime(row, column, dt.datetime.combine(value, dt.time()), day)


class _Exact(float):
    """A number that is written with the digits that make it: the library would write 16."""

    def __format__(self, _form: str) -> str:
        return str(int(self)) if self.is_integer() else repr(float(self))


def _continued(table: pd.DataFrame) -> pd.DataFrame:
    """Break well-known text that no cell of a sheet can hold."""
    if "wkt" not in table or table.empty:
        return table
    longest = int(table["wkt"].str.len().fillna(0).max())
    parts = range(0, max(longest, 1), MAX_CELL)
    names = ["wkt", *(f"wkt_{number + 2}" for number in range(len(parts) - 1))]
    pieces = [table["wkt"].str.slice(start, start + MAX_CELL) for start in parts]
    told = {name: piece.where(piece != "") for name, piece in zip(names, pieces, strict=True)}
    return table.assign(**told)
