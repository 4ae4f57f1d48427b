"""The overview of the toy town, by hand, and for whom it is made."""

import datetime as dt
import re
from urllib.parse import parse_qs, urlsplit

import pytest
import shapely
from accounts_fixtures import signed_client
from toy_town import TOY_DAY, import_toy

from gridmap import jobs, store
from gridmap.jobs.spots import gravest_spots
from gridmap.model import Role, Scope

pytestmark = pytest.mark.db

EAST, WEST = "990101001001", "990101001002"
GRID = "990101001001001"
GROUP = "party_group.buildings"


def told(engine, measure=None, *, scope=None):
    """Return the overview as a page would ask for it."""
    scope = scope or Scope("x", Role.ADMIN, ("",))
    frozen = [
        (label, day, jobs.within(jobs.quarter_sums(engine, label), scope))
        for label, day in jobs.quarters(engine)
    ]
    return jobs.overview_of(engine, jobs.question_of(measure), as_of=TOY_DAY, frozen=frozen)


def figures(answer):
    return {
        one["question"].measure: one["share"] and (one["covered"], one["total"])
        for one in answer["figures"]
    }


def gave_t4_a_group(engine, folder, day=dt.date(2026, 5, 1)):
    """From May on group G1 serves T4, 40 households in grid 2 of 东风."""
    rows = folder / "duty.csv"
    rows.write_text("holder_code,service,target_code,mode\nG1,party_group,T4,joint\n", "utf-8")
    jobs.import_layer(engine, rows, "duty", effective=day, commit=True)
    jobs.refresh_org_coverage(engine, as_of=TOY_DAY)


def test_the_figures_are_those_of_the_toy_town(toy):
    found = figures(told(toy))
    assert found[GROUP] == (3, 7)
    assert found["party_group.households"] == (60, 280)
    assert found["party_branch.grids"] == (2, 4)
    assert found["camera.key_public_area"] == pytest.approx((2513, 4800), rel=1e-3)
    assert found["six_services.buildings"] is None, "nobody linked a service: not known, not 0 %"


def test_units_are_ranked_by_the_households_without(toy):
    answer = told(toy)
    assert answer["level"] == "community", "of one street there is nothing to rank"
    rows = [(r["code"], r["covered"], r["total"], r["people"]) for r in answer["ranked"]]
    assert rows == [(WEST, 0, 3, 180), (EAST, 3, 4, 40)]
    branch = told(toy, "party_branch.grids")["ranked"]
    # T5, T6, T7 lie in the two grids of 西湖, which have no branch.
    assert [(r["code"], r["covered"], r["total"], r["people"]) for r in branch] == [
        (WEST, 0, 2, 180),
        (EAST, 2, 2, 0),
    ]
    cameras = told(toy, "camera.key_public_area")["ranked"]
    assert [r["code"] for r in cameras] == [WEST, EAST]
    assert cameras[0]["people"] == pytest.approx(3200 - 1256.6, rel=1e-3)
    assert cameras[0]["people_unit"] == "m2"
    unknown = told(toy, "six_services.buildings")
    assert [r["share"] for r in unknown["ranked"]] == [None, None]
    assert unknown["spots"] is None


def test_blank_spots_and_blind_areas_are_in_the_order_of_households(toy):
    answer = told(toy)
    spots = [(r["household_count"], r["crumbs"]) for r in answer["spots"]["rows"]]
    west = ["积木街道", "西湖社区"]
    assert spots == [
        (80, []),  # T8 lies in no grid
        (70, [*west, "第2网格"]),
        (60, [*west, "第1网格"]),
        (50, [*west, "第1网格"]),
        (40, ["积木街道", "东风社区", "第2网格"]),
    ]
    assert answer["spots"]["uncovered"] == answer["spots"]["total"] == 5
    blind = answer["blind"]["rows"]
    assert len(blind) == answer["blind"]["total"] == 4
    counts = [row["household_count"] for row in blind]
    assert counts == sorted(counts, reverse=True)


