"""Computing what cameras see: the whole store, or only what a change touches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap import __version__, camera_coverage, crs, lawfulness, store
from gridmap.jobs.rates import INPUT_LAYERS, all_rates
from gridmap.model import CODE_LENGTH, Level

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from pyproj import CRS
    from sqlalchemy import Connection, Engine

    Progress = Callable[[str, float], None]

_MARGIN_M = 2.0
"""Buildings are read this much beyond what cameras reach: windows are boxes in degrees."""

_PART_MOST = 500
"""More changes than this are computed street by street like everything: memory stays bounded."""

_NOWHERE = np.zeros(0, dtype=object)

_LAW_M = 1.0
"""A changed camera may be a duplicate of others this near (rule V04: 0.5 m)."""


@dataclass(frozen=True)
class _District:
    """What is small enough to be read whole, in one metric frame; ``cameras`` are all of them."""

    metric: CRS
    as_of: dt.date
    units: gpd.GeoDataFrame
    cameras: gpd.GeoDataFrame
    roads: gpd.GeoDataFrame
    key_areas: gpd.GeoDataFrame
    entrances: gpd.GeoDataFrame
    privacy_zones: gpd.GeoDataFrame
    restricted_sites: gpd.GeoDataFrame

    @property
    def working(self) -> gpd.GeoDataFrame:
        """The cameras that see something: neither under repair nor removed."""
        return self.cameras[self.cameras["state"].fillna("in_use") == "in_use"]


@dataclass(frozen=True)
class _Results:
    """What goes into the store; ``only`` names what is replaced where that is not everything."""

    views: gpd.GeoDataFrame
    ground: gpd.GeoDataFrame
    blind: gpd.GeoDataFrame
    frontage: pd.DataFrame
    entrances: pd.DataFrame
    losses: pd.DataFrame
    issues: gpd.GeoDataFrame
    only: dict[str, dict[str, list[str]]]


def refresh_camera_coverage(
    engine: Engine, *, as_of: dt.date, full: bool = False, progress: Progress | None = None
) -> pd.DataFrame:
    """Compute what each camera sees and what ground none sees; replace the former result.

    Parameters
    ----------
    engine
        The store.
    as_of
        The date of everything. Cameras under repair or removed see nothing.
    full
        Compute everything, even where nothing changed.
    progress
        Called with a step's name and the share done, 0..1.

    Returns
    -------
    DataFrame
        The rates of the districts: measure, unit_code, level, unit_of_measure, covered, total.

    Raises
    ------
    StoreUnavailable, Conflict, StoreError
        See `store.transaction`.

    Notes
    -----
    Rule: if since the last run for this day only cameras and buildings changed, what they touch
    is computed anew and the rest stays, with the run that made it; a test says that this equals
    a full run. More than 500 changes are computed as everything is. Two-dimensional: terrain and
    heights are not considered, and every figure says so.
    """
    with store.transaction(engine, writes=True) as conn:
        return write_camera_coverage(conn, as_of, full=full, progress=progress)


def write_camera_coverage(
    conn: Connection, as_of: dt.date, *, full: bool = False, progress: Progress | None = None
) -> pd.DataFrame:
    """Compute and write within a transaction; see `refresh_camera_coverage`.

    Parameters
    ----------
    conn
        An open connection that writes.
    as_of, full, progress
        See `refresh_camera_coverage`.

    Returns
    -------
    DataFrame
        See `refresh_camera_coverage`.
    """
    tell = progress or (lambda _step, _share: None)
    here = _read(conn, as_of)
    if here.cameras.empty:
        store.clear_results(conn, "camera")  # what was computed of others is not of this day
        return all_rates(conn, {}, as_of)
    last = None if full else _last_run(conn, as_of)
    changes = _changes(conn, here, last) if last else None
    if changes and len(changes.cameras) + len(changes.buildings) <= _PART_MOST:
        results = _part(conn, here, changes, tell)
    else:
        results, last = _whole(conn, here, tell), None
    tell("writing", 0.0)
    run_id = store.write_run(conn, "camera", as_of, _inputs(conn, here, results, last))
    for name, frame in _tables(results, here.cameras["grid_code"]).items():
        only = results.only.get(name)
        store.replace_results(conn, name, frame, run_id=run_id, subject="camera", only=only)
    table = all_rates(conn, _counted(store.read_figures(conn), here), as_of)
    store.replace_results(conn, "coverage_rate", table, run_id=run_id, subject="camera")
    return table[table["level"] == "district"]


def _read(conn: Connection, as_of: dt.date) -> _District:
    units = store.read_units(conn, Level.GRID, as_of=as_of)
    cameras = store.read_cameras(conn, as_of=as_of)
    placed = cameras if units.empty else units
    metric = crs.metric_crs_of(placed) if len(placed) else crs.metric_crs(0.0, 0.0)
    places = {
        name: store.read_places(conn, layer, as_of=as_of).to_crs(metric)
        for name, layer in (
            ("key_areas", "key_public_area"),
            ("entrances", "entrance"),
            ("privacy_zones", "privacy_zone"),
            ("restricted_sites", "restricted_site"),
        )
    }
    return _District(
        metric=metric,
        as_of=as_of,
        units=units.to_crs(metric),
        cameras=cameras.to_crs(metric),
        roads=store.read_roads(conn, as_of=as_of).to_crs(metric),
        **places,
    )


def _last_run(conn: Connection, as_of: dt.date) -> dict[str, Any] | None:
    """Return the last run if all but cameras and buildings is as it was then."""
    runs = [run for run in store.read_runs(conn) if run["subject"] == "camera"]
    newest = store.read_newest(conn)
    if newest and as_of < newest:
        return None  # what was written since then may not be true on that day yet
    if not runs or runs[0]["as_of"] != as_of or runs[0]["inputs"]["program"] != __version__:
        return None
    now, then = store.read_inputs(conn, INPUT_LAYERS["camera"]), runs[0]["inputs"]["layers"]
    others = set(INPUT_LAYERS["camera"]) - {"building", "camera"}
    same = all(now.get(name) == then.get(name) for name in others)
    return runs[0] if same and "grid" in then and "camera" in then else None


def _walls(conn: Connection, here: _District, boxes: np.ndarray) -> gpd.GeoDataFrame:
    """Read the buildings that cameras with these reaches may look at."""
    west, south, east, north = shapely.total_bounds(boxes) if len(boxes) else np.zeros(4)
    if not np.isfinite([west, south, east, north]).all():
        west = south = east = north = 0.0
    m = _MARGIN_M
    box = shapely.segmentize(shapely.box(west - m, south - m, east + m, north + m), 500.0)
    low_x, low_y, high_x, high_y = (
        gpd.GeoSeries([box], crs=here.metric).to_crs(crs.STORAGE_CRS).total_bounds.tolist()
    )
    window = (low_x, low_y, high_x, high_y)
    found = store.read_walls(conn, as_of=here.as_of, window=window).to_crs(here.metric)
    return _meeting(found, boxes)


def _places(
    conn: Connection,
    here: _District,
    units: gpd.GeoDataFrame,
    cameras: gpd.GeoDataFrame,
    also: np.ndarray = _NOWHERE,
) -> camera_coverage.Places:
    """Return some units with all the cameras given and what these may look at.

    ``also``: shapes whose buildings are wanted besides.
    """
    shapes = units.geometry.to_numpy()
    # Households near a blind area may live beyond the border.
    beside = shapely.buffer(shapes, camera_coverage.NEAR_M)
    walls = _walls(conn, here, np.concatenate([camera_coverage.reaches(cameras), beside, also]))
    return camera_coverage.Places(
        units=units,
        cameras=cameras,
        buildings=walls,
        roads=_meeting(here.roads, shapes),
        key_areas=_meeting(here.key_areas, shapes),
        entrances=here.entrances[here.entrances["building_code"].isin(walls.index)],
    )


def _meeting(frame: gpd.GeoDataFrame, shapes: np.ndarray) -> gpd.GeoDataFrame:
    """Return the rows that meet any of some shapes."""
    return frame[camera_coverage.meets(frame.geometry.to_numpy(), shapes)]


def _whole(conn: Connection, here: _District, tell: Progress) -> _Results:
    """Compute street by street, so that memory is bounded; units know no borders."""
    working = here.working
    streets = here.units.index.str[: CODE_LENGTH[Level.STREET]]
    names = sorted(set(streets))
    boxes, poles = camera_coverage.reaches(working), camera_coverage.poles(working)
    parts, viewed = [], np.zeros(len(working), dtype=bool)
    for done, street in enumerate(names):
        tell("cameras", done / len(names))
        units = here.units[streets == street]
        near = camera_coverage.meets(boxes, units.geometry.to_numpy())
        near |= poles.isin(poles[near].dropna()).to_numpy()
        viewed |= near
        parts.append(_one(conn, here, units, working[near]))
    if not viewed.all() or not parts:  # cameras far from every unit have views all the same
        parts.append(_one(conn, here, here.units.head(0), working[~viewed]))
    found = _joined(parts, working)
    tell("law", 0.0)
    walls = _walls(conn, here, boxes)
    return replace(found, issues=_issues(here, here.cameras, found.views, walls))


def _one(
    conn: Connection, here: _District, units: gpd.GeoDataFrame, cameras: gpd.GeoDataFrame
) -> _Results:
    """Compute some units; of buildings and entrances those that belong to them."""
    places = _places(conn, here, units, cameras)
    grid = places.buildings["grid_code"]
    own = grid[grid.isin(units.index)]
    found = camera_coverage.coverage(places, levels=camera_coverage.PLANNING_LEVELS)
    doors = places.entrances["building_code"].map(own)
    return _Results(
        views=found.views,
        ground=found.ground,
        blind=found.blind,
        frontage=found.frontage.loc[own.index].assign(unit_code=own),
        entrances=found.entrances[doors.notna()].assign(unit_code=doors.dropna()),
        losses=found.failures,
        issues=gpd.GeoDataFrame(),
        only={},
    )


def _joined(parts: list[_Results], cameras: gpd.GeoDataFrame) -> _Results:
    """Join the parts of a district: views are the same in all."""
    views = pd.concat([part.views for part in parts])
    views = views[~views.index.duplicated()].reindex(cameras.index)
    frames = {
        name: pd.concat([getattr(part, name) for part in parts])
        for name in ("ground", "blind", "frontage", "entrances", "losses")
    }
    return _Results(views=views, issues=gpd.GeoDataFrame(), only={}, **frames)


def _part(conn: Connection, here: _District, changes: _Changes, tell: Progress) -> _Results:
    """Compute what the changes since a run touch."""
    tell("cameras", 0.0)
    before, cameras, buildings = changes
    after = camera_coverage.Places(
        here.units, here.working, before.buildings, here.roads, here.key_areas, here.entrances
    )
    now = _walls(conn, here, _ground_of(before, after, cameras, buildings))
    after = after._replace(buildings=now)
    old = before.buildings
    before = before._replace(buildings=pd.concat([old, now.drop(buildings, errors="ignore")]))
    touched = camera_coverage.touched(before, after, cameras=cameras, buildings=buildings)
    built = now.geometry.to_numpy()[now.index.isin(touched.buildings)]
    beside = shapely.buffer(built, _LAW_M)
    watching = here.working[here.working.index.isin(touched.watching)]
    places = _places(conn, here, here.units.loc[touched.units], watching, beside)
    found = camera_coverage.coverage(places, levels=camera_coverage.PLANNING_LEVELS)
    return _spliced(here, found, places, touched)


def _ground_of(
    before: camera_coverage.Places,
    after: camera_coverage.Places,
    cameras: pd.Index,
    buildings: pd.Index,
) -> np.ndarray:
    """Return boxes over all that changed, and over all that looks at it."""
    sides = [(side.cameras, camera_coverage.reaches(side.cameras)) for side in (before, after)]
    built = before.buildings.geometry.to_numpy()
    mine = [boxes[frame.index.isin(cameras)] for frame, boxes in sides]
    near = [boxes[camera_coverage.meets(boxes, built)] for _, boxes in sides]
    return np.concatenate([*mine, *near, shapely.buffer(built, camera_coverage.NEAR_M)])


class _Changes(NamedTuple):
    """The cameras as a run saw them with the changed buildings then and now; what changed."""

    before: camera_coverage.Places
    cameras: pd.Index
    buildings: pd.Index


def _changes(conn: Connection, here: _District, last: dict[str, Any]) -> _Changes:
    """Read what changed since a run."""
    then = last["inputs"]["layers"]
    sides = {}
    for layer in ("camera", "building"):
        since = max((then.get(layer) or {"batch": 0})["batch"], then["grid"]["batch"])
        sides[layer] = store.read_changed(conn, layer, since=since)
    cameras, former = sides["camera"]
    former = former.to_crs(here.metric)
    kept = here.cameras[~here.cameras.index.isin(cameras)]
    old = pd.concat([kept, former[kept.columns]])
    old = old[old["state"].fillna("in_use") == "in_use"]
    buildings, houses = sides["building"]
    now = store.read_walls(conn, as_of=here.as_of, codes=buildings).to_crs(here.metric)
    houses = houses[["household_count", "grid_code", "geometry"]].to_crs(here.metric)
    both = pd.concat([houses, now])
    before = camera_coverage.Places(
        here.units, old, both, here.roads, here.key_areas, here.entrances
    )
    return _Changes(before, cameras, buildings)


def _spliced(
    here: _District,
    found: camera_coverage.Coverage,
    places: camera_coverage.Places,
    touched: camera_coverage.Touched,
) -> _Results:
    """Return the rows that a change makes new, and which former rows they replace."""
    units = touched.units
    grid = places.buildings["grid_code"]
    own = grid[grid.isin(here.units.index)]
    inside = _meeting(here.entrances, here.units.geometry.loc[units].to_numpy()).index
    changed = here.entrances["building_code"].isin(touched.buildings)
    gates = here.entrances.index[changed | here.entrances.index.isin(inside)]
    doors = places.entrances["building_code"].map(own).dropna()
    doors = doors[doors.index.isin(gates)]
    walls = own[own.index.isin(touched.buildings)]
    near = places.cameras.index[places.cameras.index.isin(touched.views)]
    spots = here.cameras.geometry.to_numpy()
    seen = np.flatnonzero(here.cameras.index.isin(touched.views))
    _, row = shapely.STRtree(spots).query(spots[seen], predicate="dwithin", distance=_LAW_M)
    judged = here.cameras.iloc[np.unique(np.concatenate([seen, row]))]
    return _Results(
        views=found.views.loc[near],
        ground=found.ground,
        blind=found.blind,
        frontage=found.frontage.loc[walls.index].assign(unit_code=walls),
        entrances=found.entrances.loc[doors.index].assign(unit_code=doors),
        losses=found.failures,
        issues=_issues(here, judged, found.views, places.buildings),
        only={
            "camera_view": {"camera_code": list(touched.views)},
            "ground_coverage": {"unit_code": list(units)},
            "blind_area": {"unit_code": list(units)},
            "building_frontage": {"building_code": list(touched.buildings)},
            "entrance_coverage": {"entrance_code": list(gates)},
            "failure_loss": {"unit_code": list(units)},
            "camera_issue": {"camera_code": [*judged.index, *touched.views]},
        },
    )


def _issues(
    here: _District,
    cameras: gpd.GeoDataFrame,
    views: gpd.GeoDataFrame,
    walls: gpd.GeoDataFrame,
) -> gpd.GeoDataFrame:
    """Judge cameras by the law."""
    district = here.units.index[0][: CODE_LENGTH[Level.DISTRICT]] if len(here.units) else ""
    return lawfulness.camera_issues(
        cameras,
        views,
        privacy_zones=here.privacy_zones,
        restricted_sites=here.restricted_sites,
        buildings=walls,
        district=district,
        as_of=here.as_of,
    )


def _counted(
    figures: pd.DataFrame, here: _District
) -> dict[str, tuple[pd.Series, pd.Series, pd.Series]]:
    """Return what is counted under each measure: grid, covered, total."""
    grid = figures.index.to_series()
    areas = figures.drop(columns=["areas_m2", "level_areas_m2"]).astype(float)
    twice = figures["areas_m2"].map(lambda a: a[2] if len(a) > 2 else 0.0)
    counted = {
        "camera.key_public_area": ("key_seen_area_m2", "key_area_m2"),
        "camera.frontage": ("seen_m", "open_m"),
        "camera.entrances": ("entrances_seen", "entrances"),
        "camera.open_ground": ("seen_area_m2", "open_area_m2"),
        "camera.open_ground_certain": ("certain_area_m2", "open_area_m2"),
        "camera.gross_area": ("seen_area_m2", "gross_area_m2"),
    }
    series = {
        measure: (grid, areas[seen].fillna(0.0), areas[total].fillna(0.0))
        for measure, (seen, total) in counted.items()
        if areas[total].sum() > 0  # a layer that nobody imported is not a district of nothing
    }
    if len(figures):
        series["camera.open_ground_twice"] = (grid, twice.astype(float), areas["open_area_m2"])
    if here.working["h_pixels"].notna().any():
        for level in camera_coverage.PLANNING_LEVELS:
            seen = figures["level_areas_m2"].map(lambda at, name=level: at.get(name, 0.0))
            series[f"camera.open_ground_{level}"] = (grid, seen, areas["open_area_m2"])
    return series | _official(here.cameras)


def _official(cameras: gpd.GeoDataFrame) -> dict[str, tuple[pd.Series, pd.Series, pd.Series]]:
    """Return the official rates of devices; the coverage rate is that of key public areas.

    Rule: networked, HD and intact (in use) of all cameras that are not removed; a field nobody
    filled in counts as no. Source: 发改高技[2015]996号 (domain.md 1.4).
    """
    there = cameras[cameras["state"].fillna("in_use") != "removed"]
    grid, one = there["grid_code"], pd.Series(1.0, index=there.index)
    yes = {
        "camera.networked": there["networked"],
        "camera.hd": there["hd"],
        "camera.intact": there["state"].fillna("in_use") == "in_use",
    }
    known = {name: flag for name, flag in yes.items() if flag.notna().any()}
    return {
        name: (grid, flag.astype("boolean").fillna(value=False).astype(float), one)
        for name, flag in known.items()
    }


def _inputs(
    conn: Connection, here: _District, results: _Results, last: dict[str, Any] | None
) -> dict[str, Any]:
    """Return what the run was made from, and what it took for granted."""
    working = camera_coverage.complete_optics(here.working)
    counts = {
        "cameras": len(here.cameras),
        "cameras_working": len(working),
        "cameras_assumed": int((working["assumed"] != "").sum()),
        "cameras_inexact": int(
            ((working["azimuth_tolerance_deg"] > 0) | (working["position_tolerance_m"] > 0)).sum()
        ),
        "cameras_without_pixels": int(working["h_pixels"].isna().sum()),
    }
    return {
        "layers": store.read_inputs(conn, INPUT_LAYERS["camera"]),
        **counts,
        "assumptions": {
            "hfov_deg": camera_coverage.DEFAULT_HFOV_DEG,
            "max_range_m": camera_coverage.DEFAULT_RANGE_M,
            "detail_px_per_m": {
                level: camera_coverage.DETAIL_LEVELS[level]
                for level in camera_coverage.PLANNING_LEVELS
            },
            "near_m": camera_coverage.NEAR_M,
            "pole_m": camera_coverage.POLE_M,
        },
        "recomputed_units": len(results.ground),
        "after_run": last["id"] if last else None,
        "dimensions": 2,
        "program": __version__,
    }


def _tables(results: _Results, grids: pd.Series) -> dict[str, pd.DataFrame]:
    """Return the result tables in the storage frame, empty shapes as none."""
    views, ground = _stored(results.views, "certain"), _stored(results.ground, "seen", "blind")
    views["unit_code"] = grids.reindex(views.index)
    blind = crs.to_storage(results.blind).reset_index()
    blind["place"] = blind.geometry.representative_point()
    issues = crs.to_storage(results.issues)
    issues["unit_code"] = grids.reindex(issues["camera_code"]).to_numpy()
    return {
        "camera_view": views.reset_index(names="camera_code"),
        "ground_coverage": pd.DataFrame(ground).reset_index(names="unit_code"),
        "blind_area": blind,
        "building_frontage": results.frontage.reset_index(names="building_code"),
        "entrance_coverage": results.entrances.reset_index(names="entrance_code"),
        "failure_loss": results.losses.reset_index(),
        "camera_issue": issues,
    }


def _stored(frame: gpd.GeoDataFrame, *names: str) -> gpd.GeoDataFrame:
    """Return a frame with several geometry columns in the storage frame."""
    stored = crs.to_storage(frame)
    every = {*names, stored.geometry.name}
    for name in every:
        column = gpd.GeoSeries(frame[name], crs=frame.crs)
        shape = crs.to_storage(column)
        stored[name] = shape.where(~shape.is_empty, None)
    return stored
