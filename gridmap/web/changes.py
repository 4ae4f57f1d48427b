"""The writing interface: change sets, single rows, the book of writes, differences, exports.

Belongs here: the routes. Does not belong here: what bodies hold (``bodies``), headers of writes
(``writing``), files that come in (``uploads``), corrections (``corrections``).
"""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse, JSONResponse
from starlette.background import BackgroundTask
from starlette.convertors import Convertor, register_url_convertor

from gridmap import jobs
from gridmap.jobs.edits import ChangeSet, Edit
from gridmap.model import Right, level_of
from gridmap.model import layer as layer_of
from gridmap.web.access import Asker, Store
from gridmap.web.bodies import ChangeSetBody, Day, RowBody, UndoBody
from gridmap.web.problems import problems
from gridmap.web.v1 import COLLECTIONS
from gridmap.web.writing import BasedOn, Writer, Written, answered, require_whole, tolerances_of

router = APIRouter(prefix="/api/v1", tags=["changes"])


class CollectionConvertor(Convertor[str]):
    """Takes names of collections only: ``/api/v1/{name}/…`` hides no other route."""

    regex = "|".join(COLLECTIONS)

    def convert(self, value: str) -> str:
        """Return the name."""
        return value

    def to_string(self, value: str) -> str:
        """Return the name."""
        return value


register_url_convertor("collection", CollectionConvertor())

Collection = Annotated[
    str, Path(description="A collection.", json_schema_extra={"enum": list(COLLECTIONS)})
]
RowCode = Annotated[
    str,
    Path(
        pattern="^[^\\x00-\\x1f\\x7f]+$",
        max_length=200,
        description="The row's code; its key's columns joined by / where it has several.",
    ),
]
AsOf = Annotated[Day | None, Query(description="The day; the present one if not given.")]
Trial = Annotated[bool, Query(description="Check everything and write nothing.")]
Limit = Annotated[int, Query(ge=1, le=1000)]
Before = Annotated[
    int | None, Query(ge=1, le=2**62, description="Only lower numbers: the last of a page.")
]
REFUSED = problems(404, 409, 412, 422, 428)
TRIED: dict[int | str, dict[str, Any]] = {200: {"description": "Tried, and nothing written"}}


@router.post("/change-sets", status_code=201, responses=TRIED | problems(404, 409, 412, 422))
def write_change_set(
    request: Request,
    store: Store,
    writer: Written,
    body: ChangeSetBody,
    dry_run: Trial = False,  # noqa: FBT002
) -> JSONResponse:
    """Create, update and end rows together: all of them, or none."""
    writer.require_write()
    asked = body.change_set(writer.account, writer.key, writer.request)
    tolerances = tolerances_of(request.app.state.settings)
    answer, again = jobs.change(store, asked, commit=not dry_run, tolerances=tolerances)
    return answered(answer, again=again, status=200 if dry_run else 201)


@router.put("/{collection:collection}/{code:path}", responses=REFUSED)
def replace_row(
    request: Request,
    store: Store,
    writer: Written,
    collection: Collection,
    code: RowCode,
    version: BasedOn,
    body: RowBody,
    dry_run: Trial = False,  # noqa: FBT002
) -> JSONResponse:
    """Replace a row: fields that are not named become empty."""
    edit = _edit(collection, "replace", code, version, body)
    return _written(request, store, writer, edit, body, dry_run=dry_run)


@router.patch("/{collection:collection}/{code:path}", responses=REFUSED)
def update_row(
    request: Request,
    store: Store,
    writer: Written,
    collection: Collection,
    code: RowCode,
    version: BasedOn,
    body: RowBody,
    dry_run: Trial = False,  # noqa: FBT002
) -> JSONResponse:
    """Change what is named of a row, and leave the rest."""
    edit = _edit(collection, "update", code, version, body)
    return _written(request, store, writer, edit, body, dry_run=dry_run)


@router.delete("/{collection:collection}/{code:path}", responses=REFUSED)
def end_row(
    request: Request,
    store: Store,
    writer: Written,
    collection: Collection,
    code: RowCode,
    version: BasedOn,
    effective: Annotated[Day | None, Query(description="First day without it.")] = None,
    dry_run: Trial = False,  # noqa: FBT002
) -> JSONResponse:
    """End a row; its past stays. The reason is in the header X-Change-Reason."""
    edit = Edit(_layer(collection, code), "end", code, version)
    return _written(request, store, writer, edit, RowBody(effective=effective), dry_run=dry_run)


def _layer(collection: str, code: str) -> str:
    """Return the layer of a row; that of a division follows from its code."""
    return str(level_of(code)) if collection == "units" else COLLECTIONS[collection]


def _edit(collection: str, action: str, code: str, version: int, body: RowBody) -> Edit:
    shape = None if body.geometry is None else body.geometry.shape()
    return Edit(_layer(collection, code), action, code, version, body.fields, shape)


