"""Signing in through the front door: forms, cookies, foreign sites, limits, what stays closed."""

import re
from urllib.parse import urlsplit

import pytest
from accounts_fixtures import (
    ADMIN,
    SITE,
    account,
    now,
    open_client,
    routes_of,
    signed_client,
    token_of,
    without_accounts,
)
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from gridmap import jobs, store
from gridmap.errors import TooManyTries
from gridmap.model import WHOLE, Role
from gridmap.settings import Settings
from gridmap.web import create_app
from gridmap.web import signed as signed_module
from gridmap.web.forms import local_path
from gridmap.web.signed import Seal
from gridmap.web.throttle import BY_ADDRESS, BY_NAME, Throttle, network_of

GOOD = "plum tree by the gate"
OTHER = "eleven grey herons"
PAGE = {"Accept": "text/html,application/xhtml+xml"}

# --- where to go afterwards


@pytest.mark.parametrize(
    "evil",
    [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "evil.example",
        "",
        None,
        "//[evil",
        "/" + "a" * 2001,
        "/sign-out",
        "/password",
    ],
)
def test_no_address_leads_away_after_signing_in(evil):
    assert local_path(evil) == "/"


@given(st.text(max_size=30))
def test_what_leads_on_is_a_path_of_this_site(text):
    path = local_path(text)
    assert path.startswith("/")
    assert urlsplit(SITE + path).netloc == "127.0.0.1"
    assert not path.startswith(("//", "/\\"))


def test_a_path_with_its_query_leads_on():
    assert local_path("/?lang=en&x=%2F%2Fa") == "/?lang=en&x=%2F%2Fa"


# --- how often


def test_tries_are_bounded_by_name_whatever_the_address():
    throttle = Throttle(1000)
    for number in range(BY_NAME.amount):
        throttle.count(f"192.0.2.{number}", "li")
    with pytest.raises(TooManyTries) as caught:
        throttle.count("192.0.2.99", "li")
    assert 1 <= caught.value.retry_after_s <= 301
    throttle.count("192.0.2.99", "wu")


def test_tries_are_bounded_by_address_whatever_the_name():
    throttle = Throttle(1000)
    for number in range(BY_ADDRESS.amount):
        throttle.count(f"2001:db8::{number:x}", f"name{number}")
    with pytest.raises(TooManyTries):
        throttle.count("2001:db8::ffff", "another")
    throttle.count("2001:db8:0:1::1", "another")


def test_an_address_has_one_form():
    assert network_of("::ffff:192.0.2.7") == network_of("192.0.2.7") == "192.0.2.7"
    assert network_of(None) == network_of("a socket") == "none"


# --- signatures


@given(st.text(max_size=60), st.text(max_size=60))
def test_what_was_not_signed_here_opens_nothing(cookie, token):
    seal = Seal("s" * 32)
    assert seal.opened(cookie) is None
    assert not seal.is_form_token("browser", token)
    assert not Seal("t" * 32).is_form_token("browser", seal.form_token("browser"))
    assert Seal("t" * 32).opened(seal.closed("session")) is None


def test_a_form_token_is_another_each_time_and_of_one_browser():
    seal = Seal("s" * 32)
    tokens = {seal.form_token("browser") for _ in range(20)}
    assert len(tokens) == 20
    assert all(seal.is_form_token("browser", token) for token in tokens)
    assert not any(seal.is_form_token("browse", token) for token in tokens)
    # What is bound to nobody is not taken for what is bound to somebody.
    assert not seal.is_form_token("x.browser", seal.form_token("browser").replace(".", ".x."))
    assert seal.opened(seal.closed("session")) == "session"


# --- the doors

pytestmark = pytest.mark.db


@pytest.fixture(scope="module")
def shared_url(new_database, toy_template):
    return new_database(toy_template)


@pytest.fixture
def url(shared_url):
    return without_accounts(shared_url)


@pytest.fixture
def client(url):
    with open_client(url) as client:
        client.headers.update(PAGE)
        yield client


@pytest.fixture
def officer(url):
    """An account over one street, whose first password is still to be changed."""
    return make(url, "li", Role.OFFICER, ("990101001",))


def make(url, name, role=Role.ADMIN, ranges=WHOLE):
    engine = store.connect(url)
    jobs.add_account(engine, name, role=role, ranges=ranges, now=now(), actor="test", password=GOOD)
    engine.dispose()
    return name


def form_of(client, path="/sign-in"):
    """Return the token that a page gives its form."""
    return re.search(r'name="csrf_token" value="([^"]+)"', client.get(path).text)[1]