def test_the_gravest_spots_are_those_of_the_full_list(serviced):
    """Found without outlines, and with them: the same spots, and a place that is in each."""
    for lens in ("party_group", "six_services", "party_branch"):
        full = jobs.blank_spots(serviced, lens, "990101", limit=3, as_of=TOY_DAY)
        with store.transaction(serviced) as conn:
            quick = gravest_spots(conn, lens, TOY_DAY, limit=3)
        assert (quick["uncovered"], quick["total"]) == (full["uncovered"], full["total"])
        assert len(quick["rows"]) == len(full["rows"]) > 0
        for one, other in zip(quick["rows"], full["rows"], strict=True):
            place = shapely.Point(one.pop("longitude"), one.pop("latitude"))
            assert shapely.geometry.shape(other["geometry"]).buffer(1e-9).covers(place)
            assert one == {name: other[name] for name in one}


def test_a_change_is_told_since_the_last_frozen_quarter(town, tmp_path):
    gave_t4_a_group(town, tmp_path)
    answer = told(town)
    assert figures(answer)[GROUP] == (4, 7)
    by = {one["question"].measure: one for one in answer["figures"]}
    assert by[GROUP]["change"] == pytest.approx(1 / 7)
    assert by[GROUP]["since"] == ("2026Q1", dt.date(2026, 3, 31))
    assert by["party_group.households"]["change"] == pytest.approx(40 / 280)
    assert by["party_branch.grids"]["change"] == 0
    assert by["camera.key_public_area"]["change"] is None, "what cameras see is not frozen"
    assert {r["code"]: r["change"] for r in answer["ranked"]} == {WEST: 0, EAST: 0.25}
    assert [(r["as_of"], r["covered"], r["total"]) for r in answer["trend"]] == [
        (dt.date(2026, 3, 31), 3, 7),
        (TOY_DAY, 4, 7),
    ]
    assert len(told(town, "camera.frontage")["trend"]) == 1


def test_a_quarter_after_the_day_of_the_figures_is_no_past(town):
    jobs.take_snapshot(town, label="2026Q2", as_of=TOY_DAY)
    assert [label for label, _ in jobs.quarters(town)] == ["2026Q1", "2026Q2"]
    assert told(town)["figures"][0]["since"] == ("2026Q1", dt.date(2026, 3, 31))


def test_what_is_frozen_today_adds_up_to_the_figures_of_today(serviced):
    """The same sums by two ways: from frozen statuses, and from what the computation stored."""
    jobs.take_snapshot(serviced, label="2026Q2", as_of=TOY_DAY)
    sums = jobs.quarter_sums(serviced, "2026Q2")
    found = figures(told(serviced))
    assert found["six_services.buildings"] == (1, 7)
    for measure, pair in found.items():
        lens, _, counted = measure.partition(".")
        mine = sums[sums["lens"] == lens]
        names = (
            ("households_covered", "households")
            if counted == "households"
            else ("covered", "targets")
        )
        if lens != "camera":
            assert tuple(mine[name].sum() for name in names) == pair, measure


@pytest.mark.parametrize(
    ("ranges", "heading", "group", "ranked"),
    [
        ((EAST,), ["东风社区"], (3, 4), [f"{EAST}002", f"{EAST}001"]),
        ((WEST, GRID), ["西湖社区", "第1网格"], (2, 5), [f"{WEST}001", f"{WEST}002", GRID]),
        ((GRID,), ["第1网格"], (2, 2), [GRID]),
    ],
)
def test_a_scope_has_the_figures_of_its_units(toy_url, ranges, heading, group, ranked):
    scope = Scope("x", Role.OFFICER, ranges)
    engine = store.connect(toy_url)
    with store.transaction(engine) as conn:
        key = store.read_scope_key(conn)
    logins = store.Logins(engine, {}, key)
    frozen = [
        ("2026Q1", dt.date(2026, 3, 31), jobs.within(jobs.quarter_sums(engine, "2026Q1"), scope))
    ]
    answer = jobs.overview_of(
        logins.seen_by(scope), jobs.question_of(None), as_of=TOY_DAY, frozen=frozen
    )
    assert answer["heading"] == heading
    assert figures(answer)[GROUP] == group
    assert [row["code"] for row in answer["ranked"]] == ranked
    assert answer["trend"][0]["total"] == group[1], "a quarter is narrowed to the scope too"
    assert answer["figures"][0]["change"] == 0
    assert all(scope.has(row["unit_code"]) for row in answer["blind"]["rows"])
    assert all(scope.has(row["unit_code"]) for row in answer["spots"]["rows"])
    engine.dispose()


