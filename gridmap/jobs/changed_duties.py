"""Computing anew what a few changed duties touch, and nothing else.

Belongs here: which lenses and units a duty bears on. Does not belong here: computing everything
(``jobs.coverage``), judging (``jobs.judging``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from gridmap import __version__, store
from gridmap.jobs.judging import answered, unit_table
from gridmap.jobs.lenses import read_lenses, read_register
from gridmap.jobs.rates import INPUT_LAYERS
from gridmap.model import CODE_LENGTH, Level

if TYPE_CHECKING:
    import datetime as dt

    from sqlalchemy import Connection

    from gridmap.model import Lens

MOST = 500
"""Changed duties up to which only what they touch is computed. Own choice: then it pays."""


def changed_duties(conn: Connection, as_of: dt.date) -> pd.DataFrame | None:
    """Return the duties that changed since the last computation, if nothing else did.

    Parameters
    ----------
    conn
        An open connection.
    as_of
        The date that is asked for.

    Returns
    -------
    DataFrame or None
        From `store.read_changed_duties`; None where everything is to be computed.
    """
    runs = [run for run in store.read_runs(conn) if run["subject"] == "org"]
    if not runs or runs[0]["as_of"] != as_of or runs[0]["inputs"]["program"] != __version__:
        return None
    was = runs[0]["inputs"]["layers"]
    now = store.read_inputs(conn, INPUT_LAYERS["org"])
    if "duty" not in was or any(was.get(name) != now.get(name) for name in {*was, *now} - {"duty"}):
        return None
    changed = store.read_changed_duties(conn, since=was["duty"]["batch"])
    return changed if len(changed) <= MOST else None


def write_changed_duties(conn: Connection, as_of: dt.date, changed: pd.DataFrame) -> list[str]:
    """Compute and write what changed duties touch, within a transaction.

    Parameters
    ----------
    conn
        An open connection that writes.
    as_of
        The date of the last computation.
    changed
        From `changed_duties`.

    Returns
    -------
    list of str
        The lenses that were computed.

    Notes
    -----
    Rule: a duty bears on its target and, through a division, on all targets in it; a post's on all
    its targets, for several are joint; a branch's on every building of a lens that asks whether the
    group's branch serves its grid. Source: `org_coverage.judged`.
    """
    run = next(run for run in store.read_runs(conn) if run["subject"] == "org")
    inputs = run["inputs"] | {"layers": store.read_inputs(conn, INPUT_LAYERS["org"])}
    run_id = store.write_run(conn, "org", as_of, inputs)
    services = set(changed["service"])
    touched = []
    for lens in read_lenses(conn, as_of).values():
        if lens.source != "duty":
            continue
        mine = changed[changed["service"].isin(lens.parts)]
        if lens.same_grid and "party_branch" in services:
            mine = pd.concat([mine, _of_groups(conn, lens, changed)])
        if len(mine):
            # Of what nothing was known, or nothing is any more, all is to be said anew.
            some = store.has_duties(conn, lens.parts) and store.has_answers(conn, lens.code)
            _write(conn, as_of, lens, _units(conn, as_of, lens, mine) if some else None, run_id)
            touched.append(lens.code)
    return touched


def _of_groups(conn: Connection, lens: Lens, changed: pd.DataFrame) -> pd.DataFrame:
    """Return the duties of the groups whose branch serves other grids than before."""
    branches = set(changed["holder_code"][changed["service"] == "party_branch"])
    groups = set(store.read_holders(conn, parents=branches)["code"])
    duties = store.read_duties(conn, lens.parts, holders=groups)
    return duties[["holder_code", "service", "target_code"]]


def _units(conn: Connection, as_of: dt.date, lens: Lens, changed: pd.DataFrame) -> set[str] | None:
    """Return the units of the targets that changed duties of a lens bear on; None for all."""
    holders = store.read_holders(conn, set(changed["holder_code"]))
    posts = set(holders["code"][holders["filled"].notna()])
    others = store.read_duties(conn, lens.parts, holders=posts)["target_code"] if posts else []
    codes = {*changed["target_code"], *others}
    if lens.target == "building":
        return _grids(conn, as_of, lens, codes)
    if lens.target == "organisation":
        held = store.read_holders(conn, codes)
        return {"" if pd.isna(host) else host for host in held["host_code"]}
    return codes


def _grids(conn: Connection, as_of: dt.date, lens: Lens, codes: set[str]) -> set[str]:
    """Return the grids of buildings, and those in divisions that duties reach through."""
    found = store.read_homes(conn, as_of=as_of, codes=codes)["grid_code"]
    units = {"" if pd.isna(code) else code for code in found}
    above = {CODE_LENGTH[Level(level)] for level in lens.through}
    divisions = tuple(code for code in codes if len(code) in above and code.isdigit())
    if divisions:
        known = store.read_unit_coverage(conn, lens.code).index
        units |= {unit for unit in known if unit.startswith(divisions)}
    return units


def _write(
    conn: Connection, as_of: dt.date, lens: Lens, units: set[str] | None, run_id: int
) -> None:
    """Compute a lens for some units, and put it in the place of what was."""
    register = read_register(conn, as_of, [lens], units=units)
    found = answered(register, lens, known=units is not None)
    rows = unit_table({lens.code: found} if found else {})
    only = {"lens": [lens.code]} | ({} if units is None else {"unit_code": units})
    store.replace_results(conn, "unit_coverage", rows, run_id=run_id, subject="org", only=only)
