"""Signing in at a foreign provider: OpenID Connect, by code with PKCE.

Belongs here: what is asked of the provider, and whether its answer is for us, of now, and of this
browser. Does not belong here: whose account it is (``jobs``), the routes (``sign_in``).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from gridmap.errors import InputError, SignInRefused

if TYPE_CHECKING:
    from gridmap.settings import Settings

TIMEOUT_S = 5.0
CLOCKS_APART_S = 30
"""How much the provider's clock may differ from ours."""

ALGORITHMS = ("RS256", "PS256", "ES256")
"""Signatures by a key that only the provider has: neither none, nor one made with our secret."""

_PATH = "/.well-known/openid-configuration"
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Flow:
    """What one sign-in is known by: kept in the browser, signed, until it comes back."""

    state: str
    nonce: str
    verifier: str
    next: str


@dataclass(frozen=True)
class Foreign:
    """Who signed in there: the issuer with the subject, and what they are called."""

    subject: str
    preferred_name: str | None


def new_flow(next_path: str) -> Flow:
    """Return a new sign-in.

    Parameters
    ----------
    next_path
        Where to go after it.

    Returns
    -------
    Flow
        Random.
    """
    return Flow(
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        next=next_path,
    )


class Provider:
    """The provider of the settings."""

    def __init__(self, settings: Settings) -> None:
        if not settings.oidc_issuer or not settings.oidc_client_id:
            raise InputError("GRIDMAP_OIDC_ISSUER and GRIDMAP_OIDC_CLIENT_ID go together")
        self._issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client_id
        self._client_secret = settings.oidc_client_secret

    def address(self, flow: Flow, back: str) -> str:
        """Return where to send the browser.

        Raises
        ------
        SignInRefused
            The provider cannot be reached, or is not the one of the settings.
        """
        with self._session(back) as session:
            places = self._places(session)
            url, _ = session.create_authorization_url(
                places["authorization_endpoint"],
                state=flow.state,
                nonce=flow.nonce,
                code_verifier=flow.verifier,
            )
        return str(url)

    def who(self, flow: Flow, code: str, back: str) -> Foreign:
        """Return who signed in there.

        Raises
        ------
        SignInRefused
            The provider cannot be reached or does not take the code; or what it says is signed by
            another, for another, of another time, or of another browser's sign-in.
        """
        with self._session(back) as session:
            places = self._places(session)
            try:
                answer = session.fetch_token(
                    places["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=flow.verifier,
                    allow_redirects=False,
                )
                keys = KeySet.import_key_set(_json(session, places["jwks_uri"]))
                claims = self._claims(str(answer["id_token"]), keys, flow.nonce)
            except (
                AuthlibBaseError,
                JoseError,
                requests.RequestException,
                KeyError,
                TypeError,
                ValueError,
            ) as error:
                raise SignInRefused("the provider's answer cannot be relied on") from error
        name = claims.get("preferred_username")
        return Foreign(f"{self._issuer} {claims['sub']}", name if isinstance(name, str) else None)

    def _claims(self, token: str, keys: KeySet, nonce: str) -> dict[str, Any]:
        read = jwt.decode(token, keys, algorithms=list(ALGORITHMS))
        options = {
            "iss": {"essential": True, "value": self._issuer},
            "aud": {"essential": True, "value": self._client_id},
            "sub": {"essential": True},
        }
        params = {"nonce": nonce, "client_id": self._client_id}
        claims = CodeIDToken(read.claims, read.header, options, params)
        claims.validate(leeway=CLOCKS_APART_S)
        return dict(claims)

    def _session(self, back: str) -> OAuth2Session:
        session = OAuth2Session(
            self._client_id,
            self._client_secret,
            scope="openid profile",
            redirect_uri=back,
            code_challenge_method="S256",
            default_timeout=TIMEOUT_S,
        )
        session.trust_env = False  # no proxy and no password file decide who may sign in
        return session

    def _places(self, session: OAuth2Session) -> dict[str, str]:
        """Return the addresses of a provider that says it is the one of the settings."""
        try:
            found = _json(session, self._issuer.rstrip("/") + _PATH)
            places = {name: str(found[name]) for name in _ENDPOINTS}
            same = found["issuer"] == self._issuer
        except (requests.RequestException, KeyError, TypeError, ValueError) as error:
            raise SignInRefused("the provider cannot be reached; try again later") from error
        if not same or not all(_is_private(place) for place in places.values()):
            raise SignInRefused("the provider is not as it was set up")
        return places


def _json(session: OAuth2Session, url: str) -> Any:
    # Without a token: requests takes authlib's session for one that has signed in.
    answer = session.request(
        "GET", url, withhold_token=True, timeout=TIMEOUT_S, allow_redirects=False
    )
    answer.raise_for_status()
    return answer.json()


def _is_private(url: str) -> bool:
    """Tell whether nobody on the way can read or change what goes to an address."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
