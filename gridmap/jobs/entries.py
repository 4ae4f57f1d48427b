"""The texts by which objects are found: kept as the rows are, with each write of them.

Belongs here: what is to be looked at after a write, spelling it. Does not belong here: searching
(``finding``), how a text is spelled (``spelling``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from gridmap import spelling, store

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection, Engine

_FORMS = ("written", "pinyin", "initials", "starts", "syllables", "grams")


def entered(conn: Connection, batches: Collection[int] | None = None) -> int:
    """Bring the entries of a search up to what the rows are now.

    Parameters
    ----------
    conn
        An open connection that writes.
    batches
        The write after which to look, and the one that it undoes; None to look at everything.

    Returns
    -------
    int
        How many entries were written.

    Notes
    -----
    Cost: 0.1 ms an entry that changed, most of it writing.
    """
    lacking = store.read_lacking_entries(conn, batches, longest=spelling.LONGEST)
    # What is near each other is found together: a tenth of the pages are then read.
    lacking = lacking.sort_values(["kind", "unit_code", "code", "field"], ignore_index=True)
    spellings = [
        spelling.spelled(text, code=field == "code")
        for text, field in zip(lacking["text"], lacking["field"], strict=True)
    ]
    forms = {name: [getattr(one, name) for one in spellings] for name in _FORMS}
    frame = lacking.assign(**{name: pd.Series(v, lacking.index) for name, v in forms.items()})
    frame = frame[frame["written"] != ""]
    store.write_entries(conn, frame)
    return len(frame)


def fill_entries(engine: Engine) -> None:
    """Make the entries of a store that has none: of an older program, or restored without them.

    Parameters
    ----------
    engine
        The store, as its owner.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine) as conn:
        if not store.lacks_entries(conn):
            return
    with store.transaction(engine, writes=True) as conn:
        if store.lacks_entries(conn):  # another program may have been quicker
            entered(conn)
    with store.transaction(engine, owner=True) as conn:
        store.analyze(conn)
