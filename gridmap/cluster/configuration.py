"""The three files that tell the server what to be: settings, who may connect, and as whom.

Belongs here: what they say, and writing them. Does not belong here: gridmap's own settings
(``gridmap.settings``).
"""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path

from gridmap.cluster.place import APP_ROLE, PORT, READING_ROLES, ROLE, SUPERUSER, Place
from gridmap.cluster.processes import server_account

_OUR_RULES = """\
# Written by gridmap at every start. Who may connect: see pg_ident.conf beside this file.
local all gridmap,gridmap_app peer map=gridmap
local all gridmap_whole,gridmap_scoped peer map=gridmap
local all gridmap_whole_cameras,gridmap_scoped_cameras peer map=gridmap
local all postgres peer map=gridmap
"""
# reliability.md 6. Own changes belong into ALTER SYSTEM, which is read last.
_OUR_SETTINGS = """\
# Written by gridmap at every start; use ALTER SYSTEM for changes of your own.
include 'data/postgresql.conf'
cluster_name = 'gridmap'
listen_addresses = ''
port = {port}
unix_socket_directories = {socket}
hba_file = {hba}
ident_file = {ident}
max_connections = 40
shared_buffers = {buffers_mb}MB
effective_cache_size = {cache_mb}MB
work_mem = 32MB
maintenance_work_mem = 256MB
max_wal_size = 4GB
wal_compression = on
random_page_cost = 1.1
jit = off
fsync = on
full_page_writes = on
synchronous_commit = on
dynamic_shared_memory_type = {shared_memory}
client_connection_check_interval = 5s
lc_messages = 'C.UTF-8'
log_min_duration_statement = 1s
log_line_prefix = '%m [%p] %u@%d %a '
logging_collector = on
log_directory = {log}
# One file a weekday, emptied when the day comes round again: the log cannot grow for ever.
log_filename = 'server-%a.log'
log_rotation_age = 1d
log_rotation_size = 0
log_truncate_on_rotation = on
"""


def write_settings(place: Place) -> None:
    """Write the three files, which the server reads when it starts."""
    hba, ident = place.root / "pg_hba.conf", place.root / "pg_ident.conf"
    memory_mb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    settings = _OUR_SETTINGS.format(
        port=PORT,
        socket=_quoted(f'"{place.socket}"'),
        hba=_quoted(str(hba)),
        ident=_quoted(str(ident)),
        log=_quoted(str(place.log)),
        # A district fits into 512 MB; more would be taken from the programs beside.
        buffers_mb=min(memory_mb // 4, 512),
        cache_mb=memory_mb // 2,
        shared_memory=_shared_memory(),
    )
    roles = (ROLE, APP_ROLE, *READING_ROLES, SUPERUSER)
    names = {pwd.getpwuid(0).pw_name, server_account().pw_name}
    lines = [f'gridmap "{n}" {role}\n' for n in sorted(names) for role in roles]
    _write(hba, _OUR_RULES)
    _write(ident, "# Written by gridmap at every start.\n" + "".join(lines))
    _write(place.root / "gridmap.conf", settings)


def _quoted(value: str) -> str:
    """Return a value as postgresql.conf wants it."""
    escaped = value.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n")
    return f"'{escaped}'"


def _shared_memory() -> str:
    """Avoid the 64 MB /dev/shm of containers, which parallel queries overrun."""
    folder = Path("/dev/shm")
    roomy = folder.is_dir() and shutil.disk_usage(folder).total > 10**9
    return "posix" if roomy else "mmap"


def _write(path: Path, text: str) -> None:
    """Write a small file that the server's account reads, whole or not at all."""
    if path.exists() and path.read_text("utf-8", "surrogateescape") == text:
        return
    part = path.with_suffix(".part")
    part.write_text(text, "utf-8", "surrogateescape")
    part.chmod(0o644)
    part.replace(path)