def post(client, path, *, origin=SITE, page=None, **fields):
    token = form_of(client, page or path)
    return client.post(path, data={"csrf_token": token, **fields}, headers={"Origin": origin})


def enter(client, name="li", password=GOOD, **more):
    return post(client, "/sign-in", name=name, password=password, **more)


def settle(client, name="li"):
    """Sign in and change the first password."""
    assert enter(client, name).headers["location"] == "/"
    changed = post(client, "/password", current=GOOD, new=OTHER, again=OTHER)
    assert changed.status_code == 303
    return client


OPEN = {"/health", "/health/live", "/sign-in", "/sign-in/link/{link}", "/sign-in/oidc",
        "/sign-in/oidc/back", "/sign-out", "/locate-worker.js"}  # fmt: skip
"""What answers anybody; /sign-out does nothing for nobody, the worker is a script without data."""

DOCUMENTS = {"/api/docs", "/api/v1/openapi.json", "/ogc", "/ogc/", "/ogc/api", "/ogc/conformance",
             "/ogc/tileMatrixSets", "/ogc/tileMatrixSets/{matrix_set}"}  # fmt: skip
"""What the interfaces are, not what is in them."""

FILL = {"code": "990101", "layer": "building", "collection": "building", "matrix_set":
        "WebMercatorQuad"}  # fmt: skip


def test_every_route_asks_who_it_is(client):
    """A new route that answers anybody must be named in `OPEN` or `DOCUMENTS`."""
    seen, answered = set(), set()
    for route in routes_of(client.app):
        seen.add(route.path)
        if route.path in OPEN:
            continue
        named = route.path.replace("{collection:collection}", "buildings")
        path = re.sub(r"\{(\w+)(:\w+)?\}", lambda m: FILL.get(m[1], "1"), named)
        for method in route.methods - {"HEAD", "OPTIONS"}:
            answer = client.request(method, path, headers={"Accept": "application/json"})
            closed = answer.status_code in (401, 403) or (
                answer.status_code == 303 and answer.headers["location"].startswith("/sign-in")
            )
            if not closed:
                answered.add(route.path)
                for told in ("9901", "玩具区", "积木街道"):
                    assert told not in answer.text, f"{method} {path} tells of the district"
    assert answered == DOCUMENTS
    assert {"/", "/api/v1/locate", "/metrics", "/password", "/account"} <= seen
    assert seen >= OPEN


