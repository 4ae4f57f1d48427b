"""What became of the district between two days."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from gridmap import crs, differences, files, maps, store
from gridmap.errors import InputError, UnitNotFound
from gridmap.jobs.cameras import write_camera_coverage
from gridmap.jobs.coverage import write_org_coverage
from gridmap.jobs.rates import stored_rates
from gridmap.jobs.records import records
from gridmap.model import DIVISION_LEVELS, Level

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine

    Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Difference:
    """What differs between two days, in frames; geometry in EPSG:4490.

    ``divisions`` and ``buildings``: index code; columns of the rows, change, fields (divisions
    also level). ``coverage``: index lens and target_code; change, status, reason, holder_code,
    geometry of the target. ``ground``: index unit_code; change, area_m2, geometry. ``rates``:
    index measure; covered and total of the district on both days, unit_of_measure.
    ``lineage``: who got whose ground between them.
    """

    before: dt.date
    after: dt.date
    divisions: gpd.GeoDataFrame
    buildings: gpd.GeoDataFrame
    coverage: gpd.GeoDataFrame
    ground: gpd.GeoDataFrame
    rates: pd.DataFrame
    lineage: pd.DataFrame

    def layers(self) -> dict[str, pd.DataFrame]:
        """Return the frames by name, as layers of a file."""
        names = ("divisions", "buildings", "coverage", "ground", "rates", "lineage")
        return {name: getattr(self, name) for name in names}

    def as_dict(self, limit: int) -> dict[str, Any]:
        """Return the difference for JSON: of each frame the first rows, and how many there are."""
        parts = {}
        for name, frame in self.layers().items():
            index = [one for one in frame.index.names if one is not None]
            plain = pd.DataFrame(frame.drop(columns="geometry", errors="ignore"))
            rows = records(plain.reset_index(drop=not index).head(limit))
            parts[name] = {"total": len(frame), "rows": rows}
        return {"from": self.before, "to": self.after, **parts}


@dataclass(frozen=True)
class _Day:
    """What is compared of one day."""

    divisions: gpd.GeoDataFrame
    buildings: gpd.GeoDataFrame
    statuses: pd.DataFrame
    seen: gpd.GeoDataFrame
    rates: pd.DataFrame


def diff(
    engine: Engine,
    before: dt.date,
    after: dt.date,
    *,
    target: Path | None = None,
    drawing: Path | None = None,
    language: str = "zh",
    progress: Progress | None = None,
) -> Difference:
    """Compare two days: divisions, buildings, and coverage gained and lost.

    Parameters
    ----------
    engine
        The store.
    before, after
        The days, the earlier first.
    target
        A GeoPackage to write, a layer for each frame.
    drawing
        An HTML file to write, the map of the difference.
    language
        ``zh`` or ``en``, of the map.
    progress
        Called with a step's name and the share done, 0..1.

    Returns
    -------
    Difference
        Computed for both days, of one state of the store, and not kept in it.

    Raises
    ------
    InputError
        The days are in the wrong order, or a file cannot be written there.
    UnitNotFound
        There is no district on the later day.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    if before >= after:
        raise InputError(f"{before} is not before {after}; give the earlier day first")
    if target:
        files.require_target(target)
    if drawing:
        files.require_folder(drawing)
    tell = progress or (lambda _step, _share: None)
    with store.transaction(engine, snapshot=True) as conn:
        store.hide_results(conn)
        then = _day(conn, before, tell)
        now = _day(conn, after, tell)
        lineage = store.read_lineage(conn)
        synthetic = store.has_synthetic(conn)
    tell("comparing", 0.0)
    lineage = lineage[(lineage["effective"] > before) & (lineage["effective"] <= after)]
    found = _compared(before, after, then, now, lineage.set_index("old_code"))
    if target:
        files.write_layers(found.layers(), target)
    if drawing:
        districts = now.divisions[now.divisions["level"] == str(Level.DISTRICT)]
        if districts.empty:
            raise UnitNotFound(f"the store has no district on {after}")
        text = maps.difference_page(
            found.layers(),
            districts,
            days=(before, after),
            language=language,
            synthetic=synthetic,
        )
        with files.whole(drawing, private=True) as part:
            part.write_text(text, encoding="utf-8")
    return found


def _day(conn: Connection, day: dt.date, tell: Progress) -> _Day:
    write_org_coverage(conn, day)
    write_camera_coverage(conn, day, full=True, progress=tell)
    levels = [
        store.read_units(conn, level, as_of=day).assign(level=str(level))
        for level in DIVISION_LEVELS
    ]
    buildings = store.read_layer(conn, "building", as_of=day)
    return _Day(
        divisions=gpd.GeoDataFrame(pd.concat(levels)),
        buildings=gpd.GeoDataFrame(buildings).set_index("code"),
        statuses=store.read_statuses(conn),
        seen=store.read_seen(conn),
        rates=stored_rates(conn, level=Level.DISTRICT),
    )


def _compared(
    before: dt.date, after: dt.date, then: _Day, now: _Day, lineage: pd.DataFrame
) -> Difference:
    metric = crs.metric_crs_of(now.divisions if len(now.divisions) else then.divisions)
    ground = differences.ground_changes(
        then.seen.geometry.to_crs(metric), now.seen.geometry.to_crs(metric)
    )
    keys = ["measure", "unit_code", "unit_of_measure"]
    sides = [
        day.rates.reset_index().set_index(keys)[["covered", "total"]].add_suffix(f"_{name}")
        for name, day in (("before", then), ("after", now))
    ]
    rates = sides[0].join(sides[1], how="outer")
    coverage = differences.coverage_changes(then.statuses, now.statuses)
    return Difference(
        before=before,
        after=after,
        divisions=differences.row_changes(then.divisions, now.divisions),
        buildings=differences.row_changes(then.buildings, now.buildings),
        coverage=_located(coverage, then, now),
        ground=crs.to_storage(ground),
        rates=rates.reset_index().set_index("measure"),
        lineage=lineage,
    )


def _located(coverage: pd.DataFrame, then: _Day, now: _Day) -> gpd.GeoDataFrame:
    """Give each target its place, of the later day if it has one."""
    places: dict[Any, Any] = {}
    for frame in (then.buildings, then.divisions, now.buildings, now.divisions):
        places |= dict(zip(frame.index, frame.geometry, strict=True))
    shapes = [places.get(code) for code in coverage.index.get_level_values("target_code")]
    return gpd.GeoDataFrame(coverage, geometry=shapes, crs=crs.STORAGE_CRS)
