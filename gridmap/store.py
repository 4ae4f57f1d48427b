"""Every SQL statement of gridmap, except the tiles'.

Belongs here: connecting, migrating, reading frames, writing frames; one function is one
statement or one bulk copy and takes the connection first. Does not belong here: deciding what
to write (``jobs``), computing (the core), declaring tables (``tables``).

Driver errors are translated once, in `transaction`; their text never leaves this room.
"""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import psycopg2
import shapely
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from geoalchemy2 import Geometry
from geoalchemy2.functions import ST_Covers, ST_Intersects, ST_MakeEnvelope, ST_Point
from psycopg2.sql import SQL, Identifier
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from gridmap import tables as t
from gridmap.crs import STORAGE_CRS, STORAGE_SRID
from gridmap.errors import (
    Conflict,
    SchemaOutOfDate,
    StoreError,
    StoreUnavailable,
    UnitNotFound,
)
from gridmap.model import LAYERS, Level, Location, Rate, Unit

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine, Table

MIGRATIONS = Path(__file__).parent / "migrations"


# --- connection and schema


def connect(url: str) -> Engine:
    """Return an engine for a database URL; nothing is opened yet.

    Parameters
    ----------
    url
        A SQLAlchemy URL with the psycopg2 driver.

    Returns
    -------
    Engine
        Checks a pooled connection before use, so that a restarted server is no error.

    Raises
    ------
    StoreUnavailable
        The URL cannot be read.
    """
    try:
        parsed = make_url(url)
        known = parsed.drivername in ("postgresql", "postgresql+psycopg2")
    except sa.exc.ArgumentError:
        known = False
    if not known:
        raise StoreUnavailable(
            "GRIDMAP_DATABASE_URL is no PostgreSQL URL; write it as "
            "postgresql+psycopg2://user:password@host/database"
        )
    return sa.create_engine(
        parsed, pool_pre_ping=True, connect_args={"application_name": "gridmap"}
    )


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Open one transaction: all of it is written, or nothing.

    Parameters
    ----------
    engine
        From `connect`.

    Yields
    ------
    Connection
        Committed on a clean exit, rolled back on any exception.

    Raises
    ------
    StoreUnavailable
        The server cannot be reached or went away. After a lost connection the server may
        still have committed: look at the import batches before writing again.
    Conflict
        A constraint of the store refused the rows.
    StoreError
        Any other failure of the database.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except IntegrityError as error:
        name = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
        raise Conflict(f"the store refused the rows: constraint {name}") from error
    except OperationalError as error:
        raise StoreUnavailable(
            "the database cannot be reached; run `gridmap db status`, or check GRIDMAP_DATABASE_URL"
        ) from error
    except DBAPIError as error:
        code = getattr(error.orig, "pgcode", None)
        raise StoreError(f"the database refused a statement (SQLSTATE {code})") from error


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to a revision, up or down, in one transaction.

    Parameters
    ----------
    engine
        From `connect`.
    revision
        ``head``, ``base`` or a revision id.

    Raises
    ------
    StoreUnavailable
        See `transaction`.
    StoreError
        See `transaction`.
    """
    with transaction(engine) as conn:
        # Two programs may start on a new database at once: the second waits, then finds it done.
        conn.execute(sa.select(sa.func.pg_advisory_xact_lock(500108)))
        config = Config(attributes={"connection": conn})
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        if revision == "base":
            command.downgrade(config, revision)
        else:
            command.upgrade(config, revision)


def require_schema(conn: Connection) -> None:
    """Check that the database has this program's schema.

    Parameters
    ----------
    conn
        An open connection.

    Raises
    ------
    SchemaOutOfDate
        It has none, or another revision.
    """
    head = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    current = MigrationContext.configure(conn).get_current_revision()
    if current != head:
        raise SchemaOutOfDate(
            f"the database has schema {current or 'none'}, this program needs {head}; "
            "run `gridmap db migrate`"
        )


# --- reading


def read_units(
    conn: Connection, level: Level, *, as_of: dt.date, within: str = ""
) -> gpd.GeoDataFrame:
    """Read the divisions of a level on a date.

    Parameters
    ----------
    conn
        An open connection.
    level
        District to grid.
    as_of
        The date.
    within
        A code prefix; empty for all.

    Returns
    -------
    GeoDataFrame
        Index ``code``, ascending; columns name, kind, parent_code, geometry (MultiPolygon,
        EPSG:4490).
    """
    d = t.division.c
    query = (
        sa.select(d.code, d.name, d.kind, d.parent_code, d.geom)
        .where(d.level == str(level), _holds(d.valid, as_of), *_below(d.code, within))
        .order_by(d.code)
    )
    return _read_frame(conn, query)


def read_buildings(
    conn: Connection,
    *,
    within: str = "",
    window: tuple[float, float, float, float] | None = None,
    limit: int | None = None,
) -> gpd.GeoDataFrame:
    """Read the buildings of a unit or of a window, with their coverage by a Party group.

    Parameters
    ----------
    conn
        An open connection.
    within
        A code prefix of grids; empty for all buildings, those in no grid too.
    window
        West, south, east, north in degrees.
    limit
        The most rows to return.

    Returns
    -------
    GeoDataFrame
        Index ``code``, ascending; the layer's columns, grid_code, grid_share, status, reason,
        org_code (of the last computation), geometry (MultiPolygon, EPSG:4490).
    """
    b, c = t.building.c, t.target_coverage.c
    joined = t.building.outerjoin(
        t.target_coverage, sa.and_(c.lens == "party_group", c.target_code == b.code)
    )
    columns = [b[name] for name in LAYERS["building"].columns]
    query = (
        sa.select(*columns, b.grid_code, b.grid_share, c.status, c.reason, c.org_code, b.geom)
        .select_from(joined)
        .where(*_below(b.grid_code, within), *_inside(b.geom, window))
        .order_by(b.code)
        .limit(limit)
    )
    return _read_frame(conn, query)


def read_cameras(conn: Connection, *, within: str = "") -> gpd.GeoDataFrame:
    """Read cameras.

    Parameters
    ----------
    conn
        An open connection.
    within
        A code prefix of grids; empty for all cameras, those in no grid too.

    Returns
    -------
    GeoDataFrame
        Index ``code``, ascending; the layer's columns, grid_code, geometry (Point, EPSG:4490).
    """
    c = t.camera.c
    columns = [c[name] for name in LAYERS["camera"].columns]
    query = (
        sa.select(*columns, c.grid_code, c.geom)
        .where(*_below(c.grid_code, within))
        .order_by(c.code)
    )
    return _read_frame(conn, query)


def read_views(
    conn: Connection,
    *,
    window: tuple[float, float, float, float] | None = None,
    limit: int | None = None,
) -> gpd.GeoDataFrame:
    """Read the computed views of cameras, with where each camera stands.

    Parameters
    ----------
    conn
        An open connection.
    window
        West, south, east, north in degrees: views that touch it.
    limit
        The most rows to return.

    Returns
    -------
    GeoDataFrame
        Index ``code``, ascending; name, azimuth_deg, hfov_deg, max_range_m, state, status,
        reason, assumed, area_m2, grid_code, longitude, latitude, geometry (Polygon or None,
        EPSG:4490).
    """
    v, c = t.camera_view.c, t.camera.c
    query = (
        sa.select(
            c.code,
            c.name,
            c.azimuth_deg,
            c.hfov_deg,
            c.max_range_m,
            c.state,
            c.grid_code,
            v.status,
            v.reason,
            v.assumed,
            v.area_m2,
            sa.func.ST_X(c.geom).label("longitude"),
            sa.func.ST_Y(c.geom).label("latitude"),
            v.geom,
        )
        .select_from(t.camera.join(t.camera_view, v.camera_code == c.code))
        .where(*_inside(v.geom, window))
        .order_by(c.code)
        .limit(limit)
    )
    return _read_frame(conn, query)


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
        .where(*_inside(g.blind, window))
        .order_by(g.unit_code)
        .limit(limit)
    )
    return _read_frame(conn, query)


def read_roads(
    conn: Connection, *, window: tuple[float, float, float, float] | None = None
) -> gpd.GeoDataFrame:
    """Read roads.

    Parameters
    ----------
    conn
        An open connection.
    window
        West, south, east, north in degrees.

    Returns
    -------
    GeoDataFrame
        Index ``code``, ascending; name, kind, width_m, geometry (MultiLineString, EPSG:4490).
    """
    r = t.road.c
    query = sa.select(r.code, r.name, r.kind, r.width_m, r.geom).where(*_inside(r.geom, window))
    return _read_frame(conn, query.order_by(r.code))


def read_orgs(conn: Connection) -> pd.DataFrame:
    """Read all organisations of all times.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    DataFrame
        Index ``id``; code, name, kind, parent_code, host_code, full_members,
        probationary_members, begins, ends (dates; ``ends`` None while it lasts).
    """
    o = t.party_org.c
    columns = [o[name] for name in LAYERS["party_org"].columns]
    return _read_table(conn, sa.select(o.id, *columns, *_period(o.valid)).order_by(o.id), "id")


def read_duties(conn: Connection, service: str) -> pd.DataFrame:
    """Read all duties of a service of all times.

    Parameters
    ----------
    conn
        An open connection.
    service
        ``party_branch`` or ``party_group``.

    Returns
    -------
    DataFrame
        Index ``id``; org_code, service, target_code, mode, begins, ends.
    """
    d = t.duty.c
    query = sa.select(d.id, d.org_code, d.service, d.target_code, d.mode, *_period(d.valid))
    return _read_table(conn, query.where(d.service == service).order_by(d.id), "id")


def read_rates(conn: Connection, *, level: Level | None = None) -> pd.DataFrame:
    """Read the rates of the last computations.

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
    return _read_table(conn, query.order_by(r.unit_code, r.measure), "unit_code")


