"""Excel workbooks, through calamine: the sheet, its row of headings, and cells as they are kept.

A row keeps its number in the sheet. The headings are the first row with two cells or more: above
it a title may stand. Nothing is computed: of a formula its last result is read.
"""

from __future__ import annotations

import datetime as dt
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetVisibleEnum

from gridmap.reader.problems import Problem
from gridmap.reader.rows import BATCH, NUMBER, Rows, one_layer

MOST_DIGITS = 10**15
"""From here on a spreadsheet has lost digits of a whole number."""


def opened(path: Path, request: dict[str, Any]) -> Rows:
    """Return the rows of one sheet; empty and hidden sheets are none unless they are named."""
    try:
        # Read by the library, not by its suffix: what is in it decides.
        with path.open("rb") as file:
            book = CalamineWorkbook.from_object(file)
        name = _sheet(book, request["layer"])
        sheet = book.get_sheet_by_name(name)
        lines = [
            (number, cells)
            for number, cells in enumerate(sheet.iter_rows(), 1)
            if any(cell != "" for cell in cells)
        ]
    except PasswordError as error:
        raise Problem("encrypted") from error
    except (CalamineError, zipfile.BadZipFile, ValueError) as error:
        raise Problem("unreadable") from error
    if len(lines) > request["max_rows"] + 2:
        raise Problem("too_many_rows")
    headings, body = _headed(lines)
    columns = {
        heading: _column([cells[place] if place < len(cells) else "" for _, cells in body])
        for place, heading in headings.items()
    }
    numbers = pa.array([number for number, _ in body], pa.int64())
    table = pa.table({**columns, NUMBER: numbers})
    told = {"crs": None, "encoding": None, "layer": name}
    return Rows(iter(table.to_batches(BATCH)), table.schema, told=told)


def _sheet(book: CalamineWorkbook, asked: str | None) -> str:
    """Return the sheet that was named, or the only one that is shown and holds something."""
    if asked in book.sheet_names:
        return str(asked)
    shown = [
        sheet.name
        for sheet in book.sheets_metadata
        if sheet.visible == SheetVisibleEnum.Visible and book.get_sheet_by_name(sheet.name).height
    ]
    return one_layer(shown, asked)


def _headed(
    lines: list[tuple[int, list[Any]]],
) -> tuple[dict[int, str], list[tuple[int, list[Any]]]]:
    """Return the headings by their place, and the rows below them."""
    filled = [sum(cell != "" for cell in cells) for _, cells in lines]
    most = max(filled, default=0)
    head = next((i for i, count in enumerate(filled) if count >= min(2, most)), None)
    if head is None:
        raise Problem("no_layer")
    names = [_text(cell) for cell in lines[head][1]]
    headings = {place: name for place, name in enumerate(names) if name}
    twice = sorted({name for name in headings.values() if names.count(name) > 1})
    if twice:
        raise Problem("duplicate_columns", columns=twice)
    return headings, lines[head + 1 :]


def _column(cells: list[Any]) -> pa.Array:
    """Return cells in their one type, as text where they have several."""
    given = [None if cell == "" else cell for cell in cells]
    kinds = {type(cell) for cell in given if cell is not None}
    if kinds and kinds <= {int, float}:
        return pa.array(given, pa.float64())
    if kinds == {bool}:
        return pa.array(given, pa.bool_())
    return pa.array([None if cell is None else _text(cell) for cell in given], pa.string())


def _text(cell: Any) -> str:
    """Return a cell as text: a whole number without a point, one that lost digits as it is."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < MOST_DIGITS:
        return str(int(cell))
    if isinstance(cell, float):
        return f"{cell:.14E}" if abs(cell) >= MOST_DIGITS else repr(cell)
    if isinstance(cell, dt.datetime) and cell.time() == dt.time():
        return cell.date().isoformat()
    if isinstance(cell, dt.date | dt.time):
        return cell.isoformat()
    # What cannot be UTF-8 cannot be stored either.
    return str(cell).encode("utf-8", "replace").decode().strip()
