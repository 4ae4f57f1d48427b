"""The map as its users meet it, in Chromium, on the demo district and on the toy town."""

import datetime as dt
import re

import pytest
from playwright.sync_api import expect
from toy_town import served

from gridmap import store

pytestmark = [pytest.mark.browser, pytest.mark.db]

DOWNTOWN = "#map=16/29.5397/106.573"
LAYERS = ("道路", "监控盲区", "摄像机视域", "楼栋", "摄像机")


def toggle(page, label):
    page.locator(
        ".leaflet-control-layers-overlays label", has_text=re.compile(f"^ ?{label}$")
    ).click()


@pytest.mark.slow
def test_the_first_picture_answers_at_a_glance(watch, demo_site):
    watched = watch()
    page = watched.open(demo_site)
    expect(page.locator("h1")).to_have_text("南岸区")
    expect(page.locator(".notice")).to_contain_text("合成数据")
    assert watched.state()["level"] == "street"
    expect(page.locator("#figures .figure")).to_have_count(10)
    expect(page.locator("#figures")).to_contain_text("/ 407,")
    expect(page.locator("#blank li")).to_have_count(10)
    counts = page.locator("#legend .count").all_inner_texts()
    assert sum(int(n) for n in counts) == 15
    legend = page.locator("#legend").bounding_box()
    hidden = """([right, top]) => gridmap.levels.street.getLayers()
        .flatMap((one) => one.getLatLngs().flat(2))
        .map((place) => gridmap.map.latLngToContainerPoint(place))
        .filter((point) => point.x < right && point.y > top).length"""
    box = page.locator(".folium-map").bounding_box()
    corner = [legend["x"] + legend["width"] - box["x"], legend["y"] - box["y"]]
    assert page.evaluate(hidden, corner) == 0, "the legend lies on a street"


@pytest.mark.slow
def test_zooming_in_shows_smaller_units_then_buildings(watch, demo_site):
    watched = watch()
    page = watched.open(demo_site + "/#map=14/29.54/106.58")
    assert watched.state()["level"] == "grid"
    assert watched.state()["loaded"]["building"] == 0
    page.evaluate("location.hash = ''")
    watched.open(demo_site + "/?lang=zh" + DOWNTOWN)
    watched.wait_for("gridmap.state().loaded.building > 500 && gridmap.state().loaded.road > 50")
    expect(page.locator("#legend")).to_contain_text("无党小组")


@pytest.mark.slow
def test_each_layer_can_be_switched_on_and_off(watch, demo_site):
    watched = watch()
    page = watched.open(demo_site + "/" + DOWNTOWN)
    watched.wait_for("gridmap.state().loaded.building > 0")
    for label, name in zip(LAYERS, ("road", "blind", "view", "building", "camera"), strict=True):
        watched.wait_for("!gridmap.state().loading")
        before = watched.state()["loaded"][name] > 0
        toggle(page, label)
        watched.wait_for(f"(gridmap.state().loaded.{name} > 0) === {str(not before).lower()}")
        toggle(page, label)
        watched.wait_for(f"(gridmap.state().loaded.{name} > 0) === {str(before).lower()}")
    page.get_by_label("街道/镇").check()
    assert watched.state()["level"] == "street"
    page.mouse.wheel(0, -300)
    page.wait_for_timeout(600)
    assert watched.state()["level"] == "street", "a chosen level stays"


@pytest.mark.slow
def test_the_question_decides_which_details_show(watch, demo_site):
    watched = watch()
    page = watched.open(demo_site + "/" + DOWNTOWN)
    watched.wait_for("gridmap.state().loaded.building > 0")
    assert watched.state()["loaded"]["view"] == 0
    page.get_by_label("摄像机可见的开敞地面", exact=True).check()
    watched.wait_for("gridmap.state().loaded.view > 100 && gridmap.state().loaded.camera > 100")
    expect(page.locator("#legend")).to_contain_text("分母为开敞地面")
    assert "lens=camera.open_ground" in page.url


def test_a_building_tells_why_it_is_uncovered(watch, toy_site):
    watched = watch()
    page = watched.open(toy_site)
    go_to(page, watched, 250, 60)
    page.mouse.click(*centre(page))
    popup = page.locator(".leaflet-popup-content")
    expect(popup).to_contain_text("5号楼", timeout=20_000)
    expect(popup).to_contain_text("无党小组")
    expect(popup).to_contain_text("党小组人数不足")


