"""The map on another day, and two days compared, in Chromium on a toy town that changed."""

import pytest
from playwright.sync_api import expect
from test_map import centre, go_to

pytestmark = [pytest.mark.browser, pytest.mark.db]


def arrives(watched, page, query):
    """Wait for the page of some days."""
    page.wait_for_url(lambda url: query in url)
    page.wait_for_selector("html[data-ready=yes]")
    watched.wait_for("document.readyState === 'complete'")


def test_a_past_day_is_that_day_in_every_part_of_the_page(past_site, watch):
    watched = watch()
    page = watched.open(past_site + "/?lang=en#lens=party_group.buildings")
    expect(page.locator("#day-shown")).to_have_text("Today · 2026-08-01")
    expect(page.locator("#figures")).to_contain_text("2 / 6 buildings · 2026-08-01")
    expect(page.locator("#past")).to_have_count(0)
    expect(page.locator("#day-later")).to_be_disabled()
    page.locator("#blank button").first.click()
    hash_ = page.evaluate("location.hash")
    page.get_by_role("button", name="Earlier day").click()
    arrives(watched, page, "day=2026-06-30")
    # The question, the unit and the place came along, and so did the focus.
    assert page.evaluate("location.hash") == hash_
    expect(page.locator("#day-earlier")).to_be_focused()
    expect(page.locator("#past")).to_contain_text("You look at 2026-06-30, not at today.")
    expect(page.locator("#figures")).to_contain_text("3 / 7 buildings · 2026-06-30")
    expect(page.locator("#legend")).to_contain_text("As of 2026-06-30")
    expect(page.locator("#unit")).not_to_contain_text("blind areas")
    expect(page.locator("#unit")).not_to_contain_text("All duties")
    page.get_by_role("button", name="List what was not covered on this day").click()
    expect(page.locator("#evidence")).to_contain_text("not covered 2026-06-30: 2")
    expect(page.locator("#evidence")).to_contain_text("the group has too few members")
    # Building 2 was demolished since: here it stands, as it was covered then.
    go_to(page, watched, 70, 20)
    assert watched.state()["loaded"]["building"] > 0
    page.mouse.click(*centre(page))
    popup = page.locator(".leaflet-popup-content")
    expect(popup).to_contain_text("2号楼", timeout=20_000)
    expect(popup).to_contain_text("Joint Party group")
    expect(popup).to_contain_text("2026-06-30")
    # What cameras saw is not kept: nothing of today stands in for it.
    page.evaluate("gridmap.choose('camera.open_ground')")
    expect(page.locator("#legend")).to_contain_text("There is no data of this day")
    expect(page.locator("#legend")).not_to_contain_text("As of")
    expect(page.locator("#blank")).to_contain_text("There is no data of this day")
    page.get_by_role("link", name="Back to today").click()
    arrives(watched, page, f"{past_site}/#")
    assert "lens=camera.open_ground" in page.url
    expect(page.locator("#figures")).to_contain_text("2 / 6 buildings")


def test_two_days_are_compared_on_every_level_and_in_the_address(past_site, watch):
    watched = watch()
    page = watched.open(past_site + "/?lang=en#lens=party_group.buildings")
    page.locator("#day").focus()
    for _ in range(2):  # past two days in one go: only the last is loaded
        page.keyboard.press("ArrowLeft")
    arrives(watched, page, "day=2026-06-01")
    page.locator("#day").focus()
    page.keyboard.press("End")
    arrives(watched, page, f"{past_site}/?lang=en#")
    page.get_by_label("Compare with").select_option("2026-06-30")
    arrives(watched, page, "before=2026-06-30")
    legend = page.locator("#legend")
    expect(legend).to_contain_text("Change 2026-06-30 → 2026-08-01")
    expect(legend).to_contain_text("percentage points")
    figures = page.locator("#figures .figure").first
    expect(figures).to_contain_text("33.3%")  # 2 of 6
    expect(figures).to_contain_text("2026-06-30: 42.9% · −9.5 percentage points")  # 3 of 7
    page.get_by_label("Grids", exact=True).check()
    # Grid 1 lost both, grid 4 gained its only building; two are as they were.
    assert page.locator("#legend .count").all_inner_texts() == ["1", "0", "2", "0", "1", "0"]
    classes = page.evaluate(
        "[-100, -5, -4.99, -0.5, -0.49, 0, 0.49, 0.5, 4.99, 5, 100].map(gridmap.changeClass)"
    )
    assert classes == [0, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4]
    go_to(page, watched, 20, 20)
    expect(legend).to_contain_text("gained")
    expect(legend).to_contain_text("not covered on either day")
    page.mouse.click(*centre(page))
    popup = page.locator(".leaflet-popup-content")
    expect(popup).to_contain_text("1号楼", timeout=20_000)
    expect(popup).to_contain_text("lost")
    expect(popup).to_contain_text("2026-06-30 → 2026-08-01")
    # The link holds it all, in the other language too.
    page.get_by_role("link", name="中文").click()
    arrives(watched, page, "lang=zh")
    assert "before=2026-06-30" in page.url
    assert "map=18/" in page.url
    expect(legend).to_contain_text("个百分点")


def test_a_day_without_answers_is_told_and_fits_a_phone(past_site, watch):
    watched = watch(360, 740, has_touch=True, is_mobile=True)
    page = watched.open(past_site + "/?lang=zh&day=2026-06-15&before=2026-06-15")
    expect(page.locator("#past")).to_contain_text("2026-06-15 没有存档：显示的是 2026-06-01。")
    expect(page.locator("#past")).to_contain_text("与 2026-03-31 对比")
    page.get_by_role("button", name="数据").tap()
    expect(page.locator("#day")).to_be_visible()
    sizes = page.evaluate(
        "[...document.querySelectorAll('#days button, #days select, #day')]"
        ".map((b) => Math.min(b.offsetHeight, 48))"
    )
    assert sizes == [48] * 4
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("link", name="回到今天").tap()
    arrives(watched, page, f"{past_site}/?before=2026-03-31#")
    expect(page.locator("#past")).to_have_count(0)
