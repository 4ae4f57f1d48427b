"""Every page for whoever cannot see it well, or has no mouse: axe-core, keys, size of targets."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pytest
from accounts_fixtures import cookie_of, now
from playwright.sync_api import expect
from toy_town import COOKIES, TOY_DAY, served

from gridmap import jobs, store
from gridmap.jobs.corrections import Suggestion
from gridmap.maps import WEB
from gridmap.model import Role

pytestmark = [pytest.mark.browser, pytest.mark.db]

AXE = (WEB / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")
DESK, PHONE = (1440, 900), (360, 740)
T5 = [29.504996, 106.600032]
GRAVE = {"serious", "critical"}

SWAGGER = {
    "color-contrast": "the grey on grey of its method marks",
    "nested-interactive": "a copy button inside its summary button",
    "select-name": "its list of servers has no label",
}
"""What Swagger UI itself does wrong; the page of the interface is for who writes programs."""

SMALL = """
[...document.querySelectorAll("button, select, textarea, summary, nav a, .leaflet-bar a, .main,"
  + " .other, .leaflet-popup-close-button,"
  + " input:not([type=hidden]):not([type=radio]):not([type=checkbox])")]
  .filter((one) => one.getClientRects().length && getComputedStyle(one).visibility === "visible")
  .map((one) => [one.outerHTML.slice(0, 90), one.getBoundingClientRect()])
  .filter(([, box]) => box.width > 0 && (box.height < 47.5 || box.width < 24)).map(([text]) => text)
