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
import resource
import sys
from pathlib import Path
from typing import Any

CPU_SECONDS = 120
MEMORY_BYTES = 8 << 30
OPEN_FILES = 256


def limit() -> None:
    """Set the limits; they hold for this process until it ends."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Answer one request."""
    limit()
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
    import pyarrow as pa
    from pyarrow import feather

    name = meta["geometry_name"] or ("wkb_geometry" if meta["geometry_type"] else None)
    found = bool(name) and name in table.column_names
    if found:
        wkb = table.column(name).to_pylist()
        table = table.drop_columns([name])
        table = table.append_column("__geometry", pa.array(wkb, pa.binary()))
        table = table.append_column("__repair", pa.array(repairs(wkb), pa.binary()))
    feather.write_feather(table, request["out"], compression="uncompressed")
    return {"crs": meta["crs"], "encoding": meta["encoding"], "has_geometry": found}


def repairs(wkb: list[bytes | None]) -> list[bytes | None]:
    """Return a valid polygon for each invalid one, None for the rest.

    Method "structure": a 200-vertex star takes a minute with the default method.
    """
    import shapely

    shapes = shapely.from_wkb(wkb, on_invalid="ignore")
    proposals: list[bytes | None] = [None] * len(wkb)
    broken = ~shapely.is_missing(shapes) & ~shapely.is_valid(shapes)
    for i in broken.nonzero()[0]:
        if shapes[i].geom_type in {"Polygon", "MultiPolygon"}:
            mended = shapely.make_valid(shapes[i], method="structure", keep_collapsed=False)
            if mended.geom_type in {"Polygon", "MultiPolygon"} and not mended.is_empty:
                proposals[i] = shapely.to_wkb(mended)
    return proposals


if __name__ == "__main__":
    main()
