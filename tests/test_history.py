"""What was true stays: ending, undoing, asking of a day, the book of writes."""

import datetime as dt
import itertools
import threading
import time
from contextlib import contextmanager

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Point, box
from sqlalchemy.exc import ProgrammingError
from toy_town import METRIC, TOY, TOY_DAY, frame

from gridmap import files, jobs, store, tables, topology
from gridmap.errors import (
    BatchNotFound,
    Conflict,
    InputError,
    LayerRejected,
    StoreUnavailable,
)
from gridmap.model import Level

db = pytest.mark.db

FIRST, SECOND = dt.date(2026, 1, 1), dt.date(2026, 3, 1)
BEFORE = SECOND - dt.timedelta(days=1)
NORTH_OF_FIRST = "990101001001003"


def put(engine, tmp_path, layer, rows, *, effective=SECOND, commit=True, **options):
    """Import rows from a GeoPackage."""
    path = tmp_path / f"{layer}.gpkg"
    path.unlink(missing_ok=True)
    files.write_layer(rows, path)
    return jobs.import_layer(engine, path, layer, effective=effective, commit=commit, **options)


def toy(layer):
    """Return a layer of the toy town as a frame in metres."""
    rows = pd.read_csv(TOY / f"{layer}.csv", dtype={"code": str, "building_code": str})
    shapes = shapely.from_wkt(rows.pop("wkt"))
    return gpd.GeoDataFrame(rows, geometry=shapes, crs=METRIC)


def grids_divided_anew():
    """The first grid is cut in two halves, and the two of the second community become one."""
    grids = toy("grid")
    shapes = [
        box(364000, 3266000, 364100, 3266100),
        box(364000, 3266100, 364100, 3266200),
        grids.geometry[1],
        box(364200, 3266000, 364400, 3266200),
    ]
    codes = ["990101001001001", NORTH_OF_FIRST, "990101001001002", "990101001002003"]
    return frame(shapes, code=codes, name=[f"第{n}网格" for n in range(1, 5)])


def whole(engine):
    """Return all rows of all layers and their pasts, to the last byte, but the undone ones."""
    found = {}
    undone = store.batches.undone()
    with engine.connect() as conn:
        for table, past in tables.HISTORY.items():
            found[table.name] = sorted(map(str, conn.execute(sa.select(*texts(table)))))
            was = sa.select(*texts(past)).where(past.c.ended_by.not_in(undone))
            if "valid" not in table.c:
                was = was.where(past.c.valid_to > past.c.valid_from)
                found[past.name] = sorted(map(str, conn.execute(was)))
    return found


def texts(table):
    return [sa.cast(column, sa.Text) for column in table.c]


def on_day(engine, layer, day):
    with store.transaction(engine) as conn:
        return store.read_layer(conn, layer, as_of=day)


# --- what would change


@db
def test_a_check_says_what_a_commit_then_does(town, tmp_path):
    rows = toy("building")
    rows.loc[0, "floors"] = 6
    rows.loc[1, "geometry"] = shapely.affinity.translate(rows.geometry[1], 1)
    rows = pd.concat([rows.drop(index=3), rows.iloc[[0]].assign(code="T99")])
    rows = rows.assign(geometry=[*rows.geometry[:-1], box(364300, 3266010, 364310, 3266020)])
    checked = put(town, tmp_path, "building", rows, complete=True, commit=False)
    before = whole(town)
    assert [tuple(change) for change in checked.changes] == [
        ("T99", "added", ()),
        ("T1", "changed", ("floors",)),
        ("T2", "changed", ("geometry",)),
        ("T4", "ended", ()),
    ]
    done = put(town, tmp_path, "building", rows, complete=True)
    told = (done.inserted, done.updated, done.unchanged, done.ended)
    assert told == (checked.inserted, checked.updated, checked.unchanged, checked.ended)
    assert told == (1, 2, len(rows) - 3, 1)
    assert done.changes == checked.changes
    assert whole(town) != before


@db
def test_without_complete_nothing_ends(town, tmp_path):
    done = put(town, tmp_path, "building", toy("building").head(2))
    assert (done.updated, done.unchanged, done.ended) == (0, 2, 0)


