"""Figures along the Party tree, and as a file for others that withholds small cells.

Belongs here: who leads which unit, which figures leave. Does not belong here: adding up and
withholding (``org_coverage``), the figures of one division (``jobs.answers``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from gridmap import crs, files, org_coverage, store
from gridmap.errors import InputError, UnitNotFound
from gridmap.jobs.days import day_of_figures, figures
from gridmap.jobs.lenses import read_lenses
from gridmap.jobs.rates import stored_rates
from gridmap.model import CODE_LENGTH, COVERED, FIGURE, Level, rate_as_dict

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from pyproj import CRS
    from sqlalchemy import Connection, Engine

LEADS = {
    Level.COMMUNITY: ("committee", "general_branch"),
    Level.STREET: ("working_committee", "committee"),
    Level.DISTRICT: ("committee",),
}
"""Which kinds lead a division that hosts them, the first before the next. Source: domain.md 4."""


def party_coverage(engine: Engine, code: str, *, as_of: dt.date | None = None) -> dict[str, Any]:
    """Answer how far the units that a Party organisation leads are covered, it and all below it.

    Parameters
    ----------
    engine
        The store.
    code
        An organisation's code; empty for what nobody leads.
    as_of
        The day; None for the figures as they were computed last.

    Returns
    -------
    dict
        For JSON: ``organisation`` (code, name, kind), ``as_of``, ``units`` (how many it leads with
        all below it), ``rates`` (see `model.Rate`), ``below`` (the organisations next below it that
        lead any unit: code, name).

    Raises
    ------
    UnitNotFound
        There is no such organisation on that day.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.

    Notes
    -----
    Rule: a grid is led by the branch that covers it, else by its community's committee, else by its
    street's; a community and a street by their own. Source: domain.md section 4, three levels.
    """
    with figures(engine, as_of, subjects=("org",)) as conn:
        day = day_of_figures(conn, "org")
        orgs = store.read_layer(conn, "organisation", as_of=day).set_index("code")
        if code and code not in orgs.index:
            raise UnitNotFound(f"no organisation has the code {code[:40]!r} on {day}")
        lenses = read_lenses(conn, day)
        units = {lens: store.read_unit_coverage(conn, lens) for lens in lenses}
        leaders = _leaders(conn, orgs, {unit for table in units.values() for unit in table.index})
    parents = orgs["parent_code"].astype(object).where(orgs["parent_code"].notna(), None)
    rates = []
    for lens, table in units.items():
        if table.empty:
            continue
        sums = org_coverage.party_rates(table, leaders, parents)
        if code in sums.index:
            rates += org_coverage.unit_figures(sums.loc[code].to_dict(), lenses[lens])
    lines = {node: org_coverage.line_above(node, parents) for node in set(leaders.dropna())}
    led = [unit for unit, node in leaders.items() if code in lines.get(node, [""])]
    next_below = {line[line.index(code) - 1] for line in lines.values() if code in line[1:]}
    return {
        "organisation": _named(orgs, code),
        "as_of": day,
        "units": len(led),
        "rates": [rate_as_dict(rate) for rate in rates],
        "below": [_named(orgs, one) for one in sorted(next_below)],
    }


def _leaders(conn: Connection, orgs: pd.DataFrame, units: set[str]) -> pd.Series:
    """Return the organisation that leads each unit, None where none does."""
    told = store.read_lens_statuses(conn, "party_branch")
    branch = told.loc[told["status"].isin(COVERED), "holder_code"].to_dict()
    own: dict[str, str] = {}
    for level, kinds in LEADS.items():
        for kind in reversed(kinds):
            here = orgs[
                (orgs["kind"] == kind) & (orgs["host_code"].str.len() == CODE_LENGTH[level])
            ]
            own |= dict(zip(here["host_code"], here.index, strict=True))

    def leader(unit: str) -> str | None:
        for length in sorted(CODE_LENGTH.values(), reverse=True):
            found = branch.get(unit) or own.get(unit[:length]) if len(unit) >= length else None
            if found:
                return str(found)
        return None

    return pd.Series({unit: leader(unit) for unit in sorted(units)}, dtype=object)


def _named(orgs: pd.DataFrame, code: str) -> dict[str, Any]:
    if not code:
        return {"code": "", "name": None, "kind": None}
    return {"code": code, "name": orgs.at[code, "name"], "kind": orgs.at[code, "kind"]}


def export_figures(
    engine: Engine,
    target: Path,
    *,
    level: Level,
    least: int,
    as_of: dt.date | None = None,
    actor: str | None = None,
) -> dict[str, Any]:
    """Write the figures of all units of a level to a file, those of few targets withheld.

    Parameters
    ----------
    engine
        The store.
    target
        A ``.csv`` or ``.xlsx`` file.
    level
        The level; with it go all levels above.
    least
        Withhold where fewer than this many are counted, covered or not covered; 0 for nothing.
    as_of
        The day; None for the figures as they were computed last.
    actor
        Who takes them out.

    Returns
    -------
    dict
        For JSON: rows, withheld (how many of them), as_of.

    Raises
    ------
    InputError
        The ending is another, or the file cannot be written.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.

    Notes
    -----
    Rule: as `org_coverage.suppressed`, by what is counted: buildings, grids, households; floor
    areas are withheld where the targets of their lens are, and figures of cameras never.
    """
    if target.suffix.lower() not in (".csv", ".xlsx"):
        raise InputError(f"{target.name}: figures are a table; end the name in .csv or .xlsx")
    frame: CRS = crs.STORAGE_CRS
    files.require_export(target, FIGURE, frame)
    with figures(engine, as_of) as conn:
        rates = stored_rates(conn).reset_index()
        days = {subject: day_of_figures(conn, subject) for subject in ("org", "camera")}
        levels = list(Level)[: list(Level).index(level) + 1]
        names = pd.concat(
            [store.read_units(conn, one, as_of=days["org"])["name"] for one in levels]
        )
    some = rates[rates["level"].isin([str(one) for one in levels])].reset_index(drop=True)
    told = _withheld(some, least)
    told["unit_name"] = told["unit_code"].map(names)
    told["share"] = (told["covered"] / told["total"]).where(told["total"] > 0)
    camera = told["measure"].str.startswith("camera.")
    told["as_of"] = [days["camera" if one else "org"] for one in camera]
    details = {"rows": len(told), "least": least, "file": target.name}
    with store.transaction(engine) as conn:
        store.write_event(conn, "export", subject="figure", actor=actor, details=details)
    files.write_export(FIGURE.parse(told[FIGURE.columns]), FIGURE, target)
    return {"rows": len(told), "withheld": int(told["withheld"].sum()), "as_of": days["org"]}


def _withheld(rates: pd.DataFrame, least: int) -> pd.DataFrame:
    """Return rates with those withheld that are of few targets."""
    counted = ~rates["measure"].str.startswith("camera.") & (rates["unit_of_measure"] != "m2")
    told = org_coverage.suppressed(rates[counted], least=least)
    lens = told["measure"].str.partition(".")[0]
    small = set(zip(lens[told["withheld"]], told["unit_code"][told["withheld"]], strict=True))
    rest = rates[~counted]
    area = [
        (measure.partition(".")[0], unit) in small
        for measure, unit in zip(rest["measure"], rest["unit_code"], strict=True)
    ]
    hidden = pd.Series(area, index=rest.index, dtype=bool)
    rest = rest.assign(
        covered=rest["covered"].where(~hidden), total=rest["total"].where(~hidden), withheld=hidden
    )
    return pd.concat([told, rest]).sort_index()
