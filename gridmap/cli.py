"""The command line: the same jobs, words for a terminal, errors as exit codes.

Belongs here: commands, options, what is printed. Does not belong here: any decision about data.
"""

from __future__ import annotations

import atexit
import datetime as dt
import gc
import json
import signal
import socket
import sys
from collections import Counter
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

from gridmap import cluster, jobs
from gridmap.errors import (
    Conflict,
    GridmapError,
    InputError,
    LayerRejected,
    NotFound,
    SchemaOutOfDate,
    StoreError,
    StoreUnavailable,
)
from gridmap.language import translate
from gridmap.model import (
    BLIND_COLUMNS,
    FAILURE_KINDS,
    LAYERS,
    ImportReport,
    Issue,
    Limits,
    headings_of,
)
from gridmap.model import layer as layer_named
from gridmap.rules import Severity
from gridmap.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

EXIT_CODES: dict[type[GridmapError], int] = {
    LayerRejected: 3,
    InputError: 2,
    NotFound: 4,
    Conflict: 5,
    SchemaOutOfDate: 6,
    StoreUnavailable: 7,
    StoreError: 8,
    GridmapError: 1,
}
"""The most special class that fits gives the exit code; 0 is success."""

SHOWN_PER_RULE = 20
GARBAGE_AFTER = 100_000
"""New objects after which Python looks for garbage."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")

app = typer.Typer(
    help="Who covers which building, and which ground no camera sees.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
db_app = typer.Typer(help="The embedded database.", no_args_is_help=True)
coverage_app = typer.Typer(help="Compute and show coverage.", no_args_is_help=True)
app.add_typer(db_app, name="db")
app.add_typer(coverage_app, name="coverage")

# A pipe has no width: nothing is cut or wrapped for it.
out = Console(width=None if sys.stdout.isatty() else 240)
err = Console(stderr=True)

Effective = Annotated[
    dt.datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="The date the answer is for; today if not given."),
]

OnDay = Annotated[
    dt.datetime | None,
    typer.Option(
        "--as-of",
        formats=["%Y-%m-%d"],
        help="Compute the answer for this day; else it is what was computed last.",
    ),
]


def main() -> None:
    """Run the command line; every error gridmap knows is one sentence and an exit code."""
    # As exceptions, so that whatever is open is closed, the embedded database too.
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda number, _frame: sys.exit(128 + number))
    # The compiler makes half a million objects that stay: looking through them for garbage after
    # every 700 new ones takes a second of a district's views, and at the end once more 0.3 s.
    gc.set_threshold(GARBAGE_AFTER)
    atexit.register(gc.freeze)
    try:
        app()
    except GridmapError as error:
        err.print(Text(f"error: {error}", style="red"))
        sys.exit(exit_code(error))
    except ValidationError as error:
        for problem in error.errors():
            name = "_".join(str(part) for part in problem["loc"]).upper()
            err.print(Text(f"error: setting GRIDMAP_{name}: {problem['msg']}", style="red"))
        sys.exit(EXIT_CODES[InputError])


def exit_code(error: GridmapError) -> int:
    """Return the exit code of an error.

    Parameters
    ----------
    error
        Any error of gridmap.

    Returns
    -------
    int
        From `EXIT_CODES`, by the most special class.
    """
    return next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)


@app.command("import")
def import_layer(
    layer: Annotated[str, typer.Argument(help=f"One of: {', '.join(LAYERS)}.")],
    file: Annotated[Path, typer.Argument(help="A vector file, a table, or a zip of them.")],
    effective: Annotated[
        dt.datetime, typer.Option(formats=["%Y-%m-%d"], help="First day the rows are true.")
    ],
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", help="field=column; may be given several times."),
    ] = None,
    source_crs: Annotated[
        str | None, typer.Option(help="EPSG:n, GCJ-02 or BD-09, where the file says it wrongly.")
    ] = None,
    file_layer: Annotated[
        str | None, typer.Option("--layer", help="Layer, sheet, folder or member of several.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding of the text.")] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Repair polygons and borders as the report lists.")
    ] = False,
    complete: Annotated[
        bool,
        typer.Option("--complete", help="The file has all rows: what it lacks ends on that day."),
    ] = False,
    unit: Annotated[
        str, typer.Option(help="With --complete: it has all rows of this unit only.")
    ] = "",
    commit: Annotated[
        bool, typer.Option("--commit", help="Write; without it the file is only checked.")
    ] = False,
    key: Annotated[
        str | None,
        typer.Option(help="Name of this import: with the same key nothing is written twice."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    report_file: Annotated[
        Path | None,
        typer.Option("--report", help="Write the report too: .json, or .gpkg to see on a map."),
    ] = None,
) -> None:
    """Check a file and, with --commit, write it: all rows or none."""
    settings = Settings()
    if report_file:
        jobs.require_report(report_file)
    try:
        with jobs.database(settings) as engine, _progress() as tell:
            report = jobs.import_layer(
                engine,
                file,
                layer,
                effective=effective.date(),
                columns=_columns(mapping or []),
                file_layer=file_layer,
                source_crs=source_crs,
                encoding=encoding,
                limits=_limits(settings),
                repair=repair,
                tolerance_m=settings.tiling_tolerance_m,
                snap_m=settings.snap_tolerance_m,
                complete=complete,
                unit=unit,
                commit=commit,
                key=key,
                actor=settings.actor,
                progress=tell,
            )
    except LayerRejected as error:
        _tell_report(error.report, report_file, as_json=as_json, language=settings.language)
        raise
    _tell_report(report, report_file, as_json=as_json, language=settings.language)


@app.command("export")
def export_layer(
    layer: Annotated[str, typer.Argument(help=f"One of: {', '.join(LAYERS)}.")],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="The file to write: .gpkg, .geojson, .parquet, .shp, .zip (a Shapefile), .xlsx, "
            ".csv or .fgb.",
        ),
    ],
    as_of: Effective = None,
    crs: Annotated[
        str, typer.Option(help="EPSG:n of CGCS2000 or WGS 84, GCJ-02 or BD-09.")
    ] = "EPSG:4490",
    unit: Annotated[str, typer.Option(help="Only what is in the division of this code.")] = "",
) -> None:
    """Write a layer, as it was on a date, to a file; importing it again changes nothing."""
    settings = Settings()
    day = as_of.date() if as_of else _today()
    with jobs.database(settings) as engine:
        done = jobs.export_layer(engine, layer, target, as_of=day, frame=crs, unit=unit)
    say = settings.language
    lines = (
        (True, translate("{target}: {rows} rows of {layer} as of {as_of}, {crs}", say)),
        (done.source_crs, translate("Import it again with --source-crs {source_crs}.", say)),
        (done.exact, translate("With exact positions of cameras: only you can read it.", say)),
        (done.rounded, translate("{rounded} numbers lost digits after the fifteenth.", say)),
    )
    told = {**vars(done), "target": target, "crs": done.crs or "-"}
    for line in (text for applies, text in lines if applies):
        out.print(Text(line.format(**told)))


@app.command("layers")
def list_layers(
    layer: Annotated[str | None, typer.Argument(help="A layer, to list its fields.")] = None,
) -> None:
    """List the layers, or one's fields with the headings their columns may have."""
    if layer is None:
        out.print("\n".join(LAYERS))
        return
    spec = layer_named(layer)
    kinds = {column.name: column for column in spec.fields}
    table = Table("field", "kind", "needed", Column("headings", overflow="fold"), box=None)
    for name, headings in headings_of(spec).items():
        column = kinds.get(name)
        kind, needed = (str(column.kind), column.required) if column else ("position", False)
        table.add_row(name, kind, "*" if needed else "", ", ".join(headings[1:]))
    out.print(table)


