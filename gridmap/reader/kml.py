"""KML, read here and not by GDAL: so that no XML library of its has to be trusted.

A document type is refused, with it every entity of a file's own; nothing outside the file is ever
looked at (a NetworkLink is none of its rows). The file is read twice, piece by piece: once for
its folders and columns, once for the rows of the one folder that is meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

import pyarrow as pa
import shapely

from gridmap.reader import encodings
from gridmap.reader.problems import Problem
from gridmap.reader.rows import BATCH, Rows, one_layer

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK = 1 << 20
DECLARED = re.compile(rb"""\s*<\?xml[^>]*\sencoding\s*=\s*["']([\w.:-]{1,40})["']""")
SHAPES = {"Point", "LineString", "LinearRing", "Polygon", "MultiGeometry"}
TEXTS = {"name", "description", "coordinates", "value", "SimpleData"}
"""Elements whose text is wanted."""
GEOMETRY = "wkb_geometry"


def opened(path: Path, request: dict[str, Any]) -> Rows:
    """Return the placemarks of one folder, all their texts as columns."""
    path, encoding = _in_utf8(path, request)
    columns: dict[str, dict[str, None]] = {}
    for layer, cells, _ in placemarks(path):
        columns.setdefault(layer, {}).update(dict.fromkeys(cells))
    layer = one_layer(list(columns), request["layer"])
    names = [name for name in columns[layer] if name != GEOMETRY]
    schema = pa.schema([*((name, pa.string()) for name in names), (GEOMETRY, pa.binary())])
    told = {"crs": "EPSG:4326", "encoding": encoding, "layer": layer}
    return Rows(_batches(path, layer, names, schema), schema, geometry=GEOMETRY, told=told)


def _batches(
    path: Path, layer: str, names: list[str], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    held: list[dict[str, Any]] = []
    for own, cells, shape in placemarks(path):
        if own == layer:
            row: dict[str, Any] = {name: cells.get(name) for name in names}
            held.append(row | {GEOMETRY: None if shape is None else shapely.to_wkb(shape)})
        if len(held) == BATCH:
            yield pa.RecordBatch.from_pylist(held, schema)
            held = []
    if held:
        yield pa.RecordBatch.from_pylist(held, schema)


def _in_utf8(path: Path, request: dict[str, Any]) -> tuple[Path, str]:
    """Return the file in UTF-8: the parser knows few other encodings."""
    with path.open("rb") as file:
        head = file.read(1024)
    declared = DECLARED.match(head.removeprefix(b"\xef\xbb\xbf"))
    name = request["encoding"] or encodings.marked(path)
    name = name or (declared[1].decode() if declared else "utf-8")
    name = encodings.spelled_or_refused(name)
    if name == "UTF-8":
        return path, name
    copy = Path(request["out"]).with_name("text.kml")
    encodings.recode(path, copy, name)
    return copy, name


def placemarks(path: Path) -> Iterator[tuple[str, dict[str, str], Any]]:
    """Yield of each placemark the folder, the texts and the shape, None where it has none."""
    state = Reading()
    # What the file says of its encoding no longer holds.
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refused
    parser.StartElementHandler = state.start
    parser.EndElementHandler = state.end
    parser.CharacterDataHandler = state.text
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                parser.Parse(chunk, False)  # noqa: FBT003
                yield from state.taken()
            parser.Parse(b"", True)  # noqa: FBT003
            yield from state.taken()
    except expat.ExpatError as error:
        raise Problem("unreadable" if encodings.is_utf8(path) else "encoding") from error


def _refused(*_: object) -> None:
    raise Problem("document_type")


@dataclass
class Reading:
    """Where in the file the parser is, and what it has found of the present placemark."""

    open: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    cells: dict[str, str] | None = None
    shapes: list[list[Any]] = field(default_factory=list)
    rings: list[list[Any]] = field(default_factory=list)
    key: str = ""
    pieces: list[str] | None = None
    found: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)

    def taken(self) -> list[tuple[str, dict[str, str], Any]]:
        """Hand over what was found so far."""
        found, self.found = self.found, []
        return found

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        name = name.rpartition(":")[2]
        if not self.open and name != "kml":
            raise Problem("other_xml")
        self.open.append(name)
        if name in ("Folder", "Document"):
            self.folders.append("")
        elif name == "Placemark":
            self.cells, self.shapes = {}, [[]]
        elif self.cells is not None and name in ("Data", "SimpleData"):
            self.key = attributes.get("name", "")
        elif name in SHAPES:
            self.shapes.append([])
        if name in TEXTS:
            self.pieces = []

    def text(self, text: str) -> None:
        """Take text, which may come in pieces."""
        if self.pieces is not None:
            self.pieces.append(text)

    def end(self, name: str) -> None:
        """End an element."""
        name = self.open.pop()
        above = self.open[-1] if self.open else ""
        if name in TEXTS and self.pieces is not None:
            self._told(name, above, "".join(self.pieces).strip())
            self.pieces = None
        elif name in ("Folder", "Document"):
            self.folders.pop()
        elif name in SHAPES and len(self.shapes) > 1:
            parts = self.shapes.pop()
            self.shapes[-1].append(_shape(name, parts))
        elif name in ("outerBoundaryIs", "innerBoundaryIs") and len(self.shapes) > 1:
            self._ring(outer=name == "outerBoundaryIs")
        elif name == "Placemark" and self.cells is not None:
            shape = _single([one for one in self.shapes[0] if one is not None])
            self.found.append((self._folder(), self.cells, shape))
            self.cells = None

    def _told(self, name: str, above: str, text: str) -> None:
        """Put a text where it belongs."""
        if name == "coordinates":
            if len(self.shapes) > 1:
                self.shapes[-1].append(_positions(text))
        elif name == "name" and above in ("Folder", "Document") and self.folders:
            self.folders[-1] = text
        elif self.cells is not None:
            key = self.key if name in ("value", "SimpleData") else name
            if above == "Placemark" or name in ("value", "SimpleData"):
                self.cells[key or name] = text

    def _ring(self, *, outer: bool) -> None:
        """Mark the ring that has just been read."""
        if self.shapes[-1]:
            self.shapes[-1].append((outer, self.shapes[-1].pop()))

    def _folder(self) -> str:
        """Return the name of the innermost folder, with those around it, without the document."""
        names = [name for name in self.folders if name]
        return "/".join(names[1:] or names) or "Document"


def _positions(text: str) -> list[tuple[float, float]]:
    """Return longitude and latitude of each position; None where one is no number."""
    try:
        positions = [tuple(map(float, one.split(",")[:2])) for one in text.split()]
    except ValueError:
        return []
    return [p for p in positions if len(p) == 2]


def _shape(name: str, parts: list[Any]) -> Any:
    """Return the shape an element holds, None where its positions make none."""
    try:
        if name == "MultiGeometry":
            return _single([one for one in parts if one is not None])
        if name == "Polygon":
            outer = next((ring for is_outer, ring in parts if is_outer), None)
            if outer is None:
                return None
            inner = [ring for is_outer, ring in parts if not is_outer and ring is not None]
            return shapely.Polygon(outer, inner)
        positions = parts[0] if parts else []
        if not positions:
            return None
        if name == "Point":
            return shapely.Point(positions[0])
        return (shapely.LinearRing if name == "LinearRing" else shapely.LineString)(positions)
    except (ValueError, TypeError, shapely.errors.GEOSException):
        return None


def _single(shapes: list[Any]) -> Any:
    """Return one shape for several: of one kind a multiple one, else a collection."""
    if len(shapes) <= 1:
        return shapes[0] if shapes else None
    kinds = {one.geom_type for one in shapes}
    made = {
        "Polygon": shapely.MultiPolygon,
        "LineString": shapely.MultiLineString,
        "Point": shapely.MultiPoint,
    }
    if len(kinds) == 1 and (kind := kinds.pop()) in made:
        return made[kind](shapes)
    return shapely.GeometryCollection(shapes)
