"""The whole path on real districts: import, assign, compute, map (README, "Real districts")."""

import datetime as dt
import time

import geopandas as gpd
import numpy as np
import pytest
import real_districts
from playwright.sync_api import expect
from toy_town import COOKIES, served, shared_data

from gridmap import jobs, store

pytestmark = [pytest.mark.real, pytest.mark.db, pytest.mark.slow]

DAY = dt.date(2020, 1, 1)
LEVELS = ("district", "street", "community", "grid")


def prepare(engine, name, folder):
    paths = real_districts.write(name, folder)
    for level, path in zip(LEVELS, paths, strict=True):
        jobs.import_layer(engine, path, level, effective=DAY, commit=True)


@pytest.fixture(scope="module")
def tokyo(new_database, tmp_path_factory):
    folder = shared_data("tokyo_bunkyo")
    url = new_database()
    engine = store.connect(url)
    prepare(engine, "tokyo_bunkyo", tmp_path_factory.mktemp("tokyo"))
    started = time.monotonic()
    report = jobs.import_layer(
        engine,
        folder / "buildings_4326.gpkg",
        "building",
        effective=DAY,
        columns={"code": "bid"},
        repair=True,
        commit=True,
    )
    seconds = time.monotonic() - started
    jobs.refresh_org_coverage(engine, as_of=DAY)
    jobs.refresh_camera_coverage(engine, as_of=DAY)
    yield url, engine, report, seconds
    engine.dispose()


def test_every_building_of_tokyo_comes_in(tokyo):
    _, engine, report, seconds = tokyo
    print(f"36,663 buildings imported in {seconds:.1f} s")
    assert (report.rows, report.inserted) == (36_663, 36_663)
    repaired = [issue for issue in report.issues if issue.shape == "G01.repaired"]
    assert len(repaired) == 13
    assert all(abs(issue.values["area"]) < 1 for issue in repaired)
    with store.transaction(engine) as conn:
        assert len(store.read_buildings(conn, as_of=dt.date.today())) == 36_663


def test_assignment_agrees_with_the_register(tokyo):
    """The set's own register code is an oracle nobody here made."""
    _, engine, _, _ = tokyo
    folder = shared_data("tokyo_bunkyo")
    register = gpd.read_file(folder / "buildings_4326.gpkg", columns=["bid", "chome_by_register"])
    register = register.set_index("bid")["chome_by_register"].dropna().astype(str)
    with store.transaction(engine) as conn:
        grid = store.read_buildings(conn, as_of=dt.date.today())["grid_code"]
    expected = "131059001" + register.str[5:11]
    agrees = (grid.reindex(expected.index) == expected).mean()
    assert len(expected) > 34_000
    assert agrees >= 0.993
    print(f"agreement with the register: {agrees:.4%} of {len(expected)} coded buildings")


def test_tokyo_is_shown(tokyo, chromium):
    url, *_ = tokyo
    with served(url) as site:
        page = chromium.new_page()
        page.context.add_cookies([{**COOKIES[site], "url": site}])
        page.goto(site + "/#map=17/35.7175/139.7525")
        page.wait_for_selector("html[data-ready=yes]")
        page.wait_for_timeout(3000)
        state = page.evaluate("gridmap.state()")
        expect(page.locator("h1")).to_have_text("文京区")
        page.close()
    assert state["loaded"]["building"] > 300


@pytest.fixture(scope="module")
def helsinki(new_database, tmp_path_factory):
    folder = shared_data("helsinki_osm")
    engine = store.connect(new_database())
    prepare(engine, "helsinki_osm", tmp_path_factory.mktemp("helsinki"))
    for name in ("building", "camera"):
        jobs.import_layer(
            engine,
            folder / f"{name}s.geojson",
            name,
            effective=DAY,
            columns={"code": "osm_id"},
            commit=True,
        )
    jobs.refresh_camera_coverage(engine, as_of=DAY)
    yield engine
    engine.dispose()


def test_cameras_without_directions_look_all_round_and_say_so(helsinki):
    with store.transaction(helsinki) as conn:
        views = store.read_views(conn, as_of=dt.date.today())
        buildings = store.read_buildings(conn, as_of=dt.date.today())
        inputs = store.read_runs(conn)[0]["inputs"]
    assert len(buildings) == 446
    assert len(views) == 221
    assert views["assumed"].str.contains("azimuth_deg").all()
    assert inputs["cameras_assumed"] == 221
    seen = views[views["status"] != "excluded"].to_crs(3067)
    assert (seen.area <= np.pi * 50**2 * 1.001).all()
    assert (views["status"] == "moved").sum() + (views["status"] == "excluded").sum() >= 50, (
        "50 of them stand inside a building"
    )


def test_no_view_enters_a_building(helsinki):
    with store.transaction(helsinki) as conn:
        views = store.read_views(conn, as_of=dt.date.today()).to_crs(3067)
        buildings = store.read_buildings(conn, as_of=dt.date.today()).to_crs(3067)
    walls = buildings.union_all()
    inside = views.geometry.dropna().intersection(walls).area
    assert inside.max() < 0.05
    assert views.geometry.dropna().is_valid.all()


def test_helsinki_has_rates(helsinki):
    rates = {r["measure"]: r for r in jobs.unit_coverage(helsinki, "000091")["rates"]}
    share = rates["camera.open_ground"]["share"]
    assert 0.1 < share < 0.9
    assert rates["camera.gross_area"]["share"] < share
