"""The map as one works with it at a desk: the table, what is filtered, measuring, paper, keys."""

import csv
import datetime as dt
import itertools
import re

import pytest
from playwright.sync_api import expect
from pyproj import Geod
from test_map import centre, go_to
from toy_town import TOY_DAY, served

from gridmap import jobs, store

pytestmark = [pytest.mark.browser, pytest.mark.db]

GRIDS = "990101001"
EVIL = "=<img src=x onerror=alert(1)>${alert(2)}`'\"</script><script>alert(3)</script>"


def names(page):
    return page.locator("#table tbody th").all_inner_texts()


def column(page, key):
    """Return the texts of a column, whatever its place."""
    keys = page.locator("#table thead [data-key]").evaluate_all(
        "all => all.map((one) => one.dataset.key)"
    )
    cells = page.locator("#table tbody tr").evaluate_all(
        "rows => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    return [row[keys.index(key)] for row in cells]


def saved(page, tmp_path):
    with page.expect_download() as download:
        page.locator("#csv").click()
    target = tmp_path / download.value.suggested_filename
    download.value.save_as(target)
    raw = target.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(raw.decode("utf-8-sig").splitlines()))


def test_the_table_has_what_the_map_has(watch, toy_site, tmp_path):
    """Filter, order and selection are of both, and the address brings them back."""
    watched = watch()
    page = watched.open(toy_site + "/?lang=zh#level=grid")
    of_map = page.locator("#legend .count").all_inner_texts()
    page.get_by_role("button", name="列表", exact=True).click()
    expect(page.locator("#table-count")).to_have_text("显示 4，共 4 · 网格")
    assert sum(map(int, of_map)) == 4 == len(names(page))
    shares = [float(text.rstrip("%")) for text in column(page, "share") if text != "–"]
    assert shares == sorted(shares)
    covered, total = (sum(map(int, column(page, key))) for key in ("covered", "total"))
    assert (covered, total) == (3, 7)

    page.locator("#table [data-key=code]").click()
    page.locator("#table [data-key=code]").click()
    expect(page.locator("#table th[aria-sort=descending]")).to_contain_text("编码")
    codes = column(page, "code")
    assert codes == sorted(codes, reverse=True)
    assert saved(page, tmp_path)[0][:2] == ["名称", "占比"]
    assert [row[5] for row in saved(page, tmp_path)[1:]] == codes

    page.locator("#table tbody button").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert watched.state()["selected"] == codes[1]
    expect(page.locator("#table tr[aria-current]")).to_contain_text(codes[1])
    expect(page.locator("#unit")).to_contain_text(codes[1])

    page.get_by_role("button", name="地图", exact=True).click()
    swatch = page.locator("#legend .class").filter(has_text="0–20%")
    swatch.click()
    expect(page.locator("#legend .class[aria-pressed=false]")).to_be_focused()
    assert page.locator("#legend .count").all_inner_texts() == of_map, "counts stay"
    gone = int(of_map[0])
    assert gone
    page.get_by_role("button", name="列表", exact=True).click()
    expect(page.locator("#table-count")).to_contain_text(f"显示 {4 - gone}，共 4")
    address = page.url
    for part in ("view=table", "sort=code,down", "classes=1,2,3,4,none", "level=grid"):
        assert part in address
    again = watch()
    other = again.open(address)
    assert column(other, "code") == column(page, "code")
    other.get_by_role("button", name="地图", exact=True).click()
    other.get_by_role("button", name="全部显示").click()
    assert "classes=" not in other.url
    other.go_back()
    expect(other.locator("#legend .class[aria-pressed=false]")).to_have_count(1)
    other.go_back()
    expect(other.locator("#table")).to_be_visible()


def test_buildings_are_switched_without_asking_again(watch, toy_site):
    watched = watch()
    page = watched.open(toy_site + "/?lang=en#unit=990101001001001")
    asked = []
    page.get_by_role("button", name="Table", exact=True).click()
    page.locator("#table [data-tab=building]").click()
    expect(page.locator("#table-count")).to_contain_text("Shown:")
    watched.wait_for("!gridmap.state().loading && gridmap.table.all > 0")
    before = dict(zip(column(page, "code"), column(page, "status"), strict=True))
    assert {"Own Party group", "Joint Party group", "No Party group"} & set(before.values())
    page.get_by_role("button", name="Map", exact=True).click()
    page.on("request", lambda request: asked.append(request.url))
    status = next(iter(before.values()))
    page.locator("#legend .class").filter(has_text=re.compile(f"^{status}$")).click()
    page.wait_for_timeout(200)
    assert asked == []
    assert "statuses=" in page.url
    page.get_by_role("button", name="Table", exact=True).click()
    kept = {code: text for code, text in before.items() if text != status}
    expect(page.locator("#table-count")).to_contain_text(f"Shown: {len(kept)} of {len(before)}")
    assert dict(zip(column(page, "code"), column(page, "status"), strict=True)) == kept


