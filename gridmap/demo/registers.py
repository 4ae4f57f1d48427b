"""What one practice of the demo district adds to the tables of organisations, posts and duties.

Belongs here: the shape of such an addition, and their sum. Does not belong here: any row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from gridmap.model import LAYERS
from gridmap.model.fields import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

ORG_COLUMNS, POST_COLUMNS, DUTY_COLUMNS = (
    LAYERS[name].columns for name in ("organisation", "post", "duty")
)


def _none() -> pd.DataFrame:
    return pd.DataFrame()


@dataclass(frozen=True)
class Register:
    """Rows for three layers: organisation, post, duty; a column may be missing."""

    organisation: pd.DataFrame = field(default_factory=_none)
    post: pd.DataFrame = field(default_factory=_none)
    duty: pd.DataFrame = field(default_factory=_none)


def duties(
    service: str, holders: Any, targets: Any, *, mode: Any = None, last_on: Any = None
) -> pd.DataFrame:
    """Return rows of the layer duty.

    Parameters
    ----------
    service
        Of all rows.
    holders, targets
        Codes, as many of the one as of the other.
    mode, last_on
        For each row or for all.

    Returns
    -------
    DataFrame
        RangeIndex; the layer's columns, as objects.
    """
    columns = {
        "holder_code": pd.Series(holders, dtype=object),
        "service": service,
        "target_code": pd.Series(targets, dtype=object),
        "mode": mode if mode is None or isinstance(mode, str) else pd.Series(mode, dtype=object),
        "last_on": last_on if last_on is None else pd.Series(last_on, dtype=object),
    }
    return pd.DataFrame(columns, dtype=object)


def joined(parts: Sequence[Register]) -> Register:
    """Return the sum of several additions.

    Parameters
    ----------
    parts
        In the order their rows are to stand in.

    Returns
    -------
    Register
        RangeIndex; every column of the layers, numbers as floats.
    """
    return Register(
        **{
            name: _stacked(name, [getattr(part, name) for part in parts])
            for name in ("organisation", "post", "duty")
        }
    )


def _stacked(name: str, frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the frames of a layer on each other."""
    spec = LAYERS[name]
    # As objects, for a column that is all null in one frame has no type to agree on.
    whole = [frame.reindex(columns=spec.columns).astype(object) for frame in frames if len(frame)]
    stack = pd.concat(whole, ignore_index=True)
    numbers = [f.name for f in spec.fields if f.kind in (Kind.INTEGER, Kind.NUMBER)]
    return stack.assign(**{column: stack[column].astype(float) for column in numbers})
