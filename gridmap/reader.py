"""The child program that reads a foreign vector file, with its hands tied.

Belongs here: opening the file with GDAL, and proposals to repair its geometry: all that a
hostile file could abuse. Run by ``files`` as a process of its own, with an allow-list of
drivers in its environment and limits on time, memory and files. A VRT or GDALG pipeline under
an innocent name would read any file of this machine otherwise (reliability.md 1, measured).

The request is JSON on standard input, the answer JSON on standard output, the rows a Feather
file. It imports nothing of gridmap.
"""

from __future__ import annotations

import json
import mmap
import re
import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

CPU_SECONDS = 120
MEMORY_BYTES = 8 << 30
OPEN_FILES = 256
MAX_REPAIR = 1000
WKT_NAMES = ("wkt", "geometry", "geom", "the_geom")
OWN = "__gridmap_"
"""What the names of our own columns begin with."""
SPARED = ("geopandas", "pandas", "pyproj")
"""What the reading library imports only because it is there: two thirds of a child's start."""

WGS84 = "EPSG:4326"
"""What GDAL says of a GeoJSON that names no frame, and of one whose frame it does not know."""
GEOJSON = re.compile(rb"(\xef\xbb\xbf)?\s*((loadGeoJSON|jsonp)\()?\s*\{")
MOST_TEXT, MOST_TRIES = 1 << 20, 10
"""How much of its ends is searched for the member, and how often the word may be another."""


class Spared:
    """A finder that finds nothing of that: the libraries do without."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> None:
        """Refuse an import of `SPARED`; leave any other to the finders behind."""
        if name in SPARED:
            raise ModuleNotFoundError(name)


def limit() -> None:
    """Set the limits; they hold for this process until it ends."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Answer one request."""
    limit()
    sys.meta_path.insert(0, Spared())
    request = json.load(sys.stdin)
    json.dump(answer(request), sys.stdout)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Read the file and write the rows, or say in one word why not."""
    import pyogrio  # after the limits; GDAL registers its drivers on import

    try:
        recode(request)
        layers = [str(name) for name, _ in pyogrio.list_layers(request["path"])]
        if not layers:
            return {"problem": "no_layer"}
        if request["layer"] and request["layer"] not in layers:
            return {"problem": "unknown_layer", "layers": layers}
        if not request["layer"] and len(layers) > 1:
            return {"problem": "many_layers", "layers": layers}
        meta, table = pyogrio.read_arrow(
            request["path"],
            layer=request["layer"] or layers[0],
            encoding=request["encoding"],
            max_features=request["max_rows"] + 1,
            datetime_as_string=True,
        )
        table.validate(full=True)  # text that is not in its encoding would pass until it is read
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError):
        return {"problem": "unreadable"}
    except (UnicodeDecodeError, LookupError, ValueError):
        return {"problem": "encoding"}
    if table.num_rows > request["max_rows"]:
        return {"problem": "too_many_rows"}
    twice = [name for name in table.column_names if table.column_names.count(name) > 1]
    if twice:
        return {"problem": "duplicate_columns", "columns": sorted(set(twice))}
    return write(request, meta, table)


def recode(request: dict[str, Any]) -> None:
    """Put a copy in UTF-8 in place of a text file in another encoding, which GDAL cannot read."""
    path = Path(request["path"])
    if request["encoding"] and path.suffix.lower() in {".csv", ".geojson", ".json"}:
        copy = Path(request["out"]).with_name(path.name)
        copy.write_bytes(path.read_bytes().decode(request["encoding"]).encode())
        request |= {"path": str(copy), "encoding": None}


def write(request: dict[str, Any], meta: dict[str, Any], table: Any) -> dict[str, Any]:
    """Write the rows as Feather, with proposals for invalid polygons in a column of their own."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import feather

    name = meta["geometry_name"] or ("wkb_geometry" if meta["geometry_type"] else None)
    shapes = None
    if name and name in table.column_names:
        shapes = parsed(table.column(name).to_pylist(), text=False)
        table = table.drop_columns([name])
    table = plain_columns(table)  # before our own columns come in
    column = wkt_column(request, table.column_names)
    if shapes is None and column is not None:
        texts = table.column(column).cast(pa.string()).to_pylist()
        shapes = parsed(texts, text=True)
        unread = [
            t if t and t.strip() and s is None else None for t, s in zip(texts, shapes, strict=True)
        ]
        meta = {**meta, "crs": None}
        table = table.append_column(f"{OWN}unread", pa.array(unread, pa.string()))
    if shapes is not None:
        import shapely

        wkb = shapely.to_wkb(shapes)
        mended = repairs(shapes) if request["repair"] else np.full(len(wkb), None)
        table = table.append_column(f"{OWN}geometry", pa.array(wkb, pa.binary()))
        table = table.append_column(f"{OWN}repair", pa.array(mended, pa.binary()))
    feather.write_feather(table, request["out"], compression="uncompressed")
    answer = {"crs": meta["crs"], "encoding": meta["encoding"]}
    return answer | (named_frame(Path(request["path"])) if meta["crs"] == WGS84 else {})


