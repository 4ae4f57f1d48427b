"""Which PostgreSQL to run: what is installed, what is new enough, how to install it.

Belongs here: looking at the machine's installations. Does not belong here: which version a data
folder needs (``place``), running the programs (``processes``, ``clients``).
"""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from pathlib import Path

from gridmap.errors import ClusterError

OLDEST_POSTGRESQL = 15
OLDEST_POSTGIS = (3, 3)
_PREFIX = Path("/usr")  # where Debian's PostgreSQL hangs
# PostgreSQL version of the distributions whose own is new enough.
_DISTRIBUTION = {
    ("debian", "12"): 15,
    ("debian", "13"): 17,
    ("ubuntu", "24.04"): 16,
    ("ubuntu", "25.04"): 17,
}
_TOO_OLD = {("debian", "11"), ("ubuntu", "22.04")}


@dataclass(frozen=True)
class Binaries:
    """One installed PostgreSQL that has PostGIS."""

    folder: Path
    major: int
    postgis: str

    def program(self, name: str) -> str:
        """Return the path of one of its programs."""
        return str(self.folder / name)


def find_binaries(major: int | None = None) -> Binaries:
    """Return the PostgreSQL to run.

    Parameters
    ----------
    major
        The version that is needed; None takes the newest.

    Returns
    -------
    Binaries
        Of version 15 or later, with PostGIS 3.3 or later.

    Raises
    ------
    ClusterError
        There is none; the text says how to install it.

    Notes
    -----
    Looks where Debian, Ubuntu and the PostgreSQL project's packages for them install.
    """
    found = {b.major: b for b in installed() if new_enough(b)}
    if major is None and found:
        return found[max(found)]
    if major in found:
        return found[major]
    wanted = f"{major or OLDEST_POSTGRESQL}{'' if major else ' or later'}"
    raise ClusterError(
        f"PostgreSQL {wanted} with PostGIS is not installed; as root, run: {install_command(major)}"
    )


def installed() -> list[Binaries]:
    """Return every PostgreSQL under the prefix; ``postgis`` is empty where it is missing."""
    found = []
    for folder in (_PREFIX / "lib/postgresql").glob("*/bin"):
        name = folder.parent.name
        if name.isdecimal() and (folder / "postgres").exists():
            found.append(Binaries(folder, int(name), _postgis_version(name)))
    return found


def _postgis_version(major: str) -> str:
    control = _PREFIX / "share/postgresql" / major / "extension/postgis.control"
    text = control.read_text("utf-8") if control.exists() else ""
    version = re.search(r"default_version = '([\d.]+)", text)
    return version[1] if version else ""


def new_enough(binaries: Binaries) -> bool:
    """Say whether gridmap can work with an installation."""
    postgis = tuple(int(part) for part in binaries.postgis.split(".")[:2] if part)
    return binaries.major >= OLDEST_POSTGRESQL and postgis >= OLDEST_POSTGIS


def install_command(major: int | None) -> str:
    """Return the command that installs what is missing on this distribution."""
    release = _distribution()
    here = [b.major for b in installed() if b.major >= OLDEST_POSTGRESQL]
    version = major or max(here, default=_DISTRIBUTION.get(release))
    if version and (version in here or version == _DISTRIBUTION.get(release)):
        return f"apt-get install -y postgresql-{version} postgresql-{version}-postgis-3"
    if version or release in _TOO_OLD:
        version = version or 17
        return (
            "apt-get install -y postgresql-common && "
            "/usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y && "
            f"apt-get install -y postgresql-{version} postgresql-{version}-postgis-3"
        )
    return "apt-get install -y postgresql postgis postgresql-postgis"


def _distribution() -> tuple[str, str]:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return "", ""
    return release.get("ID", ""), release.get("VERSION_ID", "")
