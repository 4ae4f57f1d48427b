"""PostgreSQL's programs run for one cluster, and sessions in it, with failures explained.

Belongs here: how they are run and connected. Does not belong here: what they are asked to do
(``database``, ``server``, ``archives``).
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import psycopg2

from gridmap.cluster.binaries import Binaries
from gridmap.cluster.failures import explained, meaning_of
from gridmap.cluster.place import PORT, SUPERUSER, Place
from gridmap.cluster.processes import run
from gridmap.errors import ClusterError


def run_tool(
    place: Place,
    what: str,
    command: Sequence[str],
    *,
    stdin: IO[bytes] | int = subprocess.DEVNULL,
    stdout: IO[bytes] | int = subprocess.PIPE,
    pass_fds: Sequence[int] = (),
    disk: Path | None = None,
) -> None:
    """Run one of PostgreSQL's programs; explain a failure.

    Raises
    ------
    ClusterError
        The program failed or could not be run; what it said is in ``tools.log``.
    """
    with explained(Path(command[0])):
        result = run(command, stdin=stdin, stdout=stdout, pass_fds=pass_fds)
    if result.returncode:
        log = place.root / "tools.log"
        with suppress(OSError):
            log.touch(0o600)  # it may quote rows
            log.write_text(result.stderr, "utf-8")
        meaning = meaning_of(result.stderr, disk or place.root) or "see the log"
        raise ClusterError(f"could not {what}: {meaning} (log: {log})")


@contextmanager
def session(place: Place, database: str = "postgres", role: str = SUPERUSER) -> Iterator[Any]:
    """Open a session that commits each statement; explain its errors.

    Raises
    ------
    ClusterError
        The server cannot be reached, or a statement failed.
    """
    try:
        with closing(
            psycopg2.connect(**place.connection(), dbname=database, user=role, connect_timeout=10)
        ) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor
    except psycopg2.Error as exc:
        meaning = meaning_of(str(exc), place.root) or "see the log and try again"
        raise ClusterError(f"the database failed: {meaning} (log: {place.log})") from exc


def client_command(
    binaries: Binaries, name: str, place: Place, database: str, role: str
) -> list[str]:
    """Return the command of a client program."""
    where = ["-h", str(place.socket), "-p", str(PORT), "-U", role, "-d", database]
    return [binaries.program(name), "--no-password", *where]