def named_frame(path: Path) -> dict[str, Any]:
    """Return what a GeoJSON file's own member ``crs`` says, as "named"; nothing where it has none.

    GDAL takes a frame it does not know for WGS 84 without a word. The member stands at the top
    level, before or after the features; columns may have its name too.
    """
    if path.suffix.lower() == ".csv" or path.stat().st_size == 0:
        return {}
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        if not GEOJSON.match(text):
            return {}
        start = text.find(b"{")
        head = text[start : start + MOST_TEXT].decode(errors="replace")
        tail = text[max(start, len(text) - MOST_TEXT) :].decode(errors="replace")
    members = members_before(head)
    if "crs" not in members:
        members = members_after(tail)
    return {"named": spelled(members["crs"])} if "crs" in members else {}


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


def plain_columns(table: Any) -> Any:
    """Return dates as text, which may say the year 0, and names that cannot meet our own."""
    import pyarrow as pa

    for i, field in enumerate(table.schema):
        if pa.types.is_temporal(field.type):
            table = table.set_column(i, field.name, table.column(i).cast(pa.string()))
    return table.rename_columns([f"_{n}" if n.startswith(OWN) else n for n in table.column_names])


def wkt_column(request: dict[str, Any], names: list[str]) -> str | None:
    """Return the column of well-known text that was named, or that has one of the usual names."""
    if request["wkt"]:
        return request["wkt"] if request["wkt"] in names else None
    return next((n for n in names if n.lower() in WKT_NAMES), None)


def parsed(cells: list[Any], *, text: bool) -> Any:
    """Return an array of shapes; None for what is empty, cannot be read, or is curved."""
    import numpy as np
    import shapely

    read = shapely.from_wkt if text else shapely.from_wkb
    try:
        return read(np.array(cells, dtype=object), on_invalid="ignore")
    except NotImplementedError:  # one curve among them: find out which
        shapes = np.full(len(cells), None)
        for i, cell in enumerate(cells):
            with suppress(NotImplementedError):
                shapes[i] = read(cell, on_invalid="ignore")
        return shapes


def repairs(shapes: Any) -> Any:
    """Return an array of the WKB of a valid polygon for each invalid one, None for the rest.

    Method "structure": a 200-vertex star takes a minute with the default method, one of 2,000
    vertices even with this one.
    """
    import numpy as np
    import shapely

    proposals = np.full(len(shapes), None)
    small = shapely.get_num_coordinates(shapes) <= MAX_REPAIR
    for i in np.flatnonzero(~shapely.is_valid(shapes) & ~shapely.is_missing(shapes) & small):
        if shapes[i].geom_type in {"Polygon", "MultiPolygon"}:
            mended = shapely.make_valid(shapes[i], method="structure", keep_collapsed=False)
            if mended.geom_type in {"Polygon", "MultiPolygon"} and not mended.is_empty:
                proposals[i] = shapely.to_wkb(mended)
    return proposals


if __name__ == "__main__":
    main()
