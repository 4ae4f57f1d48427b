"""Files that come in, the queue, and how its progress is told: over HTTP, by a served site."""

import io
import json
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import httpx2 as httpx
import pytest
from accounts_fixtures import ADMIN, SECRET, settings_of, signed_client, token_of
from fastapi.testclient import TestClient
from toy_town import REPO, TOY_DAY, served

from gridmap import jobs, store
from gridmap.errors import TooManyTries
from gridmap.jobs import queue
from gridmap.model import WHOLE, Role, Scope
from gridmap.web import create_app, uploads
from gridmap.web.access import scope_of

pytestmark = pytest.mark.db

SITE = "http://127.0.0.1"
DAY = TOY_DAY.isoformat()
V1 = "/api/v1"
HOUSE = (
    b'code,floors,wkt\nN1,3,"POLYGON((364040 3266060, 364050 3266060, 364050 3266080, '
    b'364040 3266080, 364040 3266060))"\n'
)


@pytest.fixture(scope="module")
def client(new_database, toy_template):
    url = new_database(toy_template)
    token = token_of(url)
    with TestClient(create_app(settings_of(url, max_file_mb=1)), base_url=SITE) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def upload(client, content, name="building.csv", headers=None, **params):
    asked = {"layer": "building", "effective": DAY, "crs": "EPSG:4545", **params}
    files = {"file": (name, content)}
    return client.post(f"{V1}/imports", params=asked, files=files, headers=headers or {})


def ended(client, answer, seconds=60):
    assert answer.status_code == 202, answer.text
    where, deadline = answer.headers["Location"], time.monotonic() + seconds
    while time.monotonic() < deadline:
        job = client.get(where).json()
        if job["state"] not in ("queued", "running"):
            return job
        time.sleep(0.05)
    raise AssertionError(job)


def left(client):
    return list(client.app.state.uploads.iterdir())


def test_a_file_is_checked_then_imported_once(client):
    job = ended(client, upload(client, HOUSE))
    assert (job["state"], job["kind"], job["subject"]) == ("done", "import", "building")
    assert (job["report"]["inserted"], job["report"]["committed"]) == (1, False)
    assert client.get(f"{V1}/buildings/N1").status_code == 404

    key = {"Idempotency-Key": "k"}
    first = upload(client, HOUSE, headers=key, commit=True)
    job = ended(client, first)
    assert (job["report"]["committed"], job["report"]["source"]) == (True, "building.csv")
    assert client.get(f"{V1}/buildings/N1").json()["version"] == job["report"]["batch_id"]
    again = upload(client, HOUSE, headers=key, commit=True)
    assert (again.status_code, again.headers["Idempotent-Replay"]) == (202, "true")
    assert again.json()["id"] == first.json()["id"]
    assert again.json()["report"]["batch_id"] == job["report"]["batch_id"]
    other = upload(client, HOUSE + b"\n", headers=key, commit=True)
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    assert left(client) == []
    with store.transaction(client.app.state.engine) as conn:
        asked = store.read_events(conn, limit=2)
    assert list(asked["subject"]) == ["building", "building"]


def test_rows_with_errors_come_back_in_the_report(client):
    bad = HOUSE.replace(b"N1,3", b"N2,900")
    job = ended(client, upload(client, bad, commit=True))
    assert (job["state"], job["report"]["code"]) == ("failed", "layer_rejected")
    assert ("F04", 1) in {(one["rule"], one["row"]) for one in job["report"]["issues"]}


# --- attacks


@pytest.fixture
def secret(tmp_path):
    """A file of the server that no upload may read."""
    path = tmp_path / "secret.csv"
    path.write_text('code,floors,wkt\nLEAK,3,"POINT(1 1)"\n')
    return path


def _vrt(secret, _name):
    return (
        f'<OGRVRTDataSource><OGRVRTLayer name="secret"><SrcDataSource>{secret}</SrcDataSource>'
        "</OGRVRTLayer></OGRVRTDataSource>"
    ).encode()


def _gdalg(secret, _name):
    line = f"gdal vector pipeline ! read {secret} ! write streamed_file"
    return json.dumps({"type": "gdal_streamed_alg", "command_line": line}).encode()


