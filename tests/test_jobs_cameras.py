"""Camera coverage in the store: everything it writes, and that a part equals the whole."""

from __future__ import annotations

import datetime as dt
import json

import pandas as pd
import pytest
import shapely
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from toy_town import DEMO_DAY, METRIC, TOY_DAY

from gridmap import jobs, store, tables
from gridmap.errors import InputError, LayerRejected
from gridmap.store.schema import MIGRATIONS

pytestmark = pytest.mark.db

CAMERA = ("code", "name", "azimuth_deg", "hfov_deg", "max_range_m", "place_category", "state")
RESULTS = {
    "camera_view": ["camera_code"],
    "ground_coverage": ["unit_code"],
    "blind_area": ["unit_code", "number"],
    "building_frontage": ["building_code"],
    "entrance_coverage": ["entrance_code"],
    "failure_loss": ["kind", "code", "unit_code"],
    "camera_issue": ["camera_code", "shape", "field", "values"],
    "coverage_rate": ["measure", "unit_code"],
}


def write(engine, path, layer, header, rows, *, effective=dt.date(2026, 3, 1), **options):
    path.write_text("\n".join([",".join(header), *rows]), encoding="utf-8")
    return jobs.import_layer(engine, path, layer, effective=effective, commit=True, **options)


def move(engine, tmp_path, *rows, **options):
    header = (*CAMERA, "x", "y")
    return write(engine, tmp_path / "c.csv", "camera", header, rows, source_crs=METRIC, **options)


def results(engine):
    """Return every result table: numbers as they are, shapes as their areas."""
    found = {}
    with engine.connect() as conn:
        for name, keys in RESULTS.items():
            table = tables.metadata.tables[name]
            columns = [c for c in table.c if c.name not in ("id", "run_id")]
            told = [
                sa.func.ST_Area(c).label(c.name) if hasattr(c.type, "geometry_type") else c
                for c in columns
            ]
            frame = pd.DataFrame(conn.execute(sa.select(*told)).mappings().all())
            for column in frame:
                if frame[column].map(lambda v: isinstance(v, (dict, list))).any():
                    frame[column] = [json.dumps(rounded(v), sort_keys=True) for v in frame[column]]
            found[name] = frame.sort_values(keys).reset_index(drop=True) if len(frame) else frame
    return found


def rounded(value):
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return [rounded(v) for v in value] if isinstance(value, list) else value


def assert_part_equals_whole(engine, day):
    jobs.refresh_camera_coverage(engine, as_of=day)
    part, inputs = results(engine), last_inputs(engine)
    jobs.refresh_camera_coverage(engine, as_of=day, full=True)
    whole = results(engine)
    for name in RESULTS:
        for column in ("areas_m2", "lengths_m"):  # arrays, to the same tolerance
            if column in part[name]:
                one, other = (
                    json.loads("[" + ",".join(f.pop(column)) + "]")
                    for f in (part[name], whole[name])
                )
                assert [len(a) for a in one] == [len(a) for a in other]
                for a, b in zip(one, other, strict=True):
                    assert a == pytest.approx(b, rel=1e-6, abs=2e-3)
        pd.testing.assert_frame_equal(
            part[name], whole[name], check_exact=False, rtol=1e-6, atol=1e-3, obj=name
        )
    return inputs


def last_inputs(engine):
    with engine.connect() as conn:
        return next(r for r in store.read_runs(conn) if r["subject"] == "camera")["inputs"]


# --- the toy town, by hand


