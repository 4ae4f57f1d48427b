"""Which encoding text is in, told from its bytes; a file of text in UTF-8.

A wrong guess is worse than a question: of names that several encodings can write, none is taken.
The guess is our own and not a library's, for it need choose among the few encodings of this part
of the world only, on names of two or three characters.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridmap.reader.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

CHUNK = 1 << 20
SAMPLE_BYTES = 4 << 20
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Marks at the start of a text; the longer of those that begin alike come first."""
LEAST_COMMON, LEAST_LEAD = 0.6, 5.0
"""The share of common characters that text must have, and how much likelier the best encoding must
be than the next, as a logarithm: 150 times."""
HOME, HOME_LEAD = "gb18030", 2.3
"""What is likeliest before a byte is seen, and by how much: files of a Chinese district."""
MOST_CELLS = 5000
WESTERN = {"cp1252", "iso8859-1", "iso8859-15", "ascii", "latin_1", "cp437", "cp850"}
FAMILIES = {
    "utf-8": {"utf-8", "utf-8-sig"},
    "gb18030": {"gb18030", "gbk", "gb2312"},
    "cp932": {"cp932", "shift_jis"},
    "big5": {"big5", "cp950", "big5hkscs"},
}
"""Names an encoding may be declared by, for each that is told apart; of others nothing is known."""


def in_utf8(path: Path, request: dict[str, Any], *, table: bool) -> tuple[Path, str]:
    """Return a file of text in UTF-8, a copy where it is in another encoding, and which that is."""
    encoding = request["encoding"] or marked(path)
    if encoding is None:
        encoding = believed(cells_of(path, table=table), "utf-8" if is_utf8(path) else None)
    name = spelled_or_refused(encoding)
    # GDAL reads this encoding itself, with its mark or without; a table only under such a name.
    if name == "UTF-8" and (not table or path.suffix.lower() == ".csv"):
        return path, name
    copy = Path(request["out"]).with_name("text.csv" if table else "text.geojson")
    recode(path, copy, encoding)
    return copy, name


def spelled_or_refused(encoding: str) -> str:
    """Return the name of an encoding the user gave; refuse one nobody knows."""
    try:
        "a".encode(encoding)  # not a codec that unpacks, which Python has too
        return spelled(encoding)
    except (LookupError, ValueError) as error:
        raise Problem("unknown_encoding", encoding=encoding[:40]) from error


def spelled(encoding: str) -> str:
    """Return an encoding's name as people write it."""
    name = codecs.lookup(encoding).name.upper()
    return "UTF-8" if name == "UTF-8-SIG" else name


def marked(path: Path) -> str | None:
    """Return the encoding that the mark at a file's start tells."""
    with path.open("rb") as file:
        head = file.read(4)
    return next((name for mark, name in MARKS.items() if head.startswith(mark)), None)


def is_utf8(path: Path) -> bool:
    """Whether a whole file is UTF-8; ASCII is."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def recode(path: Path, copy: Path, encoding: str) -> None:
    """Write a file anew in UTF-8, without a mark."""
    decoder = codecs.getincrementaldecoder(encoding)()
    first = True
    try:
        with path.open("rb") as file, copy.open("wb") as out:
            while chunk := file.read(CHUNK):
                text = decoder.decode(chunk)
                out.write((text.lstrip("\ufeff") if first else text).encode())
                first = False
            out.write(decoder.decode(b"", final=True).encode())
    except UnicodeError as error:
        raise Problem("encoding") from error


def cells_of(path: Path, *, table: bool) -> list[bytes]:
    """Return the pieces of a text that are not ASCII, cut where every encoding has ASCII."""
    with path.open("rb") as file:
        sample = file.read(SAMPLE_BYTES)
    pieces = re.split(rb'[\r\n\t",;]+' if table else rb'[\r\n\t",:]+', sample)
    return [piece for piece in pieces[: -1 if len(sample) == SAMPLE_BYTES else None] if piece]


@dataclass(frozen=True)
class Guess:
    """An encoding that can write some text: how likely it is, and how common its characters are."""

    name: str
    likelihood: float
    common: float


def detected(cells: Iterable[bytes]) -> str:
    """Return the encoding of cells; ask where it is not clear."""
    guesses = guesses_of(cells)
    clear = bool(guesses) and guesses[0].common >= LEAST_COMMON
    if len(guesses) > 1:
        clear &= guesses[0].likelihood - guesses[1].likelihood >= LEAST_LEAD
    if not clear:
        raise Problem("encoding", likely=[spelled(guess.name) for guess in guesses])
    return guesses[0].name


def believed(cells: Iterable[bytes], declared: str | None) -> str:
    """Return the encoding of cells of which the file declares one, None where it does not.

    It is believed where the bytes can be that and do not look more like another. Western ones are
    no declaration: they are written by default, and every byte can be that.
    """
    some = list(cells)
    if declared is None or codecs.lookup(declared).name in WESTERN or not fits(some, declared):
        return detected(some)
    guesses = guesses_of(some)
    family = next((name for name, names in FAMILIES.items() if declared in names), None)
    own = next((guess.likelihood for guess in guesses if guess.name == family), None)
    # Of no other text is anything known, and where all is ASCII nothing need be.
    if own is None or own >= guesses[0].likelihood - LEAST_LEAD:
        return declared
    if guesses[0].name == "utf-8":
        return "utf-8"
    raise Problem("encoding", likely=[spelled(declared), spelled(guesses[0].name)])


def fits(cells: Iterable[bytes], encoding: str) -> bool:
    """Whether all cells are in an encoding; a last character may be cut in half."""
    try:
        for cell in cells:
            codecs.getincrementaldecoder(encoding)().decode(cell)
    except UnicodeDecodeError:
        return False
    return True


def best_of(cells: Iterable[bytes]) -> str:
    """Return the likeliest encoding where a wrong one does no harm: of a file's name."""
    guesses = guesses_of(cells)
    return guesses[0].name if guesses else "utf-8"