def drawn_colours(page, x, y):
    """Return what stands under a place of the window, of the tiles' canvases."""
    return page.evaluate(
        """([x, y]) => [...document.querySelectorAll(".leaflet-details-pane canvas")].map((one) => {
          const box = one.getBoundingClientRect();
          if (x < box.left || x >= box.right || y < box.top || y >= box.bottom) return null;
          const scale = one.width / box.width;
          const at = [(x - box.left) * scale, (y - box.top) * scale];
          const pixel = new OffscreenCanvas(1, 1).getContext("2d");
          pixel.drawImage(one, ...at, 1, 1, 0, 0, 1, 1);
          return [...pixel.getImageData(0, 0, 1, 1).data];
        }).filter(Boolean)""",
        [x, y],
    )


def test_a_status_that_is_off_leaves_an_outline_on_the_tiles(watch, toy_site):
    watched = watch()
    page = watched.open(toy_site + "/?lang=en")
    go_to(page, watched, 250, 60)
    page.wait_for_timeout(400)
    x, y = centre(page)
    assert any(colour[3] > 200 for colour in drawn_colours(page, x, y)), "a filled building"
    page.locator("#legend .class").filter(has_text="No Party group").click()
    assert not any(colour[3] > 0 for colour in drawn_colours(page, x, y)), "an empty one"
    page.get_by_role("button", name="Show all").click()
    assert any(colour[3] > 200 for colour in drawn_colours(page, x, y))
    page.locator("#legend .class").filter(has_text="No Party group").click()
    page.mouse.click(x, y)
    expect(page.locator(".leaflet-popup-content")).to_contain_text("5号楼")


def test_certain_views_are_shown_for_the_certain_question(watch, toy_site):
    watched = watch()
    page = watched.open(toy_site + "/?lang=en#lens=camera.open_ground_certain")
    go_to(page, watched, 360, 100, wait="camera")
    assert watched.state()["loaded"]["view"] == 0
    expect(page.locator("#legend")).to_contain_text("Certain camera views")
    expect(page.locator("#legend")).not_to_contain_text("Possible")
    page.get_by_label("Open ground seen by two cameras or more").check()
    watched.wait_for("!gridmap.state().loading && gridmap.state().loaded.view > 0")
    expect(page.locator("#legend")).to_contain_text("Possible camera views")
    expect(page.locator("#legend")).to_contain_text("it is darker")
    page.locator(".leaflet-control-layers-overlays label", has_text="Ground seen").click()
    watched.wait_for("!gridmap.state().loading && gridmap.state().loaded.seen > 0")
    expect(page.locator("#legend")).to_contain_text("Ground seen")


def test_measures_are_those_of_the_ellipsoid(watch, toy_site):
    watched = watch()
    page = watched.open(toy_site)
    geod = Geod(ellps="GRS80")
    for lon, lat, size in ((106.55, 29.5, 0.001), (106.55, 29.5, 0.1), (116.0, 48.0, 0.05)):
        ring = [(lon, lat), (lon + size, lat), (lon + 1.2 * size, lat + size), (lon, lat + size)]
        places = [{"lng": x, "lat": y} for x, y in ring]
        area = page.evaluate("places => gridmap.measured.area_m2(places)", places)
        truth = abs(geod.polygon_area_perimeter(*zip(*ring, strict=True))[0])
        assert area == pytest.approx(truth, rel=5e-4)
        for a, b in itertools.pairwise(places):
            m = page.evaluate("([a, b]) => gridmap.measured.distance_m(a, b)", [a, b])
            assert m == pytest.approx(geod.inv(a["lng"], a["lat"], b["lng"], b["lat"])[2], rel=1e-4)


@pytest.mark.parametrize("by", ["mouse", "touch"])
def test_measuring_selects_nothing(watch, toy_site, by):
    watched = watch(*((1440, 900) if by == "mouse" else (360, 740)), has_touch=by == "touch")
    page = watched.open(toy_site + "/?lang=en")
    if by == "touch":
        page.get_by_role("button", name="Menu").tap()
    page.get_by_role("button", name="Measure").click()
    expect(page.locator(".folium-map")).to_be_focused()
    box = page.locator(".folium-map").bounding_box()
    press = page.mouse.click if by == "mouse" else page.touchscreen.tap
    left, top = box["x"] + box["width"] / 2, 240 if by == "touch" else 420
    corners = [(left, top), (left + 100, top), (left + 100, top + 60)]
    for x, y in corners:
        press(x, y)
        page.wait_for_timeout(450)  # two at once would end it
    told = page.locator("#measured")
    expect(told).to_contain_text("Distance")
    page.keyboard.press("Backspace")
    assert page.evaluate("gridmap.measured.now.points.length") == 2
    for x, y in (*corners[2:], corners[0]):
        press(x, y)
        page.wait_for_timeout(450)
    expect(told).to_contain_text("Area")
    points = page.evaluate("gridmap.measured.now.points.map((p) => [p.lng, p.lat])")
    truth = abs(Geod(ellps="GRS80").polygon_area_perimeter(*zip(*points, strict=True))[0])
    number, unit = re.match(r"Area ([\d,.]+) (k?m²)", told.inner_text()).groups()
    area_m2 = float(number.replace(",", "")) * (1e6 if unit == "km²" else 1)
    assert area_m2 == pytest.approx(truth, rel=0.005, abs=0.6)
    assert watched.state()["selected"] is None
    page.keyboard.press("Escape")
    expect(page.locator("#measuring")).to_be_hidden()
    press(*corners[1])
    watched.wait_for("gridmap.state().selected !== null")