def test_every_result_of_the_toy_town_is_stored(toy):
    found = results(toy)
    views = found["camera_view"].set_index("camera_code")
    # The first camera sees a full circle of 20 m, the second a quarter of 40 m.
    assert views["area_m2"].tolist() == pytest.approx([1256.64, 1256.64], abs=0.01)
    ground = found["ground_coverage"].set_index("unit_code")
    assert ground["key_seen_area_m2"].sum() == pytest.approx(2513.27, rel=1e-3)
    assert ground["key_area_m2"].sum() == pytest.approx(4800, rel=1e-3)
    assert (ground["seen_area_m2"] + ground["blind_area_m2"]).tolist() == pytest.approx(
        ground["open_area_m2"].tolist()
    )
    losses = found["failure_loss"].groupby(["kind", "code"])["area_m2"].sum()
    assert losses.loc["camera"].tolist() == pytest.approx([1256.6, 1256.6], rel=1e-3)
    assert set(found["entrance_coverage"]["camera_count"]) == {0}
    assert len(found["building_frontage"]) == 7  # T8 stands in no grid
    assert found["building_frontage"]["wall_m"].tolist() == pytest.approx([80] * 7, rel=1e-3)


def test_rates_have_their_denominators(toy):
    rates = {r["measure"]: r for r in jobs.unit_coverage(toy, "990101")["rates"]}
    key = rates["camera.key_public_area"]
    assert (key["covered"], key["total"]) == pytest.approx((2513.27, 4800), rel=1e-3)
    assert rates["camera.frontage"]["total"] == pytest.approx(560, rel=1e-3)
    assert rates["camera.entrances"]["covered"] == 0
    assert rates["camera.intact"]["covered"] == rates["camera.intact"]["total"] == 2
    twice = rates["camera.open_ground_twice"]
    assert twice["covered"] == 0
    assert rates["camera.open_ground_certain"]["covered"] <= rates["camera.open_ground"]["covered"]


def test_assumptions_are_stored_with_the_run(toy):
    inputs = last_inputs(toy)
    assert inputs["assumptions"]["max_range_m"] == 50
    assert inputs["assumptions"]["detail_px_per_m"]["overview"] == 20
    assert inputs["cameras_assumed"] == 0


def test_blind_areas_are_ranked(toy):
    by_area = jobs.blind_areas(toy, "990101", by="area_m2", limit=10)
    areas = [row["area_m2"] for row in by_area["rows"]]
    assert by_area["total"] == len(areas) >= 4
    assert areas == sorted(areas, reverse=True)
    assert by_area["as_of"] == TOY_DAY
    with pytest.raises(InputError, match="household_count"):
        jobs.blind_areas(toy, "990101", by="weight", limit=10)


def test_losses_and_redundant_cameras(town, tmp_path):
    twin = "99010100001310000003,双,90,90,40,road,in_use,364350,3266100"
    move(town, tmp_path, twin)
    jobs.refresh_camera_coverage(town, as_of=TOY_DAY)
    lone = jobs.failure_losses(town, "990101", kind="camera", redundant=True, limit=9)
    assert [row["code"][-1] for row in lone["rows"]] == ["2", "3"]
    pole = jobs.failure_losses(town, "990101", kind="pole", redundant=False, limit=9)
    assert [(row["code"][-1], row["cameras"]) for row in pole["rows"]] == [("2", 2)]
    assert pole["rows"][0]["area_m2"] == pytest.approx(1256.6, rel=1e-3)
    rows = results(town)["failure_loss"]  # nothing lost, no row
    assert rows.loc[rows["kind"] == "camera", "code"].str[-1].unique().tolist() == ["1"]
    with pytest.raises(InputError, match="pole"):
        jobs.failure_losses(town, "990101", kind="street", redundant=False, limit=9)


def test_losses_are_those_of_what_stands_in_a_unit(town):
    every = jobs.failure_losses(town, "990101", kind="camera", redundant=False, limit=9)
    with town.connect() as conn:
        grids = store.read_cameras(conn, as_of=dt.date.today())["grid_code"]
    for code, grid in grids.items():
        here = jobs.failure_losses(town, grid, kind="camera", redundant=False, limit=9)
        assert here["rows"] == [row for row in every["rows"] if grids[row["code"]] == grid]
        assert code in [row["code"] for row in here["rows"]]
        groups = jobs.failure_losses(town, grid, kind="group", redundant=False, limit=9)["rows"]
        assert [row["area_m2"] for row in groups] == [row["area_m2"] for row in here["rows"]]


