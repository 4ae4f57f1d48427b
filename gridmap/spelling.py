"""How a text is found: as it is written, by its pinyin, by the initials of its pinyin.

Belongs here: what of a text counts, its forms, and how well a question fits them. Does not belong
here: which texts there are (``store``), in which order objects are shown (``jobs``).

Only letters and digits count, whatever their width and case. A question in Chinese is looked for in
the text as written; one in Latin letters and digits also in both forms of the pinyin.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from pypinyin import lazy_pinyin

LONGEST = 200
"""Characters of a text that are looked at: an index holds no longer ones."""

LEAST_INSIDE = 3
"""Latin letters or digits that are looked for inside a text too. Fewer are in nearly every text,
and an index of groups of three finds none."""

MARK = "\ua78f"
"""A letter that no text has: put around each Chinese character, it lets an index of groups of
three find single ones and pairs. It is the sinological dot: the database takes it for a letter."""

_ENDS = frozenset("省市区县街镇乡村路巷社里坡组号幢栋楼道")


class Fit(IntEnum):
    """How well a question fits a text, the best first."""

    EXACT = 0
    BEGINNING = 1
    WORD = 2
    INSIDE = 3


class Form(IntEnum):
    """In which form of a text a question was found."""

    WRITTEN = 0
    PINYIN = 1
    INITIALS = 2


class Found(NamedTuple):
    """How well, and in which form."""

    fit: Fit
    form: Form


@dataclass(frozen=True)
class Spelling:
    """The forms of a text.

    ``starts`` and ``syllables`` have a 1 where in ``written`` and in ``pinyin`` a word begins, and
    a 0 elsewhere. ``grams`` is all three for an index of groups of three characters.
    """

    written: str
    pinyin: str = ""
    initials: str = ""
    starts: str = ""
    syllables: str = ""
    grams: str = ""


def folded(text: str) -> str:
    """Return what of a text counts.

    Parameters
    ----------
    text
        Any.

    Returns
    -------
    str
        Its letters and digits, in their usual width and small.

    Examples
    --------
    >>> folded("幸福路１２－３号 （Ａ座）")
    '幸福路123号a座'
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    # Folding can take letters apart again.
    plain = unicodedata.normalize("NFKC", plain)
    return "".join(sign for sign in plain if sign.isalnum() and sign != MARK)


@lru_cache(maxsize=2**16)  # the name of a road comes with each of its houses
def _syllables(text: str) -> tuple[str, ...]:
    """Return the syllables of a text without digits or Latin letters."""
    return tuple(folded(syllable) for syllable in lazy_pinyin(text))


def spelled(text: str, *, code: bool = False) -> Spelling:
    """Return the forms of a text.

    Parameters
    ----------
    text
        A name or an address.
    code
        It is a code: it has no pinyin, and is not looked for inside.

    Returns
    -------
    Spelling
        ``pinyin`` and ``initials`` are empty where they are as it is written.

    Notes
    -----
    Rule: one reading a text, the usual one of its words (重庆 is chong qing). Source: pypinyin's
    dictionary of phrases. A word begins after another kind of sign, and after what an address ends
    a part with (街, 路, 社区, …). Own choice.

    Examples
    --------
    >>> spelled("重庆路12号").pinyin, spelled("重庆路12号").initials
    ('chongqinglu12hao', 'cql12h')
    """
    written = folded(text[:LONGEST])[:LONGEST]
    if code or not written:
        return Spelling(written)
    parts: list[str] = []
    for plain, signs in groupby(written, key=str.isascii):
        run = "".join(signs)
        parts += list(run) if plain else [one for one in _syllables(run) if one]
    pinyin, initials = "".join(parts), "".join(part[0] for part in parts)
    if pinyin == written:
        return Spelling(written, "", "", _starts(written), "", written)
    syllables = "".join("1" + "0" * (len(part) - 1) for part in parts)
    grams = "\n".join((marked(written), pinyin, initials))
    return Spelling(written, pinyin, initials, _starts(written), syllables, grams)


def marked(written: str) -> str:
    """Return a folded text with a mark around each character that is not Latin.

    Parameters
    ----------
    written
        From `folded`.

    Returns
    -------
    str
        A part of a text is, so marked, a part of that text so marked.

    Examples
    --------
    >>> marked("路12").replace(MARK, "·")
    '·路·12'
    """
    pieces, after = [], False
    for sign in written:
        wide = not sign.isascii()
        pieces.append(MARK + sign if wide or after else sign)
        after = wide
    return "".join(pieces) + (MARK if after else "")


def _starts(written: str) -> str:
    """Return where words begin in a folded text."""
    starts, before, former = [], "", ""
    for sign in written:
        kind = "0" if sign.isdigit() else "a" if sign.isascii() else "中"
        starts.append("1" if kind != before or former in _ENDS else "0")
        before, former = kind, sign
    return "".join(starts)


def inside(question: str) -> bool:
    """Tell whether a question is looked for inside texts too.

    Parameters
    ----------
    question
        From `folded`.

    Returns
    -------
    bool
        Whether it is long enough, see `LEAST_INSIDE`.
    """
    return not question.isascii() or len(question) >= LEAST_INSIDE


def found(question: str, text: Spelling) -> Found | None:
    """Tell how well a question fits a text.

    Parameters
    ----------
    question
        From `folded`.
    text
        From `spelled`.

    Returns
    -------
    Found or None
        The best fit, and the first form that has it; None if it is nowhere.

    Notes
    -----
    Rule: of several places in a text the first counts.

    Examples
    --------
    >>> found("fulu", spelled("幸福路12号"))
    Found(fit=<Fit.WORD: 2>, form=<Form.PINYIN: 1>)
    """
    forms = [(Form.WRITTEN, text.written, text.starts)]
    if question.isascii() and text.pinyin:
        forms.append((Form.PINYIN, text.pinyin, text.syllables))
        forms.append((Form.INITIALS, text.initials, "1" * len(text.initials)))
    fits = [
        Found(fit, form)
        for form, spelling, starts in forms
        if question and (fit := _fit(question, spelling, starts, deep=bool(text.grams))) is not None
    ]
    return min(fits, default=None)


def _fit(question: str, spelling: str, starts: str, *, deep: bool) -> Fit | None:
    """Return how well a question fits one form."""
    at = spelling.find(question)
    if at < 0:
        return None
    if at == 0:
        return Fit.EXACT if len(spelling) == len(question) else Fit.BEGINNING
    if not deep or not inside(question):
        return None
    return Fit.WORD if starts[at] == "1" else Fit.INSIDE
