"""Whether this installation can be relied on: versions, guards, trail, clock, disk, scripts.

Belongs here: looking, and judging what was found. Does not belong here: words for it (``cli``),
mending anything.
"""

from __future__ import annotations

import datetime as dt
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gridmap import audit, cluster, credentials, maps, store
from gridmap.errors import SchemaOutOfDate

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection, Engine

FREE_GB = 2.0
"""Disk that should be free: a district's store, a backup of it, and a write under way."""

CLOCK_S = 5.0
"""How far the two clocks may be apart: times of events come from the server's."""


TOLD = {
    "version": "version {version}, at least {oldest}",
    "missing": "missing: {names}",
    "there": "all there: {names}",
    "other_schema": "another version's: run gridmap db migrate",
    "our_schema": "this program's",
    "no_role": "there is no role gridmap_app to work as: only triggers guard the past",
    "owns": "gridmap_app owns {count} tables",
    "open": "can be changed: {names}",
    "guarded": "the past, snapshots and the trail can only grow",
    "broken": "{breaks} of {events} events do not fit",
    "whole": "{events} events, whole",
    "kept_apart": "policies, grants and roles keep scopes apart",
    "not_apart": "scopes are not kept apart: {names}",
    "marked": "places are searched by index within a scope; statistics are hidden",
    "slower": "geometry_overlaps is not marked leakproof: searches within a scope are slower",
    "telling": "functions of PostGIS tell of the extent of rows outside a scope",
    "secret_open": "others of this machine can read {file}: chmod 600",
    "secret_made": "a file that only this account reads",
    "secret_none": "made when the server first starts",
    "apart": "{seconds} s from the server's",
    "free": "{free} GB free",
    "installed": "installed",
}
"""What is said of a finding, as message ids."""

NAMES = (
    *("postgresql", "postgis", "extensions", "schema", "application role", "guards"),
    *("scopes", "marks", "trail", "clock", "disk", "secret", "scripts"),
)
"""What is looked at, in this order."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    ``state`` is ``ok``, ``warning`` or ``error``; ``message`` is an English message id whose parts
    in braces are filled from ``values``.
    """

    name: str
    state: str
    message: str
    values: dict[str, Any] = field(default_factory=dict)


def examine(engine: Engine, data_dir: Path | None) -> list[Finding]:
    """Look at everything that a service relies on; nothing is changed.

    Parameters
    ----------
    engine
        The store.
    data_dir
        Where the embedded database is; None for another one.

    Returns
    -------
    list of Finding
        In a fixed order, the good ones too.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine, snapshot=True) as conn:
        server = store.read_server(conn)
        found = [*_versions(server), _schema(conn), _role(server), _guards(conn)]
        found += [_scopes(conn), _marks(conn), _trail(conn), _clock(server["now"])]
    if data_dir is not None:
        found += [_disk(data_dir), _secret(data_dir)]
    return [*found, _scripts()]


def _judged(name: str, bad: str | None, message: str, **values: Any) -> Finding:
    return Finding(name, bad or "ok", message, values)


def _versions(server: dict[str, Any]) -> list[Finding]:
    postgis = tuple(int(part) for part in (server["postgis"] or "0.0").split(".")[:2])
    lacking = [name for name in cluster.EXTENSIONS if name not in server["extensions"]]
    major = server["postgresql"] // 10_000
    return [
        _judged(
            "postgresql",
            "error" if major < cluster.OLDEST_POSTGRESQL else None,
            TOLD["version"],
            version=f"{major}.{server['postgresql'] % 10_000}",
            oldest=cluster.OLDEST_POSTGRESQL,
        ),
        _judged(
            "postgis",
            "error" if postgis < cluster.OLDEST_POSTGIS else None,
            TOLD["version"],
            version=server["postgis"] or "-",
            oldest=".".join(map(str, cluster.OLDEST_POSTGIS)),
        ),
        _judged(
            "extensions",
            "error" if lacking else None,
            TOLD["missing"] if lacking else TOLD["there"],
            names=", ".join(lacking or cluster.EXTENSIONS),
        ),
    ]


def _schema(conn: Connection) -> Finding:
    try:
        store.require_schema(conn)
    except SchemaOutOfDate:
        return Finding("schema", "error", TOLD["other_schema"])
    return Finding("schema", "ok", TOLD["our_schema"])


def _role(server: dict[str, Any]) -> Finding:
    if not (server["app_role"] and server["app_member"]):
        text = TOLD["no_role"]
        return Finding("application role", "warning", text)
    owns = server["app_owns"]
    bad = "error" if owns else None
    return _judged("application role", bad, TOLD["owns"], count=owns)


def _guards(conn: Connection) -> Finding:
    open_ones = store.read_unguarded(conn)
    if open_ones:
        names = ", ".join(open_ones)
        return Finding("guards", "error", TOLD["open"], {"names": names})
    return Finding("guards", "ok", TOLD["guarded"])


def _scopes(conn: Connection) -> Finding:
    """Look for whatever would show an account what is outside its scope."""
    faults = store.read_faults(conn)
    if faults:
        return Finding("scopes", "error", TOLD["not_apart"], {"names": "; ".join(faults)})
    return Finding("scopes", "ok", TOLD["kept_apart"])


def _marks(conn: Connection) -> Finding:
    """Look for what only a superuser of the database can set."""
    marks = store.read_marks(conn)
    if not marks["overlaps"]:
        return Finding("marks", "warning", TOLD["slower"])
    if not marks["statistics"]:
        return Finding("marks", "warning", TOLD["telling"])
    return Finding("marks", "ok", TOLD["marked"])


def _trail(conn: Connection) -> Finding:
    found = audit.chain(store.read_chain(conn))
    bad = "error" if found.breaks else None
    text = TOLD["broken"] if bad else TOLD["whole"]
    return _judged("trail", bad, text, events=found.events, breaks=len(found.breaks))


def _clock(now: dt.datetime) -> Finding:
    apart = abs((dt.datetime.now(dt.UTC) - now).total_seconds())
    bad = "warning" if apart > CLOCK_S else None
    return _judged("clock", bad, TOLD["apart"], seconds=f"{apart:.1f}")


def _disk(data_dir: Path) -> Finding:
    free = shutil.disk_usage(data_dir).free / 1e9
    bad = "warning" if free < FREE_GB else None
    return _judged("disk", bad, TOLD["free"], free=f"{free:.1f}")


def _secret(data_dir: Path) -> Finding:
    """Look at the file that cookies are signed with, where no setting has the secret."""
    file = credentials.secret_file(data_dir)
    if not file.exists():
        return Finding("secret", "ok", TOLD["secret_none"])
    if file.stat().st_mode & 0o077:
        return Finding("secret", "error", TOLD["secret_open"], {"file": str(file)})
    return Finding("secret", "ok", TOLD["secret_made"])


def _scripts() -> Finding:
    lacking = maps.missing_assets()
    if lacking:
        names = ", ".join(lacking)
        return Finding("scripts", "error", TOLD["missing"], {"names": names})
    return Finding("scripts", "ok", TOLD["installed"])
