"""The interface for programs: collections by filters, one row by its code, the document."""

import datetime as dt
import json

import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_ogc import HOSTILE, degrees, opened
from toy_town import frame

from gridmap import crs, store
from gridmap.model import WHOLE, Role, Scope
from gridmap.web import v1
from gridmap.web.access import scope_of

pytestmark = pytest.mark.db


@pytest.fixture(scope="module")
def client(new_database, serviced_template):
    with opened(new_database(serviced_template)) as client:
        yield client


def got(client, path, **params):
    answer = client.get(f"/api/v1/{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def codes(client, collection, **params):
    return [row["code"] for row in got(client, collection, **params)["items"]]


@pytest.mark.parametrize("collection", v1.COLLECTIONS)
def test_each_collection_lists_its_rows_and_gives_one(client, collection):
    layer = v1.COLLECTIONS[collection]
    page = got(client, collection, limit=1000)
    assert page["matched"] == page["returned"] == len(page["items"])
    assert page["next"] is None
    with store.transaction(client.store) as conn:
        wanted = store.Wanted(layer, *[dt.date.today()] * 2)
        assert page["matched"] == store.count_items(conn, wanted)
    if not page["items"]:
        return
    row = page["items"][-1]
    assert ("geometry" in row) == store.has_shape(layer)
    key = [row[name] for name in store.key_of(layer)]
    answer = client.get(f"/api/v1/{collection}/{'/'.join(key)}")
    assert answer.json() == row
    assert answer.headers["etag"] == f'"{row["version"]}"', "what a write must name"
    same = client.get(
        f"/api/v1/{collection}/{'/'.join(key)}", headers={"If-None-Match": f'"{row["version"]}"'}
    )
    assert (same.status_code, same.content) == (304, b"")


def test_counts_of_the_toy_town(client):
    counts = {name: got(client, name, limit=1)["matched"] for name in v1.COLLECTIONS}
    assert (counts["units"], counts["buildings"], counts["cameras"]) == (8, 8, 2)
    assert counts["entrances"] == 2
    assert counts["key-public-areas"] == 2


def test_units_of_all_levels_are_one_collection(client):
    assert codes(client, "units", level="community") == ["990101001001", "990101001002"]
    assert len(codes(client, "units", within="990101001001")) == 3
    assert codes(client, "units", parent_code="990101") == ["990101001"]
    grid = got(client, "units/990101001001001", lang="zh")
    assert (grid["level"], grid["kind"], grid["parent_code"]) == ("grid", "basic", "990101001001")


def test_filters_find_what_they_say(client):
    assert codes(client, "buildings", within="990101001001001") == ["T1", "T2"]
    assert codes(client, "buildings", bbox=degrees(0, 0, 100, 200)) == ["T1", "T2"]
    assert codes(client, "buildings", q="7号") == ["T7"]
    assert codes(client, "buildings", q="%") == []
    assert codes(client, "buildings", q="\\") == []
    assert codes(client, "buildings", q="_号楼") == []
    assert codes(client, "buildings", household_count="80") == ["T8"]
    assert codes(client, "buildings", filter="household_count > 60") == ["T7", "T8"]
    both = {"filter": "household_count > 60", "q": "8"}
    assert codes(client, "buildings", **both) == ["T8"]
    assert codes(client, "buildings", as_of="2025-12-31") == []
    assert got(client, "buildings", limit=1)["as_of"] == dt.date.today().isoformat()


def test_coded_values_are_told_in_both_languages(client):
    row = got(client, "buildings/T1", lang="zh")
    assert row["labels"] == {"kind": "板楼", "management_kind": "自管"}
    assert got(client, "buildings", lang="en", limit=1)["items"][0]["labels"]["kind"] == "slab"
    assert "labels" not in got(client, "buildings/T1")
    place = got(client, "cameras", lang="en", limit=1)["items"][0]["labels"]["state"]
    assert place == "in use"


def test_shapes_come_in_the_frame_that_is_asked_for(client):
    camera = "cameras/99010100001310000001"
    lon, lat = got(client, camera)["geometry"]["coordinates"]
    assert got(client, camera, crs="EPSG:4326")["geometry"]["coordinates"] == [lon, lat]
    metric = got(client, camera, crs="EPSG:4545")["geometry"]["coordinates"]
    assert metric == pytest.approx([364050, 3266100], abs=1e-3), "east first, whatever EPSG has"
    shifted = crs.wgs84_to_gcj02(lon, lat)
    found = got(client, camera, crs="GCJ-02")["geometry"]["coordinates"]
    assert found == pytest.approx([float(v) for v in shifted], abs=1e-9)
    drawn = frame([shapely.Point(364050, 3266100)]).to_crs(3857).geometry[1]
    mercator = got(client, camera, crs="EPSG:3857")["geometry"]["coordinates"]
    assert mercator == pytest.approx([drawn.x, drawn.y], abs=1e-3)
    assert "geometry" not in got(client, "cameras", geometry="false")["items"][0]
    assert "geometry" not in got(client, "posts", crs="BD-09")["items"][0]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["duties", "units", "organisations", "buildings"]), st.integers(1, 30))
