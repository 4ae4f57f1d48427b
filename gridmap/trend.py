"""What became of coverage between two frozen snapshots of one lens, and why its rates moved.

Belongs here: comparing snapshots, target by target and unit by unit; a snapshot as bytes. Does
not belong here: judging coverage (``org_coverage``), keeping snapshots (``store``), rows of
layers that changed and ground that is seen (``differences``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from gridmap.errors import FrameError
from gridmap.model import CODE_LENGTH, COVERED, require_columns

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]
    Objects = NDArray[np.object_]

COUNTED_IN = ("targets", "households", "m2")
"""What a rate is counted in."""

PARTS = {
    "covered": ("gained", "lost", "appeared", "gone", "weight_changed"),
    "total": ("appeared", "gone", "weight_changed"),
}
"""What a numerator and a denominator change by; each part has its sign."""

_AMOUNTS = [
    *(f"{what}_{when}" for when in ("before", "after") for what in PARTS),
    *(f"{what}_{part}" for what, parts in PARTS.items() for part in parts),
]

# Floor areas are summed twice: in steps of which any sum below 8,000 km² is exact, so that the
# parts add up; and in hundredths of a square metre, so that equal shares are found equal.
_AREA_STEP_M2 = 2.0**-20
_WEIGHTS = (*COUNTED_IN, "hundredths")
_SHOWN, _EXACT = [0, 1, 2], [0, 1, 3]

_SCHEMA = pa.schema(
    [
        pa.field("target_code", pa.string(), nullable=False),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("holder_code", pa.string()),
        ("unit_code", pa.string()),
        ("household_count", pa.int64()),
        ("floor_area_m2", pa.float64()),
    ]
)
_COLUMNS = _SCHEMA.names[1:]


class _Side(NamedTuple):
    """One snapshot, with a row for every target of either; nothing where it is not there."""

    there: Bools
    covered: Bools
    status: Objects
    reason: Objects
    holder: Objects
    unit: Objects
    weights: dict[str, Floats]


def became(before: str | None, after: str | None) -> str | None:
    """Return what became of one target between two days.

    Parameters
    ----------
    before, after
        Its status on either day, of `model.COVERED` or any other; None where it was not there or
        not asked about.

    Returns
    -------
    str or None
        ``gained``, ``lost``, ``covered`` or ``uncovered`` (both times); None where either day has
        no answer.

    Examples
    --------
    >>> became("neighbour", "joint"), became("own", "joint"), became(None, "own")
    ('gained', 'covered', None)
    """
    if before is None or after is None:
        return None
    was, now = before in COVERED, after in COVERED
    if was == now:
        return "covered" if now else "uncovered"
    return "gained" if now else "lost"


def status_changes(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Return the targets whose coverage is not what it was, with what it was and is.

    Parameters
    ----------
    before, after
        Index: target code, text. Columns ``status`` (of `model.COVERED`, or any other),
        ``reason``, ``holder_code``, ``unit_code`` (null: none), ``household_count``,
        ``floor_area_m2`` (null: unknown). Two snapshots of one lens.

    Returns
    -------
    DataFrame
        Index ``target_code``, ascending. ``change``: ``gained``, ``lost``; ``reason`` (covered
        neither time, but the status, the reason or the holder named with it differs); ``holder``
        (covered both times, by another holder or in another mode); ``appeared_covered``,
        ``appeared_uncovered``, ``gone_covered``, ``gone_uncovered`` (in one snapshot only).
        status, reason and holder, each ``_before`` and ``_after`` (None where the target was
        not there), ``unit_code`` (after; before, for what is gone). Targets that are as they
        were are left out, also if they moved to another unit or have other households.

    Raises
    ------
    FrameError
        A column is missing, an index has duplicates, or a weight is negative or no number.

    Notes
    -----
    Rule: applied to ``before``, the changes give the statuses of ``after``. Source: own choice;
    issue 5. Cost O(n log n).

    Examples
    --------
    >>> columns = ["status", "reason", "holder_code", "unit_code", "household_count",
    ...            "floor_area_m2"]
    >>> grid = "500108001001001"
    >>> before = pd.DataFrame([["own", None, "g", grid, 9, 90.0],
    ...     ["uncovered", "no_link", None, grid, 3, 30.0]], index=["a", "b"], columns=columns)
    >>> after = before.drop("a").assign(status="joint", reason=None, holder_code="h")
    >>> status_changes(before, after)["change"].to_dict()
    {'a': 'gone_covered', 'b': 'gained'}
    """
    codes, old, new = _aligned(before, after)
    both, neither = old.covered & new.covered, ~old.covered & ~new.covered
    moved = (old.status != new.status) | (old.holder != new.holder)
    change = np.select(
        [
            ~old.there & new.covered,
            ~old.there,
            ~new.there & old.covered,
            ~new.there,
            ~old.covered & new.covered,
            old.covered & ~new.covered,
            both & moved,
            neither & (moved | (old.reason != new.reason)),
        ],
        [
            *("appeared_covered", "appeared_uncovered", "gone_covered", "gone_uncovered"),
            *("gained", "lost", "holder", "reason"),
        ],
        default="",
    )
    found = {
        "change": change,
        "status_before": old.status,
        "status_after": new.status,
        "reason_before": old.reason,
        "reason_after": new.reason,
        "holder_before": old.holder,
        "holder_after": new.holder,
        "unit_code": np.where(new.there, new.unit, old.unit),
    }
    table = pd.DataFrame(found, index=pd.Index(codes, name="target_code"), dtype=object)
    return table[change != ""]


