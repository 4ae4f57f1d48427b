"""Commands on matters and on what does not add up between tables."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from gridmap import jobs
from gridmap.cli import words
from gridmap.cli.tables import print_json, print_table, print_unit
from gridmap.cli.terminal import AsJson, Effective, Limit, Unit, app, out, today
from gridmap.language import translate
from gridmap.settings import Settings


@app.command("matters")
def matters(
    code: Unit,
    near_border: Annotated[
        float, typer.Option(help="Metres to another grid within which a place is asked about.")
    ] = 10.0,
    limit: Limit = 20,
    as_of: Effective = None,
    as_json: AsJson = False,
) -> None:
    """Sort the matters of a unit: who answers, what is asked, misrouted, late; hot spots."""
    settings = Settings()
    day = as_of.date() if as_of else today()
    with jobs.database(settings) as engine:
        answer = jobs.triage_matters(
            engine, code, as_of=day, limit=limit, near_border_m=near_border
        )
    if as_json:
        print_json(answer)
        return
    print_unit(answer)
    named = {name: words.named(name, words.MATTERS, settings.language) for name in words.MATTERS}
    for name, figure in answer["figures"].items():
        share = f"{figure['count'] / figure['of']:.1%}" if figure["of"] else "-"
        out.print(Text(f"{named[name]}: {figure['count']:,} / {figure['of']:,} = {share}"))
    rows = [
        {**row, "question": named.get(row["question"], "-"), "answers": row["unit"]}
        for row in answer["rows"]
    ]
    names = ("code", "item_code", "matter_class", "grid_code", "answers", "question", "misrouted",
             "overdue")  # fmt: skip
    print_table(rows, names, settings)
    out.print(Text(translate("hot spots", settings.language)))
    print_table(
        answer["hot_spots"],
        ("rank", "item_code", "count", "first_on", "last_on", "longitude", "latitude"),
        settings,
    )


@app.command("reconcile")
def reconcile(
    what: Annotated[str, typer.Argument(help="members, orphans, grids, buildings or courtyards.")],
    code: Unit,
    limit: Limit = 20,
    as_of: Effective = None,
    as_json: AsJson = False,
) -> None:
    """List what does not add up: members, orphans, grids of departments, courtyards."""
    settings = Settings()
    day = as_of.date() if as_of else today()
    with jobs.database(settings) as engine:
        answer = jobs.reconcile(engine, what, code, as_of=day, limit=limit)
    if as_json:
        print_json(answer)
        return
    print_unit(answer)
    if answer["rows"]:
        print_table(answer["rows"], tuple(answer["rows"][0]), settings)