def test_through_all_pages_each_row_comes_once(client, collection, limit):
    everything = got(client, collection, limit=1000)["items"]
    url, found = f"/api/v1/{collection}?limit={limit}", []
    while url:
        page = client.get(url).json()
        assert page["matched"] == len(everything)
        assert 0 < page["returned"] <= limit
        found += page["items"]
        url = page["next"]
    assert found == everything


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("buildings?bogus=1", 422),
        ("buildings?limit=0", 422),
        ("buildings?limit=100000", 422),
        ("buildings?limit=1&limit=2", 422),
        ("buildings?bbox=1,2,3", 422),
        ("buildings?within=99'--", 422),
        ("buildings?lang=fr", 422),
        ("buildings?crs=EPSG:4547", 422),
        ("buildings?as_of=soon", 422),
        ("buildings?q=%00", 422),
        ("buildings?after=x", 422),
        ("buildings?filter=batch_id>0", 422),
        ("buildings/T1?limit=1", 422),
        ("duties?bbox=0,0,1,1", 422),
        ("duties?q=x", 422),
        ("posts?filter=S_INTERSECTS(geometry,POINT(1+2))", 422),
        ("matter-items?within=990101", 422),
        ("buildings/T99", 404),
        ("buildings/%00", 404),
        ("duties/a/b/c", 404),
        ("castles", 404),
        ("building_history", 404),
    ],
)
def test_what_cannot_be_answered_is_a_problem(client, path, status):
    answer = client.get(f"/api/v1/{path}")
    assert (answer.status_code, answer.json()["status"]) == (status, status), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("text", HOSTILE[:20], ids=range(20))
def test_hostile_texts_find_nothing_and_break_nothing(client, text):
    for name in ("filter", "q", "name", "within", "after", "bbox"):
        answer = client.get("/api/v1/buildings", params={name: text})
        assert answer.status_code in (200, 422)
        if answer.status_code == 200:
            assert answer.json()["items"] == []


@pytest.mark.parametrize(
    ("role", "seen"),
    [
        (Role.OFFICER, {"units", "buildings", "cameras", "duties"}),
        (Role.LEADER, {"units", "buildings", "duties"}),
        (Role.LEADERSHIP, {"units"}),
    ],
)
def test_what_a_role_may_not_see_is_refused(client, role, seen):
    client.app.dependency_overrides[scope_of] = lambda: Scope("li", role, WHOLE)
    try:
        for collection in ("units", "buildings", "cameras", "duties"):
            status = 200 if collection in seen else 403
            assert client.get(f"/api/v1/{collection}").status_code == status
            one = "/a/b/c" if collection == "duties" else "/a"
            found = client.get(f"/api/v1/{collection}{one}").status_code
            assert found == (404 if status == 200 else 403)
    finally:
        client.app.dependency_overrides.clear()


