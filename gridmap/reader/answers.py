"""One request, one answer: which format a file is in, and who reads it."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Any

from gridmap.reader import archives, encodings, rows
from gridmap.reader.problems import Problem

HEAD_BYTES = 4096
MAGIC = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "sheets",
    b"PAR1": "parquet",
    b"SQLite format 3\x00": "vectors",
    b"fgb\x03": "vectors",
    b"\x00\x00\x27\x0a": "vectors",
}
"""First bytes of the formats that are no text."""
TABLES = (".csv", ".tsv", ".txt")
XML = re.compile(rb"\s*<[?!a-zA-Z]")
WEB_PAGE = re.compile(r"<(!doctype html|html|table|head|body)\b", re.IGNORECASE)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Read the file and write the rows, or say in one word why not."""
    try:
        path = Path(request["path"])
        with path.open("rb") as file:
            packed = kind_of(path, file.read(HEAD_BYTES)) == "zip"
        inside: dict[str, Any] = {}
        if packed and not archives.is_workbook(path):
            path, inside = archives.unpack(path, request)
            request |= {"layer": inside.pop("inner"), "path": str(path)}
        return rows.write(request, opened(path, request)) | inside
    except Problem as problem:
        return {"problem": problem.kind, **problem.told}
    except OSError:  # the limit on the size of a file, or the disk is full
        return {"problem": "no_room"}


def opened(path: Path, request: dict[str, Any]) -> rows.Rows:
    """Return the rows of a file that is no archive, by whoever reads its format.

    Each is imported when it is needed: a start of the child is most of a small file's time.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    kind = kind_of(path, head)
    if kind in ("zip", "sheets"):
        from gridmap.reader import sheets

        return sheets.opened(path, request)
    if kind == "parquet":
        from gridmap.reader import parquet

        return parquet.opened(path, request)
    if kind == "xml":
        from gridmap.reader import kml

        return kml.opened(path, request)
    from gridmap.reader import vectors

    if kind == "vectors":
        return vectors.opened(path, request, encoding=vectors.dbase_encoding(path, request))
    if kind not in ("table", "json"):
        raise Problem("unreadable")
    path, encoding = encodings.in_utf8(path, request, table=kind == "table")
    return vectors.opened_text(path, request, encoding, kind)


def kind_of(path: Path, head: bytes) -> str:
    """Return the kind of a file by its first bytes; by its name only where it is a table."""
    for magic, kind in MAGIC.items():
        if head.startswith(magic):
            return kind
    text = plain(head)
    if XML.match(text):
        if WEB_PAGE.match(text.decode("latin-1").lstrip()):
            raise Problem("web_page")
        return "xml"
    if text.lstrip().startswith((b"{", b"loadGeoJSON(", b"jsonp(")):
        return "json"
    return "table" if path.suffix.lower() in TABLES else "unknown"


def plain(head: bytes) -> bytes:
    """Return the first bytes as ASCII can be sought in them, whatever their marks say."""
    for mark, name in encodings.MARKS.items():
        if head.startswith(mark):
            text = codecs.getincrementaldecoder(name)("replace").decode(head)
            return text.lstrip("\ufeff").encode()
    return head
