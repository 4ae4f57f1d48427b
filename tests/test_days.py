"""Questions of a past day: of one state of the store, and in nobody's way."""

import datetime as dt
import threading

import pandas as pd
import pytest
import sqlalchemy as sa
from test_history import BEFORE, SECOND, on_day, put, toy, whole
from toy_town import METRIC, TOY, TOY_DAY

from gridmap import jobs, store
from gridmap.errors import StoreError
from gridmap.jobs.days import figures
from gridmap.jobs.rates import is_stale, stored_rates

pytestmark = pytest.mark.db

FIRST = dt.date(2026, 1, 1)
NEVER = FIRST - dt.timedelta(days=1)
"""The day before the toy town was imported."""


class Meanwhile:
    """A progress bar that lets a writer write at the first step of a computation."""

    def __init__(self, engine, folder):
        self.engine, self.folder, self.done = engine, folder, None

    def __call__(self, step, _share):
        if self.done is not None or step != "cameras":
            return
        self.done = []
        writer = threading.Thread(target=self.write, daemon=True)
        writer.start()
        writer.join(timeout=60)
        assert self.done == [7, True], "the writer waits for the question"

    def write(self):
        # A correction of the past itself: the question must not see half of it.
        rows = toy("building").iloc[1:].assign(household_count=99)
        done = put(self.engine, self.folder, "building", rows, effective=FIRST, complete=True)
        self.done.append(done.updated)
        jobs.refresh_org_coverage(self.engine, as_of=TOY_DAY)
        jobs.refresh_camera_coverage(self.engine, as_of=TOY_DAY)
        self.done.append(True)


def asked(engine, progress=None):
    """Return what a question of a past day reads, from each of its tables."""
    with figures(engine, BEFORE, progress=progress) as conn:
        assert not is_stale(conn)
        rates = stored_rates(conn).reset_index().astype(str)
        return {
            "rates": rates.to_numpy().tolist(),
            "statuses": store.read_statuses(conn).astype(str).reset_index().to_numpy().tolist(),
            "uncovered": store.read_uncovered(conn, "990101", as_of=BEFORE, limit=99),
            "buildings": store.read_buildings(conn, as_of=BEFORE)["household_count"].to_dict(),
            "blind": [
                {name: value for name, value in row.items() if name != "run"}
                for row in store.read_blind_areas(conn, "990101", by="area_m2", limit=99)[1]
            ],
        }


def test_a_question_of_the_past_keeps_no_writer_waiting(town, tmp_path):
    before = asked(town)
    meanwhile = Meanwhile(town, tmp_path)
    assert asked(town, meanwhile) == before
    assert meanwhile.done == [7, True]
    after = asked(town)
    assert set(after["buildings"].values()) == {99}
    assert "T1" in before["buildings"]
    assert all(after[name] != before[name] for name in before)


def test_a_comparison_of_days_keeps_no_writer_waiting(town, tmp_path):
    put(town, tmp_path, "building", toy("building").assign(floors=7))

    def told(progress=None):
        found = jobs.diff(town, BEFORE, SECOND, progress=progress)
        return {name: layer.to_csv() for name, layer in found.layers().items()}

    before = told()
    folder = tmp_path / "meanwhile"
    folder.mkdir()
    later = toy("building").assign(floors=9)

    def write():
        put(town, folder, "building", later)
        done.set()

    done = threading.Event()

    def progress(step, _share):
        if step == "cameras" and not done.is_set():
            threading.Thread(target=write, daemon=True).start()
            assert done.wait(timeout=60), "the writer waits for the question"

    assert told(progress) == before
    assert done.is_set()
    assert set(on_day(town, "building", SECOND)["floors"]) == {9}
    assert told() != before


def test_a_question_writes_nothing_and_cannot(town):
    rows, version, now = whole(town), jobs.version(town), jobs.unit_coverage(town, "990101")
    answer = jobs.unit_coverage(town, "990101", as_of=BEFORE)
    assert {rate["as_of"] for rate in answer["rates"]} == {BEFORE}
    assert all(rate["run"] < 0 for rate in answer["rates"]), "no stored run made them"
    with pytest.raises(StoreError, match="25006"), figures(town, BEFORE) as conn:
        conn.execute(sa.text("DELETE FROM duty"))
    with pytest.raises(StoreError, match="25006"), figures(town, BEFORE) as conn:
        store.write_counts(conn, 1, inserted=1, updated=1, unchanged=1, ended=1)
    assert (whole(town), jobs.version(town)) == (rows, version)
    assert jobs.unit_coverage(town, "990101") == now
    with town.connect() as conn:  # a session that goes back to the pool hides nothing
        assert conn.scalar(sa.text("SELECT min(id) FROM coverage_run")) > 0


def test_a_day_before_anything_has_no_figures(town):
    assert jobs.unit_coverage(town, "990101")["rates"]
    assert jobs.unit_coverage(town, "990101", as_of=NEVER)["rates"] == []
    assert jobs.blind_areas(town, "990101", by="area_m2", limit=9, as_of=NEVER)["total"] == 0
    found = jobs.diff(town, NEVER, TOY_DAY)
    assert set(found.ground["change"]) == {"gained"}
    seen = found.rates.loc["camera.open_ground"]
    assert seen[["covered_before", "total_before"]].isna().all()
    assert found.ground["area_m2"].sum() == pytest.approx(seen["covered_after"], rel=1e-3)


def test_when_the_last_camera_is_gone_so_are_its_figures(town, tmp_path):
    path = tmp_path / "camera.csv"
    pd.read_csv(TOY / "camera.csv", dtype=str).assign(state="removed").to_csv(path, index=False)
    jobs.import_layer(
        town, path, "camera", effective=SECOND, source_crs=METRIC, complete=True, commit=True
    )
    jobs.refresh_camera_coverage(town, as_of=TOY_DAY)
    assert "camera.open_ground" in measures(town), "removed cameras are still on the register"
    jobs.refresh_camera_coverage(town, as_of=NEVER)
    assert not any(measure.startswith("camera.") for measure in measures(town))
    assert "party_group.buildings" in measures(town)
    with store.transaction(town) as conn:
        assert {run["subject"] for run in store.read_runs(conn)} == {"org"}
        assert store.read_ground(conn).empty
    jobs.refresh_camera_coverage(town, as_of=TOY_DAY)
    assert "camera.open_ground" in measures(town)


def measures(engine):
    return {rate["measure"] for rate in jobs.unit_coverage(engine, "990101")["rates"]}
