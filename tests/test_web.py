import json
import logging
import re

import pytest
from accounts_fixtures import signed_client
from shapely import Point
from toy_town import frame, served

from gridmap import store
from gridmap.errors import GridmapError, StoreUnavailable
from gridmap.web.problems import STATUSES

pytestmark = pytest.mark.db


@pytest.fixture(scope="module")
def client(toy_url):
    with signed_client(toy_url) as client:
        yield client


def at(x, y):
    point = frame([Point(364000 + x, 3266000 + y)]).to_crs(4490).geometry[1]
    return {"lon": point.x, "lat": point.y}


def test_locate_names_every_level(client):
    found = client.get("/api/v1/locate", params=at(20, 20)).json()
    codes = [found[level]["code"] for level in ("district", "street", "community", "grid")]
    assert codes == ["990101", "990101001", "990101001001", "990101001001001"]
    assert found["building"]["name"] == "1号楼"
    nowhere = client.get("/api/v1/locate", params={"lon": 0, "lat": 0})
    assert nowhere.status_code == 200
    assert nowhere.json()["district"] is None
    before = client.get("/api/v1/locate", params={**at(20, 20), "as_of": "2025-01-01"}).json()
    assert before["grid"] is None


@pytest.mark.parametrize(
    "params",
    [{}, {"lon": 181, "lat": 0}, {"lon": "x", "lat": 0}, {"lon": 0, "lat": 0, "as_of": "soon"}],
)
def test_locate_refuses_nonsense(client, params):
    assert client.get("/api/v1/locate", params=params).status_code == 422


def test_coverage_gives_numerator_denominator_date_and_rows(client):
    found = client.get("/api/v1/coverage/990101").json()
    assert found["unit"] == {
        "level": "district",
        "code": "990101",
        "name": "玩具区",
        "kind": "district",
    }
    rate = next(r for r in found["rates"] if r["measure"] == "party_group.buildings")
    assert (rate["covered"], rate["total"], rate["as_of"]) == (3, 7, "2026-06-01")
    assert rate["share"] == pytest.approx(3 / 7)
    assert found["synthetic"] is False
    rows = client.get("/api/v1/coverage/990101/uncovered", params={"limit": 2}).json()
    assert rows["total"] == rate["total"] - rate["covered"] + 1, "and T8, which is in no grid"
    assert [row["code"] for row in rows["rows"]] == ["T8", "T7"]
    below = client.get("/api/v1/coverage/990101001002/uncovered").json()
    assert below["total"] == 3


@pytest.fixture(scope="module")
def serviced(new_database, serviced_template):
    with signed_client(new_database(serviced_template)) as client:
        yield client


def test_a_figure_leads_to_its_rows_and_a_row_to_its_links(serviced):
    lenses = {one["code"]: one for one in serviced.get("/api/v1/lenses").json()}
    assert lenses["six_services"]["part_names"]["legal_service"] == "法律服务"
    rates = serviced.get("/api/v1/coverage/990101").json()["rates"]
    rate = next(r for r in rates if r["measure"] == "grid_leader.grids")
    found = serviced.get("/api/v1/coverage/990101/targets", params={"lens": "grid_leader"}).json()
    assert found["total"] == rate["total"] - rate["covered"] == 1
    row = found["rows"][0]
    assert (row["reason"], row["name"]) == ("vacant", "第2网格")
    assert 106 < row["longitude"] < 108
    asked = {"lens": "grid_leader", "target": row["target_code"]}
    links = serviced.get("/api/v1/evidence", params=asked).json()["rows"]
    assert [(link["holder_code"], link["verdict"]) for link in links] == [("L3", "vacant")]
    spots = serviced.get("/api/v1/coverage/990101/blank-spots", params={"lens": "combined"}).json()
    assert spots["total"] > 0
    matters = serviced.get("/api/v1/coverage/990101/matters", params={"as_of": "2026-06-01"}).json()
    assert matters["figures"]["resolved"] == {"count": 4, "of": 9, "denominator": "reported"}


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/coverage/990101/targets?lens=castle", 404, "lens_not_found"),
        ("/api/v1/coverage/990101/blank-spots?lens=castle", 404, "lens_not_found"),
        ("/api/v1/coverage/990101/blank-spots?lens=combined&apart=-1", 422, None),
        ("/api/v1/evidence?lens=party_group&target=T99", 404, "not_found"),
        ("/api/v1/evidence?lens=party_group", 422, None),
        ("/api/v1/coverage/123456/matters", 404, "unit_not_found"),
    ],
)
def test_what_there_is_not_is_said(serviced, path, status, code):
    answer = serviced.get(path)
    assert answer.status_code == status
    assert code is None or answer.json()["code"] == code


