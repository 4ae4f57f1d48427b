"""OGC's interface for GIS programs: features, filters and tiles of an allow-list of layers.

Belongs here: the forms of OGC API Features parts 1 to 3 and Tiles. Does not belong here: which
rows an account sees (``access``, ``store``), what a question means (``jobs``).

JSON only. A collection that the role may not see is not listed, and is no other than one that
there is not. What a request says wrongly is 400 here, as the standards have it.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from gridmap import crs, jobs
from gridmap.errors import InputError, LayerNotFound
from gridmap.model import Kind
from gridmap.web.access import Asker, Store
from gridmap.web.documents import document_of
from gridmap.web.fresh import HEADERS, SAME, TAGGED, Fresh, digest
from gridmap.web.problems import problems

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from gridmap.model import Field, Scope

PREFIX = "/ogc"
GEOJSON = "application/geo+json"
SCHEMA_JSON = "application/schema+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
_REL = "http://www.opengis.net/def/rel/ogc/1.0"

DEFAULT_LIMIT, MAX_LIMIT = 1000, 10_000
"""Features of a page; a greater number that is asked for is taken as the greatest."""

_FEATURES = "http://www.opengis.net/spec/ogcapi-features"
_CQL = "http://www.opengis.net/spec/cql2/1.0/conf"
CONFORMS = (
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/collections",
    f"{_FEATURES}-1/1.0/conf/core",
    f"{_FEATURES}-1/1.0/conf/geojson",
    f"{_FEATURES}-1/1.0/conf/oas30",
    f"{_FEATURES}-2/1.0/conf/crs",
    f"{_FEATURES}-3/1.0/conf/queryables",
    f"{_FEATURES}-3/1.0/conf/queryables-query-parameters",
    f"{_FEATURES}-3/1.0/conf/filter",
    f"{_FEATURES}-3/1.0/conf/features-filter",
    f"{_CQL}/cql2-text",
    f"{_CQL}/basic-cql2",
    f"{_CQL}/advanced-comparison-operators",
    f"{_CQL}/case-insensitive-comparison",
    f"{_CQL}/basic-spatial-functions",
    f"{_CQL}/spatial-functions",
    f"{_CQL}/property-property",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/tileset",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/tilesets-list",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/geodata-tilesets",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/mvt",
)
"""Conformance classes that the tests transcribe; no certificate was given."""

_TYPES = {
    Kind.TEXT: {"type": "string"},
    Kind.INTEGER: {"type": "integer"},
    Kind.NUMBER: {"type": "number"},
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.DATE: {"type": "string", "format": "date"},
}


def _only_json(f: Annotated[str, Query(pattern="^json$", description="json")] = "json") -> str:
    """Refuse other forms of answers."""
    return f


ONLY_JSON = [Depends(_only_json)]
router = APIRouter(prefix=PREFIX, tags=["OGC API"], dependencies=ONLY_JSON)

Collection = Annotated[str, Path(max_length=40, description="Name of a collection.")]
Text = Annotated[str, Query(max_length=300)]
FrameUri = Annotated[str, Query(max_length=100, description="URI of a coordinate frame.")]
Time = Annotated[str, Query(max_length=80, description="A day, or first/last; .. is open.")]
_GEO: dict[int | str, dict[str, Any]] = {
    200: {"content": {GEOJSON: {"schema": {"type": "object"}}}, **TAGGED},
    304: SAME,
    **problems(404),
}
_SCHEMA: dict[int | str, dict[str, Any]] = {
    200: {"content": {SCHEMA_JSON: {"schema": {"type": "object"}}}},
    **problems(404),
}


@router.get("")
@router.get("/", include_in_schema=False)
def landing(request: Request) -> Response:
    """Say what there is."""
    refuse_unknown(request)
    links = [
        link(request, "", "self", "This document"),
        link(request, "/api", "service-desc", "The interface", OPENAPI),
        link(request, "/conformance", "conformance", "Conformance classes"),
        link(request, "/collections", "data", "Collections"),
        link(request, "/tileMatrixSets", f"{_REL}/tiling-schemes", "Tile matrix sets"),
    ]
    return as_json(
        {
            "title": "gridmap",
            "description": "Divisions, buildings and what covers them, as your account sees them.",
            "links": links,
        }
    )


@router.get("/conformance")
def conformance(request: Request) -> Response:
    """List the conformance classes."""
    refuse_unknown(request)
    return as_json({"conformsTo": list(CONFORMS)})


@router.get("/api", responses={200: {"content": {OPENAPI: {"schema": {"type": "object"}}}}})
def api(request: Request) -> Response:
    """Describe this interface, in OpenAPI 3.0."""
    refuse_unknown(request)
    document = document_of(request.app, PREFIX, "3.0.3")
    document["servers"] = [{"url": _base(request)}]
    return as_json(document, media_type=OPENAPI)


@router.get("/collections")
def collections(request: Request, store: Store, asker: Asker) -> Response:
    """List the collections that the account may see."""
    refuse_unknown(request)
    names = [name for name in jobs.shaped_layers() if _may(asker, name)]
    extents = _extents(request, store, asker, names)
    described = [_collection(request, name, extents[name]) for name in names]
    return as_json(
        {
            "links": [link(request, "/collections", "self", "This document")],
            "collections": described,
            "numberMatched": len(names),
            "numberReturned": len(names),
        }
    )


@router.get("/collections/{collection}", responses=problems(404))
def collection(request: Request, store: Store, asker: Asker, collection: Collection) -> Response:
    """Describe a collection."""
    refuse_unknown(request)
    name = layer_of(asker, collection)
    return as_json(_collection(request, name, _extents(request, store, asker, [name])[name]))


@router.get("/collections/{collection}/queryables", responses=_SCHEMA)
def queryables(request: Request, asker: Asker, collection: Collection) -> Response:
    """List the columns that a filter may name."""
    refuse_unknown(request)
    name = layer_of(asker, collection)
    properties: dict[str, Any] = {
        column: schema_of(field) for column, field in jobs.collection_fields(name).items()
    }
    properties["geometry"] = {"title": "geometry", "format": "geometry-any"}
    body = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": _url(request, f"/collections/{name}/queryables"),
        "type": "object",
        "title": name,
        "properties": properties,
        "additionalProperties": False,
    }
    return as_json(body, media_type=SCHEMA_JSON)


@router.get("/collections/{collection}/items", responses=_GEO)
def items(
    request: Request,
    store: Store,
    asker: Asker,
    collection: Collection,
    limit: Annotated[int, Query(ge=1, json_schema_extra={"maximum": MAX_LIMIT})] = DEFAULT_LIMIT,
    bbox: Text = "",
    bbox_crs: Annotated[FrameUri, Query(alias="bbox-crs")] = crs.CRS84.uri,
    frame_uri: Annotated[FrameUri, Query(alias="crs")] = crs.CRS84.uri,
    datetime: Time = "",
    filter: Annotated[str, Query(max_length=8000, description="CQL2 text.")] = "",
    filter_lang: Annotated[str, Query(alias="filter-lang", pattern="^cql2-text$")] = "cql2-text",
    filter_crs: Annotated[FrameUri, Query(alias="filter-crs")] = crs.CRS84.uri,
    after: Annotated[str, Query(max_length=2000, description="From the link next.")] = "",
) -> Response:
    """Give a page of a collection's features, as GeoJSON."""
    name = layer_of(asker, collection)
    fields = jobs.collection_fields(name)
    refuse_unknown(request, *ITEM_PARAMETERS, *fields)
    frame = crs.frame_of(frame_uri)
    today = dt.date.today()
    asked = jobs.Asked(
        name,
        *jobs.days_of(datetime, today),
        box=box_of(bbox),
        box_frame=crs.frame_of(bbox_crs),
        equal={key: text for key, text in request.query_params.items() if key in fields},
        filter=filter,
        filter_frame=crs.frame_of(filter_crs),
    )
    fresh = Fresh.of(request, asker, today)
    page = jobs.collection_page(
        store,
        asked,
        limit=min(limit, MAX_LIMIT),
        after=after,
        frame=frame,
        known=fresh.known,
        counts=request.app.state.kept,
        counted_as=digest(asker, asked),
    )
    if page.items is None:
        return fresh.unchanged(page.version)
    head = {
        "type": "FeatureCollection",
        "numberMatched": page.matched,
        "numberReturned": len(page.items),
        "links": _page_links(request, name, page.following),
    }
    # The features are text that the database wrote: to read and write it again would cost more
    # than all the rest.
    body = f'{json.dumps(head)[:-1]},"features":[{",".join(map(_feature, page.items))}]}}'
    headers = {**fresh.headers(page.version), "Content-Crs": f"<{frame.uri}>"}
    return Response(body.encode(), media_type=GEOJSON, headers=headers)


