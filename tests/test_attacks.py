"""Whoever means harm: injection in every parameter, paths, large and slow requests, headers."""

import re
import socket
import time

import pytest
import sqlalchemy as sa
from accounts_fixtures import routes_of, settings_of, signed_client, token_of
from fastapi.testclient import TestClient
from sqlalchemy.engine import make_url
from toy_town import served

from gridmap import cluster
from gridmap import tables as t
from gridmap.model import Role
from gridmap.web import create_app, limits
from gridmap.web.throttle import BY_STRANGER

pytestmark = pytest.mark.db

SITE = "http://127.0.0.1"
OWN = "990101001001"
PAYLOADS = (
    "' OR '1'='1",
    "1) OR (1=1",
    "'; DROP TABLE building; --",
    "' UNION SELECT key FROM scope_key --",
    "1; SELECT pg_sleep(9) --",
    "'||(SELECT pg_sleep(9))||'",
    "1 AND 1=(SELECT COUNT(*) FROM audit_event)",
    "$$;SET ROLE gridmap;$$",
    "'; SELECT set_config('gridmap.ranges','{[,)}',true); --",
    "%27%20OR%201%3D1",
    "\\'; SELECT 1",
    "../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "/etc/passwd%00",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "<svg onload=alert(1)>",
    "\x00",
    "９９０１０１",
    "\u202e990101",
    "9" * 5000,
)


@pytest.fixture(scope="module")
def url(new_database, serviced_template):
    return new_database(serviced_template)


@pytest.fixture(scope="module")
def client(url):
    with signed_client(url, name="li", role=Role.OFFICER, ranges=(OWN,)) as client:
        yield client


@pytest.fixture(scope="module")
def superuser(url):
    engine = sa.create_engine(make_url(url).set(username=cluster.SUPERUSER))
    yield engine
    engine.dispose()


def get_routes(app):
    return sorted({route.path: route for route in routes_of(app) if "GET" in route.methods}.items())


PLAIN = {"/tiles/{layers}/{zoom}/{column}/{row}": ["lens", "day", "before"]}
"""What a route that is not FastAPI's reads of its query."""

GOOD = {
    **{"code": "T1", "layer": "building", "collection": "building", "feature": "T1", "lens": "x"},
    **{"matrix_set": "WebMercatorQuad", "matrix": "15", "row": "1", "column": "1", "lon": "106.5"},
    **{"lat": "29.5", "bbox": "106,29,108,30", "target": "T1", "ending": "csv", "batch_id": "1"},
    **{"from": "2026-01-01", "to": "2026-02-01", "job_id": "x", "holder_code": "G1", "link": "x"},
    **{"service": "party_group", "target_code": "T1"},
}


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda text: text[:24].encode().hex())
def test_no_parameter_reaches_the_database_as_sql(client, superuser, payload):
    """Every path and query parameter of every GET route, one at a time, as sqlmap would."""
    with superuser.connect() as conn:
        count = sa.select(sa.func.count()).select_from(t.building)
        before = conn.execute(count).scalar_one()
    for path, route in get_routes(client.app):
        if path.startswith("/sign-in/oidc"):
            continue
        plain = re.sub(r":\w+}", "}", path)
        names = re.findall(r"{(\w+)}", plain)
        query = PLAIN.get(path) or [field.alias for field in route.dependant.query_params]
        for name in [*names, *query, "unheard_of"]:
            values = GOOD | {name: payload.replace("\x00", "%00") if name in names else payload}
            told = {key: values[key] for key in query if key in GOOD or key == name}
            if name == "unheard_of":
                told[name] = payload
            begun = time.monotonic()
            filled = plain.format(**{key: values.get(key, "1") for key in names})
            answer = client.get(filled, params=told, follow_redirects=False)
            assert answer.status_code < 500, (path, name, answer.text)
            assert answer.status_code != 429, "then nothing was tried"
            assert time.monotonic() - begun < 8, (path, name, "slept")
            assert not re.search(r"psycopg|sqlalchemy|syntax error|Traceback", answer.text)
            assert "root:x:" not in answer.text
    with superuser.connect() as conn:
        assert conn.execute(count).scalar_one() == before


