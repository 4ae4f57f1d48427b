"""Rows of a frame as an answer has them.

Belongs here: that form, which every job's answer shares. Does not belong here: which rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the columns of each row by name, None for what is null.

    Parameters
    ----------
    frame
        Its index is left out: reset it where it is to be told.

    Returns
    -------
    list of dict
        In the order of the rows.
    """
    rows = frame.astype(object)
    plain = rows.where(rows.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in plain]