def _written(
    request: Request, store: Store, writer: Writer, edit: Edit, body: RowBody, *, dry_run: bool
) -> JSONResponse:
    """Write a change set of one edit."""
    writer.require_write()
    reason = writer.why(body.why)
    asked = ChangeSet((edit,), reason, writer.account, body.effective, writer.key, writer.request)
    tolerances = tolerances_of(request.app.state.settings)
    answer, again = jobs.change_row(store, asked, commit=not dry_run, tolerances=tolerances)
    version = answer["versions"][0]["version"] if answer["versions"] else None
    return answered(answer, again=again, version=version)


BatchId = Annotated[int, Path(ge=1, le=2**62)]


@router.get("/batches", responses=problems(422))
def list_batches(
    request: Request, asker: Asker, limit: Limit = 100, before: Before = None
) -> list[dict[str, Any]]:
    """List the writes, the last first, with the reason of each."""
    asker.require(Right.ROWS)
    require_whole(asker)
    return jobs.book_of_batches(request.app.state.engine, before=before, limit=limit)


@router.get("/batches/{batch_id}", responses=problems(404, 422))
def read_batch(request: Request, asker: Asker, batch_id: BatchId) -> JSONResponse:
    """Show one write with the rows that it changed, before and after."""
    asker.require(Right.ROWS)
    asker.require(Right.CAMERAS)
    require_whole(asker)
    found = jobs.batch_rows(request.app.state.engine, batch_id)
    found["batch"].pop("key")  # its sender's
    return answered(found, again=False)


@router.post("/batches/{batch_id}/undo", responses=problems(404, 409, 422))
def undo_batch(
    store: Store, writer: Written, batch_id: BatchId, body: UndoBody | None = None
) -> JSONResponse:
    """Take back what a write changed, with the whole change set that it is of."""
    writer.require_write()
    answer, again = jobs.undo_change(
        store,
        batch_id,
        reason=writer.why(body.why if body else None),
        account=writer.account,
        key=writer.key,
        request=writer.request,
    )
    return answered(answer, again=again)


@router.get("/diff", responses=problems(404, 422))
def difference(
    request: Request,
    asker: Asker,
    before: Annotated[Day, Query(alias="from", description="The earlier day.")],
    after: Annotated[Day, Query(alias="to", description="The later day.")],
    limit: Limit = 100,
) -> JSONResponse:
    """Compare two days: divisions, buildings, coverage gained and lost, rates, lineage."""
    asker.require(Right.ROWS)
    asker.require(Right.CAMERAS)
    require_whole(asker)  # it computes with all there is
    found = jobs.diff(request.app.state.engine, before, after)
    return answered(found.as_dict(limit), again=False)


MEDIA = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "geojson": "application/geo+json",
    "gpkg": "application/geopackage+sqlite3",
}

_BINARY = {"type": "string", "format": "binary"}
_FILES = {
    "xlsx": _BINARY,
    "csv": {"type": "string"},
    "geojson": {"type": "object", "required": ["type", "features"]},
    "gpkg": _BINARY,
}


@router.get(
    "/exports/{layer}.{ending}",
    response_class=FileResponse,
    responses={
        200: {"content": {name: {"schema": _FILES[end]} for end, name in MEDIA.items()}},
        **problems(404, 422),
    },
)
def export(
    store: Store,
    asker: Asker,
    layer: Annotated[str, Path(max_length=40)],
    ending: Literal["xlsx", "csv", "geojson", "gpkg"],
    as_of: AsOf = None,
    unit: Annotated[str, Query(pattern="^([0-9]{6,15})?$", description="A division.")] = "",
    crs: Annotated[str, Query(max_length=40, description="EPSG:n, GCJ-02 or BD-09.")] = "EPSG:4490",
) -> FileResponse:
    """Take a layer out as a file, as it was on a day; the audit trail has it."""
    asker.require(Right.ROWS)
    if layer == "camera":
        asker.require(Right.CAMERAS)
    day = as_of or dt.date.today()
    # Only what names a layer becomes a part of a file's name.
    name = f"{layer_of(layer).name}-{day.isoformat()}.{ending}"
    folder = FilePath(tempfile.mkdtemp(prefix="gridmap-export-"))
    target, whole = folder / name, False
    try:
        jobs.export_layer(
            store, layer, target, as_of=day, frame=crs, unit=unit, actor=asker.account
        )
        whole = True
    finally:
        if not whole:
            shutil.rmtree(folder, ignore_errors=True)
    return FileResponse(
        target,
        media_type=MEDIA[ending],
        filename=name,
        headers={"Cache-Control": "private, no-store"},
        background=BackgroundTask(shutil.rmtree, folder, ignore_errors=True),
    )
