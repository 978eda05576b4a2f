"""The OpenID provider over HTTPS: what it says of itself, its keys, and the exchange of a code for an ID token.

Bounded in time and bytes, no redirects, no proxies of the environment. Its description and keys are kept for an hour; a token that names a
key that is not among them has the keys read again, at most once a minute, which is how a provider changes its keys unnoticed.
"""

import base64
import http.client
import json
import ssl
import threading
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import attrs
import jwt

from gateway.access.oidc_rules import key_id_of
from gateway.access.refusals import OidcRefused, OidcUnavailable
from gateway.config import Oidc

__all__ = ["KEPT_MS", "KEYS_APART_MS", "OidcProvider"]

TIMEOUT_S: Final = 10.0
MOST_BYTES: Final = 256 * 1024
MOST_KEYS: Final = 64
KEPT_MS: Final = 3600_000
KEYS_APART_MS: Final = 60_000
ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@attrs.frozen
class _Kept:
    """What the provider said of itself."""

    at_ms: int
    said: dict[str, str]
    keys: tuple[jwt.PyJWK, ...]


class OidcProvider:
    """Safe to use from several threads."""

    def __init__(self, settings: Oidc) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._kept: _Kept | None = None

    def authorization_endpoint(self, *, now_ms: int) -> str:
        """Where browsers are sent.

        Raises:
            OidcUnavailable: it is not known.
        """
        return self._about(now_ms).said["authorization_endpoint"]

    def exchange(self, code: str, *, verifier: str, now_ms: int) -> str:
        """The ID token that *code* stands for.

        Raises:
            OidcRefused: the provider does not accept the code, or gives no ID token.
            OidcUnavailable: it does not answer, or its certificate is not trusted.
        """
        settings = self.settings
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": settings.redirect_uri,
            "code_verifier": verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if settings.client_secret_file:
            pair = f"{quote(settings.client_id, safe='')}:{quote(self._secret(), safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = settings.client_id
        endpoint = self._about(now_ms).said["token_endpoint"]
        status, body = self._ask("POST", endpoint, urlencode(form).encode(), headers)
        if 400 <= status < 500:
            raise OidcRefused(f"the provider does not accept the code: {_word(body)}")
        token = _object(status, body, endpoint).get("id_token")
        if not isinstance(token, str):
            raise OidcRefused("the provider gave no ID token")
        return token

    def key_of(self, token: str, *, now_ms: int) -> jwt.PyJWK:
        """The provider's key that is said to have signed *token*.

        Raises:
            OidcRefused: it has no such key.
            OidcUnavailable: its keys can't be read.
        """
        key_id = key_id_of(token)
        about = self._about(now_ms)
        found = _matching(about.keys, key_id)
        if found is None and now_ms - about.at_ms >= KEYS_APART_MS:
            found = _matching(self._about(now_ms, no_older_ms=KEYS_APART_MS).keys, key_id)
        if found is None:
            raise OidcRefused("the ID token is signed by a key that is none of the provider's")
        return found

    def _about(self, now_ms: int, *, no_older_ms: int = KEPT_MS) -> _Kept:
        with self._lock:
            if self._kept is None or now_ms - self._kept.at_ms >= no_older_ms:
                self._kept = self._read(now_ms)
            return self._kept

    def _read(self, now_ms: int) -> _Kept:
        url = self.settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
        document = _object(*self._ask("GET", url), url)
        if document.get("issuer") != self.settings.issuer:
            raise OidcUnavailable(f"{url} is of another issuer")
        said = {name: document.get(name) for name in ENDPOINTS}
        checked = {
            name: value
            for name, value in said.items()
            if isinstance(value, str) and value.startswith("https://")
        }
        if len(checked) < len(ENDPOINTS):
            raise OidcUnavailable(f"{url} does not name all of {', '.join(ENDPOINTS)} by https")
        where = checked["jwks_uri"]
        listed = _object(*self._ask("GET", where), where).get("keys")
        if not isinstance(listed, list) or len(listed) > MOST_KEYS:
            raise OidcUnavailable(f"{where} is no list of at most {MOST_KEYS} keys")
        return _Kept(now_ms, checked, tuple(key for each in listed if (key := _key(each)) is not None))

    def _secret(self) -> str:
        path = self.settings.client_secret_file
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise OidcUnavailable(f"{path}: the client's secret can't be read: {error}") from None

    def _ask(
        self, method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        parts = urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            tls = ssl.create_default_context(cafile=self.settings.ca or None)
            connection = http.client.HTTPSConnection(
                parts.hostname or "", parts.port or 443, timeout=TIMEOUT_S, context=tls
            )
            try:
                asked = {"Accept": "application/json", "User-Agent": "fieldgate", **(headers or {})}
                connection.request(method, path, body, asked)
                answer = connection.getresponse()
                said = answer.read(MOST_BYTES + 1)
            finally:
                connection.close()
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise OidcUnavailable(f"{parts.hostname}: {error or type(error).__name__}") from None
        if len(said) > MOST_BYTES:
            raise OidcUnavailable(f"{parts.hostname}: an answer of more than {MOST_BYTES} bytes")
        return answer.status, said


def _object(status: int, body: bytes, url: str) -> dict[str, Any]:
    if status != 200:
        raise OidcUnavailable(f"{url} answered {status}")
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise OidcUnavailable(f"{url} did not answer with an object of JSON")
    return said


def _word(body: bytes) -> str:
    """The error that an answer names, if it is a word of the RFC's form."""
    try:
        said = json.loads(body)["error"]
    except (ValueError, RecursionError, LookupError, TypeError):
        return "it does not say why"
    return said if isinstance(said, str) and said.isidentifier() and len(said) < 64 else "it does not say why"


def _key(said: object) -> jwt.PyJWK | None:
    """A key that can verify signatures; one of a kind that is not known here is passed over."""
    if not isinstance(said, dict) or said.get("use", "sig") != "sig" or said.get("kty") == "oct":
        return None
    try:
        return jwt.PyJWK.from_dict(said)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None


def _matching(keys: tuple[jwt.PyJWK, ...], key_id: str | None) -> jwt.PyJWK | None:
    """The key of that id; without an id, the only one."""
    if key_id is None:
        return keys[0] if len(keys) == 1 else None
    return next((key for key in keys if key.key_id == key_id), None)