ITEM_PARAMETERS = frozenset(
    [
        "f",
        "limit",
        "bbox",
        "bbox-crs",
        "crs",
        "datetime",
        "filter",
        "filter-lang",
        "filter-crs",
        "after",
    ]
)


@router.get("/collections/{collection}/items/{feature}", responses=_GEO)
def item(
    request: Request,
    store: Store,
    asker: Asker,
    collection: Collection,
    feature: Annotated[str, Path(max_length=200, description="Code of the feature.")],
    frame_uri: Annotated[FrameUri, Query(alias="crs")] = crs.CRS84.uri,
    datetime: Time = "",
) -> Response:
    """Give one feature, as GeoJSON."""
    name = layer_of(asker, collection)
    refuse_unknown(request, "f", "crs", "datetime")
    frame, today = crs.frame_of(frame_uri), dt.date.today()
    first, last = jobs.days_of(datetime, today)
    fresh = Fresh.of(request, asker, today)
    page = jobs.collection_item(
        store, name, (feature,), first=first, last=last, frame=frame, known=fresh.known
    )
    if page.items is None:
        return fresh.unchanged(page.version)
    links = [
        {"href": str(request.url), "rel": "self", "type": GEOJSON, "title": "This document"},
        link(request, f"/collections/{name}", "collection", "The collection"),
    ]
    body = f'{_feature(page.items[0])[:-1]},"links":{json.dumps(links)}}}'
    headers = {**fresh.headers(page.version), "Content-Crs": f"<{frame.uri}>"}
    return Response(body.encode(), media_type=GEOJSON, headers=headers)