"""


@dataclass(frozen=True)
class Town:
    """A served toy town with something in every queue, and its database."""

    site: str
    url: str
    link: str


@pytest.fixture(scope="module")
def served_town(new_database, serviced_template):
    url = new_database(serviced_template)
    engine = store.connect(url)
    told = Suggestion("building", "T1", "leader", {"floors": 6}, None, "现场数了")
    jobs.suggest(engine, engine, told, as_of=dt.date.today())
    words = Suggestion("building", "T2", "leader", {}, None, "名字不对")
    jobs.suggest(engine, engine, words, as_of=dt.date.today())
    links = [jobs.demo_links(engine, now=now(), actor="t")["demo-grid-leader"] for _ in range(2)]
    engine.dispose()
    with served(url) as site:
        COOKIES.pop(site)
        yield Town(site, url, links[-1])


@pytest.fixture(scope="module")
def empty_site(new_database):
    with served(new_database()) as site:
        yield site


def faults(page, *, but=()):
    """Return what axe finds that keeps somebody out, in a line each."""
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for one in found
        if one["impact"] in GRAVE and one["id"] not in but
        for node in one["nodes"][:3]
    ]


def ready(page):
    page.wait_for_selector("html[data-ready=yes]", timeout=60_000)


@pytest.mark.parametrize(("size", "language"), [(DESK, "zh"), (PHONE, "en")])
def test_no_page_keeps_anybody_out(watch, served_town, empty_site, size, language):
    town, phone = served_town, size == PHONE
    watched = watch(*size, has_touch=phone, is_mobile=phone)
    page = watched.page
    page.add_init_script(AXE)

    def visit(path, *, wait=None, but=(), site=town.site):
        page.goto(f"{site}{path}")
        (wait or (lambda page: page.wait_for_load_state("load")))(page)
        look(path, but=but)

    def look(what, but=()):
        assert page.locator("html").get_attribute("lang") == ("zh-CN" if language == "zh" else "en")
        assert faults(page, but=but) == [], what
        if phone:
            assert page.evaluate("document.documentElement.scrollWidth") <= size[0], what
            if not but:
                assert page.evaluate(SMALL) == [], what

    for path in ("/sign-in", f"/sign-in/link/{town.link}"):
        visit(f"{path}?lang={language}")
    leader = cookie_of(town.url, "leader", Role.LEADER, ("990101001001001",))
    page.context.add_cookies([{**leader, "url": town.site}])
    for path in ("/password", "/account"):
        visit(f"{path}?lang={language}")
    visit(f"/locate?lang={language}", wait=ready)
    planner = cookie_of(town.url, "planner", Role.PLANNER)
    page.context.add_cookies([{**planner, "url": town.site}])
    for path in ("/overview", "/queues"):
        visit(f"{path}?lang={language}")
    visit(f"/?lang={language}", wait=ready)
    if phone:
        page.locator("#sheet").tap()
        expect(page.locator("#lenses")).to_be_visible()
        look("the sheet")
        page.locator("#sheet").tap()
        page.locator("#tools").tap()
        expect(page.locator("#legend")).to_be_visible()
        look("the layers")
        page.locator("#tools").tap()
    page.evaluate("gridmap.go('990101001001002')")
    watched.wait_for("!gridmap.state().loading && gridmap.state().loaded.building > 0")
    page.evaluate(f"gridmap.map.setView({T5}, 18, {{ animate: false }})")
    page.evaluate(
        f"gridmap.tell({{ layer: 'building', code: 'T5', lens: 'party_group' }}, L.latLng({T5}))"
    )
    expect(page.locator(".leaflet-popup-content h3")).to_be_visible()
    look("a unit and a popup")
    cookie = COOKIES[empty_site]
    page.context.add_cookies([{**cookie, "url": empty_site}])
    visit(f"/?lang={language}", site=empty_site)
    if not phone:
        page.goto(f"{town.site}/api/docs")
        page.wait_for_selector(".opblock", timeout=60_000)
        assert faults(page, but=SWAGGER) == []


@pytest.mark.parametrize(("size", "language"), [(DESK, "en"), (PHONE, "zh")])
def test_files_keep_nobody_out(watch, town, tmp_path, size, language):
    """The map in one file, and what differs between two days."""
    both = tmp_path / "map.html", tmp_path / "difference.html"
    jobs.write_map(town, both[0], language=language, as_of=TOY_DAY, progress=lambda *_: None)
    jobs.diff(town, TOY_DAY - dt.timedelta(days=200), TOY_DAY, drawing=both[1], language=language)
    watched = watch(*size, offline=True)
    page = watched.page
    page.add_init_script(AXE)
    close, zoom = {"zh": ("关闭", "放大"), "en": ("Close", "Zoom in")}[language]
    for target in both:
        page.goto(target.as_uri())
        expect(page.locator(".leaflet-control-zoom-in")).to_have_attribute("title", zoom)
        assert faults(page) == []
        if target == both[0]:
            page.evaluate(
                "gridmap.map.openPopup(gridmap.card('x', [['Code', 'y']]), gridmap.map.getCenter())"
            )
        else:
            name = page.evaluate("document.querySelector('.folium-map').id")
            page.evaluate(f"{name}.openPopup('x', {name}.getCenter())")
        button = page.locator(".leaflet-popup-close-button")
        expect(button).to_have_attribute("title", close)
        expect(button).to_have_attribute("aria-label", close)
        assert faults(page) == []
        left = page.evaluate(
            "[...document.querySelectorAll('.leaflet-container :is([title], [aria-label])')]"
            ".flatMap((one) => [one.title, one.getAttribute('aria-label')]).filter(Boolean)"
        )
        if language == "zh":
            assert [text for text in left if text.isascii() and text not in ("x", "y")] == []


def test_the_map_is_walked_by_keys_alone(watch, served_town):
    watched = watch()
    page = watched.page
    planner = cookie_of(served_town.url, "planner", Role.PLANNER)
    page.context.add_cookies([{**planner, "url": served_town.site}])
    page.goto(f"{served_town.site}/?lang=zh")
    ready(page)
    reached = []
    where = (
        "(() => { const one = document.activeElement;"
        " const look = getComputedStyle(one); return [`${one.id} ${one.className} ${one.tagName}`,"
        " look.outlineStyle !== 'none' || look.boxShadow !== 'none' || one.type === 'radio' ||"
        " one.type === 'checkbox',"
        " one.closest('#panel') ? 'panel' : one.closest('#stage') ? 'map' : 'top']; })()"
    )
    for _ in range(80):
        page.keyboard.press("Tab")
        name, visible, part = page.evaluate(where)
        if name.endswith("BODY") or (reached and name == reached[0][0]):
            break
        reached.append((name, visible, part))
    names = [name for name, _, _ in reached]
    parts = [part for _, _, part in reached]
    assert all(visible for _, visible, _ in reached), reached
    assert parts == sorted(parts, key=["top", "panel", "map"].index), parts
    assert "skip" in names[0]
    for wanted in ("language", "find", "SUMMARY", "leaflet-container", "leaflet-control-zoom-in"):
        assert any(wanted in name for name in names), wanted

    container = page.locator(".leaflet-container")
    container.focus()
    before = page.evaluate("gridmap.map.getCenter().lng")
    page.keyboard.press("ArrowRight")
    watched.wait_for(f"gridmap.map.getCenter().lng > {before}")
    zoom = watched.state()["zoom"]
    page.keyboard.press("+")
    watched.wait_for(f"gridmap.state().zoom > {zoom} && !gridmap.map._animatingZoom")
    near = watched.state()["zoom"]
    page.keyboard.press("-")
    watched.wait_for(f"gridmap.state().zoom < {near}")

    page.keyboard.press("/")
    page.keyboard.type("5号楼")
    expect(page.locator("#found [role=option]").first).to_contain_text("5号楼")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    popup = page.locator(".leaflet-popup")
    expect(popup).to_be_focused()
    expect(popup).to_have_attribute("role", "dialog")
    expect(popup).to_have_attribute("aria-label", "5号楼")
    page.keyboard.press("Tab")
    assert page.evaluate("Boolean(document.activeElement.closest('.leaflet-popup'))")
    selected = watched.state()["selected"]
    page.keyboard.press("Escape")
    expect(popup).to_have_count(0)
    expect(page.locator("#find")).to_be_focused()
    assert watched.state()["selected"] == selected, "Esc closed the popup and did nothing else"
