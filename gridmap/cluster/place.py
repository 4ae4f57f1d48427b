"""Where the parts of one cluster lie, and whether the data folder can be used.

Belongs here: the paths, the address of the database, the version of the data, the checks of the
folder, making folders. Does not belong here: what is written into them (``configuration``,
``server``).
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from gridmap.cluster.binaries import (
    OLDEST_POSTGRESQL,
    Binaries,
    find_binaries,
    install_command,
    installed,
    new_enough,
)
from gridmap.cluster.failures import explained
from gridmap.cluster.locks import opened
from gridmap.cluster.processes import account_name, run, server_account
from gridmap.errors import ClusterError

DATABASE = "gridmap"
ROLE = "gridmap"
APP_ROLE = "gridmap_app"
"""What every transaction but a migration works as; the same name as in ``store``."""
READING_ROLES = {
    "gridmap_whole": None,
    "gridmap_scoped": None,
    "gridmap_whole_cameras": "gridmap_whole",
    "gridmap_scoped_cameras": "gridmap_scoped",
}
"""What a request reads as, and of which role each is one; the same names as in ``store``."""
SUPERUSER = "postgres"
PORT = 5432  # names the socket file only: the server listens on no network
# A new cluster takes 70 MB (reliability.md 6), and its first write-ahead log wants room.
_ROOM_BYTES = 200_000_000
# sockaddr_un holds 107 bytes of path.
_SOCKET_DIR_BYTES = 107 - len(f"/.s.PGSQL.{PORT}")


@dataclass(frozen=True)
class Place:
    """Where the parts of one cluster lie."""

    root: Path

    @property
    def data(self) -> Path:
        """PostgreSQL's own folder."""
        return self.root / "data"

    @property
    def log(self) -> Path:
        """The folder of the server's logs."""
        return self.root / "log"

    @property
    def start_log(self) -> Path:
        """What the server says before its own log is open."""
        return self.root / "start.log"

    @property
    def stay(self) -> Path:
        """There while the server must outlive its users."""
        return self.root / "stay"

    @property
    def socket(self) -> Path:
        """In the data folder where that is short and plain, else in a short runtime folder.

        A comma would end the name for libpq, and a name over 107 bytes is refused. The runtime
        folder of a login session is no choice: it goes away at logout, the server does not.
        """
        inside = self.root / "socket"
        plain = re.fullmatch(r"[\w/.-]+", str(inside), re.ASCII)
        if plain and len(os.fsencode(inside)) <= _SOCKET_DIR_BYTES:
            return inside
        key = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        user = os.geteuid()
        return Path(f"/tmp/gridmap-{user}-{key}" if user else f"/run/gridmap-{key}")

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the database."""
        options = urlencode(self.connection(), safe="/")
        return f"postgresql+psycopg2://{ROLE}@/{DATABASE}?{options}"

    def connection(self) -> dict[str, str]:
        """Return where to connect, for libpq.

        The port is named because PGPORT would change it; the peer because anybody may have
        made the socket in /tmp while no server ran.
        """
        peer = server_account().pw_name
        return {"host": str(self.socket), "port": str(PORT), "requirepeer": peer}

    def lock(self, name: str) -> Path:
        """Return the lock file of a name."""
        return self.root / f"{name}.lock"

    def version(self) -> str | None:
        """Return the major version of the data, None where there is none yet.

        Raises
        ------
        ClusterError
            There is something, but no complete cluster.
        """
        if not self.data.exists() or not any(self.data.iterdir()):
            return None
        stated = self.data / "PG_VERSION"
        version = stated.read_text("ascii", "replace").strip() if stated.exists() else ""
        if not version.isdecimal():
            raise ClusterError(
                f"{self.data} is no complete PostgreSQL data folder; nothing was changed. "
                "Move it away, then restore a backup"
            )
        return version


def find_place(data_dir: Path) -> Place:
    """Return the place of a data folder that is this account's, or is not there yet.

    Raises
    ------
    ClusterError
        It is another account's, cannot be read, or is PostgreSQL's own folder.
    """
    with explained(data_dir):
        root = Path(data_dir).resolve()
        owner = root.stat().st_uid if root.exists() else os.geteuid()
        if owner != os.geteuid():
            raise ClusterError(
                f"{root} belongs to the account {account_name(owner)}; run gridmap as that "
                "account or choose another data folder"
            )
        if (root / "PG_VERSION").exists():
            raise ClusterError(f"{root} is itself a PostgreSQL data folder; choose another one")
    return Place(root)


def prepared(data_dir: Path) -> tuple[Place, Binaries]:
    """Return the place, created and usable, and the programs for its version.

    Raises
    ------
    ClusterError
        The folder cannot be used, or there are no programs for its version.
    """
    place = find_place(data_dir)
    with explained(place.root):
        binaries = _binaries_for(place)
        if not place.root.exists():
            place.root.mkdir(parents=True, exist_ok=True)
            # Root's umask may be 077, but the server runs as another account.
            place.root.chmod(0o700 if os.geteuid() else 0o755)
        _require_reachable(place)
    return place, binaries


def _binaries_for(place: Place) -> Binaries:
    """Return the programs for the version of the data; touch nothing."""
    version = place.version()
    here = [str(b.major) for b in installed() if new_enough(b)]
    if version is None or version in here or not here:
        return find_binaries(int(version) if version else None)
    remedy = f"move {place.root} away and restore a backup into a new one"
    if int(version) >= OLDEST_POSTGRESQL:
        remedy = f"as root, run: {install_command(int(version))}; or {remedy}"
    raise ClusterError(
        f"{place.data} was made by PostgreSQL {version}, but installed is PostgreSQL "
        f"{', '.join(sorted(here))}; nothing was changed. What to do: {remedy}"
    )


def _require_reachable(place: Place) -> None:
    """Check that the account root drops to can reach the folder."""
    if os.geteuid() == 0 and run(["test", "-x", str(place.root)]).returncode:
        raise ClusterError(
            f"{place.root} cannot be reached by the account {server_account().pw_name}, which the "
            "database runs as; open it and the folders above (chmod a+x), or choose a data "
            "folder outside closed ones such as /root"
        )


def require_room(place: Place) -> None:
    """Check that a new cluster fits on the disk.

    Raises
    ------
    ClusterError
        It does not.
    """
    free = shutil.disk_usage(place.root).free
    if free < _ROOM_BYTES:
        raise ClusterError(
            f"the disk is full: a new database in {place.root} needs {_ROOM_BYTES // 10**6} MB, "
            f"{free // 10**6} MB are free; free some space or choose another data folder"
        )


def make_folder(folder: Path) -> None:
    """Make a folder for the server's account alone; refuse what another account put there.

    Raises
    ------
    ClusterError
        Another account has put one there, or it cannot be made.
    """
    account = server_account()
    with suppress(FileExistsError):
        folder.mkdir(0o700)
    with opened(folder, os.O_RDONLY | os.O_DIRECTORY) as handle:
        if os.fstat(handle).st_uid not in {os.geteuid(), account.pw_uid}:
            raise ClusterError(f"{folder} belongs to another account; as root, remove it")
        os.fchmod(handle, 0o700)
        if os.geteuid() == 0:
            os.fchown(handle, account.pw_uid, account.pw_gid)


def sync(path: Path) -> None:
    """Make what was renamed in a folder last."""
    with opened(path, os.O_RDONLY) as handle:
        os.fsync(handle)