@pytest.mark.parametrize(
    "path",
    [
        "/static/../settings.py",
        "/static/%2e%2e/settings.py",
        "/static/..%2f..%2fsettings.py",
        "/static//etc/passwd",
        "/static/vendor/../../app.py",
        "/static/vendor/..%5c..%5capp.py",
    ],
)
def test_static_files_are_those_of_the_folder(client, path):
    answer = client.get(path)
    assert answer.status_code in (400, 404, 405)
    assert "import" not in answer.text


# --- size and time


def test_what_is_too_large_is_refused(client):
    body = b"x" * (limits.BODY_BYTES + 1)
    for path in ("/sign-in", "/api/v1/change-sets", "/nowhere"):
        answer = client.post(path, content=body)
        assert (answer.status_code, answer.json()["code"]) == (413, "http"), path
    sent = client.post("/api/v1/change-sets", content=(body[:100_000] for _ in range(30)))
    assert sent.status_code == 413, "its length was not announced"


def test_what_is_too_slow_is_ended_and_others_go_on(url, monkeypatch):
    monkeypatch.setattr(limits, "BODY_S", 1.0)
    with served(url) as site:
        host, port = site.removeprefix("http://").split(":")
        slow = []
        for _ in range(30):
            one = socket.create_connection((host, int(port)))
            one.sendall(
                b"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n"
                b"Content-Type: application/x-www-form-urlencoded\r\nOrigin: http://127.0.0.1\r\n"
                b"\r\nname="
            )
            slow.append(one)
        half = socket.create_connection((host, int(port)))
        half.sendall(b"GET /health HTTP/1.1\r\nHost: 127")
        begun = time.monotonic()
        with socket.create_connection((host, int(port))) as quick:
            quick.sendall(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert b"200 OK" in quick.recv(4000)
        assert time.monotonic() - begun < 1.0
        for one in slow:
            one.settimeout(20)
            assert b" 408 " in one.recv(4000).partition(b"\r\n")[0]
            one.close()
        half.close()


def test_one_account_can_ask_so_much(url):
    token = token_of(url, "busy", Role.LEADER, (OWN,))
    settings = settings_of(url, requests_per_minute=5)
    with TestClient(create_app(settings), base_url=SITE) as client:
        headers = {"Authorization": f"Bearer {token}"}
        answers = [client.get("/api/v1/lenses", headers=headers) for _ in range(12)]
    codes = [answer.status_code for answer in answers]
    assert codes[:5] == [200] * 5
    assert codes[-1] == 429
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60


def test_tokens_of_nobody_are_counted(url):
    with TestClient(create_app(settings_of(url)), base_url=SITE) as client:
        codes = [
            client.get(
                "/api/v1/lenses", headers={"Authorization": f"Bearer gm_{number:0>43}"}
            ).status_code
            for number in range(BY_STRANGER.amount + 2)
        ]
    assert codes[0] == 401
    assert codes[-1] == 429


# --- headers


def test_every_answer_says_how_a_browser_is_to_take_it(client, url):
    for path in ("/", "/api/v1/lenses", "/ogc/collections", "/nowhere", "/static/gridmap.css"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "SAMEORIGIN"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "'unsafe-eval'" not in headers["Content-Security-Policy"]
        assert "geolocation=(self)" in headers["Permissions-Policy"]
        assert "Strict-Transport-Security" not in headers
        if not path.startswith("/static"):
            said = headers["Cache-Control"]
            assert "no-store" in said or said.startswith("private"), path
    page = client.get("/")
    [nonce] = set(re.findall(r"'nonce-([^']+)'", page.headers["Content-Security-Policy"]))
    scripts = re.findall(r"<script[^>]*>", page.text)
    assert all("src=" in one or f'nonce="{nonce}"' in one for one in scripts)
    with TestClient(create_app(settings_of(url)), base_url="https://127.0.0.1") as tls:
        assert "max-age" in tls.get("/health/live").headers["Strict-Transport-Security"]


def test_a_foreign_name_of_the_server_is_refused(client):
    assert client.get("/health/live", headers={"Host": "evil.example"}).status_code == 400
