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

from gridmap import jobs
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
