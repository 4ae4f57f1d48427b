"""Scopes in the database: whoever asks by whatever way sees the rows of their units, no others."""

import datetime as dt
import time
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from toy_town import TOY_DAY

from gridmap import cluster, jobs, store
from gridmap import tables as t
from gridmap.cluster import database
from gridmap.errors import CodeError, OutsideScope, UnitNotFound
from gridmap.model import RIGHTS, WHOLE, Right, Role, Scope
from gridmap.settings import Settings
from gridmap.store import guards, scopes

pytestmark = pytest.mark.db

STREET, COMMUNITY, SIBLING = "990101001", "990101001001", "990101001002"
GRID = "990101001001001"
RANGES = {
    "nothing": (),
    "grid": (GRID,),
    "community": (COMMUNITY,),
    "sibling": (SIBLING,),
    "street": (STREET,),
    "two": (GRID, SIBLING),
    "other street": ("990101002",),
    "other district": ("110101",),
}


@pytest.fixture(scope="module")
def url(new_database, serviced_template):
    return new_database(serviced_template)


@pytest.fixture(scope="module")
def superuser(url):
    engine = sa.create_engine(make_url(url).set(username=cluster.SUPERUSER))
    with engine.begin() as conn:
        # A neighbour whose code begins with ours but for a digit, and rows in no unit.
        for number, host in enumerate(("9901010010", "99010100100", "990101002", None)):
            conn.execute(
                sa.text(
                    "INSERT INTO organisation (code, name, kind, host_code, valid, batch_id)"
                    " VALUES (:code, 'x', 'branch', :host, '[2026-01-01,)', 1)"
                ),
                {"code": f"trap{number}", "host": host},
            )
        for unit in (GRID, SIBLING, None):
            conn.execute(
                sa.text(
                    "INSERT INTO correction (layer, code, unit_code, version, account, sha256)"
                    " VALUES ('building', 'T1', :unit, 1, 'wang', 'x')"
                ),
                {"unit": unit},
            )
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def logins(url, superuser):
    with jobs.service(Settings(database_url=url, role_logins=True)) as logins:
        yield logins


def scope(ranges, role=Role.OFFICER):
    return Scope("li", role, ranges)


def everything(superuser, table):
    with superuser.connect() as conn:
        return [dict(row._mapping) for row in conn.execute(sa.select(table))]


# --- what a scope sees


@pytest.mark.parametrize("ranges", RANGES.values(), ids=RANGES)
def test_a_scope_sees_the_rows_of_its_units_in_every_table(logins, superuser, ranges):
    mine = scope(ranges)
    with store.transaction(logins.seen_by(mine)) as conn:
        for table, column in t.UNIT_COLUMN.items():
            seen = conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            rows = everything(superuser, table)
            here = [row for row in rows if row[column] and mine.has(row[column])]
            assert seen == len(here), table.name


def test_the_toy_town_has_rows_to_be_hidden(superuser):
    empty = {table.name for table in t.UNIT_COLUMN if not everything(superuser, table)}
    past = {table.name for table in t.HISTORY.values()}
    assert empty - past == set(), "else the test above shows nothing of that table"


def test_a_code_that_begins_alike_is_another(logins):
    with store.transaction(logins.seen_by(scope((STREET,)))) as conn:
        o = t.organisation.c
        traps = conn.execute(sa.select(o.code).where(o.code.like("trap%"))).scalars().all()
    # Codes have 6, 9, 12 or 15 digits; what begins with a street's code is in the street.
    assert sorted(traps) == ["trap0", "trap1"]
    with store.transaction(logins.seen_by(scope(("990101001001",)))) as conn:
        traps = conn.execute(sa.select(o.code).where(o.code.like("trap%"))).scalars().all()
    assert traps == []


