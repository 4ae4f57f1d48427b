"""Zip archives: looked through before a byte is unpacked, and never unpacked by their names."""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any

from gridmap.reader.encodings import best_of
from gridmap.reader.problems import Problem

MAX_ENTRIES = 2000
MAX_RATIO = 200
SMALL_BYTES = 16 << 20
"""Up to here the ratio does not matter: an empty table of a Shapefile packs 1 to 1,000."""
CHUNK = 1 << 20
PACKED = {".zip", ".kmz", ".7z", ".rar", ".gz", ".tgz", ".tar", ".bz2", ".xz"}
WHOLE = {".gpkg", ".geojson", ".json", ".fgb", ".csv", ".tsv", ".txt", ".kml", ".parquet",
         ".geoparquet", ".xlsx", ".xlsm", ".xls", ".shp"}  # fmt: skip
"""Endings of members that are a file of rows."""
BROKEN = (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, EOFError)
"""What Python's reader of archives raises at damaged ones."""
BESIDE = {".shp": (".shx", ".dbf", ".prj", ".cpg")}
"""What belongs to a member and is unpacked with it."""


def is_workbook(path: Path) -> bool:
    """Whether a zip archive is an Excel workbook; what it holds is checked all the same."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            workbook = "[Content_Types].xml" in names and any(n.startswith("xl/") for n in names)
            if workbook:
                _checked(archive, path.stat().st_size, workbook=True)
            return workbook
    except BROKEN as error:
        raise Problem("broken_archive") from error


def unpack(path: Path, request: dict[str, Any]) -> tuple[Path, dict[str, Any]]:
    """Unpack the one file of rows that is meant into the folder of the answer.

    Returns its path, and what the answer says of it: the member's name, and as "inner" the
    layer to look for in it.
    """
    folder = Path(request["out"]).parent
    try:
        with zipfile.ZipFile(path) as archive:
            members = _checked(archive, path.stat().st_size, most=request["max_bytes"])
            name, inner = _chosen(members, request["layer"])
            place = PurePosixPath(name)
            left = request["max_bytes"]
            for ending in (place.suffix.lower(), *BESIDE.get(place.suffix.lower(), ())):
                member = _beside(members, place, ending)
                if member is not None:
                    left -= _copied(archive, member, folder / f"rows{ending}", left)
    except BROKEN as error:
        raise Problem("broken_archive") from error
    except RuntimeError as error:  # a password, which the flags did not tell
        raise Problem("encrypted") from error
    return folder / f"rows{place.suffix.lower()}", {"member": name, "inner": inner}


def _checked(
    archive: zipfile.ZipFile, packed_bytes: int, *, most: int = 4 << 30, workbook: bool = False
) -> dict[str, zipfile.ZipInfo]:
    """Refuse an archive that could do harm; return its files by their right names."""
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise Problem("many_entries", most=MAX_ENTRIES)
    whole = sum(entry.file_size for entry in entries)
    if whole > most or (whole > SMALL_BYTES and whole > MAX_RATIO * packed_bytes):
        raise Problem("bomb")
    members = {}
    for entry in entries:
        name = _name(entry)
        place = PurePosixPath(name.replace("\\", "/"))
        if ".." in place.parts or place.is_absolute() or place.as_posix()[1:2] == ":":
            raise Problem("outside_archive", member=name[:80])
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise Problem("link_in_archive", member=name[:80])
        if entry.flag_bits & 0x1:
            raise Problem("encrypted")
        if not workbook and place.suffix.lower() in PACKED:
            raise Problem("nested_archive", member=name[:80])
        if not entry.is_dir() and "__MACOSX" not in place.parts:
            if str(place) in members:
                raise Problem("twice_in_archive", member=name[:80])
            members[str(place)] = entry
    return members


def _name(entry: zipfile.ZipInfo) -> str:
    """Return a member's name; without the mark for UTF-8 it is in the packer's own encoding."""
    if entry.flag_bits & 0x800:
        return entry.filename
    raw = entry.filename.encode("cp437", "replace")
    return entry.filename if raw.isascii() else raw.decode(best_of([raw]), "replace")


def _chosen(members: dict[str, zipfile.ZipInfo], layer: str | None) -> tuple[str, str | None]:
    """Return the member to read and the layer to look for in it: ``member`` or ``member:layer``."""
    names = [n for n in members if PurePosixPath(n).suffix.lower() in WHOLE and _is_seen(n)]
    maps = [n for n in names if PurePosixPath(n).name.lower() == "doc.kml"]
    if maps:  # a KMZ: the main file is called so
        names = maps
    shaped = [n for n in names if PurePosixPath(n).suffix.lower() not in (".txt",)]
    names = shaped or names  # a text beside files of rows is a note
    if not names:
        raise Problem("nothing_in_archive")
    if len(names) == 1:
        inner = (layer or "").removeprefix(names[0])
        return names[0], inner.removeprefix(":") or None
    for name in names:
        if layer and (layer == name or layer.startswith(f"{name}:")):
            return name, layer[len(name) + 1 :] or None
    stems = [n for n in names if layer in (PurePosixPath(n).name, PurePosixPath(n).stem)]
    if len(stems) == 1:
        return stems[0], None
    raise Problem("unknown_layer" if layer else "many_layers", layers=names)


def _is_seen(name: str) -> bool:
    return not PurePosixPath(name).name.startswith(".")


def _beside(
    members: dict[str, zipfile.ZipInfo], place: PurePosixPath, ending: str
) -> zipfile.ZipInfo | None:
    """Return the member with another ending, in whatever case it is written."""
    wanted = str(place.with_suffix("")).lower() + ending
    return next((entry for name, entry in members.items() if name.lower() == wanted), None)


def _copied(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, left: int) -> int:
    """Copy a member, counting what really comes out of it; return the bytes."""
    copied = 0
    with archive.open(member) as source, target.open("xb") as out:
        while chunk := source.read(CHUNK):
            copied += len(chunk)
            if copied > left:
                raise Problem("bomb")
            out.write(chunk)
    return copied
