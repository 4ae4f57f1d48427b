"""Opening the store: the one that is set, or gridmap's own."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from gridmap import cluster, store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from gridmap.settings import Settings


@contextmanager
def database(settings: Settings) -> Iterator[Engine]:
    """Open the store: the one that is set, or gridmap's own, started if need be.

    Parameters
    ----------
    settings
        ``database_url`` and ``data_dir`` are used.

    Yields
    ------
    Engine
        With the present schema.

    Raises
    ------
    ClusterError
        The embedded database cannot be started.
    StoreUnavailable
        The database cannot be reached.
    StoreError
        The schema cannot be brought up to date.
    """
    if settings.database_url:
        yield from _migrated(settings.database_url)
        return
    with cluster.running(settings.data_dir) as url:
        yield from _migrated(url)


def _migrated(url: str) -> Iterator[Engine]:
    engine = store.connect(url)
    try:
        store.migrate(engine)
        yield engine
    finally:
        engine.dispose()
