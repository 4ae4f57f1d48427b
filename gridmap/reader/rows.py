"""The rows, batch by batch: shapes parsed, made flat and counted, columns made plain, all written.

Whoever reads a format hands over `Rows`; here they become two streams of Arrow batches: the
columns, with the row's number where it is not simply counted, and the shapes. They are apart so
that whoever reads them can let go of the one before it turns to the other.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import shapely
from pyarrow import compute

from gridmap.reader.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH = 20_000
OWN = "__gridmap_"
"""What the names of our own columns begin with."""
NUMBER = f"{OWN}number"
MAX_REPAIR = 1000
SHAPES = pa.schema([("geometry", pa.binary()), ("repair", pa.binary()), ("unread", pa.string())])
"""The second stream: shape, proposal where it is invalid, text of what is no shape."""


@dataclass
class Rows:
    """The batches of a file, of one schema, and what the file says of itself.

    ``geometry`` names the column of WKB; ``told`` goes into the answer.
    """

    batches: Iterator[pa.RecordBatch]
    schema: pa.Schema
    geometry: str | None = None
    told: dict[str, Any] = field(default_factory=dict)


def one_layer(layers: list[str], asked: str | None) -> str:
    """Return the layer that was asked for, or the only one."""
    if not layers:
        raise Problem("no_layer")
    if asked and asked not in layers:
        raise Problem("unknown_layer", layers=layers)
    if not asked and len(layers) > 1:
        raise Problem("many_layers", layers=layers)
    return asked or layers[0]


def write(request: dict[str, Any], rows: Rows) -> dict[str, Any]:
    """Write the rows, and return what the answer says."""
    kept = {
        column.name: kind
        for column in rows.schema
        if column.name != rows.geometry and (kind := plain_type(column.type)) is not None
    }
    names = rows.schema.names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Problem("duplicate_columns", columns=twice)
    told = dict(rows.told)
    source = rows.geometry if rows.geometry in rows.schema.names else None
    parts = [source]
    if source is None:
        source = wkt_column(request, list(kept))
        parts = continued(source, list(kept))
        told |= {"crs": None} if source else {}
    schema = pa.schema(
        [(f"_{n}" if n.startswith(OWN) and n != NUMBER else n, kind) for n, kind in kept.items()]
    )
    out, left = Path(request["out"]), Left(request["max_rows"], request["max_vertices"])
    try:
        with ExitStack() as stack:
            columns = stack.enter_context(stream(out, schema))
            shapes = out.with_name("shapes.arrow")
            drawn = stack.enter_context(stream(shapes, SHAPES)) if source else None
            for batch in rows.batches:
                batch.validate(full=True)  # text not in its encoding would pass until it is read
                left.take(rows=batch.num_rows)
                plain_ones = [plain(column_of(batch, name), kind) for name, kind in kept.items()]
                columns.write_batch(pa.record_batch(plain_ones, schema=schema))
                if drawn is not None:
                    cells = joined(batch, parts)
                    drawn.write_batch(shaped(cells, left, repair=request["repair"]))
    except (UnicodeDecodeError, pa.ArrowInvalid) as error:
        raise Problem("encoding" if "utf" in str(error).lower() else "unreadable") from error
    return told | {"rows": request["max_rows"] - left.rows}


@contextmanager
def stream(path: Path, schema: pa.Schema) -> Iterator[Any]:
    """Open a stream of batches to a file."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, schema) as written:
        yield written


def column_of(batch: pa.RecordBatch, name: str | None) -> pa.Array:
    """Return a column by its name, of which there is one."""
    return batch.column(batch.schema.names.index(name))


@dataclass
class Left:
    """How much of its limits a file has not used yet."""

    rows: int
    vertices: int

    def take(self, *, rows: int = 0, vertices: int = 0) -> None:
        """Use some of it."""
        self.rows -= rows
        self.vertices -= vertices
        if self.rows < 0:
            raise Problem("too_many_rows")
        if self.vertices < 0:
            raise Problem("too_many_vertices")


