"""Headers with the key of an account, or with an access token that was obtained with it."""

import base64
import json
import threading
import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import httpx2
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from adapters.hosted.errors import TokenError
from adapters.hosted.timed_network import TimedNetwork, use_network
from adapters.proxies import is_loopback
from manifests.hosted.wire import KeyRule

ADOBE_URL = "https://ims-na1.adobelogin.com/ims/token/v3"
ADOBE_SCOPE = "openid,AdobeID,firefly_api,ff_apis"
GOOGLE_URL = "https://oauth2.googleapis.com/token"
GOOGLE_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GOOGLE_HOST = ".googleapis.com"
EARLY_S = 300.0
"""A token is replaced this long before it expires."""
TIMEOUT_S = 20.0
MAX_ANSWER = 100_000


class _Token(NamedTuple):
    text: str
    expires_at: float


class AccountKey:
    """The key of one account; threads may share it. Neither its repr nor its errors contain the key.

    Args:
        key: with ``adobe``, the client's secret; with ``google``, the JSON of a service account.
        fields: fields of the account; with ``adobe``, ``client_id``. ``token_url`` replaces the address of the tokens.
    """

    def __init__(self, rule: KeyRule, key: str, fields: Mapping[str, str]) -> None:
        self._rule = rule
        self._key = key
        self._fields = fields
        self._token: _Token | None = None
        self._lock = threading.Lock()

    def headers(self) -> dict[str, str]:
        """Return the headers that carry the key; none if there is no key.

        Raises:
            TokenError: no token can be obtained.
        """
        if not self._key:
            return {}
        value = self._key.strip() if self._rule.token == "none" else self._current()  # noqa: S105 - not a password
        named = {name: form.format_map(_Fields(self._fields)) for name, form in self._rule.also.items()}
        return {self._rule.header: self._rule.form.replace("{key}", value), **named}

    def forget_token(self) -> bool:
        """Drop the token, because the provider did not accept it; return whether there was one."""
        with self._lock:
            had, self._token = self._token is not None, None
        return had

    def _current(self) -> str:
        with self._lock:
            if self._token is None or time.time() > self._token.expires_at - EARLY_S:
                self._token = _adobe(self._key, self._fields) if self._rule.token == "adobe" else self._google()  # noqa: S105
            return self._token.text

    def _google(self) -> _Token:
        return _google(self._key, self._fields.get("token_url", ""))


class _Fields(dict[str, str]):
    """Fields of an account; missing ones are empty, and the provider then refuses the request and names them."""

    def __missing__(self, _name: str) -> str:
        return ""


def _adobe(secret: str, fields: Mapping[str, str]) -> _Token:
    form = {
        "grant_type": "client_credentials",
        "client_id": fields.get("client_id", ""),
        "client_secret": secret.strip(),
        "scope": fields.get("scope", ADOBE_SCOPE),
    }
    return _obtain(fields.get("token_url", ADOBE_URL), form)


def _google(key_file: str, token_url: str) -> _Token:
    """Return a token for a service account by a signed assertion (RFC 7523)."""
    try:
        account: dict[str, Any] = json.loads(key_file)
        private = load_pem_private_key(account["private_key"].encode(), None)
        email, url = str(account["client_email"]), token_url or str(account.get("token_uri") or GOOGLE_URL)
        assert isinstance(private, RSAPrivateKey)
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError, UnsupportedAlgorithm):
        raise TokenError(
            "The key is not the JSON file of a Google service account. Download one in the Google Cloud console, "
            "under IAM, Service accounts, Keys.",
            is_refused=True,
        ) from None
    if not token_url and not (urlsplit(url).hostname or "").endswith(GOOGLE_HOST):
        raise TokenError(
            "The token_uri in the service account's file is not a Google address. Download a new key file.",
            is_refused=True,
        )
    now = int(time.time())
    claims = {"iss": email, "scope": GOOGLE_SCOPE, "aud": url, "iat": now, "exp": now + 3600}
    signed = f"{_encoded({'alg': 'RS256', 'typ': 'JWT'})}.{_encoded(claims)}"
    signature = private.sign(signed.encode(), PKCS1v15(), hashes.SHA256())
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": f"{signed}.{_base64(signature)}",
    }
    return _obtain(url, form)


def _encoded(part: Mapping[str, Any]) -> str:
    return _base64(json.dumps(part, separators=(",", ":")).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _obtain(url: str, form: Mapping[str, str]) -> _Token:
    """Return the token in the answer to a form, which costs nothing and may be sent again."""
    host = urlsplit(url).hostname or "the token server"
    if not url.startswith("https://") and not is_loopback(url):
        raise TokenError("The address of the token server must begin with https://.", is_refused=True)
    try:
        status, content = _posted(url, urlencode(form).encode())
    except httpx2.HTTPError as error:
        raise TokenError(f"{host} does not answer ({type(error).__name__}).", is_refused=False) from None
    if status in (400, 401, 403):
        raise TokenError(f"{host} refused the key ({status}).", is_refused=True)
    try:
        body = json.loads(content) if status == 200 else {}
        return _Token(str(body["access_token"]), time.time() + float(body.get("expires_in", 600)))
    except (ValueError, KeyError, TypeError):
        raise TokenError(f"{host} returned no token ({status}).", is_refused=False) from None


def _posted(url: str, form: bytes) -> tuple[int, bytes]:
    """Return status and body of the answer to a form. All threads wait for a token, so that it has a time limit."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept-Encoding": "identity"}
    network, content = TimedNetwork(), bytearray()
    network.begin(TIMEOUT_S)
    with httpx2.Client(timeout=TIMEOUT_S, trust_env=not is_loopback(url), follow_redirects=False) as client:
        use_network(client, network)
        with client.stream("POST", url, content=form, headers=headers) as answer:
            for chunk in answer.iter_bytes():
                content += chunk
                if len(content) > MAX_ANSWER:
                    break
            return answer.status_code, bytes(content)
