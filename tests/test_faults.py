"""Killed at any moment, and with a full disk: the store is as before or as after, and the next run
works by itself."""

import datetime as dt
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import shapely
import sqlalchemy as sa
from shapely import box
from sqlalchemy.engine import make_url
from test_history import whole
from toy_town import frame, import_toy

from gridmap import cluster, files, jobs, store
from gridmap.cluster.processes import run
from gridmap.errors import StoreError
from gridmap.jobs import book

pytestmark = [pytest.mark.db, pytest.mark.slow]

MOMENTS = int(os.environ.get("FAULT_MOMENTS", "1"))
"""How often each victim is killed; the issue asks for ten, which CI has no time for."""

BUILDINGS = 4000


@pytest.fixture
def folder():
    """A folder with a short name: a socket's path is limited."""
    path = Path(tempfile.mkdtemp(prefix="gm-"))
    path.chmod(0o755)
    yield path
    cluster.stop(path / "db", force=True)
    shutil.rmtree(path, ignore_errors=True)


def write_files(folder):
    """Write two files of the same houses, of one floor and of two."""
    x, y = np.meshgrid(np.arange(100), np.arange(BUILDINGS // 100))
    shapes = [
        box(364000 + 4 * a, 3266000 + 4 * b, 364003 + 4 * a, 3266003 + 4 * b)
        for a, b in zip(x.ravel(), y.ravel(), strict=True)
    ]
    for floors in (1, 2):
        rows = frame(shapes, code=[f"H{n}" for n in range(len(shapes))], floors=floors)
        files.write_layer(rows, folder / f"{floors}.gpkg")


def importing(folder, floors, *more):
    """Start an import as a user does, as a process of its own."""
    words = ("import", "building", str(folder / f"{floors}.gpkg"), "--complete", "--commit", *more)
    return subprocess.Popen(
        [sys.executable, "-c", "from gridmap.cli import main; main()", *words,
         "--effective", "2026-03-01"],
        env={**os.environ, "GRIDMAP_DATA_DIR": str(folder / "db"), "GRIDMAP_LANGUAGE": "en"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def kill_server(pid):
    children = subprocess.run(
        ["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    for one in (pid, *map(int, children)):
        os.kill(one, signal.SIGKILL)


def state(url):
    """Return the floors of all houses, how many former rows there are, and how many batches."""
    engine = store.connect(url)
    try:
        # Waits for what a dead client's session may still commit.
        with store.transaction(engine, writes=True) as conn:
            floors = conn.execute(sa.text("SELECT floors FROM building")).scalars().all()
            past = conn.scalar(sa.text("SELECT count(*) FROM building_history"))
            told = conn.scalar(
                sa.text("SELECT count(*) FROM import_batch WHERE layer = 'building'")
            )
            book = conn.scalar(
                sa.text("SELECT sum(updated) FROM import_batch WHERE layer = 'building'")
            )
    finally:
        engine.dispose()
    return floors, past, told, book


@pytest.mark.parametrize("victim", ["client", "server"])
def test_a_kill_at_any_moment_leaves_before_or_after(folder, victim):
    write_files(folder)
    status = cluster.start(folder / "db")
    engine = store.connect(status.url)
    store.migrate(engine)
    import_toy(engine, "district", "street", "community", "grid")
    engine.dispose()
    begun = time.monotonic()
    out, err = importing(folder, 1).communicate(timeout=120)
    took = time.monotonic() - begun
    assert f"{BUILDINGS} new" in out, out + err
    rng, before = random.Random(1), state(status.url)
    outcomes = []
    for number in range(MOMENTS):
        floors = 2 - number % 2
        running = importing(folder, floors)
        # Half of it is Python's start and checks: nothing of them can go wrong in the store.
        time.sleep(rng.uniform(0.5, 1.05) * took)
        if victim == "client":
            running.kill()
        else:
            kill_server(status.pid)
        _, err = running.communicate(timeout=120)
        assert "Traceback" not in err
        status = cluster.start(folder / "db")
        after = state(status.url)
        assert set(after[0]) <= {1, 2}
        assert len(set(after[0])) == 1, "between two states"
        assert len(after[0]) == BUILDINGS
        # History and book grew exactly if the rows changed.
        changed = after[0] != before[0]
        assert after[1] - before[1] == BUILDINGS * changed
        assert after[3] - before[3] == BUILDINGS * changed
        assert after[2] - before[2] in (0, 1)
        outcomes.append(changed)
        before = after
    done = importing(folder, 1)
    out, err = done.communicate(timeout=120)
    assert done.returncode == 0, err
    assert set(state(status.url)[0]) == {1}
    print(victim, outcomes)


MB = 1 << 20
# The server takes a block that was written in part for a full disk, as it is.
HALF_A_BLOCK = 4096


def fill_disk(pid, *, largest):
    """Let no process of a server write beyond so many bytes of any file, or again anywhere.

    Stands for a full disk that neither root nor a file system of one's own is needed for.
    """
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for one in (pid, *map(int, children)):
        done = run(["prlimit", "--pid", str(one), f"--fsize={largest}:"])
        assert done.returncode == 0 or one != pid, done.stderr


def fill_log(url):
    """Bring the end of the write-ahead log to six of the sixteen megabytes of its file."""
    admin = sa.create_engine(
        make_url(url).set(username=cluster.SUPERUSER),
        isolation_level="AUTOCOMMIT",
        poolclass=sa.NullPool,
    )
    with admin.connect() as conn:
        conn.execute(sa.text("SELECT pg_switch_wal()"))
        words = {"text": "x" * 6 * MB}
        conn.execute(sa.text("SELECT pg_logical_emit_message(false, 'full', :text)"), words)
        conn.execute(sa.text("SELECT pg_logical_emit_message(true, 'full', '')"))


def write_wide_files(folder):
    """Write two files whose rows fill 12 MB, so that a change of all of them needs 24 MB."""
    x, y = np.meshgrid(np.arange(50), np.arange(30))
    spots = shapely.points(364002 + 4.0 * x.ravel(), 3266002 + 4.0 * y.ravel())
    shapes = shapely.buffer(spots, 1.4, quad_segs=125)
    for floors in (1, 2):
        rows = frame(shapes, code=[f"H{n}" for n in range(len(shapes))], floors=floors)
        files.write_layer(rows, folder / f"{floors}.gpkg")
    return len(shapes)


def written(engine):
    """Return all that a write changes, and the book of writes."""
    with engine.connect() as conn:
        return whole(engine), conn.execute(sa.select(store.batches.t.import_batch)).all()


@pytest.mark.parametrize("full", ["tables", "log"])
def test_a_full_disk_leaves_the_store_as_it_was(folder, monkeypatch, full):
    if full == "tables":
        count = write_wide_files(folder)
    else:
        write_files(folder)
        count = BUILDINGS
    status = cluster.start(folder / "db")
    engine = store.connect(status.url)
    store.migrate(engine)
    import_toy(engine, "district", "street", "community", "grid")
    how = {"effective": dt.date(2026, 3, 1), "complete": True, "commit": True}
    assert jobs.import_layer(engine, folder / "1.gpkg", "building", **how).inserted == count
    before, steps = written(engine), []

    def fill(step, _share):
        steps.append(step)
        if step == "writing" and full == "tables":
            fill_disk(status.pid, largest=16 * MB + HALF_A_BLOCK)
        elif step == "writing":
            fill_log(status.url)
            fill_disk(status.pid, largest=4 * MB + HALF_A_BLOCK)

    monkeypatch.setattr(book, "LOOK_UP_S", (0.0, 1.0))
    # Where the log cannot be written the server ends, as it must: what it has not said is kept.
    told = "free some, try again|see its log" if full == "tables" else "run it again"
    with pytest.raises(StoreError, match=told):
        jobs.import_layer(engine, folder / "2.gpkg", "building", key="k", progress=fill, **how)
    assert steps[-1] == "writing"
    if full == "tables":
        assert cluster.status(folder / "db").pid == status.pid
        assert written(engine) == before, "while the disk is full"
        fill_disk(status.pid, largest="unlimited")
    out, err = importing(folder, 2, "--key", "k").communicate(timeout=120)
    assert f"0 new, {count} changed" in " ".join(out.split()), out + err
    status = cluster.start(folder / "db")
    # Exactly one write after it: its former rows are all the rows of before, under its number.
    after, (*former, last) = written(engine)
    assert former == before[1]
    assert (last.key, last.updated) == ("k", count)
    jobs.undo(engine, last.id)
    assert whole(engine) == before[0]
    assert set(state(status.url)[0]) == {1}
    assert after != before[0]
    engine.dispose()
