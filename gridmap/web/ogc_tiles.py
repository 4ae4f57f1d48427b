"""OGC API Tiles: a collection's squares of the Web Mercator pyramid, and what they are.

Belongs here: the forms of the standard (OGC 20-057). Does not belong here: what is in a tile
(``store``), collections and features (``ogc``).
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from gridmap import jobs
from gridmap.crs import TILE_WORLD_M
from gridmap.errors import NotFound
from gridmap.web import ogc
from gridmap.web.access import Asker, Store
from gridmap.web.fresh import SAME, TAGGED, Fresh
from gridmap.web.problems import problems

if TYPE_CHECKING:
    from gridmap.model import Field

router = APIRouter(prefix=ogc.PREFIX, tags=["OGC API"], dependencies=ogc.ONLY_JSON)

MVT = "application/vnd.mapbox-vector-tile"
QUAD = "WebMercatorQuad"
QUAD_URI = f"http://www.opengis.net/def/tilematrixset/OGC/1.0/{QUAD}"
_MERCATOR = "http://www.opengis.net/def/crs/EPSG/0/3857"
_HALF_M = TILE_WORLD_M / 2
_PIXEL_M = 0.00028  # OGC 17-083r4: the pixel that scales are given for
_SIDE = 256

PyramidName = Annotated[str, Path(alias="matrix_set", max_length=40, description=QUAD)]
Number = Annotated[int, Path(ge=0, le=2**22)]
_TILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {MVT: {"schema": {"type": "string", "format": "binary"}}}, **TAGGED},
    304: SAME,
    **problems(404, 413),
}


@router.get("/tileMatrixSets")
def tile_matrix_sets(request: Request) -> Response:
    """List the pyramids of tiles."""
    ogc.refuse_unknown(request)
    one = {
        "id": QUAD,
        "title": "Google Maps compatible",
        "uri": QUAD_URI,
        "links": [ogc.link(request, f"/tileMatrixSets/{QUAD}", "self", "Its definition")],
    }
    return ogc.as_json({"tileMatrixSets": [one]})


@router.get("/tileMatrixSets/{matrix_set}", responses=problems(404))
def tile_matrix_set(request: Request, matrix_set: PyramidName) -> Response:
    """Define a pyramid."""
    ogc.refuse_unknown(request)
    _require(matrix_set)
    matrices = []
    for zoom in range(jobs.MAX_ZOOM + 1):
        cell = TILE_WORLD_M / _SIDE / 2**zoom
        matrices.append(
            {
                "id": str(zoom),
                "scaleDenominator": cell / _PIXEL_M,
                "cellSize": cell,
                "pointOfOrigin": [-_HALF_M, _HALF_M],
                "tileWidth": _SIDE,
                "tileHeight": _SIDE,
                "matrixWidth": 2**zoom,
                "matrixHeight": 2**zoom,
            }
        )
    return ogc.as_json(
        {
            "id": QUAD,
            "title": "Google Maps compatible",
            "uri": QUAD_URI,
            "crs": _MERCATOR,
            "orderedAxes": ["X", "Y"],
            "wellKnownScaleSet": "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible",
            "tileMatrices": matrices,
        }
    )


@router.get("/collections/{collection}/tiles", responses=problems(404))
def tilesets(request: Request, asker: Asker, collection: ogc.Collection) -> Response:
    """List the tile sets of a collection."""
    ogc.refuse_unknown(request)
    name = ogc.layer_of(asker, collection)
    here = ogc.link(request, f"/collections/{name}/tiles", "self", "This document")
    return ogc.as_json({"links": [here], "tilesets": [_tileset(request, name)]})


@router.get("/collections/{collection}/tiles/{matrix_set}", responses=problems(404))
def tileset(
    request: Request, asker: Asker, collection: ogc.Collection, matrix_set: PyramidName
) -> Response:
    """Describe a tile set."""
    ogc.refuse_unknown(request)
    name = ogc.layer_of(asker, collection)
    _require(matrix_set)
    fields: dict[str, Field] = jobs.collection_fields(name)
    layers = [
        {
            "id": name,
            "dataType": "vector",
            "minTileMatrix": str(first),
            "maxTileMatrix": str(last),
            "propertiesSchema": {
                "type": "object",
                "properties": {column: ogc.schema_of(fields[column]) for column in columns},
            },
        }
        for (first, columns), last in zip(
            jobs.tile_fields(name).items(), (14, jobs.MAX_ZOOM), strict=True
        )
    ]
    return ogc.as_json({**_tileset(request, name), "layers": layers})


@router.get("/collections/{collection}/tiles/{matrix_set}/{matrix}/{row}/{column}", responses=_TILE)
def tile(
    request: Request,
    store: Store,
    asker: Asker,
    collection: ogc.Collection,
    matrix_set: PyramidName,
    matrix: Annotated[int, Path(ge=0, le=jobs.MAX_ZOOM, description="Level of the pyramid.")],
    row: Number,
    column: Number,
    datetime: ogc.Time = "",
) -> Response:
    """Draw a tile; headers tell how many features it has and how many were too small for it."""
    ogc.refuse_unknown(request, "datetime")
    name = ogc.layer_of(asker, collection)
    _require(matrix_set)
    today = dt.date.today()
    first, last = jobs.days_of(datetime, today)
    fresh = Fresh.of(request, asker, today)
    version, drawn = jobs.collection_tile(
        store, name, (matrix, column, row), day=last or first or today, known=fresh.known
    )
    if drawn is None:
        return fresh.unchanged(version)
    counts = {"Tile-Features": str(drawn.features), "Tile-Dropped": str(drawn.dropped)}
    headers = {**fresh.headers(version), **counts, "Content-Crs": f"<{_MERCATOR}>"}
    return Response(drawn.data, media_type=MVT, headers=headers)


def _require(matrix_set: str) -> None:
    if matrix_set != QUAD:
        raise NotFound(f"there is no such pyramid of tiles; there is {QUAD}")


def _tileset(request: Request, name: str) -> dict[str, Any]:
    at = f"/collections/{name}/tiles/{QUAD}"
    template = ogc.link(
        request, f"{at}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}", "item", "Tiles", MVT
    )
    return {
        "title": name.replace("_", " "),
        "dataType": "vector",
        "crs": _MERCATOR,
        "tileMatrixSetURI": QUAD_URI,
        "links": [
            ogc.link(request, at, "self", "This tile set"),
            {**template, "templated": True},
            ogc.link(
                request,
                f"/tileMatrixSets/{QUAD}",
                "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme",
                "The pyramid",
            ),
        ],
    }
