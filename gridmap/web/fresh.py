"""Whether an answer that a client has is still right: ETag, 304, and who may keep it.

Belongs here: headers of answers that follow from the state of the store. Does not belong here:
what that state is (``jobs``).

A tag is of the state, of what was asked, and of the scope that asked: it fits no other account's.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi import Response

from gridmap import __version__

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from fastapi import Request

    from gridmap.model import Scope

HEADERS = {
    "Cache-Control": "private, max-age=0, must-revalidate",
    "Vary": "Authorization, Cookie",
}
"""Only the client itself keeps an answer, and asks each time whether it is still right."""

TAGGED = {"headers": {"ETag": {"required": True, "schema": {"type": "string"}}}}
SAME = {"description": "The answer that the client has (If-None-Match) is still right", **TAGGED}
"""For the document: such an answer has its tag."""

KEPT = 2000
"""Counts and extents that the server keeps; where there are more, all are forgotten."""


class Kept(dict[Any, Any]):
    """What was counted in one state of the store, by state, question and scope."""

    def __setitem__(self, key: object, value: object) -> None:
        if len(self) >= KEPT:
            self.clear()
        super().__setitem__(key, value)


class Renewed(dict[Any, tuple[object, Any]]):
    """What was made for somebody's eyes in one state of the store, and is made anew in another.

    Where there are too many, what was first put in goes first.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def kept(self, mine: object, state: object, make: Callable[[], Any]) -> Any:
        """Return what is kept for somebody in a state, made if need be."""
        if mine not in self or self[mine][0] != state:
            while len(self) >= self._most:
                self.pop(next(iter(self)), None)
            self[mine] = (state, make())
        return self[mine][1]


def digest(scope: Scope, *parts: object) -> str:
    """Return a text that is the same only for the same question of the same scope.

    Parameters
    ----------
    scope
        Who asks.
    parts
        What is asked.

    Returns
    -------
    str
        Letters and digits.
    """
    text = repr((__version__, scope.role, sorted(scope.ranges), parts))
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:24]


@dataclass(frozen=True)
class Fresh:
    """The freshness of one answer."""

    asked: str
    known: str
    """The state of the store whose answer the client has; empty for none."""

    @classmethod
    def of(cls, request: Request, scope: Scope, today: dt.date) -> Fresh:
        """Return that of a request.

        Parameters
        ----------
        request
            Its URL says what is asked, its header which answer the client has.
        scope
            Who asks.
        today
            The day of answers that name none.

        Returns
        -------
        Fresh
            For `headers` and `unchanged`.
        """
        asked = digest(scope, str(request.url), today)
        for tag in request.headers.get("If-None-Match", "").split(","):
            version, _, of = tag.strip().removeprefix("W/").strip('"').partition(".")
            if of == asked:
                return cls(asked, version)
        return cls(asked, "")

    def headers(self, version: str) -> dict[str, str]:
        """Return the headers of an answer.

        Parameters
        ----------
        version
            The state of the store.

        Returns
        -------
        dict
            Name -> value.
        """
        return {"ETag": f'W/"{version}.{self.asked}"', **HEADERS}

    def unchanged(self, version: str) -> Response:
        """Return the answer to a client that has the right one.

        Parameters
        ----------
        version
            The state of the store.

        Returns
        -------
        Response
            304, without a body.
        """
        return Response(status_code=304, headers=self.headers(version))
