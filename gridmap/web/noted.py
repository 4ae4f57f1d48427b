"""What goes into the audit trail because it was asked for: where cameras stand, and refusals.

Belongs here: seeing it, once for each in a while. Does not belong here: events of what changes
something or leaves as a file, which the jobs write (``jobs``).
"""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from gridmap import jobs
from gridmap.errors import GridmapError
from gridmap.web.problems import problem_of
from gridmap.web.watch import route_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

EVERY_S = {"cameras_seen": 900.0, "refused": 60.0}
"""How often the same is written of one account and route: a map asks hundreds of times."""

KEPT = 10_000

CAMERA_PATHS = re.compile(
    r"/api/v1/(cameras|features/(camera|view|blind)|coverage/[^/]+/(losses|law)|exports/camera)"
    r"|/ogc/collections/(camera|camera_view|blind)(/|$)|/tiles/[^/]*(camera|view|seen|blind)|/queues"
)
"""Answers from which one learns where cameras stand."""


class Noted:
    """Writes the event of an answer before the answer leaves."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._last: dict[tuple[str, ...], float] = {}
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and write its event where it has one."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        failed: GridmapError | None = None

        async def noted(message: Message) -> None:
            nonlocal failed
            if message["type"] == "http.response.start":
                try:
                    await self._note(Request(scope), message["status"])
                except GridmapError as error:
                    failed = error
                    await problem_of(Request(scope), error)(scope, receive, send)
            if failed is None:
                await send(message)

        await self._app(scope, receive, noted)

    async def _note(self, request: Request, status: int) -> None:
        asker = getattr(request.state, "asker", None)
        if asker is None:
            return
        if status == 403:
            action = "refused"
        elif status < 400 and CAMERA_PATHS.match(request.url.path):
            action = "cameras_seen"
        else:
            return
        route = route_of(request)
        if not self._due((asker.account, action, route)):
            return
        await run_in_threadpool(
            jobs.note,
            request.app.state.engine,
            action,
            subject=route,
            actor=asker.account,
            details={"role": str(asker.role), "request": request.state.id},
        )

    def _due(self, key: tuple[str, ...]) -> bool:
        now = time.monotonic()
        with self._lock:
            if now - self._last.get(key, -float("inf")) < EVERY_S[key[1]]:
                return False
            if len(self._last) >= KEPT:
                self._last.clear()
            self._last[key] = now
        return True
