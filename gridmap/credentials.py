"""What lets somebody in: hashes of passwords, random tokens, the secret that signs cookies.

Belongs here: making and checking them. Does not belong here: which are good enough (``accounts``),
where they are kept (``store``).
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from contextlib import suppress
from functools import cache
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from gridmap.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

SECRET_LENGTH = 32
TOKEN = "gm_"
"""How a program's token begins, so that one that was left somewhere is found."""

_PART = r"[A-Za-z0-9_-]{43}"
_RANDOM = re.compile(_PART)
_TOKEN = re.compile(TOKEN + _PART)

# RFC 9106, 4, the second recommended set: 64 MiB each, so that no more than two at once are hashed.
_HASHER = PasswordHash((Argon2Hasher(time_cost=3, memory_cost=65536, parallelism=4),))
_AT_ONCE = BoundedSemaphore(2)


def hash_password(password: str) -> str:
    """Return the hash of a password.

    Parameters
    ----------
    password
        In the form of `accounts.password_form`.

    Returns
    -------
    str
        Argon2id with its parameters and its salt.

    Notes
    -----
    Cost: 64 MiB and 0.1 s; two at once, others wait.
    """
    with _AT_ONCE:
        return _HASHER.hash(password)


def verify_password(password: str, hashed: str | None) -> tuple[bool, str | None]:
    """Tell whether a password has a hash.

    Parameters
    ----------
    password
        In the form of `accounts.password_form`.
    hashed
        From `hash_password`; None where there is no account or it has no password: then a hash is
        computed all the same, so that nobody learns it from the time.

    Returns
    -------
    tuple
        Whether it has; a new hash where the parameters have changed since.
    """
    with _AT_ONCE:
        nobody = _nobody()
        try:
            good, renewed = _HASHER.verify_and_update(password, hashed or nobody)
        except UnknownHashError:
            return False, None
    return (good, renewed) if hashed else (False, None)


@cache
def _nobody() -> str:
    """Return the hash of a password that nobody has."""
    return _HASHER.hash(secrets.token_urlsafe(32))


def new_token(prefix: str = "") -> str:
    """Return a random token of 256 bits.

    Parameters
    ----------
    prefix
        What it begins with.

    Returns
    -------
    str
        Letters, digits, ``-`` and ``_``.
    """
    return prefix + secrets.token_urlsafe(32)


def is_token(text: str, prefix: str = "") -> bool:
    """Tell whether a text can be one of `new_token`.

    Parameters
    ----------
    text
        Whatever was sent.
    prefix
        Empty or `TOKEN`.

    Returns
    -------
    bool
        By its form only.
    """
    return bool((_TOKEN if prefix else _RANDOM).fullmatch(text))


def token_hash(token: str) -> str:
    """Return under what a token is kept.

    Parameters
    ----------
    token
        From `new_token`.

    Returns
    -------
    str
        SHA-256, in hexadecimal: of 256 random bits it needs neither salt nor slowness.

    Examples
    --------
    >>> token_hash("x")[:8]
    '2d711642'
    """
    return hashlib.sha256(token.encode()).hexdigest()


def signing_secret(given: str | None, folder: Path) -> str:
    """Return what cookies are signed with: as set, or a file made once.

    Parameters
    ----------
    given
        The setting; None for the file.
    folder
        Where the file ``secret`` is or is made, readable by its owner only.

    Returns
    -------
    str
        At least `SECRET_LENGTH` characters.

    Raises
    ------
    InputError
        The file cannot be made or read, is readable by others, or too short.
    """
    if given:
        return given
    path = secret_file(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            _write_once(path)
        if path.stat().st_mode & 0o077:
            raise InputError(f"{path} can be read by others: chmod 600 it, or remove it")
        secret = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be used for the secret; set GRIDMAP_SECRET instead"
        ) from error
    if len(secret) < SECRET_LENGTH:
        raise InputError(f"{path} has no secret of {SECRET_LENGTH} characters; remove it")
    return secret


def secret_file(folder: Path) -> Path:
    """Return where the secret is that nobody has set.

    Parameters
    ----------
    folder
        The data folder.

    Returns
    -------
    Path
        It need not exist.
    """
    return folder / "secret"


def _write_once(path: Path) -> None:
    """Write a new secret whole under its name, unless another program was quicker."""
    draft = path.with_name(f"secret.{os.getpid()}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    try:
        draft.write_text(secrets.token_urlsafe(48), "ascii")
        os.link(draft, path)
    finally:
        draft.unlink()
