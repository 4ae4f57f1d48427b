"""The overview: the blank spots of all that somebody sees, in one minute, without a map library.

Belongs here: the page, its numbers in words, how long it is kept. Does not belong here: what it
shows (``jobs``), the pictures' geometry (``charts``).
"""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from gridmap import charts, jobs, maps
from gridmap.errors import UnitNotFound
from gridmap.model import Right
from gridmap.web.access import Asker, Store
from gridmap.web.forms import drawn, language_of
from gridmap.web.frame import framed, words

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from gridmap.model import Scope

router = APIRouter()

PAGES_KEPT = 48
"""Drawn overviews of some tens of kilobytes, each for one scope, language and question."""

REFRESH_S = 300

MAP_SIZE = (560, 470)
"""Most width and height of the drawn map, in units of its picture."""

TREND_SIZE = (300, 66)
LETTER = 13

SAID = (
    "The figures have changed.",
    "The server does not answer; these figures are from",
    "Your session has ended: sign in again.",
    "checked",
    "Full screen",
    "Leave full screen",
)
"""What the page's script says."""

COUNTS = ("buildings", "households", "grids")
"""Units that are words; lengths and areas have signs."""

LEVELS = {"district": "Districts", "street": "Streets", "community": "Communities", "grid": "Grids"}


@router.get("/overview", response_class=HTMLResponse, include_in_schema=False)
def overview(
    request: Request,
    asker: Asker,
    store: Store,
    lens: Annotated[str | None, Query(max_length=64)] = None,
    lang: Annotated[str | None, Query(pattern="^(zh|en)$")] = None,
) -> HTMLResponse:
    """Show the figures, what became of them, units ranked, and where most is missing."""
    language = lang or language_of(request)
    question = jobs.question_of(lens)
    body = _kept(request, asker, store, question, language)
    said = htmlsafe_json_dumps({"seconds": REFRESH_S, "words": words(language, *SAID)})
    return framed(request, asker, "overview.html", body=Markup(body), said=said)


def _kept(
    request: Request, asker: Scope, engine: Engine, question: jobs.Question, language: str
) -> str:
    """Return the drawn page, kept as long as data, quarters and day stay the same.

    Pages are kept by what is seen: nobody gets one that was made for other eyes.
    """
    today = dt.date.today()
    quarters = jobs.quarters(request.app.state.engine)
    state = (jobs.version(engine), tuple(quarters), today)
    mine = (language, question.measure, asker.spans, asker.rights)

    def made() -> str:
        # Blank spots by lens that were found already for these eyes in this state.
        spots = request.app.state.spots.kept((asker.spans, asker.rights), state, dict)
        return _drawn(request, asker, engine, question, language, quarters, spots)

    body: str = request.app.state.overviews.kept(mine, state, made)
    return body


def _drawn(
    request: Request,
    asker: Scope,
    engine: Engine,
    question: jobs.Question,
    language: str,
    quarters: list[tuple[str, dt.date]],
    spots: dict[str, Any],
) -> str:
    sums: dict[str, Any] = request.app.state.quarters
    for label, _ in quarters:
        if label not in sums:  # what is frozen never changes
            sums[label] = jobs.quarter_sums(request.app.state.engine, label)
    # A quarter is of the whole district in the store: it is narrowed before anything reads it.
    frozen = [(label, day, jobs.within(sums[label], asker)) for label, day in quarters]
    try:
        told = jobs.overview_of(engine, question, as_of=dt.date.today(), frozen=frozen, spots=spots)
    except UnitNotFound:
        return drawn("overview_empty.html", language)
    return drawn(
        "overview_body.html",
        language,
        told=told,
        question=question,
        lens=lens_of(question.measure),
        rows=Right.ROWS in asker.rights,
        picture=picture_of(told, question.measure),
        line=line_of(told["trend"]),
        size=TREND_SIZE,
        number=number,
        percent=percent,
        points=points,
        amount=partial(amount, language=language),
        link=map_link,
        level=LEVELS[told["level"]],
        class_of=class_of,
    )


# --- pictures


def lens_of(measure: str) -> maps.Lens:
    """Return the classes and colours of a measure: those of the map, where it has the question.

    Parameters
    ----------
    measure
        Of a question.

    Returns
    -------
    Lens
        Its colours are the darkest first.
    """
    known = {lens.measure: lens for lens in maps.LENSES}
    return known.get(measure) or maps.Lens(measure, "", "", "")


def class_of(share: float, lens: maps.Lens) -> int:
    """Return the class of a share, 0 for the lowest.

    Parameters
    ----------
    share
        0..1.
    lens
        With breaks.

    Returns
    -------
    int
        As the map counts them.
    """
    return sum(share >= one for one in lens.breaks)


