"""Backup and restore: the whole database into one file, and back.

Belongs here: writing, checking and loading the file. Does not belong here: changing one database
for another (``database``).
"""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from gridmap.cluster.binaries import Binaries
from gridmap.cluster.clients import client_command, run_tool, session
from gridmap.cluster.database import FRESH, clear, create_fresh, drop_fresh, swap
from gridmap.cluster.failures import explained
from gridmap.cluster.locks import opened, try_lock
from gridmap.cluster.place import DATABASE, ROLE, SUPERUSER, Place, find_place, prepared, sync
from gridmap.cluster.processes import run
from gridmap.cluster.users import used
from gridmap.errors import ClusterError, Conflict, InputError


def backup(data_dir: Path, target_file: Path, *, overwrite: bool = False) -> Path:
    """Write the whole database into one file.

    Parameters
    ----------
    data_dir
        The data folder.
    target_file
        The file; appears only when it is complete, checked and on disk. Readable by this
        account alone.
    overwrite
        Replace an existing file.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        The file exists, and ``overwrite`` is not set.
    ClusterError
        There is no database, or it or the disk failed.

    Notes
    -----
    PostgreSQL's custom archive format, written by pg_dump as superuser, so row-level security
    hides nothing. The check reads all of it.
    """
    target = Path(target_file).absolute()
    if target.exists() and not overwrite:
        raise InputError(f"{target} exists; choose another name or ask for overwriting")
    if find_place(data_dir).version() is None:
        raise ClusterError(f"there is no database in {data_dir} yet, so nothing to back up")
    place, binaries = prepared(data_dir)
    with used(place, binaries), explained(target):
        handle, name = tempfile.mkstemp(prefix=".gridmap-backup-", dir=target.parent)
        part = Path(name)
        try:
            with os.fdopen(handle, "w+b") as archive:
                _dump(place, binaries, archive, target.parent)
                os.fsync(archive.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        sync(target.parent.resolve())
    return target


def _dump(place: Place, binaries: Binaries, archive: IO[bytes], disk: Path) -> None:
    """Write the archive and read it again, all of it: pg_dump misses a disk just full."""
    dump = client_command(binaries, "pg_dump", place, DATABASE, SUPERUSER)
    run_tool(place, "write the backup", [*dump, "-Fc"], stdout=archive, disk=disk)
    archive.seek(0)
    check = [binaries.program("pg_restore"), "--file=/dev/null"]
    run_tool(place, "read the backup again", check, stdin=archive, disk=disk)


def restore(data_dir: Path, source_file: Path, *, force: bool = False) -> str:
    """Replace the database by a backup.

    Parameters
    ----------
    data_dir
        The data folder; created if missing.
    source_file
        A file of `backup`.
    force
        End the sessions that are open in the database.

    Returns
    -------
    str
        The name under which the database that was replaced is kept in the cluster.

    Raises
    ------
    InputError
        The file is missing or is no backup.
    Conflict
        Sessions are open in the database and ``force`` is not set, or another restore runs.
    ClusterError
        The backup is damaged, or the cluster or the disk failed.

    Notes
    -----
    After any error the database is as it was. The backup is loaded as the role gridmap, not as
    superuser: a forged one can do no more than gridmap itself.
    """
    source = Path(source_file).absolute()
    if not source.is_file():
        raise InputError(f"{source} is no file")
    place, binaries = prepared(data_dir)
    with explained(source), source.open("rb") as archive:
        entries = _entries(binaries, archive, source)
    with used(place, binaries), _single_restore(place), source.open("rb") as archive:
        clear(place, force=force)
        try:
            create_fresh(place)
            _load(place, binaries, archive, entries)
            return swap(place, force=force)
        finally:
            drop_fresh(place)


@contextmanager
def _single_restore(place: Place) -> Iterator[None]:
    with opened(place.lock("restore")) as handle:
        if not try_lock(handle, fcntl.LOCK_EX):
            raise Conflict("another restore is running; wait for its end")
        yield


def _entries(binaries: Binaries, archive: IO[bytes], source: Path) -> list[str]:
    """Return the lines of the archive's table of contents that the role may restore.

    The extensions, the reference systems of PostGIS and the grants on both are the superuser's and
    there already.
    """
    listed = run([binaries.program("pg_restore"), "--list"], stdin=archive)
    if listed.returncode:
        raise InputError(f"{source} is no backup that PostgreSQL {binaries.major} can read")
    foreign = re.compile(
        r"\d+; \d+ \d+ ((COMMENT - )?(EXTENSION |TABLE DATA \S+ spatial_ref_sys )"
        rf"|ACL .* {SUPERUSER}$)"
    )
    return [line for line in listed.stdout.splitlines() if not foreign.match(line)]


def _load(place: Place, binaries: Binaries, archive: IO[bytes], entries: list[str]) -> None:
    """Fill the fresh database and check that all tables came."""
    command = client_command(binaries, "pg_restore", place, FRESH, ROLE)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=place.root) as listing:
        listing.write("\n".join(entries))
        listing.flush()
        os.fchmod(listing.fileno(), 0o644)
        # Row-level security binds the role too: without the option, refreshing a view fails.
        command += ["--exit-on-error", "--no-owner", "--enable-row-security", "-L", listing.name]
        run_tool(place, "load the backup, which may be damaged", command, stdin=archive)
    tables = sum(bool(re.match(r"\d+; \d+ \d+ TABLE (?!DATA|ATTACH)", e)) for e in entries)
    with session(place, FRESH, ROLE) as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE tableowner = current_user")
        if cursor.fetchone() != (tables,):
            raise ClusterError("the backup is damaged: not all of its tables could be loaded")
        cursor.execute("ANALYZE")