def test_programs_are_told_and_people_are_sent(client):
    told = client.get("/api/v1/coverage/990101")
    assert (told.status_code, told.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert told.json()["code"] == "sign_in_needed"
    assert client.get("/").headers["location"] == "/sign-in"
    sent = client.get("/?lang=en")
    assert (sent.status_code, sent.headers["location"]) == (
        303,
        "/sign-in?lang=en&next=%2F%3Flang%3Den",
    )
    for path in ("/health", "/health/live", "/sign-in", "/static/gridmap.css"):
        assert client.get(path).status_code == 200


def test_signing_in_changing_the_first_password_and_out(client, officer):
    answer = enter(client, next="/?lang=en")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?lang=en")
    cookie = answer.headers["set-cookie"]
    for flag in ("gridmap=", "HttpOnly", "SameSite=lax", "Path=/"):
        assert flag in cookie
    assert "Secure" not in cookie
    assert client.get("/").headers["location"] == "/password"
    onward = client.get("/?lang=en").headers["location"]
    assert onward == "/password?lang=en&next=%2F%3Flang%3Den"
    assert 'name="next" value="/?lang=en"' in client.get(onward).text
    assert client.get("/account").headers["location"] == "/password?next=%2Faccount"
    api = client.get("/api/v1/locate?lon=1&lat=1")
    assert (api.status_code, api.json()["code"]) == (403, "password_change_needed")
    assert post(client, "/password", current=GOOD, new=OTHER, again=OTHER).status_code == 303
    assert client.get("/").status_code == 200
    page = client.get("/account?lang=en")
    assert "990101001" in page.text
    assert "Street or community officer" in page.text
    out = post(client, "/sign-out", page="/account")
    assert out.headers["location"] == "/sign-in"
    assert client.get("/").headers["location"] == "/sign-in"


def test_wrong_passwords_are_told_alike(client, officer):
    texts = set()
    for name in ("li", "nobody"):
        answer = enter(client, name, "wrong password 17")
        assert answer.status_code == 403
        assert answer.headers["cache-control"] == "no-store"
        token = r'name="csrf_token" value="[^"]+"'
        texts.add(re.sub(token, "", answer.text).replace(f'value="{name}"', ""))
        assert "wrong password 17" not in answer.text
    assert len(texts) == 1
    assert 'role="alert"' in texts.pop()
    problem = client.post(
        "/sign-in",
        data={"csrf_token": form_of(client), "name": "li", "password": "x"},
        headers={"Origin": SITE, "Accept": "application/json"},
    )
    assert (problem.status_code, problem.json()["code"]) == (403, "sign_in_refused")


def test_a_new_password_is_looked_at(client, officer):
    enter(client)
    told = {}
    for new, again, current in (
        ("short", "short", GOOD),
        ("password123", "password123", GOOD),
        (OTHER, OTHER + "s", GOOD),
        (GOOD, GOOD, GOOD),
        (OTHER, OTHER, "wrong"),
    ):
        answer = post(client, "/password", current=current, new=new, again=again)
        told[new, again] = answer.status_code
        alert = re.search(r'role="alert">([^<]+)<', answer.text)[1]
        assert alert
        assert new not in answer.text
    assert list(told.values()) == [422, 422, 422, 409, 403]
    assert client.get("/").headers["location"] == "/password"


def test_a_session_is_new_at_every_sign_in(client, url, officer):
    """Who plants a session of their own before, or has seen one, has nothing of it afterwards."""
    settle(client)
    planted = client.cookies["gridmap"]
    client.cookies.set("gridmap", planted)
    with open_client(url) as other:
        make(url, "wu")
        other.headers.update(PAGE)
        other.cookies.set("gridmap", planted)
        assert enter(other, "wu").status_code == 303
        fresh = [c.value for c in other.cookies.jar if c.name == "gridmap"][-1]
    assert fresh != planted
    for invented in ("abc", "a" * 43, planted[:-1] + "A", planted.replace(".", "..")):
        client.cookies.clear()
        client.cookies.set("gridmap", invented)
        assert client.get("/").headers["location"] == "/sign-in"


def test_the_former_session_of_a_browser_ends(client, officer):
    settle(client)
    former = client.cookies["gridmap"]
    assert enter(client, "li", OTHER).status_code == 303
    assert client.cookies["gridmap"] != former
    client.cookies.clear()
    client.cookies.set("gridmap", former)
    client.app.state.remembered.forget("li")
    assert client.get("/").headers["location"] == "/sign-in"


def test_a_new_password_ends_other_sessions_at_once(client, url, officer):
    settle(client)
    stolen = client.cookies["gridmap"]
    assert post(client, "/password", current=OTHER, new=GOOD, again=GOOD).status_code == 303
    assert client.get("/").status_code == 200
    client.cookies.clear()
    client.cookies.set("gridmap", stolen)
    assert client.get("/").headers["location"] == "/sign-in"


def test_an_account_disabled_by_another_program_is_out_after_seconds(client, url, monkeypatch):
    token = token_of(url)
    ask = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/v1/lenses", headers=ask).status_code == 200
    engine = store.connect(url)
    jobs.disable_account(engine, ADMIN, now=now(), actor=None)
    engine.dispose()
    assert client.get("/api/v1/lenses", headers=ask).status_code == 200, "remembered"
    late = signed_module.time.monotonic() + signed_module.REMEMBERED_S
    monkeypatch.setattr(signed_module.time, "monotonic", lambda: late)
    assert client.get("/api/v1/lenses", headers=ask).status_code == 401
    assert signed_module.REMEMBERED_S <= 5


def test_who_asks_is_looked_up_once_in_a_while(url, monkeypatch):
    asked = []
    real = jobs.token_scope
    with signed_client(url) as client:
        monkeypatch.setattr(
            "gridmap.web.signed.jobs.token_scope",
            lambda *args, **options: asked.append(1) or real(*args, **options),
        )
        for _ in range(5):
            assert client.get("/api/v1/lenses").status_code == 200
    assert len(asked) == 1


@pytest.mark.parametrize(
    "sent",
    ["Bearer", "Bearer ", "Bearer gm_short", "Basic bGk6eA==", "Bearer gm_" + "x" * 43, "gm_", ""],
)
def test_a_bad_token_is_not_made_good_by_a_cookie(client, officer, sent):
    settle(client)
    answer = client.get("/api/v1/lenses", headers={"Authorization": sent})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert client.get("/api/v1/lenses").status_code == 200


def test_a_token_may_not_change_the_password_of_its_account(client, url):
    ask = {"Authorization": f"Bearer {token_of(url)}", "Accept": "application/json"}
    answer = client.post("/password", data={"new": OTHER, "again": OTHER}, headers=ask)
    assert answer.status_code == 401


def test_the_rights_of_the_role_decide_on_the_counts(url):
    with signed_client(url, name="p", role=Role.PLANNER) as client:
        told = client.get("/metrics")
        assert (told.status_code, told.json()["code"]) == (403, "outside_scope")


# --- other sites


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://127.0.0.1"},
        {"Origin": "http://127.0.0.1:81"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Origin": "http://[127"},
        {"Referer": "https://evil.example/http://127.0.0.1/"},
        {"Origin": "https://evil.example", "Referer": SITE + "/"},
    ],
)
def test_a_form_of_another_site_is_refused(client, officer, headers):
    token = form_of(client)
    filled = {"csrf_token": token, "name": "li", "password": GOOD}
    answer = client.post("/sign-in", data=filled, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
    assert client.post("/sign-in", data=filled, headers={"Referer": SITE + "/sign-in"}).is_redirect


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/password", "/api/v1/whatever"])
def test_without_its_token_nothing_is_done(client, url, officer, path):
    settle(client)
    with open_client(url) as other:
        anothers = form_of(other)
    fields = {"name": "li", "password": OTHER, "current": OTHER, "new": GOOD, "again": GOOD}
    for token in ({}, *({"csrf_token": one} for one in ("", "x", anothers))):
        answer = client.post(path, data=fields | token, headers={"Origin": SITE})
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site"), token
        assert client.get("/").status_code == 200, "still signed in, with the same password"


def test_a_form_is_bound_to_its_browser(url, officer):
    """The token of one browser's form is worth nothing in another."""
    with open_client(url) as one, open_client(url) as other:
        token = form_of(one)
        form_of(other)
        answer = other.post(
            "/sign-in",
            data={"csrf_token": token, "name": "li", "password": GOOD},
            headers={"Origin": SITE},
        )
        assert answer.json()["code"] == "cross_site"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_scripts_of_our_pages_bring_the_token_as_a_header(client, officer, method):
    settle(client)
    token = form_of(client, "/account")
    for headers, code in (
        ({"Origin": SITE}, "cross_site"),
        ({"Origin": "https://evil.example", "X-CSRF-Token": token}, "cross_site"),
        ({"Origin": SITE, "X-CSRF-Token": token}, "http"),
    ):
        answer = client.request(method, "/api/v1/locate", headers=headers, json={"a": 1})
        assert answer.json()["code"] == code
    assert answer.status_code == 405, "past the guard"


def test_programs_with_a_token_need_no_form(client, url):
    ask = {"Authorization": f"Bearer {token_of(url)}"}
    assert client.post("/api/v1/locate", headers=ask, json={}).status_code == 405


def test_an_endless_form_is_refused(client):
    form_of(client)
    answer = client.post(
        "/sign-in",
        content=b"name=" + b"a" * 70_000,
        headers={"Origin": SITE, "Content-Type": "application/x-www-form-urlencoded"},
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "input")
    many = "&".join(f"a{n}=1" for n in range(60))
    answer = client.post(
        "/sign-in",
        content=many,
        headers={"Origin": SITE, "Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 422


# --- limits, links, hosts, TLS


def test_too_many_tries_are_429_and_say_when(client, officer):
    for _ in range(BY_NAME.amount):
        enter(client, "nobody", "x")
    page = enter(client, "nobody", "x")
    assert page.status_code == 429
    assert 'role="alert"' in page.text
    token = form_of(client)
    problem = client.post(
        "/sign-in",
        data={"csrf_token": token, "name": "NOBODY", "password": "x"},
        headers={"Origin": SITE, "Accept": "application/json"},
    )
    assert (problem.status_code, problem.json()["code"]) == (429, "too_many_tries")
    assert 1 <= int(problem.headers["Retry-After"]) <= 301
    assert enter(client).status_code == 303, "others may"


def test_a_lock_is_not_told_and_holds(client, officer):
    for _ in range(5):
        answer = enter(client, "li", "wrong password 17")
    assert enter(client, "li", GOOD).status_code == answer.status_code == 403


def link_for(url, name):
    engine = store.connect(url)
    try:
        return "/sign-in/link/" + jobs.one_time_link(engine, name, now=now(), actor=None)
    finally:
        engine.dispose()


def test_looking_at_a_link_does_not_use_it(client, url):
    engine = store.connect(url)
    account(engine)
    engine.dispose()
    path = link_for(url, ADMIN)
    for _ in range(3):
        assert client.get(path).status_code == 200
    assert client.get("/").headers["location"] == "/sign-in"
    assert client.head(path).status_code in (200, 405)
    assert post(client, path).headers["location"] == "/"
    assert client.get("/").status_code == 200
    again = post(client, path)
    assert again.status_code == 403
    assert 'role="alert"' in again.text
    assert client.get("/sign-in/link/short").status_code == 422


def test_a_link_of_another_site_is_refused(client, url):
    engine = store.connect(url)
    account(engine)
    engine.dispose()
    path = link_for(url, ADMIN)
    assert client.post(path, headers={"Origin": SITE}).json()["code"] == "cross_site"
    assert post(client, path, origin="https://evil.example").json()["code"] == "cross_site"
    assert post(client, path).status_code == 303


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}", "'--"]
)
def test_a_hostile_name_is_text(client, name):
    page = enter(client, name, "x", next='/"><script>alert(2)</script>')
    assert "<script" not in page.text
    assert "<img" not in page.text
    assert f'value="{escape(name)}"' in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy, "no script runs at all"
    assert page.headers["x-frame-options"] == "DENY"


def test_a_foreign_next_does_not_lead_away(client, officer):
    assert "evil" not in client.get("/sign-in?next=https://evil.example").text
    assert enter(client, next="//evil.example").headers["location"] == "/"


def test_the_pages_speak_both_languages(client, officer):
    assert 'lang="zh-CN"' in client.get("/sign-in").text
    english = client.get("/sign-in?lang=en&next=/account").text
    assert 'lang="en"' in english
    assert "<h1>Sign in</h1>" in english
    assert "?lang=zh&amp;next=%2Faccount" in english
    assert 'lang="zh-CN"' in client.get("/sign-in?lang=xx").text


def test_on_tls_cookies_are_of_this_host_only(url, officer):
    with open_client(url, site="https://localhost") as client:
        client.headers.update(PAGE)
        answer = enter(client, origin="https://localhost")
        cookies = answer.headers.get_list("set-cookie")
        mine = next(c for c in cookies if c.startswith("__Host-gridmap="))
        for flag in ("HttpOnly", "SameSite=lax", "Path=/", "Secure"):
            assert flag in mine
        assert "Domain" not in mine
        assert client.get("/").headers["location"] == "/password"
        value = client.cookies["__Host-gridmap"]
        client.cookies.clear()
        client.cookies.set("gridmap", value)
        assert client.get("/").headers["location"] == "/sign-in", "a name that others could set"
        assert enter(client, origin="http://localhost").json()["code"] == "cross_site"


def test_only_names_that_are_allowed_are_served(url):
    names = {"allowed_hosts": "map.example,*.office.example"}
    with open_client(url, site="https://map.example", **names) as client:
        assert client.get("/sign-in").status_code == 200
        inside = client.get("/sign-in", headers={"Host": "a.office.example"})
        assert inside.status_code == 200
        for host in ("evil.example", "127.0.0.1", "map.example.evil.example"):
            assert client.get("/health", headers={"Host": host}).status_code == 400
    for wrong in ("", "a b", "a,,b", "evil/x"):
        with pytest.raises(ValueError, match="allowed_hosts"):
            Settings(allowed_hosts=wrong)
    with pytest.raises(ValueError, match="secret"):
        Settings(secret="short")


def test_an_application_does_not_start_for_a_network_without_a_secret(url, tmp_path):
    app = create_app(Settings(database_url=url, host="0.0.0.0", data_dir=tmp_path))
    with pytest.raises(Exception, match="GRIDMAP_SECRET"), open_lifespan(app):
        pass
    assert list(tmp_path.iterdir()) == []
    here = create_app(Settings(database_url=url, data_dir=tmp_path))
    with open_lifespan(here) as client:
        assert client.get("/sign-in").status_code == 200
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def open_lifespan(app):
    return TestClient(app, base_url=SITE)


def test_there_is_no_foreign_door_unless_it_is_set_up(client):
    assert "oidc" not in client.get("/sign-in").text
    assert client.get("/sign-in/oidc").status_code == 404
    assert client.get("/sign-in/oidc/back?code=1&state=2").status_code == 404


def test_the_map_of_a_part_is_of_that_part(toy_url):
    """The page of a grid leader: the grid's name above the grid's figures, and no neighbour."""
    with signed_client(toy_url, name="gl", role=Role.LEADER, ranges=("990101001001001",)) as own:
        text = own.get("/").text
    assert "<h2>第1网格</h2>" in text
    assert "全区" not in text.partition("<main")[0]
    assert "990101001001001" in text
    for beyond in ("990101001001002", "990101001002", "玩具区"):
        assert beyond not in text
    with signed_client(toy_url, name="ld", role=Role.LEADERSHIP) as lead:
        config = lead.get("/").text
    assert '"rows":false' in config.replace(" ", "")
