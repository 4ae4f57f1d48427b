"""The server: does it live, create and launch it, stop it.

Belongs here: everything that begins, watches or ends its processes. Does not belong here: when
that is due, which depends on who uses it (``users``).
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from gridmap.cluster.binaries import Binaries
from gridmap.cluster.clients import run_tool, session
from gridmap.cluster.configuration import write_settings
from gridmap.cluster.database import complete
from gridmap.cluster.failures import explained, meaning_of
from gridmap.cluster.locks import PATIENCE_S, POLL_S, RECOVERY_S, opened, try_lock, wait_until
from gridmap.cluster.place import SUPERUSER, Place, make_folder, require_room, sync
from gridmap.cluster.processes import run, server_account
from gridmap.errors import ClusterError

# After this a fast stop becomes an immediate one, which loses nothing: a single ST_MakeValid
# does not hear a fast stop for minutes (reliability.md 0.5).
_STOP_S = 30.0
_LAUNCHES = 3


def server_lives(place: Place) -> bool:
    """Say whether any process of the server lives, be it a child that outlived its parent."""
    path = place.lock("server")
    if not path.exists():
        return False
    with opened(path, os.O_RDONLY) as handle:
        return not try_lock(handle, fcntl.LOCK_SH)


def postmaster(place: Place) -> tuple[int, bool] | None:
    """Return the number of the server's first process and whether it is ready, if it lives."""
    pid = _recorded_pid(place)
    if pid is None or not server_lives(place):
        return None
    with suppress(FileNotFoundError, ProcessLookupError):
        name, _, rest = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")
        if name.endswith("(postgres") and rest.split()[0] not in "ZX":
            lines = (place.data / "postmaster.pid").read_text("utf-8", "replace").splitlines()
            return pid, [line.strip() for line in lines[7:8]] == ["ready"]
    return None


def crashed(place: Place) -> bool:
    """Say whether the server ended without being told to: it left its record behind."""
    return not server_lives(place) and (place.data / "postmaster.pid").exists()


def _recorded_pid(place: Place) -> int | None:
    """Return the process number in postmaster.pid, which a crash leaves behind."""
    try:
        first = (place.data / "postmaster.pid").read_text("utf-8", "replace").partition("\n")[0]
    except FileNotFoundError:
        return None
    return int(first) if first.isdecimal() else None


def bring_up(place: Place, binaries: Binaries) -> None:
    """See that the server runs and the database is there; the caller holds ``start.lock``.

    Raises
    ------
    ClusterError
        It does not start, or neither runs nor ends; the text says what to do.
    """
    since, launches, marks = time.monotonic(), 0, _log_sizes(place)
    while not _answers(place):
        with opened(place.lock("server")) as lock:
            if try_lock(lock, fcntl.LOCK_EX):
                if launches:
                    _require_silence(place, marks, last=launches == _LAUNCHES)
                _launch(place, binaries, lock)
                since, launches = time.monotonic(), launches + 1
            elif time.monotonic() - since > _patience_s(place):
                raise ClusterError(
                    "the database neither runs nor ends; end the processes of the account "
                    f"{server_account().pw_name} that work on {place.data}, or wait "
                    f"(log: {place.log})"
                )
        time.sleep(POLL_S)
    complete(place)


def _answers(place: Place) -> bool:
    try:
        with session(place):
            return True
    except ClusterError:
        return False


def _patience_s(place: Place) -> float:
    found = postmaster(place)
    return RECOVERY_S if found and not found[1] else PATIENCE_S


def _launch(place: Place, binaries: Binaries, lock: int) -> None:
    """Start the server, which inherits the held lock; create the cluster before if need be."""
    with explained(place.root):
        if place.version() is None:
            _initialise(place, binaries, lock)
        make_folder(place.log)
        make_folder(place.socket)
        write_settings(place)
        command = [binaries.program("postgres"), "-D", str(place.data)]
        command += ["-c", f"config_file={place.root / 'gridmap.conf'}"]
        with place.start_log.open("wb") as log:
            # setsid --fork: no child of ours, so it neither ends with us nor stays a zombie.
            #
            # Pardon: the lock has just shown that the process recorded in a postmaster.pid is
            # gone, but its number may be another's after a reboot, or a zombie's until that is
            # reaped, and PostgreSQL would refuse to start. This is its own means against that;
            # its second guard, shared memory in use, stays.
            run(
                ["setsid", "--fork", *command],
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[lock],
                pardon=_recorded_pid(place),
            )


def _initialise(place: Place, binaries: Binaries, lock: int) -> None:
    """Create the cluster beside its place and move it there: a killed one leaves no half."""
    require_room(place)
    for leftover in place.root.glob("initdb-*"):
        shutil.rmtree(leftover)
    fresh = Path(tempfile.mkdtemp(prefix="initdb-", dir=place.root))
    try:
        make_folder(fresh)
        command = [binaries.program("initdb"), "-D", str(fresh), "-U", SUPERUSER, "-k"]
        command += ["-E", "UTF8", "--locale=C.UTF-8", "--auth=peer"]
        # An initdb that outlives us holds the lock until it has ended.
        run_tool(place, "create the database", command, pass_fds=[lock])
        fresh.rename(place.data)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    sync(place.root)


def _log_sizes(place: Place) -> dict[Path, int]:
    return {path: path.stat().st_size for path in place.log.glob("server-*.log")}


def _require_silence(place: Place, marks: dict[Path, int], *, last: bool) -> None:
    """Raise with what the server said before it ended; one that was killed said nothing."""
    text = place.start_log.read_text("utf-8", "replace")
    for path in sorted(place.log.glob("server-*.log")):
        text += path.read_bytes()[marks.get(path, 0) :].decode("utf-8", "replace")
    lines = re.findall(r"(?:FATAL|PANIC): .*", text)
    # Those answered somebody who connected too early.
    words = [line for line in lines if "the database system is" not in line][-1:]
    meaning = meaning_of("".join(words) + text, place.root)
    if words or meaning or last:
        quoted = f"; its last words: {words[0]}" if words else ""
        raise ClusterError(
            f"the database could not start: {meaning or 'see the logs'} "
            f"({place.start_log}, {place.log}{quoted})"
        )


def stop_server(place: Place) -> None:
    """Stop the server, first with a checkpoint, then at once; the caller holds ``start.lock``.

    Raises
    ------
    ClusterError
        It does not stop.
    """
    for kind, patience_s in ((signal.SIGINT, _STOP_S), (signal.SIGQUIT, PATIENCE_S)):
        found = postmaster(place)
        if found:
            with suppress(ProcessLookupError):
                os.kill(found[0], kind)
        if wait_until(lambda: not server_lives(place), patience_s):
            with suppress(OSError):
                place.socket.rmdir()
            return
    raise ClusterError(f"the database in {place.data} does not stop (log: {place.log})")
