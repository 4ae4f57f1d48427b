"""Who asks, and through which eyes the store is read for them.

Belongs here: the dependencies by which every route gets a scope and a store. Does not belong here:
signing in (``sign_in``), what a role may (``model``), how rows are kept apart (``store``).
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from gridmap.errors import SignInNeeded
from gridmap.model import Right, Scope
from gridmap.web.signed import asker, recalled
from gridmap.web.throttle import Throttle

NEEDED: dict[str, Right | None] = {
    "road": None,
    "building": Right.ROWS,
    "seen": Right.CAMERAS,
    "blind": Right.CAMERAS,
    "view": Right.CAMERAS,
    "certain": Right.CAMERAS,
    "camera": Right.CAMERAS,
}
"""What one must have the right to, to see the details of the map. The outline of blind ground shows
where cameras stand."""


async def scope_of(request: Request) -> Scope:
    """Return what the one who asks may see and do.

    What is remembered needs no thread; who is looked up in the store gets one.
    """
    throttle: Throttle = request.app.state.throttle
    signed = recalled(request)
    try:
        known = signed is not None and not signed.must_change
        scope = signed.scope if signed and known else await run_in_threadpool(asker, request)
    except SignInNeeded:
        if "authorization" in request.headers:
            throttle.count_stranger(request.client.host if request.client else None)
        raise
    throttle.count_request(scope.account)
    request.state.asker = scope  # for the trail, when the answer is known
    return scope


Asker = Annotated[Scope, Depends(scope_of)]


async def store_of(request: Request, scope: Asker) -> Engine:
    """Return the store as the one who asks sees it."""
    engine: Engine = request.app.state.logins.seen_by(scope)
    return engine


def needs(right: Right) -> Any:
    """Return the dependency of a route that is for those with a right.

    Parameters
    ----------
    right
        Which.

    Returns
    -------
    dependency
        It raises `OutsideScope`.
    """

    async def check(scope: Asker) -> None:
        scope.require(right)

    return Depends(check)


Store = Annotated[Engine, Depends(store_of)]
