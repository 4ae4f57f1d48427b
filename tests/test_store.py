import datetime as dt

import numpy as np
import pandas as pd
import psycopg2
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from geoalchemy2 import alembic_helpers
from shapely import Point, box
from sqlalchemy.exc import DBAPIError
from toy_town import TOY_DAY, frame

from gridmap import store, tables
from gridmap.errors import (
    Conflict,
    SchemaOutOfDate,
    StoreError,
    StoreUnavailable,
    UnitNotFound,
)
from gridmap.model import LAYERS, Level
from gridmap.store import schema

pytestmark = pytest.mark.db

FIRST, SECOND, NOW = dt.date(2026, 1, 1), dt.date(2026, 3, 1), dt.date(2026, 11, 1)


def batch(conn, layer="building", effective=FIRST):
    return store.write_batch(
        conn, layer=layer, source="test", sha256="", effective=effective, rows=1
    )


def write(engine, layer, rows, effective=FIRST, only=None):
    """Write rows as one batch; return how many were added, changed, unchanged, ended."""
    with store.transaction(engine) as conn:
        batch_id = batch(conn, layer, effective)
        return write_rows(conn, layer, rows, effective, batch_id, only)


def write_rows(conn, layer, rows, effective, batch_id, only=None):
    with store.staged_layer(conn, layer, rows, effective=effective, only=only) as staged:
        changes = store.read_changes(conn, staged)["change"].to_list()
        store.write_changes(conn, staged, batch_id=batch_id)
    added, changed, ended = (changes.count(one) for one in ("added", "changed", "ended"))
    return added, changed, len(rows) - added - changed, ended


def buildings(*codes, floors=1, grid="990101001001001"):
    rows = frame([box(106.6, 29.5, 106.601, 29.501)] * len(codes), code=list(codes), crs=4490)
    return (
        LAYERS["building"].parse(rows.assign(floors=floors)).assign(grid_code=grid, grid_share=1.0)
    )


def orgs(*codes, name="甲"):
    table = pd.DataFrame({"code": codes, "name": name, "kind": "branch"})
    return LAYERS["organisation"].parse(table)


def counts(written):
    assert written[3] == 0  # nothing ends unless it is told to
    return written[:3]


# --- schema


def test_migrations_go_up_and_down_and_match_the_tables(engine):
    names = set(tables.metadata.tables)
    inspect = lambda: set(sa.inspect(engine).get_table_names())  # noqa: E731
    assert names <= inspect()
    with engine.connect() as conn:
        options = {
            "include_object": alembic_helpers.include_object,
            "compare_type": True,
            "compare_server_default": True,
        }
        context = MigrationContext.configure(conn, opts=options)
        assert compare_metadata(context, tables.metadata) == []
    store.migrate(engine, "base")
    assert not names & inspect()
    with engine.connect() as conn, pytest.raises(SchemaOutOfDate, match="schema none"):
        store.require_schema(conn)
    store.migrate(engine)
    store.migrate(engine)
    with engine.connect() as conn:
        store.require_schema(conn)


def test_columns_enforce_srid_and_kind(engine):
    for shape, srid in ((Point(0, 0), 4490), (box(0, 0, 1, 1), 4326)):
        with engine.connect() as conn, pytest.raises(DBAPIError):
            conn.execute(
                sa.text(
                    "INSERT INTO building(code, valid_from, batch_id, geom) "
                    "VALUES ('x', '2026-01-01', 1, ST_Multi(ST_GeomFromText(:wkt, :srid)))"
                ),
                {"wkt": shape.wkt, "srid": srid},
            )


def test_codes_sort_by_byte_and_trigrams_know_chinese(engine):
    with engine.connect() as conn:
        columns = sa.inspect(conn).get_columns("building")
        collations = {c["name"]: c["type"].collation for c in columns if c["name"].endswith("code")}
        assert collations == {"code": "C", "grid_code": "C"}
        assert conn.scalar(sa.text("SELECT cardinality(show_trgm('幸福路')) > 0"))