def test_unknown_and_malformed_codes(client):
    missing = client.get("/api/v1/coverage/123456")
    assert (missing.status_code, missing.json()["code"]) == (404, "unit_not_found")
    assert client.get("/api/v1/coverage/1' OR '1'='1").status_code == 422
    assert client.get("/api/v1/coverage/990101/uncovered?limit=100000").status_code == 422


def test_features_in_a_window(client):
    found = client.get("/api/v1/features/building", params={"bbox": "106.5,29.4,106.7,29.6"}).json()
    assert len(found["features"]) == 8
    assert found["truncated"] is False
    for bbox in ("", "1,2,3", "a,b,c,d", "2,1,1,2", "nan,0,1,1", "0,0,1,inf"):
        answer = client.get("/api/v1/features/building", params={"bbox": bbox})
        assert (answer.status_code, answer.json()["code"]) == (422, "input"), bbox
    assert client.get("/api/v1/features/castle", params={"bbox": "0,0,1,1"}).status_code == 404


def test_the_page_lets_only_its_own_scripts_run(client):
    page = client.get("/")
    policy = page.headers["content-security-policy"]
    nonce = re.search(r"'nonce-([^']+)'", policy)[1]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]
    scripts = re.findall(r"<script([^>]*)>", page.text)
    assert scripts
    assert all(f'nonce="{nonce}"' in s or 'src="/static/' in s for s in scripts)
    assert client.get("/").headers["content-security-policy"] != policy
    assert not re.search(r'(src|href)="(https?:)?//', page.text)


def test_the_page_speaks_both_languages(client):
    assert 'lang="zh-CN"' in client.get("/").text
    assert "The whole district" in client.get("/?lang=en").text
    assert client.get("/?lang=xx").status_code == 422


def test_headers_and_health(client):
    answer = client.get("/health")
    assert answer.json()["status"] == "ok"
    assert answer.headers["x-content-type-options"] == "nosniff"
    for path in ("/", "/api/lenses", "/api/coverage/123456"):
        assert client.get(path).headers["cache-control"] == "no-store"
    assert "cache-control" not in client.get("/static/gridmap.css").headers
    assert client.get("/static/vendor/leaflet/leaflet.js").status_code == 200
    assert client.get("/docs").status_code == 404, "its scripts would come from a foreign host"
    assert client.get("/api/v1/openapi.json").status_code == 200
    assert client.get("/static/../app.py").status_code == 404


def test_an_empty_store_says_what_to_do(database_url):
    with signed_client(database_url) as client:
        page = client.get("/")
        assert page.status_code == 200
        assert "gridmap demo" in page.text
        assert client.get("/api/v1/locate", params={"lon": 1, "lat": 1}).json()["grid"] is None


def test_a_lost_database_is_503_with_retry_after(client, monkeypatch):
    def gone(*_args, **_kwargs):
        raise StoreUnavailable("the database cannot be reached")

    monkeypatch.setattr("gridmap.jobs.answers.store.locate", gone)
    answer = client.get("/api/v1/locate", params={"lon": 1, "lat": 1})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["code"] == "store_unavailable"


def test_every_error_has_a_status():
    def kinds(kind):
        return {kind}.union(*(kinds(k) for k in kind.__subclasses__()))

    for kind in kinds(GridmapError):
        assert next(STATUSES[k] for k in kind.__mro__ if k in STATUSES) >= 400


def test_the_map_follows_the_data(town):
    url = town.url.render_as_string(hide_password=False)
    with signed_client(url) as client:
        assert "改名街道" not in _names(client)
        with store.transaction(town) as conn:
            batch_id = store.write_batch(
                conn, layer="x", source="x", sha256="", effective="2026-01-01", rows=0
            )
            conn.exec_driver_sql("UPDATE division SET name = '改名街道' WHERE level = 'street'")
        assert batch_id
        assert "改名街道" in _names(client)


def _names(client):
    return client.get("/").text


def test_a_real_server_answers(toy_url):
    with served(toy_url) as site:
        assert site.startswith("http://127.0.0.1:")


