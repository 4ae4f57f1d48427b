"""How large a request may be, and how long it may take to arrive.

Belongs here: counting what arrives. Does not belong here: files, whose route counts by itself
(``uploads``); how long an answer takes (``store``).
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from fastapi import Request
from starlette.exceptions import HTTPException

from gridmap.web.problems import problem_of_status

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_BYTES = 2_000_000
"""The most a request may bring that is no file: a change set of some thousand rows."""

BODY_S = 30.0
"""So long a request that is no file may take to arrive."""

FILES = "/api/v1/imports"
"""Where files are sent to; they have limits of their own."""


class Limits:
    """Ends requests that are too large or too slow, before anybody works on them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http" or scope["path"].rstrip("/") == FILES:
            await self._app(scope, receive, send)
            return
        begun, size, answered = time.monotonic(), 0, False

        async def counted() -> Message:
            nonlocal size
            if answered:
                return await receive()
            left = begun + BODY_S - time.monotonic()
            try:
                message = await asyncio.wait_for(receive(), max(left, 0.001))
            except TimeoutError:
                raise HTTPException(408, f"a request must arrive within {BODY_S:g} s") from None
            size += len(message.get("body", b""))
            if size > BODY_BYTES:
                raise HTTPException(413, f"a request has at most {BODY_BYTES} bytes")
            return message

        async def told(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            if _length(scope) > BODY_BYTES:
                raise HTTPException(413, f"a request has at most {BODY_BYTES} bytes")
            await self._app(scope, counted, told)
        except HTTPException as error:
            if answered:
                raise
            answer = problem_of_status(Request(scope), error.status_code, str(error.detail))
            await answer(scope, receive, send)


def _length(scope: Scope) -> int:
    """Return how long a request says it is; 0 where it does not say."""
    told = dict(scope["headers"]).get(b"content-length", b"0")
    return int(told) if told.isdigit() else 0
