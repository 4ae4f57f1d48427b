"""A real Chromium; every request that would leave the machine is stopped and counted."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Page, sync_playwright
from toy_town import COOKIES

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")

HASTE = "Autofocus processing was blocked because a document already has a focused element"
"""What Chromium says where a test typed before the page was drawn; no fault of the page."""


@dataclass
class Watched:
    """A page, with what it said and asked for."""

    page: Page
    console: list[str] = field(default_factory=list)
    external: list[str] = field(default_factory=list)

    def open(self, url: str) -> Page:
        for site, cookie in COOKIES.items():
            if url.startswith(site):
                self.page.context.add_cookies([{**cookie, "url": site}])
        self.page.goto(url)
        self.page.wait_for_selector("html[data-ready=yes]", timeout=60_000)
        return self.page

    def state(self):
        return self.page.evaluate("gridmap.state()")

    def wait_for(self, script: str, seconds: float = 20) -> None:
        """Wait until a script is true; Playwright's own wait needs eval, which the page forbids."""
        deadline = time.monotonic() + seconds
        while not self.page.evaluate(script):
            assert time.monotonic() < deadline, f"{script}: {self.state()}"
            self.page.wait_for_timeout(50)


@pytest.fixture(scope="session")
def chromium():
    path = shutil.which("chromium")
    assert path, "the browser tests need Debian's chromium; `make test` installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def watch(chromium):
    """Return a function that opens a watched page; at the end nothing may have gone wrong."""
    contexts, pages = [], []

    def watch(width=1440, height=900, **options) -> Watched:
        context = chromium.new_context(
            viewport={"width": width, "height": height}, reduced_motion="reduce", **options
        )
        contexts.append(context)
        watched = Watched(context.new_page())
        page, note = watched.page, watched.console.append

        def route(route):
            local = ("http://127.0.0.1", "http://localhost", "data:", "file:", "blob:")
            if route.request.url.startswith(local):
                route.continue_()
            else:
                watched.external.append(route.request.url)
                route.abort()

        page.route("**/*", route)
        page.on("console", lambda m: None if HASTE in m.text else note(f"{m.type}: {m.text}"))
        page.on("pageerror", lambda e: watched.console.append(f"error: {e}"))
        page.on("dialog", lambda d: (watched.console.append(f"dialog: {d.message}"), d.dismiss()))
        pages.append(watched)
        return watched

    yield watch
    for context in contexts:
        context.close()
    for watched in pages:
        assert watched.external == []
        assert watched.console == [], watched.console
