"""The frame of the pages for people: where else one may go, the language, which scripts run.

Belongs here: drawing a template inside `page.html`. Does not belong here: forms of those who are
not signed in yet (``forms``), what a page shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.responses import HTMLResponse

from gridmap.language import LANGUAGES, translate
from gridmap.model import Right
from gridmap.web.forms import LANGUAGE_COOKIE, drawn, language_of
from gridmap.web.signed import form_token

if TYPE_CHECKING:
    from fastapi import Request

    from gridmap.model import Scope

PLACES: tuple[tuple[str, str, Right | None], ...] = (
    ("/", "Map", None),
    ("/locate", "On the spot", Right.ROWS),
    ("/overview", "Overview", None),
    ("/queues", "Queues", Right.WRITE),
)
"""The pages: path, name, and what one must have the right to."""

POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; script-src 'self'; "
    "style-src 'self' 'unsafe-inline'; worker-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
"""Only scripts that are files of ours run, and nothing leaves the machine."""

YEAR_S = 365 * 24 * 3600


def framed(
    request: Request,
    scope: Scope,
    template: str,
    *,
    status: int = 200,
    policy: str = POLICY,
    **values: Any,
) -> HTMLResponse:
    """Return a page of somebody who is signed in.

    Parameters
    ----------
    request
        What is answered; ``lang`` chooses the language, and is remembered by the browser.
    scope
        Whose page it is.
    template
        Its file; it extends ``page.html``.
    status
        Of the answer.
    policy
        Its content security policy.
    **values
        For the template; escaped there.

    Returns
    -------
    HTMLResponse
        Kept by no cache.
    """
    language = language_of(request)
    text = drawn(
        template,
        language,
        here=request.url.path,
        places=places_of(scope),
        scope=scope,
        token=form_token(request) or "",
        **values,
    )
    response = HTMLResponse(text, status_code=status, headers={"Content-Security-Policy": policy})
    return remembering(request, response)


def places_of(scope: Scope) -> list[tuple[str, str]]:
    """Return the pages that somebody may go to.

    Parameters
    ----------
    scope
        Whose.

    Returns
    -------
    list of (path, name)
        Names in English.
    """
    return [(path, name) for path, name, right in PLACES if right is None or right in scope.rights]


def remembering(request: Request, response: HTMLResponse) -> HTMLResponse:
    """Have the browser keep the language that an address asked for.

    Parameters
    ----------
    request
        What is answered.
    response
        The answer.

    Returns
    -------
    HTMLResponse
        The same.
    """
    asked = request.query_params.get("lang")
    if asked in LANGUAGES:
        secure = request.url.scheme == "https"
        response.set_cookie(
            LANGUAGE_COOKIE, asked, max_age=YEAR_S, secure=secure, httponly=True, samesite="lax"
        )
    return response


def words(language: str, *messages: str) -> dict[str, str]:
    """Return what a page's script says, in the language of the page.

    Parameters
    ----------
    language
        One of `LANGUAGES`.
    *messages
        English sentences.

    Returns
    -------
    dict
        English -> translated.
    """
    return {message: translate(message, language) for message in messages}
