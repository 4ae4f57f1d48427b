"""The lock files: opening, holding and trying them, and how long to wait for what they guard.

Belongs here: how locks are taken. Does not belong here: what each lock means (the package's own
text), nor who takes it when (``server``, ``users``, ``archives``).
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gridmap.cluster.failures import explained
from gridmap.errors import ClusterError

# Processes of a killed server need some seconds to be reaped (reliability.md 6: 3-6 x 0.25 s).
PATIENCE_S = 15.0
# Recovery replays up to max_wal_size of log.
RECOVERY_S = 600.0
POLL_S = 0.02


@contextmanager
def opened(path: Path, flags: int = os.O_RDWR | os.O_CREAT) -> Iterator[int]:
    """Have a file or folder open while inside; a symbolic link is not followed."""
    with explained(path):
        handle = os.open(path, flags | os.O_NOFOLLOW, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold a lock, waiting as long as another program may rightly hold it.

    Raises
    ------
    ClusterError
        It was held longer, or the file cannot be opened.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    with opened(path) as handle:
        if not wait_until(lambda: try_lock(handle, kind), RECOVERY_S + PATIENCE_S):
            raise ClusterError(f"another gridmap program does not let go of {path}; end it")
        yield


def try_lock(handle: int, kind: int) -> bool:
    """Take a lock unless another holds it; say whether it was taken."""
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_until(condition: Callable[[], bool], patience_s: float) -> bool:
    """Wait for a condition; say whether it came."""
    end = time.monotonic() + patience_s
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(POLL_S)
    return met
