"""The table of a Shapefile: its text as bytes, and what it and its neighbour say of them."""

from __future__ import annotations

import codecs
import struct
from pathlib import Path

LANGUAGES = {
    0x13: "cp932",
    0x4D: "gbk",
    0x4F: "big5",
    0x78: "big5",
    0x79: "cp949",
    0x7A: "gbk",
    0x7B: "cp932",
}
"""Language bytes that name an encoding of East Asia. Those of the West (0x03, 0x57) are written by
default, whatever the text is in."""
MOST_BYTES = 8 << 20


def beside(path: Path, ending: str) -> Path | None:
    """Return the file next to another with the same name and an ending in any case."""
    wanted = path.stem.lower() + ending
    return next((p for p in sorted(path.parent.iterdir()) if p.name.lower() == wanted), None)


def declared(path: Path, table: Path) -> str | None:
    """Return the encoding that the .cpg file or the language byte names, if Python knows it."""
    page = beside(path, ".cpg")
    if page is not None:
        name = page.read_bytes()[:40].decode("ascii", "replace").strip()
        name = f"cp{name}" if name.isdigit() else name
    else:
        with table.open("rb") as file:
            name = LANGUAGES.get(file.read(30)[29:][0] if table.stat().st_size > 30 else 0, "")
    try:
        return codecs.lookup(name).name if name else None
    except (LookupError, ValueError):
        return None


def cells(table: Path) -> list[bytes]:
    """Return the texts of a table that are not ASCII, and such names of its columns."""
    with table.open("rb") as file:
        head = file.read(32)
        if len(head) < 32:
            return []
        start, width = struct.unpack("<HH", head[8:12])
        described = file.read(max(start - 32, 0))
        rows = file.read(MOST_BYTES)
    found, place, columns = set(), 1, []
    for at in range(0, len(described) - 31, 32):
        if described[at] == 0x0D:
            break
        found.add(described[at : at + 11].partition(b"\0")[0])
        length = described[at + 16]
        if described[at + 11 : at + 12] == b"C":
            columns.append((place, place + length))
        place += length
    for at in range(0, len(rows) - width + 1, max(width, 1)):
        row = rows[at : at + width]
        found.update(row[a:b].strip(b" \0") for a, b in columns)
    return [cell for cell in found if not cell.isascii()]
