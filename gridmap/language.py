"""The two languages of the interface: English message ids, one catalogue for Chinese.

Belongs here: reading the catalogues. A new sentence is English in the code and has an entry in
``locale/zh.po``; a test holds them complete.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from babel.messages.pofile import read_po

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES = ("zh", "en")
LOCALE = Path(__file__).parent / "locale"


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Return the translations of a language, by English message.

    Parameters
    ----------
    language
        One of `LANGUAGES`; English is the message itself, its catalogue is empty.

    Returns
    -------
    mapping
        English -> translation.

    Examples
    --------
    >>> catalogue("zh")["Grids"]
    '网格'
    """
    if language == "en":
        return MappingProxyType({})
    with (LOCALE / f"{language}.po").open("rb") as file:
        messages = {str(m.id): str(m.string) for m in read_po(file) if m.id}
    return MappingProxyType(messages)


def translate(message: str, language: str) -> str:
    """Return a message in a language.

    Parameters
    ----------
    message
        English text.
    language
        One of `LANGUAGES`.

    Returns
    -------
    str
        The translation, or the message where there is none.
    """
    return catalogue(language).get(message, message)
