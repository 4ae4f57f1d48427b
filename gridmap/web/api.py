"""The interface for programs: JSON in, JSON out."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request

from gridmap import jobs
from gridmap.errors import InputError
from gridmap.model import BLIND_COLUMNS, FAILURE_KINDS, Right
from gridmap.web.access import NEEDED, Asker, Store, needs
from gridmap.web.bodies import Day
from gridmap.web.problems import problems

router = APIRouter(prefix="/api/v1", tags=["Answers"])

Longitude = Annotated[float, Query(ge=-180, le=180, description="Degrees, CGCS2000 or WGS 84.")]
Latitude = Annotated[float, Query(ge=-90, le=90, description="Degrees, CGCS2000 or WGS 84.")]
NUMBER = "-?[0-9]{1,9}([.][0-9]{1,20})?"
"""The form of a coordinate in an address."""

Code = Annotated[str, Path(pattern="^[0-9]{6,15}$", description="Code of a division.")]


COMPUTED = problems(404, 409)
"""Of routes that compute figures where there are none yet: two may do so at once."""

AsOf = Annotated[Day | None, Query(description="The day; figures are computed for it if need be.")]


@router.get("/locate")
def locate(store: Store, lon: Longitude, lat: Latitude, as_of: AsOf = None) -> dict[str, Any]:
    """Say in which district, street, community, grid and building a position lies."""
    return jobs.locate(store, lon, lat, as_of=as_of or dt.date.today())


@router.get("/coverage/{code}", responses=COMPUTED)
def coverage(store: Store, code: Code, as_of: AsOf = None) -> dict[str, Any]:
    """Give a unit's rates, each with numerator, denominator, date and run."""
    return jobs.unit_coverage(store, code, as_of=as_of)


@router.get("/coverage/{code}/uncovered", responses=COMPUTED, dependencies=[needs(Right.ROWS)])
def uncovered(
    store: Store,
    code: Code,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    as_of: AsOf = None,
) -> dict[str, Any]:
    """List a unit's buildings without a Party group, with the reason: the rows behind the rate."""
    return jobs.uncovered_buildings(store, code, limit=limit, as_of=as_of)


@router.get("/coverage/{code}/blind", responses=COMPUTED)
def blind(
    store: Store,
    code: Code,
    by: Annotated[str, Query(json_schema_extra={"enum": list(BLIND_COLUMNS)})] = "household_count",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    as_of: AsOf = None,
) -> dict[str, Any]:
    """List a unit's blind areas, those that matter most first: the rows behind the blind ground."""
    return jobs.blind_areas(store, code, by=by, limit=limit, as_of=as_of)


@router.get("/coverage/{code}/losses", responses=COMPUTED, dependencies=[needs(Right.CAMERAS)])
def losses(
    store: Store,
    code: Code,
    kind: Annotated[str, Query(json_schema_extra={"enum": list(FAILURE_KINDS)})] = "camera",
    redundant: bool = False,  # noqa: FBT001, FBT002  a query parameter
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    as_of: AsOf = None,
) -> dict[str, Any]:
    """List what nobody sees any more if a camera, a pole or a named group of a unit fails."""
    return jobs.failure_losses(
        store, code, kind=kind, redundant=redundant, limit=limit, as_of=as_of
    )


@router.get("/coverage/{code}/law", responses=COMPUTED, dependencies=[needs(Right.CAMERAS)])
def law(
    store: Store,
    code: Code,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    as_of: AsOf = None,
) -> dict[str, Any]:
    """List the rules that a unit's cameras break, with what to do."""
    return jobs.camera_issues(store, code, limit=limit, as_of=as_of)


LensCode = Annotated[str, Query(max_length=64, description="Code of a lens, see /api/v1/lenses.")]
Rows = Annotated[int, Query(ge=1, le=1000)]


@router.get("/lenses")
def lenses(store: Store, as_of: AsOf = None) -> list[dict[str, Any]]:
    """List the lenses of a day: what is to be covered, by what, of whom."""
    return jobs.lenses_of(store, as_of=as_of or dt.date.today())


@router.get("/coverage/{code}/targets", responses=COMPUTED, dependencies=[needs(Right.ROWS)])
def targets(
    store: Store, code: Code, lens: LensCode, limit: Rows = 100, as_of: AsOf = None
) -> dict[str, Any]:
    """List a unit's targets that a lens finds uncovered, and why: the rows behind its rate."""
    return jobs.lens_targets(store, lens, code, limit=limit, as_of=as_of)


@router.get("/coverage/{code}/frozen", responses=problems(404), dependencies=[needs(Right.ROWS)])
def frozen(
    request: Request,
    store: Store,
    asker: Asker,
    code: Code,
    lens: LensCode,
    as_of: Annotated[Day, Query(description="The day; its frozen answers, or the last before it.")],
    limit: Rows = 100,
) -> dict[str, Any]:
    """List a unit's targets that were uncovered when the answers of a day were frozen, and why."""
    past: jobs.Past = request.app.state.past
    return jobs.frozen_targets(store, past, as_of, lens, code, limit=limit, scope=asker)


@router.get("/coverage/{code}/blank-spots", responses=COMPUTED)
def blank_spots(
    store: Store,
    code: Code,
    lens: LensCode,
    limit: Rows = 100,
    apart: Annotated[float, Query(ge=0, le=500, description="Metres between neighbours.")] = 30.0,
    as_of: AsOf = None,
) -> dict[str, Any]:
    """List where a unit's uncovered targets lie together, those with most households first."""
    return jobs.blank_spots(store, lens, code, apart_m=apart, limit=limit, as_of=as_of)


@router.get("/evidence", responses=COMPUTED, dependencies=[needs(Right.ROWS)])
def evidence(
    store: Store,
    lens: LensCode,
    target: Annotated[str, Query(max_length=64, description="Code of the target.")],
    as_of: AsOf = None,
) -> dict[str, Any]:
    """Give every link that a target was judged by, and what each is worth."""
    return jobs.evidence_of(store, lens, target, as_of=as_of)


@router.get("/coverage/{code}/matters", responses=COMPUTED, dependencies=[needs(Right.ROWS)])
def matters(
    store: Store,
    code: Code,
    limit: Rows = 100,
    near_border: Annotated[float, Query(ge=0, le=1000, description="Metres.")] = 10.0,
    as_of: AsOf = None,
) -> dict[str, Any]:
    """Sort a unit's matters: figures, questions, what was misrouted or is late, hot spots."""
    return jobs.triage_matters(
        store,
        code,
        as_of=as_of or dt.date.today(),
        limit=limit,
        near_border_m=near_border,
    )


@router.get("/features/{layer}", responses=problems(404))
def features(
    store: Store,
    asker: Asker,
    layer: str,
    bbox: Annotated[
        str,
        Query(
            description="west,south,east,north in degrees",
            max_length=120,
            # Told to programs; people are told below what a window is.
            json_schema_extra={"pattern": f"^{NUMBER}(,{NUMBER}){{3}}$"},
        ),
    ],
    as_of: AsOf = None,
) -> dict[str, Any]:
    """Give what a layer has in a window, as GeoJSON; ``truncated`` tells if that is not all."""
    right = NEEDED.get(layer)
    if right is not None:
        asker.require(right)
    try:
        west, south, east, north = (float(part) for part in bbox.split(","))
    except ValueError as error:
        raise InputError("bbox is west,south,east,north in degrees") from error
    day = as_of or dt.date.today()
    return jobs.features(store, layer, (west, south, east, north), as_of=day)