def test_a_list_that_is_still_right_is_not_sent_again(client):
    tag = client.get("/api/v1/buildings?limit=2").headers["etag"]
    again = client.get("/api/v1/buildings?limit=2", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    other = client.get("/api/v1/buildings?limit=3", headers={"If-None-Match": tag})
    assert other.status_code == 200


# --- the document and its page


BASED = ("/change-sets", "/corrections/{number}/accept")
"""Writes that say in their body which version they are based on."""


def names_of(operation):
    return {parameter["name"] for parameter in operation.get("parameters", [])}


def test_the_document_is_whole(client):
    document = client.get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": "/api/v1"}]
    paths = document["paths"]
    assert {f"/{name}" for name in v1.COLLECTIONS} <= paths.keys()
    assert "/locate" in paths
    assert not [path for path in paths if "ogc" in path or "health" in path]
    for path, operations in paths.items():
        for operation in operations.values():
            assert operation["summary"], path
            answers = operation["responses"]
            assert {"400", "401", "403", "429", "500", "503"} <= answers.keys()
            assert ("412" in answers) == ("if-match" in names_of(operation) or path in BASED), path
            for status in [status for status in answers if int(status) >= 400]:
                schema = answers[status]["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}
    listed = paths["/buildings"]["get"]["parameters"]
    assert {"within", "bbox", "q", "filter", "household_count"} <= {p["name"] for p in listed}
    names = [p["name"] for p in listed]
    assert len(names) == len(set(names))
    ids = [op["operationId"] for ops in paths.values() for op in ops.values()]
    assert len(ids) == len(set(ids))
    text = json.dumps(document)
    assert "HTTPValidationError" not in text


def test_the_document_says_only_what_a_route_may_answer(client):
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    always = {"200", "400", "401", "403", "422", "429", "500", "503"}
    assert paths["/locate"]["get"]["responses"].keys() == always
    assert paths["/coverage/{code}"]["get"]["responses"].keys() == always | {"404", "409"}
    assert paths["/buildings"]["get"]["responses"].keys() == always | {"304"}
    row = paths["/buildings/{code}"]
    assert row.keys() == {"get", "put", "patch", "delete"}
    assert row["put"]["responses"].keys() == always | {"404", "408", "409", "412", "413", "428"}
    assert "408" not in row["delete"]["responses"], "it has no body"
    assert names_of(paths["/duties/{holder_code}/{service}/{target_code}"]["patch"]) >= {
        *("holder_code", "service", "target_code", "if-match")
    }
    asked = {one["name"]: one["schema"]["type"] for one in paths["/matters"]["get"]["parameters"]}
    assert (asked["reported_on"], asked["code"], asked["limit"]) == ("string", "string", "integer")
    for operations in paths.values():
        for operation in operations.values():
            assert '"null"' not in json.dumps(operation.get("parameters", [])), "left out, not null"


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("corrections", "GET, POST"),
        ("buildings/T1", "DELETE, GET, PATCH, PUT"),
        ("change-sets", "POST"),
        ("locate", "GET"),
    ],
)
def test_who_asks_with_another_method_learns_all_that_there_are(client, path, methods):
    answer = client.options(f"/api/v1/{path}")
    assert (answer.status_code, answer.headers["allow"]) == (405, methods)


@pytest.mark.parametrize("day", ["0", "20260601", "2026-W01-1", "1780000000", "2026-02-30"])
def test_a_day_is_written_as_a_day(client, day):
    assert client.get(f"/api/v1/buildings?as_of={day}").status_code == 422
    assert client.get(f"/api/v1/locate?lon=107&lat=29&as_of={day}").status_code == 422


@pytest.mark.parametrize(
    ("column", "good", "bad"),
    [
        ("floors", "-3", ["1_0", "1.5", "1" * 19, " 1", "１"]),
        ("height_m", "1.5e1", ["1_0.5", "inf", "nan", "1e400", "9" * 500]),
        ("name", "T" * 500, ["T" * 501, "\0"]),
    ],
)
def test_a_column_is_asked_for_in_its_type_only(client, column, good, bad):
    assert client.get("/api/v1/buildings", params={column: good}).status_code == 200
    for text in bad:
        assert client.get("/api/v1/buildings", params={column: text}).status_code == 422, text


def test_the_page_of_the_document_runs_only_our_own_scripts(client):
    page = client.get("/api/docs")
    policy = page.headers["content-security-policy"]
    nonce = policy.split("'nonce-")[1].split("'")[0]
    assert page.text.count(f'nonce="{nonce}"') == page.text.count("<script")
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]
    assert "://" not in page.text
    assert client.get("/api/docs").headers["content-security-policy"] != policy
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert client.get(f"/static/vendor/swagger-ui/{name}").status_code == 200