@pytest.mark.parametrize(("paper", "points"), [("A4", (842, 595)), ("A3", (1191, 842))])
def test_a_sheet_has_all_that_its_reader_must_know(watch, toy_site, paper, points):
    watched = watch()
    page = watched.open(toy_site + "/?lang=zh")
    go_to(page, watched, 250, 60)
    page.evaluate("window.print = () => { document.title = 'printed'; }")
    page.get_by_role("button", name="打印").click()
    page.get_by_label(paper).check()
    page.locator("#print-choice").get_by_role("button", name="打印").click()
    watched.wait_for("document.title === 'printed'")
    expect(page.locator("#print-head")).to_contain_text("玩具区 · 党小组覆盖楼栋")
    expect(page.locator("#print-foot")).to_contain_text("打印人：")
    for shown in ("#legend", "#north", ".leaflet-control-scale", ".leaflet-details-pane canvas"):
        expect(page.locator(shown).first).to_be_visible()
    page.emulate_media(media="print")
    for hidden in ("#panel", "#bar", ".leaflet-control-zoom", "#print-end"):
        expect(page.locator(hidden)).to_be_hidden()
    sheet = page.pdf(prefer_css_page_size=True, print_background=True)
    sizes = re.findall(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", sheet)
    assert [[round(float(one)) for one in size] for size in sizes] == [list(points)], "one sheet"
    expect(page.locator("#panel")).to_be_visible()  # it is over: the screen is as it was
    assert watched.state()["zoom"] == 18


def test_keys_are_listed_and_the_link_is_copied(watch, toy_site):
    watched = watch()
    page = watched.open(toy_site + "/?lang=en")
    page.locator("#blank button").first.click()
    page.locator("#stage").focus()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    selected = watched.state()["selected"]
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    assert watched.state()["selected"] == selected, "the list is left, not the unit"
    page.evaluate(
        """document.addEventListener("copy", () => {
          window.taken = String(document.getSelection());
        })"""
    )
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator("#status")).to_contain_text("copied")
    assert page.evaluate("taken") == page.url


def test_a_phone_reaches_the_other_pages(watch, toy_site):
    watched = watch(360, 740, has_touch=True, is_mobile=True)
    page = watched.open(toy_site + "/?lang=en")
    expect(page.get_by_role("link", name="Overview")).to_be_hidden()
    page.get_by_role("button", name="Menu").tap()
    sizes = page.locator("#bar a, #bar button").evaluate_all(
        "all => all.filter((one) => one.offsetParent).map((one) => one.offsetHeight)"
    )
    assert min(sizes) >= 48
    page.get_by_role("link", name="Overview").tap()
    page.wait_for_url("**/overview")


def test_stored_text_stays_text_in_table_file_and_paper(watch, town, tmp_path):
    with store.transaction(town) as conn:
        store.write_batch(
            conn, layer="x", source="x", sha256="", effective=dt.date(2026, 1, 1), rows=0
        )
        for table in ("division", "building"):
            conn.exec_driver_sql(f"UPDATE {table} SET name = %s", (EVIL,))
    with served(town.url.render_as_string(hide_password=False)) as site:
        watched = watch()
        page = watched.open(site + "/?lang=en#view=table&level=grid&unit=990101001001001")
        assert set(names(page)) == {EVIL}
        assert {row[0] for row in saved(page, tmp_path)[1:]} == {f"'{EVIL}"}
        page.locator("#table [data-tab=building]").click()
        expect(page.locator("#table tbody th").first).to_have_text(EVIL)
        page.get_by_role("button", name="Map", exact=True).click()
        page.evaluate("gridmap.lay('A4')")
        expect(page.locator("#print-head")).to_contain_text(EVIL)
        assert page.locator("img[src=x]").count() == 0
        page.goto("about:blank")  # it asks for tiles no more, before the server is gone


def test_a_file_has_the_table_too(watch, toy, tmp_path):
    target = tmp_path / "map.html"
    jobs.write_map(
        toy,
        target,
        language="en",
        as_of=TOY_DAY,
        buildings=True,
        progress=lambda _step, _share: None,
    )
    watched = watch(offline=True)
    page = watched.open(target.as_uri() + "#view=buildings&unit=990101001001001&statuses=uncovered")
    expect(page.locator("#table-count")).to_contain_text(re.compile(r"Shown: \d of \d"))
    assert set(column(page, "status")) <= {"No Party group"}
    assert saved(page, tmp_path)[0][0] == "Name"
    expect(page.locator("#copy")).to_have_count(0)