def test_former_losses_of_no_unit_are_computed_anew(town):
    before = results(town)

    def migrate(step, revision):
        with store.transaction(town, writes=True, owner=True) as conn:
            config = Config(attributes={"connection": conn})
            config.set_main_option("script_location", str(MIGRATIONS))
            step(config, revision)

    migrate(command.downgrade, "0002")
    with store.transaction(town, writes=True, owner=True) as conn:
        assert store.read_runs(conn) == [], "0006 and 0003 took the figures with them"
        run = store.write_run(conn, "camera", TOY_DAY, {})
        row = {"run": run, "code": "99010100001310000001"}
        former = (
            "INSERT INTO failure_loss (kind, code, cameras, area_m2, road_m, frontage_m, run_id) "
            "VALUES ('camera', :code, 1, 2.0, 3.0, 4.0, :run)"
        )
        conn.execute(sa.text(former), row)
    migrate(command.upgrade, "head")
    assert jobs.failure_losses(town, "990101", kind="camera", redundant=True, limit=9)["rows"] == []
    jobs.refresh_camera_coverage(town, as_of=TOY_DAY)
    after = results(town)
    for name in RESULTS:
        pd.testing.assert_frame_equal(before[name], after[name])


def test_the_law_is_told_with_words(toy):
    found = jobs.camera_issues(toy, "990101", limit=100)
    assert found["total"] == len(found["rows"]) == sum(found["counts"].values())
    assert all(row["rule"].startswith("V") and row["message"]["zh"] for row in found["rows"])


# --- a part equals the whole


def test_nothing_changed_recomputes_nothing(town):
    assert assert_part_equals_whole(town, TOY_DAY)["recomputed_units"] == 0


def test_a_moved_camera(town, tmp_path):
    move(town, tmp_path, "99010100001310000002,枪机,200,70,45,road,in_use,364330,3266110")
    inputs = assert_part_equals_whole(town, TOY_DAY)
    assert inputs["after_run"] is not None
    assert 0 < inputs["recomputed_units"] <= 4


def test_a_pole_whose_first_camera_leaves_has_another_name(town, tmp_path):
    spot = "road,in_use,364350,3266100"
    rows = (f"9901010000131000000{n},杆,{90 * n},90,40,{spot}" for n in (2, 3, 4))
    move(town, tmp_path, *rows)
    assert_part_equals_whole(town, TOY_DAY)

    def poles():
        found = jobs.failure_losses(town, "990101", kind="pole", redundant=False, limit=9)
        return [(row["code"][-1], row["cameras"]) for row in found["rows"]]

    assert poles() == [("2", 3)]
    away = "99010100001310000002,枪机,180,90,40,road,in_use,364340,3266100"
    move(town, tmp_path, away, effective=dt.date(2026, 4, 1))
    assert_part_equals_whole(town, TOY_DAY)
    assert poles() == [("3", 2)]


def test_new_and_failing_cameras(town, tmp_path):
    move(
        town,
        tmp_path,
        "99010100001310000001,球机,0,360,20,road,under_repair,364050,3266100",
        "99010100001310000004,新,10,100,60,road,in_use,364120,3266060",
        "99010100001310000005,新,,,,road,in_use,364120,3266060.4",
    )
    assert_part_equals_whole(town, TOY_DAY)
    move(
        town,
        tmp_path,
        "99010100001310000001,球机,0,360,20,road,in_use,364050,3266100",
        effective=dt.date(2026, 4, 1),
    )
    assert_part_equals_whole(town, TOY_DAY)


def test_a_changed_building(town, tmp_path):
    ring = shapely.box(364360, 3266080, 364364, 3266120).wkt
    write(
        town,
        tmp_path / "b.csv",
        "building",
        ("code", "name", "household_count", "wkt"),
        [f'W1,墙,3,"{ring}"'],
        source_crs=METRIC,
    )
    inputs = assert_part_equals_whole(town, TOY_DAY)
    assert 0 < inputs["recomputed_units"] < 4
    views = results(town)["camera_view"].set_index("camera_code")
    assert views["area_m2"].iloc[1] == pytest.approx(100, rel=1e-3)


