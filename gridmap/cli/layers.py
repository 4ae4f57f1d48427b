"""Commands on layers: import, export, number, what headings they know, the book of writes."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table
from rich.text import Text

from gridmap import jobs
from gridmap.cli.reports import print_report, tell_report
from gridmap.cli.tables import print_json
from gridmap.cli.terminal import (
    Effective,
    app,
    columns_of,
    limits_of,
    out,
    progress,
    today,
)
from gridmap.errors import (
    LayerRejected,
)
from gridmap.language import translate
from gridmap.model import (
    CHOICES,
    LAYERS,
    headings_of,
)
from gridmap.model import layer as layer_named
from gridmap.settings import Settings

if TYPE_CHECKING:
    pass


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
        with jobs.database(settings) as engine, progress() as tell:
            report = jobs.import_layer(
                engine,
                file,
                layer,
                effective=effective.date(),
                columns=columns_of(mapping or []),
                file_layer=file_layer,
                source_crs=source_crs,
                encoding=encoding,
                limits=limits_of(settings),
                repair=repair,
                tolerance_m=settings.tiling_tolerance_m,
                snap_m=settings.snap_tolerance_m,
                band=(settings.grid_households_low, settings.grid_households_high),
                complete=complete,
                unit=unit,
                commit=commit,
                key=key,
                actor=settings.actor,
                progress=tell,
            )
    except LayerRejected as error:
        tell_report(error.report, report_file, as_json=as_json, language=settings.language)
        raise
    tell_report(report, report_file, as_json=as_json, language=settings.language)


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
    day = as_of.date() if as_of else today()
    with jobs.database(settings) as engine:
        done = jobs.export_layer(
            engine, layer, target, as_of=day, frame=crs, unit=unit, actor=settings.actor
        )
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
    """List the layers, or one's fields with the headings and words their columns may have."""
    if layer is None:
        out.print("\n".join(LAYERS))
        return
    spec = layer_named(layer)
    kinds = {column.name: column for column in spec.fields}
    say = Settings().language
    headings = ("field", "kind", "needed", "headings", "values")
    names = (Column(translate(name, say), overflow="fold") for name in headings)
    table = Table(*names, box=None)
    for name, known in headings_of(spec).items():
        column = kinds.get(name)
        kind, needed = (str(column.kind), column.required) if column else ("position", False)
        choices = column.choices if column else ()
        words = "\n".join(f"{choice}: {', '.join(CHOICES[choice])}" for choice in choices)
        table.add_row(name, kind, "*" if needed else "", ", ".join(known[1:]), words)
    out.print(table)


_TEMPLATE = (
    "{target}: a template for {layer}. Fill in its first sheet, then run gridmap import {layer} "
    "{target}."
)


@app.command("template")
def write_template(
    layer: Annotated[str, typer.Argument(help=f"One of: {', '.join(LAYERS)}.")],
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="The Excel workbook to write: .xlsx.")
    ],
) -> None:
    """Write an empty Excel sheet with Chinese headings and lists of choices for a layer."""
    say = Settings().language
    jobs.write_template(layer, target, language=say)
    out.print(Text(translate(_TEMPLATE, say).format(layer=layer, target=target)))


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
    day = effective.date() if effective else today()
    source = jobs.Source(file, columns_of(mapping or []), file_layer, source_crs, encoding)
    try:
        with jobs.database(settings) as engine:
            found = jobs.number_grids(engine, source, out_file, effective=day, anew=anew)
    except LayerRejected as error:
        print_report(error.report, as_json=False, language=settings.language)
        raise
    table = Table("community", *found.columns, box=None)
    for row in found.itertuples():
        table.add_row(*map(str, row))
    out.print(table)
    out.print(Text(f"{out_file}: {found['numbered'].sum()} codes given"))


_BOOK = ("batch", "at", "by", "what", "layer", "effective", "new", "changed", "ended", "file")
_ACTIONS = ("import", "undo", "demo")
_UNDOES, _UNDONE_BY = "undoes {undoes}", ", undone by {undone_by}"
_UNDONE = (
    "Batch {number} ({source}) was undone by batch {undone_by}: {inserted} rows are back, "
    "{updated} as before, {ended} gone. Run gridmap coverage refresh."
)
BOOK = (*_BOOK, *_ACTIONS, _UNDOES, _UNDONE_BY, _UNDONE, _TEMPLATE)
"""The words of the book of writes and of a template, as message ids."""


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
    settings = Settings()
    with jobs.database(settings) as engine:
        answer = jobs.batch_rows(engine, number) if number else jobs.batches(engine, limit=limit)
    if as_json or isinstance(answer, dict):
        print_json(answer)
        return
    say = settings.language
    headings = (
        "batch",
        "at",
        "by",
        "what",
        "layer",
        "effective",
        "new",
        "changed",
        "ended",
        "file",
    )
    names = (translate(heading, say) for heading in headings)
    table = Table(*(Column(name, overflow="fold") for name in names), box=None)
    for one in answer:
        # Text, not markup: names of files are anyone's.
        table.add_row(*(Text(str(cell)) for cell in _batch_cells(one, say)))
    out.print(table)


def _batch_cells(batch: dict[str, Any], language: str) -> tuple[object, ...]:
    """Return a batch as a row of the book."""
    what = translate(batch["action"], language)
    if batch["undoes"]:
        what = translate(_UNDOES, language).format(**batch)
    if batch["undone_by"]:
        what += translate(_UNDONE_BY, language).format(**batch)
    return (
        batch["id"],
        f"{batch['at']:%Y-%m-%d %H:%M}",
        batch["actor"] or "",
        what,
        batch["layer"],
        batch["effective"],
        batch["inserted"],
        batch["updated"],
        batch["ended"],
        f"{batch['source']} {batch['sha256'][:8]}",
    )


@app.command("undo")
def undo(
    number: Annotated[int, typer.Argument(help="The batch to take back.")],
) -> None:
    """Take back what a write changed: every row is then exactly as it was before."""
    settings = Settings()
    with jobs.database(settings) as engine:
        done = jobs.undo(engine, number, actor=settings.actor)
    told = translate(_UNDONE, settings.language)
    source = done["batch"]["source"]
    out.print(Text(told.format(**{**done, "number": number, "source": source})))
