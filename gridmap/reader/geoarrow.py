"""GeoArrow, the encoding of GeoParquet 1.1 beside WKB: nested lists of coordinates, made WKB.

Source: GeoParquet 1.1.0, "Native encodings"; GeoArrow 0.2, "Memory layout".
"""

from __future__ import annotations

from itertools import pairwise
from struct import pack
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyarrow import compute

if TYPE_CHECKING:
    from collections.abc import Iterator

_POINT, _LINE, _POLYGON, _POINTS, _LINES, _POLYGONS = (pack("<BI", 1, kind) for kind in range(1, 7))
_RING = b""
HEADS = {
    "point": (),
    "linestring": (_LINE,),
    "polygon": (_RING, _POLYGON),
    "multipoint": (_POINTS,),
    "multilinestring": (_LINE, _LINES),
    "multipolygon": (_RING, _POLYGON, _POLYGONS),
}
"""An encoding -> what each list around its coordinates begins with in WKB, the innermost first."""


def fits(kind: pa.DataType, encoding: str) -> bool:
    """Tell whether a column is of the type that an encoding asks for."""
    if encoding not in HEADS:
        return False
    for _ in HEADS[encoding]:
        if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
            return False
        kind = kind.value_type
    if pa.types.is_struct(kind):
        named = {kind.field(i).name: kind.field(i).type for i in range(kind.num_fields)}
        parts = [named.get("x"), named.get("y")]
    else:
        mixed = pa.types.is_fixed_size_list(kind) and kind.list_size >= len("xy")
        parts = [kind.value_type if mixed else None]
    return all(part is not None and pa.types.is_floating(part) for part in parts)


def wkb(batches: Iterator[pa.RecordBatch], name: str, encoding: str) -> Iterator[pa.RecordBatch]:
    """Yield the batches with the shapes of a column, which `fits`, as WKB."""
    for batch in batches:
        batch.validate(full=True)
        number = batch.schema.names.index(name)
        column = batch.column(number)
        if isinstance(column, pa.ExtensionArray):
            column = column.storage
        yield batch.set_column(number, name, pa.array(_encoded(column, encoding), pa.binary()))


def _encoded(column: pa.Array, encoding: str) -> list[bytes | None]:
    """Return the WKB of each cell; whether it is a shape is judged as that of any other file."""
    cells = np.full(len(column), None)
    there = column.is_valid().to_numpy(zero_copy_only=False)
    column, offsets = column.drop_null(), []
    for _ in HEADS[encoding]:
        lengths = compute.list_value_length(column).fill_null(0).to_numpy(zero_copy_only=False)
        offsets.append([0, *np.cumsum(lengths, dtype=np.int64).tolist()])
        column = column.flatten()
    raw = _coordinates(column)
    heads, size = list(HEADS[encoding]), 2 * np.dtype(float).itemsize
    if encoding.endswith("point"):
        parts = [_POINT + raw[at : at + size] for at in range(0, len(raw), size)]
    else:
        head, runs = heads.pop(0), offsets.pop()
        parts = [
            head + pack("<I", end - begin) + raw[begin * size : end * size]
            for begin, end in pairwise(runs)
        ]
    for head, groups in zip(heads, reversed(offsets), strict=True):
        parts = [
            head + pack("<I", end - begin) + b"".join(parts[begin:end])
            for begin, end in pairwise(groups)
        ]
    cells[there] = np.array([*parts, None], dtype=object)[:-1]
    found: list[bytes | None] = cells.tolist()
    return found


def _coordinates(column: pa.Array) -> bytes:
    """Return x and y, x, y as WKB has them; heights and measures are left."""
    if pa.types.is_struct(column.type):
        parts = [compute.struct_field(column, axis) for axis in "xy"]
    else:
        parts = [compute.list_element(column, axis) for axis in (0, 1)]
    values = [part.cast(pa.float64()).to_numpy(zero_copy_only=False) for part in parts]
    return np.column_stack(values).astype("<f8").tobytes()
