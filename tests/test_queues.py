"""What waits for a planner, and what becomes of it by the forms of the page."""

import datetime as dt
import re

import pytest
import shapely
from accounts_fixtures import SITE, cookie_of, settings_of, signed_client
from fastapi.testclient import TestClient
from toy_town import METRIC, TOY_DAY

from gridmap import jobs, store
from gridmap.jobs.corrections import Suggestion
from gridmap.model import WHOLE, Role
from gridmap.web import create_app

pytestmark = pytest.mark.db

TODAY = dt.date.today()


def said(engine, code, fields=None, note=None, geometry=None, layer="building"):
    """A grid leader says something of a row; return its number."""
    told = Suggestion(layer, code, "leader", fields or {}, geometry, note)
    return jobs.suggest(engine, engine, told, as_of=TODAY)[0]["id"]


@pytest.fixture(scope="module")
def desk(new_database, toy_template):
    """A store of its own, and the page of a planner of it in a browser."""
    url = new_database(toy_template)
    engine = store.connect(url)
    with TestClient(create_app(settings_of(url)), base_url=SITE, follow_redirects=False) as client:
        cookie = cookie_of(url, "planner", Role.PLANNER)
        client.cookies.set(cookie["name"], cookie["value"])
        yield engine, client
    engine.dispose()


def form_of(client, number):
    """Return the hidden fields of a correction's form."""
    text = client.get("/queues?lang=en").text
    form = re.search(rf'action="/queues/corrections/{number}">(.*?)</form>', text, re.S)[1]
    return dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]+)"', form))


def decide(client, number, decision, *, origin=SITE, hidden=None, **fields):
    filled = {**(hidden or form_of(client, number)), "decision": decision, **fields}
    return client.post(f"/queues/corrections/{number}", data=filled, headers={"Origin": origin})


def row_of(engine, code):
    with store.transaction(engine) as conn:
        return store.read_rows(conn, "building", [code], as_of=TODAY)[code]


def state_of(engine, number):
    found = {one["id"]: one for one in jobs.list_corrections(engine)}
    return found[number]


def test_a_correction_is_accepted_with_who_and_why(desk):
    engine, client = desk
    number = said(engine, "T1", {"floors": 6}, "现场数了，是六层")
    text = client.get("/queues?lang=en").text
    for words in ("Building T1", "现场数了，是六层", "<td>floors</td><td>5</td><td><b>6</b></td>"):
        assert words in text
    answer = decide(client, number, "accept", why="counted again")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/queues?told=accept&number={number}#corrections"
    after = client.get(answer.headers["location"]).text
    assert "The correction was accepted and written." in after
    assert f"/queues/corrections/{number}" not in after
    assert row_of(engine, "T1").fields["floors"] == 6
    found = state_of(engine, number)
    assert (found["state"], found["decided_by"], found["decision"]) == (
        "accepted",
        "planner",
        "counted again",
    )
    assert jobs.book_of_batches(engine, before=None, limit=1)[0]["reason"] == "counted again"


def test_a_correction_is_declined_and_nothing_changes(desk):
    engine, client = desk
    number = said(engine, "T2", {"floors": 9})
    before = row_of(engine, "T2")
    answer = decide(client, number, "decline", why="it has five")
    assert answer.status_code == 303
    assert "nothing was changed" in client.get(answer.headers["location"]).text
    assert row_of(engine, "T2") == before
    assert state_of(engine, number)["state"] == "declined"


def test_a_place_is_moved(desk):
    engine, client = desk
    there = shapely.affinity.translate(row_of(engine, "T3").geometry, 1e-5, 0)
    number = said(engine, "T3", geometry=there)
    assert decide(client, number, "accept", why="measured").status_code == 303
    assert row_of(engine, "T3").geometry.equals_exact(there, 1e-7)


