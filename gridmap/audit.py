"""Whether an audit trail was changed: each event has the hash of the one before it.

Belongs here: the hash of an event, and where a chain breaks. Does not belong here: reading the
trail (``store``), what is worth an event (``jobs``).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pandas as pd

from gridmap.model import require_columns

CHAIN_COLUMNS = ("at", "actor", "action", "subject", "details", "previous", "hash")


@dataclass(frozen=True)
class Chain:
    """What a look at a trail found.

    ``head`` is the last hash, empty for no event: kept elsewhere, it tells whether events were cut
    off the end. ``breaks`` are numbers of events, each with why: ``changed`` (its hash is another),
    ``unlinked`` (it names another hash before it), ``missing`` (numbers before it are).
    """

    events: int
    head: str
    breaks: tuple[tuple[int, str], ...]


def event_hash(number: int, parts: tuple[str, ...]) -> str:
    """Return the hash of an event.

    Parameters
    ----------
    number
        The event's.
    parts
        at, actor, action, subject, details and previous, as text; empty for none.

    Returns
    -------
    str
        SHA-256, in hexadecimal.

    Notes
    -----
    Rule: each part with its length in bytes before it, so that nothing can be moved from one to the
    next. Source: own choice; the database computes the same (migration 0007).

    Examples
    --------
    >>> event_hash(1, ("2026-11-28T00:00:00.000000", "", "import", "grid", "{}", ""))[:12]
    '466c9bc299f0'
    """
    texts = (str(number), *parts)
    told = ",".join(f"{len(text.encode())}:{text}" for text in texts)
    return hashlib.sha256(told.encode()).hexdigest()


def chain(events: pd.DataFrame) -> Chain:
    """Return whether a trail is whole.

    Parameters
    ----------
    events
        Index: number, ascending. Columns `CHAIN_COLUMNS`, all text.

    Returns
    -------
    Chain
        Every break, not the first only.

    Raises
    ------
    FrameError
        A column is missing or the index has duplicates.

    Notes
    -----
    Rule: numbers run from 1 without a gap; each event names the hash of the one before. What was
    cut off the end cannot be seen: compare the head with one kept elsewhere. Cost O(n).
    """
    require_columns(events, list(CHAIN_COLUMNS), "events")
    breaks = []
    number, head = 0, ""
    for row in events[list(CHAIN_COLUMNS)].itertuples():
        at, *parts, told = row[1:]
        if row[0] != number + 1:
            breaks.append((int(row[0]), "missing"))
        elif parts[-1] != head:
            breaks.append((int(row[0]), "unlinked"))
        if event_hash(int(row[0]), (at, *parts)) != told:
            breaks.append((int(row[0]), "changed"))
        number, head = int(row[0]), str(told)
    return Chain(len(events), head, tuple(breaks))