@db
def test_complete_of_a_unit_ends_only_there(town, tmp_path):
    rows = toy("building")
    with pytest.raises(InputError, match="--complete"):
        put(town, tmp_path, "building", rows, unit="990101001001")
    done = put(town, tmp_path, "building", rows.head(1), complete=True, unit="990101001001001")
    assert [change.key for change in done.changes] == ["T2"]
    with pytest.raises(InputError, match="no unit"):
        jobs.import_layer(
            town, TOY / "duty.csv", "duty", effective=SECOND, complete=True, unit="990101"
        )
    with pytest.raises(InputError, match="no code"):
        put(town, tmp_path, "building", rows, complete=True, unit="9901%")


@db
def test_an_ended_code_is_not_given_again(town, tmp_path):
    rows = toy("building")
    put(town, tmp_path, "building", rows.drop(index=3), complete=True)
    with pytest.raises(LayerRejected) as refused:
        put(town, tmp_path, "building", rows, effective=dt.date(2026, 4, 1))
    assert [(issue.shape, issue.row) for issue in refused.value.report.errors] == [
        ("C04.reused", 4)
    ]
    with pytest.raises(LayerRejected) as refused:
        put(town, tmp_path, "building", rows, effective=dt.date(2026, 2, 1))
    assert {issue.shape for issue in refused.value.report.errors} == {"C04.overlap"}


@db
def test_what_ended_says_what_still_refers_to_it(town, tmp_path):
    rows = toy("building")
    done = put(town, tmp_path, "building", rows.iloc[1:], complete=True, commit=False)
    left = [issue for issue in done.issues if issue.shape == "T01.left"]
    assert [(one.values["kind"], one.values["count"]) for one in left] == [
        ("duty", 1),
        ("entrance", 1),
    ]
    streets = toy("community").iloc[[0]].assign(geometry=[box(364000, 3266000, 364400, 3266200)])
    with pytest.raises(LayerRejected) as refused:
        put(town, tmp_path, "community", streets, complete=True)
    told = [issue.message("en") for issue in refused.value.report.errors]
    assert len(told) == 1
    assert "'990101001002' ends on 2026-03-01, but 2 divisions below it do not" in told[0]


# --- asking of a day


@db
def test_every_layer_is_as_it_was_on_a_day(town, tmp_path):
    before = {name: on_day(town, name, BEFORE) for name in ("grid", "building", "road", "camera")}
    put(town, tmp_path, "grid", grids_divided_anew(), complete=True)
    put(town, tmp_path, "building", toy("building").iloc[1:].assign(floors=9), complete=True)
    put(town, tmp_path, "road", toy("road").assign(width_m=9.5))
    for name, rows in before.items():
        pd.testing.assert_frame_equal(on_day(town, name, BEFORE), rows)
    now = on_day(town, "grid", SECOND)
    assert now["code"].to_list() == [
        "990101001001001",
        "990101001001002",
        NORTH_OF_FIRST,
        "990101001002003",
    ]
    assert on_day(town, "building", SECOND)["floors"].to_list() == [9] * 7
    assert on_day(town, "road", SECOND)["width_m"].to_list() == [9.5]
    assert on_day(town, "building", dt.date(2025, 1, 1)).empty


@db
def test_a_position_is_located_on_a_day(town, tmp_path):
    north = gpd.GeoSeries([Point(364050, 3266150)], crs=METRIC).to_crs(4490)[0]
    assert jobs.locate(town, north.x, north.y, as_of=BEFORE)["grid"]["code"] == "990101001001001"
    with store.transaction(town) as conn:
        place = store.read_buildings(conn, as_of=BEFORE).loc["T1"].geometry.centroid
    put(town, tmp_path, "grid", grids_divided_anew(), complete=True)
    put(town, tmp_path, "building", toy("building").iloc[1:], complete=True)
    then = jobs.locate(town, place.x, place.y, as_of=BEFORE)
    now = jobs.locate(town, place.x, place.y, as_of=SECOND)
    assert (then["building"]["code"], now["building"]) == ("T1", None)
    assert jobs.locate(town, north.x, north.y, as_of=SECOND)["grid"]["code"] == NORTH_OF_FIRST