def _limits(settings: Settings) -> Limits:
    return Limits(settings.max_file_mb, settings.max_rows, settings.max_vertices)


def _day(as_of: dt.datetime | None) -> dt.date | None:
    return as_of.date() if as_of else None


@app.command("number")
def number_grids(
    file: Annotated[Path, typer.Argument(help="Polygons of grids.")],
    out_file: Annotated[Path, typer.Option("--out", help="GeoPackage to write.")],
    effective: Effective = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", help="field=column; may be given several times."),
    ] = None,
    source_crs: Annotated[str | None, typer.Option(help="EPSG:n, GCJ-02 or BD-09.")] = None,
    file_layer: Annotated[
        str | None, typer.Option("--layer", help="Layer of a file with several.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding of the text.")] = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Number those too that have a code, unless it is stored.")
    ] = False,
) -> None:
    """Give codes to the grids of a file, west to east, north to south; nothing is stored."""
    settings = Settings()
    day = effective.date() if effective else _today()
    source = jobs.Source(file, _columns(mapping or []), file_layer, source_crs, encoding)
    try:
        with jobs.database(settings) as engine:
            found = jobs.number_grids(engine, source, out_file, effective=day, anew=anew)
    except LayerRejected as error:
        _print_report(error.report, as_json=False, language=settings.language)
        raise
    table = Table("community", *found.columns, box=None)
    for row in found.itertuples():
        table.add_row(*map(str, row))
    out.print(table)
    out.print(Text(f"{out_file}: {found['numbered'].sum()} codes given"))