def test_words_need_a_field_and_a_value(desk):
    engine, client = desk
    number = said(engine, "T5", note="楼里只有十二户")
    refused = decide(client, number, "accept", why="asked there")
    assert refused.status_code == 422
    assert "say what is to be written" in refused.text
    assert 'value="asked there"' in refused.text, "what was filled in is not lost"
    wrong = decide(
        client, number, "accept", why="asked there", field="household_count", value="twelve"
    )
    assert wrong.status_code == 422
    assert "the checks of an import found errors" in wrong.text
    assert "household_count" in re.search(r'role="alert">.*?</div>', wrong.text, re.S)[0]
    assert state_of(engine, number)["state"] == "open"
    done = decide(client, number, "accept", why="asked", field="household_count", value="12")
    assert done.status_code == 303
    assert row_of(engine, "T5").fields["household_count"] == 12


@pytest.mark.parametrize(
    "fields",
    [{}, {"why": "  "}, {"why": "x" * 501}, {"why": "a\x07b"}, {"why": "x", "effective": "soon"}],
)
@pytest.mark.parametrize("decision", ["accept", "decline"])
def test_nothing_is_decided_without_a_reason_and_a_day(desk, decision, fields):
    engine, client = desk
    number = said(engine, "T6", {"floors": 7})
    answer = decide(client, number, decision, **fields)
    assert answer.status_code == 422
    assert state_of(engine, number)["state"] == "open"
    assert row_of(engine, "T6").fields["floors"] == 5
    assert decide(client, number, "decline", why="test").status_code == 303


def test_a_row_that_changed_meanwhile_is_not_overwritten(desk):
    engine, client = desk
    first, second = said(engine, "T4", {"floors": 8}), said(engine, "T4", {"floors": 4})
    opened = form_of(client, second)
    assert decide(client, first, "accept", why="one").status_code == 303
    late = decide(client, second, "accept", hidden=opened, why="two")
    assert late.status_code == 412
    assert "the row was changed meanwhile" in late.text
    assert "The row was changed since this was said" in late.text
    assert row_of(engine, "T4").fields["floors"] == 8
    assert decide(client, second, "accept", why="looked again").status_code == 303
    assert row_of(engine, "T4").fields["floors"] == 4


def test_a_form_that_is_sent_twice_is_done_once(desk):
    engine, client = desk
    number = said(engine, "T7", {"floors": 3})
    hidden = form_of(client, number)
    assert decide(client, number, "accept", hidden=hidden, why="once").status_code == 303
    version = row_of(engine, "T7").version
    assert decide(client, number, "accept", hidden=hidden, why="once").status_code == 303
    assert row_of(engine, "T7").version == version
    other = decide(client, number, "decline", hidden=hidden, why="after all not")
    assert other.status_code == 409
    assert "It was decided already." in other.text
    assert state_of(engine, number)["state"] == "accepted"


def test_an_unknown_number_and_an_unknown_decision(desk):
    engine, client = desk
    number = said(engine, "T1", {"floors": 7})
    hidden = form_of(client, number)
    assert decide(client, 10**9, "accept", hidden=hidden, why="x").status_code == 404
    assert decide(client, number, "burn", hidden=hidden, why="x").status_code == 422
    assert state_of(engine, number)["state"] == "open"
    assert decide(client, number, "decline", hidden=hidden, why="x").status_code == 303


def test_another_site_decides_nothing(desk):
    engine, client = desk
    number = said(engine, "T1", {"floors": 7})
    hidden = form_of(client, number)
    assert decide(client, number, "accept", hidden=hidden, origin="https://evil.example", why="x").status_code == 403  # fmt: skip  # noqa: E501
    bare = {name: value for name, value in hidden.items() if name != "csrf_token"}
    assert decide(client, number, "accept", hidden=bare, why="x").status_code == 403
    assert state_of(engine, number)["state"] == "open"
    assert decide(client, number, "decline", hidden=hidden, why="test").status_code == 303


def test_words_of_others_are_text(desk):
    engine, client = desk
    number = said(engine, "T1", note="<img src=x onerror=alert(1)>{{ 7*7 }}")
    text = client.get("/queues").text
    assert "&lt;img src=x" in text
    assert "<img" not in text
    assert "{{ 7*7 }}" in text
    assert decide(client, number, "decline", why="test").status_code == 303


