"""Figures computed anew by a server.

Belongs here: the report of it. Does not belong here: computing them (``coverage``, ``cameras``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gridmap.jobs.cameras import refresh_camera_coverage
from gridmap.jobs.coverage import refresh_org_coverage
from gridmap.jobs.map_tiles import draw_tiles
from gridmap.jobs.records import records

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from sqlalchemy import Engine

    Progress = Callable[[str, float], None]


def refreshed(
    engine: Engine, subject: str, *, as_of: dt.date, full: bool, progress: Progress
) -> dict[str, Any]:
    """Compute a subject's figures anew.

    Parameters
    ----------
    engine
        The store.
    subject
        ``org`` or ``camera``.
    as_of
        The day.
    full
        Compute everything, even where little changed.
    progress
        Called with a step's name and the share done, 0..1.

    Returns
    -------
    dict
        For JSON: subject, as_of, rates of the districts.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    progress("computing", 0.0)
    if subject == "org":
        rates = refresh_org_coverage(engine, as_of=as_of, full=full)
    else:
        rates = refresh_camera_coverage(engine, as_of=as_of, full=full, progress=progress)
    progress("drawing", 0.9)
    draw_tiles(engine)
    return {"subject": subject, "as_of": as_of.isoformat(), "rates": records(rates)}
