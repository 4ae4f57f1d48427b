"""What tests share that is no fixture: the toy town, builders, a served database."""

from __future__ import annotations

import datetime as dt
import os
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import pytest
import uvicorn
from accounts_fixtures import cookie_of, settings_of

from gridmap import jobs, store
from gridmap.jobs.edits import ChangeSet, Edit
from gridmap.web import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gridmap.settings import Settings

REPO = Path(__file__).resolve().parent.parent
TOY = REPO / "geodata" / "toy"
TOY_DAY = dt.date(2026, 6, 1)
DEMO_DAY = dt.date(2026, 11, 1)
TOY_ORDER = (
    "district",
    "street",
    "community",
    "grid",
    "road",
    "building",
    "entrance",
    "camera",
    "key_public_area",
    "privacy_zone",
    "restricted_site",
    "organisation",
    "duty",
)
SERVICES_ORDER = (
    "organisation",
    "post",
    "building",
    "courtyard",
    "department_grid",
    "duty",
    "project",
    "matter_item",
    "matter",
    "proposal",
)
METRIC = "EPSG:4545"


def import_toy(engine, *names, effective=dt.date(2026, 1, 1)):
    """Import layers of the toy town by the front door."""
    for name in names or TOY_ORDER:
        jobs.import_layer(
            engine,
            TOY / f"{name}.csv",
            name,
            effective=effective,
            source_crs=METRIC,
            commit=True,
        )


def import_services(engine, effective=dt.date(2026, 1, 1)):
    """Import what serves the toy town beside Party groups: geodata/toy/services."""
    for name in SERVICES_ORDER:
        jobs.import_layer(
            engine,
            TOY / "services" / f"{name}.csv",
            name,
            effective=effective,
            source_crs=METRIC,
            commit=True,
        )


LATER_DAY = dt.date(2026, 8, 1)
"""The day of the figures of a toy town that changed, see `let_time_pass`."""


def let_time_pass(engine):
    """Change the computed toy town on 2026-07-01, and compute it a month later.

    Building T1 loses its Party group, T2 is demolished, T7 gets one: 3 of 7 buildings (60 of 280
    households) become 2 of 6 (100 of 260). Frozen are 2026-03-31, 2026-06-01 and 2026-06-30.
    """
    ended = ("G1/party_group/T1", "G2/party_group/T2")
    begun = (("B1", "party_branch", "990101001002002"), ("G4", "party_group", "T7"))
    with store.transaction(engine) as conn:
        batch = store.read_last_batches(conn, ("duty", "building"))
    edits = [Edit("duty", "end", code, version=batch["duty"]) for code in ended]
    edits.append(Edit("building", "end", "T2", version=batch["building"]))
    for holder, service, target in begun:
        names = ("holder_code", "service", "target_code", "mode")
        fields = dict(zip(names, (holder, service, target, "own"), strict=True))
        edits.append(Edit("duty", "create", f"{holder}/{service}/{target}", fields=fields))
    answer, _ = jobs.change(engine, ChangeSet(tuple(edits), "toy", "li", dt.date(2026, 7, 1)))
    assert answer["batches"], answer
    jobs.refresh_org_coverage(engine, as_of=LATER_DAY, full=True)


def shared_data(name: str) -> Path:
    """Return the folder of a real data set, or skip; in CI a skip is a failure."""
    root = Path(os.environ.get("GRIDMAP_SHARED_DATA") or REPO.parent / "shared" / "data")
    if not (root / name).is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"CI must have the real data set {name} at {root}")
        pytest.skip(f"the real data set {name} is not at {root}; set GRIDMAP_SHARED_DATA")
    return root / name


def frame(shapes, *, crs=METRIC, index=None, **columns):
    """Build a frame of geometries with an index from 1."""
    index = range(1, len(shapes) + 1) if index is None else index
    return gpd.GeoDataFrame(columns, geometry=list(shapes), index=index, crs=crs)


COOKIES: dict[str, dict[str, str]] = {}
"""A served site -> the cookie of an admin there, which a watched browser is given."""


@contextmanager
def served(url: str | None = None, *, settings: Settings | None = None) -> Iterator[str]:
    """Serve a database on a free port of this machine."""
    chosen = settings or settings_of(url)
    config = uvicorn.Config(create_app(chosen), host="127.0.0.1", port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.started
    port = server.servers[0].sockets[0].getsockname()[1]
    site = f"http://127.0.0.1:{port}"
    if url:
        COOKIES[site] = cookie_of(url)
    yield site
    server.should_exit = True
    thread.join(timeout=10)
