"""Signing in as people meet it, in Chromium, on a phone and on a desk."""

import os
from pathlib import Path

import pytest
from accounts_fixtures import now
from playwright.sync_api import expect
from toy_town import COOKIES, served

from gridmap import jobs, store
from gridmap.model import WHOLE, Role

pytestmark = [pytest.mark.browser, pytest.mark.db]

FIRST, OWN = "plum tree by the gate", "eleven grey herons"
SIZES = {"phone": (360, 740), "desk": (1280, 800)}
WORDS = {
    "zh": ("登录", "账号", "密码", "修改密码", "退出登录", "新密码过短。"),
    "en": (
        "Sign in",
        "Account",
        "Password",
        "Change the password",
        "Sign out",
        "The new password is too short.",
    ),
}


@pytest.fixture(scope="module")
def door(new_database, toy_template):
    url = new_database(toy_template)
    with served(url) as site:
        COOKIES.pop(site)  # nobody is signed in here
        yield site, store.connect(url)


def shot(page, name):
    """Keep a picture where somebody asked for it."""
    folder = os.environ.get("GRIDMAP_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


def fits(page):
    """Nothing sticks out at the side, and what is to be touched is large enough."""
    page.wait_for_load_state("load")  # with its styles
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for target in page.locator("button, input:not([type=hidden]), .main, .other").all():
        assert target.bounding_box()["height"] >= 48


@pytest.mark.parametrize(("size", "language"), [("phone", "zh"), ("desk", "en")])
def test_in_with_a_first_password_and_out(watch, door, size, language):
    site, engine = door
    name = f"{size}-{language}"
    jobs.add_account(
        engine, name, role=Role.OFFICER, ranges=WHOLE, now=now(), actor="t", password=FIRST
    )
    sign_in, account, password, change, out, short = WORDS[language]
    watched = watch(*SIZES[size])
    page = watched.page
    page.goto(f"{site}/?lang={language}")
    assert "/sign-in?" in page.url
    expect(page.locator("h1")).to_have_text(sign_in)
    fits(page)
    shot(page, f"sign-in-{name}")
    page.get_by_label(account, exact=True).fill(name)
    page.get_by_label(password, exact=True).fill("wrong password 17")
    page.get_by_role("button", name=sign_in).click()
    expect(page.get_by_role("alert")).to_be_visible()
    fits(page)
    shot(page, f"refused-{name}")
    expect(page.get_by_label(account, exact=True)).to_have_value(name)
    page.get_by_label(password, exact=True).fill(FIRST)
    page.keyboard.press("Enter")
    page.wait_for_url("**/password**")
    expect(page.locator("h1")).to_have_text(change)
    for new in ("short", OWN):
        page.locator("#current").fill(FIRST)
        page.locator("#new").fill(new)
        page.locator("#again").fill(new)
        fits(page)
        page.get_by_role("button", name=change).click()
        if new == "short":
            expect(page.get_by_role("alert")).to_have_text(short)
            shot(page, f"password-{name}")
    page.wait_for_selector("html[data-ready=yes]", timeout=60_000)
    assert page.url.startswith(f"{site}/?lang={language}"), "on to where they were going"
    shot(page, f"map-{name}")
    page.goto(f"{site}/account?lang={language}")
    fits(page)
    shot(page, f"account-{name}")
    page.get_by_role("button", name=out).click()
    page.wait_for_url("**/sign-in")
    page.go_back()
    page.goto(site)
    assert page.url.startswith(f"{site}/sign-in")
    forgive(watched)


def test_a_link_signs_in_once(watch, door):
    site, engine = door
    link = jobs.demo_links(engine, now=now(), actor="t")["demo-grid-leader"]
    watched = watch(*SIZES["phone"])
    page = watched.page
    page.goto(f"{site}/sign-in/link/{link}")
    fits(page)
    shot(page, "link")
    page.get_by_role("button", name="登录").click()
    page.wait_for_selector("html[data-ready=yes]", timeout=60_000)
    page.get_by_role("link", name="账号").click()
    expect(page.locator("dl")).to_contain_text("网格长")
    expect(page.locator("dl")).to_contain_text("990101001001001")
    page.goto(f"{site}/sign-in/link/{link}")
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("alert")).to_contain_text("已使用")
    shot(page, "link-used")
    forgive(watched)


def test_a_page_of_another_site_cannot_sign_out(watch, door):
    """A form elsewhere, under another name of this machine: the browser sends it, we refuse."""
    site, engine = door
    link = jobs.demo_links(engine, now=now(), actor="t")["demo-planner"]
    watched = watch()
    page = watched.page
    page.goto(f"{site}/sign-in/link/{link}")
    page.get_by_role("button", name="登录").click()
    page.wait_for_selector("html[data-ready=yes]", timeout=60_000)
    elsewhere = site.replace("127.0.0.1", "localhost")
    form = f'<form method="post" action="{site}/sign-out"><button>x</button></form>'
    page.route(
        f"{elsewhere}/trap", lambda route: route.fulfill(body=form, content_type="text/html")
    )
    page.goto(f"{elsewhere}/trap")
    page.get_by_role("button").click()
    expect(page.locator("body")).to_contain_text("cross_site")
    page.goto(f"{site}/account")
    expect(page.locator("dl")).to_contain_text("demo-planner")
    forgive(watched)


def forgive(watched):
    """Chromium tells of every answer that refuses or clears; those these tests are about.

    It tells too where a test types before the page has put the cursor into the first field.
    """
    meant = ("Failed to load resource", "Cleared data types", "Autofocus processing was blocked")
    watched.console[:] = [line for line in watched.console if not any(m in line for m in meant)]
    assert watched.console == []
