"""A map that is one file, opened from disk with the network off."""

import json
import re

import pytest
from playwright.sync_api import expect
from toy_town import DEMO_DAY, TOY_DAY

from gridmap import jobs, store
from gridmap.errors import CodeError, LensNotFound, UnitNotFound
from gridmap.model import Level

pytestmark = [pytest.mark.browser, pytest.mark.db]

QUIET = {"language": "zh", "as_of": TOY_DAY, "progress": lambda _step, _share: None}
EVIL = "<img src=x onerror=alert(1)>${alert(2)}`'\"</script><script>alert(3)</script>"
STREET, EAST = "990101001", "990101001002"
DRAWN = (
    "Object.fromEntries(gridmap.details.find((d) => d.name === 'building').getLayers()"
    ".flatMap((g) => g.getLayers()).map((l) => [l.feature.properties.code,"
    " Object.entries(gridmap.BUILDINGS).find(([, s]) => s.fillColor === l.options.fillColor)[0]]))"
)
"""By building, the name of the style in which it is drawn: a status has its own."""


def opened(watch, target, asked, **options):
    """Open a file with the network off, and note what it asks for."""
    watched = watch(offline=True, **options)
    watched.page.on("request", lambda request: asked.append(request.url))
    return watched, watched.open(target.as_uri())


def test_a_street_in_a_file_answers_every_question_by_itself(watch, serviced, tmp_path):
    with store.transaction(serviced) as conn:
        store.write_batch(conn, layer="x", source="x", sha256="", effective=TOY_DAY, rows=0)
        conn.exec_driver_sql("UPDATE building SET name = %s WHERE code = 'T5'", (EVIL,))
        lenses = ("party_group", "six_services", "community_police")
        statuses = {lens: store.read_lens_statuses(conn, lens)["status"] for lens in lenses}
    target, asked = tmp_path / "地图.html", []
    jobs.write_map(
        serviced, target, unit=STREET, lens="six_services", cameras=True, actor=EVIL, **QUIET
    )
    watched, page = opened(watch, target, asked)
    expect(page.locator("h1")).to_have_text("玩具区 › 积木街道")
    expect(page.locator("#legend")).to_contain_text("六进楼栋")
    expect(page.locator("#made")).to_contain_text(TOY_DAY.isoformat())
    expect(page.locator("#made")).to_contain_text("onerror")
    page.locator("#find").fill("T5")
    expect(page.locator("#found-told")).to_contain_text("找到 1")
    page.keyboard.press("Enter")
    popup = page.locator(".leaflet-popup-content")
    expect(popup).to_contain_text("onerror")
    expect(popup).to_contain_text("党小组人数不足")
    expect(popup).to_contain_text("六进楼栋齐备状态未覆盖")
    expect(popup).to_contain_text("志愿者和社工")
    assert page.locator("img[src=x]").count() == 0
    page.evaluate("gridmap.map.setZoom(17, { animate: false })")
    seen = set()
    for lens in ("six_services", "party_group", "community_police"):
        page.evaluate(f"gridmap.choose('{lens}.buildings')")
        drawn = page.evaluate(DRAWN)
        assert drawn == {code: statuses[lens][code] for code in drawn}
        assert len(drawn) == 7, "one of the eight is in no grid"
        seen.add(json.dumps(drawn))
    assert len(seen) > 1, "the questions differ"
    page.evaluate("gridmap.choose('camera.open_ground')")
    assert set(page.evaluate(DRAWN).values()) == {"plain"}
    assert watched.state()["loaded"]["view"] == 2
    page.evaluate("gridmap.go('990101001001')")
    page.get_by_role("button", name="列出未覆盖楼栋").click()
    expect(page.locator("#evidence")).to_contain_text("未覆盖楼栋: ")
    page.locator("#find").fill("没有这样的名字")
    expect(page.locator("#found-told")).to_contain_text("没有这样的名字")
    assert asked == [target.as_uri()]


def test_a_file_holds_its_unit_and_outlines_of_those_around_it(serviced, tmp_path):
    target = tmp_path / "m.html"
    jobs.write_map(serviced, target, unit=EAST, actor="leader", **QUIET)
    text = target.read_text("utf-8")
    config = json.loads(re.search(r"gridmap\.configure\((.+)\);</script>", text)[1])
    with store.transaction(serviced) as conn:
        codes = store.read_buildings(conn, as_of=TOY_DAY, within=EAST).index.tolist()
        event = jobs.audit_events(serviced, limit=1)[0]["details"]
    assert config["packed"]["building"]["columns"]["code"] == codes
    assert 0 < len(codes) < 8
    assert set(config["packed"]) == {"road", "building"}, "cameras only if asked for"
    assert config["above"]["columns"]["name"] == ["玩具区", "积木街道"]
    assert config["district"]["code"] == EAST
    assert "990101001001" not in text
    assert (event["unit"], event["lens"]) == (EAST, "party_group.buildings")
    assert (event["buildings"], event["cameras"]) == (True, False)
    assert "default-src 'none'; script-src 'unsafe-inline'" in text
    sides = {"unit": EAST, "buildings": False}
    assert jobs.write_map(serviced, target, **sides, **QUIET) < len(text.encode())
    for wrong, error in (
        ({"lens": "nothing"}, LensNotFound),
        ({"unit": "990101009"}, UnitNotFound),
        ({"unit": "99"}, CodeError),
    ):
        with pytest.raises(error):
            jobs.write_map(serviced, tmp_path / "x.html", **wrong, **QUIET)
    assert not (tmp_path / "x.html").exists()


@pytest.mark.slow
def test_files_of_the_demo_are_small_enough_to_be_carried(watch, demo_url, tmp_path):
    """The street with most buildings, all of them, with cameras; the district at grid level."""
    engine = store.connect(demo_url)
    quiet = QUIET | {"as_of": DEMO_DAY}
    with store.transaction(engine) as conn:
        grids = store.read_buildings(conn, as_of=DEMO_DAY)["grid_code"].dropna()
        streets = len(store.read_units(conn, Level.STREET, as_of=DEMO_DAY))
    counts = grids.str[:9].value_counts()
    target, asked = tmp_path / "street.html", []
    size = jobs.write_map(engine, target, unit=counts.index[0], cameras=True, **quiet)
    whole = jobs.write_map(engine, tmp_path / "district.html", **quiet)
    engine.dispose()
    assert size < 5e6
    assert whole < 3e6
    watched, page = opened(watch, target, asked)
    known = "gridmap.config.packed.building.columns.code.length"
    assert page.evaluate(known) == counts.iloc[0] > 5000
    page.evaluate("gridmap.go(gridmap.levels.grid.getLayers()[0].feature.properties.code)")
    watched.wait_for("gridmap.state().loaded.building > 10")
    _, page = opened(watch, tmp_path / "district.html", asked)
    assert page.evaluate("gridmap.levels.street.getLayers().length") == streets == 15
    assert page.evaluate("gridmap.config.lenses.length") > 20
    assert [url.rpartition("/")[2] for url in asked] == ["street.html", "district.html"]
