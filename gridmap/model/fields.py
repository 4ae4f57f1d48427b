"""Columns of a layer: their types, how a cell is read, and what a column can have wrong."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd

from gridmap.model.choices import CHOICES, chosen
from gridmap.model.reports import Issue


class Kind(StrEnum):
    """The type of a column."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"


@dataclass(frozen=True)
class Field:
    """One column of a layer: type, limits, meaning, and the Chinese heading."""

    name: str
    kind: Kind
    meaning: str
    required: bool = False
    low: float | None = None
    high: float | None = None
    unit: str = ""
    choices: tuple[str, ...] = ()


_TRUE = {"1", "1.0", "true", "yes", "是", "y", "t"}
_FALSE = {"0", "0.0", "false", "no", "否", "n", "f"}
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[T ].*)?")
"""Year, month, day, in this order, with the signs Chinese tables have between them."""

SHEET_DIGITS = 15
"""How many digits of a number a spreadsheet keeps; of more the rest become 0."""
_SCIENTIFIC = re.compile(r"\d[.,]\d+[Ee]\+\d{1,3}")
"""How it writes such a number into a table of text."""
MAX_CODE, MAX_TEXT = 64, 500
"""Characters of a key and of any other text: what a label, an index and a page can bear."""


def parse(column: Field, values: pd.Series | None, index: pd.Index) -> tuple[pd.Series, pd.Series]:
    """Return a column in its type and the mask of cells that could not be read."""
    if values is None:
        values = pd.Series(None, index=index, dtype=object)
    if column.kind in (Kind.INTEGER, Kind.NUMBER) and is_numeric(values):
        # Adding 0 makes -0 what its text would be read as.
        return _numbers(column, values.astype(float) + 0.0, values.notna())
    text = texts(values)
    given = text.notna()
    if column.kind is Kind.TEXT:
        text = chosen(text, column.choices) if column.choices else text
        return text, pd.Series(False, index=index)  # noqa: FBT003
    if column.kind is Kind.BOOLEAN:
        lower = text.str.lower()
        parsed = lower.map(lambda v: True if v in _TRUE else False if v in _FALSE else None)
        return parsed.astype("boolean"), given & parsed.isna()
    if column.kind is Kind.DATE:
        dates = pd.Series([_as_date(v) for v in text], index=index, dtype=object)
        return dates, given & dates.isna()
    return _numbers(column, pd.to_numeric(text, errors="coerce").astype(float), given)


def _numbers(column: Field, numbers: pd.Series, given: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return numbers in a column's type, and the mask of cells that hold something else."""
    # Beyond 2**53 a float counts no more in ones.
    bad = given & ~(np.isfinite(numbers) & (numbers.abs() <= 2**53))
    if column.kind is Kind.INTEGER:
        bad |= given & numbers.notna() & (numbers != np.floor(numbers))
        return numbers.where(~bad).astype("Int64"), bad
    return numbers.where(~bad), bad


def _as_date(value: object) -> dt.date | None:
    """Return a year-month-day text as a date, None for any other."""
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    try:
        return dt.date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


def is_numeric(values: pd.Series) -> bool:
    """Whether the cells are numbers by their type, and null is NaN: no text need be made."""
    return isinstance(values.dtype, np.dtype) and values.dtype.kind in "iuf"


def filled(values: pd.Series) -> pd.Series:
    """Return the mask of cells that hold something, be it readable or not."""
    return values.notna() if is_numeric(values) else texts(values).notna()


def texts(values: pd.Series) -> pd.Series:
    """Return cells by `as_text`, as objects."""
    cells = [as_text(value) for value in values.astype(object)]
    text = pd.Series(cells, index=values.index, dtype=object)
    empty = text.isna()
    return text.mask(empty, np.nan) if empty.any() and not empty.all() else text


def as_text(value: object) -> str | None:
    """Return a cell as stripped text, None for every kind of empty.

    A line ends in one way: formats and programs change it as they like, and none says anything.
    """
    if type(value) is str:  # first, for most are
        text = value.strip()
        return (re.sub("\r\n?", "\n", text) if "\r" in text else text) or None
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))  # a code column that pandas read as numbers
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return str(value).strip() or None


def check_field(column: Field, values: pd.Series, layer: str) -> list[Issue]:
    """Check one column: presence, type, limits, choices."""
    parsed, bad = parse(column, values, values.index)
    issues = [
        Issue(
            "F03.type",
            int(row),
            column.name,
            {"value": str(values[row]), "kind": str(column.kind)},
        )
        for row in bad.index[bad]
    ]
    if column.kind is Kind.TEXT:
        issues += _check_text(column, values, parsed)
    if column.required:
        empty = parsed.isna() & ~bad
        issues += [
            Issue("F02.null", int(r), column.name, {"layer": layer}) for r in empty.index[empty]
        ]
    if column.choices:
        wrong = parsed.notna() & ~parsed.isin(column.choices)
        choices = ", ".join(f"{choice} {CHOICES[choice][0]}" for choice in column.choices)
        issues += [
            Issue("F05.choice", int(r), column.name, {"value": parsed[r], "choices": choices})
            for r in wrong.index[wrong]
        ]
    if column.low is not None and column.high is not None:
        wrong = (parsed < column.low) | (parsed > column.high)
        wrong = wrong.fillna(value=False).astype(bool)
        limits = {"low": f"{column.low:g}", "high": f"{column.high:g}", "unit": column.unit}
        issues += [
            Issue("F04.range", int(r), column.name, {"value": str(values[r]), **limits})
            for r in wrong.index[wrong]
        ]
    return issues


def _check_text(column: Field, values: pd.Series, parsed: pd.Series) -> list[Issue]:
    """Find text that is too long, and codes that a spreadsheet kept as numbers and cut."""
    most = MAX_CODE if "code" in column.name else MAX_TEXT
    issues = []
    for row, text, cell in zip(parsed.index, parsed, values.astype(object), strict=True):
        if _lost_digits(cell, code="code" in column.name):
            issues.append(Issue("F03.digits", int(row), column.name, {"value": text}))
        elif isinstance(text, str) and len(text) > most:
            told = {"value": text, "most": most, "length": len(text)}
            issues.append(Issue("F04.length", int(row), column.name, told))
    return issues


def _lost_digits(cell: object, *, code: bool) -> bool:
    """Whether a cell of text is a number from which a spreadsheet has cut digits: it keeps 15."""
    if isinstance(cell, float):
        return bool(abs(cell) >= 10**SHEET_DIGITS)
    return code and isinstance(cell, str) and bool(_SCIENTIFIC.fullmatch(cell.strip()))


def check_unique(frame: pd.DataFrame, key: tuple[str, ...]) -> list[Issue]:
    """Find keys that stand in several rows: one issue a key, at its second row."""
    keys = pd.DataFrame({name: texts(frame[name]) for name in key})
    keys = keys[keys.notna().all(axis=1)]
    repeated = keys[keys.duplicated(keep=False)]
    issues = []
    for value, group in repeated.groupby(list(key), sort=False):
        rows = ", ".join(str(r) for r in group.index[:10])
        label = "/".join(str(v) for v in value)
        issues.append(
            Issue(
                "C04.unique",
                int(group.index[1]),
                "/".join(key),
                {"value": label, "rows": rows},
            )
        )
    return issues