@db
def test_coverage_of_a_past_day_is_that_day_s_and_changes_nothing(town, tmp_path):
    jobs.refresh_org_coverage(town, as_of=BEFORE)
    jobs.refresh_camera_coverage(town, as_of=BEFORE)
    then = jobs.unit_coverage(town, "990101")
    losses = jobs.failure_losses(town, "990101", kind="camera", redundant=False, limit=9)
    put(town, tmp_path, "building", toy("building").iloc[1:], complete=True)
    put(town, tmp_path, "grid", grids_divided_anew(), complete=True)
    jobs.refresh_org_coverage(town, as_of=TOY_DAY)
    jobs.refresh_camera_coverage(town, as_of=TOY_DAY)
    now = jobs.unit_coverage(town, "990101")
    version = jobs.version(town)

    def figures(answer):
        return {
            f"{rate['measure']} {name}": rate[name]
            for rate in answer["rates"]
            for name in ("covered", "total")
        }

    again = figures(jobs.unit_coverage(town, "990101", as_of=BEFORE))
    assert again == pytest.approx(figures(then))
    assert again["party_group.buildings total"] == 7
    assert figures(now)["party_group.buildings total"] == 6
    again = jobs.failure_losses(
        town, "990101", kind="camera", redundant=False, limit=9, as_of=BEFORE
    )
    assert [row["code"] for row in again["rows"]] == [row["code"] for row in losses["rows"]]
    assert [row["area_m2"] for row in again["rows"]] == pytest.approx(
        [row["area_m2"] for row in losses["rows"]]
    )
    # T1 had a group, so its end leaves the uncovered as they were.
    uncovered = jobs.uncovered_buildings(town, "990101", limit=9, as_of=BEFORE)["rows"]
    assert [row["code"] for row in uncovered] == ["T8", "T7", "T6", "T5", "T4"]
    assert jobs.version(town) == version
    assert jobs.unit_coverage(town, "990101") == now


@db
def test_a_refresh_for_a_day_before_the_last_change_takes_the_rows_of_that_day(town, tmp_path):
    first = jobs.refresh_camera_coverage(town, as_of=BEFORE)
    put(town, tmp_path, "building", toy("building").assign(floors=3).iloc[1:], complete=True)
    again = jobs.refresh_camera_coverage(town, as_of=BEFORE)
    pd.testing.assert_frame_equal(first, again)
    later = jobs.refresh_camera_coverage(town, as_of=SECOND)
    assert not np.allclose(later["total"], first["total"])
    full = jobs.refresh_camera_coverage(town, as_of=SECOND, full=True)
    pd.testing.assert_frame_equal(later, full)


@db
def test_the_map_of_a_past_day_has_that_day_s_units(town, tmp_path):
    put(town, tmp_path, "grid", grids_divided_anew(), complete=True)
    quiet = {"language": "zh", "progress": lambda _step, _share: None}
    jobs.write_map(town, tmp_path / "now.html", as_of=TOY_DAY, **quiet)
    jobs.write_map(town, tmp_path / "then.html", as_of=BEFORE, past=True, **quiet)
    then, now = ((tmp_path / f"{name}.html").read_text("utf-8") for name in ("then", "now"))
    assert "990101001002001" in then
    assert NORTH_OF_FIRST not in then
    assert NORTH_OF_FIRST in now


# --- lineage


def test_lineage_by_hand():
    old = frame([box(0, 0, 4, 1), box(4, 0, 6, 1)], index=["a", "b"])
    new = frame([box(0, 0, 3, 1), box(3, 0, 6, 1)], index=["a", "c"])
    found = topology.lineage(old, new)
    told = [tuple(row) for row in found.itertuples(index=False)]
    assert told == [
        ("a", "a", 3.0, 0.75, 1.0),
        ("a", "c", 1.0, 0.25, pytest.approx(1 / 3, abs=1e-6)),
        ("b", "c", 2.0, 1.0, pytest.approx(2 / 3, abs=1e-6)),
    ]
    assert topology.lineage(old, old).empty
    assert topology.lineage(old.head(0), new).columns.tolist() == topology.LINEAGE_COLUMNS


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.data())
def test_all_ground_is_inherited(widths, data):
    """Cut a strip in two ways: the shares of each unit sum to one, on both sides."""
    edges = np.cumsum([0, *widths])
    cuts = data.draw(st.sets(st.integers(1, 53).filter(lambda x: x < edges[-1]), max_size=6))
    new_edges = sorted({0, int(edges[-1]), *cuts})

    def strip(marks, letter):
        boxes = [box(a, 0, b, 10) for a, b in itertools.pairwise(marks)]
        return frame(boxes, index=[f"{letter}{n}" for n in range(len(boxes))])

    found = topology.lineage(strip(edges, "o"), strip(new_edges, "n"))
    assert np.allclose(found.groupby("old_code")["old_share"].sum(), 1, atol=1e-5)
    assert np.allclose(found.groupby("new_code")["new_share"].sum(), 1, atol=1e-5)
    assert found["area_m2"].sum() == pytest.approx(10 * edges[-1])