# --- the page


@pytest.fixture(scope="module")
def page(toy_url):
    """Return a function that asks for the page as a role over some codes."""

    def asked(role=Role.LEADERSHIP, ranges=("",), query="lang=en"):
        name = f"{role}-{'-'.join(ranges) or 'all'}"
        with signed_client(toy_url, name=name, role=role, ranges=ranges) as client:
            return client.get(f"/overview?{query}")

    return asked


def test_the_page_tells_numerator_denominator_kind_and_day(page):
    text = page().text
    for words in ("42.9%", "3 / 7 buildings", "60 / 280 households", "2 / 4 grids", "2026-06-01"):
        assert words in text
    assert "＝ 0.0</b> points since 2026-03-31" in text
    assert text.count(">not known<") == 1, "six services"
    assert "counted: duties in the register" in text
    spots = re.search(r'<section id="spots".*?</section>', text, re.S)[0]
    assert spots.index("in no unit") < spots.index("积木街道 &gt; 西湖社区 &gt; 第2网格")
    assert "the official coverage rate" in text


def test_leadership_has_no_way_to_rows_or_outlines(page):
    text = page().text
    assert "/api/v1/coverage" not in text
    assert '<a href="#spots">' in text
    officer = page(Role.OFFICER, (EAST,)).text
    assert f"/api/v1/coverage/{EAST}/targets?lens=party_group" in officer


def test_every_number_leads_to_the_map_with_its_question(page):
    text = page(query="lang=en&lens=party_branch.grids").text
    links = [urlsplit(one) for one in re.findall(r'href="(/#[^"]+)"', text)]
    assert len(links) == 5 + 2 + 2 + 1 + 4, "figures, ranking, map, spots, blind areas"
    for link in links:
        state = parse_qs(link.fragment.replace("&amp;", "&"))
        assert link.path == "/"
        assert re.fullmatch(r"[a-z_]+\.[a-z_]+", state["lens"][0])
        assert re.fullmatch(r"[0-9]{6,15}", state.get("unit", ["990101"])[0])
        if "map" in state:
            zoom, lat, lon = map(float, state["map"][0].split("/"))
            assert 9 <= zoom <= 17
            assert 29.5 < lat < 29.51
            assert 106.59 < lon < 106.61
    ranked = re.search(r'<section class="rank".*?</section>', text, re.S)[0]
    assert ranked.count("lens=party_branch.grids") == 2


def test_an_unknown_question_is_the_first_one(page):
    assert page(query="lang=en&lens=x").text.count("Ranked below") == 1
    assert "Communities: Buildings with a Party group" in page(query="lang=en&lens=%3Cimg%3E").text


def test_what_is_not_known_is_never_a_number(page, lent_database):
    """Of a lens that nobody linked, and of a town of which nothing was computed."""
    text = page(query="lang=en&lens=six_services.buildings").text
    ranked = re.search(r'<section class="rank".*?</section>', text, re.S)[0]
    assert ranked.count("not known") == 2
    assert "%" not in ranked
    assert text.count('fill="#c9ced6"') == 3, "two areas and the legend are grey"
    url = lent_database()
    engine = store.connect(url)
    import_toy(engine, "district", "street", "community", "grid", "building", "camera")
    with signed_client(url) as client:
        for lens in ("party_group.buildings", "camera.frontage"):
            raw = client.get(f"/overview?lang=en&lens={lens}")
            assert raw.status_code == 200
            cards = re.search(r'<section class="cards".*?</section>', raw.text, re.S)[0]
            assert cards.count(">not known<") == 6
            assert "%" not in cards
            assert raw.text.count("<p>not known</p>") == 2, "blank spots and blind areas"
    engine.dispose()


