"""The writing interface over HTTP: bodies, versions, once only, exports, rights, corrections."""

import json
import threading
import urllib.parse
from pathlib import Path

import jsonschema
import pytest
from accounts_fixtures import ADMIN, signed_client
from pydantic import ValidationError
from shapely.geometry import mapping
from test_change_sets import GRID, NEXT_GRID, ground, state
from toy_town import TOY_DAY

from gridmap import jobs
from gridmap.jobs.edits import names_a_person
from gridmap.model import WHOLE, Role, Scope
from gridmap.web import bodies
from gridmap.web.access import scope_of
from gridmap.web.bodies import EditBody, GeoJson, RowBody

pytestmark = pytest.mark.db

DAY = TOY_DAY.isoformat()
V1 = "/api/v1"


@pytest.fixture
def client(town):
    url = town.url.render_as_string(hide_password=False)
    with signed_client(url) as client:
        yield client


@pytest.fixture(scope="module")
def shared(new_database, toy_template):
    """A town for what is refused, or is told apart by its code: a database each takes longer."""
    url = new_database(toy_template)
    with signed_client(url) as client:
        yield client


@pytest.fixture
def everybody(shared):
    yield shared
    shared.app.dependency_overrides.clear()


def as_role(client, role, account="li", ranges=WHOLE):
    client.app.dependency_overrides[scope_of] = lambda: Scope(account, role, ranges)


def shape(*bounds):
    return json.loads(json.dumps(mapping(ground(*bounds))))


def house(code="N1", west=40, **more):
    return {
        "layer": "building",
        "action": "create",
        "code": code,
        "fields": {"floors": 3, **more},
        "geometry": shape(west, 60, west + 10, 80),
    }


def send(client, *edits, headers=None, **more):
    body = {"why": "补录", "effective": DAY, "edits": list(edits), **more}
    return client.post(f"{V1}/change-sets", json=body, headers=headers or {})


def tag(client, path):
    return client.get(f"{V1}/{path}").headers["ETag"]


def patch(client, path, etag, fields, **headers):
    named = {"If-Match": etag, **{k.replace("_", "-"): v for k, v in headers.items()}}
    body = {"fields": fields, "why": "改", "effective": DAY}
    return client.patch(f"{V1}/{path}", json=body, headers=named)


# --- change sets


def test_a_change_set_is_answered_with_its_batches(client):
    answer = send(client, house(), house("N2", 60))
    told = answer.json()
    assert (answer.status_code, told["inserted"], told["batches"][0]["layer"]) == (
        201,
        2,
        "building",
    )
    assert answer.headers["Cache-Control"] == "private, no-store"
    row = client.get(f"{V1}/buildings/N1").json()
    assert (row["version"], row["floors"]) == (told["batches"][0]["id"], 3)
    assert row["geometry"]["type"] == "MultiPolygon"


def test_all_issues_come_back_with_the_place_of_their_edit(client, town):
    before = state(town)
    answer = send(client, house(floors=900), house("N2", 60, kind="castle"), house("N3", 80))
    told = answer.json()
    assert (answer.status_code, told["code"]) == (422, "layer_rejected")
    errors = [one for one in told["issues"] if one["severity"] == "error"]
    assert {(one["rule"], one["row"], one["field"]) for one in errors} == {
        ("F04", 0, "floors"),
        ("F05", 1, "kind"),
    }
    assert set(errors[0]["message"]) == {"zh", "en"}
    assert told["issue_count"] >= 2
    assert state(town) == before
    trial = client.post(f"{V1}/change-sets?dry_run=true", json={"why": "试", "edits": [house()]})
    assert (trial.status_code, trial.json()["dry_run"]) == (200, True)
    assert state(town) == before


