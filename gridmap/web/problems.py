"""Errors as answers: problem details (RFC 9457) with a stable code and the request's id.

Belongs here: the form of an error, which status it has. Does not belong here: what went wrong
(``errors``), the id itself (``watch``).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from gridmap.errors import (
    Conflict,
    Forbidden,
    GridmapError,
    InputError,
    LayerRejected,
    NotFound,
    SignInNeeded,
    StaleVersion,
    StoreError,
    StoreUnavailable,
    TooLarge,
    TooManyTries,
    TooMuch,
    VersionNeeded,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI, Request

STATUSES: dict[type[GridmapError], int] = {
    InputError: 422,
    TooLarge: 413,
    NotFound: 404,
    Conflict: 409,
    StaleVersion: 412,
    VersionNeeded: 428,
    Forbidden: 403,
    SignInNeeded: 401,
    TooManyTries: 429,
    TooMuch: 413,
    StoreUnavailable: 503,
    StoreError: 500,
    GridmapError: 500,
}
"""The most special class that fits gives the status."""

RETRY_AFTER_S = 5
METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
MOST_ISSUES = 1000


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return how the problems that a route may answer with are described.

    Parameters
    ----------
    *statuses
        Which.

    Returns
    -------
    dict
        For ``responses`` of a route.
    """
    content = {"application/problem+json": {"schema": {"type": "object"}}}
    every = sorted({*statuses, 401, 403, 503})
    return {one: {"description": HTTPStatus(one).phrase, "content": content} for one in every}


def add_problems(app: FastAPI) -> None:
    """Make every error of an application a problem.

    Parameters
    ----------
    app
        The application.
    """
    app.add_exception_handler(GridmapError, _of_gridmap)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _of_request)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _of_route)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, _of_program)


async def _of_gridmap(request: Request, error: GridmapError) -> JSONResponse:
    return problem_of(request, error)


def problem_of(request: Request, error: GridmapError) -> JSONResponse:
    """Turn an error into a status and a stable code; its text is our own, never a library's.

    Parameters
    ----------
    request
        What is answered.
    error
        Why not.

    Returns
    -------
    JSONResponse
        With what a program needs to do better: when to come again, how to sign in.
    """
    headers = {}
    if isinstance(error, StoreUnavailable):
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if isinstance(error, TooManyTries):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, SignInNeeded):
        headers["WWW-Authenticate"] = "Bearer"
    status = _as_the_standard_has_it(request, status_of(error))
    more = _issues(error) if isinstance(error, LayerRejected) else {}
    return _problem(request, status, error.code, str(error), headers=headers, **more)


def _issues(error: LayerRejected) -> dict[str, Any]:
    """Return what rows have wrong, the first of it where that is much."""
    issues = error.report.issues
    shown = [issue.as_dict() for issue in issues[:MOST_ISSUES]]
    return {"issues": shown, "issue_count": len(issues)}


def status_of(error: GridmapError) -> int:
    """Return the status of an error.

    Parameters
    ----------
    error
        Any of ours.

    Returns
    -------
    int
        From `STATUSES`, by the most special class.
    """
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


async def _of_request(request: Request, error: RequestValidationError) -> JSONResponse:
    """Say which parameter cannot be used, and why; never what stood in it."""
    wrong = [
        {"parameter": ".".join(str(part) for part in one["loc"][1:]), "reason": one["msg"]}
        for one in error.errors()
    ]
    names = ", ".join(str(one["parameter"]) for one in wrong)
    status = _as_the_standard_has_it(request, 422)
    return _problem(request, status, "request", f"cannot be used: {names}", errors=wrong)


def _as_the_standard_has_it(request: Request, status: int) -> int:
    """Return 400 in place of 422 where OGC's standards rule."""
    return 400 if status == 422 and f"{request.url.path}/".startswith("/ogc/") else status


async def _of_route(request: Request, error: HTTPException) -> JSONResponse:
    headers = dict(error.headers or {})
    if error.status_code == 405 and "Allow" in headers:
        headers["Allow"] = ", ".join(_allowed(request))
    return _problem(request, error.status_code, "http", str(error.detail), headers=headers)


def _allowed(request: Request) -> list[str]:
    """Return what may be asked of a path, of all its routes: the router tells of one."""
    routes = request.app.routes
    asked = [{**request.scope, "method": method} for method in METHODS]
    return [
        str(one["method"])
        for one in asked
        if any(route.matches(one)[0] is Match.FULL for route in routes)
    ]


def problem_of_status(request: Request, status: int, detail: str) -> JSONResponse:
    """Return the problem of a request that no route has seen.

    Parameters
    ----------
    request
        What is answered.
    status
        Of HTTP.
    detail
        Why.

    Returns
    -------
    JSONResponse
        With the code ``http``.
    """
    return _problem(request, status, "http", detail)


async def _of_program(request: Request, _error: Exception) -> JSONResponse:
    """Say nothing of a fault of our own but the id under which it is logged."""
    return _problem(request, 500, "internal", "the server failed; its log has the request's id")


def _problem(
    request: Request,
    status: int,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> JSONResponse:
    body = {
        "type": f"urn:gridmap:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "request": getattr(request.state, "id", None),
        **more,
    }
    return JSONResponse(
        body, status_code=status, headers=headers, media_type="application/problem+json"
    )
