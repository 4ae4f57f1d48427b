"""Commands that draw, compare, locate and serve, and those that need no database."""

from __future__ import annotations

import datetime as dt
import json
import logging
import signal
import socket
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pandas as pd
import typer
from rich.text import Text

from gridmap import jobs
from gridmap.cli.accounts import print_links
from gridmap.cli.reports import print_report
from gridmap.cli.terminal import (
    Effective,
    OnDay,
    app,
    columns_of,
    day_of,
    limits_of,
    out,
    progress,
    rate_cells,
    today,
)
from gridmap.cli.words import (
    CHANGE_HEADINGS,
    CHANGED,
    RATES,
    UNITS,
    measure_named,
    named,
    table_of,
)
from gridmap.errors import (
    InputError,
    LayerRejected,
)
from gridmap.language import translate
from gridmap.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

GRACE_S = 20
"""So long requests under way may take when the server is told to stop."""


@app.command()
def demo(
    serve_it: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Serve the map when it is ready.")
    ] = True,
    seed: Annotated[int, typer.Option(help="Seed of the synthetic district.")] = 500108,
) -> None:
    """Build the synthetic demo district, compute its coverage, and serve the map."""
    settings = Settings()
    if settings.host not in jobs.LOOPBACK:
        raise InputError(
            f"GRIDMAP_HOST is {settings.host}: the demo signs in by links that are printed, and is "
            f"for this machine only; use one of {', '.join(jobs.LOOPBACK)}"
        )
    with jobs.database(settings) as engine:
        with progress() as tell:
            built = jobs.build_demo(engine, seed=seed, as_of=today(), progress=tell)
        out.print("the demo district is built" if built else "the demo district is there already")
        links = jobs.demo_links(engine, now=dt.datetime.now(dt.UTC), actor=settings.actor)
        print_links(links, settings)
        if serve_it:
            _serve(settings)


@app.command()
def serve() -> None:
    """Serve the map and the interface until Ctrl-C."""
    _serve(Settings())


def _serve(settings: Settings) -> None:
    # Here, since no other command needs a web framework: it takes 0.3 s to import.
    import uvicorn

    from gridmap.web import create_app

    _require_free_port(settings)
    # uvicorn passes the signal on once it has closed.
    if settings.access_log:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        logging.getLogger("gridmap.access").addHandler(handler)
        logging.getLogger("gridmap.access").setLevel(logging.INFO)
    with _told_to_stop(), jobs.database(settings) as engine:
        if not jobs.require_guarded(engine, host=settings.host, secret=settings.secret):
            say = settings.language
            out.print(
                translate("Nobody can sign in yet: run gridmap account add", say), markup=False
            )
        out.print(Text(f"gridmap: http://{settings.host}:{settings.port}  (Ctrl-C stops)"))
        uvicorn.run(
            create_app(settings),
            host=settings.host,
            port=settings.port,
            log_level="warning",
            timeout_graceful_shutdown=GRACE_S,
        )
    out.print("gridmap: stopped")


@contextmanager
def _told_to_stop() -> Iterator[None]:
    """Take Ctrl-C and the signal of a supervisor for what they are: the end, and no failure."""
    try:
        yield
    except KeyboardInterrupt:
        pass
    except SystemExit as ended:
        if ended.code != 128 + signal.SIGTERM:
            raise


def _require_free_port(settings: Settings) -> None:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise InputError(
                f"{settings.host}:{settings.port} cannot be used: {error.strerror}; choose another "
                "with GRIDMAP_PORT or GRIDMAP_HOST"
            ) from error


@app.command("map")
def write_map(
    target: Annotated[Path, typer.Argument(help="The HTML file to write.")],
    unit: Annotated[
        str, typer.Option(help="Code of a street, community or grid; else the whole district.")
    ] = "",
    lens: Annotated[
        str | None, typer.Option(help="The question it opens with: a measure or a lens.")
    ] = None,
    language: Annotated[str | None, typer.Option("--lang", help="zh or en.")] = None,
    buildings: Annotated[
        bool | None,
        typer.Option(
            "--buildings/--no-buildings",
            help="With buildings and roads; if not said, those of a --unit are in it.",
        ),
    ] = None,
    cameras: Annotated[
        bool, typer.Option("--cameras/--no-cameras", help="With exact positions of cameras.")
    ] = False,
    as_of: OnDay = None,
) -> None:
    """Write the map as one HTML file that needs no network."""
    settings = Settings()
    with jobs.database(settings) as engine, progress() as tell:
        size = jobs.write_map(
            engine,
            target,
            unit=unit,
            lens=lens,
            language=language or settings.language,
            as_of=day_of(as_of) or today(),
            past=as_of is not None,
            buildings=buildings,
            cameras=cameras,
            actor=settings.actor,
            progress=tell,
        )
    out.print(Text(f"{target}: {size / 1e6:.1f} MB, opens with the network off"))