@pytest.mark.parametrize(
    ("code", "level", "parent"),
    [("99010", "district", None), ("990101", "street", None), ("990101001", "street", "990102")],
)
def test_divisions_with_wrong_codes_are_refused(engine, code, level, parent):
    rows = frame([box(0, 0, 1, 1)], code=[code], name=["x"], crs=4490)
    with pytest.raises(Conflict, match="ck_division"):
        write(
            engine, "grid", rows.assign(level=level, kind="x", unit_name=None, parent_code=parent)
        )


def test_no_column_can_hold_a_person():
    """The boundary: places, organisations, counts and duties, never persons."""
    allowed_names = {
        *("organisation", "post", "project", "matter_item", "proposal", "lens", "courtyard"),
        *("department_grid", "division", "building", "camera", "road", "entrance"),
        *("key_public_area", "privacy_zone", "restricted_site"),
        # Who signs in has a name to do it by, best that of a function; a token has what it is for.
        *("account", "api_token"),
    }
    banned = ("person", "resident", "id_card", "phone", "mobile", "face", "track", "birth")
    for table in tables.metadata.tables.values():
        for column in table.columns:
            # The telephone of a duty desk is an office's.
            desk = column.name == "duty_phone"
            assert desk or not any(word in column.name for word in banned), column
            if column.name == "name":
                assert table.name.removesuffix("_history") in allowed_names


# --- writing


def test_current_rows_change_with_history(engine):
    assert counts(write(engine, "building", buildings("a", "b"))) == (2, 0, 0)
    changed = pd.concat([buildings("a"), buildings("b", "c", floors=2)])
    changed.index = [1, 2, 3]
    assert counts(write(engine, "building", changed, SECOND)) == (1, 1, 1)
    with engine.connect() as conn:
        now = conn.execute(sa.text("SELECT code, floors, version, valid_from FROM building"))
        assert sorted(map(tuple, now)) == [
            ("a", 1, 1, FIRST),
            ("b", 2, 2, SECOND),
            ("c", 2, 1, SECOND),
        ]
        past = conn.execute(
            sa.text("SELECT code, floors, valid_from, valid_to, ended_by FROM building_history")
        )
        assert [tuple(row) for row in past] == [("b", 1, FIRST, SECOND, 2)]


def test_the_same_rows_again_change_nothing(engine):
    write(engine, "building", buildings("a", "b"))
    assert counts(write(engine, "building", buildings("a", "b"), SECOND)) == (0, 0, 2)
    with engine.connect() as conn:
        assert conn.scalar(sa.text("SELECT count(*) FROM building_history")) == 0


def test_a_deleted_building_stays_in_history(engine):
    write(engine, "building", buildings("a"))
    with store.transaction(engine) as conn:
        batch_id = batch(conn, effective=SECOND)
        conn.execute(tables.building.delete())
    with engine.connect() as conn:
        row = conn.execute(sa.text("SELECT valid_to, ended_by FROM building_history")).one()
        assert tuple(row) == (SECOND, batch_id)


def test_periods_end_where_the_next_begins(engine):
    write(engine, "organisation", orgs("x", "y"))
    assert counts(write(engine, "organisation", orgs("x", name="乙"), SECOND)) == (0, 1, 0)
    with engine.connect() as conn:
        found = store.read_holders(conn)
    periods = [(r.code, r.name, r.begins, r.ends) for r in found.itertuples()]
    assert sorted(periods, key=str) == [
        ("x", "乙", SECOND, None),
        ("x", "甲", FIRST, SECOND),
        ("y", "甲", FIRST, None),
    ]


def test_a_correction_on_the_same_day_makes_no_period(engine):
    write(engine, "organisation", orgs("x"))
    assert counts(write(engine, "organisation", orgs("x", name="乙"))) == (0, 1, 0)
    assert counts(write(engine, "organisation", orgs("x", name="乙"), SECOND)) == (0, 0, 1)
    with engine.connect() as conn:
        assert store.read_holders(conn)["name"].to_list() == ["乙"]


def test_overlapping_periods_are_impossible(engine):
    write(engine, "organisation", orgs("x"))
    with pytest.raises(Conflict, match="ex_organisation_period"), store.transaction(engine) as conn:
        conn.execute(
            sa.text(
                "INSERT INTO organisation(code, name, kind, valid, batch_id) "
                "VALUES ('x', 'x', 'branch', '[2027-01-01,)', 1)"
            )
        )


