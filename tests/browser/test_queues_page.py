"""The queues as a planner meets them, in Chromium."""

import datetime as dt
import os
from pathlib import Path

import pytest
from accounts_fixtures import cookie_of
from playwright.sync_api import expect
from toy_town import COOKIES, served

from gridmap import jobs, store
from gridmap.jobs.corrections import Suggestion
from gridmap.model import Role

pytestmark = [pytest.mark.browser, pytest.mark.db]

SIZES = {"phone": (360, 740), "desk": (1440, 900)}
WORDS = {
    "zh": ("待办", "理由", "驳回", "纠错已驳回", "采纳", "纠错已采纳", "层数 floors"),
    "en": ("Queues", "Why", "Decline", "was declined", "Accept", "was accepted", "floors"),
}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("size", SIZES)
def test_a_planner_decides_by_the_keyboard(watch, lent_database, toy_template, size, language):
    title, why, decline, declined, accept, accepted, floors = WORDS[language]
    url = lent_database(toy_template)
    engine = store.connect(url)
    for code in ("T1", "T2"):
        told = Suggestion("building", code, "leader", {"floors": 6}, None, "现场数了，是六层")
        jobs.suggest(engine, engine, told, as_of=dt.date.today())
    with served(url) as site:
        COOKIES[site] = cookie_of(url, "planner", Role.PLANNER)
        watched = watch(*SIZES[size])
        page = watched.page
        page.context.add_cookies([{**COOKIES[site], "url": site}])
        page.goto(f"{site}/queues?lang={language}")
        expect(page.locator("h1")).to_have_text(title)
        expect(page.locator("#corrections .count")).to_have_text("2")
        expect(page.locator("#corrections td").first).to_contain_text(floors)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        for target in page.locator("form button, form input:not([type=hidden]), .jump a").all():
            assert target.bounding_box()["height"] >= 48
        folder = os.environ.get("GRIDMAP_PICTURES")
        if folder:
            page.screenshot(path=Path(folder) / f"queues-{size}-{language}.png", full_page=True)
        form = page.locator("#corrections form").first
        form.get_by_role("button", name=accept).click()
        assert page.url.endswith(f"/queues?lang={language}"), "a reason is asked for first"
        form.get_by_label(why).fill("数过了")
        form.get_by_role("button", name=accept).press("Enter")
        expect(page.get_by_role("status")).to_contain_text(accepted)
        expect(page.locator("#corrections .count")).to_have_text("1")
        form = page.locator("#corrections form").first
        form.get_by_label(why).fill("五层没错")
        form.get_by_role("button", name=decline).press("Enter")
        expect(page.get_by_role("status")).to_contain_text(declined)
        expect(page.locator("#corrections form")).to_have_count(0)
    engine.dispose()