def test_a_store_of_nothing_has_no_queue_and_says_what_is_not_known(lent_database):
    with signed_client(lent_database()) as client:
        text = client.get("/queues?lang=en").text
    assert "None waits." in text
    assert text.count("Not known: what cameras see was never computed.") == 2


@pytest.mark.parametrize("role", [Role.LEADERSHIP, Role.OFFICER, Role.LEADER, Role.INTEGRATION])
def test_the_queues_are_for_who_writes(toy_url, role):
    with signed_client(toy_url, name=str(role), role=role, ranges=WHOLE) as client:
        assert client.get("/queues").status_code == 403
        assert client.post("/queues/corrections/1", data={"decision": "accept"}).status_code == 403


def test_uploads_show_what_was_wrong_and_what_to_do(lent_database, toy_template):
    url = lent_database(toy_template)
    with signed_client(url) as client:
        empty = client.get("/queues?lang=en").text
        assert "Nothing was sent over the network." in empty
        path = "/api/v1/imports?layer=duty&effective=2026-05-01"
        head = "holder_code,service,target_code,mode\n"
        for rows, more in (("G1,party_group,T4,joint\n", ""), ("G1,party_group,T4,wrong\n", ""),
                           ("G1,party_group,T4,joint\n", "&commit=true&why=x")):  # fmt: skip
            sent = client.post(path + more, files={"file": ("duty.csv", (head + rows).encode())})
            assert sent.status_code == 202, sent.text
            job = sent.json()["id"]
            for _ in range(200):
                if client.get(f"/api/v1/jobs/{job}").json()["state"] in ("done", "failed"):
                    break
        text = client.get("/queues?lang=en").text
    assert "Checked only: send it again with commit to write it." in text
    assert "Mend the file by its report and send it again" in text
    assert "Written. Compute the figures anew" in text
    lists = re.findall(r'class="issues">(.*?)</ul>', text, re.S)
    assert any("mode" in one.partition("</li>")[0] for one in lists), "errors come first"
    assert text.index("Written.") < text.index("Mend the file") < text.index("Checked only:")


def test_the_gravest_filings_and_views_come_first(town, tmp_path):
    """Camera 2 looks along the x axis: a zone 10 m before it is in its view, and ends by a turn."""
    zone = shapely.box(364360, 3266095, 364370, 3266105).wkt
    files = {
        "privacy_zone": f'code,name,kind,wkt\nZ1,区,dwelling,"{zone}"\n',
        "camera": (
            "code,name,azimuth_deg,hfov_deg,max_range_m,place_category,state,direction_type,"
            "in_use_since,declared_unit,x,y\n"
            "99010100001310000001,球机,0,360,20,road,in_use,9,2026-04-01,990101001,364050,3266100\n"
            "99010100001310000002,枪机,90,90,40,road,in_use,1,2026-03-01,990101001,364350,3266100\n"
        ),
    }
    for name, text in files.items():
        (tmp_path / f"{name}.csv").write_text(text, "utf-8")
        jobs.import_layer(
            town,
            tmp_path / f"{name}.csv",
            name,
            effective=TOY_DAY - dt.timedelta(days=1),
            source_crs=METRIC,
            commit=True,
        )
    jobs.refresh_camera_coverage(town, as_of=TOY_DAY)
    found = jobs.queues_of(town, town, as_of=TOY_DAY)
    # 30 days after March 1 and April 1: due on March 31 and May 1, 62 and 31 days before June 1.
    filings = [
        (r["name"], re.search(r"(\d+) days", r["message"]["en"])[1])
        for r in found["filings"]["rows"]
    ]
    assert filings == [("枪机", "62"), ("球机", "31")]
    assert found["filings"]["counts"] == {"V09.overdue": 2}
    assert [r["rule"] for r in found["privacy"]["rows"]] == ["V07"]
    assert found["privacy"]["rows"][0]["place"] == pytest.approx((106.6, 29.5), abs=0.01)
    assert found["privacy"]["total"] == 1
