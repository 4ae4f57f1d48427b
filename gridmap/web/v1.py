"""The interface for programs: collections of single objects, by filters, page after page.

Belongs here: the routes that read collections. Does not belong here: answers to questions
(``api``), writes, OGC's forms (``ogc``), which rows an account sees (``store``).

Coordinates have x, or longitude, first in every frame. What a role may not see is refused with
403; an object outside the account's area is no other than one that there is not: 404.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from gridmap import crs, jobs
from gridmap.errors import InputError
from gridmap.model import CHOICES, Kind
from gridmap.web.access import Asker, Store
from gridmap.web.api import NUMBER
from gridmap.web.bodies import Day
from gridmap.web.fresh import HEADERS, SAME, TAGGED, Fresh, digest
from gridmap.web.ogc import box_of
from gridmap.web.problems import problems

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from gridmap.model import Field, Scope

router = APIRouter(prefix="/api/v1", tags=["Collections"])

COLLECTIONS = {
    "units": "unit",
    "buildings": "building",
    "entrances": "entrance",
    "roads": "road",
    "cameras": "camera",
    "key-public-areas": "key_public_area",
    "privacy-zones": "privacy_zone",
    "restricted-sites": "restricted_site",
    "courtyards": "courtyard",
    "department-grids": "department_grid",
    "organisations": "organisation",
    "posts": "post",
    "duties": "duty",
    "projects": "project",
    "proposals": "proposal",
    "matter-items": "matter_item",
    "matters": "matter",
}
"""What a collection is called in a path -> its layer."""

FRAMES = {
    f"EPSG:{number}": crs.Frame("", srid, north_first=False, degrees=number in (4490, 4326))
    for number, srid in {4490: 4490, 4326: 4490, 4545: 4545, 3857: 3857}.items()
}
"""Frames that the database writes; the shifted ones are made of the first."""

DEFAULT_LIMIT, MAX_LIMIT = 100, 10_000

AsOf = Annotated[Day | None, Query(description="The day; today where none is given.")]
Language = Annotated[
    Literal["zh", "en"] | None, Query(description="Adds what coded values are called.")
]
FrameName = Annotated[
    Literal["EPSG:4490", "EPSG:4326", "EPSG:4545", "EPSG:3857", "GCJ-02", "BD-09"],
    Query(alias="crs", description="Frame of the shapes; x or longitude first in all."),
]
Shapes = Annotated[bool, Query(alias="geometry", description="Whether shapes are sent.")]
Within = Annotated[
    str, Query(pattern="^([0-9]{6,15})?$", description="Code of a division: what lies in it.")
]
Box = Annotated[
    str,
    Query(
        max_length=120,
        pattern=f"^({NUMBER}(,{NUMBER}){{3}}((,{NUMBER}){{2}})?)?$",
        description="west,south,east,north in degrees; of six numbers heights are left out.",
    ),
]
KNOWN = frozenset(
    [
        "within",
        "bbox",
        "q",
        "filter",
        "limit",
        "after",
        "as_of",
        "lang",
        "crs",
        "geometry",
    ]
)


def _rows_of(name: str, layer: str) -> Callable[..., Response]:
    """Return the route that lists a collection."""

    def rows(
        request: Request,
        store: Store,
        asker: Asker,
        within: Within = "",
        bbox: Box = "",
        q: Annotated[str, Query(max_length=100, description="A part of the name.")] = "",
        filter: Annotated[str, Query(max_length=8000, description="CQL2 text.")] = "",
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
        after: Annotated[str, Query(max_length=2000, description="From the page before.")] = "",
        as_of: AsOf = None,
        lang: Language = None,
        frame_name: FrameName = "EPSG:4490",
        shapes: Shapes = True,  # noqa: FBT002  a query parameter
    ) -> Response:
        _require(asker, layer)
        _refuse_unknown(request, layer)
        today = dt.date.today()
        day = as_of or today
        fields = jobs.collection_fields(layer)
        asked = jobs.Asked(
            layer,
            day,
            day,
            box=box_of(bbox),
            within=within,
            equal={key: text for key, text in request.query_params.items() if key in fields},
            search=q,
            filter=filter,
        )
        fresh = Fresh.of(request, asker, today)
        page = jobs.collection_page(
            store,
            asked,
            limit=limit,
            after=after,
            frame=_frame(frame_name) if shapes else None,
            known=fresh.known,
            counts=request.app.state.kept,
            counted_as=digest(asker, asked),
        )
        if page.items is None:
            return fresh.unchanged(page.version)
        following = page.following
        url = str(request.url.include_query_params(after=following)) if following else None
        head = {
            "collection": name,
            "as_of": day.isoformat(),
            "crs": frame_name,
            "matched": page.matched,
            "returned": len(page.items),
            "next": url,
        }
        items = ",".join(_texts(layer, page.items, frame_name, lang))
        body = f'{json.dumps(head)[:-1]},"items":[{items}]}}'
        return Response(body.encode(), headers=fresh.headers(page.version), media_type=_JSON)

    return rows


def _one(
    layer: str,
    key: tuple[str, ...],
    request: Request,
    store: Engine,
    asker: Scope,
    as_of: dt.date | None,
    lang: str | None,
    frame_name: str,
) -> Response:
    """Answer with one row; its tag is its version, which a write names again (If-Match)."""
    _require(asker, layer)
    unknown = request.query_params.keys() - {"as_of", "lang", "crs"}
    if unknown:
        raise InputError("a parameter of the request has a name that is not known here")
    day = as_of or dt.date.today()
    page = jobs.collection_item(store, layer, key, first=day, last=day, frame=_frame(frame_name))
    items = page.items or []
    version = json.loads(items[0].properties)["version"]
    headers = {"ETag": f'"{version}"', **HEADERS}
    if f'"{version}"' in request.headers.get("If-None-Match", "").split(", "):
        return Response(status_code=304, headers=headers)
    [text] = _texts(layer, items, frame_name, lang)
    return Response(text.encode(), headers=headers, media_type=_JSON)


_JSON = "application/json"
Code = Annotated[str, Path(max_length=200, description="Its code.")]


def _row_of(layer: str) -> Callable[..., Response]:
    """Return the route to one row of a collection."""

    def row(
        request: Request,
        store: Store,
        asker: Asker,
        code: Code,
        as_of: AsOf = None,
        lang: Language = None,
        frame_name: FrameName = "EPSG:4490",
    ) -> Response:
        return _one(layer, (code,), request, store, asker, as_of, lang, frame_name)

    return row


def duty(
    request: Request,
    store: Store,
    asker: Asker,
    holder_code: Code,
    service: Code,
    target_code: Code,
    as_of: AsOf = None,
    lang: Language = None,
    frame_name: FrameName = "EPSG:4490",
) -> Response:
    """Give a duty by who serves, what, and whom."""
    key = (holder_code, service, target_code)
    return _one("duty", key, request, store, asker, as_of, lang, frame_name)


def _require(asker: Scope, layer: str) -> None:
    right = jobs.needed_right(layer)
    if right is not None:
        asker.require(right)


def _refuse_unknown(request: Request, layer: str) -> None:
    """Refuse parameters that nobody would look at: a filter with a slip would find everything."""
    names = request.query_params.keys()
    if names - KNOWN - jobs.collection_fields(layer).keys():
        raise InputError("a parameter of the request has a name that is not known here")
    if len(names) != len(request.query_params.multi_items()):
        raise InputError("a parameter of the request is given twice")


def _frame(name: str) -> crs.Frame:
    return FRAMES.get(name, FRAMES["EPSG:4490"])


def _texts(layer: str, items: list[Any], frame_name: str, language: str | None) -> list[str]:
    """Return rows as JSON: their columns, what coded values are called, the shape."""
    shapes = [item.geometry for item in items]
    if frame_name not in FRAMES and any(shape is not None for shape in shapes):
        shapes = jobs.shifted_shapes(shapes, frame_name)
    coded = [f for f in jobs.collection_fields(layer).values() if f.choices] if language else []
    texts = []
    for item, shape in zip(items, shapes, strict=True):
        more = f',"labels":{_labels(item.properties, coded, language)}' if coded else ""
        more += f',"geometry":{shape}' if shape is not None else ""
        texts.append(f"{item.properties[:-1]}{more}}}")
    return texts


def _labels(properties: str, coded: list[Field], language: str | None) -> str:
    """Return what the coded values of a row are called in a language, by column."""
    values = json.loads(properties)
    found = {}
    for field in coded:
        value = values.get(field.name)
        if value in field.choices:
            chinese = CHOICES.get(value, (value,))[0]
            found[field.name] = chinese if language == "zh" else value.replace("_", " ")
    return json.dumps(found, ensure_ascii=False)


def _parameters(layer: str) -> list[dict[str, Any]]:
    """Return the columns as parameters, for the document."""
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": f"Only rows that have this: {field.meaning}.",
            "schema": _ASKED[field.kind],
        }
        for name, field in jobs.collection_fields(layer).items()
    ]


_ASKED = {
    Kind.TEXT: {"type": "string", "maxLength": 500},
    Kind.INTEGER: {"type": "integer", "minimum": 1 - 10**18, "maximum": 10**18 - 1},
    Kind.NUMBER: {"type": "number"},
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.DATE: {"type": "string", "format": "date"},
}
"""What may be asked of a column of a type."""

_LIST_SCHEMA = {
    "type": "object",
    "required": ["collection", "as_of", "crs", "matched", "returned", "next", "items"],
    "properties": {
        "collection": {"type": "string"},
        "as_of": {"type": "string", "format": "date"},
        "crs": {"type": "string"},
        "matched": {"type": "integer", "description": "All rows that match, on all pages."},
        "returned": {"type": "integer"},
        "next": {"type": ["string", "null"], "description": "The next page; null on the last."},
        "items": {"type": "array", "items": {"type": "object"}},
    },
}
_ROW_SCHEMA = {"type": "object", "required": ["version"]}
_ROW = {200: {"content": {_JSON: {"schema": _ROW_SCHEMA}}, **TAGGED}, 304: SAME, **problems(404)}
_ROWS = {200: {"content": {_JSON: {"schema": _LIST_SCHEMA}}, **TAGGED}, 304: SAME}


def _add_routes() -> None:
    for name, layer in COLLECTIONS.items():
        words = name.replace("-", " ")
        router.add_api_route(
            f"/{name}",
            _rows_of(name, layer),
            name=f"list {words}",
            summary=f"List {words}, page after page.",
            responses=_ROWS,  # type: ignore[arg-type]
            response_class=Response,
            openapi_extra={"parameters": _parameters(layer)},
        )
        one = "/{holder_code}/{service}/{target_code}" if layer == "duty" else "/{code:path}"
        router.add_api_route(
            f"/{name}{one}",
            duty if layer == "duty" else _row_of(layer),
            name=f"one of {words}",
            summary=f"Give one of the {words}.",
            responses=_ROW,  # type: ignore[arg-type]
            response_class=Response,
        )


_add_routes()
