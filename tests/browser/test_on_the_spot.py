"""The page on the spot as a grid leader meets it, on a phone in Chromium."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from accounts_fixtures import cookie_of
from playwright.sync_api import expect
from toy_town import COOKIES, import_toy, served

from gridmap import jobs, store
from gridmap import tables as t
from gridmap.model import WHOLE, Role

pytestmark = [pytest.mark.browser, pytest.mark.db]

GRID = "990101001001001"
PHONE, DESK = (360, 740), (1280, 800)
# Inside T1, and in the grid beside (T5).
IN_T1 = {"longitude": 106.597666, "latitude": 29.504611, "accuracy": 12}
ELSEWHERE = {"longitude": 106.600032, "latitude": 29.504996, "accuracy": 30}
ALLOWED = {"permissions": ["geolocation"], "geolocation": IN_T1}


@pytest.fixture(scope="module")
def spot(new_database, serviced_template):
    url = new_database(serviced_template)
    with served(url) as site:
        COOKIES.pop(site)
        yield site, url


@pytest.fixture
def opened(watch, spot):
    """Return a function that opens the page as a leader of the first grid."""

    def open_page(
        size=PHONE, *, name="leader", ranges=(GRID,), role=Role.LEADER, lang="zh", **more
    ):
        site, url = spot
        watched = watch(*size, **more)
        cookie = cookie_of(url, name, role, ranges)
        watched.page.context.add_cookies([{**cookie, "url": site}])
        watched.page.goto(f"{site}/locate?lang={lang}")
        ready(watched.page)
        return watched

    return open_page


def ready(page):
    page.wait_for_selector("html[data-ready=yes]", timeout=30_000)


def corrections(url):
    engine = store.connect(url)
    with store.transaction(engine) as conn:
        rows = conn.execute(sa.select(t.correction).order_by(t.correction.c.id)).mappings().all()
    engine.dispose()
    return rows


def shot(page, name):
    folder = os.environ.get("GRIDMAP_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def forgive(watched, *meant):
    """Chromium tells of requests that fail; those these tests are about."""
    watched.console[:] = [line for line in watched.console if not any(m in line for m in meant)]


WORDS = {
    "zh": ("本栋楼", "党小组", "距离", "此处不在您的网格内"),
    "en": ("This building", "Party group", "m away", "This is outside your grids"),
}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_where_i_am_and_what_is_here(opened, size, language):
    watched = opened(size, lang=language, **ALLOWED)
    page = watched.page
    title, group, _, _ = WORDS[language]
    expect(page.locator("#building-title")).to_have_text(title)
    button = page.locator("#locate")
    assert button.get_attribute("data-state") == "off"
    button.click()
    expect(page.locator("#position")).to_contain_text("12")
    expect(page.locator("#building h3")).to_have_text("1号楼")
    expect(page.locator("#building .services")).to_contain_text(group)
    expect(page.locator("#building .services li")).to_have_count(7)
    expect(page.locator("#grid h3")).to_have_text("第1网格")
    expect(page.locator("#building")).to_contain_text("1号楼大门")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shot(page, f"locate-{language}-{size[0]}")
    for target in page.locator("main button, main input[type=search], .choice, textarea").all():
        if target.is_visible():
            assert target.bounding_box()["height"] >= 48, target.inner_text()


def test_off_show_follow_and_never_pulled_back(opened):
    page = opened(**ALLOWED).page
    button = page.locator("#locate")
    button.click()
    expect(page.locator("#position")).to_contain_text("± 12")
    assert button.get_attribute("data-state") == "show"
    before = page.evaluate("gridmapLocate.centre()")
    assert before == pytest.approx([106.597666, 29.504611], abs=2e-5)
    # Shown, not followed: the map stays where it was put.
    page.context.set_geolocation({**IN_T1, "longitude": 106.5982, "accuracy": 40})
    expect(page.locator("#position")).to_contain_text("± 40")
    assert page.evaluate("gridmapLocate.centre()") == before
    button.click()
    assert button.get_attribute("data-state") == "follow"
    page.context.set_geolocation({**IN_T1, "longitude": 106.59818152, "latitude": 29.504616})
    expect(page.locator("#building h3")).to_have_text("2号楼")
    assert page.evaluate("gridmapLocate.centre()[0]") == pytest.approx(106.598182, abs=2e-5)
    box = page.locator("#map").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 90, y, steps=6)
    page.mouse.up()
    expect(button).to_have_attribute("data-state", "show")
    button.click()
    button.click()
    expect(button).to_have_attribute("data-state", "off")
    expect(page.locator("#position")).to_have_text("")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_where_the_browser_refuses_there_are_other_ways(opened, language):
    watched = opened(lang=language)  # no permission is given
    page = watched.page
    page.locator("#locate").click()
    told = {"zh": "输入地址", "en": "Type an address"}[language]
    expect(page.locator("#position")).to_contain_text(told)
    assert page.locator("#locate").get_attribute("data-state") == "off"
    page.locator("#q").fill("2haolou")
    option = page.locator("#found [role=option]")
    expect(option).to_have_count(1)
    assert option.bounding_box()["height"] >= 48
    shot(page, f"locate-search-{language}")
    page.locator("#q").press("ArrowDown")
    page.locator("#q").press("Enter")
    expect(page.locator("#building h3")).to_have_text("2号楼")
    page.locator("#q").fill("没有这样的楼")
    expect(page.locator("#found-told")).to_contain_text("没有这样的楼")
    expect(page.locator("#found-told")).to_contain_text("楼栋" if language == "zh" else "Buildings")


def test_plain_http_is_told_of(opened):
    watched = opened(**ALLOWED)
    page = watched.page
    page.evaluate("Object.defineProperty(window, 'isSecureContext', {value: false})")
    page.locator("#locate").click()
    expect(page.locator("#position")).to_contain_text("https")


def test_the_spot_under_the_cross_and_beside_the_own_grid(opened):
    page = opened().page
    page.evaluate("gridmapLocate.map.setView([29.504611, 106.597666], 19, {animate: false})")
    page.locator("#spot").click()
    expect(page.locator("#building h3")).to_have_text("1号楼")
    page.evaluate("gridmapLocate.map.setView([29.504996, 106.600032], 19, {animate: false})")
    page.locator("#spot").click()
    expect(page.locator("#outside")).to_be_visible()
    expect(page.locator("#outside")).to_contain_text("不在您的网格内")
    expect(page.locator("#building")).to_have_text("此处不在您的网格内。")
    assert "5号楼" not in page.content()
    shot(page, "locate-outside")


def test_a_report_goes_to_the_planner_with_place_and_note(opened, spot):
    _, url = spot
    page = opened(name="reporter", **ALLOWED).page
    page.locator("#locate").click()
    expect(page.locator("#building h3")).to_have_text("1号楼")
    before = len(corrections(url))
    page.get_by_label("已拆除").check()
    page.locator("#note").fill("已成空地")
    page.get_by_role("button", name="上报").click()
    expect(page.locator("#report-told")).to_contain_text("已发送")
    rows = corrections(url)[before:]
    assert len(rows) == 1
    assert (rows[0]["layer"], rows[0]["code"], rows[0]["unit_code"]) == ("building", "T1", GRID)
    assert rows[0]["note"] == "Demolished @ 29.504611, 106.597666 ± 12 m\n已成空地" or rows[0][
        "note"
    ].startswith("Demolished @ 106.5976")
    assert rows[0]["account"] == "reporter"
    page.get_by_label("新增楼栋").check()
    page.get_by_role("button", name="上报").click()
    page.wait_for_timeout(300)
    expect(page.locator("#report-told")).to_contain_text("已发送")
    last = corrections(url)[-1]
    assert (last["layer"], last["code"]) == ("grid", GRID)


LOST = ("Failed to load resource", "net::ERR", "ERR_INTERNET_DISCONNECTED")


def kept_by_worker(page):
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.reload()  # so that the worker has seen the page
    ready(page)


def test_with_a_lost_connection_the_page_is_read_and_reports_are_sent_once_later(opened, spot):
    site, url = spot
    watched = opened(name="offline", **ALLOWED)
    page = watched.page
    kept_by_worker(page)
    page.locator("#locate").click()
    expect(page.locator("#building h3")).to_have_text("1号楼")
    before = len(corrections(url))
    page.context.set_offline(True)
    page.goto(f"{site}/locate")
    ready(page)
    expect(page.locator("#network")).to_contain_text("网络已断开")
    expect(page.locator("#building h3")).to_have_text("1号楼")
    page.get_by_label("位置变动").check()
    page.locator("#note").fill("在路的另一边")
    page.get_by_role("button", name="上报").click()
    expect(page.locator("#waiting")).to_have_attribute("data-count", "1")
    expect(page.locator("#report-told")).to_contain_text("已保存在本机")
    shot(page, "locate-offline")
    page.goto(f"{site}/locate")  # as after a walk with the telephone in the pocket
    ready(page)
    expect(page.locator("#waiting")).to_have_attribute("data-count", "1")
    assert len(corrections(url)) == before
    page.context.set_offline(False)
    expect(page.locator("#waiting")).to_have_attribute("data-count", "0")
    expect(page.locator("#network")).to_be_hidden()
    page.evaluate("Promise.all([gridmapLocate.flush(), gridmapLocate.flush()]).then(() => true)")
    rows = corrections(url)[before:]
    assert [row["code"] for row in rows] == ["T1"]
    assert "在路的另一边" in rows[0]["note"]
    forgive(watched, *LOST)


def test_an_answer_that_was_lost_on_its_way_makes_no_second_report(opened, spot):
    _, url = spot
    watched = opened(name="lossy", **ALLOWED)
    page = watched.page
    page.locator("#locate").click()
    expect(page.locator("#building h3")).to_have_text("1号楼")
    before, sent = len(corrections(url)), []

    def lose(route):
        route.fetch()  # the server has it
        sent.append(route.request.headers["idempotency-key"])
        route.abort()

    page.route("**/api/v1/corrections", lose)
    page.get_by_label("关联有误").check()
    page.get_by_role("button", name="上报").click()
    expect(page.locator("#waiting")).to_have_attribute("data-count", "1")
    assert len(corrections(url)) == before + 1
    page.unroute("**/api/v1/corrections")
    page.evaluate("gridmapLocate.flush().then(() => true)")
    expect(page.locator("#waiting")).to_have_attribute("data-count", "0")
    assert len(corrections(url)) == before + 1
    assert len(sent) == 1
    forgive(watched, *LOST)


def stored(page):
    return page.evaluate(
        "(async () => { const names = ['own', 'reports'];"
        " if (!(await indexedDB.databases()).length) return null;"
        " const db = await new Promise((done) => { const r = indexedDB.open('gridmap-locate');"
        " r.onsuccess = () => done(r.result); });"
        " const all = {}; for (const name of names) {"
        " if (!db.objectStoreNames.contains(name)) continue;"
        " all[name] = await new Promise((done) => {"
        " const r = db.transaction(name).objectStore(name).getAll();"
        " r.onsuccess = () => done(r.result); }); } db.close(); return all; })()"
    )


def test_another_account_on_the_same_phone_sees_nothing_of_the_former(opened, spot):
    site, url = spot
    watched = opened(name="early", **ALLOWED)
    page = watched.page
    page.locator("#locate").click()
    expect(page.locator("#building h3")).to_have_text("1号楼")
    page.route("**/api/v1/corrections", lambda route: route.abort())
    page.get_by_role("button", name="上报").click()
    expect(page.locator("#waiting")).to_have_attribute("data-count", "1")
    assert "1号楼" in json.dumps(stored(page), ensure_ascii=False)
    page.unroute("**/api/v1/corrections")
    page.context.clear_cookies()
    cookie = cookie_of(url, "late", Role.LEADER, ("990101001002002",))
    page.context.add_cookies([{**cookie, "url": site}])
    before = len(corrections(url))
    page.goto(f"{site}/locate?lang=zh")
    ready(page)
    expect(page.locator("#waiting")).to_have_attribute("data-count", "0")
    assert "1号楼" not in page.locator("main").inner_text()
    assert "1号楼" not in json.dumps(stored(page), ensure_ascii=False)
    page.evaluate("gridmapLocate.flush().then(() => true)")
    assert len(corrections(url)) == before
    forgive(watched, *LOST)


def test_signing_out_clears_what_is_kept(opened, spot):
    site, _ = spot
    watched = opened(name="leaving", **ALLOWED)
    page = watched.page
    kept_by_worker(page)
    page.locator("#locate").click()
    expect(page.locator("#building h3")).to_have_text("1号楼")
    page.goto(f"{site}/account?lang=zh")
    page.get_by_role("button", name="退出登录").click()
    page.wait_for_url("**/sign-in")
    left = page.evaluate(
        "(async () => [await caches.keys(), (await indexedDB.databases()).length])()"
    )
    assert left == [[], 0]
    page.goto(f"{site}/locate")
    assert "/sign-in" in page.url
    forgive(watched, "Cleared data types", "Autofocus processing")


HOSTILE = "<img src=x onerror=alert(1)>${alert(2)}`"


def test_names_never_run(watch, lent_database):
    """A name from a spreadsheet is text wherever this page shows it."""
    url = lent_database()
    engine = store.connect(url)
    import_toy(engine)
    with store.transaction(engine, writes=True) as conn:
        batch = conn.execute(sa.text("SELECT max(id) FROM import_batch")).scalar_one()
        conn.execute(sa.select(sa.func.set_config("gridmap.batch", str(batch), True)))
        for table in ("building", "division", "organisation", "entrance"):
            conn.execute(t.metadata.tables[table].update().values(name=HOSTILE))
        conn.execute(t.building.update().values(address=HOSTILE))
        conn.execute(t.search_entry.delete())
        conn.execute(t.camera_entry.delete())
    jobs.refresh_org_coverage(engine, as_of=__import__("datetime").date(2026, 6, 1))
    with jobs.database(__import__("gridmap.settings", fromlist=["x"]).Settings(database_url=url)):
        pass
    engine.dispose()
    with served(url) as site:
        watched = watch(*PHONE, **ALLOWED)
        page = watched.page
        page.context.add_cookies([{**cookie_of(url, "x", Role.PLANNER, WHOLE), "url": site}])
        page.goto(f"{site}/locate")
        ready(page)
        page.locator("#locate").click()
        expect(page.locator("#building h3")).to_have_text(HOSTILE)
        page.locator("#q").fill("img")
        expect(page.locator("#found [role=option]").first).to_be_visible()
        page.locator("#q").fill(HOSTILE)
        expect(page.locator("#found [role=option]").first).to_contain_text("<img")
        page.locator("#found [role=option]").last.click()
        page.locator("#note").fill(HOSTILE)
        page.locator("#report button[type=submit]").click()
        expect(page.locator("#report-told")).not_to_have_text("")
        assert page.locator("main img").count() == 0
        time.sleep(0.2)
