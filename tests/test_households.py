"""Households of grids, dedicated grids and declared units, through the front door."""

import datetime as dt

import geopandas as gpd
import pandas as pd
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from shapely import affinity, box
from test_jobs import DAY, METRIC, frame, refused, run, save, toy_building
from toy_town import import_toy

from gridmap import files, jobs, store
from gridmap.errors import LayerRejected
from gridmap.model import LAYERS, Level

pytestmark = pytest.mark.db

EAST = "990101001001"
WEST = "990101001002"


def told(report, *rules):
    return [one for one in report.issues if one.rule in rules]


def grids(tmp_path, shapes, codes, name="grid.gpkg", **columns):
    placed = [affinity.translate(s, 364_000, 3_266_000) for s in shapes]
    path = tmp_path / name
    files.write_layer(frame(placed, code=codes, name=["x"] * len(shapes), **columns), path)
    return path


HALVES = [box(0, 0, 100, 200), box(100, 0, 200, 200)]
HALF_CODES = [f"{EAST}001", f"{EAST}002"]


# --- S01, S02


def test_a_file_of_buildings_is_told_with_those_that_are_stored(town, tmp_path):
    """Grid 001 of the toy town has T1 (10 households) and T2 (20): see its README."""
    path = save(tmp_path, [toy_building(10, 60)], code=["new"], household_count=[480])
    report = run(town, path, "building")
    (many,) = told(report, "S01")
    assert (many.shape, many.row) == ("S01.many", None)
    assert (many.values["grid"], many.values["households"]) == (f"{EAST}001", 510)
    assert many.values["buildings"] == 3
    assert 106 < many.geometry.centroid.x < 107
    assert not report.errors
    # T1 moves out of grid 001 with all its households: both grids are told.
    path = save(
        tmp_path, [toy_building(110, 60)], code=["T1"], household_count=[150], name="t.gpkg"
    )
    shapes = {one.values["grid"]: one for one in told(run(town, path, "building"), "S01")}
    assert shapes[f"{EAST}001"].shape == "S01.few"
    assert shapes[f"{EAST}001"].values["households"] == 20
    assert f"{EAST}002" not in shapes, "150 and those that stood there are enough"
    # The planner's band is a setting.
    report = run(town, path, "building", band=(0, 20))
    assert [one.shape for one in told(report, "S01")] == ["S01.many"]
    assert told(report, "S01")[0].values["high"] == 20


def test_unknown_households_are_said_and_the_balance_is_told(town, tmp_path):
    path = save(tmp_path, [toy_building(10, 60)], code=["new"])
    report = run(town, path, "building")
    (unknown,) = told(report, "S01")
    assert (unknown.shape, unknown.values["unknown"]) == ("S01.unknown", 1)
    assert unknown.values["households"] == 30
    (even,) = told(report, "S02")
    assert (even.values["parent"], even.values["unknown"], even.values["total"]) == (EAST, 1, 2)


def test_grids_drawn_anew_take_the_stored_buildings(town, tmp_path):
    import_toy(town, "grid")
    path = grids(tmp_path, HALVES, HALF_CODES)
    before = {one.values["grid"]: one for one in told(run(town, path, "grid"), "S01")}
    assert before[f"{EAST}001"].values["households"] == 30
    assert before[f"{EAST}001"].row == 1
    # T1 (x 10 to 30) stays, T2 (x 60 to 80) goes to the other grid.
    moved = grids(tmp_path, [box(0, 0, 50, 200), box(50, 0, 200, 200)], HALF_CODES, "m.gpkg")
    after = {one.values["grid"]: one for one in told(run(town, moved, "grid"), "S01")}
    assert after[f"{EAST}001"].values["households"] == 10
    both = [sum(one.values["households"] for one in x.values()) for x in (before, after)]
    assert both[0] == both[1]


def test_without_buildings_or_grids_nothing_is_told(engine, tmp_path):
    import_toy(engine, "district", "street", "community")
    path = save(tmp_path, [toy_building(10, 60)], code=["new"], household_count=[480])
    assert told(run(engine, path, "building"), "S01", "S02") == []
    path = grids(tmp_path, HALVES, HALF_CODES)
    assert told(run(engine, path, "grid"), "S01", "S02") == []


# --- S03


def test_a_dedicated_grid_fills_its_place_and_holds_no_homes_band(town, tmp_path):
    path = grids(
        tmp_path,
        HALVES,
        HALF_CODES,
        网格类型=["专属网格", None],
        责任单位=["玩具大学", None],
    )
    report = run(town, path, "grid", commit=True)
    assert not report.errors
    assert told(report, "S03", "G04") == []
    assert f"{EAST}001" not in {one.values.get("grid") for one in told(report, "S01")}
    (found,) = [change for change in report.changes if change.key == f"{EAST}001"]
    assert set(found.fields) >= {"kind", "unit_name"}
    with store.transaction(town) as conn:
        rows = store.read_layer(conn, "grid", as_of=DAY).set_index("code")
        units = store.read_units(conn, Level.GRID, as_of=DAY)
    assert rows.loc[HALF_CODES, "kind"].to_list() == ["dedicated", "basic"]
    assert rows.loc[HALF_CODES, "unit_name"].fillna("-").to_list() == ["玩具大学", "-"]
    assert units.loc[f"{EAST}001", "kind"] == "dedicated"


