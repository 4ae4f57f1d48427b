"""What the writing interface takes: strict models with limits, and shapes from GeoJSON.

Belongs here: the form of bodies, reading them. Does not belong here: what a layer's rows must be
(``model``): that is told with rule and row, not as a request that cannot be read.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from typing import Annotated, Any, Literal

import shapely
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    model_validator,
)
from shapely.errors import GEOSException

from gridmap.jobs.edits import ChangeSet, Edit
from gridmap.model import LAYERS

MOST_EDITS = 1000
MOST_VERTICES = 100_000
"""Of one shape: the largest district's outline has a tenth of it."""

_DEPTHS = {"Point": 0, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
_CONTROLS = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f"
_CONTROL = re.compile(f"[{_CONTROLS}]")
_RING = "rings are closed and have four positions or more"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def plain_text(text: str) -> str:
    """Refuse what no table can hold: control characters, halves of characters.

    Parameters
    ----------
    text
        Any.

    Returns
    -------
    str
        The same.

    Raises
    ------
    ValueError
        There is one of it.
    """
    if _CONTROL.search(text) or any("\ud800" <= sign <= "\udfff" for sign in text):
        raise ValueError("holds a control character")
    return text


def _day(value: object) -> object:
    if isinstance(value, dt.date) or (isinstance(value, str) and _DAY.fullmatch(value)):
        return value
    raise ValueError("is a day, as 2026-06-01")


def _whole(value: object) -> object:
    """Take 3.0 as 3: to JSON both are the same number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _known_layer(name: str) -> str:
    if name not in LAYERS:
        raise ValueError(f"is one of {', '.join(LAYERS)}")
    return name


_Plain = Field(json_schema_extra={"pattern": f"^[^{_CONTROLS}]*$"})
"""For the document: what `plain_text` takes, as far as JSON Schema can say it."""

Day = Annotated[dt.date, BeforeValidator(_day)]
Why = Annotated[StrictStr, Field(min_length=1, max_length=500), AfterValidator(plain_text), _Plain]
Key = Annotated[StrictStr, Field(min_length=1, max_length=200), AfterValidator(plain_text), _Plain]
Layer = Annotated[
    StrictStr,
    AfterValidator(_known_layer),
    Field(max_length=40, json_schema_extra={"enum": list(LAYERS)}),
]
Version = Annotated[StrictInt, Field(ge=1, le=2**53), BeforeValidator(_whole)]
Cell = (
    Annotated[StrictStr, Field(max_length=5000), AfterValidator(plain_text), _Plain]
    | StrictBool
    | Annotated[StrictInt, Field(ge=-(2**53), le=2**53)]
    | Annotated[float, Field(strict=True, allow_inf_nan=False)]
    | None
)
Cells = Annotated[
    dict[Annotated[str, Field(max_length=64), AfterValidator(plain_text), _Plain], Cell],
    Field(max_length=100, json_schema_extra={"additionalProperties": False}),
]


class Strict(BaseModel):
    """A body with nothing beyond what it names."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _shape_schema(kind: str, depth: int) -> dict[str, Any]:
    """Return the schema of a shape: lists of positions, as deep as its type has them."""
    number = {"type": "number"}
    lon = {**number, "minimum": -180, "maximum": 180}
    lat = {**number, "minimum": -90, "maximum": 90}
    coordinates: dict[str, Any] = {
        "type": "array",
        "prefixItems": [lon, lat],
        "items": number,
        "minItems": 2,
        "maxItems": 3,
    }
    for level in range(depth):
        # A line has two positions or more, a ring four.
        least = 1 if level else 4 if kind.endswith("Polygon") else 2
        coordinates = {"type": "array", "items": coordinates, "minItems": least}
    return {
        "type": "object",
        "required": ["type", "coordinates"],
        "properties": {"type": {"const": kind}, "coordinates": coordinates},
        "additionalProperties": False,
    }


class GeoJson(Strict):
    """A shape in degrees, longitude first (EPSG:4490)."""

    model_config = ConfigDict(
        json_schema_extra=lambda schema: schema.update(
            anyOf=[_shape_schema(kind, depth) for kind, depth in _DEPTHS.items()]
        )
    )

    type: Literal["Point", "LineString", "MultiLineString", "Polygon", "MultiPolygon"]
    coordinates: Annotated[list[Any], Field(min_length=1, max_length=MOST_VERTICES)]

    @model_validator(mode="after")
    def _readable(self) -> GeoJson:
        """Refuse what is no shape: before anything is built of it."""
        positions = _positions(self.coordinates, _DEPTHS[self.type])
        if len(positions) > MOST_VERTICES:
            raise ValueError(f"a shape has over {MOST_VERTICES} vertices")
        for position in positions:
            _require_position(position)
        if self.type.endswith("Polygon"):
            _require_rings(_positions(self.coordinates, _DEPTHS[self.type] - 1))
        self.shape()
        return self

    def shape(self) -> shapely.Geometry:
        """Return the shape, without heights; it may still be invalid."""
        try:
            shape: shapely.Geometry = shapely.force_2d(
                shapely.from_geojson(json.dumps(self.model_dump()))
            )
        except GEOSException as error:
            raise ValueError(_RING) from error
        return shape


def _positions(value: object, depth: int) -> list[object]:
    """Return the positions of nested lists of a known depth."""
    if depth == 0:
        return [value]
    if not isinstance(value, list) or not value:
        raise ValueError("coordinates are lists of positions, nested as the type says")
    return [position for part in value for position in _positions(part, depth - 1)]


def _require_rings(rings: list[Any]) -> None:
    """Refuse what is a way there and back: GEOS takes it for a ring, RFC 7946 does not."""
    if any(len(ring) < 4 for ring in rings):
        raise ValueError(_RING)


def _require_position(position: object) -> None:
    if not isinstance(position, list) or len(position) not in (2, 3):
        raise ValueError("a position is longitude, latitude")
    if any(type(one) not in (int, float) or not math.isfinite(one) for one in position):
        raise ValueError("a position is of finite numbers")
    if abs(position[0]) > 180 or abs(position[1]) > 90:
        raise ValueError("a position is longitude and latitude in degrees")


class EditBody(Strict):
    """What becomes of one row."""

    layer: Layer
    action: Literal["create", "update", "replace", "end"]
    code: Key
    version: Version | None = None
    fields: Cells = {}
    geometry: GeoJson | None = None

    @model_validator(mode="after")
    def _complete(self) -> EditBody:
        """Refuse a change that does not say what it is based on."""
        if (self.action == "create") != (self.version is None):
            raise ValueError("version is that of the row as it was read; a new row has none")
        if self.action == "end" and (self.fields or self.geometry):
            raise ValueError("a row that ends has no fields and no geometry")
        return self

    def edit(self) -> Edit:
        """Return what it means."""
        shape = None if self.geometry is None else self.geometry.shape()
        return Edit(self.layer, self.action, self.code, self.version, self.fields, shape)


class ChangeSetBody(Strict):
    """Rows that are created, updated and ended together."""

    why: Why
    effective: Day | None = None
    edits: Annotated[list[EditBody], Field(min_length=1, max_length=MOST_EDITS)]

    def change_set(self, account: str, key: str | None, request: str) -> ChangeSet:
        """Return what it means, asked by somebody."""
        edits = tuple(one.edit() for one in self.edits)
        return ChangeSet(edits, self.why, account, self.effective, key, request)


class RowBody(Strict):
    """A row as it is to be."""

    fields: Cells = {}
    geometry: GeoJson | None = None
    why: Why | None = None
    effective: Day | None = None


class UndoBody(Strict):
    """Why something is taken back."""

    why: Why | None = None


class RefreshBody(Strict):
    """Which figures are to be computed anew, for which day."""

    subject: Literal["org", "camera"]
    as_of: Day | None = None
    full: StrictBool = False


class CorrectionBody(Strict):
    """What somebody on the spot says of a row: a value of a field, its place, or words."""

    layer: Layer
    code: Key
    field: Annotated[StrictStr, Field(min_length=1, max_length=64)] | None = None
    value: Cell = None
    geometry: GeoJson | None = None
    text: (
        Annotated[StrictStr, Field(max_length=1000), AfterValidator(plain_text), _Plain] | None
    ) = None
    note: (
        Annotated[StrictStr, Field(max_length=1000), AfterValidator(plain_text), _Plain] | None
    ) = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> CorrectionBody:
        """Refuse what says nothing, or several things."""
        said = [self.field is not None, self.geometry is not None, bool(self.text)]
        if sum(said) != 1:
            raise ValueError("give one of: field with value, geometry, text")
        if self.field is None and self.value is not None:
            raise ValueError("value is that of a field; name it")
        return self

    def words(self) -> str | None:
        """Return all that is written in words."""
        return "\n".join(filter(None, (self.text, self.note))) or None


class DecisionBody(Strict):
    """What is decided of a correction."""

    why: Why | None = None
    effective: Day | None = None
    version: Version | None = None
    fields: Cells = {}
    geometry: GeoJson | None = None