def _today() -> dt.date:
    return dt.datetime.now().date()


def _columns(mapping: list[str]) -> dict[str, str]:
    pairs = [item.partition("=") for item in mapping]
    if any(not (field and mark and column) for field, mark, column in pairs):
        raise InputError("--map is written field=column, for example --map code=OBJECTID")
    columns = {field: column for field, _, column in pairs}
    if len(columns) < len(pairs):
        raise InputError("--map names a field twice; one column can fill it")
    return columns


def _tell_report(report: ImportReport, file: Path | None, *, as_json: bool, language: str) -> None:
    # Printed first: rows may be written already, and the file may fail.
    _print_report(report, as_json=as_json, language=language)
    if file:
        jobs.write_report(report, file)


def _print_report(report: ImportReport, *, as_json: bool, language: str) -> None:
    if as_json:
        out.print_json(json.dumps(report.as_dict(), ensure_ascii=False))
        return
    headings = ("row", "field", "rule", "severity", "message")
    table = Table(*(translate(heading, language) for heading in headings), box=None)
    for issue in _shown(report.issues):
        row = "" if issue.row is None else str(issue.row)
        # Text, not markup: a cell of the file may hold anything.
        severity = translate(str(issue.severity), language)
        cells = (row, issue.field or "", issue.rule, severity, issue.message(language))
        table.add_row(*(Text(cell) for cell in cells))
    if report.issues:
        out.print(table)
    for rule, count in Counter(issue.shape for issue in report.issues).items():
        if count > SHOWN_PER_RULE:
            more = translate(
                "{rule}: {count} rows, {shown} shown; all of them with --json", language
            )
            out.print(Text(more.format(rule=rule, count=count, shown=SHOWN_PER_RULE)))
    _print_changes(report, language)
    out.print(Text(_read_as(report, language)))
    out.print(Text(_verdict(report, language)))


def _print_changes(report: ImportReport, language: str) -> None:
    """List the rows that change or end; new ones are counted only."""
    found = [change for change in report.changes if change.change != "added"]
    headings = ("code", "change", "fields")
    table = Table(*(translate(heading, language) for heading in headings), box=None)
    for change in found[:SHOWN_PER_RULE]:
        cells = (change.key, translate(change.change, language), ", ".join(change.fields))
        table.add_row(*(Text(cell) for cell in cells))
    if found:
        out.print(table)
    if len(found) > SHOWN_PER_RULE:
        told = translate(_MORE_CHANGES, language)
        out.print(Text(told.format(count=len(found), shown=SHOWN_PER_RULE)))


