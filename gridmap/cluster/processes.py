"""The account the server runs as, and programs run as that account.

Belongs here: accounts, and running anything in an environment of our own. Does not belong here:
what PostgreSQL's programs are told, and what their failures mean (``clients``, ``server``).
"""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from typing import IO

from gridmap.errors import ClusterError

_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


def server_account() -> pwd.struct_passwd:
    """Return the account the server runs as: this one, or Debian's, as root is refused.

    Raises
    ------
    ClusterError
        It has no name on this machine.
    """
    try:
        return pwd.getpwuid(os.geteuid()) if os.geteuid() else pwd.getpwnam("postgres")
    except KeyError as exc:
        raise ClusterError(
            f"PostgreSQL needs a named account to run as, but {os.geteuid() or 'postgres'} is "
            "not in /etc/passwd; add it there"
        ) from exc


def account_name(uid: int) -> str:
    """Return the name of an account, its number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def run(
    command: Sequence[str],
    *,
    stdin: IO[bytes] | int = subprocess.DEVNULL,
    stdout: IO[bytes] | int = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
    pass_fds: Sequence[int] = (),
    pardon: int | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program as the server's account, in an environment of our own."""
    account = None if os.geteuid() else server_account()
    return subprocess.run(
        command,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        pass_fds=pass_fds,
        env=_ENVIRONMENT | ({"PG_GRANDPARENT_PID": str(pardon)} if pardon else {}),
        user=account and account.pw_uid,
        group=account and account.pw_gid,
        extra_groups=account and [],
        cwd="/",
        umask=0o077,
        check=False,
        encoding="utf-8",
        errors="replace",
    )