def test_hostile_text_goes_in_and_comes_out_unchanged(engine):
    text = "a\tb\nc\\N \\. '); DROP TABLE building; -- <img onerror=x> ${1} \" \r 甲"
    rows = buildings("x")
    rows["name"] = text
    rows["address"] = "\\."
    write(engine, "building", rows)
    with engine.connect() as conn:
        found = store.read_buildings(conn, as_of=NOW).loc["x"]
    assert (found["name"], found["address"]) == (text, "\\.")


def test_an_error_leaves_nothing_behind(engine):
    with pytest.raises(RuntimeError), store.transaction(engine) as conn:
        write_rows(conn, "building", buildings("a"), FIRST, batch(conn))
        raise RuntimeError
    with engine.connect() as conn:
        assert store.read_buildings(conn, as_of=NOW).empty
        assert store.read_sources(conn) == set()


def test_assignment_changes_only_what_differs(engine):
    write(engine, "building", buildings("a", "b"))
    moved = pd.DataFrame(
        {"grid_code": ["990101001001001", "990101001001002"], "grid_share": [1.0, 0.8]},
        index=["a", "b"],
    )
    with store.transaction(engine) as conn:
        changed = store.write_assignment(
            conn, "building", moved, effective=SECOND, batch_id=batch(conn)
        )
    assert changed == 1
    with engine.connect() as conn:
        found = store.read_buildings(conn, as_of=NOW, within="990101001001002")
    assert found.index.to_list() == ["b"]


# --- reading


def test_frames_have_their_code_as_index_and_storage_crs(toy):
    with toy.connect() as conn:
        units = store.read_units(conn, Level.GRID, as_of=TOY_DAY)
        assert units.index.name == "code"
        assert units.crs.to_epsg() == 4490
        assert units.index.is_monotonic_increasing
        assert len(units) == 4
        below = store.read_units(conn, Level.GRID, as_of=TOY_DAY, within="990101001002")
        assert below.index.to_list() == ["990101001002001", "990101001002002"]
        assert store.read_units(conn, Level.GRID, as_of=dt.date(2025, 1, 1)).empty
        assert store.read_cameras(conn, as_of=NOW)["hfov_deg"].to_list() == [360, 90]


def test_a_prefix_is_no_neighbour(toy):
    """5001080010 is not below 500108001: ranges are half open at the byte after 9."""
    with toy.connect() as conn:
        assert store.read_buildings(conn, as_of=NOW, within="99010100100100").shape[0] == 4
        assert store.read_buildings(conn, as_of=NOW, within="9901010010010010").empty


def test_windows_select_by_touch(toy):
    with toy.connect() as conn:
        everything = store.read_buildings(conn, as_of=NOW)
        window = tuple(map(float, everything.loc[["T1"]].total_bounds))
        found = store.read_buildings(conn, as_of=NOW, window=window)
        assert found.index.to_list() == ["T1"]
        assert store.read_buildings(conn, as_of=NOW, window=(0, 0, 1, 1)).empty
        assert store.read_buildings(conn, as_of=NOW, limit=3).shape[0] == 3
        assert store.read_roads(conn, as_of=NOW, window=(106, 29, 107, 30)).index.to_list() == [
            "R1"
        ]
        assert store.read_ground(conn, window=(106, 29, 107, 30)).shape[0] == 4


def at(x, y):
    point = frame([Point(364000 + x, 3266000 + y)]).to_crs(4490).geometry.iloc[0]
    return point.x, point.y


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (20, 20, ("990101001001001", "T1")),
        (50, 150, ("990101001001001", None)),
        (205, 110, ("990101001002001", "T4")),
        (420, 60, (None, "T8")),
        (5000, 0, (None, None)),
    ],
)
def test_locate_finds_every_level(toy, x, y, expected):
    with toy.connect() as conn:
        found = store.locate(conn, *at(x, y), as_of=TOY_DAY)
    codes = tuple(None if unit is None else unit.code for unit in (found.grid, found.building))
    assert codes == expected
    if found.grid:
        assert found.district.name == "玩具区"
        assert found.community.code == found.grid.code[:12]