def guesses_of(cells: Iterable[bytes]) -> list[Guess]:
    """Return the encodings that can write all cells, the likeliest first.

    Each character counts by how many others are as common as it in the language an encoding is
    made for. A last character may be cut in half: tables of fixed width do that.
    """
    some = list(dict.fromkeys(cell for cell in cells if not cell.isascii()))[:MOST_CELLS]
    found = []
    for name, marked_by in CANDIDATES.items():
        decoder = codecs.getincrementaldecoder(name)
        try:
            texts = [decoder().decode(cell) for cell in some]
        except UnicodeDecodeError:
            continue
        marks = [mark for text in texts for mark in marked_by(text)]
        if marks:
            lead = HOME_LEAD if name == HOME else 0.0
            total = sum(log(share / of) for share, of in marks) + lead
            common = sum(mark in COMMON for mark in marks) / len(marks)
            found.append(Guess(name, total, common))
    return sorted(found, key=lambda guess: -guess.likelihood)


GB_COMMON, GB_SIGN, GB_RARE, GB_OTHER = (0.95, 3755), (0.015, 282), (0.03, 3008), (0.005, 14000)
JIS_KANA, JIS_COMMON, JIS_SIGN = (0.35, 170), (0.6, 2965), (0.03, 250)
JIS_NARROW, JIS_OTHER = (0.005, 63), (0.015, 4000)
BIG_COMMON, BIG_SIGN, BIG_OTHER = (0.96, 5401), (0.02, 408), (0.02, 7652)
LETTER, LETTERS, LATIN_SIGN = (0.9, 62), (0.02, 60), (0.002, 66)
WIDE, WIDE_LETTER, WIDE_OTHER = (0.95, 7000), (0.3, 100), (0.01, 3000)
COMMON = {GB_COMMON, GB_SIGN, JIS_KANA, JIS_COMMON, JIS_SIGN, BIG_COMMON, BIG_SIGN, LETTER, WIDE,
          WIDE_LETTER}  # fmt: skip
"""Of each class of characters the share of text that is in it, about, and how many there are."""


def _gb(text: str) -> list[tuple[float, int]]:
    """Mark characters by the levels of GB 2312."""
    return [_level(code, GB_LEVELS, GB_OTHER) for code in _codes(text, "gb2312")]


def _jis(text: str) -> list[tuple[float, int]]:
    """Mark characters by the levels of JIS; katakana of half width are rare in what is kept now."""
    return [_level(code, JIS_LEVELS, JIS_OTHER) for code in _codes(text, "cp932")]


def _big(text: str) -> list[tuple[float, int]]:
    """Mark characters by the levels of Big5."""
    return [_level(code, BIG_LEVELS, BIG_OTHER) for code in _codes(text, "big5")]


GB_LEVELS = {
    (0xB0A1, 0xD7FE): GB_COMMON,
    (0xD8A1, 0xF7FE): GB_RARE,
    (0xA1A1, 0xA1FE): GB_SIGN,
    (0xA3A1, 0xA3FE): GB_SIGN,
}
JIS_LEVELS = {
    (0x829F, 0x82F1): JIS_KANA,
    (0x8340, 0x8396): JIS_KANA,
    (0x889F, 0x9872): JIS_COMMON,
    (0x8140, 0x829A): JIS_SIGN,
    (0x00A1, 0x00DF): JIS_NARROW,
}
BIG_LEVELS = {(0xA440, 0xC67E): BIG_COMMON, (0xA140, 0xA3BF): BIG_SIGN}


def _codes(text: str, encoding: str) -> Iterator[int]:
    """Yield the code of each character that is not ASCII, 0 where it has none."""
    for character in text:
        if not character.isascii():
            try:
                yield int.from_bytes(character.encode(encoding))
            except UnicodeEncodeError:
                yield 0


def _level(
    code: int, levels: dict[tuple[int, int], tuple[float, int]], other: tuple[float, int]
) -> tuple[float, int]:
    return next((mark for (low, high), mark in levels.items() if low <= code <= high), other)


def _latin(text: str) -> list[tuple[float, int]]:
    """Mark western text: its accents stand alone, between letters of the alphabet."""
    return [
        LETTER if alone else LETTERS if one.isalpha() and one >= "\u00c0" else LATIN_SIGN
        for one, alone in _accents(text)
    ]


def _utf8(text: str) -> list[tuple[float, int]]:
    """Mark text that need not be of this part of the world."""
    return [
        WIDE if "\u2e80" <= one <= "\uffef" else WIDE_LETTER if alone else WIDE_OTHER
        for one, alone in _accents(text)
    ]


def _accents(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each character that is not ASCII, and whether it is a letter among letters that are."""
    for before, one, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if not one.isascii():
            beside = before.isascii() and after.isascii() and (before + after).strip() != ""
            yield one, beside and one.isalpha() and one >= "\u00c0"


CANDIDATES: dict[str, Callable[[str], list[tuple[float, int]]]] = {
    "utf-8": _utf8,
    "gb18030": _gb,
    "cp932": _jis,
    "big5": _big,
    "cp1252": _latin,
}
"""The encodings that are told apart, each with how its characters are marked."""
