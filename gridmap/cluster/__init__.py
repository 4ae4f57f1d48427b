"""The embedded PostGIS: find the programs, create, start, share, stop, back up, restore.

Belongs here: everything about the private PostgreSQL cluster in gridmap's data folder, and no
other one. Does not belong here: tables and statements on them (``store``), the environment
(``settings``).

A data folder holds ``data`` (PostgreSQL's own; only PostgreSQL writes there), ``log``,
``socket``, three generated configuration files, and four lock files. The locks are the truth
about who is alive, because the kernel drops them with their holders, however those die:

- ``start.lock``: held by whoever starts or stops the server;
- ``users.lock``: held, shared, by every program that uses the server;
- ``server.lock``: opened here, inherited and held by the server and all its children;
- ``restore.lock``: held by a restore.

``stay`` is there while the server must outlive its users.

Inside, each module imports only those before it: ``failures``, ``binaries``, ``processes``,
``locks``, ``place``, ``configuration``, ``clients``, ``database``, ``server``, ``users``,
``archives``.
"""

from gridmap.cluster.archives import backup, restore
from gridmap.cluster.binaries import OLDEST_POSTGIS, OLDEST_POSTGRESQL, Binaries, find_binaries
from gridmap.cluster.database import EXTENSIONS
from gridmap.cluster.place import APP_ROLE, DATABASE, READING_ROLES, ROLE, SUPERUSER
from gridmap.cluster.users import State, Status, running, start, status, stop

__all__ = [
    "APP_ROLE",
    "DATABASE",
    "EXTENSIONS",
    "OLDEST_POSTGIS",
    "OLDEST_POSTGRESQL",
    "READING_ROLES",
    "ROLE",
    "SUPERUSER",
    "Binaries",
    "State",
    "Status",
    "backup",
    "find_binaries",
    "restore",
    "running",
    "start",
    "status",
    "stop",
]
