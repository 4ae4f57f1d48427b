"""What a GeoJSON file says of itself and GDAL does not pass on."""

from __future__ import annotations

import json
import mmap
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

START = re.compile(rb"(\xef\xbb\xbf)?\s*((loadGeoJSON|jsonp)\()?\s*\{")
MOST_TEXT, MOST_TRIES = 1 << 20, 10
"""How much of its ends is searched for a member, and how often the word may be another."""


def members_of(path: Path) -> dict[str, Any]:
    """Return the members of a file's object that stand before its features or after them.

    Those after begin with the last ``crs``. GDAL takes a frame it does not know for WGS 84
    without a word. The member stands at the top level, before or after the features; columns
    may have its name too.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        if not START.match(text):
            return {}
        start = text.find(b"{")
        head = text[start : start + MOST_TEXT].decode(errors="replace")
        tail = text[max(start, len(text) - MOST_TEXT) :].decode(errors="replace")
    return members_after(tail) | members_before(head)


def members_before(head: str) -> dict[str, Any]:
    """Return the members of a file's object that stand before its features."""
    for place, _ in zip(re.finditer('"features"', head), range(MOST_TRIES), strict=False):
        with suppress(ValueError):  # the word was a value, or stood deeper
            return dict(json.loads(head[: place.start()] + '"features": 0}'))
    return {}


def members_after(tail: str) -> dict[str, Any]:
    """Return a file's members from its last ``crs`` on, if that is one of the file's object.

    It is if what follows is the rest of an object and then nothing: deeper down, the objects
    around it would have to end too.
    """
    place = len(tail)
    for _ in range(MOST_TRIES):
        place = tail.rfind('"crs"', 0, place)
        if place < 0:
            break
        with suppress(ValueError):
            members, end = json.JSONDecoder().raw_decode("{" + tail[place:])
            if not tail[place + end - 1 :].strip(" \t\r\n);"):
                return dict(members)
    return {}


def spelled(value: Any) -> str | None:
    """Return the name in a member ``crs``, its text where it holds none, None for null."""
    if value is None or isinstance(value, str):
        return value
    inner = value.get("properties") if isinstance(value, dict) else None
    inner = inner if isinstance(inner, dict) else {}
    if isinstance(inner.get("name"), str):
        return str(inner["name"])
    if isinstance(inner.get("code"), int | str):
        return f"EPSG:{inner['code']}"
    return json.dumps(value)
