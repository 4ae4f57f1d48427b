"""What all routes that write share: who asks, why, on which version, and once only.

Belongs here: reading the headers of a write, the answer's headers. Does not belong here: the
routes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote

from fastapi import Depends, Header, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse

from gridmap.errors import InputError, OutsideScope, VersionNeeded
from gridmap.jobs.change_sets import Tolerances
from gridmap.model import Right, Scope
from gridmap.web.access import Asker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gridmap.settings import Settings

_ETAG = re.compile(r'"([0-9]{1,16})"')
MOST_REASON = 500


@dataclass(frozen=True)
class Writer:
    """Who writes, in one request."""

    asker: Scope
    key: str | None
    reason: str | None
    request: str

    @property
    def account(self) -> str:
        """Whose name stands in the book."""
        return self.asker.account

    def require_write(self) -> None:
        """Refuse who may not write; who sees a part only has not that right (`Scope.rights`).

        Raises
        ------
        OutsideScope
            The role has not the right, or the account not the whole.
        """
        self.asker.require(Right.WRITE)

    def why(self, given: str | None) -> str:
        """Return the reason, of the body or the header.

        Raises
        ------
        InputError
            There is none.
        """
        reason = given or self.reason
        if not reason:
            raise InputError("say why: in the body as why, or in the header X-Change-Reason")
        return reason


def require_whole(asker: Scope) -> None:
    """Refuse who does not see the whole district.

    Parameters
    ----------
    asker
        Who asks.

    Raises
    ------
    OutsideScope
        It has a scope.
    """
    if not asker.whole:
        raise OutsideScope("this is of the whole district; ask somebody who sees all of it")


def writer_of(
    request: Request,
    asker: Asker,
    idempotency_key: Annotated[
        str | None,
        Header(pattern="^[!-~]{1,128}$", description="The same key and content: done once."),
    ] = None,
    x_change_reason: Annotated[
        str | None,
        Header(max_length=4000, description="Why; UTF-8, percent-encoded."),
    ] = None,
) -> Writer:
    """Return who writes; a key is of one account: nobody meets another's."""
    key = None if idempotency_key is None else f"{asker.account}:{idempotency_key}"
    reason = unquote(x_change_reason or "").strip()
    if len(reason) > MOST_REASON or not reason.isprintable():
        raise InputError(f"X-Change-Reason has {MOST_REASON} characters at most, none of control")
    return Writer(asker, key, reason or None, str(getattr(request.state, "id", "")))


Written = Annotated[Writer, Depends(writer_of)]


def version_of(
    if_match: Annotated[
        str | None,
        Header(
            max_length=100,
            description="The ETag of the row as it was read.",
            json_schema_extra={"pattern": f"^{_ETAG.pattern}$"},
        ),
    ] = None,
) -> int:
    """Return the version that a write is based on.

    Raises
    ------
    VersionNeeded
        It says none.
    InputError
        It is no ETag of a row.
    """
    if if_match is None:
        raise VersionNeeded('read the row first, and send its ETag: If-Match: "<version>"')
    found = _ETAG.fullmatch(if_match.strip())
    if not found:
        raise InputError('If-Match is the ETag of one row, as "<version>"')
    return int(found[1])


BasedOn = Annotated[int, Depends(version_of)]


def answered(
    content: Mapping[str, Any] | list[Any],
    *,
    again: bool,
    status: int = 200,
    version: int | None = None,
    **headers: str,
) -> JSONResponse:
    """Return the answer to a write.

    Parameters
    ----------
    content
        For JSON.
    again
        Whether it was given before.
    status
        Of the answer.
    version
        That of the row now.
    **headers
        More of them; ``_`` for ``-``.

    Returns
    -------
    JSONResponse
        Kept by nobody on the way.
    """
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named["Cache-Control"] = "private, no-store"
    if again:
        named["Idempotent-Replay"] = "true"
    if version is not None:
        named["ETag"] = f'"{version}"'
    return JSONResponse(jsonable_encoder(content), status_code=status, headers=named)


def tolerances_of(settings: Settings) -> Tolerances:
    """Return the widths and the band of the settings.

    Parameters
    ----------
    settings
        Of the server.

    Returns
    -------
    Tolerances
        As for an import.
    """
    return Tolerances(
        settings.tiling_tolerance_m,
        settings.snap_tolerance_m,
        (settings.grid_households_low, settings.grid_households_high),
    )
