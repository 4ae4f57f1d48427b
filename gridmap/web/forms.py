"""Pages with forms, for people: their language, headers, and what was filled in.

Belongs here: drawing a template, reading a form. Does not belong here: what a form does
(``sign_in``), whether it comes from here (``forgery``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gridmap import credentials
from gridmap.language import LANGUAGES, translate
from gridmap.web.forgery import FIELD, fields
from gridmap.web.signed import FORM, Seal, binding, set_cookie

TEMPLATES = Path(__file__).parent / "templates"

HEADERS = {
    # No script runs on these pages at all, not ours either.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}

LANGUAGE_COOKIE = "gridmap_language"

FORM_S = 12 * 3600
"""How long a form may stay open before somebody is signed in."""

_DRAWN = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)


async def _filled_in(request: Request) -> dict[str, str]:
    return fields(await request.body())


Filled = Annotated[dict[str, str], Depends(_filled_in)]
"""What was filled in; the guard has bounded its size."""


def language_of(request: Request) -> str:
    """Return the language of a page.

    Parameters
    ----------
    request
        With ``lang``, or without.

    Returns
    -------
    str
        One of `LANGUAGES`: what the address asks for, else what the browser remembers, else the
        setting's.
    """
    for asked in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if asked in LANGUAGES:
            return str(asked)
    return str(request.app.state.settings.language)


def drawn(template: str, language: str, **values: Any) -> str:
    """Return a page's text.

    Parameters
    ----------
    template
        Its file.
    language
        One of `LANGUAGES`.
    **values
        For the template; escaped there.

    Returns
    -------
    str
        HTML.
    """
    return _DRAWN.get_template(template).render(
        language=language,
        other="en" if language == "zh" else "zh",
        _=lambda message: translate(message, language),
        **values,
    )


def form_page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """Return a page with a form that is bound to the browser that asks.

    Parameters
    ----------
    request
        What is answered.
    template
        Its file.
    status
        Of the answer.
    headers
        Besides `HEADERS`.
    **values
        For the template; escaped there.

    Returns
    -------
    HTMLResponse
        Kept by no cache.
    """
    language = language_of(request)
    bound = binding(request) or credentials.new_token()
    seal: Seal = request.app.state.seal
    text = drawn(template, language, csrf=(FIELD, seal.form_token(bound)), **values)
    response = HTMLResponse(text, status_code=status, headers={**HEADERS, **(headers or {})})
    if binding(request) is None:
        set_cookie(request, response, FORM, bound, lasts_s=FORM_S)
    return response


def local_path(text: str | None) -> str:
    r"""Return where to go after signing in: only ever to this site.

    Parameters
    ----------
    text
        As an address said it.

    Returns
    -------
    str
        A path with its query; ``/`` for what is another site, no path, or a page of signing in.

    Notes
    -----
    Rule: one slash first and no second, no backslash (browsers read it as a slash), nothing below
    a space (browsers leave tabs and line ends out, which brings two slashes together).

    Examples
    --------
    >>> local_path("/?lang=en"), local_path("//evil.example"), local_path("/\\evil.example")
    ('/?lang=en', '/', '/')
    """
    path = text or "/"
    strange = not path.startswith("/") or path.startswith("//") or "\\" in path or len(path) > 2000
    if strange or any(ord(letter) <= 32 or ord(letter) == 127 for letter in path):
        return "/"
    try:
        parts = urlsplit(path)
    except ValueError:  # as of an address with half a bracket
        return "/"
    if parts.scheme or parts.netloc or parts.path.startswith(("/sign-", "/password")):
        return "/"
    return path