@pytest.mark.parametrize("role", Role)
def test_the_whole_is_whole_for_every_role(logins, superuser, role):
    mine = scope(WHOLE, role)
    with store.transaction(logins.seen_by(mine)) as conn:
        for table in (t.division, t.building, t.organisation, t.duty, t.blind_area):
            seen = conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            assert seen == len(everything(superuser, table)), table.name


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("ranges", [WHOLE, (STREET,)], ids=["whole", "street"])
def test_where_cameras_stand_is_for_roles_that_need_it(logins, role, ranges):
    engine = logins.seen_by(scope(ranges, role))
    asked = [sa.select(table.c[next(iter(table.c.keys()))]) for table in t.CAMERAS]
    asked += [sa.select(t.ground_coverage.c.blind), sa.select(t.blind_area.c.geom)]
    for query in asked:
        if Right.CAMERAS in RIGHTS[role]:
            with store.transaction(engine) as conn:
                conn.execute(query)
        else:
            with pytest.raises(OutsideScope), store.transaction(engine) as conn:
                conn.execute(query)
    with store.transaction(engine) as conn:
        assert conn.execute(sa.select(t.blind_area.c.place)).first() is not None


def test_nobody_but_the_application_reads_the_trail_the_keys_or_names_of_files(logins):
    for role in (Role.ADMIN, Role.LEADER):
        engine = logins.seen_by(scope(WHOLE, role))
        for query in (
            sa.select(t.audit_event.c.actor),
            sa.select(t.scope_key.c.key),
            sa.select(t.import_batch.c.source),
            sa.select(t.import_batch.c.rows),
        ):
            with pytest.raises(OutsideScope), store.transaction(engine) as conn:
                conn.execute(query)


def test_what_is_of_the_whole_district_is_for_the_whole_only(logins):
    for table in t.WHOLE_ONLY:
        with store.transaction(logins.seen_by(scope(WHOLE, Role.LEADERSHIP))) as conn:
            conn.execute(sa.select(table))
        with (
            pytest.raises(OutsideScope),
            store.transaction(logins.seen_by(scope((STREET,)))) as conn,
        ):
            conn.execute(sa.select(table))


@pytest.mark.parametrize("table", t.metadata.sorted_tables, ids=lambda table: table.name)
def test_reading_roles_write_nothing(logins, table):
    name = table.name
    for statement in (f"DELETE FROM {name}", f"TRUNCATE {name}", f"DROP TABLE {name}"):
        for ranges in (WHOLE, (STREET,)):
            engine = logins.seen_by(scope(ranges, Role.OFFICER))
            with pytest.raises(OutsideScope), store.transaction(engine) as conn:
                conn.exec_driver_sql(statement)


def test_an_event_is_written_under_ones_own_name_only(logins):
    engine = logins.seen_by(scope((STREET,)))
    with store.transaction(engine) as conn:
        store.write_event(conn, "export", subject="building", actor="li")
    with pytest.raises(OutsideScope), store.transaction(engine) as conn:
        store.write_event(conn, "export", subject="building", actor="wang")
    assert jobs.audit_events(logins.app, limit=1)[0]["actor"] == "li"
    jobs.verify_audit(logins.app)


# --- tampering


def raw(url, role):
    """Return an engine that logs in as a role, without any of our own code between."""
    return sa.create_engine(make_url(url).set(username=role), pool_size=1, max_overflow=0)


def count(conn):
    return conn.execute(sa.text("SELECT count(*) FROM building")).scalar_one()


def put(conn, settings, *, local=True):
    for name, value in settings.items():
        conn.execute(
            sa.text("SELECT set_config(:name, :value, :local)"),
            {"name": f"gridmap.{name}", "value": value, "local": local},
        )


@pytest.fixture
def signed(logins):
    return scopes.settings_of(scope((GRID,)), logins.key)


@pytest.fixture(params=["gridmap_scoped", "gridmap_scoped_cameras"])
def door(url, superuser, request):
    engine = raw(url, request.param)
    yield engine
    engine.dispose()