@pytest.mark.parametrize("role", Role)
def test_nothing_beyond_the_border_is_on_the_page(page, role):
    for lens in ("party_group.buildings", "camera.frontage"):
        answer = page(role, (EAST,), f"lang=zh&lens={lens}")
        assert answer.status_code == 200
        for word in (WEST, "西湖", "积木街道", "玩具区", "5号楼", "6号楼", "7号楼", "8号楼", "180"):
            assert word not in answer.text, word
        assert "东风社区" in answer.text


def test_a_scope_over_nothing_and_a_store_of_nothing_say_so(page, lent_database):
    assert "Nothing is known of the units" in page(Role.OFFICER, ("110101",)).text
    with signed_client(lent_database()) as client:
        answer = client.get("/overview?lang=zh")
    assert answer.status_code == 200
    assert "没有数据" in answer.text
    assert "%" not in re.sub(r"<style.*?</style>|href=\"[^\"]+\"", "", answer.text)


def test_the_same_page_is_kept_and_a_write_makes_a_new_one(
    lent_database, toy_template, monkeypatch, tmp_path
):
    url = lent_database(toy_template)
    asked = []
    made = jobs.overview_of
    monkeypatch.setattr(jobs, "overview_of", lambda *a, **k: asked.append(1) or made(*a, **k))
    engine = store.connect(url)
    with signed_client(url, role=Role.PLANNER, name="p") as client:
        first = client.get("/overview?lang=zh").text
        assert client.get("/overview?lang=zh").text == first
        assert len(asked) == 1
        assert "42.9%" in first
        gave_t4_a_group(engine, tmp_path)
        later = client.get("/overview?lang=zh").text
        assert "57.1%" in later
        assert "▲ +14.3" in later
        found = client.app.state.spots
        assert [list(by) for _, by in found.values()] == [["party_group"]]
        assert next(iter(found.values()))[1]["party_group"]["uncovered"] == 4, "not what was before"
        client.get("/overview?lang=en")
        client.get("/overview?lang=zh&lens=party_branch.grids")
        assert len(asked) == 4
        jobs.take_snapshot(engine, label="2026Q2", as_of=dt.date(2026, 5, 31))
        assert "2026-05-31" in client.get("/overview?lang=zh").text, "a new quarter is shown"
    engine.dispose()


def test_who_sees_less_gets_no_page_of_who_sees_more(toy_url):
    """Of one application: the pages of several are kept in it."""
    with signed_client(toy_url, name="all", role=Role.LEADERSHIP) as client:
        whole = client.get("/overview?lang=zh").text
        engine = store.connect(toy_url)
        jobs.add_account(
            engine, "east", role=Role.LEADERSHIP, ranges=(EAST,), now=dt.datetime.now(dt.UTC),
            actor="t", by_oidc=True,
        )  # fmt: skip
        token = jobs.add_token(engine, "east", "t", now=dt.datetime.now(dt.UTC), days=1, actor="t")
        east = client.get("/overview?lang=zh", headers={"Authorization": f"Bearer {token}"}).text
        engine.dispose()
    assert "西湖社区" in whole
    assert "西湖社区" not in east


def test_names_are_text(lent_database, toy_template):
    url = lent_database(toy_template)
    engine = store.connect(url)
    bad = "<img src=x onerror=alert(1)>"
    with store.transaction(engine) as conn:
        store.write_batch(
            conn, layer="x", source="x", sha256="", effective=dt.date(2026, 1, 1), rows=0
        )
        conn.exec_driver_sql("UPDATE division SET name = %s WHERE level <> 'district'", (bad,))
    with signed_client(url) as client:
        text = client.get("/overview").text
    engine.dispose()
    assert "&lt;img" in text
    assert "<img" not in text


def test_stale_figures_say_so(lent_database, toy_template, tmp_path):
    url = lent_database(toy_template)
    engine = store.connect(url)
    rows = tmp_path / "duty.csv"
    rows.write_text("holder_code,service,target_code,mode\nG1,party_group,T4,joint\n", "utf-8")
    jobs.import_layer(engine, rows, "duty", effective=dt.date(2026, 5, 1), commit=True)
    with signed_client(url) as client:
        assert "Data has changed since" in client.get("/overview?lang=en").text
    engine.dispose()
