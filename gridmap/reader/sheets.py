"""Excel workbooks, through calamine: the sheet, its row of headings, and cells as they are kept.

A row keeps its number in the sheet. The headings are the first row with two cells or more: above
it a title may stand. Nothing is computed: of a formula its last result is read.
"""

from __future__ import annotations

import datetime as dt
import zipfile
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetVisibleEnum

from gridmap.reader.problems import Problem
from gridmap.reader.rows import BATCH, NUMBER, Rows, one_layer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from python_calamine import CalamineSheet

NUMBERED = pa.field(NUMBER, pa.int64())
MOST_TITLES = 50
"""Within how many rows the headings are sought."""
MOST_DIGITS = 10**15
"""From here on a spreadsheet has lost digits of a whole number."""


def opened(path: Path, request: dict[str, Any]) -> Rows:
    """Return the rows of one sheet; empty, hidden, explaining sheets are none unless named.

    They are gone through twice, once for the headings and the types of columns.
    """
    try:
        # Read by the library, not by its suffix: what is in it decides.
        with path.open("rb") as file:
            book = CalamineWorkbook.from_object(file)
        name = _sheet(book, request["layer"], request.get("notes_sheet"))
        sheet = book.get_sheet_by_name(name)
    except PasswordError as error:
        raise Problem("encrypted") from error
    except (CalamineError, zipfile.BadZipFile, ValueError) as error:
        raise Problem("unreadable") from error
    if sheet.height > request["max_rows"] + MOST_TITLES:
        raise Problem("too_many_rows")
    head, headings = _headed(sheet)
    types = _types(sheet, head, headings)
    schema = pa.schema([*((headings[place], kind) for place, kind in types.items()), NUMBERED])
    told = {"crs": None, "encoding": None, "layer": name}
    return Rows(_batches(sheet, head, types, schema), schema, told=told)


def _lines(sheet: CalamineSheet, head: int) -> Iterator[tuple[int, list[Any]]]:
    """Yield the rows below the headings that hold something, with their numbers in the sheet."""
    for number, cells in enumerate(sheet.iter_rows(), 1):
        if number > head and any(cell != "" for cell in cells):
            yield number, cells


def _batches(
    sheet: CalamineSheet, head: int, types: dict[int, pa.DataType], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    lines = _lines(sheet, head)
    while some := list(islice(lines, BATCH)):
        columns = [_column([cells[place] for _, cells in some], k) for place, k in types.items()]
        numbers = pa.array([number for number, _ in some], pa.int64())
        yield pa.record_batch([*columns, numbers], schema=schema)


def _sheet(book: CalamineWorkbook, asked: str | None, notes: str | None) -> str:
    """Return the sheet that was named, or the only one that is shown and holds something.

    One that explains the others is looked at only where there are none.
    """
    if asked in book.sheet_names:
        return str(asked)
    shown = [
        sheet.name
        for sheet in book.sheets_metadata
        if sheet.visible == SheetVisibleEnum.Visible and book.get_sheet_by_name(sheet.name).height
    ]
    return one_layer([name for name in shown if name != notes] or shown, asked)


def _headed(sheet: CalamineSheet) -> tuple[int, dict[int, str]]:
    """Return the number of the row of headings, and these by their place."""
    for number, cells in enumerate(islice(sheet.iter_rows(), MOST_TITLES), 1):
        names = [_text(cell) for cell in cells]
        if sum(name != "" for name in names) >= min(2, sheet.width):
            twice = sorted({name for name in names if name and names.count(name) > 1})
            if twice:
                raise Problem("duplicate_columns", columns=twice)
            return number, {place: name for place, name in enumerate(names) if name}
    raise Problem("no_layer")


def _types(sheet: CalamineSheet, head: int, headings: dict[int, str]) -> dict[int, pa.DataType]:
    """Return each column's type by its place: that of its cells, text where they have several."""
    kinds: dict[int, set[type]] = {place: set() for place in headings}
    for _, cells in _lines(sheet, head):
        for place, seen in kinds.items():
            if cells[place] != "":
                seen.add(type(cells[place]))
    return {
        place: pa.float64()
        if seen and seen <= {int, float}
        else pa.bool_()
        if seen == {bool}
        else pa.string()
        for place, seen in kinds.items()
    }


def _column(cells: list[Any], kind: pa.DataType) -> pa.Array:
    """Return cells in a type."""
    if kind == pa.string():
        return pa.array([None if cell == "" else _text(cell) for cell in cells], kind)
    return pa.array([None if cell == "" else cell for cell in cells], kind)


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