@pytest.mark.parametrize("make", [_vrt, _gdalg])
@pytest.mark.parametrize("ending", ["csv", "geojson", "kml", "gpkg", "xlsx", "json"])
def test_a_file_that_names_another_reads_nothing(client, secret, make, ending):
    answer = upload(client, make(secret, ending), f"x.{ending}")
    job = ended(client, answer)
    assert job["state"] == "failed"
    assert "LEAK" not in json.dumps(job)
    assert str(secret) not in json.dumps(job)


def test_in_a_zip_neither(client, secret):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("x.geojson", _vrt(secret, ""))
    job = ended(client, upload(client, packed.getvalue(), "x.zip"))
    assert job["state"] == "failed"
    assert "LEAK" not in json.dumps(job)


def test_a_bomb_is_not_unpacked(client):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.csv", b"0" * (300 << 20))
    assert len(packed.getvalue()) < 1 << 20
    job = ended(client, upload(client, packed.getvalue(), "x.zip"))
    assert (job["state"], job["report"]["code"]) == ("failed", "file_unreadable")
    assert "unpacks to over" in job["report"]["detail"]


@pytest.mark.parametrize(
    "name",
    [
        "../../../../tmp/gridmap-evil.csv",
        "/tmp/gridmap-evil.csv",
        "..\\..\\gridmap-evil.csv",
        "a\0b.csv",
        "b;c!d://e.csv",
        "x" * 5000 + ".csv",
        "  .csv",
    ],
    ids=lambda name: name[:12],
)
def test_a_name_is_never_a_path(client, name, monkeypatch):
    seen = []
    real = jobs.import_layer

    def watched(engine, path, layer, **options):
        seen.append(path)
        return real(engine, path, layer, **options)

    monkeypatch.setattr("gridmap.web.uploads.jobs.import_layer", watched)
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="'
        + name.replace('"', "").encode()
        + b'"\r\n\r\n'
        + HOUSE
        + b"\r\n--b--\r\n"
    )
    answer = client.post(
        f"{V1}/imports?layer=building&effective={DAY}&crs=EPSG:4545",
        content=body,
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    if answer.status_code == 422:
        assert not seen
    else:
        job = ended(client, answer)
        assert job["state"] == "done"
        assert seen[0].parent == client.app.state.uploads
        assert seen[0].name.removesuffix(".csv").isalnum()
        source = job["report"]["source"]
        assert "/" not in source and "\\" not in source and len(source) <= 100
    assert not Path("/tmp/gridmap-evil.csv").exists()
    assert left(client) == []


def test_what_is_too_large_is_not_kept(client):
    over = HOUSE + b" " * (1 << 20)
    told = upload(client, over)
    assert (told.status_code, told.json()["code"]) == (413, "too_large")

    def parts():
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n\r\n'
        for _ in range(64):
            yield b"x" * 65_536
        yield b"\r\n--b--\r\n"

    # Sent in chunks nothing is announced: it is counted as it comes.
    lying = client.post(
        f"{V1}/imports?layer=building&effective={DAY}",
        content=parts(),
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    assert (lying.status_code, lying.json()["code"]) == (413, "too_large")
    assert left(client) == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/csv", HOUSE),
        ("multipart/form-data", HOUSE),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"--b--\r\n"),
        ("multipart/form-data; boundary=b", b"nonsense"),
        ("multipart/form-data; boundary=" + "b" * 3000, b"--b--\r\n"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--b--\r\n',
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n\r\n1',
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.vrt"\r\n\r\n1\r\n'
            b"--b--\r\n",
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n\r\n1\r\n'
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="y.csv"\r\n\r\n2\r\n'
            b"--b--\r\n",
        ),
        ("multipart/form-data; boundary=b", b"--b\r\n" + b"A: b\r\n" * 5000),
    ],
    ids=range(11),
)
def test_a_form_that_is_none_is_refused(client, kind, body):
    answer = client.post(
        f"{V1}/imports?layer=building&effective={DAY}", content=body, headers={"Content-Type": kind}
    )
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "input"
    assert left(client) == []


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"layer": "castle"}, 404),
        ({"effective": "soon"}, 422),
        ({"unit": "../x"}, 422),
        ({"encoding": "utf-8;x"}, 422),
        ({"file_layer": "a\x01"}, 422),
    ],
    ids=str,
)
def test_wrong_options_take_no_file(client, params, status):
    assert upload(client, HOUSE, **params).status_code == status
    assert left(client) == []


