"""What both computations share: which layers they read, the day they are for, the roll-up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from gridmap import org_coverage, store
from gridmap.model import Level

if TYPE_CHECKING:
    import datetime as dt

    from sqlalchemy import Connection

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
        if store.read_inputs(conn, INPUT_LAYERS[run["subject"]]) != run["inputs"]["layers"]:
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
