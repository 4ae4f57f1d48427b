"""What a failure of the system or of PostgreSQL means, in words that say what to do.

Belongs here: the two tables from foreign complaints to plain words. Does not belong here: the
checks that find a fault before it makes something fail; they stand where the rule stands.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gridmap.errors import ClusterError

_FULL_BYTES = 1_000_000
# What a failure of PostgreSQL's programs means, by a piece of their (English) text.
_MEANINGS = (
    ("No space left on device", "the disk is full; free some space and try again"),
    ("Disk quota exceeded", "the disk quota is used up; free some space and try again"),
    ("Read-only file system", "the disk is read-only; make it writable and try again"),
    ("Permission denied", "a file of the data folder is closed to the server's account"),
    ("pre-existing shared memory", "another server works on the data folder; stop that one"),
    ('.pid" already exists', "another server works on the data folder; stop that one"),
    ("Cannot allocate memory", "there is too little memory"),
    ("incompatible with server", "the data folder belongs to another PostgreSQL version"),
    ("checkpoint record", "the data is damaged; move the folder away and restore a backup"),
    ("Input/output error", "the disk fails; replace it and restore a backup"),
)
_OS_MEANINGS = {
    errno.ENOSPC: "the disk is full; free some space and try again",
    errno.EDQUOT: "the disk quota is used up; free some space and try again",
    errno.EROFS: "the disk is read-only; make it writable or choose another data folder",
    errno.EACCES: "it is closed to this account; open it or choose another data folder",
    errno.EPERM: "it is closed to this account; open it or choose another data folder",
    errno.ENOTDIR: "a part of the path is not a folder; choose another path",
    errno.ENOENT: "a part of it is missing",
    errno.ENAMETOOLONG: "the path is too long; choose a shorter one",
    errno.ELOOP: "a symbolic link stands in the way; remove it",
}


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn errors of the operating system into words that say what to do.

    Raises
    ------
    ClusterError
        An OSError came from inside.
    """
    try:
        yield
    except OSError as exc:
        number = exc.errno or 0
        reason = _OS_MEANINGS.get(number, f"the system says {errno.errorcode.get(number, '?')}")
        raise ClusterError(f"{exc.filename or path} cannot be used: {reason}") from exc


def meaning_of(text: str, disk: Path) -> str:
    """Say in plain words what a program complained about; empty if that is not known."""
    for part, meaning in _MEANINGS:
        if part in text:
            return meaning
    # On a full disk the complaint itself may not have found room.
    full = shutil.disk_usage(disk).free < _FULL_BYTES
    return _OS_MEANINGS[errno.ENOSPC] if full else ""
