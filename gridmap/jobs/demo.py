"""The demo district: built once, written like any other import, then computed."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from gridmap import demo, store
from gridmap.errors import Conflict
from gridmap.jobs.cameras import refresh_camera_coverage
from gridmap.jobs.checks import derived_columns
from gridmap.jobs.coverage import refresh_org_coverage
from gridmap.jobs.entries import entered
from gridmap.jobs.map_tiles import draw_tiles
from gridmap.model import LAYERS

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from sqlalchemy import Connection, Engine

    Progress = Callable[[str, float], None]


def build_demo(engine: Engine, *, seed: int, as_of: dt.date, progress: Progress) -> bool:
    """Build the synthetic district, write it and compute its coverage; reuse what is there.

    Parameters
    ----------
    engine
        The store, empty or holding the same demo.
    seed
        Of the generator: the same seed gives the same district.
    as_of
        The date of the computation.
    progress
        Called with a step's name and the share done, 0..1.

    Returns
    -------
    bool
        Whether anything had to be done.

    Raises
    ------
    Conflict
        The store holds other data.
    StoreUnavailable, StoreError
        See `store.transaction`.
    """
    source = f"gridmap demo, seed {seed}"
    with store.transaction(engine) as conn:
        sources = store.read_sources(conn)
        computed = {run["subject"] for run in store.read_runs(conn)}
    if sources - {source}:
        raise Conflict(
            "the store holds other data than this demo; choose another folder with "
            "GRIDMAP_DATA_DIR, or another database with GRIDMAP_DATABASE_URL"
        )
    if not sources:
        _write(engine, seed, source, progress)
    if sources and computed >= {"org", "camera"}:
        return False
    progress("party groups and branches", 0.0)
    refresh_org_coverage(engine, as_of=as_of)
    refresh_camera_coverage(engine, as_of=as_of, progress=progress)
    progress("drawing", 0.0)
    draw_tiles(engine)
    return True


def _write(engine: Engine, seed: int, source: str, progress: Progress) -> None:
    """Write all layers in one transaction: a killed demo leaves an empty store."""
    district = demo.build(seed, progress)
    begins, grown = map(dt.date.fromisoformat, (demo.BEGINS, demo.GROWN))
    before = demo.earlier_duties(district.duty, seed)
    with store.transaction(engine, writes=True) as conn:
        if store.read_sources(conn):
            return  # another program was quicker
        layers = district.layers()
        for done, (name, frame) in enumerate((layers | {"duty": before}).items()):
            progress("writing the district", done / len(layers))
            _write_layer(conn, name, frame, source, begins)
        _write_layer(conn, "duty", district.duty, source, grown, known=len(before))
        entered(conn)
        store.write_event(conn, "demo", details={"seed": seed, "layers": len(layers)})
    with store.transaction(engine, owner=True) as conn:
        store.analyze(conn)


def _write_layer(
    conn: Connection,
    name: str,
    frame: pd.DataFrame,
    source: str,
    effective: dt.date,
    *,
    known: int = 0,
) -> None:
    """Write a layer as it is from a day on; so many of its rows are there already, as they are."""
    spec = LAYERS[name]
    rows, _ = derived_columns(conn, spec, spec.parse(frame), effective)
    batch_id = store.write_batch(
        conn,
        layer=name,
        source=source,
        sha256="",
        effective=effective,
        rows=len(rows),
        synthetic=True,
        action="demo",
    )
    with store.staged_layer(conn, name, rows, effective=effective) as staged:
        store.write_changes(conn, staged, batch_id=batch_id)
    store.write_counts(conn, batch_id, inserted=len(rows) - known, unchanged=known)