def rate_changes(
    before: pd.DataFrame,
    after: pd.DataFrame,
    *,
    unit_lengths: Collection[int] = tuple(CODE_LENGTH.values()),
) -> pd.DataFrame:
    """Return each unit's rates of two snapshots, what they changed by, and the cause.

    Parameters
    ----------
    before, after
        As in `status_changes`.
    unit_lengths
        A target counts in the unit that is the first so many digits of its ``unit_code``, for
        each of these; one whose code is shorter is in no unit of that length.

    Returns
    -------
    DataFrame
        RangeIndex; a row each unit of either snapshot and each of `COUNTED_IN`, by length of the
        code, code, and what is counted: ``unit_code``, ``unit_of_measure``, ``covered_before``,
        ``total_before``, ``covered_after``, ``total_after``; what they changed by, with its sign:
        ``covered_gained``, ``covered_lost``, ``covered_appeared``, ``covered_gone``,
        ``covered_weight_changed``, ``total_appeared``, ``total_gone``, ``total_weight_changed``;
        ``share_by_coverage`` and ``share_by_denominator``, what the share changed by through
        either (NaN where there is no share before or after); ``cause``: ``none`` (the share is
        what it was), ``coverage``, ``denominator``, ``both``.

    Raises
    ------
    FrameError
        A column is missing, an index has duplicates, or a weight is negative, no number, or no
        whole number of households.

    Notes
    -----
    Rule: before + parts = after, exactly, for numerator and denominator; floor areas are rounded
    to a hundredth of a square metre, and then by less than a millionth, which makes their sums
    exact; unknown counts as 0. A target that moved to another unit is gone from the one and
    appeared in the other, and did neither in a unit that holds both. The share is first brought
    to after's statuses with before's targets and weights (``coverage``), then to after's targets
    and weights (``denominator``): the cause says which of the two steps moved it. A share that
    there is only on one side is moved by the denominator. Source: own choice; issue 5. Cost
    O(n log n).

    Examples
    --------
    >>> columns = ["status", "reason", "holder_code", "unit_code", "household_count",
    ...            "floor_area_m2"]
    >>> before = pd.DataFrame([["own", None, "g", "500108", 9, 90.0],
    ...     ["uncovered", "no_link", None, "500108", 3, 30.0]], index=["a", "b"], columns=columns)
    >>> demolished = rate_changes(before, before.drop("b"), unit_lengths=[6])
    >>> demolished[["unit_of_measure", "total_gone", "share_by_denominator", "cause"]].head(2)
      unit_of_measure  total_gone  share_by_denominator        cause
    0         targets        -1.0                  0.50  denominator
    1      households        -3.0                  0.25  denominator
    """
    _, old, new = _aligned(before, after)
    units: list[str] = []
    sums = {name: [np.zeros((0, len(_WEIGHTS)))] for name in _AMOUNTS}
    for length in sorted(set(unit_lengths)):
        some, amounts = _unit_sums(old, new, length)
        units += some
        for name in _AMOUNTS:
            sums[name].append(amounts[name])
    counted = {
        "unit_code": np.repeat(np.array(units, dtype=object), len(COUNTED_IN)),
        "unit_of_measure": np.array(COUNTED_IN * len(units), dtype=object),
    }
    joined = {name: np.concatenate(parts) for name, parts in sums.items()}
    shown, exact = (
        {name: amounts[:, columns].ravel() for name, amounts in joined.items()}
        for columns in (_SHOWN, _EXACT)
    )
    table = pd.DataFrame(shown | _causes(exact))
    for place, (name, column) in enumerate(counted.items()):
        table.insert(place, name, pd.Series(column, dtype=object))
    return table