def shaped(cells: pa.Array, left: Left, *, repair: bool) -> pa.RecordBatch:
    """Return the shapes of cells, flat; proposals for the invalid; what could not be read."""
    if pa.types.is_dictionary(cells.type):
        cells = cells.dictionary_decode()
    text = not _is_binary(cells.type)
    given = cells.cast(pa.string()).to_pylist() if text else cells.to_pylist()
    shapes = parsed(given, text=text)
    left.take(vertices=int(shapely.get_num_coordinates(shapes).sum()))
    deep = shapely.has_z(shapes) | shapely.has_m(shapes)
    shapes[deep] = shapely.force_2d(shapes[deep])
    lost = shapely.is_missing(shapes)
    unread = [
        cell_text(cell) if gone and cell else None for cell, gone in zip(given, lost, strict=True)
    ]
    mended = repairs(shapes) if repair else np.full(len(shapes), None)
    columns = [
        pa.array(shapely.to_wkb(shapes), pa.binary()),
        pa.array(mended, pa.binary()),
        pa.array(unread, pa.string()),
    ]
    return pa.record_batch(columns, schema=SHAPES)


def cell_text(cell: str | bytes) -> str | None:
    """Return what to show of a cell that is no shape: its text, or which kind of binary it is."""
    if isinstance(cell, str):
        return cell if cell.strip() else None
    kind = int.from_bytes(cell[1:5], "little" if cell[:1] == b"\x01" else "big") % 1000
    return CURVES.get(kind, "binary")


CURVES = {8: "CircularString", 9: "CompoundCurve", 10: "CurvePolygon", 11: "MultiCurve",
          12: "MultiSurface", 15: "PolyhedralSurface", 16: "TIN", 17: "Triangle"}  # fmt: skip


def plain_type(kind: pa.DataType) -> pa.DataType | None:
    """Return the type a column is written in; None for one that can be no field of a layer."""
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return pa.float32() if pa.types.is_float16(kind) else kind
    if pa.types.is_nested(kind) or pa.types.is_duration(kind) or _is_binary(kind):
        return None
    # Dates too, which may say the year 0; decimals, which a float would round.
    return pa.string()


def _is_binary(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_interval(kind)
    )


def plain(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return a column in its plain type."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return column if column.type == kind else column.cast(kind)


def wkt_column(request: dict[str, Any], names: list[str]) -> str | None:
    """Return the column of well-known text that was named, or that has one of the usual names."""
    if request["wkt"]:
        return request["wkt"] if request["wkt"] in names else None
    return next((n for n in names if n.strip().lower() in request["wkt_names"]), None)


def continued(name: str | None, names: list[str]) -> list[str | None]:
    """Return a column and those that go on where its cells are full: ``wkt``, ``wkt_2`` and so on.

    A cell of a sheet holds 32,767 characters, and an export breaks longer text.
    """
    found: list[str | None] = [name]
    while (more := f"{name}_{len(found) + 1}") in names:
        found.append(more)
    return found


def joined(batch: pa.RecordBatch, names: list[str | None]) -> pa.Array:
    """Return the cells of a column, each with what goes on in the columns after it."""
    if len(names) == 1:
        return column_of(batch, names[0])
    texts = [column_of(batch, name).cast(pa.string()) for name in names]
    return compute.binary_join_element_wise(*(text.fill_null("") for text in texts), "")


def parsed(cells: list[Any], *, text: bool) -> Any:
    """Return an array of shapes; None for what is empty, cannot be read, or is curved."""
    read = shapely.from_wkt if text else shapely.from_wkb
    try:
        return read(np.array(cells, dtype=object), on_invalid="ignore")
    except (NotImplementedError, shapely.errors.GEOSException):  # one curve among them: which?
        shapes = np.full(len(cells), None)
        for i, cell in enumerate(cells):
            with suppress(NotImplementedError, shapely.errors.GEOSException):
                shapes[i] = read(cell, on_invalid="ignore")
        return shapes


def repairs(shapes: Any) -> Any:
    """Return an array of the WKB of a valid polygon for each invalid one, None for the rest.

    Method "structure": a 200-vertex star takes a minute with the default method, one of 2,000
    vertices even with this one.
    """
    proposals = np.full(len(shapes), None)
    small = shapely.get_num_coordinates(shapes) <= MAX_REPAIR
    for i in np.flatnonzero(~shapely.is_valid(shapes) & ~shapely.is_missing(shapes) & small):
        if shapes[i].geom_type in {"Polygon", "MultiPolygon"}:
            mended = shapely.make_valid(shapes[i], method="structure", keep_collapsed=False)
            if mended.geom_type in {"Polygon", "MultiPolygon"} and not mended.is_empty:
                proposals[i] = shapely.to_wkb(mended)
    return proposals