def _shown(issues: tuple[Issue, ...]) -> Iterator[Issue]:
    seen: Counter[str] = Counter()
    for issue in issues:
        seen[issue.shape] += 1
        if seen[issue.shape] <= SHOWN_PER_RULE:
            yield issue


_FOUND = "{source}: {rows} rows, {errors} errors, {warnings} warnings."
_WRITTEN = (
    "Written as batch {batch_id}, effective {effective}: {inserted} new, {updated} changed, "
    "{unchanged} unchanged, {ended} ended."
)
_NOT_WRITTEN = "Nothing was written."
_READ_AS = {
    "file_layer": "layer {file_layer}",
    "encoding": "text in {encoding}",
    "source_crs": "coordinates in {source_crs}",
    "columns": "columns {columns}",
}
_CHECKED = (
    "From {effective} on it would be: {inserted} new, {updated} changed, {unchanged} unchanged, "
    "{ended} ended. Nothing was written: this was a check. Write it with --commit."
)
_MORE_CHANGES = "{count} rows change or end, {shown} shown; all of them with --json"
VERDICTS = (_FOUND, _WRITTEN, _NOT_WRITTEN, _CHECKED, _MORE_CHANGES, *_READ_AS.values())
"""The closing sentences of an import, as message ids."""


def _read_as(report: ImportReport, language: str) -> str:
    """Say how the file was understood, so that a wrong guess is seen."""
    columns = ", ".join(f"{field} = {column}" for field, column in report.columns.items())
    told = {**vars(report), "columns": columns}
    parts = [translate(text, language) for name, text in _READ_AS.items() if told[name]]
    return f"{report.source}: " + "; ".join(part.format(**told) for part in parts)


def _verdict(report: ImportReport, language: str) -> str:
    errors = len(report.errors)
    warnings = sum(issue.severity is Severity.WARNING for issue in report.issues)
    told = {**vars(report), "errors": errors, "warnings": warnings}
    end = _WRITTEN if report.committed else _NOT_WRITTEN if report.errors else _CHECKED
    return " ".join(translate(part, language).format(**told) for part in (_FOUND, end))