def test_a_signed_scope_holds(door, signed):
    with door.begin() as conn:
        put(conn, signed)
        assert count(conn) > 0


def test_without_a_scope_there_is_nothing(door):
    with door.begin() as conn:
        assert count(conn) == 0
    with door.begin() as conn:
        put(conn, {"lo": "", "hi": ":"})
        assert count(conn) == 0
    with door.begin() as conn:
        put(conn, {"lo": "", "hi": ":", "ranges": "{[,)}", "expires": "99999999999"})
        assert count(conn) == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"ranges": "{[990101,990101:)}"},
        {"ranges": "{[,)}"},
        {"expires": "99999999999"},
        {"account": "wang"},
        {"signature": "0" * 64},
        {"signature": ""},
        {"ranges": ""},
        {"ranges": "{}"},
        {"ranges": "nonsense"},
        {"ranges": "{[990101001001001,990101001001001:)}\n99999999999\nli"},
        {"expires": "soon"},
        {"expires": ""},
    ],
    ids=str,
)
def test_a_changed_scope_is_none(door, signed, changed):
    with door.begin() as conn:
        put(conn, {**signed, "lo": "", "hi": ":", **changed})
        assert count(conn) == 0


def test_a_wider_window_than_the_signed_ranges_shows_no_more(door, signed):
    with door.begin() as conn:
        put(conn, signed)
        mine = count(conn)
        put(conn, {"lo": "", "hi": ":"})
        assert count(conn) == mine > 0


def test_a_scope_ends(door, logins, monkeypatch):
    now = time.time()
    monkeypatch.setattr(scopes.time, "time", lambda: now - scopes.VALID_S - 1)
    old = scopes.settings_of(scope((GRID,)), logins.key)
    with door.begin() as conn:
        put(conn, old)
        assert count(conn) == 0


def test_another_key_signs_nothing(door):
    with door.begin() as conn:
        put(conn, scopes.settings_of(scope((GRID,)), b"guessed"))
        assert count(conn) == 0


def test_a_pooled_connection_forgets(door, signed):
    with door.begin() as conn:
        put(conn, signed)
        assert count(conn) > 0
    with door.begin() as conn:
        assert count(conn) == 0, "after a commit"
    with door.connect() as conn:
        put(conn, signed)
        conn.rollback()
        assert count(conn) == 0, "after a rollback"
    with door.connect() as conn:
        point = conn.begin_nested()
        put(conn, signed)
        assert count(conn) > 0
        point.rollback()
        assert count(conn) == 0, "after a savepoint"
    with door.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        put(conn, signed)
        assert count(conn) == 0, "between statements"


def test_a_login_cannot_become_another(door):
    for role in ("gridmap", "gridmap_app", "gridmap_whole", "postgres"):
        with pytest.raises(DBAPIError, match="permission denied"), door.begin() as conn:
            conn.exec_driver_sql(f"SET ROLE {role}")
    for statement in ("SET row_security = off", "SELECT key FROM scope_key"):
        with pytest.raises(DBAPIError), door.begin() as conn:
            conn.exec_driver_sql(statement)
            count(conn)


def test_plain_roles_do_not_become_those_that_see_cameras(url):
    for role in ("gridmap_scoped", "gridmap_whole"):
        engine = raw(url, role)
        with pytest.raises(DBAPIError, match="permission denied"), engine.begin() as conn:
            conn.exec_driver_sql(f"SET ROLE {role}_cameras")
        engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT ST_EstimatedExtent('building', 'geom')",
        "SELECT _postgis_stats('building', 'geom')",
        "SELECT ST_FindExtent('building', 'geom')",
        "CREATE FUNCTION peep() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TABLE mine (code text)",
        "COPY building TO PROGRAM 'cat'",
    ],
)
def test_ways_around_the_policies_are_closed(door, statement):
    with pytest.raises(DBAPIError, match=r"permission denied|must be superuser"), door.begin() as c:
        c.exec_driver_sql(statement)


