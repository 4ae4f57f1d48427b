"""Commands on coverage: compute it, show it, and the rows behind it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from gridmap import jobs
from gridmap.cli.tables import print_json, print_unit
from gridmap.cli.terminal import (
    AsJson,
    Effective,
    Limit,
    OnDay,
    Unit,
    coverage_app,
    day_of,
    out,
    progress,
    rate_cells,
    today,
)
from gridmap.cli.words import RATES, table_of
from gridmap.language import translate
from gridmap.model import (
    BLIND_COLUMNS,
    FAILURE_KINDS,
)
from gridmap.settings import Settings

if TYPE_CHECKING:
    import pandas as pd


@coverage_app.command("refresh")
def coverage_refresh(
    as_of: Effective = None,
    full: Annotated[
        bool, typer.Option("--full", help="Compute all cameras, even where nothing changed.")
    ] = False,
) -> None:
    """Compute organisation and camera coverage of the whole store."""
    day = as_of.date() if as_of else today()
    settings = Settings()
    with jobs.database(settings) as engine:
        org = jobs.refresh_org_coverage(engine, as_of=day)
        with progress() as tell:
            camera = jobs.refresh_camera_coverage(engine, as_of=day, full=full, progress=tell)
            tell("drawing", 0.9)
            jobs.draw_tiles(engine)
    for what, rates in (("organisation", org), ("camera", camera)):
        if rates.empty:
            out.print(f"{what}: none imported in a district of this day, so there are no figures")
        else:
            _print_rates(rates, day, settings.language)


@coverage_app.command("show")
def coverage_show(
    code: Annotated[str, typer.Argument(help="Code of a district, street, community or grid.")],
    as_of: OnDay = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show the rates of one unit, with denominators and dates."""
    settings = Settings()
    with jobs.database(settings) as engine:
        answer = jobs.unit_coverage(engine, code, as_of=day_of(as_of))
    if as_json:
        print_json(answer)
        return
    out.print(Text(f"{answer['unit']['code']} {answer['unit']['name']}"))
    table = table_of(RATES, settings.language)
    for rate in answer["rates"]:
        table.add_row(*rate_cells(rate, settings.language), str(rate["as_of"]))
    out.print(table)


@coverage_app.command("blind")
def coverage_blind(
    code: Unit,
    by: Annotated[
        str, typer.Option(help=f"Rank by one of: {', '.join(BLIND_COLUMNS)}.")
    ] = "household_count",
    limit: Limit = 20,
    as_of: OnDay = None,
    as_json: AsJson = False,
) -> None:
    """List the blind areas of a unit, those that matter most first."""
    settings = Settings()
    with jobs.database(settings) as engine:
        answer = jobs.blind_areas(engine, code, by=by, limit=limit, as_of=day_of(as_of))
    _print_rows(
        answer,
        ("unit_code", "number", *BLIND_COLUMNS, "longitude", "latitude"),
        as_json=as_json,
        language=settings.language,
    )


@coverage_app.command("loss")
def coverage_loss(
    code: Unit,
    kind: Annotated[
        str, typer.Option(help=f"What fails, one of: {', '.join(FAILURE_KINDS)}.")
    ] = "camera",
    redundant: Annotated[
        bool, typer.Option("--redundant", help="Only cameras whose view adds nothing.")
    ] = False,
    limit: Limit = 20,
    as_of: OnDay = None,
    as_json: AsJson = False,
) -> None:
    """List what nobody sees any more if a camera, a pole or a named group of a unit fails."""
    settings = Settings()
    with jobs.database(settings) as engine:
        answer = jobs.failure_losses(
            engine, code, kind=kind, redundant=redundant, limit=limit, as_of=day_of(as_of)
        )
    columns = ("code", "cameras", "area_m2", "road_m", "frontage_m")
    _print_rows(answer, columns, as_json=as_json, language=settings.language)


@coverage_app.command("law")
def coverage_law(
    code: Unit, limit: Limit = 200, as_of: OnDay = None, as_json: AsJson = False
) -> None:
    """List the rules that the cameras of a unit break (V00 to V11)."""
    settings = Settings()
    with jobs.database(settings) as engine:
        answer = jobs.camera_issues(engine, code, limit=limit, as_of=day_of(as_of))
    if not as_json:
        for row in answer["rows"]:
            row["message"] = row["message"][settings.language]
            row["severity"] = translate(row["severity"], settings.language)
        counts = ", ".join(f"{shape} {count}" for shape, count in answer["counts"].items())
        out.print(Text(counts or "-"))
    columns = ("camera_code", "rule", "severity", "message")
    _print_rows(answer, columns, as_json=as_json, language=settings.language)


def _print_rows(
    answer: dict[str, Any], columns: tuple[str, ...], *, as_json: bool, language: str
) -> None:
    if as_json:
        print_json(answer)
        return
    print_unit(answer)
    table = table_of(columns, language)
    for row in answer["rows"]:
        # Text, not markup: codes and names come from files.
        table.add_row(*(Text(_plain(name, row[name])) for name in columns))
    out.print(table)


def _plain(name: str, value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6f}" if name in ("longitude", "latitude") else f"{value:,.1f}"
    return "-" if value is None else str(value)


def _print_rates(rates: pd.DataFrame, day: dt.date, language: str) -> None:
    table = table_of(("code", *RATES), language)
    for rate in rates.to_dict("records"):
        table.add_row(rate["unit_code"], *rate_cells(rate, language), day.isoformat())
    out.print(table)