@pytest.mark.parametrize("ending", ["gpkg", "xlsx", "zip", "csv"])
def test_dedicated_grids_and_declared_units_go_out_and_in_again(town, tmp_path, ending):
    path = grids(tmp_path, HALVES, HALF_CODES, kind=["dedicated", None], unit_name=["大学", None])
    run(town, path, "grid", commit=True)
    path = save(tmp_path, [toy_building(10, 60)], code=["new"], declared_unit=[EAST])
    run(town, path, "building", commit=True)
    for layer in ("grid", "building"):
        target = tmp_path / f"out_{layer}.{ending}"
        done = jobs.export_layer(town, layer, target, as_of=DAY, frame="EPSG:4490")
        report = run(town, target, layer, source_crs=done.source_crs)
        assert (report.inserted, report.updated, report.ended) == (0, 0, 0)
        assert report.unchanged == report.rows == (4 if layer == "grid" else 9)
    with store.transaction(town) as conn:
        rows = store.read_layer(conn, "building", as_of=DAY).set_index("code")
    assert rows.loc["new", "declared_unit"] == EAST


def test_a_dedicated_grid_needs_a_unit_and_one_host(town, tmp_path):
    path = grids(tmp_path, HALVES, HALF_CODES, kind=["dedicated", "dedicated"], unit_name=["x", ""])
    assert refused(town, path, "grid") == [("S03.unit", 2, "unit_name")]
    # 20 m of it lie in the community to the east.
    wide = [box(0, 0, 100, 200), box(100, 0, 220, 200)]
    path = grids(tmp_path, wide, HALF_CODES, kind=["basic", "dedicated"], unit_name=[None, "x"])
    with pytest.raises(LayerRejected) as caught:
        run(town, path, "grid")
    (host,) = told(caught.value.report, "S03")
    assert (host.shape, host.row) == ("S03.host", 2)
    assert host.values["communities"] == f"{EAST}, {WEST}"
    there = gpd.GeoSeries([host.geometry], crs=4490).to_crs(METRIC)
    assert there.area.iloc[0] == pytest.approx(20 * 200, rel=1e-4)
    path = grids(tmp_path, HALVES, HALF_CODES, kind=["campus", None])
    assert ("F05.choice", 1, "kind") in refused(town, path, "grid")


# --- G10


def test_a_building_far_from_its_declared_unit_is_told(town, tmp_path):
    """The community ends at x = 200: 49 m beyond it is forgiven, 60 m are not."""
    path = save(
        tmp_path,
        [toy_building(x, 60) for x in (249, 260, 150, 150.5)],
        code=list("abcd"),
        declared_unit=[EAST, EAST, "990101009009", None],
    )
    report = run(town, path, "building")
    far, unit = told(report, "G10")
    assert (far.shape, far.row, far.field) == ("G10.far", 2, "declared_unit")
    assert far.values["distance"] == pytest.approx(60, abs=0.2)
    assert far.geometry is not None
    assert (unit.shape, unit.row) == ("G10.unit", 3)
    assert not report.errors
    assert "登记" in far.message("zh")
    # A grid is a unit too.
    path = save(tmp_path, [toy_building(350, 60)], code=["e"], declared_unit=[f"{EAST}001"])
    (far,) = told(run(town, path, "building"), "G10")
    assert far.values["distance"] == pytest.approx(250, abs=0.5)


# --- the schema


def test_the_schema_goes_down_and_up_with_rows_in_it(town, tmp_path):
    path = grids(tmp_path, HALVES, HALF_CODES, kind=["dedicated", None], unit_name=["大学", None])
    run(town, path, "grid", effective=dt.date(2026, 5, 1), commit=True)
    path = save(tmp_path, [toy_building(10, 60)], code=["new"], declared_unit=[EAST])
    run(town, path, "building", commit=True)

    def names(table):
        return {column["name"] for column in sa.inspect(town).get_columns(table)}

    def migrate(step, revision):
        with store.transaction(town, owner=True) as conn:
            config = Config(attributes={"connection": conn})
            config.set_main_option("script_location", str(store.schema.MIGRATIONS))
            step(config, revision)

    added = {
        "division": "unit_name",
        "division_history": "unit_name",
        "building": "declared_unit",
        "building_history": "declared_unit",
    }
    assert all(name in names(table) for table, name in added.items())
    migrate(command.downgrade, "0004")
    assert not any(name in names(table) for table, name in added.items())
    migrate(command.upgrade, "head")
    assert all(name in names(table) for table, name in added.items())
    # The triggers keep the new columns after the way down and up.
    path = save(tmp_path, [toy_building(10, 60)], code=["new"], declared_unit=[WEST], name="w.gpkg")
    run(town, path, "building", effective=dt.date(2026, 7, 1), commit=True)
    path = save(tmp_path, [toy_building(10, 60)], code=["new"], declared_unit=[EAST], name="e.gpkg")
    run(town, path, "building", effective=dt.date(2026, 8, 1), commit=True)
    with store.transaction(town) as conn:
        was = store.read_layer(conn, "building", as_of=dt.date(2026, 7, 15)).set_index("code")
        assert was.loc["new", "declared_unit"] == WEST
        grid = store.read_layer(conn, "grid", as_of=dt.date(2026, 5, 2)).set_index("code")
    assert grid.loc[f"{EAST}001", "kind"] == "dedicated"
    assert isinstance(LAYERS["grid"].parse(grid.reset_index()), pd.DataFrame)