def test_statistics_of_the_planner_are_hidden(door):
    with door.begin() as conn:
        shown = conn.execute(sa.text("SELECT count(*) FROM pg_stats WHERE tablename = 'building'"))
        assert shown.scalar_one() == 0


# --- the index of places


def plan(conn):
    box = "ST_MakeEnvelope(106, 29, 107, 30, 4490)"
    conn.exec_driver_sql("SET LOCAL enable_seqscan = off")
    rows = conn.exec_driver_sql(
        f"EXPLAIN SELECT code FROM building WHERE geom && {box} AND ST_Intersects(geom, {box})"
    )
    return "\n".join(row[0] for row in rows)


def test_a_scope_is_searched_by_place(superuser, signed):
    with superuser.connect() as conn:
        conn.exec_driver_sql("SET LOCAL ROLE gridmap_scoped")
        put(conn, signed)
        assert "ix_building_geom" in plan(conn)
        conn.rollback()
        conn.exec_driver_sql("ALTER FUNCTION geometry_overlaps(geometry, geometry) NOT LEAKPROOF")
        assert store.read_marks(conn)["overlaps"] is False
        conn.exec_driver_sql("SET LOCAL ROLE gridmap_scoped")
        put(conn, signed)
        found = plan(conn)
        assert "ix_building_grid_code" in found or "Seq Scan" in found
        assert "&&" in found.partition("Filter")[2]
        conn.rollback()


# --- the look at the start


BREAKS = {
    "policy dropped": "DROP POLICY scope ON building",
    "policy changed": "ALTER POLICY scope ON building USING (true)",
    "policy more": "CREATE POLICY peep ON duty FOR SELECT TO gridmap_scoped USING (true)",
    "not forced": "ALTER TABLE camera NO FORCE ROW LEVEL SECURITY",
    "not enabled": "ALTER TABLE matter DISABLE ROW LEVEL SECURITY",
    "cameras granted": "GRANT SELECT ON camera TO gridmap_scoped",
    "to all": "GRANT SELECT ON audit_event TO PUBLIC",
    "column granted": "GRANT SELECT (source) ON import_batch TO gridmap_whole",
    "writes": "GRANT UPDATE ON building TO gridmap_whole",
    "view": "CREATE VIEW all_buildings AS SELECT * FROM building",
    "matview": "CREATE MATERIALIZED VIEW all_buildings AS SELECT * FROM building",
    "bypass": "ALTER ROLE gridmap_scoped BYPASSRLS",
    "owns": "ALTER TABLE road OWNER TO gridmap_whole",
}


@pytest.mark.parametrize("statement", BREAKS.values(), ids=BREAKS)
def test_whatever_opens_a_way_is_told(superuser, statement):
    with superuser.connect() as conn:
        assert store.read_faults(conn) == []
        conn.exec_driver_sql(statement)
        assert store.read_faults(conn) != []
        conn.rollback()


def test_a_view_that_keeps_to_the_policies_is_none(superuser):
    with superuser.connect() as conn:
        conn.exec_driver_sql(
            "CREATE VIEW few WITH (security_invoker = true) AS SELECT code FROM building"
        )
        assert store.read_faults(conn) == []
        conn.rollback()


def test_what_is_amiss_is_mended_at_the_next_migration(lent_database, toy_template):
    url = lent_database(toy_template)
    engine = store.connect(url)
    with store.transaction(engine, owner=True) as conn:
        conn.exec_driver_sql("DROP POLICY scope ON building")
        conn.exec_driver_sql("GRANT SELECT ON camera TO gridmap_scoped")
    store.migrate(engine)
    with store.transaction(engine) as conn:
        assert store.read_faults(conn) == []
    engine.dispose()