NAN = '{"type": "Point", "coordinates": [NaN, 29.5]}'


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"why": "x", "edits": []},
        {"why": "", "edits": [house()]},
        {"why": "x" * 501, "edits": [house()]},
        {"why": "x", "edits": [house()], "who": "wang"},
        {"why": "x", "edits": [{**house(), "colour": 1}]},
        {"why": "x", "edits": [{**house(), "layer": "castle"}]},
        {"why": "x", "edits": [{**house(), "action": "drop"}]},
        {"why": "x", "edits": [{**house(), "version": 3}]},
        {"why": "x", "edits": [{**house(), "action": "update"}]},
        {"why": "x", "edits": [{**house(), "action": "update", "version": "3"}]},
        {"why": "x", "edits": [{**house(), "action": "end", "version": 3}]},
        {"why": "x", "edits": [house(name="a\0b")]},
        {"why": "x", "edits": [house(name=["a"])]},
        {"why": "x", "edits": [house(floors=10**400)]},
        {"why": "x", "effective": 5, "edits": [house()]},
        {"why": "x", "effective": "2026-06-01T00:00", "edits": [house()]},
        {"why": "x", "edits": [{**house(), "code": "x" * 201}]},
        {"why": "x", "edits": [{**house(), "geometry": {"type": "Circle", "coordinates": [1, 2]}}]},
        {"why": "x", "edits": [{**house(), "geometry": {"type": "Polygon", "coordinates": [1]}}]},
        {
            "why": "x",
            "edits": [{**house(), "geometry": {"type": "Point", "coordinates": [181, 0]}}],
        },
        {
            "why": "x",
            "edits": [
                {**house(), "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}}
            ],
        },
        {
            "why": "x",
            "edits": [{**house(), "geometry": {"type": "Point", "coordinates": [True, False]}}],
        },
        '{"why": "x", "edits": [{"layer": "camera", "action": "create", "code": "c", "geometry": '
        + NAN
        + "}]}",
        '{"why": "x", "edits": [{"layer": "building", "action": "create", "code": "c", "fields": '
        '{"height_m": Infinity}}]}',
        '{"why": "\\ud800", "edits": []}',
        "[" * 5000,
    ],
    ids=str,
)
def test_bodies_that_mean_nothing_are_refused_before_anything_is_read(shared, body):
    before = state(shared.app.state.engine)
    raw = body if isinstance(body, str) else json.dumps(body)
    answer = shared.post(
        f"{V1}/change-sets", content=raw, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert state(shared.app.state.engine) == before


def test_a_version_is_what_json_takes_for_a_whole_number():
    row = {"layer": "building", "action": "end", "code": "T1"}
    assert EditBody(**row, version=3.0).version == 3
    for version in (3.5, True, "3", 0, 0.0, None):
        with pytest.raises(ValidationError):
            EditBody(**row, version=version)


@pytest.mark.parametrize(
    ("kind", "coordinates", "good"),
    [
        ("Point", [107, 29], True),
        ("Point", [107, 29, 5.5], True),
        ("Point", [107], False),
        ("Point", [107, 29, 5, 5], False),
        ("Point", [29, 107], False),
        ("Point", [[107, 29]], False),
        ("LineString", [[107, 29], [108, 29]], True),
        ("LineString", [[107, 29]], False),
        ("Polygon", [[[0, 0], [1, 0], [1, 1], [0, 0]]], True),
        ("Polygon", [[[0, 0], [1, 0], [0, 0]]], False),
        ("Polygon", [[0, 0], [1, 0], [1, 1], [0, 0]], False),
        ("MultiPolygon", [[[[0, 0], [1, 0], [1, 1], [0, 0]]]], True),
        ("MultiLineString", [], False),
        ("MultiLineString", [[[0, 0], [1, 1]], [[2, 2], [3, 3]]], True),
        ("Circle", [107, 29], False),
    ],
)
def test_the_schema_of_a_shape_takes_what_is_taken(kind, coordinates, good):
    shape = {"type": kind, "coordinates": coordinates}
    validator = jsonschema.Draft202012Validator(GeoJson.model_json_schema())
    assert validator.is_valid(shape) == good
    if good:
        assert GeoJson(**shape).shape().geom_type == kind
    else:
        with pytest.raises(ValidationError):
            GeoJson(**shape)


@pytest.mark.parametrize("text", ["a\nb\tc", "幸福路7号", "a\x00b", "a\x1bb", "a\x7fb", ""])
def test_the_schema_of_a_text_takes_what_is_taken(text):
    body = {"why": "x", "fields": {"name": text}, "geometry": None}
    validator = jsonschema.Draft202012Validator(RowBody.model_json_schema())
    try:
        RowBody(**body)
        taken = True
    except ValidationError:
        taken = False
    assert validator.is_valid(body) == taken
    assert taken == text.replace("\n", "").replace("\t", "").isprintable()


def test_a_shape_has_a_limit_of_vertices(monkeypatch):
    monkeypatch.setattr(bodies, "MOST_VERTICES", 4)
    line = [[106.0 + n / 1e6, 29.5] for n in range(5)]
    with pytest.raises(ValueError, match="over 4 vertices"):
        bodies.GeoJson(type="LineString", coordinates=line)
    with pytest.raises(ValueError, match="finite"):
        bodies.GeoJson(type="Point", coordinates=[float("nan"), 1])


def test_a_body_is_counted_as_it_comes(shared):
    def large():
        yield b'{"why": "'
        for _ in range(33):
            yield b"x" * (1 << 20)

    for body in (large(), b"".join(large())):  # of the first no length is announced
        answer = shared.post(
            f"{V1}/change-sets", content=body, headers={"Content-Type": "application/json"}
        )
        assert (answer.status_code, answer.json()["status"]) == (413, 413)


# --- single rows


def test_a_write_says_on_which_version_it_is_based(client):
    path = "buildings/T1"
    etag = tag(client, path)
    missing = client.patch(f"{V1}/{path}", json={"fields": {}, "why": "x"})
    assert (missing.status_code, missing.json()["code"]) == (428, "version_needed")
    for wrong in ("*", "14", 'W/"14"', '"a"', '"1", "2"'):
        answer = patch(client, path, wrong, {})
        assert (answer.status_code, answer.json()["code"]) == (422, "input"), wrong
    first = patch(client, path, etag, {"floors": 6})
    assert first.status_code == 200
    assert first.headers["ETag"] == tag(client, path) != etag
    late = patch(client, path, etag, {"name": "乙"})
    assert (late.status_code, late.json()["code"]) == (412, "stale_version")
    row = client.get(f"{V1}/{path}").json()
    assert (row["floors"], row["name"]) == (6, "1号楼")


def test_two_clients_at_once_lose_nothing(client):
    etag, barrier, answers = tag(client, "buildings/T1"), threading.Barrier(2), {}

    def write(name):
        barrier.wait()
        answers[name] = patch(client, "buildings/T1", etag, {"name": name}).status_code

    threads = [threading.Thread(target=write, args=(name,)) for name in ("甲", "乙")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers.values()) == [200, 412]
    won = next(name for name, status in answers.items() if status == 200)
    assert client.get(f"{V1}/buildings/T1").json()["name"] == won


def test_a_row_is_replaced_and_ended(client):
    etag = tag(client, "buildings/T8")
    body = {"fields": {"name": "新"}, "geometry": shape(410, 50, 430, 70), "effective": DAY}
    headers = {"If-Match": etag, "X-Change-Reason": urllib.parse.quote("重测 outline")}
    put = client.put(f"{V1}/buildings/T8", json=body, headers=headers)
    assert (put.status_code, put.json()["reason"]) == (200, "重测 outline")
    assert client.get(f"{V1}/buildings/T8").json()["floors"] is None
    bare = client.delete(f"{V1}/buildings/T8", headers={"If-Match": put.headers["ETag"]})
    assert (bare.status_code, bare.json()["detail"][:7]) == (422, "say why")
    headers["If-Match"] = put.headers["ETag"]
    trial = client.delete(f"{V1}/buildings/T8?effective={DAY}&dry_run=true", headers=headers)
    assert (trial.json()["ended"], trial.json()["dry_run"]) == (1, True)
    gone = client.delete(f"{V1}/buildings/T8?effective={DAY}", headers=headers)
    assert (gone.status_code, gone.json()["ended"]) == (200, 1)
    assert "ETag" not in gone.headers
    assert client.get(f"{V1}/buildings/T8").status_code == 404
    again = client.delete(f"{V1}/buildings/T8?effective={DAY}", headers=headers)
    assert (again.status_code, again.json()["code"]) == (404, "row_not_found")


def test_a_row_with_a_key_of_several_columns_has_a_path(client):
    path = "duties/G2/party_group/T2"
    assert client.get(f"{V1}/{path}").json()["mode"] == "joint"
    assert patch(client, path, tag(client, path), {"mode": "own"}).status_code == 200
    assert client.get(f"{V1}/{path}").json()["mode"] == "own"


def test_only_layers_have_rows_and_no_other_route_is_hidden(shared):
    for path in ("castle/T1", "buildings/none", "buildings/%00", "buildings/" + "x" * 300):
        assert shared.get(f"{V1}/{path}").status_code in (404, 422), path
    assert shared.get(f"{V1}/batches/1").status_code == 200
    assert shared.get(f"{V1}/batches/x").status_code == 422


STRANGE = [
    "'; DROP TABLE building; --",
    "%s %(x)s {0} ${jndi:ldap://x}",
    "<script>alert(1)</script>",
    "\\N",
    "\"quoted\", 'quoted'",
    '=HYPERLINK("http://x","y")',
    "+1-1",
    "@SUM(A1)",
    "NULL",
    "a\tb\nc",
    "𠮷野家 \u202e مرحبا",
]


@pytest.mark.parametrize("text", STRANGE)
def test_whatever_is_written_is_text_and_comes_back_the_same(shared, text):
    answer = send(shared, house(text.strip()[:60], name=text, address=text), why=text)
    code = urllib.parse.quote(text.strip()[:60], safe="")
    if any(sign in text for sign in "\t\n"):  # of a code only its path is narrower than its cell
        assert answer.status_code == 201
        return
    assert answer.status_code == 201, answer.text
    row = shared.get(f"{V1}/buildings/{code}").json()
    assert (row["code"], row["name"], row["address"]) == (
        text.strip()[:60],
        text,
        text,
    )
    assert shared.get(f"{V1}/batches?limit=1").json()[0]["reason"] == text
    assert shared.get(f"{V1}/buildings/T1").status_code == 200


def test_formulas_are_inert_in_every_export(client, tmp_path):
    send(client, house(name="=1+1", address="@SUM(A1)"))
    csv = client.get(f"{V1}/exports/building.csv").content.decode("utf-8-sig")
    line = next(line for line in csv.splitlines() if line.startswith("N1"))
    assert line.split(",")[1:3] == ["'=1+1", "'@SUM(A1)"]
    sheet = tmp_path / "b.xlsx"
    sheet.write_bytes(client.get(f"{V1}/exports/building.xlsx").content)
    import zipfile

    with zipfile.ZipFile(sheet) as book:
        text = "".join(book.read(n).decode() for n in book.namelist() if "worksheets" in n)
    assert "<f>" not in text


# --- once only


def test_one_key_gives_one_answer(client):
    key = {"Idempotency-Key": "k-1"}
    first = send(client, house(), headers=key)
    again = send(client, house(), headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert "Idempotent-Replay" not in first.headers
    assert again.headers["Idempotent-Replay"] == "true"
    other = send(client, house("N2"), headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    for bad in ("", "a b", "x" * 129):
        assert send(client, house(), headers={"Idempotency-Key": bad}).status_code == 422, bad
    as_role(client, Role.PLANNER, "wang")
    mine = send(client, house("N5", 60), headers=key)
    assert mine.status_code == 201, "a key is of one account"

    path = "buildings/T1"
    etag = tag(client, path)
    one = patch(client, path, etag, {"floors": 6}, Idempotency_Key="k-2")
    two = patch(client, path, etag, {"floors": 6}, Idempotency_Key="k-2")
    assert (one.status_code, two.status_code) == (200, 200), "the replay is before the version"
    assert one.headers["ETag"] == two.headers["ETag"]
    batch = one.json()["batches"][0]["id"]
    undo = {"headers": {"Idempotency-Key": "k-3"}, "json": {"why": "误"}}
    done = [client.post(f"{V1}/batches/{batch}/undo", **undo) for _ in range(2)]
    assert [one.status_code for one in done] == [200, 200]
    assert done[0].json() == done[1].json()
    assert tag(client, path) == etag


def test_two_requests_with_one_key_at_once_are_one_write(client):
    barrier, answers = threading.Barrier(2), []

    def write():
        barrier.wait()
        answers.append(send(client, house(), headers={"Idempotency-Key": "k"}))

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.status_code for one in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert sum("Idempotent-Replay" in one.headers for one in answers) == 1


# --- the book, differences, exports


def test_the_book_is_paged_and_shows_what_changed(client):
    send(client, house())
    pages, before = [], None
    while rows := client.get(
        f"{V1}/batches", params={"limit": 5, **({"before": before} if before else {})}
    ).json():
        pages += [one["id"] for one in rows]
        before = rows[-1]["id"]
    assert pages == list(range(14, 0, -1))
    shown = client.get(f"{V1}/batches/14").json()
    assert [one["code"] for one in shown["rows"]["building"]["after"]] == ["N1"]
    assert "key" not in shown["batch"]
    assert client.get(f"{V1}/batches/99").json()["code"] == "batch_not_found"


def test_a_difference_shows_a_change(client):
    send(client, house())
    told = client.get(f"{V1}/diff", params={"from": "2026-05-31", "to": DAY}).json()
    assert (told["from"], told["to"]) == ("2026-05-31", DAY)
    assert [(one["code"], one["change"]) for one in told["buildings"]["rows"]] == [("N1", "added")]
    assert told["divisions"]["total"] == 0
    assert client.get(f"{V1}/diff", params={"from": DAY, "to": DAY}).status_code == 422


@pytest.mark.parametrize("ending", ["xlsx", "csv", "geojson", "gpkg"])
def test_an_export_is_a_file_that_is_gone_on_the_server(client, ending, monkeypatch):
    made = []
    real = jobs.export_layer

    def watched(engine, name, target, **options):
        made.append(target)
        return real(engine, name, target, **options)

    monkeypatch.setattr("gridmap.web.changes.jobs.export_layer", watched)
    answer = client.get(f"{V1}/exports/building.{ending}", params={"as_of": DAY})
    assert answer.status_code == 200
    assert len(answer.content) > 500
    assert (
        answer.headers["Content-Disposition"] == f'attachment; filename="building-{DAY}.{ending}"'
    )
    assert not made[0].parent.exists()
    event = jobs.audit_events(client.app.state.engine, limit=1)[0]
    assert (event["action"], event["actor"], event["subject"]) == ("export", ADMIN, "building")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("castle.csv", 404),
        ("building.vrt", 422),
        ("..%2F..%2Fetc%2Fpasswd.csv", 404),
        ("building.csv?unit=990199", 404),
        ("building.csv?unit=../x", 422),
        ("building.csv?crs=EPSG:1", 422),
    ],
)
def test_exports_of_nothing_leave_nothing(shared, path, status):
    left = set(Path("/tmp").glob("gridmap-export-*"))
    assert shared.get(f"{V1}/exports/{path}").status_code == status
    assert set(Path("/tmp").glob("gridmap-export-*")) <= left


# --- rights

WRITES = [
    ("POST", "change-sets", {"why": "x", "edits": [house()]}),
    ("PUT", "buildings/T1", {"why": "x"}),
    ("PATCH", "buildings/T1", {"why": "x"}),
    ("DELETE", "buildings/T1", None),
    ("POST", "batches/1/undo", {"why": "x"}),
    ("POST", "corrections/1/accept", {}),
    ("POST", "corrections/1/decline", {}),
    ("POST", "refreshes", {"subject": "org"}),
    ("POST", "imports?layer=building&effective=2026-06-01", None),
]


@pytest.mark.parametrize("role", [Role.LEADERSHIP, Role.OFFICER, Role.LEADER, Role.INTEGRATION])
def test_who_may_not_write_writes_nothing(everybody, role):
    before = state(everybody.app.state.engine)
    as_role(everybody, role)
    for method, path, body in WRITES:
        answer = everybody.request(
            method,
            f"{V1}/{path}",
            json=body,
            headers={"If-Match": '"6"', "X-Change-Reason": "x"},
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "outside_scope"), path
    assert state(everybody.app.state.engine) == before


@pytest.mark.parametrize(
    ("path", "roles"),
    [
        ("buildings/T1", {"admin", "planner", "officer", "leader", "integration"}),
        ("cameras/99010100001310000002", {"admin", "planner", "officer"}),
        ("batches", {"admin", "planner", "officer", "leader", "integration"}),
        ("batches/1", {"admin", "planner", "officer"}),
        (f"diff?from=2026-05-01&to={DAY}", {"admin", "planner", "officer"}),
        ("exports/building.csv", {"admin", "planner", "officer", "leader", "integration"}),
        ("exports/camera.csv", {"admin", "planner", "officer"}),
        ("corrections", {"admin", "planner", "officer", "leader", "integration"}),
    ],
)
def test_who_may_read_what(everybody, path, roles):
    found = set()
    for role in Role:
        as_role(everybody, role)
        status = everybody.get(f"{V1}/{path}").status_code
        assert status in (200, 403)
        found |= {str(role)} if status == 200 else set()
    assert found == roles


def test_figures_of_the_whole_are_computed_by_who_sees_the_whole(everybody):
    as_role(everybody, Role.PLANNER, ranges=("990101001",))
    answer = everybody.post(f"{V1}/refreshes", json={"subject": "org"})
    assert (answer.status_code, answer.json()["code"]) == (403, "outside_scope")


@pytest.mark.parametrize("role", [Role.ADMIN, Role.PLANNER])
def test_who_sees_a_part_writes_nothing_but_corrections(everybody, role):
    """The checks of a write see the whole district, and their words would tell of it."""
    before = state(everybody.app.state.engine)
    as_role(everybody, role, ranges=("990101001001",))
    for method, path, body in WRITES:
        headers = {"If-Match": '"6"', "X-Change-Reason": "x"}
        answer = everybody.request(method, f"{V1}/{path}", json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "outside_scope"), path
    for path in ("batches", "batches/1", f"diff?from=2026-05-01&to={DAY}"):
        assert everybody.get(f"{V1}/{path}").status_code == 403
    assert state(everybody.app.state.engine) == before


# --- corrections


def test_nobody_corrects_or_hears_of_what_is_beyond_the_border(client):
    """T1 is in one community, T5 in the next, T8 in none."""
    for code in ("T1", "T5", "T8"):
        assert say(client, code=code, text="x").status_code == 201
    as_role(client, Role.LEADER, "wang", ranges=("990101001001",))
    assert [one["code"] for one in client.get(f"{V1}/corrections").json()] == ["T1"]
    for code, status in (("T1", 201), ("T5", 404), ("T8", 404)):
        assert say(client, code=code, text="y").status_code == status
        assert client.get(f"{V1}/buildings/{code}").status_code == (200 if status == 201 else 404)
    exported = client.get(f"{V1}/exports/building.csv", params={"as_of": DAY}).text
    codes = {line.split(",")[0].lstrip("\ufeff") for line in exported.splitlines()}
    assert codes == {"code", "T1", "T2", "T3", "T4"}


def say(client, headers=None, **body):
    body = {"layer": "building", "code": "T1", **body}
    return client.post(f"{V1}/corrections", json=body, headers=headers or {})


def test_a_leader_says_and_a_planner_decides(client):
    as_role(client, Role.LEADER, "wang")
    taken = say(client, field="floors", value=6, note="数过")
    told = taken.json()
    assert (taken.status_code, told["state"], told["unit_code"]) == (201, "open", GRID)
    assert (told["fields"], told["note"], told["account"]) == ({"floors": 6}, "数过", "wang")
    assert client.get(f"{V1}/buildings/T1").json()["floors"] == 5
    number = told["id"]
    assert client.post(f"{V1}/corrections/{number}/accept", json={}).status_code == 403

    as_role(client, Role.PLANNER, "li")
    done = client.post(f"{V1}/corrections/{number}/accept", json={"effective": DAY})
    assert (done.status_code, done.json()["updated"]) == (200, 1)
    row = client.get(f"{V1}/buildings/T1")
    assert (row.json()["floors"], row.headers["ETag"]) == (6, done.headers["ETag"])
    listed = client.get(f"{V1}/corrections").json()[0]
    assert (listed["state"], listed["decided_by"]) == ("accepted", "li")
    assert listed["change_set"] == done.json()["change_set"]
    for what in ("accept", "decline"):
        late = client.post(f"{V1}/corrections/{number}/{what}", json={})
        assert (late.status_code, late.json()["code"]) == (409, "conflict")
    actions = [one["action"] for one in jobs.audit_events(client.app.state.engine, limit=2)]
    assert actions == ["change", "correction"]


def test_a_place_and_words_are_corrections_too(client):
    moved = say(client, geometry=shape(110, 60, 130, 80))
    words = say(client, code="T2", text="门在北面")
    assert (moved.status_code, words.status_code) == (201, 201)
    number = words.json()["id"]
    mute = client.post(f"{V1}/corrections/{number}/accept", json={"effective": DAY})
    assert (mute.status_code, mute.json()["code"]) == (422, "input")
    said = {"effective": DAY, "fields": {"name": "北门楼"}, "why": "核对"}
    assert client.post(f"{V1}/corrections/{number}/accept", json=said).status_code == 200
    assert client.get(f"{V1}/buildings/T2").json()["name"] == "北门楼"
    first = moved.json()["id"]
    assert (
        client.post(f"{V1}/corrections/{first}/accept", json={"effective": DAY}).status_code == 200
    )
    assert say(client, code="T1", field="floors", value=1).json()["unit_code"] == NEXT_GRID


def test_a_correction_of_a_row_that_changed_is_looked_at_again(client):
    number = say(client, field="floors", value=6).json()["id"]
    patch(client, "buildings/T1", tag(client, "buildings/T1"), {"floors": 7})
    stale = client.post(f"{V1}/corrections/{number}/accept", json={"effective": DAY})
    assert stale.status_code == 412
    assert client.get(f"{V1}/corrections?state=open").json()[0]["id"] == number
    now = int(tag(client, "buildings/T1").strip('"'))
    said = {"effective": DAY, "version": now}
    assert client.post(f"{V1}/corrections/{number}/accept", json=said).status_code == 200


def test_a_correction_is_declined_once(client):
    number = say(client, field="floors", value=6).json()["id"]
    first = client.post(f"{V1}/corrections/{number}/decline", json={"why": "不对"})
    again = client.post(f"{V1}/corrections/{number}/decline", json={"why": "不对"})
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.headers["Idempotent-Replay"] == "true"
    other = client.post(f"{V1}/corrections/{number}/decline", json={"why": "别的"})
    assert other.status_code == 409
    none = client.post(f"{V1}/corrections/999/decline", json={})
    assert (none.status_code, none.json()["code"]) == (404, "correction_not_found")
    assert client.get(f"{V1}/buildings/T1").json()["floors"] == 5


@pytest.mark.parametrize(
    ("body", "status", "rule"),
    [
        ({"field": "floors", "value": 900}, 422, "F04"),
        ({"field": "floors", "value": "six"}, 422, "F03"),
        ({"field": "colour", "value": "red"}, 422, "E01"),
        ({"field": "code", "value": "T9"}, 422, "E01"),
        ({"field": "name", "value": "王 138 0013 8000"}, 422, "E02"),
        ({"text": "住户 500108199001011234"}, 422, "E02"),
        ({"field": "floors", "value": 6, "note": "电话：138-0013-8000"}, 422, "E02"),
        ({"geometry": {"type": "Point", "coordinates": [106.5976, 29.5046]}}, 422, "G01"),
        ({}, 422, None),
        ({"field": "floors", "value": 6, "text": "x"}, 422, None),
        ({"value": 6, "text": "x"}, 422, None),
        ({"code": "T99", "field": "floors", "value": 6}, 404, None),
        ({"layer": "lens", "code": "x", "text": "x"}, 422, None),
    ],
    ids=str,
)
def test_what_can_never_be_accepted_is_not_taken(shared, body, status, rule):
    answer = say(shared, **body)
    assert answer.status_code == status, answer.text
    if rule:
        assert rule in {one["rule"] for one in answer.json()["issues"]}
    assert shared.get(f"{V1}/corrections").json() == []


def test_corrections_are_taken_once_and_paged(client):
    key = {"Idempotency-Key": "k"}
    first = say(client, headers=key, field="floors", value=6)
    again = say(client, headers=key, field="floors", value=6)
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replay"] == "true"
    assert say(client, headers=key, field="floors", value=7).status_code == 409
    numbers = [say(client, field="floors", value=n).json()["id"] for n in range(1, 5)]
    page = client.get(f"{V1}/corrections", params={"limit": 2}).json()
    assert [one["id"] for one in page] == numbers[:1:-1]
    rest = client.get(f"{V1}/corrections", params={"before": page[-1]["id"]}).json()
    assert [one["id"] for one in rest] == [numbers[1], numbers[0], first.json()["id"]]


def test_a_leader_hears_nothing_of_cameras(client):
    camera = {"layer": "camera", "code": "99010100001310000002", "text": "镜头被遮挡"}
    assert say(client, **camera).status_code == 201
    as_role(client, Role.LEADER)
    assert say(client, **camera).status_code == 403
    assert client.get(f"{V1}/corrections").json() == []


@pytest.mark.parametrize(
    ("text", "person"),
    [
        ("13800138000", True),
        ("+86 138 0013 8000", True),
        ("１３８００１３８０００", True),
        ("50010819900101123X", True),
        ("500108 19900101 1234", True),
        ("6层，约 120 户", False),
        ("网格 990101001001001", False),
        ("99010100001310000002", False),
        ("12345678901", False),
        ("2026-06-01", False),
    ],
)
def test_numbers_of_persons_are_known_from_other_numbers(text, person):
    assert names_a_person(text) is person
