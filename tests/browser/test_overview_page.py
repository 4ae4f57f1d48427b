"""The overview as leadership meets it, in Chromium: on a desk, on a wall, on a phone, on paper."""

import datetime as dt
import os
import re
from pathlib import Path

import pytest
from accounts_fixtures import cookie_of
from playwright.sync_api import expect
from toy_town import COOKIES, TOY_DAY, served

from gridmap import jobs, store
from gridmap.model import Role

pytestmark = [pytest.mark.browser, pytest.mark.db]

SIZES = {"phone": (360, 740), "desk": (1440, 900), "wall": (1920, 1080)}
WORDS = {
    "zh": ("总览", "社区/村: 党小组覆盖楼栋", "暂无数据", "全屏"),
    "en": ("Overview", "Communities: Buildings with a Party group", "not known", "Full screen"),
}


def shot(page, name):
    """Keep a picture where somebody asked for it."""
    folder = os.environ.get("GRIDMAP_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def ready(page):
    """Wait for the map, of which the former page had no part."""
    page.wait_for_url(re.compile("/#"))
    page.wait_for_selector("html[data-ready=yes]")


@pytest.fixture(scope="module")
def leader(toy_url):
    """A site whose visitors are leadership, who see no rows and no cameras; it outlives a page."""
    with served(toy_url) as site:
        COOKIES[site] = cookie_of(toy_url, "leadership", Role.LEADERSHIP)
        yield site


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("size", SIZES)
def test_it_says_what_it_should_and_nothing_sticks_out(watch, leader, size, language):
    page = watch(*SIZES[size]).open(f"{leader}/overview?lang={language}")
    title, ranked, unknown, full = WORDS[language]
    expect(page.locator("h1")).to_contain_text(f"玩具区 {title}")
    expect(page.locator("#rank-title")).to_have_text(ranked)
    expect(page.locator(".card .value")).to_have_count(6)
    expect(page.locator(".card .value.none")).to_have_text(unknown)
    expect(page.get_by_role("button", name=full)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    cut = page.evaluate(
        "[...document.querySelectorAll('.card, .middle > section, .lists > section')]"
        ".filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.className || e.id)"
    )
    assert cut == []
    shot(page, f"overview-{size}-{language}")
    if size == "phone":
        for target in page.locator("#overview td a, .card .ways a, .tools button").all():
            assert target.bounding_box()["height"] >= 48
    else:
        low = page.evaluate(
            "Math.max(...['.cards', '.rank', '.chart']"
            ".map((q) => document.querySelector(q).getBoundingClientRect().bottom))"
        )
        assert low <= SIZES[size][1], "figures, ranking and map need no scrolling"


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_fifteen_streets_fit(watch, demo_site, size):
    watched = watch(*SIZES[size])
    page = watched.open(f"{demo_site}/overview?lang=zh")
    expect(page.locator(".rank tbody tr")).to_have_count(15)
    expect(page.locator(".chart .map a")).to_have_count(15)
    expect(page.locator("#spots tbody tr")).to_have_count(10)
    expect(page.locator("#blind tbody tr")).to_have_count(10)
    expect(page.locator(".notice")).to_contain_text("合成数据")
    shown = page.locator(".names.ranks text" if size == "phone" else ".names:not(.ranks) text")
    boxes = [one.bounding_box() for one in shown.all()]
    assert len(boxes) > 9
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            apart = a["x"] + a["width"] <= b["x"] + 3 or b["x"] + b["width"] <= a["x"] + 3
            # A line is higher than its letters.
            letters = 0.65 * max(a["height"], b["height"])
            above = abs(a["y"] - b["y"]) >= letters
            assert apart or above
    shot(page, f"overview-demo-{size}")
    if size != "phone":
        low = page.locator(".rank").bounding_box()
        assert low["y"] + low["height"] <= SIZES[size][1]


def test_a_number_leads_to_the_map_with_its_question(watch, leader):
    watched = watch()
    page = watched.open(f"{leader}/overview?lang=en")
    page.get_by_role("link", name=re.compile("Grids with a Party branch: 50")).click()
    ready(page)
    watched.wait_for("gridmap.state().measure === 'party_branch.grids'")
    page.go_back()
    page.locator("#spots tbody a").nth(1).click()
    ready(page)
    watched.wait_for("gridmap.state().zoom === 17")
    assert watched.state()["selected"] == "990101001002002"


def test_the_keyboard_alone_ranks_by_another_figure(watch, leader):
    page = watch().open(f"{leader}/overview?lang=en")
    wanted = page.locator(".card", has_text="Grids with a Party branch").get_by_text("Rank by this")
    for _ in range(40):
        page.keyboard.press("Tab")
        if wanted.evaluate("(one) => one === document.activeElement"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/overview?lens=party_branch.grids")
    expect(page.locator("#rank-title")).to_have_text("Communities: Grids with a Party branch")
    page.locator(".chart .map a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/#map=.*&lens=party_branch\.grids&unit=990101001001$"))
    ready(page)


def test_fresh_figures_come_by_themselves_and_focus_stays(
    watch, lent_database, toy_template, tmp_path
):
    url = lent_database(toy_template)
    engine = store.connect(url)
    with served(url) as site:
        page = watch().open(f"{site}/overview?lang=en")
        expect(page.locator(".card .value").first).to_have_text("42.9%")
        expect(page.locator("#updated")).to_have_text(re.compile(r"checked \d\d:\d\d"))
        held = page.locator(".rank td a").first
        page.locator(".trend summary").click()
        held.focus()
        page.evaluate("window.kept = document.querySelector('.cards'); overview.refresh()")
        page.wait_for_timeout(500)
        assert page.evaluate("kept.isConnected"), "what is the same stays in place"
        assert page.locator("#told").inner_text() == ""
        rows = tmp_path / "duty.csv"
        rows.write_text("holder_code,service,target_code,mode\nG1,party_group,T4,joint\n", "utf-8")
        jobs.import_layer(engine, rows, "duty", effective=dt.date(2026, 5, 1), commit=True)
        jobs.refresh_org_coverage(engine, as_of=TOY_DAY)
        page.evaluate("overview.refresh()")
        expect(page.locator(".card .value").first).to_have_text("57.1%")
        expect(page.locator("#told")).to_have_text("The figures have changed.")
        assert held.evaluate("(one) => one === document.activeElement")
        assert page.locator(".trend details").evaluate("(one) => one.open"), (
            "what was open stays so"
        )
    engine.dispose()


def test_a_server_that_is_gone_is_told_and_the_figures_stay(watch, leader):
    watched = watch()
    page = watched.open(f"{leader}/overview?lang=zh")
    page.route("**/overview*", lambda route: route.abort())
    page.evaluate("overview.refresh()")
    expect(page.get_by_role("status")).to_contain_text("服务器无响应")
    expect(page.locator(".card .value").first).to_have_text("42.9%")
    page.unroute("**/overview*")
    page.route("**/overview*", lambda route: route.fulfill(status=401, body="{}"))
    page.evaluate("overview.refresh()")
    expect(page.locator("#told a")).to_have_text("登录已失效，请重新登录。")
    assert "/sign-in?next=%2Foverview" in page.locator("#told a").get_attribute("href")
    watched.console[:] = [one for one in watched.console if "Failed to load resource" not in one]


def test_a_hidden_tab_asks_nothing(watch, leader):
    watched = watch()
    asked = []
    watched.page.on("request", lambda r: asked.append(r.url) if "/overview?" in r.url else None)
    watched.page.clock.install()
    page = watched.open(f"{leader}/overview?lang=en")
    page.clock.fast_forward("05:01")
    page.wait_for_timeout(300)
    assert len(asked) == 2, "every five minutes"
    hide = (
        "Object.defineProperty(document, 'hidden', {{configurable: true, get: () => {0}}});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    page.evaluate(hide.format("true"))
    page.clock.fast_forward("30:00")
    page.wait_for_timeout(300)
    assert len(asked) == 2
    page.evaluate(hide.format("false"))
    page.wait_for_timeout(300)
    assert len(asked) == 3, "at once when it is seen again"


def test_it_fills_a_wall_and_two_sheets_of_paper(watch, leader):
    page = watch().open(f"{leader}/overview?lang=en")
    page.get_by_role("button", name="Full screen").click()
    expect(page.get_by_role("button", name="Leave full screen")).to_be_visible()
    assert page.evaluate("document.fullscreenElement.id") == "main"
    page.get_by_role("button", name="Leave full screen").click()
    expect(page.get_by_role("button", name="Full screen", exact=True)).to_be_visible()
    sheets = page.pdf(prefer_css_page_size=True)
    assert 1 <= len(re.findall(rb"/Type\s*/Page[^s]", sheets)) <= 2
