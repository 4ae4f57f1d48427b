"""Ratios of the store against its peers, in one run: ``make bench`` (needs the demo district).

- locate: one statement for all levels, against one statement a level;
- write: staged COPY with history and change detection, against ``GeoDataFrame.to_postgis``,
  which only appends.
"""

from __future__ import annotations

import datetime as dt
import statistics
import time

import numpy as np
import pandas as pd
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from gridmap import jobs, store
from gridmap.model import LAYERS, Level
from gridmap.settings import Settings

DAY = dt.date(2026, 11, 1)
POSITIONS = 2000
PER_LEVEL = sa.text(
    "SELECT level, code, name, kind FROM division WHERE level = :level AND valid @> :day "
    "AND geom && ST_Point(:x, :y, 4490) AND ST_Covers(geom, ST_Point(:x, :y, 4490))"
)
BUILDING = sa.text(
    "SELECT code, name, kind FROM building "
    "WHERE geom && ST_Point(:x, :y, 4490) AND ST_Covers(geom, ST_Point(:x, :y, 4490))"
)


def positions(conn):
    """Positions inside the district: the buildings' own, jittered by up to 100 m."""
    buildings = store.read_buildings(conn, as_of=dt.date.today(), limit=20_000).sample(
        POSITIONS, random_state=1
    )
    middle = buildings.geometry.representative_point()
    jitter = np.random.default_rng(1).uniform(-1e-3, 1e-3, (POSITIONS, 2))
    return np.column_stack([middle.x, middle.y]) + jitter


def a_statement_a_level(conn, x, y):
    for level in list(Level)[:4]:
        conn.execute(PER_LEVEL, {"level": str(level), "day": DAY, "x": x, "y": y}).all()
    conn.execute(BUILDING, {"x": x, "y": y}).all()


def milliseconds(action, places):
    times = []
    for x, y in places:
        start = time.perf_counter()
        action(float(x), float(y))
        times.append(1000 * (time.perf_counter() - start))
    return times


def bench_locate(engine, table):
    with engine.connect() as conn:
        places = positions(conn)
        one = milliseconds(lambda x, y: store.locate(conn, x, y, as_of=DAY), places)
        five = milliseconds(lambda x, y: a_statement_a_level(conn, x, y), places)
    job = milliseconds(lambda x, y: jobs.locate(engine, x, y, as_of=DAY), places)
    base = statistics.median(five)
    for name, times in (
        ("locate: a statement a level", five),
        ("locate: one statement", one),
        ("locate: the job, with its transaction", job),
    ):
        p50, p95 = statistics.median(times), np.percentile(times, 95)
        table.add_row(name, f"{p50:.2f} / {p95:.2f} ms p50 / p95", f"{base / p50:.1f} x")


class Undone(Exception):
    """Ends a transaction whose writes were only to be timed."""


def seconds(engine, action):
    start = time.perf_counter()
    try:
        with store.transaction(engine) as conn:
            action(conn)
            raise Undone
    except Undone:
        return time.perf_counter() - start


def bench_write(engine, table):
    with engine.connect() as conn:
        frame = store.read_buildings(conn, as_of=dt.date.today()).reset_index()
    columns = [*LAYERS["building"].columns, "grid_code", "grid_share", "geometry"]
    frame = frame[columns].assign(code="x" + frame["code"])

    def staged(conn):
        batch_id = store.write_batch(
            conn, layer="building", source="", sha256="", effective=DAY, rows=len(frame)
        )
        with store.staged_layer(conn, "building", frame, effective=DAY) as rows:
            store.read_changes(conn, rows)
            store.write_changes(conn, rows, batch_id=batch_id)

    def peer(conn):
        plain = pd.DataFrame(frame).astype({"floors": float, "household_count": float})
        plain = frame.assign(**plain[["floors", "household_count"]])
        plain.to_postgis("bench_building", conn, chunksize=10_000)

    ours = min(seconds(engine, staged) for _ in range(3))
    theirs = min(seconds(engine, peer) for _ in range(3))
    table.add_row(f"write {len(frame)} buildings: to_postgis", f"{theirs:.2f} s", "1.0 x")
    table.add_row("write: compare and write", f"{ours:.2f} s", f"{theirs / ours:.1f} x")


def main():
    table = Table("what", "measured", "ratio to the peer")
    with jobs.database(Settings()) as engine:
        bench_locate(engine, table)
        bench_write(engine, table)
    Console().print(table)


if __name__ == "__main__":
    main()
