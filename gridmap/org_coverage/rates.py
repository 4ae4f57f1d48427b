"""Figures of units with their denominators, rolled up from what is counted.

Belongs here: the status of each target under a lens with its reason, and the roll-up of any
figure along the administrative tree with its denominator. Does not belong here: geometry,
storage, wording.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gridmap.errors import FrameError
from gridmap.model import CODE_LENGTH, COVERED, DIVISION_LEVELS, Rate, require_columns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from gridmap.model import Lens


def rates(
    counted: pd.DataFrame, *, measure: str, unit_of_measure: str, district: str
) -> pd.DataFrame:
    """Return numerator and denominator of every unit, from the grids to the district.

    Parameters
    ----------
    counted
        Any index; columns ``unit_code`` (the smallest division it is in), ``covered`` and
        ``total`` (numbers that add up). Rows without one are left out: they belong to no unit.
    measure
        The figure's name.
    unit_of_measure
        What is counted: ``buildings``, ``households``, ``m2``, ``grids``, …
    district
        The district's code; rows of other districts are left out.

    Returns
    -------
    DataFrame
        Columns measure, unit_code, level, unit_of_measure, covered, total; one row a unit that
        has anything to count, ordered by level and code. The children's numbers add up to the
        parent's, but for what lies in the parent and in no child.

    Raises
    ------
    FrameError
        A column is missing or the index has duplicates.

    Notes
    -----
    Source: every figure carries its denominator (domain.md 0). Cost O(n).

    Examples
    --------
    >>> counted = pd.DataFrame({"unit_code": ["500108001001001", "500108001001002"],
    ...                         "covered": [1.0, 0.0], "total": [1.0, 1.0]})
    >>> table = rates(counted, measure="party_group.buildings", unit_of_measure="buildings",
    ...               district="500108")
    >>> table[["unit_code", "covered", "total"]].head(1).to_dict("records")
    [{'unit_code': '500108', 'covered': 1.0, 'total': 2.0}]
    """
    require_columns(counted, ["unit_code", "covered", "total"], "counted")
    codes = counted["unit_code"].fillna("").astype(str)
    inside = counted.assign(unit_code=codes)[codes.str.startswith(district)]
    parts = []
    for level in DIVISION_LEVELS:
        length = CODE_LENGTH[level]
        some = inside[inside["unit_code"].str.len() >= length]
        unit = some["unit_code"].str[:length]
        sums = some.groupby(unit)[["covered", "total"]].sum().rename_axis("unit_code")
        parts.append(sums.reset_index().assign(level=str(level)))
    table = pd.concat(parts, ignore_index=True)
    table = table.assign(measure=measure, unit_of_measure=unit_of_measure)
    return table[["measure", "unit_code", "level", "unit_of_measure", "covered", "total"]]


PLURALS = {
    "district": "districts",
    "street": "streets",
    "community": "communities",
    "grid": "grids",
    "building": "buildings",
    "courtyard": "courtyards",
    "organisation": "organisations",
}
"""What targets are called where they are counted."""

_SUMS = (
    "targets",
    "covered",
    "parts_covered",
    "households",
    "households_covered",
    "floor_area",
    "floor_area_covered",
)
_LISTS = {
    "target_codes": "target_code",
    "statuses": "status",
    "reasons": "reason",
    "holder_codes": "holder_code",
    "parts": "parts",
    "links": "links",
    "missing": "missing",
}


def unit_rows(targets: pd.DataFrame, statuses: pd.DataFrame) -> pd.DataFrame:
    """Return the statuses of a lens by unit, with what they add up to.

    Parameters
    ----------
    targets
        Index: target code; columns ``unit_code`` (None: in none), ``household_count`` and
        ``floor_area_m2`` (null: unknown, counts as none).
    statuses
        Same index; from `status`.

    Returns
    -------
    DataFrame
        Index ``unit_code``, an empty text for none, ascending; targets, covered, parts_covered,
        households, households_covered, floor_area (m², to a hundredth), floor_area_covered; and
        lists with an item a target, by code: target_codes, statuses, reasons, holder_codes, parts,
        links, missing.

    Raises
    ------
    FrameError
        A column is missing, an index has duplicates, or the two differ.

    Notes
    -----
    Rule: ``neighbour`` is not covered. Cost O(n log n).
    """
    sums, unit = _summed(targets, statuses)
    by_code = np.argsort(targets.index.to_numpy(dtype=object), kind="stable")
    order = by_code[np.argsort(unit[by_code], kind="stable")]
    ends = sums["targets"].cumsum().to_numpy()
    rows = statuses.assign(target_code=statuses.index).iloc[order]
    for name, column in _LISTS.items():
        cells = rows[column].tolist()
        sums[name] = pd.Series(
            [cells[end - size : end] for end, size in zip(ends, sums["targets"], strict=True)],
            index=sums.index,
            dtype=object,
        )
    return sums


def _summed(
    targets: pd.DataFrame, statuses: pd.DataFrame
) -> tuple[pd.DataFrame, NDArray[np.object_]]:
    """Return what the targets of each unit add up to, and the unit of each target."""
    require_columns(targets, ["unit_code", "household_count", "floor_area_m2"], "targets")
    require_columns(statuses, ["status", "parts"], "statuses")
    if not targets.index.equals(statuses.index):
        raise FrameError("the statuses are not those of the targets")
    covered = statuses["status"].isin(COVERED).to_numpy()
    households = targets["household_count"].to_numpy(dtype=float, na_value=0.0)
    area = targets["floor_area_m2"].to_numpy(dtype=float, na_value=0.0).round(2)
    values = {
        "targets": np.ones(len(targets), dtype=int),
        "covered": covered.astype(int),
        "parts_covered": statuses["parts"].to_numpy(dtype=int),
        "households": households,
        "households_covered": households * covered,
        "floor_area": area,
        "floor_area_covered": area * covered,
    }
    unit = np.array([u if isinstance(u, str) else "" for u in targets["unit_code"]], dtype=object)
    table = pd.DataFrame(values, index=targets.index)
    sums = table.groupby(unit, sort=True)[list(_SUMS)].sum().rename_axis("unit_code")
    sums = sums.assign(
        **{name: sums[name].round(2) for name in ("floor_area", "floor_area_covered")}
    )
    return sums, unit


def frozen_sums(frozen: pd.DataFrame) -> pd.DataFrame:
    """Return what the targets of a frozen answer add up to, by unit.

    Parameters
    ----------
    frozen
        Index: target code; columns status, unit_code (None: in none), household_count and
        floor_area_m2 (null: unknown, counts as none), as `trend.unpacked` gives them.

    Returns
    -------
    DataFrame
        Index ``unit_code``, an empty text for none, ascending; the sums of `unit_rows`, for
        `rolled_up`.

    Raises
    ------
    FrameError
        A column is missing or the index has duplicates.

    Notes
    -----
    Rule: a snapshot does not keep how many parts of a target are covered: ``parts_covered`` is 0,
    and the figure made of it says nothing. Cost O(n log n).

    Examples
    --------
    >>> frozen = pd.DataFrame({"status": ["own", "uncovered"], "unit_code": "500108001001001",
    ...     "household_count": [9, 3], "floor_area_m2": 50.0}, index=["a", "b"])
    >>> frozen_sums(frozen)[["targets", "covered", "households_covered"]].to_dict("records")
    [{'targets': 2, 'covered': 1, 'households_covered': 9.0}]
    """
    require_columns(frozen, ["status"], "frozen")
    sums, _ = _summed(frozen, frozen[["status"]].assign(parts=0))
    return sums


def rolled_up(units: pd.DataFrame) -> pd.DataFrame:
    """Return the sums of every unit, from the smallest to the districts.

    Parameters
    ----------
    units
        From `unit_rows`, of one lens.

    Returns
    -------
    DataFrame
        Index ``unit_code``, unique; level and the sums. What is in no unit is left out. The
        children's numbers add up to the parent's, but for what lies in the parent and no child.

    Raises
    ------
    FrameError
        A column is missing or the index has duplicates.

    Notes
    -----
    Source: every figure carries its denominator (domain.md 0). Cost O(n).
    """
    require_columns(units, list(_SUMS), "units")
    lengths = units.index.to_series().map(len)
    parts = []
    for level in DIVISION_LEVELS:
        length = CODE_LENGTH[level]
        some = units.loc[(lengths >= length).to_numpy(), list(_SUMS)]
        above = pd.Index([code[:length] for code in some.index], dtype=object)
        parts.append(some.groupby(above).sum().assign(level=str(level)))
    return pd.concat(parts).rename_axis("unit_code")


def lens_rates(sums: pd.DataFrame, lens: Lens) -> pd.DataFrame:
    """Return every figure of a lens for some units.

    Parameters
    ----------
    sums
        Index: unit or organisation code; the sums of `unit_rows`, as `rolled_up` or `party_rates`
        give them.
    lens
        The lens.

    Returns
    -------
    DataFrame
        Index of ``sums``, a row a figure; measure, unit_of_measure, covered, total and the columns
        of ``sums`` that are no sums. Measures are ``CODE.buildings`` (or what its targets are
        called), ``CODE.households``, ``CODE.floor_area``, and ``CODE.parts`` where the lens asks
        for several parts; none where nothing is to be counted.

    Raises
    ------
    FrameError
        A column is missing or the index has duplicates.

    Notes
    -----
    Rule: a column that no row fills is not a district of nobody. Source: own choice. Cost O(n).
    """
    require_columns(sums, list(_SUMS), "sums")
    others = sums.drop(columns=list(_SUMS))
    tables = []
    for name, (unit, covered, total, each) in _counted(lens).items():
        of = sums[total].astype(float) * each
        figures = others.assign(
            measure=f"{lens.code}.{name}",
            unit_of_measure=unit,
            covered=sums[covered].astype(float).round(2),
            total=of.round(2),
        )
        tables.append(figures[(of > 0).to_numpy()])
    return pd.concat(tables)


def unit_figures(sums: Mapping[str, float], lens: Lens) -> list[Rate]:
    """Return every figure of a lens for one unit; as `lens_rates`, a tenth of a millisecond.

    Parameters
    ----------
    sums
        The sums of `unit_rows` over the unit.
    lens
        The lens.

    Returns
    -------
    list of Rate
        None where nothing is to be counted.

    Examples
    --------
    >>> from gridmap.model import LENSES
    >>> sums = {"targets": 4, "covered": 3, "parts_covered": 3, "households": 0.0,
    ...         "households_covered": 0.0, "floor_area": 0.0, "floor_area_covered": 0.0}
    >>> [(one.measure, one.covered, one.total) for one in unit_figures(sums, LENSES["grid_leader"])]
    [('grid_leader.grids', 3.0, 4.0)]
    """
    return [
        Rate(
            f"{lens.code}.{name}",
            unit,
            round(float(sums[covered]), 2),
            round(float(sums[total]) * each, 2),
        )
        for name, (unit, covered, total, each) in _counted(lens).items()
        if sums[total] > 0
    ]


def _counted(lens: Lens) -> dict[str, tuple[str, str, str, int]]:
    """Return what a lens counts: in what, which sum of which, how many times."""
    plural = PLURALS[lens.target]
    counted = {
        plural: (plural, "covered", "targets", 1),
        "households": ("households", "households_covered", "households", 1),
        "floor_area": ("m2", "floor_area_covered", "floor_area", 1),
    }
    if len(lens.parts) > 1:
        counted["parts"] = ("parts", "parts_covered", "targets", len(lens.parts))
    return counted


def party_rates(units: pd.DataFrame, nodes: pd.Series, parents: pd.Series) -> pd.DataFrame:
    """Return what the targets of a lens add up to along the Party tree.

    Parameters
    ----------
    units
        From `unit_rows`.
    nodes
        Index: unit code; the organisation that leads the unit, None where there is none.
    parents
        Index: organisation code, unique; the organisation above it, None at a root.

    Returns
    -------
    DataFrame
        Index ``org_code``, ascending; the sums of `unit_rows` over the units that the organisation
        or one below it leads. What nobody leads is at the empty code.

    Raises
    ------
    FrameError
        A column is missing or an index has duplicates.

    Notes
    -----
    Rule: a unit counts once in each organisation above its own; in a circle of parents each counts
    once (P00). Cost O(n · depth).
    """
    require_columns(units, list(_SUMS), "units")
    node = units.index.to_series().map(nodes)
    node = node.where(node.notna(), "").astype(object)
    lines = {code: line_above(str(code), parents) for code in node.unique()}
    long = units[list(_SUMS)].assign(org_code=[lines[code] for code in node])
    return long.explode("org_code").groupby("org_code")[list(_SUMS)].sum()


def line_above(code: str, parents: pd.Series) -> list[str]:
    """Return an organisation and all above it, each once.

    Parameters
    ----------
    code
        The organisation's.
    parents
        As in `party_rates`.

    Returns
    -------
    list of str
        From below; one in a circle of parents ends where it would begin again.
    """
    line: list[str] = []
    here: object = code
    while isinstance(here, str) and here not in line:
        line.append(here)
        here = parents.get(here)
    return line


def suppressed(table: pd.DataFrame, *, least: int) -> pd.DataFrame:
    """Return figures for a public export: those of few targets are withheld.

    Parameters
    ----------
    table
        As `rates`.
    least
        Withhold where fewer than this many are counted, or fewer than this many of them, but not
        none, are covered or uncovered. 0 or 1 withholds nothing.

    Returns
    -------
    DataFrame
        As ``table`` with ``withheld`` (bool); covered and total are null where it is true. Where a
        single sibling would be withheld, the next smallest is too, for the parent's figure gives it
        away.

    Raises
    ------
    FrameError
        A column is missing or the index has duplicates.

    Notes
    -----
    Rule: primary and complementary suppression of small cells, by parent. Source: domain.md section
    3, aggregate-only public export; the rule own choice. Cost O(n log n).
    """
    require_columns(table, ["measure", "unit_code", "covered", "total"], "table")
    rest = table["total"] - table["covered"]
    small = pd.Series(False, index=table.index)  # noqa: FBT003
    for cells in (table["covered"], rest):
        small |= (cells > 0) & (cells < least)
    small |= table["total"] < least
    parent = table["unit_code"].str[:-3]
    key = [table["measure"], table["unit_code"].str.len(), parent]
    alone = small.groupby(key).transform("sum") == 1
    some = table[alone & ~small]
    by = [level.loc[some.index] for level in key]
    also = some.sort_values(["total", "unit_code"]).groupby(by, sort=False).head(1).index
    withheld = small | table.index.isin(also)
    return table.assign(
        covered=table["covered"].where(~withheld),
        total=table["total"].where(~withheld),
        withheld=withheld,
    )
