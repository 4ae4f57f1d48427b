"""The results of the last computations: rates, uncovered buildings, views, blind ground.

Belongs here: reading them. Does not belong here: the layers they were computed from
(``layers``), when and from which versions (``origins``), writing them (``changes``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from gridmap import tables as t
from gridmap.errors import UnitNotFound
from gridmap.model import CODE_LENGTH, COVERED, Level, Rate
from gridmap.store.conditions import below, inside, state, target_rows, told_of
from gridmap.store.rows import frame_rows, table_rows, unit

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Collection

    import geopandas as gpd
    import pandas as pd
    from sqlalchemy import Connection


def read_rates(conn: Connection, *, level: Level | None = None) -> pd.DataFrame:
    """Read the rates of cameras of the last computation.

    Parameters
    ----------
    conn
        An open connection.
    level
        Only units of this level.

    Returns
    -------
    DataFrame
        Index ``unit_code``; measure, level, unit_of_measure, covered, total.
    """
    r = t.coverage_rate.c
    query = sa.select(r.unit_code, r.measure, r.level, r.unit_of_measure, r.covered, r.total)
    if level is not None:
        query = query.where(r.level == str(level))
    return table_rows(conn, query.order_by(r.unit_code, r.measure), "unit_code")


def read_unit_rates(conn: Connection, code: str) -> dict[str, Any]:
    """Read one unit and its rates of cameras, each with the run that made it.

    Parameters
    ----------
    conn
        An open connection.
    code
        A division code.

    Returns
    -------
    dict
        ``unit`` (Unit) and ``rates``: a list of (Rate, as_of, computed_at, run id).

    Raises
    ------
    UnitNotFound
        No division has or had this code.
    """
    d, r, run = t.division.c, t.coverage_rate.c, t.coverage_run.c
    found = conn.execute(
        sa.select(d.level, d.code, d.name, d.kind)
        .where(d.code == code)
        .order_by(sa.func.lower(d.valid).desc())
        .limit(1)
    ).one_or_none()
    if found is None:
        raise UnitNotFound(f"no unit has the code {code[:20]!r}")
    rows = conn.execute(
        sa.select(
            r.measure, r.unit_of_measure, r.covered, r.total, run.as_of, run.computed_at, run.id
        )
        .select_from(t.coverage_rate.join(t.coverage_run, run.id == r.run_id))
        .where(r.unit_code == code)
        .order_by(r.measure)
    )
    rates = [(Rate(*row[:4]), row.as_of, row.computed_at, row.id) for row in rows]
    return {"unit": unit(found), "rates": rates}


def read_uncovered(
    conn: Connection, code: str, *, as_of: dt.date, limit: int
) -> tuple[int, list[dict[str, Any]]]:
    """Read a unit's buildings without a Party group, most households first.

    A district's are all that no group covers, those in no grid too.

    Parameters
    ----------
    conn
        An open connection.
    code
        A division code.
    as_of
        The date of the buildings.
    limit
        The most rows to return.

    Returns
    -------
    int, list of dict
        How many there are in all; code, name, address, household_count, floor_area_m2,
        grid_code, reason, holder_code, longitude, latitude of the first ones.
    """
    names = ["code", "name", "address", "household_count", "floor_area_m2", "grid_code", "geom"]
    rows = state(t.building, names, as_of, lambda c: [_here(c.grid_code, code)])
    told = target_rows("party_group", lambda unit: [_or_none(unit, code)])
    b, c = rows.c, told.c
    joined = rows.join(told, told_of(told, b))
    place = sa.func.ST_PointOnSurface(b.geom)
    query = (
        sa.select(
            *(b[name] for name in names[:-1]),
            c.reason,
            c.holder_code,
            sa.func.ST_X(place).label("longitude"),
            sa.func.ST_Y(place).label("latitude"),
        )
        .select_from(joined)
        .where(c.status.not_in(COVERED))
    )
    total = conn.execute(query.with_only_columns(sa.func.count())).scalar_one()
    ranked = query.order_by(b.household_count.desc().nulls_last(), b.code).limit(limit)
    return int(total), [dict(row._mapping) for row in conn.execute(ranked)]


def _or_none(unit: sa.ColumnElement[Any], code: str) -> sa.ColumnElement[bool]:
    """Return the condition to be a unit in another one, or none."""
    return sa.or_(sa.and_(*below(unit, code)), unit == "")


def _here(grid_code: sa.ColumnElement[Any], code: str) -> sa.ColumnElement[bool]:
    """Return the condition to be in a unit; what is in no grid is in the district."""
    inner = sa.and_(*below(grid_code, code))
    whole = len(code) == CODE_LENGTH[Level.DISTRICT]
    return sa.or_(inner, grid_code.is_(None)) if whole else inner


def read_views(
    conn: Connection,
    *,
    as_of: dt.date,
    window: tuple[float, float, float, float] | None = None,
    limit: int | None = None,
) -> gpd.GeoDataFrame:
    """Read the computed views of cameras, with where each camera stands.

    Parameters
    ----------
    conn
        An open connection.
    as_of
        The date of the cameras.
    window
        West, south, east, north in degrees: views that touch it.
    limit
        The most rows to return.

    Returns
    -------
    GeoDataFrame
        Index ``code``, ascending; name, azimuth_deg, hfov_deg, max_range_m, state, status,
        reason, assumed, area_m2, certain_area_m2, geometry (the possible view, MultiPolygon or
        None, EPSG:4490).
    """
    views = t.camera_view.c.geom
    return frame_rows(conn, _cameras_seeing(as_of, lambda _camera: views, window, limit))


def read_watching(
    conn: Connection,
    *,
    as_of: dt.date,
    window: tuple[float, float, float, float] | None = None,
    limit: int | None = None,
) -> gpd.GeoDataFrame:
    """Read where cameras stand, with what each sees; those that see nothing too.

    Parameters
    ----------
    conn
        An open connection.
    as_of
        The date of the cameras.
    window
        West, south, east, north in degrees: cameras that stand in it.
    limit
        The most rows to return.

    Returns
    -------
    GeoDataFrame
        Index ``code``, ascending; the columns of `read_views`, null where a camera was not
        computed, geometry (Point, EPSG:4490).
    """
    return frame_rows(conn, _cameras_seeing(as_of, lambda camera: camera.geom, window, limit))


def _cameras_seeing(
    as_of: dt.date,
    shape: Callable[[Any], sa.ColumnElement[Any]],
    window: tuple[float, float, float, float] | None,
    limit: int | None,
) -> sa.Select[Any]:
    names = ["code", "name", "azimuth_deg", "hfov_deg", "max_range_m", "state", "geom"]
    rows = state(t.camera, names, as_of)
    v, c = t.camera_view.c, rows.c
    seen = (v.status, v.reason, v.assumed, v.area_m2, v.certain_area_m2)
    every = rows.outerjoin(t.camera_view, v.camera_code == c.code)
    told = (c[name] for name in names[:-1])
    query = sa.select(*told, *seen, shape(c)).select_from(every).where(*inside(shape(c), window))
    return query.order_by(c.code).limit(limit)


def read_ground(
    conn: Connection,
    *,
    window: tuple[float, float, float, float] | None = None,
    limit: int | None = None,
) -> gpd.GeoDataFrame:
    """Read the blind ground of the grids.

    Parameters
    ----------
    conn
        An open connection.
    window
        West, south, east, north in degrees: grids whose blind ground touches it.
    limit
        The most rows to return.

    Returns
    -------
    GeoDataFrame
        Index ``code`` of the grid, ascending; the areas in m², camera_count, geometry
        (the blind MultiPolygon, EPSG:4490).
    """
    g = t.ground_coverage.c
    query = (
        sa.select(
            g.unit_code.label("code"),
            g.gross_area_m2,
            g.building_area_m2,
            g.open_area_m2,
            g.seen_area_m2,
            g.blind_area_m2,
            g.camera_count,
            g.blind.label("geom"),
        )
        .where(*inside(g.blind, window))
        .order_by(g.unit_code)
        .limit(limit)
    )
    return frame_rows(conn, query)


def read_seen(conn: Connection) -> gpd.GeoDataFrame:
    """Read the seen ground of the grids.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    GeoDataFrame
        Index ``code`` of the grid, ascending; geometry (the seen MultiPolygon or None,
        EPSG:4490).
    """
    g = t.ground_coverage.c
    query = sa.select(g.unit_code.label("code"), g.seen.label("geom")).order_by(g.unit_code)
    return frame_rows(conn, query)


def read_statuses(conn: Connection) -> pd.DataFrame:
    """Read who covers each target under each lens, or why nobody does.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    DataFrame
        Index ``lens`` and ``target_code``, ascending; status, reason, holder_code.
    """
    c = target_rows().c
    query = sa.select(c.lens, c.target_code, c.status, c.reason, c.holder_code)
    found = table_rows(conn, query.order_by(c.lens, c.target_code), "lens")
    return found.set_index("target_code", append=True)


def read_lens_statuses(conn: Connection, lens: str, *, within: str = "") -> pd.DataFrame:
    """Read the statuses of a lens's targets in a unit.

    Parameters
    ----------
    conn
        An open connection.
    lens
        Its code.
    within
        A code prefix; empty for all targets, those in no unit too.

    Returns
    -------
    DataFrame
        Index ``target_code``, ascending; unit_code, status, reason, holder_code, parts, links,
        missing.
    """
    c = target_rows(lens).c
    names = ("target_code", "unit_code", "status", "reason", "holder_code")
    query = sa.select(*(c[name] for name in (*names, "parts", "links", "missing")))
    query = query.where(*below(c.unit_code, within))
    return table_rows(conn, query.order_by(c.target_code), "target_code")


def has_answers(conn: Connection, lens: str) -> bool:
    """Tell whether a lens was answered.

    Parameters
    ----------
    conn
        An open connection.
    lens
        Its code.

    Returns
    -------
    bool
        True if it has any target.
    """
    query = sa.select(sa.exists().where(t.unit_coverage.c.lens == lens))
    return bool(conn.execute(query).scalar_one())


def read_unit_coverage(
    conn: Connection, lens: str, *, units: Collection[str] | None = None
) -> pd.DataFrame:
    """Read what the targets of a lens add up to, by unit.

    Parameters
    ----------
    conn
        An open connection.
    lens
        Its code.
    units
        Only these; None for all.

    Returns
    -------
    DataFrame
        Index ``unit_code``, ascending, an empty text for none; the sums of
        `org_coverage.unit_rows`.
    """
    u = t.unit_coverage.c
    query = sa.select(u.unit_code, *(u[name] for name in _SUMS)).where(u.lens == lens)
    if units is not None:
        query = query.where(u.unit_code == sa.any_(sa.literal(list(units), ARRAY(sa.Text))))
    return table_rows(conn, query.order_by(u.unit_code), "unit_code")


_SUMS = (
    "targets",
    "covered",
    "parts_covered",
    "households",
    "households_covered",
    "floor_area",
    "floor_area_covered",
)


def read_lens_totals(
    conn: Connection, code: str = "", *, lenses: Collection[str] | None = None
) -> pd.DataFrame:
    """Read what the targets of a unit add up to under each lens.

    Parameters
    ----------
    conn
        An open connection.
    code
        A division code; empty for all units, and what is in none.
    lenses
        Only these; None for all.

    Returns
    -------
    DataFrame
        Index ``lens``; the sums of `org_coverage.unit_rows`, run (the last that made a part of
        them), as_of, computed_at.
    """
    u, run = t.unit_coverage.c, t.coverage_run.c
    only = [u.lens == sa.any_(sa.literal(list(lenses), ARRAY(sa.Text)))] if lenses else []
    sums = (
        sa.select(
            u.lens,
            *(sa.func.sum(u[name]).label(name) for name in _SUMS),
            sa.func.max(u.run_id).label("run"),
        )
        .where(*only, *below(u.unit_code, code))
        .group_by(u.lens)
        .subquery()
    )
    query = sa.select(sums, run.as_of, run.computed_at).select_from(
        sums.join(t.coverage_run, run.id == sums.c.run)
    )
    return table_rows(conn, query.order_by(sums.c.lens), "lens")


def read_figures(conn: Connection) -> pd.DataFrame:
    """Read what the cameras see of each grid, in numbers.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    DataFrame
        Index ``unit_code``, ascending; the areas of ground_coverage in m², areas_m2 (list),
        level_areas_m2 (dict); open_m, seen_m of walls; entrances, entrances_seen. Null where a
        grid has no wall or entrance.
    """
    g, f, e = t.ground_coverage.c, t.building_frontage.c, t.entrance_coverage.c
    walls = (
        sa.select(
            f.unit_code,
            sa.func.sum(f.open_m).label("open_m"),
            sa.func.sum(f.seen_m).label("seen_m"),
        )
        .group_by(f.unit_code)
        .subquery()
    )
    doors = (
        sa.select(
            e.unit_code,
            sa.func.count().label("entrances"),
            sa.func.count().filter(e.camera_count > 0).label("entrances_seen"),
        )
        .group_by(e.unit_code)
        .subquery()
    )
    areas = [c for c in g if c.name not in ("run_id", "seen", "blind")]
    query = (
        sa.select(*areas, walls.c.open_m, walls.c.seen_m, doors.c.entrances, doors.c.entrances_seen)
        .select_from(
            t.ground_coverage.outerjoin(walls, walls.c.unit_code == g.unit_code).outerjoin(
                doors, doors.c.unit_code == g.unit_code
            )
        )
        .order_by(g.unit_code)
    )
    return table_rows(conn, query, "unit_code")


def read_blind_areas(
    conn: Connection, code: str, *, by: str, limit: int
) -> tuple[int, list[dict[str, Any]]]:
    """Read a unit's blind areas, those that matter most first.

    Parameters
    ----------
    conn
        An open connection.
    code
        A division code.
    by
        The column that ranks: area_m2, key_area_m2, road_m, frontage_m or household_count.
    limit
        The most rows to return.

    Returns
    -------
    int, list of dict
        How many there are in all; unit_code, number, the ranking columns, run, and longitude and
        latitude of a point inside, of the first ones.
    """
    b = t.blind_area.c
    ranks = [b.household_count, b.frontage_m, b.road_m, b.key_area_m2, b.area_m2]
    order = [b[by], *(c for c in ranks if c.name != by)]
    query = sa.select(
        b.unit_code,
        b.number,
        *reversed(ranks),
        b.run_id.label("run"),
        sa.func.ST_X(b.place).label("longitude"),
        sa.func.ST_Y(b.place).label("latitude"),
    ).where(*below(b.unit_code, code))
    total = conn.execute(
        sa.select(sa.func.count()).select_from(t.blind_area).where(*below(b.unit_code, code))
    ).scalar_one()
    ranked = query.order_by(*(c.desc() for c in order), b.unit_code, b.number).limit(limit)
    return int(total), [dict(row._mapping) for row in conn.execute(ranked)]


_LOST = ("area_m2", "road_m", "frontage_m")


def read_losses(
    conn: Connection, code: str, *, kind: str, as_of: dt.date, limit: int, least: bool = False
) -> tuple[int, list[dict[str, Any]]]:
    """Read what is lost if a camera, pole or group of a unit fails, greatest first.

    Parameters
    ----------
    conn
        An open connection.
    code
        A division code; a pole or group counts where any of its cameras stands, with all that it
        loses, also beyond the unit's border.
    kind
        ``camera``, ``pole`` or ``group``.
    as_of
        The date of the cameras.
    limit
        The most rows to return.
    least
        Only cameras that add nothing: less than 0.01 m² of ground, 1 cm of road and of wall.

    Returns
    -------
    int, list of dict
        How many there are in all; code, cameras, area_m2, road_m, frontage_m, run of the first.
    """
    rows = state(t.camera, ["code", "group_code", "grid_code"], as_of)
    f, c, v = t.failure_loss.c, rows.c, t.camera_view.c
    name = {"camera": v.camera_code, "pole": v.pole_code, "group": c.group_code}[kind]
    those = (
        sa.select(
            name.label("code"),
            sa.func.count().label("cameras"),
            sa.func.max(v.run_id).label("run_id"),
        )
        .select_from(t.camera_view.join(rows, c.code == v.camera_code))
        .where(name.is_not(None))
        .group_by(name)
        .having(sa.func.bool_or(sa.and_(*below(c.grid_code, code))))
        .subquery()
    )
    lost = [sa.func.coalesce(sa.func.sum(f[m]), 0.0).label(m) for m in _LOST]
    run = sa.func.greatest(those.c.run_id, sa.func.max(f.run_id)).label("run")
    every = (
        sa.select(those.c.code, those.c.cameras, *lost, run)
        .select_from(those.outerjoin(t.failure_loss, (f.kind == kind) & (f.code == those.c.code)))
        .group_by(those.c.code, those.c.cameras, those.c.run_id)
        .subquery()
    )
    query = sa.select(every).where(*(every.c[m] < 0.01 for m in _LOST if least))
    total = conn.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one()
    ranked = query.order_by(every.c.area_m2.desc(), every.c.code).limit(limit)
    return int(total), [dict(row._mapping) for row in conn.execute(ranked)]


def read_camera_issues(
    conn: Connection,
    code: str,
    *,
    as_of: dt.date,
    limit: int,
    shapes: Collection[str] | None = None,
) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Read the rules that a unit's cameras break.

    Parameters
    ----------
    conn
        An open connection.
    code
        A division code; a district's are those of cameras in no grid too.
    as_of
        The date of the cameras.
    limit
        The most rows to return.
    shapes
        Only these, as ``V09.overdue``; None for all.

    Returns
    -------
    dict, list of dict
        How many rows each shape has in all; camera_code, shape, field, values, run of the first,
        by shape and camera.
    """
    here = state(t.camera, ["code"], as_of, lambda c: [_here(c.grid_code, code)])
    i = t.camera_issue.c
    joined = t.camera_issue.join(here, here.c.code == i.camera_code)
    only = [i.shape.in_(list(shapes))] if shapes is not None else []
    counts = conn.execute(
        sa.select(i.shape, sa.func.count())
        .select_from(joined)
        .where(*only)
        .group_by(i.shape)
        .order_by(i.shape)
    )
    query = (
        sa.select(i.camera_code, i.shape, i.field, i["values"], i.run_id.label("run"))
        .select_from(joined)
        .where(*only)
        .order_by(i.shape, i.camera_code, i.id)
        .limit(limit)
    )
    rows = [dict(row._mapping) for row in conn.execute(query)]
    return {row[0]: int(row[1]) for row in counts}, rows