def picture_of(told: dict[str, Any], measure: str) -> dict[str, Any]:
    """Return the map of the ranked units, with the names that have room; each row gets its link.

    Parameters
    ----------
    told
        From `jobs.overview_of`.
    measure
        What the map is to show.

    Returns
    -------
    dict
        ``drawing``, ``names`` (code -> text), ``numbers`` (the same for a picture half as large,
        which has room for ranks only), ``rows`` (code -> ranked row).
    """
    drawing = charts.area_drawing(told["shapes"], width=MAP_SIZE[0], height=MAP_SIZE[1])
    ranks = {row["code"]: (rank, row) for rank, row in enumerate(told["ranked"], 1)}
    for code, (_, row) in ranks.items():
        row["link"] = map_link(measure, unit=code)
    for area in drawing.areas:
        place = (area.longitude, area.latitude)
        ranks[area.code][1]["link"] = map_link(measure, unit=area.code, zoom=area.zoom, place=place)
    wanted = {code: (f"{n} {row['name']}", str(n)) for code, (n, row) in ranks.items()}
    only = {code: (str(n),) for code, (n, _) in ranks.items()}
    return {
        "drawing": drawing,
        "names": charts.placed_names(drawing, wanted, size=LETTER * 1.15),
        "numbers": charts.placed_names(drawing, only, size=LETTER * 2),
        "rows": {code: row for code, (_, row) in ranks.items()},
    }


def line_of(trend: list[dict[str, Any]]) -> charts.Line:
    """Return the line of a trend.

    Parameters
    ----------
    trend
        From `jobs.overview_of`.

    Returns
    -------
    Line
        Of `TREND_SIZE`.
    """
    days, shares = [one["as_of"] for one in trend], [one["share"] for one in trend]
    return charts.share_line(days, shares, width=TREND_SIZE[0], height=TREND_SIZE[1])


# --- numbers in words, as the map's script writes them


def number(value: float, digits: int = 0) -> str:
    """Return a number with its thousands apart.

    Parameters
    ----------
    value
        Any.
    digits
        After the point.

    Returns
    -------
    str
        As in both languages.
    """
    return f"{value:,.{digits}f}"


def percent(share: float) -> str:
    """Return a share in percent; what is not whole never reads 100 %.

    Parameters
    ----------
    share
        0..1.

    Returns
    -------
    str
        With one digit.

    Examples
    --------
    >>> percent(0.9999), percent(1.0), percent(0.4284)
    ('99.9%', '100.0%', '42.8%')
    """
    return f"{min(share * 100, 99.9) if share < 1 else 100:.1f}%"


def points(change: float) -> str:
    """Return what a share changed by, in points of a hundred, with its sign.

    Parameters
    ----------
    change
        -1..1.

    Returns
    -------
    str
        With an arrow, which says it without colour.

    Examples
    --------
    >>> points(0.0143), points(-0.0143), points(0.0001)
    ('▲ +1.4', '▼ −1.4', '＝ 0.0')
    """
    told = f"{abs(change) * 100:.1f}"
    if told == "0.0":
        return "＝ 0.0"
    return f"▲ +{told}" if change > 0 else f"▼ −{told}"


def amount(value: float, unit: str, *, language: str) -> str:
    """Return an amount with its unit, as the map writes it.

    Parameters
    ----------
    value
        Any.
    unit
        ``m2``, ``m``, or what is counted.
    language
        One of `LANGUAGES`.

    Returns
    -------
    str
        Large areas in km², long lengths in km.

    Examples
    --------
    >>> amount(2513.3, "m2", language="en"), amount(1_250_000, "m2", language="en")
    ('2,513 m²', '1.25 km²')
    """
    if unit == "m2":
        return f"{number(value / 1e6, 2)} km²" if value >= 1e5 else f"{number(value)} m²"
    if unit == "m":
        return f"{number(value / 1e3, 1)} km" if value >= 1e4 else f"{number(value)} m"
    return f"{number(value)} {words(language, unit)[unit]}"


def map_link(
    measure: str,
    *,
    unit: str | None = None,
    zoom: float | None = None,
    place: tuple[float, float] | None = None,
) -> str:
    """Return the way to the map, with a question, a unit and a view.

    Parameters
    ----------
    measure
        What the map shows.
    unit
        Code of the one that is told of.
    zoom
        Of the view.
    place
        Its middle, longitude and latitude.

    Returns
    -------
    str
        A path; the state is behind ``#``.

    Examples
    --------
    >>> map_link("party_branch.grids", unit="500108", zoom=17, place=(106.5, 29.5))
    '/#map=17/29.50000/106.50000&lens=party_branch.grids&unit=500108'
    """
    state = [] if place is None else [f"map={zoom:g}/{place[1]:.5f}/{place[0]:.5f}"]
    state.append(urlencode({"lens": measure}))
    if unit:
        state.append(urlencode({"unit": unit}))
    return "/#" + "&".join(state)
