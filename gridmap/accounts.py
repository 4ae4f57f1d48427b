"""The rules of accounts: names, passwords, lock-outs, how long a session or a link lasts.

Belongs here: what follows from what is given, the time among it. Does not belong here: hashes and
random tokens (``credentials``), rows (``store``), what a role may (``model``).
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from typing import TYPE_CHECKING

from gridmap.errors import InputError, OutsideScope, PasswordWeak
from gridmap.model import Role

if TYPE_CHECKING:
    from collections.abc import Iterable

ROLE_NAMES = {
    Role.ADMIN: "Administrator",
    Role.PLANNER: "Planner",
    Role.LEADERSHIP: "District leadership",
    Role.OFFICER: "Street or community officer",
    Role.LEADER: "Grid leader",
    Role.INTEGRATION: "Integration",
}
"""A role -> what pages and the terminal call it."""

NAME_LENGTH = 64
_NAME = re.compile(r"[^\W_](?:[\w.-]*[^\W_])?")

PASSWORD_LENGTH = 10
"""Source: own choice, above the 8 of NIST SP 800-63B for a password that is the only factor."""

PASSWORD_LONGEST = 200
"""What is hashed is bounded: hashing costs memory and time."""

FAILURES = 5
LOCKED_FOR = dt.timedelta(minutes=15)
IDLE = dt.timedelta(hours=8)
LASTS = dt.timedelta(days=7)
LINK_LASTS = dt.timedelta(minutes=15)
DEMO_LINK_LASTS = dt.timedelta(days=1)
TOKEN_DAYS = 366
"""The most days a token may last."""

SEEN_EVERY = dt.timedelta(minutes=5)
"""How often it is written that a session or a token is in use; one may end that much early."""

_COMMON = frozenset(
    """
    0123456789 1234567890 12345678910 0987654321 1q2w3e4r5t 1qaz2wsx3edc qwertyuiop
    qwerty12345 qwerty123456 password12 password123 password1234 password12345
    passw0rd123 p@ssw0rd123 admin12345 admin123456 administrator root123456
    welcome123 welcome1234 letmein123 iloveyou123 abc1234567 abc123456789 abcd123456
    abcdefghij a123456789 aa123456789 woaini1314 woaini1314520 5201314520 1314520520
    qq123456789 zxcvbnm123 asdfghjkl123 changeme123 gridmap123 gridmap1234
    wangge12345 test123456 user123456
    """.split()  # noqa: SIM905  forty words are read better so
)
"""Own choice from the usual lists: those that are long enough to pass otherwise."""


def account_name(text: str) -> str:
    """Return the name under which an account is kept.

    Parameters
    ----------
    text
        As somebody typed it.

    Returns
    -------
    str
        In one form whatever the keyboard: full-width letters narrow, large ones small.

    Raises
    ------
    InputError
        It is empty, longer than `NAME_LENGTH`, or has other characters than letters, digits and
        ``. _ -`` between them.

    Examples
    --------
    >>> account_name("Ｇrid-001 ")
    'grid-001'
    >>> account_name("长江村网格长")
    '长江村网格长'
    """
    name = unicodedata.normalize("NFKC", text[: 4 * NAME_LENGTH]).casefold().strip()
    if len(name) > NAME_LENGTH or not _NAME.fullmatch(name):
        raise InputError(
            f"an account's name has 1 to {NAME_LENGTH} letters and digits, and . _ - between them"
        )
    return name


def password_form(text: str) -> str:
    """Return a password in the one form in which it is hashed.

    Parameters
    ----------
    text
        As somebody typed it.

    Returns
    -------
    str
        NFKC (NIST SP 800-63B): the same whatever the keyboard made of it.
    """
    return unicodedata.normalize("NFKC", text)


def check_password(text: str, name: str) -> str:
    """Return a new password in the form in which it is hashed, if it may be taken.

    Parameters
    ----------
    text
        As somebody typed it.
    name
        The account's.

    Returns
    -------
    str
        See `password_form`.

    Raises
    ------
    PasswordWeak
        It is shorter than `PASSWORD_LENGTH` or longer than `PASSWORD_LONGEST`, has the account's
        name in it and little else, or is one that everybody tries.

    Notes
    -----
    Rule: length counts, not kinds of characters. Source: NIST SP 800-63B 5.1.1.2; the list is our
    own choice, and so is that fewer than five different characters are common.

    Examples
    --------
    >>> check_password("plum tree by the gate", "li")
    'plum tree by the gate'
    """
    if len(text) > PASSWORD_LONGEST:
        raise PasswordWeak(f"a password has at most {PASSWORD_LONGEST} characters", "long")
    form = password_form(text)
    if len(form) < PASSWORD_LENGTH:
        raise PasswordWeak(f"a password has {PASSWORD_LENGTH} characters or more", "short")
    plain = form.casefold()
    if len(plain.replace(name, "")) < PASSWORD_LENGTH / 2:
        raise PasswordWeak("the password is the name of the account", "name")
    if plain in _COMMON or len(set(plain)) < PASSWORD_LENGTH / 2:
        raise PasswordWeak("the password is one that everybody tries", "common")
    return form


def is_locked(locked_until: dt.datetime | None, now: dt.datetime) -> bool:
    """Tell whether an account is locked.

    Parameters
    ----------
    locked_until
        As stored; None for never.
    now
        The time.

    Returns
    -------
    bool
        Until that moment, not at it.
    """
    return locked_until is not None and now < locked_until


def after_failure(
    failed_count: int, locked_until: dt.datetime | None, now: dt.datetime
) -> tuple[int, dt.datetime | None]:
    """Return failures and lock of an account after one more failure.

    Parameters
    ----------
    failed_count, locked_until
        As stored.
    now
        The time.

    Returns
    -------
    tuple
        What is to be stored.

    Notes
    -----
    Rule: the fifth failure in a row locks for a quarter of an hour; failures while it is locked
    change nothing, so that nobody can hold it locked without trying again; after that counting
    starts anew. Source: own choice, after OWASP ASVS 2.2.1.

    Examples
    --------
    >>> now = dt.datetime(2026, 11, 28, 12, 0)
    >>> after_failure(4, None, now)
    (5, datetime.datetime(2026, 11, 28, 12, 15))
    """
    if is_locked(locked_until, now):
        return failed_count, locked_until
    count = 1 if locked_until is not None else failed_count + 1
    return count, now + LOCKED_FOR if count >= FAILURES else None


def is_live(last_seen: dt.datetime, expires_at: dt.datetime, now: dt.datetime) -> bool:
    """Tell whether a session still lasts.

    Parameters
    ----------
    last_seen, expires_at
        As stored.
    now
        The time.

    Returns
    -------
    bool
        Not after `LASTS` of its beginning, nor after `IDLE` without a request.
    """
    return now < min(expires_at, last_seen + IDLE)


def common_ranges(ranges: Iterable[str], outer: Iterable[str]) -> tuple[str, ...]:
    """Return what two sets of ranges have in common.

    Parameters
    ----------
    ranges, outer
        Codes, each with all below it; an empty one is the whole.

    Returns
    -------
    tuple of str
        Ascending; the longer code of each pair of which one begins the other.

    Notes
    -----
    Cost O(n m). A token keeps to this when its account is given less than it had.

    Examples
    --------
    >>> common_ranges(("500108",), ("500108001", "500108003"))
    ('500108001', '500108003')
    >>> common_ranges(("500108001",), ("500108002",))
    ()
    """
    others = list(outer)
    return tuple(
        sorted(
            {
                max(one, other, key=len)
                for one in ranges
                for other in others
                if one.startswith(other) or other.startswith(one)
            }
        )
    )


def require_within(ranges: Iterable[str], outer: Iterable[str]) -> None:
    """Refuse ranges that reach out of others.

    Parameters
    ----------
    ranges
        Of a token.
    outer
        Of its account.

    Raises
    ------
    OutsideScope
        A range does not begin with one of the account's.
    """
    others = tuple(outer)
    beyond = [one for one in ranges if not one.startswith(others)]
    if beyond:
        raise OutsideScope(
            f"{', '.join(one or 'the whole' for one in beyond)}: not in what the account may see"
        )