def test_the_rows_behind_camera_figures(client):
    blind = client.get("/api/v1/coverage/990101/blind", params={"by": "area_m2", "limit": 1}).json()
    assert len(blind["rows"]) == 1 < blind["total"]
    assert blind["rows"][0]["area_m2"] > 10_000
    losses = client.get("/api/v1/coverage/990101/losses").json()
    assert [row["cameras"] for row in losses["rows"]] == [1, 1]
    law = client.get("/api/v1/coverage/990101/law").json()
    assert law["total"] == len(law["rows"]) > 0
    assert set(law["rows"][0]["message"]) == {"zh", "en"}
    for path in ("blind?by=weight", "losses?kind=street"):
        assert client.get(f"/api/v1/coverage/990101/{path}").status_code == 422
    assert client.get("/api/v1/coverage/990102/law").status_code == 404


# --- problems, ids, counts


@pytest.mark.parametrize(
    ("path", "status", "code", "words"),
    [
        ("/api/v1/coverage/123456", 404, "unit_not_found", "no unit has the code"),
        ("/api/v1/locate?lon=500&lat=1", 422, "request", "cannot be used: lon"),
        ("/api/v1/castle", 404, "http", "Not Found"),
        ("/api/v1/features/building?bbox=1,2", 422, "input", "west,south,east,north"),
    ],
)
def test_every_error_is_a_problem_with_code_and_id(client, path, status, code, words):
    answer = client.get(path)
    told = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.status_code, told["status"], told["code"]) == (status, status, code)
    assert told["type"] == f"urn:gridmap:problem:{code}"
    assert words in told["detail"]
    assert told["request"] == answer.headers["X-Request-ID"]


def test_a_wrong_method_says_which_are_right(client):
    answer = client.post("/api/v1/locate")
    assert (answer.status_code, answer.json()["code"]) == (405, "http")
    assert answer.headers["Allow"] == "GET"


def test_what_was_said_is_not_repeated(client):
    """A parameter may hold anything, a script too: only its name comes back."""
    answer = client.get("/api/v1/locate", params={"lon": "<script>", "lat": 1})
    assert "script" not in answer.text
    assert answer.json()["errors"][0]["parameter"] == "lon"


def test_a_fault_of_our_own_says_nothing_but_its_id(toy_url, monkeypatch):
    def fail(*_args, **_options):
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("gridmap.web.api.jobs.locate", fail, raising=False)
    with signed_client(toy_url, raise_server_exceptions=False) as own:
        answer = own.get("/api/v1/locate", params={"lon": 1, "lat": 1})
        counted = own.get("/metrics").text
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert answer.json()["request"]
    assert 'gridmap_requests_total{method="GET",route="/api/v1/locate",status="500"} 1.0' in counted


def test_requests_are_counted_and_logged_without_what_they_ask(toy_url, caplog):
    with signed_client(toy_url) as own:
        with caplog.at_level(logging.INFO, logger="gridmap.access"):
            ids = [own.get("/api/v1/locate", params=at(20, 20)).headers["X-Request-ID"]]
            ids += [own.get("/api/v1/coverage/990101").headers["X-Request-ID"]]
            own.get("/secret/106.5/29.5")
            own.get("/health/live", headers={"Host": "evil.example"})
        counted = own.get("/metrics").text
    lines = [json.loads(record.message) for record in caplog.records]
    assert [line["id"] for line in lines][:2] == ids
    assert len(set(ids)) == 2
    assert [(line["route"], line["status"]) for line in lines] == [
        ("/api/v1/locate", 200),
        ("/api/v1/coverage/{code}", 200),
        ("(none)", 404),
        ("(none)", 400),
    ]
    # Milliseconds and sums may look like anything.
    told = [{name: value for name, value in line.items() if name != "ms"} for line in lines]
    text = str(told) + re.sub(r"(?m)[} ][0-9.e+-]+$", "", counted)
    for said in ("106.", "29.", "990101", "secret", "evil"):
        assert said not in text
    assert 'route="/api/v1/locate",status="200"} 1.0' in counted
    assert 'gridmap_request_seconds_count{route="/api/v1/locate"} 1.0' in counted


def test_a_server_lives_when_its_database_does_not(toy_url):
    with signed_client(toy_url) as own:
        own.app.state.engine.dispose()
        own.app.state.engine = store.connect("postgresql+psycopg2:///none?host=/nowhere")
        assert own.get("/health/live").json() == {"status": "ok"}
        gone = own.get("/health")
        assert (gone.status_code, gone.headers["Retry-After"]) == (503, "5")