@db
def test_splits_and_merges_are_recorded(town, tmp_path):
    done = put(town, tmp_path, "grid", grids_divided_anew(), complete=True)
    with store.transaction(town) as conn:
        found = store.read_lineage(conn)
    told = {(r.old_code[-6:], r.new_code[-6:]): (r.old_share, r.new_share) for r in
            found.itertuples()}  # fmt: skip
    assert told == {
        ("001001", "001001"): pytest.approx((0.5, 1), abs=1e-4),
        ("001001", "001003"): pytest.approx((0.5, 1), abs=1e-4),
        ("002001", "002003"): pytest.approx((1, 0.5), abs=1e-4),
        ("002002", "002003"): pytest.approx((1, 0.5), abs=1e-4),
    }
    assert found["area_m2"].to_list() == pytest.approx([10_000, 10_000, 20_000, 20_000], rel=1e-3)
    jobs.undo(town, done.batch_id)
    with store.transaction(town) as conn:
        assert store.read_lineage(conn).empty


# --- undoing


@db
@pytest.mark.parametrize("complete", [False, True])
def test_undo_restores_exactly(town, tmp_path, complete):
    before = whole(town)
    rows = toy("building").assign(floors=7).iloc[2:]
    fresh = rows.iloc[[0]].assign(code="T99", geometry=[box(364300, 3266010, 364310, 3266020)])
    put(town, tmp_path, "building", pd.concat([rows, fresh]), complete=complete)
    grids = put(town, tmp_path, "grid", grids_divided_anew(), complete=True)
    orgs = tmp_path / "organisation.csv"
    text = (TOY / "organisation.csv").read_text("utf-8").replace("20,1", "30,2")
    # The third group's grid is no more, and neither is the group.
    text = text.replace("G3", "G9").replace("990101001002001", "990101001002003")
    orgs.write_text(text, encoding="utf-8")
    last = jobs.import_layer(
        town, orgs, "organisation", effective=SECOND, complete=complete, commit=True
    )
    assert (last.updated, last.ended) == (2, int(complete))
    changed = whole(town)
    assert changed != before
    for batch_id in (last.batch_id, grids.batch_id, grids.batch_id - 1):
        jobs.undo(town, batch_id, actor="者")
    assert whole(town) == before
    book = jobs.batches(town, limit=3)
    assert [one["undoes"] for one in book] == [grids.batch_id - 1, grids.batch_id, last.batch_id]
    assert {one["actor"] for one in book} == {"者"}


@db
def test_undo_of_a_correction_on_the_same_day(town, tmp_path):
    before = whole(town)
    names = toy("community").assign(name=["甲", "乙"])
    done = put(town, tmp_path, "community", names, effective=FIRST)
    assert done.updated == 2
    assert on_day(town, "community", FIRST)["name"].to_list() == ["甲", "乙"]
    jobs.undo(town, done.batch_id)
    assert whole(town) == before


@db
def test_what_was_undone_can_be_imported_again(town, tmp_path):
    rows = toy("building").iloc[1:]
    done = put(town, tmp_path, "building", rows, complete=True)
    jobs.undo(town, done.batch_id)
    assert len(on_day(town, "building", TOY_DAY)) == 8
    again = put(town, tmp_path, "building", rows, complete=True)
    assert again.ended == 1
    pd.testing.assert_frame_equal(on_day(town, "building", BEFORE), on_day(town, "building", FIRST))
    assert len(on_day(town, "building", BEFORE)) == 8


@db
def test_batches_are_undone_in_order(town, tmp_path):
    first = put(town, tmp_path, "building", toy("building").assign(floors=7))
    later = put(town, tmp_path, "building", toy("building").assign(floors=8))
    with pytest.raises(Conflict, match=f"in this order: {later.batch_id}"):
        jobs.undo(town, first.batch_id)
    jobs.undo(town, later.batch_id)
    with pytest.raises(Conflict, match="undone already"):
        jobs.undo(town, later.batch_id)
    with pytest.raises(Conflict, match=r"import building\.gpkg again"):
        jobs.undo(town, jobs.batches(town, limit=1)[0]["id"])
    jobs.undo(town, first.batch_id)
    with pytest.raises(BatchNotFound):
        jobs.undo(town, 99)
    with pytest.raises(Conflict, match=r"refer to what batch|later batches"):
        jobs.undo(town, 1)  # the district, on which all else stands


