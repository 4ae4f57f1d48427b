"""The toy town, a real PostGIS, and a served demo, shared by all tests.

The database tests run on gridmap's own cluster, started here once; every test that writes gets
a database of its own, cloned from a migrated one, so that no test sees another's rows.
"""

from __future__ import annotations

import functools
import itertools
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from browser_fixtures import chromium, watch  # noqa: F401  fixtures of every folder
from sqlalchemy.engine import make_url
from toy_town import DEMO_DAY, TOY_DAY, import_services, import_toy, let_time_pass, served

from gridmap import cluster, demo, jobs, store

if TYPE_CHECKING:
    from collections.abc import Iterator


_build = demo.build


@functools.cache
def _built(seed: int):
    steps: list[tuple[str, float]] = []
    return _build(seed, lambda step, share: steps.append((step, share))), steps


def build_once(seed: int = demo.SEED, progress=None):
    """Give the demo district, which takes 10 s to make, to all who ask; nobody changes it."""
    district, steps = _built(seed)
    for step, share in steps if progress else ():
        progress(step, share)
    return district


demo.build = build_once


def forget_safety(url: str) -> None:
    """Let the throw-away cluster write without waiting for the disk: it clones 300 databases."""
    admin = sa.create_engine(
        make_url(url).set(username=cluster.SUPERUSER, database="postgres"),
        isolation_level="AUTOCOMMIT",
    )
    with admin.connect() as conn:
        for name in ("fsync", "synchronous_commit", "full_page_writes", "wal_compression"):
            conn.execute(sa.text(f"ALTER SYSTEM SET {name} = off"))
        conn.execute(sa.text("SELECT pg_reload_conf()"))
    admin.dispose()


MEMORY = Path("/dev/shm")
"""Where files are kept in memory: tests of the database take a sixth less time there."""

ENOUGH = 4 << 30
"""Bytes: of all databases that there are at one time, with some to spare."""


@pytest.fixture(scope="session")
def cluster_url() -> Iterator[str]:
    """A private cluster in a short folder (a socket's path is limited), gone at the end."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH
    folder = Path(tempfile.mkdtemp(prefix="gm-", dir=MEMORY if roomy else None))
    folder.chmod(0o755)
    try:
        with cluster.running(folder / "db") as url:
            forget_safety(url)
            engine = store.connect(url)
            store.migrate(engine)
            engine.dispose()
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def admin(cluster_url):
    """The cluster's superuser, to make and drop databases."""
    engine = sa.create_engine(
        make_url(cluster_url).set(username=cluster.SUPERUSER, database="postgres"),
        isolation_level="AUTOCOMMIT",
    )
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def new_database(admin, cluster_url):
    """Return a function that clones the migrated database and gives its URL."""
    numbers = itertools.count(1)

    def clone(template: str = "gridmap") -> str:
        name = f"t{next(numbers)}"
        with admin.connect() as conn:
            # A site that is still served may hold connections; it takes new ones.
            conn.execute(
                sa.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
                ),
                {"name": template},
            )
            conn.execute(
                # As files: by way of the log it takes twice as long.
                sa.text(
                    f"CREATE DATABASE {name} TEMPLATE {template} OWNER {cluster.ROLE}"
                    " STRATEGY FILE_COPY"
                )
            )
        return make_url(cluster_url).set(database=name).render_as_string(hide_password=False)

    return clone


@pytest.fixture
def lent_database(admin, new_database):
    """Return a function like `new_database`, for databases that go with the test."""
    lent = []

    def lend(template: str = "gridmap") -> str:
        lent.append(new_database(template))
        return lent[-1]

    yield lend
    with admin.connect() as conn:
        for url in lent:
            conn.execute(sa.text(f"DROP DATABASE {make_url(url).database} WITH (FORCE)"))


@pytest.fixture
def database_url(lent_database) -> str:
    return lent_database()


@pytest.fixture
def engine(database_url):
    engine = store.connect(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def toy_template(new_database) -> str:
    """The name of a database with the toy town imported and computed, to be cloned."""
    url = new_database()
    engine = store.connect(url)
    import_toy(engine)
    jobs.refresh_org_coverage(engine, as_of=TOY_DAY)
    jobs.refresh_camera_coverage(engine, as_of=TOY_DAY)
    engine.dispose()  # a database in use cannot be cloned
    return make_url(url).database


@pytest.fixture(scope="session")
def toy_url(new_database, toy_template) -> str:
    """The toy town, only for tests that read."""
    return new_database(toy_template)


@pytest.fixture
def town(lent_database, toy_template):
    """A toy town of one's own, to be written to."""
    engine = store.connect(lent_database(toy_template))
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def serviced_template(new_database, toy_template) -> str:
    """The name of a database with all that serves the toy town too, to be cloned."""
    url = new_database(toy_template)
    engine = store.connect(url)
    import_services(engine)
    jobs.refresh_org_coverage(engine, as_of=TOY_DAY)
    engine.dispose()
    return make_url(url).database


@pytest.fixture
def serviced(lent_database, serviced_template):
    """A toy town of one's own with all that serves it, to be written to."""
    engine = store.connect(lent_database(serviced_template))
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def toy(toy_url):
    engine = store.connect(toy_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def past_url(new_database, toy_template) -> str:
    """A toy town that changed and was computed again, only for tests that read."""
    url = new_database(toy_template)
    engine = store.connect(url)
    let_time_pass(engine)
    engine.dispose()
    return url


@pytest.fixture(scope="session")
def demo_url(new_database) -> str:
    """The whole demo district, built once for all tests that need it."""
    url = new_database()
    engine = store.connect(url)
    jobs.build_demo(engine, seed=500108, as_of=DEMO_DAY, progress=lambda _step, _share: None)
    engine.dispose()
    return url


@pytest.fixture(scope="session")
def toy_site(toy_url) -> Iterator[str]:
    with served(toy_url) as site:
        yield site


@pytest.fixture(scope="session")
def serviced_site(new_database, serviced_template) -> Iterator[str]:
    with served(new_database(serviced_template)) as site:
        yield site


@pytest.fixture(scope="session")
def past_site(past_url) -> Iterator[str]:
    with served(past_url) as site:
        yield site


@pytest.fixture(scope="session")
def demo_site(demo_url) -> Iterator[str]:
    with served(demo_url) as site:
        yield site


def pytest_collection_modifyitems(config, items):
    """Run what is quick first: pure tests, then the database, the browser, and the slow ones.

    Of two workers one begins in the middle: there stands what needs the demo district, which takes
    a minute to build, so that one of them builds it and the other has no need to.
    """
    marks = ("slow", "browser", "db")
    items.sort(key=lambda item: [item.get_closest_marker(mark) is not None for mark in marks])
    if getattr(config, "workerinput", {}).get("workercount", 1) == 1:
        return
    needs = ["demo" in item.nodeid or "demo_url" in item.fixturenames for item in items]
    others = [item for item, need in zip(items, needs, strict=True) if not need]
    of_demo = [item for item, need in zip(items, needs, strict=True) if need]
    middle = len(items) // 2
    items[:] = [*others[:middle], *of_demo, *others[middle:]]
