"""Corrections over the network: said at a door, decided at a desk.

Belongs here: the routes. Does not belong here: what becomes of a correction (``jobs.corrections``).
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse

from gridmap import jobs
from gridmap.jobs.corrections import Decision, Suggestion
from gridmap.model import Right
from gridmap.web.access import Asker, Store
from gridmap.web.bodies import CorrectionBody, DecisionBody
from gridmap.web.changes import Before, Limit
from gridmap.web.problems import problems
from gridmap.web.writing import Writer, Written, answered, tolerances_of

router = APIRouter(prefix="/api/v1", tags=["corrections"])

Number = Annotated[int, Path(ge=1, le=2**62)]


@router.post("/corrections", status_code=201, responses=problems(404, 409, 422))
def suggest(request: Request, store: Store, writer: Written, body: CorrectionBody) -> JSONResponse:
    """Say that something of a place is not so: by anybody who sees its row."""
    writer.asker.require(Right.ROWS)
    if body.layer == "camera":
        writer.asker.require(Right.CAMERAS)
    said = Suggestion(
        body.layer,
        body.code,
        writer.account,
        {} if body.field is None else {body.field: body.value},
        None if body.geometry is None else body.geometry.shape(),
        body.words(),
        writer.key,
        writer.request,
    )
    answer, again = jobs.suggest(store, request.app.state.engine, said, as_of=dt.date.today())
    where = f"/api/v1/corrections/{answer['id']}"
    return answered(answer, again=again, status=201, Location=where)


@router.get("/corrections", responses=problems(422))
def list_corrections(
    store: Store,
    asker: Asker,
    state: Annotated[Literal["open", "accepted", "declined"] | None, Query()] = None,
    limit: Limit = 100,
    before: Before = None,
) -> list[dict[str, Any]]:
    """List corrections, the last first."""
    asker.require(Right.ROWS)
    without = () if Right.CAMERAS in asker.rights else ("camera",)
    return jobs.list_corrections(store, state=state, without=without, before=before, limit=limit)


@router.post("/corrections/{number}/accept", responses=problems(404, 409, 412, 422))
def accept(
    request: Request,
    store: Store,
    writer: Written,
    number: Number,
    body: DecisionBody | None = None,
) -> JSONResponse:
    """Write what a correction says, as a change set."""
    writer.require_write()
    decided = _decision(writer, number, body or DecisionBody())
    tolerances = tolerances_of(request.app.state.settings)
    answer, again = jobs.accept(store, decided, tolerances=tolerances)
    return answered(answer, again=again, version=answer["versions"][0]["version"])


@router.post("/corrections/{number}/decline", responses=problems(404, 409, 422))
def decline(
    store: Store, writer: Written, number: Number, body: DecisionBody | None = None
) -> JSONResponse:
    """Leave everything as it is, and say why."""
    writer.require_write()
    answer, again = jobs.decline(store, _decision(writer, number, body or DecisionBody()))
    return answered(answer, again=again)


def _decision(writer: Writer, number: int, body: DecisionBody) -> Decision:
    return Decision(
        number,
        writer.account,
        body.why or writer.reason,
        body.effective,
        body.version,
        body.fields,
        None if body.geometry is None else body.geometry.shape(),
        writer.key,
        writer.request,
    )