@app.command("diff")
def diff(
    before: Annotated[dt.datetime, typer.Argument(formats=["%Y-%m-%d"], help="The earlier day.")],
    after: Annotated[dt.datetime, typer.Argument(formats=["%Y-%m-%d"], help="The later day.")],
    out_file: Annotated[
        Path | None, typer.Option("--out", help="GeoPackage to write, with all rows.")
    ] = None,
    drawing: Annotated[Path | None, typer.Option("--map", help="HTML file to write.")] = None,
) -> None:
    """List what differs between two days: divisions, buildings, coverage gained and lost."""
    settings = Settings()
    days = before.date(), after.date()
    with jobs.database(settings) as engine, progress() as tell:
        found = jobs.diff(
            engine,
            *days,
            target=out_file,
            drawing=drawing,
            language=settings.language,
            progress=tell,
        )
    _print_difference(found, settings.language)
    for path in (out_file, drawing):
        if path:
            out.print(Text(f"{path}: written"))


def _print_difference(found: jobs.Difference, language: str) -> None:
    table = table_of(CHANGE_HEADINGS, language)
    for name, frame in found.layers().items():
        for change, rows in frame.groupby("change") if "change" in frame else ():
            what, how = named(name, CHANGED, language), translate(change, language)
            area = f"{rows['area_m2'].sum():,.0f}" if "area_m2" in rows else ""
            first = ", ".join(map(str, rows.index.get_level_values(-1)[:5]))
            table.add_row(what, how, f"{len(rows):,}", area, Text(first))
    out.print(table)
    shares = table_of(("measure", str(found.before), str(found.after), "unit"), language)
    for measure, row in found.rates.iterrows():
        sides = (_part(row, side) for side in ("before", "after"))
        what, unit = measure_named(measure, language), row["unit_of_measure"]
        shares.add_row(what, *sides, named(unit, UNITS, language))
    out.print(shares)


def _part(row: pd.Series, side: str) -> str:
    """Return what was covered of how much on a day; a day may lack the figure."""
    covered, total = row[f"covered_{side}"], row[f"total_{side}"]
    return "-" if pd.isna(total) else f"{covered:,.0f} / {total:,.0f}"


@app.command("views")
def write_views(
    cameras: Annotated[Path, typer.Option(help="Points of cameras.")],
    buildings: Annotated[Path, typer.Option(help="Polygons of buildings.")],
    extent: Annotated[Path, typer.Option(help="Polygons to count in; they may not overlap.")],
    out_file: Annotated[Path, typer.Option("--out", help="GeoPackage to write.")],
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", help="field=column of the cameras; may be given several times."),
    ] = None,
    source_crs: Annotated[
        str | None, typer.Option(help="EPSG:n, GCJ-02 or BD-09 of files that do not say it.")
    ] = None,
    level: Annotated[
        str | None, typer.Option(help="Detail level to see at, for example overview.")
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Repair invalid polygons.")] = False,
) -> None:
    """Compute what the cameras of a file see among the buildings of another, without a database."""
    settings = Settings()
    source = partial(jobs.Source, source_crs=source_crs, limits=limits_of(settings))
    try:
        with progress() as tell:
            summary = jobs.write_views(
                source(cameras, columns=columns_of(mapping or [])),
                source(buildings),
                source(extent),
                out_file,
                as_of=today(),
                level=level,
                repair=repair,
                progress=tell,
            )
    except LayerRejected as error:
        print_report(error.report, as_json=False, language=settings.language)
        raise
    table = table_of(RATES, settings.language)
    for rate in summary[summary["unit_code"] == ""].to_dict("records"):
        table.add_row(*rate_cells(rate, settings.language), rate["as_of"])
    out.print(table)
    out.print(Text(f"{out_file}: {summary['note'].iloc[0]}"))


@app.command()
def locate(
    lon: Annotated[float, typer.Argument(help="Longitude, degrees.")],
    lat: Annotated[float, typer.Argument(help="Latitude, degrees.")],
    as_of: Effective = None,
) -> None:
    """Say in which street, community, grid and building a position lies."""
    day = as_of.date() if as_of else today()
    with jobs.database(Settings()) as engine:
        found = jobs.locate(engine, lon, lat, as_of=day)
    out.print_json(json.dumps(found, ensure_ascii=False))
