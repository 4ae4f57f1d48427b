"""What both computations share: which layers they read, the day they are for, the roll-up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from gridmap import org_coverage, store
from gridmap.jobs.lenses import read_lenses
from gridmap.model import Level, rate_as_dict

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection

    from sqlalchemy import Connection

    from gridmap.model import Lens

INPUT_LAYERS = {
    "org": (
        "building",
        "street",
        "community",
        "grid",
        "organisation",
        "post",
        "courtyard",
        "duty",
        "project",
        "lens",
    ),
    "camera": (
        "building",
        "grid",
        "camera",
        "road",
        "entrance",
        "key_public_area",
        "privacy_zone",
        "restricted_site",
    ),
}
"""What each computation reads, by its subject."""

UNIT_OF_MEASURE = {
    "camera.key_public_area": "m2",
    "camera.frontage": "m",
    "camera.entrances": "entrances",
    "camera.open_ground": "m2",
    "camera.open_ground_certain": "m2",
    "camera.open_ground_twice": "m2",
    "camera.open_ground_overview": "m2",
    "camera.open_ground_outline": "m2",
    "camera.open_ground_discern": "m2",
    "camera.gross_area": "m2",
    "camera.networked": "cameras",
    "camera.hd": "cameras",
    "camera.intact": "cameras",
}
"""What each measure of cameras counts; those of lenses say it themselves."""


RATE_COLUMNS = ["measure", "unit_code", "level", "unit_of_measure", "covered", "total"]
"""What every rate says."""


def is_stale(conn: Connection) -> bool:
    """Tell whether data was written after the figures were computed from it.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    bool
        True if a layer's last batch is not the one a computation read.
    """
    for run in store.read_runs(conn):
        read = {name: layer["batch"] for name, layer in run["inputs"]["layers"].items()}
        if store.read_last_batches(conn, INPUT_LAYERS[run["subject"]]) != read:
            return True
    return False


def all_rates(
    conn: Connection, counted: dict[str, tuple[pd.Series, pd.Series, pd.Series]], as_of: dt.date
) -> pd.DataFrame:
    """Roll figures up to every level of every district.

    Parameters
    ----------
    conn
        An open connection.
    counted
        By measure: grid code, covered and total of each thing counted, one index.
    as_of
        The date of the divisions.

    Returns
    -------
    DataFrame
        measure, unit_code, level, unit_of_measure, covered, total.
    """
    districts = store.read_units(conn, Level.DISTRICT, as_of=as_of).index
    tables = [
        org_coverage.rates(
            pd.DataFrame({"unit_code": grid, "covered": covered, "total": total}),
            measure=measure,
            unit_of_measure=UNIT_OF_MEASURE[measure],
            district=district,
        )
        for district in districts
        for measure, (grid, covered, total) in counted.items()
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=RATE_COLUMNS)


def stored_rates(
    conn: Connection, *, level: Level | None = None, lenses: Collection[str] | None = None
) -> pd.DataFrame:
    """Return the rates of the last computations, of lenses and of cameras.

    Parameters
    ----------
    conn
        An open connection.
    level
        Only units of this level.
    lenses
        Only these lenses, and all of cameras; None for all.

    Returns
    -------
    DataFrame
        Index ``unit_code``; measure, level, unit_of_measure, covered, total; by unit, lenses
        in their order and then cameras.
    """
    tables = []
    for code, lens in _answered(conn).items():
        if lenses is None or code in lenses:
            sums = org_coverage.rolled_up(store.read_unit_coverage(conn, code))
            some = sums if level is None else sums[sums["level"] == str(level)]
            tables.append(org_coverage.lens_rates(some, lens))
    tables.append(store.read_rates(conn, level=level))
    columns = ["measure", "level", "unit_of_measure", "covered", "total"]
    every = pd.concat([table[columns] for table in tables if len(table)] or tables[:1])
    every = every.rename_axis("unit_code").reset_index()
    return every.sort_values("unit_code", kind="stable").set_index("unit_code")


def unit_rates(conn: Connection, code: str) -> list[dict[str, Any]]:
    """Return every figure of a unit, each with the run that made it.

    Parameters
    ----------
    conn
        An open connection.
    code
        A division code.

    Returns
    -------
    list of dict
        See `model.Rate`, with as_of, computed_at and run; lenses in their order, then cameras.

    Raises
    ------
    UnitNotFound
        No division has or had this code.
    """
    cameras = store.read_unit_rates(conn, code)["rates"]
    return lens_figures(conn, code) + [
        {**rate_as_dict(rate), "as_of": as_of, "computed_at": at, "run": run}
        for rate, as_of, at, run in cameras
    ]


def lens_figures(
    conn: Connection, code: str, lenses: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """Return every figure of the lenses of a unit.

    Parameters
    ----------
    conn
        An open connection.
    code
        A division code.
    lenses
        Only these; None for all.

    Returns
    -------
    list of dict
        See `unit_rates`.
    """
    totals = store.read_lens_totals(conn, code, lenses=lenses).to_dict("index")
    return [
        {
            **rate_as_dict(rate),
            **{name: totals[name_of][name] for name in ("as_of", "computed_at", "run")},
        }
        for name_of, lens in _answered(conn).items()
        if name_of in totals
        for rate in org_coverage.unit_figures(totals[name_of], lens)
    ]


def _answered(conn: Connection) -> dict[str, Lens]:
    """Return the lenses of the last computation, as they were on its day."""
    days = [run["as_of"] for run in store.read_runs(conn) if run["subject"] == "org"]
    return read_lenses(conn, days[0]) if days else {}
