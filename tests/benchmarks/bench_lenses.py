"""What all lenses of a district cost: the whole, one changed duty, and the same asked in SQL.

    python tests/benchmarks/bench_lenses.py

The demo district on a database of its own. The peer is one SQL statement a lens of duties
(``tests/test_lenses_sql.py``), which only counts parts: no reason, no holder, no figure, nothing
written. Answers that disagree end the run with an error. Prints Markdown tables.
"""

from __future__ import annotations

import datetime as dt
import platform
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa

sys.path.append(str(Path(__file__).resolve().parents[1]))

from test_lenses_sql import DUTIES, asked_in_sql

from gridmap import cluster, jobs, store
from gridmap.model import COVERED, LENSES

DAY = dt.date(2026, 11, 1)
RUNS, CHANGES = 5, 12
ASKED_S, ASKED_CHANGE_S = 5.0, 0.1


def timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def changed(engine, folder, row):
    """Import one duty, which is not counted, and compute what it touches, which is."""
    path = folder / "duty.csv"
    path.write_text("holder_code,service,target_code,mode\n" + ",".join(row) + "\n", "utf-8")
    jobs.import_layer(engine, path, "duty", effective=DAY, commit=True)
    return timed(lambda: jobs.refresh_org_coverage(engine, as_of=DAY))


def touched(service):
    """Return how many lenses a duty of a service bears on."""
    return sum(
        service in lens.parts or (service == "party_branch" and lens.same_grid)
        for lens in LENSES.values()
        if lens.source == "duty"
    )


def rows_to_add(engine):
    """Return duties on targets that have none: groups, branches, leaders, services."""
    wanted = {
        "party_group": "party_group",
        "legal_service": "legal_service",
        "party_branch": "party_branch",
        "grid_leader": "grid_leader",
    }
    with store.transaction(engine) as conn:
        holders = {s: store.read_duties(conn, [s])["holder_code"].iloc[0] for s in wanted}
        found = {s: store.read_lens_statuses(conn, lens) for s, lens in wanted.items()}
    rows = []
    for service, statuses in found.items():
        blank = statuses.index[~statuses["status"].isin(COVERED) & statuses["unit_code"].notna()]
        targets = blank[:: max(1, len(blank) // (CHANGES // 4))][: CHANGES // 4]
        rows += [(service, (holders[service], service, target, "joint")) for target in targets]
    return rows


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="gm-"))
    folder.chmod(0o755)
    try:
        with cluster.running(folder / "db") as url:
            engine = store.connect(url)
            store.migrate(engine)
            jobs.build_demo(engine, seed=500108, as_of=DAY, progress=lambda _step, _share: None)
            report(engine, folder)
            engine.dispose()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def report(engine, folder: Path) -> None:
    """Time everything in one run and print it."""
    whole = [
        timed(lambda: jobs.refresh_org_coverage(engine, as_of=DAY, full=True)) for _ in range(RUNS)
    ]
    with engine.connect() as conn:
        peer = [timed(lambda: [asked_in_sql(conn, code, DAY) for code in DUTIES]) for _ in range(3)]
        for code in DUTIES:
            parts = asked_in_sql(conn, code, DAY)
            told = store.read_lens_statuses(conn, code)
            if not (told["status"].isin(COVERED) == (parts >= LENSES[code].need)).all():
                sys.exit(f"SQL and Python disagree on {code}")
        targets = conn.execute(sa.text("SELECT sum(targets) FROM unit_coverage")).scalar_one()
    single: dict[str, list[float]] = {}
    for service, row in rows_to_add(engine):
        single.setdefault(service, []).append(changed(engine, folder, row))
    full = statistics.median(whole)
    print(
        f"\n{dt.date.today()}, {platform.machine()}, {targets:,} targets under {len(LENSES)} lenses"
    )
    print("\n| what | seconds, median | against the whole |\n|---|---|---|")
    print(
        f"| all lenses, computed and written | {full:.2f} ({min(whole):.2f}–{max(whole):.2f}) | 1 |"
    )
    sql = statistics.median(peer)
    print(
        f"| {len(DUTIES)} lenses counted in SQL, nothing written | {sql:.2f} | {sql / full:.2f} |"
    )
    each = []
    for service, times in single.items():
        one = statistics.median(times)
        count = touched(service)
        each.append(one / count)
        what = f"one duty `{service}` changed, {count} lens{'es' if count > 1 else ''}"
        print(f"| {what} | {one:.3f} | 1 / {full / one:.0f} |")
    every = max(each)
    reached = {True: "yes", False: "NO"}
    print(f"\nall lenses in {ASKED_S:g} s: {reached[full <= ASKED_S]}")
    print(f"a lens after one duty in {ASKED_CHANGE_S:g} s: {reached[every <= ASKED_CHANGE_S]}")


if __name__ == "__main__":
    main()
