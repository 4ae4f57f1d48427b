"""Signing in at a foreign provider, against a small one of our own on this machine."""

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from accounts_fixtures import now, open_client, without_accounts
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from gridmap import jobs, store
from gridmap.errors import InputError
from gridmap.model import WHOLE, Role
from gridmap.settings import Settings
from gridmap.web.oidc import Provider

pytestmark = pytest.mark.db

CLIENT, SECRET = "gridmap-here", "a secret of the client"


class FakeProvider:
    """Discovery, keys and tokens; what it says of who signed in can be spoilt."""

    def __init__(self):
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                provider.answer_get(self)

            def do_POST(self):
                provider.answer_post(self)

            def log_message(self, *_args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.key = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})
        self.codes, self.asked = {}, []
        self.discovery, self.claims, self.header, self.sign = {}, {}, {"alg": "RS256"}, self.key
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def answer_get(self, request):
        if request.path == "/.well-known/openid-configuration":
            told = {
                "issuer": self.issuer,
                "authorization_endpoint": self.issuer + "/authorize",
                "token_endpoint": self.issuer + "/token",
                "jwks_uri": self.issuer + "/jwks",
                **self.discovery,
            }
        else:
            told = {"keys": [self.key.as_dict(private=False)]}
        self.say(request, 200, told)

    def answer_post(self, request):
        """Take a code once, from the client that it was given to, with its verifier (PKCE)."""
        body = request.rfile.read(int(request.headers["Content-Length"])).decode()
        sent = {name: values[0] for name, values in parse_qs(body).items()}
        self.asked.append(sent)
        known = self.codes.pop(sent.get("code"), None)
        mine = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        digest = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        good = (
            known is not None
            and request.headers["Authorization"] == f"Basic {mine}"
            and challenge == known["code_challenge"]
            and sent["redirect_uri"] == known["redirect_uri"]
        )
        if not good:
            self.say(request, 400, {"error": "invalid_grant"})
            return
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "person-7",
            "iat": int(time.time()),
            "exp": int(time.time()) + 300,
            "nonce": known["nonce"],
            "preferred_username": "Wu",
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        token = jwt.encode(self.header, claims, self.sign, algorithms=["RS256", "HS256"])
        self.say(request, 200, {"access_token": "x", "token_type": "Bearer", "id_token": token})

    def authorize(self, address):
        """Do what the person does there: agree; return code and state."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert address.startswith(self.issuer + "/authorize?")
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT)
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        return {"code": code, "state": asked["state"]}

    @staticmethod
    def say(request, status, told):
        body = json.dumps(told).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)


@pytest.fixture(scope="module")
def shared_url(new_database):
    return new_database()


@pytest.fixture
def provider():
    provider = FakeProvider()
    yield provider
    provider.close()


@pytest.fixture
def client(shared_url, provider):
    engine = store.connect(without_accounts(shared_url))
    jobs.add_account(
        engine, "wu", role=Role.ADMIN, ranges=WHOLE, now=now(), actor=None, by_oidc=True
    )
    engine.dispose()
    options = {
        "oidc_issuer": provider.issuer,
        "oidc_client_id": CLIENT,
        "oidc_client_secret": SECRET,
    }
    with open_client(shared_url, **options) as client:
        client.headers["Accept"] = "text/html"
        yield client


def go(client, provider, path="/sign-in/oidc"):
    """Go to the provider and agree there; return what the browser brings back."""
    sent = client.get(path)
    assert sent.status_code == 303
    return provider.authorize(sent.headers["location"])


def back(client, brought):
    return client.get("/sign-in/oidc/back", params=brought)


def is_refused(answer):
    return answer.status_code == 403 and 'role="alert"' in answer.text


def test_who_signs_in_there_is_signed_in_here(client, provider):
    assert "/sign-in/oidc" in client.get("/sign-in").text
    answer = back(client, go(client, provider, "/sign-in/oidc?next=/?lang=en"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/?lang=en")
    assert client.get("/").status_code == 200
    assert len(provider.asked[0]["code_verifier"]) >= 43
    page = client.get("/account")
    assert "wu" in page.text
    assert "/password" not in page.text
    provider.claims["preferred_username"] = "renamed"
    assert back(client, go(client, provider)).status_code == 303, "the subject counts"
    provider.claims["sub"] = "person-8"
    provider.claims["preferred_username"] = "wu"
    assert is_refused(back(client, go(client, provider))), "not the name"


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "anothers"},
        {"nonce": None},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another-client"},
        {"aud": ["another-client", "third"]},
        {"aud": None},
        {"aud": [CLIENT, "another-client"]},
        {"azp": "another-client"},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"nbf": 4_000_000_000},
        {"sub": None},
        {"sub": ""},
        {"preferred_username": "nobody"},
        {"preferred_username": {"a": 1}},
        {"preferred_username": None},
    ],
)
def test_what_is_not_for_us_and_of_now_is_refused(client, provider, claims):
    provider.claims = claims
    assert is_refused(back(client, go(client, provider)))
    assert client.get("/").headers["location"] == "/sign-in"


def test_what_another_key_signed_is_refused(client, provider):
    provider.sign = RSAKey.generate_key(2048, {"kid": "k1"})
    assert is_refused(back(client, go(client, provider)))
    # Nor one made with our own secret, which a client may leak.
    provider.header, provider.sign = {"alg": "HS256"}, OctKey.import_key(SECRET)
    assert is_refused(back(client, go(client, provider)))


def test_state_and_browser_must_be_those_that_began(client, provider):
    brought = go(client, provider)
    assert is_refused(back(client, {**brought, "state": "anothers"}))
    assert is_refused(back(client, brought)), "the sign-in ended with the first answer"
    brought = go(client, provider)
    client.cookies.clear()
    assert is_refused(back(client, brought)), "another browser's"
    assert is_refused(back(client, {}))
    brought = go(client, provider)
    assert is_refused(back(client, {"state": brought["state"], "error": "access_denied"}))
    brought = go(client, provider)
    assert is_refused(back(client, {**brought, "iss": "https://evil.example"}))
    brought = go(client, provider)
    assert is_refused(back(client, {**brought, "code": "invented"}))


def test_a_code_is_worth_nothing_without_its_verifier(client, provider):
    """Who steals a code cannot use it in a sign-in of their own: PKCE."""
    stolen = go(client, provider)
    own = go(client, provider)
    assert is_refused(back(client, {"code": stolen["code"], "state": own["state"]}))


def test_a_forged_cookie_begins_nothing(client, provider):
    brought = go(client, provider)
    kept = client.cookies["gridmap-oidc"]
    client.cookies.clear()
    client.cookies.set("gridmap-oidc", kept[:-2] + "AA")
    assert is_refused(back(client, brought))


@pytest.mark.parametrize(
    "discovery",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
def test_a_provider_that_is_not_the_one_set_up_is_refused(client, provider, discovery):
    provider.discovery = discovery
    assert is_refused(client.get("/sign-in/oidc"))


def test_a_provider_that_is_not_there_is_told(client, provider):
    provider.discovery = {"token_endpoint": None}
    brought = None
    assert is_refused(client.get("/sign-in/oidc"))
    provider.discovery = {}
    brought = go(client, provider)
    provider.close()
    assert is_refused(back(client, brought))
    assert is_refused(client.get("/sign-in/oidc"))
    provider.close = lambda: None


def test_the_settings_go_together():
    with pytest.raises(InputError, match="go together"):
        Provider(Settings(oidc_issuer="https://id.example"))
    told = repr(Settings(secret="s" * 32, oidc_client_secret="hidden"))
    assert "hidden" not in told
    assert "ssss" not in told
