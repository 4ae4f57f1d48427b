"""Which encoding text is in, told from its bytes; a file of text in UTF-8.

A wrong guess is worse than a question: of names that several encodings can write, none is taken.
The guess is our own and not a library's, for it need choose among the few encodings of this part
of the world only, on names of two or three characters.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridmap.reader.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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
LEAST_SCORE, LEAST_LEAD = 0.8, 0.2
"""What the best encoding must reach, and by how much it must lead the next."""
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
    if encoding is None and is_utf8(path):
        encoding = "utf-8"
    if encoding is None:
        encoding = detected(cells_of(path, table=table))
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


def detected(cells: Iterable[bytes]) -> str:
    """Return the encoding of cells, some of which are not UTF-8; ask where it is not clear."""
    scores = scores_of(cells)
    if not scores or scores[0][1] < LEAST_SCORE:
        raise Problem("encoding", likely=[spelled(name) for name, _ in scores])
    if len(scores) > 1 and scores[0][1] - scores[1][1] < LEAST_LEAD:
        raise Problem("encoding", likely=[spelled(name) for name, _ in scores])
    return scores[0][0]


def believed(cells: Iterable[bytes], declared: str | None) -> str:
    """Return the encoding of cells of which the file declares one, None where it does not.

    It is believed where the bytes can be that and do not look more like another. Western ones are
    no declaration: they are written by default, and every byte can be that.
    """
    some = list(cells)
    if declared is None or codecs.lookup(declared).name in WESTERN or not fits(some, declared):
        return detected(some)
    scores = dict(scores_of(some))
    own = next((scores.get(name, 0) for name, all_of in FAMILIES.items() if declared in all_of), 1)
    best = max(scores, key=lambda name: scores[name], default=declared)
    if own >= scores.get(best, 0) - LEAST_LEAD:
        return declared
    if best == "utf-8":
        return best
    raise Problem("encoding", likely=[spelled(declared), spelled(best)])


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
    scores = scores_of(cells)
    return scores[0][0] if scores else "utf-8"


def scores_of(cells: Iterable[bytes]) -> list[tuple[str, float]]:
    """Return the encodings that can write all cells, the likeliest first, each with its score.

    The score is the share of its characters that are common in the language it is made for. A
    last character may be cut in half: tables of fixed width do that.
    """
    some = list(dict.fromkeys(cell for cell in cells if not cell.isascii()))[:MOST_CELLS]
    found = []
    for name, share in CANDIDATES.items():
        decoder = codecs.getincrementaldecoder(name)
        try:
            texts = [decoder().decode(cell) for cell in some]
        except UnicodeDecodeError:
            continue
        marks = [common for text in texts for common in share(text)]
        if marks:
            found.append((name, sum(marks) / len(marks)))
    return sorted(found, key=lambda one: -one[1])


def _utf8(text: str) -> list[float]:
    """Score text in UTF-8, which nothing else looks like."""
    return [1.0 + LEAST_LEAD for character in text if not character.isascii()]


def _double(encoding: str, low: int, high: int) -> Callable[[str], list[float]]:
    """Return a score: 1 for each character whose first byte is that of a common one."""

    def score(text: str) -> list[float]:
        marks = []
        for character in text:
            if character.isascii():
                continue
            try:
                raw = character.encode(encoding)
            except UnicodeEncodeError:
                raw = b"\0"
            marks.append(float(len(raw) == 2 and low <= raw[0] <= high))
        return marks

    return score


def _latin(text: str) -> list[float]:
    """Score western text: its accents stand alone, between letters of the alphabet."""
    marks = []
    for before, character, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if not character.isascii():
            alone = before.isascii() and after.isascii() and (before + after).strip() != ""
            marks.append(float(alone and character.isalpha()))
    return marks


CANDIDATES: dict[str, Callable[[str], list[float]]] = {
    "utf-8": _utf8,
    # The 3,755 commonest characters of GB 2312, and its signs.
    "gb18030": _double("gb2312", 0xA1, 0xD7),
    # Signs, kana and the kanji of level 1; katakana of half width are rare in what is kept today.
    "cp932": _double("cp932", 0x81, 0x98),
    # The 5,401 characters of its first level, and its signs.
    "big5": _double("big5", 0xA1, 0xC6),
    "cp1252": _latin,
}
"""The encodings that are told apart, each with what is common in it."""