def test_a_camera_tells_what_it_sees(watch, toy_site):
    watched = watch()
    page = watched.open(toy_site + "/#lens=camera.gross_area")
    go_to(page, watched, 360, 100, wait="view")
    page.mouse.click(*centre(page))
    popup = page.locator(".leaflet-popup-content")
    expect(popup).to_contain_text("枪机", timeout=20_000)
    expect(popup).to_contain_text("1,257 m²")
    expect(popup).to_contain_text("确定可见")


def test_a_building_is_found_by_name_from_the_keyboard(watch, toy_site):
    watched = watch()
    page = watched.open(toy_site + "/?lang=zh")
    page.keyboard.press("/")
    expect(page.locator("#find")).to_be_focused()
    page.keyboard.type("5号楼")
    expect(page.locator("#found [role=option]").first).to_contain_text("5号楼")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".leaflet-popup-content")).to_contain_text("党小组人数不足")
    expect(page.locator("#unit .crumbs [aria-current]")).to_be_visible()
    page.locator("#find").fill("没有这样的名字")
    expect(page.locator("#found-told")).to_contain_text("没有这样的名字")
    expect(page.locator("#found-told")).to_contain_text("楼栋")


def test_escape_leads_one_level_up(watch, toy_site):
    watched = watch()
    page = watched.open(toy_site)
    page.locator("#blank button").first.click()
    assert len(watched.state()["selected"]) == 15
    page.locator("#stage").focus()
    page.keyboard.press("Escape")
    assert len(watched.state()["selected"]) == 12
    page.locator("#unit .crumbs button").first.click()
    assert watched.state()["selected"] == "990101"


def test_a_unit_leads_to_the_rows_behind_its_number(watch, toy_site):
    watched = watch()
    page = watched.open(toy_site)
    page.locator("#blank button").first.click()
    expect(page.locator("#unit .crumbs")).to_contain_text("玩具区 > 积木街道 >")
    page.get_by_role("button", name="列出未覆盖楼栋").click()
    expect(page.locator("#evidence")).to_contain_text("未覆盖楼栋: 2")
    page.locator("#evidence button").first.click()
    watched.wait_for("gridmap.state().zoom === 18")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "zh",
            ("各项职责与服务", "六进楼栋", "未覆盖: 1", "2号楼",
             "缺少: 志愿者和社工", "东风社区党委", "单独覆盖"),
        ),
        (
            "en",
            ("All duties and services", "six services", "not covered: 1", "2号楼",
             "missing: volunteers", "东风社区党委", "covered on its own"),
        ),
    ],
)  # fmt: skip
def test_every_figure_of_a_unit_leads_to_rows_and_links(watch, serviced_site, language, words):
    """From a number to its rows, from a row to the links it was judged by."""
    opens, lens, heading, target, missing, holder, verdict = words
    watched = watch()
    page = watched.open(f"{serviced_site}/?lang={language}#unit=990101001001001")
    page.get_by_text(opens).click()
    lenses = page.locator("#unit details")
    lenses.get_by_role("button", name=lens).click()
    expect(lenses).to_contain_text(heading)
    expect(lenses).to_contain_text(missing)
    lenses.get_by_role("button", name=target).click()
    watched.wait_for("gridmap.state().zoom === 18")
    expect(lenses).to_contain_text(holder)
    expect(lenses).to_contain_text(verdict)
    lenses.get_by_role("button", name=lens).click()
    expect(lenses).not_to_contain_text(holder)


def test_a_unit_leads_to_its_blind_areas(watch, toy_site):
    watched = watch()
    page = watched.open(toy_site + "/?lang=en#lens=camera.key_public_area")
    expect(page.locator("#legend")).to_contain_text("official coverage rate")
    page.locator("#blank button").first.click()
    page.get_by_role("button", name="List the blind areas").click()
    expect(page.locator("#evidence")).to_contain_text("blind areas: ")
    expect(page.locator("#evidence")).to_contain_text("road")
    page.locator("#evidence button").first.click()
    watched.wait_for("gridmap.state().zoom === 18")