def read_unit_rates(conn: Connection, code: str) -> dict[str, Any]:
    """Read one unit and its rates, each with the run that made it.

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
        No division has this code now.
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
    return {"unit": _unit(found), "rates": rates}


def read_uncovered(conn: Connection, code: str, *, limit: int) -> tuple[int, list[dict[str, Any]]]:
    """Read a unit's buildings without a Party group, most households first.

    Parameters
    ----------
    conn
        An open connection.
    code
        A division code.
    limit
        The most rows to return.

    Returns
    -------
    int, list of dict
        How many there are in all; code, name, address, household_count, floor_area_m2,
        grid_code, reason, org_code, longitude, latitude of the first ones.
    """
    b, c = t.building.c, t.target_coverage.c
    joined = t.building.join(
        t.target_coverage, sa.and_(c.lens == "party_group", c.target_code == b.code)
    )
    place = sa.func.ST_PointOnSurface(b.geom)
    query = (
        sa.select(
            b.code,
            b.name,
            b.address,
            b.household_count,
            b.floor_area_m2,
            b.grid_code,
            c.reason,
            c.org_code,
            sa.func.ST_X(place).label("longitude"),
            sa.func.ST_Y(place).label("latitude"),
        )
        .select_from(joined)
        .where(c.status == "uncovered", *_below(b.grid_code, code))
    )
    total = conn.execute(query.with_only_columns(sa.func.count())).scalar_one()
    ranked = query.order_by(b.household_count.desc().nulls_last(), b.code).limit(limit)
    return int(total), [dict(row._mapping) for row in conn.execute(ranked)]


def read_runs(conn: Connection) -> list[dict[str, Any]]:
    """Read the last computation of each subject.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    list of dict
        id, subject, as_of, computed_at, inputs.
    """
    run = t.coverage_run.c
    last = sa.select(sa.func.max(run.id)).group_by(run.subject)
    query = sa.select(t.coverage_run).where(run.id.in_(last)).order_by(run.subject)
    return [dict(row._mapping) for row in conn.execute(query)]


def read_inputs(conn: Connection, layers: tuple[str, ...]) -> dict[str, Any]:
    """Read the version of each layer: its last batch.

    Parameters
    ----------
    conn
        An open connection.
    layers
        Names of layers.

    Returns
    -------
    dict
        By layer: batch id and source of the last write; empty layers are missing.
    """
    b = t.import_batch.c
    last = sa.select(sa.func.max(b.id)).where(b.layer.in_(layers)).group_by(b.layer)
    query = sa.select(b.layer, b.id, b.source, b.sha256).where(b.id.in_(last)).order_by(b.layer)
    return {
        row.layer: {"batch": row.id, "source": row.source, "sha256": row.sha256}
        for row in conn.execute(query)
    }


def read_version(conn: Connection) -> str:
    """Read what stands for the present state of the store: its last write and computation.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    str
        Changes with every import and every run.
    """
    batch = sa.select(sa.func.max(t.import_batch.c.id)).scalar_subquery()
    run = sa.select(sa.func.max(t.coverage_run.c.id)).scalar_subquery()
    row = conn.execute(sa.select(batch, run)).one()
    return "-".join(str(part or 0) for part in row)


def read_sources(conn: Connection) -> set[str]:
    """Read where the data of the store came from.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    set of str
        Sources of all import batches.
    """
    return set(conn.execute(sa.select(t.import_batch.c.source).distinct()).scalars())


def has_synthetic(conn: Connection) -> bool:
    """Tell whether any data in the store is synthetic.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    bool
        True if a batch was marked so.
    """
    query = sa.select(sa.exists().where(t.import_batch.c.synthetic))
    return bool(conn.execute(query).scalar_one())


def read_codes(conn: Connection, kind: str, *, as_of: dt.date) -> pd.Index:
    """Read the codes that exist on a date, for checks of references.

    Parameters
    ----------
    conn
        An open connection.
    kind
        A division level, ``building`` or ``party_org``.
    as_of
        The date.

    Returns
    -------
    Index
        Codes, ascending.
    """
    if kind == "building":
        query = sa.select(t.building.c.code)
    elif kind == "party_org":
        query = sa.select(t.party_org.c.code).where(_holds(t.party_org.c.valid, as_of))
    else:
        d = t.division.c
        query = sa.select(d.code).where(d.level == kind, _holds(d.valid, as_of))
    return pd.Index(sorted(conn.execute(query).scalars()), dtype=object)


def read_later_keys(conn: Connection, layer: str, effective: dt.date) -> pd.Index:
    """Read the keys of a layer that were written for a date after this one.

    Parameters
    ----------
    conn
        An open connection.
    layer
        A layer's name.
    effective
        The date of the new import.

    Returns
    -------
    Index
        The keys, joined by ``/`` where they have several columns.
    """
    table = _table(layer)
    begins = sa.func.lower(table.c.valid) if "valid" in table.c else table.c.valid_from
    key = sa.func.concat_ws("/", *(table.c[name] for name in LAYERS[layer].key))
    return pd.Index(conn.execute(sa.select(key).where(begins > effective)).scalars(), dtype=object)


# One statement for all levels (design.md, flow 4). `geom && p` finds by index, ST_Covers decides.
@cache
def _locate_query() -> sa.Select[Any]:
    place = ST_Point(sa.bindparam("lon"), sa.bindparam("lat"), STORAGE_SRID)
    d, b = t.division.c, t.building.c
    units = sa.select(d.level, d.code, d.name, d.kind).where(
        d.geom.bool_op("&&")(place),
        ST_Covers(d.geom, place),
        _holds(d.valid, sa.bindparam("as_of")),
    )
    buildings = sa.select(sa.literal("building"), b.code, b.name, b.kind).where(
        b.geom.bool_op("&&")(place), ST_Covers(b.geom, place)
    )
    return sa.union_all(units, buildings).order_by(sa.literal_column("level, code"))  # type: ignore[return-value]


def locate(conn: Connection, longitude: float, latitude: float, *, as_of: dt.date) -> Location:
    """Find the unit of every level, and the building, at a position, in one statement.

    Parameters
    ----------
    conn
        An open connection.
    longitude, latitude
        Degrees, CGCS2000 or WGS 84.
    as_of
        The date for the divisions; buildings are the present ones.

    Returns
    -------
    Location
        Levels that have nothing there are None. On a common border the lowest code counts.
    """
    rows = conn.execute(_locate_query(), {"lon": longitude, "lat": latitude, "as_of": as_of})
    found: dict[str, Unit] = {}
    for row in rows:
        found.setdefault(row.level, _unit(row))
    return Location(longitude, latitude, as_of.isoformat(), **found)


# --- writing


@dataclass(frozen=True)
class Written:
    """How many rows a write inserted, changed, and found already so."""

    inserted: int
    updated: int
    unchanged: int


def write_batch(conn: Connection, **values: object) -> int:
    """Open an import batch and name it as the cause of what this transaction deletes.

    Parameters
    ----------
    conn
        An open connection.
    **values
        Columns of ``import_batch``.

    Returns
    -------
    int
        The batch's id.
    """
    counts = {"inserted": 0, "updated": 0, "unchanged": 0}
    query = t.import_batch.insert().values(**counts, **values).returning(t.import_batch.c.id)
    batch_id = int(conn.execute(query).scalar_one())
    conn.execute(sa.select(sa.func.set_config("gridmap.batch", str(batch_id), True)))  # noqa: FBT003
    return batch_id


def write_layer(
    conn: Connection, layer: str, frame: pd.DataFrame, *, effective: dt.date, batch_id: int
) -> Written:
    """Write a layer's rows from a date on: new ones inserted, changed ones changed.

    Rows that the store has and the frame has not stay as they are.

    Parameters
    ----------
    conn
        An open connection.
    layer
        A layer's name.
    frame
        Columns of the layer's specification, parsed; geometry in EPSG:4490. Divisions also
        ``kind`` and ``parent_code``; buildings ``grid_code`` and ``grid_share``; cameras
        ``grid_code``. No key of it is in `read_later_keys`.
    effective
        First day the rows are true.
    batch_id
        From `write_batch`.

    Returns
    -------
    Written
        Counts; their sum is the number of rows.
    """
    table = _table(layer)
    key = list(LAYERS[layer].key)
    content = [name for name in _content_columns(table) if name not in key]
    stage = _stage(conn, table, frame, [*key, *content])
    same_key = sa.and_(*(table.c[name] == stage.c[name] for name in key))
    differs = sa.or_(
        sa.false(), *(table.c[name].is_distinct_from(stage.c[name]) for name in content)
    )
    if "valid" in table.c:
        written = _apply_periods(conn, table, stage, same_key, differs, effective, batch_id)
    else:
        written = _apply_current(conn, table, stage, same_key, differs, effective, batch_id)
    stage.drop(conn)
    conn.execute(
        t.import_batch.update()
        .where(t.import_batch.c.id == batch_id)
        .values(inserted=written.inserted, updated=written.updated, unchanged=written.unchanged)
    )
    return written


def _apply_current(
    conn: Connection,
    table: Table,
    stage: Table,
    same_key: sa.ColumnElement[bool],
    differs: sa.ColumnElement[bool],
    effective: dt.date,
    batch_id: int,
) -> Written:
    """Change and insert rows of a current table; the trigger keeps what they were."""
    names = [c.name for c in stage.c]
    stamp: dict[str, Any] = {"valid_from": effective, "batch_id": batch_id}
    changes: dict[str, Any] = {
        name: stage.c[name] for name in names if name not in table.primary_key.columns
    }
    if "version" in table.c:
        changes |= {"version": table.c.version + 1, "sys_from": sa.func.now()}
    updated = conn.execute(
        table.update().values(**changes, **stamp).where(same_key, differs)
    ).rowcount
    new = sa.select(*(stage.c[n] for n in names), *(sa.literal(v) for v in stamp.values())).where(
        ~sa.exists().where(same_key)
    )
    inserted = conn.execute(table.insert().from_select([*names, *stamp], new)).rowcount
    return _written(conn, stage, inserted, updated)


def _apply_periods(
    conn: Connection,
    table: Table,
    stage: Table,
    same_key: sa.ColumnElement[bool],
    differs: sa.ColumnElement[bool],
    effective: dt.date,
    batch_id: int,
) -> Written:
    """Correct rows that begin on this day, end changed older rows, insert the new rows."""
    names = [c.name for c in stage.c]
    begins = sa.func.lower(table.c.valid)
    corrected = conn.execute(
        table.update()
        .values(**{name: stage.c[name] for name in names}, batch_id=batch_id)
        .where(same_key, begins == effective, differs)
    ).rowcount
    ended = conn.execute(
        table.update()
        .values(valid=sa.func.daterange(begins, effective))
        .where(same_key, _holds(table.c.valid, effective), begins < effective, differs)
    ).rowcount
    holds = sa.exists().where(same_key, _holds(table.c.valid, effective))
    period = sa.func.daterange(sa.literal(effective), None)
    new = sa.select(*(stage.c[n] for n in names), period, sa.literal(batch_id)).where(~holds)
    inserted = conn.execute(table.insert().from_select([*names, "valid", "batch_id"], new)).rowcount
    return _written(conn, stage, inserted - ended, corrected + ended)


def _written(conn: Connection, stage: Table, inserted: int, updated: int) -> Written:
    total = conn.execute(sa.select(sa.func.count()).select_from(stage)).scalar_one()
    return Written(inserted, updated, int(total) - inserted - updated)


def write_assignment(
    conn: Connection, layer: str, frame: pd.DataFrame, *, effective: dt.date, batch_id: int
) -> int:
    """Write to which grid buildings or cameras belong, where that changed.

    Parameters
    ----------
    conn
        An open connection.
    layer
        ``building`` or ``camera``.
    frame
        Index code; columns grid_code and, for buildings, grid_share.
    effective
        First day the assignment is true.
    batch_id
        The write that caused it.

    Returns
    -------
    int
        How many rows changed.
    """
    table = _table(layer)
    names = [name for name in ("grid_code", "grid_share") if name in table.c]
    stage = _stage(conn, table, frame.reset_index(names="code"), ["code", *names])
    changed = conn.execute(
        table.update()
        .values(
            **{name: stage.c[name] for name in names},
            version=table.c.version + 1,
            sys_from=sa.func.now(),
            valid_from=sa.func.greatest(table.c.valid_from, sa.literal(effective)),
            batch_id=batch_id,
        )
        .where(
            table.c.code == stage.c.code,
            sa.or_(*(table.c[name].is_distinct_from(stage.c[name]) for name in names)),
        )
    ).rowcount
    stage.drop(conn)
    return int(changed)


def write_run(conn: Connection, subject: str, as_of: dt.date, inputs: dict[str, Any]) -> int:
    """Open a computation.

    Parameters
    ----------
    conn
        An open connection.
    subject
        ``org`` or ``camera``.
    as_of
        The date the result is for.
    inputs
        Versions of the inputs and the parameters, for JSON.

    Returns
    -------
    int
        The run's id.
    """
    run = t.coverage_run
    query = run.insert().values(subject=subject, as_of=as_of, inputs=inputs).returning(run.c.id)
    return int(conn.execute(query).scalar_one())


def replace_results(
    conn: Connection, table_name: str, frame: pd.DataFrame, *, run_id: int, subject: str
) -> None:
    """Replace a subject's former results in a table by a run's.

    Parameters
    ----------
    conn
        An open connection.
    table_name
        ``target_coverage``, ``coverage_rate``, ``camera_view`` or ``ground_coverage``.
    frame
        The table's columns but ``run_id``; geometry columns in EPSG:4490.
    run_id
        From `write_run`.
    subject
        Whose former rows go.
    """
    table = t.metadata.tables[table_name]
    run = t.coverage_run.c
    former = sa.select(run.id).where(run.subject == subject)
    conn.execute(table.delete().where(table.c.run_id.in_(former)))
    columns = [c.name for c in table.c if c.name != "run_id"]
    _copy(conn, table, frame.assign(run_id=run_id), [*columns, "run_id"])


def analyze(conn: Connection) -> None:
    """Refresh the planner's statistics after a large write.

    Parameters
    ----------
    conn
        An open connection.
    """
    conn.execute(sa.text("ANALYZE"))


# --- inside


def _table(layer: str) -> Table:
    spec = LAYERS[layer]
    return t.division if spec.level else t.metadata.tables[layer]


def _content_columns(table: Table) -> list[str]:
    """Return the columns a file fills: all but keys of our own and stamps."""
    own = {"id", "valid", "batch_id", "version", "valid_from", "sys_from"}
    return [c.name for c in table.c if c.name not in own]


def _holds(valid: sa.ColumnElement[Any], day: Any) -> sa.ColumnElement[bool]:
    """Return the condition that a period contains a day."""
    return valid.bool_op("@>")(sa.cast(day, sa.Date))


def _below(column: sa.ColumnElement[str], prefix: str) -> list[sa.ColumnElement[bool]]:
    """Return the half-open range of a code prefix; ':' is the byte after '9'."""
    return [column >= prefix, column < prefix + ":"] if prefix else []


def _inside(
    geom: sa.ColumnElement[Any], window: tuple[float, float, float, float] | None
) -> list[sa.ColumnElement[bool]]:
    """Return the condition to touch a window, index condition first (reliability.md 0.1)."""
    if window is None:
        return []
    box = ST_MakeEnvelope(*window, STORAGE_SRID)
    return [geom.bool_op("&&")(box), ST_Intersects(geom, box)]


def _period(valid: sa.ColumnElement[Any]) -> list[sa.ColumnElement[Any]]:
    return [sa.func.lower(valid).label("begins"), sa.func.upper(valid).label("ends")]


def _unit(row: Any) -> Unit:
    return Unit(Level(row.level), row.code, row.name, row.kind)


def _read_table(conn: Connection, query: sa.Select[Any], index: str) -> pd.DataFrame:
    result = conn.execute(query)
    rows = [tuple(row) for row in result]
    return pd.DataFrame(rows, columns=list(result.keys())).set_index(index)


def _read_frame(conn: Connection, query: sa.Select[Any]) -> gpd.GeoDataFrame:
    """Read rows with a ``geom`` column; WKB bytes come over undecorated, for shapely to parse."""
    raw = [
        sa.func.ST_AsBinary(c).label("geom") if c.name == "geom" else c
        for c in query.selected_columns
    ]
    frame = _read_table(conn, query.with_only_columns(*raw), "code")
    shapes = [None if w is None else bytes(w) for w in frame.pop("geom")]
    return gpd.GeoDataFrame(frame, geometry=shapely.from_wkb(shapes), crs=STORAGE_CRS)


def _stage(conn: Connection, table: Table, frame: pd.DataFrame, columns: list[str]) -> Table:
    """Copy a frame into a temporary table with some of a table's columns."""
    stage = sa.Table(
        f"stage_{table.name}",
        sa.MetaData(),
        *(sa.Column(name, table.c[name].type) for name in columns),
        prefixes=["TEMPORARY"],
        postgresql_on_commit="DROP",
    )
    stage.create(conn)
    _copy(conn, stage, frame, columns)
    return stage


