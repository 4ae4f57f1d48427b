"""Excel templates: a layer as an empty sheet with Chinese headings, and a sheet that explains it.

Belongs here: which heading stands for a field, what a cell of its column may be. Does not belong
here: reading the sheet once it is filled in (``reading``), writing rows (``sheets``).
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import xlsxwriter

from gridmap.errors import InputError
from gridmap.files.sheets import MAX_SHEET_ROWS, NOTES_SHEET
from gridmap.files.writing import require_folder, whole
from gridmap.language import translate
from gridmap.model import CHOICES, POSITIONS, Field, Kind, headings_of, matches
from gridmap.model.fields import MAX_CODE, MAX_TEXT
from gridmap.model.headings import HEADINGS

if TYPE_CHECKING:
    from pathlib import Path

    from gridmap.model import LayerSpec

_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_YES_NO = ("是", "否")
_FIRST_DAY = dt.date(1901, 1, 1)
_TEXT_FORMAT = 49  # the number Excel itself has for text
_LONGEST = 60  # characters of a column of the explanations

_PLACES = (
    Field("lon", Kind.NUMBER, "longitude in degrees", required=True, low=-180, high=180, unit="°"),
    Field("lat", Kind.NUMBER, "latitude in degrees", required=True, low=-90, high=90, unit="°"),
)
_SHAPE = (Field("wkt", Kind.TEXT, "shape as well-known text", required=True),)

NOTES = ("field", "heading", "meaning", "kind", "needed", "limits", "values")
"""Columns of the explanations, as message ids."""

_MOST, _FROM, _CHOOSE = (
    "at most {most} characters",
    "from 1901-01-01",
    "Choose one of the words of the list.",
)
TEMPLATE_WORDS = (*NOTES, *map(str, Kind), _MOST, _FROM, _CHOOSE,
                  *(place.meaning for place in (*_PLACES, *_SHAPE)))  # fmt: skip
"""What a template says beside the meanings of fields, as message ids."""


def template_fields(spec: LayerSpec) -> dict[str, Field]:
    """Return the columns of a layer's template, by their Chinese headings.

    Parameters
    ----------
    spec
        The layer.

    Returns
    -------
    dict
        Heading -> field, in the order of the layer; of a layer with a geometry its place last:
        ``lon`` and ``lat`` of points, else ``wkt``. The heading is the first one, of those that
        only this layer has before all others, that an import takes for this field.

    Examples
    --------
    >>> from gridmap.model import LAYERS
    >>> list(template_fields(LAYERS["entrance"]))
    ['出入口编码', '楼栋编码', '出入口名称', '经度', '纬度']
    """
    places = _PLACES if "Point" in spec.kinds else _SHAPE if spec.kinds else ()
    known = headings_of(spec)
    return {_heading(spec, field.name, known): field for field in (*spec.fields, *places)}


def _heading(spec: LayerSpec, name: str, known: dict[str, tuple[str, ...]]) -> str:
    own = (*HEADINGS.get(f"{spec.name}.{name}", ()), *HEADINGS.get(name, ()))
    chinese = (one for one in own if _CHINESE.search(one))
    return next((one for one in chinese if matches([one], known) == {name: [one]}), name)


def write_template(spec: LayerSpec, path: Path, *, language: str = "zh") -> None:
    """Write an empty Excel sheet for a layer, and one that explains its columns.

    Parameters
    ----------
    spec
        The layer.
    path
        The file, ``.xlsx``; replaced only when the new one is whole.
    language
        Of the explanations: ``zh`` or ``en``. Headings and choices are Chinese.

    Raises
    ------
    InputError
        The name has another ending, or the file cannot be written there.

    Notes
    -----
    Rule: the sheet has headings only, so that nothing is there which an import could take for a
    row. Text has the format of text: no code loses digits, none becomes a date. Choices are a
    list to choose from, numbers and days have their limits. The second sheet is no data to an
    import.
    """
    if path.suffix.lower() != ".xlsx":
        raise InputError(f"{path.name}: a template is an Excel workbook; end the name in .xlsx")
    require_folder(path)
    fields = template_fields(spec)
    with whole(path) as part, xlsxwriter.Workbook(part) as book:
        _write_sheet(book, spec, fields, language)
        _write_notes(book, fields, language)


def _write_sheet(book: Any, spec: LayerSpec, fields: dict[str, Field], language: str) -> None:
    """Write the sheet to be filled in: headings, formats, what a cell may be."""
    sheet = book.add_worksheet(spec.name)
    needed = book.add_format({"bold": True, "bg_color": "#FCE4D6", "border": 1})
    other = book.add_format({"bold": True, "bg_color": "#EDEDED", "border": 1})
    forms = {
        Kind.TEXT: book.add_format({"num_format": _TEXT_FORMAT}),
        Kind.DATE: book.add_format({"num_format": "yyyy-mm-dd"}),
    }
    for place, (heading, field) in enumerate(fields.items()):
        width = max(12, min(2 * len(heading) + 2, 24))
        sheet.set_column(place, place, width, forms.get(field.kind))
        sheet.write_string(0, place, heading, needed if field.required else other)
        sheet.data_validation(1, place, MAX_SHEET_ROWS, place, _cell(field, language))
    sheet.freeze_panes(1, 0)


def _cell(field: Field, language: str) -> dict[str, Any]:
    """Return what a cell of a field's column may be, as the workbook has it."""
    told = {"input_message": translate(field.meaning, language)}
    limits = {"criteria": "between", "minimum": field.low, "maximum": field.high}
    limited = field.low is not None and field.high is not None
    if field.choices or field.kind is Kind.BOOLEAN:
        words = [CHOICES[choice][0] for choice in field.choices] or list(_YES_NO)
        return told | {
            "validate": "list",
            "source": words,
            "error_message": translate(_CHOOSE, language),
        }
    if field.kind is Kind.DATE:
        rule = {"validate": "date", "criteria": ">=", "value": _FIRST_DAY}
    elif field.kind is Kind.TEXT and field.name not in POSITIONS:
        rule = {"validate": "length", "criteria": "<=", "value": _most(field)}
    elif field.kind in (Kind.INTEGER, Kind.NUMBER) and limited:
        rule = {"validate": "integer" if field.kind is Kind.INTEGER else "decimal", **limits}
    else:
        return told | {"validate": "any"}
    return told | rule | {"error_message": _limits(field, language)}


