"""Who may do what, and where: roles, rights, and the codes that a scope spans.

Belongs here: the words and what follows from them. Does not belong here: passwords and sessions
(``accounts``), how the database keeps to it (``store``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from gridmap.errors import CodeError, OutsideScope


class Role(StrEnum):
    """What somebody is to the district; an account has one."""

    ADMIN = "admin"
    PLANNER = "planner"
    LEADERSHIP = "leadership"
    OFFICER = "officer"
    LEADER = "leader"
    INTEGRATION = "integration"


class Right(StrEnum):
    """What a role may do beyond reading figures of units.

    ``rows``: see single buildings, organisations, duties, matters. ``cameras``: see where cameras
    stand and what each sees. ``write``: import, change, undo, compute. ``accounts``: manage them.
    ``trail``: read the audit trail. ``watch``: read the counts of the server.
    """

    ROWS = "rows"
    CAMERAS = "cameras"
    WRITE = "write"
    ACCOUNTS = "accounts"
    TRAIL = "trail"
    WATCH = "watch"


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.ADMIN: frozenset(Right),
    Role.PLANNER: frozenset({Right.ROWS, Right.CAMERAS, Right.WRITE}),
    Role.LEADERSHIP: frozenset(),
    Role.OFFICER: frozenset({Right.ROWS, Right.CAMERAS}),
    Role.LEADER: frozenset({Right.ROWS}),
    Role.INTEGRATION: frozenset({Right.ROWS}),
}
"""What each role may. Source: own choice; exact positions are for roles that need them, leadership
reads figures and never writes."""

WHOLE = ("",)
"""The ranges of a scope over the whole district: the prefix of every code."""

_PREFIX = re.compile(r"[0-9]{6}|[0-9]{9}|[0-9]{12}|[0-9]{15}")
_AFTER_DIGITS = ":"  # the byte after '9'


@dataclass(frozen=True)
class Scope:
    """What one account may see, for one request.

    ``ranges`` are codes of divisions, each with all below it; `WHOLE` is every row, those in no
    division too; an empty tuple is nothing.
    """

    account: str
    role: Role
    ranges: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse what is no code of a division.

        Raises
        ------
        CodeError
            A range is neither empty nor a code.
        """
        for prefix in self.ranges:
            if prefix and not _PREFIX.fullmatch(prefix):
                raise CodeError(f"{prefix[:20]!r} is no code of a division")

    @property
    def whole(self) -> bool:
        """Whether every row is in it."""
        return "" in self.ranges

    @property
    def rights(self) -> frozenset[Right]:
        """What its role may; who sees a part only does not write, for checks need the whole."""
        rights = RIGHTS[self.role]
        return rights if self.whole else rights - {Right.WRITE}

    @property
    def spans(self) -> tuple[tuple[str, str], ...]:
        """The half-open ranges of codes, ascending, none within another.

        Examples
        --------
        >>> Scope("li", Role.OFFICER, ("500108001", "500108001002", "500108003")).spans
        (('500108001', '500108001:'), ('500108003', '500108003:'))
        """
        kept: list[str] = []
        for prefix in sorted(set(self.ranges)):
            if not any(prefix.startswith(other) for other in kept):
                kept.append(prefix)
        return tuple((prefix, prefix + _AFTER_DIGITS) for prefix in kept)

    def has(self, code: str) -> bool:
        """Tell whether a code is in it.

        Parameters
        ----------
        code
            Of a division; empty for no division, which is in the whole only.

        Returns
        -------
        bool
            Whether one of its ranges begins the code.

        Examples
        --------
        >>> Scope("li", Role.OFFICER, ("500108001",)).has("5001080010")
        True
        >>> Scope("li", Role.OFFICER, ("500108001001",)).has("500108001")
        False
        """
        return any(code.startswith(prefix) for prefix in self.ranges)

    def require(self, right: Right) -> None:
        """Refuse what the role may not do.

        Parameters
        ----------
        right
            What is to be done.

        Raises
        ------
        OutsideScope
            The role has not that right.
        """
        if right not in self.rights:
            raise OutsideScope(f"the role {self.role} may not do this: it lacks the right {right}")