def test_the_private_folder_is_private_and_goes_with_the_server(toy_url):
    with signed_client(toy_url) as own:
        folder = own.app.state.uploads
        assert folder.stat().st_mode & 0o777 == 0o700
        dead = folder.parent / f"{uploads.FOLDER}999999999-x"
        dead.mkdir()
    assert not folder.exists()
    with signed_client(toy_url):
        assert not dead.exists(), "what a killed server left"


# --- jobs


def test_a_job_is_its_accounts_and_the_admins(client):
    def as_role(role, account):
        client.app.dependency_overrides[scope_of] = lambda: Scope(account, role, WHOLE)

    try:
        as_role(Role.PLANNER, "li")
        where = upload(client, HOUSE).headers["Location"]
        seen = {}
        for role, account in ((Role.PLANNER, "li"), (Role.PLANNER, "wang"), (Role.ADMIN, "root")):
            as_role(role, account)
            seen[account] = [client.get(where + more).status_code for more in ("", "/events")]
        assert seen == {"li": [200, 200], "wang": [404, 404], "root": [200, 200]}
    finally:
        client.app.dependency_overrides.clear()
    assert client.get(f"{V1}/jobs/{'0' * 32}").json()["code"] == "job_not_found"
    assert client.get(f"{V1}/jobs/x").status_code == 422


def test_a_refresh_is_a_job(client):
    answer = client.post(f"{V1}/refreshes", json={"subject": "org", "as_of": DAY})
    job = ended(client, answer)
    assert (job["state"], job["report"]["subject"]) == ("done", "org")
    rates = {one["measure"]: one for one in job["report"]["rates"]}
    assert rates["party_group.buildings"]["covered"] == 3
    camera = client.post(f"{V1}/refreshes", json={"subject": "camera", "as_of": DAY, "full": True})
    assert ended(client, camera)["state"] == "done"
    assert client.post(f"{V1}/refreshes", json={"subject": "all"}).status_code == 422


def test_only_so_many_jobs_wait(client, monkeypatch):
    go = threading.Event()
    order = queue.Order("refresh", "org", "busy", "x")
    line = client.app.state.queue
    try:
        for _ in range(queue.MOST_OF_ONE):
            line.submit(order, lambda _tell, _id: {"waited": go.wait(30)})
        with pytest.raises(TooManyTries, match="too many jobs"):
            line.submit(order, lambda _tell, _id: {})
    finally:
        go.set()
    other = line.submit(queue.Order("refresh", "org", "li", "x"), lambda _tell, _id: {"a": 1})[0]
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = jobs.job_of(client.app.state.engine, other["id"], account="li", every=False)
        if found["state"] == "done":
            break
        time.sleep(0.05)
    assert found["report"] == {"a": 1}


def test_a_fault_of_our_own_ends_its_job_and_not_the_queue(client, caplog):
    def fail(_tell, _id):
        raise ZeroDivisionError("secret")

    line = client.app.state.queue
    job = line.submit(queue.Order("refresh", "org", ADMIN, "x"), fail)[0]
    answer = client.get(f"{V1}/jobs/{job['id']}")
    deadline = time.monotonic() + 20
    while answer.json()["state"] in ("queued", "running") and time.monotonic() < deadline:
        time.sleep(0.05)
        answer = client.get(f"{V1}/jobs/{job['id']}")
    assert (answer.json()["state"], answer.json()["report"]["code"]) == ("failed", "internal")
    assert "secret" not in answer.text
    assert ended(client, upload(client, HOUSE))["state"] == "done"


def events(lines):
    """Take a stream of events apart."""
    found, now = [], {}
    for line in lines:
        if not line and now:
            found.append((now.get("event"), json.loads(now["data"])))
            now = {}
        elif line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            now[name] = value
    return found