def packed(frame: pd.DataFrame) -> bytes:
    """Return a snapshot as bytes to be kept: Parquet, compressed.

    Parameters
    ----------
    frame
        As in `status_changes`; other columns are left out.

    Returns
    -------
    bytes
        The same for the same rows in any order.

    Raises
    ------
    FrameError
        A column is missing, the index has duplicates, or a cell is not of its column's kind.

    Notes
    -----
    Rule: sorted by code, so that the bytes' digest is the snapshot's; NaN is null. Bytes of
    another version of Arrow may differ. Cost O(n log n).
    """
    require_columns(frame, _COLUMNS, "the snapshot")
    codes = frame.index.to_numpy(dtype=object)
    if not all(isinstance(code, str) for code in codes):
        raise FrameError("the snapshot is not indexed by text codes")
    order = np.argsort(codes, kind="stable")
    rows = frame.iloc[order].assign(target_code=codes[order])
    try:
        arrays = [_array(rows[field.name], field.type) for field in _SCHEMA]
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise FrameError("a cell of the snapshot is not of its column's kind") from error
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.Table.from_arrays(arrays, schema=_SCHEMA), sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data


def unpacked(data: bytes) -> pd.DataFrame:
    """Return the snapshot that bytes hold.

    Parameters
    ----------
    data
        From `packed`.

    Returns
    -------
    DataFrame
        Index ``target_code``, ascending; status, reason, holder_code, unit_code (objects, None
        where null), household_count (Int64), floor_area_m2 (Float64).

    Raises
    ------
    FrameError
        The bytes are not those of a snapshot.

    Examples
    --------
    >>> frame = pd.DataFrame({"status": "uncovered", "reason": ["no_link", "vacant"],
    ...     "holder_code": [None, "p"], "unit_code": "500108", "household_count": [3, None],
    ...     "floor_area_m2": 2.5}, index=["b", "a"])
    >>> unpacked(packed(frame))[["reason", "holder_code"]].to_dict("split")["data"]
    [['vacant', 'p'], ['no_link', None]]
    """
    try:
        table = parquet.read_table(pa.BufferReader(data))
    except (pa.ArrowException, OSError) as error:
        raise FrameError("the bytes are not those of a snapshot") from error
    if not table.schema.equals(_SCHEMA):
        raise FrameError("the bytes are those of another table, not of a snapshot")
    kinds = {"household_count": "Int64", "floor_area_m2": "Float64"}
    columns = {
        name: pd.Series(table[name].to_pylist(), dtype=kinds.get(name, object)) for name in _COLUMNS
    }
    codes = pd.Index(table["target_code"].to_pylist(), dtype=object, name="target_code")
    return pd.DataFrame(columns).set_axis(codes)


def _array(column: pd.Series, kind: pa.DataType) -> pa.Array:
    if kind == pa.int64():
        column = column.astype("Int64")  # refuses halves, which Arrow would cut off
    elif kind == pa.float64():
        column = column.astype("Float64") + 0.0  # no negative zero
    return pa.array(_objects(column), type=kind)


# --- two snapshots side by side


def _aligned(before: pd.DataFrame, after: pd.DataFrame) -> tuple[Objects, _Side, _Side]:
    """Return the codes of both snapshots, ascending, and either with a row for each."""
    for frame, what in ((before, "the snapshot before"), (after, "the snapshot after")):
        require_columns(frame, _COLUMNS, what)
    codes = np.array(sorted({*before.index, *after.index}), dtype=object)
    return codes, _side(before, codes), _side(after, codes)