def test_locate_is_one_statement(toy):
    statements = []
    listen = lambda *args: statements.append(args[2])  # noqa: E731
    with toy.connect() as conn:
        sa.event.listen(toy, "before_cursor_execute", listen)
        store.locate(conn, *at(20, 20), as_of=TOY_DAY)
        sa.event.remove(toy, "before_cursor_execute", listen)
    assert len(statements) == 1


def test_spatial_answers_do_not_depend_on_the_index(toy):
    rng = np.random.default_rng(1)
    windows = [(*at(*corner), *at(*(corner + 60))) for corner in rng.uniform(0, 400, (20, 2))]
    with toy.connect() as conn:
        found = lambda w: list(store.read_buildings(conn, as_of=NOW, window=w).index)  # noqa: E731
        with_index = [found(w) for w in windows]
        conn.execute(sa.text("SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off"))
        assert [
            list(store.read_buildings(conn, as_of=NOW, window=w).index) for w in windows
        ] == with_index
    assert any(with_index)


def test_unknown_units_are_errors(toy):
    with toy.connect() as conn, pytest.raises(UnitNotFound):
        store.read_unit_rates(conn, "123456")


# --- errors


def test_a_database_of_a_newer_program_is_left_alone(engine):
    with store.transaction(engine, owner=True) as conn:
        conn.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaOutOfDate, match="schema 9999"):
        store.migrate(engine)


def test_a_snapshot_sees_one_state(engine):
    with store.transaction(engine, snapshot=True) as conn:
        assert store.read_buildings(conn, as_of=NOW).empty
        write(engine, "building", buildings("a"))
        assert store.read_buildings(conn, as_of=NOW).empty
    with store.transaction(engine) as conn:
        assert len(store.read_buildings(conn, as_of=NOW)) == 1


def test_no_server_is_unavailable(tmp_path):
    engine = store.connect(f"postgresql+psycopg2://nobody@/none?host={tmp_path}")
    with pytest.raises(StoreUnavailable), store.transaction(engine):
        pass
    for url in ("nonsense", "mysql://x/y"):
        with pytest.raises(StoreUnavailable, match="GRIDMAP_DATABASE_URL"):
            store.connect(url)


def test_foreign_error_text_does_not_leak(engine):
    with (
        pytest.raises(StoreError, match="SQLSTATE 22012") as caught,
        store.transaction(engine) as c,
    ):
        c.execute(sa.text("SELECT 1/0"))
    assert "division by zero" not in str(caught.value)


def test_a_database_error_inside_copy_is_translated(engine):
    rows = buildings("a")
    rows["grid_share"] = "no number"
    with pytest.raises(StoreError, match="SQLSTATE 22P02"):
        write(engine, "building", rows)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("53100", "out of disk space, memory or connections; free some, try again"),
        ("58030", "cannot read or write its files; see its log and disk, try again"),
        ("XX000", "failed, perhaps for want of disk; see its log, try again"),
    ],
)
def test_a_server_in_trouble_is_told_with_what_to_do(engine, code, told):
    raise_it = f"DO $$ BEGIN RAISE EXCEPTION 'secret' USING ERRCODE = '{code}'; END $$"
    with pytest.raises(StoreError, match=told) as caught, store.transaction(engine) as conn:
        conn.execute(sa.text(raise_it))
    assert f"(SQLSTATE {code})" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_server_that_dies_in_the_middle_of_an_answer_is_a_lost_connection():
    """The driver then has no SQLSTATE, and an error of no closer class than its first."""
    without_a_word = psycopg2.DatabaseError("error with no message from the libpq")
    wrapped = sa.exc.DBAPIError.instance("SELECT 1", {}, without_a_word, psycopg2.Error)
    assert isinstance(schema.explained(wrapped, None), StoreUnavailable)
    not_sent = psycopg2.ProgrammingError("can't adapt type 'object'")
    wrapped = sa.exc.DBAPIError.instance("SELECT 1", {}, not_sent, psycopg2.Error)
    assert not isinstance(schema.explained(wrapped, None), StoreUnavailable)