def test_another_day_or_other_zones_compute_everything(town, tmp_path):
    jobs.refresh_camera_coverage(town, as_of=TOY_DAY)
    jobs.refresh_camera_coverage(town, as_of=TOY_DAY + dt.timedelta(days=1))
    assert last_inputs(town)["after_run"] is None
    zone = shapely.box(364360, 3266095, 364370, 3266105).wkt
    write(
        town,
        tmp_path / "z.csv",
        "privacy_zone",
        ("code", "name", "kind", "wkt"),
        [f'Z1,区,dwelling,"{zone}"'],
        source_crs=METRIC,
    )
    jobs.refresh_camera_coverage(town, as_of=TOY_DAY + dt.timedelta(days=1))
    assert last_inputs(town)["after_run"] is None
    told = jobs.camera_issues(town, "990101", limit=100)["counts"]
    assert told["V07.turn"] == 1


def test_many_changes_are_computed_as_everything_is(town, tmp_path, monkeypatch):
    monkeypatch.setattr("gridmap.jobs.cameras._PART_MOST", 0)
    move(town, tmp_path, "99010100001310000002,枪机,200,70,45,road,in_use,364330,3266110")
    jobs.refresh_camera_coverage(town, as_of=TOY_DAY)
    inputs = last_inputs(town)
    assert (inputs["after_run"], inputs["recomputed_units"]) == (None, 4)


def test_a_camera_in_a_privacy_zone_is_refused(town, tmp_path):
    zone = shapely.box(364360, 3266095, 364370, 3266105).wkt
    header = ("code", "name", "kind", "wkt")
    write(town, tmp_path / "z.csv", "privacy_zone", header, [f'Z1,区,dwelling,"{zone}"'],
          source_crs=METRIC)  # fmt: skip
    row = "99010100001310000002,枪机,200,70,45,road,{},364365,3266100"
    with pytest.raises(LayerRejected) as refused:
        move(town, tmp_path, row.format("in_use"))
    found = [(i.shape, i.row, i.values) for i in refused.value.report.errors]
    assert found == [("V06.inside", 1, {"zone": "Z1"})]
    assert move(town, tmp_path, row.format("removed")).committed


def test_an_entrance_needs_its_building(town, tmp_path):
    header, rows = ("code", "building_code", "x", "y"), ["E9,T99,364010,3266010"]
    with pytest.raises(LayerRejected) as refused:
        write(town, tmp_path / "e.csv", "entrance", header, rows, source_crs=METRIC)
    assert [i.shape for i in refused.value.report.errors] == ["P02.target"]


def test_a_crash_leaves_the_former_result(town, tmp_path, monkeypatch):
    before = results(town)
    move(town, tmp_path, "99010100001310000002,枪机,200,70,45,road,in_use,364330,3266110")

    def crash(*_args, **_options):
        raise RuntimeError("power is gone")

    monkeypatch.setattr("gridmap.jobs.cameras.all_rates", crash)
    with pytest.raises(RuntimeError, match="power"):
        jobs.refresh_camera_coverage(town, as_of=TOY_DAY)
    after = results(town)
    for name in RESULTS:
        pd.testing.assert_frame_equal(before[name], after[name])


@pytest.mark.slow
def test_one_camera_of_the_demo_touches_a_few_units(lent_database, demo_url, tmp_path):
    engine = store.connect(lent_database(sa.engine.make_url(demo_url).database))
    with engine.connect() as conn:
        camera = store.read_cameras(conn, as_of=dt.date.today()).iloc[[5000]].to_crs(METRIC)
    code, spot = camera.index[0], camera.geometry.iloc[0]
    row = f"{code},移,123,70,90,road,in_use,{spot.x + 7:.3f},{spot.y - 4:.3f}"
    move(engine, tmp_path, row, effective=DEMO_DAY)
    inputs = assert_part_equals_whole(engine, DEMO_DAY)
    assert 0 < inputs["recomputed_units"] < 40
    engine.dispose()
