"""Text from spreadsheets and forms is text, in every place where a page shows it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from accounts_fixtures import cookie_of
from playwright.sync_api import expect
from toy_town import COOKIES, TOY_DAY, served

from gridmap import jobs, store
from gridmap import tables as t
from gridmap.jobs.corrections import Suggestion
from gridmap.model import Role
from gridmap.settings import Settings

pytestmark = [pytest.mark.browser, pytest.mark.db]

DESK, PHONE = (1440, 900), (360, 740)
IMAGE = "<img src=x onerror=alert(1)>"
HOSTILE = (
    IMAGE,
    "${alert(2)} `${alert(3)}` {{ 7*7 }} {% raw %}",
    "</script><script>alert(4)</script>",
    "\" onmouseover=alert(5) x=\" ' onfocus='alert(6)",
    "甲\u202e)7(trela\u202d<svg onload=alert(8)>",
    "长" * 150 + "x" * 150,
)
NAMED = ("division", "building", "camera", "road", "organisation", "courtyard", "entrance")
T5 = [29.504996, 106.600032]

RAN = """
[...document.querySelectorAll("*")].filter((one) => one.getAttribute("src") === "x"
  || [...one.attributes].some((a) => a.name.startsWith("on"))
  || (one.tagName === "SCRIPT" && one.textContent.trim().startsWith("alert")))
  .map((one) => one.outerHTML)
