"""The map on a day that is over: which days there are, what was frozen of them, their tiles.

Belongs here: reading frozen answers, narrowed to what one sees, for pages, tiles and lists. Does
not belong here: freezing them (``jobs.snapshots``), figures computed for any day (``jobs.days``).

Frozen answers are of the whole district, and only the application reads them: whatever leaves here
was held against the scope of the one who asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
from cachetools import LRUCache

from gridmap import maps, org_coverage, store, trend
from gridmap.errors import LensNotFound, NotFound, SnapshotNotFound
from gridmap.jobs.days import day_of_figures
from gridmap.jobs.lenses import lens_of_day, read_lenses
from gridmap.jobs.map_tiles import compressed, is_tile
from gridmap.jobs.rates import RATE_COLUMNS
from gridmap.jobs.records import records
from gridmap.jobs.target_places import target_places
from gridmap.model import COVERED

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy import Connection, Engine

    from gridmap.model import Scope

FRAMES_KEPT, SUMS_KEPT = 12, 16
"""Answers of one lens (4 MB for a district), and what all lenses of one day add up to (2 MB)."""

LENSES_SHOWN = tuple(
    dict.fromkeys(
        one.measure.partition(".")[0] for one in maps.LENSES if not one.measure.startswith("camera")
    )
)
"""The lenses that the map asks; what cameras see is not frozen."""

PAST_LAYERS = store.PAST_LAYERS

_TEXTS = ["status", "reason", "holder_code", "unit_code"]


@dataclass(frozen=True)
class Stop:
    """A day of which answers are frozen: number and label of the last snapshot of it."""

    number: int
    label: str
    day: dt.date


@dataclass(frozen=True)
class Shown:
    """Which day a map shows, and with which it compares.

    ``stops`` are the frozen days before ``today``, the day of the present figures. ``day`` is None
    for the present, ``before`` where nothing is compared. ``missed`` and ``missed_before`` are days
    that were asked for and that nothing is kept of.
    """

    stops: tuple[Stop, ...]
    today: dt.date
    day: Stop | None = None
    before: Stop | None = None
    missed: dt.date | None = None
    missed_before: dt.date | None = None

    @property
    def plain(self) -> bool:
        """Whether it is the present, compared with nothing."""
        return self.day is None and self.before is None

    @property
    def tag(self) -> str:
        """What is the same only for the same frozen answers."""
        return "-".join(str(one.number if one else 0) for one in (self.day, self.before))

    def told(self) -> dict[str, Any]:
        """Return it for the page, days as text."""

        def text(day: dt.date | None) -> str | None:
            return day.isoformat() if day else None

        return {
            "stops": [one.day.isoformat() for one in self.stops],
            "today": self.today.isoformat(),
            "day": text(self.day.day if self.day else None),
            "before": text(self.before.day if self.before else None),
            "missed": text(self.missed),
            "missed_before": text(self.missed_before),
        }


def shown_days(
    stops: Iterable[Stop],
    figures: dt.date,
    *,
    now: dt.date,
    day: dt.date | None = None,
    before: dt.date | None = None,
) -> Shown:
    """Return which frozen days are shown to who asks for these.

    Parameters
    ----------
    stops
        All frozen days, ascending.
    figures
        The day of the present figures: what was frozen of it or later is no stop.
    now
        The day of today.
    day
        The day asked for; None for the present.
    before
        The day to compare with; None for none.

    Returns
    -------
    Shown
        Of a day without answers the nearest earlier one, or the first; one to compare with is
        before the one shown.

    Examples
    --------
    >>> import datetime as dt
    >>> stops = [Stop(1, "2026Q1", dt.date(2026, 3, 31)), Stop(2, "2026Q2", dt.date(2026, 6, 30))]
    >>> some = shown_days(stops, dt.date(2026, 9, 1), now=dt.date(2026, 9, 2),
    ...                   day=dt.date(2026, 8, 5), before=dt.date(2026, 8, 5))
    >>> some.day.label, some.missed.isoformat(), some.before.label
    ('2026Q2', '2026-08-05', '2026Q1')
    """
    earlier = tuple(one for one in stops if one.day < figures)
    stop = _nearest(earlier, day) if day is not None and day < figures else None
    here = stop.day if stop else figures
    then = tuple(one for one in earlier if one.day < here)
    with_which = _nearest(then, before) if before is not None else None
    met = (None, here) if stop else (None, here, now)
    met_before = (None, with_which.day) if with_which else (None,)
    return Shown(
        earlier,
        figures,
        stop,
        with_which,
        missed=None if day in met else day,
        missed_before=None if before in met_before else before,
    )


def _nearest(stops: Sequence[Stop], day: dt.date) -> Stop | None:
    """Return the last stop that is not after a day, or the first; None where there is none."""
    return next((one for one in reversed(stops) if one.day <= day), stops[0] if stops else None)


class Past:
    """The frozen answers of a store, each read once and kept while it is asked for.

    Parameters
    ----------
    engine
        The store, as the application sees it. What is frozen never changes.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._frames: LRUCache[tuple[int, str], pd.DataFrame | None] = LRUCache(FRAMES_KEPT)
        self._sums: LRUCache[int, dict[str, pd.DataFrame]] = LRUCache(SUMS_KEPT)
        self._lock, self._reading = Lock(), Lock()

    def stops(self) -> tuple[Stop, ...]:
        """Return the days of which answers are frozen, ascending."""
        with store.transaction(self._engine) as conn:
            return tuple(Stop(*row) for row in store.read_frozen_days(conn))

    def shown(
        self, *, now: dt.date, day: dt.date | None = None, before: dt.date | None = None
    ) -> Shown:
        """Return which days are shown to who asks for these; see `shown_days`."""
        with store.transaction(self._engine) as conn:
            figures = day_of_figures(conn, "org")
            stops = [Stop(*row) for row in store.read_frozen_days(conn)]
        return shown_days(stops, figures, now=now, day=day, before=before)

    def stop_of(self, day: dt.date) -> Stop:
        """Return the last frozen day that is not after a day.

        Parameters
        ----------
        day
            Any.

        Returns
        -------
        Stop
            Of the last snapshot of that day.

        Raises
        ------
        SnapshotNotFound
            Nothing is frozen of so early a day.
        """
        for stop in reversed(self.stops()):
            if stop.day <= day:
                return stop
        raise SnapshotNotFound(f"nothing is frozen of {day} or before")

    def frame(self, stop: Stop, lens: str) -> pd.DataFrame | None:
        """Return the answers of a lens as they were frozen.

        Parameters
        ----------
        stop
            Which day.
        lens
            Code of the lens.

        Returns
        -------
        DataFrame or None
            As `trend.unpacked`, texts as categories; None where the lens was not answered.
        """
        return self._once(self._frames, (stop.number, lens), lambda: self._read(stop, lens))

    def _once(self, kept: LRUCache[Any, Any], key: object, read: Callable[[], Any]) -> Any:
        """Return what is kept, or read it: all tiles of a view ask for the same at once."""
        with self._lock:
            if key in kept:
                return kept[key]
        with self._reading:
            with self._lock:
                if key in kept:
                    return kept[key]
            found = read()
            with self._lock:
                kept[key] = found
        return found

    def _read(self, stop: Stop, lens: str) -> pd.DataFrame | None:
        with store.transaction(self._engine) as conn:
            data = store.read_frozen(conn, stop.label, lens)
        return None if data is None else _lean(trend.unpacked(data))

    def sums(self, stop: Stop) -> dict[str, pd.DataFrame]:
        """Return what the targets of each lens that the map asks add up to, by unit.

        Parameters
        ----------
        stop
            Which day.

        Returns
        -------
        dict
            Lens -> `org_coverage.frozen_sums`, of those that were answered.
        """
        found: dict[str, pd.DataFrame] = self._once(
            self._sums, stop.number, lambda: self._summed(stop)
        )
        return found

    def _summed(self, stop: Stop) -> dict[str, pd.DataFrame]:
        with store.transaction(self._engine) as conn:
            frozen = {lens: store.read_frozen(conn, stop.label, lens) for lens in LENSES_SHOWN}
        return {
            lens: org_coverage.frozen_sums(trend.unpacked(data))
            for lens, data in frozen.items()
            if data is not None
        }


