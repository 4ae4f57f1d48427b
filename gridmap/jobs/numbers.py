"""Codes for grids that have none: a file in, the same file with codes out, nothing stored.

Belongs here: which grids of a file need a code, and in which community they lie. Does not belong
here: the order of the numbers (``topology``), importing the result (``jobs.layers``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd

from gridmap import crs, files, store, topology
from gridmap.errors import InputError, LayerRejected
from gridmap.model import CODE_LENGTH, LAYERS, ImportReport, Issue, Level
from gridmap.rules import Severity

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from sqlalchemy import Engine

    from gridmap.jobs.views import Source

_OF_GEOMETRY = ("F01.empty", "F01.geometry", "F01.crs")


def number_grids(
    engine: Engine, source: Source, target: Path, *, effective: dt.date, anew: bool = False
) -> pd.DataFrame:
    """Give a code to each grid of a file that has none, and write the file anew.

    Parameters
    ----------
    engine
        The store; it is only read.
    source
        Polygons of grids. Their other columns are kept as they are.
    target
        ``.gpkg``: the rows in storage CRS with ``code``; ``code_before``, as it stood in the file.
    effective
        The date of the communities.
    anew
        Number all grids of the file but those whose code is stored already.

    Returns
    -------
    DataFrame
        Index ``community``, ascending; ``grids`` of it in the file, ``kept`` with the code they
        had, ``numbered``, ``first`` and ``last`` of the numbers given.

    Raises
    ------
    FileUnreadable, CrsError
        See `files.read_layer`.
    LayerRejected
        A grid has no usable polygon or lies in no community; the error holds the report.
    InputError
        The file cannot be written, or its codes stand in a column of another case.
    CodeError
        A community has more than 999 grids.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.

    Notes
    -----
    Rule: a grid belongs to the community that holds most of its ground, and gets the lowest number
    there that nobody has or ever had, west to east, north to south: see `topology.numbered`.
    """
    files.require_target(target)
    read = files.read_layer(
        source.path,
        columns=source.columns,
        layer=source.layer,
        source_crs=source.source_crs,
        encoding=source.encoding,
    )
    _require_one_code(read.frame)
    report = ImportReport(
        layer="grid",
        source=source.path.name,
        sha256=read.sha256,
        effective=effective.isoformat(),
        rows=len(read.frame),
        issues=tuple(_unusable(read.frame)),
    )
    _require_sound(report)
    grids = crs.to_storage(gpd.GeoDataFrame(read.frame))
    with store.transaction(engine) as conn:
        communities = store.read_units(conn, Level.COMMUNITY, as_of=effective)
        ever = store.read_first_days(conn, Level.GRID).index
    community, lost = _communities(grids, communities, effective)
    _require_sound(ImportReport(**{**vars(report), "issues": tuple(lost)}))
    before = _codes(grids)
    kept = before.where(before.isin(ever), None) if anew else before
    given = _numbered(grids[kept.isna()], community, {*ever, *kept.dropna()})
    code = kept.where(kept.notna(), given["code"].reindex(kept.index))
    _write(grids, code, before, target)
    return _summary(community, kept.notna(), given["sequence"].reindex(kept.index))


def _require_one_code(frame: pd.DataFrame) -> None:
    """Refuse a column that a GeoPackage would take for ``code``, and a person for the codes."""
    alike = [name for name in frame.columns if str(name).lower() == "code" and name != "code"]
    if alike:
        raise InputError(f"the column {alike[0]} may hold the codes; say so: --map code={alike[0]}")


def _unusable(frame: pd.DataFrame) -> list[Issue]:
    """Return what keeps grids from being placed; codes and names may be missing."""
    found = LAYERS["grid"].check(frame)
    return [one for one in found if one.shape in _OF_GEOMETRY or one.rule == "G01"]


def _require_sound(report: ImportReport) -> None:
    if any(issue.severity is Severity.ERROR for issue in report.issues):
        raise LayerRejected(f"{report.source}: no file was written", report)


def _communities(
    grids: gpd.GeoDataFrame, communities: gpd.GeoDataFrame, effective: dt.date
) -> tuple[pd.Series, list[Issue]]:
    """Return the community that holds most of each grid, and the grids that are in none."""
    if communities.empty:
        code = pd.Series(None, index=grids.index, dtype=object)
    else:
        metric = crs.metric_crs_of(communities)
        placed = topology.assign(grids[["geometry"]].to_crs(metric), communities.to_crs(metric))
        code = placed["unit_code"]
    return code, [
        Issue("C06.nowhere", int(row), "geometry", {"date": effective}, grids.geometry[row])
        for row in code.index[code.isna()]
    ]


def _codes(grids: gpd.GeoDataFrame) -> pd.Series:
    """Return the codes as text, None for every kind of empty."""
    cells = LAYERS["grid"].parse(grids)["code"].astype(object)
    return cells.where(cells.notna(), None)


def _numbered(grids: gpd.GeoDataFrame, community: pd.Series, used: set[str]) -> pd.DataFrame:
    some = grids[["geometry"]].assign(parent_code=community[grids.index])
    metric = crs.metric_crs_of(some) if len(some) else crs.metric_crs(0.0, 0.0)
    return topology.numbered(some.to_crs(metric), used=used)


def _write(grids: gpd.GeoDataFrame, code: pd.Series, before: pd.Series, target: Path) -> None:
    rest = grids.drop(columns=["code", "code_before"], errors="ignore")
    rest.insert(0, "code_before", before)
    files.write_layers({"grid": rest.set_index(pd.Index(code, name="code"))}, target)


def _summary(community: pd.Series, kept: pd.Series, sequence: pd.Series) -> pd.DataFrame:
    table = pd.DataFrame({"community": community, "kept": kept, "sequence": sequence})
    groups = table.groupby("community")
    number = f"0{CODE_LENGTH[Level.GRID] - CODE_LENGTH[Level.COMMUNITY]}.0f"
    return pd.DataFrame(
        {
            "grids": groups.size(),
            "kept": groups["kept"].sum().astype(int),
            "numbered": groups["sequence"].count(),
            "first": groups["sequence"].min().map(lambda n: "" if pd.isna(n) else f"{n:{number}}"),
            "last": groups["sequence"].max().map(lambda n: "" if pd.isna(n) else f"{n:{number}}"),
        }
    )
