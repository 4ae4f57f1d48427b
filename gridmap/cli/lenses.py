"""Commands on lenses: which there are, the rows behind a figure, blank spots, snapshots, trends."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from gridmap import jobs
from gridmap.cli import words
from gridmap.cli.tables import print_json, print_table, print_unit
from gridmap.cli.terminal import (
    AsJson,
    Effective,
    Limit,
    OnDay,
    Unit,
    coverage_app,
    day_of,
    out,
    rate_cells,
    today,
)
from gridmap.model import Level
from gridmap.settings import Settings

if TYPE_CHECKING:
    pass

LensCode = Annotated[str, typer.Argument(help="Code of a lens; see `gridmap coverage lenses`.")]
Label = Annotated[str, typer.Argument(help="Label of a snapshot.")]


@coverage_app.command("lenses")
def coverage_lenses(as_of: Effective = None, as_json: AsJson = False) -> None:
    """List the lenses: what is to be covered, by what, of whom."""
    settings = Settings()
    with jobs.database(settings) as engine:
        rows = jobs.lenses_of(engine, as_of=as_of.date() if as_of else today())
    if as_json:
        print_json(rows)
        return
    names = ("code", "name", "target", "source", "parts", "need")
    print_table([{**row, "parts": ", ".join(row["parts"])} for row in rows], names, settings)


@coverage_app.command("targets")
def coverage_targets(
    lens: LensCode,
    code: Unit,
    every: Annotated[bool, typer.Option("--all", help="The covered ones too.")] = False,
    limit: Limit = 20,
    as_of: OnDay = None,
    as_json: AsJson = False,
) -> None:
    """List the targets of a unit that a lens finds uncovered, and why."""
    settings = Settings()
    with jobs.database(settings) as engine:
        answer = jobs.lens_targets(
            engine, lens, code, limit=limit, every=every, as_of=day_of(as_of)
        )
    if as_json:
        print_json(answer)
        return
    print_unit(answer)
    told = (f"{words.named(s, words.STATUSES, settings.language)} {n:,}"
            for s, n in answer["counts"].items())  # fmt: skip
    out.print(Text(", ".join(told)))
    names = ("target_code", "status", "reason", "holder_code", "links", "missing")
    print_table([_worded(row, settings) for row in answer["rows"]], names, settings)


@coverage_app.command("why")
def coverage_why(
    lens: LensCode,
    target: Annotated[str, typer.Argument(help="Code of the target.")],
    as_of: OnDay = None,
    as_json: AsJson = False,
) -> None:
    """Show the links by which one target was judged, and what each is worth."""
    settings = Settings()
    with jobs.database(settings) as engine:
        answer = jobs.evidence_of(engine, lens, target, as_of=day_of(as_of))
    if as_json:
        print_json(answer)
        return
    told = _worded(answer, settings)
    parts = (answer["target"], str(answer["as_of"]), told["status"], told["reason"])
    out.print(Text(" · ".join(part for part in parts if part)))
    names = ("part", "holder_code", "holder_name", "given_to", "mode", "begins", "ends", "last_on",
             "verdict")  # fmt: skip
    print_table([_worded(row, settings) for row in answer["rows"]], names, settings)


@coverage_app.command("blank-spots")
def coverage_blank_spots(
    lens: Annotated[str, typer.Argument(help="Code of a lens, or `combined`.")],
    code: Unit,
    apart: Annotated[
        float, typer.Option(help="Metres between neighbours of one spot, at most.")
    ] = 30.0,
    limit: Limit = 20,
    target: Annotated[
        Path | None, typer.Option("--out", help="Write the outlines to a GeoPackage (.gpkg) too.")
    ] = None,
    as_of: OnDay = None,
    as_json: AsJson = False,
) -> None:
    """List where uncovered targets lie together, those with most households first."""
    settings = Settings()
    with jobs.database(settings) as engine:
        answer = jobs.blank_spots(
            engine, lens, code, apart_m=apart, limit=limit, target=target, as_of=day_of(as_of)
        )
    if as_json:
        print_json(answer)
        return
    print_unit(answer)
    rows = [
        {
            **row,
            "address": " – ".join(x for x in (row["first_address"], row["last_address"]) if x),
            "nearest": ", ".join(f"{h['code']} {h['distance_m']:,.0f} m" for h in row["holders"]),
        }
        for row in answer["rows"]
    ]
    names = ("number", "unit_code", "targets", "household_count", "floor_area_m2", "address",
             "nearest", "longitude", "latitude")  # fmt: skip
    print_table(rows, names, settings)


@coverage_app.command("walking")
def coverage_walking(
    kind: Annotated[str, typer.Argument(help="Kind of centre, as one_window or service_post.")],
    code: Unit,
    within: Annotated[float, typer.Option(help="Metres that are near enough.")] = 1000.0,
    limit: Limit = 20,
    as_of: Effective = None,
    as_json: AsJson = False,
) -> None:
    """Show how far households walk along roads to the nearest centre, by community."""
    settings = Settings()
    day = as_of.date() if as_of else today()
    with jobs.database(settings) as engine:
        answer = jobs.walking_access(engine, kind, code, as_of=day, limit=limit, within_m=within)
    if as_json:
        print_json(answer)
        return
    print_unit(answer)
    near = f"{answer['near']:,} / {answer['households']:,}, {answer['within_m']:,.0f} m"
    out.print(Text(f"{answer['centres']:,} - {answer['without_seat']:,}; {near}"))
    names = ("community_code", "households", "near", "far", "unreached", "mean_m", "furthest_m")
    print_table(answer["rows"], names, settings)


@coverage_app.command("party")
def coverage_party(
    code: Annotated[str, typer.Argument(help="Code of a Party organisation.")],
    as_of: OnDay = None,
    as_json: AsJson = False,
) -> None:
    """Show the rates of all units that a Party organisation leads, with those below it."""
    settings = Settings()
    with jobs.database(settings) as engine:
        answer = jobs.party_coverage(engine, code, as_of=day_of(as_of))
    if as_json:
        print_json(answer)
        return
    who = answer["organisation"]
    out.print(Text(f"{who['code']} {who['name']}: {answer['units']:,}, {answer['as_of']}"))
    table = words.table_of(words.RATES[:-1], settings.language)
    for rate in answer["rates"]:
        table.add_row(*rate_cells(rate, settings.language))
    out.print(table)


@coverage_app.command("export")
def coverage_export(
    target: Annotated[Path, typer.Argument(help="A .csv or .xlsx file.")],
    level: Annotated[
        Level, typer.Option(help="The lowest level: district, street, community or grid.")
    ] = Level.COMMUNITY,
    least: Annotated[
        int, typer.Option(min=0, help="Withhold figures of fewer targets; 0 withholds nothing.")
    ] = 5,
    as_of: OnDay = None,
) -> None:
    """Write the figures of all units to a table for others; small cells are withheld."""
    settings = Settings()
    with jobs.database(settings) as engine:
        made = jobs.export_figures(
            engine,
            target,
            level=level,
            least=least,
            as_of=day_of(as_of),
            actor=settings.actor,
        )
    out.print(Text(f"{target}: {made['rows']:,}, - {made['withheld']:,}, {made['as_of']}"))


@coverage_app.command("snapshot")
def coverage_snapshot(
    label: Annotated[
        str | None, typer.Argument(help="What to call it; the day if not said.")
    ] = None,
    as_of: Effective = None,
) -> None:
    """Freeze the coverage of a day under a label, to be compared with later."""
    settings = Settings()
    day = as_of.date() if as_of else today()
    with jobs.database(settings) as engine:
        made = jobs.take_snapshot(engine, as_of=day, label=label, actor=settings.actor)
    out.print(Text(f"{made['label']}: {made['as_of']}, {made['lenses']} lenses, "
                   f"{made['targets']:,} targets"))  # fmt: skip


@coverage_app.command("snapshots")
def coverage_snapshots(as_json: AsJson = False) -> None:
    """List the snapshots: one of every whole computation, and those that were named."""
    settings = Settings()
    with jobs.database(settings) as engine:
        rows = jobs.list_snapshots(engine)
    if as_json:
        print_json(rows)
        return
    print_table(rows, ("label", "as_of", "at", "lenses"), settings)


@coverage_app.command("diff")
def coverage_diff(
    lens: LensCode,
    before: Label,
    after: Label,
    code: Annotated[str, typer.Option("--unit", help="Only this division.")] = "",
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Compare two snapshots: who gained, who lost, and why the rates moved."""
    settings = Settings()
    with jobs.database(settings) as engine:
        answer = jobs.coverage_trend(engine, lens, before, after, code=code)
    if as_json:
        print_json(answer)
        return
    counts = (f"{words.named(name, words.TREND, settings.language)} {count:,}"
              for name, count in answer["counts"].items())  # fmt: skip
    out.print(Text(", ".join(counts) or "-"))
    rates = [
        {**row, "cause": words.named(row["cause"], words.TREND, settings.language)}
        for row in answer["rates"]
        if row["unit_of_measure"] == "targets" and row["cause"] != "none"
    ]
    names = ("unit_code", "covered_before", "total_before", "covered_after", "total_after", "cause")
    print_table(rates[:limit], names, settings)


def _worded(row: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Return a row with its status and reasons in words."""
    tables = {"status": words.STATUSES, "reason": words.REASONS}
    told = {
        name: words.named(row[name], table, settings.language)
        for name, table in tables.items()
        if row.get(name)
    }
    if row.get("verdict"):
        told["verdict"] = words.named(
            row["verdict"], words.STATUSES | words.REASONS, settings.language
        )
    return {**row, **told}