def _most(field: Field) -> int:
    return MAX_CODE if "code" in field.name else MAX_TEXT


def _limits(field: Field, language: str) -> str:
    """Return the limits of a field in words; nothing where it has none."""
    if field.low is not None and field.high is not None:
        return f"{_plain(field.low)} – {_plain(field.high)} {field.unit}".rstrip()
    if field.kind is Kind.DATE:
        return translate(_FROM, language)
    if field.kind is Kind.TEXT and not field.choices and field.name not in POSITIONS:
        return translate(_MOST, language).format(most=_most(field))
    return ""


def _plain(number: float) -> str:
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:g}"


def _write_notes(book: Any, fields: dict[str, Field], language: str) -> None:
    """Write the sheet that explains each column."""
    sheet = book.add_worksheet(NOTES_SHEET)
    bold = book.add_format({"bold": True, "bg_color": "#EDEDED", "border": 1})
    cell = book.add_format({"text_wrap": True, "valign": "top"})
    rows = [[translate(name, language) for name in NOTES]]
    rows += [_note(heading, field, language) for heading, field in fields.items()]
    for number, row in enumerate(rows):
        for place, text in enumerate(row):
            sheet.write_string(number, place, text, cell if number else bold)
    for place, column in enumerate(zip(*rows, strict=True)):
        longest = max(len(line) for text in column for line in text.split("\n") or [""])
        sheet.set_column(place, place, max(8, min(2 * longest, _LONGEST)))
    sheet.freeze_panes(1, 0)


def _note(heading: str, field: Field, language: str) -> list[str]:
    kind = translate(str(field.kind), language)
    words = "\n".join(f"{CHOICES[choice][0]} ({choice})" for choice in field.choices)
    if field.kind is Kind.BOOLEAN:
        words = " / ".join(_YES_NO)
    return [
        field.name,
        heading,
        translate(field.meaning, language),
        kind,
        "*" if field.required else "",
        _limits(field, language),
        words,
    ]