"""


@dataclass(frozen=True)
class Town:
    """A served toy town whose every name is a trap; its database; the name of each of its rows."""

    site: str
    url: str
    names: dict[str, str]


@pytest.fixture(scope="module")
def trapped(new_database, serviced_template):
    url = new_database(serviced_template)
    engine = store.connect(url)
    names = {}
    with store.transaction(engine, writes=True) as conn:
        batch = conn.execute(sa.text("SELECT max(id) FROM import_batch")).scalar_one()
        conn.execute(sa.select(sa.func.set_config("gridmap.batch", str(batch), True)))
        for table in (t.metadata.tables[name] for name in NAMED):
            codes = conn.execute(
                sa.select(table.c.code).distinct().order_by(table.c.code)
            ).scalars()
            for i, code in enumerate(codes.all()):
                # What stands above all others is a trap that would be seen at once.
                names[code] = HOSTILE[i % len(HOSTILE)] if len(str(code)) > 6 or i else IMAGE
                if code == "T5":
                    names[code] = IMAGE
                given = {"name": names[code]}
                if table is t.building:
                    given["address"] = HOSTILE[(i + 1) % len(HOSTILE)]
                conn.execute(table.update().where(table.c.code == code).values(given))
        conn.execute(t.search_entry.delete())
        conn.execute(t.camera_entry.delete())
        issue = {"severity": "error", "row": 2, "message": {"zh": HOSTILE[2], "en": HOSTILE[2]}}
        conn.execute(
            t.web_job.insert().values(
                id="a", account="planner", kind="import", subject=IMAGE, state="failed", sha256="",
                worker=0, report={"source": HOSTILE[3], "rows": 1, "issues": [issue]},
            )
        )  # fmt: skip
        conn.execute(
            t.web_job.insert().values(
                id="b", account="planner", kind="import", subject="road", state="failed", sha256="",
                worker=0, report={"detail": HOSTILE[5], "source": HOSTILE[0]},
            )
        )  # fmt: skip
    jobs.refresh_org_coverage(engine, as_of=TOY_DAY)
    for code, note in zip(("T1", "T2", "T3"), (HOSTILE[0], HOSTILE[2], HOSTILE[5]), strict=True):
        told = Suggestion("building", code, HOSTILE[3], {"name": HOSTILE[4]}, None, note)
        jobs.suggest(engine, engine, told, as_of=dt.date.today())
    with jobs.database(Settings(database_url=url)):
        pass  # what can be searched is written anew
    engine.dispose()
    with served(url) as site:
        COOKIES.pop(site)
        yield Town(site, url, names)


@pytest.fixture
def visit(watch, trapped):
    """Return a function that opens pages of the trapped town in one browser, and looks at them."""

    def begin(size, *, name="planner", role=Role.PLANNER):
        watched = watch(*size)
        cookie = cookie_of(trapped.url, name, role)
        watched.page.context.add_cookies([{**cookie, "url": trapped.site}])
        return watched

    return begin


def harmless(watched, what):
    page = watched.page
    assert page.evaluate(RAN) == [], what
    assert [line for line in watched.console if line.startswith("dialog")] == [], what
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, what


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_on_the_map(visit, trapped, size):
    watched = visit(size)
    page = watched.page
    page.goto(f"{trapped.site}/?lang=en")
    page.wait_for_selector("html[data-ready=yes]")
    assert page.title() == f"{IMAGE} · gridmap"
    expect(page.locator("h1")).to_have_text(IMAGE)
    harmless(watched, "the first picture")
    labels = page.locator(".name").all_inner_texts()
    assert labels
    assert set(labels) <= set(HOSTILE)
    grid = "990101001002001"
    page.evaluate(f"gridmap.go('{grid}')")
    trail = page.locator("#unit .crumbs")
    for code in ("990101", "990101001", "990101001002", grid):
        expect(trail).to_contain_text(trapped.names[code])
    expect(page.locator("#unit h2")).to_have_text(f"{trapped.names[grid]} · {grid}")
    assert (
        page.locator("#blank").inner_text().count("onerror")
        + page.locator("#blank").inner_text().count("alert")
        >= 2
    )
    for button in ("List the uncovered buildings", "List the blind areas"):
        page.get_by_role("button", name=button).click()
        expect(page.locator("#evidence .small").first).to_contain_text(":")
        harmless(watched, button)
    page.get_by_text("All duties and services").click()
    lens = page.locator("#unit details").get_by_role("button", name="six services")
    lens.click()
    expect(page.locator("#unit details .inner li").first).to_be_visible()
    page.locator("#unit details .inner button").first.click()
    harmless(watched, "targets and links")
    page.evaluate(f"gridmap.map.setView({T5}, 18, {{ animate: false }})")
    asked = "{ layer: 'building', code: 'T5', lens: 'party_group' }"
    page.evaluate(f"gridmap.tell({asked}, L.latLng({T5}))")
    expect(page.locator(".leaflet-popup-content h3")).to_have_text(IMAGE)
    expect(page.locator(".leaflet-popup")).to_have_attribute("aria-label", IMAGE)
    harmless(watched, "a popup")
    if size == DESK:
        page.evaluate("gridmap.map.closePopup()")
        page.evaluate(f"gridmap.map.setView({T5}, 14, {{ animate: false }})")
        box = page.locator(".leaflet-container").bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.move(box["x"] + box["width"] / 2 + 5, box["y"] + box["height"] / 2 + 5)
        expect(page.locator(".leaflet-tooltip strong")).to_be_visible()
        assert page.locator(".leaflet-tooltip strong").inner_text() in HOSTILE
        harmless(watched, "a tooltip")
    for text in ("<img", "长长"):
        page.locator("#find").fill(text)
        expect(page.locator("#found [role=option]").first).to_contain_text(text)
        harmless(watched, "what was found")
    page.locator("#find").fill(HOSTILE[2])
    harmless(watched, "what is searched for")


def test_on_the_spot(visit, trapped):
    watched = visit(PHONE)
    page = watched.page
    page.goto(f"{trapped.site}/locate?lang=en#{T5[0]},{T5[1]}")
    page.wait_for_selector("html[data-ready=yes]")
    page.locator("#q").fill("<img")
    expect(page.locator("#found [role=option]").first).to_contain_text(IMAGE)
    harmless(watched, "what was found")
    page.locator("#found [role=option]").filter(has_text="T5").or_(
        page.locator("#found [role=option]").last
    ).first.click()
    expect(page.locator("#grid h3")).not_to_be_empty()
    assert page.locator("#grid h3").inner_text() in HOSTILE
    page.locator("#note").fill(HOSTILE[3])
    page.locator("#report button[type=submit]").click()
    expect(page.locator("#report-told")).not_to_have_text("")
    harmless(watched, "the whole page")


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_on_pages_without_a_map(visit, trapped, size):
    watched = visit(size)
    page = watched.page
    for language in ("zh", "en"):
        page.goto(f"{trapped.site}/overview?lang={language}")
        expect(page.locator("h1")).to_contain_text(IMAGE)
        titles = page.locator("svg.map title").all_text_contents()
        assert any("alert" in text or "长" in text for text in titles), titles
        assert any(text in page.locator("main").inner_text() for text in HOSTILE)
        harmless(watched, "overview")
    page.goto(f"{trapped.site}/queues?lang=en")
    notes = page.locator("#corrections .note").all_inner_texts()
    assert sorted(notes[:3]) == sorted((HOSTILE[0], HOSTILE[2], HOSTILE[5]))
    expect(page.locator("#corrections td b").first).to_contain_text("<svg onload")
    expect(page.locator("#imports")).to_contain_text(HOSTILE[2])
    expect(page.locator("#imports")).to_contain_text(IMAGE)
    harmless(watched, "queues")
    page.goto(f"{trapped.site}/queues?lang=%22%3E{IMAGE}")
    harmless(watched, "a language that is none")
    page.goto(f"{trapped.site}/account?lang=en")
    harmless(watched, "account")
    page.context.clear_cookies()
    page.goto(f"{trapped.site}/sign-in?lang=en&next=%2F%22%3E{IMAGE}")
    page.locator("input:not([type=hidden])").first.fill(HOSTILE[3])
    page.locator("input[type=password]").fill("x")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    harmless(watched, "sign in")
    refused = "Failed to load resource"
    watched.console[:] = [line for line in watched.console if refused not in line]


def test_in_files(watch, trapped, tmp_path):
    both = tmp_path / "map.html", tmp_path / "difference.html"
    engine = store.connect(trapped.url)
    jobs.write_map(
        engine, both[0], unit="990101001", buildings=True, cameras=True, actor=HOSTILE[3],
        language="en", as_of=TOY_DAY, progress=lambda *_: None,
    )  # fmt: skip
    jobs.diff(engine, TOY_DAY - dt.timedelta(days=200), TOY_DAY, drawing=both[1], language="en")
    engine.dispose()
    watched = watch(*PHONE, offline=True)
    page = watched.page
    page.goto(both[0].as_uri())
    page.wait_for_selector("html[data-ready=yes]")
    expect(page.locator("h1")).to_contain_text(IMAGE)
    assert IMAGE in page.title()
    page.evaluate("gridmap.go('990101001002001')")
    page.get_by_role("button", name="List the uncovered buildings").click()
    expect(page.locator("#evidence button").first).to_be_visible()
    for text in ("<img", "长长"):
        page.locator("#find").fill(text)
        expect(page.locator("#found [role=option]").first).to_contain_text(text)
    expect(page.locator("#made")).to_contain_text(HOSTILE[3])
    harmless(watched, "the map in one file")
    page.goto(both[1].as_uri())
    expect(page.locator("h1")).to_contain_text(IMAGE)
    assert IMAGE in page.title()
    name = page.evaluate("document.querySelector('.folium-map').id")
    shown = page.evaluate(
        f"(() => {{ const all = []; {name}.eachLayer((one) => {{"
        " if (!one.feature || !one.getPopup()) return;"
        " one.openPopup(); all.push(one.getPopup().getElement().innerText); }); return all; })()"
    )
    for text in HOSTILE:
        assert any(text in one for one in shown), text
    harmless(watched, "what differs")