@app.command("batches")
def batches(
    number: Annotated[
        int | None, typer.Argument(help="Show this one, with its rows before and after.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=100_000, help="The most to list.")
    ] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the writes, the last first: who, when, from which file, what changed."""
    with jobs.database(Settings()) as engine:
        answer = jobs.batch_rows(engine, number) if number else jobs.batches(engine, limit=limit)
    if as_json or isinstance(answer, dict):
        out.print_json(json.dumps(answer, ensure_ascii=False, default=str))
        return
    columns = ("batch", "at", "by", "what", "layer", "effective", "new", "changed", "ended", "file")
    table = Table(*(Column(name, overflow="fold") for name in columns), box=None)
    for one in answer:
        what = f"undoes {one['undoes']}" if one["undoes"] else one["action"]
        if one["undone_by"]:
            what += f", undone by {one['undone_by']}"
        cells = (
            one["id"],
            f"{one['at']:%Y-%m-%d %H:%M}",
            one["actor"] or "",
            what,
            one["layer"],
            one["effective"],
            one["inserted"],
            one["updated"],
            one["ended"],
            f"{one['source']} {one['sha256'][:8]}",
        )
        # Text, not markup: names of files are anyone's.
        table.add_row(*(Text(str(cell)) for cell in cells))
    out.print(table)


@app.command("undo")
def undo(
    number: Annotated[int, typer.Argument(help="The batch to take back.")],
) -> None:
    """Take back what a write changed: every row is then exactly as it was before."""
    settings = Settings()
    with jobs.database(settings) as engine:
        done = jobs.undo(engine, number, actor=settings.actor)
    out.print(
        Text(
            f"batch {number} ({done['batch']['source']}) was undone by batch {done['undone_by']}: "
            f"{done['inserted']} rows are back, {done['updated']} as before, "
            f"{done['ended']} gone; run `gridmap coverage refresh`"
        )
    )


@coverage_app.command("refresh")
def coverage_refresh(
    as_of: Effective = None,
    full: Annotated[
        bool, typer.Option("--full", help="Compute all cameras, even where nothing changed.")
    ] = False,
) -> None:
    """Compute organisation and camera coverage of the whole store."""
    day = as_of.date() if as_of else _today()
    with jobs.database(Settings()) as engine:
        org = jobs.refresh_org_coverage(engine, as_of=day)
        with _progress() as tell:
            camera = jobs.refresh_camera_coverage(engine, as_of=day, full=full, progress=tell)
    for what, rates in (("party_org", org), ("camera", camera)):
        if rates.empty:
            out.print(f"{what}: none imported in a district of this day, so there are no figures")
        else:
            _print_rates(rates, day)


@coverage_app.command("show")
def coverage_show(
    code: Annotated[str, typer.Argument(help="Code of a district, street, community or grid.")],
    as_of: OnDay = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show the rates of one unit, with denominators and dates."""
    with jobs.database(Settings()) as engine:
        answer = jobs.unit_coverage(engine, code, as_of=_day(as_of))
    if as_json:
        out.print_json(json.dumps(answer, ensure_ascii=False, default=str))
        return
    out.print(Text(f"{answer['unit']['code']} {answer['unit']['name']}"))
    table = Table(
        Column("measure", no_wrap=True), "covered", "of", "unit", "share", "as of", box=None
    )
    for rate in answer["rates"]:
        table.add_row(*_rate_cells(rate), str(rate["as_of"]))
    out.print(table)


Unit = Annotated[str, typer.Argument(help="Code of a district, street, community or grid.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="The most rows to show.")]


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
    with jobs.database(Settings()) as engine:
        answer = jobs.blind_areas(engine, code, by=by, limit=limit, as_of=_day(as_of))
    _print_rows(
        answer,
        ("unit_code", "number", *BLIND_COLUMNS, "longitude", "latitude"),
        as_json=as_json,
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
    with jobs.database(Settings()) as engine:
        answer = jobs.failure_losses(
            engine, code, kind=kind, redundant=redundant, limit=limit, as_of=_day(as_of)
        )
    _print_rows(answer, ("code", "cameras", "area_m2", "road_m", "frontage_m"), as_json=as_json)


@coverage_app.command("law")
def coverage_law(
    code: Unit, limit: Limit = 200, as_of: OnDay = None, as_json: AsJson = False
) -> None:
    """List the rules that the cameras of a unit break (V00 to V11)."""
    settings = Settings()
    with jobs.database(settings) as engine:
        answer = jobs.camera_issues(engine, code, limit=limit, as_of=_day(as_of))
    if not as_json:
        for row in answer["rows"]:
            row["message"] = row["message"][settings.language]
        counts = ", ".join(f"{shape} {count}" for shape, count in answer["counts"].items())
        out.print(Text(counts or "-"))
    _print_rows(answer, ("camera_code", "rule", "severity", "message"), as_json=as_json)


def _print_rows(answer: dict[str, Any], columns: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        out.print_json(json.dumps(answer, ensure_ascii=False, default=str))
        return
    unit, shown = answer["unit"], len(answer["rows"])
    out.print(
        Text(f"{unit['code']} {unit['name']}: {shown} / {answer['total']}, {answer['as_of']}")
    )
    table = Table(*(Column(name, overflow="fold") for name in columns), box=None)
    for row in answer["rows"]:
        # Text, not markup: codes and names come from files.
        table.add_row(*(Text(_plain(name, row[name])) for name in columns))
    out.print(table)


def _plain(name: str, value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6f}" if name in ("longitude", "latitude") else f"{value:,.1f}"
    return str(value)


def _rate_cells(rate: dict[str, Any]) -> tuple[str, ...]:
    share = rate["covered"] / rate["total"] if rate["total"] else None
    return (
        rate["measure"],
        f"{rate['covered']:,.0f}",
        f"{rate['total']:,.0f}",
        rate["unit_of_measure"],
        "-" if share is None else f"{share:.1%}",
    )


def _print_rates(rates: pd.DataFrame, day: dt.date) -> None:
    table = Table(
        "unit", Column("measure", no_wrap=True), "covered", "of", "unit", "share", "as of", box=None
    )
    for rate in rates.to_dict("records"):
        table.add_row(rate["unit_code"], *_rate_cells(rate), day.isoformat())
    out.print(table)


@app.command()
def demo(
    serve_it: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Serve the map when it is ready.")
    ] = True,
    seed: Annotated[int, typer.Option(help="Seed of the synthetic district.")] = 500108,
) -> None:
    """Build the synthetic demo district, compute its coverage, and serve the map."""
    settings = Settings()
    with jobs.database(settings) as engine:
        with _progress() as tell:
            built = jobs.build_demo(engine, seed=seed, as_of=_today(), progress=tell)
        out.print("the demo district is built" if built else "the demo district is there already")
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

    _require_loopback(settings)
    _require_free_port(settings)
    # uvicorn passes the signal on once it has closed.
    with suppress(KeyboardInterrupt), jobs.database(settings):
        out.print(Text(f"gridmap: http://{settings.host}:{settings.port}  (Ctrl-C stops)"))
        uvicorn.run(
            create_app(settings), host=settings.host, port=settings.port, log_level="warning"
        )
    out.print("gridmap: stopped")


def _require_loopback(settings: Settings) -> None:
    """Refuse to show exact camera positions to a network while there are no accounts."""
    if settings.host not in LOOPBACK:
        raise InputError(
            f"GRIDMAP_HOST is {settings.host}: gridmap has no accounts yet and serves this machine "
            f"only; use one of {', '.join(LOOPBACK)}"
        )


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
    language: Annotated[str | None, typer.Option("--lang", help="zh or en.")] = None,
    cameras: Annotated[
        bool, typer.Option("--cameras/--no-cameras", help="With exact positions of cameras.")
    ] = True,
    as_of: OnDay = None,
) -> None:
    """Write the map as one HTML file that needs no network."""
    settings = Settings()
    with jobs.database(settings) as engine, _progress() as tell:
        size = jobs.write_map(
            engine,
            target,
            language=language or settings.language,
            as_of=_day(as_of) or _today(),
            past=as_of is not None,
            cameras=cameras,
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
    with jobs.database(settings) as engine, _progress() as tell:
        found = jobs.diff(
            engine,
            *days,
            target=out_file,
            drawing=drawing,
            language=settings.language,
            progress=tell,
        )
    table = Table(Column("what", no_wrap=True), "change", "rows", "m2", "first", box=None)
    for name, frame in found.layers().items():
        for change, rows in frame.groupby("change") if "change" in frame else ():
            area = f"{rows['area_m2'].sum():,.0f}" if "area_m2" in rows else ""
            first = ", ".join(map(str, rows.index.get_level_values(-1)[:5]))
            table.add_row(name, change, f"{len(rows):,}", area, Text(first))
    out.print(table)
    shares = Table(Column("measure", no_wrap=True), *(f"{day}" for day in days), "unit", box=None)
    for measure, row in found.rates.iterrows():
        sides = (
            f"{row[f'covered_{side}']:,.0f} / {row[f'total_{side}']:,.0f}"
            for side in ("before", "after")
        )
        shares.add_row(measure, *sides, row["unit_of_measure"])
    out.print(shares)
    for path in (out_file, drawing):
        if path:
            out.print(Text(f"{path}: written"))


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
    source = partial(jobs.Source, source_crs=source_crs, limits=_limits(settings))
    try:
        with _progress() as tell:
            summary = jobs.write_views(
                source(cameras, columns=_columns(mapping or [])),
                source(buildings),
                source(extent),
                out_file,
                as_of=_today(),
                level=level,
                repair=repair,
                progress=tell,
            )
    except LayerRejected as error:
        _print_report(error.report, as_json=False, language=settings.language)
        raise
    table = Table(
        Column("measure", no_wrap=True), "covered", "of", "unit", "share", "as of", box=None
    )
    for rate in summary[summary["unit_code"] == ""].to_dict("records"):
        table.add_row(*_rate_cells(rate), rate["as_of"])
    out.print(table)
    out.print(Text(f"{out_file}: {summary['note'].iloc[0]}"))


@app.command()
def locate(
    lon: Annotated[float, typer.Argument(help="Longitude, degrees.")],
    lat: Annotated[float, typer.Argument(help="Latitude, degrees.")],
    as_of: Effective = None,
) -> None:
    """Say in which street, community, grid and building a position lies."""
    day = as_of.date() if as_of else _today()
    with jobs.database(Settings()) as engine:
        found = jobs.locate(engine, lon, lat, as_of=day)
    out.print_json(json.dumps(found, ensure_ascii=False))


@db_app.command("start")
def db_start() -> None:
    """Start the embedded database and leave it running."""
    _print_status(cluster.start(Settings().data_dir))


@db_app.command("stop")
def db_stop(
    force: Annotated[bool, typer.Option("--force", help="Stop it under its users too.")] = False,
) -> None:
    """Stop the embedded database."""
    _print_status(cluster.stop(Settings().data_dir, force=force))


@db_app.command("status")
def db_status() -> None:
    """Say whether the embedded database runs, and where it is."""
    _print_status(cluster.status(Settings().data_dir))


@db_app.command("backup")
def db_backup(
    target: Annotated[Path, typer.Argument(help="File to write.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
) -> None:
    """Write a checked backup of the embedded database to a file."""
    cluster.backup(Settings().data_dir, target, overwrite=overwrite)
    out.print(Text(f"{target}: {target.stat().st_size / 1e6:.1f} MB"))


@db_app.command("restore")
def db_restore(
    source: Annotated[Path, typer.Argument(help="File of `gridmap db backup`.")],
    force: Annotated[bool, typer.Option("--force", help="End other connections.")] = False,
) -> None:
    """Put a backup in place; the former database is kept under a dated name."""
    kept = cluster.restore(Settings().data_dir, source, force=force)
    out.print(Text(f"restored {source}; the former database is kept as {kept}"))


@db_app.command("migrate")
def db_migrate() -> None:
    """Bring the database to this program's schema."""
    with jobs.database(Settings()):
        out.print("the schema is up to date")


def _print_status(status: cluster.Status) -> None:
    for name, value in vars(status).items():
        out.print(Text(f"{name}: {value}"))


class _Tell:
    """A progress bar that a job drives with (step, share)."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=err)
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Callable[[str, float], None]:
        self._progress.start()
        return self.tell

    def __exit__(self, *_: object) -> None:
        for task in self._tasks.values():
            self._progress.update(task, completed=1.0)
        self._progress.stop()

    def tell(self, step: str, share: float) -> None:
        """Show a step; a new step finishes the ones before."""
        if step not in self._tasks:
            for task in self._tasks.values():
                self._progress.update(task, completed=1.0)
            self._tasks[step] = self._progress.add_task(step, total=1.0)
        self._progress.update(self._tasks[step], completed=share)


def _progress() -> _Tell:
    return _Tell()
