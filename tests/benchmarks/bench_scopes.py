"""What row policies cost, in one run: ``python tests/benchmarks/bench_scopes.py [ROWS …]``.

Buildings of 12 corners stand on a regular lattice, 60,000 a district of 16 streets of 16
communities of 16 grids. Each question (what stands at a point, lies in a window of z16, makes up a
tile of z15) is asked by a superuser, whom no policy binds, and through each scope, in turn, so
that noise meets all alike: the statement alone in an open transaction, and with its transaction,
which for the superuser sets one variable, and for a scope its signed ranges.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table
from sqlalchemy.engine import make_url

from gridmap import cluster, store
from gridmap.model import WHOLE, Role, Scope
from gridmap.store import scopes

A_DISTRICT, SIDE, STEP = 60_000, 256, 0.0004
QUESTIONS = 300
FILL = sa.text(
    """
INSERT INTO building (code, name, grid_code, valid_from, batch_id, geom)
SELECT 'B' || d || '-' || n, '楼' || n,
  (500100 + d) || lpad((1 + n / 3744)::text, 3, '0') || lpad((1 + n / 234 % 16)::text, 3, '0')
   || lpad((1 + n / 15 % 16)::text, 3, '0'),
  '2026-01-01', 1,
  ST_Multi(ST_SetSRID(ST_Buffer(ST_Point(106 + d * 0.2 + (n % 256) * 0.0004,
   29 + (n / 256) * 0.0004), 0.00012, 3), 4490))
FROM generate_series(1, :districts) d, generate_series(0, 59999) n
"""
)
POINT = "SELECT code, name FROM building WHERE geom && {p} AND ST_Covers(geom, {p})"
WINDOW = (
    "SELECT code, name, ST_AsBinary(geom) FROM building"
    " WHERE geom && {b} AND ST_Intersects(geom, {b})"
)
TILE = (
    "SELECT ST_AsMVT(t, 'building') FROM (SELECT code, name, ST_AsMVTGeom(ST_Transform(geom, 3857),"
    " ST_Transform({b}, 3857)) AS g FROM building WHERE geom && {b}) t"
)


def where(place, half):
    x, y = place
    return (
        f"ST_SetSRID(ST_Point({x}, {y}), 4490)",
        f"ST_MakeEnvelope({x - half}, {y - half}, {x + half}, {y + half}, 4490)",
    )


def asked(kind, places):
    half = {"point": 0.0, "window": 0.00275, "tile": 0.0055}[kind]
    text = {"point": POINT, "window": WINDOW, "tile": TILE}[kind]
    for place in places:
        point, box = where(place, half)
        yield text.format(p=point, b=box)


def literal(statement, low, high):
    """Repeat the scope's range in the query, for the planner's estimate."""
    return statement.replace("WHERE ", f"WHERE grid_code >= '{low}' AND grid_code < '{high}' AND ")


def main(sizes):
    console = Console(width=150)
    heads = ("statement ms p50", "ratio", "with its transaction", "ratio", "rows seen")
    table = Table("rows", "question", "scope", *heads)
    with tempfile.TemporaryDirectory(prefix="gm-") as folder:
        Path(folder).chmod(0o755)
        with cluster.running(Path(folder) / "db") as url:
            for size in sizes:
                one_size(url, size, table)
    console.print(table)


def filled(url, size):
    """Return an engine of the owner and one of a superuser, of a store with so many buildings."""
    owner = store.connect(url)
    store.migrate(owner)
    free = sa.create_engine(make_url(url).set(username=cluster.SUPERUSER))
    with free.begin() as conn:
        conn.exec_driver_sql("SET LOCAL session_replication_role = replica")
        conn.exec_driver_sql("TRUNCATE building CASCADE")
        conn.execute(FILL, {"districts": size // A_DISTRICT})
    with free.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.exec_driver_sql("VACUUM ANALYZE building")
    return owner, free


SCOPES = {
    "none": None,
    "whole": Scope("a", Role.PLANNER, WHOLE),
    "district": Scope("a", Role.OFFICER, ("500101",)),
    "street": Scope("a", Role.OFFICER, ("500101008",)),
    "two streets": Scope("a", Role.OFFICER, ("500101007", "500101008")),
    "community": Scope("a", Role.OFFICER, ("500101008008",)),
}


class Asker:
    """One connection that asks as one scope, with the scope's range in the query or without."""

    def __init__(self, url, key, scope, *, spelled=False):
        role = cluster.SUPERUSER if scope is None else scopes.role_of(scope)
        engine = store.connect(url, login=role)
        self.conn = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self.scope, self.key, self.spelled = scope, key, spelled
        self.times, self.rows = {True: [], False: []}, 0

    def begin(self):
        self.conn.exec_driver_sql("BEGIN")
        if self.scope is None:
            # The whole and unscoped do not go parallel either.
            self.conn.exec_driver_sql("SET max_parallel_workers_per_gather = 0; SET jit = off")
            self.conn.exec_driver_sql("SELECT set_config('gridmap.none', 'x', true)")
        else:
            scopes.become(self.conn, self.scope, self.key, logged_in=True)

    def ask(self, statement):
        if self.spelled:
            statement = literal(statement, self.scope.spans[0][0], self.scope.spans[-1][1])
        start = time.perf_counter()
        self.begin()
        self.conn.exec_driver_sql(statement).all()
        self.conn.exec_driver_sql("COMMIT")
        self.times[True].append(1000 * (time.perf_counter() - start))
        self.begin()
        start = time.perf_counter()
        self.rows += len(self.conn.exec_driver_sql(statement).all())
        self.times[False].append(1000 * (time.perf_counter() - start))
        self.conn.exec_driver_sql("COMMIT")


def one_size(url, size, table):
    owner, free = filled(url, size)
    with store.transaction(owner) as conn:
        key = store.read_scope_key(conn)
    # Inside one street, so that it and what is above it see the same.
    rng = np.random.default_rng(1)
    numbers = rng.integers(8 * 3744 - 3744 // 2, 8 * 3744 - 600, QUESTIONS)
    places = [(106.2 + (n % SIDE) * STEP, 29 + (n // SIDE) * STEP) for n in numbers]
    for kind in ("point", "window", "tile"):
        askers = {name: Asker(url, key, scope) for name, scope in SCOPES.items()}
        for name in ("district", "street"):
            askers[f"{name}, its range in the query"] = Asker(url, key, SCOPES[name], spelled=True)
        for statement in asked(kind, places):
            for asker in askers.values():
                asker.ask(statement)
        base = {whole: statistics.median(askers["none"].times[whole]) for whole in (True, False)}
        for name, asker in askers.items():
            cells = []
            for whole in (False, True):
                took = statistics.median(asker.times[whole])
                cells += [f"{took:.2f}", f"{took / base[whole]:.2f}"]
            table.add_row(f"{size:,}", kind, name, *cells, str(asker.rows))
            asker.conn.close()
            asker.conn.engine.dispose()
    owner.dispose()
    free.dispose()


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [60_000, 600_000])