def test_every_table_is_guarded(superuser):
    with superuser.connect() as conn:
        rows = conn.execute(
            sa.text(
                "SELECT relname, relrowsecurity AND relforcerowsecurity FROM pg_class"
                " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
            )
        )
        forced = dict(tuple(row) for row in rows)
    foreign = {"spatial_ref_sys", "alembic_version"}
    assert {name for name, yes in forced.items() if not yes} == foreign
    assert set(forced) - foreign == set(t.metadata.tables)


def test_the_roles_of_the_cluster_are_those_of_the_store():
    assert (
        cluster.APP_ROLE,
        tuple(cluster.READING_ROLES),
    ) == (guards.APP_ROLE, guards.READING_ROLES)


def test_what_only_a_superuser_does_is_the_same_in_both_rooms():
    """Neither room may use the other: cluster marks its own database, store another's."""
    assert database._MARKS == guards.MARKS
    assert all(f"'{name}'" in guards.MARKS for name in guards.STATISTICS)


# --- through the jobs


def test_answers_of_a_scope_are_those_of_the_whole_but_for_what_is_beyond(logins):
    whole, mine = logins.seen_by(scope(WHOLE)), logins.seen_by(scope((COMMUNITY,)))
    for code in (COMMUNITY, GRID):
        assert jobs.unit_coverage(mine, code) == jobs.unit_coverage(whole, code)
        args = {"limit": 100}
        assert jobs.uncovered_buildings(mine, code, **args) == jobs.uncovered_buildings(
            whole, code, **args
        )
    for code in (STREET, SIBLING, "990101"):
        with pytest.raises(UnitNotFound):
            jobs.unit_coverage(mine, code)


def test_figures_of_a_past_day_are_computed_from_all_and_shown_in_part(logins):
    day = TOY_DAY - dt.timedelta(days=30)
    whole, mine = logins.seen_by(scope(WHOLE)), logins.seen_by(scope((GRID,)))

    def told(engine):
        found = jobs.unit_coverage(engine, GRID, as_of=day)
        return [{k: v for k, v in rate.items() if k != "computed_at"} for rate in found["rates"]]

    assert told(mine) == told(whole) != []
    with pytest.raises(UnitNotFound):
        jobs.unit_coverage(mine, SIBLING, as_of=day)
    blind = jobs.blind_areas(mine, GRID, by="area_m2", limit=100, as_of=day)
    assert {row["unit_code"] for row in blind["rows"]} <= {GRID}


def test_who_may_not_write_does_not(logins):
    for role in (Role.LEADERSHIP, Role.OFFICER, Role.LEADER, Role.INTEGRATION):
        with (
            pytest.raises(OutsideScope, match="lacks the right write"),
            store.transaction(logins.seen_by(scope(WHOLE, role)), writes=True),
        ):
            pass
    with (
        pytest.raises(OutsideScope),
        store.transaction(logins.seen_by(scope((STREET,), Role.PLANNER)), writes=True),
    ):
        pass
    with store.transaction(logins.seen_by(scope(WHOLE, Role.PLANNER)), writes=True) as conn:
        assert conn.execute(sa.text("SELECT current_user")).scalar_one() == store.APP_ROLE


def test_one_login_becomes_the_roles(url, superuser):
    with jobs.service(Settings(database_url=url)) as logins:
        with store.transaction(logins.seen_by(scope((GRID,)))) as conn:
            name = conn.execute(sa.text("SELECT current_user")).scalar_one()
            seen = conn.execute(sa.select(t.building.c.code)).scalars().all()
        assert name == "gridmap_scoped_cameras"
        rows = everything(superuser, t.building)
        assert sorted(seen) == sorted(r["code"] for r in rows if r["grid_code"] == GRID)


def test_a_scope_is_of_codes():
    with pytest.raises(CodeError):
        scope(("99010100",))
    with pytest.raises(CodeError):
        scope(("990101' OR true",))
    assert not replace(scope((STREET,)), ranges=()).spans