def test_the_address_brings_the_same_picture_back(watch, toy_site):
    first = watch()
    page = first.open(toy_site)
    page.get_by_label("党支部覆盖网格").check()
    page.locator("#blank button").first.click()
    second = watch()
    again = second.open(page.url)
    assert second.state()["measure"] == "party_branch.grids"
    assert second.state()["selected"] == first.state()["selected"]
    expect(again.locator("#unit")).to_contain_text(first.state()["selected"])


def test_english_by_switch(watch, toy_site):
    watched = watch()
    page = watched.open(toy_site)
    page.get_by_role("link", name="English").click()
    page.wait_for_selector("html[data-ready=yes]")
    assert page.locator("html").get_attribute("lang") == "en"
    expect(page.locator("#figures")).to_contain_text("3 / 7 buildings")
    expect(page.locator(".leaflet-control-zoom-in")).to_have_attribute("title", "Zoom in")


def test_on_a_phone_the_map_comes_first(watch, toy_site):
    watched = watch(360, 740, has_touch=True, is_mobile=True)
    page = watched.open(toy_site)
    expect(page.locator("#figures")).not_to_be_visible()
    expect(page.locator("#legend")).not_to_be_visible()
    page.get_by_role("button", name="图层与图例").tap()
    expect(page.locator("#legend")).to_be_visible()
    page.get_by_role("button", name="数据", exact=True).tap()
    expect(page.locator("#figures")).to_be_visible()
    sizes = page.evaluate(
        "[...document.querySelectorAll('button, .leaflet-bar a')].filter((b) => b.offsetParent)"
        ".map((b) => Math.min(b.offsetHeight, 48))"
    )
    assert min(sizes) >= 48
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


EVIL = "<img src=x onerror=alert(1)>${alert(2)}`'\"</script><script>alert(3)</script>"


def test_stored_text_never_runs(watch, town):
    with store.transaction(town) as conn:
        batch_id = store.write_batch(
            conn, layer="x", source="x", sha256="", effective=dt.date(2026, 1, 1), rows=0
        )
        for table in ("division", "building", "camera", "road"):
            conn.exec_driver_sql(f"UPDATE {table} SET name = %s", (EVIL,))
    assert batch_id
    with served(town.url.render_as_string(hide_password=False)) as site:
        watched = watch()
        page = watched.open(site)
        expect(page.locator("h1")).to_have_text(EVIL)
        page.mouse.move(*centre(page))
        page.locator("#blank button").first.click()
        page.get_by_role("button", name="列出未覆盖楼栋").click()
        expect(page.locator("#evidence")).to_contain_text("onerror")
        go_to(page, watched, 250, 60)
        page.mouse.click(*centre(page))
        expect(page.locator(".leaflet-popup-content")).to_contain_text("onerror")
        assert page.locator("img[src=x]").count() == 0


def test_a_server_that_fails_is_told_and_tried_again(watch, toy_site):
    watched = watch()
    page = watched.open(toy_site)
    page.route("**/tiles/**", lambda route: route.fulfill(status=503, body="{}"))
    go_to(page, watched, 250, 60, wait=None)
    expect(page.locator("#status")).to_contain_text("服务器无响应", timeout=20_000)
    page.unroute("**/tiles/**")
    page.keyboard.press("Escape")
    page.mouse.move(*centre(page))
    page.mouse.down()
    page.mouse.move(centre(page)[0] + 150, centre(page)[1] + 60, steps=4)
    page.mouse.up()
    watched.wait_for("gridmap.state().loaded.building > 0")
    expect(page.locator("#status")).to_have_text("", timeout=20_000)
    assert any("503" in line for line in watched.console)
    watched.console.clear()


def go_to(page, watched, x, y, *, wait="building"):
    """Put a place of the toy town, in metres from its corner, into the middle of the map."""
    import geopandas as gpd
    from shapely import Point

    place = gpd.GeoSeries([Point(364000 + x, 3266000 + y)], crs=4545).to_crs(4490)[0]
    name = page.evaluate("document.querySelector('.folium-map').id")
    page.evaluate(f"{name}.setView([{place.y}, {place.x}], 18, {{ animate: false }})")
    if wait:
        watched.wait_for(f"!gridmap.state().loading && gridmap.state().loaded.{wait} > 0")


def centre(page):
    box = page.locator(".folium-map").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
