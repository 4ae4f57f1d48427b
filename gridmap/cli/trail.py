"""Commands on what can be relied on: the audit trail, and the installation."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from gridmap import jobs
from gridmap.cli.tables import print_json, print_table
from gridmap.cli.terminal import AsJson, Limit, app, audit_app, out
from gridmap.language import translate
from gridmap.settings import Settings


@audit_app.command("list")
def audit_list(
    limit: Limit = 20,
    before: Annotated[
        int | None, typer.Option(help="Only events with a lower number than this.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List who did what, the last first."""
    settings = Settings()
    with jobs.database(settings) as engine:
        rows = jobs.audit_events(engine, limit=limit, before=before)
    if as_json:
        print_json(rows)
        return
    told = [
        {**row, "at": f"{row['at']:%Y-%m-%d %H:%M:%S%z}",
         "details": json.dumps(row["details"], ensure_ascii=False)}
        for row in rows
    ]  # fmt: skip
    print_table(told, ("number", "at", "actor", "action", "subject", "details"), settings)


@audit_app.command("verify")
def audit_verify(
    expect: Annotated[
        str | None, typer.Option(help="A head of this trail, as printed and kept elsewhere.")
    ] = None,
) -> None:
    """Check that no event was changed, taken out or put in; print the head to keep elsewhere."""
    with jobs.database(Settings()) as engine:
        found = jobs.verify_audit(engine, expect=expect)
    out.print(Text(f"{found.events:,} {found.head or '-'}"))


@app.command("doctor")
def doctor(as_json: AsJson = False) -> None:
    """Look at versions, guards, trail, clock, disk and scripts; exit 1 if anything is an error."""
    settings = Settings()
    with jobs.database(settings) as engine:
        data_dir = None if settings.database_url else settings.data_dir
        found = jobs.examine(engine, data_dir)
    say = settings.language
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        told = [
            {
                "name": translate(one.name, say),
                "state": translate(one.state, say),
                "message": translate(one.message, say).format(**one.values),
            }
            for one in found
        ]
        print_table(told, ("name", "state", "message"), settings)
    if any(one.state == "error" for one in found):
        raise typer.Exit(1)
