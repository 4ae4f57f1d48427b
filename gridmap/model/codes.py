"""Levels and division codes."""

from __future__ import annotations

from enum import StrEnum

from gridmap.errors import CodeError


class Level(StrEnum):
    """The levels of a district, from the top."""

    DISTRICT = "district"
    STREET = "street"
    COMMUNITY = "community"
    GRID = "grid"
    BUILDING = "building"


CODE_LENGTH = {Level.DISTRICT: 6, Level.STREET: 9, Level.COMMUNITY: 12, Level.GRID: 15}
"""Digits of a division code: GB/T 2260, GB/T 10114, statistical code, unit grid (domain.md 1.1)."""

DIVISION_LEVELS = tuple(CODE_LENGTH)


# Kind of a street-level or community-level code by its last three digits (domain.md 1.1).
_KIND_RANGES: dict[Level, tuple[tuple[int, int, str], ...]] = {
    Level.STREET: (
        (1, 99, "street"),
        (100, 199, "town"),
        (200, 399, "township"),
        (400, 599, "similar"),
    ),
    Level.COMMUNITY: (
        (1, 199, "community"),
        (200, 399, "village"),
        (400, 499, "similar_community"),
        (500, 599, "similar_village"),
        (601, 999, "merged_community"),
    ),
}


def level_of(code: str) -> Level:
    """Return the level a division code belongs to.

    Parameters
    ----------
    code
        6, 9, 12 or 15 digits.

    Returns
    -------
    Level
        Never `Level.BUILDING`: building codes are opaque.

    Raises
    ------
    CodeError
        Other characters or another length.

    Examples
    --------
    >>> level_of("500108001")
    <Level.STREET: 'street'>
    """
    if code.isascii() and code.isdigit():
        for level, length in CODE_LENGTH.items():
            if len(code) == length:
                return level
    raise CodeError(f"{code!r} is no division code: 6, 9, 12 or 15 digits are expected")


def parent_code(code: str) -> str | None:
    """Return the code one level up, or None for a district.

    Parameters
    ----------
    code
        A division code.

    Returns
    -------
    str or None
        Its prefix.

    Raises
    ------
    CodeError
        ``code`` is no division code.

    Examples
    --------
    >>> parent_code("500108001001")
    '500108001'
    """
    length = CODE_LENGTH[level_of(code)]
    return None if length == CODE_LENGTH[Level.DISTRICT] else code[: length - 3]


def kind_of(code: str) -> str | None:
    """Return the kind of a division that its code's range states.

    Parameters
    ----------
    code
        A division code.

    Returns
    -------
    str or None
        ``street``, ``town``, ``community``, ``village``, …; ``basic`` for a grid, ``district``
        for a district; None where the digits are in no range.

    Raises
    ------
    CodeError
        ``code`` is no division code.

    Notes
    -----
    Rule C03. Source: GB/T 10114-2003 and the statistical division codes (domain.md 1.1).

    Examples
    --------
    >>> kind_of("500108100"), kind_of("500108001001")
    ('town', 'community')
    """
    level = level_of(code)
    if level not in _KIND_RANGES:
        return "district" if level is Level.DISTRICT else "basic"
    number = int(code[-3:])
    return next((kind for low, high, kind in _KIND_RANGES[level] if low <= number <= high), None)
