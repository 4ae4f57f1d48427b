"""How large a request may be.

Belongs here: counting a body as it comes. The framework's own limit answers with bare text, not
with a problem, where a length was announced. Does not belong here: files, which have a limit of
their own and are never held in memory (``uploads``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import HTTPException

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 32 << 20
"""Of a body that is read as a whole: a change set of all it may have, with large shapes."""

FILES = "/api/v1/imports"


class BodyLimit:
    """Ends a request whose body is too large, whatever length it announced.

    Parameters
    ----------
    app
        What answers.
    most_bytes
        What a body may have.
    """

    def __init__(self, app: ASGIApp, most_bytes: int = MOST_BYTES) -> None:
        self._app, self._most_bytes = app, most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, counting what comes."""
        if scope["type"] != "http" or scope["path"] == FILES:
            await self._app(scope, receive, send)
            return
        count = 0

        async def counted() -> Message:
            nonlocal count
            message = await receive()
            count += len(message.get("body", b""))
            if count > self._most_bytes:
                detail = f"a request has {self._most_bytes >> 20} MB at most"
                raise HTTPException(413, detail, {"Connection": "close"})
            return message

        await self._app(scope, counted, send)