def test_progress_is_streamed_to_its_end_by_a_served_site(town, monkeypatch):
    """By a real client of a real server: each step, then the report, then the stream ends."""
    monkeypatch.setattr(queue, "TOLD_EVERY_S", 0.0)
    real = jobs.import_layer

    def slowly(engine, path, layer, *, progress, **options):
        for share in (0.25, 0.5, 0.75):
            progress("checking", share)
            time.sleep(0.9)
        return real(engine, path, layer, progress=progress, **options)

    monkeypatch.setattr("gridmap.web.uploads.jobs.import_layer", slowly)
    url = town.url.render_as_string(hide_password=False)
    with (
        served(url) as site,
        httpx.Client(
            base_url=site, timeout=60, headers={"Authorization": f"Bearer {token_of(url)}"}
        ) as client,
    ):
        answer = upload(client, HOUSE, commit=True)
        with client.stream("GET", answer.headers["Location"] + "/events") as stream:
            assert stream.status_code == 200
            assert stream.headers["content-type"].startswith("text/event-stream")
            told = events(stream.iter_lines())
        done = events(client.get(answer.headers["Location"] + "/events").text.split("\n"))
    assert [name for name, _ in told[:-1]] == ["progress"] * (len(told) - 1)
    shares = [one["share"] for _, one in told[:-1] if "share" in one]
    assert {0.25, 0.5, 0.75} <= set(shares)
    assert told[-1][0] == "end"
    assert (told[-1][1]["state"], told[-1][1]["report"]["inserted"]) == ("done", 1)
    assert done == told[-1:], "who comes late is told at once"


SERVER = """
import sys, time
import uvicorn
from gridmap import jobs
from gridmap.settings import Settings
from gridmap.web import create_app, uploads

def never(*_args, progress, **_options):
    progress("writing", 0.5)
    time.sleep(600)

uploads.jobs.import_layer = never
app = create_app(Settings(database_url=sys.argv[1], secret=sys.argv[2]))
server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
import threading
thread = threading.Thread(target=server.run, daemon=True)
thread.start()
while not server.started:
    time.sleep(0.02)
print(server.servers[0].sockets[0].getsockname()[1], flush=True)
thread.join()
"""


def test_a_job_whose_server_was_killed_is_aborted_and_can_be_asked_for_again(town):
    url = town.url.render_as_string(hide_password=False)
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, url, SECRET], stdout=subprocess.PIPE, text=True, cwd=REPO
    )
    key = {"Idempotency-Key": "k"}
    try:
        port = int(process.stdout.readline())
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            timeout=60,
            headers={"Authorization": f"Bearer {token_of(url)}"},
        ) as client:
            running = upload(client, HOUSE, headers=key, commit=True).json()
            waiting = upload(client, HOUSE, commit=True).json()
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                job = client.get(f"{V1}/jobs/{running['id']}").json()
                if job["progress"]:
                    break
                time.sleep(0.05)
            assert (job["state"], job["progress"]["step"]) == ("running", "writing")
        folders = list(Path("/tmp").glob(f"{uploads.FOLDER}{process.pid}-*"))
        with signed_client(url) as other:
            seen = other.get(f"{V1}/jobs/{running['id']}").json()
            assert seen["state"] == "running", "another server sees that it lives"
        process.send_signal(signal.SIGKILL)
        process.wait()
        with signed_client(url) as other:
            # The dead one's session may outlive it for a moment.
            assert _until(other, running, "aborted")["report"]["code"] == "aborted"
            assert _until(other, waiting, "aborted")["started_at"] is None
            told = events(other.get(f"{V1}/jobs/{running['id']}/events").text.split("\n"))
            assert [name for name, _ in told] == ["end"]
            assert not any(folder.exists() for folder in folders), "its files are gone"
            again = upload(other, HOUSE, headers=key, commit=True)
            assert again.json()["id"] == running["id"]
            assert "Idempotent-Replay" not in again.headers
            assert ended(other, again)["report"]["inserted"] == 1
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _until(client, job, state):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = client.get(f"{V1}/jobs/{job['id']}").json()
        if found["state"] == state:
            return found
        time.sleep(0.1)
    raise AssertionError(found)