@db
@settings(max_examples=5, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("EIU"), st.integers(0, 7), st.integers(0, 3)),
                min_size=1, max_size=5), st.integers(0, 3))  # fmt: skip
def test_undoing_everything_restores_everything(new_database, toy_template, tmp_path_factory,
                                                steps, back):  # fmt: skip
    """Any writes, undone from the last on, leave the store as it was before the first undone."""
    engine = store.connect(new_database(toy_template))
    tmp_path = tmp_path_factory.mktemp("steps")
    states, batches = [whole(engine)], []
    rows = toy("building")
    try:
        for number, (kind, which, value) in enumerate(steps):
            code = f"T{which + 1}"
            if kind == "E":
                rows = rows[rows["code"] != code] if len(rows) > 1 else rows
            elif kind == "U":
                rows = rows.assign(floors=rows["floors"].where(rows["code"] != code, value))
            else:
                x = 364300 + 10 * number
                rows = pd.concat([rows, frame([box(x, 3266010, x + 5, 3266020)],
                                              code=[f"N{number}"], floors=[value])])  # fmt: skip
            day = SECOND + dt.timedelta(days=number // 2)
            done = put(engine, tmp_path, "building", rows, effective=day, complete=True)
            batches.append(done.batch_id)
            states.append(whole(engine))
        for batch_id in reversed(batches[back:]):
            jobs.undo(engine, batch_id)
        assert whole(engine) == states[min(back, len(steps))]
    finally:
        engine.dispose()


# --- the book


@db
def test_the_book_says_who_when_what_and_from_which_file(town, tmp_path):
    rows = toy("building").assign(floors=7).iloc[:2]
    done = put(town, tmp_path, "building", rows, actor="规划员", key="k1")
    told = jobs.batch_rows(town, done.batch_id)
    batch = told["batch"]
    assert (batch["actor"], batch["source"], batch["effective"]) == (
        "规划员",
        "building.gpkg",
        SECOND,
    )
    assert len(batch["sha256"]) == 64
    assert dt.datetime.now(dt.UTC) - batch["at"] < dt.timedelta(minutes=10)
    building = told["rows"]["building"]
    assert [row["floors"] for row in building["before"]] == [5, 5]
    assert [row["floors"] for row in building["after"]] == [7, 7]
    jobs.undo(town, done.batch_id)
    assert jobs.batch_rows(town, done.batch_id)["rows"] == told["rows"]
    with pytest.raises(BatchNotFound):
        jobs.batch_rows(town, 999)


@db
def test_periods_are_told_before_and_after(town, tmp_path):
    done = put(town, tmp_path, "grid", grids_divided_anew(), complete=True)
    rows = jobs.batch_rows(town, done.batch_id)["rows"]["division"]
    before = {(row["code"], row["valid"]) for row in rows["before"]}
    after = {(row["code"], row["valid"]) for row in rows["after"]}
    assert ("990101001002001", "[2026-01-01,)") in before
    assert ("990101001002001", "[2026-01-01,2026-03-01)") in after
    assert (NORTH_OF_FIRST, "[2026-03-01,)") in after


@db
def test_the_application_cannot_erase_the_past(town, tmp_path):
    put(town, tmp_path, "building", toy("building").assign(floors=7))
    statements = [
        "DELETE FROM building_history",
        "UPDATE building_history SET floors = 1",
        "INSERT INTO building_history SELECT * FROM building_history",
        "TRUNCATE building_history",
        "TRUNCATE building",
        "DELETE FROM import_batch",
        "UPDATE import_batch SET actor = 'x'",
        "UPDATE import_batch SET inserted = 0",
        "DELETE FROM lineage",
        "ALTER TABLE building_history DISABLE TRIGGER ALL",
        "DROP TABLE lineage",
        "DROP TRIGGER keep_updated ON building",
        "UPDATE alembic_version SET version_num = 'x'",
    ]
    for statement in statements:
        with pytest.raises(Exception, match=r"42501|permission|append-only"), \
                store.transaction(town) as conn:  # fmt: skip
            conn.execute(sa.text(statement))
    for statement in statements[:9]:
        if not statement.startswith("INSERT"):
            with pytest.raises(ProgrammingError, match="append-only"), town.begin() as conn:
                conn.execute(sa.text(statement))


@db
def test_a_change_outside_a_batch_is_refused(town):
    with pytest.raises(Exception, match=r"gridmap\.batch"), town.begin() as conn:
        conn.execute(sa.text("UPDATE building SET floors = 99"))


@db
def test_a_temporary_table_does_not_catch_the_past(town, tmp_path):
    """A search path with temporary tables first would let a client hide what it changed."""
    with store.transaction(town) as conn:
        conn.execute(sa.text("CREATE TEMP TABLE building_history (LIKE building_history)"))
        store.write_batch(conn, layer="building", source="x", sha256="", effective=SECOND, rows=0)
        conn.execute(sa.text("UPDATE building SET floors = 9 WHERE code = 'T1'"))
        kept = "SELECT count(*) FROM public.building_history"
        assert conn.scalar(sa.text(kept)) == 1


# --- one import, written once


@db
def test_a_key_is_written_once(town, tmp_path):
    rows = toy("building").assign(floors=7)
    first = put(town, tmp_path, "building", rows, key="summer")
    before = whole(town)
    path = tmp_path / "building.gpkg"
    again = jobs.import_layer(town, path, "building", effective=SECOND, commit=True, key="summer")
    assert (again.batch_id, again.updated) == (first.batch_id, 8)
    assert whole(town) == before
    with pytest.raises(Conflict, match="key of its own"):
        put(town, tmp_path, "building", rows.assign(floors=8), key="summer")


@db
def test_a_lost_connection_is_looked_up(town, tmp_path, monkeypatch):
    """The server commits, the client only sees that the connection is gone."""
    transaction, calls = store.transaction, itertools.count()

    @contextmanager
    def lost(engine, **options):
        with transaction(engine, **options) as conn:
            yield conn
        if options.get("writes") and next(calls) == 0:
            raise StoreUnavailable("the database cannot be reached")

    monkeypatch.setattr(store, "transaction", lost)
    done = put(town, tmp_path, "building", toy("building").assign(floors=7))
    assert done.committed
    assert done.updated == 8
    assert jobs.batches(town, limit=1)[0]["id"] == done.batch_id


@db
def test_a_killed_writer_is_told_as_nothing_written(town, tmp_path):
    """The server ends the session in the middle of the write."""
    before = whole(town)
    kill = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
    stop = threading.Event()

    def end_writers():
        with town.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            while not stop.is_set():
                if conn.execute(sa.text(kill)).all():
                    return
                time.sleep(0.001)

    killer = threading.Thread(target=end_writers)
    killer.start()
    try:
        with pytest.raises(StoreUnavailable, match="nothing was written; run it again"):
            put(town, tmp_path, "building", toy("building").assign(floors=7))
    finally:
        stop.set()
        killer.join()
    assert whole(town) == before
    assert put(town, tmp_path, "building", toy("building").assign(floors=7)).updated == 8


@db
def test_two_imports_at_once_wait_for_each_other(town, tmp_path):
    done = []

    def one(number):
        folder = tmp_path / str(number)
        folder.mkdir()
        rows = toy("building").assign(floors=number)
        done.append(put(town, folder, "building", rows))

    threads = [threading.Thread(target=one, args=(number,)) for number in (11, 12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(report.updated for report in done) == [8, 8]
    last = max(done, key=lambda report: report.batch_id)
    floors = on_day(town, "building", SECOND)["floors"].unique()
    batch = jobs.batch_rows(town, last.batch_id)["rows"]["building"]["after"]
    assert floors.tolist() == [batch[0]["floors"]]


@db
def test_grids_in_history_stay_with_their_buildings(town, tmp_path):
    put(town, tmp_path, "grid", grids_divided_anew(), complete=True)
    with store.transaction(town) as conn:
        then = store.read_buildings(conn, as_of=BEFORE)["grid_code"]
        now = store.read_buildings(conn, as_of=SECOND)["grid_code"]
        level = store.read_units(conn, Level.GRID, as_of=BEFORE).index
    assert set(then.dropna()) <= set(level)
    assert then["T6"] == "990101001002001"
    assert now["T6"] == "990101001002003"