def _side(frame: pd.DataFrame, codes: Objects) -> _Side:
    place = pd.Index(frame.index.to_numpy(dtype=object), dtype=object).get_indexer(codes)
    there = place >= 0
    texts = []
    for name in ("status", "reason", "holder_code", "unit_code"):
        text = np.full(len(codes), None, dtype=object)
        text[there] = _objects(frame[name])[place[there]]
        texts.append(text)
    households, area_m2 = (_weights(frame[name]) for name in ("household_count", "floor_area_m2"))
    if (households % 1).any():
        raise FrameError("a target of the snapshot has no whole number of households")
    hundredths = np.round(area_m2 * 100)
    steps_m2 = np.round(hundredths / 100 / _AREA_STEP_M2) * _AREA_STEP_M2
    weights = {}
    for name, known in zip(
        _WEIGHTS, (np.ones(len(frame)), households, steps_m2, hundredths), strict=True
    ):
        weights[name] = np.zeros(len(codes))
        weights[name][there] = known[place[there]]
    status, reason, holder, unit = texts
    covered = np.isin(status.astype(str), COVERED)
    return _Side(there, covered, status, reason, holder, unit, weights)


def _objects(column: pd.Series) -> Objects:
    """Return a column's cells, None where there is none."""
    cells: Objects = column.to_numpy(dtype=object, copy=True)
    cells[pd.isna(cells)] = None
    return cells


def _weights(column: pd.Series) -> Floats:
    weights: Floats = column.astype("Float64").to_numpy(dtype=float, na_value=0.0)
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise FrameError(f"a target of the snapshot has a {column.name} that is no amount")
    return weights


# --- units


def _unit_sums(old: _Side, new: _Side, length: int) -> tuple[list[str], dict[str, Floats]]:
    """Return the units whose codes have a length, ascending, and what their targets add up to.

    Each amount has a row a unit and a column for each of `_WEIGHTS`.
    """
    was, now = (
        [code[:length] if code is not None and len(code) >= length else None for code in side.unit]
        for side in (old, new)
    )
    units = sorted({unit for unit in [*was, *now] if unit is not None})
    number = {unit: place for place, unit in enumerate(units)}
    before, after = (
        np.array([-1 if unit is None else number[unit] for unit in side], dtype=int)
        for side in (was, now)
    )
    sums = {name: np.zeros((len(units), len(_WEIGHTS))) for name in _AMOUNTS}
    for column, measure in enumerate(_WEIGHTS):
        for name, (place, amounts) in _flows(old, new, before, after, measure).items():
            inside = place >= 0
            sums[name][:, column] += np.bincount(
                place[inside], weights=amounts[inside], minlength=len(units)
            )
    return units, sums


def _flows(
    old: _Side, new: _Side, before: Ints, after: Ints, measure: str
) -> dict[str, tuple[Ints, Floats]]:
    """Return, by amount, the place of each target's unit and what the target adds to it."""
    was, now = old.weights[measure], new.weights[measure]
    stays = before == after  # those in no unit both times are not summed
    gained, lost = stays & ~old.covered & new.covered, stays & old.covered & ~new.covered
    return {
        "covered_before": (before, old.covered * was),
        "total_before": (before, was),
        "covered_after": (after, new.covered * now),
        "total_after": (after, now),
        "covered_gained": (before, gained * was),
        "covered_lost": (before, lost * -was),
        "covered_appeared": (after, (~stays & new.covered) * now),
        "covered_gone": (before, (~stays & old.covered) * -was),
        "covered_weight_changed": (after, (stays & new.covered) * (now - was)),
        "total_appeared": (after, ~stays * now),
        "total_gone": (before, ~stays * -was),
        "total_weight_changed": (after, stays * (now - was)),
    }


def _causes(amounts: dict[str, Floats]) -> dict[str, Floats | Objects]:
    """Return what moved each share, of whole amounts: shares are compared as fractions."""
    covered, total, covered_now, total_now, moved = (
        np.array([int(amount) for amount in some], dtype=object)
        for some in (
            amounts["covered_before"],
            amounts["total_before"],
            amounts["covered_after"],
            amounts["total_after"],
            amounts["covered_gained"] + amounts["covered_lost"],
        )
    )
    some, some_now = total > 0, total_now > 0
    shared = some & some_now
    by_coverage = shared & (moved != 0)
    by_denominator = shared & ((covered + moved) * total_now != covered_now * total)
    changed = (some != some_now) | (covered * total_now != covered_now * total)
    steps = [~changed, by_coverage & by_denominator, by_coverage]
    before, between, after = (
        np.divide(
            part.astype(float), whole.astype(float), out=np.full(len(part), np.nan), where=shared
        )
        for part, whole in ((covered, total), (covered + moved, total), (covered_now, total_now))
    )
    return {
        "share_by_coverage": between - before,
        "share_by_denominator": after - between,
        "cause": np.select(steps, ["none", "both", "coverage"], "denominator").astype(object),
    }