# --- what the routes share


def box_of(text: str) -> tuple[float, float, float, float] | None:
    """Return a box as a program writes it; of six numbers the heights are left out."""
    if not text:
        return None
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError("bbox is four numbers, or six, with commas between") from error
    if len(numbers) not in (4, 6) or not all(abs(number) < 1e9 for number in numbers):
        raise InputError("bbox is four numbers, or six, with commas between")
    first, second, last, final = numbers if len(numbers) == 4 else numbers[:2] + numbers[3:5]
    return first, second, last, final


def _feature(row: Any) -> str:
    return (
        f'{{"type":"Feature","id":{json.dumps("/".join(row.key), ensure_ascii=False)},'
        f'"geometry":{row.geometry},"properties":{row.properties}}}'
    )


def _may(asker: Scope, name: str) -> bool:
    right = jobs.needed_right(name)
    return right is None or right in asker.rights


def layer_of(asker: Scope, name: str) -> str:
    """Return the layer of a collection, if the role may know of it."""
    if name not in jobs.shaped_layers() or not _may(asker, name):
        raise LayerNotFound("there is no such collection")
    return name


def refuse_unknown(request: Request, *known: str) -> None:
    """Refuse parameters that nobody would look at (features-1, /req/core/query-param-unknown)."""
    names = request.query_params.keys()
    if names - {"f", *known}:
        raise InputError("a parameter of the request has a name that is not known here")
    if len(names) != len(request.query_params.multi_items()):
        raise InputError("a parameter of the request is given twice")


def _extents(
    request: Request, store: Engine, asker: Scope, names: list[str]
) -> dict[str, tuple[float, ...] | None]:
    """Return where the rows of layers lie, looked up once for each state of the store."""
    kept, version, today = request.app.state.kept, jobs.version(store), dt.date.today()
    found = {}
    for name in names:
        key = (version, digest(asker, "extent", name, today))
        if key not in kept:
            kept[key] = jobs.collection_extent(store, name, day=today)
        found[name] = kept.get(key)
    return found


def _collection(request: Request, name: str, extent: tuple[float, ...] | None) -> dict[str, Any]:
    at = f"/collections/{name}"
    box = {"bbox": [list(extent)], "crs": crs.CRS84.uri} if extent else None
    return {
        "id": name,
        "title": name.replace("_", " "),
        "description": f"The layer {name}, as it is on the day that is asked for.",
        "itemType": "feature",
        "extent": {
            **({"spatial": box} if box else {}),
            "temporal": {
                "interval": [[None, None]],
                "trs": "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian",
            },
        },
        "crs": [frame.uri for frame in crs.FRAMES],
        "storageCrs": crs.STORAGE_FRAME.uri,
        "links": [
            link(request, at, "self", "This document"),
            link(request, f"{at}/items", "items", "The features", GEOJSON),
            link(request, f"{at}/queryables", f"{_REL}/queryables", "Columns", SCHEMA_JSON),
            link(request, f"{at}/tiles", f"{_REL}/tilesets-vector", "Vector tiles"),
        ],
    }


def schema_of(field: Field) -> dict[str, Any]:
    """Return a column as JSON Schema."""
    unit = f", {field.unit}" if field.unit else ""
    kind = _TYPES[field.kind] | ({"enum": list(field.choices)} if field.choices else {})
    return {"title": field.name, "description": field.meaning + unit, **kind}


def _page_links(request: Request, name: str, following: str | None) -> list[dict[str, str]]:
    here = {"href": str(request.url), "rel": "self", "type": GEOJSON, "title": "This document"}
    links = [here, link(request, f"/collections/{name}", "collection", "The collection")]
    if following:
        url = str(request.url.include_query_params(after=following))
        links.append({"href": url, "rel": "next", "type": GEOJSON, "title": "The next page"})
    return links


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/") + PREFIX


def _url(request: Request, path: str) -> str:
    return _base(request) + path


def link(
    request: Request, path: str, rel: str, title: str, kind: str = "application/json"
) -> dict[str, str]:
    """Return a link to another answer of this interface."""
    return {"href": _url(request, path), "rel": rel, "type": kind, "title": title}


def as_json(body: object, *, media_type: str = "application/json") -> Response:
    """Return an answer as JSON that only its client keeps."""
    text = json.dumps(body, ensure_ascii=False)
    return Response(text.encode(), media_type=media_type, headers=HEADERS)