def _copy(conn: Connection, table: Table, frame: pd.DataFrame, columns: list[str]) -> None:
    """Send a frame's columns through COPY in text form (69,000 rows/s; reliability.md 4)."""
    cells = [_cells(table.c[name], frame) for name in columns]
    body = "\n".join("\t".join(row) for row in zip(*cells, strict=True))
    names = SQL(", ").join(map(Identifier, columns))
    statement = SQL("COPY {} ({}) FROM STDIN").format(Identifier(table.name), names)
    cursor = conn.connection.cursor()
    try:
        cursor.copy_expert(statement, io.StringIO(body + "\n" if body else ""))
    except psycopg2.Error as error:
        # The raw cursor bypasses SQLAlchemy's own translation; give the error its usual form.
        raise DBAPIError.instance(
            "COPY", {}, error, psycopg2.Error, dialect=conn.dialect
        ) from error
    finally:
        cursor.close()


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": ""})


def _cells(column: sa.Column[Any], frame: pd.DataFrame) -> list[str]:
    """Return a column in COPY's text form."""
    if isinstance(column.type, Geometry):
        name = "geometry" if column.name == "geom" else column.name
        return _geometry_cells(frame[name].array, column.type.geometry_type)
    return [_cell(value) for value in frame[column.name].astype(object)]


def _cell(value: object) -> str:
    if value is None or value is pd.NA or value != value:
        return "\\N"
    if isinstance(value, dict):
        return json.dumps(value).translate(_ESCAPES)
    return str(value).translate(_ESCAPES)


def _geometry_cells(shapes: Any, kind: str) -> list[str]:
    """Return hex EWKB, single parts wrapped where the column holds multi-part geometry."""
    shapes = np.asarray(shapes, dtype=object)
    wrap = {"MULTIPOLYGON": shapely.multipolygons, "MULTILINESTRING": shapely.multilinestrings}
    if kind in wrap:
        single = np.isin(shapely.get_type_id(shapes), (1, 3))
        shapes = shapes.copy()
        shapes[single] = wrap[kind](shapes[single], indices=np.arange(single.sum()))
    shapes = shapely.set_srid(shapely.force_2d(shapes), STORAGE_SRID)
    texts = shapely.to_wkb(shapes, hex=True, include_srid=True)
    return ["\\N" if text is None else text for text in texts]