def _lean(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype(dict.fromkeys(_TEXTS, "category"))


def frozen_rates(engine: Engine, past: Past, stop: Stop, scope: Scope) -> pd.DataFrame:
    """Return the rates of a frozen day, as `stored_rates` gives the present ones.

    Parameters
    ----------
    engine
        The store.
    past
        Its frozen answers.
    stop
        Which day.
    scope
        Who asks: only targets in it are counted.

    Returns
    -------
    DataFrame
        Index ``unit_code``; measure, level, unit_of_measure, covered, total. Without figures of
        parts, and of cameras: they are not frozen.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    with store.transaction(engine) as conn:
        lenses = read_lenses(conn, stop.day)
    tables = []
    for code, units in past.sums(stop).items():
        mine = units[[scope.has(str(unit)) for unit in units.index]]
        if code in lenses and len(mine):
            figures = org_coverage.lens_rates(org_coverage.rolled_up(mine), lenses[code])
            tables.append(figures[figures["measure"] != f"{code}.parts"])
    columns = [name for name in RATE_COLUMNS if name != "unit_code"]
    if not tables:
        return pd.DataFrame(columns=columns).rename_axis("unit_code")
    return pd.concat(tables)[columns].sort_index(kind="stable")


class Frozen(NamedTuple):
    """Figures of the days that a map shows: None of the present, or where nothing is compared."""

    shown: Shown
    rates: pd.DataFrame | None
    before: pd.DataFrame | None


def frozen_figures(engine: Engine, past: Past, shown: Shown, scope: Scope) -> Frozen:
    """Return the figures of the days that a map shows.

    Parameters
    ----------
    engine
        The store.
    past
        Its frozen answers.
    shown
        Which days.
    scope
        Who asks: only targets in it are counted.

    Returns
    -------
    Frozen
        See `frozen_rates`.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    rates, before = (
        frozen_rates(engine, past, stop, scope) if stop else None
        for stop in (shown.day, shown.before)
    )
    return Frozen(shown, rates, before)


def past_tile(
    engine: Engine,
    layers: tuple[str, ...],
    lens: str,
    place: tuple[int, int, int],
    *,
    past: Past,
    shown: Shown,
    now: dt.date,
    scope: Scope,
) -> store.Tile:
    """Draw a tile of the map on a past day, or of what changed between two days.

    Parameters
    ----------
    engine
        The store, as the one who asks sees it.
    layers
        Some of `store.PAST_LAYERS`, in that order.
    lens
        Code of a lens of buildings, or an empty text.
    place
        Zoom, column, row.
    past
        Its frozen answers.
    shown
        Which days.
    now
        The day of today.
    scope
        Who asks: only statuses of targets in it are told.

    Returns
    -------
    Tile
        Its data is compressed (gzip). A building's ``status`` is what was told of it on the day;
        of two days see `trend.became`.

    Raises
    ------
    NotFound
        There are no such layers of a past day, or no such tile.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    if not is_tile(layers, store.PAST_LAYERS, place):
        raise NotFound("there is no such tile of a past day")
    day = shown.day.day if shown.day else now
    coloured = bool(lens) and "building" in layers
    # Before there is a connection: who holds one and waits for another may wait for ever.
    frames = {
        stop: past.frame(stop, lens) for stop in (shown.day, shown.before) if stop and coloured
    }
    with store.transaction(engine, snapshot=True) as conn:
        told = {}
        if coloured:
            standing = store.read_standing(conn, place, as_of=day)
            told["building"] = _told(conn, frames, shown, lens, standing, scope)
        parts = [
            store.read_past_tile(conn, layer, place, as_of=day, statuses=told.get(layer))
            for layer in layers
        ]
    return compressed(
        store.Tile(
            b"".join(part.data for part in parts),
            sum(part.features for part in parts),
            sum(part.dropped for part in parts),
        )
    )


def _told(
    conn: Connection,
    frames: Mapping[Stop, pd.DataFrame | None],
    shown: Shown,
    lens: str,
    standing: dict[str, str],
    scope: Scope,
) -> dict[str, str]:
    """Return what is told of buildings: their status on the day, or what became of them."""
    if shown.day:
        now = _frozen(frames[shown.day], standing, scope)
    else:
        now = store.read_unit_statuses(conn, lens, set(standing.values()))
    if shown.before is None:
        return now
    then = _frozen(frames[shown.before], standing, scope)
    became = {code: trend.became(then.get(code), now.get(code)) for code in standing}
    return {code: change for code, change in became.items() if change}


def _frozen(frame: pd.DataFrame | None, codes: Iterable[str], scope: Scope) -> dict[str, str]:
    """Return the frozen statuses of some targets, of those that were in the scope then."""
    if frame is None:
        return {}
    rows = frame.loc[frame.index.intersection(list(codes)), ["status", "unit_code"]].astype(object)
    return {
        code: status
        for code, status, unit in zip(rows.index, rows["status"], rows["unit_code"], strict=True)
        if scope.has(unit if isinstance(unit, str) else "")
    }


def frozen_targets(
    engine: Engine, past: Past, day: dt.date, lens: str, code: str, *, limit: int, scope: Scope
) -> dict[str, Any]:
    """List the targets of a lens in a unit that were not covered on a frozen day, and why.

    Parameters
    ----------
    engine
        The store, as the one who asks sees it.
    past
        Its frozen answers.
    day
        The day: its frozen answers, or the last before it.
    lens
        Code of a lens.
    code
        A division code.
    limit
        The most rows to return.
    scope
        Who asks: only targets in it are listed.

    Returns
    -------
    dict
        For JSON: ``unit``, ``lens``, ``as_of`` (of the answers), ``snapshot`` (its label),
        ``total``, ``rows``: target_code, unit_code, status, reason, holder_code, household_count,
        name (its address, or its name), longitude and latitude of a point inside; those with most
        households first.

    Raises
    ------
    UnitNotFound, LensNotFound, SnapshotNotFound
        There is no such unit; no such lens on that day; nothing is frozen of it or before.
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.
    """
    stop = past.stop_of(day)
    frame = past.frame(stop, lens)
    if frame is None:
        raise LensNotFound(f"nothing is frozen of a lens {lens[:40]!r} on {stop.day}")
    bare = frame[~frame["status"].isin(COVERED)].astype(dict.fromkeys(_TEXTS, object))
    inside = [
        isinstance(unit, str) and unit.startswith(code) and scope.has(unit)
        for unit in bare["unit_code"]
    ]
    rows = bare[inside].sort_values("household_count", ascending=False, kind="stable")
    shown = rows.head(limit).drop(columns="floor_area_m2")
    with store.transaction(engine, snapshot=True) as conn:
        unit = store.read_unit_rates(conn, code)["unit"]
        target = lens_of_day(conn, lens, stop.day).target
        places = target_places(conn, target, shown.index, stop.day).reindex(shown.index)
    points = places.geometry.representative_point()
    told = shown.assign(name=places["address"], longitude=points.x, latitude=points.y)
    return {
        "unit": vars(unit),
        "lens": lens,
        "as_of": stop.day,
        "snapshot": stop.label,
        "total": len(rows),
        "rows": records(told.rename_axis("target_code").reset_index()),
    }
