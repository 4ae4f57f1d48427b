"""The page of the interface in a real browser: it runs under its policy and asks nobody else."""

import pytest

pytestmark = [pytest.mark.db, pytest.mark.browser]


def test_the_page_of_the_interface_shows_every_collection(toy_site, watch):
    watched = watch()
    page = watched.page
    page.goto(f"{toy_site}/api/docs")
    page.wait_for_selector(".opblock", timeout=60_000)
    paths = page.locator(".opblock-summary-path").all_inner_texts()
    shown = {path.replace("\u200b", "") for path in paths}
    assert {"/buildings", "/duties", "/locate"} <= shown
