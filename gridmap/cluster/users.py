"""The programs that use the server: being one of them, doing without any, counting them.

Belongs here: when the server starts and stops, and what it is doing now. Does not belong here:
how it starts and stops (``server``).
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from gridmap.cluster.binaries import Binaries
from gridmap.cluster.failures import explained
from gridmap.cluster.locks import locked, opened, try_lock
from gridmap.cluster.place import Place, find_place, prepared
from gridmap.cluster.server import bring_up, crashed, postmaster, server_lives, stop_server
from gridmap.errors import ClusterError, Conflict


class State(StrEnum):
    """What the cluster is doing. ``BUSY``: it starts, stops, or cleans up after a crash."""

    ABSENT = "absent"
    STOPPED = "stopped"
    BUSY = "busy"
    RUNNING = "running"


@dataclass(frozen=True)
class Status:
    """What there is to know about a cluster.

    ``version`` is the major version of its data; ``url`` is None unless it runs; ``size_bytes``
    is the data on disk; ``users`` counts the gridmap programs that use it now; ``stays`` says
    that it goes on without them.
    """

    state: State
    data_dir: Path
    socket_dir: Path
    pid: int | None = None
    version: str | None = None
    url: str | None = None
    size_bytes: int = 0
    users: int = 0
    stays: bool = False


WATCH_S = 0.5
"""How often a program that serves looks whether its database has crashed."""


@contextmanager
def running(data_dir: Path, *, keep_up: bool = False) -> Iterator[str]:
    """Have the embedded database running while inside.

    Creates and starts it if need be; on leaving, the last of all programs that use it stops
    it, unless `start` asked that it stay.

    Parameters
    ----------
    data_dir
        The data folder; created if missing, with the database in it.
    keep_up
        Start it again when it crashes; one that was stopped stays so.

    Yields
    ------
    str
        SQLAlchemy URL of the database, for this account and root.

    Raises
    ------
    ClusterError
        No programs, wrong version, folder not this account's or not writable, disk full, or
        the server does not start: the text says what to do.

    Notes
    -----
    Takes 1.1 s with an empty folder, 0.2 s otherwise, a few ms if the server runs; after a
    crash as long as recovery takes.
    """
    place, binaries = prepared(data_dir)
    with used(place, binaries):
        if not keep_up:
            yield place.url
            return
        done = threading.Event()
        watch = threading.Thread(target=_keep_up, args=(place, binaries, done), daemon=True)
        watch.start()
        try:
            yield place.url
        finally:
            done.set()
            watch.join()


def _keep_up(place: Place, binaries: Binaries, done: threading.Event) -> None:
    """Start the server again whenever it has crashed: it left its record, and no process lives."""
    while not done.wait(WATCH_S):
        if crashed(place):
            # Another program may be quicker, or a disk full: the next look tells.
            with suppress(ClusterError), locked(place.lock("start")):
                if crashed(place):
                    bring_up(place, binaries)


@contextmanager
def used(place: Place, binaries: Binaries) -> Iterator[None]:
    """Be a user of the server while inside."""
    try:
        with locked(place.lock("users"), shared=True):
            with locked(place.lock("start")):
                bring_up(place, binaries)
            yield
    finally:
        with locked(place.lock("start")):
            _stop_if_unused(place)


def _stop_if_unused(place: Place) -> None:
    """Stop the server for the last user; the caller holds ``start.lock``."""
    if place.stay.exists():
        return
    with opened(place.lock("users")) as handle:
        if try_lock(handle, fcntl.LOCK_EX) and postmaster(place):
            stop_server(place)


def start(data_dir: Path) -> Status:
    """Start the embedded database so that it runs on until `stop`.

    The wish outlives crashes and reboots: what starts the database next leaves it running.

    Parameters
    ----------
    data_dir
        The data folder, as for `running`.

    Returns
    -------
    Status
        After the start.

    Raises
    ------
    ClusterError
        As for `running`.
    """
    place, binaries = prepared(data_dir)
    with used(place, binaries), explained(place.stay):
        place.stay.touch()
    return status(data_dir)


def stop(data_dir: Path, *, force: bool = False) -> Status:
    """Stop the embedded database; one that does not run is well.

    Parameters
    ----------
    data_dir
        The data folder.
    force
        Stop it under the programs that use it.

    Returns
    -------
    Status
        After the stop.

    Raises
    ------
    Conflict
        Programs use it, and ``force`` is not set.
    ClusterError
        The folder is not this account's, or the server does not stop.
    """
    place = find_place(data_dir)
    if place.lock("start").exists():
        with locked(place.lock("start")), explained(place.root):
            if not force:
                _require_unused(place)
            place.stay.unlink(missing_ok=True)
            if server_lives(place):
                stop_server(place)
    return status(data_dir)


def _require_unused(place: Place) -> None:
    with opened(place.lock("users")) as handle:
        if not try_lock(handle, fcntl.LOCK_EX):
            raise Conflict(
                f"{_users(place)} gridmap programs use the database; end them or use force"
            )


def status(data_dir: Path) -> Status:
    """Return what the embedded database is doing; change nothing.

    Parameters
    ----------
    data_dir
        The data folder; it need not exist.

    Returns
    -------
    Status
        At this moment.

    Raises
    ------
    ClusterError
        The folder is not this account's, cannot be read, or holds something else.
    """
    place = find_place(data_dir)
    with explained(place.root):
        version, found = place.version(), postmaster(place)
        if found and found[1]:
            state = State.RUNNING
        elif server_lives(place):
            state = State.BUSY
        else:
            state = State.ABSENT if version is None else State.STOPPED
        return Status(
            state=state,
            data_dir=place.root,
            socket_dir=place.socket,
            pid=found[0] if found else None,
            version=version,
            url=place.url if state is State.RUNNING else None,
            size_bytes=_size_bytes(place.data),
            users=_users(place),
            stays=place.stay.exists(),
        )


def _size_bytes(folder: Path) -> int:
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += os.lstat(os.path.join(path, name)).st_size  # noqa: PTH118
    return total


def _users(place: Place) -> int:
    """Count the holders of ``users.lock`` that the kernel lists."""
    path = place.lock("users")
    table = Path("/proc/locks")
    if not path.exists() or not table.exists():
        return 0
    inode = f":{path.stat().st_ino} "
    lines = table.read_text("ascii").splitlines()
    return sum(inode in line and " FLOCK " in line and " READ " in line for line in lines)
